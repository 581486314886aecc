//! Private messages in a run: who writes to whom, and what the oracle knows of that (PROTOCOL 2.19).
//!
//! Owns: the plan of private messages; the promises about them: nobody else is sent one or woken for it, none is lost, shown twice or
//! changed.
//! Must not know: anything of the core, where it is the oracle's part: it decodes entries by itself.
//! Driven by: `world` and `agenda`, and `told` with what clients show.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use super::cast::Kind;
use super::encoded::{letter, parties};
use super::oracle::{Committed, Oracle, Post, QUIET_DATAGRAMS, Told};
use super::world::{LINGER, World};

/// How many private messages are written when everything else is quiet, and the time between two.
const WHISPERS: u64 = 30;
const WHISPERED: Duration = Duration::from_millis(200);

/// What a client shows of a private message.
#[derive(Clone, Copy, Debug)]
pub(super) enum Opened<'a> {
    /// Its text, and how many before it are said to be missing.
    Text(&'a str, u64),
    /// It is the client's own.
    Own,
    /// It is said to have come before.
    Repeated,
    /// It is said to be none that the client can open.
    Unreadable,
}

impl World<'_> {
    /// Has a client write to the next one that speaks sessions, in private.
    pub(super) fn whisper_on(&mut self, index: usize, message: u64) {
        let others = (1..self.clients.len()).map(|step| (index + step) % self.clients.len());
        // Whoever has not been there yet is not known.
        let Some(to) = others.into_iter().find(|&other| !self.speaks_text(other) && self.clients[other].joined) else {
            return;
        };
        for number in 0..self.scenario.private {
            self.whisper(index, to, &format!("between the two of us: {message} {number}"));
        }
    }

    /// Has a client write to another one in private, if the one before is settled.
    fn whisper(&mut self, index: usize, to: usize, text: &str) {
        let (key, nick) = (self.clients[to].key.public(), self.clients[to].nick.clone());
        let client = &mut self.clients[index];
        let (Kind::Session(member), Ok(of)) = (&mut client.kind, nick.parse()) else { return };
        if !member.may_write_to(&key) {
            // Its user waits.
            return;
        }
        let counter = member.write_to(self.now, key, &of, false, text);
        self.oracle.posted(index, (client.instance.0, counter), text, Some(to));
    }

    /// Has the first two clients that speak sessions write to each other, and nobody else say anything.
    pub(super) fn whispers(&mut self) {
        let mut members = (0..self.clients.len()).filter(|&index| !self.speaks_text(index));
        let (Some(one), Some(other)) = (members.next(), members.next()) else { return };
        let parties = [one, other].map(|index| self.clients[index].address);
        self.oracle.begin_whispers(parties.into());
        for number in 0..WHISPERS {
            let (by, to) = if number % 2 == 0 { (one, other) } else { (other, one) };
            self.whisper(by, to, &format!("nobody else hears {number}"));
            self.run_to(self.now + WHISPERED);
        }
        self.run_to(self.now + LINGER);
        self.oracle.end_whispers(self.clients.len() - 2);
        if let Some(missing) = self.missing() {
            self.oracle.violation(format!("not all of what two wrote to each other is there: {missing}"));
        }
    }
}

impl Oracle {
    /// Checks a private message that a client shows: PROTOCOL 2.19.
    pub(super) fn shown_private(&mut self, client: usize, seq: u64, opened: Opened<'_>) {
        let log = self.readers.get(&client).and_then(|reader| reader.log).unwrap_or_default();
        let entry = self.logs.get(&log).and_then(|log| log.entries.get(usize::try_from(seq).ok()?)).cloned();
        let Some((entry, letter)) = entry.as_ref().and_then(|entry| Some((entry, letter(&entry.entry)?))) else {
            return self.violation(format!("client {client} shows {seq} as private, which is not"));
        };
        self.shown(client, seq, &entry.entry);
        let is_of_client = self.keys.values().any(|key| *key == letter.who);
        let posted = self.posted.get(&letter.post).filter(|_| is_of_client).cloned();
        // An author that does not know what became of a message gives the next one another number.
        let is_unclear = |post: &Post| post.0 == letter.post.0 && self.told.get(post) == Some(&Told::Unconfirmed);
        // What was in another log is gone with that.
        let may_miss = self.gaps_allowed || self.logs.len() > 1 || self.posted.keys().any(is_unclear);
        let wrong = match (opened, posted) {
            (Opened::Own, Some(posted)) => posted.by != client,
            (Opened::Text(text, missing), Some(posted)) => {
                posted.to != Some(client) || posted.text != text || (missing > 0 && !may_miss)
            }
            (Opened::Repeated | Opened::Unreadable, Some(_)) => true,
            // What strangers send is none, and nobody takes it for one.
            (Opened::Unreadable, None) => false,
            (Opened::Own | Opened::Text(..) | Opened::Repeated, None) => true,
        };
        if wrong {
            self.violation(format!("client {client} shows private message {seq} as {opened:?}"));
        }
    }

    /// Returns whether the entry concerns two clients only, and not this one.
    pub(super) fn is_private_to_others(&self, client: usize, entry: &Committed) -> bool {
        let own = self.keys.get(&client);
        parties(&entry.entry).is_some_and(|parties| own.is_none_or(|own| !parties.contains(own)))
    }

    /// From now on only these two should hear of anything: PROTOCOL 2.19.
    pub(super) fn begin_whispers(&mut self, parties: BTreeSet<SocketAddr>) {
        self.whispers = Some((parties, 0));
    }

    /// Ends that, after at most a minute; `others` clients were there beside the two.
    pub(super) fn end_whispers(&mut self, others: usize) {
        let allowed = QUIET_DATAGRAMS * others as u64;
        if let Some((_, count)) = self.whispers.take().filter(|&(_, count)| count > allowed) {
            self.violation(format!("{count} datagrams of others while two wrote to each other, of {allowed}"));
        }
    }
}
