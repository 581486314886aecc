//! How much a key, and the new keys of a prefix together, may post (PROTOCOL 2.8).
//!
//! Owns: how many sessions a key has, and what these and earlier ones have used of its rate; which keys are new, and what those
//! of one prefix have used of the budget that they share.
//! Must not know: sessions, posts.
//! Driven by: `sessions`.
//!
//! Keys cost nothing to make, so a rate for each key would not limit anybody who makes many. Keys that this server has known
//! for less than ten minutes share one budget for each prefix: anybody may use what the others leave of it, and each session
//! has its even share of it whatever the others do.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::server::admission::rate::{Meter, Rate};
use crate::server::admission::{BURST_SECONDS, Prefix, RESTING_MAX};
use crate::time::Instant;
use crate::wire::Who;
use crate::work::{self, Work};

/// The most sessions of a key (PROTOCOL 2.10).
pub const SESSIONS_OF_A_KEY: usize = 8;

/// The age up to which a key shares a budget with the other new keys of its prefix (PROTOCOL 2.8).
const YOUNG: Duration = Duration::from_secs(10 * 60);

/// The budget of a prefix: this many times the rate of one key, or this many posts a second for each session if that is more
/// (PROTOCOL 2.8). Chosen: there is no need to tell a few flooders apart, and a lecture hall can chat.
const BUDGET_RATES: u64 = 8;
const BUDGET_PER_SESSION: u64 = 2;

/// How many posts a session may be ahead of its even share without waiting. Chosen: what a person posts in one go.
const SHARE_BURST: u32 = 16;

/// A session that exceeds its limits gets one packet an interval opened, whatever is in it, after this burst and for this long;
/// dropping one unopened costs a tenth (PROTOCOL 2.8). Chosen: what a client needs that posts at its rate.
const HELD_INTERVAL: Duration = Duration::from_millis(5);
const HELD_BURST: u32 = 16;
const HELD_FOR: Duration = Duration::from_secs(1);

/// How many posts a session may repeat: this many at once, and in the long run one each interval, or this many for each post of
/// its rate if that is more (PROTOCOL 2.8). Chosen: eight times all that may be in flight, and as much as a network needs that
/// loses four packets of five.
const REPEATS_BURST: u32 = 8 * RESTING_MAX;
const REPEAT_INTERVAL: Duration = Duration::from_micros(2500);
const REPEATS_OF_A_POST: u32 = 4;

/// Keys remembered without a session. Chosen: many times the keys that come and go while a key's burst lasts.
pub(crate) const KEYS_KEPT: usize = 4096;

/// Prefixes remembered before the server looks for rested ones without a session, and the shortest time between two such looks.
const PREFIXES_KEPT: usize = 4096;
const SWEEP: Duration = Duration::from_millis(10);

#[derive(Debug)]
struct Key {
    meter: Meter,
    /// When the key was first seen.
    since: Instant,
    sessions: usize,
    /// When it last had a session; meaningful only while it has none.
    gone: Instant,
}

#[derive(Debug, Default)]
struct Neighbourhood {
    meter: Meter,
    /// Sessions that count as those of new keys.
    sessions: u32,
}

/// One session's part of the allowance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    who: Who,
    /// The prefix whose budget it shares, if its key is new.
    young: Option<Prefix>,
    /// What it has used of its even share.
    share: Meter,
    /// What it has used of the posts that it may repeat.
    repeats: Meter,
    /// Until when it is held to few packets, and what it has used of these.
    held: Instant,
    opened: Meter,
}

impl Part {
    fn of(who: Who) -> Self {
        let (share, repeats, opened) = (Meter::default(), Meter::default(), Meter::default());
        Self { who, young: None, share, repeats, held: Instant::ZERO, opened }
    }

    /// Returns the prefix whose budget it shares, if its key is new.
    pub(crate) const fn young(&self) -> Option<Prefix> {
        self.young
    }

    /// Whether to open a packet of the session. Of one that exceeded its limits, only few are opened.
    pub(crate) fn opens(&mut self, now: Instant) -> bool {
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
pub(crate) struct Allowance {
    keys: BTreeMap<Who, Key>,
    /// Keys without a session, by when they last had one.
    gone: BTreeSet<(Instant, Who)>,
    prefixes: BTreeMap<Prefix, Neighbourhood>,
    swept: Instant,
}

impl Allowance {
    /// Returns how many sessions the key has.
    pub(crate) fn sessions_of(&self, who: Who) -> usize {
        self.keys.get(&who).map_or(0, |key| key.sessions)
    }

    /// Notes that a session of the key begins, and returns its part.
    pub(crate) fn arrive(&mut self, now: Instant, who: Who, prefix: Prefix) -> Part {
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
        Part { young, ..Part::of(who) }
    }

    /// Notes that the session ends.
    pub(crate) fn depart(&mut self, now: Instant, part: Part) {
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

    /// No longer counts the session among those of new keys.
    fn grow_up(&mut self, now: Instant, part: Part) {
        let Some(prefix) = part.young else { return };
        let Some(neighbourhood) = self.prefixes.get_mut(&prefix) else { return };
        neighbourhood.sessions -= 1;
        if neighbourhood.sessions == 0 && neighbourhood.meter.is_fresh(now) {
            self.prefixes.remove(&prefix);
        }
    }

    /// Whether a packet with `posts` new and `repeats` repeated posts is within the limits of the session, its key and its
    /// prefix. Posts that are ahead of the rate may wait: an honest session can have all its unsettled posts waiting. A session
    /// that exceeds the limits is held to few packets for a while.
    pub(crate) fn takes(
        &mut self,
        now: Instant,
        part: &mut Part,
        posts: u32,
        repeats: u32,
        rate: Option<Rate>,
    ) -> bool {
        let Some(rate) = rate else { return true };
        let is_within = may_repeat(now, part, repeats, rate) && self.takes_posts(now, part, posts, rate);
        if is_within {
            part.repeats.take(now, repeat_interval(rate) * repeats);
        } else {
            part.held = now + HELD_FOR;
        }
        is_within
    }

    fn takes_posts(&mut self, now: Instant, part: &mut Part, posts: u32, rate: Rate) -> bool {
        if posts == 0 {
            return true;
        }
        if self.keys.get(&part.who).is_some_and(|key| key.since + YOUNG <= now) {
            self.grow_up(now, *part);
            part.young = None;
        }
        let Some(key) = self.keys.get(&part.who) else { return true };
        // Each session may have as many posts waiting as may be unsettled, whatever the others of its key have.
        let resting = RESTING_MAX.saturating_mul(u32::try_from(key.sessions).unwrap_or(u32::MAX));
        let burst = rate.seconds(BURST_SECONDS).saturating_add(resting);
        if key.meter.when(now, rate.interval(), burst.saturating_sub(posts - 1)) > now {
            return false;
        }
        let Some(budget) = self.budget(part, rate) else { return true };
        let share_burst = (SHARE_BURST + RESTING_MAX).saturating_sub(posts - 1);
        self.prefix_due(now, &budget) <= now || part.share.when(now, budget.share_interval, share_burst) <= now
    }

    /// Counts as repeats the posts of a packet that is not accepted, because the client will send them again.
    pub(crate) fn count_repeats(now: Instant, part: &mut Part, posts: u32, rate: Option<Rate>) {
        let Some(rate) = rate else { return };
        if may_repeat(now, part, posts, rate) {
            part.repeats.take(now, repeat_interval(rate) * posts);
        } else {
            part.held = now + HELD_FOR;
        }
    }

    /// Charges one post to the limits that apply: key, prefix, even share. Returns when the post is due.
    pub(crate) fn take(&mut self, now: Instant, part: &mut Part, rate: Option<Rate>) -> Instant {
        let Some(rate) = rate else { return now };
        let mut due = self.take_of_key(now, part.who, rate);
        if let Some(budget) = self.budget(part, rate) {
            if self.prefix_due(now, &budget) > now {
                // The prefix has nothing left, but the session has its even share.
                due = due.max(part.share.when(now, budget.share_interval, SHARE_BURST));
                part.share.take(now, budget.share_interval);
            }
            self.take_of_prefix(now, &budget);
        }
        due
    }

    /// Charges one `joined` or `left` to the key and, if that is new, to the prefix. Returns when it is due. There is no even
    /// share of these: a key that comes and goes all the time would have a new one each time.
    pub(crate) fn take_notice(&mut self, now: Instant, who: Who, young: Option<Prefix>, rate: Option<Rate>) -> Instant {
        let Some(rate) = rate else { return now };
        let due = self.take_of_key(now, who, rate);
        let part = Part { young, ..Part::of(who) };
        let Some(budget) = self.budget(&part, rate) else { return due };
        let due = due.max(self.prefix_due(now, &budget));
        self.take_of_prefix(now, &budget);
        due
    }

    fn take_of_key(&mut self, now: Instant, who: Who, rate: Rate) -> Instant {
        let Some(key) = self.keys.get_mut(&who) else { return now };
        let due = key.meter.when(now, rate.interval(), rate.seconds(BURST_SECONDS));
        key.meter.take(now, rate.interval());
        due
    }

    fn take_of_prefix(&mut self, now: Instant, budget: &Budget) {
        if let Some(neighbourhood) = self.prefixes.get_mut(&budget.prefix) {
            neighbourhood.meter.take(now, budget.interval);
        }
    }

    /// Returns when the prefix has something left of its budget.
    fn prefix_due(&self, now: Instant, budget: &Budget) -> Instant {
        let meter = self.prefixes.get(&budget.prefix).map_or_else(Meter::default, |neighbourhood| neighbourhood.meter);
        meter.when(now, budget.interval, budget.burst)
    }

    /// Returns the budget that the session shares, if it shares one.
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

/// Whether `repeats` posts are within what the session may repeat.
fn may_repeat(now: Instant, part: &Part, repeats: u32, rate: Rate) -> bool {
    let burst = REPEATS_BURST.saturating_sub(repeats.saturating_sub(1));
    repeats == 0 || part.repeats.when(now, repeat_interval(rate), burst) <= now
}

fn repeat_interval(rate: Rate) -> Duration {
    REPEAT_INTERVAL.min(rate.interval() / REPEATS_OF_A_POST)
}

/// The budget of a prefix.
#[derive(Clone, Copy, Debug)]
struct Budget {
    prefix: Prefix,
    /// The time between two posts in the long run, and how many may be ahead of that: a second's worth.
    interval: Duration,
    burst: u32,
    /// The time between two posts of each session's even share.
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

    /// Posts as often as the sessions may in each of these milliseconds. Returns how many posts got through for each.
    fn posted(allowance: &mut Allowance, parts: &mut [Part], millis: std::ops::Range<u64>) -> Vec<u32> {
        let mut posted = vec![0; parts.len()];
        for milli in millis {
            for (part, posted) in parts.iter_mut().zip(&mut posted) {
                while allowance.takes(at(milli), part, 1, 0, RATE) {
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
        assert_eq!(
            in_one_second,
            1000 + 8 * RESTING_MAX + 99,
            "ten seconds' worth, what may rest of each, and a second's"
        );
        parts.into_iter().for_each(|part| allowance.depart(at(1000), part));
        let mut again = [allowance.arrive(at(1000), who(1), prefix(0))];
        assert_eq!(posted(&mut allowance, &mut again, 1000..2000), [0], "a new session brings no new burst");
        assert_eq!(
            posted(&mut allowance, &mut again, 6000..7000),
            [152],
            "seven others' may rest no more: 448 are ahead"
        );
    }

    #[test]
    fn sixty_new_keys_of_a_prefix_have_eight_rates_together_and_an_even_share_each() {
        let mut allowance = Allowance::default();
        let mut flood: Vec<_> = (0..60).map(|number| allowance.arrive(at(0), who(number), prefix(1))).collect();
        let in_ten_seconds: u32 = posted(&mut allowance, &mut flood, 0..10_000).iter().sum();
        let bursts = 800 + 60 * (SHARE_BURST + RESTING_MAX);
        assert!(in_ten_seconds <= 8000 + bursts, "{in_ten_seconds}");
        assert!(in_ten_seconds >= 8000, "{in_ten_seconds}");
        // Another session of the same prefix posts a line now and then: it always gets through.
        let mut honest = allowance.arrive(at(10_000), who(99), prefix(1));
        for milli in 10_000..20_000 {
            posted(&mut allowance, &mut flood, milli..milli + 1);
            if milli % 100 == 0 {
                assert!(allowance.takes(at(milli), &mut honest, 1, 0, RATE), "{milli}");
                assert_eq!(allowance.take(at(milli), &mut honest, RATE), at(milli), "and need not wait");
            }
        }
        // Another prefix notices nothing.
        let mut other = [allowance.arrive(at(20_000), who(100), prefix(2))];
        assert!(posted(&mut allowance, &mut other, 20_000..20_001)[0] > 500);
    }

    #[test]
    fn an_honest_session_is_delayed_and_never_refused_whatever_others_of_its_key_and_prefix_say() {
        // Two sessions of each of twenty keys: each has at most 64 posts in flight, and each post that had its turn is followed
        // by another one.
        let mut allowance = Allowance::default();
        let mut parts: Vec<_> = (0..40).map(|number| allowance.arrive(at(0), who(number / 2), prefix(1))).collect();
        let mut under_way = vec![std::collections::VecDeque::<Instant>::new(); parts.len()];
        let mut posted = vec![0; parts.len()];
        for milli in 0..20_000 {
            for ((part, under_way), posted) in parts.iter_mut().zip(&mut under_way).zip(&mut posted) {
                under_way.retain(|&due| due > at(milli));
                let free = 64 - u32::try_from(under_way.len()).unwrap();
                if free >= 16 {
                    assert!(allowance.takes(at(milli), part, free, 0, RATE), "{milli}: {part:?}");
                    under_way.extend((0..free).map(|_| allowance.take(at(milli), part, RATE)));
                    *posted += free;
                }
            }
        }
        let (least, most) = (posted.iter().min().unwrap(), posted.iter().max().unwrap());
        assert!(*least >= 350 && *most <= 2 * least + 1000, "20 a second each and what was ahead: {posted:?}");
    }

    #[test]
    fn who_comes_and_goes_all_the_time_says_so_no_faster_than_its_key_or_its_prefix_may() {
        let mut allowance = Allowance::default();
        let last = (0..3000).map(|number| {
            let part = allowance.arrive(at(0), who(number), prefix(1));
            let due = allowance.take_notice(at(0), who(number), part.young(), RATE);
            allowance.depart(at(0), part);
            due
        });
        let last = last.max().unwrap().saturating_since(at(0)).as_millis();
        assert!((2700..2800).contains(&last), "{last} ms for 3,000 of new keys, 800 at once and then 800 a second");
        let mut allowance = Allowance::default();
        let part = allowance.arrive(at(0), who(1), prefix(1));
        allowance.keys.get_mut(&who(1)).unwrap().since = at(0);
        let last = (0..2000).map(|_| allowance.take_notice(at(0), who(1), None, RATE)).max().unwrap();
        assert_eq!(last, at(9_990 + 10), "of one key 1,000 at once and then 100 a second");
        allowance.depart(at(0), part);
    }

    #[test]
    fn a_lecture_hall_has_two_posts_a_second_for_each_session() {
        let mut allowance = Allowance::default();
        let mut hall: Vec<_> = (0..1000).map(|number| allowance.arrive(at(0), who(number), prefix(1))).collect();
        posted(&mut allowance, &mut hall, 0..1);
        let in_a_second: u32 = posted(&mut allowance, &mut hall, 1..1001).iter().sum();
        assert!((1900..=2100).contains(&in_a_second), "{in_a_second}");
    }

    #[test]
    fn a_key_shares_no_budget_any_more_when_it_is_ten_minutes_old() {
        let mut allowance = Allowance::default();
        let mut parts: Vec<_> = (0..20).map(|number| allowance.arrive(at(0), who(number), prefix(1))).collect();
        let young = 600_000 - 1..600_000;
        let first: u32 = posted(&mut allowance, &mut parts, young).iter().sum();
        assert!(first <= 800 + 20 * (SHARE_BURST + RESTING_MAX), "{first}");
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
    }

    #[test]
    fn who_says_the_same_again_and_again_is_held_after_five_hundred_posts_and_twelve_however_they_are_packed() {
        for in_a_packet in [1, 32, 60, 64] {
            let mut allowance = Allowance::default();
            let mut part = allowance.arrive(at(0), who(1), prefix(1));
            let taken = (0..10_000).filter(|_| allowance.takes(at(0), &mut part, 0, in_a_packet, RATE)).count();
            assert_eq!(taken, 512 / in_a_packet as usize, "{in_a_packet} in a packet");
            assert_eq!((0..30).filter(|_| part.opens(at(1))).count(), HELD_BURST as usize, "of thirty");
        }
        // In a network that loses four packets of five, a client sends each of its posts five times.
        let mut allowance = Allowance::default();
        let mut part = allowance.arrive(at(0), who(1), prefix(1));
        for milli in (0..10_000).step_by(10) {
            assert!(allowance.takes(at(milli), &mut part, 1, 4, RATE), "{milli}");
            allowance.take(at(milli), &mut part, RATE);
        }
        // So may a client with a rate of one a second, all of whose posts are waiting.
        let slow = Rate::per_second(1);
        let mut part = allowance.arrive(at(10_000), who(2), prefix(2));
        for milli in (10_000..20_000).step_by(200) {
            assert!(allowance.takes(at(milli), &mut part, 0, 64, slow), "{milli}");
        }
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
