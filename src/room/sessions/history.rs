//! The entries that sessions can still be sent, as they go over the wire.
//!
//! Owns: the newest entries, each encoded once for everybody, up to a number of bytes.
//! Must not know: who reads them.
//! Driven by: `sessions`.
//!
//! Entries lie in chunks, one behind the other, each with its length in front, so that what fits a packet is one slice.
//! The oldest chunk goes when the newest would be one too many; its memory is used again.

use std::collections::VecDeque;

use crate::wire::Seq;
use crate::wire::entry::{ENTRY_MAX, Entry};
use crate::wire::frame::Writer;

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
pub(in crate::room) struct History {
    chunks: VecDeque<Vec<u8>>,
    chunks_max: usize,
    /// The number of the first chunk that is kept.
    first_chunk: u32,
    spans: VecDeque<Span>,
    first: Seq,
}

impl History {
    /// Without entries; the first will be `next`. Keeps `bytes` of them, some more at times.
    pub(in crate::room) fn new(next: Seq, bytes: usize) -> Self {
        let chunks_max = bytes.div_ceil(CHUNK).max(1);
        Self { chunks: VecDeque::new(), chunks_max, first_chunk: 0, spans: VecDeque::new(), first: next }
    }

    /// The number of the oldest entry that is kept.
    pub(in crate::room) const fn first(&self) -> Seq {
        self.first
    }

    /// The number that the next entry gets.
    pub(in crate::room) fn end(&self) -> Seq {
        self.first + self.spans.len() as u64
    }

    /// Appends an entry.
    pub(in crate::room) fn append(&mut self, entry: &Entry<'_>) {
        let mut framed = [0; FRAMED_MAX];
        let Some(len) = entry.encode(&mut framed[2..]) else {
            debug_assert!(false, "an entry is as long as it may be");
            return;
        };
        // The length as a varint (postcard): one byte up to 127, else two.
        let (low, high) = (len & 0x7f, len >> 7);
        let start = if high == 0 { 1 } else { 0 };
        framed[start] = u8::try_from(low).unwrap_or_default() | if high == 0 { 0 } else { 0x80 };
        if high > 0 {
            framed[1] = u8::try_from(high).unwrap_or_default();
        }
        self.push(&framed[start..2 + len]);
    }

    fn push(&mut self, framed: &[u8]) {
        if self.chunks.back().is_none_or(|chunk| chunk.len() + framed.len() > CHUNK) {
            let mut chunk = if self.chunks.len() == self.chunks_max { self.forget() } else { Vec::new() };
            chunk.clear();
            // Grows with a quiet room, and is as large as it gets in a lively one.
            self.chunks.push_back(chunk);
        }
        let chunk_number = self.first_chunk + u32::try_from(self.chunks.len() - 1).unwrap_or_default();
        let Some(chunk) = self.chunks.back_mut() else { return };
        let offset = u16::try_from(chunk.len()).unwrap_or_default();
        chunk.extend_from_slice(framed);
        let len = u16::try_from(framed.len()).unwrap_or_default();
        self.spans.push_back(Span { chunk: chunk_number, offset, len });
        self.check();
    }

    fn forget(&mut self) -> Vec<u8> {
        while self.spans.front().is_some_and(|span| span.chunk == self.first_chunk) {
            self.spans.pop_front();
            self.first = self.first + 1;
        }
        self.first_chunk += 1;
        self.chunks.pop_front().unwrap_or_default()
    }

    /// Writes the entries from `from` up to `to`, as many as fit; returns the number behind the last.
    pub(in crate::room) fn write(&self, from: Seq, to: Seq, writer: &mut Writer) -> Seq {
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
        debug_assert!(
            self.spans.back().is_some_and(|span| (span.chunk - self.first_chunk) as usize + 1 == self.chunks.len())
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

    fn read(history: &History, from: Seq, to: Seq) -> Vec<String> {
        let mut writer = Writer::default();
        let end = history.write(from, to, &mut writer);
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
        let mut history = History::new(Seq(5), 2 * CHUNK);
        for number in 5..1000 {
            history.append(&Entry::Line { text: &line(number) });
        }
        assert_eq!(history.end(), Seq(1000));
        assert!(history.first() > Seq(5) && history.first() < Seq(990), "{:?}", history.first());
        assert!(read(&history, Seq(history.first().0 - 1), history.end()).is_empty());
        let mut at = history.first();
        while at < history.end() {
            let lines = read(&history, at, history.end());
            assert!(!lines.is_empty(), "one always fits");
            for text in lines {
                assert_eq!(text, line(at.0));
                at = at + 1;
            }
        }
        assert_eq!(read(&history, Seq(998), Seq(999)).len(), 1, "not beyond what is asked for");
    }
}
