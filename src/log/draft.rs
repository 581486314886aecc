//! What is to become entries.
//!
//! Owns: [`Draft`], [`DraftId`], [`Rejection`].
//! Must not know: who wants it in the log, where a log is kept.
//! Driven by: the server (which submits drafts) and the backends (which append them).

use crate::wire::entry::Entry;
use crate::wire::{PostId, Refusal, Timestamp, Who, text};

/// Names one draft until the backend has answered for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DraftId(pub u64);

/// What somebody wants in the log, not yet appended.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// Its name in the answer.
    pub id: DraftId,
    /// Whose it is: the drafts of one source keep their order, whatever happens to those of others.
    pub source: u64,
    /// What is to be kept; a text line as a whole, before it is cut into entries.
    pub entry: Entry<'a>,
    /// How much of a text line each further part begins with again, in bytes.
    pub prefix_len: usize,
    /// Whose post it is and which, if it is one, to be kept with the entry: it is never appended twice (PROTOCOL 2.8).
    pub post: Option<(Who, PostId)>,
    /// When it was asked for. A backend appends it with this time, or with that of the newest entry if that is later.
    pub at: Timestamp,
}

impl Draft<'_> {
    /// Hands over each of its entries in order, and whether it is the last.
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
