//! What a client has said and not heard the outcome of, from one run to the next (PROTOCOL 2.13).
//!
//! Owns: [`Outbox`], [`Stored`] and [`Waiting`], which a client begins with and which its driver stores.
//! Must not know: where they are stored.
//! Driven by: whoever creates a client; `member`, with each post.
//!
//! A post is stored before it is first sent. So whatever ends a client, the next run goes on as the same instance, with the next counter:
//! it hears what became of the posts that it finds here, and no line is sent under a number that was used.

use super::Label;
use crate::session::PublicKey;
use crate::wire::frame::PostKind;
use crate::wire::{LogId, Nick};

/// Most posts that are stored and have no outcome: those that may be under way, those that wait, and the pieces of one line more, however
/// many its control characters make of it.
pub const STORED_MAX: usize = 1024;

/// What earlier runs of an instance have left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outbox {
    /// The log in which the posts may be; `None` if no server has named one.
    pub log: Option<LogId>,
    /// The counter of the next post.
    pub next: u64,
    /// The posts that have no outcome, in the order of their counters, each lower than `next`; at most [`STORED_MAX`].
    pub posts: Vec<Stored>,
    /// The number of the next private message to each recipient (PROTOCOL 2.19).
    pub numbers: Vec<(PublicKey, u32)>,
}

/// A line that waits for a session, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// What it is to become.
    pub kind: PostKind,
    /// What it says.
    pub text: String,
    /// Whom it is for, if it is private: a name, and whether it is an action.
    pub to: Option<(String, bool)>,
    /// What its user calls it.
    pub label: Label,
}

/// A post as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its counter.
    pub counter: u64,
    /// What it is to become.
    pub kind: PostKind,
    /// What it says.
    pub text: String,
    /// Whom it is for, if it is private: the key, the nick, and whether it is an action.
    pub to: Option<(PublicKey, Nick, bool)>,
    /// What its user calls it.
    pub label: Label,
}
