//! The codes in the objects of `join --json` (docs/JSON.md): for programs, and the same in every version.
//!
//! Owns: the words.
//! Must not know: in which objects they are; the prose beside them.
//! Driven by: `cmd::json`, `cmd::join`.

use crate::client::{NoPage, NotWritten, Over, Unknown, Unreachable};
use crate::wire::frame::GapReason;
use crate::wire::{CloseReason, Refusal};

/// Returns why the server refused something.
pub(crate) const fn refusal(why: Refusal) -> &'static str {
    match why {
        Refusal::Full => "full",
        Refusal::Busy => "busy",
        Refusal::Malformed => "malformed",
        Refusal::NickTaken => "nick-taken",
        Refusal::Unwritable => "log-unwritable",
        Refusal::Damaged => "log-damaged",
        Refusal::Gone => "log-gone",
        Refusal::Unsupported => "unsupported",
        Refusal::BadNick => "bad-nick",
        Refusal::NotHeld => "not-held",
        Refusal::NoRight => "no-right",
        Refusal::Muted => "muted",
        Refusal::NoSuch => "nobody",
        Refusal::NoEffect => "no-effect",
        Refusal::Ambiguous => "several",
        Refusal::Blocked => "blocked",
        Refusal::Other(_) => "other",
    }
}

/// Returns why a private message was not posted.
pub(crate) const fn not_written(why: &NotWritten) -> &'static str {
    match why {
        NotWritten::Nobody => "nobody",
        NotWritten::Several => "several",
        NotWritten::TextMember => "text-member",
        NotWritten::Oneself => "oneself",
        NotWritten::KeyChanged { .. } => "key-changed",
        NotWritten::InText => "in-text",
        NotWritten::NoAnswer => "no-answer",
    }
}

/// Returns why an outcome will never be known.
pub(crate) const fn unknown(why: Unknown) -> &'static str {
    match why {
        Unknown::Forgotten => "forgotten",
        Unknown::NoAnswer => "no-answer",
        Unknown::InText => "in-text",
    }
}

/// Returns why there are no earlier entries.
pub(crate) const fn no_page(why: NoPage) -> &'static str {
    match why {
        NoPage::InText => "in-text",
        NoPage::NoAnswer => "no-answer",
        NoPage::AnotherLog => "new-room",
        NoPage::Cancelled => "cancelled",
    }
}

/// Returns why a session ended, or somebody left.
pub(crate) const fn closed(why: CloseReason) -> &'static str {
    match why {
        CloseReason::Left => "left",
        CloseReason::TimedOut => "timed-out",
        CloseReason::Replaced => "replaced",
        CloseReason::NickTaken => "nick-taken",
        CloseReason::RoomFull => "room-full",
        CloseReason::TooManySessions => "too-many-sessions",
        CloseReason::ServerEnds => "server-ends",
        CloseReason::Broken => "broken",
        CloseReason::Refused => "refused",
        CloseReason::BadNick => "bad-nick",
        CloseReason::Collides => "collides",
        CloseReason::Kicked => "kicked",
        CloseReason::Banned => "banned",
        CloseReason::NotInvited => "not-invited",
        CloseReason::UsedUp => "used-up",
        CloseReason::InvitedAs => "invited-as",
        CloseReason::Muted => "muted",
        CloseReason::Other(_) => "other",
    }
}

/// Returns why an address cannot be reached.
pub(crate) const fn unreachable(why: Unreachable) -> &'static str {
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

/// Returns why nothing more will happen.
pub(crate) const fn over(why: Over) -> &'static str {
    match why {
        Over::Unreachable => "unreachable",
        Over::GaveUp => "gave-up",
        Over::KeyChanged(_) => "key-changed",
        Over::OtherVersion(_) => "other-version",
        Over::Closed(why) => closed(why),
    }
}

/// Returns why entries will not come, if that is anybody's business.
pub(crate) const fn gap(why: GapReason) -> Option<&'static str> {
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
