//! A backend of the log that is as bad as the contract allows: it answers late, out of the order asked, or rejects.
//!
//! Owns: the log of the simulated server, which survives its restarts if it is to.
//! Must not know: who asked.
//! Driven by: `world`, through [`crate::log::store::settle`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::log::store::{Outcome, Store};
use crate::log::{Beginning, Draft, DraftId, Known, Page, Rejection, Start};
use crate::session::Entropy;
use crate::time::Instant;
use crate::wire::entry::{ENTRY_MAX, Entry};
use crate::wire::frame::GapReason;
use crate::wire::limits::POSTS_MAX;
use crate::wire::{LogId, Nick, PostId, Seq, Timestamp, Who};

/// An entry as the backend keeps it.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// The entry, encoded.
    pub(super) entry: Box<[u8]>,
    /// The post that it was, and whose.
    pub(super) post: Option<(Who, PostId)>,
    /// When it was committed.
    pub(super) at: Timestamp,
}

#[derive(Debug)]
struct Pending {
    draft: DraftId,
    at: Timestamp,
    parts: Vec<Vec<u8>>,
    post: Option<(Who, PostId)>,
    rejected: bool,
}

/// The backend; see the module.
#[derive(Debug)]
pub(super) struct Backend {
    /// Which log it is.
    pub(super) id: LogId,
    /// All that is committed.
    pub(super) log: Vec<Kept>,
    /// What is older is gone.
    oldest: Seq,
    now: Instant,
    late: Duration,
    reject: f64,
    entropy: Entropy,
    pending: BTreeMap<(Instant, u64), Pending>,
    asked: u64,
    /// When the last draft of each source will be answered: those of one keep their order.
    busy: BTreeMap<u32, Instant>,
    answers: VecDeque<Outcome>,
}

impl Backend {
    /// An empty log that takes up to `late` to answer and rejects that part of the drafts.
    pub(super) fn new(late: Duration, reject: f64, mut entropy: Entropy) -> Self {
        let id = LogId(entropy.bytes());
        Self {
            id,
            log: Vec::new(),
            oldest: Seq(0),
            now: Instant::ZERO,
            late,
            reject,
            entropy,
            pending: BTreeMap::new(),
            asked: 0,
            busy: BTreeMap::new(),
            answers: VecDeque::new(),
        }
    }

    /// The server ends: what is committed stays, of what was asked for a part may still have been committed without
    /// anybody hearing of it, the rest is gone. Without `keep` the log is, too.
    pub(super) fn restart(&mut self, keep: bool) {
        let under_way = std::mem::take(&mut self.pending);
        let last = self.entropy.next_u32() as usize % (under_way.len() + 1);
        for (_, pending) in under_way.into_iter().take(last).filter(|(_, pending)| !pending.rejected) {
            self.keep(pending);
        }
        self.answers.clear();
        self.busy.clear();
        if !keep {
            self.id = LogId(self.entropy.bytes());
            self.log.clear();
            self.oldest = Seq(0);
        }
    }

    fn keep(&mut self, pending: Pending) -> Timestamp {
        let at = self.log.last().map_or(pending.at, |newest| pending.at.max(newest.at));
        for mut entry in pending.parts {
            let mut time = [0; 10];
            entry.extend_from_slice(postcard::to_slice(&at, &mut time).expect("a time has at most ten bytes"));
            self.log.push(Kept { entry: entry.into(), post: pending.post, at });
        }
        at
    }

    /// The keys that are present by the log.
    pub(super) fn present(&self) -> BTreeSet<(Who, Nick)> {
        let mut present = BTreeSet::new();
        for entry in self.log.iter().filter_map(|kept| Entry::decode(&kept.entry)) {
            match entry {
                Entry::Joined { who, nick } => drop(nick.parse().map(|nick| present.insert((who, nick)))),
                Entry::Left { who, nick, .. } => drop(nick.parse().map(|nick| present.remove(&(who, nick)))),
                Entry::Renamed { who, nick, to } => {
                    if let (Ok(nick), Ok(to)) = (nick.parse(), to.parse())
                        && present.remove(&(who, nick))
                    {
                        present.insert((who, to));
                    }
                }
                Entry::Line { .. } | Entry::Said { .. } | Entry::Did { .. } => {}
            }
        }
        present
    }

    /// Forgets all but the newest.
    pub(super) fn prune(&mut self, keep: Option<u64>) {
        if let Some(keep) = keep {
            self.oldest = self.oldest.max(Seq((self.log.len() as u64).saturating_sub(keep)));
        }
    }

    /// From now on nothing is rejected.
    pub(super) const fn calm(&mut self) {
        self.reject = 0.0;
    }

    /// When the next draft will be answered.
    pub(super) fn next_answer(&self) -> Option<Instant> {
        self.pending.first_key_value().map(|(&(at, _), _)| at)
    }

    /// Time passes.
    pub(super) fn pass_time(&mut self, now: Instant) {
        self.now = now;
    }

    fn chance(&mut self) -> f64 {
        f64::from(self.entropy.next_u32()) / f64::from(u32::MAX)
    }
}

impl Store for Backend {
    fn next(&self) -> Seq {
        Seq(self.log.len() as u64)
    }

    fn append(&mut self, draft: &Draft<'_>) {
        let (mut parts, post) = (Vec::new(), draft.post.map(|post| (draft.who, post)));
        draft.for_each(|entry| {
            let mut encoded = [0; ENTRY_MAX];
            // Without the time, which it gets when it is committed.
            let len = postcard::to_slice(entry, &mut encoded).map(|bytes| bytes.len());
            parts.push(encoded[..len.expect("an entry is as long as it may be")].to_vec());
        });
        let late = if self.late.is_zero() { Duration::ZERO } else { self.late.mul_f64(self.chance()) };
        let rejected = self.reject > 0.0 && self.chance() < self.reject;
        let busy = self.busy.entry(draft.source).or_default();
        *busy = (*busy).max(self.now + late);
        self.pending.insert((*busy, self.asked), Pending { draft: draft.id, at: draft.at, parts, post, rejected });
        self.asked += 1;
    }

    fn poll_outcome(&mut self) -> Option<Outcome> {
        while let Some(entry) = self.pending.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let pending = entry.remove();
            let draft = pending.draft;
            let outcome = if pending.rejected {
                Outcome::Rejected { draft, why: Rejection::Full }
            } else {
                let first = Seq(self.log.len() as u64);
                let at = self.keep(pending);
                Outcome::Committed { draft, first, at }
            };
            self.answers.push_back(outcome);
        }
        self.answers.pop_front()
    }

    fn oldest(&self) -> Option<Seq> {
        Some(self.oldest)
    }

    fn read(&mut self, page: &mut Page, to: Seq) {
        page.skip_to(self.oldest.min(to), GapReason::Gone);
        let range = usize::try_from(page.end().0).unwrap_or_default()..usize::try_from(to.0).unwrap_or_default();
        self.log.get(range).into_iter().flatten().for_each(|kept| page.push(&kept.entry));
    }

    fn look_up(&mut self, beginning: &Beginning) -> Known {
        let mine =
            |kept: &Kept| kept.post.filter(|(who, post)| (*who, post.instance) == (beginning.who, beginning.instance));
        let kept = || (0..).map(Seq).zip(&self.log).filter(|&(seq, _)| seq >= self.oldest);
        let mut posts: Vec<_> = kept().filter_map(|(seq, kept)| Some((mine(kept)?.1.counter, seq))).collect();
        posts.drain(..posts.len().saturating_sub(usize::try_from(POSTS_MAX).unwrap_or_default()));
        let start = beginning.start.and_then(|start| match start {
            Start::Messages(0) => None,
            Start::Messages(count) => {
                let messages: Vec<_> = kept()
                    .filter(|(_, kept)| Entry::decode(&kept.entry).is_some_and(|entry| entry.is_message()))
                    .collect();
                let skipped = messages.len().saturating_sub(usize::try_from(count).unwrap_or(usize::MAX));
                messages.get(skipped).map(|&(seq, _)| seq)
            }
            Start::Since(at) => kept().find(|(_, kept)| kept.at >= at).map(|(seq, _)| seq),
        });
        Known { start, posts, is_all: self.oldest == Seq(0) }
    }
}
