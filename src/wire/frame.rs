//! Frames: what is inside a packet (PROTOCOL 2.6).
//!
//! Owns: [`Frame`], reading ([`frames`]) and writing ([`Writer`]), the limits of lists.
//! Must not know: the effects of frames.
//! Driven by: `session`, `server` and `client`.
//!
//! Enums can grow (PROTOCOL 2.6): each is a plain code, or ends a body whose length is known. An unknown code is read as such,
//! and never makes a body malformed.

mod join;
mod people;
mod reading;
mod receipts;
mod values;

use serde::{Deserialize, Serialize};

use super::limits::WHOM_MAX;
use super::packet::{DATAGRAM_MAX, PLAIN_MAX};
use super::record::Name;
use super::{CloseReason, NICK_MAX, Seq};
use crate::work::{self, Work};
pub use join::{History, Join, ServerHello};
pub use people::{PEOPLE_MAX, People, Person, encode_person};
pub use reading::{FETCH_MAX, Fetch, Page, Spot};
pub use receipts::{RECEIPT_NAMES_MAX, Receipt, Watch, Watched};
pub use values::{
    ACK_RANGES_MAX, Ack, Barred, Found, GapReason, HELD_RUNS_MAX, Have, HeldNick, Letter, ListState, Malformed,
    Outcome, PersonId, PostKind, RoomInfo, Welcome, Whose,
};

/// Length of a frame's head: type and length.
const HEAD: usize = 3;

const PADDING: u8 = 0x00;
const ACK: u8 = 0x01;
const PING: u8 = 0x02;
const PONG: u8 = 0x03;
const CHALLENGE: u8 = 0x04;
const RESPONSE: u8 = 0x05;
const BYE: u8 = 0x06;
const WELCOME: u8 = 0x10;
const ENTRIES: u8 = 0x11;
const GAP: u8 = 0x12;
const HAVE: u8 = 0x13;
const POST: u8 = 0x14;
const SETTLED: u8 = 0x15;
const ASK: u8 = 0x16;
const PEOPLE: u8 = 0x17;
const HELD: u8 = 0x18;
const BARRED: u8 = 0x19;
const LIST: u8 = 0x1a;
const LISTED: u8 = 0x1b;
const FIND: u8 = 0x1c;
const FOUND: u8 = 0x1d;
const FETCH: u8 = 0x1e;
const PAGE: u8 = 0x1f;
const WATCH: u8 = 0x20;
const RECEIVED: u8 = 0x21;
const READ: u8 = 0x22;
const END: u8 = 0x23;
const SKIP: u8 = 0x24;

// The longest entry fits a packet, whatever its number.
const _: () = assert!(HEAD + 10 + 2 + super::entry::ENTRY_MAX <= PLAIN_MAX);
// So does the longest post.
const _: () = assert!(HEAD + 21 + 2 + super::entry::TEXT_MAX <= PLAIN_MAX);
const _: () = assert!(HEAD + 21 + 2 + 32 + 2 * (1 + NICK_MAX) + 2 + super::entry::SEALED_MAX <= PLAIN_MAX);

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Packets have arrived.
    Ack(Ack),
    /// A request for a sign of life.
    Ping {
        /// A number that comes back in the pong.
        stamp: u64,
    },
    /// The answer to a ping.
    Pong {
        /// The stamp of the ping.
        stamp: u64,
    },
    /// A question whether the other end is at this address.
    Challenge([u8; 8]),
    /// The answer to a challenge.
    Response([u8; 8]),
    /// The session ends.
    Bye(CloseReason),
    /// The session begins.
    Welcome {
        /// The log, and where the session begins in it.
        welcome: Welcome,
        /// The client's nick in the session: the one that it asked for, or that of a rename whose outcome it missed.
        nick: &'a str,
        /// The server's program and version, for people.
        software: &'a str,
        /// What the room is like for this client.
        room: RoomInfo<'a>,
    },
    /// Consecutive entries.
    Entries(Entries<'a>),
    /// Entries that will not come.
    Gap {
        /// The number of the first.
        first: Seq,
        /// How many.
        count: u64,
        /// Why they will not come.
        why: GapReason,
    },
    /// The client's place in the log.
    Have(Have),
    /// A post.
    Post {
        /// The number of the post in its instance.
        counter: u64,
        /// The client knows that all posts below this counter are settled.
        settled_below: u64,
        /// What the post is to become.
        kind: PostKind,
        /// What is posted, not yet checked: UTF-8, unless it is a private message.
        body: &'a [u8],
    },
    /// Outcome of a post.
    Settled {
        /// Its counter.
        counter: u64,
        /// Accepted as an entry, or refused.
        outcome: Outcome,
    },
    /// A request for the people in the room.
    Ask {
        /// The person after whom the answer begins, in the server's order; `None` for the beginning.
        after: Option<PersonId>,
    },
    /// The answer to an *ask*.
    People(People<'a>),
    /// Who holds the nick that the *bye* or *settled* behind it refuses.
    Held(HeldNick<'a>),
    /// Why the client has to stay out, as the *bye* behind it says.
    Barred(Barred<'a>),
    /// A request for what the room knows of who may do what; for operators.
    List {
        /// The record after which the answer begins; `None` for the beginning.
        after: Option<Name>,
    },
    /// The answer to a *list*.
    Listed {
        /// The record of the *list*.
        after: Option<Name>,
        /// Whether there are more, or why there are none.
        state: ListState,
        /// The records, still encoded: see [`super::record::items`].
        items: &'a [u8],
    },
    /// A question whose a name is.
    Find {
        /// The name, at most [`super::limits::WHOM_MAX`] bytes.
        name: &'a str,
    },
    /// The answer to a *find*.
    Found(Found<'a>),
    /// A request for earlier entries.
    Fetch(Fetch),
    /// The answer to a *fetch*: which entries come. They come as all others do, in *entries* and gaps.
    Page(Page),
    /// A question who has received an entry.
    Watch(Watch),
    /// The answer to a *watch*, each time that it changes.
    Received(Receipt<'a>),
    /// The number behind the log's last entry, for a client that is far behind.
    End {
        /// The number.
        end: Seq,
    },
    /// The client does not want what is before this number any more.
    Skip {
        /// The number.
        to: Seq,
    },
    /// The user has read everything before this number, on whatever device.
    Read {
        /// The number.
        before: Seq,
    },
}

impl Frame<'_> {
    /// Returns whether a packet with this frame must be acknowledged.
    pub const fn is_ack_eliciting(&self) -> bool {
        !matches!(self, Self::Ack(_) | Self::Have(_) | Self::Bye(_))
    }
}

/// Consecutive entries, still encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entries<'a> {
    /// The number of the first.
    pub first: Seq,
    rest: &'a [u8],
}

impl<'a> Entries<'a> {
    /// Returns the encoded entries in order, and `Err` where the bytes are malformed.
    pub fn iter(&self) -> impl Iterator<Item = Result<&'a [u8], Malformed>> + use<'a> {
        let mut rest = self.rest;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            match postcard::take_from_bytes::<&[u8]>(rest) {
                Ok((entry, after)) => {
                    rest = after;
                    Some(Ok(entry))
                }
                Err(_) => {
                    rest = &[];
                    Some(Err(Malformed))
                }
            }
        })
    }
}

/// Reads the frames of a packet; skips unknown types.
pub fn frames(mut plain: &[u8]) -> impl Iterator<Item = Result<Frame<'_>, Malformed>> {
    std::iter::from_fn(move || {
        loop {
            let (&kind, rest) = plain.split_first()?;
            if kind == PADDING {
                plain = rest;
                continue;
            }
            let Some((body, after)) = split(rest) else {
                plain = &[];
                return Some(Err(Malformed));
            };
            plain = after;
            match read(kind, body) {
                Ok(Some(frame)) => return Some(Ok(frame)),
                Ok(None) => {}
                Err(malformed) => {
                    plain = &[];
                    return Some(Err(malformed));
                }
            }
        }
    })
}

fn split(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = rest.split_first_chunk::<2>()?;
    rest.split_at_checked(u16::from_be_bytes(*len).into())
}

/// Returns the name of somebody if it can be one.
const fn short(name: &str) -> Result<&str, Malformed> {
    if name.len() <= WHOM_MAX { Ok(name) } else { Err(Malformed) }
}

fn read(kind: u8, body: &[u8]) -> Result<Option<Frame<'_>>, Malformed> {
    fn take<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Malformed> {
        Ok(postcard::take_from_bytes(body)?.0)
    }
    Ok(Some(match kind {
        ACK => Frame::Ack(take(body)?),
        PING => Frame::Ping { stamp: take(body)? },
        PONG => Frame::Pong { stamp: take(body)? },
        CHALLENGE => Frame::Challenge(take(body)?),
        RESPONSE => Frame::Response(take(body)?),
        BYE => Frame::Bye(take(body)?),
        WELCOME => {
            let ((welcome, nick, software), rest) = postcard::take_from_bytes(body)?;
            // Older servers end here.
            let room = take(rest).unwrap_or_default();
            Frame::Welcome { welcome, nick, software, room }
        }
        ENTRIES => {
            let (first, rest) = postcard::take_from_bytes(body)?;
            Frame::Entries(Entries { first, rest })
        }
        GAP => {
            let (first, count, why) = take(body)?;
            Frame::Gap { first, count, why }
        }
        HAVE => Frame::Have(take(body)?),
        POST => {
            let ((counter, settled_below, kind), rest) = postcard::take_from_bytes(body)?;
            let body = match kind {
                PostKind::Other(_) => &[][..],
                PostKind::Private => take::<&[u8]>(rest)?,
                PostKind::Say | PostKind::Act | PostKind::Rename | PostKind::Release | PostKind::Order => {
                    take::<&str>(rest)?.as_bytes()
                }
            };
            Frame::Post { counter, settled_below, kind, body }
        }
        SETTLED => {
            let (counter, outcome) = take(body)?;
            Frame::Settled { counter, outcome }
        }
        ASK => Frame::Ask { after: take(body)? },
        PEOPLE => {
            let ((after, more), rest) = postcard::take_from_bytes(body)?;
            Frame::People(People { after, more, rest })
        }
        HELD => Frame::Held(take(body)?),
        BARRED => Frame::Barred(take(body)?),
        LIST => Frame::List { after: take(body)? },
        LISTED => {
            let ((after, state), items) = postcard::take_from_bytes(body)?;
            Frame::Listed { after, state, items }
        }
        FIND => Frame::Find { name: take::<&str>(body).and_then(short)? },
        FOUND => Frame::Found(take(body)?),
        FETCH => Frame::Fetch(take(body)?),
        PAGE => Frame::Page(take(body)?),
        END => Frame::End { end: take(body)? },
        SKIP => Frame::Skip { to: take(body)? },
        READ => Frame::Read { before: take(body)? },
        WATCH => Frame::Watch(take(body)?),
        RECEIVED => {
            let ((seq, count, of, what), rest) = postcard::take_from_bytes(body)?;
            let whos = if what == Watched::Names { rest } else { &[] };
            Frame::Received(Receipt { seq, count, of, what, whos })
        }
        _ => return Ok(None),
    }))
}

/// Builds the plaintext of a packet.
#[derive(Debug)]
pub struct Writer {
    buffer: [u8; PLAIN_MAX],
    len: usize,
    /// The length that it aims for, if its content can be divided.
    aim: usize,
}

impl Default for Writer {
    fn default() -> Self {
        Self { buffer: [0; PLAIN_MAX], len: 0, aim: PLAIN_MAX }
    }
}

impl Writer {
    /// Creates a packet that has at most `datagram` bytes when sealed, unless a single item is longer.
    pub fn up_to(datagram: usize) -> Self {
        let aim = datagram.saturating_sub(DATAGRAM_MAX - PLAIN_MAX).min(PLAIN_MAX);
        Self { aim, ..Self::default() }
    }

    /// Returns whether the packet has the length that it aims for.
    pub const fn is_long_enough(&self) -> bool {
        self.len >= self.aim
    }

    /// Returns what was written.
    pub fn plain(&self) -> &[u8] {
        &self.buffer[..self.len]
    }

    /// Returns whether nothing was written.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Forgets what was written.
    pub const fn clear(&mut self) {
        self.len = 0;
    }

    /// Writes a frame of any type and body; if it does not fit, returns false and writes nothing.
    #[cfg(feature = "adversary")]
    pub fn raw(&mut self, kind: u8, body: &[u8]) -> bool {
        self.list(kind, &(), body)
    }

    /// Pads a packet that more follow, if it aims for the full length, so that all of these are equally long (PROTOCOL 2.5).
    pub fn pad_if_full(&mut self) {
        if self.aim == PLAIN_MAX {
            self.pad();
        }
    }

    /// Pads the packet to the full length (PROTOCOL 2.5).
    pub fn pad(&mut self) {
        self.buffer[self.len..].fill(PADDING);
        self.len = PLAIN_MAX;
    }

    /// Writes a frame; if it does not fit, returns false and writes nothing. See [`Writer::entries`] for entries.
    pub fn frame(&mut self, frame: &Frame<'_>) -> bool {
        match frame {
            Frame::Ack(ack) => self.body(ACK, ack),
            Frame::Ping { stamp } => self.body(PING, stamp),
            Frame::Pong { stamp } => self.body(PONG, stamp),
            Frame::Challenge(data) => self.body(CHALLENGE, data),
            Frame::Response(data) => self.body(RESPONSE, data),
            Frame::Bye(why) => self.body(BYE, why),
            Frame::Welcome { welcome, nick, software, room } => self.body(WELCOME, &(welcome, nick, software, room)),
            Frame::Entries(entries) => self.entries(entries.first, entries.rest),
            Frame::People(people) => self.list(PEOPLE, &(people.after, people.more), people.rest),
            Frame::Ask { after } => self.body(ASK, after),
            Frame::Held(held) => self.body(HELD, held),
            Frame::Barred(barred) => self.body(BARRED, barred),
            Frame::List { after } => self.body(LIST, after),
            Frame::Listed { after, state, items } => self.list(LISTED, &(after, state), items),
            Frame::Find { name } => self.body(FIND, name),
            Frame::Found(found) => self.body(FOUND, found),
            Frame::Gap { first, count, why } => self.body(GAP, &(first, count, why)),
            Frame::Have(have) => self.body(HAVE, have),
            Frame::Post { counter, settled_below, kind, body } => {
                self.body(POST, &(counter, settled_below, kind, body))
            }
            Frame::Settled { counter, outcome } => self.body(SETTLED, &(counter, outcome)),
            Frame::Fetch(fetch) => self.body(FETCH, fetch),
            Frame::Page(page) => self.body(PAGE, page),
            Frame::Read { before } => self.body(READ, before),
            Frame::End { end } => self.body(END, end),
            Frame::Skip { to } => self.body(SKIP, to),
            Frame::Watch(watch) => self.body(WATCH, watch),
            Frame::Received(receipt) => {
                self.list(RECEIVED, &(receipt.seq, receipt.count, receipt.of, receipt.what), receipt.whos)
            }
        }
    }

    /// Returns whether a list of records of any length fits.
    pub const fn has_place_for_records(&self) -> bool {
        // Before the list: the record of the *list*, which is a name or an address at the most, and the state.
        PLAIN_MAX - self.len >= HEAD + 3 + NICK_MAX + 5 + PEOPLE_MAX
    }

    /// Returns whether a list of people of any length fits.
    pub const fn has_place_for_people(&self) -> bool {
        // Before the list: the person of the *ask*, and whether there are more.
        PLAIN_MAX - self.len >= HEAD + 10 + 1 + PEOPLE_MAX
    }

    /// Returns how many bytes of entries, each with its length in front, should follow the number of the first, and how many
    /// may follow if they are a single entry.
    pub fn entries_place(&self, first: Seq) -> (usize, usize) {
        let mut number = [0; 10];
        let number = postcard::to_slice(&first, &mut number).map_or(10, |number| number.len());
        let place = (PLAIN_MAX - self.len).saturating_sub(HEAD + number);
        let aim = place.saturating_sub(PLAIN_MAX - self.aim);
        // A packet that aims to be short may begin with one entry of any length; otherwise a long entry would never be sent.
        (aim, if self.len < self.aim / 2 { place } else { aim })
    }

    /// Writes consecutive entries, each with its length in front; if they do not fit, returns false and writes nothing.
    pub fn entries(&mut self, first: Seq, entries: &[u8]) -> bool {
        self.list(ENTRIES, &first, entries)
    }

    fn list<T: Serialize>(&mut self, kind: u8, head: &T, items: &[u8]) -> bool {
        let start = self.len;
        if !self.body(kind, head) {
            return false;
        }
        let Some(place) = self.buffer[self.len..].get_mut(..items.len()) else {
            self.len = start;
            return false;
        };
        place.copy_from_slice(items);
        work::did(Work::Encoded, items.len());
        self.len += items.len();
        self.set_len(start);
        true
    }

    /// Writes the length of the frame at `start` into its head.
    fn set_len(&mut self, start: usize) {
        let Ok(len) = u16::try_from(self.len - start - HEAD) else { unreachable!("a packet is small") };
        self.buffer[start + 1..start + HEAD].copy_from_slice(&len.to_be_bytes());
    }

    fn body<T: Serialize>(&mut self, kind: u8, body: &T) -> bool {
        let Some((head, place)) = self.buffer[self.len..].split_first_chunk_mut::<HEAD>() else { return false };
        let Ok(written) = postcard::to_slice(body, place) else { return false };
        let (start, len) = (self.len, written.len());
        work::did(Work::Encoded, HEAD + len);
        head[0] = kind;
        self.len += HEAD + len;
        self.set_len(start);
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::wildcard_enum_match_arm)]
    use super::*;
    use crate::wire::{LogId, Refusal, Who};
    use proptest::prelude::*;

    fn every_frame() -> Vec<Frame<'static>> {
        let have = Have { next: Seq(5), take: 9, held: [(1, 2), (3, 4)].into_iter().collect() };
        vec![
            Frame::Ack(Ack { largest: 300, delay_us: 70_000, run: 3, ranges: [(2, 5)].into_iter().collect() }),
            Frame::Ping { stamp: 7 },
            Frame::Pong { stamp: u64::MAX },
            Frame::Challenge([1; 8]),
            Frame::Response([2; 8]),
            Frame::Bye(CloseReason::Broken),
            Frame::Welcome {
                welcome: Welcome { log: LogId([3; 16]), start: Seq(1), end: Seq(2), remembers: true },
                nick: "jill",
                software: "udpchat 9.9",
                room: RoomInfo { role: 2, access: 1, topic: "tea", name: "chat.example:9999" },
            },
            Frame::Barred(Barred { until: crate::wire::Timestamp(300), by: "ann", why: "spam" }),
            Frame::List { after: Some(Name::Token([7; 16])) },
            Frame::Listed { after: None, state: ListState::More, items: &[2, 0, 0] },
            Frame::Entries(Entries { first: Seq(1000), rest: &[1, b'a', 2, b'b', b'c'] }),
            Frame::Gap { first: Seq(4), count: 5, why: GapReason::Gone },
            Frame::Have(have),
            Frame::Post { counter: 1, settled_below: 0, kind: PostKind::Act, body: b"hey" },
            Frame::Post { counter: 1, settled_below: 0, kind: PostKind::Private, body: &[0xff; 40] },
            Frame::Find { name: "jill" },
            Frame::Found(Found { name: "jill", whom: Whose::Key, nick: "Jill", key: [9; 32] }),
            Frame::Settled { counter: 1, outcome: Outcome::Refused(Refusal::Busy) },
            Frame::Fetch(Fetch { id: 7, spot: Spot::Before(Seq(900)), count: 128 }),
            Frame::Read { before: Seq(901) },
            Frame::End { end: Seq(902) },
            Frame::Skip { to: Seq(903) },
            Frame::Watch(Watch { seq: Seq(900), what: Watched::Key(Who([5; 8])) }),
            Frame::Received(Receipt::new(Watch { seq: Seq(900), what: Watched::Names }, (1, 3), &[7; 8])),
            Frame::Received(Receipt::new(Watch { seq: Seq(900), what: Watched::Count }, (1, 3), &[])),
            Frame::Page(Page { id: 7, from: Seq(772), to: Seq(900), oldest: Seq(300) }),
            Frame::Ask { after: Some(PersonId::Text(300)) },
            Frame::People(People { after: None, more: true, rest: &[6, 2, b'a', b'l', 1, 200, 1] }),
        ]
    }

    #[test]
    fn every_frame_is_read_back_between_padding_and_unknown_ones() {
        let mut writer = Writer::default();
        for frame in every_frame() {
            assert!(writer.frame(&frame));
        }
        let mut plain = vec![PADDING, 0x7f, 0, 2, 1, 1];
        plain.extend_from_slice(writer.plain());
        plain.push(PADDING);
        let read: Result<Vec<_>, _> = frames(&plain).collect();
        assert_eq!(read, Ok(every_frame()));
    }

    #[test]
    fn the_bytes_are_those_of_the_protocol() {
        let mut writer = Writer::default();
        writer.frame(&Frame::Gap { first: Seq(300), count: 5, why: GapReason::Gone });
        writer.frame(&Frame::Settled { counter: 1, outcome: Outcome::Accepted(Seq(2)) });
        writer.frame(&Frame::Challenge([9; 8]));
        let expected = [&[0x12, 0, 4, 0xac, 0x02, 5, 0][..], &[0x15, 0, 3, 1, 0, 2], &[0x04, 0, 8], &[9; 8]].concat();
        assert_eq!(writer.plain(), expected);
    }

    #[test]
    fn a_body_may_have_more_than_is_known_but_not_less() {
        assert_eq!(frames(&[PING, 0, 3, 7, 1, 2]).next(), Some(Ok(Frame::Ping { stamp: 7 })));
        for short in
            [&[PING][..], &[PING, 0], &[PING, 0, 1], &[PING, 0, 0], &[BYE, 0, 1, 0xff], &[POST, 0, 4, 1, 0, 1, 0xff]]
        {
            assert_eq!(frames(short).next(), Some(Err(Malformed)), "{short:?}");
        }
    }

    #[test]
    fn a_code_that_nobody_knows_has_a_meaning_and_makes_nothing_malformed() {
        let read = |bytes: &'static [u8]| frames(bytes).next();
        assert_eq!(read(&[BYE, 0, 1, 99]), Some(Ok(Frame::Bye(CloseReason::Other(99)))));
        let why = GapReason::Other(9);
        assert_eq!(read(&[GAP, 0, 3, 4, 5, 9]), Some(Ok(Frame::Gap { first: Seq(4), count: 5, why })));
        let settled = |why| Some(Ok(Frame::Settled { counter: 1, outcome: Outcome::Refused(why) }));
        assert_eq!(read(&[SETTLED, 0, 3, 1, 1, 99]), settled(Refusal::Other(99)));
        assert_eq!(read(&[SETTLED, 0, 4, 1, 7, 1, 2]), settled(Refusal::Other(u32::MAX)));
        let post = Frame::Post { counter: 3, settled_below: 2, kind: PostKind::Other(9), body: b"" };
        assert_eq!(read(&[POST, 0, 5, 3, 2, 9, 0xff, 0xff]), Some(Ok(post)), "what it says is not looked at");
        assert_eq!(read(&[ASK, 0, 3, 1, 7, 0xff]), Some(Ok(Frame::Ask { after: Some(PersonId::Other(7)) })));
        let people = [&[PEOPLE, 0, 14, 0, 0][..], &[5, 1, b'x', 7, 0xff, 0xff], &[5, 1, b'y', 1, 5, 0]].concat();
        let Some(Ok(Frame::People(people))) = frames(&people).next() else { panic!("{people:?}") };
        let text = Person { id: PersonId::Text(5), nick: "y", print: None };
        assert_eq!(people.iter().collect::<Vec<_>>(), [text], "skipped");
        assert_eq!(postcard::from_bytes(&[9, 5]), Ok(History::NONE));
    }

    #[test]
    fn lists_have_as_many_items_as_they_may_and_not_one_more() {
        let body = |count: u8| [&[1, 1, 1, count][..], &vec![1; usize::from(count) * 2]].concat();
        let frame = |count| {
            let body = body(count);
            [&[ACK, 0, u8::try_from(body.len()).unwrap()][..], &body].concat()
        };
        assert!(matches!(frames(&frame(8)).next(), Some(Ok(Frame::Ack(_)))));
        assert_eq!(frames(&frame(9)).next(), Some(Err(Malformed)));
        let body = |count: u8| [&[1, 1, count][..], &vec![1; usize::from(count) * 2]].concat();
        let frame = |count| [&[HAVE, 0, 3 + 2 * count][..], &body(count)].concat();
        assert!(matches!(frames(&frame(16)).next(), Some(Ok(Frame::Have(_)))));
        assert_eq!(frames(&frame(17)).next(), Some(Err(Malformed)));
    }

    #[test]
    fn an_ack_that_goes_below_zero_ends_there() {
        let ack = |largest, run, ranges: &[(u64, u64)]| {
            let ack = Ack { largest, delay_us: 0, run, ranges: ranges.iter().copied().collect() };
            ack.received().collect::<Vec<_>>()
        };
        assert_eq!(ack(10, 2, &[(1, 3), (2, 1)]), [(8, 10), (4, 6), (1, 1)]);
        assert_eq!(ack(3, 3, &[(1, 1)]), [(0, 3)]);
        assert_eq!(ack(3, 4, &[]), []);
        assert_eq!(ack(9, 1, &[(u64::MAX, 1), (1, 1)]), [(8, 9)]);
        assert_eq!(ack(9, 1, &[(1, 0)]), [(8, 9)]);
    }

    #[test]
    fn a_full_packet_takes_no_more_and_loses_nothing() {
        let mut writer = Writer::default();
        let (_, place) = writer.entries_place(Seq(0));
        assert!(!writer.entries(Seq(0), &vec![0; place + 1]));
        assert!(writer.is_empty());
        assert!(writer.entries(Seq(0), &vec![0; place]));
        assert_eq!(writer.plain().len(), PLAIN_MAX);
        assert!(!writer.frame(&Frame::Ping { stamp: 1 }));
        assert_eq!(writer.plain().len(), PLAIN_MAX);
    }

    proptest! {
        #[test]
        fn any_plaintext_is_frames_or_malformed_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for frame in frames(&bytes).flatten() {
                match frame {
                    Frame::Entries(entries) => drop(entries.iter().collect::<Vec<_>>()),
                    Frame::Ack(ack) => drop(ack.received().collect::<Vec<_>>()),
                    Frame::Have(have) => drop(have.held().collect::<Vec<_>>()),
                    _ => {}
                }
            }
        }
    }
}
