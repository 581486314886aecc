//! Counters of what the room did.
//!
//! Owns: [`Counters`] and the reasons for which datagrams are dropped.
//! Must not know: who asks for them, how they are shown beyond one line.
//! Driven by: `server`.

use std::fmt;
use std::time::Duration;

use crate::session::Ignored;
use crate::time::Instant;
use crate::wire::text::Malformed;

/// Pause between two log lines about the same reason.
const LOG_PAUSE: Duration = Duration::from_secs(1);

/// Why a datagram went no further. Bytes from the network never cause an error; they cause one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// No bytes.
    Empty,
    /// Not UTF-8.
    NotUtf8,
    /// Its line would be longer than the limit.
    TooLong,
    /// The text dialect is off.
    TextOff,
    /// From an address with which the server does not speak the text dialect.
    NotPrivate,
    /// From an address that is muted, kicked or banned.
    Barred,
    /// The room is full, and no member of the newcomer's own prefix can be replaced.
    RoomFull,
    /// From port 0, which cannot be answered.
    NoReturn,
    /// Too many new members from its prefix at once.
    Signups,
    /// Its source is too far ahead of its rate.
    Rate,
    /// The queue is full, and its source has more than the even share of it, or nobody has.
    QueueFull,
    /// The log's backend refused it.
    Rejected,
    /// Not a datagram of the session protocol.
    NoDatagram,
    /// A hello without a valid token; it is answered with one.
    Token,
    /// Too many handshakes are half-open: the prefix with the most lost one to make place.
    HalfOpen,
    /// Not sealed by the other end of its session.
    Forged,
    /// Received before, or too old to tell.
    Replayed,
    /// Of an unknown session.
    UnknownSession,
    /// There is no place for its posts now; its sender repeats them.
    NoPlace,
    /// Its sender violates the protocol.
    Broken,
}

impl DropReason {
    /// Every reason, in the order of the counters.
    pub const ALL: [Self; 20] = [
        Self::Empty,
        Self::NotUtf8,
        Self::TooLong,
        Self::TextOff,
        Self::NotPrivate,
        Self::Barred,
        Self::RoomFull,
        Self::NoReturn,
        Self::Signups,
        Self::Rate,
        Self::QueueFull,
        Self::Rejected,
        Self::NoDatagram,
        Self::Token,
        Self::HalfOpen,
        Self::Forged,
        Self::Replayed,
        Self::UnknownSession,
        Self::NoPlace,
        Self::Broken,
    ];
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty",
            Self::NotUtf8 => "not UTF-8",
            Self::TooLong => "too long",
            Self::TextOff => "text is off",
            Self::NotPrivate => "address not private",
            Self::Barred => "address muted or barred",
            Self::RoomFull => "room full",
            Self::NoReturn => "no return port",
            Self::Signups => "too many signups",
            Self::Rate => "over its rate",
            Self::QueueFull => "queue full",
            Self::Rejected => "log refused it",
            Self::NoDatagram => "not a session datagram",
            Self::Token => "no valid token",
            Self::HalfOpen => "too many handshakes",
            Self::Forged => "not authentic",
            Self::Replayed => "replayed",
            Self::UnknownSession => "unknown session",
            Self::NoPlace => "no place for posts",
            Self::Broken => "protocol violation",
        })
    }
}

impl From<Ignored> for DropReason {
    fn from(why: Ignored) -> Self {
        match why {
            Ignored::Forged => Self::Forged,
            Ignored::Replayed => Self::Replayed,
        }
    }
}

impl From<Malformed> for DropReason {
    fn from(why: Malformed) -> Self {
        match why {
            Malformed::Empty => Self::Empty,
            Malformed::NotUtf8 => Self::NotUtf8,
            Malformed::TooLong => Self::TooLong,
        }
    }
}

/// Totals since the room began.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Datagrams received.
    pub received: u64,
    /// Datagrams that the system has taken to send.
    pub sent: u64,
    /// Datagrams that the system refused to send to their peer.
    pub unsent: u64,
    dropped: [u64; DropReason::ALL.len()],
    /// When each reason was last logged, and how many there were then.
    logged: [(Instant, u64); DropReason::ALL.len()],
}

impl Counters {
    /// Datagrams dropped for `reason`.
    pub const fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize]
    }

    /// Datagrams dropped for any reason.
    pub fn dropped_in_all(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// Counts a drop, and logs it at debug, at most once a second for each reason.
    pub(super) fn drop_for(&mut self, now: Instant, reason: DropReason) {
        let dropped = &mut self.dropped[reason as usize];
        *dropped += 1;
        let (at, before) = &mut self.logged[reason as usize];
        if *before == 0 || now.saturating_since(*at) >= LOG_PAUSE {
            log::debug!("dropped: {reason}, {} more, {dropped} in all", *dropped - *before);
            *at = now;
            *before = *dropped;
        }
    }
}

/// Writes `in 10, out 20, dropped 3 (empty 1, not UTF-8 2)`, and `, not sendable 4` if there are any.
impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "in {}, out {}, dropped {}", self.received, self.sent, self.dropped_in_all())?;
        let mut separator = " (";
        for reason in DropReason::ALL.into_iter().filter(|&reason| self.dropped(reason) > 0) {
            write!(f, "{separator}{reason} {}", self.dropped(reason))?;
            separator = ", ";
        }
        if separator == ", " {
            f.write_str(")")?;
        }
        if self.unsent > 0 { write!(f, ", not sendable {}", self.unsent) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counters_name_each_reason_that_occurred_and_no_other() {
        let mut counters = Counters { received: 10, sent: 20, ..Counters::default() };
        assert_eq!(counters.to_string(), "in 10, out 20, dropped 0");
        counters.drop_for(Instant::ZERO, DropReason::Empty);
        counters.drop_for(Instant::ZERO, DropReason::NotUtf8);
        counters.drop_for(Instant::ZERO, DropReason::NotUtf8);
        assert_eq!(counters.to_string(), "in 10, out 20, dropped 3 (empty 1, not UTF-8 2)");
    }

    #[test]
    fn every_reason_has_its_own_counter() {
        for (index, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
    }
}
