//! When an acknowledgement is due.
//!
//! Owns: what was received since the last ack, when the next one is due, and whether the newest has arrived (RFC 9000 13.2).
//! Must not know: which numbers were received; `received` reads those off its window.
//! Driven by: the session, with each packet received, sent or acknowledged.

use std::time::Duration;

use crate::time::Instant;

/// Ack-eliciting packets after which an ack is sent at once (RFC 9000 13.2.2).
const ACK_EVERY: u32 = 2;

/// The ack that is owed, and how urgently.
#[derive(Debug)]
pub(super) struct Acks {
    /// Ack-eliciting packets since the last ack.
    unacked: u32,
    due: Option<Instant>,
    is_due: bool,
    /// When the packet of the highest number came: an ack states how long ago that was.
    highest_at: Instant,
    /// The first ack-eliciting packet that carries the newest ack: once it or a later one has arrived, so has the ack.
    carrier: Option<u64>,
    has_arrived: bool,
}

impl Acks {
    pub(super) const fn new(now: Instant) -> Self {
        Self { unacked: 0, due: None, is_due: false, highest_at: now, carrier: None, has_arrived: true }
    }

    /// Records a packet whose number is higher than all before.
    pub(super) const fn highest_came(&mut self, now: Instant) {
        self.highest_at = now;
    }

    /// Records an ack-eliciting packet. Its ack is due at `due`, or at once if the packet left a hole or is the second.
    pub(super) fn elicited(&mut self, in_order: bool, due: Instant) {
        self.unacked += 1;
        self.carrier = None;
        self.has_arrived = false;
        self.is_due |= !in_order || self.unacked >= ACK_EVERY;
        self.due.get_or_insert(due);
    }

    /// Records that an ack goes out.
    pub(super) const fn sent(&mut self) {
        self.unacked = 0;
        self.due = None;
        self.is_due = false;
    }

    /// Records that the ack goes out in packet `number`, which is ack-eliciting itself.
    pub(super) fn carried_by(&mut self, number: u64) {
        self.carrier.get_or_insert(number);
    }

    /// Records that the other end has acknowledged packet `number`.
    pub(super) fn arrived(&mut self, number: u64) {
        self.has_arrived |= self.carrier.is_some_and(|carrier| number >= carrier);
    }

    /// Returns whether each outgoing packet carries an ack, because the other end is not known to have the newest.
    pub(super) const fn is_wanted(&self) -> bool {
        !self.has_arrived
    }

    /// Returns whether an ack is worth a packet of its own by now.
    pub(super) const fn is_due(&self) -> bool {
        self.is_due
    }

    /// Returns how long ago the packet of the highest number came, in microseconds.
    pub(super) fn delay_us(&self, now: Instant) -> u32 {
        let delay: Duration = now.saturating_since(self.highest_at);
        u32::try_from(delay.as_micros()).unwrap_or(u32::MAX)
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.due.is_some_and(|due| due <= now) {
            self.due = None;
            self.is_due = true;
        }
    }

    /// Returns when to call [`Acks::handle_timeout`].
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.due.filter(|_| !self.is_due)
    }
}
