//! Bounds that both ends and the log respect.
//!
//! Owns: the numbers that more than one part of the program needs.
//! Must not know: the things that are counted.
//! Driven by: the code that counts them.

/// Most unsettled posts of an instance (PROTOCOL 2.8).
pub const POSTS_MAX: u64 = 64;
