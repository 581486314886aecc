//! Who is who, and who may.
//!
//! Owns: which nicks look alike (`names`).
//! Must not know: sessions, sockets, where a log is stored.
//! Driven by: `server` and the backends of `log`, which apply entries; `cli` and `ui`, which check nicks that users enter.

pub mod names;
