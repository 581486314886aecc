//! Members over the original's text dialect (PROTOCOL 1).
//!
//! Owns: who they are (`members`), what comes from them (`intake`), their send buffer (`ring`), who has been sent what of it
//! (`fanout`), and what new ones are sent of what was said before.
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
use crate::wire::entry::Entry;
use fanout::{Fanout, Peer};
pub(crate) use intake::Intake;
use members::Members;
use ring::Ring;

/// Datagrams of what was said before that wait for a socket before newcomers go without. Chosen: some full replays; it is
/// no promise.
const HISTORY_MAX: usize = 2048;

/// After so many words in a row that a host is not reached, its member is gone. Chosen: one may be a moment's.
const UNREACHED_MAX: u8 = 3;

/// See the module.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) members: Members,
    pub(crate) ring: Ring,
    /// By socket.
    pub(crate) fanouts: Vec<Fanout>,
    /// By socket: what was said before and is on its way to new members.
    pub(crate) histories: Vec<Outgoing>,
    /// Where a line is put together; kept for its memory.
    rendered: String,
}

impl Text {
    /// Nobody yet, on `sockets` sockets, of a log whose next entry is `next`.
    pub(crate) fn new(sockets: usize, next: Seq) -> Self {
        Self {
            members: Members::default(),
            ring: Ring::new(next),
            fanouts: (0..sockets).map(|_| Fanout::new(next)).collect(),
            histories: (0..sockets).map(|_| Outgoing::default()).collect(),
            rendered: String::new(),
        }
    }

    /// An entry was appended: whoever is here is sent it.
    pub(crate) fn append(&mut self, seq: Seq, encoded: &[u8]) {
        if self.members.len() == 0 {
            return self.skip_to(seq + 1);
        }
        match Entry::decode(encoded) {
            Some(Entry::Line { text }) => self.ring.append(text),
            Some(entry) => {
                entry.render(&mut self.rendered);
                self.ring.append(&self.rendered)
            }
            // Each number is sent; there is no empty datagram.
            None => self.ring.append("* something that only a newer server can tell"),
        };
    }

    /// Nobody is sent anything before `end`.
    pub(crate) fn skip_to(&mut self, end: Seq) {
        self.ring.skip_to(end);
        self.fanouts.iter_mut().for_each(|fanout| fanout.skip_to(end));
    }

    /// It is another log: members stay, and are sent what is said from `next` on.
    pub(crate) fn begin_anew(&mut self, next: Seq) {
        self.ring.skip_to(next);
        self.fanouts.iter_mut().for_each(|fanout| fanout.begin_anew(next));
    }

    /// Gets the next sweep ready, if there is anything to send through the socket.
    pub(crate) fn advance(&mut self, socket: SocketId) -> bool {
        let more = self.fanouts[socket.0].advance(&self.ring);
        let floor = self.fanouts.iter().map(Fanout::floor).min().unwrap_or_else(|| self.ring.end());
        self.ring.release(floor);
        more
    }

    /// The author's first entry was appended: it is a member, and is sent `history` of the newest entries before it.
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
            let Some(entry) = Entry::decode(encoded) else { continue };
            entry.render(&mut self.rendered);
            outgoing.push(|out| {
                out.extend_from_slice(self.rendered.as_bytes());
                Some(path)
            });
        }
    }

    /// The system says that nothing gets through to `peer`. A member is gone at the first word of a closed port, and at the third
    /// in a row, without a datagram from it, of a host that is not reached.
    pub(crate) fn handle_unreachable(&mut self, socket: SocketId, peer: SocketAddr, why: Unreachable, queue: &Queue) {
        let Some(id) = self.members.find(socket, peer) else { return };
        let Some(member) = self.members.get_mut(id) else { return };
        member.unreached += 1;
        if why == Unreachable::Port || member.unreached >= UNREACHED_MAX {
            log::debug!("{peer} is gone: {why:?} unreachable");
            self.remove(id, queue);
        }
    }

    /// Lets those go that were silent for `idle`.
    pub(crate) fn expire(&mut self, now: Instant, idle: Duration, queue: &Queue) {
        while let Some(id) = self.members.expired(now, idle) {
            if let Some(member) = self.members.get(id) {
                log::debug!("{} is gone: silent for {idle:?}", member.path.peer);
            }
            self.remove(id, queue);
        }
    }

    /// Something of the member's is done with.
    pub(crate) fn done(&mut self, id: MemberId, queue: &Queue) {
        if !queue.holds(Source::Text(id)) {
            self.members.forget(id);
        }
        self.remove_if_nothing(id, queue);
    }

    /// Lets a newcomer go whose first datagram came to nothing: it has no cursor, and nothing that would give it one.
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
