//! Where the log is kept.
//!
//! Owns: the backends ([`Memory`]) and the one contract they keep ([`Store`]).
//! Must not know: members, sockets, who reads the log.
//! Driven by: [`settle`], which the loop and the tests call once a turn.
//!
//! Commit before effect: the room shows nobody what the backend has not committed. A backend may answer at once
//! (memory), once a turn (a transaction for all the drafts of the turn) or later, and it gives the numbers.

mod memory;

pub use memory::Memory;

use crate::room::{Draft, DraftId, Event, Rejection, Room};
use crate::time::Instant;
use crate::wire::Seq;

/// What became of a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the log; its entries have the numbers from `first` on.
    Committed {
        /// Which draft.
        draft: DraftId,
        /// Its first entry.
        first: Seq,
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
}

/// Takes the room and its store through everything that can be settled now: drafts to the store, outcomes to the room,
/// accepted datagrams to `transcript`, as tag and text.
pub fn settle(now: Instant, room: &mut Room, store: &mut impl Store, mut transcript: impl FnMut(&str, &str)) {
    loop {
        while let Some(event) = room.poll_event() {
            match event {
                Event::Commit(draft) => store.append(&draft),
                Event::Accepted { tag, text } => transcript(tag, text),
            }
        }
        let mut settled = false;
        while let Some(outcome) = store.poll_outcome() {
            settled = true;
            match outcome {
                Outcome::Committed { draft, first } => room.committed(now, draft, first),
                Outcome::Rejected { draft, why } => room.rejected(now, draft, why),
            }
        }
        if !settled {
            return;
        }
    }
}
