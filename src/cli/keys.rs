//! The arguments of `udpchat key`.
//!
//! Owns: [`Key`], [`KeyAction`].
//! Must not know: how keys are stored.
//! Driven by: `cli`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::net::HostPort;

/// `udpchat key`
#[derive(Args, Debug)]
pub struct Key {
    /// What to do with the keys; show them by default.
    #[command(subcommand)]
    pub action: Option<KeyAction>,
}

/// `udpchat key ...`
#[derive(Debug, Subcommand)]
pub enum KeyAction {
    /// Forget a server's key, or that of somebody there whom you have written to
    ///
    /// The next connection trusts whatever key the server presents, and the next private message goes to whatever key has the nick.
    Forget {
        /// The server, as you named it when you met it
        #[arg(value_name = "HOST:PORT")]
        server: HostPort,

        /// Somebody there: forget the key of this nick, and not the server's
        #[arg(value_name = "NICK")]
        nick: Option<String>,
    },
    /// Write your key to FILE, to use it on another device; '-' is stdout
    ///
    /// Whoever has this file is you. It is one line of base64, and only its owner can read it.
    Export {
        /// A file that does not exist yet
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Take the key in FILE as your own; '-' is stdin
    Import {
        /// A file that `udpchat key export` has written
        #[arg(value_name = "FILE")]
        file: PathBuf,

        /// Replace your present key, which is kept in a file beside it
        #[arg(long)]
        replace: bool,
    },
}
