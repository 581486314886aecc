//! Where the other end is, and the proof that it is there (PROTOCOL 2.12).
//!
//! Owns: the proven path, the candidate for the next one, the challenges.
//! Must not know: sockets; the driver chooses the type that names a path.
//! Driven by: the session.

use std::time::Duration;

use crate::time::Instant;
use crate::wire::packet::{DATAGRAM_MAX, PACKET_HEAD, TAG_LEN};

/// Factor by which more bytes may go to an unproven path than came from there (RFC 9000 8).
const AMPLIFICATION: u64 = 3;

/// Most challenges sent for each newer packet from the candidate (PROTOCOL 2.12).
const CHALLENGES_MAX: u32 = 3;

/// The pause before a challenge is sent again, twice as long each time. The old path's estimate says nothing about the new one,
/// so this is the value for a path without a sample (RFC 9002 6.2.2).
const AGAIN: Duration = Duration::from_millis(333);

/// The pause if a newer packet has come from there. Chosen: a lost challenge delays a lively room by a tenth of a second.
const AGAIN_IF_HEARD: Duration = Duration::from_millis(100);

/// Length of a packet that holds only a challenge.
pub(super) const SHORT: u64 = (PACKET_HEAD + 3 + 8 + TAG_LEN) as u64;

/// Length of a challenge packet that shows that the path carries full datagrams (RFC 9000 8.2.1).
pub(super) const FULL: u64 = DATAGRAM_MAX as u64;

/// Two challenges, one for a short and one for a full packet, so that a response shows which of them arrived.
pub(super) type Challenges = [[u8; 8]; 2];

/// A path that is not proven yet.
#[derive(Clone, Copy, Debug)]
struct Candidate<P> {
    path: P,
    challenges: Challenges,
    received: u64,
    sent: u64,
    /// Challenges sent since the last newer packet, and when the last one was sent.
    tries: u32,
    asked: Option<Instant>,
    due: Instant,
    /// Whether a short challenge was answered: the address is genuine, so the anti-amplification limit no longer applies.
    is_answered: bool,
}

/// A challenge to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Challenge<P> {
    pub(super) to: P,
    pub(super) data: [u8; 8],
    /// Whether the packet is [`FULL`] rather than [`SHORT`].
    pub(super) is_full: bool,
}

/// The paths of a session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paths<P> {
    proven: P,
    candidate: Option<Candidate<P>>,
    /// The highest packet number authenticated so far.
    newest: Option<u64>,
}

impl<P: Copy + PartialEq> Paths<P> {
    /// Begins with the other end at `proven`.
    pub(super) const fn new(proven: P) -> Self {
        Self { proven, candidate: None, newest: None }
    }

    /// Returns the path to send to.
    pub(super) const fn proven(&self) -> P {
        self.proven
    }

    /// Records an authentic packet of `bytes` from `from`. If that is a new path to prove, calls `challenges`.
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
            if is_newest {
                // The other end is still there, so any challenge sent so far may be lost.
                candidate.tries = 0;
                let again = candidate.asked.map_or(now, |asked| asked + AGAIN_IF_HEARD);
                candidate.due = candidate.due.min(again.max(now));
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
                asked: None,
                due: now,
                is_answered: false,
            });
        }
    }

    /// Records a response from `from`. Returns true if that path is now proven.
    pub(super) fn responded(&mut self, now: Instant, from: P, data: [u8; 8]) -> bool {
        let Some(candidate) = self.candidate.as_mut().filter(|candidate| candidate.path == from) else { return false };
        let [short, full] = candidate.challenges;
        if data == full {
            self.proven = from;
            self.candidate = None;
            return true;
        }
        if data == short && !candidate.is_answered {
            // RFC 9000 8.2.1: the address is genuine; now a full packet must show that the path carries one.
            candidate.is_answered = true;
            candidate.tries = 0;
            candidate.due = now;
        }
        false
    }

    /// Returns the challenge that is due, if it may be sent.
    pub(super) fn challenge(&self, now: Instant) -> Option<Challenge<P>> {
        let candidate = self.candidate.as_ref().filter(|candidate| candidate.due <= now)?;
        let is_full = candidate.length()? == FULL;
        let [short, full] = candidate.challenges;
        Some(Challenge { to: candidate.path, data: if is_full { full } else { short }, is_full })
    }

    /// Records that the challenge was sent.
    pub(super) fn challenged(&mut self, now: Instant, is_full: bool) {
        if let Some(candidate) = &mut self.candidate {
            candidate.sent += if is_full { FULL } else { SHORT };
            candidate.asked = Some(now);
            candidate.due = now + AGAIN * (1 << candidate.tries.min(CHALLENGES_MAX));
            candidate.tries += 1;
        }
    }

    /// Returns when [`Paths::challenge`] has a challenge next, if only time decides that.
    pub(super) fn due(&self) -> Option<Instant> {
        self.candidate.as_ref().filter(|candidate| candidate.length().is_some()).map(|candidate| candidate.due)
    }
}

impl<P> Candidate<P> {
    /// Returns how long a challenge to this path may be; `None` if none may be sent.
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
        let mut now = Instant::ZERO;
        while let Some(challenge) = paths.challenge(now) {
            paths.challenged(now, challenge.is_full);
            sent += SHORT;
            now = now + Duration::from_secs(10);
        }
        assert_eq!(sent, 3 * SHORT);
        paths.received(now, NEW, 6, 4000, || unreachable!());
        assert_eq!(paths.challenge(now), None, "three are enough");
        paths.received(now, NEW, 7, 4000, || unreachable!());
        assert_eq!(paths.challenge(now), challenge(FULL_DATA), "but it is still there");
        let mut paths = moved(SHORT - 1);
        for _ in 0..2 {
            paths.challenged(Instant::ZERO, false);
        }
        assert_eq!(paths.challenge(now), None, "120 of 117 bytes");
    }

    #[test]
    fn each_newer_packet_from_there_has_a_lost_challenge_sent_again_soon_and_without_one_it_is_put_off_longer_and_longer()
     {
        let at = Instant::from_millis;
        let mut paths = moved(4000);
        let mut asked = Vec::new();
        for millis in 0..5000 {
            if paths.challenge(at(millis)).is_some() {
                paths.challenged(at(millis), true);
                asked.push(millis);
            }
        }
        assert_eq!(asked, [0, 333, 999], "and not a fourth time");
        assert_eq!(paths.due(), None);
        paths.received(at(5000), NEW, 7, 4000, || unreachable!());
        assert_eq!(paths.challenge(at(5000)), challenge(FULL_DATA), "at once");
        paths.challenged(at(5000), true);
        paths.received(at(5001), NEW, 8, 4000, || unreachable!());
        paths.received(at(5002), NEW, 9, 4000, || unreachable!());
        assert_eq!(paths.due(), Some(at(5100)), "not one for each");
    }
}
