//! The values that frames are made of, and how each is encoded.
//!
//! Owns: acknowledgements, reports, outcomes, reasons, the payloads of the handshake.
//! Must not know: which frame they are in.
//! Driven by: `frame`.

use std::fmt;

use arrayvec::ArrayVec;
use serde::de::{Error, SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::wire::{Instance, LogId, Refusal, Seq, Who};

/// The most ranges behind the first in an ack (PROTOCOL 2.6).
pub const ACK_RANGES_MAX: usize = 8;

/// The most runs reported as held in a have (PROTOCOL 2.6).
pub const HELD_RUNS_MAX: usize = 16;

/// Which packets have arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The highest number received.
    pub largest: u64,
    /// How long ago that was, in microseconds.
    pub delay_us: u32,
    /// How many numbers directly below it are received as well.
    pub run: u64,
    /// Downwards from there: how many are missing, how many below those are received.
    pub ranges: ArrayVec<(u64, u64), ACK_RANGES_MAX>,
}

impl Ack {
    /// The received numbers as ranges of first and last, downwards; ends early where they would go below 0.
    pub fn received(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let first = self.largest.checked_sub(self.run);
        let mut low = first;
        let rest = self.ranges.iter().map_while(move |&(gap, run)| {
            let high = low?.checked_sub(gap)?.checked_sub(1)?;
            low = high.checked_sub(run.checked_sub(1)?);
            low.map(|low| (low, high))
        });
        first.map(|first| (first, self.largest)).into_iter().chain(rest)
    }
}

/// What the server says first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// Which log it is.
    pub log: LogId,
    /// The first number that will come.
    pub start: Seq,
    /// The number behind the last entry.
    pub end: Seq,
    /// Whether the server would know what this instance posted before: what it says again is not said twice.
    pub remembers: bool,
}

/// Where a client is in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Have {
    /// The next wanted number: everything before it is handed on.
    pub next: Seq,
    /// How many entries from `next` on the client takes.
    pub take: u32,
    /// What it holds behind `next`, upwards: how many are missing, how many after those are held.
    pub held: ArrayVec<(u64, u64), HELD_RUNS_MAX>,
}

impl Have {
    /// What it holds, as ranges from a number up to one behind the last.
    pub fn held(&self) -> impl Iterator<Item = (Seq, Seq)> + '_ {
        let mut at = self.next;
        self.held.iter().map(move |&(skip, run)| {
            let start = at + skip;
            at = start + run;
            (start, at)
        })
    }
}

/// What a post is to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(from = "u32", into = "u32")]
pub enum PostKind {
    /// Something said.
    #[default]
    Say,
    /// Something done: `* jack waves`.
    Act,
    /// The author calls itself by the text from now on.
    Rename,
    /// A kind that this program does not know; what it says is not read.
    Other(u32),
}

impl From<u32> for PostKind {
    fn from(code: u32) -> Self {
        match code {
            0 => Self::Say,
            1 => Self::Act,
            2 => Self::Rename,
            code => Self::Other(code),
        }
    }
}

impl From<PostKind> for u32 {
    fn from(kind: PostKind) -> Self {
        match kind {
            PostKind::Say => 0,
            PostKind::Act => 1,
            PostKind::Rename => 2,
            PostKind::Other(code) => code,
        }
    }
}

/// Somebody who is in the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PersonId {
    /// A member with this key.
    Key(Who),
    /// A text member, by a number of the server's. Nothing of it is verified.
    Text(u32),
    /// A form of person that this program does not know: left out of lists, and nobody comes behind it.
    Other(u32),
}

impl Serialize for PersonId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(2)?;
        match self {
            Self::Key(who) => {
                tuple.serialize_element(&0_u32)?;
                tuple.serialize_element(who)?;
            }
            Self::Text(id) => {
                tuple.serialize_element(&1_u32)?;
                tuple.serialize_element(id)?;
            }
            Self::Other(code) => tuple.serialize_element(code)?,
        }
        tuple.end()
    }
}

impl<'de> Deserialize<'de> for PersonId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Coded;
        impl<'de> Visitor<'de> for Coded {
            type Value = PersonId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a code and what it stands for")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<PersonId, A::Error> {
                Ok(match element(&mut seq)? {
                    0 => PersonId::Key(element(&mut seq)?),
                    1 => PersonId::Text(element(&mut seq)?),
                    code => PersonId::Other(code),
                })
            }
        }
        deserializer.deserialize_tuple(2, Coded)
    }
}

/// The next element of what must have one.
fn element<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(seq: &mut A) -> Result<T, A::Error> {
    seq.next_element()?.ok_or_else(|| A::Error::custom("too short"))
}

/// Why entries do not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "u32", into = "u32")]
pub enum GapReason {
    /// The log no longer holds them.
    Gone,
    /// The log cannot be read there.
    Unreadable,
    /// So many have joined: in a large room they are counted.
    Joined,
    /// So many have left.
    Left,
    /// So many have joined or left.
    CameAndWent,
    /// A code that this program does not know: they will not come.
    Other(u32),
}

impl From<u32> for GapReason {
    fn from(code: u32) -> Self {
        match code {
            0 => Self::Gone,
            1 => Self::Unreadable,
            2 => Self::Joined,
            3 => Self::Left,
            4 => Self::CameAndWent,
            code => Self::Other(code),
        }
    }
}

impl From<GapReason> for u32 {
    fn from(why: GapReason) -> Self {
        match why {
            GapReason::Gone => 0,
            GapReason::Unreadable => 1,
            GapReason::Joined => 2,
            GapReason::Left => 3,
            GapReason::CameAndWent => 4,
            GapReason::Other(code) => code,
        }
    }
}

/// How far back a client wants to begin that has no place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u32, u64)", into = "(u32, u64)")]
pub enum History {
    /// With so many messages, as far as there are so many; entries between them come too.
    Last(u64),
    /// With what was committed within so many seconds.
    Within(u64),
}

impl From<(u32, u64)> for History {
    /// A code that nobody knows is read as nothing of what was before.
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
    /// With nothing: what is said from now on.
    pub const NONE: Self = Self::Last(0);

    /// With the oldest that there is.
    pub const ALL: Self = Self::Last(u64::MAX);
}

/// What became of a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Outcome {
    /// It is this entry.
    Accepted(Seq),
    /// It will be none.
    Refused(Refusal),
}

impl<'de> Deserialize<'de> for Outcome {
    /// An outcome that nobody knows is read as a refusal that nobody knows.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Coded;
        impl<'de> Visitor<'de> for Coded {
            type Value = Outcome;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a code and what it stands for")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Outcome, A::Error> {
                Ok(match element(&mut seq)? {
                    0_u32 => Outcome::Accepted(element(&mut seq)?),
                    1 => Outcome::Refused(element(&mut seq)?),
                    _ => Outcome::Refused(Refusal::Other(u32::MAX)),
                })
            }
        }
        deserializer.deserialize_tuple(2, Coded)
    }
}

/// What a client says of itself in the last message of the handshake (PROTOCOL 2.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join<'a> {
    /// Which running client it is.
    pub instance: Instance,
    /// What it wants to be called.
    pub nick: &'a str,
    /// Whether others are to know that it is here.
    pub present: bool,
    /// The log that it knows and the next number that it wants of it.
    pub place: Option<(LogId, Seq)>,
    /// How far back it wants to begin if it has no place.
    pub history: History,
}

/// What the server says in its half of the handshake (PROTOCOL 2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerHello {
    /// What the server calls the session.
    pub id: u32,
}
