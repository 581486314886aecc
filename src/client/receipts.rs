//! Who has received the user's messages, how far the user has read, and how far behind the user is.
//!
//! Owns: nothing; both are the member's.
//! Must not know: how it is asked.
//! Driven by: `client`.

use super::{Client, Event, State};
use crate::time::Instant;
use crate::wire::Seq;
use crate::wire::frame::{GapReason, Watch, Watched};

impl Client {
    /// Asks who has received an entry of the user's, in a session; [`Event::Reached`] has the answer, each time that it changes.
    /// Ends an earlier question.
    pub fn watch(&mut self, now: Instant, seq: Seq, what: Watched) {
        self.pass_time(now);
        if let State::Session(member) = &mut self.state {
            member.watch(now, Watch { seq, what });
        }
    }

    /// Notes that the user has read everything before this number: the user's other devices are told. In a session only.
    pub fn read(&mut self, now: Instant, before: Seq) {
        self.pass_time(now);
        if let State::Session(member) = &mut self.state {
            member.read(now, before);
        }
    }

    /// Returns how many entries the user has not been given, of those that the log is known to have.
    pub fn behind(&self) -> u64 {
        let waiting = self.entries.iter().filter(|event| event.end().is_some()).count() as u64;
        if let State::Session(member) = &self.state { member.behind() + waiting } else { 0 }
    }

    /// Skips everything that the user has not been given, but for that many of the newest entries: gaps come in its place.
    pub fn skip(&mut self, now: Instant, keep: u64) {
        self.pass_time(now);
        let State::Session(member) = &mut self.state else { return };
        let before = member.skip(now, keep);
        for event in std::mem::take(&mut self.entries) {
            let Some(end) = event.end().filter(|end| *end <= before) else {
                self.entries.push_back(event);
                continue;
            };
            let first = event.first().unwrap_or(end);
            match self.entries.back_mut() {
                Some(Event::Gap { first: before, count, why: GapReason::Skipped }) => {
                    // Its place is kept by the gap.
                    *count = end.since(*before);
                    member.taken();
                }
                Some(_) | None => {
                    let (count, why) = (end.since(first), GapReason::Skipped);
                    self.entries.push_back(Event::Gap { first, count, why });
                }
            }
        }
    }

    /// Returns whether an answer may change yet.
    pub fn is_watching(&self) -> bool {
        matches!(&self.state, State::Session(member) if member.watching().is_some())
    }
}
