//! The part of the log that the server has in memory.
//!
//! Owns: the newest pages, which are consecutive up to the log's end and stay as long as their limit in bytes allows; older
//! pages that were read back, as long as somebody waits for them or there is place.
//! Must not know: who reads the entries, how pages are read back.
//! Driven by: the server, with what is appended, what was read, and what happens to the log ([`super::Outcome`]).
//!
//! ```text
//!   gone  |  read back: [256..384)  [1024..1152)  |  newest: [5376..5504) [5504..5610)
//!         ^ oldest                                ^ first                            ^ end
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use super::page::{PAGE, Page, Reader};
use crate::wire::entry::{Entry, parties};
use crate::wire::frame::{Frame, GapReason, History, Writer};
use crate::wire::{Seq, Timestamp};

/// Pages read back that are kept. Chosen: enough for many members that come back at once to share them; some MiB at the most.
const READ_BACK_MAX: usize = 32;

/// How many runs of private entries are remembered. Chosen: whoever is further behind than that reads the pages.
const PRIVATE_RUNS_MAX: usize = 64;

/// A page that was read back.
#[derive(Debug)]
struct ReadBack {
    page: Page,
    /// Somebody waits for it.
    is_wanted: bool,
}

/// The pages; see the module.
#[derive(Debug)]
pub struct Window {
    newest: VecDeque<Page>,
    end: Seq,
    /// The length of the newest pages, and its limit, which the last page may exceed.
    bytes: usize,
    bytes_max: usize,
    /// How many of the newest entries are kept, however long they are.
    entries_min: u64,
    read_back: VecDeque<ReadBack>,
    /// The oldest entry that can be read back; `None` if none can.
    oldest: Option<Seq>,
    /// The newest runs of entries of which each is for two members only, from a number up to another one: whoever is not concerned
    /// is shown nothing of a run, however long it is, and wherever its pages are.
    private: VecDeque<(Seq, Seq)>,
    /// A page that was dropped, kept for its memory.
    spare: Option<Page>,
}

impl Window {
    /// Creates an empty window of a log whose next entry is `next`. It keeps about `bytes_max` bytes of the newest entries, and
    /// `entries_min` of them however long they are. Older ones can be read back from `oldest` on, if at all.
    pub fn new(next: Seq, oldest: Option<Seq>, bytes_max: usize, entries_min: u64) -> Self {
        Self {
            newest: VecDeque::new(),
            end: next,
            bytes: 0,
            bytes_max,
            entries_min,
            read_back: VecDeque::new(),
            oldest,
            private: VecDeque::new(),
            spare: None,
        }
    }

    /// Returns the number that the next entry gets.
    pub const fn end(&self) -> Seq {
        self.end
    }

    /// Returns the number of the first entry on the newest pages.
    pub fn first(&self) -> Seq {
        self.newest.front().map_or(self.end, Page::first)
    }

    /// Returns the number of the oldest entry that still exists.
    pub fn oldest(&self) -> Seq {
        self.oldest.unwrap_or_else(|| self.first())
    }

    /// Whether the backend can read entries back.
    pub const fn reads_back(&self) -> bool {
        self.oldest.is_some()
    }

    /// Adds a copy of an appended entry.
    pub fn append(&mut self, encoded: &[u8]) {
        let is_full = self.newest.back().is_none_or(|page| page.end().0.is_multiple_of(PAGE));
        if is_full {
            self.drop_oldest();
            let mut page = self.spare.take().unwrap_or_else(|| Page::new(self.end));
            page.reset(self.end);
            self.newest.push_back(page);
        }
        let page = self.newest.back_mut().expect("one has just been added");
        let before = page.len();
        page.push(encoded);
        self.bytes += page.len() - before;
        if parties(encoded).is_some() {
            self.extend_private();
        }
        self.end = self.end + 1;
        self.check();
    }

    /// Notes that the entry at the end is private.
    fn extend_private(&mut self) {
        match self.private.back_mut() {
            Some((_, to)) if *to == self.end => *to = self.end + 1,
            Some(_) | None => {
                if self.private.len() >= PRIVATE_RUNS_MAX {
                    self.private.pop_front();
                }
                self.private.push_back((self.end, self.end + 1));
            }
        }
    }

    /// Returns the end of the private entries that begin at `from`, if none of them concerns the reader.
    fn private_to_others(&self, from: Seq, reader: Reader) -> Option<Seq> {
        if from < reader.own_end {
            return None;
        }
        // Most readers are at the end.
        let run = self.private.iter().rev().take_while(|&&(_, to)| from < to).find(|&&(first, _)| first <= from);
        run.map(|&(_, to)| to)
    }

    fn drop_oldest(&mut self) {
        while self.bytes > self.bytes_max
            && let Some(oldest) = self.newest.front()
            && self.end.since(oldest.end()) >= self.entries_min
            && let Some(page) = self.newest.pop_front()
        {
            self.bytes -= page.len();
            self.spare = Some(page);
        }
    }

    /// Records that the entries below `oldest` are gone.
    pub fn truncate(&mut self, oldest: Seq) {
        self.oldest = Some(oldest);
    }

    /// Drops the pages with entries of a range that has changed: they have to be read again.
    pub fn forget(&mut self, from: Seq, to: Seq) {
        let is_old = |page: &Page| page.first() < to && from < page.end();
        self.read_back.retain(|kept| !is_old(&kept.page));
        // The newest pages are consecutive, so the pages before a dropped one go too.
        while self.newest.iter().any(is_old) {
            self.bytes -= self.newest.pop_front().map_or(0, |page| page.len());
        }
    }

    /// Returns the page with that entry, if it is in memory.
    pub fn page(&self, seq: Seq) -> Option<&Page> {
        if seq >= self.first() {
            let behind = self.newest.partition_point(|page| page.first() <= seq);
            return self.newest.get(behind.checked_sub(1)?).filter(|page| seq < page.end());
        }
        self.read_back.iter().map(|kept| &kept.page).find(|page| page.first() <= seq && seq < page.end())
    }

    /// How many pages in memory were read back.
    pub fn read_back(&self) -> usize {
        self.read_back.len()
    }

    /// Whether that entry has to be read back first.
    pub fn lacks(&self, seq: Seq) -> bool {
        seq >= self.oldest() && seq < self.end && self.page(seq).is_none()
    }

    /// Whether one more page can be read back beside `asked` that are on their way: each keeps its place until nobody waits for
    /// it any more.
    pub fn has_place(&self, asked: usize) -> bool {
        self.read_back.iter().filter(|kept| kept.is_wanted).count() + asked < READ_BACK_MAX
    }

    /// Adds a page that was read back. If somebody waits for it, it stays at least until [`Window::release`].
    pub fn insert(&mut self, page: Page, is_wanted: bool) {
        let is_next = page.end() == self.first() && self.end.since(page.end()) < self.entries_min;
        if is_next {
            self.bytes += page.len();
            self.newest.push_front(page);
            return;
        }
        self.read_back.retain(|kept| kept.page.first() != page.first());
        if self.read_back.len() >= READ_BACK_MAX
            && let Some(unwanted) = self.read_back.iter().position(|kept| !kept.is_wanted)
        {
            self.read_back.remove(unwanted);
        }
        self.read_back.push_back(ReadBack { page, is_wanted });
        debug_assert!(self.read_back.len() <= READ_BACK_MAX + 1);
    }

    /// Whether the page with that entry has to be read before the reader can be sent what comes there.
    pub fn lacks_for(&self, seq: Seq, reader: Reader) -> bool {
        self.private_to_others(seq, reader).is_none() && self.lacks(seq)
    }

    /// Records that nobody waits any more for the page that begins there.
    pub fn release(&mut self, first: Seq) {
        for kept in self.read_back.iter_mut().filter(|kept| kept.page.first() == first) {
            kept.is_wanted = false;
        }
    }

    /// Returns the next page, back from the newest, that has to be read so that `entries_min` entries are in memory, if any.
    pub fn lacking(&self) -> Option<(Seq, Seq)> {
        let wanted = Seq(self.end.0.saturating_sub(self.entries_min)).max(self.oldest());
        let first = self.first();
        (self.reads_back() && wanted < first).then(|| (Page::start_of(Seq(first.0 - 1)).max(self.oldest()), first))
    }

    /// Returns the newest entries from `from` on that are in memory, encoded.
    pub fn entries(&self, from: Seq) -> impl Iterator<Item = (Seq, &[u8])> {
        let from = from.max(self.first()).max(self.oldest());
        let pages = self.newest.iter().filter(move |page| page.end() > from);
        pages.flat_map(move |page| {
            let numbers = page.first().max(from).0..page.end().0;
            numbers.filter_map(|seq| Some((Seq(seq), page.entry(Seq(seq))?)))
        })
    }

    /// Returns where the wanted history begins, if that is among the newest entries.
    pub fn start(&self, wanted: History, now: Timestamp) -> Option<Seq> {
        match wanted {
            History::Last(0) => Some(self.end),
            History::Last(messages) => self.start_of_last(messages),
            History::Within(seconds) => self.start_of_since(now.before(Duration::from_secs(seconds))),
        }
    }

    fn start_of_last(&self, messages: u64) -> Option<Seq> {
        let mut left = messages;
        for page in self.newest.iter().rev() {
            for seq in (page.first().0..page.end().0).rev().map(Seq) {
                let first = page.entry(seq).and_then(|entry| entry.first().copied());
                if first.is_some_and(Entry::begins_message) {
                    left -= 1;
                    if left == 0 {
                        return Some(seq);
                    }
                }
            }
        }
        None
    }

    fn start_of_since(&self, since: Timestamp) -> Option<Seq> {
        // Times never go back; an unreadable entry counts as being as old as the next one.
        let (mut low, mut high) = (self.first(), self.end);
        while low < high {
            let middle = Seq(u64::midpoint(low.0, high.0));
            match self.time_from(middle) {
                Some((seq, time)) if time < since => low = seq + 1,
                Some(_) | None => high = middle,
            }
        }
        // If all entries here are newer, there may be older ones that are too.
        (low > self.first()).then_some(low)
    }

    /// Returns the first entry from `from` on that the reader is to be shown, as far as that is in memory.
    pub fn skip_silent(&self, from: Seq, reader: Reader) -> Seq {
        let hole = self.page(from).and_then(|page| page.missing(from, page.end(), reader));
        match hole {
            Some((behind, GapReason::Void)) => behind,
            Some(_) | None => from,
        }
    }

    /// Returns the next readable entry from `seq` on, and its time.
    fn time_from(&self, seq: Seq) -> Option<(Seq, Timestamp)> {
        (seq.0..self.end.0).map(Seq).find_map(|seq| {
            let (_, time) = Entry::decode_with_time(self.page(seq)?.entry(seq)?)?;
            Some((seq, time?))
        })
    }

    /// Writes what fits of the entries from `from` up to `to` that are in memory, a gap for those that are gone or that the reader is
    /// not to see, and in a large room how many joined and left; returns the number behind it.
    pub fn write_all(&self, from: Seq, to: Seq, reader: Reader, is_large: bool, writer: &mut Writer) -> Seq {
        let mut at = from;
        while at < to {
            let behind = self.write(at, to, reader, is_large, writer);
            if behind == at {
                break;
            }
            at = behind;
        }
        if at < to && at > from && !self.lacks_for(at, reader) {
            writer.pad_if_full();
        }
        at
    }

    /// Writes as much as fits in one frame, of entries or as a gap.
    fn write(&self, from: Seq, to: Seq, reader: Reader, is_large: bool, writer: &mut Writer) -> Seq {
        if from < self.oldest() {
            return write_gap(from, to.min(self.oldest()), GapReason::Gone, writer);
        }
        if let Some(behind) = self.private_to_others(from, reader) {
            return write_gap(from, behind.min(to), GapReason::Void, writer);
        }
        let Some(page) = self.page(from) else { return from };
        match page.missing(from, to, reader) {
            Some((behind, why)) => write_gap(from, behind, why, writer),
            None if is_large => match page.people(from, to) {
                Some((behind, why)) => write_gap(from, behind, why, writer),
                None => page.write(from, page.first_people(from, to), reader, writer),
            },
            None => page.write(from, to, reader, writer),
        }
    }

    fn check(&self) {
        debug_assert!(self.newest.back().is_none_or(|page| page.end() == self.end));
        debug_assert!(self.read_back.len() <= READ_BACK_MAX + 1);
    }
}

/// Writes a gap for the entries from `from` up to `to`; returns the number behind it.
pub fn write_gap(from: Seq, to: Seq, why: GapReason, writer: &mut Writer) -> Seq {
    let gap = Frame::Gap { first: from, count: to.since(from), why };
    if writer.frame(&gap) { to } else { from }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::entry::ENTRY_MAX;
    use crate::wire::frame::frames;
    use crate::wire::{PostId, Who};

    const ANYBODY: Reader = Reader { who: Who([0xff; 8]), own_end: Seq(0) };

    fn line(number: u64) -> String {
        format!("{number}{}", "x".repeat(usize::try_from(number * 37 % 1000).unwrap()))
    }

    fn append(window: &mut Window, at: u64, entry: &Entry<'_>) {
        let mut encoded = [0; ENTRY_MAX];
        let len = entry.encode(Timestamp(at), &mut encoded).unwrap();
        window.append(&encoded[..len]);
    }

    fn page(numbers: std::ops::Range<u64>) -> Page {
        let mut page = Page::new(Seq(numbers.start));
        for number in numbers {
            let mut encoded = [0; ENTRY_MAX];
            let len = Entry::Line { text: &line(number) }.encode(Timestamp(number), &mut encoded).unwrap();
            page.push(&encoded[..len]);
        }
        page
    }

    fn text(encoded: &[u8]) -> String {
        match Entry::decode(encoded) {
            Some(Entry::Line { text }) => text.to_owned(),
            other => panic!("{other:?}"),
        }
    }

    fn read(window: &Window, from: Seq, to: Seq) -> Vec<String> {
        let mut writer = Writer::default();
        let end = window.write_all(from, to, ANYBODY, false, &mut writer);
        let mut lines = Vec::new();
        for frame in frames(writer.plain()) {
            if let Ok(Frame::Entries(entries)) = frame {
                lines.extend(entries.iter().map(|entry| text(entry.unwrap())));
            }
        }
        assert_eq!(lines.len() as u64, end.since(from));
        lines
    }

    #[test]
    fn what_is_kept_is_written_as_much_as_fits_and_what_is_not_is_gone() {
        let mut window = Window::new(Seq(5), None, 128 * 1024, 0);
        for number in 5..1000 {
            append(&mut window, number, &Entry::Line { text: &line(number) });
        }
        assert_eq!(window.end(), Seq(1000));
        assert!(window.first() > Seq(5) && window.first() < Seq(990), "{:?}", window.first());
        assert!(window.page(Seq(window.first().0 - 1)).is_none());
        let mut at = window.first();
        while at < window.end() {
            let lines = read(&window, at, window.end());
            assert!(!lines.is_empty(), "one always fits");
            for text in lines {
                assert_eq!(text, line(at.0));
                at = at + 1;
            }
        }
        assert_eq!(read(&window, Seq(998), Seq(999)).len(), 1, "not beyond what is asked for");
        let mut writer = Writer::default();
        let first = window.first();
        assert!(
            window.write_all(Seq(5), Seq(1000), ANYBODY, false, &mut writer) > first,
            "behind the gap comes what is there"
        );
        let told = frames(writer.plain()).next();
        assert_eq!(told, Some(Ok(Frame::Gap { first: Seq(5), count: first.since(Seq(5)), why: GapReason::Gone })));
    }

    #[test]
    fn so_many_of_the_newest_stay_however_long_they_are() {
        let mut window = Window::new(Seq(0), None, 1, 300);
        (0..2000).for_each(|number| append(&mut window, number, &Entry::Line { text: &line(number) }));
        assert!(window.end().since(window.first()) >= 300);
        assert!(window.end().since(window.first()) < 300 + 2 * PAGE);
    }

    #[test]
    fn what_is_to_be_here_is_read_back_to_page_by_page_and_again_when_it_was_changed() {
        let mut window = Window::new(Seq(1000), Some(Seq(10)), 1, 300);
        let mut reads = Vec::new();
        let mut fill = |window: &mut Window| {
            while let Some((from, to)) = window.lacking() {
                window.insert(page(from.0..to.0), false);
                reads.push((from.0, to.0));
            }
        };
        fill(&mut window);
        assert_eq!(window.first(), Seq(640));
        assert_eq!(
            window.entries(Seq(995)).map(|(_, entry)| text(entry)).collect::<Vec<_>>(),
            [995, 996, 997, 998, 999].map(line)
        );
        append(&mut window, 1000, &Entry::Line { text: "new" });
        window.forget(Seq(900), Seq(901));
        assert_eq!(window.first(), Seq(1001), "the whole page is, and what is before it");
        fill(&mut window);
        assert_eq!(reads, [(896, 1000), (768, 896), (640, 768), (896, 1001), (768, 896), (640, 768)]);
        let mut young = Window::new(Seq(50), Some(Seq(20)), 1, 300);
        assert_eq!(young.lacking(), Some((Seq(20), Seq(50))), "not what is gone");
        young.insert(page(20..50), false);
        assert_eq!(young.lacking(), None);
    }

    #[test]
    fn a_page_that_somebody_waits_for_stays_until_it_is_released() {
        let mut window = Window::new(Seq(100_000), Some(Seq(0)), 1, 0);
        for number in 0..READ_BACK_MAX as u64 {
            window.insert(page(number * PAGE..number * PAGE + 1), true);
        }
        assert!(!window.has_place(0));
        window.release(Seq(3 * PAGE));
        assert!(window.has_place(0) && !window.has_place(1));
        window.insert(page(50 * PAGE..50 * PAGE + 1), true);
        assert!(window.lacks(Seq(3 * PAGE)) && !window.lacks(Seq(2 * PAGE)) && !window.lacks(Seq(50 * PAGE)));
        window.truncate(Seq(10 * PAGE));
        assert!(!window.lacks(Seq(3 * PAGE)), "it is gone");
    }

    #[test]
    fn what_is_forgotten_is_shown_to_nobody_though_its_page_is_still_here() {
        let mut window = Window::new(Seq(0), Some(Seq(0)), 128 * 1024, 0);
        for number in 0..20 {
            append(&mut window, number, &Entry::Line { text: &line(number) });
        }
        window.truncate(Seq(15));
        let shown: Vec<_> = window.entries(Seq(0)).map(|(seq, _)| seq.0).collect();
        assert_eq!(shown, [15, 16, 17, 18, 19]);
    }

    #[test]
    fn it_begins_with_the_last_messages_or_with_those_within_a_time_or_says_that_this_is_further_back() {
        use History::{Last, Within};
        let mut window = Window::new(Seq(100), None, 1 << 16, 0);
        let (who, nick) = (Who::default(), "jill");
        for second in 0..10 {
            let entry =
                if second % 2 == 0 { Entry::Said { who, nick, text: "hey" } } else { Entry::Joined { who, nick } };
            append(&mut window, second * 1000, &entry);
        }
        let start = |wanted| window.start(wanted, Timestamp(9_000));
        assert_eq!([Last(0), Last(1), Last(5)].map(start), [Some(Seq(110)), Some(Seq(108)), Some(Seq(100))]);
        assert_eq!([Last(6), History::ALL].map(start), [None, None]);
        assert_eq!([Within(0), Within(8)].map(start), [Some(Seq(109)), Some(Seq(101))]);
        assert_eq!(start(Within(9)), None, "there may be more before it");
        assert_eq!(window.start(Within(0), Timestamp(10_000)), Some(Seq(110)));
        window.forget(Seq(0), Seq(1000));
        assert_eq!((window.first(), window.end()), (Seq(110), Seq(110)));
        append(&mut window, 0, &Entry::Joined { who, nick });
        assert_eq!(window.end(), Seq(111));
    }

    #[test]
    fn whoever_is_not_concerned_skips_private_entries_at_once_and_needs_none_of_their_pages() {
        let who = |byte| Who([byte; 8]);
        let mut window = Window::new(Seq(0), Some(Seq(0)), 1, 0);
        let post = PostId::default();
        let private = Entry::Private { who: who(1), to: who(2), nick: "jack", of: "jill", post, sealed: &[7; 500] };
        append(&mut window, 0, &Entry::Line { text: "before" });
        (1..1000).for_each(|at| append(&mut window, at, &private));
        append(&mut window, 1000, &Entry::Line { text: "behind" });
        let told = |window: &Window, reader| {
            let mut writer = Writer::default();
            let end = window.write_all(Seq(1), Seq(1001), reader, false, &mut writer);
            let frames: Vec<_> = frames(writer.plain()).map(|frame| format!("{:?}", frame.unwrap())).collect();
            (end, frames)
        };
        assert!(window.first() > Seq(800), "most of it is not in memory");
        let other = Reader { who: who(3), own_end: Seq(1) };
        let (end, frames) = told(&window, other);
        assert_eq!((end, frames.len()), (Seq(1001), 2), "a gap, and what is behind it: {frames:?}");
        assert!(window.lacks(Seq(1)) && !window.lacks_for(Seq(1), other));
        for concerned in [Reader { who: who(2), own_end: Seq(1000) }, Reader { who: who(3), own_end: Seq(2) }] {
            assert!(window.lacks_for(Seq(1), concerned), "it may be for this one");
            assert_eq!(told(&window, concerned).0, Seq(1));
        }
        let again = Window::new(Seq(1001), Some(Seq(0)), 1, 0);
        assert!(again.lacks_for(Seq(1), other), "another run has to look");
        for number in 0..2 * PRIVATE_RUNS_MAX as u64 {
            append(&mut window, 1001 + number, &private);
            append(&mut window, 1001 + number, &Entry::Line { text: "between" });
        }
        assert_eq!(window.private.len(), PRIVATE_RUNS_MAX);
    }
}
