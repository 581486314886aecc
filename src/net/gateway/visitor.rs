//! The client of one tab.
//!
//! Owns: its port and its driver, what becomes of it when the tab is gone.
//! Must not know: the tab's connection.
//! Driven by: `connection`.

use std::time::Duration;

use mio::Token;

use super::super::client::{ENTRY_BUDGET, End, GOODBYE, LINGER, Next, Ticked};
use super::super::port::ClientPort;
use super::{Opened, Shared, Tab};
use crate::client::{Dialect, Event};
use crate::time::Instant;
use crate::wire::Instance;

/// How long a client stays when its tab is gone. Chosen: a reload takes less, so that the room does not hear of it.
const STAY: Duration = Duration::from_secs(5);

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// In the room, or looking for it.
    Here,
    /// The tab is gone; until then it may come back.
    Lingering(Instant),
    /// It leaves once its posts have an outcome, or then.
    Leaving(Instant),
    /// It says goodbye, at most until then.
    Parting(Instant),
    /// Its tab has been told that it has ended; it says goodbye, at most until then.
    Ended(Instant),
}

/// See the module.
pub(super) struct Visitor {
    pub(super) instance: Instance,
    port: ClientPort,
    tab: Box<dyn Tab>,
    step: Step,
    /// Whether nobody is left to be told.
    is_alone: bool,
    ticks: Option<Instant>,
}

impl Visitor {
    /// Creates the client of a tab; the poll calls its socket `token`.
    pub(super) fn new(now: Instant, Opened { instance, config, tab }: Opened, token: Token) -> Self {
        let port = ClientPort::new(now, config, token);
        Self { instance, port, tab, step: Step::Here, is_alone: false, ticks: None }
    }

    /// Records what the poll reports about the socket.
    pub(super) fn set_ready(&mut self, event: &mio::event::Event) {
        self.port.set_ready(event);
    }

    /// Returns whether it takes what the tab says.
    pub(super) fn takes_input(&self) -> bool {
        matches!(self.step, Step::Here | Step::Leaving(_)) && self.tab.takes_input()
    }

    /// Returns whether it has something to do although nothing has happened.
    pub(super) fn has_more(&self) -> bool {
        let is_over = matches!(self.step, Step::Ended(_)) && self.port.client.is_gone();
        !is_over && (self.port.is_readable() || (self.takes_entries() && self.port.client.has_entries()))
    }

    /// Returns whether the tab was told that it has ended.
    pub(super) const fn has_ended(&self) -> bool {
        matches!(self.step, Step::Ended(_))
    }

    /// Returns whether nothing is left to do.
    pub(super) fn is_gone(&self, now: Instant) -> bool {
        match self.step {
            Step::Here | Step::Lingering(_) | Step::Leaving(_) => false,
            Step::Parting(until) => self.port.client.is_gone() || now >= until,
            Step::Ended(until) => self.is_alone && (self.port.client.is_gone() || now >= until),
        }
    }

    /// Returns when it wants a turn.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let step = match self.step {
            Step::Ended(_) if self.port.client.is_gone() => return None,
            Step::Lingering(until) | Step::Leaving(until) | Step::Parting(until) => Some(until),
            // While the tab is there, its connection says when that ends.
            Step::Ended(until) => self.is_alone.then_some(until),
            Step::Here => None,
        };
        [self.port.client.poll_timeout(), self.ticks, step].into_iter().flatten().min()
    }

    /// Returns until when it stays, if the tab is gone.
    pub(super) const fn lingers(&self) -> Option<Instant> {
        if let Step::Lingering(until) = self.step { Some(until) } else { None }
    }

    /// Returns the next object for the tab.
    pub(super) fn pop(&mut self) -> Option<Vec<u8>> {
        self.tab.pop()
    }

    /// Notes that the tab is gone.
    pub(super) fn lose_tab(&mut self, now: Instant) {
        self.is_alone = true;
        if self.step == Step::Here {
            self.step = Step::Lingering(now + STAY);
        }
    }

    /// Says goodbye.
    pub(super) fn part(&mut self, now: Instant) {
        if !matches!(self.step, Step::Parting(_) | Step::Ended(_)) {
            self.port.client.leave(now);
            self.step = Step::Parting(now + GOODBYE);
        }
    }

    /// Takes an object of the tab.
    pub(super) fn hear(&mut self, now: Instant, object: &str) {
        match self.tab.hear(now, &mut self.port.client, object) {
            Next::Continue => {}
            Next::EndInput | Next::Leave => {
                self.port.client.finish(now);
                self.step = Step::Leaving(now + LINGER.min(self.port.client.timeout()));
            }
        }
    }

    fn takes_entries(&self) -> bool {
        // Nothing holds back entries that come in text, and nobody reads what comes while the tab is gone.
        self.step == Step::Here && (self.tab.takes_entries() || self.port.client.is_text())
    }

    /// Does what can be done.
    pub(super) fn turn(&mut self, shared: &mut Shared<'_>) {
        if self.has_ended() && self.port.client.is_gone() {
            return;
        }
        let clock = shared.clock;
        self.port.receive(clock, &mut shared.inbox);
        let now = clock.now();
        if self.port.client.poll_timeout().is_some_and(|at| at <= now) {
            self.port.client.handle_timeout(now);
        }
        self.send(shared);
        if !self.has_ended() {
            self.tell(now);
        }
        if !self.has_ended() {
            let ticked = self.tab.tick(now, &mut self.port.client);
            self.ticks = if let Ticked::At(at) = ticked { Some(at) } else { None };
        }
        match self.step {
            Step::Lingering(until) if now >= until => self.part(now),
            Step::Leaving(until) if now >= until || self.port.client.outstanding() == 0 => {
                self.conclude(now, End::Quit);
            }
            Step::Here | Step::Lingering(_) | Step::Leaving(_) | Step::Parting(_) | Step::Ended(_) => {}
        }
        self.send(shared);
    }

    /// Tells the tab what there is to tell.
    fn tell(&mut self, now: Instant) {
        let mut over = None;
        while let Some(event) = self.port.client.poll_event() {
            if let Event::Over(why) = event {
                over = Some(End::Over(why));
                continue;
            }
            if event == Event::Joined(Dialect::Text) {
                self.port.allow_fragments();
            }
            self.event(now, event);
        }
        for _ in 0..ENTRY_BUDGET {
            if !self.takes_entries() {
                break;
            }
            let Some(entry) = self.port.client.poll_entry() else { break };
            self.event(now, entry);
        }
        if self.is_alone && self.port.client.is_text() {
            // Nothing holds these back, and nobody is told.
            while self.port.client.poll_entry().is_some() {}
        }
        if let Some(end) = over {
            self.conclude(now, end);
        }
    }

    /// Tells the tab that this is the end, and says goodbye.
    fn conclude(&mut self, now: Instant, end: End) {
        self.tab.conclude(&self.port.client, end);
        self.port.client.leave(now);
        self.step = Step::Ended(now + GOODBYE);
    }

    fn event(&mut self, now: Instant, event: Event) {
        if let Err(err) = self.tab.event(now, &self.port.client, event) {
            log::debug!("a tab is not told something: {err}");
        }
    }

    fn send(&mut self, shared: &Shared<'_>) {
        if let Err(err) = self.port.send(shared.clock, &shared.registry, &shared.inbox) {
            log::warn!("cannot send for a tab: {err}");
        }
    }
}
