//! Members with sessions (PROTOCOL 2).
//!
//! Owns: their sessions and cursors, whose turn it is to be sent something, their deadlines; the handshakes (`lobby`,
//! `handshakes`), the requests to the log for them (`archive`), how much each may post.
//! Must not know: text members, the backend of the log.
//! Driven by: the server, which hands it datagrams and appended entries; whatever is to become an entry goes into the queue.
//!
//! ```text
//!                        +----------- an ack, the log grew, a deadline ------------+
//!                        v                                                         |
//!   ready (one a socket) ---> packets ---> at the end of the log, window closed, or paced
//! ```
//! No datagram makes the server walk through all members: when the log grows, the sessions at its end become ready, and each of
//! them gets a packet for that.

mod archive;
mod cursor;
mod handshakes;
mod intake;
mod knocks;
mod letters;
mod lobby;
mod notices;
mod orders;
mod owed;
mod peer;
mod reading;
mod reads;
mod receipts;
mod rounds;
mod turns;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use slab::Slab;

use crate::log::{Known, Page, Request, RequestId, Start};
use crate::server::admission::Prefix;
use crate::server::admission::allowance::Allowance;
use crate::server::admission::rate::{Meter, Meters, Rate};
use crate::server::admission::suspects::Suspects;
use crate::server::ids::{AuthorId, Path, PeerId, SocketId, Source};
use crate::server::outgoing::Outgoing;
use crate::server::queue::{ItemKind, Queue, Slot};
use crate::server::room::Room;
use crate::server::room::presence::{News, Notice};
use crate::server::text::members::Members;
use crate::server::timers::Timers;
use crate::session::{DEAD_AFTER, Entropy, OFFERS_AES, StaticKey, TokenKey, Transport};
use crate::time::Instant;
use crate::wire::frame::{History, Outcome, Welcome};
use crate::wire::{CloseReason, Instance, Nick, Seq, SessionId, Timestamp, Who, packet};
use archive::Archive;
use handshakes::Registering;
use knocks::Knocks;
use lobby::Lobby;
pub use lobby::{HALF_OPEN_MAX, WORK_OF_A_TURN};
use peer::{Peer, Turn};
pub(crate) use reads::ReadOf;
use reads::Reads;
use receipts::Receipts;
use rounds::Rounds;

/// Packets that one session is sent before the next has its turn. Chosen: what one system call carries well.
const PACKETS_OF_A_TURN: usize = 16;

/// Datagrams built before the socket is asked to take them; some more if they are of one session's turn. Chosen: few, so that
/// entries that arrive meanwhile travel in the packets that are not built yet; enough for one system call.
const BUILT_MAX: usize = 16;

/// Replies that wait for a socket before more are dropped. Chosen: a flood draws small replies only, and clients ask again for
/// lost ones.
const REPLIES_MAX: usize = 1024;

/// The parts of the server that the sessions work with.
pub(super) struct Context<'a> {
    pub(super) now: Instant,
    /// The wall-clock time.
    pub(super) wall: Timestamp,
    pub(super) queue: &'a mut Queue,
    pub(super) room: &'a mut Room,
    /// How much each key may post; its joins and leaves count too.
    pub(super) rate: Option<Rate>,
    /// The most members.
    pub(super) members_max: usize,
    pub(super) announce_each: usize,
    /// The text members.
    pub(super) texts: &'a Members,
    /// Where others reach the server.
    pub(super) name: &'a str,
}

/// The members with sessions; see the module.
#[derive(Debug)]
pub(super) struct Sessions {
    key: StaticKey,
    /// The ciphers that it offers beside the one that everybody speaks.
    ciphers: u32,
    entropy: Entropy,
    tokens: TokenKey,
    lobby: Lobby,
    allowance: Allowance,
    suspects: Suspects,
    archive: Archive,
    peers: Slab<Box<Peer>>,
    by_id: BTreeMap<SessionId, PeerId>,
    by_author: BTreeMap<AuthorId, PeerId>,
    /// The sessions of each key.
    by_who: BTreeSet<(Who, PeerId)>,
    /// Sessions that have something to be sent, by socket.
    ready: Vec<VecDeque<PeerId>>,
    /// Sessions that have been sent everything.
    at_end: Vec<PeerId>,
    /// When these are sent new entries.
    rounds: Rounds,
    timers: Timers,
    outgoing: Vec<Outgoing>,
    /// How much each key has written to each other one in private, and those together that are without a meter.
    pairs: Meters<(Who, Who)>,
    other_pairs: Meter,
    /// How many *unknown* each prefix was sent, and how many the prefixes without a meter were sent together.
    unknowns: Meters<Prefix>,
    unknowns_of_others: Meter,
    /// Members from before a restart of the server.
    knocks: Knocks,
    /// How often a session began or ended.
    moves: u64,
    /// Clients that wait for the log to take the entry that makes their keys known, by ticket; and the newest ticket.
    registering: BTreeMap<u64, Box<Registering>>,
    tickets: u64,
    /// Which authors want to know who has received an entry.
    receipts: Receipts,
    /// How far the users of keys have read.
    reads: Reads,
    /// The key whose packet or finish is being handled.
    in_hand: Option<Who>,
}

impl Sessions {
    /// Creates the state of a server with this key and `sockets` sockets, which offers AES or not. All its randomness comes from `seed`.
    pub(super) fn new(key: StaticKey, seed: [u8; 32], has_aes: bool, sockets: usize) -> Self {
        let mut entropy = Entropy::new(seed);
        Self {
            key,
            ciphers: if has_aes { OFFERS_AES } else { 0 },
            tokens: TokenKey::new(&mut entropy),
            entropy,
            lobby: Lobby::default(),
            allowance: Allowance::default(),
            suspects: Suspects::default(),
            archive: Archive::default(),
            peers: Slab::new(),
            by_id: BTreeMap::new(),
            by_author: BTreeMap::new(),
            by_who: BTreeSet::new(),
            ready: (0..sockets).map(|_| VecDeque::new()).collect(),
            at_end: Vec::new(),
            rounds: Rounds::new(),
            timers: Timers::default(),
            outgoing: (0..sockets).map(|_| Outgoing::default()).collect(),
            pairs: Meters::default(),
            other_pairs: Meter::default(),
            unknowns: Meters::default(),
            unknowns_of_others: Meter::default(),
            knocks: Knocks::default(),
            moves: 0,
            registering: BTreeMap::new(),
            tickets: 0,
            receipts: Receipts::default(),
            reads: Reads::default(),
            in_hand: None,
        }
    }

    /// Returns how many sessions there are.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Returns the server's keys in a session; see [`crate::session::Session::keys`].
    pub(super) fn keys(&self, session: SessionId) -> Option<Transport> {
        let &id = self.by_id.get(&session)?;
        Some(self.peer(id)?.session.keys())
    }

    /// Refuses the key until then.
    pub(super) fn refuse(&mut self, who: Who, until: Instant) {
        self.suspects.refuse(who, until);
    }

    /// Returns the key whose packet or finish is being handled.
    pub(super) const fn in_hand(&self) -> Option<Who> {
        self.in_hand
    }

    /// Returns the members' addresses: by their last post, the latest first, and then by when they were last heard.
    pub(super) fn places(&self) -> Vec<Path> {
        let mut places: Vec<_> = self
            .peers
            .iter()
            .map(|(_, peer)| (Reverse((peer.posted, peer.session.heard())), peer.session.path()))
            .collect();
        places.sort_unstable();
        // If this server crashes too, the next one still expects the members that are not back yet.
        places.into_iter().map(|(_, path)| path).chain(self.knocks.expected()).collect()
    }

    /// Returns a number that changes when a session begins or ends.
    pub(super) const fn moves(&self) -> u64 {
        self.moves
    }

    /// Knocks at members from before a restart of the server.
    pub(super) fn knock_at(&mut self, now: Instant, paths: impl IntoIterator<Item = Path>) {
        let sockets = self.outgoing.len();
        self.knocks = Knocks::new(paths.into_iter().filter(|path| path.socket.0 < sockets));
        self.knock(now);
    }

    fn knock(&mut self, now: Instant) {
        while let Some(path) = self.knocks.poll(now) {
            self.reply(path, &packet::knock());
        }
    }

    /// Handles the deadline, which has passed.
    pub(super) fn handle_timeout(&mut self, cx: &mut Context<'_>) {
        let now = cx.now;
        self.lobby.expire(now);
        self.knock(now);
        if self.rounds.handle_timeout(now, self.by_id.len()) {
            self.begin_round();
        }
        while let Some(id) = self.timers.expired(now) {
            let Some(peer) = self.peer_mut(id) else { continue };
            if peer.session.handle_timeout(now) {
                log::debug!("{} is gone: silent for {DEAD_AFTER:?}", peer.session.path().peer);
                self.close(cx, id, CloseReason::TimedOut);
                continue;
            }
            peer.paced = peer.paced.filter(|&paced| paced > now);
            self.take_back_lost(cx, id);
            self.challenge(now, id);
            self.wake(id);
            self.arm(id);
        }
        self.count_receipts(cx);
        self.reads.handle_timeout(now);
        while let Some(notice) = cx.room.presence.expired(now) {
            self.tell(cx, &notice, None, None);
        }
        for notice in cx.room.presence.untold(now) {
            self.tell(cx, &notice, None, None);
        }
    }

    /// Returns when to call [`Sessions::handle_timeout`].
    pub(super) fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        let archive = self.archive.poll_timeout(now);
        let (receipts, reads) = (self.receipts.poll_timeout(), self.reads.poll_timeout());
        let others =
            [self.lobby.expiry(), self.knocks.poll_timeout(), self.rounds.poll_timeout(), archive, receipts, reads];
        others.into_iter().chain([self.timers.next()]).flatten().min()
    }

    /// Returns the next request to the log.
    pub(super) fn poll_request(&mut self, cx: &mut Context<'_>) -> Option<Request> {
        while let Some(session) = self.archive.poll_beginning() {
            let peer = self.by_id.get(&session).and_then(|&id| self.peer(id));
            let Some((peer, history)) = peer.and_then(|peer| Some((peer, peer.begins()?))) else { continue };
            let (who, instance) = (peer.who, peer.instance);
            let start = history.map(|history| match history {
                History::Last(messages) => Start::Messages(messages),
                History::Within(seconds) => Start::Since(cx.wall.before(Duration::from_secs(seconds))),
            });
            return Some(Request::Known { id: self.archive.ask_known(session), who, instance, start });
        }
        self.archive.poll_page(cx.now, &cx.room.window)
    }

    /// Whether there is anything to ask of the log.
    pub(super) fn has_requests(&self, now: Instant, room: &Room) -> bool {
        self.archive.has_requests(now, &room.window)
    }

    /// Whether to ask for one of the newest pages.
    pub(super) fn wants_newest(&self, now: Instant, room: &Room) -> bool {
        self.archive.wants_newest(now, &room.window)
    }

    /// Takes a page that was read.
    pub(super) fn answer_page(&mut self, cx: &mut Context<'_>, id: RequestId, page: Page) {
        for peer in self.archive.answer_page(cx.now, id, page, &mut cx.room.window) {
            self.wake(peer);
        }
    }

    /// Takes the result of the look-up for a session that begins.
    pub(super) fn answer_known(&mut self, cx: &mut Context<'_>, id: RequestId, known: &Known) {
        let Some(session) = self.archive.answer_known(id) else { return };
        let Some(&id) = self.by_id.get(&session) else { return };
        let Some(peer) = self.peers.get_mut(id.key()) else { return };
        let Some(history) = peer.begins() else { return };
        let start = if history.is_some() { known.start } else { Some(peer.welcome().start) };
        let remembers = cx.room.posts.learn(peer.author, known);
        // The end as it was when the session began: later entries are no history.
        let end = peer.welcome().end;
        peer.begin(Welcome { log: cx.room.log, start: start.unwrap_or(end).min(end), end, remembers });
        self.wake(id);
    }

    /// Begins with a log that ends at `end`, in which these keys were present.
    pub(super) fn recall_receipts(&mut self, end: Seq, present: impl IntoIterator<Item = Who>) {
        self.receipts.recall(end, present);
    }

    /// Notes that, according to the log, this key was present under this nick when the server ended.
    pub(super) fn recall_present(cx: &mut Context<'_>, who: Who, nick: Nick) {
        let author = cx.room.posts.find_or_insert(who, Instance::default());
        cx.room.presence.recall_joined(cx.now, who, nick, author);
    }

    /// Notes that there are new entries to send: a round begins now, or once the last one is long enough ago.
    pub(super) fn log_grew(&mut self, now: Instant) {
        if self.rounds.log_grew(now, self.by_id.len()) {
            self.begin_round();
        }
    }

    /// Gives a turn to every session that has been sent everything.
    fn begin_round(&mut self) {
        while let Some(id) = self.at_end.pop() {
            if let Some(peer) = self.peer_mut(id) {
                peer.turn = Turn::Waiting;
            }
            self.wake(id);
        }
    }

    /// Settles an author's item with this outcome.
    pub(in crate::server) fn settled(&mut self, cx: &mut Context<'_>, slot: &Slot, outcome: Outcome) {
        if slot.deed.ticket != 0 {
            return self.registered(cx, slot.deed.ticket, outcome);
        }
        self.settle(cx.now, cx.room, slot, outcome);
    }

    fn settle(&mut self, now: Instant, room: &mut Room, slot: &Slot, outcome: Outcome) {
        let Source::Session(author) = slot.source else { return };
        if let Some(news) = News::of(slot.kind)
            && let Ok(nick) = slot.nick.parse()
        {
            let is_taken = matches!(outcome, Outcome::Accepted(_));
            room.presence.told(now, Notice { who: slot.who, nick, author, news }, is_taken);
        }
        let Some(post) = slot.post else { return };
        if slot.kind == ItemKind::Renamed {
            self.renamed(room, author, slot, outcome);
        }
        room.posts.settle(author, post.counter, outcome);
        if let Some(&id) = self.by_author.get(&author) {
            self.wake_first(id);
        }
    }

    /// Ends a rename: the session goes back to its old nick if the log refused it. Releases the nick that is no longer in use.
    fn renamed(&mut self, room: &mut Room, author: AuthorId, slot: &Slot, outcome: Outcome) {
        let (Ok(before), Ok(to)) = (slot.nick.parse::<Nick>(), slot.text.parse::<Nick>()) else { return };
        room.presence.release(&to);
        let peer = self.by_author.get(&author).and_then(|id| self.peers.get_mut(id.key()));
        let goes_back = peer.filter(|peer| matches!(outcome, Outcome::Refused(_)) && peer.nick == to);
        let Some(peer) = goes_back else { return room.presence.release(&before) };
        peer.nick = before.clone();
        room.presence.release(&to);
        if peer.present {
            room.presence.renamed(peer.who, &to, &before);
        }
    }

    /// Checks that everything is within its limits, whatever came in.
    fn check(&self) {
        debug_assert!(self.lobby.len() <= HALF_OPEN_MAX);
        let most = REPLIES_MAX + BUILT_MAX + PACKETS_OF_A_TURN + 1;
        debug_assert!(self.outgoing.iter().all(|outgoing| outgoing.len() <= most));
        debug_assert!(self.by_author.len() <= self.by_id.len() && self.by_id.len() == self.peers.len());
        debug_assert!(self.timers.len() <= self.by_id.len(), "a session that is gone has no deadline");
        debug_assert!(self.at_end.len() <= self.by_id.len());
    }

    /// Returns what was built for the socket.
    pub(super) fn outgoing(&self, socket: SocketId) -> &Outgoing {
        &self.outgoing[socket.0]
    }

    /// As [`Sessions::outgoing`].
    pub(super) fn outgoing_mut(&mut self, socket: SocketId) -> &mut Outgoing {
        &mut self.outgoing[socket.0]
    }

    /// Ends every session with a *bye* and forgets it, because the server ends or its log was replaced.
    pub(super) fn close_all(&mut self, now: Instant) {
        for mut peer in self.peers.drain() {
            self.allowance.depart(now, peer.allowed);
            let socket = peer.session.path().socket;
            self.outgoing[socket.0].push(|out| Some(peer.session.bye(CloseReason::ServerEnds, out)));
        }
        self.by_id.clear();
        self.by_author.clear();
        self.by_who.clear();
        self.timers = Timers::default();
        self.at_end.clear();
        self.archive = Archive::default();
        self.receipts.clear();
        // They come again.
        self.registering.clear();
    }

    /// Challenges a new address of the session, through the socket of that address. A challenge that finds no place among the
    /// replies is lost, like one lost on the way.
    fn challenge(&mut self, now: Instant, id: PeerId) {
        let Some(peer) = self.peer_mut(id) else { return };
        let mut challenge = Vec::new();
        if let Some(path) = peer.session.poll_challenge(now, &mut challenge) {
            self.reply(path, &challenge);
        }
    }

    /// Has the contents of lost packets sent again.
    fn take_back_lost(&mut self, cx: &mut Context<'_>, id: PeerId) {
        let Some(peer) = self.peer_mut(id) else { return };
        while let Some(again) = peer.session.poll_lost() {
            peer.again(again, cx.room.posts.get_mut(peer.author));
        }
    }

    fn close(&mut self, cx: &mut Context<'_>, id: PeerId, why: CloseReason) {
        self.leave_end(id);
        self.moves += 1;
        let Some(mut peer) = self.peers.try_remove(id.key()) else { return };
        if !matches!(why, CloseReason::Left | CloseReason::TimedOut) {
            let socket = peer.session.path().socket;
            let first = handshakes::barred(cx, peer.who, why);
            self.outgoing[socket.0].push(|out| Some(peer.session.bye_behind(first.as_ref(), why, out)));
        }
        self.timers.disarm(id);
        self.archive.forget(id, &mut cx.room.window);
        self.receipts.forget(id);
        self.allowance.depart(cx.now, peer.allowed);
        // Its place in the ready queue stays: the session that gets the id next is looked at once for nothing.
        self.by_id.remove(&peer.id);
        self.by_who.remove(&(peer.who, id));
        if self.by_author.get(&peer.author) == Some(&id) {
            self.by_author.remove(&peer.author);
        }
        cx.room.posts.set_gone(peer.author, Some(cx.now));
        if let Some(notice) = cx.room.presence.depart(cx.now, peer.who, &peer.nick, peer.present, why) {
            self.tell(cx, &notice, peer.allowed.young(), None);
        }
        if peer.present {
            self.receipts.depart(peer.who, peer.instance, peer.received_from());
        }
        self.receipts.forget_if_gone(peer.who, cx.room);
    }

    /// Takes an entry that has effect, whoever wrote it.
    pub(super) fn appended(&mut self, seq: Seq, encoded: &[u8], room: &Room) {
        self.receipts.append(seq, encoded, room);
    }

    fn reply(&mut self, path: Path, bytes: &[u8]) {
        push_reply(&mut self.outgoing[path.socket.0], path, bytes);
    }

    fn peer(&self, id: PeerId) -> Option<&Peer> {
        self.peers.get(id.key()).map(|peer| &**peer)
    }

    fn peer_mut(&mut self, id: PeerId) -> Option<&mut Peer> {
        self.peers.get_mut(id.key()).map(|peer| &mut **peer)
    }
}

fn push_reply(outgoing: &mut Outgoing, path: Path, bytes: &[u8]) {
    if outgoing.len() < REPLIES_MAX {
        outgoing.push(|out| {
            out.extend_from_slice(bytes);
            Some(path)
        });
    }
}
