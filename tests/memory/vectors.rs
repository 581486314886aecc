//! Test vectors of the session protocol, for other implementations: a conversation from fixed seeds, byte for byte.
//!
//! Our client and server make `tests/vectors/session.json`. The tests read it without their code: with only the numbers of
//! docs/PROTOCOL.md, snow with its own resolver, BLAKE2s and postcard. After a change of the protocol,
//! `UDPCHAT_WRITE_VECTORS=1 cargo test --test memory vectors::` rewrites the file.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use blake2::digest::Mac;
use blake2::{Blake2s256, Blake2sMac256, Digest};
use serde::{Deserialize, Serialize};
use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::{CryptoResolver, DefaultResolver};
use snow::types::{Cipher, Dh, Hash, Random};
use snow::{Builder, HandshakeState};
use udpchat::client::Identity;
use udpchat::client::member::Member;
use udpchat::log::{Memory, Store};
use udpchat::policy::names::TABLES;
use udpchat::server::{Config, Path, Server, SocketId};
use udpchat::session::letter::{self, Envelope};
use udpchat::session::{Entropy, StaticKey, Transport};
use udpchat::time::Instant;
use udpchat::wire::entry::{Act, ENTRY_MAX, Entry, PRIVATE_MAX, Tail};
use udpchat::wire::frame::{
    Ack, Barred, Fetch, Found, Frame, GapReason, Have, HeldNick, History, Join, Letter, ListState, Outcome, PEOPLE_MAX,
    Page, People, Person, PersonId, PostKind, Receipt, RoomInfo, Spot, Watch, Watched, Welcome, Whose, Writer,
    encode_person,
};
use udpchat::wire::order::Order;
use udpchat::wire::packet::{self, DATAGRAM_MAX, Datagram};
use udpchat::wire::record::{Invitation, Known, Name, Record, Role, encode_item};
use udpchat::wire::{CloseReason, Fingerprint, Instance, LogId, PostId, Refusal, Seq, SessionId, Timestamp, Who};
use zeroize::Zeroizing;

const CLIENT_SEED: [u8; 32] = [0x11; 32];
const SERVER_SEED: [u8; 32] = [0x22; 32];
// The server's wall clock during the conversation.
const AT: Timestamp = Timestamp(1_700_000_000_123);
const CLIENT_SECRET: [u8; 32] = [0x33; 32];
const SERVER_SECRET: [u8; 32] = [0x44; 32];
const LOG: [u8; 16] = [0x55; 16];
const INSTANCE: [u8; 8] = [0x66; 8];

/// The file. Bytes are hexadecimal.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Vectors {
    about: String,
    client: End,
    server: End,
    token: TokenVector,
    log: String,
    instance: String,
    nick: String,
    /// In the order in which they were sent.
    datagrams: Vec<DatagramVector>,
    /// The same conversation, by two ends that have AES.
    aes: Vec<DatagramVector>,
    /// Single frames in all their forms: type, length, body.
    frames: Vec<Named>,
    /// Private messages, of the client's key to the server's, in this log and of this instance.
    letters: Vec<LetterVector>,
    /// Payloads of the finish: each form of history without a place, and a place.
    joins: Vec<Named>,
}

/// A single frame or payload, and its description.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Named {
    what: String,
    bytes: String,
}

/// A private message.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct LetterVector {
    what: String,
    prologue: String,
    /// What is sealed: number and kind, text, 0x80, zeros.
    plaintext: String,
    /// The entry, with its time and what follows it.
    entry: String,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct End {
    static_secret: String,
    static_public: String,
    /// Its first 8 bytes are *who*.
    blake2s_of_public: String,
    ephemeral_secret: String,
    ephemeral_public: String,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct TokenVector {
    server_secret: String,
    slot: u64,
    client_address: String,
    token: String,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct DatagramVector {
    from: String,
    what: String,
    bytes: String,
    /// A packet's frames, or the payload of a handshake message.
    plaintext: Option<String>,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn public(secret: [u8; 32]) -> [u8; 32] {
    StaticKey::from_secret(Zeroizing::new(secret)).public().0
}

fn end(secret: [u8; 32], ephemeral: [u8; 32]) -> End {
    End {
        static_secret: hex(&secret),
        static_public: hex(&public(secret)),
        blake2s_of_public: hex(&Blake2s256::digest(public(secret))),
        ephemeral_secret: hex(&ephemeral),
        ephemeral_public: hex(&public(ephemeral)),
    }
}

/// Finds the ephemeral secret of an end with this seed. It comes from a generator of its own, which the end's generator seeded
/// after a few other draws.
fn ephemeral(seed: [u8; 32], its_public: &[u8]) -> [u8; 32] {
    let secret = |draws: usize| {
        let mut entropy = Entropy::new(seed);
        (0..draws).for_each(|_| drop(entropy.bytes::<4>().to_vec()));
        Entropy::new(entropy.bytes()).bytes::<32>()
    };
    (0..32).map(secret).find(|&secret| public(secret)[..] == *its_public).expect("it was drawn soon")
}

const CLIENT_ADDRESS: &str = "192.0.2.7:50000";

/// Lets our two ends talk in memory, with or without AES.
fn converse(has_aes: bool) -> Vec<DatagramVector> {
    let (client_address, server_address): (SocketAddr, SocketAddr) =
        (CLIENT_ADDRESS.parse().unwrap(), "192.0.2.1:9999".parse().unwrap());
    let key = StaticKey::from_secret(Zeroizing::new(SERVER_SECRET));
    let mut store = Memory::new(LogId(LOG));
    let config = Config { has_aes, ..Config::new(key, SERVER_SEED) };
    let mut room = Server::new(Instant::ZERO, config, 1, store.open());
    room.set_wall(AT);
    // In the third minute after the server's start.
    let mut now = Instant::from_millis(125_000);
    let key = StaticKey::from_secret(Zeroizing::new(CLIENT_SECRET));
    let identity = Identity { has_aes, ..Identity::new(key, Instance(INSTANCE), CLIENT_SEED) };
    let mut member = Member::new(now, server_address, "jill".parse().unwrap(), identity);
    let (mut datagrams, mut keys) = (Vec::new(), BTreeMap::new());
    let mut talk = |now: Instant, member: &mut Member| loop {
        let before = datagrams.len();
        while let Some(bytes) = member.poll_transmit().map(<[u8]>::to_vec) {
            member.transmitted(now);
            datagrams.push(vector("client", &bytes, &mut keys, |id| room.keys(id)));
            room.handle_datagram(now, Path { socket: SocketId(0), peer: client_address, local: None }, &bytes);
            room.handle_timeout(now);
        }
        loop {
            while room.shake_hands(now, false) {}
            udpchat::server::exchange(now, &mut room, &mut store, |_, _| {});
            let Some(transmits) = room.poll_transmit(SocketId(0)) else { break };
            let token = transmits.token();
            let batch: Vec<Vec<u8>> = transmits.map(|(_, bytes)| bytes.to_vec()).collect();
            room.transmitted(token, batch.len());
            for bytes in batch {
                datagrams.push(vector("server", &bytes, &mut keys, |id| member.keys(id)));
                member.handle_datagram(now, server_address, &bytes);
            }
        }
        while member.poll_event().is_some() {}
        if datagrams.len() == before {
            break;
        }
    };
    talk(now, &mut member);
    for (kind, text) in [(PostKind::Say, "hey"), (PostKind::Act, "waves"), (PostKind::Rename, "jane")] {
        now = now + Duration::from_millis(100);
        member.handle_timeout(now);
        member.post(now, kind, text);
        talk(now, &mut member);
    }
    member.ask(now);
    talk(now, &mut member);
    member.leave(now);
    talk(now, &mut member);
    datagrams
}

/// Makes the vectors.
fn make() -> Vectors {
    let (mut datagrams, mut aes) = (converse(false), converse(true));
    let noise = |what: &str, at: usize| {
        unhex(&datagrams.iter().find(|datagram| datagram.what == what).unwrap().bytes)[at..at + 32].to_vec()
    };
    let client_ephemeral = ephemeral(CLIENT_SEED, &noise("hello", 18));
    let server_ephemeral = ephemeral(SERVER_SEED, &noise("answer", 5));
    let token_secret = Entropy::new(SERVER_SEED).bytes::<32>();
    let token = unhex(&datagrams[1].bytes);
    add_payloads(&mut datagrams, &client_ephemeral, &server_ephemeral);
    add_payloads(&mut aes, &client_ephemeral, &server_ephemeral);
    Vectors {
        about: "udpchat session protocol, version 2 (docs/PROTOCOL.md 2); made by tests/memory/vectors.rs".into(),
        client: end(CLIENT_SECRET, client_ephemeral),
        server: end(SERVER_SECRET, server_ephemeral),
        token: TokenVector {
            server_secret: hex(&token_secret),
            slot: 2,
            client_address: CLIENT_ADDRESS.into(),
            token: hex(&token),
        },
        log: hex(&LOG),
        instance: hex(&INSTANCE),
        nick: "jill".into(),
        datagrams,
        aes,
        frames: every_frame(),
        letters: every_letter(),
        joins: every_join(),
    }
}

/// Returns each frame that a conversation without loss does not contain, and each form of the others.
#[allow(clippy::too_many_lines)] // a list
fn every_frame() -> Vec<Named> {
    let ack = |ranges: &[(u64, u64)]| {
        Frame::Ack(Ack { largest: 300, delay_us: 25_000, run: 2, ranges: ranges.iter().copied().collect() })
    };
    let have =
        |held: &[(u64, u64)]| Frame::Have(Have { next: Seq(128), take: 4096, held: held.iter().copied().collect() });
    let settled = |outcome| Frame::Settled { counter: 5, outcome };
    let post = |kind, body| Frame::Post { counter: 200, settled_below: 190, kind, body };
    let who = Who([0x77; 8]);
    let jane = Person { id: PersonId::Key(who), nick: "jane", print: Some(Fingerprint::of(who, [0x78; 8])) };
    let al = Person { id: PersonId::Text(300), nick: "al", print: None };
    let mut list = Vec::new();
    assert!(encode_person(&mut list, jane) && encode_person(&mut list, al));
    let mut items = Vec::new();
    let known = Known { key: [9; 32], role: Role::Operator, nick: "ann".into(), since: AT };
    assert!(encode_item(&mut items, PEOPLE_MAX, &Name::Known(who), &Record::Known(known)));
    let invitation =
        Invitation { by: "ann".into(), by_who: who, uses: 5, until: AT, nick: String::new(), is_op: false };
    assert!(encode_item(&mut items, PEOPLE_MAX, &Name::Token([8; 16]), &Record::Invitation(invitation)));
    let mut blocks = Vec::new();
    assert!(encode_item(&mut blocks, PEOPLE_MAX, &Name::Block(who, Who([0x88; 8])), &Record::Block("al".into())));
    let letter = Letter { to: [9; 32], nick: "jack", of: "jill", sealed: &[0xab; 112] }.encode();
    let found = |whom| {
        let is_key = whom == Whose::Key;
        let (nick, key) = if is_key { ("Jill", [9; 32]) } else { ("", [0; 32]) };
        Frame::Found(Found { name: "jill", whom, nick, key })
    };
    let watch_of = |what| Watch { seq: Seq(300), what };
    let listed = |items| Frame::Listed { after: None, state: ListState::End, items };
    let mute = Order { whom: "ann".into(), seconds: 600, why: "loud".into(), ..Order::new(Act::Mute) }.encode();
    let room = RoomInfo { role: 2, access: 1, topic: "tea", name: "chat.example:9999" };
    let welcome = Welcome { log: LogId(LOG), start: Seq(7), end: Seq(300), remembers: false };
    let all = [
        ("ack, nothing missing", ack(&[])),
        ("ack, 3 missing below 298, 1 received, 2 missing, 4 received", ack(&[(3, 1), (2, 4)])),
        ("ping", Frame::Ping { stamp: 1 << 40 }),
        ("pong", Frame::Pong { stamp: 1 << 40 }),
        ("challenge", Frame::Challenge([1, 2, 3, 4, 5, 6, 7, 8])),
        ("response", Frame::Response([1, 2, 3, 4, 5, 6, 7, 8])),
        ("bye, the server ends", Frame::Bye(CloseReason::ServerEnds)),
        ("bye, a reason that nobody knows", Frame::Bye(CloseReason::Other(200))),
        (
            "welcome, of a log that may have forgotten posts",
            Frame::Welcome { welcome, nick: "jane", software: "x", room },
        ),
        ("gap, gone", Frame::Gap { first: Seq(300), count: 128, why: GapReason::Gone }),
        ("gap, cannot be read", Frame::Gap { first: Seq(300), count: 1, why: GapReason::Unreadable }),
        ("have, nothing held", have(&[])),
        ("have, 1 missing, 2 held, 3 missing, 4 held", have(&[(1, 2), (3, 4)])),
        ("post, said", post(PostKind::Say, b"hey")),
        ("post, done", post(PostKind::Act, b"waves")),
        ("post, rename", post(PostKind::Rename, b"jane")),
        ("post, release", post(PostKind::Release, b"jane")),
        ("post, order to mute ann for ten minutes", post(PostKind::Order, mute.as_bytes())),
        ("settled, entry 300", settled(Outcome::Accepted(Seq(300)))),
        ("settled, refused: full", settled(Outcome::Refused(Refusal::Full))),
        ("settled, refused: the kind is not known", settled(Outcome::Refused(Refusal::Unsupported))),
        ("settled, refused: a reason that nobody knows", settled(Outcome::Refused(Refusal::Other(99)))),
        ("ask, from the beginning", Frame::Ask { after: None }),
        ("ask, behind a key", Frame::Ask { after: Some(PersonId::Key(who)) }),
        ("ask, behind a text member", Frame::Ask { after: Some(PersonId::Text(300)) }),
        ("settled, refused: the nick is not the author's", settled(Outcome::Refused(Refusal::NotHeld))),
        ("held, since a time", Frame::Held(HeldNick { nick: "jane", who, since: AT })),
        ("barred, by ann until a time", Frame::Barred(Barred { until: AT, by: "ann", why: "spam" })),
        ("list, from the beginning", Frame::List { after: None }),
        ("list, behind a known key", Frame::List { after: Some(Name::Known(who)) }),
        ("listed, a known key and an invitation", listed(&items)),
        ("settled, refused: no right", settled(Outcome::Refused(Refusal::NoRight))),
        ("post, private", post(PostKind::Private, &letter)),
        ("find, a nick", Frame::Find { name: "jill" }),
        ("found, a key", found(Whose::Key)),
        ("found, a text member", found(Whose::Text)),
        ("list, behind what is blocked", Frame::List { after: Some(Name::Block(who, Who([0; 8]))) }),
        ("listed, what is blocked", listed(&blocks)),
        ("settled, refused: blocked", settled(Outcome::Refused(Refusal::Blocked))),
        ("fetch, 128 before 300", Frame::Fetch(Fetch { id: 5, spot: Spot::Before(Seq(300)), count: 128 })),
        ("fetch, 10 around 300", Frame::Fetch(Fetch { id: 6, spot: Spot::Around(Seq(300)), count: 10 })),
        ("page", Frame::Page(Page { id: 5, from: Seq(172), to: Seq(300), oldest: Seq(150) })),
        ("read, everything before 300", Frame::Read { before: Seq(300) }),
        ("end", Frame::End { end: Seq(4000) }),
        ("skip, everything before 4000", Frame::Skip { to: Seq(4000) }),
        ("gap, skipped", Frame::Gap { first: Seq(300), count: 3700, why: GapReason::Skipped }),
        ("watch, how many", Frame::Watch(Watch { seq: Seq(300), what: Watched::Count })),
        ("watch, a key", Frame::Watch(watch_of(Watched::Key(who)))),
        ("received, by one of three", Frame::Received(Receipt::new(watch_of(Watched::Names), (1, 3), &[0x77; 8]))),
        ("received, by a key", Frame::Received(Receipt::new(watch_of(Watched::Key(who)), (1, 1), &[]))),
        ("received, not the author's", Frame::Received(Receipt::new(watch_of(Watched::Nothing), (0, 0), &[]))),
        ("gap, without effect", Frame::Gap { first: Seq(300), count: 1, why: GapReason::Void }),
        ("people, behind a key, with more", Frame::People(People::new(Some(PersonId::Key(who)), true, &list))),
    ];
    all.iter().map(|(what, frame)| named(what, frame)).collect()
}

/// Makes private messages, of each kind and at the limits.
fn every_letter() -> Vec<LetterVector> {
    let secret = |secret| StaticKey::from_secret(Zeroizing::new(secret));
    let (author, recipient) = (secret(CLIENT_SECRET), secret(SERVER_SECRET));
    let longest = "x".repeat(PRIVATE_MAX);
    let all = [
        ("said", 0, false, "hey"),
        ("done, by send --id", 1, true, "waves"),
        ("the longest", u32::MAX, false, &*longest),
    ];
    let letters = all.into_iter().zip(7_u64..).map(|((what, number, is_act, text), counter)| {
        let post = PostId { instance: Instance(INSTANCE), counter };
        let (nick, of) = ("jack", "jill");
        let envelope = Envelope { log: LogId(LOG), from: author.public(), to: recipient.public(), nick, of, post };
        let letter = letter::Letter { number, is_counted: !is_act, is_act, text: text.to_owned() };
        let sealed = envelope.seal(&author, &mut Entropy::new(CLIENT_SEED), &letter).unwrap();
        let (who, to) = (author.public().who(), recipient.public().who());
        let entry = Entry::Private { who, to, nick, of, post, sealed: &sealed };
        let mut bytes = [0; ENTRY_MAX];
        let len = entry.encode_with_tail(AT, &Tail::Author(author.public().0), &mut bytes).unwrap();
        // By hand, as the protocol says.
        let mut prologue = b"udpchat private message 1".to_vec();
        prologue.extend([&LOG[..], &public(CLIENT_SECRET), &public(SERVER_SECRET), &INSTANCE].concat());
        prologue.extend(counter.to_be_bytes());
        prologue.extend(b"\0\0\0\x04jack\0\0\0\x04jill");
        let head = u64::from(number) << 2 | u64::from(is_act) << 1 | u64::from(is_act);
        let mut plaintext = postcard::to_slice(&head, &mut [0; 10]).unwrap().to_vec();
        plaintext.extend(text.as_bytes());
        plaintext.push(0x80);
        plaintext.resize(if plaintext.len() <= 64 { 64 } else { 964 }, 0);
        let [prologue, plaintext, entry] = [&prologue[..], &plaintext, &bytes[..len]].map(hex);
        LetterVector { what: what.into(), prologue, plaintext, entry }
    });
    letters.collect()
}

fn named(what: &str, frame: &Frame<'_>) -> Named {
    let mut writer = Writer::default();
    assert!(writer.frame(frame));
    Named { what: what.into(), bytes: hex(writer.plain()) }
}

fn every_join() -> Vec<Named> {
    let join = |what: &str, place, history| {
        let token = if what == "with an invitation" { [7; 16] } else { [0; 16] };
        let uncounted = what == "without receipts";
        let (instance, cipher) = (Instance(INSTANCE), u32::from(what == "with AES"));
        let join = Join { instance, nick: "jill", present: true, place, history, token, uncounted, cipher };
        let mut payload = [0; 128];
        Named { what: what.into(), bytes: hex(postcard::to_slice(&join, &mut payload).unwrap()) }
    };
    vec![
        join("without a place, nothing of what was before", None, History::NONE),
        join("without a place, the last 50 messages", None, History::Last(50)),
        join("without a place, all of it", None, History::ALL),
        join("without a place, of the last hour", None, History::Within(3600)),
        join("with an invitation", None, History::NONE),
        join("without receipts", None, History::NONE),
        join("with AES", None, History::NONE),
        join("with a place, next wanted 300", Some((LogId(LOG), Seq(300))), History::Last(50)),
    ]
}

/// Adds the plaintexts of the handshake's payloads, which only its two ends can decrypt.
fn add_payloads(datagrams: &mut [DatagramVector], client_ephemeral: &[u8; 32], server_ephemeral: &[u8; 32]) {
    let bytes = |datagrams: &[DatagramVector], what: &str| {
        unhex(&datagrams.iter().find(|datagram| datagram.what == what).unwrap().bytes)
    };
    let (hello, answer, finish) = (bytes(datagrams, "hello"), bytes(datagrams, "answer"), bytes(datagrams, "finish"));
    let end = |secret: &[u8], ephemeral: &[u8; 32], is_client| {
        let builder = Builder::with_resolver("Noise_XX_25519_ChaChaPoly_BLAKE2s".parse().unwrap(), Box::new(Others));
        let builder = builder.prologue(&hello[..18]).unwrap().local_private_key(secret).unwrap();
        let builder = builder.fixed_ephemeral_key_for_testing_only(ephemeral);
        if is_client { builder.build_initiator().unwrap() } else { builder.build_responder().unwrap() }
    };
    let mut client = end(&CLIENT_SECRET, client_ephemeral, true);
    let mut server = end(&SERVER_SECRET, server_ephemeral, false);
    let (mut message, mut payload) = ([0; 1200], [0; 1200]);
    client.write_message(&[], &mut message).unwrap();
    server.read_message(&hello[18..50], &mut payload).unwrap();
    let len = client.read_message(&answer[5..], &mut payload).unwrap();
    let id = payload[..len].to_vec();
    server.write_message(&id, &mut message).unwrap();
    let len = server.read_message(&finish[5..], &mut payload).unwrap();
    for datagram in datagrams {
        match datagram.what.as_str() {
            "hello" => datagram.plaintext = Some(String::new()),
            "answer" => datagram.plaintext = Some(hex(&id)),
            "finish" => datagram.plaintext = Some(hex(&payload[..len])),
            _ => {}
        }
    }
}

fn vector(
    from: &str,
    bytes: &[u8],
    keys: &mut BTreeMap<SessionId, Transport>,
    receivers: impl Fn(SessionId) -> Option<Transport>,
) -> DatagramVector {
    let what = match bytes[0] {
        0x06 => "token",
        0xf8 => "hello",
        0xf9 => "answer",
        0xfa => "finish",
        0xfb => "packet",
        0xfc => "unknown",
        0xfe => "knock",
        _ => "probe",
    };
    let plaintext = match packet::parse(bytes) {
        Some(Datagram::Packet { receiver, number, sealed }) => {
            keys.extend(receivers(receiver).map(|of_receiver| (receiver, of_receiver)));
            keys[&receiver].open(number, sealed, &mut [0; DATAGRAM_MAX]).map(hex)
        }
        _ => None,
    };
    DatagramVector { from: from.into(), what: what.into(), bytes: hex(bytes), plaintext }
}

fn path() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/session.json")
}

fn vectors() -> Vectors {
    serde_json::from_str(&std::fs::read_to_string(path()).unwrap()).unwrap()
}

#[test]
fn our_two_ends_say_what_the_vectors_say() {
    let mut made = make();
    if std::env::var_os("UDPCHAT_WRITE_VECTORS").is_some() {
        std::fs::create_dir_all(path().parent().unwrap()).unwrap();
        std::fs::write(path(), serde_json::to_string_pretty(&made).unwrap() + "\n").unwrap();
    }
    let mut kept = vectors();
    // The program that *welcome* names changes with each of our versions, and so does everything after it in that packet.
    let is_welcome =
        |datagram: &DatagramVector| datagram.plaintext.as_deref().is_some_and(|plain| plain.contains(&hex(b"udpchat")));
    assert!(kept.datagrams.iter().any(is_welcome) && made.datagrams.iter().any(is_welcome));
    for datagrams in [&mut kept.datagrams, &mut made.datagrams, &mut kept.aes, &mut made.aes] {
        datagrams.retain(|datagram| !is_welcome(datagram));
    }
    assert_eq!(made, kept);
}

#[test]
fn keys_and_the_token_are_what_the_protocol_says() {
    let vectors = vectors();
    let token = &vectors.token;
    let address: SocketAddr = token.client_address.parse().unwrap();
    let SocketAddr::V4(v4) = address else { panic!("{address}") };
    let mut mac = Blake2sMac256::new_from_slice(&unhex(&token.server_secret)).unwrap();
    mac.update(&token.slot.to_be_bytes());
    mac.update(&v4.ip().to_ipv6_mapped().octets());
    mac.update(&v4.port().to_be_bytes());
    let mac = mac.finalize().into_bytes();
    // 66 bits as 11 characters of 6 bits, by hand.
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bit = |at: usize| mac[at / 8] >> (7 - at % 8) & 1;
    let digit = |at: usize| (0..6).fold(0, |value, bit_at| value << 1 | usize::from(bit(6 * at + bit_at)));
    let expected: Vec<u8> = std::iter::once(0x06).chain((0..11).map(|at| alphabet[digit(at)])).collect();
    assert_eq!(token.token, hex(&expected));
    assert_eq!(vectors.datagrams[0].bytes, hex(b"SIGNUP_TAG:jill\x06"));
    assert_eq!(vectors.datagrams[1].bytes, token.token);
    for end in [&vectors.client, &vectors.server] {
        assert_eq!(end.blake2s_of_public, hex(&Blake2s256::digest(unhex(&end.static_public))));
    }
}

#[test]
fn private_messages_open_with_the_recipients_key_and_the_prologue_that_the_protocol_says() {
    let vectors = vectors();
    for letter in &vectors.letters {
        let entry = unhex(&letter.entry);
        // Variant, two short names, two nicks, the post; then the length of what is sealed.
        let start = 1 + 16 + 5 + 5 + 8 + 1;
        let (sealed, rest) = postcard::take_from_bytes::<&[u8]>(&entry[start..]).unwrap();
        let (_, author) = postcard::take_from_bytes::<u64>(rest).unwrap();
        assert_eq!(hex(author), vectors.client.static_public, "behind the time");
        let builder = Builder::with_resolver("Noise_K_25519_ChaChaPoly_BLAKE2s".parse().unwrap(), Box::new(Others));
        let (secret, prologue) = (unhex(&vectors.server.static_secret), unhex(&letter.prologue));
        let builder = builder.prologue(&prologue).unwrap().local_private_key(&secret).unwrap();
        let mut recipient = builder.remote_public_key(author).unwrap().build_responder().unwrap();
        let mut plaintext = [0; 1200];
        let len = recipient.read_message(sealed, &mut plaintext).unwrap();
        assert_eq!(hex(&plaintext[..len]), letter.plaintext, "{}", letter.what);
    }
}

/// snow's own cryptography without a random generator, so that nothing is left to chance.
struct Others;

struct NoRandom;

impl Random for NoRandom {
    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), snow::Error> {
        Err(snow::Error::Rng)
    }
}

impl CryptoResolver for Others {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(NoRandom))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        DefaultResolver.resolve_dh(choice)
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        DefaultResolver.resolve_cipher(choice)
    }
}

/// Shakes hands as the vectors say, by snow with its own cryptography. Returns the two ends, and the cipher that the client takes.
fn shake_hands(vectors: &Vectors, datagrams: &[DatagramVector]) -> (HandshakeState, HandshakeState, u32) {
    let datagram = |what: &str| datagrams.iter().find(|datagram| datagram.what == what).unwrap();
    let [hello, answer, finish] = ["hello", "answer", "finish"].map(|what| unhex(&datagram(what).bytes));
    assert_eq!((hello.len(), &hello[..2], hex(&hello[6..18])), (1200, &[0xf8, 2][..], vectors.token.token.clone()));
    assert!(hello[50..].iter().all(|&byte| byte == 0));
    let end = |end: &End, is_client| {
        let (secret, ephemeral) = (unhex(&end.static_secret), unhex(&end.ephemeral_secret));
        let builder = Builder::with_resolver("Noise_XX_25519_ChaChaPoly_BLAKE2s".parse().unwrap(), Box::new(Others));
        let builder = builder.prologue(&hello[..18]).unwrap().local_private_key(&secret).unwrap();
        let builder = builder.fixed_ephemeral_key_for_testing_only(&ephemeral);
        if is_client { builder.build_initiator().unwrap() } else { builder.build_responder().unwrap() }
    };
    let (mut client, mut server) = (end(&vectors.client, true), end(&vectors.server, false));
    let (mut message, mut payload) = ([0; 1200], [0; 1200]);
    let len = client.write_message(&[], &mut message).unwrap();
    assert_eq!(message[..len], hello[18..50]);
    server.read_message(&hello[18..50], &mut payload).unwrap();
    // The answer: the client's id, then the Noise message, whose payload is the server's id and its ciphers.
    assert_eq!(answer[1..5], hello[2..6]);
    let len = client.read_message(&answer[5..], &mut payload).unwrap();
    let (id, ciphers): (u32, u32) = postcard::from_bytes(&payload[..len]).unwrap();
    assert_eq!(id.to_be_bytes(), finish[1..5]);
    let said = payload[..len].to_vec();
    assert_eq!(datagram("answer").plaintext, Some(hex(&said)));
    let len = server.write_message(&said, &mut message).unwrap();
    assert_eq!(message[..len], answer[5..]);
    let len = server.read_message(&finish[5..], &mut payload).unwrap();
    type Join<'a> = ([u8; 8], &'a str, bool, Option<([u8; 16], u64)>, u32, u64, [u8; 16], bool, u32);
    let join: Join<'_> = postcard::from_bytes(&payload[..len]).unwrap();
    let cipher = join.8;
    assert_eq!(cipher, ciphers, "what is offered is taken");
    let instance = unhex(&vectors.instance).try_into().unwrap();
    assert_eq!(join, (instance, "jill", true, None, 0, 0, [0; 16], false, cipher));
    let said = payload[..len].to_vec();
    assert_eq!(datagram("hello").plaintext, Some(String::new()));
    assert_eq!(datagram("finish").plaintext, Some(hex(&said)));
    let len = client.write_message(&said, &mut message).unwrap();
    assert_eq!(message[..len], finish[5..]);
    (client, server, cipher)
}

/// Returns the packets: whether the client sent it, its number, what is sealed, and the plaintext.
fn packets(datagrams: &[DatagramVector]) -> Vec<(bool, u64, Vec<u8>, Vec<u8>)> {
    let packets = datagrams.iter().filter(|datagram| datagram.what == "packet");
    let packets = packets.map(|datagram| {
        let bytes = unhex(&datagram.bytes);
        let number = u64::from_be_bytes(bytes[5..13].try_into().unwrap());
        let plain = unhex(datagram.plaintext.as_ref().unwrap());
        (datagram.from == "client", number, bytes[13..].to_vec(), plain)
    });
    packets.collect()
}

#[test]
fn another_implementation_of_noise_reads_and_says_the_same() {
    let vectors = vectors();
    let (client, server, cipher) = shake_hands(&vectors, &vectors.datagrams);
    assert_eq!(cipher, 0);
    let (client, server) =
        (client.into_stateless_transport_mode().unwrap(), server.into_stateless_transport_mode().unwrap());
    let (mut message, mut payload) = ([0; 1200], [0; 1200]);
    let packets = packets(&vectors.datagrams);
    assert!(packets.len() > 6, "{} packets", packets.len());
    for (is_clients, number, sealed, plain) in packets {
        let (reader, writer) = if is_clients { (&server, &client) } else { (&client, &server) };
        let len = reader.read_message(number, &sealed, &mut payload).unwrap();
        assert_eq!(payload[..len], plain);
        let len = writer.write_message(number, &plain, &mut message).unwrap();
        assert_eq!(message[..len], sealed);
    }
}

#[test]
fn with_aes_the_keys_follow_from_the_same_handshake_as_the_protocol_says() {
    use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    use ring::hmac::{HMAC_SHA256, Key, sign};

    let vectors = vectors();
    let (mut client, _, cipher) = shake_hands(&vectors, &vectors.aes);
    assert_eq!(cipher, 1);
    let (up, down) = client.dangerously_get_raw_split();
    // HKDF-SHA-256 by hand (RFC 5869 2), without a salt; one block is enough.
    let derive = |split: [u8; 32]| {
        let secret = sign(&Key::new(HMAC_SHA256, &[0; 32]), &split);
        let block = sign(&Key::new(HMAC_SHA256, secret.as_ref()), b"udpchat 2 AES-256-GCM\x01");
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, block.as_ref()).unwrap())
    };
    let (up, down) = (derive(up), derive(down));
    for (is_clients, number, sealed, plain) in packets(&vectors.aes) {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&number.to_be_bytes());
        let key = if is_clients { &up } else { &down };
        let mut bytes = sealed;
        let opened = key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut bytes).unwrap();
        assert_eq!(opened, plain);
    }
    let plains = |datagrams| packets(datagrams).into_iter().map(|(_, _, _, plain)| plain).collect::<Vec<_>>();
    assert_eq!(plains(&vectors.aes), plains(&vectors.datagrams), "only the cipher differs");
}

#[test]
fn frames_and_entries_are_laid_out_as_the_protocol_says() {
    let vectors = vectors();
    let packets = vectors.datagrams.iter().filter(|datagram| datagram.what == "packet");
    let plains: Vec<Vec<u8>> = packets.filter_map(|datagram| datagram.plaintext.as_deref()).map(unhex).collect();
    let frames = |plain: &[u8]| {
        let (mut frames, mut rest) = (Vec::new(), plain.to_vec());
        while let Some((&kind, after)) = rest.split_first() {
            let after = after.to_vec();
            if kind == 0 {
                rest = after;
                continue;
            }
            let len = usize::from(u16::from_be_bytes([after[0], after[1]]));
            frames.push((kind, after[2..2 + len].to_vec()));
            rest = after[2 + len..].to_vec();
        }
        frames
    };
    let all: Vec<(u8, Vec<u8>)> = plains.iter().flat_map(|plain| frames(plain)).collect();
    let of = |kind: u8| all.iter().filter(|frame| frame.0 == kind).map(|(_, body)| body.clone()).collect::<Vec<_>>();
    type Welcome<'a> = ([u8; 16], u64, u64, bool, &'a str, &'a str);
    let welcome = of(0x10);
    let welcome: Welcome<'_> = postcard::from_bytes(&welcome[0]).unwrap();
    let said = (welcome.0.to_vec(), welcome.1, welcome.2, welcome.3, welcome.4);
    assert_eq!(said, (unhex(&vectors.log), 0, 0, true, "jill"));
    assert_eq!(
        of(0x14),
        [b"\0\0\0\x03hey".to_vec(), b"\x01\x01\x01\x05waves".to_vec(), b"\x02\x02\x02\x04jane".to_vec()]
    );
    assert_eq!(of(0x15), [[0, 0, 1], [1, 0, 2], [2, 0, 3]]);
    let hash = unhex(&vectors.client.blake2s_of_public);
    let (who, rest) = (hash[..8].to_vec(), &hash[8..16]);
    // As a varint: seven bits a byte, the low bits first.
    let time = [0xfb, 0xd0, 0x95, 0xff, 0xbc, 0x31];
    assert_eq!(time.iter().rev().fold(0, |sum, byte| sum << 7 | u64::from(byte & 0x7f)), AT.0);
    // Behind the time of a nick's first use: the key, the version of Unicode, the two skeletons, the second the same.
    let claim = |skeleton: &[u8]| {
        let tables = u8::try_from(TABLES).unwrap();
        [&unhex(&vectors.client.static_public)[..], &[tables, 4], skeleton, &[0]].concat()
    };
    let entry = |number: u8, variant: u8, rest: &[u8], claim: &[u8]| {
        let entry = [&[variant], &who[..], rest, &time[..], claim].concat();
        [&[number, u8::try_from(entry.len()).unwrap()], &entry[..]].concat()
    };
    let entries = of(0x11);
    assert_eq!(entries[0], entry(0, 2, b"\x04jill", &claim(b"jill")));
    assert_eq!(entries[1], entry(1, 1, b"\x04jill\x03hey", &[]));
    assert_eq!(entries[2], entry(2, 4, b"\x04jill\x05waves", &[]));
    assert_eq!(entries[3], entry(3, 5, b"\x04jill\x04jane", &claim(b"jane")));
    assert_eq!(of(0x16), [[0]]);
    // From the beginning, no more to come; then each person with its length: nick, variant 0 for a key, *who*, the rest of the fingerprint.
    assert_eq!(of(0x17), [[&[0, 0, 22], &b"\x04jane"[..], &[0], &who[..], rest].concat()]);
    assert_eq!(of(0x06).last(), Some(&vec![0]));
}

/// Reads a varint; returns it and the remaining bytes.
fn varint(bytes: &[u8]) -> (u64, &[u8]) {
    let len = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let number = bytes[..len].iter().rev().fold(0, |number, byte| number << 7 | u64::from(byte & 0x7f));
    (number, &bytes[len..])
}

/// Reads `count` varints; returns them and the remaining bytes.
fn varints(bytes: &[u8], count: usize) -> (Vec<u64>, &[u8]) {
    let (mut numbers, mut rest) = (Vec::new(), bytes);
    for _ in 0..count {
        let (number, behind) = varint(rest);
        numbers.push(number);
        rest = behind;
    }
    (numbers, rest)
}

#[test]
fn frames_and_joins_by_themselves_read_as_the_protocol_says() {
    let vectors = vectors();
    let frame = |what: &str| {
        let bytes = unhex(&vectors.frames.iter().find(|frame| frame.what == what).unwrap().bytes);
        assert_eq!(usize::from(u16::from_be_bytes([bytes[1], bytes[2]])), bytes.len() - 3, "{what}");
        (bytes[0], bytes[3..].to_vec())
    };
    let numbers = |what: &str, kind: u8, expected: &[u64]| {
        let (of_kind, body) = frame(what);
        let (numbers, rest) = varints(&body, expected.len());
        assert_eq!((of_kind, numbers.as_slice(), rest), (kind, expected, &[][..]), "{what}");
    };
    numbers("ack, nothing missing", 1, &[300, 25_000, 2, 0]);
    numbers("ack, 3 missing below 298, 1 received, 2 missing, 4 received", 1, &[300, 25_000, 2, 2, 3, 1, 2, 4]);
    numbers("ping", 2, &[1 << 40]);
    numbers("pong", 3, &[1 << 40]);
    assert_eq!(frame("challenge"), (4, (1..=8).collect()));
    assert_eq!(frame("response"), (5, (1..=8).collect()));
    numbers("bye, the server ends", 6, &[6]);
    numbers("bye, a reason that nobody knows", 6, &[200]);
    // Then what the client may do, whether the room is closed, its topic, and where it is.
    let room = [&[2, 1], &b"\x03tea\x11chat.example:9999"[..]].concat();
    let welcome = [&LOG[..], &[7, 0xac, 0x02, 0], b"\x04jane\x01x", &room].concat();
    assert_eq!(frame("welcome, of a log that may have forgotten posts"), (0x10, welcome));
    numbers("gap, gone", 0x12, &[300, 128, 0]);
    numbers("gap, cannot be read", 0x12, &[300, 1, 1]);
    numbers("have, nothing held", 0x13, &[128, 4096, 0]);
    numbers("have, 1 missing, 2 held, 3 missing, 4 held", 0x13, &[128, 4096, 2, 1, 2, 3, 4]);
    numbers("gap, without effect", 0x12, &[300, 1, 5]);
    numbers("settled, refused: no right", 0x15, &[5, 1, 10]);
    // An order: the act, whom, seconds, number, token, whether for an operator, why; with tabs between them.
    let mute = ("post, order to mute ann for ten minutes", 4, "2\tann\t600\t0\t\t0\tloud");
    for (what, kind, text) in [("post, said", 0, "hey"), ("post, done", 1, "waves"), ("post, rename", 2, "jane"), mute]
    {
        let (of_kind, body) = frame(what);
        let (numbers, rest) = varints(&body, 4);
        assert_eq!((of_kind, numbers, rest), (0x14, vec![200, 190, kind, text.len() as u64], text.as_bytes()));
    }
    numbers("settled, entry 300", 0x15, &[5, 0, 300]);
    numbers("settled, refused: full", 0x15, &[5, 1, 0]);
    numbers("settled, refused: the kind is not known", 0x15, &[5, 1, 7]);
    numbers("settled, refused: a reason that nobody knows", 0x15, &[5, 1, 99]);
    numbers("ask, from the beginning", 0x16, &[0]);
    assert_eq!(frame("ask, behind a key"), (0x16, [&[1, 0][..], &[0x77; 8]].concat()));
    numbers("ask, behind a text member", 0x16, &[1, 1, 300]);
    let (jane, al) = ([b"\x04jane\0", &[0x77; 8][..], &[0x78; 8]].concat(), b"\x02al\x01\xac\x02".to_vec());
    let people = [&[1, 0][..], &[0x77; 8], &[1, 22], &jane, &[6], &al].concat();
    assert_eq!(frame("people, behind a key, with more"), (0x17, people));

    let at = [0xfb, 0xd0, 0x95, 0xff, 0xbc, 0x31];
    assert_eq!(frame("barred, by ann until a time"), (0x19, [&at[..], b"\x03ann\x04spam"].concat()));
    numbers("list, from the beginning", 0x1a, &[0]);
    assert_eq!(frame("list, behind a known key"), (0x1a, [&[1, 1][..], &[0x77; 8]].concat()));
    // From the beginning, nothing more to come; then each item with its length: variant of the name, variant of the record.
    let known = [&[1][..], &[0x77; 8], &[1], &[9; 32], &[2], b"\x03ann", &at].concat();
    let invitation = [&[4][..], &[8; 16], &[3], b"\x03ann", &[0x77; 8], &[5], &at, &[0, 0]].concat();
    let len = |item: &[u8]| vec![u8::try_from(item.len()).unwrap()];
    let listed = [vec![0, 0], len(&known), known, len(&invitation), invitation].concat();
    assert_eq!(frame("listed, a known key and an invitation"), (0x1b, listed));

    let head = [&INSTANCE[..], b"\x04jill\x01"].concat();
    let place = [&[1][..], &LOG, &[0xac, 0x02]].concat();
    let all = [&[0, 0][..], &[0xff; 9], &[1]].concat();
    let place = [&place[..], &[0, 50]].concat();
    let none = &[0, 0, 0][..];
    let joins = [none, &[0, 0, 50], &all, &[0, 1, 0x90, 0x1c], none, none, none, &place];
    assert_eq!(vectors.joins.len(), joins.len());
    for (join, expected) in vectors.joins.iter().zip(joins) {
        let token = if join.what == "with an invitation" { [7; 16] } else { [0; 16] };
        let (uncounted, cipher) = (u8::from(join.what == "without receipts"), u8::from(join.what == "with AES"));
        assert_eq!(unhex(&join.bytes), [&head[..], expected, &token, &[uncounted, cipher]].concat(), "{}", join.what);
    }
}
