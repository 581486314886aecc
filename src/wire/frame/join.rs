//! The payloads of the handshake (PROTOCOL 2.4).
//!
//! Owns: [`Join`] and [`ServerHello`], which older programs end earlier; [`History`].
//! Must not know: the handshake around them.
//! Driven by: both ends of a handshake.

use serde::{Deserialize, Serialize};

use crate::wire::{Instance, LogId, Seq};

/// How far back a client without a place in the log wants to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u32, u64)", into = "(u32, u64)")]
pub enum History {
    /// With the last N messages, or as many as there are; entries between them come too.
    Last(u64),
    /// With the entries committed within the last N seconds.
    Within(u64),
}

impl From<(u32, u64)> for History {
    /// Reads an unknown code as no earlier entries.
    fn from((code, much): (u32, u64)) -> Self {
        match code {
            0 => Self::Last(much),
            1 => Self::Within(much),
            _ => Self::NONE,
        }
    }
}

impl From<History> for (u32, u64) {
    fn from(history: History) -> Self {
        match history {
            History::Last(messages) => (0, messages),
            History::Within(seconds) => (1, seconds),
        }
    }
}

impl History {
    /// Nothing earlier: only new entries.
    pub const NONE: Self = Self::Last(0);

    /// Everything, from the oldest entry on.
    pub const ALL: Self = Self::Last(u64::MAX);
}

/// The client's payload in the last message of the handshake (PROTOCOL 2.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join<'a> {
    /// Which running client it is.
    pub instance: Instance,
    /// The nick it asks for.
    pub nick: &'a str,
    /// Whether it is announced to others as present.
    pub present: bool,
    /// The log that it knows and the next number that it needs.
    pub place: Option<(LogId, Seq)>,
    /// How far back it wants to begin if it has no place.
    pub history: History,
    /// The token of an invitation; zeros if it has none. Older clients end before it, or behind it.
    pub token: [u8; 16],
    /// Whether it stays out of receipts (PROTOCOL 2.21).
    pub uncounted: bool,
    /// The cipher of the session: 0 the one that everybody speaks, 1 AES-256-GCM.
    pub cipher: u32,
}

impl<'a> Join<'a> {
    /// Creates the payload of a client that is present, has neither a place, a history nor an invitation, and speaks the cipher that
    /// everybody speaks.
    pub const fn new(instance: Instance, nick: &'a str) -> Self {
        let (place, history, token) = (None, History::NONE, [0; 16]);
        Self { instance, nick, present: true, place, history, token, uncounted: false, cipher: 0 }
    }

    /// Reads the payload, and that of an older client; `None` if it is malformed.
    pub fn decode(payload: &'a [u8]) -> Option<Self> {
        let ((instance, nick, present, place, history), rest) = postcard::take_from_bytes(payload).ok()?;
        let (token, rest) = next_or_default(rest);
        let (uncounted, rest) = next_or_default(rest);
        let (cipher, _) = next_or_default(rest);
        Some(Self { instance, nick, present, place, history, token, uncounted, cipher })
    }
}

/// Returns the next field of a payload, and the rest; the default if an older program has not written it.
fn next_or_default<'a, T: Deserialize<'a> + Default>(payload: &'a [u8]) -> (T, &'a [u8]) {
    postcard::take_from_bytes(payload).unwrap_or_default()
}

/// The server's payload in its half of the handshake (PROTOCOL 2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerHello {
    /// The server's id for the session.
    pub id: u32,
    /// The ciphers that it offers beside the one that everybody speaks, a bit each. Older servers end before it.
    pub ciphers: u32,
}

impl ServerHello {
    /// Reads the payload, and that of an older server; `None` if it is malformed.
    pub fn decode(payload: &[u8]) -> Option<Self> {
        let (id, rest) = postcard::take_from_bytes(payload).ok()?;
        let (ciphers, _) = next_or_default(rest);
        Some(Self { id, ciphers })
    }
}
