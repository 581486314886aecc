//! Which entries each peer of one socket has been sent.
//!
//! Owns: the cursors of the peers that a socket serves, and the sweep that advances them.
//! Must not know: nicks, datagrams received, the socket itself.
//! Driven by: `server`.
//!
//! A sweep brings every peer to the end of one run of the log, as much as one call can carry to a peer, so that all its
//! datagrams have one form. Entries committed meanwhile wait for the next sweep, which takes all of them that fit in one run:
//! the slower the socket, the longer the runs.
//!
//! ```text
//!   peers   [ 9 | 9 | 9 | 5 | 5 | 8 | 5 ]     cursors during the sweep of the run 5..9
//!                        ^ next: everybody before it is at 9 or beyond; a peer that joined at 8 gets only 8
//! ```

use std::net::{IpAddr, SocketAddr};

use crate::server::ids::MemberId;
use crate::server::text::ring::{Ring, Run, SEGMENTS_MAX};
use crate::wire::Seq;

/// Free places whose memory is kept. Chosen: as many as a small room needs.
const PEERS_KEPT: usize = 64;

/// Refusals in a row after which nothing is segmented for a while. Chosen: a system that cannot segment is found out soon, and
/// a single path that cannot costs one extra call a run.
const REFUSALS_MAX: u32 = 16;

/// The sweeps that are sent one by one after that. Chosen: where segmenting never works, trying it this seldom costs next to
/// nothing; where one peer caused it that has left, the room is fast again soon.
const SWEEPS_UNSEGMENTED: u32 = 4096;

/// A peer: where to send, and from which number on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) to: SocketAddr,
    pub(crate) from: Option<IpAddr>,
    pub(crate) member: MemberId,
    pub(crate) cursor: Seq,
}

/// The cursors of one socket's peers; see the module.
#[derive(Debug)]
pub(crate) struct Fanout {
    peers: Vec<Peer>,
    run: Run,
    next: usize,
    /// Runs in a row that the system refused to segment.
    refused: u32,
    /// Sweeps still to be sent unsegmented, because the system refused so often.
    unsegmented: u32,
}

impl Fanout {
    /// Creates a fan-out without peers, whose first sweep begins at `floor`.
    pub(crate) const fn new(floor: Seq) -> Self {
        let run = Run { start: floor, end: floor, segment: 0 };
        Self { peers: Vec::new(), run, next: 0, refused: 0, unsegmented: 0 }
    }

    /// Returns the number below which every entry has been sent to every peer that was to get it.
    pub(crate) const fn floor(&self) -> Seq {
        self.run.start
    }

    /// Skips everything before `end`: there is no peer to send it to.
    pub(crate) fn skip_to(&mut self, end: Seq) {
        debug_assert!(self.peers.is_empty());
        self.run = Run { start: end, end, segment: 0 };
        self.next = 0;
    }

    /// Starts over with other numbers: every peer is sent the entries from `next` on.
    pub(crate) fn begin_anew(&mut self, next: Seq) {
        self.run = Run { start: next, end: next, segment: 0 };
        self.next = 0;
        for peer in &mut self.peers {
            peer.cursor = next;
        }
    }

    /// How many peers it serves.
    pub(crate) const fn len(&self) -> usize {
        self.peers.len()
    }

    /// Adds a peer whose first entry is the one at its cursor; returns its place.
    pub(crate) fn insert(&mut self, peer: Peer) -> u32 {
        assert!(peer.cursor >= self.floor(), "a new cursor is not behind what may be forgotten");
        self.peers.push(peer);
        u32::try_from(self.peers.len() - 1).expect("fewer peers than addresses")
    }

    /// Takes out the peer at `place`. Others may change places: `moved` gets each of them with its new place.
    pub(crate) fn remove(&mut self, place: u32, mut moved: impl FnMut(MemberId, u32)) {
        let mut hole = place as usize;
        if hole < self.next {
            // Peers before `next` stay served: the last of them fills the hole, and the very last peer takes its place.
            self.next -= 1;
            self.peers.swap(hole, self.next);
            moved(self.peers[hole].member, place);
            hole = self.next;
        }
        self.peers.swap_remove(hole);
        if let Some(peer) = self.peers.get(hole) {
            moved(peer.member, u32::try_from(hole).expect("it was a place"));
        }
        if self.peers.capacity() > PEERS_KEPT.max(4 * self.peers.len()) {
            self.peers.shrink_to(PEERS_KEPT.max(2 * self.peers.len()));
        }
    }

    /// Changes the address from which replies to the peer at `place` leave: the one that it last wrote to.
    pub(crate) fn reply_from(&mut self, place: u32, from: Option<IpAddr>) {
        self.peers[place as usize].from = from;
    }

    /// Cuts this run to one entry, because the system would not segment it. The next run is tried whole again, for the reason
    /// may be this one peer's path, unless the system has refused many times in a row.
    pub(crate) fn unsegment(&mut self) {
        self.run.end = self.run.end.min(self.run.start + 1);
        self.refused += 1;
        if self.refused >= REFUSALS_MAX {
            self.refused = 0;
            self.unsegmented = SWEEPS_UNSEGMENTED;
        }
    }

    /// Begins the next sweep if the last one is done; false if there is nothing to send.
    pub(crate) fn advance(&mut self, ring: &Ring) -> bool {
        loop {
            self.skip_served();
            if self.next < self.peers.len() {
                return true;
            }
            if self.run.len() > 1 {
                self.refused = 0;
            }
            while !self.peers.is_empty() && ring.is_void(self.run.end) {
                self.skip_void();
            }
            self.run = if self.peers.is_empty() {
                Run { start: ring.end(), end: ring.end(), segment: 0 }
            } else {
                let segments_max = if self.unsegmented > 0 { 1 } else { SEGMENTS_MAX };
                ring.run(self.run.end, segments_max)
            };
            self.next = 0;
            if self.run.is_empty() {
                return false;
            }
            self.unsegmented = self.unsegmented.saturating_sub(1);
        }
    }

    /// Returns the next datagrams to send, as far as they leave from one address; call [`Fanout::advance`] first.
    pub(crate) fn transmits<'a>(&'a self, ring: &'a Ring) -> Sweep<'a> {
        let rest = self.peers.get(self.next..).unwrap_or_default();
        let from = rest.first().and_then(|peer| peer.from);
        Sweep { rest, ring, run: self.run, from }
    }

    /// Marks the first `count` transmits as done: the system has taken them, or never will. Returns how many datagrams these
    /// are.
    pub(crate) fn sent(&mut self, count: usize) -> u64 {
        let mut datagrams = 0;
        for _ in 0..count {
            self.skip_served();
            let peer = &mut self.peers[self.next];
            datagrams += self.run.end.0 - peer.cursor.0;
            peer.cursor = self.run.end;
            self.next += 1;
        }
        datagrams
    }

    /// Passes over the next entry, which nobody is sent.
    fn skip_void(&mut self) {
        let end = self.run.end + 1;
        self.run = Run { start: end, end, segment: 0 };
        for peer in &mut self.peers {
            peer.cursor = peer.cursor.max(end);
        }
    }

    fn skip_served(&mut self) {
        while self.peers.get(self.next).is_some_and(|peer| peer.cursor >= self.run.end) {
            self.next += 1;
        }
    }
}

/// The rest of a sweep, as far as it leaves from one address.
#[derive(Clone, Debug)]
pub(crate) struct Sweep<'a> {
    rest: &'a [Peer],
    ring: &'a Ring,
    run: Run,
    from: Option<IpAddr>,
}

impl Sweep<'_> {
    /// Returns the address to send from, if the socket has several.
    pub(crate) const fn from(&self) -> Option<IpAddr> {
        self.from
    }

    /// Returns the length of the datagrams into which the bytes are to be cut, if they are several.
    pub(crate) fn segment(&self) -> Option<usize> {
        (self.run.len() > 1).then_some(self.run.segment)
    }
}

impl<'a> Iterator for Sweep<'a> {
    type Item = (SocketAddr, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (peer, rest) = self.rest.split_first()?;
            if peer.cursor >= self.run.end {
                self.rest = rest;
                continue;
            }
            if peer.from != self.from {
                return None;
            }
            self.rest = rest;
            return Some((peer.to, self.ring.run_bytes(self.run, peer.cursor)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn peer(number: u16, cursor: Seq) -> Peer {
        let to = SocketAddr::from(([127, 0, 0, 1], number));
        Peer { to, from: None, member: MemberId(number.into()), cursor }
    }

    #[test]
    fn who_joins_during_a_sweep_gets_its_own_entry_and_nothing_before() {
        let mut ring = Ring::new(Seq(0));
        let mut fanout = Fanout::new(Seq(0));
        fanout.insert(peer(1, Seq(0)));
        fanout.insert(peer(2, Seq(0)));
        ring.append("a");
        assert!(fanout.advance(&ring));
        fanout.sent(1);
        let seq = ring.append("c");
        fanout.insert(peer(3, seq));
        let to: Vec<_> = fanout.transmits(&ring).map(|(to, bytes)| (to.port(), bytes)).collect();
        assert_eq!(to, [(2, &b"a"[..])]);
        fanout.sent(1);
        assert!(fanout.advance(&ring));
        let to: Vec<_> = fanout.transmits(&ring).map(|(to, bytes)| (to.port(), bytes)).collect();
        assert_eq!(to, [(1, &b"c"[..]), (2, b"c"), (3, b"c")]);
        assert_eq!(fanout.sent(3), 3);
        assert!(!fanout.advance(&ring));
        assert_eq!(fanout.floor(), ring.end());
    }

    #[test]
    fn transmits_stop_where_the_source_address_changes() {
        let mut ring = Ring::new(Seq(0));
        let mut fanout = Fanout::new(Seq(0));
        let other = Some("10.0.0.2".parse().unwrap());
        fanout.insert(peer(1, Seq(0)));
        fanout.insert(Peer { from: other, ..peer(2, Seq(0)) });
        ring.append("a");
        assert!(fanout.advance(&ring));
        assert_eq!((fanout.transmits(&ring).from(), fanout.transmits(&ring).count()), (None, 1));
        fanout.sent(1);
        assert!(fanout.advance(&ring));
        assert_eq!((fanout.transmits(&ring).from(), fanout.transmits(&ring).count()), (other, 1));
    }

    #[test]
    fn a_system_that_never_segments_is_asked_now_and_then_only() {
        let mut ring = Ring::new(Seq(0));
        let mut fanout = Fanout::new(Seq(0));
        fanout.insert(peer(1, Seq(0)));
        let mut refusals = 0;
        for _ in 0..SWEEPS_UNSEGMENTED {
            ring.release(fanout.floor());
            ring.append("a");
            ring.append("b");
            while fanout.advance(&ring) {
                if fanout.transmits(&ring).segment().is_some() {
                    refusals += 1;
                    fanout.unsegment();
                } else {
                    fanout.sent(1);
                }
            }
        }
        assert_eq!(refusals, 2 * REFUSALS_MAX, "two lines a time: half of the time it was not asked at all");
    }

    #[derive(Clone, Debug)]
    enum Step {
        Append(usize),
        Join,
        Leave(usize),
        Send(usize),
        Refuse,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (1usize..4).prop_map(Step::Append),
            1 => Just(Step::Join),
            1 => (0usize..20).prop_map(Step::Leave),
            4 => (0usize..5).prop_map(Step::Send),
            1 => Just(Step::Refuse),
        ]
    }

    proptest! {
        /// Whatever happens in between, every peer gets every entry from its first one on, once and in order.
        #[test]
        fn every_peer_gets_every_entry_once_and_in_order(steps in prop::collection::vec(step(), 1..400)) {
            let mut ring = Ring::new(Seq(0));
            let mut fanout = Fanout::new(Seq(0));
            let mut places: BTreeMap<u32, u32> = BTreeMap::new();
            let mut got: BTreeMap<u16, (u64, Vec<u8>)> = BTreeMap::new();
            let (mut said, mut joined) = (Vec::new(), 0u16);
            let drain = |fanout: &mut Fanout, ring: &Ring, got: &mut BTreeMap<u16, (u64, Vec<u8>)>, most: usize| {
                let mut count = 0;
                for (to, bytes) in fanout.transmits(ring).take(most) {
                    got.get_mut(&to.port()).unwrap().1.extend_from_slice(bytes);
                    count += 1;
                }
                fanout.sent(count);
            };
            for step in steps {
                match step {
                    Step::Append(len) => {
                        let line = [b'a' + (said.len() % 26) as u8].repeat(len);
                        ring.append(std::str::from_utf8(&line).unwrap());
                        said.push(line);
                    }
                    Step::Join => {
                        joined += 1;
                        places.insert(joined.into(), fanout.insert(peer(joined, ring.end())));
                        got.insert(joined, (ring.end().0, Vec::new()));
                    }
                    Step::Leave(nth) => {
                        if let Some((&member, &place)) = places.iter().nth(nth) {
                            fanout.remove(place, |member, place| { places.insert(member.0, place); });
                            places.remove(&member);
                            got.remove(&u16::try_from(member).unwrap());
                        }
                    }
                    Step::Send(most) => if fanout.advance(&ring) { drain(&mut fanout, &ring, &mut got, most) },
                    Step::Refuse => fanout.unsegment(),
                }
                prop_assert_eq!(fanout.len(), places.len());
                for (&member, &place) in &places {
                    prop_assert_eq!(fanout.peers[place as usize].member, MemberId(member));
                }
            }
            while fanout.advance(&ring) {
                drain(&mut fanout, &ring, &mut got, usize::MAX);
            }
            prop_assert_eq!(fanout.floor(), ring.end());
            for (peer, (first, bytes)) in got {
                prop_assert_eq!(bytes, said[first as usize..].concat(), "peer {}", peer);
            }
        }
    }
}
