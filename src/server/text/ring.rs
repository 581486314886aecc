//! The send buffer of the members over text: the newest entries, as they are sent.
//!
//! Owns: the rendered bytes of the newest entries, while there are members over text, and their numbers.
//! Must not know: who has been sent what; it is told up to which number entries may be forgotten.
//! Driven by: `text` (append, release) and `fanout` (runs).
//!
//! Entries lie one behind the other in a ring of bytes, each of them whole. So consecutive entries of equal length form one
//! slice, which one `UDP_SEGMENT` call carries.
//!
//! ```text
//!   bytes   |  e7  | e8 |    free    | e4 |    e5    | e6 | - |      (- : left over, no entry is split)
//!                       ^ write       ^ offset of the oldest
//!   spans   e4 e5 e6 e7 e8
//!           ^ first        ^ end (the next number)
//! ```

use std::collections::VecDeque;

use crate::wire::Seq;
use crate::wire::text::LINE_MAX;

/// The bytes of the window. Chosen: some thousand lines of a usual length; even in the slowest room that is served, a sweep
/// still finds the entries that it began with.
pub(crate) const BYTES_MAX: usize = 256 * 1024;

/// The entries of the window. Chosen: with short lines, the spans take no more memory than the bytes.
pub(crate) const ENTRIES_MAX: usize = 4096;

/// The most segments one call may carry. Linux: `UDP_MAX_SEGMENTS` was 64 when `UDP_SEGMENT` came (4.18).
pub const SEGMENTS_MAX: usize = 64;

/// The most bytes one call may carry: the payload of the largest IPv4 datagram (RFC 768, RFC 791).
pub(crate) const RUN_BYTES_MAX: usize = 65_507;

const _: () = assert!(BYTES_MAX >= RUN_BYTES_MAX + LINE_MAX);

#[derive(Clone, Copy, Debug)]
struct Span {
    offset: u32,
    len: u16,
}

/// Entries that one call can carry to one peer: all `segment` bytes long, but for the last, which may be shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// The first entry.
    pub(crate) start: Seq,
    /// The number behind the last entry.
    pub(crate) end: Seq,
    /// The length of each entry but the last, in bytes.
    pub(crate) segment: usize,
}

impl Run {
    /// How many entries it has.
    pub(crate) const fn len(&self) -> u64 {
        self.end.0 - self.start.0
    }

    /// Whether it has none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The newest entries; see the module.
#[derive(Debug)]
pub(crate) struct Ring {
    bytes: Box<[u8]>,
    write: usize,
    spans: VecDeque<Span>,
    first: Seq,
    /// Entries below this may be forgotten.
    floor: Seq,
}

impl Ring {
    /// Creates an empty window whose next entry gets the number `next`.
    pub(crate) fn new(next: Seq) -> Self {
        Self {
            bytes: vec![0; BYTES_MAX].into_boxed_slice(),
            write: 0,
            spans: VecDeque::with_capacity(ENTRIES_MAX),
            first: next,
            floor: next,
        }
    }

    /// Returns the number that the next entry gets.
    pub(crate) fn end(&self) -> Seq {
        self.first + self.spans.len() as u64
    }

    /// Allows entries below `floor` to be forgotten when their place is needed. Never moves back.
    pub(crate) fn release(&mut self, floor: Seq) {
        assert!(floor <= self.end(), "released what is not yet there");
        self.floor = self.floor.max(floor);
    }

    /// How many entries wait to be released.
    pub(crate) fn held(&self) -> u64 {
        self.end().0 - self.floor.0
    }

    /// Skips the numbers up to `end`, and forgets all entries: nobody has to be sent them.
    pub(crate) fn skip_to(&mut self, end: Seq) {
        self.spans.clear();
        self.write = 0;
        self.first = end;
        self.floor = end;
    }

    /// Appends one entry, at most [`LINE_MAX`] long, and returns its number. Forgets released entries when it needs their
    /// place. The caller has to see to it that no more is held than fits.
    pub(crate) fn append(&mut self, line: &str) -> Seq {
        let len = line.len();
        assert!(len <= LINE_MAX, "a line is cut before it comes here");
        if self.bytes.len() - self.write < len {
            self.forget_from(self.write);
            self.write = 0;
        }
        let end = self.write + len;
        while self.spans.len() == ENTRIES_MAX || self.oldest_lies_in(self.write, end) {
            self.forget();
        }
        self.bytes[self.write..end].copy_from_slice(line.as_bytes());
        let seq = self.end();
        let (Ok(offset), Ok(len)) = (u32::try_from(self.write), u16::try_from(len)) else {
            unreachable!("an entry and the ring are small")
        };
        self.spans.push_back(Span { offset, len });
        self.write = end;
        self.check();
        seq
    }

    /// Returns the longest run of at most `entries_max` entries that begins at `from`; empty at the log's end.
    pub(crate) fn run(&self, from: Seq, entries_max: usize) -> Run {
        let Some(first) = self.span(from) else {
            return Run { start: from, end: from, segment: 0 };
        };
        let segment = usize::from(first.len);
        let (mut end, mut at, mut bytes) = (from + 1, first.offset as usize + segment, segment);
        let mut count = 1;
        while count < entries_max.min(SEGMENTS_MAX) {
            let Some(span) = self.span(end) else { break };
            let len = usize::from(span.len);
            // One without anything to send ends the run. Equal lengths, contiguous in memory, and together no longer than a
            // datagram may be before it is segmented.
            if len == 0 || len > segment || span.offset as usize != at || bytes + len > RUN_BYTES_MAX {
                break;
            }
            end = end + 1;
            at += len;
            bytes += len;
            count += 1;
            if len < segment {
                break;
            }
        }
        Run { start: from, end, segment }
    }

    /// Returns whether that entry is there and has nothing to be sent.
    pub(crate) fn is_void(&self, seq: Seq) -> bool {
        self.span(seq).is_some_and(|span| span.len == 0)
    }

    /// Returns the bytes of the run's entries from `from` on, one behind the other. Empty if `from` is not in the run.
    pub(crate) fn run_bytes(&self, run: Run, from: Seq) -> &[u8] {
        if from < run.start || from >= run.end {
            return &[];
        }
        match (self.span(from), self.span(Seq(run.end.0 - 1))) {
            (Some(first), Some(last)) => self.slice(first, last),
            _ => &[],
        }
    }

    fn span(&self, seq: Seq) -> Option<Span> {
        let index = usize::try_from(seq.0.checked_sub(self.first.0)?).ok()?;
        self.spans.get(index).copied()
    }

    fn slice(&self, first: Span, last: Span) -> &[u8] {
        &self.bytes[first.offset as usize..last.offset as usize + usize::from(last.len)]
    }

    fn oldest_lies_in(&self, start: usize, end: usize) -> bool {
        self.spans.front().is_some_and(|span| {
            let offset = span.offset as usize;
            offset < end && start < offset + usize::from(span.len)
        })
    }

    /// Forgets the entries at or behind `from`, before the write position returns to the start of the ring.
    fn forget_from(&mut self, from: usize) {
        while self.spans.front().is_some_and(|span| span.offset as usize >= from) {
            self.forget();
        }
    }

    fn forget(&mut self) {
        assert!(self.first < self.floor, "forgot an entry that is still owed to somebody");
        self.spans.pop_front();
        self.first = self.first + 1;
    }

    fn check(&self) {
        debug_assert!(self.spans.len() <= ENTRIES_MAX);
        assert!(self.first <= self.floor && self.floor <= self.end(), "the floor is within the window");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn said(ring: &mut Ring, line: &str) -> Seq {
        ring.append(line)
    }

    /// The bytes of the entry `seq`.
    fn entry(ring: &Ring, seq: Seq) -> Option<&[u8]> {
        ring.span(seq).map(|span| ring.slice(span, span))
    }

    #[test]
    fn entries_are_numbered_one_by_one_from_where_the_log_begins() {
        let mut ring = Ring::new(Seq(7));
        assert_eq!(said(&mut ring, "a"), Seq(7));
        assert_eq!(ring.append("jill joined!"), Seq(8));
        assert_eq!(entry(&ring, Seq(8)), Some(&b"jill joined!"[..]));
        assert_eq!(entry(&ring, Seq(6)), None);
        assert_eq!(entry(&ring, Seq(9)), None);
    }

    #[test]
    fn entries_of_equal_length_are_one_run_and_the_last_may_be_shorter() {
        let mut ring = Ring::new(Seq(0));
        for line in ["aaaa", "bbbb", "cc", "dd", "eeeeee"] {
            said(&mut ring, line);
        }
        let run = ring.run(Seq(0), SEGMENTS_MAX);
        assert_eq!(run, Run { start: Seq(0), end: Seq(3), segment: 4 });
        assert_eq!(ring.run_bytes(run, Seq(0)), b"aaaabbbbcc");
        assert_eq!(ring.run_bytes(run, Seq(2)), b"cc");
        assert_eq!(ring.run_bytes(run, Seq(3)), b"");
        assert_eq!(ring.run(Seq(3), SEGMENTS_MAX).len(), 1, "a longer one does not fit behind a shorter");
        assert!(ring.run(Seq(5), SEGMENTS_MAX).is_empty());
    }

    #[test]
    fn a_run_has_64_entries_and_not_one_more() {
        let mut ring = Ring::new(Seq(0));
        for _ in 0..SEGMENTS_MAX + 1 {
            said(&mut ring, "x");
        }
        assert_eq!(ring.run(Seq(0), usize::MAX).len(), SEGMENTS_MAX as u64);
        assert_eq!(ring.run(Seq(0), 1).len(), 1);
    }

    #[test]
    fn a_run_carries_no_more_than_the_largest_datagram() {
        let mut ring = Ring::new(Seq(0));
        for _ in 0..SEGMENTS_MAX {
            said(&mut ring, &"x".repeat(LINE_MAX));
        }
        let run = ring.run(Seq(0), SEGMENTS_MAX);
        assert_eq!(run.len(), (RUN_BYTES_MAX / LINE_MAX) as u64);
    }

    #[test]
    fn the_window_holds_as_many_entries_as_it_says_and_not_one_more() {
        let mut ring = Ring::new(Seq(0));
        for _ in 0..ENTRIES_MAX {
            assert!(ring.has_place());
            said(&mut ring, "x");
        }
        assert!(!ring.has_place());
        ring.release(Seq(1));
        assert!(ring.has_place());
        said(&mut ring, "y");
        assert_eq!(ring.first, Seq(1), "the oldest is forgotten when its place is needed, not before");
    }

    impl Ring {
        /// The ring's bytes from the oldest held entry to the write position.
        fn held_bytes(&self) -> usize {
            match self.span(self.floor) {
                None => 0,
                Some(oldest) if (oldest.offset as usize) < self.write => self.write - oldest.offset as usize,
                Some(oldest) => self.bytes.len() - oldest.offset as usize + self.write,
            }
        }

        /// Whether one more entry fits beside those that are held, wherever the ring ends.
        fn has_place(&self) -> bool {
            self.held() < ENTRIES_MAX as u64 && self.held_bytes() + 2 * LINE_MAX <= self.bytes.len()
        }
    }

    proptest! {
        #[test]
        fn what_is_held_is_read_back_whatever_the_lengths_and_releases(
            steps in prop::collection::vec((0usize..=LINE_MAX, 0u64..40), 1..3000)
        ) {
            let mut ring = Ring::new(Seq(0));
            let mut model: Vec<String> = Vec::new();
            let mut floor = 0;
            for (index, (len, release)) in steps.into_iter().enumerate() {
                let line = format!("{index:08}{}", "x".repeat(len.saturating_sub(8)));
                if !ring.has_place() {
                    floor = (floor + release + 1).min(model.len() as u64);
                    ring.release(Seq(floor));
                    continue;
                }
                prop_assert_eq!(said(&mut ring, &line), Seq(model.len() as u64));
                model.push(line);
                let mut seq = Seq(floor);
                while seq < ring.end() && floor + 200 > model.len() as u64 {
                    let run = ring.run(seq, SEGMENTS_MAX);
                    prop_assert!(!run.is_empty());
                    let expected: String = (run.start.0..run.end.0).map(|n| model[n as usize].as_str()).collect();
                    prop_assert_eq!(ring.run_bytes(run, run.start), expected.as_bytes());
                    seq = run.end;
                }
            }
            for seq in floor..model.len() as u64 {
                prop_assert_eq!(entry(&ring, Seq(seq)), Some(model[seq as usize].as_bytes()));
            }
        }
    }
}
