//! `udpchat send`
//!
//! Owns: what a script is told: an exit code, and for lines from stdin how many were confirmed.
//! Must not know: sockets, when lines are sent.
//! Driven by: `cmd`.

use std::io;
use std::net::SocketAddr;

use super::{Exit, Failure, lines, over, resolve, say};
use crate::cli::Send;
use crate::client::text::{Client, Config, Event, Unreachable};
use crate::net::client::{ClientLoop, End, Next, Source, Ui};
use crate::net::stdio::{Input, Line};
use crate::ui::{notice, sanitize};

/// The message that stands for the lines of stdin.
const STDIN: &str = "-";

pub(super) fn run(args: Send) -> Result<(), Failure> {
    let timeout = args.target.timeout;
    let config = Config { nick: args.nick, servers: resolve(&args.target)?, timeout, stays: false };
    let input = if args.message == STDIN { Some(Input::stdin()?) } else { None };
    let many = input.is_some();
    let mut client = ClientLoop::new(config, Source { input, leave_at_end: false })?;
    if !many {
        let parts: usize = message_lines(&args.message).map(|line| client.client.say(line)).sum();
        if parts > 1 {
            notice(format_args!("the message is long or has several lines: sent as {parts} lines"));
        }
        client.finish();
    }
    let mut ui = Script::default();
    let end = client.run(&mut ui)?;
    let rest = if client.input_has_ended() { "" } else { "; not all of the input was read" };
    let client = &client.client;
    if many {
        let total = client.confirmed() + client.lost() + client.outstanding() as u64 + ui.not_sent;
        notice(format_args!("{} of {} confirmed by {}{rest}", client.confirmed(), lines(total), client.server()));
    }
    let within = humantime::format_duration(timeout);
    match end {
        End::Over if client.lost() > 0 || ui.failed.iter().any(|&(_, why)| why == Unreachable::NoAnswer) => {
            Err(Failure::new(Exit::NotConfirmed, format!("not confirmed: {}", over(&ui.failed, timeout))))
        }
        End::Over => Err(Failure::new(Exit::Unreachable, over(&ui.failed, timeout))),
        End::Interrupted => Err(Failure::new(Exit::Interrupted, "interrupted before everything was confirmed")),
        End::Done | End::Quit if client.lost() > 0 => Err(Failure::new(
            Exit::NotConfirmed,
            format!(
                "not confirmed: {} did not come back from {} within {within}",
                lines(client.lost()),
                client.server()
            ),
        )),
        End::Done | End::Quit if ui.not_sent > 0 => Err(Failure::silent(Exit::Failure)),
        End::Done | End::Quit => Ok(()),
    }
}

/// The lines of a message; an empty message is one empty line.
fn message_lines(message: &str) -> impl Iterator<Item = &str> {
    let lines = message.lines();
    lines.chain(message.is_empty().then_some(""))
}

#[derive(Default)]
struct Script {
    failed: Vec<(SocketAddr, Unreachable)>,
    /// Lines of the input that could not be sent.
    not_sent: u64,
}

impl Ui for Script {
    fn event(&mut self, _: &Client, event: Event) -> io::Result<()> {
        match event {
            Event::Failed(address, why) => self.failed.push((address, why)),
            Event::Lost(line) => log::info!("not confirmed: {}", sanitize::escaped(&line)),
            Event::Joined(_) | Event::Received(_) | Event::Away(_) | Event::Back | Event::Over => {}
        }
        Ok(())
    }

    fn line(&mut self, client: &mut Client, line: Line) -> Next {
        self.not_sent += u64::from(!say(client, &line));
        Next::Continue
    }

    fn flush(&mut self, _: &mio::Registry, _: bool) -> io::Result<()> {
        Ok(())
    }
}
