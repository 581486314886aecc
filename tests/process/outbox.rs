//! What a user has said survives the client: killed clients, clients that end before the server comes back.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used)] // tests are allowed to

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{Process, at_home, closed_port, new_home, original_server, serve_at_home, udpchat_with};

/// How often the client is killed.
const KILLS: u64 = 100;

/// Carries datagrams between clients and a server, and loses a fifth of them in each direction.
struct Lossy {
    address: SocketAddr,
    ends: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Lossy {
    fn new(server: &str) -> Self {
        let server: SocketAddr = server.parse().unwrap();
        let front = UdpSocket::bind("127.0.0.1:0").unwrap();
        front.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let (address, ends) = (front.local_addr().unwrap(), Arc::new(AtomicBool::new(false)));
        let stop = Arc::clone(&ends);
        let main = thread::spawn(move || {
            // Each client's datagrams come to the server from a socket of their own.
            let mut backs: BTreeMap<SocketAddr, UdpSocket> = BTreeMap::new();
            let dice = Arc::new(AtomicU64::new(1));
            let mut bytes = [0; 2048];
            let mut down = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let Ok((len, client)) = front.recv_from(&mut bytes) else { continue };
                if is_lost(&dice) {
                    continue;
                }
                let back = backs.entry(client).or_insert_with(|| {
                    let back = UdpSocket::bind("127.0.0.1:0").unwrap();
                    back.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
                    let (from, front, stop) =
                        (back.try_clone().unwrap(), front.try_clone().unwrap(), Arc::clone(&stop));
                    let dice = Arc::clone(&dice);
                    down.push(thread::spawn(move || {
                        let mut bytes = [0; 2048];
                        while !stop.load(Ordering::Relaxed) {
                            if let Ok((len, _)) = from.recv_from(&mut bytes)
                                && !is_lost(&dice)
                            {
                                let _ = front.send_to(&bytes[..len], client);
                            }
                        }
                    }));
                    back
                });
                let _ = back.send_to(&bytes[..len], server);
            }
            down.into_iter().for_each(|thread| thread.join().unwrap());
        });
        Self { address, ends, threads: vec![main] }
    }
}

impl Drop for Lossy {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
    }
}

/// Returns the next number of a sequence that looks random (Knuth, TAOCP 3.3.4, line 26).
fn next(state: &AtomicU64) -> u64 {
    let step = |state: u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).unwrap() >> 33
}

fn is_lost(state: &AtomicU64) -> bool {
    next(state).is_multiple_of(5)
}

/// A room with a home of its own.
struct Room {
    home: TempDir,
    server: Process,
    name: String,
}

impl Room {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let (server, name) = serve_at_home(home.path(), "127.0.0.1:0", &["--rate", "off"]);
        Self { home, server, name }
    }

    /// Returns what was said, as the log has it.
    fn said(&self) -> Vec<String> {
        let db = self.home.path().join("udpchat/room.db").display().to_string();
        let mut process = at_home(&new_home(), &["history", "--db", &db, "--json"]);
        assert_eq!(process.code(), 0);
        let lines = process.stdout.to_end();
        let said = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        said.filter(|line| line["kind"] == "said").map(|line| line["text"].as_str().unwrap().to_owned()).collect()
    }
}

/// Returns the texts that wait in the outbox of a client.
fn waiting(home: &Path) -> String {
    let mut all = String::new();
    let mut folders = vec![home.join("udpchat/places")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if entry.path().extension().is_some_and(|extension| extension == "outbox") {
                all += &std::fs::read_to_string(entry.path()).unwrap();
            }
        }
    }
    all
}

fn outbox_of(home: &Path) -> PathBuf {
    let folder = std::fs::read_dir(home.join("udpchat/places")).unwrap().next().unwrap().unwrap().path();
    folder.join("jill.0.outbox")
}

#[test]
fn a_client_that_is_killed_a_hundred_times_under_loss_says_each_line_exactly_once() {
    let room = Room::new();
    let lossy = Lossy::new(&room.name);
    let (home, dice, proxy) = (new_home(), AtomicU64::new(7), lossy.address.to_string());
    let mut typed = 0;
    for _ in 0..KILLS {
        let mut jill = at_home(&home, &["join", "--nick", "jill", "--server", &proxy, "-t", "1h", "--json"]);
        for _ in 0..=next(&dice) % 3 {
            jill.enter(&format!("line {typed}\n"));
            typed += 1;
        }
        // What the program has read it has stored; whatever it has not read, nobody has taken.
        let all = format!("\"line {}\"", typed - 1);
        while !waiting(&home).contains(&all) && !jill.stdout.so_far().contains(&all) {
            thread::sleep(Duration::from_millis(1));
            assert!(jill.is_running(), "{}", jill.stderr.so_far());
        }
        thread::sleep(Duration::from_millis(next(&dice) % 120));
        jill.signal(Signal::SIGKILL);
        jill.wait();
    }
    let mut last = at_home(&home, &["join", "--nick", "jill", "--server", &proxy, "-t", "1h", "--json"]);
    last.stdout.wait_for("\"event\":\"joined\"");
    last.close_input();
    assert_eq!(last.code(), 0, "{}", last.stderr.so_far());
    let expected: Vec<_> = (0..typed).map(|number| format!("line {number}")).collect();
    assert_eq!(room.said(), expected, "each once, and in order");
    assert!(!waiting(&home).contains("line"), "nothing of it stays on the disk: {}", waiting(&home));
}

#[test]
fn eight_killed_clients_do_not_keep_the_ninth_out() {
    let room = Room::new();
    let home = new_home();
    for _ in 0..12 {
        let mut jill = at_home(&home, &["join", "--nick", "jill", "--server", &room.name, "--json"]);
        jill.stdout.wait_for("\"event\":\"joined\"");
        jill.signal(Signal::SIGKILL);
        jill.wait();
    }
}

#[test]
fn in_another_log_what_may_have_been_sent_is_not_sent_again_and_is_said_to_be_so() {
    let mut room = Room::new();
    let home = new_home();
    let mut jill = at_home(&home, &["join", "--nick", "jill", "--server", &room.name, "-t", "1h", "--json"]);
    jill.stdout.wait_for("\"event\":\"joined\"");
    room.server.signal(Signal::SIGSTOP);
    jill.enter("into the old log?\n");
    while !waiting(&home).contains("into the old log?") {
        thread::sleep(Duration::from_millis(5));
    }
    jill.signal(Signal::SIGKILL);
    jill.wait();
    room.server.signal(Signal::SIGKILL);
    room.server.wait();
    for suffix in ["", "-wal", "-shm", "-lock"] {
        let _ = std::fs::remove_file(room.home.path().join(format!("udpchat/room.db{suffix}")));
    }
    room.server = serve_at_home(room.home.path(), &room.name.clone(), &[]).0;
    let mut jill = at_home(&home, &["join", "--nick", "jill", "--server", &room.name, "--json"]);
    let shown = jill.stdout.wait_for("\"event\":\"lost\"");
    assert!(shown.contains("into the old log?"), "{shown}");
    jill.close_input();
    assert_eq!(jill.code(), 5, "it may have arrived, or not");
    assert_eq!(room.said(), [] as [&str; 0]);
    assert!(!waiting(&home).contains("into the old log?"));
}

#[test]
fn what_was_typed_before_a_server_answered_is_said_by_the_next_run() {
    let home = new_home();
    let room = Room::new();
    // Known from an earlier visit.
    let mut jill = at_home(&home, &["join", "--nick", "jill", "--server", &room.name]);
    jill.stdout.wait_for("jill joined!");
    jill.enter("!q\n");
    jill.wait();
    let Room { home: at, mut server, name } = room;
    server.signal(Signal::SIGTERM);
    server.wait();
    let mut command = udpchat_with(&["join", "--nick", "jill", "--server", &name, "-t", "1h"]);
    let mut jill = Process::start_on_terminal(command.env("XDG_STATE_HOME", &home));
    jill.enter("is anybody there?\n");
    while !waiting(&home).contains("is anybody there?") {
        thread::sleep(Duration::from_millis(5));
    }
    jill.signal(Signal::SIGKILL);
    jill.wait();
    let room = Room { server: serve_at_home(at.path(), &name, &[]).0, home: at, name };
    let mut jill = at_home(&home, &["join", "--nick", "jill", "--server", &room.name]);
    jill.stdout.wait_for("jill: is anybody there?");
    assert!(
        jill.stderr.so_far().contains("1 line of your last visit is not confirmed yet"),
        "{}",
        jill.stderr.so_far()
    );
    jill.close_input();
    assert_eq!(jill.code(), 0);
    assert_eq!(room.said(), ["is anybody there?"]);
}

#[test]
fn what_a_session_may_have_taken_is_not_said_in_plain_text() {
    let Some((_original, port)) = original_server() else { return };
    let (home, name) = (new_home(), format!("127.0.0.1:{port}"));
    // A first run leaves the file that a server with sessions would have.
    let mut nobody = at_home(&home, &["join", "--nick", "jill", "--server", &closed_port().to_string(), "-t", "100ms"]);
    nobody.close_input();
    nobody.wait();
    let folder = outbox_of(&home);
    let folder = folder.parent().unwrap();
    std::fs::rename(folder, folder.with_file_name(&name)).unwrap();
    let file = outbox_of(&home);
    let line = r#"{"posts":[{"post":0,"kind":0,"text":"only once"}],"waiting":[]}"#;
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + line + "\n").unwrap();
    let mut jill = at_home(&home, &["join", "--nick", "jill", "--server", &name, "-t", "2s"]);
    jill.enter("in plain text\n");
    jill.close_input();
    assert_eq!(jill.code(), 5, "{}", jill.stderr.so_far());
    let (shown, said) = (jill.stdout.to_end(), jill.stderr.to_end());
    assert!(said.contains("not confirmed: only once") && !shown.contains("only once"), "{shown} {said}");
    assert!(shown.contains("jill: in plain text"), "{shown}");
}
