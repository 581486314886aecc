//! `udpchat serve`
//!
//! Owns: how a server is put together from its arguments.
//! Must not know: what it does when it runs.
//! Driven by: `cmd`.

use std::path::PathBuf;

use super::{Exit, Failure};
use crate::cli::{Serve, Text};
use crate::net::server::Server;
use crate::net::socket::ServerSocket;
use crate::net::state::{State, load_or_make_key, make_key, random};
use crate::net::stdio::Output;
use crate::room::{self, SessionConfig, is_private};
use crate::session::StaticKey;
use crate::store::Memory;
use crate::wire::LogId;

/// What is kept of the log for members that are behind, in bytes. Chosen: a busy room's last hours.
const HISTORY_BYTES: usize = 8 * 1024 * 1024;

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
        sessions: Some(SessionConfig {
            key: key(args.key)?,
            log: LogId(random()),
            seed: random(),
            history_bytes: HISTORY_BYTES,
            tap: None,
        }),
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
        Text::Any | Text::Private | Text::Off => {}
    }
    Ok(server.run()?)
}

/// The server's key, from the file that was named or from where it is kept; else one for this run only, which is said.
fn key(file: Option<PathBuf>) -> Result<StaticKey, Failure> {
    let is_named = file.is_some();
    let Some(path) = file.or_else(|| State::find().map(|state| state.server_key())) else {
        log::warn!(
            "neither XDG_STATE_HOME nor HOME says where to keep the key: THIS SERVER'S IDENTITY WILL NOT LAST, clients \
             will refuse the next one (--key FILE keeps it)"
        );
        return Ok(make_key());
    };
    match load_or_make_key(&path) {
        Ok((key, made)) => {
            let made = if made { "made" } else { "in" };
            log::info!("key {}, {made} {}", key.public().fingerprint(), path.display());
            Ok(key)
        }
        Err(err) if is_named || err.is_there() => {
            Err(Failure::new(Exit::Failure, format!("{err} (--key FILE takes another file)")))
        }
        Err(err) => {
            log::warn!(
                "{err}: THIS SERVER'S IDENTITY WILL NOT LAST, clients will refuse the next one (--key FILE keeps it \
                 elsewhere)"
            );
            Ok(make_key())
        }
    }
}
