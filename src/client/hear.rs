//! What the dialects have to tell, put into the one form that the user of a client is told things in.
//!
//! Owns: which of the two queues an event goes to, what became of lines.
//! Must not know: addresses, datagrams.
//! Driven by: `client`, after whatever happened.

use super::{Away, Client, Dialect, Event, Over, State, member, text};
use crate::wire::frame::{Outcome, PostKind};
use crate::wire::{LogId, Seq};

impl Client {
    /// Takes up what happened below.
    pub(super) fn absorb(&mut self) {
        loop {
            let member = match &mut self.state {
                State::Text(_) => return self.absorb_text(),
                State::Finding(finding) => &mut finding.member,
                State::Session(member) => member,
                State::Over => return,
            };
            let Some(event) = member.poll_untaken() else { break };
            if matches!(event, member::Event::Here { .. }) {
                self.state = match std::mem::replace(&mut self.state, State::Over) {
                    State::Finding(finding) => State::Session(Box::new(finding.member)),
                    state @ (State::Session(_) | State::Text(_) | State::Over) => state,
                };
            }
            self.translate(event);
        }
        self.feed();
    }

    fn absorb_text(&mut self) {
        let State::Text(text) = &mut self.state else { return };
        while let Some(event) = text.poll_event() {
            let event = translate_text(event);
            let is_entry = matches!(event, Event::Received(_));
            if is_entry { &mut self.entries } else { &mut self.events }.push_back(event);
        }
    }

    fn translate(&mut self, event: member::Event) {
        let event = match event {
            member::Event::Here { server, software, log, from, to } => {
                match self.begin(Dialect::Session { key: server, software }, log, (from, to)) {
                    Some(event) => event,
                    None => return,
                }
            }
            member::Event::Away(why) if !self.has_joined => {
                // It is looked for still; what it said is for when nothing comes of that.
                if let State::Finding(finding) = &mut self.state {
                    finding.ended = why;
                }
                return;
            }
            member::Event::Away(why) => {
                (self.is_away, self.is_quiet) = (true, false);
                if self.here_since + member::STOOD <= self.now {
                    self.away_since = None;
                }
                self.away_since.get_or_insert(self.now);
                Event::Away(why.map_or(Away::Silent, Away::Closed))
            }
            member::Event::Quiet(since) => {
                self.is_quiet = true;
                Event::Quiet(since)
            }
            member::Event::Heard if std::mem::take(&mut self.is_quiet) => Event::Back,
            member::Event::Heard => return,
            member::Event::AnotherLog => {
                (self.shown_to, self.to_be_shown) = (Seq(0), Seq(0));
                return self.entries.push_back(Event::AnotherLog);
            }
            member::Event::Entry { seq, encoded } => {
                if self.outstanding() == 0 && self.is_present() {
                    self.progress = self.now;
                }
                return self.entries.push_back(Event::Entry { seq, encoded });
            }
            member::Event::Gap { first, count, why } => {
                return self.entries.push_back(Event::Gap { first, count, why });
            }
            member::Event::Settled { counter, outcome } => return self.settled(counter, outcome),
            member::Event::Unconfirmed { counter, .. } => {
                let Some((_, line)) = self.under_way.remove(&counter) else { return };
                self.lost += 1;
                Event::Lost(line)
            }
            member::Event::TextAnswer => return,
            member::Event::Pong { stamp } => Event::Pong { stamp },
            member::Event::People { people, more } => {
                self.awaits_people &= more;
                Event::People { people, more }
            }
            member::Event::KeyChanged(key) => return self.end(Over::KeyChanged(key)),
            member::Event::OtherVersion(version) => return self.end(Over::OtherVersion(version)),
            member::Event::Over(_) if self.is_leaving => return,
            member::Event::Over(why) => return self.end(Over::Closed(why)),
        };
        self.events.push_back(event);
    }

    /// A session stands, of a log from one number to another. What the user is told of that.
    fn begin(&mut self, dialect: Dialect, log: LogId, (from, to): (Seq, Seq)) -> Option<Event> {
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
            let (count, resumed) = (to.since(from), place == Some((log, from)) && !self.has_joined);
            self.entries.push_back(Event::Begins { log, from, count, resumed });
            if count > 0 && self.is_present() {
                // Whoever wants to see it does, also if nothing is to be said.
                self.to_be_shown = to;
            }
        }
        let was_gone = std::mem::take(&mut self.is_away) | std::mem::take(&mut self.is_quiet);
        match std::mem::replace(&mut self.has_joined, true) {
            false => Some(Event::Joined(dialect)),
            true if was_gone => Some(Event::Back),
            // Another session beside the old one: nobody noticed.
            true => None,
        }
    }

    fn settled(&mut self, counter: u64, outcome: Outcome) {
        let Some((kind, line)) = self.under_way.remove(&counter) else { return };
        self.progress = self.now;
        match outcome {
            Outcome::Accepted(seq) => {
                self.confirmed += 1;
                if self.is_present() {
                    self.to_be_shown = self.to_be_shown.max(seq + 1);
                }
                self.events.push_back(Event::Confirmed(Some(seq)));
                if kind == PostKind::Rename {
                    self.events.push_back(Event::Renamed(self.nick().clone()));
                }
            }
            Outcome::Refused(why) => {
                self.not_taken += 1;
                self.events.push_back(Event::NotTaken { kind, line, why });
                if self.config.identity.as_ref().is_some_and(|identity| identity.repeats) {
                    // What comes behind it would come before it the next time.
                    let rest = std::mem::take(&mut self.held);
                    self.not_taken += rest.len() as u64;
                    self.events.extend(rest.into_iter().map(|(kind, line)| Event::NotTaken { kind, line, why }));
                }
            }
        }
    }
}

fn translate_text(event: text::Event) -> Event {
    match event {
        text::Event::Joined(_) => Event::Joined(Dialect::Text),
        text::Event::Received(text) => Event::Received(text),
        text::Event::Confirmed => Event::Confirmed(None),
        text::Event::Away(why) => Event::Away(Away::Unreachable(why)),
        text::Event::Back => Event::Back,
        text::Event::Lost(line) => Event::Lost(line),
        text::Event::Failed(address, why) => Event::Failed(address, why),
        text::Event::Over => Event::Over(Over::Unreachable),
    }
}
