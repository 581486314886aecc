//! When sessions are told who joined and who left.
//!
//! Owns: the number of the first entry that sessions must wait for, and when the next joins and leaves are due.
//! Must not know: sessions; it says when there is something for them.
//! Driven by: the server, with each entry and each deadline.
//!
//! In a small room each join and leave is announced at once. In a large one that would be members times members: there they
//! wait for the next message, a second at most, and several in a row are announced as a count (PROTOCOL 2.10). The log has all.

use std::time::Duration;

use crate::time::Instant;
use crate::wire::Seq;

/// How long joins and leaves wait in a large room. Chosen: nobody answers a join within a second, and a crowd that takes
/// fifteen seconds to come in costs each member fifteen packets.
const WAIT: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub(crate) struct Announcements {
    /// Sessions may be sent the entries below it.
    told: Seq,
    due: Option<Instant>,
}

impl Announcements {
    /// Starts with everything before `end` announced.
    pub(crate) const fn new(end: Seq) -> Self {
        Self { told: end, due: None }
    }

    /// Returns the number behind the last entry that sessions may be sent.
    pub(crate) const fn told(&self) -> Seq {
        self.told
    }

    /// Records that the log has one more entry and ends at `end` now. Returns whether sessions have to be notified.
    pub(crate) fn append(&mut self, now: Instant, end: Seq, waits: bool) -> bool {
        if waits {
            self.due.get_or_insert(now + WAIT);
            return false;
        }
        self.tell(end);
        true
    }

    /// Returns when to call [`Announcements::handle_timeout`].
    pub(crate) const fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// Checks the deadline. Returns whether sessions have to be notified.
    pub(crate) fn handle_timeout(&mut self, now: Instant, end: Seq) -> bool {
        let is_due = self.due.is_some_and(|due| due <= now);
        if is_due {
            self.tell(end);
        }
        is_due
    }

    const fn tell(&mut self, end: Seq) {
        self.told = end;
        self.due = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_wait_for_a_message_or_a_second_and_not_longer_for_those_that_follow() {
        let at = Instant::from_millis;
        let mut announcements = Announcements::new(Seq(5));
        assert!(!announcements.append(at(0), Seq(6), true));
        assert!(!announcements.append(at(900), Seq(7), true));
        assert_eq!((announcements.told(), announcements.poll_timeout()), (Seq(5), Some(at(1000))));
        assert!(!announcements.handle_timeout(at(999), Seq(7)) && announcements.handle_timeout(at(1000), Seq(7)));
        assert_eq!((announcements.told(), announcements.poll_timeout()), (Seq(7), None));
        assert!(!announcements.append(at(1100), Seq(8), true));
        assert!(announcements.append(at(1200), Seq(9), false), "a message takes them along");
        assert_eq!((announcements.told(), announcements.poll_timeout()), (Seq(9), None));
    }
}
