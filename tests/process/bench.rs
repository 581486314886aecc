//! `udpchat bench` as a process: its report matches the run.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // tests are allowed to
#![allow(clippy::disallowed_methods, clippy::cast_possible_truncation)]

use std::sync::atomic::{AtomicBool, Ordering};

use crate::common::{Process, Server, closed_port, original_server, stranger, udpchat_with};
use serde_json::Value;

fn bench(server: &str, args: &[&str]) -> Process {
    Process::start(udpchat_with(&["bench", "--server", server]).args(args))
}

#[track_caller]
fn report(mut process: Process) -> Value {
    assert_eq!(process.code(), 0, "{}", process.stderr.so_far());
    serde_json::from_str(&process.stdout.to_end()).unwrap()
}

#[test]
fn on_an_idle_loopback_nothing_is_lost_doubled_or_out_of_order() {
    let server = Server::start(&["--quiet", "--rate", "off"]);
    let pid = server.process.id().to_string();
    let args = ["-m", "5", "--senders", "2", "--messages", "200", "--window", "4", "--size", "20-256"];
    let report = report(bench(&server.name(), &[&args[..], &["--json", "--repeat", "2", "--pid", &pid]].concat()));
    for run in report["runs"].as_array().unwrap() {
        assert_eq!(
            (&run["messages"], &run["expected"], &run["received"]),
            (&200.0.into(), &1000.0.into(), &1000.0.into())
        );
        for nothing in ["lost", "doubled", "out_of_order"] {
            assert_eq!(run[nothing], 0.0, "{nothing}");
        }
        assert!(run["server_cpu_us_per_delivery"].as_f64().unwrap() > 0.0);
        assert!(run["server_peak_memory_kib"].as_f64().unwrap() > 0.0);
        assert!(run["latency_us"]["p50"].as_f64().unwrap() <= run["latency_us"]["max"].as_f64().unwrap());
    }
    assert_eq!((&report["members"], &report["size"]), (&5.into(), &"20-256".into()));
}

#[test]
fn for_people_it_is_a_table_and_it_says_what_a_fair_run_needs() {
    let server = Server::start(&["--quiet", "--rate", "off"]);
    let mut process = bench(&server.name(), &["-m", "3", "--senders", "1", "--rate", "100", "--messages", "20"]);
    assert_eq!(process.code(), 0);
    let shown = process.stdout.to_end();
    assert!(shown.contains("deliveries     expected 60, received 60, lost 0, doubled 0, out of order 0\n"), "{shown}");
    let said = process.stderr.to_end();
    assert!(
        said.contains("udpchat serve --quiet --rate off --signup-rate off --db :memory: --max-members 10000"),
        "{said}"
    );
}

#[test]
fn the_original_is_measured_as_well() {
    let Some((_server, port)) = original_server() else { return };
    let args = ["-m", "3", "--senders", "3", "--messages", "30", "--window", "2", "--json"];
    assert_eq!(report(bench(&format!("127.0.0.1:{port}"), &args))["median"]["received"], 90.0);
}

/// The server loses, repeats and delays on purpose, and the report shows exactly that.
#[test]
fn losses_doubles_and_disorder_are_counted() {
    let socket = stranger();
    socket.set_read_timeout(Some(std::time::Duration::from_millis(50))).unwrap();
    let name = socket.local_addr().unwrap().to_string();
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut buffer, mut held) = ([0; 2048], None);
            while !ended.load(Ordering::Relaxed) {
                let Ok((len, peer)) = socket.recv_from(&mut buffer) else { continue };
                let bytes = buffer[..len].to_vec();
                let number = bytes.strip_prefix(b"b: 0001").map(|rest| rest[..8].to_vec());
                match number.as_deref() {
                    Some(b"00000001") => {}                  // lost
                    Some(b"00000003") => held = Some(bytes), // comes after the next
                    number => {
                        socket.send_to(&bytes, peer).unwrap();
                        if number == Some(b"00000002") {
                            socket.send_to(&bytes, peer).unwrap(); // doubled
                        }
                        if number == Some(b"00000004") {
                            socket.send_to(&held.take().unwrap(), peer).unwrap();
                        }
                    }
                }
            }
        });
        let args = ["-m", "1", "--senders", "1", "--messages", "10", "--window", "10", "--json"];
        let report = report(bench(&name, &args));
        ended.store(true, Ordering::Relaxed);
        let run = &report["runs"][0];
        assert_eq!((&run["lost"], &run["doubled"], &run["out_of_order"]), (&1.0.into(), &1.0.into(), &1.0.into()));
        assert_eq!(run["received"], 9.0);
    });
}

#[test]
fn a_crowd_comes_in_while_two_talk_and_everybody_is_back_after_a_restart_and_nobody_is_falsely_announced() {
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_udpchat");
    let (db, key, pid) = (folder.path().join("room.db"), folder.path().join("key"), folder.path().join("pid"));
    let server = Server::start(&["--quiet", "--db", db.to_str().unwrap(), "--key", key.to_str().unwrap()]);
    std::fs::write(&pid, server.process.id().to_string()).unwrap();
    let name = server.name();
    let (db, key, pid) = (db.display(), key.display(), pid.display());
    // The command leaves the second server running; the test kills it below.
    let restart = format!(
        "kill -9 $(cat {pid}); {program} serve --quiet --bind {name} --db {db} --key {key} >/dev/null 2>&1 & echo $! > {pid}"
    );
    // The server stores its members' addresses a second after the last one joined; the talkers go on for two seconds.
    let args = ["--dialect", "session", "-m", "20", "--present", "--restart", &restart, "--json"];
    let report = report(bench(&name, &args));
    let killed = std::process::Command::new("sh").args(["-c", &format!("kill $(cat {pid})")]).status().unwrap();
    assert!(killed.success());
    assert_eq!(
        (&report["members"], &report["talk"]["lost"], &report["talk"]["doubled"]),
        (&20.into(), &0.into(), &0.into())
    );
    let back = &report["back"];
    assert_eq!(
        (&back["falsely_announced"], &back["talk"]["lost"], &back["talk"]["doubled"]),
        (&0.into(), &0.into(), &0.into())
    );
    assert!(report["announcements"].as_u64().unwrap() >= 20);
}

#[test]
fn what_cannot_be_measured_is_said() {
    let fails = |args: &[&str], code: i32, says: &str| {
        let mut process = bench(&closed_port().to_string(), args);
        assert_eq!(process.code(), code, "{args:?}");
        let said = process.stderr.to_end();
        assert!(said.contains(says), "{said}");
    };
    fails(&["-t", "1s"], 3, "is the server running?");
    fails(&["--members", "2", "--senders", "3"], 2, "--senders 3 is more than --members 2");
    fails(&["--size", "5"], 2, "expected a size such as 64 or 20-256, from 15 to 1024 bytes");
    fails(&["--rate", "0"], 2, "--rate");
    fails(&["--rate", "5", "--window", "5"], 2, "cannot be used with");
    fails(&["--members", "0"], 2, "a number of at least 1");
}
