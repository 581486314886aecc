//! Reading the log, and removing entries from it, beside a running server or without one.
//!
//! Owns: [`Reader`], slices of the log for `udpchat history`; [`erase`], which turns entries into gaps.
//! Must not know: what the user looks for, how it is shown.
//! Driven by: `cmd::history`.
//!
//! Every slice is a transaction of its own, so that a long read does not keep the server's WAL from being emptied.

use std::path::Path;

use rusqlite::Connection;

use crate::log::sqlite::file::{Identity, OpenError, error_of, identity, is_damaged, open_existing};
use crate::log::sqlite::query::{self, Rising, Stored};
use crate::wire::entry::Entry;
use crate::wire::{Seq, Timestamp};

/// The number of entries in a slice.
pub const SLICE: u64 = 1024;

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number.
    pub seq: Seq,
    /// When it was committed.
    pub at: Timestamp,
    /// The entry, encoded; empty if it was forgotten.
    pub entry: Vec<u8>,
}

/// A log that is open for reading.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    path: std::path::PathBuf,
    file: Option<Identity>,
    version: Option<i64>,
}

/// Consecutive entries of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slice {
    /// The entries that can be read.
    pub records: Vec<Record>,
    /// How many cannot be read because the file is damaged there.
    pub unreadable: u64,
}

impl Reader {
    /// Opens the log in that file.
    ///
    /// # Errors
    /// The file does not exist, is no log, or was written by a newer version.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let (connection, file) = (open_existing(path, false)?, identity(path));
        Ok(Self { connection, path: path.to_owned(), file, version: None })
    }

    /// Returns the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the oldest number and the one behind the newest; twice the same if the log is empty.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn range(&self) -> Result<(Seq, Seq), OpenError> {
        let ends = query::ends(&self.connection).map_err(|err| error_of(&self.path, err))?;
        Ok(ends.map_or((Seq(0), Seq(0)), |(oldest, newest)| (oldest.seq, newest.seq + 1)))
    }

    /// Returns the first entry that was committed at `at` or later; the number behind the newest if there is none.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn first_since(&self, at: Timestamp) -> Result<Seq, OpenError> {
        let range = self.range()?;
        let first = query::first_with(&self.connection, range, Rising::At, query::number(at.0));
        Ok(first.map_err(|err| error_of(&self.path, err))?.unwrap_or(range.1))
    }

    /// Returns the entries from `from` up to `to`, as far as they can be read; reading [`SLICE`] of them holds nobody up.
    ///
    /// # Errors
    /// The file cannot be read for another reason than damage.
    pub fn slice(&self, from: Seq, to: Seq) -> Result<Slice, OpenError> {
        let mut slice = Slice::default();
        let take = |slice: &mut Slice, stored: Stored| {
            let Stored { seq, at, entry, .. } = stored;
            slice.records.push(Record { seq, at: Timestamp(at.cast_unsigned()), entry });
        };
        let unreadable = |slice: &mut Slice, _| slice.unreadable += 1;
        match query::rows_that_can_be_read(&self.connection, from, to, &mut slice, take, unreadable) {
            Err(err) if !is_damaged(&err) => Err(error_of(&self.path, err)),
            Ok(()) | Err(_) => Ok(slice),
        }
    }

    /// Whether anything may have changed since the last call. If a server has put a new file in the place of this one, goes on
    /// with that.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn has_changed(&mut self) -> Result<bool, OpenError> {
        if identity(&self.path).is_some_and(|file| self.file != Some(file)) {
            *self = Self::open(&self.path)?;
        }
        let version = query::data_version(&self.connection).map_err(|err| error_of(&self.path, err))?;
        Ok(self.version.replace(version) != Some(version))
    }
}

/// Turns every entry for which `is_meant` returns true into a gap: its number stays, its content is overwritten in the file.
/// Returns how many entries these were.
///
/// # Errors
/// The file cannot be opened or written.
pub fn erase(path: &Path, mut is_meant: impl FnMut(&Entry<'_>) -> bool) -> Result<u64, OpenError> {
    let error = |err| error_of(path, err);
    let reader = Reader::open(path)?;
    let mut connection = open_existing(path, true)?;
    // Makes SQLite overwrite freed space with zeros.
    connection.pragma_update(None, "secure_delete", "ON").map_err(error)?;
    connection.busy_timeout(std::time::Duration::from_secs(5)).map_err(error)?;
    let (mut from, end) = reader.range()?;
    let mut erased = 0;
    while from < end {
        let to = end.min(from + SLICE);
        let meant: Vec<_> = reader
            .slice(from, to)?
            .records
            .into_iter()
            .filter(|record| Entry::decode(&record.entry).is_some_and(|entry| is_meant(&entry)))
            .collect();
        // Kept short, because the server waits.
        let transaction = connection.transaction().map_err(error)?;
        for record in &meant {
            let mut update =
                transaction.prepare_cached("UPDATE entries SET entry = x'' WHERE seq = ?1").map_err(error)?;
            erased += update.execute([query::number(record.seq.0)]).map_err(error)? as u64;
        }
        transaction.commit().map_err(error)?;
        from = to;
    }
    erase_acts(&mut connection, &mut is_meant).map_err(error)?;
    // The WAL still has the content: empties it too, unless a server or a reader needs it; then their next writes overwrite it.
    drop(reader);
    let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    Ok(erased)
}

/// Deletes the copies of acts that are meant, and may have outlived their entries.
fn erase_acts(connection: &mut Connection, mut is_meant: impl FnMut(&Entry<'_>) -> bool) -> rusqlite::Result<()> {
    // A file that no server of this version has opened has none.
    let has_acts = "SELECT count(*) > 0 FROM sqlite_schema WHERE name = 'acts'";
    if !connection.query_row(has_acts, [], |row| row.get(0))? {
        return Ok(());
    }
    let mut meant = Vec::new();
    query::acts(connection, |seq, entry| {
        if Entry::decode(entry).is_some_and(|entry| is_meant(&entry)) {
            meant.push(seq);
        }
        Ok(())
    })?;
    let transaction = connection.transaction()?;
    for seq in meant {
        transaction.execute("DELETE FROM acts WHERE seq = ?1", [query::number(seq.0)])?;
    }
    transaction.commit()
}
