//! One user on several devices: how far the user has read.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used)] // tests are allowed to

use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{Process, at_home, new_home, serve_at_home, udpchat_with};

/// A room with a home of its own, and a user with one key and two devices.
struct Room {
    home: TempDir,
    server: Process,
    name: String,
    desk: PathBuf,
    phone: PathBuf,
}

impl Room {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let (server, name) = serve_at_home(home.path(), "127.0.0.1:0", &[]);
        let (desk, phone) = (new_home(), new_home());
        // Made by the first run, and taken along.
        assert_eq!(at_home(&desk, &["key"]).code(), 0);
        let room = Self { home, server, name, desk, phone };
        room.say(&room.desk, "jill", "my key is new");
        std::fs::create_dir_all(room.phone.join("udpchat")).unwrap();
        std::fs::copy(room.desk.join("udpchat/client.key"), room.phone.join("udpchat/client.key")).unwrap();
        room
    }

    fn say(&self, home: &Path, nick: &str, text: &str) {
        assert_eq!(at_home(home, &["send", "--nick", nick, "--server", &self.name, text]).code(), 0);
    }

    fn at_terminal(&self, home: &Path) -> Process {
        let mut command = udpchat_with(&["join", "--nick", "jill", "--server", &self.name]);
        Process::start_on_terminal(command.env("XDG_STATE_HOME", home).env("TERM", "dumb"))
    }

    fn in_json(&self, home: &Path, nick: &str) -> Process {
        let joined = at_home(home, &["join", "--nick", nick, "--server", &self.name, "--json"]);
        joined.stdout.wait_for("\"event\":\"joined\"");
        joined
    }
}

/// Returns the numbers of the `read` events.
fn reads(shown: &str) -> Vec<u64> {
    let events = shown.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.filter(|event| event["event"] == "read").map(|event| event["before"].as_u64().unwrap()).collect()
}

#[test]
fn what_was_read_at_the_desk_is_read_on_the_phone_also_after_a_restart_and_for_nobody_else() {
    let mut room = Room::new();
    let phone = room.in_json(&room.phone, "jill");
    let jack = room.in_json(&new_home(), "jack");
    let mut desk = room.at_terminal(&room.desk);
    room.say(&new_home(), "ann", "first");
    desk.stdout.wait_for("ann: first");
    desk.enter("I have seen that\n");
    phone.stdout.wait_for("\"event\":\"read\"");
    // What is read is told at once, and may overtake the line.
    let shown = phone.stdout.wait_for("\"text\":\"first\"");
    let before = *reads(&shown).last().unwrap();
    let first: Value = shown
        .lines()
        .find(|line| line.contains("\"text\":\"first\""))
        .map(|line| serde_json::from_str(line).unwrap())
        .unwrap();
    assert!(before > first["seq"].as_u64().unwrap(), "{shown}");
    room.say(&new_home(), "ann", "second");
    jack.stdout.wait_for("second");
    assert!(!jack.stdout.so_far().contains("\"event\":\"read\""), "that is jill's business");
    // Once the server has stored it, it may be killed.
    let log = rusqlite::Connection::open(room.home.path().join("udpchat/room.db")).unwrap();
    while log.query_row("SELECT max(next) FROM reads", [], |row| row.get(0)) != Ok(Some(before.cast_signed())) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    drop(log);
    room.server.signal(Signal::SIGKILL);
    room.server.wait();
    room.server = serve_at_home(room.home.path(), &room.name.clone(), &[]).0;
    drop((phone, desk));
    let again = room.in_json(&room.phone, "jill");
    let told = *reads(&again.stdout.wait_for("\"event\":\"read\"")).last().unwrap();
    assert!(told >= before, "{told} after {before}");
}

#[test]
fn a_terminal_shows_where_the_user_stopped_elsewhere() {
    let room = Room::new();
    let mut desk = room.at_terminal(&room.desk);
    room.say(&new_home(), "ann", "one");
    desk.stdout.wait_for("ann: one");
    desk.enter("read\n");
    desk.stdout.wait_for("jill: read");
    desk.enter("!q\n");
    desk.wait();
    room.say(&new_home(), "ann", "two");
    room.say(&new_home(), "ann", "three");
    let phone = room.at_terminal(&room.phone);
    let shown = phone.stdout.wait_for("ann: three");
    let seam = shown.find("--- you have read up to here elsewhere ---").unwrap_or_else(|| panic!("no seam: {shown}"));
    assert!(shown.find("ann: one").unwrap() < seam && seam < shown.find("ann: two").unwrap(), "{shown}");
}
