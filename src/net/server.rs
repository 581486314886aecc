//! The server's loop.
//!
//! Owns: the poll, which sockets are ready, how much is done before the rest has its turn.
//! Must not know: what a datagram means; the room decides, the loop carries out.
//! Driven by: `cmd::serve`.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::{Events, Interest, Poll, Token};
use signal_hook::consts::{SIGUSR1, SIGXFSZ};
use signal_hook_mio::v1_0::Signals;

use super::members::MembersFile;
use super::refused::RefusedFile;
use super::stdio::Output;
use super::udp::{ServerSocket, Then};
use super::{Clock, END_SIGNALS, wall};
use crate::log::{Store, Waker};
use crate::server::{self, Config, Path, Server, SocketId};
use crate::time::Instant;
use crate::ui::room;

/// Datagrams received from one socket before the others have their turn. Chosen: several times what a run of the log holds, few
/// enough that sending goes on.
const RECEIVE_BUDGET: usize = 256;

/// Datagrams handed to one socket, some more if they are in runs, before the loop checks for input. Chosen: few. The check
/// costs a fraction of sending them, and data that has come in meanwhile goes into the packets of members whose turn is still
/// to come, instead of into packets of its own.
const SEND_BUDGET: u64 = 16;

/// The same while handshakes wait: these take up so much of each turn that talkers would wait for a crowd that joins.
const SEND_BUDGET_OF_A_CROWD: u64 = 128;

/// Turns with more to do that try the sockets without asking the poll first. Chosen: receiving in vain costs less than asking,
/// and signals and the like wait for only some hundred microseconds.
const UNPOLLED_MAX: u32 = 8;

/// Time between two warnings of the same kind. Chosen: a flood of datagrams must not flood the log.
const WARN_PAUSE: Duration = Duration::from_secs(1);

/// How long telling all members that the server ends may take. Chosen: a person who stops a server waits that long.
const GOODBYE: Duration = Duration::from_secs(1);

/// How often the members' addresses are stored while they change. Chosen: a member newer than that comes back by itself.
const KEEP_MEMBERS: Duration = Duration::from_secs(1);

/// The same while they do not change: a file that was not written for a long time is not trusted.
const KEEP_SAME: Duration = Duration::from_secs(60);

const SIGNALS: Token = Token(0);
const OUTPUT: Token = Token(1);
const LOG: Token = Token(2);
const SOCKETS: usize = 3;

struct Port {
    socket: ServerSocket,
    readable: bool,
    writable: bool,
}

/// A server that is bound and ready to run.
pub struct ServerLoop<S: Store> {
    poll: Poll,
    signals: Signals,
    clock: Clock,
    ports: Vec<Port>,
    server: Server,
    log: S,
    /// The transcript, if there is one.
    output: Option<Output>,
    /// When lines left out of the transcript were last reported, and how many have been left out since.
    left_out: (Instant, u64),
    /// When the store needs maintenance next, if nothing else happens.
    maintain: Option<Instant>,
    /// Where the next server reads which key's datagram broke this one.
    refused: Option<RefusedFile>,
    /// Where the next server reads the members' addresses; when that was last written, and the number of moves by then.
    members: Option<MembersFile>,
    kept: (Instant, u64),
    has_parted: bool,
}

impl<S: Store> ServerLoop<S> {
    /// Creates a server from bound sockets and the log that `open` opens. The log calls the waker when it has something to
    /// report without having been asked.
    ///
    /// # Errors
    /// Returns the system's error, or that of `open`.
    pub fn new<E: From<io::Error>>(
        config: Config,
        sockets: Vec<ServerSocket>,
        output: Option<Output>,
        open: impl FnOnce(Waker) -> Result<S, E>,
    ) -> Result<Self, E> {
        let poll = Poll::new()?;
        let mut signals = Signals::new(END_SIGNALS.into_iter().chain([SIGUSR1, SIGXFSZ]))?;
        poll.registry().register(&mut signals, SIGNALS, Interest::READABLE)?;
        let mut ports = Vec::with_capacity(sockets.len());
        for mut socket in sockets {
            poll.registry().register(socket.source(), Token(SOCKETS + ports.len()), Interest::READABLE)?;
            ports.push(Port { socket, readable: true, writable: true });
        }
        let waker = mio::Waker::new(poll.registry(), LOG)?;
        let mut log = open(Waker::new(move || {
            if let Err(err) = waker.wake() {
                log::warn!("cannot wake the loop for the log: {err}");
            }
        }))?;
        let clock = Clock::start();
        let server = Server::new(clock.now(), config, ports.len(), log.open());
        let mut this = Self {
            poll,
            signals,
            clock,
            ports,
            server,
            log,
            output,
            left_out: (Instant::ZERO, 0),
            maintain: None,
            refused: None,
            members: None,
            kept: (Instant::ZERO, 0),
            has_parted: false,
        };
        this.maintain();
        this.read_newest();
        Ok(this)
    }

    /// Refuses the keys in this file, and adds to it the key whose datagram breaks this server, if one does.
    pub fn refuse(&mut self, file: RefusedFile) {
        let now = self.clock.now();
        for (who, left) in file.read(wall()) {
            log::warn!("key {who} is refused for {}s: what it had sent broke the server", left.as_secs());
            self.server.refuse(who, now + left);
        }
        self.refused = Some(file);
    }

    /// Knocks at the members in this file, and from now on stores in it the members that are here.
    pub fn knock(&mut self, file: MembersFile, most: usize) {
        let places = file.read(most);
        if !places.is_empty() {
            log::info!("telling {} members from before that the server is back", places.len());
        }
        self.server.knock_at(self.clock.now(), places);
        self.members = Some(file);
    }

    /// Returns when to store the members' addresses.
    fn keep_members_at(&self) -> Option<Instant> {
        self.members.as_ref()?;
        let (at, moves) = self.kept;
        let is_same = moves == self.server.moves();
        (!is_same || self.server.members() > 0).then(|| at + if is_same { KEEP_SAME } else { KEEP_MEMBERS })
    }

    /// Stores the members' addresses, if that is due.
    fn keep_members(&mut self) {
        let (now, moves) = (self.clock.now(), self.server.moves());
        let Some(file) = &self.members else { return };
        if self.keep_members_at().is_none_or(|at| now < at) {
            return;
        }
        self.kept = (now, moves);
        if let Err(err) = file.write(&self.server.places()) {
            log::warn!("cannot store the members' addresses: {err}; after a restart, they come back by themselves");
            self.members = None;
        }
    }

    /// Records the key whose datagram broke the server.
    fn blame(&self) {
        let Some(who) = self.server.in_hand() else {
            return log::error!(
                "the server crashed, but not while handling a datagram: please report the message above"
            );
        };
        log::error!("the server crashed while handling a datagram from key {who}: please report the message above");
        if let Some(Err(err)) = self.refused.as_ref().map(|file| file.add(wall(), who)) {
            log::error!("cannot store the refusal of this key: {err}");
        }
    }

    /// Lets the log do its maintenance. Returns true if there is more to do at once.
    fn maintain(&mut self) -> bool {
        let again = self.log.maintain(wall());
        self.maintain = again.map(|after| self.clock.now() + after);
        again.is_some_and(|after| after.is_zero())
    }

    /// Reads the entries that new text members are sent, as far as the log answers at once.
    fn read_newest(&mut self) {
        self.exchange();
        while self.server.wants_newest() {
            server::ask(&mut self.server, &mut self.log);
            self.exchange();
        }
    }

    /// Returns the bound addresses.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.ports.iter().map(|port| port.socket.local())
    }

    /// Serves until a signal ends it.
    ///
    /// # Errors
    /// Returns the system's error.
    pub fn run(&mut self) -> io::Result<()> {
        let served = self.serve();
        self.part()?;
        served
    }

    fn serve(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(64);
        let mut more = false;
        let mut unpolled = 0;
        loop {
            if more && unpolled < UNPOLLED_MAX {
                unpolled += 1;
                self.ports.iter_mut().for_each(|port| port.readable = true);
                more = self.turn()?;
                continue;
            }
            unpolled = 0;
            let timeout = if more { Some(Duration::ZERO) } else { self.timeout() };
            match self.poll.poll(&mut events, timeout) {
                Err(err) if err.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            for event in &events {
                match event.token() {
                    SIGNALS if self.ends_on_signal() => return Ok(()),
                    SIGNALS => {}
                    // The turn asks the log.
                    LOG => {}
                    OUTPUT => self.output.iter_mut().for_each(|output| output.set_writable(self.poll.registry())),
                    Token(token) => self.port_is_ready(SocketId(token - SOCKETS), event)?,
                }
            }
            more = self.turn()?;
        }
    }

    /// Tells all members that the server ends, as far as the sockets take it in time.
    fn part(&mut self) -> io::Result<()> {
        self.has_parted = true;
        self.server.close();
        server::store_reads(&mut self.server, &mut self.log, true);
        let until = self.clock.now() + GOODBYE;
        let mut events = Events::with_capacity(64);
        loop {
            let mut more = false;
            for id in (0..self.ports.len()).map(SocketId) {
                more |= self.send(id, SEND_BUDGET)? || !self.ports[id.0].writable;
            }
            let left = until.saturating_since(self.clock.now());
            if !more || left.is_zero() {
                return Ok(());
            }
            if self.ports.iter().all(|port| !port.writable) {
                self.poll.poll(&mut events, Some(left))?;
                for event in events.iter().filter(|event| event.token().0 >= SOCKETS) {
                    self.port_is_ready(SocketId(event.token().0 - SOCKETS), event)?;
                }
            }
        }
    }

    fn timeout(&self) -> Option<Duration> {
        let next = [self.server.poll_timeout(), self.maintain, self.keep_members_at()].into_iter().flatten().min();
        next.map(|at| at.saturating_since(self.clock.now()))
    }

    fn ends_on_signal(&mut self) -> bool {
        for signal in self.signals.pending() {
            if signal == SIGUSR1 {
                log::info!("members {}, {}", self.server.members(), self.server.counters());
                continue;
            }
            // A file must not grow further: the store gets that error too, and the server does not end.
            if signal == SIGXFSZ {
                continue;
            }
            log::info!("ended by a signal; members {}, {}", self.server.members(), self.server.counters());
            if let Some(output) = &mut self.output {
                output.finish();
            }
            return true;
        }
        false
    }

    fn port_is_ready(&mut self, id: SocketId, event: &mio::event::Event) -> io::Result<()> {
        let port = &mut self.ports[id.0];
        port.readable |= event.is_readable();
        if event.is_writable() && !port.writable {
            port.writable = true;
            self.poll.registry().reregister(port.socket.source(), Token(SOCKETS + id.0), Interest::READABLE)?;
        }
        if event.is_error() {
            while let Some((peer, why)) = port.socket.unreachable()? {
                self.server.handle_unreachable(id, peer, why);
            }
        }
        Ok(())
    }

    /// Runs one turn: receives, settles, sends. Returns true if there is more to do at once.
    fn turn(&mut self) -> io::Result<bool> {
        let now = self.clock.now();
        if self.server.poll_timeout().is_some_and(|at| at <= now) {
            self.server.handle_timeout(now);
        }
        // A new text member is sent the latest lines at once: entries that others have had forgotten must be known by then.
        let mut more = self.server.text_history() > 0 && self.maintain();
        self.read_newest();
        for id in (0..self.ports.len()).map(SocketId) {
            more |= self.receive(id)?;
        }
        let is_busy = self.ports.iter().any(|port| port.readable);
        let shakes = self.server.shake_hands(self.clock.now(), is_busy);
        more |= shakes;
        self.exchange();
        server::ask(&mut self.server, &mut self.log);
        self.exchange();
        let end = self.server.end();
        let budget = if shakes { SEND_BUDGET_OF_A_CROWD } else { SEND_BUDGET };
        for id in (0..self.ports.len()).map(SocketId) {
            more |= self.send(id, budget)?;
        }
        // Last, so that nobody waits for it.
        more |= self.maintain();
        more |= self.server.has_requests();
        // Room that sending on one socket made is of use to the others as well.
        more |= self.ports.len() > 1 && self.server.end() > end;
        self.keep_members();
        self.flush();
        Ok(more)
    }

    fn receive(&mut self, id: SocketId) -> io::Result<bool> {
        let port = &mut self.ports[id.0];
        let (server, now) = (&mut self.server, self.clock.now());
        let mut budget = RECEIVE_BUDGET;
        while port.readable && budget > 0 {
            let mut received_now = 0;
            port.readable = port.socket.receive(budget, |received| {
                received_now += 1;
                let path = Path { socket: id, peer: received.peer, local: received.local };
                server.handle_datagram(now, path, received.bytes);
            })?;
            budget = budget.saturating_sub(received_now.max(1));
        }
        Ok(port.readable)
    }

    fn exchange(&mut self) {
        // Entries submitted now carry the current time.
        self.server.set_wall(wall());
        let output = &mut self.output;
        server::exchange(self.clock.now(), &mut self.server, &mut self.log, |tag, text| {
            if let Some(output) = output {
                let mark = if tag.is_empty() { room::mark_of_text(text) } else { "" };
                output.push_line(&[mark, tag, text]);
            }
        });
    }

    /// Sends until nothing is left, the socket is full or the budget is used up. Returns true if there is more to send.
    fn send(&mut self, id: SocketId, mut budget: u64) -> io::Result<bool> {
        while self.ports[id.0].writable && budget > 0 {
            let Some(transmits) = self.server.poll_transmit(id) else {
                // What was sent has made room in the log for posts that wait.
                if self.exchange_more() { continue } else { return Ok(false) }
            };
            let token = transmits.token();
            let port = &mut self.ports[id.0];
            let outcome = port.socket.send(transmits)?;
            budget = budget.saturating_sub(self.server.transmitted(token, outcome.done).max(1));
            match outcome.then {
                Then::Continue => {}
                Then::Unsegmented => {
                    log::debug!("{} does not segment this run: one datagram a call", self.ports[id.0].socket.local());
                    self.server.unsegment(token);
                }
                Then::Unsendable => self.server.untransmittable(token),
                Then::WouldBlock => {
                    port.writable = false;
                    let both = Interest::READABLE | Interest::WRITABLE;
                    self.poll.registry().reregister(port.socket.source(), Token(SOCKETS + id.0), both)?;
                }
            }
        }
        Ok(self.ports[id.0].writable)
    }

    fn exchange_more(&mut self) -> bool {
        if self.has_parted {
            return false;
        }
        let before = self.server.end();
        self.exchange();
        self.server.end() > before
    }

    fn flush(&mut self) {
        let Some(output) = &mut self.output else { return };
        if let Err(err) = output.flush(self.poll.registry(), OUTPUT) {
            log::warn!("cannot write the transcript to stdout: {err}; the room goes on without it");
            self.output = None;
            return;
        }
        let (told, lines) = &mut self.left_out;
        *lines += output.take_left_out();
        let now = self.clock.now();
        if *lines > 0 && now.saturating_since(*told) >= WARN_PAUSE {
            log::warn!("stdout is read too slowly: {lines} lines of the transcript were left out");
            *told = now;
            *lines = 0;
        }
    }
}

impl<S: Store> Drop for ServerLoop<S> {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.has_parted {
            self.blame();
            // The members are told all the same, unless that is what panicked.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.part()));
        }
    }
}
