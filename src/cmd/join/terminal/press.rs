//! What the user does at the terminal.
//!
//! Owns: what keys mean beside editing, what is asked before it is done, which line is a command.
//! Must not know: how a command is carried out, what the screen looks like.
//! Driven by: `terminal`, with each key.

use super::super::taken::{Wrong, command_of, may_post};
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
        if let Some(question) = self.question.take() {
            return self.answer(question, key);
        }
        let (is_searching, is_empty) = (self.editor.searching().is_some(), self.editor.text().is_empty());
        if *key == Key::Control('c') && !is_searching {
            if is_empty {
                self.question = Some(Question::Leave);
            }
            self.editor.set(String::new());
        } else if *key == Key::Control('d') && is_empty {
            return Next::Leave;
        } else if *key == Key::Control('z') {
            self.suspend();
        } else if *key == Key::Control('l') {
            self.painter.forget();
        } else if *key == Key::Enter && !is_searching {
            return self.enter(now, client);
        } else if *key == Key::Tab {
            self.complete(client);
        } else if let Key::Paste(text) = key {
            self.paste(now, client, text);
        } else {
            let is_typed_first = matches!(key, Key::Text(_)) && self.editor.before().is_empty();
            self.is_pasted &= !is_typed_first;
            let is_refused = !self.editor.key(key) && matches!(key, Key::Text(_) | Key::LineEnd);
            if is_refused && !std::mem::replace(&mut self.is_full, is_refused) {
                self.say(now, client, "the line is as long as it can be: what you type now is left out");
            }
            self.is_full = is_refused;
        }
        self.is_pasted &= !self.editor.text().is_empty();
        Next::Continue
    }

    /// Inserts something pasted, or asks whether to.
    fn paste(&mut self, now: Instant, client: &Client, text: &str) {
        if text.lines().count() > PASTE_LINES {
            self.question = Some(Question::Paste(text.to_owned()));
            return;
        }
        self.is_pasted |= self.editor.before().is_empty();
        if !self.editor.key(&Key::Paste(text.to_owned())) {
            self.say(now, client, "not inserted: the line would be too long");
        }
    }

    fn answer(&mut self, question: Question, key: &Key) -> Next {
        match (question, key) {
            (Question::Leave, Key::Enter | Key::Control('c' | 'd') | Key::Text('y')) => return Next::Leave,
            (Question::Paste(text), Key::Text('y') | Key::Enter) => {
                self.is_pasted |= self.editor.before().is_empty();
                self.editor.key(&Key::Paste(text.trim_end_matches('\n').to_owned()));
            }
            (Question::Leave | Question::Paste(_), _) => {}
        }
        Next::Continue
    }

    fn complete(&mut self, client: &Client) {
        let own = client.nick().as_str();
        let nicks = self.presence.here().map(|(_, nick)| nick).filter(|nick| *nick != own);
        if let Some((start, with)) = self.completer.complete(self.editor.before(), command::NAMES.into_iter(), nicks) {
            self.editor.replace_from(start, &with);
        }
    }

    /// Enters the line.
    fn enter(&mut self, now: Instant, client: &mut Client) -> Next {
        if self.editor.text().is_empty() {
            if let Some((command, text)) = self.strip.take_back() {
                // What was no command the first time is none now.
                self.is_pasted = command.is_empty();
                self.editor.set(command + &text);
            }
            return Next::Continue;
        }
        let is_text = std::mem::take(&mut self.is_pasted);
        let text = self.editor.take();
        if let Some((_, next)) = client.place() {
            client.read(now, next);
        }
        let lines: Vec<_> = text.lines().filter(|line| !line.is_empty()).collect();
        let is_command = |line: &str| line.starts_with('/') && !line.starts_with("//");
        if !is_text && lines.len() > 1 && is_command(text.trim_start()) {
            // The lines of a private message must not become public.
            self.say(now, client, "not sent: a command is one line (Alt-Enter begins another)");
            self.editor.set(text);
            return Next::Continue;
        }
        let mut next = Next::Continue;
        let mut not_done = Vec::new();
        for line in &lines {
            let command = if is_text || lines.len() > 1 { Ok(Command::Say(line)) } else { command_of(line) };
            match command.and_then(|command| self.carry_out(now, client, command)) {
                Ok(then) => next = then,
                Err(wrong) => {
                    self.say(now, client, wrong.why);
                    not_done.push(*line);
                }
            }
        }
        if !not_done.is_empty() {
            self.editor.set(not_done.join("\n"));
            // What was text is text the next time, too.
            self.is_pasted = is_text || lines.len() > 1;
        }
        self.print_said(now, client);
        next
    }

    fn carry_out(&mut self, now: Instant, client: &mut Client, command: Command<'_>) -> Result<Next, Wrong> {
        if let Command::Clear = command {
            self.clear();
            return Ok(Next::Continue);
        }
        let label = self.strip.label(self.run);
        let message = self.message(&command);
        let is_who = matches!(command, Command::Who);
        may_post(client, &command)?;
        let taken = self.visit.carry_out(now, client, command, Some(label.clone()))?;
        self.shows_people |= is_who;
        if let Some((command, text)) = message {
            self.strip.add(label, &command, &text, taken.parts);
        }
        Ok(taken.next)
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
            Some((write_to(&format!("{nick}#{}", key.who()), is_act), text.to_owned()))
        } else {
            None
        }
    }
}
