//! Who is who, and who may: a fold over the log.
//!
//! Owns: [`Policy`], the state of the fold; which nicks look alike (`names`), which key a nick belongs to (`claims`).
//! Must not know: sessions, sockets, where a log is stored; any clock, option or table of characters. It reads entries and nothing
//! else, so that a restart, another version and another server come to the same state.
//! Driven by: `server` and the backends of `log`, which apply each entry once it has a number; `cli` and `ui` use `names`.
//!
//! A backend keeps the state beside the entries: what [`Policy::changes`] returns is stored in the transaction of the entries
//! that changed it, and [`Policy::load`] reads it back. If the transaction fails, [`Policy::undo`] forgets the changes.

pub mod claims;
pub mod names;

use claims::Claims;
pub use claims::Held;
use names::Skeletons;

use crate::wire::entry::Entry;
use crate::wire::{Seq, Timestamp, Who};

/// The state of the fold; see the module.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    claims: Claims,
    /// The time of the newest entry.
    at: Timestamp,
}

impl Policy {
    /// Returns the state that was stored, with the number and the time of the newest entry in it. Ignores what cannot have been
    /// stored by [`Policy::changes`].
    pub fn load(claims: impl IntoIterator<Item = (Seq, Held)>, at: Timestamp) -> Self {
        Self { claims: Claims::load(claims), at }
    }

    /// Applies an entry, encoded with its time and whatever follows.
    pub fn apply(&mut self, seq: Seq, encoded: &[u8]) {
        let Some((entry, at, claim)) = Entry::decode_with_claim(encoded) else { return };
        self.at = self.at.max(at);
        self.claims.apply(seq, self.at, &entry, claim.as_ref());
    }

    /// Returns who holds nicks with one of these skeletons at a time, or at that of the newest entry if that is later: as many as
    /// there are skeletons.
    pub fn holders(&self, nick: &Skeletons, at: Timestamp) -> impl Iterator<Item = &Held> {
        self.claims.holders(nick, at.max(self.at))
    }

    /// Returns whether the key holds this very nick, so that it needs no claim to it.
    pub fn holds(&self, who: Who, nick: &str) -> bool {
        self.claims.holds(who, nick)
    }

    /// Returns whether another key than `key`, which holds a nick, has the same short name.
    pub fn has_other_key(&self, who: Who, key: &[u8; 32]) -> bool {
        self.claims.has_other_key(who, key)
    }

    /// Returns each claim that has changed since the last [`Policy::settle`], by the number of the entry that made it; `None` if
    /// there is none any more.
    pub fn changes(&self) -> impl Iterator<Item = (Seq, Option<&Held>)> {
        self.claims.changes()
    }

    /// Makes the changes final: they are stored, or need not be.
    pub fn settle(&mut self) {
        self.claims.settle();
    }

    /// Undoes the changes since the last [`Policy::settle`].
    pub fn undo(&mut self) {
        self.claims.undo();
    }

    /// Returns all claims, by the numbers of the entries that made them.
    pub fn held(&self) -> impl Iterator<Item = (Seq, &Held)> {
        self.claims.held()
    }

    /// Returns how many claims there are.
    pub fn len(&self) -> usize {
        self.claims.len()
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
