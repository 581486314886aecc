//! `udpchat join` on a terminal: the room in the terminal's own scrollback, and a few rows of ours below.
//!
//! Owns: what keys and commands do to the screen, what is in the pinned rows, when it is painted.
//! Must not know: sockets, when lines are sent; which bytes paint a row (`ui::screen`).
//! Driven by: the client's loop.

mod press;
mod rows;
mod scroll;
mod status;
mod strip;

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use signal_hook::consts::{SIGTSTP, SIGWINCH};

use super::super::Failure;
use super::patience::Patience;
use super::telling::{Line, Shown, Sort, Teller};
use super::visit::Visit;
use crate::client::presence::Presence;
use crate::client::{Client, Dialect, Event};
use crate::net::client::{Driver, End, Next, Ticked};
use crate::net::state::random;
use crate::net::stderr;
use crate::net::tty::Tty;
use crate::session::PublicKey;
use crate::time::Instant;
use crate::ui::screen::complete::Completer;
use crate::ui::screen::editor::Editor;
use crate::ui::screen::keys::{Key, Keys};
use crate::ui::screen::paint::Painter;
use crate::ui::screen::style::Palette;
use crate::ui::{notice, sanitize};
use crate::wire::frame::{PostKind, Watched};
use crate::wire::{Nick, Seq, Who};
use scroll::{Reader, Scroll};
use status::Status;
use strip::Strip;

/// The least time between two paintings, unless a key was pressed. Chosen: a frame of 60 a second.
const FRAME: Duration = Duration::from_millis(16);

/// After so much silence, an Escape is no beginning of a key. Chosen: terminals send a key at once, and most networks deliver it so.
const ESCAPE: Duration = Duration::from_millis(250);

/// After so much silence, the end of a paste is not awaited any more. Chosen: as weechat does.
const PASTE: Duration = Duration::from_secs(10);

/// A terminal that takes nothing for so long, with more than so many messages waiting, is brought up to date.
const STUCK: Duration = Duration::from_secs(1);
const STUCK_BEHIND: u64 = 500;

/// So many of the newest messages are shown then. Chosen: more than a screen.
const SHOWN_THEN: u64 = 100;

/// The most lines that wait to be printed. In plain text nothing holds them back.
const LINES_MAX: usize = 10_000;

/// The most nicks of whom it is remembered that they have spoken. Chosen: more than anybody talks with.
const SPOKE_MAX: usize = 32;

/// What the user is asked.
#[derive(Debug)]
enum Question {
    /// Whether to leave.
    Leave,
    /// Whether to insert this.
    Paste(String),
}

/// What the user wants of the terminal.
pub(super) struct Wishes {
    pub(super) palette: Palette,
    pub(super) words: Vec<String>,
    pub(super) is_forced: bool,
    pub(super) own: Option<Who>,
    pub(super) keeps_input: bool,
}

/// See the module.
pub(super) struct TerminalMode {
    visit: Visit,
    teller: Teller,
    tty: Tty,
    keys: Keys,
    /// Keys that were pressed, and when bytes last came.
    pressed: VecDeque<Key>,
    fed: bool,
    escape_ends: Option<Instant>,
    editor: Editor,
    keeps_input: bool,
    /// Whom the user means by the `/reply` in the line.
    replies_to: Option<(PublicKey, Nick)>,
    /// Whether the user was told that nothing more goes into it.
    is_full: bool,
    completer: Completer,
    palette: Palette,
    painter: Painter,
    scroll: Scroll,
    /// Lines to print, and how many were left out.
    lines: Vec<String>,
    left_out: usize,
    strip: Strip,
    run: u64,
    status: Status,
    question: Option<Question>,
    presence: Presence,
    /// Who has spoken, the last one first.
    spoke: VecDeque<String>,
    /// Whether to ask who is here, and whether the user did.
    asks: bool,
    shows_people: bool,
    /// The entry whose receipts are shown.
    watches: Option<Seq>,
    size: (usize, usize),
    /// When it was last painted, and whether that has to be done at once.
    painted: Option<Instant>,
    is_urgent: bool,
    stuck_since: Option<Instant>,
    /// Whether it was suspended by itself, and is told so once more when it goes on.
    has_resumed: bool,
    patience: Patience,
    /// Whether the user leaves, and only outcomes are waited for.
    leaves: bool,
}

impl TerminalMode {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// Those of the terminal.
    pub(super) fn new(mut visit: Visit, mut tty: Tty, editor: Editor, wishes: Wishes) -> io::Result<Self> {
        visit.keep_said();
        tty.begin()?;
        stderr::hold();
        let size = tty.size();
        let mut strip = Strip::default();
        visit.unsettled().into_iter().for_each(|left| strip.add_left(left));
        Ok(Self {
            teller: Teller::new(wishes.own, wishes.is_forced),
            status: Status::new(visit.known.server().to_string(), visit.known.expected().is_some()),
            visit,
            tty,
            keys: Keys::default(),
            pressed: VecDeque::new(),
            fed: false,
            escape_ends: None,
            editor,
            keeps_input: wishes.keeps_input,
            replies_to: None,
            is_full: false,
            completer: Completer::default(),
            palette: wishes.palette,
            painter: Painter::default(),
            scroll: Scroll::new(wishes.palette, wishes.words),
            lines: Vec::new(),
            left_out: 0,
            strip,
            run: u64::from_be_bytes(random()),
            question: None,
            presence: Presence::default(),
            spoke: VecDeque::new(),
            asks: false,
            shows_people: false,
            watches: None,
            size,
            painted: None,
            is_urgent: true,
            stuck_since: None,
            has_resumed: false,
            patience: Patience::default(),
            leaves: false,
        })
    }

    /// Stores what the user has entered, if that is kept.
    fn store_entered(&mut self, text: &str) {
        let is_kept = |line: &&str| self.keeps_input && line.ends_with(text);
        let Some(line) = self.editor.past().newest().filter(is_kept) else { return };
        if let Err(err) = self.visit.known.add_past(line) {
            self.keeps_input = false;
            self.visit.notice(format_args!("cannot keep the lines that you enter: {err}"));
        }
    }

    /// Gives the terminal back, shows and stores the rest, and returns the result of the visit.
    pub(super) fn conclude(&mut self, client: &Client, end: End, input_ended: bool) -> Result<(), Failure> {
        self.print_said(Instant::ZERO, client);
        stderr::release();
        let reader = self.reader(client);
        let rest = self.scroll.settle(reader);
        self.lines.extend(rest);
        let mut bytes = self.painter.remove();
        for line in self.lines.drain(..) {
            bytes.push_str(&line);
            bytes.push_str("\r\n");
        }
        let draft = sanitize::escaped(self.editor.text());
        let is_surprised = matches!(end, End::Over(_)) && !draft.is_empty();
        if is_surprised {
            bytes.push_str(&format!("-- not sent: {draft}\r\n"));
        }
        self.visit.output.push_bytes(bytes.as_bytes());
        if !self.visit.output.finish() {
            self.visit.output.give_up();
            self.tty.discard_output();
        }
        self.visit.stop_keeping_said();
        let mut done = self.visit.conclude(client, end, input_ended);
        if is_surprised {
            if let Err(failure) = &mut done {
                failure.message.take().into_iter().for_each(notice);
            }
            // Whoever is typing would type the rest into the shell.
            notice("press Enter to leave");
            self.tty.wait_for_enter();
        }
        self.tty.end();
        done
    }

    fn reader<'a>(&self, client: &'a Client) -> Reader<'a> {
        Reader { nick: client.nick().as_str(), columns: self.size.0, is_live: !self.teller.is_replaying() }
    }

    /// Prints something, with the next painting.
    fn print(&mut self, now: Instant, client: &Client, shown: Shown, is_live: bool) {
        if let Shown::Line(Line { author: Some((_, nick)), sort: Sort::Said | Sort::Did | Sort::Private, .. }) = &shown
        {
            self.spoke.retain(|other| other != nick);
            self.spoke.push_front(nick.clone());
            self.spoke.truncate(SPOKE_MAX);
        }
        let reader = Reader { is_live, ..self.reader(client) };
        let lines = self.scroll.take(now, shown, reader);
        self.lines.extend(lines);
        if self.lines.len() > LINES_MAX {
            self.left_out += self.lines.len() - LINES_MAX;
            self.lines.drain(..self.lines.len() - LINES_MAX);
        }
    }

    fn say(&mut self, now: Instant, client: &Client, what: impl Into<String>) {
        self.print(now, client, Shown::Notice(what.into()), false);
        self.is_urgent = true;
    }

    fn print_said(&mut self, now: Instant, client: &Client) {
        for said in self.visit.take_said() {
            self.print(now, client, Shown::Notice(said), false);
        }
        for (done, _) in self.visit.take_done() {
            self.print(now, client, Shown::Notice(done), false);
        }
        for logged in stderr::take_held() {
            self.print(now, client, Shown::Notice(logged), false);
        }
    }

    /// Follows what became of the user's own lines. Returns whether the strip says it already.
    fn settle(&mut self, event: &Event) -> bool {
        if let Event::Confirmed { seq, label, .. } = event {
            if self.strip.settle(label.as_deref(), None)
                && let Some(seq) = seq
            {
                self.watches = Some(*seq);
            }
        } else if let Event::NotTaken {
            kind: PostKind::Say | PostKind::Act | PostKind::Private,
            line,
            why,
            label,
            ..
        } = event
        {
            return self.strip.settle(label.as_deref(), Some((format!("not sent, {why}"), line)));
        } else if let Event::Lost { line, label, .. } = event {
            return self.strip.settle(label.as_deref(), Some(("not confirmed, and may have arrived".into(), line)));
        } else if let Event::NotWritten { to, line, why, label } = event {
            let why = self.visit.known.not_written(to, why);
            return self.strip.settle(label.as_deref(), Some((why, line)));
        }
        false
    }

    /// Follows who is here.
    fn follow(&mut self, event: &Event) {
        self.presence.take(event);
        self.status.here = self.presence.is_followed().then(|| self.presence.here().count());
    }

    fn suspend(&mut self, now: Instant, client: &Client) {
        let bytes = self.painter.remove();
        self.visit.output.push_bytes(bytes.as_bytes());
        self.visit.output.finish();
        match self.tty.suspend() {
            Ok(true) => {
                self.has_resumed = true;
                // What was typed ahead is thrown away, and the end of a paste may have been in it.
                self.keys = Keys::default();
                self.pressed.clear();
            }
            Ok(false) => self.say(now, client, "not suspended: no shell is there that would have it go on"),
            Err(err) => log::warn!("cannot suspend: {err}"),
        }
        self.size = self.tty.size();
    }
}

impl Driver for TerminalMode {
    fn event(&mut self, now: Instant, client: &Client, event: Event) -> io::Result<()> {
        self.status.take(&event);
        self.follow(&event);
        self.asks |= matches!(event, Event::Joined(Dialect::Session { .. }) | Event::AnotherLog);
        let is_told = self.settle(&event);
        let is_own_question = matches!(event, Event::People { .. } | Event::NoPeople { .. }) && !self.shows_people;
        if let Event::People { more: false, .. } | Event::NoPeople { .. } = event {
            self.shows_people = false;
        }
        if is_told || is_own_question {
            self.visit.observe(client, &event);
        } else {
            let was_replaying = self.teller.is_replaying();
            // What the user looks up is no news either.
            let is_live = !was_replaying && !matches!(event, Event::Page { .. });
            for shown in self.teller.tell(&mut self.visit, client, event) {
                self.print(now, client, shown, is_live);
            }
        }
        self.print_said(now, client);
        Ok(())
    }

    fn feed(&mut self, entered: Option<&[u8]>) {
        match entered {
            Some(bytes) => {
                self.pressed.extend(self.keys.take(bytes));
                self.fed = true;
            }
            // The terminal is gone.
            None => self.pressed.push_back(Key::Control('d')),
        }
    }

    fn has_entered(&self) -> bool {
        !self.pressed.is_empty()
    }

    fn take(&mut self, now: Instant, client: &mut Client) -> Option<Next> {
        let key = self.pressed.pop_front()?;
        let next = self.press(now, client, &key);
        if next == Next::Leave {
            // The loop may not come here again: goodbye takes a while if nobody answers.
            self.leaves = true;
            self.paint(now, client);
            self.visit.output.flush_some();
        }
        Some(next)
    }

    fn signal(&mut self, now: Instant, client: &Client, signal: i32) -> io::Result<()> {
        match signal {
            SIGTSTP => self.suspend(now, client),
            SIGWINCH => self.size = self.tty.size(),
            _ if std::mem::take(&mut self.has_resumed) => {}
            // It goes on, and somebody may have changed the terminal.
            _ => {
                self.tty.begin()?;
                self.size = self.tty.size();
                self.painter.forget();
            }
        }
        self.is_urgent = true;
        Ok(())
    }

    fn takes_entries(&self) -> bool {
        self.visit.output.has_place() && self.lines.len() < LINES_MAX
    }

    fn tick(&mut self, now: Instant, client: &mut Client) -> Ticked {
        if std::mem::take(&mut self.fed) {
            self.escape_ends = Some(now + if self.keys.is_pasting() { PASTE } else { ESCAPE });
        }
        if self.escape_ends.take_if(|at| *at <= now).is_some() {
            let keys = if self.keys.is_pasting() { self.keys.end_paste() } else { self.keys.silence() };
            self.pressed.extend(keys);
        }
        if std::mem::take(&mut self.asks) {
            self.presence.asked();
            client.ask(now);
        }
        if let Some(seq) = self.watches.take() {
            self.status.watch(seq);
            client.watch(now, seq, Watched::Count);
        }
        if self.visit.output.has_place() {
            self.stuck_since = None;
        } else if *self.stuck_since.get_or_insert(now) + STUCK <= now && client.behind() > STUCK_BEHIND {
            client.skip(now, SHOWN_THEN);
            self.stuck_since = Some(now);
        }
        self.status.behind = client.behind();
        if self.scroll.settles_at().is_some_and(|at| at <= now) {
            let reader = self.reader(client);
            let lines = self.scroll.settle(reader);
            self.lines.extend(lines);
        }
        self.visit.tick(now, client);
        let (told, tells_at) = self.patience.tick(now, client, self.visit.has_joined());
        told.into_iter().for_each(|told| self.say(now, client, told));
        self.print_said(now, client);
        let due = self.painted.map_or(now, |painted| painted + FRAME);
        let has_place = self.visit.output.has_place();
        let is_time = self.is_urgent || due <= now;
        if has_place && is_time {
            self.paint(now, client);
        }
        if !self.lines.is_empty() {
            self.visit.leave_place();
        }
        // Whatever has changed since the last painting is painted then.
        let again = (has_place && !is_time).then_some(due);
        let times = [again, self.escape_ends, self.scroll.settles_at(), tells_at];
        times.into_iter().flatten().min().map_or(Ticked::Never, Ticked::At)
    }

    fn flush(&mut self, registry: &mio::Registry, ready: bool) -> io::Result<()> {
        self.visit.flush(registry, ready)
    }
}
