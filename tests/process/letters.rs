//! Private messages, with real processes.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used)] // tests are allowed to

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::common::{Process, at_home, new_home, receive, serve_at_home, stranger, udpchat};

/// A room with a home of its own, and two users.
struct Room {
    home: TempDir,
    server: Process,
    name: String,
    args: Vec<&'static str>,
    jack: PathBuf,
    jill: PathBuf,
}

impl Room {
    fn new(args: &[&'static str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let (server, name) = serve_at_home(home.path(), "127.0.0.1:0", args);
        Self { home, server, name, args: args.to_vec(), jack: new_home(), jill: new_home() }
    }

    fn join(&self, home: &Path, nick: &str, args: &[&str]) -> Process {
        let joined = at_home(home, &[&["join", "--nick", nick, "--server", &self.name], args].concat());
        let sign = if args.contains(&"--json") { "\"event\":\"joined\"" } else { "joined!\n" };
        joined.stdout.wait_for(sign);
        joined
    }

    /// Runs a subcommand as that user. Returns its exit code, its output, and what it says besides.
    fn run(&self, home: &Path, args: &[&str]) -> (i32, String, String) {
        let mut process = at_home(home, args);
        (process.code(), process.stdout.to_end(), process.stderr.to_end())
    }

    fn send(&self, home: &Path, nick: &str, args: &[&str]) -> (i32, String) {
        let (code, _, said) = self.run(home, &[&["send", "--nick", nick, "--server", &self.name], args].concat());
        (code, said)
    }

    /// Takes a user's client to an end, so that the next one continues where it was.
    fn leave(mut process: Process) -> String {
        process.enter("!q\n");
        process.wait();
        process.stdout.to_end()
    }

    fn stop(&mut self) {
        self.server.signal(Signal::SIGTERM);
        self.server.wait();
    }

    /// Kills the server without warning and starts it again.
    fn crash(&mut self) {
        self.server.signal(Signal::SIGKILL);
        self.server.wait();
        self.start();
    }

    fn start(&mut self) {
        self.server = serve_at_home(self.home.path(), &self.name.clone(), &self.args.clone()).0;
    }

    fn log(&self) -> PathBuf {
        self.home.path().join("udpchat/room.db")
    }
}

#[test]
fn two_write_to_each_other_and_a_third_member_and_a_text_member_see_nothing() {
    let room = Room::new(&[]);
    let mut jack = room.join(&room.jack, "jack", &[]);
    let mut jill = room.join(&room.jill, "jill", &[]);
    let ann = room.join(&new_home(), "ann", &["--json"]);
    let text = UdpSocket::bind("127.0.0.1:0").unwrap();
    text.connect(&room.name).unwrap();
    text.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    text.send(b"SIGNUP_TAG:al").unwrap();
    assert_eq!(receive(&text), "al joined!");
    jack.enter("/msg jill only for you\n");
    jill.stdout.wait_for("[private] jack: only for you\n");
    jack.stderr.wait_for("first private message to jill: the key is");
    assert!(jill.stderr.wait_for("you have not written to jack in private before: the key is").contains("udpchat: "));
    jill.enter("/reply /me winks\n");
    jack.stdout.wait_for("[private] * jill winks\n");
    jack.stdout.wait_for("[private to] jill: only for you\n");
    jack.enter("the next line for everybody\n");
    let shown = ann.stdout.wait_for("the next line for everybody");
    assert!(!shown.contains("only for you") && !shown.contains("private") && !shown.contains("\"gap\""), "{shown}");
    assert_eq!(receive(&text), "jack: the next line for everybody");
    let transcript = room.server.stdout.wait_for("the next line for everybody\n");
    assert!(!transcript.contains("private") && !transcript.contains("only for you"), "{transcript}");
}

#[test]
fn whoever_is_away_gets_them_on_each_device_and_the_author_elsewhere_learns_that_it_wrote() {
    let mut room = Room::new(&[]);
    Room::leave(room.join(&room.jill, "jill", &[]));
    // The same key on another device, which was there too.
    let (phone, other) = (new_home(), new_home());
    for (from, to) in [(&room.jill, &phone), (&room.jack, &other)] {
        let key = from.join("copy.key");
        assert_eq!(room.run(from, &["key", "export", key.to_str().unwrap()]).0, 0);
        assert_eq!(room.run(to, &["key", "import", key.to_str().unwrap()]).0, 0);
    }
    Room::leave(room.join(&phone, "jill", &[]));
    Room::leave(room.join(&other, "jack", &[]));
    assert_eq!(room.send(&room.jack, "jack", &["--to", "jill", "while you were away"]).0, 0);
    room.crash();
    assert_eq!(room.send(&room.jack, "jack", &["--to", "JILL", "and after that"]).0, 0, "her nick, written otherwise");
    for home in [&room.jill, &phone] {
        let shown = Room::leave(room.join(home, "jill", &[]));
        assert!(
            shown.contains("[private] jack: while you were away\n[private] jack: and after that\n"),
            "in its order: {shown}"
        );
        let again = Room::leave(room.join(home, "jill", &[]));
        assert!(!again.contains("private"), "once: {again}");
    }
    let shown = Room::leave(room.join(&other, "jack", &[]));
    assert_eq!(shown.matches("[private to] jill: (you wrote this elsewhere)\n").count(), 2, "{shown}");
}

#[test]
fn a_changed_key_stops_the_next_message_until_it_is_forgotten() {
    let mut room = Room::new(&["--nick-expiry", "1m"]);
    let mut jill = room.join(&room.jill, "jill", &[]);
    assert_eq!(room.send(&room.jack, "jack", &["--to", "jill", "hey"]).0, 0);
    jill.stdout.wait_for("[private] jack: hey\n");
    // She gives the nick back, and somebody else takes it.
    jill.enter("/release\n");
    jill.stdout.wait_for("released the nick jill");
    Room::leave(jill);
    let thief = new_home();
    let mut other = room.join(&thief, "jill", &[]);
    let (code, said) = room.send(&room.jack, "jack", &["--to", "jill", "the secret"]);
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("the key of jill has changed: it is ") && said.contains("udpchat key forget"), "{said}");
    // A message of the other one is not taken for hers either.
    let mut jack = room.join(&room.jack, "jack", &["--json"]);
    other.enter("/msg jack it is me\n");
    assert!(jack.stdout.wait_for("it is me").contains("\"trust\":\"changed\""));
    jack.enter("/reply the secret\n");
    jack.stdout.wait_for("\"event\":\"refused\",\"text\":\"the secret\",\"why\":\"the key of jill has changed");
    Room::leave(jack);
    let (_, keys, _) = room.run(&room.jack, &["key"]);
    assert!(keys.lines().any(|line| line.starts_with("member  ") && line.ends_with(&format!("jill at {}", room.name))));
    assert_eq!(room.run(&room.jack, &["key", "forget", &room.name, "jill"]).0, 0);
    assert_eq!(room.run(&room.jack, &["key", "forget", &room.name, "jill"]).0, 1, "it is forgotten");
    let (code, said) = room.send(&room.jack, "jack", &["--to", "jill", "to whoever it is now"]);
    assert!(code == 0 && said.contains("first private message to jill"), "{code} {said}");
    let shown = other.stdout.wait_for("[private] jack: to whoever it is now\n");
    assert!(!shown.contains("the secret"), "{shown}");
    room.stop();
}

#[test]
fn whoever_is_blocked_is_refused_also_after_a_restart_and_nobody_else_is_told() {
    let mut room = Room::new(&[]);
    let ann = room.join(&new_home(), "ann", &["--json"]);
    let mut jill = room.join(&room.jill, "jill", &[]);
    let jack = room.join(&room.jack, "jack", &[]);
    jill.enter("/block jack\n");
    jill.stderr.wait_for(") can no longer write to you in private (the room is not told)");
    let (code, said) = room.send(&room.jack, "jack", &["--to", "jill", "hey"]);
    assert!(code == 4 && said.contains("they take no private messages of yours"), "{code} {said}");
    assert_eq!(room.send(&room.jill, "jill", &["--to", "jack", "but you do"]).0, 0);
    jack.stdout.wait_for("[private] jill: but you do\n");
    // The server knocks at its members, who are back without being told.
    room.crash();
    assert_eq!(room.send(&room.jack, "jack", &["--to", "jill", "hey"]).0, 4);
    jill.enter("/block\n");
    jill.stderr.wait_for("  cannot write to you in private");
    let (_, history, _) = room.run(room.home.path(), &["history"]);
    assert!(history.contains("jill wrote to jack in private") && !history.contains("can no longer"), "{history}");
    let (_, members, _) = room.run(room.home.path(), &["members", "--json", "--server", &room.name]);
    assert!(!members.contains("block"), "{members}");
    jill.enter("/unblock jack\n");
    jill.stderr.wait_for(") can again write to you in private");
    assert_eq!(room.send(&room.jack, "jack", &["--to", "jill", "at last"]).0, 0);
    jill.stdout.wait_for("[private] jack: at last\n");
    let shown = ann.stdout.so_far();
    assert!(!shown.contains("block") && !shown.contains("private"), "{shown}");
}

#[test]
fn nobody_who_could_not_open_it_is_written_to() {
    let room = Room::new(&[]);
    let text = UdpSocket::bind("127.0.0.1:0").unwrap();
    text.connect(&room.name).unwrap();
    text.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    text.send(b"SIGNUP_TAG:al").unwrap();
    assert_eq!(receive(&text), "al joined!");
    let jill = room.join(&room.jill, "jill", &[]);
    for (to, why) in [
        ("nobody", "the room knows no key under the name nobody"),
        ("al", "al is here in plain text"),
        ("jill#ffffffff", "the room knows no key under the name jill#ffffffff"),
    ] {
        let (code, said) = room.send(&room.jack, "jack", &["--to", to, "hey"]);
        assert!(code == 4 && said.contains(&format!("not sent: {why}")), "{to}: {code} {said}");
    }
    let (code, said) = room.send(&room.jill, "jill", &["--to", "jill", "hey"]);
    assert!(code == 4 && said.contains("you cannot write to yourself in private"), "{code} {said}");
    // Plain text is out of the question, and is not spoken.
    let original = stranger();
    original.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let address = original.local_addr().unwrap();
    let answers = std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        let mut heard = String::new();
        while let Ok((len, from)) = original.recv_from(&mut buffer) {
            heard.push_str(&String::from_utf8_lossy(&buffer[..len]));
            if heard.contains("the end") {
                break;
            }
            original.send_to(b"jack joined!", from).unwrap();
        }
        heard
    });
    let server = address.to_string();
    let (code, _, said) = room.run(
        &room.jack,
        &["send", "--nick", "jack", "--to", "jill", "--timeout", "2s", "--server", &server, "the secret"],
    );
    assert!(code == 4 && said.contains("plain text"), "{code} {said}");
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"the end", address).unwrap();
    assert!(!answers.join().unwrap().contains("secret"));
    let mut piped = at_home(&room.jack, &["join", "--nick", "jack", "--server", &room.name, "--text"]);
    piped.enter("/msg jill the secret\n");
    piped.stderr.wait_for(
        "not sent to jill: the secret\nudpchat: this server speaks plain text only, so everybody would read it",
    );
    piped.enter("and now for everybody\n");
    let shown = jill.stdout.wait_for("jack: and now for everybody\n");
    assert!(!shown.contains("the secret"), "{shown}");
}

#[test]
fn a_retry_under_the_same_id_writes_nothing_twice_and_one_to_somebody_else_is_refused() {
    let room = Room::new(&[]);
    let jill = room.join(&room.jill, "jill", &[]);
    let ann = room.join(&new_home(), "ann", &[]);
    let send = |to: &str| room.send(&room.jack, "jack", &["--to", to, "--id", "build-7", "one\ntwo"]);
    assert_eq!(send("jill").0, 0);
    let (code, said) = send("jill");
    assert!(code == 0 && said.contains("already there: nothing was sent again"), "{code} {said}");
    let (code, said) = send("ann");
    assert!(code == 4 && said.contains("--id build-7 was used before"), "{code} {said}");
    let (code, said) = room.send(&room.jack, "jack", &["--id", "build-7", "one"]);
    assert!(code == 4 && said.contains("a private message to jill"), "{code} {said}");
    assert_eq!(room.send(&room.jill, "jill", &["the end"]).0, 0);
    let shown = jill.stdout.wait_for("jill: the end\n");
    assert_eq!(shown.matches("[private] jack: ").count(), 2, "{shown}");
    assert!(!ann.stdout.wait_for("jill: the end\n").contains("private"));
}

#[test]
fn whom_the_user_ignores_is_not_shown_and_that_is_remembered() {
    let room = Room::new(&[]);
    let mut jill = room.join(&room.jill, "jill", &[]);
    let mut jack = room.join(&room.jack, "jack", &[]);
    jill.enter("/ignore jack\n");
    jill.stderr.wait_for("is shown here any more");
    jack.enter("to all\n/msg jill to you\n/me waves\n");
    jack.stdout.wait_for("[private to] jill: to you\n");
    let shown = Room::leave(jill);
    assert!(!shown.contains("to all") && !shown.contains("to you"), "{shown}");
    let mut jill = room.join(&room.jill, "jill", &[]);
    jack.enter("once more\n");
    jack.stdout.wait_for("once more");
    // Everybody has the room's order: what jill is shown here is behind what she is not shown.
    jill.enter("behind it\n");
    jill.stdout.wait_for("jill: behind it\n");
    jill.enter("/ignore\n");
    jill.stderr.wait_for("jack (");
    jill.enter("/unignore jack\n");
    jill.stderr.wait_for("jack is shown again");
    jack.enter("and now\n");
    let shown = jill.stdout.wait_for("jack: and now\n");
    assert!(!shown.contains("once more"), "{shown}");
}

#[test]
fn what_is_pruned_or_forgotten_is_gone_for_the_two_as_for_everybody() {
    let mut room = Room::new(&["--keep-entries", "1000"]);
    Room::leave(room.join(&room.jill, "jill", &[]));
    assert_eq!(room.send(&room.jack, "jack", &["--to", "jill", "forgotten"]).0, 0);
    let (code, _, said) = room.run(room.home.path(), &["history", "--forget", "jack", "--yes"]);
    assert!(code == 0 && said.contains("1 entry permanently overwritten"), "{code} {said}");
    // The server checks ten times a second.
    std::thread::sleep(Duration::from_millis(150));
    assert_eq!(room.send(&room.jack, "jack", &["--to", "jill", "kept"]).0, 0);
    let shown = Room::leave(room.join(&room.jill, "jill", &[]));
    assert!(!shown.contains("forgotten") && shown.contains("[private] jack: kept\n"), "{shown}");
    assert_eq!(room.send(&room.jack, "jack", &["--to", "jill", "pruned"]).0, 0);
    room.stop();
    room.args = vec!["--keep-entries", "1"];
    room.start();
    let said = room.send(&room.jack, "jack", &["--to", "jill", "the last one"]);
    assert_eq!(said.0, 0);
    // The server looks for entries that are too many now and then.
    let reader = || room.run(room.home.path(), &["history", "--json"]).1;
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while reader().lines().count() > 1 && std::time::Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(100));
    }
    let jill = room.join(&room.jill, "jill", &[]);
    let shown = jill.stdout.wait_for("jill joined!\n");
    assert!(!shown.contains("pruned"), "{shown}");
}

#[test]
fn a_nick_that_looks_like_a_known_one_is_known_by_the_same_key() {
    let room = Room::new(&[]);
    let mut jill = room.join(&room.jill, "jill", &[]);
    assert_eq!(room.send(&room.jack, "jack", &["--to", "jill", "hey"]).0, 0);
    jill.enter("/release\n");
    jill.stdout.wait_for("released the nick jill");
    Room::leave(jill);
    let mut other = room.join(&new_home(), "JILL", &[]);
    for to in ["jill", "JILL"] {
        let (code, said) = room.send(&room.jack, "jack", &["--to", to, "the secret"]);
        assert!(code == 4 && said.contains("the key of JILL has changed"), "{to}: {code} {said}");
    }
    // Also in a program that runs already, which learns at once that the key was forgotten.
    let mut jack = room.join(&room.jack, "jack", &[]);
    jack.enter("/msg jill the secret\n");
    jack.stderr.wait_for("not sent to JILL: the secret\n");
    other.enter("/msg jack it is me\n");
    jack.stdout.wait_for("[private] (unverified) JILL: it is me\n");
    jack.stderr.wait_for("somebody else writes as JILL: you know that nick by the key ");
    assert_eq!(room.run(&room.jack, &["key", "forget", &room.name, "JILL"]).0, 0);
    jack.enter("/msg JILL so be it\n");
    let shown = other.stdout.wait_for("[private] jack: so be it\n");
    assert!(!shown.contains("the secret"), "{shown}");
}

#[test]
fn a_new_device_is_sent_private_messages_that_its_history_begins_with() {
    let room = Room::new(&[]);
    Room::leave(room.join(&room.jill, "jill", &[]));
    let key = room.jill.join("copy.key");
    let new = || {
        let device = new_home();
        assert_eq!(room.run(&device, &["key", "import", key.to_str().unwrap()]).0, 0);
        device
    };
    assert_eq!(room.run(&room.jill, &["key", "export", key.to_str().unwrap()]).0, 0);
    std::thread::sleep(Duration::from_millis(1200));
    for text in ["one", "two"] {
        assert_eq!(room.send(&room.jack, "jack", &["--to", "jill", text]).0, 0);
    }
    assert_eq!(room.send(&room.jack, "jack", &["for all"]).0, 0);
    for history in ["1s", "1h", "all"] {
        let shown = Room::leave(room.join(&new(), "jill", &["--history", history]));
        assert!(shown.contains("[private] jack: one\n[private] jack: two\njack: for all\n"), "{history}: {shown}");
    }
    let ann = Room::leave(room.join(&new_home(), "ann", &["--history", "all"]));
    assert!(ann.contains("jack: for all\n") && !ann.contains("private"), "{ann}");
}

#[test]
fn whoever_wrote_can_be_blocked_and_let_in_again_when_it_is_gone() {
    let room = Room::new(&[]);
    let mut jill = room.join(&room.jill, "jill", &[]);
    assert_eq!(room.send(&room.jack, "bot", &["--to", "jill", "spam"]).0, 0);
    jill.stdout.wait_for("[private] bot: spam\n");
    jill.enter("/block bot\n");
    jill.stderr.wait_for(") can no longer write to you in private");
    assert_eq!(room.send(&room.jack, "other", &["--to", "jill", "more"]).0, 4, "it is the key that is blocked");
    jill.enter("/ignore bot\n");
    jill.stderr.wait_for("is shown here any more");
    jill.enter("/unblock bot\n");
    jill.stderr.wait_for(") can again write to you in private");
    assert_eq!(room.send(&room.jack, "bot", &["--to", "jill", "unseen"]).0, 0);
    jill.enter("/unignore bot\n");
    jill.stderr.wait_for("bot is shown again");
    assert_eq!(room.send(&room.jack, "bot", &["--to", "jill", "at last"]).0, 0);
    let shown = jill.stdout.wait_for("[private] bot: at last\n");
    assert!(!shown.contains("unseen"), "{shown}");
    // A name that is too long is nobody's, and ends nothing.
    jill.enter(&format!("/msg {} hey\n", "x".repeat(200)));
    jill.stderr.wait_for(": hey\nudpchat: the room knows no key under the name xxx");
    jill.enter("/block\n");
    jill.stderr.wait_for("nobody is blocked");
    jill.enter("still here\n");
    jill.stdout.wait_for("jill: still here\n");
}

#[test]
fn nothing_of_a_paste_with_a_private_line_becomes_public_and_no_nick_is_taken_for_a_command() {
    let room = Room::new(&[]);
    let ann = room.join(&new_home(), "ann", &[]);
    let mut trap = room.join(&room.jill, "$(touch x)", &[]);
    let mut command = udpchat();
    command.env("XDG_STATE_HOME", &room.jack).args(["join", "--nick", "jack", "--server", &room.name]);
    let mut jack = Process::start_on_terminal(&mut command);
    jack.stdout.wait_for("jack joined!");
    std::thread::sleep(Duration::from_millis(100));
    jack.enter("/msg ann password one\npassword two\npassword three\n");
    jack.stdout.wait_for_count("not sent: it came together with a private line", 2);
    ann.stdout.wait_for("[private] jack: password one\n");
    std::thread::sleep(Duration::from_millis(100));
    jack.enter(" /msg ann password four\n");
    jack.stdout.wait_for("not sent: it begins with a blank");
    std::thread::sleep(Duration::from_millis(100));
    jack.enter("for all\n");
    let shown = ann.stdout.wait_for("jack: for all\n");
    assert!(!shown.contains("two") && !shown.contains("three") && !shown.contains("four"), "{shown}");
    // The command that is to be copied has the nick as one word.
    let key = room.jack.join("udpchat/people").join(&room.name).join("$(touch x).key");
    std::fs::create_dir_all(key.parent().unwrap()).unwrap();
    std::fs::copy(room.jack.join("udpchat/client.key"), &key).unwrap();
    trap.enter("/me waits\n");
    let (code, said) = room.send(&room.jack, "jack", &["--to", "$(touch x)", "hey"]);
    assert!(code == 4 && said.contains(&format!("udpchat key forget {} '$(touch x)'", room.name)), "{code} {said}");
}

/// A path between clients and a server that keeps a copy of everything.
struct Wire {
    name: String,
    captured: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Wire {
    fn to(server: &str) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let name = socket.local_addr().unwrap().to_string();
        let captured = Arc::new(Mutex::new(Vec::new()));
        let (copies, server): (_, SocketAddr) = (captured.clone(), server.parse().unwrap());
        std::thread::spawn(move || {
            let mut ways: BTreeMap<SocketAddr, UdpSocket> = BTreeMap::new();
            let mut buffer = [0; 2048];
            while let Ok((len, from)) = socket.recv_from(&mut buffer) {
                copies.lock().unwrap().push(buffer[..len].to_vec());
                let way = ways.entry(from).or_insert_with(|| {
                    let way = UdpSocket::bind("127.0.0.1:0").unwrap();
                    way.connect(server).unwrap();
                    let (back, here, copies) = (way.try_clone().unwrap(), socket.try_clone().unwrap(), copies.clone());
                    std::thread::spawn(move || {
                        let mut buffer = [0; 2048];
                        while let Ok(len) = back.recv(&mut buffer) {
                            copies.lock().unwrap().push(buffer[..len].to_vec());
                            let _ = here.send_to(&buffer[..len], from);
                        }
                    });
                    way
                });
                let _ = way.send(&buffer[..len]);
            }
        });
        Self { name, captured }
    }
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

/// Returns the contents of all files in that folder.
fn files(folder: &Path, into: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, into);
        } else {
            into.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
}

#[test]
fn a_search_for_the_text_finds_it_nowhere_but_on_the_two_screens() {
    const SECRET: &str = "tonight at the old mill";
    let mut room = Room::new(&[]);
    let mut verbose = udpchat();
    verbose.env("XDG_STATE_HOME", room.home.path()).env("RUST_LOG", "trace").args(["serve", "--bind", &room.name]);
    room.stop();
    room.server = Process::start(&mut verbose);
    room.server.stderr.wait_for("listening on");
    let wire = Wire::to(&room.name);
    let straight = std::mem::replace(&mut room.name, wire.name.clone());
    let jill = room.join(&room.jill, "jill", &[]);
    let ann = room.join(&new_home(), "ann", &["--json"]);
    let mut jack = room.join(&room.jack, "jack", &[]);
    jack.enter(&format!("/msg jill {SECRET}\n"));
    jill.stdout.wait_for(&format!("[private] jack: {SECRET}\n"));
    jack.stdout.wait_for(&format!("[private to] jill: {SECRET}\n"));
    jack.enter("and this is for all\n");
    ann.stdout.wait_for("and this is for all");
    room.name = straight;
    let (_, history, _) = room.run(room.home.path(), &["history", "--json"]);
    assert!(history.contains("\"kind\":\"private\"") && history.contains("and this is for all"), "{history}");
    assert!(!history.contains(SECRET), "{history}");
    let transcript = room.server.stdout.so_far();
    assert!(transcript.contains("and this is for all") && !transcript.contains(SECRET), "{transcript}");
    assert!(!room.server.stderr.so_far().contains(SECRET) && !ann.stdout.so_far().contains(SECRET));
    let captured = wire.captured.lock().unwrap();
    assert!(captured.len() > 20 && captured.iter().any(|datagram| has(datagram, "SIGNUP_TAG:jack")));
    assert!(!captured.iter().any(|datagram| has(datagram, SECRET)));
    drop((jack, jill, ann));
    let mut all = Vec::new();
    for home in [room.home.path(), &room.jack, &room.jill] {
        files(home, &mut all);
    }
    assert!(all.iter().any(|(path, bytes)| *path == room.log() && !bytes.is_empty()));
    let in_log =
        |(path, bytes): &(PathBuf, Vec<u8>)| path.starts_with(room.home.path()) && has(bytes, "and this is for all");
    assert!(all.iter().any(in_log), "the search finds what is there");
    assert!(all.iter().all(|(path, bytes)| !has(bytes, SECRET) || panic!("{}", path.display())));
}
