//! A model of a terminal, which keeps what its users expect of one: what has no place goes into the scrollback.

/// More lines than any test prints.
const SCROLLBACK: usize = 10_000;

/// See the module.
pub struct Model {
    parser: vt100::Parser,
}

impl Model {
    /// Creates an empty terminal.
    pub fn new(columns: u16, rows: u16) -> Self {
        Self { parser: vt100::Parser::new(rows, columns, SCROLLBACK) }
    }

    /// Shows what a program has written.
    pub fn show(&mut self, bytes: &[u8]) {
        self.parser.process(bytes);
    }

    /// Becomes larger or smaller. What has no place goes into the scrollback, not the row with the cursor, as in real terminals.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        let (cursor, _) = self.parser.screen().cursor_position();
        if let Some(over) = (cursor + 1).checked_sub(rows).filter(|over| *over > 0) {
            self.parser.process(format!("\x1b[{over}S\x1b[{over}A").as_bytes());
        }
        self.parser.screen_mut().set_size(rows, columns);
    }

    /// Returns the columns and rows.
    pub fn size(&self) -> (u16, u16) {
        let (rows, columns) = self.parser.screen().size();
        (columns, rows)
    }

    /// Returns the screen.
    pub fn screen(&self) -> &vt100::Screen {
        self.parser.screen()
    }

    /// Returns what is on the screen.
    pub fn contents(&self) -> String {
        self.parser.screen().contents()
    }

    /// Returns everything in the scrollback and on the screen; a line that the terminal has broken is one.
    pub fn all(&mut self) -> String {
        let (columns, _) = self.size();
        let screen = self.parser.screen_mut();
        screen.set_scrollback(usize::MAX);
        let depth = screen.scrollback();
        let mut all = String::new();
        for back in (1..=depth).rev() {
            screen.set_scrollback(back);
            let first = screen.rows(0, columns).next().unwrap_or_default();
            all += &first;
            if !screen.row_wrapped(0) {
                all.push('\n');
            }
        }
        screen.set_scrollback(0);
        all + &screen.contents()
    }
}
