//! Which private messages a client has seen (PROTOCOL 2.19).
//!
//! Owns: [`Seen`]: for each instance that wrote, the number of its next message.
//! Must not know: what messages say.
//! Driven by: `member`, with each message that opens; whoever keeps a client's place keeps this too.

use std::collections::BTreeMap;

use crate::wire::{Instance, Seq, Who};

/// The most instances of which is remembered what was seen. Chosen: a few years of somebody's correspondence, 40 bytes each.
pub const SEEN_MAX: usize = 1024;

/// What was seen of one instance's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenOf {
    /// The author's key.
    pub who: Who,
    /// The running client that wrote them.
    pub instance: Instance,
    /// The number of the next one, which may be one more than there is.
    pub next: u64,
    /// The entry of the newest one.
    pub seq: Seq,
}

/// Which private messages were shown, so that none is shown as new again and missing ones are noticed: whoever has a sealed message can
/// put it into the log once more. To be kept with the user's place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen(Vec<SeenOf>);

/// What a message is after those that were seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// New; so many before it never came.
    New { missing: u64 },
    /// Shown before, and at its old place: the client was killed before it stored its own place.
    Again,
    /// Seen before, at another place.
    Repeated,
}

impl Seen {
    /// Nothing was seen.
    pub const EMPTY: Self = Self(Vec::new());

    /// Returns what was stored: at most [`SEEN_MAX`] instances.
    pub fn load(rows: impl IntoIterator<Item = SeenOf>) -> Self {
        Self(rows.into_iter().take(SEEN_MAX).collect())
    }

    /// Returns what is to be stored.
    pub fn rows(&self) -> &[SeenOf] {
        &self.0
    }

    /// Takes a message that was opened.
    pub(crate) fn take(&mut self, who: Who, instance: Instance, number: u32, seq: Seq) -> Order {
        let number = u64::from(number);
        let next = number + 1;
        if let Some(seen) = self.0.iter_mut().find(|seen| seen.who == who && seen.instance == instance) {
            if number < seen.next {
                return if seq <= seen.seq { Order::Again } else { Order::Repeated };
            }
            let missing = number - seen.next;
            (seen.next, seen.seq) = (next, seq);
            return Order::New { missing };
        }
        if self.0.len() >= SEEN_MAX {
            self.drop_one();
        }
        self.0.push(SeenOf { who, instance, next, seq });
        // Of an instance that began before this client looked, nobody can tell what is missing.
        Order::New { missing: 0 }
    }

    /// Drops the oldest instance of the author that has most: whoever makes many instances loses its own.
    fn drop_one(&mut self) {
        let mut counts: BTreeMap<Who, usize> = BTreeMap::new();
        for seen in &self.0 {
            *counts.entry(seen.who).or_default() += 1;
        }
        let heaviest = counts.into_iter().max_by_key(|&(_, count)| count).map(|(who, _)| who);
        let of_it = self.0.iter().enumerate().filter(|(_, seen)| Some(seen.who) == heaviest);
        let oldest = of_it.min_by_key(|(_, seen)| seen.seq).map(|(index, _)| index);
        if let Some(index) = oldest {
            self.0.swap_remove(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JACK: Who = Who([1; 8]);

    #[test]
    fn each_message_is_new_once_what_is_missing_is_counted_and_a_killed_client_sees_its_last_ones_again() {
        let mut seen = Seen::default();
        let instance = Instance([5; 8]);
        let mut take = |number, seq| seen.take(JACK, instance, number, Seq(seq));
        assert_eq!(take(3, 10), Order::New { missing: 0 }, "what was before this client came is not missing");
        assert_eq!(take(4, 11), Order::New { missing: 0 });
        assert_eq!(take(7, 15), Order::New { missing: 2 });
        assert_eq!(take(7, 15), Order::Again);
        assert_eq!(take(4, 11), Order::Again);
        assert_eq!(take(4, 16), Order::Repeated);
        assert_eq!(take(5, 17), Order::Repeated, "or late, which the server can tell and this client cannot");
        assert_eq!(take(8, 18), Order::New { missing: 0 });
        assert_eq!(take(u32::MAX, 19), Order::New { missing: u64::from(u32::MAX) - 9 });
        assert_eq!(take(u32::MAX, 20), Order::Repeated);
        assert_eq!(seen.take(JACK, Instance([6; 8]), 0, Seq(20)), Order::New { missing: 0 });
        assert_eq!(Seen::load(seen.rows().to_vec()), seen);
    }

    #[test]
    fn a_thousand_instances_of_one_author_drive_nobody_else_out() {
        let mut seen = Seen::default();
        let jill = Instance([9; 8]);
        seen.take(Who([2; 8]), jill, 0, Seq(1));
        for number in 0..2 * SEEN_MAX as u64 {
            seen.take(JACK, Instance(number.to_be_bytes()), 0, Seq(2 + number));
            assert!(seen.rows().len() <= SEEN_MAX);
        }
        assert_eq!(seen.take(Who([2; 8]), jill, 0, Seq(9999)), Order::Repeated);
        let last = Instance((2 * SEEN_MAX as u64 - 1).to_be_bytes());
        assert_eq!(seen.take(JACK, last, 0, Seq(9999)), Order::Repeated);
    }
}
