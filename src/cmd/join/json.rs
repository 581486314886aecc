//! `udpchat join --json`: for programs, which get each event as an object on a line.
//!
//! Owns: which object is written when.
//! Must not know: the form of the objects (`cmd::json`), sockets, when lines are sent.
//! Driven by: the client's loop.

use std::io;

use serde::Serialize;

use super::super::json::Told;
use super::super::members::Listed;
use super::visit::Visit;
use crate::client::{Client, Event};
use crate::net::client::{Driver, Next, Ticked};
use crate::time::Instant;
use crate::ui;
use crate::wire::Seq;
use crate::wire::record::{Name, Record};

/// See the module.
pub(super) struct JsonMode {
    visit: Visit,
    /// The number behind the last earlier entry, until the client has reported that the earlier entries are complete.
    seam: Option<Seq>,
}

/// A part of the answer to `/members`.
#[derive(Debug, Serialize)]
struct Records<T> {
    event: &'static str,
    members: T,
    more: bool,
    may: bool,
}

impl JsonMode {
    pub(super) const fn new(visit: Visit) -> Self {
        Self { visit, seam: None }
    }

    fn tell_records(&mut self, records: Vec<(Name, Record)>, more: bool, may: bool) {
        let mut listed = Listed::default();
        listed.add(records);
        let told = Records { event: "members", members: listed.objects(), more, may };
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
    fn tell_now(&mut self, event: &Event) {
        if self.seam.take_if(|seam| event.end().is_some_and(|to| to >= *seam)).is_some() {
            self.tell(&Told::Now);
        }
    }

    fn tell(&mut self, told: &Told<'_>) {
        if let Ok(line) = ui::json::line(told) {
            self.visit.output.push_plain_line(&line);
        }
    }
}

impl AsMut<Visit> for JsonMode {
    fn as_mut(&mut self) -> &mut Visit {
        &mut self.visit
    }
}

impl Driver for JsonMode {
    fn event(&mut self, _: Instant, client: &Client, event: Event) -> io::Result<()> {
        if let Some(why) = self.visit.observe(client, &event) {
            self.tell(&Told::Wrong { why: &why });
        }
        self.tell_ignored();
        if self.visit.hides(&event) {
            self.tell_now(&event);
            return Ok(());
        }
        if let Event::NotWritten { to, line, why } = &event {
            let why = self.visit.known.not_written(to, why);
            self.tell(&Told::Refused { text: line.into(), why });
        }
        if let Event::Begins { from, count, .. } = event {
            self.seam = (count > 0).then_some(from + count);
        }
        if let Some(told) = Told::of(&event, client.server(), client.nick().as_str()) {
            self.tell(&told);
        }
        if let Event::Entry { encoded, .. } = &event
            && let Some(link) = self.visit.link(encoded)
        {
            self.tell(&Told::Invitation { link: link.to_string() });
        }
        if let Event::Records { records, more, may } = event {
            self.tell_records(records, more, may);
            return Ok(());
        }
        self.tell_now(&event);
        Ok(())
    }

    fn feed(&mut self, entered: Option<&[u8]>) {
        self.visit.feed(entered);
    }

    fn has_entered(&self) -> bool {
        self.visit.has_entered()
    }

    fn take(&mut self, now: Instant, client: &mut Client) -> Option<Next> {
        let next = self.visit.take(now, client)?.unwrap_or_else(|why| {
            self.tell(&Told::Wrong { why: &why });
            Next::Continue
        });
        self.tell_ignored();
        Some(next)
    }

    fn takes_entries(&self) -> bool {
        self.visit.output.has_place()
    }

    fn tick(&mut self, now: Instant, client: &mut Client) -> Ticked {
        self.visit.tick(now, client);
        Ticked::Never
    }

    fn flush(&mut self, registry: &mio::Registry, ready: bool) -> io::Result<()> {
        self.visit.flush(registry, ready)
    }
}
