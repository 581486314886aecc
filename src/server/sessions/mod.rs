//! Members with sessions (PROTOCOL 2).
//!
//! Owns: their sessions and cursors, whose turn it is to be sent something, their deadlines; the handshakes (`lobby`),
//! who posted what (`authors`) and how much (`allowance`), who is present (`roster`) or refused (`suspects`), the newest
//! entries (`recent`) and those that are read back (`archive`).
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

mod archive;
mod cursor;
mod handshakes;
mod intake;
mod lobby;
pub(crate) mod peer;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use arrayvec::ArrayVec;
pub(crate) use intake::Intake;
pub use lobby::{HALF_OPEN_MAX, WORK_OF_A_TURN};

use crate::log::EntryKind;
use crate::log::Recent;
use crate::log::{Beginning, Known, Request, Start};
use crate::log::{PAGE, Page};
use crate::server::admission::Prefix;
use crate::server::admission::allowance::Allowance;
use crate::server::admission::rate::{Meter, Meters, Rate};
use crate::server::admission::suspects::Suspects;
use crate::server::outgoing::Outgoing;
use crate::server::queue::{Item, Queue, Slot, Source};
use crate::server::room::posts::{AuthorId, Authors};
use crate::server::room::presence::{News, Notice, Roster};
use crate::server::text::members::{Members, Path, SocketId};
use crate::server::timers::Timers;
use crate::session::{Entropy, Minter, StaticKey, Transport};
use crate::time::Instant;
use crate::wire::entry::Entry;
use crate::wire::frame::{History, Outcome, Welcome};
use crate::wire::{CloseReason, Instance, LogId, Nick, Refusal, Seq, SessionId, Timestamp, Who};
use crate::work::{self, Work};
use archive::Archive;
use lobby::Lobby;
use peer::{Entries, Peer, PeerId};

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
    /// How many bytes of entries are kept for those who are behind. Older ones are read back, where the log's backend can.
    pub recent_bytes: usize,
}

/// The members with sessions; see the module.
#[derive(Debug)]
pub(crate) struct Sessions {
    key: StaticKey,
    log: LogId,
    entropy: Entropy,
    minter: Minter,
    lobby: Lobby,
    authors: Authors,
    allowance: Allowance,
    roster: Roster,
    suspects: Suspects,
    recent: Recent,
    archive: Archive,
    /// What time it is.
    wall: Timestamp,
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
    /// How many *unknown* each prefix was sent, and those for which there is no meter.
    unknowns: Meters,
    unknowns_of_others: Meter,
    /// Whose datagram is being handled.
    in_hand: Option<Who>,
    /// What each key may post; what it is told of it coming and going as well.
    rate: Option<Rate>,
}

impl Sessions {
    /// None yet, on `sockets` sockets, of a log whose next entry is `next`.
    pub(crate) fn new(config: &Config, sockets: usize, next: Seq, rate: Option<Rate>) -> Self {
        let mut entropy = Entropy::new(config.seed);
        Self {
            key: config.key.clone(),
            log: config.log,
            minter: Minter::new(&mut entropy),
            entropy,
            lobby: Lobby::default(),
            authors: Authors::default(),
            allowance: Allowance::default(),
            suspects: Suspects::default(),
            roster: Roster::default(),
            recent: Recent::new(next, config.recent_bytes),
            archive: Archive::default(),
            wall: Timestamp::default(),
            peers: Vec::new(),
            free: Vec::new(),
            by_id: BTreeMap::new(),
            by_author: BTreeMap::new(),
            ready: (0..sockets).map(|_| VecDeque::new()).collect(),
            at_end: Vec::new(),
            timers: Timers::default(),
            outgoing: (0..sockets).map(|_| Outgoing::default()).collect(),
            unknowns: Meters::default(),
            unknowns_of_others: Meter::default(),
            in_hand: None,
            rate,
        }
    }

    /// How many sessions there are.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The server's keys in a session; see [`Session::keys`].
    pub(crate) fn keys(&self, session: SessionId) -> Option<Transport> {
        let id = self.by_id.get(&session)?;
        Some(self.peers.get(id.0 as usize)?.as_ref()?.session.keys())
    }

    /// The key is refused until then.
    pub(crate) fn refuse(&mut self, who: Who, until: Instant) {
        self.suspects.refuse(who, until);
    }

    /// Whose datagram is being handled.
    pub(crate) const fn in_hand(&self) -> Option<Who> {
        self.in_hand
    }

    /// The deadline has passed.
    pub(crate) fn handle_timeout(&mut self, now: Instant, queue: &mut Queue) {
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
            self.challenge(now, id);
            self.wake(id);
            self.arm(id);
        }
        while let Some(notice) = self.roster.expired(now) {
            self.tell(now, &notice, None, queue);
        }
        for notice in self.roster.untold(now) {
            self.tell(now, &notice, None, queue);
        }
    }

    /// What time it is.
    pub(crate) const fn set_wall(&mut self, wall: Timestamp) {
        self.wall = wall;
    }

    /// The backend still has the entries from `oldest` on.
    pub(crate) fn set_oldest(&mut self, oldest: Seq) {
        if self.archive.oldest().is_none() && self.recent.end() > Seq(0) {
            // Who has posted in this log is to be looked up.
            self.authors.set_forgot();
        }
        self.archive.set_oldest(oldest);
    }

    /// The log was changed by others: all is to be read again.
    pub(crate) fn reload(&mut self) {
        self.recent.clear();
        self.archive.clear();
    }

    /// What is to be asked of the backend next.
    pub(crate) fn poll_request(&mut self, now: Instant) -> Option<Request> {
        while let Some(session) = self.archive.poll_beginning() {
            let peer = self.by_id.get(&session).and_then(|&id| self.peers.get(id.0 as usize)?.as_ref());
            let Some(peer) = peer.filter(|peer| peer.begins) else { continue };
            let start = peer.history.map(|history| match history {
                History::Last(messages) => Start::Messages(messages),
                History::Within(seconds) => Start::Since(self.wall.before(Duration::from_secs(seconds))),
            });
            return Some(Request::Beginning(Beginning { session, who: peer.who, instance: peer.instance, start }));
        }
        let from = self.archive.poll_page(now)?;
        Some(Request::Page(from, self.recent.end().min(from + PAGE)))
    }

    /// Whether there is anything to be asked.
    pub(crate) fn has_requests(&self, now: Instant) -> bool {
        self.archive.has_requests(now)
    }

    /// A page was read.
    pub(crate) fn answer_page(&mut self, now: Instant, page: Page) {
        for id in self.archive.insert(now, page) {
            self.wake(id);
        }
    }

    /// Of this session something was looked up.
    pub(crate) fn answer_beginning(&mut self, session: SessionId, known: &Known) {
        let Some(&id) = self.by_id.get(&session) else { return };
        let Some(peer) = self.peers.get_mut(id.0 as usize).and_then(Option::as_mut).filter(|peer| peer.begins) else {
            return;
        };
        let start = if peer.history.is_some() { known.start } else { Some(peer.welcome().start) };
        let remembers = self.authors.learn(peer.author, known);
        // As it was when the session began: what was said since is not from before.
        let (end, log) = (peer.welcome().end, self.log);
        peer.begin(Welcome { log, start: start.unwrap_or(end).min(end), end, remembers });
        self.wake(id);
    }

    /// When [`Sessions::handle_timeout`] is to be called.
    pub(crate) fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        let archive = self.archive.poll_timeout(now);
        [self.timers.next(), self.lobby.expiry(), self.roster.expiry(), archive].into_iter().flatten().min()
    }

    /// By the log this key was present under this nick when the server ended.
    pub(crate) fn recall_present(&mut self, now: Instant, who: Who, nick: Nick) {
        let author = self.authors.find_or_insert(who, Instance::default());
        self.roster.recall_joined(now, who, nick, author);
    }

    /// An entry is committed.
    pub(crate) fn append(&mut self, at: Timestamp, entry: &Entry<'_>) {
        self.recent.append(at, entry);
        while let Some(id) = self.at_end.pop() {
            if let Some(peer) = self.peer_mut(id) {
                peer.at_end = None;
                self.wake(id);
            }
        }
    }

    /// This became of a draft of an author's.
    pub(crate) fn settled(&mut self, now: Instant, slot: &Slot, outcome: Outcome) {
        let Some(author) = slot.source.as_author() else { return };
        if let Some(news) = News::of(slot.kind)
            && let Ok(nick) = slot.nick.parse()
        {
            let is_taken = matches!(outcome, Outcome::Accepted(_));
            self.roster.told(now, Notice { who: slot.who, nick, author, news }, is_taken);
        }
        let Some(post) = slot.post else { return };
        if slot.kind == EntryKind::Renamed {
            self.renamed(author, slot, outcome);
        }
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
    pub(crate) fn build(&mut self, now: Instant, socket: SocketId, members: &Members) -> bool {
        while self.outgoing[socket.0].len() < BUILT_MAX {
            let Some(id) = self.ready[socket.0].pop_front() else { break };
            work::did(Work::Scanned, 1);
            let Some(peer) = self.peers.get_mut(id.0 as usize).and_then(Option::as_mut) else { continue };
            if peer.queued != Some(socket) {
                // Its name was another one's, or it moved: it stands elsewhere too, or is looked at in vain.
                continue;
            }
            peer.queued = None;
            if peer.session.path().socket != socket {
                self.wake(id);
                continue;
            }
            let Some(author) = self.authors.get_mut(peer.author).filter(|_| !peer.begins) else { continue };
            if std::mem::take(&mut peer.is_behind) {
                self.archive.serve(id);
            }
            let entries = Entries { recent: &self.recent, archive: &self.archive };
            let outgoing = &mut self.outgoing[socket.0];
            let roster = &self.roster;
            let mut packets = 0;
            while packets < TURN
                && outgoing.push(|out| {
                    peer.poll_packet(now, author, entries, |after| intake::people(roster, after, members), out)
                })
            {
                packets += 1;
            }
            match peer.session.may_send(now) {
                Err(paced) if peer.wants(author, self.recent.end()) => peer.paced = paced,
                Ok(()) if packets > 0 && peer.wants(author, self.recent.end()) => self.wake(id),
                // It has been sent all that there is.
                Ok(()) | Err(_) if peer.at_end.is_none() => {
                    peer.at_end = Some(self.at_end.len());
                    self.at_end.push(id);
                }
                Ok(()) | Err(_) => {}
            }
            self.read_back_for(id);
            self.arm(id);
        }
        self.check();
        self.outgoing[socket.0].len() > 0
    }

    /// Has the page read that the session cannot go on without.
    fn read_back_for(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(id.0 as usize).and_then(Option::as_mut) else { return };
        let entries = Entries { recent: &self.recent, archive: &self.archive };
        let lacking: ArrayVec<Seq, 2> = peer.lacks(entries).collect();
        for seq in lacking {
            self.archive.want(seq, id);
            peer.is_behind = true;
        }
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
    pub(crate) fn outgoing(&mut self, socket: SocketId) -> &mut Outgoing {
        &mut self.outgoing[socket.0]
    }

    /// The server ends: everybody is told.
    pub(crate) fn close_all(&mut self) {
        for id in std::mem::take(&mut self.by_id).into_values() {
            if let Some(mut peer) = self.peers[id.0 as usize].take() {
                let socket = peer.session.path().socket;
                self.outgoing[socket.0].push(|out| Some(peer.session.bye(CloseReason::ServerEnds, out)));
            }
        }
        (self.timers, self.by_author) = (Timers::default(), BTreeMap::new());
        self.at_end.clear();
    }

    /// Challenges a new address of the session, through the socket of that address. One that finds no place among what is to be
    /// sent is lost, as others are.
    fn challenge(&mut self, now: Instant, id: PeerId) {
        let Some(peer) = self.peers.get_mut(id.0 as usize).and_then(Option::as_mut) else { return };
        let mut challenge = Vec::new();
        if let Some(path) = peer.session.poll_challenge(now, &mut challenge) {
            push_reply(&mut self.outgoing[path.socket.0], path, &challenge);
        }
    }

    /// What was in packets that are lost is to be sent again.
    fn take_back_lost(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(id.0 as usize).and_then(Option::as_mut) else { return };
        while let Some(cargo) = peer.session.poll_lost() {
            peer.lost(cargo, self.authors.get_mut(peer.author));
        }
    }

    fn push(&mut self, now: Instant, queue: &mut Queue, item: Item<'_>) -> bool {
        queue.push(item, |slot| self.settled(now, slot, Outcome::Refused(Refusal::Busy)))
    }

    fn close(&mut self, now: Instant, id: PeerId, why: CloseReason, queue: &mut Queue) {
        let Some(mut peer) = self.peers.get_mut(id.0 as usize).and_then(Option::take) else { return };
        if !matches!(why, CloseReason::Left | CloseReason::TimedOut) {
            let socket = peer.session.path().socket;
            self.outgoing[socket.0].push(|out| Some(peer.session.bye(why, out)));
        }
        self.timers.disarm(id);
        self.archive.forget(id);
        self.allowance.depart(now, peer.allowed);
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
            self.tell(now, &notice, peer.allowed.young(), queue);
        }
    }

    fn tell(&mut self, now: Instant, notice: &Notice, young: Option<Prefix>, queue: &mut Queue) {
        let (source, kind) = (Source::author(notice.author), notice.news.kind());
        let prefix = self.by_author.get(&notice.author).and_then(|&id| self.peers.get(id.0 as usize)?.as_ref());
        let young = prefix.and_then(|peer| peer.allowed.young()).or(young);
        // Who comes and goes again and again waits for its turn like who talks too much, and does not fill the queue with that.
        let has_place = queue.has_place_for_notices();
        let due = if has_place { self.allowance.take_notice(now, notice.who, young, self.rate) } else { now };
        let item = Item { source, kind, nick: notice.nick.as_str(), who: notice.who, due, ..Item::default() };
        if !has_place || !self.push(now, queue, item) {
            self.roster.told(now, notice.clone(), false);
        }
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
        if peer.queued.replace(socket) != Some(socket) {
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

impl News {
    /// What an entry of that kind tells of presence.
    const fn of(kind: EntryKind) -> Option<Self> {
        match kind {
            EntryKind::Joined => Some(Self::Joined),
            EntryKind::Left(why) => Some(Self::Left(why)),
            EntryKind::Line | EntryKind::Signup | EntryKind::Said | EntryKind::Did | EntryKind::Renamed => None,
        }
    }

    const fn kind(self) -> EntryKind {
        match self {
            Self::Joined => EntryKind::Joined,
            Self::Left(why) => EntryKind::Left(why),
        }
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
