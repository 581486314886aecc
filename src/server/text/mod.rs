//! Members over the original's text dialect (PROTOCOL 1).
//!
//! Owns: who the members are (`members`), what comes from them (`intake`), their send buffer (`ring`), which entries each has
//! been sent (`fanout`), and the earlier entries that new members are sent.
//! Must not know: sessions.
//! Driven by: the server.

pub(crate) mod fanout;
mod intake;
pub(crate) mod members;
pub(crate) mod ring;

use std::net::SocketAddr;
use std::time::Duration;

use crate::log::Window;
use crate::server::ids::{MemberId, Path, SocketId, Source, Unreachable};
use crate::server::outgoing::Outgoing;
use crate::server::queue::Queue;
use crate::time::Instant;
use crate::wire::Seq;
use crate::wire::entry::{Entry, is_for_all, is_silent};
use crate::wire::order::address_name;
use fanout::{Fanout, Peer};
pub(crate) use intake::Intake;
use members::Members;
use ring::Ring;

/// Datagrams with earlier entries that may wait for a socket; beyond that, newcomers get none. Chosen: a few full replays,
/// which nobody is promised.
const HISTORY_MAX: usize = 2048;

/// Reports in a row that a host is unreachable, after which its member is removed. Chosen: a single one may be momentary.
const UNREACHED_MAX: u8 = 3;

/// See the module.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) members: Members,
    pub(crate) ring: Ring,
    /// By socket.
    pub(crate) fanouts: Vec<Fanout>,
    /// By socket: earlier entries on their way to new members.
    pub(crate) histories: Vec<Outgoing>,
    /// Where lines are rendered; kept for its memory.
    rendered: String,
}

impl Text {
    /// Starts without members, on `sockets` sockets, with a log whose next entry is `next`.
    pub(crate) fn new(sockets: usize, next: Seq) -> Self {
        Self {
            members: Members::default(),
            ring: Ring::new(next),
            fanouts: (0..sockets).map(|_| Fanout::new(next)).collect(),
            histories: (0..sockets).map(|_| Outgoing::default()).collect(),
            rendered: String::new(),
        }
    }

    /// Adds an appended entry to the send buffer of the members that are here.
    pub(crate) fn append(&mut self, seq: Seq, encoded: &[u8]) {
        if self.members.len() == 0 {
            return self.skip_to(seq + 1);
        }
        match Entry::decode(encoded) {
            // It keeps its number, and nobody is sent anything.
            _ if is_silent(encoded) => self.ring.append(""),
            Some(Entry::Line { text }) => self.ring.append(text),
            Some(entry) => {
                entry.render(&mut self.rendered);
                self.ring.append(&self.rendered)
            }
            // Every other number is sent, and there is no empty datagram.
            None => self.ring.append("* an entry that only a newer server can show"),
        };
    }

    /// Skips everything before `end`: nobody is sent it.
    pub(crate) fn skip_to(&mut self, end: Seq) {
        self.ring.skip_to(end);
        self.fanouts.iter_mut().for_each(|fanout| fanout.skip_to(end));
    }

    /// Goes on with another log: members stay, and are sent its entries from `next` on.
    pub(crate) fn begin_anew(&mut self, next: Seq) {
        self.ring.skip_to(next);
        self.fanouts.iter_mut().for_each(|fanout| fanout.begin_anew(next));
    }

    /// Prepares the next sweep. Returns whether there is anything to send through the socket.
    pub(crate) fn advance(&mut self, socket: SocketId) -> bool {
        let more = self.fanouts[socket.0].advance(&self.ring);
        let floor = self.fanouts.iter().map(Fanout::floor).min().unwrap_or_else(|| self.ring.end());
        self.ring.release(floor);
        more
    }

    /// Gives the author its place when its first entry is appended, and sends it the `history` newest entries before that one.
    pub(crate) fn place(&mut self, author: MemberId, first: Seq, history: usize, window: &Window) {
        if !self.members.is_here(author) {
            return;
        }
        let Some(member) = self.members.get_mut(author).filter(|member| member.place.is_none()) else { return };
        let path = member.path;
        let Path { socket, peer, local } = path;
        let peer = Peer { to: peer, from: local, member: author, cursor: first };
        member.place = Some(self.fanouts[socket.0].insert(peer));
        let outgoing = &mut self.histories[socket.0];
        if history == 0 || outgoing.len() >= HISTORY_MAX {
            return;
        }
        let from = Seq(first.0.saturating_sub(history as u64));
        for (_, encoded) in window.entries(from).take_while(|&(seq, _)| seq < first) {
            let Some(entry) = Entry::decode(encoded).filter(|_| is_for_all(encoded)) else { continue };
            entry.render(&mut self.rendered);
            outgoing.push(|out| {
                out.extend_from_slice(self.rendered.as_bytes());
                Some(path)
            });
        }
    }

    /// Records that the system cannot reach `peer`. A member is removed at the first report that its port is closed, and at the
    /// third report that its host is unreachable without a datagram from it in between.
    pub(crate) fn handle_unreachable(&mut self, socket: SocketId, peer: SocketAddr, why: Unreachable, queue: &Queue) {
        let Some(id) = self.members.find(socket, peer) else { return };
        let Some(member) = self.members.get_mut(id) else { return };
        member.unreached += 1;
        if why == Unreachable::Port || member.unreached >= UNREACHED_MAX {
            log::debug!("{peer} is gone: {why:?} unreachable");
            self.remove(id, queue);
        }
    }

    /// Removes members that have been silent for `idle`.
    pub(crate) fn expire(&mut self, now: Instant, idle: Duration, queue: &Queue) {
        while let Some(id) = self.members.expired(now, idle) {
            if let Some(member) = self.members.get(id) {
                log::debug!("{} is gone: silent for {idle:?}", member.path.peer);
            }
            self.remove(id, queue);
        }
    }

    /// Removes the members at this address ([`address_name`]); all of them if there is none.
    pub(crate) fn remove_from(&mut self, address: Option<&str>, queue: &Queue) {
        let is_there = |id: &MemberId| {
            let Some(member) = self.members.get(*id) else { return false };
            address.is_none_or(|address| address_name(member.path.peer.ip()) == address)
        };
        let there: Vec<_> = self.members.after(None).map(|(id, _)| id).filter(is_there).collect();
        for id in there {
            self.remove(id, queue);
        }
    }

    /// Cleans up when an item of the member is finished.
    pub(crate) fn done(&mut self, id: MemberId, queue: &Queue) {
        if !queue.holds(Source::Text(id)) {
            self.members.forget(id);
        }
        self.remove_if_nothing(id, queue);
    }

    /// Removes a newcomer whose first datagram was dropped: it has no cursor, and nothing queued that would give it one.
    pub(crate) fn remove_if_nothing(&mut self, id: MemberId, queue: &Queue) {
        if !queue.holds(Source::Text(id)) && self.members.get(id).is_some_and(|member| member.place.is_none()) {
            self.remove(id, queue);
        }
    }

    pub(crate) fn remove(&mut self, id: MemberId, queue: &Queue) {
        if let Some(member) = self.members.get(id)
            && let (Some(place), socket) = (member.place, member.path.socket)
        {
            let members = &mut self.members;
            self.fanouts[socket.0].remove(place, |moved, place| {
                if let Some(member) = members.get_mut(moved) {
                    member.place = Some(place);
                }
            });
        }
        self.members.remove(id);
        if !queue.holds(Source::Text(id)) {
            self.members.forget(id);
        }
    }
}
