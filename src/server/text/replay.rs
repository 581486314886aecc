//! What new text members are sent of what was said before.
//!
//! Owns: the last lines, as text members were sent them.
//! Must not know: who joins, whether anybody is to be sent them.
//! Driven by: `room`.

use std::collections::VecDeque;

use crate::server::outgoing::Outgoing;
use crate::server::text::members::Path;
use crate::wire::Seq;

/// The last lines.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    lines: VecDeque<(Seq, Box<str>)>,
}

impl Replay {
    /// One more was said; `most` are kept, and one that may be the newcomer's own.
    pub(crate) fn push(&mut self, seq: Seq, line: &str, most: usize) {
        if most == 0 {
            return;
        }
        while self.lines.len() > most {
            self.lines.pop_front();
        }
        self.lines.push_back((seq, line.into()));
    }

    /// The log has no older entries any more.
    pub(crate) fn forget_below(&mut self, oldest: Seq) {
        while self.lines.front().is_some_and(|&(seq, _)| seq < oldest) {
            self.lines.pop_front();
        }
    }

    /// Builds the datagrams of the last `most` for somebody whose own first entry is `before`.
    pub(crate) fn build(&self, before: Seq, most: usize, path: Path, outgoing: &mut Outgoing) {
        let count = self.lines.iter().filter(|&&(seq, _)| seq < before).count();
        for (_, line) in self.lines.iter().take(count).skip(count.saturating_sub(most)) {
            outgoing.push(|out| {
                out.extend_from_slice(line.as_bytes());
                Some(path)
            });
        }
    }
}
