//! Whose a nick is outlives whatever happens to the log's file, and nothing that the file did not take counts.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, clippy::disallowed_types)] // tests are allowed to

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::common::world::open_log;
use udpchat::log::sqlite::history::erase;
use udpchat::log::sqlite::{Keep, Sqlite, Sync};
use udpchat::log::{Draft, DraftId, Outcome, Store};
use udpchat::policy::names::{self, Skeletons};
use udpchat::session::StaticKey;
use udpchat::wire::entry::{Act, Claim, Entry, Tail, Terms};
use udpchat::wire::{CloseReason, LogId, Timestamp, Who};
use zeroize::Zeroizing;

fn key(number: u8) -> ([u8; 32], Who) {
    let key = StaticKey::from_secret(Zeroizing::new([number; 32])).public();
    (key.0, key.who())
}

fn submit(store: &mut Sqlite, entry: Entry<'_>, claim: Option<Claim<'_>>) {
    submit_with(store, entry, claim.map(Tail::Claim));
}

fn submit_with(store: &mut Sqlite, entry: Entry<'_>, tail: Option<Tail<'_>>) {
    let (id, source, prefix_len, post, at) = (DraftId(0), 0, 0, None, Timestamp(1_700_000_000_000));
    store.submit(&Draft { id, source, entry, prefix_len, tail, post, at });
}

/// Has the key become present under the nick, and claim it.
fn join(store: &mut Sqlite, number: u8, nick: &str) {
    let ((key, who), skeletons) = (key(number), Skeletons::of(nick));
    let first = skeletons.iter().next().unwrap();
    let second = skeletons.iter().nth(1).unwrap_or_default();
    submit(store, Entry::Joined { who, nick }, Some(Claim { key, tables: names::TABLES, first, second }));
}

fn leave(store: &mut Sqlite, number: u8, nick: &str) {
    submit(store, Entry::Left { who: key(number).1, nick, why: CloseReason::Left }, None);
}

/// Returns whose the nick is when a server begins with the log.
fn holder(store: &mut Sqlite, nick: &str) -> Option<Who> {
    let opening = store.open();
    opening.policy.holders(&Skeletons::of(nick), Timestamp(0)).next().map(|held| held.who)
}

fn flush(store: &mut Sqlite) -> usize {
    store.flush();
    std::iter::from_fn(|| store.poll().map(|outcome| matches!(outcome, Outcome::Appended(_)))).filter(|&is| is).count()
}

#[test]
fn whose_a_nick_is_outlives_the_server_and_the_entries_that_made_it_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("room.db");
    let mut store = open_log(&path, Keep::default());
    join(&mut store, 1, "jill");
    join(&mut store, 2, "JILL");
    join(&mut store, 2, "jack");
    leave(&mut store, 2, "jack");
    assert_eq!(flush(&mut store), 4);
    let before = format!("{:?}", store.open().policy);
    drop(store);
    // Only the newest entry is kept.
    let mut store = open_log(&path, Keep { age: None, entries: Some(1) });
    assert_eq!(format!("{:?}", store.open().policy), before);
    while store.maintain(Timestamp(1_700_000_100_000)) == Some(Duration::ZERO) {}
    assert_eq!(store.len(), 1);
    drop(store);
    let mut store = open_log(&path, Keep::default());
    assert_eq!(["jill", "jack"].map(|nick| holder(&mut store, nick)), [Some(key(1).1), Some(key(2).1)]);
}

#[test]
fn what_the_disk_did_not_take_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("room.db");
    let mut store = open_log(&path, Keep::default());
    join(&mut store, 1, "jill");
    assert_eq!(flush(&mut store), 1);
    join(&mut store, 2, "jack");
    leave(&mut store, 1, "jill");
    // The file is gone when the turn ends: all of it is rejected.
    fs::rename(&path, folder.path().join("elsewhere")).unwrap();
    assert_eq!(flush(&mut store), 0);
    assert_eq!(["jill", "jack"].map(|nick| holder(&mut store, nick)), [Some(key(1).1), None]);
    // A file made anew has what the old one had.
    while store.maintain(Timestamp(1_700_000_100_000)) == Some(Duration::ZERO) {}
    join(&mut store, 2, "jack");
    assert_eq!(flush(&mut store), 1);
    drop(store);
    let mut store = open_log(&path, Keep::default());
    assert_eq!(["jill", "jack"].map(|nick| holder(&mut store, nick)), [Some(key(1).1), Some(key(2).1)]);
}

/// Returns the copies of the acts in the file.
fn acts(path: &Path) -> Vec<String> {
    let connection = rusqlite::Connection::open(path).unwrap();
    let mut acts = connection.prepare("SELECT entry FROM acts ORDER BY seq").unwrap();
    let acts = acts.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    let rendered = acts.map(|entry| {
        let mut line = String::new();
        Entry::decode(&entry.unwrap()).unwrap().render(&mut line);
        line
    });
    rendered.collect()
}

#[test]
fn who_used_a_right_is_known_when_the_entry_is_long_gone_and_in_a_file_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("room.db");
    let mut store = open_log(&path, Keep { age: None, entries: Some(1) });
    join(&mut store, 1, "jill");
    let ((owners, owner), who, until) = (key(9), key(1).1, Timestamp(0));
    let owned = Entry::Acted { who: Who::SERVER, nick: "", act: Act::Owner, whom: owner, of: "", until, why: "" };
    submit_with(&mut store, owned, Some(Tail::Terms(Terms { key: owners, ..Terms::default() })));
    submit(
        &mut store,
        Entry::Acted { who: owner, nick: "", act: Act::Release, whom: who, of: "jill", until, why: "" },
        None,
    );
    // Everybody gives their own nicks back, as often as they like: no right is used.
    join(&mut store, 1, "jane");
    submit(
        &mut store,
        Entry::Acted { who, nick: "jane", act: Act::Release, whom: who, of: "jane", until, why: "" },
        None,
    );
    leave(&mut store, 1, "jill");
    assert_eq!(flush(&mut store), 6);
    while store.maintain(Timestamp(1_700_000_100_000)) == Some(Duration::ZERO) {}
    assert_eq!(store.len(), 1);
    assert_eq!(acts(&path), ["The server set the owner of this room", "The owner released the nick jill"]);
    fs::rename(&path, folder.path().join("elsewhere")).unwrap();
    join(&mut store, 2, "jack");
    assert_eq!(flush(&mut store), 0, "its file is gone");
    while store.maintain(Timestamp(1_700_000_200_000)) == Some(Duration::ZERO) {}
    assert_eq!(acts(&path), ["The server set the owner of this room", "The owner released the nick jill"]);
    assert_eq!(holder(&mut store, "jill"), None);
    drop(store);
    // Who has a key's entries overwritten means these too.
    erase(&path, |entry| matches!(entry, Entry::Acted { who, .. } if *who == owner)).unwrap();
    assert_eq!(acts(&path), ["The server set the owner of this room"]);
}

#[test]
fn a_file_whose_claims_cannot_be_read_is_not_served() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("room.db");
    let mut store = open_log(&path, Keep::default());
    for number in 1..200 {
        join(&mut store, number, &format!("member{number}"));
    }
    flush(&mut store);
    drop(store);
    let root: i64 = {
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        connection.query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'claims'", [], |row| row.get(0)).unwrap()
    };
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&[0xff; 4096], u64::try_from(root - 1).unwrap() * 4096).unwrap();
    let err = Sqlite::open(&path, Sync::Normal, Keep::default(), LogId([1; 16])).unwrap_err();
    assert!(err.to_string().contains("is damaged"), "{err}");
}

#[test]
fn twenty_thousand_nicks_are_read_back_with_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("room.db");
    let mut store = open_log(&path, Keep::default());
    for number in 1..=20_000_u32 {
        let (nick, key) = (format!("member{number}"), [number.to_be_bytes(); 8].concat());
        let (who, skeletons) = (Who(key[..8].try_into().unwrap()), Skeletons::of(&nick));
        let first = skeletons.iter().next().unwrap();
        let claim = Claim { key: key.try_into().unwrap(), tables: names::TABLES, first, second: "" };
        submit(&mut store, Entry::Joined { who, nick: &nick }, Some(claim));
    }
    assert_eq!(flush(&mut store), 20_000);
    drop(store);
    let begun = Instant::now();
    let mut store = open_log(&path, Keep::default());
    let len = store.open().policy.len();
    // Read with --nocapture; docs/PERFORMANCE.md has the figure.
    println!("{len} nicks read in {:?}", begun.elapsed());
    assert_eq!(len, 20_000);
}
