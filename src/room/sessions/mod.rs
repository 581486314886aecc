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
mod lobby;
mod peer;
mod roster;
mod timers;

use std::collections::{BTreeMap, VecDeque};

pub(super) use authors::AuthorId;
pub use authors::POSTS_MAX;
pub use lobby::{HALF_OPEN_MAX, HALF_OPEN_OF_A_PREFIX};
pub use roster::SESSIONS_OF_A_KEY;

use super::counters::DropReason;
use super::entry::EntryKind;
use super::members::{Path, SocketId};
use super::queue::{Item, Queue, Slot, Source};
use super::rate::{Meter, Rate};
use super::transmit::Outgoing;
use super::{BURST_SECONDS, RESTING_MAX};
use crate::sabotage::{Fault, planted};
use crate::session::{Entropy, Minter, PublicKey, Role, Session, StaticKey, Tap};
use crate::time::Instant;
use crate::wire::entry::Entry;
use crate::wire::frame::{Frame, Join, Outcome, Welcome, frames};
use crate::wire::packet::{self, DATAGRAM_MAX, Datagram};
use crate::wire::{CloseReason, Instance, LogId, Nick, PostId, Refusal, Seq, SessionId};
use authors::{Authors, Offer};
use history::History;
use lobby::{Hello, Lobby, State};
use peer::{Identity, Peer, PeerId};
use roster::{Notice, Roster};
use timers::Timers;

/// How many *unknown* are sent a second (PROTOCOL 2.5).
const UNKNOWN_RATE: u32 = 100;

/// Packets that one session is sent before the next has its turn. Chosen: what one call carries well.
const TURN: usize = 16;

/// Datagrams that are built before the socket is asked to take them. Chosen: as many as one call takes.
const BUILT_MAX: usize = 64;

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

/// What of the room a datagram may need.
pub(super) struct Intake<'a> {
    pub(super) queue: &'a mut Queue,
    pub(super) rate: Option<Rate>,
    /// The room has as many members as it may have.
    pub(super) is_full: bool,
    /// The most members.
    pub(super) members_max: usize,
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

    /// Somebody asked with a probe: the answer is a token.
    pub(super) fn probed(&mut self, now: Instant, path: Path) {
        let token = self.minter.token(now, path.peer);
        self.reply(path, &token);
    }

    /// A datagram of the session protocol came in.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        path: Path,
        bytes: &[u8],
        intake: &mut Intake<'_>,
    ) -> Result<(), DropReason> {
        match packet::parse(bytes).ok_or(DropReason::NoDatagram)? {
            Datagram::Hello { version, client, token, prologue, noise } => {
                if !self.minter.is_good(now, path.peer, token) && !planted(Fault::SkipToken) {
                    self.probed(now, path);
                    return Err(DropReason::Token);
                }
                if version != packet::VERSION {
                    self.reply(path, &packet::other_version(client));
                    return Ok(());
                }
                self.greet(now, path, &Hello { client, prologue, noise })
            }
            Datagram::Finish { server, noise } => self.finish(now, path, server, noise, intake),
            Datagram::Packet { receiver, number, sealed } => {
                let Some(&id) = self.by_id.get(&receiver) else { return self.unknown(now, path, receiver, number) };
                self.packet(now, path, id, number, sealed, intake)
            }
            Datagram::Answer { .. } | Datagram::Unknown { .. } | Datagram::OtherVersion { .. } => {
                Err(DropReason::NoDatagram)
            }
        }
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
            (Entry::Said { who, .. }, Some(post)) => {
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
            (Entry::Left { who, .. }, _) => self.roster.recall_left(who),
            (Entry::Said { .. } | Entry::Line { .. }, _) => {}
        }
    }

    /// An entry is committed.
    pub(super) fn append(&mut self, entry: &Entry<'_>) {
        self.history.append(entry);
        while let Some(id) = self.at_end.pop() {
            if let Some(peer) = self.peer_mut(id) {
                peer.at_end = false;
                self.wake(id);
            }
        }
    }

    /// This became of a draft of an author's.
    pub(super) fn settled(&mut self, slot: &Slot, outcome: Outcome) {
        let (Some(author), Some(post)) = (slot.source.as_author(), slot.post) else { return };
        let outcome = match outcome {
            Outcome::Refused(_) if planted(Fault::AcceptRejected) => Outcome::Accepted(self.history.end()),
            Outcome::Accepted(_) | Outcome::Refused(_) => outcome,
        };
        self.authors.settle(author, post.counter, outcome);
        if let Some(&id) = self.by_author.get(&author) {
            self.wake(id);
        }
    }

    /// Builds what is to be sent next through `socket`. False if there is nothing.
    pub(super) fn build(&mut self, now: Instant, socket: SocketId) -> bool {
        while self.outgoing[socket.0].len() < BUILT_MAX {
            let Some(id) = self.ready[socket.0].pop_front() else { break };
            let Some(peer) = self.peers.get_mut(id.0 as usize).and_then(Option::as_mut) else { continue };
            peer.queued = false;
            let Some(author) = self.authors.get_mut(peer.author) else { continue };
            for _ in 0..TURN {
                let outgoing = &mut self.outgoing[socket.0];
                let challenged = outgoing.push(|out| peer.session.poll_challenge(now, out));
                if !outgoing.push(|out| peer.poll_packet(now, author, &self.history, out)) && !challenged {
                    break;
                }
            }
            match peer.wants(author, self.history.end()).then(|| peer.session.may_send(now)) {
                Some(Ok(())) => self.wake(id),
                Some(Err(paced)) => peer.paced = paced,
                None if !peer.at_end => {
                    peer.at_end = true;
                    self.at_end.push(id);
                }
                None => {}
            }
            self.arm(id);
        }
        self.outgoing[socket.0].len() > 0
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
    }

    fn greet(&mut self, now: Instant, path: Path, hello: &Hello<'_>) -> Result<(), DropReason> {
        let outgoing = &mut self.outgoing[path.socket.0];
        if let Some(answer) = self.lobby.repeated(now, path, hello) {
            push_reply(outgoing, path, answer);
            return Ok(());
        }
        if !self.lobby.has_place(path) {
            return Err(DropReason::HalfOpen);
        }
        let id = loop {
            let id = SessionId(self.entropy.next_u32());
            if !self.by_id.contains_key(&id) && !self.lobby.has(id) {
                break id;
            }
        };
        let answer = self.lobby.begin(now, path, id, hello, &self.key, &mut self.entropy);
        push_reply(outgoing, path, answer.ok_or(DropReason::Forged)?);
        Ok(())
    }

    fn finish(
        &mut self,
        now: Instant,
        path: Path,
        id: SessionId,
        noise: &[u8],
        intake: &mut Intake<'_>,
    ) -> Result<(), DropReason> {
        let Some(half_open) = self.lobby.get_mut(id).filter(|half_open| half_open.path == path) else {
            // Of a session that stands already, or of a handshake that was given up.
            return Err(DropReason::UnknownSession);
        };
        let responder = match &mut half_open.state {
            State::Waiting(responder) => responder,
            State::Refused(bye) => {
                let bye = bye.clone();
                self.reply(path, &bye);
                return Ok(());
            }
        };
        let (payload, key) = responder.read_finish(&self.key, noise).ok_or(DropReason::Forged)?;
        let (client, round_trip) = (half_open.client, now.saturating_since(half_open.answered));
        let Some(mut half_open) = self.lobby.take(id) else { return Err(DropReason::UnknownSession) };
        let State::Waiting(responder) = half_open.state else { return Err(DropReason::UnknownSession) };
        let transport = responder.into_transport();
        let admitted = self.admit(now, key, &payload, intake);
        let mut session = Session::new(now, Role::Server, client, transport, path, round_trip);
        session.set_tap(self.tap.clone());
        match admitted {
            Ok((identity, start)) => self.join(now, id, session, identity, start, intake.queue),
            Err(why) => {
                let mut bye = Vec::new();
                session.bye(why, &mut bye);
                self.reply(path, &bye);
                half_open.state = State::Refused(bye.into_boxed_slice());
                self.lobby.keep(id, half_open);
            }
        }
        Ok(())
    }

    /// Whether the client may come in, and as what.
    fn admit(
        &mut self,
        now: Instant,
        key: PublicKey,
        payload: &[u8],
        intake: &mut Intake<'_>,
    ) -> Result<(Identity, Seq), CloseReason> {
        let join: Join<'_> = postcard::take_from_bytes(payload).map_err(|_| CloseReason::Broken)?.0;
        let nick: Nick = join.nick.parse().map_err(|_| CloseReason::Broken)?;
        let who = key.who();
        self.make_place_for_an_author(intake);
        let author = self.authors.find_or_insert(who, join.instance);
        if let Some(&older) = self.by_author.get(&author).filter(|_| !planted(Fault::ConfuseInstances)) {
            self.close(now, older, CloseReason::Replaced, intake.queue);
        } else if intake.is_full {
            self.authors.set_gone(author, Some(now));
            return Err(CloseReason::RoomFull);
        }
        if let Err(why) = self.roster.admits(who, &nick) {
            self.authors.set_gone(author, Some(now));
            return Err(why);
        }
        let (first, end) = (self.history.first(), self.history.end());
        let start = match join.place {
            Some((log, next)) if log == self.log && next <= end => next,
            _ => Seq(end.0 - join.history.min(end.since(first))),
        };
        Ok((Identity { who, instance: join.instance, nick, present: join.present, author }, start))
    }

    fn join(
        &mut self,
        now: Instant,
        id: SessionId,
        session: Session<Path, peer::Cargo>,
        identity: Identity,
        start: Seq,
        queue: &mut Queue,
    ) {
        let (who, author) = (identity.who, identity.author);
        self.authors.set_gone(author, None);
        let remembers = self.authors.get_mut(author).is_some_and(|author| {
            author.say_again();
            author.is_remembered()
        });
        let welcome = Welcome { log: self.log, start, end: self.history.end(), remembers };
        if self.roster.arrive(who, &identity.nick, identity.present, author) {
            let (source, kind, nick) = (Source::author(author), EntryKind::Joined, identity.nick.as_str());
            self.push(queue, Item { source, kind, nick, who, due: now, ..Item::default() });
        }
        let peer = Peer::new(id, session, identity, welcome);
        let place = self.free.pop().unwrap_or_else(|| {
            self.peers.push(None);
            PeerId(u32::try_from(self.peers.len() - 1).expect("fewer sessions than addresses"))
        });
        self.peers[place.0 as usize] = Some(Box::new(peer));
        self.by_id.insert(id, place);
        self.by_author.insert(author, place);
        self.wake(place);
        self.arm(place);
    }

    fn packet(
        &mut self,
        now: Instant,
        path: Path,
        id: PeerId,
        number: u64,
        sealed: &[u8],
        intake: &mut Intake<'_>,
    ) -> Result<(), DropReason> {
        let Some(peer) = self.peers.get_mut(id.0 as usize).and_then(Option::as_mut) else {
            return Err(DropReason::UnknownSession);
        };
        let mut plain = [0; DATAGRAM_MAX];
        let plain = peer.session.open(number, sealed, &mut plain)?;
        let mut draws_ack = false;
        let (mut posts, mut bytes) = (0, 0);
        for frame in frames(plain) {
            let Ok(frame) = frame else {
                self.close(now, id, CloseReason::Broken, intake.queue);
                return Err(DropReason::Broken);
            };
            draws_ack |= frame.draws_ack();
            if let Frame::Post { counter, settled_below, text } = frame {
                match self.authors.offer(peer.author, counter, settled_below, bytes + text.len()) {
                    Offer::NoPlace => return Err(DropReason::NoPlace),
                    Offer::Known => {}
                    Offer::Next | Offer::Early => (posts, bytes) = (posts + 1, bytes + text.len()),
                }
            }
        }
        if posts > 0 && !(intake.queue.has_place(posts, bytes) && peer.is_within(now, intake.rate)) {
            return Err(DropReason::NoPlace);
        }
        let len = packet::PACKET_HEAD + sealed.len();
        peer.session.accept(now, path, number, len, draws_ack, || self.entropy.bytes());
        for frame in frames(plain).flatten() {
            if let Err(why) = self.frame(now, path, id, &frame, intake) {
                self.close(now, id, why, intake.queue);
                return if why == CloseReason::Broken { Err(DropReason::Broken) } else { Ok(()) };
            }
        }
        self.wake(id);
        self.arm(id);
        Ok(())
    }

    /// Does what one frame asks for.
    fn frame(
        &mut self,
        now: Instant,
        path: Path,
        id: PeerId,
        frame: &Frame<'_>,
        intake: &mut Intake<'_>,
    ) -> Result<(), CloseReason> {
        let Some(peer) = self.peers.get_mut(id.0 as usize).and_then(Option::as_mut) else { return Ok(()) };
        if peer.session.handle(now, path, frame).map_err(|_| CloseReason::Broken)? {
            self.take_back_lost(id);
            return Ok(());
        }
        match *frame {
            Frame::Have(ref have) => {
                let is_quiet = peer.session.is_quiet();
                peer.cursor.have(have, is_quiet);
                Ok(())
            }
            Frame::Post { counter, settled_below, text } => {
                self.post(now, id, counter, settled_below, text, intake);
                Ok(())
            }
            Frame::Bye(why) => Err(if why == CloseReason::Left { why } else { CloseReason::TimedOut }),
            // Only servers say these; the session's own are done with.
            Frame::Welcome(_) | Frame::Entries(_) | Frame::Gap { .. } | Frame::Settled { .. } => {
                Err(CloseReason::Broken)
            }
            Frame::Ack(_) | Frame::Ping { .. } | Frame::Pong { .. } | Frame::Challenge(_) | Frame::Response(_) => {
                Ok(())
            }
        }
    }

    /// What was in packets that are lost is to be sent again.
    fn take_back_lost(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(id.0 as usize).and_then(Option::as_mut) else { return };
        while let Some(cargo) = peer.session.poll_lost() {
            peer.lost(cargo, self.authors.get_mut(peer.author));
        }
    }

    fn post(
        &mut self,
        now: Instant,
        id: PeerId,
        counter: u64,
        settled_below: u64,
        text: &str,
        intake: &mut Intake<'_>,
    ) {
        let Some(author) = self.peer_mut(id).map(|peer| peer.author) else { return };
        self.authors.confirm(author, settled_below);
        match self.authors.offer(author, counter, settled_below, text.len()) {
            Offer::Known => self.authors.repeat(author, counter),
            Offer::Early => self.authors.hold(author, counter, text),
            Offer::Next => self.draft(now, id, counter, text, intake),
            // Looked at before: there was place.
            Offer::NoPlace => {}
        }
        while let Some((counter, text)) = self.authors.unhold(author) {
            self.draft(now, id, counter, &text, intake);
        }
    }

    fn draft(&mut self, now: Instant, id: PeerId, counter: u64, text: &str, intake: &mut Intake<'_>) {
        let Some(peer) = self.peers.get_mut(id.0 as usize).and_then(Option::as_mut) else { return };
        self.authors.draft(peer.author, counter);
        if !crate::wire::entry::is_text(text) {
            self.authors.settle(peer.author, counter, Outcome::Refused(Refusal::Malformed));
            return;
        }
        let due = peer.take_turn(now, intake.rate);
        let (source, who, nick) = (Source::author(peer.author), peer.who, peer.nick.clone());
        let post = Some(PostId { instance: peer.instance, counter });
        let item = Item { source, kind: EntryKind::Said, nick: nick.as_str(), text, who, post, due };
        let author = peer.author;
        if !self.push(intake.queue, item) {
            self.authors.settle(author, counter, Outcome::Refused(Refusal::Busy));
        }
    }

    fn push(&mut self, queue: &mut Queue, item: Item<'_>) -> bool {
        let mut dropped = Vec::new();
        let taken = queue.push(item, |slot| dropped.extend(slot.source.as_author().zip(slot.post)));
        for (author, post) in dropped {
            self.authors.settle(author, post.counter, Outcome::Refused(Refusal::Busy));
        }
        taken
    }

    fn unknown(&mut self, now: Instant, path: Path, id: SessionId, number: u64) -> Result<(), DropReason> {
        let Some(rate) = Rate::per_second(UNKNOWN_RATE) else { return Err(DropReason::UnknownSession) };
        if !self.lobby.has(id) && self.unknowns.when(now, rate, UNKNOWN_RATE) <= now {
            self.unknowns.take(now, rate);
            self.reply(path, &packet::unknown(id, number));
        }
        Err(DropReason::UnknownSession)
    }

    fn close(&mut self, now: Instant, id: PeerId, why: CloseReason, queue: &mut Queue) {
        let Some(mut peer) = self.peers.get_mut(id.0 as usize).and_then(Option::take) else { return };
        if !matches!(why, CloseReason::Left | CloseReason::TimedOut) {
            let socket = peer.session.path().socket;
            self.outgoing[socket.0].push(|out| Some(peer.session.bye(why, out)));
        }
        self.timers.disarm(id);
        // Its place in the lists of those who are ready or at the end stays: who gets its name is looked at once in vain.
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

    /// Forgets the author that was without a session for longest, if there are too many.
    fn make_place_for_an_author(&mut self, intake: &Intake<'_>) {
        if self.authors.len() < 4 * intake.members_max.max(256) {
            return;
        }
        let named = self.roster.authors();
        let is_free = |id| !intake.queue.holds(Source::author(id)) && !named.contains(&id);
        if let Some(id) = self.authors.longest_gone(is_free) {
            self.authors.remove(id);
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
