//! What the room asks of the log's backend beside commits.
//!
//! Owns: the questions, [`Request`], and what is known when they are answered, [`Known`].
//! Must not know: how a backend finds out.
//! Driven by: `sessions` (which asks) and `store` (which answers).

use crate::wire::{Instance, Seq, SessionId, Timestamp, Who};

/// What is to be read; to be answered with [`crate::server::Room::answer_page`] or [`crate::server::Room::answer_beginning`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// The entries from this one on, up to and without the other: [`crate::server::PAGE`] at the most.
    Page(Seq, Seq),
    /// Somebody begins a session.
    Beginning(Beginning),
}

/// What is to be known of somebody who begins a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// Which session.
    pub session: SessionId,
    /// Whose posts.
    pub who: Who,
    /// And of which running client.
    pub instance: Instance,
    /// Where its history begins, if that is to be known too.
    pub start: Option<Start>,
}

/// How far back a history goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// So many messages, or all if there are not so many.
    Messages(u64),
    /// The first entry that was committed then or later.
    Since(Timestamp),
}

/// What the log says of somebody who begins a session.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Known {
    /// Where its history begins; `None` if that was not asked or cannot be told: then with what comes from now on.
    pub start: Option<Seq>,
    /// Its newest posts in the order of their counters, [`crate::server::POSTS_MAX`] at the most, and which entries they are.
    pub posts: Vec<(u64, Seq)>,
    /// No older posts of it have been forgotten.
    pub is_all: bool,
}
