//! The lines that a user has entered before.
//!
//! Owns: which they are, how one goes through them and searches them.
//! Must not know: where they are stored.
//! Driven by: `editor`.

use std::collections::VecDeque;

/// The most lines that are kept. Chosen: as shells do.
pub const PAST_MAX: usize = 1000;

/// The longest line that is kept, in bytes: what is longer was pasted.
pub const LINE_MAX: usize = 4096;

/// See the module.
#[derive(Debug, Default)]
pub struct Past {
    lines: VecDeque<String>,
    /// The line that is shown, and what the user had typed before it looked back.
    at: Option<(usize, String)>,
}

impl Past {
    /// Creates it from lines, the oldest first.
    pub fn new(lines: impl IntoIterator<Item = String>) -> Self {
        let mut past = Self::default();
        lines.into_iter().for_each(|line| past.push(line));
        past
    }

    /// Returns the newest line.
    pub fn newest(&self) -> Option<&str> {
        self.lines.back().map(String::as_str)
    }

    /// Adds a line that was entered.
    pub fn push(&mut self, line: String) {
        self.at = None;
        if line.is_empty() || line.len() > LINE_MAX || self.lines.back() == Some(&line) {
            return;
        }
        if self.lines.len() >= PAST_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// Returns the line before the one that is shown, where `typed` is what the user sees now.
    pub fn older(&mut self, typed: &str) -> Option<String> {
        let (at, draft) = self.at.take().unwrap_or_else(|| (self.lines.len(), typed.to_owned()));
        let older = at.checked_sub(1);
        self.at = Some((older.unwrap_or(at), draft)).filter(|(at, _)| *at < self.lines.len());
        self.lines.get(older?).cloned()
    }

    /// Returns the line behind the one that is shown, or in the end what the user had typed.
    pub fn newer(&mut self) -> Option<String> {
        let (at, draft) = self.at.take()?;
        match self.lines.get(at + 1) {
            Some(line) => {
                self.at = Some((at + 1, draft));
                Some(line.clone())
            }
            None => Some(draft),
        }
    }

    /// Notes that the line that is shown was changed: it is the user's now.
    pub fn leave(&mut self) {
        self.at = None;
    }

    /// Returns the newest line with that text before the `before`th, and its place.
    pub fn find(&self, text: &str, before: usize) -> Option<(usize, &str)> {
        let lines = self.lines.iter().enumerate().take(before).rev();
        let mut found = lines.filter(|(_, line)| line.contains(text));
        found.next().map(|(place, line)| (place, line.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_goes_back_and_forth_and_what_was_typed_is_still_there() {
        let mut past = Past::new(["one", "two", "two", ""].map(String::from));
        assert_eq!((past.newest(), past.lines.len()), (Some("two"), 2));
        assert_eq!(past.older("typed").as_deref(), Some("two"));
        assert_eq!(past.older("two").as_deref(), Some("one"));
        assert_eq!(past.older("one"), None);
        assert_eq!(past.newer().as_deref(), Some("two"));
        assert_eq!(past.newer().as_deref(), Some("typed"));
        assert_eq!(past.newer(), None);
        assert_eq!(Past::default().older("typed"), None);
    }

    #[test]
    fn the_newest_line_with_a_text_is_found_first_and_only_so_many_are_kept() {
        let past = Past::new((0..PAST_MAX + 5).map(|number| format!("line {number}")));
        assert_eq!(past.lines.len(), PAST_MAX);
        let (place, line) = past.find("line 1", usize::MAX).unwrap();
        assert_eq!(line, "line 1004");
        assert_eq!(past.find("line 1", place).unwrap().1, "line 1003");
        assert_eq!(past.find("nothing", usize::MAX), None);
    }
}
