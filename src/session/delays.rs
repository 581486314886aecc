//! Round trips, and how much of them is queueing delay.
//!
//! Owns: the shortest round trip of the last minute, that of the last half round trip, and the part of the difference not ours.
//! Must not know: windows, packets, losses.
//! Driven by: `congestion`, with each sample and at the end of each round.

use std::time::Duration;

use crate::time::Instant;

/// How long the shortest round trip counts as the path's own. Copa 2.2 has 10 s; here, a path that has become longer shows when
/// our part of the queue is emptied and the delay remains.
const PATH: Duration = Duration::from_secs(60);

/// How often our part of the queue is emptied, if there is always a queue (BBR, draft-cardwell-iccrg-bbr 4.3.4: 10 s).
const DRAIN_EVERY: Duration = Duration::from_secs(10);

/// Longest delay that does not count as a queue: timers and schedulers are no more precise (RFC 9002 6.1.2).
const GRANULARITY: Duration = Duration::from_millis(1);

/// [`DRAIN_EVERY`] while a competing flow fills the queue, or once we have given way. Chosen: it takes a twentieth of the time.
const DRAIN_SOON: Duration = Duration::from_millis(2500);

/// Rounds with a queue before our part of it is emptied for the first time (Copa 2.2 waits for five).
const DRAIN_AFTER: u32 = 5;

/// A delay that remains when our part of the queue is empty is a competing flow's if it is longer, and most of the queue.
const RIVAL: Duration = Duration::from_millis(10);

/// Most observations of a competing flow that count.
const RIVALS_MAX: u32 = 5;

/// Statistics of the round trips.
#[derive(Clone, Debug)]
pub(super) struct Delays {
    path: WindowedMin,
    standing: WindowedMin,
    /// The last sample.
    latest: Duration,
    /// Delay beyond the path's own when nothing of ours was in the queue: other flows' packets, and chance.
    others: Duration,
    /// Rounds since there was last no queue.
    rounds_full: u32,
    /// When our part of the queue was last empty.
    emptied_at: Option<Instant>,
    /// Observations of a competing flow, less observations of none: whether most of the queue remained without our part.
    rivals: u32,
}

impl Delays {
    /// Begins with nothing but the assumed round trip.
    pub(super) const fn new(now: Instant, assumed: Duration) -> Self {
        let path = WindowedMin::new(now, Duration::MAX);
        let standing = WindowedMin::new(now, assumed);
        Self { path, standing, latest: assumed, others: Duration::ZERO, rounds_full: 0, emptied_at: None, rivals: 0 }
    }

    /// Records a round trip of `rtt`, without the ack delay; `smoothed` is the mean.
    pub(super) fn sampled(&mut self, now: Instant, rtt: Duration, smoothed: Duration) {
        self.latest = rtt;
        self.path.update(now, rtt, PATH);
        // Copa 2: "the smallest RTT observed over a recent time window, tau ... we use tau = srtt/2".
        self.standing.update(now, rtt, smoothed / 2);
        if rtt <= self.path.get() + GRANULARITY {
            self.rounds_full = 0;
        }
    }

    /// Returns the standing round trip: the shortest of the last half round trip.
    pub(super) const fn standing(&self) -> Duration {
        self.standing.get()
    }

    /// Returns how much of the standing round trip is our own queue; a millisecond counts as none.
    pub(super) const fn queue(&self) -> Duration {
        self.standing.get().saturating_sub(self.path.get()).saturating_sub(self.others).saturating_sub(GRANULARITY)
    }

    /// Returns the path's own round trip.
    pub(super) const fn path(&self) -> Duration {
        self.path.get()
    }

    /// Returns whether it is time to empty our part of the queue, in order to measure it. `gave_way`: the window is much
    /// smaller than when that was last done.
    pub(super) fn is_drain_due(&self, now: Instant, gave_way: bool) -> bool {
        self.rounds_full >= DRAIN_AFTER && self.is_time(now, gave_way)
    }

    fn is_time(&self, now: Instant, gave_way: bool) -> bool {
        let every = if gave_way || self.rivals > 0 { DRAIN_SOON } else { DRAIN_EVERY };
        self.emptied_at.is_none_or(|at| at + every <= now)
    }

    /// Records that the packet of the last sample found nothing of ours in the queue. The path needs `packet` for one packet.
    pub(super) fn was_alone(&mut self, now: Instant, packet: Duration) {
        let left = self.latest.saturating_sub(self.path.get());
        // RFC 6298 2.2: the first sample is the mean; here each later one counts a quarter.
        self.others = if self.others.is_zero() { left } else { (self.others * 3 + left) / 4 };
        if self.is_time(now, false) {
            self.emptied(now, left.saturating_sub(packet) > RIVAL);
        }
    }

    /// Returns how much longer the standing round trip is than the path's own, whoever caused that.
    pub(super) const fn excess(&self) -> Duration {
        self.standing.get().saturating_sub(self.path.get())
    }

    /// Records that our part of the queue is empty but for one packet, for which the path needs `packet`. The standing round
    /// trip was longer than the path's own by `before`.
    pub(super) fn drained(&mut self, now: Instant, before: Duration, packet: Duration) {
        let left = self.latest.saturating_sub(self.path.get());
        self.others = (self.others + left) / 2;
        let theirs = left.saturating_sub(packet);
        self.emptied(now, theirs > RIVAL && theirs >= before / 2);
    }

    fn emptied(&mut self, now: Instant, is_theirs: bool) {
        self.rounds_full = 0;
        self.rivals = if is_theirs { (self.rivals + 1).min(RIVALS_MAX) } else { self.rivals.saturating_sub(1) };
        self.emptied_at = Some(now);
    }

    /// Returns how much more often a competing flow was observed than not, up to five times.
    pub(super) const fn rivals(&self) -> u32 {
        self.rivals
    }

    /// Records the end of a round.
    pub(super) const fn end_round(&mut self) {
        self.rounds_full = self.rounds_full.saturating_add(1);
    }
}

/// The smallest value seen within a window of time (Kathleen Nichols' filter: it keeps the best three of falling age, so that a
/// younger one is at hand when the best becomes too old).
#[derive(Clone, Debug)]
struct WindowedMin {
    best: [(Instant, Duration); 3],
}

impl WindowedMin {
    const fn new(now: Instant, value: Duration) -> Self {
        Self { best: [(now, value); 3] }
    }

    const fn get(&self) -> Duration {
        self.best[0].1
    }

    fn update(&mut self, now: Instant, value: Duration, window: Duration) {
        let seen = (now, value);
        let is_old = |(at, _): (Instant, Duration)| now.saturating_since(at) > window;
        if value <= self.best[0].1 || is_old(self.best[2]) {
            self.best = [seen; 3];
            return;
        }
        if value <= self.best[1].1 {
            self.best[1] = seen;
            self.best[2] = seen;
        } else if value <= self.best[2].1 {
            self.best[2] = seen;
        }
        let age = now.saturating_since(self.best[0].0);
        if is_old(self.best[0]) {
            self.best = [self.best[1], self.best[2], seen];
            if is_old(self.best[0]) {
                self.best = [self.best[1], self.best[2], seen];
            }
        } else if self.best[1].0 == self.best[0].0 && age > window / 4 {
            self.best[1] = seen;
            self.best[2] = seen;
        } else if self.best[2].0 == self.best[1].0 && age > window / 2 {
            self.best[2] = seen;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn sampled(delays: &mut Delays, millis: u64, rtt: u64) {
        delays.sampled(at(millis), ms(rtt), ms(80));
    }

    #[test]
    fn what_the_last_half_round_trip_took_longer_than_the_path_is_queue() {
        let mut delays = Delays::new(at(0), ms(333));
        assert_eq!((delays.standing(), delays.queue()), (ms(333), ms(0)), "nothing is known");
        sampled(&mut delays, 100, 80);
        assert_eq!((delays.standing(), delays.queue()), (ms(80), ms(0)));
        sampled(&mut delays, 110, 120);
        assert_eq!(delays.queue(), ms(0), "one that is late is no queue yet");
        sampled(&mut delays, 145, 120);
        sampled(&mut delays, 160, 121);
        assert_eq!((delays.standing(), delays.queue()), (ms(120), ms(39)));
    }

    #[test]
    fn what_a_packet_needs_longer_with_nothing_of_ours_in_the_queue_is_not_ours() {
        let mut delays = Delays::new(at(0), ms(80));
        sampled(&mut delays, 0, 80);
        sampled(&mut delays, 1000, 120);
        delays.was_alone(at(1000), ms(15));
        assert_eq!(delays.queue(), ms(0), "somebody else, or chance");
        sampled(&mut delays, 2000, 150);
        assert_eq!(delays.queue(), ms(29));
    }

    #[test]
    fn our_part_is_taken_out_after_five_rounds_with_a_queue_and_then_every_ten_seconds() {
        let mut delays = Delays::new(at(0), ms(80));
        sampled(&mut delays, 0, 80);
        for round in 1..=5 {
            assert!(!delays.is_drain_due(at(round * 100), false));
            sampled(&mut delays, round * 100, 120);
            delays.end_round();
        }
        assert!(delays.is_drain_due(at(500), false));
        sampled(&mut delays, 600, 100);
        delays.drained(at(600), ms(40), ms(15));
        assert_eq!(delays.queue(), ms(9), "half of what was left, for the next time may say otherwise");
        (0..100).for_each(|_| delays.end_round());
        assert!(!delays.is_drain_due(at(10_599), false) && delays.is_drain_due(at(10_600), false));
        assert!(
            !delays.is_drain_due(at(3099), true) && delays.is_drain_due(at(3100), true),
            "who gave way wants to know"
        );
    }

    #[test]
    fn who_finds_most_of_the_queue_left_without_its_own_part_has_a_rival() {
        let mut delays = Delays::new(at(0), ms(80));
        sampled(&mut delays, 0, 80);
        sampled(&mut delays, 100, 170);
        delays.drained(at(100), ms(100), ms(15));
        assert_eq!(delays.rivals(), 1);
        sampled(&mut delays, 200, 100);
        delays.drained(at(200), ms(100), ms(15));
        assert_eq!(delays.rivals(), 0, "a packet's time is left");
    }

    proptest! {
        #[test]
        fn the_smallest_is_of_the_window_and_no_larger_than_the_newest(
            samples in prop::collection::vec((0u64..30, 1u64..1000), 1..200)
        ) {
            let window = ms(100);
            let mut filter = WindowedMin::new(at(0), Duration::MAX);
            let mut now = 0;
            let mut seen: Vec<(u64, u64)> = Vec::new();
            for (after, value) in samples {
                now += after;
                seen.push((now, value));
                filter.update(at(now), ms(value), window);
                let of_the_window = seen.iter().filter(|&&(at, _)| now - at <= 100);
                let smallest = of_the_window.clone().map(|&(_, value)| value).min().unwrap();
                prop_assert!(filter.get() >= ms(smallest), "nothing is remembered for longer");
                prop_assert!(filter.get() <= ms(value));
                prop_assert!(of_the_window.clone().any(|&(_, value)| ms(value) == filter.get()));
            }
        }
    }
}
