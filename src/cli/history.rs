//! The arguments of `history`.
//!
//! Owns: their clap definition.
//! Must not know: what they do.
//! Driven by: `cli`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use regex::Regex;

use super::values::{at_least_one, duration};
use super::{DELETE, OUTPUT, ROOM, SELECT};
use crate::net::link::ServerName;
use crate::net::rooms::RoomName;
use crate::wire::Nick;

/// `udpchat history`
#[derive(Args, Debug)]
pub struct Recorded {
    /// Only the last N entries
    #[arg(short = 'n', long, value_name = "N", value_parser = at_least_one::<NonZeroUsize>, help_heading = SELECT)]
    pub lines: Option<NonZeroUsize>,

    /// Only entries since TIME: 1h (ago), today, yesterday, 14:03, 2026-11-23, '2026-11-23 14:03'
    #[arg(long, value_name = "TIME", help_heading = SELECT)]
    pub since: Option<String>,

    /// Only entries before TIME
    #[arg(long, value_name = "TIME", help_heading = SELECT)]
    pub until: Option<String>,

    /// Only messages, joins and leaves of NICK
    #[arg(long, value_name = "NICK", help_heading = SELECT)]
    pub from: Option<Nick>,

    /// Only entries matching REGEX
    #[arg(long, value_name = "REGEX", help_heading = SELECT)]
    pub grep: Option<Regex>,

    /// Keep running and show new entries as they are logged
    #[arg(short, long, conflicts_with = "until", help_heading = OUTPUT)]
    pub follow: bool,

    /// Write one JSON object a line (docs/JSON.md)
    #[arg(long, help_heading = OUTPUT)]
    pub json: bool,

    /// Write JSON to FILE, whole or not at all; '-' is stdout
    #[arg(long, value_name = "FILE", conflicts_with = "follow", help_heading = OUTPUT)]
    pub export: Option<PathBuf>,

    /// Room to show [default: the only one on this machine]
    #[arg(long, value_name = "NAME", help_heading = ROOM)]
    pub room: Option<RoomName>,

    /// Show the log in this file instead
    #[arg(long, value_name = "FILE", conflicts_with = "room", help_heading = ROOM)]
    pub db: Option<PathBuf>,

    /// Read what this server has logged, with your key; the port defaults to 9999
    #[arg(short, long, value_name = "HOST:PORT", conflicts_with_all = ["room", "db", "forget"], help_heading = ROOM)]
    pub server: Option<ServerName>,

    /// With --server, how long to wait for each answer
    #[arg(short, long, value_name = "DURATION", default_value = "5s", value_parser = duration, requires = "server", help_heading = ROOM)]
    pub timeout: Duration,

    /// Overwrite for ever what the key behind NICK posted, under whatever nick
    ///
    /// The entries become gaps; all others keep their numbers. If several keys used the nick, the choices are listed: NICK#KEY, or
    /// NICK#text for the lines of plain-text clients.
    #[arg(long, value_name = "NICK", help_heading = DELETE, conflicts_with_all = ["since", "until", "from", "grep", "lines", "follow", "json", "export"])]
    pub forget: Option<String>,

    /// Do not ask before --forget overwrites
    #[arg(long, requires = "forget", help_heading = DELETE)]
    pub yes: bool,
}
