//! The members of a load test with sessions: many clients in one process.
//!
//! Owns: their sessions and deadlines, what each has to send.
//! Must not know: when a message is sent, what is measured.
//! Driven by: `load`.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;

use mio::net::UdpSocket;

use super::has_aes;
use super::state::{make_key, random};
use crate::client::member::Member;
use crate::client::{Event, Identity};
use crate::session::StaticKey;
use crate::time::Instant;
use crate::wire::Instance;
use crate::wire::entry::Entry;
use crate::wire::frame::PostKind;

/// See the module.
pub(super) struct Crowd {
    server: SocketAddr,
    present: bool,
    /// Keys of the members still to come, so that a member that joins has one already.
    keys: Vec<StaticKey>,
    members: Vec<Member>,
    /// When to look at each member; an entry is stale if it is no longer the member's own in `armed`.
    timers: BinaryHeap<Reverse<(Instant, usize)>>,
    armed: Vec<Option<Instant>>,
}

impl Crowd {
    /// Creates an empty crowd with keys for `members`. `present`: each member is announced to the room.
    pub(super) fn new(server: SocketAddr, present: bool, members: usize) -> Self {
        let keys = std::iter::repeat_with(make_key).take(members).collect();
        Self { server, present, keys, members: Vec::new(), timers: BinaryHeap::new(), armed: Vec::new() }
    }

    /// Adds a member, which begins to look for the server.
    pub(super) fn add(&mut self, now: Instant) {
        let number = self.members.len();
        let nick = format!("b{number}").parse().expect("it is short and plain");
        let key = self.keys.pop().unwrap_or_else(make_key);
        let identity = Identity::new(key, Instance(random()), random());
        let identity = Identity { unnamed: !self.present, present: self.present, has_aes: has_aes(), ..identity };
        self.members.push(Member::new(now, self.server, nick, identity));
        self.armed.push(None);
    }

    /// Returns whether the member has a session.
    pub(super) fn is_here(&self, member: usize) -> bool {
        self.members[member].is_here()
    }

    /// Returns whether the member's next datagram may cost public-key work.
    pub(super) fn is_shaking(&self, member: usize) -> bool {
        self.members[member].is_shaking()
    }

    /// Posts a message; returns the member's counter for it.
    pub(super) fn say(&mut self, now: Instant, member: usize, text: &str) -> u64 {
        self.members[member].post(now, PostKind::Say, text)
    }

    /// Handles a datagram that came in; calls `take` with each event.
    pub(super) fn hear(&mut self, now: Instant, member: usize, bytes: &[u8], mut take: impl FnMut(Event)) {
        let client = &mut self.members[member];
        client.handle_datagram(now, self.server, bytes);
        while let Some(event) = client.poll_event() {
            take(event);
        }
    }

    /// Handles a datagram that came in; calls `take` with the text of each message.
    pub(super) fn receive(&mut self, now: Instant, member: usize, bytes: &[u8], mut take: impl FnMut(&str)) {
        self.hear(now, member, bytes, |event| {
            if let Event::Entry { encoded, .. } = event
                && let Some(Entry::Said { text, .. }) = Entry::decode(&encoded)
            {
                take(text);
            }
        });
    }

    /// Sends what the member has to send. Datagrams that the socket does not take are lost, like others on the path.
    pub(super) fn send(&mut self, now: Instant, member: usize, socket: &UdpSocket) {
        let client = &mut self.members[member];
        while let Some(bytes) = client.poll_transmit() {
            let _ = socket.send(bytes);
            client.transmitted(now);
        }
        let at = client.poll_timeout();
        if let Some(at) = at.filter(|&at| self.armed[member].is_none_or(|armed| at < armed)) {
            self.armed[member] = Some(at);
            self.timers.push(Reverse((at, member)));
        }
    }

    /// Handles the next deadline that has passed; returns its member, which may have something to send.
    pub(super) fn expired(&mut self, now: Instant) -> Option<usize> {
        while let Some(&Reverse((at, member))) = self.timers.peek().filter(|&&Reverse((at, _))| at <= now) {
            self.timers.pop();
            if self.armed[member].take_if(|armed| *armed == at).is_some() {
                self.members[member].handle_timeout(now);
                return Some(member);
            }
        }
        None
    }

    /// Returns when to call [`Crowd::expired`].
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.timers.peek().map(|&Reverse((at, _))| at)
    }

    /// Says goodbye for each member, once.
    pub(super) fn leave(&mut self, now: Instant, sockets: &[UdpSocket]) {
        for (client, socket) in self.members.iter_mut().zip(sockets) {
            client.leave(now);
            if let Some(bytes) = client.poll_transmit() {
                let _ = socket.send(bytes);
            }
        }
    }
}
