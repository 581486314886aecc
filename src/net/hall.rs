//! A crowd that joins all at once, as in a lecture hall, while two members talk; and that comes back after a restart.
//!
//! Owns: when each member begins, what the two say and when, which members are in and since when.
//! Must not know: what the numbers mean.
//! Driven by: `cmd::bench`.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::process::{Child, Command};
use std::time::Duration;

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};

use super::Clock;
use super::crowd::Crowd;
use super::load::{raise_file_limit, server_cpu, server_peak_kib};
use super::port::open;
use super::udp::Inbox;
use crate::bench::hall::{Back, Hall, Talk};
use crate::client::Event;
use crate::time::Instant;
use crate::wire::entry::Entry;

/// Number of talkers.
const TALKERS: usize = 2;

/// Time between two messages, whichever talker sends them.
const INTERVAL: Duration = Duration::from_millis(25);

/// How long they go on once everybody is in, or back.
const GO_ON: Duration = Duration::from_secs(2);

/// Number of members that have their turn before the talkers have theirs again.
const AT_ONCE: usize = 16;

/// How long before a deadline the loop stops sleeping: the poll counts in whole milliseconds.
const SPIN: Duration = Duration::from_millis(2);

/// What to measure.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server.
    pub server: SocketAddr,
    /// Number of members in the crowd.
    pub members: usize,
    /// Whether the members are present, so that each is announced.
    pub present: bool,
    /// How long nobody may come in, or back, before the run is given up.
    pub patience: Duration,
    /// The shell command that restarts the server.
    pub restart: Option<String>,
    /// The server's process, if it is to be watched.
    pub pid: Option<u32>,
}

struct Coming {
    poll: Poll,
    clock: Clock,
    sockets: Vec<UdpSocket>,
    crowd: Crowd,
    inbox: Inbox,
    talk: Talk,
    /// When each member's session last began.
    here: Vec<Option<Instant>>,
    /// How many members have begun.
    begun: usize,
    /// Members in a handshake for which something came.
    at_the_door: VecDeque<usize>,
    count: usize,
    announced: u64,
    batches: u64,
    /// How many `left` and `joined` the first member was shown.
    moves: u64,
    next_message: Instant,
}

/// Lets everybody in, and back; reports to `progress` how many are.
///
/// # Errors
/// Fails with a sentence for the person who asked for it.
pub fn run(plan: &Plan, mut progress: impl FnMut(usize)) -> Result<Hall, String> {
    raise_file_limit(plan.members)?;
    let mut coming = Coming::open(plan).map_err(|err| format!("cannot open {} sockets: {err}", plan.members))?;
    let cpu = plan.pid.and_then(server_cpu);
    for member in 0..TALKERS.min(plan.members) {
        coming.begin(member);
    }
    coming.wait_for(plan, TALKERS.min(plan.members), &mut progress)?;
    coming.next_message = coming.clock.now();
    let start = coming.clock.now();
    for member in TALKERS..plan.members {
        coming.begin(member);
        // The sockets are looked at meanwhile, as those of ten thousand machines would be.
        if member % AT_ONCE == 0 {
            coming.turn().map_err(|err| err.to_string())?;
        }
    }
    let last = coming.wait_for(plan, plan.members, &mut progress)?;
    let all_in = last.saturating_since(start);
    coming.go_on().map_err(|err| err.to_string())?;
    let mut hall = Hall {
        members: plan.members,
        all_in_ms: millis(all_in),
        talk: coming.talk.take(),
        announcements: coming.announced,
        batches: coming.batches,
        server_cpu_ms: cpu
            .zip(plan.pid.and_then(server_cpu))
            .map(|(before, after)| millis(Duration::from_nanos(after - before))),
        server_peak_memory_kib: plan.pid.and_then(server_peak_kib),
        back: None,
    };
    if let Some(command) = &plan.restart {
        hall.back = Some(coming.restart(plan, command, &mut progress)?);
    }
    coming.crowd.leave(coming.clock.now(), &coming.sockets);
    Ok(hall)
}

impl Coming {
    fn open(plan: &Plan) -> io::Result<Self> {
        let poll = Poll::new()?;
        let inbox = Inbox::coalesced();
        let mut sockets = Vec::with_capacity(plan.members);
        for member in 0..plan.members {
            let mut socket = open(plan.server)?;
            inbox.prepare(&socket);
            poll.registry().register(&mut socket, Token(member), Interest::READABLE)?;
            sockets.push(socket);
        }
        let clock = Clock::start();
        Ok(Self {
            poll,
            next_message: clock.now() + Duration::from_secs(3600),
            clock,
            sockets,
            crowd: Crowd::new(plan.server, plan.present, plan.members),
            inbox,
            talk: Talk::default(),
            here: vec![None; plan.members],
            begun: 0,
            at_the_door: VecDeque::new(),
            count: 0,
            announced: 0,
            batches: 0,
            moves: 0,
        })
    }

    fn begin(&mut self, member: usize) {
        let now = self.clock.now();
        self.crowd.add(now);
        self.begun += 1;
        self.crowd.send(now, member, &self.sockets[member]);
    }

    /// Waits until `wanted` members are in; returns when the last one came.
    fn wait_for(&mut self, plan: &Plan, wanted: usize, progress: &mut impl FnMut(usize)) -> Result<Instant, String> {
        let (mut last, mut before) = (self.clock.now(), self.count);
        while self.count < wanted {
            self.turn().map_err(|err| err.to_string())?;
            let now = self.clock.now();
            if self.count > before {
                (last, before) = (now, self.count);
                progress(self.count);
            }
            if now.saturating_since(last) > plan.patience {
                return Err(format!(
                    "{} of {wanted} members are in, then nobody within {} (is the server running? are its limits off?)",
                    self.count,
                    humantime::format_duration(plan.patience)
                ));
            }
        }
        Ok(last)
    }

    fn go_on(&mut self) -> io::Result<()> {
        let until = self.clock.now() + GO_ON;
        while self.clock.now() < until {
            self.turn()?;
        }
        Ok(())
    }

    fn restart(&mut self, plan: &Plan, command: &str, progress: &mut impl FnMut(usize)) -> Result<Back, String> {
        let cannot = |err: io::Error| format!("cannot run '{command}' with sh: {err}");
        self.here.fill(None);
        (self.count, self.moves) = (0, 0);
        let mut child: Child = Command::new("sh").args(["-c", command]).spawn().map_err(cannot)?;
        let status = loop {
            self.turn().map_err(|err| err.to_string())?;
            if let Some(status) = child.try_wait().map_err(cannot)? {
                break status;
            }
        };
        if !status.success() {
            return Err(format!("'{command}' ended with {status}: is the server running again?"));
        }
        // Members that the old server told of its end may be back already.
        let start = self.clock.now();
        let last = self.wait_for(plan, plan.members, progress)?;
        self.go_on().map_err(|err| err.to_string())?;
        let talkers = self.here.iter().take(TALKERS).flatten().max().copied().unwrap_or(start);
        let talk = self.talk.take();
        Ok(Back {
            all_back_ms: millis(last.saturating_since(start)),
            talkers_back_ms: millis(talkers.saturating_since(start)),
            falsely_announced: self.moves,
            talk,
        })
    }

    /// Posts the messages that are due, and receives for the talkers: they have machines of their own, which others' handshakes
    /// do not hold up.
    fn look_after_talkers(&mut self) {
        let now = self.clock.now();
        while self.next_message <= now {
            let number = self.talk.say(self.next_message);
            let member = usize::try_from(number).unwrap_or(0) % TALKERS.min(self.sockets.len());
            let post = self.crowd.say(now, member, &format!("{number:>20}{:44}", ""));
            self.talk.posted(member, post, number);
            self.crowd.send(now, member, &self.sockets[member]);
            self.next_message = self.next_message + INTERVAL;
        }
        for member in 0..TALKERS.min(self.here.len()) {
            self.take_in(member);
        }
    }

    /// Waits, and handles what came.
    fn turn(&mut self) -> io::Result<()> {
        self.look_after_talkers();
        let now = self.clock.now();
        let next = [self.crowd.next_timeout(), Some(self.next_message)].into_iter().flatten().min();
        let timeout = next.map_or(Duration::ZERO, |at| at.saturating_since(now)).min(Duration::from_millis(50));
        let timeout = if timeout < SPIN || !self.at_the_door.is_empty() { Duration::ZERO } else { timeout - SPIN };
        let mut events = Events::with_capacity(1024);
        match self.poll.poll(&mut events, Some(timeout)) {
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            polled => polled?,
        }
        for (index, event) in events.iter().enumerate() {
            if index % AT_ONCE == AT_ONCE - 1 {
                self.look_after_talkers();
            }
            // Each member has a machine of its own: others' handshakes hold nobody up.
            let member = event.token().0;
            if member < self.begun && self.crowd.is_shaking(member) {
                self.at_the_door.push_back(member);
            } else {
                self.take_in(member);
            }
        }
        for member in self.at_the_door.drain(..AT_ONCE.min(self.at_the_door.len())).collect::<Vec<_>>() {
            self.take_in(member);
        }
        self.look_after_talkers();
        let mut expired = 0;
        while let Some(member) = self.crowd.expired(self.clock.now()) {
            self.crowd.send(self.clock.now(), member, &self.sockets[member]);
            expired += 1;
            if expired % AT_ONCE == 0 {
                self.look_after_talkers();
            }
        }
        Ok(())
    }

    fn take_in(&mut self, member: usize) {
        if member >= self.begun {
            return;
        }
        let Self { clock, crowd, inbox, sockets, talk, here, count, announced, batches, moves, .. } = self;
        let mut hear = |bytes: &[u8]| {
            let now = clock.now();
            crowd.hear(now, member, bytes, |event| match event {
                Event::Here { .. } => {
                    *count += usize::from(here[member].replace(now).is_none());
                }
                Event::Private(_)
                | Event::Contact { .. }
                | Event::NotWritten { .. }
                | Event::Found { .. }
                | Event::Page { .. }
                | Event::NoPage { .. }
                | Event::Reached { .. }
                | Event::Read { .. }
                | Event::Behind { .. } => {}
                Event::Confirmed { post: Some(post), .. } => talk.settled(now, member, post),
                Event::Gap { count, .. } => {
                    *batches += 1;
                    *moves += if member == 0 { count } else { 0 };
                }
                Event::Entry { encoded, .. } => match Entry::decode(&encoded) {
                    Some(Entry::Said { text, .. }) => {
                        if let Ok(number) = text.trim().parse() {
                            talk.heard(now, member, number);
                        }
                    }
                    Some(Entry::Joined { .. } | Entry::Left { .. }) => {
                        *announced += 1;
                        *moves += u64::from(member == 0);
                    }
                    Some(
                        Entry::Did { .. }
                        | Entry::Renamed { .. }
                        | Entry::Line { .. }
                        | Entry::Acted { .. }
                        | Entry::Private { .. },
                    )
                    | None => {}
                },
                Event::Joined(_)
                | Event::Received(_)
                | Event::Begins { .. }
                | Event::Confirmed { .. }
                | Event::NotTaken { .. }
                | Event::Lost { .. }
                | Event::Renamed(_)
                | Event::Away(_)
                | Event::Back
                | Event::Quiet(_)
                | Event::Barred { .. }
                | Event::Room(_)
                | Event::Records { .. }
                | Event::AnotherLog
                | Event::TextIgnored
                | Event::Pong { .. }
                | Event::People { .. }
                | Event::Held { .. }
                | Event::NoPeople { .. }
                | Event::Failed(..)
                | Event::Over(_) => {}
            });
        };
        // If the server is not there, that shows here; the members look for it by themselves.
        while matches!(inbox.receive(&sockets[member], &mut hear), Ok(true)) {}
        crowd.send(clock.now(), member, &sockets[member]);
    }
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}
