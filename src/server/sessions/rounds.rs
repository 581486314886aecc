//! When all sessions are sent new entries.
//!
//! Owns: when the last round began, and when the next one may.
//! Must not know: sessions; it decides when they have their turns.
//! Driven by: `sessions`, when the log grows and with each deadline.
//!
//! A round gives a packet to each session that has been sent everything. In a room of thousands, a round for each message would
//! take all of the server's time. There the next round begins only after a pause that leaves half of the time for other work;
//! messages that arrive meanwhile share the same packets, and draw one ack for all of them.

use std::time::Duration;

use crate::time::Instant;

/// Up to this many sessions, a round begins as soon as there is something to send. Chosen: it takes less than a millisecond.
const SMALL: usize = 256;

/// What each session adds to the time between two rounds. Chosen: some three times what its packet and the ack to it cost, so
/// that 1,000 members wait 8 ms at most and 10,000 wait 80 ms at most.
const EACH: Duration = Duration::from_micros(8);

/// See the module.
#[derive(Debug)]
pub(super) struct Rounds {
    /// The earliest time of the next round.
    next: Instant,
    /// Whether there is something to send in it.
    is_due: bool,
}

impl Rounds {
    /// Creates the state before the first round.
    pub(super) const fn new() -> Self {
        Self { next: Instant::ZERO, is_due: false }
    }

    /// Notes that there is something to send. Returns whether a round of `sessions` sessions begins now.
    pub(super) fn log_grew(&mut self, now: Instant, sessions: usize) -> bool {
        self.is_due = true;
        self.handle_timeout(now, sessions)
    }

    /// Returns when to call [`Rounds::handle_timeout`].
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.is_due.then_some(self.next)
    }

    /// Handles a deadline that may have passed. Returns whether a round begins now.
    pub(super) fn handle_timeout(&mut self, now: Instant, sessions: usize) -> bool {
        if !self.is_due || now < self.next {
            return false;
        }
        self.is_due = false;
        let pause = if sessions <= SMALL {
            Duration::ZERO
        } else {
            EACH.saturating_mul(sessions.try_into().unwrap_or(u32::MAX))
        };
        self.next = now + pause;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_room_is_told_at_once() {
        let mut rounds = Rounds::new();
        let now = Instant::from_millis(5);
        assert!(rounds.log_grew(now, SMALL) && rounds.log_grew(now, SMALL));
        assert_eq!(rounds.poll_timeout(), None);
    }

    #[test]
    fn a_crowd_is_told_of_the_first_message_at_once_and_of_those_that_follow_together() {
        let at = Instant::from_millis;
        let mut rounds = Rounds::new();
        assert!(rounds.log_grew(at(1000), 10_000));
        assert_eq!(rounds.poll_timeout(), None);
        assert!(!rounds.log_grew(at(1010), 10_000) && !rounds.log_grew(at(1040), 10_000));
        assert_eq!(rounds.poll_timeout(), Some(at(1080)));
        assert!(!rounds.handle_timeout(at(1079), 10_000) && rounds.handle_timeout(at(1080), 10_000));
        assert!(!rounds.handle_timeout(at(2000), 10_000), "there is nothing to be told");
        assert!(rounds.log_grew(at(2000), 10_000), "it was quiet for long enough");
    }
}
