//! Values that both ends use.
//!
//! Owns: numbers and ids with types of their own, so that they cannot be confused, and the reasons that are sent over the wire.
//! Must not know: the code that uses them.
//! Driven by: nobody; they are values.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An entry's number in the log. The first is 0; each next is one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Seq(pub u64);

impl Add<u64> for Seq {
    type Output = Self;

    fn add(self, entries: u64) -> Self {
        Self(self.0.saturating_add(entries))
    }
}

impl Seq {
    /// Returns how many entries there are from `earlier` up to here; 0 if `earlier` is later.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A calendar time, in milliseconds since 1970-01-01T00:00Z. In a log it never goes back (PROTOCOL 2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Later than anything: the end of what has no end.
    pub const NEVER: Self = Self(u64::MAX);

    /// Returns the time `ago` before this one, at the earliest 1970.
    pub fn before(self, ago: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(ago.as_millis()).unwrap_or(u64::MAX)))
    }

    /// Returns the time that much later than this one.
    pub fn after(self, pause: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// A log's identity: random, new for each log (PROTOCOL 2.13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct LogId(pub [u8; 16]);

/// One running client: random, new at each start (PROTOCOL 2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Instance(pub [u8; 8]);

/// The permanent identity of a post: its client, and its counter within that (PROTOCOL 2.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct PostId {
    /// The client that posted it.
    pub instance: Instance,
    /// The number of the post in its instance, from 0 on.
    pub counter: u64,
}

/// Writes bytes in hexadecimal, in small letters.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The short name of a key in entries: the first 8 bytes of its BLAKE2s-256 (PROTOCOL 2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Who(pub [u8; 8]);

impl Who {
    /// Nobody's key: in *acted* it stands for the room's servers, which write the settings that they are started with.
    pub const SERVER: Self = Self([0; 8]);
}

impl fmt::Display for Who {
    /// Writes it in hexadecimal: the beginning of the key's fingerprint.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The long name of a key, which people compare: the first 16 bytes of its BLAKE2s-256 (PROTOCOL 2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 16]);

impl Fingerprint {
    /// Returns the fingerprint that begins with a short name and ends with `rest`.
    pub fn of(Who(who): Who, rest: [u8; 8]) -> Self {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&who);
        bytes[8..].copy_from_slice(&rest);
        Self(bytes)
    }

    /// Returns what follows the short name.
    pub fn rest(&self) -> [u8; 8] {
        let mut rest = [0; 8];
        rest.copy_from_slice(&self.0[8..]);
        rest
    }
}

impl fmt::Display for Fingerprint {
    /// Writes it in hexadecimal, without groups.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The receiver's id for a session, in the head of a packet; each end chooses its own at random (PROTOCOL 2.4, 2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId(pub u32);

/// Why a session ended (PROTOCOL 2.11); a code on the wire, and new codes may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "u32", into = "u32")]
pub enum CloseReason {
    /// Its user left.
    Left,
    /// Nothing was heard for too long.
    TimedOut,
    /// The same client has a newer session.
    Replaced,
    /// Another key holds the nick.
    NickTaken,
    /// The room is full.
    RoomFull,
    /// The key has as many sessions as it is allowed.
    TooManySessions,
    /// The server ends.
    ServerEnds,
    /// The other end violates the protocol.
    Broken,
    /// The server refuses this key for some minutes.
    Refused,
    /// Nobody may have this nick (PROTOCOL 2.16).
    BadNick,
    /// Another key has the same short name.
    Collides,
    /// The key was kicked: it has to stay out for a minute.
    Kicked,
    /// The key is banned.
    Banned,
    /// Only known keys may come in, and this one is not.
    NotInvited,
    /// The invitation is used up, has ended, was revoked, or never was.
    UsedUp,
    /// The invitation is for another nick.
    InvitedAs,
    /// The key is muted, and may come in under a nick of its own only.
    Muted,
    /// A code that this program does not know: the session ends all the same.
    Other(u32),
}

impl From<u32> for CloseReason {
    fn from(code: u32) -> Self {
        match code {
            0 => Self::Left,
            1 => Self::TimedOut,
            2 => Self::Replaced,
            3 => Self::NickTaken,
            4 => Self::RoomFull,
            5 => Self::TooManySessions,
            6 => Self::ServerEnds,
            7 => Self::Broken,
            8 => Self::Refused,
            9 => Self::BadNick,
            10 => Self::Collides,
            11 => Self::Kicked,
            12 => Self::Banned,
            13 => Self::NotInvited,
            14 => Self::UsedUp,
            15 => Self::InvitedAs,
            16 => Self::Muted,
            code => Self::Other(code),
        }
    }
}

impl From<CloseReason> for u32 {
    fn from(why: CloseReason) -> Self {
        match why {
            CloseReason::Left => 0,
            CloseReason::TimedOut => 1,
            CloseReason::Replaced => 2,
            CloseReason::NickTaken => 3,
            CloseReason::RoomFull => 4,
            CloseReason::TooManySessions => 5,
            CloseReason::ServerEnds => 6,
            CloseReason::Broken => 7,
            CloseReason::Refused => 8,
            CloseReason::BadNick => 9,
            CloseReason::Collides => 10,
            CloseReason::Kicked => 11,
            CloseReason::Banned => 12,
            CloseReason::NotInvited => 13,
            CloseReason::UsedUp => 14,
            CloseReason::InvitedAs => 15,
            CloseReason::Muted => 16,
            CloseReason::Other(code) => code,
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Left => "left",
            Self::TimedOut => "timed out",
            Self::Replaced => "replaced by a newer session",
            Self::NickTaken => "the nick is taken",
            Self::RoomFull => "the room is full",
            Self::TooManySessions => "too many sessions of this key",
            Self::ServerEnds => "the server ends",
            Self::Broken => "the protocol was violated",
            Self::Refused => "this key is refused for some minutes",
            Self::BadNick => "nobody may have this nick",
            Self::Collides => "another key has the same short name",
            Self::Kicked => "kicked",
            Self::Banned => "banned",
            Self::NotInvited => "not invited",
            Self::UsedUp => "the invitation is used up or has ended",
            Self::InvitedAs => "the invitation is for another nick",
            Self::Muted => "muted",
            Self::Other(code) => return write!(f, "reason {code}, which this version does not know"),
        })
    }
}

/// Why a post does not become an entry (PROTOCOL 2.6, settled); a code on the wire, and new codes may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "u32", into = "u32")]
pub enum Refusal {
    /// The log has no room for it.
    Full,
    /// Too much waits in the room's queue.
    Busy,
    /// The text is empty, too long, or has control characters.
    Malformed,
    /// Another key holds the nick.
    NickTaken,
    /// The log cannot be written.
    Unwritable,
    /// The log's file is damaged, and is being repaired.
    Damaged,
    /// The log's file is gone, and is being created again.
    Gone,
    /// The server does not know this kind of post.
    Unsupported,
    /// Nobody may have this nick (PROTOCOL 2.16).
    BadNick,
    /// The author does not hold the nick that it gives back.
    NotHeld,
    /// This takes a right that the author does not have (PROTOCOL 2.18).
    NoRight,
    /// The author is muted.
    Muted,
    /// Nobody, or no invitation, is known by that name.
    NoSuch,
    /// It would change nothing, or is out of its range.
    NoEffect,
    /// Several are known by that name.
    Ambiguous,
    /// The recipient takes no private messages of the author (PROTOCOL 2.19).
    Blocked,
    /// A code that this program does not know: refused for good.
    Other(u32),
}

impl Refusal {
    /// Returns whether the log did not take it, so that it may take it another time.
    pub const fn is_of_the_log(self) -> bool {
        matches!(self, Self::Full | Self::Busy | Self::Unwritable | Self::Damaged | Self::Gone)
    }
}

impl From<u32> for Refusal {
    fn from(code: u32) -> Self {
        match code {
            0 => Self::Full,
            1 => Self::Busy,
            2 => Self::Malformed,
            3 => Self::NickTaken,
            4 => Self::Unwritable,
            5 => Self::Damaged,
            6 => Self::Gone,
            7 => Self::Unsupported,
            8 => Self::BadNick,
            9 => Self::NotHeld,
            10 => Self::NoRight,
            11 => Self::Muted,
            12 => Self::NoSuch,
            13 => Self::NoEffect,
            14 => Self::Ambiguous,
            15 => Self::Blocked,
            code => Self::Other(code),
        }
    }
}

impl From<Refusal> for u32 {
    fn from(why: Refusal) -> Self {
        match why {
            Refusal::Full => 0,
            Refusal::Busy => 1,
            Refusal::Malformed => 2,
            Refusal::NickTaken => 3,
            Refusal::Unwritable => 4,
            Refusal::Damaged => 5,
            Refusal::Gone => 6,
            Refusal::Unsupported => 7,
            Refusal::BadNick => 8,
            Refusal::NotHeld => 9,
            Refusal::NoRight => 10,
            Refusal::Muted => 11,
            Refusal::NoSuch => 12,
            Refusal::NoEffect => 13,
            Refusal::Ambiguous => 14,
            Refusal::Blocked => 15,
            Refusal::Other(code) => code,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the server's disk is full",
            Self::Busy => "the room is too busy",
            Self::Malformed => "the text is empty, too long or has control characters",
            Self::NickTaken => "the nick is taken",
            Self::Unwritable => "the server cannot write its log",
            Self::Damaged => "the server's log is damaged and is being repaired",
            Self::Gone => "the server's log file is gone and is being created again",
            Self::Unsupported => "the server does not know this kind of message",
            Self::BadNick => "nobody may have this nick",
            Self::NotHeld => "it is not yours",
            Self::NoRight => "you do not have the right",
            Self::Muted => "you are muted",
            Self::NoSuch => "nobody and nothing is known by that name",
            Self::NoEffect => "that would change nothing, or is out of range",
            Self::Ambiguous => "several are known by that name (NICK#FINGERPRINT or an address says which)",
            Self::Blocked => "they take no private messages of yours",
            Self::Other(code) => return write!(f, "refusal {code}, which this version does not know"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_read_back_and_those_that_nobody_knows_keep_their_number() {
        for code in (0..20).chain([127, 128, u32::MAX]) {
            assert_eq!(u32::from(CloseReason::from(code)), code);
            assert_eq!(u32::from(Refusal::from(code)), code);
        }
        assert_eq!(postcard::from_bytes(&[200, 1]), Ok(CloseReason::Other(200)));
        assert_eq!(postcard::from_bytes(&[7]), Ok(Refusal::Unsupported));
    }
}
