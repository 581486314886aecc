//! The user's own lines that are not in the room yet.
//!
//! Owns: which they are, what became of those that will not get there.
//! Must not know: how they are sent, how they are painted.
//! Driven by: `terminal`, with what the user enters and with outcomes.

use super::super::storing::Unsettled;
use crate::ui::sanitize;
use crate::ui::screen::width::fit;
use crate::wire::frame::PostKind;

/// The most rows of lines.
pub(super) const ROWS_MAX: usize = 3;

/// The command before an action.
pub(super) const ACT: &str = "/me ";

/// The columns for a text that stands before a reason.
const TEXT_COLUMNS: usize = 30;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Strip {
    lines: Vec<Own>,
    count: u64,
}

#[derive(Debug)]
struct Own {
    label: Box<str>,
    /// The command with which it was entered: what is taken back must not become public.
    command: String,
    text: String,
    /// How many of its pieces have no outcome.
    left: usize,
    /// Why it, or a piece of it, is not in the room.
    wrong: Option<String>,
}

impl Own {
    /// Whether it, or a part of it, is not in the room and will not be.
    const fn is_wrong(&self) -> bool {
        self.left == 0 && self.wrong.is_some()
    }
}

impl Strip {
    /// Returns a label for the next line. `run` is different in each run, for labels outlive them.
    pub(super) fn label(&mut self, run: u64) -> Box<str> {
        self.count += 1;
        format!("{run:016x}.{}", self.count).into()
    }

    /// Adds a text that was posted in so many pieces, with this command before it.
    pub(super) fn add(&mut self, label: Box<str>, command: &str, text: &str, pieces: usize) {
        if pieces > 0 {
            let (command, text) = (command.to_owned(), text.to_owned());
            self.lines.push(Own { label, command, text, left: pieces, wrong: None });
        }
    }

    /// Adds a message that an earlier visit has left. What takes a right, and nicks, are none.
    pub(super) fn add_left(&mut self, left: Unsettled) {
        let command = match (left.kind, &left.to) {
            (PostKind::Say, None) => String::new(),
            (PostKind::Act, None) => ACT.to_owned(),
            (PostKind::Private, Some((to, is_act))) => write_to(to, *is_act),
            _ => return,
        };
        if let Some(label) = left.label {
            self.add(label, &command, &left.text, 1);
        }
    }

    /// Adds a message that was not posted at all.
    pub(super) fn add_refused(&mut self, label: Box<str>, command: &str, text: &str, why: String) {
        let (command, text) = (command.to_owned(), text.to_owned());
        self.lines.push(Own { label, command, text, left: 0, wrong: Some(why) });
    }

    /// Notes an outcome of a piece. Returns whether it is one of a line here.
    pub(super) fn settle(&mut self, label: Option<&str>, wrong: Option<(String, &str)>) -> bool {
        let Some(place) = self.lines.iter().position(|own| Some(&*own.label) == label) else { return false };
        let own = &mut self.lines[place];
        own.left = own.left.saturating_sub(1);
        if let Some((why, text)) = wrong {
            if own.wrong.is_none() {
                own.text.clear();
            } else {
                // The lines of a message become messages, and commands are of one line.
                own.text.push(if own.command.is_empty() { '\n' } else { ' ' });
            }
            own.text.push_str(text);
            own.wrong = Some(why);
        }
        if own.left == 0 && own.wrong.is_none() {
            self.lines.remove(place);
        }
        true
    }

    /// Takes back the oldest line that is not in the room and will not be: the command before it, and the text.
    pub(super) fn take_back(&mut self) -> Option<(String, String)> {
        let place = self.lines.iter().position(Own::is_wrong)?;
        let own = self.lines.remove(place);
        Some((own.command, own.text))
    }

    /// Returns whether there is something to be taken back.
    pub(super) fn has_wrong(&self) -> bool {
        self.lines.iter().any(Own::is_wrong)
    }

    /// Returns the rows, not cut to any width, and whether each needs the user.
    pub(super) fn rows(&self) -> Vec<(String, bool)> {
        let shown = |own: &Own| {
            let text = sanitize::escaped(&own.text.replace('\n', " ↵ ").replace('\t', " "));
            let text = format!("{}{text}", own.command);
            match &own.wrong {
                Some(why) => (format!("! {}: {why}", fit(&text, TEXT_COLUMNS)), true),
                None => (format!("… {text}"), false),
            }
        };
        // What needs the user is shown first of all.
        let (wrong, waiting): (Vec<_>, Vec<_>) = self.lines.iter().partition(|own| own.wrong.is_some());
        let mut rows: Vec<_> = wrong.into_iter().chain(waiting).take(ROWS_MAX).map(shown).collect();
        if self.lines.len() > ROWS_MAX {
            rows.push((format!("  +{}", self.lines.len() - ROWS_MAX), false));
        }
        rows
    }
}

/// Returns the command before a private message to that name.
pub(super) fn write_to(to: &str, is_act: bool) -> String {
    let quote = if to.contains(' ') { "\"" } else { "" };
    format!("/msg {quote}{to}{quote} {}", if is_act { ACT } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_there_until_all_of_its_pieces_are_in_the_room() {
        let mut strip = Strip::default();
        let label = strip.label(7);
        strip.add(label.clone(), "", "long", 2);
        assert_eq!(strip.rows(), [("… long".into(), false)]);
        assert!(strip.settle(Some(&label), None));
        assert_eq!(strip.rows().len(), 1);
        assert!(strip.settle(Some(&label), None) && strip.rows().is_empty());
        assert!(!strip.settle(Some(&label), None) && !strip.settle(None, None));
    }

    #[test]
    fn what_was_refused_stays_with_its_reason_and_can_be_taken_back() {
        let mut strip = Strip::default();
        for number in 0..6 {
            let label = strip.label(7);
            strip.add(label, "", &format!("line {number}"), 1);
        }
        let label = strip.lines[4].label.clone();
        assert!(!strip.has_wrong());
        strip.settle(Some(&label), Some(("muted".into(), "line 4")));
        let rows = strip.rows();
        assert_eq!(rows[0], ("! line 4: muted".into(), true));
        assert_eq!((rows.len(), rows[3].0.as_str()), (4, "  +3"));
        assert_eq!(strip.take_back(), Some((String::new(), "line 4".into())));
        assert_eq!(strip.take_back(), None, "the others are on their way");
    }

    #[test]
    fn what_an_earlier_visit_has_left_comes_back_as_what_it_was() {
        let mut strip = Strip::default();
        let mut left = |kind, to: Option<(&str, bool)>| {
            let to = to.map(|(to, is_act)| (to.to_owned(), is_act));
            strip.add_left(Unsettled { label: Some("x".into()), kind, to, text: "text".into() });
            strip.settle(Some("x"), Some(("refused".into(), "text")));
            strip.take_back().map(|(command, text)| command + &text)
        };
        assert_eq!(left(PostKind::Say, None).as_deref(), Some("text"));
        assert_eq!(left(PostKind::Act, None).as_deref(), Some("/me text"));
        assert_eq!(left(PostKind::Private, Some(("jill b", true))).as_deref(), Some("/msg \"jill b\" /me text"));
        assert_eq!(left(PostKind::Private, None), None);
        assert_eq!(left(PostKind::Order, None), None);
    }

    #[test]
    fn a_private_message_that_is_taken_back_is_still_one() {
        let mut strip = Strip::default();
        let label = strip.label(7);
        strip.add(label.clone(), "/msg jack ", "one two", 2);
        strip.settle(Some(&label), Some(("nobody".into(), "one")));
        assert_eq!(strip.take_back(), None, "a piece of it has no outcome yet");
        strip.settle(Some(&label), Some(("nobody".into(), "two")));
        assert_eq!(strip.take_back(), Some(("/msg jack ".into(), "one two".into())));
    }
}
