//! Noise XX by snow, with our own prologue and random generator (PROTOCOL 2.4).
//!
//! Owns: the two ends of a handshake, and which keys result.
//! Must not know: addresses, time, what the payloads mean.
//! Driven by: `server` ([`Responder`]) and `client` ([`Initiator`]).

use std::fmt;

use snow::params::{CipherChoice, DHChoice, HashChoice, NoiseParams};
use snow::resolvers::{CryptoResolver, DefaultResolver, FallbackResolver, RingResolver};
use snow::types::{Cipher as NoiseCipher, Dh, Hash, Random};
use snow::{Builder, HandshakeState};
use zeroize::Zeroizing;

use super::cipher::{Cipher, Transport};
use super::keys::{Entropy, KEY_LEN, PublicKey, StaticKey};
use crate::wire::packet::{self, DATAGRAM_MAX, PROLOGUE_LEN, TAG_LEN};
use crate::work::{self, Work};

/// PROTOCOL 2.4.
const PATTERN: &str = "Noise_XX_25519_ChaChaPoly_BLAKE2s";

/// Most bytes that a Noise message adds to its payload: an ephemeral key, a sealed static key, tags.
const NOISE_OVERHEAD: usize = KEY_LEN + KEY_LEN + TAG_LEN + TAG_LEN;

/// Multiplications on Curve25519 that the server needs to answer a hello: two public keys of its own, ee, es.
pub const HELLO_COST: usize = 4;

/// Multiplications that it needs to read the finish: se.
pub const FINISH_COST: usize = 1;

/// Multiplications that it needs before it can read another finish after a forged one: those of the hello again.
pub const REDO_COST: usize = HELLO_COST;

/// The client's end.
pub struct Initiator {
    noise: HandshakeState,
    hello: Box<[u8]>,
}

impl Initiator {
    /// Begins a handshake with `prologue`.
    pub fn new(key: &StaticKey, entropy: &mut Entropy, prologue: &[u8; PROLOGUE_LEN]) -> Self {
        let mut noise = build(PATTERN, (key, None), Zeroizing::new(entropy.bytes()), prologue, true);
        let message = write(&mut noise, &[]);
        let message = message.as_slice().try_into().expect("the first message is a key");
        Self { noise, hello: packet::hello(prologue, message) }
    }

    /// Returns the hello, the same bytes each time.
    pub const fn hello(&self) -> &[u8] {
        &self.hello
    }

    /// Reads the answer's Noise message, and returns its payload and the server's key. If the message is not the answer,
    /// returns `None` and changes nothing.
    pub fn read_answer(&mut self, message: &[u8]) -> Option<(Vec<u8>, PublicKey)> {
        let mut payload = [0; DATAGRAM_MAX];
        let len = self.noise.read_message(message, &mut payload).ok()?;
        Some((payload[..len].to_vec(), remote(&self.noise)?))
    }

    /// Returns the last Noise message, and the keys of the session for that cipher, which `payload` names.
    pub fn finish(mut self, payload: &[u8], cipher: Cipher) -> (Vec<u8>, Transport) {
        let message = write(&mut self.noise, payload);
        (message, transport(self.noise, cipher))
    }
}

/// The server's end.
pub struct Responder {
    noise: HandshakeState,
    /// This and the fields below rebuild `noise`: snow does not restore its cipher when a last message turns out to be forged.
    seed: Zeroizing<[u8; 32]>,
    prologue: Box<[u8]>,
    hello: Box<[u8]>,
    payload: Box<[u8]>,
    is_spent: bool,
}

impl Responder {
    /// Reads the hello's Noise message, and returns the server's end and its answer; `None` if the ephemeral key is useless.
    pub fn new(
        key: &StaticKey,
        entropy: &mut Entropy,
        prologue: &[u8],
        hello: &[u8],
        payload: &[u8],
    ) -> Option<(Self, Vec<u8>)> {
        let seed = Zeroizing::new(entropy.bytes());
        let (noise, answer) = respond(key, &seed, prologue, hello, payload)?;
        let (prologue, hello, payload) = (prologue.into(), hello.into(), payload.into());
        Some((Self { noise, seed, prologue, hello, payload, is_spent: false }, answer))
    }

    /// Reads the last Noise message, and returns its payload and the client's key. If the message is not authentic, returns
    /// `None`, and another one can still be read.
    pub fn read_finish(&mut self, key: &StaticKey, message: &[u8]) -> Option<(Vec<u8>, PublicKey)> {
        if self.is_spent {
            self.noise = respond(key, &self.seed, &self.prologue, &self.hello, &self.payload)?.0;
        }
        self.is_spent = true;
        work::did(Work::PublicKey, FINISH_COST);
        let mut payload = [0; DATAGRAM_MAX];
        let len = self.noise.read_message(message, &mut payload).ok()?;
        Some((payload[..len].to_vec(), remote(&self.noise)?))
    }

    /// Returns whether a finish was read already, so that the next one costs more ([`REDO_COST`]).
    pub const fn is_spent(&self) -> bool {
        self.is_spent
    }

    /// Returns the keys of the session for that cipher, after [`Responder::read_finish`].
    pub fn into_transport(self, cipher: Cipher) -> Transport {
        transport(self.noise, cipher)
    }
}

/// Returns the server's state after the hello, and its answer; both are the same for the same seed.
fn respond(
    key: &StaticKey,
    seed: &Zeroizing<[u8; 32]>,
    prologue: &[u8],
    hello: &[u8],
    payload: &[u8],
) -> Option<(HandshakeState, Vec<u8>)> {
    work::did(Work::PublicKey, HELLO_COST);
    let mut noise = build(PATTERN, (key, None), seed.clone(), prologue, false);
    noise.read_message(hello, &mut []).ok()?;
    let answer = write(&mut noise, payload);
    Some((noise, answer))
}

/// Returns the keys of one end, after its last message.
fn transport(mut noise: HandshakeState, cipher: Cipher) -> Transport {
    let is_client = noise.is_initiator();
    let (up, down) = noise.dangerously_get_raw_split();
    let (up, down) = (Zeroizing::new(up), Zeroizing::new(down));
    if is_client { Transport::new(cipher, &up, &down) } else { Transport::new(cipher, &down, &up) }
}

impl fmt::Debug for Initiator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Initiator(secret)")
    }
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Responder(secret)")
    }
}

/// Returns one end of a handshake by that pattern, for our key and, where the pattern wants it, the other end's.
pub(super) fn build(
    pattern: &str,
    (key, remote): (&StaticKey, Option<&PublicKey>),
    seed: Zeroizing<[u8; 32]>,
    prologue: &[u8],
    initiator: bool,
) -> HandshakeState {
    let params: NoiseParams = pattern.parse().expect("the pattern is a Noise pattern");
    let ring = FallbackResolver::new(Box::new(RingResolver), Box::new(DefaultResolver));
    let builder = Builder::with_resolver(params, Box::new(Seeded { ring, seed }))
        .prologue(prologue)
        .and_then(|builder| builder.local_private_key(key.secret()))
        .and_then(|builder| if let Some(remote) = remote { builder.remote_public_key(&remote.0) } else { Ok(builder) })
        .and_then(|builder| if initiator { builder.build_initiator() } else { builder.build_responder() });
    builder.expect("every part of the pattern is built in")
}

fn write(noise: &mut HandshakeState, payload: &[u8]) -> Vec<u8> {
    let mut message = vec![0; NOISE_OVERHEAD + payload.len()];
    let len = noise.write_message(payload, &mut message).expect("it is our turn and the payload is short");
    message.truncate(len);
    message
}

fn remote(noise: &HandshakeState) -> Option<PublicKey> {
    noise.get_remote_static()?.try_into().ok().map(PublicKey)
}

/// The resolver from which snow takes its primitives: ring's where it has them, and a generator that we seeded.
struct Seeded {
    ring: FallbackResolver,
    seed: Zeroizing<[u8; 32]>,
}

impl CryptoResolver for Seeded {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(SeededRandom(Entropy::new(*self.seed))))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        self.ring.resolve_dh(choice)
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        self.ring.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn NoiseCipher>> {
        self.ring.resolve_cipher(choice)
    }
}

struct SeededRandom(Entropy);

impl Random for SeededRandom {
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), snow::Error> {
        for chunk in bytes.chunks_mut(32) {
            chunk.copy_from_slice(&self.0.bytes::<32>()[..chunk.len()]);
        }
        Ok(())
    }
}

/// Returns the client's and the server's keys after a handshake, for tests.
#[cfg(test)]
pub(super) fn pair() -> (Transport, Transport) {
    let mut entropy = Entropy::new([3; 32]);
    let (client, server) = (StaticKey::generate(&mut entropy), StaticKey::generate(&mut entropy));
    let prologue = packet::prologue(crate::wire::SessionId(1), b"\x06abcdefghijk");
    let mut initiator = Initiator::new(&client, &mut entropy, &prologue);
    let hello = initiator.hello()[PROLOGUE_LEN..PROLOGUE_LEN + packet::NOISE_1_LEN].to_vec();
    let (mut responder, answer) = Responder::new(&server, &mut entropy, &prologue, &hello, b"").unwrap();
    initiator.read_answer(&answer).unwrap();
    let (finish, transport) = initiator.finish(b"", Cipher::default());
    responder.read_finish(&server, &finish).unwrap();
    (transport, responder.into_transport(Cipher::default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::SessionId;

    const TOKEN: &packet::Token = b"\x06abcdefghijk";

    #[test]
    fn both_ends_learn_each_others_keys_and_payloads_and_can_talk() {
        let mut entropy = Entropy::new([3; 32]);
        let (jill, server) = (StaticKey::generate(&mut entropy), StaticKey::generate(&mut entropy));
        let prologue = packet::prologue(SessionId(1), TOKEN);
        let mut initiator = Initiator::new(&jill, &mut entropy, &prologue);
        let Some(packet::Datagram::Hello { prologue, noise, .. }) = packet::parse(initiator.hello()) else { panic!() };
        let (mut responder, answer) = Responder::new(&server, &mut entropy, prologue, noise, b"id").unwrap();
        assert_eq!(initiator.read_answer(&answer[1..]), None, "damaged on the way");
        assert_eq!(initiator.read_answer(&answer), Some((b"id".to_vec(), server.public())));
        let (finish, client_end) = initiator.finish(b"join", Cipher::AesGcm);
        for position in [0, 40, finish.len() - 1] {
            let mut forged = finish.clone();
            forged[position] ^= 1;
            assert_eq!(responder.read_finish(&server, &forged), None, "changed at {position}");
        }
        assert_eq!(responder.read_finish(&server, &finish), Some((b"join".to_vec(), jill.public())));
        let server_end = responder.into_transport(Cipher::AesGcm);
        let (mut sealed, mut opened) = (Vec::new(), [0; DATAGRAM_MAX]);
        client_end.seal(7, b"hey", &mut sealed);
        assert_eq!(server_end.open(7, &sealed, &mut opened), Some(&b"hey"[..]));
        assert_eq!(server_end.open(8, &sealed, &mut opened), None, "the number is the nonce");
        assert_eq!(client_end.open(7, &sealed, &mut opened), None, "each direction has its own key");
    }

    #[test]
    fn another_version_or_token_in_the_head_makes_another_handshake() {
        let mut entropy = Entropy::new([3; 32]);
        let (jill, server) = (StaticKey::generate(&mut entropy), StaticKey::generate(&mut entropy));
        let prologue = packet::prologue(SessionId(1), TOKEN);
        let mut initiator = Initiator::new(&jill, &mut entropy, &prologue);
        let Some(packet::Datagram::Hello { prologue, noise, .. }) = packet::parse(initiator.hello()) else { panic!() };
        let mut changed = prologue.to_vec();
        changed[1] ^= 1;
        let (_, answer) = Responder::new(&server, &mut entropy, &changed, noise, b"id").unwrap();
        assert_eq!(initiator.read_answer(&answer), None);
    }
}
