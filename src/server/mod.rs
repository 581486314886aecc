//! The server's core: one endpoint. A room is a log, a peer is a cursor.
//!
//! Owns: the text members (`text`) and those with sessions (`sessions`), the room (`room`), the items that wait for the
//! log (`queue`), who may send how much (`admission`), what goes out (`outgoing`).
//! Must not know: sockets, clocks, files, where the log is kept.
//! Driven by: the mio loop (`net`), the simulator and the tests, in the same way:
//!
//! 1. [`Server::handle_datagram`], [`Server::handle_unreachable`], [`Server::handle_timeout`] as things happen, then
//!    [`Server::shake_hands`] once a turn;
//! 2. [`exchange`] and [`ask`]: drafts and requests to the log, its outcomes to the server ([`Server::handle_outcome`]);
//! 3. [`Server::poll_transmit`] and [`Server::transmitted`] for each socket, as long as the socket accepts datagrams;
//! 4. [`Server::poll_timeout`] for the next deadline.
//!
//! ```text
//!  datagram -> queue -> draft -> (the log) -> appended -> ring -----> datagrams to text members
//!              fair     in flight             numbered    window ---> packets to sessions
//! ```

mod admission;
mod config;
mod counters;
mod drive;
mod ids;
mod outcomes;
mod outgoing;
mod queue;
mod room;
mod sessions;
mod settings;
mod text;
mod timers;
mod transmit;

use std::net::{IpAddr, SocketAddr};

pub use admission::allowance::SESSIONS_OF_A_KEY;
pub use admission::rate::Rate;
pub use admission::suspects::REFUSED_FOR;
pub use admission::{TextPolicy, is_private};
pub use config::{ANNOUNCE_EACH, Config};
pub use counters::{Counters, DropReason};
pub use drive::{ask, exchange, store_reads};
pub use ids::{Path, SocketId, Unreachable};
pub use outgoing::{TransmitToken, Transmits};
pub use sessions::{HALF_OPEN_MAX, WORK_OF_A_TURN};
pub use text::ring::SEGMENTS_MAX;

use crate::log::{Draft, Opening, Outcome as Told, Request, State};
use crate::policy::names::Skeletons;
use crate::session::Transport;
use crate::time::Instant;
use crate::wire::frame::Outcome;
use crate::wire::order::address_name;
use crate::wire::record::Name;
use crate::wire::text as dialect;
use crate::wire::{Instance, Refusal, Seq, SessionId, Timestamp, Who, packet};
use admission::Prefix;
use admission::rate::Meters;
use ids::Source;
use queue::{Item, ItemKind, Queue, Slot};
use room::Room;
use sessions::{Context, ReadOf, Sessions};
use settings::Settings;
use text::fanout::Fanout;
use text::{Intake, Text};

/// While this many entries wait to be sent to text members, the server submits no more drafts. Chosen: two full runs, one being
/// sent and one getting ready; more would only make everybody wait behind a flood.
pub const BACKLOG_MAX: u64 = 2 * SEGMENTS_MAX as u64;

/// With this many, the server takes no more outcomes from the log either, because these may be others' entries.
const TOLD_MAX: u64 = BACKLOG_MAX + SEGMENTS_MAX as u64;

/// The most entries that one draft makes, with the longest prefix and the cost of cutting between characters.
const ENTRIES_OF_A_DRAFT: u64 = (dialect::RENDERED_MAX / (dialect::LINE_MAX - dialect::PREFIX_MAX - 3) + 1) as u64;

// The ring always has place for appended entries, wherever it ends.
const _: () = assert!(BACKLOG_MAX + ENTRIES_OF_A_DRAFT < TOLD_MAX);
const _: () = assert!(TOLD_MAX + ENTRIES_OF_A_DRAFT < text::ring::ENTRIES_MAX as u64);
const _: () = assert!((TOLD_MAX + 2) * (dialect::LINE_MAX as u64) < text::ring::BYTES_MAX as u64);

/// A chat server; see the module.
#[derive(Debug)]
pub struct Server {
    config: Config,
    room: Room,
    queue: Queue,
    text: Text,
    sessions: Sessions,
    /// How much of their signup rate prefixes have used.
    signups: Meters<Prefix>,
    /// By socket: whether its last turn went to sessions.
    gave_to_sessions: Vec<bool>,
    /// Whether the log accepts drafts.
    log_state: State,
    /// The entries of the drafts in flight, for which the ring keeps place.
    reserved: u64,
    /// Entries appended since the last look at what is to be sent.
    unsent: u64,
    /// The wall-clock time.
    wall: Timestamp,
    /// The latest time that any caller has given.
    now: Instant,
    counters: Counters,
    /// The key whose appended post is being handled.
    in_hand: Option<Who>,
    /// The buffer in which lines are rendered, kept for its memory.
    rendered: String,
    /// Those of the nick that the last draft claims.
    skeletons: Skeletons,
    settings: Settings,
}

impl Server {
    /// Creates a server with `sockets` sockets for a room whose log is in this state. Members who are present according to the
    /// log leave unless they come back soon.
    pub fn new(now: Instant, config: Config, sockets: usize, opening: Opening) -> Self {
        let mut server = Self {
            room: Room::new(&opening, config.recent_bytes, config.text_history),
            queue: Queue::default(),
            text: Text::new(sockets, opening.next),
            sessions: Sessions::new(config.key.clone(), config.seed, config.has_aes, sockets),
            signups: Meters::default(),
            gave_to_sessions: vec![false; sockets],
            log_state: State::default(),
            reserved: 0,
            unsent: 0,
            wall: Timestamp::default(),
            now,
            counters: Counters::default(),
            in_hand: None,
            rendered: String::new(),
            skeletons: Skeletons::default(),
            settings: Settings::new(now, &config, &opening.policy),
            config,
        };
        server.recall_present(opening);
        server.write_settings();
        server
    }

    fn recall_present(&mut self, opening: Opening) {
        self.sessions.recall_receipts(opening.next, opening.present.iter().map(|(who, _)| *who));
        let (_, mut cx) = self.split();
        for (who, nick) in opening.present {
            Sessions::recall_present(&mut cx, who, nick);
        }
        self.sessions.recall_reads(opening.reads, &self.room.policy);
    }

    /// Has the settings that the server was started with written to the log, if they are due.
    fn write_settings(&mut self) {
        self.room.closes = self.settings.closes();
        let (now, who) = (self.now, Who::SERVER);
        for deed in self.settings.take_due(now).to_vec() {
            let author = self.room.posts.find_or_insert(who, Instance::default());
            let (source, kind) = (Source::Session(author), ItemKind::Acted);
            let item = Item { source, kind, who, due: now, deed: Some(&deed), ..Item::default() };
            if !self.queue.push(item) {
                self.settings.told(now, deed.act, false);
            }
        }
    }

    /// Returns the counters.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Returns the number that the next entry gets.
    pub fn end(&self) -> Seq {
        self.room.window.end()
    }

    /// Returns how many members there are.
    pub fn members(&self) -> usize {
        self.text.members.len() + self.sessions.len()
    }

    /// Returns how many of the newest entries new text members are sent.
    pub const fn text_history(&self) -> usize {
        self.config.text_history
    }

    /// Returns whether the log accepts drafts at present.
    pub const fn log_state(&self) -> State {
        self.log_state
    }

    /// Sets the wall-clock time; to be called before drafts are submitted.
    pub fn set_wall(&mut self, wall: Timestamp) {
        self.wall = wall;
    }

    /// Returns the server's keys in a session, with which the laboratory reads packets sent to it.
    pub fn keys(&self, session: SessionId) -> Option<Transport> {
        self.sessions.keys(session)
    }

    /// Refuses this key until then: a server with this log crashed while it handled a datagram of that key.
    pub fn refuse(&mut self, who: Who, until: Instant) {
        self.sessions.refuse(who, until);
    }

    /// Returns whose datagram or draft is being handled, if any; of use when handling it ended in a panic.
    pub fn in_hand(&self) -> Option<Who> {
        self.in_hand.or_else(|| self.sessions.in_hand())
    }

    /// Returns the addresses of the members with sessions, most recent speakers first, for the next server if this one crashes.
    pub fn places(&self) -> Vec<Path> {
        self.sessions.places()
    }

    /// Returns a number that changes when a session begins or ends, as [`Server::places`] then does.
    pub const fn moves(&self) -> u64 {
        self.sessions.moves()
    }

    /// Knocks at members from before a restart, a few hundred of them at once.
    pub fn knock_at(&mut self, now: Instant, paths: impl IntoIterator<Item = Path>) {
        self.pass_time(now);
        self.sessions.knock_at(now, paths);
    }

    /// Ends every session with a *bye*, because the server ends.
    pub fn close(&mut self) {
        self.sessions.close_all(self.now);
    }

    /// Handles a datagram. Whatever its bytes are, the worst result is a counted drop.
    pub fn handle_datagram(&mut self, now: Instant, path: Path, bytes: &[u8]) {
        self.pass_time(now);
        self.counters.received += 1;
        if let Err(reason) = self.receive(path, bytes) {
            self.counters.drop_for(self.now, reason);
        }
        self.refuse_lost();
        self.check();
    }

    fn receive(&mut self, path: Path, bytes: &[u8]) -> Result<(), DropReason> {
        if path.peer.port() == 0 {
            return Err(DropReason::NoReturn);
        }
        if packet::is_session(bytes) {
            let (sessions, mut cx) = self.split();
            return sessions.receive(&mut cx, path, bytes);
        }
        if dialect::is_probe(bytes) {
            self.sessions.probed(self.now, path);
            return Ok(());
        }
        if self.is_sanctioned(path.peer.ip()) {
            return Err(DropReason::Barred);
        }
        let mut intake = Intake {
            now: self.now,
            policy: if self.room.is_closed() { TextPolicy::Off } else { self.config.text },
            rate: self.config.rate,
            signup_rate: self.config.signup_rate,
            signups: &mut self.signups,
            members_max: self.config.members_max,
            sessions: self.sessions.len(),
            queue: &mut self.queue,
        };
        self.text.receive(path, bytes, &mut intake)
    }

    /// Tells authors whose items lost their places in the queue to others, if they are owed an outcome.
    fn refuse_lost(&mut self) {
        while let Some(slot) = self.queue.poll_lost() {
            self.counters.drop_for(self.now, DropReason::QueueFull);
            self.settled(&slot, Outcome::Refused(Refusal::Busy));
            self.done_with(slot);
        }
    }

    /// Does a turn's worth of public-key work for handshakes ([`WORK_OF_A_TURN`]), a quarter of it if more has come in than was
    /// looked at. Returns whether more is left, for the next turn, when everybody else has had theirs.
    pub fn shake_hands(&mut self, now: Instant, is_busy: bool) -> bool {
        self.pass_time(now);
        let mut dropped = Vec::new();
        let (sessions, mut cx) = self.split();
        let more = sessions.shake_hands(&mut cx, is_busy, |reason| dropped.push(reason));
        for reason in dropped {
            self.counters.drop_for(self.now, reason);
        }
        self.refuse_lost();
        self.check();
        more
    }

    /// Handles the system's report that `peer` cannot be reached.
    pub fn handle_unreachable(&mut self, socket: SocketId, peer: SocketAddr, why: Unreachable) {
        self.text.handle_unreachable(socket, peer, why, &self.queue);
        self.check();
    }

    /// Handles the deadline, which has passed. Afterwards [`Server::poll_timeout`] is later than `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.pass_time(now);
        self.text.expire(now, self.config.text_idle, &self.queue);
        let end = self.room.window.end();
        if self.room.announcements.handle_timeout(self.now, end) {
            self.sessions.log_grew(self.now);
        }
        self.write_settings();
        let (sessions, mut cx) = self.split();
        sessions.handle_timeout(&mut cx);
        self.refuse_lost();
        self.check();
    }

    /// Returns when to call [`Server::handle_timeout`], if ever.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let text = self.text.members.expiry(self.config.text_idle);
        let room = self.room.presence.expiry();
        let announcements = self.room.announcements.poll_timeout();
        let settings = self.settings.poll_timeout();
        let all = [text, self.queue.next_wake(), room, announcements, settings, self.sessions.poll_timeout(self.now)];
        all.into_iter().flatten().min()
    }

    /// Returns the next draft to submit to the log.
    #[must_use]
    pub fn poll_draft(&mut self) -> Option<Draft<'_>> {
        let behind = self.text.ring.held().max(self.unsent) + self.reserved;
        if self.log_state == State::Away || behind >= BACKLOG_MAX {
            return None;
        }
        self.drop_silenced();
        let slot = self.queue.peek()?;
        slot.render(&mut self.rendered);
        let author = match slot.source {
            Source::Text(author) => self.text.members.get_mut(author),
            Source::Session(_) => None,
        };
        let prefix_len = match (slot.kind, author) {
            (ItemKind::Line, Some(author)) => dialect::prefix(&self.rendered, &author.nick).len(),
            (ItemKind::Signup, Some(author)) => {
                author.set_nick(&slot.text);
                0
            }
            _ => 0,
        };
        let entries = match slot.source {
            Source::Text(_) => dialect::cut(&self.rendered, &self.rendered[..prefix_len]).count() as u64,
            Source::Session(_) => 1,
        };
        let id = self.queue.pop(entries)?;
        self.reserved += entries;
        let slot = self.queue.get(id)?;
        let post = slot.post.map(|post| (slot.who, post));
        let source = slot.source.key() as u64;
        let is_known = slot.kind == ItemKind::Joined && self.room.policy.holds(slot.who, &slot.nick);
        self.skeletons = if is_known { Skeletons::default() } else { slot.skeletons() };
        let tail = slot.tail(&self.skeletons);
        Some(Draft { id, source, entry: slot.entry(&self.rendered), prefix_len, tail, post, at: self.wall })
    }

    /// Drops the next items if they are of text members that may not speak any more.
    fn drop_silenced(&mut self) {
        while let Some(Source::Text(author)) = self.queue.peek().map(|slot| slot.source) {
            let ip = self.text.members.get(author).map(|member| member.path.peer.ip());
            let may_speak = !self.room.is_closed() && ip.is_some_and(|ip| !self.is_sanctioned(ip));
            if may_speak {
                return;
            }
            let Some(id) = self.queue.pop(0) else { return };
            if let Some(slot) = self.queue.take(id) {
                self.counters.drop_for(self.now, DropReason::Barred);
                self.done_with(slot);
            }
        }
    }

    /// Returns whether text members at that address may not speak, or have to stay out.
    fn is_sanctioned(&self, ip: IpAddr) -> bool {
        // In most rooms there are none, and each datagram asks.
        let policy = &self.room.policy;
        policy.has_addresses() && policy.sanction(&Name::Address(address_name(ip)), self.wall).is_some()
    }

    /// Returns some of what is to be stored beside the log, of how far the users of keys have read; `all` that has changed, if the
    /// server ends.
    pub(super) fn poll_reads(&mut self, all: bool) -> Vec<ReadOf> {
        self.sessions.poll_reads(all)
    }

    /// Takes back what could not be stored.
    pub(super) fn reads_not_stored(&mut self, some: &[ReadOf]) {
        self.sessions.reads_not_stored(self.now, some);
    }

    /// Returns the next request to the log. The more requests the driver takes at once, the longer everybody else waits.
    #[must_use]
    pub fn poll_request(&mut self) -> Option<Request> {
        let (sessions, mut cx) = self.split();
        sessions.poll_request(&mut cx)
    }

    /// Whether [`Server::poll_request`] has something; to be asked when everything has been sent that can be.
    pub fn has_requests(&self) -> bool {
        self.sessions.has_requests(self.now, &self.room)
    }

    /// Whether to ask the log for entries that new text members are to be sent. Until these are here, such members go without.
    pub fn wants_newest(&self) -> bool {
        self.sessions.wants_newest(self.now, &self.room)
    }

    /// Whether to ask the log for more outcomes: not while text members are too far behind.
    pub fn takes_outcomes(&self) -> bool {
        self.text.ring.held() + self.reserved < TOLD_MAX
    }

    /// Handles an outcome from the log. Whatever belongs in the transcript is given to `transcript`, as tag
    /// ([`dialect::SIGNUP_TAG`], or nothing) and text, control characters included.
    pub fn handle_outcome(&mut self, now: Instant, told: Told<'_>, transcript: impl FnMut(&str, &str)) {
        self.pass_time(now);
        match told {
            Told::Appended(appended) => self.appended(&appended, transcript),
            Told::Rejected { draft, why } => self.rejected(draft, why),
            Told::Page { id, page } => {
                let (sessions, mut cx) = self.split();
                sessions.answer_page(&mut cx, id, page);
            }
            Told::Known { id, as_of, known } => {
                debug_assert!(as_of <= self.end());
                let (sessions, mut cx) = self.split();
                sessions.answer_known(&mut cx, id, &known);
            }
            Told::Rewritten { from, to } => self.room.window.forget(from, to),
            Told::Truncated { oldest } => self.room.window.truncate(oldest),
            Told::NewLog(opening) => self.begin_anew(*opening),
            Told::State(state) => self.log_state = state,
        }
        self.refuse_lost();
        self.check();
    }

    fn done_with(&mut self, slot: Slot) {
        let source = slot.source;
        self.queue.recycle(slot);
        if let Source::Text(author) = source {
            self.text.done(author, &self.queue);
        }
    }

    fn pass_time(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.queue.wake(self.now);
    }

    /// Returns the sessions, and the parts of the server that they work with.
    fn split(&mut self) -> (&mut Sessions, Context<'_>) {
        let cx = Context {
            now: self.now,
            wall: self.wall,
            queue: &mut self.queue,
            room: &mut self.room,
            rate: self.config.rate,
            members_max: self.config.members_max,
            announce_each: self.config.announce_each,
            texts: &self.text.members,
            name: &self.config.name,
        };
        (&mut self.sessions, cx)
    }

    fn check(&self) {
        // Otherwise the ring would have no place for what was submitted.
        assert!(self.text.ring.held() + self.reserved < TOLD_MAX + ENTRIES_OF_A_DRAFT, "too much is submitted");
        debug_assert!(self.text.fanouts.iter().map(Fanout::len).sum::<usize>() <= self.text.members.len());
        debug_assert!(self.text.members.len() <= self.config.members_max.max(1));
    }
}
