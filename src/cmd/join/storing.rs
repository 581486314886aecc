//! What a visitor has said, until it has an outcome, on the disk.
//!
//! Owns: when it is stored, what the user is told of earlier visits' lines.
//! Must not know: the form of the file, how anything is shown.
//! Driven by: `visit`, with each event and once a turn.

use std::io;

use super::super::lines;
use super::visit::Visit;
use crate::client::{Client, Event, Label};
use crate::time::Instant;

impl Visit {
    /// Notes that a post has an outcome.
    pub(super) fn settled(&mut self, client: &Client, event: &Event) {
        let Some(post) = event.settles() else { return };
        if let (true, Event::Confirmed { .. }, true) = (post < self.first_post, event, self.interactive) {
            self.notice("a line of your last visit is in the room now");
        }
        let Some(outbox) = &mut self.outbox else { return };
        if let Err(err) = outbox.done(post, client.log(), client.numbers()) {
            self.cannot_store(&err);
        }
    }

    /// Says again what an earlier visit could not.
    pub(super) fn say_waiting(&mut self, now: Instant, client: &mut Client) {
        if std::mem::replace(&mut self.has_said_waiting, true) {
            return;
        }
        let Some(outbox) = &self.outbox else { return };
        let (open, waiting) = (outbox.len() as u64, outbox.waiting().to_vec());
        let count = open + waiting.len() as u64;
        if count > 0 {
            let are = if count == 1 { "is" } else { "are" };
            self.notice(format_args!(
                "{} of your last visit {are} not confirmed yet: asking what became of it",
                lines(count)
            ));
        }
        client.say_waiting(now, &waiting);
    }

    /// Stores what is to be sent, before it is.
    pub(super) fn store(&mut self, client: &mut Client) {
        let Some(outbox) = &mut self.outbox else { return };
        let stored = outbox.add(client.unstored(), client.waiting());
        client.stored();
        if let Err(err) = stored {
            self.cannot_store(&err);
        }
    }

    pub(super) fn cannot_store(&mut self, err: &io::Error) {
        self.notice(format_args!(
            "cannot store what you say until it is confirmed: {err}; if this program is killed, see what is in the room before you say it again"
        ));
        self.outbox = None;
    }

    /// Returns what earlier visits have left, and what the user calls it.
    pub(super) fn unsettled(&self) -> Vec<(Label, String)> {
        let Some(outbox) = &self.outbox else { return Vec::new() };
        let posts = outbox.get().posts.into_iter().map(|post| (post.label, post.text));
        posts.chain(outbox.waiting().iter().map(|line| (line.label.clone(), line.text.clone()))).collect()
    }
}
