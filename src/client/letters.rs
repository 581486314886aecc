//! Private messages as their user writes them: to a name, or in reply.
//!
//! Owns: whose a name is, asked once for each batch of messages to it; which nicks are known by which keys, so that a message never goes
//! to another key than before; whom to ask for the user.
//! Must not know: how a message is sealed, where the keys of nicks are stored.
//! Driven by: `client`.

use std::collections::VecDeque;

use super::event::{NotWritten, Trust};
use super::lines::{Line, Recipient};
use super::seen::Seen;
use super::{Client, Event, State};
use crate::session::PublicKey;
use crate::time::Instant;
use crate::wire::entry::{PRIVATE_MAX, texts};
use crate::wire::frame::{PostKind, Whose};
use crate::wire::order::{Whom, parse_key};

/// What is asked of the server.
#[derive(Debug, Default)]
pub(super) struct Questions {
    /// The names that the user wants to know.
    wanted: VecDeque<Box<str>>,
}

impl Questions {
    /// Returns whether the user waits for an answer.
    pub(super) fn are_open(&self) -> bool {
        !self.wanted.is_empty()
    }
}

impl Client {
    /// Writes to somebody in private, as soon as possible. Returns into how many pieces the line is cut. [`Event::NotWritten`] says that it
    /// cannot be posted, and [`Event::Contact`] that the recipient is new.
    pub fn write_to(&mut self, now: Instant, to: &Recipient, is_act: bool, line: &str) -> usize {
        self.pass_time(now);
        if self.outstanding() == 0 {
            self.progress = now;
        }
        if self.is_text() {
            self.not_written(
                Line { kind: PostKind::Private, text: line.to_owned(), to: Some((to.clone(), is_act)) },
                NotWritten::InText,
            );
            return 0;
        }
        let parts = texts(line, PRIVATE_MAX);
        let count = parts.len();
        let lines =
            parts.into_iter().map(|text| Line { kind: PostKind::Private, text, to: Some((to.clone(), is_act)) });
        self.held.extend(lines);
        self.feed();
        count
    }

    /// Asks whose a name is; [`Event::Found`] has the answer, in the order of the questions.
    pub fn find(&mut self, now: Instant, name: &str) {
        self.pass_time(now);
        if self.outstanding() == 0 {
            self.progress = now;
        }
        self.questions.wanted.push_back(name.into());
        self.feed();
    }

    /// Asks whose private messages the user does not take, in a session; [`Event::Records`] has the answer.
    pub fn list_blocks(&mut self, now: Instant) {
        self.pass_time(now);
        if let State::Session(member) = &mut self.state {
            self.progress = if self.awaits_records { self.progress } else { now };
            self.awaits_records = true;
            member.list_blocks(now);
        }
    }

    /// Returns which private messages were seen, to be stored with the user's place.
    pub fn seen(&self) -> Option<&Seen> {
        if let State::Session(member) = &self.state { Some(member.seen()) } else { None }
    }

    /// Returns what is known of a key that has that nick.
    pub fn trust(&self, nick: &str, key: PublicKey) -> Trust {
        let contacts = self.config.identity.as_ref().map(|identity| &identity.contacts);
        match contacts.and_then(|contacts| contacts.get(nick)) {
            Some(known) if *known == key => Trust::Known,
            Some(known) => Trust::Changed(*known),
            None => Trust::New,
        }
    }

    /// Asks the server for the next name, if there is one and no answer is awaited.
    pub(super) fn ask_for_names(&mut self) {
        let State::Session(member) = &mut self.state else { return };
        if member.is_finding() {
            return;
        }
        let of_letter = match self.held.front() {
            Some(Line { to: Some((Recipient::Name(name), _)), .. }) => Some(name),
            Some(_) | None => None,
        };
        if let Some(name) = of_letter.or_else(|| self.questions.wanted.front()) {
            member.find(self.now, name);
        }
    }

    /// Takes an answer: for the messages that wait for it, and for the user.
    pub(super) fn found(&mut self, event: Event) {
        let Event::Found { ref name, whom, ref nick, key } = event else { return };
        self.progress = self.now;
        let recipient = recipient(name, whom, nick, key);
        while let Some(line) = self.held.front_mut()
            && matches!(&line.to, Some((Recipient::Name(other), _)) if other == name)
        {
            match &recipient {
                Ok(recipient) => {
                    // The others of the batch too, without another question.
                    for line in self.held.iter_mut().map_while(|line| line.to.as_mut()) {
                        if matches!(&line.0, Recipient::Name(other) if other == name) {
                            line.0 = recipient.clone();
                        }
                    }
                }
                Err(why) => {
                    let Some(line) = self.held.pop_front() else { return };
                    self.not_written(line, why.clone());
                }
            }
        }
        if self.questions.wanted.front().is_some_and(|wanted| wanted == name) {
            self.questions.wanted.pop_front();
            self.events.push_back(event);
        }
    }

    /// Posts the private message that is first in line, if it can go now. Returns whether the line has moved on.
    pub(super) fn post_letter(&mut self) -> bool {
        let Some(Line { to: Some((Recipient::Key(key, nick), is_act)), .. }) = self.held.front() else { return false };
        let (key, nick, is_act) = (*key, nick.clone(), *is_act);
        let own = self.config.identity.as_ref().map(|identity| identity.key.public());
        let why = match self.trust(nick.as_str(), key) {
            _ if own == Some(key) => Some(NotWritten::Oneself),
            Trust::Changed(known) => Some(NotWritten::KeyChanged { nick: nick.as_str().into(), known, now: key }),
            Trust::New | Trust::Known => None,
        };
        if let Some(why) = why {
            let Some(line) = self.held.pop_front() else { return false };
            self.not_written(line, why);
            return true;
        }
        let State::Session(member) = &mut self.state else { return false };
        if !member.may_write_to(&key) {
            return false;
        }
        let Some(line) = self.held.pop_front() else { return false };
        if let Some(identity) = &mut self.config.identity
            && identity.contacts.insert(nick.as_str().into(), key).is_none()
        {
            self.events.push_back(Event::Contact { nick: nick.as_str().into(), key });
        }
        member.write_to(self.now, key, &nick, is_act, &line.text);
        true
    }

    pub(super) fn not_written(&mut self, line: Line, why: NotWritten) {
        let to = match line.to {
            Some((Recipient::Name(name), _)) => name,
            Some((Recipient::Key(_, nick), _)) => nick.as_str().into(),
            None => Box::default(),
        };
        self.progress = self.now;
        self.not_taken += 1;
        self.events.push_back(Event::NotWritten { to, line: line.text, why });
    }

    /// Gives up waiting for names.
    pub(super) fn give_up_names(&mut self) {
        self.questions = Questions::default();
    }
}

/// Returns whom an answer means.
fn recipient(name: &str, whom: Whose, nick: &str, key: PublicKey) -> Result<Recipient, NotWritten> {
    match whom {
        Whose::Key => {}
        Whose::Several => return Err(NotWritten::Several),
        Whose::Text => return Err(NotWritten::TextMember),
        Whose::Nobody | Whose::Other(_) => return Err(NotWritten::Nobody),
    }
    // The server cannot give another key than the one that was named.
    let is_other = match Whom::parse(name) {
        Some(Whom::Key { key: named, .. }) => named != key.0,
        Some(Whom::Nick { print, .. }) => !key.who().0.starts_with(&print),
        Some(Whom::Address(_)) | None => parse_key(name).is_none(),
    };
    match nick.parse() {
        Ok(nick) if !is_other => Ok(Recipient::Key(key, nick)),
        Ok(_) | Err(_) => Err(NotWritten::Nobody),
    }
}
