//! What comes in.
//!
//! Owns: the way of a datagram to what it changes: a handshake, a session that begins, frames, posts.
//! Must not know: what is sent, and when.
//! Driven by: `room`.

use std::time::Duration;

use super::allowance::SESSIONS_OF_A_KEY;
use super::authors::{Offer, POSTS_MAX};
use super::lobby::{Finishing, Hello, Job, WORK_OF_A_BUSY_TURN, WORK_OF_A_TURN};
use super::peer::{self, Identity, Peer, PeerId};
use super::roster::Roster;
use super::{Sessions, push_reply};
use crate::room::admission::Prefix;
use crate::room::counters::DropReason;
use crate::room::entry::EntryKind;
use crate::room::members::{MemberId, Members, Path};
use crate::room::queue::{Item, Queue, Source};
use crate::room::rate::Rate;
use crate::sabotage::{self, Fault, planted};
use crate::session::{Broken, PublicKey, Responder, Role, Session};
use crate::time::Instant;
use crate::wire::entry::{ACT_MAX, is_text};
use crate::wire::frame::{
    Frame, History, Join, Malformed, Outcome, PersonId, PostKind, ServerHello, Welcome, encode_person, frames,
};
use crate::wire::packet::{self, DATAGRAM_MAX, Datagram};
use crate::wire::{CloseReason, Nick, PostId, Refusal, Seq, SessionId};
use crate::work::{self, Work};

/// How many *unknown* are sent a second to each prefix (PROTOCOL 2.5).
const UNKNOWN_RATE: u32 = 100;
const UNKNOWN_INTERVAL: Duration = Duration::from_millis(10);

const _: () = assert!(UNKNOWN_INTERVAL.as_millis() * UNKNOWN_RATE as u128 == 1000);

/// Authors that are remembered for each member that there may be, and at least.
const AUTHORS_OF_A_MEMBER: usize = 4;
const AUTHORS_LEAST: usize = 1024;

/// Where in the log a session begins.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Here.
    At(Seq),
    /// So far back, which is to be looked up.
    Before(History),
}

/// A post that came in.
#[derive(Clone, Copy, Debug)]
struct Post<'a> {
    counter: u64,
    kind: PostKind,
    text: &'a str,
}

/// How many frames of the kinds that cost something are in a packet (PROTOCOL 2.6).
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    acks: u64,
    haves: u64,
    posts: u64,
}

impl Counts {
    /// One more frame.
    ///
    /// # Errors
    /// It is one too many.
    fn count<'a>(&mut self, frame: Frame<'a>) -> Result<Frame<'a>, Malformed> {
        self.acks += u64::from(matches!(frame, Frame::Ack(_)));
        self.haves += u64::from(matches!(frame, Frame::Have(_)));
        self.posts += u64::from(matches!(frame, Frame::Post { .. }));
        let is_too_much = self.acks > 1 || self.haves > 1 || self.posts > POSTS_MAX;
        if is_too_much { Err(Malformed) } else { Ok(frame) }
    }
}

/// What of the room a datagram may need.
pub(in crate::room) struct Intake<'a> {
    pub(in crate::room) queue: &'a mut Queue,
    pub(in crate::room) rate: Option<Rate>,
    /// The most members.
    pub(in crate::room) members_max: usize,
    /// The members over text.
    pub(in crate::room) members: &'a Members,
}

impl Sessions {
    /// Somebody asked with a probe: the answer is a token.
    pub(in crate::room) fn probed(&mut self, now: Instant, path: Path) {
        let token = self.minter.token(now, path.peer);
        self.reply(path, &token);
    }

    /// A datagram of the session protocol came in.
    pub(in crate::room) fn receive(
        &mut self,
        now: Instant,
        path: Path,
        bytes: &[u8],
        intake: &mut Intake<'_>,
    ) -> Result<(), DropReason> {
        match packet::parse(bytes).ok_or(DropReason::NoDatagram)? {
            Datagram::Hello { version, client, token, prologue, noise } => {
                if self.lobby.is_behind(path) {
                    return Err(DropReason::HalfOpen);
                }
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
            Datagram::Finish { server, noise } => self.finish(now, path, server, noise),
            Datagram::Packet { receiver, number, sealed } => {
                let Some(&id) = self.by_id.get(&receiver) else { return self.unknown(now, path, receiver, number) };
                self.packet(now, path, id, number, sealed, intake)
            }
            Datagram::Answer { .. } | Datagram::Unknown { .. } | Datagram::OtherVersion { .. } => {
                Err(DropReason::NoDatagram)
            }
        }
    }

    fn greet(&mut self, now: Instant, path: Path, hello: &Hello<'_>) -> Result<(), DropReason> {
        if self.lobby.is_over_its_share(path) {
            return Err(DropReason::HalfOpen);
        }
        let id = loop {
            let id = SessionId(self.entropy.next_u32());
            if !self.by_id.contains_key(&id) && !self.lobby.has(id) {
                break id;
            }
        };
        if let Some(answer) = self.lobby.greet(now, path, id, hello) {
            push_reply(&mut self.outgoing[path.socket.0], path, answer);
        }
        if self.lobby.lost_place() { Err(DropReason::HalfOpen) } else { Ok(()) }
    }

    fn finish(&mut self, now: Instant, path: Path, id: SessionId, noise: &[u8]) -> Result<(), DropReason> {
        if let Some(bye) = self.lobby.refusal(path, id) {
            push_reply(&mut self.outgoing[path.socket.0], path, bye);
            return Ok(());
        }
        // Else it is of a session that stands already, or of a handshake that was given up.
        if self.lobby.finish(now, path, id, noise) { Ok(()) } else { Err(DropReason::UnknownSession) }
    }

    /// Does the public-key work of one turn of the loop, for those whose turn it is. True if there is more.
    pub(in crate::room) fn shake_hands(
        &mut self,
        now: Instant,
        intake: &mut Intake<'_>,
        is_busy: bool,
        mut dropped: impl FnMut(DropReason),
    ) -> bool {
        let most = if is_busy { WORK_OF_A_BUSY_TURN } else { WORK_OF_A_TURN };
        let mut done = 0;
        while done < most || planted(Fault::PublicKeyAtOnce) {
            let Some(job) = self.lobby.next_job() else { return false };
            done += job.cost();
            let worked = match job {
                Job::Answer(id) => self.answer(now, id),
                Job::Finish(id, finishing) => self.begin(now, id, *finishing, intake),
            };
            worked.unwrap_or_else(&mut dropped);
        }
        self.lobby.has_work()
    }

    /// Answers a hello.
    fn answer(&mut self, now: Instant, id: SessionId) -> Result<(), DropReason> {
        let Some(half_open) = self.lobby.get(id) else { return Ok(()) };
        let mut payload = [0; 8];
        let payload = postcard::to_slice(&ServerHello { id: id.0 }, &mut payload).map_err(|_| DropReason::Forged)?;
        let (path, client) = (half_open.path, half_open.client);
        let made = Responder::new(&self.key, &mut self.entropy, &half_open.prologue, &half_open.noise, payload);
        let Some((responder, noise)) = made else {
            // No ephemeral key of any use.
            self.lobby.take(id);
            return Err(DropReason::Forged);
        };
        let answer = packet::answer(client, &noise);
        self.lobby.answer(now, id, responder, &answer);
        push_reply(&mut self.outgoing[path.socket.0], path, &answer);
        Ok(())
    }

    /// Reads a finish: the session stands, or its client is told why not.
    fn begin(
        &mut self,
        now: Instant,
        id: SessionId,
        mut finishing: Finishing,
        intake: &mut Intake<'_>,
    ) -> Result<(), DropReason> {
        let Some((payload, key)) = finishing.responder.read_finish(&self.key, &finishing.noise) else {
            self.lobby.put_back(now, id, finishing);
            return Err(DropReason::Forged);
        };
        self.in_hand = Some(key.who());
        let Finishing { half_open, responder, round_trip, .. } = finishing;
        let (path, client) = (half_open.path, half_open.client);
        let admitted = self.admit(now, key, &payload, intake);
        let mut session = Session::new(now, Role::Server, client, responder.into_transport(), path, round_trip);
        session.set_tap(self.tap.clone());
        match admitted {
            Ok((identity, start)) => self.join(now, id, session, identity, &start, intake.queue),
            Err(why) => {
                let mut bye = Vec::new();
                session.bye(why, &mut bye);
                self.reply(path, &bye);
                self.lobby.refuse(id, path, bye.into_boxed_slice());
                if planted(Fault::FixedShare) {
                    self.lobby.insert(id, half_open);
                }
            }
        }
        self.in_hand = None;
        Ok(())
    }

    /// Whether the client may come in, and as what. Nothing is remembered of one that may not.
    fn admit(
        &mut self,
        now: Instant,
        key: PublicKey,
        payload: &[u8],
        intake: &mut Intake<'_>,
    ) -> Result<(Identity, Place), CloseReason> {
        let join: Join<'_> = postcard::take_from_bytes(payload).map_err(|_| CloseReason::Broken)?.0;
        let nick: Nick = join.nick.parse().map_err(|_| CloseReason::Broken)?;
        let who = key.who();
        if self.suspects.refuses(now, who) {
            return Err(CloseReason::Refused);
        }
        let known = self.authors.find(who, join.instance);
        let nick = match known.and_then(|id| self.authors.get(id)) {
            Some(author) => author.renamed(&nick),
            None => nick,
        };
        if !self.roster.is_free_for(who, &nick) {
            return Err(CloseReason::NickTaken);
        }
        let older = known.and_then(|id| self.by_author.get(&id)).copied();
        let older = older.filter(|_| !planted(Fault::ConfuseInstances));
        let others = self.allowance.sessions_of(who).saturating_sub(usize::from(older.is_some()));
        if others >= SESSIONS_OF_A_KEY {
            return Err(CloseReason::TooManySessions);
        }
        match older {
            Some(older) => self.close(now, older, CloseReason::Replaced, intake.queue),
            None if self.by_id.len() + intake.members.len() >= intake.members_max => return Err(CloseReason::RoomFull),
            None => {}
        }
        self.make_place_for_an_author(now, intake);
        let author = self.authors.find_or_insert(who, join.instance);
        let end = self.recent.end();
        let start = match join.place {
            Some((log, next)) if log == self.log && next <= end => Place::At(next),
            _ => match (self.recent.start(join.history, self.wall), self.archive.oldest()) {
                (Some(start), oldest) => Place::At(oldest.map_or(start, |oldest| start.max(oldest))),
                (None, None) => Place::At(self.recent.first()),
                (None, Some(_)) => Place::Before(join.history),
            },
        };
        Ok((Identity { who, instance: join.instance, nick, present: join.present, author }, start))
    }

    fn join(
        &mut self,
        now: Instant,
        id: SessionId,
        session: Session<Path, peer::Cargo>,
        identity: Identity,
        start: &Place,
        queue: &mut Queue,
    ) {
        let (who, author) = (identity.who, identity.author);
        self.authors.set_gone(author, None);
        let remembers = self.authors.get_mut(author).is_some_and(|author| {
            author.reopen();
            author.say_again();
            author.is_remembered()
        });
        let end = self.recent.end();
        let (start, history) = match *start {
            Place::At(start) => (start, None),
            Place::Before(history) => (end, Some(history)),
        };
        let welcome = Welcome { log: self.log, start, end, remembers };
        if let Some(notice) = self.roster.arrive(who, &identity.nick, identity.present, author) {
            self.tell(now, &notice, queue);
        }
        let prefix = Prefix::of(session.path().peer.ip());
        let allowed = self.allowance.arrive(now, who, prefix);
        let mut peer = Peer::new(id, session, identity, welcome, allowed);
        if history.is_some() || (self.archive.oldest().is_some() && !remembers) {
            (peer.begins, peer.history) = (true, history);
            self.archive.begin(id);
        }
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
        if !peer.allowed.opens(now) {
            return Err(DropReason::Rate);
        }
        let mut plain = [0; DATAGRAM_MAX];
        let plain = peer.session.open(number, sealed, &mut plain)?;
        self.in_hand = Some(peer.who);
        let taken = self.take_packet(now, path, id, number, sealed.len(), plain, intake);
        self.in_hand = None;
        taken
    }

    /// Takes an authentic packet, whole or not at all.
    #[allow(clippy::too_many_arguments)] // it is one step of another function
    fn take_packet(
        &mut self,
        now: Instant,
        path: Path,
        id: PeerId,
        number: u64,
        sealed: usize,
        plain: &[u8],
        intake: &mut Intake<'_>,
    ) -> Result<(), DropReason> {
        let Some(peer) = self.peers.get_mut(id.0 as usize).and_then(Option::as_mut) else {
            return Err(DropReason::UnknownSession);
        };
        let mut draws_ack = false;
        let (mut posts, mut bytes) = (0, 0);
        let mut counts = Counts::default();
        for frame in frames(plain) {
            let offered = match frame.and_then(|frame| counts.count(frame)) {
                Ok(Frame::Post { counter, settled_below, text, .. }) => {
                    draws_ack = true;
                    self.authors
                        .offer(peer.author, counter, settled_below, bytes + text.len())
                        .map(|offer| (offer, text))
                }
                Ok(frame) => {
                    draws_ack |= frame.draws_ack();
                    continue;
                }
                Err(_) => Err(Broken),
            };
            match offered {
                Ok((Offer::NoPlace, _)) => return Err(DropReason::NoPlace),
                Ok((Offer::Known, _)) => {}
                Ok((Offer::Next | Offer::Early, text)) => (posts, bytes) = (posts + 1, bytes + text.len()),
                Err(Broken) => {
                    self.close(now, id, CloseReason::Broken, intake.queue);
                    return Err(DropReason::Broken);
                }
            }
        }
        let author = Source::author(peer.author);
        if posts > 0 && peer.begins {
            return Err(DropReason::NoPlace);
        }
        let has_place = posts == 0 || intake.queue.takes(author, posts, bytes);
        if !has_place {
            return Err(DropReason::NoPlace);
        }
        if counts.posts > 0 && !self.allowance.takes(now, &mut peer.allowed, posts > 0, intake.rate) {
            return Err(DropReason::Rate);
        }
        let len = packet::PACKET_HEAD + sealed;
        peer.session.accept(now, path, number, len, draws_ack, || [self.entropy.bytes(), self.entropy.bytes()]);
        for frame in frames(plain).flatten() {
            if let Err(why) = self.frame(now, path, id, &frame, intake) {
                self.close(now, id, why, intake.queue);
                return if why == CloseReason::Broken { Err(DropReason::Broken) } else { Ok(()) };
            }
        }
        self.challenge(now, id);
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
                if peer.cursor.is_sound() {
                    return Ok(());
                }
                // A bug of ours, and of this session alone: it ends, and the others go on.
                ::log::warn!("the cursor of a session is broken, please report this: {:?} {have:?}", peer.cursor);
                Err(CloseReason::Broken)
            }
            Frame::Post { counter, settled_below, kind, text } => {
                let post = Post { counter, kind, text };
                self.post(now, id, settled_below, post, intake).map_err(|Broken| CloseReason::Broken)
            }
            Frame::Ask { after } => {
                // One is outstanding, the newest: a client asks for one list after the other.
                peer.asked = Some(after);
                if planted(Fault::AnswerAtOnce) {
                    drop(people(&self.roster, after, intake.members));
                }
                Ok(())
            }
            Frame::Bye(_) => Err(CloseReason::Left),
            // Only servers say these; the session's own are done with.
            Frame::Welcome { .. }
            | Frame::Entries(_)
            | Frame::Gap { .. }
            | Frame::Settled { .. }
            | Frame::People(_) => Err(CloseReason::Broken),
            Frame::Ack(_) | Frame::Ping { .. } | Frame::Pong { .. } | Frame::Challenge(_) | Frame::Response(_) => {
                Ok(())
            }
        }
    }

    /// Takes a post for which there is place.
    ///
    /// # Errors
    /// No client that keeps to the protocol says that behind what came before it in the packet.
    fn post(
        &mut self,
        now: Instant,
        id: PeerId,
        settled_below: u64,
        post: Post<'_>,
        intake: &mut Intake<'_>,
    ) -> Result<(), Broken> {
        let counter = post.counter;
        let Some(author) = self.peer_mut(id).map(|peer| peer.author) else { return Ok(()) };
        let offer = self.authors.offer(author, counter, settled_below, post.text.len())?;
        self.authors.confirm(author, settled_below);
        match offer {
            Offer::Known => self.authors.repeat(author, counter),
            Offer::Early => self.authors.hold(author, counter, post.kind, post.text),
            Offer::Next => self.draft(now, id, post, intake)?,
            // Looked at before: there was place, and what its own packet changed leaves it to each honest client.
            Offer::NoPlace => return Err(Broken),
        }
        while let Some((counter, (kind, text))) = self.authors.unhold(author) {
            self.draft(now, id, Post { counter, kind, text: &text }, intake)?;
        }
        Ok(())
    }

    fn draft(&mut self, now: Instant, id: PeerId, post: Post<'_>, intake: &mut Intake<'_>) -> Result<(), Broken> {
        let Post { counter, text, .. } = post;
        assert!(!planted(Fault::Panic) || text != sabotage::PANIC, "planted");
        let Some(peer) = self.peers.get_mut(id.0 as usize).and_then(Option::as_mut) else { return Ok(()) };
        self.authors.draft(peer.author, counter)?;
        let kind = match post.kind {
            PostKind::Say if is_text(text) => Ok(EntryKind::Said),
            PostKind::Act if is_text(text) && text.len() <= ACT_MAX => Ok(EntryKind::Did),
            PostKind::Say | PostKind::Act => Err(Refusal::Malformed),
            PostKind::Rename => match text.parse() {
                Ok(to) if self.roster.is_free_for(peer.who, &to) => Ok(EntryKind::Renamed),
                Ok(_) => Err(Refusal::NickTaken),
                Err(_) => Err(Refusal::Malformed),
            },
            PostKind::Other(_) => Err(Refusal::Unsupported),
        };
        let author = peer.author;
        let kind = match kind {
            Ok(kind) => kind,
            Err(why) => {
                self.authors.settle(author, counter, Outcome::Refused(why));
                return Ok(());
            }
        };
        let due = self.allowance.take(now, &mut peer.allowed, intake.rate);
        let (who, nick) = (peer.who, peer.nick.clone());
        let post = Some(PostId { instance: peer.instance, counter });
        let item = Item { source: Source::author(author), kind, nick: nick.as_str(), text, who, post, due };
        if !self.push(now, intake.queue, item) {
            self.authors.settle(author, counter, Outcome::Refused(Refusal::Busy));
        } else if let (EntryKind::Renamed, Ok(to)) = (kind, text.parse::<Nick>()) {
            // What it says from now on comes behind that in the log; both nicks are its own until then.
            self.roster.hold(who, &to);
            if let Some(peer) = self.peers.get_mut(id.0 as usize).and_then(Option::as_mut) {
                if peer.present {
                    self.roster.renamed(who, &peer.nick, &to);
                }
                let from = std::mem::replace(&mut peer.nick, to.clone());
                self.authors.rename(author, counter, from, to);
            }
        }
        Ok(())
    }

    fn unknown(&mut self, now: Instant, path: Path, id: SessionId, number: u64) -> Result<(), DropReason> {
        if !self.lobby.has(id) {
            let meter = self.unknowns.of(now, Prefix::of(path.peer.ip())).unwrap_or(&mut self.unknowns_of_others);
            if meter.when(now, UNKNOWN_INTERVAL, UNKNOWN_RATE) <= now {
                meter.take(now, UNKNOWN_INTERVAL);
                self.reply(path, &packet::unknown(id, number));
            }
        }
        Err(DropReason::UnknownSession)
    }

    /// Forgets an author that is without a session, if there are too many.
    fn make_place_for_an_author(&mut self, now: Instant, intake: &Intake<'_>) {
        if self.authors.len() < AUTHORS_OF_A_MEMBER * intake.members_max.max(AUTHORS_LEAST / AUTHORS_OF_A_MEMBER) {
            return;
        }
        let roster = &self.roster;
        let is_free = |id, who| !intake.queue.holds(Source::author(id)) && !roster.names(who, id);
        self.authors.forget_longest_gone(now, is_free);
    }
}

/// Who is here behind `after`, as many as are said at once: first the keys that are present, then the members over text.
/// Whether there are more, and the list, encoded.
pub(super) fn people(roster: &Roster, after: Option<PersonId>, members: &Members) -> (bool, Vec<u8>) {
    let (key, member) = match after {
        None => (Some(None), None),
        Some(PersonId::Key(who)) => (Some(Some(who)), None),
        Some(PersonId::Text(id)) => (None, Some(MemberId(id))),
        // Nobody comes behind somebody whom nobody knows.
        Some(PersonId::Other(_)) => (None, Some(MemberId(u32::MAX))),
    };
    let keys = key.into_iter().flat_map(|after| roster.present_after(after));
    let keys = keys.map(|(who, nick)| (PersonId::Key(who), nick.as_str()));
    let texts = members.after(member).map(|(id, nick)| (PersonId::Text(id.0), nick));
    let (mut encoded, mut last) = (Vec::new(), None);
    let more = keys.chain(texts).any(|(person, name)| {
        work::did(Work::Scanned, 1);
        // Of one key all nicks or none, for the next question goes on behind it.
        let start = last.filter(|&(other, _)| other == person).map_or(encoded.len(), |(_, start)| start);
        last = Some((person, start));
        let has_place = encode_person(&mut encoded, person, name);
        if !has_place {
            encoded.truncate(start);
        }
        !has_place
    });
    work::did(Work::Encoded, encoded.len());
    (more, encoded)
}
