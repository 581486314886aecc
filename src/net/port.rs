//! A client's port: its socket and its core.
//!
//! Owns: the socket for the address that is tried, reopened when that helps; what comes in and goes out.
//! Must not know: what a datagram means, what the user is told, which loop polls: a loop has one of these, or many.
//! Driven by: a loop (`client`), which reports what is ready and shares the buffers of its [`Inbox`].

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};

use super::Clock;
use super::udp::{Inbox, set_fragments};
use crate::client::{Client, Config, Unreachable};
use crate::time::Instant;

/// Size requested of the buffer, in bytes. Chosen: some thousand lines wait there while the screen is slow.
const RECEIVE_BUFFER: usize = 1024 * 1024;

/// Receive calls, each for many datagrams, before the rest has its turn.
const RECEIVE_BUDGET: usize = 16;

/// How long a server may leave something unanswered before the socket is reopened: the address that it was opened with may not
/// be ours any more. Chosen: as mosh does.
const REOPEN_AFTER: Duration = Duration::from_secs(10);

/// See the module.
pub struct ClientPort {
    /// The client.
    pub client: Client,
    /// The poll's name for the socket.
    token: Token,
    socket: Option<(SocketAddr, UdpSocket)>,
    readable: bool,
    writable: bool,
    /// When the socket was opened, and whether the next datagram needs another one.
    opened: Instant,
    is_stale: bool,
    /// Whether datagrams may be fragmented.
    fragments: bool,
}

impl ClientPort {
    /// Creates a client that begins to look for its server; the poll calls its socket `token`.
    pub fn new(now: Instant, config: Config, token: Token) -> Self {
        let fragments = config.identity.is_none();
        Self {
            client: Client::new(now, config),
            token,
            socket: None,
            readable: false,
            writable: true,
            opened: Instant::ZERO,
            is_stale: false,
            fragments,
        }
    }

    /// Records what the poll reports about the socket.
    pub fn set_ready(&mut self, event: &mio::event::Event) {
        self.readable |= event.is_readable() || event.is_error();
        self.writable |= event.is_writable();
    }

    /// Returns whether there is something to receive.
    pub const fn is_readable(&self) -> bool {
        self.readable
    }

    /// Receives what has come, within a budget.
    pub(super) fn receive(&mut self, clock: Clock, inbox: &mut Inbox) {
        let mut budget = RECEIVE_BUDGET;
        while self.readable && budget > 0 {
            let Some((server, socket)) = &self.socket else { break };
            budget -= 1;
            let client = &mut self.client;
            match inbox.receive(socket, |bytes| client.handle_datagram(clock.now(), *server, bytes)) {
                Ok(more) => self.readable = more,
                Err(err) => self.unreachable(clock, &err),
            }
        }
    }

    /// Sends everything that the client has to send and the socket takes.
    ///
    /// # Errors
    /// Returns the system's error, if it does not concern the server.
    pub(super) fn send(&mut self, clock: Clock, registry: &Registry, inbox: &Inbox) -> io::Result<()> {
        while self.client.poll_transmit().is_some() {
            let (server, now) = (self.client.server(), clock.now());
            let hears_nothing =
                self.client.unanswered().is_some_and(|since| since.max(self.opened) + REOPEN_AFTER <= now);
            let is_elsewhere = self.socket.as_ref().is_none_or(|&(address, _)| address != server);
            if (hears_nothing || self.is_stale || is_elsewhere)
                && let Err(err) = self.open(clock, server, registry, inbox)
            {
                self.give_up_datagram(clock, &err);
                continue;
            }
            let Some((_, socket)) = self.socket.as_ref().filter(|_| self.writable) else { break };
            let Some(bytes) = self.client.poll_transmit() else { break };
            match socket.send(bytes) {
                Ok(_) => self.client.transmitted(now),
                Err(err) if err.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(err) => self.give_up_datagram(clock, &err),
            }
        }
        Ok(())
    }

    fn open(&mut self, clock: Clock, server: SocketAddr, registry: &Registry, inbox: &Inbox) -> io::Result<()> {
        let mut socket = open(server)?;
        if !self.fragments {
            set_fragments(&socket, server, false);
        }
        inbox.prepare(&socket);
        registry.register(&mut socket, self.token, Interest::READABLE | Interest::WRITABLE)?;
        self.readable = true;
        self.writable = true;
        self.is_stale = false;
        self.socket = Some((server, socket));
        self.opened = clock.now();
        Ok(())
    }

    /// Allows fragments: text lines may be longer than some paths carry in one piece.
    pub fn allow_fragments(&mut self) {
        self.fragments = true;
        if let Some((server, socket)) = &self.socket {
            set_fragments(socket, *server, true);
        }
    }

    /// Handles a datagram that the system does not send.
    fn give_up_datagram(&mut self, clock: Clock, err: &io::Error) {
        if !self.client.is_text() {
            // The datagram is lost, like others on the path; a text line waits until the server is back.
            self.client.transmitted(clock.now());
        }
        self.unreachable(clock, err);
    }

    /// Tells the client what the system reports of the server: in every case, nothing gets there.
    fn unreachable(&mut self, clock: Clock, err: &io::Error) {
        let why = if err.kind() == io::ErrorKind::ConnectionRefused {
            Unreachable::Refused
        } else if err.raw_os_error() == Some(nix::libc::EMSGSIZE) {
            Unreachable::TooLong
        } else {
            Unreachable::NoRoute
        };
        log::debug!("{}: {err}", self.client.server());
        if why == Unreachable::NoRoute {
            // The address that the socket was opened with may not be ours any more.
            self.is_stale = !self.client.is_text();
        }
        self.client.handle_unreachable(clock.now(), why);
    }
}

/// Opens a socket that accepts datagrams from `server` only, and is told when nothing listens there.
pub(super) fn open(server: SocketAddr) -> io::Result<UdpSocket> {
    let any = match server {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(any)?;
    // A smaller buffer will do: it is for bursts that come while we are busy.
    let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER);
    socket.connect(server)?;
    Ok(socket)
}
