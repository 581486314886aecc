//! The lines that a user has entered before.
//!
//! Owns: which they are, how one goes through them and searches them.
//! Must not know: where they are stored.
//! Driven by: `editor`.

use std::collections::{BTreeMap, VecDeque};

/// The most lines that are kept. Chosen: as shells do.
pub const PAST_MAX: usize = 1000;

/// The longest line that is kept, in bytes: what is longer was pasted.
pub const LINE_MAX: usize = 4096;

/// See the module.
#[derive(Debug, Default)]
pub struct Past {
    lines: VecDeque<String>,
    /// The place of the line that is shown; behind the last one is what the user had typed before it looked back.
    at: Option<usize>,
    /// What the user has made of the lines since it looked back, by their places.
    edited: BTreeMap<usize, Edited>,
}

/// A line in the editor, and whether it is text, whatever it begins with.
type Edited = (String, bool);

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
        self.leave();
        if line.is_empty() || line.len() > LINE_MAX || self.lines.back() == Some(&line) {
            return;
        }
        if self.lines.len() >= PAST_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// Returns the line before the one that is shown, where `shown` is what the user has made of that.
    pub fn older(&mut self, shown: Edited) -> Option<Edited> {
        let at = self.at.unwrap_or(self.lines.len());
        self.go(at, at.checked_sub(1)?, shown)
    }

    /// Returns the line behind the one that is shown, or in the end what the user had typed.
    pub fn newer(&mut self, shown: Edited) -> Option<Edited> {
        let at = self.at.filter(|at| *at < self.lines.len())?;
        self.go(at, at + 1, shown)
    }

    fn go(&mut self, from: usize, to: usize, shown: Edited) -> Option<Edited> {
        self.edited.insert(from, shown);
        self.at = Some(to);
        self.edited.get(&to).cloned().or_else(|| Some((self.lines.get(to)?.clone(), false)))
    }

    /// Forgets where the user is, and what it has made of the lines.
    pub fn leave(&mut self) {
        self.at = None;
        self.edited.clear();
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
    fn one_goes_back_and_forth_and_what_was_typed_and_changed_is_still_there() {
        let mut past = Past::new(["one", "two", "two", ""].map(String::from));
        assert_eq!((past.newest(), past.lines.len()), (Some("two"), 2));
        let line = |text: &str| (text.to_owned(), false);
        let typed = ("/typed".to_owned(), true);
        assert_eq!(past.older(typed.clone()), Some(line("two")));
        assert_eq!(past.older(line("two, changed")), Some(line("one")));
        assert_eq!(past.older(line("one")), None);
        assert_eq!(past.newer(line("one")), Some(line("two, changed")));
        assert_eq!(past.newer(line("two, changed")), Some(typed.clone()));
        assert_eq!(past.newer(typed.clone()), None);
        past.push("three".into());
        assert_eq!(past.older(typed), Some(line("three")));
        assert_eq!(past.older(line("three")), Some(line("two")), "changed only for as long as one looked at it");
        assert_eq!(Past::default().older(line("typed")), None);
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
