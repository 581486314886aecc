//! Copying a log that is damaged, or whose file was removed while it was open, to a new file.
//!
//! Owns: the copy, how far it is, how many entries could not be read.
//! Must not know: why it is made, what happens meanwhile.
//! Driven by: `sqlite`, one step at a time; nothing is written to the log meanwhile.
//!
//! A damaged file is kept under another name; its unreadable entries are gaps in the new file, and their numbers stay.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode};
use tempfile::TempPath;

use crate::log::sqlite::End;
use crate::log::sqlite::file::{OpenError, Place, Sync, beside, prepare};
use crate::log::sqlite::query::{self, Stored};
use crate::log::sqlite::reads;
use crate::policy::Policy;
use crate::wire::entry::Entry;
use crate::wire::{LogId, Seq};

/// Entries copied in one step. Chosen: a step takes a millisecond or two.
const STEP: u64 = 256;

/// The copy; see the module.
#[derive(Debug)]
pub(super) struct Rescue {
    into: Connection,
    path: TempPath,
    next: Seq,
    last: End,
    unreadable: u64,
}

impl Rescue {
    /// Begins a copy beside the log's file.
    pub(super) fn begin(
        place: &Place,
        from: &Connection,
        policy: &Policy,
        id: LogId,
        oldest: Seq,
    ) -> Result<Self, OpenError> {
        let folder = place.make_folder()?;
        let file =
            tempfile::Builder::new().prefix(".rescue-").tempfile_in(folder).map_err(|err| place.io_error(err))?;
        let path = file.into_temp_path();
        let mut into = Connection::open(&path).map_err(|err| place.error(err))?;
        prepare(&mut into, Sync::Normal, id).map_err(|what| place.what(what))?;
        // The copy is used whole or not at all, so it needs no journal until then.
        into.pragma_update(None, "journal_mode", "OFF").map_err(|err| place.error(err))?;
        into.pragma_update(None, "synchronous", "OFF").map_err(|err| place.error(err))?;
        // If the list of who is present is damaged as well, nobody was.
        for (who, nick) in query::present(from).unwrap_or_default() {
            query::note_presence(&into, &Entry::Joined { who, nick: &nick }).map_err(|err| place.error(err))?;
        }
        // Whatever the file has of it: this is right, because nothing was appended since.
        for (seq, held) in policy.held() {
            query::store_claim(&into, seq, Some(held)).map_err(|err| place.error(err))?;
        }
        for (name, record) in policy.records() {
            query::store_rule(&into, name, Some(record)).map_err(|err| place.error(err))?;
        }
        // If these cannot be read, nobody has read anything.
        let reads: Vec<_> =
            reads::load(from).unwrap_or_default().into_iter().map(|(who, seq)| (who, Some(seq))).collect();
        reads::store(&into, &reads).map_err(|err| place.error(err))?;
        if let Err(err) = query::acts(from, |seq, entry| query::insert_act(&into, seq, entry)) {
            log::warn!("some of the copies of who used which right cannot be read: {err}");
        }
        if let Ok((_, false)) = query::log(from) {
            into.execute("UPDATE log SET is_complete = 0", []).map_err(|err| place.error(err))?;
        }
        Ok(Self { into, path, next: oldest, last: End::default(), unreadable: 0 })
    }

    /// Copies some more of the entries before `end`. False if none is left.
    pub(super) fn copy_some(&mut self, from: &Connection, end: Seq) -> rusqlite::Result<bool> {
        let (start, to) = (self.next, end.min(self.next + STEP));
        self.into.execute_batch("BEGIN")?;
        let mut failed = None;
        // The last closure counts the entries that cannot be read.
        let _ = query::rows_that_can_be_read(
            from,
            start,
            to,
            self,
            |this, stored| failed = failed.take().or_else(|| this.copy(&stored).err()),
            |this, seq| this.skip(seq),
        );
        self.into.execute_batch("COMMIT")?;
        self.next = to;
        failed.map_or(Ok(to < end), Err)
    }

    fn copy(&mut self, stored: &Stored) -> rusqlite::Result<()> {
        let columns = (stored.at, stored.messages);
        match query::insert(&self.into, stored.seq, columns, stored.post, &stored.entry) {
            // The same post twice cannot be: this row was not read as it was written.
            Err(err) if err.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                self.skip(stored.seq);
                return Ok(());
            }
            inserted => inserted?,
        };
        self.last = End::behind(stored);
        Ok(())
    }

    fn skip(&mut self, seq: Seq) {
        log::debug!("entry {} cannot be read", seq.0);
        self.unreadable += 1;
    }

    /// Puts the copy in the place of the log, whose connection is closed by now and which ends at `end`.
    pub(super) fn finish(self, place: &Place, end: End, keeps_old: bool) -> Result<(), OpenError> {
        let error = |err| place.error(err);
        if self.unreadable > 0 {
            self.into.execute("UPDATE log SET is_complete = 0", []).map_err(error)?;
        }
        if self.last.next < end.next {
            // The numbers go on from the last one, even if its entry cannot be read.
            let columns = (query::number(end.at.0), query::number(end.messages));
            query::insert(&self.into, Seq(end.next.0 - 1), columns, None, &[]).map_err(error)?;
        }
        self.into.close().map_err(|(_, err)| error(err))?;
        let put = || {
            File::open(&self.path)?.sync_all()?;
            if keeps_old {
                let kept = free_name(place.path());
                for suffix in ["", "-wal"] {
                    if fs::exists(beside(place.path(), suffix))? {
                        fs::rename(beside(place.path(), suffix), beside(&kept, suffix))?;
                    }
                }
                let (kept, unreadable) = (kept.display(), self.unreadable);
                log::warn!("the damaged log is kept as {kept}; {unreadable} entries of it could not be read");
            }
            // SQLite would take leftovers of the old file for the new one's.
            for suffix in ["-wal", "-shm"] {
                if fs::exists(beside(place.path(), suffix))? {
                    fs::remove_file(beside(place.path(), suffix))?;
                }
            }
            self.path.persist_noclobber(place.path()).map_err(|err| err.error)?;
            File::open(place.folder())?.sync_all()
        };
        put().map_err(|err| place.io_error(err))
    }
}

/// Returns a free name for a damaged file.
fn free_name(path: &Path) -> PathBuf {
    let names = (1..).map(|number: u32| beside(path, &format!(".damaged-{number}")));
    names.into_iter().find(|name| !name.exists()).unwrap_or_else(|| beside(path, ".damaged"))
}
