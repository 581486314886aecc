//! The contract between the server and the backend that stores the log.
//!
//! Owns: [`Store`], the requests to it ([`Request`]) and the outcomes from it ([`Outcome`]).
//! Must not know: how a backend works, what the server does with the outcomes.
//! Driven by: the server's driver, once a turn.
//!
//! Append before effect: the room shows only appended entries, and only they change it. A backend may answer at once (memory),
//! once a turn (SQLite: one transaction for the turn's drafts) or whenever it can, with entries of other origin in between. It
//! assigns the numbers, each the last one's plus one.
//!
//! | called | when |
//! |---|---|
//! | [`Store::open`] | once, first |
//! | [`Store::submit`], then [`Store::flush`] | for the turn's drafts, as long as the backend takes some |
//! | [`Store::request`] | for whatever is to be read |
//! | [`Store::poll`] | until there is nothing, and again when the waker was called |
//! | [`Store::maintain`] | when the turn is over |
//!
//! A backend that answers on its own gets a [`Waker`] when it is created; one that answers when it is called needs none.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::draft::{Draft, DraftId, Rejection};
use super::page::Page;
use crate::policy::Policy;
use crate::wire::{Instance, LogId, Nick, PostId, Seq, Timestamp, Who};

/// The state of a log when a server begins with it.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    /// The log's id.
    pub id: LogId,
    /// The number that the next entry gets.
    pub next: Seq,
    /// The oldest entry that can be read back; `None` if none ever can, and the server has to remember what there is.
    pub oldest: Option<Seq>,
    /// The keys that are present according to the log, and their nicks.
    pub present: Vec<(Who, Nick)>,
    /// What a fold over its entries comes to.
    pub policy: Policy,
    /// How far the users of keys have read: before which number.
    pub reads: Vec<(Who, Seq)>,
}

/// The id of a request, until it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct RequestId(pub u64);

/// Something to be read; each request is answered once, in any order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// The entries from this one up to, but without, the other: [`super::PAGE`] at the most.
    Page {
        /// Its id in the answer.
        id: RequestId,
        /// The first entry.
        from: Seq,
        /// The number behind the last.
        to: Seq,
    },
    /// What the log has of an author that begins a session.
    Known {
        /// Its id in the answer.
        id: RequestId,
        /// The author's key.
        who: Who,
        /// The author's running client.
        instance: Instance,
        /// How far back its history goes, if the beginning of that is to be found too.
        start: Option<Start>,
    },
}

/// How far back a history goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// This many messages, or all if there are fewer.
    Messages(u64),
    /// Back to the first entry that was appended then or later.
    Since(Timestamp),
}

/// What the log has of an author that begins a session.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Known {
    /// Where its history begins; `None` if that was not asked or cannot be found: then with the entries that come from now on.
    pub start: Option<Seq>,
    /// Its newest posts in the order of their counters, [`crate::wire::limits::POSTS_MAX`] at the most, and the numbers of
    /// their entries.
    pub posts: Vec<(u64, Seq)>,
    /// Whether no older posts of it have been forgotten.
    pub is_all: bool,
}

/// An entry that the log now has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended<'a> {
    /// The entry's number: the previous one's plus one.
    pub seq: Seq,
    /// When it was appended: never earlier than the entry before it.
    pub at: Timestamp,
    /// The entry with its time, encoded; lent until the next [`Store::poll`].
    pub bytes: &'a [u8],
    /// Its author and post, if it is one; also for posts that did not come through this server.
    pub post: Option<(Who, PostId)>,
    /// The draft that it comes from, if that was one of ours.
    pub draft: Option<DraftId>,
    /// Whether it is the last entry of its draft.
    pub is_last: bool,
}

/// Whether the backend takes drafts at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum State {
    /// It takes them.
    #[default]
    Ready,
    /// It rejects them, for this reason; it tries again each turn.
    Failing(Rejection),
    /// Nobody is there to take them: none may be submitted until that changes. Drafts that were submitted before, or that
    /// crossed this report, are answered when somebody is there again.
    Away,
}

/// Something that a backend reports.
#[derive(Debug)]
pub enum Outcome<'a> {
    /// The log has one more entry.
    Appended(Appended<'a>),
    /// The draft will never be in the log. A delay, however long, is no rejection.
    Rejected {
        /// Which draft.
        draft: DraftId,
        /// Why.
        why: Rejection,
    },
    /// The answer to [`Request::Page`], in no order with the rest: each entry that is there, and why the others are not.
    Page {
        /// Which request.
        id: RequestId,
        /// The page.
        page: Page,
    },
    /// The answer to [`Request::Known`], in order with the appended entries: it holds for the log up to `as_of`.
    Known {
        /// Which request.
        id: RequestId,
        /// The number behind the last entry that it takes into account.
        as_of: Seq,
        /// The answer.
        known: Known,
    },
    /// Entries from the first number up to the second have changed (`history --forget`): they have to be read again.
    Rewritten {
        /// The first.
        from: Seq,
        /// The number behind the last.
        to: Seq,
    },
    /// Entries below `oldest` are gone.
    Truncated {
        /// The oldest entry that there is.
        oldest: Seq,
    },
    /// It is another log from now on. Drafts and requests that were not answered never will be.
    NewLog(Box<Opening>),
    /// From now on the backend takes drafts, or no longer does.
    State(State),
}

/// A function that a backend calls, from any thread, when [`Store::poll`] has something again.
#[derive(Clone)]
pub struct Waker(Arc<dyn Fn() + Send + Sync>);

impl Waker {
    /// Creates a waker that calls `wake`.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(wake))
    }

    /// Reports that there is something.
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
    /// Returns the state of the log.
    fn open(&mut self) -> Opening;

    /// Accepts a draft, to be appended with the others of this turn. The drafts of one source keep their order.
    fn submit(&mut self, draft: &Draft<'_>);

    /// Ends the turn: all its drafts are submitted.
    fn flush(&mut self);

    /// Stores how far the users of keys have read, beside the log: before which number, or nothing any more. Returns false if that is
    /// not possible now. A backend that stores nothing takes it all.
    fn note_reads(&mut self, reads: &[(Who, Option<Seq>)]) -> bool {
        let _ = reads;
        true
    }

    /// Accepts a request.
    fn request(&mut self, request: &Request);

    /// Returns the next outcome, if there is one.
    fn poll(&mut self) -> Option<Outcome<'_>>;

    /// Does some of the background work: deletes what is too old, repairs what broke. Takes a millisecond or two. Returns how
    /// soon there is more to do, if there is and nothing else happens first.
    fn maintain(&mut self, now: Timestamp) -> Option<Duration> {
        let _ = now;
        None
    }
}
