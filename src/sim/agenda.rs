//! What happens in a run, and when: the messages, and the faults among them.
//!
//! Owns: the plan of a scenario, and carrying it out.
//! Must not know: how datagrams are carried, what is right.
//! Driven by: `world`.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Restart;
use super::cast::{Action, Kind, SOCKETS, address, message_text, open_server, server, text_config};
use super::hostile::Sent;
use super::network::Datagram;
use super::rival::Rival;
use super::world::World;
use crate::client::text;
use crate::server::SocketId;
use crate::time::Instant;
use crate::wire::Instance;
use crate::wire::frame::PostKind;

/// The time between two clients' starts. Chosen: they come one by one.
const START_INTERVAL: Duration = Duration::from_millis(20);

/// When the talk begins at the earliest: by then all clients have shaken hands, in most weather.
const TALK: Duration = Duration::from_secs(5);

/// When it begins at the latest, even if clients are missing.
const TALK_MAX: Duration = Duration::from_secs(60);

/// The time between two actions of the adversary. Chosen: some thousand datagrams in a run.
const HOSTILE_INTERVAL: Duration = Duration::from_millis(40);

impl World<'_> {
    fn at(&mut self, when: Instant, action: Action) {
        self.agenda.insert((when, self.planned), action);
        self.planned += 1;
    }

    /// Plans the starts of the clients.
    pub(super) fn plan(&mut self) {
        let scenario = self.scenario;
        for index in scenario.replayers..scenario.clients {
            let index_u32 = u32::try_from(index).unwrap_or_default();
            self.at(Instant::ZERO + START_INTERVAL * index_u32, Action::Start(index));
        }
        self.at(Instant::ZERO + TALK, Action::Begin);
        if scenario.adversary {
            self.at(Instant::ZERO, Action::Hostile);
        }
        self.last_fault = Instant::ZERO + TALK_MAX;
    }

    /// Plans the messages, and the faults among them; or postpones that, while a client is missing.
    fn begin(&mut self) {
        let (scenario, talk) = (self.scenario, self.now);
        let all_are_here = self.clients[scenario.replayers..].iter().all(|client| client.joined);
        if !all_are_here && talk < Instant::ZERO + TALK_MAX {
            return self.at(talk + TALK / 10, Action::Begin);
        }
        for index in 0..scenario.replayers {
            self.at(talk, Action::Start(index));
        }
        self.rival = scenario.rival.then(|| Rival::new(talk));
        for message in 0..scenario.messages {
            let when = talk + scenario.interval * u32::try_from(message).unwrap_or(u32::MAX);
            self.at(when, Action::Say(message));
        }
        let length = scenario.interval * u32::try_from(scenario.messages).unwrap_or(u32::MAX);
        let mut end = talk + length;
        if let Some(time) = scenario.partition {
            self.at(talk + length / 5, Action::Cut(true));
            self.at(talk + length / 5 + time, Action::Cut(false));
            end = end.max(talk + length / 5 + time);
        }
        if scenario.rebind {
            self.at(talk + length * 2 / 5, Action::Rebind);
        }
        if let Some(restart) = scenario.restart_server {
            self.at(talk + length * 3 / 5, Action::RestartServer(restart));
        }
        if let Some(time) = scenario.log_away {
            self.at(talk + length * 3 / 10, Action::LogAway(true));
            self.at(talk + length * 3 / 10 + time, Action::LogAway(false));
            end = end.max(talk + length * 3 / 10 + time);
        }
        if scenario.new_log {
            self.at(talk + length / 2, Action::NewLog);
        }
        if scenario.restart_clients {
            self.at(talk + length * 4 / 5, Action::RestartClients);
        }
        if scenario.attack {
            (1..20).for_each(|step| self.at(talk + length * step / 20, Action::Attack(step)));
        }
        self.last_fault = end;
        self.at(end, Action::Calm);
        if scenario.adversary {
            self.at(end, Action::Part);
        }
    }

    pub(super) fn act(&mut self, action: Action) {
        match action {
            Action::Start(index) => {
                self.clients[index].started = true;
                self.clients[index].waits_since = Some(self.now);
                self.clients[index].kind = if self.speaks_text(index) {
                    Kind::Text(Box::new(text::Client::new(self.now, text_config(&self.clients[index].nick))))
                } else {
                    self.new_member(index, None)
                };
            }
            Action::Begin => self.begin(),
            Action::Say(message) => self.say(message),
            Action::Cut(is_cut) => {
                (0..self.clients.len()).step_by(2).for_each(|client| self.network.cut(client, is_cut));
                self.trace.tell(self.now, "network", || {
                    if is_cut { "cuts every other client off" } else { "is whole" }.into()
                });
            }
            Action::Rebind => self.rebind(),
            Action::RestartServer(restart) => self.restart_server(restart),
            Action::RestartClients => (0..self.clients.len()).step_by(3).for_each(|client| self.restart_client(client)),
            Action::Attack(step) => self.attack(step),
            Action::Part => {
                self.is_over = true;
                let sent = self.hostile.leave();
                self.send_hostile(sent);
            }
            Action::Hostile if self.is_over => {}
            Action::Hostile => {
                let sent = self.hostile.act(self.now, self.server.end());
                self.send_hostile(sent);
                self.at(self.now + HOSTILE_INTERVAL, Action::Hostile);
            }
            Action::LogAway(is_away) => {
                self.backend.set_away(is_away);
                self.trace.tell(self.now, "log", || if is_away { "goes away" } else { "comes back" }.into());
            }
            Action::NewLog => {
                self.show_committed();
                self.backend.replace();
                self.log_is_another();
                self.trace.tell(self.now, "log", || "is another one".into());
            }
            Action::Calm if self.scenario.calms => {
                self.network.calm();
                self.backend.calm();
            }
            Action::Calm => {}
        }
    }

    fn say(&mut self, message: u64) {
        let replayers = self.scenario.replayers;
        let index = replayers + usize::try_from(message).unwrap_or_default() % (self.clients.len() - replayers);
        let text = message_text(message, self.scenario.size);
        let readers: BTreeSet<_> =
            (0..self.clients.len()).filter(|&index| index >= replayers && self.clients[index].joined).collect();
        self.tally.said(self.now, message, index, readers);
        self.read_back(message);
        self.reads(index);
        let client = &mut self.clients[index];
        match &mut client.kind {
            Kind::Session(member) => {
                let counter = member.post(self.now, PostKind::Say, &text);
                let post = (client.instance.0, counter);
                self.oracle.posted(index, post, &text, None);
                self.whisper_on(index, message);
            }
            Kind::Text(client) => {
                client.say(&text, &None);
            }
        }
    }

    fn rebind(&mut self) {
        for index in (0..self.clients.len()).step_by(2) {
            let client = &mut self.clients[index];
            client.moves += 1;
            client.address = address(index, client.moves);
            if index.is_multiple_of(4) {
                // And by another path, which ends at another socket.
                client.socket = SocketId((client.socket.0 + 1) % SOCKETS);
            }
            let (nick, to) = (client.nick.clone(), client.address);
            self.trace.tell(self.now, &nick, || format!("is at {to} now"));
        }
    }

    fn restart_server(&mut self, restart: Restart) {
        self.trace.tell(self.now, "server", || format!("is killed and started again: {restart:?}"));
        let places = self.server.places();
        self.backend.restart(restart == Restart::SameLog);
        if restart == Restart::SameLog {
            self.show_committed();
        }
        self.log_is_another();
        self.server = open_server(self.scenario, &self.server_key, &mut self.backend, &mut self.entropy, self.now);
        self.server.knock_at(self.now, places);
    }

    /// Tells the oracle which log there is and how many entries it has.
    fn log_is_another(&mut self) {
        self.oracle.log_is(self.backend.id.0, self.backend.log.len());
        self.told = self.backend.log.len();
    }

    fn restart_client(&mut self, index: usize) {
        let place = self.place(index);
        let instance = Instance(self.entropy.bytes());
        let nick = self.clients[index].nick.clone();
        self.trace.tell(self.now, &nick, || "is killed and started again".into());
        if self.speaks_text(index) {
            self.clients[index].kind = Kind::Text(Box::new(text::Client::new(self.now, text_config(&nick))));
            return;
        }
        if let Kind::Session(member) = &self.clients[index].kind {
            self.clients[index].seen = member.seen().clone();
        }
        self.oracle.restarted(index, place.map(|(log, next)| (log.0, next.0)));
        self.clients[index].instance = instance;
        self.clients[index].waits_since = Some(self.now);
        self.clients[index].kind = self.new_member(index, place);
    }

    /// Sends the adversary's datagrams.
    pub(super) fn send_hostile(&mut self, sent: Vec<Sent>) {
        for (from, socket, bytes) in sent {
            self.oracle.sent(from, server(), &bytes);
            let datagram = Datagram { from, to: server(), socket, bytes: bytes.into(), sent: self.now };
            self.network.send_after(self.now, Duration::from_millis(1), datagram);
        }
    }

    /// Sends replays, forged hellos and garbage from an address where nobody is.
    pub(super) fn attack(&mut self, step: u32) {
        let attacker = address(100 + usize::try_from(step).unwrap_or_default(), 0);
        let mut all: Vec<Box<[u8]>> = Vec::new();
        if !self.captured.is_empty() {
            for _ in 0..5 {
                let chosen = self.entropy.next_u32() as usize % self.captured.len();
                all.push(self.captured[chosen].bytes.clone());
            }
        }
        let mut hello = vec![0; 1200];
        hello[..6].copy_from_slice(&[0xf8, 2, 1, 2, 3, 4]);
        hello[6..18].copy_from_slice(b"\x06AAAAAAAAAAA");
        hello[18..50].copy_from_slice(&self.entropy.bytes::<32>());
        all.push(hello.into());
        let mut garbage = self.entropy.bytes::<64>();
        garbage[0] |= 0xf8;
        all.push(garbage.into());
        for bytes in all {
            self.oracle.sent(attacker, server(), &bytes);
            let socket = SocketId(self.entropy.next_u32() as usize % SOCKETS);
            let datagram = Datagram { from: attacker, to: server(), socket, bytes, sent: self.now };
            self.network.send_after(self.now, Duration::from_millis(1), datagram);
        }
    }
}
