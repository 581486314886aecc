//! Benchmark of the session core without sockets: entries sealed a second, bytes allocated while sealing, memory of a session.
//!
//! ```sh
//! cargo bench --bench core
//! ```
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)] // a benchmark

use std::net::SocketAddr;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use udpchat::client::Identity;
use udpchat::client::member::Member;
use udpchat::log::{Memory, Store};
use udpchat::server::{Config, Path, Server, SocketId};
use udpchat::session::{Entropy, StaticKey};
use udpchat::time::Instant;
use udpchat::wire::frame::PostKind;
use udpchat::wire::{Instance, LogId};

const SOCKET: SocketId = SocketId(0);

/// Messages posted between two exchanges with the members: as many as one member may have in flight.
const BATCH: u64 = 64;

/// The least packets in which a member gets such a batch: 13 of its entries fit one.
const PACKETS: u64 = 5;

fn server() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 9999))
}

/// A room with members, in virtual time.
struct Hall {
    now: Instant,
    room: Server,
    store: Memory,
    members: Vec<Member>,
}

/// Sealed datagrams that are not delivered yet.
#[derive(Default)]
struct Aside {
    bytes: Vec<u8>,
    datagrams: Vec<(SocketAddr, usize, usize)>,
}

fn address(index: usize) -> SocketAddr {
    let [_, _, high, low] = u32::try_from(index).unwrap().to_be_bytes();
    SocketAddr::from(([10, 1 + high, low, 1], 1000))
}

fn index(address: SocketAddr) -> usize {
    let SocketAddr::V4(address) = address else { unreachable!("all are IPv4") };
    let [_, high, low, _] = address.ip().octets();
    usize::from(high - 1) << 8 | usize::from(low)
}

impl Hall {
    fn new(members: usize, has_aes: bool) -> Self {
        let mut entropy = Entropy::new([1; 32]);
        let key = StaticKey::generate(&mut entropy);
        let mut config = Config::new(key, entropy.bytes());
        config.recent_bytes = 4 << 20;
        config.rate = None;
        config.signup_rate = None;
        config.members_max = 100_000;
        config.has_aes = has_aes;
        let mut store = Memory::new(LogId([1; 16]));
        let room = Server::new(Instant::ZERO, config, 1, store.open());
        let mut hall = Self { now: Instant::ZERO, room, store, members: Vec::new() };
        for number in 0..members {
            let nick = format!("m{number}").parse().unwrap();
            let (key, instance) = (StaticKey::generate(&mut entropy), Instance(entropy.bytes()));
            let identity = Identity { present: false, has_aes, ..Identity::new(key, instance, entropy.bytes()) };
            hall.members.push(Member::new(hall.now, server(), nick, identity));
            while hall.hear(number) {
                hall.send();
            }
        }
        hall
    }

    /// Delivers to the room everything that a member wants to send. Returns false if it sends nothing.
    fn hear(&mut self, number: usize) -> bool {
        let mut any = false;
        let member = &mut self.members[number];
        while let Some(bytes) = member.poll_transmit() {
            let path = Path { socket: SOCKET, peer: address(number), local: None };
            self.room.handle_datagram(self.now, path, bytes);
            member.transmitted(self.now);
            any = true;
        }
        any
    }

    /// Delivers to the members everything that the room wants to send. Returns the number of datagrams.
    fn send(&mut self) -> u64 {
        let mut sent = 0;
        while self.room.shake_hands(self.now, false) {}
        udpchat::server::exchange(self.now, &mut self.room, &mut self.store, |_, _| {});
        while let Some(transmits) = self.room.poll_transmit(SOCKET) {
            let (token, segment) = (transmits.token(), transmits.segment().unwrap_or(usize::MAX));
            let mut count = 0;
            for (to, bytes) in transmits {
                for datagram in bytes.chunks(segment) {
                    self.members[index(to)].handle_datagram(self.now, server(), datagram);
                }
                count += 1;
            }
            sent += self.room.transmitted(token, count);
            while self.room.shake_hands(self.now, false) {}
            udpchat::server::exchange(self.now, &mut self.room, &mut self.store, |_, _| {});
        }
        for member in &mut self.members {
            while member.poll_event().is_some() {}
        }
        sent
    }

    /// Has the room build and seal its datagrams for the members, and puts them into `aside`. Returns the number of datagrams.
    fn seal(&mut self, aside: &mut Aside) -> u64 {
        while self.room.shake_hands(self.now, false) {}
        udpchat::server::exchange(self.now, &mut self.room, &mut self.store, |_, _| {});
        let mut sealed = self.drain(aside);
        // A crowd waits for its next round.
        while sealed < PACKETS * self.members.len() as u64
            && let Some(at) = self.room.poll_timeout()
        {
            self.now = at.max(self.now);
            self.room.handle_timeout(self.now);
            sealed += self.drain(aside);
        }
        sealed
    }

    fn drain(&mut self, aside: &mut Aside) -> u64 {
        let mut sealed = 0;
        while let Some(transmits) = self.room.poll_transmit(SOCKET) {
            let (token, segment) = (transmits.token(), transmits.segment().unwrap_or(usize::MAX));
            let mut count = 0;
            for (to, bytes) in transmits {
                for datagram in bytes.chunks(segment) {
                    aside.datagrams.push((to, aside.bytes.len(), datagram.len()));
                    aside.bytes.extend_from_slice(datagram);
                }
                count += 1;
            }
            sealed += self.room.transmitted(token, count);
        }
        sealed
    }

    /// Delivers the datagrams in `aside` to the members.
    fn deliver(&mut self, aside: &mut Aside) {
        for &(to, start, len) in &aside.datagrams {
            self.members[index(to)].handle_datagram(self.now, server(), &aside.bytes[start..start + len]);
        }
        aside.datagrams.clear();
        aside.bytes.clear();
        self.settle();
    }

    /// Passes datagrams and time until neither the room nor a member has anything to send.
    fn settle(&mut self) {
        loop {
            self.now = self.now + Duration::from_millis(1);
            let mut any = self.send() > 0;
            for number in 0..self.members.len() {
                if self.members[number].poll_timeout().is_some_and(|at| at <= self.now) {
                    self.members[number].handle_timeout(self.now);
                }
                any |= self.hear(number);
            }
            if self.room.poll_timeout().is_some_and(|at| at <= self.now) {
                self.room.handle_timeout(self.now);
            }
            if !any {
                return;
            }
        }
    }

    /// Lets the first member post a batch of messages, and delivers them to the room.
    fn say(&mut self) {
        for _ in 0..BATCH {
            self.members[0].post(
                self.now,
                PostKind::Say,
                "a message of sixty-four bytes, which is what many of them are...",
            );
        }
        self.hear(0);
    }
}

fn sealing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("seal a batch of 64 entries");
    group.sample_size(10);
    let ciphers = |members| [("ChaCha20-Poly1305", false, members), ("AES-256-GCM", true, members)];
    for (cipher, has_aes, members) in [1, 100, 10_000].into_iter().flat_map(ciphers) {
        let (mut hall, mut aside) = (Hall::new(members, has_aes), Aside::default());
        hall.settle();
        group.throughput(Throughput::Elements(BATCH * members as u64));
        group.bench_function(BenchmarkId::new(cipher, members), |bencher| {
            bencher.iter_custom(|times| {
                let mut took = Duration::ZERO;
                for _ in 0..times {
                    hall.say();
                    #[allow(clippy::disallowed_methods, clippy::disallowed_types)] // a benchmark measures
                    let start = std::time::Instant::now();
                    let sealed = hall.seal(&mut aside);
                    took += start.elapsed();
                    assert!(sealed >= PACKETS * members as u64, "{sealed} packets: the windows are not open");
                    hall.deliver(&mut aside);
                    // A quiet moment, so that the pacers let a burst out.
                    hall.now = hall.now + Duration::from_secs(1);
                    hall.settle();
                }
                took
            });
        });
    }
    group.finish();
}

/// Prints memory figures instead of times: bytes allocated while a batch is sealed, and bytes held by a session.
fn memory(_: &mut Criterion) {
    let (mut hall, mut aside) = (Hall::new(100, false), Aside::default());
    for _ in 0..50 {
        hall.say();
        hall.seal(&mut aside);
        hall.deliver(&mut aside);
        hall.now = hall.now + Duration::from_secs(1);
    }
    hall.say();
    let mut sealed = 0;
    let info = allocation_counter::measure(|| sealed = hall.seal(&mut aside));
    println!("sealing {BATCH} entries for 100 members, {sealed} packets: {} bytes allocated", info.bytes_total);
    // Memory that all sessions share, such as the entries, is in both and cancels out.
    let each = |batches| (room_bytes(1100, batches) - room_bytes(100, batches)) / 1000;
    let lagging_by = 100;
    println!(
        "a session holds {} bytes when it is idle, and {} when it lags by {} entries",
        each(0),
        each(lagging_by),
        lagging_by as u64 * BATCH
    );
}

/// Returns the bytes that a room holds when every member except the posting one lags by `batches` batches.
fn room_bytes(members: usize, batches: usize) -> i64 {
    let (mut hall, mut aside) = (Hall::new(members, false), Aside::default());
    hall.settle();
    for _ in 0..batches {
        hall.say();
        hall.seal(&mut aside);
        // Only the posting member receives.
        aside.datagrams.retain(|&(to, ..)| to == address(0));
        hall.deliver(&mut aside);
    }
    let Hall { room, .. } = hall;
    -allocation_counter::measure(|| drop(room)).bytes_current
}

criterion_group!(benches, sealing, memory);
criterion_main!(benches);
