//! Receiving on a client's socket.
//!
//! Owns: [`Inbox`]: many datagrams a call, or runs of datagrams that the system delivers in one piece (`UDP_GRO`), split again.
//! Must not know: the contents of datagrams.
//! Driven by: `client`, `load`.

#[cfg(all(target_os = "linux", not(feature = "plain")))]
pub(crate) use linux::Inbox;
#[cfg(any(not(target_os = "linux"), feature = "plain"))]
pub(crate) use plain::Inbox;

#[cfg(all(target_os = "linux", not(feature = "plain")))]
mod linux {
    use std::io::{self, IoSliceMut};
    use std::os::fd::AsRawFd;

    use mio::net::UdpSocket;
    use nix::cmsg_space;
    use nix::errno::Errno;
    use nix::sys::socket::sockopt::UdpGroSegment;
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, MultiHeaders, recvmmsg, recvmsg, setsockopt};

    /// Datagrams received in one call. Chosen: spreads the call's own cost thin, and keeps the buffers in the cache.
    const BATCH: usize = 64;

    /// Most bytes kept of a datagram when many are received at once: none of either dialect is longer.
    const BATCHED_MAX: usize = 4096;

    /// Longest piece, in bytes: one datagram of the greatest length, or as many as fit into that.
    const PIECE_MAX: usize = 65_535;

    /// See the module.
    pub(crate) enum Inbox {
        /// Many datagrams a call.
        Batched { buffers: Box<[[u8; BATCHED_MAX]]>, headers: MultiHeaders<()> },
        /// One piece a call, which may be many datagrams. (nix's headers for several pieces keep the lengths of the control
        /// buffers from the last call, so they cannot be reused when only some pieces have a control message.)
        Coalesced { buffer: Box<[u8]>, control: Vec<u8> },
    }

    impl Inbox {
        /// Creates an inbox for sockets to which single datagrams are sent.
        pub(crate) fn batched() -> Self {
            let headers = MultiHeaders::preallocate(BATCH, None);
            Self::Batched { buffers: vec![[0; BATCHED_MAX]; BATCH].into_boxed_slice(), headers }
        }

        /// Creates an inbox for sockets to which runs are sent.
        pub(crate) fn coalesced() -> Self {
            Self::Coalesced { buffer: vec![0; PIECE_MAX].into_boxed_slice(), control: cmsg_space!(i32) }
        }

        /// Asks the system to deliver runs in one piece, if this inbox wants that. Not every system can.
        pub(crate) fn prepare(&self, socket: &UdpSocket) {
            if matches!(self, Self::Coalesced { .. }) {
                let _ = setsockopt(socket, UdpGroSegment, &true);
            }
        }

        /// Receives once. Returns false when nothing is left.
        ///
        /// # Errors
        /// Returns the system's error, including those of earlier sends.
        pub(crate) fn receive(&mut self, socket: &UdpSocket, take: impl FnMut(&[u8])) -> io::Result<bool> {
            let received = match self {
                Self::Batched { buffers, headers } => receive_batch(socket, buffers, headers, take),
                Self::Coalesced { buffer, control } => receive_piece(socket, buffer, control, take),
            };
            match received {
                Ok(more) => Ok(more),
                Err(Errno::EAGAIN) => Ok(false),
                Err(Errno::EINTR) => Ok(true),
                Err(err) => Err(err.into()),
            }
        }
    }

    fn receive_batch(
        socket: &UdpSocket,
        buffers: &mut [[u8; BATCHED_MAX]],
        headers: &mut MultiHeaders<()>,
        mut take: impl FnMut(&[u8]),
    ) -> nix::Result<bool> {
        let mut buffers = buffers.iter_mut();
        let mut slices: [[IoSliceMut<'_>; 1]; BATCH] =
            std::array::from_fn(|_| [IoSliceMut::new(buffers.next().map_or(&mut [][..], |buffer| &mut buffer[..]))]);
        let datagrams = recvmmsg(socket.as_raw_fd(), headers, &mut slices, MsgFlags::empty(), None)?;
        let mut count = 0;
        for datagram in datagrams {
            count += 1;
            take(datagram.iovs().next().unwrap_or_default());
        }
        // Fewer than there was room for: the socket is empty, and the poll reports when it no longer is.
        Ok(count == BATCH)
    }

    #[allow(clippy::wildcard_enum_match_arm)] // the system's messages are not ours to list
    fn receive_piece(
        socket: &UdpSocket,
        buffer: &mut [u8],
        control: &mut [u8],
        mut take: impl FnMut(&[u8]),
    ) -> nix::Result<bool> {
        let mut slices = [IoSliceMut::new(buffer)];
        let piece = recvmsg::<()>(socket.as_raw_fd(), &mut slices, Some(control), MsgFlags::empty())?;
        let segment = piece.cmsgs()?.find_map(|control| match control {
            ControlMessageOwned::UdpGroSegments(len) => usize::try_from(len).ok(),
            _ => None,
        });
        let len = piece.bytes;
        let bytes = &buffer[..len];
        match segment.filter(|segment| (1..len).contains(segment)) {
            Some(segment) => bytes.chunks(segment).for_each(take),
            None => take(bytes),
        }
        Ok(true)
    }
}

#[cfg(any(not(target_os = "linux"), feature = "plain"))]
mod plain {
    use std::io;

    use mio::net::UdpSocket;

    /// See the module.
    pub(crate) struct Inbox {
        buffer: Box<[u8]>,
    }

    impl Inbox {
        pub(crate) fn batched() -> Self {
            Self { buffer: vec![0; 65_535].into_boxed_slice() }
        }

        pub(crate) fn coalesced() -> Self {
            Self::batched()
        }

        pub(crate) fn prepare(&self, _: &UdpSocket) {}

        /// Receives once. Returns false when nothing is left.
        ///
        /// # Errors
        /// Returns the system's error, including those of earlier sends.
        pub(crate) fn receive(&mut self, socket: &UdpSocket, mut take: impl FnMut(&[u8])) -> io::Result<bool> {
            match socket.recv(&mut self.buffer) {
                Ok(len) => take(&self.buffer[..len]),
                Err(err) if err.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(err) => return Err(err),
            }
            Ok(true)
        }
    }
}
