//! The members over text.
//!
//! Owns: the members, found by address, each with its nick and the time when it was last heard; who has been silent longest, in
//! all and within a prefix.
//! Must not know: entries, cursors, what a member is sent.
//! Driven by: `server`.
//!
//! The order by silence is kept lazily, so that hearing a member costs nothing: each member stands in the indices at the time
//! when it was last looked at, and is moved to where it belongs when its turn comes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use slab::Slab;

use crate::server::admission::Prefix;
use crate::server::admission::rate::Meter;
use crate::server::ids::{MemberId, Path, SocketId};
use crate::time::Instant;
use crate::wire::text::PREFIX_MAX;

/// Free places whose memory is kept. Chosen: as many as a small room needs.
const PLACES_KEPT: usize = 64;

/// A member over text.
#[derive(Debug)]
pub(crate) struct Member {
    /// How it is reached.
    pub(crate) path: Path,
    /// The nick it signed up with; empty before that, and if it is too long to be of use
    /// ([`crate::wire::text::PREFIX_MAX`]).
    pub(crate) nick: Box<str>,
    /// When its last datagram came.
    pub(crate) heard: Instant,
    /// Where its cursor is in its socket's fan-out; `None` until its first entry is committed.
    pub(crate) place: Option<u32>,
    /// What it has used of the rate of its datagrams.
    pub(crate) meter: Meter,
    /// How often its host was reported unreachable since it was last heard.
    pub(crate) unreached: u8,
    /// When it was last put into the indices.
    indexed: Instant,
    /// It has left, and only items that it sent are still under way.
    gone: bool,
}

impl Member {
    /// Sets the nick that it signed up with.
    pub(crate) fn set_nick(&mut self, nick: &str) {
        let useful = if nick.len() < PREFIX_MAX { nick } else { "" };
        if *self.nick != *useful {
            self.nick = useful.into();
        }
    }
}

/// The members; see the module.
#[derive(Debug, Default)]
pub(crate) struct Members {
    slots: Slab<Member>,
    /// No place from here on is taken.
    places: usize,
    by_address: BTreeMap<(SocketId, SocketAddr), MemberId>,
    by_silence: BTreeSet<(Instant, MemberId)>,
    by_prefix: BTreeSet<(Prefix, Instant, MemberId)>,
}

impl Members {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.by_address.len()
    }

    /// Returns the member with this address on this socket.
    pub(crate) fn find(&self, socket: SocketId, peer: SocketAddr) -> Option<MemberId> {
        self.by_address.get(&(socket, peer)).copied()
    }

    pub(crate) fn get(&self, id: MemberId) -> Option<&Member> {
        self.slots.get(id.key())
    }

    pub(crate) fn get_mut(&mut self, id: MemberId) -> Option<&mut Member> {
        self.slots.get_mut(id.key())
    }

    /// Returns the members behind `after`, in an order that does not change, with the nicks they signed up with.
    pub(crate) fn after(&self, after: Option<MemberId>) -> impl Iterator<Item = (MemberId, &str)> {
        let from = after.map_or(0, |id| id.key().saturating_add(1));
        let members = (from..self.places).filter_map(|key| Some((key, self.slots.get(key)?)));
        members.filter(|(_, member)| !member.gone).map(|(key, member)| (MemberId::of(key), &*member.nick))
    }

    /// Adds a new member, reached by `path`.
    pub(crate) fn insert(&mut self, now: Instant, path: Path) -> MemberId {
        let (nick, meter) = (Box::default(), Meter::default());
        let member = Member { path, nick, heard: now, place: None, meter, unreached: 0, indexed: now, gone: false };
        let id = MemberId::of(self.slots.insert(member));
        self.places = self.places.max(id.key() + 1);
        let before = self.by_address.insert((path.socket, path.peer), id);
        debug_assert!(before.is_none(), "an address is one member");
        self.by_silence.insert((now, id));
        self.by_prefix.insert((Prefix::of(path.peer.ip()), now, id));
        self.check();
        id
    }

    /// Removes a member: its address is free at once. Its id stays taken until [`Members::forget`], because items that it sent
    /// may still be under way.
    pub(crate) fn remove(&mut self, id: MemberId) {
        let Some(member) = self.slots.get_mut(id.key()).filter(|member| !member.gone) else { return };
        member.gone = true;
        member.place = None;
        self.by_address.remove(&(member.path.socket, member.path.peer));
        self.by_silence.remove(&(member.indexed, id));
        self.by_prefix.remove(&(Prefix::of(member.path.peer.ip()), member.indexed, id));
        self.check();
    }

    /// Frees the id of a member that is gone; does nothing for one that is here.
    pub(crate) fn forget(&mut self, id: MemberId) {
        if self.slots.get(id.key()).is_some_and(|member| member.gone) {
            self.slots.remove(id.key());
            self.give_back();
        }
    }

    /// Gives memory back when a crowd has left: whenever less than a quarter of the places is taken.
    fn give_back(&mut self) {
        if self.slots.capacity() <= PLACES_KEPT.max(4 * self.slots.len()) {
            return;
        }
        self.slots.shrink_to_fit();
        self.places = self.slots.iter().next_back().map_or(0, |(key, _)| key + 1);
    }

    /// Whether the member is in the room.
    pub(crate) fn is_here(&self, id: MemberId) -> bool {
        self.get(id).is_some_and(|member| !member.gone)
    }

    /// Returns a member that has not been heard for `idle`, if there is one at `now`.
    pub(crate) fn expired(&mut self, now: Instant, idle: Duration) -> Option<MemberId> {
        while let Some(&(indexed, id)) = self.by_silence.first() {
            if indexed + idle > now {
                return None;
            }
            if !self.reindex(id) {
                return Some(id);
            }
        }
        None
    }

    /// Returns when to call [`Members::expired`] next; always after the `now` of its last call.
    pub(crate) fn expiry(&self, idle: Duration) -> Option<Instant> {
        self.by_silence.first().map(|&(indexed, _)| indexed + idle)
    }

    /// Returns the longest silent member of `ip`'s prefix.
    pub(crate) fn longest_silent_beside(&mut self, ip: IpAddr) -> Option<MemberId> {
        let prefix = Prefix::of(ip);
        loop {
            let &(found, _, id) = self.by_prefix.range((prefix, Instant::ZERO, MemberId(0))..).next()?;
            if found != prefix {
                return None;
            }
            if !self.reindex(id) {
                return Some(id);
            }
        }
    }

    /// Moves a member to where it belongs in the indices; false if it stood there already.
    fn reindex(&mut self, id: MemberId) -> bool {
        let Some(member) = self.slots.get_mut(id.key()) else {
            debug_assert!(false, "indexed but gone");
            return false;
        };
        if member.indexed == member.heard {
            return false;
        }
        let prefix = Prefix::of(member.path.peer.ip());
        self.by_silence.remove(&(member.indexed, id));
        self.by_prefix.remove(&(prefix, member.indexed, id));
        member.indexed = member.heard;
        self.by_silence.insert((member.indexed, id));
        self.by_prefix.insert((prefix, member.indexed, id));
        true
    }

    fn check(&self) {
        debug_assert_eq!(self.by_address.len(), self.by_silence.len());
        debug_assert_eq!(self.by_address.len(), self.by_prefix.len());
        debug_assert!(self.by_address.len() <= self.slots.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(10);

    fn path(peer: &str) -> Path {
        Path { socket: SocketId(0), peer: peer.parse().unwrap(), local: None }
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1000)
    }

    #[test]
    fn a_member_expires_ten_seconds_after_it_was_last_heard_and_not_earlier() {
        let mut members = Members::default();
        let jill = members.insert(at(0), path("10.0.0.1:1"));
        members.get_mut(jill).unwrap().heard = at(5);
        assert_eq!(members.expiry(IDLE), Some(at(10)), "looked at once where it stood first");
        assert_eq!(members.expired(at(10), IDLE), None);
        assert_eq!(members.expiry(IDLE), Some(at(15)));
        assert_eq!(members.expired(at(14), IDLE), None);
        assert_eq!(members.expired(at(15), IDLE), Some(jill));
    }

    #[test]
    fn the_longest_silent_is_found_within_its_prefix_only() {
        let mut members = Members::default();
        let other = members.insert(at(0), path("10.0.1.1:1"));
        let jill = members.insert(at(1), path("10.0.0.1:1"));
        let jack = members.insert(at(2), path("10.0.0.2:1"));
        assert_eq!(members.longest_silent_beside("10.0.0.9".parse().unwrap()), Some(jill));
        members.get_mut(jill).unwrap().heard = at(3);
        assert_eq!(members.longest_silent_beside("10.0.0.9".parse().unwrap()), Some(jack));
        assert_eq!(members.longest_silent_beside("10.0.1.9".parse().unwrap()), Some(other));
        assert_eq!(members.longest_silent_beside("10.0.2.9".parse().unwrap()), None);
    }

    #[test]
    fn a_slot_is_used_again_when_nothing_of_its_member_is_left() {
        let mut members = Members::default();
        let jill = members.insert(at(0), path("10.0.0.1:1"));
        members.insert(at(0), path("10.0.0.2:1"));
        members.remove(jill);
        assert_eq!(members.find(SocketId(0), "10.0.0.1:1".parse().unwrap()), None);
        assert_ne!(members.insert(at(0), path("10.0.0.4:1")), jill, "what jill said may still be under way");
        members.forget(jill);
        assert_eq!(members.insert(at(0), path("10.0.0.3:1")), jill);
        for id in [jill, MemberId(1), MemberId(2)] {
            members.remove(id);
            members.forget(id);
        }
        assert_eq!(members.len(), 0);
    }

    #[test]
    fn when_a_crowd_has_left_its_memory_is_given_back() {
        let mut members = Members::default();
        let crowd: Vec<_> =
            (0..10_000).map(|n| members.insert(at(0), path(&format!("10.0.{}.1:{n}", n % 200)))).collect();
        for &id in &crowd[2..] {
            members.remove(id);
            members.forget(id);
        }
        assert_eq!(members.len(), 2);
        assert!(members.slots.capacity() <= PLACES_KEPT, "{}", members.slots.capacity());
        assert!(members.get(crowd[1]).is_some());
    }
}
