//! One datagram a call: for systems without `recvmmsg` and `sendmmsg`.
//!
//! Owns: the buffer and the calls.
//! Must not know: the contents of datagrams.
//! Driven by: `socket`.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::RawFd;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{MsgFlags, SockaddrStorage, recvmsg, sendmsg};

use crate::net::udp::{RECEIVE_MAX, Received, SendOutcome, Source, Then, is_ours, local_address, socket_address};
use crate::server::{Transmits, Unreachable};

pub(super) struct Calls {
    buffer: Box<[u8; RECEIVE_MAX]>,
    control: Vec<u8>,
}

impl Calls {
    pub(super) fn new(_: SocketAddr) -> Self {
        Self { buffer: Box::new([0; RECEIVE_MAX]), control: nix::cmsg_space!(libc::in6_pktinfo) }
    }

    pub(super) fn receive(&mut self, fd: RawFd, max: usize, mut take: impl FnMut(Received<'_>)) -> io::Result<bool> {
        for _ in 0..max {
            let mut slices = [IoSliceMut::new(&mut self.buffer[..])];
            let (len, peer, local) =
                match recvmsg::<SockaddrStorage>(fd, &mut slices, Some(&mut self.control), MsgFlags::empty()) {
                    Ok(message) => {
                        let local = message.cmsgs().ok().into_iter().flatten().find_map(local_address);
                        (message.bytes, message.address.as_ref().and_then(socket_address), local)
                    }
                    Err(Errno::EAGAIN) => return Ok(false),
                    Err(err) if is_ours(err) => return Err(err.into()),
                    // The error of some earlier datagram; reporting it has cleared it.
                    Err(_) => continue,
                };
            if let Some(peer) = peer {
                take(Received { peer, local, bytes: &self.buffer[..len] });
            }
        }
        Ok(true)
    }

    pub(super) fn send(&mut self, fd: RawFd, transmits: Transmits<'_>) -> io::Result<SendOutcome> {
        let from = transmits.from().map(Source::new);
        let segment = transmits.segment().unwrap_or(usize::MAX);
        let mut done = 0;
        for (to, bytes) in transmits {
            if bytes.len() > segment {
                return Ok(SendOutcome { done, then: Then::Unsegmented });
            }
            let send = || send_one(fd, to, from.as_ref(), bytes);
            // A first error may be that of an earlier datagram; only the second concerns this one.
            match send().or_else(|err| if err == Errno::EAGAIN { Err(err) } else { send() }) {
                Ok(()) => {}
                Err(Errno::EINTR) => return Ok(SendOutcome { done, then: Then::Continue }),
                Err(Errno::EAGAIN) => return Ok(SendOutcome { done, then: Then::WouldBlock }),
                Err(err) if is_ours(err) => return Err(err.into()),
                Err(err) => {
                    log::debug!("cannot send to {to}: {err}");
                    return Ok(SendOutcome { done, then: Then::Unsendable });
                }
            }
            done += 1;
        }
        Ok(SendOutcome { done, then: Then::Continue })
    }

    /// Returns nothing: on an unconnected socket, the system reports nothing about single peers.
    pub(super) fn unreachable(&mut self, _: RawFd) -> io::Result<Option<(SocketAddr, Unreachable)>> {
        Ok(None)
    }
}

fn send_one(fd: RawFd, to: SocketAddr, from: Option<&Source>, bytes: &[u8]) -> nix::Result<()> {
    let control = from.map(Source::control);
    let to = SockaddrStorage::from(to);
    sendmsg(fd, &[IoSlice::new(bytes)], control.as_slice(), MsgFlags::empty(), Some(&to)).map(|_| ())
}
