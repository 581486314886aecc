//! What people see.
//!
//! Owns: how text of strangers is made harmless ([`sanitize`], [`json`]), the user's input ([`lines`]) and its meaning
//! ([`command`]), calendar times ([`when`]), and notices for the user ([`notice`]).
//! Must not know: sockets, the protocol.
//! Driven by: `net` and `cmd`.

pub mod command;
pub mod json;
pub mod lines;
pub mod sanitize;
pub mod when;

use std::fmt;
use std::io::Write;

/// Prints a notice for the user on stderr. A stderr that is gone is no reason to stop.
pub fn notice(what: impl fmt::Display) {
    let _ = writeln!(std::io::stderr(), "udpchat: {what}");
}

/// Shows a prompt, on stderr: it is for the user, not for a program that reads stdout.
pub fn prompt(prompt: &str) {
    let _ = std::io::stderr().write_all(prompt.as_bytes());
}
