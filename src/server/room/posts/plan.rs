//! Decides what to do with the posts of a packet before any of them is accepted (PROTOCOL 2.8).
//!
//! Owns: the plan of one packet, which is accepted whole or not at all.
//! Must not know: sessions, the queue, rate limits.
//! Driven by: the sessions' intake, post by post.

use arrayvec::ArrayVec;

use super::{AuthorId, COUNTER_END, HELD_BYTES_MAX, Posts};
use crate::session::Broken;
use crate::wire::frame::PostKind;
use crate::wire::limits::POSTS_MAX;
use crate::work::{self, Work};

/// The most posts in a packet (PROTOCOL 2.6).
const PLANNED_MAX: usize = 64;

const _: () = assert!(PLANNED_MAX as u64 == POSTS_MAX);

/// What to do with a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    /// It came before: its outcome is repeated.
    Known,
    /// It is the next one.
    Next,
    /// Earlier posts are still missing.
    Early,
    /// There is no place for it now.
    NoPlace,
}

/// A post as it came in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offered<'a> {
    pub(crate) counter: u64,
    pub(crate) settled_below: u64,
    pub(crate) kind: PostKind,
    pub(crate) body: &'a [u8],
    pub(crate) offer: Offer,
}

/// What to do with the posts of a packet, if all of them are accepted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan<'a> {
    pub(crate) posts: ArrayVec<Offered<'a>, PLANNED_MAX>,
    /// The number of new posts, their length in bytes, and their lowest counter.
    pub(crate) new: u32,
    pub(crate) bytes: usize,
    lowest_new: Option<u64>,
    /// At least one post has no place, so none may be accepted.
    pub(crate) has_no_place: bool,
    /// The highest `settled_below` of the packet, with the author's floor for it, looked up once for all posts that repeat it.
    floor: Option<(u64, u64)>,
    /// The author's next counter, and the counter behind all new posts, once the planned posts are accepted.
    next: u64,
    end: u64,
}

impl Posts {
    /// Adds a post to the plan of its packet. Changes nothing else.
    ///
    /// # Errors
    /// No conforming client sends such a post (PROTOCOL 2.8).
    pub(crate) fn plan<'a>(
        &self,
        id: AuthorId,
        plan: &mut Plan<'a>,
        (counter, settled_below): (u64, u64),
        kind: PostKind,
        body: &'a [u8],
    ) -> Result<(), Broken> {
        // The client cannot know yet that a post of this packet is settled.
        if plan.lowest_new.is_some_and(|lowest| lowest < settled_below) {
            return Err(Broken);
        }
        if let (Some(author), true) = (self.get(id), plan.floor.is_none_or(|(told, _)| told < settled_below)) {
            plan.floor = Some((settled_below, author.floor(settled_below)?));
        }
        let mut offer = self.offer(id, counter, settled_below, plan.bytes + body.len(), plan)?;
        if counter < plan.end && offer != Offer::Known {
            work::did(Work::Scanned, plan.posts.len());
            let is_planned = |planned: &Offered<'_>| planned.counter == counter && planned.offer != Offer::Known;
            if plan.posts.iter().any(is_planned) {
                // The packet has it twice.
                offer = Offer::Known;
            }
        }
        match offer {
            Offer::NoPlace => plan.has_no_place = true,
            Offer::Known => {}
            Offer::Next | Offer::Early => {
                plan.new += 1;
                plan.bytes += body.len();
                plan.end = plan.end.max(counter + 1);
                plan.lowest_new = Some(plan.lowest_new.unwrap_or(counter).min(counter));
                if offer == Offer::Next {
                    plan.next = counter + 1;
                }
            }
        }
        let offered = Offered { counter, settled_below, kind, body, offer };
        plan.posts.try_push(offered).map_err(|_| Broken)
    }

    /// Returns what to do with the post `counter` of an author that knows everything below `settled_below` to be settled, if
    /// `bytes` of text would be held with it and the planned posts go first.
    ///
    /// # Errors
    /// No conforming client sends such a post (PROTOCOL 2.8).
    pub(crate) fn offer(
        &self,
        id: AuthorId,
        counter: u64,
        settled_below: u64,
        bytes: usize,
        plan: &Plan<'_>,
    ) -> Result<Offer, Broken> {
        let Some(author) = self.get(id) else { return Ok(Offer::NoPlace) };
        if counter >= COUNTER_END || settled_below > counter {
            return Err(Broken);
        }
        // A post that the client knows to be settled is settled, even if this log knows nothing of it.
        let floor = plan.floor.map_or_else(|| author.floor(settled_below), |(_, floor)| Ok(floor))?;
        let next = author.next.max(floor).max(plan.next);
        if counter < next || author.held.contains_key(&counter) {
            Ok(Offer::Known)
        } else if counter >= floor + POSTS_MAX {
            Ok(Offer::NoPlace)
        } else if counter == next {
            Ok(Offer::Next)
        } else if self.held_bytes + bytes <= HELD_BYTES_MAX {
            Ok(Offer::Early)
        } else {
            Ok(Offer::NoPlace)
        }
    }
}
