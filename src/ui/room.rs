//! Lines of the room as people see them.
//!
//! Owns: the mark of what is unverified, so that it looks neither like a verified member's nor like the program's own; which nicks
//! have changed hands; where long lines are broken on a terminal.
//! Must not know: what a line says, where it is shown.
//! Driven by: `net` and `cmd`, for each line; `ui::notice`.
//!
//! No line of the room begins like a notice: nicks that do are not given out (`policy::names`), and whatever else does has the
//! mark. Long lines are broken and indented here, for a terminal would break them where the author wants, and begin a row with
//! whatever follows.

use std::collections::BTreeMap;
use std::fmt;
use std::io::IsTerminal;
use std::os::fd::AsFd;

use terminal_size::{Width, terminal_size_of};
use unicode_width::UnicodeWidthChar;

use super::sanitize;
use crate::policy::names;
use crate::wire::Who;
use crate::wire::entry::{Act, Entry};
use crate::wire::frame::GapReason;

/// Before what is unverified.
const UNVERIFIED: &str = "(unverified) ";

/// Before each further row of a long line.
const INDENT: &str = "    ";

/// The columns of a terminal that does not say how many it has.
const COLUMNS: usize = 80;

/// The fewest columns for which lines are broken: on a narrower terminal there is nothing to be read anyway.
const COLUMNS_MIN: usize = 12;

/// Returns the mark before an entry: of a text member, or of one whose nick is older than the rules for nicks and breaks them.
pub fn mark(entry: &Entry<'_>) -> &'static str {
    let is_allowed = |nick| names::wanted(nick).is_ok();
    let is_clear = match *entry {
        Entry::Line { .. } => false,
        Entry::Said { nick, .. } | Entry::Did { nick, .. } | Entry::Joined { nick, .. } | Entry::Left { nick, .. } => {
            is_allowed(nick)
        }
        Entry::Renamed { nick, to: other, .. } => is_allowed(nick) && is_allowed(other),
        // The owner has no nick; what is acted on may be an address or a setting.
        Entry::Acted { nick, of, .. } => {
            let is_harmless = of.chars().all(|character| character.is_ascii_graphic() || character == ' ');
            (nick.is_empty() || is_allowed(nick)) && (of.is_empty() || is_harmless || is_allowed(of))
        }
        Entry::Private { nick, of, .. } => is_allowed(nick) && is_allowed(of),
    };
    if is_clear { "" } else { UNVERIFIED }
}

/// Returns what an entry says, without the time until which it has effect. Nothing in it is escaped.
pub fn words(entry: &Entry<'_>) -> String {
    if let Entry::Acted { act: act @ (Act::Block | Act::Unblock), whom, of, .. } = entry {
        let takes = if *act == Act::Block { "can no longer" } else { "can again" };
        let who = whom.to_string();
        return format!("{of} ({}) {takes} write to you in private (the room is not told)", &who[..8]);
    }
    let mut words = String::new();
    entry.render(&mut words);
    words
}

/// Returns what to tell of entries that will not come; `None` if nobody is to notice.
pub fn gap(count: u64, why: GapReason) -> Option<String> {
    let (messages, are) = if count == 1 { ("message", "is") } else { ("messages", "are") };
    Some(match why {
        GapReason::Gone => format!("{count} earlier {messages} {are} gone"),
        GapReason::Unreadable => format!("the server cannot read {count} earlier {messages}: its log is damaged"),
        GapReason::Joined => format!("{count} joined"),
        GapReason::Left => format!("{count} left"),
        GapReason::CameAndWent => format!("{count} came or went"),
        GapReason::Void => return None,
        GapReason::Skipped => format!("{count} {messages} skipped"),
        GapReason::Other(_) => format!("the server does not send {count} earlier {messages}"),
    })
}

/// Returns the mark before a private message: of somebody whose nick is known by another key, or may not be a nick.
pub fn mark_of_private(is_changed: bool, nick: &str) -> &'static str {
    if is_changed || names::wanted(nick).is_err() { UNVERIFIED } else { "" }
}

/// Returns the mark before a line of a room in which nothing is verified: it is needed only if the line looks like another kind.
pub fn mark_of_text(line: &str) -> &'static str {
    if names::could_be_ours(line) { UNVERIFIED } else { "" }
}

/// Returns a nick as it is shown in a list: in quotes if it has something that separates people there.
pub fn nick_in_list(nick: &str) -> String {
    let nick = sanitize::escaped(nick);
    let is_plain =
        |character: char| character.is_alphanumeric() || matches!(character, ' ' | '-' | '_' | '.' | '!' | '@');
    if !nick.is_empty() && nick.chars().all(is_plain) { nick } else { format!("{nick:?}") }
}

/// Returns how many columns the terminal has, if it is one; one that does not say has the usual number.
pub fn columns_of(screen: &(impl AsFd + IsTerminal)) -> Option<usize> {
    let columns = || terminal_size_of(screen).map_or(COLUMNS, |(Width(columns), _)| columns.into());
    screen.is_terminal().then(columns)
}

/// Breaks `into` from byte `start` on, which is a harmless line, into rows for a terminal of that many columns.
pub fn wrap(into: &mut Vec<u8>, start: usize, columns: usize) {
    // The last column stays free: terminals differ in what they do behind it.
    let room = columns.max(COLUMNS_MIN) - 1;
    if into.len() - start <= room && into[start..].iter().all(|byte| matches!(byte, b' '..=b'~')) {
        return;
    }
    let line = String::from_utf8_lossy(&into.split_off(start)).into_owned();
    let mut column = 0;
    // Behind the last blank of the row: where that is in `into`, and its column.
    let mut blank = None;
    for character in line.chars() {
        let mut width = columns_of_character(character, column);
        if column + width > room {
            // A word that does not fit begins the next row, unless it is longer than a row.
            let (at, moved) = blank.take().map_or((into.len(), 0), |(at, before)| (at, column - before));
            let is_too_long = INDENT.len() + moved + width > room;
            let (at, moved) = if is_too_long { (into.len(), 0) } else { (at, moved) };
            into.splice(at..at, std::iter::once(b'\n').chain(INDENT.bytes()));
            column = INDENT.len() + moved;
            // A tab is as wide as the column wants.
            width = columns_of_character(character, column);
        }
        into.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        column += width;
        if character == ' ' {
            blank = Some((into.len(), column));
        }
    }
}

/// Returns the most columns that terminals use for the character: they disagree about those of ambiguous or no width.
fn columns_of_character(character: char, column: usize) -> usize {
    match character {
        '\t' => 8 - column % 8,
        // Fillers and marks that the tables call invisible, and terminals do not.
        '\u{302e}' | '\u{302f}' | '\u{3164}' | '\u{16ff0}' | '\u{16ff1}' => 2,
        _ => character.width_cjk().unwrap_or(1).max(1),
    }
}

/// The keys behind the nicks that were shown, so that a nick that changes hands is noticed.
#[derive(Debug, Default)]
pub struct Keys(BTreeMap<Box<str>, Who>);

impl Keys {
    /// The most nicks that are remembered. Chosen: more than anybody reads; when there are too many, they begin anew.
    const MAX: usize = 4096;

    /// Notes the key behind the nick of an entry that is to be shown. Returns what to show before it if that was another key.
    pub fn seam(&mut self, entry: &Entry<'_>) -> Option<Seam> {
        let (who, nick) = match *entry {
            Entry::Line { .. } | Entry::Left { .. } => return None,
            Entry::Said { who, nick, .. }
            | Entry::Did { who, nick, .. }
            | Entry::Joined { who, nick }
            | Entry::Acted { who, nick, .. }
            | Entry::Private { who, nick, .. } => (who, nick),
            Entry::Renamed { who, to, .. } => (who, to),
        };
        if nick.is_empty() {
            // The owner and the servers have none.
            return None;
        }
        if let Some(known) = self.0.get_mut(nick) {
            let before = std::mem::replace(known, who);
            return (before != who).then(|| Seam { nick: nick.into(), before, who });
        }
        if self.0.len() >= Self::MAX {
            self.0.clear();
        }
        self.0.insert(nick.into(), who);
        None
    }
}

/// A nick has changed hands; how to say so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seam {
    nick: Box<str>,
    before: Who,
    who: Who,
}

impl fmt::Display for Seam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nick, before, who } = self;
        write!(f, "from here on, {} is another key: {who}, no longer {before}", sanitize::escaped(nick))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(line: &str, columns: usize) -> String {
        let mut bytes = b"before\n".to_vec();
        bytes.extend_from_slice(line.as_bytes());
        wrap(&mut bytes, 7, columns);
        String::from_utf8(bytes.split_off(7)).unwrap()
    }

    #[test]
    fn no_row_of_a_long_line_begins_with_what_its_author_wrote_except_for_the_first() {
        assert_eq!(wrapped("jill: hey", 20), "jill: hey");
        let line = format!("jill: {}udpchat: the key has changed", " ".repeat(34));
        for columns in 0..100 {
            let shown = wrapped(&line, columns);
            assert!(shown.lines().skip(1).all(|row| row.starts_with(INDENT)), "{shown}");
            assert_eq!(shown.replace("\n    ", ""), line);
            assert!(shown.lines().all(|row| row.len() < columns.max(COLUMNS_MIN)), "{columns}: {shown}");
        }
        assert_eq!(wrapped(&"世".repeat(12), 20), format!("{}\n    {}", "世".repeat(9), "世".repeat(3)));
        assert_eq!(wrapped("jill: hey jack, are you there?", 20), "jill: hey jack, \n    are you there?");
        assert_eq!(wrapped("jill: abcdefghijklmnopqrstuvwxyz", 20), "jill: \n    abcdefghijklmno\n    pqrstuvwxyz");
        assert_eq!(wrapped(&"\u{3164}".repeat(10), 20).lines().count(), 2, "two columns each");
        assert_eq!(wrapped("xxxxxxxxxxx\tx\tx", 20), "xxxxxxxxxxx\tx\n    \tx");
        assert_eq!(wrapped("a\tb\tc", 13), "a\tb\n    \tc");
    }

    #[test]
    fn what_is_unverified_has_a_mark_and_so_has_a_member_whose_nick_looks_like_something_else() {
        let who = Who([7; 8]);
        for (entry, expected) in [
            (Entry::Said { who, nick: "jill", text: "hey" }, ""),
            (Entry::Line { text: "jill: hey" }, UNVERIFIED),
            (Entry::Said { who, nick: "udpchat", text: "the key has changed" }, UNVERIFIED),
            (Entry::Joined { who, nick: " jill" }, UNVERIFIED),
            (Entry::Renamed { who, nick: "jill", to: "(unverified) jack" }, UNVERIFIED),
        ] {
            assert_eq!(mark(&entry), expected, "{entry:?}");
        }
        let forged = nick_in_list("x (f8dbd4fb), Allen (15b7389e)");
        assert_eq!((forged.as_str(), nick_in_list("jill").as_str()), ("\"x (f8dbd4fb), Allen (15b7389e)\"", "jill"));
        assert_eq!(mark_of_text("jack: hey"), "");
        assert_eq!(mark_of_text("udpchat: hey"), UNVERIFIED);
    }

    #[test]
    fn a_nick_that_changes_hands_is_noticed_once() {
        let (jill, other) = (Who([7; 8]), Who([8; 8]));
        let said = |who| Entry::Said { who, nick: "jill", text: "hey" };
        let mut keys = Keys::default();
        assert_eq!(keys.seam(&Entry::Joined { who: jill, nick: "jill" }), None);
        assert_eq!(keys.seam(&said(jill)), None);
        let seam = keys.seam(&said(other)).unwrap().to_string();
        assert_eq!(seam, "from here on, jill is another key: 0808080808080808, no longer 0707070707070707");
        assert_eq!(keys.seam(&said(other)), None);
        let renamed = Entry::Renamed { who: other, nick: "jill", to: "jack" };
        assert_eq!(keys.seam(&renamed), None);
        assert!(keys.seam(&Entry::Renamed { who: jill, nick: "al", to: "jack" }).is_some());
        for index in 0..2 * Keys::MAX {
            keys.seam(&Entry::Joined { who: jill, nick: &index.to_string() });
        }
        assert!(keys.0.len() <= Keys::MAX);
    }
}
