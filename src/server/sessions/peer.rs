//! One member's session: what the server sends it.
//!
//! Owns: the session with its cursor, what else is to be sent, the composition of its packets.
//! Must not know: other members.
//! Driven by: `sessions`.

use super::cursor::{Cursor, Run};
use super::owed::{Owed, Said};
use super::reading::{Reading, Tag};
use crate::log::{PAGE, Reader, Window, write_gap};
use crate::policy::Policy;
use crate::server::admission::allowance::Part;
use crate::server::ids::{AuthorId, Path, SocketId};
use crate::server::room::posts::Author;
use crate::session::{Again, Allowed, PublicKey, Session};
use crate::time::Instant;
use crate::wire::frame::{Found, Frame, GapReason, HeldNick, History, ListState, PersonId, RoomInfo, Welcome, Writer};
use crate::wire::record::Name;
use crate::wire::{Instance, Nick, Seq, SessionId, Timestamp, Who};

/// How many entries a client accepts before its first *have* (PROTOCOL 2.8).
const TAKES_AT_FIRST: u64 = 4096;

/// The name and version of the server program, for users.
const SOFTWARE: &str = concat!("udpchat ", env!("CARGO_PKG_VERSION"));

/// What a session does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It waits for a look-up of its posts, and of where this history begins if there is one. Until then the server sends it
    /// nothing and accepts no new post of it.
    Beginning(Option<History>),
    /// It is in the ready queue of this socket.
    Ready(SocketId),
    /// It has been sent everything, and has this index among the sessions that wait for the log to grow.
    AtEnd(usize),
    /// It waits for something of its own: an ack, its pacer, a page.
    Waiting,
}

/// What a packet carried.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cargo {
    /// Entries; few bytes, because there is one of these for each packet in flight.
    pieces: [Piece; 2],
    /// The answer to a *fetch* of which it says what comes.
    page: Tag,
    welcome: bool,
    settled: bool,
    said: Said,
}

/// The log as sessions are to see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told<'a> {
    pub(crate) window: &'a Window,
    /// Entries are sent up to here.
    pub(crate) end: Seq,
    /// Consecutive joins and leaves are sent as a number.
    pub(crate) is_large: bool,
    /// What the room is like: who may do what, whether it is closed, and where it is.
    pub(crate) policy: &'a Policy,
    pub(crate) is_closed: bool,
    pub(crate) name: &'a str,
    /// The answer to its *find*, if one is outstanding.
    pub(crate) found: Option<&'a Found<'a>>,
    /// How far its user has read.
    pub(crate) read: Option<Seq>,
}

impl<'a> Told<'a> {
    /// Returns what the room is like for that key.
    fn room(&self, who: Who) -> RoomInfo<'a> {
        RoomInfo {
            role: self.policy.role(who) as u32,
            access: self.is_closed.into(),
            topic: self.policy.topic(),
            name: self.name,
        }
    }
}

/// Entries in a packet.
#[derive(Clone, Copy, Debug, Default)]
struct Piece {
    from: Seq,
    count: u32,
    /// They are in flight in another packet as well.
    is_copy: bool,
    /// The answer to a *fetch* that they belong to, unless their turn in the log has come.
    of: Tag,
}

impl Piece {
    fn new(run: Run, is_copy: bool, of: Tag) -> Self {
        let count = u32::try_from(run.to.since(run.from)).unwrap_or(u32::MAX);
        Self { from: run.from, count, is_copy, of }
    }

    fn run(self) -> Run {
        Run { from: self.from, to: self.from + self.count.into() }
    }
}

/// A member's session.
#[derive(Debug)]
pub(crate) struct Peer {
    /// The server's id of the session.
    pub(crate) id: SessionId,
    pub(crate) session: Session<Path, Cargo>,
    pub(crate) key: PublicKey,
    pub(crate) who: Who,
    pub(crate) instance: Instance,
    pub(crate) nick: Nick,
    pub(crate) present: bool,
    /// Whether it takes part in receipts.
    pub(crate) is_counted: bool,
    /// From where on its client has everything, if not from the beginning of this session: it continues from a place, or an earlier
    /// session of the same instance had a beginning of its own.
    has_from: Option<Seq>,
    /// Up to where its client has skipped.
    skipped_to: Seq,
    pub(crate) author: AuthorId,
    pub(crate) cursor: Cursor,
    /// The number behind the newest entry that only this member, or this one and another, are sent. When a session begins, nobody has
    /// looked for it, and it is the log's end.
    pub(crate) own_end: Seq,
    welcome: Welcome,
    /// Whether the welcome is to be sent.
    owes_welcome: bool,
    pub(crate) turn: Turn,
    /// What it is owed beside the log.
    pub(crate) owed: Owed,
    /// What it reads back.
    pub(crate) reading: Reading,
    /// Who holds the nick that it was refused last: that nick, the key, since when. It is sent once, before the refusal.
    pub(crate) held: Option<(Box<str>, Who, Timestamp)>,
    /// What it may post.
    pub(crate) allowed: Part,
    /// Until when the pacer holds it back.
    pub(crate) paced: Option<Instant>,
    /// When it last posted something new.
    pub(crate) posted: Option<Instant>,
}

/// The identity of a member.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) key: PublicKey,
    pub(crate) who: Who,
    pub(crate) instance: Instance,
    pub(crate) nick: Nick,
    pub(crate) present: bool,
    /// Whether it takes part in receipts.
    pub(crate) is_counted: bool,
    /// See [`Peer::has_from`].
    pub(crate) has_from: Option<Seq>,
    pub(crate) author: AuthorId,
}

impl Peer {
    /// Creates a session that has just begun.
    pub(crate) fn new(
        id: SessionId,
        session: Session<Path, Cargo>,
        identity: Identity,
        welcome: Welcome,
        allowed: Part,
    ) -> Self {
        let Identity { key, who, instance, nick, present, is_counted, has_from, author } = identity;
        Self {
            id,
            session,
            key,
            who,
            instance,
            nick,
            present,
            is_counted,
            has_from,
            skipped_to: Seq(0),
            author,
            cursor: Cursor::new(welcome.start, TAKES_AT_FIRST),
            own_end: welcome.end,
            welcome,
            owes_welcome: true,
            turn: Turn::Waiting,
            owed: Owed::default(),
            reading: Reading::default(),
            held: None,
            allowed,
            paced: None,
            posted: None,
        }
    }

    /// Returns entries before `end` to be read for it: the one that it cannot go on without, one of the page after that, and one
    /// that it reads back.
    pub(crate) fn lacks(&self, window: &Window, end: Seq) -> impl Iterator<Item = Seq> {
        // What is skipped needs no page.
        let next = self.cursor.next_run(end).filter(|next| next.from >= self.skipped_to);
        let ahead = next.into_iter().flat_map(|next| [next.from, next.from + PAGE]);
        let back = self.reading.next_run().into_iter().map(|next| next.from);
        let reader = self.reader();
        ahead.chain(back).filter(move |&seq| window.lacks_for(seq, reader))
    }

    /// Begins the answer to its newest *fetch*, if there is one, from a log that ends at `end` for it.
    pub(crate) fn begin_reading(&mut self, window: &Window, end: Seq) {
        let reader = self.reader();
        self.reading.begin(window.oldest(), end, |seq| window.lacks_for(seq, reader));
    }

    /// Returns who reads.
    pub(crate) const fn reader(&self) -> Reader {
        Reader { who: self.who, own_end: self.own_end }
    }

    /// Returns the end of what it is to be sent, if the entries up to `told` are for everybody: private ones of others behind that
    /// are no reason to send it anything.
    pub(crate) fn end(&self, told: Seq) -> Seq {
        told.max(self.own_end)
    }

    /// Returns how far back it wants to begin, if a look-up is pending; `None` if none is.
    pub(crate) const fn begins(&self) -> Option<Option<History>> {
        if let Turn::Beginning(history) = self.turn { Some(history) } else { None }
    }

    /// Begins the session as the welcome says, now that the look-up is done.
    pub(crate) fn begin(&mut self, welcome: Welcome) {
        self.cursor = Cursor::new(welcome.start, TAKES_AT_FIRST);
        self.welcome = welcome;
        self.turn = Turn::Waiting;
    }

    /// Returns from which entry on its cursor says what the client has received.
    pub(crate) fn received_from(&self) -> Seq {
        self.has_from.unwrap_or(self.welcome.start).max(self.skipped_to)
    }

    /// Takes the client's word that it does not want what is before `to`: it is sent a gap for what it has not received.
    pub(crate) fn skip(&mut self, to: Seq) {
        self.skipped_to = self.skipped_to.max(to);
        self.cursor.skip(to);
    }

    /// Returns when it is to be told where the log ends, because it is far behind.
    pub(crate) fn end_due(&self, told: Seq) -> Option<Instant> {
        let end = self.end(told);
        self.owed.end_due(end, end.since(self.cursor.next()))
    }

    /// Returns the welcome that it will be sent.
    pub(crate) const fn welcome(&self) -> Welcome {
        self.welcome
    }

    /// Whether there is cargo to send.
    pub(crate) fn wants(&self, author: &Author, end: Seq) -> bool {
        self.owes_welcome || self.owed.is_any() || self.reading.wants() || author.has_news() || !self.cursor.is_at(end)
    }

    /// Builds the next packet, if there is one: adds it to `out` and returns where it goes.
    pub(crate) fn poll_packet(
        &mut self,
        now: Instant,
        author: &mut Author,
        told: Told<'_>,
        people: impl FnOnce(Option<PersonId>) -> (bool, Vec<u8>),
        records: impl FnOnce(Who, Option<&Name>) -> (ListState, Vec<u8>),
        out: &mut Vec<u8>,
    ) -> Option<Path> {
        let reader = self.reader();
        let Self { session, cursor, owes_welcome, welcome, owed, reading, nick, held, who, skipped_to, .. } = self;
        session.poll_packet(now, out, |writer, Allowed { cargo, .. }| {
            if !cargo {
                return None;
            }
            let mut carried = Cargo::default();
            if *owes_welcome {
                let room = told.room(*who);
                let frame = Frame::Welcome { welcome: *welcome, nick: nick.as_str(), software: SOFTWARE, room };
                carried.welcome = writer.frame(&frame);
                *owes_welcome = !carried.welcome;
                owed.knows_end(welcome.end);
            }
            if let Some((nick, who, since)) = held.take() {
                writer.frame(&Frame::Held(HeldNick { nick: &nick, who, since }));
            }
            carried.settled = author.say(|counter, outcome| writer.frame(&Frame::Settled { counter, outcome }));
            let (is_answered, mut said) = owed.say(*who, (told.found, told.read), people, records, writer);
            owed.say_end(now, (told.end, told.end.since(cursor.next())), &mut said, writer);
            carried.said = said;
            for piece in &mut carried.pieces {
                let Some(next) = cursor.next_run(told.end) else { break };
                let to = if next.from < *skipped_to {
                    write_gap(next.from, next.to.min(*skipped_to), GapReason::Skipped, writer)
                } else {
                    told.window.write_all(next.from, next.to, reader, told.is_large, writer)
                };
                if to == next.from {
                    break;
                }
                let run = Run { from: next.from, to };
                *piece = Piece::new(run, cursor.sent(run), Tag::default());
            }
            carried.page = read_back(reading, &mut carried.pieces, (told.window, reader), writer);
            let is_cargo = is_answered
                || carried.welcome
                || carried.settled
                || carried.said.is_any()
                || carried.page.is_some()
                || carried.pieces.iter().any(|piece| piece.count > 0);
            is_cargo.then_some(carried)
        })
    }

    /// Has this cargo sent once more.
    pub(crate) fn again(&mut self, again: Again<Cargo>, author: Option<&mut Author>) {
        let (Again::Copy(cargo) | Again::All(cargo) | Again::Rest(cargo)) = again;
        for piece in cargo.pieces {
            let cursor = if piece.of.is_some() { self.reading.cursor_of(piece.of) } else { Some(&mut self.cursor) };
            let Some(cursor) = cursor else { continue };
            match again {
                Again::Copy(_) if !piece.is_copy => cursor.copy(piece.run()),
                Again::All(_) => cursor.lost(piece.run()),
                Again::Rest(_) if piece.is_copy => cursor.lost(piece.run()),
                Again::Copy(_) | Again::Rest(_) => {}
            }
        }
        if matches!(again, Again::Copy(_)) {
            return;
        }
        self.owed.say_again(cargo.said);
        if cargo.page.is_some() {
            self.reading.lost_head(cargo.page);
        }
        self.owes_welcome |= cargo.welcome;
        if let Some(author) = author.filter(|_| cargo.settled) {
            author.say_again();
        }
    }
}

/// Writes what is read back into a packet, behind everything else: into the places that are left among its pieces. Returns the answer of
/// which the packet says what comes, if it does.
fn read_back(
    reading: &mut Reading,
    pieces: &mut [Piece],
    (window, reader): (&Window, Reader),
    writer: &mut Writer,
) -> Tag {
    let head = reading.head().is_some_and(|page| writer.frame(&Frame::Page(page)));
    if head {
        reading.told();
    }
    for piece in pieces.iter_mut().filter(|piece| piece.count == 0) {
        let Some(next) = reading.next_run() else { break };
        // Each entry by itself, also in a large room.
        let to = window.write_all(next.from, next.to, reader, false, writer);
        if to == next.from {
            break;
        }
        let run = Run { from: next.from, to };
        *piece = Piece::new(run, reading.sent(run), reading.tag());
    }
    if head { reading.tag() } else { Tag::default() }
}
