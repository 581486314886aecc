//! `udpchat join` for people: the original's line mode.
//!
//! Owns: its prompt, what it shows and what it tells the user.
//! Must not know: sockets, when lines are sent.
//! Driven by: the client's loop.

use std::fmt;
use std::io;
use std::time::Duration;

use super::super::members::Listed;
use super::super::talk::{away, quiet};
use super::super::{Failure, act};
use super::visit::Visit;
use crate::client::{Client, Dialect, Event, Person, Private, Room, Said};
use crate::net::client::{Driver, End, Next, Ticked};
use crate::time::Instant;
use crate::ui::when::Calendar;
use crate::ui::{self, notice, orders, prompt, room, sanitize};
use crate::wire::entry::{Act, Entry};
use crate::wire::frame::{GapReason, PersonId, PostKind};
use crate::wire::packet::PROBE;
use crate::wire::record::{Name, Record, Role};
use crate::wire::text::JOINED;
use crate::wire::{Refusal, Seq, Timestamp, Who};

/// The original's prompt.
const PROMPT: &str = " ";

/// How long a server may take to answer before its user is told. Chosen: longer than most paths take.
const PATIENCE: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct LineMode {
    visit: Visit,
    /// The user's key.
    own: Option<Who>,
    /// Whether the user asked for text.
    is_forced: bool,
    /// The buffer in which lines are rendered; kept for its memory.
    rendered: String,
    /// The people who are here, as far as the server has told.
    people: Vec<String>,
    /// What the user was told of the room.
    room: Option<Room>,
    /// The members, likewise.
    members: Listed,
    calendar: Calendar,
    seam: Option<Seam>,
    /// The number before which the user has read everything elsewhere, until the first entry behind it is shown.
    unread: Option<Seq>,
    keys: room::Keys,
    /// When the user is told that the server has not answered yet, and whether that was done.
    tells_to_wait: Option<Instant>,
    is_told_to_wait: bool,
}

/// The entries from before the client came.
#[derive(Clone, Copy, Debug)]
struct Seam {
    count: u64,
    /// The number of the first of them.
    begin: Seq,
    /// The number behind the last of them.
    end: Seq,
    resumed: bool,
    is_told: bool,
}

impl LineMode {
    /// Shows the first prompt.
    pub(super) fn new(visit: Visit, own: Option<Who>, is_forced: bool) -> Self {
        let calendar = Calendar::local();
        let mode = Self {
            visit,
            own,
            is_forced,
            rendered: String::new(),
            people: Vec::new(),
            room: None,
            members: Listed::default(),
            calendar,
            seam: None,
            unread: None,
            keys: room::Keys::default(),
            tells_to_wait: None,
            is_told_to_wait: false,
        };
        mode.prompt();
        mode
    }

    fn prompt(&self) {
        if self.visit.interactive {
            prompt(PROMPT);
        }
    }

    /// Announces the earlier entries before the first of them. Returns false if the event is not to be shown at all.
    fn begin(&mut self, event: &Event) -> bool {
        if let Event::Begins { from, count, resumed, .. } = *event {
            self.seam = (count > 0).then_some(Seam { count, begin: from, end: from + count, resumed, is_told: false });
        } else if self.visit.hides(event) {
            self.count_out(1);
            return false;
        } else if let Event::Private(private) = event {
            self.tell_seam(Some(private.at));
        } else if let Event::Entry { ref encoded, .. } = *event {
            let entry = Entry::decode_with_time(encoded);
            if entry.is_some_and(|(entry, _)| self.is_own_leaving(&entry)) {
                return false;
            }
            self.tell_seam(entry.and_then(|(_, at)| at));
        } else if let Event::Gap { count, why: GapReason::Void, .. } = *event {
            self.count_out(count);
            return false;
        } else if let Event::Gap { .. } = *event {
            self.tell_seam(None);
        }
        true
    }

    /// Returns whether the entry is the user's own leaving of the last visit, which is no news. It can only come first.
    fn is_own_leaving(&mut self, entry: &Entry<'_>) -> bool {
        if !self.seam.as_ref().is_some_and(|seam| seam.resumed && !seam.is_told) {
            return false;
        }
        let is_own = matches!(entry, Entry::Left { who, .. } if Some(*who) == self.own);
        if is_own {
            self.count_out(1);
        }
        is_own
    }

    /// Notes that so many of the earlier entries are not shown.
    fn count_out(&mut self, count: u64) {
        if let Some(seam) = &mut self.seam {
            seam.count = seam.count.saturating_sub(count);
            if seam.count == 0 {
                self.seam = None;
            }
        }
    }

    /// Announces the earlier entries, before the first of them.
    fn tell_seam(&mut self, at: Option<Timestamp>) {
        let Some(seam) = self.seam.as_mut().filter(|seam| !seam.is_told) else { return };
        seam.is_told = true;
        let (count, resumed) = (seam.count, seam.resumed);
        let since = at.map_or_else(String::new, |at| format!(", since {}", self.calendar.minute(at)));
        if resumed {
            self.notice(format_args!("--- {count} since you were last here{since} ---"));
        } else {
            self.notice(format_args!("--- {count} earlier{since} ---"));
        }
    }

    /// Says where the user stopped reading on another device, between the entry before and the one that ends at `shown_to`: only among
    /// earlier entries, of which some are before it.
    fn tell_unread(&mut self, shown_to: Option<Seq>) {
        let Some(shown_to) = shown_to else { return };
        let Some(unread) = self.unread.take_if(|unread| *unread < shown_to) else { return };
        let is_between = self.seam.as_ref().is_some_and(|seam| seam.is_told && unread > seam.begin);
        if is_between {
            self.notice("--- you have read up to here elsewhere ---");
        }
    }

    /// Prints a notice for the user, after everything shown before.
    fn notice(&mut self, what: impl fmt::Display) {
        self.visit.output.flush_some();
        notice(what);
    }

    fn show(&mut self, client: &Client, event: Event) {
        let server = client.server();
        match event {
            Event::Received(text) => {
                let [line, end] = without_probe(&text);
                self.visit.output.push_line(&[room::mark_of_text(&text), line, end]);
            }
            Event::Entry { encoded, .. } => self.show_entry(&encoded),
            Event::Private(private) => self.show_private(&private),
            Event::NotWritten { to, line, why, .. } => {
                notice(format_args!("not sent to {}: {}", sanitize::escaped(&to), sanitize::escaped(&line)));
                notice(self.visit.known.not_written(&to, &why));
            }
            Event::Gap { count, why, .. } => {
                let (messages, are) = if count == 1 { ("message", "is") } else { ("messages", "are") };
                match why {
                    GapReason::Gone => self.notice(format_args!("{count} earlier {messages} {are} gone")),
                    GapReason::Unreadable => self
                        .notice(format_args!("the server cannot read {count} earlier {messages}: its log is damaged")),
                    GapReason::Joined => self.notice(format_args!("{count} joined")),
                    GapReason::Left => self.notice(format_args!("{count} left")),
                    GapReason::CameAndWent => self.notice(format_args!("{count} came or went")),
                    GapReason::Void => {}
                    GapReason::Skipped => self.notice(format_args!("{count} {messages} skipped")),
                    GapReason::Other(_) => {
                        self.notice(format_args!("the server does not send {count} earlier {messages}"));
                    }
                }
            }
            // In plain text the screen is the original's.
            Event::Joined(Dialect::Session { .. }) => self.visit.output.begin_lines_in_fresh_rows(),
            Event::Joined(Dialect::Text) if !self.is_forced => {
                notice("original server: plain text, best effort");
            }
            Event::Begins { .. }
            | Event::Joined(_)
            | Event::Confirmed { .. }
            | Event::Pong { .. }
            | Event::Here { .. }
            | Event::Held { .. }
            | Event::Barred { .. }
            | Event::Contact { .. }
            | Event::Found { .. }
            | Event::Page { .. }
            | Event::NoPage { .. }
            | Event::Reached { .. }
            | Event::Behind { .. }
            | Event::Failed(..)
            | Event::Over(_) => {}
            Event::NotTaken { kind, line, why, .. } => self.refused(kind, &line, why),
            Event::Lost { line, .. } => {
                // With a server that never returns lines this would appear for each of them.
                if !self.visit.interactive || client.tells_of_lines() || !client.is_here() {
                    notice(format_args!("not confirmed: {}", sanitize::escaped(&line)));
                }
            }
            Event::Room(room) => self.show_room(&room),
            Event::Read { before } => self.unread = Some(before),
            Event::Records { records, more, may } => self.show_members(records, more, may),
            Event::Renamed(nick) => notice(format_args!("you are {nick} now")),
            Event::Away(why) => notice(away(server, why, self.visit.timeout, &self.visit.known)),
            Event::Back => notice(format_args!("{server} is back")),
            Event::Quiet(since) => notice(quiet(server, since)),
            Event::AnotherLog => self.notice(format_args!("{server} has begun a new room: earlier messages are gone")),
            Event::TextIgnored => {
                notice(format_args!("{server} answers in plain text: ignored, for a session is required"))
            }
            Event::People { people, more } => self.show_people(&people, more),
            Event::NoPeople { .. } => {}
        }
    }

    fn refused(&mut self, kind: PostKind, line: &str, why: Refusal) {
        match kind {
            PostKind::Rename => {
                let why = self.visit.known.refused(why);
                notice(format_args!("nick not changed to {}: {why}", sanitize::escaped(line)));
            }
            PostKind::Release => {
                notice(format_args!("the nick {} was not released: {why}", sanitize::escaped(line)));
            }
            PostKind::Order => notice(format_args!("{}: {why}", orders::describe(line))),
            PostKind::Say | PostKind::Act | PostKind::Private | PostKind::Other(_) => {
                notice(format_args!("not sent, {why}: {}", sanitize::escaped(line)));
            }
        }
    }

    fn show_entry(&mut self, encoded: &[u8]) {
        // Skip entries that only a newer server knows.
        let Some(entry) = Entry::decode(encoded) else { return };
        if let Some(seam) = self.keys.seam(&entry) {
            self.notice(seam);
        }
        if let Entry::Acted { act: act @ (Act::Block | Act::Unblock), whom, of, .. } = entry {
            let (of, takes) = (sanitize::escaped(of), if act == Act::Block { "can no longer" } else { "can again" });
            let who = whom.to_string();
            return self
                .notice(format_args!("{of} ({}) {takes} write to you in private (the room is not told)", &who[..8]));
        }
        entry.render(&mut self.rendered);
        if let Entry::Acted { act: Act::Mute | Act::Ban, until, .. } = entry
            && until != Timestamp::default()
        {
            self.rendered.push_str(&format!(" until {}", self.calendar.minute(until)));
        }
        self.visit.output.push_line(&[room::mark(&entry), &self.rendered]);
        if let Some((link, _)) = self.visit.link(encoded) {
            self.notice("the invitation, to be passed on:");
            ui::link(&link);
            act::caution(&link.server).into_iter().for_each(notice);
        }
    }

    /// Shows a private message.
    fn show_private(&mut self, private: &Private) {
        if let Some(what) = self.visit.introduce(private) {
            self.notice(what);
        }
        let nick = sanitize::escaped(&private.nick);
        match &private.said {
            Said::Text { missing: missing @ 1.., .. } => {
                let (messages, are) = if *missing == 1 { ("message", "is") } else { ("messages", "are") };
                self.notice(format_args!("{missing} private {messages} of {nick} {are} missing before the next one"));
            }
            Said::Repeated => self.notice(format_args!(
                "the server delivered a private message of {nick} once more: this copy is not shown"
            )),
            Said::Unreadable => self.notice(format_args!(
                "a private message that is said to be from {nick} does not open: it was changed on its way, or is for another key"
            )),
            Said::Text { .. } | Said::Own(_) => {}
        }
        if let Some(line) = super::super::private::line(private) {
            self.visit.output.push_line(&[&line]);
        }
    }

    fn show_members(&mut self, records: Vec<(Name, Record)>, more: bool, may: bool) {
        if !may {
            return notice("this list is for operators");
        }
        self.members.add(records);
        if !more {
            let members = std::mem::take(&mut self.members);
            if members.is_empty() {
                // Only a list of whom the user blocks has nobody in it.
                notice("nobody is blocked");
            }
            members.lines().for_each(notice);
        }
    }

    fn show_room(&mut self, room: &Room) {
        if self.room.as_ref() == Some(room) {
            return;
        }
        self.room = Some(room.clone());
        if !room.topic.is_empty() {
            self.notice(format_args!("topic: {}", sanitize::escaped(&room.topic)));
        }
        if room.role >= Role::Operator {
            self.notice(format_args!("you are {} here (/help op shows what you may do)", orders::a_role(room.role)));
        }
    }

    /// Shows and stores the rest, and returns the result of the visit.
    pub(super) fn conclude(&mut self, client: &Client, end: End, input_ended: bool) -> Result<(), Failure> {
        self.visit.conclude(client, end, input_ended)
    }

    fn show_people(&mut self, people: &[Person], more: bool) {
        self.people.extend(people.iter().map(|Person { id, nick, .. }| match id {
            PersonId::Key(who) => format!("{} ({})", room::nick_in_list(nick), &who.to_string()[..8]),
            PersonId::Text(_) | PersonId::Other(_) => format!("{} (unverified)", room::nick_in_list(nick)),
        }));
        if !more {
            let people = std::mem::take(&mut self.people);
            notice(format_args!("{} here: {}", people.len(), people.join(", ")));
        }
    }
}

impl Driver for LineMode {
    fn event(&mut self, _: Instant, client: &Client, event: Event) -> io::Result<()> {
        if let Some((wrong, _)) = self.visit.observe(client, &event) {
            notice(wrong.why);
        }
        self.visit.take_done().into_iter().for_each(|(done, _)| notice(done));
        if !self.begin(&event) {
            return Ok(());
        }
        let shown_to = event.end();
        self.tell_unread(shown_to);
        self.show(client, event);
        if self.seam.take_if(|seam| shown_to.is_some_and(|to| to >= seam.end)).is_some() {
            self.notice("--- now ---");
        }
        Ok(())
    }

    fn feed(&mut self, entered: Option<&[u8]>) {
        self.visit.feed(entered);
    }

    fn has_entered(&self) -> bool {
        self.visit.has_entered()
    }

    fn take(&mut self, now: Instant, client: &mut Client) -> Option<Next> {
        let line = self.visit.next_line(now, client)?;
        let next = self.visit.enter(now, client, line).unwrap_or_else(|wrong| {
            notice(wrong.why);
            Next::Continue
        });
        self.visit.take_done().into_iter().for_each(|(done, _)| notice(done));
        if next == Next::Continue {
            self.prompt();
        }
        Some(next)
    }

    fn takes_entries(&self) -> bool {
        self.visit.output.has_place()
    }

    fn tick(&mut self, now: Instant, client: &mut Client) -> Ticked {
        self.visit.tick(now, client);
        if !self.visit.interactive || self.visit.has_joined() || self.is_told_to_wait {
            return Ticked::Never;
        }
        let at = *self.tells_to_wait.get_or_insert(now + PATIENCE);
        if now < at {
            return Ticked::At(at);
        }
        self.is_told_to_wait = true;
        notice(format_args!("no answer from {} yet", client.server()));
        Ticked::Never
    }

    fn flush(&mut self, registry: &mio::Registry, ready: bool) -> io::Result<()> {
        self.visit.flush(registry, ready)
    }
}

/// Returns a text line for display: an announcement that has the mark of a probe looks like any other.
fn without_probe(line: &str) -> [&str; 2] {
    let nick = line.strip_suffix(JOINED).and_then(|nick| nick.strip_suffix(PROBE));
    nick.map_or([line, ""], |nick| [nick, JOINED])
}
