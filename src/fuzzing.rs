//! The bodies of the fuzz targets, kept in the library so that an ordinary test on stable Rust replays their corpus.
//!
//! Owns: one function for each target of `fuzz/`.
//! Must not know: where the bytes come from.
//! Driven by: `fuzz/fuzz_targets/` and `tests/memory/corpus.rs`; part of the library only with the feature `adversary`.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use arbitrary::Unstructured;

use crate::adversary;
use crate::adversary::limits::{Limits, SERVER_DATAGRAM};
use crate::adversary::member::Adversary;
use crate::client::member::Member;
#[cfg(feature = "web")]
use crate::client::outbox::STORED_MAX;
use crate::client::{Event, Identity};
use crate::log::{Memory, Store};
#[cfg(feature = "web")]
use crate::net::kept::Kept;
use crate::server::{self, Config, Path, SocketId};
use crate::session::{Cipher, Entropy, Initiator, Responder, Role, Session, StaticKey};
use crate::time::Instant;
#[cfg(feature = "web")]
use crate::web::gate::{Gate, Step};
#[cfg(feature = "web")]
use crate::web::socket::{FIRST_MAX, Heard, MESSAGE_MAX, Socket};
#[cfg(feature = "web")]
use crate::web::token::Token;
use crate::wire::entry::Entry;
use crate::wire::frame::{Frame, Join, Letter, PostKind, RoomInfo, ServerHello, Welcome, Writer, frames};
use crate::wire::order::Order;
use crate::wire::packet::{self, DATAGRAM_MAX, Datagram};
use crate::wire::record::items;
use crate::wire::text;
use crate::wire::{Instance, LogId, Seq, SessionId};

const SOCKET: SocketId = SocketId(0);
const MALLORY: SessionId = SessionId(0x0bad_0bad);

/// Decodes the bytes as a datagram and as the frames of a plaintext: nothing panics, and a decoded frame that can be encoded
/// again decodes to the same frame.
pub fn datagram(bytes: &[u8]) {
    let _ = packet::token(bytes);
    let _ = packet::parse(bytes);
    for frame in frames(bytes).flatten() {
        match &frame {
            Frame::Ack(ack) => assert!(ack.received().all(|(low, high)| low <= high && high <= ack.largest)),
            Frame::Have(have) => assert!(have.held().all(|(from, to)| from <= to && from >= have.next)),
            Frame::Entries(entries) => {
                entries.iter().flatten().filter_map(Entry::decode).for_each(|entry| {
                    let mut line = String::new();
                    entry.render(&mut line);
                });
            }
            Frame::Received(receipt) => assert!(receipt.whos().count() <= DATAGRAM_MAX),
            Frame::People(people) => assert!(people.iter().count() <= DATAGRAM_MAX),
            Frame::Held(held) => assert!(held.nick.len() <= DATAGRAM_MAX),
            Frame::Listed { items: list, .. } => assert!(items(list).count() <= DATAGRAM_MAX),
            Frame::Post { kind: PostKind::Private, body, .. } => {
                if let Some(letter) = Letter::decode(body) {
                    assert_eq!(Letter::decode(&letter.encode()), Some(letter));
                }
            }
            Frame::Post { kind: PostKind::Order, body, .. } => {
                if let Some(order) = std::str::from_utf8(body).ok().and_then(Order::decode) {
                    assert_eq!(Order::decode(&order.encode()), Some(order));
                }
            }
            Frame::Ping { .. }
            | Frame::Pong { .. }
            | Frame::Challenge(_)
            | Frame::Response(_)
            | Frame::Bye(_)
            | Frame::Welcome { .. }
            | Frame::Ask { .. }
            | Frame::Barred(_)
            | Frame::List { .. }
            | Frame::Find { .. }
            | Frame::Found(_)
            | Frame::Fetch(_)
            | Frame::Page(_)
            | Frame::Watch(_)
            | Frame::Read { .. }
            | Frame::End { .. }
            | Frame::Skip { .. }
            | Frame::Gap { .. }
            | Frame::Post { .. }
            | Frame::Settled { .. } => {}
        }
        let mut writer = Writer::default();
        if writer.frame(&frame) {
            assert_eq!(frames(writer.plain()).next(), Some(Ok(frame)));
        }
    }
}

/// Parses the bytes as a text datagram and cuts its line: no part is too long, and together the parts are the line.
pub fn text(bytes: &[u8]) {
    let _ = text::is_probe(bytes);
    let Ok(text::Datagram::Line(line)) = text::parse(bytes) else { return };
    let nick = line.split(':').next().unwrap_or_default();
    let parts = text::cut(line, text::prefix(line, nick));
    let prefix = parts.prefix().to_owned();
    let parts: Vec<_> = parts.collect();
    assert!(parts.iter().all(|part| prefix.len() + part.len() <= text::LINE_MAX));
    assert_eq!(format!("{prefix}{}", parts.concat()), line);
}

/// The token of the gateway in [`page`].
#[cfg(feature = "web")]
pub const PAGE_TOKEN: [u8; 16] = [7; 16];

/// A connection that has sent these bytes, and takes whatever it is sent.
#[cfg(feature = "web")]
struct Sent<'a>(&'a [u8]);

#[cfg(feature = "web")]
impl std::io::Read for Sent<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.0.is_empty() {
            return Err(std::io::ErrorKind::WouldBlock.into());
        }
        self.0.read(into)
    }
}

#[cfg(feature = "web")]
impl std::io::Write for Sent<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Takes the bytes for what a connection sends to the gateway of the page: a request that is answered, or opens a WebSocket. Whatever is
/// decided about a beginning stays decided; a message is never longer than its limit; what a tab brings back has its bounds.
#[cfg(feature = "web")]
pub fn page(bytes: &[u8]) {
    let gate = Gate::new(["localhost:9980".to_owned()], Token::new(PAGE_TOKEN));
    let step = gate.take(bytes);
    let half = gate.take(&bytes[..bytes.len() / 2]);
    assert!(half == Step::More || half == step, "more bytes change nothing");
    let Step::Upgrade(_, len) = step else { return };
    let mut socket = Socket::new(Sent(&[]), bytes[len..].to_vec());
    let mut most = FIRST_MAX;
    loop {
        match socket.hear() {
            Heard::Text(text) => {
                assert!(text.len() <= most);
                if let Ok(kept) = serde_json::from_str::<Kept>(&text)
                    && let Ok((_, outbox, waiting)) = kept.read()
                {
                    let base = outbox.posts.first().map_or(outbox.next, |post| post.counter);
                    assert!(outbox.next - base <= STORED_MAX as u64 && waiting.len() <= STORED_MAX);
                }
                socket.expect_short();
                most = MESSAGE_MAX;
                socket.say(text.into_bytes());
            }
            Heard::Alive => {}
            Heard::Nothing | Heard::Closed => break,
        }
        if !socket.flush() {
            // It is closed.
            break;
        }
        assert!(socket.is_flushed(), "the stream takes everything");
    }
}

/// Lets a hostile member or server send anything in an established session: honest members are not disturbed, nothing panics.
///
/// The first byte chooses the side; then come steps: action (1 byte), length (2 bytes), that many bytes.
pub fn session(bytes: &[u8]) {
    let (side, rest) = bytes.split_first().map_or((0, bytes), |(&side, rest)| (side, rest));
    if side & 1 == 0 { Server::new().run(rest) } else { Client::new().run(rest) }
}

/// Runs a hostile member, whose actions the bytes choose, beside an honest one: the honest one is not disturbed, and no
/// datagram causes more work than its limit.
pub fn hostile_member(bytes: &[u8]) {
    let mut server = Server::new();
    let mut adversary = Adversary::new(Entropy::new([3; 32]), address(1), 1);
    let mut u = Unstructured::new(bytes);
    while !u.is_empty() {
        adversary.set_log_end(server.room.end());
        let mut under_way: VecDeque<_> = adversary.act(server.now, &mut u).into();
        // Its answers may draw further answers: a handshake has three rounds.
        for _ in 0..512 {
            let Some((from, _, bytes)) = under_way.pop_front() else { break };
            Limits::begin();
            server.room.handle_datagram(server.now, Path { socket: SOCKET, peer: from, local: None }, &bytes);
            assert_eq!(SERVER_DATAGRAM.exceeded("a datagram at the server"), None);
            for (to, bytes) in server.send() {
                under_way.extend(adversary.hear(server.now, to, &bytes));
            }
        }
        server.carry();
        server.pass(Duration::from_millis(20));
    }
    server.is_undisturbed();
}

/// Runs a hostile server, whose behaviour and frames the bytes choose, against an honest client: it neither hurries nor hangs.
pub fn hostile_server(bytes: &[u8]) {
    let report = adversary::server::run(&mut Unstructured::new(bytes));
    assert!(report.violations.is_empty(), "{:?}", report.violations);
}

fn steps(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (&[what, high, low], rest) = bytes.split_first_chunk::<3>()?;
        let len = usize::from(u16::from_be_bytes([high, low])).min(rest.len());
        let (step, rest) = rest.split_at(len);
        bytes = rest;
        Some((what, step))
    })
}

/// Returns how much time a step lets pass.
fn pause(step: &[u8]) -> Duration {
    Duration::from_millis(100) * step.first().copied().unwrap_or_default().into()
}

fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, last], 9999))
}

/// A room with an honest and a hostile member.
struct Server {
    now: Instant,
    room: server::Server,
    store: Memory,
    honest: Member,
    mallory: Option<Session<SocketAddr, ()>>,
    shown: usize,
}

impl Server {
    fn new() -> Self {
        let mut entropy = Entropy::new([7; 32]);
        let key = StaticKey::generate(&mut entropy);
        let config = Config::new(key, [2; 32]);
        let honest = member(&mut entropy);
        let mut store = Memory::new(LogId([1; 16]));
        let room = server::Server::new(Instant::ZERO, config, 1, store.open());
        let mut server = Self { now: Instant::ZERO, room, store, honest, mallory: None, shown: 0 };
        server.carry();
        server.mallory = server.shake_hands(&mut entropy);
        server
    }

    fn receive(&mut self, peer: SocketAddr, bytes: &[u8]) -> Vec<(SocketAddr, Vec<u8>)> {
        self.room.handle_datagram(self.now, Path { socket: SOCKET, peer, local: None }, bytes);
        self.send()
    }

    fn send(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut sent = Vec::new();
        while self.room.shake_hands(self.now, false) {}
        server::exchange(self.now, &mut self.room, &mut self.store, |_, _| {});
        while let Some(transmits) = self.room.poll_transmit(SOCKET) {
            let token = transmits.token();
            let segment = transmits.segment().unwrap_or(usize::MAX);
            let batch: Vec<_> = transmits.collect();
            let count = batch.len();
            for (to, bytes) in batch {
                sent.extend(bytes.chunks(segment).map(|datagram| (to, datagram.to_vec())));
            }
            self.room.transmitted(token, count);
            while self.room.shake_hands(self.now, false) {}
            server::exchange(self.now, &mut self.room, &mut self.store, |_, _| {});
        }
        for (_, bytes) in sent.iter().filter(|(to, _)| *to == address(2)) {
            self.honest.handle_datagram(self.now, address(1), bytes);
        }
        while let Some(event) = self.honest.poll_event() {
            self.shown += usize::from(matches!(event, Event::Entry { .. }));
        }
        sent
    }

    /// Carries the datagrams between the honest member and the room.
    fn carry(&mut self) {
        while let Some(bytes) = self.honest.poll_transmit().map(<[u8]>::to_vec) {
            self.honest.transmitted(self.now);
            self.receive(address(2), &bytes);
        }
        self.send();
    }

    fn shake_hands(&mut self, entropy: &mut Entropy) -> Option<Session<SocketAddr, ()>> {
        let key = StaticKey::generate(entropy);
        let answered = self.receive(address(3), text::probe("mallory").as_bytes());
        let token = answered.iter().find_map(|(_, bytes)| packet::token(bytes).copied())?;
        let mut initiator = Initiator::new(&key, entropy, &packet::prologue(MALLORY, &token));
        let answered = self.receive(address(3), initiator.hello());
        let (payload, _) = answered.iter().find_map(|(_, bytes)| match packet::parse(bytes) {
            Some(Datagram::Answer { noise, .. }) => initiator.read_answer(noise),
            _ => None, // another datagram of the handshake
        })?;
        let hello = ServerHello::decode(&payload)?;
        let instance = Instance([9; 8]);
        let join = Join::new(instance, "mallory");
        let mut payload = [0; 64];
        let (noise, transport) = initiator.finish(postcard::to_slice(&join, &mut payload).ok()?, Cipher::default());
        let id = SessionId(hello.id);
        self.receive(address(3), &packet::finish(id, &noise));
        Some(Session::new(self.now, Role::Client, id, transport, address(1), Duration::from_millis(10)))
    }

    fn run(mut self, bytes: &[u8]) {
        for (what, step) in steps(bytes) {
            match what % 4 {
                0 => drop(self.receive(address(3), step)),
                1 => {
                    let mut out = Vec::new();
                    if let Some(mallory) = &mut self.mallory {
                        mallory.seal_raw(step, &mut out);
                    }
                    self.receive(address(if what & 4 == 0 { 3 } else { 4 }), &out);
                }
                2 => self.pass(pause(step)),
                _ => drop(self.receive(address(5), step)),
            }
            self.carry();
        }
        self.is_undisturbed();
    }

    /// Checks that the honest member can post a message, and is shown it.
    fn is_undisturbed(&mut self) {
        self.pass(Duration::from_secs(5));
        let before = self.shown;
        self.honest.post(self.now, PostKind::Say, "still here");
        for _ in 0..100 {
            self.pass(Duration::from_secs(1));
        }
        assert!(self.shown > before && self.honest.outstanding() == 0, "an honest member is disturbed");
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        self.carry();
        while let Some(at) =
            [self.room.poll_timeout(), self.honest.poll_timeout()].into_iter().flatten().min().filter(|&at| at <= end)
        {
            self.now = self.now.max(at);
            self.room.handle_timeout(self.now);
            self.honest.handle_timeout(self.now);
            assert!(self.room.poll_timeout().is_none_or(|next| next > self.now), "the room's deadline moves on");
            self.carry();
        }
        self.now = end;
    }
}

fn member(entropy: &mut Entropy) -> Member {
    let identity = Identity::new(StaticKey::generate(entropy), Instance(entropy.bytes()), entropy.bytes());
    Member::new(Instant::ZERO, address(1), "jill".parse().expect("a nick"), identity)
}

/// A member and a hostile server.
struct Client {
    now: Instant,
    member: Member,
    server: Option<Session<SocketAddr, ()>>,
}

impl Client {
    fn new() -> Self {
        let mut entropy = Entropy::new([8; 32]);
        let key = StaticKey::generate(&mut entropy);
        let now = Instant::ZERO;
        let mut client = Self { now, member: member(&mut entropy), server: None };
        client.server = client.shake_hands(&key, &mut entropy);
        client
    }

    fn next(&mut self) -> Option<Vec<u8>> {
        let bytes = self.member.poll_transmit().map(<[u8]>::to_vec)?;
        self.member.transmitted(self.now);
        Some(bytes)
    }

    fn shake_hands(&mut self, key: &StaticKey, entropy: &mut Entropy) -> Option<Session<SocketAddr, ()>> {
        self.next()?;
        self.member.handle_datagram(self.now, address(1), b"\x06abcdefghijk");
        let hello = self.next()?;
        let Some(Datagram::Hello { client, prologue, noise, .. }) = packet::parse(&hello) else { return None };
        let mut payload = [0; 8];
        let payload = postcard::to_slice(&ServerHello { id: MALLORY.0, ciphers: 0 }, &mut payload).ok()?;
        let (mut responder, answer) = Responder::new(key, entropy, prologue, noise, payload)?;
        self.member.handle_datagram(self.now, address(1), &packet::answer(client, &answer));
        let finish = self.next()?;
        let Some(Datagram::Finish { noise, .. }) = packet::parse(&finish) else { return None };
        responder.read_finish(key, noise)?;
        let transport = responder.into_transport(Cipher::default());
        let mut session =
            Session::new(self.now, Role::Server, client, transport, address(2), Duration::from_millis(10));
        let mut writer = Writer::default();
        let welcome = Welcome { log: LogId([1; 16]), start: Seq(5), end: Seq(5), remembers: true };
        writer.frame(&Frame::Welcome { welcome, nick: "jill", software: "fuzz", room: RoomInfo::default() });
        let mut out = Vec::new();
        session.seal_raw(writer.plain(), &mut out);
        self.member.handle_datagram(self.now, address(1), &out);
        Some(session)
    }

    fn run(mut self, bytes: &[u8]) {
        assert!(self.member.is_here(), "the handshake is sound");
        for (what, step) in steps(bytes) {
            match what % 4 {
                0 => self.member.handle_datagram(self.now, address(1), step),
                1 => {
                    let mut out = Vec::new();
                    if let Some(server) = &mut self.server {
                        server.seal_raw(step, &mut out);
                    }
                    self.member.handle_datagram(self.now, address(1), &out);
                }
                2 => {
                    self.now = self.now + pause(step);
                    self.member.handle_timeout(self.now);
                    assert!(self.member.poll_timeout().is_none_or(|next| next > self.now), "the deadline moves on");
                }
                _ => {
                    let kind = [PostKind::Say, PostKind::Act, PostKind::Rename][usize::from(what / 4 % 3)];
                    self.member.post(self.now, kind, &String::from_utf8_lossy(&step[..step.len().min(300)]));
                    self.member.ask(self.now);
                }
            }
            while self.member.poll_event().is_some() {}
            for _ in 0..64 {
                if self.next().is_none() {
                    break;
                }
            }
        }
    }
}
