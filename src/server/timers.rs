//! When to look at each session.
//!
//! Owns: the deadlines of all sessions, the earliest first.
//! Must not know: what they are for.
//! Driven by: `sessions`.
//!
//! A heap that allocates nothing once it is large enough. A deadline that is replaced by an earlier one stays in the heap, and
//! is recognised by no longer being its session's. When more than half of them are stale, the stale ones are removed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::server::ids::PeerId;
use crate::time::Instant;
use crate::work::{self, Work};

/// The heap's length up to which stale deadlines are not removed. Chosen: they cost nothing.
const FEW: usize = 64;

/// The deadlines; see the module.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, PeerId)>>,
    /// The deadline of each session, if it has one.
    armed: Vec<Option<Instant>>,
    count: usize,
}

impl Timers {
    /// Sees to it that the session is looked at by `at`. Changes nothing if it already is: a deadline that has moved away costs
    /// one look in vain.
    pub(super) fn arm(&mut self, id: PeerId, at: Instant) {
        let index = id.0 as usize;
        if self.armed.len() <= index {
            self.armed.resize(index + 1, None);
        }
        match self.armed[index] {
            Some(armed) if armed <= at => return,
            Some(_) => {}
            None => self.count += 1,
        }
        self.armed[index] = Some(at);
        work::did(Work::Timers, 1);
        self.heap.push(Reverse((at, id)));
        if self.heap.len() > FEW.max(2 * self.count) {
            let armed = &self.armed;
            self.heap.retain(|&Reverse((at, id))| armed[id.0 as usize] == Some(at));
        }
        self.drop_stale();
    }

    /// Removes the session's deadline, if it has one.
    pub(super) fn disarm(&mut self, id: PeerId) {
        if self.armed.get_mut(id.0 as usize).and_then(Option::take).is_some() {
            self.count -= 1;
        }
        self.drop_stale();
    }

    /// Returns the next session whose deadline has passed by `now`, and removes that deadline.
    pub(super) fn expired(&mut self, now: Instant) -> Option<PeerId> {
        let &Reverse((at, id)) = self.heap.peek()?;
        if at > now {
            return None;
        }
        self.disarm(id);
        Some(id)
    }

    /// How many sessions have a deadline.
    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|&Reverse((at, _))| at)
    }

    fn drop_stale(&mut self) {
        while self.heap.peek().is_some_and(|&Reverse((at, id))| self.armed[id.0 as usize] != Some(at)) {
            self.heap.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_earliest_deadline_is_found_and_little_is_kept_beside_the_deadlines(
            steps in prop::collection::vec((0u32..20, 0u64..1000, 0u8..8), 1..2000)
        ) {
            let (mut timers, mut model) = (Timers::default(), std::collections::BTreeMap::new());
            let mut now = 0;
            for (id, ahead, what) in steps {
                match what {
                    0 => {
                        timers.disarm(PeerId(id));
                        model.remove(&id);
                    }
                    1 => {
                        now += ahead;
                        while let Some(PeerId(id)) = timers.expired(Instant::from_millis(now)) {
                            prop_assert!(model.remove(&id).is_some_and(|at| at <= now));
                        }
                    }
                    _ => {
                        timers.arm(PeerId(id), Instant::from_millis(now + ahead));
                        let at = model.entry(id).or_insert(u64::MAX);
                        *at = (*at).min(now + ahead);
                    }
                }
                prop_assert_eq!(timers.next(), model.values().min().map(|&at| Instant::from_millis(at)));
                prop_assert!(timers.heap.len() <= FEW.max(2 * model.len()) + 1);
            }
        }
    }
}
