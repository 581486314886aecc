//! The server is killed again and again while everybody talks: each acknowledged message is in the log once and in order, and
//! every member returns to the room.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // tests are allowed to
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::common::{Server, udpchat};
use nix::sys::signal::Signal;
use serde_json::Value;
use udpchat::log::sqlite::history::Reader;

/// Number of kills.
const KILLS: u64 = 100;

/// The latest moment of a kill, in milliseconds after the server listens or has written again.
const LATEST: u64 = 60;

/// Returns a random number below `end`.
fn random(end: u64) -> u64 {
    RandomState::new().hash_one(0) % end
}

/// A client that sends numbered lines when the test tells it to, and writes its events to a file.
struct Talker {
    nick: &'static str,
    child: Child,
    said: u64,
    shown: PathBuf,
}

impl Talker {
    fn start(home: &Path, server: &str, nick: &'static str, args: &[&str]) -> Self {
        let shown = home.join(nick);
        let mut command = udpchat();
        command.env("XDG_STATE_HOME", home).args(["join", "--json", "-n", nick, "-s", server]).args(args);
        command.stdin(Stdio::piped()).stdout(File::create(&shown).unwrap());
        let child = command.stderr(File::create(home.join(format!("{nick}.err"))).unwrap()).spawn().unwrap();
        Self { nick, child, said: 0, shown }
    }

    fn is_in(&self) -> bool {
        std::fs::read_to_string(&self.shown).unwrap().contains(r#""kind":"joined""#) || self.told().len() > 1
    }

    fn say(&mut self) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{}", self.said).unwrap();
        self.said += 1;
    }

    /// Ends its input, waits until it has left, and returns its exit code.
    fn finish(&mut self) -> i32 {
        self.child.stdin = None;
        self.child.wait().unwrap().code().unwrap()
    }

    /// Returns its events, in order.
    fn told(&self) -> Vec<Value> {
        let shown = std::fs::read_to_string(&self.shown).unwrap();
        // The last line may be incomplete.
        shown.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    fn lines(&self) -> Vec<Value> {
        self.told().into_iter().filter(|told| told["event"] == "line").collect()
    }

    fn count(&self, event: &str) -> usize {
        self.told().iter().filter(|told| told["event"] == event).count()
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends numbered messages one after the other until `ends` is set; returns the exit code of each.
fn send_over_and_over(home: &Path, server: &str, ends: &AtomicBool) -> Vec<i32> {
    let mut codes = Vec::new();
    while !ends.load(Ordering::Relaxed) {
        let text = codes.len().to_string();
        // Every second message does not wait until the server is back.
        let patience = if codes.len() % 2 == 0 { "60s" } else { "50ms" };
        let args = ["send", "-n", "bot", "-s", server, "-t", patience, text.as_str()];
        let status = udpchat().env("XDG_STATE_HOME", home).args(args).stderr(Stdio::null()).status().unwrap();
        codes.push(status.code().unwrap());
    }
    codes
}

/// Returns the entries that `udpchat history` shows.
fn history(db: &str) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_udpchat")).args(["history", "--db", db, "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Waits until the log has more entries, but at most `longest`.
fn wait_for_entries(db: &str, longest: Duration) {
    let end = || Reader::open(db.as_ref()).and_then(|reader| reader.range()).map_or(0, |(_, end)| end.0);
    let (before, started) = (end(), std::time::Instant::now());
    while end() == before && started.elapsed() < longest {
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Counts how often each line is in the log, by nick and text.
fn counted(history: &[Value]) -> BTreeMap<(String, String), usize> {
    let mut counts = BTreeMap::new();
    for line in history {
        let text = line["text"].as_str().unwrap_or_default();
        let said = match line["kind"].as_str().unwrap() {
            "said" => Some((line["nick"].as_str().unwrap(), text)),
            "text" => text.split_once(": "),
            _ => None,
        };
        if let Some((nick, text)) = said {
            *counts.entry((nick.into(), text.into())).or_default() += 1;
        }
    }
    counts
}

/// Returns an entry as text members are sent it.
fn as_text(line: &Value) -> String {
    let word = |name: &str| line[name].as_str().unwrap_or_default();
    match word("kind") {
        "text" => word("text").into(),
        "said" => format!("{}: {}", word("nick"), word("text")),
        kind => format!("{} {kind}{}", word("nick"), if kind == "joined" { "!" } else { "" }),
    }
}

/// Kills and restarts the server, again and again.
fn kill_over_and_over(mut server: Server, db: &str, args: &[&str]) -> Server {
    let name = server.name();
    for kill in 0..KILLS {
        if kill % 4 != 0 {
            wait_for_entries(db, crate::common::PATIENCE);
        }
        std::thread::sleep(Duration::from_micros(random(LATEST * 1000)));
        server.process.signal(Signal::SIGKILL);
        server.process.wait();
        server = Server::start_on(&name, args);
    }
    server
}

/// Has members of all kinds talk while the server is killed over and over; returns the last server and the codes of `send`.
fn talk_and_kill(
    server: Server,
    home: &Path,
    db: &str,
    args: &[&str],
    talkers: &mut [Talker; 4],
) -> (Server, Vec<i32>) {
    let (ends, name) = (AtomicBool::new(false), server.name());
    std::thread::scope(|scope| {
        let talking = scope.spawn(|| {
            let [jill, jack, text, _] = talkers;
            for turn in 0_u64.. {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                jill.say();
                jack.say();
                if turn % 10 == 0 {
                    text.say();
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        let sending = scope.spawn(|| send_over_and_over(home, &name, &ends));
        let server = kill_over_and_over(server, db, args);
        ends.store(true, Ordering::Relaxed);
        talking.join().unwrap();
        (server, sending.join().unwrap())
    })
}

#[test]
fn nothing_acknowledged_is_lost_or_there_twice_when_the_server_is_killed_at_a_hundred_moments() {
    let home = crate::common::new_home();
    let db = home.join("room.db").display().to_string();
    let args = ["--db", db.as_str(), "--rate", "off", "--signup-rate", "off", "--quiet"];
    // Other tests have few sockets on ::1, so that the port is still free for each restart.
    let server = Server::start_on("[::1]:0", &args);
    let start = |nick, args: &[&str]| Talker::start(&home, &server.name(), nick, args);
    let patient = ["-t", "120s"];
    // The text client waits this long for lost lines.
    let text = start("text", &["--text", "-t", "15s"]);
    let mut talkers = [start("jill", &patient), start("jack", &patient), text, start("watcher", &patient)];
    while !talkers.iter().all(Talker::is_in) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let (_server, codes) = talk_and_kill(server, &home, &db, &args, &mut talkers);
    let [mut jill, mut jack, mut text, mut watcher] = talkers;
    assert_eq!([jill.finish(), jack.finish()], [0, 0], "all is confirmed");
    let text_code = text.finish();
    // The watcher has heard everything once it has heard its own line, which is the last.
    watcher.say();
    assert_eq!(watcher.finish(), 0);

    let history = history(&db);
    let sent = codes.iter().filter(|&&code| code == 0).count();
    eprintln!(
        "{} entries, {} + {} + {} said, {sent} of {} sent",
        history.len(),
        jill.said,
        jack.said,
        text.said,
        codes.len()
    );
    let numbers: Vec<_> = history.iter().map(|line| line["seq"].as_u64().unwrap()).collect();
    // Entry 0 says whose the room is, and is not shown.
    assert!(numbers.into_iter().eq(1..=history.len() as u64), "no number is left out or given twice");
    assert!(history.is_sorted_by_key(|line| line["time"].as_str().unwrap().to_owned()));
    let counts = counted(&history);
    assert!(counts.values().all(|&count| count == 1), "twice: {:?}", counts.iter().find(|(_, count)| **count > 1));
    let is_there = |nick: &str, number: usize| counts.contains_key(&(nick.into(), number.to_string()));
    for (number, code) in codes.into_iter().enumerate() {
        match code {
            0 => assert!(is_there("bot", number), "{number}"),
            // Unreachable, or not confirmed.
            3 | 5 => {}
            code => panic!("{number} ended with {code}"),
        }
    }
    for talker in [&jill, &jack] {
        let said = history.iter().filter(|line| line["kind"] == "said" && line["nick"] == talker.nick);
        let said: Vec<u64> = said.map(|line| line["text"].as_str().unwrap().parse().unwrap()).collect();
        assert!(said.into_iter().eq(0..talker.said), "{}: all of it, in order", talker.nick);
        assert_eq!(talker.count("confirmed") as u64, talker.said);
    }
    text_members_were_told_the_truth(&text, text_code, &history, |number| is_there("text", number));
    for talker in [&jill, &jack, &watcher] {
        saw_all_that_is_in_the_log(talker, &history);
    }
}

/// Checks that lines that came back are in the log, that all others are reported lost, and that lines shown are in log order.
fn text_members_were_told_the_truth(text: &Talker, code: i32, history: &[Value], is_there: impl Fn(usize) -> bool) {
    let lines = text.lines();
    let came_back = lines.iter().filter_map(|line| line["text"].as_str()?.strip_prefix("text: ")?.parse().ok());
    let came_back: BTreeSet<usize> = came_back.collect();
    assert!(came_back.iter().all(|&number| is_there(number)));
    assert_eq!(text.count("confirmed"), came_back.len());
    assert_eq!((text.count("confirmed") + text.count("lost")) as u64, text.said);
    assert_eq!(code, if text.count("lost") == 0 { 0 } else { 5 });
    let mut log = history.iter().map(as_text);
    assert!(lines.iter().all(|line| log.any(|said| said == line["text"].as_str().unwrap())), "in order, and once");
}

/// Checks that it was shown every entry since it joined, once, in order, with the entry's number.
fn saw_all_that_is_in_the_log(talker: &Talker, history: &[Value]) {
    let lines = talker.lines();
    let begin = history.iter().position(|line| line["seq"] == lines[0]["seq"]).unwrap();
    assert!(lines.iter().eq(&history[begin..begin + lines.len()]), "{}", talker.nick);
    // The last line was the watcher's.
    let left = history.len() - begin - lines.len();
    assert!(left <= 1 || talker.nick != "watcher", "{left} entries were not shown");
}
