//! `join --json`: events, one JSON object a line (docs/JSON.md).
//!
//! Owns: the form of the objects. New fields and new objects may be added; none is ever removed.
//! Must not know: when something happens.
//! Driven by: `cmd::join`, `cmd::history`.

pub(super) mod codes;
#[cfg(feature = "web")]
pub(super) mod joining;
pub(super) mod line;
pub(super) mod objects;

use std::borrow::Cow;
use std::net::SocketAddr;

use serde::Serialize;

use crate::client::presence::{Change, News};
use crate::client::{Away, Client, Dialect, Event, NoPage, Person, Room, Unknown};
#[cfg(feature = "web")]
use crate::net::kept::Kept;
use crate::net::people::Ignored;
use crate::session::PublicKey;
use crate::ui::{orders, room, when};
use crate::wire::frame::{PersonId, PostKind, Watched};
use crate::wire::record::Role;
use crate::wire::{CloseReason, Fingerprint, Timestamp, Who, hex};
use line::{Line, of_private};

/// An event, as an object. `label` is what the program calls what it is about.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(super) enum Told<'a> {
    Joined(Box<Joined<'a>>),
    Replay {
        count: u64,
        resumed: bool,
    },
    Now,
    Line(Box<Line<'a>>),
    Gap {
        first: u64,
        count: u64,
        why: &'static str,
        words: String,
    },
    Page(Page<'a>),
    NoPage {
        code: &'static str,
        why: &'static str,
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        label: Option<&'a str>,
    },
    Posted {
        parts: usize,
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        label: Option<&'a str>,
    },
    Confirmed {
        seq: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        post: Option<u64>,
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        label: Option<&'a str>,
    },
    Refused {
        text: Cow<'a, str>,
        why: String,
        code: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        post: Option<u64>,
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        label: Option<&'a str>,
    },
    Lost {
        text: &'a str,
        why: &'static str,
        code: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        post: Option<u64>,
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        label: Option<&'a str>,
    },
    Wrong {
        why: &'a str,
        code: &'static str,
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        label: Option<&'a str>,
    },
    Received {
        seq: u64,
        count: Option<u64>,
        of: Option<u64>,
        by: Vec<String>,
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        label: Option<&'a str>,
    },
    Contact {
        nick: &'a str,
        key: String,
    },
    Ignored {
        people: Vec<Here<'a>>,
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        label: Option<&'a str>,
    },
    Renamed {
        nick: &'a str,
    },
    Read {
        before: u64,
    },
    Behind {
        count: u64,
    },
    Quiet {
        seconds: u64,
    },
    Away {
        why: String,
        code: &'static str,
    },
    Back,
    NewRoom,
    TextIgnored,
    People {
        people: Vec<Here<'a>>,
        more: bool,
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        label: Option<&'a str>,
    },
    Came(Here<'a>),
    Went {
        #[serde(flatten)]
        person: Here<'a>,
        why: String,
        code: &'static str,
    },
    Called {
        #[serde(flatten)]
        person: Here<'a>,
        to: &'a str,
    },
    Held {
        nick: &'a str,
        who: String,
        since: Option<String>,
    },
    Barred {
        until: Option<String>,
        by: &'a str,
        why: &'a str,
    },
    Invitation {
        link: String,
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        label: Option<&'a str>,
    },
    Room {
        role: &'static str,
        closed: bool,
        topic: &'a str,
    },
    Unreachable {
        address: String,
        why: &'static str,
    },
    /// Something that the program is to keep until it has an outcome.
    #[cfg(feature = "web")]
    Store(&'a Kept),
    /// Something to be shown to a person.
    #[cfg(feature = "web")]
    Notice {
        text: &'a str,
    },
    End {
        exit: u8,
        why: Option<&'a str>,
        code: Option<&'static str>,
    },
}

/// The user is in the room.
#[derive(Debug, Serialize)]
pub(super) struct Joined<'a> {
    server: String,
    dialect: &'static str,
    nick: &'a str,
    key: Option<String>,
    known: Option<bool>,
    software: Option<&'a str>,
    own_key: Option<String>,
    log: Option<String>,
    first: Option<u64>,
    last: Option<u64>,
}

/// Earlier entries.
#[derive(Debug, Serialize)]
pub(super) struct Page<'a> {
    first: u64,
    count: u64,
    oldest: u64,
    entries: Vec<Told<'a>>,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
}

/// Somebody who is here.
#[derive(Debug, Serialize)]
pub(super) struct Here<'a> {
    nick: &'a str,
    who: Option<String>,
    key: Option<String>,
    verified: bool,
}

impl<'a> Here<'a> {
    fn of_key(nick: &'a str, who: Who, print: Option<Fingerprint>) -> Self {
        Self { nick, who: Some(who.to_string()), key: print.map(|print| print.to_string()), verified: true }
    }
}

impl<'a> From<&'a Person> for Here<'a> {
    fn from(Person { id, nick, print }: &'a Person) -> Self {
        match id {
            PersonId::Key(who) => Self::of_key(nick, *who, *print),
            PersonId::Text(_) | PersonId::Other(_) => Self { nick, who: None, key: None, verified: false },
        }
    }
}

/// What an object says beside what its event does.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) server: SocketAddr,
    pub(super) nick: &'a str,
    /// The user's key.
    pub(super) own: Option<PublicKey>,
    /// Whether the server's key was known before.
    pub(super) knows_server: bool,
    /// Whether the program stores what it posts, and so has to know the counters.
    pub(super) keeps: bool,
    /// What the program calls the question that the event answers.
    pub(super) label: Option<&'a str>,
}

impl<'a> Scene<'a> {
    pub(super) fn of(client: &'a Client, own: Option<PublicKey>) -> Self {
        let nick = client.nick().as_str();
        Self { server: client.server(), nick, own, knows_server: true, keeps: false, label: None }
    }
}

impl<'a> Told<'a> {
    /// Returns the object for those whom the user ignores.
    pub(super) fn ignored(ignored: &'a Ignored, label: Option<&'a str>) -> Self {
        let person = |(who, nick): (&Who, &'a String)| Here::of_key(nick, *who, None);
        Self::Ignored { people: ignored.iter().map(person).collect(), label }
    }

    /// Returns whether nothing holds such objects back: the text dialect knows no end of them.
    pub(super) const fn is_unstoppable(&self) -> bool {
        matches!(self, Self::Line(line) if line.is_without_number())
    }

    /// Returns the object for a change of who is here.
    pub(super) fn changed(Change { who, print, news }: &'a Change) -> Self {
        match news {
            News::Came { nick } => Self::Came(Here::of_key(nick, *who, *print)),
            News::Went { nick, why } => {
                Self::Went { person: Here::of_key(nick, *who, *print), why: why.to_string(), code: codes::closed(*why) }
            }
            News::Renamed { nick, to } => Self::Called { person: Here::of_key(nick, *who, *print), to },
        }
    }

    /// Returns the object for the outcome of something that was posted.
    fn outcome(event: &'a Event, scene: Scene<'a>) -> Option<Self> {
        let post = event.settles().filter(|_| scene.keeps);
        if let Event::Confirmed { seq, label, .. } = event {
            return Some(Self::Confirmed { seq: seq.map(|seq| seq.0), post, label: label.as_deref() });
        }
        if let Event::NotTaken { kind, line, why, label, .. } = event {
            let text = if *kind == PostKind::Order { orders::describe(line).into() } else { line.into() };
            let (why, code) = (why.to_string(), codes::refusal(*why));
            return Some(Self::Refused { text, why, code, post, label: label.as_deref() });
        }
        let Event::Lost { line, why, label, .. } = event else { return None };
        let (why, code) = (unknown(*why), codes::unknown(*why));
        Some(Self::Lost { text: line, why, code, post, label: label.as_deref() })
    }

    /// Returns the object for an event; some events have none.
    pub(super) fn of(event: &'a Event, scene: Scene<'a>) -> Option<Self> {
        let asked = scene.label;
        Some(match event {
            Event::Joined(dialect) => Self::Joined(Box::new(joined(dialect, scene))),
            Event::Received(text) => Self::Line(Box::new(Line::text(text))),
            Event::Entry { seq, encoded } => Self::Line(Box::new(line::line(seq.0, encoded)?)),
            Event::Private(private) => Self::Line(Box::new(of_private(private))),
            Event::Contact { nick, key } => Self::Contact { nick, key: key.print().to_string() },
            Event::Begins { count, resumed, .. } if *count > 0 => Self::Replay { count: *count, resumed: *resumed },
            Event::Gap { first, count, why } => {
                let words = room::gap(*count, *why)?;
                Self::Gap { first: first.0, count: *count, why: codes::gap(*why)?, words }
            }
            Event::Page { from, to, oldest, entries, .. } => Self::Page(Page {
                first: from.0,
                count: to.since(*from),
                oldest: oldest.0,
                entries: entries.iter().filter_map(|entry| Self::of(entry, scene)).collect(),
                label: asked,
            }),
            Event::NoPage { why, .. } => Self::NoPage { code: codes::no_page(*why), why: no_page(*why), label: asked },
            Event::Confirmed { .. } | Event::NotTaken { .. } | Event::Lost { .. } => {
                return Self::outcome(event, scene);
            }
            Event::Reached { seq, what, count, of, by } => {
                let is_known = *what != Watched::Nothing;
                let (count, of) = (is_known.then_some(*count), is_known.then_some(*of));
                Self::Received { seq: seq.0, count, of, by: by.iter().map(Who::to_string).collect(), label: asked }
            }
            Event::Behind { count } => Self::Behind { count: *count },
            Event::Read { before } => Self::Read { before: before.0 },
            Event::Renamed(nick) => Self::Renamed { nick: nick.as_str() },
            Event::Quiet(since) => Self::Quiet { seconds: since.as_secs() },
            Event::Away(why) => away(*why),
            Event::Back => Self::Back,
            Event::AnotherLog => Self::NewRoom,
            Event::TextIgnored => Self::TextIgnored,
            Event::People { people, more } => {
                Self::People { people: people.iter().map(Here::from).collect(), more: *more, label: asked }
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
            Event::Failed(address, why) => {
                Self::Unreachable { address: address.to_string(), why: codes::unreachable(*why) }
            }
            Event::Here { .. }
            | Event::Records { .. }
            | Event::Begins { .. }
            | Event::Pong { .. }
            | Event::NoPeople { .. }
            | Event::NotWritten { .. }
            | Event::Found { .. }
            | Event::Over(_) => return None,
        })
    }
}

fn joined<'a>(dialect: &'a Dialect, Scene { server, nick, own, knows_server, .. }: Scene<'a>) -> Joined<'a> {
    let server = server.to_string();
    match dialect {
        Dialect::Text => Joined {
            server,
            dialect: "text",
            nick,
            key: None,
            known: None,
            software: None,
            own_key: None,
            log: None,
            first: None,
            last: None,
        },
        Dialect::Session { key, software, log, from, to } => Joined {
            server,
            dialect: "session",
            nick,
            key: Some(key.print().to_string()),
            known: Some(knows_server),
            software: Some(software),
            own_key: own.map(|own| own.print().to_string()),
            log: Some(hex(&log.0)),
            first: Some(from.0),
            last: to.0.checked_sub(1),
        },
    }
}

fn away(why: Away) -> Told<'static> {
    match why {
        Away::Silent => {
            Told::Away { why: CloseReason::TimedOut.to_string(), code: codes::closed(CloseReason::TimedOut) }
        }
        Away::Closed(why) => Told::Away { why: why.to_string(), code: codes::closed(why) },
        Away::Unreachable(why) => Told::Away { why: codes::unreachable(why).into(), code: codes::unreachable(why) },
    }
}

const fn unknown(why: Unknown) -> &'static str {
    match why {
        Unknown::Forgotten => "the server has another log by now, or has forgotten this client: it may have arrived",
        Unknown::NoAnswer => "the server did not say: it may have arrived",
        Unknown::InText => "it was sent in a session, and the server speaks plain text now: it may have arrived",
    }
}

const fn no_page(why: NoPage) -> &'static str {
    match why {
        NoPage::InText => "plain text has no earlier entries",
        NoPage::NoAnswer => "the server did not answer in time (is it an older version?)",
        NoPage::AnotherLog => "the server has another log by now",
        NoPage::Cancelled => "nobody wants it any more",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::json;
    use crate::wire::Seq;
    use crate::wire::entry::{ENTRY_MAX, Entry};

    fn json(entry: &Entry<'_>) -> String {
        let mut encoded = [0; ENTRY_MAX];
        let len = entry.encode(Timestamp(1_795_392_000_007), &mut encoded).unwrap();
        let event = Event::Entry { seq: Seq(7), encoded: encoded[..len].into() };
        let server = ([127, 0, 0, 1], 1).into();
        let scene = Scene { server, nick: "jill", own: None, knows_server: true, keeps: false, label: None };
        String::from_utf8(json::line(&Told::of(&event, scene).unwrap()).unwrap()).unwrap()
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
        assert_eq!(json(&Entry::Joined { who, nick }), head("joined") + r#""text":null,"words":"jill joined!"}"#);
        let left = Entry::Left { who, nick, why: CloseReason::TimedOut };
        assert_eq!(
            json(&left),
            head("left") + r#""text":null,"words":"jill left (timed out)","why":"timed out","code":"timed-out"}"#
        );
        assert_eq!(
            json(&Entry::Renamed { who, nick, to: "jane" }),
            head("renamed") + r#""text":null,"words":"jill is now jane","to":"jane"}"#
        );
        let line = r#"{"event":"line","seq":7,"time":"2026-11-23T00:00:00.007Z","kind":"text","verified":false,"who":null,"nick":null,"text":"al: hi"}"#;
        assert_eq!(json(&Entry::Line { text: "al: hi" }), line);
    }
}
