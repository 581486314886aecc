//! Time as the core knows it: a number that its driver hands in.
//!
//! Owns: [`Instant`], a point on the driver's monotonic clock.
//! Must not know: any real clock. The loop reads one in `net`; tests and the simulator count their own.
//! Driven by: nobody; it is a value.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

/// A point in time, in nanoseconds since the driver's own beginning. Only differences mean anything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant {
    nanos: u64,
}

impl Instant {
    /// The driver's beginning.
    pub const ZERO: Self = Self { nanos: 0 };

    /// Returns the instant `millis` milliseconds after [`Instant::ZERO`].
    pub const fn from_millis(millis: u64) -> Self {
        Self { nanos: millis * 1_000_000 }
    }

    /// Returns how long `self` is after `earlier`; zero if it is before.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos.saturating_sub(earlier.nanos))
    }
}

impl From<Duration> for Instant {
    fn from(since_zero: Duration) -> Self {
        Self { nanos: u64::try_from(since_zero.as_nanos()).unwrap_or(u64::MAX) }
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Saturates: a timeout of centuries means "never" and must not wrap.
    fn add(self, later: Duration) -> Self {
        Self { nanos: self.nanos.saturating_add(u64::try_from(later.as_nanos()).unwrap_or(u64::MAX)) }
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", Duration::from_nanos(self.nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_of_centuries_is_never_and_does_not_wrap() {
        let never = Instant::from_millis(5) + Duration::MAX;
        assert!(never > Instant::from_millis(u64::MAX / 2_000_000));
        assert_eq!(Instant::ZERO.saturating_since(never), Duration::ZERO);
    }
}
