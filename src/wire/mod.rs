//! Bytes to values and back.
//!
//! Owns: the formats of the dialects, [`text`] and [`packet`] with [`frame`], [`entry`], [`order`] and [`record`] in it, and the value types that they
//! share ([`Nick`], [`Seq`], [`PostId`] and the like).
//! Must not know: peers, rooms, time, sockets; nothing here has state.
//! Driven by: `server`, `client` and `session`.

pub mod entry;
pub mod frame;
pub mod limits;
mod names;
mod nick;
pub mod order;
pub mod packet;
pub mod record;
pub mod text;

pub use names::{CloseReason, Fingerprint, Instance, LogId, PostId, Refusal, Seq, SessionId, Timestamp, Who, hex};
pub use nick::{NICK_MAX, Nick, cut, is_plain};
