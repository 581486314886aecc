//! What a client's driver has to store before the client sends it.
//!
//! Owns: nothing; it is the member's.
//! Must not know: where it is stored.
//! Driven by: `net`, for each turn of a client whose posts are durable.

use super::finding::Asking;
use super::outbox::{Stored, Waiting};
use super::{Client, Recipient, State};
use crate::session::PublicKey;
use crate::time::Instant;
use crate::wire::LogId;
use crate::wire::order::key_text;

impl Client {
    /// Returns the posts that are to be stored before they are sent, if they have to be ([`super::Identity::outbox`]).
    pub fn unstored(&self) -> Vec<Stored> {
        match &self.state {
            State::Session(member) => member.unstored().collect(),
            State::Finding(finding) => match &finding.asking {
                Asking::Session(member) => member.unstored().collect(),
                Asking::Text(_) => Vec::new(),
            },
            State::Text(_) | State::Over => Vec::new(),
        }
    }

    /// Returns the lines that wait for a session, or for their turn in it.
    pub fn waiting(&self) -> Vec<Waiting> {
        let waiting = self.held.iter().map(|line| {
            let to = line.to.as_ref().map(|(to, is_act)| match to {
                Recipient::Name(name) => (name.to_string(), *is_act),
                Recipient::Key(key, _) => (key_text(&key.0), *is_act),
            });
            Waiting { kind: line.kind, text: line.text.clone(), to, label: line.label.clone() }
        });
        waiting.collect()
    }

    /// Says again what waited when an earlier run ended: none of it was sent.
    pub fn say_waiting(&mut self, now: Instant, waiting: &[Waiting]) {
        for Waiting { kind, text, to, label } in waiting {
            let label = label.clone();
            match to {
                Some((name, is_act)) => {
                    self.write_to(now, &Recipient::Name(name.as_str().into()), *is_act, text, label)
                }
                None => self.post(now, *kind, text, label),
            };
        }
    }

    /// Returns the log of the server, if it has named one.
    pub const fn log(&self) -> Option<LogId> {
        self.log
    }

    /// Records that all of these are stored: they can be sent now.
    pub fn stored(&mut self) {
        self.stored_below(u64::MAX);
    }

    /// Records that those with a counter below this one are stored: they can be sent now.
    pub fn stored_below(&mut self, counter: u64) {
        match &mut self.state {
            State::Session(member) => member.stored_below(counter),
            State::Finding(finding) => {
                if let Asking::Session(member) = &mut finding.asking {
                    member.stored_below(counter);
                }
            }
            State::Text(_) | State::Over => {}
        }
    }

    /// Records that the outcome of a post is stored, if posts have to be ([`super::Identity::outbox`]): only then may the server forget it, for
    /// the next run would ask about it.
    pub fn note(&mut self, counter: u64) {
        match &mut self.state {
            State::Session(member) => member.note(counter),
            State::Finding(finding) => {
                if let Asking::Session(member) = &mut finding.asking {
                    member.note(counter);
                }
            }
            State::Text(_) | State::Over => {}
        }
    }

    /// Returns the number of the next private message to each recipient, to be stored with the posts.
    pub fn numbers(&self) -> Vec<(PublicKey, u32)> {
        if let State::Session(member) = &self.state { member.numbers().collect() } else { Vec::new() }
    }
}
