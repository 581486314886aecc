//! Where the log is kept.
//!
//! Owns: the backends ([`Memory`], [`sqlite::Sqlite`]) and the one contract they keep ([`Store`]).
//! Must not know: members, sockets, who reads the log.
//! Driven by: [`settle`] and [`answer`], which the loop and the tests call once a turn.
//!
//! Commit before effect: the room shows nobody what the backend has not committed. A backend may answer at once
//! (memory), once a turn (a transaction for all the drafts of the turn) or later, and it gives the numbers.

use std::time::Duration;

use crate::log::{Beginning, Draft, DraftId, Known, Page, Rejection};
use crate::wire::entry::Entry;
use crate::wire::{Seq, Timestamp};

/// What became of a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the log; its entries have the numbers from `first` on.
    Committed {
        /// Which draft.
        draft: DraftId,
        /// Its first entry.
        first: Seq,
        /// When: not before the entries in front of it.
        at: Timestamp,
    },
    /// It is not, and will not be.
    Rejected {
        /// Which draft.
        draft: DraftId,
        /// Why.
        why: Rejection,
    },
}

/// A backend of the log.
pub trait Store {
    /// The number that the next entry gets.
    fn next(&self) -> Seq;

    /// Takes a draft in, to be committed with the others of this turn.
    fn append(&mut self, draft: &Draft<'_>);

    /// Called when the turn's drafts are all appended, and then until there is none: the next outcome that is known,
    /// committed ones in the order of their numbers.
    fn poll_outcome(&mut self) -> Option<Outcome>;

    /// The oldest entry that can be read back; `None` if none ever can.
    fn oldest(&self) -> Option<Seq> {
        None
    }

    /// Reads entries into a page, from its end up to `to`: each that is there, and why the others are not. Called only of
    /// backends that say what their oldest entry is.
    fn read(&mut self, page: &mut Page, to: Seq) {
        let _ = (page, to);
    }

    /// Says what the log has of somebody who begins a session.
    fn look_up(&mut self, beginning: &Beginning) -> Known {
        let _ = beginning;
        Known::default()
    }

    /// Does some of what is to be done beside: forgetting what is too old, mending what broke. Takes a millisecond or two.
    /// Returns how soon there is more to do, if there is, and if nothing else happens.
    fn maintain(&mut self, now: Timestamp) -> Option<Duration> {
        let _ = now;
        None
    }

    /// Whether somebody else has changed the log since the last call.
    fn was_changed(&mut self) -> bool {
        false
    }

    /// Hands over the last `count` entries that there are, in order.
    fn last(&mut self, count: usize, each: &mut dyn FnMut(Seq, &Entry<'_>)) {
        let _ = (count, each);
    }
}
