//! What happened below, on its way to the user of a client.
//!
//! Owns: which of the two queues an event goes to, what is remembered of it.
//! Must not know: addresses, datagrams.
//! Driven by: `client`, after whatever happened.

use super::finding::Asking;
use super::{Away, Client, Dialect, Event, Over, State, member};
use crate::wire::{LogId, Seq};

impl Client {
    /// Takes up what happened below.
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

    /// Remembers what there is to be remembered of an event, and hands it on to where the user takes it.
    fn take(&mut self, event: Event) {
        match event {
            Event::Here { key, software, log, from, to } => {
                self.become_member();
                self.begin(Dialect::Session { key, software }, log, (from, to));
            }
            Event::Joined(_) => {
                self.become_text();
                self.events.push_back(event);
            }
            Event::Failed(_, why) if matches!(self.state, State::Finding(_)) => self.try_next(why),
            Event::Away(why) if matches!(self.state, State::Finding(_)) => {
                // It is looked for still; what it said is for when nothing comes of that.
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
            // Of a session: only who was told that it is quiet is told that it is not.
            Event::Back if matches!(self.state, State::Session(_)) && !std::mem::take(&mut self.is_quiet) => {}
            Event::AnotherLog => {
                self.shown_to = Seq(0);
                self.to_be_shown = Seq(0);
                self.entries.push_back(event);
            }
            Event::Entry { .. } => {
                if self.outstanding() == 0 && self.is_present() {
                    self.progress = self.now;
                }
                self.entries.push_back(event);
            }
            Event::Received(_) | Event::Gap { .. } => self.entries.push_back(event),
            Event::Confirmed { post: Some(_), seq } => {
                self.progress = self.now;
                self.confirmed += 1;
                if let Some(seq) = seq.filter(|_| self.is_present()) {
                    self.to_be_shown = self.to_be_shown.max(seq + 1);
                }
                self.events.push_back(event);
            }
            Event::NotTaken { .. } => self.refused(event),
            Event::Lost { post: Some(_), .. } => {
                self.lost += 1;
                self.events.push_back(event);
            }
            Event::People { more, .. } => {
                self.awaits_people &= more;
                self.events.push_back(event);
            }
            Event::Over(Over::Closed(_)) if self.is_leaving => {}
            Event::Over(why) if !self.is_text() => self.end(why),
            Event::Confirmed { post: None, .. }
            | Event::Lost { post: None, .. }
            | Event::Back
            | Event::Begins { .. }
            | Event::Renamed(_)
            | Event::TextIgnored
            | Event::Pong { .. }
            | Event::NoPeople { .. }
            | Event::Failed(..)
            | Event::Over(_) => self.events.push_back(event),
        }
    }

    /// What was looked for is found: it speaks sessions.
    fn become_member(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Over) {
            State::Finding(finding) => match finding.asking {
                Asking::Session(member) => State::Session(member),
                Asking::Text(text) => State::Text(text),
            },
            state @ (State::Session(_) | State::Text(_) | State::Over) => state,
        };
    }

    /// What was looked for is found, and only text was to be spoken.
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

    /// A session stands, of a log from one number to another.
    fn begin(&mut self, dialect: Dialect, log: LogId, (from, to): (Seq, Seq)) {
        // Only the first time: a session that ends as soon as it begins is no reason to wait longer.
        if !self.has_joined {
            self.progress = self.now;
            if std::mem::take(&mut self.asks) {
                self.ask_member();
            }
        }
        self.here_since = self.now;
        if self.log.replace(log) != Some(log) {
            let place = self.config.identity.as_ref().and_then(|identity| identity.place);
            let count = to.since(from);
            let resumed = place == Some((log, from)) && !self.has_joined;
            self.entries.push_back(Event::Begins { log, from, count, resumed });
            if count > 0 && self.is_present() {
                // Whoever wants to see it does, also if nothing is to be said.
                self.to_be_shown = to;
            }
        }
        let was_gone = std::mem::take(&mut self.is_away) | std::mem::take(&mut self.is_quiet);
        if !std::mem::replace(&mut self.has_joined, true) {
            self.events.push_back(Event::Joined(dialect));
        } else if was_gone {
            self.events.push_back(Event::Back);
        }
        // Else it is another session beside the old one: nobody noticed.
    }

    fn refused(&mut self, event: Event) {
        let Event::NotTaken { why, .. } = event else { return };
        self.progress = self.now;
        self.not_taken += 1;
        self.events.push_back(event);
        if self.config.identity.as_ref().is_some_and(|identity| identity.repeats) {
            // What comes behind it would come before it the next time.
            let rest = std::mem::take(&mut self.held);
            self.not_taken += rest.len() as u64;
            self.events.extend(rest.into_iter().map(|(kind, line)| Event::NotTaken { post: None, kind, line, why }));
        }
    }
}
