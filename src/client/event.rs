//! What a client reports to its user.
//!
//! Owns: [`Event`] and its vocabulary.
//! Must not know: how events are shown.
//! Driven by: `client`.

use std::net::SocketAddr;
use std::time::Duration;

use crate::session::PublicKey;
use crate::wire::frame::{GapReason, PersonId, PostKind, Watched, Whose};
use crate::wire::record::{Name, Record, Role};
use crate::wire::{CloseReason, Fingerprint, LogId, Nick, Refusal, Seq, Timestamp, Who};

/// The dialect that the server speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The original's text dialect.
    Text,
    /// The session protocol.
    Session {
        /// The server's key.
        key: PublicKey,
        /// The server's program, as it names itself.
        software: Box<str>,
        /// The server's log.
        log: LogId,
        /// The first number of it that will come.
        from: Seq,
        /// The number behind its last entry, when the session began.
        to: Seq,
    },
}

/// Why an address cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// The system says that no socket is bound there.
    Refused,
    /// The system knows no route to it.
    NoRoute,
    /// No answer came in time.
    NoAnswer,
    /// A token came, but no session followed: datagrams of full length may not get through.
    NoHandshake,
    /// The server answers each hello with another token: datagrams of full length get through, but it accepts no token.
    NewTokens,
    /// Sessions begin, and the server ends each at once.
    Ended(CloseReason),
    /// The system says that datagrams of full length exceed the path MTU.
    TooLong,
    /// Only text came back, and the client must not speak text.
    OnlyText,
}

/// Why the server is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Away {
    /// The system reports it unreachable, or no answer comes.
    Unreachable(Unreachable),
    /// It sent nothing for [`crate::session::DEAD_AFTER`].
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
    /// The server has another key than the one the client knows.
    KeyChanged(PublicKey),
    /// The server speaks this version of the session protocol and no other.
    OtherVersion(u8),
    /// The server ended the session.
    Closed(CloseReason),
}

/// What a room is like for a client. Its texts are the server's, and nobody has checked them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// What the client may do.
    pub role: Role,
    /// Whether only known keys may come in.
    pub is_closed: bool,
    /// What the room is about; may be empty.
    pub topic: Box<str>,
    /// Where others reach the server; may be empty.
    pub name: Box<str>,
}

/// A private message, as this client sees it (PROTOCOL 2.19). Its nicks are the server's, and nobody has checked them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Private {
    /// The number of its entry.
    pub seq: Seq,
    /// When it was committed.
    pub at: Timestamp,
    /// The author's key.
    pub who: Who,
    /// The author's whole key, if the entry has it and it is that one.
    pub from: Option<PublicKey>,
    /// The author's nick.
    pub nick: String,
    /// The recipient's key.
    pub to: Who,
    /// The recipient's nick, as the author knew it.
    pub of: String,
    /// What it says.
    pub said: Said,
    /// What the client knows of the author.
    pub trust: Trust,
}

/// What a private message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It is for the user.
    Text {
        /// The text.
        text: String,
        /// Whether it is an action.
        is_act: bool,
        /// How many messages before it never came.
        missing: u64,
    },
    /// The user wrote it: the text, if this client did, and whether it is an action. It cannot be opened.
    Own(Option<(String, bool)>),
    /// It is a copy of an earlier one: the server, or whoever writes to its log, has put it there again.
    Repeated,
    /// It is damaged, was sealed for somebody else or something else, or is not its author's.
    Unreadable,
}

/// What a client knows of a key that has that nick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// It is the key that the nick is known by.
    Known,
    /// The nick is not known.
    New,
    /// The nick is known by another key.
    Changed(PublicKey),
}

/// Why a private message was not even posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotWritten {
    /// Nobody is known by that name who could be written to.
    Nobody,
    /// Several are.
    Several,
    /// It is a text member, which has no key.
    TextMember,
    /// It is the user's own key.
    Oneself,
    /// The nick is known by another key than it has now.
    KeyChanged {
        /// The nick.
        nick: Box<str>,
        /// The key that it is known by.
        known: PublicKey,
        /// The key that it has now.
        now: PublicKey,
    },
    /// The server speaks the text dialect: everybody would be sent it.
    InText,
    /// The server did not say in time whose the name is.
    NoAnswer,
}

/// What a user calls something that it wants posted, so as to know the outcome when it comes: at most [`LABEL_MAX`] bytes, which mean
/// nothing to anybody else and never leave the machine.
pub type Label = Option<Box<str>>;

/// Longest [`Label`], in bytes. Chosen: more than any usual form of a random id.
pub const LABEL_MAX: usize = 128;

/// Why the outcome of a line will never be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// The server has another log by now, or has forgotten what this client has posted.
    Forgotten,
    /// The server did not say in time, or said that it ends the session.
    NoAnswer,
    /// It was posted in a session, and the server speaks only text now.
    InText,
}

/// Somebody who is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Who it is.
    pub id: PersonId,
    /// The nick: the server's word, which nobody has checked.
    pub nick: Box<str>,
    /// The fingerprint of the key, if the server has told it: also its word, but it begins with the short name in `id`.
    pub print: Option<Fingerprint>,
}

/// Why there is no answer to a request for earlier entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPage {
    /// The text dialect has no earlier entries.
    InText,
    /// The server did not answer in time.
    NoAnswer,
    /// The server has another log by now.
    AnotherLog,
    /// The user does not want it any more.
    Cancelled,
}

/// An event, for the user or a layer in between.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// There is a session with a server of this key, which has this log. Only [`super::member::Member`] reports it;
    /// [`super::Client`] turns it into [`Event::Joined`], [`Event::Begins`] and [`Event::Back`].
    Here {
        /// The server's key.
        key: PublicKey,
        /// The server's program, as it names itself.
        software: Box<str>,
        /// The server's log.
        log: LogId,
        /// The first number of it that will come.
        from: Seq,
        /// The number behind its last entry.
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
    /// A private message.
    Private(Box<Private>),
    /// Somebody is written to for the first time: the client knows this nick by this key from now on.
    Contact {
        /// The nick.
        nick: Box<str>,
        /// The key.
        key: PublicKey,
    },
    /// A private message was not posted.
    NotWritten {
        /// The name that it is for.
        to: Box<str>,
        /// The message.
        line: String,
        /// Why.
        why: NotWritten,
        /// What the user calls it.
        label: Label,
    },
    /// Whose a name is ([`super::Client::find`]).
    Found {
        /// The name.
        name: Box<str>,
        /// Who has it.
        whom: Whose,
        /// The nick as its owner writes it, at most [`crate::wire::NICK_MAX`] bytes that nobody has checked.
        nick: Box<str>,
        /// The key; zeros if nobody was found.
        key: PublicKey,
    },
    /// The entries from here on belong to this log.
    Begins {
        /// The log.
        log: LogId,
        /// The first number that will come.
        from: Seq,
        /// How many of its entries came before the client did.
        count: u64,
        /// Whether they continue from the place that the client had when it began.
        resumed: bool,
    },
    /// Entries that will not come.
    Gap {
        /// The first number.
        first: Seq,
        /// How many entries.
        count: u64,
        /// Why they will not come.
        why: GapReason,
    },
    /// A line is in the log (session) or came back (text).
    Confirmed {
        /// The counter of its post, in a session.
        post: Option<u64>,
        /// The number of its entry, if it has one.
        seq: Option<Seq>,
        /// What the user calls it.
        label: Label,
    },
    /// The server refused a line.
    NotTaken {
        /// The counter of its post, if it was posted.
        post: Option<u64>,
        /// The kind of post.
        kind: PostKind,
        /// The line.
        line: String,
        /// Why.
        why: Refusal,
        /// What the user calls it.
        label: Label,
    },
    /// Who holds the nick that the server refuses next, or with its last word.
    Held {
        /// The nick as its holder writes it, at most [`crate::wire::NICK_MAX`] bytes that nobody has checked.
        nick: Box<str>,
        /// The holder's key.
        who: Who,
        /// Since when; 0 if only while the holder is there.
        since: Timestamp,
    },
    /// Why the server ends the session with its last word, or refuses it: the client has to stay out.
    Barred {
        /// Until when; [`Timestamp::NEVER`] if there is no end.
        until: Timestamp,
        /// The nick of whoever said so, at most [`crate::wire::NICK_MAX`] bytes that nobody has checked; empty for the owner.
        by: Box<str>,
        /// Why, at most [`crate::wire::entry::WHY_MAX`] bytes that nobody has checked.
        why: Box<str>,
    },
    /// What the room is like, whenever a session has begun.
    Room(Room),
    /// Some of what the room knows of who may do what.
    Records {
        /// The records, in the order of their names.
        records: Vec<(Name, Record)>,
        /// Whether more will come.
        more: bool,
        /// Whether the client has the right to them.
        may: bool,
    },
    /// The outcome of a line is unknown and will remain so.
    Lost {
        /// The counter of its post, if it was posted.
        post: Option<u64>,
        /// The line, as sent.
        line: String,
        /// Why nobody will know.
        why: Unknown,
        /// What the user calls it.
        label: Label,
    },
    /// The client has this nick from now on.
    Renamed(Nick),
    /// The server is away; the client tries to come back.
    Away(Away),
    /// The server is back.
    Back,
    /// The server has left an ack-eliciting packet unanswered, and has sent nothing for this long; the session goes on.
    Quiet(Duration),
    /// The server came back with another log: a new room.
    AnotherLog,
    /// The server, or an impostor, answers in text where the client wants a session; the client ignores it.
    TextIgnored,
    /// A ping was answered.
    Pong {
        /// Its stamp.
        stamp: u64,
    },
    /// Some of the people who are here.
    People {
        /// Each of them; one that is here under several nicks is in the list once for each.
        people: Vec<Person>,
        /// Whether more will come.
        more: bool,
    },
    /// There will be no answer to who is here: the text dialect has none, or none came in time.
    NoPeople {
        /// Whether the dialect is the reason.
        in_text: bool,
    },
    /// The answer to a request for earlier entries: each number from one up to another, once and in order.
    Page {
        /// The number of the request.
        id: u64,
        /// The first number.
        from: Seq,
        /// The number behind the last.
        to: Seq,
        /// The oldest number that there still is.
        oldest: Seq,
        /// [`Event::Entry`], [`Event::Private`] and [`Event::Gap`].
        entries: Vec<Self>,
    },
    /// Who has received an entry of the user's.
    Reached {
        /// The entry.
        seq: Seq,
        /// What was asked; [`Watched::Nothing`] if the server does not know, and will not say any more.
        what: Watched,
        /// How many keys have received it, of those that were here before it and still are.
        count: u64,
        /// How many these are.
        of: u64,
        /// Which ones have, if that was asked and the room is small.
        by: Vec<Who>,
    },
    /// The user has read everything before this number, on another device or in an earlier visit.
    Read {
        /// The number.
        before: Seq,
    },
    /// The client is far behind: so many entries that the log has have not come yet.
    Behind {
        /// How many.
        count: u64,
    },
    /// There will be no answer to a request for earlier entries.
    NoPage {
        /// The number of the request.
        id: u64,
        /// Why.
        why: NoPage,
    },
    /// An address does not answer; the client tries the next one, if there is one.
    Failed(SocketAddr, Unreachable),
    /// Nothing more will happen.
    Over(Over),
}

impl Event {
    /// Returns the counter of the post that has its outcome with this event.
    pub const fn settles(&self) -> Option<u64> {
        if let Self::Confirmed { post, .. } = self {
            *post
        } else if let Self::NotTaken { post, .. } = self {
            *post
        } else if let Self::Lost { post, .. } = self {
            *post
        } else {
            None
        }
    }

    /// Returns the number of an entry, or the first of a gap.
    pub fn first(&self) -> Option<Seq> {
        if let Self::Entry { seq, .. } = self {
            Some(*seq)
        } else if let Self::Private(private) = self {
            Some(private.seq)
        } else if let Self::Gap { first, .. } = self {
            Some(*first)
        } else {
            None
        }
    }

    /// Returns the number behind an entry or a gap.
    pub fn end(&self) -> Option<Seq> {
        if let Self::Entry { seq, .. } = self {
            Some(*seq + 1)
        } else if let Self::Private(private) = self {
            Some(private.seq + 1)
        } else if let Self::Gap { first, count, .. } = self {
            Some(*first + *count)
        } else {
            None
        }
    }
}
