//! Entries as objects (docs/JSON.md): what `join --json` and `history --json` have in common.
//!
//! Owns: the form of a `line`.
//! Must not know: when an entry is shown.
//! Driven by: `cmd::json`, `cmd::history`.

use serde::Serialize;

use super::codes;
use crate::client::presence::print_in;
use crate::client::{Private, Said, Trust};
use crate::ui::{room, when};
use crate::wire::entry::{Act, Entry};
use crate::wire::{Timestamp, Who};

/// An entry or a line of the room.
#[derive(Debug, Serialize)]
pub(crate) struct Line<'a> {
    seq: Option<u64>,
    time: Option<String>,
    kind: &'static str,
    verified: bool,
    who: Option<String>,
    nick: Option<&'a str>,
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
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
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trust: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<u64>,
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
            words: None,
            key: None,
            to: None,
            of: None,
            whom: None,
            until: None,
            why: None,
            code: None,
            act: None,
            trust: None,
            missing: None,
        }
    }
}

impl<'a> Line<'a> {
    /// Returns whether it is no entry of a log.
    pub(crate) const fn is_without_number(&self) -> bool {
        self.seq.is_none()
    }

    /// Returns the object for a datagram of the text dialect.
    pub(crate) fn text(text: &'a str) -> Self {
        Self { text: Some(text), ..Self::of_kind(None, "text") }
    }
}

/// Returns the object for a private message.
pub(crate) fn of_private(private: &Private) -> Line<'_> {
    let Private { seq, at, who, from, nick, to, of, said, trust } = private;
    let head = Line {
        time: Some(when::in_utc(*at)),
        verified: !matches!(said, Said::Unreadable),
        who: Some(who.to_string()),
        nick: Some(nick),
        key: from.map(|key| key.print().to_string()),
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
pub(crate) fn line(seq: u64, encoded: &[u8]) -> Option<Line<'_>> {
    let (entry, at) = Entry::decode_with_time(encoded)?;
    let of = |kind| Line { time: at.map(when::in_utc), ..Line::of_kind(Some(seq), kind) };
    let by = |kind, who: Who, nick| Line { verified: true, who: Some(who.to_string()), nick, ..of(kind) };
    let told = |kind, who, nick| Line { words: Some(room::words(&entry)), ..by(kind, who, nick) };
    Some(match entry {
        Entry::Line { text } => Line { text: Some(text), ..of("text") },
        Entry::Said { who, nick, text } => Line { text: Some(text), ..by("said", who, Some(nick)) },
        Entry::Did { who, nick, text } => Line { text: Some(text), ..by("did", who, Some(nick)) },
        Entry::Joined { who, nick } => Line { key: key_in(who, encoded), ..told("joined", who, Some(nick)) },
        Entry::Left { who, nick, why } => {
            let (why, code) = (Some(why.to_string()), Some(codes::closed(why)));
            Line { why, code, ..told("left", who, Some(nick)) }
        }
        Entry::Renamed { who, nick, to } => {
            Line { key: key_in(who, encoded), to: Some(to), ..told("renamed", who, Some(nick)) }
        }
        Entry::Private { who, to, nick, of, .. } => {
            Line { to: Some(of), whom: Some(to.to_string()), ..by("private", who, Some(nick)) }
        }
        Entry::Acted { act: Act::Other(_), .. } => return None,
        Entry::Acted { who, nick, act: Act::Topic, why, .. } => {
            Line { text: Some(why), ..told(Act::Topic.word(), who, nick_of(nick)) }
        }
        Entry::Acted { who, nick, act, whom, of, until, why } => Line {
            of: nick_of(of),
            whom: (whom != Who::SERVER && act != Act::Release).then(|| whom.to_string()),
            until: (until != Timestamp::default()).then(|| when::in_utc(until)),
            why: nick_of(why).map(str::to_owned),
            ..told(act.word(), who, nick_of(nick))
        },
    })
}

/// Returns the fingerprint of an entry's author, if the entry has it.
fn key_in(who: Who, encoded: &[u8]) -> Option<String> {
    let (.., tail) = Entry::decode_with_tail(encoded)?;
    print_in(who, tail.as_ref()).map(|print| print.to_string())
}

/// Returns what there is; the owner and the server have no nick.
fn nick_of(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
