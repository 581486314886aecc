//! The settings a client begins with.
//!
//! Owns: [`Config`] and [`Identity`].
//! Must not know: how they are used.
//! Driven by: whatever creates a client.

use std::net::SocketAddr;
use std::time::Duration;

use super::contacts::Contacts;
use super::outbox::Outbox;
use super::seen::Seen;
use crate::session::{PublicKey, StaticKey};
use crate::wire::frame::History;
use crate::wire::order::InvitationToken;
use crate::wire::{Instance, LogId, Nick, Seq};

/// How many entries may come that the user has not taken, unless it is to be less (PROTOCOL 2.8).
pub(super) const TAKES: u32 = 4096;

/// The settings a client begins with.
#[derive(Clone, Debug)]
pub struct Config {
    /// The nick that it asks for.
    pub nick: Nick,
    /// The addresses of the server, in the order in which they are tried; at least one.
    pub servers: Vec<SocketAddr>,
    /// The longest wait for the server's first answer, divided among the addresses, for the outcome of a line, and, unless
    /// `stays` is set, for a server that went away.
    pub timeout: Duration,
    /// Whether to wait for ever for a server that went away, for there is a user who can leave.
    pub stays: bool,
    /// Who it is in a session; without an identity it speaks only text.
    pub identity: Option<Identity>,
    /// Whether it must not speak text.
    pub is_secure: bool,
}

impl Config {
    /// Returns whether the client may speak text if the server speaks nothing else.
    pub(super) fn may_speak_text(&self) -> bool {
        !self.is_secure && self.identity.as_ref().is_none_or(|identity| identity.pinned.is_none())
    }

    /// Returns how long each address is tried.
    pub(super) fn patience(&self) -> Duration {
        self.timeout / u32::try_from(self.servers.len()).unwrap_or(u32::MAX)
    }
}

/// Who a client is in sessions.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its key.
    pub key: StaticKey,
    /// The running client that this is; random, or the same again in a run that repeats an earlier one's posts.
    pub instance: Instance,
    /// Whether a later run may repeat the same posts. The server then has to remember the outcome of all of them, which it does
    /// for the last 64, and the client posts one line after the other.
    pub repeats: bool,
    /// Whether others are to see that it is here.
    pub present: bool,
    /// Whether its processor has instructions for AES: it takes that cipher from servers that offer it.
    pub has_aes: bool,
    /// Whether others may learn what it has received.
    pub receipts: bool,
    /// Whether the probe has an empty nick, since an original announces it to the room.
    pub unnamed: bool,
    /// The log that it knows, and the next number that it wants.
    pub place: Option<(LogId, Seq)>,
    /// How far back to begin if it has no place.
    pub history: History,
    /// How many entries may come that its user has not taken.
    pub takes: u32,
    /// The server's key, if known: the client does not talk to a server with another one.
    pub pinned: Option<PublicKey>,
    /// The token of its invitation, if it has one.
    pub token: Option<InvitationToken>,
    /// The keys of those whom the user has written to in private, by their nicks.
    pub contacts: Contacts,
    /// Which private messages it has seen.
    pub seen: Seen,
    /// What earlier runs of the instance have left, if its posts are stored before they are sent.
    pub outbox: Option<Outbox>,
    /// If it repeats posts: the number of this run, higher than that of each earlier one with the same instance.
    pub run: u32,
    /// The source of all its randomness.
    pub seed: [u8; 32],
}

impl Identity {
    /// Creates the identity of a client that is present, knows nothing of the server, and wants no earlier entries.
    pub const fn new(key: StaticKey, instance: Instance, seed: [u8; 32]) -> Self {
        Self {
            key,
            instance,
            repeats: false,
            present: true,
            has_aes: false,
            receipts: true,
            unnamed: false,
            place: None,
            history: History::NONE,
            takes: TAKES,
            pinned: None,
            token: None,
            contacts: Contacts::NONE,
            seen: Seen::EMPTY,
            outbox: None,
            run: 0,
            seed,
        }
    }
}
