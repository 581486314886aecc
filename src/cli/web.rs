//! The arguments of `web`.
//!
//! Owns: their clap definition.
//! Must not know: what they do.
//! Driven by: `cli`.

use std::net::SocketAddr;

use clap::Args;

use super::values::{bind_address, web_host};
use super::{Dialects, PAGE, ROOM, Target};
use crate::policy::names;
use crate::wire::Nick;

/// `udpchat web`
#[derive(Args, Debug)]
pub struct Web {
    /// Your nick, 1 to 32 bytes; the page asks for it if missing
    #[arg(short, long, env = "UDPCHAT_NICK", value_parser = names::wanted, help_heading = ROOM)]
    pub nick: Option<Nick>,

    /// Keep from others whether your program has received their messages
    #[arg(long, help_heading = ROOM)]
    pub no_receipts: bool,

    /// Serve the page on this address and port of this machine
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:9980", value_parser = bind_address, help_heading = PAGE)]
    pub listen: SocketAddr,

    /// Open the page in the browser
    #[arg(long, help_heading = PAGE)]
    pub open: bool,

    /// Make a new address: tabs that have the old one are locked out
    #[arg(long, help_heading = PAGE)]
    pub new_token: bool,

    /// Also answer under this name, under which a proxy with TLS serves the page; repeatable
    #[arg(long, value_name = "NAME[:PORT]", value_parser = web_host, help_heading = PAGE)]
    pub allow_host: Vec<String>,

    /// The server.
    #[command(flatten)]
    pub target: Target,

    /// Which protocol to speak.
    #[command(flatten)]
    pub dialects: Dialects,
}
