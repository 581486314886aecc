//! Posts that have to be stored before they are sent, and those of earlier runs.
//!
//! Owns: nothing; the posts are in `posts`.
//! Must not know: where they are stored.
//! Driven by: `client`.

use std::collections::VecDeque;

use super::Member;
use crate::client::event::{Event, Label};
use crate::client::outbox::Stored;

impl Member {
    /// Returns the posts that are to be stored before they are sent, if they have to be ([`crate::client::Identity::outbox`]).
    pub fn unstored(&self) -> impl Iterator<Item = Stored> {
        self.posts.unstored()
    }

    /// Notes what the user calls a post.
    pub(in crate::client) fn label(&mut self, counter: u64, label: Label) {
        self.posts.label(counter, label);
    }

    /// Records that the posts so far with a counter below this one are stored.
    pub fn stored_below(&mut self, counter: u64) {
        let end = self.posts.end();
        self.posts.set_stored(end.min(counter));
    }

    /// Records that the outcome of a post is stored: the server may forget it.
    pub(in crate::client) fn note(&mut self, counter: u64) {
        self.posts.note(counter);
    }

    /// Moves the reports of posts that were given up to `events`, and returns how many they are.
    pub(in crate::client) fn drain_lost(&mut self, events: &mut VecDeque<Event>) -> u64 {
        let (lost, others) = self.events.drain(..).partition(|event| matches!(event, Event::Lost { .. }));
        self.events = others;
        let lost: VecDeque<Event> = lost;
        let count = lost.len() as u64;
        events.extend(lost);
        count
    }
}
