//! One server, its clients and time.
//!
//! Owns: the clients' addresses, the agenda, and the delivery of datagrams, deadlines and commits.
//! Must not know: what is right; it shows everything to the oracle.
//! Driven by: [`run`].

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use super::cast::{Action, Client, EPOCH, Kind, SOCKETS, absent, address, old_entry, open_server, server, text_config};
use super::hostile::{Hostile, Step};
use super::network::{Datagram, Fate, Network, Way};
use super::oracle::Oracle;
use super::rival::Rival;
use super::store::{Backend, Kept, Manner};
use super::tally::Tally;
use super::trace::Trace;
use super::{Dialect, Report, Scenario};
use crate::client::seen::Seen;
use crate::client::{Identity, member, text};
use crate::server::{self, Path, Server, SocketId};
use crate::session::{Entropy, StaticKey};
use crate::time::Instant;
use crate::wire::frame::History;
use crate::wire::packet::{Datagram::Packet, parse, unknown};
use crate::wire::{Instance, LogId, PostId, Seq, Timestamp, Who};

/// How long to wait for the last lines of text, which may be lost. Chosen: longer than any datagram is in flight.
pub(super) const LINGER: Duration = Duration::from_secs(5);

/// How long to watch once everything has converged.
const QUIET: Duration = Duration::from_secs(60);

/// The number of datagrams, the newest, that an attacker can copy.
const CAPTURED_MAX: usize = 500;

/// The part of a client's packets that an on-path attacker answers with a forged *unknown*, if there is an adversary.
const FORGED: f64 = 0.02;

/// Time for everything that may time out before the quiet: dead sessions, and then their grace period.
const TIMEOUTS: Duration = Duration::from_secs(75);

pub(super) struct World<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) now: Instant,
    pub(super) entropy: Entropy,
    pub(super) network: Network,
    pub(super) server: Server,
    pub(super) backend: Backend,
    pub(super) server_key: StaticKey,
    pub(super) clients: Vec<Client>,
    pub(super) agenda: BTreeMap<(Instant, u64), Action>,
    pub(super) planned: u64,
    pub(super) oracle: Oracle,
    pub(super) tally: Tally,
    pub(super) trace: Trace,
    /// How many of the backend's entries were shown to the oracle.
    pub(super) told: usize,
    /// Datagrams that have arrived at the server, for attackers to copy.
    pub(super) captured: VecDeque<Datagram>,
    pub(super) last_fault: Instant,
    pub(super) hostile: Hostile,
    pub(super) rival: Option<Rival>,
    /// Whether the adversary has left.
    pub(super) is_over: bool,
}

/// Runs a scenario to its end. With `story` the report has a readable trace.
pub fn run(scenario: &Scenario, story: bool) -> Report {
    let mut world = World::new(scenario, story);
    world.plan();
    let promises = scenario.dialect != Dialect::Text;
    if !promises {
        world.run_to(world.last_fault + LINGER);
        if let Some(last) = world.tally.completed() {
            world.tally.converged(last.saturating_since(world.last_fault));
        }
    } else if let Some(at) = world.run_until_converged() {
        world.tally.converged(at.saturating_since(world.last_fault));
        world.tally.beside(world.rival.take().map_or(0, |rival| rival.arrived()));
        world.tally.close();
        world.trace.close();
        world.run_to(world.now + TIMEOUTS);
        if scenario.private > 0 && scenario.calms && !scenario.adversary {
            world.whispers();
        }
        if scenario.calms && !scenario.adversary {
            // In other weather keepalives are lost and repeated.
            world.oracle.begin_quiet();
        }
        if scenario.attack {
            // Copies draw no answer, so they do not disturb the quiet.
            (0..CAPTURED_MAX).for_each(|_| world.attack(0));
        }
        world.run_to(world.now + QUIET);
    } else {
        let missing = world.missing().unwrap_or_default();
        world.oracle.violation(format!("not converged {:?} after the last fault: {missing}", scenario.converge_within));
    }
    if world.hostile.leaked() > 0 {
        world.oracle.violation(format!("the adversary was sent {} private entries of others", world.hostile.leaked()));
    }
    world.oracle.finish(QUIET, scenario.clients);
    let violations = if promises { world.oracle.violations().to_vec() } else { Vec::new() };
    Report { tally: world.tally, violations, trace_hash: world.trace.hash(), trace: world.trace }
}

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario, story: bool) -> Self {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&scenario.seed.to_le_bytes());
        let mut entropy = Entropy::new(seed);
        let server_key = StaticKey::generate(&mut entropy);
        let network = Network::new(scenario.weather.clone(), entropy.child());
        // Randomness of its own, so that runs without an adversary stay the same.
        let mut hostile_seed = seed;
        hostile_seed[31] = 1;
        let hostile = Hostile::new(Entropy::new(hostile_seed), server(), SOCKETS, scenario.adversary);
        let manner = Manner { late: scenario.commit_late, reject: scenario.commit_reject, foreign: scenario.foreign };
        let mut backend = Backend::new(manner, entropy.child());
        let mut oracle = Oracle::new(server(), scenario.keep_entries.is_some(), scenario.commit_reject > 0.0);
        oracle.log_is(backend.id.0, 0);
        let strangers = hostile.whos().into_iter().chain([Backend::elsewhere()]);
        oracle.set_strangers(strangers.map(|Who(who)| who).collect());
        let trace = Trace::new(story);
        for number in 0..scenario.replay {
            backend.preload(old_entry(number, scenario.size));
        }
        if scenario.adversary {
            absent().into_iter().for_each(|kept| backend.preload(kept));
            backend.has_owner(hostile.keys());
        }
        backend.log.iter().for_each(|kept| oracle.committed(&kept.entry, None, kept.has_effect));
        let server = open_server(scenario, &server_key, &mut backend, &mut entropy, Instant::ZERO);
        let told = backend.log.len();
        let mut world = Self {
            scenario,
            now: Instant::ZERO,
            entropy,
            network,
            server,
            backend,
            server_key,
            clients: Vec::new(),
            agenda: BTreeMap::new(),
            planned: 0,
            oracle,
            tally: Tally::new(scenario.size),
            trace,
            told,
            captured: VecDeque::new(),
            last_fault: Instant::ZERO,
            hostile,
            rival: None,
            is_over: false,
        };
        for index in 0..scenario.clients {
            let client = world.new_client(index);
            if index == 0 {
                world.hostile.set_target(client.key.public().0);
            }
            world.oracle.has_key(index, client.key.public().who().0);
            world.clients.push(client);
        }
        world
    }

    fn new_client(&mut self, index: usize) -> Client {
        let nick = format!("client{index}");
        let kind = Kind::Text(Box::new(text::Client::new(self.now, text_config(&nick))));
        Client {
            kind,
            nick,
            key: StaticKey::generate(&mut self.entropy),
            address: address(index, 0),
            socket: SocketId(0),
            started: false,
            waits_since: None,
            joined: false,
            instance: Instance(self.entropy.bytes()),
            seen: Seen::default(),
            moves: 0,
        }
    }

    pub(super) fn speaks_text(&self, index: usize) -> bool {
        match self.scenario.dialect {
            Dialect::Text => true,
            Dialect::Session => false,
            Dialect::Mixed => index % 2 == 1,
        }
    }

    pub(super) fn new_member(&mut self, index: usize, place: Option<(LogId, Seq)>) -> Kind {
        let seed = self.entropy.bytes();
        let client = &self.clients[index];
        let history = if index < self.scenario.replayers { History::Last(self.scenario.replay) } else { History::NONE };
        let pinned = Some(self.server_key.public());
        let has_aes = index.is_multiple_of(2);
        let identity = Identity::new(client.key.clone(), client.instance, seed);
        let nick = client.nick.parse().expect("our own nicks are nicks");
        let member = member::Member::new(
            self.now,
            server(),
            nick,
            Identity { place, history, pinned, seen: client.seen.clone(), has_aes, ..identity },
        );
        Kind::Session(Box::new(member))
    }

    /// Runs until the last action has happened and every reader has everything; returns `None` if that takes too long.
    fn run_until_converged(&mut self) -> Option<Instant> {
        loop {
            self.run_all();
            if self.agenda.is_empty() && self.missing().is_none() {
                return Some(self.now);
            }
            let deadline = self.last_fault + self.scenario.converge_within;
            let next = self.next_time().filter(|&next| next <= deadline)?;
            self.step(next);
        }
    }

    pub(super) fn run_to(&mut self, end: Instant) {
        self.run_all();
        while let Some(next) = self.next_time().filter(|&next| next <= end) {
            self.step(next);
            self.run_all();
        }
        self.now = end;
    }

    pub(super) fn missing(&self) -> Option<String> {
        let readers: Vec<_> = (0..self.clients.len()).filter(|&index| !self.speaks_text(index)).collect();
        self.oracle.missing(&readers).or_else(|| self.unanswered())
    }

    fn next_time(&self) -> Option<Instant> {
        let clients = self.clients.iter().filter(|client| client.started).filter_map(|client| match &client.kind {
            Kind::Session(member) => member.poll_timeout(),
            Kind::Text(text) => text.poll_timeout(),
        });
        let agenda = self.agenda.first_key_value().map(|(&(at, _), _)| at);
        let rival = self.rival.as_ref().map(Rival::poll_timeout);
        let others =
            [agenda, rival, self.network.next_arrival(), self.backend.next_answer(), self.server.poll_timeout()];
        clients.chain(others.into_iter().flatten()).min().map(|next| next.max(self.now))
    }

    /// Lets time pass up to `next`, and does what is due then.
    fn step(&mut self, next: Instant) {
        self.now = next;
        self.backend.pass_time(next);
        while let Some(entry) = self.agenda.first_entry().filter(|entry| entry.key().0 <= next) {
            let action = entry.remove();
            self.act(action);
        }
        while let Some(datagram) = self.network.arrived(next) {
            self.arrive(datagram);
        }
        if let Some(rival) = &mut self.rival {
            rival.handle_timeout(next);
        }
        if self.server.poll_timeout().is_some_and(|at| at <= next) {
            self.server.handle_timeout(next);
            assert!(self.server.poll_timeout().is_none_or(|at| at > next), "the server's deadline moves on");
        }
        for client in self.clients.iter_mut().filter(|client| client.started) {
            match &mut client.kind {
                Kind::Session(member) if member.poll_timeout().is_some_and(|at| at <= next) => {
                    member.handle_timeout(next);
                    assert!(member.poll_timeout().is_none_or(|at| at > next), "a client's deadline moves on");
                }
                Kind::Text(text) if text.poll_timeout().is_some_and(|at| at <= next) => text.handle_timeout(next),
                Kind::Session(_) | Kind::Text(_) => {}
            }
        }
    }

    /// Lets everybody do all that can be done now.
    fn run_all(&mut self) {
        self.commit();
        self.send_from_rival();
        self.send_from_server();
        for index in 0..self.clients.len() {
            if self.clients[index].started {
                self.hear(index);
                self.send_from_client(index);
            }
        }
    }

    /// Commits drafts; returns true if there are new entries, which it shows to the oracle.
    fn commit(&mut self) -> bool {
        let since_start = self.now.saturating_since(Instant::ZERO);
        self.server.set_wall(Timestamp(EPOCH.0 + u64::try_from(since_start.as_millis()).unwrap_or_default()));
        loop {
            self.hostile.begin();
            let more = self.server.shake_hands(self.now, false);
            self.hostile.exceeded(Step::Handshakes).into_iter().for_each(|what| self.oracle.violation(what));
            if !more {
                break;
            }
        }
        server::exchange(self.now, &mut self.server, &mut self.backend, |_, _| {});
        server::ask(&mut self.server, &mut self.backend);
        self.backend.prune(self.scenario.keep_entries);
        server::exchange(self.now, &mut self.server, &mut self.backend, |_, _| {});
        self.show_committed()
    }

    /// Shows committed entries to the oracle; returns true if any are new.
    pub(super) fn show_committed(&mut self) -> bool {
        let before = self.told;
        while self.told < self.backend.log.len() {
            let Kept { entry, post, has_effect, .. } = &self.backend.log[self.told];
            let post = post.filter(|(Who(who), _)| !self.oracle.is_stranger(*who));
            self.oracle.committed(
                entry,
                post.map(|(_, PostId { instance, counter })| (instance.0, counter)),
                *has_effect,
            );
            self.told += 1;
        }
        self.told > before
    }

    fn send_from_rival(&mut self) {
        while let Some((from, to, bytes)) = self.rival.as_mut().and_then(Rival::poll) {
            let datagram = Datagram { from, to, socket: SocketId(0), bytes, sent: self.now };
            self.network.send(self.now, Way::Down, 0, datagram);
        }
    }

    fn send_from_server(&mut self) {
        loop {
            let mut any = false;
            for socket in (0..SOCKETS).map(SocketId) {
                any |= self.send_through(socket);
            }
            if !any && !(self.server.has_requests() | self.commit()) {
                return;
            }
        }
    }

    /// Sends everything for one socket. Returns true if there was anything.
    fn send_through(&mut self, socket: SocketId) -> bool {
        let mut any = false;
        loop {
            let mut sent: Vec<(SocketAddr, Vec<u8>)> = Vec::new();
            self.hostile.begin();
            let Some(transmits) = self.server.poll_transmit(socket) else { return any };
            self.hostile.exceeded(Step::Transmit).into_iter().for_each(|what| self.oracle.violation(what));
            any = true;
            let (token, segment) = (transmits.token(), transmits.segment().unwrap_or(usize::MAX));
            let mut count = 0;
            for (to, bytes) in transmits {
                sent.extend(bytes.chunks(segment).map(|datagram| (to, datagram.to_vec())));
                count += 1;
            }
            self.server.transmitted(token, count);
            for (to, bytes) in sent {
                if self.hostile.is_at(to) {
                    self.oracle.sent(server(), to, &bytes);
                    let datagram = Datagram { from: server(), to, socket, bytes: bytes.into(), sent: self.now };
                    self.network.send_after(self.now, Duration::from_millis(1), datagram);
                    continue;
                }
                let client = self.clients.iter().position(|client| client.address == to && client.socket == socket);
                self.carry(Way::Down, client, socket, server(), to, &bytes);
            }
        }
    }

    fn send_from_client(&mut self, index: usize) {
        loop {
            let client = &mut self.clients[index];
            let bytes = match &mut client.kind {
                Kind::Session(member) => member.poll_transmit().map(<[u8]>::to_vec),
                Kind::Text(text) => text.poll_transmit().map(<[u8]>::to_vec),
            };
            let Some(bytes) = bytes else { return };
            match &mut client.kind {
                Kind::Session(member) => member.transmitted(self.now),
                Kind::Text(text) => text.transmitted(self.now),
            }
            let (from, socket) = (client.address, client.socket);
            if self.scenario.attack && self.network.chance(0.02) {
                // An on-path attacker is faster, and spoofs another source address.
                let forged = address(200 + index, 0);
                let copy = Datagram { from: forged, to: server(), socket, bytes: bytes.clone().into(), sent: self.now };
                self.oracle.sent(forged, server(), &bytes);
                self.network.send_after(self.now, Duration::from_micros(10), copy);
            }
            if self.scenario.adversary && !self.is_over && self.network.chance(FORGED) {
                self.forge_unknown(socket, from, &bytes);
            }
            self.carry(Way::Up, Some(index), socket, from, server(), &bytes);
        }
    }

    fn carry(
        &mut self,
        way: Way,
        client: Option<usize>,
        socket: SocketId,
        from: SocketAddr,
        to: SocketAddr,
        bytes: &[u8],
    ) {
        self.tally.wire(bytes.len());
        self.oracle.sent(from, to, bytes);
        let datagram = Datagram { from, to, socket, bytes: bytes.into(), sent: self.now };
        let fate = client.map_or(Fate::Lost, |client| self.network.send(self.now, way, client, datagram));
        if self.trace.is_told() {
            self.give_keys(bytes);
        }
        let (from, to) = (self.name(from), self.name(to));
        self.trace.sent(self.now, &from, &to, bytes, fate);
    }

    /// Gives the story the keys of a packet's session, which the receiver may have dropped by the time the packet arrives.
    fn give_keys(&mut self, bytes: &[u8]) {
        let Some(Packet { receiver, .. }) = parse(bytes) else { return };
        let of_client = |client: &Client| match &client.kind {
            Kind::Session(member) => member.keys(receiver),
            Kind::Text(_) => None,
        };
        if let Some(keys) = self.server.keys(receiver).or_else(|| self.clients.iter().find_map(of_client)) {
            self.trace.take_keys(receiver, keys);
        }
    }

    /// Forges an *unknown* for a packet, as an on-path attacker can.
    fn forge_unknown(&mut self, socket: SocketId, to: SocketAddr, packet: &[u8]) {
        let Some(Packet { receiver, number, .. }) = parse(packet) else { return };
        let bytes = unknown(receiver, number).into();
        let forged = Datagram { from: server(), to, socket, bytes, sent: self.now };
        self.network.send_after(self.now, Duration::from_micros(10), forged);
    }

    fn name(&self, address: SocketAddr) -> String {
        if address == server() {
            return "server".into();
        }
        let client = self.clients.iter().find(|client| client.address == address);
        client.map_or_else(|| "nobody".into(), |client| client.nick.clone())
    }

    fn arrive(&mut self, datagram: Datagram) {
        let Datagram { from, to, socket, bytes, sent } = &datagram;
        if *to == server() {
            self.oracle.reached_server(*from, bytes, *sent);
            self.hostile.begin();
            self.server.handle_datagram(self.now, Path { socket: *socket, peer: *from, local: None }, bytes);
            self.hostile.exceeded(Step::Datagram).into_iter().for_each(|what| self.oracle.violation(what));
            if self.scenario.attack && bytes[0] >= 0xf8 {
                self.captured.truncate(CAPTURED_MAX - 1);
                self.captured.push_front(datagram);
            }
            return;
        }
        if let Some(answer) = self.rival.as_mut().and_then(|rival| rival.hear(self.now, *to, bytes)) {
            if let Some((from, to)) = answer {
                let answer = Datagram { from, to, socket: *socket, bytes: bytes[..8].into(), sent: self.now };
                self.network.send_after(self.now, self.scenario.weather.delay, answer);
            }
            return;
        }
        self.oracle.reached_client(*to, self.now);
        if self.hostile.is_at(*to) {
            let sent = self.hostile.hear(self.now, *to, bytes);
            return self.send_hostile(sent);
        }
        let is_for = |client: &Client| client.address == *to && client.socket == *socket && client.started;
        let Some(client) = self.clients.iter_mut().find(|client| is_for(client)) else { return };
        match &mut client.kind {
            Kind::Session(member) => member.handle_datagram(self.now, *from, bytes),
            Kind::Text(text) => text.handle_datagram(self.now, *from, bytes),
        }
    }

    pub(super) fn place(&self, index: usize) -> Option<(LogId, Seq)> {
        match &self.clients[index].kind {
            Kind::Session(member) => member.place(),
            Kind::Text(_) => None,
        }
    }
}
