//! A network with weather.
//!
//! Owns: the datagrams in flight and the fate of each: lost, late, doubled, out of order, queued behind a slow line.
//! Must not know: their contents.
//! Driven by: `world`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use crate::server::SocketId;
use crate::session::Entropy;
use crate::time::Instant;

/// The length of the IPv4 and UDP headers of each datagram on the wire, in bytes (RFC 791, RFC 768).
pub const HEADERS: u64 = 28;

/// The shortest queue in front of a slow line, in bytes. Chosen: as in small routers.
const QUEUE_MIN: u64 = 32 * 1024;

/// The queue in front of a slow line holds as much as the line sends in this time. Chosen: the usual size of such queues.
const QUEUE_TIME: Duration = Duration::from_millis(100);

/// The state of the network.
#[derive(Clone, Debug, PartialEq)]
pub struct Weather {
    /// The part of the datagrams to the server that is lost.
    pub loss_up: f64,
    /// The part of the datagrams from the server that is lost.
    pub loss_down: f64,
    /// The time that a datagram takes, one way.
    pub delay: Duration,
    /// The most that chance adds to that time.
    pub jitter: Duration,
    /// The part of the datagrams that arrives twice.
    pub duplicate: f64,
    /// The part that arrives later than datagrams sent after it.
    pub reorder: f64,
    /// The bits a second that go over each line, each way.
    pub rate: Option<u64>,
    /// Whether all clients are behind one line, instead of each behind its own.
    pub shared: bool,
}

impl Default for Weather {
    fn default() -> Self {
        Self {
            loss_up: 0.0,
            loss_down: 0.0,
            delay: Duration::from_millis(1),
            jitter: Duration::ZERO,
            duplicate: 0.0,
            reorder: 0.0,
            rate: None,
            shared: false,
        }
    }
}

/// The direction of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    /// To the server.
    Up,
    /// From the server.
    Down,
}

/// A datagram in flight.
#[derive(Clone, Debug)]
pub(super) struct Datagram {
    /// Its source address, possibly spoofed.
    pub(super) from: SocketAddr,
    /// Its destination.
    pub(super) to: SocketAddr,
    /// The server's socket that it uses: the one at which the path of the client's datagrams ends.
    pub(super) socket: SocketId,
    /// Its contents.
    pub(super) bytes: Box<[u8]>,
    /// When it was sent.
    pub(super) sent: Instant,
}

/// The fate of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It arrives this many times.
    Comes(u32),
    /// The weather lost it.
    Lost,
    /// The client is cut off.
    Cut,
    /// The queue in front of the line was full.
    Overflowed,
}

#[derive(Clone, Copy, Debug, Default)]
struct Line {
    /// When the line has sent everything that is queued.
    free: Instant,
    /// When the last datagram in order arrives.
    last: Instant,
}

/// The network; see the module.
#[derive(Debug)]
pub(super) struct Network {
    weather: Weather,
    entropy: Entropy,
    under_way: BTreeMap<(Instant, u64), Datagram>,
    sent: u64,
    lines: BTreeMap<(Way, usize), Line>,
    cut: BTreeSet<usize>,
}

impl Network {
    /// Creates a network with this weather, whose randomness comes from `entropy`.
    pub(super) fn new(weather: Weather, entropy: Entropy) -> Self {
        let (under_way, lines, cut) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        Self { weather, entropy, under_way, sent: 0, lines, cut }
    }

    /// Ends the weather: from now on nothing is lost, late or doubled by chance.
    pub(super) fn calm(&mut self) {
        self.weather = Weather { delay: self.weather.delay, ..Weather::default() };
    }

    /// Cuts this client off, or connects it again.
    pub(super) fn cut(&mut self, client: usize, is_cut: bool) {
        if is_cut {
            self.cut.insert(client);
        } else {
            self.cut.remove(&client);
        }
    }

    /// Returns true with this probability.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && f64::from(self.entropy.next_u32()) < probability * f64::from(u32::MAX)
    }

    /// Returns a random duration up to `most`.
    pub(super) fn some_of(&mut self, most: Duration) -> Duration {
        most.mul_f64(f64::from(self.entropy.next_u32()) / f64::from(u32::MAX))
    }

    /// Sends a datagram over the line of `client`.
    pub(super) fn send(&mut self, now: Instant, way: Way, client: usize, datagram: Datagram) -> Fate {
        if self.cut.contains(&client) {
            return Fate::Cut;
        }
        let Some(through) = self.pass_line(now, way, client, datagram.bytes.len()) else { return Fate::Overflowed };
        let loss = if way == Way::Up { self.weather.loss_up } else { self.weather.loss_down };
        if self.chance(loss) {
            return Fate::Lost;
        }
        let copies = if self.chance(self.weather.duplicate) { 2 } else { 1 };
        for _ in 0..copies {
            self.deliver(through, way, client, datagram.clone());
        }
        Fate::Comes(copies)
    }

    /// Lets a datagram arrive after `delay`, whatever the weather.
    pub(super) fn send_after(&mut self, now: Instant, delay: Duration, datagram: Datagram) {
        self.under_way.insert((now + delay, self.sent), datagram);
        self.sent += 1;
    }

    /// Returns when the next datagram arrives.
    pub(super) fn next_arrival(&self) -> Option<Instant> {
        self.under_way.first_key_value().map(|(&(at, _), _)| at)
    }

    /// Returns the next datagram that has arrived by `now`.
    pub(super) fn arrived(&mut self, now: Instant) -> Option<Datagram> {
        self.under_way.first_entry().filter(|entry| entry.key().0 <= now).map(|entry| entry.remove())
    }

    /// Returns when a datagram is through the line, if the queue before it has room.
    fn pass_line(&mut self, now: Instant, way: Way, client: usize, len: usize) -> Option<Instant> {
        let Some(rate) = self.weather.rate else { return Some(now) };
        let place = (rate / 8 * u64::try_from(QUEUE_TIME.as_millis()).unwrap_or(u64::MAX) / 1000).max(QUEUE_MIN);
        let line = self.lines.entry((way, if self.weather.shared { 0 } else { client })).or_default();
        let queued = line.free.saturating_since(now);
        let bytes = len as u64 + HEADERS;
        if queued.as_nanos() * u128::from(rate) / 8 / 1_000_000_000 + u128::from(bytes) > u128::from(place) {
            return None;
        }
        line.free = line.free.max(now) + Duration::from_nanos(bytes * 8 * 1_000_000_000 / rate);
        Some(line.free)
    }

    fn deliver(&mut self, through: Instant, way: Way, client: usize, datagram: Datagram) {
        let mut at = through + self.weather.delay + self.some_of(self.weather.jitter);
        if self.chance(self.weather.reorder) {
            at = at + self.some_of(self.weather.delay + self.weather.jitter);
        } else {
            // A datagram that is not out of order stays behind those sent before it.
            let line = self.lines.entry((way, client + 1)).or_default();
            line.last = line.last.max(at);
            at = line.last;
        }
        self.under_way.insert((at, self.sent), datagram);
        self.sent += 1;
    }
}
