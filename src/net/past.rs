//! The lines that a user has entered in a room, from one visit to the next.
//!
//! Owns: the file, in the folder of [`State`], which its owner alone can read.
//! Must not know: what is done with the lines.
//! Driven by: `cmd::join`.
//!
//! ```text
//!   entered/HOST:PORT          a JSON string a line, the oldest first
//! ```

use std::fs;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use super::HostPort;
use super::state::{State, file_name, make_folder, write_aside};
use crate::ui::screen::past::{LINE_MAX, PAST_MAX};

/// Most bytes that are read: all lines at their longest, escaped.
const BYTES_MAX: u64 = 2 * (PAST_MAX * (LINE_MAX + 2)) as u64;

impl State {
    fn entered(&self, server: &HostPort) -> PathBuf {
        self.folder().join("entered").join(file_name(&server.to_string()))
    }

    /// Returns the lines that the user has entered in that room, the oldest first; none if they cannot be read.
    pub fn past(&self, server: &HostPort) -> Vec<String> {
        let Ok(file) = fs::File::open(self.entered(server)) else { return Vec::new() };
        let mut text = String::new();
        if file.take(BYTES_MAX).read_to_string(&mut text).is_err() {
            return Vec::new();
        }
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Stores them.
    ///
    /// # Errors
    /// Returns the system's error.
    pub fn set_past<'a>(&self, server: &HostPort, lines: impl Iterator<Item = &'a str>) -> io::Result<()> {
        let path = self.entered(server);
        make_folder(&self.folder().join("entered"))?;
        write_aside(&path, |out| {
            for line in lines {
                serde_json::to_writer(&mut *out, line)?;
                out.write_all(b"\n")?;
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn lines_are_there_on_the_next_visit_and_for_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::at(folder.path().to_owned());
        let server: HostPort = "127.0.0.1:9999".parse().unwrap();
        assert!(state.past(&server).is_empty());
        state.set_past(&server, ["one", "two\nlines \u{1b}"].into_iter()).unwrap();
        assert_eq!(state.past(&server), ["one", "two\nlines \u{1b}"]);
        let mode = fs::metadata(state.entered(&server)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }
}
