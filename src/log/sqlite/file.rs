//! The file that stores the log.
//!
//! Owns: opening the file, its schema and the migrations from older ones, who may write to it, whether it is still in its
//! place.
//! Must not know: drafts, what happens when something fails.
//! Driven by: `sqlite`, `rescue` and `history`.
//!
//! ```text
//!   FILE         the database     application_id "udpc", user_version: how many of MIGRATIONS it has had
//!   FILE-wal     commits that are not in the database yet; FILE-shm: their index
//!   FILE-lock    locked (flock) by the server that writes; while the last commits may not be on disk, it contains the id of
//!                the machine's current boot
//! ```

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::wire::LogId;

/// The `application_id` of our files: "udpc".
const APPLICATION_ID: i32 = 0x7564_7063;

/// The schema, step by step; `user_version` is how many of these steps a file has had. Steps are added, never changed.
const MIGRATIONS: &[&str] = &["
    -- Which log it is; whether every post that ever was in it still is.
    CREATE TABLE log (id BLOB NOT NULL, is_complete INTEGER NOT NULL);
    -- The log. `at` (milliseconds since 1970) never goes back, `messages` counts the messages up to here. `entry` as it goes
    -- over the wire, with its time; empty: forgotten. `who`, `instance` and `counter` name the post that it was.
    CREATE TABLE entries (
        seq INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        messages INTEGER NOT NULL,
        who INTEGER, instance INTEGER, counter INTEGER,
        entry BLOB NOT NULL
    );
    CREATE UNIQUE INDEX posts ON entries (who, instance, counter) WHERE counter IS NOT NULL;
    -- Who has joined and not left.
    CREATE TABLE present (who INTEGER, nick TEXT, PRIMARY KEY (who, nick)) WITHOUT ROWID;
", "
    -- Which key a nick belongs to (PROTOCOL 2.17): what a fold over the entries comes to, changed in their transactions. `seq` is
    -- the number of the entry that made the claim. It outlives that.
    CREATE TABLE claims (
        seq INTEGER PRIMARY KEY,
        key BLOB NOT NULL, who INTEGER NOT NULL,
        nick TEXT NOT NULL, first TEXT NOT NULL, second TEXT NOT NULL,
        since INTEGER NOT NULL, seen INTEGER NOT NULL, is_present INTEGER NOT NULL
    );
    -- Who used a right: copies of such entries, which outlive them.
    CREATE TABLE acts (seq INTEGER PRIMARY KEY, entry BLOB NOT NULL);
", "
    -- Who may do what (PROTOCOL 2.18), as `claims`: names and records in the encoding that they have on the wire.
    CREATE TABLE rules (name BLOB PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
", "
    -- How far the user of a key has read (PROTOCOL 2.22): before which number.
    CREATE TABLE reads (who INTEGER PRIMARY KEY, next INTEGER NOT NULL);
"];

/// How long to wait for somebody else's lock. Chosen: `history --forget` holds one for a millisecond at a time, and at its end
/// for as long as the disk takes. The room waits: that is better than refusing what is posted meanwhile.
const BUSY: Duration = Duration::from_secs(1);

/// What committed entries survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Sync {
    /// Whatever ends the server; after a power failure the last seconds may be missing, and nothing else.
    #[default]
    Normal,
    /// A power failure too: each turn of the loop waits for the disk.
    Full,
}

/// Why the log's file cannot be used.
#[derive(Debug)]
pub struct OpenError {
    path: PathBuf,
    what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Folder(io::Error),
    File(io::Error),
    InUse,
    Foreign,
    Newer { has: i32 },
    Missing,
    Sqlite(rusqlite::Error),
}

impl OpenError {
    /// Whether another server writes to the file.
    pub const fn is_in_use(&self) -> bool {
        matches!(self.what, What::InUse)
    }

    /// Whether the file is of another program, or no database at all.
    pub(super) fn is_foreign(&self) -> bool {
        let is_no_database = |err: &rusqlite::Error| err.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase);
        matches!(&self.what, What::Foreign) || matches!(&self.what, What::Sqlite(err) if is_no_database(err))
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.what {
            What::Folder(err) => write!(f, "cannot create the folder of {path}: {err}"),
            What::File(err) => write!(f, "cannot write {path}: {err}"),
            What::InUse => write!(f, "another server writes to {path}"),
            What::Foreign => write!(f, "{path} is a database of another program"),
            What::Newer { has } => write!(
                f,
                "{path} was written by a newer udpchat (its schema is {has}, this program knows {})",
                MIGRATIONS.len()
            ),
            What::Missing => write!(f, "there is no log in {path}"),
            What::Sqlite(err) if is_damaged(err) => write!(f, "{path} is damaged, or not a log of udpchat: {err}"),
            What::Sqlite(err) => write!(f, "cannot open {path}: {err}"),
        }
    }
}

impl std::error::Error for OpenError {}

/// Returns an SQLite error together with the file's path.
pub(super) fn error_of(path: &Path, err: rusqlite::Error) -> OpenError {
    OpenError { path: path.to_owned(), what: What::Sqlite(err) }
}

/// Whether the file's content is the problem.
pub(super) fn is_damaged(err: &rusqlite::Error) -> bool {
    matches!(err.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase))
}

/// The identity of a file, whatever its name: device and inode number.
pub(super) type Identity = (u64, u64);

pub(super) fn identity(path: &Path) -> Option<Identity> {
    fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Returns `path` with `suffix` appended to its name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The place of the log's file, and the right to write to it.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    lock: Option<File>,
    sync: Sync,
    /// The machine went down while a server wrote here without waiting for the disk.
    may_lack_end: bool,
    database: Option<Identity>,
    wal: Option<Identity>,
}

/// Returns the id of the machine's current boot, if the system tells it.
fn boot() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()
}

/// Where the file is by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whereabouts {
    /// Where it was.
    Here,
    /// Nowhere.
    Gone,
    /// Another one is in its place.
    Replaced,
}

impl Place {
    /// Takes the place if no other server has it; creates the folder if necessary.
    pub(super) fn take(path: &Path, sync: Sync) -> Result<Self, OpenError> {
        let path = path.to_owned();
        let mut place = Self { path, lock: None, sync, may_lack_end: false, database: None, wal: None };
        // By one name, whichever path leads there.
        let folder = place.make_folder()?.canonicalize().map_err(|err| place.what(What::Folder(err)))?;
        let name = place.path.file_name().ok_or_else(|| place.io_error(io::ErrorKind::InvalidFilename.into()))?;
        place.path = folder.join(name);
        place.lock()?;
        Ok(place)
    }

    /// Returns the folder of the file.
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
    }

    /// Creates the folder if necessary, with access for its owner only.
    pub(super) fn make_folder(&self) -> Result<&Path, OpenError> {
        let folder = self.folder();
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map(|()| folder).map_err(|err| self.what(What::Folder(err)))
    }

    /// Whether confirmed entries may be missing at the end of the log, so that their numbers would be assigned again.
    pub(super) const fn may_lack_end(&self) -> bool {
        self.may_lack_end
    }

    /// Waits until everything that was committed is on the disk.
    pub(super) fn sync_wal(&self) -> io::Result<()> {
        match File::open(beside(&self.path, "-wal")) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(()),
            wal => wal?.sync_all(),
        }
    }

    /// Records that everything that was committed is on the disk.
    pub(super) fn set_whole(&self) {
        if let Some(lock) = &self.lock {
            let _ = lock.set_len(0);
        }
    }

    /// Returns an SQLite error together with the file's path.
    pub(super) fn error(&self, err: rusqlite::Error) -> OpenError {
        self.what(What::Sqlite(err))
    }

    pub(super) fn io_error(&self, err: io::Error) -> OpenError {
        self.what(What::File(err))
    }

    pub(super) fn what(&self, what: What) -> OpenError {
        OpenError { path: self.path.clone(), what }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the lock, anew if its file is gone.
    pub(super) fn lock(&mut self) -> Result<(), OpenError> {
        let held = self.lock.as_ref().and_then(|lock| lock.metadata().ok());
        if held.is_some_and(|held| identity(&beside(&self.path, "-lock")) == Some((held.dev(), held.ino()))) {
            return Ok(());
        }
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(beside(&self.path, "-lock"))
            .map_err(|err| self.io_error(err))?;
        lock.try_lock().map_err(|_| self.what(What::InUse))?;
        let (mut before, now) = (String::new(), boot());
        let _ = (&lock).take(64).read_to_string(&mut before);
        self.may_lack_end = !before.is_empty() && now.as_deref().is_some_and(|now| now != before);
        let now = now.filter(|_| self.sync == Sync::Normal).unwrap_or_default();
        // On a full disk this fails, but then no entry can be written either.
        let _ = lock.set_len(0).and_then(|()| lock.write_all_at(now.as_bytes(), 0));
        self.lock = Some(lock);
        Ok(())
    }

    /// Opens the file, and creates it if it does not exist; a new log gets the id `fresh`.
    pub(super) fn open(&mut self, fresh: LogId) -> Result<Connection, OpenError> {
        // With access for its owner only, from the beginning.
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&self.path)
            .map_err(|err| self.io_error(err))?;
        let mut connection = connect(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(|what| self.what(what))?;
        prepare(&mut connection, self.sync, fresh).map_err(|what| self.what(what))?;
        self.note(&connection);
        Ok(connection)
    }

    /// Remembers the identities of the files.
    fn note(&mut self, connection: &Connection) {
        // The WAL exists from the first read on.
        let _ = connection.query_row("SELECT count(*) FROM log", [], |row| row.get::<_, i64>(0));
        self.database = identity(&self.path);
        self.wal = identity(&beside(&self.path, "-wal"));
    }

    /// Whether the file of that name is the one that was opened.
    pub(super) fn is_there(&self) -> bool {
        identity(&self.path).is_some_and(|found| Some(found) == self.database)
    }

    /// Returns where the files that are written to are by now.
    pub(super) fn whereabouts(&self) -> Whereabouts {
        match identity(&self.path) {
            None => Whereabouts::Gone,
            found if found != self.database => Whereabouts::Replaced,
            _ if self.wal.is_some() && identity(&beside(&self.path, "-wal")) != self.wal => Whereabouts::Gone,
            _ => Whereabouts::Here,
        }
    }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, What> {
    let connection =
        Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(What::Sqlite)?;
    connection.busy_timeout(BUSY).map_err(What::Sqlite)?;
    Ok(connection)
}

/// Opens the log in that file for reading, even while a server writes to it; or for `--forget`.
///
/// # Errors
/// The file does not exist, is no log, or was written by a newer version.
pub(super) fn open_existing(path: &Path, writes: bool) -> Result<Connection, OpenError> {
    let error = |what| OpenError { path: path.to_owned(), what };
    if !path.is_file() {
        return Err(error(What::Missing));
    }
    let flags = if writes { OpenFlags::SQLITE_OPEN_READ_WRITE } else { OpenFlags::SQLITE_OPEN_READ_ONLY };
    let connection = connect(path, flags).map_err(error)?;
    match version(&connection).map_err(error)? {
        0 => Err(error(What::Missing)),
        _ => Ok(connection),
    }
}

/// Returns how many migrations the file has had; 0 if it is empty.
fn version(connection: &Connection) -> Result<usize, What> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (application, version) =
        (pragma("application_id").map_err(What::Sqlite)?, pragma("user_version").map_err(What::Sqlite)?);
    let tables = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0));
    if tables.map_err(What::Sqlite)? == 0 {
        return Ok(0);
    }
    if application != APPLICATION_ID {
        return Err(What::Foreign);
    }
    usize::try_from(version).ok().filter(|&known| known <= MIGRATIONS.len()).ok_or(What::Newer { has: version })
}

/// Brings the file to the newest schema, and configures the connection.
pub(super) fn prepare(connection: &mut Connection, sync: Sync, fresh: LogId) -> Result<(), What> {
    prepare_with(connection, sync, fresh, MIGRATIONS)
}

fn prepare_with(connection: &mut Connection, sync: Sync, fresh: LogId, migrations: &[&str]) -> Result<(), What> {
    let has = version(connection)?;
    let mut set_up = || -> rusqlite::Result<()> {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", if sync == Sync::Full { "FULL" } else { "NORMAL" })?;
        // Checkpoints run between two turns; this is for when none does.
        connection.pragma_update(None, "wal_autocheckpoint", 4000)?;
        // Truncates a WAL that a busy moment or a long reader has made larger.
        connection.pragma_update(None, "journal_size_limit", 16 * 1024 * 1024)?;
        if has < migrations.len() {
            let transaction = connection.transaction()?;
            migrations[has..].iter().try_for_each(|step| transaction.execute_batch(step))?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(
                None,
                "user_version",
                i64::try_from(migrations.len()).expect("there are few migrations"),
            )?;
            if has == 0 {
                transaction.execute("INSERT INTO log (id, is_complete) VALUES (?1, 1)", [fresh.0.as_slice()])?;
            }
            transaction.commit()?;
        }
        Ok(())
    };
    set_up().map_err(What::Sqlite)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: LogId = LogId([7; 16]);

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn an_older_file_is_brought_forward_and_keeps_what_it_has() {
        let folder = folder();
        let path = folder.path().join("room.db");
        drop(Place::take(&path, Sync::Normal).unwrap().open(LOG).unwrap());
        let next = [MIGRATIONS, &["ALTER TABLE log ADD COLUMN topic TEXT"]].concat();
        let mut connection = Connection::open(&path).unwrap();
        // As a later version would do it.
        assert_eq!(version(&connection).unwrap(), MIGRATIONS.len());
        prepare_with(&mut connection, Sync::Normal, LogId([8; 16]), &next).unwrap();
        let id: Vec<u8> = connection.query_row("SELECT id FROM log WHERE topic IS NULL", [], |row| row.get(0)).unwrap();
        assert_eq!(id, LOG.0, "it is the same log");
    }

    #[test]
    fn a_newer_file_is_refused_and_left_as_it_is() {
        let folder = folder();
        let path = folder.path().join("room.db");
        let mut place = Place::take(&path, Sync::Normal).unwrap();
        place.open(LOG).unwrap().pragma_update(None, "user_version", MIGRATIONS.len() as i64 + 1).unwrap();
        let before = fs::read(&path).unwrap();
        let err = place.open(LOG).unwrap_err().to_string();
        assert!(err.contains("written by a newer udpchat (its schema is 5, this program knows 4)"), "{err}");
        assert!(open_existing(&path, false).is_err());
        assert_eq!(fs::read(&path).unwrap(), before);
    }

    #[test]
    fn what_is_no_log_is_refused_and_left_as_it_is() {
        let folder = folder();
        let path = folder.path().join("room.db");
        fs::write(&path, "this is a text, and longer than the head of a database is: ".repeat(20)).unwrap();
        let err = Place::take(&path, Sync::Normal).unwrap().open(LOG).unwrap_err().to_string();
        assert!(err.contains("is damaged, or not a log of udpchat"), "{err}");
        let other = folder.path().join("other.db");
        Connection::open(&other).unwrap().execute_batch("CREATE TABLE songs (name TEXT)").unwrap();
        let err = Place::take(&other, Sync::Normal).unwrap().open(LOG).unwrap_err().to_string();
        assert!(err.contains("is a database of another program"), "{err}");
        let err = open_existing(&folder.path().join("none.db"), false).unwrap_err().to_string();
        assert!(err.contains("there is no log in"), "{err}");
    }

    #[test]
    fn two_do_not_write_to_one_file_by_whatever_name() {
        let folder = folder();
        let path = folder.path().join("room.db");
        let place = Place::take(&path, Sync::Normal).unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("link")).unwrap();
        let err = Place::take(&folder.path().join("link/room.db"), Sync::Normal).unwrap_err().to_string();
        assert!(err.contains("another server writes to"), "{err}");
        drop(place);
        assert!(Place::take(&path, Sync::Normal).is_ok());
    }

    #[test]
    fn nobody_else_can_read_it() {
        let folder = folder();
        let path = folder.path().join("new/room.db");
        let _connection = Place::take(&path, Sync::Normal).unwrap().open(LOG).unwrap();
        for file in [path.clone(), beside(&path, "-wal")] {
            assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600, "{}", file.display());
        }
    }
}
