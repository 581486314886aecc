//! One member's session: what it is sent.
//!
//! Owns: the session with its cursor, what else it has to be told, the form of its packets.
//! Must not know: other members.
//! Driven by: `sessions`.

use crate::log::PAGE;
use crate::log::Recent;
use crate::server::admission::allowance::Part;
use crate::server::room::posts::{Author, AuthorId};
use crate::server::sessions::archive::Archive;
use crate::server::sessions::cursor::{Cursor, Run};
use crate::server::text::members::{Path, SocketId};
use crate::session::{Allowed, Session};
use crate::time::Instant;
use crate::wire::frame::{Frame, GapReason, History, People, PersonId, Welcome, Writer};
use crate::wire::{Instance, Nick, Seq, SessionId, Who};

/// The entries that a client takes before it has said how many (PROTOCOL 2.8).
const TAKES_AT_FIRST: u64 = 4096;

/// What program the server is, for people.
const SOFTWARE: &str = concat!("udpchat ", env!("CARGO_PKG_VERSION"));

/// Names a session as long as it lasts; may be given to another one afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PeerId(pub(crate) u32);

/// What a packet carried.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cargo {
    /// The first entry and how many; few bytes, for there is one of these for each packet under way.
    from: Seq,
    count: u32,
    welcome: bool,
    settled: bool,
}

/// A member's session.
#[derive(Debug)]
pub(crate) struct Peer {
    /// What we call the session.
    pub(crate) id: SessionId,
    pub(crate) session: Session<Path, Cargo>,
    pub(crate) who: Who,
    pub(crate) instance: Instance,
    pub(crate) nick: Nick,
    pub(crate) present: bool,
    pub(crate) author: AuthorId,
    pub(crate) cursor: Cursor,
    welcome: Welcome,
    /// The welcome is to be sent.
    welcomes: bool,
    /// Something is being looked up before the session can begin: it is sent nothing, and nothing of it is taken.
    pub(crate) begins: bool,
    /// How far back it wants to begin, if that is being looked up.
    pub(crate) history: Option<History>,
    /// It waits for a page of old entries, or did.
    pub(crate) is_behind: bool,
    /// Behind whom it asked who is here, if it did; answered once, for it asks again.
    pub(crate) asked: Option<Option<PersonId>>,
    /// What it may post.
    pub(crate) allowed: Part,
    /// Until when the pacer holds it back.
    pub(crate) paced: Option<Instant>,
    /// It stands among those of this socket that are ready.
    pub(crate) queued: Option<SocketId>,
    /// Where it stands among those that wait for the log to grow.
    pub(crate) at_end: Option<usize>,
}

/// Who the member is.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) who: Who,
    pub(crate) instance: Instance,
    pub(crate) nick: Nick,
    pub(crate) present: bool,
    pub(crate) author: AuthorId,
}

impl Peer {
    /// A session that has just begun.
    pub(crate) fn new(
        id: SessionId,
        session: Session<Path, Cargo>,
        identity: Identity,
        welcome: Welcome,
        allowed: Part,
    ) -> Self {
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
            begins: false,
            history: None,
            is_behind: false,
            asked: None,
            allowed,
            paced: None,
            queued: None,
            at_end: None,
        }
    }

    /// Entries that are to be read for it: what it cannot go on without, and what comes behind that.
    pub(crate) fn lacks(&self, entries: Entries<'_>) -> impl Iterator<Item = Seq> {
        let next = self.cursor.next_run(entries.recent.end());
        let ahead = next.into_iter().flat_map(|next| [next.from, next.from + PAGE]);
        ahead.filter(move |&seq| entries.lacks(seq))
    }

    /// What was to be looked up is known: this is where it begins.
    pub(crate) fn begin(&mut self, welcome: Welcome) {
        (self.welcome, self.cursor) = (welcome, Cursor::new(welcome.start, TAKES_AT_FIRST));
        self.begins = false;
    }

    /// The welcome as it will be sent.
    pub(crate) const fn welcome(&self) -> Welcome {
        self.welcome
    }

    /// Whether it has cargo to be sent.
    pub(crate) fn wants(&self, author: &Author, end: Seq) -> bool {
        self.welcomes || self.asked.is_some() || author.has_news() || !self.cursor.is_at(end)
    }

    /// The next packet, if there is any: adds it to `out` and returns where it goes.
    pub(crate) fn poll_packet(
        &mut self,
        now: Instant,
        author: &mut Author,
        entries: Entries<'_>,
        people: impl FnOnce(Option<PersonId>) -> (bool, Vec<u8>),
        out: &mut Vec<u8>,
    ) -> Option<Path> {
        let (cursor, welcomes, welcome) = (&mut self.cursor, &mut self.welcomes, self.welcome);
        let (asked, nick) = (&mut self.asked, self.nick.as_str());
        self.session.poll_packet(now, out, |writer, Allowed { cargo, .. }| {
            let mut carried = Cargo::default();
            if !cargo {
                return None;
            }
            if *welcomes && writer.frame(&Frame::Welcome { welcome, nick, software: SOFTWARE }) {
                (*welcomes, carried.welcome) = (false, true);
            }
            carried.settled = author.say(|counter, outcome| writer.frame(&Frame::Settled { counter, outcome }));
            // Made when it is sent, and only if it has place: a question costs no more than its answer.
            let said = match asked.take_if(|_| writer.has_place_for_people()) {
                Some(after) => {
                    let (more, encoded) = people(after);
                    writer.frame(&Frame::People(People::new(after, more, &encoded)))
                }
                None => false,
            };
            if let Some(next) = cursor.next_run(entries.recent.end()) {
                let run = entries.write_all(next, writer);
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
    pub(crate) fn lost(&mut self, cargo: Cargo, author: Option<&mut Author>) {
        self.welcomes |= cargo.welcome;
        self.cursor.lost(Run { from: cargo.from, to: cargo.from + cargo.count.into() });
        if let Some(author) = author.filter(|_| cargo.settled) {
            author.say_again();
        }
    }
}

/// Where the entries are that can be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entries<'a> {
    pub(crate) recent: &'a Recent,
    pub(crate) archive: &'a Archive,
}

impl Entries<'_> {
    /// The oldest entry that there still is.
    pub(crate) fn oldest(&self) -> Seq {
        self.archive.oldest().unwrap_or_else(|| self.recent.first())
    }

    /// Whether that entry is to be read first.
    pub(crate) fn lacks(&self, seq: Seq) -> bool {
        seq >= self.oldest() && seq < self.recent.first() && self.archive.page(seq).is_none()
    }

    /// Writes as much of the run as fits and is here, and returns that part.
    fn write_all(&self, next: Run, writer: &mut Writer) -> Run {
        let mut written = Run { from: next.from, to: next.from };
        loop {
            let run = self.write(Run { from: written.to, to: next.to }, writer);
            written.to = run.to;
            if run.is_empty() || written.to >= next.to {
                break;
            }
        }
        if written.to < next.to && !written.is_empty() && !self.lacks(written.to) {
            // More follows: full packets have one length (PROTOCOL 2.5).
            writer.pad();
        }
        written
    }

    /// Writes as much of the run as fits one frame, of entries or a gap.
    fn write(&self, next: Run, writer: &mut Writer) -> Run {
        let nothing = Run { from: next.from, to: next.from };
        let gone = (next.to.min(self.oldest()), GapReason::Gone);
        let page = self.archive.page(next.from).filter(|_| next.from < self.recent.first());
        let missing =
            if next.from < gone.0 { Some(gone) } else { page.and_then(|page| page.missing(next.from, next.to)) };
        if let Some((to, why)) = missing {
            let gap = Frame::Gap { first: next.from, count: to.since(next.from), why };
            return if writer.frame(&gap) { Run { from: next.from, to } } else { nothing };
        }
        let to = match page {
            Some(page) => page.write(next.from, next.to, writer),
            None if next.from >= self.recent.first() => self.recent.write(next.from, next.to, writer),
            None => return nothing,
        };
        Run { from: next.from, to }
    }
}
