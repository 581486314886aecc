//! Reading backwards: what a client asks for, and which entries the answer is about (PROTOCOL 2.20).
//!
//! Owns: [`Fetch`], [`Page`], the most numbers of an answer.
//! Must not know: where entries come from.
//! Driven by: `frame`.

use serde::{Deserialize, Serialize};

use crate::wire::Seq;

/// Most numbers that one answer covers (PROTOCOL 2.20).
pub const FETCH_MAX: u32 = 128;

/// A request for entries of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetch {
    /// A number that the answer repeats.
    pub id: u64,
    /// Which entries.
    pub spot: Spot,
    /// How many numbers; more than [`FETCH_MAX`] mean that many, and none asks only where the log begins and ends.
    pub count: u32,
}

/// The place in the log that a client asks about. A number beyond the log's end means its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u32, Seq)", into = "(u32, Seq)")]
pub enum Spot {
    /// The numbers before this one.
    Before(Seq),
    /// The numbers around this one.
    Around(Seq),
}

impl From<(u32, Seq)> for Spot {
    /// Reads an unknown code as *before*.
    fn from((code, seq): (u32, Seq)) -> Self {
        if code == 1 { Self::Around(seq) } else { Self::Before(seq) }
    }
}

impl From<Spot> for (u32, Seq) {
    fn from(spot: Spot) -> Self {
        match spot {
            Spot::Before(seq) => (0, seq),
            Spot::Around(seq) => (1, seq),
        }
    }
}

impl Spot {
    /// Returns which numbers are meant: `count` of them, or as many as there are from `oldest` up to `end`.
    pub fn range(self, count: u32, oldest: Seq, end: Seq) -> (Seq, Seq) {
        let count = u64::from(count.min(FETCH_MAX));
        let to = match self {
            Self::Before(seq) => seq.min(end),
            Self::Around(seq) => {
                let first = Seq(seq.min(end).0.saturating_sub(count / 2)).max(oldest);
                end.min(first + count)
            }
        };
        let to = to.max(oldest.min(end));
        (Seq(to.0.saturating_sub(count)).max(oldest).min(to), to)
    }
}

/// The answer to a [`Fetch`]: which entries come, beside the new ones. If there are none, the two numbers are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Page {
    /// The number of the request.
    pub id: u64,
    /// The first number.
    pub from: Seq,
    /// The number behind the last.
    pub to: Seq,
    /// The oldest number that there still is.
    pub oldest: Seq,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(spot: Spot, count: u32) -> (u64, u64) {
        let (from, to) = spot.range(count, Seq(100), Seq(1000));
        (from.0, to.0)
    }

    #[test]
    fn what_is_asked_for_is_cut_to_what_there_is_and_to_the_most_that_may_be_asked() {
        let before = |seq, count| range(Spot::Before(Seq(seq)), count);
        assert_eq!(before(500, 10), (490, 500));
        assert_eq!(before(500, 128), (372, 500));
        assert_eq!(before(500, u32::MAX), (372, 500));
        assert_eq!(before(u64::MAX, 10), (990, 1000), "the newest");
        assert_eq!(before(105, 10), (100, 105));
        assert_eq!([before(100, 10), before(0, 10)], [(100, 100); 2], "there is nothing");
        assert_eq!(before(u64::MAX, 0), (1000, 1000), "where it ends");
        let around = |seq, count| range(Spot::Around(Seq(seq)), count);
        assert_eq!(around(500, 10), (495, 505));
        assert_eq!(around(998, 10), (990, 1000));
        assert_eq!(around(u64::MAX, 10), (990, 1000));
        assert_eq!(around(0, 10), (100, 110));
        assert_eq!(Spot::Around(Seq(0)).range(10, Seq(100), Seq(103)), (Seq(100), Seq(103)));
        assert_eq!(Spot::Before(Seq(5)).range(9, Seq(7), Seq(7)), (Seq(7), Seq(7)), "an empty log");
    }

    #[test]
    fn a_spot_that_nobody_knows_is_one_before() {
        assert_eq!(Spot::from((7, Seq(5))), Spot::Before(Seq(5)));
    }
}
