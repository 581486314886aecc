//! What a visitor looks at in the room's history: earlier messages, a search, who has received something.
//!
//! Owns: the requests that are not answered yet, what is found of a search.
//! Must not know: how anything is shown.
//! Driven by: `looking`, with requests, and `telling`, with answers.

use std::collections::BTreeMap;

use crate::client::Event;
use crate::client::search::Search;
use crate::wire::Seq;
use crate::wire::entry::Entry;
use crate::wire::frame::{GapReason, Spot};

/// The most messages that a search finds. Chosen: a screen.
const FOUND_MAX: usize = 20;

/// What the user looks at.
#[derive(Debug)]
enum Look {
    /// What was before.
    History,
    /// What has these words, in small letters; what was found, the newest first.
    Words { words: Vec<String>, search: Search, found: Vec<Event> },
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Looks {
    asked: BTreeMap<u64, Look>,
    /// A search whose next page is to be asked for.
    next: Option<Look>,
    /// The user's newest entry.
    newest: Option<Seq>,
    /// Whether the user wants to know who has received that.
    pub(super) wants_names: bool,
}

impl Looks {
    /// Notes an entry of the user's.
    pub(super) fn note(&mut self, seq: Seq) {
        self.newest = self.newest.max(Some(seq));
    }

    /// Returns the user's newest entry.
    pub(super) const fn newest(&self) -> Option<Seq> {
        self.newest
    }

    /// Notes a request for what was before.
    pub(super) fn ask_history(&mut self, id: u64) {
        self.asked.insert(id, Look::History);
    }

    /// Begins to look for words, in place of others.
    pub(super) fn look_for(&mut self, words: &str) {
        let words = words.split_whitespace().map(str::to_lowercase).collect();
        let search = Search::new(Seq(u64::MAX), Seq(0), FOUND_MAX);
        self.next = Some(Look::Words { words, search, found: Vec::new() });
    }

    /// Returns what to ask for next in a search.
    pub(super) fn wants(&self) -> Option<(Spot, u32)> {
        let Look::Words { search, .. } = self.next.as_ref()? else { return None };
        search.wants()
    }

    /// Notes that it was asked for, as that request.
    pub(super) fn asked(&mut self, id: u64) {
        if let Some(look) = self.next.take() {
            self.asked.insert(id, look);
        }
    }

    /// Takes an answer. Returns what to show, and above it; nothing while a search goes on, or if nobody asked.
    pub(super) fn take(&mut self, page: Event) -> Option<(String, Vec<Event>)> {
        let Event::Page { id, .. } = page else { return None };
        match self.asked.remove(&id)? {
            Look::History => {
                let Event::Page { entries, .. } = page else { return None };
                let shown =
                    entries.iter().filter(|entry| !matches!(entry, Event::Gap { why: GapReason::Void, .. })).count();
                Some((format!("--- {shown} earlier ---"), entries))
            }
            Look::Words { words, mut search, mut found } => {
                found.extend(search.take(page, |event| has_words(event, &words)));
                if search.wants().is_some() {
                    self.next = Some(Look::Words { words, search, found });
                    return None;
                }
                found.reverse();
                Some((format!("--- {} found: {} ---", found.len(), words.join(" ")), found))
            }
        }
    }

    /// Notes that there is no answer. Returns whether anybody asked.
    pub(super) fn lose(&mut self, id: u64) -> bool {
        self.asked.remove(&id).is_some()
    }
}

/// Returns whether a message has each of these words, in whatever case.
fn has_words(event: &Event, words: &[String]) -> bool {
    let mut text = String::new();
    if let Event::Entry { encoded, .. } = event
        && let Some(entry @ (Entry::Said { .. } | Entry::Did { .. } | Entry::Line { .. })) = Entry::decode(encoded)
    {
        entry.render(&mut text);
    } else if let Event::Private(private) = event {
        text = super::super::private::line(private).unwrap_or_default();
    }
    let text = text.to_lowercase();
    !text.is_empty() && words.iter().all(|word| text.contains(word))
}
