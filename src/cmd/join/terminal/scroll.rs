//! Lines for the scrollback, as they are printed: once, and never again.
//!
//! Owns: times and days, who came and went in one line, mentions, which part of a line is a nick.
//! Must not know: where a line is printed, pinned rows.
//! Driven by: `terminal`, with what the user is to be shown.

use std::time::Duration;

use jiff::civil::Date;

use super::super::telling::{Line, Shown, Sort};
use crate::time::Instant;
use crate::ui::sanitize;
use crate::ui::screen::style::{Palette, Style};
use crate::ui::when::Calendar;
use crate::wire::Timestamp;

/// How long it is waited for others who come or go, before one line says so. Chosen: short beside how long people are here.
const FOLD: Duration = Duration::from_secs(3);

/// How many are named in such a line.
const NAMED: usize = 3;

/// What stands for a tab.
const TAB: &str = "    ";

/// The columns from which on lines have a time.
const WIDE: usize = 60;

/// See the module.
pub(super) struct Scroll {
    palette: Palette,
    calendar: Calendar,
    /// What is a mention beside the user's nick.
    words: Vec<String>,
    /// The day of the last line.
    day: Option<Date>,
    /// Who came and who went since when, not printed yet.
    joined: Vec<String>,
    left: Vec<String>,
    since: Option<(Instant, Option<Timestamp>)>,
    /// How often the user was mentioned since it last did anything.
    pub(super) mentions: u64,
    /// Whether to ring the bell.
    pub(super) rings: bool,
}

/// The user's nick and the terminal's columns.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) nick: &'a str,
    pub(super) columns: usize,
    /// Whether what comes is news, and not from before.
    pub(super) is_live: bool,
}

impl Scroll {
    pub(super) fn new(palette: Palette, words: Vec<String>) -> Self {
        Self {
            palette,
            calendar: Calendar::local(),
            words,
            day: None,
            joined: Vec::new(),
            left: Vec::new(),
            since: None,
            mentions: 0,
            rings: false,
        }
    }

    /// Returns the lines to print for something.
    pub(super) fn take(&mut self, now: Instant, shown: Shown, reader: Reader<'_>) -> Vec<String> {
        let mut lines = Vec::new();
        match shown {
            Shown::Line(Line {
                sort: sort @ (Sort::Joined | Sort::Left), author: Some((_, nick)), at, mark, ..
            }) => {
                let nick = sanitize::escaped(&format!("{mark}{nick}"));
                let fold = if sort == Sort::Joined { &mut self.joined } else { &mut self.left };
                fold.push(nick);
                self.since.get_or_insert((now, at));
            }
            Shown::Line(line) => {
                lines.extend(self.settle(reader));
                lines.extend(self.day_line(line.at));
                lines.push(self.line(&line, reader));
            }
            Shown::Notice(what) => {
                lines.extend(self.settle(reader));
                let mark = if what.starts_with("---") { "" } else { "-- " };
                lines.push(self.faint(&format!("{mark}{what}")));
            }
            Shown::Link(link) => {
                lines.extend(self.settle(reader));
                lines.push(sanitize::escaped(&link));
            }
        }
        lines
    }

    /// Returns when [`Scroll::settle`] has something to print.
    pub(super) fn settles_at(&self) -> Option<Instant> {
        self.since.map(|(since, _)| since + FOLD)
    }

    /// Returns the lines that say who came and who went.
    pub(super) fn settle(&mut self, reader: Reader<'_>) -> Vec<String> {
        let Some((_, at)) = self.since.take() else { return Vec::new() };
        let mut lines: Vec<_> = self.day_line(at).into_iter().collect();
        let (joined, left) = (std::mem::take(&mut self.joined), std::mem::take(&mut self.left));
        for (nicks, did) in [(joined, "joined"), (left, "left")] {
            if !nicks.is_empty() {
                let time = self.time(at, reader);
                let said = self.faint(&format!("{} {did}", named(&nicks)));
                lines.push(time + &said);
            }
        }
        lines
    }

    fn line(&mut self, line: &Line, reader: Reader<'_>) -> String {
        let mut text = self.time(line.at, reader);
        if !line.mark.is_empty() {
            self.palette.push(&mut text, Style::Faint, line.mark);
        }
        // A tab never wraps: behind enough of them, anything would stand at the beginning of a row, however wide the terminal is.
        let said = sanitize::escaped(&line.text).replace('\t', TAB);
        let author = line.author.as_ref().map(|(who, nick)| (*who, sanitize::escaped(nick)));
        let is_message = matches!(line.sort, Sort::Said | Sort::Did | Sort::Text | Sort::Private);
        let is_own = author.as_ref().is_some_and(|(_, nick)| nick == reader.nick);
        let is_mention = is_message && !is_own && self.is_mention(line, reader.nick);
        let is_for_reader = is_mention || (line.sort == Sort::Private && !is_own);
        if is_for_reader && reader.is_live {
            self.mentions += 1;
            self.rings = true;
        }
        let (before, rest) = match line.sort {
            Sort::Did => said.split_at(if said.starts_with("* ") { 2 } else { 0 }),
            Sort::Private => said.find("] ").map_or(("", &*said), |end| (&said[..=end], &said[end + 2..])),
            Sort::Said | Sort::Joined | Sort::Left | Sort::Other | Sort::Text => ("", said.as_str()),
        };
        if line.sort == Sort::Private {
            self.palette.push(&mut text, Style::Mark, before);
            text.push(' ');
        } else {
            text.push_str(before);
        }
        match author {
            Some((who, nick)) if is_message && rest.starts_with(&nick) => {
                let style = if is_mention { Style::Alarm } else { Style::Nick(Some(who)) };
                self.palette.push(&mut text, style, &nick);
                text.push_str(&rest[nick.len()..]);
            }
            Some(_) | None if is_message => text.push_str(rest),
            Some(_) | None => self.palette.push(&mut text, Style::Faint, rest),
        }
        text
    }

    fn time(&self, at: Option<Timestamp>, reader: Reader<'_>) -> String {
        let mut text = String::new();
        if let Some(at) = at.filter(|_| reader.columns >= WIDE) {
            self.palette.push(&mut text, Style::Faint, &self.calendar.hour(at));
            text.push(' ');
        }
        text
    }

    fn faint(&self, what: &str) -> String {
        let mut text = String::new();
        self.palette.push(&mut text, Style::Faint, &sanitize::escaped(what));
        text
    }

    /// Returns the line before the first of another day.
    fn day_line(&mut self, at: Option<Timestamp>) -> Option<String> {
        let at = at?;
        let before = self.day.replace(self.calendar.date(at))?;
        (Some(before) != self.day).then(|| self.faint(&format!("--- {} ---", self.calendar.day(at))))
    }

    fn is_mention(&self, line: &Line, nick: &str) -> bool {
        let words = self.words.iter().map(String::as_str);
        // What an author is called is no mention.
        let text = line.text.as_str();
        let said = match &line.author {
            Some((_, author)) => text.split_once(author.as_str()).map_or(text, |(_, said)| said),
            None => text.split_once(": ").map_or(text, |(_, said)| said),
        };
        std::iter::once(nick).chain(words).any(|word| has_word(said, word))
    }
}

/// Returns whether a text has that word, and not only as a part of another one, in whatever case.
fn has_word(text: &str, word: &str) -> bool {
    let (text, word) = (text.to_lowercase(), word.to_lowercase());
    let is_end = |character: Option<char>| character.is_none_or(|character| !character.is_alphanumeric());
    let mut places = text.match_indices(&word);
    !word.is_empty()
        && places
            .any(|(at, _)| is_end(text[..at].chars().next_back()) && is_end(text[at + word.len()..].chars().next()))
}

fn named(nicks: &[String]) -> String {
    match nicks {
        [one] => one.clone(),
        _ if nicks.len() <= NAMED => {
            let (last, first) = nicks.split_last().map_or(("", nicks), |(last, first)| (last.as_str(), first));
            format!("{} and {last}", first.join(", "))
        }
        _ => format!("{} and {} others", nicks[..NAMED - 1].join(", "), nicks.len() - (NAMED - 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Who;

    const AT: Timestamp = Timestamp(1_795_392_000_007);

    fn line(sort: Sort, nick: &str, text: &str) -> Shown {
        let author = Some((Who([7; 8]), nick.to_owned()));
        Shown::Line(Line { sort, mark: "", text: text.into(), author, at: Some(AT) })
    }

    fn plain(lines: Vec<String>) -> Vec<String> {
        let mut parser = vt100::Parser::new(50, 200, 0);
        lines.iter().for_each(|line| parser.process(format!("{line}\r\n").as_bytes()));
        parser.screen().contents().lines().map(String::from).collect()
    }

    const READER: Reader<'_> = Reader { nick: "jill", columns: 40, is_live: true };

    #[test]
    fn who_comes_and_goes_is_said_in_one_line_before_the_next_message() {
        let mut scroll = Scroll::new(Palette::None, Vec::new());
        let mut lines = Vec::new();
        for nick in ["ann", "ben", "cleo", "dan"] {
            lines.extend(scroll.take(Instant::ZERO, line(Sort::Joined, nick, "x"), READER));
        }
        lines.extend(scroll.take(Instant::ZERO, line(Sort::Left, "ann", "x"), READER));
        assert!(lines.is_empty());
        assert_eq!(scroll.settles_at(), Some(Instant::ZERO + FOLD));
        lines.extend(scroll.take(Instant::ZERO, line(Sort::Said, "ben", "ben: hey"), READER));
        assert_eq!(plain(lines), ["ann, ben and 2 others joined", "ann left", "ben: hey"]);
        assert!(scroll.settle(READER).is_empty());
    }

    #[test]
    fn a_mention_is_a_whole_word_of_somebody_else_and_rings_once_and_never_for_what_was_before() {
        let mut scroll = Scroll::new(Palette::None, vec!["deploy".into()]);
        for (nick, text, mentions) in [
            ("jack", "jack: hey Jill!", 1),
            ("jack", "jack: jills", 1),
            ("jill", "jill: I am jill", 1),
            ("jack", "jack: the deploy is done", 2),
            ("jill b", "jill b: hey", 2),
            ("jack", "* jack asks jill: are you there", 3),
        ] {
            scroll.take(Instant::ZERO, line(Sort::Said, nick, text), READER);
            assert_eq!(scroll.mentions, mentions, "{text}");
        }
        assert!(std::mem::take(&mut scroll.rings));
        scroll.take(Instant::ZERO, line(Sort::Private, "jack", "[private] jack: psst"), READER);
        assert!(std::mem::take(&mut scroll.rings));
        scroll.take(Instant::ZERO, line(Sort::Private, "jill", "[private to] jack: psst"), READER);
        assert!(!scroll.rings, "one's own");
        scroll.take(Instant::ZERO, line(Sort::Said, "jack", "jack: jill"), Reader { is_live: false, ..READER });
        assert!(!scroll.rings);
    }

    #[test]
    fn nobody_can_write_what_looks_like_a_nick_or_a_private_message() {
        let mut scroll = Scroll::new(Palette::None, Vec::new());
        let forged = "jack: \x1b[1mjill\x1b[0m: hey";
        let lines = scroll.take(Instant::ZERO, line(Sort::Said, "jack", forged), READER);
        assert_eq!(lines, ["\x1b[1mjack\x1b[0m: \\x1b[1mjill\\x1b[0m: hey"]);
        let lines = scroll.take(Instant::ZERO, line(Sort::Private, "jack", "[private] jack: psst"), READER);
        assert_eq!(lines, ["\x1b[7m[private]\x1b[0m \x1b[1mjack\x1b[0m: psst"]);
        let lines = scroll.take(Instant::ZERO, line(Sort::Private, "jill", "[private to] jack: psst"), READER);
        assert_eq!(lines, ["\x1b[7m[private to]\x1b[0m jack: psst"]);
    }

    #[test]
    fn a_new_day_is_said_and_narrow_screens_have_no_times() {
        let mut scroll = Scroll::new(Palette::None, Vec::new());
        let wide = Reader { columns: 80, ..READER };
        let first = plain(scroll.take(Instant::ZERO, line(Sort::Said, "jack", "jack: hey"), wide));
        assert!(first[0].ends_with(" jack: hey") && first[0].chars().nth(2) == Some(':'), "{first:?}");
        let tomorrow = Timestamp(AT.0 + 24 * 3600 * 1000);
        let next = Shown::Line(Line {
            sort: Sort::Said,
            mark: "",
            text: "jack: more".into(),
            author: None,
            at: Some(tomorrow),
        });
        let lines = plain(scroll.take(Instant::ZERO, next, READER));
        assert!(
            lines[0].starts_with("--- ") && lines[0].ends_with("2026 ---") && lines[1] == "jack: more",
            "{lines:?}"
        );
    }
}
