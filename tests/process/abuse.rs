//! Floods, replays and noise against a real server: its members notice nothing, and its memory does not grow.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // tests are allowed to
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::cast_possible_truncation)]
#![cfg(target_os = "linux")] // all of 127/8 is local there

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{Process, Server, udpchat_with};
use udpchat::wire::SessionId;
use udpchat::wire::packet;

/// The most that the server's memory may grow, in KiB: a full queue of replies, and half-open handshakes.
const GROWTH_MAX: u64 = 4096;

/// The same while the server keeps its maximum of half-open handshakes: 4,096 of some 4.3 KiB.
const HALF_OPEN_GROWTH_MAX: u64 = 24 * 1024;

/// A relay between one client and the server that keeps the client's datagrams.
struct Tapped {
    address: SocketAddr,
    said: Arc<Mutex<Vec<Vec<u8>>>>,
    /// The socket that the server takes for the client's.
    outside: UdpSocket,
    ends: Arc<AtomicBool>,
}

impl Tapped {
    fn new(server: SocketAddr) -> Self {
        let (inside, outside) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let address = inside.local_addr().unwrap();
        outside.connect(server).unwrap();
        let (said, ends, client) = (Arc::default(), Arc::default(), Arc::new(Mutex::new(None)));
        let tapped = Self { address, said, outside, ends };
        for socket in [&inside, &tapped.outside] {
            socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        }
        let (said, ends, to_server) = (tapped.said.clone(), tapped.ends.clone(), tapped.outside.try_clone().unwrap());
        let (back, its_client) = (inside.try_clone().unwrap(), client.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            while !ends.load(Ordering::Relaxed) {
                let Ok((len, from)) = inside.recv_from(&mut buffer) else { continue };
                *its_client.lock().unwrap() = Some(from);
                said.lock().unwrap().push(buffer[..len].to_vec());
                let _ = to_server.send(&buffer[..len]);
            }
        });
        let (ends, from_server) = (tapped.ends.clone(), tapped.outside.try_clone().unwrap());
        std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            while !ends.load(Ordering::Relaxed) {
                let (Ok(len), Some(client)) = (from_server.recv(&mut buffer), *client.lock().unwrap()) else {
                    continue;
                };
                let _ = back.send_to(&buffer[..len], client);
            }
        });
        tapped
    }
}

impl Drop for Tapped {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
    }
}

/// Opens a socket on one of 10,000 addresses in 40 prefixes.
fn stranger(number: u32, server: SocketAddr) -> UdpSocket {
    let ip = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 66, 0, 1)) + (number / 250) * 256 + number % 250);
    let socket = UdpSocket::bind((ip, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    socket.connect(server).unwrap();
    socket
}

fn hello(number: u32, token: &packet::Token) -> Box<[u8]> {
    let mut key = [7; 32];
    key[..4].copy_from_slice(&number.to_be_bytes());
    packet::hello(&packet::prologue(SessionId(number), token), &key)
}

/// Returns the server's resident memory, in KiB.
fn memory(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Does `abuse` while jill and jack talk, and checks that they notice nothing.
fn members_notice_nothing_of(what: &str, growth_max: u64, abuse: impl FnOnce(&Server, &Tapped)) {
    let server = Server::start(&["--quiet"]);
    let tapped = Tapped::new(server.address);
    let join = |nick: &str, server: &str| {
        let mut command =
            udpchat_with(&["join", "--history", "0", "--nick", nick, "--server", server, "--timeout", "10s"]);
        Process::start(&mut command)
    };
    let mut jill = join("jill", &tapped.address.to_string());
    jill.stdout.wait_for("jill joined!\n");
    let mut jack = join("jack", &server.name());
    jill.stdout.wait_for("jack joined!\n");
    jill.enter("first\n");
    jack.stdout.wait_for("jill: first\n");
    let before = memory(&server);
    let talks = Arc::new(AtomicBool::new(true));
    let still_talks = talks.clone();
    let talker = std::thread::spawn(move || {
        let mut count = 0;
        while still_talks.load(Ordering::Relaxed) {
            jill.enter(&format!("{count}\n"));
            jack.enter(&format!("{count}\n"));
            count += 1;
            std::thread::sleep(Duration::from_millis(20));
        }
        (jill, jack, count)
    });
    abuse(&server, &tapped);
    let grown = memory(&server).saturating_sub(before);
    talks.store(false, Ordering::Relaxed);
    let (mut jill, mut jack, count) = talker.join().unwrap();
    for (process, other, others) in [(&mut jill, "jack", "jill"), (&mut jack, "jill", "jack")] {
        let last = format!("{other}: {}\n", count - 1);
        let shown = process.stdout.wait_for(&last);
        for nick in [other, others] {
            let prefix = format!("{nick}: ");
            let numbers = shown.lines().filter_map(|line| line.strip_prefix(&prefix)?.parse::<u32>().ok());
            let numbers: Vec<_> = numbers.collect();
            assert!(numbers.iter().copied().eq(0..numbers.len() as u32), "{what}: {numbers:?}");
        }
        assert!(!shown.contains("left"), "{what}: {shown}");
    }
    for process in [&mut jill, &mut jack] {
        process.close_input();
        assert_eq!(process.code(), 0, "{what}: {}", process.stderr.so_far());
        let said = process.stderr.so_far();
        assert!(said.lines().all(|line| line.contains("first visit to")), "{what}: {said}");
    }
    assert!(grown < growth_max, "{what}: {grown} KiB more");
    // The server forgets half-open handshakes after ten seconds; then everybody gets in again.
    let mut send =
        Process::start(&mut udpchat_with(&["send", "-n", "bot", "-t", "30s", "-s", &server.name(), "after"]));
    assert_eq!(send.code(), 0, "{what}: {}", send.stderr.so_far());
    assert!(!server.process.stderr.so_far().contains("ERROR"), "{what}");
}

#[test]
fn a_hundred_thousand_hellos_from_ten_thousand_addresses() {
    members_notice_nothing_of("hellos", GROWTH_MAX, |server, _| {
        for number in 0..10_000 {
            let socket = stranger(number, server.address);
            for repeat in 0..10 {
                let _ = socket.send(&hello(number * 10 + repeat, b"\x06abcdefghijk"));
            }
        }
    });
}

#[test]
fn a_hundred_thousand_hellos_with_good_tokens() {
    members_notice_nothing_of("hellos with tokens", HALF_OPEN_GROWTH_MAX, |server, _| {
        let mut answered = 0;
        for number in 0..10_000 {
            let socket = stranger(number, server.address);
            let _ = socket.send(b"SIGNUP_TAG:\x06");
            let mut buffer = [0; 2048];
            let len = socket.recv(&mut buffer).unwrap_or_default();
            let Some(token) = packet::token(&buffer[..len]).copied() else { continue };
            for repeat in 0..10 {
                let _ = socket.send(&hello(number * 10 + repeat, &token));
            }
            answered += 1;
        }
        assert!(answered > 9000, "{answered} tokens");
        let counters = || {
            server.process.signal(nix::sys::signal::Signal::SIGUSR1);
            server.process.stderr.wait_until("counters", |shown, _| shown.contains("too many handshakes"))
        };
        assert!(counters().contains("too many handshakes"), "they were good");
    });
}

#[test]
fn five_thousand_handshakes_that_are_never_finished() {
    members_notice_nothing_of("half-open handshakes", HALF_OPEN_GROWTH_MAX, |server, _| {
        let mut answers = 0;
        for number in 0..5000 {
            // More handshakes than the server keeps in all.
            let socket = stranger((number % 40) * 250 + number / 40, server.address);
            let _ = socket.send(b"SIGNUP_TAG:\x06");
            let mut buffer = [0; 2048];
            let len = socket.recv(&mut buffer).unwrap_or_default();
            let Some(token) = packet::token(&buffer[..len]).copied() else { continue };
            let _ = socket.send(&hello(number, &token));
            answers += usize::from(socket.recv(&mut buffer).is_ok_and(|len| buffer[..len].first() == Some(&0xf9)));
        }
        assert!(answers > 4900, "{answers} answers: nobody who shakes hands is locked out by the others");
    });
}

#[test]
fn what_a_member_said_again_and_again_changed_and_cut_from_anywhere() {
    members_notice_nothing_of("replays", GROWTH_MAX, |server, tapped| {
        std::thread::sleep(Duration::from_millis(300));
        let captured = tapped.said.lock().unwrap().clone();
        assert!(
            captured.iter().any(|bytes| bytes[0] == 0xf8)
                && captured.iter().filter(|bytes| bytes[0] == 0xfb).count() > 10
        );
        for round in 0..200_usize {
            let elsewhere = stranger(round as u32, server.address);
            for (index, bytes) in captured.iter().enumerate() {
                // Only session datagrams, unreadable or old: a signup from the member's own address would count as its own.
                let mut changed = bytes.clone();
                let position = (round * 31 + index * 7) % bytes.len();
                changed[position] ^= 1 << (round % 8);
                let cut = &bytes[..position];
                let sessions = [bytes.as_slice(), &changed, cut].into_iter().filter(|bytes| packet::is_session(bytes));
                for bytes in sessions {
                    let _ = elsewhere.send(bytes);
                    let _ = tapped.outside.send(bytes);
                }
            }
        }
    });
}

#[test]
fn noise_of_every_length_and_first_byte() {
    members_notice_nothing_of("noise", GROWTH_MAX, |server, tapped| {
        let mut state = 1_u32;
        let mut next = || {
            // xorshift32 (Marsaglia).
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state
        };
        let elsewhere = stranger(0, server.address);
        for number in 0..60_000_u32 {
            let len = (next() % 1400) as usize;
            let mut bytes: Vec<u8> = (0..len).map(|_| next() as u8).collect();
            if let Some(first) = bytes.first_mut() {
                *first = 0xf8 | (number % 8) as u8;
            }
            let _ = if number % 2 == 0 { elsewhere.send(&bytes) } else { tapped.outside.send(&bytes) };
        }
    });
}
