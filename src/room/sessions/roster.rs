//! Which keys are present, and whose the nicks are (PROTOCOL 2.10).
//!
//! Owns: how many sessions a key has, since when it is without, who holds which nick.
//! Must not know: sessions themselves, entries; it says when `joined` and `left` are due.
//! Driven by: `sessions`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

use super::authors::AuthorId;
use crate::sabotage::{Fault, planted};
use crate::session::DEAD_AFTER;
use crate::time::Instant;
use crate::wire::{CloseReason, Nick, Who};

/// The most sessions of a key (PROTOCOL 2.10).
pub const SESSIONS_OF_A_KEY: usize = 8;

/// How long a key may be without a session before it has left (PROTOCOL 2.10). Chosen: longer than coming back takes,
/// shorter than a question waits for an answer.
const GRACE: Duration = Duration::from_secs(10);

/// What is to be told of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) who: Who,
    pub(super) nick: Nick,
    pub(super) author: AuthorId,
    pub(super) why: CloseReason,
}

#[derive(Debug)]
struct Key {
    sessions: usize,
    present: usize,
    /// Under which nick and by which author `joined` was told, and not yet `left`.
    joined: Option<(Nick, AuthorId)>,
    /// Why it went, and which leaving that was.
    leaving: Option<(CloseReason, u64)>,
}

/// The keys that are or were just here.
#[derive(Debug, Default)]
pub(super) struct Roster {
    keys: BTreeMap<Who, Key>,
    /// Who holds a nick, with how many sessions.
    nicks: BTreeMap<Nick, (Who, usize)>,
    /// Keys that will have left, by when.
    leaving: BTreeSet<(Instant, Who, u64)>,
    leavings: u64,
}

impl Roster {
    /// Whether a session of `who` under `nick` may begin beside those that there are.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn admits(&self, who: Who, nick: &Nick) -> Result<(), CloseReason> {
        if !self.is_free_for(who, nick) {
            return Err(CloseReason::NickTaken);
        }
        let full = self.keys.get(&who).is_some_and(|key| key.sessions >= SESSIONS_OF_A_KEY);
        if full { Err(CloseReason::TooManySessions) } else { Ok(()) }
    }

    /// Whether no other key holds the nick.
    pub(super) fn is_free_for(&self, who: Who, nick: &Nick) -> bool {
        self.nicks.get(nick).is_none_or(|&(holder, _)| holder == who)
    }

    /// One more session of `who` holds the nick.
    pub(super) fn hold(&mut self, who: Who, nick: &Nick) {
        self.nicks.entry(nick.clone()).or_insert((who, 0)).1 += 1;
    }

    /// One session less holds the nick.
    pub(super) fn release(&mut self, nick: &Nick) {
        if let Some((_, sessions)) = self.nicks.get_mut(nick) {
            *sessions -= 1;
            if *sessions == 0 {
                self.nicks.remove(nick);
            }
        }
    }

    /// The log says that a session of `who` is `to` from now on and not `nick` any more: so is the key, if that was what
    /// it joined as.
    pub(super) fn renamed(&mut self, who: Who, nick: &str, to: &Nick) {
        let joined = self.keys.get_mut(&who).and_then(|key| key.joined.as_mut());
        if let Some((joined, _)) = joined.filter(|(joined, _)| joined.as_str() == nick) {
            *joined = to.clone();
        }
    }

    /// The keys that are present, behind `after`, and under which nicks.
    pub(super) fn present_after(&self, after: Option<Who>) -> impl Iterator<Item = (Who, &Nick)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = self.keys.range((from, Bound::Unbounded));
        behind.filter_map(|(&who, key)| key.joined.as_ref().map(|(nick, _)| (who, nick)))
    }

    /// The log says that the key was present when the server ended: it has left unless it comes back soon.
    pub(super) fn recall_joined(&mut self, now: Instant, who: Who, nick: Nick, author: AuthorId) {
        let joined = Some((nick, author));
        self.keys.insert(who, Key { sessions: 0, present: 0, joined, leaving: None });
        self.leave_later(who, now + DEAD_AFTER, CloseReason::TimedOut);
    }

    /// The log says that it left.
    pub(super) fn recall_left(&mut self, who: Who) {
        self.keys.remove(&who);
    }

    /// A session begins. True if `joined` is to be told.
    pub(super) fn arrive(&mut self, who: Who, nick: &Nick, present: bool, author: AuthorId) -> bool {
        self.hold(who, nick);
        let key = self.keys.entry(who).or_insert(Key { sessions: 0, present: 0, joined: None, leaving: None });
        key.sessions += 1;
        if !present {
            return false;
        }
        key.present += 1;
        key.leaving = None;
        let is_first = key.joined.is_none() || planted(Fault::NoisyReconnect);
        if is_first {
            key.joined = Some((nick.clone(), author));
        }
        is_first
    }

    /// A session ends. Returns what is to be told at once.
    pub(super) fn depart(
        &mut self,
        now: Instant,
        who: Who,
        nick: &Nick,
        present: bool,
        why: CloseReason,
    ) -> Option<Notice> {
        self.release(nick);
        let key = self.keys.get_mut(&who)?;
        key.sessions -= 1;
        key.present -= usize::from(present);
        if !present || key.present > 0 {
            return self.forget_if_nothing(who);
        }
        if matches!(why, CloseReason::Left | CloseReason::TimedOut) {
            return self.left(who, why);
        }
        self.leave_later(who, now + GRACE, why);
        None
    }

    /// What is to be told of the next key whose grace is over.
    pub(super) fn expired(&mut self, now: Instant) -> Option<Notice> {
        while let Some(&(at, who, leaving)) = self.leaving.first() {
            if at > now {
                return None;
            }
            self.leaving.pop_first();
            let why = self.keys.get(&who).and_then(|key| key.leaving).filter(|&(_, which)| which == leaving);
            if let Some(notice) = why.and_then(|(why, _)| self.left(who, why)) {
                return Some(notice);
            }
        }
        None
    }

    /// When [`Roster::expired`] is worth a call.
    pub(super) fn expiry(&self) -> Option<Instant> {
        self.leaving.first().map(|&(at, ..)| at)
    }

    /// The authors that a `left` will name.
    pub(super) fn authors(&self) -> BTreeSet<AuthorId> {
        self.keys.values().filter_map(|key| key.joined.as_ref()).map(|&(_, author)| author).collect()
    }

    fn leave_later(&mut self, who: Who, at: Instant, why: CloseReason) {
        self.leavings += 1;
        if let Some(key) = self.keys.get_mut(&who) {
            key.leaving = Some((why, self.leavings));
            self.leaving.insert((at, who, self.leavings));
        }
    }

    fn left(&mut self, who: Who, why: CloseReason) -> Option<Notice> {
        let key = self.keys.get_mut(&who)?;
        key.leaving = None;
        let (nick, author) = key.joined.take()?;
        self.forget_if_nothing(who);
        Some(Notice { who, nick, author, why })
    }

    fn forget_if_nothing(&mut self, who: Who) -> Option<Notice> {
        if self.keys.get(&who).is_some_and(|key| key.sessions == 0 && key.joined.is_none()) {
            self.keys.remove(&who);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JILL: Who = Who([1; 8]);
    const JACK: Who = Who([2; 8]);
    const AUTHOR: AuthorId = AuthorId(0);

    fn nick(nick: &str) -> Nick {
        nick.parse().unwrap()
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1000)
    }

    #[test]
    fn joined_comes_with_the_first_session_and_left_with_the_last() {
        let mut roster = Roster::default();
        assert!(roster.arrive(JILL, &nick("jill"), true, AUTHOR));
        assert!(!roster.arrive(JILL, &nick("jill"), true, AUTHOR));
        assert!(!roster.arrive(JILL, &nick("cron"), false, AUTHOR), "without presence");
        assert_eq!(roster.depart(at(0), JILL, &nick("jill"), true, CloseReason::Left), None);
        let left = roster.depart(at(0), JILL, &nick("jill"), true, CloseReason::Left).unwrap();
        assert_eq!((left.who, left.nick, left.why), (JILL, nick("jill"), CloseReason::Left));
        assert_eq!(roster.depart(at(0), JILL, &nick("cron"), false, CloseReason::Left), None);
        assert!(roster.keys.is_empty() && roster.nicks.is_empty());
    }

    #[test]
    fn a_reconnect_within_the_grace_makes_no_noise_and_one_after_it_does() {
        let mut roster = Roster::default();
        roster.arrive(JILL, &nick("jill"), true, AUTHOR);
        assert_eq!(roster.depart(at(0), JILL, &nick("jill"), true, CloseReason::Broken), None);
        assert!(!roster.arrive(JILL, &nick("jill"), true, AUTHOR));
        assert_eq!(roster.expired(at(10)), None);
        assert_eq!(roster.depart(at(20), JILL, &nick("jill"), true, CloseReason::Broken), None);
        assert_eq!((roster.expired(at(29)), roster.expiry()), (None, Some(at(30))));
        assert_eq!(roster.expired(at(30)).map(|notice| notice.why), Some(CloseReason::Broken));
        assert!(roster.arrive(JILL, &nick("jill"), true, AUTHOR));
    }

    #[test]
    fn who_said_bye_or_was_silent_for_too_long_has_left_at_once() {
        let mut roster = Roster::default();
        for why in [CloseReason::Left, CloseReason::TimedOut] {
            roster.arrive(JILL, &nick("jill"), true, AUTHOR);
            assert_eq!(roster.depart(at(0), JILL, &nick("jill"), true, why).map(|notice| notice.why), Some(why));
        }
    }

    #[test]
    fn a_nick_that_is_held_twice_is_free_when_it_is_let_go_twice() {
        let mut roster = Roster::default();
        roster.arrive(JILL, &nick("jill"), true, AUTHOR);
        roster.hold(JILL, &nick("jane"));
        assert!(!roster.is_free_for(JACK, &nick("jill")) && !roster.is_free_for(JACK, &nick("jane")));
        roster.renamed(JILL, "jill", &nick("jane"));
        roster.release(&nick("jill"));
        assert!(roster.is_free_for(JACK, &nick("jill")));
        assert_eq!(roster.present_after(None).collect::<Vec<_>>(), [(JILL, &nick("jane"))]);
        assert_eq!(roster.present_after(Some(JILL)).count(), 0);
        let left = roster.depart(at(0), JILL, &nick("jane"), true, CloseReason::Left).unwrap();
        assert_eq!(left.nick, nick("jane"));
        assert!(roster.nicks.is_empty());
    }

    #[test]
    fn who_was_present_when_the_server_ended_comes_back_without_noise_or_has_left() {
        let mut roster = Roster::default();
        roster.recall_joined(at(0), JILL, nick("jill"), AUTHOR);
        roster.recall_joined(at(0), JACK, nick("jack"), AUTHOR);
        roster.recall_joined(at(0), Who([3; 8]), nick("joe"), AUTHOR);
        roster.recall_left(Who([3; 8]));
        assert!(!roster.arrive(JILL, &nick("jill"), true, AUTHOR));
        assert_eq!(roster.expired(at(59)), None);
        assert_eq!(roster.expired(at(60)).map(|notice| notice.who), Some(JACK));
        assert_eq!(roster.expired(at(60)), None);
    }

    #[test]
    fn a_nick_is_its_holders_until_its_last_session_ends() {
        let mut roster = Roster::default();
        roster.arrive(JILL, &nick("jill"), true, AUTHOR);
        assert_eq!(roster.admits(JACK, &nick("jill")), Err(CloseReason::NickTaken));
        assert_eq!(roster.admits(JILL, &nick("jill")), Ok(()));
        roster.depart(at(0), JILL, &nick("jill"), true, CloseReason::TimedOut);
        assert_eq!(roster.admits(JACK, &nick("jill")), Ok(()), "no ghost holds it");
    }

    #[test]
    fn a_key_has_eight_sessions_and_not_nine() {
        let mut roster = Roster::default();
        for _ in 0..SESSIONS_OF_A_KEY {
            assert_eq!(roster.admits(JILL, &nick("jill")), Ok(()));
            roster.arrive(JILL, &nick("jill"), true, AUTHOR);
        }
        assert_eq!(roster.admits(JILL, &nick("jill")), Err(CloseReason::TooManySessions));
    }
}
