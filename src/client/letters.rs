//! Private messages as their user writes them: to a name, or in reply.
//!
//! Owns: whose a name is, asked once for each batch of messages to it; which nicks are known by which keys, so that a message never goes
//! to another key than before; whom to ask for the user.
//! Must not know: how a message is sealed, where the keys of nicks are stored.
//! Driven by: `client`.

use std::collections::VecDeque;

use super::contacts::Contacts;
use super::event::{NotWritten, Trust};
use super::lines::{Line, Recipient};
use super::seen::Seen;
use super::{Client, Event, Label, State};
use crate::policy::names::Skeletons;
use crate::session::PublicKey;
use crate::time::Instant;
use crate::wire::entry::{PRIVATE_MAX, texts};
use crate::wire::frame::{PostKind, Whose};
use crate::wire::limits::WHOM_MAX;
use crate::wire::order::Whom;

/// What is asked of the server.
#[derive(Debug, Default)]
pub(super) struct Questions {
    /// The names that the user wants to know.
    wanted: VecDeque<Box<str>>,
    /// Since when the server has left a question unanswered.
    since: Option<Instant>,
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
    pub fn write_to(&mut self, now: Instant, to: &Recipient, is_act: bool, line: &str, label: Label) -> usize {
        self.pass_time(now);
        if self.outstanding() == 0 {
            self.progress = now;
        }
        let why = match to {
            _ if self.is_text() => Some(NotWritten::InText),
            Recipient::Name(name) if !is_name(name) => Some(NotWritten::Nobody),
            Recipient::Name(_) | Recipient::Key(..) => None,
        };
        if let Some(why) = why {
            let to = Some((to.clone(), is_act));
            self.not_written(Line { kind: PostKind::Private, text: line.to_owned(), to, label }, why);
            return 0;
        }
        let parts = texts(line, PRIVATE_MAX);
        let count = parts.len();
        let lines = parts.into_iter().map(|text| Line {
            kind: PostKind::Private,
            text,
            to: Some((to.clone(), is_act)),
            label: label.clone(),
        });
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
        if is_name(name) {
            self.questions.wanted.push_back(name.into());
            return self.feed();
        }
        let nobody = PublicKey([0; 32]);
        self.events.push_back(Event::Found {
            name: name.into(),
            whom: Whose::Nobody,
            nick: Box::default(),
            key: nobody,
        });
    }

    /// Asks whose private messages the user does not take, once there is a session; [`Event::Records`] has the answer.
    pub fn list_blocks(&mut self, now: Instant) {
        self.pass_time(now);
        self.progress = if self.awaits_records { self.progress } else { now };
        (self.awaits_records, self.lists_blocks) = (true, true);
        if let State::Session(member) = &mut self.state {
            member.list_blocks(now);
        }
    }

    /// Returns which private messages were seen, to be stored with the user's place.
    pub fn seen(&self) -> Option<&Seen> {
        if let State::Session(member) = &self.state { Some(member.seen()) } else { None }
    }

    /// Takes the keys of those whom the user has written to, which other programs of the user's may have changed.
    pub fn set_contacts(&mut self, contacts: Contacts) {
        if let Some(identity) = &mut self.config.identity {
            identity.contacts = contacts;
        }
    }

    /// Returns what is known of a key that has that nick.
    pub(super) fn trust(&self, nick: &str, key: PublicKey) -> Trust {
        let contacts = self.config.identity.as_ref().map(|identity| &identity.contacts);
        contacts.map_or(Trust::New, |contacts| contacts.trust(nick, key))
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
            self.questions.since = Some(self.now);
        }
    }

    /// Returns when the client gives up waiting for an answer: a server that does not know the question must not hold up what else the
    /// user says. While the server is away, nobody expects one.
    pub(super) fn answer_ends(&self) -> Option<Instant> {
        let is_here = matches!(&self.state, State::Session(member) if member.is_here() && member.is_finding());
        self.questions.since.filter(|_| is_here).map(|since| since + self.config.timeout)
    }

    /// Notes that the server is back, which will be asked again.
    pub(super) fn ask_anew(&mut self) {
        self.questions.since = self.questions.since.map(|_| self.now);
    }

    /// Takes the silence for the answer.
    pub(super) fn give_up_asking(&mut self) {
        self.questions.since = None;
        let State::Session(member) = &mut self.state else { return };
        let Some(name) = member.stop_finding() else { return };
        let is_to_it = |line: &Line| matches!(&line.to, Some((Recipient::Name(to), _)) if *to == name);
        while self.held.front().is_some_and(is_to_it)
            && let Some(line) = self.held.pop_front()
        {
            self.not_written(line, NotWritten::NoAnswer);
        }
        if self.questions.wanted.front() == Some(&name) {
            self.questions.wanted.pop_front();
            let nobody = PublicKey([0; 32]);
            self.events.push_back(Event::Found {
                name,
                whom: Whose::Other(u32::MAX),
                nick: Box::default(),
                key: nobody,
            });
        }
        self.feed();
    }

    /// Takes an answer: for the messages that wait for it, and for the user.
    pub(super) fn found(&mut self, event: Event) {
        let Event::Found { ref name, whom, ref nick, key } = event else { return };
        self.progress = self.now;
        self.questions.since = None;
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
            // A key that does not fit the name is nobody's.
            let whom = if whom == Whose::Key && recipient.is_err() { Whose::Nobody } else { whom };
            self.events.push_back(Event::Found { name: name.clone(), whom, nick: nick.clone(), key });
        }
    }

    /// Posts the private message that is first in line, if it can go now. Returns whether the line has moved on.
    pub(super) fn post_letter(&mut self) -> bool {
        let Some(Line { to: Some((Recipient::Key(key, nick), is_act)), .. }) = self.held.front() else { return false };
        let (key, nick, is_act) = (*key, nick.clone(), *is_act);
        let own = self.config.identity.as_ref().map(|identity| identity.key.public());
        let trust = self.trust(nick.as_str(), key);
        let why = match trust {
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
        if let (Trust::New, Some(identity)) = (trust, &mut self.config.identity) {
            identity.contacts.insert(nick.as_str(), key);
            self.events.push_back(Event::Contact { nick: nick.as_str().into(), key });
        }
        let post = member.write_to(self.now, key, &nick, is_act, &line.text);
        member.label(post, line.label);
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
        self.events.push_back(Event::NotWritten { to, line: line.text, why, label: line.label });
    }

    /// Gives up waiting for names.
    pub(super) fn give_up_names(&mut self) {
        self.questions = Questions::default();
    }
}

/// Returns whether a name can be somebody's who has a key.
fn is_name(name: &str) -> bool {
    name.len() <= WHOM_MAX && matches!(Whom::parse(name), Some(Whom::Key { .. } | Whom::Nick { .. }))
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
        // Nor one under another nick, which the user may know by another key.
        Some(Whom::Nick { nick: named, print }) => {
            let is_that = named.is_empty() || Skeletons::of(named).look_like(&Skeletons::of(nick));
            !is_that || !key.hash().starts_with(&print)
        }
        Some(Whom::Address(_)) | None => true,
    };
    match nick.parse() {
        Ok(nick) if !is_other => Ok(Recipient::Key(key, nick)),
        Ok(_) | Err(_) => Err(NotWritten::Nobody),
    }
}
