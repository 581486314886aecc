//! Scenarios of the room and its text clients, in memory.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // tests are allowed to
#![allow(clippy::disallowed_methods, clippy::cast_possible_truncation)]

use std::collections::BTreeMap;
use std::time::Duration;

use crate::common::world::{Peer, SOCKET, Slow, World, run};
use proptest::prelude::*;
use udpchat::client::{Away, Event, Unreachable};
use udpchat::server::Unreachable as Unreached;
use udpchat::server::{Config, DropReason, Rate, TextPolicy};
use udpchat::wire::{packet, text};

const JILL: &str = "10.0.0.2:1000";
const JACK: &str = "10.0.0.3:1000";
const MARY: &str = "10.0.1.4:1000";
const TIMEOUT: Duration = Duration::from_secs(5);

/// Returns a configuration without rate limits, which have tests of their own.
fn config() -> Config {
    Config { rate: None, signup_rate: None, ..crate::common::world::config() }
}

fn world() -> World {
    World::new(config())
}

#[test]
fn jack_and_jill_see_what_the_original_would_show_them() {
    let mut world = world();
    let mut jill = Peer::new(world.now, "jill", JILL, TIMEOUT);
    run(&mut world, &mut [&mut jill]);
    let mut jack = Peer::new(world.now, "jack", JACK, TIMEOUT);
    run(&mut world, &mut [&mut jill, &mut jack]);
    jill.client.say("hey jack", &None);
    run(&mut world, &mut [&mut jill, &mut jack]);
    jack.client.say("hi jill", &None);
    run(&mut world, &mut [&mut jill, &mut jack]);
    assert_eq!(jill.shown, ["jill joined!", "jack joined!", "jill: hey jack", "jack: hi jill"]);
    assert_eq!(jack.shown, ["jack joined!", "jill: hey jack", "jack: hi jill"]);
    assert_eq!(world.transcript, ["SIGNUP_TAG:jill", "SIGNUP_TAG:jack", "jill: hey jack", "jack: hi jill"]);
    assert_eq!((jill.client.confirmed(), jill.client.outstanding()), (1, 0));
}

#[test]
fn a_repeated_signup_is_announced_again_and_makes_no_second_member() {
    let mut world = world();
    world.say(JILL, "SIGNUP_TAG:jill");
    world.say(JILL, "SIGNUP_TAG:jill");
    assert_eq!(world.server.members(), 1);
    assert_eq!(world.sent_to(JILL), ["jill joined!", "jill joined!"]);
}

#[test]
fn an_unknown_sender_of_a_line_becomes_known_with_it() {
    let mut world = world();
    world.say(JILL, "jill: anybody?");
    world.say(JACK, "SIGNUP_TAG:jack");
    assert_eq!(world.sent_to(JILL), ["jill: anybody?", "jack joined!"]);
}

#[test]
fn odd_nicks_and_odd_lines_go_out_as_they_came() {
    let mut world = world();
    world.say(JILL, "SIGNUP_TAG: a:b ");
    world.say(JILL, "SIGNUP_TAG:");
    for line in ["no prefix", "a:b:tight", "QUIT_TAG:jill", "!q", "two\nlines", "\x1b[31mred", "\u{6}"] {
        world.say(JILL, line);
    }
    let said = world.sent_to(JILL);
    assert_eq!(said[..2], [" a:b  joined!", " joined!"]);
    assert_eq!(said[2..], ["no prefix", "a:b:tight", "QUIT_TAG:jill", "!q", "two\nlines", "\x1b[31mred", "\u{6}"]);
}

#[test]
fn garbage_is_dropped_and_makes_nobody_a_member() {
    let mut world = world();
    world.say(JILL, "");
    world.say(JILL, b"\xc0\xfejill");
    world.say(JILL, b"\x80session");
    world.say(JILL, "x".repeat(4097));
    world.say(JILL, format!("SIGNUP_TAG:{}", "x".repeat(4096)));
    assert_eq!((world.server.members(), world.sent.len(), world.transcript.len()), (0, 0, 0));
    let counters = world.server.counters();
    assert_eq!(counters.dropped(DropReason::Empty), 1);
    assert_eq!(counters.dropped(DropReason::NotUtf8), 2);
    assert_eq!(counters.dropped(DropReason::TooLong), 2);
}

#[test]
fn a_long_line_becomes_several_each_with_its_prefix() {
    let mut world = world();
    world.say(JILL, "SIGNUP_TAG:jill");
    let text = "ж".repeat(2000);
    world.say(JILL, format!("jill: {text}"));
    let parts = world.sent_to(JILL).split_off(1);
    assert_eq!(parts.len(), 4);
    assert!(parts.iter().all(|part| part.len() <= 1024 && part.starts_with("jill: ")));
    assert_eq!(parts.iter().map(|part| &part[6..]).collect::<String>(), text);
    assert_eq!(world.transcript[1], format!("jill: {text}"), "the transcript has the datagram as it came");
}

#[test]
fn a_long_announcement_is_cut_as_well() {
    let mut world = world();
    let nick = "x".repeat(4088);
    world.say(JILL, format!("SIGNUP_TAG:{nick}"));
    let parts = world.sent_to(JILL);
    assert!(parts.iter().all(|part| part.len() <= 1024));
    assert_eq!(parts.concat(), format!("{nick} joined!"));
}

#[test]
fn a_public_address_draws_nothing_unless_the_room_is_opened() {
    for (text, private, public) in [(TextPolicy::Private, 1, 0), (TextPolicy::Any, 1, 1), (TextPolicy::Off, 0, 0)] {
        let mut world = World::new(Config { text, ..config() });
        world.say(JILL, "SIGNUP_TAG:jill");
        assert_eq!(world.server.members(), private, "{text:?}");
        let before = world.sent.len();
        world.say("8.8.8.8:53", "SIGNUP_TAG:victim");
        assert_eq!(world.server.members(), private + public, "{text:?}");
        assert_eq!(world.sent_to("8.8.8.8:53").len(), public, "{text:?}");
        assert_eq!(world.sent.len() - before, public * (private + public), "{text:?}");
    }
}

#[test]
fn a_full_room_takes_the_longest_silent_of_the_newcomers_prefix_else_refuses() {
    let mut world = World::new(Config { members_max: 2, ..config() });
    world.say(JILL, "SIGNUP_TAG:jill");
    world.wait(Duration::from_secs(1));
    world.say(JACK, "SIGNUP_TAG:jack");
    assert_eq!(world.server.members(), 2, "at the limit");
    world.say(MARY, "SIGNUP_TAG:mary");
    assert_eq!(world.server.counters().dropped(DropReason::RoomFull), 1, "one past it, from elsewhere");
    world.wait(Duration::from_secs(1));
    world.say(JILL, "jill: still here");
    world.say("10.0.0.9:1000", "SIGNUP_TAG:newcomer");
    assert_eq!(world.server.members(), 2);
    assert_eq!(world.sent_to(JACK).last().unwrap(), "jill: still here", "jack was silent longest and has left");
    assert_eq!(world.sent_to(JILL).last().unwrap(), "newcomer joined!");
}

#[test]
fn who_is_silent_for_too_long_is_gone_and_not_earlier() {
    let idle = Duration::from_secs(60);
    let mut world = World::new(Config { text_idle: idle, ..config() });
    world.say(JILL, "SIGNUP_TAG:jill");
    world.say(JACK, "SIGNUP_TAG:jack");
    world.wait(Duration::from_secs(30));
    world.say(JILL, "jill: one");
    world.wait(Duration::from_secs(29));
    assert_eq!(world.server.members(), 2);
    world.wait(Duration::from_secs(1));
    assert_eq!(world.server.members(), 1, "jack was heard 60 s ago");
    world.say(JILL, "jill: two");
    assert_eq!(world.sent_to(JACK).last().unwrap(), "jill: one");
}

#[test]
fn who_is_reported_unreachable_is_gone_and_may_come_back() {
    let mut world = world();
    world.say(JILL, "SIGNUP_TAG:jill");
    world.say(JACK, "SIGNUP_TAG:jack");
    world.server.handle_unreachable(SOCKET, JACK.parse().unwrap(), Unreached::Port);
    world.server.handle_unreachable(SOCKET, MARY.parse().unwrap(), Unreached::Port);
    world.say(JILL, "jill: gone?");
    assert_eq!((world.server.members(), world.sent_to(JACK).len()), (1, 1));
    world.say(JACK, "jack: back");
    assert_eq!(world.sent_to(JACK), ["jack joined!", "jack: back"]);
}

#[test]
fn a_host_that_is_not_reached_is_gone_at_the_third_word_unless_it_is_heard_meanwhile() {
    let mut world = world();
    world.say(JACK, "SIGNUP_TAG:jack");
    let unreached = |world: &mut World| {
        world.server.handle_unreachable(SOCKET, JACK.parse().unwrap(), Unreached::Host);
        world.server.members()
    };
    assert_eq!([unreached(&mut world), unreached(&mut world)], [1, 1]);
    world.say(JACK, "jack: here again");
    assert_eq!([unreached(&mut world), unreached(&mut world), unreached(&mut world)], [1, 1, 0]);
}

#[test]
fn a_peer_that_the_system_will_not_send_to_costs_the_others_nothing() {
    let mut world = world();
    for peer in [JILL, JACK, MARY] {
        world.say(peer, "SIGNUP_TAG:x");
    }
    let before = [JILL, JACK, MARY].map(|peer| world.sent_to(peer).len());
    world.receive(JILL, "x: hello");
    world.commit();
    world.send(1);
    world.refuse_next();
    world.run();
    let after = [JILL, JACK, MARY].map(|peer| world.sent_to(peer).len());
    assert_eq!([0, 1, 2].map(|peer| after[peer] - before[peer]), [1, 0, 1]);
    assert_eq!(world.server.counters().unsent, 1);
    world.say(JILL, "x: again");
    assert_eq!(world.sent_to(JACK).last().unwrap(), "x: again");
}

#[test]
fn a_datagram_from_port_0_is_dropped_for_it_cannot_be_answered() {
    let mut world = world();
    world.say("10.0.0.2:0", "SIGNUP_TAG:nobody");
    assert_eq!((world.server.members(), world.server.counters().dropped(DropReason::NoReturn)), (0, 1));
}

#[test]
fn a_long_line_right_behind_its_signup_has_its_prefix_on_every_part() {
    let mut world = world();
    world.receive(JILL, "SIGNUP_TAG:jill");
    world.receive(JILL, format!("jill: {}", "x".repeat(2000)));
    world.run();
    assert!(world.sent_to(JILL)[1..].iter().all(|part| part.starts_with("jill: ")));
}

#[test]
fn who_is_refused_by_the_backend_at_once_leaves_nothing_behind() {
    let mut world = World::with_store(config(), Slow::default());
    world.say(JILL, "SIGNUP_TAG:jill");
    world.store.reject(0);
    world.run();
    assert_eq!(world.server.members(), 0);
}

#[test]
fn what_somebody_said_before_it_went_is_still_said() {
    let mut world = world();
    world.say(JILL, "SIGNUP_TAG:jill");
    world.receive(JACK, "SIGNUP_TAG:jack");
    world.receive(JACK, "jack: one");
    world.receive(JACK, "jack: two");
    world.server.handle_unreachable(SOCKET, JACK.parse().unwrap(), Unreached::Port);
    world.run();
    assert_eq!(world.sent_to(JILL)[1..], ["jack joined!", "jack: one", "jack: two"]);
    assert_eq!(world.sent_to(JACK), Vec::<String>::new());
}

#[test]
fn replies_leave_from_the_address_that_was_written_to() {
    let mut world = world();
    let (first, second) = ("10.0.0.1".parse().unwrap(), "10.9.9.1".parse().unwrap());
    world.receive_at(JILL, Some(first), "SIGNUP_TAG:jill");
    world.receive_at(JACK, Some(second), "SIGNUP_TAG:jack");
    world.run();
    let from = |peer: &str| world.sent.iter().rfind(|(to, _, _)| *to == peer.parse().unwrap()).unwrap().1;
    assert_eq!((from(JILL), from(JACK)), (Some(first), Some(second)));
    world.receive_at(JILL, Some(second), "jill: over here now");
    world.run();
    assert_eq!(world.sent.iter().rfind(|(to, _, _)| *to == JILL.parse().unwrap()).unwrap().1, Some(second));
}

#[test]
fn a_socket_that_takes_little_loses_nothing_and_changes_no_order() {
    let mut world = world();
    let peers: Vec<String> = (1..=7).map(|port| format!("10.0.0.2:{port}")).collect();
    for peer in &peers {
        world.say(peer, "SIGNUP_TAG:x");
    }
    let before: BTreeMap<_, _> = peers.iter().map(|peer| (peer, world.sent_to(peer).len())).collect();
    let lines: Vec<String> = (0..100).map(|number| format!("x: {number}")).collect();
    for line in &lines {
        world.receive(&peers[0], line);
        world.commit();
        world.send(3); // then it would block
    }
    world.run();
    for peer in &peers {
        assert_eq!(world.sent_to(peer)[before[peer]..], lines);
    }
}

#[test]
fn equal_lines_share_a_call_and_arrive_as_single_datagrams() {
    let mut world = world();
    world.say(JILL, "SIGNUP_TAG:jill");
    for number in 10..20 {
        world.receive(JILL, format!("jill: {number}"));
    }
    world.receive(JILL, "jill: x");
    world.commit();
    let transmits = world.server.poll_transmit(SOCKET).unwrap();
    let token = transmits.token();
    assert_eq!(transmits.segment(), Some(8));
    assert_eq!(transmits.map(|(_, bytes)| bytes.len()).collect::<Vec<_>>(), [10 * 8 + 7]);
    world.server.unsegment(token);
    world.run();
    let expected: Vec<_> = (10..20).map(|number| format!("jill: {number}")).chain(["jill: x".into()]).collect();
    assert_eq!(world.sent_to(JILL)[1..], expected, "also one by one, if the system cannot");
}

#[test]
fn who_floods_does_not_hold_up_who_says_one_line() {
    let mut world = world();
    world.say(JILL, "SIGNUP_TAG:jill");
    world.say(JACK, "SIGNUP_TAG:jack");
    for number in 0..5000 {
        world.receive(JILL, format!("jill: {number}"));
    }
    world.receive(JACK, "jack: hello");
    world.run();
    let shown = world.sent_to(JACK);
    let place = shown.iter().position(|line| line == "jack: hello").unwrap();
    assert!(place <= 3, "jack's line comes at its first turn, not at place {place}");
    assert!(world.server.counters().dropped(DropReason::QueueFull) > 0, "the flooder loses its own");
}

#[test]
fn a_room_of_a_thousand_members_tells_each_of_them_everything() {
    let mut world = world();
    let peers: Vec<String> = (0..1000).map(|n| format!("10.0.{}.{}:9", n / 250, n % 250 + 1)).collect();
    for peer in &peers {
        world.say(peer, "SIGNUP_TAG:x");
    }
    assert_eq!(world.server.members(), 1000);
    world.sent.clear();
    for number in 0..100 {
        world.receive(&peers[number * 7], format!("x: {number}"));
    }
    world.run();
    let mut got: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (to, _, bytes) in &world.sent {
        got.entry(to.to_string()).or_default().push(String::from_utf8(bytes.clone()).unwrap());
    }
    let model = &got[&peers[0]];
    assert_eq!(model.len(), 100);
    assert!(peers.iter().all(|peer| &got[peer] == model), "all the same, in the same order");
}

#[test]
fn who_is_over_its_rate_waits_and_then_loses_its_own() {
    let mut world = World::new(Config { rate: Rate::per_second(10), ..config() });
    world.say(JACK, "SIGNUP_TAG:jack");
    for number in 0..100 {
        world.receive(JILL, format!("jill: {number}"));
    }
    world.run();
    assert_eq!(world.sent_to(JACK).len(), 1 + 100, "ten seconds' worth at once");
    for number in 100..164 {
        world.receive(JILL, format!("jill: {number}"));
    }
    world.run();
    assert_eq!(world.sent_to(JACK).len(), 1 + 100, "more than that waits,");
    assert_eq!(world.server.counters().dropped_in_all(), 0);
    world.say(JILL, "jill: one too many");
    assert_eq!(world.server.counters().dropped(DropReason::Rate), 1, "and more than 64 that wait are dropped");
    world.wait(Duration::from_secs(1));
    assert_eq!(world.sent_to(JACK).len(), 1 + 110, "ten a second go on");
    world.say(JACK, "jack: hello");
    assert_eq!(world.sent_to(JACK).last().unwrap(), "jack: hello", "nobody else waits");
    world.wait(Duration::from_secs(6));
    assert_eq!(world.sent_to(JACK).len(), 1 + 164 + 1);
}

#[test]
fn too_many_signups_from_one_prefix_are_refused_and_others_come_in() {
    let mut world = World::new(Config { signup_rate: Rate::per_second(1), ..config() });
    for port in 1..=64 {
        world.say(&format!("10.0.0.2:{port}"), "SIGNUP_TAG:x");
    }
    assert_eq!(world.server.members(), 64, "at the limit");
    world.say("10.0.0.3:65", "SIGNUP_TAG:x");
    assert_eq!(world.server.counters().dropped(DropReason::Signups), 1, "one past it, of the same prefix");
    world.say("10.0.0.2:1", "x: members are not concerned");
    world.say(MARY, "SIGNUP_TAG:mary");
    assert_eq!(world.server.members(), 65);
    world.wait(Duration::from_secs(1));
    world.say("10.0.0.3:65", "SIGNUP_TAG:x");
    assert_eq!(world.server.members(), 66, "a second later there is place for one");
}

#[test]
fn nothing_is_shown_to_anybody_before_it_is_committed() {
    let mut world = World::with_store(config(), Slow::default());
    world.say(JILL, "SIGNUP_TAG:jill");
    world.say(JILL, "jill: one");
    assert_eq!((world.sent.len(), world.transcript.len()), (0, 0));
    world.store.commit(0);
    world.run();
    assert_eq!(world.sent_to(JILL), ["jill joined!"]);
    assert_eq!(world.transcript, ["SIGNUP_TAG:jill"]);
    world.store.reject(0);
    world.run();
    assert_eq!(world.sent_to(JILL), ["jill joined!"], "what is rejected is never shown");
    assert_eq!(world.server.counters().dropped(DropReason::Rejected), 1);
    world.say(JILL, "jill: two");
    world.store.commit(0);
    world.run();
    assert_eq!(world.sent_to(JILL), ["jill joined!", "jill: two"]);
}

#[test]
fn a_backend_that_never_answers_stops_the_talk_but_not_the_server() {
    let mut world = World::with_store(config(), Slow::default());
    for number in 0..20_000 {
        world.say(JILL, format!("jill: {number}"));
    }
    assert!(world.store.asked() < 1000, "drafts under way are few: {}", world.store.asked());
    assert!(world.server.counters().dropped(DropReason::QueueFull) > 10_000, "and what waits is bounded");
    for _ in 0..10 {
        world.store.commit(0);
    }
    world.run();
    assert_eq!(world.sent_to(JILL).len(), 10);
}

#[test]
fn a_client_that_is_told_that_the_server_is_gone_joins_the_next_one() {
    let mut first = world();
    let mut jill = Peer::new(first.now, "jill", JILL, TIMEOUT);
    run(&mut first, &mut [&mut jill]);
    // The server has restarted and knows nobody.
    let mut world = world();
    jill.turn_to_new_server();
    jill.refuse(world.now);
    jill.client.say("are you there?", &None);
    world.wait(Duration::from_secs(1));
    jill.client.handle_timeout(world.now);
    run(&mut world, &mut [&mut jill]);
    assert_eq!(jill.shown, ["jill joined!", "jill: are you there?"]);
    assert!(
        jill.events.contains(&Event::Away(Away::Unreachable(Unreachable::Refused)))
            && jill.events.contains(&Event::Back)
    );
}

/// Returns whether the server answers these bytes, if at all, in the session protocol.
fn is_of_sessions(bytes: &[u8]) -> bool {
    packet::is_session(bytes) || text::is_probe(bytes)
}

proptest! {
    /// Whatever comes in, in whatever turns of the loop: each member is sent the same log from its first entry on, the
    /// transcript has what was accepted, and the server sends nothing but UTF-8 of at most 1,024 bytes.
    #[test]
    fn every_member_sees_one_log_whatever_comes_in(
        steps in prop::collection::vec((0u16..12, prop_oneof![
            4 => "[a-z]{0,4}: \\PC{0,40}".prop_map(String::into_bytes),
            2 => "SIGNUP_TAG:\\PC{0,10}".prop_map(String::into_bytes),
            1 => "[a-z ж]{900,2500}".prop_map(String::into_bytes),
            1 => prop::collection::vec(any::<u8>(), 0..60).prop_filter("text", |bytes| !is_of_sessions(bytes)),
        ], 0usize..6), 1..120)
    ) {
        let mut world = world();
        for (port, bytes, sends) in steps {
            world.receive(&format!("10.0.0.2:{}", 1000 + port), bytes);
            if sends > 0 {
                world.commit();
                world.send(sends);
            }
        }
        world.run();
        let counters = world.server.counters();
        prop_assert_eq!(counters.received, world.transcript.len() as u64 + counters.dropped_in_all());
        let mut members: BTreeMap<String, Vec<&[u8]>> = BTreeMap::new();
        for (to, _, bytes) in &world.sent {
            prop_assert!(bytes.len() <= 1024 && std::str::from_utf8(bytes).is_ok());
            members.entry(to.to_string()).or_default().push(bytes);
        }
        prop_assert_eq!(members.len(), world.server.members());
        if let Some(longest) = members.values().max_by_key(|seen| seen.len()) {
            for seen in members.values() {
                prop_assert!(longest.ends_with(seen), "a member sees the log from its first entry to the end");
            }
        }
    }
}
