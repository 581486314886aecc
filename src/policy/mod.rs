//! Who is who, and who may: a fold over the log.
//!
//! Owns: [`Policy`], the state of the fold; which nicks look alike (`names`), which key a nick belongs to (`claims`), who may do
//! what (`rights`, `judge`).
//! Must not know: sessions, sockets, where a log is stored; any clock, option or table of characters. It reads entries and nothing
//! else, so that a restart, another version and another server come to the same state.
//! Driven by: `server` and the backends of `log`, which apply each entry once it has a number; `cli` and `ui` use `names`.
//!
//! A backend keeps the state beside the entries: what [`Policy::changes`] returns is stored in the transaction of the entries
//! that changed it, and [`Policy::load`] reads it back. If the transaction fails, [`Policy::undo`] forgets the changes.

pub mod claims;
mod judge;
pub mod names;
pub mod rights;

use std::time::Duration;

use claims::Claims;
pub use claims::Held;
use names::Skeletons;
use rights::Rights;

use crate::wire::entry::{Act, Entry, Tail, Terms};
use crate::wire::record::{Access, EXPIRY, Invitation, Name, Record, Role, Sanction, Settings};
use crate::wire::{Refusal, Seq, Timestamp, Who};

/// The state of the fold; see the module.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    claims: Claims,
    rights: Rights,
    /// The time of the newest entry.
    at: Timestamp,
    /// That of the last settling, if there was an entry since.
    settled_at: Option<Timestamp>,
}

impl Policy {
    /// Returns the state that was stored, with the time of the newest entry in it; `None` if the records cannot be right, for
    /// then nobody could tell who may do what. Ignores claims that cannot have been stored by [`Policy::changes`].
    pub fn load(
        claims: impl IntoIterator<Item = (Seq, Held)>,
        records: impl IntoIterator<Item = (Name, Record)>,
        at: Timestamp,
    ) -> Option<Self> {
        let rights = Rights::load(records)?;
        let mut claims = Claims::load(claims);
        claims.set_expiry(expiry(&rights), rights.known_keys());
        Some(Self { claims, rights, at, settled_at: None })
    }

    /// Applies an entry, encoded with its time and whatever follows.
    ///
    /// # Errors
    /// It has no effect, for this reason, and nobody is to see it. Bytes that are no entry have no effect either, but they may
    /// be one of a newer version: they are no error.
    pub fn apply(&mut self, seq: Seq, encoded: &[u8]) -> Result<(), Refusal> {
        let Some((entry, at, tail)) = Entry::decode_with_tail(encoded) else { return Ok(()) };
        self.settled_at.get_or_insert(self.at);
        self.at = self.at.max(at);
        let (claim, terms) = match tail {
            Some(Tail::Claim(claim)) => (Some(claim), None),
            Some(Tail::Terms(terms)) => (None, Some(terms)),
            Some(Tail::Author(_)) | None => (None, None),
        };
        self.judge(&entry, terms.as_ref(), self.at)?;
        self.claims.apply(seq, self.at, &entry, claim.as_ref());
        if let (Entry::Acted { who, act, whom, .. }, Some(terms)) = (entry, terms) {
            self.rights.apply(self.at, &entry, &terms);
            self.follow(who, act, whom);
        }
        Ok(())
    }

    /// Does what an act means for others than its subject.
    fn follow(&mut self, author: Who, act: Act, whom: Who) {
        if act == Act::Access && self.rights.access() == Access::Known && author != Who::SERVER {
            // Whoever is there was let in: the door closes behind them. When a server starts, nobody is there.
            for held in self.claims.held().map(|(_, held)| held).filter(|held| held.is_present) {
                self.rights.admit_key(self.at, held.who, held.key, &held.nick);
            }
        }
        if matches!(act, Act::Access | Act::Expiry | Act::Owner) {
            self.claims.set_expiry(expiry(&self.rights), self.rights.known_keys());
        } else {
            self.claims.set_known(whom, self.rights.known(whom).is_some());
        }
    }

    /// Judges whether an entry would have effect at a time, or at that of the newest entry if that is later.
    ///
    /// # Errors
    /// It would have none, for this reason.
    pub fn judge(&self, entry: &Entry<'_>, terms: Option<&Terms>, at: Timestamp) -> Result<(), Refusal> {
        let at = at.max(self.at);
        self.rights.judge(at, entry, terms)?;
        match *entry {
            Entry::Acted { who, act: Act::Release, whom, of, .. } => self.judge_release(at, who, whom, of),
            Entry::Joined { who, nick } => self.may_join(who, nick, at),
            Entry::Line { .. }
            | Entry::Said { .. }
            | Entry::Did { .. }
            | Entry::Private { .. }
            | Entry::Left { .. }
            | Entry::Renamed { .. }
            | Entry::Acted { .. } => Ok(()),
        }
    }

    /// Judges whether the key may be announced under that nick: one that is muted says nothing with a new one.
    ///
    /// # Errors
    /// It may not, for this reason.
    pub fn may_join(&self, who: Who, nick: &str, at: Timestamp) -> Result<(), Refusal> {
        let is_muted = self.rights.is_muted(who, at.max(self.at));
        if is_muted && !self.claims.holds(who, nick) { Err(Refusal::Muted) } else { Ok(()) }
    }

    fn judge_release(&self, at: Timestamp, who: Who, whom: Who, of: &str) -> Result<(), Refusal> {
        if who != whom {
            if self.rights.is_muted(who, at) && self.rights.role(who) < Role::Owner {
                return Err(Refusal::Muted);
            }
            let role = self.rights.role_at(who, at);
            if role < Role::Operator || (role == Role::Operator && self.rights.role(whom) >= Role::Operator) {
                return Err(Refusal::NoRight);
            }
        }
        if self.claims.holds(whom, of) { Ok(()) } else { Err(Refusal::NotHeld) }
    }

    /// Returns who holds nicks with one of these skeletons at a time, or at that of the newest entry if that is later: as many as
    /// there are skeletons.
    pub fn holders(&self, nick: &Skeletons, at: Timestamp) -> impl Iterator<Item = &Held> {
        self.claims.holders(nick, at.max(self.at))
    }

    /// Returns whether the key holds this very nick, so that it needs no claim to it.
    pub fn holds(&self, who: Who, nick: &str) -> bool {
        self.claims.holds(who, nick)
    }

    /// Returns a nick of the key: one that it holds, or the one under which it became known.
    pub fn nick_of(&self, who: Who) -> Option<&str> {
        let known = || self.rights.known(who).map(|known| known.nick.as_str()).filter(|nick| !nick.is_empty());
        self.claims.nick_of(who).or_else(known)
    }

    /// Returns whether another key than `key`, which holds a nick or is known, has the same short name.
    pub fn has_other_key(&self, who: Who, key: &[u8; 32]) -> bool {
        who == Who::SERVER || self.key_of(who).is_some_and(|known| known != *key)
    }

    /// Returns the whole key behind a short name, if it holds a nick, is known, or was acted on.
    pub fn key_of(&self, who: Who) -> Option<[u8; 32]> {
        self.rights.key_of(who).or_else(|| self.claims.key_of(who))
    }

    /// Returns what the key may do, whether or not it has to stay out at present.
    pub fn role(&self, who: Who) -> Role {
        self.rights.role(who)
    }

    /// Returns what the key may do at that time: nothing while it has to stay out.
    pub fn role_at(&self, who: Who, at: Timestamp) -> Role {
        self.rights.role_at(who, at.max(self.at))
    }

    /// Judges whether the key may say something at that time.
    ///
    /// # Errors
    /// It may not, for this reason.
    pub fn may_speak(&self, who: Who, at: Timestamp) -> Result<(), Refusal> {
        self.rights.may_speak(who, at.max(self.at))
    }

    /// Returns the time of the newest entry.
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// Returns whether strangers may come in.
    pub fn access(&self) -> Access {
        self.rights.access()
    }

    /// Returns the settings.
    pub fn settings(&self) -> Settings {
        self.rights.settings().cloned().unwrap_or_default()
    }

    /// Returns whether the key takes no private messages of another one (PROTOCOL 2.19).
    pub fn blocks(&self, who: Who, of: Who) -> bool {
        self.rights.blocks(who, of)
    }

    /// Returns what the room is about; often empty.
    pub fn topic(&self) -> &str {
        self.rights.settings().map_or("", |settings| &settings.topic)
    }

    /// Returns whether the key may be in the room at that time.
    pub fn may_enter(&self, who: Who, at: Timestamp) -> bool {
        self.rights.may_enter(who, at.max(self.at))
    }

    /// Returns what keeps a key, or an address, from being or speaking in the room at that time.
    pub fn sanction(&self, name: &Name, at: Timestamp) -> Option<&Sanction> {
        let at = at.max(self.at);
        self.rights.sanction(name).filter(|sanction| sanction.muted > at || sanction.barred > at)
    }

    /// Returns whether there are sanctions against addresses, of which some may have ended.
    pub fn has_addresses(&self) -> bool {
        self.rights.has_addresses()
    }

    /// Returns the invitation with this hash of a token, if it can be used at that time.
    pub fn invitation(&self, token: &[u8; 16], at: Timestamp) -> Option<&Invitation> {
        self.rights.invitation(token).filter(|invitation| invitation.until > at.max(self.at))
    }

    /// Returns each claim that has changed since the last [`Policy::settle`], by the number of the entry that made it; `None` if
    /// there is none any more.
    pub fn changes(&self) -> impl Iterator<Item = (Seq, Option<&Held>)> {
        self.claims.changes()
    }

    /// Returns each record that has changed since the last [`Policy::settle`]; `None` if there is none any more.
    pub fn changed_records(&self) -> impl Iterator<Item = (&Name, Option<&Record>)> {
        self.rights.changes()
    }

    /// Makes the changes final: they are stored, or need not be.
    pub fn settle(&mut self) {
        self.claims.settle();
        self.rights.settle();
        self.settled_at = None;
    }

    /// Undoes the changes since the last [`Policy::settle`].
    pub fn undo(&mut self) {
        self.at = self.settled_at.take().unwrap_or(self.at);
        self.claims.undo();
        self.rights.undo();
        self.claims.set_expiry(expiry(&self.rights), self.rights.known_keys());
    }

    /// Returns all claims, by the numbers of the entries that made them.
    pub fn held(&self) -> impl Iterator<Item = (Seq, &Held)> {
        self.claims.held()
    }

    /// Returns all records, in the order of their names.
    pub fn records(&self) -> impl Iterator<Item = (&Name, &Record)> {
        self.rights.records()
    }

    /// Returns the records behind that name, or all of them, in their order.
    pub fn records_after(&self, name: Option<&Name>) -> impl Iterator<Item = (&Name, &Record)> {
        self.rights.records_after(name)
    }

    /// Returns the records from that name on, in their order.
    pub fn records_from(&self, name: Name) -> impl Iterator<Item = (&Name, &Record)> {
        self.rights.records_from(name)
    }

    /// Returns how many claims there are.
    pub fn len(&self) -> usize {
        self.claims.len()
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Returns how long nicks of known keys stay theirs.
fn expiry(rights: &Rights) -> Duration {
    Duration::from_millis(rights.settings().map_or(EXPIRY, |settings| settings.expiry))
}

#[cfg(test)]
mod tests;
