//! Bounds that both ends and the log respect.
//!
//! Owns: the numbers that more than one part of the program needs.
//! Must not know: the things that are counted.
//! Driven by: the code that counts them.

use super::NICK_MAX;

/// Most unsettled posts of an instance (PROTOCOL 2.8).
pub const POSTS_MAX: u64 = 64;

/// Longest name of somebody, in bytes: a nick, `#` and a key (PROTOCOL 2.18).
pub const WHOM_MAX: usize = NICK_MAX + 1 + 64;
