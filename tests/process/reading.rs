//! Reading what another server has logged: `udpchat history --server`.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used)] // tests are allowed to

use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::common::{Process, at_home, new_home, original_server, serve_at_home};

/// A room with a home of its own, and the home of who reads.
struct Room {
    home: TempDir,
    server: Process,
    name: String,
    reader: PathBuf,
}

impl Room {
    fn new(args: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let (server, name) = serve_at_home(home.path(), "127.0.0.1:0", args);
        Self { home, server, name, reader: new_home() }
    }

    /// Sends these lines under this nick.
    fn send_all(&self, home: &Path, nick: &str, lines: impl IntoIterator<Item = impl ToString>) {
        let mut process = at_home(home, &["send", "--nick", nick, "--server", &self.name, "-t", "20s", "-"]);
        process.enter(&lines.into_iter().map(|line| line.to_string() + "\n").collect::<String>());
        process.close_input();
        assert_eq!(process.code(), 0, "{}", process.stderr.so_far());
    }

    /// Runs `udpchat history`. Returns its exit code, its output, and what it says besides.
    fn history(&self, home: &Path, args: &[&str]) -> (i32, String, String) {
        let mut process = at_home(home, &[&["history"], args].concat());
        (process.code(), process.stdout.to_end(), process.stderr.to_end())
    }

    fn remote(&self, home: &Path, args: &[&str]) -> String {
        let (code, shown, said) = self.history(home, &[&["--server", &self.name], args].concat());
        assert_eq!(code, 0, "{said}");
        shown
    }
}

#[test]
fn a_server_is_read_as_a_log_on_this_machine_is_with_every_option() {
    let room = Room::new(&["--rate", "off"]);
    let jack = new_home();
    room.send_all(&jack, "jack", 0..700);
    room.send_all(&room.reader, "jill", ["one", "two", "three"]);
    let long = "x".repeat(990);
    room.send_all(&jack, "jack", (0..40).map(|number| format!("{number} {}", &long[8..])));
    let file = room.reader.join("exported");
    let (file, db) = (file.to_str().unwrap(), room.home.path().join("udpchat/room.db").display().to_string());
    let all: [&[&str]; 10] = [
        &[],
        &["--json"],
        &["-n", "7"],
        &["-n", "300", "--from", "jack"],
        &["--from", "jill"],
        &["--grep", "^jack: 6.0$"],
        &["--grep", "nothing of that kind"],
        &["--since", "1h", "-n", "5"],
        &["--until", "1h"],
        &["--export", file],
    ];
    for args in all {
        let (code, shown, said) = room.history(&room.reader, &[&["--db", &db], args].concat());
        assert_eq!(code, 0, "{said}");
        let exported = std::fs::read_to_string(file).unwrap_or_default();
        let before = shown.lines().count();
        assert_eq!(room.remote(&room.reader, args), shown, "{args:?}: {before} lines");
        assert_eq!(std::fs::read_to_string(file).unwrap_or_default(), exported);
    }
    assert!(std::fs::read_to_string(file).unwrap().lines().count() > 700);
}

#[test]
fn nobody_notices_who_reads_and_only_the_two_can_read_what_is_private() {
    let room = Room::new(&[]);
    let (jack, ann) = (new_home(), new_home());
    let join = |home: &Path, nick| {
        let joined = at_home(home, &["join", "--nick", nick, "--server", &room.name]);
        joined.stdout.wait_for(&format!("{nick} joined!\n"));
        joined
    };
    let (mut jill, mut jack_here) = (join(&room.reader, "jill"), join(&jack, "jack"));
    jack_here.enter("for all\n");
    jill.stdout.wait_for("jack: for all\n");
    jack_here.enter("/msg jill only for you\n");
    jill.stdout.wait_for("[private] jack: only for you\n");
    let of_jill = room.remote(&room.reader, &[]);
    assert!(of_jill.contains("[private] jack: only for you\n"), "{of_jill}");
    let of_jack = room.remote(&jack, &["--grep", "private"]);
    assert!(of_jack.contains("[private to] jill: (you wrote this elsewhere)\n"), "{of_jack}");
    let of_ann = room.remote(&ann, &["--json"]);
    assert!(of_ann.contains("for all") && !of_ann.contains("private"), "{of_ann}");
    let json = room.remote(&room.reader, &["--json", "--from", "jack"]);
    assert!(json.contains("\"kind\":\"private\"") && json.contains("\"text\":\"only for you\""), "{json}");
    jill.enter("!q\n");
    jill.wait();
    jack_here.enter("!q\n");
    jack_here.wait();
    let shown = jack_here.stdout.to_end();
    assert!(!shown.contains("history "), "nobody came and went: {shown}");
}

#[test]
fn following_a_server_shows_what_comes_and_outlives_its_restart() {
    let mut room = Room::new(&[]);
    let jack = new_home();
    room.send_all(&jack, "jack", ["before"]);
    let mut follower = at_home(&room.reader, &["history", "--server", &room.name, "--follow", "-n", "1"]);
    follower.stdout.wait_for("jack: before\n");
    room.send_all(&jack, "jack", ["one"]);
    follower.stdout.wait_for("jack: one\n");
    room.server.signal(Signal::SIGTERM);
    room.server.wait();
    room.server = serve_at_home(room.home.path(), &room.name, &[]).0;
    room.send_all(&jack, "jack", ["two"]);
    let shown = follower.stdout.wait_for("jack: two\n");
    assert_eq!(shown.matches("jack: one\n").count(), 1, "{shown}");
    follower.signal(Signal::SIGINT);
    assert_eq!(follower.code(), 130);
}

#[test]
fn a_closed_room_is_read_by_those_who_are_known() {
    let room = Room::new(&["--access", "known"]);
    let (code, _, said) = room.history(&room.reader, &["--server", &room.name]);
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("only known keys may come in"), "{said}");
}

#[test]
fn an_original_server_has_no_history_and_one_that_is_not_there_is_said_to_be_so() {
    if let Some((_original, port)) = original_server() {
        let home = new_home();
        let mut process = at_home(&home, &["history", "--server", &format!("127.0.0.1:{port}"), "-t", "1s"]);
        assert_eq!(process.code(), 4, "{}", process.stderr.so_far());
        let said = process.stderr.to_end();
        assert!(said.contains("has no earlier entries"), "{said}");
    }
    let closed = crate::common::closed_port().to_string();
    let mut process = at_home(&new_home(), &["history", "--server", &closed, "-t", "1s"]);
    assert_eq!(process.code(), 3, "{}", process.stderr.so_far());
}

#[test]
fn following_ends_with_a_word_when_the_server_begins_a_new_log() {
    let mut room = Room::new(&["--db", ":memory:"]);
    let jack = new_home();
    room.send_all(&jack, "jack", 0..8);
    let mut follower = at_home(&room.reader, &["history", "--server", &room.name, "--follow"]);
    follower.stdout.wait_for("jack: 7\n");
    room.server.signal(Signal::SIGTERM);
    room.server.wait();
    room.server = serve_at_home(room.home.path(), &room.name, &["--db", ":memory:"]).0;
    assert_eq!(follower.code(), 1);
    assert!(follower.stderr.to_end().contains("has begun a new room meanwhile: start again"));
}

#[test]
fn a_timeout_is_for_servers_only() {
    let mut process = at_home(&new_home(), &["history", "--timeout", "1s"]);
    assert_eq!(process.code(), 2);
}
