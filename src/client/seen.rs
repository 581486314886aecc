//! Which private messages a client has seen (PROTOCOL 2.19).
//!
//! Owns: [`Seen`]: for each instance that wrote, the counter of its next post and the number of its next message.
//! Must not know: what messages say.
//! Driven by: `member`, with each message that opens; whoever keeps a client's place keeps this too.

use std::collections::BTreeMap;

use crate::wire::{Instance, PostId, Seq, Who};

/// The most instances of which is remembered what was seen. Chosen: a few years of somebody's correspondence, 48 bytes each.
pub const SEEN_MAX: usize = 1024;

/// What was seen of one instance's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenOf {
    /// The author's key.
    pub who: Who,
    /// The running client that wrote them.
    pub instance: Instance,
    /// The counter of the next post, which is none of a message that was seen.
    pub counter: u64,
    /// The number of the next message to this recipient.
    pub next: u64,
    /// The entry of the newest one.
    pub seq: Seq,
}

impl SeenOf {
    /// Whether that post with that number is one of those that were seen, or before them.
    const fn has(&self, post: PostId, number: u64) -> bool {
        post.counter < self.counter && number < self.next
    }
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

    /// Takes a message that was opened: the post that it was, its number, and whether numbers without a message show that one is
    /// missing.
    ///
    /// A message that the server has copied has a post and a number of one that was seen. An author that writes again under an instance has
    /// either a new post, or a new number if the room has forgotten its posts (`send --id`).
    pub(crate) fn take(&mut self, who: Who, post: PostId, (number, is_counted): (u32, bool), seq: Seq) -> Order {
        let number = u64::from(number);
        let behind = (post.counter.saturating_add(1), number + 1);
        let of_it = |seen: &&mut SeenOf| seen.who == who && seen.instance == post.instance;
        if let Some(seen) = self.0.iter_mut().find(of_it) {
            if seen.has(post, number) {
                return if seq <= seen.seq { Order::Again } else { Order::Repeated };
            }
            let missing = if is_counted { number.saturating_sub(seen.next) } else { 0 };
            (seen.counter, seen.next) = behind;
            seen.seq = seq;
            return Order::New { missing };
        }
        if self.0.len() >= SEEN_MAX {
            self.drop_one();
        }
        self.0.push(SeenOf { who, instance: post.instance, counter: behind.0, next: behind.1, seq });
        // Of an instance that began before this client looked, nobody can tell what is missing.
        Order::New { missing: 0 }
    }

    /// Returns whether a message that is read back is certainly a copy of an earlier one: it is behind the newest one that was seen.
    pub(crate) fn is_repeat(&self, who: Who, post: PostId, number: u32, seq: Seq) -> bool {
        let seen = self.0.iter().find(|seen| seen.who == who && seen.instance == post.instance);
        seen.is_some_and(|seen| seen.has(post, number.into()) && seq > seen.seq)
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

    fn post(instance: u64, counter: u64) -> PostId {
        PostId { instance: Instance(instance.to_be_bytes()), counter }
    }

    #[test]
    fn each_message_is_new_once_what_is_missing_is_counted_and_a_killed_client_sees_its_last_ones_again() {
        let mut seen = Seen::default();
        let mut take = |counter, number, seq| seen.take(JACK, post(5, counter), (number, true), Seq(seq));
        assert_eq!(take(7, 3, 10), Order::New { missing: 0 }, "what was before this client came is not missing");
        assert_eq!(take(9, 4, 11), Order::New { missing: 0 });
        assert_eq!(take(15, 7, 15), Order::New { missing: 2 });
        assert_eq!(take(15, 7, 15), Order::Again);
        assert_eq!(take(9, 4, 11), Order::Again);
        assert_eq!(take(9, 4, 16), Order::Repeated);
        assert_eq!(take(10, 5, 17), Order::Repeated, "or late, which the server can tell and this client cannot");
        assert_eq!(take(16, 7, 18), Order::New { missing: 0 }, "one that was called refused left it its number");
        assert_eq!(take(17, u32::MAX, 19), Order::New { missing: u64::from(u32::MAX) - 8 });
        assert_eq!(take(18, u32::MAX, 20), Order::New { missing: 0 });
        assert_eq!(take((1 << 62) - 1, u32::MAX, 21), Order::New { missing: 0 });
        assert_eq!(take((1 << 62) - 1, u32::MAX, 22), Order::Repeated);
        assert_eq!(seen.take(JACK, post(6, 0), (0, true), Seq(20)), Order::New { missing: 0 });
        assert_eq!(Seen::load(seen.rows().to_vec()), seen);
    }

    #[test]
    fn a_run_that_uses_an_instance_again_is_new_and_its_copies_are_none() {
        let mut seen = Seen::default();
        let mut take = |counter, run, seq| seen.take(JACK, post(5, counter), (run, false), Seq(seq));
        assert_eq!([take(0, 1000, 1), take(1, 1000, 2)], [Order::New { missing: 0 }; 2]);
        assert_eq!([take(0, 1000, 8), take(1, 1000, 9)], [Order::Repeated; 2]);
        assert_eq!(
            [take(0, 2000, 10), take(1, 2000, 11)],
            [Order::New { missing: 0 }; 2],
            "the room had forgotten them"
        );
        assert_eq!([take(0, 1000, 12), take(1, 2000, 13)], [Order::Repeated; 2]);
    }

    #[test]
    fn a_thousand_instances_of_one_author_drive_nobody_else_out() {
        let mut seen = Seen::default();
        let mut take = |who, instance, seq| seen.take(who, post(instance, 0), (0, true), Seq(seq));
        let jill = Who([2; 8]);
        take(jill, 99_999, 1);
        for number in 0..2 * SEEN_MAX as u64 {
            take(JACK, number, 2 + number);
        }
        assert_eq!(take(jill, 99_999, 9999), Order::Repeated);
        assert_eq!(take(JACK, 2 * SEEN_MAX as u64 - 1, 9999), Order::Repeated);
        assert_eq!(seen.rows().len(), SEEN_MAX);
    }
}
