//! The log in an SQLite file.
//!
//! Owns: the connection, the transaction of the turn, what is deleted when, what happens when the disk fails.
//! Must not know: the room, what entries say, except for who is present.
//! Driven by: the server, through [`Store`]; `history` reads beside it.
//!
//! ```text
//!  append --BEGIN--> turn --COMMIT--> committed                      (one transaction a turn)
//!                      |  fails: ROLLBACK, all of the turn rejected
//!                      v
//!   well ----> failing: full, unwritable    the next turn tries again
//!        ----> damaged, gone                `rescue` copies what is there to a new file, bit by bit; reading goes on
//! ```
//!
//! This is the one place outside `net` that touches files: SQLite does, and only numbers and entries pass from it into the
//! core. It blocks for as long as the disk takes: docs/PERFORMANCE.md says how long that is.
#![allow(clippy::disallowed_methods)]

mod file;
pub mod history;
mod keep;
mod mend;
mod query;
mod reads;
mod rescue;

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

pub use file::{OpenError, Sync};
pub use keep::Keep;

use super::answers::Answers;
use super::draft::{Draft, Rejection};
use super::page::Page;
use super::store::{Known, Opening, Outcome, Request, Start, State, Store};
use crate::policy::Policy;
use crate::wire::entry::{Act, Entry, VOID};
use crate::wire::frame::GapReason;
use crate::wire::{Instance, LogId, Nick, PostId, Seq, Timestamp, Who};
use file::{Place, Whereabouts};
use query::{Rising, Stored};
use rescue::Rescue;

/// The estimated number of pages in the WAL at which they are moved into the file, between two turns. Chosen: SQLite's own
/// default; but SQLite would do it in a commit that somebody waits for.
const CHECKPOINT: u64 = 1000;

/// How often to look for entries that have become too old.
const LOOK: Duration = Duration::from_secs(1);

/// How often to check whether others have written. Chosen: a user who has entries forgotten does not see them again; it costs
/// some microseconds.
const LOOK_FOR_OTHERS: Duration = Duration::from_millis(100);

/// How soon to look for entries that have become too old if nothing else happens.
const LOOK_IDLE: Duration = Duration::from_secs(60);

/// The state of the log behind an entry that was or is to be committed.
#[derive(Clone, Copy, Debug, Default)]
struct End {
    next: Seq,
    at: Timestamp,
    messages: u64,
}

impl End {
    /// Returns the state of the log behind that row.
    fn behind(stored: &Stored) -> Self {
        Self {
            next: stored.seq + 1,
            at: Timestamp(stored.at.cast_unsigned()),
            messages: stored.messages.cast_unsigned(),
        }
    }
}

/// The transaction of this turn.
#[derive(Clone, Copy, Debug)]
struct Turn {
    end: End,
    failed: Option<Rejection>,
    /// It has to be on the disk before anybody is told.
    waits_for_disk: bool,
}

/// The backend; see the module.
#[derive(Debug)]
pub struct Sqlite {
    /// `None` if the file was replaced and cannot be opened yet.
    connection: Option<Connection>,
    /// Dropped after the connection.
    place: Place,
    id: LogId,
    /// Whether every post that ever was in the log still is.
    is_complete: bool,
    keep: Keep,
    oldest: Seq,
    end: End,
    turn: Option<Turn>,
    answers: Answers,
    /// What the entries come to, those of the turn included.
    policy: Policy,
    failing: Option<Rejection>,
    /// Appended entries wait for the disk, which failed to take them.
    awaits_disk: bool,
    rescue: Option<Box<Rescue>>,
    looked: Timestamp,
    looked_for_others: Timestamp,
    version: i64,
    /// Pages written to the WAL since it was last moved into the file: an estimate.
    in_wal: u64,
    /// Entries below it are to be deleted.
    prune_to: Seq,
}

impl Sqlite {
    /// Opens the log in that file, and creates it with the id `fresh` if it does not exist.
    ///
    /// # Errors
    /// It cannot be written, is no log, was written by a newer version, or another server writes to it.
    pub fn open(path: &Path, sync: Sync, keep: Keep, fresh: LogId) -> Result<Self, OpenError> {
        // What is no log is left alone, without a lock beside it.
        match file::open_existing(path, false) {
            Err(err) if err.is_foreign() => return Err(err),
            Ok(_) | Err(_) => {}
        }
        let mut place = Place::take(path, sync)?;
        let connection = place.open(fresh)?;
        let mut store = Self {
            place,
            connection: None,
            id: fresh,
            is_complete: true,
            keep,
            oldest: Seq(0),
            end: End::default(),
            turn: None,
            answers: Answers::default(),
            policy: Policy::default(),
            failing: None,
            awaits_disk: false,
            rescue: None,
            looked: Timestamp::default(),
            looked_for_others: Timestamp::default(),
            version: 0,
            in_wal: 0,
            prune_to: Seq(0),
        };
        if store.place.may_lack_end() {
            query::rename(&connection, fresh).map_err(|err| store.place.error(err))?;
            log::warn!(
                "the machine went down while the log was written: its last seconds may be missing. The log continues under \
                 a new id, so that no client mistakes new entries for those that it has seen (--sync full waits for the disk)"
            );
        }
        store.begin_with(&connection).map_err(|err| store.place.error(err))?;
        store.connection = Some(connection);
        Ok(store)
    }

    /// Returns the log's id.
    pub const fn id(&self) -> LogId {
        self.id
    }

    /// How many entries there are, including those erased by `history --forget`.
    pub const fn len(&self) -> u64 {
        self.end.next.since(self.oldest)
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the keys that are present according to the log, and their nicks; none if that cannot be read.
    fn present(&self) -> Vec<(Who, Nick)> {
        let Some(connection) = &self.connection else { return Vec::new() };
        let present = query::present(connection).unwrap_or_else(|err| {
            log::warn!("{}: cannot read who was present: {err}", self.place.path().display());
            Vec::new()
        });
        present.into_iter().filter_map(|(who, nick)| Some((who, nick.parse().ok()?))).collect()
    }

    fn begin_with(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        (self.id, self.is_complete) = query::log(connection)?;
        if let Some((oldest, newest)) = query::ends(connection)? {
            self.oldest = oldest.seq;
            self.end = End::behind(&newest);
        }
        // Without it nobody could tell whose nick is whose, and who may do what: an error here is final.
        let policy = Policy::load(query::claims(connection)?, query::rules(connection)?, self.end.at);
        self.policy = policy.ok_or_else(query::bad_rules)?;
        self.version = query::data_version(connection)?;
        Ok(())
    }

    /// Begins the transaction of a turn.
    fn begin_turn(&mut self) -> Turn {
        let mending = self.failing.filter(|why| matches!(why, Rejection::Damaged | Rejection::Gone));
        let mending = if self.is_on_disk() { mending } else { mending.or(Some(Rejection::Unwritable)) };
        let begun = match (&self.connection, mending) {
            (Some(connection), None) => query::execute(connection, "BEGIN IMMEDIATE").map_err(|err| self.why(&err)),
            (_, Some(why)) => Err(why),
            (None, None) => Err(Rejection::Unwritable),
        };
        Turn { end: self.end, failed: begun.err(), waits_for_disk: false }
    }

    /// Returns whether nothing that was appended waits for the disk any more; then it is reported.
    fn is_on_disk(&mut self) -> bool {
        if self.awaits_disk && self.place.sync_wal().is_ok() {
            self.awaits_disk = false;
            self.answers.release_held();
        }
        !self.awaits_disk
    }

    /// Writes a draft's entries into the transaction of the turn.
    fn write(
        connection: &Connection,
        turn: &mut Turn,
        (answers, policy): (&mut Answers, &mut Policy),
        draft: &Draft<'_>,
    ) -> rusqlite::Result<()> {
        turn.end.at = turn.end.at.max(draft.at);
        let post = draft.post.map(|(who, PostId { instance: Instance(instance), counter })| {
            (query::signed(who.0), query::signed(instance), query::number(counter))
        });
        let mut messages = turn.end.messages;
        let at = query::number(turn.end.at.0);
        turn.end.next = answers.write(draft, turn.end.next, turn.end.at, |seq, entry, encoded| {
            if policy.apply(seq, encoded).is_err() {
                // Nobody will see it, and its author may try again.
                return query::insert(connection, seq, (at, query::number(messages)), None, VOID);
            }
            messages += u64::from(entry.is_message());
            // Giving one's own nick back takes no right, nor does a setting of one's own: everybody may do it all the time.
            if matches!(entry, Entry::Acted { who, act, whom, .. } if !act.is_own() && (*act != Act::Release || who != whom)) {
                turn.waits_for_disk = true;
                query::insert_act(connection, seq, encoded)?;
            }
            query::insert(connection, seq, (at, query::number(messages)), post, encoded)?;
            query::note_presence(connection, entry)
        })?;
        turn.end.messages = messages;
        Ok(())
    }

    /// Commits the transaction of the turn, or rolls it back.
    fn commit(&mut self) {
        let Some(turn) = self.turn.take() else { return };
        let gone = match self.place.whereabouts() {
            Whereabouts::Here => None,
            Whereabouts::Gone | Whereabouts::Replaced => Some(Rejection::Gone),
        };
        let mut failed = turn.failed.or(gone);
        if let (None, Some(connection)) = (failed, &self.connection) {
            let mut changes = self.policy.changes();
            let stored = changes.try_for_each(|(seq, held)| query::store_claim(connection, seq, held));
            let mut rules = self.policy.changed_records();
            let stored =
                stored.and_then(|()| rules.try_for_each(|(name, rule)| query::store_rule(connection, name, rule)));
            failed = stored.and_then(|()| query::execute(connection, "COMMIT")).err().map(|err| self.why(&err));
        }
        match failed {
            None => {
                self.touched(turn.end.next.since(self.end.next));
                self.end = turn.end;
                self.policy.settle();
                self.become_well();
                // Whoever acts has to be able to rely on it: a lost ban is worse than a slow one.
                let synced = if turn.waits_for_disk { self.place.sync_wal() } else { Ok(()) };
                match synced {
                    Ok(()) => self.answers.append_turn(),
                    Err(err) => {
                        log::error!("{}: the disk did not take what was written: {err}", self.place.path().display());
                        self.awaits_disk = true;
                        self.answers.hold_turn();
                        self.fail(Rejection::Unwritable);
                    }
                }
            }
            Some(why) => {
                if let Some(connection) = self.connection.as_ref().filter(|connection| !connection.is_autocommit()) {
                    let _ = connection.execute_batch("ROLLBACK");
                }
                self.policy.undo();
                self.fail(why);
                self.answers.reject_turn(why);
            }
        }
    }

    /// Counts consecutive entries as written or deleted: their leaf page, their index's, and the pages that they fill.
    const fn touched(&mut self, entries: u64) {
        self.in_wal += 2 + entries / 16;
    }

    /// Returns what an error means for posts; logs it once, for whoever runs the server.
    fn why(&self, err: &rusqlite::Error) -> Rejection {
        if self.failing.is_none() {
            log::error!("{}: {err}", self.place.path().display());
        }
        match err.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Rejection::Full,
            _ if file::is_damaged(err) => Rejection::Damaged,
            _ => Rejection::Unwritable,
        }
    }

    fn fail(&mut self, why: Rejection) {
        if self.failing.replace(why) != Some(why) {
            self.answers.push_state(State::Failing(why));
            let path = self.place.path().display();
            let what = match why {
                Rejection::Full => "the disk is full",
                Rejection::Unwritable => "it cannot be written",
                Rejection::Damaged => "it is damaged: what can be read is copied to a new file",
                Rejection::Gone => "its file was moved or removed: creating it again",
            };
            log::error!("the log, {path}: {what}; new messages are refused until that is over");
        }
    }

    fn become_well(&mut self) {
        if self.failing.take().is_some() {
            self.answers.push_state(State::Ready);
            log::warn!("the log, {}: it can be written again", self.place.path().display());
        }
    }

    /// Checks whether others have written.
    fn look_for_others(&mut self) -> rusqlite::Result<()> {
        let Some(connection) = &self.connection else { return Ok(()) };
        let version = query::data_version(connection)?;
        if std::mem::replace(&mut self.version, version) != version {
            // SQLite does not say what: it may be anything.
            self.answers.push_rewritten(Seq(0), self.end.next);
        }
        Ok(())
    }
}

/// Whether `pause` has passed since `last`, which becomes `now` if it has. The clock may have been set back.
fn has_passed(last: &mut Timestamp, now: Timestamp, pause: Duration) -> bool {
    let has_passed = last.0.abs_diff(now.0) >= u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
    if has_passed {
        *last = now;
    }
    has_passed
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        // Closing does not do this if others have the file open too.
        let is_on_disk = self.place.sync_wal().is_ok();
        if self.connection.take().is_some_and(|connection| connection.close().is_ok() && is_on_disk) {
            self.place.set_whole();
        }
    }
}

impl Sqlite {
    fn read(&mut self, from: Seq, to: Seq) -> Page {
        let mut page = Page::new(from);
        page.skip_to(self.oldest.min(to), GapReason::Gone);
        let Some(connection) = &self.connection else {
            page.skip_to(to, GapReason::Unreadable);
            return page;
        };
        let take = |page: &mut Page, stored: Stored| {
            page.skip_to(stored.seq, GapReason::Gone);
            match stored.entry.as_slice() {
                [] => page.skip_to(stored.seq + 1, GapReason::Gone),
                entry => page.push(entry),
            }
        };
        let read = query::rows_that_can_be_read(connection, page.end(), to, &mut page, take, |page, seq| {
            page.skip_to(seq, GapReason::Gone);
            page.skip_to(seq + 1, GapReason::Unreadable);
        });
        page.skip_to(to, GapReason::Gone);
        if let Err(err) = read {
            match self.why(&err) {
                why @ Rejection::Damaged => self.fail(why),
                why @ (Rejection::Full | Rejection::Unwritable | Rejection::Gone) => log::debug!("reading: {why:?}"),
            }
        }
        page
    }

    fn look_up(&self, who: Who, instance: Instance, start: Option<Start>) -> rusqlite::Result<Known> {
        let Some(connection) = &self.connection else { return Ok(Known::default()) };
        let range = (self.oldest, self.end.next);
        let posts = query::posts(connection, who, instance)?;
        let start = match start {
            None | Some(Start::Messages(0)) => None,
            // All of it: before the first message there may be entries that are for this reader only.
            Some(Start::Messages(u64::MAX)) => Some(self.oldest),
            Some(Start::Messages(count)) => {
                let from = query::number(self.end.messages.saturating_sub(count).saturating_add(1));
                query::first_with(connection, range, Rising::Messages, from)?
            }
            Some(Start::Since(at)) => query::first_with(connection, range, Rising::At, query::number(at.0))?,
        };
        Ok(Known { start, posts, is_all: self.is_complete && self.oldest == Seq(0) })
    }
}

impl Store for Sqlite {
    fn open(&mut self) -> Opening {
        let (present, policy) = (self.present(), self.policy.clone());
        let reads = self.connection.as_ref().and_then(|connection| reads::load(connection).ok()).unwrap_or_default();
        Opening { id: self.id, next: self.end.next, oldest: Some(self.oldest), present, policy, reads }
    }

    fn submit(&mut self, draft: &Draft<'_>) {
        let mut turn = self.turn.take().unwrap_or_else(|| self.begin_turn());
        match (&self.connection, turn.failed) {
            (Some(connection), None) => {
                if let Err(err) = Self::write(connection, &mut turn, (&mut self.answers, &mut self.policy), draft) {
                    turn.failed = Some(self.why(&err));
                }
            }
            _ => self.answers.write_nothing(draft.id),
        }
        self.turn = Some(turn);
    }

    fn flush(&mut self) {
        self.commit();
    }

    fn note_reads(&mut self, reads: &[(Who, Option<Seq>)]) -> bool {
        self.store_reads(reads)
    }

    fn request(&mut self, request: &Request) {
        match *request {
            Request::Page { id, from, to } => {
                let page = self.read(from, to);
                self.answers.push_page(id, page);
            }
            Request::Known { id, who, instance, start } => {
                let known = self.look_up(who, instance, start).unwrap_or_else(|err| {
                    log::debug!("looking up: {err}");
                    Known::default()
                });
                self.answers.push_known(id, self.end.next, known);
            }
        }
    }

    fn poll(&mut self) -> Option<Outcome<'_>> {
        self.answers.poll()
    }

    fn maintain(&mut self, now: Timestamp) -> Option<Duration> {
        if let Some(again) = self.mend() {
            return Some(again);
        }
        let mut looked = Ok(());
        if has_passed(&mut self.looked, now, LOOK) {
            looked = self.look(now);
        }
        if has_passed(&mut self.looked_for_others, now, LOOK_FOR_OTHERS) {
            looked = looked.and_then(|()| self.look_for_others());
        }
        if self.awaits_disk && !self.is_on_disk() {
            log::debug!("the disk still does not take what was written");
        }
        if self.in_wal >= CHECKPOINT {
            self.in_wal = 0;
            looked = looked.and_then(|()| self.connection.as_ref().map_or(Ok(()), query::checkpoint));
        }
        if let Err(err) = looked {
            log::debug!("looking after the log: {err}");
        }
        if self.prune_to > self.oldest {
            match self.prune() {
                Ok(()) => return Some(Duration::ZERO),
                // On a full disk not even deleting works; SQLite has rolled it back.
                Err(err) => log::debug!("forgetting: {err}"),
            }
        }
        let is_over = self.keep.entries.is_some_and(|entries| self.len() > entries.max(1));
        if is_over { Some(LOOK) } else { self.keep.age.map(|_| LOOK_IDLE) }
    }
}
