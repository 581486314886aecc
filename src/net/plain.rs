//! One datagram a call: for systems without `recvmmsg` and `sendmmsg`.
//!
//! Owns: the buffer and the calls.
//! Must not know: what is in the datagrams.
//! Driven by: `socket`.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::RawFd;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{MsgFlags, SockaddrStorage, recvmsg, sendmsg};

use super::socket::{
    RECEIVE_MAX, Received, SendOutcome, Source, Then, is_about_a_peer, is_passing, local_address,
    socket_address,
};
use crate::room::Transmits;

pub(super) struct Calls {
    buffer: Box<[u8; RECEIVE_MAX]>,
    control: Vec<u8>,
}

impl Calls {
    pub(super) fn new(_: SocketAddr) -> Self {
        Self { buffer: Box::new([0; RECEIVE_MAX]), control: nix::cmsg_space!(libc::in6_pktinfo) }
    }

    pub(super) fn receive(
        &mut self,
        fd: RawFd,
        max: usize,
        mut take: impl FnMut(Received<'_>),
    ) -> io::Result<bool> {
        for _ in 0..max {
            let mut slices = [IoSliceMut::new(&mut self.buffer[..])];
            let (len, peer, local) = match recvmsg::<SockaddrStorage>(
                fd,
                &mut slices,
                Some(&mut self.control),
                MsgFlags::empty(),
            ) {
                Ok(message) => {
                    let local = message.cmsgs().ok().into_iter().flatten().find_map(local_address);
                    (message.bytes, message.address.as_ref().and_then(socket_address), local)
                }
                Err(Errno::EAGAIN) => return Ok(false),
                Err(err) if is_passing(err) => continue,
                Err(err) => return Err(err.into()),
            };
            if let Some(peer) = peer {
                take(Received { peer, local, bytes: &self.buffer[..len] });
            }
        }
        Ok(true)
    }

    pub(super) fn send(
        &mut self,
        fd: RawFd,
        transmits: Transmits<'_>,
        max: usize,
    ) -> io::Result<SendOutcome> {
        let from = transmits.from().map(Source::new);
        let segment = transmits.segment().unwrap_or(usize::MAX);
        let mut done = 0;
        for (to, bytes) in transmits.take(max) {
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

    /// Nothing is reported of single peers on an unconnected socket.
    pub(super) fn unreachable(&mut self, _: RawFd) -> io::Result<Option<SocketAddr>> {
        Ok(None)
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
