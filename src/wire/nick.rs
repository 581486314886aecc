//! The nicks that users may have.
//!
//! Owns: [`Nick`].
//! Must not know: whose nick it is.
//! Driven by: `cli` and `cmd`, which read nicks from users; `server` and `client`, which check those from the wire.

use std::fmt;
use std::str::FromStr;

/// The longest nick, in bytes (PROTOCOL 2.14).
pub const NICK_MAX: usize = 32;

/// A valid nick: 1 to [`NICK_MAX`] bytes, no control characters, and no `: `, which ends the nick where a line is shown: a user
/// called `jill: yes` could put words into jill's mouth.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nick(String);

impl Nick {
    /// Returns a value that sorts before all nicks.
    pub const fn least() -> Self {
        Self(String::new())
    }

    /// Returns the nick as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Nick {
    type Err = String;

    fn from_str(nick: &str) -> Result<Self, String> {
        if nick.is_empty() {
            return Err("a nick has at least one character".into());
        }
        if nick.len() > NICK_MAX {
            return Err(format!("a nick has at most {NICK_MAX} bytes, but this one has {}", nick.len()));
        }
        if !is_plain(nick) {
            return Err("a nick must not contain control characters".into());
        }
        if nick.contains(": ") {
            return Err("a nick must not contain ': ', or text could look as if somebody else had said it".into());
        }
        Ok(Self(nick.into()))
    }
}

/// Returns whether `text` has no control characters (PROTOCOL 2.7).
pub fn is_plain(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// Returns the beginning of `name`: as many whole characters as [`NICK_MAX`] bytes hold.
pub fn cut(name: &str) -> &str {
    let end = (0..=NICK_MAX).rev().find(|&end| name.is_char_boundary(end)).unwrap_or_default();
    &name[..end]
}

impl fmt::Display for Nick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nick_has_1_to_32_bytes_no_control_characters_and_nothing_that_ends_it() {
        for nick in ["j", "a:b", "jill:", "жжжжжжжжжжжжжжжж", "jill smith", &"x".repeat(NICK_MAX)] {
            assert_eq!(nick.parse::<Nick>().unwrap().as_str(), nick);
        }
        for nick in ["", "a\nb", "\t", "\x1b[1m", &"x".repeat(NICK_MAX + 1), "jill: yes"] {
            assert!(nick.parse::<Nick>().is_err(), "{nick:?}");
        }
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert_eq!(cut(""), "");
        assert_eq!(cut(&"x".repeat(NICK_MAX)), "x".repeat(NICK_MAX));
        assert_eq!(cut(&"x".repeat(NICK_MAX + 1)), "x".repeat(NICK_MAX));
        assert_eq!(cut("xжжжжжжжжжжжжжжжж"), "xжжжжжжжжжжжжжжж");
    }
}
