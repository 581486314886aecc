//! The client's core, once for each dialect: [`text`] for the originals' servers, [`member`] for sessions.
//!
//! Owns: nothing of its own.
//! Must not know: sockets, clocks, terminals.
//! Driven by: `net`, `sim` and the tests.

pub mod member;
pub mod text;
