//! The log in memory only: nothing outlives the server.
//!
//! Owns: the numbers. The entries themselves are in the room's window.
//! Must not know: what the entries say.
//! Driven by: [`crate::log::store::settle`].

use std::collections::VecDeque;

use crate::log::store::{Outcome, Store};
use crate::log::{Draft, DraftId};
use crate::wire::{Seq, Timestamp};

/// Commits everything at once.
#[derive(Debug, Default)]
pub struct Memory {
    next: Seq,
    answered: VecDeque<(DraftId, Seq)>,
    newest: Timestamp,
}

impl Store for Memory {
    fn next(&self) -> Seq {
        self.next
    }

    fn append(&mut self, draft: &Draft<'_>) {
        self.newest = self.newest.max(draft.at);
        self.answered.push_back((draft.id, self.next));
        self.next = self.next + draft.entries;
    }

    fn poll_outcome(&mut self) -> Option<Outcome> {
        let at = self.newest;
        self.answered.pop_front().map(|(draft, first)| Outcome::Committed { draft, first, at })
    }
}
