//! Members over the original's text dialect (PROTOCOL 1).
//!
//! Owns: who they are (`members`), what comes from them (`intake`), their send buffer (`ring`) and who has been sent what of it
//! (`fanout`).
//! Must not know: sessions.
//! Driven by: the server.

pub(crate) mod fanout;
pub(crate) mod intake;
pub(crate) mod members;
pub(crate) mod replay;
pub(crate) mod ring;
