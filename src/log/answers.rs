//! The outcomes that a backend has for the server, in order.
//!
//! Owns: the bytes of entries that are appended and not reported yet, one behind the other in memory that is reused; the
//! outcomes of the turn's drafts.
//! Must not know: how entries are appended.
//! Driven by: the backends.

use std::collections::VecDeque;
use std::ops::Range;

use super::draft::{Draft, DraftId, Rejection};
use super::page::Page;
use super::store::{Appended, Known, Opening, Outcome, RequestId, State};
use crate::wire::entry::{ENTRY_MAX, Entry};
use crate::wire::{PostId, Seq, Timestamp, Who};

/// An entry that was written.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) seq: Seq,
    pub(crate) at: Timestamp,
    pub(crate) post: Option<(Who, PostId)>,
    pub(crate) draft: Option<DraftId>,
    pub(crate) is_last: bool,
    /// Where its bytes are.
    bytes: Range<usize>,
}

#[derive(Debug)]
enum Told {
    Appended(Written),
    Rejected(DraftId, Rejection),
    Page(RequestId, Page),
    Known(RequestId, Seq, Known),
    Rewritten(Seq, Seq),
    Truncated(Seq),
    NewLog(Box<Opening>),
    State(State),
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    arena: Vec<u8>,
    /// The entries of this turn, which may not be appended yet.
    turn: Vec<Written>,
    /// Entries that are appended, and not to be reported yet.
    held: Vec<Written>,
    told: VecDeque<Told>,
}

impl Answers {
    /// Encodes a draft's entries for the turn, numbered from `next` on, and passes each to `keep`. Returns the number behind
    /// the last.
    ///
    /// # Errors
    /// The first error of `keep`.
    pub(crate) fn write<E>(
        &mut self,
        draft: &Draft<'_>,
        mut next: Seq,
        at: Timestamp,
        mut keep: impl FnMut(Seq, &Entry<'_>, &[u8]) -> Result<(), E>,
    ) -> Result<Seq, E> {
        self.reuse_arena();
        let (arena, turn) = (&mut self.arena, &mut self.turn);
        let mut kept = Ok(());
        draft.for_each(|entry, is_last| {
            let start = arena.len();
            arena.resize(start + ENTRY_MAX, 0);
            let len = match &draft.tail {
                Some(tail) => entry.encode_with_tail(at, tail, &mut arena[start..]),
                None => entry.encode(at, &mut arena[start..]),
            };
            let len = len.expect("an entry is as long as it may be");
            arena.truncate(start + len);
            let written =
                Written { seq: next, at, post: draft.post, draft: Some(draft.id), is_last, bytes: start..start + len };
            turn.push(written);
            if kept.is_ok() {
                kept = keep(next, entry, &arena[start..start + len]);
            }
            next = next + 1;
        });
        kept.map(|()| next)
    }

    fn reuse_arena(&mut self) {
        if self.told.is_empty() && self.turn.is_empty() && self.held.is_empty() {
            self.arena.clear();
        }
    }

    /// Adds a draft to a turn that has failed and will be rejected.
    pub(crate) fn write_nothing(&mut self, draft: DraftId) {
        let (seq, at) = (Seq(0), Timestamp(0));
        self.turn.push(Written { seq, at, post: None, draft: Some(draft), is_last: true, bytes: 0..0 });
    }

    /// Sets the entries of the turn aside: they are appended, and not to be reported yet.
    pub(crate) fn hold_turn(&mut self) {
        self.held.append(&mut self.turn);
    }

    /// Reports the entries that were set aside.
    pub(crate) fn release_held(&mut self) {
        self.told.extend(self.held.drain(..).map(Told::Appended));
    }

    /// Reports the entries of the turn as appended.
    pub(crate) fn append_turn(&mut self) {
        self.told.extend(self.turn.drain(..).map(Told::Appended));
    }

    /// Reports all drafts of the turn as rejected.
    pub(crate) fn reject_turn(&mut self, why: Rejection) {
        let mut last = None;
        for draft in self.turn.drain(..).filter_map(|written| written.draft) {
            if last.replace(draft) != Some(draft) {
                self.told.push_back(Told::Rejected(draft, why));
            }
        }
    }

    /// Reports an entry as appended whose bytes were kept elsewhere.
    pub(crate) fn push_appended(&mut self, written: &Appended<'_>) {
        self.reuse_arena();
        let start = self.arena.len();
        self.arena.extend_from_slice(written.bytes);
        let Appended { seq, at, post, draft, is_last, .. } = *written;
        self.told.push_back(Told::Appended(Written { seq, at, post, draft, is_last, bytes: start..self.arena.len() }));
    }

    pub(crate) fn push_rejected(&mut self, draft: DraftId, why: Rejection) {
        self.told.push_back(Told::Rejected(draft, why));
    }

    pub(crate) fn push_page(&mut self, id: RequestId, page: Page) {
        self.told.push_back(Told::Page(id, page));
    }

    pub(crate) fn push_known(&mut self, id: RequestId, as_of: Seq, known: Known) {
        self.told.push_back(Told::Known(id, as_of, known));
    }

    pub(crate) fn push_rewritten(&mut self, from: Seq, to: Seq) {
        self.told.push_back(Told::Rewritten(from, to));
    }

    pub(crate) fn push_truncated(&mut self, oldest: Seq) {
        self.told.push_back(Told::Truncated(oldest));
    }

    /// Reports another log, and forgets what was still to be reported of the one before.
    pub(crate) fn push_new_log(&mut self, opening: Opening) {
        self.turn.clear();
        self.held.clear();
        self.told.clear();
        self.told.push_back(Told::NewLog(Box::new(opening)));
    }

    pub(crate) fn push_state(&mut self, state: State) {
        self.told.push_back(Told::State(state));
    }

    /// Returns the next outcome.
    pub(crate) fn poll(&mut self) -> Option<Outcome<'_>> {
        Some(match self.told.pop_front()? {
            Told::Appended(Written { seq, at, post, draft, is_last, bytes }) => {
                Outcome::Appended(Appended { seq, at, bytes: &self.arena[bytes], post, draft, is_last })
            }
            Told::Rejected(draft, why) => Outcome::Rejected { draft, why },
            Told::Page(id, page) => Outcome::Page { id, page },
            Told::Known(id, as_of, known) => Outcome::Known { id, as_of, known },
            Told::Rewritten(from, to) => Outcome::Rewritten { from, to },
            Told::Truncated(oldest) => Outcome::Truncated { oldest },
            Told::NewLog(opening) => Outcome::NewLog(opening),
            Told::State(state) => Outcome::State(state),
        })
    }
}
