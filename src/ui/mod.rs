//! What people see.
//!
//! Owns: how strangers' text is made harmless ([`sanitize`], [`json`]), what a user enters ([`lines`]) and means ([`command`]),
//! and how a person is told something ([`notice`]).
//! Must not know: sockets, the protocol.
//! Driven by: `net` and `cmd`.

pub mod command;
pub mod json;
pub mod lines;
pub mod sanitize;
pub mod when;

use std::fmt;
use std::io::Write;

/// Tells the person at the terminal something, on stderr. A stderr that is gone is no reason to stop.
pub fn notice(what: impl fmt::Display) {
    let _ = writeln!(std::io::stderr(), "udpchat: {what}");
}

/// Shows a prompt, on stderr: it is for the person, not for what reads stdout.
pub fn prompt(prompt: &str) {
    let _ = std::io::stderr().write_all(prompt.as_bytes());
}
