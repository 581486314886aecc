//! Addresses of members from before a restart of the server, and which of them it has knocked at.
//!
//! Owns: whose turn it is, and how often the server has knocked at each.
//! Must not know: sessions.
//! Driven by: `sessions`, with each session that begins and each deadline.
//!
//! Silent members would learn of a restart only at their next keepalive. A knock proves nothing: it makes a client ping, the
//! server answers with *unknown*, and the client comes back by itself (PROTOCOL 2.11). The server knocks at the next members
//! when some are back, so that their hellos never reach the socket's buffer all at once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::server::ids::Path;
use crate::time::Instant;

/// The most members that were knocked at and are not back yet. Chosen: their hellos are a sixth of a buffer of 4 MiB, and with
/// a round trip of 200 ms some 2,000 are back in a second.
const AT_ONCE: usize = 512;

/// How many members are knocked at before anybody is back. Chosen: the recent speakers are among them and do not wait for a
/// crowd; each member that is back makes room for two, up to [`AT_ONCE`].
const AT_FIRST: usize = 32;

/// How long the server waits before it knocks at a member again, twice as long each time; from then on the member delays nobody
/// else. Chosen: a client answers a knock once a second.
const AGAIN: Duration = Duration::from_millis(1200);

/// How often the server knocks at each member. Chosen: the last is 18 s after the first; by then its keepalive is due.
const TIMES: u32 = 5;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Knocks {
    /// How many members are back.
    back: usize,
    /// In the order of their turns, most recent speakers first; members that came back by themselves are no longer expected.
    waiting: VecDeque<Path>,
    expected: BTreeSet<Path>,
    /// Members that were knocked at: how often, and until when the server waits for them.
    knocked: BTreeMap<Path, (u32, Instant)>,
    due: BTreeSet<(Instant, Path)>,
    /// How many of them were knocked at exactly once.
    once: usize,
}

impl Knocks {
    /// Creates the knocks at these addresses, most recent speakers first.
    pub(super) fn new(paths: impl IntoIterator<Item = Path>) -> Self {
        let waiting: VecDeque<_> = paths.into_iter().collect();
        Self { expected: waiting.iter().copied().collect(), waiting, ..Self::default() }
    }

    /// Returns the addresses of members that are neither back nor given up.
    pub(super) fn expected(&self) -> impl Iterator<Item = Path> + '_ {
        self.expected.iter().copied()
    }

    /// Whether this member was knocked at and is not back: the server owes it an answer.
    pub(super) fn has(&self, path: Path) -> bool {
        self.knocked.contains_key(&path)
    }

    /// Notes that the member is back.
    pub(super) fn is_back(&mut self, path: Path) {
        self.back += usize::from(self.expected.remove(&path));
        if let Some((times, at)) = self.knocked.remove(&path) {
            self.due.remove(&(at, path));
            self.once -= usize::from(times == 1);
        }
    }

    /// Returns the next address to knock at now.
    pub(super) fn poll(&mut self, now: Instant) -> Option<Path> {
        while let Some(&(at, path)) = self.due.first().filter(|&&(at, _)| at <= now) {
            self.due.remove(&(at, path));
            let (times, _) = self.knocked.remove(&path)?;
            self.once -= usize::from(times == 1);
            if times < TIMES {
                self.wait_for(now, path, times + 1);
                return Some(path);
            }
            self.expected.remove(&path);
        }
        if self.once >= AT_ONCE.min(AT_FIRST + self.back) {
            return None;
        }
        while let Some(path) = self.waiting.pop_front() {
            if self.expected.contains(&path) && !self.knocked.contains_key(&path) {
                self.once += 1;
                self.wait_for(now, path, 1);
                return Some(path);
            }
        }
        None
    }

    /// Returns when to call [`Knocks::poll`].
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.due.first().map(|&(at, _)| at)
    }

    fn wait_for(&mut self, now: Instant, path: Path, times: u32) {
        let at = now + AGAIN * 2_u32.pow(times - 1);
        self.knocked.insert(path, (times, at));
        self.due.insert((at, path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::ids::SocketId;

    fn path(port: u16) -> Path {
        Path { socket: SocketId(0), peer: ([127, 0, 0, 1], port).into(), local: None }
    }

    #[test]
    fn few_are_knocked_at_first_and_two_for_each_who_is_back() {
        let all: Vec<_> = (0..2000).map(|number| path(1000 + number)).collect();
        let mut knocks = Knocks::new(all.iter().copied());
        let now = Instant::from_millis(0);
        let poll_all = |knocks: &mut Knocks| std::iter::from_fn(|| knocks.poll(now)).collect::<Vec<_>>();
        assert_eq!(poll_all(&mut knocks), all[..AT_FIRST]);
        knocks.is_back(all[7]);
        assert_eq!(knocks.expected().count(), 1999);
        assert_eq!(poll_all(&mut knocks), all[AT_FIRST..AT_FIRST + 2]);
        assert!(!knocks.has(all[7]) && knocks.has(all[8]));
        knocks.is_back(all[AT_FIRST + 2]);
        assert_eq!(poll_all(&mut knocks), [all[AT_FIRST + 3]], "the one between came back by itself");
        for &path in &all[AT_FIRST + 3..1000] {
            knocks.is_back(path);
        }
        assert!(poll_all(&mut knocks).len() > 400);
        assert_eq!(knocks.knocked.len(), AT_ONCE);
    }

    #[test]
    fn who_does_not_come_holds_up_nobody_when_it_is_knocked_at_again() {
        let all: Vec<_> = (0..100).map(|number| path(1000 + number)).collect();
        let mut knocks = Knocks::new(all.iter().copied());
        while knocks.poll(Instant::from_millis(0)).is_some() {}
        let mut second: Vec<_> = std::iter::from_fn(|| knocks.poll(Instant::ZERO + AGAIN)).collect();
        assert_eq!(second.split_off(AT_FIRST), all[AT_FIRST..2 * AT_FIRST]);
        assert_eq!(second, all[..AT_FIRST]);
    }

    #[test]
    fn who_does_not_come_is_knocked_at_five_times_and_forgotten() {
        let mut knocks = Knocks::new([path(1000)]);
        let mut times = Vec::new();
        let mut now = Instant::from_millis(0);
        loop {
            times.extend(knocks.poll(now).map(|_| now.saturating_since(Instant::ZERO).as_millis()));
            let Some(next) = knocks.poll_timeout() else { break };
            now = next;
        }
        assert_eq!(times, [0, 1200, 3600, 8400, 18_000]);
        assert!(!knocks.has(path(1000)));
    }
}
