//! `udpchat ping`
//!
//! Owns: when pings are sent, what their answers amount to, how that is shown.
//! Must not know: sockets.
//! Driven by: `cmd`.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;

use super::talk::{Known, Wanted, over, prepare};
use super::{Exit, Failure};
use crate::cli::{Ping, Target};
use crate::client::{Client, Dialect, Event, Over, Unreachable};
use crate::net::client::{ClientLoop, Driver, End, Source, Ticked};
use crate::net::state::make_key;
use crate::time::Instant;
use crate::ui::{notice, sanitize};
use crate::wire::CloseReason;
use crate::wire::packet::{PROBE, VERSION};
use crate::wire::text::JOINED;

/// The result of a run.
#[derive(Debug, Serialize)]
struct Report {
    server: String,
    /// Null if nothing answered.
    dialect: Option<&'static str>,
    /// Whether only known keys may come in, so that nothing more is known.
    closed: bool,
    version: Option<u8>,
    software: Option<String>,
    key: Option<String>,
    /// Whether the key was known before.
    known: bool,
    sent: u64,
    received: u64,
    /// `None` if none was sent.
    lost_percent: Option<f64>,
    /// In milliseconds.
    rtt_ms: Option<RoundTrips>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct RoundTrips {
    min: f64,
    median: f64,
    max: f64,
}

pub(super) fn run(args: Ping) -> Result<(), Failure> {
    let target = Target { server: args.server.without_token(), timeout: args.timeout };
    // Each run has a key of its own: a ping needs no identity.
    let key = make_key();
    let nick =
        format!("ping {}", key.public().who()).parse().map_err(|why: String| Failure::new(Exit::Failure, why))?;
    let wanted =
        Wanted { nick, stays: false, present: false, unnamed: true, instance: None, key: Some(key), server: None };
    let (config, known) = prepare(&target, args.dialects, wanted)?;
    let mut client = ClientLoop::new(config, Source { input: None, leave_at_end: false, signals: &[] })?;
    let mut ui = Pinger {
        count: args.count,
        interval: args.interval,
        timeout: args.timeout,
        json: args.json,
        known,
        dialect: None,
        sent: Vec::new(),
        answered: Vec::new(),
        next: None,
        failed: Vec::new(),
    };
    let end = client.run(&mut ui)?;
    if end == End::Over(Over::Closed(CloseReason::NotInvited)) {
        // It is up, and has proven who it is: that is what a health check asks.
        return Ok(ui.conclude_closed(client.port.client.server())?);
    }
    if ui.dialect.is_some() || ui.json {
        ui.conclude(client.port.client.server())?;
    }
    match end {
        End::Over(why) => Err(over(why, &ui.known, client.port.client.nick(), &ui.failed, args.timeout)),
        End::Interrupted if ui.answered.is_empty() => Err(Failure::silent(Exit::Interrupted)),
        End::Done | End::Quit | End::Interrupted if ui.answered.is_empty() => {
            let (server, within) = (client.port.client.server(), humantime::format_duration(args.timeout));
            Err(Failure::new(Exit::Unreachable, format!("no ping came back from {server} within {within}")))
        }
        End::Done | End::Quit | End::Interrupted => Ok(()),
    }
}

struct Pinger {
    count: u64,
    interval: Duration,
    timeout: Duration,
    json: bool,
    known: Known,
    dialect: Option<Dialect>,
    /// When each ping was sent; its stamp is its number, from 1.
    sent: Vec<Instant>,
    /// Which pings were answered, and their round-trip times.
    answered: Vec<(u64, Duration)>,
    /// When the next ping is due.
    next: Option<Instant>,
    failed: Vec<(SocketAddr, Unreachable)>,
}

impl Pinger {
    fn answer(&mut self, stamp: u64, now: Instant) {
        let sent = usize::try_from(stamp.wrapping_sub(1)).ok().and_then(|index| self.sent.get(index));
        let Some(&sent) = sent.filter(|_| self.answered.iter().all(|&(known, _)| known != stamp)) else { return };
        let round_trip = now.saturating_since(sent);
        self.answered.push((stamp, round_trip));
        if !self.json {
            self.show(format_args!("{stamp}  {}", in_ms(round_trip)));
        }
    }

    fn show(&self, what: impl std::fmt::Display) {
        #[allow(clippy::disallowed_methods)] // one short line a second
        let mut out = io::stdout().lock();
        let _ = writeln!(out, "{what}");
    }

    fn introduce(&self, client: &Client, dialect: &Dialect) {
        let server = client.server();
        match dialect {
            Dialect::Text => self.show(format_args!("{server} speaks plain text, as the original does")),
            Dialect::Session { key, software, .. } => {
                let known = if self.known.pinned().is_some() { "known" } else { "not remembered here" };
                let (software, key) = (sanitize::escaped(software), key.fingerprint());
                self.show(format_args!("{server} speaks sessions, version {VERSION}; {software}; key {key}, {known}"));
            }
        }
    }

    /// Reports a server that lets only known keys in.
    fn conclude_closed(&self, server: SocketAddr) -> io::Result<()> {
        if !self.json {
            self.show(format_args!(
                "{server} is up: it speaks sessions, version {VERSION}, and lets only known keys in"
            ));
            return Ok(());
        }
        let report = Report {
            server: server.to_string(),
            dialect: Some("session"),
            closed: true,
            version: Some(VERSION),
            software: None,
            key: None,
            known: self.known.pinned().is_some(),
            sent: 0,
            received: 0,
            lost_percent: None,
            rtt_ms: None,
        };
        self.show(String::from_utf8_lossy(&crate::ui::json::line(&report)?));
        Ok(())
    }

    fn conclude(&self, server: SocketAddr) -> io::Result<()> {
        let (sent, received) = (self.sent.len() as u64, self.answered.len() as u64);
        let mut times: Vec<_> = self.answered.iter().map(|&(_, time)| time.as_secs_f64() * 1000.0).collect();
        times.sort_by(f64::total_cmp);
        let round_trips = match (times.first(), median(&times), times.last()) {
            (Some(&min), Some(median), Some(&max)) => Some(RoundTrips { min, median, max }),
            _ => None,
        };
        #[allow(clippy::cast_precision_loss)] // a percentage
        let lost_percent = (sent > 0).then(|| (sent - received) as f64 * 100.0 / sent as f64);
        let (key, software) = match &self.dialect {
            Some(Dialect::Session { key, software, .. }) => (Some(key), Some(software.to_string())),
            Some(Dialect::Text) | None => (None, None),
        };
        let report = Report {
            server: server.to_string(),
            closed: false,
            dialect: match &self.dialect {
                Some(Dialect::Session { .. }) => Some("session"),
                Some(Dialect::Text) => Some("text"),
                None => None,
            },
            version: key.map(|_| VERSION),
            software,
            key: key.map(|key| key.fingerprint().replace(' ', "")),
            known: key.is_some() && key == self.known.pinned().as_ref(),
            sent,
            received,
            lost_percent,
            rtt_ms: round_trips,
        };
        if self.json {
            self.show(String::from_utf8_lossy(&crate::ui::json::line(&report)?));
        } else {
            let trips = report.rtt_ms.map_or_else(String::new, |RoundTrips { min, median, max }| {
                format!("; round trip {min:.2} / {median:.2} / {max:.2} ms (least / median / most)")
            });
            let lost = lost_percent.map_or_else(String::new, |lost| format!(", {lost:.0} % lost"));
            self.show(format_args!("{received} of {sent} came back{lost}{trips}"));
        }
        Ok(())
    }
}

/// Returns the median of sorted values: the mean of the two in the middle if their number is even.
fn median(sorted: &[f64]) -> Option<f64> {
    let upper = sorted.get(sorted.len() / 2)?;
    let lower = sorted.get((sorted.len() - 1) / 2)?;
    Some(f64::midpoint(*lower, *upper))
}

fn in_ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

impl Driver for Pinger {
    fn event(&mut self, now: Instant, client: &Client, event: Event) -> io::Result<()> {
        match event {
            Event::Joined(dialect) => {
                if !self.json {
                    self.introduce(client, &dialect);
                }
                self.dialect = Some(dialect);
                self.next = Some(now);
            }
            Event::Pong { stamp } => self.answer(stamp, now),
            // In text the announcement of the signup is the answer; it counts for the oldest ping without one.
            Event::Received(line) if line.trim_start_matches(PROBE) == JOINED => {
                self.answer(self.answered.len() as u64 + 1, now);
            }
            Event::Failed(address, why) => self.failed.push((address, why)),
            Event::TextIgnored => notice(format_args!("{} answers in plain text: ignored", client.server())),
            Event::Received(_)
            | Event::Entry { .. }
            | Event::Private(_)
            | Event::Contact { .. }
            | Event::NotWritten { .. }
            | Event::Found { .. }
            | Event::Page { .. }
            | Event::NoPage { .. }
            | Event::Reached { .. }
            | Event::Read { .. }
            | Event::Behind { .. }
            | Event::Gap { .. }
            | Event::Confirmed { .. }
            | Event::NotTaken { .. }
            | Event::Lost { .. }
            | Event::Renamed(_)
            | Event::Away(_)
            | Event::Back
            | Event::Quiet(_)
            | Event::AnotherLog
            | Event::Begins { .. }
            | Event::People { .. }
            | Event::NoPeople { .. }
            | Event::Here { .. }
            | Event::Held { .. }
            | Event::Barred { .. }
            | Event::Room(_)
            | Event::Records { .. }
            | Event::Over(_) => {}
        }
        Ok(())
    }

    fn tick(&mut self, now: Instant, client: &mut Client) -> Ticked {
        let Some(next) = self.next else { return Ticked::Never };
        let sent = self.sent.len() as u64;
        if sent == self.count {
            let last = self.sent.last().map_or(now, |&last| last + self.timeout);
            let is_done = self.answered.len() as u64 == sent || last <= now;
            return if is_done { Ticked::Done } else { Ticked::At(last) };
        }
        if next > now {
            return Ticked::At(next);
        }
        client.ping(now, sent + 1);
        self.sent.push(now);
        self.next = Some(now + self.interval);
        // The next call, at once, knows what to wait for.
        Ticked::At(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_two_is_their_mean() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[1.5]), Some(1.5));
        assert_eq!(median(&[1.0, 2.0]), Some(1.5));
        assert_eq!(median(&[1.0, 2.0, 9.0]), Some(2.0));
        assert_eq!(median(&[1.0, 2.0, 4.0, 9.0]), Some(3.0));
    }
}
