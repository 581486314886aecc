//! Datagrams that are ready to be sent.
//!
//! Owns: [`Transmits`], the one form in which sockets are given datagrams, and [`Outgoing`], built datagrams.
//! Must not know: what is in them.
//! Driven by: `server`.
//!
//! Consecutive built datagrams of full length to one peer are contiguous in memory and form one item, which one `UDP_SEGMENT`
//! call carries. The last of them may be shorter.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use crate::server::ids::{Path, SocketId};
use crate::server::text::fanout::Sweep;
use crate::server::text::ring::{RUN_BYTES_MAX, SEGMENTS_MAX};
use crate::wire::packet::DATAGRAM_MAX;

/// Datagrams that are built one by one after the system has refused to segment some. Chosen: the reason may be one peer's path,
/// or apply to all; trying again costs one extra call.
const UNSEGMENTED: u32 = 65_536;

/// The socket and the recipients of [`Transmits`], for [`super::Server::transmitted`] and its like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransmitToken {
    pub(super) socket: SocketId,
    pub(super) origin: Origin,
}

/// To whom a socket's datagrams go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// To the members over text, as a sweep.
    Sweep,
    /// To new members over text, with earlier entries.
    History,
    /// To the sessions.
    Sessions,
}

/// The datagrams to send next on one socket, all of one form: they share the source address and the segment length.
#[derive(Clone, Debug)]
pub struct Transmits<'a> {
    pub(super) token: TransmitToken,
    pub(super) datagrams: Datagrams<'a>,
}

/// Where datagrams come from.
#[derive(Clone, Debug)]
pub(super) enum Datagrams<'a> {
    /// A run of the log for each text peer.
    Sweep(Sweep<'a>),
    /// Datagrams that were built.
    Built(BuiltDatagrams<'a>),
}

/// Built datagrams, as far as they leave from one address.
#[derive(Clone, Debug)]
pub(super) struct BuiltDatagrams<'a> {
    rest: std::collections::vec_deque::Iter<'a, Built>,
    bytes: &'a [u8],
    from: Option<IpAddr>,
    segment: Option<usize>,
}

impl Transmits<'_> {
    /// Returns the token with which to report that the socket has taken some.
    pub const fn token(&self) -> TransmitToken {
        self.token
    }

    /// Returns the address to send from, if the socket has several.
    pub const fn from(&self) -> Option<IpAddr> {
        match &self.datagrams {
            Datagrams::Sweep(sweep) => sweep.from(),
            Datagrams::Built(built) => built.from,
        }
    }

    /// Returns the length of the datagrams into which the bytes are to be cut (the last may be shorter), if there are several.
    pub fn segment(&self) -> Option<usize> {
        match &self.datagrams {
            Datagrams::Sweep(sweep) => sweep.segment(),
            Datagrams::Built(built) => built.segment,
        }
    }

    /// Whether they may be fragmented on their path (PROTOCOL 2.8): text may, as a line may be longer than what every path
    /// carries whole; datagrams of sessions may not.
    pub const fn may_be_fragmented(&self) -> bool {
        matches!(self.token.origin, Origin::Sweep | Origin::History)
    }
}

impl<'a> Iterator for BuiltDatagrams<'a> {
    type Item = (SocketAddr, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let built = self.rest.next().filter(|built| built.from == self.from)?;
        Some((built.to, &self.bytes[built.start..built.end]))
    }
}

impl<'a> Iterator for Transmits<'a> {
    type Item = (SocketAddr, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.datagrams {
            Datagrams::Sweep(sweep) => sweep.next(),
            Datagrams::Built(built) => built.next(),
        }
    }
}

/// One datagram, or several to the same peer, all but the last of full length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Built {
    to: SocketAddr,
    from: Option<IpAddr>,
    start: usize,
    end: usize,
}

impl Built {
    const fn datagrams(&self) -> usize {
        (self.end - self.start).div_ceil(DATAGRAM_MAX)
    }

    /// Whether one more datagram fits behind it.
    const fn takes_more(&self) -> bool {
        let len = self.end - self.start;
        len.is_multiple_of(DATAGRAM_MAX) && len + DATAGRAM_MAX <= RUN_BYTES_MAX && self.datagrams() < SEGMENTS_MAX
    }
}

/// The datagrams of one socket that are built and not yet taken.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    built: VecDeque<Built>,
    datagrams: usize,
    /// How many datagrams are still to be built one by one.
    unsegmented: u32,
}

impl Outgoing {
    /// How many datagrams there are.
    pub(super) const fn len(&self) -> usize {
        self.datagrams
    }

    /// Adds the datagram that `write` appends, if that returns where it goes.
    pub(super) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Option<Path>) -> bool {
        if self.built.is_empty() {
            self.bytes.clear();
        }
        let start = self.bytes.len();
        let Some(path) = write(&mut self.bytes) else { return false };
        let built = Built { to: path.peer, from: path.local, start, end: self.bytes.len() };
        self.datagrams += 1;
        self.unsegmented = self.unsegmented.saturating_sub(1);
        match self.built.back_mut() {
            Some(last)
                if (last.to, last.from) == (built.to, built.from) && last.takes_more() && self.unsegmented == 0 =>
            {
                last.end = built.end;
            }
            _ => self.built.push_back(built),
        }
        true
    }

    /// Splits all items into single datagrams, as many later ones will be: the system has refused to segment the first.
    pub(super) fn unsegment(&mut self) {
        self.unsegmented = UNSEGMENTED;
        let split = |built: Built| {
            (built.start..built.end).step_by(DATAGRAM_MAX).map(move |start| Built {
                start,
                end: built.end.min(start + DATAGRAM_MAX),
                ..built
            })
        };
        self.built = self.built.drain(..).flat_map(split).collect();
    }

    /// Returns the datagrams to send next, as far as they leave from one address.
    pub(super) fn transmits(&self) -> Option<BuiltDatagrams<'_>> {
        let from = self.built.front()?.from;
        // An item that is no longer than a segment is one datagram all the same.
        let is_segmented = self.built.iter().take_while(|built| built.from == from).any(|built| built.datagrams() > 1);
        let segment = is_segmented.then_some(DATAGRAM_MAX);
        Some(BuiltDatagrams { rest: self.built.iter(), bytes: &self.bytes, from, segment })
    }

    /// Removes the first `count` items. Returns how many datagrams these are.
    pub(super) fn sent(&mut self, count: usize) -> u64 {
        let sent: usize = self.built.drain(..count).map(|built| built.datagrams()).sum();
        self.datagrams -= sent;
        sent as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::SocketId;

    fn path(port: u16) -> Path {
        Path { socket: SocketId(0), peer: ([10, 0, 0, 1], port).into(), local: None }
    }

    fn push(outgoing: &mut Outgoing, port: u16, len: usize) {
        outgoing.push(|out| {
            out.resize(out.len() + len, u8::try_from(port).unwrap());
            Some(path(port))
        });
    }

    fn items(outgoing: &Outgoing) -> Vec<(u16, usize)> {
        outgoing.transmits().into_iter().flatten().map(|(to, bytes)| (to.port(), bytes.len())).collect()
    }

    #[test]
    fn full_datagrams_to_one_peer_are_one_item_and_a_shorter_one_ends_it() {
        let mut outgoing = Outgoing::default();
        for (port, len) in [(1, 1200), (1, 1200), (1, 90), (1, 1200), (2, 1200), (2, 20), (3, 20), (3, 20)] {
            push(&mut outgoing, port, len);
        }
        assert_eq!(items(&outgoing), [(1, 2490), (1, 1200), (2, 1220), (3, 20), (3, 20)]);
        assert_eq!(outgoing.transmits().unwrap().segment, Some(DATAGRAM_MAX));
        assert_eq!((outgoing.len(), outgoing.sent(2), outgoing.len()), (8, 4, 4));
        outgoing.sent(1);
        assert_eq!(outgoing.transmits().unwrap().segment, None);
        outgoing.sent(2);
        assert!(outgoing.transmits().is_none());
    }

    #[test]
    fn an_item_is_no_longer_than_one_call_carries() {
        let mut outgoing = Outgoing::default();
        (0..70).for_each(|_| push(&mut outgoing, 1, DATAGRAM_MAX));
        assert_eq!(items(&outgoing), [(1, 54 * DATAGRAM_MAX), (1, 16 * DATAGRAM_MAX)]);
    }

    #[test]
    fn what_the_system_does_not_segment_goes_one_by_one() {
        let mut outgoing = Outgoing::default();
        [1200, 1200, 7].into_iter().for_each(|len| push(&mut outgoing, 1, len));
        outgoing.unsegment();
        (0..2).for_each(|_| push(&mut outgoing, 1, 1200));
        assert_eq!(items(&outgoing), [(1, 1200), (1, 1200), (1, 7), (1, 1200), (1, 1200)]);
        assert_eq!((outgoing.transmits().unwrap().segment, outgoing.sent(5), outgoing.len()), (None, 5, 0));
    }
}
