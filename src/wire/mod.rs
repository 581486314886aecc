//! Bytes to values and back.
//!
//! Owns: the dialects' formats, so far the text dialect ([`text`]), and the words they share ([`Nick`]).
//! Must not know: peers, rooms, time, sockets; nothing here has state.
//! Driven by: `room` and `client`.

mod nick;
pub mod text;

pub use nick::{NICK_MAX, Nick};
