//! Bytes that a user enters, as lines.
//!
//! Owns: where a line ends, whether it is UTF-8, how long it may be.
//! Must not know: where the bytes come from, what a line means.
//! Driven by: the drivers of a client in `cmd`.

use std::collections::VecDeque;

/// The longest line that is read in one piece, in bytes; a longer one becomes several. Chosen: far longer than anything that
/// anybody types, short enough to hold.
pub const LINE_MAX: usize = 64 * 1024;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A line, without its end.
    Text(String),
    /// A line that is not UTF-8, by its number from 1.
    NotUtf8(u64),
    /// A line that is longer than [`LINE_MAX`], where long ones are not cut, by its number from 1.
    TooLong(u64),
}

/// Lines that were entered and not taken yet.
#[derive(Debug, Default)]
pub struct Lines {
    partial: Vec<u8>,
    lines: VecDeque<Line>,
    number: u64,
    /// Whether a line that is too long is left out instead of cut, and whether that is the present one.
    keeps_whole: bool,
    is_too_long: bool,
}

impl Lines {
    /// From now on, leaves out lines that are too long: a piece of one would not mean what the line does.
    pub const fn keep_whole(&mut self) {
        self.keeps_whole = true;
    }

    /// Takes more input, whose last line may continue with the next; `None` ends the last line.
    pub fn feed(&mut self, entered: Option<&[u8]>) {
        match entered {
            Some(bytes) => self.cut(bytes),
            None => self.end(),
        }
    }

    fn cut(&mut self, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            self.partial.extend_from_slice(&bytes[..end]);
            bytes = &bytes[end + 1..];
            if self.partial.last() == Some(&b'\r') {
                self.partial.pop();
            }
            let line = std::mem::take(&mut self.partial);
            self.push(line);
        }
        self.partial.extend_from_slice(bytes);
        if self.keeps_whole && self.partial.len() > LINE_MAX {
            self.partial.clear();
            self.is_too_long = true;
        }
        while self.partial.len() > LINE_MAX {
            // Not in the middle of a character, if this is UTF-8.
            let end = (LINE_MAX - 3..=LINE_MAX).rev().find(|&end| self.partial[end] & 0xc0 != 0x80).unwrap_or(LINE_MAX);
            let rest = self.partial.split_off(end);
            let line = std::mem::replace(&mut self.partial, rest);
            self.push(line);
        }
    }

    fn end(&mut self) {
        if !self.partial.is_empty() || self.is_too_long {
            let line = std::mem::take(&mut self.partial);
            self.push(line);
        }
    }

    /// Returns the next complete line.
    pub fn pop(&mut self) -> Option<Line> {
        self.lines.pop_front()
    }

    /// Returns whether there is no complete line.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    fn push(&mut self, line: Vec<u8>) {
        self.number += 1;
        let number = self.number;
        if std::mem::take(&mut self.is_too_long) || (self.keeps_whole && line.len() > LINE_MAX) {
            return self.lines.push_back(Line::TooLong(number));
        }
        self.lines.push_back(String::from_utf8(line).map_or(Line::NotUtf8(number), Line::Text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&[u8]]) -> Vec<Line> {
        let mut lines = Lines::default();
        chunks.iter().for_each(|chunk| lines.feed(Some(chunk)));
        lines.feed(None);
        std::iter::from_fn(|| lines.pop()).collect()
    }

    fn text(line: &str) -> Line {
        Line::Text(line.into())
    }

    #[test]
    fn lines_end_where_they_end_whatever_the_reads() {
        assert_eq!(lines(&[b"a\nb", b"c\r\n", b"\nd"]), [text("a"), text("bc"), text(""), text("d")]);
        assert_eq!(lines(&[]), []);
        assert_eq!(lines(&["ж".as_bytes().split_at(1).0, "ж".as_bytes().split_at(1).1]), [text("ж")]);
    }

    #[test]
    fn a_line_that_is_not_utf8_is_told_by_its_number() {
        assert_eq!(lines(&[b"a\n\xff\nb\n"]), [text("a"), Line::NotUtf8(2), text("b")]);
    }

    #[test]
    fn a_line_without_an_end_is_cut_between_characters() {
        let endless = "ж".repeat(LINE_MAX);
        let cut = lines(&[b"x", endless.as_bytes()]);
        assert_eq!(cut.len(), 3);
        let whole: String = cut
            .iter()
            .map(|line| match line {
                Line::Text(text) => text.as_str(),
                Line::NotUtf8(number) | Line::TooLong(number) => panic!("line {number}"),
            })
            .collect();
        assert_eq!(whole, format!("x{endless}"));
    }

    #[test]
    fn where_lines_are_kept_whole_one_that_is_too_long_is_left_out_and_the_next_is_not() {
        for chunk in [1000, LINE_MAX, 10 * LINE_MAX] {
            let mut lines = Lines::default();
            lines.keep_whole();
            let input = format!("{}\nnext\n{}", "x".repeat(3 * LINE_MAX), "y".repeat(LINE_MAX + 1));
            input.as_bytes().chunks(chunk).for_each(|bytes| lines.feed(Some(bytes)));
            lines.feed(None);
            let all: Vec<_> = std::iter::from_fn(|| lines.pop()).collect();
            assert_eq!(all, [Line::TooLong(1), Line::Text("next".into()), Line::TooLong(3)], "{chunk}");
        }
    }
}
