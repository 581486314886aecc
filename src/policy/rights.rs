//! Who may do what (PROTOCOL 2.18).
//!
//! Owns: the settings, the known keys and their roles, the sanctions, the invitations; what acts change.
//! Must not know: claims to nicks; which acts have effect (`judge`); whether a session is open.
//! Driven by: [`super::Policy`].
//!
//! Everything is a [`Record`] under a [`Name`], so that storing, undoing and reading back are the same for all of it.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use crate::wire::entry::{Act, Entry, Terms};
use crate::wire::order::address_in;
use crate::wire::record::{Access, Invitation, Known, Name, Record, Role, Sanction, Settings};
use crate::wire::{Refusal, Timestamp, Who};

/// The most known keys, and the most sanctions. Chosen: ten times a large room. Each takes 0.9 KiB in a server's two
/// copies.
pub const KNOWN_MAX: usize = 100_000;

/// The most invitations that can still be used.
pub const INVITATIONS_MAX: usize = 1000;

/// How often an invitation can be used at the most.
pub const USES_MAX: u64 = 10_000;

/// How long an invitation can last at the most: there is always an end.
pub const INVITATION_MAX: Duration = Duration::from_secs(366 * 24 * 3600);

/// How long one for an operator can last at the most.
pub const OP_INVITATION_MAX: Duration = Duration::from_secs(3600);

/// How long a kicked key has to stay out.
pub const KICK: Duration = Duration::from_secs(60);

/// How many keys a key can block. Chosen: few people are bothered by a hundred others.
pub const BLOCKS_OF_A_KEY: usize = 100;

/// How many keys all keys together can block, of which those that nobody invited or admitted have half. Chosen: each takes some 200
/// bytes in a server's two copies.
pub const BLOCKS_MAX: usize = 100_000;

/// The range of how long a nick of a known key stays its own.
pub const EXPIRY_MIN: Duration = Duration::from_secs(60);
/// See [`EXPIRY_MIN`].
pub const EXPIRY_MAX: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// The state of the fold; see the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Rights {
    records: BTreeMap<Name, Record>,
    /// How many there are of each kind.
    known: usize,
    pub(super) sanctions: usize,
    pub(super) invitations: usize,
    blocks: usize,
    /// How many keys each key blocks.
    blocks_of: BTreeMap<Who, usize>,
    /// What was there before the first change since the last settling.
    before: BTreeMap<Name, Option<Record>>,
}

/// A key in an act: its short name and, where the act needs it, the whole key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    pub(super) who: Who,
    pub(super) key: [u8; 32],
    pub(super) nick: &'a str,
}

impl Rights {
    /// Returns the state that was stored; `None` if that cannot be right.
    pub(super) fn load(records: impl IntoIterator<Item = (Name, Record)>) -> Option<Self> {
        let mut rights = Self::default();
        for (name, record) in records {
            if !name.fits(&record) || matches!(name, Name::Here(_)) {
                return None;
            }
            rights.set(name, Some(record));
        }
        rights.before.clear();
        Some(rights)
    }

    pub(super) fn records(&self) -> impl Iterator<Item = (&Name, &Record)> {
        self.records.iter()
    }

    pub(super) fn records_after(&self, name: Option<&Name>) -> impl Iterator<Item = (&Name, &Record)> {
        let from = name.map_or(Bound::Unbounded, Bound::Excluded);
        self.records.range((from, Bound::Unbounded))
    }

    pub(super) fn records_from(&self, name: Name) -> impl Iterator<Item = (&Name, &Record)> {
        self.records.range(name..)
    }

    pub(super) fn changes(&self) -> impl Iterator<Item = (&Name, Option<&Record>)> {
        self.before.keys().map(|name| (name, self.records.get(name)))
    }

    pub(super) fn settle(&mut self) {
        self.before.clear();
    }

    pub(super) fn undo(&mut self) {
        for (name, record) in std::mem::take(&mut self.before) {
            self.set(name, record);
        }
        self.before.clear();
    }

    /// Returns the settings; `None` if nobody has changed them.
    pub(super) fn settings(&self) -> Option<&Settings> {
        match self.records.get(&Name::Settings) {
            Some(Record::Settings(settings)) => Some(settings),
            Some(_) | None => None,
        }
    }

    pub(super) fn known_keys(&self) -> impl Iterator<Item = Who> {
        self.records.keys().filter_map(|name| if let Name::Known(who) = name { Some(*who) } else { None })
    }

    pub(super) fn access(&self) -> Access {
        self.settings().map_or(Access::Open, |settings| settings.access)
    }

    pub(super) fn known(&self, who: Who) -> Option<&Known> {
        match self.records.get(&Name::Known(who)) {
            Some(Record::Known(known)) => Some(known),
            Some(_) | None => None,
        }
    }

    pub(super) fn sanction(&self, name: &Name) -> Option<&Sanction> {
        match self.records.get(name) {
            Some(Record::Sanction(sanction)) => Some(sanction),
            Some(_) | None => None,
        }
    }

    /// Returns whether there are sanctions against addresses.
    pub(super) fn has_addresses(&self) -> bool {
        let from = Name::Address(String::new());
        matches!(self.records.range(from..).next(), Some((Name::Address(_), _)))
    }

    pub(super) fn invitation(&self, token: &[u8; 16]) -> Option<&Invitation> {
        match self.records.get(&Name::Token(*token)) {
            Some(Record::Invitation(invitation)) => Some(invitation),
            Some(_) | None => None,
        }
    }

    /// Returns what keys with this short name may do, whether or not they have to stay out.
    pub(super) fn role(&self, who: Who) -> Role {
        if who == Who::SERVER {
            return Role::Server;
        }
        let owner = self.settings().and_then(|settings| settings.owner);
        if owner.is_some_and(|(owner, _)| owner == who) {
            return Role::Owner;
        }
        self.known(who).map_or(Role::Stranger, |known| known.role)
    }

    /// Returns the whole key that is meant by a short name, if it is known here.
    pub(super) fn key_of(&self, who: Who) -> Option<[u8; 32]> {
        let owner = self.settings().and_then(|settings| settings.owner).filter(|&(owner, _)| owner == who);
        // Who was acted on by its short name alone has none there.
        let sanctioned = || Some(self.sanction(&Name::Key(who))?.key).filter(|key| *key != [0; 32]);
        owner.map(|(_, key)| key).or_else(|| Some(self.known(who)?.key)).or_else(sanctioned)
    }

    /// Returns whether the key has to stay out at that time.
    pub(super) fn is_barred(&self, who: Who, at: Timestamp) -> bool {
        self.sanction(&Name::Key(who)).is_some_and(|sanction| sanction.barred > at)
    }

    pub(super) fn is_muted(&self, who: Who, at: Timestamp) -> bool {
        self.sanction(&Name::Key(who)).is_some_and(|sanction| sanction.muted > at)
    }

    /// Returns whether the key may be in the room.
    pub(super) fn may_enter(&self, who: Who, at: Timestamp) -> bool {
        !self.is_barred(who, at) && (self.access() == Access::Open || self.role(who) >= Role::Member)
    }

    /// Checks that no other key with this short name is known.
    pub(super) fn is_that_key(&self, subject: Subject<'_>) -> Result<(), Refusal> {
        let is_other = self.key_of(subject.who).is_some_and(|key| key != subject.key && subject.key != [0; 32]);
        if is_other || subject.who == Who::SERVER { Err(Refusal::NoSuch) } else { Ok(()) }
    }

    /// The same, for rights that are given to a whole key.
    pub(super) fn is_whole(&self, subject: Subject<'_>) -> Result<(), Refusal> {
        if subject.key == [0; 32] { Err(Refusal::NoSuch) } else { self.is_that_key(subject) }
    }

    pub(super) fn has_place_for_known(&self) -> Result<(), Refusal> {
        if self.known < KNOWN_MAX { Ok(()) } else { Err(Refusal::Full) }
    }

    /// Applies an act that [`Rights::judge`] has found to have effect.
    pub(super) fn apply(&mut self, at: Timestamp, entry: &Entry<'_>, terms: &Terms) {
        let Entry::Acted { who, nick, act, whom, of, until, why } = *entry else { return };
        let subject = Subject { who: whom, key: terms.key, nick: of };
        match act {
            Act::Kick | Act::Mute | Act::Unmute | Act::Ban | Act::Unban => {
                self.sanction_with(at, act, subject, until, (nick, why));
                if act == Act::Ban {
                    self.drop_invitations_of(whom);
                }
            }
            Act::Admit => self.admit(at, subject, Role::Member),
            Act::Op => self.admit(at, subject, Role::Operator),
            Act::Deop => {
                self.admit(at, subject, Role::Member);
                self.drop_invitations_of(whom);
            }
            Act::Owner => {
                self.set(Name::Known(whom), None);
                self.set(Name::Key(whom), None);
                self.change_settings(|settings| settings.owner = Some((whom, terms.key)));
            }
            Act::Access => {
                if let Some(access) = Access::of(terms.number) {
                    self.change_settings(|settings| settings.access = access);
                }
            }
            Act::Expiry => self.change_settings(|settings| settings.expiry = terms.number),
            Act::Topic => self.change_settings(|settings| settings.topic = why.to_owned()),
            Act::Invite => {
                if self.invitations >= INVITATIONS_MAX {
                    self.drop_ended(at, is_invitation);
                }
                let (by, nick) = (nick.to_owned(), of.to_owned());
                let invitation = Invitation { by, by_who: who, uses: terms.number, until, nick, is_op: terms.is_op };
                self.set(Name::Token(terms.token), Some(Record::Invitation(invitation)));
            }
            Act::Revoke => self.set(Name::Token(terms.token), None),
            Act::Register => {
                let Some(invitation) = self.invitation(&terms.token).cloned() else { return };
                let uses = invitation.uses - 1;
                let role = if invitation.is_op { Role::Operator } else { Role::Member };
                let rest = (uses > 0).then_some(Record::Invitation(Invitation { uses, ..invitation }));
                self.set(Name::Token(terms.token), rest);
                self.admit(at, Subject { who, ..subject }, role);
            }
            Act::Block => {
                self.set(Name::Block(who, whom), Some(Record::Block(of.to_owned())));
            }
            Act::Unblock => self.set(Name::Block(who, whom), None),
            Act::Release | Act::Other(_) => {}
        }
    }

    pub(super) fn blocks(&self, who: Who, of: Who) -> bool {
        self.blocks > 0 && self.records.contains_key(&Name::Block(who, of))
    }

    /// Checks that the key can block one more: half of the places are for known keys.
    pub(super) fn has_place_for_block(&self, who: Who) -> Result<(), Refusal> {
        let own = self.blocks_of.get(&who).copied().unwrap_or_default();
        let most = if self.known(who).is_some() { BLOCKS_MAX } else { BLOCKS_MAX / 2 };
        if own < BLOCKS_OF_A_KEY && self.blocks < most { Ok(()) } else { Err(Refusal::NoEffect) }
    }

    /// Counts one block more of a key, or one less.
    fn count_block(&mut self, who: Who, is_more: bool) {
        let before = self.blocks_of.get(&who).copied().unwrap_or_default();
        let now = if is_more { before + 1 } else { before - 1 };
        if now == 0 {
            self.blocks_of.remove(&who);
        } else {
            self.blocks_of.insert(who, now);
        }
    }

    /// Makes a key known, or changes its role.
    pub(super) fn admit_key(&mut self, at: Timestamp, who: Who, key: [u8; 32], nick: &str) {
        let subject = Subject { who, key, nick };
        let may = self.role(who) == Role::Stranger && self.is_that_key(subject).is_ok() && !self.is_barred(who, at);
        if may && self.has_place_for_known().is_ok() {
            self.admit(at, subject, Role::Member);
        }
    }

    fn admit(&mut self, at: Timestamp, subject: Subject<'_>, role: Role) {
        let (nick, since) = match self.known(subject.who) {
            Some(known) => (known.nick.clone(), known.since),
            None => (subject.nick.to_owned(), at),
        };
        let known = Known { key: subject.key, role, nick, since };
        self.set(Name::Known(subject.who), Some(Record::Known(known)));
    }

    fn sanction_with(
        &mut self,
        at: Timestamp,
        act: Act,
        subject: Subject<'_>,
        until: Timestamp,
        (by, why): (&str, &str),
    ) {
        if self.sanctions >= KNOWN_MAX {
            self.drop_ended(at, is_sanction);
        }
        let Some(name) = subject.name() else { return };
        let mut sanction = self.sanction(&name).cloned().unwrap_or_default();
        if matches!(name, Name::Key(_)) && subject.key != [0; 32] {
            sanction.key = subject.key;
        }
        subject.nick.clone_into(&mut sanction.nick);
        by.clone_into(&mut sanction.by);
        why.clone_into(&mut sanction.why);
        if act == Act::Mute {
            sanction.muted = until;
        } else if act == Act::Unmute {
            sanction.muted = Timestamp(0);
        } else if act == Act::Unban {
            sanction.barred = Timestamp(0);
        } else if act == Act::Ban {
            let barred = if until.0 == 0 { Timestamp::NEVER } else { until };
            (sanction.barred, sanction.is_ban) = (barred, true);
        } else if sanction.barred < until {
            // A kick does not end a ban that lasts longer.
            (sanction.barred, sanction.is_ban) = (until, false);
        }
        let record = (!sanction.has_ended(at)).then_some(Record::Sanction(sanction));
        self.set(name, record);
    }

    /// Drops the invitations that a key has made: it no longer has the right to.
    fn drop_invitations_of(&mut self, who: Who) {
        let is_of = |record: &Record| matches!(record, Record::Invitation(invitation) if invitation.by_who == who);
        let all: Vec<_> =
            self.records.iter().filter(|(_, record)| is_of(record)).map(|(name, _)| name.clone()).collect();
        all.into_iter().for_each(|name| self.set(name, None));
    }

    fn change_settings(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.settings().cloned().unwrap_or_default();
        change(&mut settings);
        self.set(Name::Settings, Some(Record::Settings(settings)));
    }

    /// Returns whether there is place for one more record of a kind, now or once those that have ended are dropped.
    pub(super) fn has_place(&self, at: Timestamp, count: usize, most: usize, is_kind: fn(&Record) -> bool) -> bool {
        count < most || self.records.values().any(|record| is_kind(record) && record.has_ended(at))
    }

    fn drop_ended(&mut self, at: Timestamp, is_kind: fn(&Record) -> bool) {
        let ended = self.records.iter().filter(|(_, record)| is_kind(record) && record.has_ended(at));
        let ended: Vec<_> = ended.map(|(name, _)| name.clone()).collect();
        for name in ended {
            self.set(name, None);
        }
    }

    fn set(&mut self, name: Name, record: Option<Record>) {
        let is_there = record.is_some();
        let before = match record {
            Some(record) => self.records.insert(name.clone(), record),
            None => self.records.remove(&name),
        };
        let count = match name {
            Name::Settings | Name::Here(_) => None,
            Name::Block(..) => Some(&mut self.blocks),
            Name::Known(_) => Some(&mut self.known),
            Name::Key(_) | Name::Address(_) => Some(&mut self.sanctions),
            Name::Token(_) => Some(&mut self.invitations),
        };
        if let Some(count) = count {
            *count += usize::from(is_there);
            *count -= usize::from(before.is_some());
        }
        if let Name::Block(who, _) = name
            && is_there != before.is_some()
        {
            self.count_block(who, is_there);
        }
        self.before.entry(name).or_insert(before);
    }
}

impl Subject<'_> {
    /// Returns the name of a sanction against it: an address is in the place of the key. `None` if it is neither.
    pub(super) fn name(&self) -> Option<Name> {
        if self.who == Who::SERVER { address_in(&self.key).map(Name::Address) } else { Some(Name::Key(self.who)) }
    }
}

pub(super) const fn is_sanction(record: &Record) -> bool {
    matches!(record, Record::Sanction(_))
}

pub(super) const fn is_invitation(record: &Record) -> bool {
    matches!(record, Record::Invitation(_))
}

/// Returns a duration in milliseconds.
#[allow(clippy::cast_possible_truncation)] // the durations here are years at the most
pub(super) const fn millis(duration: Duration) -> u64 {
    duration.as_millis() as u64
}
