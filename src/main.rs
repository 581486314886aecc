//! `udpchat`: parse, logger, run, exit code; everything else is in the library.

use std::process::ExitCode;

use clap::Parser;
use env_logger::Target;
use log::LevelFilter;
use udpchat::cli::{Cli, Command};
use udpchat::net::stderr::LogOutput;
use udpchat::{cmd, ui};

fn main() -> ExitCode {
    let cli = Cli::parse();
    init_logger(&cli);
    match cmd::run(cli) {
        Ok(()) => cmd::Exit::Done.into(),
        Err(failure) => {
            failure.message.iter().for_each(ui::notice);
            failure.exit.into()
        }
    }
}

fn init_logger(cli: &Cli) {
    // A server logs its addresses at level info, which it therefore shows; a client informs its user by other means.
    let quiet = if matches!(cli.command, Command::Serve(_)) { 1 } else { 0 };
    let level = match cli.verbose.saturating_add(quiet) {
        0 => LevelFilter::Warn,
        1 => LevelFilter::Info,
        2 => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    };
    let mut logger = env_logger::Builder::new();
    // These would log what is said.
    for module in ["tungstenite", "mio"] {
        logger.filter_module(module, level.min(LevelFilter::Warn));
    }
    logger.filter_level(level).parse_default_env();
    if let Ok(stderr) = LogOutput::stderr() {
        logger.target(Target::Pipe(Box::new(stderr)));
    }
    logger.init();
}
