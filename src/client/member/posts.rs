//! The client's posts, until they are settled (PROTOCOL 2.8).
//!
//! Owns: the posts with their counters, which of them to send now.
//! Must not know: packets; its caller reports which posts were lost.
//! Driven by: `member`.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;
use std::time::Duration;

use super::letters::Outgoing;
use crate::client::event::{Event, Label, Unknown};
use crate::client::outbox::{Outbox, Stored};
use crate::session::PublicKey;
use crate::time::Instant;
use crate::wire::Refusal;
use crate::wire::frame::{Outcome, PostKind};
use crate::wire::limits::POSTS_MAX;

/// The first pause before an unsettled post is repeated although its packet arrived; each further pause is twice as long.
/// Chosen: longer than any backend takes to commit, short enough to go unnoticed.
const REPEAT: Duration = Duration::from_secs(1);

/// The longest such pause. Chosen: the interval of keepalives.
const REPEAT_MAX: Duration = Duration::from_secs(15);

#[derive(Debug)]
struct Pending {
    kind: PostKind,
    text: Box<str>,
    /// Whom it is for, if it is private, and the body once it is sealed.
    letter: Option<Box<(Outgoing, Option<Vec<u8>>)>>,
    /// Whether to send it now.
    due: bool,
    /// Whether it was sent at least once, and so may be in the log.
    sent: bool,
    /// Whether it is due although another packet in flight carries it.
    is_copy: bool,
    outcome: Option<Outcome>,
    label: Label,
}

impl Pending {
    /// Returns what is sent; `None` if it is not sealed yet.
    fn body(&self) -> Option<&[u8]> {
        self.letter.as_ref().map_or(Some(self.text.as_bytes()), |letter| letter.1.as_deref())
    }

    fn lost(self, counter: u64, why: Unknown) -> Event {
        Event::Lost { post: Some(counter), line: self.text.into(), why, label: self.label }
    }
}

/// The posts that a packet carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Carried {
    pub(super) first: u64,
    pub(super) count: u64,
    /// How many of them, from the first on, are in flight in another packet as well.
    pub(super) copies: u64,
}

/// The client's posts, from the first unsettled one on.
#[derive(Debug)]
pub(super) struct Posts {
    /// The counter of the first post here.
    base: u64,
    posts: VecDeque<Pending>,
    repeat: Option<Instant>,
    pause: Duration,
    /// Whether to report none as settled, so that the server goes on remembering them.
    keeps: bool,
    /// The counter below which posts are stored, if they have to be before they are sent.
    stored: Option<u64>,
    /// Those whose outcome is known here, and not yet where they are stored: until then the server is to remember it.
    unnoted: BTreeSet<u64>,
}

impl Posts {
    /// Creates an empty queue. `keeps`: the server is to remember the outcome of every post.
    pub(super) fn new(keeps: bool) -> Self {
        Self {
            base: 0,
            posts: VecDeque::new(),
            repeat: None,
            pause: REPEAT,
            keeps,
            stored: None,
            unnoted: BTreeSet::new(),
        }
    }

    /// Creates the queue of an instance whose earlier runs have left this. Each of these posts may have been sent.
    pub(super) fn load(outbox: &Outbox) -> Self {
        let base = outbox.posts.first().map_or(outbox.next, |post| post.counter);
        let mut posts = Self { base, stored: Some(outbox.next), ..Self::new(false) };
        for Stored { counter, kind, text, to, label } in &outbox.posts {
            // In between there may be some that are settled.
            while posts.end() < *counter {
                posts.push_settled();
            }
            let letter = to.clone().map(|(to, of, is_act)| Outgoing { to, of: of.as_str().into(), is_act });
            let post = posts.push_for(*kind, text, letter);
            posts.label(post, label.clone());
        }
        while posts.end() < outbox.next {
            posts.push_settled();
        }
        posts.posts.iter_mut().for_each(|post| post.sent = true);
        posts
    }

    fn push_settled(&mut self) {
        self.push(PostKind::Say, "");
        if let Some(post) = self.posts.back_mut() {
            post.outcome = Some(Outcome::Refused(Refusal::Other(0)));
            post.due = false;
        }
    }

    /// Returns the posts that are to be stored before they can be sent.
    pub(super) fn unstored(&self) -> impl Iterator<Item = Stored> {
        let from = self.stored.unwrap_or(u64::MAX);
        let posts = (self.base..).zip(&self.posts).filter(move |&(counter, _)| counter >= from);
        posts.map(|(counter, post)| Stored {
            counter,
            kind: post.kind,
            text: String::from(&*post.text),
            to: post.letter.as_ref().and_then(|letter| Some((letter.0.to, letter.0.of.parse().ok()?, letter.0.is_act))),
            label: post.label.clone(),
        })
    }

    /// Notes what the user calls a post.
    pub(super) fn label(&mut self, counter: u64, label: Label) {
        if let Some(post) = self.get_mut(counter) {
            post.label = label;
        }
    }

    /// Records that the posts below that counter are stored.
    pub(super) fn set_stored(&mut self, below: u64) {
        self.stored = self.stored.map(|stored| stored.max(below));
    }

    /// Notes that the outcome of a post is stored: the next run will not ask about it.
    pub(super) fn note(&mut self, counter: u64) {
        self.unnoted.remove(&counter);
    }

    /// Returns the counter below which the server may forget what became of the posts.
    fn settled_below(&self) -> u64 {
        let settled_below = self.unnoted.first().map_or(self.base, |first| self.base.min(*first));
        if self.keeps { 0 } else { settled_below }
    }

    /// Returns the counter from which on posts cannot be sent yet.
    fn sendable(&self) -> u64 {
        self.stored.unwrap_or(u64::MAX)
    }

    /// Returns the number of posts whose outcome is unknown.
    pub(super) fn unsettled(&self) -> usize {
        self.posts.iter().filter(|post| post.outcome.is_none()).count()
    }

    /// Adds a post; returns its counter.
    pub(super) fn push(&mut self, kind: PostKind, text: &str) -> u64 {
        self.push_for(kind, text, None)
    }

    /// Adds a private post, which cannot be sent before it is sealed; returns its counter.
    pub(super) fn push_letter(&mut self, text: &str, letter: Outgoing) -> u64 {
        self.push_for(PostKind::Private, text, Some(letter))
    }

    fn push_for(&mut self, kind: PostKind, text: &str, letter: Option<Outgoing>) -> u64 {
        self.posts.push_back(Pending {
            kind,
            text: text.into(),
            letter: letter.map(|letter| Box::new((letter, None))),
            due: true,
            sent: false,
            is_copy: false,
            outcome: None,
            label: None,
        });
        self.end() - 1
    }

    /// Returns the counter of the next post.
    pub(super) fn end(&self) -> u64 {
        self.base + self.posts.len() as u64
    }

    /// Returns whether a rename below `counter` is unsettled.
    pub(super) fn has_renames_below(&self, counter: u64) -> bool {
        let below = (self.base..counter).zip(&self.posts);
        below.into_iter().any(|(_, post)| post.kind == PostKind::Rename && post.outcome.is_none())
    }

    /// Returns whether any post is to be sent now.
    pub(super) fn has_due(&self) -> bool {
        let sendable = self.sendable();
        self.window().any(|(counter, post)| post.due && counter < sendable && post.body().is_some())
    }

    /// Returns whether a private post to that key is unsettled.
    pub(super) fn has_letter_to(&self, to: &PublicKey) -> bool {
        let is_to_it = |post: &Pending| post.letter.as_ref().is_some_and(|letter| letter.0.to == *to);
        self.posts.iter().any(|post| post.outcome.is_none() && is_to_it(post))
    }

    /// Returns whether a rename is unsettled.
    pub(super) fn has_renames(&self) -> bool {
        self.has_renames_below(self.end())
    }

    /// Returns the next post to be sealed: its counter, its text, whom it is for.
    pub(super) fn unsealed(&self) -> Option<(u64, &str, &Outgoing)> {
        let (counter, post, letter) = self.window().find_map(|(counter, post)| match post.letter.as_deref() {
            Some((letter, None)) if post.due => Some((counter, post, letter)),
            Some(_) | None => None,
        })?;
        Some((counter, &post.text, letter))
    }

    /// Sets the sealed body of a post.
    pub(super) fn seal(&mut self, counter: u64, body: Vec<u8>) {
        if let Some(letter) = self.get_mut(counter).and_then(|post| post.letter.as_mut()) {
            letter.1 = Some(body);
        }
    }

    /// Returns the recipients of the private posts that were sent and have no outcome.
    pub(super) fn sent_to(&self) -> impl Iterator<Item = PublicKey> {
        let sent = self.posts.iter().filter(|post| post.sent && post.outcome.is_none());
        sent.filter_map(|post| post.letter.as_ref().map(|letter| letter.0.to))
    }

    /// Returns whom a post is for, if it is private.
    pub(super) fn recipient(&self, counter: u64) -> Option<PublicKey> {
        let index = usize::try_from(counter.checked_sub(self.base)?).ok()?;
        self.posts.get(index)?.letter.as_ref().map(|letter| letter.0.to)
    }

    /// Gives `write` the posts to send now, in order and without a hole, until it accepts no more: counter, lowest unsettled
    /// counter, kind, body. Returns the posts that it accepted.
    pub(super) fn write(&mut self, now: Instant, mut write: impl FnMut(u64, u64, PostKind, &[u8]) -> bool) -> Carried {
        let base = self.base;
        let first = self.window().find(|(_, post)| post.due).map_or(base, |(counter, _)| counter);
        let skip = usize::try_from(first - base).unwrap_or_default();
        let window = self.window_len();
        let mut count = 0;
        let mut copies = 0;
        let sendable = usize::try_from(self.sendable().saturating_sub(base)).unwrap_or(usize::MAX);
        let settled_below = self.settled_below();
        for post in self.posts.iter_mut().take(window.min(sendable)).skip(skip).take_while(|post| post.due) {
            let Some(body) = post.body() else { break };
            if !write(first + count, settled_below, post.kind, body) {
                break;
            }
            post.due = false;
            copies += u64::from(post.is_copy && copies == count);
            post.is_copy = false;
            post.sent = true;
            count += 1;
        }
        if count > 0 && self.repeat.is_none() {
            self.repeat = Some(now + self.pause);
        }
        Carried { first, count, copies }
    }

    /// Marks posts to be sent again: as copies of posts in flight, or because their packet was lost.
    pub(super) fn again(&mut self, counters: Range<u64>, is_copy: bool) {
        for counter in counters {
            if let Some(post) = self.get_mut(counter) {
                // A post that is lost is in flight no longer: it is not a copy, even if it is due as one.
                post.is_copy = is_copy && (!post.due || post.is_copy);
                post.due = post.outcome.is_none();
            }
        }
    }

    /// Records the outcome of a post, and adds the event to `events`. Returns the author's new nick if the post was a rename
    /// and was accepted.
    pub(super) fn settled(
        &mut self,
        counter: u64,
        outcome: Outcome,
        events: &mut impl Extend<Event>,
    ) -> Option<Box<str>> {
        let post = self.get_mut(counter).filter(|post| post.outcome.is_none())?;
        post.outcome = Some(outcome);
        post.due = false;
        if self.stored.is_some() {
            self.unnoted.insert(counter);
        }
        let post = self.get_mut(counter)?;
        let (line, label) = (String::from(&*post.text), post.label.take());
        let is_renamed = post.kind == PostKind::Rename && matches!(outcome, Outcome::Accepted(_));
        let renamed = is_renamed.then(|| post.text.clone());
        let (post, kind) = (Some(counter), post.kind);
        events.extend([match outcome {
            Outcome::Accepted(seq) => Event::Confirmed { post, seq: Some(seq), label },
            Outcome::Refused(why) => Event::NotTaken { post, kind, line, why, label },
        }]);
        while self.posts.front().is_some_and(|post| post.outcome.is_some()) {
            self.posts.pop_front();
            self.base += 1;
        }
        self.pause = REPEAT;
        self.repeat = self.repeat.filter(|_| !self.posts.is_empty());
        renamed
    }

    /// Marks every unsettled post to be sent again, in a new session of the same log.
    pub(super) fn resume(&mut self) {
        self.posts.iter_mut().for_each(|post| post.due = post.outcome.is_none());
        self.repeat = None;
        self.pause = REPEAT;
    }

    /// Gives up the posts that were sent, whose outcome will never be known; the others are sent again.
    pub(super) fn give_up_sent(&mut self, events: &mut impl Extend<Event>) {
        while self.posts.front().is_some_and(|post| post.sent)
            && let Some(post) = self.posts.pop_front()
        {
            if post.outcome.is_none() {
                events.extend([post.lost(self.base, Unknown::Forgotten)]);
            }
            self.base += 1;
        }
        // What is sealed is sealed for that log.
        self.posts.iter_mut().filter_map(|post| post.letter.as_mut()).for_each(|letter| letter.1 = None);
        self.resume();
    }

    /// Gives up all posts, because nobody waits for them any more.
    pub(super) fn give_up(&mut self, why: Unknown, events: &mut impl Extend<Event>) {
        let base = self.base;
        self.base = self.end();
        self.repeat = None;
        for (counter, post) in (base..).zip(self.posts.drain(..)).filter(|(_, post)| post.outcome.is_none()) {
            events.extend([post.lost(counter, why)]);
        }
    }

    /// Returns when [`Posts::handle_timeout`] is to be called.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.repeat
    }

    /// Marks the oldest unsettled post to be sent again.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.repeat.is_some_and(|at| at <= now) {
            self.repeat = None;
            if let Some(post) = self.posts.front_mut().filter(|post| post.sent) {
                post.due = true;
                self.pause = (self.pause * 2).min(REPEAT_MAX);
            }
        }
    }

    /// Returns how many posts from the first one here on may be under way: the server has places for [`POSTS_MAX`] that it has not forgotten.
    fn window_len(&self) -> usize {
        let remembered = if self.keeps { 0 } else { self.base - self.settled_below() };
        usize::try_from(POSTS_MAX.saturating_sub(remembered)).unwrap_or_default()
    }

    fn window(&self) -> impl Iterator<Item = (u64, &Pending)> {
        (self.base..).zip(self.posts.iter().take(self.window_len()))
    }

    fn get_mut(&mut self, counter: u64) -> Option<&mut Pending> {
        self.posts.get_mut(usize::try_from(counter.checked_sub(self.base)?).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Seq;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn sent(posts: &mut Posts, now: Instant) -> Vec<u64> {
        let mut sent = Vec::new();
        while posts.has_due() {
            posts.write(now, |counter, _, _, _| {
                sent.push(counter);
                true
            });
        }
        sent
    }

    fn accepted(seq: u64) -> Outcome {
        Outcome::Accepted(Seq(seq))
    }

    #[test]
    fn what_an_earlier_run_left_is_sent_again_under_its_counters_and_what_is_new_only_once_it_is_stored() {
        let post =
            |counter, text: &str| Stored { counter, kind: PostKind::Say, text: text.into(), to: None, label: None };
        let outbox = Outbox { next: 9, posts: vec![post(4, "four"), post(6, "six")], ..Outbox::default() };
        let mut posts = Posts::load(&outbox);
        assert_eq!((posts.unsettled(), posts.end()), (2, 9));
        assert_eq!(sent(&mut posts, at(0)), [4, 6]);
        assert_eq!(posts.push(PostKind::Say, "nine"), 9);
        assert!(sent(&mut posts, at(0)).is_empty(), "it is not stored yet");
        assert_eq!(posts.unstored().collect::<Vec<_>>(), [post(9, "nine")]);
        posts.set_stored(10);
        assert_eq!((sent(&mut posts, at(0)), posts.unstored().count()), (vec![9], 0));
        let mut events = Vec::new();
        posts.settled(4, accepted(1), &mut events);
        posts.give_up_sent(&mut events);
        assert_eq!((events.len(), posts.unsettled()), (3, 0), "six and nine may be in another log");
        let nothing = Posts::load(&Outbox { next: 7, ..Outbox::default() });
        assert_eq!((nothing.unsettled(), nothing.end()), (0, 7));
    }

    #[test]
    fn the_server_remembers_an_outcome_until_it_is_stored() {
        let mut posts = Posts::load(&Outbox::default());
        let told = |posts: &mut Posts| {
            posts.set_stored(u64::MAX);
            let mut told = None;
            posts.push(PostKind::Say, "x");
            posts.write(at(0), |_, settled_below, _, _| {
                told = Some(settled_below);
                true
            });
            told
        };
        assert_eq!(told(&mut posts), Some(0));
        posts.push(PostKind::Say, "x");
        posts.push(PostKind::Say, "x");
        sent(&mut posts, at(0));
        posts.settled(1, accepted(8), &mut Vec::new());
        posts.settled(0, accepted(7), &mut Vec::new());
        assert_eq!(told(&mut posts), Some(0), "both are settled here, and nowhere else");
        posts.note(1);
        assert_eq!(told(&mut posts), Some(0));
        posts.note(0);
        assert_eq!(told(&mut posts), Some(2));
        // Nothing is sent for which the server has no place.
        let mut posts = Posts::load(&Outbox::default());
        posts.set_stored(u64::MAX);
        (0..70).for_each(|number| assert_eq!(posts.push(PostKind::Say, "x"), number));
        assert_eq!(sent(&mut posts, at(0)).len(), 64);
        posts.settled(0, accepted(7), &mut Vec::new());
        assert!(sent(&mut posts, at(0)).is_empty());
        posts.note(0);
        assert_eq!(sent(&mut posts, at(0)), [64]);
    }

    #[test]
    fn sixty_four_are_under_way_and_one_more_waits() {
        let mut posts = Posts::new(false);
        (0..65).for_each(|number| assert_eq!(posts.push(PostKind::Say, "x"), number));
        assert_eq!(sent(&mut posts, at(0)).len(), 64);
        let mut events = Vec::new();
        posts.settled(1, accepted(9), &mut events);
        assert!(sent(&mut posts, at(0)).is_empty(), "the first is not settled");
        posts.settled(0, accepted(8), &mut events);
        assert_eq!(sent(&mut posts, at(0)), [64]);
        posts.settled(0, accepted(8), &mut events);
        assert_eq!(events.len(), 2, "settled once");
    }

    #[test]
    fn what_was_lost_is_sent_again_and_what_was_not_is_repeated_now_and_then() {
        let mut posts = Posts::new(false);
        (0..4).for_each(|_| assert!(posts.push(PostKind::Say, "x") < 70));
        sent(&mut posts, at(0));
        posts.settled(2, accepted(1), &mut Vec::new());
        posts.again(1..3, false);
        assert_eq!(sent(&mut posts, at(5)), [1], "2 is settled");
        let mut times = Vec::new();
        while let Some(due) = posts.poll_timeout().filter(|&due| due < at(40_000)) {
            posts.handle_timeout(due);
            assert_eq!(sent(&mut posts, due), [0]);
            times.push(due.saturating_since(at(0)).as_secs());
        }
        assert_eq!(times, [1, 3, 7, 15, 30]);
    }

    #[test]
    fn a_packet_says_which_posts_at_its_beginning_are_copies_unless_they_are_lost_by_now() {
        let mut posts = Posts::new(false);
        (0..3).for_each(|_| assert!(posts.push(PostKind::Say, "x") < 70));
        let write = |posts: &mut Posts| posts.write(at(0), |_, _, _, _| true);
        assert_eq!(write(&mut posts), Carried { first: 0, count: 3, copies: 0 });
        posts.again(0..2, true);
        posts.push(PostKind::Say, "new");
        assert_eq!(write(&mut posts), Carried { first: 0, count: 2, copies: 2 }, "3 is not behind 1");
        assert_eq!(write(&mut posts), Carried { first: 3, count: 1, copies: 0 });
        posts.again(0..1, true);
        posts.again(0..1, false);
        assert_eq!(write(&mut posts), Carried { first: 0, count: 1, copies: 0 });
    }

    #[test]
    fn what_was_sent_is_given_up_and_what_was_not_goes_on() {
        let mut posts = Posts::new(false);
        (0..70).for_each(|_| assert!(posts.push(PostKind::Say, "x") < 70));
        sent(&mut posts, at(0));
        let mut events = Vec::new();
        posts.settled(3, accepted(1), &mut Vec::new());
        posts.give_up_sent(&mut events);
        assert_eq!(events.len(), 63);
        assert_eq!(sent(&mut posts, at(0)), [64, 65, 66, 67, 68, 69]);
    }
}
