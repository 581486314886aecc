//! `udpchat bench`
//!
//! Owns: how a measurement is configured and shown.
//! Must not know: how it is done.
//! Driven by: `cmd`.

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::{Exit, Failure, resolve};
use crate::bench::{Report, Summary};
use crate::cli::{Bench, BenchDialect};
use crate::net::hall::{self, Plan};
use crate::net::load::{Dialect, Load, Pace, Run, server_cpu};
use crate::ui::notice;

/// The duration of a run for which the user set no end.
const DURATION: Duration = Duration::from_secs(10);

/// The length of the progress bar in a run.
const PERMILLE: u32 = 1000;

pub(super) fn run(args: Bench) -> Result<(), Failure> {
    if args.senders > args.members {
        let message = format!("--senders {} is more than --members {}", args.senders, args.members);
        return Err(Failure::new(Exit::Usage, message));
    }
    if let Some(pid) = args.pid.filter(|&pid| server_cpu(pid).is_none()) {
        let message = format!("there is no process {pid} here (--pid takes that of a server on this machine)");
        return Err(Failure::new(Exit::Usage, message));
    }
    let servers = resolve(&args.target)?;
    notice(format_args!(
        "the figures are fair if the server was started with: udpchat serve --quiet --rate off --signup-rate off --db :memory: \
         --max-members {}",
        args.members.max(10_000)
    ));
    let bar = progress_bar();
    bar.set_length(args.members as u64);
    bar.set_message("joining");
    if args.present {
        return let_in(args, servers[0], &bar);
    }
    let dialect = match args.dialect {
        BenchDialect::Text => Dialect::Text,
        BenchDialect::Session => Dialect::Session,
    };
    let joined =
        Load::join(servers[0], dialect, args.members, args.target.timeout, |count| bar.set_position(count as u64));
    let mut load = joined.map_err(|message| Failure::new(Exit::Unreachable, message))?;
    log::info!("{} members joined {}", args.members, servers[0]);
    let pace = args.rate.map_or(Pace::Window(args.window), Pace::PerSecond);
    let duration = args.duration.or_else(|| args.messages.is_none().then_some(DURATION));
    let mut runs = Vec::new();
    bar.set_length(PERMILLE.into());
    for number in 1..=args.repeat {
        bar.set_message(format!("run {number} of {}", args.repeat));
        let run = Run {
            run: number,
            senders: u32::try_from(args.senders).unwrap_or(u32::MAX),
            sizes: args.size,
            pace,
            messages: args.messages,
            duration,
            server: args.pid,
        };
        let report = load.run(run, |permille| bar.set_position(permille));
        runs.push(report.map_err(|err| {
            Failure::new(
                Exit::Unreachable,
                format!("{} went away during the run: {err} (does it still run?)", servers[0]),
            )
        })?);
    }
    bar.finish_and_clear();
    let summary = Summary {
        members: args.members,
        senders: args.senders,
        size: args.size.to_string(),
        median: Report::median(&runs),
        runs,
    };
    show(&summary, args.json)?;
    Ok(())
}

/// Measures how long a crowd takes to join, and to come back after a restart.
fn let_in(args: Bench, server: SocketAddr, bar: &ProgressBar) -> Result<(), Failure> {
    let plan = Plan {
        server,
        members: args.members,
        present: true,
        patience: args.target.timeout,
        restart: args.restart,
        pid: args.pid,
    };
    let hall = hall::run(&plan, |count| bar.set_position(count as u64));
    bar.finish_and_clear();
    let hall = hall.map_err(|message| Failure::new(Exit::Unreachable, message))?;
    #[allow(clippy::disallowed_methods)] // a result, written once at the end
    let mut out = io::stdout().lock();
    if args.json {
        out.write_all(&crate::ui::json::line(&hall).map_err(io::Error::from)?)?;
        return Ok(writeln!(out)?);
    }
    Ok(writeln!(out, "{hall}")?)
}

fn show(summary: &Summary, json: bool) -> io::Result<()> {
    #[allow(clippy::disallowed_methods)] // a result, written once at the end
    let mut out = io::stdout().lock();
    if json {
        out.write_all(&crate::ui::json::line(summary)?)?;
        return writeln!(out);
    }
    writeln!(
        out,
        "members        {}, of whom {} send lines of {} bytes",
        summary.members, summary.senders, summary.size
    )?;
    if summary.runs.len() > 1 {
        writeln!(out, "               each number is the median of {} runs", summary.runs.len())?;
    }
    writeln!(out, "{}", summary.median)
}

fn progress_bar() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{msg:14} [{bar:40}] {percent:>3} % {eta}") {
        bar.set_style(style);
    }
    bar
}
