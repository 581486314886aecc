//! What comes in.
//!
//! Owns: the way of a datagram to what it changes: a handshake, a session that begins, frames, posts.
//! Must not know: what is sent, and when.
//! Driven by: `room`.

use super::authors::Offer;
use super::lobby::{Hello, State};
use super::peer::{self, Answer, Identity, Peer, PeerId};
use super::{Sessions, push_reply};
use crate::room::counters::DropReason;
use crate::room::entry::EntryKind;
use crate::room::members::{MemberId, Members, Path};
use crate::room::queue::{Item, Queue, Source};
use crate::room::rate::Rate;
use crate::sabotage::{Fault, planted};
use crate::session::{PublicKey, Role, Session};
use crate::time::Instant;
use crate::wire::entry::{ACT_MAX, is_text};
use crate::wire::frame::{Frame, History, Join, Outcome, PersonId, PostKind, Welcome, encode_person, frames};
use crate::wire::packet::{self, DATAGRAM_MAX, Datagram};
use crate::wire::{CloseReason, Nick, PostId, Refusal, Seq, SessionId};

/// How many *unknown* are sent a second (PROTOCOL 2.5).
const UNKNOWN_RATE: u32 = 100;

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

/// What of the room a datagram may need.
pub(in crate::room) struct Intake<'a> {
    pub(in crate::room) queue: &'a mut Queue,
    pub(in crate::room) rate: Option<Rate>,
    /// The room has as many members as it may have.
    pub(in crate::room) is_full: bool,
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
            Ok((identity, start)) => self.join(now, id, session, identity, &start, intake.queue),
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
    ) -> Result<(Identity, Place), CloseReason> {
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
        let mut peer = Peer::new(id, session, identity, welcome);
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
            if let Frame::Post { counter, settled_below, text, .. } = frame {
                match self.authors.offer(peer.author, counter, settled_below, bytes + text.len()) {
                    Offer::NoPlace => return Err(DropReason::NoPlace),
                    Offer::Known => {}
                    Offer::Next | Offer::Early => (posts, bytes) = (posts + 1, bytes + text.len()),
                }
            }
        }
        let author = Source::author(peer.author);
        if posts > 0 && peer.begins {
            return Err(DropReason::NoPlace);
        }
        if posts > 0 && !(intake.queue.takes(author, posts, bytes) && peer.is_within(now, intake.rate)) {
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
            Frame::Post { counter, settled_below, kind, text } => {
                self.post(now, id, settled_below, Post { counter, kind, text }, intake);
                Ok(())
            }
            Frame::Ask { after } => {
                let answer = self.people(after, intake.members);
                if let Some(peer) = self.peer_mut(id) {
                    peer.people = Some(Box::new(answer));
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

    fn post(&mut self, now: Instant, id: PeerId, settled_below: u64, post: Post<'_>, intake: &mut Intake<'_>) {
        let counter = post.counter;
        let Some(author) = self.peer_mut(id).map(|peer| peer.author) else { return };
        self.authors.confirm(author, settled_below);
        match self.authors.offer(author, counter, settled_below, post.text.len()) {
            Offer::Known => self.authors.repeat(author, counter),
            Offer::Early => self.authors.hold(author, counter, post.kind, post.text),
            Offer::Next => self.draft(now, id, post, intake),
            // Looked at before: there was place.
            Offer::NoPlace => {}
        }
        while let Some((counter, (kind, text))) = self.authors.unhold(author) {
            self.draft(now, id, Post { counter, kind, text: &text }, intake);
        }
    }

    fn draft(&mut self, now: Instant, id: PeerId, post: Post<'_>, intake: &mut Intake<'_>) {
        let Post { counter, text, .. } = post;
        let Some(peer) = self.peers.get_mut(id.0 as usize).and_then(Option::as_mut) else { return };
        self.authors.draft(peer.author, counter);
        let kind = match post.kind {
            PostKind::Say if is_text(text) => Ok(EntryKind::Said),
            PostKind::Act if is_text(text) && text.len() <= ACT_MAX => Ok(EntryKind::Did),
            PostKind::Say | PostKind::Act => Err(Refusal::Malformed),
            PostKind::Rename => match text.parse() {
                Ok(to) if self.roster.is_free_for(peer.who, &to) => Ok(EntryKind::Renamed),
                Ok(_) => Err(Refusal::NickTaken),
                Err(_) => Err(Refusal::Malformed),
            },
        };
        let author = peer.author;
        let kind = match kind {
            Ok(kind) => kind,
            Err(why) => return self.authors.settle(author, counter, Outcome::Refused(why)),
        };
        let due = peer.take_turn(now, intake.rate);
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
                peer.nick = to;
            }
        }
    }

    /// Who is here behind `after`, as many as are said at once: first the keys that are present, then the members over
    /// text.
    fn people(&self, after: Option<PersonId>, members: &Members) -> Answer {
        let (key, member) = match after {
            None => (Some(None), None),
            Some(PersonId::Key(who)) => (Some(Some(who)), None),
            Some(PersonId::Text(id)) => (None, Some(MemberId(id))),
        };
        let keys = key.into_iter().flat_map(|after| self.roster.present_after(after));
        let keys = keys.map(|(who, nick)| (PersonId::Key(who), nick.as_str()));
        let texts = members.after(member).map(|(id, nick)| (PersonId::Text(id.0), nick));
        let (mut encoded, mut last) = (Vec::new(), None);
        let more = keys.chain(texts).any(|(person, name)| {
            // Of one key all nicks or none, for the next question goes on behind it.
            let start = last.filter(|&(other, _)| other == person).map_or(encoded.len(), |(_, start)| start);
            last = Some((person, start));
            let has_place = encode_person(&mut encoded, person, name);
            if !has_place {
                encoded.truncate(start);
            }
            !has_place
        });
        Answer { after, more, encoded }
    }

    fn unknown(&mut self, now: Instant, path: Path, id: SessionId, number: u64) -> Result<(), DropReason> {
        let Some(rate) = Rate::per_second(UNKNOWN_RATE) else { return Err(DropReason::UnknownSession) };
        if !self.lobby.has(id) && self.unknowns.when(now, rate, UNKNOWN_RATE) <= now {
            self.unknowns.take(now, rate);
            self.reply(path, &packet::unknown(id, number));
        }
        Err(DropReason::UnknownSession)
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
}
