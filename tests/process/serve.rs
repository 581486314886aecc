//! `udpchat serve` as a process: its messages, the ways in which it ends, the faults that it survives.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // tests are allowed to
#![allow(clippy::disallowed_methods, clippy::cast_possible_truncation)]

use std::fs::File;
use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::common::{PATIENCE, Process, Server, path_in, receive, udpchat, udpchat_with};
use nix::sys::signal::Signal;

fn serve_fails(args: &[&str], code: i32, says: &str) {
    let mut process = Process::start(udpchat_with(&["serve"]).args(args));
    assert_eq!(process.code(), code, "{args:?}");
    let said = process.stderr.to_end();
    assert!(said.contains(says), "{args:?}: {said}");
    assert_eq!(process.stdout.to_end(), "");
}

#[test]
fn a_port_in_use_is_said_with_what_to_do() {
    let server = Server::start(&[]);
    let says = format!("udpchat: cannot bind {}: the port is in use (is another server running?", server.address);
    serve_fails(&["--bind", &server.name()], 1, &says);
}

#[test]
fn an_address_that_is_not_ours_is_said_with_what_to_do() {
    let says = "udpchat: cannot bind 192.0.2.1:9999: this machine does not have that address (--bind 0.0.0.0:PORT";
    serve_fails(&["--bind", "192.0.2.1:9999"], 1, says);
}

#[test]
fn a_privileged_port_is_said_with_what_to_do() {
    let first = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap_or_default();
    if first.trim().parse().is_ok_and(|first: u16| first <= 99) {
        eprintln!("skipped: this system lets everybody bind port 99");
        return;
    }
    // As root, give up the privilege; the program must be where the user `nobody` can read it.
    let dir = tempfile::tempdir().unwrap();
    let program = path_in(&dir, "udpchat");
    std::fs::copy(env!("CARGO_BIN_EXE_udpchat"), &program).unwrap();
    Command::new("chmod").arg("-R").arg("a+rX").arg(dir.path()).status().unwrap();
    let mut command = if nix::unistd::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(&program);
        command
    } else {
        Command::new(&program)
    };
    let mut process = Process::start(command.args(["serve", "--bind", "127.0.0.1:99"]));
    assert_eq!(process.code(), 1);
    let said = process.stderr.to_end();
    assert!(said.contains("cannot bind 127.0.0.1:99: no permission (ports below 1024 are privileged"), "{said}");
}

#[test]
fn wrong_arguments_are_a_usage_error() {
    serve_fails(&["--bind", "nowhere"], 2, "expected ADDR:PORT");
    serve_fails(&["--text", "maybe"], 2, "private, any, off");
    serve_fails(&["--max-members", "0"], 2, "--max-members");
    serve_fails(&["--rate", "fast"], 2, "expected a rate such as 100/s, or off");
    serve_fails(&["--text-idle", "a while"], 2, "expected a duration such as 500ms, 5s, 12h or 30d");
}

#[test]
fn each_ending_signal_ends_it_in_order() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let mut server = Server::start(&[]);
        let jill = server.socket();
        jill.send(b"SIGNUP_TAG:jill").unwrap();
        receive(&jill);
        server.process.signal(signal);
        assert_eq!(server.process.code(), 0, "{signal}");
        assert_eq!(server.process.stdout.to_end(), "SIGNUP_TAG:jill\n", "nothing of the transcript is lost");
        assert!(server.process.stderr.to_end().contains("ended by a signal; members 1, in 1, out 1, dropped 0"));
    }
}

#[test]
fn usr1_logs_the_counters_with_every_reason() {
    let server = Server::start(&[]);
    let jill = server.socket();
    for bytes in [&b""[..], b"\xf0", b"\xff", &[b'x'; 4097], &[b'x'; 65_507], b"SIGNUP_TAG:jill"] {
        jill.send(bytes).unwrap();
    }
    receive(&jill);
    server.wait_for_counters(
        "members 1, in 6, out 1, dropped 5 (empty 1, not UTF-8 1, too long 2, not a session datagram 1)",
    );
}

#[test]
fn the_transcript_cannot_be_forged() {
    let server = Server::start(&[]);
    let jill = server.socket();
    jill.send("jill: hi\nSIGNUP_TAG:jack\r\x1b[2J\u{202e}\t.".as_bytes()).unwrap();
    assert_eq!(receive(&jill), "jill: hi\nSIGNUP_TAG:jack\r\x1b[2J\u{202e}\t.", "on the wire it stays as it came");
    let shown = server.process.stdout.wait_for(".\n");
    assert_eq!(shown, "jill: hi\\nSIGNUP_TAG:jack\\r\\x1b[2J\\u{202e}\t.\n");
}

#[test]
fn quiet_writes_no_transcript() {
    let mut server = Server::start(&["--quiet"]);
    let jill = server.socket();
    jill.send(b"SIGNUP_TAG:jill").unwrap();
    receive(&jill);
    server.process.signal(Signal::SIGTERM);
    assert_eq!(server.process.code(), 0);
    assert_eq!(server.process.stdout.to_end(), "");
}

#[test]
fn one_room_is_served_on_several_addresses_of_both_families() {
    let server = Server::start(&["--bind", "[::1]:0"]);
    let shown = server.process.stderr.wait_for_count("listening on ", 2);
    let v6 = shown.rsplit("listening on ").next().unwrap().lines().next().unwrap().to_owned();
    let (jill, jack) = (server.socket(), UdpSocket::bind("[::1]:0").unwrap());
    jack.set_read_timeout(Some(PATIENCE)).unwrap();
    jack.connect(&v6).unwrap();
    jill.send(b"SIGNUP_TAG:jill").unwrap();
    assert_eq!(receive(&jill), "jill joined!");
    jack.send(b"SIGNUP_TAG:jack").unwrap();
    assert_eq!((receive(&jill), receive(&jack)), ("jack joined!".into(), "jack joined!".into()));
    jill.send(b"jill: hey").unwrap();
    assert_eq!((receive(&jill), receive(&jack)), ("jill: hey".into(), "jill: hey".into()));
}

#[test]
fn what_the_options_limit_is_limited() {
    let server = Server::start(&["--max-members", "1", "--text-idle", "200ms"]);
    let (jill, jack) = (server.socket(), server.socket());
    jill.send(b"SIGNUP_TAG:jill").unwrap();
    receive(&jill);
    jack.send(b"SIGNUP_TAG:jack").unwrap();
    assert_eq!(receive(&jack), "jack joined!", "jill, of the same prefix, made place");
    server.wait_for_counters("members 0");
}

#[test]
fn with_text_off_only_sessions_are_spoken() {
    let server = Server::start(&["--text", "off"]);
    server.socket().send(b"SIGNUP_TAG:jill").unwrap();
    server.wait_for_counters("members 0, in 1, out 0, dropped 1 (text is off 1)");
    let mut send = Process::start(&mut udpchat_with(&["send", "-n", "bot", "-s", &server.name(), "hello"]));
    assert_eq!(send.code(), 0, "{}", send.stderr.so_far());
    server.process.stdout.wait_for("bot: hello\n");
}

#[test]
fn opening_the_text_protocol_to_everybody_is_warned_of() {
    let server = Server::start_on("0.0.0.0:0", &["--text", "any"]);
    server.process.stderr.wait_for("a datagram with a spoofed source address makes this server send to a victim");
}

#[test]
fn options_of_a_log_in_a_file_without_one_are_warned_of() {
    let server = Server::start(&["--db", ":memory:", "--keep", "1h"]);
    assert!(
        server.process.stderr.so_far().contains("--keep, --keep-entries and --sync have no effect without a log file")
    );
}

#[test]
fn verbosity_and_rust_log_choose_what_is_logged() {
    let server = Server::start_on("127.0.0.1:0", &["-v", "--text-idle", "50ms"]);
    server.socket().send(b"SIGNUP_TAG:jill").unwrap();
    server.process.stderr.wait_for("is gone: ");
    let mut silent = Process::start(udpchat_with(&["serve", "--bind", "127.0.0.1:0"]).env("RUST_LOG", "off"));
    std::thread::sleep(Duration::from_millis(100));
    silent.signal(Signal::SIGTERM);
    silent.code();
    assert_eq!(silent.stderr.to_end(), "");
}

#[test]
fn a_transcript_that_nobody_reads_holds_nobody_up() {
    // The test harness reads its pipe, so use another one that nobody reads.
    let (reader, writer) = std::io::pipe().unwrap();
    let mut blocked = Command::new(env!("CARGO_BIN_EXE_udpchat"));
    blocked
        .args(["serve", "--rate", "off", "--bind", "127.0.0.1:0"])
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(Stdio::piped());
    let mut child = blocked.spawn().unwrap();
    drop(blocked);
    let address = {
        use std::io::{BufRead, BufReader};
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let line = lines.find(|line| line.contains("listening on")).unwrap();
        line.rsplit(' ').next().unwrap().to_owned()
    };
    let jill = UdpSocket::bind("127.0.0.1:0").unwrap();
    jill.set_read_timeout(Some(PATIENCE)).unwrap();
    jill.connect(&address).unwrap();
    let line = format!("jill: {}", "x".repeat(1000));
    for _ in 0..2000 {
        jill.send(line.as_bytes()).unwrap();
        assert_eq!(receive(&jill), line);
    }
    drop(reader);
    jill.send(b"jill: still here").unwrap();
    assert_eq!(receive(&jill), "jill: still here", "nor does a reader that goes away");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_pager_that_is_not_read_on_neither_stops_the_room_nor_keeps_it_from_ending() {
    use std::io::{BufRead, BufReader};
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = udpchat_with(&["serve", "--rate", "off", "--bind", "127.0.0.1:0"]);
    command.stdin(Stdio::null()).stdout(writer.try_clone().unwrap()).stderr(writer);
    let mut child = command.spawn().unwrap();
    drop(command);
    let mut pager = BufReader::new(reader);
    let mut line = String::new();
    while !line.contains("listening on") {
        line.clear();
        pager.read_line(&mut line).unwrap();
    }
    let jill = UdpSocket::bind("127.0.0.1:0").unwrap();
    jill.set_read_timeout(Some(PATIENCE)).unwrap();
    jill.connect(line.trim().rsplit(' ').next().unwrap()).unwrap();
    let line = format!("jill: {}", "x".repeat(1000));
    for _ in 0..2500 {
        jill.send(line.as_bytes()).unwrap();
        assert_eq!(receive(&jill), line, "also when more is behind than is kept, and that is to be logged");
    }
    let pid = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
    nix::sys::signal::kill(pid, Signal::SIGTERM).unwrap();
    assert!(child.wait().unwrap().success());
    drop(pager);
}

#[test]
fn a_stdout_that_takes_nothing_is_said_once_and_the_room_goes_on() {
    let mut command = udpchat();
    command.args(["serve", "--bind", "127.0.0.1:0", "--db", ":memory:"]).stdin(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.stdout(File::create("/dev/full").unwrap()).spawn().unwrap();
    let mut errors = {
        use std::io::{BufRead, BufReader};
        BufReader::new(child.stderr.take().unwrap()).lines()
    };
    let listens = errors.find_map(|line| line.ok().filter(|line| line.contains("listening on"))).unwrap();
    let address = listens.rsplit(' ').next().unwrap().to_owned();
    let jill = UdpSocket::bind("127.0.0.1:0").unwrap();
    jill.set_read_timeout(Some(PATIENCE)).unwrap();
    jill.connect(&address).unwrap();
    for _ in 0..3 {
        jill.send(b"jill: hey").unwrap();
        receive(&jill);
    }
    let pid = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
    nix::sys::signal::kill(pid, Signal::SIGTERM).unwrap();
    assert!(child.wait().unwrap().success());
    let said: Vec<_> = errors.map_while(Result::ok).collect();
    assert_eq!(said.iter().filter(|line| line.contains("cannot write the transcript")).count(), 1, "{said:?}");
}

#[test]
fn a_member_whose_port_is_closed_is_forgotten() {
    if cfg!(any(not(target_os = "linux"), feature = "plain")) {
        eprintln!("skipped: closed ports are not reported here");
        return;
    }
    // On ::1, where no other test takes the port meanwhile.
    let server = Server::start_on("[::1]:0", &[]);
    let (jill, jack) = (server.socket(), server.socket());
    jack.send(b"SIGNUP_TAG:jack").unwrap();
    receive(&jack);
    drop(jack);
    // The system limits its reports of closed ports, for all processes together: talk until one comes.
    server.wait_for_counters_while("members 1, ", || {
        jill.send(b"jill: alone?").unwrap();
        assert_eq!(receive(&jill), "jill: alone?");
    });
}

#[test]
fn a_room_of_a_thousand_sockets_hears_every_line() {
    let server = Server::start(&["--quiet", "--signup-rate", "off"]);
    let sockets: Vec<UdpSocket> = (0..1000).map(|_| server.socket()).collect();
    for socket in &sockets {
        // Lines, not signups: a thousand announcements to everybody would overflow the small buffers of the sockets.
        socket.send(b"x").unwrap();
        assert_eq!(receive(socket), "x");
    }
    server.wait_for_counters("members 1000");
    for socket in &sockets {
        socket.set_nonblocking(true).unwrap();
        while socket.recv(&mut [0; 16]).is_ok() {}
        socket.set_nonblocking(false).unwrap();
    }
    for number in 0..20 {
        sockets[number * 50].send(format!("line {number}").as_bytes()).unwrap();
        for socket in &sockets {
            assert_eq!(receive(socket), format!("line {number}"));
        }
    }
}
