//! `udpchat history --forget`
//!
//! Owns: which author is meant, the question asked before entries are overwritten.
//! Must not know: how a log is stored.
//! Driven by: `cmd::history`.
//!
//! Anybody can use a nick, but only one member has a key. So the entries of one key are overwritten, under whatever nicks; if
//! several keys used the nick, the user chooses one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use super::{concerns, failed};
use crate::cmd::{Exit, Failure, entries};
use crate::log::sqlite::history::{Reader, SLICE, erase};
use crate::net::stdio::Input;
use crate::ui::lines::{Line, Lines};
use crate::ui::when::Calendar;
use crate::ui::{notice, prompt, sanitize};
use crate::wire::entry::Entry;
use crate::wire::{Timestamp, Who};

/// The author behind `#` for lines of plain-text clients, which have no key.
const TEXT: &str = "text";

/// How many hexadecimal digits of a key are shown to choose by, and how many the user has to give at least.
const KEY_SHOWN: usize = 8;
const KEY_LEAST: usize = 4;

/// An author of entries: a key, or the plain-text clients that used the nick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Author {
    Key(Who),
    Text,
}

impl Author {
    fn of(entry: &Entry<'_>) -> Self {
        match *entry {
            Entry::Line { .. } => Self::Text,
            Entry::Said { who, .. }
            | Entry::Did { who, .. }
            | Entry::Joined { who, .. }
            | Entry::Left { who, .. }
            | Entry::Renamed { who, .. }
            | Entry::Acted { who, .. }
            | Entry::Private { who, .. } => Self::Key(who),
        }
    }

    /// Returns whether `part`, the text behind the `#`, means this author.
    fn is_meant_by(self, part: &str) -> bool {
        match self {
            Self::Text => part == TEXT,
            Self::Key(who) => part.len() >= KEY_LEAST && who.to_string().starts_with(&part.to_ascii_lowercase()),
        }
    }
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(who) => f.write_str(who.to_string().get(..KEY_SHOWN).unwrap_or_default()),
            Self::Text => f.write_str(TEXT),
        }
    }
}

/// The entries of one author in the log.
#[derive(Debug)]
struct Found {
    count: u64,
    first: Timestamp,
    last: Timestamp,
    nicks: BTreeSet<String>,
}

/// Overwrites the posts of the author with that nick, once a user at the terminal has agreed.
///
/// # Errors
/// There are no entries, or it is unclear which author is meant, or the file cannot be read or written.
pub(super) fn run(path: &Path, name: &str, yes: bool) -> Result<(), Failure> {
    let authors = find(path, name)?;
    let (nick, authors) = match name.rsplit_once('#') {
        Some((nick, part)) if authors.is_empty() => {
            let mut authors = find(path, nick)?;
            authors.retain(|author, _| author.is_meant_by(part));
            (nick, authors)
        }
        Some(_) | None => (name, authors),
    };
    let mut meant = authors.iter();
    let (Some((&author, found)), None) = (meant.next(), meant.next()) else {
        return Err(not_one(path, nick, &authors));
    };
    if !yes && !agrees(author, nick, found)? {
        return Err(Failure::new(Exit::Failure, "nothing was overwritten"));
    }
    let is_meant = |entry: &Entry<'_>| Author::of(entry) == author && (author != Author::Text || concerns(entry, nick));
    let erased = erase(path, is_meant).map_err(failed)?;
    notice(format_args!("{} permanently overwritten", entries(erased)));
    Ok(())
}

/// Finds the authors that used that nick, and all their entries.
fn find(path: &Path, nick: &str) -> Result<BTreeMap<Author, Found>, Failure> {
    let mut authors: BTreeMap<Author, Found> = BTreeMap::new();
    let mut named = BTreeSet::new();
    let reader = Reader::open(path).map_err(failed)?;
    let (mut from, end) = reader.range().map_err(failed)?;
    while from < end {
        let to = end.min(from + SLICE);
        for record in reader.slice(from, to).map_err(failed)?.records {
            let Some(entry) = Entry::decode(&record.entry) else { continue };
            let (author, is_named) = (Author::of(&entry), concerns(&entry, nick));
            if is_named {
                named.insert(author);
            }
            if author == Author::Text && !is_named {
                continue;
            }
            let new = || Found { count: 0, first: record.at, last: record.at, nicks: BTreeSet::new() };
            let found = authors.entry(author).or_insert_with(new);
            found.count += 1;
            found.last = record.at;
            if let Entry::Said { nick, .. }
            | Entry::Did { nick, .. }
            | Entry::Joined { nick, .. }
            | Entry::Private { nick, .. } = entry
            {
                found.nicks.insert(nick.to_owned());
            }
        }
        from = to;
    }
    authors.retain(|author, _| named.contains(author));
    Ok(authors)
}

fn not_one(path: &Path, nick: &str, authors: &BTreeMap<Author, Found>) -> Failure {
    let nick = sanitize::escaped(nick);
    if authors.is_empty() {
        return Failure::new(Exit::Failure, format!("there are no entries of '{nick}' in {}", path.display()));
    }
    let mut choices = String::new();
    for (author, found) in authors {
        choices += &format!("\n  --forget '{nick}#{author}'  {}", described(author, found));
    }
    Failure::new(Exit::Usage, format!("several have used the nick '{nick}'; choose one:{choices}"))
}

fn described(author: &Author, found: &Found) -> String {
    let calendar = Calendar::local();
    let mut text = entries(found.count);
    text += &format!(", {} to {}", calendar.minute(found.first), calendar.minute(found.last));
    if *author != Author::Text {
        let nicks: Vec<_> = found.nicks.iter().map(|nick| format!("'{}'", sanitize::escaped(nick))).collect();
        text += &format!(", as {}", nicks.join(", "));
    }
    text
}

/// Asks the user at the terminal.
///
/// # Errors
/// There is nobody to ask.
fn agrees(author: Author, nick: &str, found: &Found) -> Result<bool, Failure> {
    let mut input = Input::stdin()?;
    let (nick, what) = (sanitize::escaped(nick), described(&author, found));
    if !input.is_terminal() {
        let message =
            format!("nothing was overwritten: this is for ever, and nobody can be asked (--yes overwrites {what})");
        return Err(Failure::new(Exit::Usage, message));
    }
    prompt(&format!("udpchat: overwrite what {nick}#{author} posted, for ever ({what})? [y/N] "));
    let mut entered = Lines::default();
    while entered.is_empty() && !input.is_ended() {
        input.read(None, |bytes| entered.feed(bytes))?;
    }
    Ok(matches!(entered.pop(), Some(Line::Text(line)) if matches!(line.trim(), "y" | "Y" | "yes")))
}
