//! Who comes in: handshakes, and the sessions that begin with them (PROTOCOL 2.4, 2.10, 2.13).
//!
//! Owns: the way of a hello and a finish to a session or to a refusal, what public-key work is done when.
//! Must not know: what is in packets.
//! Driven by: `intake`, which hands it what came, and by `room` once a turn.

use crate::server::admission::Prefix;
use crate::server::admission::allowance::SESSIONS_OF_A_KEY;
use crate::server::counters::DropReason;
use crate::server::queue::{Queue, Source};
use crate::server::sessions::intake::Intake;
use crate::server::sessions::lobby::{Finishing, Hello, Job, WORK_OF_A_BUSY_TURN, WORK_OF_A_TURN};
use crate::server::sessions::peer::{self, Identity, Peer, PeerId};
use crate::server::sessions::{Sessions, push_reply};
use crate::server::text::members::Path;
use crate::session::{PublicKey, Responder, Role, Session};
use crate::time::Instant;
use crate::wire::frame::{History, Join, ServerHello, Welcome};
use crate::wire::packet;
use crate::wire::{CloseReason, Nick, Seq, SessionId};

/// Nicks under which a key is present, or was a moment ago. Chosen: twice as many as sessions, for who comes back under others.
const NICKS_OF_A_KEY: usize = 2 * SESSIONS_OF_A_KEY;

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

impl Sessions {
    pub(crate) fn greet(&mut self, now: Instant, path: Path, hello: &Hello<'_>) -> Result<(), DropReason> {
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

    pub(crate) fn finish(&mut self, now: Instant, path: Path, id: SessionId, noise: &[u8]) -> Result<(), DropReason> {
        if let Some(bye) = self.lobby.refusal(path, id) {
            push_reply(&mut self.outgoing[path.socket.0], path, bye);
            return Ok(());
        }
        // Else it is of a session that stands already, or of a handshake that was given up.
        if self.lobby.finish(now, path, id, noise) { Ok(()) } else { Err(DropReason::UnknownSession) }
    }

    /// Does the public-key work of one turn of the loop, for those whose turn it is. True if there is more.
    pub(crate) fn shake_hands(
        &mut self,
        now: Instant,
        intake: &mut Intake<'_>,
        is_busy: bool,
        mut dropped: impl FnMut(DropReason),
    ) -> bool {
        let most = if is_busy { WORK_OF_A_BUSY_TURN } else { WORK_OF_A_TURN };
        let mut done = 0;
        while done < most {
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
        match admitted {
            Ok((identity, start)) => self.join(now, id, session, identity, &start, intake.queue),
            Err(why) => {
                let mut bye = Vec::new();
                session.bye(why, &mut bye);
                self.reply(path, &bye);
                self.lobby.refuse(id, path, bye.into_boxed_slice());
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
        if join.present && self.roster.nicks_of(who) >= NICKS_OF_A_KEY {
            return Err(CloseReason::TooManySessions);
        }
        let older = known.and_then(|id| self.by_author.get(&id)).copied();
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
        let notice = self.roster.arrive(who, &identity.nick, identity.present, author);
        let prefix = Prefix::of(session.path().peer.ip());
        let allowed = self.allowance.arrive(now, who, prefix);
        if let Some(notice) = notice {
            self.tell(now, &notice, allowed.young(), queue);
        }
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
