//! The arguments of the subcommands that take a right.
//!
//! Owns: their clap definitions.
//! Must not know: what they do.
//! Driven by: `cli`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::Target;
use super::values::duration;
use crate::policy::names;
use crate::wire::Nick;

const WHOM: &str = "Whom";
const GENERAL: &str = "General";
const INVITATION: &str = "Invitation";

/// Who acts, and where.
#[derive(Args, Debug)]
pub struct Admin {
    /// The server.
    #[command(flatten)]
    pub target: Target,

    /// Act with the key in FILE [default: on the server's machine the owner's, elsewhere yours]
    #[arg(long, value_name = "FILE", help_heading = GENERAL)]
    pub key: Option<PathBuf>,

    /// Report as JSON
    #[arg(long, help_heading = GENERAL)]
    pub json: bool,
}

/// An act on somebody.
#[derive(Args, Debug)]
pub struct ActOn {
    /// NICK, NICK#FINGERPRINT or a whole key; to kick, mute or ban also the address of a plain-text member
    #[arg(value_name = "WHOM", help_heading = WHOM, display_order = 1)]
    pub whom: String,

    /// Why; everybody sees it
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, help_heading = GENERAL)]
    pub why: String,

    /// Who acts.
    #[command(flatten)]
    pub admin: Admin,
}

/// `udpchat mute`
#[derive(Args, Debug)]
pub struct Mute {
    /// NICK, NICK#FINGERPRINT or a whole key; to kick, mute or ban also the address of a plain-text member
    #[arg(value_name = "WHOM", help_heading = WHOM, display_order = 1)]
    pub whom: String,

    /// For how long
    #[arg(value_name = "DURATION", value_parser = duration, help_heading = WHOM, display_order = 2)]
    pub lasts: Duration,

    /// Why; everybody sees it
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, help_heading = GENERAL)]
    pub why: String,

    /// Who acts.
    #[command(flatten)]
    pub admin: Admin,
}

/// `udpchat ban`
#[derive(Args, Debug)]
pub struct Ban {
    /// NICK, NICK#FINGERPRINT or a whole key; to kick, mute or ban also the address of a plain-text member
    #[arg(value_name = "WHOM", help_heading = WHOM, display_order = 1)]
    pub whom: String,

    /// For how long [default: for ever; an address needs an end]
    #[arg(value_name = "DURATION", value_parser = duration, help_heading = WHOM, display_order = 2)]
    pub lasts: Option<Duration>,

    /// Why; everybody sees it
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, help_heading = GENERAL)]
    pub why: String,

    /// Who acts.
    #[command(flatten)]
    pub admin: Admin,
}

/// `udpchat topic`
#[derive(Args, Debug)]
pub struct Topic {
    /// What the room is about; '' removes the topic
    #[arg(value_name = "TEXT", help_heading = GENERAL)]
    pub topic: String,

    /// Who acts.
    #[command(flatten)]
    pub admin: Admin,
}

/// Who may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AccessArg {
    /// Everybody
    Open,
    /// Known keys, and who has an invitation; no plain text
    Known,
}

/// `udpchat access`
#[derive(Args, Debug)]
pub struct SetAccess {
    /// Who may come in
    #[arg(value_enum, value_name = "MODE", help_heading = GENERAL)]
    pub mode: AccessArg,

    /// Who acts.
    #[command(flatten)]
    pub admin: Admin,
}

/// What an invitation makes of whoever uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RoleArg {
    /// A known member
    Member,
    /// An operator; for one use and an hour at the most, and only the owner may
    Op,
}

/// `udpchat invite`
#[derive(Args, Debug)]
pub struct Invite {
    /// How often it can be used
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u64).range(1..=crate::policy::rights::USES_MAX), help_heading = INVITATION)]
    pub uses: u64,

    /// How long it can be used [default: 24h, or 1h for an operator]
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = INVITATION)]
    pub expires: Option<Duration>,

    /// For this nick only
    #[arg(long, value_name = "NICK", value_parser = names::wanted, help_heading = INVITATION)]
    pub nick: Option<Nick>,

    /// What it makes of whoever uses it
    #[arg(long, value_enum, default_value_t = RoleArg::Member, help_heading = INVITATION)]
    pub role: RoleArg,

    /// Show the invitations that can still be used
    #[arg(long, conflicts_with_all = ["uses", "expires", "nick", "role", "revoke"], help_heading = INVITATION)]
    pub list: bool,

    /// Revoke the invitation with this id
    #[arg(long, value_name = "ID", conflicts_with_all = ["uses", "expires", "nick", "role"], help_heading = INVITATION)]
    pub revoke: Option<String>,

    /// Who acts.
    #[command(flatten)]
    pub admin: Admin,
}

/// `udpchat members`
#[derive(Args, Debug)]
pub struct Members {
    /// What to do instead of showing them.
    #[command(subcommand)]
    pub action: Option<MembersAction>,

    /// Who acts.
    #[command(flatten)]
    pub admin: Admin,
}

/// What `udpchat members` does.
#[derive(Debug, Subcommand)]
pub enum MembersAction {
    /// Write the known keys to a file, one a line: key, role, nick
    Export {
        /// The file; '-' is stdout
        #[arg(value_name = "FILE", help_heading = GENERAL)]
        file: PathBuf,

        /// Who acts.
        #[command(flatten)]
        admin: Admin,
    },
    /// Admit the keys in such a file
    Import {
        /// The file; '-' is stdin
        #[arg(value_name = "FILE", help_heading = GENERAL)]
        file: PathBuf,

        /// Who acts.
        #[command(flatten)]
        admin: Admin,
    },
}
