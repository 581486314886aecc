//! Members with sessions (PROTOCOL 2).
//!
//! Owns: their sessions and cursors, whose turn it is to be sent something, their deadlines; the handshakes (`lobby`),
//! who posted what (`authors`), who is present (`roster`), the entries that can still be sent (`history`).
//! Must not know: text peers, the backend of the log.
//! Driven by: `room`, which hands it datagrams and outcomes; what is to become an entry it puts into the room's queue.
//!
//! ```text
//!                        +----------- an ack, the log grew, a deadline ------------+
//!                        v                                                         |
//!   ready (one a socket) ---> packets ---> at the end of the log, window closed, or paced
//! ```
//! No list of all members is gone through for a datagram: when the log grows, those at its end become ready, and each of
//! them gets a packet for that.

mod authors;
mod cursor;
mod history;
mod intake;
mod lobby;
mod peer;
mod roster;
mod timers;

use std::collections::{BTreeMap, VecDeque};

pub(super) use authors::AuthorId;
pub use authors::POSTS_MAX;
pub(super) use intake::Intake;
pub use lobby::{HALF_OPEN_MAX, HALF_OPEN_OF_A_PREFIX};
pub use roster::SESSIONS_OF_A_KEY;

use super::entry::EntryKind;
use super::members::{Path, SocketId};
use super::queue::{Item, Queue, Slot, Source};
use super::rate::{Meter, Rate};
use super::transmit::Outgoing;
use super::{BURST_SECONDS, RESTING_MAX};
use crate::sabotage::{Fault, planted};
use crate::session::{Entropy, Minter, StaticKey, Tap};
use crate::time::Instant;
use crate::wire::entry::Entry;
use crate::wire::frame::Outcome;
use crate::wire::{CloseReason, Instance, LogId, Nick, PostId, Refusal, Seq, SessionId};
use authors::Authors;
use history::History;
use lobby::Lobby;
use peer::{Peer, PeerId};
use roster::{Notice, Roster};
use timers::Timers;

/// Packets that one session is sent before the next has its turn. Chosen: what one call carries well.
const TURN: usize = 16;

/// Datagrams that are built before the socket is asked to take them, some more if they are of one session's turn. Chosen:
/// few, for what comes in meanwhile goes along in those that are not built yet; enough for one call.
const BUILT_MAX: usize = 16;

/// Replies that wait for a socket before more are dropped. Chosen: whoever floods draws small ones; they are asked for
/// again.
const REPLIES_MAX: usize = 1024;

/// What a room needs to have sessions.
#[derive(Clone, Debug)]
pub struct Config {
    /// The server's key.
    pub key: StaticKey,
    /// Which log it is.
    pub log: LogId,
    /// All the randomness of the sessions comes from this.
    pub seed: [u8; 32],
    /// How many bytes of entries are kept for those who are behind.
    pub history_bytes: usize,
    /// Who is told what is in the packets; nobody but in the laboratory.
    pub tap: Option<Tap>,
}

/// The members with sessions; see the module.
#[derive(Debug)]
pub(super) struct Sessions {
    key: StaticKey,
    log: LogId,
    entropy: Entropy,
    minter: Minter,
    lobby: Lobby,
    authors: Authors,
    roster: Roster,
    history: History,
    peers: Vec<Option<Box<Peer>>>,
    free: Vec<PeerId>,
    by_id: BTreeMap<SessionId, PeerId>,
    by_author: BTreeMap<AuthorId, PeerId>,
    /// Who has something to be sent, by socket.
    ready: Vec<VecDeque<PeerId>>,
    /// Who has been sent everything.
    at_end: Vec<PeerId>,
    timers: Timers,
    outgoing: Vec<Outgoing>,
    unknowns: Meter,
    tap: Option<Tap>,
}

impl Sessions {
    /// None yet, on `sockets` sockets, of a log whose next entry is `next`.
    pub(super) fn new(config: &Config, sockets: usize, next: Seq) -> Self {
        let mut entropy = Entropy::new(config.seed);
        Self {
            key: config.key.clone(),
            log: config.log,
            minter: Minter::new(&mut entropy),
            entropy,
            lobby: Lobby::default(),
            authors: Authors::default(),
            roster: Roster::default(),
            history: History::new(next, config.history_bytes),
            peers: Vec::new(),
            free: Vec::new(),
            by_id: BTreeMap::new(),
            by_author: BTreeMap::new(),
            ready: (0..sockets).map(|_| VecDeque::new()).collect(),
            at_end: Vec::new(),
            timers: Timers::default(),
            outgoing: (0..sockets).map(|_| Outgoing::default()).collect(),
            unknowns: Meter::default(),
            tap: config.tap.clone(),
        }
    }

    /// How many sessions there are.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The deadline has passed.
    pub(super) fn handle_timeout(&mut self, now: Instant, queue: &mut Queue) {
        self.lobby.expire(now);
        while let Some(id) = self.timers.expired(now) {
            let Some(peer) = self.peer_mut(id) else { continue };
            if peer.session.handle_timeout(now) {
                ::log::debug!("{} is gone: silent for {:?}", peer.session.path().peer, crate::session::DEAD_AFTER);
                self.close(now, id, CloseReason::TimedOut, queue);
                continue;
            }
            peer.paced = peer.paced.filter(|&paced| paced > now);
            self.take_back_lost(id);
            self.wake(id);
            self.arm(id);
        }
        while let Some(notice) = self.roster.expired(now) {
            self.tell_left(now, &notice, queue);
        }
    }

    /// When [`Sessions::handle_timeout`] is to be called.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        [self.timers.next(), self.lobby.expiry(), self.roster.expiry()].into_iter().flatten().min()
    }

    /// The log had this entry when the server began, with this post.
    pub(super) fn recall(&mut self, now: Instant, seq: Seq, entry: &Entry<'_>, post: Option<PostId>) {
        debug_assert_eq!(seq, self.history.end(), "recalled in order");
        self.history.append(entry);
        match (*entry, post) {
            (Entry::Said { who, .. } | Entry::Did { who, .. } | Entry::Renamed { who, .. }, Some(post)) => {
                let author = self.authors.find_or_insert(who, post.instance);
                self.authors.recall(author, post.counter, seq);
                self.authors.set_gone(author, Some(now));
            }
            (Entry::Joined { who, nick }, _) => {
                if let Ok(nick) = nick.parse() {
                    let author = self.authors.find_or_insert(who, Instance::default());
                    self.roster.recall_joined(now, who, nick, author);
                }
            }
            (Entry::Left { who, nick, .. }, _) => {
                nick.parse().into_iter().for_each(|nick| self.roster.recall_left(who, nick));
            }
            (Entry::Said { .. } | Entry::Did { .. } | Entry::Renamed { .. } | Entry::Line { .. }, _) => {}
        }
        if let Entry::Renamed { who, nick, to } = *entry
            && let (Ok(nick), Ok(to)) = (nick.parse(), to.parse())
        {
            self.roster.recall_renamed(now, who, nick, to);
        }
    }

    /// An entry is committed.
    pub(super) fn append(&mut self, entry: &Entry<'_>) {
        self.history.append(entry);
        while let Some(id) = self.at_end.pop() {
            if let Some(peer) = self.peer_mut(id) {
                peer.at_end = None;
                self.wake(id);
            }
        }
    }

    /// This became of a draft of an author's.
    pub(super) fn settled(&mut self, slot: &Slot, outcome: Outcome) {
        let (Some(author), Some(post)) = (slot.source.as_author(), slot.post) else { return };
        if slot.kind == EntryKind::Renamed {
            self.renamed(author, slot, outcome);
        }
        let outcome = match outcome {
            Outcome::Refused(_) if planted(Fault::AcceptRejected) => Outcome::Accepted(self.history.end()),
            Outcome::Accepted(_) | Outcome::Refused(_) => outcome,
        };
        self.authors.settle(author, post.counter, outcome);
        if let Some(&id) = self.by_author.get(&author) {
            self.wake(id);
        }
    }

    /// A nick is another one's now, or is not: the one that goes is free.
    fn renamed(&mut self, author: AuthorId, slot: &Slot, outcome: Outcome) {
        let (Ok(before), Ok(to)) = (slot.nick.parse::<Nick>(), slot.text.parse::<Nick>()) else { return };
        let peer = self.by_author.get(&author).copied().and_then(|id| self.peer_mut(id));
        let goes_back = peer.filter(|peer| matches!(outcome, Outcome::Refused(_)) && peer.nick == to);
        let Some(peer) = goes_back else { return self.roster.release(&before) };
        let (who, is_present) = (peer.who, peer.present);
        peer.nick = before.clone();
        self.roster.release(&to);
        if is_present {
            self.roster.renamed(who, &to, &before);
        }
    }

    /// Builds what is to be sent next through `socket`. False if there is nothing.
    pub(super) fn build(&mut self, now: Instant, socket: SocketId) -> bool {
        while self.outgoing[socket.0].len() < BUILT_MAX {
            let Some(id) = self.ready[socket.0].pop_front() else { break };
            let Some(peer) = self.peers.get_mut(id.0 as usize).and_then(Option::as_mut) else { continue };
            peer.queued = false;
            let Some(author) = self.authors.get_mut(peer.author) else { continue };
            let outgoing = &mut self.outgoing[socket.0];
            outgoing.push(|out| peer.session.poll_challenge(now, out));
            let mut packets = 0;
            while packets < TURN && outgoing.push(|out| peer.poll_packet(now, author, &self.history, out)) {
                packets += 1;
            }
            match peer.session.may_send(now) {
                Err(paced) if peer.wants(author, self.history.end()) => peer.paced = paced,
                Ok(()) if packets > 0 && peer.wants(author, self.history.end()) => self.wake(id),
                // It has been sent all that there is.
                Ok(()) | Err(_) if peer.at_end.is_none() => {
                    peer.at_end = Some(self.at_end.len());
                    self.at_end.push(id);
                }
                Ok(()) | Err(_) => {}
            }
            self.arm(id);
        }
        self.check();
        self.outgoing[socket.0].len() > 0
    }

    /// Everything has its limit, whatever came in.
    fn check(&self) {
        debug_assert!(self.lobby.len() <= HALF_OPEN_MAX);
        debug_assert!(self.outgoing.iter().all(|outgoing| outgoing.len() <= REPLIES_MAX + BUILT_MAX + TURN + 1));
        debug_assert!(self.by_author.len() <= self.by_id.len() && self.by_id.len() <= self.peers.len());
        debug_assert!(self.timers.len() <= self.by_id.len(), "a session that is gone has no deadline");
        debug_assert!(self.at_end.len() <= self.by_id.len());
    }

    /// What was built for the socket.
    pub(super) fn outgoing(&mut self, socket: SocketId) -> &mut Outgoing {
        &mut self.outgoing[socket.0]
    }

    /// The server ends: everybody is told.
    pub(super) fn close_all(&mut self) {
        for id in std::mem::take(&mut self.by_id).into_values() {
            if let Some(mut peer) = self.peers[id.0 as usize].take() {
                let socket = peer.session.path().socket;
                self.outgoing[socket.0].push(|out| Some(peer.session.bye(CloseReason::ServerEnds, out)));
            }
        }
        (self.timers, self.by_author) = (Timers::default(), BTreeMap::new());
        self.at_end.clear();
    }

    /// What was in packets that are lost is to be sent again.
    fn take_back_lost(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(id.0 as usize).and_then(Option::as_mut) else { return };
        while let Some(cargo) = peer.session.poll_lost() {
            peer.lost(cargo, self.authors.get_mut(peer.author));
        }
    }

    fn push(&mut self, queue: &mut Queue, item: Item<'_>) -> bool {
        queue.push(item, |slot| self.settled(slot, Outcome::Refused(Refusal::Busy)))
    }

    fn close(&mut self, now: Instant, id: PeerId, why: CloseReason, queue: &mut Queue) {
        let Some(mut peer) = self.peers.get_mut(id.0 as usize).and_then(Option::take) else { return };
        if !matches!(why, CloseReason::Left | CloseReason::TimedOut) {
            let socket = peer.session.path().socket;
            self.outgoing[socket.0].push(|out| Some(peer.session.bye(why, out)));
        }
        self.timers.disarm(id);
        if let Some(place) = peer.at_end {
            self.at_end.swap_remove(place);
            if let Some(moved) = self.at_end.get(place).copied().and_then(|moved| self.peer_mut(moved)) {
                moved.at_end = Some(place);
            }
        }
        // Its place among those who are ready stays: who gets its name is looked at once in vain.
        self.free.push(id);
        self.by_id.remove(&peer.id);
        if self.by_author.get(&peer.author) == Some(&id) {
            self.by_author.remove(&peer.author);
        }
        self.authors.set_gone(peer.author, Some(now));
        if let Some(notice) = self.roster.depart(now, peer.who, &peer.nick, peer.present, why) {
            self.tell_left(now, &notice, queue);
        }
    }

    fn tell_left(&mut self, now: Instant, notice: &Notice, queue: &mut Queue) {
        let (source, kind) = (Source::author(notice.author), EntryKind::Left(notice.why));
        let item = Item { source, kind, nick: notice.nick.as_str(), who: notice.who, due: now, ..Item::default() };
        self.push(queue, item);
    }

    fn reply(&mut self, path: Path, bytes: &[u8]) {
        push_reply(&mut self.outgoing[path.socket.0], path, bytes);
    }

    fn peer_mut(&mut self, id: PeerId) -> Option<&mut Peer> {
        self.peers.get_mut(id.0 as usize)?.as_deref_mut()
    }

    fn wake(&mut self, id: PeerId) {
        let Some(peer) = self.peer_mut(id) else { return };
        let socket = peer.session.path().socket;
        if !std::mem::replace(&mut peer.queued, true) {
            self.ready[socket.0].push_back(id);
        }
    }

    /// Has the session looked at when its deadline or its pacer's is there.
    fn arm(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(id.0 as usize).and_then(Option::as_mut) else { return };
        let at = peer.paced.into_iter().fold(peer.session.poll_timeout(), Instant::min);
        self.timers.arm(id, at);
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

impl Peer {
    /// Whether one more post is not too far ahead of its rate.
    fn is_within(&self, now: Instant, rate: Option<Rate>) -> bool {
        rate.is_none_or(|rate| self.meter.when(now, rate, rate.seconds(BURST_SECONDS) + RESTING_MAX) <= now)
    }

    /// Takes one post from its rate; when it may have its turn.
    fn take_turn(&mut self, now: Instant, rate: Option<Rate>) -> Instant {
        let Some(rate) = rate else { return now };
        let due = self.meter.when(now, rate, rate.seconds(BURST_SECONDS));
        self.meter.take(now, rate);
        due
    }
}
