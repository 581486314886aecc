//! What comes in.
//!
//! Owns: the way of a datagram to what it changes: a handshake (`handshakes`), frames, posts.
//! Must not know: what is sent, and when.
//! Driven by: `room`.

use std::time::Duration;

use crate::log::EntryKind;
use crate::server::admission::Prefix;
use crate::server::admission::rate::Rate;
use crate::server::counters::DropReason;
use crate::server::queue::{Item, Queue, Source};
use crate::server::room::posts::Offer;
use crate::server::room::presence::Roster;
use crate::server::sessions::Sessions;
use crate::server::sessions::lobby::Hello;
use crate::server::sessions::peer::PeerId;
use crate::server::text::members::{MemberId, Members, Path};
use crate::session::Broken;
use crate::time::Instant;
use crate::wire::entry::{ACT_MAX, is_text};
use crate::wire::frame::{Frame, Malformed, Outcome, PersonId, PostKind, encode_person, frames};
use crate::wire::limits::POSTS_MAX;
use crate::wire::packet::{self, DATAGRAM_MAX, Datagram};
use crate::wire::{CloseReason, Nick, PostId, Refusal, SessionId};
use crate::work::{self, Work};

/// How many *unknown* are sent a second to each prefix (PROTOCOL 2.5).
const UNKNOWN_RATE: u32 = 100;
const UNKNOWN_INTERVAL: Duration = Duration::from_millis(10);

const _: () = assert!(UNKNOWN_INTERVAL.as_millis() * UNKNOWN_RATE as u128 == 1000);

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
    posts: u32,
}

impl Counts {
    /// One more frame.
    ///
    /// # Errors
    /// It is one too many.
    fn count<'a>(&mut self, frame: Frame<'a>) -> Result<Frame<'a>, Malformed> {
        self.acks += u64::from(matches!(frame, Frame::Ack(_)));
        self.haves += u64::from(matches!(frame, Frame::Have(_)));
        self.posts += u32::from(matches!(frame, Frame::Post { .. }));
        let is_too_much = self.acks > 1 || self.haves > 1 || u64::from(self.posts) > POSTS_MAX;
        if is_too_much { Err(Malformed) } else { Ok(frame) }
    }
}

/// What of the room a datagram may need.
pub(crate) struct Intake<'a> {
    pub(crate) queue: &'a mut Queue,
    pub(crate) rate: Option<Rate>,
    /// The most members.
    pub(crate) members_max: usize,
    /// The members over text.
    pub(crate) members: &'a Members,
}

impl Sessions {
    /// Somebody asked with a probe: the answer is a token.
    pub(crate) fn probed(&mut self, now: Instant, path: Path) {
        let token = self.minter.token(now, path.peer);
        self.reply(path, &token);
    }

    /// A datagram of the session protocol came in.
    pub(crate) fn receive(
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
                if !self.minter.is_good(now, path.peer, token) {
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
        // The next posts that are in front of a post: what follows them is next.
        let mut follows = 0;
        let mut counts = Counts::default();
        for frame in frames(plain) {
            let offered = match frame.and_then(|frame| counts.count(frame)) {
                Ok(Frame::Post { counter, settled_below, text, .. }) => {
                    draws_ack = true;
                    self.authors
                        .offer(peer.author, counter, settled_below, bytes + text.len(), follows)
                        .map(|offer| (offer, text))
                }
                Ok(frame) => {
                    draws_ack |= frame.draws_ack();
                    continue;
                }
                Err(_) => Err(Broken),
            };
            match offered {
                Ok((Offer::NoPlace, _)) => {
                    // It comes again, like what came before.
                    let _is_held = !self.allowance.takes(now, &mut peer.allowed, 0, counts.posts, intake.rate);
                    return Err(DropReason::NoPlace);
                }
                Ok((Offer::Known, _)) => {}
                Ok((offer @ (Offer::Next | Offer::Early), text)) => {
                    (posts, bytes) = (posts + 1, bytes + text.len());
                    follows += u64::from(offer == Offer::Next);
                }
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
        let new = u32::try_from(posts).unwrap_or(u32::MAX);
        let repeats = counts.posts.saturating_sub(new);
        if counts.posts > 0 && !self.allowance.takes(now, &mut peer.allowed, new, repeats, intake.rate) {
            return Err(DropReason::Rate);
        }
        if posts > 0 && !intake.queue.takes(author, posts, bytes) {
            return Err(DropReason::NoPlace);
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
        let offer = self.authors.offer(author, counter, settled_below, post.text.len(), 0)?;
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
        let Some(peer) = self.peers.get_mut(id.0 as usize).and_then(Option::as_mut) else { return Ok(()) };
        self.authors.draft(peer.author, counter)?;
        let kind = match post.kind {
            PostKind::Say if is_text(text) => Ok(EntryKind::Said),
            PostKind::Act if is_text(text) && text.len() <= ACT_MAX => Ok(EntryKind::Did),
            PostKind::Say | PostKind::Act => Err(Refusal::Malformed),
            PostKind::Rename => match text.parse() {
                // One after the other: what the second is renamed from would be in the air if the first were refused.
                Ok(_) if self.authors.is_renaming(peer.author) => Err(Refusal::Busy),
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
}

/// Who is here behind `after`, as many as are said at once: first the keys that are present, then the members over text.
/// Whether there are more, and the list, encoded.
pub(crate) fn people(roster: &Roster, after: Option<PersonId>, members: &Members) -> (bool, Vec<u8>) {
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
        if !has_place && start > 0 {
            encoded.truncate(start);
        }
        // Of one whose nicks fill a list by themselves some have no place at all.
        !has_place
    });
    work::did(Work::Encoded, encoded.len());
    (more, encoded)
}
