//! How often something may happen.
//!
//! Owns: [`Rate`], and [`Meter`], which holds one source to it.
//! Must not know: what is metered.
//! Driven by: `room`.
//!
//! The generic cell rate algorithm (ITU-T I.371, "virtual scheduling"): all that is remembered of a source is when its
//! next event would be due if it kept exactly to the rate.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::time::Instant;

/// So many a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    per_second: u32,
}

impl Rate {
    /// `per_second` events a second; `None` for none at all.
    pub const fn per_second(per_second: u32) -> Option<Self> {
        if per_second == 0 { None } else { Some(Self { per_second }) }
    }

    /// How many that is in so many seconds.
    pub(super) const fn seconds(self, seconds: u32) -> u32 {
        self.per_second.saturating_mul(seconds)
    }

    fn interval(self) -> Duration {
        Duration::from_secs(1) / self.per_second
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix("/s").and_then(|number| number.parse().ok());
        number.and_then(Self::per_second).ok_or_else(|| "write it like 100/s, or off".into())
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.per_second)
    }
}

/// What one source has used of its rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Meter {
    /// When the next event would be due at exactly the rate.
    due: Instant,
}

impl Meter {
    /// When an event that comes in now may happen, if `burst` events may be ahead of the rate.
    pub(super) fn when(self, now: Instant, rate: Rate, burst: u32) -> Instant {
        let ahead = self.due.saturating_since(now);
        now + ahead.saturating_sub(rate.interval() * burst.saturating_sub(1))
    }

    /// The event is taken.
    pub(super) fn take(&mut self, now: Instant, rate: Rate) {
        self.due = self.due.max(now) + rate.interval();
    }

    /// Whether nothing of the rate is used, so that it need not be remembered.
    pub(super) fn is_fresh(self, now: Instant) -> bool {
        self.due <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_then_it_is_the_rate() {
        let rate: Rate = "10/s".parse().unwrap();
        let mut meter = Meter::default();
        let now = Instant::from_millis(5000);
        let mut delays = Vec::new();
        for _ in 0..5 {
            delays.push(meter.when(now, rate, 3).saturating_since(now).as_millis());
            meter.take(now, rate);
        }
        assert_eq!(delays, [0, 0, 0, 100, 200]);
        assert!(!meter.is_fresh(now + Duration::from_millis(499)));
        assert!(meter.is_fresh(now + Duration::from_millis(500)));
    }

    #[test]
    fn a_rate_is_written_as_so_many_a_second() {
        assert_eq!("100/s".parse::<Rate>().unwrap().to_string(), "100/s");
        for wrong in ["0/s", "100", "fast", "-1/s", "1/m", "/s"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }
}
