//! Where the other end is, and the proof that it is there (PROTOCOL 2.12).
//!
//! Owns: the proven path, the one that is being proven, the challenge.
//! Must not know: sockets; a path is whatever the driver names them by.
//! Driven by: the session.

use crate::sabotage::{Fault, planted};
use crate::time::Instant;

/// RFC 9000 8: no more than three times the bytes that came from there.
const AMPLIFICATION: u64 = 3;

/// How often a challenge is sent at most for each newer packet that comes from there (PROTOCOL 2.12).
const CHALLENGES_MAX: u32 = 3;

/// A path that is not proven.
#[derive(Clone, Copy, Debug)]
struct Candidate<P> {
    path: P,
    challenge: [u8; 8],
    received: u64,
    sent: u64,
    challenges: u32,
    due: Instant,
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

    /// An authentic packet of `bytes` came from `from`. True if a new path is to be proven; then `challenge` gives the
    /// challenge.
    pub(super) fn received(
        &mut self,
        now: Instant,
        from: P,
        number: u64,
        bytes: u64,
        challenge: impl FnOnce() -> [u8; 8],
    ) {
        let is_newest = self.newest.is_none_or(|newest| number > newest);
        if is_newest {
            self.newest = Some(number);
        }
        if let Some(candidate) = self.candidate.as_mut().filter(|candidate| candidate.path == from) {
            candidate.received += bytes;
            if is_newest && candidate.challenges >= CHALLENGES_MAX {
                // Still there, and all challenges so far were lost.
                candidate.challenges = 0;
            }
        } else if from == self.proven {
            if is_newest {
                self.candidate = None;
            }
        } else if is_newest && planted(Fault::SkipChallenge) {
            self.proven = from;
        } else if is_newest {
            let challenge = challenge();
            self.candidate =
                Some(Candidate { path: from, challenge, received: bytes, sent: 0, challenges: 0, due: now });
        }
    }

    /// A response came from `from`. True if that is the proven path now.
    pub(super) fn responded(&mut self, from: P, data: [u8; 8]) -> bool {
        let proves = |candidate: &Candidate<P>| candidate.path == from && candidate.challenge == data;
        let proven = self.candidate.take_if(|candidate| proves(candidate));
        if let Some(candidate) = proven {
            self.proven = candidate.path;
        }
        proven.is_some()
    }

    /// The challenge that is due, if it may be sent in `bytes`, and where to.
    pub(super) fn challenge(&self, now: Instant, bytes: u64) -> Option<(P, [u8; 8])> {
        let candidate = self.candidate.as_ref().filter(|candidate| candidate.is_due(now, bytes))?;
        Some((candidate.path, candidate.challenge))
    }

    /// It was sent; the next one is due at `again`.
    pub(super) fn challenged(&mut self, bytes: u64, again: Instant) {
        if let Some(candidate) = &mut self.candidate {
            candidate.sent += bytes;
            candidate.challenges += 1;
            candidate.due = again;
        }
    }

    /// When [`Paths::challenge`] has something next, if time alone decides it.
    pub(super) fn due(&self, bytes: u64) -> Option<Instant> {
        self.candidate.as_ref().filter(|candidate| candidate.may_be_sent(bytes)).map(|candidate| candidate.due)
    }
}

impl<P> Candidate<P> {
    fn is_due(&self, now: Instant, bytes: u64) -> bool {
        self.due <= now && self.may_be_sent(bytes)
    }

    fn may_be_sent(&self, bytes: u64) -> bool {
        if planted(Fault::EndlessChallenge) {
            return true;
        }
        self.challenges < CHALLENGES_MAX && self.sent + bytes <= AMPLIFICATION * self.received
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "old";
    const NEW: &str = "new";
    const DATA: [u8; 8] = [7; 8];

    fn moved(bytes: u64) -> Paths<&'static str> {
        let mut paths = Paths::new(OLD);
        paths.received(Instant::ZERO, OLD, 5, 100, || unreachable!());
        paths.received(Instant::ZERO, NEW, 6, bytes, || DATA);
        paths
    }

    #[test]
    fn the_address_moves_when_the_challenge_is_answered_from_there_and_not_before() {
        let mut paths = moved(100);
        assert_eq!((paths.proven(), paths.challenge(Instant::ZERO, 40)), (OLD, Some((NEW, DATA))));
        assert!(!paths.responded(OLD, DATA), "from elsewhere");
        assert!(!paths.responded(NEW, [8; 8]), "something else");
        assert!(paths.responded(NEW, DATA));
        assert_eq!((paths.proven(), paths.challenge(Instant::ZERO, 40)), (NEW, None));
    }

    #[test]
    fn an_older_packet_from_elsewhere_moves_nothing_and_a_newer_from_the_old_address_ends_the_attempt() {
        let mut paths = Paths::new(OLD);
        paths.received(Instant::ZERO, OLD, 5, 100, || unreachable!());
        paths.received(Instant::ZERO, NEW, 4, 100, || unreachable!());
        assert_eq!(paths.challenge(Instant::ZERO, 40), None);
        let mut paths = moved(100);
        paths.received(Instant::ZERO, OLD, 7, 100, || unreachable!());
        assert_eq!(paths.challenge(Instant::ZERO, 40), None);
    }

    #[test]
    fn no_more_than_three_times_the_bytes_and_three_challenges_go_to_an_unproven_address() {
        let mut paths = moved(40);
        let mut sent = 0;
        while paths.challenge(Instant::ZERO, 40).is_some() {
            paths.challenged(40, Instant::ZERO);
            sent += 40;
        }
        assert_eq!(sent, 3 * 40);
        assert_eq!(paths.challenge(Instant::ZERO, 40), None);
        paths.received(Instant::ZERO, NEW, 6, 4000, || unreachable!());
        assert_eq!(paths.challenge(Instant::ZERO, 40), None, "three are enough");
        paths.received(Instant::ZERO, NEW, 7, 4000, || unreachable!());
        assert!(paths.challenge(Instant::ZERO, 40).is_some(), "but it is still there");
        let mut paths = moved(39);
        paths.challenged(40, Instant::ZERO);
        paths.challenged(38, Instant::ZERO);
        assert_eq!(paths.challenge(Instant::ZERO, 40), None, "118 of 117 bytes");
        assert!(paths.challenge(Instant::ZERO, 39).is_some(), "117 of 117");
    }
}
