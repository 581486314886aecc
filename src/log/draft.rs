//! The vocabulary of the log: the drafts that become entries.
//!
//! Owns: [`EntryKind`], [`Draft`], [`DraftId`], [`Rejection`].
//! Must not know: where a log is kept, who reads it.
//! Driven by: `room` (which asks for drafts to be committed) and `store` (which commits them).

use crate::wire::entry::Entry;
use crate::wire::{CloseReason, PostId, Refusal, Timestamp, Who, text};

/// What a draft tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum EntryKind {
    /// A text peer's line.
    #[default]
    Line,
    /// A text peer signed up.
    Signup,
    /// A member said something.
    Said,
    /// A member is present.
    Joined,
    /// It is not any more.
    Left(CloseReason),
    /// A member did something.
    Did,
    /// A member calls itself by another nick.
    Renamed,
}

/// Names one draft while it is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DraftId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// What somebody wants in the log, not yet committed.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// Its name in the answer.
    pub id: DraftId,
    /// Whose it is: the drafts of one source keep their order, whatever happens to those of others.
    pub source: u32,
    /// What is to be kept, for a text line before it is cut into entries.
    pub entry: Entry<'a>,
    /// Whose post it was, if it was one.
    pub who: Who,
    /// The post that it was, to be kept with the entry: it is never committed twice (PROTOCOL 2.8).
    pub post: Option<PostId>,
    /// The line as text peers will be sent it, before it is cut into entries.
    pub line: &'a str,
    /// How much of the line each further part begins with again, in bytes.
    pub(crate) prefix_len: usize,
    /// How many entries it makes, with numbers that follow each other; at least 1.
    pub entries: u64,
    /// When it was asked for. A backend commits it with this time, or with that of the newest entry if that is later.
    pub at: Timestamp,
}

impl Draft<'_> {
    /// Hands over each of its entries, in order.
    pub fn for_each(&self, mut each: impl FnMut(&Entry<'_>)) {
        if self.entries == 1 {
            return each(&self.entry);
        }
        let parts = text::cut(self.line, &self.line[..self.prefix_len]);
        let prefix = parts.prefix();
        let mut whole = String::new();
        for part in parts {
            whole.clear();
            whole.extend([prefix, part]);
            each(&Entry::Line { text: &whole });
        }
    }
}

/// Why a backend did not commit a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The backend has no room for it.
    Full,
    /// The backend cannot write.
    Unwritable,
    /// What the backend wrote is damaged.
    Damaged,
    /// What the backend wrote is gone.
    Gone,
}

impl From<Rejection> for Refusal {
    fn from(why: Rejection) -> Self {
        match why {
            Rejection::Full => Self::Full,
            Rejection::Unwritable => Self::Unwritable,
            Rejection::Damaged => Self::Damaged,
            Rejection::Gone => Self::Gone,
        }
    }
}
