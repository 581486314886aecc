//! What is to be sent.
//!
//! Owns: [`Transmits`], the one form in which sockets are given datagrams, and [`Outgoing`], datagrams that are built.
//! Must not know: what is in them.
//! Driven by: `room`.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use super::fanout::Sweep;
use super::members::Path;

/// What is to be sent next on one socket, all of one form: the source address and the segment length are shared.
#[derive(Clone, Debug)]
pub struct Transmits<'a> {
    pub(super) from: Option<IpAddr>,
    pub(super) segment: Option<usize>,
    pub(super) source: Datagrams<'a>,
}

/// Where they come from.
#[derive(Clone, Debug)]
pub(super) enum Datagrams<'a> {
    /// A run of the log for each text peer.
    Sweep(Sweep<'a>),
    /// What was built.
    Built { rest: std::collections::vec_deque::Iter<'a, Built>, bytes: &'a [u8], from: Option<IpAddr> },
}

impl Transmits<'_> {
    /// The address to send from, where it is not the socket's only one.
    pub const fn from(&self) -> Option<IpAddr> {
        self.from
    }

    /// Into datagrams of which length the bytes are to be cut, the last as it comes out; `None`: they are one.
    pub const fn segment(&self) -> Option<usize> {
        self.segment
    }
}

impl<'a> Iterator for Transmits<'a> {
    type Item = (SocketAddr, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.source {
            Datagrams::Sweep(sweep) => sweep.next(),
            Datagrams::Built { rest, bytes, from } => {
                let built = rest.next().filter(|built| built.from == *from)?;
                Some((built.to, &bytes[built.start..built.end]))
            }
        }
    }
}

/// One datagram.
#[derive(Clone, Copy, Debug)]
pub(super) struct Built {
    to: SocketAddr,
    from: Option<IpAddr>,
    start: usize,
    end: usize,
}

/// The datagrams of one socket that are built and not yet taken.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    built: VecDeque<Built>,
}

impl Outgoing {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.built.len()
    }

    /// Adds a datagram that `write` appends, if it returns where it goes to.
    pub(super) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Option<Path>) -> bool {
        if self.built.is_empty() {
            self.bytes.clear();
        }
        let start = self.bytes.len();
        let Some(path) = write(&mut self.bytes) else { return false };
        self.built.push_back(Built { to: path.peer, from: path.local, start, end: self.bytes.len() });
        true
    }

    /// What there is, as far as it leaves from the same address.
    pub(super) fn transmits(&self) -> Option<Transmits<'_>> {
        let from = self.built.front()?.from;
        let source = Datagrams::Built { rest: self.built.iter(), bytes: &self.bytes, from };
        Some(Transmits { from, segment: None, source })
    }

    /// The first `count` are done with.
    pub(super) fn sent(&mut self, count: usize) -> u64 {
        self.built.drain(..count).len() as u64
    }
}
