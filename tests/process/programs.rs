//! Programs that talk through `join --json`: what they write, and what they are told.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used)] // tests are allowed to

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::common::objects::wrong_with;
use crate::common::{Process, Server, at_home, new_home, original_server, serve_at_home, udpchat_with};

/// A room whose owner's key is in `home`.
struct Room {
    home: tempfile::TempDir,
    server: Process,
    name: String,
}

/// A program in the room, and how much of what it was told it has looked at.
struct Program {
    process: Process,
    seen: usize,
}

impl Room {
    fn new(args: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let (server, name) = serve_at_home(home.path(), "127.0.0.1:0", args);
        Self { home, server, name }
    }

    fn join(&self, home: &Path, nick: &str, args: &[&str]) -> Program {
        let args = [&["join", "--json", "--nick", nick, "--server", &self.name], args].concat();
        Program { process: at_home(home, &args), seen: 0 }
    }

    fn owner(&self, args: &[&str]) {
        let mut process = at_home(self.home.path(), &[args, &["--server", &self.name]].concat());
        assert_eq!(process.code(), 0, "{args:?}: {}", process.stderr.so_far());
    }
}

impl Program {
    fn wants(&mut self, object: &Value) {
        self.process.enter(&format!("{object}\n"));
    }

    /// Waits for the next object that fits, behind those that were waited for before, and returns it.
    fn told(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let mut found = None;
        let seen = self.seen;
        self.process.stdout.wait_until(what, |shown, _| {
            let whole = shown.rfind('\n').map_or("", |end| &shown[..end]);
            let told = whole.lines().enumerate().skip(seen);
            let mut told = told.map(|(number, line)| (number, serde_json::from_str::<Value>(line).unwrap()));
            found = told.find(|(_, told)| fits(told));
            found.is_some()
        });
        let (number, told) = found.unwrap();
        self.seen = number + 1;
        told
    }

    fn event(&mut self, event: &str) -> Value {
        self.told(event, |told| told["event"] == event)
    }

    /// Waits for whatever becomes of the object with that ref.
    fn outcome(&mut self, label: &str) -> Value {
        self.told(label, |told| told["ref"] == label && told["event"] != "posted")
    }

    /// Ends the input. Returns everything that it was told, and the exit code.
    fn ends(mut self) -> (Vec<Value>, i32) {
        self.process.close_input();
        let code = self.process.code();
        let told = self.process.stdout.to_end();
        (told.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), code)
    }
}

/// Returns the user's fingerprint, as `udpchat key` shows it.
fn fingerprint(home: &Path) -> String {
    let mut process = at_home(home, &["key"]);
    assert_eq!(process.code(), 0);
    let shown = process.stdout.to_end();
    let digits = |word: &&str| word.len() == 4 && word.chars().all(|digit| digit.is_ascii_hexdigit());
    let print = shown.split_whitespace().filter(digits).take(8).collect::<String>();
    assert_eq!(print.len(), 32, "{shown}");
    print
}

#[test]
fn whatever_becomes_of_an_object_has_its_ref_and_a_code() {
    let room = Room::new(&[]);
    let (home, jacks) = (new_home(), new_home());
    let mut jack = room.join(&jacks, "jack", &[]);
    jack.event("joined");
    let mut jill = room.join(&home, "jill", &[]);
    let joined = jill.event("joined");
    assert_eq!((&joined["own_key"], &joined["last"]), (&fingerprint(&home).into(), &1.into()));
    assert_eq!(joined["log"].as_str().unwrap().len(), 32);
    jill.wants(&json!({"do": "say", "text": "!q\n\n/nick nobody\n{}", "ref": "three"}));
    assert_eq!(jill.event("posted"), json!({"event": "posted", "parts": 3, "ref": "three"}));
    let numbers = [(); 3].map(|()| jill.outcome("three")["seq"].as_u64().unwrap());
    assert_eq!(numbers[2], numbers[0] + 2);
    for text in ["!q", "/nick nobody", "{}"] {
        assert_eq!(jack.told(text, |told| told["text"] == text)["kind"], "said");
    }
    for (object, event, code) in [
        (json!({"do": "act", "text": "waves", "ref": "act"}), "confirmed", Value::Null),
        (json!({"do": "msg", "to": "jack", "text": "psst", "ref": "msg"}), "confirmed", Value::Null),
        (json!({"do": "nick", "nick": "jane", "ref": "nick"}), "confirmed", Value::Null),
        (json!({"do": "nick", "nick": "jack", "ref": "taken"}), "refused", "nick-taken".into()),
        (json!({"do": "nick", "nick": "jane", "ref": "same"}), "wrong", "no-effect".into()),
        (json!({"do": "release", "ref": "release"}), "confirmed", Value::Null),
        (json!({"do": "topic", "text": "mine", "ref": "topic"}), "refused", "no-right".into()),
        (json!({"do": "msg", "to": "nobody", "text": "psst", "ref": "whom"}), "refused", "nobody".into()),
        (json!({"do": "msg", "to": "jane", "text": "psst", "ref": "self"}), "refused", "oneself".into()),
        (json!({"do": "block", "whom": "jack", "ref": "block"}), "confirmed", Value::Null),
        (json!({"do": "unblock", "whom": "jack", "ref": "unblock"}), "confirmed", Value::Null),
        (json!({"do": "ignore", "whom": "nobody", "ref": "ignore"}), "wrong", "nobody".into()),
        (json!({"do": "unignore", "whom": "jack", "ref": "shown"}), "wrong", "nobody".into()),
        (json!({"do": "say", "text": "", "ref": "empty"}), "wrong", "malformed".into()),
        (json!({"do": "say", "txt": "x", "ref": "field"}), "wrong", "malformed".into()),
        (json!({"do": "members", "ref": "members"}), "members", Value::Null),
    ] {
        jill.wants(&object);
        let told = jill.outcome(object["ref"].as_str().unwrap());
        assert_eq!((&told["event"], &told["code"]), (&event.into(), &code), "{object}: {told}");
        assert_eq!(told["why"].is_string(), code != Value::Null, "{told}");
    }
    jill.process.enter("{\"do\":\"leave\"}\nnot any more\n");
    assert_eq!(jill.event("end")["exit"], 4);
    jack.wants(&json!({"do": "say", "text": "bye", "ref": "bye"}));
    jack.outcome("bye");
    let (told, code) = jack.ends();
    assert_eq!((code, &told.last().unwrap()["exit"]), (0, &0.into()));
    let private = told.iter().find(|told| told["kind"] == "private").unwrap();
    assert_eq!((&private["text"], &private["key"]), (&"psst".into(), &fingerprint(&home).into()));
    assert!(!told.iter().any(|told| told["text"] == "not any more"));
}

#[test]
fn a_ref_survives_its_program() {
    let room = Room::new(&[]);
    let home = new_home();
    let mut jill = room.join(&home, "jill", &["-t", "1h"]);
    jill.event("joined");
    room.server.signal(Signal::SIGSTOP);
    jill.wants(&json!({"do": "say", "text": "did you hear that?", "ref": "build 7"}));
    let folder = home.join("udpchat/places").join(&room.name);
    let stored = || std::fs::read_to_string(folder.join("jill.0.outbox")).unwrap_or_default();
    jill.process.stdout.wait_until("the outbox", |_, _| stored().contains("build 7"));
    jill.process.signal(Signal::SIGKILL);
    jill.process.wait();
    room.server.signal(Signal::SIGCONT);
    let mut again = room.join(&home, "jill", &["-t", "1h"]);
    assert_eq!(again.outcome("build 7")["event"], "confirmed");
    let (told, code) = again.ends();
    assert_eq!((code, told.iter().filter(|told| told["ref"] == "build 7").count()), (0, 1));
}

#[test]
fn who_is_here_is_told_once_and_then_what_changes_in_it_with_whole_fingerprints() {
    let room = Room::new(&[]);
    let (jills, jacks) = (new_home(), new_home());
    let mut early = room.join(&jacks, "jack", &[]);
    early.event("joined");
    let mut jill = room.join(&jills, "jill", &["--history", "all"]);
    jill.wants(&json!({"do": "who", "follow": true, "ref": "here"}));
    let people = jill.outcome("here");
    let jack = fingerprint(&jacks);
    let of = |nick: &str| {
        let all = people["people"].as_array().unwrap();
        all.iter().find(|person| person["nick"] == nick).unwrap()["key"].as_str().unwrap().to_owned()
    };
    assert_eq!((of("jill"), of("jack")), (fingerprint(&jills), jack.clone()));
    early.wants(&json!({"do": "nick", "nick": "jim", "ref": "n"}));
    let called = jill.event("called");
    assert_eq!((&called["nick"], &called["to"], &called["key"]), (&"jack".into(), &"jim".into(), &jack.clone().into()));
    early.ends();
    let went = jill.event("went");
    assert_eq!((&went["nick"], &went["key"], &went["code"]), (&"jim".into(), &jack.into(), &"left".into()));
    let anns = new_home();
    let ann = room.join(&anns, "ann", &[]);
    let came = jill.event("came");
    assert_eq!((&came["nick"], &came["key"]), (&"ann".into(), &fingerprint(&anns).into()));
    ann.process.signal(Signal::SIGKILL);
    let (told, _) = jill.ends();
    let changes = told.iter().filter(|told| ["came", "went", "called"].iter().any(|event| told["event"] == *event));
    assert_eq!(changes.count(), 3, "what was before is no change: {told:?}");
}

#[test]
fn a_program_reads_back_learns_who_has_received_something_and_skips() {
    let room = Room::new(&[]);
    let (home, jacks) = (new_home(), new_home());
    let mut jack = room.join(&jacks, "jack", &[]);
    jack.event("joined");
    let mut jill = room.join(&home, "jill", &["--history", "0"]);
    jill.wants(
        &json!({"do": "say", "text": (0..60).map(|number| format!("{number}\n")).collect::<String>(), "ref": "many"}),
    );
    let first = jill.outcome("many")["seq"].as_u64().unwrap();
    for _ in 1..60 {
        jill.outcome("many");
    }
    jill.wants(&json!({"do": "fetch", "before": first + 20, "n": 10, "ref": "page"}));
    let page = jill.outcome("page");
    let texts: Vec<_> =
        page["entries"].as_array().unwrap().iter().map(|entry| entry["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["10", "11", "12", "13", "14", "15", "16", "17", "18", "19"]);
    assert_eq!((&page["first"], &page["count"]), (&(first + 10).into(), &10.into()));
    for number in 0..8 {
        jill.wants(&json!({"do": "fetch", "ref": format!("fetch {number}")}));
    }
    let shown = jill.process.stdout.wait_for_count("\"ref\":\"fetch ", 8);
    let of = |event: &str| {
        let told = shown.lines().filter(|line| line.starts_with(&format!("{{\"event\":\"{event}\"")));
        told.filter(|line| line.contains("\"ref\":\"fetch ")).count()
    };
    let (pages, too_many) = (of("page"), of("wrong"));
    assert!(pages >= 4 && pages + too_many == 8, "{pages} {too_many}");
    jill.wants(&json!({"do": "watch", "seq": first, "names": true}));
    let who = fingerprint(&jacks)[..16].to_owned();
    let received = jill.told("jack", |told| told["event"] == "received" && told["count"] == 1);
    assert_eq!((&received["of"], &received["by"]), (&1.into(), &json!([who])));
    jill.wants(&json!({"do": "read", "before": first + 5}));
    jill.wants(&json!({"do": "skip"}));
    jill.wants(&json!({"do": "watch", "seq": first, "names": false}));
    jill.event("received");
    room.server.signal(Signal::SIGSTOP);
    jill.wants(&json!({"do": "watch", "seq": first}));
    let ends = std::thread::spawn(move || jill.ends());
    room.server.signal(Signal::SIGCONT);
    assert_eq!(ends.join().unwrap().1, i32::from(too_many > 0), "what is not watched any more holds nothing up");
    // The second device of the same user.
    let mut phone = room.join(&home, "jill", &["--history", "0"]);
    assert_eq!(phone.event("read")["before"], first + 5);
}

#[test]
fn a_program_that_is_an_operator_keeps_the_room() {
    let room = Room::new(&[]);
    let (home, mallory) = (new_home(), new_home());
    let mut ann = room.join(&home, "ann", &[]);
    ann.event("joined");
    room.owner(&["op", "ann"]);
    let mut them = room.join(&mallory, "mallory", &[]);
    them.event("joined");
    for object in [
        json!({"do": "topic", "text": "tea"}),
        json!({"do": "mute", "whom": "mallory", "for": "10m", "why": "loud"}),
        json!({"do": "admit", "whom": "mallory"}),
        json!({"do": "invite", "nick": "jill", "for": "7d"}),
        json!({"do": "kick", "whom": "mallory", "why": "x"}),
        json!({"do": "ban", "whom": "mallory", "for": "1h"}),
        json!({"do": "unmute", "whom": "mallory"}),
        json!({"do": "unban", "whom": "mallory"}),
    ] {
        let mut object = object;
        let label = object["do"].as_str().unwrap().to_owned();
        object["ref"] = label.clone().into();
        ann.wants(&object);
        assert_eq!(ann.outcome(&label)["event"], "confirmed", "{object}");
    }
    let (told, code) = them.ends();
    assert_eq!((code, &told.last().unwrap()["code"]), (4, &"kicked".into()), "{told:?}");
    ann.wants(&json!({"do": "members", "ref": "list"}));
    let members = ann.outcome("list");
    assert!(members["members"].as_array().unwrap().iter().any(|member| member["nick"] == "mallory"), "{members}");
    let (told, code) = ann.ends();
    assert_eq!(code, 0);
    let link = told.iter().find(|told| told["event"] == "invitation").unwrap();
    assert!(link["ref"] == "invite" && link["link"].as_str().unwrap().starts_with("udpchat://"), "{link}");
    let topic = told.iter().find(|told| told["kind"] == "topic").unwrap();
    assert_eq!((&topic["text"], &topic["nick"]), (&"tea".into(), &"ann".into()));
}

#[test]
fn an_answer_that_overtakes_another_is_not_taken_for_it() {
    let room = Room::new(&[]);
    let (home, bobs) = (new_home(), new_home());
    let mut bob = room.join(&bobs, "bob", &[]);
    bob.event("joined");
    let mut jill = room.join(&home, "jill", &[]);
    jill.event("joined");
    // An address is nobody's name, and that needs no server.
    jill.process.enter(concat!(
        "{\"do\":\"ignore\",\"whom\":\"bob\",\"ref\":\"bob\"}\n",
        "{\"do\":\"block\",\"whom\":\"1.2.3.4\",\"ref\":\"address\"}\n"
    ));
    let (told, code) = jill.ends();
    let of = |label: &str| told.iter().filter(|told| told["ref"] == label).collect::<Vec<_>>();
    assert_eq!(
        (of("bob").len(), &of("bob")[0]["event"], &of("bob")[0]["people"][0]["nick"]),
        (1, &"ignored".into(), &"bob".into())
    );
    assert_eq!((of("address").len(), &of("address")[0]["event"], code), (1, &"wrong".into(), 1));
    bob.wants(&json!({"do": "msg", "to": "jill", "text": "am I blocked?", "ref": "msg"}));
    assert_eq!(bob.outcome("msg")["event"], "confirmed");
}

#[test]
fn no_piece_of_an_object_that_cannot_be_read_is_said() {
    let room = Room::new(&[]);
    let mut jack = room.join(&new_home(), "jack", &[]);
    jack.event("joined");
    let mut jill = room.join(&new_home(), "jill", &[]);
    jill.event("joined");
    let long = format!("{} the secret", "x".repeat(70_000));
    jill.wants(&json!({"do": "msg", "to": "jack", "text": long}));
    assert_eq!(jill.event("wrong")["code"], "too-long");
    jill.process.enter("{\n  \"do\": \"msg\",\n  \"to\": \"jack\",\n  \"text\": \"the secret\"\n}\n");
    for _ in 0..5 {
        assert_eq!(jill.event("wrong")["code"], "malformed");
    }
    jill.process.enter("[\"the secret\"]\n");
    assert_eq!(jill.event("wrong")["code"], "malformed");
    jill.process.enter("\u{feff} {\"do\":\"act\",\"text\":\"waves\",\"ref\":\"act\"}\nthe end\n");
    assert_eq!(jill.outcome("act")["event"], "confirmed");
    jack.told("the end", |told| told["text"] == "the end");
    assert!(!jack.process.stdout.so_far().contains("secret"));
}

#[test]
fn whoever_leaves_is_not_held_up_by_what_it_watches() {
    let room = Room::new(&[]);
    let mut jack = room.join(&new_home(), "jack", &[]);
    jack.event("joined");
    let mut jill = room.join(&new_home(), "jill", &[]);
    jill.event("joined");
    jack.process.signal(Signal::SIGSTOP);
    jill.wants(&json!({"do": "say", "text": "hey", "ref": "say"}));
    let seq = jill.outcome("say")["seq"].clone();
    jill.wants(&json!({"do": "watch", "seq": seq, "ref": "watch"}));
    assert_eq!(jill.outcome("watch")["count"], 0);
    jill.wants(&json!({"do": "leave"}));
    assert_eq!(jill.event("end")["exit"], 0);
    jack.process.signal(Signal::SIGCONT);
}

#[test]
fn every_question_has_an_outcome_although_the_server_says_nothing_any_more() {
    let room = Room::new(&[]);
    let mut jill = room.join(&new_home(), "jill", &["-t", "1s"]);
    jill.event("joined");
    room.server.signal(Signal::SIGSTOP);
    let all = ["who", "members", "fetch"];
    for question in all {
        jill.wants(&json!({"do": question, "ref": question}));
    }
    jill.wants(&json!({"do": "ignore", "whom": "jack", "ref": "ignore"}));
    jill.wants(&json!({"do": "who", "ref": "again"}));
    jill.wants(&json!({"do": "watch", "seq": 1, "ref": "watch"}));
    let (told, code) = jill.ends();
    room.server.signal(Signal::SIGCONT);
    let of = |label: &str| told.iter().filter(|told| told["ref"] == label).collect::<Vec<_>>();
    for label in all.into_iter().chain(["ignore"]) {
        assert_eq!((of(label).len(), &of(label)[0]["code"]), (1, &"no-answer".into()), "{label}: {told:?}");
    }
    assert_eq!((of("again").len(), &of("again")[0]["code"]), (1, &"too-many".into()));
    assert_eq!((code, &told.last().unwrap()["event"]), (1, &"end".into()));
}

#[test]
fn whoever_reads_slowly_is_told_everything_all_the_same() {
    let room = Room::new(&["--rate", "off"]);
    let home = new_home();
    let lines: String = (0..300).map(|number| format!("{number} {}\n", "x".repeat(900))).collect();
    let mut bot = at_home(&new_home(), &["send", "--nick", "bot", "--server", &room.name, "-"]);
    bot.enter(&lines);
    bot.close_input();
    assert_eq!(bot.code(), 0);
    let mut command = udpchat_with(&["join", "--json", "--nick", "jill", "--server", &room.name, "--history", "0"]);
    command.env("XDG_STATE_HOME", &home).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut jill = command.stderr(std::process::Stdio::null()).spawn().unwrap();
    let mut input = jill.stdin.take().unwrap();
    let writes = std::thread::spawn(move || {
        use std::io::Write;
        for number in 0..60 {
            writeln!(input, "{}", json!({"do": "fetch", "ref": format!("{number}")})).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(30));
        }
        writeln!(input, "{}", json!({"do": "say", "text": "the end", "ref": "say"})).unwrap();
    });
    // Nobody reads for longer than it takes to fill every buffer.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let output = jill.wait_with_output().unwrap();
    writes.join().unwrap();
    let told: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |label: &str| told.iter().filter(|told| told["ref"] == label).count();
    assert!((0..60).all(|number| of(&number.to_string()) == 1), "each fetch has one outcome");
    assert_eq!((of("say"), &told.last().unwrap()["event"]), (1, &"end".into()));
}

/// Has a program say what it can to a server that speaks text.
fn talk_in_text(mut command: std::process::Command) {
    let mut jill = Program { process: Process::start(&mut command), seen: 0 };
    assert_eq!(jill.event("joined")["dialect"], "text");
    for (object, event, code) in [
        (json!({"do": "say", "text": "hello", "ref": "say"}), "confirmed", Value::Null),
        (json!({"do": "act", "text": "waves", "ref": "act"}), "confirmed", Value::Null),
        (json!({"do": "msg", "to": "jack", "text": "psst", "ref": "msg"}), "refused", "in-text".into()),
        (json!({"do": "topic", "text": "x", "ref": "topic"}), "wrong", "in-text".into()),
        (json!({"do": "who", "follow": true, "ref": "who"}), "wrong", "in-text".into()),
        (json!({"do": "who", "ref": "again"}), "wrong", "in-text".into()),
        (json!({"do": "fetch", "ref": "fetch"}), "no-page", "in-text".into()),
        (json!({"do": "watch", "seq": 1, "ref": "watch"}), "wrong", "in-text".into()),
        (json!({"do": "members", "ref": "members"}), "wrong", "in-text".into()),
        (json!({"do": "block", "ref": "block"}), "wrong", "in-text".into()),
        (json!({"do": "release", "ref": "release"}), "refused", "unsupported".into()),
    ] {
        jill.wants(&object);
        let told = jill.outcome(object["ref"].as_str().unwrap());
        assert_eq!((&told["event"], &told["code"]), (&event.into(), &code), "{object}: {told}");
    }
    // A question in a line that has no effect leaves nothing open, either.
    for _ in 0..2 {
        jill.process.enter("/members\n");
        assert_eq!(jill.event("wrong")["code"], "in-text");
    }
    jill.wants(&json!({"do": "nick", "nick": "jane"}));
    assert_eq!(jill.event("renamed")["nick"], "jane");
    assert_eq!(jill.ends().1, 4);
}

#[test]
fn in_plain_text_programs_are_told_what_it_lacks() {
    let server = Server::start(&[]);
    talk_in_text(udpchat_with(&["join", "--json", "--text", "--nick", "jill", "--server", &server.name()]));
}

#[test]
fn a_program_talks_with_a_python_original() {
    let Some((_original, port)) = original_server() else { return };
    talk_in_text(udpchat_with(&["join", "--json", "--nick", "jill", "--server", &format!("127.0.0.1:{port}")]));
}

/// Returns objects of every kind, good ones and bad ones.
fn objects() -> Vec<Value> {
    let long = "x".repeat(129);
    vec![
        json!({"do": "say", "text": "x"}),
        json!({"do": "say", "text": "x", "ref": "1"}),
        json!({"do": "say", "text": "x", "ref": null}),
        json!({"do": "say", "text": "x", "ref": 1}),
        json!({"do": "say", "text": "x", "ref": long}),
        json!({"do": "say"}),
        json!({"do": "say", "text": 1}),
        json!({"do": "say", "text": "x", "loud": true}),
        json!({"do": "act", "text": "x"}),
        json!({"do": "msg", "to": "jill", "text": "x"}),
        json!({"do": "msg", "to": "jill", "text": "x", "act": true}),
        json!({"do": "msg", "to": "jill", "text": "x", "act": "yes"}),
        json!({"do": "nick", "nick": "jill"}),
        json!({"do": "nick"}),
        json!({"do": "release"}),
        json!({"do": "release", "nick": "jill"}),
        json!({"do": "who"}),
        json!({"do": "who", "follow": false}),
        json!({"do": "fetch"}),
        json!({"do": "fetch", "before": 1, "n": 128}),
        json!({"do": "fetch", "before": 1, "n": 129}),
        json!({"do": "fetch", "around": -1}),
        json!({"do": "read", "before": 9}),
        json!({"do": "read", "before": 9.5}),
        json!({"do": "watch", "seq": 9, "names": true}),
        json!({"do": "unwatch"}),
        json!({"do": "skip", "to": 9}),
        json!({"do": "skip"}),
        json!({"do": "topic", "text": ""}),
        json!({"do": "kick", "whom": "jill"}),
        json!({"do": "kick", "whom": "jill", "for": "1h"}),
        json!({"do": "kick", "whom": "jill", "why": null}),
        json!({"do": "ban", "whom": "jill", "for": null}),
        json!({"do": "ignore", "whom": null}),
        json!({"do": "who", "follow": null}),
        json!({"do": "mute", "whom": "jill", "for": "1h", "why": "x"}),
        json!({"do": "mute", "whom": "jill"}),
        json!({"do": "unmute", "whom": "jill"}),
        json!({"do": "ban", "whom": "jill"}),
        json!({"do": "ban", "whom": "jill", "for": "1h"}),
        json!({"do": "unban", "whom": "jill", "why": "x"}),
        json!({"do": "admit", "whom": "jill"}),
        json!({"do": "op", "whom": "jill"}),
        json!({"do": "deop", "whom": "jill"}),
        json!({"do": "access", "to": "known"}),
        json!({"do": "access", "to": "closed"}),
        json!({"do": "invite"}),
        json!({"do": "invite", "nick": "jill", "uses": 1, "for": "1h", "op": true}),
        json!({"do": "invite", "uses": 0}),
        json!({"do": "revoke", "id": "01ab"}),
        json!({"do": "members"}),
        json!({"do": "block"}),
        json!({"do": "block", "whom": "jill"}),
        json!({"do": "unblock", "whom": "jill"}),
        json!({"do": "ignore", "whom": "jill"}),
        json!({"do": "unignore"}),
        json!({"do": "leave", "why": "x"}),
        json!({"do": "sing"}),
        json!({"text": "x"}),
    ]
}

#[test]
fn what_the_schema_allows_the_program_takes_and_nothing_else() {
    let room = Room::new(&[]);
    let mut jill = room.join(&new_home(), "jill", &["-t", "1h"]);
    let mut taken = 0;
    for object in objects() {
        jill.wants(&object);
        jill.wants(&json!({"do": "fetch", "n": 1, "ref": "behind it"}));
        let told = jill.told("an answer", |told| told["ref"] == "behind it" || told["code"] == "malformed");
        let is_taken = told["ref"] == "behind it";
        if !is_taken {
            jill.outcome("behind it");
        }
        let line = object.to_string();
        assert!(is_taken == wrong_with(&line).is_none() || !has_schema(), "{line}");
        taken += usize::from(is_taken);
    }
    assert_eq!(taken, 41);
}

/// Returns whether objects can be checked here.
fn has_schema() -> bool {
    wrong_with("{}").is_some()
}

/// Returns the words in backticks.
fn words(text: &str) -> BTreeSet<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_document_and_the_schema_name_the_same_objects_fields_and_codes() {
    let docs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs");
    let document = std::fs::read_to_string(docs.join("JSON.md")).unwrap();
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(docs.join("json.schema.json")).unwrap()).unwrap();
    let all = words(&document);
    let rows = document.lines().filter(|line| line.starts_with("| `") && !line.starts_with("| `do` | fields"));
    let rows: Vec<_> = rows.collect();
    let mut named = BTreeSet::new();
    for (name, form) in schema["$defs"].as_object().unwrap() {
        let Some((sort, word)) = name.split_once('.') else { continue };
        named.insert(word.to_owned());
        let of = |row: &&&str| words(row.split('|').nth(1).unwrap()).contains(word);
        let described: BTreeSet<_> = rows.iter().filter(of).flat_map(|row| words(row)).collect();
        assert!(!described.is_empty(), "docs/JSON.md has no row for {name}");
        for (field, value) in form["properties"].as_object().unwrap() {
            let is_said = described.contains(&**field) || (word == "line" && all.contains(&**field));
            let is_head = ["event", "do", "kind"].contains(&&**field) || (sort == "do" && field == "ref");
            assert!(is_said || is_head, "{name}: {field} is not in its row");
            for code in value["enum"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                assert!(all.contains(code), "{name}: {code} is nowhere in docs/JSON.md");
            }
        }
    }
    let rows = rows.iter().filter(|row| !row.starts_with("| `refused`, by") && row.split('|').count() > 4);
    for row in rows {
        for word in words(row.split('|').nth(1).unwrap()) {
            assert!(named.contains(word), "docs/json.schema.json does not have {word}");
        }
    }
}
