//! Whose turn it is to be sent something.
//!
//! Owns: the order in which sessions make packets: ready ones, by socket; ones that have been sent everything; ones that wait
//! for a time.
//! Must not know: what is in packets; `peer` composes them.
//! Driven by: `sessions`.

use arrayvec::ArrayVec;

use super::peer::{Peer, Told, Turn};
use super::{BUILT_MAX, Context, PACKETS_OF_A_TURN, Sessions, intake, orders};
use crate::server::ids::{PeerId, SocketId};
use crate::server::room::Room;
use crate::time::Instant;
use crate::wire::record::Name;
use crate::wire::{CloseReason, Seq};
use crate::work::{self, Work};

impl Sessions {
    /// Builds what is to be sent next through `socket`. Returns false if there is nothing.
    pub(in crate::server) fn build(&mut self, cx: &mut Context<'_>, socket: SocketId) -> bool {
        while self.outgoing[socket.0].len() < BUILT_MAX {
            let Some(id) = self.ready[socket.0].pop_front() else { break };
            work::did(Work::Scanned, 1);
            let Some(peer) = self.peers.get_mut(id.key()) else { continue };
            if peer.turn != Turn::Ready(socket) {
                // A stale place: its id was another session's, or the session moved or has been served in another place.
                continue;
            }
            peer.turn = Turn::Waiting;
            if peer.session.is_worn_out() {
                self.close(cx, id, CloseReason::ServerEnds);
            } else if peer.session.path().socket == socket {
                self.build_for(cx, socket, id);
            } else {
                self.wake(id);
            }
        }
        self.check();
        self.outgoing[socket.0].len() > 0
    }

    /// Builds the packets of one session's turn.
    fn build_for(&mut self, cx: &mut Context<'_>, socket: SocketId, id: PeerId) {
        let now = cx.now;
        let is_large = self.by_id.len() > cx.announce_each;
        self.archive.serve(id, &mut cx.room.window);
        let is_closed = cx.room.is_closed();
        let may_send = |peer: &&Peer| peer.session.may_send(now).is_ok();
        let name = self.peer(id).filter(may_send).and_then(|peer| peer.owed.name.clone());
        let found = name.as_deref().map(|name| (name, self.found(cx, name)));
        let found = found.as_ref().map(|(name, found)| found.frame(name));
        let Room { window, posts, presence, announcements, policy, .. } = &mut *cx.room;
        let Some(peer) = self.peers.get_mut(id.key()) else { return };
        let Some(author) = posts.get_mut(peer.author) else { return };
        let outgoing = &mut self.outgoing[socket.0];
        let (presence, texts, window) = (&*presence, cx.texts, &*window);
        let (policy, wall) = (&*policy, cx.wall);
        let people = |after| intake::people(presence, policy, after, texts);
        let records = |who, after: Option<&Name>| orders::records(policy, texts, who, wall, after);
        let end = peer.end(announcements.told());
        peer.begin_reading(window, end);
        let read = if peer.owed.read { self.reads.get(peer.who) } else { None };
        let told = Told { window, end, is_large, policy, is_closed, name: cx.name, found: found.as_ref(), read };
        let mut packets = 0;
        while packets < PACKETS_OF_A_TURN
            && outgoing.push(|out| peer.poll_packet(now, author, told, people, records, out))
        {
            packets += 1;
        }
        let wants_more = peer.wants(author, told.end);
        let end_due = peer.end_due(announcements.told()).filter(|&due| due > now);
        let lacking: ArrayVec<Seq, 3> = peer.lacks(window, told.end).collect();
        match peer.session.may_send(now) {
            Err(paced) if wants_more => peer.paced = paced,
            Ok(()) if wants_more && packets > 0 => self.wake(id),
            Ok(()) if wants_more => {}
            Ok(()) | Err(_) => {
                peer.turn = Turn::AtEnd(self.at_end.len());
                self.at_end.push(id);
            }
        }
        for seq in lacking {
            self.archive.want(seq, id);
        }
        self.arm(id);
        if let Some(due) = end_due {
            self.timers.arm(id, due);
        }
    }

    /// Makes the session ready, behind the others.
    pub(super) fn wake(&mut self, id: PeerId) {
        self.leave_end(id);
        let Some(peer) = self.peer_mut(id) else { return };
        let socket = peer.session.path().socket;
        if peer.begins().is_none() && peer.turn != Turn::Ready(socket) {
            peer.turn = Turn::Ready(socket);
            self.ready[socket.0].push_back(id);
        }
    }

    /// As [`Sessions::wake`], but before all others: an author waits for the outcome of its post, and a large room takes long.
    pub(super) fn wake_first(&mut self, id: PeerId) {
        self.leave_end(id);
        let Some(peer) = self.peer_mut(id) else { return };
        let socket = peer.session.path().socket;
        if peer.begins().is_none() {
            // It may also have a place further behind, which is then stale.
            peer.turn = Turn::Ready(socket);
            self.ready[socket.0].push_front(id);
        }
    }

    /// Removes the session from those that wait for the log to grow, if it is among them.
    pub(super) fn leave_end(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(id.key()) else { return };
        let Turn::AtEnd(place) = peer.turn else { return };
        peer.turn = Turn::Waiting;
        self.at_end.swap_remove(place);
        if let Some(moved) = self.at_end.get(place).and_then(|moved| self.peers.get_mut(moved.key())) {
            moved.turn = Turn::AtEnd(place);
        }
    }

    /// Sets the session's timer to the earlier of its own deadline and its pacer's.
    pub(super) fn arm(&mut self, id: PeerId) {
        let Some(peer) = self.peer(id) else { return };
        let at = peer.paced.into_iter().fold(peer.session.poll_timeout(), Instant::min);
        self.timers.arm(id, at);
    }
}
