//! Whose a nick is after a log of joins, leaves, renames and releases.

use super::*;
use crate::wire::CloseReason;

const HOUR: u64 = 3600 * 1000;

/// A key by its number, with a short name of its own.
fn key(number: u64) -> ([u8; 32], Who) {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&number.to_be_bytes());
    (key, Who(number.to_be_bytes()))
}

/// A log that is only claims.
#[derive(Default)]
struct Log {
    claims: Claims,
    next: u64,
    at: u64,
}

impl Log {
    fn apply(&mut self, entry: &Entry<'_>, claim: Option<&Claim<'_>>) {
        self.claims.apply(Seq(self.next), Timestamp(self.at), entry, claim);
        self.next += 1;
        self.check();
    }

    fn join(&mut self, number: u64, nick: &str) {
        let (key, who) = key(number);
        let skeletons = Skeletons::of(nick);
        let mut skeletons = skeletons.iter();
        let (first, second) = (skeletons.next().unwrap(), skeletons.next().unwrap_or_default());
        self.apply(&Entry::Joined { who, nick }, Some(&Claim { key, tables: 18, first, second }));
    }

    fn leave(&mut self, number: u64, nick: &str) {
        self.apply(&Entry::Left { who: key(number).1, nick, why: CloseReason::Left }, None);
    }

    fn release(&mut self, number: u64, of: u64, nick: &str) {
        let (who, whom) = (key(number).1, key(of).1);
        let act = Act::Release;
        self.apply(&Entry::Acted { who, nick: "x", act, whom, of: nick, until: Timestamp(0), why: "" }, None);
    }

    fn holder(&self, nick: &str) -> Option<u64> {
        let held = self.claims.holders(&Skeletons::of(nick), Timestamp(self.at)).next()?;
        Some(u64::from_be_bytes(held.who.0))
    }

    /// Every index says the same, and nothing is above its limit.
    fn check(&self) {
        let claims = &self.claims;
        assert!(claims.held.len() <= HELD_MAX);
        // All of it would take too long after each of thousands.
        if claims.held.len() > 50 && !self.next.is_multiple_of(1000) {
            return;
        }
        let skeletons: usize = claims.held.values().map(|held| held.skeletons.iter().count()).sum();
        assert_eq!(claims.by_skeleton.len(), skeletons);
        assert_eq!(claims.by_who.values().map(|nicks| nicks.len()).sum::<usize>(), claims.held.len());
        assert_eq!(claims.away.len(), claims.held.values().filter(|held| !held.is_present).count());
        for (id, held) in &claims.held {
            assert!(claims.by_who[&held.who].contains(id));
            assert!(held.is_present || claims.away.contains(&(held.ends, *id)));
        }
    }
}

#[test]
fn a_nick_belongs_to_the_first_key_that_took_it_while_that_is_away_too_for_a_day() {
    let mut log = Log::default();
    log.join(1, "jill");
    log.join(2, "jill");
    assert_eq!(log.holder("jill"), Some(1));
    log.leave(1, "jill");
    log.at += 23 * HOUR;
    log.join(2, "JILL");
    assert_eq!(log.holder("jill"), Some(1), "away since yesterday");
    log.at += HOUR;
    assert_eq!(log.holder("jill"), None, "lapsed, whoever looks");
    log.join(2, "JILL");
    assert_eq!(log.holder("jill"), Some(2));
}

#[test]
fn who_is_in_the_room_holds_its_nick_however_long_and_who_posts_without_being_there_is_seen_too() {
    let mut log = Log::default();
    log.join(1, "jill");
    log.at += 1000 * HOUR;
    assert_eq!(log.holder("jill"), Some(1));
    log.leave(1, "jill");
    log.at += 20 * HOUR;
    log.apply(&Entry::Said { who: key(1).1, nick: "jill", text: "still me" }, None);
    log.at += 20 * HOUR;
    assert_eq!(log.holder("jill"), Some(1));
    log.apply(&Entry::Said { who: key(2).1, nick: "jill", text: "not me" }, None);
    log.at += 4 * HOUR;
    assert_eq!(log.holder("jill"), None, "another key's message does not count");
}

#[test]
fn a_key_has_three_nicks_and_the_least_recently_seen_one_goes_first() {
    let mut log = Log::default();
    for nick in ["a1", "b1", "c1"] {
        log.join(1, nick);
        log.at += 1;
    }
    log.leave(1, "b1");
    log.join(1, "d1");
    assert_eq!(["a1", "b1", "c1", "d1"].map(|nick| log.holder(nick)), [Some(1), None, Some(1), Some(1)]);
    log.join(1, "e1");
    assert_eq!(log.holder("a1"), None, "all are present: the oldest");
    // The same nick in another spelling is no further one.
    let since = log.claims.holders(&Skeletons::of("e1"), Timestamp(log.at)).next().unwrap().since;
    log.at += 5;
    log.join(1, "E1");
    assert_eq!(["c1", "d1", "E1"].map(|nick| log.holder(nick)), [Some(1); 3]);
    let held = log.claims.holders(&Skeletons::of("e1"), Timestamp(log.at)).next().unwrap();
    assert_eq!((&*held.nick, held.since), ("E1", since));
}

#[test]
fn a_squatter_with_thirty_thousand_keys_has_twenty_thousand_nicks_and_nobody_present_loses_one() {
    let mut log = Log::default();
    log.join(0, "jill");
    for number in 1..=30_000 {
        log.at += 1;
        let nick = format!("squat{number}");
        log.join(number, &nick);
        log.leave(number, &nick);
    }
    assert_eq!(log.claims.len(), HELD_MAX);
    assert_eq!(log.holder("jill"), Some(0));
    assert_eq!(log.holder("squat10001"), None);
    assert_eq!(log.holder("squat10002"), Some(10_002));
}

#[test]
fn a_nick_that_was_given_back_is_free() {
    let mut log = Log::default();
    log.join(1, "jill");
    log.release(2, 2, "jill");
    assert_eq!(log.holder("jill"), Some(1));
    log.release(1, 1, "jill");
    assert_eq!(log.holder("jill"), None);
    log.leave(1, "jill");
    log.join(2, "jill");
    assert_eq!(log.holder("jill"), Some(2));
}

#[test]
fn a_rename_takes_the_new_nick_and_keeps_the_old_one() {
    let mut log = Log::default();
    log.join(1, "jill");
    let (key, who) = key(1);
    let claim = Claim { key, tables: 18, first: "jane", second: "" };
    log.apply(&Entry::Renamed { who, nick: "jill", to: "jane" }, Some(&claim));
    assert_eq!((log.holder("jill"), log.holder("jane")), (Some(1), Some(1)));
    log.at += 25 * HOUR;
    assert_eq!((log.holder("jill"), log.holder("jane")), (None, Some(1)), "she is there under the new one");
}

#[test]
fn who_comes_back_to_a_nick_of_its_own_is_there_though_the_one_in_between_was_given_back() {
    let mut log = Log::default();
    log.join(1, "jill");
    let (key, who) = key(1);
    let claim = |first| Claim { key, tables: 18, first, second: "" };
    log.apply(&Entry::Renamed { who, nick: "jill", to: "jane" }, Some(&claim("jane")));
    log.release(1, 1, "jane");
    log.apply(&Entry::Renamed { who, nick: "jane", to: "jill" }, Some(&claim("jill")));
    log.at += 25 * HOUR;
    assert_eq!((log.holder("jill"), log.holder("jane")), (Some(1), None));
}

#[test]
fn what_no_server_writes_is_ignored() {
    let mut log = Log::default();
    log.join(1, "jill");
    let ((own, who), (other, _)) = (key(1), key(2));
    // Another key with the same short name; skeletons that are none.
    for (key, first) in [(other, "jane"), (own, ""), (own, &*"x".repeat(129))] {
        log.apply(&Entry::Joined { who, nick: "jane" }, Some(&Claim { key, tables: 18, first, second: "" }));
        assert_eq!(log.holder("jane"), None);
    }
}

/// Stores what has changed, as a backend does.
fn store(log: &mut Log, stored: &mut BTreeMap<Seq, Held>) {
    for (id, held) in log.claims.changes() {
        match held {
            Some(held) => drop(stored.insert(id, held.clone())),
            None => drop(stored.remove(&id)),
        }
    }
    log.claims.settle();
}

#[test]
fn what_was_undone_never_was_and_what_is_stored_is_read_back() {
    let mut log = Log::default();
    let mut stored = BTreeMap::new();
    for number in 0..10 {
        log.join(number, &format!("nick{number}"));
    }
    store(&mut log, &mut stored);
    let before = format!("{:?}", log.claims);
    let steps: [fn(&mut Log); 4] = [
        |log| log.leave(1, "nick1"),
        |log| log.release(2, 2, "nick2"),
        |log| log.join(1, "another"),
        |log| log.join(1, "Another"),
    ];
    steps.iter().for_each(|step| step(&mut log));
    assert!(log.claims.changes().count() > 2);
    log.claims.undo();
    assert_eq!(format!("{:?}", log.claims), before);
    log.check();
    for step in steps {
        step(&mut log);
        store(&mut log, &mut stored);
    }
    let read_back = Claims::load(stored);
    assert_eq!(format!("{read_back:?}"), format!("{:?}", log.claims));
    assert_eq!((log.holder("another"), log.holder("nick2")), (Some(1), None));
}
