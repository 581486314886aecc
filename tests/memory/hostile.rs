//! The findings of a review and of attacks, one by one: a hostile member of a room in memory.
#![allow(clippy::unwrap_used, clippy::unwrap_in_result, clippy::wildcard_enum_match_arm)] // tests are allowed to

use std::net::SocketAddr;
use std::time::Duration;

use crate::common::world::memory;
use udpchat::client::member::Member;
use udpchat::client::{Event, Identity};
use udpchat::log::{Memory, Store};
use udpchat::server::{Config, DropReason, Path, Rate, Server, SocketId};
use udpchat::session::{Cipher, Entropy, Initiator, PACKETS_OF_A_KEY, Role, Session, StaticKey};
use udpchat::time::Instant;
use udpchat::wire::entry::{Entry, SEALED_MAX};
use udpchat::wire::frame::{Frame, Join, Letter, Outcome, PostKind, ServerHello, Writer, frames};
use udpchat::wire::packet::{self, DATAGRAM_MAX, Datagram};
use udpchat::wire::{CloseReason, Instance, NICK_MAX, Refusal, Seq, SessionId, text};

const SOCKETS: usize = 2;

fn server() -> SocketAddr {
    "10.0.0.1:9999".parse().unwrap()
}

fn key(seed: u8) -> StaticKey {
    StaticKey::generate(&mut Entropy::new([seed; 32]))
}

/// A room with its log and clock.
struct World {
    now: Instant,
    server: Server,
    store: Memory,
}

impl World {
    fn new(rate: Option<Rate>) -> Self {
        let config = Config { rate, signup_rate: None, recent_bytes: 1 << 22, ..crate::common::world::config() };
        let mut store = memory();
        Self { now: Instant::ZERO, server: Server::new(Instant::ZERO, config, SOCKETS, store.open()), store }
    }

    /// Delivers a datagram through a socket; returns the datagrams sent then: socket, receiver, bytes.
    fn receive_at(&mut self, socket: usize, peer: SocketAddr, bytes: &[u8]) -> Vec<(usize, SocketAddr, Vec<u8>)> {
        self.server.handle_datagram(self.now, Path { socket: SocketId(socket), peer, local: None }, bytes);
        self.sent()
    }

    fn receive(&mut self, peer: SocketAddr, bytes: &[u8]) -> Vec<Vec<u8>> {
        let sent = self.receive_at(0, peer, bytes);
        sent.into_iter().filter(|(_, to, _)| *to == peer).map(|(_, _, bytes)| bytes).collect()
    }

    fn sent(&mut self) -> Vec<(usize, SocketAddr, Vec<u8>)> {
        while self.server.shake_hands(self.now, false) {}
        let mut sent = Vec::new();
        loop {
            udpchat::server::exchange(self.now, &mut self.server, &mut self.store, |_, _| {});
            let before = sent.len();
            for socket in 0..SOCKETS {
                while let Some(transmits) = self.server.poll_transmit(SocketId(socket)) {
                    let token = transmits.token();
                    let segment = transmits.segment().unwrap_or(usize::MAX);
                    let batch: Vec<_> = transmits.collect();
                    let count = batch.len();
                    for (to, bytes) in batch {
                        sent.extend(bytes.chunks(segment).map(|datagram| (socket, to, datagram.to_vec())));
                    }
                    self.server.transmitted(token, count);
                }
            }
            if sent.len() == before {
                return sent;
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.server.handle_timeout(self.now);
    }
}

/// A member that can send any frames.
struct Raw {
    session: Session<SocketAddr, ()>,
    address: SocketAddr,
    /// The server's replies: outcomes of posts, reason of the session's end, number of lists of people.
    settled: Vec<(u64, Outcome)>,
    over: Option<CloseReason>,
    lists: usize,
}

impl Raw {
    /// Shakes hands; `Err` if the server refuses it.
    fn join(
        world: &mut World,
        nick: &str,
        key: &StaticKey,
        instance: u8,
        address: SocketAddr,
    ) -> Result<Self, CloseReason> {
        let mut entropy = Entropy::new([instance.wrapping_add(50); 32]);
        let id = SessionId(u32::from(instance) + 1);
        let token = world.receive(address, text::probe(nick).as_bytes());
        let token = *packet::token(&token[0]).unwrap();
        let mut initiator = Initiator::new(key, &mut entropy, &packet::prologue(id, &token));
        let answer = world.receive(address, initiator.hello());
        let answer = answer.iter().find_map(|bytes| match packet::parse(bytes) {
            Some(Datagram::Answer { noise, .. }) => initiator.read_answer(noise),
            _ => None,
        });
        let hello = ServerHello::decode(&answer.unwrap().0).unwrap();
        let join = Join::new(Instance([instance; 8]), nick);
        let mut payload = [0; 128];
        let (noise, transport) = initiator.finish(postcard::to_slice(&join, &mut payload).unwrap(), Cipher::default());
        let id = SessionId(hello.id);
        let session = Session::new(world.now, Role::Client, id, transport, server(), Duration::from_millis(10));
        let mut raw = Self { session, address, settled: Vec::new(), over: None, lists: 0 };
        let drawn = world.receive(address, &packet::finish(id, &noise));
        raw.hear(&drawn);
        raw.over.map_or(Ok(raw), Err)
    }

    fn hear(&mut self, sent: &[Vec<u8>]) {
        for bytes in sent {
            let Some(Datagram::Packet { number, sealed, .. }) = packet::parse(bytes) else { continue };
            let mut plain = [0; DATAGRAM_MAX];
            let Ok(plain) = self.session.open(number, sealed, &mut plain) else { continue };
            for frame in frames(plain).flatten() {
                match frame {
                    Frame::Settled { counter, outcome } => self.settled.push((counter, outcome)),
                    Frame::Bye(why) => self.over = Some(why),
                    Frame::People(_) => self.lists += 1,
                    _ => {}
                }
            }
        }
    }

    /// Sends a packet with the frames that `write` adds; handles the reply.
    fn say(&mut self, world: &mut World, write: impl FnOnce(&mut Writer)) {
        let mut writer = Writer::default();
        write(&mut writer);
        let mut out = Vec::new();
        self.session.seal_raw(writer.plain(), &mut out);
        let drawn = world.receive(self.address, &out);
        self.hear(&drawn);
    }
}

fn post(counter: u64, settled_below: u64) -> Frame<'static> {
    Frame::Post { counter, settled_below, kind: PostKind::Say, body: b"x" }
}

fn address(last: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 1, last], port))
}

#[test]
fn the_packet_that_ended_the_server_ends_the_session_it_came_in_and_no_other() {
    let mut world = World::new(None);
    let mut jill = Raw::join(&mut world, "jill", &key(1), 1, address(1, 1)).unwrap();
    let mut mallory = Raw::join(&mut world, "mallory", &key(2), 2, address(2, 1)).unwrap();
    mallory.say(&mut world, |writer| {
        assert!(writer.frame(&post(0, 0)) && writer.frame(&post(1 << 61, 1 << 61)));
    });
    assert_eq!(mallory.over, Some(CloseReason::Broken));
    jill.say(&mut world, |writer| assert!(writer.frame(&post(0, 0))));
    assert_eq!((jill.settled.len(), jill.over), (1, None));
}

#[test]
fn a_packet_that_jumps_ahead_and_comes_back_gets_nothing_into_the_log_behind_its_jump() {
    let mut world = World::new(None);
    let mut mallory = Raw::join(&mut world, "mallory", &key(2), 2, address(2, 1)).unwrap();
    mallory.say(&mut world, |writer| assert!(writer.frame(&post(0, 0))));
    assert_eq!(mallory.settled.len(), 1);
    let end = world.server.end();
    mallory.say(&mut world, |writer| {
        for (counter, settled_below) in [(1000, 1000), (1, 0), (2, 0), (1001, 0)] {
            assert!(writer.frame(&post(counter, settled_below)));
        }
    });
    let settled: Vec<_> = mallory.settled.iter().map(|&(counter, _)| counter).collect();
    assert_eq!(
        (settled, world.server.end().since(end)),
        (vec![0, 1000, 1001], 2),
        "1 and 2 were given up with the jump"
    );
    mallory.say(&mut world, |writer| assert!(writer.frame(&post(1002, 0)) && writer.frame(&post(1003, 1003))));
    assert_eq!((mallory.over, world.server.end().since(end)), (Some(CloseReason::Broken), 2), "it cannot know of 1002");
}

#[test]
fn every_counter_and_every_word_of_what_is_settled_has_its_bound() {
    for (counter, settled_below) in [(1 << 62, 1 << 62), (u64::MAX, u64::MAX), (0, 1), (5, u64::MAX), (1 << 62, 0)] {
        let mut world = World::new(None);
        let mut mallory = Raw::join(&mut world, "mallory", &key(2), 2, address(2, 1)).unwrap();
        mallory.say(&mut world, |writer| assert!(writer.frame(&post(counter, settled_below))));
        assert_eq!(mallory.over, Some(CloseReason::Broken), "{counter}, {settled_below}");
    }
    let mut world = World::new(None);
    let mut mallory = Raw::join(&mut world, "mallory", &key(2), 2, address(2, 1)).unwrap();
    mallory.say(&mut world, |writer| assert!(writer.frame(&post(64, 0))));
    assert_eq!((mallory.over, mallory.settled.len()), (None, 0), "there is no place for it now");
    mallory.say(&mut world, |writer| {
        let acks = Frame::Have(udpchat::wire::frame::Have { next: Seq(0), take: 9, held: [].into_iter().collect() });
        assert!(writer.frame(&acks) && writer.frame(&acks));
    });
    assert_eq!(mallory.over, Some(CloseReason::Broken), "one 'have' is in a packet");
}

#[test]
fn a_key_that_comes_back_under_new_instances_says_no_more_than_one_that_stays() {
    let mut world = World::new(Rate::per_second(100));
    for instance in 0..20 {
        let mut mallory = Raw::join(&mut world, "mallory", &key(2), instance, address(2, 1)).unwrap();
        for packet in 0..15_u64 {
            mallory.say(&mut world, |writer| {
                for counter in packet * 60..(packet + 1) * 60 {
                    assert!(writer.frame(&post(counter, packet * 60)));
                }
            });
            world.pass(Duration::from_millis(10));
        }
        mallory.say(&mut world, |writer| assert!(writer.frame(&Frame::Bye(CloseReason::Left))));
    }
    // In 3 s: 1,000 at once and 64 that wait, then 100 a second, one packet of 60, and `joined` and `left` of 20 sessions.
    let entries = world.server.end().0;
    assert!((1000..=1064 + 300 + 60 + 40).contains(&entries), "{entries} entries in 3 s");
}

#[test]
fn handshakes_that_are_refused_hold_no_place_and_lock_nobody_out() {
    let mut world = World::new(None);
    let _jill = Raw::join(&mut world, "jill", &key(1), 1, address(1, 1)).unwrap();
    for port in 1..=200 {
        let refused = Raw::join(&mut world, "jill", &key(2), 2, address(2, port));
        assert_eq!(refused.err(), Some(CloseReason::NickTaken));
    }
    assert!(Raw::join(&mut world, "jack", &key(3), 3, address(3, 1)).is_ok(), "of the same neighbourhood");
}

#[test]
fn a_member_moves_from_one_socket_of_the_server_to_another() {
    let mut world = World::new(None);
    let identity = Identity::new(key(1), Instance([1; 8]), [1; 32]);
    let mut jill = Member::new(world.now, server(), "jill".parse().unwrap(), identity);
    let mut shown = Vec::new();
    for round in 0..200 {
        // Halfway, her datagrams start to come through another socket, and only replies through that one reach her.
        let (socket, at) = if round < 100 { (0, address(1, 1)) } else { (1, address(1, 2)) };
        if round == 50 || round == 150 {
            jill.post(world.now, PostKind::Say, &format!("in round {round}"));
        }
        let mut sent = world.sent();
        while let Some(bytes) = jill.poll_transmit().map(<[u8]>::to_vec) {
            jill.transmitted(world.now);
            sent.extend(world.receive_at(socket, at, &bytes));
        }
        for (through, to, bytes) in sent {
            assert!(
                to == address(1, 1) && through == 0 || to == address(1, 2) && through == 1,
                "{to} through {through}"
            );
            if (through, to) == (socket, at) {
                jill.handle_datagram(world.now, server(), &bytes);
            }
        }
        while let Some(event) = jill.poll_event() {
            if let Event::Entry { encoded, .. } = event {
                let mut line = String::new();
                Entry::decode(&encoded).unwrap().render(&mut line);
                shown.push(line);
            }
        }
        world.pass(Duration::from_millis(100));
        jill.handle_timeout(world.now);
    }
    assert_eq!(shown, ["jill joined!", "jill: in round 50", "jill: in round 150"]);
    assert_eq!(jill.outstanding(), 0);
}

#[test]
fn a_session_whose_keys_have_done_all_that_they_may_ends_and_the_member_may_come_back() {
    let mut world = World::new(None);
    let mut mallory = Raw::join(&mut world, "mallory", &key(1), 1, address(1, 1)).unwrap();
    mallory.session.age(PACKETS_OF_A_KEY - 2);
    mallory.say(&mut world, |writer| assert!(writer.frame(&post(0, 0))));
    assert_eq!(mallory.over, None);
    mallory.say(&mut world, |writer| assert!(writer.frame(&post(1, 0))));
    assert_eq!(mallory.over, Some(CloseReason::ServerEnds));
    let mut mallory = Raw::join(&mut world, "mallory", &key(1), 1, address(1, 1)).unwrap();
    // A number far beyond is nobody's who keeps to the protocol.
    mallory.session.age(1 << 62);
    mallory.say(&mut world, |writer| assert!(writer.frame(&post(2, 0))));
    assert!(mallory.over.is_none() && mallory.settled.iter().all(|&(counter, _)| counter < 2));
}

#[test]
fn a_packet_full_of_questions_draws_one_answer() {
    let mut world = World::new(None);
    for seed in 0..40 {
        let nick = format!("{seed}{}", "x".repeat(28));
        let _ = Raw::join(&mut world, &nick, &key(seed), seed, address(seed, 1)).unwrap();
    }
    let mut mallory = Raw::join(&mut world, "mallory", &key(200), 200, address(200, 1)).unwrap();
    let mut questions = 0;
    mallory.say(&mut world, |writer| {
        while writer.frame(&Frame::Ask { after: None }) {
            questions += 1;
        }
    });
    assert!(questions > 250, "{questions}");
    assert_eq!((mallory.lists, mallory.over), (1, None));
}

#[test]
fn junk_from_elsewhere_does_not_keep_a_member_from_hearing_that_its_session_is_unknown() {
    let mut world = World::new(None);
    let packet = |id| [&packet::packet_head(SessionId(id), 9)[..], &[0; 16]].concat();
    for number in 0..5000_u32 {
        let [_, _, high, low] = number.to_be_bytes();
        world.receive(SocketAddr::from(([8, 8, high, 1], u16::from(low) + 1)), &packet(number));
    }
    assert!(world.server.counters().dropped(DropReason::UnknownSession) == 5000);
    let drawn = world.receive(address(1, 1), &packet(7));
    assert_eq!(drawn, [packet::unknown(SessionId(7), 9).to_vec()]);
}

#[test]
fn more_replies_than_may_wait_for_a_socket_are_dropped() {
    let mut world = World::new(None);
    for number in 0..3000_u32 {
        let [_, _, high, low] = number.to_be_bytes();
        let peer = SocketAddr::from(([8, 8, high, 1], u16::from(low) + 1));
        world.server.handle_datagram(world.now, Path { socket: SocketId(0), peer, local: None }, b"SIGNUP_TAG:\x06");
    }
    assert_eq!(world.sent().len(), 1024);
    assert_eq!(world.receive(address(1, 1), b"SIGNUP_TAG:\x06").len(), 1, "then there is place again");
}

#[test]
fn who_comes_back_under_one_nick_after_the_other_is_held_to_sixteen() {
    let mut world = World::new(Rate::per_second(100));
    let mut refused = None;
    for number in 0..20 {
        match Raw::join(&mut world, &format!("mallory{number}"), &key(2), 2, address(2, 1)) {
            Ok(_) => {}
            Err(why) => refused = refused.or(Some((number, why))),
        }
    }
    assert_eq!(refused, Some((16, CloseReason::TooManySessions)));
    world.pass(Duration::from_secs(10));
    assert!(Raw::join(&mut world, "mallory", &key(2), 2, address(2, 1)).is_ok(), "they have left by then");
}

#[test]
fn posts_that_follow_each_other_in_a_packet_need_no_place_among_those_that_came_early() {
    let mut world = World::new(None);
    // Eighteen sessions fill the space for early posts.
    for seed in 0..18 {
        let mut mallory =
            Raw::join(&mut world, &format!("m{seed}"), &key(seed), seed, address(2, u16::from(seed) + 1)).unwrap();
        for (counter, len) in (1..64).flat_map(|counter| [(counter, 990), (counter, 300), (counter, 1)]) {
            let text = "x".repeat(len);
            let early = Frame::Post { counter, settled_below: 0, kind: PostKind::Say, body: text.as_bytes() };
            mallory.say(&mut world, |writer| assert!(writer.frame(&early)));
        }
    }
    let mut jill = Raw::join(&mut world, "jill", &key(99), 99, address(1, 1)).unwrap();
    jill.say(&mut world, |writer| (0..60).for_each(|counter| assert!(writer.frame(&post(counter, 0)))));
    assert_eq!(jill.settled.len(), 60);
}

#[test]
fn letters_as_no_client_of_ours_makes_them_are_refused_and_their_author_stays() {
    let mut world = World::new(None);
    let _jill = Raw::join(&mut world, "jill", &key(1), 1, address(1, 1)).unwrap();
    let mut mallory = Raw::join(&mut world, "mallory", &key(2), 2, address(2, 1)).unwrap();
    let (sealed, long) = ([7; 112], [7; SEALED_MAX + 1]);
    let good = Letter { to: key(1).public().0, nick: "mallory", of: "jill", sealed: &sealed };
    let too_long = "n".repeat(NICK_MAX + 1);
    let wrong = [
        Letter { nick: "jill", ..good },
        Letter { nick: "", ..good },
        Letter { of: "", ..good },
        Letter { of: "a\nb", ..good },
        Letter { of: &too_long, ..good },
        Letter { sealed: &[], ..good },
        Letter { sealed: &long, ..good },
    ];
    let bodies = wrong.into_iter().map(|letter| letter.encode()).chain([vec![0xff; 9], Vec::new(), good.encode()]);
    for (counter, body) in (0..).zip(bodies) {
        mallory.say(&mut world, |writer| {
            let kind = PostKind::Private;
            assert!(writer.frame(&Frame::Post { counter, settled_below: counter, kind, body: &body }));
        });
    }
    world.pass(Duration::from_millis(10));
    mallory.say(&mut world, |writer| assert!(writer.frame(&Frame::Ping { stamp: 7 })));
    let refused =
        mallory.settled.iter().filter(|(_, outcome)| *outcome == Outcome::Refused(Refusal::Malformed)).count();
    assert_eq!((refused, mallory.over), (9, None), "{:?}", mallory.settled);
    assert!(mallory.settled.iter().any(|&(counter, outcome)| counter == 9 && matches!(outcome, Outcome::Accepted(_))));
}
