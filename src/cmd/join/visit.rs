//! A visit to a room, however it is shown.
//!
//! Owns: the user's input and its outcome, stdout and the place file, the final message.
//! Must not know: how anything is shown.
//! Driven by: the drivers of `cmd::join`.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::super::act;
use super::super::talk::{Known, over};
use super::super::{Exit, Failure, lines};
use super::looks::Looks;
use super::taken::{Taken, Wrong, command_of, may_post, tell_parts};
use crate::client::seen::Seen;
use crate::client::{Client, Dialect, Event, Label, Over, Room, Said, Unreachable};
use crate::net::client::{DRIVER, End, Next};
use crate::net::link::Link;
use crate::net::outbox::OutboxFile;
use crate::net::people::Ignored;
use crate::net::places::PlaceFile;
use crate::net::state::random;
use crate::net::stdio::Output;
use crate::session::PublicKey;
use crate::time::Instant;
use crate::ui::command::{self, Command, Peace};
use crate::ui::lines::{LINE_MAX, Line, Lines};
use crate::ui::{notice, orders, prompt};
use crate::wire::entry::{Act, Entry, Tail};
use crate::wire::frame::PostKind;
use crate::wire::order::{InvitationToken, Order};
use crate::wire::{LogId, Nick, Seq};

/// Lines that come within this time of each other were not typed. Chosen: nobody types a line as fast.
const TYPED: Duration = Duration::from_millis(20);

/// See the module.
pub(super) struct Visit {
    /// Whether a user is at the terminal.
    pub(super) interactive: bool,
    pub(super) timeout: Duration,
    pub(super) known: Known,
    pub(super) output: Output,
    entered: Lines,
    failed: Vec<(SocketAddr, Unreachable)>,
    /// Whether the client has been in the room.
    joined: bool,
    /// The number of the user's requests that failed.
    not_sent: u64,
    /// The file for the user's place, and the place up to which entries were handed to stdout.
    place: Option<PlaceFile>,
    seen: Option<(LogId, Seq)>,
    /// What the room is like.
    room: Option<Room>,
    /// The tokens of the invitations that the user has made.
    invitations: Vec<(InvitationToken, Label)>,
    /// Who wrote the last private message.
    pub(super) correspondent: Option<(PublicKey, Nick)>,
    /// The authors of private messages, the newest last, and their nicks: so that a key is shown once under each, and whoever writes can be
    /// blocked when it is gone.
    pub(super) authors: VecDeque<(PublicKey, String)>,
    pub(super) ignored: Ignored,
    /// Names that commands are about, which wait for an answer, the oldest first.
    pub(super) wanted: VecDeque<(Box<str>, Peace, Label)>,
    /// Orders that follow from answers.
    pub(super) orders: Vec<(Order, Label)>,
    /// Successes that the user is to be told.
    pub(super) done: Vec<(String, Label)>,
    /// What the user has said and not heard the outcome of, if that can be stored.
    pub(super) outbox: Option<OutboxFile>,
    /// Posts whose outcome is stored there, of which the client does not know that.
    pub(super) noted: Vec<u64>,
    /// The counter from which on posts are this visit's, if earlier ones have left some.
    pub(super) first_post: u64,
    /// Which private messages were seen, as stored.
    seen_letters: Seen,
    /// Whether what an earlier visit could not say was said.
    pub(super) has_said_waiting: bool,
    /// What the user is looking at in the history.
    pub(super) looks: Looks,
    /// What the user is to be told, if that is not written to stderr at once.
    said: Option<Vec<String>>,
    /// When the last line was taken, and whether it or one with which it came is private.
    last_line: Option<(Instant, bool)>,
}

impl Visit {
    pub(super) fn new(
        interactive: bool,
        timeout: Duration,
        known: Known,
        entered: Lines,
        output: Output,
        (place, outbox): (Option<PlaceFile>, Option<OutboxFile>),
    ) -> Self {
        let failed = Vec::new();
        let ignored = known.ignored();
        let seen_letters = place.as_ref().map(PlaceFile::seen).unwrap_or_default();
        Self {
            interactive,
            timeout,
            known,
            output,
            entered,
            failed,
            joined: false,
            not_sent: 0,
            place,
            seen: None,
            room: None,
            invitations: Vec::new(),
            correspondent: None,
            authors: VecDeque::new(),
            ignored,
            wanted: VecDeque::new(),
            orders: Vec::new(),
            done: Vec::new(),
            first_post: outbox.as_ref().map_or(0, OutboxFile::next),
            outbox,
            noted: Vec::new(),
            seen_letters,
            has_said_waiting: false,
            looks: Looks::default(),
            said: None,
            last_line: None,
        }
    }

    /// From now on, keeps what the user is to be told for [`Visit::take_said`].
    pub(super) fn keep_said(&mut self) {
        self.said = Some(Vec::new());
    }

    /// Returns what the user is to be told.
    pub(super) fn take_said(&mut self) -> Vec<String> {
        self.said.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Writes the rest to stderr again.
    pub(super) fn stop_keeping_said(&mut self) {
        self.said.take().into_iter().flatten().for_each(notice);
    }

    pub(super) fn notice(&mut self, what: impl fmt::Display) {
        match &mut self.said {
            Some(said) => said.push(what.to_string()),
            None => notice(what),
        }
    }

    /// Notes that something that the client has given was not shown yet: the place is not stored.
    pub(super) const fn leave_place(&mut self) {
        self.seen = None;
    }

    /// Records what the final message needs. Returns what failed with this event, if the user is to be told, and what the user calls it.
    pub(super) fn observe(&mut self, client: &Client, event: &Event) -> Option<(Wrong, Label)> {
        self.settled(client, event);
        if let Event::Failed(address, why) = *event {
            self.failed.push((address, why));
        }
        if let Event::Held { nick, who, since } = event {
            self.known.held(nick, *who, *since);
        }
        if let Event::Barred { until, by, why } = event {
            self.known.barred(*until, by, why);
        }
        if let Event::Room(room) = event {
            self.room = Some(room.clone());
        }
        if let Event::Contact { nick, key } = event {
            let met = self.known.met_person(nick, *key);
            self.notice(met);
        }
        if let Event::Found { name, whom, nick, key } = event {
            let wrong = self.found(name, *whom, nick, *key);
            self.not_sent += u64::from(wrong.is_some());
            return wrong;
        }
        if let Event::Private(private) = event
            && let (Said::Text { .. }, Some(key), Ok(nick)) = (&private.said, private.from, private.nick.parse())
            && !self.ignored.contains_key(&private.who)
        {
            self.correspondent = Some((key, nick));
        }
        self.joined |= matches!(event, Event::Joined(_));
        if let Event::Joined(Dialect::Session { key, .. }) = *event {
            let met = self.known.met(key);
            met.into_iter().for_each(|met| self.notice(met));
        }
        let Event::NoPeople { in_text } = *event else { return None };
        self.not_sent += 1;
        let wrong = if in_text {
            Wrong::in_text("an original server cannot say who is here")
        } else {
            Wrong::new("no-answer", format!("{} did not say in time who is here", client.server()))
        };
        Some((wrong, None))
    }

    /// Returns the link of an invitation that the user has made, and what the user calls it, once the log has it.
    pub(super) fn link(&mut self, encoded: &[u8]) -> Option<(Link, Label)> {
        let (entry, _, tail) = Entry::decode_with_tail(encoded)?;
        let (Entry::Acted { act: Act::Invite, .. }, Some(Tail::Terms(terms))) = (entry, tail) else { return None };
        let made = self.invitations.iter().position(|(token, _)| token.hash() == terms.token)?;
        let (token, label) = self.invitations.swap_remove(made);
        Some((act::link(self.known.server(), self.room.as_ref()?, self.known.pinned()?, token), label))
    }

    /// Returns whether the client has been in the room.
    pub(super) const fn has_joined(&self) -> bool {
        self.joined
    }

    pub(super) fn feed(&mut self, entered: Option<&[u8]>) {
        self.entered.feed(entered);
    }

    pub(super) fn has_entered(&self) -> bool {
        !self.entered.is_empty()
    }

    /// From now on, leaves out lines of the input that are too long.
    pub(super) const fn keep_lines_whole(&mut self) {
        self.entered.keep_whole();
    }

    /// Returns the next line that the user entered; `None` if no complete line is left.
    pub(super) fn next_line(&mut self, now: Instant, client: &mut Client) -> Option<Line> {
        let entered = self.entered.pop()?;
        if let (true, Some((_, next))) = (self.interactive, self.seen) {
            // Whoever enters a line has seen what is above it.
            client.read(now, next);
        }
        Some(entered)
    }

    /// Carries out a line that the user entered.
    ///
    /// # Errors
    /// Why it could not be carried out, for the user.
    pub(super) fn enter(&mut self, now: Instant, client: &mut Client, line: Line) -> Result<Next, Wrong> {
        let done = match line {
            Line::Text(line) => self.carry_out_alone(now, client, &line),
            Line::NotUtf8(number) => {
                Err(Wrong::new("not-utf8", format!("line {number} of the input is not UTF-8: not sent")))
            }
            Line::TooLong(number) => Err(Wrong::new(
                "too-long",
                format!("line {number} of the input has more than {LINE_MAX} bytes: not sent"),
            )),
        };
        if done.is_err() {
            self.note_wrong();
        }
        done.map(|taken| {
            tell_parts(taken.parts);
            taken.next
        })
    }

    /// Counts something that could not be carried out.
    pub(super) const fn note_wrong(&mut self) {
        self.not_sent += 1;
    }

    /// Carries out a line, unless it came together with others and one of them is private: a terminal does not tell a paste from typing
    /// ahead, and nothing of it must become public, or go to somebody whom the user never chose.
    fn carry_out_alone(&mut self, now: Instant, client: &mut Client, line: &str) -> Result<Taken, Wrong> {
        let is_private = self.interactive && command::is_private(line.trim_start());
        let before = self.last_line.filter(|&(at, _)| self.interactive && now < at + TYPED);
        let comes_with_private = before.is_some_and(|(_, is_private)| is_private);
        self.last_line = Some((now, is_private || comes_with_private));
        if comes_with_private || (is_private && before.is_some()) {
            return Err(Wrong::new(
                "pasted",
                "not sent: it came together with a private line, as if pasted (enter each by itself)",
            ));
        }
        let command = if self.interactive { command_of(line)? } else { command::parse(line)? };
        may_post(client, &command)?;
        self.carry_out(now, client, command, None)
    }

    /// Carries out a command, which the user calls by `label`.
    ///
    /// # Errors
    /// Why it could not be carried out, for the user.
    pub(super) fn carry_out(
        &mut self,
        now: Instant,
        client: &mut Client,
        command: Command<'_>,
        label: Label,
    ) -> Result<Taken, Wrong> {
        if let Some(done) = self.carry_out_private(now, client, &command, &label) {
            return done.map(Taken::posted);
        }
        let parts = match command {
            Command::Quit if self.interactive => return Ok(Next::Leave.into()),
            Command::Quit => return Ok(Next::EndInput.into()),
            Command::Help(text) => {
                text.lines().for_each(|line| self.notice(line));
                0
            }
            Command::Order(_) | Command::Invite(_) | Command::Members if client.is_text() => {
                return Err(Wrong::in_text("not sent: in plain text nobody has rights"));
            }
            Command::Members => {
                client.list(now);
                0
            }
            Command::Who => {
                client.ask(now);
                0
            }
            Command::History(_) | Command::Search(_) | Command::Seen => {
                self.look(now, client, &command)?;
                0
            }
            Command::Clear => return Err(Wrong::new("no-effect", "there is no screen of ours to clear")),
            // A rename that is under way may make it another one.
            Command::Nick(nick) if nick == *client.nick() && client.outstanding() == 0 => {
                return Err(Wrong::new("no-effect", format!("you are {nick} already")));
            }
            Command::Nick(nick) => client.post(now, PostKind::Rename, nick.as_str(), label),
            Command::Order(order) => {
                if order.act == Act::Ban && self.room.as_ref().is_some_and(|room| !room.is_closed) {
                    self.notice(orders::IN_AN_OPEN_ROOM);
                }
                client.post(now, PostKind::Order, &order.encode(), label)
            }
            Command::Invite(invite) => {
                let token = InvitationToken(random());
                let order = invite.order(token.hash());
                self.invitations.push((token, label.clone()));
                client.post(now, PostKind::Order, &order.encode(), label)
            }
            Command::Release(nick) => {
                let nick = nick.unwrap_or_else(|| client.nick().clone());
                client.post(now, PostKind::Release, nick.as_str(), label)
            }
            // Nothing to say, or private, and carried out already.
            Command::Say("") | Command::Write { .. } | Command::Reply { .. } | Command::Peace(..) => 0,
            Command::Say(text) => client.post(now, PostKind::Say, text, label),
            Command::Act(text) => client.post(now, PostKind::Act, text, label),
        };
        Ok(Taken::posted(parts))
    }

    /// Does what was wanted, and records the place that the user has seen once stdout has everything.
    pub(super) fn tick(&mut self, now: Instant, client: &mut Client) {
        for (order, label) in std::mem::take(&mut self.orders) {
            client.post(now, PostKind::Order, &order.encode(), label);
        }
        self.look_further(now, client);
        self.say_waiting(now, client);
        self.store(client);
        self.seen = client.place();
        // Before the place: a message that was seen must not be new after that.
        if let (Some(place), Some(seen)) = (&self.place, client.seen())
            && *seen != self.seen_letters
        {
            self.seen_letters = seen.clone();
            if let Err(err) = place.set_seen(seen) {
                self.notice(format_args!("cannot remember which private messages you have seen: {err}"));
            }
        }
    }

    /// Writes as much as stdout accepts.
    ///
    /// # Errors
    /// Those of stdout.
    pub(super) fn flush(&mut self, registry: &mio::Registry, ready: bool) -> io::Result<()> {
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
            count => self.notice(format_args!("stdout is read too slowly: {} left out", lines(count))),
        }
        Ok(())
    }

    /// Stores the user's place, but only if everything before it was shown: a crash repeats entries rather than loses them.
    fn remember(&mut self) {
        if let (Some(place), Some(seen), true) = (&mut self.place, self.seen, self.output.is_flushed())
            && let Err(err) = place.set(seen)
        {
            self.place = None;
            self.notice(format_args!("cannot remember what you have seen: {err}"));
        }
    }

    /// Shows and stores the rest, after the loop has ended, and returns the result of the visit.
    pub(super) fn conclude(&mut self, client: &Client, end: End, input_ended: bool) -> Result<(), Failure> {
        self.output.finish();
        self.remember();
        let kept = self.outbox.as_ref().is_some_and(|outbox| outbox.len() + outbox.waiting().len() > 0);
        if let Some(outbox) = self.outbox.take()
            && let Err(err) = outbox.close()
        {
            self.cannot_store(&err);
        }
        if self.interactive && end == End::Interrupted {
            // The shell's prompt should begin a line, whatever the user had typed.
            prompt("\n");
        }
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
            // The text dialect allows no better answer.
            End::Quit | End::Interrupted if self.interactive && client.is_text() => Ok(()),
            End::Quit | End::Interrupted if self.interactive && not_confirmed == 0 => Ok(()),
            _ if not_confirmed > 0 || !(input_ended || self.interactive) => {
                let failure = self.not_confirmed(client, input_ended);
                Err(if kept {
                    failure.because("the next join under this nick asks what became of it")
                } else {
                    failure
                })
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
}
