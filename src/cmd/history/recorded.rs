//! Where recorded entries come from: a log on this machine, or a server.
//!
//! Owns: [`Recorded`], what both have in common; the log on this machine.
//! Must not know: which entries the user wants, how they are shown.
//! Driven by: `cmd::history`.

use std::time::Duration;

use super::failed;
use crate::client::Private;
use crate::cmd::Failure;
use crate::log::sqlite::history::{Reader, SLICE};
use crate::net::pause;
use crate::wire::{Seq, Timestamp};

/// The pause between two looks for new entries. Chosen: nobody notices the delay, nor the load.
pub(super) const FOLLOW_PAUSE: Duration = Duration::from_millis(200);

/// One entry.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) seq: Seq,
    pub(super) at: Timestamp,
    /// The entry, encoded; empty if it was forgotten.
    pub(super) entry: Vec<u8>,
    /// What it says, if it is private and the user's.
    pub(super) private: Option<Box<Private>>,
}

/// Consecutive entries.
#[derive(Debug, Default)]
pub(super) struct Slice {
    /// The entries that can be read.
    pub(super) records: Vec<Record>,
    /// How many cannot be read.
    pub(super) unreadable: u64,
}

/// A room's entries.
pub(super) trait Recorded {
    /// Returns the oldest number and the one behind the newest.
    fn range(&mut self) -> Result<(Seq, Seq), Failure>;

    /// Returns the first entry that was committed at `at` or later; the number behind the newest if there is none.
    fn first_since(&mut self, at: Timestamp) -> Result<Seq, Failure>;

    /// Returns the entries from `from` up to `to`, at most as many as [`Recorded::slice_len`].
    fn slice(&mut self, from: Seq, to: Seq) -> Result<Slice, Failure>;

    /// Returns how many entries are read at a time.
    fn slice_len(&self) -> u64;

    /// Waits until there may be new entries, or some time has passed.
    fn wait(&mut self) -> Result<(), Failure>;

    /// Returns the name of what cannot be read, and why that may be.
    fn name(&self) -> String;
}

impl Recorded for Reader {
    fn range(&mut self) -> Result<(Seq, Seq), Failure> {
        Self::range(self).map_err(failed)
    }

    fn first_since(&mut self, at: Timestamp) -> Result<Seq, Failure> {
        Self::first_since(self, at).map_err(failed)
    }

    fn slice(&mut self, from: Seq, to: Seq) -> Result<Slice, Failure> {
        let slice = Self::slice(self, from, to).map_err(failed)?;
        let records = slice.records.into_iter();
        let records =
            records.map(|record| Record { seq: record.seq, at: record.at, entry: record.entry, private: None });
        Ok(Slice { records: records.collect(), unreadable: slice.unreadable })
    }

    fn slice_len(&self) -> u64 {
        SLICE
    }

    fn wait(&mut self) -> Result<(), Failure> {
        while !self.has_changed().map_err(failed)? {
            pause(FOLLOW_PAUSE);
        }
        Ok(())
    }

    fn name(&self) -> String {
        format!(
            "{} cannot be read: it is damaged (a server that runs on it copies the rest to a new file)",
            self.path().display()
        )
    }
}
