//! What the user does at the terminal.
//!
//! Owns: what keys mean beside editing, what is asked before it is done, which line is a command.
//! Must not know: how a command is carried out, what the screen looks like.
//! Driven by: `terminal`, with each key.

use super::super::taken::may_post;
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
            if !self.editor.key(key) && matches!(key, Key::Text(_) | Key::LineEnd) {
                self.say(now, client, "the line is as long as it can be");
            }
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
        let nicks = self.here.iter().map(|(_, nick)| &**nick).filter(|nick| *nick != own);
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
        let lines: Vec<_> = text.lines().filter(|line| !line.is_empty()).collect();
        if let Some((_, next)) = client.place() {
            client.read(now, next);
        }
        let mut next = Next::Continue;
        for line in &lines {
            let command = if is_text || lines.len() > 1 { Ok(Command::Say(line)) } else { command::parse(line) };
            match command {
                Ok(Command::Clear) => self.clear(),
                Ok(command) => next = self.carry_out(now, client, command, line),
                Err(why) => {
                    self.say(now, client, why);
                    self.editor.set((*line).to_owned());
                }
            }
        }
        self.print_said(now, client);
        next
    }

    fn carry_out(&mut self, now: Instant, client: &mut Client, command: Command<'_>, line: &str) -> Next {
        let label = self.strip.label(self.run);
        let message = message(&command);
        self.shows_people |= matches!(command, Command::Who);
        let done =
            may_post(client, &command).and_then(|()| self.visit.carry_out(now, client, command, Some(label.clone())));
        match done {
            Ok(taken) => {
                if let Some((command, text)) = message {
                    self.strip.add(label, &command, &text, taken.parts);
                }
                taken.next
            }
            Err(wrong) => {
                self.say(now, client, wrong.why);
                self.editor.set(line.to_owned());
                Next::Continue
            }
        }
    }

    fn clear(&mut self) {
        // Nothing is erased: it is in the scrollback.
        self.lines.extend(std::iter::repeat_n(String::new(), self.size.1));
    }
}

/// Returns the text of a message, and the command with which it is entered.
fn message(command: &Command<'_>) -> Option<(String, String)> {
    let act = |is_act: bool| if is_act { "/me " } else { "" };
    match *command {
        Command::Say(text) => Some((String::new(), text.to_owned())),
        Command::Act(text) => Some(("/me ".into(), text.to_owned())),
        Command::Write { to, is_act, text } => {
            let to = if to.contains(' ') { format!("\"{to}\"") } else { to.to_owned() };
            Some((format!("/msg {to} {}", act(is_act)), text.to_owned()))
        }
        Command::Reply { is_act, text } => Some((format!("/reply {}", act(is_act)), text.to_owned())),
        Command::Who
        | Command::Nick(_)
        | Command::Release(_)
        | Command::Order(_)
        | Command::Invite(_)
        | Command::Peace(..)
        | Command::Members
        | Command::History(_)
        | Command::Search(_)
        | Command::Seen
        | Command::Clear
        | Command::Help
        | Command::HelpForOperators
        | Command::Quit => None,
    }
}
