//! How much may be under way, and how fast it goes out.
//!
//! Owns: the congestion window (NewReno, RFC 9002 7; slow start's early end, RFC 9406), and how fast the pacer is to be.
//! Must not know: what the packets carry.
//! Driven by: the session.
//!
//! ```text
//!  slow start --RTT grows--> conservative --5 rounds, or lost--> avoidance <--lost: half the window
//!     ^  +1 a byte acked        +1/4            |                    +1 packet a round
//!     +-------RTT shrinks-----------------------+
//! ```

use std::time::Duration;

use super::pacer::Pacer;
use crate::time::Instant;
use crate::wire::packet::DATAGRAM_MAX;

/// RFC 9002 7.2: ten packets, as many as fit 14,720 bytes.
const INITIAL: u64 = 10 * PACKET;

/// RFC 9002 7.2.
const MIN: u64 = 2 * PACKET;

/// The most packets under way (PROTOCOL 2.9). Chosen: 48 Mbit/s over 50 ms; what is remembered of each is little.
pub const PACKETS_MAX: usize = 256;

const PACKET: u64 = DATAGRAM_MAX as u64;
const MAX: u64 = PACKETS_MAX as u64 * PACKET;

/// RFC 9406 4.3: samples of a round before its RTT is believed.
const ROUND_SAMPLES: u32 = 8;

/// RFC 9406 4.3: rounds of conservative slow start.
const CONSERVATIVE_ROUNDS: u32 = 5;

/// RFC 9406 4.3: how much slower conservative slow start is.
const CONSERVATIVE_DIVISOR: u64 = 4;

/// RFC 9406 4.3: by how much the RTT has to grow: an eighth, within these.
const GROWTH_MIN: Duration = Duration::from_millis(4);
const GROWTH_MAX: Duration = Duration::from_millis(16);

const _: () = assert!(MIN < INITIAL && INITIAL < MAX);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    SlowStart,
    /// With the round's RTT that it began at, and the rounds left.
    Conservative(Duration, u32),
    Avoidance,
}

/// The window of one direction of a session.
#[derive(Clone, Debug)]
pub(super) struct Congestion {
    phase: Phase,
    size: u64,
    in_flight: u64,
    /// Bytes acknowledged since the window last grew in avoidance.
    acked: u64,
    /// Packets sent before this are of a loss that is answered already (RFC 9002 7.3.2).
    recovery: Option<Instant>,
    /// The round ends when this number is acknowledged.
    round_end: u64,
    round_samples: u32,
    round_rtt: Duration,
    last_round_rtt: Duration,
    pacer: Pacer,
}

impl Congestion {
    /// A window at its beginning.
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            phase: Phase::SlowStart,
            size: INITIAL,
            in_flight: 0,
            acked: 0,
            recovery: None,
            round_end: 0,
            round_samples: 0,
            round_rtt: Duration::MAX,
            last_round_rtt: Duration::MAX,
            pacer: Pacer::new(now, INITIAL),
        }
    }

    /// How many bytes may be under way.
    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// How many bytes are.
    pub(super) const fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// Whether another packet may be under way.
    pub(super) const fn is_open(&self) -> bool {
        self.in_flight + PACKET <= self.size
    }

    /// When the pacer lets the next packet out; `now` if at once.
    pub(super) fn pace(&self, now: Instant, rtt: Duration) -> Instant {
        self.pacer.next(now, PACKET, self.bytes_a_round_trip(), rtt)
    }

    /// A packet of `bytes` goes out.
    pub(super) fn sent(&mut self, now: Instant, bytes: u64, rtt: Duration) {
        self.in_flight += bytes;
        let rate = self.bytes_a_round_trip();
        self.pacer.sent(now, bytes, rate, rtt);
    }

    /// A packet of `bytes`, sent at `sent_at`, has arrived. `was_full`: the window held sending back (RFC 9002 7.8).
    pub(super) fn acked(&mut self, bytes: u64, sent_at: Instant, was_full: bool) {
        self.in_flight = self.in_flight.saturating_sub(bytes);
        if !was_full || self.recovery.is_some_and(|recovery| sent_at <= recovery) {
            return;
        }
        match self.phase {
            Phase::SlowStart => self.size += bytes,
            Phase::Conservative(..) => self.size += bytes / CONSERVATIVE_DIVISOR,
            Phase::Avoidance => {
                // RFC 9002 7.3.3: a packet for each window that is acknowledged.
                self.acked += bytes;
                if self.acked >= self.size {
                    self.acked -= self.size;
                    self.size += PACKET;
                }
            }
        }
        self.size = self.size.min(MAX);
    }

    /// The RTT of a packet of the round; `acked` is its number, `next` the next one to be sent (RFC 9406 4.2).
    pub(super) fn sampled(&mut self, rtt: Duration, acked: u64, next: u64) {
        self.round_rtt = self.round_rtt.min(rtt);
        self.round_samples += 1;
        if self.round_samples >= ROUND_SAMPLES && self.last_round_rtt < Duration::MAX {
            let growth = (self.last_round_rtt / 8).clamp(GROWTH_MIN, GROWTH_MAX);
            match self.phase {
                Phase::SlowStart if self.round_rtt >= self.last_round_rtt + growth => {
                    self.phase = Phase::Conservative(self.round_rtt, CONSERVATIVE_ROUNDS);
                }
                Phase::Conservative(baseline, _) if self.round_rtt < baseline => self.phase = Phase::SlowStart,
                Phase::SlowStart | Phase::Conservative(..) | Phase::Avoidance => {}
            }
        }
        if acked >= self.round_end {
            self.end_round(next);
        }
    }

    /// A packet of `bytes`, sent at `sent_at`, is lost.
    pub(super) fn lost(&mut self, now: Instant, bytes: u64, sent_at: Instant) {
        self.in_flight = self.in_flight.saturating_sub(bytes);
        if self.recovery.is_some_and(|recovery| sent_at <= recovery) {
            return;
        }
        // RFC 9002 7.3.2: half, once for each round trip in which something is lost.
        self.recovery = Some(now);
        self.phase = Phase::Avoidance;
        self.acked = 0;
        self.size = (self.size / 2).max(MIN);
    }

    /// What was under way is not waited for any more.
    pub(super) const fn abandoned(&mut self) {
        self.in_flight = 0;
    }

    /// Nothing has come back for several probe timeouts (RFC 9002 7.6.2).
    pub(super) fn collapse(&mut self, now: Instant) {
        self.recovery = Some(now);
        self.phase = Phase::SlowStart;
        self.acked = 0;
        self.size = MIN;
    }

    fn end_round(&mut self, next: u64) {
        self.last_round_rtt = self.round_rtt;
        self.round_rtt = Duration::MAX;
        self.round_samples = 0;
        self.round_end = next;
        if let Phase::Conservative(baseline, rounds) = self.phase {
            self.phase = if rounds > 1 { Phase::Conservative(baseline, rounds - 1) } else { Phase::Avoidance };
        }
    }

    /// RFC 9002 7.7: "N = 1.25 ... rate = N * congestion_window / smoothed_rtt"; twice the window in slow start, for it
    /// doubles.
    const fn bytes_a_round_trip(&self) -> u64 {
        match self.phase {
            Phase::SlowStart => self.size * 2,
            Phase::Conservative(..) | Phase::Avoidance => self.size * 5 / 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(100);

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn fill(window: &mut Congestion, now: Instant) -> u64 {
        let mut packets = 0;
        while window.is_open() {
            window.sent(now, PACKET, RTT);
            packets += 1;
        }
        packets
    }

    #[test]
    fn ten_packets_at_first_twice_as_many_each_round_then_one_more_each() {
        let mut window = Congestion::new(at(0));
        assert_eq!(fill(&mut window, at(0)), 10, "and not eleven");
        (0..10).for_each(|_| window.acked(PACKET, at(0), true));
        assert_eq!(fill(&mut window, at(100)), 20);
        window.lost(at(200), PACKET, at(100));
        assert_eq!(window.size(), 10 * PACKET);
        (0..10).for_each(|_| window.lost(at(201), PACKET, at(100)));
        assert_eq!(window.size(), 10 * PACKET, "one loss a round trip");
        (0..9).for_each(|_| window.acked(PACKET, at(100), true));
        assert_eq!(window.size(), 10 * PACKET, "what was sent before says nothing");
        assert_eq!(fill(&mut window, at(300)), 10);
        (0..10).for_each(|_| window.acked(PACKET, at(300), true));
        assert_eq!(window.size(), 11 * PACKET);
    }

    #[test]
    fn the_window_keeps_within_its_limits() {
        let mut window = Congestion::new(at(0));
        for round in 0..1000 {
            fill(&mut window, at(round));
            while window.in_flight() > 0 {
                window.acked(PACKET, at(round), true);
            }
        }
        assert_eq!(window.size(), MAX);
        assert_eq!(fill(&mut window, at(5000)), PACKETS_MAX as u64);
        for millis in 6000..6100 {
            window.lost(at(millis), PACKET, at(millis));
        }
        assert_eq!(window.size(), MIN);
    }

    #[test]
    fn a_window_that_is_not_used_does_not_grow() {
        let mut window = Congestion::new(at(0));
        window.sent(at(0), PACKET, RTT);
        window.acked(PACKET, at(0), false);
        assert_eq!(window.size(), INITIAL);
    }

    #[test]
    fn slow_start_ends_when_the_rtt_grows_before_anything_is_lost() {
        let mut window = Congestion::new(at(0));
        let mut number = 0;
        for (round, rtt) in [50, 50, 60, 60, 60, 60, 60, 60].into_iter().enumerate() {
            fill(&mut window, at(round as u64 * 100));
            let packets = window.in_flight() / PACKET;
            for _ in 0..packets {
                window.sampled(Duration::from_millis(rtt), number, number + packets);
                window.acked(PACKET, at(round as u64 * 100), true);
                number += 1;
            }
        }
        assert_eq!(window.phase, Phase::Avoidance);
        assert!(window.size() < 160 * PACKET, "{}: it would be 1,280", window.size() / PACKET);
    }

    #[test]
    fn the_pacer_lets_a_burst_out_and_then_keeps_to_the_rate() {
        let mut window = Congestion::new(at(0));
        window.size = 100 * PACKET;
        for _ in 0..10 {
            assert_eq!(window.pace(at(0), RTT), at(0));
            window.sent(at(0), PACKET, RTT);
        }
        let next = window.pace(at(0), RTT);
        assert_eq!(next, at(0) + RTT / 200, "200 packets a round trip in slow start");
        assert_eq!(window.pace(next, RTT), next, "then it is let out");
    }
}
