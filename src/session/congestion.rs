//! How much may be under way, how long packets are, and how fast they go out.
//!
//! Owns: the congestion window, which leaves a few packets in the queue on the way and takes no loss for a queue; the length of
//! a packet, so that a slow path is not busy with one for long; which part is lost.
//! Must not know: what the packets carry.
//! Driven by: the session. Its parts: `delays`, `pacer`.
//!
//! ```text
//!  starting --a queue--> steady: half way to  window * path / standing + what is left in the queue,  each round
//!     ^ twice a round      |
//!     +--persistent loss---+     more than half is lost: half the window
//! ```
//!
//! The window is FAST TCP's (Wei, Jin, Low and Hegde, IEEE/ACM Transactions on Networking 14(6), 2006), which rests where
//! Copa does (Arun and Balakrishnan, NSDI 2018: a rate of 1 / (delta * queue)) without swinging about it: with windows of
//! three packets Copa's swing is the queue. docs/ARCHITECTURE.md says what was measured, and why neither NewReno, nor BBR,
//! nor LEDBAT.

use std::time::Duration;

use super::delays::Delays;
use super::pacer::{Pace, Pacer};
use crate::time::Instant;
use crate::wire::packet::DATAGRAM_MAX;

/// The most packets under way (PROTOCOL 2.9). Chosen: 48 Mbit/s over 50 ms; what is remembered of each is little.
pub const PACKETS_MAX: usize = 256;

/// What IPv4 and UDP add to a packet: a slow line carries it as well.
pub(super) const HEADERS: u64 = 28;

/// The longest packet, as all below in bytes.
const PACKET_MAX: u64 = DATAGRAM_MAX as u64;

/// What every path has to take at once. Chosen: head, tag, ack and headers are a sixth of it; on a line of 50 kbit, shorter ones
/// made chat slower, for they were more.
const PACKET_MIN: u64 = 450;

/// For how long a path is to be busy with one packet, and with our part of its queue. Chosen: nobody notices.
const PACKET_TIME: Duration = Duration::from_millis(25);

/// RFC 9002 7.2: ten packets, as many as fit 14,720 bytes.
const INITIAL: u64 = 10 * PACKET_MAX;

/// The least window, if that is two packets (RFC 9002 7.2): of the shortest that we make on a slow path.
const MIN: u64 = 2 * PACKET_MIN;

const MAX: u64 = PACKETS_MAX as u64 * (PACKET_MAX + HEADERS);

/// The most packets that we leave in the queue (Copa 2: two), where [`PACKET_TIME`] is as long. Chosen: with two, ten
/// replays that share a path fill less of it.
const QUEUED_MAX: u64 = 4;

/// The same where much is lost. Chosen: there it is chance that makes packets late rather than our queue, and repair
/// wants to send.
const QUEUED_LOSSY: u64 = 8;

/// A window that is not used shrinks to no less than so many of the shortest packets when there is a queue.
const UNUSED_MIN: u64 = 4 * PACKET_MIN;

/// The most by which growth is faster than FAST TCP's while there is no queue.
const SPEED_MAX: u64 = PACKETS_MAX as u64;

/// The mean length of a packet is over so many, and is taken for no less than this.
const MEAN: u64 = 8;
const QUANTUM_MIN: u64 = 100;

/// In the rounds in which our part of the queue is taken out of it, packets are this long: a long one is late by its length.
const DRAIN_PACKET: u64 = 250;

/// Packets of which it is known whether they are lost, before the part that is halves the window. Chosen: with a third lost by
/// chance, more than half of so many is not.
const JUDGED: u32 = 100;

/// All of the packets.
const LOSS_ONE: u32 = 1 << 16;

/// The part that is lost is a mean over so many packets. Chosen.
const LOSS_MEAN: u32 = 32;

/// Where more is lost, everything goes twice. Chosen: at a tenth, repair alone costs less.
const LOSSY: u32 = LOSS_ONE / 5;

const _: () = assert!(MIN < INITIAL && INITIAL < MAX);

/// What an ack says about packets that were under way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Arrived {
    /// How many packets.
    pub(super) packets: u32,
    /// How many bytes, with [`HEADERS`].
    pub(super) bytes: u64,
    /// One was sent when the window held sending back (RFC 9002 7.8).
    pub(super) was_full: bool,
}

/// A round trip that was measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// Without what the ack was put off.
    pub(super) rtt: Duration,
    /// The mean of all.
    pub(super) smoothed: Duration,
    /// The packet was sent when nothing else was under way.
    pub(super) was_alone: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Twice as much each round, until there is a queue or the window has this size.
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
    /// By how much growth is faster, and the window when the round began.
    speed: u64,
    from: u64,
    round: Round,
    /// The most under way in the round before.
    peak: u64,
    /// The window when our part was last taken out of the queue.
    drained: u64,
    /// Packets since the part that is lost was last judged.
    arrived: u32,
    lost: u32,
    /// Which part of the packets is lost, of [`LOSS_ONE`].
    loss: u32,
    pacer: Pacer,
}

/// What happened since the round began.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    /// It ends when this number is acknowledged.
    end: u64,
    /// The most under way.
    peak: u64,
    was_full: bool,
    /// It is for finding out how long the way is without what we have in its queue; with that, it was so much longer than the path.
    drains: Option<Duration>,
}

impl Congestion {
    /// A window at its beginning, on a path whose round trip is assumed to take so long.
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

    /// How many bytes may be under way.
    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// How many bytes are.
    pub(super) const fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// How long a datagram is to be at most, if what it carries can be divided.
    pub(super) fn packet(&self) -> usize {
        let longest =
            if self.round.drains.is_some() { DRAIN_PACKET } else { self.of(PACKET_TIME).clamp(PACKET_MIN, PACKET_MAX) };
        usize::try_from(longest).unwrap_or(DATAGRAM_MAX)
    }

    /// Whether another packet may be under way.
    pub(super) fn is_open(&self) -> bool {
        self.in_flight == 0 || self.in_flight + self.quantum <= self.limit()
    }

    /// Whether so much is lost that it is better to say everything twice.
    pub(super) const fn is_lossy(&self) -> bool {
        self.loss > LOSSY
    }

    /// When the pacer lets the next packet out; `now` if at once.
    pub(super) fn pace(&self, now: Instant) -> Instant {
        self.pacer.next(now, self.quantum, self.pacing())
    }

    /// A datagram of `bytes` goes out.
    pub(super) fn sent(&mut self, now: Instant, bytes: u64) {
        let bytes = bytes + HEADERS;
        self.in_flight += bytes;
        self.quantum = ((self.quantum * (MEAN - 1) + bytes) / MEAN).max(QUANTUM_MIN);
        self.round.peak = self.round.peak.max(self.in_flight);
        self.pacer.sent(now, bytes, self.pacing());
    }

    /// A round trip was measured.
    pub(super) fn sampled(&mut self, now: Instant, sample: Sample) {
        self.delays.sampled(now, sample.rtt, sample.smoothed);
        if sample.was_alone {
            self.delays.was_alone(now, self.packet_time());
        }
    }

    /// Packets have arrived, the newest of number `newest`; `next` is the next one to be sent.
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

    /// A datagram of `bytes` is lost.
    pub(super) const fn lost(&mut self, bytes: u64) {
        self.in_flight = self.in_flight.saturating_sub(bytes + HEADERS);
        self.lost = self.lost.saturating_add(1);
        self.loss += (LOSS_ONE - self.loss) / LOSS_MEAN;
    }

    /// What was under way is not waited for any more.
    pub(super) const fn abandoned(&mut self) {
        self.in_flight = 0;
    }

    /// For a long time all was lost (RFC 9002 7.6.2): the window is as small as it gets, and slow start ends at half of what
    /// it was (RFC 5681 3.1).
    pub(super) fn collapse(&mut self) {
        self.phase = Phase::Starting((self.size / 2).max(self.least()));
        self.size = self.least();
        self.speed = 1;
    }

    /// FAST TCP: half way to the target in a window's worth of acks.
    fn step(&mut self, arrived: Arrived) {
        let target = self.target();
        let is_up = target >= self.size;
        if !is_up {
            self.phase = Phase::Steady;
            self.speed = 1;
        }
        if !arrived.was_full {
            if !is_up {
                // RFC 7661 4.4: what is not used is not known to be good, and there is a queue.
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

    /// What is under way on the path alone at this rate, and what is left in the queue: w * baseRTT / RTT + alpha.
    fn target(&self) -> u64 {
        // In a laboratory no time may pass.
        let standing = self.delays.standing().max(Duration::from_nanos(1));
        let path = standing.saturating_sub(self.delays.queue());
        // An ack is put off for as long as this (PROTOCOL 2.6): that much longer something is under way.
        let delay = (standing / 4).min(PACKET_TIME);
        let of_the_path = u128::from(self.size) * (path + delay).as_nanos() / (standing + delay).as_nanos();
        let left = if self.is_lossy() {
            QUEUED_LOSSY * self.quantum
        } else {
            // Copa 2.2, the competitive mode: who shares the path with a transfer that fills its queue gets little with a short one.
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

    /// RFC 9002 7.2: two packets.
    fn least(&self) -> u64 {
        MIN.max(2 * self.quantum)
    }

    /// What a packet of [`DRAIN_PACKET`] takes of the path.
    fn packet_time(&self) -> Duration {
        let nanos = self.delays.standing().as_nanos() * u128::from(DRAIN_PACKET + HEADERS) / u128::from(self.size);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// The window; or half of what the path takes, so that nothing of ours is in the queue.
    fn limit(&self) -> u64 {
        if self.round.drains.is_none() {
            return self.size;
        }
        (self.of(self.delays.path()) / 2).max(self.quantum)
    }

    /// Twice the window a round trip while it doubles, then as much as the path takes.
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

    /// What the path takes in this time.
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

    /// A path that takes so many bytes a millisecond, behind a queue without end; it loses each `lost`th packet.
    struct Line {
        rate: u64,
        round_trip: u64,
        lost: u64,
    }

    /// Sends full packets for so long; returns the window, and the standing queue as often as it was looked at.
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
