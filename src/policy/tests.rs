//! Who may do what after a log of acts.

use super::*;
use crate::wire::entry::ENTRY_MAX;
use crate::wire::entry::{Claim, WHY_MAX};
use crate::wire::order::address_key;
use crate::wire::record::Known;
use crate::wire::{CloseReason, NICK_MAX};

const SECOND: u64 = 1000;
const DAY: u64 = 24 * 3600 * SECOND;

/// The keys of these stories; the server is 0.
const OWNER: u8 = 1;
const ANN: u8 = 2;
const BEN: u8 = 3;
const CAT: u8 = 4;

fn who(number: u8) -> Who {
    Who([number; 8])
}

fn key(number: u8) -> [u8; 32] {
    [number; 32]
}

/// An act that is about to be written.
#[derive(Clone, Copy)]
struct Deed<'a> {
    by: u8,
    act: Act,
    whom: u8,
    of: &'a str,
    until: u64,
    why: &'a str,
    terms: Terms,
}

fn deed(by: u8, act: Act, whom: u8) -> Deed<'static> {
    let terms = Terms { key: if whom == 0 { [0; 32] } else { key(whom) }, ..Terms::default() };
    Deed { by, act, whom, of: "somebody", until: 0, why: "", terms }
}

fn setting(by: u8, act: Act, number: u64) -> Deed<'static> {
    Deed { terms: Terms { number, ..Terms::default() }, ..deed(by, act, 0) }
}

fn invitation(by: u8, token: u8, uses: u64, until: u64) -> Deed<'static> {
    let terms = Terms { token: [token; 16], number: uses, ..Terms::default() };
    Deed { until, of: "", terms, ..deed(by, Act::Invite, 0) }
}

fn registration(by: u8, token: u8) -> Deed<'static> {
    let deed = deed(by, Act::Register, by);
    Deed { terms: Terms { token: [token; 16], ..deed.terms }, ..deed }
}

/// A log, and what it comes to.
struct Log {
    policy: Policy,
    next: u64,
    at: u64,
}

impl Log {
    /// A room whose owner has made Ann an operator and admitted Ben.
    fn new() -> Self {
        let mut log = Self { policy: Policy::default(), next: 0, at: DAY };
        log.done(deed(0, Act::Owner, OWNER));
        log.done(deed(OWNER, Act::Op, ANN));
        log.done(deed(ANN, Act::Admit, BEN));
        log
    }

    fn write(&mut self, entry: &Entry<'_>, tail: Option<Tail<'_>>) -> Result<(), Refusal> {
        let mut encoded = [0; ENTRY_MAX];
        let at = Timestamp(self.at);
        let len = match tail {
            Some(tail) => entry.encode_with_tail(at, &tail, &mut encoded),
            None => entry.encode(at, &mut encoded),
        };
        let before = self.policy.clone();
        let applied = self.policy.apply(Seq(self.next), &encoded[..len.unwrap()]);
        self.next += 1;
        if applied.is_err() {
            assert_eq!(state(&self.policy), state(&before), "what has no effect changes nothing");
        }
        // Whatever it did can be undone, and comes to the same when it is done again.
        let after = state(&self.policy);
        self.policy.undo();
        assert_eq!(state(&self.policy), state(&before));
        assert_eq!(self.policy.apply(Seq(self.next - 1), &encoded[..len.unwrap()]), applied);
        assert_eq!(state(&self.policy), after);
        self.policy.settle();
        applied
    }

    fn act(&mut self, deed: Deed<'_>) -> Result<(), Refusal> {
        let Deed { by, act, whom, of, until, why, terms } = deed;
        let entry = Entry::Acted { who: who(by), nick: "x", act, whom: who(whom), of, until: Timestamp(until), why };
        self.write(&entry, Some(Tail::Terms(terms)))
    }

    #[track_caller]
    fn done(&mut self, deed: Deed<'_>) {
        assert_eq!(self.act(deed), Ok(()));
    }

    #[track_caller]
    fn refused(&mut self, deed: Deed<'_>, why: Refusal) {
        assert_eq!(self.act(deed), Err(why));
    }

    fn says(&mut self, number: u8) -> Result<(), Refusal> {
        self.write(&Entry::Said { who: who(number), nick: "x", text: "hey" }, None)
    }

    fn joins(&mut self, number: u8, nick: &str) -> Result<(), Refusal> {
        let claim = Claim { key: key(number), tables: 18, first: nick, second: "" };
        self.write(&Entry::Joined { who: who(number), nick }, Some(Tail::Claim(claim)))
    }

    fn leaves(&mut self, number: u8, nick: &str) {
        let left = self.write(&Entry::Left { who: who(number), nick, why: CloseReason::Left }, None);
        assert_eq!(left, Ok(()), "whoever left has left");
    }

    fn role(&self, number: u8) -> Role {
        self.policy.role(who(number))
    }

    /// The same state, read back from what was stored.
    fn read_back(&self) -> Policy {
        let claims = self.policy.held().map(|(seq, held)| (seq, held.clone()));
        let records = self.policy.records().map(|(name, record)| (name.clone(), record.clone()));
        Policy::load(claims, records, Timestamp(self.at)).unwrap()
    }
}

type State = (Vec<(Seq, Held)>, Vec<(Name, Record)>);

fn state(policy: &Policy) -> State {
    let held = policy.held().map(|(seq, held)| (seq, held.clone())).collect();
    (held, policy.records().map(|(name, record)| (name.clone(), record.clone())).collect())
}

#[test]
fn each_act_takes_its_role_and_what_a_lower_one_writes_has_no_effect() {
    let until = 2 * DAY;
    let acts = |by| {
        let timed = |act, until| Deed { until, ..deed(by, act, CAT) };
        [
            (timed(Act::Kick, DAY + 60 * SECOND), Role::Operator),
            (timed(Act::Mute, until), Role::Operator),
            (deed(by, Act::Unmute, CAT), Role::Operator),
            (timed(Act::Ban, 0), Role::Operator),
            (deed(by, Act::Unban, CAT), Role::Operator),
            (deed(by, Act::Admit, CAT), Role::Operator),
            (deed(by, Act::Op, CAT), Role::Owner),
            (deed(by, Act::Deop, CAT), Role::Owner),
            (setting(by, Act::Access, 1), Role::Operator),
            (setting(by, Act::Access, 0), Role::Owner),
            (setting(by, Act::Expiry, DAY), Role::Owner),
            (invitation(by, 7, 1, until), Role::Operator),
            (Deed { terms: Terms { token: [7; 16], ..Terms::default() }, ..deed(by, Act::Revoke, 0) }, Role::Operator),
            (Deed { why: "tea", ..setting(by, Act::Topic, 0) }, Role::Operator),
            (deed(by, Act::Owner, CAT), Role::Server),
        ]
    };
    for (by, role) in
        [(9, Role::Stranger), (BEN, Role::Member), (ANN, Role::Operator), (OWNER, Role::Owner), (0, Role::Server)]
    {
        let mut log = Log::new();
        for (deed, needed) in acts(by) {
            if role >= needed {
                log.done(deed);
                continue;
            }
            log.refused(deed, Refusal::NoRight);
            // Somebody has to do it, for the next one to be possible.
            let _ = log.act(Deed { by: if needed == Role::Server { 0 } else { OWNER }, ..deed });
        }
    }
}

#[test]
fn nobody_acts_on_the_owner_and_operators_not_on_each_other_nor_on_themselves() {
    let mut log = Log::new();
    log.done(deed(OWNER, Act::Op, BEN));
    for whom in [OWNER, BEN, ANN] {
        log.refused(deed(ANN, Act::Ban, whom), Refusal::NoRight);
        log.refused(Deed { until: 2 * DAY, ..deed(ANN, Act::Mute, whom) }, Refusal::NoRight);
    }
    log.refused(deed(OWNER, Act::Ban, OWNER), Refusal::NoRight);
    log.done(deed(OWNER, Act::Ban, BEN));
    log.refused(Deed { until: 2 * DAY, ..deed(BEN, Act::Mute, CAT) }, Refusal::NoRight);
    log.done(deed(OWNER, Act::Unban, BEN));
    log.done(Deed { until: 2 * DAY, ..deed(BEN, Act::Mute, CAT) });
    log.done(deed(OWNER, Act::Deop, BEN));
    log.refused(deed(BEN, Act::Unmute, CAT), Refusal::NoRight);
}

#[test]
fn who_is_muted_says_nothing_until_that_ends_or_is_lifted() {
    let mut log = Log::new();
    assert_eq!(log.says(BEN), Ok(()));
    log.done(Deed { until: DAY + 600 * SECOND, ..deed(ANN, Act::Mute, BEN) });
    assert_eq!(log.says(BEN), Err(Refusal::Muted));
    let renamed = log.write(&Entry::Renamed { who: who(BEN), nick: "ben", to: "loud" }, None);
    assert_eq!(renamed, Err(Refusal::Muted), "a nick says something too");
    log.at += 600 * SECOND;
    assert_eq!(log.says(BEN), Ok(()));
    log.done(Deed { until: 3 * DAY, ..deed(ANN, Act::Mute, BEN) });
    log.done(deed(ANN, Act::Unmute, BEN));
    assert_eq!(log.says(BEN), Ok(()));
    log.refused(deed(ANN, Act::Unmute, BEN), Refusal::NoEffect);
    // An operator that the owner has muted does not act either: reasons and topics are read by all.
    log.done(Deed { until: 3 * DAY, ..deed(OWNER, Act::Mute, ANN) });
    log.refused(Deed { why: "tea", ..setting(ANN, Act::Topic, 0) }, Refusal::Muted);
}

#[test]
fn who_is_banned_is_out_until_that_ends_and_a_kick_is_a_ban_of_a_minute() {
    let mut log = Log::new();
    assert_eq!(log.joins(CAT, "cat"), Ok(()));
    log.done(deed(ANN, Act::Ban, CAT));
    assert_eq!((log.says(CAT), log.joins(CAT, "cat")), (Err(Refusal::NoRight), Err(Refusal::NoRight)));
    log.leaves(CAT, "cat");
    log.at += 365 * DAY;
    assert!(!log.policy.may_enter(who(CAT), Timestamp(log.at)), "for ever");
    log.refused(Deed { until: log.at + 61 * SECOND, ..deed(ANN, Act::Kick, CAT) }, Refusal::NoEffect);
    log.done(Deed { until: log.at + 60 * SECOND, ..deed(ANN, Act::Kick, CAT) });
    log.at += 60 * SECOND;
    assert!(!log.policy.may_enter(who(CAT), Timestamp(log.at)), "a kick does not end a ban");
    log.done(deed(ANN, Act::Unban, CAT));
    log.done(Deed { until: log.at + 60 * SECOND, ..deed(ANN, Act::Kick, CAT) });
    assert_eq!(log.joins(CAT, "cat"), Err(Refusal::NoRight));
    log.at += 60 * SECOND;
    assert_eq!(log.joins(CAT, "cat"), Ok(()));
}

#[test]
fn an_address_is_kept_out_for_a_time_only() {
    let mut log = Log::new();
    let key = address_key("10.0.0.5".parse().unwrap());
    let terms = Terms { key, ..Terms::default() };
    let address = |act, until| Deed { of: "walt", until, terms, ..deed(ANN, act, 0) };
    log.refused(address(Act::Ban, 0), Refusal::NoEffect);
    log.done(address(Act::Ban, 2 * DAY));
    let name = Name::Address("10.0.0.5".into());
    assert!(log.policy.sanction(&name, Timestamp(log.at)).is_some());
    assert!(log.policy.sanction(&name, Timestamp(2 * DAY)).is_none());
    log.refused(Deed { terms: Terms::default(), ..address(Act::Ban, 2 * DAY) }, Refusal::NoSuch);
}

#[test]
fn an_invitation_is_used_by_registering_as_often_as_it_says_and_not_behind_its_end() {
    let mut log = Log::new();
    log.done(invitation(ANN, 7, 2, DAY + 100 * SECOND));
    log.refused(invitation(ANN, 7, 2, DAY + 100 * SECOND), Refusal::NoEffect);
    log.done(registration(CAT, 7));
    assert_eq!(log.role(CAT), Role::Member);
    log.refused(registration(CAT, 7), Refusal::NoEffect);
    log.refused(registration(BEN, 7), Refusal::NoEffect);
    log.refused(registration(10, 8), Refusal::NoSuch);
    log.done(registration(11, 7));
    log.refused(registration(12, 7), Refusal::NoSuch);
    log.done(invitation(ANN, 9, 1, DAY + 100 * SECOND));
    log.at += 100 * SECOND;
    log.refused(registration(12, 9), Refusal::NoSuch);
    // For one nick; and somebody else cannot register a key that is not theirs.
    log.done(Deed { of: "dan", ..invitation(ANN, 10, 1, log.at + SECOND) });
    log.refused(registration(12, 10), Refusal::NoSuch);
    log.refused(Deed { by: 13, of: "dan", ..registration(12, 10) }, Refusal::NoRight);
    log.done(Deed { of: "dan", ..registration(12, 10) });
}

#[test]
fn an_invitation_for_an_operator_is_the_owners_for_one_use_and_an_hour() {
    let op = |by, uses, lasts| {
        let invitation = invitation(by, 7, uses, DAY + lasts);
        Deed { terms: Terms { is_op: true, ..invitation.terms }, ..invitation }
    };
    let mut log = Log::new();
    log.refused(op(ANN, 1, 3600 * SECOND), Refusal::NoRight);
    log.refused(op(OWNER, 2, 3600 * SECOND), Refusal::NoEffect);
    log.refused(op(OWNER, 1, 3601 * SECOND), Refusal::NoEffect);
    log.done(op(OWNER, 1, 3600 * SECOND));
    let revoked = Deed { terms: Terms { token: [7; 16], ..Terms::default() }, ..deed(ANN, Act::Revoke, 0) };
    log.refused(revoked, Refusal::NoRight);
    log.done(registration(CAT, 7));
    assert_eq!(log.role(CAT), Role::Operator);
}

#[test]
fn a_closed_room_admits_who_is_there_and_nobody_else_is_heard() {
    let mut log = Log::new();
    assert_eq!(log.joins(CAT, "cat"), Ok(()));
    assert_eq!(log.joins(10, "dan"), Ok(()));
    log.leaves(10, "dan");
    log.done(setting(ANN, Act::Access, 1));
    assert_eq!((log.role(CAT), log.role(10)), (Role::Member, Role::Stranger));
    assert_eq!((log.says(CAT), log.says(BEN), log.says(10)), (Ok(()), Ok(()), Err(Refusal::NoRight)));
    assert_eq!(log.joins(11, "eve"), Err(Refusal::NoRight));
    assert_eq!(log.write(&Entry::Line { text: "eve: hi" }, None), Err(Refusal::NoRight), "plain text is off");
    log.done(setting(OWNER, Act::Access, 0));
    assert_eq!(log.joins(11, "eve"), Ok(()));
}

#[test]
fn a_server_that_starts_with_a_closed_room_admits_nobody_whom_the_log_takes_for_present() {
    let mut log = Log::new();
    assert_eq!(log.joins(CAT, "cat"), Ok(()));
    log.done(setting(0, Act::Access, 1));
    assert_eq!(log.role(CAT), Role::Stranger);
}

#[test]
fn an_operator_s_invitations_end_with_its_right() {
    for ends in [Act::Ban, Act::Deop] {
        let mut log = Log::new();
        log.done(invitation(ANN, 7, 5, 2 * DAY));
        log.done(invitation(OWNER, 8, 5, 2 * DAY));
        log.done(deed(OWNER, ends, ANN));
        log.refused(registration(CAT, 7), Refusal::NoSuch);
        log.done(registration(CAT, 8));
    }
}

#[test]
fn who_is_known_by_a_short_name_only_can_be_kept_out_and_gets_no_right() {
    let mut log = Log::new();
    let short = |act| Deed { terms: Terms::default(), ..deed(ANN, act, CAT) };
    log.refused(short(Act::Admit), Refusal::NoSuch);
    log.refused(Deed { terms: Terms::default(), ..deed(OWNER, Act::Deop, ANN) }, Refusal::NoSuch);
    log.done(short(Act::Ban));
    assert_eq!(log.joins(CAT, "cat"), Err(Refusal::NoRight));
    assert!(!log.policy.has_other_key(who(CAT), &key(CAT)), "whichever key it is");
    log.done(short(Act::Unban));
    log.done(deed(ANN, Act::Ban, CAT));
    log.refused(
        Deed { terms: Terms { key: [77; 32], ..Terms::default() }, ..deed(ANN, Act::Unban, CAT) },
        Refusal::NoSuch,
    );
    log.done(short(Act::Unban));
}

#[test]
fn who_is_muted_says_nothing_with_a_new_nick_either() {
    let mut log = Log::new();
    assert_eq!(log.joins(CAT, "cat"), Ok(()));
    log.leaves(CAT, "cat");
    log.done(Deed { until: 3 * DAY, ..deed(ANN, Act::Mute, CAT) });
    assert_eq!(log.joins(CAT, "ann is a thief"), Err(Refusal::Muted));
    assert_eq!(log.joins(CAT, "cat"), Ok(()), "its own");
}

#[test]
fn the_owner_holds_no_nick_and_says_nothing() {
    let mut log = Log::new();
    assert_eq!((log.says(OWNER), log.joins(OWNER, "boss")), (Err(Refusal::NoRight), Err(Refusal::NoRight)));
    // Another owner: the one before has no right any more.
    log.done(deed(0, Act::Owner, CAT));
    log.refused(deed(OWNER, Act::Op, BEN), Refusal::NoRight);
    log.done(deed(CAT, Act::Op, BEN));
}

#[test]
fn nicks_of_known_keys_stay_theirs_for_90_days_or_as_long_as_the_owner_says() {
    let mut log = Log::new();
    for (number, nick) in [(BEN, "ben"), (CAT, "cat")] {
        assert_eq!(log.joins(number, nick), Ok(()));
        log.leaves(number, nick);
    }
    let holder = |log: &Log, nick: &str| {
        let found = log.policy.holders(&Skeletons::of(nick), Timestamp(log.at)).next().map(|held| held.who);
        let read_back = log.read_back();
        assert_eq!(read_back.holders(&Skeletons::of(nick), Timestamp(log.at)).next().map(|held| held.who), found);
        found
    };
    log.at += DAY;
    assert_eq!((holder(&log, "ben"), holder(&log, "cat")), (Some(who(BEN)), None));
    log.at += 89 * DAY - 1;
    assert_eq!(holder(&log, "ben"), Some(who(BEN)));
    log.at += 1;
    assert_eq!(holder(&log, "ben"), None);
    log.at -= 30 * DAY;
    log.done(setting(OWNER, Act::Expiry, 30 * DAY));
    assert_eq!(holder(&log, "ben"), None, "the new time holds for nicks that are held already");
    log.refused(setting(OWNER, Act::Expiry, 59 * SECOND), Refusal::NoEffect);
}

#[test]
fn free_keys_do_not_drive_known_ones_out_of_their_nicks() {
    let mut log = Log::new();
    assert_eq!(log.joins(BEN, "ben"), Ok(()));
    log.leaves(BEN, "ben");
    for number in 0..20_100_u64 {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&(number << 8 | 0xff).to_be_bytes());
        let (who, nick) = (Who((number << 8 | 0xff).to_be_bytes()), format!("squatter {number}"));
        let claim = Tail::Claim(Claim { key, tables: 18, first: &nick, second: "" });
        for (entry, tail) in [
            (Entry::Joined { who, nick: &nick }, Some(claim)),
            (Entry::Left { who, nick: &nick, why: CloseReason::Left }, None),
        ] {
            let mut encoded = [0; ENTRY_MAX];
            log.at += 1;
            let at = Timestamp(log.at);
            let len = match tail {
                Some(tail) => entry.encode_with_tail(at, &tail, &mut encoded),
                None => entry.encode(at, &mut encoded),
            };
            log.policy.apply(Seq(log.next), &encoded[..len.unwrap()]).unwrap();
            log.next += 1;
        }
    }
    assert_eq!(log.policy.len(), claims::HELD_MAX);
    let holder = log.policy.holders(&Skeletons::of("ben"), Timestamp(log.at)).next().map(|held| held.who);
    assert_eq!(holder, Some(who(BEN)));
}

#[test]
fn an_operator_gives_a_lost_key_s_nick_back() {
    let release = |by: u8, whom: u8, of| {
        (
            Entry::Acted {
                who: who(by),
                nick: "x",
                act: Act::Release,
                whom: who(whom),
                of,
                until: Timestamp(0),
                why: "",
            },
            None,
        )
    };
    let mut log = Log::new();
    assert_eq!(log.joins(CAT, "cat"), Ok(()));
    assert_eq!(log.joins(BEN, "ben"), Ok(()));
    let (entry, tail) = release(BEN, CAT, "cat");
    assert_eq!(log.write(&entry, tail), Err(Refusal::NoRight));
    let (entry, tail) = release(BEN, BEN, "cat");
    assert_eq!(log.write(&entry, tail), Err(Refusal::NotHeld), "each key gives its own back");
    let (entry, tail) = release(ANN, CAT, "nobody's");
    assert_eq!(log.write(&entry, tail), Err(Refusal::NotHeld));
    let (entry, tail) = release(ANN, CAT, "cat");
    assert_eq!(log.write(&entry, tail), Ok(()));
    assert_eq!(log.joins(10, "cat"), Ok(()));
    assert!(log.policy.holds(who(10), "cat"));
}

#[test]
fn a_key_with_another_s_short_name_gets_none_of_its_rights() {
    let mut log = Log::new();
    let wrong = Terms { key: [77; 32], ..Terms::default() };
    log.refused(Deed { terms: wrong, ..deed(OWNER, Act::Op, BEN) }, Refusal::NoSuch);
    assert!(log.policy.has_other_key(who(BEN), &[77; 32]) && !log.policy.has_other_key(who(BEN), &key(BEN)));
    assert!(log.policy.has_other_key(who(OWNER), &[77; 32]));
    assert!(log.policy.has_other_key(Who::SERVER, &[77; 32]), "nobody may pose as the server");
}

#[test]
fn times_are_those_of_the_entries_and_never_go_back() {
    let mut log = Log::new();
    log.done(Deed { until: DAY + 10 * SECOND, ..deed(ANN, Act::Mute, BEN) });
    log.at += 10 * SECOND;
    assert_eq!(log.says(CAT), Ok(()));
    log.at = DAY;
    assert_eq!(log.says(BEN), Ok(()), "the log is ten seconds further, whatever this entry says");
}

#[test]
fn an_act_without_its_terms_or_of_a_newer_version_changes_nothing() {
    let mut log = Log::new();
    let entry =
        |act| Entry::Acted { who: who(OWNER), nick: "", act, whom: who(CAT), of: "cat", until: Timestamp(0), why: "" };
    assert_eq!(log.write(&entry(Act::Op), None), Err(Refusal::Malformed));
    assert_eq!(log.write(&entry(Act::Other(99)), None), Ok(()), "and is shown as such");
    assert_eq!(log.role(CAT), Role::Stranger);
}

#[test]
fn what_was_stored_is_read_back_and_what_cannot_be_right_is_refused() {
    let mut log = Log::new();
    log.done(invitation(ANN, 7, 2, 2 * DAY));
    log.done(Deed { why: &"w".repeat(WHY_MAX), of: &"n".repeat(NICK_MAX), ..deed(ANN, Act::Ban, CAT) });
    log.done(Deed { why: "tea", ..setting(ANN, Act::Topic, 0) });
    log.done(setting(ANN, Act::Access, 1));
    assert_eq!(state(&log.read_back()), state(&log.policy));
    let known = Known { key: key(CAT), role: Role::Operator, nick: String::new(), since: Timestamp(0) };
    let misplaced = [(Name::Settings, Record::Known(known))];
    assert!(Policy::load([], misplaced, Timestamp(0)).is_none(), "nobody could tell who may do what");
}

#[test]
fn the_limits_of_what_operators_can_pile_up_hold_and_what_has_ended_makes_place() {
    let mut log = Log::new();
    for number in 0..rights::INVITATIONS_MAX as u64 {
        let mut terms = Terms { number: 1, ..Terms::default() };
        terms.token[..8].copy_from_slice(&number.to_be_bytes());
        let entry = Entry::Acted {
            who: who(ANN),
            nick: "ann",
            act: Act::Invite,
            whom: Who::SERVER,
            of: "",
            until: Timestamp(DAY + (1 + number) * SECOND),
            why: "",
        };
        let mut encoded = [0; ENTRY_MAX];
        let len = entry.encode_with_tail(Timestamp(log.at), &Tail::Terms(terms), &mut encoded).unwrap();
        log.policy.apply(Seq(log.next), &encoded[..len]).unwrap();
        log.next += 1;
    }
    log.policy.settle();
    log.refused(invitation(ANN, 255, 1, 2 * DAY), Refusal::Full);
    log.at += SECOND;
    log.done(invitation(ANN, 255, 1, 2 * DAY));
}
