//! Where the other end is, and the proof that it is there (PROTOCOL 2.12).
//!
//! Owns: the proven path, the one that is being proven, the challenge.
//! Must not know: sockets; a path is whatever the driver names them by.
//! Driven by: the session.

use crate::time::Instant;
use crate::wire::packet::{DATAGRAM_MAX, PACKET_HEAD, TAG_LEN};

/// RFC 9000 8: no more than three times the bytes that came from there.
const AMPLIFICATION: u64 = 3;

/// How often a challenge is sent at most for each newer packet that comes from there (PROTOCOL 2.12).
const CHALLENGES_MAX: u32 = 3;

/// The length of a packet with nothing but a challenge.
pub(super) const SHORT: u64 = (PACKET_HEAD + 3 + 8 + TAG_LEN) as u64;

/// The length of a challenge that shows that the path takes datagrams whole (RFC 9000 8.2.1).
pub(super) const FULL: u64 = DATAGRAM_MAX as u64;

/// Two challenges, for a short and for a full packet: so that an answer says which of them arrived.
pub(super) type Challenges = [[u8; 8]; 2];

/// A path that is not proven.
#[derive(Clone, Copy, Debug)]
struct Candidate<P> {
    path: P,
    challenges: Challenges,
    received: u64,
    sent: u64,
    /// How many challenges were sent since a newer packet came.
    tries: u32,
    due: Instant,
    /// A short challenge was answered: somebody is there, so that it may be sent more.
    is_answered: bool,
}

/// A challenge that is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Challenge<P> {
    pub(super) to: P,
    pub(super) data: [u8; 8],
    /// The packet is [`FULL`], else [`SHORT`].
    pub(super) is_full: bool,
}

/// The paths of a session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paths<P> {
    proven: P,
    candidate: Option<Candidate<P>>,
    /// The highest number of an authentic packet.
    newest: Option<u64>,
}

impl<P: Copy + PartialEq> Paths<P> {
    /// A session whose other end is at `proven`.
    pub(super) const fn new(proven: P) -> Self {
        Self { proven, candidate: None, newest: None }
    }

    /// Where to send.
    pub(super) const fn proven(&self) -> P {
        self.proven
    }

    /// An authentic packet of `bytes` came from `from`. If a new path is to be proven, `challenges` gives the challenges.
    pub(super) fn received(
        &mut self,
        now: Instant,
        from: P,
        number: u64,
        bytes: u64,
        challenges: impl FnOnce() -> Challenges,
    ) {
        let is_newest = self.newest.is_none_or(|newest| number > newest);
        if is_newest {
            self.newest = Some(number);
        }
        if let Some(candidate) = self.candidate.as_mut().filter(|candidate| candidate.path == from) {
            candidate.received += bytes;
            if is_newest && candidate.tries >= CHALLENGES_MAX {
                // Still there, and all challenges so far were lost.
                candidate.tries = 0;
            }
        } else if from == self.proven {
            if is_newest {
                self.candidate = None;
            }
        } else if is_newest {
            self.candidate = Some(Candidate {
                path: from,
                challenges: challenges(),
                received: bytes,
                sent: 0,
                tries: 0,
                due: now,
                is_answered: false,
            });
        }
    }

    /// A response came from `from`. True if that is the proven path now.
    pub(super) fn responded(&mut self, now: Instant, from: P, data: [u8; 8]) -> bool {
        let Some(candidate) = self.candidate.as_mut().filter(|candidate| candidate.path == from) else { return false };
        let [short, full] = candidate.challenges;
        if data == full {
            self.proven = from;
            self.candidate = None;
            return true;
        }
        if data == short && !candidate.is_answered {
            // RFC 9000 8.2.1: the address is its own; now a full packet shows that the path takes one.
            candidate.is_answered = true;
            candidate.tries = 0;
            candidate.due = now;
        }
        false
    }

    /// The challenge that is due, if it may be sent.
    pub(super) fn challenge(&self, now: Instant) -> Option<Challenge<P>> {
        let candidate = self.candidate.as_ref().filter(|candidate| candidate.due <= now)?;
        let is_full = candidate.length()? == FULL;
        let [short, full] = candidate.challenges;
        Some(Challenge { to: candidate.path, data: if is_full { full } else { short }, is_full })
    }

    /// It was sent; the next one is due at `again`.
    pub(super) fn challenged(&mut self, is_full: bool, again: Instant) {
        if let Some(candidate) = &mut self.candidate {
            candidate.sent += if is_full { FULL } else { SHORT };
            candidate.tries += 1;
            candidate.due = again;
        }
    }

    /// When [`Paths::challenge`] has something next, if time alone decides it.
    pub(super) fn due(&self) -> Option<Instant> {
        self.candidate.as_ref().filter(|candidate| candidate.length().is_some()).map(|candidate| candidate.due)
    }
}

impl<P> Candidate<P> {
    /// How long a challenge may be that is sent there; `None`: none may be.
    fn length(&self) -> Option<u64> {
        let allowed = if self.is_answered { FULL } else { (AMPLIFICATION * self.received).saturating_sub(self.sent) };
        if self.tries >= CHALLENGES_MAX || allowed < SHORT {
            return None;
        }
        Some(if allowed >= FULL { FULL } else { SHORT })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "old";
    const NEW: &str = "new";
    const SHORT_DATA: [u8; 8] = [7; 8];
    const FULL_DATA: [u8; 8] = [8; 8];

    fn moved(bytes: u64) -> Paths<&'static str> {
        let mut paths = Paths::new(OLD);
        paths.received(Instant::ZERO, OLD, 5, 100, || unreachable!());
        paths.received(Instant::ZERO, NEW, 6, bytes, || [SHORT_DATA, FULL_DATA]);
        paths
    }

    fn challenge(data: [u8; 8]) -> Option<Challenge<&'static str>> {
        Some(Challenge { to: NEW, data, is_full: data == FULL_DATA })
    }

    #[test]
    fn the_address_moves_when_a_full_challenge_is_answered_from_there_and_not_before() {
        let mut paths = moved(100);
        assert_eq!((paths.proven(), paths.challenge(Instant::ZERO)), (OLD, challenge(SHORT_DATA)));
        assert!(!paths.responded(Instant::ZERO, OLD, SHORT_DATA), "from elsewhere");
        assert!(!paths.responded(Instant::ZERO, NEW, [9; 8]), "something else");
        assert!(
            !paths.responded(Instant::ZERO, NEW, SHORT_DATA),
            "somebody is there, but does the path take 1,200 bytes?"
        );
        assert_eq!((paths.proven(), paths.challenge(Instant::ZERO)), (OLD, challenge(FULL_DATA)));
        assert!(paths.responded(Instant::ZERO, NEW, FULL_DATA));
        assert_eq!((paths.proven(), paths.challenge(Instant::ZERO)), (NEW, None));
    }

    #[test]
    fn the_first_challenge_is_full_when_400_bytes_came_from_there_and_not_one_less() {
        assert_eq!(moved(400).challenge(Instant::ZERO), challenge(FULL_DATA));
        assert_eq!(moved(399).challenge(Instant::ZERO), challenge(SHORT_DATA));
    }

    #[test]
    fn an_older_packet_from_elsewhere_moves_nothing_and_a_newer_from_the_old_address_ends_the_attempt() {
        let mut paths = Paths::new(OLD);
        paths.received(Instant::ZERO, OLD, 5, 100, || unreachable!());
        paths.received(Instant::ZERO, NEW, 4, 100, || unreachable!());
        assert_eq!(paths.challenge(Instant::ZERO), None);
        let mut paths = moved(100);
        paths.received(Instant::ZERO, OLD, 7, 100, || unreachable!());
        assert_eq!(paths.challenge(Instant::ZERO), None);
    }

    #[test]
    fn no_more_than_three_times_the_bytes_and_three_challenges_go_to_an_unproven_address() {
        let mut paths = moved(SHORT);
        let mut sent = 0;
        while let Some(challenge) = paths.challenge(Instant::ZERO) {
            paths.challenged(challenge.is_full, Instant::ZERO);
            sent += SHORT;
        }
        assert_eq!(sent, 3 * SHORT);
        paths.received(Instant::ZERO, NEW, 6, 4000, || unreachable!());
        assert_eq!(paths.challenge(Instant::ZERO), None, "three are enough");
        paths.received(Instant::ZERO, NEW, 7, 4000, || unreachable!());
        assert_eq!(paths.challenge(Instant::ZERO), challenge(FULL_DATA), "but it is still there");
        let mut paths = moved(SHORT - 1);
        for _ in 0..2 {
            paths.challenged(false, Instant::ZERO);
        }
        assert_eq!(paths.challenge(Instant::ZERO), None, "120 of 117 bytes");
    }
}
