//! Reading backwards in a run: who asks for which entries, and what the oracle knows of the answers (PROTOCOL 2.20).
//!
//! Owns: the plan of requests; the promises about answers: each number once and in order, the entries that the log has, nothing that
//! is for others, and an answer to every request.
//! Must not know: anything of the core, where it is the oracle's part.
//! Driven by: `agenda`, and `told` with the answers.

use super::cast::Kind;
use super::oracle::Oracle;
use super::world::World;
use crate::client::Event;
use crate::wire::Seq;
use crate::wire::frame::{FETCH_MAX, Fetch, Spot};

/// The part of the requests that are for the newest entries, wherever those are. Chosen: often enough to meet new ones on their way.
const NEWEST: f64 = 0.3;

impl World<'_> {
    /// Has some of the clients ask for earlier entries.
    pub(super) fn read_back(&mut self, message: u64) {
        for index in 0..self.clients.len() {
            if self.scenario.reads == 0.0 || !self.entropy_says(self.scenario.reads) {
                continue;
            }
            let end = self.server.end().0;
            let seq = Seq(u64::from(self.entropy.next_u32()) % (end + 2));
            let count = self.entropy.next_u32() % (FETCH_MAX + 2);
            let spot = match self.entropy.next_u32() % 2 {
                _ if self.entropy_says(NEWEST) => Spot::Before(Seq(u64::MAX)),
                0 => Spot::Before(seq),
                _ => Spot::Around(seq),
            };
            let client = &mut self.clients[index];
            let Kind::Session(member) = &mut client.kind else { continue };
            // Now and then it asks for something else before it has the answer.
            if client.joined && (member.fetching().is_none() || message.is_multiple_of(4)) {
                member.fetch(self.now, Fetch { id: message, spot, count });
                let nick = client.nick.clone();
                self.trace.tell(self.now, &nick, || format!("asks for {count}: {spot:?}"));
            }
        }
    }

    fn entropy_says(&mut self, probability: f64) -> bool {
        f64::from(self.entropy.next_u32()) < probability * f64::from(u32::MAX)
    }

    /// Returns a client that was not answered.
    pub(super) fn unanswered(&self) -> Option<String> {
        let is_waiting = |kind: &Kind| matches!(kind, Kind::Session(member) if member.fetching().is_some());
        let index = self.clients.iter().position(|client| client.started && is_waiting(&client.kind))?;
        Some(format!("client {index} waits for entries that it asked for"))
    }

    /// Shows an answer to the oracle.
    pub(super) fn answered(&mut self, index: usize, (from, to): (Seq, Seq), entries: &[Event]) {
        let mut at = from;
        for event in entries {
            if let Event::Entry { seq, encoded } = event {
                self.oracle.read_back(index, (at.0, seq.0), Some(encoded));
            } else if let Event::Private(private) = event {
                self.oracle.read_back(index, (at.0, private.seq.0), None);
            } else if let Event::Gap { first, count, why } = event {
                self.oracle.read_gap(index, (at.0, first.0), *count, u32::from(*why));
            } else {
                self.oracle.violation(format!("client {index} reads {event:?}"));
            }
            at = event.end().unwrap_or(at);
        }
        let nick = self.clients[index].nick.clone();
        self.trace.tell(self.now, &nick, || format!("reads {}..{}", from.0, to.0));
        if at != to {
            self.oracle.violation(format!("client {index} is answered up to {at:?}, which is to be {to:?}"));
        }
    }
}

impl Oracle {
    /// Checks an entry of an answer; `None` for a private one, which is opened already.
    fn read_back(&mut self, client: usize, (expected, seq): (u64, u64), encoded: Option<&[u8]>) {
        if expected != seq {
            self.violation(format!("client {client} reads {seq} where {expected} comes next"));
        }
        let log = self.readers.get(&client).and_then(|reader| reader.log);
        let entry = log.and_then(|log| self.logs.get(&log)?.entries.get(usize::try_from(seq).ok()?));
        let is_right = entry.is_some_and(|entry| {
            entry.has_effect
                && !self.is_private_to_others(client, entry)
                && encoded.is_none_or(|encoded| *entry.entry == *encoded)
        });
        if !is_right {
            self.violation(format!("client {client} reads {seq}, which is something else, or not for it"));
        }
    }

    /// Checks a gap in an answer.
    fn read_gap(&mut self, client: usize, (expected, first): (u64, u64), count: u64, why: u32) {
        if expected != first || count == 0 {
            self.violation(format!("client {client} reads a gap of {count} at {first} where {expected} comes next"));
        }
        match why {
            5 => {
                let log = self.readers.get(&client).and_then(|reader| reader.log);
                self.silent(client, log, first, count);
            }
            0 if self.gaps_allowed => {}
            // How many came and went is no answer: each of them was asked for.
            why => self.violation(format!("client {client} reads a gap of {count} at {first} for reason {why}")),
        }
    }
}
