//! `udpchat serve`
//!
//! Owns: how a server is put together from its arguments.
//! Must not know: what it does when it runs.
//! Driven by: `cmd`.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;

use super::{Exit, Failure, entries};
use crate::cli::{self, Db, Serve, Text};
use crate::log::sqlite::{Keep, Sqlite};
use crate::log::{Memory, Store};
use crate::net::members::MembersFile;
use crate::net::refused::RefusedFile;
use crate::net::server::ServerLoop;
use crate::net::state::{State, load_or_make_key, make_key, random};
use crate::net::stdio::Output;
use crate::net::udp::ServerSocket;
use crate::server::{self, is_private};
use crate::session::StaticKey;
use crate::wire::LogId;

/// What is kept in memory of the log for members that are behind, in bytes. Chosen: a busy room's last hours where that is
/// all there is; a busy room's last minutes where the rest can be read from the file.
const RECENT_BYTES: usize = 8 * 1024 * 1024;
const RECENT_BYTES_OF_A_FILE: usize = 1024 * 1024;

pub(super) fn run(args: Serve) -> Result<(), Failure> {
    let sockets: Result<Vec<_>, _> = args.bind.iter().map(|&address| ServerSocket::bind(address)).collect();
    let sockets = sockets.map_err(|message| Failure::new(Exit::Failure, message))?;
    if let Some(granted) = sockets.iter().filter_map(ServerSocket::small_buffer).min() {
        log::warn!(
            "the system caps socket buffers at {} KiB: bursts may be lost (sysctl net.core.rmem_max, net.core.wmem_max)",
            granted / 1024
        );
    }
    let db = match args.db {
        Some(db) => db,
        None => Db::File(default_file(sockets.iter().map(ServerSocket::local))?),
    };
    let (key, refused) = key(args.key)?;
    let config = server::Config {
        key,
        seed: random(),
        announce_each: args.announce_each,
        recent_bytes: if db == Db::Memory { RECENT_BYTES } else { RECENT_BYTES_OF_A_FILE },
        text: args.text.into(),
        text_history: args.text_history,
        members_max: args.max_members.get(),
        text_idle: args.text_idle,
        rate: args.rate.0,
        signup_rate: args.signup_rate.0,
    };
    let output = if args.quiet { None } else { Some(Output::stdout()?) };
    match args.text {
        Text::Any if args.bind.iter().any(|address| address.ip().is_unspecified() || !is_private(address.ip())) => {
            log::warn!("--text any: whoever forges a source address can make this server send to it");
        }
        Text::Any | Text::Private | Text::Off => {}
    }
    match db {
        Db::Memory => {
            log::info!("nothing is kept on disk");
            if args.keep.is_some() || args.keep_entries.is_some() || args.sync == cli::Sync::Full {
                log::warn!("--keep, --keep-entries and --sync are about a log in a file: without one they do nothing");
            }
            let memory = |_| Ok::<_, io::Error>(Memory::new(LogId(random())));
            Ok(serve(ServerLoop::new(config, sockets, output, memory)?, refused, None)?)
        }
        Db::File(path) => {
            let keep = Keep { age: args.keep, entries: args.keep_entries.map(NonZeroU64::get) };
            let open = |_| {
                let store = Sqlite::open(&path, args.sync.into(), keep, LogId(random())).map_err(|err| no_log(&err))?;
                log::info!("the log is in {}, {}", path.display(), entries(store.len()));
                Ok::<_, Failure>(store)
            };
            let members = (MembersFile::beside(&path), args.max_members.get());
            Ok(serve(ServerLoop::new(config, sockets, output, open)?, refused, Some(members))?)
        }
    }
}

fn serve<S: Store>(
    mut server: ServerLoop<S>,
    refused: Option<RefusedFile>,
    members: Option<(MembersFile, usize)>,
) -> io::Result<()> {
    refused.into_iter().for_each(|file| server.refuse(file));
    for address in server.addresses() {
        log::info!("listening on {address}");
    }
    if let Some((file, most)) = members {
        server.knock(file, most);
    }
    server.run()
}

fn no_log(err: &dyn fmt::Display) -> Failure {
    Failure::new(Exit::Failure, format!("{err} (--db FILE keeps the log elsewhere, --db :memory: keeps nothing)"))
}

/// Where the log of a server with these addresses is.
fn default_file(addresses: impl Iterator<Item = SocketAddr>) -> Result<PathBuf, Failure> {
    let state = State::find().ok_or_else(|| no_log(&"neither XDG_STATE_HOME nor HOME says where to keep the log"))?;
    Ok(state.log(addresses))
}

/// The server's key, from the file that was named or from where it is kept, and beside it the keys that it refuses; else a key
/// for this run only, which is said.
fn key(file: Option<PathBuf>) -> Result<(StaticKey, Option<RefusedFile>), Failure> {
    let is_named = file.is_some();
    let Some(path) = file.or_else(|| State::find().map(|state| state.server_key())) else {
        log::warn!(
            "neither XDG_STATE_HOME nor HOME says where to keep the key: THIS SERVER'S IDENTITY WILL NOT LAST, clients \
             will refuse the next one (--key FILE keeps it)"
        );
        return Ok((make_key(), None));
    };
    match load_or_make_key(&path) {
        Ok((key, made)) => {
            let made = if made { "made" } else { "in" };
            log::info!("key {}, {made} {}", key.public().fingerprint(), path.display());
            Ok((key, Some(RefusedFile::beside(&path))))
        }
        Err(err) if is_named || err.is_there() => {
            Err(Failure::new(Exit::Failure, format!("{err} (--key FILE takes another file)")))
        }
        Err(err) => {
            log::warn!(
                "{err}: THIS SERVER'S IDENTITY WILL NOT LAST, clients will refuse the next one (--key FILE keeps it \
                 elsewhere)"
            );
            Ok((make_key(), None))
        }
    }
}
