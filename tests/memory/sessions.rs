//! A room and members with sessions in memory: no loss, no delay, one event at a time.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)] // tests are allowed to

use std::net::SocketAddr;
use std::time::Duration;

use crate::common::world::{Slow, memory};
use udpchat::client::member::Member;
use udpchat::client::{Away, Event, Identity, Over};
use udpchat::log::{Memory, Opening, Outcome as Committing, State, Store};
use udpchat::policy::claims::LAPSE;
use udpchat::server::{Config, DropReason, Path, SESSIONS_OF_A_KEY, Server, SocketId};
use udpchat::session::{Entropy, PACKETS_OF_A_KEY, StaticKey};
use udpchat::time::Instant;
use udpchat::wire::entry::{Entry, TEXT_MAX};
use udpchat::wire::frame::{GapReason, History, Outcome, PersonId, PostKind, Watch, Watched};
use udpchat::wire::packet::{self, Datagram};
use udpchat::wire::{CloseReason, Instance, LogId, PostId, Refusal, Seq, SessionId, Timestamp, Who};

const SOCKET: SocketId = SocketId(0);

fn server() -> SocketAddr {
    "10.0.0.1:9999".parse().unwrap()
}

pub(crate) fn key(seed: u8) -> StaticKey {
    StaticKey::generate(&mut Entropy::new([seed; 32]))
}

pub(crate) fn config() -> Config {
    Config { rate: None, signup_rate: None, recent_bytes: 1 << 20, ..crate::common::world::config() }
}

pub(crate) struct World<S> {
    pub(crate) now: Instant,
    pub(crate) server: Server,
    pub(crate) store: S,
    /// Datagrams that the server sent to addresses without a member of ours.
    elsewhere: Vec<(SocketAddr, Vec<u8>)>,
}

pub(crate) struct Peer {
    pub(crate) member: Member,
    pub(crate) address: SocketAddr,
    pub(crate) events: Vec<Event>,
    /// Whether its user takes no entries by itself.
    stands: bool,
}

impl Peer {
    pub(crate) fn identity(seed: u8) -> Identity {
        Identity::new(key(seed), Instance([seed; 8]), [seed; 32])
    }

    pub(crate) fn new(nick: &str, seed: u8) -> Self {
        Self::with(nick, Self::identity(seed), seed)
    }

    pub(crate) fn with(nick: &str, identity: Identity, port: u8) -> Self {
        let address = SocketAddr::from(([10, 0, 1, 1], 1000 + u16::from(port)));
        let member = Member::new(Instant::ZERO, server(), nick.parse().unwrap(), identity);
        Self { member, address, events: Vec::new(), stands: false }
    }

    /// Returns the lines that it was shown.
    pub(crate) fn shown(&self) -> Vec<String> {
        let line = |event: &Event| match event {
            Event::Entry { encoded, .. } => {
                let mut line = String::new();
                Entry::decode(encoded).unwrap().render(&mut line);
                Some(line)
            }
            _ => None,
        };
        self.events.iter().filter_map(line).collect()
    }

    pub(crate) fn settled(&self) -> Vec<(u64, Outcome)> {
        let settled = |event: &Event| match event {
            Event::Confirmed { post: Some(counter), seq: Some(seq), .. } => Some((*counter, Outcome::Accepted(*seq))),
            Event::NotTaken { post: Some(counter), why, .. } => Some((*counter, Outcome::Refused(*why))),
            _ => None,
        };
        self.events.iter().filter_map(settled).collect()
    }

    pub(crate) fn over(&self) -> Option<CloseReason> {
        self.events.iter().find_map(|event| if let Event::Over(Over::Closed(why)) = event { Some(*why) } else { None })
    }
}

impl World<Memory> {
    fn new() -> Self {
        Self::with(config(), memory())
    }
}

impl<S: Store> World<S> {
    pub(crate) fn with(config: Config, mut store: S) -> Self {
        let server = Server::new(Instant::ZERO, config, 1, store.open());
        Self { now: Instant::ZERO, server, store, elsewhere: Vec::new() }
    }

    pub(crate) fn receive(&mut self, peer: SocketAddr, bytes: &[u8]) {
        self.server.handle_datagram(self.now, Path { socket: SOCKET, peer, local: None }, bytes);
    }

    /// Returns the datagrams that the server has to send now.
    pub(crate) fn sent(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut sent = Vec::new();
        loop {
            while self.server.shake_hands(self.now, false) {}
            udpchat::server::exchange(self.now, &mut self.server, &mut self.store, |_, _| {});
            let Some(transmits) = self.server.poll_transmit(SOCKET) else { return sent };
            let token = transmits.token();
            let segment = transmits.segment().unwrap_or(usize::MAX);
            let batch: Vec<_> = transmits.collect();
            let count = batch.len();
            for (to, bytes) in batch {
                sent.extend(bytes.chunks(segment).map(|datagram| (to, datagram.to_vec())));
            }
            self.server.transmitted(token, count);
        }
    }

    /// Carries datagrams until nobody sends anything more.
    pub(crate) fn run(&mut self, peers: &mut [&mut Peer]) {
        loop {
            let mut quiet = true;
            for peer in peers.iter_mut() {
                while let Some(bytes) = peer.member.poll_transmit().map(<[u8]>::to_vec) {
                    peer.member.transmitted(self.now);
                    self.receive(peer.address, &bytes);
                    quiet = false;
                }
            }
            for (to, bytes) in self.sent() {
                quiet = false;
                match peers.iter_mut().find(|peer| peer.address == to) {
                    Some(peer) => peer.member.handle_datagram(self.now, server(), &bytes),
                    None => self.elsewhere.push((to, bytes)),
                }
            }
            for peer in peers.iter_mut() {
                while let Some(event) = if peer.stands { peer.member.poll_untaken() } else { peer.member.poll_event() }
                {
                    peer.events.push(event);
                }
            }
            if quiet {
                return;
            }
        }
    }

    /// Lets time pass, from deadline to deadline.
    pub(crate) fn wait(&mut self, time: Duration, peers: &mut [&mut Peer]) {
        let end = self.now + time;
        self.run(peers);
        loop {
            let deadlines = peers.iter().filter_map(|peer| peer.member.poll_timeout());
            let Some(next) = deadlines.chain(self.server.poll_timeout()).min().filter(|&next| next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            self.server.handle_timeout(self.now);
            peers.iter_mut().for_each(|peer| peer.member.handle_timeout(self.now));
            self.run(peers);
        }
        self.now = end;
    }

    pub(crate) fn say(&mut self, peer: usize, text: &str, peers: &mut [&mut Peer]) {
        peers[peer].member.post(self.now, PostKind::Say, text);
        self.run(peers);
    }
}

fn text_lines(world: &World<Memory>, at: &str) -> Vec<String> {
    let at: SocketAddr = at.parse().unwrap();
    let lines = world.elsewhere.iter().filter(|(to, _)| *to == at);
    lines.map(|(_, bytes)| String::from_utf8(bytes.clone()).expect("a text peer is sent text only")).collect()
}

#[test]
fn no_more_is_submitted_than_is_soon_sent_though_nobody_speaks_text() {
    let mut world = World::new();
    let mut peers: Vec<_> = (1..=4).map(|seed| Peer::new(&format!("jill{seed}"), seed)).collect();
    world.run(&mut peers.iter_mut().collect::<Vec<_>>());
    let end = world.server.end();
    for peer in &mut peers {
        for _ in 0..60 {
            peer.member.post(world.now, PostKind::Say, "hello");
        }
        while let Some(bytes) = peer.member.poll_transmit().map(<[u8]>::to_vec) {
            peer.member.transmitted(world.now);
            world.receive(peer.address, &bytes);
        }
    }
    udpchat::server::exchange(world.now, &mut world.server, &mut world.store, |_, _| {});
    let submitted = world.server.end().since(end);
    assert!((64..=128).contains(&submitted), "{submitted} of 240");
    world.run(&mut peers.iter_mut().collect::<Vec<_>>());
    assert_eq!(world.server.end().since(end), 240);
}

#[test]
fn members_and_text_peers_are_in_one_room() {
    let mut world = World::new();
    let mut jill = Peer::new("jill", 1);
    world.run(&mut [&mut jill]);
    world.receive("10.0.0.9:7".parse().unwrap(), b"SIGNUP_TAG:jack");
    world.run(&mut [&mut jill]);
    world.receive("10.0.0.9:7".parse().unwrap(), b"jack: hey jill");
    world.run(&mut [&mut jill]);
    world.say(0, "hi jack", &mut [&mut jill]);
    jill.member.leave(world.now);
    world.run(&mut [&mut jill]);
    world.run(&mut []);
    assert_eq!(jill.shown(), ["jill joined!", "jack joined!", "jack: hey jill", "jill: hi jack"]);
    assert!(
        jill.events.iter().any(|event| matches!(event, Event::Entry { encoded, .. } if
        matches!(Entry::decode(encoded), Some(Entry::Line { text: "jack: hey jill" })))),
        "shown as unverified"
    );
    assert_eq!(text_lines(&world, "10.0.0.9:7"), ["jack joined!", "jack: hey jill", "jill: hi jack", "jill left"]);
    assert_eq!(jill.over(), Some(CloseReason::Left));
    assert_eq!(jill.settled(), [(0, Outcome::Accepted(Seq(3)))]);
}

#[test]
fn nothing_is_shown_or_confirmed_before_it_is_committed() {
    let mut world = World::with(config(), Slow::default());
    let mut jill = Peer::new("jill", 1);
    world.run(&mut [&mut jill]);
    assert!(jill.member.is_here() && jill.shown().is_empty(), "being in the room needs no commit");
    world.say(0, "hey", &mut [&mut jill]);
    world.wait(Duration::from_secs(5), &mut [&mut jill]);
    assert_eq!((jill.shown().len(), jill.settled().len(), world.store.asked()), (0, 0, 2), "asked once each");
    world.store.commit(0);
    world.store.commit(0);
    world.run(&mut [&mut jill]);
    assert_eq!(jill.shown(), ["jill joined!", "jill: hey"]);
    assert_eq!(jill.settled(), [(0, Outcome::Accepted(Seq(1)))]);
}

#[test]
fn the_backend_gives_the_order() {
    let mut world = World::with(config(), Slow::default());
    let (mut jill, mut jack) = (Peer::new("jill", 1), Peer::new("jack", 2));
    let both = &mut [&mut jill, &mut jack];
    world.run(both);
    world.say(0, "first asked", both);
    world.say(1, "second asked", both);
    for index in [3, 1, 0, 0] {
        world.store.commit(index);
    }
    world.run(both);
    let order = ["jack: second asked", "jack joined!", "jill joined!", "jill: first asked"];
    assert_eq!((jill.shown(), jack.shown()), (order.map(String::from).to_vec(), order.map(String::from).to_vec()));
    assert_eq!(jill.settled(), [(0, Outcome::Accepted(Seq(3)))]);
    assert_eq!(jack.settled(), [(0, Outcome::Accepted(Seq(0)))]);
}

#[test]
fn entries_that_came_another_way_are_shown_and_a_post_that_did_is_not_made_twice() {
    let mut world = World::with(config(), Slow::default());
    let mut jill = Peer::new("jill", 1);
    world.run(&mut [&mut jill]);
    let elsewhere = Who([9; 8]);
    world.store.append_foreign(&Entry::Joined { who: elsewhere, nick: "jack" }, None);
    let said = Entry::Said { who: elsewhere, nick: "jack", text: "from afar" };
    world.store.append_foreign(&said, Some((elsewhere, PostId { instance: Instance([9; 8]), counter: 0 })));
    world.run(&mut [&mut jill]);
    assert_eq!(jill.shown(), ["jack joined!", "jack: from afar"]);
    jill.member.ask(world.now);
    world.run(&mut [&mut jill]);
    assert!(jill.events.iter().any(|event| matches!(event, Event::People { people, .. } if people.len() == 2)));
    // Jill's own post, which got into the log through another server: this server settles it without drafting it again.
    let Identity { key, instance, .. } = Peer::identity(1);
    let who = key.public().who();
    let own = Entry::Said { who, nick: "jill", text: "by another way" };
    world.store.append_foreign(&own, Some((who, PostId { instance, counter: 0 })));
    world.run(&mut [&mut jill]);
    let asked = world.store.asked();
    world.say(0, "by another way", &mut [&mut jill]);
    assert_eq!(jill.settled(), [(0, Outcome::Accepted(Seq(2)))]);
    assert_eq!(world.store.asked(), asked);
}

#[test]
fn while_the_log_is_away_what_is_said_waits_and_nothing_of_it_is_lost() {
    let mut world = World::with(config(), Slow::default());
    let mut jill = Peer::new("jill", 1);
    world.run(&mut [&mut jill]);
    world.store.tell(Committing::State(State::Away));
    world.run(&mut [&mut jill]);
    let before = world.store.asked();
    world.say(0, "are you there?", &mut [&mut jill]);
    world.wait(Duration::from_secs(30), &mut [&mut jill]);
    assert_eq!((world.store.asked(), jill.settled().len()), (before, 0), "nothing is submitted, nothing refused");
    world.store.tell(Committing::State(State::Ready));
    world.run(&mut [&mut jill]);
    while world.store.asked() > 0 {
        world.store.commit(0);
        world.run(&mut [&mut jill]);
    }
    assert_eq!(jill.shown(), ["jill joined!", "jill: are you there?"]);
}

#[test]
fn another_log_is_another_room_and_the_server_goes_on() {
    let mut world = World::with(config(), Slow::default());
    let mut jill = Peer::new("jill", 1);
    world.run(&mut [&mut jill]);
    world.store.commit(0);
    world.say(0, "lost with the log", &mut [&mut jill]);
    let id = LogId([7; 16]);
    world.store.tell(Committing::NewLog(Box::new(Opening { id, ..Opening::default() })));
    world.run(&mut [&mut jill]);
    assert!(!jill.member.is_here(), "its session ended with the log");
    world.wait(Duration::from_secs(1), &mut [&mut jill]);
    assert!(jill.events.contains(&Event::AnotherLog));
    assert!(jill.events.iter().any(|event| matches!(event, Event::Lost { post: Some(0), .. })));
    world.say(0, "in the new one", &mut [&mut jill]);
    while world.store.asked() > 0 {
        world.store.commit(0);
        world.run(&mut [&mut jill]);
    }
    assert_eq!(jill.shown().last().map(String::as_str), Some("jill: in the new one"));
    assert_eq!(jill.member.place(), Some((id, world.server.end())));
}

#[test]
fn who_is_rejected_is_told_why_and_nobody_else_hears_of_it() {
    let mut world = World::with(config(), Slow::default());
    let (mut jill, mut jack) = (Peer::new("jill", 1), Peer::new("jack", 2));
    let both = &mut [&mut jill, &mut jack];
    world.run(both);
    world.say(0, "one", both);
    world.say(0, "two", both);
    world.store.commit(0);
    world.store.commit(0);
    world.store.reject(0);
    world.store.commit(0);
    world.run(both);
    let settled = [(0, Outcome::Refused(Refusal::Full)), (1, Outcome::Accepted(Seq(2)))];
    assert_eq!(jill.settled(), settled);
    assert_eq!(jack.shown(), ["jill joined!", "jack joined!", "jill: two"]);
}

#[test]
fn a_text_with_control_characters_or_too_long_is_refused_and_the_longest_is_not() {
    let mut world = World::new();
    let mut jill = Peer::new("jill", 1);
    world.run(&mut [&mut jill]);
    for text in ["two\nlines", "", &"x".repeat(TEXT_MAX), "a\ttab"] {
        world.say(0, text, &mut [&mut jill]);
    }
    let refused = |counter| (counter, Outcome::Refused(Refusal::Malformed));
    let accepted = |counter, seq| (counter, Outcome::Accepted(Seq(seq)));
    assert_eq!(jill.settled(), [refused(0), refused(1), accepted(2, 1), accepted(3, 2)]);
}

#[test]
fn a_nick_that_another_key_holds_is_taken_and_a_repeated_finish_hears_it_again() {
    let mut world = World::new();
    let mut jill = Peer::new("jill", 1);
    world.run(&mut [&mut jill]);
    let mut other = Peer::new("jill", 2);
    let mut finish = Vec::new();
    while let Some(bytes) = other.member.poll_transmit().map(<[u8]>::to_vec) {
        other.member.transmitted(world.now);
        world.receive(other.address, &bytes);
        for (_, answer) in world.sent() {
            if bytes[0] != 0xfa {
                other.member.handle_datagram(world.now, server(), &answer);
            }
        }
        finish = bytes;
    }
    assert_eq!(finish[0], 0xfa, "the first bye was lost");
    world.receive(other.address, &finish);
    let answers = world.sent();
    assert_eq!(answers.len(), 1);
    other.member.handle_datagram(world.now, server(), &answers[0].1);
    world.run(&mut [&mut jill, &mut other]);
    assert_eq!(other.over(), Some(CloseReason::NickTaken));
    assert_eq!(jill.shown(), ["jill joined!"]);
}

#[test]
fn a_room_has_as_many_members_as_it_may_and_not_one_more() {
    let mut world = World::with(Config { members_max: 2, ..config() }, memory());
    let mut peers: Vec<_> = (1..=3).map(|seed| Peer::new(&format!("peer{seed}"), seed)).collect();
    world.run(&mut peers.iter_mut().collect::<Vec<_>>());
    let over: Vec<_> = peers.iter().map(Peer::over).collect();
    assert_eq!(over, [None, None, Some(CloseReason::RoomFull)]);
    assert_eq!(world.server.members(), 2);
}

#[test]
fn a_key_may_have_several_sessions_and_is_announced_once() {
    let mut world = World::new();
    let mut peers: Vec<_> = (0..=u8::try_from(SESSIONS_OF_A_KEY).unwrap())
        .map(|instance| {
            let identity = Identity { instance: Instance([instance; 8]), ..Peer::identity(1) };
            Peer::with("jill", Identity { seed: [instance; 32], ..identity }, instance)
        })
        .collect();
    world.run(&mut peers.iter_mut().collect::<Vec<_>>());
    assert_eq!(peers[0].shown(), ["jill joined!"]);
    assert_eq!(peers.iter().filter(|peer| peer.over().is_none()).count(), SESSIONS_OF_A_KEY);
    assert_eq!(peers.last().unwrap().over(), Some(CloseReason::TooManySessions));
    let mut all: Vec<_> = peers.iter_mut().collect();
    world.say(0, "from one", &mut all);
    world.say(1, "from another", &mut all);
    assert_eq!(peers[2].shown(), ["jill joined!", "jill: from one", "jill: from another"]);
}

#[test]
fn the_same_client_replaces_its_older_session_without_noise() {
    let mut world = World::new();
    let mut older = Peer::with("jill", Peer::identity(1), 1);
    world.run(&mut [&mut older]);
    let mut newer = Peer::with("jill", Peer::identity(1), 2);
    world.run(&mut [&mut older, &mut newer]);
    world.say(1, "still me", &mut [&mut older, &mut newer]);
    assert_eq!(older.over(), Some(CloseReason::Replaced));
    assert_eq!(newer.shown(), ["jill: still me"]);
    assert_eq!(world.server.members(), 1);
}

#[test]
fn who_only_sends_is_not_announced() {
    let mut world = World::new();
    let mut jill = Peer::new("jill", 1);
    let mut bot = Peer::with("bot", Identity { present: false, ..Peer::identity(2) }, 2);
    world.run(&mut [&mut jill]);
    world.run(&mut [&mut jill, &mut bot]);
    world.say(1, "the build is done", &mut [&mut jill, &mut bot]);
    bot.member.leave(world.now);
    world.run(&mut [&mut jill, &mut bot]);
    assert_eq!(jill.shown(), ["jill joined!", "bot: the build is done"]);
}

#[test]
fn who_goes_silent_has_left_and_the_nick_stays_its_for_a_day() {
    let mut world = World::new();
    let (mut jill, mut jack) = (Peer::new("jill", 1), Peer::new("jack", 2));
    world.run(&mut [&mut jill, &mut jack]);
    drop(jack);
    world.wait(Duration::from_secs(59), &mut [&mut jill]);
    assert_eq!(jill.shown(), ["jill joined!", "jack joined!"]);
    world.wait(Duration::from_secs(2), &mut [&mut jill]);
    assert_eq!(jill.shown(), ["jill joined!", "jack joined!", "jack left (timed out)"]);
    let mut other_jack = Peer::new("JACK", 3);
    world.run(&mut [&mut jill, &mut other_jack]);
    assert_eq!(other_jack.over(), Some(CloseReason::NickTaken));
    let held = other_jack.events.iter().find(|event| matches!(event, Event::Held { .. }));
    let Some(Event::Held { nick, since, .. }) = held else { panic!("{:?}", other_jack.events) };
    assert_eq!((&**nick, *since), ("jack", Timestamp(0)));
    world.server.set_wall(Timestamp(LAPSE.as_millis().try_into().unwrap()));
    let mut other_jack = Peer::new("JACK", 3);
    world.run(&mut [&mut jill, &mut other_jack]);
    assert!(other_jack.member.is_here());
}

#[test]
fn a_server_that_ends_says_so_and_its_members_come_back_to_the_next_one() {
    let mut world = World::new();
    let mut jill = Peer::new("jill", 1);
    world.run(&mut [&mut jill]);
    world.server.close();
    for (_, bytes) in world.sent() {
        jill.member.handle_datagram(world.now, server(), &bytes);
    }
    while let Some(event) = jill.member.poll_event() {
        jill.events.push(event);
    }
    assert_eq!(
        (jill.events.last(), jill.member.is_here()),
        (Some(&Event::Away(Away::Closed(CloseReason::ServerEnds))), false)
    );
    let mut world = World { now: world.now, ..World::new() };
    jill.events.clear();
    world.wait(Duration::from_secs(5), &mut [&mut jill]);
    assert!(jill.member.is_here());
}

#[test]
fn a_server_with_another_key_than_the_pinned_one_is_not_talked_to() {
    let mut world = World::new();
    let mut jill = Peer::with("jill", Identity { pinned: Some(key(7).public()), ..Peer::identity(1) }, 1);
    world.run(&mut [&mut jill]);
    assert_eq!(jill.events, [Event::Over(Over::KeyChanged(key(100).public()))]);
    assert_eq!(world.server.members(), 0);
}

#[test]
fn a_server_of_another_version_says_which() {
    let mut jill = Peer::new("jill", 1);
    let _ = jill.member.poll_transmit();
    jill.member.transmitted(Instant::ZERO);
    jill.member.handle_datagram(Instant::ZERO, server(), b"\x06abcdefghijk");
    let hello = jill.member.poll_transmit().unwrap().to_vec();
    let Some(Datagram::Hello { client, .. }) = packet::parse(&hello) else { panic!("{hello:?}") };
    let mut other = packet::other_version(client);
    *other.last_mut().unwrap() = 3;
    jill.member.handle_datagram(Instant::ZERO, server(), &other);
    assert_eq!(jill.member.poll_event(), Some(Event::Over(Over::OtherVersion(3))));
}

#[test]
fn an_original_server_is_told_from_one_of_ours() {
    let mut jill = Peer::new("jill", 1);
    let probe = jill.member.poll_transmit().unwrap().to_vec();
    assert_eq!(probe, b"SIGNUP_TAG:jill\x06");
    jill.member.transmitted(Instant::ZERO);
    jill.member.handle_datagram(Instant::ZERO, server(), b"jill\x06 joined!");
    assert_eq!((jill.member.poll_event(), jill.member.is_seeking()), (None, true));
    assert_eq!(jill.member.poll_transmit(), None, "an original is never sent what is not text");
}

#[test]
fn a_packet_of_an_unknown_session_draws_a_shorter_one_a_hundred_times_a_second_and_not_once_more() {
    let mut world = World::new();
    let packet = [&packet::packet_head(SessionId(7), 9)[..], &[0; 16]].concat();
    for _ in 0..101 {
        world.receive("8.8.8.8:53".parse().unwrap(), &packet);
    }
    world.run(&mut []);
    assert_eq!(world.elsewhere.len(), 100);
    assert!(world.elsewhere.iter().all(|(_, bytes)| *bytes == packet::unknown(SessionId(7), 9)));
    assert_eq!(world.server.counters().dropped(DropReason::UnknownSession), 101);
}

#[test]
fn a_hello_without_a_good_token_draws_a_token_and_leaves_nothing_behind() {
    let mut world = World::new();
    let hello = packet::hello(&packet::prologue(SessionId(1), b"\x06abcdefghijk"), &[9; 32]);
    world.receive("10.0.0.9:7".parse().unwrap(), &hello);
    world.run(&mut []);
    assert_eq!(world.elsewhere.len(), 1);
    assert!(packet::token(&world.elsewhere[0].1).is_some());
    assert_eq!(world.server.poll_timeout(), None, "no state: nothing to forget later");
}

#[test]
fn changed_cut_and_repeated_datagrams_change_nothing() {
    let mut world = World::new();
    let (mut jill, mut jack) = (Peer::new("jill", 1), Peer::new("jack", 2));
    let mut seen: Vec<Vec<u8>> = Vec::new();
    for round in 0..40 {
        if round == 5 {
            jill.member.post(world.now, PostKind::Say, "hey");
        }
        for peer in [&mut jill, &mut jack] {
            while let Some(bytes) = peer.member.poll_transmit().map(<[u8]>::to_vec) {
                peer.member.transmitted(world.now);
                for position in (0..bytes.len()).step_by(1 + bytes.len() / 40) {
                    let mut changed = bytes.clone();
                    changed[position] ^= 0x10;
                    // Hellos are only changed within the token: other changes make new handshakes, limited for a prefix.
                    let is_new_hello = bytes[0] == 0xf8 && !(6..18).contains(&position);
                    if packet::is_session(&changed) && !is_new_hello {
                        world.receive(peer.address, &changed);
                    }
                    if packet::is_session(&bytes) {
                        world.receive(peer.address, &bytes[..position]);
                    }
                }
                world.receive(peer.address, &bytes);
                seen.push(bytes);
            }
        }
        for bytes in seen.iter().filter(|bytes| packet::is_session(bytes)) {
            world.receive("10.0.0.66:6".parse().unwrap(), bytes);
        }
        for (to, bytes) in world.sent() {
            for peer in [&mut jill, &mut jack].into_iter().filter(|peer| peer.address == to) {
                let mut changed = bytes.clone();
                *changed.last_mut().unwrap() ^= 1;
                peer.member.handle_datagram(world.now, server(), &changed);
                peer.member.handle_datagram(world.now, "10.6.6.6:6".parse().unwrap(), &bytes);
                peer.member.handle_datagram(world.now, server(), &bytes);
                peer.member.handle_datagram(world.now, server(), &bytes);
            }
        }
        for peer in [&mut jill, &mut jack] {
            while let Some(event) = peer.member.poll_event() {
                peer.events.push(event);
            }
        }
    }
    assert_eq!(jill.shown(), ["jill joined!", "jack joined!", "jill: hey"]);
    assert_eq!(jack.shown(), jill.shown());
    assert_eq!(jill.settled(), [(0, Outcome::Accepted(Seq(2)))]);
}

#[test]
fn sixty_four_posts_are_under_way_at_once_and_all_of_many_arrive_in_order() {
    let mut world = World::with(config(), Slow::default());
    let mut jill = Peer::new("jill", 1);
    world.run(&mut [&mut jill]);
    (0..200).for_each(|number| drop(jill.member.post(world.now, PostKind::Say, &number.to_string()).to_string()));
    world.wait(Duration::from_secs(2), &mut [&mut jill]);
    assert_eq!(world.store.asked(), 1 + 64, "the announcement, and not one post more");
    while world.store.asked() > 0 {
        world.store.commit(0);
        world.run(&mut [&mut jill]);
        world.wait(Duration::from_millis(50), &mut [&mut jill]);
    }
    let expected: Vec<_> = (0..200).map(|number| format!("jill: {number}")).collect();
    assert_eq!(jill.shown()[1..], expected);
}

#[test]
fn whoever_forges_an_unknown_makes_a_new_session_stand_beside_the_old_one_and_nothing_is_lost() {
    let mut world = World::new();
    let mut jill = Peer::new("jill", 1);
    world.run(&mut [&mut jill]);
    jill.member.post(world.now, PostKind::Say, "before");
    let packet = jill.member.poll_transmit().unwrap().to_vec();
    jill.member.transmitted(world.now);
    let Some(Datagram::Packet { receiver, number, .. }) = packet::parse(&packet) else { panic!("{packet:?}") };
    jill.member.handle_datagram(world.now, server(), &packet::unknown(receiver, number + 1));
    assert!(jill.member.poll_transmit().is_none(), "of a packet that was never sent: not believed");
    jill.member.handle_datagram(world.now, server(), &packet::unknown(receiver, number));
    world.receive(jill.address, &packet);
    world.wait(Duration::from_secs(1), &mut [&mut jill]);
    world.say(0, "after", &mut [&mut jill]);
    assert_eq!(jill.over(), None);
    assert_eq!(jill.events.iter().filter(|event| matches!(event, Event::Here { .. })).count(), 2);
    assert_eq!(jill.shown(), ["jill joined!", "jill: before", "jill: after"]);
}

#[test]
fn whoever_forges_knocks_makes_a_member_ping_its_server_once_a_second_and_no_more() {
    let mut world = World::new();
    let mut jill = Peer::new("jill", 1);
    world.run(&mut [&mut jill]);
    world.wait(Duration::from_secs(1), &mut [&mut jill]);
    let mut pings = 0;
    for _ in 0..300 {
        world.wait(Duration::from_millis(10), &mut [&mut jill]);
        jill.member.handle_datagram(world.now, server(), &packet::knock());
        while let Some(packet) = jill.member.poll_transmit().map(<[u8]>::to_vec) {
            jill.member.transmitted(world.now);
            world.receive(jill.address, &packet);
            pings += 1;
        }
    }
    assert_eq!(pings, 3);
    assert_eq!(jill.events.iter().filter(|event| matches!(event, Event::Here { .. })).count(), 1);
}

#[test]
fn a_flood_of_text_does_not_keep_a_member_from_speaking() {
    let mut world = World::new();
    let mut jill = Peer::new("jill", 1);
    world.run(&mut [&mut jill]);
    for number in 0..5000 {
        world.receive("10.0.0.9:7".parse().unwrap(), format!("flood {number}").as_bytes());
    }
    jill.member.post(world.now, PostKind::Say, "can you hear me?");
    let packet = jill.member.poll_transmit().unwrap().to_vec();
    jill.member.transmitted(world.now);
    world.receive(jill.address, &packet);
    world.run(&mut [&mut jill]);
    assert_eq!(world.server.counters().dropped(DropReason::NoPlace), 0);
    assert!(jill.shown().contains(&"jill: can you hear me?".to_owned()));
}

#[test]
fn whoever_accepts_little_is_sent_no_more_and_everything_once_it_does() {
    let mut world = World::new();
    let mut jack = Peer::new("jack", 1);
    world.run(&mut [&mut jack]);
    for line in 0..300 {
        jack.member.post(world.now, PostKind::Say, &format!("line {line}"));
        world.run(&mut [&mut jack]);
    }
    let identity = Identity { takes: 48, history: History::Last(1000), ..Peer::identity(2) };
    let mut jill = Peer { stands: true, ..Peer::with("jill", identity, 2) };
    // It ends: what does not fit is not sent again and again.
    world.run(&mut [&mut jack, &mut jill]);
    world.wait(Duration::from_secs(60), &mut [&mut jack, &mut jill]);
    assert_eq!(jill.shown().len(), 48);
    for line in 300..310 {
        jack.member.post(world.now, PostKind::Say, &format!("line {line}"));
        world.run(&mut [&mut jack, &mut jill]);
    }
    assert_eq!(jill.shown().len(), 48);
    let mut taken = 0;
    while taken < jill.shown().len() {
        jill.member.taken();
        taken += 1;
        world.run(&mut [&mut jack, &mut jill]);
    }
    let lines: Vec<_> = jill.shown().into_iter().filter(|line| line.starts_with("jack: ")).collect();
    assert_eq!(lines, (0..310).map(|line| format!("jack: line {line}")).collect::<Vec<_>>());
}

#[test]
fn who_does_something_or_takes_another_nick_is_shown_so_to_everybody() {
    let mut world = World::new();
    let (mut jill, mut jack) = (Peer::new("jill", 1), Peer::new("jack", 2));
    let both = &mut [&mut jill, &mut jack];
    world.run(both);
    world.receive("10.0.0.9:7".parse().unwrap(), b"SIGNUP_TAG:al");
    for (kind, text) in [(PostKind::Act, "waves"), (PostKind::Rename, "jane"), (PostKind::Say, "it is me")] {
        both[0].member.post(world.now, kind, text);
        world.run(both);
    }
    both[0].member.leave(world.now);
    world.run(both);
    assert_eq!(jill.member.nick().as_str(), "jane");
    let shown = ["* jill waves", "jill is now jane", "jane: it is me", "jane left"];
    assert_eq!(jack.shown()[2..], [&["al joined!"][..], &shown].concat());
    assert_eq!(text_lines(&world, "10.0.0.9:7")[1..], shown);
}

#[test]
fn a_nick_that_is_held_is_not_taken_and_one_that_was_given_back_is_free() {
    let mut world = World::new();
    let (mut jill, mut jack) = (Peer::new("jill", 1), Peer::new("jack", 2));
    let both = &mut [&mut jill, &mut jack];
    world.run(both);
    for (peer, kind, nick) in [
        (1, PostKind::Rename, "jill"),
        (0, PostKind::Rename, "jane"),
        (1, PostKind::Rename, "JANE"),
        (1, PostKind::Rename, "jill"),
        (1, PostKind::Release, "jill"),
        (0, PostKind::Release, "Jill"),
        (1, PostKind::Rename, "jill"),
        (1, PostKind::Rename, "two\nlines"),
        (1, PostKind::Rename, "udpchat"),
    ] {
        both[peer].member.post(world.now, kind, nick);
        world.run(both);
    }
    let refused = Outcome::Refused;
    let why: Vec<_> = jack.settled().into_iter().map(|(_, outcome)| outcome).collect();
    let taken = refused(Refusal::NickTaken);
    assert_eq!(
        why,
        [
            taken,
            taken,
            taken,
            refused(Refusal::NotHeld),
            Outcome::Accepted(Seq(4)),
            refused(Refusal::Malformed),
            refused(Refusal::BadNick)
        ]
    );
    let told: Vec<_> = jack
        .events
        .iter()
        .filter_map(|event| {
            let Event::Held { nick, who, .. } = event else { return None };
            Some((&**nick, *who == key(1).public().who()))
        })
        .collect();
    assert_eq!(told, [("jill", true), ("jane", true), ("jill", true)]);
    assert_eq!((jill.member.nick().as_str(), jack.member.nick().as_str()), ("jane", "jill"));
}

#[test]
fn a_nick_is_refused_if_any_of_its_forms_is_anothers_though_another_form_is_ones_own() {
    let mut world = World::new();
    let (mut allen, mut ailen) = (Peer::new("Allen", 1), Peer::new("ailen", 2));
    world.run(&mut [&mut allen, &mut ailen]);
    allen.member.leave(world.now);
    world.run(&mut [&mut allen, &mut ailen]);
    // In lowercase it is ailen, and at sight it is Allen.
    ailen.member.post(world.now, PostKind::Rename, "AIlen");
    world.run(&mut [&mut ailen]);
    assert_eq!(ailen.settled(), [(0, Outcome::Refused(Refusal::NickTaken))]);
    assert!(ailen.events.iter().any(|event| matches!(event, Event::Held { nick, .. } if &**nick == "Allen")));
    let mut allen = Peer::new("Allen", 1);
    world.run(&mut [&mut allen, &mut ailen]);
    assert!(allen.member.is_here());
}

#[test]
fn who_goes_while_its_rename_is_on_its_way_keeps_the_nick_that_comes_of_it() {
    let mut world = World::with(config(), Slow::default());
    let mut jill = Peer::new("jill", 1);
    world.run(&mut [&mut jill]);
    world.store.commit(0);
    world.run(&mut [&mut jill]);
    jill.member.post(world.now, PostKind::Rename, "jane");
    world.run(&mut [&mut jill]);
    jill.member.leave(world.now);
    world.run(&mut [&mut jill]);
    let mut jane = Peer::new("jane", 2);
    world.run(&mut [&mut jane]);
    assert_eq!(jane.over(), Some(CloseReason::NickTaken), "nobody knows yet what becomes of it");
}

#[test]
fn a_rename_that_the_log_does_not_take_leaves_both_nicks_as_they_were() {
    let mut world = World::with(config(), Slow::default());
    let mut jill = Peer::new("jill", 1);
    world.run(&mut [&mut jill]);
    jill.member.post(world.now, PostKind::Rename, "jane");
    world.run(&mut [&mut jill]);
    let mut jane = Peer::new("jane", 2);
    world.run(&mut [&mut jill, &mut jane]);
    assert_eq!(jane.over(), Some(CloseReason::NickTaken), "it is on its way to jill");
    world.store.commit(0);
    world.store.reject(0);
    world.run(&mut [&mut jill]);
    assert_eq!(jill.member.nick().as_str(), "jill");
    let (mut jane, mut other) = (Peer::new("jane", 3), Peer::new("jill", 4));
    world.run(&mut [&mut jill, &mut jane, &mut other]);
    assert_eq!((jane.over(), other.over()), (None, Some(CloseReason::NickTaken)));
}

#[test]
fn who_is_renamed_while_the_way_is_cut_is_known_by_the_new_nick_after_coming_back() {
    let mut world = World::new();
    let mut jill = Peer::new("jill", 1);
    world.run(&mut [&mut jill]);
    jill.member.post(world.now, PostKind::Rename, "jane");
    let packet = jill.member.poll_transmit().unwrap().to_vec();
    jill.member.transmitted(world.now);
    world.receive(jill.address, &packet);
    drop(world.sent());
    world.now = world.now + Duration::from_secs(61);
    jill.member.handle_timeout(world.now);
    world.wait(Duration::from_secs(20), &mut [&mut jill]);
    assert_eq!(jill.member.nick().as_str(), "jane");
    world.say(0, "back", &mut [&mut jill]);
    assert_eq!(jill.shown().last().unwrap(), "jane: back");
}

#[test]
fn a_rename_whose_outcome_was_not_heard_makes_no_noise_when_its_author_comes_back() {
    let mut world = World::new();
    let (mut jill, mut jack) = (Peer::new("jill", 1), Peer::new("jack", 2));
    world.run(&mut [&mut jill, &mut jack]);
    let mut packet = Vec::new();
    for nick in ["jane", "joan"] {
        jill.member.post(world.now, PostKind::Rename, nick);
        packet = jill.member.poll_transmit().unwrap().to_vec();
        jill.member.transmitted(world.now);
        world.receive(jill.address, &packet);
        for (to, bytes) in world.sent() {
            // The server's datagrams to jill are lost.
            if to == jack.address {
                jack.member.handle_datagram(world.now, server(), &bytes);
            }
        }
    }
    let Some(Datagram::Packet { receiver, number, .. }) = packet::parse(&packet) else { panic!("{packet:?}") };
    jill.member.handle_datagram(world.now, server(), &packet::unknown(receiver, number));
    world.wait(Duration::from_secs(30), &mut [&mut jill, &mut jack]);
    assert_eq!(jill.member.nick().as_str(), "joan");
    world.say(0, "it is still me", &mut [&mut jill, &mut jack]);
    let expected = ["jill joined!", "jack joined!", "jill is now jane", "jane is now joan", "joan: it is still me"];
    assert_eq!(jack.shown(), expected);
    let sessions = jill.events.iter().filter(|event| matches!(event, Event::Here { .. })).count();
    assert_eq!(sessions, 2, "one new session is enough");
}

#[test]
fn who_asks_is_told_everybody_who_is_here_however_many() {
    let mut world = World::new();
    let mut peers: Vec<_> = (1..=60).map(|seed| Peer::new(&format!("{seed}{}", "x".repeat(29)), seed)).collect();
    for peer in &mut peers {
        world.run(&mut [peer]);
    }
    for number in 0..5 {
        world.receive(SocketAddr::from(([10, 0, 0, 9], 7 + number)), format!("SIGNUP_TAG:al{number}").as_bytes());
    }
    let mut jill = Peer::with("jill", Identity { present: false, ..Peer::identity(99) }, 99);
    world.run(&mut [&mut jill]);
    jill.member.ask(world.now);
    world.wait(Duration::from_secs(1), &mut [&mut jill]);
    let mut told = Vec::new();
    let mut ends = Vec::new();
    for event in &jill.events {
        if let Event::People { people, more } = event {
            told.extend(people.iter().map(|person| (person.id, person.nick.to_string())));
            ends.push(*more);
        }
    }
    assert!(ends.len() > 2 && ends.iter().rev().skip(1).all(|&more| more) && ends.last() == Some(&false), "{ends:?}");
    let (keys, texts): (Vec<_>, Vec<_>) = told.iter().partition(|(person, _)| matches!(person, PersonId::Key(_)));
    assert_eq!(keys.len(), 60, "not jill, who is not present");
    assert!(peers.iter().all(|peer| keys.iter().any(|(_, nick)| nick == peer.member.nick().as_str())));
    assert_eq!(texts.iter().map(|(_, nick)| nick.as_str()).collect::<Vec<_>>(), ["al0", "al1", "al2", "al3", "al4"]);
}

#[test]
fn a_question_that_is_lost_is_asked_again() {
    let mut world = World::new();
    let mut jill = Peer::new("jill", 1);
    world.run(&mut [&mut jill]);
    jill.member.ask(world.now);
    while jill.member.poll_transmit().is_some() {
        jill.member.transmitted(world.now);
    }
    world.wait(Duration::from_secs(3), &mut [&mut jill]);
    let told = jill.events.iter().filter(|event| matches!(event, Event::People { .. })).count();
    assert_eq!(told, 1);
}

#[test]
fn a_client_whose_user_does_not_read_stops_the_room_at_4096_entries_stays_alive_and_goes_on() {
    let mut world = World::new();
    let (mut jill, mut jack) = (Peer::new("jill", 1), Peer::new("jack", 2));
    world.run(&mut [&mut jill, &mut jack]);
    let read = |jill: &mut Peer, most: usize| {
        let before = jill.events.len();
        while jill.events.len() - before < most
            && let Some(event) = jill.member.poll_event()
        {
            jill.events.push(event);
        }
    };
    // Carries datagrams, handles timeouts and reads jack's events, but not jill's.
    let carry = |world: &mut World<Memory>, jill: &mut Peer, jack: &mut Peer| {
        for _ in 0..200 {
            for peer in [&mut *jill, &mut *jack] {
                peer.member.handle_timeout(world.now);
                while let Some(bytes) = peer.member.poll_transmit().map(<[u8]>::to_vec) {
                    peer.member.transmitted(world.now);
                    world.receive(peer.address, &bytes);
                }
            }
            while jack.member.poll_event().is_some() {}
            world.server.handle_timeout(world.now);
            for (to, bytes) in world.sent() {
                let peer = if to == jill.address { &mut *jill } else { &mut *jack };
                peer.member.handle_datagram(world.now, server(), &bytes);
            }
            world.now = world.now + Duration::from_millis(10);
        }
    };
    for number in 0..100 {
        for line in 0..60 {
            jack.member.post(world.now, PostKind::Say, &format!("{number} {line}"));
        }
        carry(&mut world, &mut jill, &mut jack);
    }
    assert_eq!(world.server.end(), Seq(6002));
    assert_eq!(jill.member.place().unwrap().1, Seq(2 + 4096), "200 s of silence later");
    assert_eq!(world.server.members(), 2, "it is still here");
    read(&mut jill, usize::MAX);
    carry(&mut world, &mut jill, &mut jack);
    read(&mut jill, usize::MAX);
    assert_eq!(jill.shown().len(), 6002);
}

#[test]
fn a_server_that_owes_a_word_for_five_seconds_is_quiet_until_it_is_heard_again() {
    let mut world = World::new();
    let mut jill = Peer::new("jill", 1);
    world.run(&mut [&mut jill]);
    jill.member.post(world.now, PostKind::Say, "hey");
    let cut = world.now + Duration::from_secs(8);
    loop {
        while jill.member.poll_transmit().is_some() {
            jill.member.transmitted(world.now);
        }
        let Some(next) = jill.member.poll_timeout().filter(|&next| next < cut) else { break };
        world.now = world.now.max(next);
        jill.member.handle_timeout(world.now);
    }
    world.wait(Duration::from_secs(5), &mut [&mut jill]);
    let told: Vec<_> = jill.events.iter().filter(|event| matches!(event, Event::Quiet(_) | Event::Back)).collect();
    assert_eq!(told, [&Event::Quiet(Duration::from_secs(5)), &Event::Back]);
    assert_eq!(jill.shown(), ["jill joined!", "jill: hey"]);
}

#[test]
fn a_ping_comes_back_with_its_stamp() {
    let mut world = World::new();
    let mut jill = Peer::new("jill", 1);
    world.run(&mut [&mut jill]);
    jill.member.ping(world.now, 7);
    world.run(&mut [&mut jill]);
    assert!(jill.events.contains(&Event::Pong { stamp: 7 }));
}

#[test]
fn a_message_under_the_same_instance_is_one_message_and_one_that_was_refused_may_be_said_again() {
    let mut world = World::with(config(), Slow::default());
    let bot = || Peer::with("bot", Identity { present: false, ..Peer::identity(2) }, 2);
    let mut outcomes = Vec::new();
    for answer in [false, true, true] {
        let mut bot = bot();
        world.run(&mut [&mut bot]);
        world.say(0, "the build is done", &mut [&mut bot]);
        match world.store.asked() {
            0 => {}
            _ if answer => world.store.commit(0),
            _ => world.store.reject(0),
        }
        world.run(&mut [&mut bot]);
        outcomes.extend(bot.settled());
        bot.member.leave(world.now);
        world.run(&mut [&mut bot]);
    }
    let accepted = (0, Outcome::Accepted(Seq(0)));
    assert_eq!(outcomes, [(0, Outcome::Refused(Refusal::Full)), accepted, accepted]);
    assert_eq!(world.server.end(), Seq(1));
}

#[test]
fn before_its_keys_are_worn_out_a_client_begins_a_new_session_and_nobody_notices() {
    let mut world = World::new();
    let (mut jill, mut jack) = (Peer::new("jill", 1), Peer::new("jack", 2));
    world.wait(Duration::from_secs(1), &mut [&mut jill, &mut jack]);
    jill.member.age(PACKETS_OF_A_KEY / 2 - 3);
    jill.events.clear();
    jack.events.clear();
    for number in 0..20 {
        world.say(0, &number.to_string(), &mut [&mut jill, &mut jack]);
        world.wait(Duration::from_millis(50), &mut [&mut jill, &mut jack]);
    }
    let sessions = jill.events.iter().filter(|event| matches!(event, Event::Here { .. })).count();
    assert_eq!(sessions, 1, "one more, with new keys");
    assert!(!jill.events.iter().any(|event| matches!(event, Event::Away(_) | Event::Quiet(_) | Event::Over(_))));
    let said: Vec<_> = (0..20).map(|number| format!("jill: {number}")).collect();
    assert_eq!((jill.shown(), jack.shown()), (said.clone(), said), "and nobody came or went");
}

#[test]
fn what_was_deleted_before_a_member_had_it_is_not_said_to_be_received() {
    let mut world = World::with(config(), Slow::default());
    let (mut jill, mut jack) = (Peer::new("jill", 1), Peer::new("jack", 2));
    let commit = |world: &mut World<Slow>, peers: &mut [&mut Peer]| {
        world.run(peers);
        while world.store.asked() > 0 {
            world.store.commit(0);
            world.run(peers);
        }
    };
    commit(&mut world, &mut [&mut jill, &mut jack]);
    jill.member.post(world.now, PostKind::Say, "the precious one");
    // Jack is cut off.
    commit(&mut world, &mut [&mut jill]);
    let Some(&(_, Outcome::Accepted(seq))) = jill.settled().last() else { panic!("{:?}", jill.events) };
    jill.member.watch(world.now, Watch { seq, what: Watched::Count });
    world.wait(Duration::from_millis(300), &mut [&mut jill]);
    let reached = |peer: &Peer| {
        let counts = peer.events.iter().filter_map(|event| match event {
            Event::Reached { count, of, what, .. } => Some((*count, *of, *what != Watched::Nothing)),
            _ => None,
        });
        counts.max_by_key(|&(_, _, is_known)| !is_known)
    };
    assert_eq!(reached(&jill), Some((0, 1, true)));
    world.store.tell(Committing::Truncated { oldest: seq + 1 });
    world.wait(Duration::from_secs(10), &mut [&mut jill, &mut jack]);
    assert!(
        jack.events.iter().any(|event| matches!(event, Event::Gap { why: GapReason::Gone, .. })),
        "{:?}",
        jack.events
    );
    assert_eq!(reached(&jill), Some((0, 0, false)), "nobody can say it any more");
    assert_eq!(jill.member.watching(), None);
}
