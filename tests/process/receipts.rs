//! Who has received a message: `udpchat send --wait` and `--wait-for`.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used)] // tests are allowed to

use std::path::Path;

use nix::sys::signal::Signal;

use crate::common::{Process, at_home, new_home, original_server, serve_at_home, udpchat_with};

/// A room, and the home of a bot.
struct Room {
    server: crate::common::Server,
    bot: std::path::PathBuf,
}

impl Room {
    fn new() -> Self {
        Self { server: crate::common::Server::start(&[]), bot: new_home() }
    }

    fn join(&self, nick: &str, args: &[&str]) -> Process {
        let joined = self.join_at(&new_home(), nick, args);
        joined.stdout.wait_for(&format!("{nick} joined!\n"));
        joined
    }

    fn join_at(&self, home: &Path, nick: &str, args: &[&str]) -> Process {
        at_home(home, &[&["join", "--nick", nick, "--server", &self.server.name()], args].concat())
    }

    /// Runs `udpchat send`. Returns its exit code, and what it says.
    fn send(&self, args: &[&str]) -> (i32, String) {
        let mut process =
            at_home(&self.bot, &[&["send", "--nick", "bot", "--server", &self.server.name()], args].concat());
        (process.code(), process.stderr.to_end())
    }
}

#[test]
fn a_script_waits_until_everybody_who_is_there_has_received_its_message() {
    let room = Room::new();
    let (jill, jack) = (room.join("jill", &[]), room.join("jack", &[]));
    for (number, wait) in
        [["--wait", "received"], ["--wait", "received=all"], ["--wait", "received=2"], ["--wait-for", "jill"]]
            .iter()
            .enumerate()
    {
        let text = format!("message {number}");
        let (code, said) = room.send(&[&wait[..], &[&text]].concat());
        assert_eq!((code, said.as_str()), (0, ""), "{wait:?}");
        for shown in [&jill, &jack] {
            shown.stdout.wait_for(&format!("bot: {text}\n"));
        }
    }
    let (code, said) = room.send(&["--wait", "received", "--wait-for", "jack", "--id", "once", "x\ny"]);
    assert_eq!((code, said.contains("not sent")), (0, false), "{said}");
    let (code, said) = room.send(&["--to", "jill", "--wait", "received", "only for you"]);
    assert_eq!(code, 0, "jill is all that counts: {said}");
}

#[test]
fn all_of_nobody_is_not_confirmed_and_nor_are_more_than_there_are() {
    let room = Room::new();
    let (code, said) = room.send(&["--wait", "received", "hello?"]);
    assert_eq!(code, 5, "{said}");
    assert!(said.contains("the message is in the room, but nobody is there who could have received it"), "{said}");
    let quiet = room.join("jill", &["--no-receipts"]);
    let text = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    text.send_to(b"SIGNUP_TAG:al", room.server.name()).unwrap();
    quiet.stdout.wait_for("al joined!");
    let (code, said) = room.send(&["--wait", "received", "and now?"]);
    assert_eq!(code, 5, "neither text nor who keeps out of it counts: {said}");
    let (code, said) = room.send(&["--wait-for", "jill", "you?"]);
    assert_eq!(code, 5, "{said}");
    assert!(said.contains("jill was not there"), "{said}");
    let _jack = room.join("jack", &[]);
    let (code, said) = room.send(&["--wait", "received=2", "two?"]);
    assert_eq!(code, 5, "{said}");
    assert!(said.contains("only 1 of 2 are there"), "{said}");
}

#[test]
fn whoever_is_named_and_not_known_keeps_the_message_from_being_sent() {
    let room = Room::new();
    let jill = room.join("jill", &[]);
    let (code, said) = room.send(&["--wait-for", "jlil", "hey"]);
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("not sent: the room knows no key under the name jlil"), "{said}");
    let (code, said) = room.send(&["--wait", "received", "after that"]);
    assert_eq!(code, 0, "{said}");
    let shown = jill.stdout.wait_for("after that");
    assert!(!shown.contains("bot: hey"), "{shown}");
}

#[test]
fn a_member_that_is_stopped_has_not_received_it_until_it_goes_on() {
    let room = Room::new();
    let (_jill, jack) = (room.join("jill", &[]), room.join("jack", &[]));
    jack.signal(Signal::SIGSTOP);
    let (code, said) = room.send(&["--wait", "received", "-t", "1s", "are you there?"]);
    assert_eq!(code, 5, "{said}");
    assert!(said.contains("1 of 2 have received it within 1s"), "{said}");
    assert_eq!(room.send(&["--wait", "received=1", "one of you?"]).0, 0);
    let (code, said) = room.send(&["--wait-for", "jack", "-t", "1s", "jack?"]);
    assert!(code == 5 && said.contains("jack has not received it within 1s"), "{said}");
    let command =
        ["send", "--nick", "bot", "--server", &room.server.name(), "--wait", "received", "-t", "30s", "and now?"];
    let mut waiting = Process::start(udpchat_with(&command).env("XDG_STATE_HOME", &room.bot));
    jack.signal(Signal::SIGCONT);
    assert_eq!(waiting.code(), 0, "{}", waiting.stderr.so_far());
}

#[test]
fn neither_whoever_comes_later_nor_a_new_window_counts_for_what_was_before() {
    let room = Room::new();
    let jill_home = new_home();
    let jill = room.join_at(&jill_home, "jill", &[]);
    jill.stdout.wait_for("jill joined!\n");
    // A window more of hers, which began behind the message that the first one is waiting for, proves nothing.
    jill.signal(Signal::SIGSTOP);
    let (code, said) = room.send(&["--wait", "received", "-t", "500ms", "for the first window"]);
    assert!(code == 5 && said.contains("0 of 1"), "{said}");
    let (code, said) = room.send(&["--id", "again", "-t", "500ms", "--wait", "received", "for both"]);
    assert!(code == 5 && said.contains("0 of 1"), "{said}");
    let second = room.join_at(&jill_home, "jill", &["--history", "0", "--json"]);
    second.stdout.wait_for("\"event\":\"joined\"");
    let ann = room.join("ann", &[]);
    let (code, said) = room.send(&["--id", "again", "-t", "500ms", "--wait", "received", "for both"]);
    assert!(code == 5 && said.contains("0 of 1"), "neither ann nor the new window: {said}");
    drop((ann, second));
    jill.signal(Signal::SIGCONT);
    let (code, said) = room.send(&["--id", "again", "--wait", "received", "for both"]);
    assert_eq!(code, 0, "{said}");
}

#[test]
fn an_original_cannot_say_who_has_received_something_and_is_sent_nothing() {
    let Some((_original, port)) = original_server() else { return };
    let mut process = at_home(
        &new_home(),
        &["send", "--nick", "bot", "--server", &format!("127.0.0.1:{port}"), "-t", "1s", "--wait", "received", "hey"],
    );
    assert_eq!(process.code(), 4, "{}", process.stderr.so_far());
}

/// A room with a home of its own, which can be killed.
struct Kept {
    home: tempfile::TempDir,
    server: Process,
    name: String,
    bot: std::path::PathBuf,
    args: Vec<&'static str>,
}

impl Kept {
    fn new(args: &[&'static str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let (server, name) = serve_at_home(home.path(), "127.0.0.1:0", args);
        Self { home, server, name, bot: new_home(), args: args.to_vec() }
    }

    fn kill_and_start(&mut self) {
        self.server.signal(Signal::SIGKILL);
        self.server.wait();
        self.server = serve_at_home(self.home.path(), &self.name.clone(), &self.args.clone()).0;
    }

    fn join(&self, home: &Path, nick: &str, args: &[&str]) -> Process {
        let joined = at_home(home, &[&["join", "--nick", nick, "--server", &self.name, "--json"], args].concat());
        joined.stdout.wait_for("\"event\":\"joined\"");
        joined
    }

    fn send(&self, args: &[&str]) -> (i32, String) {
        let mut process = at_home(&self.bot, &[&["send", "--nick", "bot", "--server", &self.name], args].concat());
        (process.code(), process.stderr.to_end())
    }
}

#[test]
fn a_restart_of_the_server_makes_nobody_a_witness_of_what_was_before_and_takes_nobody_away() {
    let mut room = Kept::new(&[]);
    let (bob, once) = (new_home(), ["--id", "old", "-t", "1s", "--wait", "received", "before bob"]);
    assert_eq!(room.send(&once).0, 5, "nobody is there");
    let here = room.join(&bob, "bob", &["--history", "0"]);
    assert_eq!(room.send(&once).0, 5, "bob came later");
    room.kill_and_start();
    assert_eq!(room.send(&["is bob back?"]).0, 0);
    here.stdout.wait_for("is bob back?");
    // Reads the entry back into memory.
    assert_eq!(at_home(&new_home(), &["history", "--server", &room.name]).code(), 0);
    let (code, said) = room.send(&once);
    assert!(code == 5 && said.contains("no longer knows"), "{code} {said}");
    let new = ["--id", "new", "--wait-for", "bob", "after the restart"];
    assert_eq!(room.send(&new).0, 0);
    // Another window of his, under another nick.
    let _other = room.join(&bob, "bob2", &[]);
    assert_eq!(room.send(&new).0, 0, "he has been there all the time");
}

#[test]
fn a_window_that_comes_back_has_not_received_what_was_before_its_first_time() {
    let room = Kept::new(&[]);
    let home = new_home();
    let first = room.join(&home, "jill", &[]);
    first.signal(Signal::SIGSTOP);
    let old = ["--id", "old", "-t", "500ms", "--wait-for", "jill", "for the first window"];
    assert_eq!(room.send(&old).0, 5);
    for _ in 0..2 {
        let mut second = room.join(&home, "jill", &["--history", "0"]);
        assert_eq!(room.send(&["--wait-for", "jill", "for the second"]).0, 0);
        assert_eq!(room.send(&old).0, 5, "neither window has it");
        second.close_input();
        assert_eq!(second.code(), 0);
    }
    first.signal(Signal::SIGCONT);
    assert_eq!(room.send(&["--id", "old", "--wait-for", "jill", "for the first window"]).0, 0);
}

#[test]
fn a_private_message_is_waited_for_at_its_recipient_and_nobody_else() {
    let room = Kept::new(&[]);
    let (code, said) = room.send(&["--to", "jill", "--wait-for", "jack", "only for you"]);
    assert!(code == 2 && said.contains("is for jill alone"), "{code} {said}");
}
