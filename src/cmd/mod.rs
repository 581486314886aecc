//! The subcommands: configuration in, run the loop, exit code out.
//!
//! Owns: what each subcommand tells its user, and [`Exit`], the one table of exit codes.
//! Must not know: how datagrams are received or what they mean.
//! Driven by: `main`.

mod bench;
mod history;
mod join;
mod json;
mod key;
mod ping;
mod send;
mod serve;
mod sim;
mod talk;

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use crate::cli::{Cli, Command, Target};
use crate::net::survive_sigusr1;
use crate::wire::entry::Entry;

/// What the exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// What was asked for is done.
    Done = 0,
    /// The system failed us, or a part of the input could not be used.
    Failure = 1,
    /// The command line is wrong (clap's code).
    Usage = 2,
    /// The server cannot be reached.
    Unreachable = 3,
    /// The server does not have it, or may not be talked to.
    Refused = 4,
    /// Something was sent and has not been confirmed in time.
    NotConfirmed = 5,
    /// A signal came before it was done (128 + SIGINT, as shells say it).
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a subcommand ended without what was asked for.
#[derive(Debug)]
pub struct Failure {
    /// The code.
    pub exit: Exit,
    /// What was tried, what went wrong, what to do; nothing if it was said already.
    pub message: Option<String>,
}

impl Failure {
    fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: Some(message.into()) }
    }

    /// The same, of which it is worse that `what` is not confirmed: it may or may not have arrived.
    fn not_confirmed(self, what: &str) -> Self {
        let because = self.message.map_or_else(String::new, |message| format!(": {message}"));
        Self::new(Exit::NotConfirmed, format!("{what} not confirmed{because}"))
    }

    const fn silent(exit: Exit) -> Self {
        Self { exit, message: None }
    }
}

impl From<io::Error> for Failure {
    fn from(err: io::Error) -> Self {
        Self::new(Exit::Failure, err.to_string())
    }
}

/// Runs the subcommand.
///
/// # Errors
/// Whatever keeps it from being done, with the exit code for it.
pub fn run(cli: Cli) -> Result<(), Failure> {
    survive_sigusr1()?;
    match cli.command {
        Command::Serve(args) => serve::run(args),
        Command::Join(args) => join::run(args),
        Command::Send(args) => send::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Sim(args) => sim::run(args),
        Command::Ping(args) => ping::run(args),
        Command::History(args) => history::run(args),
        Command::Key(args) => key::run(args),
    }
}

/// The addresses of the server, in the order in which they are to be tried.
fn resolve(target: &Target) -> Result<Vec<SocketAddr>, Failure> {
    target.server.resolve().map_err(|err| {
        Failure::new(Exit::Unreachable, format!("cannot find the server {}: {err} (is the name right?)", target.server))
    })
}

/// What stands before an entry: that nobody vouches for its author.
const fn mark(entry: &Entry<'_>) -> &'static str {
    if matches!(entry, Entry::Line { .. }) { "(unverified) " } else { "" }
}

/// "1 line", "2 lines"
fn lines(count: u64) -> String {
    format!("{count} line{}", if count == 1 { "" } else { "s" })
}

/// "1 entry", "2 entries"
fn entries(count: u64) -> String {
    format!("{count} {}", if count == 1 { "entry" } else { "entries" })
}
