//! What to send next, and whose turn it is.
//!
//! Owns: the choice between members over text and sessions for each call of a socket.
//! Must not know: sockets.
//! Driven by: the loop, for each socket that can send.

use super::Server;
use super::ids::SocketId;
use super::outgoing::{Datagrams, Origin, TransmitToken, Transmits};

impl Server {
    /// Returns what to send next through `socket`, if anything. [`Server::transmitted`] reports how much of it the socket has
    /// taken; the rest stays where it is.
    #[must_use]
    pub fn poll_transmit(&mut self, socket: SocketId) -> Option<Transmits<'_>> {
        let gave_to_sessions = *self.gave_to_sessions.get(socket.0)?;
        self.unsent = 0;
        let (sessions, mut cx) = self.split();
        let has_built = sessions.build(&mut cx, socket);
        self.refuse_lost();
        // Earlier entries go before new ones.
        let has_history = self.text.histories[socket.0].len() > 0;
        let has_text = has_history || self.text.advance(socket);
        // In turn, so that neither kind of members waits for all of the other.
        let is_sessions_turn = has_built && (!gave_to_sessions || !has_text);
        self.gave_to_sessions[socket.0] = is_sessions_turn;
        let (origin, datagrams) = if is_sessions_turn {
            (Origin::Sessions, Datagrams::Built(self.sessions.outgoing(socket).transmits()?))
        } else if has_history {
            (Origin::History, Datagrams::Built(self.text.histories[socket.0].transmits()?))
        } else if has_text {
            (Origin::Sweep, Datagrams::Sweep(self.text.fanouts[socket.0].transmits(&self.text.ring)))
        } else {
            return None;
        };
        Some(Transmits { token: TransmitToken { socket, origin }, datagrams })
    }

    /// Records that the socket took the first `count` of what [`Server::poll_transmit`] gave. Returns the number of datagrams.
    pub fn transmitted(&mut self, token: TransmitToken, count: usize) -> u64 {
        let datagrams = self.taken(token, count);
        self.counters.sent += datagrams;
        self.check();
        datagrams
    }

    /// Records that the system refuses to send the first of what [`Server::poll_transmit`] gave: its peer goes without.
    pub fn untransmittable(&mut self, token: TransmitToken) {
        self.counters.unsent += self.taken(token, 1);
        self.check();
    }

    /// Records that the system would not segment what [`Server::poll_transmit`] gave: it gives them one by one now.
    pub fn unsegment(&mut self, TransmitToken { socket, origin }: TransmitToken) {
        match origin {
            Origin::Sessions => self.sessions.outgoing_mut(socket).unsegment(),
            Origin::History => self.text.histories[socket.0].unsegment(),
            Origin::Sweep => self.text.fanouts[socket.0].unsegment(),
        }
    }

    fn taken(&mut self, TransmitToken { socket, origin }: TransmitToken, count: usize) -> u64 {
        match origin {
            Origin::Sessions => self.sessions.outgoing_mut(socket).sent(count),
            Origin::History => self.text.histories[socket.0].sent(count),
            Origin::Sweep => self.text.fanouts[socket.0].sent(count),
        }
    }
}
