//! What a log keeps, and what it deletes.
//!
//! Owns: [`Keep`], and which entries have become too old by it.
//! Must not know: what entries say.
//! Driven by: `sqlite`, between two turns.

use std::time::Duration;

use super::Sqlite;
use super::query::{self, Rising};
use crate::wire::{Seq, Timestamp};

/// Entries deleted at once. Chosen: this takes about a millisecond, and a busy turn adds as many.
const PRUNED: u64 = 128;

/// Which entries are deleted, and when.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keep {
    /// Entries older than this.
    pub age: Option<Duration>,
    /// All but this many of the newest entries, at least 1.
    pub entries: Option<u64>,
}

impl Sqlite {
    /// Deletes some of the entries that are too old.
    pub(super) fn prune(&mut self) -> rusqlite::Result<()> {
        let Some(connection) = &self.connection else { return Ok(()) };
        let to = self.prune_to.min(self.oldest + PRUNED);
        connection.prepare_cached("DELETE FROM entries WHERE seq < ?1")?.execute([query::number(to.0)])?;
        self.touched(to.since(self.oldest));
        self.oldest = to;
        self.answers.push_truncated(to);
        Ok(())
    }

    /// Determines which entries have become too old.
    pub(super) fn look(&mut self, now: Timestamp) -> rusqlite::Result<()> {
        let Some(connection) = &self.connection else { return Ok(()) };
        // The newest stays, because the numbers go on from it.
        let newest = Seq(self.end.next.0.saturating_sub(1));
        let by_number = self.keep.entries.map_or(Seq(0), |entries| Seq(self.end.next.0.saturating_sub(entries.max(1))));
        let by_age = match self.keep.age {
            Some(age) => {
                let since = query::number(now.before(age).0);
                query::first_with(connection, (self.oldest, self.end.next), Rising::At, since)?.unwrap_or(newest)
            }
            None => Seq(0),
        };
        self.prune_to = by_number.max(by_age).min(newest);
        Ok(())
    }
}
