//! The client's core as its user sees it: finds out the server's dialect, posts lines, reports their outcomes.
//!
//! Owns: which address is tried and which dialect it speaks (`finding`), the lines that wait until that is known, when a
//! script's patience ends, what the user is told (`hear`, `event`). The dialects are in [`text`] and [`member`].
//! Must not know: sockets, clocks, terminals, how a line is shown.
//! Driven by: `net` for `join`, `send` and `ping`:
//!
//! 1. `handle_*`, [`Client::say`] and the like, [`Client::finish`] as things happen;
//! 2. [`Client::poll_event`] until it has none, and [`Client::poll_entry`] as long as the user takes more;
//! 3. [`Client::poll_transmit`] and [`Client::transmitted`] as long as the socket accepts datagrams;
//! 4. [`Client::poll_timeout`] for the next deadline;
//! 5. [`Client::leave`] at the end, and the same until [`Client::is_gone`].
//!
//! ```text
//!            token          answer            welcome
//!   finding -------> hello --------> finish ----------> session
//!    |   |  text, and no token within as long again
//!    |   +---------------------------------------------> text      not with --secure, nor if the key is known
//!    +--> next address, or over
//! ```

mod config;
pub mod contacts;
mod event;
mod finding;
mod hear;
mod history;
mod letters;
mod lines;
pub mod member;
pub mod outbox;
mod patience;
pub mod presence;
mod receipts;
pub mod search;
pub mod seen;
mod storing;
pub mod text;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

pub use config::{Config, Identity};
pub use event::{
    Away, Dialect, Event, LABEL_MAX, Label, NoPage, NotWritten, Over, Person, Private, Room, Said, Trust, Unknown,
    Unreachable,
};
pub use history::{FETCHES_MAX, TooMany};
pub use lines::Recipient;

use crate::time::Instant;
use crate::wire::frame::PostKind;
use crate::wire::{LogId, Nick, Seq};
use finding::{Asking, Finding};
use history::History;
use letters::Questions;
use lines::Line;
use member::Member;

/// The number of queued and unsettled lines from which on the client wants no more: a window in flight, and another one.
const LINES_MAX: usize = 128;

#[derive(Debug)]
enum State {
    Finding(Box<Finding>),
    Session(Box<Member>),
    Text(Box<text::Client>),
    Over,
}

/// One client; see the module.
#[derive(Debug)]
pub struct Client {
    config: Config,
    now: Instant,
    state: State,
    /// The index of the server's address.
    server: usize,
    /// Lines that wait until the dialect is known, or for their turn.
    held: VecDeque<Line>,
    questions: Questions,
    history: History,
    confirmed: u64,
    not_taken: u64,
    lost: u64,
    /// Whether there has been a session.
    has_joined: bool,
    /// Whether the server has gone away since.
    is_away: bool,
    /// Whether the user was told that the server is quiet.
    is_quiet: bool,
    /// The number behind the last entry that the user has taken, and the number up to which the user is to see entries.
    shown_to: Seq,
    to_be_shown: Seq,
    /// The log of the entries that come in, and the log of those that the user has taken.
    log: Option<LogId>,
    shown_log: Option<LogId>,
    /// When something that the client waits for last made progress.
    progress: Instant,
    /// When the last session began, and since when there is none.
    here_since: Instant,
    away_since: Option<Instant>,
    /// Whether to ask who is here as soon as there is a server to ask; and whether the answer has yet to come.
    asks: bool,
    awaits_people: bool,
    /// Whether an answer to [`Client::list`] is awaited.
    awaits_records: bool,
    /// Whether that is about whose private messages the user does not take.
    lists_blocks: bool,
    /// Whether no more lines will come.
    ends: bool,
    is_leaving: bool,
    events: VecDeque<Event>,
    /// Entries and lines of the room, until the user takes them.
    entries: VecDeque<Event>,
    /// How many of these say that there is another log.
    new_logs: usize,
}

impl Client {
    /// Creates a client that begins to look for its server.
    ///
    /// # Panics
    /// If `config` has no address.
    pub fn new(now: Instant, config: Config) -> Self {
        assert!(!config.servers.is_empty(), "a client needs an address to look at");
        let state = State::Finding(Box::new(Finding::new(now, &config, 0)));
        Self {
            config,
            now,
            state,
            server: 0,
            held: VecDeque::new(),
            questions: Questions::default(),
            history: History::default(),
            confirmed: 0,
            not_taken: 0,
            lost: 0,
            shown_to: Seq(0),
            to_be_shown: Seq(0),
            log: None,
            shown_log: None,
            has_joined: false,
            is_away: false,
            is_quiet: false,
            progress: now,
            here_since: now,
            away_since: None,
            asks: false,
            awaits_people: false,
            awaits_records: false,
            lists_blocks: false,
            ends: false,
            is_leaving: false,
            events: VecDeque::new(),
            entries: VecDeque::new(),
            new_logs: 0,
        }
    }

    /// Returns the address that datagrams go to and are accepted from.
    pub fn server(&self) -> SocketAddr {
        match &self.state {
            State::Text(text) => text.server(),
            State::Finding(_) | State::Session(_) | State::Over => self.config.servers[self.server],
        }
    }

    /// Returns how long the client waits for the outcome of a line.
    pub const fn timeout(&self) -> Duration {
        self.config.timeout
    }

    /// Returns whether the server has answered and is not known to be away.
    pub fn is_here(&self) -> bool {
        match &self.state {
            State::Text(text) => text.is_here(),
            State::Session(member) => member.is_here(),
            State::Finding(_) | State::Over => false,
        }
    }

    /// Returns whether the client speaks text.
    pub const fn is_text(&self) -> bool {
        matches!(self.state, State::Text(_)) || self.config.identity.is_none()
    }

    /// Returns whether an unconfirmed line is news: the server is known to confirm or refuse lines.
    pub fn tells_of_lines(&self) -> bool {
        match &self.state {
            State::Text(text) => text.returns_lines(),
            State::Finding(_) | State::Session(_) | State::Over => true,
        }
    }

    /// Returns whether nothing is left to do after [`Client::finish`]: no outcome, answer or entry is awaited any more.
    pub fn is_done(&self) -> bool {
        match &self.state {
            State::Text(text) => text.is_done(),
            State::Session(_) => {
                self.ends
                    && self.outstanding() == 0
                    && !self.awaits_people
                    && !self.awaits_records
                    && !self.questions.are_open()
                    && !self.history.is_wanted()
                    && !self.is_watching()
                    && self.shown_to >= self.to_be_shown
            }
            State::Finding(_) | State::Over => false,
        }
    }

    /// Returns whether the server was told that the client leaves, or cannot be told.
    pub fn is_gone(&self) -> bool {
        self.is_leaving && !matches!(&self.state, State::Session(member) if !member.is_over())
    }

    /// Returns the number of lines that wait or have no outcome yet.
    pub fn outstanding(&self) -> usize {
        let under_way = match &self.state {
            State::Text(text) => text.outstanding(),
            State::Session(member) => member.outstanding(),
            State::Finding(_) | State::Over => 0,
        };
        self.held.len() + under_way
    }

    /// Returns the number of lines that are in the log, or came back.
    pub fn confirmed(&self) -> u64 {
        if let State::Text(text) = &self.state { text.confirmed() } else { self.confirmed }
    }

    /// Returns the number of lines that the server refused.
    pub const fn not_taken(&self) -> u64 {
        self.not_taken
    }

    /// Returns the number of lines that were given up.
    pub fn lost(&self) -> u64 {
        if let State::Text(text) = &self.state { text.lost() + self.lost } else { self.lost }
    }

    /// Returns whether the client wants more lines; it keeps those given all the same.
    pub fn wants_lines(&self) -> bool {
        match &self.state {
            State::Text(text) => text.wants_lines(),
            State::Finding(_) | State::Session(_) | State::Over => self.outstanding() < LINES_MAX,
        }
    }

    /// Returns the client's nick.
    pub fn nick(&self) -> &Nick {
        if let State::Session(member) = &self.state { member.nick() } else { &self.config.nick }
    }

    /// Posts `line` as soon as possible. Returns into how many pieces it is cut.
    pub fn say(&mut self, now: Instant, line: &str) -> usize {
        self.post(now, PostKind::Say, line, None)
    }

    /// Asks what the room knows of who may do what, once there is a session; [`Event::Records`] has the answer.
    pub fn list(&mut self, now: Instant) {
        self.pass_time(now);
        if self.outstanding() == 0 {
            self.progress = now;
        }
        (self.awaits_records, self.lists_blocks) = (true, false);
        if let State::Session(member) = &mut self.state {
            member.list(now);
        }
    }

    /// Asks who is here, once there is a server; [`Event::People`] has the answer, [`Event::NoPeople`] says there is none.
    pub fn ask(&mut self, now: Instant) {
        self.pass_time(now);
        match &self.state {
            State::Session(_) => self.ask_member(),
            State::Text(_) => self.events.push_back(Event::NoPeople { in_text: true }),
            State::Finding(_) => self.asks = true,
            State::Over => {}
        }
    }

    fn ask_member(&mut self) {
        if !self.awaits_people && self.outstanding() == 0 {
            self.progress = self.now;
        }
        if let State::Session(member) = &mut self.state {
            member.ask(self.now);
            self.awaits_people = true;
        }
    }

    /// Returns whether others are to see that the client is here; only then does it matter what they post.
    fn is_present(&self) -> bool {
        self.config.identity.as_ref().is_some_and(|identity| identity.present)
    }

    /// Pings the server; [`Event::Pong`] reports the answer. The stamp is not 0. In the text dialect the ping is one more
    /// signup, without a nick, and its announcement is the answer.
    pub fn ping(&mut self, now: Instant, stamp: u64) {
        match &mut self.state {
            State::Session(member) => member.ping(now, stamp),
            State::Text(text) => text.ping(),
            State::Finding(_) | State::Over => {}
        }
    }

    /// Declares that no more lines will come. Those that there are have the timeout from now on, or from the last outcome of
    /// one.
    pub fn finish(&mut self, now: Instant) {
        self.pass_time(now);
        if !std::mem::replace(&mut self.ends, true) {
            self.progress = now;
        }
        if let State::Text(text) = &mut self.state {
            text.finish(now);
        }
    }

    /// Says goodbye to the server, if the dialect can; [`Client::is_gone`] tells when that is done.
    pub fn leave(&mut self, now: Instant) {
        self.pass_time(now);
        self.is_leaving = true;
        if let State::Session(member) = &mut self.state {
            member.leave(now);
        }
    }

    /// Handles a datagram. Ignores those from other addresses than the server's, and malformed ones.
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        self.pass_time(now);
        match &mut self.state {
            State::Text(text) => text.handle_datagram(now, from, bytes),
            State::Session(member) => member.handle_datagram(now, from, bytes),
            State::Finding(finding) if from == self.config.servers[self.server] => finding.take(now, from, bytes),
            State::Finding(_) | State::Over => {}
        }
        self.absorb();
    }

    /// Handles the system's report that nothing gets through to the server.
    pub fn handle_unreachable(&mut self, now: Instant, why: Unreachable) {
        self.pass_time(now);
        match &mut self.state {
            State::Text(text) => text.handle_unreachable(now, why),
            State::Session(member) => member.handle_refused(now),
            // The report may concern one datagram only, and others get through.
            State::Finding(finding) if why == Unreachable::TooLong && self.config.identity.is_some() => {
                finding.hint = Some(why);
            }
            State::Finding(_) => self.try_next(why),
            State::Over => {}
        }
        self.absorb();
    }

    /// Handles the deadline that has passed; afterwards [`Client::poll_timeout`] is later than `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.pass_time(now);
        match &mut self.state {
            State::Text(text) => text.handle_timeout(now),
            State::Session(member) => member.handle_timeout(now),
            State::Finding(finding) => {
                match &mut finding.asking {
                    Asking::Session(member) => member.handle_timeout(now),
                    Asking::Text(text) => text.handle_timeout(now),
                }
                self.search(now);
            }
            State::Over => {}
        }
        self.absorb();
        if self.answer_ends().is_some_and(|at| at <= now) {
            self.give_up_asking();
        }
        if self.fetch_ends().is_some_and(|at| at <= now) {
            self.give_up_fetch();
        }
        if self.patience_ends().is_some_and(|at| at <= now) {
            self.give_up();
        }
    }

    /// Returns the next event for the user; to be called after each `handle_*` until there is none.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Returns the next entry or line of the room. While the user takes none, the server sends no more entries of a session,
    /// and nothing else stops; in the text dialect there is no back-pressure.
    #[must_use]
    pub fn poll_entry(&mut self) -> Option<Event> {
        let entry = self.entries.pop_front()?;
        if let (Event::Entry { .. } | Event::Private(_) | Event::Gap { .. }, State::Session(member)) =
            (&entry, &mut self.state)
        {
            member.taken();
        }
        self.new_logs -= usize::from(entry == Event::AnotherLog);
        if let Some(end) = entry.end() {
            self.shown_to = end;
        } else if let Event::Begins { log, from, .. } = entry {
            self.shown_log = Some(log);
            self.shown_to = from;
        }
        Some(entry)
    }

    /// Returns the user's place: the log, and the number behind the last entry taken. To be stored for the next visit.
    pub fn place(&self) -> Option<(LogId, Seq)> {
        self.shown_log.map(|log| (log, self.shown_to))
    }

    /// Returns since when the server of a session has left an ack-eliciting packet unanswered.
    pub fn unanswered(&self) -> Option<Instant> {
        if let State::Session(member) = &self.state { member.unanswered() } else { None }
    }

    /// Returns whether the room has sent something that the user has not taken.
    pub fn has_entries(&self) -> bool {
        !self.entries.is_empty()
    }

    /// Returns the next datagram for [`Client::server`]; it stays until [`Client::transmitted`].
    #[must_use]
    pub fn poll_transmit(&mut self) -> Option<&[u8]> {
        match &mut self.state {
            State::Text(text) => text.poll_transmit(),
            State::Session(member) => member.poll_transmit(),
            State::Finding(finding) => match &mut finding.asking {
                Asking::Session(member) => member.poll_transmit(),
                Asking::Text(text) => text.poll_transmit(),
            },
            State::Over => None,
        }
    }

    /// Records that the socket has accepted the datagram of [`Client::poll_transmit`].
    pub fn transmitted(&mut self, now: Instant) {
        self.pass_time(now);
        match &mut self.state {
            State::Text(text) => text.transmitted(now),
            State::Session(member) => member.transmitted(now),
            State::Finding(finding) => match &mut finding.asking {
                Asking::Session(member) => member.transmitted(now),
                Asking::Text(text) => text.transmitted(now),
            },
            State::Over => {}
        }
    }

    /// Returns when [`Client::handle_timeout`] is to be called, if ever.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let state = match &self.state {
            State::Text(text) => text.poll_timeout(),
            State::Session(member) => member.poll_timeout(),
            State::Finding(finding) => {
                let asking = match &finding.asking {
                    Asking::Session(member) => member.poll_timeout(),
                    Asking::Text(text) => text.poll_timeout(),
                };
                [finding.token_wait, Some(self.address_deadline(finding)), asking].into_iter().flatten().min()
            }
            State::Over => None,
        };
        [state, self.patience_ends(), self.answer_ends(), self.fetch_ends()].into_iter().flatten().min()
    }

    fn pass_time(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }
}

#[cfg(test)]
mod tests;
