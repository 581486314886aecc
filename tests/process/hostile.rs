//! The findings of a review and of attacks, one by one: a hostile server for real clients, and effects on a server's users.
#![allow(clippy::unwrap_used)] // tests are allowed to
#![allow(clippy::disallowed_methods)]

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use arbitrary::Unstructured;
use udpchat::adversary::server::{Hostile, Manner};
use udpchat::session::Entropy;
use udpchat::time::Instant;
use udpchat::wire::CloseReason;

use crate::common::{Process, Server, udpchat_with};

/// Starts a hostile server on a socket of its own, in a thread that ends a minute after the last datagram.
fn hostile(manner: Manner) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    // The thread ends by itself.
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    std::thread::spawn(move || {
        let mut u = Unstructured::new(&[]);
        let mut hostile = Hostile::new(&mut u, manner, Entropy::new([9; 32]));
        let mut buffer = [0; 2048];
        while let Ok((len, from)) = socket.recv_from(&mut buffer) {
            for answer in hostile.hear(Instant::ZERO, &buffer[..len]) {
                let _ = socket.send_to(&answer, from);
            }
        }
    });
    address
}

/// Starts the program as a user with keys of its own.
fn user(home: &tempfile::TempDir, args: &[&str]) -> Process {
    let mut command = udpchat_with(args);
    command.env("XDG_STATE_HOME", home.path());
    Process::start(&mut command)
}

#[test]
fn the_server_takes_the_highest_rate_that_can_be_written() {
    let server = Server::start(&["--rate", "429500000/s", "--signup-rate", "4294967295/s"]);
    let mut send = Process::start(&mut udpchat_with(&["send", "-n", "bot", "-s", &server.name(), "hey"]));
    assert_eq!(send.code(), 0, "{}", send.stderr.so_far());
    server.socket().send(b"SIGNUP_TAG:al").unwrap();
    server.process.stdout.wait_for("SIGNUP_TAG:al");
}

#[test]
fn scripts_of_one_key_and_of_many_beside_each_other_share_the_rate_and_lose_nothing() {
    let server = Server::start(&["--rate", "200/s", "--quiet"]);
    let home = tempfile::tempdir().unwrap();
    let homes: Vec<_> = (0..10).map(|_| tempfile::tempdir().unwrap()).collect();
    let of_one_key = ["one", "two", "three"].map(|nick| (&home, nick.to_owned(), 900));
    let of_many = homes.iter().zip(0..).map(|(home, number)| (home, format!("bot{number}"), 150));
    let all: Vec<_> = of_one_key
        .into_iter()
        .chain(of_many)
        .map(|(home, nick, lines)| {
            let mut send = user(home, &["send", "-n", &nick, "-s", &server.name(), "-"]);
            send.enter(&(0..lines).map(|line| format!("{line}\n")).collect::<String>());
            send.close_input();
            (send, lines)
        })
        .collect();
    for (mut send, lines) in all {
        assert_eq!(send.code(), 0, "{}", send.stderr.so_far());
        let said = send.stderr.to_end();
        assert!(said.contains(&format!("{lines} of {lines} lines confirmed")), "{said}");
    }
}

#[test]
fn a_server_that_ends_each_session_as_it_begins_holds_no_script_up_and_fills_no_screen() {
    for why in [CloseReason::ServerEnds, CloseReason::TimedOut] {
        for manner in [Manner::WelcomeAndBye(why), Manner::Bye(why)] {
            let (home, server) = (tempfile::tempdir().unwrap(), hostile(manner).to_string());
            let mut send = user(&home, &["send", "--secure", "-n", "bot", "-t", "1s", "-s", &server, "hello"]);
            assert_eq!(send.code(), 5, "{manner:?}: {}", send.stderr.so_far());
            let mut join = user(&home, &["join", "--secure", "-n", "jill", "-t", "1s", "-s", &server]);
            join.enter("hello\n");
            assert_ne!(join.code(), 0, "{manner:?}: {}", join.stderr.so_far());
            let said = join.stderr.to_end();
            assert!(said.lines().count() < 40, "{manner:?}: {said}");
            assert!(!said.contains("for 60s"), "{manner:?}: {said}");
        }
    }
}

#[test]
fn a_line_that_is_not_confirmed_when_the_server_ends_the_session_is_the_same_code_for_all() {
    let why = CloseReason::Broken;
    let (home, server) = (tempfile::tempdir().unwrap(), hostile(Manner::ByeAtPost(why)).to_string());
    let mut send = user(&home, &["send", "--secure", "-n", "bot", "-t", "5s", "-s", &server, "hello"]);
    assert_eq!(send.code(), 5, "{}", send.stderr.so_far());
    assert!(send.stderr.to_end().contains("1 of 1 line not confirmed: "), "{}", send.stderr.so_far());
    let mut join = user(&home, &["join", "--secure", "-n", "jill", "-t", "5s", "-s", &server]);
    join.enter("hello\n");
    assert_eq!(join.code(), 5, "{}", join.stderr.so_far());
    assert!(join.stderr.to_end().contains("1 of 1 line not confirmed: "), "{}", join.stderr.so_far());
}

#[test]
fn a_server_that_takes_no_token_is_not_blamed_on_the_mtu() {
    let (home, server) = (tempfile::tempdir().unwrap(), hostile(Manner::Tokens).to_string());
    let mut send = user(&home, &["send", "--secure", "-n", "bot", "-t", "1s", "-s", &server, "hello"]);
    assert_eq!(send.code(), 5, "{}", send.stderr.so_far());
    let said = send.stderr.to_end();
    assert!(said.contains("answers each hello with a new token") && !said.contains("MTU"), "{said}");
}

#[test]
fn a_question_in_a_script_is_answered_before_it_ends() {
    let server = Server::start(&[]);
    let mut join = server.join("jill", &[]);
    join.enter("/who\nhi\n");
    join.close_input();
    assert_eq!(join.code(), 0, "{}", join.stderr.so_far());
    assert!(join.stderr.to_end().contains("1 here: jill ("), "{}", join.stderr.so_far());
    assert!(join.stdout.to_end().contains("jill: hi\n"));
    let mut json = server.join("jill", &["--json"]);
    json.enter("/who\n");
    json.close_input();
    assert_eq!(json.code(), 0, "{}", json.stderr.so_far());
    assert!(json.stdout.to_end().contains(r#"{"event":"people","people":[{"nick":"jill""#), "{}", json.stdout.so_far());
}

#[test]
fn json_shows_nothing_that_a_terminal_could_act_on() {
    let server = Server::start(&[]);
    let mut join = server.join("jill", &["--json"]);
    join.stdout.wait_for(r#""kind":"joined""#);
    server.socket().send("al: \u{9b}2J\u{7f}\u{202e}x".as_bytes()).unwrap();
    let shown = join.stdout.wait_for(r#""kind":"text""#);
    assert!(shown.contains(r#""text":"al: \u009b2J\u007f\u202ex""#), "{shown}");
    join.close_input();
    assert_eq!(join.code(), 0);
}
