//! The path of an event from the dialects below to the user of a client.
//!
//! Owns: which of the two queues an event goes to, what the client remembers of it.
//! Must not know: addresses, datagrams.
//! Driven by: `client`, after each input.

use super::finding::Asking;
use super::lines::Line;
use super::{Away, Client, Dialect, Event, NoPage, Over, State, member};
use crate::wire::{LogId, Seq};

impl Client {
    /// Handles all events of the dialect below.
    pub(super) fn absorb(&mut self) {
        while let Some(event) = self.poll_below() {
            self.take(event);
        }
        self.feed();
    }

    fn poll_below(&mut self) -> Option<Event> {
        match &mut self.state {
            State::Text(text) => text.poll_event(),
            State::Session(member) => member.poll_untaken(),
            State::Finding(finding) => match &mut finding.asking {
                Asking::Session(member) => member.poll_untaken(),
                Asking::Text(text) => text.poll_event(),
            },
            State::Over => None,
        }
    }

    /// Records what the client has to remember of an event, and queues the event for the user.
    fn take(&mut self, event: Event) {
        match event {
            Event::Here { key, software, log, from, to } => {
                self.become_member();
                self.begin(Dialect::Session { key, software, log, from, to }, log, (from, to));
            }
            Event::Joined(_) => {
                self.become_text();
                self.events.push_back(event);
            }
            Event::Failed(_, why) if matches!(self.state, State::Finding(_)) => self.try_next(why),
            Event::Away(why) if matches!(self.state, State::Finding(_)) => {
                // The client still looks for this server; it reports the reason if it finds none.
                if let State::Finding(finding) = &mut self.state {
                    finding.ended = if let Away::Closed(why) = why { Some(why) } else { None };
                }
            }
            Event::Away(_) => {
                self.go_away();
                self.events.push_back(event);
            }
            Event::Quiet(_) => {
                self.is_quiet = true;
                self.events.push_back(event);
            }
            // In a session, report that the server is back only if the user was told that it is quiet.
            Event::Back if matches!(self.state, State::Session(_)) && !std::mem::take(&mut self.is_quiet) => {}
            Event::AnotherLog => {
                self.drop_fetches(NoPage::AnotherLog);
                self.shown_to = Seq(0);
                self.to_be_shown = Seq(0);
                self.new_logs += 1;
                self.entries.push_back(event);
            }
            Event::Found { .. } => self.found(event),
            Event::Page { .. } => self.fetched(event),
            Event::Entry { .. } | Event::Private(_) => self.came(event),
            Event::Received(_) | Event::Gap { .. } => self.entries.push_back(event),
            Event::Confirmed { post: Some(_), .. } | Event::NotTaken { .. } | Event::Lost { post: Some(_), .. } => {
                self.settled(event);
            }
            Event::People { .. } | Event::Records { .. } => self.answered(event),
            Event::Over(Over::Closed(_)) if self.is_leaving => {}
            Event::Over(why) if !self.is_text() => self.end(why),
            Event::Confirmed { post: None, .. }
            | Event::Lost { post: None, .. }
            | Event::Back
            | Event::Begins { .. }
            | Event::Renamed(_)
            | Event::Held { .. }
            | Event::Barred { .. }
            | Event::Room(_)
            | Event::TextIgnored
            | Event::Pong { .. }
            | Event::NoPeople { .. }
            | Event::Contact { .. }
            | Event::NotWritten { .. }
            | Event::NoPage { .. }
            | Event::Reached { .. }
            | Event::Read { .. }
            | Event::Behind { .. }
            | Event::Failed(..)
            | Event::Over(_) => self.events.push_back(event),
        }
    }

    /// Takes an entry.
    fn came(&mut self, mut event: Event) {
        if self.outstanding() == 0 && self.is_present() {
            self.progress = self.now;
        }
        self.judge(&mut event);
        self.entries.push_back(event);
    }

    /// Notes what is known of the author of a private message.
    pub(super) fn judge(&self, event: &mut Event) {
        if let Event::Private(private) = event
            && let Some(key) = private.from
        {
            private.trust = self.trust(&private.nick, key);
        }
    }

    /// Takes a part of an answer.
    fn answered(&mut self, event: Event) {
        if let Event::People { more, .. } = event {
            self.awaits_people &= more;
        } else if let Event::Records { more, .. } = event {
            self.progress = self.now;
            self.awaits_records &= more;
        }
        self.report(event);
    }

    /// Queues an event for the user that is about the log, or who is in its room: not before the user is told that it is another log.
    pub(super) fn report(&mut self, event: Event) {
        if self.new_logs == 0 {
            self.events.push_back(event);
        } else {
            self.entries.push_back(event);
        }
    }

    /// Ends the search: a server that speaks sessions is found.
    fn become_member(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Over) {
            State::Finding(finding) => match finding.asking {
                Asking::Session(member) => State::Session(member),
                Asking::Text(text) => State::Text(text),
            },
            state @ (State::Session(_) | State::Text(_) | State::Over) => state,
        };
    }

    /// Ends the search: a server is found, and the client was to speak only text.
    fn become_text(&mut self) {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Finding(finding) => match finding.asking {
                Asking::Text(text) => self.speak_text_with(self.now, *text),
                Asking::Session(member) => self.state = State::Session(member),
            },
            state @ (State::Session(_) | State::Text(_) | State::Over) => self.state = state,
        }
    }

    fn go_away(&mut self) {
        self.is_quiet = false;
        if !matches!(self.state, State::Session(_)) {
            return;
        }
        self.is_away = true;
        if self.here_since + member::STOOD <= self.now {
            self.away_since = None;
        }
        self.away_since.get_or_insert(self.now);
    }

    /// Begins a session whose entries come from one number up to another.
    fn begin(&mut self, dialect: Dialect, log: LogId, (from, to): (Seq, Seq)) {
        // Only for the first session: sessions that end as soon as they begin must not prolong the wait.
        if !self.has_joined {
            self.progress = self.now;
            if std::mem::take(&mut self.asks) {
                self.ask_member();
            }
            if let (State::Session(member), true) = (&mut self.state, self.awaits_records) {
                if self.lists_blocks {
                    member.list_blocks(self.now);
                } else {
                    member.list(self.now);
                }
            }
        }
        self.ask_anew();
        self.here_since = self.now;
        self.feed_fetches();
        if self.log.replace(log) != Some(log) {
            self.begin_history(from);
            let place = self.config.identity.as_ref().and_then(|identity| identity.place);
            let count = to.since(from);
            let resumed = place == Some((log, from)) && !self.has_joined;
            self.entries.push_back(Event::Begins { log, from, count, resumed });
            if count > 0 && self.is_present() {
                // A client that wants the earlier entries shows them, even if it has nothing to post.
                self.to_be_shown = to;
            }
        }
        let was_gone = std::mem::take(&mut self.is_away) | std::mem::take(&mut self.is_quiet);
        if !std::mem::replace(&mut self.has_joined, true) {
            self.events.push_back(Event::Joined(dialect));
        } else if was_gone {
            self.events.push_back(Event::Back);
        }
        // Otherwise this session began beside the old one, and nobody noticed.
    }

    /// Takes the outcome of a post.
    fn settled(&mut self, event: Event) {
        if let Event::Confirmed { seq, .. } = event {
            self.progress = self.now;
            self.confirmed += 1;
            if let Some(seq) = seq.filter(|_| self.is_present()) {
                self.to_be_shown = self.to_be_shown.max(seq + 1);
            }
        } else if let Event::NotTaken { .. } = event {
            return self.refused(event);
        } else {
            self.lost += 1;
        }
        self.report(event);
    }

    fn refused(&mut self, event: Event) {
        let Event::NotTaken { why, .. } = event else { return };
        self.progress = self.now;
        self.not_taken += 1;
        self.report(event);
        if self.config.identity.as_ref().is_some_and(|identity| identity.repeats) {
            // Otherwise they would be in the log before the refused one when it is sent again.
            let rest = std::mem::take(&mut self.held);
            self.not_taken += rest.len() as u64;
            let refused = |Line { kind, text, label, .. }| Event::NotTaken { post: None, kind, line: text, why, label };
            self.events.extend(rest.into_iter().map(refused));
        }
    }
}
