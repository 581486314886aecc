//! What becomes of something that the user entered, at once: it is taken, or something is wrong with it.
//!
//! Owns: the codes of what can be wrong (docs/JSON.md).
//! Must not know: how that is shown; the outcome of what is posted.
//! Driven by: `visit` and what carries out commands.

use super::super::json::codes;
use super::super::talk::Known;
use crate::client::{Client, NotWritten};
use crate::net::client::Next;
use crate::ui::command::{self, Command};
use crate::ui::notice;

/// Why it has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// For programs.
    pub(super) code: &'static str,
    /// For people.
    pub(super) why: String,
}

impl Wrong {
    pub(super) fn new(code: &'static str, why: impl Into<String>) -> Self {
        Self { code, why: why.into() }
    }

    /// Returns why somebody cannot be written to, or kept away.
    pub(super) fn about(known: &Known, name: &str, why: &NotWritten) -> Self {
        Self::new(codes::not_written(why), known.not_written(name, why))
    }

    pub(super) fn in_text(why: &str) -> Self {
        Self::new("in-text", why)
    }
}

/// What does not have the form of a command.
impl From<String> for Wrong {
    fn from(why: String) -> Self {
        Self::new("malformed", why)
    }
}

/// Reads a line that a person typed.
///
/// # Errors
/// It is no command, or a private message that everybody would read.
pub(super) fn command_of(line: &str) -> Result<Command<'_>, Wrong> {
    if line.starts_with(char::is_whitespace) && command::is_private(line.trim_start()) {
        let why = "not sent: it begins with a blank, so everybody would read it (enter it without)";
        return Err(Wrong::new("malformed", why));
    }
    Ok(command::parse(line)?)
}

/// Checks that what a command posts has a place.
///
/// # Errors
/// Too much waits already.
pub(super) fn may_post(client: &Client, command: &Command<'_>) -> Result<(), Wrong> {
    if command.is_posted() && !client.wants_lines() {
        return Err(Wrong::new("too-many", "not sent: too many lines are waiting for the server"));
    }
    Ok(())
}

/// What became of a command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    /// What the loop is to do.
    pub(super) next: Next,
    /// In how many pieces it was posted, each of which will have an outcome.
    pub(super) parts: usize,
}

impl Taken {
    pub(super) const fn posted(parts: usize) -> Self {
        Self { next: Next::Continue, parts }
    }
}

impl From<Next> for Taken {
    fn from(next: Next) -> Self {
        Self { next, parts: 0 }
    }
}

/// Tells the user that a line became several.
pub(super) fn tell_parts(parts: usize) {
    if parts > 1 {
        notice(format_args!("the line was long: sent as {parts} lines"));
    }
}
