//! When everybody is told what is new.
//!
//! Owns: when the last round began, and when the next one may.
//! Must not know: sessions; it says when they are to have their turns.
//! Driven by: `sessions`, when the log grew and with each deadline.
//!
//! A round gives each session that has been sent everything a packet. One for each message would be all that a server does in
//! a room of thousands. There a round begins so long after the one before that half of the time is left for other work; what
//! is said meanwhile goes along in the same packets, and draws one ack for all of it.

use std::time::Duration;

use crate::time::Instant;

/// Sessions up to which there is a round as soon as there is something. Chosen: it takes less than a millisecond.
const SMALL: usize = 256;

/// What each session adds to the time between two rounds. Chosen: some three times what its packet and the ack to it take, so
/// that 1,000 members wait for 8 ms and 10,000 for 80 ms at most.
const EACH: Duration = Duration::from_micros(8);

/// See the module.
#[derive(Debug)]
pub(super) struct Rounds {
    /// The next one does not begin before.
    next: Instant,
    /// There is something to be told then.
    is_due: bool,
}

impl Rounds {
    /// There was no round yet.
    pub(super) const fn new() -> Self {
        Self { next: Instant::ZERO, is_due: false }
    }

    /// There is something to be told. True if a round of so many sessions begins now.
    pub(super) fn log_grew(&mut self, now: Instant, sessions: usize) -> bool {
        self.is_due = true;
        self.handle_timeout(now, sessions)
    }

    /// When [`Rounds::handle_timeout`] is to be called.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.is_due.then_some(self.next)
    }

    /// The deadline may have passed. True if a round begins now.
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
