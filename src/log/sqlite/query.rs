//! Queries to the log's file.
//!
//! Owns: the statements about entries and who is present, for the server, its copies and `history`.
//! Must not know: what the results are used for.
//! Driven by: `sqlite`, `rescue`, `history`.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::policy::Held;
use crate::policy::names::Skeletons;
use crate::wire::entry::Entry;
use crate::wire::limits::POSTS_MAX;
use crate::wire::record::{ITEM_MAX, Name, Record};
use crate::wire::{Instance, LogId, Seq, Timestamp, Who};

/// Returns the bits of 8 bytes as one of SQLite's integers, which are signed.
pub(super) const fn signed(bytes: [u8; 8]) -> i64 {
    i64::from_be_bytes(bytes)
}

pub(super) const fn number(value: u64) -> i64 {
    value.cast_signed()
}

pub(super) fn seq(row: &Row<'_>, index: usize) -> rusqlite::Result<Seq> {
    row.get::<_, i64>(index).map(|seq| Seq(seq.cast_unsigned()))
}

/// The columns that name a post: `who`, `instance`, `counter`.
pub(super) type Post = (i64, i64, i64);

/// A row of the log.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) seq: Seq,
    pub(super) at: i64,
    pub(super) messages: i64,
    pub(super) post: Option<Post>,
    /// Empty if it was forgotten.
    pub(super) entry: Vec<u8>,
}

impl Stored {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let counter: Option<i64> = row.get(5)?;
        let post = counter.map(|counter| Ok::<_, rusqlite::Error>((row.get(3)?, row.get(4)?, counter))).transpose()?;
        Ok(Self { seq: seq(row, 0)?, at: row.get(1)?, messages: row.get(2)?, post, entry: row.get(6)? })
    }
}

/// Adds a row.
pub(super) fn insert(
    connection: &Connection,
    seq: Seq,
    (at, messages): (i64, i64),
    post: Option<Post>,
    entry: &[u8],
) -> rusqlite::Result<()> {
    let (who, instance, counter) =
        post.map_or((None, None, None), |(who, instance, counter)| (Some(who), Some(instance), Some(counter)));
    let mut insert = connection.prepare_cached(
        "INSERT INTO entries (seq, at, messages, who, instance, counter, entry) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    insert.execute(params![number(seq.0), at, messages, who, instance, counter, entry]).map(drop)
}

const ROWS: &str = "SELECT seq, at, messages, who, instance, counter, entry FROM entries";

/// Passes the rows from `from` up to `to` to `each`, in order.
pub(super) fn rows(connection: &Connection, from: Seq, to: Seq, mut each: impl FnMut(Stored)) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(&format!("{ROWS} WHERE seq >= ?1 AND seq < ?2 ORDER BY seq"))?;
    let mut rows = statement.query([number(from.0), number(to.0)])?;
    while let Some(row) = rows.next()? {
        each(Stored::of(row)?);
    }
    Ok(())
}

/// Like [`rows`], but skips what cannot be read and passes its numbers to `unreadable`.
///
/// # Errors
/// The first error, once the rest was gone through.
pub(super) fn rows_that_can_be_read<T>(
    connection: &Connection,
    from: Seq,
    to: Seq,
    state: &mut T,
    mut each: impl FnMut(&mut T, Stored),
    mut unreadable: impl FnMut(&mut T, Seq),
) -> Result<(), rusqlite::Error> {
    let mut next = from;
    let read = rows(connection, from, to, |stored| {
        next = stored.seq + 1;
        each(state, stored);
    });
    let Err(err) = read else { return Ok(()) };
    let mut statement = match connection.prepare_cached(&format!("{ROWS} WHERE seq = ?1")) {
        Ok(statement) => statement,
        Err(err) => {
            (next.0..to.0).for_each(|seq| unreadable(state, Seq(seq)));
            return Err(err);
        }
    };
    for at in next.0..to.0 {
        match statement.query_row([number(at)], Stored::of).optional() {
            Ok(Some(stored)) => each(state, stored),
            Ok(None) => {}
            Err(_) => unreadable(state, Seq(at)),
        }
    }
    Err(err)
}

/// Executes a frequent statement that has no result.
pub(super) fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

/// Returns the oldest and the newest row, if there is any.
pub(super) fn ends(connection: &Connection) -> rusqlite::Result<Option<(Stored, Stored)>> {
    let end = |order: &str| {
        connection.prepare_cached(&format!("{ROWS} ORDER BY seq {order} LIMIT 1"))?.query_row([], Stored::of).optional()
    };
    Ok(end("ASC")?.zip(end("DESC")?))
}

/// Returns the log's id, and whether every post that ever was in it still is.
pub(super) fn log(connection: &Connection) -> rusqlite::Result<(LogId, bool)> {
    connection.query_row("SELECT id, is_complete FROM log", [], |row| {
        let id: [u8; 16] = row.get(0)?;
        Ok((LogId(id), row.get(1)?))
    })
}

/// Gives the log another id.
pub(super) fn rename(connection: &Connection, LogId(id): LogId) -> rusqlite::Result<()> {
    connection.execute("UPDATE log SET id = ?1", [id.as_slice()]).map(drop)
}

/// Moves the content of the WAL into the file, as far as no reader needs it there.
pub(super) fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    connection.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?.query_row([], |_| Ok(()))
}

/// A column whose value never decreases from entry to entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rising {
    At,
    Messages,
}

/// Returns the first entry from `low` up to `high` in whose row the column is `value` or more.
pub(super) fn first_with(
    connection: &Connection,
    (mut low, mut high): (Seq, Seq),
    column: Rising,
    value: i64,
) -> rusqlite::Result<Option<Seq>> {
    let mut statement = connection.prepare_cached(match column {
        Rising::At => "SELECT seq, at FROM entries WHERE seq >= ?1 ORDER BY seq LIMIT 1",
        Rising::Messages => "SELECT seq, messages FROM entries WHERE seq >= ?1 ORDER BY seq LIMIT 1",
    })?;
    let mut found = None;
    while low < high {
        let middle = u64::midpoint(low.0, high.0);
        let row = statement.query_row([number(middle)], |row| Ok((seq(row, 0)?, row.get::<_, i64>(1)?))).optional()?;
        match row {
            Some((seq, other)) if other < value => low = seq + 1,
            Some((seq, _)) => (found, high) = (Some(seq), Seq(middle)),
            None => high = Seq(middle),
        }
    }
    Ok(found)
}

/// Returns the newest posts of an author, in the order of their counters.
pub(super) fn posts(
    connection: &Connection,
    Who(who): Who,
    Instance(instance): Instance,
) -> rusqlite::Result<Vec<(u64, Seq)>> {
    let mut statement = connection.prepare_cached(
        "SELECT counter, seq FROM entries WHERE who = ?1 AND instance = ?2 AND counter IS NOT NULL
         ORDER BY counter DESC LIMIT ?3",
    )?;
    let most = number(POSTS_MAX);
    let found = statement.query_map([signed(who), signed(instance), most], |row| {
        Ok((row.get::<_, i64>(0)?.cast_unsigned(), seq(row, 1)?))
    })?;
    let mut posts: Vec<_> = found.collect::<Result<_, _>>()?;
    posts.reverse();
    Ok(posts)
}

/// Updates the list of who is present according to the log.
pub(super) fn note_presence(connection: &Connection, entry: &Entry<'_>) -> rusqlite::Result<()> {
    let execute =
        |sql: &str, params: &[&dyn rusqlite::ToSql]| connection.prepare_cached(sql)?.execute(params).map(drop);
    match *entry {
        Entry::Joined { who: Who(who), nick } => {
            execute("INSERT OR IGNORE INTO present (who, nick) VALUES (?1, ?2)", &[&signed(who), &nick])
        }
        Entry::Left { who: Who(who), nick, .. } => {
            execute("DELETE FROM present WHERE who = ?1 AND nick = ?2", &[&signed(who), &nick])
        }
        Entry::Renamed { who: Who(who), nick, to } => {
            execute("UPDATE OR REPLACE present SET nick = ?3 WHERE who = ?1 AND nick = ?2", &[&signed(who), &nick, &to])
        }
        Entry::Line { .. } | Entry::Said { .. } | Entry::Did { .. } | Entry::Acted { .. } | Entry::Private { .. } => {
            Ok(())
        }
    }
}

/// Returns who has joined and not left.
pub(super) fn present(connection: &Connection) -> rusqlite::Result<Vec<(Who, String)>> {
    let mut statement = connection.prepare("SELECT who, nick FROM present")?;
    let rows = statement.query_map([], |row| Ok((Who(row.get::<_, i64>(0)?.to_be_bytes()), row.get(1)?)))?;
    rows.collect()
}

/// Stores a claim, or that there is none any more.
pub(super) fn store_claim(connection: &Connection, Seq(seq): Seq, held: Option<&Held>) -> rusqlite::Result<()> {
    let Some(held) = held else {
        return connection.prepare_cached("DELETE FROM claims WHERE seq = ?1")?.execute([number(seq)]).map(drop);
    };
    let mut insert = connection.prepare_cached(
        "INSERT OR REPLACE INTO claims (seq, key, who, nick, first, second, since, seen, is_present)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    let mut skeletons = held.skeletons.iter();
    let (first, second) = (skeletons.next().unwrap_or_default(), skeletons.next().unwrap_or_default());
    let (since, seen) = (number(held.since.0), number(held.seen.0));
    let (key, who) = (held.key.as_slice(), signed(held.who.0));
    insert.execute(params![number(seq), key, who, &*held.nick, first, second, since, seen, held.is_present]).map(drop)
}

/// Returns the claims, without those that cannot have been stored by [`store_claim`].
pub(super) fn claims(connection: &Connection) -> rusqlite::Result<Vec<(Seq, Held)>> {
    let mut statement = connection
        .prepare("SELECT seq, key, who, nick, first, second, since, seen, is_present FROM claims ORDER BY seq")?;
    let mut rows = statement.query([])?;
    let mut claims = Vec::new();
    while let Some(row) = rows.next()? {
        let (first, second): (String, String) = (row.get(4)?, row.get(5)?);
        let second = Some(&*second).filter(|second| !second.is_empty());
        let Some(skeletons) = Skeletons::stored(std::iter::once(&*first).chain(second)) else { continue };
        let held = Held {
            key: row.get(1)?,
            who: Who(row.get::<_, i64>(2)?.to_be_bytes()),
            nick: row.get::<_, String>(3)?.into(),
            skeletons,
            since: Timestamp(row.get::<_, i64>(6)?.cast_unsigned()),
            seen: Timestamp(row.get::<_, i64>(7)?.cast_unsigned()),
            is_present: row.get(8)?,
            ends: Timestamp(0),
        };
        claims.push((seq(row, 0)?, held));
    }
    Ok(claims)
}

/// Stores a record of who may do what, or that there is none any more.
pub(super) fn store_rule(connection: &Connection, name: &Name, record: Option<&Record>) -> rusqlite::Result<()> {
    let failed = |err: postcard::Error| rusqlite::Error::ToSqlConversionFailure(err.to_string().into());
    let mut buffers = [[0; ITEM_MAX]; 2];
    let [for_name, for_record] = &mut buffers;
    let name: &[u8] = postcard::to_slice(name, for_name).map_err(failed)?;
    let Some(record) = record else {
        return connection.prepare_cached("DELETE FROM rules WHERE name = ?1")?.execute([name]).map(drop);
    };
    let record: &[u8] = postcard::to_slice(record, for_record).map_err(failed)?;
    let mut insert = connection.prepare_cached("INSERT OR REPLACE INTO rules (name, record) VALUES (?1, ?2)")?;
    insert.execute(params![name, record]).map(drop)
}

/// Returns the records of who may do what.
///
/// # Errors
/// One of them cannot be read: then nobody can tell who may do what.
pub(super) fn rules(connection: &Connection) -> rusqlite::Result<Vec<(Name, Record)>> {
    let mut statement = connection.prepare("SELECT name, record FROM rules")?;
    let mut rows = statement.query([])?;
    let mut rules = Vec::new();
    while let Some(row) = rows.next()? {
        let (name, record) = (row.get_ref(0)?.as_blob()?, row.get_ref(1)?.as_blob()?);
        let decoded = postcard::from_bytes(name).ok().zip(postcard::from_bytes(record).ok());
        rules.push(decoded.ok_or_else(bad_rules)?);
    }
    Ok(rules)
}

/// Returns the error of a file whose records cannot be right.
pub(super) fn bad_rules() -> rusqlite::Error {
    let what = "who may do what cannot be read: its table 'rules' is damaged";
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT), Some(what.into()))
}

/// Keeps a copy of an act.
pub(super) fn insert_act(connection: &Connection, Seq(seq): Seq, entry: &[u8]) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached("INSERT OR IGNORE INTO acts (seq, entry) VALUES (?1, ?2)")?;
    insert.execute(params![number(seq), entry]).map(drop)
}

/// Passes the copies of all acts to `each`, in order.
pub(super) fn acts(
    connection: &Connection,
    mut each: impl FnMut(Seq, &[u8]) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT seq, entry FROM acts ORDER BY seq")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(seq(row, 0)?, row.get_ref(1)?.as_blob().unwrap_or_default())?;
    }
    Ok(())
}

/// Returns a number that changes when others have written.
pub(super) fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}
