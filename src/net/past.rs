//! The lines that a user has entered in a room, from one visit to the next.
//!
//! Owns: the file, in the folder of [`State`], which its owner alone can read.
//! Must not know: what is done with the lines.
//! Driven by: `cmd::join`.
//!
//! ```text
//!   entered/HOST:PORT          a JSON string a line, the oldest first
//! ```

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use super::HostPort;
use super::state::{State, file_name, make_folder, write_aside};
use crate::ui::screen::past::{LINE_MAX, PAST_MAX};

/// Most bytes that are read, the newest. Chosen: more than all lines that are kept, at their longest.
const BYTES_MAX: u64 = 2 * (PAST_MAX * (LINE_MAX + 2)) as u64;

impl State {
    fn entered(&self, server: &HostPort) -> PathBuf {
        self.folder().join("entered").join(file_name(&server.to_string()))
    }

    /// Returns the newest lines that the user has entered in that room, the oldest first; none if they cannot be read.
    pub fn past(&self, server: &HostPort) -> Vec<String> {
        self.read_past(server).unwrap_or_default()
    }

    fn read_past(&self, server: &HostPort) -> io::Result<Vec<String>> {
        let mut file = File::open(self.entered(server))?;
        let begin = file.metadata()?.len().saturating_sub(BYTES_MAX);
        file.seek(SeekFrom::Start(begin))?;
        let mut bytes = Vec::new();
        file.take(BYTES_MAX).read_to_end(&mut bytes)?;
        // The first line may be the rest of one.
        let lines: Vec<String> =
            bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
        if begin > 0 {
            let newest = &lines[lines.len().saturating_sub(PAST_MAX)..];
            write_aside(&self.entered(server), |out| {
                newest.iter().try_for_each(|line| out.write_all(&encoded(line)?))
            })?;
        }
        Ok(lines)
    }

    /// Adds a line, behind those that other programs of the user's have added.
    ///
    /// # Errors
    /// Returns the system's error.
    pub fn add_past(&self, server: &HostPort, line: &str) -> io::Result<()> {
        make_folder(&self.folder().join("entered"))?;
        let mut options = File::options();
        let mut file = options.append(true).create(true).mode(0o600).open(self.entered(server))?;
        file.write_all(&encoded(line)?)
    }
}

fn encoded(line: &str) -> io::Result<Vec<u8>> {
    let mut encoded = serde_json::to_vec(line)?;
    encoded.push(b'\n');
    Ok(encoded)
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
        state.add_past(&server, "one").unwrap();
        state.add_past(&server, "two\nlines \u{1b}").unwrap();
        assert_eq!(state.past(&server), ["one", "two\nlines \u{1b}"]);
        let mode = std::fs::metadata(state.entered(&server)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }

    #[test]
    fn a_file_that_has_become_too_long_is_cut_to_the_newest_lines() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::at(folder.path().to_owned());
        let server: HostPort = "127.0.0.1:9999".parse().unwrap();
        state.add_past(&server, "first").unwrap();
        let long = "x".repeat(LINE_MAX);
        let count = usize::try_from(BYTES_MAX).unwrap() / LINE_MAX;
        std::fs::write(state.entered(&server), format!("{long:?}\n").repeat(count)).unwrap();
        state.add_past(&server, "last").unwrap();
        assert_eq!(state.past(&server).last().unwrap(), "last");
        assert_eq!(state.past(&server).len(), PAST_MAX);
    }
}
