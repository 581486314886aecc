//! New members: handshakes, and the sessions that begin with them (PROTOCOL 2.4, 2.10, 2.13).
//!
//! Owns: the way of a hello and a finish to a session or a refusal, and when public-key work is done.
//! Must not know: what is in packets.
//! Driven by: `intake`, which hands it hellos and finishes, and by `server` once a turn.

use super::lobby::{Finishing, Hello, Job, WORK_OF_A_BUSY_TURN, WORK_OF_A_TURN};
use super::peer::{self, Identity, Peer, Turn};
use super::{Context, Sessions, push_reply};
use crate::policy::names;
use crate::server::admission::Prefix;
use crate::server::admission::allowance::SESSIONS_OF_A_KEY;
use crate::server::counters::DropReason;
use crate::server::ids::{Path, PeerId, Source};
use crate::session::{PublicKey, Responder, Role, Session};
use crate::time::Instant;
use crate::wire::frame::{Frame, History, Join, ServerHello, Welcome};
use crate::wire::packet;
use crate::wire::{CloseReason, Nick, Seq, SessionId};

/// Nicks under which a key is, or just was, present. Chosen: twice its sessions, for users who come back under other nicks.
const NICKS_OF_A_KEY: usize = 2 * SESSIONS_OF_A_KEY;

/// Authors remembered: this many for each member that the room may have, and at least this many in all.
const AUTHORS_OF_A_MEMBER: usize = 4;
const AUTHORS_LEAST: usize = 1024;

/// Where in the log a session begins.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// At this number.
    At(Seq),
    /// This far back, which has to be looked up.
    Before(History),
}

/// Why a client may not join.
#[derive(Debug)]
struct Refused {
    why: CloseReason,
    /// The nick that belongs to another, if that is why.
    nick: Option<Nick>,
}

impl From<CloseReason> for Refused {
    fn from(why: CloseReason) -> Self {
        Self { why, nick: None }
    }
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
        // If not, it belongs to a session that stands already, or to a handshake that was given up.
        if self.lobby.finish(now, path, id, noise) { Ok(()) } else { Err(DropReason::UnknownSession) }
    }

    /// Does the public-key work of one turn of the loop, for the handshakes whose turn it is. Returns whether more is left.
    pub(in crate::server) fn shake_hands(
        &mut self,
        cx: &mut Context<'_>,
        is_busy: bool,
        mut dropped: impl FnMut(DropReason),
    ) -> bool {
        let most = if is_busy { WORK_OF_A_BUSY_TURN } else { WORK_OF_A_TURN };
        let mut done = 0;
        while done < most {
            let Some(job) = self.lobby.next_job() else { return false };
            done += job.cost();
            let worked = match job {
                Job::Answer(id) => self.answer(cx.now, id),
                Job::Finish(id, finishing) => self.begin(cx, id, *finishing),
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
            // The hello has no usable ephemeral key.
            self.lobby.take(id);
            return Err(DropReason::Forged);
        };
        let answer = packet::answer(client, &noise);
        self.lobby.answer(now, id, responder, &answer);
        push_reply(&mut self.outgoing[path.socket.0], path, &answer);
        Ok(())
    }

    /// Reads a finish, then begins the session or tells the client why it is refused.
    fn begin(&mut self, cx: &mut Context<'_>, id: SessionId, mut finishing: Finishing) -> Result<(), DropReason> {
        let now = cx.now;
        let Some((payload, key)) = finishing.responder.read_finish(&self.key, &finishing.noise) else {
            self.lobby.put_back(now, id, finishing);
            return Err(DropReason::Forged);
        };
        self.in_hand = Some(key.who());
        let Finishing { half_open, responder, round_trip, .. } = finishing;
        let (path, client) = (half_open.path, half_open.client);
        let admitted = self.admit(cx, key, &payload);
        let mut session = Session::new(now, Role::Server, client, responder.into_transport(), path, round_trip);
        match admitted {
            Ok((identity, start)) => self.join(cx, id, session, identity, &start),
            Err(Refused { why, nick }) => {
                let mut bye = Vec::new();
                let held = nick.and_then(|nick| cx.room.holder(key.who(), &nick, cx.wall)).map(Frame::Held);
                session.bye_behind(held.as_ref(), why, &mut bye);
                self.reply(path, &bye);
                self.lobby.refuse(id, path, bye.into_boxed_slice());
            }
        }
        self.in_hand = None;
        Ok(())
    }

    /// Decides whether the client may join, and as whom. Nothing is remembered of a refused client.
    fn admit(&mut self, cx: &mut Context<'_>, key: PublicKey, payload: &[u8]) -> Result<(Identity, Place), Refused> {
        let join: Join<'_> = postcard::take_from_bytes(payload).map_err(|_| CloseReason::Broken)?.0;
        let nick: Nick = join.nick.parse().map_err(|_| CloseReason::Broken)?;
        let who = key.who();
        if self.suspects.refuses(cx.now, who) {
            return Err(CloseReason::Refused.into());
        }
        let known = cx.room.posts.find(who, join.instance);
        let nick = match known.and_then(|id| cx.room.posts.get(id)) {
            Some(author) => author.renamed(&nick),
            None => nick,
        };
        if names::check(&nick).is_err() {
            return Err(CloseReason::BadNick.into());
        }
        if cx.room.policy.has_other_key(who, &key.0) {
            return Err(CloseReason::Collides.into());
        }
        if cx.room.holder(who, &nick, cx.wall).is_some() {
            return Err(Refused { why: CloseReason::NickTaken, nick: Some(nick) });
        }
        if join.present && cx.room.presence.nicks_of(who) >= NICKS_OF_A_KEY {
            return Err(CloseReason::TooManySessions.into());
        }
        let older = known.and_then(|id| self.by_author.get(&id)).copied();
        let others = self.allowance.sessions_of(who).saturating_sub(usize::from(older.is_some()));
        if others >= SESSIONS_OF_A_KEY {
            return Err(CloseReason::TooManySessions.into());
        }
        match older {
            Some(older) => self.close(cx, older, CloseReason::Replaced),
            None if self.by_id.len() + cx.texts.len() >= cx.members_max => return Err(CloseReason::RoomFull.into()),
            None => {}
        }
        make_place_for_an_author(cx);
        let author = cx.room.posts.find_or_insert(who, join.instance);
        let window = &cx.room.window;
        let end = window.end();
        let start = match join.place {
            Some((log, next)) if log == cx.room.log && next <= end => Place::At(next),
            _ => match window.start(join.history, cx.wall) {
                Some(start) => Place::At(start.max(window.oldest())),
                None if window.reads_back() => Place::Before(join.history),
                None => Place::At(window.first()),
            },
        };
        Ok((Identity { key, who, instance: join.instance, nick, present: join.present, author }, start))
    }

    fn join(
        &mut self,
        cx: &mut Context<'_>,
        id: SessionId,
        session: Session<Path, peer::Cargo>,
        identity: Identity,
        start: &Place,
    ) {
        let (who, author) = (identity.who, identity.author);
        cx.room.posts.set_gone(author, None);
        let remembers = cx.room.posts.get_mut(author).is_some_and(|author| {
            author.reopen();
            author.say_again();
            author.is_remembered()
        });
        let end = cx.room.window.end();
        let (start, history) = match *start {
            Place::At(start) => (start, None),
            Place::Before(history) => (end, Some(history)),
        };
        let welcome = Welcome { log: cx.room.log, start, end, remembers };
        let notice = cx.room.presence.arrive(who, &identity.nick, identity.present, author);
        let path = session.path();
        let prefix = Prefix::of(path.peer.ip());
        let allowed = self.allowance.arrive(cx.now, who, prefix);
        if let Some(notice) = notice {
            self.tell(cx, &notice, allowed.young(), Some(identity.key));
        }
        let mut peer = Peer::new(id, session, identity, welcome, allowed);
        if history.is_some() || (cx.room.window.reads_back() && !remembers) {
            peer.turn = Turn::Beginning(history);
            self.archive.begin(id);
        }
        let place = PeerId::of(self.peers.insert(Box::new(peer)));
        self.by_id.insert(id, place);
        self.by_author.insert(author, place);
        self.wake(place);
        self.arm(place);
        self.moves += 1;
        self.knocks.is_back(path);
        self.knock(cx.now);
    }
}

/// Forgets an author without a session if there are too many authors.
fn make_place_for_an_author(cx: &mut Context<'_>) {
    let least = AUTHORS_LEAST / AUTHORS_OF_A_MEMBER;
    if cx.room.posts.len() < AUTHORS_OF_A_MEMBER * cx.members_max.max(least) {
        return;
    }
    let (queue, presence) = (&*cx.queue, &cx.room.presence);
    let is_free = |id, who| !queue.holds(Source::Session(id)) && !presence.names(who, id);
    cx.room.posts.forget_longest_gone(cx.now, is_free);
}
