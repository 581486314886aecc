//! Drafts of entries.
//!
//! Owns: [`Draft`], [`DraftId`], [`Rejection`].
//! Must not know: who wants them in the log, where a log is stored.
//! Driven by: the server (which submits drafts) and the backends (which append them).

use crate::wire::entry::{Entry, Tail};
use crate::wire::{PostId, Refusal, Timestamp, Who, text};

/// The id of a draft, until the backend has answered it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DraftId(pub u64);

/// Something that is to become one or more entries.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// Its id in the answer.
    pub id: DraftId,
    /// Its source: the drafts of one source keep their order, whatever happens to those of others.
    pub source: u64,
    /// The entry to store; a text line as a whole, before it is cut into entries.
    pub entry: Entry<'a>,
    /// How many bytes from the beginning of a text line are repeated at the beginning of each further part.
    pub prefix_len: usize,
    /// What is stored behind the time of the entry.
    pub tail: Option<Tail<'a>>,
    /// Its author and post, if it is one; stored with the entry, so that the post is never appended twice (PROTOCOL 2.8).
    pub post: Option<(Who, PostId)>,
    /// When it was requested. A backend appends it with this time, or with that of the newest entry if that is later.
    pub at: Timestamp,
}

impl Draft<'_> {
    /// Passes each of its entries to `each`, in order, and whether it is the last.
    pub fn for_each(&self, mut each: impl FnMut(&Entry<'_>, bool)) {
        let Entry::Line { text: line } = self.entry else { return each(&self.entry, true) };
        let parts = text::cut(line, &line[..self.prefix_len]);
        let prefix = parts.prefix();
        let mut whole = String::new();
        let mut parts = parts.peekable();
        while let Some(part) = parts.next() {
            let is_last = parts.peek().is_none();
            if prefix.is_empty() {
                each(&Entry::Line { text: part }, is_last);
                continue;
            }
            whole.clear();
            whole.extend([prefix, part]);
            each(&Entry::Line { text: &whole }, is_last);
        }
    }
}

/// Why a draft will never be in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The backend has no room for it.
    Full,
    /// The backend cannot write.
    Unwritable,
    /// The stored log is damaged.
    Damaged,
    /// The stored log is gone.
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
