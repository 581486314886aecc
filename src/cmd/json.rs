//! `join --json`: events, one JSON object a line (docs/JSON.md).
//!
//! Owns: the form of the objects. New fields and new objects may be added; none is ever removed.
//! Must not know: when something happens.
//! Driven by: `cmd::join`, `cmd::history`.

use std::borrow::Cow;

use serde::Serialize;

use crate::client::{Away, Dialect, Event, Private, Room, Said, Trust, Unreachable};
use crate::net::people::Ignored;
use crate::ui::{orders, when};
use crate::wire::entry::{Act, Entry};
use crate::wire::frame::{GapReason, PersonId, PostKind};
use crate::wire::record::Role;
use crate::wire::{CloseReason, Timestamp, Who};

/// An event, as an object.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(super) enum Told<'a> {
    Joined { server: String, dialect: &'static str, nick: &'a str, key: Option<String>, software: Option<&'a str> },
    Replay { count: u64, resumed: bool },
    Now,
    Line(Line<'a>),
    Gap { first: u64, count: u64, why: &'static str },
    Confirmed { seq: Option<u64> },
    Contact { nick: &'a str, key: String },
    Ignored { people: Vec<Person<'a>> },
    Refused { text: Cow<'a, str>, why: String },
    Lost { text: &'a str },
    Renamed { nick: &'a str },
    Read { before: u64 },
    Behind { count: u64 },
    Quiet { seconds: u64 },
    Away { why: String },
    Back,
    NewRoom,
    TextIgnored,
    People { people: Vec<Person<'a>>, more: bool },
    Held { nick: &'a str, who: String, since: Option<String> },
    Barred { until: Option<String>, by: &'a str, why: &'a str },
    Invitation { link: String },
    Room { role: &'static str, closed: bool, topic: &'a str },
    Unreachable { address: String, why: &'static str },
    Wrong { why: &'a str },
}

/// An entry or a line of the room.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    seq: Option<u64>,
    time: Option<String>,
    kind: &'static str,
    verified: bool,
    who: Option<String>,
    nick: Option<&'a str>,
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    whom: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trust: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<u64>,
}

/// A person who is here.
#[derive(Debug, Serialize)]
pub(super) struct Person<'a> {
    nick: &'a str,
    who: Option<String>,
    verified: bool,
}

impl<'a> Told<'a> {
    /// Returns the object for those whom the user ignores.
    pub(super) fn ignored(ignored: &'a Ignored) -> Self {
        let person = |(who, nick): (&Who, &'a String)| Person { nick, who: Some(who.to_string()), verified: true };
        Self::Ignored { people: ignored.iter().map(person).collect() }
    }

    /// Returns the object for an event; some events have none.
    pub(super) fn of(event: &'a Event, server: std::net::SocketAddr, nick: &'a str) -> Option<Self> {
        Some(match event {
            Event::Joined(Dialect::Text) => {
                Self::Joined { server: server.to_string(), dialect: "text", nick, key: None, software: None }
            }
            Event::Joined(Dialect::Session { key, software }) => {
                let key = Some(key.fingerprint().replace(' ', ""));
                Self::Joined { server: server.to_string(), dialect: "session", nick, key, software: Some(software) }
            }
            Event::Received(text) => Self::Line(Line { text: Some(text), ..Line::of_kind(None, "text") }),
            Event::Entry { seq, encoded } => Self::Line(line(seq.0, encoded)?),
            Event::Private(private) => Self::Line(of_private(private)),
            Event::Contact { nick, key } => Self::Contact { nick, key: key.fingerprint().replace(' ', "") },
            Event::Begins { count, resumed, .. } if *count > 0 => Self::Replay { count: *count, resumed: *resumed },
            Event::Gap { first, count, why } => Self::Gap { first: first.0, count: *count, why: gap(*why)? },
            Event::Confirmed { seq, .. } => Self::Confirmed { seq: seq.map(|seq| seq.0) },
            Event::NotTaken { kind: PostKind::Order, line, why, .. } => {
                Self::Refused { text: orders::describe(line).into(), why: why.to_string() }
            }
            Event::NotTaken { line, why, .. } => Self::Refused { text: line.into(), why: why.to_string() },
            Event::Lost { line, .. } => Self::Lost { text: line },
            Event::Behind { count } => Self::Behind { count: *count },
            Event::Read { before } => Self::Read { before: before.0 },
            Event::Renamed(nick) => Self::Renamed { nick: nick.as_str() },
            Event::Quiet(since) => Self::Quiet { seconds: since.as_secs() },
            Event::Away(Away::Silent) => Self::Away { why: CloseReason::TimedOut.to_string() },
            Event::Away(Away::Closed(why)) => Self::Away { why: why.to_string() },
            Event::Away(Away::Unreachable(why)) => Self::Away { why: word(*why).into() },
            Event::Back => Self::Back,
            Event::AnotherLog => Self::NewRoom,
            Event::TextIgnored => Self::TextIgnored,
            Event::People { people, more } => {
                Self::People { people: people.iter().map(|(id, nick)| person(*id, nick)).collect(), more: *more }
            }
            Event::Held { nick, who, since } => {
                let since = Some(*since).filter(|&since| since != Timestamp::default()).map(when::in_utc);
                Self::Held { nick, who: who.to_string(), since }
            }
            Event::Barred { until, by, why } => {
                let until = (*until != Timestamp::NEVER).then(|| when::in_utc(*until));
                Self::Barred { until, by, why }
            }
            // Most rooms have nothing to tell.
            Event::Room(Room { role: Role::Stranger | Role::Member, is_closed: false, topic, .. })
                if topic.is_empty() =>
            {
                return None;
            }
            Event::Room(room) => Self::Room { role: room.role.name(), closed: room.is_closed, topic: &room.topic },
            Event::Failed(address, why) => Self::Unreachable { address: address.to_string(), why: word(*why) },
            Event::Here { .. }
            | Event::Records { .. }
            | Event::Begins { .. }
            | Event::Pong { .. }
            | Event::NoPeople { .. }
            | Event::NotWritten { .. }
            | Event::Found { .. }
            | Event::Page { .. }
            | Event::NoPage { .. }
            | Event::Reached { .. }
            | Event::Over(_) => return None,
        })
    }
}

/// Returns the word for why entries will not come, if that is anybody's business.
const fn gap(why: GapReason) -> Option<&'static str> {
    Some(match why {
        GapReason::Gone => "gone",
        GapReason::Unreadable => "unreadable",
        GapReason::Joined => "joined",
        GapReason::Left => "left",
        GapReason::CameAndWent => "came-and-went",
        GapReason::Void => return None,
        GapReason::Skipped => "skipped",
        GapReason::Other(_) => "not-sent",
    })
}

impl<'a> Line<'a> {
    const fn of_kind(seq: Option<u64>, kind: &'static str) -> Self {
        Self {
            seq,
            time: None,
            kind,
            verified: false,
            who: None,
            nick: None,
            text: None,
            to: None,
            of: None,
            whom: None,
            until: None,
            why: None,
            act: None,
            trust: None,
            missing: None,
        }
    }
}

/// Returns the object for a private message.
pub(super) fn of_private(private: &Private) -> Line<'_> {
    let Private { seq, at, who, nick, to, of, said, trust, .. } = private;
    let head = Line {
        time: Some(when::in_utc(*at)),
        verified: !matches!(said, Said::Unreadable),
        who: Some(who.to_string()),
        nick: Some(nick),
        to: Some(of),
        whom: Some(to.to_string()),
        ..Line::of_kind(Some(seq.0), "private")
    };
    let why = |why: &str| Some(why.to_owned());
    match said {
        Said::Text { text, is_act, missing } => {
            let trust = match trust {
                Trust::Known => "known",
                Trust::New => "new",
                Trust::Changed(_) => "changed",
            };
            let missing = Some(*missing).filter(|&missing| missing > 0);
            Line { text: Some(text), act: Some(*is_act), trust: Some(trust), missing, ..head }
        }
        Said::Own(Some((text, is_act))) => Line { text: Some(text), act: Some(*is_act), ..head },
        Said::Own(None) => Line { why: why("elsewhere"), ..head },
        Said::Repeated => Line { why: why("repeated"), ..head },
        Said::Unreadable => Line { why: why("unreadable"), ..head },
    }
}

/// Returns the object for an entry; `None` if this program does not know the entry's variant.
pub(super) fn line(seq: u64, encoded: &[u8]) -> Option<Line<'_>> {
    let (entry, at) = Entry::decode_with_time(encoded)?;
    let of = |kind| Line { time: at.map(when::in_utc), ..Line::of_kind(Some(seq), kind) };
    let by = |kind, who: Who, nick| Line { verified: true, who: Some(who.to_string()), nick, ..of(kind) };
    Some(match entry {
        Entry::Line { text } => Line { text: Some(text), ..of("text") },
        Entry::Said { who, nick, text } => Line { text: Some(text), ..by("said", who, Some(nick)) },
        Entry::Did { who, nick, text } => Line { text: Some(text), ..by("did", who, Some(nick)) },
        Entry::Joined { who, nick } => by("joined", who, Some(nick)),
        Entry::Left { who, nick, why } => Line { why: Some(why.to_string()), ..by("left", who, Some(nick)) },
        Entry::Renamed { who, nick, to } => Line { to: Some(to), ..by("renamed", who, Some(nick)) },
        Entry::Private { who, to, nick, of, .. } => {
            Line { to: Some(of), whom: Some(to.to_string()), ..by("private", who, Some(nick)) }
        }
        Entry::Acted { act: Act::Other(_), .. } => return None,
        Entry::Acted { who, nick, act: Act::Topic, why, .. } => {
            Line { text: Some(why), ..by(Act::Topic.word(), who, nick_of(nick)) }
        }
        Entry::Acted { who, nick, act, whom, of, until, why } => Line {
            of: nick_of(of),
            whom: (whom != Who::SERVER && act != Act::Release).then(|| whom.to_string()),
            until: (until != Timestamp::default()).then(|| when::in_utc(until)),
            why: nick_of(why).map(str::to_owned),
            ..by(act.word(), who, nick_of(nick))
        },
    })
}

/// Returns what there is; the owner and the server have no nick.
fn nick_of(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn person(id: PersonId, nick: &str) -> Person<'_> {
    match id {
        PersonId::Key(who) => Person { nick, who: Some(who.to_string()), verified: true },
        PersonId::Text(_) | PersonId::Other(_) => Person { nick, who: None, verified: false },
    }
}

const fn word(why: Unreachable) -> &'static str {
    match why {
        Unreachable::Refused => "refused",
        Unreachable::NoRoute => "no-route",
        Unreachable::NoAnswer => "no-answer",
        Unreachable::NoHandshake => "no-handshake",
        Unreachable::NewTokens => "new-tokens",
        Unreachable::Ended(_) => "ended",
        Unreachable::TooLong => "mtu",
        Unreachable::OnlyText => "only-text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::json;
    use crate::wire::entry::ENTRY_MAX;
    use crate::wire::{CloseReason, Seq, Timestamp, Who};

    fn json(entry: &Entry<'_>) -> String {
        let mut encoded = [0; ENTRY_MAX];
        let len = entry.encode(Timestamp(1_795_392_000_007), &mut encoded).unwrap();
        let event = Event::Entry { seq: Seq(7), encoded: encoded[..len].into() };
        String::from_utf8(json::line(&Told::of(&event, ([127, 0, 0, 1], 1).into(), "jill").unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn every_entry_has_the_form_that_the_document_says() {
        let (who, nick) = (Who([0xab; 8]), "jill");
        let head = |kind: &str| {
            format!(
                r#"{{"event":"line","seq":7,"time":"2026-11-23T00:00:00.007Z","kind":"{kind}","verified":true,"who":"abababababababab","nick":"jill","#
            )
        };
        assert_eq!(json(&Entry::Said { who, nick, text: "a\"b\u{1b}" }), head("said") + r#""text":"a\"b\u001b"}"#);
        assert_eq!(json(&Entry::Did { who, nick, text: "waves" }), head("did") + r#""text":"waves"}"#);
        assert_eq!(json(&Entry::Joined { who, nick }), head("joined") + r#""text":null}"#);
        let left = Entry::Left { who, nick, why: CloseReason::TimedOut };
        assert_eq!(json(&left), head("left") + r#""text":null,"why":"timed out"}"#);
        assert_eq!(json(&Entry::Renamed { who, nick, to: "jane" }), head("renamed") + r#""text":null,"to":"jane"}"#);
        let line = r#"{"event":"line","seq":7,"time":"2026-11-23T00:00:00.007Z","kind":"text","verified":false,"who":null,"nick":null,"text":"al: hi"}"#;
        assert_eq!(json(&Entry::Line { text: "al: hi" }), line);
    }
}
