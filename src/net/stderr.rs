//! Stderr for the log.
//!
//! Owns: that the log never holds up the loop, and never writes across rows that are painted: then it is held for whoever paints.
//! Must not know: what is logged.
//! Driven by: the logger; `cmd::join::terminal`, which holds it.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use nix::poll::PollTimeout;

use super::stdio::{WRITE_MAX, own_description, takes_more};

/// The most lines that are held. Chosen: more than anybody reads.
const HELD_MAX: usize = 1000;

/// The lines that are held, if they are.
static HELD: Mutex<Option<Vec<String>>> = Mutex::new(None);

/// The log's output: what would block is left out, so that a reader that stops cannot stop the room.
#[derive(Debug)]
pub struct LogOutput {
    file: File,
    is_terminal: bool,
    left_out: u64,
}

impl LogOutput {
    /// Opens the stderr of the process.
    ///
    /// # Errors
    /// Returns the system's error if the descriptor cannot be duplicated.
    pub fn stderr() -> io::Result<Self> {
        Ok(Self { file: own_description(&io::stderr())?, is_terminal: io::stderr().is_terminal(), left_out: 0 })
    }

    fn write_or_leave_out(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !takes_more(&self.file, PollTimeout::ZERO) {
            self.left_out += 1;
            return Ok(());
        }
        if self.left_out > 0 {
            let left_out = std::mem::take(&mut self.left_out);
            writeln!(self.file, "({left_out} lines of the log were left out: stderr was not read)")?;
        }
        let _ = self.file.write(&bytes[..bytes.len().min(WRITE_MAX)])?;
        Ok(())
    }
}

impl Write for LogOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        match held.as_mut().filter(|_| self.is_terminal) {
            Some(lines) if lines.len() < HELD_MAX => lines.push(String::from_utf8_lossy(bytes).trim_end().to_owned()),
            Some(_) => self.left_out += 1,
            None => self.write_or_leave_out(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// From now on, holds what is logged, if stderr is a terminal.
pub fn hold() {
    HELD.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default();
}

/// Returns the lines that were held.
pub fn take_held() -> Vec<String> {
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    held.as_mut().map(std::mem::take).unwrap_or_default()
}

/// From now on, lets the log be written again.
pub fn release() {
    HELD.lock().unwrap_or_else(PoisonError::into_inner).take();
}
