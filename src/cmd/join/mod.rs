//! `udpchat join`
//!
//! Owns: the question for the nick, and which driver the client gets: [`terminal`], [`lines`] or [`json`].
//! Must not know: sockets, when lines are sent, what the user is shown.
//! Driven by: `cmd`.

mod json;
mod lines;
mod looking;
mod looks;
mod patience;
mod private;
mod storing;
#[cfg(feature = "web")]
pub(super) mod tab;
mod taken;
mod telling;
mod terminal;
mod visit;

use std::io;

use super::talk::{Wanted, prepare};
use super::{Exit, Failure};
use crate::cli::{ColorArg, Join};
use crate::client::Config;
use crate::client::contacts::Contacts;
use crate::net::client::{ClientLoop, Source};
use crate::net::link::Link;
use crate::net::places::PlaceFile;
use crate::net::stdio::{Input, Output};
use crate::net::tty::{self, Tty};
use crate::policy::names;
use crate::ui::lines::{Line, Lines};
use crate::ui::screen::editor::Editor;
use crate::ui::screen::past::Past;
use crate::ui::screen::style::Palette;
use crate::ui::{notice, prompt};
use crate::wire::Nick;
use json::JsonMode;
use lines::LineMode;
use telling::Teller;
use terminal::{TerminalMode, Wishes};
use visit::Visit;

/// The argument that stands for the first line of stdin.
const STDIN: &str = "-";

/// The longest line with an invitation.
const LINK_MAX: usize = 1024;

/// The original's question for the nick.
const ASK_NICK: &str = "NICKNAME:";

pub(super) fn run(mut args: Join) -> Result<(), Failure> {
    if let Some(invitation) = args.invitation.take() {
        let text = if invitation == STDIN { first_line()? } else { invitation };
        let link: Link = text.parse().map_err(|wrong: String| Failure::new(Exit::Usage, wrong))?;
        args.target.server = link.into();
    }
    let mut input = Input::stdin()?;
    let mut entered = Lines::default();
    let interactive = input.is_terminal();
    let nick = match args.nick {
        Some(nick) => nick,
        None if interactive => match ask_nick(&mut input, &mut entered)? {
            Some(nick) => nick,
            None => return Ok(()),
        },
        None => {
            return Err(Failure::new(Exit::Usage, "no nick: give --nick NICK, or set UDPCHAT_NICK"));
        }
    };
    let wanted =
        Wanted { nick, stays: interactive, present: true, unnamed: false, instance: None, key: None, server: None };
    let (mut config, known) = prepare(&args.target, args.dialects, wanted)?;
    let place = if config.identity.is_some() { known.place(&config.nick) } else { None };
    let outbox = place.as_ref().map(PlaceFile::outbox).and_then(|outbox| match outbox {
        Ok(outbox) => Some(outbox),
        Err(err) => {
            notice(format_args!("cannot store what you say until it is confirmed: {err}"));
            None
        }
    });
    if let Some(identity) = &mut config.identity {
        if let Some(outbox) = &outbox {
            identity.instance = outbox.instance();
            identity.outbox = Some(outbox.get());
        }
        identity.place = place.as_ref().and_then(PlaceFile::get);
        identity.contacts = known.contacts().unwrap_or_else(|why| {
            notice(why);
            Contacts::NONE
        });
        identity.seen = place.as_ref().map(PlaceFile::seen).unwrap_or_default();
        identity.history = args.history;
        identity.receipts = !args.no_receipts;
    }
    let visit = Visit::new(interactive, args.target.timeout, known, entered, Output::stdout()?, (place, outbox));
    let source = Source { input: Some(input), leave_at_end: interactive, signals: &[] };
    let own = config.identity.as_ref().map(|identity| identity.key.public().who());
    if args.json {
        let mut client = ClientLoop::new(config, source)?;
        let mut driver = JsonMode::new(visit);
        let end = client.run(&mut driver)?;
        return driver.conclude(&client.port.client, end, client.input_has_ended());
    }
    if interactive && !args.screen.plain && has_screen() {
        let wishes = Wishes {
            palette: palette(args.screen.color),
            words: args.screen.highlight,
            keeps_input: !args.screen.no_input_history,
            is_forced: args.dialects.text,
            own,
        };
        return talk_on_screen(visit, config, source, wishes);
    }
    let mut client = ClientLoop::new(config, source)?;
    let mut driver = LineMode::new(visit, Teller::new(own, args.dialects.text));
    let end = client.run(&mut driver)?;
    driver.conclude(&client.port.client, end, client.input_has_ended())
}

/// Returns a variable of the environment that is about the terminal, for which clap has no option.
#[allow(clippy::disallowed_methods)] // it describes the terminal, and nobody passes it as an option
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Returns the colours to use.
fn palette(color: ColorArg) -> Palette {
    match color {
        ColorArg::Never => Palette::None,
        ColorArg::Auto => Palette::detect(variable),
        ColorArg::Always => Palette::detect(|name| variable(name).filter(|_| name != "NO_COLOR")),
    }
}

/// Runs the client on a terminal.
fn talk_on_screen(visit: Visit, config: Config, source: Source, wishes: Wishes) -> Result<(), Failure> {
    let tty = Tty::open()?;
    let source = Source { signals: tty::SIGNALS, ..source };
    tty.rescue_in_panic()?;
    let editor = Editor::new(Past::new(if wishes.keeps_input { visit.known.past() } else { Vec::new() }));
    let mut client = ClientLoop::new(config, source)?;
    let mut driver = TerminalMode::new(visit, tty, editor, wishes)?;
    let end = client.run(&mut driver)?;
    driver.conclude(&client.port.client, end, client.input_has_ended())
}

/// Returns whether stdout is a terminal that can be painted on.
fn has_screen() -> bool {
    let is_able = variable("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
    is_able && Output::is_terminal()
}

/// Reads the first line of stdin, and not a byte beyond it: the rest is to be said.
#[allow(clippy::disallowed_methods)] // before the loop has it
fn first_line() -> io::Result<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.len() < LINK_MAX && nix::unistd::read(io::stdin(), &mut byte)? == 1 && byte[0] != b'\n' {
        line.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}

fn ask_nick(input: &mut Input, entered: &mut Lines) -> io::Result<Option<Nick>> {
    prompt(ASK_NICK);
    loop {
        let wrong = match entered.pop() {
            Some(Line::Text(line)) => match names::wanted(&line) {
                Ok(nick) => return Ok(Some(nick)),
                Err(why) => why,
            },
            Some(Line::NotUtf8(_) | Line::TooLong(_)) => "a nick is UTF-8".into(),
            None if input.is_ended() => return Ok(None),
            None => {
                input.read(None, |bytes| entered.feed(bytes))?;
                continue;
            }
        };
        notice(wrong);
        prompt(ASK_NICK);
    }
}
