//! How far the users of keys have read, in the file of the log.
//!
//! Owns: the table of that; its changes are transactions of their own.
//! Must not know: sessions, when it is stored.
//! Driven by: `sqlite` and `rescue`.

use rusqlite::{Connection, params};

use super::Sqlite;
use super::query::{number, signed};
use crate::wire::{Seq, Who};

impl Sqlite {
    /// Stores these; false if the file does not take them now.
    pub(super) fn store_reads(&self, reads: &[(Who, Option<Seq>)]) -> bool {
        // While the file is failing or being mended, and in the middle of a turn, nothing else is written to it.
        let is_free = self.failing.is_none() && self.turn.is_none() && self.rescue.is_none() && !self.awaits_disk;
        let Some(connection) = self.connection.as_ref().filter(|_| is_free) else { return false };
        let stored = connection.unchecked_transaction().and_then(|transaction| {
            store(&transaction, reads)?;
            transaction.commit()
        });
        if let Err(err) = &stored {
            log::debug!("storing how far members have read: {err}");
        }
        stored.is_ok()
    }
}

/// Stores these.
pub(super) fn store(connection: &Connection, reads: &[(Who, Option<Seq>)]) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached("INSERT OR REPLACE INTO reads (who, next) VALUES (?1, ?2)")?;
    let mut delete = connection.prepare_cached("DELETE FROM reads WHERE who = ?1")?;
    for &(who, next) in reads {
        match next {
            Some(Seq(next)) => insert.execute(params![signed(who.0), number(next)])?,
            None => delete.execute([signed(who.0)])?,
        };
    }
    Ok(())
}

/// Returns what is stored.
pub(super) fn load(connection: &Connection) -> rusqlite::Result<Vec<(Who, Seq)>> {
    let mut statement = connection.prepare("SELECT who, next FROM reads")?;
    let rows = statement.query_map([], |row| {
        let (who, next): (i64, i64) = (row.get(0)?, row.get(1)?);
        Ok((Who(who.to_be_bytes()), Seq(next.cast_unsigned())))
    })?;
    rows.collect()
}
