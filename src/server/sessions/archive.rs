//! Old entries for those who are behind the window, and what is to be known of them.
//!
//! Owns: the pages that were read, who waits for which, what is to be asked of the log's backend.
//! Must not know: how the backend answers, sessions themselves.
//! Driven by: `sessions`; the driver takes requests out and answers them, one by one, so that nobody is held up by a long
//! way back.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::log::Page;
use crate::server::sessions::peer::PeerId;
use crate::time::Instant;
use crate::wire::{Seq, SessionId};
use crate::work::{self, Work};

/// Pages that are kept. Chosen: enough for many who come back at once to find each other's; some MiB at the most.
const PAGES_MAX: usize = 32;

/// How often a page is read that cannot be before that is said, and the pause between. Chosen: a disk that hiccups is given
/// a moment, a reader is not held up for long.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Kept {
    page: Page,
    /// Those who waited for it and were not served since.
    unserved: Vec<PeerId>,
}

#[derive(Debug, Default)]
struct Wanted {
    by: Vec<PeerId>,
    /// Who wants first is first: a reader of everything waits for the others after each page.
    turn: u64,
    tries: u32,
    not_before: Instant,
    asked: bool,
}

/// The pages and the questions.
#[derive(Debug, Default)]
pub(crate) struct Archive {
    /// The oldest entry that the backend still has; `None`: it reads nothing back.
    oldest: Option<Seq>,
    pages: VecDeque<Kept>,
    wanted: BTreeMap<Seq, Wanted>,
    turns: u64,
    /// Sessions that begin, of which something is to be known.
    beginning: VecDeque<SessionId>,
}

impl Archive {
    pub(crate) const fn oldest(&self) -> Option<Seq> {
        self.oldest
    }

    pub(crate) const fn set_oldest(&mut self, oldest: Seq) {
        self.oldest = Some(oldest);
    }

    /// The page with that entry, if it is here.
    pub(crate) fn page(&self, seq: Seq) -> Option<&Page> {
        work::did(Work::Scanned, self.pages.len());
        self.pages.iter().map(|kept| &kept.page).find(|page| page.first() <= seq && seq < page.end())
    }

    /// `peer` is being served: no page is kept for it any longer.
    pub(crate) fn serve(&mut self, peer: PeerId) {
        self.pages.iter_mut().for_each(|kept| kept.unserved.retain(|&other| other != peer));
    }

    /// `peer` cannot go on without the page that `seq` is on.
    pub(crate) fn want(&mut self, seq: Seq, peer: PeerId) {
        let turn = self.turns;
        let new = || Wanted { turn, ..Wanted::default() };
        let wanted = self.wanted.entry(Page::start_of(seq)).or_insert_with(new);
        self.turns += 1;
        if !wanted.by.contains(&peer) {
            wanted.by.push(peer);
        }
    }

    /// `peer` is gone.
    pub(crate) fn forget(&mut self, peer: PeerId) {
        self.serve(peer);
        self.wanted.retain(|_, wanted| {
            wanted.by.retain(|&other| other != peer);
            !wanted.by.is_empty()
        });
    }

    /// The log was changed by others: what was read of it is old.
    pub(crate) fn clear(&mut self) {
        self.pages.clear();
    }

    /// The next page to be read.
    pub(crate) fn poll_page(&mut self, now: Instant) -> Option<Seq> {
        let first = self.next_page(now)?;
        self.wanted.entry(first).or_default().asked = true;
        Some(first)
    }

    fn next_page(&self, now: Instant) -> Option<Seq> {
        // Each that is read has its place until those are served who wait for it.
        let has_place = self.pages.len() < PAGES_MAX || self.pages.iter().any(|kept| kept.unserved.is_empty());
        let wanted = self.wanted.iter().filter(|(_, wanted)| !wanted.asked && wanted.not_before <= now);
        wanted.min_by_key(|(_, wanted)| wanted.turn).filter(|_| has_place).map(|(&first, _)| first)
    }

    /// Whether there is anything to be asked.
    pub(crate) fn has_requests(&self, now: Instant) -> bool {
        !self.beginning.is_empty() || self.next_page(now).is_some()
    }

    /// When there is a page to be read again.
    pub(crate) fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        self.wanted.values().filter(|wanted| !wanted.asked).map(|wanted| wanted.not_before).filter(|&at| at > now).min()
    }

    /// A page was read. Those who wait for it are to be served, unless it is to be tried again.
    pub(crate) fn insert(&mut self, now: Instant, page: Page) -> Vec<PeerId> {
        let Some(mut wanted) = self.wanted.remove(&page.first()) else { return Vec::new() };
        wanted.tries += 1;
        if page.is_unreadable() && wanted.tries < TRIES {
            (wanted.not_before, wanted.asked) = (now + PAUSE, false);
            self.wanted.insert(page.first(), wanted);
            return Vec::new();
        }
        self.pages.retain(|kept| kept.page.first() != page.first());
        if self.pages.len() >= PAGES_MAX
            && let Some(oldest) = self.pages.iter().position(|kept| kept.unserved.is_empty())
        {
            self.pages.remove(oldest);
        }
        self.pages.push_back(Kept { page, unserved: wanted.by.clone() });
        debug_assert!(self.pages.len() <= PAGES_MAX + 1);
        wanted.by
    }

    /// Something of that session is to be looked up.
    pub(crate) fn begin(&mut self, session: SessionId) {
        self.beginning.push_back(session);
    }

    /// The next session to look something up for.
    pub(crate) fn poll_beginning(&mut self) -> Option<SessionId> {
        self.beginning.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frame::GapReason;

    fn page(first: u64, why: GapReason) -> Page {
        let mut page = Page::new(Seq(first));
        page.skip_to(Seq(first + 128), why);
        page
    }

    #[test]
    fn a_page_is_read_once_for_all_who_want_it_and_kept_until_they_are_served() {
        let mut archive = Archive::default();
        let (now, one, other) = (Instant::ZERO, PeerId(1), PeerId(2));
        archive.want(Seq(130), one);
        archive.want(Seq(200), other);
        assert_eq!(archive.poll_page(now), Some(Seq(128)));
        assert_eq!(archive.poll_page(now), None, "asked already");
        assert_eq!(archive.insert(now, page(128, GapReason::Gone)), [one, other]);
        for number in 0..PAGES_MAX as u64 - 1 {
            archive.want(Seq(1024 + number * 128), one);
            let first = archive.poll_page(now).unwrap();
            archive.insert(now, page(first.0, GapReason::Gone));
        }
        archive.want(Seq(0), one);
        assert_eq!(archive.poll_page(now), None, "all of them wait to be served");
        archive.serve(one);
        assert_eq!(archive.poll_page(now), Some(Seq(0)));
        archive.insert(now, page(0, GapReason::Gone));
        assert!(archive.page(Seq(130)).is_some(), "the other was not served yet");
        assert!(archive.page(Seq(1024)).is_none(), "the oldest that nobody waits for made place");
    }

    #[test]
    fn what_cannot_be_read_is_tried_three_times_and_then_said() {
        let mut archive = Archive::default();
        archive.want(Seq(5), PeerId(1));
        let mut now = Instant::ZERO;
        for _ in 0..2 {
            assert_eq!(archive.poll_page(now), Some(Seq(0)));
            assert!(archive.insert(now, page(0, GapReason::Unreadable)).is_empty());
            assert_eq!(archive.poll_page(now), None);
            now = archive.poll_timeout(now).unwrap();
        }
        assert_eq!(archive.poll_page(now), Some(Seq(0)));
        assert_eq!(archive.insert(now, page(0, GapReason::Unreadable)), [PeerId(1)]);
        assert!(archive.page(Seq(5)).is_some());
    }

    #[test]
    fn a_reader_of_everything_and_one_of_the_end_have_turns() {
        let mut archive = Archive::default();
        let mut read = Vec::new();
        for page in 0..3 {
            archive.want(Seq(page * 128), PeerId(1));
            archive.want(Seq(100_000 * 128 + page * 128), PeerId(2));
            read.extend(archive.poll_page(Instant::ZERO));
        }
        assert_eq!(read, [Seq(0), Seq(100_000 * 128), Seq(128)]);
    }

    #[test]
    fn who_is_gone_wants_nothing() {
        let mut archive = Archive::default();
        archive.want(Seq(5), PeerId(1));
        archive.forget(PeerId(1));
        assert_eq!(archive.poll_page(Instant::ZERO), None);
    }
}
