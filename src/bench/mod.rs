//! `udpchat bench`: the measurements.
//!
//! Owns: the messages of a run as they look on the wire ([`Line`]), which of their copies came and when ([`tally::Tally`]), the
//! result in numbers ([`Report`]), the measurements of a crowd that joins at once ([`hall`]).
//! Must not know: sockets, clocks.
//! Driven by: `net::load`, and `cmd::bench`, which shows the result.

pub mod hall;
mod report;
pub mod tally;

use std::fmt;
use std::str::FromStr;

pub use report::{Latency, Report, Summary};

use crate::wire::text::LINE_MAX;

/// The beginning of every line: the nick of all senders. The run and the number follow.
const PREFIX: &str = "b: ";

/// Length of the shortest line, in bytes: the prefix, 4 digits of the run, 8 of the number.
pub const SIZE_MIN: usize = PREFIX.len() + 4 + 8;

/// The lengths of the lines, in bytes, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    min: usize,
    max: usize,
}

impl FromStr for Sizes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (min, max) = text.split_once('-').unwrap_or((text, text));
        let parse = |number: &str| number.parse().ok().filter(|size| (SIZE_MIN..=LINE_MAX).contains(size));
        match (parse(min), parse(max)) {
            (Some(min), Some(max)) if min <= max => Ok(Self { min, max }),
            _ => Err(format!("expected a size such as 64 or 20-256, from {SIZE_MIN} to {LINE_MAX} bytes")),
        }
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.min == self.max { write!(f, "{}", self.min) } else { write!(f, "{}-{}", self.min, self.max) }
    }
}

impl Sizes {
    /// Returns the length of message `number`: spread evenly over the range, the same in every run.
    fn of(self, number: u32) -> usize {
        // Fibonacci hashing (Knuth, TAOCP 3, 6.4): neighbours are far apart.
        let hash = number.wrapping_mul(0x9e37_79b9) >> 16;
        self.min + hash as usize % (self.max - self.min + 1)
    }
}

/// One message of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its run: messages left over from another run are not counted.
    pub run: u16,
    /// Its number in the run.
    pub number: u32,
}

impl Line {
    /// Writes it as a datagram, filled up to its size.
    pub fn write(self, sizes: Sizes, into: &mut Vec<u8>) {
        into.clear();
        into.extend_from_slice(PREFIX.as_bytes());
        for shift in (0..4).rev() {
            into.push(hex(u32::from(self.run) >> (4 * shift)));
        }
        for shift in (0..8).rev() {
            into.push(hex(self.number >> (4 * shift)));
        }
        into.resize(sizes.of(self.number), b'x');
    }

    /// Reads a datagram; `None` if it is not a message of `bench`.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let digits = bytes.strip_prefix(PREFIX.as_bytes())?.get(..12)?;
        let mut value = 0u64;
        for &digit in digits {
            value = value << 4 | u64::from(char::from(digit).to_digit(16)?);
        }
        Some(Self { run: u16::try_from(value >> 32).ok()?, number: u32::try_from(value & 0xffff_ffff).ok()? })
    }
}

fn hex(number: u32) -> u8 {
    b"0123456789abcdef"[(number & 0xf) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_back(run: u16, number: u32, min in SIZE_MIN..=LINE_MAX, more in 0usize..300) {
            let sizes = Sizes { min, max: (min + more).min(LINE_MAX) };
            let mut bytes = Vec::new();
            Line { run, number }.write(sizes, &mut bytes);
            prop_assert_eq!(Line::read(&bytes), Some(Line { run, number }));
            prop_assert!((sizes.min..=sizes.max).contains(&bytes.len()));
        }
    }

    #[test]
    fn what_others_say_is_not_read() {
        for bytes in ["", "b: ", "b: 0000zzzzzzzz", "jill: 000000000000", "b: 00000000000"] {
            assert_eq!(Line::read(bytes.as_bytes()), None, "{bytes}");
        }
    }

    #[test]
    fn sizes_are_a_number_or_a_range_within_the_limits() {
        assert_eq!("64".parse::<Sizes>().unwrap().to_string(), "64");
        assert_eq!("20-256".parse::<Sizes>().unwrap().to_string(), "20-256");
        for wrong in ["", "14", "1025", "100-50", "20-2000", "a-b"] {
            assert!(wrong.parse::<Sizes>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_spread_over_their_range() {
        let sizes: Sizes = "20-256".parse().unwrap();
        let mean = (0..10_000).map(|number| sizes.of(number)).sum::<usize>() / 10_000;
        assert!((136..=140).contains(&mean), "{mean}");
    }
}
