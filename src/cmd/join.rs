//! `udpchat join`
//!
//! Owns: the original's line mode: its prompts, what is shown, what the user is told.
//! Must not know: sockets, when lines are sent.
//! Driven by: `cmd`.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::{Exit, Failure, lines, over, resolve, say, unreachable};
use crate::cli::Join;
use crate::client::text::{Client, Config, Event, Unreachable};
use crate::net::client::{ClientLoop, End, Next, Source, UI, Ui};
use crate::net::stdio::{Input, Line, Output};
use crate::ui::{notice, prompt, sanitize};
use crate::wire::Nick;

/// The original's question for the nick.
const ASK_NICK: &str = "NICKNAME:";

/// The original's prompt.
const PROMPT: &str = " ";

/// What leaves the original.
const QUIT: &str = "!q";

pub(super) fn run(args: Join) -> Result<(), Failure> {
    let mut input = Input::stdin()?;
    let interactive = input.is_terminal();
    let servers = resolve(&args.target)?;
    let nick = match args.nick {
        Some(nick) => nick,
        None if interactive => match ask_nick(&mut input)? {
            Some(nick) => nick,
            None => return Ok(()),
        },
        None => {
            return Err(Failure::new(Exit::Usage, "no nick: give --nick NICK, or set UDPCHAT_NICK"));
        }
    };
    let timeout = args.target.timeout;
    let mut ui = LineMode { interactive, timeout, output: Output::stdout()?, failed: Vec::new(), not_sent: 0 };
    ui.prompt();
    let source = Source { input: Some(input), leave_at_end: interactive };
    let mut client = ClientLoop::new(Config { nick, servers, timeout, stays: interactive }, source)?;
    let end = client.run(&mut ui)?;
    ui.output.finish();
    ui.conclude(&client.client, end, client.input_has_ended())
}

fn ask_nick(input: &mut Input) -> io::Result<Option<Nick>> {
    prompt(ASK_NICK);
    loop {
        let wrong = match input.next_line() {
            Some(Line::Text(line)) => match line.parse() {
                Ok(nick) => return Ok(Some(nick)),
                Err(why) => why,
            },
            Some(Line::NotUtf8(_)) => "a nick is UTF-8".into(),
            None if input.is_ended() => return Ok(None),
            None => {
                input.fill(None)?;
                continue;
            }
        };
        notice(wrong);
        prompt(ASK_NICK);
    }
}

struct LineMode {
    interactive: bool,
    timeout: Duration,
    output: Output,
    failed: Vec<(SocketAddr, Unreachable)>,
    /// Lines of the input that could not be sent.
    not_sent: u64,
}

impl LineMode {
    fn prompt(&self) {
        if self.interactive {
            prompt(PROMPT);
        }
    }

    fn conclude(&self, client: &Client, end: End, input_ended: bool) -> Result<(), Failure> {
        let outstanding = client.outstanding() as u64;
        let unfinished = outstanding > 0 || !client.is_here() || !self.interactive && !input_ended;
        match end {
            End::Over if client.confirmed() + client.lost() == 0 => {
                Err(Failure::new(Exit::Unreachable, over(&self.failed, self.timeout)))
            }
            End::Interrupted if unfinished => Err(Failure::silent(Exit::Interrupted)),
            End::Quit | End::Interrupted if self.interactive => Ok(()),
            _ if client.lost() + outstanding > 0 || !input_ended => Err(self.not_confirmed(client, input_ended)),
            _ if self.not_sent > 0 => Err(Failure::silent(Exit::Failure)),
            End::Over | End::Done | End::Quit | End::Interrupted => Ok(()),
        }
    }

    fn not_confirmed(&self, client: &Client, input_ended: bool) -> Failure {
        let missing = client.lost() + client.outstanding() as u64;
        if missing == 0 {
            return Failure::new(Exit::NotConfirmed, "not all of the input was read");
        }
        let rest = if input_ended { "" } else { ", and not all of the input was read" };
        let message = format!(
            "{missing} of {} did not come back from {} within {}{rest}",
            lines(client.confirmed() + missing),
            client.server(),
            humantime::format_duration(self.timeout)
        );
        Failure::new(Exit::NotConfirmed, message)
    }
}

impl Ui for LineMode {
    fn event(&mut self, client: &Client, event: Event) -> io::Result<()> {
        match event {
            Event::Received(text) => self.output.push_line(&[&text]),
            Event::Joined(_) | Event::Over => {}
            Event::Failed(address, why) => self.failed.push((address, why)),
            Event::Away(why) => {
                notice(format_args!("{}; trying to join again", unreachable(client.server(), why, self.timeout)));
            }
            Event::Back => notice(format_args!("{} is back", client.server())),
            Event::Lost(line) => {
                // A server that never returns lines would make this said of every one.
                if !self.interactive || client.returns_lines() || !client.is_here() {
                    notice(format_args!("not confirmed: {}", sanitize::escaped(&line)));
                }
            }
        }
        Ok(())
    }

    fn line(&mut self, client: &mut Client, line: Line) -> Next {
        match line {
            Line::Text(line) if line == QUIT && self.interactive => return Next::Leave,
            Line::Text(line) if line == QUIT => return Next::EndInput,
            Line::Text(_) if !client.wants_lines() => notice("not sent: too many lines wait for the server already"),
            Line::Text(_) | Line::NotUtf8(_) => self.not_sent += u64::from(!say(client, &line)),
        }
        self.prompt();
        Next::Continue
    }

    fn flush(&mut self, registry: &mio::Registry, ready: bool) -> io::Result<()> {
        if ready {
            self.output.set_writable(registry);
        }
        self.output.flush(registry, UI).map_err(|err| {
            let message = format!("cannot write to stdout: {err}");
            io::Error::new(err.kind(), message)
        })?;
        match self.output.take_left_out() {
            0 => {}
            count => notice(format_args!("stdout is not read fast enough: {} left out", lines(count))),
        }
        Ok(())
    }
}
