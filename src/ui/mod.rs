//! What people see.
//!
//! Owns: how text of strangers is made harmless ([`sanitize`], [`json`]) and told from the program's own ([`room`]), the
//! user's input ([`lines`]) and its meaning ([`command`]), calendar times ([`when`]), and notices for the user ([`notice`]).
//! Must not know: sockets, the protocol.
//! Driven by: `net` and `cmd`.

pub mod command;
pub mod help;
pub mod json;
pub mod lines;
pub mod orders;
pub mod room;
pub mod sanitize;
pub mod screen;
pub mod when;

use std::fmt;
use std::io::Write;

/// Prints a notice for the user on stderr. A stderr that is gone is no reason to stop.
pub fn notice(what: impl fmt::Display) {
    let stderr = std::io::stderr();
    let mut line = format!("udpchat: {what}").into_bytes();
    if let Some(columns) = room::columns_of(&stderr) {
        room::wrap(&mut line, 0, columns);
    }
    line.push(b'\n');
    let _ = stderr.lock().write_all(&line);
}

/// Prints a link for the user to copy on stderr: whole, on a line of its own. No line of the room begins like it.
pub fn link(link: impl fmt::Display) {
    let _ = std::io::stderr().lock().write_all(format!("{link}\n").as_bytes());
}

/// Shows a prompt, on stderr: it is for the user, not for a program that reads stdout.
pub fn prompt(prompt: &str) {
    let _ = std::io::stderr().write_all(prompt.as_bytes());
}
