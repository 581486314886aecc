//! What a visitor does in private: writing to somebody, ignoring and blocking.
//!
//! Owns: whom a name means without asking the server; what is hidden; how authors of private messages are introduced.
//! Must not know: how anything is shown.
//! Driven by: `visit`, with commands and events, and the drivers.

use super::super::json::codes;
use super::taken::Wrong;
use super::visit::Visit;
use crate::client::{Client, Event, Label, NotWritten, Private, Recipient, Trust};
use crate::net::people::Ignored;
use crate::policy::names::Skeletons;
use crate::session::PublicKey;
use crate::time::Instant;
use crate::ui::command::{Command, Peace};
use crate::ui::sanitize;
use crate::wire::Who;
use crate::wire::entry::{Act, Entry};
use crate::wire::frame::{PostKind, Whose};
use crate::wire::order::{Order, Whom, key_text, may_begin};

/// The most authors of private messages that are remembered. Chosen: more than write to anybody in one visit.
const AUTHORS_MAX: usize = 1024;

impl Visit {
    /// Does what the user wanted done about a name, now that the server has said whose it is. Returns what went wrong.
    pub(super) fn found(&mut self, name: &str, whom: Whose, nick: &str, key: PublicKey) -> Option<(Wrong, Label)> {
        // Some answers need no server, and overtake others.
        let place = self.wanted.iter().position(|(wanted, ..)| **wanted == *name)?;
        let (_, peace, label) = self.wanted.remove(place)?;
        let why = match whom {
            Whose::Key if self.known.own() == Some(key) => return Some((Wrong::new("oneself", "that is you"), label)),
            Whose::Key => {
                self.make_peace(peace, nick, key, label);
                return None;
            }
            Whose::Several => NotWritten::Several,
            Whose::Text => NotWritten::TextMember,
            Whose::Nobody => NotWritten::Nobody,
            Whose::Other(_) => NotWritten::NoAnswer,
        };
        Some((Wrong::about(&self.known, name, &why), label))
    }

    /// Ignores or blocks somebody.
    fn make_peace(&mut self, peace: Peace, nick: &str, key: PublicKey, label: Label) {
        if self.correspondent.as_ref().is_some_and(|(author, _)| *author == key) {
            self.correspondent = None;
        }
        if peace == Peace::Block {
            let whom = format!("{nick}#{}", key_text(&key.0));
            return self.orders.push((Order { whom, ..Order::new(Act::Block) }, label));
        }
        self.ignored.insert(key.who(), nick.to_owned());
        let (nick, who) = (sanitize::escaped(nick), key.who().to_string());
        self.store_ignored(&format!("nothing of {nick} ({}) is shown here any more", &who[..8]), label);
    }

    /// Shows somebody again whom the user ignores.
    fn unignore(&mut self, name: &str, label: &Label) -> Result<(), Wrong> {
        let all: Vec<_> = self.ignored.iter().filter(|(who, nick)| is_meant(name, **who, nick)).collect();
        let [(&who, nick)] = all[..] else {
            let (code, number) = if all.is_empty() { ("nobody", "nobody") } else { ("several", "more than one") };
            let name = sanitize::escaped(name);
            return Err(Wrong::new(code, format!("{number} of that name is ignored (/ignore lists them): {name}")));
        };
        let told = format!("{} is shown again", sanitize::escaped(nick));
        self.ignored.remove(&who);
        self.store_ignored(&told, label.clone());
        Ok(())
    }

    fn store_ignored(&mut self, told: &str, label: Label) {
        let done = match self.known.set_ignored(&self.ignored) {
            Ok(()) => told.to_owned(),
            Err(err) => format!("{told}, until you leave: it cannot be stored: {err}"),
        };
        self.done.push((done, label));
    }

    /// Returns what was done for the user, and what the user calls it.
    pub(super) fn take_done(&mut self) -> Vec<(String, Label)> {
        std::mem::take(&mut self.done)
    }

    /// Returns those whom the user ignores.
    pub(super) const fn ignored(&self) -> &Ignored {
        &self.ignored
    }

    /// Returns whether nothing of this event is to be shown: the user ignores its author.
    pub(super) fn hides(&self, event: &Event) -> bool {
        if self.ignored.is_empty() {
            return false;
        }
        if let Event::Private(private) = event {
            return self.ignored.contains_key(&private.who);
        }
        let Event::Entry { encoded, .. } = event else { return false };
        match Entry::decode(encoded) {
            Some(
                Entry::Said { who, .. }
                | Entry::Did { who, .. }
                | Entry::Joined { who, .. }
                | Entry::Left { who, .. }
                | Entry::Renamed { who, .. },
            ) => self.ignored.contains_key(&who),
            // Acts concern others too.
            Some(Entry::Acted { .. } | Entry::Line { .. } | Entry::Private { .. }) | None => false,
        }
    }

    /// Returns what to tell the user of the key of a private message's author, before the message.
    pub(super) fn introduce(&mut self, private: &Private) -> Option<String> {
        let author = (private.from?, private.nick.clone());
        let is_known = self.authors.contains(&author);
        if !is_known {
            if self.authors.len() >= AUTHORS_MAX {
                self.authors.pop_front();
            }
            self.authors.push_back(author.clone());
        }
        let (key, nick) = (author.0, sanitize::escaped(&private.nick));
        match private.trust {
            Trust::Changed(known) => Some(format!(
                "somebody else writes as {nick}: you know that nick by the key {}, and this is from {}",
                known.fingerprint(),
                key.fingerprint()
            )),
            Trust::New if !is_known => {
                Some(format!("you have not written to {nick} in private before: the key is {}", key.fingerprint()))
            }
            Trust::New | Trust::Known => None,
        }
    }

    /// Carries out what concerns others in private, and returns in how many pieces it was posted; `None` if the command is another one.
    pub(super) fn carry_out_private(
        &mut self,
        now: Instant,
        client: &mut Client,
        command: &Command<'_>,
        label: &Label,
    ) -> Option<Result<usize, Wrong>> {
        Some(match *command {
            Command::Write { to, is_act, text } => {
                self.write_to(now, client, &Recipient::Name(to.into()), (is_act, text), label.clone())
            }
            Command::Reply { is_act, text } => match self.correspondent.clone() {
                Some((key, nick)) => {
                    self.write_to(now, client, &Recipient::Key(key, nick), (is_act, text), label.clone())
                }
                None => Err(Wrong::new("nobody", "not sent: nobody has written to you in private")),
            },
            Command::Peace(Peace::Ignore | Peace::Unignore, "") => {
                self.show_ignored(label);
                Ok(0)
            }
            Command::Peace(Peace::Unignore, name) => self.unignore(name, label).map(|()| 0),
            Command::Peace(..) if client.is_text() => {
                Err(Wrong::in_text("in plain text nobody has a key to be known by"))
            }
            Command::Peace(Peace::Block | Peace::Unblock, "") => {
                client.list_blocks(now);
                Ok(0)
            }
            Command::Peace(Peace::Unblock, name) => {
                // The server knows whom the user blocks, also when they are gone.
                let order = Order { whom: name.into(), ..Order::new(Act::Unblock) };
                Ok(client.post(now, PostKind::Order, &order.encode(), label.clone()))
            }
            Command::Peace(peace @ (Peace::Ignore | Peace::Block), name) => {
                self.begin_peace(now, client, (peace, label.clone()), name).map(|()| 0)
            }
            Command::Say(_)
            | Command::Act(_)
            | Command::Who
            | Command::Nick(_)
            | Command::Release(_)
            | Command::Order(_)
            | Command::Invite(_)
            | Command::Members
            | Command::History(_)
            | Command::Search(_)
            | Command::Seen
            | Command::Clear
            | Command::Help(_)
            | Command::Quit => return None,
        })
    }

    fn write_to(
        &self,
        now: Instant,
        client: &mut Client,
        to: &Recipient,
        (is_act, text): (bool, &str),
        label: Label,
    ) -> Result<usize, Wrong> {
        // Another program of the user's may have met or forgotten somebody.
        client.set_contacts(self.known.contacts().map_err(|why| Wrong::new("no-contacts", why))?);
        Ok(client.write_to(now, to, is_act, text, label))
    }

    /// Ignores or blocks whoever has that name: an author of a private message, or else whoever the server says.
    ///
    /// # Errors
    /// Several authors have that name.
    fn begin_peace(
        &mut self,
        now: Instant,
        client: &mut Client,
        (peace, label): (Peace, Label),
        name: &str,
    ) -> Result<(), Wrong> {
        let mut meant: Vec<_> = self.authors.iter().filter(|(key, nick)| is_meant(name, key.who(), nick)).collect();
        meant.sort_by_key(|(key, _)| *key);
        meant.dedup_by_key(|(key, _)| *key);
        if let [(key, nick)] = meant[..] {
            let (key, nick) = (*key, nick.clone());
            self.make_peace(peace, &nick, key, label);
        } else if meant.is_empty() {
            self.wanted.push_back((name.into(), peace, label));
            client.find(now, name);
        } else {
            let all: Vec<_> = meant.iter().map(|(key, _)| format!("#{}", &key.who().to_string()[..8])).collect();
            let why =
                format!("several have written to you as {}: {} says which", sanitize::escaped(name), all.join(" or "));
            return Err(Wrong::new(codes::not_written(&NotWritten::Several), why));
        }
        Ok(())
    }

    fn show_ignored(&mut self, label: &Label) {
        let all = self.ignored.iter();
        let mut all: Vec<_> = all
            .map(|(who, nick)| format!("{} ({}) is ignored", sanitize::escaped(nick), &who.to_string()[..8]))
            .collect();
        if all.is_empty() {
            all.push("nobody is ignored".into());
        }
        self.done.extend(all.into_iter().map(|line| (line, label.clone())));
    }
}

/// Returns whether a name means somebody with that short name and nick: the nick, with or without the beginning of the fingerprint, or that
/// alone.
fn is_meant(name: &str, who: Who, nick: &str) -> bool {
    match Whom::parse(name) {
        Some(Whom::Key { key, .. }) => PublicKey(key).who() == who,
        Some(Whom::Nick { nick: named, print }) => {
            let is_nick = named.is_empty() || Skeletons::of(named).look_like(&Skeletons::of(nick)) || named == nick;
            is_nick && may_begin(who, &print)
        }
        Some(Whom::Address(_)) | None => name == nick,
    }
}
