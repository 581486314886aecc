//! Which bytes bring a terminal up to date.
//!
//! Owns: how many rows of ours are below the terminal's scrollback, and what is in them.
//! Must not know: what the rows say.
//! Driven by: `cmd::join::terminal`.
//!
//! ```text
//!   jack: hey           printed once, as one line however long: from here on it is the terminal's
//!   jill: hey jack
//!   | 14:07 on its way  pinned rows: erased and painted again with each update
//!   | 3 here
//!   | > what I ty_      the last of them has the cursor
//! ```
//! An update goes to the first pinned row, which is never above its place: a terminal that has become narrower may have made several rows
//! of one, never fewer. So a resize may leave a pinned row behind, and never erases a message.

use std::fmt::Write;

/// Begins an update that a terminal shows at once (DEC private mode 2026). One that does not know it ignores it.
const BEGIN: &str = "\x1b[?2026h";
const END: &str = "\x1b[?2026l";

/// The rows below the scrollback. None has more columns than the terminal, less one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pinned {
    /// Those above the last one, with styles.
    pub rows: Vec<String>,
    /// The last one, before and behind the cursor.
    pub input: (String, String),
}

/// See the module.
#[derive(Debug, Default)]
pub struct Painter {
    painted: Option<Pinned>,
}

impl Painter {
    /// Prints lines, harmless and with styles, and paints the pinned rows below. Returns nothing if nothing changes.
    pub fn paint(&mut self, lines: &[String], pinned: Pinned) -> String {
        if lines.is_empty() && self.painted.as_ref() == Some(&pinned) {
            return String::new();
        }
        let mut bytes = String::from(BEGIN);
        self.push_home(&mut bytes);
        for line in lines {
            bytes.extend([line, "\r\n"]);
        }
        for row in &pinned.rows {
            bytes.extend([row, "\r\n"]);
        }
        // The terminal itself knows where the cursor is, whatever it takes for the width of a character.
        let (before, behind) = &pinned.input;
        bytes.extend([before, "\x1b7", behind, "\x1b8", END]);
        self.painted = Some(pinned);
        bytes
    }

    /// Removes the pinned rows.
    pub fn remove(&mut self) -> String {
        let mut bytes = String::new();
        self.push_home(&mut bytes);
        self.painted = None;
        bytes
    }

    /// Notes that somebody else has written to the terminal: what was painted is not there any more.
    pub fn forget(&mut self) {
        self.painted = None;
    }

    /// Goes to the first pinned row, and erases all of them.
    fn push_home(&self, bytes: &mut String) {
        let Some(pinned) = &self.painted else { return };
        bytes.push('\r');
        if !pinned.rows.is_empty() {
            let _ = write!(bytes, "\x1b[{}A", pinned.rows.len());
        }
        bytes.push_str("\x1b[J");
    }
}

#[cfg(test)]
mod tests {
    use super::super::width::fit;
    use super::*;
    use proptest::prelude::*;

    /// A terminal with scrollback that repeats and loses nothing by itself.
    struct Screen {
        painter: Painter,
        parser: vt100::Parser,
        columns: u16,
        rows: u16,
    }

    impl Screen {
        fn new(columns: u16, rows: u16) -> Self {
            Self { painter: Painter::default(), parser: vt100::Parser::new(rows, columns, 10_000), columns, rows }
        }

        fn paint(&mut self, lines: &[String], input: &str, strip: usize) {
            let room = usize::from(self.columns) - 1;
            let above = usize::from(self.rows).saturating_sub(2).min(strip);
            let rows = (0..above).map(|row| fit(&format!("# {row}"), room)).collect();
            let pinned = Pinned { rows, input: (fit(input, room), String::new()) };
            let bytes = self.painter.paint(lines, pinned);
            self.parser.process(bytes.as_bytes());
        }

        fn resize(&mut self, columns: u16, rows: u16) {
            (self.columns, self.rows) = (columns, rows);
            // As terminals do, and the model does not: what has no place goes into the scrollback, not the row with the cursor.
            let (cursor, _) = self.parser.screen().cursor_position();
            if let Some(over) = (cursor + 1).checked_sub(rows).filter(|over| *over > 0) {
                self.parser.process(format!("\x1b[{over}S\x1b[{over}A").as_bytes());
            }
            self.parser.screen_mut().set_size(rows, columns);
        }

        /// Returns everything in the scrollback and on the screen.
        fn all(&mut self) -> String {
            let screen = self.parser.screen_mut();
            screen.set_scrollback(usize::MAX);
            let depth = screen.scrollback();
            let mut all = String::new();
            for back in (1..=depth).rev() {
                screen.set_scrollback(back);
                let first = screen.rows(0, self.columns).next().unwrap_or_default();
                all += &first;
                if !screen.row_wrapped(0) {
                    all.push('\n');
                }
            }
            screen.set_scrollback(0);
            all + &screen.contents()
        }
    }

    fn lines(range: std::ops::Range<usize>) -> Vec<String> {
        range.map(|number| format!("m{number}.")).collect()
    }

    #[test]
    fn messages_stand_above_the_pinned_rows_and_the_cursor_in_the_last_of_them() {
        let mut screen = Screen::new(20, 6);
        screen.paint(&lines(0..2), "typing", 1);
        assert_eq!(screen.parser.screen().contents(), "m0.\nm1.\n# 0\ntyping");
        assert_eq!(screen.parser.screen().cursor_position(), (3, 6));
        screen.paint(&lines(2..9), "typing", 2);
        assert_eq!(screen.parser.screen().contents(), "m6.\nm7.\nm8.\n# 0\n# 1\ntyping");
        screen.paint(&[], "", 0);
        assert_eq!(screen.parser.screen().contents(), "m6.\nm7.\nm8.");
        assert!(screen.painter.paint(&[], Pinned::default()).is_empty(), "nothing has changed");
    }

    #[test]
    fn a_long_message_is_one_line_for_the_terminal() {
        let mut screen = Screen::new(10, 5);
        screen.paint(&["0123456789abcdef".into()], "x", 1);
        assert_eq!(screen.parser.screen().contents(), "0123456789abcdef\n# 0\nx");
    }

    #[test]
    fn what_is_ours_is_gone_in_the_end() {
        let mut screen = Screen::new(20, 6);
        screen.paint(&lines(0..2), "typing", 3);
        let bytes = screen.painter.remove();
        screen.parser.process(bytes.as_bytes());
        assert_eq!(screen.parser.screen().contents(), "m0.\nm1.");
    }

    #[derive(Clone, Debug)]
    enum Step {
        Say(usize),
        Type(String),
        Strip(usize),
        Resize(u16, u16),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (1_usize..5).prop_map(Step::Say),
            // The model breaks when it cuts a wide character in two.
            "[a-z ]{0,30}".prop_map(Step::Type),
            (0_usize..5).prop_map(Step::Strip),
            (5_u16..60, 2_u16..20).prop_map(|(columns, rows)| Step::Resize(columns, rows)),
        ];
        prop::collection::vec(step, 1..40)
    }

    proptest! {
        #[test]
        fn no_message_is_lost_or_repeated_or_out_of_order_whatever_happens_to_the_screen(steps in steps()) {
            let mut screen = Screen::new(40, 10);
            let (mut said, mut input, mut strip) = (0, String::new(), 1);
            // A model without reflow loses what a narrower screen cuts off; the messages here fit the narrowest.
            for step in steps {
                let from = said;
                match step {
                    Step::Say(count) => said += count,
                    Step::Type(text) => input = text,
                    Step::Strip(count) => strip = count,
                    Step::Resize(columns, rows) => screen.resize(columns, rows),
                }
                screen.paint(&lines(from..said), &input, strip);
            }
            let all = screen.all();
            let seen: Vec<_> = all.split_whitespace().filter(|word| word.starts_with('m') && word.ends_with('.') && word.len() > 2).collect();
            let expected: Vec<_> = (0..said).map(|number| format!("m{number}.")).collect();
            prop_assert_eq!(seen, expected);
        }
    }
}
