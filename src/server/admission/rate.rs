//! How often something may happen.
//!
//! Owns: [`Rate`], [`Meter`], which holds one source to it, and [`Meters`], which hold prefixes to it.
//! Must not know: what is metered.
//! Driven by: `server`.
//!
//! The generic cell rate algorithm (ITU-T I.371, "virtual scheduling"): the whole state of a source is the time at which its
//! next event would be due at exactly the rate.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::time::Instant;
use crate::work::{self, Work};

/// A number of events a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    per_second: u32,
}

impl Rate {
    /// Creates a rate of `per_second` events a second; `None` if that is 0.
    pub const fn per_second(per_second: u32) -> Option<Self> {
        if per_second == 0 { None } else { Some(Self { per_second }) }
    }

    /// Returns how many events that is in `seconds` seconds.
    pub(crate) const fn seconds(self, seconds: u32) -> u32 {
        self.per_second.saturating_mul(seconds)
    }

    /// Returns the time from one event to the next; at least a nanosecond.
    pub(crate) fn interval(self) -> Duration {
        (Duration::from_secs(1) / self.per_second).max(Duration::from_nanos(1))
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix("/s").and_then(|number| number.parse().ok());
        number.and_then(Self::per_second).ok_or_else(|| "expected a rate such as 100/s, or off".into())
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.per_second)
    }
}

/// What one source has used of its rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Meter {
    /// When the next event would be due at exactly the rate.
    due: Instant,
}

impl Meter {
    /// Returns when an event that comes in now may happen, at one event each `interval` in the long run and up to `burst` ahead
    /// of that.
    pub(crate) fn when(self, now: Instant, interval: Duration, burst: u32) -> Instant {
        let ahead = self.due.saturating_since(now);
        now + ahead.saturating_sub(interval.saturating_mul(burst.saturating_sub(1)))
    }

    /// Counts an event.
    pub(crate) fn take(&mut self, now: Instant, interval: Duration) {
        self.due = self.due.max(now) + interval;
    }

    /// Whether nothing is used, so that the meter need not be remembered.
    pub(crate) fn is_fresh(self, now: Instant) -> bool {
        self.due <= now
    }
}

/// The most prefixes, or other sources, that are metered at a time.
pub(crate) const METERED_MAX: usize = 4096;

/// The shortest time between two searches for sources that have rested, made when the limit is reached. Chosen: a search takes
/// a hundredth of that.
const SWEEP: Duration = Duration::from_millis(10);

/// A meter for each source, such as a prefix, for events of one kind.
#[derive(Debug)]
pub(crate) struct Meters<K> {
    meters: BTreeMap<K, Meter>,
    swept: Instant,
}

impl<K> Default for Meters<K> {
    fn default() -> Self {
        Self { meters: BTreeMap::new(), swept: Instant::default() }
    }
}

impl<K: Ord> Meters<K> {
    /// Returns the meter of `source`; `None` if too many others are metered.
    pub(crate) fn of(&mut self, now: Instant, source: K) -> Option<&mut Meter> {
        if self.meters.len() >= METERED_MAX && !self.meters.contains_key(&source) {
            if now.saturating_since(self.swept) >= SWEEP {
                work::did(Work::Scanned, self.meters.len());
                self.meters.retain(|_, meter| !meter.is_fresh(now));
                self.swept = now;
            }
            if self.meters.len() >= METERED_MAX {
                return None;
            }
        }
        Some(self.meters.entry(source).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::admission::Prefix;

    #[test]
    fn a_burst_is_free_and_then_it_is_the_rate() {
        let rate: Rate = "10/s".parse().unwrap();
        let mut meter = Meter::default();
        let now = Instant::from_millis(5000);
        let mut delays = Vec::new();
        for _ in 0..5 {
            delays.push(meter.when(now, rate.interval(), 3).saturating_since(now).as_millis());
            meter.take(now, rate.interval());
        }
        assert_eq!(delays, [0, 0, 0, 100, 200]);
        assert!(!meter.is_fresh(now + Duration::from_millis(499)));
        assert!(meter.is_fresh(now + Duration::from_millis(500)));
    }

    #[test]
    fn the_highest_rate_that_can_be_written_overflows_nothing() {
        for rate in ["429500000/s", "4294967295/s", "1/s"].map(|rate| rate.parse::<Rate>().unwrap()) {
            let mut meter = Meter::default();
            let now = Instant::from_millis(u64::MAX / 1_000_000);
            for burst in [0, 1, u32::MAX] {
                assert!(meter.when(now, rate.interval(), burst) >= now);
                meter.take(now, rate.interval());
            }
            assert!(rate.seconds(u32::MAX).saturating_add(64) >= rate.seconds(1));
        }
    }

    #[test]
    fn as_many_prefixes_are_metered_as_may_be_and_those_that_have_rested_make_place() {
        let mut meters = Meters::default();
        let prefix =
            |number: usize| Prefix::of([10, u8::try_from(number >> 8).unwrap(), (number & 0xff) as u8, 1].into());
        let now = Instant::from_millis(100);
        for number in 0..METERED_MAX {
            meters.of(now, prefix(number)).unwrap().take(now, Duration::from_millis(10));
        }
        assert!(meters.of(now, prefix(METERED_MAX)).is_none(), "one past the limit");
        assert!(meters.of(now, prefix(5)).is_some());
        let later = now + Duration::from_millis(10);
        assert!(meters.of(later, prefix(METERED_MAX)).is_some());
        assert_eq!(meters.meters.len(), 1);
    }

    #[test]
    fn a_rate_is_written_as_so_many_a_second() {
        assert_eq!("100/s".parse::<Rate>().unwrap().to_string(), "100/s");
        for wrong in ["0/s", "100", "fast", "-1/s", "1/m", "/s"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }
}
