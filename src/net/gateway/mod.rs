//! The page's loop: one listener, a connection for each request and each tab, a client for each tab.
//!
//! Owns: the poll, which connection has its turn when, how many there may be, the end.
//! Must not know: which requests are answered (`web::gate`), what a tab says or is told (the [`Host`]'s part).
//! Driven by: `cmd::web`.
//!
//! ```text
//!   accept -> asking -> answering -> gone             a request for a file, or one that is refused
//!                   \-> tab: waiting -> in the room -> closing -> gone
//!                                        \-> lingering -> parting -> gone     the tab is gone: a reload comes back soon
//! ```

mod connection;
pub mod opener;
pub mod token;
mod visitor;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Registry, Token};
use signal_hook_mio::v1_0::Signals;
use slab::Slab;

use super::client::{Driver, End, Next};
use super::load::raise_file_limit;
use super::udp::Inbox;
use super::{Clock, END_SIGNALS};
use crate::client::{Client, Config};
use crate::time::Instant;
use crate::web::gate::Gate;
use crate::web::socket::Why;
use crate::wire::Instance;
use connection::Connection;

const SIGNALS: Token = Token(0);
const LISTENER: Token = Token(1);
/// The first token of a connection: each has two, for its stream and for its client's socket.
const FIRST: usize = 2;

/// Most connections. Chosen: far more tabs than anybody has open, and the requests of a few that load.
const CONNECTIONS_MAX: usize = 512;

/// Connections accepted before the others have their turn.
const ACCEPT_BUDGET: usize = 16;

/// How long to wait before the next try if the system has no place for another connection.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Most clients whose tab is gone. Chosen: a server lets in eight of a key, and tabs that are there come first.
const LINGERING_MAX: usize = 2;

/// How long the end may take.
const END_WITHIN: Duration = Duration::from_secs(1);

/// What the gateway needs to know of tabs.
pub trait Host {
    /// Makes a client for a tab, which has said this first.
    ///
    /// # Errors
    /// It cannot be; the objects that tell the tab why.
    fn open(&mut self, first: &str) -> Result<Opened, Vec<Vec<u8>>>;
}

/// A tab that comes in.
pub struct Opened {
    /// Which tab it is: no other connection may be it.
    pub instance: Instance,
    /// The client's settings.
    pub config: Config,
    /// Its driver.
    pub tab: Box<dyn Tab>,
}

/// A driver whose user is a tab.
pub trait Tab: Driver {
    /// Takes an object that the tab has sent.
    fn hear(&mut self, now: Instant, client: &mut Client, object: &str) -> Next;

    /// Returns the next object for the tab.
    fn pop(&mut self) -> Option<Vec<u8>>;

    /// Tells the tab that its client has ended.
    fn conclude(&mut self, client: &Client, end: End);
}

/// What all connections share.
struct Shared<'a> {
    clock: Clock,
    registry: Registry,
    inbox: Inbox,
    gate: Gate,
    host: &'a mut dyn Host,
}

/// See the module.
pub struct Gateway<'a> {
    poll: Poll,
    listener: TcpListener,
    signals: Signals,
    shared: Shared<'a>,
    connections: Slab<Connection>,
    /// When to look at each connection; an entry is stale if the connection is not armed for that time any more.
    timers: BinaryHeap<Reverse<(Instant, usize)>>,
    /// Connections that have their turn.
    work: BTreeSet<usize>,
    accepts: bool,
    accepts_again: Option<Instant>,
}

impl<'a> Gateway<'a> {
    /// Creates a gateway at a listener.
    ///
    /// # Errors
    /// Returns the system's error.
    pub fn new(listener: std::net::TcpListener, gate: Gate, host: &'a mut dyn Host) -> io::Result<Self> {
        if let Err(why) = raise_file_limit(2 * CONNECTIONS_MAX) {
            log::info!("{why}");
        }
        let poll = Poll::new()?;
        listener.set_nonblocking(true)?;
        let mut listener = TcpListener::from_std(listener);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let mut signals = Signals::new(END_SIGNALS)?;
        poll.registry().register(&mut signals, SIGNALS, Interest::READABLE)?;
        let registry = poll.registry().try_clone()?;
        Ok(Self {
            poll,
            listener,
            signals,
            shared: Shared { clock: Clock::start(), registry, inbox: Inbox::coalesced(), gate, host },
            connections: Slab::new(),
            timers: BinaryHeap::new(),
            work: BTreeSet::new(),
            accepts: true,
            accepts_again: None,
        })
    }

    /// Runs until a signal comes, and says goodbye for each tab.
    ///
    /// # Errors
    /// Returns the system's error, if it does not concern a connection.
    pub fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(256);
        loop {
            let is_over = self.wait(&mut events, None)?;
            if is_over {
                return self.end(&mut events);
            }
            self.accept();
            self.take_turns();
        }
    }

    /// Waits for something to happen. Returns true if that is a signal.
    fn wait(&mut self, events: &mut Events, until: Option<Instant>) -> io::Result<bool> {
        let now = self.shared.clock.now();
        let timer = self.timers.peek().map(|&Reverse((at, _))| at);
        let next = [timer, self.accepts_again, until].into_iter().flatten().min();
        let busy = !self.work.is_empty() || (self.accepts && self.accepts_again.is_none());
        let timeout = if busy { Some(Duration::ZERO) } else { next.map(|at| at.saturating_since(now)) };
        match self.poll.poll(events, timeout) {
            Err(err) if err.kind() == io::ErrorKind::Interrupted => return Ok(false),
            polled => polled?,
        }
        let mut is_over = false;
        for event in &*events {
            match event.token() {
                SIGNALS => is_over |= self.signals.pending().next().is_some(),
                LISTENER => self.accepts = true,
                Token(token) => {
                    let index = (token - FIRST) / 2;
                    if let Some(connection) = self.connections.get_mut(index) {
                        connection.set_ready(event, (token - FIRST).is_multiple_of(2));
                        self.work.insert(index);
                    }
                }
            }
        }
        let now = self.shared.clock.now();
        self.accepts_again.take_if(|at| *at <= now);
        while let Some(&Reverse((at, index))) = self.timers.peek().filter(|&&Reverse((at, _))| at <= now) {
            self.timers.pop();
            if let Some(connection) = self.connections.get_mut(index)
                && connection.armed.take_if(|armed| *armed == at).is_some()
            {
                self.work.insert(index);
            }
        }
        Ok(is_over)
    }

    fn accept(&mut self) {
        for _ in 0..ACCEPT_BUDGET {
            if !self.accepts || self.accepts_again.is_some() {
                return;
            }
            match self.listener.accept() {
                Ok((stream, from)) => self.take(stream, from),
                Err(err) if err.kind() == io::ErrorKind::WouldBlock => self.accepts = false,
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(err) => {
                    log::warn!("cannot accept another connection: {err}");
                    self.accepts_again = Some(self.shared.clock.now() + ACCEPT_AGAIN);
                }
            }
        }
    }

    fn take(&mut self, stream: mio::net::TcpStream, from: SocketAddr) {
        log::debug!("a connection from {from}");
        if self.connections.len() >= CONNECTIONS_MAX {
            self.drop_one();
        }
        let is_full = self.connections.len() >= CONNECTIONS_MAX;
        let entry = self.connections.vacant_entry();
        let index = entry.key();
        if is_full && index > 2 * CONNECTIONS_MAX {
            // Not even a place for saying so.
            return;
        }
        let token = Token(FIRST + 2 * index);
        match Connection::accept(stream, token, &self.shared, is_full) {
            Ok(connection) => {
                entry.insert(connection);
                self.work.insert(index);
            }
            Err(err) => log::debug!("{from}: {err}"),
        }
    }

    /// Drops the oldest connection that is no tab: whoever opens many keeps nobody out who asks at once.
    fn drop_one(&mut self) {
        let others = self.connections.iter().filter_map(|(index, one)| Some((one.is_no_tab_until()?, index)));
        if let Some((_, index)) = others.min() {
            self.connections.remove(index);
        }
    }

    fn take_turns(&mut self) {
        for index in std::mem::take(&mut self.work) {
            let Some(connection) = self.connections.get_mut(index) else { continue };
            let token = Token(FIRST + 2 * index + 1);
            let is_new = connection.turn(&mut self.shared, token);
            if connection.is_gone() {
                self.connections.remove(index);
                continue;
            }
            if connection.has_more() {
                self.work.insert(index);
            }
            if let Some(at) = connection.poll_timeout()
                && connection.armed.is_none_or(|armed| at < armed)
            {
                connection.armed = Some(at);
                self.timers.push(Reverse((at, index)));
            }
            if is_new {
                self.replace(index);
                self.make_place();
            }
        }
    }

    /// Has the clients leave whose tabs have been gone for longest, if there are too many.
    fn make_place(&mut self) {
        let lingering = self.connections.iter().filter_map(|(index, connection)| Some((connection.lingers()?, index)));
        let mut lingering: Vec<_> = lingering.collect();
        lingering.sort_unstable();
        let now = self.shared.clock.now();
        for &(_, index) in lingering.iter().rev().skip(LINGERING_MAX) {
            self.connections[index].end(now, Why::Done);
            self.work.insert(index);
        }
    }

    /// Ends the other connection of a tab that has come in again.
    fn replace(&mut self, index: usize) {
        let Some(instance) = self.connections.get(index).and_then(Connection::instance) else { return };
        for (other, connection) in &mut self.connections {
            if other != index && connection.instance() == Some(instance) {
                connection.replace(self.shared.clock.now());
                self.work.insert(other);
            }
        }
    }

    /// Closes each connection, and says goodbye for each tab.
    fn end(&mut self, events: &mut Events) -> io::Result<()> {
        let until = self.shared.clock.now() + END_WITHIN;
        self.accepts_again = Some(until);
        for (index, connection) in &mut self.connections {
            connection.end(self.shared.clock.now(), Why::GoingAway);
            self.work.insert(index);
        }
        loop {
            self.take_turns();
            if self.connections.is_empty() || self.shared.clock.now() >= until {
                return Ok(());
            }
            self.wait(events, Some(until))?;
        }
    }
}

impl Drop for Gateway<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The others are told all the same, unless that is what panicked.
            let end = || self.end(&mut Events::with_capacity(256));
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(end));
        }
    }
}
