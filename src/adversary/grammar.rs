//! The frames of a hostile peer: well-formed ones with arbitrary values, and ones that are almost well-formed.
//!
//! Owns: the choice of values, most of them close to an edge.
//! Must not know: sessions, recipients.
//! Driven by: `member` and `server`.

use arbitrary::{Result, Unstructured};
use arrayvec::ArrayVec;

use crate::wire::entry::{ACT_MAX, Act, Claim, ENTRY_MAX, Entry, SEALED_MAX, TEXT_MAX, Tail, Terms};
use crate::wire::frame::{
    Ack, Barred, Fetch, Found, Frame, GapReason, Have, HeldNick, Letter, ListState, Outcome, PEOPLE_MAX, Page, People,
    Person, PersonId, PostKind, Receipt, RoomInfo, Spot, Watch, Watched, Welcome, Whose, Writer, encode_person,
};
use crate::wire::order::{Order, key_text};
use crate::wire::record::{Name, Record, Settings, encode_item};
use crate::wire::{CloseReason, Fingerprint, Instance, LogId, NICK_MAX, PostId, Refusal, Seq, Timestamp, Who};

/// The session's current values, near which values are chosen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bases {
    /// The counter of the next post.
    pub counter: u64,
    /// The number after the last entry.
    pub log: u64,
    /// The number of the next packet of the other end.
    pub packet: u64,
    /// The key of an honest member.
    pub target: [u8; 32],
}

/// Numbers at which arithmetic is easily wrong.
const EDGES: [u64; 8] = [0, 64, 1 << 31, 1 << 32, 1 << 61, 1 << 62, 1 << 63, u64::MAX];

/// Distances from a base or an edge.
const OFFSETS: [i64; 14] = [0, 0, 0, 1, -1, 2, 63, 64, 65, -63, -64, -65, 256, 4096];

/// Chooses a number near `base` or near an edge.
///
/// # Errors
/// The bytes are used up.
pub fn number(u: &mut Unstructured<'_>, base: u64) -> Result<u64> {
    let near = if u.ratio(2, 3)? { base } else { *u.choose(&EDGES)? };
    Ok(near.saturating_add_signed(*u.choose(&OFFSETS)?))
}

fn small(u: &mut Unstructured<'_>) -> Result<u64> {
    if u.ratio(3, 4)? { u.int_in_range(0..=5) } else { number(u, 256) }
}

/// Chooses a text that is valid as a message or nick, or as neither.
///
/// # Errors
/// The bytes are used up.
pub fn text(u: &mut Unstructured<'_>) -> Result<String> {
    Ok(match u.int_in_range(0..=13)? {
        0 => String::new(),
        1 => "x".repeat(TEXT_MAX),
        2 => "x".repeat(TEXT_MAX + 1),
        3 => "x".repeat(ACT_MAX + 1),
        4 => "n".repeat(NICK_MAX),
        5 => "n".repeat(NICK_MAX + 1),
        6 => "two\nlines".into(),
        7 => "\u{9b}2J\u{202e}\u{7f}".into(),
        8 => "mallory: yes".into(),
        9 => "ж".repeat(TEXT_MAX / 2),
        10 => format!("mallory{}", u.int_in_range(0..=9)?),
        // Nicks that nobody may have, and nicks that look like others.
        11 => (*u.choose(&[
            "udpchat",
            "* mallory",
            "mal\u{200b}lory",
            "m\u{430}llory",
            "absent",
            "ABSENT",
            "abs\u{435}nt",
            "\u{fdfa}\u{fdfa}",
            " ",
        ])?)
        .into(),
        _ => "hey".into(),
    })
}

/// Chooses a person for *ask* and *people*, known or not.
fn person(u: &mut Unstructured<'_>) -> Result<PersonId> {
    Ok(match u.int_in_range(0..=3)? {
        0 => PersonId::Key(Who(number(u, 0)?.to_be_bytes())),
        1 => PersonId::Text(u.arbitrary()?),
        2 => PersonId::Text(u32::MAX),
        _ => PersonId::Other(2 + u.int_in_range(0..=300)?),
    })
}

fn ack(u: &mut Unstructured<'_>, bases: &Bases) -> Result<Ack> {
    let mut ranges = ArrayVec::new();
    for _ in 0..u.int_in_range(0..=ranges.capacity())? {
        ranges.push((small(u)?, small(u)?));
    }
    let newest = bases.packet.saturating_sub(1);
    let largest = if u.ratio(9, 10)? { newest } else { number(u, bases.packet)? };
    Ok(Ack { largest, delay_us: u.arbitrary()?, run: small(u)?, ranges })
}

fn have(u: &mut Unstructured<'_>, bases: &Bases) -> Result<Have> {
    let mut held = ArrayVec::new();
    for _ in 0..u.int_in_range(0..=held.capacity())? {
        held.push((small(u)?, small(u)?));
    }
    let take = if u.ratio(3, 4)? { 4096 } else { *u.choose(&[0, 1, u32::MAX])? };
    Ok(Have { next: Seq(number(u, bases.log)?), take, held })
}

/// Chooses an act, known or not.
fn act(u: &mut Unstructured<'_>) -> Result<Act> {
    Ok(Act::from(if u.ratio(7, 8)? { u.int_in_range(0..=18)? } else { u.arbitrary()? }))
}

/// Makes an order, which takes a right that nobody here has, or what is none.
fn order(u: &mut Unstructured<'_>) -> Result<String> {
    // Somebody who is away, honest members, itself, keys and addresses.
    let whom = match u.int_in_range(0..=7)? {
        0 => "absent".into(),
        1 => format!("client{}", u.int_in_range(0..=3)?),
        2 => "mallory".into(),
        3 => key_text(&u.arbitrary()?),
        4 => format!("#{:016x}", u.arbitrary::<u64>()?),
        5 => "10.0.0.1".into(),
        _ => text(u)?,
    };
    let order = Order {
        act: act(u)?,
        whom,
        seconds: number(u, 60)?,
        number: small(u)?,
        token: vec![7; u.int_in_range(0..=17)?],
        is_op: u.arbitrary()?,
        why: if u.ratio(1, 2)? { String::new() } else { text(u)? },
    };
    Ok(order.encode())
}

/// Chooses the name of a record, there or not.
fn name(u: &mut Unstructured<'_>) -> Result<Name> {
    Ok(match u.int_in_range(0..=5)? {
        0 => Name::Settings,
        1 => Name::Known(Who(u.arbitrary()?)),
        2 => Name::Key(Who(u.arbitrary()?)),
        3 => Name::Address(text(u)?),
        4 => Name::Block(Who(u.arbitrary()?), Who(u.arbitrary()?)),
        _ => Name::Token(u.arbitrary()?),
    })
}

/// Makes a list of records, some under names that they do not fit.
fn records(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut list = Vec::new();
    for _ in 0..u.int_in_range(0..=3)? {
        let settings = Settings { expiry: number(u, 0)?, ..Settings::default() };
        encode_item(&mut list, PEOPLE_MAX, &name(u)?, &Record::Settings(settings));
    }
    list.extend(u.arbitrary::<[u8; 3]>()?);
    Ok(list)
}

/// Makes up to four entries, each preceded by its length.
fn entries(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut framed = Vec::new();
    for _ in 0..u.int_in_range(0..=4)? {
        let (who, nick, said, sealed) = (Who(u.arbitrary()?), text(u)?, text(u)?, sealed(u)?);
        let why = CloseReason::from(u.int_in_range(0..=300)?);
        let entry = match u.int_in_range(0..=8)? {
            0 => Entry::Line { text: &said },
            1 => Entry::Joined { who, nick: &nick },
            2 => Entry::Left { who, nick: &nick, why },
            3 => Entry::Did { who, nick: &nick, text: &said },
            4 => Entry::Renamed { who, nick: &nick, to: &said },
            5 => {
                let (act, until) = (act(u)?, Timestamp(u.arbitrary()?));
                Entry::Acted { who, nick: &nick, act, whom: Who(u.arbitrary()?), of: &said, until, why: &nick }
            }
            6 => {
                let post = PostId { instance: Instance(u.arbitrary()?), counter: number(u, 0)? };
                Entry::Private { who, to: Who(u.arbitrary()?), nick: &nick, of: &said, post, sealed: &sealed }
            }
            _ => Entry::Said { who, nick: &nick, text: &said },
        };
        let mut encoded = [0; ENTRY_MAX];
        let at = Timestamp(u.arbitrary()?);
        // A claim and the terms of an act belong behind some of them only.
        let claim = Claim { key: u.arbitrary()?, tables: u.arbitrary()?, first: &nick, second: &said };
        let number = number(u, 0)?;
        let terms = Terms { key: u.arbitrary()?, token: u.arbitrary()?, number, is_op: u.arbitrary()? };
        let len = match u.int_in_range(0..=6)? {
            6 => entry.encode_with_tail(at, &Tail::Author(claim.key), &mut encoded),
            0 => entry.encode_with_tail(at, &Tail::Claim(claim), &mut encoded),
            1 => entry.encode_with_tail(at, &Tail::Terms(terms), &mut encoded),
            _ => entry.encode(at, &mut encoded),
        };
        let Some(len) = len else { continue };
        if u.ratio(1, 8)? {
            // An unknown variant.
            encoded[0] = u.int_in_range(8..=127)?;
        }
        let len_low = u8::try_from(len & 0x7f).unwrap_or_default();
        match u8::try_from(len >> 7).unwrap_or_default() {
            0 => framed.push(len_low),
            high => framed.extend([len_low | 0x80, high]),
        }
        framed.extend_from_slice(&encoded[..len]);
    }
    Ok(framed)
}

/// Adds one frame of any kind; returns false if it does not fit.
///
/// # Errors
/// The bytes are used up.
pub fn frame(u: &mut Unstructured<'_>, bases: &Bases, writer: &mut Writer) -> Result<bool> {
    let said = text(u)?;
    Ok(match u.int_in_range(0..=37)? {
        0 => writer.frame(&Frame::Ack(ack(u, bases)?)),
        1 => writer.frame(&Frame::Ping { stamp: number(u, 0)? }),
        2 => writer.frame(&Frame::Pong { stamp: number(u, 1)? }),
        3 => writer.frame(&Frame::Challenge(u.arbitrary()?)),
        4 => writer.frame(&Frame::Response(u.arbitrary()?)),
        5 if u.ratio(1, 4)? => writer.frame(&Frame::Bye(CloseReason::from(u.int_in_range(0..=18)?))),
        6 => {
            let (log, remembers) = (LogId([u.int_in_range(0..=1)?; 16]), u.arbitrary()?);
            let (start, end) = (Seq(number(u, bases.log)?), Seq(number(u, bases.log)?));
            let welcome = Welcome { log, start, end, remembers };
            let room = RoomInfo { role: u.arbitrary()?, access: u.arbitrary()?, topic: &said, name: &said };
            writer.frame(&Frame::Welcome { welcome, nick: &said, software: "mallory", room })
        }
        7 => writer.entries(Seq(number(u, bases.log)?), &entries(u)?),
        8 => {
            let why = GapReason::from(u.int_in_range(0..=7)?);
            writer.frame(&Frame::Gap { first: Seq(number(u, bases.log)?), count: number(u, 1)?, why })
        }
        9 | 10 => writer.frame(&Frame::Have(have(u, bases)?)),
        11 => {
            let why = Refusal::from(u.int_in_range(0..=17)?);
            let accepted = Outcome::Accepted(Seq(number(u, bases.log)?));
            let outcome = if u.arbitrary()? { accepted } else { Outcome::Refused(why) };
            writer.frame(&Frame::Settled { counter: number(u, bases.counter)?, outcome })
        }
        12 | 13 => {
            let after = if u.arbitrary()? { Some(person(u)?) } else { None };
            writer.frame(&Frame::Ask { after })
        }
        14 => {
            let mut list = Vec::new();
            for _ in 0..u.int_in_range(0..=4)? {
                let (id, print) = (person(u)?, if u.arbitrary()? { Some(Fingerprint(u.arbitrary()?)) } else { None });
                encode_person(&mut list, Person { id, nick: &said, print });
            }
            writer.frame(&Frame::People(People::new(None, u.arbitrary()?, &list)))
        }
        16 => {
            let held = HeldNick { nick: &said, who: Who(u.arbitrary()?), since: Timestamp(u.arbitrary()?) };
            writer.frame(&Frame::Held(held))
        }
        17..=21 => rights_frame(u, bases, &said, writer)?,
        22..=25 => letter_frame(u, bases, &said, writer)?,
        26..=28 => reading_frame(u, bases, writer)?,
        29 | 30 => receipt_frame(u, bases, writer)?,
        15 => {
            // A frame of any type, known or not, with an arbitrary body.
            let body: [u8; 12] = u.arbitrary()?;
            writer.raw(u.arbitrary()?, &body[..u.int_in_range(0..=12)?])
        }
        _ => {
            let counter = number(u, bases.counter)?;
            let settled_below = match u.int_in_range(0..=3)? {
                0 => 0,
                1 => bases.counter.min(counter),
                2 => counter,
                _ => number(u, counter)?,
            };
            let kind = PostKind::from(u.int_in_range(0..=7)?);
            writer.frame(&Frame::Post { counter, settled_below, kind, body: said.as_bytes() })
        }
    })
}

/// Makes what could be a sealed message, but is none.
fn sealed(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let len = *u.choose(&[0, 1, 47, 48, 112, SEALED_MAX, SEALED_MAX + 1])?;
    Ok(vec![u.arbitrary()?; len])
}

/// Makes the body of a private message, to somebody who is there or not, or what is none.
fn letter(u: &mut Unstructured<'_>, bases: &Bases, said: &str) -> Result<Vec<u8>> {
    let sealed = sealed(u)?;
    let to = if u.ratio(3, 4)? { bases.target } else { u.arbitrary()? };
    let nick = if u.ratio(3, 4)? { "mallory" } else { said };
    let of = if u.ratio(1, 2)? { "jill" } else { said };
    let mut body = Letter { to, nick, of, sealed: &sealed }.encode();
    if u.ratio(1, 8)? {
        body.truncate(u.int_in_range(0..=body.len())?);
    }
    Ok(body)
}

/// Adds one frame that is about private messages; returns false if it does not fit.
fn letter_frame(u: &mut Unstructured<'_>, bases: &Bases, said: &str, writer: &mut Writer) -> Result<bool> {
    let name = match u.int_in_range(0..=4)? {
        0 => format!("client{}", u.int_in_range(0..=3)?),
        1 => key_text(&bases.target),
        2 => format!("#{:016x}", u.arbitrary::<u64>()?),
        3 => format!("absent#{:02x}", u.arbitrary::<u8>()?),
        _ => said.to_owned(),
    };
    Ok(match u.int_in_range(0..=3)? {
        0 => writer.frame(&Frame::Find { name: &name }),
        1 => {
            let whom = Whose::from(u.int_in_range(0..=4)?);
            writer.frame(&Frame::Found(Found { name: &name, whom, nick: said, key: u.arbitrary()? }))
        }
        2 => {
            // A setting of its own, about anybody.
            let act = if u.arbitrary()? { Act::Block } else { Act::Unblock };
            let text = Order { whom: name, ..Order::new(act) }.encode();
            let (counter, settled_below) = (bases.counter, bases.counter);
            writer.frame(&Frame::Post { counter, settled_below, kind: PostKind::Order, body: text.as_bytes() })
        }
        _ => {
            let body = letter(u, bases, said)?;
            let (counter, settled_below) = (bases.counter, bases.counter);
            writer.frame(&Frame::Post { counter, settled_below, kind: PostKind::Private, body: &body })
        }
    })
}

/// Adds one frame that is about earlier entries; returns false if it does not fit.
fn reading_frame(u: &mut Unstructured<'_>, bases: &Bases, writer: &mut Writer) -> Result<bool> {
    let (seq, count) = (Seq(number(u, bases.log)?), *u.choose(&[0, 1, 2, 127, 128, 129, u32::MAX])?);
    let spot = if u.arbitrary()? { Spot::Before(seq) } else { Spot::Around(seq) };
    // The requests of a client are numbered from 1 on.
    let id = u.int_in_range(0..=20)?;
    if u.arbitrary()? {
        return Ok(writer.frame(&Frame::Fetch(Fetch { id, spot, count })));
    }
    let (from, oldest) = (Seq(number(u, bases.log)?), Seq(number(u, 0)?));
    let to = if u.ratio(3, 4)? { from + small(u)? } else { seq };
    let is_sent = writer.frame(&Frame::Page(Page { id, from, to, oldest }));
    // Some of what is promised, in any order, and more than that.
    for _ in 0..u.int_in_range(0..=3)? {
        let first = Seq(number(u, from.0)?);
        if u.arbitrary()? {
            writer.entries(first, &entries(u)?);
        } else {
            let why = GapReason::from(u.int_in_range(0..=7)?);
            writer.frame(&Frame::Gap { first, count: number(u, 1)?, why });
        }
    }
    Ok(is_sent)
}

/// Adds one frame that is about who has received, read or skipped something; returns false if it does not fit.
fn receipt_frame(u: &mut Unstructured<'_>, bases: &Bases, writer: &mut Writer) -> Result<bool> {
    let seq = Seq(number(u, bases.log)?);
    let what = match u.int_in_range(0..=4)? {
        0 => Watched::Nothing,
        1 => Watched::Count,
        2 => Watched::Names,
        3 => Watched::Key(Who(u.arbitrary()?)),
        _ => Watched::Other(4 + u.int_in_range(0..=300)?),
    };
    let watch = Watch { seq, what };
    match u.int_in_range(0..=8)? {
        0 | 1 => return Ok(writer.frame(&Frame::Read { before: seq })),
        2 => return Ok(writer.frame(&Frame::End { end: seq })),
        3 => return Ok(writer.frame(&Frame::Skip { to: seq })),
        _ => {}
    }
    if u.ratio(2, 3)? {
        return Ok(writer.frame(&Frame::Watch(watch)));
    }
    let whos = vec![7; u.int_in_range(0..=600)?];
    Ok(writer.frame(&Frame::Received(Receipt::new(watch, (number(u, 1)?, number(u, 1)?), &whos))))
}

/// Adds one frame that is about who may do what; returns false if it does not fit.
fn rights_frame(u: &mut Unstructured<'_>, bases: &Bases, said: &str, writer: &mut Writer) -> Result<bool> {
    Ok(match u.int_in_range(0..=4)? {
        0 => {
            let barred = Barred { until: Timestamp(u.arbitrary()?), by: said, why: said };
            writer.frame(&Frame::Barred(barred))
        }
        1 => {
            let after = if u.arbitrary()? { Some(name(u)?) } else { None };
            writer.frame(&Frame::List { after })
        }
        2 => {
            let (after, state) = (if u.arbitrary()? { Some(name(u)?) } else { None }, u.int_in_range(0..=3)?);
            writer.frame(&Frame::Listed { after, state: ListState::from(state), items: &records(u)? })
        }
        _ => {
            let text = order(u)?;
            let (counter, settled_below) = (bases.counter, bases.counter);
            writer.frame(&Frame::Post { counter, settled_below, kind: PostKind::Order, body: text.as_bytes() })
        }
    })
}

/// Makes the plaintext of a packet: a few frames of any kind, or one kind until nothing more fits.
///
/// # Errors
/// The bytes are used up.
pub fn plaintext(u: &mut Unstructured<'_>, bases: &Bases) -> Result<Writer> {
    let mut writer = Writer::default();
    match u.int_in_range(0..=11)? {
        0 => while writer.frame(&Frame::Ask { after: None }) {},
        1 => {
            let ack = Frame::Ack(ack(u, bases)?);
            while writer.frame(&ack) {}
        }
        2 => {
            let have = Frame::Have(have(u, bases)?);
            while writer.frame(&have) {}
        }
        3 => {
            // Consecutive posts from any counter on, with any lowest unsettled counter.
            let (first, below) = (number(u, bases.counter)?, number(u, bases.counter)?);
            let step = u.int_in_range(0..=2)?;
            let mut counter = first;
            let mut settled_below = below;
            let post = |counter, settled_below| Frame::Post { counter, settled_below, kind: PostKind::Say, body: b"x" };
            while writer.frame(&post(counter, settled_below)) {
                counter = counter.saturating_add(1);
                settled_below = settled_below.saturating_add(step);
            }
        }
        4 | 11 => {
            // A post in flight and a far later one that claims the first is settled: this once crashed a server. In reverse
            // order, it once made the server draft the earlier post.
            let far = number(u, 1 << 61)?;
            let mut posts = [(bases.counter, bases.counter.min(u.int_in_range(0..=2)?)), (far, far)];
            if u.arbitrary()? {
                posts.reverse();
            }
            for (counter, settled_below) in posts {
                writer.frame(&Frame::Post { counter, settled_below, kind: PostKind::Say, body: b"x" });
            }
        }
        5 => {
            // Every act in one packet, none of which it has the right to.
            let mut counter = bases.counter;
            for act in Act::ALL {
                let whom = *u.choose(&["absent", "mallory", "10.0.0.1", ""])?;
                let order = Order { whom: whom.into(), seconds: 60, number: 1, token: vec![7; 16], ..Order::new(act) };
                let text = order.encode();
                let settled_below = bases.counter;
                writer.frame(&Frame::Post { counter, settled_below, kind: PostKind::Order, body: text.as_bytes() });
                counter = counter.saturating_add(1);
            }
        }
        6 => {
            // The nick of somebody who is away: to take it, and to give it back.
            let (counter, kind) = (bases.counter, *u.choose(&[PostKind::Rename, PostKind::Release])?);
            let text = u.choose(&["absent", "ABSENT", "abs\u{435}nt"])?;
            writer.frame(&Frame::Post { counter, settled_below: counter, kind, body: text.as_bytes() });
        }
        _ => {
            for _ in 0..*u.choose(&[1, 1, 2, 3, 8])? {
                frame(u, bases, &mut writer)?;
            }
        }
    }
    Ok(writer)
}
