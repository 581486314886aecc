//! The server's sockets.
//!
//! Owns: [`ServerSocket`]: bind with errors a person understands, receive with the address of ours that was written to,
//! send from it, and what the system reports of unreachable ports.
//! Must not know: what is in the datagrams.
//! Driven by: the server's loop.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, RawFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, SockaddrIn6, SockaddrStorage,
    recvmsg, sendmsg, setsockopt, sockopt,
};
use socket2::{Domain, Protocol, Socket, Type};

use crate::room::Transmits;
use crate::wire::text::DATAGRAM_MAX;

/// One more than the longest datagram that can be accepted, so that a longer one is seen to be.
const RECEIVE_MAX: usize = DATAGRAM_MAX + 1;

/// A datagram as it came in.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// Who sent it.
    pub peer: SocketAddr,
    /// The address of ours that it was sent to, where the socket is bound to all of them.
    pub local: Option<IpAddr>,
    /// Its bytes, of a too long one the first.
    pub bytes: &'a [u8],
}

/// How far sending got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendOutcome {
    /// Transmits that the system took, or that it will never take.
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
    /// The system cannot segment what it was given: give it one datagram a call.
    Unsegmented,
}

/// One bound socket.
#[derive(Debug)]
pub struct ServerSocket {
    socket: mio::net::UdpSocket,
    local: SocketAddr,
    buffer: Box<[u8; RECEIVE_MAX]>,
    control: Vec<u8>,
}

impl ServerSocket {
    /// Binds `address`.
    ///
    /// # Errors
    /// A sentence for the person that asked for the address.
    pub fn bind(address: SocketAddr) -> Result<Self, String> {
        let socket = open(address).map_err(|err| bind_error(address, &err))?;
        let socket = std::net::UdpSocket::from(socket);
        let local = socket.local_addr().map_err(|err| bind_error(address, &err))?;
        Ok(Self {
            socket: mio::net::UdpSocket::from_std(socket),
            local,
            buffer: Box::new([0; RECEIVE_MAX]),
            control: nix::cmsg_space!(
                libc::in6_pktinfo,
                libc::sock_extended_err,
                libc::sockaddr_in6
            ),
        })
    }

    /// The address that it is bound to.
    pub const fn local(&self) -> SocketAddr {
        self.local
    }

    /// The socket, for the poll.
    pub const fn source(&mut self) -> &mut mio::net::UdpSocket {
        &mut self.socket
    }

    /// Receives one datagram; `None` when there is none. What the system says of earlier sends is left to
    /// [`ServerSocket::unreachable`].
    ///
    /// # Errors
    /// The system's.
    pub fn receive(&mut self) -> io::Result<Option<Received<'_>>> {
        let fd = self.socket.as_raw_fd();
        let (len, peer, local) = loop {
            let mut slices = [IoSliceMut::new(&mut self.buffer[..])];
            match recvmsg::<SockaddrStorage>(
                fd,
                &mut slices,
                Some(&mut self.control),
                MsgFlags::empty(),
            ) {
                Ok(message) => {
                    let local = message.cmsgs().ok().into_iter().flatten().find_map(local_address);
                    let Some(peer) = message.address.as_ref().and_then(socket_address) else {
                        continue;
                    };
                    break (message.bytes, peer, local);
                }
                Err(Errno::EAGAIN) => return Ok(None),
                Err(err) if is_passing(err) => {}
                Err(err) => return Err(err.into()),
            }
        };
        // Where only one address is bound, replies leave from it anyway.
        let local = local.filter(|_| self.local.ip().is_unspecified());
        Ok(Some(Received { peer, local, bytes: &self.buffer[..len] }))
    }

    /// Sends as much of `transmits` as the system takes, at most `max` of them.
    ///
    /// # Errors
    /// The system's, if it is not about a peer.
    pub fn send(&mut self, transmits: Transmits<'_>, max: usize) -> io::Result<SendOutcome> {
        let fd = self.socket.as_raw_fd();
        let from = transmits.from().map(Source::new);
        let segment = transmits.segment().unwrap_or(usize::MAX);
        let mut done = 0;
        for (to, bytes) in transmits.take(max) {
            // Several entries at once need the system's segmentation.
            if bytes.len() > segment {
                return Ok(SendOutcome { done, then: Then::Unsegmented });
            }
            if !send_one(fd, to, from.as_ref(), bytes)? {
                return Ok(SendOutcome { done, then: Then::WouldBlock });
            }
            done += 1;
        }
        Ok(SendOutcome { done, then: Then::Continue })
    }

    /// The next peer whose port the system has reported unreachable, by the queue of `IP_RECVERR` (ip(7)).
    ///
    /// # Errors
    /// The system's.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn unreachable(&mut self) -> io::Result<Option<SocketAddr>> {
        let fd = self.socket.as_raw_fd();
        loop {
            let mut slices = [IoSliceMut::new(&mut self.buffer[..])];
            match recvmsg::<SockaddrStorage>(
                fd,
                &mut slices,
                Some(&mut self.control),
                MsgFlags::MSG_ERRQUEUE,
            ) {
                Ok(message) => {
                    let refused = message
                        .cmsgs()
                        .ok()
                        .into_iter()
                        .flatten()
                        .any(|control| is_refusal(&control));
                    if let Some(peer) =
                        message.address.as_ref().and_then(socket_address).filter(|_| refused)
                    {
                        return Ok(Some(peer));
                    }
                }
                Err(Errno::EAGAIN) => return Ok(None),
                Err(Errno::EINTR) => {}
                Err(err) => return Err(err.into()),
            }
        }
    }

    /// Other systems report nothing of single peers on an unconnected socket.
    ///
    /// # Errors
    /// None.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub fn unreachable(&mut self) -> io::Result<Option<SocketAddr>> {
        Ok(None)
    }
}

fn open(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        // v4 and v6 are bound separately (PROTOCOL 1).
        socket.set_only_v6(true)?;
        setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
    } else {
        setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if address.is_ipv6() {
        setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?;
    } else {
        setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

fn bind_error(address: SocketAddr, err: &io::Error) -> String {
    let kind = err.kind();
    let (what, todo) = if kind == io::ErrorKind::AddrInUse {
        (
            "the port is in use".into(),
            "is another server running? --bind ADDR:PORT takes another port",
        )
    } else if kind == io::ErrorKind::AddrNotAvailable {
        (
            "this machine does not have that address".into(),
            "--bind 0.0.0.0:PORT takes all that it has",
        )
    } else if kind == io::ErrorKind::PermissionDenied {
        (
            "no permission".into(),
            "ports below 1024 are privileged; --bind ADDR:PORT takes another port",
        )
    } else {
        (err.to_string(), "--bind ADDR:PORT takes another address or port")
    };
    format!("cannot bind {address}: {what} ({todo})")
}

/// The address to send from, in the form that the system takes it.
enum Source {
    V4(libc::in_pktinfo),
    V6(libc::in6_pktinfo),
}

impl Source {
    fn new(from: IpAddr) -> Self {
        match from {
            IpAddr::V4(ip) => Self::V4(libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: libc::in_addr { s_addr: u32::from_ne_bytes(ip.octets()) },
                ipi_addr: libc::in_addr { s_addr: 0 },
            }),
            IpAddr::V6(ip) => Self::V6(libc::in6_pktinfo {
                ipi6_addr: libc::in6_addr { s6_addr: ip.octets() },
                ipi6_ifindex: 0,
            }),
        }
    }

    const fn control(&self) -> ControlMessage<'_> {
        match self {
            Self::V4(info) => ControlMessage::Ipv4PacketInfo(info),
            Self::V6(info) => ControlMessage::Ipv6PacketInfo(info),
        }
    }
}

/// False if the socket is full. What cannot be sent to this peer is lost, as on any way there.
fn send_one(fd: RawFd, to: SocketAddr, from: Option<&Source>, bytes: &[u8]) -> io::Result<bool> {
    let slices = [IoSlice::new(bytes)];
    let control = from.map(Source::control);
    let to_system = SockaddrStorage::from(to);
    loop {
        match sendmsg(fd, &slices, control.as_slice(), MsgFlags::empty(), Some(&to_system)) {
            Ok(_) => return Ok(true),
            Err(Errno::EAGAIN) => return Ok(false),
            // An error of an earlier datagram is reported now; it is in the queue as well.
            Err(Errno::EINTR | Errno::ECONNREFUSED) => {}
            Err(err) if is_about_a_peer(err) => {
                log::debug!("nothing gets through to {to}: {err}");
                return Ok(true);
            }
            Err(err) => return Err(err.into()),
        }
    }
}

/// Errors of earlier datagrams to some peer, which receiving reports too.
fn is_passing(err: Errno) -> bool {
    matches!(err, Errno::EINTR | Errno::ECONNREFUSED) || is_about_a_peer(err)
}

/// There is no way to this peer, or the system has none of its own means at the moment: the datagram is lost.
const fn is_about_a_peer(err: Errno) -> bool {
    matches!(
        err,
        Errno::EHOSTUNREACH
            | Errno::ENETUNREACH
            | Errno::EHOSTDOWN
            | Errno::ENETDOWN
            | Errno::EPERM
            | Errno::EACCES
            | Errno::EMSGSIZE
            | Errno::EINVAL
            | Errno::ENOBUFS
            | Errno::ENOMEM
            | Errno::EPROTO
            | Errno::ENOPROTOOPT
            | Errno::EADDRNOTAVAIL
    )
}

fn socket_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 =
        address.as_sockaddr_in().map(|&v4: &SockaddrIn| SocketAddr::V4(SocketAddrV4::from(v4)));
    v4.or_else(|| {
        address.as_sockaddr_in6().map(|&v6: &SockaddrIn6| SocketAddr::V6(SocketAddrV6::from(v6)))
    })
}

#[allow(clippy::wildcard_enum_match_arm)] // the system's messages are not ours to list
fn local_address(control: ControlMessageOwned) -> Option<IpAddr> {
    match control {
        // The local address of the datagram (ip(7)): for a broadcast, ours on that interface.
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            Some(IpAddr::from(info.ipi_spec_dst.s_addr.to_ne_bytes()))
        }
        // A multicast address cannot be sent from.
        ControlMessageOwned::Ipv6PacketInfo(info) => {
            Some(IpAddr::from(info.ipi6_addr.s6_addr)).filter(|ip| !ip.is_multicast())
        }
        _ => None,
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[allow(clippy::wildcard_enum_match_arm)] // the system's messages are not ours to list
const fn is_refusal(control: &ControlMessageOwned) -> bool {
    match control {
        ControlMessageOwned::Ipv4RecvErr(err, _) | ControlMessageOwned::Ipv6RecvErr(err, _) => {
            err.ee_errno == libc::ECONNREFUSED.cast_unsigned()
        }
        _ => false,
    }
}
