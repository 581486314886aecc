//! Reading backwards at a member: one answer at a time, put together from whatever arrives (PROTOCOL 2.20).
//!
//! Owns: the outstanding *fetch*, the entries of its answer, what of it to ask for again.
//! Must not know: the contents of entries; why they are read.
//! Driven by: `member`, with everything that the server sends.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use super::Member;
use crate::client::event::Event;
use crate::time::Instant;
use crate::wire::Seq;
use crate::wire::frame::{FETCH_MAX, Fetch, GapReason, Page, Spot};

/// The pause before an unanswered question is repeated.
pub(super) const ASK_AGAIN: Duration = Duration::from_secs(1);

/// The most entries and gaps that are kept before the server has said which ones are meant: those of the answer, and new ones that
/// come meanwhile.
const UNSORTED_MAX: usize = 4 * FETCH_MAX as usize;

/// An entry, or why there is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Entry(Box<[u8]>),
    /// So many from here on will not come.
    Gap(u64, GapReason),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Reading {
    fetch: Fetch,
    /// Which entries are meant, once the server has said it.
    page: Option<Page>,
    pieces: BTreeMap<Seq, Piece>,
    /// When to ask for what is missing.
    at: Instant,
    /// When something of the answer last came.
    progress: Instant,
}

impl Reading {
    /// Creates a question that is to be asked now.
    pub(super) const fn new(now: Instant, fetch: Fetch) -> Self {
        Self { fetch, page: None, pieces: BTreeMap::new(), at: now, progress: now }
    }

    /// Returns what to ask for, if it is time: everything at first, then what is missing.
    pub(super) fn fetch(&self, now: Instant) -> Option<Fetch> {
        if self.at > now {
            return None;
        }
        let Some((from, to)) = self.missing() else { return Some(self.fetch) };
        let count = u32::try_from(to.since(from)).unwrap_or(FETCH_MAX);
        Some(Fetch { spot: Spot::Before(to), count, ..self.fetch })
    }

    /// Notes that it was asked, and is to be asked again at `at` unless something comes.
    pub(super) const fn asked(&mut self, at: Instant) {
        self.at = at;
    }

    /// Returns when to ask.
    pub(super) const fn poll_timeout(&self) -> Instant {
        self.at
    }

    /// Takes what the server says of the answer. A later answer is about a part of the first one.
    pub(super) fn page(&mut self, now: Instant, page: Page) {
        let is_sound = page.from <= page.to && page.to.since(page.from) <= self.fetch.count.min(FETCH_MAX).into();
        if page.id != self.fetch.id || !is_sound {
            return;
        }
        if self.page.is_some() {
            return self.are_gone(now, page.oldest);
        }
        self.page = Some(page);
        for (seq, piece) in std::mem::take(&mut self.pieces) {
            match piece {
                Piece::Entry(encoded) if seq >= page.from && seq < page.to => {
                    self.pieces.insert(seq, Piece::Entry(encoded));
                }
                Piece::Gap(count, why) => self.gap(now, seq, count, why),
                Piece::Entry(_) => {}
            }
        }
        self.progress = now;
        self.at = now + ASK_AGAIN;
    }

    /// Notes that what is missing before `oldest` has been deleted meanwhile.
    fn are_gone(&mut self, now: Instant, oldest: Seq) {
        while let Some((from, to)) = self.missing().filter(|&(from, _)| from < oldest) {
            self.gap(now, from, to.min(oldest).since(from), GapReason::Gone);
        }
    }

    /// Takes an entry, whatever it was sent for.
    pub(super) fn entry(&mut self, now: Instant, seq: Seq, encoded: &[u8]) {
        if self.takes(seq, 1) {
            let before = self.pieces.len();
            self.pieces.entry(seq).or_insert_with(|| Piece::Entry(encoded.into()));
            self.went_on(now, before);
        }
    }

    /// Takes a gap, whatever it was sent for. Numbers of people who came and went are left out: the answer has each of them.
    pub(super) fn gap(&mut self, now: Instant, first: Seq, count: u64, why: GapReason) {
        let are_people = matches!(why, GapReason::Joined | GapReason::Left | GapReason::CameAndWent);
        if count > 0 && !are_people && self.takes(first, count) {
            // It may begin before what is meant.
            let begin = self.page.map_or(first, |page| first.max(page.from));
            let count = (first + count).since(begin);
            let before = self.pieces.len();
            self.pieces.entry(begin).or_insert(Piece::Gap(count, why));
            self.went_on(now, before);
        }
    }

    /// Waits longer if there is one more piece than before. What comes before it is known what is meant may be something else.
    fn went_on(&mut self, now: Instant, before: usize) {
        if self.page.is_some() && self.pieces.len() > before {
            self.progress = now;
            self.at = now + ASK_AGAIN;
        }
    }

    fn takes(&self, first: Seq, count: u64) -> bool {
        match self.page {
            Some(page) => first < page.to && first + count > page.from,
            None => self.pieces.len() < UNSORTED_MAX,
        }
    }

    /// Returns the first entries that are missing; `None` also while it is not known which ones are meant.
    fn missing(&self) -> Option<(Seq, Seq)> {
        let page = self.page?;
        let mut at = page.from;
        while at < page.to {
            match self.piece_at(at) {
                Some((seq, piece)) => at = seq + piece.len(),
                None => {
                    let next = self.pieces.range((Bound::Excluded(at), Bound::Unbounded)).next();
                    return Some((at, next.map_or(page.to, |(&seq, _)| seq.min(page.to))));
                }
            }
        }
        None
    }

    /// Returns the piece that holds this number.
    fn piece_at(&self, at: Seq) -> Option<(Seq, &Piece)> {
        // An entry that came behind the beginning of a longer gap is the better answer.
        let mut before = self.pieces.range(..=at).rev();
        before.find(|&(&seq, piece)| seq + piece.len() > at).map(|(&seq, piece)| (seq, piece))
    }

    /// Returns the whole answer, once it is complete: which entries are meant, and these in order, each once.
    pub(super) fn take(&mut self) -> Option<(Page, Vec<(Seq, Piece)>)> {
        let page = self.page.filter(|_| self.missing().is_none())?;
        let mut at = page.from;
        let mut all = Vec::new();
        while at < page.to {
            let (seq, piece) = self.piece_at(at)?;
            let end = (seq + piece.len()).min(self.next_behind(at)).min(page.to);
            let piece = match piece {
                Piece::Entry(encoded) => Piece::Entry(encoded.clone()),
                Piece::Gap(_, why) => Piece::Gap(end.since(at), *why),
            };
            all.push((at, piece));
            at = end;
        }
        Some((page, all))
    }

    /// Returns the first number behind `at` at which a piece begins.
    fn next_behind(&self, at: Seq) -> Seq {
        let next = self.pieces.range((Bound::Excluded(at), Bound::Unbounded)).next();
        next.map_or(Seq(u64::MAX), |(&seq, _)| seq)
    }
}

impl Member {
    /// Asks for earlier entries; [`Event::Page`] has the answer. An earlier request that is not answered yet gets no answer.
    pub fn fetch(&mut self, now: Instant, fetch: Fetch) {
        self.now = self.now.max(now);
        self.questions.reading = Some(Reading::new(now, fetch));
    }

    /// Stops waiting for an answer to [`Member::fetch`].
    pub fn stop_fetching(&mut self) {
        self.questions.reading = None;
    }

    /// Returns which request is not answered yet, if there is one.
    pub fn fetching(&self) -> Option<u64> {
        self.questions.reading.as_ref().map(|reading| reading.fetch.id)
    }

    /// Returns when something of the answer last came, or the request was made, if it is not answered yet.
    pub fn fetch_progress(&self) -> Option<Instant> {
        self.questions.reading.as_ref().map(|reading| reading.progress)
    }

    /// Reports the answer, if it is complete.
    pub(super) fn finish_reading(&mut self) {
        let Some((page, pieces)) = self.questions.reading.as_mut().and_then(Reading::take) else { return };
        self.questions.reading = None;
        let entries = pieces.into_iter().map(|(seq, piece)| match piece {
            Piece::Entry(encoded) => self.reopened(seq, encoded),
            Piece::Gap(count, why) => Event::Gap { first: seq, count, why },
        });
        let entries = entries.collect();
        let Page { id, from, to, oldest } = page;
        self.events.push_back(Event::Page { id, from, to, oldest, entries });
    }
}

impl Piece {
    const fn len(&self) -> u64 {
        match self {
            Self::Entry(_) => 1,
            Self::Gap(count, _) => *count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Instant = Instant::ZERO;

    fn reading(count: u32) -> Reading {
        Reading::new(NOW, Fetch { id: 7, spot: Spot::Before(Seq(u64::MAX)), count })
    }

    const fn page(from: u64, to: u64) -> Page {
        Page { id: 7, from: Seq(from), to: Seq(to), oldest: Seq(0) }
    }

    fn numbers(reading: &mut Reading) -> Option<Vec<(u64, u64)>> {
        let (_, pieces) = reading.take()?;
        Some(pieces.iter().map(|(seq, piece)| (seq.0, piece.len())).collect())
    }

    #[test]
    fn an_answer_is_put_together_from_what_comes_in_any_order_and_only_of_what_is_meant() {
        let mut reading = reading(4);
        reading.entry(NOW, Seq(12), b"c");
        reading.entry(NOW, Seq(99), b"new");
        reading.gap(NOW, Seq(5), 6, GapReason::Void);
        assert_eq!(reading.take(), None);
        reading.page(NOW, page(9, 13));
        assert_eq!(reading.take(), None, "11 is missing");
        reading.gap(NOW, Seq(11), 1, GapReason::Joined);
        assert_eq!(reading.take(), None, "the answer has each of them");
        reading.entry(NOW, Seq(11), b"b");
        reading.entry(NOW, Seq(13), b"behind it");
        assert_eq!(numbers(&mut reading), Some(vec![(9, 2), (11, 1), (12, 1)]));
    }

    #[test]
    fn what_is_missing_is_asked_for_a_second_after_the_last_piece() {
        let mut reading = reading(128);
        assert_eq!(reading.fetch(NOW).map(|fetch| fetch.spot), Some(Spot::Before(Seq(u64::MAX))));
        reading.asked(NOW + ASK_AGAIN);
        assert_eq!(reading.fetch(NOW), None);
        let later = NOW + ASK_AGAIN;
        assert_eq!(reading.fetch(later).map(|fetch| fetch.count), Some(128), "nothing has come");
        reading.page(NOW, page(0, 128));
        (0..100).chain(110..128).for_each(|seq| reading.entry(NOW, Seq(seq), b"x"));
        assert_eq!(reading.fetch(later), Some(Fetch { id: 7, spot: Spot::Before(Seq(110)), count: 10 }));
        // The answer to that is about a part.
        reading.page(NOW, page(100, 110));
        (100..110).for_each(|seq| reading.entry(NOW, Seq(seq), b"x"));
        assert_eq!(numbers(&mut reading).map(|all| all.len()), Some(128));
    }

    #[test]
    fn what_is_deleted_before_it_has_come_is_a_gap() {
        let mut reading = reading(10);
        reading.page(NOW, page(0, 10));
        [2, 3, 8].into_iter().for_each(|seq| reading.entry(NOW, Seq(seq), b"x"));
        reading.page(NOW, Page { oldest: Seq(7), ..page(7, 7) });
        assert_eq!(reading.missing(), Some((Seq(7), Seq(8))));
        reading.page(NOW, Page { oldest: Seq(20), ..page(20, 20) });
        assert_eq!(numbers(&mut reading), Some(vec![(0, 2), (2, 1), (3, 1), (4, 3), (7, 1), (8, 1), (9, 1)]));
    }

    #[test]
    fn new_entries_do_not_keep_a_lost_question_from_being_asked_again() {
        let mut reading = reading(10);
        reading.asked(NOW + ASK_AGAIN);
        reading.entry(NOW + ASK_AGAIN, Seq(5000), b"new");
        assert!(reading.fetch(NOW + ASK_AGAIN).is_some());
        assert_eq!(reading.progress, NOW);
        reading.page(NOW, page(0, 10));
        reading.entry(NOW + ASK_AGAIN, Seq(5), b"x");
        assert_eq!(reading.progress, NOW + ASK_AGAIN);
        reading.entry(NOW + ASK_AGAIN * 2, Seq(5), b"x");
        assert_eq!(reading.progress, NOW + ASK_AGAIN, "once more is nothing new");
    }

    #[test]
    fn an_answer_that_is_none_is_ignored() {
        let mut reading = reading(10);
        for wrong in [page(5, 4), page(0, 11), Page { id: 6, ..page(0, 4) }] {
            reading.page(NOW, wrong);
            assert_eq!(reading.take(), None, "{wrong:?}");
        }
        reading.page(NOW, page(4, 4));
        assert_eq!(numbers(&mut reading), Some(Vec::new()), "there is nothing");
    }

    #[test]
    fn however_many_gaps_begin_before_what_is_meant_one_is_kept() {
        let mut reading = reading(10);
        reading.gap(NOW, Seq(0), 101, GapReason::Gone);
        reading.page(NOW, page(100, 110));
        (0..10_000).for_each(|seq| reading.gap(NOW, Seq(seq), u64::MAX, GapReason::Gone));
        assert!(reading.pieces.len() <= 10);
        assert_eq!(numbers(&mut reading).map(|all| all.len()), Some(10));
    }

    #[test]
    fn before_it_is_known_what_is_meant_only_so_much_is_kept() {
        let mut reading = reading(10);
        (0..10_000).for_each(|seq| reading.entry(NOW, Seq(seq), b"x"));
        assert_eq!(reading.pieces.len(), UNSORTED_MAX);
    }

    proptest! {
        #[test]
        fn whatever_comes_a_complete_answer_has_each_number_once(
            pieces in prop::collection::vec((0_u64..40, 0_u64..12), 0..60), from in 0_u64..20, len in 0_u64..20, early in any::<bool>()
        ) {
            let mut reading = reading(20);
            if early { reading.page(NOW, page(from, from + len)) }
            for (seq, count) in pieces {
                match count {
                    0 => reading.entry(NOW, Seq(seq), b"x"),
                    count => reading.gap(NOW, Seq(seq), count, GapReason::Gone),
                }
            }
            reading.page(NOW, page(from, from + len));
            if let Some((_, all)) = reading.take() {
                let mut at = from;
                for (seq, piece) in all {
                    prop_assert_eq!(seq.0, at);
                    prop_assert!(piece.len() > 0);
                    at += piece.len();
                }
                prop_assert_eq!(at, from + len);
            } else {
                prop_assert!(reading.missing().is_some());
            }
        }
    }
}
