//! The user's lines, until the dialect below has them.
//!
//! Owns: lines that wait, how a long one is cut, which may go on when.
//! Must not know: how a post becomes an entry, whose the name of a recipient is.
//! Driven by: `client`.

use super::finding::text_post;
use super::{Client, State};
use crate::session::PublicKey;
use crate::time::Instant;
use crate::wire::Nick;
use crate::wire::entry::{ACT_MAX, TEXT_MAX, texts};
use crate::wire::frame::PostKind;
use crate::wire::text::lines;

/// Whom a private message is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// Whoever has that name now: a nick, `NICK#FINGERPRINT`, or a whole key.
    Name(Box<str>),
    /// That key, and the nick that it had.
    Key(PublicKey, Nick),
}

/// A line that waits for its turn.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) kind: PostKind,
    pub(super) text: String,
    /// Whom it is for, if it is private, and whether it is an action.
    pub(super) to: Option<(Recipient, bool)>,
}

impl Client {
    pub(super) fn post(&mut self, now: Instant, kind: PostKind, line: &str) -> usize {
        self.pass_time(now);
        if self.outstanding() == 0 {
            self.progress = now;
        }
        if let State::Text(text) = &mut self.state {
            return text_post(text, &mut self.config.nick, kind, line, &mut self.events);
        }
        if self.config.identity.is_none() {
            // The line is cut when it is sent.
            let count = if kind == PostKind::Say { lines(&self.config.nick, line).len() } else { 1 };
            self.held.push_back(Line { kind, text: line.to_owned(), to: None });
            return count;
        }
        let parts = match kind {
            PostKind::Say => texts(line, TEXT_MAX),
            PostKind::Act => texts(line, ACT_MAX),
            PostKind::Rename | PostKind::Release | PostKind::Order | PostKind::Private | PostKind::Other(_) => {
                vec![line.to_owned()]
            }
        };
        let count = parts.len();
        self.held.extend(parts.into_iter().map(|text| Line { kind, text, to: None }));
        self.feed();
        count
    }

    /// Gives the member the posts that it may send now.
    pub(super) fn feed(&mut self) {
        let one_by_one = self.config.identity.as_ref().is_some_and(|identity| identity.repeats);
        loop {
            let State::Session(member) = &mut self.state else { return };
            if one_by_one && member.outstanding() > 0 {
                break;
            }
            if self.held.front().is_some_and(|line| line.to.is_some()) {
                if !self.post_letter() {
                    break;
                }
                continue;
            }
            let Some(line) = self.held.pop_front() else { break };
            member.post(self.now, line.kind, &line.text);
        }
        self.ask_for_names();
    }
}
