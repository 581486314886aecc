//! Opening the page in the user's browser.
//!
//! Owns: the file that leads there: an argument of the browser would show the token to everybody on this machine.
//! Must not know: what the page is.
//! Driven by: `cmd::web`.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::super::state::{State, make_folder, write_aside};

/// The program that opens a file as the user wants it.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// A file that leads to the page. It is removed with this.
#[derive(Debug)]
pub struct Redirect(PathBuf);

impl Drop for Redirect {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Opens an address, which has nothing in it that HTML escapes.
///
/// # Errors
/// The file cannot be written, or the system has no such program.
pub fn open(state: &State, address: &str) -> io::Result<Redirect> {
    let path = state.folder().join(format!("web-{}.html", std::process::id()));
    make_folder(state.folder())?;
    write_aside(&path, |file| {
        writeln!(file, "<!doctype html><meta charset=utf-8><meta http-equiv=refresh content=\"0;url={address}\">")?;
        writeln!(file, "<title>udpchat</title><p><a href=\"{address}\">the room</a>")
    })?;
    let redirect = Redirect(path);
    let mut command = Command::new(OPENER);
    // What ends the gateway by a key is not for the browser.
    command.process_group(0).arg(&redirect.0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().map_err(|err| io::Error::new(err.kind(), format!("cannot run {OPENER}: {err}")))?;
    Ok(redirect)
}
