//! The shell: the only sockets, clock, files and signals of the program.
//!
//! Owns: the loops ([`server`], [`client`], [`load`]) and their parts: the server's sockets ([`udp`]), stdin and stdout
//! ([`stdio`]), keys on disk ([`state`]), the clock, name resolution.
//! Must not know: what datagrams mean, what a member is.
//! Driven by: `cmd`.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // this is where they belong

pub mod client;
mod crowd;
#[cfg(feature = "web")]
pub mod gateway;
pub mod hall;
pub mod kept;
pub mod link;
pub mod load;
pub mod members;
pub mod outbox;
pub mod past;
pub mod people;
pub mod places;
mod port;
pub mod refused;
pub mod rooms;
pub mod server;
pub mod state;
pub mod stderr;
pub mod stdio;
pub mod tty;
pub mod udp;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::fd::RawFd;
use std::str::FromStr;
use std::sync::Arc;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};

use crate::time::Instant;
use crate::wire::Timestamp;

/// The original's port.
pub const DEFAULT_PORT: u16 = 9999;

/// Signals that end the program gracefully.
const END_SIGNALS: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// The monotonic clock, in the form that the core needs.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: std::time::Instant,
}

impl Clock {
    /// Starts a clock that is now at [`Instant::ZERO`].
    pub fn start() -> Self {
        Self { start: std::time::Instant::now() }
    }

    /// Returns the time.
    pub fn now(&self) -> Instant {
        self.start.elapsed().into()
    }
}

/// Returns whether the processor has instructions for AES and the multiplication of GCM: without them the other cipher is faster.
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub fn has_aes() -> bool {
    std::is_x86_feature_detected!("aes") && std::is_x86_feature_detected!("pclmulqdq")
}

/// As for other processors.
#[cfg(target_arch = "aarch64")]
pub fn has_aes() -> bool {
    std::arch::is_aarch64_feature_detected!("aes") && std::arch::is_aarch64_feature_detected!("pmull")
}

/// As for other processors.
#[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
pub fn has_aes() -> bool {
    false
}

/// Returns the calendar time.
pub fn wall() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Returns the addresses of this machine that others on its networks can reach: no loopback, no IPv6 link-local ones, which
/// need a scope. Empty if the system does not list them.
pub fn lan_addresses() -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for interface in nix::ifaddrs::getifaddrs().into_iter().flatten() {
        let Some(address) = interface.address else { continue };
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
        let v6 = address.as_sockaddr_in6().map(|v6| v6.ip()).filter(|ip| !ip.is_unicast_link_local()).map(IpAddr::V6);
        addresses.extend(v4.or(v6).filter(|ip| !ip.is_loopback()));
    }
    addresses
}

/// Keeps SIGUSR1, which a server answers with its counters, from ending the process: it is sent to all of one name.
///
/// # Errors
/// Returns the system's error.
pub fn survive_sigusr1() -> io::Result<()> {
    signal_hook::flag::register(SIGUSR1, Arc::default()).map(drop)
}

/// Waits, for callers that have nothing to poll.
pub fn pause(time: std::time::Duration) {
    std::thread::sleep(time);
}

/// A server as people write it: `HOST`, `HOST:PORT`, `10.0.0.5:9999`, `[::1]:9999`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    host: String,
    port: u16,
}

impl FromStr for HostPort {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let (host, port) = match name.strip_prefix('[') {
            Some(rest) => rest.split_once(']').ok_or("a ']' is missing behind the IPv6 address")?,
            // More than one colon and no brackets: a bare IPv6 address.
            None if name.matches(':').count() > 1 => (name, ""),
            None => name.split_at(name.find(':').unwrap_or(name.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().ok().filter(|&port| port > 0).ok_or("the port is a number from 1 to 65535")?,
            None if port.is_empty() => DEFAULT_PORT,
            None => return Err("expected HOST:PORT".into()),
        };
        if host.is_empty() {
            return Err("the host is missing: expected HOST:PORT".into());
        }
        if host.contains(|character: char| character.is_whitespace() || character.is_control()) {
            return Err("a host has no blanks in it: expected HOST:PORT".into());
        }
        Ok(Self { host: host.into(), port })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl HostPort {
    /// Returns all the addresses of that name, in the system's order of preference. Blocks.
    ///
    /// # Errors
    /// Returns the system's error if the name does not resolve.
    pub fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for address in (self.host.as_str(), self.port).to_socket_addrs()? {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        if addresses.is_empty() { Err(io::Error::other("the name has no address")) } else { Ok(addresses) }
    }
}

/// Asks the poll for readiness of `fd`. Returns false if the system cannot tell, as for regular files, which are always ready.
fn register_fd(registry: &Registry, fd: RawFd, token: Token, interest: Interest) -> io::Result<bool> {
    match registry.register(&mut SourceFd(&fd), token, interest) {
        Ok(()) => Ok(true),
        // epoll_ctl(2): "The target file fd does not support epoll". kqueue(2) reports ENOTSUP or EINVAL.
        Err(err)
            if matches!(
                err.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
            ) =>
        {
            Ok(false)
        }
        Err(err) => Err(err),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str) -> Result<String, String> {
        name.parse::<HostPort>().map(|server| server.to_string())
    }

    #[test]
    fn a_server_is_named_with_or_without_its_port() {
        assert_eq!(parse("localhost").unwrap(), "localhost:9999");
        assert_eq!(parse("localhost:1").unwrap(), "localhost:1");
        assert_eq!(parse("10.0.0.5:65535").unwrap(), "10.0.0.5:65535");
        assert_eq!(parse("[::1]:7").unwrap(), "[::1]:7");
        assert_eq!(parse("[::1]").unwrap(), "[::1]:9999");
        assert_eq!(parse("fe80::1%eth0").unwrap(), "[fe80::1%eth0]:9999");
    }

    #[test]
    fn a_server_that_cannot_be_is_refused_with_what_is_wrong() {
        for name in ["", "a b:1", ":9999", "[]:9", "host:", "host:0", "host:65536", "host:nine", "[::1", "[::1]9"] {
            assert!(parse(name).is_err(), "{name}");
        }
    }

    #[test]
    fn numbers_resolve_to_themselves() {
        let addresses = "[::1]:7".parse::<HostPort>().unwrap().resolve().unwrap();
        assert_eq!(addresses, ["[::1]:7".parse().unwrap()]);
    }
}
