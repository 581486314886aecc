//! Incoming datagrams.
//!
//! Owns: the way of a datagram to what it changes: a handshake (`handshakes`), frames, posts.
//! Must not know: what is sent, and when.
//! Driven by: `server`.

use std::time::Duration;

use super::lobby::Hello;
use super::{Context, Sessions};
use crate::policy::Policy;
use crate::server::admission::Prefix;
use crate::server::admission::allowance::Allowance;
use crate::server::counters::DropReason;
use crate::server::ids::{AuthorId, MemberId, Path, PeerId, Source};
use crate::server::queue::{Deed, Item, ItemKind};
use crate::server::room::posts::{Offer, Offered, Plan};
use crate::server::room::presence::Presence;
use crate::server::text::members::Members;
use crate::session::{Broken, PACKETS_OF_A_KEY, PublicKey};
use crate::time::Instant;
use crate::wire::entry::Act;
use crate::wire::frame::{Frame, Malformed, Outcome, Person, PersonId, PostKind, encode_person, frames};
use crate::wire::limits::POSTS_MAX;
use crate::wire::order::Order;
use crate::wire::packet::{self, DATAGRAM_MAX, Datagram};
use crate::wire::record::Role;
use crate::wire::{CloseReason, Nick, PostId, Refusal, SessionId, Who};
use crate::work::{self, Work};

/// How many *unknown* each prefix is sent a second (PROTOCOL 2.5).
const UNKNOWN_RATE: u32 = 100;
const UNKNOWN_INTERVAL: Duration = Duration::from_millis(10);

const _: () = assert!(UNKNOWN_INTERVAL.as_millis() * UNKNOWN_RATE as u128 == 1000);

/// How many frames of the costly kinds a packet has (PROTOCOL 2.6).
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    acks: u64,
    haves: u64,
    posts: u32,
}

impl Counts {
    /// Counts one more frame.
    ///
    /// # Errors
    /// If that is one too many.
    fn count<'a>(&mut self, frame: Frame<'a>) -> Result<Frame<'a>, Malformed> {
        self.acks += u64::from(matches!(frame, Frame::Ack(_)));
        self.haves += u64::from(matches!(frame, Frame::Have(_)));
        self.posts += u32::from(matches!(frame, Frame::Post { .. }));
        let is_too_much = self.acks > 1 || self.haves > 1 || u64::from(self.posts) > POSTS_MAX;
        if is_too_much { Err(Malformed) } else { Ok(frame) }
    }
}

impl Sessions {
    /// Answers a probe with a token.
    pub(in crate::server) fn probed(&mut self, now: Instant, path: Path) {
        let token = self.tokens.token(now, path.peer);
        self.reply(path, &token);
    }

    /// Handles a datagram of the session protocol.
    pub(in crate::server) fn receive(
        &mut self,
        cx: &mut Context<'_>,
        path: Path,
        bytes: &[u8],
    ) -> Result<(), DropReason> {
        match packet::parse(bytes).ok_or(DropReason::NoDatagram)? {
            Datagram::Hello { version, client, token, prologue, noise } => {
                if self.lobby.is_behind(path) {
                    return Err(DropReason::HalfOpen);
                }
                if !self.tokens.is_good(cx.now, path.peer, token) {
                    self.probed(cx.now, path);
                    return Err(DropReason::Token);
                }
                if version != packet::VERSION {
                    self.reply(path, &packet::other_version(client));
                    return Ok(());
                }
                self.greet(cx.now, path, &Hello { client, prologue, noise })
            }
            Datagram::Finish { server, noise } => self.finish(cx.now, path, server, noise),
            Datagram::Packet { receiver, number, sealed } => {
                let Some(&id) = self.by_id.get(&receiver) else { return self.unknown(cx.now, path, receiver, number) };
                self.packet(cx, path, id, number, sealed)
            }
            Datagram::Answer { .. } | Datagram::Unknown { .. } | Datagram::OtherVersion { .. } | Datagram::Knock => {
                Err(DropReason::NoDatagram)
            }
        }
    }

    fn packet(
        &mut self,
        cx: &mut Context<'_>,
        path: Path,
        id: PeerId,
        number: u64,
        sealed: &[u8],
    ) -> Result<(), DropReason> {
        let Some(peer) = self.peers.get_mut(id.key()) else { return Err(DropReason::UnknownSession) };
        if !peer.allowed.opens(cx.now) {
            return Err(DropReason::Rate);
        }
        let mut plain = [0; DATAGRAM_MAX];
        let plain = peer.session.open(number, sealed, &mut plain)?;
        if number >= PACKETS_OF_A_KEY {
            // A client that keeps to the protocol has begun another session long before.
            self.close(cx, id, CloseReason::ServerEnds);
            return Ok(());
        }
        self.in_hand = Some(peer.who);
        let taken = self.take_packet(cx, path, id, (number, packet::PACKET_HEAD + sealed.len()), plain);
        self.in_hand = None;
        if let Err(DropReason::Broken) = taken {
            self.close(cx, id, CloseReason::Broken);
        }
        taken
    }

    /// Handles an authentic packet of that number and length, all of it or nothing.
    fn take_packet(
        &mut self,
        cx: &mut Context<'_>,
        path: Path,
        id: PeerId,
        (number, len): (u64, usize),
        plain: &[u8],
    ) -> Result<(), DropReason> {
        let Some(peer) = self.peers.get_mut(id.key()) else { return Err(DropReason::UnknownSession) };
        let mut plan = Plan::default();
        let mut counts = Counts::default();
        let mut ack_eliciting = false;
        for frame in frames(plain) {
            let frame = frame.and_then(|frame| counts.count(frame)).map_err(|Malformed| DropReason::Broken)?;
            ack_eliciting |= frame.is_ack_eliciting();
            if let Frame::Post { counter, settled_below, kind, body } = frame {
                let planned = cx.room.posts.plan(peer.author, &mut plan, (counter, settled_below), kind, body);
                planned.map_err(|Broken| DropReason::Broken)?;
                if plan.has_no_place {
                    // The client will resend this post and the earlier ones of the packet.
                    Allowance::count_repeats(cx.now, &mut peer.allowed, counts.posts, cx.rate);
                    return Err(DropReason::NoPlace);
                }
            }
        }
        if plan.new > 0 && peer.begins().is_some() {
            return Err(DropReason::NoPlace);
        }
        let repeats = counts.posts.saturating_sub(plan.new);
        if counts.posts > 0 && !self.allowance.takes(cx.now, &mut peer.allowed, plan.new, repeats, cx.rate) {
            return Err(DropReason::Rate);
        }
        if plan.new > 0 && !cx.queue.takes(Source::Session(peer.author), plan.new as usize, plan.bytes) {
            return Err(DropReason::NoPlace);
        }
        if plan.new > 0 {
            peer.posted = Some(cx.now);
        }
        peer.session.accept(cx.now, path, number, len, ack_eliciting, || [self.entropy.bytes(), self.entropy.bytes()]);
        let mut posts = plan.posts.iter();
        for frame in frames(plain).flatten() {
            let handled = if let Frame::Post { .. } = frame {
                posts.next().map_or(Ok(()), |post| self.post(cx, id, post)).map_err(|Broken| CloseReason::Broken)
            } else {
                self.frame(cx, path, id, &frame)
            };
            match handled {
                Ok(()) => {}
                Err(CloseReason::Broken) => return Err(DropReason::Broken),
                Err(why) => {
                    self.close(cx, id, why);
                    return Ok(());
                }
            }
        }
        self.challenge(cx.now, id);
        self.wake(id);
        self.arm(id);
        Ok(())
    }

    /// Handles one frame that is not a post.
    fn frame(&mut self, cx: &mut Context<'_>, path: Path, id: PeerId, frame: &Frame<'_>) -> Result<(), CloseReason> {
        let Some(peer) = self.peers.get_mut(id.key()) else { return Ok(()) };
        if peer.session.handle(cx.now, path, frame).map_err(|_| CloseReason::Broken)? {
            self.take_back_lost(cx, id);
            return Ok(());
        }
        match *frame {
            Frame::Have(ref have) => {
                let is_quiet = peer.session.is_quiet();
                peer.cursor.have(have, is_quiet);
                if peer.cursor.is_sound() {
                    return Ok(());
                }
                // This is a bug of ours that affects this session alone: it ends, and the others go on.
                log::warn!(
                    "internal error: inconsistent session cursor, closing the session (please report this): {:?} {have:?}",
                    peer.cursor
                );
                Err(CloseReason::Broken)
            }
            Frame::Ask { after } => {
                // Only the newest is outstanding: a client asks for one list after the other.
                peer.owed.people = Some(after);
                Ok(())
            }
            Frame::List { ref after } => {
                peer.owed.records = Some(after.clone());
                Ok(())
            }
            Frame::Find { name } => {
                peer.owed.name = Some(name.into());
                Ok(())
            }
            Frame::Fetch(fetch) => {
                peer.reading.ask(fetch);
                Ok(())
            }
            Frame::Skip { to } => {
                peer.skip(to.min(cx.room.window.end()));
                Ok(())
            }
            Frame::Read { before } => {
                self.read(cx, id, before);
                Ok(())
            }
            Frame::Watch(watch) => {
                self.watch(cx, id, watch);
                Ok(())
            }
            Frame::Bye(_) => Err(CloseReason::Left),
            // Only servers send these.
            Frame::Welcome { .. }
            | Frame::Entries(_)
            | Frame::Gap { .. }
            | Frame::Settled { .. }
            | Frame::Held(_)
            | Frame::Barred(_)
            | Frame::Listed { .. }
            | Frame::Found(_)
            | Frame::Page(_)
            | Frame::Received(_)
            | Frame::End { .. }
            | Frame::People(_) => Err(CloseReason::Broken),
            // Handled already: the session's own frames, and posts.
            Frame::Ack(_)
            | Frame::Ping { .. }
            | Frame::Pong { .. }
            | Frame::Challenge(_)
            | Frame::Response(_)
            | Frame::Post { .. } => Ok(()),
        }
    }

    /// Takes a post as it was planned.
    ///
    /// # Errors
    /// If the session's own state is at fault.
    fn post(&mut self, cx: &mut Context<'_>, id: PeerId, post: &Offered<'_>) -> Result<(), Broken> {
        let Some(author) = self.peer(id).map(|peer| peer.author) else { return Ok(()) };
        cx.room.posts.confirm(author, post.settled_below);
        match post.offer {
            Offer::Known => cx.room.posts.repeat(author, post.counter),
            Offer::Early => cx.room.posts.hold(author, post.counter, post.kind, post.body),
            Offer::Next => self.draft(cx, id, post)?,
            // A packet with a post that has no place was refused as a whole.
            Offer::NoPlace => return Err(Broken),
        }
        while let Some((counter, (kind, body))) = cx.room.posts.unhold(author) {
            let offer = Offer::Next;
            self.draft(cx, id, &Offered { counter, settled_below: post.settled_below, kind, body: &body, offer })?;
        }
        Ok(())
    }

    fn draft(&mut self, cx: &mut Context<'_>, id: PeerId, post: &Offered<'_>) -> Result<(), Broken> {
        let Offered { counter, body, .. } = *post;
        // Whatever is no text was taken for broken when it was read, or is a private message.
        let text = if post.kind == PostKind::Private { "" } else { std::str::from_utf8(body).unwrap_or_default() };
        let Some(peer) = self.peer(id) else { return Ok(()) };
        let (author, who) = (peer.author, peer.who);
        cx.room.posts.draft(author, counter)?;
        let nick = match post.kind {
            // The owner has no nick.
            _ if cx.room.policy.role(who) == Role::Owner => String::new(),
            // Whoever acts and is not in the room is shown under its own nick all the same.
            PostKind::Order if !peer.present => self.name_of(cx, who),
            PostKind::Order
            | PostKind::Say
            | PostKind::Act
            | PostKind::Rename
            | PostKind::Release
            | PostKind::Private
            | PostKind::Other(_) => peer.nick.as_str().to_owned(),
        };
        let id_of_post = PostId { instance: peer.instance, counter };
        let mut sealed = &[][..];
        let permitted = cx.room.permits((who, author), post.kind, text, cx.wall);
        let permitted = permitted.and_then(|kind| match post.kind {
            PostKind::Order => self.order(cx, (who, &nick), text).map(|(deed, why)| (kind, deed, Some(why))),
            PostKind::Release if cx.room.own_nick(who, text, cx.wall).is_some() => {
                Ok((kind, release(cx, who, text), Some(String::new())))
            }
            // An operator may give others' back.
            PostKind::Release => {
                let order = Order { whom: text.to_owned(), ..Order::new(Act::Release) };
                let ordered = self.order(cx, (who, &nick), &order.encode());
                let ordered = ordered.map_err(|why| if why == Refusal::NoRight { Refusal::NotHeld } else { why });
                ordered.map(|(deed, why)| (kind, deed, Some(why)))
            }
            PostKind::Private => self.letter(cx, (who, &nick), id_of_post, body).map(|(deed, letter)| {
                sealed = letter;
                (kind, deed, None)
            }),
            PostKind::Say | PostKind::Act | PostKind::Rename | PostKind::Other(_) => Ok((kind, Deed::default(), None)),
        });
        let Some(peer) = self.peers.get_mut(id.key()) else { return Ok(()) };
        let (kind, deed, why) = match permitted {
            Ok(permitted) => permitted,
            Err(why) => {
                if let (Refusal::NickTaken, Ok(nick)) = (why, text.parse()) {
                    let held = cx.room.holder(who, &nick, cx.wall);
                    peer.held = held.map(|held| (held.nick.into(), held.who, held.since));
                }
                cx.room.posts.settle(author, counter, Outcome::Refused(why));
                return Ok(());
            }
        };
        let needs_key = kind == ItemKind::Private || (kind == ItemKind::Renamed && peer.present);
        let key = needs_key.then_some(peer.key.0);
        let text = why.as_deref().unwrap_or(text);
        let mut due = self.allowance.take(cx.now, &mut peer.allowed, cx.rate);
        if kind == ItemKind::Private {
            due = due.max(self.take_of_pair(cx.now, who, deed.whom));
        }
        let source = Source::Session(author);
        let (post, deed) = (Some(id_of_post), Some(&deed));
        if !cx.queue.push(Item { source, kind, nick: &nick, text, who, key, post, deed, sealed, due }) {
            cx.room.posts.settle(author, counter, Outcome::Refused(Refusal::Busy));
        } else if let (ItemKind::Renamed, Ok(to)) = (kind, text.parse()) {
            self.rename(cx, id, (author, counter), to);
        }
        Ok(())
    }

    /// Gives the session's later posts the new nick; they follow the rename in the log. Both nicks are held until it is
    /// committed or refused.
    fn rename(&mut self, cx: &mut Context<'_>, id: PeerId, (author, counter): (AuthorId, u64), to: Nick) {
        let Some(peer) = self.peers.get_mut(id.key()) else { return };
        cx.room.presence.hold(peer.who, &to);
        // And for the rename itself, which may end in a claim when the session is gone.
        cx.room.presence.hold(peer.who, &to);
        if peer.present {
            cx.room.presence.renamed(peer.who, &peer.nick, &to);
        }
        let from = std::mem::replace(&mut peer.nick, to.clone());
        cx.room.posts.rename(author, counter, from, to);
    }

    fn unknown(&mut self, now: Instant, path: Path, id: SessionId, number: u64) -> Result<(), DropReason> {
        if !self.lobby.has(id) {
            // A member that was knocked at pings because the server asked for it, once a second: the server owes it an answer.
            let is_owed = self.knocks.has(path);
            let meter = self.unknowns.of(now, Prefix::of(path.peer.ip())).unwrap_or(&mut self.unknowns_of_others);
            if is_owed || meter.when(now, UNKNOWN_INTERVAL, UNKNOWN_RATE) <= now {
                if !is_owed {
                    meter.take(now, UNKNOWN_INTERVAL);
                }
                self.reply(path, &packet::unknown(id, number));
            }
        }
        Err(DropReason::UnknownSession)
    }
}

/// Returns what the release of a nick of the author's is to the log: the nick as it is written in its claim.
fn release(cx: &Context<'_>, who: Who, nick: &str) -> Deed {
    let of = cx.room.own_nick(who, nick, cx.wall).unwrap_or(nick).to_owned();
    Deed { act: Act::Release, whom: who, of, ..Deed::default() }
}

/// Returns who is present after `after`, as many as fit one answer: first the present keys, then the text members. The result
/// is whether there are more, and the encoded list.
pub(super) fn people(
    presence: &Presence,
    policy: &Policy,
    after: Option<PersonId>,
    members: &Members,
) -> (bool, Vec<u8>) {
    let (key, member) = match after {
        None => (Some(None), None),
        Some(PersonId::Key(who)) => (Some(Some(who)), None),
        Some(PersonId::Text(id)) => (None, Some(MemberId(id))),
        // Nobody comes after a person of an unknown form.
        Some(PersonId::Other(_)) => (None, Some(MemberId(u32::MAX))),
    };
    let keys = key.into_iter().flat_map(|after| presence.present_after(after));
    let keys = keys.map(|(who, nick)| {
        let print = policy.key_of(who).map(|key| PublicKey(key).print());
        Person { id: PersonId::Key(who), nick: nick.as_str(), print }
    });
    let texts = members.after(member).map(|(id, nick)| Person { id: PersonId::Text(id.0), nick, print: None });
    let (mut encoded, mut last) = (Vec::new(), None);
    let more = keys.chain(texts).any(|person| {
        work::did(Work::Scanned, 1);
        // A list has all nicks of a key or none, because the next *ask* continues after the key.
        let start = last.filter(|&(other, _)| other == person.id).map_or(encoded.len(), |(_, start)| start);
        last = Some((person.id, start));
        let has_place = encode_person(&mut encoded, person);
        if !has_place && start > 0 {
            encoded.truncate(start);
        }
        // If the nicks of one key fill a list by themselves, the rest of them have no place at all.
        !has_place
    });
    work::did(Work::Encoded, encoded.len());
    (more, encoded)
}
