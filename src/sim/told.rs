//! What clients report to their users in a run.
//!
//! Owns: the path of these events to the oracle, the numbers and the story.
//! Must not know: whether they are right.
//! Driven by: `world`.

use std::time::Duration;

use super::cast::{Kind, message_in};
use super::letters::Opened;
use super::oracle::{self, Told};
use super::world::World;
use crate::client::{Event, Said};

/// The longest time that an honest client may take to join if there is an adversary. Chosen: with a tenth of the datagrams lost
/// each way, one client in a thousand needs half as long.
const JOINS_WITHIN: Duration = Duration::from_secs(15);

impl World<'_> {
    /// Takes the events that the client has for its user.
    pub(super) fn hear(&mut self, index: usize) {
        loop {
            let client = &mut self.clients[index];
            let event = match &mut client.kind {
                Kind::Session(member) => member.poll_event(),
                Kind::Text(text) => {
                    let Some(event) = text.poll_event() else { return };
                    client.joined |= matches!(event, Event::Joined(_));
                    if let Event::Received(line) = event
                        && let Some(message) = message_in(&line)
                    {
                        self.tally.shown(self.now, index, message);
                    }
                    continue;
                }
            };
            let Some(event) = event else { return };
            self.tell(index, event);
        }
    }

    fn tell(&mut self, index: usize, event: Event) {
        let (instance, nick) = (self.clients[index].instance.0, self.clients[index].nick.clone());
        match event {
            Event::Here { log, from, .. } => {
                self.clients[index].joined = true;
                let waited = self.clients[index].waits_since.take().map(|since| self.now.saturating_since(since));
                if let Some(waited) = waited.filter(|&waited| self.scenario.adversary && waited > JOINS_WITHIN) {
                    self.oracle.violation(format!("{nick} needed {waited:?} to come in"));
                }
                self.oracle.reads(index, log.0, from.0);
                self.trace.tell(self.now, &nick, || "is here: the session stands".into());
            }
            Event::Entry { seq, encoded } => {
                self.oracle.shown(index, seq.0, &encoded);
                match oracle::said(&encoded).or_else(|| oracle::line(&encoded)).and_then(message_in) {
                    Some(message) if index >= self.scenario.replayers => self.tally.shown(self.now, index, message),
                    _ => self.tally.replayed(self.now, index),
                }
                self.trace.tell(self.now, &nick, || format!("shows entry {}", seq.0));
            }
            Event::Private(private) => {
                let opened = match &private.said {
                    Said::Text { text, missing, .. } => Opened::Text(text, *missing),
                    Said::Own(_) => Opened::Own,
                    Said::Repeated => Opened::Repeated,
                    Said::Unreadable => Opened::Unreadable,
                };
                self.oracle.shown_private(index, private.seq.0, opened);
                self.trace.tell(self.now, &nick, || format!("shows private entry {}", private.seq.0));
            }
            Event::Gap { first, count, why } => self.oracle.gap(index, first.0, count, why.into()),
            Event::Confirmed { post: Some(counter), seq: Some(seq), .. } => {
                self.trace.tell(self.now, &nick, || format!("is told that post {counter} is entry {}", seq.0));
                self.accepted(index, (instance, counter), seq);
            }
            Event::NotTaken { post: Some(counter), why, .. } => {
                self.oracle.told(index, (instance, counter), Told::Refused);
                self.trace.tell(self.now, &nick, || format!("is told that post {counter} is refused: {why}"));
            }
            Event::Lost { post: Some(counter), .. } => {
                self.oracle.told(index, (instance, counter), Told::Unconfirmed);
                self.trace.tell(self.now, &nick, || format!("is told that post {counter} is unconfirmed"));
            }
            Event::Page { from, to, entries, .. } => self.answered(index, (from, to), &entries),
            event @ (Event::Reached { .. } | Event::Read { .. } | Event::Behind { .. }) => self.reached(index, &event),
            Event::Room(_) => {}
            event @ (Event::Away(_) | Event::Quiet(_) | Event::Back | Event::AnotherLog) => {
                self.trace.tell(self.now, &nick, || in_words(&event).into());
            }
            odd @ (Event::Pong { .. }
            | Event::People { .. }
            | Event::Held { .. }
            | Event::Barred { .. }
            | Event::Records { .. }
            | Event::Over(_)
            | Event::Joined(_)
            | Event::Received(_)
            | Event::Begins { .. }
            | Event::Confirmed { .. }
            | Event::NotTaken { .. }
            | Event::Lost { .. }
            | Event::Renamed(_)
            | Event::TextIgnored
            | Event::NoPeople { .. }
            | Event::Contact { .. }
            | Event::NotWritten { .. }
            | Event::Found { .. }
            | Event::NoPage { .. }
            | Event::Failed(..)) => self.oracle.violation(format!("{nick} is told {odd:?}")),
        }
    }
}

/// Returns what happened to the connection.
fn in_words(event: &Event) -> &'static str {
    if matches!(event, Event::Away(_)) {
        "hears nothing any more"
    } else if matches!(event, Event::Quiet(_)) {
        "waits for a word"
    } else if *event == Event::Back {
        "hears the server again"
    } else {
        "finds another log"
    }
}
