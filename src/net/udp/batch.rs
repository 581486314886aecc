//! Many datagrams a call: `recvmmsg`, `sendmmsg` and `UDP_SEGMENT` (Linux).
//!
//! Owns: the calls, their headers and buffers, which are created once and reused.
//! Must not know: the contents of datagrams.
//! Driven by: `socket`.
//!
//! nix's headers keep the length that the control buffer had when they were created. So there is one set of headers for each
//! combination of control messages, created when it is first needed.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::RawFd;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    ControlMessage, MsgFlags, MultiHeaders, SockaddrIn, SockaddrIn6, SockaddrLike, SockaddrStorage, recvmmsg, recvmsg,
    sendmmsg,
};

use crate::net::udp::{
    RECEIVE_MAX, Received, SendOutcome, Source, Then, is_ours, local_address, report, socket_address,
};
use crate::server::{Transmits, Unreachable};

/// Datagrams received in one call. Chosen: spreads the call's own cost thin, and keeps the buffers in the cache.
const RECEIVE_BATCH: usize = 32;

/// Transmits of one call. Chosen: as above; each may carry a whole run.
const SEND_BATCH: usize = 64;

/// The calls for a socket of either family.
pub(super) enum Calls {
    V4(Batch<SockaddrIn>),
    V6(Batch<SockaddrIn6>),
}

impl Calls {
    pub(super) fn new(local: SocketAddr) -> Self {
        match local {
            SocketAddr::V4(_) => Self::V4(Batch::new()),
            SocketAddr::V6(_) => Self::V6(Batch::new()),
        }
    }

    pub(super) fn receive(&mut self, fd: RawFd, max: usize, take: impl FnMut(Received<'_>)) -> io::Result<bool> {
        match self {
            Self::V4(batch) => batch.receive(fd, max, take),
            Self::V6(batch) => batch.receive(fd, max, take),
        }
    }

    pub(super) fn send(&mut self, fd: RawFd, transmits: Transmits<'_>) -> io::Result<SendOutcome> {
        match self {
            Self::V4(batch) => batch.send(fd, transmits),
            Self::V6(batch) => batch.send(fd, transmits),
        }
    }

    /// Returns the next report in the error queue (`IP_RECVERR`, ip(7)) that a peer is unreachable.
    pub(super) fn unreachable(&mut self, fd: RawFd) -> io::Result<Option<(SocketAddr, Unreachable)>> {
        // The report comes with the refused datagram, which is not read.
        let mut control = cmsg_space!(libc::in6_pktinfo, libc::sock_extended_err, libc::sockaddr_in6);
        loop {
            let mut slices: [IoSliceMut<'_>; 0] = [];
            match recvmsg::<SockaddrStorage>(fd, &mut slices, Some(&mut control), MsgFlags::MSG_ERRQUEUE) {
                Ok(message) => {
                    let report = message.cmsgs().ok().into_iter().flatten().find_map(|control| report(&control));
                    let peer = message.address.as_ref().and_then(socket_address);
                    if let Some(unreachable) = peer.zip(report) {
                        return Ok(Some(unreachable));
                    }
                }
                Err(Errno::EAGAIN) => return Ok(None),
                Err(err) if is_ours(err) => return Err(err.into()),
                Err(_) => {}
            }
        }
    }
}

/// An address of one family, in the system's form.
pub(super) trait Address: SockaddrLike + Copy + 'static {
    fn of(address: SocketAddr) -> Option<Self>;
    fn get(&self) -> SocketAddr;
    fn source_space() -> Vec<u8>;
    fn source_and_segment_space() -> Vec<u8>;
}

impl Address for SockaddrIn {
    fn of(address: SocketAddr) -> Option<Self> {
        match address {
            SocketAddr::V4(v4) => Some(v4.into()),
            SocketAddr::V6(_) => None,
        }
    }

    fn get(&self) -> SocketAddr {
        SocketAddr::V4((*self).into())
    }

    fn source_space() -> Vec<u8> {
        cmsg_space!(libc::in_pktinfo)
    }

    fn source_and_segment_space() -> Vec<u8> {
        cmsg_space!(libc::in_pktinfo, u16)
    }
}

impl Address for SockaddrIn6 {
    fn of(address: SocketAddr) -> Option<Self> {
        match address {
            SocketAddr::V4(_) => None,
            SocketAddr::V6(v6) => Some(v6.into()),
        }
    }

    fn get(&self) -> SocketAddr {
        SocketAddr::V6((*self).into())
    }

    fn source_space() -> Vec<u8> {
        cmsg_space!(libc::in6_pktinfo)
    }

    fn source_and_segment_space() -> Vec<u8> {
        cmsg_space!(libc::in6_pktinfo, u16)
    }
}

pub(super) struct Batch<A> {
    buffers: Box<[[u8; RECEIVE_MAX]]>,
    receive: MultiHeaders<A>,
    /// Indexed by the control messages: bit 0 is a source address, bit 1 a segment length.
    send: [Option<MultiHeaders<A>>; 4],
}

impl<A: Address> Batch<A> {
    fn new() -> Self {
        Self {
            buffers: vec![[0; RECEIVE_MAX]; RECEIVE_BATCH].into_boxed_slice(),
            receive: MultiHeaders::preallocate(RECEIVE_BATCH, Some(A::source_space())),
            send: [const { None }; 4],
        }
    }

    fn receive(&mut self, fd: RawFd, max: usize, mut take: impl FnMut(Received<'_>)) -> io::Result<bool> {
        let wanted = max.min(RECEIVE_BATCH);
        let mut buffers = self.buffers.iter_mut();
        let mut slices: [[IoSliceMut<'_>; 1]; RECEIVE_BATCH] =
            std::array::from_fn(|_| [IoSliceMut::new(buffers.next().map_or(&mut [][..], |buffer| &mut buffer[..]))]);
        let messages = match recvmmsg(fd, &mut self.receive, &mut slices[..wanted], MsgFlags::empty(), None) {
            Ok(messages) => messages,
            Err(Errno::EAGAIN) => return Ok(false),
            Err(err) if is_ours(err) => return Err(err.into()),
            // The error of some earlier datagram; reporting it has cleared it.
            Err(_) => return Ok(true),
        };
        let mut received = 0;
        for message in messages {
            received += 1;
            let local = message.cmsgs().ok().into_iter().flatten().find_map(local_address);
            let bytes = message.iovs().next().unwrap_or_default();
            if let Some(peer) = message.address.as_ref().map(A::get) {
                take(Received { peer, local, bytes });
            }
        }
        // Fewer than requested: nothing is left. If an error of an earlier send cut the call short, the poll learned of that
        // error after it was last asked, and will report together with it that there is more.
        Ok(received == wanted)
    }

    fn send(&mut self, fd: RawFd, transmits: Transmits<'_>) -> io::Result<SendOutcome> {
        let source = transmits.from().map(Source::new);
        let segment = transmits.segment().and_then(|segment| u16::try_from(segment).ok());
        let mut addresses = [None; SEND_BATCH];
        let mut slices = [[IoSlice::new(&[])]; SEND_BATCH];
        let mut count = 0;
        for (to, bytes) in transmits.take(SEND_BATCH) {
            addresses[count] = A::of(to);
            slices[count] = [IoSlice::new(bytes)];
            count += 1;
        }
        let controls: [Option<ControlMessage<'_>>; 2] =
            [source.as_ref().map(Source::control), segment.as_ref().map(ControlMessage::UdpGsoSegments)];
        let mut send = || self.send_all(fd, &slices[..count], &addresses[..count], controls);
        // A first error may be that of an earlier datagram, and reporting it has cleared it; only the second concerns these.
        let (done, then) = match send().or_else(|err| if err == Errno::EAGAIN { Err(err) } else { send() }) {
            Ok(done) => (done, Then::Continue),
            Err(Errno::EINTR) => (0, Then::Continue),
            Err(Errno::EAGAIN) => (0, Then::WouldBlock),
            // No segmentation: EIO without checksum offload, EINVAL or EMSGSIZE beyond the path MTU.
            Err(Errno::EIO | Errno::EINVAL | Errno::EMSGSIZE | Errno::EOPNOTSUPP) if segment.is_some() => {
                (0, Then::Unsegmented)
            }
            Err(err) if is_ours(err) => return Err(err.into()),
            Err(err) => {
                log::debug!("cannot send to {:?}: {err}", addresses[0].as_ref().map(A::get));
                (0, Then::Unsendable)
            }
        };
        Ok(SendOutcome { done, then })
    }

    fn send_all(
        &mut self,
        fd: RawFd,
        slices: &[[IoSlice<'_>; 1]],
        addresses: &[Option<A>],
        controls: [Option<ControlMessage<'_>>; 2],
    ) -> nix::Result<usize> {
        let space = |source: bool, segment: bool| match (source, segment) {
            (false, false) => None,
            (true, false) => Some(A::source_space()),
            (false, true) => Some(cmsg_space!(u16)),
            (true, true) => Some(A::source_and_segment_space()),
        };
        let (source, segment) = (controls[0].is_some(), controls[1].is_some());
        let headers = self.send[usize::from(source) + 2 * usize::from(segment)]
            .get_or_insert_with(|| MultiHeaders::preallocate(SEND_BATCH, space(source, segment)));
        // The source address comes first, if there is one; sendmmsg wants them side by side.
        let flags = MsgFlags::empty();
        let sent = match controls {
            [Some(source), Some(segment)] => sendmmsg(fd, headers, slices, addresses, [source, segment], flags),
            [Some(only), None] | [None, Some(only)] => sendmmsg(fd, headers, slices, addresses, [only], flags),
            [None, None] => sendmmsg(fd, headers, slices, addresses, [], flags),
        };
        sent.map(Iterator::count)
    }
}
