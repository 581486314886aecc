//! Looking for the server at one of its addresses: what does it speak?
//!
//! Owns: the probe, through a [`Member`] that begins with one; what came in text meanwhile, and how long a token is waited for.
//! Must not know: other addresses, what is to be said.
//! Driven by: `client`.

use std::net::SocketAddr;
use std::time::Duration;

use super::member::{self, Member};
use super::{Config, Identity, Unreachable};
use crate::time::Instant;
use crate::wire::CloseReason;
use crate::wire::packet;

/// The shortest and the longest wait for a token after a text answer (PROTOCOL 2.3). Chosen: a server of ours answers a
/// probe before anything else; a path's jitter is shorter than this.
const TOKEN_WAIT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Text answers that are kept until the dialect is known. Chosen: a lively room's, for as long as that takes.
const ANSWERS_MAX: usize = 256;

/// One address that is looked at.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) member: Member,
    /// When this address was first asked.
    pub(super) since: Instant,
    /// What came in text, until when a token is waited for, and whether it was told that text is ignored.
    pub(super) answers: Vec<String>,
    pub(super) token_wait: Option<Instant>,
    pub(super) ignores_text: bool,
    /// What the system said.
    pub(super) hint: Option<Unreachable>,
    /// Why the server ended a session that had just begun.
    pub(super) ended: Option<CloseReason>,
}

impl Finding {
    /// Begins with the address of that number.
    pub(super) fn new(now: Instant, config: &Config, identity: &Identity, server: usize) -> Self {
        let member = member::Config {
            server: config.servers[server],
            nick: config.nick.clone(),
            unnamed: identity.unnamed,
            key: identity.key.clone(),
            instance: identity.instance,
            repeats: identity.repeats,
            present: identity.present,
            place: identity.place,
            history: identity.history,
            pinned: identity.pinned,
            seed: identity.seed,
        };
        let (member, answers) = (Member::new(now, member), Vec::new());
        Self { member, since: now, answers, token_wait: None, ignores_text: false, hint: None, ended: None }
    }

    /// A datagram came from there.
    pub(super) fn take(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        let text = if packet::is_session(bytes) { None } else { std::str::from_utf8(bytes).ok() };
        if let Some(text) = text.filter(|text| !text.is_empty() && packet::token(bytes).is_none()) {
            if self.member.is_seeking() && self.answers.len() < ANSWERS_MAX {
                self.answers.push(text.to_owned());
                let (least, most) = TOKEN_WAIT;
                let wait = now.saturating_since(self.since).clamp(least, most);
                self.token_wait.get_or_insert(now + wait);
            }
            return;
        }
        self.member.handle_datagram(now, from, bytes);
        if !self.member.is_seeking() {
            // A server of ours: what came in text was for somebody who had this address before.
            (self.token_wait, self.answers) = (None, Vec::new());
        }
    }

    /// Why nothing came of it in time.
    pub(super) fn why_not(&self) -> Unreachable {
        match self.hint.or_else(|| self.ended.map(Unreachable::Ended)) {
            Some(why) => why,
            None if self.member.are_tokens_refused() => Unreachable::NewTokens,
            None if !self.member.is_seeking() => Unreachable::NoHandshake,
            None if self.ignores_text => Unreachable::OnlyText,
            None => Unreachable::NoAnswer,
        }
    }
}
