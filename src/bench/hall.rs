//! Measurements of a crowd that joins all at once, and comes back after a restart of the server.
//!
//! Owns: the talkers' messages meanwhile and their latencies, the result ([`Hall`]) and its text.
//! Must not know: sockets, clocks.
//! Driven by: `net::hall`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::time::Instant;

/// The longest latency that the histograms distinguish, in microseconds: an hour.
const LATE_MAX_US: u64 = 3_600_000_000;

/// The messages sent while members joined.
#[derive(Debug)]
pub struct Talk {
    /// When each message was due.
    due: Vec<Instant>,
    first: u64,
    open: BTreeMap<(usize, u64), u64>,
    settled: Histogram<u64>,
    copies: Histogram<u64>,
    /// The numbers of the messages that the first member has been shown.
    shown: BTreeSet<u64>,
    doubled: u64,
}

impl Default for Talk {
    fn default() -> Self {
        let histogram = || Histogram::new_with_max(LATE_MAX_US, 3).expect("three digits are few");
        Self {
            due: Vec::new(),
            first: 0,
            open: BTreeMap::new(),
            settled: histogram(),
            copies: histogram(),
            shown: BTreeSet::new(),
            doubled: 0,
        }
    }
}

impl Talk {
    /// Adds a message that was due at `due`; returns its number.
    pub fn say(&mut self, due: Instant) -> u64 {
        self.due.push(due);
        self.due.len() as u64 - 1
    }

    /// Notes that `member` posted the message `number` with the counter `post`.
    pub fn posted(&mut self, member: usize, post: u64, number: u64) {
        self.open.insert((member, post), number);
    }

    /// Notes that `member` knows that its post is in the log.
    pub fn settled(&mut self, now: Instant, member: usize, post: u64) {
        if let Some(late) = self.open.remove(&(member, post)).and_then(|number| self.late(now, number)) {
            self.settled.saturating_record(late);
        }
    }

    /// Notes that `member` was shown the message.
    pub fn heard(&mut self, now: Instant, member: usize, number: u64) {
        if let Some(late) = self.late(now, number) {
            self.copies.saturating_record(late);
        }
        self.doubled += u64::from(member == 0 && !self.shown.insert(number));
    }

    /// Returns the measurements since the last call.
    #[allow(clippy::cast_precision_loss)] // microseconds of some minutes
    pub fn take(&mut self) -> Said {
        let millis = |histogram: &Histogram<u64>, quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0;
        // The messages of the last second may be in flight.
        let until = (self.due.len() as u64).saturating_sub(40);
        let lost = (self.first..until).filter(|number| !self.shown.contains(number)).count() as u64;
        let said = Said {
            settled_p50_ms: millis(&self.settled, 0.5),
            settled_p99_ms: millis(&self.settled, 0.99),
            settled_max_ms: millis(&self.settled, 1.0),
            copies: self.copies.len(),
            copies_p50_ms: millis(&self.copies, 0.5),
            copies_p99_ms: millis(&self.copies, 0.99),
            lost,
            doubled: std::mem::take(&mut self.doubled),
        };
        self.first = until;
        self.settled.clear();
        self.copies.clear();
        said
    }

    fn late(&self, now: Instant, number: u64) -> Option<u64> {
        let due = *self.due.get(usize::try_from(number).ok()?)?;
        u64::try_from(now.saturating_since(due).as_micros()).ok()
    }
}

/// Outcome and latencies of the messages.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Said {
    /// From when a message was due until its author knew that it was in the log; the median.
    pub settled_p50_ms: f64,
    /// The 99th percentile.
    pub settled_p99_ms: f64,
    /// The longest.
    pub settled_max_ms: f64,
    /// Copies shown, over all members.
    pub copies: u64,
    /// From when a message was due until a member was shown it; the median.
    pub copies_p50_ms: f64,
    /// The 99th percentile.
    pub copies_p99_ms: f64,
    /// Messages that the first member was not shown.
    pub lost: u64,
    /// Messages that the first member was shown again.
    pub doubled: u64,
}

/// Result for a crowd that joined all at once.
#[derive(Clone, Debug, Serialize)]
pub struct Hall {
    /// Number of members.
    pub members: usize,
    /// From when the first member began until the last one had its session.
    pub all_in_ms: f64,
    /// The messages sent meanwhile, and for two more seconds.
    pub talk: Said,
    /// Single `joined` and `left` that members were shown, counted for each member.
    pub announcements: u64,
    /// Announcements of several members at once, counted likewise.
    pub batches: u64,
    /// The server's CPU time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_cpu_ms: Option<f64>,
    /// The server's largest resident memory so far, in KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_peak_memory_kib: Option<u64>,
    /// Result for its return, if the server was restarted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub back: Option<Back>,
}

/// Result for a crowd that came back after a restart of the server.
#[derive(Clone, Debug, Serialize)]
pub struct Back {
    /// From the end of the command that restarted the server until the last member had its session.
    pub all_back_ms: f64,
    /// The same, until the talkers had theirs.
    pub talkers_back_ms: f64,
    /// Members shown to the first one as having left or joined, although nobody had left.
    pub falsely_announced: u64,
    /// The messages sent since before the restart, until two seconds after the return.
    pub talk: Said,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            settled_p50_ms,
            settled_p99_ms,
            settled_max_ms,
            copies,
            copies_p50_ms,
            copies_p99_ms,
            lost,
            doubled,
        } = self;
        writeln!(
            f,
            "  settled      p50 {settled_p50_ms:.1} ms, p99 {settled_p99_ms:.1} ms, max {settled_max_ms:.1} ms"
        )?;
        writeln!(f, "  copies       {copies}, p50 {copies_p50_ms:.1} ms, p99 {copies_p99_ms:.1} ms")?;
        write!(f, "  at the first {lost} lost, {doubled} doubled")
    }
}

impl fmt::Display for Hall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "members        {}, all in after {:.1} ms; two of them talked, 40 messages a second",
            self.members, self.all_in_ms
        )?;
        writeln!(f, "{}", self.talk)?;
        write!(f, "announcements  {} single, {} batched", self.announcements, self.batches)?;
        if let Some(cpu) = self.server_cpu_ms {
            write!(f, "\nserver CPU     {cpu:.0} ms")?;
        }
        if let Some(kib) = self.server_peak_memory_kib {
            write!(f, "\nserver memory  {kib} KiB at most")?;
        }
        if let Some(back) = &self.back {
            write!(
                f,
                "\nback           all after {:.1} ms, who talked after {:.1} ms, {} falsely announced\n{}",
                back.all_back_ms, back.talkers_back_ms, back.falsely_announced, back.talk
            )?;
        }
        Ok(())
    }
}
