//! Receipts in a run, and how far users have read: who asks about which entry, and what the oracle knows of that (PROTOCOL 2.21, 2.22).
//!
//! Owns: the plan of questions; the promises about answers: whoever is said to have received an entry has been shown it; no user has
//! read further than it has said.
//! Must not know: anything of the core, where it is the oracle's part.
//! Driven by: `told`, with what clients are told.

use super::cast::Kind;
use super::oracle::{Oracle, Post, Reader, Told};
use super::world::World;
use crate::client::Event;
use crate::wire::frame::{Watch, Watched};
use crate::wire::{Seq, Who};

impl World<'_> {
    /// Takes what a client is told of its post, and has it ask who has received the entry.
    pub(super) fn accepted(&mut self, index: usize, post: Post, seq: Seq) {
        self.oracle.told(index, post, Told::Accepted(seq.0));
        let is_asked = self.scenario.reads > 0.0;
        let other = self.clients[(index + 1) % self.clients.len()].key.public().who();
        let what =
            [Watched::Names, Watched::Count, Watched::Key(other)][usize::try_from(seq.0 % 3).unwrap_or_default()];
        if let (Kind::Session(member), true) = (&mut self.clients[index].kind, is_asked) {
            // And then something else about the same entry.
            if let Some(Watch { seq: before, .. }) = member.watching() {
                member.watch(self.now, Watch { seq: before, what });
            }
            member.watch(self.now, Watch { seq, what });
        }
    }

    /// Has a client's user read everything that it was shown.
    pub(super) fn reads(&mut self, index: usize) {
        if let (Kind::Session(member), true) = (&mut self.clients[index].kind, self.scenario.reads > 0.0)
            && let Some((_, next)) = member.place()
        {
            member.read(self.now, next);
            self.oracle.has_read(index, next.0);
        }
    }

    /// Shows to the oracle what a client is told of who has received or read something.
    pub(super) fn reached(&mut self, index: usize, event: &Event) {
        if let Event::Read { before } = event {
            return self.oracle.knows_read(index, before.0);
        }
        if let Event::Behind { count } = event {
            return self.oracle.is_behind(index, *count);
        }
        let Event::Reached { seq, what, count, of, by } = event else { return };
        let nick = self.clients[index].nick.clone();
        self.trace.tell(self.now, &nick, || format!("is told that {count} of {of} have {}", seq.0));
        if *what != Watched::Nothing {
            let by: Vec<_> = by.iter().map(|&Who(who)| who).collect();
            match *what {
                Watched::Key(Who(who)) if *count == 1 => self.oracle.reached(index, seq.0, (1, *of), &[who]),
                Watched::Names => self.oracle.reached(index, seq.0, (*count, *of), &by),
                Watched::Count | Watched::Key(_) | Watched::Nothing | Watched::Other(_) => {
                    self.oracle.counted(seq.0, *count);
                }
            }
        }
    }
}

impl Oracle {
    /// Records that a user has read everything before a number.
    fn has_read(&mut self, client: usize, before: u64) {
        let reader = self.readers.entry(client).or_default();
        reader.read = reader.read.max(before);
    }

    /// Checks what a client is told of how far its user has read: no further than the user has said.
    fn knows_read(&mut self, client: usize, before: u64) {
        let read = self.readers.get(&client).map_or(0, |reader| reader.read);
        if before > read {
            self.violation(format!("client {client} is told that its user has read up to {before}, which is {read}"));
        }
    }

    /// Checks what a client is told of how far it is behind.
    fn is_behind(&mut self, client: usize, count: u64) {
        let log = self.readers.get(&client).and_then(|reader| self.logs.get(&reader.log?));
        let entries = log.map_or(0, |log| log.entries.len() as u64);
        if count > entries {
            self.violation(format!("client {client} is told that it is {count} behind, of {entries}"));
        }
    }

    /// Checks how many are said to have received an entry: no more than have been shown it, strangers aside.
    fn counted(&mut self, seq: u64, count: u64) {
        let has_it = |reader: &Reader| reader.next().is_some_and(|next| next > seq);
        let most = self.readers.values().filter(|reader| has_it(reader)).count() + self.strangers();
        if count > most as u64 {
            self.violation(format!("{count} are said to have {seq}, which {most} can have"));
        }
    }

    /// Checks what an author is told of who has received an entry.
    fn reached(&mut self, author: usize, seq: u64, (count, of): (u64, u64), by: &[[u8; 8]]) {
        if by.len() as u64 != count || count > of {
            self.violation(format!("client {author} is told {count} of {of}, which are {}", by.len()));
        }
        for who in by {
            let reader = self.keys.iter().find(|&(_, key)| key == who).map(|(&client, _)| client);
            let Some(reader) = reader else {
                // Strangers are here only with an adversary, who says of itself what it likes.
                if !self.is_stranger(*who) {
                    self.violation(format!("client {author} is told that {who:?} has {seq}, which is nobody's"));
                }
                continue;
            };
            let has_it = self.readers.get(&reader).is_some_and(|reader| reader.next().is_some_and(|next| next > seq));
            if !has_it || reader == author {
                self.violation(format!("client {author} is told that client {reader} has {seq}"));
            }
        }
    }
}
