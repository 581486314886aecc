//! A competing transfer over the same line: loss-based, as most of the world's are.
//!
//! Owns: a NewReno sender that always has something to send (RFC 5681, RFC 6582), and the count of its datagrams that arrived.
//! Must not know: chat.
//! Driven by: `world`, with each of its datagrams that arrives at either end.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use crate::time::Instant;

/// The length of its datagrams, in bytes.
const LEN: usize = 1200;

/// The addresses that it sends from, and to.
const SOURCE: ([u8; 4], u16) = ([10, 9, 0, 1], 80);
const SINK: ([u8; 4], u16) = ([10, 9, 0, 2], 80);

/// RFC 6928: the initial window, in datagrams.
const INITIAL: f64 = 10.0;

/// A datagram counts as lost once one that was sent this many later has arrived (RFC 5681 3.2).
const LATER: u64 = 3;

/// RFC 6298 2.4: the shortest time without an answer after which everything in flight counts as lost.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The transfer.
#[derive(Debug)]
pub(super) struct Rival {
    /// In datagrams, like everything here.
    window: f64,
    threshold: f64,
    next: u64,
    under_way: BTreeSet<u64>,
    /// The window has reacted already to the loss of datagrams with lower numbers.
    recovery: u64,
    heard: Instant,
    arrived: u64,
}

impl Rival {
    /// Creates a transfer that begins now.
    pub(super) const fn new(now: Instant) -> Self {
        let (window, threshold) = (INITIAL, f64::INFINITY);
        Self { window, threshold, next: 0, under_way: BTreeSet::new(), recovery: 0, heard: now, arrived: 0 }
    }

    /// Returns how many bytes have arrived.
    pub(super) const fn arrived(&self) -> u64 {
        self.arrived * LEN as u64
    }

    /// Returns the next datagram, if the window allows one.
    #[allow(clippy::cast_precision_loss)] // a few hundred
    pub(super) fn poll(&mut self) -> Option<(SocketAddr, SocketAddr, Box<[u8]>)> {
        if self.under_way.len() as f64 + 1.0 > self.window {
            return None;
        }
        let mut bytes = vec![0; LEN];
        bytes[..8].copy_from_slice(&self.next.to_be_bytes());
        self.under_way.insert(self.next);
        self.next += 1;
        Some((SOURCE.into(), SINK.into(), bytes.into()))
    }

    /// Returns when [`Rival::handle_timeout`] is to be called.
    pub(super) fn poll_timeout(&self) -> Instant {
        self.heard + TIMEOUT
    }

    /// Treats everything in flight as lost if no answer has come for long (RFC 5681 3.1).
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout() <= now {
            self.threshold = (self.window / 2.0).max(2.0);
            self.window = 1.0;
            self.under_way.clear();
            self.recovery = self.next;
            self.heard = now;
        }
    }

    /// Handles a datagram that has arrived at `to`. Returns `None` if it is not of this transfer; otherwise the sink's answer,
    /// if it has arrived there.
    pub(super) fn hear(
        &mut self,
        now: Instant,
        to: SocketAddr,
        bytes: &[u8],
    ) -> Option<Option<(SocketAddr, SocketAddr)>> {
        if to == SocketAddr::from(SINK) {
            self.arrived += 1;
            return Some(Some((SINK.into(), SOURCE.into())));
        }
        if to != SocketAddr::from(SOURCE) {
            return None;
        }
        let number = u64::from_be_bytes(*bytes.first_chunk()?);
        self.heard = now;
        if self.under_way.remove(&number) && number >= self.recovery {
            self.window += if self.window < self.threshold { 1.0 } else { 1.0 / self.window };
        }
        let behind = self.under_way.split_off(&number.saturating_sub(LATER - 1));
        let lost = std::mem::replace(&mut self.under_way, behind);
        if lost.last().is_some_and(|&last| last >= self.recovery) {
            self.window = (self.window / 2.0).max(2.0);
            self.threshold = self.window;
            self.recovery = self.next;
        }
        Some(None)
    }
}
