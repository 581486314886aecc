//! A hostile member with a few keys, instances, prefixes and ports. It does what it likes, and sometimes behaves.
//!
//! Owns: its handshakes and sessions.
//! Must not know: the room, the effects.
//! Driven by: `sim` and `fuzzing`: [`Adversary::act`] now and then, [`Adversary::hear`] for each datagram sent to it.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use arbitrary::{Result, Unstructured};

use super::grammar::{self, Bases};
use crate::server::SocketId;
use crate::session::{Cipher, Entropy, Initiator, Role, Session, StaticKey};
use crate::time::Instant;
use crate::wire::entry;
use crate::wire::frame::{Ack, Frame, Have, History, Join, PostKind, ServerHello, Writer, frames};
use crate::wire::packet::{self, DATAGRAM_MAX, Datagram, Token};
use crate::wire::{CloseReason, Instance, LogId, Seq, SessionId, Who, text};

/// Number of places (ports) that it sends from, and of its keys.
const PLACES: usize = 24;
const KEYS: usize = 6;

/// A datagram that it sends: source address, receiving socket of the server, bytes.
pub type Sent = (SocketAddr, SocketId, Vec<u8>);

enum State {
    Idle,
    Probing,
    Greeting(Box<Initiator>, SessionId),
    Finishing,
    Standing,
}

/// One port that it sends from.
struct Place {
    address: SocketAddr,
    socket: SocketId,
    key: usize,
    instance: Instance,
    state: State,
    /// The last token from the server.
    token: Option<Token>,
    /// The current or last session, and the values near which others are chosen in it.
    session: Option<Session<SocketAddr, ()>>,
    bases: Bases,
    /// Its last datagram, for repeats.
    last: Vec<u8>,
    /// How many private entries of others it was sent.
    leaked: usize,
}

/// The adversary; see the module.
pub struct Adversary {
    entropy: Entropy,
    server: SocketAddr,
    sockets: usize,
    keys: Vec<StaticKey>,
    places: Vec<Place>,
}

impl Adversary {
    /// Creates an adversary for the `sockets` sockets of `server`. Its addresses are in 10.1.0.0/24 and in prefixes of its own.
    pub fn new(mut entropy: Entropy, server: SocketAddr, sockets: usize) -> Self {
        let keys: Vec<_> = (0..KEYS).map(|_| StaticKey::generate(&mut entropy)).collect();
        let places = (0..PLACES).map(|index| {
            let last = u8::try_from(index).unwrap_or_default();
            // A third in the prefix of honest members, the others in four prefixes.
            let ip = if index % 3 == 0 { [10, 1, 0, 200 + last] } else { [10, 9, last % 4, 1 + last] };
            Place {
                address: SocketAddr::from((ip, 50_000 + u16::from(last))),
                socket: SocketId(index % sockets),
                key: index % KEYS,
                instance: Instance([last % 5; 8]),
                state: State::Idle,
                token: None,
                session: None,
                bases: Bases::default(),
                leaked: 0,
                last: Vec::new(),
            }
        });
        let places = places.collect();
        Self { entropy, server, sockets, keys, places }
    }

    /// Returns the identities of its keys.
    pub fn whos(&self) -> BTreeSet<Who> {
        self.keys.iter().map(|key| key.public().who()).collect()
    }

    /// Returns its public keys, and their short names.
    pub fn whole_keys(&self) -> Vec<(Who, [u8; 32])> {
        self.keys.iter().map(|key| (key.public().who(), key.public().0)).collect()
    }

    /// Returns whether one of its places has this address.
    pub fn is_at(&self, address: SocketAddr) -> bool {
        self.places.iter().any(|place| place.address == address)
    }

    /// Sets the key of an honest member, to which it writes.
    pub fn set_target(&mut self, key: [u8; 32]) {
        self.places.iter_mut().for_each(|place| place.bases.target = key);
    }

    /// Returns how many private entries of others it was sent.
    pub fn leaked(&self) -> usize {
        self.places.iter().map(|place| place.leaked).sum()
    }

    /// Sets the number after the last entry of the log, near which it chooses numbers.
    pub fn set_log_end(&mut self, end: Seq) {
        self.places.iter_mut().for_each(|place| place.bases.log = end.0);
    }

    /// Does up to four steps, chosen by the bytes; a step may send several datagrams.
    pub fn act(&mut self, now: Instant, u: &mut Unstructured<'_>) -> Vec<Sent> {
        let mut sent = Vec::new();
        for _ in 0..4 {
            if self.step(now, u, &mut sent).is_err() {
                break;
            }
        }
        sent
    }

    fn step(&mut self, now: Instant, u: &mut Unstructured<'_>, sent: &mut Vec<Sent>) -> Result<()> {
        let index = u.choose_index(self.places.len())?;
        match u.int_in_range(0..=15)? {
            // A handshake, completed unless another step interferes.
            0..=2 => {
                let place = &mut self.places[index];
                place.state = State::Probing;
                self.send(index, text::probe("mallory").into_bytes(), sent);
            }
            // Hellos with one client id and different ephemeral keys, or with different ids.
            3 => self.hellos(u, index, sent)?,
            // A finish with arbitrary content, for a half-open session or none.
            4 => {
                let id = SessionId(if u.arbitrary()? { 0 } else { u.arbitrary()? });
                let noise: [u8; 120] = u.arbitrary()?;
                let finish = packet::finish(id, &noise[..u.int_in_range(0..=120)?]);
                self.send(index, finish.into_vec(), sent);
            }
            // A packet of an unknown session, and a datagram that only servers send.
            5 => {
                let unknown = packet::unknown(SessionId(u.arbitrary()?), grammar::number(u, 0)?);
                let packet = [&packet::packet_head(SessionId(u.arbitrary()?), 7)[..], &[0; 16]].concat();
                self.send(index, unknown.to_vec(), sent);
                self.send(index, packet, sent);
            }
            // A datagram of any place again, from this one.
            6 => {
                let other = u.choose_index(self.places.len())?;
                let last = self.places[other].last.clone();
                self.send(index, last, sent);
            }
            // Plain text, of any length.
            7 => {
                let line = format!("mallory: {}", grammar::text(u)?);
                self.send(index, line.into_bytes(), sent);
            }
            // A new instance of its key.
            8 => {
                self.places[index].instance = Instance(u.arbitrary()?);
                self.places[index].state = State::Probing;
                self.send(index, text::probe("mallory").into_bytes(), sent);
            }
            // The behaviour of an honest client.
            9 => self.behave(index, sent),
            _ => self.packet(now, u, index, sent)?,
        }
        Ok(())
    }

    /// Sends a packet with arbitrary content in the session of a place, from there or from another one.
    fn packet(&mut self, now: Instant, u: &mut Unstructured<'_>, index: usize, sent: &mut Vec<Sent>) -> Result<()> {
        let from = if u.ratio(1, 8)? { u.choose_index(self.places.len())? } else { index };
        let place = &mut self.places[index];
        let Some(session) = &mut place.session else {
            place.state = State::Probing;
            self.send(index, text::probe("mallory").into_bytes(), sent);
            return Ok(());
        };
        let plain = grammar::plaintext(u, &place.bases)?;
        place.bases.counter += u64::from(u.ratio(1, 3)?);
        let _ = now;
        let mut out = Vec::new();
        session.seal_raw(plain.plain(), &mut out);
        self.send(from, out, sent);
        Ok(())
    }

    /// Acknowledges packets, reports the entries it has, and posts a message, as an honest client does.
    fn behave(&mut self, index: usize, sent: &mut Vec<Sent>) {
        let place = &mut self.places[index];
        let Some(session) = &mut place.session else { return };
        let mut writer = Writer::default();
        let bases = &mut place.bases;
        if let Some(largest) = bases.packet.checked_sub(1) {
            writer.frame(&Frame::Ack(Ack {
                largest,
                delay_us: 5,
                run: largest.min(200),
                ranges: [].into_iter().collect(),
            }));
        }
        writer.frame(&Frame::Have(Have { next: Seq(bases.log), take: 4096, held: [].into_iter().collect() }));
        let counter = bases.counter;
        writer.frame(&Frame::Post { counter, settled_below: counter, kind: PostKind::Say, body: b"hello" });
        bases.counter += 1;
        let mut out = Vec::new();
        session.seal_raw(writer.plain(), &mut out);
        self.send(index, out, sent);
    }

    fn hellos(&mut self, u: &mut Unstructured<'_>, index: usize, sent: &mut Vec<Sent>) -> Result<()> {
        let Some(token) = self.places[index].token else {
            self.places[index].state = State::Probing;
            self.send(index, text::probe("mallory").into_bytes(), sent);
            return Ok(());
        };
        let (same_id, bad_token) = (u.arbitrary()?, u.ratio(1, 8)?);
        for number in 0..u.int_in_range(1..=60)? {
            let id = SessionId(if same_id { 7 } else { u.arbitrary()? });
            let token = if bad_token { *b"\x06AAAAAAAAAAA" } else { token };
            let mut noise: [u8; packet::NOISE_1_LEN] = self.entropy.bytes();
            if u.ratio(1, 16)? {
                // A useless key.
                noise = [0; packet::NOISE_1_LEN];
            }
            noise[0] ^= number;
            self.send(index, packet::hello(&packet::prologue(id, &token), &noise).into_vec(), sent);
        }
        Ok(())
    }

    /// Handles a datagram from the server to one of its addresses; returns the answers.
    pub fn hear(&mut self, now: Instant, at: SocketAddr, bytes: &[u8]) -> Vec<Sent> {
        let mut sent = Vec::new();
        let Some(index) = self.places.iter().position(|place| place.address == at) else { return sent };
        let place = &mut self.places[index];
        if let Some(token) = packet::token(bytes) {
            place.token = Some(*token);
            if matches!(place.state, State::Probing) {
                let id = SessionId(self.entropy.next_u32() % 4 + 1);
                let key = &self.keys[place.key];
                let initiator = Initiator::new(key, &mut self.entropy, &packet::prologue(id, token));
                let hello = initiator.hello().to_vec();
                place.state = State::Greeting(Box::new(initiator), id);
                self.send(index, hello, &mut sent);
            }
            return sent;
        }
        match packet::parse(bytes) {
            Some(Datagram::Answer { client, noise }) => self.answered(now, index, client, noise, &mut sent),
            Some(Datagram::Packet { number, sealed, .. }) => {
                let who = self.keys[place.key].public().who();
                place.take(who, number, sealed);
            }
            Some(
                Datagram::Hello { .. }
                | Datagram::Finish { .. }
                | Datagram::Unknown { .. }
                | Datagram::Knock
                | Datagram::OtherVersion { .. },
            )
            | None => {}
        }
        sent
    }

    fn answered(&mut self, now: Instant, index: usize, client: SessionId, noise: &[u8], sent: &mut Vec<Sent>) {
        let place = &mut self.places[index];
        let State::Greeting(mut initiator, id) = std::mem::replace(&mut place.state, State::Idle) else { return };
        let Some((payload, _)) = initiator.read_answer(noise).filter(|_| id == client) else {
            place.state = State::Greeting(initiator, id);
            return;
        };
        let Some(hello) = ServerHello::decode(&payload) else { return };
        // Valid nicks that several of its keys use, a malformed one, and those of somebody who is away.
        let nicks = [
            "mallory: yes",
            "mallory",
            "mallory2",
            "mallory3",
            "mallory4",
            "mallory",
            "ABSENT",
            "mallory2",
            "absent",
            "mallory3",
        ];
        let nick = nicks[index % nicks.len()];
        let place_in_log = if index % 4 == 1 { Some((LogId([9; 16]), Seq(u64::MAX))) } else { None };
        let history = [History::NONE, History::ALL, History::Within(u64::MAX)][index % 3];
        let present = !index.is_multiple_of(2);
        // Some come with an invitation that never was.
        let token = if index % 5 == 4 { [7; 16] } else { [0; 16] };
        // Some take a cipher that was not offered, or that there is not; these are turned away.
        let (uncounted, cipher) = (index.is_multiple_of(3), [0, 1, 0, 1, 7][index % 5]);
        let join =
            Join { instance: place.instance, nick, present, place: place_in_log, history, token, uncounted, cipher };
        let mut payload = [0; 128];
        let Ok(payload) = postcard::to_slice(&join, &mut payload) else { return };
        let (noise, transport) = initiator.finish(payload, Cipher::of(cipher).unwrap_or_default());
        let server = SessionId(hello.id);
        let (log, counter) = (place.bases.log, place.bases.counter);
        place.session = Some(Session::new(now, Role::Client, server, transport, self.server, Duration::from_millis(2)));
        place.bases = Bases { log, counter, packet: 0, target: place.bases.target };
        let finish = packet::finish(server, &noise).into_vec();
        place.state = State::Finishing;
        // For every third place a forged one first; then the right one, twice.
        let mut forged = finish.clone();
        if let Some(last) = forged.last_mut().filter(|_| index.is_multiple_of(3)) {
            *last ^= 1;
            self.send(index, forged, sent);
        }
        self.send(index, finish.clone(), sent);
        self.send(index, finish, sent);
    }

    /// Says goodbye in each of its sessions.
    pub fn leave(&mut self) -> Vec<Sent> {
        let mut sent = Vec::new();
        for index in 0..self.places.len() {
            let mut out = Vec::new();
            if let Some(session) = &mut self.places[index].session {
                session.bye(CloseReason::Left, &mut out);
                self.send(index, out, &mut sent);
            }
        }
        sent
    }

    fn send(&mut self, index: usize, bytes: Vec<u8>, sent: &mut Vec<Sent>) {
        if bytes.is_empty() || bytes.len() > DATAGRAM_MAX {
            return;
        }
        let place = &mut self.places[index];
        place.last.clone_from(&bytes);
        sent.push((place.address, SocketId(place.socket.0 % self.sockets), bytes));
    }
}

impl Place {
    /// Opens a packet, to learn its number and which posts are settled.
    fn take(&mut self, who: Who, number: u64, sealed: &[u8]) {
        let Some(session) = &mut self.session else { return };
        let mut plain = [0; DATAGRAM_MAX];
        let Ok(plain) = session.open(number, sealed, &mut plain) else { return };
        self.bases.packet = self.bases.packet.max(number + 1);
        if let State::Finishing = self.state {
            self.state = State::Standing;
        }
        for frame in frames(plain).flatten() {
            if let Frame::Entries(entries) = &frame {
                let others =
                    entries.iter().flatten().filter_map(entry::parties).filter(|parties| !parties.contains(&who));
                self.leaked += others.count();
            }
            if let Frame::Settled { counter, .. } = frame {
                self.bases.counter = self.bases.counter.max(counter.saturating_add(1).min(1 << 40));
            }
        }
    }
}
