//! An adversary beside the honest clients, and the meters for the server's cost of each datagram.
//!
//! Owns: the structured adversary of a scenario, and the meters. Without the feature `adversary`, which only the project's own
//! tests turn on, there is no adversary, and nothing is metered.
//! Must not know: how datagrams are carried.
//! Driven by: `world`.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::server::SocketId;
use crate::session::Entropy;
use crate::time::Instant;
use crate::wire::{Seq, Who};

/// A datagram of the adversary: its source, the server's socket that it comes to, its contents.
pub(super) type Sent = (SocketAddr, SocketId, Vec<u8>);

/// A metered step of the server.
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

    /// The number of bytes that one action is chosen by.
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

        /// Returns its whole keys.
        pub(in crate::sim) fn keys(&self) -> Vec<(Who, [u8; 32])> {
            self.adversary.as_ref().map_or_else(Vec::new, Adversary::whole_keys)
        }

        /// Returns its keys.
        pub(in crate::sim) fn whos(&self) -> BTreeSet<Who> {
            self.adversary.as_ref().map_or_else(BTreeSet::new, Adversary::whos)
        }

        /// Returns whether it is at that address.
        pub(in crate::sim) fn is_at(&self, address: SocketAddr) -> bool {
            self.adversary.as_ref().is_some_and(|adversary| adversary.is_at(address))
        }

        /// Tells it the key of an honest client.
        pub(in crate::sim) fn set_target(&mut self, key: [u8; 32]) {
            if let Some(adversary) = &mut self.adversary {
                adversary.set_target(key);
            }
        }

        /// Returns how many private entries of others it was sent.
        pub(in crate::sim) fn leaked(&self) -> usize {
            self.adversary.as_ref().map_or(0, Adversary::leaked)
        }

        /// Takes an action; returns its datagrams.
        pub(in crate::sim) fn act(&mut self, now: Instant, log_end: Seq) -> Vec<Sent> {
            let Some(adversary) = &mut self.adversary else { return Vec::new() };
            let bytes: [u8; BYTES] = self.entropy.bytes();
            adversary.set_log_end(log_end);
            adversary.act(now, &mut Unstructured::new(&bytes))
        }

        /// Handles a datagram to one of its addresses; returns its answers.
        pub(in crate::sim) fn hear(&mut self, now: Instant, at: SocketAddr, bytes: &[u8]) -> Vec<Sent> {
            self.adversary.as_mut().map_or_else(Vec::new, |adversary| adversary.hear(now, at, bytes))
        }

        /// Says goodbye; returns the datagrams for that.
        pub(in crate::sim) fn leave(&mut self) -> Vec<Sent> {
            self.adversary.as_mut().map_or_else(Vec::new, Adversary::leave)
        }

        /// Begins to measure a step.
        pub(in crate::sim) fn begin(&self) {
            Limits::begin();
        }

        /// Returns a message if the work done since is more than such a step may cost.
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

    /// No adversary.
    pub(in crate::sim) struct Hostile;

    impl Hostile {
        pub(in crate::sim) fn new(_: Entropy, _: SocketAddr, _: usize, _: bool) -> Self {
            Self
        }

        pub(in crate::sim) const fn whos(&self) -> BTreeSet<Who> {
            BTreeSet::new()
        }

        pub(in crate::sim) const fn keys(&self) -> Vec<(Who, [u8; 32])> {
            Vec::new()
        }

        pub(in crate::sim) const fn is_at(&self, _: SocketAddr) -> bool {
            false
        }

        pub(in crate::sim) const fn set_target(&mut self, _: [u8; 32]) {}

        pub(in crate::sim) const fn leaked(&self) -> usize {
            0
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
