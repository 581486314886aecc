//! `udpchat send --id`: whether the message in the log under an id is the one that was given.
//!
//! Owns: which entries a retry found, how they are read back and compared.
//! Must not know: sockets, when lines are sent.
//! Driven by: `cmd::send`.
//!
//! The server settles a retry with the number of the existing entry, whatever that entry says. So the client reads it back in a
//! session of its own, and compares.

use std::collections::BTreeMap;
use std::io;

use super::super::talk::prepare;
use super::super::{Exit, Failure};
use super::{dialects, wanted};
use crate::cli::Send;
use crate::client::{Client, Event, Private};
use crate::net::client::{ClientLoop, Driver, Source, Ticked};
use crate::policy::names::Skeletons;
use crate::session::PublicKey;
use crate::time::Instant;
use crate::ui::sanitize;
use crate::wire::entry::Entry;
use crate::wire::order::Whom;
use crate::wire::{LogId, Nick, Seq};

/// The entries that a run of `send` learns of.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The log, and where it ended when the session began.
    log: Option<(LogId, Seq)>,
    /// The entry that each post was confirmed as, by the post's counter.
    confirmed: BTreeMap<u64, Seq>,
}

impl Found {
    pub(super) fn observe(&mut self, event: &Event) {
        if let Event::Begins { log, from, count, .. } = *event {
            self.log.get_or_insert((log, from + count));
        }
        if let Event::Confirmed { post: Some(post), seq: Some(seq), .. } = *event {
            self.confirmed.insert(post, seq);
        }
    }

    /// Returns the newest entry that a line was confirmed as.
    pub(super) fn last(&self) -> Option<Seq> {
        self.confirmed.values().max().copied()
    }

    /// Returns the entries that the lines were confirmed as, in the order of the log.
    fn entries<'a>(&self, lines: &'a [String]) -> Vec<(Seq, &'a str)> {
        let line = |post: u64| usize::try_from(post).ok().and_then(|index| lines.get(index));
        let entries = self.confirmed.iter().filter_map(|(&post, &seq)| Some((seq, line(post)?.as_str())));
        let mut entries: Vec<_> = entries.collect();
        entries.sort_unstable();
        entries
    }
}

/// Outcome of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    /// The message is new.
    New,
    /// The message is there already.
    Same,
    /// This many of its lines were there already; the others are now.
    Completed(usize),
    /// A message is there already, but the server can no longer say which.
    Forgotten,
}

/// Compares the entries under the id with the message; each time, for another run may have posted at the same moment.
///
/// # Errors
/// The entries are of another message, or the server cannot be asked.
pub(super) fn compare(args: &Send, found: &Found, lines: &[String]) -> Result<Retry, Failure> {
    // An original server confirms without a number: there is nothing to compare.
    let (Some((log, end)), wanted_entries) = (found.log, found.entries(lines)) else { return Ok(Retry::New) };
    let Some(&(first, _)) = wanted_entries.first() else { return Ok(Retry::New) };
    let earlier = wanted_entries.iter().filter(|&&(seq, _)| seq < end).count();
    let (mut config, _) = prepare(&args.target, dialects(args), wanted(args, None))?;
    if let Some(identity) = &mut config.identity {
        identity.place = Some((log, first));
    }
    let to = args.to.as_deref();
    let mut reader =
        Reader { nick: &args.nick, to, entries: wanted_entries, next: 0, is_gone: false, other: None, until: None };
    // However this ends, entries not read by then are unknown.
    ClientLoop::new(config, Source { input: None, leave_at_end: false, signals: &[] })?.run(&mut reader)?;
    if let Some(other) = &reader.other {
        let id = args.id.as_deref().unwrap_or_default();
        return Err(Failure::new(
            Exit::Refused,
            format!(
                "--id {} was used before, for another message or nick: '{}' (another message needs another id)",
                sanitize::escaped(id),
                sanitize::escaped(other)
            ),
        ));
    }
    if reader.next < reader.entries.len() {
        let message = "the message is in the log, but the server did not say in time whether it is the same one";
        return Err(Failure::new(Exit::NotConfirmed, message));
    }
    Ok(match earlier {
        0 => Retry::New,
        _ if reader.is_gone => Retry::Forgotten,
        count if count < lines.len() => Retry::Completed(count),
        _ => Retry::Same,
    })
}

/// Reads the entries back.
struct Reader<'a> {
    nick: &'a Nick,
    /// Whom the message is for, if it is private: its text cannot be compared.
    to: Option<&'a str>,
    entries: Vec<(Seq, &'a str)>,
    /// The index of the next one to read.
    next: usize,
    /// Whether one of them is no longer in the log.
    is_gone: bool,
    /// The text of the entry that is there instead.
    other: Option<String>,
    /// Until when to wait for them.
    until: Option<Instant>,
}

impl Reader<'_> {
    fn entry(&mut self, seq: Seq, encoded: &[u8]) {
        let Some(&(_, wanted)) = self.entries.get(self.next).filter(|&&(at, _)| at == seq) else { return };
        self.next += 1;
        let Some(entry) = Entry::decode(encoded) else { return };
        let is_same = self.to.is_none()
            && matches!(entry, Entry::Said { nick, text, .. } if nick == self.nick.as_str() && text == wanted);
        if !is_same && self.other.is_none() {
            let mut other = String::new();
            entry.render(&mut other);
            self.other = Some(other);
        }
    }

    fn private(&mut self, private: &Private) {
        if self.entries.get(self.next).is_none_or(|&(at, _)| at != private.seq) {
            return;
        }
        self.next += 1;
        let is_to = |to: &str| match Whom::parse(to) {
            Some(Whom::Key { key, .. }) => PublicKey(key).who() == private.to,
            Some(Whom::Nick { nick, print }) => {
                private.to.0.starts_with(&print)
                    && (nick.is_empty() || Skeletons::of(nick).look_like(&Skeletons::of(&private.of)))
            }
            Some(Whom::Address(_)) | None => false,
        };
        let is_same = private.nick == self.nick.as_str() && self.to.is_some_and(is_to);
        if !is_same && self.other.is_none() {
            self.other = Some(format!("a private message to {}", private.of));
        }
    }

    fn gap(&mut self, first: Seq, count: u64) {
        while self.entries.get(self.next).is_some_and(|&(at, _)| at >= first && at < first + count) {
            self.next += 1;
            self.is_gone = true;
        }
    }
}

impl Driver for Reader<'_> {
    fn event(&mut self, _: Instant, _: &Client, event: Event) -> io::Result<()> {
        if let Event::Entry { seq, ref encoded } = event {
            self.entry(seq, encoded);
        }
        if let Event::Private(private) = &event {
            self.private(private);
        }
        if let Event::Gap { first, count, .. } = event {
            self.gap(first, count);
        }
        Ok(())
    }

    fn tick(&mut self, now: Instant, client: &mut Client) -> Ticked {
        let until = *self.until.get_or_insert_with(|| now + client.timeout());
        if self.next >= self.entries.len() || now >= until { Ticked::Done } else { Ticked::At(until) }
    }
}
