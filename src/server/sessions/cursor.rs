//! What one session has been sent, and which of it the client has.
//!
//! Owns: the session's cursor, what the client reported, what to resend. A lagging cursor is as small as any.
//! Must not know: entries, packets.
//! Driven by: `sessions`.
//!
//! ```text
//!   numbers   | has | missing | held | missing | in flight |  not sent   |
//!             0     ^next     repair: sent again           ^ cursor      ^ end of the log
//! ```

use arrayvec::ArrayVec;

use crate::wire::Seq;
use crate::wire::frame::Have;
use crate::work::{self, Work};

/// The most runs remembered for resending. When there are more, the two closest are joined, and the entries between them are
/// sent once more than necessary.
const REPAIRS_MAX: usize = 16;

/// Numbers from the first up to, but not including, the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Run {
    pub(crate) from: Seq,
    pub(crate) to: Seq,
}

impl Run {
    pub(crate) fn is_empty(self) -> bool {
        self.from >= self.to
    }
}

/// One session's place in the log.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    /// The client has everything before this.
    next: Seq,
    /// The client accepts nothing from here on; until it has said so, that is assumed.
    takes_to: Seq,
    is_assumed: bool,
    /// Allowed whatever the client accepts.
    skips_to: Seq,
    /// The first number that was never sent.
    fresh: Seq,
    /// Runs to resend: sorted, separate, each before `fresh` and not before `next`.
    repairs: ArrayVec<Run, REPAIRS_MAX>,
    /// Repairs within this run are copies of entries in flight.
    copies: Run,
}

impl Cursor {
    /// Creates the cursor of a session that gets everything from `start` on and accepts `take` entries at first.
    pub(crate) fn new(start: Seq, take: u64) -> Self {
        Self {
            next: start,
            takes_to: start + take,
            is_assumed: true,
            skips_to: start,
            fresh: start,
            repairs: ArrayVec::new(),
            copies: Run::default(),
        }
    }

    /// Returns the number before which the client has everything.
    pub(crate) const fn next(&self) -> Seq {
        self.next
    }

    /// Allows what is before `to` to be sent, though only as a gap, whatever the client accepts.
    pub(crate) fn skip(&mut self, to: Seq) {
        self.skips_to = self.skips_to.max(to);
    }

    /// Returns the number from which on nothing is to be sent.
    fn limit(&self) -> Seq {
        self.takes_to.max(self.skips_to)
    }

    /// Returns the run to send next of a log that ends at `end`: first missing entries, then new ones.
    pub(crate) fn next_run(&self, end: Seq) -> Option<Run> {
        let fresh = Run { from: self.fresh, to: end.min(self.limit()) };
        self.repairs.first().copied().or_else(|| (!fresh.is_empty()).then_some(fresh))
    }

    /// Whether nothing is to be resent, and everything has been sent up to `end` or as far as the client accepts entries.
    pub(crate) fn is_at(&self, end: Seq) -> bool {
        self.next_run(end).is_none()
    }

    /// Notes that the run, a beginning of [`Cursor::next_run`], was sent. Returns whether it is only a copy.
    pub(crate) fn sent(&mut self, run: Run) -> bool {
        let is_copy = self.copies.from <= run.from && run.to <= self.copies.to;
        if let Some(repair) = self.repairs.first_mut().filter(|repair| repair.from == run.from) {
            repair.from = run.to;
            if repair.is_empty() {
                self.repairs.remove(0);
            }
        } else {
            self.fresh = self.fresh.max(run.to);
        }
        if run.to >= self.copies.to {
            self.copies = Run::default();
        }
        self.check();
        is_copy
    }

    /// Has the run, which is in flight, sent a second time.
    pub(crate) fn copy(&mut self, run: Run) {
        let run = Run { from: run.from.max(self.next), to: run.to.min(self.fresh) };
        if run.is_empty() {
            return;
        }
        self.copies = if self.copies.is_empty() {
            run
        } else {
            Run { from: self.copies.from.min(run.from), to: self.copies.to.max(run.to) }
        };
        self.repair(run);
        self.check();
    }

    /// Has the run, which was in a lost packet, sent again.
    pub(crate) fn lost(&mut self, run: Run) {
        let run = Run { from: run.from.max(self.next), to: run.to.min(self.fresh) };
        if !run.is_empty() {
            self.repair(run);
        }
        self.check();
    }

    /// Takes the client's report. `is_quiet`: nothing is in flight, so whatever the client does not have is to be resent.
    pub(crate) fn have(&mut self, have: &Have, is_quiet: bool) {
        self.next = self.next.max(have.next.min(self.fresh));
        let takes_to = have.next + have.take.into();
        // What the client accepts only grows; but at first it may accept less than was assumed.
        self.takes_to =
            if std::mem::replace(&mut self.is_assumed, false) { takes_to } else { self.takes_to.max(takes_to) };
        let next = self.next;
        self.keep(|run| Run { from: run.from.max(next), to: run.to });
        work::did(Work::Scanned, (1 + self.repairs.len()) * (1 + have.held.len()));
        for (from, to) in have.held() {
            self.cut_out(Run { from, to });
        }
        if is_quiet {
            self.take_back(have);
            let limit = self.limit();
            let mut at = have.next.max(self.next);
            for (from, to) in have.held().chain([(self.fresh, self.fresh)]) {
                self.lost(Run { from: at, to: from.min(limit) });
                at = to;
            }
        }
        self.check();
    }

    /// Takes what was sent and not accepted, nor held, for not sent: it is not to be repeated until the client accepts it.
    fn take_back(&mut self, have: &Have) {
        let held_to = have.held().map(|(_, to)| to).max().unwrap_or_default();
        let kept_to = self.limit().max(held_to).max(self.next);
        self.fresh = self.fresh.min(kept_to);
        let fresh = self.fresh;
        self.keep(|run| Run { from: run.from, to: run.to.min(fresh) });
    }

    fn repair(&mut self, run: Run) {
        let at = self.repairs.partition_point(|other| other.to < run.from);
        let mut run = run;
        while let Some(other) = self.repairs.get(at).filter(|other| other.from <= run.to) {
            run = Run { from: run.from.min(other.from), to: run.to.max(other.to) };
            self.repairs.remove(at);
        }
        if self.repairs.is_full() {
            self.join_closest();
            return self.repair(run);
        }
        self.repairs.insert(at, run);
    }

    fn join_closest(&mut self) {
        let gap = |at: &usize| self.repairs[at + 1].from.since(self.repairs[*at].to);
        if let Some(at) = (0..self.repairs.len() - 1).min_by_key(gap) {
            self.repairs[at].to = self.repairs[at + 1].to;
            self.repairs.remove(at + 1);
        }
    }

    fn cut_out(&mut self, held: Run) {
        if let Some(around) = self.repairs.iter_mut().find(|run| run.from < held.from && held.to < run.to) {
            let behind = Run { from: held.to, to: around.to };
            around.to = held.from;
            return self.repair(behind);
        }
        self.keep(|run| {
            if run.from >= held.from && run.from < held.to {
                Run { from: held.to, to: run.to }
            } else if run.to > held.from && run.to <= held.to {
                Run { from: run.from, to: held.from }
            } else {
                run
            }
        });
    }

    fn keep(&mut self, change: impl Fn(Run) -> Run) {
        self.repairs.retain(|run| {
            *run = change(*run);
            !run.is_empty()
        });
    }

    /// Whether its numbers are in the required order. Nothing may be sent from an unsound cursor: its session ends.
    pub(crate) fn is_sound(&self) -> bool {
        let is_within = |run: &Run| run.from >= self.next && !run.is_empty() && run.to <= self.fresh;
        let is_apart = |pair: &[Run]| pair[0].to <= pair[1].from;
        self.next <= self.fresh && self.repairs.iter().all(is_within) && self.repairs.windows(2).all(is_apart)
    }

    fn check(&self) {
        debug_assert!(self.is_sound(), "{self:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const END: Seq = Seq(1000);

    fn run(from: u64, to: u64) -> Run {
        Run { from: Seq(from), to: Seq(to) }
    }

    fn have(next: u64, take: u32, held: &[(u64, u64)]) -> Have {
        Have { next: Seq(next), take, held: held.iter().copied().collect() }
    }

    fn sent_to(to: u64) -> Cursor {
        let mut cursor = Cursor::new(Seq(0), 4096);
        cursor.sent(run(0, to));
        cursor
    }

    #[test]
    fn what_the_client_did_not_accept_is_sent_again_only_once_it_does() {
        let mut cursor = Cursor::new(Seq(0), 4096);
        let mut sent = 0;
        while let Some(run) = cursor.next_run(Seq(1000)) {
            let run = Run { to: run.to.min(run.from + 10), ..run };
            cursor.sent(run);
            sent += run.to.since(run.from);
        }
        assert_eq!(sent, 1000, "as was assumed");
        // It accepts 48, however often it says so, and whatever comes.
        for _ in 0..100 {
            cursor.have(&have(48, 0, &[]), true);
            assert_eq!(cursor.next_run(Seq(1000)), None);
        }
        cursor.have(&have(48, 48, &[]), true);
        assert_eq!(cursor.next_run(Seq(1000)), Some(Run { from: Seq(48), to: Seq(96) }));
        cursor.skip(Seq(500));
        assert_eq!(cursor.next_run(Seq(1000)), Some(Run { from: Seq(48), to: Seq(500) }));
    }

    #[test]
    fn what_is_new_goes_in_order_up_to_what_the_client_takes() {
        let mut cursor = Cursor::new(Seq(10), 20);
        assert_eq!(cursor.next_run(Seq(15)), Some(run(10, 15)));
        cursor.sent(run(10, 15));
        assert!(cursor.is_at(Seq(15)));
        assert_eq!(cursor.next_run(END), Some(run(15, 30)));
        cursor.sent(run(15, 30));
        assert!(cursor.is_at(END));
        cursor.have(&have(25, 10, &[]), false);
        assert_eq!(cursor.next_run(END), Some(run(30, 35)));
    }

    #[test]
    fn what_was_lost_goes_again_but_not_what_the_client_has_by_now() {
        let mut cursor = sent_to(50);
        cursor.lost(run(10, 20));
        cursor.lost(run(30, 40));
        assert_eq!(cursor.next_run(END), Some(run(10, 20)));
        cursor.have(&have(12, 4096, &[(2, 3), (15, 20)]), false);
        assert_eq!(cursor.repairs.as_slice(), [run(12, 14), run(17, 20), run(30, 32)]);
        cursor.sent(run(12, 13));
        assert_eq!(cursor.next_run(END), Some(run(13, 14)));
        cursor.have(&have(50, 4096, &[]), false);
        assert_eq!(cursor.next_run(END), Some(run(50, 1000)));
    }

    #[test]
    fn a_copy_goes_before_what_is_new_and_is_known_as_one_unless_some_of_it_is_lost() {
        let mut cursor = sent_to(50);
        cursor.copy(run(40, 50));
        assert_eq!(cursor.next_run(END), Some(run(40, 50)));
        assert!(cursor.sent(run(40, 45)) && cursor.sent(run(45, 50)));
        assert!(!cursor.sent(run(50, 60)), "that is new");
        cursor.copy(run(50, 60));
        cursor.lost(run(45, 50));
        assert!(!cursor.sent(run(45, 60)));
        cursor.have(&have(60, 4096, &[]), false);
        cursor.copy(run(50, 60));
        assert_eq!(cursor.next_run(END), Some(run(60, 1000)), "it has them");
    }

    #[test]
    fn when_nothing_is_under_way_the_report_alone_says_what_is_missing() {
        let mut cursor = sent_to(50);
        cursor.have(&have(10, 4096, &[(5, 5), (5, 5)]), true);
        assert_eq!(cursor.repairs.as_slice(), [run(10, 15), run(20, 25), run(30, 50)]);
    }

    #[test]
    fn sixteen_holes_are_told_apart_and_one_more_joins_the_two_closest() {
        let mut cursor = sent_to(1000);
        for number in 0..16 {
            cursor.lost(run(number * 20, number * 20 + 1));
        }
        assert_eq!(cursor.repairs.len(), REPAIRS_MAX);
        cursor.lost(run(503, 504));
        cursor.lost(run(500, 501));
        assert!(cursor.repairs.len() <= REPAIRS_MAX);
        assert!(cursor.repairs.contains(&run(500, 501)) || cursor.repairs.contains(&run(500, 504)));
    }

    #[test]
    fn a_report_from_beyond_what_was_sent_is_not_believed() {
        let mut cursor = sent_to(50);
        cursor.have(&have(5000, 10, &[(u64::MAX, u64::MAX)]), true);
        assert_eq!(cursor.next, Seq(50));
        assert!(cursor.is_at(Seq(50)));
    }

    proptest! {
        #[test]
        fn everything_arrives_whatever_is_lost(losses in prop::collection::vec(any::<bool>(), 40..400), len in 1u64..8) {
            let (mut cursor, end) = (Cursor::new(Seq(0), 1 << 20), Seq(120));
            let mut has = BTreeSet::new();
            let mut losses = losses.into_iter();
            for _ in 0..10_000 {
                if let Some(next) = cursor.next_run(end) {
                    let sent = Run { from: next.from, to: next.to.min(next.from + len) };
                    cursor.sent(sent);
                    if losses.next() == Some(true) {
                        cursor.lost(sent);
                    } else {
                        has.extend(sent.from.0..sent.to.0);
                    }
                }
                let next = (0..).find(|number| !has.contains(number)).unwrap();
                if next == end.0 { break }
                let mut held = ArrayVec::new();
                let mut at = next;
                for &number in has.range(next..) {
                    if held.is_full() { break }
                    if number == at && !held.is_empty() {
                        let (_, run): &mut (u64, u64) = held.last_mut().unwrap();
                        *run += 1;
                    } else {
                        held.push((number - at, 1));
                    }
                    at = number + 1;
                }
                cursor.have(&Have { next: Seq(next), take: 4096, held }, false);
            }
            prop_assert_eq!(has.len() as u64, end.0);
        }
    }
}
