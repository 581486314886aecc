//! What the user of a client is told.
//!
//! Owns: [`Event`] and its words.
//! Must not know: how a user is told.
//! Driven by: `client`.

use std::net::SocketAddr;
use std::time::Duration;

use crate::session::PublicKey;
use crate::wire::frame::{GapReason, PersonId, PostKind};
use crate::wire::{CloseReason, LogId, Nick, Refusal, Seq};

/// What the server speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The original's.
    Text,
    /// Sessions.
    Session {
        /// The server's key.
        key: PublicKey,
        /// What program it is.
        software: Box<str>,
    },
}

/// Why nothing gets through to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// The system says that no socket is bound there.
    Refused,
    /// The system knows no way there.
    NoRoute,
    /// Nothing came back in time.
    NoAnswer,
    /// A token came, but nothing came of it: datagrams of full length may not get through.
    NoHandshake,
    /// Tokens came one after the other, each for a hello: datagrams of full length get through, and no token is taken.
    NewTokens,
    /// Sessions begin, and the server ends each at once.
    Ended(CloseReason),
    /// The system says that datagrams of full length do not fit the way.
    TooLong,
    /// Only text came back, and that is not to be spoken.
    OnlyText,
}

/// Why the server is not there any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Away {
    /// The system says so, or nothing comes back.
    Unreachable(Unreachable),
    /// Nothing was heard of it for [`crate::session::DEAD_AFTER`].
    Silent,
    /// It ended the session.
    Closed(CloseReason),
}

/// Why nothing more will happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// No address answers: see [`Event::Failed`].
    Unreachable,
    /// The server went away and did not come back in time.
    GaveUp,
    /// The server has another key than the one that is known.
    KeyChanged(PublicKey),
    /// The server speaks this version of the session protocol and no other.
    OtherVersion(u8),
    /// The server ended the session.
    Closed(CloseReason),
}

/// What happened, for the user or whoever stands in between.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// There is a session: with a server of this key, of this log. Only [`super::member::Member`] says that; [`super::Client`]
    /// makes [`Event::Joined`], [`Event::Begins`] and [`Event::Back`] of it.
    Here {
        /// The server's key.
        key: PublicKey,
        /// What program the server is.
        software: Box<str>,
        /// Which log.
        log: LogId,
        /// The first number that will come of it.
        from: Seq,
        /// The number behind the last that there is.
        to: Seq,
    },
    /// The server has answered: the client is in the room.
    Joined(Dialect),
    /// A datagram of the room, in the text dialect.
    Received(String),
    /// An entry of the log, encoded ([`crate::wire::entry::Entry::decode`]).
    Entry {
        /// Its number.
        seq: Seq,
        /// The entry.
        encoded: Box<[u8]>,
    },
    /// From here on the entries are of this log.
    Begins {
        /// Which.
        log: LogId,
        /// The first number that will come.
        from: Seq,
        /// How many of them were there before the client was.
        count: u64,
        /// They follow what the client knew when it began.
        resumed: bool,
    },
    /// Entries that will not come.
    Gap {
        /// The first.
        first: Seq,
        /// How many.
        count: u64,
        /// Why not.
        why: GapReason,
    },
    /// A line is in the log, or came back.
    Confirmed {
        /// Which post of a session it was.
        post: Option<u64>,
        /// Which entry it is, if it has a number.
        seq: Option<Seq>,
    },
    /// The server will not have a line.
    NotTaken {
        /// Which post it was, if it came to that.
        post: Option<u64>,
        /// What it was to be.
        kind: PostKind,
        /// The line.
        line: String,
        /// Why.
        why: Refusal,
    },
    /// It is not known, and will not be, what became of a line.
    Lost {
        /// Which post it was, if it came to that.
        post: Option<u64>,
        /// The line, as sent.
        line: String,
    },
    /// The client is called so from now on.
    Renamed(Nick),
    /// The server is not there any more; the client tries to come back.
    Away(Away),
    /// It is there again.
    Back,
    /// The server owes a word and was not heard for so long; the session goes on.
    Quiet(Duration),
    /// It came back with another log: a new room.
    AnotherLog,
    /// Something answers in text where a session was to be: it is ignored.
    TextIgnored,
    /// A ping came back.
    Pong {
        /// Its stamp.
        stamp: u64,
    },
    /// Some of those who are here.
    People {
        /// Who, and what they call themselves.
        people: Vec<(PersonId, Box<str>)>,
        /// There are more: they will come.
        more: bool,
    },
    /// Who is here will not be told: in the text dialect nobody knows, else it was not told in time.
    NoPeople {
        /// It is the text dialect.
        in_text: bool,
    },
    /// An address does not answer; the next one is tried, if there is one.
    Failed(SocketAddr, Unreachable),
    /// Nothing more will happen.
    Over(Over),
}

impl Event {
    /// The number behind it, of an entry and of a gap.
    pub fn end(&self) -> Option<Seq> {
        if let Self::Entry { seq, .. } = self {
            Some(*seq + 1)
        } else if let Self::Gap { first, count, .. } = self {
            Some(*first + *count)
        } else {
            None
        }
    }
}
