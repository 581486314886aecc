//! The client of the session protocol: each of its posts arrives once, and it shows each entry once and in order.
//!
//! Owns: the session with the server and attempts at one (`attempt`), everything that arrives (`hear`), unsettled posts
//! (`posts`), the view of the log (`view`).
//! Must not know: sockets, clocks, terminals, how an entry is shown.
//! Driven by: `client`, `sim` and the tests:
//!
//! 1. `handle_*`, [`Member::post`], [`Member::leave`] as things happen;
//! 2. [`Member::poll_event`] until it has none;
//! 3. [`Member::poll_transmit`] and [`Member::transmitted`] as long as the socket accepts datagrams;
//! 4. [`Member::poll_timeout`] for the next deadline.
//!
//! ```text
//!   attempt: seeking -> greeting -> finishing --first packet--> session (the old one is dropped)
//!      ^                                                          | unknown: an attempt beside it
//!      +----------------------------------------------------------+ 60 s of silence: an attempt, and away
//!                                                                 | leave: bye until it is answered
//! ```

mod attempt;
mod hear;
mod letters;
mod marks;
mod outbox;
mod posts;
mod questions;
mod reading;
mod receipts;
mod view;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use super::config::Identity;
use super::event::{Away, Event, Over, Unknown};
use crate::session::{Again, Entropy, PublicKey, Session, Transport};
use crate::time::Instant;
use crate::wire::frame::{Frame, PostKind, Writer};
use crate::wire::packet::{self, Datagram};
use crate::wire::{CloseReason, LogId, Nick, Seq, SessionId};
use attempt::Attempt;
use letters::Letters;
use marks::Marks;
use posts::{Carried, Posts};
use questions::{Asked, Questions};
use view::View;

/// How often the client sends *bye* before it leaves without an answer (PROTOCOL 2.11).
const BYES: u32 = 3;

/// The server counts as quiet when it has left an ack-eliciting packet unanswered for this long. Chosen: several probe timeouts
/// of any usual path; soon enough for a user who waits.
const QUIET_AFTER: Duration = Duration::from_secs(5);

/// The pause before the first attempt at a session after one that ended, randomly up to a quarter shorter or longer; each
/// further pause is twice as long, up to the longest (PROTOCOL 2.4). Chosen: nobody notices the first; an attacker who ends
/// sessions as fast as they begin gains little.
const COMEBACK: Duration = Duration::from_millis(100);
const COMEBACK_MAX: Duration = Duration::from_secs(15);

/// A session that stood this long was of use: the pauses start over after it (PROTOCOL 2.4).
pub(super) const STOOD: Duration = Duration::from_secs(10);

/// The server's address, and who the client is there.
#[derive(Clone, Debug)]
struct Ends {
    server: SocketAddr,
    nick: Nick,
    identity: Identity,
}

/// The contents of a packet that have to be sent again if it is lost.
#[derive(Clone, Copy, Debug, Default)]
struct Cargo {
    posts: Carried,
    /// Whether it tells the server that the client accepts more entries.
    takes: bool,
    /// Whether it tells the server how far the user has read.
    reads: bool,
}

#[derive(Debug)]
struct Link {
    id: SessionId,
    session: Session<SocketAddr, Cargo>,
    /// Whether *welcome* has come.
    welcomed: bool,
    /// When the session began.
    since: Instant,
    /// The counter of the first post made in this session. *Welcome* has told whether the server knows the renames before it.
    first_post: u64,
    /// The client's nick in this session, once *welcome* has come.
    nick: Option<Nick>,
    /// When the server was last heard before it became quiet, while it is.
    quiet: Option<Instant>,
}

/// One client; see the module.
#[derive(Debug)]
pub struct Member {
    ends: Ends,
    entropy: Entropy,
    now: Instant,
    attempt: Option<Attempt>,
    /// When the server last knocked.
    knocked: Option<Instant>,
    /// Attempts in a row since a session last stood for [`STOOD`].
    comebacks: u32,
    /// Whether the server answered a hello with another token.
    are_tokens_refused: bool,
    link: Option<Link>,
    /// The key of the server that the attempt or the session is with.
    server: Option<PublicKey>,
    view: View,
    posts: Posts,
    letters: Letters,
    /// Whether the client accepts more entries than the server knows.
    takes: bool,
    questions: Questions,
    marks: Marks,
    events: VecDeque<Event>,
    /// The datagram that was built and that the socket has not accepted yet, and whether it is the attempt's.
    out: Vec<u8>,
    out_is_attempts: bool,
    /// How often *bye* was sent, and when to send it next; set while the client is leaving.
    leaving: Option<(u32, Instant)>,
    over: bool,
}

impl Member {
    /// Creates a client that begins to look for a server at this address, and asks for this nick.
    pub fn new(now: Instant, server: SocketAddr, nick: Nick, identity: Identity) -> Self {
        let ends = Ends { server, nick, identity };
        Self {
            entropy: Entropy::new(ends.identity.seed),
            now,
            attempt: Some(Attempt::new(now, &ends)),
            knocked: None,
            comebacks: 0,
            are_tokens_refused: false,
            link: None,
            server: None,
            view: View::at(ends.identity.place, ends.identity.takes),
            posts: ends.identity.outbox.as_ref().map_or_else(|| Posts::new(ends.identity.repeats), Posts::load),
            letters: Letters::new(ends.identity.seen.clone(), ends.identity.outbox.as_ref()),
            takes: false,
            questions: Questions::default(),
            marks: Marks::default(),
            events: VecDeque::new(),
            out: Vec::new(),
            out_is_attempts: false,
            leaving: None,
            over: false,
            ends,
        }
    }

    /// Returns the address that datagrams go to and are accepted from.
    pub const fn server(&self) -> SocketAddr {
        self.ends.server
    }

    /// Returns whether there is a session.
    pub const fn is_here(&self) -> bool {
        self.link.is_some()
    }

    /// Returns whether the next datagram may cost public-key work.
    pub fn is_shaking(&self) -> bool {
        self.attempt.as_ref().is_some_and(Attempt::is_shaking)
    }

    /// Returns whether no token has come, and there is no session.
    pub fn is_seeking(&self) -> bool {
        self.link.is_none() && self.attempt.as_ref().is_some_and(Attempt::is_seeking)
    }

    /// Returns whether the server answered a hello with another token: the hello arrived, and its token was rejected.
    pub const fn are_tokens_refused(&self) -> bool {
        self.are_tokens_refused
    }

    /// Returns the client's keys of the session with this id, for the laboratory to read the packets that the client is sent.
    pub fn keys(&self, session: SessionId) -> Option<Transport> {
        self.session_named(session).map(Session::keys)
    }

    /// Lets the session be as old as one in which the client has sent so many packets.
    #[cfg(feature = "adversary")]
    pub fn age(&mut self, packets: u64) {
        if let Some(link) = &mut self.link {
            link.session.age(packets);
        }
    }

    /// Returns since when the server has left an ack-eliciting packet unanswered; [`Instant::ZERO`] while there is no session.
    pub fn unanswered(&self) -> Option<Instant> {
        self.link.as_ref().map_or(Some(Instant::ZERO), |link| link.session.unanswered())
    }

    /// Returns whether nothing more will happen.
    pub const fn is_over(&self) -> bool {
        self.over
    }

    /// Returns the number of posts whose outcome is unknown.
    pub fn outstanding(&self) -> usize {
        self.posts.unsettled()
    }

    /// Gives up all unsettled posts, for nobody waits for them any more; [`Event::Lost`] reports each.
    pub fn give_up(&mut self, why: Unknown) {
        self.posts.give_up(why, &mut self.events);
    }

    /// Returns the log and the next wanted number, if the log is known, to be stored for the next visit.
    pub fn place(&self) -> Option<(LogId, Seq)> {
        self.view.place()
    }

    /// Posts `text` as soon as possible, and returns its counter. It has to be a text as defined by
    /// [`crate::wire::entry::is_text`] or, in a rename, a nick.
    pub fn post(&mut self, now: Instant, kind: PostKind, text: &str) -> u64 {
        self.now = self.now.max(now);
        self.posts.push(kind, text)
    }

    /// Returns the client's nick; it changes when a [`PostKind::Rename`] is accepted.
    pub const fn nick(&self) -> &Nick {
        &self.ends.nick
    }

    /// Asks who is here; [`Event::People`] has the answer.
    pub fn ask(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.questions.people = Some(Asked::new(now, None));
    }

    /// Asks what the room knows of who may do what; [`Event::Records`] has the answer.
    pub fn list(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.questions.records = Some(Asked::new(now, None));
    }

    /// Pings the server; [`Event::Pong`] reports the answer. The stamp is not 0. Does nothing if there is no session.
    pub fn ping(&mut self, now: Instant, stamp: u64) {
        self.now = self.now.max(now);
        if let Some(link) = &mut self.link {
            link.session.ping(stamp);
        }
    }

    /// Handles the system's report that nothing listens at the server's address. Anybody can forge that: the session stands,
    /// but the client looks whether there is another server by now.
    pub fn handle_refused(&mut self, now: Instant) {
        self.now = self.now.max(now);
        if self.link.is_some() && self.leaving.is_none() {
            self.seek();
        }
    }

    /// Says goodbye to the server; [`Event::Over`] reports when the client is gone.
    pub fn leave(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.attempt = None;
        if self.link.is_none() {
            self.end(Over::Closed(CloseReason::Left));
        } else {
            self.leaving.get_or_insert((0, now));
        }
    }

    /// Handles a datagram. Ignores those from other addresses than the server's, and malformed ones.
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        self.now = self.now.max(now);
        if from != self.ends.server || self.over {
            return;
        }
        if !packet::is_session(bytes) {
            self.handle_text(bytes);
            return;
        }
        match packet::parse(bytes) {
            Some(Datagram::Packet { receiver, number, sealed }) => self.handle_packet(receiver, number, sealed),
            Some(Datagram::Unknown { id, number }) => self.handle_unknown(id, number),
            Some(Datagram::Knock) => self.handle_knock(),
            Some(datagram) => self.handle_handshake(&datagram),
            None => {}
        }
    }

    /// Handles the deadline that has passed; afterwards [`Member::poll_timeout`] is later than `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = self.now.max(now);
        if let Some(attempt) = &mut self.attempt {
            attempt.handle_timeout(now, &self.ends);
        }
        self.posts.handle_timeout(now);
        if let Some(link) = &mut self.link
            && link.session.handle_timeout(now)
        {
            self.go_away(None);
        }
        self.become_quiet();
        self.take_back_lost();
        if self.leaving.is_some_and(|(byes, at)| byes >= BYES && at <= now) {
            self.end(Over::Closed(CloseReason::Left));
        }
    }

    /// Returns the next event for the user; to be called after each `handle_*` until there is none.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.poll_untaken()?;
        if matches!(event, Event::Entry { .. } | Event::Private(_) | Event::Gap { .. }) {
            self.taken();
        }
        Some(event)
    }

    /// Does the same as [`Member::poll_event`], but an entry counts as waiting until [`Member::taken`]: the more entries wait,
    /// the fewer the server may send, down to none.
    #[must_use]
    pub fn poll_untaken(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        Some(self.opened(event))
    }

    /// Records that the user has taken one more entry.
    pub fn taken(&mut self) {
        self.takes |= self.view.taken();
    }

    /// Returns the next datagram for [`Member::server`]; it stays until [`Member::transmitted`].
    #[must_use]
    pub fn poll_transmit(&mut self) -> Option<&[u8]> {
        if self.out.is_empty() {
            self.build();
        }
        (!self.out.is_empty()).then_some(&self.out)
    }

    /// Records that the socket has accepted the datagram of [`Member::poll_transmit`].
    pub fn transmitted(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.out.clear();
        if let Some(attempt) = self.attempt.as_mut().filter(|_| self.out_is_attempts) {
            attempt.sent(now, &mut self.entropy);
        }
    }

    /// Returns when [`Member::handle_timeout`] is to be called, if ever.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let attempt = self.attempt.as_ref().and_then(Attempt::poll_timeout);
        let session = self.link.as_ref().map(|link| link.session.poll_timeout());
        let paced = match &self.link {
            Some(link) if self.posts.has_due() => link.session.may_send(self.now).err().flatten(),
            Some(_) | None => None,
        };
        let paced = paced.filter(|&at| at > self.now);
        let leaving = self.leaving.map(|(_, at)| at).filter(|&at| at > self.now);
        let repeat = self.posts.poll_timeout().filter(|_| self.link.is_some());
        let quiet = self.link.as_ref().and_then(Link::quiet_at);
        let questions = self.questions.poll_timeout().filter(|&at| at > self.now && self.link.is_some());
        [attempt, session, paced, leaving, repeat, quiet, questions].into_iter().flatten().min()
    }

    fn go_away(&mut self, why: Option<CloseReason>) {
        if self.leaving.is_some() {
            return self.end(Over::Closed(CloseReason::Left));
        }
        self.seek();
        self.link = None;
        self.events.push_back(Event::Away(why.map_or(Away::Silent, Away::Closed)));
    }

    /// Begins an attempt at a session after the present one, or beside it; the pause before it grows while sessions end early.
    fn seek(&mut self) {
        if self.attempt.is_some() {
            return;
        }
        if self.link.as_ref().is_some_and(|link| link.since + STOOD <= self.now) {
            self.comebacks = 0;
        }
        let pause = COMEBACK.saturating_mul(1 << self.comebacks.min(10)).min(COMEBACK_MAX);
        let pause = self.entropy.jittered(pause);
        self.comebacks = self.comebacks.saturating_add(1);
        self.attempt = Some(Attempt::later(self.now, self.now + pause, &self.ends));
    }

    fn become_quiet(&mut self) {
        if let Some(link) = &mut self.link
            && link.quiet_at().is_some_and(|at| at <= self.now)
        {
            let heard = link.session.heard();
            link.quiet = Some(heard);
            self.events.push_back(Event::Quiet(self.now.saturating_since(heard)));
        }
    }

    fn end(&mut self, why: Over) {
        self.link = None;
        self.attempt = None;
        self.leaving = None;
        self.over = true;
        self.forget_built();
        self.events.push_back(Event::Over(why));
    }

    fn take_back_lost(&mut self) {
        while let Some(again) = self.link.as_mut().and_then(|link| link.session.poll_lost()) {
            let (Again::Copy(cargo) | Again::All(cargo) | Again::Rest(cargo)) = again;
            let Carried { first, count, copies } = cargo.posts;
            match again {
                Again::Copy(_) => self.posts.again(first + copies..first + count, true),
                Again::All(_) => self.posts.again(first..first + count, false),
                Again::Rest(_) => self.posts.again(first..first + copies, false),
            }
            let is_lost = !matches!(again, Again::Copy(_));
            self.takes |= cargo.takes && is_lost;
            if cargo.reads && is_lost {
                self.marks.tell_again();
            }
        }
    }

    fn forget_built(&mut self) {
        // A session packet that was built has to be sent, for its number is used.
        if self.out_is_attempts {
            self.out.clear();
        }
    }

    fn build(&mut self) {
        self.out_is_attempts = false;
        if let Some(message) = self.attempt.as_ref().and_then(Attempt::message) {
            self.out.extend_from_slice(message);
            self.out_is_attempts = true;
            return;
        }
        self.seal();
        let (now, Some(link)) = (self.now, &mut self.link) else { return };
        if let Some((byes, at)) = self.leaving {
            if at <= now && byes < BYES {
                link.session.bye(CloseReason::Left, &mut self.out);
                self.leaving = Some((byes + 1, now + link.session.round_trip() * 2));
            }
            return;
        }
        let has_welcome = link.welcomed;
        let (view, posts, takes, questions) = (&self.view, &mut self.posts, &mut self.takes, &mut self.questions);
        let marks = &mut self.marks;
        link.session.poll_packet(now, &mut self.out, |writer, allowed| {
            let tells = *takes && allowed.cargo;
            if allowed.ack || tells {
                writer.frame(&Frame::Have(view.have()));
            }
            // *Have* is not ack-eliciting, and this one must arrive.
            let takes = tells && writer.frame(&Frame::Ping { stamp: 0 }) && std::mem::take(takes);
            let posts = if allowed.cargo { write_posts(now, posts, writer) } else { Carried::default() };
            let asks = allowed.cargo && has_welcome && questions.write(now, |frame| writer.frame(frame));
            let before = marks.due().filter(|_| allowed.cargo && has_welcome);
            let reads = before.is_some_and(|before| writer.frame(&Frame::Read { before }));
            if reads {
                marks.told();
            }
            (takes || asks || reads || posts.count > 0).then_some(Cargo { posts, takes, reads })
        });
    }
}

/// Writes posts into a packet; returns which.
fn write_posts(now: Instant, posts: &mut Posts, writer: &mut Writer) -> Carried {
    posts.write(now, |counter, settled_below, kind, body| {
        !writer.is_long_enough() && writer.frame(&Frame::Post { counter, settled_below, kind, body })
    })
}

impl Link {
    /// Returns when the server will count as quiet, if it sends nothing before and is not quiet already.
    fn quiet_at(&self) -> Option<Instant> {
        let unanswered = self.session.unanswered().filter(|_| self.quiet.is_none())?;
        Some(unanswered + QUIET_AFTER)
    }
}
