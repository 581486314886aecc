//! Which key a nick belongs to (PROTOCOL 2.17).
//!
//! Owns: the claims, their limits, and when they end.
//! Must not know: how skeletons are made; it compares those in the entries, byte by byte.
//! Driven by: [`super::Policy`].
//!
//! ```text
//!   joined or renamed, with a claim ---> held, present --left, renamed--> held, away --LAPSE, or its place is needed--> free
//!                                           ^                              |
//!                                           +-----------joined-------------+
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use arrayvec::ArrayVec;

use super::names::Skeletons;
use crate::wire::entry::{Act, Claim, Entry};
use crate::wire::{Seq, Timestamp, Who};

/// How long a nick stays its key's after that was last seen under it. Chosen: a day, for keys cost nothing.
pub const LAPSE: Duration = Duration::from_secs(24 * 3600);

/// The most nicks of a key.
pub const NICKS_OF_A_KEY: usize = 3;

/// The most nicks that are held. Chosen: more than a room has members, and some megabytes.
pub const HELD_MAX: usize = 20_000;

/// How much later a key has to be seen again for that to be stored. Chosen: little beside [`LAPSE`], and rarely a change of a row.
const SEEN_AGAIN: Duration = Duration::from_secs(600);

/// A nick that belongs to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The key.
    pub key: [u8; 32],
    /// Its short name.
    pub who: Who,
    /// The nick as its key last wrote it.
    pub nick: Box<str>,
    /// The forms in which it is compared.
    pub skeletons: Skeletons,
    /// Since when.
    pub since: Timestamp,
    /// When its key was last seen under it, to within ten minutes.
    pub seen: Timestamp,
    /// Whether its key is in the room under it.
    pub is_present: bool,
    /// When it lapses if its key is not seen again. It follows from `seen` and from what is known of the key, and is not stored.
    pub ends: Timestamp,
}

impl Held {
    /// Returns whether it has lapsed by then.
    fn has_lapsed(&self, at: Timestamp) -> bool {
        !self.is_present && self.ends <= at
    }
}

/// Returns how much later than `from` it was at `to`; nothing if it was not later.
const fn elapsed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_millis(to.0.saturating_sub(from.0))
}

/// The claims, each by the number of the entry that made it; see the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Claims {
    held: BTreeMap<Seq, Held>,
    by_skeleton: BTreeMap<Box<str>, Seq>,
    by_who: BTreeMap<Who, ArrayVec<Seq, NICKS_OF_A_KEY>>,
    /// Those whose key is not present under them, by when they lapse.
    away: BTreeSet<(Timestamp, Seq)>,
    /// The keys whose nicks lapse later than others', and after how long.
    known: BTreeSet<Who>,
    expiry: Duration,
    /// What was there before the first change since the last settling.
    before: BTreeMap<Seq, Option<Held>>,
}

impl Claims {
    pub(super) fn load(held: impl IntoIterator<Item = (Seq, Held)>) -> Self {
        let mut claims = Self::default();
        for (seq, held) in held {
            let is_sound = claims.by_who.get(&held.who).is_none_or(|nicks| !nicks.is_full())
                && claims.held.len() < HELD_MAX
                && held.skeletons.iter().all(|skeleton| !claims.by_skeleton.contains_key(skeleton));
            if is_sound {
                claims.insert(seq, held);
            }
        }
        claims
    }

    pub(super) fn held(&self) -> impl Iterator<Item = (Seq, &Held)> {
        self.held.iter().map(|(&seq, held)| (seq, held))
    }

    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    pub(super) fn apply(&mut self, seq: Seq, at: Timestamp, entry: &Entry<'_>, claim: Option<&Claim<'_>>) {
        match *entry {
            Entry::Joined { who, nick } => {
                if let Some(claim) = claim {
                    self.take(seq, at, who, nick, claim);
                }
                self.set_present(at, who, nick, true);
            }
            Entry::Left { who, nick, .. } => {
                self.set_present(at, who, nick, false);
            }
            Entry::Renamed { who, nick, to } => {
                let was_present = self.set_present(at, who, nick, false);
                if let Some(claim) = claim {
                    self.take(seq, at, who, to, claim);
                }
                // Of a member without presence nobody will say that it left.
                if was_present || claim.is_some() {
                    self.set_present(at, who, to, true);
                }
            }
            Entry::Said { who, nick, .. } | Entry::Did { who, nick, .. } | Entry::Private { who, nick, .. } => {
                self.see(at, who, nick);
            }
            Entry::Acted { act: Act::Release, whom, of, .. } => {
                if let Some(id) = self.id_of(whom, of) {
                    self.remove(id);
                }
            }
            Entry::Acted { .. } | Entry::Line { .. } => {}
        }
    }

    pub(super) fn holders(&self, nick: &Skeletons, at: Timestamp) -> impl Iterator<Item = &Held> {
        let ids = nick.iter().filter_map(|skeleton| self.by_skeleton.get(skeleton));
        ids.filter_map(|id| self.held.get(id)).filter(move |held| !held.has_lapsed(at))
    }

    pub(super) fn holds(&self, who: Who, nick: &str) -> bool {
        self.id_of(who, nick).is_some()
    }

    /// Returns the whole key behind a short name, if it holds a nick.
    pub(super) fn key_of(&self, who: Who) -> Option<[u8; 32]> {
        Some(self.held.get(self.by_who.get(&who)?.first()?)?.key)
    }

    /// Returns the nick that the key took last, of those that it holds.
    pub(super) fn nick_of(&self, who: Who) -> Option<&str> {
        Some(&*self.held.get(self.by_who.get(&who)?.last()?)?.nick)
    }

    /// Records whether a key is known, so that its nicks stay its own for longer.
    pub(super) fn set_known(&mut self, who: Who, is_known: bool) {
        let is_change = if is_known { self.known.insert(who) } else { self.known.remove(&who) };
        if is_change {
            let ids: Vec<_> = self.by_who.get(&who).into_iter().flatten().copied().collect();
            ids.into_iter().for_each(|id| self.line_up(id));
        }
    }

    /// Sets for how long nicks of known keys stay their own, and which keys these are.
    pub(super) fn set_expiry(&mut self, expiry: Duration, known: impl Iterator<Item = Who>) {
        self.expiry = expiry;
        self.known = known.collect();
        let ids: Vec<_> = self.held.keys().copied().collect();
        ids.into_iter().for_each(|id| self.line_up(id));
    }

    /// Puts a claim where it belongs among those that lapse.
    fn line_up(&mut self, id: Seq) {
        let Some(held) = self.held.get_mut(&id) else { return };
        self.away.remove(&(held.ends, id));
        let lapse = if self.known.contains(&held.who) { self.expiry } else { LAPSE };
        held.ends = held.seen.after(lapse);
        if !held.is_present {
            self.away.insert((held.ends, id));
        }
    }

    pub(super) fn changes(&self) -> impl Iterator<Item = (Seq, Option<&Held>)> {
        self.before.keys().map(|&id| (id, self.held.get(&id)))
    }

    pub(super) fn settle(&mut self) {
        self.before.clear();
    }

    pub(super) fn undo(&mut self) {
        let before = std::mem::take(&mut self.before);
        for &id in before.keys() {
            self.unlink(id);
        }
        for (id, held) in before {
            if let Some(held) = held {
                self.insert(id, held);
            }
        }
        self.before.clear();
    }

    /// Returns the claim of that key to that nick, as it is written.
    fn id_of(&self, who: Who, nick: &str) -> Option<Seq> {
        let mut ids = self.by_who.get(&who)?.iter();
        ids.find(|id| self.held.get(id).is_some_and(|held| *held.nick == *nick)).copied()
    }

    /// Gives the nick to the key, unless it is another's.
    fn take(&mut self, seq: Seq, at: Timestamp, who: Who, nick: &str, claim: &Claim<'_>) {
        let second = Some(claim.second).filter(|second| !second.is_empty());
        let Some(skeletons) = Skeletons::stored(std::iter::once(claim.first).chain(second)) else { return };
        while let Some(&(_, id)) = self.away.first()
            && self.held.get(&id).is_some_and(|held| held.has_lapsed(at))
        {
            self.remove(id);
        }
        let alike: ArrayVec<Seq, 2> =
            skeletons.iter().filter_map(|skeleton| self.by_skeleton.get(skeleton).copied()).collect();
        let is_own = |id: &Seq| self.held.get(id).is_some_and(|held| held.key == claim.key);
        if !alike.iter().all(is_own) || self.key_of(who).is_some_and(|key| key != claim.key) {
            return;
        }
        // The same nick, written in another way: its claim goes on.
        let since = alike.first().and_then(|id| self.held.get(id)).map_or(at, |held| held.since);
        alike.iter().for_each(|&id| self.remove(id));
        if self.by_who.get(&who).is_some_and(ArrayVec::is_full) {
            self.remove_least_of(who);
        }
        if self.held.len() >= HELD_MAX {
            let Some(&(_, least)) = self.away.first() else { return };
            self.remove(least);
        }
        let (key, nick, ends) = (claim.key, nick.into(), at);
        let held = Held { key, who, nick, skeletons, since, seen: at, is_present: false, ends };
        self.before.entry(seq).or_insert(None);
        self.insert(seq, held);
    }

    /// Removes the least recently seen claim of a key; one under which it is present only if there is no other.
    fn remove_least_of(&mut self, who: Who) {
        let ids = self.by_who.get(&who).into_iter().flatten();
        let rank = |id: &Seq| self.held.get(id).map(|held| (held.is_present, held.seen, *id));
        if let Some((.., id)) = ids.filter_map(rank).min() {
            self.remove(id);
        }
    }

    /// Notes that the key is present under a nick of its, or no longer. Returns whether it was.
    fn set_present(&mut self, at: Timestamp, who: Who, nick: &str, is_present: bool) -> bool {
        let Some(id) = self.id_of(who, nick) else { return false };
        let was_present = self.held.get(&id).is_some_and(|held| held.is_present);
        self.change(id, |held| {
            held.seen = at;
            held.is_present = is_present;
        });
        was_present
    }

    /// Notes that the key was seen under a nick.
    fn see(&mut self, at: Timestamp, who: Who, nick: &str) {
        let Some(id) = self.id_of(who, nick) else { return };
        let is_news = self.held.get(&id).is_some_and(|held| !held.is_present && elapsed(held.seen, at) >= SEEN_AGAIN);
        if is_news {
            self.change(id, |held| held.seen = at);
        }
    }

    fn change(&mut self, id: Seq, change: impl FnOnce(&mut Held)) {
        let Some(held) = self.held.get_mut(&id) else { return };
        self.before.entry(id).or_insert_with(|| Some(held.clone()));
        change(held);
        self.line_up(id);
    }

    fn insert(&mut self, id: Seq, held: Held) {
        for skeleton in held.skeletons.iter() {
            self.by_skeleton.insert(skeleton.into(), id);
        }
        self.by_who.entry(held.who).or_default().push(id);
        self.held.insert(id, held);
        self.line_up(id);
    }

    fn remove(&mut self, id: Seq) {
        if let Some(held) = self.unlink(id) {
            self.before.entry(id).or_insert(Some(held));
        }
    }

    fn unlink(&mut self, id: Seq) -> Option<Held> {
        let held = self.held.remove(&id)?;
        for skeleton in held.skeletons.iter() {
            self.by_skeleton.remove(skeleton);
        }
        self.away.remove(&(held.ends, id));
        if let Some(nicks) = self.by_who.get_mut(&held.who) {
            nicks.retain(|other| *other != id);
            if nicks.is_empty() {
                self.by_who.remove(&held.who);
            }
        }
        Some(held)
    }
}

#[cfg(test)]
mod tests;
