//! The load generator's loop.
//!
//! Owns: the members' sockets, when a message is sent, how long the generator itself waited.
//! Must not know: what the numbers mean.
//! Driven by: `cmd::bench`.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::Clock;
use super::crowd::Crowd;
use super::port::open;
use super::udp::Inbox;
use crate::bench::tally::{GIVEN_UP, Tally};
use crate::bench::{Line, Report, Sizes};
use crate::time::Instant;
use crate::wire::text;

/// Members that sign up at the same time.
const JOINING: usize = 64;

/// Members whose sessions begin at the same time. Chosen: it keeps a server busy that does handshakes in turns.
const GREETING: usize = 64;

/// The dialect spoken with the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The original's protocol.
    Text,
    /// Sessions.
    Session,
}

/// Time without an answer after which the missing members sign up again.
const JOIN_AGAIN: Duration = Duration::from_millis(500);

/// How long nothing may come before the room counts as quiet.
const QUIET: Duration = Duration::from_millis(200);

/// Longest wait for a room to become quiet.
const QUIET_MAX: Duration = Duration::from_secs(5);

/// How long before a message is due the generator stops sleeping: the poll counts in whole milliseconds.
const SPIN: Duration = Duration::from_millis(2);

/// When messages are sent.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// Closed loop: N messages in flight.
    Window(usize),
    /// Open loop: N messages a second, whatever comes back.
    PerSecond(u32),
}

/// One run.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Number that distinguishes it from other runs.
    pub run: u16,
    /// How many members send, in turn.
    pub senders: u32,
    /// The lengths of their lines.
    pub sizes: Sizes,
    /// When they are sent.
    pub pace: Pace,
    /// The run ends after N messages,
    pub messages: Option<u32>,
    /// or after this long.
    pub duration: Option<Duration>,
    /// The server's process, if it is to be watched.
    pub server: Option<u32>,
}

/// Members that have joined.
pub struct Load {
    poll: Poll,
    events: Events,
    clock: Clock,
    sockets: Vec<UdpSocket>,
    /// The members' sessions, if they have any.
    crowd: Option<Crowd>,
    inbox: Inbox,
    idle: Duration,
}

impl Load {
    /// Joins `members` members, and reports to `progress` how many have joined.
    ///
    /// # Errors
    /// Fails with a sentence for the person who asked for them.
    pub fn join(
        server: SocketAddr,
        dialect: Dialect,
        members: usize,
        patience: Duration,
        mut progress: impl FnMut(usize),
    ) -> Result<Self, String> {
        raise_file_limit(members)?;
        let mut load =
            Self::open(server, dialect, members).map_err(|err| format!("cannot open {members} sockets: {err}"))?;
        let mut joined = vec![None; members];
        let (mut asked, mut count) = (0, 0);
        let (mut heard, mut again) = (load.clock.now(), load.clock.now());
        while count < members {
            let at_once = if load.crowd.is_some() { GREETING } else { JOINING };
            while asked < members && asked < count + at_once {
                load.sign_up(asked);
                asked += 1;
            }
            load.wait(Some(JOIN_AGAIN)).map_err(|err| err.to_string())?;
            let (now, before) = (load.clock.now(), count);
            let mut heard_from = Vec::new();
            load.drain(|_, member, _| heard_from.push(member))
                .map_err(|err| format!("cannot talk to {server}: {err} (is the server running?)"))?;
            for member in heard_from {
                let is_in = load.crowd.as_ref().is_none_or(|crowd| crowd.is_here(member));
                count += usize::from(is_in && joined[member].replace(()).is_none());
            }
            if count > before {
                heard = now;
            }
            progress(count);
            if now.saturating_since(heard) > patience {
                let patience = humantime::format_duration(patience);
                return Err(format!(
                    "{count} of {members} members joined {server}, then no answer within {patience} (is the server running? are its limits off?)"
                ));
            }
            // A session repeats its datagrams by itself.
            if load.crowd.is_none() && now.saturating_since(heard.max(again)) > JOIN_AGAIN {
                again = now;
                let missing: Vec<_> = (0..asked).filter(|&member| joined[member].is_none()).collect();
                missing.into_iter().for_each(|member| load.sign_up(member));
            }
        }
        load.wait_until_quiet().map_err(|err| err.to_string())?;
        Ok(load)
    }

    /// Runs once.
    ///
    /// # Errors
    /// Returns the system's error.
    pub fn run(&mut self, run: Run, mut progress: impl FnMut(u64)) -> io::Result<Report> {
        let mut tally = Tally::new(run.run, self.sockets.len(), run.senders);
        let cpu = run.server.map(server_cpu);
        let start = self.clock.now();
        self.idle = Duration::ZERO;
        let mut buffer = Vec::new();
        loop {
            let now = self.clock.now();
            let ended = run.messages.is_some_and(|most| tally.sent() >= most)
                || run.duration.is_some_and(|most| now.saturating_since(start) >= most);
            if ended && (tally.is_complete() || now.saturating_since(tally.last()) > GIVEN_UP) {
                break;
            }
            let due = if ended { None } else { self.send_due(now, start, run, &mut tally, &mut buffer) };
            self.wait(Some(due.map_or(QUIET, |due| due.saturating_since(self.clock.now()))))?;
            self.drain(|now, member, bytes| tally.receive(now, member, bytes))?;
            progress(part_done(run, &tally, now.saturating_since(start)));
        }
        let wall = self.clock.now().saturating_since(start);
        let cpu = cpu.zip(run.server.map(server_cpu)).and_then(|(before, after)| Some(after?.saturating_sub(before?)));
        let idle = self.idle.as_secs_f64() / wall.as_secs_f64();
        let report = Report::new(&tally, idle, cpu, run.server.and_then(server_peak_kib));
        self.wait_until_quiet()?;
        Ok(report)
    }

    fn open(server: SocketAddr, dialect: Dialect, members: usize) -> io::Result<Self> {
        let poll = Poll::new()?;
        let inbox = if dialect == Dialect::Session { Inbox::coalesced() } else { Inbox::batched() };
        let mut sockets = Vec::with_capacity(members);
        for member in 0..members {
            let mut socket = open(server)?;
            inbox.prepare(&socket);
            poll.registry().register(&mut socket, Token(member), Interest::READABLE)?;
            sockets.push(socket);
        }
        let events = Events::with_capacity(1024);
        // A thousand announcements to each of a thousand members are not what is measured.
        let crowd = (dialect == Dialect::Session).then(|| Crowd::new(server, false, sockets.len()));
        Ok(Self { poll, events, clock: Clock::start(), sockets, crowd, inbox, idle: Duration::ZERO })
    }

    fn sign_up(&mut self, member: usize) {
        let now = self.clock.now();
        if let Some(crowd) = &mut self.crowd {
            crowd.add(now);
            return crowd.send(now, member, &self.sockets[member]);
        }
        // A refused or lost signup is repeated like an unanswered one.
        let _ = self.sockets[member].send(text::signup("b").as_bytes());
    }

    /// Sends what is due; returns when the next message is due, if that is known.
    fn send_due(
        &mut self,
        now: Instant,
        start: Instant,
        run: Run,
        tally: &mut Tally,
        buffer: &mut Vec<u8>,
    ) -> Option<Instant> {
        match run.pace {
            Pace::Window(window) => {
                let mut free = window.saturating_sub(tally.under_way(now));
                while free > 0 && run.messages.is_none_or(|most| tally.sent() < most) {
                    if !self.send(self.clock.now(), run, tally, buffer) {
                        break;
                    }
                    free -= 1;
                }
                None
            }
            Pace::PerSecond(rate) => {
                let due = |number: u32| start + Duration::from_secs(number.into()) / rate;
                while due(tally.sent()) <= now && run.messages.is_none_or(|most| tally.sent() < most) {
                    if !self.send(due(tally.sent()), run, tally, buffer) {
                        return Some(now);
                    }
                }
                Some(due(tally.sent()))
            }
        }
    }

    fn send(&mut self, due: Instant, run: Run, tally: &mut Tally, buffer: &mut Vec<u8>) -> bool {
        let (line, sender): (Line, usize) = tally.next();
        line.write(run.sizes, buffer);
        let now = self.clock.now();
        let sent = match (&mut self.crowd, std::str::from_utf8(buffer)) {
            (Some(crowd), Ok(line)) => {
                crowd.say(now, sender, line);
                crowd.send(now, sender, &self.sockets[sender]);
                true
            }
            (_, _) => self.sockets[sender].send(buffer).is_ok(),
        };
        if sent {
            tally.send(due);
        }
        sent
    }

    /// Waits for something to come; counts the time as idle.
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let before = self.clock.now();
        let next = self.crowd.as_ref().and_then(Crowd::next_timeout).map(|at| at.saturating_since(before));
        let timeout = timeout.into_iter().chain(next).min();
        let timeout = timeout.map(|timeout| if timeout < SPIN { Duration::ZERO } else { timeout.saturating_sub(SPIN) });
        match self.poll.poll(&mut self.events, timeout) {
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            polled => polled?,
        }
        self.idle += self.clock.now().saturating_since(before);
        Ok(())
    }

    /// Receives from the sockets that the last wait reported. For sessions, calls `take` with the text of each message, and
    /// with nothing for a session that has just begun.
    fn drain(&mut self, mut take: impl FnMut(Instant, usize, &[u8])) -> io::Result<()> {
        let Self { events, sockets, inbox, clock, crowd, .. } = self;
        for event in &*events {
            let member = event.token().0;
            let Some(crowd) = crowd else {
                while inbox.receive(&sockets[member], |bytes| take(clock.now(), member, bytes))? {}
                continue;
            };
            let was_here = crowd.is_here(member);
            let mut receive = |bytes: &[u8]| {
                let now = clock.now();
                crowd.receive(now, member, bytes, |line| take(now, member, line.as_bytes()));
            };
            while inbox.receive(&sockets[member], &mut receive)? {}
            crowd.send(clock.now(), member, &sockets[member]);
            if !was_here && crowd.is_here(member) {
                take(clock.now(), member, &[]);
            }
        }
        if let Some(crowd) = crowd {
            while let Some(member) = crowd.expired(clock.now()) {
                crowd.send(clock.now(), member, &sockets[member]);
            }
        }
        Ok(())
    }

    /// Waits until nothing comes any more, within reason: others may be talking.
    fn wait_until_quiet(&mut self) -> io::Result<()> {
        let start = self.clock.now();
        let mut heard = start;
        while self.clock.now().saturating_since(heard) < QUIET && self.clock.now().saturating_since(start) < QUIET_MAX {
            self.wait(Some(QUIET))?;
            let now = self.clock.now();
            self.drain(|_, _, _| heard = now)?;
        }
        Ok(())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let now = self.clock.now();
        if let Some(crowd) = &mut self.crowd {
            crowd.leave(now, &self.sockets);
        }
    }
}

/// Returns how much of the run is done, in thousandths.
fn part_done(run: Run, tally: &Tally, took: Duration) -> u64 {
    let messages = run.messages.map_or(0, |most| u64::from(tally.sent()) * 1000 / u64::from(most.max(1)));
    let time = run.duration.map_or(0, |most| took.as_millis() * 1000 / most.as_millis().max(1));
    messages.max(u64::try_from(time).unwrap_or(1000)).min(1000)
}

/// Raises the limit of open files to the number of members, and some.
pub(super) fn raise_file_limit(members: usize) -> Result<(), String> {
    let wanted = members as u64 + 64;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(|err| err.to_string())?;
    if soft >= wanted {
        return Ok(());
    }
    setrlimit(Resource::RLIMIT_NOFILE, wanted, hard.max(wanted)).map_err(|err| {
        format!("{members} members need {wanted} open files, and the limit is {soft}: {err} (raise it with ulimit -n)")
    })
}

/// Returns the time that the threads of a process were on a processor, in nanoseconds (proc(5), `schedstat`).
pub fn server_cpu(pid: u32) -> Option<u64> {
    let mut nanos = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        nanos += text.split(' ').next()?.parse::<u64>().ok()?;
    }
    Some(nanos)
}

/// Returns the largest resident memory of a process so far, in KiB (proc(5), `VmHWM`).
pub(super) fn server_peak_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok())
}
