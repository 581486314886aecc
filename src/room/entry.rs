//! The vocabulary of the log: numbers, entries and the drafts that become entries.
//!
//! Owns: [`Seq`], [`EntryKind`], [`Draft`], [`DraftId`], [`Rejection`].
//! Must not know: where a log is kept, who reads it.
//! Driven by: `room` (which asks for drafts to be committed) and `store` (which commits them).

pub use crate::wire::Seq;

/// What an entry tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum EntryKind {
    /// A line that somebody said.
    #[default]
    Said,
    /// Somebody signed up.
    Joined,
}

/// Names one draft while it is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DraftId {
    pub(super) slot: u32,
    pub(super) generation: u32,
}

/// What somebody wants in the log: one accepted datagram, not yet committed.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// Its name in the answer.
    pub id: DraftId,
    /// What its entries tell.
    pub kind: EntryKind,
    /// The line as the room will show it, before it is cut into entries.
    pub line: &'a str,
    /// How many entries it makes, with numbers that follow each other; at least 1.
    pub entries: u64,
}

/// Why a backend did not commit a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The backend has no room for it.
    Full,
}
