//! The client's loop: one port, one driver.
//!
//! Owns: the poll, where input comes from, when it ends.
//! Must not know: what a datagram means, what the user is told; the client decides, a [`Driver`] tells.
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
/// What a [`Driver`] may register for itself.
pub const DRIVER: Token = Token(3);

/// Things taken from the input before the rest has its turn.
const INPUT_BUDGET: usize = 256;

/// Entries shown before the rest has its turn.
const ENTRY_BUDGET: usize = 1024;

/// How long a client that leaves waits for something to become of the lines that are under way, if its timeout is not
/// shorter. Chosen: a person waits for that without wondering.
const LINGER: Duration = Duration::from_secs(2);

/// How long saying goodbye may take. Chosen: three round trips of any usual path.
const GOODBYE: Duration = Duration::from_secs(1);

/// What stands between a client and its user: it turns what happens into lines, JSON, a screen or a page, and what the user
/// enters into posts. It knows no sockets.
pub trait Driver {
    /// Something happened.
    ///
    /// # Errors
    /// If there is nobody left to tell: the loop ends with [`End::Quit`] for a broken pipe, else with the error.
    fn event(&mut self, now: Instant, client: &Client, event: Event) -> io::Result<()>;

    /// The user entered these bytes, keys or lines or JSON, or `None`, the end: to be kept until [`Driver::take`] asks what
    /// they mean.
    fn feed(&mut self, entered: Option<&[u8]>) {
        let _ = entered;
    }

    /// Whether [`Driver::take`] has something to do.
    fn has_entered(&self) -> bool {
        false
    }

    /// Does the next thing that the user entered, such as saying a line; `None` if nothing more of it is whole.
    fn take(&mut self, now: Instant, client: &mut Client) -> Option<Next> {
        let _ = (now, client);
        None
    }

    /// Whether it takes more of what is said in the room.
    fn takes_entries(&self) -> bool {
        true
    }

    /// Time has passed; returns when it is to be called again, if ever.
    fn tick(&mut self, now: Instant, client: &mut Client) -> Ticked {
        let _ = (now, client);
        Ticked::Never
    }

    /// Called once a turn, and with [`DRIVER`]'s readiness.
    ///
    /// # Errors
    /// As for [`Driver::event`].
    fn flush(&mut self, registry: &mio::Registry, ready: bool) -> io::Result<()> {
        let _ = (registry, ready);
        Ok(())
    }
}

/// What the user entered means for the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Go on.
    Continue,
    /// As if the input had ended here.
    EndInput,
    /// Leave at once.
    Leave,
}

/// What a [`Driver`] wants of the clock.
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

/// Where input comes from.
pub struct Source {
    /// Stdin, if it is read.
    pub input: Option<Input>,
    /// At the end of input leave at once, and do not wait for lines to come back.
    pub leave_at_end: bool,
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
    /// The user left, and until when something may become of what was said.
    lingers: Option<Instant>,
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
        Ok(Self {
            port: ClientPort::new(clock.now(), config, SOCKET),
            poll,
            signals,
            clock,
            source,
            driver_ready: false,
            driver_ticks: None,
            lingers: None,
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
        self.port.client.finish(self.clock.now());
    }

    /// Runs to the end, and says goodbye.
    ///
    /// # Errors
    /// The system's, if it is not about the server.
    pub fn run(&mut self, driver: &mut impl Driver) -> io::Result<End> {
        let end = self.talk(driver);
        self.part()?;
        end
    }

    fn talk(&mut self, driver: &mut impl Driver) -> io::Result<End> {
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
                DRIVER => self.driver_ready = true,
                _ => self.port.set_ready(event),
            }
        }
        Ok(interrupted)
    }

    fn timeout(&self, driver: &impl Driver) -> Option<Duration> {
        let takes = self.port.client.wants_lines() || self.source.leave_at_end;
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
            // Nothing stops what comes in text.
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
        // Somebody who can leave is always listened to.
        for _ in 0..INPUT_BUDGET {
            if !self.port.client.wants_lines() && !self.source.leave_at_end {
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
                    // What was said before goes out before we leave.
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

    /// Says goodbye, as far as the dialect has a word for it.
    fn part(&mut self) -> io::Result<()> {
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
            // The others are told all the same, if what broke is not just that.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.part()));
        }
    }
}
