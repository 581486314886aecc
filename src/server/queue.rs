//! Accepted items that wait for their turn.
//!
//! Owns: the queued datagrams, one line of them for each source, and whose turn it is; their buffers, which are reused.
//! Must not know: what the datagrams mean, who the sources are.
//! Driven by: `server`.
//!
//! Turns go round the sources that have something waiting, one datagram a turn, so that a flooding source delays only itself. A
//! source that is ahead of its rate rests, outside the round, until its next datagram is due. When the queue is full, the
//! source with the most waiting datagrams loses its oldest one if it has more than the even share; otherwise the new datagram
//! is dropped.

use std::collections::{BTreeSet, VecDeque};

use slab::Slab;

use crate::log::DraftId;
use crate::policy::names::{self, Skeletons};
use crate::server::ids::Source;
use crate::time::Instant;
use crate::wire::entry::{Act, Claim, Entry, Tail, Terms};
use crate::wire::text::{JOINED, LINE_MAX, SIGNUP_TAG};
use crate::wire::{CloseReason, PostId, Seq, Timestamp, Who};
use crate::work::{self, Work};

/// The most datagrams that wait. Chosen: several times what a socket buffer of the usual size holds.
pub(super) const WAITING_MAX: usize = 2048;

/// The most bytes that wait. Chosen: a full queue of lines of usual length.
pub(super) const WAITING_BYTES_MAX: usize = 1024 * 1024;

/// The longest buffer that is kept for reuse: that of the longest line that is not cut.
const BUFFER_KEPT: usize = LINE_MAX;

/// When less than a quarter is free, an author may have one part in this many of the free space. Chosen: if sixty authors take
/// all they can get, the last 36 of them still leave a third of the quarter.
const CROWDED_PART: usize = 32;

/// Sources that may be looked at for each lost datagram. Chosen: it costs less than receiving one.
const LOOK_PER_LOSS: usize = 64;

/// The kind of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum ItemKind {
    /// A text member's line.
    #[default]
    Line,
    /// A text member signed up.
    Signup,
    /// A member posted a message.
    Said,
    /// A member is present.
    Joined,
    /// A member is no longer present.
    Left(CloseReason),
    /// A member posted an action.
    Did,
    /// A member changed its nick.
    Renamed,
    /// Somebody used a right.
    Acted,
    /// A member wrote to another one in private.
    Private,
}

/// What somebody does with a right, ready for the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deed {
    pub(crate) act: Act,
    /// The key that it concerns; [`Who::SERVER`] if that is none.
    pub(crate) whom: Who,
    /// The nick, the address or the setting that it concerns.
    pub(crate) of: String,
    pub(crate) until: Timestamp,
    pub(crate) terms: Terms,
    /// Which registration waits for it; 0 if none does.
    pub(crate) ticket: u64,
}

/// Something that is to become an entry.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Item<'a> {
    pub(super) source: Source,
    pub(super) kind: ItemKind,
    /// The nick of a session's author; empty for a text member.
    pub(super) nick: &'a str,
    /// The nick of a signup, the text, or the nick that it is about.
    pub(super) text: &'a str,
    /// The short name of a session's author's key.
    pub(super) who: Who,
    /// Its whole key, if the entry is to claim a nick for it, or is private.
    pub(super) key: Option<[u8; 32]>,
    pub(super) post: Option<PostId>,
    /// What is done with a right; the text is why. Of a private message, whom it is for.
    pub(super) deed: Option<&'a Deed>,
    /// A private message.
    pub(super) sealed: &'a [u8],
    /// Its turn does not come before this.
    pub(super) due: Instant,
}

/// An item on its way into the log.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// The nick of a signup, the text, or the nick that it is about.
    pub(super) text: String,
    pub(super) nick: String,
    pub(super) who: Who,
    pub(super) key: Option<[u8; 32]>,
    pub(super) post: Option<PostId>,
    pub(super) deed: Deed,
    pub(super) sealed: Vec<u8>,
    pub(super) source: Source,
    pub(super) kind: ItemKind,
    /// How many of its entries are not appended yet. Known once it is taken out.
    pub(super) entries: u64,
    /// Its first entry.
    pub(super) first: Option<Seq>,
    /// Its turn does not come before this.
    due: Instant,
    taken: bool,
    generation: u32,
    next: Option<u32>,
}

impl Slot {
    /// Renders the line that text peers are shown.
    pub(super) fn render(&self, into: &mut String) {
        if self.kind == ItemKind::Signup {
            into.clear();
            into.extend([&self.text, JOINED]);
        } else {
            self.entry(&self.text).render(into);
        }
    }

    /// Returns how it reads in the transcript: tag and text.
    pub(super) fn in_transcript<'a>(&'a self, rendered: &'a mut String) -> (&'static str, &'a str) {
        match self.kind {
            ItemKind::Signup => (SIGNUP_TAG, &self.text),
            ItemKind::Line => ("", &self.text),
            // As in an original server's transcript, whichever dialect the client speaks.
            ItemKind::Joined => (SIGNUP_TAG, &self.nick),
            ItemKind::Said
            | ItemKind::Left(_)
            | ItemKind::Did
            | ItemKind::Renamed
            | ItemKind::Acted
            | ItemKind::Private => {
                self.render(rendered);
                ("", rendered)
            }
        }
    }

    /// Returns the entry to store; for a text member, the line as `rendered`.
    pub(super) fn entry<'a>(&'a self, rendered: &'a str) -> Entry<'a> {
        let (who, nick) = (self.who, self.nick.as_str());
        match self.kind {
            ItemKind::Line | ItemKind::Signup => Entry::Line { text: rendered },
            ItemKind::Said => Entry::Said { who, nick, text: &self.text },
            ItemKind::Joined => Entry::Joined { who, nick },
            ItemKind::Left(why) => Entry::Left { who, nick, why },
            ItemKind::Did => Entry::Did { who, nick, text: &self.text },
            ItemKind::Renamed => Entry::Renamed { who, nick, to: &self.text },
            ItemKind::Acted => {
                let Deed { act, whom, ref of, until, .. } = self.deed;
                Entry::Acted { who, nick, act, whom, of, until, why: &self.text }
            }
            ItemKind::Private => {
                let Deed { whom: to, ref of, .. } = self.deed;
                Entry::Private { who, to, nick, of, post: self.post.unwrap_or_default(), sealed: &self.sealed }
            }
        }
    }

    /// Returns the nick of the author behind the entry.
    pub(super) fn nick_afterwards(&self) -> &str {
        if self.kind == ItemKind::Renamed { &self.text } else { &self.nick }
    }

    /// Returns the skeletons of the nick that the entry claims; none if it claims none.
    pub(super) fn skeletons(&self) -> Skeletons {
        let claims = self.key.is_some() && self.kind != ItemKind::Private;
        if claims { Skeletons::of(self.nick_afterwards()) } else { Skeletons::default() }
    }

    /// Returns what follows the entry's time: the terms of an act, the author of a private message, or a claim to a nick with these skeletons.
    pub(super) fn tail<'a>(&self, skeletons: &'a Skeletons) -> Option<Tail<'a>> {
        if self.kind == ItemKind::Acted {
            return (self.deed.act != Act::Release).then_some(Tail::Terms(self.deed.terms));
        }
        if self.kind == ItemKind::Private {
            return self.key.map(Tail::Author);
        }
        let mut skeletons = skeletons.iter();
        let (first, second) = (skeletons.next()?, skeletons.next().unwrap_or_default());
        Some(Tail::Claim(Claim { key: self.key?, tables: names::TABLES, first, second }))
    }
}

/// The datagrams of one source.
#[derive(Clone, Copy, Debug, Default)]
struct Backlog {
    /// The oldest and the newest that wait.
    head: Option<u32>,
    tail: Option<u32>,
    waiting: u32,
    /// Taken out by [`Queue::pop`], and not by [`Queue::take`] yet.
    under_way: u32,
}

/// The queue; see the module.
#[derive(Debug, Default)]
pub(super) struct Queue {
    slots: Slab<Slot>,
    /// Empty slots, kept for their memory.
    spare: Vec<Slot>,
    /// How many items there have been: distinguishes two items in one slot.
    pushed: u32,
    /// Items that lost their place, until they are taken.
    lost: VecDeque<Slot>,
    /// By the source's key.
    backlogs: Vec<Backlog>,
    turns: VecDeque<Source>,
    /// Sources whose next datagram is not due yet, by the time when it is.
    resting: BTreeSet<(Instant, Source)>,
    /// The latest time that [`Queue::wake`] was given.
    now: Instant,
    waiting: usize,
    bytes: usize,
    /// The source that had the longest backlog at the last look.
    heaviest: Source,
    /// Datagrams that were lost since then.
    since_look: usize,
}

impl Queue {
    /// Whether anything of `source` waits, is under way, or has lost its place without being reported yet.
    pub(super) fn holds(&self, source: Source) -> bool {
        self.backlogs.get(source.key()).is_some_and(|backlog| backlog.waiting + backlog.under_way > 0)
            || self.lost.iter().any(|slot| slot.source == source)
    }

    /// Puts the sources that have rested enough back into the round.
    pub(super) fn wake(&mut self, now: Instant) {
        self.now = self.now.max(now);
        while let Some(&(due, source)) = self.resting.first().filter(|&&(due, _)| due <= self.now) {
            self.resting.remove(&(due, source));
            self.turns.push_back(source);
        }
    }

    /// Returns when [`Queue::wake`] has something to do; always after the `now` of its last call.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        self.resting.first().map(|&(due, _)| due)
    }

    /// Whether `items` more with `bytes` of text have place without anybody losing something.
    fn has_place(&self, items: usize, bytes: usize) -> bool {
        self.waiting + items <= WAITING_MAX && self.bytes + bytes <= WAITING_BYTES_MAX
    }

    /// Whether `items` more of an author have place: without anybody losing something, or because the author has less than its
    /// share while a text member, to whom nothing is promised, has more. When less than a quarter is free, an author may have a
    /// 32nd of the free space waiting (dynamic thresholds, Choudhury and Hahne 1998), and always one post: nobody can fill the
    /// queue with resting posts and silence the others.
    pub(super) fn takes(&self, author: Source, items: usize, bytes: usize) -> bool {
        let sources = self.turns.len() + self.resting.len() + 1;
        let waiting = self.waiting_of(author);
        let share = (self.waiting / sources).max(1);
        let yields = matches!(self.heaviest, Source::Text(_)) && self.waiting_of(self.heaviest) > share;
        let mut most = usize::MAX;
        if self.waiting + items > WAITING_MAX / 4 * 3 {
            most = WAITING_MAX.saturating_sub(self.waiting) / CROWDED_PART;
        }
        if self.bytes + bytes > WAITING_BYTES_MAX / 4 * 3 {
            most = most.min(WAITING_BYTES_MAX.saturating_sub(self.bytes) / LINE_MAX / CROWDED_PART);
        }
        (self.has_place(items, bytes) && waiting + items <= most.max(1)) || (yields && waiting < share)
    }

    /// Whether there is place for notices of members that come and go: half of the queue is reserved for messages.
    pub(super) const fn has_place_for_notices(&self) -> bool {
        self.waiting < WAITING_MAX / 2
    }

    /// Puts an item behind the others of its source; its turn does not come before it is due. Items that lose their place for
    /// it are returned by [`Queue::poll_lost`]. False if the item itself has no place.
    pub(super) fn push(&mut self, item: Item<'_>) -> bool {
        let Item { source, kind, nick, text, who, key, post, deed, sealed, due } = item;
        while !self.has_place(1, text.len() + sealed.len()) {
            let Some(lost) = self.drop_from_heaviest(source) else { return false };
            let slot = self.slots.remove(lost as usize);
            self.lost.push_back(slot);
        }
        self.pushed = self.pushed.wrapping_add(1);
        let mut slot = self.spare.pop().unwrap_or_default();
        slot.text.push_str(text);
        slot.nick.push_str(nick);
        slot.source = source;
        slot.kind = kind;
        slot.who = who;
        slot.key = key;
        slot.post = post;
        slot.deed = deed.cloned().unwrap_or_default();
        slot.sealed.extend_from_slice(sealed);
        slot.due = due;
        slot.generation = self.pushed;
        let index = u32::try_from(self.slots.insert(slot)).expect("the queue is short");
        if self.backlogs.len() <= source.key() {
            self.backlogs.resize(source.key() + 1, Backlog::default());
        }
        let backlog = &mut self.backlogs[source.key()];
        match backlog.tail.replace(index) {
            Some(tail) => self.slots[tail as usize].next = Some(index),
            None => {
                backlog.head = Some(index);
                self.line_up(source);
            }
        }
        self.backlogs[source.key()].waiting += 1;
        self.waiting += 1;
        self.bytes += text.len() + sealed.len();
        if self.waiting_of(source) > self.waiting_of(self.heaviest) {
            self.heaviest = source;
        }
        self.check();
        true
    }

    /// Returns the next item that lost its place; to be given to [`Queue::recycle`].
    pub(super) fn poll_lost(&mut self) -> Option<Slot> {
        self.lost.pop_front()
    }

    /// Returns what [`Queue::pop`] would take out.
    pub(super) fn peek(&self) -> Option<&Slot> {
        let &source = self.turns.front()?;
        self.backlogs[source.key()].head.map(|head| &self.slots[head as usize])
    }

    /// Takes out the next item, which will make `entries` entries; it can be read under its id until [`Queue::take`].
    pub(super) fn pop(&mut self, entries: u64) -> Option<DraftId> {
        let source = self.turns.pop_front()?;
        let index = self.unlink_oldest(source)?;
        self.line_up(source);
        self.backlogs[source.key()].under_way += 1;
        let slot = &mut self.slots[index as usize];
        slot.taken = true;
        slot.entries = entries;
        let id = DraftId(u64::from(slot.generation) << 32 | u64::from(index));
        self.check();
        Some(id)
    }

    /// Returns the item that was taken out under this id, until [`Queue::take`].
    pub(super) fn get(&self, id: DraftId) -> Option<&Slot> {
        let (index, generation) = parts(id);
        self.slots.get(index).filter(|slot| slot.taken && slot.generation == generation)
    }

    /// Like [`Queue::get`].
    pub(super) fn get_mut(&mut self, id: DraftId) -> Option<&mut Slot> {
        let (index, generation) = parts(id);
        self.slots.get_mut(index).filter(|slot| slot.taken && slot.generation == generation)
    }

    /// Removes an item that was taken out; to be given to [`Queue::recycle`].
    pub(super) fn take(&mut self, id: DraftId) -> Option<Slot> {
        self.get(id)?;
        let slot = self.slots.remove(parts(id).0);
        self.backlogs[slot.source.key()].under_way -= 1;
        Some(slot)
    }

    /// Returns the ids of all items that were taken out, and not removed by [`Queue::take`] yet.
    pub(super) fn under_way(&self) -> Vec<DraftId> {
        let taken = self.slots.iter().filter(|(_, slot)| slot.taken);
        taken.map(|(index, slot)| DraftId(u64::from(slot.generation) << 32 | index as u64)).collect()
    }

    /// Forgets the waiting items of sessions: the sessions are gone, and so is the log that the items were meant for.
    pub(super) fn retain_text(&mut self) {
        let all = self.turns.iter().copied().chain(self.resting.iter().map(|&(_, source)| source));
        let sessions: Vec<_> = all.filter(|source| matches!(source, Source::Session(_))).collect();
        self.turns.retain(|source| matches!(source, Source::Text(_)));
        self.resting.retain(|(_, source)| matches!(source, Source::Text(_)));
        let mut forgotten = Vec::new();
        for source in sessions {
            while let Some(index) = self.unlink_oldest(source) {
                forgotten.push(self.slots.remove(index as usize));
            }
        }
        self.heaviest = Source::default();
        // Only now: the last one may give back all the memory.
        for slot in forgotten {
            self.recycle(slot);
        }
        self.check();
    }

    /// Takes back a slot whose content is no longer needed.
    pub(super) fn recycle(&mut self, mut slot: Slot) {
        if self.slots.is_empty() && self.spare.len() > WAITING_MAX / 8 {
            // Nothing is left of a flood: give its memory back.
            let (now, pushed, lost) = (self.now, self.pushed, std::mem::take(&mut self.lost));
            *self = Self { now, pushed, lost, ..Self::default() };
            return;
        }
        slot.text.clear();
        slot.nick.clear();
        slot.sealed.clear();
        if slot.text.capacity() > BUFFER_KEPT {
            slot.text = String::new();
        }
        self.spare.push(Slot { text: slot.text, nick: slot.nick, sealed: slot.sealed, ..Slot::default() });
    }

    /// Puts a source where its oldest datagram belongs: in the round, or at rest.
    fn line_up(&mut self, source: Source) {
        let Some(head) = self.backlogs[source.key()].head else { return };
        let due = self.slots[head as usize].due;
        if due <= self.now {
            self.turns.push_back(source);
        } else {
            self.resting.insert((due, source));
        }
    }

    fn waiting_of(&self, source: Source) -> usize {
        self.backlogs.get(source.key()).map_or(0, |backlog| backlog.waiting as usize)
    }

    fn unlink_oldest(&mut self, source: Source) -> Option<u32> {
        let backlog = &mut self.backlogs[source.key()];
        let head = backlog.head?;
        let slot = &mut self.slots[head as usize];
        backlog.head = slot.next.take();
        if backlog.head.is_none() {
            backlog.tail = None;
        }
        backlog.waiting -= 1;
        self.waiting -= 1;
        self.bytes -= slot.text.len() + slot.sealed.len();
        Some(head)
    }

    /// Takes out the oldest datagram of the source with the longest backlog. `None` if the newcomer has more than the even
    /// share itself, or if no other source has.
    fn drop_from_heaviest(&mut self, newcomer: Source) -> Option<u32> {
        let sources = self.turns.len() + self.resting.len() + usize::from(self.waiting_of(newcomer) == 0);
        let share = (self.waiting / sources.max(1)).max(1);
        if self.waiting_of(newcomer) > share {
            return None;
        }
        self.since_look += 1;
        if self.waiting_of(self.heaviest) <= share && self.since_look * LOOK_PER_LOSS >= sources {
            let resting = self.resting.iter().map(|&(_, source)| source);
            let all = self.turns.iter().copied().chain(resting);
            work::did(Work::Scanned, sources);
            self.heaviest = all.max_by_key(|&source| self.waiting_of(source)).unwrap_or_default();
            self.since_look = 0;
        }
        self.drop_oldest_of(self.heaviest, share)
    }

    fn drop_oldest_of(&mut self, source: Source, share: usize) -> Option<u32> {
        if self.waiting_of(source) <= share {
            return None;
        }
        let oldest = self.unlink_oldest(source)?;
        // It has at least one more, and a resting source rests until that one is due.
        if self.resting.remove(&(self.slots[oldest as usize].due, source)) {
            self.line_up(source);
        }
        Some(oldest)
    }

    fn check(&self) {
        debug_assert!(self.lost.len() <= WAITING_MAX);
        debug_assert!(self.waiting <= WAITING_MAX && self.bytes <= WAITING_BYTES_MAX);
        debug_assert!(self.turns.len() + self.resting.len() <= self.waiting);
    }
}

/// Splits a draft's id into its slot and the number of the item in it.
fn parts(DraftId(id): DraftId) -> (usize, u32) {
    let [.., a, b, c, d] = id.to_be_bytes();
    (u32::from_be_bytes([a, b, c, d]) as usize, u32::try_from(id >> 32).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::ids::{AuthorId, MemberId};

    const FLOODER: Source = Source::Session(AuthorId(3));
    const JILL: Source = Source::Text(MemberId(0));
    const JACK: Source = Source::Text(MemberId(1));

    /// Members over text and authors alternate.
    fn source(number: usize) -> Source {
        let id = u32::try_from(number / 2).unwrap();
        if number.is_multiple_of(2) { Source::Text(MemberId(id)) } else { Source::Session(AuthorId(id)) }
    }

    fn said(queue: &mut Queue, source: Source, text: &str) -> u64 {
        said_at(queue, source, text, Instant::ZERO)
    }

    /// Returns how many datagrams were lost for it, itself included.
    fn said_at(queue: &mut Queue, source: Source, text: &str, due: Instant) -> u64 {
        let mut dropped = 0;
        let taken = queue.push(Item { source, text, due, ..Item::default() });
        while let Some(lost) = queue.poll_lost() {
            queue.recycle(lost);
            dropped += 1;
        }
        dropped + u64::from(!taken)
    }

    fn next(queue: &mut Queue) -> Option<(Source, String)> {
        let id = queue.pop(1)?;
        let slot = queue.take(id)?;
        assert!(queue.get(id).is_none(), "taken");
        let item = (slot.source, slot.text.clone());
        queue.recycle(slot);
        Some(item)
    }

    #[test]
    fn who_floods_waits_for_itself() {
        let mut queue = Queue::default();
        for number in 0..100 {
            assert_eq!(said(&mut queue, FLOODER, &number.to_string()), 0);
        }
        said(&mut queue, JILL, "a");
        said(&mut queue, JILL, "b");
        let order: Vec<_> = std::iter::from_fn(|| next(&mut queue)).map(|(_, text)| text).take(5).collect();
        assert_eq!(order, ["0", "a", "1", "b", "2"], "turn by turn, each source in its own order");
    }

    #[test]
    fn what_is_not_due_rests_and_lets_the_others_by() {
        let mut queue = Queue::default();
        let due = Instant::from_millis(100);
        said_at(&mut queue, FLOODER, "0", Instant::ZERO);
        said_at(&mut queue, FLOODER, "1", due);
        said(&mut queue, JILL, "a");
        said(&mut queue, JILL, "b");
        let now: Vec<_> = std::iter::from_fn(|| next(&mut queue)).map(|(_, text)| text).collect();
        assert_eq!(now, ["0", "a", "b"]);
        assert_eq!(queue.next_wake(), Some(due));
        queue.wake(Instant::from_millis(99));
        assert!(next(&mut queue).is_none());
        queue.wake(due);
        assert_eq!(next(&mut queue), Some((FLOODER, "1".into())));
        assert_eq!(queue.next_wake(), None);
    }

    #[test]
    fn a_resting_flooder_loses_its_oldest_to_others_and_keeps_its_place() {
        let mut queue = Queue::default();
        for number in 0..WAITING_MAX as u64 {
            said_at(&mut queue, FLOODER, "x", Instant::from_millis(100 + number));
        }
        assert_eq!(said(&mut queue, JILL, "hey"), 1);
        assert_eq!(queue.next_wake(), Some(Instant::from_millis(101)));
        assert_eq!(next(&mut queue), Some((JILL, "hey".into())));
    }

    #[test]
    fn a_full_queue_takes_from_the_heaviest_and_the_heaviest_loses_its_own() {
        let mut queue = Queue::default();
        for number in 0..WAITING_MAX {
            assert_eq!(said(&mut queue, FLOODER, &number.to_string()), 0, "at the limit");
        }
        assert_eq!(said(&mut queue, FLOODER, "one more"), 1, "one past it");
        assert_eq!(said(&mut queue, JILL, "hey"), 1, "for jill the flooder loses one");
        assert_eq!(queue.waiting, WAITING_MAX);
        let all: Vec<_> = std::iter::from_fn(|| next(&mut queue)).collect();
        assert!(all.contains(&(JILL, "hey".into())));
        assert!(!all.iter().any(|(_, text)| text == "one more"));
        assert_eq!(all.len(), WAITING_MAX);
    }

    #[test]
    fn a_flood_of_sessions_can_be_forgotten_whole_and_the_queue_goes_on() {
        let mut queue = Queue::default();
        for number in 0..WAITING_MAX {
            let due = Instant::from_millis(number as u64 % 2);
            said_at(&mut queue, Source::Session(AuthorId(number as u32 % 3)), "x", due);
        }
        queue.retain_text();
        assert_eq!((queue.waiting, queue.bytes, queue.slots.len()), (0, 0, 0));
        assert_eq!(said(&mut queue, JILL, "hey"), 0);
        assert_eq!(next(&mut queue), Some((JILL, "hey".into())));
    }

    #[test]
    fn who_lost_its_place_is_held_until_that_is_told() {
        let mut queue = Queue::default();
        for _ in 0..WAITING_MAX {
            said(&mut queue, FLOODER, "x");
        }
        while next(&mut queue).is_some() {}
        assert!(!queue.holds(JACK));
        queue.lost.push_back(Slot { source: JACK, ..Slot::default() });
        assert!(queue.holds(JACK));
        assert!(queue.poll_lost().is_some() && !queue.holds(JACK));
    }

    #[test]
    fn those_who_rest_lose_before_those_who_say_one_line() {
        let mut queue = Queue::default();
        for number in 0..WAITING_MAX {
            let source = source(1 + number % 32);
            said_at(&mut queue, source, "x", Instant::from_millis(1000));
        }
        for newcomer in 100..300 {
            said(&mut queue, source(newcomer), "hey");
            assert!(queue.holds(source(newcomer)), "newcomer {newcomer}");
        }
    }

    #[test]
    fn the_limit_on_bytes_holds_to_the_byte() {
        let mut queue = Queue::default();
        let long = "x".repeat(4096);
        for _ in 0..WAITING_BYTES_MAX / long.len() {
            assert_eq!(said(&mut queue, FLOODER, &long), 0);
        }
        assert_eq!(queue.bytes, WAITING_BYTES_MAX);
        assert_eq!(said(&mut queue, FLOODER, "x"), 1);
        assert_eq!(said(&mut queue, JILL, "x"), 1);
    }

    #[test]
    fn when_all_wait_alike_the_newcomer_loses_its_own() {
        let mut queue = Queue::default();
        for number in 0..WAITING_MAX {
            said(&mut queue, source(number), "x");
        }
        let newcomer = source(WAITING_MAX);
        assert_eq!(said(&mut queue, newcomer, "y"), 1);
        assert!(!queue.holds(newcomer));
    }

    #[test]
    fn of_the_last_quarter_an_author_has_a_32nd_of_what_is_free_and_of_the_last_half_nothing_is_for_notices() {
        let mut queue = Queue::default();
        let author = |number| Source::Session(AuthorId(number));
        for number in 0..u32::try_from(WAITING_MAX / 4 * 3).unwrap() {
            assert_eq!(queue.has_place_for_notices(), (number as usize) < WAITING_MAX / 2);
            assert!(queue.takes(author(number % 24), 1, 1));
            said_at(&mut queue, author(number % 24), "x", Instant::from_millis(1000));
        }
        assert!(!queue.takes(author(0), 1, 1), "64 of it rest, as of each");
        assert!(queue.takes(author(99), 16, 1) && !queue.takes(author(99), 17, 1), "a 32nd of 512");
        for _ in 0..16 {
            said_at(&mut queue, author(99), "x", Instant::from_millis(1000));
        }
        assert!(queue.takes(author(100), 15, 1) && !queue.takes(author(100), 16, 1), "a 32nd of 496");
    }

    #[test]
    fn authors_that_fill_the_queue_leave_place_for_a_post_of_each_other_one() {
        let author = |number| Source::Session(AuthorId(number));
        let long = "x".repeat(LINE_MAX);
        for (flooders, others, text) in [(60, 40, "x"), (100, 8, "x"), (60, 40, long.as_str())] {
            let mut queue = Queue::default();
            for items in (1..=60).rev() {
                for number in 0..flooders {
                    let has_place = |queue: &Queue| {
                        queue.waiting_of(author(number)) + items <= 64
                            && queue.takes(author(number), items, items * text.len())
                    };
                    while has_place(&queue) {
                        for _ in 0..items {
                            said_at(&mut queue, author(number), text, Instant::from_millis(1000));
                        }
                    }
                }
            }
            for number in 1000..1000 + others {
                assert!(
                    queue.takes(author(number), 1, text.len()),
                    "{number} beside {flooders}: {} waiting, {} bytes",
                    queue.waiting,
                    queue.bytes
                );
                said_at(&mut queue, author(number), text, Instant::from_millis(1000));
            }
        }
    }

    #[test]
    fn after_a_flood_its_memory_is_given_back() {
        let mut queue = Queue::default();
        for _ in 0..WAITING_MAX {
            said(&mut queue, FLOODER, "x");
        }
        while next(&mut queue).is_some() {}
        assert_eq!(queue.slots.capacity(), 0);
    }
}
