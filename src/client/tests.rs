//! The client against servers in memory: one that speaks sessions, and one that answers as an original does.
#![allow(clippy::wildcard_enum_match_arm)]

use super::*;
use crate::log::{Memory, Store};
use crate::server::{self, Path, Server, SocketId};
use crate::session::{Entropy, StaticKey};
use crate::wire::entry::Entry;
use crate::wire::entry::TEXT_MAX;
use crate::wire::frame::{GapReason, Spot};
use crate::wire::{Instance, LogId, Seq};

const TIMEOUT: Duration = Duration::from_secs(5);
const SOCKET: SocketId = SocketId(0);

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn key(seed: u8) -> StaticKey {
    StaticKey::generate(&mut Entropy::new([seed; 32]))
}

fn identity() -> Identity {
    Identity::new(key(1), Instance([1; 8]), [1; 32])
}

fn config(servers: &[u16]) -> Config {
    Config {
        nick: "jill".parse().unwrap(),
        servers: servers.iter().map(|&port| address(port)).collect(),
        timeout: TIMEOUT,
        stays: false,
        identity: Some(identity()),
        is_secure: false,
    }
}

/// A client and its events; `answers` returns the server's answers to a datagram.
struct Talk {
    now: Instant,
    client: Client,
    told: Vec<Event>,
    sent: Vec<(SocketAddr, Vec<u8>)>,
}

impl Talk {
    fn new(config: Config) -> Self {
        Self { now: Instant::ZERO, client: Client::new(Instant::ZERO, config), told: Vec::new(), sent: Vec::new() }
    }

    /// Exchanges datagrams until neither side has anything to send.
    fn run(&mut self, answers: &mut impl FnMut(Instant, SocketAddr, &[u8]) -> Vec<Vec<u8>>) {
        loop {
            let mut coming = Vec::new();
            while let Some(bytes) = self.client.poll_transmit().map(<[u8]>::to_vec) {
                let to = self.client.server();
                self.client.transmitted(self.now);
                coming.extend(answers(self.now, to, &bytes).into_iter().map(|bytes| (to, bytes)));
                self.sent.push((to, bytes));
            }
            while let Some(event) = self.client.poll_event() {
                self.told.push(event);
            }
            while let Some(entry) = self.client.poll_entry() {
                self.told.push(entry);
            }
            if coming.is_empty() {
                return;
            }
            for (from, bytes) in coming {
                self.client.handle_datagram(self.now, from, &bytes);
            }
        }
    }

    /// Lets time pass, from deadline to deadline.
    fn wait(&mut self, time: Duration, answers: &mut impl FnMut(Instant, SocketAddr, &[u8]) -> Vec<Vec<u8>>) {
        let end = self.now + time;
        self.run(answers);
        while let Some(next) = self.client.poll_timeout().filter(|&next| next <= end) {
            self.now = self.now.max(next);
            self.client.handle_timeout(self.now);
            assert!(self.client.poll_timeout().is_none_or(|later| later > self.now), "the deadline moves on");
            self.run(answers);
        }
        self.now = end;
    }

    fn lines_sent(&self) -> Vec<&str> {
        self.sent.iter().filter_map(|(_, bytes)| std::str::from_utf8(bytes).ok()).collect()
    }

    fn failed(&self) -> Vec<(u16, Unreachable)> {
        let failed = |event: &Event| match event {
            Event::Failed(address, why) => Some((address.port(), *why)),
            _ => None,
        };
        self.told.iter().filter_map(failed).collect()
    }

    fn over(&self) -> Option<Over> {
        self.told.iter().find_map(|event| if let Event::Over(why) = event { Some(*why) } else { None })
    }
}

fn nobody(_: Instant, _: SocketAddr, _: &[u8]) -> Vec<Vec<u8>> {
    Vec::new()
}

fn original(_: Instant, _: SocketAddr, bytes: &[u8]) -> Vec<Vec<u8>> {
    let line = std::str::from_utf8(bytes).expect("an original is sent text only");
    vec![line.strip_prefix("SIGNUP_TAG:").map_or_else(|| line.into(), |nick| format!("{nick} joined!")).into_bytes()]
}

/// A server of ours.
struct Ours {
    room: Server,
    store: Memory,
}

impl Ours {
    fn new() -> Self {
        let config = server::Config::new(key(100), [1; 32]);
        let mut store = Memory::new(LogId([1; 16]));
        Self { room: Server::new(Instant::ZERO, config, 1, store.open()), store }
    }

    fn receive(&mut self, now: Instant, bytes: &[u8]) {
        self.room.handle_datagram(now, Path { socket: SOCKET, peer: address(7), local: None }, bytes);
        self.room.handle_timeout(now);
    }

    fn sent(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        loop {
            while self.room.shake_hands(now, false) {}
            server::exchange(now, &mut self.room, &mut self.store, |_, _| {});
            let Some(transmits) = self.room.poll_transmit(SOCKET) else { return sent };
            let token = transmits.token();
            let segment = transmits.segment().unwrap_or(usize::MAX);
            let items: Vec<_> = transmits.map(|(_, bytes)| bytes.to_vec()).collect();
            self.room.transmitted(token, items.len());
            sent.extend(items.iter().flat_map(|bytes| bytes.chunks(segment)).map(<[u8]>::to_vec));
        }
    }
}

fn ours() -> impl FnMut(Instant, SocketAddr, &[u8]) -> Vec<Vec<u8>> {
    let mut server = Ours::new();
    move |now, _, bytes| {
        server.receive(now, bytes);
        server.sent(now)
    }
}

#[test]
fn an_original_is_spoken_to_in_text_and_is_sent_nothing_else() {
    let mut talk = Talk::new(config(&[1]));
    talk.client.say(talk.now, "early");
    talk.wait(Duration::from_secs(1), &mut original);
    talk.client.say(talk.now, "late");
    talk.client.finish(talk.now);
    talk.run(&mut original);
    assert_eq!(talk.lines_sent(), ["SIGNUP_TAG:jill\u{6}", "jill: early", "jill: late"]);
    assert_eq!(talk.told[0], Event::Joined(Dialect::Text));
    assert!(talk.client.is_done() && talk.client.confirmed() == 2);
}

#[test]
fn a_server_of_ours_is_spoken_to_in_a_session_and_no_line_goes_out_as_text() {
    let mut talk = Talk::new(config(&[1]));
    talk.client.say(talk.now, "early");
    talk.wait(Duration::from_millis(100), &mut ours());
    assert_eq!(talk.lines_sent(), ["SIGNUP_TAG:jill\u{6}"]);
    assert!(matches!(&talk.told[0], Event::Joined(Dialect::Session { key: it, .. }) if *it == key(100).public()));
    assert_eq!(talk.client.confirmed(), 1);
}

/// Returns the pages that the client was given: their first numbers, and how many entries.
fn pages(told: &[Event]) -> Vec<(u64, usize)> {
    let page = |event: &Event| match event {
        Event::Page { from, entries, .. } => Some((from.0, entries.len())),
        _ => None,
    };
    told.iter().filter_map(page).collect()
}

#[test]
fn a_user_reads_back_from_where_the_visit_began_and_no_further_than_there_is_something() {
    let mut server = ours();
    let identity = Some(Identity::new(key(9), Instance([9; 8]), [9; 32]));
    let mut jack = Talk::new(Config { identity, nick: "jack".parse().unwrap(), ..config(&[1]) });
    (0..100).for_each(|number| assert_eq!(jack.client.say(Instant::ZERO, &number.to_string()), 1));
    jack.wait(Duration::from_secs(5), &mut server);
    jack.client.leave(jack.now);
    jack.wait(Duration::from_secs(2), &mut server);
    let now = jack.now;
    let mut talk = Talk { now, client: Client::new(now, config(&[1])), told: Vec::new(), sent: Vec::new() };
    assert_eq!(talk.client.fetch_back(talk.now, 60), None, "it is not there yet");
    talk.wait(Duration::from_secs(1), &mut server);
    // Jack came, said it, and left.
    let end = 102;
    assert!(talk.client.fetch_back(talk.now, 60).is_some());
    assert_eq!(talk.client.fetch_back(talk.now, 60), None, "one after the other");
    talk.wait(Duration::from_secs(1), &mut server);
    talk.client.fetch_back(talk.now, 60);
    talk.wait(Duration::from_secs(1), &mut server);
    assert_eq!(pages(&talk.told), [(end - 60, 60), (0, 42)]);
    assert_eq!(talk.client.fetch_back(talk.now, 60), None, "there is nothing before that");
}

#[test]
fn whoever_is_far_behind_is_told_how_far_and_may_skip_to_the_newest() {
    let mut config_of_server = server::Config::new(key(100), [1; 32]);
    config_of_server.rate = None;
    let mut store = Memory::new(LogId([1; 16]));
    let room = Server::new(Instant::ZERO, config_of_server, 2, store.open());
    let mut ours = Ours { room, store };
    let mut jill = Talk::new(Config { stays: true, ..config(&[1]) });
    let mut server = |now, _: SocketAddr, bytes: &[u8]| {
        ours.receive(now, bytes);
        ours.sent(now)
    };
    jill.wait(Duration::from_secs(1), &mut server);
    assert_eq!(jill.client.behind(), 0);
    // It says a lot itself, and its user takes none of the entries.
    for number in 0..5000 {
        jill.client.say(jill.now, &number.to_string());
        if number % 50 == 49 {
            untaken(&mut jill, Duration::from_millis(100), &mut server);
        }
    }
    untaken(&mut jill, Duration::from_secs(5), &mut server);
    let told = jill.told.iter().rev().find_map(|event| match event {
        Event::Behind { count } => Some(*count),
        _ => None,
    });
    // 4,096 wait for the user, and the server has the rest.
    assert!(told.is_some_and(|count| count >= 5000 - 4096), "{told:?}");
    assert_eq!(jill.client.behind(), 5000);
    jill.client.skip(jill.now, 300);
    jill.told.clear();
    jill.wait(Duration::from_secs(5), &mut server);
    assert_eq!(jill.client.behind(), 0);
    let mut next = jill.told.iter().find_map(Event::first).unwrap();
    let mut skipped = 0;
    for event in jill.told.iter().filter(|event| event.first().is_some()) {
        assert_eq!(event.first(), Some(next), "each number once");
        next = event.end().unwrap();
        if let Event::Gap { count, why, .. } = event {
            assert_eq!(*why, GapReason::Skipped);
            skipped += count;
        }
    }
    assert_eq!(skipped, 5000 - 300, "the newest are kept");
    jill.told.clear();
    jill.client.say(jill.now, "and now?");
    jill.wait(Duration::from_secs(1), &mut server);
    assert!(jill.told.iter().any(|event| matches!(event, Event::Entry { .. })), "what is new comes as ever");
}

/// Lets time pass for a user who takes no entries.
fn untaken(talk: &mut Talk, time: Duration, answers: &mut impl FnMut(Instant, SocketAddr, &[u8]) -> Vec<Vec<u8>>) {
    let end = talk.now + time;
    loop {
        while let Some(bytes) = talk.client.poll_transmit().map(<[u8]>::to_vec) {
            let server = talk.client.server();
            talk.client.transmitted(talk.now);
            for answer in answers(talk.now, server, &bytes) {
                talk.client.handle_datagram(talk.now, server, &answer);
            }
        }
        while let Some(event) = talk.client.poll_event() {
            talk.told.push(event);
        }
        // The server has deadlines of its own.
        let step = talk.now + Duration::from_millis(5);
        let next = talk.client.poll_timeout().map_or(step, |at| at.min(step)).max(talk.now);
        if next > end {
            break;
        }
        talk.now = next;
        talk.client.handle_timeout(next);
        for answer in answers(next, talk.client.server(), b"") {
            talk.client.handle_datagram(next, talk.client.server(), &answer);
        }
    }
    talk.now = end;
}

#[test]
fn requests_are_answered_one_after_the_other_unless_they_are_cancelled_or_too_many() {
    let mut server = ours();
    let mut talk = Talk::new(config(&[1]));
    let ids: Vec<_> = (0..FETCHES_MAX).map(|_| talk.client.fetch(talk.now, Spot::Before(Seq(1)), 1).unwrap()).collect();
    assert_eq!(talk.client.fetch(talk.now, Spot::Before(Seq(1)), 1), Err(TooMany));
    talk.client.cancel_fetch(ids[0]);
    talk.client.cancel_fetch(ids[5]);
    talk.client.finish(talk.now);
    talk.wait(Duration::from_secs(1), &mut server);
    let answered = |event: &Event| match event {
        Event::Page { id, .. } => Some((*id, true)),
        Event::NoPage { id, why: NoPage::Cancelled } => Some((*id, false)),
        _ => None,
    };
    let answered: Vec<_> = talk.told.iter().filter_map(answered).collect();
    assert_eq!(&answered[..2], [(ids[0], false), (ids[5], false)]);
    assert!(answered[2..].iter().map(|&(id, _)| id).eq(ids[1..5].iter().chain(&ids[6..]).copied()));
    assert!(talk.client.is_done());
}

#[test]
fn there_are_no_earlier_entries_in_text_nor_from_a_server_that_does_not_answer() {
    let mut talk = Talk::new(config(&[1]));
    let id = talk.client.fetch(talk.now, Spot::Before(Seq(9)), 5).unwrap();
    talk.wait(Duration::from_secs(1), &mut original);
    let again = talk.client.fetch(talk.now, Spot::Before(Seq(9)), 5).unwrap();
    talk.run(&mut original);
    for id in [id, again] {
        assert!(talk.told.contains(&Event::NoPage { id, why: NoPage::InText }));
    }
    let (mut server, mut is_deaf) = (ours(), false);
    let mut half = |now, to, bytes: &[u8]| if is_deaf { Vec::new() } else { server(now, to, bytes) };
    let mut talk = Talk::new(Config { stays: true, ..config(&[1]) });
    talk.wait(Duration::from_secs(1), &mut half);
    is_deaf = true;
    let mut deaf = |now, to, bytes: &[u8]| if is_deaf { Vec::new() } else { server(now, to, bytes) };
    let id = talk.client.fetch(talk.now, Spot::Before(Seq(9)), 5).unwrap();
    talk.wait(TIMEOUT, &mut deaf);
    assert!(talk.told.contains(&Event::NoPage { id, why: NoPage::NoAnswer }));
}

#[test]
fn text_that_comes_before_the_token_does_not_make_the_server_an_original() {
    let mut server = ours();
    let mut first = true;
    let mut both = |now, to, bytes: &[u8]| {
        let mut answers = server(now, to, bytes);
        if std::mem::take(&mut first) {
            answers.insert(0, b"jack: for who had this address before".to_vec());
        }
        answers
    };
    let mut talk = Talk::new(config(&[1]));
    talk.client.say(talk.now, "secret");
    talk.wait(Duration::from_secs(2), &mut both);
    assert!(matches!(talk.told[0], Event::Joined(Dialect::Session { .. })), "{:?}", talk.told);
    assert_eq!(talk.lines_sent(), ["SIGNUP_TAG:jill\u{6}"]);
}

#[test]
fn who_is_to_be_secure_or_knows_the_key_does_not_speak_text() {
    let secure = Config { is_secure: true, ..config(&[1]) };
    let pinned = Identity { pinned: Some(key(100).public()), ..identity() };
    for config in [secure, Config { identity: Some(pinned), ..config(&[1]) }] {
        let mut talk = Talk::new(config);
        talk.client.say(talk.now, "secret");
        talk.wait(TIMEOUT, &mut original);
        assert!(talk.told.contains(&Event::TextIgnored));
        assert_eq!(talk.failed(), [(1, Unreachable::OnlyText)]);
        assert_eq!(talk.over(), Some(Over::Unreachable));
        assert!(talk.lines_sent().iter().all(|&line| line == "SIGNUP_TAG:jill\u{6}"));
        assert_eq!(talk.client.outstanding(), 1, "it was never sent");
    }
}

#[test]
fn who_is_to_speak_text_asks_for_no_session() {
    let mut talk = Talk::new(Config { identity: None, ..config(&[1]) });
    talk.client.say(talk.now, "hey");
    talk.wait(Duration::from_secs(1), &mut original);
    assert_eq!(talk.lines_sent(), ["SIGNUP_TAG:jill", "jill: hey"]);
}

#[test]
fn every_address_is_tried_for_its_share_of_the_time_and_what_was_wrong_with_each_is_told() {
    let mut server = ours();
    let mut third =
        |now, to: SocketAddr, bytes: &[u8]| if to.port() == 3 { server(now, to, bytes) } else { Vec::new() };
    let mut talk = Talk::new(config(&[1, 2, 3]));
    talk.client.say(talk.now, "hey");
    talk.run(&mut third);
    talk.client.handle_unreachable(talk.now, Unreachable::Refused);
    talk.wait(Duration::from_secs(2), &mut third);
    assert_eq!(talk.failed(), [(1, Unreachable::Refused), (2, Unreachable::NoAnswer)]);
    assert_eq!((talk.client.server().port(), talk.client.confirmed()), (3, 1));
    let mut talk = Talk::new(config(&[1, 2]));
    talk.wait(TIMEOUT, &mut nobody);
    assert_eq!(talk.failed(), [(1, Unreachable::NoAnswer), (2, Unreachable::NoAnswer)]);
    assert_eq!(talk.over(), Some(Over::Unreachable));
}

#[test]
fn a_token_and_nothing_more_is_told_apart_from_silence_and_so_is_a_narrow_way() {
    let token = |_: Instant, _: SocketAddr, bytes: &[u8]| {
        if bytes.starts_with(b"SIGNUP_TAG:") { vec![b"\x06abcdefghijk".to_vec()] } else { Vec::new() }
    };
    let mut talk = Talk::new(config(&[1]));
    talk.wait(TIMEOUT, &mut { token });
    assert_eq!(talk.failed(), [(1, Unreachable::NoHandshake)]);
    let mut talk = Talk::new(config(&[1]));
    talk.run(&mut { token });
    talk.client.handle_unreachable(talk.now, Unreachable::TooLong);
    talk.wait(TIMEOUT, &mut { token });
    assert_eq!(talk.failed(), [(1, Unreachable::TooLong)]);
}

#[test]
fn a_script_whose_server_falls_silent_gives_up_after_its_timeout_and_names_every_line() {
    let mut talk = Talk::new(config(&[1]));
    talk.wait(Duration::from_millis(100), &mut ours());
    ["one", "two"].into_iter().for_each(|line| drop(talk.client.say(talk.now, line).to_string()));
    talk.wait(TIMEOUT, &mut nobody);
    let lost = |event: &Event| if let Event::Lost { line, .. } = event { Some(line.clone()) } else { None };
    let lost: Vec<_> = talk.told.iter().filter_map(lost).collect();
    assert_eq!(lost, ["one", "two"]);
    assert_eq!((talk.over(), talk.client.lost()), (Some(Over::GaveUp), 2));
}

#[test]
fn who_stays_waits_for_ever_and_its_lines_go_out_when_the_server_is_heard_again() {
    let mut server = ours();
    let mut talk = Talk::new(Config { stays: true, ..config(&[1]) });
    talk.wait(Duration::from_millis(100), &mut server);
    talk.client.say(talk.now, "hello?");
    talk.wait(Duration::from_secs(40), &mut nobody);
    talk.wait(Duration::from_secs(10), &mut server);
    let quiet = talk.told.iter().filter(|event| matches!(event, Event::Quiet(_) | Event::Back)).collect::<Vec<_>>();
    assert_eq!(quiet, [&Event::Quiet(Duration::from_millis(5100)), &Event::Back]);
    assert_eq!((talk.over(), talk.client.confirmed()), (None, 1));
}

#[test]
fn who_repeats_itself_says_one_line_after_the_other_and_stops_at_the_first_that_is_refused() {
    let repeats = Identity { repeats: true, ..identity() };
    let mut talk = Talk::new(Config { identity: Some(repeats), ..config(&[1]) });
    for line in ["one", "two"] {
        talk.client.say(talk.now, line);
    }
    talk.client.post(talk.now, PostKind::Rename, "jane", None);
    talk.client.finish(talk.now);
    talk.wait(Duration::from_secs(1), &mut ours());
    let said = |event: &Event| match event {
        Event::Entry { encoded, .. } => match Entry::decode(encoded) {
            Some(Entry::Said { text, .. }) => Some(text.to_owned()),
            _ => None,
        },
        _ => None,
    };
    assert_eq!(talk.told.iter().filter_map(said).collect::<Vec<_>>(), ["one", "two"]);
    assert!(talk.told.contains(&Event::Renamed("jane".parse().unwrap())) && talk.client.is_done());
}

#[test]
fn a_user_who_takes_nothing_stops_entries_and_not_what_became_of_lines() {
    let mut server = ours();
    let mut talk = Talk::new(config(&[1]));
    talk.wait(Duration::from_millis(100), &mut server);
    talk.client.say(talk.now, "hey");
    let mut coming = Vec::new();
    while let Some(bytes) = talk.client.poll_transmit().map(<[u8]>::to_vec) {
        talk.client.transmitted(talk.now);
        coming.extend(server(talk.now, address(1), &bytes));
    }
    coming.iter().for_each(|bytes| talk.client.handle_datagram(talk.now, address(1), bytes));
    assert_eq!(talk.client.poll_event(), Some(Event::Confirmed { post: Some(0), seq: Some(Seq(1)), label: None }));
    assert!(talk.client.has_entries());
}

#[test]
fn what_is_about_another_log_comes_behind_the_word_that_there_is_one() {
    let mut talk = Talk::new(config(&[1]));
    let confirmed = |seq| Event::Confirmed { post: Some(seq), seq: Some(Seq(seq)), label: None };
    talk.client.report(confirmed(1));
    talk.client.new_logs = 1;
    talk.client.entries.push_back(Event::AnotherLog);
    talk.client.report(confirmed(2));
    assert_eq!((talk.client.poll_event(), talk.client.poll_event()), (Some(confirmed(1)), None));
    let entries = [talk.client.poll_entry(), talk.client.poll_entry()];
    assert_eq!(entries, [Some(Event::AnotherLog), Some(confirmed(2))]);
    talk.client.report(confirmed(3));
    assert_eq!(talk.client.poll_event(), Some(confirmed(3)));
}

#[test]
fn leaving_is_said_and_known_to_be_done() {
    let mut server = ours();
    let mut talk = Talk::new(config(&[1]));
    talk.wait(Duration::from_millis(100), &mut server);
    talk.client.leave(talk.now);
    assert!(!talk.client.is_gone());
    talk.wait(Duration::from_secs(1), &mut server);
    assert!(talk.client.is_gone() && talk.over().is_none());
    let mut early = Talk::new(config(&[1]));
    early.client.leave(early.now);
    assert!(early.client.is_gone(), "nobody knows of it");
}

#[test]
fn who_says_something_and_ends_waits_until_it_has_seen_it_in_the_room() {
    let mut server = Ours::new();
    let answers = |server: &mut Ours, now, bytes: &[u8]| {
        server.receive(now, bytes);
        server.sent(now)
    };
    let mut talk = Talk::new(config(&[1]));
    talk.wait(Duration::from_millis(100), &mut |now, _, bytes: &[u8]| answers(&mut server, now, bytes));
    ["x", "y"].into_iter().for_each(|text| drop(talk.client.say(talk.now, &text.repeat(TEXT_MAX)).to_string()));
    talk.client.finish(talk.now);
    while let Some(bytes) = talk.client.poll_transmit().map(<[u8]>::to_vec) {
        talk.client.transmitted(talk.now);
        server.receive(talk.now, &bytes);
    }
    // The first packet settles both posts; the second packet, with the second entry, is lost.
    let sent = server.sent(talk.now);
    assert!(sent.len() > 1);
    talk.client.handle_datagram(talk.now, address(1), &sent[0]);
    talk.run(&mut nobody);
    assert_eq!((talk.client.confirmed(), talk.client.outstanding(), talk.client.is_done()), (2, 0, false));
    while !talk.client.is_done() {
        let deadlines = [talk.client.poll_timeout(), server.room.poll_timeout()];
        talk.now = deadlines.into_iter().flatten().min().expect("somebody waits for something");
        talk.client.handle_timeout(talk.now);
        server.room.handle_timeout(talk.now);
        server.sent(talk.now).iter().for_each(|bytes| talk.client.handle_datagram(talk.now, address(1), bytes));
        talk.run(&mut |now, _, bytes: &[u8]| answers(&mut server, now, bytes));
    }
    let entries = talk.told.iter().filter(|event| matches!(event, Event::Entry { .. })).count();
    assert_eq!(entries, 3);
}

#[test]
fn where_only_text_is_spoken_every_address_is_tried_and_the_first_that_answers_is_the_server() {
    let mut client = Client::new(Instant::ZERO, Config { identity: None, ..config(&[1, 2, 3]) });
    let sent = |client: &mut Client, now| {
        let mut sent = Vec::new();
        while let Some(bytes) = client.poll_transmit() {
            sent.push(String::from_utf8(bytes.to_vec()).unwrap());
            client.transmitted(now);
        }
        sent
    };
    let ms = Instant::from_millis;
    assert_eq!(client.say(ms(0), "hey"), 1);
    assert_eq!(sent(&mut client, ms(0)), ["SIGNUP_TAG:jill"]);
    client.handle_unreachable(ms(1), Unreachable::Refused);
    assert_eq!((client.server(), sent(&mut client, ms(1)).len()), (address(2), 1), "refused: at once");
    client.handle_timeout(ms(1) + TIMEOUT / 3);
    assert_eq!((client.server(), sent(&mut client, ms(2000)).len()), (address(3), 1), "silent: after its share");
    client.handle_datagram(ms(2001), address(2), b"too late");
    client.handle_datagram(ms(2002), address(3), b"jill joined!");
    assert_eq!(sent(&mut client, ms(2002)), ["jill: hey"], "what was said before follows");
    let events: Vec<_> = std::iter::from_fn(|| client.poll_event()).collect();
    let failed = [(1, Unreachable::Refused), (2, Unreachable::NoAnswer)];
    let failed = failed.map(|(port, why)| Event::Failed(address(port), why));
    assert_eq!(events[..2], failed);
    assert_eq!(events[2..], [Event::Joined(Dialect::Text)]);
    assert_eq!(client.poll_entry(), Some(Event::Received("jill joined!".into())));
}
