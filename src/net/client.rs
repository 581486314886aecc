//! The client's loop.
//!
//! Owns: the poll, the socket of the address that is tried, where lines come from.
//! Must not know: what a datagram means, what the user is told; `client` decides, a [`Ui`] tells.
//! Driven by: `cmd::join`, `cmd::send`.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use signal_hook_mio::v1_0::Signals;

use super::stdio::{Input, Line};
use super::{Clock, END_SIGNALS};
use crate::client::text::{Client, Config, Event, Unreachable};

const SIGNALS: Token = Token(0);
const INPUT: Token = Token(1);
const SOCKET: Token = Token(2);
/// What a [`Ui`] may register for itself.
pub const UI: Token = Token(3);

/// The longest datagram there is.
const RECEIVE_MAX: usize = 65_535;

/// Lines taken from the input before the rest has its turn.
const LINE_BUDGET: usize = 256;

/// The buffer that is asked for, in bytes. Chosen: some thousand lines wait there while the screen is slow.
const RECEIVE_BUFFER: usize = 1024 * 1024;

/// Datagrams received before the rest has its turn.
const RECEIVE_BUDGET: usize = 256;

/// What the user sees and what is done with the user's lines.
pub trait Ui {
    /// Something happened.
    ///
    /// # Errors
    /// If there is nobody left to tell: the loop ends with [`End::Quit`] for a broken pipe, else with the error.
    fn event(&mut self, client: &Client, event: Event) -> io::Result<()>;

    /// The user entered a line: say it, or do something else.
    fn line(&mut self, client: &mut Client, line: Line) -> Next;

    /// Called once a turn, and with [`UI`]'s readiness.
    ///
    /// # Errors
    /// As for [`Ui::event`].
    fn flush(&mut self, registry: &mio::Registry, ready: bool) -> io::Result<()>;
}

/// What a line of the user's means for the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Go on.
    Continue,
    /// As if the input had ended here.
    EndInput,
    /// Leave at once.
    Leave,
}

/// How the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Every line was said, and came back or was given up.
    Done,
    /// The user left.
    Quit,
    /// A signal.
    Interrupted,
    /// No address of the server answers.
    Over,
}

/// Where lines come from.
pub struct Source {
    /// Stdin, if lines are read from it.
    pub input: Option<Input>,
    /// At the end of input leave at once, and do not wait for lines to come back.
    pub leave_at_end: bool,
}

/// A client's loop, with its client.
pub struct ClientLoop {
    /// The client.
    pub client: Client,
    poll: Poll,
    signals: Signals,
    clock: Clock,
    source: Source,
    socket: Option<(SocketAddr, UdpSocket)>,
    readable: bool,
    writable: bool,
    ui_ready: bool,
    buffer: Box<[u8]>,
}

impl ClientLoop {
    /// A client that begins to sign up.
    ///
    /// # Errors
    /// The system's.
    pub fn new(config: Config, mut source: Source) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut signals = Signals::new(END_SIGNALS)?;
        poll.registry().register(&mut signals, SIGNALS, Interest::READABLE)?;
        if let Some(input) = &mut source.input {
            input.register(poll.registry(), INPUT)?;
        }
        let clock = Clock::start();
        Ok(Self {
            client: Client::new(clock.now(), config),
            poll,
            signals,
            clock,
            source,
            socket: None,
            readable: false,
            writable: true,
            ui_ready: false,
            buffer: vec![0; RECEIVE_MAX].into_boxed_slice(),
        })
    }

    /// Whether all the input was taken, if there was any.
    pub const fn input_has_ended(&self) -> bool {
        self.source.input.is_none()
    }

    /// There will be no more lines than those the client has.
    pub fn finish(&mut self) {
        self.client.finish(self.clock.now());
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// The system's, if it is not about the server.
    pub fn run(&mut self, ui: &mut impl Ui) -> io::Result<End> {
        let mut events = Events::with_capacity(16);
        loop {
            let end = match self.turn(ui) {
                Err(err) if err.kind() == io::ErrorKind::BrokenPipe => Some(End::Quit),
                end => end?,
            };
            if let Some(end) = end {
                return Ok(end);
            }
            match self.poll.poll(&mut events, self.timeout()) {
                Err(err) if err.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            for event in &events {
                match event.token() {
                    SIGNALS if self.signals.pending().next().is_some() => {
                        return Ok(End::Interrupted);
                    }
                    INPUT => self.source.input.iter_mut().for_each(Input::set_ready),
                    UI => self.ui_ready = true,
                    _ => {
                        self.readable |= event.is_readable() || event.is_error();
                        self.writable |= event.is_writable();
                    }
                }
            }
        }
    }

    fn timeout(&self) -> Option<Duration> {
        let takes = self.client.wants_lines() || self.source.leave_at_end;
        let takes_input = takes && self.source.input.as_ref().is_some_and(Input::has_more);
        if self.readable || takes_input {
            return Some(Duration::ZERO);
        }
        self.client.poll_timeout().map(|at| at.saturating_since(self.clock.now()))
    }

    fn turn(&mut self, ui: &mut impl Ui) -> io::Result<Option<End>> {
        let ready = std::mem::take(&mut self.ui_ready);
        self.receive();
        let now = self.clock.now();
        if self.client.poll_timeout().is_some_and(|at| at <= now) {
            self.client.handle_timeout(now);
        }
        let mut end = self.read(ui)?;
        self.send()?;
        while let Some(event) = self.client.poll_event() {
            if event == Event::Over {
                end = Some(End::Over);
            } else {
                ui.event(&self.client, event)?;
            }
        }
        ui.flush(self.poll.registry(), ready)?;
        if end.is_none() && self.client.is_done() {
            end = Some(End::Done);
        }
        Ok(end)
    }

    fn read(&mut self, ui: &mut impl Ui) -> io::Result<Option<End>> {
        let Some(input) = &mut self.source.input else { return Ok(None) };
        // Somebody who can leave is always listened to.
        for _ in 0..LINE_BUDGET {
            if !self.client.wants_lines() && !self.source.leave_at_end {
                break;
            }
            let next = match input.next_line() {
                Some(line) => ui.line(&mut self.client, line),
                None if input.is_ready() => {
                    input.fill(Some((self.poll.registry(), INPUT)))?;
                    continue;
                }
                None if input.is_ended() => Next::EndInput,
                None => return Ok(None),
            };
            match next {
                Next::Continue => {}
                Next::EndInput if !self.source.leave_at_end => {
                    self.client.finish(self.clock.now());
                    self.source.input = None;
                    return Ok(None);
                }
                Next::EndInput | Next::Leave => {
                    // What was said before goes out before we leave.
                    self.send()?;
                    return Ok(Some(End::Quit));
                }
            }
        }
        Ok(None)
    }

    fn receive(&mut self) {
        let mut budget = RECEIVE_BUDGET;
        while self.readable && budget > 0 {
            let Some((server, socket)) = &self.socket else { break };
            budget -= 1;
            match socket.recv(&mut self.buffer) {
                Ok(len) => self.client.handle_datagram(self.clock.now(), *server, &self.buffer[..len]),
                Err(err) if err.kind() == io::ErrorKind::WouldBlock => self.readable = false,
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(err) => self.unreachable(&err),
            }
        }
    }

    /// Sends all that the client has to say and the socket takes.
    fn send(&mut self) -> io::Result<()> {
        while let Some(bytes) = self.client.poll_transmit() {
            let server = self.client.server();
            let socket = match &self.socket {
                Some((address, socket)) if *address == server => socket,
                _ => match open(server) {
                    Ok(mut socket) => {
                        self.poll.registry().register(&mut socket, SOCKET, Interest::READABLE | Interest::WRITABLE)?;
                        (self.readable, self.writable) = (true, true);
                        &self.socket.insert((server, socket)).1
                    }
                    Err(err) => {
                        self.unreachable(&err);
                        continue;
                    }
                },
            };
            if !self.writable {
                break;
            }
            match socket.send(bytes) {
                Ok(_) => self.client.transmitted(self.clock.now()),
                Err(err) if err.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(err) => self.unreachable(&err),
            }
        }
        Ok(())
    }

    /// Tells the client what the system says of the server: whatever it is, nothing gets there.
    fn unreachable(&mut self, err: &io::Error) {
        let why =
            if err.kind() == io::ErrorKind::ConnectionRefused { Unreachable::Refused } else { Unreachable::NoRoute };
        log::debug!("{}: {err}", self.client.server());
        self.client.handle_unreachable(self.clock.now(), why);
    }
}

/// A socket that takes datagrams from `server` only, and is told when nothing listens there.
pub(super) fn open(server: SocketAddr) -> io::Result<UdpSocket> {
    let any = match server {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(any)?;
    // What is not granted is not needed: it is for bursts of others while we are busy.
    let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER);
    socket.connect(server)?;
    Ok(socket)
}
