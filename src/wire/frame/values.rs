//! The values in frames, and their encodings.
//!
//! Owns: acks, reports of held entries, outcomes, reasons.
//! Must not know: the frame around a value.
//! Driven by: `frame`.

use std::fmt;

use arrayvec::ArrayVec;
use serde::de::{Error, SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::wire::{LogId, Refusal, Seq, Timestamp, Who};

/// Most ranges in an ack after the first (PROTOCOL 2.6).
pub const ACK_RANGES_MAX: usize = 8;

/// Most runs of held entries in a *have* (PROTOCOL 2.6).
pub const HELD_RUNS_MAX: usize = 16;

/// The plaintext of an authentic packet is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl From<postcard::Error> for Malformed {
    fn from(_: postcard::Error) -> Self {
        Self
    }
}

/// Which packets have arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The highest number received.
    pub largest: u64,
    /// How long ago that packet came, in microseconds.
    pub delay_us: u32,
    /// How many numbers directly below it were received as well.
    pub run: u64,
    /// Downwards from there: how many numbers are missing, how many below those were received.
    pub ranges: ArrayVec<(u64, u64), ACK_RANGES_MAX>,
}

impl Ack {
    /// Returns the received numbers as ranges of first and last, downwards; ends early where a range would go below 0.
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

/// The server's statement at the start of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// Which log it is.
    pub log: LogId,
    /// The first number that will come.
    pub start: Seq,
    /// The number behind the last entry.
    pub end: Seq,
    /// Whether the server remembers what this instance posted before, so that a repeated post does not become a second entry.
    pub remembers: bool,
}

/// Where a client is in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Have {
    /// The next wanted number: the user has been given everything before it.
    pub next: Seq,
    /// How many entries from `next` on the client accepts.
    pub take: u32,
    /// Entries held behind `next`, upwards: how many are missing, how many after those are held.
    pub held: ArrayVec<(u64, u64), HELD_RUNS_MAX>,
}

impl Have {
    /// Returns the entries it holds, as ranges from a number up to one behind the last.
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
    /// A line of text.
    #[default]
    Say,
    /// An action: `* jack waves`.
    Act,
    /// A new nick for the author: the text.
    Rename,
    /// The author gives a nick back: the text.
    Release,
    /// The author uses a right: the text is an [`crate::wire::order::Order`].
    Order,
    /// A private message: the body is a [`Letter`].
    Private,
    /// A kind that this program does not know; the text is not read.
    Other(u32),
}

impl From<u32> for PostKind {
    fn from(code: u32) -> Self {
        match code {
            0 => Self::Say,
            1 => Self::Act,
            2 => Self::Rename,
            3 => Self::Release,
            4 => Self::Order,
            5 => Self::Private,
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
            PostKind::Release => 3,
            PostKind::Order => 4,
            PostKind::Private => 5,
            PostKind::Other(code) => code,
        }
    }
}

/// The body of a post of kind [`PostKind::Private`] (PROTOCOL 2.19).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter<'a> {
    /// The recipient's key.
    pub to: [u8; 32],
    /// The author's nick, and the recipient's: both are part of what is sealed.
    pub nick: &'a str,
    /// See `nick`.
    pub of: &'a str,
    /// The sealed message, at most [`crate::wire::entry::SEALED_MAX`] bytes.
    pub sealed: &'a [u8],
}

impl<'a> Letter<'a> {
    /// Reads the body of a post; `None` if it is malformed.
    pub fn decode(body: &'a [u8]) -> Option<Self> {
        postcard::take_from_bytes(body).ok().map(|(letter, _)| letter)
    }

    /// Writes the body of a post.
    pub fn encode(&self) -> Vec<u8> {
        let mut buffer = [0; crate::wire::packet::PLAIN_MAX];
        postcard::to_slice(self, &mut buffer).map_or_else(|_| Vec::new(), |body| body.to_vec())
    }
}

/// The answer to a *find* (PROTOCOL 2.19).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found<'a> {
    /// The name of the *find*.
    pub name: &'a str,
    /// Who has it.
    pub whom: Whose,
    /// The nick, as its owner writes it; empty if nobody was found.
    pub nick: &'a str,
    /// The key; zeros if nobody was found.
    pub key: [u8; 32],
}

/// Who has a name that was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "u32", into = "u32")]
pub enum Whose {
    /// One key.
    Key,
    /// Nobody.
    Nobody,
    /// Several keys.
    Several,
    /// A text member, which has no key.
    Text,
    /// A code that this program does not know: nobody that it could write to.
    Other(u32),
}

impl From<u32> for Whose {
    fn from(code: u32) -> Self {
        match code {
            0 => Self::Key,
            1 => Self::Nobody,
            2 => Self::Several,
            3 => Self::Text,
            code => Self::Other(code),
        }
    }
}

impl From<Whose> for u32 {
    fn from(whose: Whose) -> Self {
        match whose {
            Whose::Key => 0,
            Whose::Nobody => 1,
            Whose::Several => 2,
            Whose::Text => 3,
            Whose::Other(code) => code,
        }
    }
}

/// Who holds a nick that another key asked for (PROTOCOL 2.17).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldNick<'a> {
    /// The nick, as its holder writes it; it looks like the one that was asked for.
    pub nick: &'a str,
    /// The holder's key.
    pub who: Who,
    /// Since when; 0 if it is held only while its holder is here.
    pub since: Timestamp,
}

/// Why a client has to stay out (PROTOCOL 2.18).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Barred<'a> {
    /// Until when; [`Timestamp::NEVER`] if there is no end.
    pub until: Timestamp,
    /// The nick of whoever said so; empty for the owner.
    pub by: &'a str,
    /// Why; may be empty.
    pub why: &'a str,
}

/// What a room is like for a client, at the start of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RoomInfo<'a> {
    /// What the client may do: 0 as a stranger, 1 as a member, 2 as an operator, 3 as the owner.
    pub role: u32,
    /// Whether strangers may come in: 0, or only known keys: 1.
    pub access: u32,
    /// What the room is about; may be empty.
    pub topic: &'a str,
    /// The address at which others reach the server, for invitations; may be empty.
    pub name: &'a str,
}

/// The state of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "u32", into = "u32")]
pub enum ListState {
    /// These were the last records.
    End,
    /// There are more.
    More,
    /// The client has no right to the list.
    NoRight,
    /// A code that this program does not know: nothing more will come.
    Other(u32),
}

impl From<u32> for ListState {
    fn from(code: u32) -> Self {
        match code {
            0 => Self::End,
            1 => Self::More,
            2 => Self::NoRight,
            code => Self::Other(code),
        }
    }
}

impl From<ListState> for u32 {
    fn from(state: ListState) -> Self {
        match state {
            ListState::End => 0,
            ListState::More => 1,
            ListState::NoRight => 2,
            ListState::Other(code) => code,
        }
    }
}

/// A person in the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PersonId {
    /// A member with this key.
    Key(Who),
    /// A text member, by a number that the server gave it. Its identity is unverified.
    Text(u32),
    /// A form of person that this program does not know: left out of lists, and nobody comes after it.
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

/// Returns the next element; fails if there is none.
pub(super) fn element<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(seq: &mut A) -> Result<T, A::Error> {
    seq.next_element()?.ok_or_else(|| A::Error::custom("too short"))
}

/// Why entries will not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "u32", into = "u32")]
pub enum GapReason {
    /// The log no longer holds them.
    Gone,
    /// The log cannot be read there.
    Unreadable,
    /// In a large room: N members joined, where N is the gap's count.
    Joined,
    /// In a large room: N members left.
    Left,
    /// In a large room: N members joined or left.
    CameAndWent,
    /// They had no effect, for their authors had no right to them (PROTOCOL 2.18): nobody is shown anything.
    Void,
    /// The client has skipped them.
    Skipped,
    /// A code that this program does not know: the entries will not come.
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
            5 => Self::Void,
            6 => Self::Skipped,
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
            GapReason::Void => 5,
            GapReason::Skipped => 6,
            GapReason::Other(code) => code,
        }
    }
}

/// The outcome of a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Outcome {
    /// The post became this entry.
    Accepted(Seq),
    /// The post will not become an entry.
    Refused(Refusal),
}

impl<'de> Deserialize<'de> for Outcome {
    /// Reads an unknown outcome as an unknown refusal.
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
