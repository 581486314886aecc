//! An attacker that speaks the session protocol, at full speed: `hostile posts|hellos|refused SERVER SECONDS [COUNT]`.
//!
//! Owns: the attacks of benches/abuse.py that need sessions, which Python does not speak.
//! Must not know: what is measured.
//! Driven by: benches/abuse.py. Prints the number of posts, hellos or handshakes.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, clippy::disallowed_types)]
#![allow(clippy::wildcard_enum_match_arm)]

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant as Clock};

use udpchat::net::state::{make_key, random};
use udpchat::session::{Cipher, Entropy, Initiator, Role, Session, StaticKey};
use udpchat::time::Instant;
use udpchat::wire::frame::{Ack, Frame, Have, Join, PostKind, ServerHello, Writer, frames};
use udpchat::wire::packet::{self, DATAGRAM_MAX, Datagram, Token};
use udpchat::wire::{Instance, Seq, SessionId, text};

struct Mallory {
    socket: UdpSocket,
    session: Session<SocketAddr, ()>,
    /// The lowest counter that is not settled, and which of the 64 counters from it on are.
    base: u64,
    settled: [bool; 64],
    largest: u64,
    log: u64,
}

fn socket(server: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket
}

fn token(socket: &UdpSocket) -> Option<Token> {
    socket.send(text::probe("mallory").as_bytes()).ok()?;
    let mut buffer = [0; 2048];
    let len = socket.recv(&mut buffer).ok()?;
    packet::token(&buffer[..len]).copied()
}

/// Completes a handshake as `nick`. The server may still refuse the session; the caller has to check.
fn shake_hands(server: SocketAddr, key: &StaticKey, nick: &str) -> Option<Mallory> {
    let socket = socket(server);
    let token = token(&socket)?;
    let mut entropy = Entropy::new(random());
    let mut initiator = Initiator::new(key, &mut entropy, &packet::prologue(SessionId(1), &token));
    let mut buffer = [0; 2048];
    let payload = loop {
        socket.send(initiator.hello()).ok()?;
        let len = socket.recv(&mut buffer).ok()?;
        if let Some(Datagram::Answer { noise, .. }) = packet::parse(&buffer[..len])
            && let Some((payload, _)) = initiator.read_answer(noise)
        {
            break payload;
        }
    };
    let id = SessionId(ServerHello::decode(&payload)?.id);
    let join = Join { present: false, ..Join::new(Instance(random()), nick) };
    let mut payload = [0; 128];
    let (noise, transport) = initiator.finish(postcard::to_slice(&join, &mut payload).ok()?, Cipher::default());
    socket.send(&packet::finish(id, &noise)).ok()?;
    let session = Session::new(Instant::ZERO, Role::Client, id, transport, server, Duration::from_millis(1));
    socket.set_nonblocking(true).ok()?;
    Some(Mallory { socket, session, base: 0, settled: [false; 64], largest: 0, log: 0 })
}

impl Mallory {
    fn hear(&mut self) {
        let mut buffer = [0; 65_536];
        for _ in 0..16 {
            let Ok(len) = self.socket.recv(&mut buffer) else { return };
            let Some(Datagram::Packet { number, sealed, .. }) = packet::parse(&buffer[..len]) else { continue };
            let mut plain = [0; DATAGRAM_MAX];
            let Ok(plain) = self.session.open(number, sealed, &mut plain) else { continue };
            self.largest = self.largest.max(number);
            for frame in frames(plain).flatten() {
                match frame {
                    Frame::Settled { counter, .. } => {
                        if let Some(ahead) = counter.checked_sub(self.base).filter(|&ahead| ahead < 64) {
                            self.settled[usize::try_from(ahead).unwrap()] = true;
                        }
                    }
                    Frame::Entries(entries) => self.log = self.log.max(entries.first.0 + entries.iter().count() as u64),
                    _ => {}
                }
            }
            while self.settled[0] {
                self.settled.rotate_left(1);
                self.settled[63] = false;
                self.base += 1;
            }
        }
    }

    /// Sends a packet full of posts, with the acks that keep the server's window open. Returns the number of posts.
    fn post(&mut self) -> u64 {
        let mut writer = Writer::default();
        let run = self.largest.min(400);
        writer.frame(&Frame::Ack(Ack { largest: self.largest, delay_us: 0, run, ranges: [].into_iter().collect() }));
        writer.frame(&Frame::Have(Have { next: Seq(self.log), take: 4096, held: [].into_iter().collect() }));
        let mut posts = 0;
        let post = |counter| Frame::Post { counter, settled_below: self.base, kind: PostKind::Say, body: b"flood" };
        while posts < 60 && writer.frame(&post(self.base + posts)) {
            posts += 1;
        }
        let mut out = Vec::new();
        self.session.seal_raw(writer.plain(), &mut out);
        let _ = self.socket.send(&out);
        posts
    }
}

/// Posts under `count` keys as fast as possible. Returns the number of posts.
fn posts(server: SocketAddr, end: Clock, count: usize) -> u64 {
    let shake = |number| shake_hands(server, &make_key(), &format!("mallory{number}"));
    let mut all: Vec<_> = (0..count).filter_map(shake).collect();
    let mut done = 0;
    while Clock::now() < end {
        for mallory in &mut all {
            mallory.hear();
            done += mallory.post();
        }
    }
    done
}

/// Sends hellos with a valid token and ever new ephemeral keys: each begins a handshake that is never finished.
fn hellos(server: SocketAddr, end: Clock, count: usize) -> u64 {
    let sockets: Vec<_> = (0..count).map(|_| socket(server)).collect();
    let tokens: Vec<_> = sockets.iter().map(|socket| token(socket).unwrap_or_default()).collect();
    let mut done: u64 = 0;
    while Clock::now() < end {
        for (socket, token) in sockets.iter().zip(&tokens) {
            let mut noise: [u8; packet::NOISE_1_LEN] = [7; packet::NOISE_1_LEN];
            noise[..8].copy_from_slice(&done.to_le_bytes());
            let id = SessionId(u32::try_from(done & 0xffff_ffff).unwrap());
            let _ = socket.send(&packet::hello(&packet::prologue(id, token), &noise));
            done += 1;
        }
    }
    done
}

/// Performs handshakes, one after the other, for a nick that another key holds.
fn refused(server: SocketAddr, end: Clock) -> u64 {
    let holder = shake_hands(server, &make_key(), "taken");
    let mut done = 0;
    while Clock::now() < end {
        done += u64::from(shake_hands(server, &make_key(), "taken").is_some());
    }
    drop(holder);
    done
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [what, server, seconds, rest @ ..] = args.as_slice() else {
        panic!("hostile posts|hellos|refused SERVER SECONDS [COUNT]")
    };
    let server: SocketAddr = server.parse().unwrap();
    let end = Clock::now() + Duration::from_secs_f64(seconds.parse().unwrap());
    let count = rest.first().map_or(60, |count| count.parse().unwrap());
    let done = match what.as_str() {
        "posts" => posts(server, end, count),
        "hellos" => hellos(server, end, count),
        "refused" => refused(server, end),
        _ => panic!("{what} is not what it does"),
    };
    println!("{done}");
}
