//! `udpchat send --wait` and `--wait-for`: who has received the message.
//!
//! Owns: the keys of those who are waited for, found before anything is sent; how long to wait, and the result of that.
//! Must not know: sockets, how a message is sent.
//! Driven by: `cmd::send`, before and after it posts.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use super::super::{Exit, Failure};
use super::Script;
use crate::cli::ReceivedBy;
use crate::client::{Client, Event, NotWritten};
use crate::net::client::{ClientLoop, Driver, End, Ticked};
use crate::time::Instant;
use crate::ui::sanitize;
use crate::wire::frame::{Watched, Whose};
use crate::wire::{Seq, Who};

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Goal {
    Members(ReceivedBy),
    /// This key, known by that name.
    Key(Who, String),
}

/// What is waited for, one goal after the other.
#[derive(Debug, Default)]
pub(super) struct Goals(VecDeque<Goal>);

/// Asks for keys.
struct Finding<'a> {
    script: &'a mut Script,
    names: VecDeque<&'a str>,
    is_asked: bool,
    goals: Goals,
    failure: Option<Failure>,
}

/// Waits for receipts.
struct Waiting<'a> {
    script: &'a mut Script,
    goals: Goals,
    seq: Seq,
    until: Instant,
    timeout: Duration,
    /// What is known of the first goal: how many of how many.
    known: Option<(u64, u64)>,
    is_asked: bool,
    done: Option<Result<(), Failure>>,
}

impl Goals {
    /// Returns what is to be waited for, once it is known whose keys the names are.
    ///
    /// # Errors
    /// A name is nobody's, or several people's: nothing is to be sent.
    pub(super) fn find(
        client: &mut ClientLoop,
        script: &mut Script,
        (wait, names): (Option<ReceivedBy>, &[String]),
        timeout: Duration,
    ) -> Result<Self, Failure> {
        let goals = Self(wait.map(Goal::Members).into_iter().collect());
        if names.is_empty() {
            return Ok(goals);
        }
        let names = names.iter().map(String::as_str).collect();
        let mut finding = Finding { script, names, is_asked: false, goals, failure: None };
        let end = client.talk(&mut finding)?;
        let Finding { script, goals, failure, .. } = finding;
        match (failure, end) {
            (Some(failure), _) => Err(failure),
            (None, End::Done | End::Quit) => Ok(goals),
            (None, end) => script.conclude(&client.port.client, end, timeout).map(|()| goals),
        }
    }

    /// Waits until everybody has received that entry.
    ///
    /// # Errors
    /// Somebody has not, or cannot be said to have, in time.
    pub(super) fn reach(
        self,
        client: &mut ClientLoop,
        script: &mut Script,
        seq: Seq,
        timeout: Duration,
    ) -> Result<(), Failure> {
        if self.0.is_empty() {
            return Ok(());
        }
        let until = client.now() + timeout;
        let mut waiting =
            Waiting { script, goals: self, seq, until, timeout, known: None, is_asked: false, done: None };
        // A client that has nothing to wait for is done before it begins.
        let now = client.now();
        waiting.ask(now, &mut client.port.client);
        let end = client.talk(&mut waiting)?;
        match (waiting.done.take(), end) {
            (Some(done), _) => done,
            (None, End::Interrupted) => Err(Failure::silent(Exit::Interrupted)),
            (None, End::Over(_) | End::Done | End::Quit) => Err(waiting.not_known()),
        }
    }
}

impl Waiting<'_> {
    fn ask(&mut self, now: Instant, client: &mut Client) {
        let Some(goal) = self.goals.0.front() else { return };
        if !std::mem::replace(&mut self.is_asked, true) {
            client.watch(now, self.seq, goal.watched());
        }
    }

    /// Takes an answer about the first goal.
    fn take(&mut self, (count, of): (u64, u64)) {
        self.known = Some((count, of));
        let failure = |what: String| Some(Err(in_the_room(&what)));
        let is_reached = match self.goals.0.front() {
            Some(Goal::Members(_)) if of == 0 => {
                self.done = failure("nobody is there who could have received it".into());
                false
            }
            Some(Goal::Members(ReceivedBy::Some(wanted))) if of < *wanted => {
                self.done = failure(format!("only {of} of {wanted} are there"));
                false
            }
            Some(Goal::Members(ReceivedBy::Some(wanted))) => count >= *wanted,
            Some(Goal::Key(_, name)) if of == 0 => {
                self.done = failure(format!("{} was not there", sanitize::escaped(name)));
                false
            }
            Some(Goal::Members(ReceivedBy::All) | Goal::Key(..)) => count >= of,
            None => false,
        };
        if is_reached {
            self.goals.0.pop_front();
            (self.known, self.is_asked) = (None, false);
            if self.goals.0.is_empty() {
                self.done = Some(Ok(()));
            }
        }
    }

    fn not_known(&self) -> Failure {
        let within = humantime::format_duration(self.timeout);
        let what = match (self.goals.0.front(), self.known) {
            (Some(Goal::Key(_, name)), Some(_)) => {
                format!("{} has not received it within {within}", sanitize::escaped(name))
            }
            (_, Some((count, of))) => format!("{count} of {of} have received it within {within}"),
            (_, None) => {
                let server = self.script.known.server();
                format!("{server} did not say in time who has received it (is it an older version?)")
            }
        };
        in_the_room(&what)
    }
}

impl Goal {
    /// Returns what to ask for it.
    const fn watched(&self) -> Watched {
        match self {
            Self::Members(_) => Watched::Count,
            Self::Key(who, _) => Watched::Key(*who),
        }
    }
}

/// Returns the failure of a message that has arrived, though not where it was to arrive.
fn in_the_room(but: &str) -> Failure {
    Failure::new(Exit::NotConfirmed, format!("the message is in the room, but {but}"))
}

impl Driver for Finding<'_> {
    fn event(&mut self, now: Instant, client: &Client, event: Event) -> io::Result<()> {
        let Event::Found { name, whom, key, .. } = event else { return self.script.event(now, client, event) };
        let why = match whom {
            Whose::Key => {
                self.goals.0.push_back(Goal::Key(key.who(), name.into()));
                self.names.pop_front();
                self.is_asked = false;
                return Ok(());
            }
            Whose::Several => NotWritten::Several,
            Whose::Text => NotWritten::TextMember,
            Whose::Other(_) => NotWritten::NoAnswer,
            Whose::Nobody => NotWritten::Nobody,
        };
        let exit = if why == NotWritten::NoAnswer { Exit::Unreachable } else { Exit::Refused };
        self.failure = Some(Failure::new(exit, format!("not sent: {}", self.script.known.not_written(&name, &why))));
        Ok(())
    }

    fn tick(&mut self, now: Instant, client: &mut Client) -> Ticked {
        let Some(name) = self.names.front().filter(|_| self.failure.is_none()) else { return Ticked::Done };
        if !std::mem::replace(&mut self.is_asked, true) {
            client.find(now, name);
        }
        Ticked::Never
    }
}

impl Driver for Waiting<'_> {
    fn event(&mut self, now: Instant, client: &Client, event: Event) -> io::Result<()> {
        let Event::Reached { seq, what, count, of, .. } = event else {
            return self.script.event(now, client, event);
        };
        if seq == self.seq && self.done.is_none() {
            if what == Watched::Nothing {
                let what = "the server no longer knows who has received it: it is too old, or was forgotten";
                self.done = Some(Err(in_the_room(what)));
            } else if self.goals.0.front().map(Goal::watched) == Some(what) {
                self.take((count, of));
            }
        }
        Ok(())
    }

    fn tick(&mut self, now: Instant, client: &mut Client) -> Ticked {
        self.ask(now, client);
        if self.done.is_none() && self.until <= now {
            self.done = Some(Err(self.not_known()));
        }
        if self.done.is_some() { Ticked::Done } else { Ticked::At(self.until) }
    }
}
