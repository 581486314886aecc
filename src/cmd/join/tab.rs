//! A tab of the page: a program that speaks objects, stores what it posts by itself, and shows a person what happens.
//!
//! Owns: what the tab was told to store, the counters that tabs have had, and what a person is told beside the objects, in the words of the terminal.
//! Must not know: WebSockets, the form of the objects.
//! Driven by: `net::gateway`, with what the tab says and with the client's events.
//!
//! The tab owns its instance and its counters, as a file does for `join` on a terminal: nothing is sent before the tab says that it has stored
//! it. So whatever ends the gateway, the tab's next client goes on with the same instance and asks what became of its posts.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use super::super::Failure;
use super::super::json::Told;
use super::super::json::objects::Object;
use super::super::members::Listed;
use super::super::talk::{Known, away, quiet};
use super::json::JsonMode;
use super::telling::{about_private, refused};
use super::visit::Visit;
use crate::client::outbox::{Outbox, Waiting};
use crate::client::{Client, Dialect, Event};
use crate::net::client::{Driver, End, Next, Ticked};
use crate::net::gateway::Tab;
use crate::net::kept::Kept;
use crate::net::stdio::Output;
use crate::time::Instant;
use crate::ui::lines::Lines;
use crate::wire::Instance;
use crate::wire::frame::PostKind;

/// The most instances whose counters are remembered. Chosen: more tabs than anybody has.
const COUNTERS_MAX: usize = 1024;

/// The counter below which each tab has stored its posts, as far as the gateway has heard. A browser that has crashed may bring back what a tab had stored a while ago:
/// its counters would be used a second time, for other messages.
#[derive(Clone, Default)]
pub(in crate::cmd) struct Counters(Rc<RefCell<BTreeMap<Instance, u64>>>);

impl Counters {
    /// Returns whether a tab with that next counter is older than what is known of its instance.
    pub(in crate::cmd) fn is_stale(&self, instance: Instance, next: u64) -> bool {
        self.0.borrow().get(&instance).is_some_and(|known| next < *known)
    }

    fn note(&self, instance: Instance, next: u64) {
        let mut counters = self.0.borrow_mut();
        if counters.len() >= COUNTERS_MAX && !counters.contains_key(&instance) {
            counters.clear();
        }
        let known = counters.entry(instance).or_default();
        *known = next.max(*known);
    }
}

/// See the module.
pub(in crate::cmd) struct TabMode {
    json: JsonMode,
    counters: Counters,
    instance: Instance,
    /// What the tab has stored, or was told to.
    told: Outbox,
    waiting: Vec<Waiting>,
    /// The lines of an earlier client that were not posted.
    left: Vec<Waiting>,
    /// Whether the tab has anything stored.
    has_told: bool,
    /// The members, as far as the server has told.
    members: Listed,
    /// Whether the tab has said its last.
    leaves: bool,
}

impl TabMode {
    /// Creates the driver of a tab that has kept this.
    pub(in crate::cmd) fn new(
        timeout: Duration,
        known: Known,
        counters: Counters,
        instance: Instance,
        (told, left): (Outbox, Vec<Waiting>),
    ) -> Self {
        let mut visit = Visit::new(false, timeout, known, Lines::default(), Output::held(), (None, None));
        visit.keep_said();
        let mut json = JsonMode::new(visit);
        json.keeps = true;
        let members = Listed::default();
        Self { json, counters, instance, told, waiting: Vec::new(), left, has_told: false, members, leaves: false }
    }

    /// Shows the person something.
    fn notice(&mut self, text: &str) {
        self.json.tell(&Told::Notice { text });
    }

    /// Shows what there is to say.
    fn tell_said(&mut self) {
        for said in self.json.visit.take_said() {
            self.notice(&said);
        }
    }

    /// Returns what to show before the object of an event.
    fn words(&mut self, client: &Client, event: &Event) -> Vec<String> {
        let server = client.server();
        let visit = &mut self.json.visit;
        if let Event::Private(private) = event {
            let introduced = if visit.hides(event) { None } else { visit.introduce(private) };
            return introduced.into_iter().chain(about_private(private)).collect();
        }
        if let Event::Records { records, more, may } = event {
            if !may {
                return vec!["this list is for operators".into()];
            }
            self.members.add(records.clone());
            if *more {
                return Vec::new();
            }
            let members = std::mem::take(&mut self.members);
            let nobody = members.is_empty().then(|| String::from("nobody is blocked"));
            return nobody.into_iter().chain(members.lines()).collect();
        }
        let words = if let Event::Away(why) = event {
            away(server, *why, visit.timeout, &visit.known)
        } else if let Event::Quiet(since) = event {
            quiet(server, *since)
        } else if let Event::Back = event {
            format!("{server} is back")
        } else if let Event::AnotherLog = event {
            format!("{server} has begun a new room: earlier messages are gone")
        } else if let Event::Joined(Dialect::Text) = event {
            "original server: plain text, best effort".into()
        } else if let Event::TextIgnored = event {
            format!("{server} answers in plain text: ignored, for a session is required")
        } else if let Event::Renamed(nick) = event {
            format!("you are {nick} now")
        } else if let Event::NotTaken { kind, line, why, .. } = event
            && !matches!(kind, PostKind::Say | PostKind::Act | PostKind::Private)
        {
            refused(visit, *kind, line, *why)
        } else {
            return Vec::new();
        };
        vec![words]
    }

    /// Has the tab store what is to be sent, before it is.
    fn store(&mut self, client: &Client) {
        if client.is_text() {
            return;
        }
        let (log, mut posts, waiting) = (client.log().or(self.told.log), client.unstored(), client.waiting());
        posts.retain(|post| post.counter >= self.told.next);
        let mut numbers = client.numbers();
        if numbers.is_empty() {
            numbers.clone_from(&self.told.numbers);
        }
        let is_same = waiting == self.waiting && log == self.told.log && numbers == self.told.numbers;
        if self.has_told && posts.is_empty() && is_same {
            return;
        }
        self.has_told = true;
        let next = posts.last().map_or(self.told.next, |post| post.counter + 1);
        self.told = Outbox { log, next, posts, numbers };
        self.json.tell(&Told::Store(&Kept::new(self.instance, &self.told, &waiting)));
        self.told.posts.clear();
        self.waiting = waiting;
    }
}

impl Driver for TabMode {
    fn event(&mut self, now: Instant, client: &Client, event: Event) -> io::Result<()> {
        if event.settles().is_some() {
            // Before the outcome: a number must not be used again once the tab forgets the post that had it.
            self.store(client);
        }
        let words = self.words(client, &event);
        words.iter().for_each(|words| self.notice(words));
        let done = self.json.event(now, client, event);
        self.tell_said();
        done
    }

    fn takes_input(&self) -> bool {
        self.json.takes_input()
    }

    fn takes_entries(&self) -> bool {
        self.json.takes_entries()
    }

    fn tick(&mut self, now: Instant, client: &mut Client) -> Ticked {
        let left = std::mem::take(&mut self.left);
        if !left.is_empty() {
            client.say_waiting(now, &left);
        }
        let ticked = self.json.tick(now, client);
        self.tell_said();
        self.store(client);
        ticked
    }
}

impl Tab for TabMode {
    fn hear(&mut self, now: Instant, client: &mut Client, object: &str) -> Next {
        if self.leaves && !Object::read(object).is_ok_and(|object| object.is_about_storage()) {
            return Next::Continue;
        }
        let next = self.json.carry_out(now, client, object);
        self.leaves |= next != Next::Continue;
        // A tab cannot have stored what it was not told of.
        self.counters.note(self.instance, self.json.stored_below.min(self.told.next));
        self.json.tell_ignored();
        self.tell_said();
        next
    }

    fn pop(&mut self) -> Option<Vec<u8>> {
        self.json.visit.output.pop_line()
    }

    fn conclude(&mut self, client: &Client, end: End) {
        if let Err(Failure { message: Some(message), .. }) = self.json.conclude(client, end, true) {
            log::info!("{message}");
        }
    }
}
