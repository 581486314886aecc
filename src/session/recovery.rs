//! Loss recovery: what follows from acks, and from their absence.
//!
//! Owns: which packets are lost, what is sent once more and when (RFC 9002 6, 7.6).
//! Must not know: what the cargo means.
//! Driven by: the session, with each ack and each deadline.

use std::time::Duration;

use super::congestion::{self, Arrived, Sample};
use super::{Broken, PACKETS_MAX, Session, received, sent_packets};
use crate::time::Instant;
use crate::wire::frame::Ack;

/// Packets sent on a probe timeout (RFC 9002 6.2.4).
const PROBES: usize = 2;

/// Probe timeouts in which everything must be lost for congestion to be persistent (RFC 9002 7.6.1).
const PERSISTENT: u32 = 3;

/// Divides the round trip: a copy is sent that long after the original. Chosen: by then a burst of loss is over, and the reader
/// has not waited long.
const COPY_DIVISOR: u32 = 8;

/// Least number of packets lost in persistent congestion, for a session that sends little. Chosen: what three timeouts send.
const PERSISTENT_PACKETS: usize = 3 * PROBES;

/// Consecutive probe timeouts after which the packets in flight are forgotten. Chosen: loss by chance has had its chances.
const SILENT: u32 = 3;

impl<P: Copy + PartialEq, C: Copy + Default> Session<P, C> {
    pub(super) fn acked(&mut self, now: Instant, ack: &Ack) -> Result<(), Broken> {
        if ack.largest >= self.next_number {
            return Err(Broken);
        }
        let mut arrived = Arrived::default();
        let mut oldest = u64::MAX;
        let mut was_alone = false;
        let acked = self.sent_packets.acked(ack, |sent| {
            arrived.packets += 1;
            arrived.bytes += u64::from(sent.bytes) + congestion::HEADERS;
            arrived.was_full |= sent.was_full;
            was_alone = sent.was_alone;
            oldest = oldest.min(sent.number);
        });
        if let Some((number, at, is_largest)) = acked.newest {
            self.acks.arrived(number);
            if is_largest {
                // RFC 9002 5.1: only the largest number makes a sample, and only when it is newly acknowledged.
                let sample = now.saturating_since(at);
                let delay = Duration::from_micros(ack.delay_us.into());
                self.rtt.update(sample, delay);
                let (rtt, smoothed) = (sample.saturating_sub(delay), self.rtt.smoothed());
                self.congestion.sampled(now, Sample { rtt, smoothed, was_alone });
            }
            self.congestion.acked(now, arrived, number, self.next_number);
            self.backoff = 0;
            self.probes = 0;
            self.probed = Instant::ZERO;
        }
        self.detect_lost(now, acked.newest.map(|_| oldest));
        Ok(())
    }

    /// Finds lost packets. `came` is the lowest number newly acknowledged by an ack that has just come, if one has.
    pub(super) fn detect_lost(&mut self, now: Instant, came: Option<u64>) {
        let (congestion, lost) = (&mut self.congestion, &mut self.lost);
        let since = self.progressed;
        // Send times of the first and the last packet lost between two that arrived.
        let mut between: Option<(Instant, Instant)> = None;
        let mut count = 0;
        self.sent_packets.lost(now, self.rtt.loss_delay(), |sent, cargo| {
            congestion.lost(sent.bytes.into());
            lost.extend(cargo);
            if came.is_some_and(|came| sent.number < came) && since.is_some_and(|since| sent.at >= since) {
                count += 1;
                between = Some((between.map_or(sent.at, |(first, _)| first), sent.at));
            }
        });
        if came.is_some() {
            self.progressed = Some(now);
        }
        // RFC 9002 7.6.2: everything sent over three probe timeouts is lost. Timeouts alone do not prove that (7.6.1).
        if count >= PERSISTENT_PACKETS
            && between
                .is_some_and(|(first, last)| last.saturating_since(first) > self.rtt.probe_timeout(0) * PERSISTENT)
        {
            self.congestion.collapse();
        }
    }

    /// Returns whether another packet may be in flight: an ack beside it can still describe the oldest one (PROTOCOL 2.6).
    pub(super) fn is_within_reach(&self) -> bool {
        self.sent_packets.len() < PACKETS_MAX
            && self.sent_packets.first().is_none_or(|first| self.next_number - first < received::ACK_REACH)
    }

    /// Returns how long after the first time a lossy path is sent everything a second time (PROTOCOL 2.9).
    pub(super) fn copies_after(&self) -> Option<Duration> {
        self.congestion.is_lossy().then(|| self.rtt.smoothed() / COPY_DIVISOR)
    }

    /// Returns the probe deadline of RFC 9002 6.2.1, but counted from the oldest packet (PROTOCOL 2.9).
    pub(super) fn probe_time(&self) -> Option<Instant> {
        let since = self.sent_packets.oldest().or_else(|| (!self.sent_packets.is_empty()).then_some(self.spoke))?;
        Some(since.max(self.probed) + self.rtt.probe_timeout(self.backoff))
    }

    pub(super) fn probe(&mut self, now: Instant) {
        let timeout = self.rtt.probe_timeout(self.backoff);
        let lost = &mut self.lost;
        let mut probes = 0;
        self.sent_packets.probe(now, timeout, PROBES, |cargo| {
            lost.push(cargo);
            probes += 1;
        });
        self.probes = probes.max(1);
        self.spoke = now;
        self.probed = now;
        self.backoff += 1;
        if self.backoff >= SILENT && self.sent_packets.len() > sent_packets::KEPT - PROBES {
            // This can go on for any length of time, and must not take more and more memory.
            let lost = &mut self.lost;
            self.sent_packets.abandon(|cargo| lost.push(cargo));
            self.congestion.abandoned();
        }
    }
}
