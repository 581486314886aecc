//! The client's loop: one port, one driver.
//!
//! Owns: the poll, the source of input, the end.
//! Must not know: what a datagram means, which is the client's part; what the user is told, which is the [`Driver`]'s.
//! Driven by: `cmd::join`, `cmd::send`, `cmd::ping`.

use std::io;
use std::time::Duration;

use mio::{Events, Interest, Poll, Token};
use signal_hook_mio::v1_0::Signals;

use super::port::ClientPort;
use super::stdio::Input;
use super::udp::Inbox;
use super::{Clock, END_SIGNALS};
use crate::client::{Client, Config, Dialect, Event, Over};
use crate::time::Instant;

const SIGNALS: Token = Token(0);
const INPUT: Token = Token(1);
const SOCKET: Token = Token(2);
/// The token with which a [`Driver`] may register something itself.
pub const DRIVER: Token = Token(3);

/// Pieces of input taken before the rest has its turn.
const INPUT_BUDGET: usize = 256;

/// Entries shown before the rest has its turn.
pub(super) const ENTRY_BUDGET: usize = 1024;

/// How long a leaving client waits for the outcomes of messages in flight, unless its timeout is shorter. Chosen: a person
/// waits that long without wondering.
pub(super) const LINGER: Duration = Duration::from_secs(2);

/// How long saying goodbye may take. Chosen: three round trips of any usual path.
pub(super) const GOODBYE: Duration = Duration::from_secs(1);

/// The link between a client and its user: it turns events into lines, JSON, a screen or a page, and the user's input into
/// posts. It knows no sockets.
pub trait Driver {
    /// Handles an event.
    ///
    /// # Errors
    /// Fails if nobody is left to tell: the loop ends with [`End::Quit`] for a broken pipe, otherwise with the error.
    fn event(&mut self, now: Instant, client: &Client, event: Event) -> io::Result<()>;

    /// Takes bytes that the user entered (keys, lines or JSON), or `None` at the end of input, and keeps them until
    /// [`Driver::take`] interprets them.
    fn feed(&mut self, entered: Option<&[u8]>) {
        let _ = entered;
    }

    /// Returns whether [`Driver::take`] has something to do.
    fn has_entered(&self) -> bool {
        false
    }

    /// Returns whether it takes more of what the user enters.
    fn takes_input(&self) -> bool {
        true
    }

    /// Carries out the next thing that the user entered, such as posting a line; `None` if the rest is incomplete.
    fn take(&mut self, now: Instant, client: &mut Client) -> Option<Next> {
        let _ = (now, client);
        None
    }

    /// Handles one of the signals of [`Source::signals`].
    ///
    /// # Errors
    /// Those of the terminal.
    fn signal(&mut self, now: Instant, client: &Client, signal: i32) -> io::Result<()> {
        let _ = (now, client, signal);
        Ok(())
    }

    /// Returns whether it takes more of the room's entries.
    fn takes_entries(&self) -> bool {
        true
    }

    /// Handles the passing of time; returns when to call it again, if ever.
    fn tick(&mut self, now: Instant, client: &mut Client) -> Ticked {
        let _ = (now, client);
        Ticked::Never
    }

    /// Writes what waits. Called once a turn; `ready` tells whether [`DRIVER`] is ready.
    ///
    /// # Errors
    /// As for [`Driver::event`].
    fn flush(&mut self, registry: &mio::Registry, ready: bool) -> io::Result<()> {
        let _ = (registry, ready);
        Ok(())
    }
}

/// Consequence of the user's input for the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Go on.
    Continue,
    /// Behave as if the input had ended here.
    EndInput,
    /// Leave at once.
    Leave,
}

/// What a [`Driver`] needs from the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ticked {
    /// Nothing.
    Never,
    /// To be called again at this time.
    At(Instant),
    /// The end of the loop: the driver is done.
    Done,
}

/// How the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Every line was sent, and was confirmed or given up.
    Done,
    /// The user left.
    Quit,
    /// A signal came.
    Interrupted,
    /// Nothing more will happen; the reason.
    Over(Over),
}

/// The source of input.
pub struct Source {
    /// Stdin, if it is read.
    pub input: Option<Input>,
    /// Whether to leave at once at the end of input, without waiting for lines to come back.
    pub leave_at_end: bool,
    /// The signals that the driver is told of.
    pub signals: &'static [i32],
}

/// A client's loop, with its client.
pub struct ClientLoop {
    /// The client and its socket.
    pub port: ClientPort,
    poll: Poll,
    signals: Signals,
    clock: Clock,
    source: Source,
    driver_ready: bool,
    driver_ticks: Option<Instant>,
    /// Signals that the driver is to be told of.
    came: Vec<i32>,
    /// Set when the user left: until when to wait for the outcomes of posts.
    lingers: Option<Instant>,
    is_gone: bool,
    inbox: Inbox,
}

impl ClientLoop {
    /// Creates a loop whose client begins to sign up.
    ///
    /// # Errors
    /// Returns the system's error.
    pub fn new(config: Config, mut source: Source) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut signals = Signals::new(END_SIGNALS.iter().chain(source.signals))?;
        poll.registry().register(&mut signals, SIGNALS, Interest::READABLE)?;
        if let Some(input) = &mut source.input {
            input.register(poll.registry(), INPUT)?;
        }
        let clock = Clock::start();
        Ok(Self {
            port: ClientPort::new(clock.now(), config, SOCKET),
            poll,
            signals,
            clock,
            source,
            driver_ready: false,
            driver_ticks: None,
            came: Vec::new(),
            lingers: None,
            is_gone: false,
            inbox: Inbox::coalesced(),
        })
    }

    /// Reads this input from now on.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn set_input(&mut self, mut input: Input) -> io::Result<()> {
        input.register(self.poll.registry(), INPUT)?;
        self.source.input = Some(input);
        Ok(())
    }

    /// Returns whether all the input was taken, if there was any.
    pub const fn input_has_ended(&self) -> bool {
        self.source.input.is_none()
    }

    /// Returns the time on the client's clock.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Tells the client that it will get no more lines.
    pub fn finish(&mut self) {
        self.port.client.finish(self.clock.now());
    }

    /// Runs to the end, and says goodbye.
    ///
    /// # Errors
    /// Returns the system's error, if it does not concern the server.
    pub fn run(&mut self, driver: &mut impl Driver) -> io::Result<End> {
        let end = self.talk(driver);
        self.part()?;
        end
    }

    /// Runs until the driver is done for now, without saying goodbye: the loop can go on. [`ClientLoop::part`] ends it.
    ///
    /// # Errors
    /// As [`ClientLoop::run`].
    pub fn talk(&mut self, driver: &mut impl Driver) -> io::Result<End> {
        let mut events = Events::with_capacity(16);
        loop {
            let end = match self.turn(driver) {
                Err(err) if err.kind() == io::ErrorKind::BrokenPipe => Some(End::Quit),
                end => end?,
            };
            if let Some(end) = end {
                return Ok(end);
            }
            if self.wait(&mut events, self.timeout(driver))? {
                return Ok(End::Interrupted);
            }
        }
    }

    /// Waits for something to happen. Returns true if that is a signal.
    fn wait(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<bool> {
        match self.poll.poll(events, timeout) {
            Err(err) if err.kind() == io::ErrorKind::Interrupted => return Ok(false),
            polled => polled?,
        }
        let mut interrupted = false;
        for event in &*events {
            match event.token() {
                SIGNALS => {
                    let (ends, others): (Vec<_>, Vec<_>) =
                        self.signals.pending().partition(|signal| END_SIGNALS.contains(signal));
                    interrupted |= !ends.is_empty();
                    self.came.extend(others);
                }
                INPUT => self.source.input.iter_mut().for_each(Input::set_ready),
                DRIVER => self.driver_ready = true,
                _ => self.port.set_ready(event),
            }
        }
        Ok(interrupted)
    }

    fn timeout(&self, driver: &impl Driver) -> Option<Duration> {
        let takes = driver.takes_input() && (self.port.client.wants_lines() || self.source.leave_at_end);
        let has_input = |input: &Input| input.is_ready() || input.is_ended() || driver.has_entered();
        let takes_input = takes && self.lingers.is_none() && self.source.input.as_ref().is_some_and(has_input);
        let takes_entries = driver.takes_entries() || self.port.client.is_text();
        if self.port.is_readable() || takes_input || (takes_entries && self.port.client.has_entries()) {
            return Some(Duration::ZERO);
        }
        let deadlines = [self.port.client.poll_timeout(), self.driver_ticks, self.lingers];
        deadlines.into_iter().flatten().min().map(|at| at.saturating_since(self.clock.now()))
    }

    fn turn(&mut self, driver: &mut impl Driver) -> io::Result<Option<End>> {
        let ready = std::mem::take(&mut self.driver_ready);
        self.port.receive(self.clock, &mut self.inbox);
        for signal in std::mem::take(&mut self.came) {
            driver.signal(self.clock.now(), &self.port.client, signal)?;
            // What was typed while the process was suspended makes no event.
            self.source.input.iter_mut().for_each(Input::set_ready);
        }
        let now = self.clock.now();
        if self.port.client.poll_timeout().is_some_and(|at| at <= now) {
            self.port.client.handle_timeout(now);
        }
        let mut end = self.read(driver)?;
        self.send()?;
        let mut over = None;
        while let Some(event) = self.port.client.poll_event() {
            if let Event::Over(why) = event {
                over = Some(End::Over(why));
                continue;
            }
            if event == Event::Joined(Dialect::Text) {
                self.port.allow_fragments();
            }
            driver.event(now, &self.port.client, event)?;
        }
        for _ in 0..ENTRY_BUDGET {
            // Nothing holds back entries that come in text.
            let takes = driver.takes_entries() || self.port.client.is_text();
            let Some(entry) = takes.then(|| self.port.client.poll_entry()).flatten() else { break };
            driver.event(now, &self.port.client, entry)?;
        }
        let ticked = driver.tick(now, &mut self.port.client);
        self.driver_ticks = if let Ticked::At(at) = ticked { Some(at) } else { None };
        self.send()?;
        driver.flush(self.poll.registry(), ready)?;
        end = over.or(end);
        if end.is_none() && (ticked == Ticked::Done || self.port.client.is_done()) && !self.port.client.has_entries() {
            end = Some(if self.lingers.is_some() { End::Quit } else { End::Done });
        }
        if end.is_none() && self.lingers.is_some_and(|until| until <= now) {
            end = Some(End::Quit);
        }
        Ok(end)
    }

    fn read(&mut self, driver: &mut impl Driver) -> io::Result<Option<End>> {
        let Some(input) = self.source.input.as_mut().filter(|_| self.lingers.is_none()) else { return Ok(None) };
        // If the user can leave, the input is always read.
        for _ in 0..INPUT_BUDGET {
            if !driver.takes_input() || (!self.port.client.wants_lines() && !self.source.leave_at_end) {
                break;
            }
            let now = self.clock.now();
            let next = match driver.take(now, &mut self.port.client) {
                Some(next) => next,
                None if input.is_ready() => {
                    input.read(Some((self.poll.registry(), INPUT)), |bytes| driver.feed(bytes))?;
                    continue;
                }
                None if input.is_ended() => Next::EndInput,
                None => return Ok(None),
            };
            match next {
                Next::Continue => {}
                Next::EndInput if !self.source.leave_at_end => {
                    self.port.client.finish(now);
                    self.source.input = None;
                    return Ok(None);
                }
                Next::EndInput | Next::Leave => {
                    // Messages entered before go out before we leave.
                    self.send()?;
                    if self.port.client.is_text() || !self.port.client.is_here() || self.port.client.outstanding() == 0
                    {
                        return Ok(Some(End::Quit));
                    }
                    self.port.client.finish(now);
                    self.lingers = Some(now + LINGER.min(self.port.client.timeout()));
                    return Ok(None);
                }
            }
        }
        Ok(None)
    }

    /// Says goodbye, if the dialect has a message for it.
    ///
    /// # Errors
    /// Returns the system's error, if it does not concern the server.
    pub fn part(&mut self) -> io::Result<()> {
        self.is_gone = true;
        let mut events = Events::with_capacity(16);
        let until = self.clock.now() + GOODBYE;
        self.port.client.leave(self.clock.now());
        loop {
            self.send()?;
            let now = self.clock.now();
            if self.port.client.is_gone() || now >= until {
                return Ok(());
            }
            let next = self.port.client.poll_timeout().into_iter().fold(until, Instant::min);
            self.wait(&mut events, Some(next.saturating_since(now)))?;
            self.port.receive(self.clock, &mut self.inbox);
            self.port.client.handle_timeout(self.clock.now());
        }
    }

    fn send(&mut self) -> io::Result<()> {
        self.port.send(self.clock, self.poll.registry(), &self.inbox)
    }
}

impl Drop for ClientLoop {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.is_gone {
            // The others are told all the same, unless that is what panicked.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.part()));
        }
    }
}
