//! The hot path allocates no memory per datagram.
#![allow(clippy::unwrap_used)] // tests are allowed to

use std::net::SocketAddr;

use udpchat::client::Identity;
use udpchat::client::member::Member;
use udpchat::log::{Memory, Store};
use udpchat::server::{Config, Path, Server, SocketId};
use udpchat::session::{Entropy, StaticKey};
use udpchat::time::Instant;
use udpchat::wire::frame::PostKind;
use udpchat::wire::{Instance, LogId};

const SOCKET: SocketId = SocketId(0);

fn path(port: u16) -> Path {
    Path { socket: SOCKET, peer: SocketAddr::from(([10, 0, 0, 1], port)), local: None }
}

/// Runs `turns` turns of the loop, each with three datagrams of different lengths, which go to everybody, and two invalid ones.
fn talk(server: &mut Server, store: &mut Memory, turns: u16) -> usize {
    let mut shown = 0;
    for turn in 0..turns {
        for datagram in [&b"x: hello"[..], b"x: hello again", b"\xff garbage", b"", &[b'y'; 1024]] {
            server.handle_datagram(Instant::from_millis(turn.into()), path(1 + turn % 100), datagram);
        }
        udpchat::server::exchange(Instant::from_millis(turn.into()), server, store, |_, text| shown += text.len());
        while let Some(transmits) = server.poll_transmit(SOCKET) {
            let token = transmits.token();
            let count = transmits.count();
            server.transmitted(token, count);
        }
    }
    shown
}

#[test]
fn a_room_that_has_warmed_up_talks_without_allocating() {
    let mut store = Memory::new(LogId([1; 16]));
    let key = StaticKey::generate(&mut Entropy::new([1; 32]));
    let config = Config { rate: None, signup_rate: None, recent_bytes: 1, ..Config::new(key, [1; 32]) };
    let mut server = Server::new(Instant::ZERO, config, 1, store.open());
    for port in 1..=100 {
        server.handle_datagram(Instant::ZERO, path(port), b"SIGNUP_TAG:x");
    }
    talk(&mut server, &mut store, 2000);
    let sent = server.counters().sent;
    let allocated = allocation_counter::measure(|| {
        assert!(talk(&mut server, &mut store, 2000) > 0);
    });
    assert_eq!(server.counters().sent - sent, 2000 * 3 * 100);
    assert_eq!(allocated.count_total, 0, "{allocated:?}");
}

/// Members with sessions, in memory; the room's datagrams are put aside and delivered later.
struct Hall {
    now: Instant,
    server: Server,
    store: Memory,
    members: Vec<Member>,
    aside: Vec<u8>,
    datagrams: Vec<(SocketAddr, usize)>,
}

impl Hall {
    fn new(members: u16) -> Self {
        let mut entropy = Entropy::new([1; 32]);
        let key = StaticKey::generate(&mut entropy);
        let mut store = Memory::new(LogId([1; 16]));
        let seed = entropy.bytes();
        let config = Config { rate: None, signup_rate: None, recent_bytes: 1, ..Config::new(key, seed) };
        let server = Server::new(Instant::ZERO, config, 1, store.open());
        let (aside, datagrams) = (Vec::new(), Vec::new());
        let mut hall = Self { now: Instant::ZERO, server, store, members: Vec::new(), aside, datagrams };
        for number in 0..members {
            let nick = format!("m{number}").parse().unwrap();
            let (key, instance) = (StaticKey::generate(&mut entropy), Instance(entropy.bytes()));
            let identity = Identity { present: false, ..Identity::new(key, instance, entropy.bytes()) };
            hall.members.push(Member::new(hall.now, path(0).peer, nick, identity));
        }
        hall.quiet();
        hall
    }

    /// Hands the members' datagrams to the room.
    fn hear(&mut self) -> bool {
        let mut any = false;
        for (port, member) in (1..).zip(&mut self.members) {
            while let Some(bytes) = member.poll_transmit() {
                self.server.handle_datagram(self.now, path(port), bytes);
                member.transmitted(self.now);
                any = true;
            }
        }
        any
    }

    /// Lets the room commit and seal everything that is due.
    fn seal(&mut self) {
        while self.server.shake_hands(self.now, false) {}
        udpchat::server::exchange(self.now, &mut self.server, &mut self.store, |_, _| {});
        while let Some(transmits) = self.server.poll_transmit(SOCKET) {
            let token = transmits.token();
            let mut count = 0;
            for (to, bytes) in transmits {
                self.datagrams.push((to, bytes.len()));
                self.aside.extend_from_slice(bytes);
                count += 1;
            }
            self.server.transmitted(token, count);
        }
    }

    fn deliver(&mut self) {
        let mut start = 0;
        for &(to, len) in &self.datagrams {
            let member = &mut self.members[usize::from(to.port()) - 1];
            member.handle_datagram(self.now, path(0).peer, &self.aside[start..start + len]);
            while member.poll_event().is_some() {}
            start += len;
        }
        self.datagrams.clear();
        self.aside.clear();
    }

    fn quiet(&mut self) {
        for _ in 0..200 {
            self.now = self.now + std::time::Duration::from_millis(5);
            self.hear();
            self.seal();
            self.deliver();
            self.server.handle_timeout(self.now);
            self.members.iter_mut().for_each(|member| member.handle_timeout(self.now));
        }
    }
}

#[test]
fn a_room_that_has_warmed_up_seals_for_its_members_without_allocating() {
    let mut hall = Hall::new(20);
    // Until the history is full and reuses its memory.
    for _ in 0..200 {
        hall.members
            .iter_mut()
            .for_each(|member| drop(member.post(hall.now, PostKind::Say, "hello everybody").to_string()));
        hall.quiet();
    }
    let mut entries = 0;
    let mut allocated = 0;
    for _ in 0..20 {
        hall.members
            .iter_mut()
            .for_each(|member| drop(member.post(hall.now, PostKind::Say, "hello everybody").to_string()));
        assert!(hall.hear());
        let before = (hall.server.end(), hall.server.counters().sent);
        allocated += allocation_counter::measure(|| hall.seal()).count_total;
        entries += hall.server.end().since(before.0);
        assert!(hall.server.counters().sent - before.1 >= 20, "everybody is sent something");
        hall.deliver();
        hall.quiet();
    }
    assert_eq!((entries, allocated), (20 * 20, 0));
}
