//! Handshakes that are not finished (PROTOCOL 2.3, 2.4).
//!
//! Owns: half-open handshakes and their limit, whose turn it is to have public-key work done, the answers and refusals that can
//! be repeated.
//! Must not know: rooms, members, keys.
//! Driven by: `sessions`, for hellos with a valid token.
//!
//! ```text
//!   hello --> asked --work--> answered --finish--> finishing --work--> a session, or refused
//!                                 |                                              |
//!                                 +-- 10 s, or its place is needed: forgotten    +-- bye, resent if the finish is repeated
//! ```
//! The work is done bit by bit in each turn of the loop, for prefixes in turn and the addresses of a prefix in turn: a lone
//! prefix gets all of it, and a flooding source delays only itself. A finished handshake holds no place.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::ops::Bound;
use std::time::Duration;

use crate::server::admission::Prefix;
use crate::server::ids::Path;
use crate::session::{FINISH_COST, HELLO_COST, KEY_LEN, REDO_COST, Responder};
use crate::time::Instant;
use crate::wire::SessionId;
use crate::wire::packet::{NOISE_1_LEN, PROLOGUE_LEN, TAG_LEN};
use crate::work::{self, Work};

/// The most half-open handshakes in all (PROTOCOL 2.4).
pub const HALF_OPEN_MAX: usize = 4096;

/// The multiplications done in a turn of the loop; some more if the last handshake needs them (PROTOCOL 2.4). Chosen: some
/// eight handshakes, less than a millisecond, so that members who talk do not notice.
pub const WORK_OF_A_TURN: usize = 32;

/// As [`WORK_OF_A_TURN`], if more has come in than could be looked at: little, so that floods do not fill the socket's buffer.
pub(crate) const WORK_OF_A_BUSY_TURN: usize = 8;

/// The most handshakes of a prefix that wait for work. Chosen: a fraction of a second's work, so that a client that repeats a
/// hello which found no place waits behind these at most; further hellos are dropped at little cost.
const WAITING_MAX: usize = 1024;

/// How many addresses of a prefix are searched for one with many hellos waiting. Chosen: enough to find a flood from a few.
const LOOKED_AT: usize = 16;

/// How long each handshake is kept (PROTOCOL 2.4).
const KEPT: Duration = Duration::from_secs(10);

/// The longest round trip that is believed of an answer and its finish. A client repeats the finish after this time at the
/// earliest (PROTOCOL 2.4), so a longer one may be that of a repetition (Karn's algorithm, RFC 6298 3).
const UNREPEATED: Duration = Duration::from_millis(375);

/// How many refusals can be repeated. Chosen: some seconds' worth; a client that gets none begins anew.
const REFUSALS_MAX: usize = 256;

/// The longest Noise message of a finish that is kept for its turn. Chosen: twice what our client needs, because a finish may
/// have fields that we do not know.
pub(crate) const FINISH_MAX: usize = 512;

/// The shortest one: the client's key and an empty payload, each with its tag.
const FINISH_MIN: usize = KEY_LEN + TAG_LEN + TAG_LEN;

/// A handshake in progress.
#[derive(Debug)]
pub(crate) struct HalfOpen {
    pub(crate) path: Path,
    pub(crate) client: SessionId,
    since: Instant,
    serial: u64,
    /// The head and the Noise message of the hello, from which the answer is made.
    pub(crate) prologue: [u8; PROLOGUE_LEN],
    pub(crate) noise: [u8; NOISE_1_LEN],
    /// The answer, when it was last sent, and the state that reads the finish.
    answered: Option<Answered>,
    /// The Noise message of the finish and when it came.
    finish: Option<(Instant, Box<[u8]>)>,
}

#[derive(Debug)]
struct Answered {
    answer: Box<[u8]>,
    at: Instant,
    responder: Box<Responder>,
}

/// The handshakes of one prefix, by age.
#[derive(Debug, Default)]
struct Share {
    held: BTreeSet<u64>,
    /// The handshakes with work to be done, by address; how many these are; and which address had the last turn.
    work: BTreeMap<SocketAddr, BTreeSet<u64>>,
    waiting: usize,
    served: Option<SocketAddr>,
    /// The number of this prefix's turn, if it has one.
    turn: Option<u64>,
}

impl Share {
    /// Returns the rank among the shares: the one that holds most is last, and of equals the one with the oldest handshake.
    fn rank(&self, prefix: Prefix) -> (usize, Reverse<u64>, Prefix) {
        (self.held.len(), Reverse(self.held.first().copied().unwrap_or(u64::MAX)), prefix)
    }

    fn add_work(&mut self, address: SocketAddr, serial: u64) {
        self.waiting += usize::from(self.work.entry(address).or_default().insert(serial));
    }

    fn remove_work(&mut self, address: SocketAddr, serial: u64) {
        let Some(of_address) = self.work.get_mut(&address) else { return };
        self.waiting -= usize::from(of_address.remove(&serial));
        if of_address.is_empty() {
            self.work.remove(&address);
        }
    }

    /// Takes out the oldest handshake of the address whose turn it is.
    fn next_work(&mut self) -> Option<u64> {
        let behind = self.served.map_or(Bound::Unbounded, Bound::Excluded);
        let next = self.work.range((behind, Bound::Unbounded)).next().or_else(|| self.work.first_key_value());
        let (&address, of_address) = next?;
        let serial = *of_address.first()?;
        self.served = Some(address);
        self.remove_work(address, serial);
        Some(serial)
    }

    /// Returns the newest handshake of an address with more than one waiting, near the address that had the last turn.
    fn spare(&self) -> Option<u64> {
        let behind = self.served.map_or(Bound::Unbounded, Bound::Excluded);
        let addresses = self.work.range((behind, Bound::Unbounded)).chain(&self.work).take(LOOKED_AT);
        let (_, of_address) = addresses.max_by_key(|(_, of_address)| of_address.len())?;
        work::did(Work::Scanned, LOOKED_AT);
        of_address.last().copied().filter(|_| of_address.len() > 1)
    }
}

/// The contents of a hello.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hello<'a> {
    pub(crate) client: SessionId,
    pub(crate) prologue: &'a [u8; PROLOGUE_LEN],
    pub(crate) noise: &'a [u8; NOISE_1_LEN],
}

/// The work to be done next.
#[derive(Debug)]
pub(crate) enum Job {
    /// Make an answer to the hello and give it to [`Lobby::answer`].
    Answer(SessionId),
    /// Read the finish. The handshake is over, unless it is given to [`Lobby::put_back`].
    Finish(SessionId, Box<Finishing>),
}

/// A handshake that was taken out to be finished.
#[derive(Debug)]
pub(crate) struct Finishing {
    pub(crate) half_open: HalfOpen,
    pub(crate) responder: Box<Responder>,
    answer: Box<[u8]>,
    pub(crate) noise: Box<[u8]>,
    /// The time from the answer to the finish.
    pub(crate) round_trip: Duration,
}

impl Job {
    /// Returns how many multiplications it takes.
    pub(crate) const fn cost(&self) -> usize {
        match self {
            Self::Answer(_) => HELLO_COST,
            Self::Finish(_, finishing) => FINISH_COST + if finishing.responder.is_spent() { REDO_COST } else { 0 },
        }
    }
}

/// The half-open handshakes.
#[derive(Debug, Default)]
pub(crate) struct Lobby {
    by_id: BTreeMap<SessionId, HalfOpen>,
    by_hello: BTreeMap<(Path, SessionId), SessionId>,
    /// Handshakes by age.
    by_serial: BTreeMap<u64, SessionId>,
    serials: u64,
    shares: BTreeMap<Prefix, Share>,
    /// Prefixes by how much they hold; the last one holds most.
    largest: BTreeSet<(usize, Reverse<u64>, Prefix)>,
    /// Prefixes with work, in the order of their turns.
    turns: BTreeMap<u64, Prefix>,
    /// What the refused clients were sent.
    refusals: BTreeMap<SessionId, (Path, Box<[u8]>)>,
    refused: VecDeque<SessionId>,
    lost_place: bool,
}

impl Lobby {
    /// Returns how many half-open handshakes there are.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is a handshake with this id, or there was one that was refused.
    pub(crate) fn has(&self, id: SessionId) -> bool {
        self.by_id.contains_key(&id) || self.refusals.contains_key(&id)
    }

    /// Handles a hello: begins a handshake as `id`, unless it is known. Returns the answer if there is one already.
    pub(crate) fn greet(&mut self, now: Instant, path: Path, id: SessionId, hello: &Hello<'_>) -> Option<&[u8]> {
        self.lost_place = false;
        let known = self.by_hello.get(&(path, hello.client)).copied();
        if let Some(known) = known {
            if self.by_id.get(&known).is_some_and(|half_open| half_open.noise == *hello.noise) {
                let answered = self.by_id.get_mut(&known)?.answered.as_mut()?;
                answered.at = now;
                return Some(&answered.answer);
            }
            self.take(known);
        }
        self.make_place();
        let half_open = HalfOpen {
            path,
            client: hello.client,
            since: now,
            serial: self.serials,
            prologue: *hello.prologue,
            noise: *hello.noise,
            answered: None,
            finish: None,
        };
        self.serials += 1;
        self.insert(id, half_open);
        self.line_up(id);
        None
    }

    /// Whether so much work waits for the prefix that another hello is to be dropped. To make room for the first hello of an
    /// address, the newest one of another address that has several is forgotten.
    pub(crate) fn is_behind(&mut self, path: Path) -> bool {
        let Some(share) = self.shares.get(&Prefix::of(path.peer.ip())) else { return false };
        if share.waiting < WAITING_MAX {
            return false;
        }
        let spare = if share.work.contains_key(&path.peer) { None } else { share.spare() };
        match spare.and_then(|serial| self.by_serial.get(&serial)) {
            Some(&id) => self.take(id).is_none(),
            None => true,
        }
    }

    /// Handles a finish. Returns whether it is kept for its turn; it then replaces one that waits already.
    pub(crate) fn finish(&mut self, now: Instant, path: Path, id: SessionId, noise: &[u8]) -> bool {
        let Some(half_open) = self.by_id.get_mut(&id).filter(|half_open| half_open.path == path) else { return false };
        if half_open.answered.is_none() || !(FINISH_MIN..=FINISH_MAX).contains(&noise.len()) {
            return false;
        }
        half_open.finish = Some((now, noise.into()));
        self.line_up(id);
        true
    }

    /// Returns what the client that was refused as `id` was sent.
    pub(crate) fn refusal(&self, path: Path, id: SessionId) -> Option<&[u8]> {
        self.refusals.get(&id).filter(|(refused, _)| *refused == path).map(|(_, bye)| &**bye)
    }

    /// Remembers that a client was refused: it was sent `bye`, and gets it again if it repeats its finish.
    pub(crate) fn refuse(&mut self, id: SessionId, path: Path, bye: Box<[u8]>) {
        self.refusals.insert(id, (path, bye));
        self.refused.push_back(id);
        if self.refused.len() > REFUSALS_MAX
            && let Some(oldest) = self.refused.pop_front()
        {
            self.refusals.remove(&oldest);
        }
    }

    /// Whether there is work to be done.
    pub(crate) fn has_work(&self) -> bool {
        !self.turns.is_empty()
    }

    /// Returns what to do next: prefixes have turns, so do the addresses of each, and of an address the oldest comes first.
    pub(crate) fn next_job(&mut self) -> Option<Job> {
        let (_, prefix) = self.turns.pop_first()?;
        let share = self.shares.get_mut(&prefix)?;
        share.turn = None;
        let serial = share.next_work()?;
        if share.waiting > 0 {
            self.queue(prefix);
        }
        let &id = self.by_serial.get(&serial)?;
        if self.by_id.get(&id)?.finish.is_none() {
            return Some(Job::Answer(id));
        }
        let mut half_open = self.take(id)?;
        let (came, noise) = half_open.finish.take()?;
        let Answered { at, responder, answer } = half_open.answered.take()?;
        let round_trip = came.saturating_since(at).min(UNREPEATED);
        Some(Job::Finish(id, Box::new(Finishing { half_open, responder, answer, noise, round_trip })))
    }

    /// Returns the handshake with this id, for its hello to be answered.
    pub(crate) fn get(&self, id: SessionId) -> Option<&HalfOpen> {
        self.by_id.get(&id)
    }

    /// Stores the answer: from now on a finish is accepted.
    pub(crate) fn answer(&mut self, now: Instant, id: SessionId, responder: Responder, answer: &[u8]) {
        if let Some(half_open) = self.by_id.get_mut(&id) {
            half_open.answered = Some(Answered { answer: answer.into(), at: now, responder: Box::new(responder) });
        }
    }

    /// Takes back a handshake whose finish was not authentic: it waits for another one.
    pub(crate) fn put_back(&mut self, now: Instant, id: SessionId, finishing: Finishing) {
        let Finishing { mut half_open, responder, answer, .. } = finishing;
        half_open.answered = Some(Answered { answer, at: now, responder });
        self.insert(id, half_open);
    }

    /// Forgets handshakes that are too old.
    pub(crate) fn expire(&mut self, now: Instant) {
        while let Some((since, id)) = self.oldest()
            && since + KEPT <= now
        {
            self.take(id);
        }
    }

    /// Returns when [`Lobby::expire`] has something to do.
    pub(crate) fn expiry(&self) -> Option<Instant> {
        self.oldest().map(|(since, _)| since + KEPT)
    }

    /// Forgets a handshake and returns it.
    pub(crate) fn take(&mut self, id: SessionId) -> Option<HalfOpen> {
        let half_open = self.by_id.remove(&id)?;
        self.by_hello.remove(&(half_open.path, half_open.client));
        self.by_serial.remove(&half_open.serial);
        let prefix = Prefix::of(half_open.path.peer.ip());
        if let Some(share) = self.shares.get_mut(&prefix) {
            self.largest.remove(&share.rank(prefix));
            share.held.remove(&half_open.serial);
            share.remove_work(half_open.path.peer, half_open.serial);
            if share.waiting == 0
                && let Some(turn) = share.turn.take()
            {
                self.turns.remove(&turn);
            }
            if share.held.is_empty() {
                self.shares.remove(&prefix);
            } else {
                self.largest.insert(share.rank(prefix));
            }
        }
        Some(half_open)
    }

    fn oldest(&self) -> Option<(Instant, SessionId)> {
        let &id = self.by_serial.first_key_value()?.1;
        Some((self.by_id.get(&id)?.since, id))
    }

    /// When the limit is reached, the prefix that holds most loses its oldest handshake.
    fn make_place(&mut self) {
        if self.by_id.len() < HALF_OPEN_MAX {
            return;
        }
        let Some((_, _, prefix)) = self.largest.last() else { return };
        let oldest = self.shares.get(prefix).and_then(|share| share.held.first());
        if let Some(&id) = oldest.and_then(|serial| self.by_serial.get(serial)) {
            self.take(id);
            self.lost_place = true;
        }
    }

    /// Whether the last hello displaced another handshake.
    pub(crate) const fn lost_place(&self) -> bool {
        self.lost_place
    }

    pub(crate) fn insert(&mut self, id: SessionId, half_open: HalfOpen) {
        let (serial, prefix) = (half_open.serial, Prefix::of(half_open.path.peer.ip()));
        self.by_hello.insert((half_open.path, half_open.client), id);
        self.by_serial.insert(serial, id);
        self.by_id.insert(id, half_open);
        let share = self.shares.entry(prefix).or_default();
        self.largest.remove(&share.rank(prefix));
        share.held.insert(serial);
        self.largest.insert(share.rank(prefix));
    }

    /// Notes that there is work to be done for the handshake.
    fn line_up(&mut self, id: SessionId) {
        let Some(half_open) = self.by_id.get(&id) else { return };
        let prefix = Prefix::of(half_open.path.peer.ip());
        let Some(share) = self.shares.get_mut(&prefix) else { return };
        share.add_work(half_open.path.peer, half_open.serial);
        if share.turn.is_none() {
            self.queue(prefix);
        }
    }

    /// Puts a prefix behind the others that have work.
    fn queue(&mut self, prefix: Prefix) {
        let turn = self.turns.last_key_value().map_or(0, |(&last, _)| last + 1);
        if let Some(share) = self.shares.get_mut(&prefix) {
            share.turn = Some(turn);
            self.turns.insert(turn, prefix);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::ids::SocketId;
    use crate::session::{Entropy, Initiator, StaticKey};
    use crate::wire::packet;

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

        /// Sends a hello of arbitrary bytes, which gets no answer.
        fn hello(&mut self, now: Instant, path: Path) -> SessionId {
            let id = SessionId(self.ids);
            self.ids += 1;
            let hello = Hello { client: id, prologue: &[0; PROLOGUE_LEN], noise: &[9; NOISE_1_LEN] };
            assert_eq!(self.lobby.greet(now, path, id, &hello), None);
            id
        }

        /// Answers the next hello.
        fn answer(&mut self, now: Instant) -> Option<(SessionId, Vec<u8>)> {
            let Some(Job::Answer(id)) = self.lobby.next_job() else { return None };
            let half_open = self.lobby.get(id)?;
            let (responder, answer) =
                Responder::new(&self.key, &mut self.entropy, &half_open.prologue, &half_open.noise, b"")?;
            self.lobby.answer(now, id, responder, &answer);
            Some((id, answer))
        }

        /// Returns the handshakes in the order of their turns.
        fn order(&mut self) -> Vec<SessionId> {
            let answered = |job| if let Job::Answer(id) = job { id } else { panic!("{job:?}") };
            std::iter::from_fn(|| self.lobby.next_job()).map(answered).collect()
        }

        fn is_empty(&self) -> bool {
            let Lobby { by_id, by_hello, by_serial, shares, largest, turns, .. } = &self.lobby;
            by_id.is_empty()
                && by_hello.is_empty()
                && by_serial.is_empty()
                && shares.is_empty()
                && largest.is_empty()
                && turns.is_empty()
        }
    }

    #[test]
    fn a_hello_is_answered_when_its_turn_comes_and_its_repeat_at_once_with_the_same_bytes() {
        let mut world = World::new();
        let (now, path) = (Instant::ZERO, path([10, 0, 0, 1], 1));
        let prologue = packet::prologue(SessionId(5), b"\x06abcdefghijk");
        let initiator = Initiator::new(&world.key, &mut world.entropy, &prologue);
        let Some(packet::Datagram::Hello { prologue, noise, client, .. }) = packet::parse(initiator.hello()) else {
            panic!()
        };
        let hello = Hello { client, prologue, noise };
        assert_eq!(world.lobby.greet(now, path, SessionId(1), &hello), None);
        assert_eq!(
            world.lobby.greet(now, path, SessionId(2), &hello),
            None,
            "nor is its repeat, which is no other one"
        );
        let (id, answer) = world.answer(now).unwrap();
        assert_eq!((id, world.lobby.has_work()), (SessionId(1), false));
        assert_eq!(world.lobby.greet(now, path, SessionId(3), &hello), Some(&answer[..]));
        for (len, is_kept) in [(FINISH_MIN - 1, false), (FINISH_MIN, true), (FINISH_MAX, true), (FINISH_MAX + 1, false)]
        {
            assert_eq!(world.lobby.finish(now, path, id, &vec![1; len]), is_kept, "{len}");
        }
        let Some(Job::Finish(SessionId(1), finishing)) = world.lobby.next_job() else { panic!() };
        assert_eq!(finishing.noise.len(), FINISH_MAX, "the newest");
        assert!(world.is_empty(), "what is finished holds no place");
    }

    #[test]
    fn there_are_4096_half_open_and_for_one_more_the_prefix_with_most_loses_its_oldest() {
        let mut world = World::new();
        let now = Instant::ZERO;
        let honest = world.hello(now, path([11, 0, 0, 1], 1));
        let first = world.hello(now, path([10, 0, 0, 1], 1));
        let second = world.hello(now, path([10, 0, 0, 2], 1));
        for port in 3..HALF_OPEN_MAX {
            world.hello(now, path([10, 0, 0, 1], u16::try_from(port).unwrap()));
        }
        assert_eq!((world.lobby.len(), world.lobby.has(first)), (HALF_OPEN_MAX, true), "at the limit");
        let newcomer = world.hello(now, path([12, 0, 0, 1], 1));
        assert_eq!((world.lobby.len(), world.lobby.has(first)), (HALF_OPEN_MAX, false));
        for port in 0..1000 {
            world.hello(now, path([10, 0, 0, 3], port));
        }
        assert!(world.lobby.has(honest) && world.lobby.has(newcomer) && !world.lobby.has(second));
    }

    #[test]
    fn a_prefix_has_1024_waiting_for_work_and_for_one_more_it_is_behind() {
        let mut world = World::new();
        let (now, of_prefix) = (Instant::ZERO, path([10, 0, 0, 1], 1));
        for port in 0..u16::try_from(WAITING_MAX).unwrap() {
            assert!(!world.lobby.is_behind(of_prefix));
            world.hello(now, path([10, 0, 0, 2], port));
        }
        assert!(world.lobby.is_behind(of_prefix));
        assert!(!world.lobby.is_behind(path([10, 0, 1, 1], 1)), "another one");
        world.lobby.next_job();
        assert!(!world.lobby.is_behind(of_prefix));
    }

    #[test]
    fn prefixes_have_turns_and_a_lone_one_has_them_all() {
        let mut world = World::new();
        let now = Instant::ZERO;
        let flood: Vec<_> = (0..5).map(|port| world.hello(now, path([10, 0, 0, 1], port))).collect();
        let one = world.hello(now, path([11, 0, 0, 1], 1));
        let other = world.hello(now, path([12, 0, 0, 1], 1));
        assert_eq!(world.order(), [flood[0], one, other, flood[1], flood[2], flood[3], flood[4]]);
    }

    #[test]
    fn addresses_of_a_prefix_have_turns_as_well_and_who_floods_from_one_makes_place_for_another() {
        let mut world = World::new();
        let (now, flooder, other) = (Instant::ZERO, path([10, 0, 0, 1], 1), path([10, 0, 0, 2], 1));
        let flood: Vec<_> = (0..WAITING_MAX).map(|_| world.hello(now, flooder)).collect();
        assert!(world.lobby.is_behind(flooder));
        assert!(!world.lobby.is_behind(other), "the newest of the flooder makes place");
        let one = world.hello(now, other);
        assert!(world.lobby.is_behind(other), "for one");
        assert!(!world.lobby.has(*flood.last().unwrap()));
        let order = world.order();
        assert_eq!((order.len(), &order[..3]), (WAITING_MAX, &[flood[0], one, flood[1]][..]));
    }

    #[test]
    fn of_prefixes_that_hold_as_much_the_one_that_holds_it_for_longest_makes_place() {
        let mut world = World::new();
        let now = Instant::ZERO;
        let of = |number: usize| path([10 + u8::try_from(number >> 8).unwrap(), (number & 0xff) as u8, 0, 1], 1);
        let ids: Vec<_> = (0..HALF_OPEN_MAX).map(|number| world.hello(now, of(number))).collect();
        let honest = world.hello(now, path([200, 0, 0, 1], 1));
        assert!(!world.lobby.has(ids[0]));
        for number in 0..100 {
            world.hello(now, path([190, number, 0, 1], 1));
        }
        assert!(world.lobby.has(honest) && !world.lobby.has(ids[100]) && world.lobby.has(ids[101]));
    }

    #[test]
    fn a_client_id_with_another_ephemeral_takes_the_place_of_the_one_before_and_has_its_turn_like_any() {
        let mut world = World::new();
        let (now, path) = (Instant::ZERO, path([10, 0, 0, 1], 1));
        for number in 0..100 {
            let hello = Hello { client: SessionId(7), prologue: &[0; PROLOGUE_LEN], noise: &[number; NOISE_1_LEN] };
            assert_eq!(world.lobby.greet(now, path, SessionId(number.into()), &hello), None);
            assert_eq!((world.lobby.len(), world.lobby.turns.len()), (1, 1));
        }
        assert!(matches!(world.lobby.next_job(), Some(Job::Answer(SessionId(99)))));
        assert!(world.lobby.next_job().is_none(), "one is left, and it is worked for once");
    }

    #[test]
    fn each_is_forgotten_after_ten_seconds() {
        let mut world = World::new();
        world.hello(Instant::ZERO, path([10, 0, 0, 1], 1));
        world.hello(Instant::from_millis(5), path([10, 0, 0, 1], 2));
        world.lobby.expire(Instant::from_millis(9_999));
        assert_eq!((world.lobby.len(), world.lobby.expiry()), (2, Some(Instant::from_millis(10_000))));
        world.lobby.expire(Instant::from_millis(10_004));
        assert_eq!(world.lobby.len(), 1);
        world.lobby.expire(Instant::from_millis(10_005));
        assert!(world.is_empty());
    }

    #[test]
    fn refusals_hold_no_place_and_the_last_256_can_be_said_again() {
        let mut world = World::new();
        let path = path([10, 0, 0, 1], 1);
        for number in 0..=256 {
            world.lobby.refuse(SessionId(number), path, [1, 2, 3].into());
        }
        assert!(world.is_empty());
        assert_eq!(world.lobby.refusal(path, SessionId(0)), None);
        assert_eq!(world.lobby.refusal(path, SessionId(1)), Some(&[1, 2, 3][..]));
        assert_eq!(world.lobby.refusal(Path { socket: SocketId(1), ..path }, SessionId(1)), None);
        assert_eq!((world.lobby.refusals.len(), world.lobby.refused.len()), (REFUSALS_MAX, REFUSALS_MAX));
    }
}
