//! New members: handshakes, and the sessions that begin with them (PROTOCOL 2.4, 2.10, 2.13).
//!
//! Owns: the way of a hello and a finish to a session or a refusal, and when public-key work is done.
//! Must not know: what is in packets.
//! Driven by: `intake`, which hands it hellos and finishes, and by `server` once a turn.

use super::lobby::{Finishing, Hello, Job, WORK_OF_A_BUSY_TURN, WORK_OF_A_TURN};
use super::peer::{self, Identity, Peer, Turn};
use super::{Context, Sessions, push_reply};
use crate::log::Reader;
use crate::policy::names;
use crate::server::admission::Prefix;
use crate::server::admission::allowance::SESSIONS_OF_A_KEY;
use crate::server::counters::DropReason;
use crate::server::ids::{Path, PeerId, Source};
use crate::server::queue::{Deed, Item, ItemKind};
use crate::session::{Cipher, PublicKey, Responder, Role, Session};
use crate::time::Instant;
use crate::wire::entry::{Act, Terms};
use crate::wire::frame::{Barred, Frame, History, Join, Outcome, ServerHello, Welcome};
use crate::wire::order::InvitationToken;
use crate::wire::packet;
use crate::wire::record;
use crate::wire::{CloseReason, Instance, LogId, Nick, Seq, SessionId, Who};

/// Nicks under which a key is, or just was, present. Chosen: twice its sessions, for users who come back under other nicks.
const NICKS_OF_A_KEY: usize = 2 * SESSIONS_OF_A_KEY;

/// The nick of the owner: others cannot have one that begins like this.
const OWNER: &str = "udpchat owner";

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

/// What a client asks for in its finish.
#[derive(Clone, Debug)]
struct Asked {
    instance: Instance,
    nick: Nick,
    present: bool,
    place: Option<(LogId, Seq)>,
    history: History,
    /// The hash of its invitation's token, if it has one.
    token: Option<[u8; 16]>,
    /// Whether it stays out of receipts.
    uncounted: bool,
    /// The cipher of the session. It may be one that was not offered: this program can do it, only slowly.
    cipher: Cipher,
}

impl Asked {
    fn decode(payload: &[u8]) -> Option<Self> {
        let Join { instance, nick, present, place, history, token, uncounted, cipher } = Join::decode(payload)?;
        let cipher = Cipher::of(cipher)?;
        let token = (token != [0; 16]).then(|| InvitationToken(token).hash());
        Some(Self { instance, nick: nick.parse().ok()?, present, place, history, token, uncounted, cipher })
    }
}

/// Whether a client may join.
#[derive(Debug)]
enum Admitted {
    /// As this member, from there on.
    Now(Identity, Place),
    /// Once the log has the entry that makes its key known, with the invitation of this hash.
    Registered([u8; 16]),
}

/// A client that waits for the log to take the entry that makes its key known.
#[derive(Debug)]
pub(super) struct Registering {
    id: SessionId,
    session: Session<Path, peer::Cargo>,
    key: PublicKey,
    asked: Asked,
}

/// The most clients that wait for that. Chosen: as many as a turn's handshakes, many times.
const REGISTERING_MAX: usize = 256;

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
        let payload = postcard::to_slice(&ServerHello { id: id.0, ciphers: self.ciphers }, &mut payload)
            .map_err(|_| DropReason::Forged)?;
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
        let asked = Asked::decode(&payload);
        // A client that wants a cipher that there is not gets the one that everybody speaks, in which it is turned away.
        let cipher = asked.as_ref().map(|asked| asked.cipher).unwrap_or_default();
        let session = Session::new(now, Role::Server, client, responder.into_transport(cipher), path, round_trip);
        match asked {
            Some(asked) => self.take_in(cx, Registering { id, session, key, asked }),
            None => self.turn_away(cx, id, session, key, CloseReason::Broken.into()),
        }
        self.in_hand = None;
        Ok(())
    }

    /// Begins the session of a client, has its key registered first, or refuses it.
    fn take_in(&mut self, cx: &mut Context<'_>, coming: Registering) {
        match self.admit(cx, coming.key, &coming.asked) {
            Ok(Admitted::Now(identity, start)) => self.join(cx, coming.id, coming.session, identity, &start),
            Ok(Admitted::Registered(token)) => self.register(cx, token, coming),
            Err(why) => self.turn_away(cx, coming.id, coming.session, coming.key, why),
        }
    }

    fn turn_away(
        &mut self,
        cx: &Context<'_>,
        id: SessionId,
        mut session: Session<Path, peer::Cargo>,
        key: PublicKey,
        Refused { why, nick }: Refused,
    ) {
        let mut bye = Vec::new();
        let held = nick.and_then(|nick| cx.room.holder(key.who(), &nick, cx.wall)).map(Frame::Held);
        let first = held.or_else(|| barred(cx, key.who(), why));
        let path = session.bye_behind(first.as_ref(), why, &mut bye);
        self.reply(path, &bye);
        self.lobby.refuse(id, path, bye.into_boxed_slice());
    }

    /// Drafts the entry that makes the key known. A client that finds no place repeats its handshake.
    fn register(&mut self, cx: &mut Context<'_>, token: [u8; 16], coming: Registering) {
        if self.registering.len() >= REGISTERING_MAX {
            return;
        }
        let who = coming.key.who();
        make_place_for_an_author(cx);
        let author = cx.room.posts.find_or_insert(who, coming.asked.instance);
        if !self.by_author.contains_key(&author) {
            cx.room.posts.set_gone(author, Some(cx.now));
        }
        self.tickets += 1;
        let terms = Terms { key: coming.key.0, token, ..Terms::default() };
        let nick = coming.asked.nick.as_str();
        let deed =
            Deed { act: Act::Register, whom: who, of: nick.to_owned(), terms, ticket: self.tickets, ..Deed::default() };
        let (source, kind) = (Source::Session(author), ItemKind::Acted);
        if cx.queue.push(Item { source, kind, nick, who, due: cx.now, deed: Some(&deed), ..Item::default() }) {
            self.registering.insert(self.tickets, Box::new(coming));
        }
    }

    /// Goes on with a client whose registration the log has taken or refused.
    pub(super) fn registered(&mut self, cx: &mut Context<'_>, ticket: u64, outcome: Outcome) {
        let Some(coming) = self.registering.remove(&ticket) else { return };
        // By now the key is known, or the invitation is used up.
        let is_stranger = cx.room.policy.role(coming.key.who()) == record::Role::Stranger;
        match outcome {
            Outcome::Refused(why) if is_stranger && why.is_of_the_log() => {
                // It may come again.
                self.turn_away(cx, coming.id, coming.session, coming.key, CloseReason::ServerEnds.into());
            }
            Outcome::Accepted(_) | Outcome::Refused(_) => {
                self.in_hand = Some(coming.key.who());
                match self.admit(cx, coming.key, &coming.asked) {
                    Ok(Admitted::Now(identity, start)) => self.join(cx, coming.id, coming.session, identity, &start),
                    // It was not taken, and another time it would not be either.
                    Ok(Admitted::Registered(_)) => {
                        let why = CloseReason::UsedUp.into();
                        self.turn_away(cx, coming.id, coming.session, coming.key, why);
                    }
                    Err(why) => self.turn_away(cx, coming.id, coming.session, coming.key, why),
                }
                self.in_hand = None;
            }
        }
    }

    /// Decides whether a key may come in at all. Returns what it may do there.
    fn may_come(&self, cx: &Context<'_>, key: PublicKey, token: Option<[u8; 16]>) -> Result<record::Role, CloseReason> {
        let who = key.who();
        if self.suspects.refuses(cx.now, who) {
            return Err(CloseReason::Refused);
        }
        if cx.room.policy.has_other_key(who, &key.0) {
            return Err(CloseReason::Collides);
        }
        if let Some(sanction) = cx.room.barred(who, cx.wall) {
            return Err(if sanction.is_ban { CloseReason::Banned } else { CloseReason::Kicked });
        }
        let role = cx.room.policy.role(who);
        let is_stranger = role == record::Role::Stranger;
        match token {
            Some(token) if is_stranger && cx.room.policy.invitation(&token, cx.wall).is_none() => {
                Err(CloseReason::UsedUp)
            }
            None if is_stranger && cx.room.is_closed() => Err(CloseReason::NotInvited),
            Some(_) | None => Ok(role),
        }
    }

    /// Decides whether the client may join, and as whom. Nothing is remembered of a refused client.
    fn admit(&mut self, cx: &mut Context<'_>, key: PublicKey, join: &Asked) -> Result<Admitted, Refused> {
        let who = key.who();
        let role = self.may_come(cx, key, join.token)?;
        let known = cx.room.posts.find(who, join.instance);
        let nick = match known.and_then(|id| cx.room.posts.get(id)) {
            _ if role == record::Role::Owner => OWNER.parse().map_err(|_| CloseReason::BadNick)?,
            Some(author) => author.renamed(&join.nick),
            None => join.nick.clone(),
        };
        // The owner has a nick that nobody else can have, and is not seen.
        let present = join.present && role != record::Role::Owner;
        if role != record::Role::Owner && names::check(&nick).is_err() {
            return Err(CloseReason::BadNick.into());
        }
        if cx.room.holder(who, &nick, cx.wall).is_some() {
            return Err(Refused { why: CloseReason::NickTaken, nick: Some(nick) });
        }
        if present && cx.room.presence.nicks_of(who) >= NICKS_OF_A_KEY {
            return Err(CloseReason::TooManySessions.into());
        }
        if cx.room.policy.may_join(who, nick.as_str(), cx.wall).is_err() && present {
            return Err(CloseReason::Muted.into());
        }
        if let Some(token) = join.token.filter(|_| role == record::Role::Stranger)
            && let Some(invitation) = cx.room.policy.invitation(&token, cx.wall)
        {
            if !invitation.nick.is_empty() && invitation.nick != nick.as_str() {
                return Err(CloseReason::InvitedAs.into());
            }
            return Ok(Admitted::Registered(token));
        }
        let older = known.and_then(|id| self.by_author.get(&id)).copied();
        let others = self.allowance.sessions_of(who).saturating_sub(usize::from(older.is_some()));
        if others >= SESSIONS_OF_A_KEY {
            return Err(CloseReason::TooManySessions.into());
        }
        match older {
            Some(older) => self.close(cx, older, CloseReason::Replaced),
            // However full it is, whoever can make place comes in.
            None if self.by_id.len() + cx.texts.len() >= cx.members_max && role < record::Role::Operator => {
                return Err(CloseReason::RoomFull.into());
            }
            None => {}
        }
        make_place_for_an_author(cx);
        let author = cx.room.posts.find_or_insert(who, join.instance);
        let window = &cx.room.window;
        let end = window.end();
        let reader = Reader { who, own_end: end };
        let start = match join.place {
            Some((log, next)) if log == cx.room.log && next <= end => Place::At(next),
            _ => match window.start(join.history, cx.wall) {
                Some(start) => Place::At(window.skip_silent(start.max(window.oldest()), reader)),
                None if window.reads_back() => Place::Before(join.history),
                None => Place::At(window.skip_silent(window.first(), reader)),
            },
        };
        let (instance, is_counted) = (join.instance, !join.uncounted);
        let has_from = join.place.filter(|&(log, next)| log == cx.room.log && next <= end).map(|(_, next)| next);
        Ok(Admitted::Now(Identity { key, who, instance, nick, present, is_counted, has_from, author }, start))
    }

    fn join(
        &mut self,
        cx: &mut Context<'_>,
        id: SessionId,
        session: Session<Path, peer::Cargo>,
        mut identity: Identity,
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
        if identity.present {
            let before = self.receipts.arrive(who, identity.instance, identity.is_counted);
            // With a place it goes on where that session had begun; without one it begins anew.
            identity.has_from = identity.has_from.map(|place| before.map_or(place, |before| before.min(place)));
        }
        let notice = cx.room.presence.arrive(who, &identity.nick, identity.present, author);
        let path = session.path();
        let prefix = Prefix::of(path.peer.ip());
        let allowed = self.allowance.arrive(cx.now, who, prefix);
        if let Some(notice) = notice {
            self.tell(cx, &notice, allowed.young(), Some(identity.key));
        }
        let mut peer = Peer::new(id, session, identity, welcome, allowed);
        peer.owed.read = self.reads.get(who).is_some();
        if history.is_some() || (cx.room.window.reads_back() && !remembers) {
            peer.turn = Turn::Beginning(history);
            self.archive.begin(id);
        }
        let place = PeerId::of(self.peers.insert(Box::new(peer)));
        self.by_id.insert(id, place);
        self.by_author.insert(author, place);
        self.by_who.insert((who, place));
        self.wake(place);
        self.arm(place);
        self.moves += 1;
        self.knocks.is_back(path);
        self.knock(cx.now);
    }
}

/// Returns what to tell a client that has to stay out.
pub(super) fn barred<'a>(cx: &'a Context<'_>, who: Who, why: CloseReason) -> Option<Frame<'a>> {
    let sanction = cx.room.barred(who, cx.wall).filter(|_| matches!(why, CloseReason::Kicked | CloseReason::Banned))?;
    Some(Frame::Barred(Barred { until: sanction.barred, by: &sanction.by, why: &sanction.why }))
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
