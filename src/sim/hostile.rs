//! Somebody hostile beside the honest clients, and what everybody's datagrams may cost the server.
//!
//! Owns: the structured adversary of a scenario, and the meters. Without the feature `adversary`, which only the project's own
//! tests turn on, there is none, and nothing is metered.
//! Must not know: how datagrams are carried.
//! Driven by: `world`.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::server::SocketId;
use crate::session::Entropy;
use crate::time::Instant;
use crate::wire::{Seq, Who};

/// What it sends: from where, through which of the server's sockets, what.
pub(super) type Sent = (SocketAddr, SocketId, Vec<u8>);

/// What is metered.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// A datagram came in at the server.
    Datagram,
    /// Public-key work was done.
    Handshakes,
    /// A socket was given something.
    Transmit,
}

#[cfg(feature = "adversary")]
pub(super) use with::Hostile;
#[cfg(not(feature = "adversary"))]
pub(super) use without::Hostile;

#[cfg(feature = "adversary")]
mod with {
    use arbitrary::Unstructured;

    use super::{BTreeSet, Entropy, Instant, Sent, Seq, SocketAddr, Step, Who};
    use crate::adversary::limits::{Limits, SERVER_DATAGRAM, SERVER_HANDSHAKES, SERVER_TRANSMIT};
    use crate::adversary::member::Adversary;

    /// The bytes that one action is chosen by.
    const BYTES: usize = 512;

    /// The adversary, if there is one.
    pub(in crate::sim) struct Hostile {
        adversary: Option<Adversary>,
        entropy: Entropy,
    }

    impl Hostile {
        pub(in crate::sim) fn new(mut entropy: Entropy, server: SocketAddr, sockets: usize, is_there: bool) -> Self {
            let adversary = is_there.then(|| Adversary::new(entropy.child(), server, sockets));
            Self { adversary, entropy }
        }

        /// Its keys.
        pub(in crate::sim) fn whos(&self) -> BTreeSet<Who> {
            self.adversary.as_ref().map_or_else(BTreeSet::new, Adversary::whos)
        }

        /// Whether it is at that address.
        pub(in crate::sim) fn is_at(&self, address: SocketAddr) -> bool {
            self.adversary.as_ref().is_some_and(|adversary| adversary.is_at(address))
        }

        /// Does something.
        pub(in crate::sim) fn act(&mut self, now: Instant, log_end: Seq) -> Vec<Sent> {
            let Some(adversary) = &mut self.adversary else { return Vec::new() };
            let bytes: [u8; BYTES] = self.entropy.bytes();
            adversary.set_log_end(log_end);
            adversary.act(now, &mut Unstructured::new(&bytes))
        }

        /// Something came to one of its addresses.
        pub(in crate::sim) fn hear(&mut self, now: Instant, at: SocketAddr, bytes: &[u8]) -> Vec<Sent> {
            self.adversary.as_mut().map_or_else(Vec::new, |adversary| adversary.hear(now, at, bytes))
        }

        /// Says goodbye.
        pub(in crate::sim) fn leave(&mut self) -> Vec<Sent> {
            self.adversary.as_mut().map_or_else(Vec::new, Adversary::leave)
        }

        /// What is done from now on is to be held to a limit.
        pub(in crate::sim) fn begin(&self) {
            Limits::begin();
        }

        /// What was done since is more than such a step may cost; `None` if it is not.
        pub(in crate::sim) fn exceeded(&self, step: Step) -> Option<String> {
            match step {
                Step::Datagram => SERVER_DATAGRAM.exceeded("a datagram at the server"),
                Step::Handshakes => SERVER_HANDSHAKES.exceeded("a turn's handshakes"),
                Step::Transmit => SERVER_TRANSMIT.exceeded("what a socket is given"),
            }
        }
    }
}

#[cfg(not(feature = "adversary"))]
mod without {
    use super::{BTreeSet, Entropy, Instant, Sent, Seq, SocketAddr, Step, Who};

    /// Nobody.
    pub(in crate::sim) struct Hostile;

    impl Hostile {
        pub(in crate::sim) fn new(_: Entropy, _: SocketAddr, _: usize, _: bool) -> Self {
            Self
        }

        pub(in crate::sim) const fn whos(&self) -> BTreeSet<Who> {
            BTreeSet::new()
        }

        pub(in crate::sim) const fn is_at(&self, _: SocketAddr) -> bool {
            false
        }

        pub(in crate::sim) const fn act(&mut self, _: Instant, _: Seq) -> Vec<Sent> {
            Vec::new()
        }

        pub(in crate::sim) const fn hear(&mut self, _: Instant, _: SocketAddr, _: &[u8]) -> Vec<Sent> {
            Vec::new()
        }

        pub(in crate::sim) const fn leave(&mut self) -> Vec<Sent> {
            Vec::new()
        }

        pub(in crate::sim) const fn begin(&self) {}

        pub(in crate::sim) const fn exceeded(&self, _: Step) -> Option<String> {
            None
        }
    }
}
