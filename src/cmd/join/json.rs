//! `udpchat join --json`: for programs, which get each event as an object on a line.
//!
//! Owns: which object is written when, and which answers the program still waits for.
//! Must not know: the form of the objects (`cmd::json`), sockets, when lines are sent.
//! Driven by: the client's loop.

use std::collections::BTreeMap;
use std::io;
#[cfg(feature = "web")]
use std::net::SocketAddr;

use serde::Serialize;

#[cfg(feature = "web")]
use super::super::act;
use super::super::json::objects::{NotRead, Object, Wish};
use super::super::json::{Scene, Told, codes};
use super::super::members::Listed;
use super::super::{Exit, Failure};
use super::taken::{Taken, Wrong, command_of, may_post};
use super::visit::Visit;
use crate::client::presence::Presence;
use crate::client::{Client, Dialect, Event, Label, NoPage};
use crate::net::client::{Driver, End, Next, Ticked};
use crate::time::Instant;
use crate::ui;
use crate::ui::command::{self, Command, Peace};
use crate::ui::lines::Line;
use crate::wire::Seq;
use crate::wire::frame::{Spot, Watched};
use crate::wire::record::{Name, Record};

/// The most unanswered `fetch`es: their pages have a place although the program reads none of them.
const FETCHES: usize = 4;

/// See the module.
pub(super) struct JsonMode {
    pub(super) visit: Visit,
    /// The number behind the last earlier entry, until the client has reported that the earlier entries are complete.
    seam: Option<Seq>,
    presence: Presence,
    /// What the program calls its unanswered requests for earlier entries, by their numbers.
    fetches: BTreeMap<u64, Label>,
    /// What it calls its unanswered questions: who is here, and who may do what.
    people: Option<Label>,
    records: Option<Label>,
    /// What it calls the entry that it watches.
    watch: Label,
    /// Whether the input has ended.
    has_ended: bool,
    /// Whether the last object could not be read: what follows it may be a piece of it, and is not said.
    is_broken: bool,
    /// Whether the program stores what it posts.
    pub(super) keeps: bool,
    /// The counter below which it has.
    pub(super) stored_below: u64,
    /// Whether the server's key was known before.
    knows_server: bool,
}

/// A question of which one at a time may be unanswered.
#[derive(Clone, Copy, Debug)]
enum Question {
    /// Who is here.
    People,
    /// Who may do what, or whom the user blocks.
    Records,
}

fn question(command: &Command<'_>) -> Option<Question> {
    if matches!(command, Command::Who) {
        return Some(Question::People);
    }
    let is_list = matches!(command, Command::Members | Command::Peace(Peace::Block | Peace::Unblock, ""));
    is_list.then_some(Question::Records)
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
    pub(super) fn new(mut visit: Visit) -> Self {
        visit.keep_lines_whole();
        Self {
            visit,
            seam: None,
            presence: Presence::default(),
            fetches: BTreeMap::new(),
            people: None,
            records: None,
            watch: None,
            has_ended: false,
            is_broken: false,
            keeps: false,
            stored_below: 0,
            knows_server: true,
        }
    }

    /// Reports the end, and returns the result of the visit.
    pub(super) fn conclude(&mut self, client: &Client, end: End, input_ended: bool) -> Result<(), Failure> {
        let unanswered = Wrong::new("no-answer", "there was no answer before the end");
        self.give_up_questions(&unanswered);
        for (_, label) in std::mem::take(&mut self.fetches) {
            let event = Event::NoPage { id: 0, why: NoPage::NoAnswer };
            self.tell_event(client, event, &label);
        }
        let mut done = self.visit.conclude(client, end, input_ended);
        let code = if let End::Over(why) = end { Some(codes::over(why)) } else { None };
        let (exit, why) = match &done {
            Ok(()) => (0, None),
            Err(failure) => (failure.exit as u8, failure.message.as_deref()),
        };
        self.tell(&Told::End { exit, why, code });
        if !self.visit.output.finish() && done.is_ok() {
            done = Err(Failure::new(Exit::Failure, "stdout did not take everything: outcomes are missing there"));
        }
        done
    }

    /// Reports that questions will not be answered.
    fn give_up_questions(&mut self, wrong: &Wrong) {
        let labels: Vec<_> = [self.people.take(), self.records.take()].into_iter().flatten().collect();
        let names = self.visit.wanted.drain(..).map(|(.., label)| label);
        for label in labels.into_iter().chain(names.collect::<Vec<_>>()) {
            self.tell_wrong(wrong, &label);
        }
    }

    /// Carries out a line of the input.
    fn carry_out_line(&mut self, now: Instant, client: &mut Client, line: Line) -> Next {
        let Line::Text(text) = &line else {
            // It may have been an object.
            self.is_broken = true;
            return self.enter(now, client, line, None);
        };
        let object = text.trim_start_matches(|character: char| character == '\u{feff}' || character.is_whitespace());
        if object.starts_with(['{', '[']) {
            return self.carry_out(now, client, object);
        }
        if self.is_broken {
            let why = "not said: it is behind something that is no object, and may be a piece of it";
            return self.tell_wrong(&Wrong::new("malformed", why), &None);
        }
        let question = command::parse(text).ok().and_then(|command| question(&command));
        if let Err(wrong) = self.may_ask(question) {
            return self.tell_wrong(&wrong, &None);
        }
        self.enter(now, client, line, question)
    }

    /// Carries out a line that is no object, and may be a question.
    fn enter(&mut self, now: Instant, client: &mut Client, line: Line, question: Option<Question>) -> Next {
        match self.visit.enter(now, client, line) {
            Ok(next) => {
                self.note(question, &None);
                next
            }
            Err(wrong) => {
                self.tell(&Told::Wrong { why: &wrong.why, code: wrong.code, label: None });
                Next::Continue
            }
        }
    }

    /// Carries out what an object says.
    pub(super) fn carry_out(&mut self, now: Instant, client: &mut Client, line: &str) -> Next {
        let object = Object::read(line);
        self.is_broken = object.as_ref().is_err_and(|not_read| !not_read.is_object);
        let object = match object {
            Ok(object) => object,
            Err(NotRead { label, why, .. }) => return self.tell_wrong(&Wrong::from(why), &label),
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
        if is_for_sessions && !self.visit.has_joined() {
            return Err(Wrong::new("not-joined", "there are no entries before the client is in the room"));
        }
        match wish {
            Wish::Commands(commands) => return self.carry_out_all(now, client, commands, label),
            Wish::Follow => {
                self.may_ask(Some(Question::People))?;
                self.presence.asked();
                client.ask(now);
                self.note(Some(Question::People), label);
            }
            Wish::Fetch(spot, count) => self.fetch(now, client, (spot, count), label)?,
            Wish::Read(before) => client.read(now, before),
            Wish::Watch(seq, what) => {
                self.watch.clone_from(label);
                client.watch(now, seq, what);
            }
            Wish::Skip => client.skip(now, 0),
            Wish::Typed(text) => return self.carry_out_all(now, client, vec![command_of(text)?], label),
            Wish::Stored(below) if self.keeps => {
                self.stored_below = self.stored_below.max(below);
                client.stored_below(below);
            }
            Wish::Settled(post) if self.keeps => client.note(post),
            Wish::Stored(_) | Wish::Settled(_) => {
                return Err(Wrong::new("no-effect", "udpchat stores what this program posts"));
            }
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
            let question = question(&command);
            if index == 0 {
                may_post(client, &command)?;
                self.may_ask(question)?;
            }
            let Taken { next, parts } = self.visit.carry_out(now, client, command, label.clone())?;
            self.note(question, label);
            done = Taken { next, parts: done.parts + parts };
        }
        Ok(done)
    }

    /// Checks that no question of that kind is unanswered.
    ///
    /// # Errors
    /// One is.
    fn may_ask(&self, question: Option<Question>) -> Result<(), Wrong> {
        let is_asked = match question {
            Some(Question::People) => self.people.is_some(),
            Some(Question::Records) => self.records.is_some(),
            None => false,
        };
        if is_asked {
            return Err(Wrong::new("too-many", "the last question of this kind is not answered yet"));
        }
        Ok(())
    }

    /// Notes what the program calls a question that was asked.
    fn note(&mut self, question: Option<Question>, label: &Label) {
        match question {
            Some(Question::People) => self.people = Some(label.clone()),
            Some(Question::Records) => self.records = Some(label.clone()),
            None => {}
        }
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
        if let Event::Reached { .. } = event {
            return self.watch.clone();
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
    pub(super) fn tell_ignored(&mut self) {
        let mut done = self.visit.take_done();
        #[cfg(feature = "web")]
        if self.keeps {
            done.iter().for_each(|(text, _)| self.tell(&Told::Notice { text }));
        }
        if let Some((_, label)) = done.pop() {
            let told = Told::ignored(self.visit.ignored(), label.as_deref());
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

    pub(super) fn tell(&mut self, told: &Told<'_>) {
        let Ok(line) = ui::json::line(told) else { return };
        if told.is_unstoppable() {
            self.visit.output.push_plain_line_if_place(&line);
        } else {
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
            self.tell(&Told::Refused { text: line.into(), why, code, post: None, label: label.as_deref() });
        }
        let Self { keeps, knows_server, .. } = *self;
        let scene = Scene { label: label.as_deref(), keeps, knows_server, ..Scene::of(client, self.visit.known.own()) };
        if let Some(told) = Told::of(&event, scene) {
            self.tell(&told);
        }
        if let Event::Entry { encoded, .. } = &event
            && let Some((link, label)) = self.visit.link(encoded)
        {
            self.tell(&Told::Invitation { link: link.to_string(), label: label.as_deref() });
            #[cfg(feature = "web")]
            if self.keeps && link.server.to_string().parse::<SocketAddr>().is_ok() {
                // A name would have to be looked up, and the loop would wait for that.
                act::caution(&link.server).into_iter().for_each(|text| self.tell(&Told::Notice { text }));
            }
        }
        if let Event::Records { records, more, may } = event {
            self.tell_records(records, (more, may), label);
        }
    }
}

impl Driver for JsonMode {
    fn event(&mut self, _: Instant, client: &Client, event: Event) -> io::Result<()> {
        let label = self.label_of(&event);
        if let Event::Joined(_) = event {
            self.knows_server = self.visit.known.pinned().is_some();
        }
        if event == Event::Joined(Dialect::Text) {
            self.give_up_questions(&Wrong::in_text("plain text has no answer to that"));
        }
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
        self.visit.feed(entered);
        self.has_ended |= entered.is_none() && !self.has_entered();
    }

    fn has_entered(&self) -> bool {
        self.visit.has_entered()
    }

    fn takes_input(&self) -> bool {
        self.visit.output.has_place()
    }

    fn take(&mut self, now: Instant, client: &mut Client) -> Option<Next> {
        let line = self.visit.next_line(now, client)?;
        let next = self.carry_out_line(now, client, line);
        self.has_ended |= next != Next::Continue;
        self.tell_ignored();
        Some(next)
    }

    fn takes_entries(&self) -> bool {
        self.visit.output.has_place()
    }

    fn tick(&mut self, now: Instant, client: &mut Client) -> Ticked {
        if self.has_ended && client.is_watching() {
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
