//! The server's sockets.
//!
//! Owns: [`ServerSocket`]: binding, with errors that a person understands, and its input and output: datagrams with the address
//! of ours that they were sent to, and the system's reports of unreachable peers.
//! Must not know: the contents of datagrams.
//! Driven by: the server's loop. The calls themselves are in `batch` (Linux: many datagrams a call) or `plain`.

#[cfg(all(target_os = "linux", not(feature = "plain")))]
mod batch;
mod inbox;
#[cfg(any(not(target_os = "linux"), feature = "plain"))]
mod plain;

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, SockaddrIn, SockaddrIn6, SockaddrStorage, setsockopt, sockopt,
};
use socket2::{Domain, Protocol, Socket, Type};

use crate::server::{Transmits, Unreachable};
use crate::wire::text::DATAGRAM_MAX;

#[cfg(all(target_os = "linux", not(feature = "plain")))]
use batch::Calls;
pub(crate) use inbox::Inbox;
#[cfg(any(not(target_os = "linux"), feature = "plain"))]
use plain::Calls;

/// One byte more than the longest acceptable datagram, so that a longer one is recognised.
pub(super) const RECEIVE_MAX: usize = DATAGRAM_MAX + 1;

/// Size requested of each of the two buffers, in bytes. Chosen: a burst of some thousand datagrams waits here during a sweep
/// over a large room.
const BUFFER_WANTED: usize = 4 * 1024 * 1024;

/// A received datagram.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// The sender's address.
    pub peer: SocketAddr,
    /// The address of ours that it was sent to, if the socket is bound to all of them.
    pub local: Option<IpAddr>,
    /// Its bytes; if it is too long, only the first ones.
    pub bytes: &'a [u8],
}

/// How far sending got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendOutcome {
    /// Number of transmits that the system took.
    pub done: usize,
    /// What to do about the rest.
    pub then: Then,
}

/// See [`SendOutcome`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Go on.
    Continue,
    /// The socket is full: wait until it is writable.
    WouldBlock,
    /// The system, or the path, does not segment: send this run one datagram a call.
    Unsegmented,
    /// The system will not send the next transmit to its peer.
    Unsendable,
}

/// One bound socket.
pub struct ServerSocket {
    socket: mio::net::UdpSocket,
    local: SocketAddr,
    calls: Calls,
    /// Whether datagrams that it sends now may be fragmented.
    fragments: bool,
}

impl ServerSocket {
    /// Binds `address`.
    ///
    /// # Errors
    /// Fails with a sentence for the person who asked for the address.
    pub fn bind(address: SocketAddr) -> Result<Self, String> {
        let socket = open(address).map_err(|err| bind_error(address, &err))?;
        let socket = std::net::UdpSocket::from(socket);
        let local = socket.local_addr().map_err(|err| bind_error(address, &err))?;
        let socket = mio::net::UdpSocket::from_std(socket);
        Ok(Self { calls: Calls::new(local), socket, local, fragments: true })
    }

    /// Returns the address that it is bound to.
    pub const fn local(&self) -> SocketAddr {
        self.local
    }

    /// Returns the socket, for the poll.
    pub const fn source(&mut self) -> &mut mio::net::UdpSocket {
        &mut self.socket
    }

    /// Returns the size in bytes of the smaller of its two buffers, if the system granted less than requested.
    pub fn small_buffer(&self) -> Option<usize> {
        let socket = socket2::SockRef::from(&self.socket);
        let granted = socket.recv_buffer_size().ok()?.min(socket.send_buffer_size().ok()?);
        // Linux reports twice what it grants (socket(7), SO_RCVBUF).
        let granted = if cfg!(target_os = "linux") { granted / 2 } else { granted };
        Some(granted).filter(|&granted| granted < BUFFER_WANTED)
    }

    /// Receives up to `max` datagrams, as many as one call gives. Leaves the system's reports on earlier sends to
    /// [`ServerSocket::unreachable`]. Returns false when there is nothing left to receive.
    ///
    /// # Errors
    /// Returns the system's error.
    pub fn receive(&mut self, max: usize, take: impl FnMut(Received<'_>)) -> io::Result<bool> {
        self.calls.receive(self.socket.as_raw_fd(), max, take)
    }

    /// Sends as much of `transmits` as the system takes in one call.
    ///
    /// # Errors
    /// Returns the system's error, if it does not concern a peer.
    pub fn send(&mut self, transmits: Transmits<'_>) -> io::Result<SendOutcome> {
        if transmits.may_be_fragmented() != self.fragments {
            self.fragments = transmits.may_be_fragmented();
            set_fragments(&self.socket, self.local, self.fragments);
        }
        self.calls.send(self.socket.as_raw_fd(), transmits)
    }

    /// Returns the next peer that the system has reported unreachable.
    ///
    /// # Errors
    /// Returns the system's error.
    pub fn unreachable(&mut self) -> io::Result<Option<(SocketAddr, Unreachable)>> {
        self.calls.unreachable(self.socket.as_raw_fd())
    }
}

fn open(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // The granted sizes are checked later; less will do.
    let _ = (socket.set_recv_buffer_size(BUFFER_WANTED), socket.set_send_buffer_size(BUFFER_WANTED));
    let wildcard = address.ip().is_unspecified();
    if address.is_ipv6() {
        // IPv4 and IPv6 are bound separately (PROTOCOL 1.4).
        socket.set_only_v6(true)?;
        setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &wildcard)?;
    } else {
        setsockopt(&socket, sockopt::Ipv4PacketInfo, &wildcard)?;
    }
    #[cfg(all(target_os = "linux", not(feature = "plain")))]
    if address.is_ipv6() {
        setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?;
    } else {
        setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Sets whether datagrams through the socket may be fragmented. If the system has no option for it, they may be.
#[cfg(target_os = "linux")]
pub(super) fn set_fragments(socket: impl std::os::fd::AsFd, to: SocketAddr, may: bool) {
    use rustix::net::sockopt::{
        Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery, set_ip_mtu_discover, set_ipv6_mtu_discover,
    };
    // PROBE: never fragmented, and sent whatever path MTU others report (RFC 8899 3; ip(7)).
    let set = match to {
        SocketAddr::V4(_) => {
            set_ip_mtu_discover(socket, if may { Ipv4PathMtuDiscovery::WANT } else { Ipv4PathMtuDiscovery::PROBE })
        }
        SocketAddr::V6(_) => {
            set_ipv6_mtu_discover(socket, if may { Ipv6PathMtuDiscovery::WANT } else { Ipv6PathMtuDiscovery::PROBE })
        }
    };
    if let Err(err) = set {
        log::debug!("cannot set whether datagrams may be fragmented: {err}");
    }
}

/// Does nothing: this system has no option for it.
#[cfg(not(target_os = "linux"))]
pub(super) fn set_fragments(_: impl std::os::fd::AsFd, _: SocketAddr, _: bool) {}

fn bind_error(address: SocketAddr, err: &io::Error) -> String {
    let kind = err.kind();
    let (what, todo) = if kind == io::ErrorKind::AddrInUse {
        ("the port is in use".into(), "is another server running? a second room needs --bind ADDR:PORT and --room NAME")
    } else if kind == io::ErrorKind::AddrNotAvailable {
        ("this machine does not have that address".into(), "--bind 0.0.0.0:PORT takes all that it has")
    } else if kind == io::ErrorKind::PermissionDenied {
        ("no permission".into(), "ports below 1024 are privileged; --bind ADDR:PORT takes another port")
    } else {
        (err.to_string(), "--bind ADDR:PORT takes another address or port")
    };
    format!("cannot bind {address}: {what} ({todo})")
}

/// The address to send from, in the system's form.
pub(super) enum Source {
    V4(libc::in_pktinfo),
    V6(libc::in6_pktinfo),
}

impl Source {
    pub(super) fn new(from: IpAddr) -> Self {
        match from {
            IpAddr::V4(ip) => Self::V4(libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: libc::in_addr { s_addr: u32::from_ne_bytes(ip.octets()) },
                ipi_addr: libc::in_addr { s_addr: 0 },
            }),
            IpAddr::V6(ip) => {
                Self::V6(libc::in6_pktinfo { ipi6_addr: libc::in6_addr { s6_addr: ip.octets() }, ipi6_ifindex: 0 })
            }
        }
    }

    pub(super) const fn control(&self) -> ControlMessage<'_> {
        match self {
            Self::V4(info) => ControlMessage::Ipv4PacketInfo(info),
            Self::V6(info) => ControlMessage::Ipv6PacketInfo(info),
        }
    }
}

/// Returns whether the error concerns our socket itself. All others concern some datagram or peer: ICMP messages, which anybody
/// may send, cause many of them, and with `IP_RECVERR` they surface at the next call, whatever that is about.
pub(super) const fn is_ours(err: Errno) -> bool {
    matches!(err, Errno::EBADF | Errno::ENOTSOCK | Errno::EFAULT | Errno::ENOSYS | Errno::ENOTCONN | Errno::EPIPE)
}

pub(super) fn socket_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|&v4: &SockaddrIn| SocketAddr::V4(SocketAddrV4::from(v4)));
    v4.or_else(|| address.as_sockaddr_in6().map(|&v6: &SockaddrIn6| SocketAddr::V6(SocketAddrV6::from(v6))))
}

#[allow(clippy::wildcard_enum_match_arm)] // the system's messages are not ours to list
pub(super) fn local_address(control: ControlMessageOwned) -> Option<IpAddr> {
    match control {
        // The local address of the datagram (ip(7)): for a broadcast, ours on that interface.
        ControlMessageOwned::Ipv4PacketInfo(info) => Some(IpAddr::from(info.ipi_spec_dst.s_addr.to_ne_bytes())),
        // A multicast address cannot be a source address.
        ControlMessageOwned::Ipv6PacketInfo(info) => {
            Some(IpAddr::from(info.ipi6_addr.s6_addr)).filter(|ip| !ip.is_multicast())
        }
        _ => None,
    }
}

/// Returns what the message reports about an earlier datagram (ip(7), `IP_RECVERR`), if anything.
#[cfg(all(target_os = "linux", not(feature = "plain")))]
#[allow(clippy::wildcard_enum_match_arm)] // the system's messages are not ours to list
pub(super) fn report(control: &ControlMessageOwned) -> Option<Unreachable> {
    match control {
        ControlMessageOwned::Ipv4RecvErr(err, _) | ControlMessageOwned::Ipv6RecvErr(err, _) => {
            match Errno::from_raw(err.ee_errno.cast_signed()) {
                Errno::ECONNREFUSED => Some(Unreachable::Port),
                Errno::EHOSTUNREACH | Errno::ENETUNREACH => Some(Unreachable::Host),
                _ => None,
            }
        }
        _ => None,
    }
}
