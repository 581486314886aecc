//! What a person is told of the room's events, in words.
//!
//! Owns: the words, the seams between what is old and what is new, what is not worth a word.
//! Must not know: how it is shown.
//! Driven by: the drivers for people, `lines` and `terminal`.

use std::collections::BTreeMap;
use std::fmt;

use super::super::act;
use super::super::members::Listed;
use super::super::talk::{away, quiet};
use super::visit::Visit;
use crate::client::{Client, Dialect, Event, Person, Private, Room, Said};
use crate::ui::when::Calendar;
use crate::ui::{orders, room, sanitize};
use crate::wire::entry::{Act, Entry};
use crate::wire::frame::{GapReason, PersonId, PostKind, Watched};
use crate::wire::packet::PROBE;
use crate::wire::record::{Name, Record, Role};
use crate::wire::text::JOINED;
use crate::wire::{Refusal, Seq, Timestamp, Who};

/// The most keys whose nicks are remembered. Chosen: more than anybody reads.
const NICKS_MAX: usize = 4096;

/// Something to be shown.
#[derive(Debug)]
pub(super) enum Shown {
    /// A line of the room. Nothing in it is escaped.
    Line(Line),
    /// A message of this program.
    Notice(String),
    /// A link for the user to copy.
    Link(String),
}

/// A line of the room.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) sort: Sort,
    /// What stands before it if it is not verified.
    pub(super) mark: &'static str,
    pub(super) text: String,
    /// Whose it is.
    pub(super) author: Option<(Who, String)>,
    /// When it was committed.
    pub(super) at: Option<Timestamp>,
}

/// What kind of line it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Said,
    Did,
    Joined,
    Left,
    Private,
    /// Anything else in the log.
    Other,
    /// Of a text member, or in a room that speaks text.
    Text,
}

impl Line {
    const fn of(sort: Sort, text: String) -> Self {
        Self { sort, mark: "", text, author: None, at: None }
    }
}

fn sort(entry: &Entry<'_>) -> (Sort, Option<(Who, String)>) {
    let author = |who, nick: &str| Some((who, nick.to_owned()));
    match *entry {
        Entry::Line { .. } => (Sort::Text, None),
        Entry::Said { who, nick, .. } => (Sort::Said, author(who, nick)),
        Entry::Did { who, nick, .. } => (Sort::Did, author(who, nick)),
        Entry::Joined { who, nick } => (Sort::Joined, author(who, nick)),
        Entry::Left { who, nick, .. } => (Sort::Left, author(who, nick)),
        Entry::Renamed { who, nick, .. } | Entry::Acted { who, nick, .. } => (Sort::Other, author(who, nick)),
        Entry::Private { who, nick, .. } => (Sort::Private, author(who, nick)),
    }
}

/// See the module.
pub(super) struct Teller {
    /// The user's key.
    own: Option<Who>,
    /// Whether the user asked for text.
    is_forced: bool,
    shown: Vec<Shown>,
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
    /// What keys are called, as far as they were shown.
    nicks: BTreeMap<Who, Box<str>>,
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

impl Teller {
    pub(super) fn new(own: Option<Who>, is_forced: bool) -> Self {
        Self {
            own,
            is_forced,
            shown: Vec::new(),
            people: Vec::new(),
            room: None,
            members: Listed::default(),
            calendar: Calendar::local(),
            seam: None,
            unread: None,
            keys: room::Keys::default(),
            nicks: BTreeMap::new(),
        }
    }

    /// Returns what to show for an event, in that order.
    pub(super) fn tell(&mut self, visit: &mut Visit, client: &Client, event: Event) -> Vec<Shown> {
        if let Some((wrong, _)) = visit.observe(client, &event) {
            self.say(wrong.why);
        }
        visit.take_done().into_iter().for_each(|(done, _)| self.say(done));
        if self.begin(visit, &event) {
            let shown_to = event.end();
            self.tell_unread(shown_to);
            self.show(visit, client, event);
            if self.seam.take_if(|seam| shown_to.is_some_and(|to| to >= seam.end)).is_some() {
                self.say("--- now ---");
            }
        }
        std::mem::take(&mut self.shown)
    }

    /// Whether what comes now is from before the user came.
    pub(super) const fn is_replaying(&self) -> bool {
        self.seam.is_some()
    }

    fn say(&mut self, what: impl fmt::Display) {
        self.shown.push(Shown::Notice(what.to_string()));
    }

    /// Announces the earlier entries before the first of them. Returns false if the event is not to be shown at all.
    fn begin(&mut self, visit: &Visit, event: &Event) -> bool {
        if let Event::Begins { from, count, resumed, .. } = *event {
            self.seam = (count > 0).then_some(Seam { count, begin: from, end: from + count, resumed, is_told: false });
        } else if visit.hides(event) {
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
            self.say(format_args!("--- {count} since you were last here{since} ---"));
        } else {
            self.say(format_args!("--- {count} earlier{since} ---"));
        }
    }

    /// Says where the user stopped reading on another device, between the entry before and the one that ends at `shown_to`: only among
    /// earlier entries, of which some are before it.
    fn tell_unread(&mut self, shown_to: Option<Seq>) {
        let Some(shown_to) = shown_to else { return };
        let Some(unread) = self.unread.take_if(|unread| *unread < shown_to) else { return };
        let is_between = self.seam.as_ref().is_some_and(|seam| seam.is_told && unread > seam.begin);
        if is_between {
            self.say("--- you have read up to here elsewhere ---");
        }
    }

    fn show(&mut self, visit: &mut Visit, client: &Client, event: Event) {
        let server = client.server();
        match event {
            Event::Received(text) => {
                let [line, end] = without_probe(&text);
                let line = Line { mark: room::mark_of_text(&text), ..Line::of(Sort::Text, format!("{line}{end}")) };
                self.shown.push(Shown::Line(line));
            }
            Event::Entry { encoded, .. } => self.show_entry(visit, &encoded),
            Event::Private(private) => self.show_private(visit, &private),
            Event::NotWritten { to, line, why, .. } => {
                self.say(format_args!("not sent to {}: {}", sanitize::escaped(&to), sanitize::escaped(&line)));
                self.say(visit.known.not_written(&to, &why));
            }
            Event::Gap { count, why, .. } => room::gap(count, why).into_iter().for_each(|gap| self.say(gap)),
            Event::Joined(Dialect::Text) if !self.is_forced => {
                self.say("original server: plain text, best effort");
            }
            Event::Page { .. }
            | Event::NoPage { .. }
            | Event::Reached { .. }
            | Event::Confirmed { seq: Some(_), .. } => {
                self.show_looked_up(visit, client, event);
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
            | Event::Behind { .. }
            | Event::Failed(..)
            | Event::Over(_) => {}
            Event::NotTaken { kind, line, why, .. } => self.say(refused(visit, kind, &line, why)),
            Event::Lost { line, .. } => {
                // With a server that never returns lines this would appear for each of them.
                if !visit.interactive || client.tells_of_lines() || !client.is_here() {
                    self.say(format_args!("not confirmed: {}", sanitize::escaped(&line)));
                }
            }
            Event::Room(room) => self.show_room(&room),
            Event::Read { before } => self.unread = Some(before),
            Event::Records { records, more, may } => self.show_members(records, more, may),
            Event::Renamed(nick) => self.say(format_args!("you are {nick} now")),
            Event::Away(why) => self.say(away(server, why, visit.timeout, &visit.known)),
            Event::Back => self.say(format_args!("{server} is back")),
            Event::Quiet(since) => self.say(quiet(server, since)),
            Event::AnotherLog => self.say(format_args!("{server} has begun a new room: earlier messages are gone")),
            Event::TextIgnored => {
                self.say(format_args!("{server} answers in plain text: ignored, for a session is required"))
            }
            Event::People { people, more } => self.show_people(&people, more),
            Event::NoPeople { .. } => {}
        }
    }

    /// Shows what the user has looked up, and notes what can be.
    fn show_looked_up(&mut self, visit: &mut Visit, client: &Client, event: Event) {
        if let Event::Page { .. } = event {
            let Some((above, entries)) = visit.looks.take(event) else { return };
            self.say(above);
            for entry in entries.into_iter().filter(|entry| !visit.hides(entry)).collect::<Vec<_>>() {
                self.show(visit, client, entry);
            }
            self.say("--- until here ---");
        } else if let Event::NoPage { id, .. } = event {
            if visit.looks.lose(id) {
                self.say("the server did not say what was before (is it an older version?)");
            }
        } else if let Event::Confirmed { seq: Some(seq), .. } = event {
            visit.looks.note(seq);
        } else if let Event::Reached { what: what @ (Watched::Names | Watched::Nothing), count, of, by, .. } = event
            && std::mem::take(&mut visit.looks.wants_names)
        {
            let names: Vec<_> = by.iter().map(|who| self.name_of(*who)).collect();
            let names = if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) };
            if what == Watched::Names {
                self.say(format_args!("{count} of {of} have received what you said last{names}"));
            } else {
                self.say("the server does not know any more who has received that");
            }
        }
    }

    fn show_entry(&mut self, visit: &mut Visit, encoded: &[u8]) {
        // Skip entries that only a newer server knows.
        let Some((entry, at)) = Entry::decode_with_time(encoded) else { return };
        if let Some(seam) = self.keys.seam(&entry) {
            self.say(seam);
        }
        let mut text = room::words(&entry);
        if let Entry::Acted { act: Act::Block | Act::Unblock, .. } = entry {
            return self.say(sanitize::escaped(&text));
        }
        if let Entry::Acted { act: Act::Mute | Act::Ban, until, .. } = entry
            && until != Timestamp::default()
        {
            text.push_str(&format!(" until {}", self.calendar.minute(until)));
        }
        let (sort, author) = sort(&entry);
        if let Some((who, nick)) = &author {
            self.meet(*who, nick);
        }
        let line = Line { mark: room::mark(&entry), at, author, ..Line::of(sort, text) };
        self.shown.push(Shown::Line(line));
        if let Some((link, _)) = visit.link(encoded) {
            self.say("the invitation, to be passed on:");
            self.shown.push(Shown::Link(link.to_string()));
            act::caution(&link.server).into_iter().for_each(|caution| self.say(caution));
        }
    }

    /// Shows a private message.
    fn show_private(&mut self, visit: &mut Visit, private: &Private) {
        if let Some(what) = visit.introduce(private) {
            self.say(what);
        }
        about_private(private).into_iter().for_each(|about| self.say(about));
        if let Some(line) = super::super::private::line(private) {
            let author = Some((private.who, private.nick.clone()));
            let line = Line { at: Some(private.at), author, ..Line::of(Sort::Private, line) };
            self.shown.push(Shown::Line(line));
        }
    }

    fn show_members(&mut self, records: Vec<(Name, Record)>, more: bool, may: bool) {
        if !may {
            return self.say("this list is for operators");
        }
        self.members.add(records);
        if !more {
            let members = std::mem::take(&mut self.members);
            if members.is_empty() {
                // Only a list of whom the user blocks has nobody in it.
                self.say("nobody is blocked");
            }
            members.lines().for_each(|line| self.say(line));
        }
    }

    fn show_room(&mut self, room: &Room) {
        if self.room.as_ref() == Some(room) {
            return;
        }
        self.room = Some(room.clone());
        if !room.topic.is_empty() {
            self.say(format_args!("topic: {}", sanitize::escaped(&room.topic)));
        }
        if room.role >= Role::Operator {
            self.say(format_args!("you are {} here (/help op shows what you may do)", orders::a_role(room.role)));
        }
    }

    /// Returns what somebody is called.
    fn name_of(&self, who: Who) -> String {
        let short = &who.to_string()[..8];
        self.nicks.get(&who).map_or_else(|| format!("key {short}"), |nick| room::nick_in_list(nick))
    }

    /// Notes what somebody is called.
    fn meet(&mut self, who: Who, nick: &str) {
        if self.nicks.len() < NICKS_MAX || self.nicks.contains_key(&who) {
            self.nicks.insert(who, nick.into());
        }
    }

    fn show_people(&mut self, people: &[Person], more: bool) {
        self.people.extend(people.iter().map(|Person { id, nick, .. }| match id {
            PersonId::Key(who) => format!("{} ({})", room::nick_in_list(nick), &who.to_string()[..8]),
            PersonId::Text(_) | PersonId::Other(_) => format!("{} (unverified)", room::nick_in_list(nick)),
        }));
        if !more {
            let people = std::mem::take(&mut self.people);
            self.say(format_args!("{} here: {}", people.len(), people.join(", ")));
        }
    }
}

/// Returns what to tell the user about a private message, beside the message.
pub(super) fn about_private(private: &Private) -> Option<String> {
    let nick = sanitize::escaped(&private.nick);
    match &private.said {
        Said::Text { missing: missing @ 1.., .. } => {
            let (messages, are) = if *missing == 1 { ("message", "is") } else { ("messages", "are") };
            Some(format!("{missing} private {messages} of {nick} {are} missing before the next one"))
        }
        Said::Repeated => {
            Some(format!("the server delivered a private message of {nick} once more: this copy is not shown"))
        }
        Said::Unreadable => Some(format!(
            "a private message that is said to be from {nick} does not open: it was changed on its way, or is for another key"
        )),
        Said::Text { .. } | Said::Own(_) => None,
    }
}

/// Returns what to tell the user of something that the server has refused.
pub(super) fn refused(visit: &mut Visit, kind: PostKind, line: &str, why: Refusal) -> String {
    match kind {
        PostKind::Rename => {
            let why = visit.known.refused(why);
            format!("nick not changed to {}: {why}", sanitize::escaped(line))
        }
        PostKind::Release => format!("the nick {} was not released: {why}", sanitize::escaped(line)),
        PostKind::Order => format!("{}: {why}", orders::describe(line)),
        PostKind::Say | PostKind::Act | PostKind::Private | PostKind::Other(_) => {
            format!("not sent, {why}: {}", sanitize::escaped(line))
        }
    }
}

/// Returns a text line for display: an announcement that has the mark of a probe looks like any other.
fn without_probe(line: &str) -> [&str; 2] {
    let nick = line.strip_suffix(JOINED).and_then(|nick| nick.strip_suffix(PROBE));
    nick.map_or([line, ""], |nick| [nick, JOINED])
}
