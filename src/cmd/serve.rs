//! `udpchat serve`
//!
//! Owns: how a server is put together from its arguments.
//! Must not know: what it does when it runs.
//! Driven by: `cmd`.

use super::{Exit, Failure};
use crate::cli::{Serve, Text};
use crate::net::server::Server;
use crate::net::socket::ServerSocket;
use crate::net::stdio::Output;
use crate::room::{self, is_private};
use crate::store::Memory;

pub(super) fn run(args: Serve) -> Result<(), Failure> {
    let sockets: Result<Vec<_>, _> = args.bind.iter().map(|&address| ServerSocket::bind(address)).collect();
    let sockets = sockets.map_err(|message| Failure::new(Exit::Failure, message))?;
    if let Some(granted) = sockets.iter().filter_map(ServerSocket::small_buffer).min() {
        log::warn!(
            "the system caps socket buffers at {} KiB: bursts may be lost (sysctl net.core.rmem_max, net.core.wmem_max)",
            granted / 1024
        );
    }
    let config = room::Config {
        sessions: None,
        text: args.text.into(),
        members_max: args.max_members.get(),
        text_idle: args.text_idle,
        rate: args.rate.0,
        signup_rate: args.signup_rate.0,
    };
    let output = if args.quiet { None } else { Some(Output::stdout()?) };
    let mut server = Server::new(config, sockets, Memory::default(), output)?;
    for address in server.addresses() {
        log::info!("listening on {address}");
    }
    match args.text {
        Text::Any if args.bind.iter().any(|address| address.ip().is_unspecified() || !is_private(address.ip())) => {
            log::warn!("--text any: whoever forges a source address can make this server send to it");
        }
        Text::Off => log::warn!("--text off: there is no other protocol yet, so nobody can talk to this server"),
        Text::Any | Text::Private => {}
    }
    Ok(server.run()?)
}
