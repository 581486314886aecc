//! The search for the server at one of its addresses, and for its dialect.
//!
//! Owns: the probe, through a [`Member`] that begins with one, or the signup of a client that speaks only text; text received
//! meanwhile, and how long to wait for a token.
//! Must not know: other addresses, what the user posts.
//! Driven by: `client`.

use std::net::SocketAddr;
use std::time::Duration;

use super::config::Config;
use super::event::{Event, NoPage, Over, Unknown, Unreachable};
use super::lines::text_post;
use super::member::Member;
use super::{Client, NotWritten, State, text};
use crate::time::Instant;
use crate::wire::packet::PROBE;
use crate::wire::text::JOINED;
use crate::wire::{CloseReason, packet};

/// The shortest and the longest wait for a token after a text answer (PROTOCOL 2.3). Chosen: our server answers a probe before
/// it does anything else; the jitter of a path is shorter than this.
const TOKEN_WAIT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Text answers kept until the dialect is known. Chosen: enough for a lively room in that time.
const ANSWERS_MAX: usize = 256;

/// The way to ask at an address.
#[derive(Debug)]
pub(super) enum Asking {
    /// With a probe: the server may speak sessions.
    Session(Box<Member>),
    /// With a signup: the client speaks only text.
    Text(Box<text::Client>),
}

/// The search at one address.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) asking: Asking,
    /// When this address was first asked.
    pub(super) since: Instant,
    /// Text answers so far, until when to wait for a token, and whether the user was told that text is ignored.
    pub(super) answers: Vec<String>,
    pub(super) token_wait: Option<Instant>,
    pub(super) ignores_text: bool,
    /// What the system reported.
    pub(super) hint: Option<Unreachable>,
    /// Why the server ended a session that had just begun.
    pub(super) ended: Option<CloseReason>,
}

impl Finding {
    /// Begins with the address at index `server`.
    pub(super) fn new(now: Instant, config: &Config, server: usize) -> Self {
        let (server, nick) = (config.servers[server], config.nick.clone());
        let asking = match &config.identity {
            Some(identity) => Asking::Session(Box::new(Member::new(now, server, nick, identity.clone()))),
            None => Asking::Text(Box::new(text::Client::new(now, text_config(config, server)))),
        };
        Self { asking, since: now, answers: Vec::new(), token_wait: None, ignores_text: false, hint: None, ended: None }
    }

    /// Handles a datagram from the address.
    pub(super) fn take(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        let member = match &mut self.asking {
            Asking::Session(member) => member,
            Asking::Text(text) => return text.handle_datagram(now, from, bytes),
        };
        let text = if packet::is_session(bytes) { None } else { std::str::from_utf8(bytes).ok() };
        if let Some(text) = text.filter(|text| !text.is_empty() && packet::token(bytes).is_none()) {
            if member.is_seeking() && self.answers.len() < ANSWERS_MAX {
                self.answers.push(text.to_owned());
                let (least, most) = TOKEN_WAIT;
                let wait = now.saturating_since(self.since).clamp(least, most);
                self.token_wait.get_or_insert(now + wait);
            }
            return;
        }
        member.handle_datagram(now, from, bytes);
        if !member.is_seeking() {
            // It is a server of ours: the text was for a previous owner of our address.
            self.token_wait = None;
            self.answers.clear();
        }
    }

    /// Returns whether the probe was announced to a room, as an original does.
    fn is_announced(&self, nick: &str) -> bool {
        let announced = |line: &String| line.strip_suffix(JOINED)?.strip_suffix(PROBE).map(|of| of == nick);
        self.answers.iter().any(|line| announced(line) == Some(true))
    }

    /// Returns why the search failed in time.
    pub(super) fn why_not(&self) -> Unreachable {
        if let Some(why) = self.hint.or_else(|| self.ended.map(Unreachable::Ended)) {
            return why;
        }
        match &self.asking {
            Asking::Session(member) if member.are_tokens_refused() => Unreachable::NewTokens,
            Asking::Session(member) if !member.is_seeking() => Unreachable::NoHandshake,
            Asking::Session(_) if self.ignores_text => Unreachable::OnlyText,
            Asking::Session(_) | Asking::Text(_) => Unreachable::NoAnswer,
        }
    }
}

/// Returns the settings for a client of the text dialect.
pub(super) fn text_config(config: &Config, server: SocketAddr) -> text::Config {
    let (nick, timeout, stays) = (config.nick.clone(), config.timeout, config.stays);
    text::Config { nick, server, patience: config.patience(), timeout, stays }
}

impl Client {
    /// Acts on the deadlines of the search: speaks text, or tries the next address.
    pub(super) fn search(&mut self, now: Instant) {
        let (State::Finding(finding), may_speak_text) = (&mut self.state, self.config.may_speak_text()) else { return };
        if finding.token_wait.take_if(|at| *at <= now).is_some() {
            if may_speak_text {
                return self.speak_text(now);
            }
            if !std::mem::replace(&mut finding.ignores_text, true) {
                self.events.push_back(Event::TextIgnored);
            }
            // An original shows each probe to its room: a client that does not wait for another server stops asking.
            if !self.config.stays && finding.is_announced(self.config.nick.as_str()) {
                return self.try_next(Unreachable::OnlyText);
            }
        }
        let (State::Finding(finding), addresses) = (&self.state, self.config.servers.len()) else { return };
        if self.address_deadline(finding) <= now {
            let why = finding.why_not();
            log::debug!("{}: {why:?}, address {} of {addresses}", self.server(), self.server + 1);
            self.try_next(why);
        }
    }

    /// Speaks text with a server that answered the probe in text only.
    pub(super) fn speak_text(&mut self, now: Instant) {
        let State::Finding(mut finding) = std::mem::replace(&mut self.state, State::Over) else { return };
        if let Asking::Session(member) = &mut finding.asking {
            // What an earlier run has said to a server with sessions is not said in text.
            member.give_up(Unknown::InText);
            self.lost += member.drain_lost(&mut self.events);
        }
        let config = text_config(&self.config, self.config.servers[self.server]);
        self.speak_text_with(now, text::Client::answered(now, config, finding.answers));
    }

    pub(super) fn speak_text_with(&mut self, now: Instant, mut text: text::Client) {
        if std::mem::take(&mut self.asks) {
            self.events.push_back(Event::NoPeople { in_text: true });
        }
        self.drop_fetches(NoPage::InText);
        for line in std::mem::take(&mut self.held) {
            if line.to.is_some() {
                self.not_written(line, NotWritten::InText);
                continue;
            }
            text_post(&mut text, &mut self.config.nick, line, &mut self.events);
        }
        if self.ends {
            text.finish(now);
        }
        self.state = State::Text(Box::new(text));
    }

    pub(super) fn address_deadline(&self, finding: &Finding) -> Instant {
        finding.since + self.config.patience()
    }

    pub(super) fn try_next(&mut self, why: Unreachable) {
        self.events.push_back(Event::Failed(self.server(), why));
        if self.server + 1 < self.config.servers.len() {
            self.server += 1;
            self.state = State::Finding(Box::new(Finding::new(self.now, &self.config, self.server)));
        } else {
            self.end(Over::Unreachable);
        }
    }
}
