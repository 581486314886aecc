//! `udpchat send`
//!
//! Owns: the result for a script: an exit code, and for lines from stdin how many were confirmed.
//! Must not know: sockets, when lines are sent.
//! Driven by: `cmd`.

mod again;
mod receipts;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use blake2::{Blake2s256, Digest};

use super::talk::{Known, Wanted, over, prepare};
use super::{Exit, Failure, lines};
use crate::cli::{Dialects, Send};
use crate::client::{Client, Dialect, Event, NotWritten, Over, Recipient, Unreachable};
use crate::net::client::{ClientLoop, Driver, End, Next, Source};
use crate::net::stdio::Input;
use crate::time::Instant;
use crate::ui::command::{self, Command};
use crate::ui::lines::{Line, Lines};
use crate::ui::{notice, sanitize};
use crate::wire::entry::{PRIVATE_MAX, TEXT_MAX, texts};
use crate::wire::limits::POSTS_MAX;
use crate::wire::{CloseReason, Instance};
use again::{Found, Retry};
use receipts::Goals;

/// The message argument that stands for the lines of stdin.
const STDIN: &str = "-";

pub(super) fn run(args: Send) -> Result<(), Failure> {
    if let (Some(to), Some(other)) = (&args.to, args.wait_for.iter().find(|&name| args.to.as_ref() != Some(name))) {
        let message = format!("--wait-for {other}: the message is for {to} alone, whom --wait received waits for");
        return Err(Failure::new(Exit::Usage, message));
    }
    if args.message == STDIN {
        if args.id.is_some() {
            return Err(Failure::new(Exit::Usage, "--id is for one message, not for the lines of stdin"));
        }
        return post(&args, None, true).map(drop);
    }
    let lines: Vec<_> = message_lines(&args.message).map(str::to_owned).collect();
    if lines.is_empty() {
        return Err(Failure::new(Exit::Usage, "the message is empty: there is nothing to send"));
    }
    if args.message.starts_with('/')
        && command::parse(&args.message).is_ok_and(|command| !matches!(command, Command::Say(_)))
    {
        notice("commands are for join: the message is sent as it stands");
    }
    if args.id.is_none() {
        return post(&args, Some(&lines), true).map(drop);
    }
    // Cut as they will be in the log, to be compared with its entries.
    let longest = if args.to.is_some() { PRIVATE_MAX } else { TEXT_MAX };
    let lines: Vec<_> = lines.iter().flat_map(|line| texts(line, longest)).collect();
    if lines.len() as u64 > POSTS_MAX {
        let message = format!("--id is for one message of at most {POSTS_MAX} lines of {longest} bytes");
        return Err(Failure::new(Exit::Usage, message));
    }
    // The first line alone shows whether the id was used for another message; then the other lines must not follow.
    let found = post(&args, Some(&lines[..1]), lines.len() == 1)?;
    let mut retry = again::compare(&args, &found, &lines[..1])?;
    if lines.len() > 1 {
        let found = post(&args, Some(&lines), true)?;
        let all = again::compare(&args, &found, &lines)?;
        retry = if retry == Retry::New { Retry::New } else { all };
    }
    match retry {
        Retry::New => {}
        Retry::Same => notice("already there: nothing was sent again"),
        Retry::Completed(count) => {
            notice(format_args!(
                "{count} of {} were there already; the others were sent",
                super::lines(lines.len() as u64)
            ));
        }
        Retry::Forgotten => notice("already there, and forgotten since: nothing was sent again"),
    }
    Ok(())
}

/// Posts these lines, or those of stdin, and waits for the outcome of each; if it `waits`, also for receipts, if these are wanted.
/// Returns the entries.
fn post(args: &Send, message: Option<&[String]>, waits: bool) -> Result<Found, Failure> {
    let instance = args.id.as_deref().map(instance);
    let needs_session = instance.is_some();
    let (mut config, known) = prepare(&args.target, dialects(args), wanted(args, instance))?;
    if let (true, Some(identity)) = (args.to.is_some(), &mut config.identity) {
        identity.contacts = known.contacts().map_err(|why| Failure::new(Exit::Failure, why))?;
    }
    let input = if message.is_none() { Some(Input::stdin()?) } else { None };
    let mut client = ClientLoop::new(config, Source { input: None, leave_at_end: false, signals: &[] })?;
    let mut ui = Script {
        entered: Lines::default(),
        known,
        needs_session,
        is_forced: args.dialects.text,
        to: args.to.as_deref().map(|to| Recipient::Name(to.into())),
        refusal: None,
        not_written: None,
        failed: Vec::new(),
        not_sent: 0,
        found: Found::default(),
    };
    let done = say_all(args, &mut client, &mut ui, (message, input), waits);
    client.part()?;
    done.map(|()| ui.found)
}

/// Posts everything in a session, and waits for what is to be waited for.
fn say_all(
    args: &Send,
    client: &mut ClientLoop,
    ui: &mut Script,
    (message, input): (Option<&[String]>, Option<Input>),
    waits: bool,
) -> Result<(), Failure> {
    let timeout = args.target.timeout;
    let goals = if waits { Goals::find(client, ui, (args.wait, &args.wait_for), timeout)? } else { Goals::default() };
    if let Some(input) = input {
        client.set_input(input)?;
    }
    if let Some(lines) = message {
        let now = client.now();
        let parts: usize = lines.iter().map(|line| say(&mut client.port.client, now, ui.to.as_ref(), line)).sum();
        if parts > 1 {
            notice(format_args!("the message is long or has several lines: sent as {parts} lines"));
        }
        client.finish();
    }
    let end = client.talk(ui)?;
    if message.is_none() {
        let rest = if client.input_has_ended() { "" } else { "; not all of the input was read" };
        let client = &client.port.client;
        let total = client.confirmed() + client.lost() + client.not_taken() + client.outstanding() as u64 + ui.not_sent;
        notice(format_args!("{} of {} confirmed by {}{rest}", client.confirmed(), lines(total), client.server()));
    }
    ui.conclude(&client.port.client, end, timeout)?;
    match ui.found.last() {
        Some(seq) => goals.reach(client, ui, seq, timeout),
        None => Ok(()),
    }
}

/// Posts a line, in private if there is a recipient. Returns into how many pieces it is cut.
fn say(client: &mut Client, now: Instant, to: Option<&Recipient>, line: &str) -> usize {
    match to {
        Some(to) => client.write_to(now, to, false, line, None),
        None => client.say(now, line),
    }
}

/// Returns which dialects may be spoken: in plain text everybody would see a private message, and nobody could say who has received it.
const fn dialects(args: &Send) -> Dialects {
    let needs_session = args.to.is_some() || args.wait.is_some() || !args.wait_for.is_empty();
    Dialects { secure: args.dialects.secure || needs_session, ..args.dialects }
}

/// Describes a client that only posts, without being present in the room.
fn wanted(args: &Send, instance: Option<Instance>) -> Wanted {
    Wanted { nick: args.nick.clone(), stays: false, present: false, unnamed: false, instance, key: None, server: None }
}

/// Returns whether a session had begun that ended for this reason: something may have been posted in it.
const fn has_begun(why: Over) -> bool {
    match why {
        Over::Closed(reason) => !matches!(
            reason,
            CloseReason::NickTaken
                | CloseReason::RoomFull
                | CloseReason::TooManySessions
                | CloseReason::Refused
                | CloseReason::BadNick
                | CloseReason::Collides
                | CloseReason::Kicked
                | CloseReason::Banned
                | CloseReason::NotInvited
                | CloseReason::UsedUp
                | CloseReason::InvitedAs
                | CloseReason::Muted
        ),
        Over::Unreachable | Over::GaveUp | Over::KeyChanged(_) | Over::OtherVersion(_) => false,
    }
}

/// Returns whether an address that failed for this reason may have received the message.
const fn is_unclear(why: Unreachable) -> bool {
    matches!(why, Unreachable::NoAnswer | Unreachable::NoHandshake | Unreachable::NewTokens | Unreachable::Ended(_))
}

/// Returns the lines of a message, except for empty ones, which cannot be sent.
fn message_lines(message: &str) -> impl Iterator<Item = &str> {
    message.lines().filter(|line| !line.is_empty())
}

/// Returns the same instance for the same id, so that the server knows the earlier posts under it.
fn instance(id: &str) -> Instance {
    let hash: [u8; 32] = Blake2s256::digest(id.as_bytes()).into();
    let mut instance = [0; 8];
    instance.copy_from_slice(&hash[..8]);
    Instance(instance)
}

struct Script {
    entered: Lines,
    known: Known,
    /// Whether there is an id: only in a session does the server know earlier posts.
    needs_session: bool,
    is_forced: bool,
    /// Whom the lines are for, if they are private.
    to: Option<Recipient>,
    refusal: Option<crate::wire::Refusal>,
    /// Why the lines could not be posted at all, and the exit code for that.
    not_written: Option<(Exit, String)>,
    failed: Vec<(SocketAddr, Unreachable)>,
    /// The number of input lines that could not be sent.
    not_sent: u64,
    found: Found,
}

impl Script {
    /// Returns the result of the run.
    fn conclude(&self, client: &Client, end: End, timeout: Duration) -> Result<(), Failure> {
        let within = humantime::format_duration(timeout);
        match end {
            End::Over(why) => {
                let failure = over(why, &self.known, client.nick(), &self.failed, timeout);
                let unclear = self.failed.iter().any(|&(_, why)| is_unclear(why));
                match client.lost() {
                    0 if (why == Over::Unreachable && unclear) || has_begun(why) => {
                        Err(failure.not_confirmed("the message is"))
                    }
                    0 => Err(failure),
                    lost => Err(failure.not_confirmed(&format!("{} of {}", lost, lines(lost + client.confirmed())))),
                }
            }
            End::Interrupted => Err(Failure::new(Exit::Interrupted, "interrupted before everything was confirmed")),
            End::Done | End::Quit if client.lost() > 0 => Err(Failure::new(
                Exit::NotConfirmed,
                if client.is_text() {
                    format!(
                        "not confirmed: {} did not come back from {} within {within}",
                        lines(client.lost()),
                        client.server()
                    )
                } else {
                    format!(
                        "not confirmed: {} did not report the outcome of {} within {within}",
                        client.server(),
                        lines(client.lost())
                    )
                },
            )),
            End::Done | End::Quit => match self.refusal {
                Some(why) => Err(Failure::new(
                    Exit::Refused,
                    format!("{} refused {}: {why}", client.server(), lines(client.not_taken())),
                )),
                None => match &self.not_written {
                    Some((exit, why)) => Err(Failure::new(*exit, format!("not sent: {why}"))),
                    None if self.not_sent > 0 => Err(Failure::silent(Exit::Failure)),
                    None => Ok(()),
                },
            },
        }
    }
}

impl Driver for Script {
    fn event(&mut self, _: Instant, client: &Client, event: Event) -> io::Result<()> {
        self.found.observe(&event);
        match event {
            Event::Failed(address, why) => self.failed.push((address, why)),
            Event::Held { nick, who, since } => self.known.held(&nick, who, since),
            Event::Barred { until, by, why } => self.known.barred(until, &by, &why),
            Event::Lost { line, .. } => log::info!("not confirmed: {}", sanitize::escaped(&line)),
            Event::NotTaken { line, why, .. } => {
                log::info!("refused, {why}: {}", sanitize::escaped(&line));
                self.refusal = Some(why);
            }
            Event::Contact { nick, key } => notice(self.known.met_person(&nick, key)),
            Event::NotWritten { to, why, .. } => {
                let exit = if why == NotWritten::NoAnswer { Exit::Unreachable } else { Exit::Refused };
                self.not_written = Some((exit, self.known.not_written(&to, &why)));
            }
            Event::Joined(Dialect::Session { key, .. }) => {
                self.known.met(key).iter().for_each(|what| log::info!("{what}"));
            }
            Event::Joined(Dialect::Text) if !self.is_forced => {
                notice("original server: plain text, best effort");
                if self.needs_session {
                    notice("--id has no effect there: a message sent again appears twice");
                }
            }
            Event::TextIgnored => {
                notice(format_args!("{} answers in plain text: ignored, for a session is required", client.server()));
            }
            Event::Joined(Dialect::Text)
            | Event::Received(_)
            | Event::Entry { .. }
            | Event::Private(_)
            | Event::Found { .. }
            | Event::Page { .. }
            | Event::NoPage { .. }
            | Event::Reached { .. }
            | Event::Read { .. }
            | Event::Behind { .. }
            | Event::Gap { .. }
            | Event::Confirmed { .. }
            | Event::Renamed(_)
            | Event::Away(_)
            | Event::Back
            | Event::Quiet(_)
            | Event::AnotherLog
            | Event::Begins { .. }
            | Event::Pong { .. }
            | Event::People { .. }
            | Event::NoPeople { .. }
            | Event::Here { .. }
            | Event::Room(_)
            | Event::Records { .. }
            | Event::Over(_) => {}
        }
        Ok(())
    }

    fn feed(&mut self, entered: Option<&[u8]>) {
        self.entered.feed(entered);
    }

    fn has_entered(&self) -> bool {
        !self.entered.is_empty()
    }

    fn take(&mut self, now: Instant, client: &mut Client) -> Option<Next> {
        match self.entered.pop()? {
            Line::Text(line) if line.is_empty() => {}
            Line::Text(line) => {
                let parts = say(client, now, self.to.as_ref(), &line);
                if parts > 1 {
                    notice(format_args!("the line was long: sent as {parts} lines"));
                }
            }
            Line::TooLong(number) | Line::NotUtf8(number) => {
                self.not_sent += 1;
                notice(format_args!("line {number} of the input is not UTF-8: not sent"));
            }
        }
        Some(Next::Continue)
    }
}
