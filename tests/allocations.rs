//! The hot path allocates nothing per datagram.
#![allow(clippy::unwrap_used)] // tests are allowed to

use std::net::SocketAddr;

use udpchat::room::{Config, Path, Room, SocketId};
use udpchat::store::{self, Memory, Store};
use udpchat::time::Instant;

const SOCKET: SocketId = SocketId(0);

fn path(port: u16) -> Path {
    Path { socket: SOCKET, peer: SocketAddr::from(([10, 0, 0, 1], port)), local: None }
}

/// `turns` turns of the loop: three datagrams each, of changing lengths, sent to everybody.
fn talk(room: &mut Room, store: &mut Memory, turns: u16) -> usize {
    let mut shown = 0;
    for turn in 0..turns {
        for datagram in [&b"x: hello"[..], b"x: hello again", b"\xff garbage", b"", &[b'y'; 1024]] {
            room.handle_datagram(Instant::from_millis(turn.into()), path(1 + turn % 100), datagram);
        }
        store::settle(Instant::from_millis(turn.into()), room, store, |_, text| shown += text.len());
        while let Some(transmits) = room.poll_transmit(SOCKET) {
            let count = transmits.count();
            room.transmitted(SOCKET, count);
        }
    }
    shown
}

#[test]
fn a_room_that_has_warmed_up_talks_without_allocating() {
    let mut store = Memory::default();
    let mut room = Room::new(Config { rate: None, signup_rate: None, ..Config::default() }, 1, store.next());
    for port in 1..=100 {
        room.handle_datagram(Instant::ZERO, path(port), b"SIGNUP_TAG:x");
    }
    talk(&mut room, &mut store, 2000);
    let sent = room.counters().sent;
    let allocated = allocation_counter::measure(|| {
        assert!(talk(&mut room, &mut store, 2000) > 0);
    });
    assert_eq!(room.counters().sent - sent, 2000 * 3 * 100);
    assert_eq!(allocated.count_total, 0, "{allocated:?}");
}
