//! Who has received an entry, for its author (PROTOCOL 2.21).
//!
//! Owns: since when each key is present, which authors wait for receipts, when these are counted.
//! Must not know: what entries say. No message has a state here, and no datagram makes it look at other sessions: it counts from the
//! cursors of all sessions, on a timer, and only while an author waits.
//! Driven by: `sessions`, with the entries about who comes and goes, with *watch*, and with the deadline.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Context, Sessions};
use crate::server::admission::allowance::SESSIONS_OF_A_KEY;
use crate::server::ids::PeerId;
use crate::server::room::Room;
use crate::time::Instant;
use crate::wire::entry::{Entry, parties};
use crate::wire::frame::{Frame, RECEIPT_NAMES_MAX, Receipt, Watch, Watched, Writer};
use crate::wire::{Instance, Seq, Who};
use crate::work::{self, Work};

/// The time between two counts. Chosen: whoever looks at the number does not see more.
const PAUSE: Duration = Duration::from_millis(250);

/// How long an author waits after it has asked. Chosen: it asks again if it wants to know longer.
const LASTS: Duration = Duration::from_secs(60);

/// The authors for whom is counted at a time; the others are next. Chosen: some milliseconds in a room of ten thousand.
const WATCHERS_OF_A_TURN: usize = 32;

/// How many instances of a key it is remembered of from where on they had everything. Chosen: as many as its sessions.
const BEGINS_OF_A_KEY: usize = SESSIONS_OF_A_KEY;

/// What an author wants to know, and was told last.
#[derive(Debug)]
pub(crate) struct Watching {
    watch: Watch,
    /// Only these are asked about, if the entry is private.
    parties: Option<[Who; 2]>,
    ends: Instant,
    told: Option<(u64, u64)>,
    /// Those that have received it, encoded.
    whos: Vec<u8>,
    /// Whether it is to be told.
    owes: bool,
}

impl Watching {
    /// Whether there is an answer to be sent.
    pub(crate) const fn owes(&self) -> bool {
        self.owes && self.told.is_some()
    }

    /// Writes the answer into a packet, if there is one to be sent. Returns whether it did.
    pub(crate) fn tell(&mut self, writer: &mut Writer) -> bool {
        let Some(counts) = self.told.filter(|_| self.owes) else { return false };
        let receipt = Receipt::new(self.watch, counts, &self.whos);
        let is_told = writer.frame(&Frame::Received(receipt));
        self.owes = !is_told;
        is_told
    }

    /// Has the answer sent again.
    pub(crate) const fn tell_again(&mut self) {
        self.owes = true;
    }

    fn is_complete(&self) -> bool {
        self.told.is_some_and(|(count, of)| count == of)
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    /// The entries with which keys became present; 0 for those that were when the server began. A key that is not here is present only
    /// once the log has its *joined*.
    since: BTreeMap<Who, Seq>,
    /// The first entry that anybody may ask about: of those before the server began nobody knows who was there.
    begin: Seq,
    /// From where on the cursors of earlier sessions of present keys say what these have received.
    begins: BTreeMap<(Who, Instance), Seq>,
    /// The keys of which the newest session stays out.
    out: BTreeSet<Who>,
    /// The sessions that wait.
    watching: BTreeSet<PeerId>,
    /// Behind which of them the next turn begins.
    turn: Option<PeerId>,
    next: Option<Instant>,
    counted: Option<Instant>,
}

/// A session that may have received something, or a present key without one.
#[derive(Clone, Copy, Debug)]
struct Row {
    who: Who,
    since: Seq,
    /// It has been sent nothing before this.
    from: Seq,
    /// It has received everything from there up to this.
    have: Seq,
}

impl Receipts {
    /// Takes an entry that has effect.
    pub(super) fn append(&mut self, seq: Seq, encoded: &[u8], room: &Room) {
        match Entry::decode(encoded) {
            // Under another nick it may have been here before.
            Some(Entry::Joined { who, .. }) if room.presence.nicks_of(who) > 1 => {
                self.since.entry(who).or_insert(seq);
            }
            Some(Entry::Joined { who, .. }) => {
                self.since.insert(who, seq);
            }
            Some(Entry::Left { who, .. }) => self.forget_if_gone(who, room),
            Some(
                Entry::Line { .. }
                | Entry::Said { .. }
                | Entry::Did { .. }
                | Entry::Renamed { .. }
                | Entry::Acted { .. }
                | Entry::Private { .. },
            )
            | None => {}
        }
    }

    /// Begins with a log that ends at `end`, and with those who are present according to it.
    pub(super) fn recall(&mut self, end: Seq, present: impl IntoIterator<Item = Who>) {
        self.begin = end;
        self.since.extend(present.into_iter().map(|who| (who, Seq(0))));
    }

    /// Notes what a session that begins says about receipts. Returns from where on an earlier one of the same instance had everything, if
    /// there was one while the key was present.
    pub(super) fn arrive(&mut self, who: Who, instance: Instance, is_counted: bool) -> Option<Seq> {
        if is_counted {
            self.out.remove(&who);
        } else {
            self.out.insert(who);
        }
        self.begins.get(&(who, instance)).copied()
    }

    /// Notes from where on a session that ends had everything: the next one of its instance goes on from there.
    pub(super) fn depart(&mut self, who: Who, instance: Instance, from: Seq) {
        let first = (who, Instance([0; 8]));
        let of_key = self.begins.range(first..).take_while(|((other, _), _)| *other == who).count();
        if of_key < BEGINS_OF_A_KEY || self.begins.contains_key(&(who, instance)) {
            self.begins.insert((who, instance), from);
        }
    }

    /// Forgets a key that is present no longer.
    pub(super) fn forget_if_gone(&mut self, who: Who, room: &Room) {
        if room.presence.nicks_of(who) == 0 {
            self.since.remove(&who);
            self.out.remove(&who);
            let (first, last) = ((who, Instance([0; 8])), (who, Instance([0xff; 8])));
            let gone: Vec<_> = self.begins.range(first..=last).map(|(&begin, _)| begin).collect();
            for begin in gone {
                self.begins.remove(&begin);
            }
        }
    }

    /// Returns when to call [`Sessions::count_receipts`].
    pub(super) const fn poll_timeout(&self) -> Option<Instant> {
        self.next
    }

    /// Forgets a session that has ended.
    pub(super) fn forget(&mut self, id: PeerId) {
        self.watching.remove(&id);
        if self.watching.is_empty() {
            self.next = None;
        }
    }

    /// Forgets everything: the log is another one.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Returns an entry that can be asked about: one that the server has appended, that is there, and that nobody may have missed because it
    /// was deleted.
    fn entry<'a>(&self, seq: Seq, room: &'a Room) -> Option<&'a [u8]> {
        let is_there = seq >= self.begin.max(room.window.oldest());
        room.window.page(seq).filter(|_| is_there)?.entry(seq)
    }

    /// Counts as soon as that is allowed.
    fn arm(&mut self, now: Instant) {
        let at = self.counted.map_or(now, |counted| (counted + PAUSE).max(now));
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }
}

impl Sessions {
    /// Takes an author's question.
    pub(super) fn watch(&mut self, cx: &Context<'_>, id: PeerId, watch: Watch) {
        let Some(peer) = self.peers.get_mut(id.key()) else { return };
        if matches!(watch.what, Watched::Other(_)) {
            return;
        }
        let entry = self.receipts.entry(watch.seq, cx.room);
        let is_own = entry.and_then(Entry::decode).and_then(|entry| author(&entry)) == Some(peer.who);
        let is_asked = watch.what != Watched::Nothing;
        let nothing = Watch { what: Watched::Nothing, ..watch };
        let mut watching = Watching {
            watch: if is_own { watch } else { nothing },
            parties: entry.and_then(parties),
            ends: cx.now + LASTS,
            told: None,
            whos: Vec::new(),
            owes: false,
        };
        if is_own && is_asked {
            self.receipts.watching.insert(id);
            self.receipts.arm(cx.now);
        } else {
            if is_asked {
                (watching.told, watching.owes) = (Some((0, 0)), true);
            }
            self.receipts.forget(id);
        }
        peer.owed.watching = Some(Box::new(watching));
    }

    /// Counts for some of the authors that wait, if it is time.
    pub(super) fn count_receipts(&mut self, cx: &Context<'_>) {
        if self.receipts.next.is_none_or(|next| next > cx.now) {
            return;
        }
        self.receipts.counted = Some(cx.now);
        self.receipts.next = Some(cx.now + PAUSE);
        let rows = self.rows(cx);
        let behind = self.receipts.turn.map_or_else(|| PeerId::of(0), |turn| PeerId::of(turn.key() + 1));
        let watching = &self.receipts.watching;
        let turn: Vec<_> =
            watching.range(behind..).chain(watching.range(..behind)).take(WATCHERS_OF_A_TURN).copied().collect();
        self.receipts.turn = turn.last().copied();
        for id in turn {
            let Some(peer) = self.peers.get_mut(id.key()) else { continue };
            let author = peer.who;
            let Some(watching) = peer.owed.watching.as_mut() else { continue };
            if self.receipts.entry(watching.watch.seq, cx.room).is_some() {
                watching.count(author, &rows);
            } else {
                watching.forget();
            }
            let (is_owed, is_over) = (watching.owes, watching.is_complete() || watching.ends <= cx.now);
            if is_over {
                self.receipts.forget(id);
            }
            if is_owed {
                self.wake(id);
            }
        }
    }

    /// Returns what counts: all sessions of keys that are present, by key.
    fn rows(&self, cx: &Context<'_>) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        let mut last = None;
        for who in cx.room.presence.present_here() {
            if last.replace(who) == Some(who) {
                continue;
            }
            let Some(&since) = self.receipts.since.get(&who) else { continue };
            let mut sessions = self.of_key(who).filter_map(|id| self.peer(id)).filter(|peer| peer.present).peekable();
            if sessions.peek().is_none() {
                // It may come back within its grace.
                if !self.receipts.out.contains(&who) {
                    rows.push(Row { who, since, from: Seq(u64::MAX), have: Seq(0) });
                }
                continue;
            }
            let taking_part = sessions.filter(|peer| peer.is_counted);
            rows.extend(taking_part.map(|peer| Row {
                who,
                since,
                from: peer.received_from(),
                have: peer.cursor.next(),
            }));
        }
        work::did(Work::Scanned, rows.len());
        rows
    }
}

impl Watching {
    /// Counts who of the others has received the entry. Whoever came after it does not count.
    fn count(&mut self, author: Who, rows: &[Row]) {
        let seq = self.watch.seq;
        let (mut count, mut of, mut whos) = (0, 0, Vec::new());
        for rows in rows.chunk_by(|row, next| row.who == next.who) {
            let Row { who, since, .. } = rows[0];
            let is_meant = match self.watch.what {
                Watched::Key(key) => who == key,
                Watched::Nothing | Watched::Count | Watched::Names | Watched::Other(_) => true,
            };
            let is_party = self.parties.is_none_or(|parties| parties.contains(&who));
            if who == author || (since >= seq && since > Seq(0)) || !is_meant || !is_party {
                continue;
            }
            of += 1;
            if rows.iter().any(|row| row.from <= seq && seq < row.have) {
                count += 1;
                whos.extend(who.0);
            }
        }
        if self.watch.what != Watched::Names || of > RECEIPT_NAMES_MAX as u64 {
            whos.clear();
        }
        if self.told.replace((count, of)) != Some((count, of)) || whos != self.whos {
            self.owes = true;
        }
        self.whos = whos;
    }

    /// Tells the author that the entry cannot be asked about any more.
    fn forget(&mut self) {
        self.watch.what = Watched::Nothing;
        (self.told, self.owes) = (Some((0, 0)), true);
        self.whos.clear();
    }
}

/// Returns the key of whoever posted an entry; `None` for a text member's, and for what servers write by themselves.
fn author(entry: &Entry<'_>) -> Option<Who> {
    match *entry {
        Entry::Said { who, .. }
        | Entry::Did { who, .. }
        | Entry::Renamed { who, .. }
        | Entry::Acted { who, .. }
        | Entry::Private { who, .. } => Some(who),
        Entry::Line { .. } | Entry::Joined { .. } | Entry::Left { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUTHOR: Who = Who([9; 8]);

    fn row(who: u8, since: u64, from: u64, have: u64) -> Row {
        Row { who: Who([who; 8]), since: Seq(since), from: Seq(from), have: Seq(have) }
    }

    fn watching(what: Watched) -> Watching {
        let watch = Watch { seq: Seq(50), what };
        Watching { watch, parties: None, ends: Instant::ZERO, told: None, whos: Vec::new(), owes: false }
    }

    fn counted(what: Watched, rows: &[Row]) -> (u64, u64) {
        let mut watching = watching(what);
        watching.count(AUTHOR, rows);
        watching.told.unwrap()
    }

    #[test]
    fn a_key_has_received_what_one_of_its_sessions_has_that_had_begun_by_then() {
        let rows = [
            row(1, 10, 10, 51),
            row(2, 10, 10, 50),
            row(3, 10, 60, 70),
            row(3, 10, 10, 20),
            row(4, 50, 50, 70),
            row(5, 0, 50, 51),
            row(9, 10, 10, 70),
        ];
        assert_eq!(counted(Watched::Count, &rows), (2, 4), "4 came after it, 9 is its author's");
        assert_eq!(counted(Watched::Key(Who([1; 8])), &rows), (1, 1));
        assert_eq!(counted(Watched::Key(Who([3; 8])), &rows), (0, 1), "one began behind it, the other is behind");
        assert_eq!(counted(Watched::Key(Who([4; 8])), &rows), (0, 0));
        assert_eq!(counted(Watched::Count, &[]), (0, 0));
    }

    #[test]
    fn an_answer_is_owed_when_it_has_changed_and_not_when_it_has_not() {
        for what in [Watched::Count, Watched::Names, Watched::Key(Who([1; 8]))] {
            let mut watching = watching(what);
            watching.count(AUTHOR, &[row(1, 10, 10, 40), row(2, 10, 10, 40)]);
            assert!(watching.owes(), "the first answer");
            assert!(watching.tell(&mut Writer::default()));
            watching.count(AUTHOR, &[row(1, 10, 10, 60), row(2, 10, 10, 40)]);
            assert!(watching.owes(), "{what:?}");
            assert!(watching.tell(&mut Writer::default()));
            watching.count(AUTHOR, &[row(1, 10, 10, 70), row(2, 10, 10, 50)]);
            assert!(!watching.owes(), "{what:?}: it is the same");
        }
    }

    #[test]
    fn only_a_small_room_is_told_who_it_was() {
        for (keys, named) in [(64, 64), (65, 0)] {
            let rows: Vec<_> = (100..100 + keys).map(|who| row(who, 0, 0, 60)).collect();
            let mut watching = watching(Watched::Names);
            watching.count(AUTHOR, &rows);
            assert_eq!((watching.told, watching.whos.len()), (Some((keys.into(), keys.into())), named * 8));
        }
    }
}
