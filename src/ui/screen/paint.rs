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
    is_wanted: bool,
}

impl Painter {
    /// Prints lines, harmless and with styles, and paints the pinned rows below. Returns nothing if nothing changes.
    pub fn paint(&mut self, lines: &[String], pinned: Pinned) -> String {
        let is_wanted = std::mem::take(&mut self.is_wanted);
        if !is_wanted && lines.is_empty() && self.painted.as_ref() == Some(&pinned) {
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

    /// Paints the rows again with the next update, even if nothing changes.
    pub fn paint_again(&mut self) {
        self.is_wanted = true;
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
