//! A search through the history of a room, page by page, at the client: the server compares nothing.
//!
//! Owns: which page comes next, when the search ends.
//! Must not know: what is looked for; its user says which entries match.
//! Driven by: whoever searches, with the pages that a [`super::Client`] reports.
//!
//! A search is cancelled by dropping it, and its outstanding request with [`super::Client::cancel_fetch`].

use super::Event;
use crate::wire::Seq;
use crate::wire::frame::{FETCH_MAX, Spot};

/// A search backwards; see the module.
#[derive(Clone, Debug)]
pub struct Search {
    /// The number before which nothing has been looked at, and the one at which the search ends.
    before: Seq,
    to: Seq,
    /// How many more are to be found.
    left: usize,
    is_over: bool,
}

impl Search {
    /// Creates a search for the newest `most` entries that match, before one number (`Seq(u64::MAX)`: the end) and not before another.
    pub const fn new(before: Seq, to: Seq, most: usize) -> Self {
        Self { before, to, left: most, is_over: false }
    }

    /// Returns what to ask for next, as for [`super::Client::fetch`]; `None` once the search is over.
    pub fn wants(&self) -> Option<(Spot, u32)> {
        let is_over = self.is_over || self.left == 0 || self.before <= self.to;
        (!is_over).then(|| {
            let count = u32::try_from(self.before.since(self.to)).unwrap_or(FETCH_MAX).min(FETCH_MAX);
            (Spot::Before(self.before), count)
        })
    }

    /// Returns the number before which nothing has been looked at.
    pub const fn reached(&self) -> Seq {
        self.before
    }

    /// Takes the page that it asked for. Returns what matches, the newest first.
    pub fn take(&mut self, page: Event, mut is_match: impl FnMut(&Event) -> bool) -> Vec<Event> {
        let Event::Page { from, oldest, entries, .. } = page else { return Vec::new() };
        self.is_over |= from <= oldest || from >= self.before;
        self.before = from;
        let entries = entries.into_iter().rev().filter(|event| !matches!(event, Event::Gap { .. }));
        let found: Vec<_> = entries.filter(|event| is_match(event)).take(self.left).collect();
        self.left -= found.len();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers as a server with the entries 100 to 999, of which each is its number.
    fn page(search: &Search) -> Option<Event> {
        let (spot, count) = search.wants()?;
        let (from, to) = spot.range(count, Seq(100), Seq(1000));
        let entries = (from.0..to.0).map(|seq| Event::Entry { seq: Seq(seq), encoded: Box::default() }).collect();
        Some(Event::Page { id: 1, from, to, oldest: Seq(100), entries })
    }

    fn found(mut search: Search, every: u64) -> Vec<u64> {
        let mut found = Vec::new();
        while let Some(page) = page(&search) {
            let is_match = |event: &Event| event.end().is_some_and(|end| (end.0 - 1).is_multiple_of(every));
            found.extend(search.take(page, is_match).iter().map(|event| event.end().unwrap().0 - 1));
        }
        found
    }

    #[test]
    fn a_search_goes_back_to_the_oldest_entry_and_ends_there() {
        assert_eq!(found(Search::new(Seq(u64::MAX), Seq(0), 100), 300), [900, 600, 300]);
        assert_eq!(found(Search::new(Seq(900), Seq(600), 100), 300), [600]);
        assert_eq!(found(Search::new(Seq(100), Seq(0), 100), 1), [0; 0]);
    }

    #[test]
    fn a_search_ends_with_the_last_that_was_wanted() {
        assert_eq!(found(Search::new(Seq(u64::MAX), Seq(0), 2), 300), [900, 600]);
        assert_eq!(found(Search::new(Seq(u64::MAX), Seq(0), 0), 300), [0; 0]);
    }

    #[test]
    fn a_server_that_answers_in_a_circle_ends_the_search() {
        let mut search = Search::new(Seq(500), Seq(0), 9);
        let circle = Event::Page { id: 1, from: Seq(500), to: Seq(500), oldest: Seq(0), entries: Vec::new() };
        search.take(circle, |_| true);
        assert_eq!(search.wants(), None);
    }
}
