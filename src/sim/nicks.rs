//! The oracle's own fold over a log: which key each nick belongs to (PROTOCOL 2.17).
//!
//! Owns: the claims as it reads them from the entries, and what is wrong with the entries behind them.
//! Must not know: anything of the core, as the oracle: it decodes the entries by itself.
//! Driven by: `oracle`, for each log of a run.

use std::collections::BTreeSet;

use super::encoded::{Letter, letter, number, string};

/// How long a stranger's nick stays its key's after that was last seen under it, in milliseconds.
const LAPSE: u64 = 24 * 3600 * 1000;

/// How much later it has to be seen again for that to count, in milliseconds.
const SEEN_AGAIN: u64 = 600 * 1000;

/// The most nicks of a key.
const NICKS_OF_A_KEY: usize = 3;

/// A nick that belongs to a key.
#[derive(Clone, Debug)]
struct Held {
    who: Vec<u8>,
    key: Vec<u8>,
    nick: String,
    forms: BTreeSet<String>,
    seen: u64,
    is_present: bool,
}

/// The claims of a log; see the module.
#[derive(Debug, Default)]
pub(super) struct Nicks {
    held: Vec<Held>,
}

impl Nicks {
    /// Notes that the key wrote something under that nick. Returns what is wrong with that.
    fn spoke(&mut self, who: &[u8], nick: &str, at: u64, strangers: &BTreeSet<[u8; 8]>) -> Option<String> {
        let Some(held) = self.find(who, nick) else { return self.forged(who, nick, at, strangers) };
        if !held.is_present && at.saturating_sub(held.seen) >= SEEN_AGAIN {
            held.seen = at;
        }
        None
    }

    /// Applies an entry. Returns what is wrong with it.
    pub(super) fn apply(&mut self, entry: &[u8], strangers: &BTreeSet<[u8; 8]>) -> Option<String> {
        let (&variant, rest) = entry.split_first()?;
        if variant == 0 {
            return None;
        }
        if let Some(Letter { who, nick, at, .. }) = letter(entry) {
            return self.spoke(&who, nick, at, strangers);
        }
        let (who, rest) = rest.split_at_checked(8)?;
        let (nick, rest) = string(rest)?;
        match variant {
            1 | 4 => {
                let (_, rest) = string(rest)?;
                self.spoke(who, nick, number(rest)?.0, strangers)
            }
            2 => {
                let (at, rest) = number(rest)?;
                let wrong = self.claim(who, nick, at, rest).or_else(|| self.forged(who, nick, at, strangers));
                self.set_present(who, nick, at, true);
                wrong
            }
            3 => {
                let (_, rest) = number(rest)?;
                self.set_present(who, nick, number(rest)?.0, false);
                None
            }
            5 => {
                let (to, rest) = string(rest)?;
                let (at, rest) = number(rest)?;
                let was_present = self.set_present(who, nick, at, false);
                let wrong = self.claim(who, to, at, rest).or_else(|| self.forged(who, to, at, strangers));
                if was_present || !rest.is_empty() {
                    self.set_present(who, to, at, true);
                }
                wrong
            }
            6 => {
                let (act, rest) = number(rest)?;
                let (whom, rest) = rest.split_at_checked(8)?;
                let (of, _) = string(rest)?;
                // Whether it may, is for the rights to say.
                if act == 0 {
                    self.held.retain(|held| held.who != whom || held.nick != of);
                }
                None
            }
            _ => Some(format!("an entry of variant {variant}")),
        }
    }

    /// Returns the keys that are in the room under nicks of theirs.
    pub(super) fn present(&self) -> BTreeSet<[u8; 8]> {
        let present = self.held.iter().filter(|held| held.is_present);
        present.filter_map(|held| held.who.first_chunk().copied()).collect()
    }

    /// Returns whether the key holds that nick.
    pub(super) fn holds(&self, who: &[u8], nick: &str) -> bool {
        self.held.iter().any(|held| held.who == who && held.nick == nick)
    }

    fn find(&mut self, who: &[u8], nick: &str) -> Option<&mut Held> {
        self.held.iter_mut().find(|held| held.who == who && held.nick == nick)
    }

    fn set_present(&mut self, who: &[u8], nick: &str, at: u64, is_present: bool) -> bool {
        let Some(held) = self.find(who, nick) else { return false };
        held.seen = at;
        std::mem::replace(&mut held.is_present, is_present)
    }

    /// Says so if a nick is used that belongs to another key, which is none of the strangers: what these do to each other is
    /// their affair.
    fn forged(&self, who: &[u8], nick: &str, at: u64, strangers: &BTreeSet<[u8; 8]>) -> Option<String> {
        let is_honest = |held: &&Held| !strangers.iter().any(|stranger| held.who == stranger);
        let mut others = self.held.iter().filter(|held| held.nick == nick && held.who != who && !held.has_lapsed(at));
        others.find(is_honest).map(|held| format!("{who:02x?} is {nick}, as {:02x?} is", held.who))
    }

    /// Applies what follows the time of an entry: a claim, or nothing.
    fn claim(&mut self, who: &[u8], nick: &str, at: u64, rest: &[u8]) -> Option<String> {
        if rest.is_empty() {
            return None;
        }
        let (key, rest) = rest.split_at_checked(32)?;
        let (_, rest) = number(rest)?;
        let (first, rest) = string(rest)?;
        let (second, _) = string(rest)?;
        let forms = [first, second].into_iter().filter(|form| !form.is_empty());
        let forms: BTreeSet<_> = forms.map(str::to_owned).collect();
        self.held.retain(|held| !held.has_lapsed(at));
        let (own, others): (Vec<_>, Vec<_>) =
            self.held.drain(..).partition(|held| held.key == key && !held.forms.is_disjoint(&forms));
        self.held = others;
        if let Some(other) = self.held.iter().find(|held| !held.forms.is_disjoint(&forms)) {
            return Some(format!("{nick} is let in as {who:02x?}, and belongs to {:02x?}", other.who));
        }
        drop(own);
        if self.held.iter().filter(|held| held.who == who).count() == NICKS_OF_A_KEY {
            let of_key = self.held.iter().enumerate().filter(|(_, held)| held.who == who);
            let least = of_key.min_by_key(|(index, held)| (held.is_present, held.seen, *index)).map(|(index, _)| index);
            least.map(|least| self.held.remove(least));
        }
        let (who, key, nick) = (who.to_vec(), key.to_vec(), nick.to_owned());
        self.held.push(Held { who, key, nick, forms, seen: at, is_present: false });
        None
    }
}

impl Held {
    const fn has_lapsed(&self, at: u64) -> bool {
        !self.is_present && at.saturating_sub(self.seen) >= LAPSE
    }
}
