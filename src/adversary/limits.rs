//! What a datagram may cost at the most, whatever is in it (docs/PROTOCOL.md 2.14).
//!
//! Owns: the limits, and saying which of them was broken.
//! Must not know: what was worked for.
//! Driven by: `sim`, `fuzzing`, the tests.

use crate::server::WORK_OF_A_TURN;
use crate::session::{HELLO_COST, REDO_COST};
use crate::wire::packet::DATAGRAM_MAX;
use crate::work::{self, Work};

/// Of one step of the server's core or a client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In multiplications, bytes, things looked at and deadlines; in the order of [`Work::ALL`].
    most: [u64; Work::ALL.len()],
}

/// A datagram that came in at the server. It draws no public-key work; a challenge of full length, a bye or a token; 64 posts
/// that are each looked at twice beside 64 others, or an ack of 9 runs for 256 packets, and now and then a sweep of the 4,096
/// prefixes that are metered, twice at the most.
pub const SERVER_DATAGRAM: Limits = Limits { most: [0, 2 * DATAGRAM_MAX as u64, 2 * 64 * 64 + 10 * 256 + 2 * 4096, 4] };

/// A turn's public-key work, and the last handshake's that did not fit quite.
pub const SERVER_HANDSHAKES: Limits = Limits {
    most: [(WORK_OF_A_TURN + HELLO_COST + REDO_COST) as u64, 64 * DATAGRAM_MAX as u64, 4 * 4096 + 64 * 64, 256],
};

/// What is given to a socket at once: 16 datagrams and what fits one session's turn, of which some frames may have had no place
/// and a list of people is put together first.
pub const SERVER_TRANSMIT: Limits = Limits { most: [0, 2 * 33 * DATAGRAM_MAX as u64, 64 * 1024, 256] };

/// A datagram that came in at a client: of a handshake three multiplications, in a packet what it acknowledges.
pub const CLIENT_DATAGRAM: Limits = Limits { most: [HELLO_COST as u64, 2 * DATAGRAM_MAX as u64, 10 * 256 + 4096, 4] };

impl Limits {
    /// Forgets what was done so far: what comes now is to be held to a limit.
    pub fn begin() {
        let _ = work::take();
    }

    /// What was done since [`Limits::begin`] that is more than it may be; `None` if nothing is.
    pub fn exceeded(&self, by: &str) -> Option<String> {
        let done = work::take();
        let over = Work::ALL.iter().zip(done.iter().zip(&self.most)).find(|(_, (done, most))| done > most);
        over.map(|(work, (done, most))| format!("{by}: {done} {work:?}, and {most} are allowed"))
    }
}
