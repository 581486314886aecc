//! How datagrams of the text dialect come in, and who becomes a member.
//!
//! Owns: the way of a datagram into the queue; the admission of members over text.
//! Must not know: what happens to queued items.
//! Driven by: the server.

use std::net::IpAddr;

use super::Text;
use crate::server::admission::rate::{Meters, Rate};
use crate::server::admission::{BURST_SECONDS, Prefix, RESTING_MAX, TextPolicy, is_private};
use crate::server::counters::DropReason;
use crate::server::ids::{MemberId, Path, Source};
use crate::server::queue::{Item, ItemKind, Queue};
use crate::time::Instant;
use crate::wire::text::{self, Datagram};

/// New members of one prefix that may come at once. Chosen: a classroom.
const SIGNUP_BURST: u32 = 64;

/// The parts of the server that a datagram may need.
pub(crate) struct Intake<'a> {
    pub(crate) now: Instant,
    pub(crate) policy: TextPolicy,
    pub(crate) rate: Option<Rate>,
    pub(crate) signup_rate: Option<Rate>,
    /// What prefixes have used of their signup rate.
    pub(crate) signups: &'a mut Meters<Prefix>,
    /// The most members, those with sessions (`sessions`) included.
    pub(crate) members_max: usize,
    pub(crate) sessions: usize,
    pub(crate) queue: &'a mut Queue,
}

impl Text {
    /// Handles a datagram of the text dialect.
    pub(crate) fn receive(&mut self, path: Path, bytes: &[u8], intake: &mut Intake<'_>) -> Result<(), DropReason> {
        match intake.policy {
            TextPolicy::Any => {}
            TextPolicy::Off => return Err(DropReason::TextOff),
            TextPolicy::Private if is_private(path.peer.ip()) => {}
            TextPolicy::Private => return Err(DropReason::NotPrivate),
        }
        let datagram = text::parse(bytes)?;
        let id = match self.members.find(path.socket, path.peer) {
            Some(id) => self.hear(intake.now, id, path.local),
            None => self.admit(path, intake)?,
        };
        let due = self.meter(intake.now, id, intake.rate).ok_or(DropReason::Rate)?;
        let (kind, text) = match datagram {
            Datagram::Signup { nick } => (ItemKind::Signup, nick),
            Datagram::Line(line) => (ItemKind::Line, line),
        };
        let is_taken = intake.queue.push(Item { source: Source::Text(id), kind, text, due, ..Item::default() });
        self.remove_if_nothing(id, intake.queue);
        if is_taken { Ok(()) } else { Err(DropReason::QueueFull) }
    }

    /// Returns when the member's next datagram is due; `None` if that is too late to wait for.
    fn meter(&mut self, now: Instant, id: MemberId, rate: Option<Rate>) -> Option<Instant> {
        let (Some(rate), Some(member)) = (rate, self.members.get_mut(id)) else { return Some(now) };
        let burst = rate.seconds(BURST_SECONDS);
        if member.meter.when(now, rate.interval(), burst.saturating_add(RESTING_MAX)) > now {
            return None;
        }
        let due = member.meter.when(now, rate.interval(), burst);
        member.meter.take(now, rate.interval());
        Some(due)
    }

    fn hear(&mut self, now: Instant, id: MemberId, local: Option<IpAddr>) -> MemberId {
        if let Some(member) = self.members.get_mut(id) {
            member.heard = now;
            member.unreached = 0;
            if member.path.local != local {
                member.path.local = local;
                if let Some(place) = member.place {
                    self.fanouts[member.path.socket.0].reply_from(place, local);
                }
            }
        }
        id
    }

    fn admit(&mut self, path: Path, intake: &mut Intake<'_>) -> Result<MemberId, DropReason> {
        meter_signup(Prefix::of(path.peer.ip()), intake)?;
        if self.members.len() + intake.sessions >= intake.members_max {
            let gives_way = self.members.longest_silent_beside(path.peer.ip()).ok_or(DropReason::RoomFull)?;
            if let Some(member) = self.members.get(gives_way) {
                log::debug!("{} makes place for {}: the room is full", member.path.peer, path.peer);
            }
            self.remove(gives_way, intake.queue);
        }
        Ok(self.members.insert(intake.now, path))
    }
}

fn meter_signup(prefix: Prefix, intake: &mut Intake<'_>) -> Result<(), DropReason> {
    let (Some(rate), now) = (intake.signup_rate, intake.now) else { return Ok(()) };
    let meter = intake.signups.of(now, prefix).ok_or(DropReason::Signups)?;
    if meter.when(now, rate.interval(), SIGNUP_BURST) > now {
        return Err(DropReason::Signups);
    }
    meter.take(now, rate.interval());
    Ok(())
}
