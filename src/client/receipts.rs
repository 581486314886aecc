//! Who has received the user's messages, and how far the user has read.
//!
//! Owns: nothing; both are the member's.
//! Must not know: how it is asked.
//! Driven by: `client`.

use super::{Client, State};
use crate::time::Instant;
use crate::wire::Seq;
use crate::wire::frame::{Watch, Watched};

impl Client {
    /// Asks who has received an entry of the user's, in a session; [`super::Event::Reached`] has the answer, each time that it changes.
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

    /// Returns whether an answer may change yet.
    pub fn is_watching(&self) -> bool {
        matches!(&self.state, State::Session(member) if member.watching().is_some())
    }
}
