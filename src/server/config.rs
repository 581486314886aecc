//! The configuration of a server.
//!
//! Owns: [`Config`] and its defaults.
//! Must not know: how it is used.
//! Driven by: the code that creates a server.

use std::time::Duration;

use super::admission::TextPolicy;
use super::admission::rate::Rate;
use crate::session::{PublicKey, StaticKey};
use crate::wire::record::Access;

/// With more members than this, joins and leaves are announced several at a time. Chosen: people read a screen of names, but
/// not a thousand; and 100 members that come at once cost as much as 100 messages.
pub const ANNOUNCE_EACH: usize = 100;

/// The configuration of a server.
#[derive(Clone, Debug)]
pub struct Config {
    /// The server's key.
    pub key: StaticKey,
    /// The seed of all randomness of the sessions.
    pub seed: [u8; 32],
    /// Whether it offers AES-256-GCM: its processor has instructions for that.
    pub has_aes: bool,
    /// How many bytes of the newest entries are kept in memory. Older ones are read back, if the log can do that.
    pub recent_bytes: usize,
    /// With whom the server speaks the text dialect.
    pub text: TextPolicy,
    /// The most members; at least 1.
    pub members_max: usize,
    /// How long a text member may be silent before it is removed.
    pub text_idle: Duration,
    /// Datagrams a second that each source may have in the room, beyond a burst of ten seconds' worth.
    pub rate: Option<Rate>,
    /// New members a second that may come from each prefix (IPv4 /24, IPv6 /64), beyond a burst of 64.
    pub signup_rate: Option<Rate>,
    /// With more members than this, joins and leaves are announced several at a time.
    pub announce_each: usize,
    /// How many of the last entries a new text member is sent.
    pub text_history: usize,
    /// Where others reach the server, for invitations; empty if nobody has said.
    pub name: String,
    /// The key of the owner of a log that has none.
    pub owner: Option<PublicKey>,
    /// Whether it replaces the owner of a log that has one.
    pub is_owner_replaced: bool,
    /// Who may come in; `None` leaves that as it is in the log.
    pub access: Option<Access>,
    /// How long nicks of known keys stay theirs; `None` leaves that as it is in the log.
    pub expiry: Option<Duration>,
}

impl Config {
    /// Returns the configuration of `serve` without options.
    pub fn new(key: StaticKey, seed: [u8; 32]) -> Self {
        Self {
            key,
            seed,
            has_aes: false,
            recent_bytes: 8 * 1024 * 1024,
            text: TextPolicy::Private,
            members_max: 10_000,
            text_idle: Duration::from_secs(12 * 60 * 60),
            rate: Rate::per_second(100),
            signup_rate: Rate::per_second(20),
            announce_each: ANNOUNCE_EACH,
            text_history: 0,
            name: String::new(),
            owner: None,
            is_owner_replaced: false,
            access: None,
            expiry: None,
        }
    }
}
