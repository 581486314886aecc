//! What comes in, and the text members that come and go.
//!
//! Owns: the way of a datagram into the queue, or to the sessions; who is admitted to the room as a text member.
//! Must not know: what becomes of what is queued.
//! Driven by: `room`.

use std::net::IpAddr;

use crate::log::EntryKind;
use crate::server::admission::{Prefix, TextPolicy, is_private};
use crate::server::counters::DropReason;
use crate::server::queue::{Item, Source};
use crate::server::sessions::Intake;
use crate::server::text::fanout::Peer;
use crate::server::text::members::{MemberId, Path};
use crate::server::{BURST_SECONDS, RESTING_MAX, Room};
use crate::time::Instant;
use crate::wire::frame::Outcome;
use crate::wire::text::{self, Datagram};
use crate::wire::{Refusal, Seq, packet};

/// How many new members of one prefix may come at once. Chosen: a class room.
const SIGNUP_BURST: u32 = 64;

/// Datagrams of what was said before that wait for a socket before newcomers go without. Chosen: some full replays; it is
/// no promise.
const REPLAYED_MAX: usize = 2048;

impl Room {
    pub(crate) fn accept(&mut self, path: Path, bytes: &[u8]) -> Result<(), DropReason> {
        if path.peer.port() == 0 {
            return Err(DropReason::NoReturn);
        }
        if let Some(sessions) = &mut self.sessions {
            if packet::is_session(bytes) {
                let (rate, members_max) = (self.config.rate, self.config.members_max);
                let mut intake = Intake { queue: &mut self.queue, rate, members_max, members: &self.members };
                return sessions.receive(self.now, path, bytes, &mut intake);
            }
            if text::is_probe(bytes) {
                sessions.probed(self.now, path);
                return Ok(());
            }
        }
        match self.config.text {
            TextPolicy::Any => {}
            TextPolicy::Off => return Err(DropReason::TextOff),
            TextPolicy::Private if is_private(path.peer.ip()) => {}
            TextPolicy::Private => return Err(DropReason::NotPrivate),
        }
        let datagram = text::parse(bytes)?;
        let id = match self.members.find(path.socket, path.peer) {
            Some(id) => self.hear(id, path.local),
            None => self.admit(path)?,
        };
        let due = self.meter(id).ok_or(DropReason::Rate)?;
        let (kind, text) = match datagram {
            Datagram::Signup { nick } => (EntryKind::Signup, nick),
            Datagram::Line(line) => (EntryKind::Line, line),
        };
        let (counters, sessions, now) = (&mut self.counters, &mut self.sessions, self.now);
        let item = Item { source: Source::member(id), kind, text, due, ..Item::default() };
        let taken = self.queue.push(item, |dropped| {
            counters.drop_for(now, DropReason::QueueFull);
            sessions.iter_mut().for_each(|sessions| sessions.settled(now, dropped, Outcome::Refused(Refusal::Busy)));
        });
        if !taken {
            self.counters.drop_for(self.now, DropReason::QueueFull);
        }
        self.remove_if_nothing(id);
        Ok(())
    }

    /// When the next datagram of the member may have its turn; `None` if that is too late to wait for.
    fn meter(&mut self, id: MemberId) -> Option<Instant> {
        let (Some(rate), Some(member)) = (self.config.rate, self.members.get_mut(id)) else {
            return Some(self.now);
        };
        let burst = rate.seconds(BURST_SECONDS);
        if member.meter.when(self.now, rate.interval(), burst.saturating_add(RESTING_MAX)) > self.now {
            return None;
        }
        let due = member.meter.when(self.now, rate.interval(), burst);
        member.meter.take(self.now, rate.interval());
        Some(due)
    }

    fn hear(&mut self, id: MemberId, local: Option<IpAddr>) -> MemberId {
        if let Some(member) = self.members.get_mut(id) {
            (member.heard, member.unreached) = (self.now, 0);
            if member.path.local != local {
                member.path.local = local;
                if let Some(place) = member.place {
                    self.fanouts[member.path.socket.0].reply_from(place, local);
                }
            }
        }
        id
    }

    fn admit(&mut self, path: Path) -> Result<MemberId, DropReason> {
        self.meter_signup(Prefix::of(path.peer.ip()))?;
        if self.members() >= self.config.members_max {
            let gives_way = self.members.longest_silent_beside(path.peer.ip()).ok_or(DropReason::RoomFull)?;
            if let Some(member) = self.members.get(gives_way) {
                ::log::debug!("{} makes place for {}: the room is full", member.path.peer, path.peer);
            }
            self.remove(gives_way);
        }
        Ok(self.members.insert(self.now, path))
    }

    fn meter_signup(&mut self, prefix: Prefix) -> Result<(), DropReason> {
        let (Some(rate), now) = (self.config.signup_rate, self.now) else { return Ok(()) };
        let meter = self.signups.of(now, prefix).ok_or(DropReason::Signups)?;
        if meter.when(now, rate.interval(), SIGNUP_BURST) > now {
            return Err(DropReason::Signups);
        }
        meter.take(now, rate.interval());
        Ok(())
    }

    /// Lets a newcomer go whose first datagram came to nothing: it has no cursor, and nothing that would give it one.
    pub(crate) fn remove_if_nothing(&mut self, id: MemberId) {
        if !self.queue.holds(Source::member(id)) && self.members.get(id).is_some_and(|member| member.place.is_none()) {
            self.remove(id);
        }
    }

    pub(crate) fn remove(&mut self, id: MemberId) {
        if let Some(member) = self.members.get(id)
            && let (Some(place), socket) = (member.place, member.path.socket)
        {
            let members = &mut self.members;
            self.fanouts[socket.0].remove(place, |moved, place| {
                if let Some(member) = members.get_mut(moved) {
                    member.place = Some(place);
                }
            });
        }
        self.members.remove(id);
        if !self.queue.holds(Source::member(id)) {
            self.members.forget(id);
        }
    }

    /// Gives the author its cursor, at its first entry.
    pub(crate) fn place(&mut self, author: MemberId, first: Seq) {
        if !self.members.is_here(author) {
            return;
        }
        if let Some(member) = self.members.get_mut(author)
            && member.place.is_none()
        {
            let Path { socket, peer, local } = member.path;
            let peer = Peer { to: peer, from: local, member: author, cursor: first };
            member.place = Some(self.fanouts[socket.0].insert(peer));
            if self.config.text_history > 0 && self.replays[socket.0].len() < REPLAYED_MAX {
                let most = self.config.text_history;
                self.replay.build(first, most, member.path, &mut self.replays[socket.0]);
            }
        }
    }
}
