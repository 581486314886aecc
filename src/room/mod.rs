//! The server's core: a room is a log, a peer is a cursor.
//!
//! Owns: the text members (`members`), the log's window and cursors for them (`log`, `fanout`), the members with sessions
//! (`sessions`), what waits of both (`queue`).
//! Must not know: sockets, clocks, files, where the log is kept.
//! Driven by: the mio loop (`net`) and the tests, alike:
//!
//! 1. [`Room::handle_datagram`], [`Room::handle_unreachable`], [`Room::handle_timeout`] as things happen;
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
mod entry;
mod fanout;
mod intake;
mod log;
mod members;
mod queue;
mod rate;
mod sessions;
mod transmit;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

pub use admission::{TextPolicy, is_private};
pub use counters::{Counters, DropReason};
pub use entry::{Draft, DraftId, EntryKind, Rejection};
pub use log::SEGMENTS_MAX;
pub use members::{Path, SocketId};
pub use rate::Rate;
pub use sessions::{Config as SessionConfig, HALF_OPEN_MAX, HALF_OPEN_OF_A_PREFIX, POSTS_MAX, SESSIONS_OF_A_KEY};
pub use transmit::Transmits;

use crate::time::Instant;
use crate::wire::entry::Entry;
use crate::wire::frame::Outcome;
use crate::wire::text::{self};
use crate::wire::{PostId, Seq};
use admission::Prefix;
use fanout::Fanout;
use log::Log;
use members::Members;
use queue::Queue;
use rate::Meter;
use sessions::Sessions;

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
const ENTRIES_OF_A_DRAFT: u64 = (text::RENDERED_MAX / (text::LINE_MAX - text::PREFIX_MAX - 3) + 1) as u64;

// The log always has place for what is asked for, wherever its ring ends.
const _: () = assert!(BACKLOG_MAX + ENTRIES_OF_A_DRAFT < log::ENTRIES_MAX as u64);
const _: () = assert!((BACKLOG_MAX + ENTRIES_OF_A_DRAFT + 1) * (text::LINE_MAX as u64) < log::BYTES_MAX as u64);

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
        /// [`text::SIGNUP_TAG`] for a signup, else nothing.
        tag: &'static str,
        /// The rest of the datagram.
        text: &'a str,
    },
}

/// A chat room; see the module.
#[derive(Debug)]
pub struct Room {
    config: Config,
    members: Members,
    queue: Queue,
    log: Log,
    fanouts: Vec<Fanout>,
    sessions: Option<Sessions>,
    /// By socket: what it was last given was built by the sessions; the text peers are next.
    gave_built: Vec<bool>,
    counters: Counters,
    /// The latest time that anybody has told us.
    now: Instant,
    /// What prefixes have used of the rate of their signups.
    signups: BTreeMap<Prefix, Meter>,
    /// When the rested ones among them were last sorted out.
    signups_swept: Instant,
    /// The entries of the drafts under way, for which the log keeps place.
    reserved: u64,
    /// Committed, to be told to the transcript, then given back.
    accepted: VecDeque<DraftId>,
    told: Option<DraftId>,
    /// Where a line is put together; kept for its memory.
    rendered: String,
    /// And a part of one.
    part: String,
}

impl Room {
    /// An empty room served by `sockets` sockets, whose first entry gets the number `next`.
    pub fn new(config: Config, sockets: usize, next: Seq) -> Self {
        let sessions = config.sessions.as_ref().map(|config| Sessions::new(config, sockets, next));
        Self {
            config,
            members: Members::default(),
            queue: Queue::default(),
            log: Log::new(next),
            fanouts: (0..sockets).map(|_| Fanout::new(next)).collect(),
            sessions,
            gave_built: vec![false; sockets],
            counters: Counters::default(),
            now: Instant::ZERO,
            signups: BTreeMap::new(),
            signups_swept: Instant::ZERO,
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

    /// The log has this entry already, with this post: to be told of each, in order, before anything else, when a room
    /// goes on with a log that it had before.
    pub fn recall(&mut self, now: Instant, entry: &Entry<'_>, post: Option<PostId>) {
        self.pass_time(now);
        let seq = self.log.end();
        entry.render(&mut self.rendered);
        self.log.append(&self.rendered, "");
        self.log.release(seq + 1);
        for fanout in &mut self.fanouts {
            *fanout = Fanout::new(seq + 1);
        }
        if let Some(sessions) = &mut self.sessions {
            sessions.recall(self.now, seq, entry, post);
        }
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

    /// The system says that nothing gets through to `peer`. A member is gone at the first word of a closed port, and at
    /// the third in a row, without a datagram from it, of a host that is not reached.
    pub fn handle_unreachable(&mut self, socket: SocketId, peer: SocketAddr, why: Unreachable) {
        if let Some(id) = self.members.find(socket, peer)
            && let Some(member) = self.members.get_mut(id)
        {
            member.unreached += 1;
            if why == Unreachable::Port || member.unreached >= UNREACHED_MAX {
                ::log::debug!("{peer} is gone: {why:?} unreachable");
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
                ::log::debug!("{} is gone: silent for {:?}", member.path.peer, self.config.text_idle);
            }
            self.remove(id);
        }
        if let Some(sessions) = &mut self.sessions {
            sessions.handle_timeout(now, &mut self.queue);
        }
        self.check();
    }

    /// The backend has committed the draft; its entries have the numbers from `first` on. Drafts are committed in the
    /// order of their numbers.
    pub fn committed(&mut self, now: Instant, draft: DraftId, first: Seq) {
        self.pass_time(now);
        debug_assert_eq!(first, self.log.end(), "entries are committed in the order of their numbers");
        let Some(slot) = self.queue.get(draft) else { return };
        let source = slot.source;
        slot.render(&mut self.rendered);
        let parts = text::cut(&self.rendered, &self.rendered[..slot.prefix_len]);
        let prefix = parts.prefix();
        for part in parts {
            self.log.append(prefix, part);
            if let Some(sessions) = &mut self.sessions {
                self.part.clear();
                self.part.extend([prefix, part]);
                sessions.append(&slot.entry(&self.part));
            }
        }
        if let Some(sessions) = &mut self.sessions {
            sessions.settled(slot, Outcome::Accepted(first));
        }
        if let Some(author) = source.as_member() {
            self.place(author, first);
        }
        self.settled(draft);
        self.accepted.push_back(draft);
        self.check();
    }

    /// The backend will not commit the draft. A session's author is told; the text dialect has no words for that: it is
    /// counted and dropped.
    pub fn rejected(&mut self, now: Instant, draft: DraftId, why: Rejection) {
        self.pass_time(now);
        let Some(slot) = self.queue.get(draft) else { return };
        if let Some(sessions) = &mut self.sessions {
            sessions.settled(slot, Outcome::Refused(why.into()));
        }
        ::log::debug!("a draft was rejected: {why:?}");
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
                EntryKind::Signup => Event::Accepted { tag: text::SIGNUP_TAG, text: &slot.text },
                EntryKind::Line => Event::Accepted { tag: "", text: &slot.text },
                EntryKind::Said | EntryKind::Joined | EntryKind::Left(_) | EntryKind::Did | EntryKind::Renamed => {
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
        let built_is_next = !self.gave_built.get(socket.0)?;
        let more_built = self.sessions.as_mut().is_some_and(|sessions| sessions.build(self.now, socket));
        let more_text = self.advance(socket);
        self.gave_built[socket.0] = more_built && (built_is_next || !more_text);
        match &mut self.sessions {
            Some(sessions) if self.gave_built[socket.0] => sessions.outgoing(socket).transmits(),
            _ => more_text.then(|| self.fanouts[socket.0].transmits(&self.log)),
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
        match &mut self.sessions {
            Some(sessions) if self.gave_built[socket.0] => sessions.outgoing(socket).unsegment(),
            _ => self.fanouts[socket.0].unsegment(),
        }
    }

    fn taken(&mut self, socket: SocketId, count: usize) -> u64 {
        match &mut self.sessions {
            Some(sessions) if self.gave_built[socket.0] => sessions.outgoing(socket).sent(count),
            _ => self.fanouts[socket.0].sent(count),
        }
    }

    /// When [`Room::handle_timeout`] is to be called, if ever.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let sessions = self.sessions.as_ref().and_then(Sessions::poll_timeout);
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
            (EntryKind::Line, Some(author)) => text::prefix(&self.rendered, &author.nick).len(),
            (EntryKind::Signup, Some(author)) => {
                author.set_nick(&slot.text);
                0
            }
            _ => 0,
        };
        let entries = text::cut(&self.rendered, &self.rendered[..prefix_len]).count() as u64;
        let id = self.queue.pop()?;
        self.queue.settle(id, prefix_len, entries);
        self.reserved += entries;
        let slot = self.queue.get(id)?;
        let (source, entry, line) = (slot.source.0, slot.entry(&self.rendered), self.rendered.as_str());
        Some(Draft { id, source, entry, post: slot.post, line, entries })
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
        debug_assert!(self.log.held() + self.reserved < BACKLOG_MAX + ENTRIES_OF_A_DRAFT);
        debug_assert!(self.fanouts.iter().map(Fanout::len).sum::<usize>() <= self.members.len());
        debug_assert!(self.members.len() <= self.config.members_max.max(1));
    }
}
