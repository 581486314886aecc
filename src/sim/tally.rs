//! The numbers of a run.
//!
//! Owns: which messages were posted, who showed which of them when, the bytes on the wire.
//! Must not know: dialects.
//! Driven by: `world`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::network::HEADERS;
use crate::time::Instant;

/// The longest latency that is recorded exactly, in microseconds: an hour.
const LATENCY_MAX_US: u64 = 3_600_000_000;

/// The numbers; see the module.
#[derive(Debug)]
pub struct Tally {
    /// When each message was posted, by which client, and who has to get it.
    said: BTreeMap<u64, (Instant, usize, BTreeSet<usize>)>,
    shown: BTreeMap<(usize, u64), u64>,
    /// The highest message of each author that each reader has shown.
    last: BTreeMap<(usize, usize), u64>,
    latencies: Histogram<u64>,
    /// When each reader was first shown an old entry, and last, and how many.
    reading: BTreeMap<usize, (Instant, Instant, u64)>,
    size: u64,
    datagrams: u64,
    bytes: u64,
    duplicated: u64,
    out_of_order: u64,
    /// When a copy was last shown for the first time.
    last_shown: Instant,
    converged: Option<Duration>,
    /// Bytes of the competing transfer that went over the line meanwhile.
    beside: u64,
    closed: bool,
}

/// The numbers, as they are printed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Numbers {
    /// Messages posted.
    pub sent: u64,
    /// Copies that should be shown: one of each message at each of its readers.
    pub expected: u64,
    /// Copies shown, each counted once.
    pub delivered: u64,
    /// Copies never shown.
    pub lost: u64,
    /// Copies shown again.
    pub duplicated: u64,
    /// Copies shown after a later one of the same author.
    pub out_of_order: u64,
    /// Datagrams on the wire, both ways.
    pub datagrams: u64,
    /// Bytes on the wire, both ways, IP and UDP headers included.
    pub wire_bytes: u64,
    /// Bytes on the wire for each byte of text shown.
    pub wire_bytes_per_useful_byte: f64,
    /// The median time from posting to showing, in milliseconds.
    pub latency_p50_ms: f64,
    /// The 99th percentile.
    pub latency_p99_ms: f64,
    /// The longest.
    pub latency_max_ms: f64,
    /// The time from the last message or fault until every copy had been shown, in milliseconds; none if that never happened.
    pub converged_ms: Option<f64>,
}

impl Tally {
    /// Creates an empty tally for messages of `size` bytes.
    pub(super) fn new(size: usize) -> Self {
        Self {
            said: BTreeMap::new(),
            shown: BTreeMap::new(),
            last: BTreeMap::new(),
            latencies: Histogram::new_with_bounds(1, LATENCY_MAX_US, 3).expect("the bounds are in order"),
            reading: BTreeMap::new(),
            size: size as u64,
            datagrams: 0,
            bytes: 0,
            duplicated: 0,
            out_of_order: 0,
            last_shown: Instant::ZERO,
            converged: None,
            beside: 0,
            closed: false,
        }
    }

    /// Counts no more datagrams from now on.
    pub(super) const fn close(&mut self) {
        self.closed = true;
    }

    pub(super) fn said(&mut self, now: Instant, message: u64, author: usize, readers: BTreeSet<usize>) {
        self.said.insert(message, (now, author, readers));
    }

    pub(super) fn shown(&mut self, now: Instant, reader: usize, message: u64) {
        let Some((said, author, _)) = self.said.get(&message) else { return };
        let copies = self.shown.entry((reader, message)).or_default();
        *copies += 1;
        if *copies > 1 {
            self.duplicated += 1;
            return;
        }
        self.last_shown = now;
        let micros = u64::try_from(now.saturating_since(*said).as_micros()).unwrap_or(u64::MAX);
        self.latencies.saturating_record(micros.max(1));
        let last = self.last.entry((reader, *author)).or_default();
        self.out_of_order += u64::from(message < *last);
        *last = (*last).max(message);
    }

    pub(super) fn replayed(&mut self, now: Instant, reader: usize) {
        let (_, last, count) = self.reading.entry(reader).or_insert((now, now, 0));
        *last = now;
        *count += 1;
    }

    pub(super) fn wire(&mut self, bytes: usize) {
        if self.closed {
            return;
        }
        self.datagrams += 1;
        self.bytes += bytes as u64 + HEADERS;
    }

    /// Returns when the last copy was shown, if every copy was.
    pub(super) fn completed(&self) -> Option<Instant> {
        let is_shown = |(&message, (.., readers)): (&u64, &(Instant, usize, BTreeSet<usize>))| {
            readers.iter().all(|&reader| self.shown.contains_key(&(reader, message)))
        };
        self.said.iter().all(is_shown).then_some(self.last_shown)
    }

    /// Sets the number of bytes of the competing transfer that have gone over the line.
    pub(super) const fn beside(&mut self, bytes: u64) {
        self.beside = bytes;
    }

    /// Returns the bytes of the competing transfer (`Scenario::rival`) that arrived until everybody had everything.
    pub const fn rival_bytes(&self) -> u64 {
        self.beside
    }

    pub(super) fn converged(&mut self, after: Duration) {
        self.converged = Some(after);
    }

    /// Returns, for each reader, how many old entries it was shown, and how long that took from the first to the last.
    pub fn replays(&self) -> impl Iterator<Item = (u64, Duration)> + '_ {
        self.reading.values().map(|&(first, last, count)| (count, last.saturating_since(first)))
    }

    /// Returns the numbers.
    pub fn numbers(&self) -> Numbers {
        let expected = self.said.values().map(|(.., readers)| readers.len() as u64).sum::<u64>();
        let wanted = |(reader, message): &(usize, u64)| self.said[message].2.contains(reader);
        let delivered = self.shown.keys().filter(|key| wanted(key)).count() as u64;
        let millis = |quantile: u64| Duration::from_micros(quantile).as_secs_f64() * 1000.0;
        let useful = self.shown.len() as u64 * self.size;
        #[allow(clippy::cast_precision_loss)] // a ratio for people
        let ratio = self.bytes as f64 / useful.max(1) as f64;
        Numbers {
            sent: self.said.len() as u64,
            expected,
            delivered,
            lost: expected - delivered,
            duplicated: self.duplicated,
            out_of_order: self.out_of_order,
            datagrams: self.datagrams,
            wire_bytes: self.bytes,
            wire_bytes_per_useful_byte: (ratio * 100.0).round() / 100.0,
            latency_p50_ms: millis(self.latencies.value_at_quantile(0.5)),
            latency_p99_ms: millis(self.latencies.value_at_quantile(0.99)),
            latency_max_ms: millis(self.latencies.max()),
            converged_ms: self.converged.map(|after| after.as_secs_f64() * 1000.0),
        }
    }
}
