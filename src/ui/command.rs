//! A line that the user typed: a message, or a command.
//!
//! Owns: the names of the commands.
//! Must not know: how they are carried out.
//! Driven by: `cmd::join::visit`.

use super::help;
use super::orders::{self, Invite};
use crate::policy::names;
use crate::wire::Nick;
use crate::wire::frame::FETCH_MAX;
use crate::wire::order::Order;

/// The original's command for leaving.
const QUIT: &str = "!q";

/// How many earlier messages are shown if nobody says how many.
const HISTORY: u32 = 20;

/// The names of all commands.
pub const NAMES: [&str; 32] = [
    "access", "admit", "ban", "block", "clear", "deop", "help", "history", "ignore", "invite", "kick", "me", "members",
    "msg", "mute", "names", "nick", "op", "quit", "release", "reply", "revoke", "search", "seen", "topic", "unban",
    "unblock", "unignore", "unmute", "who", "m", "r",
];

/// Returns the command that is most like a word that is none.
fn nearest(word: &str) -> Option<&'static str> {
    let distance = |name: &&str| strsim::damerau_levenshtein(name, word);
    NAMES.into_iter().min_by_key(distance).filter(|name| distance(name) <= 1 + name.len() / 4)
}

/// A line that the user entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// Post this text.
    Say(&'a str),
    /// Post this action.
    Act(&'a str),
    /// Show who is here.
    Who,
    /// Take this nick.
    Nick(Nick),
    /// Give this nick back, or the present one.
    Release(Option<Nick>),
    /// Have something done that takes a right.
    Order(Order),
    /// Make an invitation.
    Invite(Invite),
    /// Write to that name in private, and whether it is an action.
    Write {
        /// To whom.
        to: &'a str,
        /// Whether it is an action.
        is_act: bool,
        /// What.
        text: &'a str,
    },
    /// Answer the last private message.
    Reply {
        /// Whether it is an action.
        is_act: bool,
        /// What.
        text: &'a str,
    },
    /// Ignore or block whoever has that name, or undo it; without a name, list them.
    Peace(Peace, &'a str),
    /// Show who is known, and who has to stay out.
    Members,
    /// Show so many earlier messages.
    History(u32),
    /// Show what has these words.
    Search(&'a str),
    /// Show who has received the user's newest line.
    Seen,
    /// Clear the screen.
    Clear,
    /// Show this text.
    Help(&'static str),
    /// Leave.
    Quit,
}

impl Command<'_> {
    /// Returns whether it is posted, and so has to wait for its turn.
    pub const fn is_posted(&self) -> bool {
        match self {
            Self::Say(_)
            | Self::Act(_)
            | Self::Nick(_)
            | Self::Release(_)
            | Self::Order(_)
            | Self::Invite(_)
            | Self::Write { .. }
            | Self::Reply { .. } => true,
            Self::Who
            | Self::Peace(..)
            | Self::Members
            | Self::History(_)
            | Self::Search(_)
            | Self::Seen
            | Self::Clear
            | Self::Help(_)
            | Self::Quit => false,
        }
    }
}

/// What keeps somebody away from a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peace {
    /// Nothing of theirs is shown.
    Ignore,
    /// It is again.
    Unignore,
    /// The server takes no private messages of theirs.
    Block,
    /// It does again.
    Unblock,
}

/// Parses a line.
///
/// # Errors
/// A message for the user: the line is not a command, and nothing is to be sent.
pub fn parse(line: &str) -> Result<Command<'_>, String> {
    if line == QUIT {
        return Ok(Command::Quit);
    }
    let Some(command) = line.strip_prefix('/') else { return Ok(Command::Say(line)) };
    if command.starts_with('/') {
        return Ok(Command::Say(command));
    }
    let (word, rest) = command.split_once(' ').unwrap_or((command, ""));
    let rest = rest.trim();
    if let Some(order) = orders::parse(word, rest) {
        return order.map(Command::Order);
    }
    match word {
        "msg" | "m" => match orders::whom_of(rest) {
            (to, text) if to.is_empty() || text.is_empty() => Err("expected /msg NICK TEXT".into()),
            (to, text) => Ok(write(text, |is_act, text| Command::Write { to, is_act, text })),
        },
        "reply" | "r" if rest.is_empty() => Err("expected /reply TEXT".into()),
        "reply" | "r" => Ok(write(rest, |is_act, text| Command::Reply { is_act, text })),
        "ignore" => Ok(Command::Peace(Peace::Ignore, orders::whom_of(rest).0)),
        "unignore" => Ok(Command::Peace(Peace::Unignore, orders::whom_of(rest).0)),
        "block" => Ok(Command::Peace(Peace::Block, orders::whom_of(rest).0)),
        "unblock" => Ok(Command::Peace(Peace::Unblock, orders::whom_of(rest).0)),
        "who" | "names" => Ok(Command::Who),
        "quit" => Ok(Command::Quit),
        "members" => Ok(Command::Members),
        "invite" => orders::parse_invite(rest).map(Command::Invite),
        "history" if rest.is_empty() => Ok(Command::History(HISTORY)),
        "history" => match rest.parse() {
            Ok(count @ 1..=FETCH_MAX) => Ok(Command::History(count)),
            Ok(_) | Err(_) => Err(format!("expected /history N, for 1 to {FETCH_MAX} earlier messages")),
        },
        "search" if rest.is_empty() => Err("expected /search WORDS".into()),
        "search" => Ok(Command::Search(rest)),
        "seen" => Ok(Command::Seen),
        "clear" => Ok(Command::Clear),
        "help" => help::about(rest).map(Command::Help),
        "me" if rest.is_empty() => Err("nothing to do: expected /me TEXT".into()),
        "me" => Ok(Command::Act(rest)),
        "release" if rest.is_empty() => Ok(Command::Release(None)),
        "release" => rest
            .parse()
            .map(|nick| Command::Release(Some(nick)))
            .map_err(|why| format!("{why}: expected /release NICK")),
        "nick" => names::wanted(rest).map(Command::Nick).map_err(|why| format!("{why}: expected /nick NAME")),
        _ => {
            let nearest = nearest(word).map_or_else(String::new, |nearest| format!(" (did you mean /{nearest}?)"));
            Err(format!(
                "/{word} is not a command{nearest}, and nothing was sent (/help shows the commands, //{word} sends it as text)"
            ))
        }
    }
}

/// Reads the text of a private message, which may be an action.
fn write<'a>(text: &'a str, command: impl FnOnce(bool, &'a str) -> Command<'a>) -> Command<'a> {
    match text.strip_prefix("/me ").map(str::trim_start) {
        Some(act) if !act.is_empty() => command(true, act),
        Some(_) | None => command(false, text),
    }
}

/// Returns whether a line answers the last private message.
pub fn is_reply(line: &str) -> bool {
    matches!(line.split_once(' '), Some(("/reply" | "/r", _)))
}

/// Returns whether a line is a private message, for one person.
pub fn is_private(line: &str) -> bool {
    let word = line.split([' ', '\t']).next().unwrap_or_default();
    matches!(word, "/msg" | "/m" | "/reply" | "/r")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_with_no_slash_is_said_and_two_slashes_say_one() {
        assert_eq!(parse("hey"), Ok(Command::Say("hey")));
        assert_eq!(parse(""), Ok(Command::Say("")));
        assert_eq!(parse(" /who"), Ok(Command::Say(" /who")));
        assert_eq!(parse("//who is there"), Ok(Command::Say("/who is there")));
        assert_eq!(parse("!q"), Ok(Command::Quit));
        assert_eq!(parse("!quit"), Ok(Command::Say("!quit")));
    }

    #[test]
    fn commands_are_read_with_what_belongs_to_them() {
        assert_eq!(parse("/who"), Ok(Command::Who));
        assert_eq!(parse("/me waves "), Ok(Command::Act("waves")));
        assert_eq!(parse("/nick jane"), Ok(Command::Nick("jane".parse().unwrap())));
        let write = |to, is_act, text| Ok(Command::Write { to, is_act, text });
        assert_eq!(parse("/msg jill hey there"), write("jill", false, "hey there"));
        assert_eq!(parse("/msg \"jill smith\" /me waves"), write("jill smith", true, "waves"));
        assert_eq!(parse("/reply /who"), Ok(Command::Reply { is_act: false, text: "/who" }));
        assert_eq!(parse("/block jill"), Ok(Command::Peace(Peace::Block, "jill")));
        assert_eq!(parse("/ignore"), Ok(Command::Peace(Peace::Ignore, "")));
        assert!(
            is_private("/msg jill hey") && is_private("/r hey") && !is_private("/me waves") && !is_private("//msg")
        );
        assert_eq!(parse("/help keys"), help::about("keys").map(Command::Help));
        assert_eq!(parse("/help"), help::about("").map(Command::Help));
        assert_eq!(parse("/release"), Ok(Command::Release(None)));
        assert_eq!(parse("/release jane"), Ok(Command::Release(Some("jane".parse().unwrap()))));
    }

    #[test]
    fn what_is_no_command_is_said_to_be_none() {
        for (line, what) in [
            ("/whois jill", "/whois is not a command"),
            ("/mebmers", "did you mean /members?"),
            ("/history 129", "/history N"),
            ("/search", "/search WORDS"),
            ("/", "/ is not a command"),
            ("/me", "/me TEXT"),
            ("/msg jill", "/msg NICK TEXT"),
            ("/reply", "/reply TEXT"),
            ("/nick", "/nick NAME"),
            ("/nick jill\u{7}", "not contain control characters"),
        ] {
            let err = parse(line).unwrap_err();
            assert!(err.contains(what), "{line}: {err}");
        }
    }
}
