//! A page of the log: consecutive encoded entries, with holes where some are gone.
//!
//! Owns: [`Page`], the one place that keeps encoded entries and writes runs of them into packets; [`PAGE`], the number of
//! entries of a page.
//! Must not know: who reads it, where it comes from.
//! Driven by: `window`, backends (which fill pages that are read back) and the server (which sends from them).

use crate::wire::entry::{ENTRY_MAX, Entry, is_silent, parties};
use crate::wire::frame::{GapReason, Writer};
use crate::wire::{Seq, Who};

/// The numbers on a page. Chosen: reading it holds the room up for a fraction of a millisecond, and it fills several packets.
pub const PAGE: u64 = 128;

/// Somebody to whom entries are shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reader {
    /// Its key.
    pub who: Who,
    /// The number behind the last private entry, or setting of its own, that this reader may see; or any later one.
    pub own_end: Seq,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    At {
        offset: u32,
        len: u16,
    },
    /// An entry that only two members are sent.
    Private {
        offset: u32,
        len: u16,
    },
    Missing(GapReason),
}

/// Consecutive entries; see the module.
#[derive(Debug)]
pub struct Page {
    first: Seq,
    /// Entries, each with its length in front, as they go over the wire.
    framed: Vec<u8>,
    places: Vec<Place>,
}

impl Page {
    /// Returns the first number of the page that `seq` is on.
    pub const fn start_of(seq: Seq) -> Seq {
        Seq(seq.0 - seq.0 % PAGE)
    }

    /// Creates a page without entries, whose first number will be `first`.
    pub const fn new(first: Seq) -> Self {
        Self { first, framed: Vec::new(), places: Vec::new() }
    }

    /// Empties the page, and makes `first` its first number, in the same memory.
    pub fn reset(&mut self, first: Seq) {
        self.first = first;
        self.framed.clear();
        self.places.clear();
    }

    /// Returns its first number.
    pub const fn first(&self) -> Seq {
        self.first
    }

    /// Returns the number behind its last one.
    pub fn end(&self) -> Seq {
        self.first + self.places.len() as u64
    }

    /// How many bytes its entries take.
    pub const fn len(&self) -> usize {
        self.framed.len()
    }

    /// Whether it has no numbers.
    pub const fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Adds an encoded entry; of a silent one only that there is nothing to be shown. One that is longer than an entry can be is none, and counts as unreadable.
    pub fn push(&mut self, encoded: &[u8]) {
        if is_silent(encoded) {
            return self.places.push(Place::Missing(GapReason::Void));
        }
        let offset = self.framed.len();
        if encoded.len() <= ENTRY_MAX {
            frame(encoded, &mut self.framed);
        }
        let len = u16::try_from(self.framed.len() - offset);
        self.places.push(match (u32::try_from(offset), len) {
            (Ok(offset), Ok(len @ 1..)) if parties(encoded).is_some() => Place::Private { offset, len },
            (Ok(offset), Ok(len @ 1..)) => Place::At { offset, len },
            _ => Place::Missing(GapReason::Unreadable),
        });
    }

    /// Adds numbers up to `to` that have no entries, and why.
    pub fn skip_to(&mut self, to: Seq, why: GapReason) {
        while self.end() < to {
            self.places.push(Place::Missing(why));
        }
    }

    /// Whether some of it could not be read.
    pub fn is_unreadable(&self) -> bool {
        self.places.iter().any(|place| matches!(place, Place::Missing(GapReason::Unreadable)))
    }

    fn place(&self, seq: Seq) -> Option<Place> {
        self.places.get(usize::try_from(seq.0.checked_sub(self.first.0)?).ok()?).copied()
    }

    /// Returns the encoded entry with that number, if there is one.
    pub fn entry(&self, seq: Seq) -> Option<&[u8]> {
        let (Place::At { offset, len } | Place::Private { offset, len }) = self.place(seq)? else { return None };
        let framed = &self.framed[offset as usize..offset as usize + usize::from(len)];
        let head = if framed.first().is_some_and(|&low| low & 0x80 != 0) { 2 } else { 1 };
        framed.get(head..)
    }

    /// Returns what a number is for that reader: a private entry is either like any other, or nothing to be shown.
    fn place_for(&self, seq: Seq, reader: Reader) -> Option<Place> {
        let place = self.place(seq)?;
        let Place::Private { offset, len } = place else { return Some(place) };
        let is_for_it = seq < reader.own_end
            && self.entry(seq).and_then(parties).is_some_and(|parties| parties.contains(&reader.who));
        Some(if is_for_it { Place::At { offset, len } } else { Place::Missing(GapReason::Void) })
    }

    /// Returns the end of the hole that begins at `from` for that reader, at most `to`, and its reason; `None` if there is none.
    pub fn missing(&self, from: Seq, to: Seq, reader: Reader) -> Option<(Seq, GapReason)> {
        let Some(Place::Missing(why)) = self.place_for(from, reader) else { return None };
        let mut end = from;
        while end < to && matches!(self.place_for(end, reader), Some(Place::Missing(other)) if other == why) {
            end = end + 1;
        }
        Some((end, why))
    }

    /// Returns the end of the consecutive joins and leaves from `from` on, before `to`, and whether they were joins, leaves or
    /// both; `None` if there are fewer than two.
    pub fn people(&self, from: Seq, to: Seq) -> Option<(Seq, GapReason)> {
        let what = |seq| self.entry(seq).and_then(|entry| Entry::begins_presence(*entry.first()?));
        let first = what(from)?;
        let (mut end, mut all) = (from + 1, first);
        while end < to
            && let Some(next) = what(end)
        {
            all = if next == first { all } else { GapReason::CameAndWent };
            end = end + 1;
        }
        (end > from + 1).then_some((end, all))
    }

    /// Returns the number of the first of several consecutive joins and leaves, from `from` on and before `to`; else `to`.
    pub fn first_people(&self, from: Seq, to: Seq) -> Seq {
        let mut at = from;
        while at < to && at < self.end() && self.people(at, to.min(at + 2)).is_none() {
            at = at + 1;
        }
        if at < self.end() { at } else { to }
    }

    /// Writes as many of the entries from `from` up to `to` as fit; returns the number behind the last.
    pub fn write(&self, from: Seq, to: Seq, reader: Reader, writer: &mut Writer) -> Seq {
        let Some(Place::At { offset, .. }) = self.place_for(from, reader) else { return from };
        let (aim, place_for_one) = writer.entries_place(from);
        let start = offset as usize;
        let mut end = from;
        let mut len = 0;
        while end < to
            && let Some(Place::At { len: next, .. }) = self.place_for(end, reader)
            && len + usize::from(next) <= if len == 0 { place_for_one } else { aim }
        {
            len += usize::from(next);
            end = end + 1;
        }
        if len > 0 && writer.entries(from, &self.framed[start..start + len]) { end } else { from }
    }
}

/// Adds an entry with its length in front, as a varint (postcard): one byte up to 127, else two.
fn frame(encoded: &[u8], framed: &mut Vec<u8>) {
    // Two bytes hold the length of the longest entry.
    assert!(encoded.len() <= ENTRY_MAX);
    let [high, low] = u16::try_from(encoded.len()).map_or([0; 2], |len| ((len >> 7) << 8 | len & 0x7f).to_be_bytes());
    match high {
        0 => framed.push(low),
        high => framed.extend([low | 0x80, high]),
    }
    framed.extend_from_slice(encoded);
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANYBODY: Reader = Reader { who: Who([0xff; 8]), own_end: Seq(u64::MAX) };
    use crate::wire::entry::Entry;
    use crate::wire::frame::{Frame, frames};
    use crate::wire::{PostId, Timestamp};

    #[test]
    fn what_is_there_is_written_up_to_a_hole_and_what_is_missing_says_why() {
        let mut page = Page::new(Seq(128));
        for (seq, text) in [(128, "a"), (129, "b"), (132, "c")] {
            page.skip_to(Seq(seq), GapReason::Gone);
            let mut encoded = [0; ENTRY_MAX];
            let len = Entry::Line { text }.encode(Timestamp(5), &mut encoded).unwrap();
            page.push(&encoded[..len]);
        }
        page.skip_to(Seq(134), GapReason::Unreadable);
        let mut writer = Writer::default();
        assert_eq!(page.write(Seq(128), Seq(140), ANYBODY, &mut writer), Seq(130));
        let Some(Ok(Frame::Entries(entries))) = frames(writer.plain()).next() else { panic!("no entries") };
        assert_eq!((entries.first, entries.iter().count()), (Seq(128), 2));
        assert_eq!(page.missing(Seq(128), Seq(140), ANYBODY), None);
        assert_eq!(page.missing(Seq(130), Seq(140), ANYBODY), Some((Seq(132), GapReason::Gone)));
        assert_eq!(page.missing(Seq(130), Seq(131), ANYBODY), Some((Seq(131), GapReason::Gone)));
        assert_eq!(page.missing(Seq(133), Seq(140), ANYBODY), Some((Seq(134), GapReason::Unreadable)));
        assert_eq!((page.end(), page.is_unreadable()), (Seq(134), true));
        assert_eq!(page.write(Seq(134), Seq(140), ANYBODY, &mut Writer::default()), Seq(134), "not beyond its end");
        page.push(&[0; ENTRY_MAX + 1]);
        assert_eq!(
            page.missing(Seq(134), Seq(140), ANYBODY),
            Some((Seq(135), GapReason::Unreadable)),
            "no entry is so long"
        );
    }

    #[test]
    fn a_private_entry_is_there_for_two_and_for_everybody_else_it_is_nothing_to_be_shown() {
        let who = |byte| Who([byte; 8]);
        let mut page = Page::new(Seq(0));
        let mut push = |entry: &Entry<'_>| {
            let mut encoded = [0; ENTRY_MAX];
            let len = entry.encode(Timestamp(7), &mut encoded).unwrap();
            page.push(&encoded[..len]);
        };
        let said = Entry::Said { who: who(1), nick: "jack", text: "hey" };
        let post = PostId::default();
        let private = Entry::Private { who: who(1), to: who(2), nick: "jack", of: "jill", post, sealed: b"sealed" };
        [&said, &private, &private, &said].into_iter().for_each(&mut push);
        let read = |reader: Reader| {
            let (mut writer, mut at, mut shown) = (Writer::default(), Seq(0), String::new());
            while at < page.end() {
                if let Some((behind, why)) = page.missing(at, page.end(), reader) {
                    assert_eq!(why, GapReason::Void);
                    shown.push_str(&".".repeat(usize::try_from(behind.since(at)).unwrap()));
                    at = behind;
                    continue;
                }
                writer.clear();
                at = page.write(at, page.end(), reader, &mut writer);
                for frame in frames(writer.plain()) {
                    let Ok(Frame::Entries(entries)) = frame else { panic!("{frame:?}") };
                    shown.extend(entries.iter().map(|entry| if entry.unwrap()[0] == 7 { 'P' } else { 's' }));
                }
            }
            shown
        };
        let reader = |byte, own_end| Reader { who: who(byte), own_end: Seq(own_end) };
        assert_eq!([read(reader(1, 3)), read(reader(2, 3)), read(reader(3, 3))], ["sPPs", "sPPs", "s..s"]);
        assert_eq!(read(reader(2, 2)), "sP.s", "nothing behind is for it");
        assert!(page.entry(Seq(1)).is_some(), "the server has it all the same");
    }
}
