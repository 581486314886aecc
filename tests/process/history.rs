//! The room's log: returning members are shown the messages that they missed, new members the last ones, and `udpchat history`
//! shows all.
#![allow(clippy::unwrap_used)] // tests are allowed to
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{Process, Server, new_home, receive, udpchat_with};
use nix::sys::signal::Signal;
use serde_json::Value;

/// A server with a log in a file, and its users' home.
struct Room {
    home: PathBuf,
    db: String,
    server: Server,
}

impl Room {
    fn new(args: &[&str]) -> Self {
        let home = new_home();
        let db = home.join("room.db").display().to_string();
        let server = Server::start(&[&["--db", &db], args].concat());
        Self { home, db, server }
    }

    /// Restarts the server with the same address and log and other options.
    fn restart(self, args: &[&str]) -> Self {
        let Self { home, db, server } = self;
        let name = server.name();
        drop(server);
        let server = Server::start_on(&name, &[&["--db", &db], args].concat());
        Self { home, db, server }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = udpchat_with(args);
        command.env("XDG_STATE_HOME", &self.home).env("UDPCHAT_SERVER", self.server.name()).env("TZ", "UTC");
        command
    }

    fn send(&self, nick: &str, text: &str) {
        assert_eq!(Process::start(&mut self.command(&["send", "-n", nick, text])).code(), 0);
    }

    /// Sends these lines under this nick.
    fn send_all(&self, nick: &str, lines: impl IntoIterator<Item = impl ToString>) {
        let mut process = Process::start(&mut self.command(&["send", "-n", nick, "-t", "20s", "-"]));
        process.enter(&lines.into_iter().map(|line| line.to_string() + "\n").collect::<String>());
        process.close_input();
        assert_eq!(process.code(), 0);
    }

    fn join(&self, nick: &str, args: &[&str]) -> Process {
        Process::start(self.command(&["join", "-n", nick]).args(args))
    }

    /// Joins, leaves once all earlier messages are shown, and returns stdout and stderr.
    fn visit(&self, nick: &str, args: &[&str]) -> (String, String) {
        let mut process = self.join(nick, args);
        process.close_input();
        assert_eq!(process.code(), 0, "{}", process.stderr.so_far());
        (process.stdout.to_end(), process.stderr.to_end())
    }

    /// Returns the output of `udpchat history`.
    fn history(&self, args: &[&str]) -> String {
        let mut process = Process::start(self.command(&["history", "--db", &self.db]).args(args));
        assert_eq!(process.code(), 0, "{}", process.stderr.so_far());
        process.stdout.to_end()
    }

    /// Returns its lines without day lines and times.
    fn said(&self, args: &[&str]) -> Vec<String> {
        let shown = self.history(args);
        let lines = shown.lines().filter(|line| !line.starts_with("---"));
        lines.map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
    }
}

/// Returns the separators on stderr between earlier and new messages, without the time.
fn seams(said: &str) -> Vec<&str> {
    let lines = said.lines().filter_map(|line| line.strip_prefix("udpchat: --- "));
    lines.map(|line| line.split([',', '-']).next().unwrap().trim()).collect()
}

#[test]
fn who_is_new_is_shown_the_last_that_was_said_and_who_comes_back_what_it_missed() {
    let room = Room::new(&[]);
    room.send_all("bot", 0..60);
    let (shown, said) = room.visit("jill", &[]);
    let expected: String = (10..60).map(|number| format!("bot: {number}\n")).collect();
    assert_eq!((shown, seams(&said)), (expected + "jill joined!\n", vec!["50 earlier", "now"]));
    room.send_all("bot", ["meanwhile", "and again"]);
    let (shown, said) = room.visit("jill", &[]);
    assert_eq!(shown, "bot: meanwhile\nbot: and again\njill joined!\n");
    assert_eq!(seams(&said), ["2 since you were last here", "now"]);
    let (shown, said) = room.visit("jill", &[]);
    assert_eq!((shown.as_str(), seams(&said).len()), ("jill joined!\n", 0), "nothing was missed");
    let (shown, _) = room.visit("jane", &["--history", "1"]);
    assert!(shown.starts_with("bot: and again\njill joined!\n"), "another nick has another place: {shown}");
}

#[test]
fn how_much_is_shown_at_the_first_time_is_what_one_asks_for() {
    let room = Room::new(&[]);
    room.send_all("bot", 0..200);
    let count = |nick, history| room.visit(nick, &["--history", history]).0.matches("bot: ").count();
    assert_eq!(count("a", "0"), 0);
    assert_eq!(count("b", "3"), 3);
    assert_eq!(count("c", "all"), 200);
    assert_eq!(count("d", "1h"), 200);
    assert_eq!(count("e", "100000"), 200);
    std::thread::sleep(std::time::Duration::from_millis(2100));
    room.send("bot", "late");
    assert_eq!(count("f", "1s"), 1);
}

#[test]
fn two_clients_at_once_have_a_place_each() {
    let room = Room::new(&[]);
    let mut first = room.join("jill", &[]);
    first.stdout.wait_for("jill joined!");
    let (_, said) = room.visit("jill", &[]);
    assert_eq!(seams(&said).len(), 0, "nothing was said before: {said}");
    first.close_input();
    assert_eq!(first.code(), 0);
    room.send("bot", "meanwhile");
    let mut both = [room.join("jill", &[]), room.join("jill", &[])];
    for client in &both {
        client.stdout.wait_for("bot: meanwhile");
        client.stderr.wait_for("since you were last here");
    }
    for client in &mut both {
        client.close_input();
        assert_eq!(client.code(), 0);
    }
}

#[test]
fn a_client_that_is_killed_is_shown_a_line_again_rather_than_not_at_all() {
    let room = Room::new(&[]);
    let mut seen = Vec::new();
    for kill in 0..5 {
        let mut client = room.join("jill", &["--history", "all"]);
        room.send_all("bot", (0..50).map(|number| format!("{}", kill * 50 + number)));
        // Somewhere in the middle of the lines.
        client.stdout.wait_for(&format!("bot: {}\n", kill * 50 + 25));
        client.signal(Signal::SIGKILL);
        client.wait();
        seen.extend(client.stdout.to_end().lines().filter_map(|line| line.strip_prefix("bot: ")?.parse::<u64>().ok()));
    }
    let mut next = 0;
    for number in seen {
        assert!(number <= next, "{next} was not shown before {number}");
        next = next.max(number + 1);
    }
    assert!(next > 225);
}

#[test]
fn json_tells_where_what_is_from_before_begins_and_ends() {
    let room = Room::new(&[]);
    room.send_all("bot", 0..3);
    let told = |args: &[&str]| {
        let (shown, _) = room.visit("jill", &[&["--json"], args].concat());
        let told: Vec<Value> = shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        told
    };
    let first = told(&[]);
    let events: Vec<_> = first.iter().map(|told| told["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["joined", "replay", "line", "line", "line", "now", "line", "end"]);
    assert_eq!((&first[1]["count"], &first[1]["resumed"]), (&3.into(), &false.into()));
    assert_eq!(first[2]["seq"], 1);
    assert!(first[2]["time"].as_str().unwrap().ends_with('Z'));
    room.send("bot", "more");
    let then = told(&[]);
    assert_eq!((&then[1]["count"], &then[1]["resumed"]), (&2.into(), &true.into()));
    assert_eq!((&then[2]["kind"], &then[3]["text"]), (&"left".into(), &"more".into()), "its own leaving, too");
}

#[test]
fn who_was_away_for_so_long_that_what_it_missed_is_forgotten_is_told_how_much() {
    let room = Room::new(&["--keep-entries", "10"]);
    room.visit("jill", &[]);
    room.send_all("bot", 0..40);
    // The server deletes entries within a second or two, even if nothing happens.
    while room.said(&[]).len() > 10 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let (shown, said) = room.visit("jill", &[]);
    let gone = said.lines().find(|line| line.ends_with("earlier messages are gone")).expect(&said);
    let gone: usize = gone.split(' ').nth(1).unwrap().parse().unwrap();
    assert!(gone >= 30, "{gone}");
    let all = room.said(&[]);
    assert!(all.iter().all(|line| shown.contains(line.as_str()) || line.starts_with("jill left")), "{shown} {all:?}");
}

#[test]
fn text_members_are_sent_what_was_said_only_if_the_server_is_told_so() {
    let room = Room::new(&[]);
    room.send_all("bot", 0..5);
    let text = room.server.socket();
    text.send(b"SIGNUP_TAG:text").unwrap();
    assert_eq!(receive(&text), "text joined!");
    let room = room.restart(&["--text-history", "3"]);
    let text = room.server.socket();
    text.send(b"SIGNUP_TAG:text").unwrap();
    let heard: Vec<_> = (0..4).map(|_| receive(&text)).collect();
    assert_eq!(heard, ["bot: 3", "bot: 4", "text joined!", "text joined!"], "the last three entries, and then its own");
    // Nor is any entry sent that was overwritten meanwhile. The server checks ten times a second.
    room.said(&["--forget", "bot", "--yes"]);
    std::thread::sleep(std::time::Duration::from_millis(150));
    let other = room.server.socket();
    other.send(b"SIGNUP_TAG:other").unwrap();
    let heard: Vec<_> = (0..3).map(|_| receive(&other)).collect();
    assert_eq!(heard, ["text joined!", "text joined!", "other joined!"]);
}

#[test]
fn history_shows_days_and_local_times_and_who_said_what() {
    let room = Room::new(&[]);
    room.send("bot", "hello");
    let text = room.server.socket();
    text.send(b"SIGNUP_TAG:walt").unwrap();
    receive(&text);
    text.send(b"walt: hi\x1b[2J").unwrap();
    receive(&text);
    let shown = room.history(&[]);
    let lines: Vec<_> = shown.lines().collect();
    assert!(lines[0].starts_with("--- ") && lines[0].ends_with(" ---") && lines[0].contains("day, "), "{shown}");
    assert_eq!(room.said(&[]), ["bot: hello", "(unverified) walt joined!", r"(unverified) walt: hi\x1b[2J"]);
    // The same minute in another time zone.
    let there = Process::start(room.command(&["history", "--db", &room.db]).env("TZ", "UTC-14")).stdout.to_end();
    let hour = |shown: &str| shown.lines().nth(1).unwrap()[..2].parse::<u32>().unwrap();
    assert_eq!(hour(&there), (hour(&shown) + 14) % 24);
}

#[test]
fn history_finds_what_is_asked_for() {
    let room = Room::new(&[]);
    room.send_all("jill", ["one", "two"]);
    room.send_all("jack", ["three", "four", "jill: five"]);
    assert_eq!(room.said(&["--from", "jill"]), ["jill: one", "jill: two"]);
    assert_eq!(room.said(&["--grep", "^j.*: t"]), ["jill: two", "jack: three"]);
    assert_eq!(room.said(&["--from", "jack", "--grep", "e$"]), ["jack: three", "jack: jill: five"]);
    assert_eq!(room.said(&["-n", "2"]), ["jack: four", "jack: jill: five"]);
    assert_eq!(room.said(&["-n", "1", "--from", "jill"]), ["jill: two"]);
    assert_eq!(room.said(&["--since", "1h"]).len(), 5);
    assert_eq!(room.said(&["--until", "1h"]).len(), 0);
    assert_eq!(room.said(&["--since", "2001-02-03", "--until", "2001-02-03 04:05"]).len(), 0);
    assert_eq!(room.said(&["--since", "2001-02-03T04:05:06Z"]).len(), 5);
    let json = room.history(&["--json", "--from", "jill"]);
    let first: Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!((&first["seq"], &first["kind"], &first["nick"]), (&1.into(), &"said".into(), &"jill".into()));
    assert!(first["verified"].as_bool().unwrap() && first["who"].as_str().unwrap().len() == 16);
    // Between two entries, to the millisecond.
    let time = |line: usize| {
        let line: Value = serde_json::from_str(room.history(&["--json"]).lines().nth(line).unwrap()).unwrap();
        line["time"].as_str().unwrap().to_owned()
    };
    assert_eq!(room.said(&["--since", &time(2)]).first().unwrap(), "jack: three");
    for (args, says) in [
        (&["--grep", "("][..], "regex"),
        (&["--since", "lately"], "is not a time: expected 1h, today, yesterday"),
        (&["-n", "many"], "invalid value"),
    ] {
        let mut process = Process::start(room.command(&["history", "--db", &room.db]).args(args));
        assert_eq!((process.code(), process.stderr.to_end().contains(says)), (2, true), "{args:?}");
    }
}

#[test]
fn history_follows_and_ends_with_its_reader() {
    let room = Room::new(&[]);
    room.send("bot", "one");
    let follows = Process::start(&mut room.command(&["history", "--db", &room.db, "--follow"]));
    follows.stdout.wait_for("bot: one");
    room.send("bot", "two");
    room.send("bot", "three");
    let shown = follows.stdout.wait_for("bot: three");
    assert_eq!(shown.matches("bot: ").count(), 3);
    // The file that the server creates in its place is followed as well.
    fs::remove_file(&room.db).unwrap();
    while Process::start(&mut room.command(&["send", "-n", "bot", "four"])).code() != 0 {}
    follows.stdout.wait_for("bot: four");
    let script =
        format!("'{}' history --db '{}' --follow | head -n 2 >/dev/null", env!("CARGO_BIN_EXE_udpchat"), room.db);
    let mut head = Process::start(Command::new("bash").args(["-c", &script]));
    while head.is_running() {
        room.send("bot", "more");
    }
    assert_eq!(head.stderr.to_end(), "");
}

#[test]
fn history_is_exported_to_a_file_and_what_somebody_said_is_forgotten_and_the_numbers_stay() {
    let room = Room::new(&[]);
    room.send_all("jill", ["one", "two"]);
    // With another key, because --forget applies to one key.
    let mut jack = Process::start(room.command(&["send", "-n", "jack", "three"]).env("XDG_STATE_HOME", new_home()));
    assert_eq!(jack.code(), 0);
    let file = room.home.join("export.json");
    let mut process =
        Process::start(&mut room.command(&["history", "--db", &room.db, "--export", file.to_str().unwrap()]));
    assert_eq!(process.code(), 0);
    assert!(process.stderr.to_end().contains("3 entries in "));
    assert_eq!(fs::read_to_string(&file).unwrap(), room.history(&["--json"]));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0, "what was said is for nobody else");
    let mut process = Process::start(&mut room.command(&["history", "--db", &room.db, "--forget", "jill", "--yes"]));
    assert_eq!(process.code(), 0);
    assert!(process.stderr.to_end().contains("2 entries permanently overwritten"));
    assert_eq!(room.said(&[]), ["jack: three"]);
    let (shown, _) = room.visit("jane", &["--json", "--history", "all"]);
    let lines: Vec<Value> = shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let jack = lines.iter().find(|told| told["nick"] == "jack").unwrap();
    assert_eq!(jack["seq"], 3);
}

/// Starts a server with this state folder and these arguments.
fn serve_in(home: &Path, args: &[&str]) -> Process {
    let process = Process::start(udpchat_with(&["serve"]).args(args).env("XDG_STATE_HOME", home));
    process.stderr.wait_for("listening on ");
    process
}

fn history_in(home: &Path, args: &[&str]) -> (i32, String, String) {
    let mut process = Process::start(udpchat_with(&["history"]).args(args).env("XDG_STATE_HOME", home));
    (process.code(), process.stdout.to_end(), process.stderr.to_end())
}

#[test]
fn history_finds_the_room_by_itself_if_there_is_one_and_else_by_its_name() {
    let home = new_home();
    let (code, _, said) = history_in(&home, &[]);
    assert_eq!(code, 1);
    assert!(said.contains("no room is kept here"), "{said}");
    let _first = serve_in(&home, &["--bind", "127.0.0.1:0"]);
    assert_eq!(history_in(&home, &[]).0, 0);
    let _second = serve_in(&home, &["--bind", "127.0.0.1:0", "--room", "lab"]);
    let (code, _, said) = history_in(&home, &[]);
    assert_eq!(code, 2);
    assert!(said.contains("several rooms are kept here; choose one:\n  --room lab\n  --room room"), "{said}");
    assert_eq!(history_in(&home, &["--room", "lab"]).0, 0);
    let (code, _, said) = history_in(&home, &["--room", "attic"]);
    assert_eq!(code, 1);
    assert!(said.contains("no room 'attic' is kept here; there are:\n  --room lab"), "{said}");
}

#[test]
fn a_room_stays_the_same_when_its_server_is_bound_to_another_address_and_only_one_server_has_it() {
    let home = new_home();
    let first = serve_in(&home, &["--bind", "127.0.0.1:0"]);
    let log = home.join("udpchat/room.db");
    let before = fs::metadata(&log).unwrap();
    let mut second = Process::start(udpchat_with(&["serve", "--bind", "127.0.0.1:0"]).env("XDG_STATE_HOME", &home));
    assert_eq!(second.code(), 1);
    let said = second.stderr.to_end();
    assert!(said.contains("another server writes to") && said.contains("--room NAME serves another one"), "{said}");
    drop(first);
    let _third = serve_in(&home, &["--bind", "127.0.0.1:0", "--bind", "[::1]:0"]);
    assert_eq!(fs::metadata(&log).unwrap().ino(), before.ino());
    assert_eq!(
        fs::read_dir(home.join("udpchat"))
            .unwrap()
            .filter(|file| { file.as_ref().is_ok_and(|file| file.path().extension().is_some_and(|end| end == "db")) })
            .count(),
        1
    );
}

#[test]
fn the_log_of_an_older_version_becomes_that_of_the_room_and_that_is_said() {
    let home = new_home();
    let old = home.join("udpchat/room-127.0.0.1:9999.db");
    let before = Server::start(&["--db", old.to_str().unwrap()]);
    let address = before.address.to_string();
    let mut send = Process::start(
        udpchat_with(&["send", "--nick", "jill", "--server", &address, "from before"]).env("XDG_STATE_HOME", &home),
    );
    assert_eq!(send.code(), 0);
    drop(before);
    let server = serve_in(&home, &["--bind", "127.0.0.1:0"]);
    server.stderr.wait_for("rooms have names");
    assert!(!old.exists());
    let (code, shown, _) = history_in(&home, &["--room", "room"]);
    assert_eq!(code, 0);
    assert!(shown.contains("jill: from before"), "{shown}");
}

fn serve_fails(home: &Path, args: &[&str], says: &str) {
    let mut process =
        Process::start(udpchat_with(&["serve", "--bind", "127.0.0.1:0"]).args(args).env("XDG_STATE_HOME", home));
    assert_eq!(process.code(), 1);
    let said = process.stderr.to_end();
    assert!(said.contains(says), "{said}");
    let in_use = "(a server is one room; --room NAME serves another one)";
    let elsewhere = "(--db FILE keeps the log elsewhere, --db :memory: keeps nothing)";
    assert!(said.contains(if says.contains("another server") { in_use } else { elsewhere }), "{said}");
}

#[test]
fn a_log_that_cannot_be_used_is_an_error_that_names_both_ways_out() {
    let room = Room::new(&[]);
    serve_fails(&room.home, &["--db", &room.db], "another server writes to");
    let file = room.home.join("file");
    fs::write(&file, "no folder").unwrap();
    let key = room.home.join("key").display().to_string();
    serve_fails(&file, &["--key", &key], "cannot create the folder of");
    serve_fails(&room.home, &["--db", room.home.to_str().unwrap()], "cannot write");
    let other = room.home.join("other.db").display().to_string();
    fs::write(&other, "no database, but something that somebody wants to keep").unwrap();
    serve_fails(&room.home, &["--db", &other], "is damaged, or not a log of udpchat");
    assert!(!room.home.join("other.db-lock").exists(), "what is no log is left alone");
    let newer = room.home.join("newer.db");
    drop(Server::start(&["--db", newer.to_str().unwrap()]));
    rusqlite::Connection::open(&newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
    serve_fails(&room.home, &["--db", newer.to_str().unwrap()], "was written by a newer udpchat (its schema is 99");
}

#[test]
fn with_sync_full_and_a_time_to_keep_it_serves_as_well() {
    let room = Room::new(&["--sync", "full", "--keep", "30d"]);
    room.send_all("bot", 0..10);
    let room = room.restart(&[]);
    assert_eq!(room.said(&[]).len(), 10);
    assert_eq!(room.visit("jill", &[]).0.matches("bot: ").count(), 10);
}
