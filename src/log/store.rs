//! The contract between the server and what keeps the log.
//!
//! Owns: [`Store`], what it is asked ([`Request`]) and what it answers ([`Outcome`]).
//! Must not know: how a backend does it, what the server does with the answers.
//! Driven by: the server's driver, once a turn.
//!
//! Append before effect: the room shows nobody what is not appended, and changes on nothing else. A backend may answer at once
//! (memory), once a turn (SQLite: one transaction for the turn's drafts) or whenever it can, with entries in between that came
//! another way. It gives the numbers, each the last one's plus one.
//!
//! | called | when |
//! |---|---|
//! | [`Store::open`] | once, first |
//! | [`Store::submit`], then [`Store::flush`] | the turn's drafts, as long as the backend takes some |
//! | [`Store::request`] | what is to be read |
//! | [`Store::poll`] | until there is nothing, and again when the waker was called |
//! | [`Store::maintain`] | when the turn is over |
//!
//! A backend that answers by itself is given a [`Waker`] when it is made; one that answers when it is asked needs none.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::draft::{Draft, DraftId, Rejection};
use super::page::Page;
use crate::wire::{Instance, LogId, Nick, PostId, Seq, Timestamp, Who};

/// How a log stands when a server begins with it.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    /// Which log it is.
    pub id: LogId,
    /// The number that the next entry gets.
    pub next: Seq,
    /// The oldest entry that can be read back; `None`: none ever can, and what there is must be remembered by the server.
    pub oldest: Option<Seq>,
    /// The keys that are present by the log, and their nicks.
    pub present: Vec<(Who, Nick)>,
}

/// Names a request until it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct RequestId(pub u64);

/// What is to be read; answered once, in any order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// The entries from this one on, up to and without the other: [`super::PAGE`] at the most.
    Page {
        /// Its name in the answer.
        id: RequestId,
        /// The first entry.
        from: Seq,
        /// The number behind the last.
        to: Seq,
    },
    /// What the log has of somebody who begins a session.
    Known {
        /// Its name in the answer.
        id: RequestId,
        /// Whose posts.
        who: Who,
        /// And of which running client.
        instance: Instance,
        /// Where its history begins, if that is to be known too.
        start: Option<Start>,
    },
}

/// How far back a history goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// So many messages, or all if there are not so many.
    Messages(u64),
    /// The first entry that was appended then or later.
    Since(Timestamp),
}

/// What the log has of somebody who begins a session.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Known {
    /// Where its history begins; `None` if that was not asked or cannot be told: then with what comes from now on.
    pub start: Option<Seq>,
    /// Its newest posts in the order of their counters, [`crate::wire::limits::POSTS_MAX`] at the most, and which entries they
    /// are.
    pub posts: Vec<(u64, Seq)>,
    /// No older posts of it have been forgotten.
    pub is_all: bool,
}

/// What the log now has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended<'a> {
    /// The entry's number: the last one's plus one.
    pub seq: Seq,
    /// When it was appended: not before the entries in front of it.
    pub at: Timestamp,
    /// The entry with its time, encoded; lent until the next [`Store::poll`].
    pub bytes: &'a [u8],
    /// Whose post it is and which, if it is one; of posts too that were made another way than through this server.
    pub post: Option<(Who, PostId)>,
    /// Which draft it is of, if it was one of ours.
    pub draft: Option<DraftId>,
    /// It is the last entry of its draft.
    pub is_last: bool,
}

/// Whether drafts are taken at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum State {
    /// They are.
    #[default]
    Ready,
    /// They are rejected, and why; each turn it is tried again.
    Failing(Rejection),
    /// There is nobody to take them: none are to be submitted until that changes. What was submitted before, or crossed this, is
    /// answered when there is somebody again.
    Away,
}

/// What a backend has to tell.
#[derive(Debug)]
pub enum Outcome<'a> {
    /// The log has one entry more.
    Appended(Appended<'a>),
    /// The draft will never be in the log. That it takes long is no rejection.
    Rejected {
        /// Which draft.
        draft: DraftId,
        /// Why.
        why: Rejection,
    },
    /// What [`Request::Page`] asked for, in no order with the rest: each entry that is there, and why the others are not.
    Page {
        /// Which request.
        id: RequestId,
        /// The page.
        page: Page,
    },
    /// What [`Request::Known`] asked for, in its place among the appended: it holds of the log as far as `as_of`.
    Known {
        /// Which request.
        id: RequestId,
        /// The number behind the last entry that it takes into account.
        as_of: Seq,
        /// The answer.
        known: Known,
    },
    /// Entries from the first number up to the second are not what they were (`history --forget`): they are to be read again.
    Rewritten {
        /// The first.
        from: Seq,
        /// The number behind the last.
        to: Seq,
    },
    /// Entries below are gone.
    Truncated {
        /// The oldest that there is.
        oldest: Seq,
    },
    /// It is another log from now on. Drafts and requests that were not answered will not be.
    NewLog(Opening),
    /// Drafts are taken, or not, from now on.
    State(State),
}

/// Called, from any thread, when [`Store::poll`] has something again.
#[derive(Clone)]
pub struct Waker(Arc<dyn Fn() + Send + Sync>);

impl Waker {
    /// What is to be done then.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(wake))
    }

    /// There is something.
    pub fn wake(&self) {
        (self.0)();
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waker")
    }
}

/// A backend of the log; see the module.
pub trait Store {
    /// How the log stands.
    fn open(&mut self) -> Opening;

    /// Takes a draft in, to be appended with the others of this turn. The drafts of one source keep their order.
    fn submit(&mut self, draft: &Draft<'_>);

    /// The turn's drafts are all submitted.
    fn flush(&mut self);

    /// Takes a request in.
    fn request(&mut self, request: &Request);

    /// The next thing that it has to tell, if there is any.
    fn poll(&mut self) -> Option<Outcome<'_>>;

    /// Does some of what is to be done beside: forgetting what is too old, mending what broke. Takes a millisecond or two.
    /// Returns how soon there is more to do, if there is, and if nothing else happens.
    fn maintain(&mut self, now: Timestamp) -> Option<Duration> {
        let _ = now;
        None
    }
}
