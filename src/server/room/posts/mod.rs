//! Who posted what, so that no post becomes an entry twice (PROTOCOL 2.8).
//!
//! Owns: for each running client, the counters that are settled, under way, or held because they came early, and the renames of
//! which the client may not know the outcome.
//! Must not know: sessions; an author outlives its session, because its client may come back.
//! Driven by: the server.
//!
//! ```text
//!   counters   settled, known | settled or under way | held or missing | beyond
//!                             ^ base                 ^ next            ^ base + 64
//! ```

mod plan;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use slab::Slab;

use crate::log::Known;
use crate::server::ids::AuthorId;
use crate::session::Broken;
use crate::time::Instant;
use crate::wire::frame::{Outcome, PostKind};
use crate::wire::limits::POSTS_MAX;
use crate::wire::{Instance, Nick, PostId, Refusal, Seq, Who};
use crate::work::{self, Work};

pub(crate) use plan::{Offer, Offered, Plan};

/// The most bytes of early posts that are held for all authors together. Chosen: one long post for each of a thousand authors.
const HELD_BYTES_MAX: usize = 1024 * 1024;

/// The first counter that is not accepted: nobody posts that often, and adding one never overflows (PROTOCOL 2.8).
const COUNTER_END: u64 = 1 << 62;

/// How many authors are looked at to find one to forget. Chosen: nearly all authors without a session have nothing under way.
const LOOKED_AT: usize = 16;

/// A post that came early: its kind and its body.
type Held = (PostKind, Box<[u8]>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Record {
    outcome: Option<Outcome>,
    said: bool,
}

/// Placeholder for a post that was refused, marked as known to its client.
const SKIPPED: Record = Record { outcome: Some(Outcome::Refused(Refusal::Full)), said: true };

/// One running client.
#[derive(Debug)]
pub(crate) struct Author {
    name: (Who, Instance),
    /// Whether all that it ever posted in this log is known.
    remembered: bool,
    base: u64,
    next: u64,
    /// The records of the counters from `base` to `next`.
    posts: VecDeque<Record>,
    held: BTreeMap<u64, Held>,
    /// Posts from this counter on came in the current session, so the client can learn their outcome only from us.
    session_from: u64,
    /// Renames that were not refused and of which the client may not know the outcome, in the order of their counters.
    renames: VecDeque<Rename>,
    /// When it last had a session; `None` while it has one.
    gone: Option<Instant>,
}

/// A rename that is under way or accepted.
#[derive(Clone, Debug)]
struct Rename {
    counter: u64,
    from: Nick,
    to: Nick,
}

impl Author {
    /// Whether all that it ever posted in this log is known.
    pub(crate) const fn is_remembered(&self) -> bool {
        self.remembered
    }

    /// Passes each outcome that was not sent yet to `say`, and marks it as sent if `say` returns true. Stops at the first
    /// false.
    pub(crate) fn say(&mut self, mut say: impl FnMut(u64, Outcome) -> bool) -> bool {
        let mut any = false;
        for (counter, post) in (self.base..).zip(&mut self.posts).filter(|(_, post)| !post.said) {
            let Some(outcome) = post.outcome else { continue };
            if !say(counter, outcome) {
                break;
            }
            post.said = true;
            any = true;
        }
        any
    }

    /// Whether any outcome is still to be sent.
    pub(crate) fn has_news(&self) -> bool {
        self.posts.iter().any(|post| !post.said && post.outcome.is_some())
    }

    /// Returns the current nick of a client that last knew itself as `nick` (PROTOCOL 2.10).
    pub(crate) fn renamed(&self, nick: &Nick) -> Nick {
        self.renames
            .iter()
            .fold(nick.clone(), |nick, rename| if rename.from == nick { rename.to.clone() } else { nick })
    }

    /// Returns the counter below which everything is settled, if the client says that everything below `settled_below` is.
    ///
    /// # Errors
    /// The client says so of a post of this session that is still under way, which it cannot know.
    fn floor(&self, settled_below: u64) -> Result<u64, Broken> {
        work::did(Work::Scanned, self.posts.len());
        let below = (self.base..settled_below).zip(&self.posts);
        let under_way = below.into_iter().find(|(_, post)| post.outcome.is_none()).map(|(counter, _)| counter);
        match under_way {
            Some(counter) if counter >= self.session_from => Err(Broken),
            // It is of an earlier session: the client gave up waiting for its outcome.
            Some(counter) => Ok(counter),
            None => Ok(settled_below.max(self.base)),
        }
    }

    fn post(&self, counter: u64) -> Option<&Record> {
        self.posts.get(usize::try_from(counter.checked_sub(self.base)?).ok()?)
    }

    fn post_mut(&mut self, counter: u64) -> Option<&mut Record> {
        self.posts.get_mut(usize::try_from(counter.checked_sub(self.base)?).ok()?)
    }

    /// Forgets the refusals among the last posts: a client that missed a refusal, or another run with the same instance, may
    /// post them again. They are ordered after all posts that became entries.
    pub(crate) fn reopen(&mut self) {
        while matches!(self.posts.back(), Some(Record { outcome: Some(Outcome::Refused(_)), .. })) {
            self.posts.pop_back();
            self.next -= 1;
        }
        self.session_from = self.next;
    }

    /// Marks all outcomes as not sent: the packet that had them was lost, or the client that got them is gone.
    pub(crate) fn say_again(&mut self) {
        self.posts.iter_mut().for_each(|post| post.said = false);
    }
}

/// All authors.
#[derive(Debug, Default)]
pub(crate) struct Posts {
    authors: Slab<Author>,
    by_name: BTreeMap<(Who, Instance), AuthorId>,
    /// Authors without a session, by when they last had one or were last looked at without being forgotten.
    gone: BTreeSet<(Instant, AuthorId)>,
    held_bytes: usize,
    /// An author has been forgotten, so an unknown name may be a forgotten one.
    forgot: bool,
}

impl Posts {
    /// Starts without authors. If `forgot`, the log may have posts of unknown authors.
    pub(crate) fn new(forgot: bool) -> Self {
        Self { forgot, ..Self::default() }
    }

    /// Returns the author of that name, if it is known.
    pub(crate) fn find(&self, who: Who, instance: Instance) -> Option<AuthorId> {
        self.by_name.get(&(who, instance)).copied()
    }

    /// Returns the author of that name, and creates it if necessary.
    pub(crate) fn find_or_insert(&mut self, who: Who, instance: Instance) -> AuthorId {
        if let Some(id) = self.find(who, instance) {
            return id;
        }
        let name = (who, instance);
        let remembered = !self.forgot;
        let author = Author {
            name,
            remembered,
            base: 0,
            next: 0,
            posts: VecDeque::new(),
            held: BTreeMap::new(),
            session_from: 0,
            renames: VecDeque::new(),
            gone: None,
        };
        let id = AuthorId::of(self.authors.insert(author));
        self.by_name.insert(name, id);
        id
    }

    pub(crate) fn get(&self, id: AuthorId) -> Option<&Author> {
        self.authors.get(id.key())
    }

    pub(crate) fn get_mut(&mut self, id: AuthorId) -> Option<&mut Author> {
        self.authors.get_mut(id.key())
    }

    /// How many authors there are.
    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Sets since when the author has had no session, or `None` if it has one.
    pub(crate) fn set_gone(&mut self, id: AuthorId, gone: Option<Instant>) {
        let Some(author) = self.authors.get_mut(id.key()) else { return };
        if let Some(before) = std::mem::replace(&mut author.gone, gone) {
            self.gone.remove(&(before, id));
        }
        self.gone.extend(gone.map(|at| (at, id)));
        // A client that comes back resends them.
        let held = std::mem::take(&mut author.held);
        self.held_bytes -= held.values().map(|(_, body)| body.len()).sum::<usize>();
    }

    /// Forgets the author that has been without a session for longest, of those that have nothing under way, as `is_free` says.
    /// Looks at [`LOOKED_AT`] of them at most, and moves those that it cannot forget behind all others.
    pub(crate) fn forget_longest_gone(&mut self, now: Instant, is_free: impl Fn(AuthorId, Who) -> bool) {
        for _ in 0..LOOKED_AT {
            let Some(&(at, id)) = self.gone.first() else { return };
            work::did(Work::Scanned, 1);
            let Some(author) = self.authors.get_mut(id.key()) else { return };
            if is_free(id, author.name.0) {
                return self.remove(id);
            }
            author.gone = Some(now);
            self.gone.remove(&(at, id));
            self.gone.insert((now, id));
        }
    }

    /// Forgets an author.
    fn remove(&mut self, id: AuthorId) {
        if let Some(author) = self.authors.try_remove(id.key()) {
            self.forgot = true;
            self.held_bytes -= author.held.values().map(|(_, body)| body.len()).sum::<usize>();
            self.by_name.remove(&author.name);
            if let Some(gone) = author.gone {
                self.gone.remove(&(gone, id));
            }
        }
    }

    /// Records what the log has of an author. Returns whether all that it ever posted is known now.
    pub(crate) fn learn(&mut self, id: AuthorId, known: &Known) -> bool {
        if self.get(id).is_some_and(|author| !author.remembered && author.posts.is_empty()) {
            if let (false, Some(author), Some(&(first, _))) = (known.is_all, self.get_mut(id), known.posts.first()) {
                // Earlier posts are not known, and the client must not learn that they were refused.
                author.base = first;
                author.next = first;
            }
            known.posts.iter().for_each(|&(counter, seq)| self.recall(id, counter, seq));
            if let Some(author) = self.get_mut(id) {
                // Anything older than the oldest of 64 posts was settled long ago.
                author.remembered = known.is_all || known.posts.len() as u64 >= POSTS_MAX;
                author.session_from = author.next;
                author.say_again();
            }
        }
        self.get(id).is_some_and(Author::is_remembered)
    }

    /// Records a post of the author that the log has already.
    fn recall(&mut self, id: AuthorId, counter: u64, seq: Seq) {
        let Some(author) = self.get_mut(id) else { return };
        // Missing counters in between were refused, for an author's posts are committed in order. Counters that break this
        // order are ignored: the log comes from a file.
        if counter < author.next || counter >= COUNTER_END {
            return ::log::warn!("the log has post {counter} of an instance behind post {}: not recalled", author.next);
        }
        let missing = (counter - author.next).min(POSTS_MAX);
        author.posts.extend((0..missing).map(|_| SKIPPED));
        author.posts.push_back(Record { outcome: Some(Outcome::Accepted(seq)), said: true });
        author.next = counter + 1;
        while author.posts.len() as u64 > POSTS_MAX {
            author.posts.pop_front();
        }
        author.base = author.next - author.posts.len() as u64;
    }

    /// Forgets the posts below `settled_below`: the client knows their outcomes.
    pub(crate) fn confirm(&mut self, id: AuthorId, settled_below: u64) {
        let Some(author) = self.authors.get_mut(id.key()) else { return };
        while author.base < settled_below
            && author.posts.front().is_some_and(|post| post.outcome.is_some())
            && author.posts.pop_front().is_some()
        {
            author.base += 1;
        }
        if author.next < settled_below && author.posts.is_empty() {
            author.base = settled_below;
            author.next = settled_below;
        }
        while author.renames.front().is_some_and(|rename| rename.counter < author.base) {
            author.renames.pop_front();
        }
        author.posts.shrink_to(16);
        while let Some(early) = author.held.first_entry().filter(|early| *early.key() < author.next) {
            self.held_bytes -= early.remove().1.len();
        }
    }

    /// Holds a post that came early.
    pub(crate) fn hold(&mut self, id: AuthorId, counter: u64, kind: PostKind, body: &[u8]) {
        self.held_bytes += body.len();
        if let Some(author) = self.get_mut(id) {
            author.held.insert(counter, (kind, body.into()));
        }
    }

    /// Records that the post is being drafted.
    ///
    /// # Errors
    /// It was drafted before, or is too far ahead for the ones in between to be missing: the session's own state is at fault.
    pub(crate) fn draft(&mut self, id: AuthorId, counter: u64) -> Result<(), Broken> {
        let Some(author) = self.get_mut(id) else { return Ok(()) };
        let missing = counter.checked_sub(author.next).ok_or(Broken)?;
        let len = author.posts.len() as u64;
        if len + missing >= POSTS_MAX {
            return Err(Broken);
        }
        author.posts.extend(std::iter::repeat_n(SKIPPED, usize::try_from(missing).map_err(|_| Broken)?));
        author.posts.push_back(Record::default());
        author.next = counter + 1;
        Ok(())
    }

    /// Whether a rename of the author is under way.
    pub(crate) fn is_renaming(&self, id: AuthorId) -> bool {
        let Some(author) = self.get(id) else { return false };
        let Some(rename) = author.renames.back() else { return false };
        author.post(rename.counter).is_some_and(|post| post.outcome.is_none())
    }

    /// Records that the post is a rename, not refused so far.
    pub(crate) fn rename(&mut self, id: AuthorId, counter: u64, from: Nick, to: Nick) {
        if let Some(author) = self.get_mut(id) {
            author.renames.push_back(Rename { counter, from, to });
        }
    }

    /// Takes the next post out, if it is held.
    pub(crate) fn unhold(&mut self, id: AuthorId) -> Option<(u64, Held)> {
        let author = self.get_mut(id)?;
        let next = author.next;
        let (kind, body) = author.held.remove(&next)?;
        self.held_bytes -= body.len();
        Some((next, (kind, body)))
    }

    /// Records the outcome of the post.
    pub(crate) fn settle(&mut self, id: AuthorId, counter: u64, outcome: Outcome) {
        if let (Outcome::Refused(_), Some(author)) = (outcome, self.get_mut(id)) {
            author.renames.retain(|rename| rename.counter != counter);
        }
        self.settled(id, counter, Record { outcome: Some(outcome), said: false });
    }

    fn settled(&mut self, id: AuthorId, counter: u64, settled: Record) {
        if let Some(post) = self.get_mut(id).and_then(|author| author.post_mut(counter)) {
            *post = settled;
        }
    }

    /// Records that the log has a post of the author that did not come through this server: it is settled, and missing ones
    /// before it were refused.
    pub(crate) fn append(&mut self, who: Who, post: PostId, seq: Seq) {
        let Some(id) = self.find(who, post.instance) else { return };
        if self.get(id).is_some_and(|author| post.counter >= author.next) {
            self.recall(id, post.counter, seq);
        } else {
            self.settle(id, post.counter, Outcome::Accepted(seq));
        }
    }

    /// Marks the outcome of the post, if it is known, to be sent again.
    pub(crate) fn repeat(&mut self, id: AuthorId, counter: u64) {
        if let Some(post) = self.get_mut(id).and_then(|author| author.post_mut(counter)) {
            post.said = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn author() -> (Posts, AuthorId) {
        let mut posts = Posts::default();
        let id = posts.find_or_insert(Who([1; 8]), Instance([2; 8]));
        (posts, id)
    }

    fn news(posts: &mut Posts, id: AuthorId) -> Vec<(u64, Outcome)> {
        let mut news = Vec::new();
        posts.get_mut(id).unwrap().say(|counter, outcome| {
            news.push((counter, outcome));
            true
        });
        news
    }

    #[test]
    fn a_post_is_drafted_once_and_what_became_of_it_is_said_again_when_it_comes_again() {
        let (mut posts, id) = author();
        assert_eq!(posts.offer(id, 0, 0, 1, &Plan::default()), Ok(Offer::Next));
        posts.draft(id, 0).unwrap();
        assert_eq!(posts.offer(id, 0, 0, 1, &Plan::default()), Ok(Offer::Known), "under way");
        assert_eq!(news(&mut posts, id), []);
        posts.settle(id, 0, Outcome::Accepted(Seq(7)));
        assert_eq!(news(&mut posts, id), [(0, Outcome::Accepted(Seq(7)))]);
        assert_eq!(news(&mut posts, id), [], "once");
        assert_eq!(posts.offer(id, 0, 0, 1, &Plan::default()), Ok(Offer::Known), "settled");
        posts.repeat(id, 0);
        assert_eq!(news(&mut posts, id).len(), 1);
        posts.confirm(id, 1);
        posts.repeat(id, 0);
        assert_eq!(news(&mut posts, id), []);
        assert_eq!(posts.offer(id, 0, 0, 1, &Plan::default()), Ok(Offer::Known), "for ever");
    }

    #[test]
    fn sixty_four_posts_may_be_unsettled_and_not_one_more() {
        let (posts, id) = author();
        assert_eq!(posts.offer(id, POSTS_MAX - 1, 0, 1, &Plan::default()), Ok(Offer::Early));
        assert_eq!(posts.offer(id, POSTS_MAX, 0, 1, &Plan::default()), Ok(Offer::NoPlace));
        assert_eq!(posts.offer(id, POSTS_MAX, 1, 1, &Plan::default()), Ok(Offer::Early), "the client knows one more");
        assert_eq!(posts.offer(id, COUNTER_END, COUNTER_END, 1, &Plan::default()), Err(Broken), "no counter");
        assert_eq!(posts.offer(id, COUNTER_END - 1, COUNTER_END - 1, 1, &Plan::default()), Ok(Offer::Next));
    }

    #[test]
    fn who_says_that_a_post_is_settled_that_is_under_way_does_not_keep_to_the_protocol() {
        let (mut posts, id) = author();
        assert_eq!(posts.offer(id, 0, 1, 1, &Plan::default()), Err(Broken), "not even the post itself");
        posts.draft(id, 0).unwrap();
        assert_eq!(posts.offer(id, 1 << 61, 1 << 61, 1, &Plan::default()), Err(Broken));
        assert_eq!(posts.offer(id, 1, 1, 1, &Plan::default()), Err(Broken));
        posts.settle(id, 0, Outcome::Accepted(Seq(7)));
        assert_eq!(posts.offer(id, 1 << 61, 1 << 61, 1, &Plan::default()), Ok(Offer::Next), "it knows");
        // In a later session the client may have given up on it; when the post is settled, the client is taken at its word.
        let (mut posts, id) = author();
        posts.draft(id, 0).unwrap();
        posts.get_mut(id).unwrap().reopen();
        assert_eq!(posts.offer(id, 1, 1, 1, &Plan::default()), Ok(Offer::Next));
        assert_eq!(posts.offer(id, POSTS_MAX - 1, 1, 1, &Plan::default()), Ok(Offer::Early));
        assert_eq!(
            posts.offer(id, POSTS_MAX, 1, 1, &Plan::default()),
            Ok(Offer::NoPlace),
            "not before the first is settled"
        );
        posts.confirm(id, 1);
        posts.settle(id, 0, Outcome::Accepted(Seq(7)));
        assert_eq!(posts.offer(id, POSTS_MAX, 1, 1, &Plan::default()), Ok(Offer::Early));
    }

    fn plan<'a>(posts: &Posts, id: AuthorId, packet: &[(u64, u64)]) -> Result<Plan<'a>, Broken> {
        let mut plan = Plan::default();
        packet.iter().try_for_each(|&post| posts.plan(id, &mut plan, post, PostKind::Say, b"x"))?;
        Ok(plan)
    }

    /// Does what `server::sessions` does with a post of a plan.
    fn take(posts: &mut Posts, id: AuthorId, (counter, settled_below): (u64, u64), offer: Offer) -> Result<(), Broken> {
        posts.confirm(id, settled_below);
        match offer {
            Offer::Known => posts.repeat(id, counter),
            Offer::Early => posts.hold(id, counter, PostKind::Say, b"x"),
            Offer::Next => posts.draft(id, counter)?,
            Offer::NoPlace => return Err(Broken),
        }
        while let Some((counter, _)) = posts.unhold(id) {
            posts.draft(id, counter)?;
        }
        Ok(())
    }

    #[test]
    fn a_packet_that_jumps_ahead_and_comes_back_drafts_nothing_that_is_behind() {
        let (mut posts, id) = author();
        posts.draft(id, 0).unwrap();
        posts.settle(id, 0, Outcome::Accepted(Seq(7)));
        let plan = plan(&posts, id, &[(1000, 1000), (1, 0), (2, 0), (1001, 0)]).unwrap();
        let offers: Vec<_> = plan.posts.iter().map(|post| post.offer).collect();
        assert_eq!(offers, [Offer::Next, Offer::Known, Offer::Known, Offer::Next]);
    }

    #[test]
    fn a_packet_cannot_know_what_became_of_what_is_in_it() {
        let (posts, id) = author();
        assert_eq!(plan(&posts, id, &[(0, 0), (1, 1)]).err(), Some(Broken));
        assert_eq!(plan(&posts, id, &[(0, 0), (2, 1)]).err(), Some(Broken));
        assert_eq!(plan(&posts, id, &[(0, 0), (1, 0), (64, 1)]).err(), Some(Broken));
        assert!(plan(&posts, id, &[(0, 0), (1, 0), (2, 0)]).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn what_is_planned_of_a_packet_is_what_would_be_offered_one_post_after_the_other(
            before in 0u64..4,
            is_settled in proptest::bool::ANY,
            packet in proptest::collection::vec((0u64..8, 0u64..8), 0..8),
        ) {
            let start = || {
                let (mut posts, id) = author();
                for counter in 0..before {
                    posts.draft(id, counter).unwrap();
                    if is_settled {
                        posts.settle(id, counter, Outcome::Accepted(Seq(counter)));
                    }
                }
                (posts, id)
            };
            let (mut planned, id) = start();
            let (mut offered, _) = start();
            let one_by_one = packet.iter().try_for_each(|&(counter, settled_below)| {
                let offer = offered.offer(id, counter, settled_below, 1, &Plan::default())?;
                take(&mut offered, id, (counter, settled_below), offer)
            });
            match plan(&planned, id, &packet) {
                // The plan may be stricter: it ends a session that claims a post of the same packet to be settled.
                Err(Broken) => {}
                Ok(plan) => {
                    for post in &plan.posts {
                        take(&mut planned, id, (post.counter, post.settled_below), post.offer).unwrap();
                    }
                    proptest::prop_assert_eq!(one_by_one, Ok(()));
                    proptest::prop_assert_eq!(format!("{:?}", planned.get(id)), format!("{:?}", offered.get(id)));
                    proptest::prop_assert!(plan.posts.iter().filter(|post| post.offer != Offer::Known).count() == plan.new as usize);
                }
            }
        }
    }

    #[test]
    fn a_post_that_cannot_be_the_next_one_is_the_end_of_its_session_only() {
        let (mut posts, id) = author();
        assert_eq!(posts.draft(id, POSTS_MAX), Err(Broken));
        assert_eq!(posts.draft(id, u64::MAX), Err(Broken));
        assert_eq!(posts.draft(id, 0), Ok(()));
    }

    #[test]
    fn when_there_are_too_many_the_one_that_is_gone_for_longest_is_forgotten_and_few_are_looked_at() {
        let mut posts = Posts::default();
        let ids: Vec<_> = (0..100).map(|number| posts.find_or_insert(Who([number; 8]), Instance::default())).collect();
        let at = |millis| Instant::from_millis(millis);
        for (millis, &id) in (0..).zip(&ids) {
            posts.set_gone(id, Some(at(millis)));
        }
        posts.set_gone(ids[0], None);
        let looked = std::cell::Cell::new(0);
        let is_free = |free: fn(u8) -> bool| {
            let looked = &looked;
            move |_: AuthorId, who: Who| {
                looked.set(looked.get() + 1);
                free(who.0[0])
            }
        };
        posts.forget_longest_gone(at(1000), is_free(|number| number != 1));
        assert!(posts.get(ids[0]).is_some() && posts.get(ids[1]).is_some() && posts.get(ids[2]).is_none());
        assert_eq!(looked.take(), 2);
        posts.forget_longest_gone(at(1001), is_free(|_| false));
        assert_eq!((looked.take(), posts.len()), (LOOKED_AT, 99));
        posts.forget_longest_gone(at(1002), is_free(|_| true));
        assert_eq!((looked.take(), posts.get(ids[3 + LOOKED_AT]).is_some()), (1, false), "the next in turn");
    }

    #[test]
    fn who_did_not_hear_of_renames_is_called_as_they_leave_it() {
        let (mut posts, id) = author();
        let nick = |nick: &str| nick.parse::<Nick>().unwrap();
        for (counter, from, to) in [(0, "jill", "jane"), (1, "jane", "joan"), (2, "joan", "jill")] {
            posts.draft(id, counter).unwrap();
            posts.rename(id, counter, nick(from), nick(to));
        }
        let renamed = |posts: &Posts, from| posts.get(id).unwrap().renamed(&nick(from));
        assert_eq!(["jill", "jane", "joan"].map(|from| renamed(&posts, from)), ["jill", "jill", "jill"].map(nick));
        posts.settle(id, 2, Outcome::Refused(Refusal::Full));
        assert_eq!(["jill", "jane", "jack"].map(|from| renamed(&posts, from)), ["joan", "joan", "jack"].map(nick));
        posts.settle(id, 0, Outcome::Accepted(Seq(0)));
        posts.settle(id, 1, Outcome::Accepted(Seq(1)));
        posts.confirm(id, 2);
        assert_eq!(renamed(&posts, "jill"), nick("jill"), "it knows of them");
    }

    #[test]
    fn who_begins_anew_with_a_later_counter_is_taken_at_its_word() {
        let (mut posts, id) = author();
        assert_eq!(
            posts.offer(id, 7, 7, 1, &Plan::default()),
            Ok(Offer::Next),
            "the first six were settled in another log"
        );
        posts.confirm(id, 7);
        posts.draft(id, 7).unwrap();
        posts.settle(id, 7, Outcome::Accepted(Seq(0)));
        assert_eq!(news(&mut posts, id), [(7, Outcome::Accepted(Seq(0)))]);
        assert_eq!(posts.offer(id, 6, 6, 1, &Plan::default()), Ok(Offer::Known));
    }

    #[test]
    fn what_comes_early_is_held_for_its_turn_and_no_more_bytes_than_there_is_place_for() {
        let (mut posts, id) = author();
        posts.hold(id, 1, PostKind::Act, b"b");
        assert_eq!(posts.offer(id, 1, 0, 1, &Plan::default()), Ok(Offer::Known));
        assert_eq!(posts.unhold(id), None);
        posts.draft(id, 0).unwrap();
        assert_eq!(posts.unhold(id), Some((1, (PostKind::Act, b"b"[..].into()))));
        assert_eq!(posts.offer(id, 5, 0, HELD_BYTES_MAX, &Plan::default()), Ok(Offer::Early));
        assert_eq!(posts.offer(id, 5, 0, HELD_BYTES_MAX + 1, &Plan::default()), Ok(Offer::NoPlace));
        posts.hold(id, 7, PostKind::Say, b"x");
        posts.set_gone(id, Some(Instant::ZERO));
        assert_eq!(posts.held_bytes, 0);
    }

    #[test]
    fn who_comes_back_may_say_again_what_was_refused_unless_something_later_became_an_entry() {
        let (mut posts, id) = author();
        let refused = Outcome::Refused(Refusal::Busy);
        for (counter, outcome) in (0..).zip([refused, Outcome::Accepted(Seq(1)), refused, refused]) {
            assert_eq!(posts.offer(id, counter, 0, 1, &Plan::default()), Ok(Offer::Next));
            posts.draft(id, counter).unwrap();
            posts.settle(id, counter, outcome);
        }
        posts.get_mut(id).unwrap().reopen();
        let offers = [0, 1, 2].map(|counter| posts.offer(id, counter, 0, 1, &Plan::default()).unwrap());
        assert_eq!(offers, [Offer::Known, Offer::Known, Offer::Next]);
    }

    #[test]
    fn of_what_the_log_has_forgotten_nobody_is_told_that_it_was_refused() {
        let (mut posts, id) = author();
        posts.get_mut(id).unwrap().remembered = false;
        let known = Known { start: None, posts: vec![(3, Seq(30)), (5, Seq(50))], is_all: false };
        assert!(!posts.learn(id, &known), "0, 1 and 2 may have been entries");
        assert_eq!(posts.offer(id, 2, 0, 1, &Plan::default()), Ok(Offer::Known));
        let all = [(3, Outcome::Accepted(Seq(30))), (4, SKIPPED.outcome.unwrap()), (5, Outcome::Accepted(Seq(50)))];
        assert_eq!(news(&mut posts, id), all);
        let many = (100..100 + POSTS_MAX).map(|counter| (counter, Seq(counter))).collect();
        let other = posts.find_or_insert(Who([1; 8]), Instance([3; 8]));
        posts.get_mut(other).unwrap().remembered = false;
        assert!(posts.learn(other, &Known { start: None, posts: many, is_all: false }), "no more can be open");
    }

    #[test]
    fn what_the_log_had_before_the_server_began_is_not_drafted_again() {
        let (mut posts, id) = author();
        posts.recall(id, 3, Seq(30));
        posts.recall(id, 5, Seq(50));
        assert_eq!(posts.get(id).unwrap().next, 6);
        for counter in 0..6 {
            assert_eq!(posts.offer(id, counter, 0, 1, &Plan::default()), Ok(Offer::Known));
            posts.repeat(id, counter);
        }
        let refused = |counter| (counter, Outcome::Refused(Refusal::Full));
        let accepted = |counter, seq| (counter, Outcome::Accepted(Seq(seq)));
        let all = [refused(0), refused(1), refused(2), accepted(3, 30), refused(4), accepted(5, 50)];
        assert_eq!(news(&mut posts, id), all);
    }
}
