//! The entries that sessions can still be sent, as they go over the wire.
//!
//! Owns: the newest entries, each encoded once for everybody, up to a number of bytes.
//! Must not know: who reads them.
//! Driven by: `sessions`.
//!
//! Entries lie in chunks, one behind the other, each with its length in front, so that what fits a packet is one slice.
//! The oldest chunk goes when the newest would be one too many; its memory is used again.

use std::collections::VecDeque;
use std::time::Duration;

use super::page::frame;

use crate::wire::entry::{ENTRY_MAX, Entry};
use crate::wire::frame::{History, Writer};
use crate::wire::{Seq, Timestamp};

/// The bytes of a chunk. Chosen: some hundred entries of a usual length.
const CHUNK: usize = 64 * 1024;

/// An entry and its length.
const FRAMED_MAX: usize = 2 + ENTRY_MAX;

const _: () = assert!(FRAMED_MAX <= CHUNK && ENTRY_MAX < 1 << 14);

#[derive(Clone, Copy, Debug)]
struct Span {
    /// Counted from the first chunk ever.
    chunk: u32,
    offset: u16,
    len: u16,
}

/// The newest entries; see the module.
#[derive(Debug)]
pub(crate) struct Recent {
    chunks: VecDeque<Vec<u8>>,
    chunks_max: usize,
    /// The number of the first chunk that is kept.
    first_chunk: u32,
    spans: VecDeque<Span>,
    first: Seq,
}

impl Recent {
    /// Without entries; the first will be `next`. Keeps `bytes` of them, some more at times.
    pub(crate) fn new(next: Seq, bytes: usize) -> Self {
        let chunks_max = bytes.div_ceil(CHUNK).max(1);
        Self { chunks: VecDeque::new(), chunks_max, first_chunk: 0, spans: VecDeque::new(), first: next }
    }

    /// The number of the oldest entry that is kept.
    pub(crate) const fn first(&self) -> Seq {
        self.first
    }

    /// The number that the next entry gets.
    pub(crate) fn end(&self) -> Seq {
        self.first + self.spans.len() as u64
    }

    /// Appends an entry that was committed at `at`.
    pub(crate) fn append(&mut self, at: Timestamp, entry: &Entry<'_>) {
        let mut encoded = [0; ENTRY_MAX];
        // Without it all numbers behind it would be others than the log's.
        let len = entry.encode(at, &mut encoded).expect("an entry is as long as it may be");
        self.push(&encoded[..len]);
    }

    /// Forgets everything: the log was changed by others.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.end(), self.chunks_max * CHUNK);
    }

    /// Where `wanted` begins, if that is among what is kept.
    pub(crate) fn start(&self, wanted: History, now: Timestamp) -> Option<Seq> {
        let at = match wanted {
            History::Last(0) => self.spans.len(),
            History::Last(messages) => {
                let messages = usize::try_from(messages).ok()?;
                let is_message = |&at: &usize| self.encoded(at).first().copied().is_some_and(Entry::begins_message);
                (0..self.spans.len()).rev().filter(is_message).nth(messages - 1)?
            }
            History::Within(seconds) => {
                let since = now.before(Duration::from_secs(seconds));
                let time = |at| Entry::decode_with_time(self.encoded(at)).and_then(|(_, time)| time);
                let is_before = |at: usize| time(at).is_some_and(|time| time < since);
                // Times never go back.
                let (mut low, mut high) = (0, self.spans.len());
                while low < high {
                    let middle = usize::midpoint(low, high);
                    (low, high) = if is_before(middle) { (middle + 1, high) } else { (low, middle) };
                }
                // If all of it is newer, there may be more that is.
                if low == 0 { return None } else { low }
            }
        };
        Some(self.first + at as u64)
    }

    /// The bytes of an entry, without their length.
    fn encoded(&self, at: usize) -> &[u8] {
        let span = self.spans[at];
        let chunk = &self.chunks[(span.chunk - self.first_chunk) as usize];
        let framed = &chunk[usize::from(span.offset)..usize::from(span.offset) + usize::from(span.len)];
        let head = if framed.first().is_some_and(|&low| low & 0x80 != 0) { 2 } else { 1 };
        &framed[head..]
    }

    fn push(&mut self, encoded: &[u8]) {
        if self.chunks.back().is_none_or(|chunk| chunk.len() + encoded.len() + 2 > CHUNK) {
            let mut chunk = if self.chunks.len() == self.chunks_max { self.forget() } else { Vec::new() };
            chunk.clear();
            // Grows with a quiet room, and is as large as it gets in a lively one.
            self.chunks.push_back(chunk);
        }
        let number = u32::try_from(self.chunks.len() - 1).expect("there are few chunks");
        let chunk_number = self.first_chunk.checked_add(number).expect("no log has so many chunks");
        let chunk = self.chunks.back_mut().expect("one has just been added");
        let offset = u16::try_from(chunk.len()).expect("a chunk is as long as an offset can say");
        frame(encoded, chunk);
        let len = u16::try_from(chunk.len() - usize::from(offset)).expect("so is an entry");
        self.spans.push_back(Span { chunk: chunk_number, offset, len });
        self.check();
    }

    fn forget(&mut self) -> Vec<u8> {
        while self.spans.front().is_some_and(|span| span.chunk == self.first_chunk) {
            self.spans.pop_front();
            self.first = self.first + 1;
        }
        self.first_chunk += 1;
        self.chunks.pop_front().expect("there are as many as there may be")
    }

    /// Writes the entries from `from` up to `to`, as many as fit; returns the number behind the last.
    pub(crate) fn write(&self, from: Seq, to: Seq, writer: &mut Writer) -> Seq {
        let Some(first) = self.span(from) else { return from };
        let place = writer.entries_place(from);
        let (mut end, mut len) = (from, 0);
        while end < to
            && let Some(span) = self.span(end)
            && span.chunk == first.chunk
            && len + usize::from(span.len) <= place
        {
            len += usize::from(span.len);
            end = end + 1;
        }
        let chunk = &self.chunks[(first.chunk - self.first_chunk) as usize];
        let start = usize::from(first.offset);
        if len > 0 && writer.entries(from, &chunk[start..start + len]) { end } else { from }
    }

    fn span(&self, seq: Seq) -> Option<Span> {
        let index = usize::try_from(seq.0.checked_sub(self.first.0)?).ok()?;
        self.spans.get(index).copied()
    }

    fn check(&self) {
        debug_assert!(self.chunks.len() <= self.chunks_max);
        assert!(
            self.chunks.is_empty()
                || self
                    .spans
                    .back()
                    .is_some_and(|span| (span.chunk - self.first_chunk) as usize + 1 == self.chunks.len())
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frame::{Frame, frames};

    fn line(number: u64) -> String {
        format!("{number}{}", "x".repeat(usize::try_from(number * 37 % 1000).unwrap()))
    }

    fn read(recent: &Recent, from: Seq, to: Seq) -> Vec<String> {
        let mut writer = Writer::default();
        let end = recent.write(from, to, &mut writer);
        let Some(Ok(Frame::Entries(entries))) = frames(writer.plain()).next() else { return Vec::new() };
        let lines: Vec<_> = entries
            .iter()
            .map(|entry| match Entry::decode(entry.unwrap()) {
                Some(Entry::Line { text }) => text.to_owned(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!((entries.first, lines.len() as u64), (from, end.since(from)));
        lines
    }

    #[test]
    fn what_is_kept_is_written_as_much_as_fits_and_what_is_not_is_gone() {
        let mut recent = Recent::new(Seq(5), 2 * CHUNK);
        for number in 5..1000 {
            recent.append(Timestamp(number), &Entry::Line { text: &line(number) });
        }
        assert_eq!(recent.end(), Seq(1000));
        assert!(recent.first() > Seq(5) && recent.first() < Seq(990), "{:?}", recent.first());
        assert!(read(&recent, Seq(recent.first().0 - 1), recent.end()).is_empty());
        let mut at = recent.first();
        while at < recent.end() {
            let lines = read(&recent, at, recent.end());
            assert!(!lines.is_empty(), "one always fits");
            for text in lines {
                assert_eq!(text, line(at.0));
                at = at + 1;
            }
        }
        assert_eq!(read(&recent, Seq(998), Seq(999)).len(), 1, "not beyond what is asked for");
    }

    #[test]
    fn it_begins_with_the_last_messages_or_with_those_within_a_time_or_says_that_this_is_further_back() {
        use History::{Last, Within};
        let mut recent = Recent::new(Seq(100), CHUNK);
        let (who, nick) = (crate::wire::Who::default(), "jill");
        for second in 0..10 {
            let entry =
                if second % 2 == 0 { Entry::Said { who, nick, text: "hey" } } else { Entry::Joined { who, nick } };
            recent.append(Timestamp(second * 1000), &entry);
        }
        let start = |wanted| recent.start(wanted, Timestamp(9_000));
        assert_eq!([Last(0), Last(1), Last(5)].map(start), [Some(Seq(110)), Some(Seq(108)), Some(Seq(100))]);
        assert_eq!([Last(6), History::ALL].map(start), [None, None]);
        assert_eq!([Within(0), Within(8)].map(start), [Some(Seq(109)), Some(Seq(101))]);
        assert_eq!(start(Within(9)), None, "there may be more before it");
        assert_eq!(recent.start(Within(0), Timestamp(10_000)), Some(Seq(110)));
        recent.clear();
        assert_eq!((recent.first(), recent.end()), (Seq(110), Seq(110)));
        recent.append(Timestamp(0), &Entry::Joined { who, nick });
        assert_eq!(recent.end(), Seq(111));
    }
}
