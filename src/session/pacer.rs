//! How fast packets go out (RFC 9002 7.7).
//!
//! Owns: how many bytes may go out at once.
//! Must not know: windows; its driver sets how many bytes go out in a round trip.
//! Driven by: `congestion`.

use std::time::Duration;

use crate::time::Instant;

/// A sending rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Bytes sent in a round trip.
    pub(super) bytes: u64,
    pub(super) rtt: Duration,
    /// Most bytes that go out at once. RFC 9002 7.7: "small bursts".
    pub(super) burst: u64,
}

/// A bucket of bytes that fills at a rate.
#[derive(Clone, Debug)]
pub(super) struct Pacer {
    /// The credit when it was last computed, and when that was.
    credit: u64,
    credited: Instant,
}

impl Pacer {
    /// Returns a full bucket.
    pub(super) const fn new(now: Instant, burst: u64) -> Self {
        Self { credit: burst, credited: now }
    }

    /// Returns when `bytes` may go out; `now` if at once.
    pub(super) fn next(&self, now: Instant, bytes: u64, pace: Pace) -> Instant {
        let missing = bytes.saturating_sub(self.credit_at(now, pace));
        if missing == 0 {
            return now;
        }
        let nanos = u128::from(missing) * pace.rtt.as_nanos() / u128::from(pace.bytes.max(1));
        let wait = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        now + wait.max(Duration::from_nanos(1))
    }

    /// Records that `bytes` go out.
    pub(super) fn sent(&mut self, now: Instant, bytes: u64, pace: Pace) {
        self.credit = self.credit_at(now, pace).saturating_sub(bytes);
        self.credited = now;
    }

    fn credit_at(&self, now: Instant, pace: Pace) -> u64 {
        let since = now.saturating_since(self.credited);
        let earned = u128::from(pace.bytes) * since.as_nanos() / pace.rtt.as_nanos().max(1);
        self.credit.saturating_add(u64::try_from(earned).unwrap_or(u64::MAX)).min(pace.burst)
    }
}
