//! Who has received what a member has said (PROTOCOL 2.21).
//!
//! Owns: the outstanding question, and until when its answer is good.
//! Must not know: packets, names.
//! Driven by: `member`.

use std::time::Duration;

use super::Member;
use super::questions::Asked;
use crate::client::event::Event;
use crate::time::Instant;
use crate::wire::frame::{Receipt, Watch, Watched};

/// How long after a question it is asked again although it was answered, so that the server goes on answering: less than the minute for
/// which it does.
const RENEW: Duration = Duration::from_secs(30);

impl Member {
    /// Asks who has received an entry of the user's; [`Event::Reached`] has the answer, each time that it changes. Ends an earlier
    /// question.
    pub fn watch(&mut self, now: Instant, watch: Watch) {
        self.now = self.now.max(now);
        self.questions.watch = Some(Asked::new(now, watch));
    }

    /// Returns which entry is asked about.
    pub fn watching(&self) -> Option<Watch> {
        self.questions.watch.as_ref().map(|asked| asked.what)
    }

    /// Takes an answer.
    pub(super) fn handle_received(&mut self, receipt: &Receipt<'_>) {
        let Receipt { seq, what, count, of, .. } = *receipt;
        let Some(asked) = self.questions.watch.as_mut().filter(|asked| asked.what.seq == seq) else { return };
        // One for an earlier question, about the same entry, may come late.
        if what != Watched::Nothing && what != asked.what.what {
            return;
        }
        if what == Watched::Nothing || count >= of {
            // Nothing will change any more.
            self.questions.watch = None;
        } else {
            asked.ask_again(self.questions.watched + RENEW);
        }
        let by = receipt.whos().collect();
        self.events.push_back(Event::Reached { seq, what, count: count.min(of), of, by });
    }

    /// Asks again in a new session.
    pub(super) fn watch_anew(&mut self) {
        if let Some(asked) = &mut self.questions.watch {
            asked.ask_again(self.now);
        }
    }
}
