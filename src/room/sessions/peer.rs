//! One member's session: what it is sent.
//!
//! Owns: the session with its cursor, what else it has to be told, the form of its packets.
//! Must not know: other members.
//! Driven by: `sessions`.

use super::authors::{Author, AuthorId};
use super::cursor::{Cursor, Run};
use super::history::History;
use crate::room::members::Path;
use crate::room::rate::Meter;
use crate::sabotage::{Fault, planted};
use crate::session::{Allowed, Session};
use crate::time::Instant;
use crate::wire::frame::{Frame, GapReason, People, PersonId, Welcome, Writer};
use crate::wire::{Instance, Nick, Seq, SessionId, Who};

/// The entries that a client takes before it has said how many (PROTOCOL 2.8).
const TAKES_AT_FIRST: u64 = 4096;

/// What program the server is, for people.
const SOFTWARE: &str = concat!("udpchat ", env!("CARGO_PKG_VERSION"));

/// Names a session as long as it lasts; may be given to another one afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PeerId(pub(super) u32);

/// What a packet carried.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cargo {
    /// The first entry and how many; few bytes, for there is one of these for each packet under way.
    from: Seq,
    count: u32,
    welcome: bool,
    settled: bool,
}

/// A member's session.
#[derive(Debug)]
pub(super) struct Peer {
    /// What we call the session.
    pub(super) id: SessionId,
    pub(super) session: Session<Path, Cargo>,
    pub(super) who: Who,
    pub(super) instance: Instance,
    pub(super) nick: Nick,
    pub(super) present: bool,
    pub(super) author: AuthorId,
    pub(super) cursor: Cursor,
    welcome: Welcome,
    /// The welcome is to be sent.
    welcomes: bool,
    /// Who is here, if it asked; said once, for it asks again.
    pub(super) people: Option<Box<Answer>>,
    /// What it has used of the rate of its posts.
    pub(super) meter: Meter,
    /// Until when the pacer holds it back.
    pub(super) paced: Option<Instant>,
    /// It stands among those that are ready.
    pub(super) queued: bool,
    /// Where it stands among those that wait for the log to grow.
    pub(super) at_end: Option<usize>,
}

/// Some of those who are here, as a frame says it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) after: Option<PersonId>,
    pub(super) more: bool,
    pub(super) encoded: Vec<u8>,
}

/// Who the member is.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) who: Who,
    pub(super) instance: Instance,
    pub(super) nick: Nick,
    pub(super) present: bool,
    pub(super) author: AuthorId,
}

impl Peer {
    /// A session that has just begun.
    pub(super) fn new(id: SessionId, session: Session<Path, Cargo>, identity: Identity, welcome: Welcome) -> Self {
        let Identity { who, instance, nick, present, author } = identity;
        Self {
            id,
            session,
            who,
            instance,
            nick,
            present,
            author,
            cursor: Cursor::new(welcome.start, TAKES_AT_FIRST),
            welcome,
            welcomes: true,
            people: None,
            meter: Meter::default(),
            paced: None,
            queued: false,
            at_end: None,
        }
    }

    /// Whether it has cargo to be sent.
    pub(super) fn wants(&self, author: &Author, end: Seq) -> bool {
        self.welcomes || self.people.is_some() || author.has_news() || !self.cursor.is_at(end)
    }

    /// The next packet, if there is any: adds it to `out` and returns where it goes.
    pub(super) fn poll_packet(
        &mut self,
        now: Instant,
        author: &mut Author,
        history: &History,
        out: &mut Vec<u8>,
    ) -> Option<Path> {
        let (cursor, welcomes, welcome) = (&mut self.cursor, &mut self.welcomes, self.welcome);
        let people = &mut self.people;
        self.session.poll_packet(now, out, |writer, Allowed { cargo, .. }| {
            let mut carried = Cargo::default();
            if !cargo {
                return None;
            }
            if *welcomes && writer.frame(&Frame::Welcome { welcome, software: SOFTWARE }) {
                (*welcomes, carried.welcome) = (false, true);
            }
            carried.settled = author.say(|counter, outcome| writer.frame(&Frame::Settled { counter, outcome }));
            let said = people.as_ref().is_some_and(|answer| {
                writer.frame(&Frame::People(People::new(answer.after, answer.more, &answer.encoded)))
            });
            if said {
                *people = None;
            }
            if let Some(next) = cursor.next_run(history.end()) {
                let run = write_run(next, history, writer);
                if !run.is_empty() {
                    cursor.sent(run);
                    (carried.from, carried.count) =
                        (run.from, u32::try_from(run.to.since(run.from)).unwrap_or(u32::MAX));
                }
            }
            (said || carried.welcome || carried.settled || carried.count > 0).then_some(carried)
        })
    }

    /// A packet with this cargo is lost.
    pub(super) fn lost(&mut self, cargo: Cargo, author: Option<&mut Author>) {
        self.welcomes |= cargo.welcome;
        self.cursor.lost(Run { from: cargo.from, to: cargo.from + cargo.count.into() });
        if let Some(author) = author.filter(|_| cargo.settled) {
            author.say_again();
        }
    }
}

/// Writes as much of the run as fits, as entries or as a gap, and returns that part.
fn write_run(next: Run, history: &History, writer: &mut Writer) -> Run {
    let gone = Run { from: next.from, to: next.to.min(history.first()) };
    if gone.is_empty() {
        let to = history.write(next.from, next.to, writer);
        if to < next.to && to > next.from {
            // More follows: full packets have one length (PROTOCOL 2.5).
            writer.pad();
        }
        return Run { from: next.from, to };
    }
    let gap = Frame::Gap { first: gone.from, count: gone.to.since(gone.from), why: GapReason::Gone };
    if planted(Fault::SilentGap) || writer.frame(&gap) { gone } else { Run { from: gone.from, to: gone.from } }
}
