//! Bounds that both ends and the log keep to.
//!
//! Owns: the numbers that more than one part of the program needs.
//! Must not know: who holds them.
//! Driven by: whoever counts.

/// The most posts of an instance that are not settled (PROTOCOL 2.8).
pub const POSTS_MAX: u64 = 64;
