//! A backend of the log that is as bad as the contract allows: it answers late, out of the order asked, or rejects.
//!
//! Owns: the log of the simulated server, which survives its restarts if it is to.
//! Must not know: who asked.
//! Driven by: `world`, through [`crate::store::settle`].

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::room::{Draft, DraftId, Rejection};
use crate::sabotage::{Fault, planted};
use crate::session::Entropy;
use crate::store::{Outcome, Store};
use crate::time::Instant;
use crate::wire::entry::{ENTRY_MAX, Entry};
use crate::wire::text;
use crate::wire::{LogId, PostId, Seq};

/// An entry as the backend keeps it.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// The entry, encoded.
    pub(super) entry: Box<[u8]>,
    /// The post that it was.
    pub(super) post: Option<PostId>,
}

#[derive(Debug)]
struct Pending {
    draft: DraftId,
    entries: Vec<Kept>,
    rejected: bool,
}

/// The backend; see the module.
#[derive(Debug)]
pub(super) struct Backend {
    /// Which log it is.
    pub(super) id: LogId,
    /// All that is committed.
    pub(super) log: Vec<Kept>,
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

    /// The server ends: what is not committed is gone. Without `keep` the log is, too.
    pub(super) fn restart(&mut self, keep: bool) {
        self.pending.clear();
        self.answers.clear();
        self.busy.clear();
        if keep && planted(Fault::DropTail) {
            self.log.pop();
        }
        if !keep {
            self.id = LogId(self.entropy.bytes());
            self.log.clear();
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
        let mut entries = Vec::new();
        let mut keep = |entry: Entry<'_>| {
            let mut encoded = [0; ENTRY_MAX];
            let len = entry.encode(&mut encoded).expect("an entry is as long as it may be");
            entries.push(Kept { entry: encoded[..len].into(), post: draft.post });
        };
        if draft.entries == 1 {
            keep(draft.entry);
        } else {
            // The room cuts it the same way, with the prefix that it knows; here the length of the parts is enough.
            text::cut(draft.line, "")
                .take(usize::try_from(draft.entries).unwrap_or(1))
                .for_each(|text| keep(Entry::Line { text }));
        }
        let late = if self.late.is_zero() { Duration::ZERO } else { self.late.mul_f64(self.chance()) };
        let rejected = self.reject > 0.0 && self.chance() < self.reject;
        let busy = self.busy.entry(draft.source).or_default();
        *busy = (*busy).max(self.now + late);
        self.pending.insert((*busy, self.asked), Pending { draft: draft.id, entries, rejected });
        self.asked += 1;
    }

    fn poll_outcome(&mut self) -> Option<Outcome> {
        while let Some(entry) = self.pending.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let Pending { draft, entries, rejected } = entry.remove();
            self.answers.push_back(if rejected {
                Outcome::Rejected { draft, why: Rejection::Full }
            } else {
                let first = Seq(self.log.len() as u64);
                self.log.extend(entries);
                Outcome::Committed { draft, first }
            });
        }
        self.answers.pop_front()
    }
}
