//! Until when the client waits for an outcome, and what it gives up then.
//!
//! Owns: that deadline, and the end of a client.
//! Must not know: what the client waits for, beyond that it does.
//! Driven by: `client`.

use super::{Client, Event, NoPage, NotWritten, Over, Recipient, State, Unknown};
use crate::time::Instant;
use crate::wire::Seq;

impl Client {
    /// Returns when the client gives up: on lines, if anything waits for their outcomes, and on a server that is away, unless
    /// there is a user who can leave.
    pub(super) fn patience_ends(&self) -> Option<Instant> {
        if !matches!(self.state, State::Session(_)) || self.is_leaving || self.is_done() {
            return None;
        }
        let is_owed = self.outstanding() > 0 || self.awaits_people || self.awaits_records || self.questions.are_open();
        let waits_for_lines = (is_owed && (self.ends || !self.config.stays))
            || (self.ends && self.shown_to < self.to_be_shown && self.entries.is_empty());
        let waits_for_server = self.is_away && !self.config.stays;
        let lines = waits_for_lines.then_some(self.progress);
        let server = self.away_since.filter(|_| waits_for_server);
        lines.into_iter().chain(server).min().map(|since| since + self.config.timeout)
    }

    pub(super) fn give_up(&mut self) {
        self.lose_all();
        if std::mem::take(&mut self.awaits_people) {
            self.events.push_back(Event::NoPeople { in_text: false });
        }
        self.awaits_records = false;
        self.give_up_names();
        self.drop_fetches(NoPage::NoAnswer);
        self.to_be_shown = Seq(0);
        if !self.ends {
            self.end(Over::GaveUp);
        }
    }

    pub(super) fn lose_all(&mut self) {
        let held = std::mem::take(&mut self.held);
        if let State::Session(member) = &mut self.state {
            member.give_up(Unknown::NoAnswer);
            self.absorb();
        }
        for line in held {
            // Nothing of it was sent: the server did not say whose the name is.
            if matches!(line.to, Some((Recipient::Name(_), _))) {
                self.not_written(line, NotWritten::NoAnswer);
                continue;
            }
            self.lost += 1;
            self.events.push_back(Event::Lost {
                post: None,
                line: line.text,
                why: Unknown::NoAnswer,
                label: line.label,
            });
        }
    }

    pub(super) fn end(&mut self, why: Over) {
        if self.has_joined {
            self.lose_all();
        }
        self.state = State::Over;
        self.events.push_back(Event::Over(why));
    }
}
