//! What one session reads back, beside its turn in the log (PROTOCOL 2.20).
//!
//! Owns: the answer to its newest *fetch*: which entries, what of them has been sent, what to resend.
//! Must not know: entries, packets, whether the client has its place in the log elsewhere.
//! Driven by: `peer`.

use super::cursor::{Cursor, Run};
use crate::wire::Seq;
use crate::wire::frame::{Fetch, Page};

/// Names an answer in the record of a packet; 0 names none. It repeats after 65,535 answers, when no packet that carried the older
/// one is in flight any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Tag(u16);

impl Tag {
    /// Whether it names an answer.
    pub(crate) const fn is_some(self) -> bool {
        self.0 != 0
    }

    const fn next(self) -> Self {
        Self(if self.0 == u16::MAX { 1 } else { self.0 + 1 })
    }
}

/// The answer to a *fetch*.
#[derive(Debug)]
struct Answer {
    page: Page,
    owes_head: bool,
    cursor: Cursor,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// The newest *fetch*, until its answer begins.
    fetch: Option<Fetch>,
    /// The answer that is being sent, or was; kept small until there is one.
    answer: Option<Box<Answer>>,
    tag: Tag,
}

impl Reading {
    /// Takes a request; only the newest is answered.
    pub(crate) const fn ask(&mut self, fetch: Fetch) {
        self.fetch = Some(fetch);
    }

    /// Begins the newest answer, in a log that now reaches from `oldest` to `end`. While an older answer waits for a page (`lacks`), it
    /// does not: a client that asks and asks has one page read at a time.
    pub(crate) fn begin(&mut self, oldest: Seq, end: Seq, lacks: impl FnOnce(Seq) -> bool) {
        if self.next_run().is_some_and(|run| lacks(run.from)) {
            return;
        }
        let Some(Fetch { id, spot, count }) = self.fetch.take() else { return };
        let (from, to) = spot.range(count, oldest, end);
        let page = Page { id, from, to, oldest };
        self.tag = self.tag.next();
        self.answer = Some(Box::new(Answer { page, owes_head: true, cursor: Cursor::new(from, to.since(from)) }));
    }

    /// Whether there is something to send.
    pub(crate) fn wants(&self) -> bool {
        self.fetch.is_some() || self.head().is_some() || self.next_run().is_some()
    }

    /// Returns which answer it is, for the record of a packet.
    pub(crate) const fn tag(&self) -> Tag {
        self.tag
    }

    /// Returns what is to be said of the answer, if it is to be said now.
    pub(crate) fn head(&self) -> Option<Page> {
        self.answer.as_ref().filter(|answer| answer.owes_head).map(|answer| answer.page)
    }

    /// Records that it was said.
    pub(crate) fn told(&mut self) {
        if let Some(answer) = &mut self.answer {
            answer.owes_head = false;
        }
    }

    /// Returns the entries to send next.
    pub(crate) fn next_run(&self) -> Option<Run> {
        let answer = self.answer.as_ref()?;
        answer.cursor.next_run(answer.page.to)
    }

    /// Notes that a beginning of [`Reading::next_run`] was sent. Returns whether it is only a copy.
    pub(crate) fn sent(&mut self, run: Run) -> bool {
        self.answer.as_mut().is_some_and(|answer| answer.cursor.sent(run))
    }

    /// Has what was said of that answer said again.
    pub(crate) fn lost_head(&mut self, tag: Tag) {
        if let Some(answer) = self.answer_of(tag) {
            answer.owes_head = true;
        }
    }

    /// Returns where it is noted what of that answer to send again, if it is still the newest.
    pub(crate) fn cursor_of(&mut self, tag: Tag) -> Option<&mut Cursor> {
        self.answer_of(tag).map(|answer| &mut answer.cursor)
    }

    fn answer_of(&mut self, tag: Tag) -> Option<&mut Answer> {
        self.answer.as_deref_mut().filter(|_| self.tag == tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frame::Spot;

    fn fetch(id: u64) -> Fetch {
        Fetch { id, spot: Spot::Before(Seq(500)), count: 10 }
    }

    #[test]
    fn only_the_newest_request_is_answered_and_only_once_nothing_is_read_for_an_older_one() {
        let mut reading = Reading::default();
        reading.ask(fetch(1));
        reading.ask(fetch(2));
        reading.begin(Seq(0), Seq(1000), |_| false);
        assert_eq!(reading.head(), Some(Page { id: 2, from: Seq(490), to: Seq(500), oldest: Seq(0) }));
        reading.ask(fetch(3));
        reading.begin(Seq(0), Seq(1000), |seq| seq == Seq(490));
        assert_eq!(reading.head().map(|page| page.id), Some(2), "a page is read for it");
        reading.begin(Seq(0), Seq(1000), |_| false);
        assert_eq!(reading.head().map(|page| page.id), Some(3));
    }

    #[test]
    fn what_was_lost_is_sent_again_unless_it_is_of_an_older_answer() {
        let mut reading = Reading::default();
        reading.ask(fetch(1));
        reading.begin(Seq(0), Seq(1000), |_| false);
        let (first, run) = (reading.tag(), reading.next_run().unwrap());
        reading.told();
        assert!(!reading.sent(run) && !reading.wants());
        reading.lost_head(first);
        reading.cursor_of(first).unwrap().lost(run);
        assert!(reading.head().is_some() && reading.next_run() == Some(run));
        reading.ask(fetch(2));
        reading.begin(Seq(0), Seq(1000), |_| false);
        reading.told();
        reading.sent(run);
        reading.lost_head(first);
        assert!(reading.cursor_of(first).is_none() && !reading.wants());
    }
}
