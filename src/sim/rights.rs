//! The oracle's own fold over a log: which entries have effect (PROTOCOL 2.18).
//!
//! Owns: who may do what as it reads that from the entries.
//! Must not know: anything of the core, as the oracle: it decodes the entries by itself.
//! Driven by: `oracle`, for each log of a run.

use std::collections::{BTreeMap, BTreeSet};

use super::encoded::{Letter, letter, number, string};

/// A key's short name; zeros for the servers, and for none.
type Who = [u8; 8];

const NOBODY: Who = [0; 8];

const HOUR: u64 = 3600 * 1000;

/// Whom a sanction is against: a key, or an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Against {
    Key(Who),
    Address(Vec<u8>),
}

#[derive(Clone, Debug)]
struct Invitation {
    by: Who,
    uses: u64,
    until: u64,
    nick: String,
    is_op: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Rights {
    at: u64,
    owner: Option<(Who, Vec<u8>)>,
    /// Known keys, and whether each is an operator's.
    known: BTreeMap<Who, (Vec<u8>, bool)>,
    muted: BTreeMap<Against, u64>,
    barred: BTreeMap<Against, u64>,
    /// The whole keys of those that were acted on.
    acted_on: BTreeMap<Who, Vec<u8>>,
    invitations: BTreeMap<Vec<u8>, Invitation>,
    /// Who takes no private messages of whom.
    blocks: BTreeSet<(Who, Who)>,
    is_closed: bool,
    expiry: Option<u64>,
    topic: String,
}

/// An act, decoded.
struct Act<'a> {
    by: Who,
    code: u64,
    whom: Who,
    of: &'a str,
    until: u64,
    why: &'a str,
    terms: Option<Terms<'a>>,
}

struct Terms<'a> {
    key: &'a [u8],
    token: &'a [u8],
    number: u64,
    is_op: bool,
}

impl Rights {
    /// Applies an entry, and returns whether it has effect; `present` are the keys that are in the room under nicks of theirs.
    pub(super) fn apply(&mut self, entry: &[u8], present: &BTreeSet<Who>, holds: impl Fn(&Who, &str) -> bool) -> bool {
        self.judge(entry, present, holds).unwrap_or(true)
    }

    fn judge(&mut self, entry: &[u8], present: &BTreeSet<Who>, holds: impl Fn(&Who, &str) -> bool) -> Option<bool> {
        let (&variant, rest) = entry.split_first()?;
        if variant == 0 {
            let (_, rest) = string(rest)?;
            self.pass(number(rest)?.0);
            return Some(!self.is_closed);
        }
        let (who, rest) = rest.split_first_chunk::<8>()?;
        if let Some(Letter { to, at, .. }) = letter(entry) {
            self.pass(at);
            return Some(self.may_speak(*who) && !self.blocks.contains(&(to, *who)));
        }
        let (nick, rest) = string(rest)?;
        if variant == 6 {
            let act = self.read(*who, rest)?;
            return Some(self.act(&act, present, holds));
        }
        // Behind the nick: a text, a nick or a reason, or nothing; then the time.
        let rest = match variant {
            1 | 4 | 5 => string(rest)?.1,
            3 => number(rest)?.1,
            _ => rest,
        };
        self.pass(number(rest)?.0);
        let is_member = *who != NOBODY && self.owner.as_ref().is_none_or(|(owner, _)| owner != who);
        Some(match variant {
            1 | 4 | 5 => self.may_speak(*who),
            // Who is muted says nothing with a new nick.
            2 => is_member && self.may_be_here(*who) && (!self.is_muted(*who) || holds(who, nick)),
            _ => true,
        })
    }

    fn may_speak(&self, who: Who) -> bool {
        let is_member = who != NOBODY && self.owner.as_ref().is_none_or(|(owner, _)| *owner != who);
        is_member && self.may_be_here(who) && !self.is_muted(who)
    }

    fn pass(&mut self, at: u64) {
        self.at = self.at.max(at);
    }

    fn read<'a>(&mut self, by: Who, rest: &'a [u8]) -> Option<Act<'a>> {
        let (code, rest) = number(rest)?;
        let (whom, rest) = rest.split_first_chunk::<8>()?;
        let (of, rest) = string(rest)?;
        let (until, rest) = number(rest)?;
        let (why, rest) = string(rest)?;
        let (at, rest) = number(rest)?;
        self.pass(at);
        Some(Act { by, code, whom: *whom, of, until, why, terms: terms(rest) })
    }

    fn is_muted(&self, who: Who) -> bool {
        self.muted.get(&Against::Key(who)).is_some_and(|&until| until > self.at)
    }

    fn is_barred(&self, who: Who) -> bool {
        self.barred.get(&Against::Key(who)).is_some_and(|&until| until > self.at)
    }

    fn may_be_here(&self, who: Who) -> bool {
        !self.is_barred(who) && (!self.is_closed || self.rank(who) > 0)
    }

    /// 0 for strangers, then members, operators, the owner, servers.
    fn rank(&self, who: Who) -> u8 {
        if who == NOBODY {
            return 4;
        }
        if self.owner.as_ref().is_some_and(|(owner, _)| *owner == who) {
            return 3;
        }
        self.known.get(&who).map_or(0, |&(_, is_op)| if is_op { 2 } else { 1 })
    }

    /// Whether `key` is the one that this room knows by that short name, if it knows one.
    fn is_that(&self, who: Who, key: &[u8]) -> bool {
        let owner = self.owner.as_ref().filter(|(owner, _)| *owner == who).map(|(_, key)| key);
        let known = owner.or_else(|| self.known.get(&who).map(|(key, _)| key)).or_else(|| self.acted_on.get(&who));
        who != NOBODY && (known.is_none_or(|known| known == key) || is_zero(key))
    }

    fn act(&mut self, act: &Act<'_>, present: &BTreeSet<Who>, holds: impl Fn(&Who, &str) -> bool) -> bool {
        let barred = self.rank(act.by) < 3 && self.is_barred(act.by);
        let rank = if barred { 0 } else { self.rank(act.by) };
        match act.code {
            0 => {
                let is_own = act.by == act.whom;
                let is_muted = rank < 3 && self.is_muted(act.by);
                let may = is_own || rank > 2 || (!is_muted && rank == 2 && self.rank(act.whom) < 2);
                return may && holds(&act.whom, act.of);
            }
            14 => return self.register(act),
            16 | 17 => return self.block(act),
            18.. => return true,
            _ => {}
        }
        let Some(terms) = &act.terms else { return false };
        if rank < 2 || (rank == 2 && self.is_muted(act.by)) {
            return false;
        }
        match act.code {
            1..=5 => self.punish(act, rank, terms),
            6..=8 => self.promote(act, rank, terms),
            12 => self.invite(act, rank, terms),
            13 => {
                let may = self.invitations.get(terms.token).is_some_and(|invitation| rank > 2 || !invitation.is_op);
                may && self.invitations.remove(terms.token).is_some()
            }
            _ => self.set(act, rank, terms, present),
        }
    }

    /// A setting of the author's own: PROTOCOL 2.19.
    fn block(&mut self, act: &Act<'_>) -> bool {
        let Some(terms) = &act.terms else { return false };
        let is_named = !is_zero(terms.key) || act.code == 17;
        let is_sound = is_named && self.is_that(act.whom, terms.key) && act.whom != act.by;
        let pair = (act.by, act.whom);
        let own = self.blocks.iter().filter(|(by, _)| *by == act.by).count();
        let may = is_sound && self.may_be_here(act.by) && self.blocks.contains(&pair) == (act.code == 17);
        match act.code {
            16 => may && own < 100 && self.blocks.insert(pair),
            _ => may && self.blocks.remove(&pair),
        }
    }

    fn punish(&mut self, act: &Act<'_>, rank: u8, terms: &Terms<'_>) -> bool {
        let is_address = act.whom == NOBODY;
        let against = if is_address { Against::Address(terms.key.into()) } else { Against::Key(act.whom) };
        let may = if is_address {
            !is_zero(&terms.key[..16]) && is_zero(&terms.key[16..])
        } else {
            let of_whom = self.rank(act.whom);
            self.is_that(act.whom, terms.key) && of_whom < 3 && (of_whom < 2 || rank > 2)
        };
        let until = |all: &BTreeMap<Against, u64>| all.get(&against).copied().unwrap_or(0);
        let (muted, barred) = (until(&self.muted), until(&self.barred));
        let is_sound = match act.code {
            1 => act.until > self.at && act.until - self.at <= 60_000,
            2 => act.until > self.at,
            3 => muted > self.at,
            4 => act.until > self.at || (act.until == 0 && !is_address),
            _ => barred > self.at,
        };
        if !may || !is_sound {
            return false;
        }
        match act.code {
            1 => drop(self.barred.insert(against.clone(), barred.max(act.until))),
            2 => drop(self.muted.insert(against.clone(), act.until)),
            3 => drop(self.muted.remove(&against)),
            4 => drop(self.barred.insert(against.clone(), if act.until == 0 { u64::MAX } else { act.until })),
            _ => drop(self.barred.remove(&against)),
        }
        // What keeps nobody from anything is forgotten, and with it whose it was.
        let is_over = |all: &BTreeMap<Against, u64>| all.get(&against).is_none_or(|&until| until <= self.at);
        if is_over(&self.muted) && is_over(&self.barred) {
            self.acted_on.remove(&act.whom);
            self.muted.remove(&against);
            self.barred.remove(&against);
        } else if !is_address && !is_zero(terms.key) {
            self.acted_on.insert(act.whom, terms.key.to_vec());
        }
        if act.code == 4 {
            self.invitations.retain(|_, invitation| invitation.by != act.whom);
        }
        true
    }

    fn promote(&mut self, act: &Act<'_>, rank: u8, terms: &Terms<'_>) -> bool {
        let of_whom = self.rank(act.whom);
        let may = match act.code {
            6 => of_whom == 0,
            7 => rank > 2 && of_whom < 2,
            _ => rank > 2 && of_whom == 2,
        };
        if !may || is_zero(terms.key) || !self.is_that(act.whom, terms.key) {
            return false;
        }
        if act.code == 8 {
            self.invitations.retain(|_, invitation| invitation.by != act.whom);
        }
        self.known.insert(act.whom, (terms.key.to_vec(), act.code == 7));
        true
    }

    fn set(&mut self, act: &Act<'_>, rank: u8, terms: &Terms<'_>, present: &BTreeSet<Who>) -> bool {
        match act.code {
            9 => {
                let may = rank == 4 && act.whom != NOBODY && self.rank(act.whom) != 3;
                if may {
                    self.owner = Some((act.whom, terms.key.to_vec()));
                    self.known.remove(&act.whom);
                    self.barred.remove(&Against::Key(act.whom));
                    self.muted.remove(&Against::Key(act.whom));
                }
                may
            }
            10 => {
                let closes = terms.number == 1;
                let may = terms.number < 2 && (closes || rank > 2) && closes != self.is_closed;
                if may {
                    self.is_closed = closes;
                    let inside: Vec<_> = present.iter().filter(|who| !self.is_barred(**who)).copied().collect();
                    for who in inside.into_iter().filter(|_| closes && rank < 4) {
                        self.known.entry(who).or_insert((Vec::new(), false));
                    }
                }
                may
            }
            11 => {
                let is_sound = (60_000..=10 * 366 * 24 * HOUR).contains(&terms.number);
                let may = rank > 2 && is_sound && self.expiry.unwrap_or(90 * 24 * HOUR) != terms.number;
                if may {
                    self.expiry = Some(terms.number);
                }
                may
            }
            _ => {
                let is_news = act.why.len() <= 256 && act.why != self.topic;
                if is_news {
                    act.why.clone_into(&mut self.topic);
                }
                is_news
            }
        }
    }

    fn invite(&mut self, act: &Act<'_>, rank: u8, terms: &Terms<'_>) -> bool {
        let (longest, most) = if terms.is_op { (HOUR, 1) } else { (366 * 24 * HOUR, 10_000) };
        let is_sound = act.until > self.at && act.until - self.at <= longest && (1..=most).contains(&terms.number);
        let may = is_sound && (rank > 2 || !terms.is_op) && !self.invitations.contains_key(terms.token);
        if may {
            let (uses, nick) = (terms.number, act.of.to_owned());
            let invitation = Invitation { by: act.by, uses, until: act.until, nick, is_op: terms.is_op };
            self.invitations.insert(terms.token.to_vec(), invitation);
        }
        may
    }

    fn register(&mut self, act: &Act<'_>) -> bool {
        let Some(terms) = &act.terms else { return false };
        let is_new = act.by == act.whom && self.rank(act.by) == 0 && !self.is_barred(act.by);
        let may = is_new && !is_zero(terms.key) && self.is_that(act.whom, terms.key);
        let Some(invitation) = self.invitations.get_mut(terms.token).filter(|_| may) else { return false };
        if invitation.until <= self.at || invitation.uses == 0 {
            return false;
        }
        if !invitation.nick.is_empty() && invitation.nick != act.of {
            return false;
        }
        invitation.uses -= 1;
        self.known.insert(act.whom, (terms.key.to_vec(), invitation.is_op));
        if invitation.uses == 0 {
            self.invitations.remove(terms.token);
        }
        true
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}

fn terms(rest: &[u8]) -> Option<Terms<'_>> {
    let (key, rest) = rest.split_at_checked(32)?;
    let (token, rest) = rest.split_at_checked(16)?;
    let (number, rest) = number(rest)?;
    Some(Terms { key, token, number, is_op: *rest.first()? == 1 })
}
