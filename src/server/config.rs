//! What a server is told at its beginning.
//!
//! Owns: [`Config`] and its defaults.
//! Must not know: what is done with it.
//! Driven by: whoever makes a server.

use std::time::Duration;

use super::admission::TextPolicy;
use super::admission::rate::Rate;
use crate::session::StaticKey;

/// With more members joins and leaves are told several at a time. Chosen: a screen of names is read, a thousand are not; and 100
/// who come at once cost what 100 messages do.
pub const ANNOUNCE_EACH: usize = 100;

/// What a server is told at its beginning.
#[derive(Clone, Debug)]
pub struct Config {
    /// The server's key.
    pub key: StaticKey,
    /// All the randomness of the sessions comes from this.
    pub seed: [u8; 32],
    /// How many bytes of the newest entries are kept in memory. Older ones are read back, where the log can.
    pub recent_bytes: usize,
    /// With whom the text dialect is spoken.
    pub text: TextPolicy,
    /// The most members; at least 1.
    pub members_max: usize,
    /// A text member that is silent for this long is gone.
    pub text_idle: Duration,
    /// How many datagrams a second each source may have in the room, beyond a burst of ten seconds' worth.
    pub rate: Option<Rate>,
    /// How many new members a second may come from each prefix (IPv4 /24, IPv6 /64), beyond a burst of 64.
    pub signup_rate: Option<Rate>,
    /// With more members than this joins and leaves are told several at a time.
    pub announce_each: usize,
    /// How many of the last entries a new text member is sent.
    pub text_history: usize,
}

impl Config {
    /// What `serve` does without options.
    pub fn new(key: StaticKey, seed: [u8; 32]) -> Self {
        Self {
            key,
            seed,
            recent_bytes: 8 * 1024 * 1024,
            text: TextPolicy::Private,
            members_max: 10_000,
            text_idle: Duration::from_secs(12 * 60 * 60),
            rate: Rate::per_second(100),
            signup_rate: Rate::per_second(20),
            announce_each: ANNOUNCE_EACH,
            text_history: 0,
        }
    }
}
