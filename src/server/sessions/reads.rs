//! How far the user of each key has read, on whatever device (PROTOCOL 2.22).
//!
//! Owns: that number for each key, which sessions are told, which numbers the log's backend has yet to store, and when.
//! Must not know: what reading means; a client says it.
//! Driven by: `sessions`, with *read*, and `drive`, which has them stored.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Context, Sessions};
use crate::policy::Policy;
use crate::server::ids::PeerId;
use crate::time::Instant;
use crate::wire::record::Role;
use crate::wire::{Seq, Who};

/// The most keys that are not known to the room, and the most that are, of which it is remembered. Chosen: free keys, however many, do not
/// drive out known ones; some MiB in all.
const MOST: [usize; 2] = [50_000, 100_000];

/// The time from a change until it is stored. Chosen: whoever scrolls through a thousand lines costs one write; a crash of the server
/// forgets a second.
const STORE_AFTER: Duration = Duration::from_secs(1);

/// How many are stored at a time. Chosen: a millisecond's work.
const STORED_AT_ONCE: usize = 256;

/// How far a key's user has read; `None` if that is forgotten.
pub(crate) type ReadOf = (Who, Option<Seq>);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Reads {
    /// The number before which everything was read, and whether the key was known to the room when it said so.
    of: BTreeMap<Who, (Seq, bool)>,
    /// The same, the least recent entry first, of unknown and of known keys.
    by_age: [BTreeSet<(Seq, Who)>; 2],
    /// What is to be stored.
    changed: BTreeSet<Who>,
    due: Option<Instant>,
    is_due: bool,
}

impl Reads {
    /// Creates what was stored.
    pub(super) fn load(stored: Vec<(Who, Seq)>, is_known: impl Fn(Who) -> bool) -> Self {
        let mut reads = Self::default();
        for (who, seq) in stored {
            reads.set(who, seq, is_known(who));
        }
        reads.changed.clear();
        reads
    }

    /// Returns the number before which the key's user has read everything, if it has said so.
    pub(super) fn get(&self, who: Who) -> Option<Seq> {
        self.of.get(&who).map(|&(seq, _)| seq)
    }

    /// Notes that the key's user has read everything before `seq`. Returns false if that is no news.
    pub(super) fn read(&mut self, now: Instant, who: Who, seq: Seq, is_known: bool) -> bool {
        let is_news = self.get(who).is_none_or(|before| before < seq);
        if is_news {
            self.set(who, seq, is_known);
            self.due.get_or_insert(now + STORE_AFTER);
        }
        is_news
    }

    fn set(&mut self, who: Who, seq: Seq, is_known: bool) {
        let class = usize::from(is_known);
        if let Some((before, was_known)) = self.of.insert(who, (seq, is_known)) {
            self.by_age[usize::from(was_known)].remove(&(before, who));
        } else if self.by_age[class].len() >= MOST[class]
            && let Some((_, oldest)) = self.by_age[class].pop_first()
        {
            self.of.remove(&oldest);
            self.changed.insert(oldest);
        }
        self.by_age[class].insert((seq, who));
        self.changed.insert(who);
    }

    /// Returns when to call [`Reads::handle_timeout`].
    pub(super) const fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// Checks the deadline: what has changed is to be stored now.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.is_due |= self.due.take_if(|due| *due <= now).is_some();
    }

    /// Has everything stored now.
    pub(super) fn hurry(&mut self) {
        self.due = None;
        self.is_due = !self.changed.is_empty();
    }

    /// Returns some of what is to be stored now; empty if nothing is.
    pub(super) fn poll(&mut self) -> Vec<ReadOf> {
        if !self.is_due {
            return Vec::new();
        }
        let some: Vec<_> = self.changed.iter().take(STORED_AT_ONCE).copied().collect();
        for who in &some {
            self.changed.remove(who);
        }
        self.is_due = !self.changed.is_empty();
        some.into_iter().map(|who| (who, self.get(who))).collect()
    }

    /// Notes that these could not be stored: they are later.
    pub(super) fn not_stored(&mut self, now: Instant, some: &[ReadOf]) {
        self.changed.extend(some.iter().map(|&(who, _)| who));
        self.is_due = false;
        self.due.get_or_insert(now + STORE_AFTER);
    }
}

impl Sessions {
    /// Takes what a client says of how far its user has read: the user's other devices are told.
    pub(super) fn read(&mut self, cx: &Context<'_>, id: PeerId, before: Seq) {
        // Not the log's own end, where there may be private entries of others.
        let told = cx.room.announcements.told();
        let Some((who, end)) = self.peer(id).map(|peer| (peer.who, peer.end(told))) else { return };
        let is_known = cx.room.policy.role(who) > Role::Stranger;
        if !self.reads.read(cx.now, who, before.min(end), is_known) {
            return;
        }
        let others: Vec<_> = self.of_key(who).filter(|&other| other != id).collect();
        for other in others {
            if let Some(peer) = self.peer_mut(other) {
                peer.owed.read = true;
            }
            self.wake(other);
        }
    }

    /// Takes what was stored of how far the users of keys have read.
    pub(in crate::server) fn recall_reads(&mut self, stored: Vec<(Who, Seq)>, policy: &Policy) {
        self.reads = Reads::load(stored, |who| policy.role(who) > Role::Stranger);
    }

    /// Returns some of what is to be stored now of how far the users of keys have read; `all` of it is to be stored now.
    pub(in crate::server) fn poll_reads(&mut self, all: bool) -> Vec<ReadOf> {
        if all {
            self.reads.hurry();
        }
        self.reads.poll()
    }

    /// Notes that these could not be stored.
    pub(in crate::server) fn reads_not_stored(&mut self, now: Instant, some: &[ReadOf]) {
        self.reads.not_stored(now, some);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(number: u64) -> Who {
        Who(number.to_be_bytes())
    }

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn it_only_moves_forwards_and_is_stored_once_a_second_whatever_it_did_meanwhile() {
        let mut reads = Reads::default();
        assert!(reads.read(at(0), who(1), Seq(5), false) && !reads.read(at(0), who(1), Seq(4), false));
        assert!(reads.read(at(500), who(1), Seq(7), false) && reads.read(at(600), who(2), Seq(0), true));
        reads.handle_timeout(at(999));
        assert!(reads.poll().is_empty());
        reads.handle_timeout(at(1000));
        assert_eq!(reads.poll(), [(who(1), Some(Seq(7))), (who(2), Some(Seq(0)))]);
        assert_eq!((reads.poll(), reads.poll_timeout()), (Vec::new(), None));
    }

    #[test]
    fn what_cannot_be_stored_is_tried_again_with_what_it_is_by_then() {
        let mut reads = Reads::default();
        reads.read(at(0), who(1), Seq(5), false);
        reads.handle_timeout(at(1000));
        let some = reads.poll();
        reads.not_stored(at(1000), &some);
        reads.read(at(1500), who(1), Seq(9), false);
        reads.handle_timeout(at(2000));
        assert_eq!(reads.poll(), [(who(1), Some(Seq(9)))]);
        reads.read(at(3000), who(1), Seq(10), false);
        reads.hurry();
        assert_eq!(reads.poll().len(), 1, "the server ends");
    }

    #[test]
    fn free_keys_drive_out_each_other_the_one_furthest_behind_first_and_no_known_one() {
        let mut reads = Reads::default();
        reads.read(at(0), who(0), Seq(1), true);
        let most = MOST[0] as u64;
        (1..=most + 10).for_each(|number| assert!(reads.read(at(0), who(number), Seq(number), false)));
        assert_eq!((reads.of.len() as u64, reads.get(who(0))), (most + 1, Some(Seq(1))));
        assert_eq!((reads.get(who(10)), reads.get(who(11))), (None, Some(Seq(11))));
        reads.handle_timeout(at(1000));
        let mut stored = reads.poll();
        assert_eq!(stored[1], (who(1), None), "forgotten on the disk too");
        while let some @ [_, ..] = &reads.poll()[..] {
            stored.extend_from_slice(some);
        }
        assert_eq!(stored.len() as u64, most + 11);
    }

    #[test]
    fn what_was_stored_is_there_again_and_not_stored_again() {
        let mut reads = Reads::load(vec![(who(1), Seq(5)), (who(2), Seq(6))], |key| key == who(2));
        assert_eq!((reads.get(who(1)), reads.by_age[1].len()), (Some(Seq(5)), 1));
        reads.hurry();
        assert!(reads.poll().is_empty());
    }
}
