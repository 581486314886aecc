//! The arguments of `serve`.
//!
//! Owns: their clap definition.
//! Must not know: what they do.
//! Driven by: `cli`.

use std::net::SocketAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::AccessArg;
use super::values::{CipherArg, Db, RateArg, Sync, Text, at_least_one, bind_address, duration, rate, text_history};
use super::{ACCESS, GENERAL, ROOM};
use crate::net::HostPort;
use crate::net::rooms::RoomName;
use crate::server::ANNOUNCE_EACH;

/// `udpchat serve`
#[derive(Args, Debug)]
pub struct Serve {
    /// Listen on this address and port; repeatable
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:9999", value_parser = bind_address, help_heading = ROOM)]
    pub bind: Vec<SocketAddr>,

    /// Name of the room: its log is NAME.db in $XDG_STATE_HOME/udpchat
    #[arg(long, value_name = "NAME", default_value = crate::net::rooms::DEFAULT, help_heading = ROOM)]
    pub room: RoomName,

    /// Delete entries older than this [default: keep everything]
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = ROOM)]
    pub keep: Option<Duration>,

    /// Delete all but the last N entries [default: keep everything]
    #[arg(long, value_name = "N", value_parser = at_least_one::<NonZeroU64>, help_heading = ROOM)]
    pub keep_entries: Option<NonZeroU64>,

    /// Store the log in this file instead; ':memory:' stores nothing
    #[arg(long, value_name = "FILE", conflicts_with = "room", help_heading = ROOM)]
    pub db: Option<Db>,

    /// When a confirmed message is on the disk
    #[arg(long, value_enum, default_value_t = Sync::Normal, help_heading = ROOM)]
    pub sync: Sync,

    /// Which addresses may speak plain text, as the original does
    #[arg(long, value_enum, default_value_t = Text::Private, help_heading = ACCESS)]
    pub text: Text,

    /// Cipher of sessions: AES-256-GCM where both processors have instructions for it, or always ChaCha20-Poly1305
    #[arg(long, value_enum, default_value_t = CipherArg::Auto, hide_possible_values = true, value_name = "auto|chacha20", help_heading = GENERAL)]
    pub cipher: CipherArg,

    /// Most members at a time
    #[arg(long, value_name = "N", default_value = "10000", value_parser = at_least_one::<NonZeroUsize>, help_heading = ACCESS)]
    pub max_members: NonZeroUsize,

    /// Messages per second from each key or address, ten seconds' worth at once
    ///
    /// Excess messages are delayed, then dropped; clients with sessions send dropped messages again. New keys from one neighbourhood (IPv4
    /// /24, IPv6 /64) also share a budget: eight times this rate, or two a second for each session if that is more.
    #[arg(long, value_name = "N/s|off", default_value = "100/s", value_parser = rate, help_heading = ACCESS)]
    pub rate: RateArg,

    /// New text members per second from each IPv4 /24 or IPv6 /64, 64 at once
    #[arg(long, value_name = "N/s|off", default_value = "20/s", value_parser = rate, help_heading = ACCESS)]
    pub signup_rate: RateArg,

    /// Remove a text member after this much silence
    #[arg(long, value_name = "DURATION", default_value = "12h", value_parser = duration, help_heading = ACCESS)]
    pub text_idle: Duration,

    /// Send each new text member the last N lines, at most 1000
    #[arg(long, value_name = "N", default_value = "0", value_parser = text_history, help_heading = ACCESS)]
    pub text_history: usize,

    /// With more members than this, announce joins and leaves in batches
    #[arg(long, value_name = "N", default_value_t = ANNOUNCE_EACH, help_heading = ACCESS)]
    pub announce_each: usize,

    /// Who may come in [default: as the room was left; a new one is open]; 'known' turns plain text off
    #[arg(long, value_enum, value_name = "MODE", help_heading = ACCESS)]
    pub access: Option<AccessArg>,

    /// How long the nick of a known key stays its own while it is away [default for a new room: 90d]
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = ACCESS)]
    pub nick_expiry: Option<Duration>,

    /// Make the key in FILE the room's owner [default for a new room: owner.key beside the server's key]
    #[arg(long, value_name = "FILE", help_heading = ACCESS)]
    pub owner: Option<PathBuf>,

    /// Where others reach the server, for invitations
    #[arg(long, value_name = "HOST:PORT", help_heading = ACCESS)]
    pub name: Option<HostPort>,

    /// File with the server's key, created if missing [default: server.key in $XDG_STATE_HOME/udpchat]
    #[arg(long, value_name = "FILE", help_heading = GENERAL)]
    pub key: Option<PathBuf>,

    /// Write no transcript to stdout
    #[arg(short, long, help_heading = GENERAL)]
    pub quiet: bool,
}
