//! The user's lines, until the dialect below has them.
//!
//! Owns: lines that wait, how a long one is cut, which may go on when, what of them can be said in text.
//! Must not know: how a post becomes an entry, whose the name of a recipient is.
//! Driven by: `client`.

use std::collections::VecDeque;

use super::{Client, Event, Label, State, text};
use crate::session::PublicKey;
use crate::time::Instant;
use crate::wire::entry::{ACT_MAX, TEXT_MAX, texts};
use crate::wire::frame::PostKind;
use crate::wire::text::lines;
use crate::wire::{Nick, Refusal};

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
    pub(super) label: Label,
}

impl Client {
    /// Posts a line as soon as possible. Each of the pieces into which it is cut has an outcome of its own. Returns how many these are.
    pub fn post(&mut self, now: Instant, kind: PostKind, line: &str, label: Label) -> usize {
        self.pass_time(now);
        if self.outstanding() == 0 {
            self.progress = now;
        }
        if let State::Text(text) = &mut self.state {
            let line = Line { kind, text: line.to_owned(), to: None, label };
            return text_post(text, &mut self.config.nick, line, &mut self.events);
        }
        if self.config.identity.is_none() {
            // The line is cut when it is sent.
            let count = if kind == PostKind::Say { lines(&self.config.nick, line).len() } else { 1 };
            self.held.push_back(Line { kind, text: line.to_owned(), to: None, label });
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
        self.held.extend(parts.into_iter().map(|text| Line { kind, text, to: None, label: label.clone() }));
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
            let post = member.post(self.now, line.kind, &line.text);
            member.label(post, line.label);
        }
        self.ask_for_names();
    }
}

/// Posts in the text dialect, as far as it can express the post. Returns into how many pieces the line is cut.
pub(super) fn text_post(
    text: &mut text::Client,
    nick: &mut Nick,
    Line { kind, text: line, label, .. }: Line,
    events: &mut VecDeque<Event>,
) -> usize {
    match kind {
        PostKind::Say => text.say(&line, &label),
        PostKind::Act => text.act(&line, &label),
        // Private messages do not come here.
        PostKind::Private | PostKind::Other(_) => 0,
        PostKind::Release | PostKind::Order => {
            events.push_back(Event::NotTaken { post: None, kind, line, why: Refusal::Unsupported, label });
            0
        }
        PostKind::Rename => {
            if let Ok(to) = line.parse::<Nick>() {
                text.rename(to.clone());
                nick.clone_from(&to);
                events.push_back(Event::Renamed(to));
            }
            0
        }
    }
}
