//! A room and its clients in memory: no sockets, no clock, a network without loss and reordering.
#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use udpchat::client::text::{Client, Config as ClientConfig};
use udpchat::client::{Event, Unreachable};
use udpchat::log::sqlite::{Keep, Sqlite, Sync};
use udpchat::log::{Appended, Draft, DraftId, Memory, Opening, Outcome, Rejection, Request, Store};
use udpchat::server::{Config, Path, Server, SocketId};
use udpchat::session::{Entropy, StaticKey};
use udpchat::time::Instant;
use udpchat::wire::entry::{ENTRY_MAX, Entry, Tail};
use udpchat::wire::{LogId, PostId, Seq, Timestamp, Who};

/// The only socket of the server, and its address as the clients know it.
pub const SOCKET: SocketId = SocketId(0);

pub fn server_address() -> SocketAddr {
    "10.0.0.1:9999".parse().unwrap()
}

/// Opens the log in that file, as a server does that has just been started.
pub fn open_log(path: &std::path::Path, keep: Keep) -> Sqlite {
    // A process that another test starts holds our locks too, from its fork until its exec.
    let opened = (0..1000).find_map(|_| match Sqlite::open(path, Sync::Normal, keep, LogId([1; 16])) {
        Err(err) if err.to_string().starts_with("another server") => {
            std::thread::sleep(Duration::from_millis(1));
            None
        }
        opened => Some(opened.unwrap()),
    });
    opened.expect("nobody else has it open")
}

/// Returns the configuration of the tests' server, with a key of its own.
pub fn config() -> Config {
    Config::new(StaticKey::generate(&mut Entropy::new([100; 32])), [1; 32])
}

/// The id of the tests' log.
pub const LOG: LogId = LogId([1; 16]);

/// Creates an empty log in memory.
pub fn memory() -> Memory {
    Memory::new(LOG)
}

/// A draft that was submitted.
struct Asked {
    id: DraftId,
    post: Option<(Who, PostId)>,
    entries: Vec<Vec<u8>>,
}

enum Answer {
    Appended { seq: Seq, entry: Vec<u8>, post: Option<(Who, PostId)>, draft: Option<DraftId>, is_last: bool },
    Rejected(DraftId),
    Other(Outcome<'static>),
}

/// A backend that answers when the test tells it to, in the test's order.
#[derive(Default)]
pub struct Slow {
    asked: Vec<Asked>,
    next: Seq,
    answers: VecDeque<Answer>,
    lent: Vec<u8>,
    /// All requests other than drafts.
    pub requests: Vec<Request>,
}

impl Slow {
    /// Returns how many drafts are unanswered.
    pub fn asked(&self) -> usize {
        self.asked.len()
    }

    /// Appends the unanswered draft with this index.
    pub fn commit(&mut self, index: usize) {
        let Asked { id, post, entries } = self.asked.remove(index);
        let count = entries.len();
        for (number, entry) in entries.into_iter().enumerate() {
            let (seq, draft, is_last) = (self.next, Some(id), number + 1 == count);
            self.answers.push_back(Answer::Appended { seq, entry, post, draft, is_last });
            self.next = self.next + 1;
        }
    }

    /// Rejects the unanswered draft with this index.
    pub fn reject(&mut self, index: usize) {
        let Asked { id, .. } = self.asked.remove(index);
        self.answers.push_back(Answer::Rejected(id));
    }

    /// Appends an entry that did not come from this server.
    pub fn append_foreign(&mut self, entry: &Entry<'_>, post: Option<(Who, PostId)>) {
        self.append_with(entry, Timestamp::default(), None, post);
    }

    /// The same, with its time and what follows that.
    pub fn append_with(
        &mut self,
        entry: &Entry<'_>,
        at: Timestamp,
        tail: Option<Tail<'_>>,
        post: Option<(Who, PostId)>,
    ) {
        let (seq, entry) = (self.next, encoded(entry, at, tail));
        self.answers.push_back(Answer::Appended { seq, entry, post, draft: None, is_last: true });
        self.next = self.next + 1;
    }

    /// Reports any other outcome.
    pub fn tell(&mut self, outcome: Outcome<'static>) {
        if let Outcome::NewLog(opening) = &outcome {
            self.next = opening.next;
            self.asked.clear();
        }
        self.answers.push_back(Answer::Other(outcome));
    }
}

fn encoded(entry: &Entry<'_>, at: Timestamp, tail: Option<Tail<'_>>) -> Vec<u8> {
    let mut encoded = [0; ENTRY_MAX];
    let len = match tail {
        Some(tail) => entry.encode_with_tail(at, &tail, &mut encoded),
        None => entry.encode(at, &mut encoded),
    };
    let len = len.unwrap();
    encoded[..len].to_vec()
}

impl Store for Slow {
    fn open(&mut self) -> Opening {
        Opening { id: LOG, next: self.next, ..Opening::default() }
    }

    fn submit(&mut self, draft: &Draft<'_>) {
        let mut entries = Vec::new();
        draft.for_each(|entry, _| entries.push(encoded(entry, draft.at, draft.tail)));
        self.asked.push(Asked { id: draft.id, post: draft.post, entries });
    }

    fn flush(&mut self) {}

    fn request(&mut self, request: &Request) {
        self.requests.push(*request);
    }

    fn poll(&mut self) -> Option<Outcome<'_>> {
        Some(match self.answers.pop_front()? {
            Answer::Appended { seq, entry, post, draft, is_last } => {
                self.lent = entry;
                Outcome::Appended(Appended { seq, at: Timestamp::default(), bytes: &self.lent, post, draft, is_last })
            }
            Answer::Rejected(draft) => Outcome::Rejected { draft, why: Rejection::Full },
            Answer::Other(outcome) => outcome,
        })
    }
}

/// A room, driven as the loop drives it.
pub struct World<S = Memory> {
    pub now: Instant,
    pub server: Server,
    pub store: S,
    pub transcript: Vec<String>,
    /// The datagrams sent: receiver, our own address, bytes.
    pub sent: Vec<(SocketAddr, Option<IpAddr>, Vec<u8>)>,
}

impl World {
    pub fn new(config: Config) -> Self {
        Self::with_store(config, memory())
    }
}

impl<S: Store> World<S> {
    pub fn with_store(config: Config, mut store: S) -> Self {
        let server = Server::new(Instant::ZERO, config, 1, store.open());
        Self { now: Instant::ZERO, server, store, transcript: Vec::new(), sent: Vec::new() }
    }

    /// `peer` sends a datagram to the server's only address.
    pub fn receive(&mut self, peer: &str, bytes: impl AsRef<[u8]>) {
        self.receive_at(peer, None, bytes);
    }

    /// `peer` sends a datagram to this address of the server.
    pub fn receive_at(&mut self, peer: &str, local: Option<IpAddr>, bytes: impl AsRef<[u8]>) {
        let path = Path { socket: SOCKET, peer: peer.parse().unwrap(), local };
        self.server.handle_datagram(self.now, path, bytes.as_ref());
    }

    pub fn commit(&mut self) {
        while self.server.shake_hands(self.now, false) {}
        let transcript = &mut self.transcript;
        udpchat::server::exchange(self.now, &mut self.server, &mut self.store, |tag, text| {
            transcript.push(format!("{tag}{text}"))
        });
    }

    /// Has the system refuse the next transmit.
    pub fn refuse_next(&mut self) {
        let token = self.server.poll_transmit(SOCKET).unwrap().token();
        self.server.untransmittable(token);
    }

    /// Hands at most `most` transmits to the network; returns how many there were.
    pub fn send(&mut self, most: usize) -> usize {
        let mut count = 0;
        while count < most {
            let Some(transmits) = self.server.poll_transmit(SOCKET) else { break };
            let token = transmits.token();
            let (from, segment) = (transmits.from(), transmits.segment());
            let mut taken = 0;
            for (to, bytes) in transmits.take(most - count) {
                for datagram in bytes.chunks(segment.unwrap_or(usize::MAX)) {
                    self.sent.push((to, from, datagram.to_vec()));
                }
                taken += 1;
            }
            assert!(taken > 0, "the room says that there is something to send, and there is nothing");
            self.server.transmitted(token, taken);
            count += taken;
        }
        count
    }

    /// Commits and sends until nothing is left to do.
    pub fn run(&mut self) {
        loop {
            self.commit();
            if self.send(usize::MAX) == 0 {
                return;
            }
        }
    }

    /// `peer` sends a datagram, and the room does everything that follows from it.
    pub fn say(&mut self, peer: &str, bytes: impl AsRef<[u8]>) {
        self.receive(peer, bytes);
        self.run();
    }

    /// Lets `time` pass, and has the room handle each of its deadlines meanwhile.
    pub fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.server.poll_timeout().filter(|&at| at <= until) {
            self.now = self.now.max(at);
            self.server.handle_timeout(self.now);
            assert!(self.server.poll_timeout().is_none_or(|next| next > self.now), "a deadline moves on");
            self.run();
        }
        self.now = until;
    }

    /// Returns the datagrams sent to `peer`, as text.
    pub fn sent_to(&self, peer: &str) -> Vec<String> {
        let peer: SocketAddr = peer.parse().unwrap();
        let to_peer = self.sent.iter().filter(|(to, _, _)| *to == peer);
        to_peer.map(|(_, _, bytes)| String::from_utf8(bytes.clone()).expect("only UTF-8 is sent")).collect()
    }
}

/// Our client in the world.
pub struct Peer {
    pub client: Client,
    pub address: SocketAddr,
    pub shown: Vec<String>,
    pub events: Vec<Event>,
    heard: usize,
}

impl Peer {
    pub fn new(now: Instant, nick: &str, address: &str, timeout: Duration) -> Self {
        let nick = nick.parse().unwrap();
        let config = ClientConfig { nick, server: server_address(), patience: timeout, timeout, stays: true };
        let client = Client::new(now, config);
        Self { client, address: address.parse().unwrap(), shown: Vec::new(), events: Vec::new(), heard: 0 }
    }

    /// Tells it, as the system would, that nothing listens at the server's address.
    pub fn refuse(&mut self, now: Instant) {
        self.client.handle_unreachable(now, Unreachable::Refused);
    }

    /// Prepares it for a new world, which has sent nothing yet.
    pub fn turn_to_new_server(&mut self) {
        self.heard = 0;
        self.shown.clear();
    }

    fn drain_events(&mut self) {
        while let Some(event) = self.client.poll_event() {
            if let Event::Received(text) = event {
                self.shown.push(text);
            } else {
                self.events.push(event);
            }
        }
    }
}

/// Carries datagrams between clients and room until nobody sends anything more.
pub fn run<S: Store>(world: &mut World<S>, peers: &mut [&mut Peer]) {
    loop {
        let mut quiet = true;
        for peer in peers.iter_mut() {
            while let Some(bytes) = peer.client.poll_transmit().map(<[u8]>::to_vec) {
                peer.client.transmitted(world.now);
                world.receive(&peer.address.to_string(), bytes);
                quiet = false;
            }
        }
        world.run();
        for peer in peers.iter_mut() {
            for (to, _, bytes) in &world.sent[peer.heard..] {
                if *to == peer.address {
                    peer.client.handle_datagram(world.now, server_address(), bytes);
                    quiet = false;
                }
            }
            peer.heard = world.sent.len();
            peer.drain_events();
        }
        if quiet {
            return;
        }
    }
}
