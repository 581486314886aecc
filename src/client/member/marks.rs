//! How far the user has read, here and on other devices (PROTOCOL 2.22).
//!
//! Owns: that number, and whether the server is to be told.
//! Must not know: packets, what the user sees.
//! Driven by: `member`.

use super::Member;
use crate::client::event::Event;
use crate::time::Instant;
use crate::wire::Seq;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// The number before which everything was read, as far as this client knows.
    before: Option<Seq>,
    /// What the user has read here, and whether to tell the server.
    here: Option<Seq>,
    is_due: bool,
}

impl Marks {
    /// Returns what to tell the server now.
    pub(super) fn due(&self) -> Option<Seq> {
        self.here.filter(|_| self.is_due)
    }

    /// Records that the server is being told.
    pub(super) const fn told(&mut self) {
        self.is_due = false;
    }

    /// Has it told again: that was lost, or the session is a new one.
    pub(super) fn tell_again(&mut self) {
        self.is_due = self.here.is_some();
    }
}

impl Member {
    /// Notes that the user has read everything before this number. Numbers that are lower than an earlier one change nothing.
    pub fn read(&mut self, now: Instant, before: Seq) {
        self.now = self.now.max(now);
        if self.marks.before.is_none_or(|known| known < before) {
            self.marks.before = Some(before);
            self.marks.here = Some(before);
            self.marks.is_due = true;
        }
    }

    /// Takes what the server knows from elsewhere.
    pub(super) fn handle_read(&mut self, before: Seq) {
        if self.marks.before.is_none_or(|known| known < before) {
            self.marks.before = Some(before);
            self.events.push_back(Event::Read { before });
        }
    }
}
