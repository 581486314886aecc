//! What a client is told at its beginning.
//!
//! Owns: [`Config`] and [`Identity`].
//! Must not know: what becomes of it.
//! Driven by: whoever makes a client.

use std::net::SocketAddr;
use std::time::Duration;

use crate::session::{PublicKey, StaticKey};
use crate::wire::frame::History;
use crate::wire::{Instance, LogId, Nick, Seq};

/// What a client is told at its beginning.
#[derive(Clone, Debug)]
pub struct Config {
    /// What it wants to be called.
    pub nick: Nick,
    /// The addresses of the server, in the order in which they are tried; at least one.
    pub servers: Vec<SocketAddr>,
    /// The longest wait for the server's first answer, shared out among the addresses, for something to become of a line,
    /// and, unless it stays, for a server that went away.
    pub timeout: Duration,
    /// Whether to wait for ever for a server that went away: somebody is there who can leave.
    pub stays: bool,
    /// Who it is in a session; without it only text is spoken.
    pub identity: Option<Identity>,
    /// Never to speak text.
    pub is_secure: bool,
}

impl Config {
    /// Whether the server may turn out to speak nothing but text.
    pub(super) fn may_speak_text(&self) -> bool {
        !self.is_secure && self.identity.as_ref().is_none_or(|identity| identity.pinned.is_none())
    }

    /// How long each address is tried.
    pub(super) fn patience(&self) -> Duration {
        self.timeout / u32::try_from(self.servers.len()).unwrap_or(u32::MAX)
    }
}

/// What a client is in sessions.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its key.
    pub key: StaticKey,
    /// Which running client; random, or the same again if it says the same again.
    pub instance: Instance,
    /// It says the same again when it is run again: the server is to remember what became of all of it, which it does of the
    /// last 64, and lines are said one after the other.
    pub repeats: bool,
    /// Whether others are to know that it is here.
    pub present: bool,
    /// Whether the probe names nobody: an original shows it to the room.
    pub unnamed: bool,
    /// The log that it knows and the next number that it wants of it.
    pub place: Option<(LogId, Seq)>,
    /// How far back it wants to begin if it has no place.
    pub history: History,
    /// The server's key, if it is known: another one is not talked to.
    pub pinned: Option<PublicKey>,
    /// All its randomness comes from this.
    pub seed: [u8; 32],
}

impl Identity {
    /// A client that is present, knows nothing of the server, and wants nothing of what was said before.
    pub const fn new(key: StaticKey, instance: Instance, seed: [u8; 32]) -> Self {
        Self {
            key,
            instance,
            repeats: false,
            present: true,
            unnamed: false,
            place: None,
            history: History::NONE,
            pinned: None,
            seed,
        }
    }
}
