//! Private messages at a member (PROTOCOL 2.19): sealed as they go out, opened as their turn in the log comes.
//!
//! Owns: the numbers of the messages to each recipient, the texts of the user's own messages until their entries come.
//! Must not know: names, whom to trust, how a message is shown.
//! Driven by: `member`.

use std::collections::BTreeMap;

use super::Member;
use super::questions::Asked;
use crate::client::config::Identity;
use crate::client::event::{Event, Private, Said, Trust};
use crate::client::outbox::{Outbox, Stored};
use crate::client::seen::{Order, Seen};
use crate::session::letter::{Envelope, Letter};
use crate::session::{PublicKey, StaticKey};
use crate::time::Instant;
use crate::wire::entry::{Entry, Tail};
use crate::wire::frame;
use crate::wire::record::Name;
use crate::wire::{Instance, LogId, Nick, PostId, Seq, Who};

/// The most texts of the user's own messages that wait for their entries.
const OWN_MAX: usize = 256;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Letters {
    /// The number of the next message to each recipient.
    numbers: BTreeMap<PublicKey, u32>,
    /// What the user wrote, by the counters of the posts.
    own: BTreeMap<u64, (String, bool)>,
    pub(super) seen: Seen,
}

/// A private message on its way out.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) to: PublicKey,
    pub(super) of: Box<str>,
    pub(super) is_act: bool,
}

impl Letters {
    pub(super) fn new(seen: Seen, outbox: Option<&Outbox>) -> Self {
        let mut letters = Self { seen, ..Self::default() };
        let Some(outbox) = outbox else { return letters };
        letters.numbers = outbox.numbers.iter().copied().collect();
        for Stored { counter, text, to, .. } in &outbox.posts {
            if let Some((_, _, is_act)) = to {
                letters.wrote(*counter, text, *is_act);
            }
        }
        letters
    }

    /// Notes what the user wrote, so that it can be shown once its entry comes: it cannot be opened.
    pub(super) fn wrote(&mut self, counter: u64, text: &str, is_act: bool) {
        if self.own.len() >= OWN_MAX {
            self.own.pop_first();
        }
        self.own.insert(counter, (text.to_owned(), is_act));
    }

    /// Forgets a message that becomes no entry.
    pub(super) fn refused(&mut self, counter: u64) {
        self.own.remove(&counter);
    }

    /// Returns the number of the next message to that recipient.
    pub(super) fn number(&self, to: &PublicKey) -> u32 {
        self.numbers.get(to).copied().unwrap_or_default()
    }

    /// Notes that the message with that number has its place in the log, or may have: the next one has another number.
    pub(super) fn sent(&mut self, to: PublicKey) {
        *self.numbers.entry(to).or_default() += 1;
    }

    /// Reads a private entry of that log whose turn has come; `None` if these bytes are none.
    pub(super) fn open(
        &mut self,
        place: (LogId, Seq),
        (key, instance): (&StaticKey, Instance),
        encoded: &[u8],
    ) -> Option<Private> {
        let (mut private, post, opened) = read(place, key, encoded)?;
        private.said = match opened {
            Opened::Own if post.instance == instance => Said::Own(self.own.remove(&post.counter)),
            Opened::Own => Said::Own(None),
            Opened::Unreadable => Said::Unreadable,
            Opened::Letter(Letter { number, is_counted, is_act, text }) => {
                match self.seen.take(private.who, post, (number, is_counted), private.seq) {
                    Order::New { missing } => Said::Text { text, is_act, missing },
                    Order::Again => Said::Text { text, is_act, missing: 0 },
                    Order::Repeated => Said::Repeated,
                }
            }
        };
        Some(private)
    }

    /// Reads a private entry of that log that is read back; `None` if these bytes are none. Among those before the newest that was
    /// seen, a copy looks like the original (PROTOCOL 2.20).
    fn reopen(&self, place: (LogId, Seq), key: &StaticKey, encoded: &[u8]) -> Option<Private> {
        let (mut private, post, opened) = read(place, key, encoded)?;
        private.said = match opened {
            Opened::Own => Said::Own(None),
            Opened::Unreadable => Said::Unreadable,
            Opened::Letter(Letter { number, .. }) if self.seen.is_repeat(private.who, post, number, private.seq) => {
                Said::Repeated
            }
            Opened::Letter(Letter { is_act, text, .. }) => Said::Text { text, is_act, missing: 0 },
        };
        Some(private)
    }
}

/// What a private entry turns out to be.
enum Opened {
    /// The user wrote it.
    Own,
    Letter(Letter),
    Unreadable,
}

/// Reads a private entry of that log, with the recipient's key; `None` if these bytes are none. What it says is not filled in.
fn read((log, seq): (LogId, Seq), key: &StaticKey, encoded: &[u8]) -> Option<(Private, PostId, Opened)> {
    let (entry, at, tail) = Entry::decode_with_tail(encoded)?;
    let Entry::Private { who, to, nick, of, post, sealed } = entry else { return None };
    let own = key.public();
    let author = if let Some(Tail::Author(author)) = tail { Some(PublicKey(author)) } else { None };
    let from = author.filter(|author| author.who() == who && who != own.who());
    let (said, trust) = (Said::Unreadable, Trust::New);
    let private = Private { seq, at, who, from, nick: nick.to_owned(), to, of: of.to_owned(), said, trust };
    if who == own.who() {
        return Some((private, post, Opened::Own));
    }
    let Some(from) = from else { return Some((private, post, Opened::Unreadable)) };
    let is_short = nick.len() <= crate::wire::NICK_MAX && of.len() <= crate::wire::NICK_MAX;
    let envelope = Envelope { log, from, to: own, nick, of, post };
    let opened = if to == own.who() && is_short { envelope.open(key, sealed) } else { None };
    Some((private, post, opened.map_or(Opened::Unreadable, Opened::Letter)))
}

impl Member {
    /// Writes to a key in private, as soon as possible. The text has 1 to [`crate::wire::entry::PRIVATE_MAX`] bytes and no control
    /// characters except for tabs. There must be no unsettled one to the same key, and no unsettled rename.
    pub fn write_to(&mut self, now: Instant, to: PublicKey, of: &Nick, is_act: bool, text: &str) -> u64 {
        self.now = self.now.max(now);
        debug_assert!(self.may_write_to(&to));
        let counter = self.posts.push_letter(text, Outgoing { to, of: of.as_str().into(), is_act });
        self.letters.wrote(counter, text, is_act);
        counter
    }

    /// Returns whether a private message to that key can be posted: its number depends on the outcome of the one before, and its author's
    /// nick on that of a rename.
    pub fn may_write_to(&self, to: &PublicKey) -> bool {
        !self.posts.has_letter_to(to) && !self.posts.has_renames()
    }

    /// Returns the number of the next private message to each recipient.
    pub fn numbers(&self) -> impl Iterator<Item = (PublicKey, u32)> {
        self.letters.numbers.iter().map(|(&to, &number)| (to, number))
    }

    /// Returns which private messages were seen.
    pub const fn seen(&self) -> &Seen {
        &self.letters.seen
    }

    /// Asks whose a name is; [`Event::Found`] has the answer. An earlier question that has no answer yet gets none.
    pub fn find(&mut self, now: Instant, name: &str) {
        self.now = self.now.max(now);
        self.questions.name = Some(Asked::new(now, name.into()));
    }

    /// Stops waiting for an answer to [`Member::find`]; returns the name.
    pub fn stop_finding(&mut self) -> Option<Box<str>> {
        self.questions.name.take().map(|asked| asked.what)
    }

    /// Returns whether an answer to [`Member::find`] is awaited.
    pub const fn is_finding(&self) -> bool {
        self.questions.name.is_some()
    }

    /// Asks whose private messages the user does not take; [`Event::Records`] has the answer.
    pub fn list_blocks(&mut self, now: Instant) {
        self.now = self.now.max(now);
        let own = self.ends.identity.key.public().who();
        self.questions.records = Some(Asked::new(now, Some(Name::Block(own, Who::default()))));
    }

    /// Opens a private entry for the user, if the event is one; its turn has come.
    pub(super) fn opened(&mut self, event: Event) -> Event {
        let Event::Entry { seq, ref encoded } = event else { return event };
        if !Entry::begins_private(encoded) {
            return event;
        }
        let Some((log, _)) = self.view.place() else { return event };
        let Identity { ref key, instance, .. } = self.ends.identity;
        let private = self.letters.open((log, seq), (key, instance), encoded);
        private.map_or(event, |private| Event::Private(Box::new(private)))
    }

    /// Opens a private entry that is read once more, or for the first time on this device, if the entry is one.
    pub(super) fn reopened(&self, seq: Seq, encoded: Box<[u8]>) -> Event {
        let private = if Entry::begins_private(&encoded) { self.view.place() } else { None };
        let Some((log, _)) = private else { return Event::Entry { seq, encoded } };
        let private = self.letters.reopen((log, seq), &self.ends.identity.key, &encoded);
        private.map_or_else(|| Event::Entry { seq, encoded }, |private| Event::Private(Box::new(private)))
    }

    /// Seals the private posts that are to be sent, now that the log and the user's nick there are known.
    pub(super) fn seal(&mut self) {
        let Some(link) = self.link.as_ref().filter(|link| link.welcomed) else { return };
        let (Some((log, _)), Some(nick)) = (self.view.place(), &link.nick) else { return };
        let Identity { ref key, instance, repeats, run, .. } = self.ends.identity;
        while let Some((counter, text, Outgoing { to, of, is_act })) = self.posts.unsealed() {
            let (to, of, nick) = (*to, of.clone(), nick.as_str());
            // A run that may repeat an earlier one's posts knows nothing of their numbers, and has one of its own.
            let number = if repeats { run } else { self.letters.number(&to) };
            let letter = Letter { number, is_counted: !repeats, is_act: *is_act, text: text.to_owned() };
            let post = PostId { instance, counter };
            let envelope = Envelope { log, from: key.public(), to, nick, of: &of, post };
            // A text that cannot be sealed is refused by the server as malformed.
            let sealed = envelope.seal(key, &mut self.entropy, &letter).unwrap_or_default();
            self.posts.seal(counter, frame::Letter { to: to.0, nick, of: &of, sealed: &sealed }.encode());
        }
    }
}
