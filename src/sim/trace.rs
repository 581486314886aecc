//! The story of a run, line by line.
//!
//! Owns: the lines, and how a datagram is described.
//! Must not know: what happens next.
//! Driven by: `world`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hasher};
use std::time::Duration;

use super::network::Fate;
use crate::session::Transport;
use crate::time::Instant;
use crate::wire::SessionId;
use crate::wire::entry::Entry;
use crate::wire::frame::{Ack, Fetch, Found, Frame, GapReason, Outcome, PostKind, Spot, Watch, frames};
use crate::wire::packet::{self, DATAGRAM_MAX, Datagram};
use crate::wire::record::items;

/// The story; see the module.
#[derive(Debug)]
pub struct Trace {
    lines: Option<String>,
    hasher: DefaultHasher,
    /// The keys to read packets with, by the receiver's id of the session.
    keys: BTreeMap<SessionId, Transport>,
    is_closed: bool,
}

impl Trace {
    /// Creates a story; if it is not kept, only its hash is.
    pub(super) fn new(is_kept: bool) -> Self {
        Self { lines: is_kept.then(String::new), hasher: DefaultHasher::new(), keys: BTreeMap::new(), is_closed: false }
    }

    /// Returns whether lines are added now.
    pub(super) const fn is_told(&self) -> bool {
        self.lines.is_some() && !self.is_closed
    }

    /// Adds no more lines from now on.
    pub(super) const fn close(&mut self) {
        self.is_closed = true;
    }

    /// Returns the lines.
    pub fn text(&self) -> &str {
        self.lines.as_deref().unwrap_or_default()
    }

    /// Returns a number that is the same for the same story.
    pub(super) fn hash(&self) -> u64 {
        self.hasher.finish()
    }

    /// Adds a line about an event.
    pub(super) fn tell(&mut self, now: Instant, who: &str, what: impl FnOnce() -> String) {
        if let Some(lines) = self.lines.as_mut().filter(|_| !self.is_closed) {
            let _ = writeln!(lines, "{} {who:<9} {}", time(now), what());
        }
    }

    /// Takes the keys of the end that has this id for the session, so that packets to it can be described.
    pub(super) fn take_keys(&mut self, session: SessionId, keys: Transport) {
        self.keys.insert(session, keys);
    }

    /// Adds a datagram that was sent, and its fate.
    pub(super) fn sent(&mut self, now: Instant, from: &str, to: &str, bytes: &[u8], fate: Fate) {
        self.hasher.write_u128(now.saturating_since(Instant::ZERO).as_nanos());
        self.hasher.write(bytes);
        let what = if self.is_told() { describe(bytes, &self.keys) } else { String::new() };
        self.tell(now, from, || {
            let fate = match fate {
                Fate::Comes(1) => String::new(),
                Fate::Comes(copies) => format!("  [comes {copies} times]"),
                Fate::Lost => "  [lost]".into(),
                Fate::Cut => "  [lost: the way is cut]".into(),
                Fate::Overflowed => "  [lost: the queue is full]".into(),
            };
            format!("-> {to:<9} {what}{fate}")
        });
    }
}

/// Returns the seconds since the beginning.
fn time(now: Instant) -> String {
    let since: Duration = now.saturating_since(Instant::ZERO);
    format!("{:>4}.{:06}", since.as_secs(), since.subsec_micros())
}

fn describe(bytes: &[u8], keys: &BTreeMap<SessionId, Transport>) -> String {
    if let Some(token) = packet::token(bytes) {
        return format!("token {}", String::from_utf8_lossy(&token[1..]));
    }
    if !packet::is_session(bytes) {
        let text = String::from_utf8_lossy(bytes);
        return match text.strip_suffix(packet::PROBE) {
            Some(signup) => format!("probe {signup:?}"),
            None => format!("text {text:?}"),
        };
    }
    let len = bytes.len();
    match packet::parse(bytes) {
        Some(Datagram::Hello { .. }) => format!("hello, {len} B"),
        Some(Datagram::Answer { .. }) => format!("answer, {len} B"),
        Some(Datagram::Finish { .. }) => format!("finish, {len} B"),
        Some(Datagram::Packet { receiver, number, sealed }) => {
            let mut plain = [0; DATAGRAM_MAX];
            let plain = keys.get(&receiver).and_then(|keys| keys.open(number, sealed, &mut plain));
            let inside = plain.map(inside).unwrap_or_default();
            format!("packet {number}, {len} B: {inside}")
        }
        Some(Datagram::Knock) => "knock".into(),
        Some(Datagram::Unknown { number, .. }) => format!("unknown session, of packet {number}"),
        Some(Datagram::OtherVersion { version, .. }) => format!("only version {version} is spoken"),
        None => format!("garbage, {len} B"),
    }
}

fn inside(plain: &[u8]) -> String {
    let told: Vec<_> = frames(plain).flatten().map(|frame| frame_in_words(&frame)).collect();
    told.join(", ")
}

fn frame_in_words(frame: &Frame<'_>) -> String {
    match frame {
        Frame::Ack(ack) => format!("ack {}", ack_in_words(ack)),
        Frame::Ping { .. } => "ping".into(),
        Frame::Pong { .. } => "pong".into(),
        Frame::Challenge(_) => "path challenge".into(),
        Frame::Response(_) => "path response".into(),
        Frame::Bye(why) => format!("bye ({why})"),
        Frame::Welcome { welcome, .. } => format!("welcome, from {} on", welcome.start.0),
        Frame::Entries(entries) => {
            let all: Vec<_> = entries.iter().flatten().collect();
            let last = entries.first.0 + (all.len() as u64).saturating_sub(1);
            if all.len() == 1 {
                format!("entry {last}{}", all[0].first().map_or(String::new(), |_| entry_in_words(all[0])))
            } else {
                format!("entries {} to {last}", entries.first.0)
            }
        }
        Frame::Gap { first, count, why } => {
            let why = match why {
                GapReason::Unreadable => ", unreadable",
                GapReason::Joined | GapReason::Left | GapReason::CameAndWent => ", who joined or left",
                GapReason::Void => ", without effect",
                GapReason::Skipped => ", skipped",
                GapReason::Gone | GapReason::Other(_) => "",
            };
            format!("gap of {count} at {}{why}", first.0)
        }
        Frame::Have(have) if have.held.is_empty() => format!("have all before {}", have.next.0),
        Frame::Have(have) => {
            let held: Vec<_> = have.held().map(|(from, to)| format!("{}..{}", from.0, to.0)).collect();
            format!("have all before {} and {}", have.next.0, held.join(" "))
        }
        Frame::Post { counter, body, kind: PostKind::Private, .. } => {
            format!("post {counter} Private, {} bytes", body.len())
        }
        Frame::Post { counter, body, kind: PostKind::Say, .. } => format!("post {counter} {:?}", short(&text_of(body))),
        Frame::Post { counter, body, kind, .. } => format!("post {counter} {kind:?} {:?}", short(&text_of(body))),
        Frame::Find { name } => format!("find {:?}", short(name)),
        Frame::Found(Found { whom, nick, .. }) => format!("found {whom:?} {:?}", short(nick)),
        Frame::Fetch(Fetch { spot: Spot::Before(seq), count, .. }) => format!("fetch {count} before {}", seq.0),
        Frame::Fetch(Fetch { spot: Spot::Around(seq), count, .. }) => format!("fetch {count} around {}", seq.0),
        Frame::End { end } => format!("the end is {}", end.0),
        Frame::Skip { to } => format!("skip to {}", to.0),
        Frame::Read { before } => format!("read up to {}", before.0),
        Frame::Watch(Watch { seq, what }) => format!("who has {}? {what:?}", seq.0),
        Frame::Received(receipt) => format!("{} of {} have {}", receipt.count, receipt.of, receipt.seq.0),
        Frame::Page(page) => format!("page {}..{}", page.from.0, page.to.0),
        Frame::Ask { .. } => "who is here?".into(),
        Frame::Barred(_) => "who has to stay out".into(),
        Frame::List { .. } => "who may do what?".into(),
        Frame::Listed { items: list, .. } => format!("{} records", items(list).count()),
        Frame::Held(held) => format!("{:?} is held", short(held.nick)),
        Frame::People(people) => format!("{} are here", people.iter().count()),
        Frame::Settled { counter, outcome: Outcome::Accepted(seq) } => format!("post {counter} is entry {}", seq.0),
        Frame::Settled { counter, outcome: Outcome::Refused(why) } => format!("post {counter} is refused: {why}"),
    }
}

fn ack_in_words(ack: &Ack) -> String {
    let ranges: Vec<_> =
        ack.received().map(|(low, high)| if low == high { low.to_string() } else { format!("{low}-{high}") }).collect();
    ranges.join(" ")
}

fn entry_in_words(encoded: &[u8]) -> String {
    let mut line = String::new();
    if let Some(entry) = Entry::decode(encoded) {
        entry.render(&mut line);
    }
    format!(" {:?}", short(&line))
}

/// Returns as much of a text as fits a line.
fn text_of(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

fn short(text: &str) -> String {
    let mut short: String = text.chars().take(24).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
