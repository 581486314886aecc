//! The subcommands: configuration in, run the loop, exit code out.
//!
//! Owns: what each subcommand tells its user, and [`Exit`], the one table of exit codes.
//! Must not know: how datagrams are received or what they mean.
//! Driven by: `main`.

mod act;
mod bench;
mod history;
mod join;
mod json;
mod key;
mod members;
mod ping;
mod private;
mod send;
mod serve;
mod sim;
mod talk;
#[cfg(feature = "web")]
mod web;

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use crate::cli::{ActOn, Cli, Command, Target};
use crate::net::survive_sigusr1;
use crate::ui::orders::{self, about};
use crate::wire::entry::Act;

/// The meaning of each exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The command has done what was asked.
    Done = 0,
    /// The system failed, or a part of the input could not be used.
    Failure = 1,
    /// The command line is wrong (clap's code).
    Usage = 2,
    /// The server cannot be reached.
    Unreachable = 3,
    /// The server refused the message, or the client must not talk to the server.
    Refused = 4,
    /// Something was sent and not confirmed in time.
    NotConfirmed = 5,
    /// A signal came before the command was done (128 + SIGINT, as in shells).
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a subcommand did not do what was asked.
#[derive(Debug)]
pub struct Failure {
    /// The code.
    pub exit: Exit,
    /// What was tried, what went wrong, what to do; none if the user has been told.
    pub message: Option<String>,
}

impl Failure {
    fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: Some(message.into()) }
    }

    /// Turns the failure into a worse one, that `what` is not confirmed: it may or may not have arrived.
    fn not_confirmed(self, what: &str) -> Self {
        let because = self.message.map_or_else(String::new, |message| format!(": {message}"));
        Self::new(Exit::NotConfirmed, format!("{what} not confirmed{because}"))
    }

    /// Adds what else there is to know.
    fn because(mut self, more: &str) -> Self {
        if let Some(message) = &mut self.message {
            message.push_str("; ");
            message.push_str(more);
        }
        self
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
/// Whatever prevents it, with the exit code for it.
pub fn run(cli: Cli) -> Result<(), Failure> {
    survive_sigusr1()?;
    match cli.command {
        Command::Serve(args) => serve::run(args),
        Command::Join(args) => join::run(args),
        #[cfg(feature = "web")]
        Command::Web(args) => web::run(args),
        Command::Send(args) => send::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Sim(args) => sim::run(args),
        Command::Ping(args) => ping::run(args),
        Command::History(args) => history::run(args),
        Command::Key(args) => key::run(args),
        Command::Invite(args) => act::invite(&args),
        Command::Members(args) => act::members(args),
        Command::Access(args) => act::run(Ok(orders::access(args.mode.into())), &args.admin),
        Command::Topic(args) => act::run(orders::topic(&args.topic), &args.admin),
        Command::Mute(args) => act::run(about(Act::Mute, &args.whom, Some(args.lasts), &args.why), &args.admin),
        Command::Ban(args) => act::run(about(Act::Ban, &args.whom, args.lasts, &args.why), &args.admin),
        Command::Admit(args) => act_on(Act::Admit, &args),
        Command::Kick(args) => act_on(Act::Kick, &args),
        Command::Unmute(args) => act_on(Act::Unmute, &args),
        Command::Unban(args) => act_on(Act::Unban, &args),
        Command::Release(args) => act_on(Act::Release, &args),
        Command::Op(args) => act_on(Act::Op, &args),
        Command::Deop(args) => act_on(Act::Deop, &args),
    }
}

fn act_on(act: Act, args: &ActOn) -> Result<(), Failure> {
    act::run(about(act, &args.whom, None, &args.why), &args.admin)
}

/// Returns the addresses of the server, in the order in which to try them.
fn resolve(target: &Target) -> Result<Vec<SocketAddr>, Failure> {
    target.server.resolve().map_err(|err| {
        Failure::new(Exit::Unreachable, format!("cannot find the server {}: {err} (is the name right?)", target.server))
    })
}

/// Counts lines: "1 line", "2 lines".
fn lines(count: u64) -> String {
    format!("{count} line{}", if count == 1 { "" } else { "s" })
}

/// Counts entries: "1 entry", "2 entries".
fn entries(count: u64) -> String {
    format!("{count} {}", if count == 1 { "entry" } else { "entries" })
}
