//! What the user does at the terminal.
//!
//! Owns: what keys mean beside editing, what is asked before it is done, which line is a command.
//! Must not know: how a command is carried out, what the screen looks like.
//! Driven by: `terminal`, with each key.

use super::super::taken::{command_of, may_post};
use super::strip::{ACT, write_to};
use super::{Question, TerminalMode};
use crate::client::Client;
use crate::net::client::Next;
use crate::time::Instant;
use crate::ui::command::{self, Command};
use crate::ui::screen::keys::Key;

/// A paste of more lines than these is asked about.
const PASTE_LINES: usize = 3;

impl TerminalMode {
    /// Does what a key does.
    pub(super) fn press(&mut self, now: Instant, client: &mut Client, key: &Key) -> Next {
        self.is_urgent = true;
        self.scroll.mentions = 0;
        if let Some(question) = self.question.take()
            && let Some(next) = self.answer(now, client, question, key)
        {
            return next;
        }
        let (is_searching, is_empty) = (self.editor.searching().is_some(), self.editor.text().is_empty());
        if *key == Key::Control('c') && !is_searching {
            if is_empty {
                self.question = Some(Question::Leave);
            }
            self.editor.set(String::new(), false);
        } else if *key == Key::Control('d') && is_empty {
            return Next::Leave;
        } else if *key == Key::Control('z') {
            self.suspend(now, client);
        } else if *key == Key::Control('l') {
            self.painter.paint_again();
        } else if *key == Key::Enter && !is_searching {
            return self.enter(now, client);
        } else if *key == Key::Tab {
            self.complete(client);
        } else if let Key::Paste(text) = key {
            self.paste(now, client, text);
        } else {
            let is_refused = !self.editor.key(key) && matches!(key, Key::Text(_) | Key::LineEnd);
            if is_refused && !self.is_full {
                self.say(now, client, "the line is as long as it can be: what you type now is left out");
            }
            self.is_full = is_refused;
        }
        self.follow_reply();
        Next::Continue
    }

    /// Inserts something pasted, or asks whether to.
    fn paste(&mut self, now: Instant, client: &Client, text: &str) {
        if text.lines().count() > PASTE_LINES {
            self.question = Some(Question::Paste(text.to_owned()));
        } else {
            self.insert(now, client, text);
        }
    }

    fn insert(&mut self, now: Instant, client: &Client, text: &str) {
        if !self.editor.key(&Key::Paste(text.to_owned())) {
            self.say(now, client, "not inserted: the line would be too long");
        }
    }

    /// Takes the answer to a question. Returns nothing if the key is none: then it means what it always does.
    fn answer(&mut self, now: Instant, client: &Client, question: Question, key: &Key) -> Option<Next> {
        match (question, key) {
            (Question::Leave, Key::Enter | Key::Control('c' | 'd')) => return Some(Next::Leave),
            (Question::Leave, _) => return None,
            (Question::Paste(text), Key::Text('y') | Key::Enter) => {
                self.insert(now, client, text.trim_end_matches('\n'));
            }
            // The terminal, or the user, has pasted in pieces.
            (Question::Paste(text), Key::Paste(more)) => self.question = Some(Question::Paste(text + more)),
            (Question::Paste(_), Key::Text('n') | Key::Escape | Key::Control('c')) => {}
            (Question::Paste(_), _) => return None,
        }
        Some(Next::Continue)
    }

    fn complete(&mut self, client: &Client) {
        let own = client.nick().as_str();
        let here: Vec<_> = self.presence.here().map(|(_, nick)| nick).filter(|nick| *nick != own).collect();
        // Whoever spoke last is meant most often.
        let spoke = self.spoke.iter().map(String::as_str).filter(|nick| here.contains(nick));
        let others = here.iter().copied().filter(|nick| !self.spoke.iter().any(|spoke| spoke == nick));
        let nicks = spoke.chain(others);
        if let Some((start, with)) = self.completer.complete(self.editor.before(), command::NAMES.into_iter(), nicks) {
            self.editor.replace_from(start, &with);
        }
    }

    /// Notes whom the user means by `/reply`, from when it is there.
    fn follow_reply(&mut self) {
        let is_reply = !self.editor.is_text() && command::is_reply(self.editor.text());
        if !is_reply {
            self.replies_to = None;
        } else if self.replies_to.is_none() {
            self.replies_to = self.visit.correspondent.clone();
        }
    }

    /// Checks that the line can be taken as what it is: everything that is wrong here leaves it in the input.
    fn check(&mut self, text: &str, is_text: bool) -> Result<(), String> {
        let lines: Vec<_> = text.lines().filter(|line| !line.is_empty()).collect();
        let is_command = |line: &str| line.starts_with('/') && !line.starts_with("//");
        if !is_text && lines.len() > 1 && is_command(text.trim_start()) {
            // The lines of a private message must not become public.
            return Err("not sent: a command is one line (Alt-Enter begins another)".into());
        }
        if (is_text || lines.len() > 1) && lines.iter().any(|line| command::is_private(line.trim_start())) {
            return Err("not sent: everybody would read it, for what is pasted is text, and so is what has several lines (type the / \
                        yourself, in one line; or // to say it)"
                .into());
        }
        let begun = self.replies_to.as_ref();
        if !is_text
            && command::is_reply(text)
            && let Some((key, now)) = &self.visit.correspondent
            && begun.is_none_or(|(begun, _)| begun != key)
        {
            let whom = begun.map_or_else(String::new, |(_, nick)| format!(" {nick}"));
            let why = format!("not sent: {now} has written since you began to answer{whom} (Enter answers {now} now)");
            self.replies_to = self.visit.correspondent.clone();
            return Err(why);
        }
        Ok(())
    }

    /// Enters the line.
    fn enter(&mut self, now: Instant, client: &mut Client) -> Next {
        if self.editor.text().is_empty() {
            if let Some((command, text)) = self.strip.take_back() {
                // What was no command the first time is none now.
                let is_text = command.is_empty();
                self.editor.set(command + &text, is_text);
                self.follow_reply();
            }
            return Next::Continue;
        }
        if let Some((_, next)) = client.place() {
            client.read(now, next);
        }
        let is_text = self.editor.is_text();
        let text = self.editor.text().to_owned();
        if let Err(why) = self.check(&text, is_text) {
            self.say(now, client, why);
            return Next::Continue;
        }
        self.editor.take();
        self.replies_to = None;
        self.store_entered(&text);
        let lines: Vec<_> = text.lines().filter(|line| !line.is_empty()).collect();
        let mut next = Next::Continue;
        for line in &lines {
            if is_text || lines.len() > 1 {
                next = self.carry_out(now, client, Command::Say(line));
                continue;
            }
            match command_of(line) {
                Ok(command) => next = self.carry_out(now, client, command),
                Err(wrong) => {
                    self.say(now, client, wrong.why);
                    self.editor.set((*line).to_owned(), false);
                }
            }
        }
        self.print_said(now, client);
        next
    }

    fn carry_out(&mut self, now: Instant, client: &mut Client, command: Command<'_>) -> Next {
        if let Command::Clear = command {
            self.clear();
            return Next::Continue;
        }
        let label = self.strip.label(self.run);
        let message = self.message(&command);
        let is_who = matches!(command, Command::Who);
        let taken =
            may_post(client, &command).and_then(|()| self.visit.carry_out(now, client, command, Some(label.clone())));
        match (taken, message) {
            (Ok(taken), message) => {
                self.shows_people |= is_who;
                if let Some((command, text)) = message {
                    self.strip.add(label, &command, &text, taken.parts);
                }
                return taken.next;
            }
            // It stays there, and what the user types meanwhile does not become a part of it.
            (Err(wrong), Some((command, text))) => self.strip.add_refused(label, &command, &text, wrong.why),
            (Err(wrong), None) => self.say(now, client, wrong.why),
        }
        Next::Continue
    }

    fn clear(&mut self) {
        // Nothing is erased: it is in the scrollback.
        self.lines.extend(std::iter::repeat_n(String::new(), self.size.1));
    }

    /// Returns the text of a message, and the command with which it is entered again.
    fn message(&self, command: &Command<'_>) -> Option<(String, String)> {
        if let Command::Say(text) = *command {
            Some((String::new(), text.to_owned()))
        } else if let Command::Act(text) = *command {
            Some((ACT.to_owned(), text.to_owned()))
        } else if let Command::Write { to, is_act, text } = *command {
            Some((write_to(to, is_act), text.to_owned()))
        } else if let Command::Reply { is_act, text } = *command {
            // Somebody else may have written by then.
            let (key, nick) = self.visit.correspondent.as_ref()?;
            // Behind a quotation mark of its own, somebody else could be meant.
            let nick = if nick.as_str().contains('"') { "" } else { nick.as_str() };
            Some((write_to(&format!("{nick}#{}", key.who()), is_act), text.to_owned()))
        } else {
            None
        }
    }
}
