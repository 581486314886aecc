//! Private messages in virtual time: at the limits, with a log that others write to, with servers that lie or say nothing.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, clippy::disallowed_methods)] // tests are allowed to

use std::net::SocketAddr;
use std::time::Duration;

use arbitrary::Unstructured;

use crate::common::world::{LOG, Slow, memory};
use crate::sessions::{Peer, World, config, key};
use udpchat::adversary::server::{Hostile, Manner};
use udpchat::client::contacts::Contacts;
use udpchat::client::{Client, Config, Event, Identity, NotWritten, Recipient, Said, Trust};
use udpchat::log::Store;
use udpchat::session::letter::{Envelope, Letter as Plain};
use udpchat::session::{Entropy, PublicKey};
use udpchat::time::Instant;
use udpchat::wire::entry::{Act, Entry, Tail, Terms};
use udpchat::wire::frame::{GapReason, Outcome, PostKind, Whose};
use udpchat::wire::order::{Order, key_text};
use udpchat::wire::record::{Name, Record};
use udpchat::wire::{Instance, LogId, PostId, Refusal, Timestamp, Who};

fn who(seed: u8) -> Who {
    key(seed).public().who()
}

/// What a peer was shown of private messages, each as a word.
fn shown(peer: &mut Peer) -> Vec<String> {
    let events = std::mem::take(&mut peer.events);
    let private =
        events.into_iter().filter_map(|event| if let Event::Private(private) = event { Some(private) } else { None });
    let words = private.map(|private| match private.said {
        Said::Text { text, is_act: false, missing: 0 } => text,
        Said::Text { text, is_act, missing } => format!("{text} (act: {is_act}, missing: {missing})"),
        Said::Own(text) => format!("own {}", text.map_or_else(|| "elsewhere".into(), |(text, _)| text)),
        Said::Repeated => "repeated".into(),
        Said::Unreadable => "unreadable".into(),
    });
    words.collect()
}

fn write<S: Store>(world: &mut World<S>, peers: &mut [&mut Peer], to: u8, text: &str) -> Option<Outcome> {
    let of = "jill".parse().unwrap();
    let counter = peers[0].member.write_to(world.now, key(to).public(), &of, false, text);
    outcome(world, peers, counter)
}

/// Waits for the outcome of a post of the first of these, for a while.
fn outcome<S: Store>(world: &mut World<S>, peers: &mut [&mut Peer], counter: u64) -> Option<Outcome> {
    for _ in 0..30 {
        world.wait(Duration::from_millis(2), peers);
        let settled = peers[0].settled();
        if let Some(&(_, outcome)) = settled.iter().find(|(other, _)| *other == counter) {
            return Some(outcome);
        }
    }
    None
}

fn post<S: Store>(world: &mut World<S>, peers: &mut [&mut Peer], kind: PostKind, text: &str) -> Option<Outcome> {
    let counter = peers[0].member.post(world.now, kind, text);
    outcome(world, peers, counter)
}

fn block(seed: u8) -> String {
    Order { whom: format!("jack#{}", key_text(&key(seed).public().0)), ..Order::new(Act::Block) }.encode()
}

#[test]
fn a_third_member_hears_of_them_only_with_the_next_message_for_everybody_and_then_in_one_gap() {
    let mut world = World::with(config(), memory());
    let (mut jack, mut jill, mut ann) = (Peer::new("jack", 1), Peer::new("jill", 2), Peer::new("ann", 3));
    world.run(&mut [&mut jack, &mut jill, &mut ann]);
    ann.events.clear();
    for number in 0..50 {
        write(&mut world, &mut [&mut jack, &mut jill, &mut ann], 2, &format!("{number}"));
    }
    assert_eq!(shown(&mut jill), (0..50).map(|number| number.to_string()).collect::<Vec<_>>());
    assert!(ann.events.is_empty(), "{:?}", ann.events);
    post(&mut world, &mut [&mut jack, &mut jill, &mut ann], PostKind::Say, "for all");
    let gaps: Vec<_> = ann
        .events
        .iter()
        .filter_map(|event| if let Event::Gap { count, why, .. } = event { Some((*count, *why)) } else { None })
        .collect();
    assert_eq!(gaps, [(50, GapReason::Void)]);
}

#[test]
fn what_nobody_may_write_is_refused_with_the_reason_and_the_next_message_is_not_taken_for_late() {
    let mut world = World::with(config(), memory());
    let (mut jack, mut jill) = (Peer::new("jack", 1), Peer::new("jill", 2));
    world.run(&mut [&mut jack, &mut jill]);
    let refused = |why| Some(Outcome::Refused(why));
    let mut both = |to, text: &str| write(&mut world, &mut [&mut jack, &mut jill], to, text);
    assert!(matches!(both(2, "one"), Some(Outcome::Accepted(_))));
    assert_eq!(both(7, "to nobody"), refused(Refusal::NoSuch));
    assert_eq!(both(1, "to oneself"), refused(Refusal::NoEffect));
    assert!(matches!(both(2, "two"), Some(Outcome::Accepted(_))));
    assert_eq!(shown(&mut jill), ["one", "two"]);
}

#[test]
fn a_block_is_its_authors_own_ends_by_any_name_and_has_its_limit() {
    let mut world = World::with(config(), memory());
    let (mut jack, mut jill, mut ann) = (Peer::new("jack", 1), Peer::new("jill", 2), Peer::new("ann", 3));
    world.run(&mut [&mut jack, &mut jill, &mut ann]);
    ann.events.clear();
    assert!(matches!(
        post(&mut world, &mut [&mut jill, &mut jack, &mut ann], PostKind::Order, &block(1)),
        Some(Outcome::Accepted(_))
    ));
    assert_eq!(write(&mut world, &mut [&mut jack, &mut jill], 2, "hey"), Some(Outcome::Refused(Refusal::Blocked)));
    assert!(ann.events.is_empty(), "{:?}", ann.events);
    // Ann sees nothing of it in a list either, though she asks for jill's.
    ann.member.list(world.now);
    world.run(&mut [&mut ann]);
    jill.member.list_blocks(world.now);
    world.run(&mut [&mut jill]);
    let records = |peer: &mut Peer| {
        let events = std::mem::take(&mut peer.events);
        let listed = events
            .into_iter()
            .filter_map(|event| if let Event::Records { records, .. } = event { Some(records) } else { None });
        listed.flatten().collect::<Vec<_>>()
    };
    assert_eq!(records(&mut jill), [(Name::Block(who(2), who(1)), Record::Block("jack".into()))]);
    assert_eq!(records(&mut ann), []);
    // He is gone, and his nick is somebody else's.
    let unblock = |whom: &str| Order { whom: whom.into(), ..Order::new(Act::Unblock) }.encode();
    let mut alone = |order: &str| post(&mut world, &mut [&mut jill], PostKind::Order, order);
    assert_eq!(alone(&unblock("ann")), Some(Outcome::Refused(Refusal::NoSuch)));
    assert_eq!(alone(&unblock("jack#ffff")), Some(Outcome::Refused(Refusal::NoSuch)));
    assert!(matches!(alone(&unblock(&format!("JACK#{}", &who(1).to_string()[..4]))), Some(Outcome::Accepted(_))));
    assert_eq!(alone(&unblock("jack")), Some(Outcome::Refused(Refusal::NoSuch)), "once");
    assert_eq!(alone(&block(2)), Some(Outcome::Refused(Refusal::NoEffect)), "oneself");
    for seed in 10..110 {
        assert!(matches!(alone(&block(seed)), Some(Outcome::Accepted(_))), "{seed}");
    }
    assert_eq!(alone(&block(200)), Some(Outcome::Refused(Refusal::NoEffect)), "a hundred and one");
    assert_eq!(alone(&unblock("jack")), Some(Outcome::Refused(Refusal::Ambiguous)));
}

#[test]
fn a_message_that_a_block_at_another_server_overtakes_has_no_effect() {
    let mut world = World::with(config(), Slow::default());
    let (mut jack, mut jill) = (Peer::new("jack", 1), Peer::new("jill", 2));
    world.run(&mut [&mut jack, &mut jill]);
    while world.store.asked() > 0 {
        world.store.commit(0);
        world.run(&mut [&mut jack, &mut jill]);
    }
    assert_eq!(write(&mut world, &mut [&mut jack, &mut jill], 2, "too late"), None, "it is on its way");
    let terms = Terms { key: key(1).public().0, ..Terms::default() };
    let block = Entry::Acted {
        who: who(2),
        nick: "jill",
        act: Act::Block,
        whom: who(1),
        of: "jack",
        until: Timestamp(0),
        why: "",
    };
    world.store.append_with(&block, Timestamp(0), Some(Tail::Terms(terms)), None);
    world.run(&mut [&mut jack, &mut jill]);
    world.store.commit(0);
    world.run(&mut [&mut jack, &mut jill]);
    assert_eq!(jack.settled().last().map(|&(_, outcome)| outcome), Some(Outcome::Refused(Refusal::Blocked)));
    assert_eq!(shown(&mut jill), Vec::<String>::new());
}

#[test]
fn messages_of_one_to_another_go_sixty_four_at_once_and_then_four_a_second() {
    let mut world = World::with(config(), memory());
    let (mut jack, mut jill, mut ann) = (Peer::new("jack", 1), Peer::new("jill", 2), Peer::new("ann", 3));
    world.run(&mut [&mut jack, &mut jill, &mut ann]);
    for number in 0..64 {
        let written = write(&mut world, &mut [&mut jack, &mut jill], 2, &number.to_string());
        assert!(matches!(written, Some(Outcome::Accepted(_))), "{number}");
    }
    assert_eq!(write(&mut world, &mut [&mut jack, &mut jill], 2, "the next"), None, "it waits");
    // Another pair has a rate of its own.
    assert!(matches!(write(&mut world, &mut [&mut ann, &mut jill], 2, "hey"), Some(Outcome::Accepted(_))));
    let before = world.now;
    while jack.member.outstanding() > 0 {
        world.wait(Duration::from_millis(10), &mut [&mut jack, &mut jill, &mut ann]);
        assert!(world.now.saturating_since(before) < Duration::from_secs(1));
    }
    assert!(world.now.saturating_since(before) > Duration::from_millis(50));
}

#[test]
fn another_server_of_the_log_that_shows_an_old_message_again_is_found_out() {
    let mut world = World::with(config(), Slow::default());
    let mut jill = Peer::new("jill", 2);
    world.run(&mut [&mut jill]);
    while world.store.asked() > 0 {
        world.store.commit(0);
        world.run(&mut [&mut jill]);
    }
    let log = LOG;
    let mut entropy = Entropy::new([1; 32]);
    let mut append = |world: &mut World<Slow>, counter, number, log: LogId, text: &str| {
        let post = PostId { instance: Instance([5; 8]), counter };
        let envelope = Envelope { log, from: key(1).public(), to: key(2).public(), nick: "jack", of: "jill", post };
        let plain = Plain { number, is_counted: true, is_act: false, text: text.into() };
        let sealed = envelope.seal(&key(1), &mut entropy, &plain).unwrap();
        let entry = Entry::Private { who: who(1), to: who(2), nick: "jack", of: "jill", post, sealed: &sealed };
        world.store.append_with(&entry, Timestamp(0), Some(Tail::Author(key(1).public().0)), None);
    };
    append(&mut world, 0, 0, log, "one");
    append(&mut world, 1, 1, log, "two");
    append(&mut world, 1, 1, log, "the same post, whatever it says");
    append(&mut world, 2, 1, log, "one that was called refused left its number");
    append(&mut world, 7, 5, log, "and three never came");
    append(&mut world, 9, 6, LogId([0xaa; 16]), "of another room");
    world.run(&mut [&mut jill]);
    assert_eq!(
        shown(&mut jill),
        [
            "one",
            "two",
            "repeated",
            "one that was called refused left its number",
            "and three never came (act: false, missing: 3)",
            "unreadable"
        ]
    );
}

#[test]
fn whose_a_name_is_is_answered_once_at_a_time_however_often_it_is_asked() {
    let mut world = World::with(config(), memory());
    let (mut jack, mut jill) = (Peer::new("jack", 1), Peer::new("jill", 2));
    world.run(&mut [&mut jack, &mut jill]);
    let mut find = |world: &mut World<_>, name: &str| {
        jack.events.clear();
        jack.member.find(world.now, name);
        world.run(&mut [&mut jack, &mut jill]);
        let found = jack.events.iter().find_map(|event| match event {
            Event::Found { name: asked, whom, nick, key } if **asked == *name => Some((*whom, nick.to_string(), *key)),
            _ => None,
        });
        found.unwrap()
    };
    let jills = (Whose::Key, "jill".to_owned(), key(2).public());
    let whole = key(2).public();
    for name in [
        "jill",
        "JILL",
        &key_text(&whole.0),
        &format!("jill#{}", &who(2).to_string()[..6]),
        &format!("jill#{}", whole.fingerprint()),
        &format!("#{}", who(2)),
    ] {
        assert_eq!(find(&mut world, name), jills, "{name}");
    }
    for name in ["nobody", "jill#ffff", "#0123456789abcdef", "127.0.0.1", "", "jill#", &key_text(&[9; 32])] {
        let (whom, nick, key) = find(&mut world, name);
        assert_eq!((whom, nick.as_str(), key), (Whose::Nobody, "", PublicKey([0; 32])), "{name}");
    }
}

const SERVER: &str = "10.0.0.1:9999";

/// A client that looks for the server of these tests.
fn client(contacts: Contacts) -> Client {
    let mut entropy = Entropy::new([6; 32]);
    let identity = Identity::new(key(1), Instance(entropy.bytes()), entropy.bytes());
    let identity = Identity { contacts, ..identity };
    let servers = vec![SERVER.parse().unwrap()];
    let nick = "jack".parse().unwrap();
    let timeout = Duration::from_secs(5);
    Client::new(
        Instant::ZERO,
        Config { nick, servers, timeout, stays: true, identity: Some(identity), is_secure: true },
    )
}

#[test]
fn a_server_that_does_not_know_the_question_holds_up_nothing_but_the_private_message() {
    let server: SocketAddr = SERVER.parse().unwrap();
    let mut client = client(Contacts::NONE);
    let mut u = Unstructured::new(&[]);
    // It settles posts, and answers nothing else.
    let mut old = Hostile::new(&mut u, Manner::KnocksOnly, Entropy::new([5; 32]));
    let mut now = Instant::ZERO;
    client.write_to(now, &Recipient::Name("jill".into()), false, "the secret", None);
    client.say(now, "for all");
    client.find(now, "ann");
    let mut told = Vec::new();
    while now < Instant::from_millis(20_000) {
        while let Some(bytes) = client.poll_transmit().map(<[u8]>::to_vec) {
            client.transmitted(now);
            for answer in old.hear(now, &bytes) {
                client.handle_datagram(now, server, &answer);
            }
        }
        told.extend(std::iter::from_fn(|| client.poll_event()));
        now = now + Duration::from_millis(10);
        client.handle_timeout(now);
    }
    let not_written = told.iter().any(|event| {
        matches!(event, Event::NotWritten { to, line, why: NotWritten::NoAnswer, .. } if **to == *"jill" && line == "the secret")
    });
    assert!(not_written, "{told:?}");
    assert!(told.iter().any(|event| matches!(event, Event::Confirmed { .. })), "{told:?}");
    assert!(
        told.iter().any(|event| matches!(event, Event::Found { name, whom: Whose::Other(_), .. } if **name == *"ann"))
    );
    assert_eq!(client.outstanding(), 0);
}

#[test]
fn an_answer_with_another_nick_than_was_asked_for_is_nobodys_and_a_known_nick_goes_to_its_key_only() {
    let (jill, other) = (key(2).public(), key(3).public());
    let contacts: Contacts = [("jill", jill)].into_iter().collect();
    assert_eq!(contacts.trust("JILL", other), Trust::Changed(jill));
    let mut world = World::with(config(), memory());
    // Another key has a nick that looks like hers.
    let (mut thief, mut watcher) = (Peer::new("JILL", 3), Peer::new("ann", 4));
    world.run(&mut [&mut thief, &mut watcher]);
    let mut client = client(contacts);
    let mut told = Vec::new();
    for to in ["jill", "ann"] {
        client.write_to(world.now, &Recipient::Name(to.into()), false, to, None);
    }
    let (server, address) = (SERVER.parse().unwrap(), SocketAddr::from(([10, 0, 1, 1], 1)));
    for _ in 0..200 {
        while let Some(bytes) = client.poll_transmit().map(<[u8]>::to_vec) {
            client.transmitted(world.now);
            world.receive(address, &bytes);
        }
        for (to, bytes) in world.sent() {
            if to == address {
                client.handle_datagram(world.now, server, &bytes);
            } else if let Some(peer) = [&mut thief, &mut watcher].into_iter().find(|peer| peer.address == to) {
                peer.member.handle_datagram(world.now, server, &bytes);
            }
        }
        told.extend(std::iter::from_fn(|| client.poll_event()));
        world.wait(Duration::from_millis(10), &mut [&mut thief, &mut watcher]);
        client.handle_timeout(world.now);
    }
    let refused = told.iter().find_map(|event| match event {
        Event::NotWritten { to, why: NotWritten::KeyChanged { nick, known, now }, .. } => {
            Some((to.to_string(), nick.to_string(), *known, *now))
        }
        _ => None,
    });
    assert_eq!(refused, Some(("JILL".into(), "JILL".into(), jill, other)));
    assert!(told.iter().any(|event| matches!(event, Event::Contact { nick, .. } if **nick == *"ann")), "{told:?}");
    assert_eq!(shown(&mut thief), Vec::<String>::new());
    assert_eq!(shown(&mut watcher), ["ann"]);
}
