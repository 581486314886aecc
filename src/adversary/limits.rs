//! Upper limits of the work that one datagram may cause, whatever its content (docs/PROTOCOL.md 2.14).
//!
//! Owns: the limits, and the message that names the exceeded one.
//! Must not know: the purpose of the work.
//! Driven by: `sim`, `fuzzing`, the tests.

use crate::server::WORK_OF_A_TURN;
use crate::session::{HELLO_COST, REDO_COST};
use crate::wire::packet::DATAGRAM_MAX;
use crate::work::{self, Work};

/// The limits of one step of the server's or the client's core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The maximum of each kind, in the order of [`Work::ALL`]: multiplications, bytes, items looked at, deadlines set.
    most: [u64; Work::ALL.len()],
}

/// Limits for a datagram that the server receives. It causes no public-key work. At most it draws a challenge of full length, a
/// bye or a token; it contains 64 posts that are each compared twice with 64 others, or an ack of 9 runs for 256 packets; and
/// now and then it triggers a sweep of the 4,096 metered prefixes, at most twice.
pub const SERVER_DATAGRAM: Limits = Limits { most: [0, 2 * DATAGRAM_MAX as u64, 2 * 64 * 64 + 10 * 256 + 2 * 4096, 4] };

/// Limits for the handshakes of one turn: a turn's public-key work, exceeded by at most the last handshake.
pub const SERVER_HANDSHAKES: Limits = Limits {
    most: [(WORK_OF_A_TURN + HELLO_COST + REDO_COST) as u64, 64 * DATAGRAM_MAX as u64, 4 * 4096 + 64 * 64, 256],
};

/// Limits for one batch to a socket: 16 datagrams, and one session's turn, in which some frames may not have fitted and a list
/// of people is encoded first.
pub const SERVER_TRANSMIT: Limits = Limits { most: [0, 2 * 33 * DATAGRAM_MAX as u64, 64 * 1024, 256] };

/// Limits for a datagram that a client receives: three multiplications in a handshake; in a packet, the acknowledged packets.
pub const CLIENT_DATAGRAM: Limits = Limits { most: [HELLO_COST as u64, 2 * DATAGRAM_MAX as u64, 10 * 256 + 4096, 4] };

impl Limits {
    /// Resets the counts of work, before a step to be checked.
    pub fn begin() {
        let _ = work::take();
    }

    /// Names the first kind of work since [`Limits::begin`] that exceeds its limit; `None` if all are within theirs.
    pub fn exceeded(&self, by: &str) -> Option<String> {
        let done = work::take();
        let over = Work::ALL.iter().zip(done.iter().zip(&self.most)).find(|(_, (done, most))| done > most);
        over.map(|(work, (done, most))| format!("{by}: {done} {work:?}, and {most} are allowed"))
    }
}
