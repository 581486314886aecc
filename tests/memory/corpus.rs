//! Replays the fuzzers' corpus on stable Rust, and checks that it reaches every frame's decoder.
//!
//! `UDPCHAT_WRITE_CORPUS=1 cargo test --test memory corpus::` writes the part of it that is generated here. Fuzzers' findings
//! are added beside it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // tests are allowed to

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use udpchat::fuzzing;
use udpchat::web::token::Token;
use udpchat::wire::entry::{Act, Entry};
use udpchat::wire::frame::{
    Ack, Barred, Fetch, Found, Frame, GapReason, Have, Letter, ListState, Outcome, PEOPLE_MAX, Page, People, Person,
    PersonId, PostKind, Receipt, RoomInfo, Spot, Watch, Watched, Welcome, Whose, Writer, encode_person, frames,
};
use udpchat::wire::order::Order;
use udpchat::wire::packet;
use udpchat::wire::record::{Name, Record, Settings, encode_item};
use udpchat::wire::{CloseReason, Fingerprint, LogId, Refusal, Seq, SessionId, Timestamp, Who};

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target)
}

fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(folder(target)).unwrap().map(|file| file.unwrap().path());
    files.map(|path| (path.display().to_string(), std::fs::read(&path).unwrap())).collect()
}

fn plain(frames: &[Frame<'_>]) -> Vec<u8> {
    let mut writer = Writer::default();
    assert!(frames.iter().all(|frame| writer.frame(frame)));
    writer.plain().to_vec()
}

fn entries() -> Vec<u8> {
    entries_from(Seq(5))
}

fn entries_from(first: Seq) -> Vec<u8> {
    let who = Who([5; 8]);
    let all = [
        Entry::Line { text: "jack: hi" },
        Entry::Said { who, nick: "jill", text: "hey" },
        Entry::Joined { who, nick: "jill" },
        Entry::Left { who, nick: "jill", why: CloseReason::TimedOut },
        Entry::Did { who, nick: "jill", text: "waves" },
        Entry::Renamed { who, nick: "jill", to: "jane" },
    ];
    let mut framed = Vec::new();
    for entry in all {
        let mut bytes = [0; 64];
        let len = entry.encode(Timestamp(7), &mut bytes).unwrap();
        framed.push(u8::try_from(len).unwrap());
        framed.extend_from_slice(&bytes[..len]);
    }
    let mut writer = Writer::default();
    assert!(writer.entries(first, &framed));
    writer.plain().to_vec()
}

fn people() -> Vec<u8> {
    let print = Fingerprint::of(Who([5; 8]), [6; 8]);
    let jill = Person { id: PersonId::Key(Who([5; 8])), nick: "jill", print: Some(print) };
    let al = Person { id: PersonId::Text(7), nick: "al", print: None };
    let mut people = Vec::new();
    assert!(encode_person(&mut people, jill) && encode_person(&mut people, al));
    people
}

/// Returns at least one plaintext for each kind of frame.
fn plains() -> Vec<(&'static str, Vec<u8>)> {
    let ack = Ack { largest: 9, delay_us: 5, run: 1, ranges: [(2, 3)].into_iter().collect() };
    let mut records = Vec::new();
    assert!(encode_item(&mut records, PEOPLE_MAX, &Name::Settings, &Record::Settings(Settings::default())));
    let have = Have { next: Seq(5), take: 100, held: [(1, 2)].into_iter().collect() };
    let letter = Letter { to: [9; 32], nick: "jill", of: "jack", sealed: &[7; 112] }.encode();
    let people = people();
    vec![
        ("ack", plain(&[Frame::Ack(ack)])),
        ("ping", plain(&[Frame::Ping { stamp: 1 }])),
        ("pong", plain(&[Frame::Pong { stamp: 1 }])),
        ("challenge", plain(&[Frame::Challenge([1; 8])])),
        ("response", plain(&[Frame::Response([1; 8])])),
        ("bye", plain(&[Frame::Bye(CloseReason::Left)])),
        (
            "welcome",
            plain(&[Frame::Welcome {
                nick: "jill",
                welcome: Welcome { log: LogId([1; 16]), start: Seq(0), end: Seq(5), remembers: true },
                software: "udpchat",
                room: RoomInfo { role: 2, access: 1, topic: "tea", name: "chat.example:9999" },
            }]),
        ),
        ("entries", entries()),
        ("gap", plain(&[Frame::Gap { first: Seq(5), count: 3, why: GapReason::Gone }])),
        ("have", plain(&[Frame::Have(have)])),
        ("post", plain(&[Frame::Post { counter: 0, settled_below: 0, kind: PostKind::Say, body: b"hey" }])),
        (
            "last-post",
            plain(&[Frame::Post { counter: u64::MAX, settled_below: u64::MAX, kind: PostKind::Say, body: b"hey" }]),
        ),
        ("rename", plain(&[Frame::Post { counter: 0, settled_below: 0, kind: PostKind::Rename, body: b"jane" }])),
        (
            "order",
            plain(&[Frame::Post {
                counter: 0,
                settled_below: 0,
                kind: PostKind::Order,
                body: Order { whom: "ann".into(), seconds: 600, why: "loud".into(), ..Order::new(Act::Mute) }
                    .encode()
                    .as_bytes(),
            }]),
        ),
        ("private", plain(&[Frame::Post { counter: 0, settled_below: 0, kind: PostKind::Private, body: &letter }])),
        ("find", plain(&[Frame::Find { name: "jill" }])),
        ("found", plain(&[Frame::Found(Found { name: "jill", whom: Whose::Key, nick: "jill", key: [9; 32] })])),
        ("fetch", plain(&[Frame::Fetch(Fetch { id: 1, spot: Spot::Around(Seq(300)), count: 128 })])),
        ("page", plain(&[Frame::Page(Page { id: 1, from: Seq(172), to: Seq(300), oldest: Seq(0) })])),
        ("read", plain(&[Frame::Read { before: Seq(300) }])),
        ("end", plain(&[Frame::End { end: Seq(300) }])),
        ("skip", plain(&[Frame::Skip { to: Seq(300) }])),
        ("watch", plain(&[Frame::Watch(Watch { seq: Seq(300), what: Watched::Key(Who([5; 8])) })])),
        (
            "received",
            plain(&[Frame::Received(Receipt::new(Watch { seq: Seq(1), what: Watched::Names }, (1, 2), &[5; 8]))]),
        ),
        ("barred", plain(&[Frame::Barred(Barred { until: Timestamp::NEVER, by: "ann", why: "spam" })])),
        ("list", plain(&[Frame::List { after: Some(Name::Token([7; 16])) }])),
        ("listed", plain(&[Frame::Listed { after: None, state: ListState::More, items: &records }])),
        ("ask", plain(&[Frame::Ask { after: Some(PersonId::Key(Who([5; 8]))) }])),
        ("ask-text", plain(&[Frame::Ask { after: Some(PersonId::Text(u32::MAX)) }])),
        ("people", plain(&[Frame::People(People::new(None, true, &people))])),
        ("last-gap", plain(&[Frame::Gap { first: Seq(u64::MAX), count: u64::MAX, why: GapReason::Gone }])),
        ("last-entries", entries_from(Seq(u64::MAX))),
        ("settled", plain(&[Frame::Settled { counter: 0, outcome: Outcome::Refused(Refusal::Busy) }])),
        ("accepted", plain(&[Frame::Settled { counter: 0, outcome: Outcome::Accepted(Seq(5)) }])),
        ("padding", vec![0; 9]),
    ]
}

fn step(what: u8, bytes: &[u8]) -> Vec<u8> {
    [&[what][..], &u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    match target {
        "datagram" => {
            let head = packet::prologue(SessionId(1), b"\x06abcdefghijk");
            let datagrams = [
                ("hello", packet::hello(&head, &[9; 32]).to_vec()),
                ("answer", packet::answer(SessionId(1), &[1; 96]).to_vec()),
                ("finish", packet::finish(SessionId(1), &[1; 96]).to_vec()),
                ("packet", [&packet::packet_head(SessionId(1), 2)[..], &[3; 20]].concat()),
                ("unknown", packet::unknown(SessionId(1), 2).to_vec()),
                ("version", packet::other_version(SessionId(1)).to_vec()),
                ("token", b"\x06abcdefghijk".to_vec()),
            ];
            plains().into_iter().chain(datagrams).map(|(name, bytes)| (name.to_owned(), bytes)).collect()
        }
        "session" => {
            let mut all = Vec::new();
            for side in [0, 1] {
                for (name, plain) in plains() {
                    let steps = [vec![side], step(1, &plain), step(2, &[3]), step(5, &plain), step(3, b"hey")].concat();
                    all.push((format!("{name}-{side}"), steps));
                }
                let story: Vec<u8> =
                    plains().iter().filter(|(name, _)| *name != "bye").flat_map(|(_, p)| step(1, p)).collect();
                all.push((format!("story-{side}"), [vec![side], story].concat()));
            }
            all
        }
        // Random bytes from a few seeds; the fuzzer's findings are added beside them.
        "hostile_member" | "hostile_server" => (0..8)
            .map(|seed| {
                let mut entropy = udpchat::session::Entropy::new([seed; 32]);
                (format!("seed-{seed}"), (0..24).flat_map(|_| entropy.bytes::<32>()).collect())
            })
            .collect(),
        "page" => page(),
        _ => ["SIGNUP_TAG:jill", "SIGNUP_TAG:jill\u{6}", "jill: hey", "", "!q", &format!("jill: {}", "ж".repeat(900))]
            .into_iter()
            .enumerate()
            .map(|(number, line)| (number.to_string(), line.as_bytes().to_vec()))
            .collect(),
    }
}

/// Requests, and sockets that say something.
fn page() -> Vec<(String, Vec<u8>)> {
    let head = "GET /ws HTTP/1.1\r\nHost: localhost:9980\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://localhost:9980\r\nSec-WebSocket-Protocol: udpchat.1, ";
    let upgrade = format!("{head}{}\r\n\r\n", Token::new(fuzzing::PAGE_TOKEN).as_str());
    let frame = |first: u8, payload: &[u8]| {
        let mut frame = vec![first, 0x80 | 126];
        frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(payload);
        frame
    };
    let kept = r#"{"instance":"00000000000000ff","log":null,"next":9,"numbers":[],"posts":[{"post":8,"kind":0,"text":"hey"}],"waiting":[]}"#;
    let said = |frames: &[Vec<u8>]| [upgrade.as_bytes(), &frames.concat()].concat();
    let get = "GET / HTTP/1.1\r\nHost: localhost:9980\r\n\r\n";
    let all: [(&str, Vec<u8>); 9] = [
        ("get", get.into()),
        ("foreign-host", get.replace("localhost", "evil").into_bytes()),
        ("no-token", format!("{head}x\r\n\r\n").into_bytes()),
        ("long-head", get.replace("\r\n\r\n", &format!("\r\nX: {}\r\n\r\n", "x".repeat(8200))).into_bytes()),
        ("kept", said(&[frame(0x81, kept.as_bytes())])),
        ("pieces", said(&[frame(0x01, b"{\"do\":"), frame(0x89, b"there?"), frame(0x80, b"\"leave\"}")])),
        ("closed", said(&[frame(0x88, &[3, 232]), frame(0x81, b"more")])),
        ("too-long", said(&[frame(0x81, b"{}"), frame(0x01, &[b'x'; 65_000]), frame(0x80, &[b'x'; 65_000])])),
        ("no-utf8", said(&[frame(0x81, b"\xff")])),
    ];
    all.map(|(name, bytes)| (name.to_owned(), bytes)).into()
}

fn replay(target: &str, body: fn(&[u8])) {
    if std::env::var_os("UDPCHAT_WRITE_CORPUS").is_some() {
        std::fs::create_dir_all(folder(target)).unwrap();
        for (name, bytes) in seeds(target) {
            std::fs::write(folder(target).join(name), bytes).unwrap();
        }
    }
    let corpus = corpus(target);
    let names: BTreeSet<_> = corpus.iter().map(|(name, _)| Path::new(name).file_name().unwrap().to_owned()).collect();
    for (name, _) in seeds(target) {
        assert!(
            names.contains(std::ffi::OsStr::new(&name)),
            "{target}/{name} is missing: UDPCHAT_WRITE_CORPUS=1 writes it"
        );
    }
    for (name, bytes) in corpus {
        body(&bytes);
        // Near the corpus nothing fails either: one bit changed at a time, and the bytes cut there.
        for position in (0..bytes.len()).step_by(1 + bytes.len() / 24) {
            let mut changed = bytes.clone();
            changed[position] ^= 1 << (position % 8);
            body(&changed);
            body(&bytes[..position]);
        }
        assert!(!name.is_empty());
    }
}

#[test]
fn the_corpus_of_the_datagram_decoder() {
    replay("datagram", fuzzing::datagram);
}

#[test]
fn the_corpus_of_the_live_session() {
    replay("session", fuzzing::session);
}

#[test]
fn the_corpus_of_the_hostile_member() {
    replay("hostile_member", fuzzing::hostile_member);
}

#[test]
fn the_corpus_of_the_hostile_server() {
    replay("hostile_server", fuzzing::hostile_server);
}

#[test]
fn the_corpus_of_the_text_dialect() {
    replay("text", fuzzing::text);
}

#[test]
fn the_corpus_of_the_page() {
    replay("page", fuzzing::page);
    let opened = corpus("page").iter().filter(|(_, bytes)| bytes.starts_with(b"GET /ws")).count();
    assert!(opened >= 5, "most go through the gate");
}

#[test]
fn every_frames_decoder_is_reached() {
    let mut reached = BTreeSet::new();
    for (_, bytes) in corpus("datagram") {
        for frame in frames(&bytes).flatten() {
            let name = format!("{frame:?}");
            reached.insert(name.split(|c: char| !c.is_alphanumeric()).next().unwrap().to_owned());
        }
    }
    let all = [
        "Ack",
        "Ask",
        "Barred",
        "Bye",
        "Challenge",
        "End",
        "Entries",
        "Fetch",
        "Find",
        "Found",
        "Gap",
        "Have",
        "List",
        "Listed",
        "Page",
        "People",
        "Ping",
        "Pong",
        "Post",
        "Read",
        "Received",
        "Response",
        "Settled",
        "Skip",
        "Watch",
        "Welcome",
    ];
    assert_eq!(reached.iter().map(String::as_str).collect::<Vec<_>>(), all);
}
