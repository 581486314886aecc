//! Who is present, and which key holds which nick (PROTOCOL 2.10).
//!
//! Owns: the nicks under which each key is present, since when it has had no session, who holds which nick, and the notices
//! that the log has not taken.
//! Must not know: sessions themselves, entries; it says when `joined` and `left` are due.
//! Driven by: `sessions`.
//!
//! Presence belongs to a key under a nick: two windows of one nick are one presence, two nicks of one user are two.
//!
//! A log that cannot be written takes no `joined` and no `left` either. They are drafted again later, unless they cancel out.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

use crate::policy::names::Skeletons;
use crate::server::ids::AuthorId;
use crate::session::DEAD_AFTER;
use crate::time::Instant;
use crate::wire::entry::Entry;
use crate::wire::{CloseReason, Nick, Who};

/// How long a key may be without a session before it has left (PROTOCOL 2.10). Chosen: longer than a reconnect takes, shorter
/// than people wait for an answer.
const GRACE: Duration = Duration::from_secs(10);

/// How long a notice that the log refused waits for its next attempt.
const TELL_AGAIN: Duration = Duration::from_secs(1);

/// Whether a key has joined or left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    Joined,
    Left(CloseReason),
}

impl News {
    pub(crate) const fn is_joined(self) -> bool {
        matches!(self, Self::Joined)
    }
}

/// A `joined` or `left` to be drafted for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) who: Who,
    pub(crate) nick: Nick,
    pub(crate) author: AuthorId,
    pub(crate) news: News,
}

/// A key under a nick.
type Name = (Who, Nick);

/// Who wrote to the log that a key is present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Teller {
    /// This server, in the name of this author.
    Us(AuthorId),
    /// Another server that writes to the same log.
    Other,
}

#[derive(Debug, Default)]
struct Status {
    /// Its sessions that ask for presence.
    sessions: usize,
    /// Who wrote `joined`, if nobody has written `left` since.
    joined: Option<Teller>,
    /// Why it is leaving, and the number of this departure.
    leaving: Option<(CloseReason, u64)>,
    /// It is present because another server wrote so, and holds the nick for that reason.
    holds_elsewhere: bool,
}

/// The keys that are present, or were until a moment ago.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    presences: BTreeMap<Name, Status>,
    /// The key that holds each nick, by its skeletons, and with how many sessions.
    nicks: BTreeMap<Box<str>, (Who, Nick, usize)>,
    /// Presences that are about to end, by when they do and the number of the departure.
    leaving: BTreeMap<(Instant, u64), Name>,
    leavings: u64,
    /// Names with a notice that the log has neither taken nor refused yet. Their next notice waits, because the log could take
    /// the second of two and not the first.
    in_flight: BTreeSet<Name>,
    /// Notices that the log refused, or that wait for the one in flight.
    untold: BTreeMap<Name, (AuthorId, News)>,
    tell_again: Option<Instant>,
}

impl Presence {
    /// Returns the key other than `who` that has a session under a nick with these skeletons, and that nick.
    pub(crate) fn other_holder(&self, who: Who, nick: &Skeletons) -> Option<(Who, &Nick)> {
        let mut holders = nick.iter().filter_map(|skeleton| self.nicks.get(skeleton));
        holders.find(|(holder, ..)| *holder != who).map(|(holder, nick, _)| (*holder, nick))
    }

    /// Counts one more session of `who` that holds the nick.
    pub(crate) fn hold(&mut self, who: Who, nick: &Nick) {
        for skeleton in Skeletons::of(nick.as_str()).iter() {
            self.nicks.entry(skeleton.into()).or_insert_with(|| (who, nick.clone(), 0)).2 += 1;
        }
    }

    /// Counts one session less that holds the nick.
    pub(crate) fn release(&mut self, nick: &Nick) {
        for skeleton in Skeletons::of(nick.as_str()).iter() {
            let Some((.., sessions)) = self.nicks.get_mut(skeleton) else { continue };
            *sessions -= 1;
            if *sessions == 0 {
                self.nicks.remove(skeleton);
            }
        }
    }

    /// Moves the presence of a session of `who` from `nick` to `to`: the log has this rename, or will have it.
    pub(crate) fn renamed(&mut self, who: Who, nick: &Nick, to: &Nick) {
        let name = (who, nick.clone());
        let Some(presence) = self.presences.get_mut(&name).filter(|presence| presence.sessions > 0) else { return };
        presence.sessions -= 1;
        let joined = if presence.sessions == 0 { presence.joined.take() } else { presence.joined };
        self.forget_if_nothing(&name);
        let presence = self.presences.entry((who, to.clone())).or_default();
        presence.sessions += 1;
        presence.joined = presence.joined.or(joined);
        presence.leaving = None;
        if let Some(news) = self.untold.remove(&name) {
            self.untold.insert((who, to.clone()), news);
        }
    }

    /// Returns those who are present, in the order of keys, behind all presences of `after`.
    pub(crate) fn present_after(&self, after: Option<Who>) -> impl Iterator<Item = (Who, &Nick)> {
        let next = after.map(|Who(bytes)| Who((u64::from_be_bytes(bytes).saturating_add(1)).to_be_bytes()));
        let from = next.map_or(Bound::Unbounded, |next| Bound::Included((next, Nick::least())));
        let behind = self.presences.range((from, Bound::Unbounded));
        behind.filter(|(_, presence)| presence.joined.is_some()).map(|((who, nick), _)| (*who, nick))
    }

    /// Returns the keys that are present here, and not only at another server of the same log, in their order; some of them several times.
    pub(crate) fn present_here(&self) -> impl Iterator<Item = Who> {
        let here = self.presences.iter().filter(|(_, status)| matches!(status.joined, Some(Teller::Us(_))));
        here.map(|((who, _), _)| *who)
    }

    /// Records that the key was present when the server ended, as the log says: it has left unless it comes back soon.
    pub(crate) fn recall_joined(&mut self, now: Instant, who: Who, nick: Nick, author: AuthorId) {
        let name = (who, nick);
        self.presences.insert(name.clone(), Status { joined: Some(Teller::Us(author)), ..Status::default() });
        self.leave_later(&name, now + DEAD_AFTER, CloseReason::TimedOut);
    }

    /// Begins a session. Returns the notice to draft.
    pub(crate) fn arrive(&mut self, who: Who, nick: &Nick, present: bool, author: AuthorId) -> Option<Notice> {
        self.hold(who, nick);
        if !present {
            return None;
        }
        let presence = self.presences.entry((who, nick.clone())).or_default();
        presence.sessions += 1;
        presence.leaving = None;
        if presence.joined.is_some() {
            return None;
        }
        presence.joined = Some(Teller::Us(author));
        self.news(Notice { who, nick: nick.clone(), author, news: News::Joined })
    }

    /// Ends a session. Returns the notice to draft at once.
    pub(crate) fn depart(
        &mut self,
        now: Instant,
        who: Who,
        nick: &Nick,
        present: bool,
        why: CloseReason,
    ) -> Option<Notice> {
        self.release(nick);
        let name = (who, nick.clone());
        let presence = self.presences.get_mut(&name).filter(|_| present)?;
        presence.sessions -= 1;
        if presence.sessions > 0 || presence.joined == Some(Teller::Other) {
            return None;
        }
        let is_final = matches!(
            why,
            CloseReason::Left
                | CloseReason::TimedOut
                | CloseReason::Kicked
                | CloseReason::Banned
                | CloseReason::NotInvited
        );
        if is_final {
            return self.left(name, why);
        }
        self.leave_later(&name, now + GRACE, why);
        None
    }

    /// Applies an entry that did not come through this server. Returns the notice to draft again if the entry is wrong about a
    /// key that is present here.
    pub(crate) fn append(&mut self, entry: &Entry<'_>) -> Option<Notice> {
        match *entry {
            Entry::Joined { who, nick } => {
                self.joined_elsewhere(who, nick.parse().ok()?);
                None
            }
            Entry::Left { who, nick, .. } => self.left_elsewhere(who, nick.parse().ok()?),
            Entry::Renamed { who, nick, to } => {
                let notice = self.left_elsewhere(who, nick.parse().ok()?);
                self.joined_elsewhere(who, to.parse().ok()?);
                notice
            }
            Entry::Line { .. }
            | Entry::Said { .. }
            | Entry::Did { .. }
            | Entry::Acted { .. }
            | Entry::Private { .. } => None,
        }
    }

    fn joined_elsewhere(&mut self, who: Who, nick: Nick) {
        let is_held = Skeletons::of(nick.as_str()).iter().any(|skeleton| self.nicks.contains_key(skeleton));
        let status = self.presences.entry((who, nick.clone())).or_default();
        if status.joined.is_some() {
            return;
        }
        status.joined = Some(Teller::Other);
        if !is_held {
            status.holds_elsewhere = true;
            self.hold(who, &nick);
        }
    }

    fn left_elsewhere(&mut self, who: Who, nick: Nick) -> Option<Notice> {
        let name = (who, nick);
        let status = self.presences.get_mut(&name)?;
        let told = status.joined.take();
        let is_here = status.sessions > 0;
        if std::mem::take(&mut status.holds_elsewhere) {
            self.release(&name.1);
        }
        match told {
            Some(Teller::Us(author)) if is_here => {
                self.presences.get_mut(&name)?.joined = told;
                Some(Notice { who, nick: name.1, author, news: News::Joined })
            }
            Some(Teller::Us(_) | Teller::Other) | None => {
                self.forget_if_nothing(&name);
                None
            }
        }
    }

    /// Returns the notice for the next presence whose grace is over.
    pub(crate) fn expired(&mut self, now: Instant) -> Option<Notice> {
        while let Some(entry) = self.leaving.first_entry().filter(|entry| entry.key().0 <= now) {
            let (_, leaving) = *entry.key();
            let name = entry.remove();
            let why = self.presences.get(&name).and_then(|presence| presence.leaving);
            if let Some((why, _)) = why.filter(|&(_, which)| which == leaving)
                && let Some(notice) = self.left(name, why)
            {
                return Some(notice);
            }
        }
        None
    }

    /// Whether the notice may go to the log now, with its outcome to [`Presence::told`]; else it waits for the one in flight.
    pub(crate) fn submit(&mut self, now: Instant, notice: &Notice) -> bool {
        let is_first = self.in_flight.insert((notice.who, notice.nick.clone()));
        if !is_first {
            self.put_off(now, notice.clone());
        } else if notice.news.is_joined() {
            // It may end in a claim, even if the session is gone by then.
            self.hold(notice.who, &notice.nick);
        }
        is_first
    }

    /// Records whether the log has taken the notice.
    pub(crate) fn told(&mut self, now: Instant, notice: Notice, is_taken: bool) {
        let name = (notice.who, notice.nick.clone());
        if self.in_flight.remove(&name) && notice.news.is_joined() {
            self.release(&notice.nick);
        }
        if !is_taken {
            self.put_off(now, notice);
        } else if self.untold.get(&name).is_some_and(|&(_, news)| news.is_joined() == notice.news.is_joined()) {
            self.untold.remove(&name);
        } else if self.untold.contains_key(&name) {
            self.tell_again = Some(now);
        }
    }

    /// Keeps the notice for later, unless it cancels out.
    fn put_off(&mut self, now: Instant, notice: Notice) {
        if let Some(Notice { who, nick, author, news }) = self.news(notice) {
            self.untold.insert((who, nick), (author, news));
            self.tell_again.get_or_insert(now + TELL_AGAIN);
        }
    }

    /// Returns the notices that the log refused and may take by now.
    pub(crate) fn untold(&mut self, now: Instant) -> Vec<Notice> {
        if self.tell_again.take_if(|at| *at <= now).is_none() {
            return Vec::new();
        }
        let (waits, mut untold): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.untold).into_iter().partition(|(name, _)| self.in_flight.contains(name));
        // These get another look when the notice in flight is settled.
        self.untold = waits;
        let is_joined = |name: &Name| self.presences.get(name).is_some_and(|presence| presence.joined.is_some());
        untold.retain(|name, (_, news)| is_joined(name) == news.is_joined());
        untold.into_iter().map(|((who, nick), (author, news))| Notice { who, nick, author, news }).collect()
    }

    /// Returns when to call [`Presence::expired`] or [`Presence::untold`].
    pub(crate) fn expiry(&self) -> Option<Instant> {
        let leaving = self.leaving.first_key_value().map(|(&(at, _), _)| at);
        [leaving, self.tell_again].into_iter().flatten().min()
    }

    /// Under how many nicks the key is present, or still has to be announced as having left.
    pub(crate) fn nicks_of(&self, who: Who) -> usize {
        self.presences.range((who, Nick::least())..).take_while(|(name, _)| name.0 == who).count()
    }

    /// Whether a notice still to come about the key names the author. Looks at the key's nicks only.
    pub(crate) fn names(&self, who: Who, author: AuthorId) -> bool {
        let of_key = |name: &Name| name.0 == who;
        let from = (who, Nick::least());
        let mut presences = self.presences.range(from.clone()..).take_while(|(name, _)| of_key(name));
        let mut untold = self.untold.range(from..).take_while(|(name, _)| of_key(name));
        presences.any(|(_, presence)| presence.joined == Some(Teller::Us(author)))
            || untold.any(|(_, &(other, _))| other == author)
    }

    /// Returns the notice, unless it cancels out one that the log has not taken.
    fn news(&mut self, notice: Notice) -> Option<Notice> {
        let name = (notice.who, notice.nick.clone());
        match self.untold.get(&name) {
            Some(&(_, untold)) if untold.is_joined() != notice.news.is_joined() => {
                self.untold.remove(&name);
                None
            }
            Some(_) | None => Some(notice),
        }
    }

    fn leave_later(&mut self, name: &Name, at: Instant, why: CloseReason) {
        self.leavings += 1;
        if let Some(presence) = self.presences.get_mut(name) {
            presence.leaving = Some((why, self.leavings));
            self.leaving.insert((at, self.leavings), name.clone());
        }
    }

    fn left(&mut self, name: Name, why: CloseReason) -> Option<Notice> {
        let presence = self.presences.get_mut(&name)?;
        presence.leaving = None;
        let told = presence.joined.take();
        self.forget_if_nothing(&name);
        let Some(Teller::Us(author)) = told else { return None };
        let (who, nick) = name;
        self.news(Notice { who, nick, author, news: News::Left(why) })
    }

    fn forget_if_nothing(&mut self, name: &Name) {
        if self.presences.get(name).is_some_and(|presence| presence.sessions == 0 && presence.joined.is_none()) {
            self.presences.remove(name);
        }
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

    impl Presence {
        fn is_free_for(&self, who: Who, nick: &Nick) -> bool {
            self.other_holder(who, &Skeletons::of(nick.as_str())).is_none()
        }
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1000)
    }

    #[test]
    fn joined_comes_with_the_first_session_and_left_with_the_last() {
        let mut presence = Presence::default();
        assert!(presence.arrive(JILL, &nick("jill"), true, AUTHOR).is_some());
        assert!(presence.arrive(JILL, &nick("jill"), true, AUTHOR).is_none());
        assert!(presence.arrive(JILL, &nick("cron"), false, AUTHOR).is_none(), "without presence");
        assert_eq!(presence.depart(at(0), JILL, &nick("jill"), true, CloseReason::Left), None);
        let left = presence.depart(at(0), JILL, &nick("jill"), true, CloseReason::Left).unwrap();
        assert_eq!((left.who, left.nick, left.news), (JILL, nick("jill"), News::Left(CloseReason::Left)));
        assert_eq!(presence.depart(at(0), JILL, &nick("cron"), false, CloseReason::Left), None);
        assert!(presence.presences.is_empty() && presence.nicks.is_empty());
    }

    #[test]
    fn a_reconnect_within_the_grace_makes_no_noise_and_one_after_it_does() {
        let mut presence = Presence::default();
        presence.arrive(JILL, &nick("jill"), true, AUTHOR);
        assert_eq!(presence.depart(at(0), JILL, &nick("jill"), true, CloseReason::Broken), None);
        assert!(presence.arrive(JILL, &nick("jill"), true, AUTHOR).is_none());
        assert_eq!(presence.expired(at(10)), None);
        assert_eq!(presence.depart(at(20), JILL, &nick("jill"), true, CloseReason::Broken), None);
        assert_eq!((presence.expired(at(29)), presence.expiry()), (None, Some(at(30))));
        assert_eq!(presence.expired(at(30)).map(|notice| notice.news), Some(News::Left(CloseReason::Broken)));
        assert!(presence.arrive(JILL, &nick("jill"), true, AUTHOR).is_some());
    }

    #[test]
    fn who_said_bye_or_was_silent_for_too_long_has_left_at_once() {
        let mut presence = Presence::default();
        for why in [CloseReason::Left, CloseReason::TimedOut] {
            presence.arrive(JILL, &nick("jill"), true, AUTHOR);
            assert_eq!(
                presence.depart(at(0), JILL, &nick("jill"), true, why).map(|notice| notice.news),
                Some(News::Left(why))
            );
        }
    }

    #[test]
    fn two_nicks_of_one_key_are_two_presences() {
        let mut presence = Presence::default();
        assert!(presence.arrive(JILL, &nick("jill"), true, AUTHOR).is_some());
        assert!(presence.arrive(JILL, &nick("jane"), true, AUTHOR).is_some());
        assert_eq!(presence.present_after(None).count(), 2);
        let left = presence.depart(at(0), JILL, &nick("jane"), true, CloseReason::Left).unwrap();
        assert_eq!(left.nick, nick("jane"));
        assert_eq!(presence.present_after(None).collect::<Vec<_>>(), [(JILL, &nick("jill"))]);
    }

    #[test]
    fn a_presence_that_is_renamed_beside_another_window_of_the_old_nick_is_one_more() {
        let mut presence = Presence::default();
        presence.arrive(JILL, &nick("jill"), true, AUTHOR);
        presence.arrive(JILL, &nick("jill"), true, AUTHOR);
        presence.renamed(JILL, &nick("jill"), &nick("jane"));
        assert_eq!(presence.present_after(None).count(), 2);
        assert!(presence.depart(at(0), JILL, &nick("jane"), true, CloseReason::Left).is_some());
        assert!(presence.depart(at(0), JILL, &nick("jill"), true, CloseReason::Left).is_some());
    }

    #[test]
    fn a_nick_that_is_held_twice_is_free_when_it_is_let_go_twice() {
        let mut presence = Presence::default();
        presence.arrive(JILL, &nick("jill"), true, AUTHOR);
        presence.hold(JILL, &nick("jane"));
        assert!(!presence.is_free_for(JACK, &nick("jill")) && !presence.is_free_for(JACK, &nick("jane")));
        presence.renamed(JILL, &nick("jill"), &nick("jane"));
        presence.release(&nick("jill"));
        assert!(presence.is_free_for(JACK, &nick("jill")));
        assert_eq!(presence.present_after(None).collect::<Vec<_>>(), [(JILL, &nick("jane"))]);
        assert_eq!(presence.present_after(Some(JILL)).count(), 0);
        let left = presence.depart(at(0), JILL, &nick("jane"), true, CloseReason::Left).unwrap();
        assert_eq!(left.nick, nick("jane"));
        assert!(presence.nicks.is_empty());
    }

    #[test]
    fn who_was_present_when_the_server_ended_comes_back_without_noise_or_has_left() {
        let mut presence = Presence::default();
        presence.recall_joined(at(0), JILL, nick("jill"), AUTHOR);
        presence.recall_joined(at(0), JACK, nick("jack"), AUTHOR);
        assert!(presence.arrive(JILL, &nick("jill"), true, AUTHOR).is_none());
        assert_eq!(presence.expired(at(59)), None);
        assert_eq!(presence.expired(at(60)).map(|notice| notice.who), Some(JACK));
        assert_eq!(presence.expired(at(60)), None);
    }

    #[test]
    fn a_nick_is_its_holders_until_its_last_session_ends() {
        let mut presence = Presence::default();
        presence.arrive(JILL, &nick("jill"), true, AUTHOR);
        assert!(!presence.is_free_for(JACK, &nick("jill")));
        assert!(presence.is_free_for(JILL, &nick("jill")));
        presence.depart(at(0), JILL, &nick("jill"), true, CloseReason::TimedOut);
        assert!(presence.is_free_for(JACK, &nick("jill")), "no ghost holds it");
    }

    #[test]
    fn of_one_name_one_notice_is_in_flight_and_what_follows_it_waits_or_cancels_out() {
        let mut presence = Presence::default();
        let joined = presence.arrive(JILL, &nick("jill"), true, AUTHOR).unwrap();
        assert!(presence.submit(at(0), &joined));
        presence.told(at(0), joined, true);
        let left = presence.depart(at(1), JILL, &nick("jill"), true, CloseReason::Left).unwrap();
        assert!(presence.submit(at(1), &left));
        let again = presence.arrive(JILL, &nick("jill"), true, AUTHOR).unwrap();
        assert!(!presence.submit(at(1), &again), "the log may not take the first");
        presence.told(at(2), left.clone(), false);
        assert!(presence.untold(at(9)).is_empty(), "it is present, as the log has it");
        // If the log takes it instead, the next one follows at once.
        presence.depart(at(9), JILL, &nick("jill"), true, CloseReason::Left).unwrap();
        assert!(presence.submit(at(9), &left));
        let again = presence.arrive(JILL, &nick("jill"), true, AUTHOR).unwrap();
        assert!(!presence.submit(at(9), &again));
        assert!(presence.untold(at(10)).is_empty(), "not before the first is settled");
        presence.told(at(11), left, true);
        assert_eq!((presence.expiry(), presence.untold(at(11))), (Some(at(11)), vec![again]));
    }

    #[test]
    fn what_the_log_would_not_take_is_told_later_unless_it_is_over_by_then() {
        let mut presence = Presence::default();
        let rejected = |presence: &mut Presence, notice| presence.told(at(0), notice, false);
        let joined = presence.arrive(JILL, &nick("jill"), true, AUTHOR).unwrap();
        rejected(&mut presence, joined.clone());
        assert_eq!((presence.expiry(), presence.untold(at(0)).len()), (Some(at(1)), 0));
        assert_eq!(presence.untold(at(1)), std::slice::from_ref(&joined));
        // Refused again. Then she leaves, so there is nothing left to draft.
        rejected(&mut presence, joined);
        assert_eq!(presence.depart(at(1), JILL, &nick("jill"), true, CloseReason::Left), None);
        assert_eq!((presence.untold(at(9)).len(), presence.expiry()), (0, None));
        assert!(!presence.names(JILL, AUTHOR));
        // The other way round.
        presence.arrive(JACK, &nick("jack"), true, AUTHOR).unwrap();
        let left = presence.depart(at(0), JACK, &nick("jack"), true, CloseReason::Left).unwrap();
        rejected(&mut presence, left);
        assert!(presence.arrive(JACK, &nick("jack"), true, AUTHOR).is_none());
        assert_eq!(presence.untold(at(9)).len(), 0);
        // Both under way: the log refuses the first and takes the second.
        let joined = presence.arrive(JILL, &nick("jill"), true, AUTHOR).unwrap();
        let left = presence.depart(at(0), JILL, &nick("jill"), true, CloseReason::Left).unwrap();
        rejected(&mut presence, joined);
        presence.told(at(0), left, true);
        assert_eq!(presence.untold(at(9)).len(), 0);
    }

    #[test]
    fn what_another_server_tells_of_presence_is_so_and_its_nicks_are_taken() {
        let mut presence = Presence::default();
        let (jill, jane) = (nick("jill"), nick("jane"));
        assert_eq!(presence.append(&Entry::Joined { who: JILL, nick: "jill" }), None);
        assert!(!presence.is_free_for(JACK, &jill) && presence.is_free_for(JILL, &jill));
        assert!(presence.arrive(JILL, &jill, true, AUTHOR).is_none(), "the log says so already");
        assert!(presence.depart(at(0), JILL, &jill, true, CloseReason::Left).is_none(), "she is still there");
        assert_eq!(presence.append(&Entry::Renamed { who: JILL, nick: "jill", to: "jane" }), None);
        assert_eq!(presence.present_after(None).collect::<Vec<_>>(), [(JILL, &jane)]);
        assert!(presence.is_free_for(JACK, &jill) && !presence.is_free_for(JACK, &jane));
        assert_eq!(presence.append(&Entry::Left { who: JILL, nick: "jane", why: CloseReason::Left }), None);
        assert!(presence.presences.is_empty() && presence.nicks.is_empty());
        // When another server says that a key has left that is present here, `joined` is drafted again.
        assert!(presence.arrive(JACK, &jill, true, AUTHOR).is_some());
        let told = presence.append(&Entry::Left { who: JACK, nick: "jill", why: CloseReason::TimedOut });
        assert_eq!(told.map(|notice| notice.news), Some(News::Joined));
        assert!(presence.append(&Entry::Joined { who: JACK, nick: "jill" }).is_none());
        assert!(presence.depart(at(0), JACK, &jill, true, CloseReason::Left).is_some(), "it was ours to tell");
    }
}
