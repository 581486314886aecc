//! Who may come in, and who may act on others, in virtual time and with a log that others write to.
#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout
)] // tests are allowed to

use std::time::Duration;

use crate::common::world::open_log;
use crate::common::world::{Slow, memory};
use crate::sessions::{Peer, World, config, key};
use udpchat::client::{Event, Identity};
use udpchat::log::sqlite::{Keep, Sqlite, Sync};
use udpchat::log::{Draft, DraftId, Outcome as Told, Reader, Store};
use udpchat::server::Config;
use udpchat::wire::entry::{Act, Entry, Tail, Terms};
use udpchat::wire::frame::{GapReason, Outcome, PostKind};
use udpchat::wire::order::{InvitationToken, Order};
use udpchat::wire::record::{Access, Name, Record, Role};
use udpchat::wire::{CloseReason, LogId, Refusal, Seq, Timestamp, Who};

const OWNER: u8 = 9;
const TOKEN: InvitationToken = InvitationToken([7; 16]);

fn owned() -> Config {
    Config { owner: Some(key(OWNER).public()), ..config() }
}

/// A client that acts, and is not in the room.
fn boss() -> Peer {
    Peer::with("boss", Identity { present: false, ..Peer::identity(OWNER) }, OWNER)
}

/// Somebody who has an invitation.
fn invited(nick: &str, seed: u8) -> Peer {
    Peer::with(nick, Identity { token: Some(TOKEN), ..Peer::identity(seed) }, seed)
}

fn order(act: Act, whom: &str) -> Order {
    Order { whom: whom.into(), ..Order::new(act) }
}

fn invitation(uses: u64, seconds: u64) -> Order {
    Order { number: uses, seconds, token: TOKEN.hash().to_vec(), ..Order::new(Act::Invite) }
}

/// Has the first of these peers give the order. Returns what became of it.
fn give<S: Store>(world: &mut World<S>, order: &Order, peers: &mut [&mut Peer]) -> Option<Outcome> {
    let counter = peers[0].member.post(world.now, PostKind::Order, &order.encode());
    world.run(peers);
    peers[0].settled().iter().find(|(other, _)| *other == counter).map(|&(_, outcome)| outcome)
}

#[track_caller]
fn done<S: Store>(world: &mut World<S>, order: &Order, peers: &mut [&mut Peer]) {
    let outcome = give(world, order, peers);
    assert!(matches!(outcome, Some(Outcome::Accepted(_))), "{order:?}: {outcome:?}");
}

fn who(seed: u8) -> Who {
    key(seed).public().who()
}

/// Has another server append an act of the owner's.
fn act_elsewhere(world: &mut World<Slow>, act: Act, seed: u8, until: u64) {
    let terms = Terms { key: key(seed).public().0, ..Terms::default() };
    let (nick, of, why) = ("", "somebody", "");
    let entry = Entry::Acted { who: who(OWNER), nick, act, whom: who(seed), of, until: Timestamp(until), why };
    world.store.append_with(&entry, Timestamp(0), Some(Tail::Terms(terms)), None);
}

/// A room with a log that answers when it is told to; it has an owner, and Ann, who is an operator.
fn slow() -> World<Slow> {
    let mut world = World::with(owned(), Slow::default());
    world.run(&mut []);
    world.store.commit(0);
    act_elsewhere(&mut world, Act::Op, 1, 0);
    world.run(&mut []);
    world
}

fn commit_all(world: &mut World<Slow>, peers: &mut [&mut Peer]) {
    while world.store.asked() > 0 {
        world.store.commit(0);
        world.run(peers);
    }
}

#[test]
fn an_invitation_ends_when_it_says_and_a_mute_and_a_ban_too() {
    let mut world = World::with(owned(), memory());
    let mut boss = boss();
    let clock = |world: &mut World<_>, second: u64| world.server.set_wall(Timestamp(second * 1000));
    clock(&mut world, 1000);
    world.run(&mut [&mut boss]);
    done(&mut world, &Order { number: 1, ..Order::new(Act::Access) }, &mut [&mut boss]);
    done(&mut world, &invitation(5, 60), &mut [&mut boss]);
    clock(&mut world, 1059);
    let mut ben = invited("ben", 2);
    world.run(&mut [&mut boss, &mut ben]);
    assert!(ben.member.is_here());
    clock(&mut world, 1060);
    let mut cat = invited("cat", 3);
    world.run(&mut [&mut boss, &mut ben, &mut cat]);
    assert_eq!(cat.over(), Some(CloseReason::UsedUp));
    done(&mut world, &Order { seconds: 600, ..order(Act::Mute, "ben") }, &mut [&mut boss, &mut ben]);
    world.say(0, "can you hear me?", &mut [&mut ben]);
    clock(&mut world, 1659);
    world.say(0, "and now?", &mut [&mut ben]);
    clock(&mut world, 1660);
    world.say(0, "at last", &mut [&mut ben]);
    let outcomes: Vec<_> = ben.settled().into_iter().map(|(_, outcome)| outcome).collect();
    assert!(matches!(
        outcomes[..],
        [Outcome::Refused(Refusal::Muted), Outcome::Refused(Refusal::Muted), Outcome::Accepted(_)]
    ));
    done(
        &mut world,
        &Order { seconds: 3600, why: "enough".into(), ..order(Act::Ban, "ben") },
        &mut [&mut boss, &mut ben],
    );
    assert_eq!(ben.over(), Some(CloseReason::Banned));
    let told = ben.events.iter().find_map(|event| match event {
        Event::Barred { until, why, .. } => Some((*until, why.to_string())),
        _ => None,
    });
    assert_eq!(told, Some((Timestamp(5_260_000), "enough".into())));
    clock(&mut world, 5259);
    let mut again = Peer::with("ben", Identity { instance: udpchat::wire::Instance([77; 8]), ..Peer::identity(2) }, 12);
    world.run(&mut [&mut boss, &mut again]);
    assert_eq!(again.over(), Some(CloseReason::Banned));
    clock(&mut world, 5260);
    let mut back = Peer::with("ben", Identity { instance: udpchat::wire::Instance([78; 8]), ..Peer::identity(2) }, 13);
    world.run(&mut [&mut boss, &mut back]);
    assert!(back.member.is_here(), "known as before");
}

#[test]
fn what_an_operator_says_behind_the_act_that_muted_it_has_no_effect_and_nobody_is_shown_anything() {
    let mut world = slow();
    let (mut ann, mut ben) = (Peer::new("ann", 1), Peer::new("ben", 2));
    let both = &mut [&mut ann, &mut ben];
    world.run(both);
    commit_all(&mut world, both);
    world.say(0, "the first half of a sen", both);
    world.say(0, "tence", both);
    world.store.commit(0);
    // The owner, at another server, is faster than the second half.
    act_elsewhere(&mut world, Act::Mute, 1, 600_000);
    commit_all(&mut world, both);
    let outcomes: Vec<_> = ann.settled().into_iter().map(|(_, outcome)| outcome).collect();
    assert!(matches!(outcomes[..], [Outcome::Accepted(_), Outcome::Refused(Refusal::Muted)]), "{outcomes:?}");
    let shown = ben.shown();
    assert!(shown.iter().any(|line| line.contains("first half")) && !shown.iter().any(|line| line.contains("tence")));
    let silent = |event: &Event| matches!(event, Event::Gap { count: 1, why: GapReason::Void, .. });
    assert_eq!(ben.events.iter().filter(|event| silent(event)).count(), 1, "its number is told, and nothing else");
}

#[test]
fn an_act_behind_the_one_that_took_its_author_s_right_away_has_no_effect() {
    let mut world = slow();
    let (mut ann, mut ben) = (Peer::new("ann", 1), Peer::new("ben", 2));
    let both = &mut [&mut ann, &mut ben];
    world.run(both);
    commit_all(&mut world, both);
    assert_eq!(give(&mut world, &order(Act::Kick, "ben"), both), None, "on its way");
    act_elsewhere(&mut world, Act::Deop, 1, 0);
    commit_all(&mut world, both);
    assert!(matches!(ann.settled()[..], [(_, Outcome::Refused(Refusal::NoRight))]), "{:?}", ann.settled());
    assert_eq!((ben.over(), ben.member.is_here()), (None, true));
    assert!(!ben.shown().iter().any(|line| line.contains("kicked")));
}

#[test]
fn who_is_invited_is_in_once_the_log_says_so_and_of_two_the_log_decides() {
    let mut world = slow();
    let mut boss = boss();
    world.run(&mut [&mut boss]);
    assert_eq!(give(&mut world, &invitation(1, 60), &mut [&mut boss]), None);
    commit_all(&mut world, &mut [&mut boss]);
    let (mut ben, mut cat) = (invited("ben", 2), invited("cat", 3));
    let all = &mut [&mut boss, &mut ben, &mut cat];
    world.run(all);
    assert_eq!((all[1].member.is_here(), all[2].member.is_here(), world.store.asked()), (false, false, 2));
    world.store.commit(1);
    world.store.commit(0);
    world.run(all);
    commit_all(&mut world, all);
    assert_eq!((ben.over(), cat.over(), cat.member.is_here()), (Some(CloseReason::UsedUp), None, true));
    // Whoever is known uses nothing up, and needs nothing.
    assert!(cat.shown().iter().any(|line| line == "cat joined!"));
    assert!(!cat.shown().iter().any(|line| line.starts_with("ben")));
}

#[test]
fn a_log_that_does_not_take_a_registration_sends_the_guest_back_and_uses_nothing_up() {
    let mut world = slow();
    let mut boss = boss();
    world.run(&mut [&mut boss]);
    let _ = give(&mut world, &invitation(1, 60), &mut [&mut boss]);
    commit_all(&mut world, &mut [&mut boss]);
    let mut ben = invited("ben", 2);
    world.run(&mut [&mut boss, &mut ben]);
    world.store.reject(0);
    world.run(&mut [&mut boss, &mut ben]);
    assert_eq!((ben.over(), ben.member.is_here()), (None, false), "it comes again by itself");
    world.wait(Duration::from_secs(5), &mut [&mut boss, &mut ben]);
    commit_all(&mut world, &mut [&mut boss, &mut ben]);
    assert!(ben.member.is_here());
}

#[test]
fn a_room_that_is_to_be_closed_is_closed_before_the_log_can_say_so() {
    let mut world = World::with(Config { access: Some(Access::Known), ..owned() }, Slow::default());
    let mut ben = Peer::new("ben", 2);
    world.run(&mut [&mut ben]);
    assert_eq!(ben.over(), Some(CloseReason::NotInvited));
    assert!(
        !ben.events.iter().any(|event| matches!(event, Event::Entry { .. } | Event::Here { .. })),
        "it sees nothing"
    );
    // The log refuses, and is asked again.
    world.store.reject(0);
    world.store.reject(0);
    world.run(&mut []);
    assert_eq!(world.store.asked(), 0);
    world.wait(Duration::from_secs(2), &mut []);
    assert_eq!(world.store.asked(), 2);
    commit_all(&mut world, &mut []);
    world.wait(Duration::from_secs(60), &mut []);
    assert_eq!(world.store.asked(), 0, "it is said once");
    let mut boss = boss();
    world.run(&mut [&mut boss]);
    assert!(boss.member.is_here());
    let room = boss.events.iter().find_map(|event| if let Event::Room(room) = event { Some(room) } else { None });
    assert_eq!(room.map(|room| (room.role, room.is_closed)), Some((Role::Owner, true)));
}

#[test]
fn only_operators_are_told_who_is_known_and_who_has_to_stay_out() {
    let mut world = World::with(owned(), memory());
    let (mut boss, mut ben) = (boss(), Peer::new("ben", 2));
    let both = &mut [&mut boss, &mut ben];
    world.run(both);
    for number in 0..40 {
        let key = udpchat::wire::order::key_text(&[100 + number; 32]);
        done(&mut world, &order(Act::Admit, &format!("guest{number}#{key}")), both);
    }
    done(&mut world, &Order { seconds: 60, ..order(Act::Mute, "ben") }, both);
    both[0].member.list(world.now);
    both[1].member.list(world.now);
    world.run(both);
    let records = |peer: &Peer| -> Vec<(Name, Record)> {
        let lists = peer.events.iter().filter_map(|event| match event {
            Event::Records { records, may: true, .. } => Some(records.clone()),
            _ => None,
        });
        lists.flatten().collect()
    };
    let told = records(&boss);
    assert_eq!(told.iter().filter(|(_, record)| matches!(record, Record::Known(_))).count(), 40);
    assert_eq!(told.iter().filter(|(_, record)| matches!(record, Record::Sanction(_))).count(), 1);
    assert_eq!(records(&ben), []);
    assert!(ben.events.iter().any(|event| matches!(event, Event::Records { may: false, more: false, .. })));
}

#[test]
fn the_owner_is_seen_by_nobody_and_its_nick_is_nobodys() {
    let mut world = World::with(owned(), memory());
    let mut posing = Peer::with("boss", Peer::identity(OWNER), OWNER);
    let mut ben = Peer::new("ben", 2);
    world.run(&mut [&mut posing, &mut ben]);
    world.say(0, "hey", &mut [&mut posing, &mut ben]);
    posing.member.post(world.now, PostKind::Rename, "king");
    world.run(&mut [&mut posing, &mut ben]);
    assert_eq!(posing.settled().len(), 2);
    assert!(posing.settled().iter().all(|(_, outcome)| *outcome == Outcome::Refused(Refusal::NoRight)));
    assert_eq!(ben.shown(), ["ben joined!"]);
    let mut other = Peer::new("boss", 3);
    world.run(&mut [&mut posing, &mut ben, &mut other]);
    assert!(other.member.is_here(), "the nick is free");
}

fn submit(store: &mut Sqlite, entry: Entry<'_>, terms: Option<Terms>) {
    let (id, source, prefix_len, post, at) = (DraftId(0), 0, 0, None, Timestamp(1_700_000_000_000));
    store.submit(&Draft { id, source, entry, prefix_len, tail: terms.map(Tail::Terms), post, at });
}

fn acted<'a>(who: Who, act: Act, number: u64, until: u64) -> (Entry<'a>, Terms) {
    let key: [u8; 32] = [number.to_be_bytes(); 4].concat().try_into().unwrap();
    let whom = Who(number.to_be_bytes());
    let until = Timestamp(until);
    (Entry::Acted { who, nick: "", act, whom, of: "member", until, why: "" }, Terms { key, ..Terms::default() })
}

#[test]
fn ten_thousand_known_keys_and_a_hundred_thousand_acts_are_read_back_with_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("room.db");
    let mut store = open_log(&path, Keep::default());
    let (entry, terms) = acted(Who::SERVER, Act::Owner, 1, 0);
    submit(&mut store, entry, Some(terms));
    let owner = Who(1_u64.to_be_bytes());
    for number in 2..10_002 {
        let (entry, terms) = acted(owner, Act::Admit, number, 0);
        submit(&mut store, entry, Some(terms));
    }
    for number in 0..90_000 {
        let (entry, terms) = acted(owner, Act::Mute, 2 + number % 10_000, 1_700_000_600_000 + number);
        submit(&mut store, entry, Some(terms));
    }
    store.flush();
    let mut appended = 0;
    while let Some(outcome) = store.poll() {
        appended += usize::from(matches!(outcome, Told::Appended(_)));
    }
    assert_eq!(appended, 100_001);
    drop(store);
    let begun = std::time::Instant::now();
    let mut store = open_log(&path, Keep::default());
    let policy = store.open().policy;
    // Read with --nocapture; docs/PERFORMANCE.md has the figure.
    println!("{} records read in {:?}", policy.records().count(), begun.elapsed());
    assert_eq!(policy.records().count(), 1 + 10_000 + 10_000);
    assert_eq!(policy.role(Who(77_u64.to_be_bytes())), Role::Member);
}

#[test]
fn what_had_no_effect_is_a_gap_in_the_file_and_no_post_that_was_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("room.db");
    let mut store = open_log(&path, Keep::default());
    let (entry, terms) = acted(Who::SERVER, Act::Owner, 1, 0);
    submit(&mut store, entry, Some(terms));
    let (entry, terms) = acted(Who([5; 8]), Act::Ban, 7, 0);
    submit(&mut store, entry, Some(terms));
    submit(&mut store, Entry::Said { who: Who([5; 8]), nick: "eve", text: "hey" }, None);
    store.flush();
    while store.poll().is_some() {}
    drop(store);
    let mut store = open_log(&path, Keep::default());
    assert_eq!(store.open().next, Seq(3), "it has its number");
    store.request(&udpchat::log::Request::Page { id: udpchat::log::RequestId(1), from: Seq(0), to: Seq(3) });
    let Some(Told::Page { page, .. }) = store.poll() else { panic!("a page") };
    assert_eq!(
        page.missing(Seq(0), Seq(3), Reader::default()),
        Some((Seq(2), GapReason::Void)),
        "that one, and the owner's"
    );
    assert!(page.entry(Seq(2)).is_some());
    drop(store);
    let connection = rusqlite::Connection::open(&path).unwrap();
    let acts: i64 = connection.query_row("SELECT count(*) FROM acts", [], |row| row.get(0)).unwrap();
    assert_eq!(acts, 1, "the trail has what had effect");
}

#[test]
fn a_file_whose_rules_cannot_be_read_is_not_served() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("room.db");
    let mut store = open_log(&path, Keep::default());
    let (entry, terms) = acted(Who::SERVER, Act::Owner, 1, 0);
    submit(&mut store, entry, Some(terms));
    store.flush();
    while store.poll().is_some() {}
    drop(store);
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute("UPDATE rules SET record = x'ff'", []).unwrap();
    drop(connection);
    let err = Sqlite::open(&path, Sync::Normal, Keep::default(), LogId([1; 16])).unwrap_err();
    assert!(err.to_string().contains("room.db"), "{err}");
}
