//! The packets under way: which are acknowledged, which are lost (RFC 9002 6).
//!
//! Owns: what is remembered of each packet sent that draws an ack.
//! Must not know: what the cargo means; it is handed back when its packet is lost.
//! Driven by: the session.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Instant;
use crate::wire::frame::Ack;
use crate::work::{self, Work};

/// RFC 9002 6.1.1: later packets acknowledged before an earlier one is lost.
const PACKET_THRESHOLD: u64 = 3;

/// Space for packets that is kept when none is under way. Chosen: what a lively chat uses.
pub(super) const KEPT: usize = 16;

/// A packet that draws an ack.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent<C> {
    pub(super) number: u64,
    pub(super) at: Instant,
    pub(super) bytes: u16,
    /// The window was full when it was sent.
    pub(super) was_full: bool,
    /// Nothing else was under way.
    pub(super) was_alone: bool,
    /// What went out in it for the first time has been handed back already.
    copied: bool,
    /// All of its cargo has been.
    probed: bool,
    cargo: C,
}

/// Cargo that is to be sent once more, unless the other end is known to have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again<C> {
    /// Much is lost on this path: what went out for the first time in the packet goes twice. The packet is still under way.
    Copy(C),
    /// The packet is lost, and nothing of it was handed back before.
    All(C),
    /// The packet is lost, and what went out for the first time in it was handed back as a copy.
    Rest(C),
}

/// What an ack says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Acked {
    /// When the highest number that it acknowledges for the first time was sent, and whether that is the highest at all.
    pub(super) newest: Option<(u64, Instant, bool)>,
}

impl<C: Copy> Sent<C> {
    const fn again(&self) -> Again<C> {
        if self.copied { Again::Rest(self.cargo) } else { Again::All(self.cargo) }
    }
}

/// The packets under way, oldest first.
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
    /// Whether nothing is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    /// How many packets are.
    pub(super) fn len(&self) -> usize {
        self.sent.len()
    }

    /// The number of the oldest of them.
    pub(super) fn first(&self) -> Option<u64> {
        self.sent.front().map(|sent| sent.number)
    }

    /// A packet goes out; numbers rise.
    pub(super) fn push(&mut self, number: u64, at: Instant, bytes: u16, was_full: bool, cargo: C) {
        let was_alone = self.sent.is_empty();
        self.sent.push_back(Sent { number, at, bytes, was_full, was_alone, copied: false, probed: false, cargo });
    }

    /// Takes out what `ack` acknowledges.
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

    /// Takes out what is lost by now (RFC 9002 6.1): `each` is told the packet, and its cargo if that was not handed back
    /// before.
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

    /// When the next packet will be lost by its time, if it is not acknowledged.
    pub(super) fn loss_time(&self, delay: Duration) -> Option<Instant> {
        let largest = self.largest_acked?;
        self.sent.front().filter(|sent| sent.number < largest).map(|sent| sent.at + delay)
    }

    /// When the oldest packet was sent whose cargo has not been handed back.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.sent.iter().find(|sent| !sent.probed).map(|sent| sent.at)
    }

    /// Hands back the cargo of the oldest packets, `max` at most, that were sent `timeout` ago or earlier, for it to be sent
    /// once more; the packets stay under way.
    pub(super) fn probe(&mut self, now: Instant, timeout: Duration, max: usize, mut each: impl FnMut(Again<C>)) {
        for sent in self.sent.iter_mut().filter(|sent| !sent.probed && sent.at + timeout <= now).take(max) {
            sent.probed = true;
            each(sent.again());
        }
    }

    /// When the oldest packet was sent that [`SentPackets::copy`] is for.
    pub(super) fn uncopied(&self) -> Option<Instant> {
        self.sent.iter().find(|sent| !sent.probed && !sent.copied).map(|sent| sent.at)
    }

    /// Hands back the cargo of those sent `after` ago or earlier, once, for what is new in it to be sent a second time; the
    /// packets stay under way.
    pub(super) fn copy(&mut self, now: Instant, after: Duration, mut each: impl FnMut(Again<C>)) {
        work::did(Work::Scanned, self.sent.len());
        for sent in self.sent.iter_mut().filter(|sent| !sent.probed && !sent.copied && sent.at + after <= now) {
            sent.copied = true;
            each(Again::Copy(sent.cargo));
        }
    }

    /// Forgets everything under way, and hands its cargo back.
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
