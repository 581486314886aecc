//! A terminal that a person talks at: a few rows of ours below the terminal's own scrollback.
//!
//! Owns: what keys mean ([`keys`]), the line that is being edited ([`editor`]), how wide text is ([`width`]), colours ([`style`]), and which
//! bytes bring the screen up to date ([`paint`]). All of it is sans-IO.
//! Must not know: what is said, files, the terminal's device.
//! Driven by: `cmd::join::terminal`.

pub mod complete;
pub mod editor;
pub mod keys;
pub mod paint;
pub mod past;
pub mod style;
pub mod width;
