//! The rows below the scrollback.
//!
//! Owns: what is in them, from the top: the user's own lines, the status or a question, the input.
//! Must not know: which bytes paint them.
//! Driven by: `terminal`, once for each painting.

use super::super::telling::Shown;
use super::{Question, TerminalMode};
use crate::client::Client;
use crate::time::Instant;
use crate::ui::sanitize;
use crate::ui::screen::paint::Pinned;
use crate::ui::screen::style::Style;
use crate::ui::screen::width::{columns_of, fit};
use crate::wire::entry::{PRIVATE_MAX, texts};

/// The mark before the input.
const PROMPT: &str = "> ";

/// Returns what the user is told who leaves.
fn leaving(client: &Client) -> String {
    match client.outstanding() {
        0 => "leaving".into(),
        1 => "leaving: a line is not confirmed yet".into(),
        count => format!("leaving: {count} lines are not confirmed yet"),
    }
}

/// Returns how many messages a text becomes: one for each line, more for a long one.
fn messages_of(text: &str) -> usize {
    let lines = text.lines().filter(|line| !line.is_empty());
    lines.map(|line| if line.len() > PRIVATE_MAX { texts(line, PRIVATE_MAX).len() } else { 1 }).sum()
}

impl TerminalMode {
    pub(super) fn paint(&mut self, now: Instant, client: &Client) {
        if std::mem::take(&mut self.left_out) > 0 {
            let gap = Shown::Notice("some lines were left out: they came faster than the terminal took them".into());
            let reader = self.reader(client);
            let lines = self.scroll.take(now, gap, reader);
            self.lines.splice(0..0, lines);
        }
        let (columns, rows) = self.size;
        let room = columns.saturating_sub(1).max(1);
        let pinned = Pinned { rows: self.pinned_rows(client, room, rows), input: self.input_row(room) };
        let mut bytes = self.painter.paint(&self.lines, pinned);
        self.lines.clear();
        if std::mem::take(&mut self.scroll.rings) {
            bytes.push('\x07');
        }
        self.visit.output.push_bytes(bytes.as_bytes());
        self.painted = Some(now);
        self.is_urgent = false;
    }

    /// Returns the rows above the input: the user's own lines, and the status.
    fn pinned_rows(&self, client: &Client, room: usize, rows: usize) -> Vec<String> {
        let mut pinned = Vec::new();
        // At least one row of the scrollback stays in sight.
        let above = rows.saturating_sub(2);
        let styled = |text: &str, style| {
            let mut row = String::new();
            self.palette.push(&mut row, style, &fit(&text.replace('\t', " "), room));
            row
        };
        if above == 0 {
            return pinned;
        }
        for (text, is_alarm) in self.strip.rows().into_iter().take(above - 1) {
            pinned.push(styled(&text, if is_alarm { Style::Alarm } else { Style::Faint }));
        }
        let (text, style) = match &self.question {
            _ if self.leaves => (leaving(client), Style::Mark),
            Some(Question::Leave) => {
                ("leave? Enter or Ctrl-C again leaves, any other key stays".to_owned(), Style::Alarm)
            }
            Some(Question::Paste(text)) => {
                let lines = text.lines().count();
                (format!("insert {lines} lines? y inserts them, any other key does not"), Style::Alarm)
            }
            None => {
                let takes_back = self.strip.has_wrong() && self.editor.text().is_empty();
                let mut hint = match messages_of(self.editor.text()) {
                    0 if takes_back => "Enter takes back what was not sent · ".into(),
                    0 | 1 => String::new(),
                    count => format!("{count} messages · "),
                };
                if let Some((_, nick)) = &self.replies_to {
                    hint.push_str(&format!("private, to {} · ", sanitize::escaped(nick.as_str())));
                }
                (format!("{hint}{}", self.status.row(client, self.scroll.mentions)), Style::Mark)
            }
        };
        pinned.push(styled(&text, style));
        pinned
    }

    fn input_row(&self, room: usize) -> (String, String) {
        let prompt = match self.editor.searching() {
            Some(wanted) => format!("(search: {}) ", fit(&sanitize::escaped(wanted), 20)),
            None => PROMPT.to_owned(),
        };
        let prompt = if columns_of(&prompt) + 2 > room { String::new() } else { prompt };
        let (before, behind) = self.editor.view(room - columns_of(&prompt));
        (prompt + &before, behind)
    }
}
