//! Handshakes that are not finished (PROTOCOL 2.3, 2.4).
//!
//! Owns: half-open handshakes and their limits; what was answered, to be answered again.
//! Must not know: rooms, members.
//! Driven by: `sessions`, when the token is known to be good.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::room::admission::Prefix;
use crate::room::members::Path;
use crate::session::{Entropy, Responder, StaticKey};
use crate::time::Instant;
use crate::wire::SessionId;
use crate::wire::frame::ServerHello;
use crate::wire::packet;

/// The most half-open handshakes in all (PROTOCOL 2.4).
pub const HALF_OPEN_MAX: usize = 256;

/// The most from one prefix (PROTOCOL 2.4).
pub const HALF_OPEN_OF_A_PREFIX: usize = 16;

/// How long each is kept (PROTOCOL 2.4).
const KEPT: Duration = Duration::from_secs(10);

/// A handshake that waits for its finish.
#[derive(Debug)]
pub(super) struct HalfOpen {
    pub(super) path: Path,
    pub(super) client: SessionId,
    /// When it was last answered.
    pub(super) answered: Instant,
    pub(super) state: State,
    /// The Noise message of the hello, which tells a repeat from another one.
    noise: Box<[u8]>,
    answer: Box<[u8]>,
}

/// How far it is.
#[derive(Debug)]
pub(super) enum State {
    /// It waits for the finish.
    Waiting(Box<Responder>),
    /// The client was not taken in: what it was told, for it to be told again.
    Refused(Box<[u8]>),
}

/// The half-open handshakes.
#[derive(Debug, Default)]
pub(super) struct Lobby {
    by_id: BTreeMap<SessionId, HalfOpen>,
    by_hello: BTreeMap<(Path, SessionId), SessionId>,
    of_prefix: BTreeMap<Prefix, usize>,
    /// By age.
    order: VecDeque<(Instant, SessionId)>,
}

/// What a hello says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hello<'a> {
    pub(super) client: SessionId,
    pub(super) prologue: &'a [u8],
    pub(super) noise: &'a [u8],
}

impl Lobby {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn get_mut(&mut self, id: SessionId) -> Option<&mut HalfOpen> {
        self.by_id.get_mut(&id)
    }

    /// Whether there is a handshake of this name.
    pub(super) fn has(&self, id: SessionId) -> bool {
        self.by_id.contains_key(&id)
    }

    /// The answer to a hello that is known.
    pub(super) fn repeated(&mut self, now: Instant, path: Path, hello: &Hello<'_>) -> Option<&[u8]> {
        let half_open = self.by_id.get_mut(self.by_hello.get(&(path, hello.client))?)?;
        if *half_open.noise != *hello.noise {
            return None;
        }
        half_open.answered = now;
        Some(&half_open.answer)
    }

    /// Whether one more has place.
    pub(super) fn has_place(&self, path: Path) -> bool {
        let of_prefix = self.of_prefix.get(&Prefix::of(path.peer.ip())).copied().unwrap_or_default();
        self.by_id.len() < HALF_OPEN_MAX && of_prefix < HALF_OPEN_OF_A_PREFIX
    }

    /// Begins a handshake as `id`, and gives the answer; `None` if the hello makes none.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        path: Path,
        id: SessionId,
        hello: &Hello<'_>,
        key: &StaticKey,
        entropy: &mut Entropy,
    ) -> Option<&[u8]> {
        let mut payload = [0; 8];
        let payload = postcard::to_slice(&ServerHello { id: id.0 }, &mut payload).ok()?;
        let (responder, noise) = Responder::new(key, entropy, hello.prologue, hello.noise, payload)?;
        if let Some(&older) = self.by_hello.get(&(path, hello.client)) {
            self.take(older);
        }
        let half_open = HalfOpen {
            path,
            client: hello.client,
            answered: now,
            state: State::Waiting(Box::new(responder)),
            noise: hello.noise.into(),
            answer: packet::answer(hello.client, &noise),
        };
        self.by_hello.insert((path, hello.client), id);
        *self.of_prefix.entry(Prefix::of(path.peer.ip())).or_default() += 1;
        self.order.push_back((now + KEPT, id));
        Some(&self.by_id.entry(id).or_insert(half_open).answer)
    }

    /// Forgets those that are too old.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some(&(_, id)) = self.order.front().filter(|&&(at, _)| at <= now) {
            self.order.pop_front();
            self.take(id);
        }
    }

    /// When [`Lobby::expire`] has something to do.
    pub(super) fn expiry(&self) -> Option<Instant> {
        self.order.front().map(|&(at, _)| at)
    }

    /// The handshake is finished.
    pub(super) fn take(&mut self, id: SessionId) -> Option<HalfOpen> {
        let half_open = self.by_id.remove(&id)?;
        self.by_hello.remove(&(half_open.path, half_open.client));
        let prefix = Prefix::of(half_open.path.peer.ip());
        if let Some(count) = self.of_prefix.get_mut(&prefix) {
            *count -= 1;
            if *count == 0 {
                self.of_prefix.remove(&prefix);
            }
        }
        Some(half_open)
    }

    /// Keeps a handshake that came to nothing, so that a repeat is answered, until it would have been forgotten.
    pub(super) fn keep(&mut self, id: SessionId, half_open: HalfOpen) {
        self.by_hello.insert((half_open.path, half_open.client), id);
        *self.of_prefix.entry(Prefix::of(half_open.path.peer.ip())).or_default() += 1;
        self.by_id.insert(id, half_open);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::members::SocketId;
    use crate::session::Initiator;

    fn path(ip: [u8; 4], port: u16) -> Path {
        Path { socket: SocketId(0), peer: (ip, port).into(), local: None }
    }

    struct World {
        lobby: Lobby,
        key: StaticKey,
        entropy: Entropy,
        ids: u32,
    }

    impl World {
        fn new() -> Self {
            let mut entropy = Entropy::new([1; 32]);
            Self { lobby: Lobby::default(), key: StaticKey::generate(&mut entropy), entropy, ids: 0 }
        }

        fn hello(&mut self, now: Instant, path: Path) -> Option<Vec<u8>> {
            let client = SessionId(self.ids);
            self.ids += 1;
            let prologue = packet::prologue(client, b"\x06abcdefghijk");
            let initiator = Initiator::new(&self.key, &mut self.entropy, &prologue);
            let Some(packet::Datagram::Hello { noise, .. }) = packet::parse(initiator.hello()) else { panic!() };
            let hello = Hello { client, prologue: &prologue, noise };
            let id = SessionId(1000 + self.ids);
            let answer = self
                .lobby
                .has_place(path)
                .then(|| self.lobby.begin(now, path, id, &hello, &self.key, &mut self.entropy).unwrap().to_vec())?;
            assert_eq!(self.lobby.repeated(now, path, &hello), Some(&answer[..]), "a repeat draws the same bytes");
            Some(answer)
        }
    }

    #[test]
    fn a_prefix_has_16_half_open_and_not_17_and_gets_place_again_after_ten_seconds() {
        let mut world = World::new();
        for port in 0..16 {
            assert!(world.hello(Instant::ZERO, path([10, 0, 0, 1], port)).is_some());
        }
        assert!(world.hello(Instant::ZERO, path([10, 0, 0, 200], 1)).is_none());
        assert!(world.hello(Instant::ZERO, path([10, 0, 1, 1], 1)).is_some(), "another prefix");
        world.lobby.expire(Instant::from_millis(9_999));
        assert!(!world.lobby.has_place(path([10, 0, 0, 1], 0)));
        world.lobby.expire(Instant::from_millis(10_000));
        assert!(world.lobby.by_id.is_empty() && world.lobby.by_hello.is_empty() && world.lobby.of_prefix.is_empty());
    }

    #[test]
    fn there_are_256_half_open_in_all_and_not_257() {
        let mut world = World::new();
        for number in 0..256_u16 {
            let [high, low] = number.to_be_bytes();
            assert!(world.hello(Instant::ZERO, path([10, high, low, 1], 1)).is_some(), "{number}");
        }
        assert!(world.hello(Instant::ZERO, path([11, 0, 0, 1], 1)).is_none());
    }
}
