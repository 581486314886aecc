//! How much may be in flight, how long packets are, and how fast they go out.
//!
//! Owns: the congestion window, which leaves a few packets in the path's queue and does not take loss for a queue; the length
//! of packets, so that one packet does not occupy a slow path for long; the loss rate.
//! Must not know: what the packets carry.
//! Driven by: the session. Its parts: `delays`, `pacer`.
//!
//! ```text
//!  starting --a queue--> steady: half way to  window * path / standing + what is left in the queue,  each round
//!     ^ twice a round      |
//!     +--persistent loss---+     more than half is lost: half the window
//! ```
//!
//! The window is FAST TCP's (Wei, Jin, Low and Hegde, IEEE/ACM Transactions on Networking 14(6), 2006). It settles where Copa's
//! does (Arun and Balakrishnan, NSDI 2018: a rate of 1 / (delta * queue)), without Copa's oscillation: with windows of three
//! packets, that oscillation is the queue. docs/ARCHITECTURE.md has the measurements, and why we use neither NewReno, nor BBR,
//! nor LEDBAT.

use std::time::Duration;

use super::delays::Delays;
use super::pacer::{Pace, Pacer};
use crate::time::Instant;
use crate::wire::packet::DATAGRAM_MAX;

/// Most packets in flight (PROTOCOL 2.9). Chosen: 48 Mbit/s over 50 ms; the record of each packet is small.
pub const PACKETS_MAX: usize = 256;

/// Bytes that IPv4 and UDP add to a packet: a slow line carries them as well.
pub(super) const HEADERS: u64 = 28;

/// Longest packet, in bytes like everything below.
const PACKET_MAX: u64 = DATAGRAM_MAX as u64;

/// Smallest limit on a packet's length. Chosen: head, tag, ack and headers are a sixth of it; on a line of 50 kbit/s,
/// shorter packets made chat slower, because there were more of them.
const PACKET_MIN: u64 = 450;

/// How long one packet, or our part of the queue, may occupy a path. Chosen: nobody notices.
const PACKET_TIME: Duration = Duration::from_millis(25);

/// Initial window: ten packets, as many as fit 14,720 bytes (RFC 9002 7.2).
const INITIAL: u64 = 10 * PACKET_MAX;

/// Minimum window: two packets (RFC 9002 7.2), of the shortest length that we use on a slow path.
const MIN: u64 = 2 * PACKET_MIN;

const MAX: u64 = PACKETS_MAX as u64 * (PACKET_MAX + HEADERS);

/// Most packets that we leave in the queue (Copa 2: two), if the path carries them in [`PACKET_TIME`]. Chosen: with two, ten
/// replays that share a path use less of it.
const QUEUED_MAX: u64 = 4;

/// The same on a lossy path. Chosen: packets are late there by chance rather than because of our queue, and repairs need to be
/// sent.
const QUEUED_LOSSY: u64 = 8;

/// Size down to which an unused window shrinks when there is a queue: four of the shortest packets.
const UNUSED_MIN: u64 = 4 * PACKET_MIN;

/// Largest factor by which growth is faster than FAST TCP's while there is no queue.
const SPEED_MAX: u64 = PACKETS_MAX as u64;

/// Number of packets in the mean length of a packet, and the smallest value that this mean may have.
const MEAN: u64 = 8;
const QUANTUM_MIN: u64 = 100;

/// Length of packets in rounds that empty our part of the queue: a packet is late by its own length.
const DRAIN_PACKET: u64 = 250;

/// Packets that must have arrived or been lost before their loss rate may halve the window. Chosen: when chance loses a third,
/// it does not lose more than half of 100.
const JUDGED: u32 = 100;

/// A loss rate of 100 %.
const LOSS_ONE: u32 = 1 << 16;

/// Number of packets over which the loss rate is averaged. Chosen.
const LOSS_MEAN: u32 = 32;

/// Loss rate above which everything is sent twice. Chosen: at a tenth, repair alone costs less.
const LOSSY: u32 = LOSS_ONE / 5;

const _: () = assert!(MIN < INITIAL && INITIAL < MAX);

/// Packets that an ack newly acknowledges.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Arrived {
    /// How many packets.
    pub(super) packets: u32,
    /// How many bytes, with [`HEADERS`].
    pub(super) bytes: u64,
    /// Whether one of them was sent with at least half of the window in use (RFC 9002 7.8).
    pub(super) was_full: bool,
}

/// A round-trip sample.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// The sample, less the ack delay.
    pub(super) rtt: Duration,
    /// The smoothed round-trip time.
    pub(super) smoothed: Duration,
    /// Whether nothing else was in flight when the packet was sent.
    pub(super) was_alone: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The window doubles each round, until there is a queue or the window has this size.
    Starting(u64),
    Steady,
}

/// The window of one direction of a session.
#[derive(Clone, Debug)]
pub(super) struct Congestion {
    phase: Phase,
    size: u64,
    in_flight: u64,
    /// The mean length of packets, with [`HEADERS`].
    quantum: u64,
    delays: Delays,
    /// Factor by which growth is faster than FAST TCP's, and the window when the round began.
    speed: u64,
    from: u64,
    round: Round,
    /// Most bytes in flight in the round before.
    peak: u64,
    /// The window when our part of the queue was last emptied.
    drained: u64,
    /// Packets that arrived, and that were lost, since the loss rate was last judged.
    arrived: u32,
    lost: u32,
    /// The loss rate, in parts of [`LOSS_ONE`].
    loss: u32,
    pacer: Pacer,
}

/// What happened since the round began.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    /// The round ends when this number is acknowledged.
    end: u64,
    /// Most bytes in flight.
    peak: u64,
    was_full: bool,
    /// Set in a round that empties our part of the queue: by how much the standing round trip had exceeded the path's own.
    drains: Option<Duration>,
}

impl Congestion {
    /// Returns an initial window, for a path whose round trip is assumed to take `assumed`.
    pub(super) const fn new(now: Instant, assumed: Duration) -> Self {
        Self {
            phase: Phase::Starting(MAX),
            size: INITIAL,
            in_flight: 0,
            quantum: PACKET_MAX,
            delays: Delays::new(now, assumed),
            speed: 1,
            from: INITIAL,
            round: Round { end: 0, peak: 0, was_full: false, drains: None },
            peak: 0,
            drained: 0,
            arrived: 0,
            lost: 0,
            loss: 0,
            pacer: Pacer::new(now, INITIAL),
        }
    }

    /// Returns how many bytes may be in flight.
    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// Returns how many bytes are in flight.
    pub(super) const fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// Returns the greatest length of a datagram whose cargo can be divided.
    pub(super) fn packet(&self) -> usize {
        let longest =
            if self.round.drains.is_some() { DRAIN_PACKET } else { self.of(PACKET_TIME).clamp(PACKET_MIN, PACKET_MAX) };
        usize::try_from(longest).unwrap_or(DATAGRAM_MAX)
    }

    /// Returns whether another packet may be sent.
    pub(super) fn is_open(&self) -> bool {
        self.in_flight == 0 || self.in_flight + self.quantum <= self.limit()
    }

    /// Returns whether the path is lossy, so that everything is better sent twice.
    pub(super) const fn is_lossy(&self) -> bool {
        self.loss > LOSSY
    }

    /// Returns when the pacer lets the next packet out; `now` if at once.
    pub(super) fn pace(&self, now: Instant) -> Instant {
        self.pacer.next(now, self.quantum, self.pacing())
    }

    /// Records that a datagram of `bytes` goes out.
    pub(super) fn sent(&mut self, now: Instant, bytes: u64) {
        let bytes = bytes + HEADERS;
        self.in_flight += bytes;
        self.quantum = ((self.quantum * (MEAN - 1) + bytes) / MEAN).max(QUANTUM_MIN);
        self.round.peak = self.round.peak.max(self.in_flight);
        self.pacer.sent(now, bytes, self.pacing());
    }

    /// Records a round-trip sample.
    pub(super) fn sampled(&mut self, now: Instant, sample: Sample) {
        self.delays.sampled(now, sample.rtt, sample.smoothed);
        if sample.was_alone {
            self.delays.was_alone(now, self.packet_time());
        }
    }

    /// Records that packets have arrived, the newest with number `newest`; `next` is the number of the next one to be sent.
    pub(super) fn acked(&mut self, now: Instant, arrived: Arrived, newest: u64, next: u64) {
        self.in_flight = self.in_flight.saturating_sub(arrived.bytes);
        self.arrived = self.arrived.saturating_add(arrived.packets);
        for _ in 0..arrived.packets {
            self.loss -= self.loss / LOSS_MEAN;
        }
        self.round.was_full |= arrived.was_full;
        self.step(arrived);
        if newest >= self.round.end {
            self.end_round(now, next);
        }
    }

    /// Records that a datagram of `bytes` is lost.
    pub(super) const fn lost(&mut self, bytes: u64) {
        self.in_flight = self.in_flight.saturating_sub(bytes + HEADERS);
        self.lost = self.lost.saturating_add(1);
        self.loss += (LOSS_ONE - self.loss) / LOSS_MEAN;
    }

    /// Records that no ack is awaited any more for the packets in flight.
    pub(super) const fn abandoned(&mut self) {
        self.in_flight = 0;
    }

    /// Shrinks the window to its minimum after persistent congestion (RFC 9002 7.6.2). Slow start then ends at half of the
    /// former window (RFC 5681 3.1).
    pub(super) fn collapse(&mut self) {
        self.phase = Phase::Starting((self.size / 2).max(self.least()));
        self.size = self.least();
        self.speed = 1;
    }

    /// Moves the window half way to the target within a window's worth of acks, as FAST TCP does.
    fn step(&mut self, arrived: Arrived) {
        let target = self.target();
        let is_up = target >= self.size;
        if !is_up {
            self.phase = Phase::Steady;
            self.speed = 1;
        }
        if !arrived.was_full {
            if !is_up {
                // RFC 7661 4.4: an unused window is not known to be good, and there is a queue.
                self.size = self.size.min((2 * self.peak.max(self.round.peak)).max(UNUSED_MIN));
            }
            return;
        }
        let share = |of_a_round: u64| of_a_round * arrived.bytes.min(self.size) / self.size;
        match self.phase {
            Phase::Starting(threshold) => {
                self.size += arrived.bytes;
                if self.size >= threshold {
                    self.phase = Phase::Steady;
                }
            }
            Phase::Steady if is_up => self.size += share(((target - self.size) / 2 * self.speed).min(self.size)),
            Phase::Steady => self.size -= share((self.size - target) / 2),
        }
        self.size = self.size.clamp(self.least(), MAX);
    }

    /// Returns what is in flight on the path alone at this rate, plus what we leave in the queue: w * baseRTT / RTT + alpha.
    fn target(&self) -> u64 {
        // In the laboratory a round trip may take no time.
        let standing = self.delays.standing().max(Duration::from_nanos(1));
        let path = standing.saturating_sub(self.delays.queue());
        // The peer delays an ack for this long (PROTOCOL 2.6): packets stay in flight that much longer.
        let delay = (standing / 4).min(PACKET_TIME);
        let of_the_path = u128::from(self.size) * (path + delay).as_nanos() / (standing + delay).as_nanos();
        let left = if self.is_lossy() {
            QUEUED_LOSSY * self.quantum
        } else {
            // Copa 2.2, competitive mode: beside a transfer that fills the queue, a flow that leaves little in it gets little.
            let rivals = self.delays.rivals();
            self.of(PACKET_TIME * (1 << rivals)).clamp(self.quantum, (QUEUED_MAX * self.quantum) << rivals)
        };
        u64::try_from(of_the_path).unwrap_or(MAX).saturating_add(left)
    }

    fn end_round(&mut self, now: Instant, next: u64) {
        let grew = self.size > self.from && self.delays.queue().is_zero();
        self.speed = if grew { (self.speed * 2).min(SPEED_MAX) } else { 1 };
        self.from = self.size;
        if let Some(before) = self.round.drains {
            self.delays.drained(now, before, self.packet_time());
            self.drained = self.size;
        }
        self.delays.end_round();
        if self.arrived + self.lost >= JUDGED {
            if self.lost > self.arrived {
                self.size = (self.size / 2).max(self.least());
                self.phase = Phase::Steady;
            }
            (self.arrived, self.lost) = (0, 0);
        }
        self.peak = self.round.peak;
        let is_due = self.round.was_full
            && self.phase == Phase::Steady
            && self.delays.is_drain_due(now, self.size * 2 < self.drained);
        let drains = is_due.then(|| self.delays.excess());
        self.round = Round { end: next, peak: 0, was_full: false, drains };
    }

    /// Returns the minimum window: two packets (RFC 9002 7.2).
    fn least(&self) -> u64 {
        MIN.max(2 * self.quantum)
    }

    /// Returns how long the path needs for a packet of [`DRAIN_PACKET`].
    fn packet_time(&self) -> Duration {
        let nanos = self.delays.standing().as_nanos() * u128::from(DRAIN_PACKET + HEADERS) / u128::from(self.size);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Returns the window; or half of the path's capacity while our part of the queue is being emptied.
    fn limit(&self) -> u64 {
        if self.round.drains.is_none() {
            return self.size;
        }
        (self.of(self.delays.path()) / 2).max(self.quantum)
    }

    /// Returns the pace: twice the window each round trip while it doubles, then once.
    fn pacing(&self) -> Pace {
        let rtt = self.delays.standing();
        match self.phase {
            Phase::Starting(_) => Pace { bytes: self.size * 2, rtt, burst: INITIAL },
            Phase::Steady => {
                let burst = self.of(PACKET_TIME).clamp(self.quantum, INITIAL);
                Pace { bytes: self.size, rtt, burst }
            }
        }
    }

    /// Returns what the path carries in `time`.
    fn of(&self, time: Duration) -> u64 {
        let bytes = u128::from(self.size) * time.as_nanos() / self.delays.standing().as_nanos().max(1);
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: u64 = PACKET_MAX + HEADERS;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// A path that carries `rate` bytes a millisecond behind an unlimited queue, and loses each `lost`th packet.
    struct Line {
        rate: u64,
        round_trip: u64,
        lost: u64,
    }

    /// Sends full packets for `millis`; returns the window, and the standing queue at each millisecond.
    fn run(line: &Line, millis: u64) -> (Congestion, Vec<u64>) {
        let mut window = Congestion::new(at(0), ms(line.round_trip));
        let mut under_way = std::collections::VecDeque::new();
        let (mut number, mut free, mut queues) = (0, 0, Vec::new());
        for now in 0..millis {
            while let Some(&(arrival, sent, number_of, was_full, is_lost)) = under_way.front() {
                if arrival > now {
                    break;
                }
                under_way.pop_front();
                if is_lost {
                    window.lost(PACKET_MAX);
                    continue;
                }
                let rtt = ms(arrival - sent);
                window.sampled(at(now), Sample { rtt, smoothed: rtt, was_alone: false });
                let arrived = Arrived { packets: 1, bytes: FULL, was_full };
                window.acked(at(now), arrived, number_of, number);
            }
            while window.is_open() && window.pace(at(now)) <= at(now) {
                window.sent(at(now), PACKET_MAX);
                let was_full = window.in_flight() * 2 >= window.size();
                free = now.max(free) + FULL / line.rate;
                let is_lost = line.lost > 0 && number % line.lost == line.lost - 1;
                under_way.push_back((free + line.round_trip, now, number, was_full, is_lost));
                number += 1;
            }
            queues.push(free.saturating_sub(now));
        }
        (window, queues)
    }

    fn median(mut numbers: Vec<u64>) -> u64 {
        numbers.sort_unstable();
        numbers[numbers.len() / 2]
    }

    #[test]
    fn ten_packets_at_first_and_twice_as_many_each_round_while_there_is_no_queue() {
        let mut window = Congestion::new(at(0), ms(100));
        let mut sent = 0;
        while window.is_open() {
            window.sent(at(0), PACKET_MAX);
            sent += 1;
        }
        assert_eq!(sent, 9, "with headers ten are more than 12,000 bytes");
        let rtt = ms(100);
        window.sampled(at(100), Sample { rtt, smoothed: rtt, was_alone: true });
        window.acked(at(100), Arrived { packets: 9, bytes: 9 * FULL, was_full: true }, 8, 9);
        assert_eq!(window.size(), INITIAL + 9 * FULL);
    }

    #[test]
    fn it_fills_a_path_and_keeps_a_few_packets_in_its_queue() {
        // 9.6 Mbit/s, 50 ms.
        let (window, queues) = run(&Line { rate: 1228, round_trip: 50, lost: 0 }, 20_000);
        assert!(window.size() >= 50 * 1228, "{}", window.size());
        let queue = median(queues[5_000..].to_vec());
        assert!((1..=10).contains(&queue), "{queue} ms");
    }

    #[test]
    fn a_third_lost_by_chance_does_not_make_it_smaller_and_more_than_half_does() {
        let (window, _) = run(&Line { rate: 1228, round_trip: 50, lost: 3 }, 10_000);
        assert!(window.size() >= 40 * 1228, "{}", window.size());
        assert!(window.is_lossy());
        let before = window.size();
        let mut window = window;
        for number in 0..u64::from(JUDGED) {
            window.lost(PACKET_MAX);
            window.acked(at(10_000), Arrived::default(), 1_000_000 + number, 1_000_001 + number);
        }
        assert!(window.size() <= before / 2);
    }

    #[test]
    fn a_slow_line_is_not_busy_for_long_with_one_packet_and_the_queue_is_short() {
        // 100 kbit/s, 80 ms: a full packet is 98 ms of it.
        let (window, queues) = run(&Line { rate: 12, round_trip: 80, lost: 0 }, 60_000);
        assert_eq!(window.packet() as u64, PACKET_MIN);
        let queue = median(queues[30_000..].to_vec());
        assert!(queue <= 3 * FULL / 12, "{queue} ms");
    }

    #[test]
    fn a_window_that_is_not_used_does_not_grow_and_shrinks_when_there_is_a_queue() {
        let mut window = Congestion::new(at(0), ms(80));
        let mut say = |rtt, now| {
            window.sent(at(now), 100);
            let rtt = ms(rtt);
            window.sampled(at(now), Sample { rtt, smoothed: rtt, was_alone: false });
            window.acked(at(now), Arrived { packets: 1, bytes: 100 + HEADERS, was_full: false }, now, now + 1);
            window.size()
        };
        (0..10).for_each(|number| assert_eq!(say(80, number), INITIAL));
        let mut size = INITIAL;
        (100..200).for_each(|number| size = say(150, number * 10));
        assert_eq!(size, UNUSED_MIN);
    }

    #[test]
    fn after_a_long_loss_it_begins_anew_and_doubles_to_half_of_what_it_was() {
        let (mut window, _) = run(&Line { rate: 1228, round_trip: 50, lost: 0 }, 10_000);
        let before = window.size();
        window.collapse();
        assert_eq!((window.size(), window.phase), (window.least(), Phase::Starting(before / 2)));
    }
}
