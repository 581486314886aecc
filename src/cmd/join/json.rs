//! `udpchat join --json`: for programs, which get each event as an object on a line.
//!
//! Owns: which object is written when, and which answers the program still waits for.
//! Must not know: the form of the objects (`cmd::json`), sockets, when lines are sent.
//! Driven by: the client's loop.

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;

use super::super::Failure;
use super::super::json::objects::{NotRead, Object, Wish};
use super::super::json::{Scene, Told, codes};
use super::super::members::Listed;
use super::taken::{Taken, Wrong, may_post};
use super::visit::Visit;
use crate::client::presence::Presence;
use crate::client::{Client, Event, Label};
use crate::net::client::{Driver, End, Next, Ticked};
use crate::time::Instant;
use crate::ui;
use crate::ui::command::{Command, Peace};
use crate::ui::lines::Line;
use crate::wire::Seq;
use crate::wire::frame::{Spot, Watched};
use crate::wire::record::{Name, Record};

/// The most unanswered `fetch`es: their pages have a place although the program reads none of them.
const FETCHES: usize = 4;

/// See the module.
pub(super) struct JsonMode {
    visit: Visit,
    /// The number behind the last earlier entry, until the client has reported that the earlier entries are complete.
    seam: Option<Seq>,
    presence: Presence,
    /// What the program calls its unanswered requests for earlier entries, by their numbers.
    fetches: BTreeMap<u64, Label>,
    /// What it calls its unanswered questions: who is here, and who may do what.
    people: Option<Label>,
    records: Option<Label>,
    /// Whether the input has ended.
    has_ended: bool,
}

/// A part of the answer to `/members`.
#[derive(Debug, Serialize)]
struct Records<'a, T> {
    event: &'static str,
    members: T,
    more: bool,
    may: bool,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
}

impl JsonMode {
    pub(super) fn new(visit: Visit) -> Self {
        Self {
            visit,
            seam: None,
            presence: Presence::default(),
            fetches: BTreeMap::new(),
            people: None,
            records: None,
            has_ended: false,
        }
    }

    /// Reports the end, and returns the result of the visit.
    pub(super) fn conclude(&mut self, client: &Client, end: End, input_ended: bool) -> Result<(), Failure> {
        let done = self.visit.conclude(client, end, input_ended);
        let code = if let End::Over(why) = end { Some(codes::over(why)) } else { None };
        let (exit, why) =
            done.as_ref().map_or_else(|failure| (failure.exit as u8, failure.message.as_deref()), |()| (0, None));
        self.tell(&Told::End { exit, why, code });
        self.visit.output.finish();
        done
    }

    /// Carries out what an object says.
    fn carry_out(&mut self, now: Instant, client: &mut Client, line: &str) -> Next {
        let object = match Object::read(line) {
            Ok(object) => object,
            Err(NotRead { label, why }) => return self.tell_wrong(&Wrong::from(why), &label),
        };
        let done = object.wish().map_err(Wrong::from).and_then(|wish| self.grant(now, client, wish, &object.label));
        match done {
            Ok(Taken { next, parts }) => {
                if parts > 1 {
                    self.tell(&Told::Posted { parts, label: object.label.as_deref() });
                }
                next
            }
            Err(wrong) => self.tell_wrong(&wrong, &object.label),
        }
    }

    fn tell_wrong(&mut self, wrong: &Wrong, label: &Label) -> Next {
        self.visit.note_wrong();
        self.tell(&Told::Wrong { why: &wrong.why, code: wrong.code, label: label.as_deref() });
        Next::Continue
    }

    fn grant(&mut self, now: Instant, client: &mut Client, wish: Wish<'_>, label: &Label) -> Result<Taken, Wrong> {
        let is_for_sessions = matches!(wish, Wish::Watch(..) | Wish::Read(_) | Wish::Skip);
        if is_for_sessions && client.is_text() {
            return Err(Wrong::in_text("plain text knows no numbers of entries"));
        }
        match wish {
            Wish::Commands(commands) => return self.carry_out_all(now, client, commands, label),
            Wish::Follow => {
                self.expect(&Command::Who, label)?;
                self.presence.asked();
                client.ask(now);
            }
            Wish::Fetch(spot, count) => self.fetch(now, client, (spot, count), label)?,
            Wish::Read(before) => client.read(now, before),
            Wish::Watch(seq, what) => client.watch(now, seq, what),
            Wish::Skip => client.skip(now),
        }
        Ok(Next::Continue.into())
    }

    fn carry_out_all(
        &mut self,
        now: Instant,
        client: &mut Client,
        commands: Vec<Command<'_>>,
        label: &Label,
    ) -> Result<Taken, Wrong> {
        let mut done = Taken::from(Next::Continue);
        for (index, command) in commands.into_iter().enumerate() {
            if index == 0 {
                may_post(client, &command)?;
                self.expect(&command, label)?;
            }
            let Taken { next, parts } = self.visit.carry_out(now, client, command, label.clone())?;
            done = Taken { next, parts: done.parts + parts };
        }
        Ok(done)
    }

    /// Notes what the program calls a question.
    fn expect(&mut self, command: &Command<'_>, label: &Label) -> Result<(), Wrong> {
        let question = match command {
            Command::Who => &mut self.people,
            Command::Members | Command::Peace(Peace::Block | Peace::Unblock, "") => &mut self.records,
            Command::Say(_)
            | Command::Act(_)
            | Command::Nick(_)
            | Command::Release(_)
            | Command::Order(_)
            | Command::Invite(_)
            | Command::Write { .. }
            | Command::Reply { .. }
            | Command::Peace(..)
            | Command::Help
            | Command::HelpForOperators
            | Command::Quit => return Ok(()),
        };
        if question.is_some() {
            return Err(Wrong::new("too-many", "the last question of this kind is not answered yet"));
        }
        *question = Some(label.clone());
        Ok(())
    }

    fn fetch(
        &mut self,
        now: Instant,
        client: &mut Client,
        (spot, count): (Spot, u32),
        label: &Label,
    ) -> Result<(), Wrong> {
        let too_many = || Wrong::new("too-many", format!("{FETCHES} requests are not answered yet"));
        if self.fetches.len() >= FETCHES {
            return Err(too_many());
        }
        let id = client.fetch(now, spot, count).map_err(|_| too_many())?;
        self.fetches.insert(id, label.clone());
        Ok(())
    }

    /// Returns what the program calls the question that an event answers.
    fn label_of(&mut self, event: &Event) -> Label {
        if let Event::Page { id, .. } | Event::NoPage { id, .. } = event {
            return self.fetches.remove(id).flatten();
        }
        let (question, more) = if let Event::People { more, .. } = event {
            (&mut self.people, *more)
        } else if let Event::NoPeople { .. } = event {
            (&mut self.people, false)
        } else if let Event::Records { more, .. } = event {
            (&mut self.records, *more)
        } else {
            return None;
        };
        let label = question.clone().flatten();
        question.take_if(|_| !more);
        label
    }

    fn tell_records(&mut self, records: Vec<(Name, Record)>, (more, may): (bool, bool), label: &Label) {
        let mut listed = Listed::default();
        listed.add(records);
        let members = listed.objects();
        let told = Records { event: "members", members, more, may, label: label.as_deref() };
        if let Ok(line) = ui::json::line(&told) {
            self.visit.output.push_plain_line(&line);
        }
    }

    /// Reports whom the user ignores, if that has changed or was asked for.
    fn tell_ignored(&mut self) {
        if !self.visit.take_done().is_empty() {
            let told = Told::ignored(self.visit.ignored());
            if let Ok(line) = ui::json::line(&told) {
                self.visit.output.push_plain_line(&line);
            }
        }
    }

    /// Reports that the earlier entries are complete, if this was the last of them.
    fn tell_now(&mut self, shown_to: Option<Seq>) {
        if self.seam.take_if(|seam| shown_to.is_some_and(|to| to >= *seam)).is_some() {
            self.tell(&Told::Now);
        }
    }

    fn tell(&mut self, told: &Told<'_>) {
        if let Ok(line) = ui::json::line(told) {
            self.visit.output.push_plain_line(&line);
        }
    }

    /// Reports an event that is not hidden.
    fn tell_event(&mut self, client: &Client, mut event: Event, label: &Label) {
        if let Event::Page { entries, .. } = &mut event {
            entries.retain(|entry| !self.visit.hides(entry));
        }
        if let Event::NotWritten { to, line, why, label } = &event {
            let (why, code) = (self.visit.known.not_written(to, why), codes::not_written(why));
            self.tell(&Told::Refused { text: line.into(), why, code, label: label.as_deref() });
        }
        let scene = Scene { label: label.as_deref(), ..Scene::of(client, self.visit.known.own()) };
        if let Some(told) = Told::of(&event, scene) {
            self.tell(&told);
        }
        if let Event::Entry { encoded, .. } = &event
            && let Some((link, label)) = self.visit.link(encoded)
        {
            self.tell(&Told::Invitation { link: link.to_string(), label: label.as_deref() });
        }
        if let Event::Records { records, more, may } = event {
            self.tell_records(records, (more, may), label);
        }
    }
}

impl Driver for JsonMode {
    fn event(&mut self, _: Instant, client: &Client, event: Event) -> io::Result<()> {
        let label = self.label_of(&event);
        if let Some((wrong, of)) = self.visit.observe(client, &event) {
            self.tell(&Told::Wrong {
                why: &wrong.why,
                code: wrong.code,
                label: of.as_ref().or(label.as_ref()).map(|label| &**label),
            });
        }
        self.tell_ignored();
        if let Event::Begins { from, count, .. } = event {
            self.seam = (count > 0).then_some(from + count);
        }
        let changes = self.presence.take(&event);
        let shown_to = event.end();
        if !self.visit.hides(&event) {
            self.tell_event(client, event, &label);
        }
        for change in &changes {
            self.tell(&Told::changed(change));
        }
        self.tell_now(shown_to);
        Ok(())
    }

    fn feed(&mut self, entered: Option<&[u8]>) {
        self.has_ended |= entered.is_none();
        self.visit.feed(entered);
    }

    fn has_entered(&self) -> bool {
        self.visit.has_entered()
    }

    fn take(&mut self, now: Instant, client: &mut Client) -> Option<Next> {
        let next = match self.visit.next_line(now, client)? {
            Line::Text(line) if line.starts_with('{') => self.carry_out(now, client, &line),
            line @ (Line::Text(_) | Line::NotUtf8(_)) => match self.visit.enter(now, client, line) {
                Ok(next) => next,
                Err(wrong) => {
                    self.tell(&Told::Wrong { why: &wrong.why, code: wrong.code, label: None });
                    Next::Continue
                }
            },
        };
        self.tell_ignored();
        Some(next)
    }

    fn takes_entries(&self) -> bool {
        self.visit.output.has_place()
    }

    fn tick(&mut self, now: Instant, client: &mut Client) -> Ticked {
        if self.has_ended && !self.has_entered() && client.is_watching() {
            // Nobody is left who would end it.
            client.watch(now, Seq(0), Watched::Nothing);
        }
        self.visit.tick(now, client);
        Ticked::Never
    }

    fn flush(&mut self, registry: &mio::Registry, ready: bool) -> io::Result<()> {
        self.visit.flush(registry, ready)
    }
}
