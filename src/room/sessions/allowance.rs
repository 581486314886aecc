//! How much a key, and a neighbourhood, may post (PROTOCOL 2.8).
//!
//! Owns: how many sessions a key has, what it has used of its rate in all of them and from one to the next; which keys are
//! new, and what those of one prefix have used of the budget that they share.
//! Must not know: sessions, posts.
//! Driven by: `sessions`.
//!
//! A key costs nothing to make, so that a rate for each key alone is none for who makes many. Keys that this server has known
//! for less than ten minutes share one budget a prefix: what nobody else uses of it is anybody's, and each session has its
//! even share of it whatever the others do.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::room::admission::Prefix;
use crate::room::rate::{Meter, Rate};
use crate::room::{BURST_SECONDS, RESTING_MAX};
use crate::time::Instant;
use crate::wire::Who;
use crate::work::{self, Work};

/// The most sessions of a key (PROTOCOL 2.10).
pub const SESSIONS_OF_A_KEY: usize = 8;

/// Until a key is this old it shares a budget with the others of its prefix (PROTOCOL 2.8).
const YOUNG: Duration = Duration::from_secs(10 * 60);

/// The budget of a prefix: so many times the rate of one key, or so many a second for each session if that is more
/// (PROTOCOL 2.8). Chosen: a few who flood are not worth keeping apart, a lecture hall may chat.
const BUDGET_RATES: u64 = 8;
const BUDGET_PER_SESSION: u64 = 2;

/// How many posts a session may be ahead of its even share. Chosen: what somebody says in one go.
const SHARE_BURST: u32 = 16;

/// A session that posted more than it may is held to so many packets a second for so long, whatever is in them: the others are
/// dropped unopened, which costs a tenth (PROTOCOL 2.8). Chosen: what a client needs whose posts come at its rate.
const HELD_INTERVAL: Duration = Duration::from_millis(5);
const HELD_BURST: u32 = 16;
const HELD_FOR: Duration = Duration::from_secs(1);

/// Packets with posts that a session may send for each post of its rate: repeats are among them.
const PACKETS_OF_A_POST: u32 = 4;

/// Keys that are remembered without a session. Chosen: many times those who come and go while a key's burst lasts.
pub(super) const KEYS_KEPT: usize = 4096;

/// Prefixes that are remembered before it is looked which of those without a session have rested, and how often that is.
const PREFIXES_KEPT: usize = 4096;
const SWEEP: Duration = Duration::from_millis(10);

#[derive(Debug)]
struct Key {
    meter: Meter,
    /// When it was first seen.
    since: Instant,
    sessions: usize,
    /// When it last had a session; only while it has none.
    gone: Instant,
}

#[derive(Debug, Default)]
struct Neighbourhood {
    meter: Meter,
    /// Sessions of keys that were new when these began.
    sessions: u32,
}

/// What one session has of the allowance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    who: Who,
    /// Whose budget it shares, if its key is new.
    young: Option<Prefix>,
    /// What it has used of its even share.
    share: Meter,
    /// Of the packets with posts that it may send.
    packets: Meter,
    /// Until when it is held to few packets, and what it has used of these.
    held: Instant,
    opened: Meter,
}

impl Part {
    /// Whether a packet of the session is to be opened; not all of one that posted more than it may.
    pub(super) fn opens(&mut self, now: Instant) -> bool {
        if self.held <= now {
            return true;
        }
        let is_within = self.opened.when(now, HELD_INTERVAL, HELD_BURST) <= now;
        if is_within {
            self.opened.take(now, HELD_INTERVAL);
        }
        is_within
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Allowance {
    keys: BTreeMap<Who, Key>,
    /// Keys without a session, by when they last had one.
    gone: BTreeSet<(Instant, Who)>,
    prefixes: BTreeMap<Prefix, Neighbourhood>,
    swept: Instant,
}

impl Allowance {
    /// How many sessions the key has.
    pub(super) fn sessions_of(&self, who: Who) -> usize {
        self.keys.get(&who).map_or(0, |key| key.sessions)
    }

    /// A session of the key begins.
    pub(super) fn arrive(&mut self, now: Instant, who: Who, prefix: Prefix) -> Part {
        let new = || Key { meter: Meter::default(), since: now, sessions: 0, gone: now };
        let key = self.keys.entry(who).or_insert_with(new);
        if key.sessions == 0 {
            self.gone.remove(&(key.gone, who));
        }
        key.sessions += 1;
        let young = if key.since + YOUNG > now { Some(prefix) } else { None };
        if let Some(prefix) = young {
            if self.prefixes.len() >= PREFIXES_KEPT && now.saturating_since(self.swept) >= SWEEP {
                work::did(Work::Scanned, self.prefixes.len());
                self.prefixes.retain(|_, other| other.sessions > 0 || !other.meter.is_fresh(now));
                self.swept = now;
            }
            self.prefixes.entry(prefix).or_default().sessions += 1;
        }
        let (share, packets, opened) = (Meter::default(), Meter::default(), Meter::default());
        Part { who, young, share, packets, held: Instant::ZERO, opened }
    }

    /// It ends.
    pub(super) fn depart(&mut self, now: Instant, part: Part) {
        self.grow_up(now, part);
        let Some(key) = self.keys.get_mut(&part.who) else { return };
        key.sessions -= 1;
        if key.sessions > 0 {
            return;
        }
        key.gone = now;
        self.gone.insert((now, part.who));
        if self.gone.len() > KEYS_KEPT
            && let Some((_, who)) = self.gone.pop_first()
        {
            self.keys.remove(&who);
        }
    }

    /// The session does not count among those of new keys any longer.
    fn grow_up(&mut self, now: Instant, part: Part) {
        let Some(prefix) = part.young else { return };
        let Some(neighbourhood) = self.prefixes.get_mut(&prefix) else { return };
        neighbourhood.sessions -= 1;
        if neighbourhood.sessions == 0 && neighbourhood.meter.is_fresh(now) {
            self.prefixes.remove(&prefix);
        }
    }

    /// Whether a packet with posts of the session, new ones if `is_new`, is within what its key and its neighbourhood may say.
    /// If it is not, the session is held to few packets for a while.
    pub(super) fn takes(&mut self, now: Instant, part: &mut Part, is_new: bool, rate: Option<Rate>) -> bool {
        let Some(rate) = rate else { return true };
        // Twice what may be ahead of the rate: each of these in a packet of its own, and again.
        let burst = rate.seconds(BURST_SECONDS).saturating_add(RESTING_MAX).saturating_mul(2);
        let interval = rate.interval() / PACKETS_OF_A_POST;
        let is_within = part.packets.when(now, interval, burst) <= now && (!is_new || self.takes_post(now, part, rate));
        if is_within {
            part.packets.take(now, interval);
        } else {
            part.held = now + HELD_FOR;
        }
        is_within
    }

    fn takes_post(&mut self, now: Instant, part: &mut Part, rate: Rate) -> bool {
        let Some(key) = self.keys.get(&part.who) else { return true };
        if key.since + YOUNG <= now {
            self.grow_up(now, *part);
            part.young = None;
        }
        let burst = rate.seconds(BURST_SECONDS).saturating_add(RESTING_MAX);
        if self.keys.get(&part.who).is_some_and(|key| key.meter.when(now, rate.interval(), burst) > now) {
            return false;
        }
        let Some(budget) = self.budget(part, rate) else { return true };
        let meter = self.prefixes.get(&budget.prefix).map_or_else(Meter::default, |neighbourhood| neighbourhood.meter);
        meter.when(now, budget.interval, budget.burst) <= now
            || part.share.when(now, budget.share_interval, SHARE_BURST) <= now
    }

    /// Takes one post from all of that; when it may have its turn.
    pub(super) fn take(&mut self, now: Instant, part: &mut Part, rate: Option<Rate>) -> Instant {
        let Some(rate) = rate else { return now };
        if let Some(budget) = self.budget(part, rate) {
            if let Some(neighbourhood) = self.prefixes.get_mut(&budget.prefix) {
                neighbourhood.meter.take(now, budget.interval);
            }
            part.share.take(now, budget.share_interval);
        }
        let Some(key) = self.keys.get_mut(&part.who) else { return now };
        let due = key.meter.when(now, rate.interval(), rate.seconds(BURST_SECONDS));
        key.meter.take(now, rate.interval());
        due
    }

    /// The budget that the session shares, if it shares one.
    fn budget(&self, part: &Part, rate: Rate) -> Option<Budget> {
        let prefix = part.young?;
        let sessions = self.prefixes.get(&prefix)?.sessions.max(1);
        let budget = u64::from(rate.seconds(1)) * BUDGET_RATES;
        let budget = budget.max(BUDGET_PER_SESSION * u64::from(sessions));
        let burst = u32::try_from(budget).unwrap_or(u32::MAX);
        let interval = (Duration::from_secs(1) / burst).max(Duration::from_nanos(1));
        Some(Budget { prefix, interval, burst, share_interval: interval * sessions })
    }
}

/// What a prefix may post.
#[derive(Clone, Copy, Debug)]
struct Budget {
    prefix: Prefix,
    /// From one post to the next in the long run, and how many may be ahead of that: a second's worth.
    interval: Duration,
    burst: u32,
    /// Of each session's even share.
    share_interval: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Option<Rate> = Rate::per_second(100);

    fn who(number: u64) -> Who {
        Who(number.to_be_bytes())
    }

    fn prefix(number: u8) -> Prefix {
        Prefix::of([10, 0, number, 1].into())
    }

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    /// How many posts get through, of one each millisecond and session.
    fn posted(allowance: &mut Allowance, parts: &mut [Part], millis: std::ops::Range<u64>) -> Vec<u32> {
        let mut posted = vec![0; parts.len()];
        for milli in millis {
            for (part, posted) in parts.iter_mut().zip(&mut posted) {
                while allowance.takes(at(milli), part, true, RATE) {
                    allowance.take(at(milli), part, RATE);
                    *posted += 1;
                }
            }
        }
        posted
    }

    #[test]
    fn a_key_has_one_rate_in_all_its_sessions_and_from_one_to_the_next() {
        let mut allowance = Allowance::default();
        let mut parts: Vec<_> = (0..8).map(|number| allowance.arrive(at(0), who(1), prefix(number))).collect();
        let in_one_second: u32 = posted(&mut allowance, &mut parts, 0..1000).iter().sum();
        assert_eq!(in_one_second, 1000 + RESTING_MAX + 99, "ten seconds' worth, what may rest, and a second's");
        parts.into_iter().for_each(|part| allowance.depart(at(1000), part));
        let mut again = [allowance.arrive(at(1000), who(1), prefix(0))];
        assert_eq!(posted(&mut allowance, &mut again, 1000..2000), [100], "a new session brings no new burst");
    }

    #[test]
    fn sixty_new_keys_of_a_prefix_have_eight_rates_together_and_an_even_share_each() {
        let mut allowance = Allowance::default();
        let mut flood: Vec<_> = (0..60).map(|number| allowance.arrive(at(0), who(number), prefix(1))).collect();
        let in_ten_seconds: u32 = posted(&mut allowance, &mut flood, 0..10_000).iter().sum();
        let bursts = 800 + 60 * SHARE_BURST;
        assert!(in_ten_seconds <= 8000 + bursts, "{in_ten_seconds}");
        assert!(in_ten_seconds >= 8000, "{in_ten_seconds}");
        // One more of the same prefix says one line now and then: it always gets through.
        let mut honest = allowance.arrive(at(10_000), who(99), prefix(1));
        for milli in 10_000..20_000 {
            posted(&mut allowance, &mut flood, milli..milli + 1);
            if milli % 100 == 0 {
                assert!(allowance.takes(at(milli), &mut honest, true, RATE), "{milli}");
                allowance.take(at(milli), &mut honest, RATE);
            }
        }
        // And of another prefix nobody notices.
        let mut other = [allowance.arrive(at(20_000), who(100), prefix(2))];
        assert!(posted(&mut allowance, &mut other, 20_000..20_001)[0] > 500);
    }

    #[test]
    fn a_lecture_hall_has_two_posts_a_second_for_each_session() {
        let mut allowance = Allowance::default();
        let mut hall: Vec<_> = (0..1000).map(|number| allowance.arrive(at(0), who(number), prefix(1))).collect();
        posted(&mut allowance, &mut hall, 0..1);
        let in_a_second: u32 = posted(&mut allowance, &mut hall, 1..1001).iter().sum();
        assert!((1990..=2010).contains(&in_a_second), "{in_a_second}");
    }

    #[test]
    fn a_key_shares_no_budget_any_more_when_it_is_ten_minutes_old() {
        let mut allowance = Allowance::default();
        let mut parts: Vec<_> = (0..20).map(|number| allowance.arrive(at(0), who(number), prefix(1))).collect();
        let young = 600_000 - 1..600_000;
        let first: u32 = posted(&mut allowance, &mut parts, young).iter().sum();
        assert!(first <= 800 + 20 * SHARE_BURST, "{first}");
        let old: u32 = posted(&mut allowance, &mut parts, 600_000..600_001).iter().sum();
        assert!(old > 10_000, "{old}");
        parts.into_iter().for_each(|part| allowance.depart(at(600_001), part));
        assert_eq!(allowance.prefixes.values().map(|other| other.sessions).sum::<u32>(), 0);
    }

    #[test]
    fn who_posts_more_than_it_may_is_held_to_two_hundred_packets_a_second_for_a_second() {
        let mut allowance = Allowance::default();
        let mut parts = [allowance.arrive(at(0), who(1), prefix(1))];
        assert!((0..10_000).all(|_| parts[0].opens(at(0))), "who keeps to it may send what it likes");
        posted(&mut allowance, &mut parts, 0..5_000);
        let opened = |part: &mut Part, millis: std::ops::Range<u64>| {
            millis.flat_map(|milli| [milli; 10]).filter(|&milli| part.opens(at(milli))).count()
        };
        assert_eq!(opened(&mut parts[0], 5_000..5_999), 200 + HELD_BURST as usize - 1);
        assert_eq!(opened(&mut parts[0], 6_000..6_010), 100, "then it is over");
        // Repeats alone are many packets as well.
        let mut allowance = Allowance::default();
        let mut part = allowance.arrive(at(0), who(1), prefix(1));
        assert_eq!((0..10_000).filter(|_| allowance.takes(at(0), &mut part, false, RATE)).count(), 2 * 1064);
        assert_eq!(opened(&mut part, 1..4), HELD_BURST as usize, "of thirty in three milliseconds");
    }

    #[test]
    fn four_thousand_keys_are_remembered_without_a_session_and_not_one_more() {
        let mut allowance = Allowance::default();
        for number in 0..=KEYS_KEPT as u64 {
            let part = allowance.arrive(at(number), who(number), prefix(1));
            assert_eq!(allowance.sessions_of(who(number)), 1);
            allowance.depart(at(number), part);
        }
        assert_eq!((allowance.keys.len(), allowance.gone.len()), (KEYS_KEPT, KEYS_KEPT));
        assert!(!allowance.keys.contains_key(&who(0)), "the one that is gone for longest makes place");
        assert!(allowance.prefixes.is_empty());
    }
}
