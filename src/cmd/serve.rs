//! `udpchat serve`
//!
//! Owns: how a server is put together from its arguments.
//! Must not know: what it does while it runs.
//! Driven by: `cmd`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use super::{Exit, Failure, entries};
use crate::cli::{self, Db, Serve, Text};
use crate::log::sqlite::{Keep, OpenError, Sqlite};
use crate::log::{Memory, Store};
use crate::net::members::MembersFile;
use crate::net::refused::RefusedFile;
use crate::net::rooms::{self, Kept, RoomName};
use crate::net::server::ServerLoop;
use crate::net::state::{OWNER_KEY, State, load_key, load_or_make_key, make_key, random};
use crate::net::stdio::Output;
use crate::net::udp::ServerSocket;
use crate::net::{DEFAULT_PORT, has_aes, lan_addresses};
use crate::server::{self, is_private};
use crate::session::{PublicKey, StaticKey};
use crate::wire::LogId;

/// The bytes of the log kept in memory for lagging members. Chosen: a busy room's last hours if there is nothing else; its last
/// minutes if the rest can be read from the file.
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
    let bound: Vec<_> = sockets.iter().map(ServerSocket::local).collect();
    let db = match args.db {
        Some(db) => db,
        None => Db::File(log_of(&args.room, &bound)?),
    };
    let owner = owner(args.owner.as_deref(), args.key.as_deref())?;
    let (key, refused) = key(args.key)?;
    let config = server::Config {
        key,
        seed: random(),
        has_aes: args.cipher == cli::CipherArg::Auto && has_aes(),
        announce_each: args.announce_each,
        recent_bytes: if db == Db::Memory { RECENT_BYTES } else { RECENT_BYTES_OF_A_FILE },
        text: args.text.into(),
        text_history: args.text_history,
        members_max: args.max_members.get(),
        text_idle: args.text_idle,
        rate: args.rate.0,
        signup_rate: args.signup_rate.0,
        name: args.name.map_or_else(String::new, |name| name.to_string()),
        owner,
        is_owner_replaced: args.owner.is_some(),
        access: args.access.map(Into::into),
        expiry: args.nick_expiry,
    };
    if args.access == Some(cli::AccessArg::Known) && args.text != Text::Private {
        log::warn!("--access known turns plain text off: --text has no effect until the room is open");
    }
    let output = if args.quiet { None } else { Some(Output::stdout()?) };
    match args.text {
        Text::Any if args.bind.iter().any(|address| address.ip().is_unspecified() || !is_private(address.ip())) => {
            log::warn!("--text any: a datagram with a spoofed source address makes this server send to a victim");
        }
        Text::Any | Text::Private | Text::Off => {}
    }
    match db {
        Db::Memory => {
            log::info!(
                "nothing is stored on disk: with the server the room forgets its messages, whose each nick is, who was invited, \
                 and who is banned"
            );
            if args.keep.is_some() || args.keep_entries.is_some() || args.sync == cli::Sync::Full {
                log::warn!("--keep, --keep-entries and --sync have no effect without a log file");
            }
            let memory = |_| Ok::<_, io::Error>(Memory::new(LogId(random())));
            Ok(serve(ServerLoop::new(config, sockets, output, memory)?, refused, None)?)
        }
        Db::File(path) => {
            let keep = Keep { age: args.keep, entries: args.keep_entries.map(NonZeroU64::get) };
            let open = |_| {
                let store = Sqlite::open(&path, args.sync.into(), keep, LogId(random())).map_err(|err| no_log(&err))?;
                log::info!("the room's log is {}, {}", path.display(), entries(store.len()));
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
    let bound: Vec<_> = server.addresses().collect();
    for address in &bound {
        log::info!("listening on {address}");
    }
    for line in how_to_join(&bound, &lan_addresses()) {
        log::info!("{line}");
    }
    if let Some((file, most)) = members {
        server.knock(file, most);
    }
    server.run()
}

/// Returns the instructions for joining a server that is bound to `bound`, on a machine that has the addresses `machine`.
fn how_to_join(bound: &[SocketAddr], machine: &[IpAddr]) -> Vec<String> {
    let mut here = None;
    let mut elsewhere = Vec::new();
    for address in bound {
        let (ip, port) = (address.ip(), address.port());
        let is_same_family = |other: &&IpAddr| other.is_ipv4() == ip.is_ipv4();
        let own = if ip.is_unspecified() {
            elsewhere.extend(machine.iter().filter(is_same_family).map(|&ip| SocketAddr::new(ip, port)));
            if ip.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() }
        } else {
            elsewhere.extend((!ip.is_loopback()).then_some(*address));
            ip
        };
        here = here.or_else(|| Some(SocketAddr::new(own, port)));
    }
    let mut lines = Vec::new();
    if let Some(address) = here {
        lines.push(format!("to join on this machine: {}", join_command(address)));
    }
    lines.extend(elsewhere.iter().map(|&address| format!("to join from elsewhere: {}", join_command(address))));
    if elsewhere.is_empty()
        && let Some(first) = bound.first()
    {
        let port = first.port();
        lines.push(format!(
            "others cannot reach it: udpchat serve --bind 0.0.0.0:{port} --bind '[::]:{port}' opens it to the network"
        ));
    }
    lines
}

fn join_command(server: SocketAddr) -> String {
    match server {
        server if server == SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT)) => "udpchat join".into(),
        SocketAddr::V4(server) => format!("udpchat join --server {server}"),
        // Shells may take the brackets for a pattern.
        SocketAddr::V6(server) => format!("udpchat join --server '{server}'"),
    }
}

fn no_log(err: &OpenError) -> Failure {
    let advice = if err.is_in_use() {
        "a server is one room; --room NAME serves another one"
    } else {
        "--db FILE keeps the log elsewhere, --db :memory: keeps nothing"
    };
    Failure::new(Exit::Failure, format!("{err} ({advice})"))
}

/// Returns the file of this room's log. A log that an older version named after addresses becomes the default room's.
fn log_of(room: &RoomName, bound: &[SocketAddr]) -> Result<PathBuf, Failure> {
    let no_place =
        "neither XDG_STATE_HOME nor HOME says where to keep the log (--db FILE does, --db :memory: keeps nothing)";
    let state = State::find().ok_or_else(|| Failure::new(Exit::Failure, no_place))?;
    let path = room.log(&state);
    if room.to_string() == rooms::DEFAULT {
        let taken = rooms::take_over(&state, bound).map_err(|err| Failure::new(Exit::Failure, err.to_string()))?;
        if let Some(old) = taken {
            log::info!("{} is now {}: rooms have names", old.display(), path.display());
        }
    }
    for kept in rooms::list(&state) {
        if let Kept::Old(old) = kept {
            log::info!("an older version kept another room here: udpchat serve --db '{}' serves it", old.display());
        }
    }
    Ok(path)
}

/// Returns the public half of the owner's key: that in the named file, or in the one beside the server's key, which is made if
/// it is missing. `None` if there is no place for one, with a warning.
fn owner(file: Option<&Path>, server: Option<&Path>) -> Result<Option<PublicKey>, Failure> {
    if let Some(file) = file {
        let key = load_key(file).map_err(|err| Failure::new(Exit::Failure, err.to_string()))?;
        log::info!("the owner's key is {}, in {}", key.public().fingerprint(), file.display());
        return Ok(Some(key.public()));
    }
    let beside = server.map(|server| server.with_file_name(OWNER_KEY));
    let Some(path) = beside.or_else(|| State::find().map(|state| state.owner_key())) else { return Ok(None) };
    match load_or_make_key(&path) {
        Ok((key, _)) => {
            log::info!("the owner's key is {}, in {}", key.public().fingerprint(), path.display());
            Ok(Some(key.public()))
        }
        Err(err) => {
            log::warn!("{err}: without an owner's key nobody can act on others here (--owner FILE takes another file)");
            Ok(None)
        }
    }
}

/// Returns the server's key, from the named file or the usual one, and the file beside it with the keys that the server
/// refuses; if there is no place for a key, a temporary one, with a warning.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn said(bound: &[&str]) -> Vec<String> {
        let bound: Vec<_> = bound.iter().map(|address| address.parse().unwrap()).collect();
        let machine = ["192.168.1.5", "10.0.0.2", "2001:db8::5"].map(|ip| ip.parse().unwrap());
        how_to_join(&bound, &machine)
    }

    #[test]
    fn a_server_for_this_machine_only_says_how_to_join_it_and_how_to_open_it() {
        let opens =
            "others cannot reach it: udpchat serve --bind 0.0.0.0:9999 --bind '[::]:9999' opens it to the network";
        assert_eq!(said(&["127.0.0.1:9999"]), ["to join on this machine: udpchat join", opens]);
        assert_eq!(said(&["127.0.0.1:7", "[::1]:7"])[0], "to join on this machine: udpchat join --server 127.0.0.1:7");
        assert_eq!(said(&["[::1]:7"])[0], "to join on this machine: udpchat join --server '[::1]:7'");
    }

    #[test]
    fn an_open_server_says_for_each_address_of_the_machine_how_to_join_it_there() {
        let expected = [
            "to join on this machine: udpchat join",
            "to join from elsewhere: udpchat join --server 192.168.1.5:9999",
            "to join from elsewhere: udpchat join --server 10.0.0.2:9999",
            "to join from elsewhere: udpchat join --server '[2001:db8::5]:9999'",
        ];
        assert_eq!(said(&["0.0.0.0:9999", "[::]:9999"]), expected);
        assert_eq!(said(&["0.0.0.0:9999"]), expected[..3]);
        let one = "udpchat join --server 192.168.1.5:9999";
        let expected = [format!("to join on this machine: {one}"), format!("to join from elsewhere: {one}")];
        assert_eq!(said(&["192.168.1.5:9999"]), expected);
    }
}
