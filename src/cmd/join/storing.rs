//! What a visitor has said, until it has an outcome, on the disk.
//!
//! Owns: when it is stored, what the user is told of earlier visits' lines.
//! Must not know: the form of the file, how anything is shown.
//! Driven by: `visit`, with each event and once a turn.

use std::io;

use super::super::lines;
use super::visit::Visit;
use crate::client::outbox::Waiting;
use crate::client::{Client, Event, Label};
use crate::time::Instant;
use crate::wire::frame::PostKind;

/// Something posted by an earlier visit, without an outcome.
#[derive(Debug)]
pub(super) struct Unsettled {
    /// What the user calls it.
    pub(super) label: Label,
    pub(super) kind: PostKind,
    /// Whom it is for, if it is private, and whether it is an action.
    pub(super) to: Option<(String, bool)>,
    pub(super) text: String,
}

impl Visit {
    /// Notes that a post has an outcome.
    pub(super) fn settled(&mut self, client: &Client, event: &Event) {
        let Some(post) = event.settles() else { return };
        if let (true, Event::Confirmed { .. }, true) = (post < self.first_post, event, self.interactive) {
            self.notice("a line of your last visit is in the room now");
        }
        self.noted.push(post);
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
        let noted = std::mem::take(&mut self.noted);
        let Some(outbox) = &mut self.outbox else { return };
        noted.into_iter().for_each(|post| client.note(post));
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

    /// Returns the messages that earlier visits have left.
    pub(super) fn unsettled(&self) -> Vec<Unsettled> {
        let Some(outbox) = &self.outbox else { return Vec::new() };
        let posts = outbox.get().posts.into_iter().map(|post| {
            let to = post.to.map(|(key, nick, is_act)| (format!("{nick}#{}", key.who()), is_act));
            Unsettled { label: post.label, kind: post.kind, to, text: post.text }
        });
        let waiting = outbox.waiting().iter().cloned();
        let waiting = waiting.map(|Waiting { kind, text, to, label }| Unsettled { label, kind, to, text });
        posts.chain(waiting).collect()
    }
}
