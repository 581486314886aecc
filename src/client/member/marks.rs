//! How far the user has read, here and on other devices (PROTOCOL 2.22), and how far the log goes (2.23).
//!
//! Owns: these numbers, and whether the server is to be told of the first.
//! Must not know: packets, what the user sees.
//! Driven by: `member`.

use super::Member;
use super::questions::Asked;
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
    /// Where the log ends, as far as the server has said.
    pub(super) end: Seq,
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
    /// Returns how many of the entries that the log is known to have have not come yet.
    pub fn behind(&self) -> u64 {
        self.marks.end.since(self.view.place().map_or(self.marks.end, |(_, next)| next))
    }

    /// Gives up the entries that the client is behind, but for that many of the newest: a gap comes in their place. Returns the number before
    /// which they are given up.
    pub fn skip(&mut self, now: Instant, keep: u64) -> Seq {
        self.now = self.now.max(now);
        let before = Seq(self.marks.end.0.saturating_sub(keep));
        if self.view.place().is_some_and(|(_, next)| next < before) {
            self.questions.skip = Some(Asked::new(now, before));
        }
        before
    }

    /// Takes the server's word where the log ends.
    pub(super) fn handle_end(&mut self, end: Seq) {
        self.marks.end = self.marks.end.max(end);
        self.events.push_back(Event::Behind { count: self.behind() });
    }

    /// Stops asking for a gap that has come.
    pub(super) fn finish_skipping(&mut self) {
        let next = self.view.place().map(|(_, next)| next);
        self.questions.skip.take_if(|asked| next.is_some_and(|next| asked.what <= next));
    }

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
