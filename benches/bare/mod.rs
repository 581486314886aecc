//! The code that the bare programs share: a socket and the addresses of the members, nothing else.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, missing_docs, unreachable_pub)] // a yardstick, not a program

use std::io::IoSliceMut;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg};

/// The most datagrams in one call.
pub const BATCH: usize = 64;

/// The longest line, in bytes.
pub const LINE_MAX: usize = 1024;

pub struct Bare {
    pub socket: UdpSocket,
    pub members: Vec<Option<SockaddrIn>>,
    buffers: Vec<[u8; LINE_MAX]>,
    headers: MultiHeaders<()>,
}

impl Bare {
    /// Binds the port of the command line, and echoes datagrams until it knows as many addresses as stated there.
    pub fn start() -> Option<Self> {
        let mut args = std::env::args().skip(1).filter_map(|arg| arg.parse::<u16>().ok());
        let (Some(port), Some(count)) = (args.next(), args.next()) else {
            eprintln!("usage: PORT MEMBERS (benches/text-room.py runs it)");
            return None;
        };
        let socket = UdpSocket::bind(("127.0.0.1", port)).unwrap();
        let buffers = socket2::SockRef::from(&socket);
        buffers.set_recv_buffer_size(4 << 20).unwrap();
        buffers.set_send_buffer_size(4 << 20).unwrap();
        let mut members = Vec::new();
        while members.len() < usize::from(count) {
            let mut buffer = [0; LINE_MAX];
            let Ok((len, SocketAddr::V4(peer))) = socket.recv_from(&mut buffer) else { continue };
            let peer_address = Some(SockaddrIn::from(peer));
            if !members.contains(&peer_address) {
                members.push(peer_address);
            }
            socket.send_to(&buffer[..len], peer).unwrap();
        }
        let headers = MultiHeaders::preallocate(BATCH, None);
        Some(Self { socket, members, buffers: vec![[0; LINE_MAX]; BATCH], headers })
    }

    /// Waits for lines, and stores those that have arrived in `lines`, back to back, and their lengths in `lengths`.
    pub fn receive(&mut self, lines: &mut Vec<u8>, lengths: &mut Vec<usize>) {
        lines.clear();
        lengths.clear();
        let mut buffers = self.buffers.iter_mut();
        let mut slices: [[IoSliceMut<'_>; 1]; BATCH] =
            std::array::from_fn(|_| [IoSliceMut::new(&mut buffers.next().unwrap()[..])]);
        let fd = self.socket.as_raw_fd();
        let Ok(messages) = recvmmsg(fd, &mut self.headers, &mut slices, MsgFlags::MSG_WAITFORONE, None) else {
            return;
        };
        for message in messages {
            let bytes = message.iovs().next().unwrap_or_default();
            lines.extend_from_slice(bytes);
            lengths.push(bytes.len());
        }
    }
}
