//! The packets in flight: which are acknowledged, which are lost (RFC 9002 6).
//!
//! Owns: the record of each ack-eliciting packet.
//! Must not know: what the cargo means; it hands the cargo back when its packet is lost.
//! Driven by: the session.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Instant;
use crate::wire::frame::Ack;
use crate::work::{self, Work};

/// How far below the highest acknowledged number a packet counts as lost (RFC 9002 6.1.1).
const PACKET_THRESHOLD: u64 = 3;

/// Space for records that is kept when nothing is in flight. Chosen: what a lively chat uses.
pub(super) const KEPT: usize = 16;

/// An ack-eliciting packet in flight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent<C> {
    pub(super) number: u64,
    pub(super) at: Instant,
    pub(super) bytes: u16,
    /// Whether at least half of the window was in use when it was sent.
    pub(super) was_full: bool,
    /// Whether nothing else was in flight when it was sent.
    pub(super) was_alone: bool,
    /// Whether the cargo that it carried for the first time has been handed back as a copy.
    copied: bool,
    /// Whether all of its cargo has been handed back by a probe timeout.
    probed: bool,
    cargo: C,
}

/// Cargo to send once more, unless the other end is known to have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again<C> {
    /// Cargo of a packet still in flight on a lossy path: send a second time the part that it carried for the first time.
    Copy(C),
    /// Cargo of a packet that is lost or whose probe timeout has passed, none of it handed back before.
    All(C),
    /// The same, but the cargo that the packet carried for the first time was handed back as a copy.
    Rest(C),
}

/// The result of processing an ack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Acked {
    /// Number and time of sending of the highest newly acknowledged packet, and whether it is the largest that the ack names.
    pub(super) newest: Option<(u64, Instant, bool)>,
}

impl<C: Copy> Sent<C> {
    const fn again(&self) -> Again<C> {
        if self.copied { Again::Rest(self.cargo) } else { Again::All(self.cargo) }
    }
}

/// The packets in flight, oldest first.
#[derive(Clone, Debug)]
pub(super) struct SentPackets<C> {
    sent: VecDeque<Sent<C>>,
    largest_acked: Option<u64>,
}

impl<C> Default for SentPackets<C> {
    fn default() -> Self {
        Self { sent: VecDeque::new(), largest_acked: None }
    }
}

impl<C: Copy> SentPackets<C> {
    /// Returns whether nothing is in flight.
    pub(super) fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    /// Returns how many packets are in flight.
    pub(super) fn len(&self) -> usize {
        self.sent.len()
    }

    /// Returns the number of the oldest packet in flight.
    pub(super) fn first(&self) -> Option<u64> {
        self.sent.front().map(|sent| sent.number)
    }

    /// Records a packet that goes out. Numbers must rise.
    pub(super) fn push(&mut self, number: u64, at: Instant, bytes: u16, was_full: bool, cargo: C) {
        let was_alone = self.sent.is_empty();
        self.sent.push_back(Sent { number, at, bytes, was_full, was_alone, copied: false, probed: false, cargo });
    }

    /// Removes the packets that `ack` acknowledges, and calls `each` for them.
    pub(super) fn acked(&mut self, ack: &Ack, mut each: impl FnMut(&Sent<C>)) -> Acked {
        let mut newest = None;
        work::did(Work::Scanned, self.sent.len() * (1 + ack.ranges.len()));
        self.sent.retain(|sent| {
            let arrived = ack.received().any(|(low, high)| (low..=high).contains(&sent.number));
            if arrived {
                newest = Some((sent.number, sent.at, sent.number == ack.largest));
                each(sent);
            }
            !arrived
        });
        self.largest_acked = self.largest_acked.max(Some(ack.largest));
        if self.sent.is_empty() && self.sent.capacity() > KEPT {
            self.sent.shrink_to(KEPT);
        }
        Acked { newest }
    }

    /// Removes the packets that are lost by now (RFC 9002 6.1). Calls `each` with the packet, and with its cargo unless a probe
    /// timeout has handed that back.
    pub(super) fn lost(&mut self, now: Instant, delay: Duration, mut each: impl FnMut(&Sent<C>, Option<Again<C>>)) {
        let Some(largest) = self.largest_acked else { return };
        work::did(Work::Scanned, self.sent.len());
        self.sent.retain(|sent| {
            let lost = sent.number < largest && (largest - sent.number >= PACKET_THRESHOLD || sent.at + delay <= now);
            if lost {
                each(sent, (!sent.probed).then(|| sent.again()));
            }
            !lost
        });
    }

    /// Returns when the oldest packet will count as lost by time, if it is not acknowledged.
    pub(super) fn loss_time(&self, delay: Duration) -> Option<Instant> {
        let largest = self.largest_acked?;
        self.sent.front().filter(|sent| sent.number < largest).map(|sent| sent.at + delay)
    }

    /// Returns when the oldest packet whose cargo no probe timeout has handed back was sent.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.sent.iter().find(|sent| !sent.probed).map(|sent| sent.at)
    }

    /// Hands back the cargo of the oldest packets, at most `max`, that were sent `timeout` ago or earlier, so that it is sent
    /// once more. The packets stay in flight.
    pub(super) fn probe(&mut self, now: Instant, timeout: Duration, max: usize, mut each: impl FnMut(Again<C>)) {
        for sent in self.sent.iter_mut().filter(|sent| !sent.probed && sent.at + timeout <= now).take(max) {
            sent.probed = true;
            each(sent.again());
        }
    }

    /// Returns when the oldest packet that [`SentPackets::copy`] has yet to hand back was sent.
    pub(super) fn uncopied(&self) -> Option<Instant> {
        self.sent.iter().find(|sent| !sent.probed && !sent.copied).map(|sent| sent.at)
    }

    /// Hands back, once, the cargo of packets sent `after` ago or earlier, so that what is new in it is sent a second time. The
    /// packets stay in flight.
    pub(super) fn copy(&mut self, now: Instant, after: Duration, mut each: impl FnMut(Again<C>)) {
        work::did(Work::Scanned, self.sent.len());
        for sent in self.sent.iter_mut().filter(|sent| !sent.probed && !sent.copied && sent.at + after <= now) {
            sent.copied = true;
            each(Again::Copy(sent.cargo));
        }
    }

    /// Forgets all packets in flight, and hands back the cargo that no probe timeout has handed back.
    pub(super) fn abandon(&mut self, mut each: impl FnMut(Again<C>)) {
        self.sent.drain(..).filter(|sent| !sent.probed).for_each(|sent| each(sent.again()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn ack(largest: u64, run: u64) -> Ack {
        Ack { largest, delay_us: 0, run, ranges: [].into_iter().collect() }
    }

    fn flight(packets: u64) -> SentPackets<u64> {
        let mut flight = SentPackets::default();
        (0..packets).for_each(|number| flight.push(number, at(number), 100, false, number * 10));
        flight
    }

    fn lost(flight: &mut SentPackets<u64>, now: Instant) -> Vec<Option<Again<u64>>> {
        let mut lost = Vec::new();
        flight.lost(now, Duration::from_millis(50), |_, cargo| lost.push(cargo));
        lost
    }

    #[test]
    fn three_later_ones_make_a_packet_lost_and_two_do_not() {
        let mut flight = flight(5);
        assert_eq!(flight.acked(&ack(2, 0), |_| ()).newest, Some((2, at(2), true)));
        assert_eq!(lost(&mut flight, at(10)), []);
        flight.acked(&ack(3, 0), |_| ());
        assert_eq!(lost(&mut flight, at(10)), [Some(Again::All(0))]);
        assert_eq!(flight.len(), 2);
    }

    #[test]
    fn one_later_one_and_time_make_it_lost() {
        let mut flight = flight(3);
        assert_eq!(flight.loss_time(Duration::from_millis(50)), None, "nothing later has arrived");
        flight.acked(&ack(1, 0), |_| ());
        assert_eq!(flight.loss_time(Duration::from_millis(50)), Some(at(50)));
        assert_eq!(lost(&mut flight, at(49)), []);
        assert_eq!(lost(&mut flight, at(50)), [Some(Again::All(0))]);
        assert_eq!(lost(&mut flight, at(5000)), [], "the last one is the probe timeout's");
    }

    #[test]
    fn a_probe_hands_cargo_back_once_and_the_packet_may_still_arrive() {
        let mut flight = flight(4);
        let mut cargo = Vec::new();
        flight.probe(at(52), Duration::from_millis(50), 2, |handed| cargo.push(handed));
        assert_eq!(cargo, [Again::All(0), Again::All(10)]);
        assert_eq!(flight.oldest(), Some(at(2)));
        flight.acked(&ack(3, 1), |_| ());
        assert_eq!(lost(&mut flight, at(1000)), [None, None], "their cargo is under way again");
        assert!(flight.is_empty());
    }

    #[test]
    fn a_copy_is_asked_for_once_and_what_was_no_copy_is_still_lost_with_its_packet() {
        let mut flight = flight(4);
        let after = Duration::from_millis(10);
        let mut copies = Vec::new();
        flight.copy(at(11), after, |again| copies.push(again));
        flight.copy(at(12), after, |again| copies.push(again));
        assert_eq!(copies, [Again::Copy(0), Again::Copy(10), Again::Copy(20)]);
        assert_eq!(flight.uncopied(), Some(at(3)));
        flight.acked(&ack(3, 0), |_| ());
        assert_eq!(lost(&mut flight, at(12)), [Some(Again::Rest(0))]);
    }
}
