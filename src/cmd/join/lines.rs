//! `udpchat join` for people: the original's line mode.
//!
//! Owns: its prompt, where it shows what.
//! Must not know: sockets, when lines are sent; what the user is told (`telling`).
//! Driven by: the client's loop.

use std::io;

use super::super::Failure;
use super::patience::Patience;
use super::telling::{Shown, Teller};
use super::visit::Visit;
use crate::client::{Client, Dialect, Event};
use crate::net::client::{Driver, End, Next, Ticked};
use crate::time::Instant;
use crate::ui::{self, notice, prompt};

/// The original's prompt.
const PROMPT: &str = " ";

/// See the module.
pub(super) struct LineMode {
    visit: Visit,
    teller: Teller,
    patience: Patience,
}

impl LineMode {
    /// Shows the first prompt.
    pub(super) fn new(visit: Visit, teller: Teller) -> Self {
        let mode = Self { visit, teller, patience: Patience::default() };
        mode.prompt();
        mode
    }

    fn prompt(&self) {
        if self.visit.interactive {
            prompt(PROMPT);
        }
    }

    fn show(&mut self, shown: Shown) {
        match shown {
            Shown::Line(line) => return self.visit.output.push_line(&[line.mark, &line.text]),
            // After everything shown before.
            Shown::Notice(_) | Shown::Link(_) => self.visit.output.flush_some(),
        }
        match shown {
            Shown::Notice(what) => notice(what),
            Shown::Link(link) => ui::link(link),
            Shown::Line(_) => {}
        }
    }

    /// Shows and stores the rest, and returns the result of the visit.
    pub(super) fn conclude(&mut self, client: &Client, end: End, input_ended: bool) -> Result<(), Failure> {
        self.visit.conclude(client, end, input_ended)
    }
}

impl Driver for LineMode {
    fn event(&mut self, _: Instant, client: &Client, event: Event) -> io::Result<()> {
        if let Event::Joined(Dialect::Session { .. }) = event {
            // In plain text the screen is the original's.
            self.visit.output.begin_lines_in_fresh_rows();
        }
        let shown = self.teller.tell(&mut self.visit, client, event);
        shown.into_iter().for_each(|shown| self.show(shown));
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
        if !self.visit.interactive {
            return Ticked::Never;
        }
        let (told, again) = self.patience.tick(now, client, self.visit.has_joined());
        told.into_iter().for_each(notice);
        again.map_or(Ticked::Never, Ticked::At)
    }

    fn flush(&mut self, registry: &mio::Registry, ready: bool) -> io::Result<()> {
        self.visit.flush(registry, ready)
    }
}
