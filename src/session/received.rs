//! Which packet numbers have been received.
//!
//! Owns: the window of RFC 6479, and the acks that are read off it.
//! Must not know: what was in the packets.
//! Driven by: the session: [`Received::is_new`] before decrypting, [`Received::mark`] after.
//!
//! ```text
//!                    highest - 1983            highest
//!   too old: dropped |  1 0 1 1 1 ... 1 1 0 1 1 |  new
//!   words       [ 31 | 0 | 1 | ... a ring of 32 words of 64 numbers, one of them being filled ]
//! ```

use arrayvec::ArrayVec;

use crate::wire::frame::{ACK_RANGES_MAX, Ack};

const WORD: u64 = 64;
const WORDS: u64 = 32;

const _: () = assert!(WORDS == 32);

/// How many of the highest numbers can be told apart: one word less than there are (RFC 6479 3).
pub const WINDOW: u64 = (WORDS - 1) * WORD;

/// How far below the highest number acks reach. Chosen: no older packet can be in flight (PROTOCOL 2.9).
pub(super) const ACK_REACH: u64 = 512;

/// The numbers received.
#[derive(Clone, Debug, Default)]
pub(super) struct Received {
    words: [u64; 32],
    /// One more than the highest number; 0 for none.
    end: u64,
}

impl Received {
    /// Returns whether a packet of this number may be new: it is neither received nor too old to tell.
    pub(super) const fn is_new(&self, number: u64) -> bool {
        number >= self.end || (self.end - number <= WINDOW && !self.has(number))
    }

    /// Records that the packet is authentic and accepted. Returns true if it follows the highest without a hole.
    pub(super) fn mark(&mut self, number: u64) -> bool {
        let in_order = number == self.end;
        if number >= self.end {
            let (last, now) = (self.end.saturating_sub(1) / WORD, number / WORD);
            let clear_from = if self.end == 0 { 0 } else { last + 1 };
            for word in clear_from.max((now + 1).saturating_sub(WORDS))..=now {
                self.words[index(word * WORD)] = 0;
            }
            self.end = number + 1;
        }
        self.words[index(number)] |= 1 << (number % WORD);
        in_order
    }

    /// Returns the highest number received.
    pub(super) const fn highest(&self) -> Option<u64> {
        self.end.checked_sub(1)
    }

    /// Returns the ack of everything received; `None` if nothing was.
    pub(super) fn ack(&self, delay_us: u32) -> Option<Ack> {
        let largest = self.highest()?;
        let floor = self.end.saturating_sub(ACK_REACH);
        let mut at = largest;
        let mut run_down = |received: bool| {
            let from = at;
            while at > floor && self.has(at - 1) == received {
                at -= 1;
            }
            from - at
        };
        let run = run_down(true);
        let mut ranges = ArrayVec::new();
        while ranges.len() < ACK_RANGES_MAX {
            let gap = run_down(false);
            let received = run_down(true);
            if received == 0 {
                break;
            }
            ranges.push((gap, received));
        }
        Some(Ack { largest, delay_us, run, ranges })
    }

    /// Returns whether a number in the window was received.
    const fn has(&self, number: u64) -> bool {
        self.words[index(number)] >> (number % WORD) & 1 == 1
    }
}

#[allow(clippy::cast_possible_truncation)] // below WORDS
const fn index(number: u64) -> usize {
    (number / WORD % WORDS) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_window_is_as_long_as_it_says_and_not_one_longer() {
        for highest in [WINDOW, WINDOW + 1, 63 + WINDOW, 64 + WINDOW, 5000, u64::MAX - 1] {
            let mut received = Received::default();
            received.mark(highest);
            assert!(!received.is_new(highest));
            assert!(received.is_new(highest + 1 - WINDOW), "{highest}");
            assert!(!received.is_new(highest - WINDOW), "{highest}");
            received.mark(highest + 1 - WINDOW);
            assert!(!received.is_new(highest + 1 - WINDOW));
        }
    }

    #[test]
    fn an_ack_says_what_is_missing_downwards_from_the_highest() {
        let mut received = Received::default();
        assert_eq!(received.ack(0), None);
        for number in [0, 1, 2, 5, 8, 9] {
            received.mark(number);
        }
        let ack = received.ack(7).unwrap();
        assert_eq!((ack.largest, ack.delay_us, ack.run), (9, 7, 1));
        assert_eq!(ack.ranges.as_slice(), [(2, 1), (2, 3)]);
        assert_eq!(ack.received().collect::<Vec<_>>(), [(8, 9), (5, 5), (0, 2)]);
    }

    #[test]
    fn it_tells_what_came_in_order() {
        let mut received = Received::default();
        assert_eq!([0, 1, 3, 2, 4].map(|number| received.mark(number)), [true, true, false, false, true]);
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_set(numbers in prop::collection::vec((0u64..5000, any::<bool>()), 1..400)) {
            let (mut received, mut model) = (Received::default(), BTreeSet::new());
            let mut base = 0;
            for (number, jump) in numbers {
                if jump { base += number / 8 }
                let number = base + number % 2200;
                let end = model.last().map_or(0, |last| last + 1);
                let expected = number >= end || (end - number <= WINDOW && !model.contains(&number));
                prop_assert_eq!(received.is_new(number), expected);
                if expected {
                    received.mark(number);
                    model.insert(number);
                }
                for (low, high) in received.ack(0).unwrap().received() {
                    prop_assert!((low..=high).all(|number| model.contains(&number)));
                }
            }
        }
    }
}
