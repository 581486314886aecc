//! One room: what a server knows of it by its log.
//!
//! Owns: who posted what (`posts`), who is present (`presence`).
//! Must not know: sessions, paths, sockets.
//! Driven by: the server.

pub(crate) mod posts;
pub(crate) mod presence;
