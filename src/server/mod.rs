//! The server's core: a room is a log, a peer is a cursor.
//!
//! Owns: the text members (`members`), the log's window and cursors for them (`log`, `fanout`), the members with sessions
//! (`sessions`), what waits of both (`queue`).
//! Must not know: sockets, clocks, files, where the log is kept.
//! Driven by: the mio loop (`net`) and the tests, alike:
//!
//! 1. [`Room::handle_datagram`], [`Room::handle_unreachable`], [`Room::handle_timeout`] as things happen, then
//!    [`Room::shake_hands`] once a turn;
//! 2. [`Room::poll_event`] until it has none: drafts for the backend, which answers with [`Room::committed`] or
//!    [`Room::rejected`] at once or later, and lines for the transcript;
//! 3. [`Room::poll_transmit`] and [`Room::transmitted`] for each socket, as long as the socket takes something;
//! 4. [`Room::poll_timeout`] for the next deadline.
//!
//! ```text
//!  datagram -> queue -> draft -> (backend) -> entry -> log -> sweep -------> datagrams to text peers
//!              fair     under way             numbered     -> sessions ----> packets
//! ```

mod admission;
mod counters;
mod drive;
mod outgoing;
mod queue;
mod room;
mod sessions;
mod text;
mod timers;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

pub use crate::wire::limits::POSTS_MAX;
pub use admission::allowance::SESSIONS_OF_A_KEY;
pub use admission::rate::Rate;
pub use admission::suspects::REFUSED_FOR;
pub use admission::{TextPolicy, is_private};
pub use counters::{Counters, DropReason};
pub use drive::{answer, settle};
pub use outgoing::Transmits;
pub use sessions::{Config as SessionConfig, HALF_OPEN_MAX, WORK_OF_A_TURN};
pub use text::members::{Path, SocketId};
pub use text::ring::SEGMENTS_MAX;

use crate::log::{Draft, DraftId, EntryKind, Known, Page, Rejection, Request};
use crate::session::Transport;
use crate::time::Instant;
use crate::wire::entry::Entry;
use crate::wire::frame::Outcome;
use crate::wire::text::{self as dialect};
use crate::wire::{Nick, Seq, SessionId, Timestamp, Who};
use admission::rate::Meters;
use outgoing::Outgoing;
use queue::Queue;
use sessions::{Intake, Sessions};
use text::fanout::Fanout;
use text::members::Members;
use text::replay::Replay;
use text::ring::Log;

/// The most entries that wait to be sent to somebody before no more drafts are asked for. Chosen: two full runs, one
/// being sent and one getting ready; more would only make everybody wait behind who floods.
pub const BACKLOG_MAX: u64 = 2 * SEGMENTS_MAX as u64;

/// How far a source may be ahead of its rate before it has to wait, in seconds of the rate. Chosen: a script may say
/// some hundred lines at once.
const BURST_SECONDS: u32 = 10;

/// How many datagrams of a source that is ahead of its rate wait for it, before more are dropped. Chosen: several times
/// what our own clients have on their way at once.
const RESTING_MAX: u32 = 64;

/// After so many words in a row that a host is not reached, its member is gone. Chosen: one may be a moment's.
const UNREACHED_MAX: u8 = 3;

/// The most entries that one draft makes: what fits behind the longest prefix, and what cutting between characters costs.
const ENTRIES_OF_A_DRAFT: u64 = (dialect::RENDERED_MAX / (dialect::LINE_MAX - dialect::PREFIX_MAX - 3) + 1) as u64;

// The log always has place for what is asked for, wherever its ring ends.
const _: () = assert!(BACKLOG_MAX + ENTRIES_OF_A_DRAFT < text::ring::ENTRIES_MAX as u64);
const _: () =
    assert!((BACKLOG_MAX + ENTRIES_OF_A_DRAFT + 1) * (dialect::LINE_MAX as u64) < text::ring::BYTES_MAX as u64);

/// What a room is told at its beginning.
#[derive(Clone, Debug)]
pub struct Config {
    /// With whom the text dialect is spoken.
    pub text: TextPolicy,
    /// The most members; at least 1.
    pub members_max: usize,
    /// A text member that is silent for this long is gone.
    pub text_idle: Duration,
    /// How many datagrams a second each source may have in the room, beyond a burst of ten seconds' worth.
    pub rate: Option<Rate>,
    /// How many new members a second may come from each prefix (IPv4 /24, IPv6 /64), beyond a burst of 64.
    pub signup_rate: Option<Rate>,
    /// How many of the last entries a new text member is sent.
    pub text_history: usize,
    /// What sessions need; without it only text is spoken.
    pub sessions: Option<SessionConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            text: TextPolicy::Private,
            members_max: 10_000,
            text_idle: Duration::from_secs(12 * 60 * 60),
            rate: Rate::per_second(100),
            signup_rate: Rate::per_second(20),
            text_history: 0,
            sessions: None,
        }
    }
}

/// What the system says of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// Nothing listens at its port.
    Port,
    /// There is no way to its host at the moment.
    Host,
}

/// What the driver is to do next.
#[derive(Debug)]
pub enum Event<'a> {
    /// Ask the backend to commit this, and tell the room of it.
    Commit(Draft<'a>),
    /// A datagram was accepted: how it reads in the transcript, control characters and all.
    Accepted {
        /// [`dialect::SIGNUP_TAG`] for a signup, else nothing.
        tag: &'static str,
        /// The rest of the datagram.
        text: &'a str,
    },
}

/// Of whom a socket was given something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    /// The text peers, a sweep.
    Sweep,
    /// New text peers, what was said before.
    Replay,
    /// The sessions.
    Built,
}

/// A chat room; see the module.
#[derive(Debug)]
pub struct Room {
    config: Config,
    members: Members,
    queue: Queue,
    log: Log,
    fanouts: Vec<Fanout>,
    /// What new text members are sent, and, by socket, what of it is under way.
    replay: Replay,
    replays: Vec<Outgoing>,
    sessions: Option<Sessions>,
    /// By socket: of whom that is what it was last given.
    gave: Vec<Given>,
    /// What time it is.
    wall: Timestamp,
    counters: Counters,
    /// The latest time that anybody has told us.
    now: Instant,
    /// What prefixes have used of the rate of their signups.
    signups: Meters,
    /// The entries of the drafts under way, for which the log keeps place.
    reserved: u64,
    /// Committed, to be told to the transcript, then given back.
    accepted: VecDeque<DraftId>,
    told: Option<DraftId>,
    /// Whose draft is being dealt with.
    in_hand: Option<Who>,
    /// Where a line is put together; kept for its memory.
    rendered: String,
    /// And a part of one.
    part: String,
}

impl Room {
    /// An empty room served by `sockets` sockets, whose first entry gets the number `next`.
    pub fn new(config: Config, sockets: usize, next: Seq) -> Self {
        let rate = config.rate;
        let sessions = config.sessions.as_ref().map(|config| Sessions::new(config, sockets, next, rate));
        Self {
            config,
            members: Members::default(),
            queue: Queue::default(),
            log: Log::new(next),
            fanouts: (0..sockets).map(|_| Fanout::new(next)).collect(),
            sessions,
            replay: Replay::default(),
            replays: (0..sockets).map(|_| Outgoing::default()).collect(),
            gave: vec![Given::Sweep; sockets],
            wall: Timestamp::default(),
            counters: Counters::default(),
            now: Instant::ZERO,
            signups: Meters::default(),
            in_hand: None,
            reserved: 0,
            accepted: VecDeque::new(),
            told: None,
            rendered: String::new(),
            part: String::new(),
        }
    }

    /// What happened so far.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The number that the next entry gets.
    pub fn end(&self) -> Seq {
        self.log.end()
    }

    /// How many are here.
    pub fn members(&self) -> usize {
        self.members.len() + self.sessions.as_ref().map_or(0, Sessions::len)
    }

    /// What time it is: to be told before drafts are asked for.
    pub fn set_wall(&mut self, wall: Timestamp) {
        self.wall = wall;
        self.sessions.iter_mut().for_each(|sessions| sessions.set_wall(wall));
    }

    /// The backend can read back what it has, from `oldest` on. To be told at the beginning and when that changes; without
    /// it nothing older than the window can be sent.
    pub fn set_oldest(&mut self, oldest: Seq) {
        self.replay.forget_below(oldest);
        self.sessions.iter_mut().for_each(|sessions| sessions.set_oldest(oldest));
    }

    /// The room goes on with a log that it had before, and by that log this key was present under this nick.
    pub fn recall_present(&mut self, now: Instant, who: Who, nick: Nick) {
        self.pass_time(now);
        if let Some(sessions) = &mut self.sessions {
            sessions.recall_present(self.now, who, nick);
        }
    }

    /// How many of the last entries are to be recalled for text members.
    pub const fn text_history(&self) -> usize {
        self.config.text_history
    }

    /// The log has this entry already: to be told of the last ones that text members are to be sent, in order.
    pub fn recall(&mut self, seq: Seq, entry: &Entry<'_>) {
        entry.render(&mut self.rendered);
        self.replay.push(seq, &self.rendered, self.config.text_history);
    }

    /// The log was changed by others than this room: nothing that is kept of it is right. What text members are to be sent
    /// is to be recalled again.
    pub fn reload(&mut self) {
        self.replay = Replay::default();
        self.sessions.iter_mut().for_each(Sessions::reload);
    }

    /// What the backend is to be asked next. The more are taken out at once, the longer everybody else waits.
    #[must_use]
    pub fn poll_request(&mut self) -> Option<Request> {
        self.sessions.as_mut()?.poll_request(self.now)
    }

    /// Whether [`Room::poll_request`] has something; to be looked at when everything is sent that can be.
    pub fn has_requests(&self) -> bool {
        self.sessions.as_ref().is_some_and(|sessions| sessions.has_requests(self.now))
    }

    /// What [`Request::Page`] asked for.
    pub fn answer_page(&mut self, now: Instant, page: Page) {
        self.pass_time(now);
        if let Some(sessions) = &mut self.sessions {
            sessions.answer_page(self.now, page);
        }
    }

    /// What [`Request::Beginning`] asked for.
    pub fn answer_beginning(&mut self, now: Instant, session: SessionId, known: &Known) {
        self.pass_time(now);
        if let Some(sessions) = &mut self.sessions {
            sessions.answer_beginning(session, known);
        }
    }

    /// The server's keys in a session, for the laboratory to read what is in packets to it.
    pub fn keys(&self, session: SessionId) -> Option<Transport> {
        self.sessions.as_ref()?.keys(session)
    }

    /// The room ends: every session is told so.
    pub fn close(&mut self) {
        if let Some(sessions) = &mut self.sessions {
            sessions.close_all();
        }
    }

    /// A datagram came in. Whatever its bytes are, nothing worse than a counted drop comes of it.
    pub fn handle_datagram(&mut self, now: Instant, path: Path, bytes: &[u8]) {
        self.pass_time(now);
        self.counters.received += 1;
        if let Err(reason) = self.accept(path, bytes) {
            self.counters.drop_for(self.now, reason);
        }
        self.check();
    }

    /// Does a turn's worth of public-key work for those who shake hands ([`WORK_OF_A_TURN`]), a quarter of it if more has come in
    /// than was looked at. True if there is more: for the next turn, when the others had theirs.
    pub fn shake_hands(&mut self, now: Instant, is_busy: bool) -> bool {
        self.pass_time(now);
        let Some(sessions) = &mut self.sessions else { return false };
        let (rate, members_max) = (self.config.rate, self.config.members_max);
        let mut intake = Intake { queue: &mut self.queue, rate, members_max, members: &self.members };
        let counters = &mut self.counters;
        let more = sessions.shake_hands(self.now, &mut intake, is_busy, |reason| counters.drop_for(now, reason));
        self.check();
        more
    }

    /// This key is refused until then: its datagram was being handled when a server with this log broke.
    pub fn refuse(&mut self, who: Who, until: Instant) {
        self.sessions.iter_mut().for_each(|sessions| sessions.refuse(who, until));
    }

    /// Whose datagram, or draft, is being handled: only while something is, so to be asked when that ended in a panic.
    pub fn in_hand(&self) -> Option<Who> {
        self.in_hand.or_else(|| self.sessions.as_ref().and_then(Sessions::in_hand))
    }

    /// The system says that nothing gets through to `peer`. A member is gone at the first word of a closed port, and at
    /// the third in a row, without a datagram from it, of a host that is not reached.
    pub fn handle_unreachable(&mut self, socket: SocketId, peer: SocketAddr, why: Unreachable) {
        if let Some(id) = self.members.find(socket, peer)
            && let Some(member) = self.members.get_mut(id)
        {
            member.unreached += 1;
            if why == Unreachable::Port || member.unreached >= UNREACHED_MAX {
                log::debug!("{peer} is gone: {why:?} unreachable");
                self.remove(id);
            }
        }
        self.check();
    }

    /// The deadline has passed; afterwards [`Room::poll_timeout`] is later than `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.pass_time(now);
        while let Some(id) = self.members.expired(now, self.config.text_idle) {
            if let Some(member) = self.members.get(id) {
                log::debug!("{} is gone: silent for {:?}", member.path.peer, self.config.text_idle);
            }
            self.remove(id);
        }
        if let Some(sessions) = &mut self.sessions {
            sessions.handle_timeout(now, &mut self.queue);
        }
        self.check();
    }

    /// The backend has committed the draft at `at`; its entries have the numbers from `first` on. Drafts are committed in
    /// the order of their numbers.
    pub fn committed(&mut self, now: Instant, draft: DraftId, first: Seq, at: Timestamp) {
        self.pass_time(now);
        let Some(slot) = self.queue.get(draft) else { return };
        self.in_hand = slot.post.map(|_| slot.who);
        assert_eq!(first, self.log.end(), "entries are committed in the order of their numbers");
        let source = slot.source;
        slot.render(&mut self.rendered);
        let parts = dialect::cut(&self.rendered, &self.rendered[..slot.prefix_len]);
        let prefix = parts.prefix();
        for part in parts {
            let seq = self.log.append(prefix, part);
            self.part.clear();
            self.part.extend([prefix, part]);
            if let Some(sessions) = &mut self.sessions {
                sessions.append(at, &slot.entry(&self.part));
            }
            self.replay.push(seq, &self.part, self.config.text_history);
        }
        if let Some(sessions) = &mut self.sessions {
            sessions.settled(now, slot, Outcome::Accepted(first));
        }
        if let Some(author) = source.as_member() {
            self.place(author, first);
        }
        self.settled(draft);
        self.accepted.push_back(draft);
        self.in_hand = None;
        self.check();
    }

    /// The backend will not commit the draft. A session's author is told; the text dialect has no words for that: it is
    /// counted and dropped.
    pub fn rejected(&mut self, now: Instant, draft: DraftId, why: Rejection) {
        self.pass_time(now);
        let Some(slot) = self.queue.get(draft) else { return };
        if let Some(sessions) = &mut self.sessions {
            sessions.settled(now, slot, Outcome::Refused(why.into()));
        }
        log::debug!("a draft was rejected: {why:?}");
        self.counters.drop_for(self.now, DropReason::Rejected);
        self.settled(draft);
        self.give_back(draft);
        self.check();
    }

    /// What is to be done next; to be called until there is nothing, after each `handle_*`, [`Room::committed`],
    /// [`Room::rejected`] and [`Room::transmitted`].
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event<'_>> {
        if let Some(told) = self.told.take() {
            self.give_back(told);
        }
        if let Some(draft) = self.accepted.pop_front() {
            self.told = Some(draft);
            let slot = self.queue.get(draft)?;
            return Some(match slot.kind {
                EntryKind::Signup => Event::Accepted { tag: dialect::SIGNUP_TAG, text: &slot.text },
                EntryKind::Line => Event::Accepted { tag: "", text: &slot.text },
                // As an original's transcript has it, whichever dialect the client speaks.
                EntryKind::Joined => Event::Accepted { tag: dialect::SIGNUP_TAG, text: &slot.nick },
                EntryKind::Said | EntryKind::Left(_) | EntryKind::Did | EntryKind::Renamed => {
                    slot.render(&mut self.rendered);
                    Event::Accepted { tag: "", text: &self.rendered }
                }
            });
        }
        self.next_draft().map(Event::Commit)
    }

    /// What to send next through `socket`, if anything. The room goes on from what [`Room::transmitted`] is told; what
    /// the socket did not take stays where it is.
    #[must_use]
    pub fn poll_transmit(&mut self, socket: SocketId) -> Option<Transmits<'_>> {
        // In turn: neither kind of members waits for all of the other.
        let built_is_next = *self.gave.get(socket.0)? != Given::Built;
        let (members, now) = (&self.members, self.now);
        let more_built = self.sessions.as_mut().is_some_and(|sessions| sessions.build(now, socket, members));
        // What was said before goes before what is said now.
        let more_text = if self.replays[socket.0].len() > 0 { Given::Replay } else { Given::Sweep };
        let has_text = more_text == Given::Replay || self.advance(socket);
        let gives = if more_built && (built_is_next || !has_text) { Given::Built } else { more_text };
        self.gave[socket.0] = gives;
        match (gives, &mut self.sessions) {
            (Given::Built, Some(sessions)) => sessions.outgoing(socket).transmits(),
            (Given::Replay, _) => self.replays[socket.0].transmits(),
            (Given::Built | Given::Sweep, _) => has_text.then(|| self.fanouts[socket.0].transmits(&self.log)),
        }
    }

    /// Gets the next sweep over the text peers ready, if there is anything for them.
    fn advance(&mut self, socket: SocketId) -> bool {
        let more = self.fanouts[socket.0].advance(&self.log);
        let floor = self.fanouts.iter().map(Fanout::floor).min().unwrap_or_else(|| self.log.end());
        self.log.release(floor);
        more
    }

    /// The socket has taken the first `count` of what [`Room::poll_transmit`] gave. Returns how many datagrams these are.
    pub fn transmitted(&mut self, socket: SocketId, count: usize) -> u64 {
        let datagrams = self.taken(socket, count);
        self.counters.sent += datagrams;
        self.check();
        datagrams
    }

    /// The system will not send the first of what [`Room::poll_transmit`] gave: its peer goes without.
    pub fn untransmittable(&mut self, socket: SocketId) {
        self.counters.unsent += self.taken(socket, 1);
        self.check();
    }

    /// The system would not segment what [`Room::poll_transmit`] gave: it is given one by one now.
    pub fn unsegment(&mut self, socket: SocketId) {
        match self.given(socket) {
            Some(outgoing) => outgoing.unsegment(),
            None => self.fanouts[socket.0].unsegment(),
        }
    }

    fn taken(&mut self, socket: SocketId, count: usize) -> u64 {
        match self.given(socket) {
            Some(outgoing) => outgoing.sent(count),
            None => self.fanouts[socket.0].sent(count),
        }
    }

    /// What was built of what the socket was last given; `None`: a sweep.
    fn given(&mut self, socket: SocketId) -> Option<&mut Outgoing> {
        match (self.gave[socket.0], &mut self.sessions) {
            (Given::Built, Some(sessions)) => Some(sessions.outgoing(socket)),
            (Given::Replay, _) => Some(&mut self.replays[socket.0]),
            (Given::Built | Given::Sweep, _) => None,
        }
    }

    /// When [`Room::handle_timeout`] is to be called, if ever.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let sessions = self.sessions.as_ref().and_then(|sessions| sessions.poll_timeout(self.now));
        [self.members.expiry(self.config.text_idle), self.queue.next_wake(), sessions].into_iter().flatten().min()
    }

    fn pass_time(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.queue.wake(self.now);
    }

    /// The next draft, if its readers are not too far behind.
    fn next_draft(&mut self) -> Option<Draft<'_>> {
        if self.log.held() + self.reserved >= BACKLOG_MAX {
            return None;
        }
        let slot = self.queue.peek()?;
        slot.render(&mut self.rendered);
        let author = slot.source.as_member().and_then(|author| self.members.get_mut(author));
        let prefix_len = match (slot.kind, author) {
            (EntryKind::Line, Some(author)) => dialect::prefix(&self.rendered, &author.nick).len(),
            (EntryKind::Signup, Some(author)) => {
                author.set_nick(&slot.text);
                0
            }
            _ => 0,
        };
        let entries = dialect::cut(&self.rendered, &self.rendered[..prefix_len]).count() as u64;
        let id = self.queue.pop()?;
        self.queue.settle(id, prefix_len, entries);
        self.reserved += entries;
        let slot = self.queue.get(id)?;
        let (source, entry, line) = (slot.source.0, slot.entry(&self.rendered), self.rendered.as_str());
        let (who, at) = (slot.who, self.wall);
        Some(Draft { id, source, entry, who, post: slot.post, line, prefix_len, entries, at })
    }

    /// The backend has answered for the draft: the log need not keep place for it any longer.
    fn settled(&mut self, draft: DraftId) {
        self.reserved -= self.queue.get(draft).map_or(0, |slot| slot.entries);
    }

    fn give_back(&mut self, draft: DraftId) {
        let Some(source) = self.queue.get(draft).map(|slot| slot.source) else { return };
        self.queue.give_back(draft);
        let Some(author) = source.as_member() else { return };
        if !self.queue.holds(source) {
            self.members.forget(author);
        }
        self.remove_if_nothing(author);
    }

    fn check(&self) {
        // Else the log would have no place for what was asked for.
        assert!(self.log.held() + self.reserved < BACKLOG_MAX + ENTRIES_OF_A_DRAFT, "too much is asked for");
        debug_assert!(self.fanouts.iter().map(Fanout::len).sum::<usize>() <= self.members.len());
        debug_assert!(self.members.len() <= self.config.members_max.max(1));
    }
}
