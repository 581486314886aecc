//! The client's loop.
//!
//! Owns: the poll, the socket of the address that is tried, where lines come from.
//! Must not know: what a datagram means, what the user is told; `client` decides, a [`Ui`] tells.
//! Driven by: `cmd::join`, `cmd::send`, `cmd::ping`.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use signal_hook_mio::v1_0::Signals;

use super::stdio::{Input, Line};
use super::udp::{Inbox, set_fragments};
use super::{Clock, END_SIGNALS};
use crate::client::{Client, Config, Dialect, Event, Over, Unreachable};
use crate::time::Instant;

const SIGNALS: Token = Token(0);
const INPUT: Token = Token(1);
const SOCKET: Token = Token(2);
/// What a [`Ui`] may register for itself.
pub const UI: Token = Token(3);

/// Lines taken from the input before the rest has its turn.
const LINE_BUDGET: usize = 256;

/// The buffer that is asked for, in bytes. Chosen: some thousand lines wait there while the screen is slow.
const RECEIVE_BUFFER: usize = 1024 * 1024;

/// Entries shown before the rest has its turn.
const ENTRY_BUDGET: usize = 1024;

/// How often is received before the rest has its turn, each time many datagrams.
const RECEIVE_BUDGET: usize = 16;

/// How long a client that leaves waits for something to become of the lines that are under way, if its timeout is not
/// shorter. Chosen: a person waits for that without wondering.
const LINGER: Duration = Duration::from_secs(2);

/// How long saying goodbye may take. Chosen: three round trips of any usual path.
const GOODBYE: Duration = Duration::from_secs(1);

/// After so long without a word from a server that owes one the socket is opened anew: the address that it was opened with
/// may not be ours any more. Chosen: as mosh does.
const REOPEN_AFTER: Duration = Duration::from_secs(10);

/// What the user sees and what is done with the user's lines.
pub trait Ui {
    /// Something happened.
    ///
    /// # Errors
    /// If there is nobody left to tell: the loop ends with [`End::Quit`] for a broken pipe, else with the error.
    fn event(&mut self, now: Instant, client: &Client, event: Event) -> io::Result<()>;

    /// The user entered a line: say it, or do something else.
    fn line(&mut self, now: Instant, client: &mut Client, line: Line) -> Next;

    /// Whether it takes more of what is said in the room.
    fn takes_entries(&self) -> bool {
        true
    }

    /// Time has passed; returns when it is to be called again, if ever.
    fn tick(&mut self, now: Instant, client: &mut Client) -> Ticked {
        let _ = (now, client);
        Ticked::Never
    }

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

/// What a [`Ui`] wants of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ticked {
    /// Nothing.
    Never,
    /// To be called again at that time.
    At(Instant),
    /// That the loop ends: it is done.
    Done,
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
    /// Nothing more will happen, and why.
    Over(Over),
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
    ui_ticks: Option<Instant>,
    /// The user left, and until when something may become of what was said.
    lingers: Option<Instant>,
    /// When the socket was opened, and whether the next datagram is to go through another one.
    opened: Instant,
    is_stale: bool,
    /// Datagrams may be cut on their way.
    fragments: bool,
    is_gone: bool,
    inbox: Inbox,
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
        let fragments = config.identity.is_none();
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
            ui_ticks: None,
            lingers: None,
            opened: Instant::ZERO,
            is_stale: false,
            fragments,
            is_gone: false,
            inbox: Inbox::coalesced(),
        })
    }

    /// Whether all the input was taken, if there was any.
    pub const fn input_has_ended(&self) -> bool {
        self.source.input.is_none()
    }

    /// The time, as the client is told it.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// There will be no more lines than those the client has.
    pub fn finish(&mut self) {
        self.client.finish(self.clock.now());
    }

    /// Runs to the end, and says goodbye.
    ///
    /// # Errors
    /// The system's, if it is not about the server.
    pub fn run(&mut self, ui: &mut impl Ui) -> io::Result<End> {
        let end = self.talk(ui);
        self.part()?;
        end
    }

    fn talk(&mut self, ui: &mut impl Ui) -> io::Result<End> {
        let mut events = Events::with_capacity(16);
        loop {
            let end = match self.turn(ui) {
                Err(err) if err.kind() == io::ErrorKind::BrokenPipe => Some(End::Quit),
                end => end?,
            };
            if let Some(end) = end {
                return Ok(end);
            }
            if self.wait(&mut events, self.timeout(ui))? {
                return Ok(End::Interrupted);
            }
        }
    }

    /// Waits for something to happen. True if that is a signal.
    fn wait(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<bool> {
        match self.poll.poll(events, timeout) {
            Err(err) if err.kind() == io::ErrorKind::Interrupted => return Ok(false),
            polled => polled?,
        }
        let mut interrupted = false;
        for event in &*events {
            match event.token() {
                SIGNALS => interrupted |= self.signals.pending().next().is_some(),
                INPUT => self.source.input.iter_mut().for_each(Input::set_ready),
                UI => self.ui_ready = true,
                _ => {
                    self.readable |= event.is_readable() || event.is_error();
                    self.writable |= event.is_writable();
                }
            }
        }
        Ok(interrupted)
    }

    fn timeout(&self, ui: &impl Ui) -> Option<Duration> {
        let takes = self.client.wants_lines() || self.source.leave_at_end;
        let takes_input = takes && self.lingers.is_none() && self.source.input.as_ref().is_some_and(Input::has_more);
        let takes_entries = ui.takes_entries() || self.client.is_text();
        if self.readable || takes_input || (takes_entries && self.client.has_entries()) {
            return Some(Duration::ZERO);
        }
        let deadlines = [self.client.poll_timeout(), self.ui_ticks, self.lingers];
        deadlines.into_iter().flatten().min().map(|at| at.saturating_since(self.clock.now()))
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
        let mut over = None;
        while let Some(event) = self.client.poll_event() {
            if let Event::Over(why) = event {
                over = Some(End::Over(why));
                continue;
            }
            if event == Event::Joined(Dialect::Text) {
                self.allow_fragments();
            }
            ui.event(now, &self.client, event)?;
        }
        for _ in 0..ENTRY_BUDGET {
            // Nothing stops what comes in text.
            let takes = ui.takes_entries() || self.client.is_text();
            let Some(entry) = takes.then(|| self.client.poll_entry()).flatten() else { break };
            ui.event(now, &self.client, entry)?;
        }
        let ticked = ui.tick(now, &mut self.client);
        self.ui_ticks = if let Ticked::At(at) = ticked { Some(at) } else { None };
        self.send()?;
        ui.flush(self.poll.registry(), ready)?;
        end = over.or(end);
        if end.is_none() && (ticked == Ticked::Done || self.client.is_done()) && !self.client.has_entries() {
            end = Some(if self.lingers.is_some() { End::Quit } else { End::Done });
        }
        Ok(end.or_else(|| self.lingers.filter(|&until| until <= now).map(|_| End::Quit)))
    }

    fn read(&mut self, ui: &mut impl Ui) -> io::Result<Option<End>> {
        let Some(input) = self.source.input.as_mut().filter(|_| self.lingers.is_none()) else { return Ok(None) };
        // Somebody who can leave is always listened to.
        for _ in 0..LINE_BUDGET {
            if !self.client.wants_lines() && !self.source.leave_at_end {
                break;
            }
            let now = self.clock.now();
            let next = match input.next_line() {
                Some(line) => ui.line(now, &mut self.client, line),
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
                    self.client.finish(now);
                    self.source.input = None;
                    return Ok(None);
                }
                Next::EndInput | Next::Leave => {
                    // What was said before goes out before we leave.
                    self.send()?;
                    if self.client.is_text() || !self.client.is_here() || self.client.outstanding() == 0 {
                        return Ok(Some(End::Quit));
                    }
                    self.client.finish(now);
                    self.lingers = Some(now + LINGER.min(self.client.timeout()));
                    return Ok(None);
                }
            }
        }
        Ok(None)
    }

    /// Says goodbye, as far as the dialect has a word for it.
    fn part(&mut self) -> io::Result<()> {
        self.is_gone = true;
        let mut events = Events::with_capacity(16);
        let until = self.clock.now() + GOODBYE;
        self.client.leave(self.clock.now());
        loop {
            self.send()?;
            let now = self.clock.now();
            if self.client.is_gone() || now >= until {
                return Ok(());
            }
            let next = self.client.poll_timeout().into_iter().fold(until, Instant::min);
            self.wait(&mut events, Some(next.saturating_since(now)))?;
            self.receive();
            self.client.handle_timeout(self.clock.now());
        }
    }

    fn receive(&mut self) {
        let mut budget = RECEIVE_BUDGET;
        while self.readable && budget > 0 {
            let Some((server, socket)) = &self.socket else { break };
            budget -= 1;
            let (client, clock) = (&mut self.client, self.clock);
            match self.inbox.receive(socket, |bytes| client.handle_datagram(clock.now(), *server, bytes)) {
                Ok(more) => self.readable = more,
                Err(err) => self.unreachable(&err),
            }
        }
    }

    /// Sends all that the client has to say and the socket takes.
    fn send(&mut self) -> io::Result<()> {
        while self.client.poll_transmit().is_some() {
            let (server, now) = (self.client.server(), self.clock.now());
            let hears_nothing =
                self.client.unanswered().is_some_and(|since| since.max(self.opened) + REOPEN_AFTER <= now);
            let is_elsewhere = self.socket.as_ref().is_none_or(|&(address, _)| address != server);
            if (hears_nothing || self.is_stale || is_elsewhere)
                && let Err(err) = self.open(server)
            {
                self.give_up_datagram(&err);
                continue;
            }
            let Some((_, socket)) = self.socket.as_ref().filter(|_| self.writable) else { break };
            let Some(bytes) = self.client.poll_transmit() else { break };
            match socket.send(bytes) {
                Ok(_) => self.client.transmitted(now),
                Err(err) if err.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(err) => self.give_up_datagram(&err),
            }
        }
        Ok(())
    }

    fn open(&mut self, server: SocketAddr) -> io::Result<()> {
        let mut socket = open(server)?;
        if !self.fragments {
            set_fragments(&socket, server, false);
        }
        self.inbox.prepare(&socket);
        self.poll.registry().register(&mut socket, SOCKET, Interest::READABLE | Interest::WRITABLE)?;
        (self.readable, self.writable, self.is_stale) = (true, true, false);
        (self.socket, self.opened) = (Some((server, socket)), self.clock.now());
        Ok(())
    }

    /// Text has lines that may be longer than some ways take in one piece.
    fn allow_fragments(&mut self) {
        self.fragments = true;
        if let Some((server, socket)) = &self.socket {
            set_fragments(socket, *server, true);
        }
    }

    /// The system does not take what the client has to say.
    fn give_up_datagram(&mut self, err: &io::Error) {
        if !self.client.is_text() {
            // It is lost, as others are on their way; a text line waits until the server is back.
            self.client.transmitted(self.clock.now());
        }
        self.unreachable(err);
    }

    /// Tells the client what the system says of the server: whatever it is, nothing gets there.
    fn unreachable(&mut self, err: &io::Error) {
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
        self.client.handle_unreachable(self.clock.now(), why);
    }
}

impl Drop for ClientLoop {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.is_gone {
            // The others are told all the same, if what broke is not just that.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.part()));
        }
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
