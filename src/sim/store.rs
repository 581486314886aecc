//! A backend of the log that is as bad as the contract allows: it answers late and out of order, rejects, goes away and comes
//! back, has entries in between that came another way, and may suddenly be another log.
//!
//! Owns: the log of the simulated server, which survives restarts if the scenario wants that.
//! Must not know: who asked.
//! Driven by: `world`, through [`crate::server::exchange`] and [`crate::server::ask`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use crate::log::answers::Answers;
use crate::log::{Appended, Draft, DraftId, Known, Opening, Outcome, Page, Rejection, Request, Start, State, Store};
use crate::policy::Policy;
use crate::session::Entropy;
use crate::time::Instant;
use crate::wire::entry::{Act, ENTRY_MAX, Entry, Tail, Terms, VOID};
use crate::wire::frame::GapReason;
use crate::wire::limits::POSTS_MAX;
use crate::wire::{CloseReason, Instance, LogId, Nick, PostId, Seq, Timestamp, Who};

/// The author of entries that come another way than through the server.
const ELSEWHERE: Who = Who([0xee; 8]);

/// The key of the room's owner, who acts on the adversary's keys through another server.
pub(super) const OWNER: (Who, [u8; 32]) = (Who([0xcc; 8]), [0xcc; 32]);

/// The part of the entries that is preceded by an act from elsewhere, if there is an owner.
const ACTS: f64 = 0.05;

/// An entry as the backend stores it.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// The entry, encoded.
    pub(super) entry: Box<[u8]>,
    /// Its post and author, if it was a post.
    pub(super) post: Option<(Who, PostId)>,
    /// When it was committed.
    pub(super) at: Timestamp,
    /// Whether the policy lets it have effect.
    pub(super) has_effect: bool,
}

#[derive(Debug)]
struct Pending {
    draft: Option<DraftId>,
    at: Timestamp,
    parts: Vec<Vec<u8>>,
    /// What follows the entry and its time, encoded.
    tail: Vec<u8>,
    post: Option<(Who, PostId)>,
    rejected: bool,
}

/// How the backend misbehaves.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Manner {
    /// The longest time that it takes to answer.
    pub(super) late: Duration,
    /// The part of the drafts that it rejects.
    pub(super) reject: f64,
    /// The part of the entries that is preceded by one from elsewhere.
    pub(super) foreign: f64,
}

/// The backend; see the module.
#[derive(Debug)]
pub(super) struct Backend {
    /// The log's id.
    pub(super) id: LogId,
    /// All committed entries.
    pub(super) log: Vec<Kept>,
    /// The oldest entry that is not forgotten.
    oldest: Seq,
    now: Instant,
    manner: Manner,
    entropy: Entropy,
    pending: BTreeMap<(Instant, u64), Pending>,
    requests: BTreeMap<(Instant, u64), Request>,
    asked: u64,
    /// When the last draft of each source will be answered: drafts of one source keep their order.
    busy: BTreeMap<u64, Instant>,
    is_away: bool,
    /// The number of posts from elsewhere, and whether their author is present.
    foreign_posts: u64,
    foreign_is_present: bool,
    answers: Answers,
    policy: Policy,
    /// How far users have read.
    reads: BTreeMap<Who, Seq>,
    /// The keys that the owner acts on through another server, if there is one.
    acted_on: Vec<(Who, [u8; 32])>,
}

impl Backend {
    /// Creates an empty log.
    pub(super) fn new(manner: Manner, mut entropy: Entropy) -> Self {
        let id = LogId(entropy.bytes());
        Self {
            id,
            log: Vec::new(),
            oldest: Seq(0),
            now: Instant::ZERO,
            manner,
            entropy,
            pending: BTreeMap::new(),
            requests: BTreeMap::new(),
            asked: 0,
            busy: BTreeMap::new(),
            is_away: false,
            foreign_posts: 0,
            foreign_is_present: false,
            answers: Answers::default(),
            policy: Policy::default(),
            reads: BTreeMap::new(),
            acted_on: Vec::new(),
        }
    }

    /// Adds an entry from before the run.
    pub(super) fn preload(&mut self, kept: Kept) {
        let applied = self.policy.apply(Seq(self.log.len() as u64), &kept.entry);
        assert_eq!(applied, Ok(()), "a scenario begins with entries that have effect");
        self.policy.settle();
        self.log.push(kept);
    }

    /// Has the room's owner act on these keys from time to time, through another server; and these keys act there too, without
    /// a right.
    pub(super) fn has_owner(&mut self, keys: Vec<(Who, [u8; 32])>) {
        self.acted_on = keys;
    }

    /// Appends an act from elsewhere: one of the owner's on one of those keys, or one of such a key, which has no effect.
    fn append_act(&mut self) {
        let pick = |entropy: &mut Entropy, keys: &[(Who, [u8; 32])]| keys[entropy.next_u32() as usize % keys.len()];
        let (whom, key) = pick(&mut self.entropy, &self.acted_on);
        let is_owners = !self.entropy.next_u32().is_multiple_of(3);
        let who = if is_owners { OWNER.0 } else { pick(&mut self.entropy, &self.acted_on).0 };
        let at = self.log.last().map_or_else(Timestamp::default, |newest| newest.at);
        let lasts = Duration::from_millis(u64::from(self.entropy.next_u32() % 3_000));
        let all =
            [Act::Mute, Act::Mute, Act::Unmute, Act::Kick, Act::Ban, Act::Unban, Act::Admit, Act::Topic, Act::Deop];
        let act = all[self.entropy.next_u32() as usize % all.len()];
        let why = format!("because {}", self.entropy.next_u32() % 4);
        let entry = Entry::Acted { who, nick: "", act, whom, of: "mallory", until: at.after(lasts), why: &why };
        let (parts, tail) = (vec![encoded(&entry)], encoded(&Terms { key, ..Terms::default() }));
        self.keep(Pending { draft: None, at, parts, tail, post: None, rejected: false });
    }

    /// Returns the key that writes to the log another way.
    pub(super) const fn elsewhere() -> Who {
        ELSEWHERE
    }

    /// Handles the end of the server: committed entries stay; some of the drafts in flight may still have been committed
    /// without anybody hearing of it, and the rest is gone. Without `keep` the log is gone, too.
    pub(super) fn restart(&mut self, keep: bool) {
        let under_way = std::mem::take(&mut self.pending);
        let last = self.entropy.next_u32() as usize % (under_way.len() + 1);
        for (_, pending) in under_way.into_iter().take(last).filter(|(_, pending)| !pending.rejected) {
            self.keep(pending);
        }
        self.forget_questions();
        if !keep {
            self.clear();
        }
    }

    fn forget_questions(&mut self) {
        self.answers = Answers::default();
        self.requests.clear();
        self.pending.clear();
        self.busy.clear();
        self.is_away = false;
    }

    fn clear(&mut self) {
        self.id = LogId(self.entropy.bytes());
        self.log.clear();
        self.reads.clear();
        self.oldest = Seq(0);
        self.foreign_is_present = false;
        self.policy = Policy::default();
    }

    /// Becomes another log, without being asked by the server.
    pub(super) fn replace(&mut self) {
        self.forget_questions();
        self.clear();
        let opening = self.open();
        self.answers.push_new_log(opening);
    }

    /// Accepts nothing from now on, or accepts again.
    pub(super) fn set_away(&mut self, is_away: bool) {
        self.is_away = is_away;
        self.answers.push_state(if is_away { State::Away } else { State::Ready });
    }

    /// Appends an entry from elsewhere.
    fn append_foreign(&mut self) {
        let (who, nick) = (ELSEWHERE, "elsewhere");
        let post = PostId { instance: Instance([0xee; 8]), counter: self.foreign_posts };
        let text = format!("from elsewhere {}", self.foreign_posts);
        let (entry, post) = match self.entropy.next_u32() % 4 {
            0 if self.foreign_is_present => (Entry::Left { who, nick, why: CloseReason::Left }, None),
            0 => (Entry::Joined { who, nick }, None),
            1 => (Entry::Line { text: &text }, None),
            _ => (Entry::Said { who, nick, text: &text }, Some((who, post))),
        };
        self.foreign_posts += u64::from(post.is_some());
        self.foreign_is_present ^= matches!(entry, Entry::Joined { .. } | Entry::Left { .. });
        let parts = vec![encoded(&entry)];
        self.keep(Pending { draft: None, at: Timestamp::default(), parts, tail: Vec::new(), post, rejected: false });
    }

    fn keep(&mut self, pending: Pending) {
        let at = self.log.last().map_or(pending.at, |newest| pending.at.max(newest.at));
        let count = pending.parts.len();
        for (number, mut entry) in pending.parts.into_iter().enumerate() {
            let mut time = [0; 10];
            entry.extend_from_slice(postcard::to_slice(&at, &mut time).expect("a time has at most ten bytes"));
            entry.extend_from_slice(&pending.tail);
            let seq = Seq(self.log.len() as u64);
            let (post, draft, is_last) = (pending.post, pending.draft, number + 1 == count);
            let has_effect = self.policy.apply(seq, &entry).is_ok();
            self.policy.settle();
            self.answers.push_appended(&Appended { seq, at, bytes: &entry, post, draft, is_last });
            let post = post.filter(|_| has_effect);
            self.log.push(Kept { entry: entry.into(), post, at, has_effect });
        }
    }

    /// Returns the keys and nicks that are present according to the log.
    pub(super) fn present(&self) -> BTreeSet<(Who, Nick)> {
        let mut present = BTreeSet::new();
        for entry in self.log.iter().filter(|kept| kept.has_effect).filter_map(|kept| Entry::decode(&kept.entry)) {
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
                Entry::Line { .. }
                | Entry::Said { .. }
                | Entry::Did { .. }
                | Entry::Acted { .. }
                | Entry::Private { .. } => {}
            }
        }
        present
    }

    /// Forgets all but the newest `keep` entries.
    pub(super) fn prune(&mut self, keep: Option<u64>) {
        let Some(keep) = keep else { return };
        let oldest = Seq((self.log.len() as u64).saturating_sub(keep));
        if oldest > self.oldest {
            self.oldest = oldest;
            self.answers.push_truncated(oldest);
        }
    }

    /// From now on rejects nothing, and adds nothing from elsewhere.
    pub(super) const fn calm(&mut self) {
        self.manner.reject = 0.0;
        self.manner.foreign = 0.0;
    }

    /// Returns when the next answer is due.
    pub(super) fn next_answer(&self) -> Option<Instant> {
        if self.is_away {
            return None;
        }
        let draft = self.pending.first_key_value().map(|(&(at, _), _)| at);
        let request = self.requests.first_key_value().map(|(&(at, _), _)| at);
        [draft, request].into_iter().flatten().min()
    }

    /// Lets time pass.
    pub(super) fn pass_time(&mut self, now: Instant) {
        self.now = now;
    }

    fn chance(&mut self) -> f64 {
        f64::from(self.entropy.next_u32()) / f64::from(u32::MAX)
    }
}

impl Backend {
    /// Returns a random time within the longest delay.
    fn some_time(&mut self) -> Instant {
        let late = self.manner.late;
        if late.is_zero() { self.now } else { self.now + late.mul_f64(self.chance()) }
    }

    /// Gives every answer that is due.
    fn answer(&mut self) {
        while let Some(entry) = self.pending.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let pending = entry.remove();
            match pending.draft.filter(|_| pending.rejected) {
                Some(draft) => self.answers.push_rejected(draft, Rejection::Full),
                None => {
                    if self.manner.foreign > 0.0 && self.chance() < self.manner.foreign {
                        self.append_foreign();
                    }
                    if !self.acted_on.is_empty() && self.chance() < ACTS {
                        self.append_act();
                    }
                    self.keep(pending);
                }
            }
        }
        while let Some(entry) = self.requests.first_entry().filter(|entry| entry.key().0 <= self.now) {
            match entry.remove() {
                Request::Page { id, from, to } => self.answers.push_page(id, self.read(from, to)),
                Request::Known { id, who, instance, start } => {
                    let known = self.look_up(who, instance, start);
                    self.answers.push_known(id, Seq(self.log.len() as u64), known);
                }
            }
        }
    }

    fn read(&self, from: Seq, to: Seq) -> Page {
        let mut page = Page::new(from);
        page.skip_to(self.oldest.min(to), GapReason::Gone);
        let range = usize::try_from(page.end().0).unwrap_or_default()..usize::try_from(to.0).unwrap_or_default();
        for kept in self.log.get(range).into_iter().flatten() {
            page.push(if kept.has_effect { &kept.entry } else { VOID });
        }
        page
    }

    fn look_up(&self, who: Who, instance: Instance, start: Option<Start>) -> Known {
        let mine = |kept: &Kept| kept.post.filter(|(other, post)| (*other, post.instance) == (who, instance));
        let mut posts: Vec<_> = self.kept().filter_map(|(seq, kept)| Some((mine(kept)?.1.counter, seq))).collect();
        posts.drain(..posts.len().saturating_sub(usize::try_from(POSTS_MAX).unwrap_or_default()));
        let start = match start {
            None | Some(Start::Messages(0)) => None,
            Some(Start::Messages(count)) => self.start_of_last(count),
            Some(Start::Since(at)) => self.kept().find(|(_, kept)| kept.at >= at).map(|(seq, _)| seq),
        };
        Known { start, posts, is_all: self.oldest == Seq(0) }
    }

    /// Returns where the last `count` messages begin.
    fn start_of_last(&self, count: u64) -> Option<Seq> {
        let is_message = |kept: &Kept| Entry::decode(&kept.entry).is_some_and(|entry| entry.is_message());
        let messages: Vec<_> = self.kept().filter(|(_, kept)| is_message(kept)).collect();
        let skipped = messages.len().saturating_sub(usize::try_from(count).unwrap_or(usize::MAX));
        messages.get(skipped).map(|&(seq, _)| seq)
    }

    /// Returns the entries that are not forgotten.
    fn kept(&self) -> impl Iterator<Item = (Seq, &Kept)> {
        (0..).map(Seq).zip(&self.log).filter(|&(seq, _)| seq >= self.oldest)
    }
}

/// Encodes a claim, or an entry without its time, which it gets when it is appended.
fn encoded(entry: &impl Serialize) -> Vec<u8> {
    let mut encoded = [0; ENTRY_MAX];
    let len = postcard::to_slice(entry, &mut encoded).map(|bytes| bytes.len());
    encoded[..len.expect("an entry is as long as it may be")].to_vec()
}

impl Store for Backend {
    fn open(&mut self) -> Opening {
        let present = self.present().into_iter().collect();
        let policy = self.policy.clone();
        let (next, oldest) = (Seq(self.log.len() as u64), Some(self.oldest));
        let reads = self.reads.iter().map(|(&who, &seq)| (who, seq)).collect();
        Opening { id: self.id, next, oldest, present, policy, reads }
    }

    fn note_reads(&mut self, reads: &[(Who, Option<Seq>)]) -> bool {
        if self.is_away {
            return false;
        }
        for &(who, next) in reads {
            match next {
                Some(next) => drop(self.reads.insert(who, next)),
                None => drop(self.reads.remove(&who)),
            }
        }
        true
    }

    fn submit(&mut self, draft: &Draft<'_>) {
        let mut parts = Vec::new();
        draft.for_each(|entry, _| parts.push(encoded(entry)));
        let at = self.some_time();
        let rejected = self.manner.reject > 0.0 && self.chance() < self.manner.reject;
        let busy = self.busy.entry(draft.source).or_default();
        *busy = (*busy).max(at);
        let tail = match &draft.tail {
            Some(Tail::Claim(claim)) => encoded(claim),
            Some(Tail::Terms(terms)) => encoded(terms),
            Some(Tail::Author(key)) => encoded(key),
            None => Vec::new(),
        };
        let pending = Pending { draft: Some(draft.id), at: draft.at, parts, tail, post: draft.post, rejected };
        self.pending.insert((*busy, self.asked), pending);
        self.asked += 1;
    }

    fn flush(&mut self) {}

    fn request(&mut self, request: &Request) {
        let at = self.some_time();
        self.requests.insert((at, self.asked), *request);
        self.asked += 1;
    }

    fn poll(&mut self) -> Option<Outcome<'_>> {
        if !self.is_away {
            self.answer();
        }
        self.answers.poll()
    }
}
