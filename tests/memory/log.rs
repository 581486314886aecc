//! The log on disk: committed entries survive whatever happens to the file, and entries that cannot be committed are reported.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // tests are allowed to

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::common::Process;
use crate::common::world::{World, open_log};
use udpchat::log::sqlite::history::{Reader, Slice};
use udpchat::log::sqlite::{Keep, Sqlite, Sync};
use udpchat::log::{Outcome, Rejection, Request, RequestId, State, Store};
use udpchat::server::{Config, DropReason};
use udpchat::wire::entry::Entry;
use udpchat::wire::{LogId, Seq, Timestamp};

const JILL: &str = "10.0.0.2:1000";

fn open_with(path: &Path, keep: Keep) -> World<Sqlite> {
    World::with_store(Config { rate: None, ..crate::common::world::config() }, open_log(path, keep))
}

fn open(path: &Path) -> World<Sqlite> {
    open_with(path, Keep::default())
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("room.db");
    (folder, path)
}

/// Posts lines with these numbers, a hundred a turn.
fn say(world: &mut World<Sqlite>, numbers: std::ops::Range<u64>) {
    for number in numbers {
        world.receive(JILL, format!("jill: {number}"));
        if number % 100 == 99 {
            world.run();
        }
    }
    world.run();
}

fn rejected(world: &World<Sqlite>) -> u64 {
    world.server.counters().dropped(DropReason::Rejected)
}

/// Reads the number and line of each entry in the file; gaps are left out.
fn read(path: &Path) -> Vec<(u64, String)> {
    let reader = Reader::open(path).unwrap();
    let (from, to) = reader.range().unwrap();
    let line = |entry: &[u8]| {
        let mut line = String::new();
        Entry::decode(entry).unwrap().render(&mut line);
        line
    };
    let records = reader.slice(from, to).unwrap().records;
    records.iter().filter(|record| !record.entry.is_empty()).map(|record| (record.seq.0, line(&record.entry))).collect()
}

fn lines(numbers: std::ops::Range<u64>) -> Vec<(u64, String)> {
    numbers.map(|number| (number, format!("jill: {number}"))).collect()
}

/// Returns the next number and the oldest one.
fn ends(store: &mut Sqlite) -> (Seq, Option<Seq>) {
    let opening = store.open();
    (opening.next, opening.oldest)
}

/// Takes everything that the log reports beside entries, so that the server does not see it.
fn told(store: &mut Sqlite) -> Vec<Outcome<'static>> {
    let mut all = Vec::new();
    while let Some(told) = store.poll() {
        match told {
            Outcome::Appended(_) => {}
            Outcome::Page { id, page } => all.push(Outcome::Page { id, page }),
            Outcome::Rewritten { from, to } => all.push(Outcome::Rewritten { from, to }),
            Outcome::State(state) => all.push(Outcome::State(state)),
            Outcome::Truncated { oldest } => all.push(Outcome::Truncated { oldest }),
            other @ (Outcome::Rejected { .. } | Outcome::Known { .. } | Outcome::NewLog(_)) => panic!("{other:?}"),
        }
    }
    all
}

/// Returns whether the log reports that its entries must be read again.
fn is_rewritten(store: &mut Sqlite) -> bool {
    told(store).iter().any(|told| matches!(told, Outcome::Rewritten { .. }))
}

/// Lets the store do maintenance until nothing more is due at once; returns the number of steps.
fn maintain(world: &mut World<Sqlite>, now: u64) -> usize {
    (0..).find(|_| world.store.maintain(Timestamp(now)) != Some(Duration::ZERO)).unwrap()
}

#[test]
fn what_was_committed_is_there_when_it_is_opened_again_and_the_numbers_go_on() {
    let (_folder, path) = folder();
    let mut world = open(&path);
    say(&mut world, 0..250);
    drop(world);
    let mut world = open(&path);
    assert_eq!(ends(&mut world.store), (Seq(250), Some(Seq(0))));
    say(&mut world, 250..300);
    assert_eq!(read(&path), lines(0..300));
    assert_eq!(rejected(&world), 0);
}

#[test]
fn after_a_loss_of_power_no_number_means_something_else_to_who_has_seen_it() {
    let (_folder, path) = folder();
    let lock = format!("{}-lock", path.display());
    let reopen = |sync, fresh| Sqlite::open(&path, sync, Keep::default(), LogId([fresh; 16])).unwrap();
    let mut world = open(&path);
    say(&mut world, 0..10);
    let this_boot = fs::read_to_string(&lock).unwrap();
    if this_boot.is_empty() {
        return; // The system does not identify its boots.
    }
    drop(world);
    assert_eq!(fs::read_to_string(&lock).unwrap(), "", "all is on the disk");
    // As a killed server leaves it.
    fs::write(&lock, &this_boot).unwrap();
    assert_eq!(reopen(Sync::Normal, 2).id(), LogId([1; 16]));
    // As after a crash of the machine.
    fs::write(&lock, "another boot\n").unwrap();
    let mut store = reopen(Sync::Full, 3);
    assert_eq!(
        (store.id(), store.open().next),
        (LogId([3; 16]), Seq(10)),
        "all that is there is kept, as another log's"
    );
    assert_eq!(fs::read_to_string(&lock).unwrap(), "", "with --sync full nothing is lost");
    drop(store);
    assert_eq!(reopen(Sync::Normal, 4).id(), LogId([3; 16]));
}

#[test]
fn a_long_line_is_kept_as_the_entries_that_it_was_cut_into() {
    let (_folder, path) = folder();
    let mut world = open(&path);
    world.receive(JILL, "SIGNUP_TAG:jill");
    world.receive(JILL, format!("jill: {}", "x".repeat(1500)));
    world.run();
    let kept: Vec<_> = read(&path).into_iter().map(|(_, line)| line).collect();
    let sent: Vec<_> = world.sent.iter().map(|(_, _, bytes)| String::from_utf8(bytes.clone()).unwrap()).collect();
    assert_eq!(kept, sent);
    assert_eq!(kept.len(), 3);
}

#[test]
fn times_never_go_back_even_if_the_clock_does() {
    let (_folder, path) = folder();
    let mut world = open(&path);
    for at in [5000, 3000, 7000] {
        world.server.set_wall(Timestamp(at));
        say(&mut world, at..at + 1);
    }
    let reader = Reader::open(&path).unwrap();
    let times: Vec<_> = reader.slice(Seq(0), Seq(3)).unwrap().records.iter().map(|record| record.at.0).collect();
    assert_eq!(times, [5000, 5000, 7000]);
    assert_eq!(reader.first_since(Timestamp(5001)).unwrap(), Seq(2));
    assert_eq!(reader.first_since(Timestamp(7001)).unwrap(), Seq(3), "nothing yet");
}

#[test]
fn what_is_not_among_so_many_is_forgotten_bit_by_bit_and_the_numbers_go_on() {
    let (_folder, path) = folder();
    let mut world = open_with(&path, Keep { entries: Some(10), age: None });
    say(&mut world, 0..1000);
    assert_eq!(maintain(&mut world, 10_000), 8, "128 at a time");
    assert_eq!(read(&path), lines(990..1000));
    assert_eq!(world.store.open().oldest, Some(Seq(990)));
    drop(world);
    let mut world = open_with(&path, Keep { entries: Some(1), age: None });
    maintain(&mut world, 10_000);
    assert_eq!(read(&path), lines(999..1000), "the newest stays, for the numbers go on from it");
    say(&mut world, 1000..1001);
    assert_eq!(read(&path), lines(999..1001));
}

#[test]
fn what_is_too_old_is_forgotten() {
    let (_folder, path) = folder();
    let mut world = open_with(&path, Keep { entries: None, age: Some(Duration::from_secs(60)) });
    for minute in 0..10 {
        world.server.set_wall(Timestamp(minute * 60_000));
        say(&mut world, minute..minute + 1);
    }
    maintain(&mut world, 9 * 60_000);
    assert_eq!(read(&path), lines(8..10));
    maintain(&mut world, 20 * 60_000);
    assert_eq!(read(&path), lines(9..10));
}

/// Overwrites the page of the file that contains this text.
fn damage(path: &Path, text: &str) {
    let bytes = fs::read(path).unwrap();
    let at = bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&[0xff; 4096], (at - at % 4096) as u64).unwrap();
}

#[test]
fn of_a_damaged_file_what_can_be_read_is_saved_and_the_rest_is_a_gap() {
    // Damage in the middle, which is found when somebody reads there.
    let (_folder, path) = folder();
    let mut world = open(&path);
    say(&mut world, 0..5000);
    drop(world);
    damage(&path, "jill: 2500");
    let mut world = open(&path);
    world.store.request(&Request::Page { id: RequestId(1), from: Seq(2432), to: Seq(2560) });
    let told = told(&mut world.store);
    assert!(told.iter().any(|told| matches!(told, Outcome::Page { page, .. } if page.is_unreadable())));
    assert!(told.iter().any(|told| matches!(told, Outcome::State(State::Failing(Rejection::Damaged)))));
    say(&mut world, 5000..5001);
    assert_eq!(rejected(&world), 1, "until it is mended");
    let steps = maintain(&mut world, 1);
    assert!(steps > 10, "bit by bit: {steps}");
    assert!(is_rewritten(&mut world.store));
    say(&mut world, 5001..5002);
    assert_eq!((rejected(&world), world.store.open().next), (1, Seq(5001)), "then it goes on, with the next number");
    let kept = read(&path);
    assert!(kept.len() > 4800 && kept.len() < 5001, "{}", kept.len());
    assert!(kept.iter().all(|(number, line)| *line == format!("jill: {}", number + number / 5000)));
    assert!(path.with_extension("db.damaged-1").exists(), "nothing is thrown away");
    drop(world);
    assert_eq!(open(&path).store.open().next, Seq(5001));
}

#[test]
fn of_a_damaged_file_that_no_server_has_mended_the_rest_can_be_read() {
    let (_folder, path) = folder();
    let mut world = open(&path);
    say(&mut world, 0..5000);
    drop(world);
    damage(&path, "jill: 2500");
    let Slice { records, unreadable } = Reader::open(&path).unwrap().slice(Seq(0), Seq(5000)).unwrap();
    assert!(unreadable > 0 && records.len() > 4800, "{unreadable} of {}", records.len());
    assert_eq!(records.len() as u64 + unreadable, 5000);
    // The last 4,000 are counted from the end, then shown in order.
    let args = ["history", "--db", path.to_str().unwrap(), "-n", "4000"];
    let mut history = Process::start(&mut crate::common::udpchat_with(&args));
    assert_eq!(history.code(), 1);
    assert_eq!(history.stdout.to_end().matches("jill: ").count(), 4000);
    assert!(history.stderr.to_end().contains(&format!("{unreadable} entries of ")), "each is counted once");
}

#[test]
fn the_numbers_go_on_even_if_the_newest_entries_cannot_be_read() {
    let (_folder, path) = folder();
    let mut world = open(&path);
    say(&mut world, 0..5000);
    // The checkpoint moves the newest entries into the file's own pages; once these are damaged, only memory has the end.
    drop(rusqlite::Connection::open(&path).unwrap().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())));
    damage(&path, "jill: 4999");
    // SQLite reads pages again once another connection has changed the file.
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute("UPDATE entries SET entry = x'' WHERE seq = 0", []).unwrap();
    say(&mut world, 5000..5001);
    assert_eq!(rejected(&world), 1);
    drop(other);
    maintain(&mut world, 1);
    say(&mut world, 5001..5002);
    assert_eq!((rejected(&world), world.store.open().next), (1, Seq(5001)));
    drop(world);
    assert_eq!(open(&path).store.open().next, Seq(5001));
}

#[test]
fn a_log_whose_file_is_removed_is_made_anew_with_all_that_was_in_it() {
    for gone in [&["", "-wal", "-shm", "-lock"][..], &[""], &["-wal"]] {
        let (_folder, path) = folder();
        let mut world = open(&path);
        say(&mut world, 0..1000);
        for suffix in gone {
            fs::remove_file(format!("{}{suffix}", path.display())).unwrap();
        }
        say(&mut world, 1000..1001);
        assert_eq!(rejected(&world), 1, "{gone:?}");
        maintain(&mut world, 1);
        say(&mut world, 1001..1002);
        assert_eq!((rejected(&world), world.store.open().next), (1, Seq(1001)), "{gone:?}");
        drop(world);
        let kept = read(&path);
        assert_eq!((&kept[..1000], kept.len()), (&lines(0..1000)[..], 1001), "{gone:?}");
        assert!(Sqlite::open(&path, Sync::Normal, Keep::default(), LogId([2; 16])).is_ok(), "{gone:?}");
    }
}

#[test]
fn a_log_whose_folder_is_removed_comes_back_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er/room.db");
    let mut world = open(&path);
    say(&mut world, 0..100);
    fs::remove_dir_all(folder.path().join("deep")).unwrap();
    say(&mut world, 100..101);
    assert_eq!(rejected(&world), 1);
    // While something is in the way, the log keeps trying.
    fs::write(folder.path().join("deep"), "a file").unwrap();
    assert!(world.store.maintain(Timestamp(1)).is_some_and(|again| !again.is_zero()));
    fs::remove_file(folder.path().join("deep")).unwrap();
    maintain(&mut world, 1);
    say(&mut world, 101..102);
    assert_eq!((rejected(&world), read(&path).len()), (1, 101));
}

#[test]
fn another_file_in_its_place_is_left_alone_and_the_log_goes_on_when_it_is_back() {
    let (folder, path) = folder();
    let mut world = open(&path);
    say(&mut world, 0..10);
    let aside = |suffix: &str| folder.path().join(format!("aside{suffix}"));
    let here = |suffix: &str| format!("{}{suffix}", path.display());
    for suffix in ["", "-wal", "-shm"] {
        fs::rename(here(suffix), aside(suffix)).unwrap();
    }
    fs::write(&path, "somebody else's").unwrap();
    say(&mut world, 10..11);
    maintain(&mut world, 1);
    assert_eq!((rejected(&world), fs::read_to_string(&path).unwrap()), (1, "somebody else's".into()));
    for suffix in ["", "-wal", "-shm"] {
        fs::rename(aside(suffix), here(suffix)).unwrap();
    }
    maintain(&mut world, 2);
    say(&mut world, 10..11);
    assert_eq!((rejected(&world), read(&path)), (1, lines(0..11)));
}

#[test]
fn what_is_forgotten_by_name_is_a_gap_for_the_server_that_runs_too() {
    let (_folder, path) = folder();
    let mut world = open(&path);
    say(&mut world, 0..10);
    world.receive("10.0.0.3:1", "jack: my secret");
    say(&mut world, 11..12);
    world.store.maintain(Timestamp(1000));
    assert!(!is_rewritten(&mut world.store));
    let erased = udpchat::log::sqlite::history::erase(
        &path,
        |entry| matches!(entry, Entry::Line { text } if text.starts_with("jack: ")),
    );
    assert_eq!(erased.unwrap(), 1);
    world.store.maintain(Timestamp(2000));
    assert!(is_rewritten(&mut world.store));
    assert_eq!(world.store.open().next, Seq(12));
    assert_eq!(read(&path).len(), 11);
    drop(world);
    let bytes = fs::read(&path).unwrap();
    assert!(!bytes.windows(9).any(|window| window == b"my secret"), "not in what is free in the file either");
}
