//! Who is here, from one answer on: what changes in it.
//!
//! Owns: the list of those who are here with a key, and how the answer to a question and the entries of the room fit together.
//! Must not know: how a question is asked; how a change is shown.
//! Driven by: whoever shows a room, with the events of a [`super::Client`] in their order.
//!
//! ```text
//!                 asked()              the last part of the answer
//!   not followed --------> asked -------------------------------------> followed
//!                            ^  entries: kept, and applied to the answer    |  entries: reported
//!                            +---------------------------------------------+
//! ```
//! The server answers from the state at that moment, which no number says. So the entries that come after the question are applied to the
//! answer once more: whoever is in it already does not come twice. Text members have no key: nobody says when they come and go.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{Event, Person};
use crate::session::PublicKey;
use crate::wire::entry::{Entry, Tail};
use crate::wire::frame::PersonId;
use crate::wire::{CloseReason, Fingerprint, Seq, Who};

/// The most people of whom it is known that they are here. Chosen: more than a room has members; a server that names more is broken.
const HERE_MAX: usize = 65_536;

/// What has changed about somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub who: Who,
    /// Its fingerprint, if the server has told it.
    pub print: Option<Fingerprint>,
    /// What it is.
    pub news: News,
}

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The key is here under this nick.
    Came {
        /// The nick.
        nick: Box<str>,
    },
    /// It is no longer.
    Went {
        /// The nick.
        nick: Box<str>,
        /// Why.
        why: CloseReason,
    },
    /// It is here under another nick.
    Renamed {
        /// The nick until now.
        nick: Box<str>,
        /// The nick from now on.
        to: Box<str>,
    },
}

/// See the module.
#[derive(Debug, Default)]
pub struct Presence {
    here: BTreeSet<(Who, Box<str>)>,
    prints: BTreeMap<Who, Fingerprint>,
    /// What has changed since the question, until it is answered.
    asked: Option<Vec<(Who, News)>>,
    is_followed: bool,
    /// The number behind the entries that the room had before the client came: they are no news.
    seam: Seq,
}

impl Presence {
    /// Notes that the question who is here is asked now: the answer counts, and what was known no longer does.
    pub fn asked(&mut self) {
        *self = Self { asked: Some(Vec::new()), seam: self.seam, ..Self::default() };
    }

    /// Whether changes are reported, or will be once the question is answered.
    pub const fn is_followed(&self) -> bool {
        self.is_followed || self.asked.is_some()
    }

    /// Returns who is here, as far as that is known: the key and the nick.
    pub fn here(&self) -> impl Iterator<Item = (Who, &str)> {
        self.here.iter().map(|(who, nick)| (*who, &**nick))
    }

    /// Takes an event, before or after it is shown. Returns what has changed; none before the question is answered.
    pub fn take(&mut self, event: &Event) -> Vec<Change> {
        if let Event::Begins { from, count, .. } = event {
            self.seam = *from + *count;
        } else if let Event::NoPeople { .. } = event {
            self.asked = None;
        } else if let Event::People { people, more } = event {
            return self.take_people(people, *more);
        } else if let Event::Entry { seq, encoded } = event
            && *seq >= self.seam
            && self.is_followed()
        {
            return self.take_entry(encoded).into_iter().collect();
        }
        Vec::new()
    }

    fn take_people(&mut self, people: &[Person], more: bool) -> Vec<Change> {
        if self.asked.is_none() {
            return Vec::new();
        }
        for Person { id, nick, print } in people {
            let PersonId::Key(who) = *id else { continue };
            if self.put(who, nick.clone())
                && let Some(print) = print
            {
                self.prints.insert(who, *print);
            }
        }
        if more {
            return Vec::new();
        }
        self.is_followed = true;
        let since = self.asked.take().unwrap_or_default();
        since.into_iter().filter_map(|(who, news)| self.apply(who, news)).collect()
    }

    fn take_entry(&mut self, encoded: &[u8]) -> Option<Change> {
        let (entry, _, tail) = Entry::decode_with_tail(encoded)?;
        let (who, news) = match entry {
            Entry::Joined { who, nick } => (who, News::Came { nick: nick.into() }),
            Entry::Left { who, nick, why } => (who, News::Went { nick: nick.into(), why }),
            Entry::Renamed { who, nick, to } => (who, News::Renamed { nick: nick.into(), to: to.into() }),
            Entry::Line { .. }
            | Entry::Said { .. }
            | Entry::Did { .. }
            | Entry::Acted { .. }
            | Entry::Private { .. } => return None,
        };
        if let Some(print) = print_in(who, tail.as_ref())
            && self.prints.len() < HERE_MAX
        {
            self.prints.insert(who, print);
        }
        if let Some(since) = &mut self.asked {
            if since.len() < HERE_MAX {
                since.push((who, news));
            }
            return None;
        }
        self.apply(who, news)
    }

    /// Applies what has changed, unless that was known.
    fn apply(&mut self, who: Who, news: News) -> Option<Change> {
        let print = self.prints.get(&who).copied();
        let news = match news {
            News::Came { nick } => self.put(who, nick.clone()).then_some(News::Came { nick })?,
            News::Went { nick, .. } if !self.remove(who, &nick) => {
                self.forget_if_gone(who);
                return None;
            }
            News::Went { nick, why } => News::Went { nick, why },
            // Who is not here may have a nick, too.
            News::Renamed { nick, .. } if !self.remove(who, &nick) => {
                self.forget_if_gone(who);
                return None;
            }
            News::Renamed { nick, to } if self.put(who, to.clone()) => News::Renamed { nick, to },
            // It was here under both.
            News::Renamed { nick, .. } => News::Went { nick, why: CloseReason::Left },
        };
        self.forget_if_gone(who);
        Some(Change { who, print, news })
    }

    /// Forgets the fingerprint of a key that is not here under any nick.
    fn forget_if_gone(&mut self, who: Who) {
        if self.here.range((who, Box::default())..).next().is_none_or(|(other, _)| *other != who) {
            self.prints.remove(&who);
        }
    }

    fn put(&mut self, who: Who, nick: Box<str>) -> bool {
        self.here.len() < HERE_MAX && self.here.insert((who, nick))
    }

    fn remove(&mut self, who: Who, nick: &str) -> bool {
        self.here.remove(&(who, nick.into()))
    }
}

/// Returns the fingerprint of the author of a *joined* or *renamed*, if the entry has it.
pub fn print_in(who: Who, tail: Option<&Tail<'_>>) -> Option<Fingerprint> {
    let Some(Tail::Claim(claim)) = tail else { return None };
    let key = PublicKey(claim.key);
    (key.who() == who).then(|| key.print())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Timestamp;
    use crate::wire::entry::{Claim, ENTRY_MAX};

    const JILL: Who = Who([1; 8]);
    const JACK: Who = Who([2; 8]);

    fn entry(seq: u64, entry: &Entry<'_>) -> Event {
        let mut encoded = [0; ENTRY_MAX];
        let len = entry.encode(Timestamp(0), &mut encoded).unwrap();
        Event::Entry { seq: Seq(seq), encoded: encoded[..len].into() }
    }

    fn joined(seq: u64, who: Who, nick: &str) -> Event {
        entry(seq, &Entry::Joined { who, nick })
    }

    fn left(seq: u64, who: Who, nick: &str) -> Event {
        entry(seq, &Entry::Left { who, nick, why: CloseReason::TimedOut })
    }

    fn people(people: &[(Who, &str)], more: bool) -> Event {
        let person = |&(who, nick): &(Who, &str)| Person {
            id: PersonId::Key(who),
            nick: nick.into(),
            print: Some(Fingerprint::of(who, [9; 8])),
        };
        Event::People { people: people.iter().map(person).collect(), more }
    }

    fn told(presence: &mut Presence, event: &Event) -> Vec<String> {
        let changes = presence.take(event).into_iter().map(|change| match change.news {
            News::Came { nick } => format!("+{nick}"),
            News::Went { nick, .. } => format!("-{nick}"),
            News::Renamed { nick, to } => format!("{nick}>{to}"),
        });
        changes.collect()
    }

    #[test]
    fn nothing_is_told_before_somebody_asks_and_then_only_what_the_answer_does_not_say() {
        let mut presence = Presence::default();
        assert!(told(&mut presence, &joined(1, JACK, "jack")).is_empty());
        presence.asked();
        assert!(told(&mut presence, &joined(2, JILL, "jill")).is_empty(), "there is no answer yet");
        assert!(told(&mut presence, &people(&[(JACK, "jack")], true)).is_empty());
        assert!(told(&mut presence, &left(3, JACK, "jack")).is_empty());
        assert_eq!(told(&mut presence, &people(&[(JILL, "jill")], false)), ["-jack"], "jill is in the answer");
        assert_eq!(told(&mut presence, &joined(4, JACK, "jack")), ["+jack"]);
        assert!(told(&mut presence, &joined(4, JACK, "jack")).is_empty(), "that is known");
        assert!(told(&mut presence, &left(5, JACK, "jane")).is_empty(), "so is that");
    }

    #[test]
    fn what_was_in_the_room_before_is_no_news() {
        let mut presence = Presence::default();
        presence.take(&Event::Begins { log: crate::wire::LogId([1; 16]), from: Seq(5), count: 3, resumed: false });
        presence.asked();
        presence.take(&people(&[(JILL, "jill")], false));
        assert!(told(&mut presence, &left(7, JILL, "jill")).is_empty(), "she came back, as the answer says");
        assert_eq!(told(&mut presence, &left(8, JILL, "jill")), ["-jill"]);
    }

    #[test]
    fn a_rename_is_one_change_unless_the_key_had_both_nicks() {
        let mut presence = Presence::default();
        presence.asked();
        presence.take(&people(&[(JILL, "jill"), (JILL, "jane"), (JACK, "jack")], false));
        let renamed = |seq, who, nick, to| entry(seq, &Entry::Renamed { who, nick, to });
        assert_eq!(told(&mut presence, &renamed(1, JACK, "jack", "jim")), ["jack>jim"]);
        assert_eq!(told(&mut presence, &renamed(2, JILL, "jill", "jane")), ["-jill"]);
        assert!(told(&mut presence, &renamed(3, Who([3; 8]), "al", "ben")).is_empty(), "a member that is not here");
    }

    #[test]
    fn a_fingerprint_comes_from_the_answer_or_from_a_claim_that_is_that_keys() {
        let mut presence = Presence::default();
        presence.asked();
        presence.take(&people(&[(JILL, "jill")], false));
        let changes = presence.take(&left(1, JILL, "jill"));
        assert_eq!(changes[0].print, Some(Fingerprint::of(JILL, [9; 8])));
        assert_eq!(presence.take(&joined(2, JILL, "jill"))[0].print, None, "it was forgotten when she left");
        let key = PublicKey([7; 32]);
        let mut claimed = |who| {
            let claim = Tail::Claim(Claim { key: key.0, tables: 1, first: "jack", second: "" });
            let mut encoded = [0; ENTRY_MAX];
            let len = Entry::Joined { who, nick: "jack" }.encode_with_tail(Timestamp(0), &claim, &mut encoded).unwrap();
            presence.take(&Event::Entry { seq: Seq(3), encoded: encoded[..len].into() })[0].print
        };
        assert_eq!(claimed(key.who()), Some(key.print()));
        assert_eq!(claimed(JACK), None, "the key in the claim is another one");
    }
}
