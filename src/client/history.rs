//! Earlier entries, as a client's user reads them: requests one after the other, and backwards from where the user's own began.
//!
//! Owns: the requests that wait for their turn, how far back the user has read.
//! Must not know: how an answer is put together; how entries are shown.
//! Driven by: `client`.

use std::collections::VecDeque;

use super::event::NoPage;
use super::{Client, Event, State};
use crate::time::Instant;
use crate::wire::Seq;
use crate::wire::frame::{Fetch, Spot};

/// The most requests that wait. Chosen: a page that scrolls, and a few searches.
pub const FETCHES_MAX: usize = 64;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Requests that are not answered yet; the first is the server's to answer.
    wanted: VecDeque<Fetch>,
    /// The number of the newest request.
    ids: u64,
    /// The number before which the user has read nothing, and the request for what is before that.
    back: Option<(Seq, Option<u64>)>,
}

impl History {
    /// Returns whether an answer is awaited.
    pub(super) fn is_wanted(&self) -> bool {
        !self.wanted.is_empty()
    }
}

impl Client {
    /// Asks for earlier entries: `count` of them, at most [`crate::wire::frame::FETCH_MAX`]. Returns the number of the request;
    /// [`Event::Page`] has the answer, or [`Event::NoPage`] says that there is none. Answers come in the order of the requests.
    ///
    /// # Errors
    /// [`FETCHES_MAX`] requests wait already.
    pub fn fetch(&mut self, now: Instant, spot: Spot, count: u32) -> Result<u64, TooMany> {
        self.pass_time(now);
        if self.history.wanted.len() >= FETCHES_MAX {
            return Err(TooMany);
        }
        if self.outstanding() == 0 {
            self.progress = now;
        }
        self.history.ids += 1;
        let id = self.history.ids;
        self.history.wanted.push_back(Fetch { id, spot, count });
        if self.is_text() {
            self.drop_fetches(NoPage::InText);
        }
        self.feed_fetches();
        Ok(id)
    }

    /// Asks for the `count` entries before those that the user has had, in this visit or by this; `None` if there are none, if the
    /// last such request is not answered yet, or before the client is in the room.
    pub fn fetch_back(&mut self, now: Instant, count: u32) -> Option<u64> {
        let (before, None) = self.history.back? else { return None };
        if before == Seq(0) {
            return None;
        }
        let id = self.fetch(now, Spot::Before(before), count).ok()?;
        self.history.back = Some((before, Some(id)));
        Some(id)
    }

    /// Stops waiting for an answer; [`Event::NoPage`] confirms it.
    pub fn cancel_fetch(&mut self, id: u64) {
        self.lose_fetches(NoPage::Cancelled, |fetch| fetch.id == id);
    }

    /// Notes where the user's entries begin.
    pub(super) fn begin_history(&mut self, from: Seq) {
        self.history.back = Some((from, None));
    }

    /// Gives the member the next request.
    pub(super) fn feed_fetches(&mut self) {
        let State::Session(member) = &mut self.state else { return };
        let next = self.history.wanted.front();
        let is_asked = member.fetching().is_some() && member.fetching() == next.map(|fetch| fetch.id);
        if let Some(&fetch) = next.filter(|_| !is_asked) {
            member.fetch(self.now, fetch);
        }
    }

    /// Takes an answer.
    pub(super) fn fetched(&mut self, mut event: Event) {
        let Event::Page { id, from, ref mut entries, .. } = event else { return };
        entries.iter_mut().for_each(|entry| self.judge(entry));
        self.progress = self.now;
        if self.history.wanted.front().is_none_or(|fetch| fetch.id != id) {
            return;
        }
        self.history.wanted.pop_front();
        if let Some((_, wanted)) = &self.history.back
            && *wanted == Some(id)
        {
            self.history.back = Some((from, None));
        }
        self.report(event);
        self.feed_fetches();
    }

    /// Returns when the client stops waiting for the answer that is outstanding. While the server is away, nobody expects one.
    pub(super) fn fetch_ends(&self) -> Option<Instant> {
        let State::Session(member) = &self.state else { return None };
        let progress = member.fetch_progress().filter(|_| member.is_here())?;
        Some(progress.max(self.here_since) + self.config.timeout)
    }

    /// Stops waiting for the answer that is outstanding.
    pub(super) fn give_up_fetch(&mut self) {
        let outstanding = self.history.wanted.front().map(|fetch| fetch.id);
        self.lose_fetches(NoPage::NoAnswer, |fetch| Some(fetch.id) == outstanding);
    }

    /// Stops waiting for any answer.
    pub(super) fn drop_fetches(&mut self, why: NoPage) {
        self.lose_fetches(why, |_| true);
    }

    fn lose_fetches(&mut self, why: NoPage, is_lost: impl Fn(&Fetch) -> bool) {
        let (lost, kept): (Vec<_>, Vec<_>) = self.history.wanted.drain(..).partition(is_lost);
        self.history.wanted = kept.into();
        for Fetch { id, .. } in lost {
            if let State::Session(member) = &mut self.state
                && member.fetching() == Some(id)
            {
                member.stop_fetching();
            }
            if let Some((_, wanted)) = &mut self.history.back {
                wanted.take_if(|wanted| *wanted == id);
            }
            self.events.push_back(Event::NoPage { id, why });
        }
        self.feed_fetches();
    }
}

/// Too many requests wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;
