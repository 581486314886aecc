//! How fast packets go out (RFC 9002 7.7).
//!
//! Owns: what may go out at once.
//! Must not know: windows; it is told how many bytes a round trip there are to be.
//! Driven by: `congestion`.

use std::time::Duration;

use crate::time::Instant;

/// A bucket of bytes that fills at a rate.
#[derive(Clone, Debug)]
pub(super) struct Pacer {
    /// The most that goes out at once, in bytes.
    burst: u64,
    /// What was left when it was last looked, and when that was.
    credit: u64,
    credited: Instant,
}

impl Pacer {
    /// A full bucket. RFC 9002 7.7: "small bursts", as large as the initial window.
    pub(super) const fn new(now: Instant, burst: u64) -> Self {
        Self { burst, credit: burst, credited: now }
    }

    /// When `bytes` may go out, at a rate in bytes a round trip of `rtt`; `now` if at once.
    pub(super) fn next(&self, now: Instant, bytes: u64, rate: u64, rtt: Duration) -> Instant {
        let missing = bytes.saturating_sub(self.credit_at(now, rate, rtt));
        if missing == 0 {
            return now;
        }
        let nanos = u128::from(missing) * rtt.as_nanos() / u128::from(rate.max(1));
        let wait = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        now + wait.max(Duration::from_nanos(1))
    }

    /// `bytes` go out.
    pub(super) fn sent(&mut self, now: Instant, bytes: u64, rate: u64, rtt: Duration) {
        self.credit = self.credit_at(now, rate, rtt).saturating_sub(bytes);
        self.credited = now;
    }

    fn credit_at(&self, now: Instant, rate: u64, rtt: Duration) -> u64 {
        let since = now.saturating_since(self.credited);
        let earned = u128::from(rate) * since.as_nanos() / rtt.as_nanos().max(1);
        self.credit.saturating_add(u64::try_from(earned).unwrap_or(u64::MAX)).min(self.burst)
    }
}
