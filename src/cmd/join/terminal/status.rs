//! The row that says how things are.
//!
//! Owns: its words, what of the room it remembers for them.
//! Must not know: how wide it is, how it is painted.
//! Driven by: `terminal`, with events.

use crate::client::{Away, Client, Dialect, Event};
use crate::ui::sanitize;
use crate::wire::Seq;
use crate::wire::frame::Watched;

/// See the module.
#[derive(Debug)]
pub(super) struct Status {
    server: String,
    /// Whether the server's key was known before.
    knows_key: bool,
    dialect: Option<&'static str>,
    topic: String,
    /// How many are here, if that is known.
    pub(super) here: Option<usize>,
    /// How many entries have not come yet.
    pub(super) behind: u64,
    /// The user's newest entry, and how many of how many have received it.
    watched: Option<(Seq, Option<(u64, u64)>)>,
    /// What is wrong with the server.
    trouble: Option<&'static str>,
}

impl Status {
    pub(super) const fn new(server: String, knows_key: bool) -> Self {
        Self {
            server,
            knows_key,
            dialect: None,
            topic: String::new(),
            here: None,
            behind: 0,
            watched: None,
            trouble: None,
        }
    }

    /// Notes what an event says about it.
    pub(super) fn take(&mut self, event: &Event) {
        if let Event::Joined(dialect) = event {
            self.dialect = Some(match dialect {
                Dialect::Text => "plain text",
                Dialect::Session { .. } if self.knows_key => "encrypted",
                Dialect::Session { .. } => "encrypted, new key",
            });
        } else if let Event::Room(room) = event {
            self.topic = sanitize::escaped(&room.topic);
        } else if let Event::Quiet(_) = event {
            self.trouble = Some("the server is silent");
        } else if let Event::Away(why) = event {
            self.trouble = Some(if let Away::Closed(_) = why { "the server is away" } else { "no connection" });
        } else if let Event::Back | Event::AnotherLog = event {
            self.trouble = None;
        } else if let Event::Reached { seq, what, count, of, .. } = event
            && let Some((watched, reached)) = &mut self.watched
            && watched == seq
        {
            *reached = (*what != Watched::Nothing).then_some((*count, *of));
        }
    }

    /// Notes which entry's receipts are shown.
    pub(super) const fn watch(&mut self, seq: Seq) {
        self.watched = Some((seq, None));
    }

    /// Returns the row: what matters most comes first, for a narrow terminal cuts the end.
    pub(super) fn row(&self, client: &Client, mentions: u64) -> String {
        let mut parts: Vec<String> = self.trouble.map(String::from).into_iter().collect();
        if mentions > 0 {
            parts.push(format!("{mentions} for you"));
        }
        if self.behind > 0 {
            parts.push(format!("{} behind", grouped(self.behind)));
        }
        if let Some((_, Some((count, of)))) = self.watched
            && of > 0
        {
            parts.push(format!("received {count}/{of}"));
        }
        parts.extend(self.here.map(|here| format!("{here} here")));
        parts.push(self.dialect.unwrap_or("no answer yet").into());
        parts.push(format!("{} @ {}", client.nick(), self.server));
        if !self.topic.is_empty() {
            parts.push(self.topic.clone());
        }
        parts.join(" · ")
    }
}

/// Returns a number with a comma before each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_read_at_a_glance() {
        assert_eq!([0, 999, 3200, 1_234_567].map(grouped), ["0", "999", "3,200", "1,234,567"]);
    }
}
