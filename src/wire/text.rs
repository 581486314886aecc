//! The text dialect: one datagram, UTF-8, no framing (docs/PROTOCOL.md section 1).
//!
//! Owns: the meaning of the original's bytes, and how a long line is cut.
//! Must not know: who is in the room, what was sent before.
//! Driven by: `server` (parse, cut) and `client` (signup, lines).

use super::packet::PROBE;
use super::{NICK_MAX, Nick};

/// The beginning of a signup, exactly; the nick is everything after it (PROTOCOL 1).
pub const SIGNUP_TAG: &str = "SIGNUP_TAG:";

/// The text after the nick in the announcement of a signup (PROTOCOL 1).
pub const JOINED: &str = " joined!";

/// Longest line that is sent unchanged, in bytes: the original's client reads no more (PROTOCOL 1, sizes).
pub const LINE_MAX: usize = 1024;

/// Longest rendered line that is accepted, in bytes: the original's server reads no more (PROTOCOL 1, sizes).
pub const RENDERED_MAX: usize = 4096;

/// Longest datagram that can still be accepted, in bytes: a signup whose announcement has [`RENDERED_MAX`] bytes.
pub const DATAGRAM_MAX: usize = RENDERED_MAX - JOINED.len() + SIGNUP_TAG.len();

/// Longest `nick: ` that is repeated on every part of a cut line, in bytes. Chosen: half a line, so that a line of
/// [`RENDERED_MAX`] bytes becomes at most eight parts, whatever its nick.
pub const PREFIX_MAX: usize = LINE_MAX / 2;

const _: () = assert!(DATAGRAM_MAX > RENDERED_MAX);
const _: () = assert!(NICK_MAX + 2 <= PREFIX_MAX);
// One character always fits beside a prefix, so that cutting makes progress.
const _: () = assert!(PREFIX_MAX + 4 <= LINE_MAX);

/// One accepted datagram of the text dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Datagram<'a> {
    /// `SIGNUP_TAG:<nick>`, the nick untrimmed, with any content.
    Signup {
        /// Everything after the tag; may be empty.
        nick: &'a str,
    },
    /// Anything else.
    Line(&'a str),
}

/// Why bytes are not a datagram of the text dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// No bytes at all.
    Empty,
    /// Not UTF-8: never sent to a text address, because it ends the originals' threads.
    NotUtf8,
    /// Its line would be longer than [`RENDERED_MAX`].
    TooLong,
}

/// Reads one datagram.
///
/// # Errors
/// [`Malformed`] states why the datagram must be dropped.
pub fn parse(bytes: &[u8]) -> Result<Datagram<'_>, Malformed> {
    if bytes.is_empty() {
        return Err(Malformed::Empty);
    }
    if bytes.len() > DATAGRAM_MAX {
        return Err(Malformed::TooLong);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed::NotUtf8)?;
    let datagram = match text.strip_prefix(SIGNUP_TAG) {
        Some(nick) => Datagram::Signup { nick },
        None => Datagram::Line(text),
    };
    if datagram.rendered_len() > RENDERED_MAX {
        return Err(Malformed::TooLong);
    }
    Ok(datagram)
}

impl Datagram<'_> {
    /// Returns the length in bytes of the line that the room is shown.
    pub const fn rendered_len(&self) -> usize {
        match self {
            Self::Signup { nick } => nick.len() + JOINED.len(),
            Self::Line(text) => text.len(),
        }
    }
}

/// Returns whether the bytes are the signup of a client that asks for a session (PROTOCOL 2.3).
pub fn is_probe(bytes: &[u8]) -> bool {
    bytes.strip_prefix(SIGNUP_TAG.as_bytes()).and_then(<[u8]>::last).is_some_and(|&last| char::from(last) == PROBE)
}

/// Returns the datagram that signs `nick` up at an original server, and asks any other for a session.
pub fn probe(nick: &str) -> String {
    format!("{SIGNUP_TAG}{nick}{PROBE}")
}

/// Returns the datagram that signs `nick` up.
pub fn signup(nick: &str) -> String {
    format!("{SIGNUP_TAG}{nick}")
}

/// Returns the line `nick: text` as one or more datagrams of at most [`LINE_MAX`] bytes, cut at character boundaries, each with
/// the prefix.
pub fn lines(nick: &Nick, text: &str) -> Vec<String> {
    let prefix = format!("{nick}: ");
    if text.is_empty() {
        return vec![prefix];
    }
    Parts { prefix: &prefix, rest: text }.map(|part| format!("{prefix}{part}")).collect()
}

/// Returns the prefix of `line` if its sender's nick is `nick`: `nick:` and one blank if there is one. Returns nothing if the
/// line does not begin with that, or if the prefix is longer than [`PREFIX_MAX`].
pub fn prefix<'a>(line: &'a str, nick: &str) -> &'a str {
    let Some(rest) = line.strip_prefix(nick).and_then(|rest| rest.strip_prefix(':')) else {
        return "";
    };
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    let len = line.len() - rest.len();
    if len > PREFIX_MAX { "" } else { &line[..len] }
}

/// Cuts a line into the parts in which it is sent: itself if it has at most [`LINE_MAX`] bytes, otherwise runs of its text that
/// fit behind `prefix`, which must be sent in front of each part ([`Parts::prefix`]).
pub fn cut<'a>(line: &'a str, prefix: &'a str) -> Parts<'a> {
    if line.len() <= LINE_MAX {
        return Parts { prefix: "", rest: line };
    }
    let rest = line.strip_prefix(prefix).unwrap_or(line);
    Parts { prefix, rest }
}

/// The parts of one line, first to last; see [`cut`].
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    prefix: &'a str,
    rest: &'a str,
}

impl<'a> Parts<'a> {
    /// Returns the prefix that must be sent in front of each part; empty for a line that was not cut.
    pub const fn prefix(&self) -> &'a str {
        self.prefix
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let mut end = self.rest.len().min(LINE_MAX - self.prefix.len());
        while !self.rest.is_char_boundary(end) {
            end -= 1;
        }
        let (part, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_nick_is_everything_after_the_first_colon_whatever_it_is() {
        for nick in ["jill", "a:b", "", " jill ", "SIGNUP_TAG:x", "\u{6}", "ж"] {
            assert_eq!(parse(signup(nick).as_bytes()), Ok(Datagram::Signup { nick }));
        }
    }

    #[test]
    fn anything_that_does_not_begin_with_the_exact_tag_is_a_line() {
        for line in ["jill: hey", "jill:hey", "signup_tag:jill", " SIGNUP_TAG:jill", "SIGNUP_TAG", "!q", "QUIT_TAG:x"] {
            assert_eq!(parse(line.as_bytes()), Ok(Datagram::Line(line)));
        }
    }

    #[test]
    fn empty_and_invalid_datagrams_are_malformed() {
        assert_eq!(parse(b""), Err(Malformed::Empty));
        assert_eq!(parse(b"jill: \xff"), Err(Malformed::NotUtf8));
        assert_eq!(parse(b"SIGNUP_TAG:\xc3"), Err(Malformed::NotUtf8));
    }

    #[test]
    fn the_limit_is_on_the_rendered_line() {
        assert!(parse("x".repeat(RENDERED_MAX).as_bytes()).is_ok());
        assert_eq!(parse("x".repeat(RENDERED_MAX + 1).as_bytes()), Err(Malformed::TooLong));
        let longest_nick = RENDERED_MAX - JOINED.len();
        assert!(parse(signup(&"x".repeat(longest_nick)).as_bytes()).is_ok());
        assert_eq!(parse(signup(&"x".repeat(longest_nick + 1)).as_bytes()), Err(Malformed::TooLong));
    }

    #[test]
    fn a_line_of_1024_bytes_stays_whole_and_one_more_byte_makes_two() {
        let line = format!("jill: {}", "x".repeat(LINE_MAX - 6));
        assert_eq!(cut(&line, "jill: ").collect::<Vec<_>>(), [line.as_str()]);
        let longer = format!("{line}y");
        assert_eq!(cut(&longer, "jill: ").collect::<Vec<_>>(), [&longer[6..LINE_MAX], "y"]);
    }

    #[test]
    fn a_prefix_is_the_senders_own_nick_and_nothing_else() {
        assert_eq!(prefix("jill: hey", "jill"), "jill: ");
        assert_eq!(prefix("jill:hey", "jill"), "jill:");
        assert_eq!(prefix("jack: hey", "jill"), "");
        assert_eq!(prefix("jill hey", "jill"), "");
        let long = "x".repeat(PREFIX_MAX);
        assert_eq!(prefix(&format!("{long}: hey"), &long), "");
    }

    #[test]
    fn our_own_lines_fit_and_an_empty_one_is_sent_as_the_original_does() {
        assert_eq!(lines(&"jill".parse().unwrap(), "hey jack"), ["jill: hey jack"]);
        assert_eq!(lines(&"jill".parse().unwrap(), ""), ["jill: "]);
        let cut = lines(&"jill".parse().unwrap(), &"ж".repeat(1024));
        assert!(cut.iter().all(|line| line.len() <= LINE_MAX && line.starts_with("jill: ")), "{cut:?}");
        assert_eq!(cut.iter().map(|line| &line[6..]).collect::<String>(), "ж".repeat(1024));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_datagram_or_malformed_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..5000)) {
            match parse(&bytes) {
                Ok(Datagram::Signup { nick }) => prop_assert_eq!(signup(nick).into_bytes(), bytes),
                Ok(Datagram::Line(line)) => prop_assert_eq!(line.as_bytes(), &bytes[..]),
                Err(Malformed::Empty) => prop_assert!(bytes.is_empty()),
                Err(Malformed::NotUtf8) => prop_assert!(std::str::from_utf8(&bytes).is_err()),
                Err(Malformed::TooLong) => prop_assert!(bytes.len() > RENDERED_MAX),
            }
        }

        #[test]
        fn the_parts_of_a_line_are_the_line_and_each_fits(text in "\\PC{0,2000}", nick in "\\PC{0,600}") {
            let line = format!("{nick}: {text}");
            prop_assume!(line.len() <= RENDERED_MAX);
            let parts = cut(&line, prefix(&line, &nick));
            let prefix = parts.prefix();
            let parts: Vec<_> = parts.collect();
            prop_assert!(parts.iter().all(|part| prefix.len() + part.len() <= LINE_MAX));
            prop_assert!(parts.len() <= 9);
            prop_assert_eq!(format!("{prefix}{}", parts.concat()), line);
        }
    }
}
