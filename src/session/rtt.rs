//! The round-trip time of a session (RFC 9002 5).
//!
//! Owns: the estimate, and the timeouts derived from it.
//! Must not know: packets.
//! Driven by: the session.

use std::time::Duration;

/// Estimate before the first sample (RFC 9002 6.2.2).
const INITIAL: Duration = Duration::from_millis(333);

/// Granularity of timers (RFC 9002 6.1.2).
const GRANULARITY: Duration = Duration::from_millis(1);

/// Longest delay of an ack (RFC 9000 18.2, max_ack_delay).
const ACK_DELAY_MAX: Duration = Duration::from_millis(25);

/// Longest probe timeout by doubling (PROTOCOL 2.9). Chosen: a member that was cut off is back in the room a few seconds after
/// the path is, at the cost of one packet per member every three seconds.
pub(super) const PTO_MAX: Duration = Duration::from_secs(3);

/// An estimate of the round-trip time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rtt {
    sampled: bool,
    /// The last sample, without the delay that lost acks caused.
    latest: Duration,
    min: Duration,
    smoothed: Duration,
    variation: Duration,
}

impl Default for Rtt {
    fn default() -> Self {
        // RFC 9002 5.3: "smoothed_rtt = kInitialRtt; rttvar = kInitialRtt / 2"
        Self::assume(INITIAL)
    }
}

impl Rtt {
    /// Returns an estimate to use until the first sample: how long a handshake message took, which may have been sent more than
    /// once.
    pub(super) fn assume(round_trip: Duration) -> Self {
        Self { sampled: false, latest: round_trip, min: round_trip, smoothed: round_trip, variation: round_trip / 2 }
    }

    /// Records that a packet was acknowledged `sample` after it was sent, and that the peer reports an ack delay of `delay`.
    pub(super) fn update(&mut self, sample: Duration, delay: Duration) {
        // No peer delays an ack that long: acks before it were lost, for each packet repeats the newest ack. RFC 9002 5.3 caps
        // the delay instead, and then one late ack makes the path look slow for minutes (PROTOCOL 2.9).
        let is_repeated = delay > ACK_DELAY_MAX;
        if !self.sampled {
            // RFC 9002 5.3: "smoothed_rtt = latest_rtt; rttvar = latest_rtt / 2"
            self.sampled = true;
            let first = if is_repeated { sample.saturating_sub(delay).max(GRANULARITY.min(sample)) } else { sample };
            self.latest = first;
            self.min = first;
            self.smoothed = first;
            self.variation = first / 2;
            return;
        }
        // RFC 9002 5.2
        self.min = self.min.min(sample);
        // RFC 9002 5.3: the delay is subtracted unless the result would be below the minimum.
        let delay = if is_repeated { delay } else { delay.min(self.ack_delay()) };
        let adjusted = if sample >= self.min + delay { sample - delay } else { sample };
        self.latest = if is_repeated { adjusted } else { sample };
        // RFC 9002 5.3: "rttvar = 3/4 * rttvar + 1/4 * rttvar_sample; smoothed_rtt = 7/8 * smoothed_rtt + 1/8 * adjusted_rtt"
        self.variation = self.variation * 3 / 4 + self.smoothed.abs_diff(adjusted) / 4;
        self.smoothed = self.smoothed * 7 / 8 + adjusted / 8;
    }

    /// Returns the smoothed round-trip time.
    pub(super) const fn smoothed(&self) -> Duration {
        self.smoothed
    }

    /// Returns how long an ack may be delayed: a quarter of the round trip, at most 25 ms (PROTOCOL 2.6).
    pub(super) fn ack_delay(&self) -> Duration {
        (self.smoothed / 4).min(ACK_DELAY_MAX)
    }

    /// Returns the probe timeout, doubled `backoff` times (RFC 9002 6.2.1).
    pub(super) fn probe_timeout(&self, backoff: u32) -> Duration {
        let timeout = self.smoothed + (4 * self.variation).max(GRANULARITY) + self.ack_delay();
        // Only the doubling is limited: on a path slower than the limit, no probe may be sent before an ack can have arrived.
        timeout.saturating_mul(1 << backoff.min(10)).min(PTO_MAX.max(timeout))
    }

    /// Returns how long after it was sent a packet counts as lost once a later one has arrived (RFC 9002 6.1.2).
    pub(super) fn loss_delay(&self) -> Duration {
        (self.smoothed.max(self.latest) * 9 / 8).max(GRANULARITY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_first_sample_is_the_estimate_and_later_ones_move_it_an_eighth() {
        let mut rtt = Rtt::default();
        assert_eq!(rtt.probe_timeout(0), ms(333) + 4 * (ms(333) / 2) + ms(25), "RFC 9002 6.2.2");
        rtt.update(ms(80), ms(0));
        assert_eq!((rtt.smoothed(), rtt.probe_timeout(0)), (ms(80), ms(80 + 160 + 20)));
        rtt.update(ms(160), ms(0));
        assert_eq!((rtt.smoothed(), rtt.latest), (ms(90), ms(160)));
        assert_eq!(rtt.variation, ms(50), "3/4 of 40, 1/4 of 80");
        assert_eq!(rtt.loss_delay(), ms(180));
    }

    #[test]
    fn the_delay_of_an_ack_is_taken_off_but_not_below_the_minimum() {
        let mut rtt = Rtt::default();
        rtt.update(ms(80), ms(0));
        rtt.update(ms(100), ms(20));
        assert_eq!(rtt.smoothed(), ms(80));
        rtt.update(ms(88), ms(20));
        assert_eq!(rtt.smoothed(), ms(81), "88 less 20 would be below 80");
        rtt.update(ms(200), ms(10_000));
        assert!(rtt.smoothed() > ms(90), "a delay that is longer than the sample is not believed");
    }

    #[test]
    fn an_ack_that_is_put_off_for_longer_than_is_expected_counts_as_a_longer_path() {
        let mut rtt = Rtt::default();
        rtt.update(ms(40), ms(0));
        for _ in 0..100 {
            rtt.update(ms(60), ms(20));
        }
        // Otherwise every packet would be sent again just before its ack arrives.
        assert!(rtt.probe_timeout(0) > ms(60));
    }

    #[test]
    fn an_ack_that_comes_late_because_others_were_lost_does_not_make_the_path_slow() {
        let mut rtt = Rtt::default();
        rtt.update(ms(80), ms(0));
        for _ in 0..10 {
            rtt.update(ms(15_080), ms(15_000));
        }
        assert_eq!(rtt.smoothed(), ms(80));
        assert!(rtt.probe_timeout(0) < ms(200));
    }

    #[test]
    fn who_says_that_its_acks_are_later_than_they_are_makes_the_estimate_no_smaller_than_the_minimum() {
        let mut rtt = Rtt::default();
        rtt.update(ms(80), ms(0));
        for _ in 0..100 {
            rtt.update(ms(200), ms(u64::from(u32::MAX) / 1000));
        }
        assert!(rtt.smoothed() > ms(199), "200 less so much would be below 80");
    }

    #[test]
    fn the_probe_timeout_doubles_up_to_its_limit_and_never_below_the_granularity() {
        let mut rtt = Rtt::default();
        for _ in 0..200 {
            rtt.update(ms(100), ms(0));
        }
        assert_eq!(rtt.probe_timeout(0), ms(100) + GRANULARITY + ms(25));
        assert_eq!(rtt.probe_timeout(2), 4 * rtt.probe_timeout(0));
        assert_eq!(rtt.probe_timeout(u32::MAX), PTO_MAX);
        for _ in 0..200 {
            rtt.update(ms(5000), ms(0));
        }
        assert!(rtt.probe_timeout(u32::MAX) > ms(5000), "never before an ack can be there");
    }
}
