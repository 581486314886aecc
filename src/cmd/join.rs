//! `udpchat join`
//!
//! Owns: the original's line mode: its prompts, what is shown, what the user is told; and the same as JSON.
//! Must not know: sockets, when lines are sent.
//! Driven by: `cmd`.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::json::Told;
use super::talk::{Known, Wanted, away, over, prepare, quiet};
use super::{Exit, Failure, lines, mark};
use crate::cli::Join;
use crate::client::{Client, Dialect, Event, Over, Unreachable};
use crate::net::client::{ClientLoop, DRIVER, Driver, End, Next, Source, Ticked};
use crate::net::state::PlaceFile;
use crate::net::stdio::{Input, Line, Output};
use crate::time::Instant;
use crate::ui::command::{self, Command};
use crate::ui::when::Calendar;
use crate::ui::{self, notice, prompt, sanitize};
use crate::wire::entry::Entry;
use crate::wire::frame::{GapReason, PersonId, PostKind};
use crate::wire::packet::PROBE;
use crate::wire::text::JOINED;
use crate::wire::{LogId, Nick, Seq, Timestamp, Who};

/// The original's question for the nick.
const ASK_NICK: &str = "NICKNAME:";

/// The original's prompt.
const PROMPT: &str = " ";

pub(super) fn run(args: Join) -> Result<(), Failure> {
    let mut input = Input::stdin()?;
    let interactive = input.is_terminal();
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
    let wanted = Wanted { nick, stays: interactive, present: true, unnamed: false, instance: None, key: None };
    let (mut config, known) = prepare(&args.target, args.dialects, wanted)?;
    let place = if config.identity.is_some() { known.place(&config.nick) } else { None };
    if let Some(identity) = &mut config.identity {
        identity.place = place.as_ref().and_then(PlaceFile::get);
        identity.history = args.history;
    }
    let mut ui = LineMode {
        interactive,
        json: args.json,
        is_forced: args.dialects.text,
        timeout: args.target.timeout,
        known,
        output: Output::stdout()?,
        rendered: String::new(),
        people: Vec::new(),
        failed: Vec::new(),
        joined: false,
        not_sent: 0,
        calendar: Calendar::local(),
        own: config.identity.as_ref().map(|identity| identity.key.public().who()),
        seam: None,
        place,
        seen: None,
    };
    ui.prompt();
    let source = Source { input: Some(input), leave_at_end: interactive };
    let mut client = ClientLoop::new(config, source)?;
    let end = client.run(&mut ui)?;
    ui.output.finish();
    ui.remember();
    ui.conclude(&client.port.client, end, client.input_has_ended())
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
    json: bool,
    /// The user asked for text.
    is_forced: bool,
    timeout: Duration,
    known: Known,
    output: Output,
    /// Where a line is put together; kept for its memory.
    rendered: String,
    /// Those who are here, as far as that was told.
    people: Vec<String>,
    failed: Vec<(SocketAddr, Unreachable)>,
    /// It was in the room.
    joined: bool,
    /// Lines of the input that could not be sent.
    not_sent: u64,
    calendar: Calendar,
    /// The key of the user.
    own: Option<Who>,
    seam: Option<Seam>,
    /// Where it is written down what was shown, and what was by now.
    place: Option<PlaceFile>,
    seen: Option<(LogId, Seq)>,
}

/// What was said before the client was here.
#[derive(Clone, Copy, Debug)]
struct Seam {
    count: u64,
    /// Behind the last of it.
    end: Seq,
    resumed: bool,
    is_told: bool,
}

impl LineMode {
    fn prompt(&self) {
        if self.interactive && !self.json {
            prompt(PROMPT);
        }
    }

    fn conclude(&self, client: &Client, end: End, input_ended: bool) -> Result<(), Failure> {
        let outstanding = client.outstanding() as u64;
        let unfinished = !self.joined || (!self.interactive && (outstanding > 0 || !input_ended));
        let not_confirmed = client.lost() + outstanding;
        match end {
            End::Over(why) if not_confirmed > 0 && self.joined && !matches!(why, Over::Unreachable | Over::GaveUp) => {
                let because = over(why, &self.known, client.nick(), &self.failed, self.timeout);
                Err(because.not_confirmed(&format!("{not_confirmed} of {}", lines(client.confirmed() + not_confirmed))))
            }
            End::Over(why)
                if client.confirmed() + client.lost() == 0 || !matches!(why, Over::Unreachable | Over::GaveUp) =>
            {
                Err(over(why, &self.known, client.nick(), &self.failed, self.timeout))
            }
            End::Interrupted if unfinished => Err(Failure::silent(Exit::Interrupted)),
            // Of text nobody can tell more.
            End::Quit | End::Interrupted if self.interactive && client.is_text() => Ok(()),
            End::Quit | End::Interrupted if self.interactive && not_confirmed == 0 => Ok(()),
            _ if not_confirmed > 0 || !(input_ended || self.interactive) => {
                Err(self.not_confirmed(client, input_ended))
            }
            _ if client.not_taken() > 0 && !self.interactive => Err(Failure::silent(Exit::Refused)),
            _ if self.not_sent > 0 && !self.interactive => Err(Failure::silent(Exit::Failure)),
            End::Over(_) | End::Done | End::Quit | End::Interrupted => Ok(()),
        }
    }

    fn not_confirmed(&self, client: &Client, input_ended: bool) -> Failure {
        let missing = client.lost() + client.outstanding() as u64;
        if missing == 0 {
            return Failure::new(Exit::NotConfirmed, "not all of the input was read");
        }
        let rest = if input_ended || self.interactive { "" } else { ", and not all of the input was read" };
        let message = if client.is_text() {
            format!(
                "{missing} of {} did not come back from {} within {}{rest}",
                lines(client.confirmed() + missing),
                client.server(),
                humantime::format_duration(self.timeout)
            )
        } else {
            format!("{missing} of {} not confirmed by {}{rest}", lines(client.confirmed() + missing), client.server())
        };
        Failure::new(Exit::NotConfirmed, message)
    }

    /// Tells the user something, in the form that was asked for.
    fn tell(&mut self, client: &Client, event: Event) {
        if let Event::Failed(address, why) = event {
            self.failed.push((address, why));
        }
        self.joined |= matches!(event, Event::Joined(_));
        if let Event::Joined(Dialect::Session { key, .. }) = event {
            self.known.met(key).iter().for_each(notice);
        }
        if let Event::NoPeople { in_text } = event {
            let in_time = format!("{} did not tell who is here in time", client.server());
            return self.wrong(if in_text { "an original server does not tell who is here" } else { &in_time });
        }
        let shown_to = event.end();
        if let Event::Begins { from, count, resumed, .. } = event {
            let end = from + count;
            self.seam = (count > 0).then_some(Seam { count, end, resumed, is_told: false });
        } else if let Event::Entry { ref encoded, .. } = event {
            let entry = Entry::decode_with_time(encoded);
            if entry.is_some_and(|(entry, _)| self.is_own_leaving(&entry)) {
                return;
            }
            self.tell_seam(entry.and_then(|(_, at)| at));
        } else if let Event::Gap { .. } = event {
            self.tell_seam(None);
        }
        if self.json {
            let told = Told::of(&event, client.server(), client.nick().as_str());
            told.iter().for_each(|told| self.push_json(told));
        } else {
            self.tell_person(client, event);
        }
        if self.seam.take_if(|seam| shown_to.is_some_and(|to| to >= seam.end)).is_some() {
            if self.json {
                self.push_json(&Told::Now);
            } else {
                self.notice("--- now ---");
            }
        }
    }

    /// Whether this is that the user left the last time, which is no news: the first that comes then.
    fn is_own_leaving(&mut self, entry: &Entry<'_>) -> bool {
        let Some(seam) = self.seam.as_mut().filter(|seam| seam.resumed && !seam.is_told && !self.json) else {
            return false;
        };
        let is_own = matches!(entry, Entry::Left { who, .. } if Some(*who) == self.own);
        if is_own {
            seam.count -= 1;
            if seam.count == 0 {
                self.seam = None;
            }
        }
        is_own
    }

    /// Says that what follows was said before, with the first of it.
    fn tell_seam(&mut self, at: Option<Timestamp>) {
        let Some(seam) = self.seam.as_mut().filter(|seam| !seam.is_told) else { return };
        seam.is_told = true;
        let (count, resumed) = (seam.count, seam.resumed);
        if self.json {
            return;
        }
        let since = at.map_or_else(String::new, |at| format!(", from {}", self.calendar.minute(at)));
        if resumed {
            self.notice(format_args!("--- {count} since you were last here{since} ---"));
        } else {
            self.notice(format_args!("--- {count} from before{since} ---"));
        }
    }

    /// Writes down what was shown; only when it was for certain: a crash repeats it rather than loses it.
    fn remember(&mut self) {
        if let (Some(place), Some(seen), true) = (&mut self.place, self.seen, self.output.is_flushed())
            && let Err(err) = place.set(seen)
        {
            notice(format_args!("cannot remember what you have seen: {err}"));
            self.place = None;
        }
    }

    /// Tells the person something, behind what was shown before.
    fn notice(&mut self, what: impl fmt::Display) {
        self.output.flush_some();
        notice(what);
    }

    fn push_json(&mut self, told: &Told<'_>) {
        if let Ok(line) = ui::json::line(told) {
            self.output.push_plain_line(&line);
        }
    }

    fn tell_person(&mut self, client: &Client, event: Event) {
        let server = client.server();
        match event {
            Event::Received(text) => self.output.push_line(&without_probe(&text)),
            Event::Entry { encoded, .. } => self.show(&encoded),
            Event::Gap { count, why, .. } => {
                let (messages, are) = if count == 1 { ("message", "is") } else { ("messages", "are") };
                match why {
                    GapReason::Gone => self.notice(format_args!("{count} earlier {messages} {are} gone")),
                    GapReason::Unreadable => self
                        .notice(format_args!("the server cannot read {count} earlier {messages}: its log is damaged")),
                    GapReason::Other(_) => {
                        self.notice(format_args!("the server does not send {count} earlier {messages}"));
                    }
                }
            }
            Event::Joined(Dialect::Text) if !self.is_forced => {
                notice("original server: plain text, best effort");
            }
            Event::Begins { .. }
            | Event::Joined(_)
            | Event::Confirmed { .. }
            | Event::Pong { .. }
            | Event::Here { .. }
            | Event::Failed(..)
            | Event::Over(_) => {}
            Event::NotTaken { kind: PostKind::Rename, line, why, .. } => {
                notice(format_args!("you are not called {}: {why}", sanitize::escaped(&line)));
            }
            Event::NotTaken { line, why, .. } => notice(format_args!("not sent, {why}: {}", sanitize::escaped(&line))),
            Event::Lost { line, .. } => {
                // A server that never returns lines would make this said of every one.
                if !self.interactive || client.tells_of_lines() || !client.is_here() {
                    notice(format_args!("not confirmed: {}", sanitize::escaped(&line)));
                }
            }
            Event::Renamed(nick) => notice(format_args!("you are {nick} now")),
            Event::Away(why) => notice(away(server, why, self.timeout, &self.known)),
            Event::Back => notice(format_args!("{server} is back")),
            Event::Quiet(since) => notice(quiet(server, since)),
            Event::AnotherLog => {
                self.notice(format_args!("{server} has begun a new room: what was said before is gone"))
            }
            Event::TextIgnored => notice(format_args!("{server} answers in plain text: ignored, a session is wanted")),
            Event::People { people, more } => self.show_people(&people, more),
            Event::NoPeople { .. } => {}
        }
    }

    fn show(&mut self, encoded: &[u8]) {
        // What a newer server may say that this client does not know is left out.
        let Some(entry) = Entry::decode(encoded) else { return };
        entry.render(&mut self.rendered);
        self.output.push_line(&[mark(&entry), &self.rendered]);
    }

    fn show_people(&mut self, people: &[(PersonId, Box<str>)], more: bool) {
        self.people.extend(people.iter().map(|(id, nick)| match id {
            PersonId::Key(who) => format!("{} ({})", sanitize::escaped(nick), &who.to_string()[..8]),
            PersonId::Text(_) | PersonId::Other(_) => format!("{} (unverified)", sanitize::escaped(nick)),
        }));
        if !more {
            let people = std::mem::take(&mut self.people);
            notice(format_args!("{} here: {}", people.len(), people.join(", ")));
        }
    }

    /// Tells that nothing comes of what the user wants.
    fn wrong(&mut self, why: &str) {
        self.not_sent += 1;
        if self.json {
            self.push_json(&Told::Wrong { why });
        } else {
            notice(why);
        }
    }

    fn carry_out(&mut self, now: Instant, client: &mut Client, line: &str) -> Next {
        let command = match command::parse(line) {
            Ok(command) => command,
            Err(why) => {
                self.wrong(&why);
                return Next::Continue;
            }
        };
        let parts = match command {
            Command::Quit if self.interactive => return Next::Leave,
            Command::Quit => return Next::EndInput,
            Command::Help => {
                command::HELP.lines().for_each(notice);
                return Next::Continue;
            }
            Command::Who => {
                client.ask(now);
                return Next::Continue;
            }
            _ if !client.wants_lines() => {
                self.wrong("not sent: too many lines wait for the server already");
                return Next::Continue;
            }
            Command::Nick(nick) => {
                client.rename(now, &nick);
                return Next::Continue;
            }
            Command::Say(text) => client.say(now, text),
            Command::Act(text) => client.act(now, text),
        };
        if parts > 1 {
            notice(format_args!("the line was long: sent as {parts} lines"));
        }
        Next::Continue
    }
}

/// A line of the text dialect as it is shown: the announcement of who asked for a session in vain looks like any other.
fn without_probe(line: &str) -> [&str; 2] {
    let nick = line.strip_suffix(JOINED).and_then(|nick| nick.strip_suffix(PROBE));
    nick.map_or([line, ""], |nick| [nick, JOINED])
}

impl Driver for LineMode {
    fn event(&mut self, _: Instant, client: &Client, event: Event) -> io::Result<()> {
        self.tell(client, event);
        Ok(())
    }

    fn input(&mut self, now: Instant, client: &mut Client, line: Line) -> Next {
        let next = match line {
            Line::Text(line) => self.carry_out(now, client, &line),
            Line::NotUtf8(number) => {
                self.wrong(&format!("line {number} of the input is not UTF-8: not sent"));
                Next::Continue
            }
        };
        if next == Next::Continue {
            self.prompt();
        }
        next
    }

    fn tick(&mut self, _: Instant, client: &mut Client) -> Ticked {
        self.seen = client.place();
        Ticked::Never
    }

    fn takes_entries(&self) -> bool {
        self.output.has_place()
    }

    fn flush(&mut self, registry: &mio::Registry, ready: bool) -> io::Result<()> {
        if ready {
            self.output.set_writable(registry);
        }
        self.output.flush(registry, DRIVER).map_err(|err| {
            let message = format!("cannot write to stdout: {err}");
            io::Error::new(err.kind(), message)
        })?;
        self.remember();
        match self.output.take_left_out() {
            0 => {}
            count => notice(format_args!("stdout is not read fast enough: {} left out", lines(count))),
        }
        Ok(())
    }
}
