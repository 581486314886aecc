//! The client's view of the log: every entry once and in order (PROTOCOL 2.8).
//!
//! Owns: the next number wanted, entries and gaps that came early.
//! Must not know: the contents of entries.
//! Driven by: `member`.

use std::collections::BTreeMap;

use arrayvec::ArrayVec;

use crate::client::event::Event;
use crate::wire::frame::{GapReason, Have};
use crate::wire::{LogId, Seq};

/// An entry or a gap that came before its turn.
#[derive(Debug)]
enum Early {
    Entry(Box<[u8]>),
    /// The number of entries from here on that will not come, and why.
    Gap(u64, GapReason),
}

/// The client's place in a log.
#[derive(Debug)]
pub(super) struct View {
    log: Option<LogId>,
    next: Seq,
    early: BTreeMap<Seq, Early>,
    /// Entries and gaps that were handed on and that the user has not taken yet.
    waiting: u32,
    /// How many of these there may be.
    takes: u32,
}

impl View {
    /// Creates the view of a client that was last at `place`, and has at most `takes` entries that its user has not taken.
    pub(super) fn at(place: Option<(LogId, Seq)>, takes: u32) -> Self {
        let (log, next) = place.map_or((None, Seq(0)), |(log, next)| (Some(log), next));
        Self { log, next, early: BTreeMap::new(), waiting: 0, takes }
    }

    /// Returns the log and the next wanted number, if the log is known.
    pub(super) fn place(&self) -> Option<(LogId, Seq)> {
        self.log.map(|log| (log, self.next))
    }

    /// Takes the server's log and the first number that will come. Returns true if another log was known before.
    pub(super) fn welcome(&mut self, log: LogId, start: Seq) -> bool {
        let is_another = self.log.is_some_and(|before| before != log);
        if self.log != Some(log) {
            *self = Self { waiting: self.waiting, ..Self::at(Some((log, start)), self.takes) };
        }
        is_another
    }

    /// Takes an entry; everything that can be handed on now goes to `events`.
    pub(super) fn entry(&mut self, seq: Seq, encoded: &[u8], events: &mut impl Extend<Event>) {
        if seq == self.next && self.waiting >= self.takes {
            // The user takes no more, and the server was told: it sends the entry again when there is room.
            return;
        }
        if seq == self.next {
            events.extend([Event::Entry { seq, encoded: encoded.into() }]);
            self.next = seq + 1;
            self.waiting += 1;
            self.hand_on(events);
        } else if self.is_wanted(seq) {
            self.early.entry(seq).or_insert_with(|| Early::Entry(encoded.into()));
        }
    }

    /// Records that `count` entries from `first` on will not come.
    pub(super) fn gap(&mut self, first: Seq, count: u64, why: GapReason, events: &mut impl Extend<Event>) {
        if self.waiting >= self.takes {
            return;
        }
        if first <= self.next {
            self.skip(first + count, why, events);
            self.hand_on(events);
        } else if self.is_wanted(first) {
            self.early.entry(first).or_insert(Early::Gap(count, why));
        }
    }

    /// Returns the *have* to report.
    pub(super) fn have(&self) -> Have {
        let mut held: ArrayVec<(u64, u64), { crate::wire::frame::HELD_RUNS_MAX }> = ArrayVec::new();
        let mut at = self.next;
        for (&seq, early) in &self.early {
            let len = match early {
                Early::Entry(_) => 1,
                Early::Gap(count, _) => *count,
            };
            match held.last_mut() {
                Some((_, run)) if seq <= at => *run += (seq + len).since(at),
                _ => {
                    if held.try_push((seq.since(at), len)).is_err() {
                        break;
                    }
                }
            }
            at = at.max(seq + len);
        }
        Have { next: self.next, take: self.takes.saturating_sub(self.waiting), held }
    }

    /// Records that the user has taken an entry. Returns true if the server should be told, for it may have stopped while too
    /// many entries waited: half of the room is free again.
    pub(super) fn taken(&mut self) -> bool {
        self.waiting = self.waiting.saturating_sub(1);
        self.waiting == self.takes / 2
    }

    fn is_wanted(&self, seq: Seq) -> bool {
        seq > self.next && seq.since(self.next) < self.takes.saturating_sub(self.waiting).into()
    }

    fn hand_on(&mut self, events: &mut impl Extend<Event>) {
        while let Some((seq, early)) = self.early.first_key_value().filter(|&(&seq, _)| seq <= self.next) {
            let (seq, gap) = (*seq, if let Early::Gap(count, why) = early { Some((*count, *why)) } else { None });
            let Some(early) = self.early.remove(&seq) else { return };
            match (gap, early) {
                (Some((count, why)), _) => self.skip(seq + count, why, events),
                (None, Early::Entry(encoded)) if seq == self.next => {
                    events.extend([Event::Entry { seq, encoded }]);
                    self.next = seq + 1;
                    self.waiting += 1;
                }
                (None, _) => {}
            }
        }
    }

    fn skip(&mut self, to: Seq, why: GapReason, events: &mut impl Extend<Event>) {
        if to > self.next {
            events.extend([Event::Gap { first: self.next, count: to.since(self.next), why }]);
            self.next = to;
            self.waiting += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::wildcard_enum_match_arm)]
    use super::*;
    use proptest::prelude::*;

    use crate::client::config::TAKES;

    fn view() -> View {
        View::at(Some((LogId([1; 16]), Seq(0))), TAKES)
    }

    fn shown(events: &[Event]) -> Vec<u64> {
        let number = |event: &Event| match event {
            Event::Entry { seq, .. } => seq.0,
            Event::Gap { first, count, .. } => first.0 + 1000 * count,
            other => unreachable!("{other:?}"),
        };
        events.iter().map(number).collect()
    }

    #[test]
    fn more_than_its_user_may_leave_waiting_is_not_taken() {
        let (mut view, mut events) = (view(), Vec::new());
        for seq in 0..=u64::from(TAKES) {
            view.entry(Seq(seq), b"x", &mut events);
        }
        assert_eq!((events.len(), view.have().take), (TAKES as usize, 0));
        assert!(!view.taken());
        view.entry(Seq(TAKES.into()), b"x", &mut events);
        assert_eq!(events.len(), TAKES as usize + 1);
    }

    #[test]
    fn what_comes_early_waits_and_what_comes_twice_is_shown_once() {
        let (mut view, mut events) = (view(), Vec::new());
        for seq in [1, 2, 0, 1, 0, 3] {
            view.entry(Seq(seq), b"x", &mut events);
        }
        assert_eq!(shown(&events), [0, 1, 2, 3]);
    }

    #[test]
    fn a_gap_is_stated_once_and_only_for_what_did_not_come() {
        let (mut view, mut events) = (view(), Vec::new());
        view.entry(Seq(0), b"x", &mut events);
        view.gap(Seq(3), 2, GapReason::Gone, &mut events);
        view.entry(Seq(5), b"x", &mut events);
        view.gap(Seq(0), 3, GapReason::Gone, &mut events);
        view.gap(Seq(0), 3, GapReason::Gone, &mut events);
        assert_eq!(shown(&events), [0, 2001, 2003, 5]);
        assert_eq!(view.place().unwrap().1, Seq(6));
    }

    #[test]
    fn it_reports_what_it_holds_and_takes_nothing_from_too_far_ahead() {
        let (mut view, mut events) = (view(), Vec::new());
        for seq in [2, 3, 7, 4095, 4096] {
            view.entry(Seq(seq), b"x", &mut events);
        }
        let have = view.have();
        assert_eq!((have.next, have.take, have.held.as_slice()), (Seq(0), 4096, &[(2, 2), (3, 1), (4087, 1)][..]));
    }

    #[test]
    fn what_the_user_has_not_taken_makes_it_take_less_and_it_says_when_there_is_place_again() {
        let (mut view, mut events) = (view(), Vec::new());
        (0..TAKES.into()).for_each(|seq| view.entry(Seq(seq), b"x", &mut events));
        assert_eq!((view.have().next, view.have().take), (Seq(TAKES.into()), 0));
        let told: Vec<_> = (0..TAKES).filter(|_| view.taken()).collect();
        assert_eq!((told, view.have().take), (vec![TAKES / 2 - 1], TAKES));
    }

    #[test]
    fn sixteen_runs_are_reported_and_not_seventeen() {
        let (mut view, mut events) = (view(), Vec::new());
        (1..=17).for_each(|run| view.entry(Seq(run * 2), b"x", &mut events));
        assert_eq!(view.have().held.len(), 16);
    }

    #[test]
    fn another_log_begins_anew_and_the_same_one_goes_on() {
        let (mut view, mut events) = (view(), Vec::new());
        view.entry(Seq(0), b"x", &mut events);
        view.entry(Seq(5), b"x", &mut events);
        assert!(!view.welcome(LogId([1; 16]), Seq(1)));
        assert_eq!(view.place(), Some((LogId([1; 16]), Seq(1))));
        assert!(view.welcome(LogId([2; 16]), Seq(7)));
        assert_eq!(view.place(), Some((LogId([2; 16]), Seq(7))));
        assert!(view.have().held.is_empty());
    }

    proptest! {
        #[test]
        fn any_order_is_shown_in_order(order in Just((0u64..60).collect::<Vec<_>>()).prop_shuffle()) {
            let (mut view, mut events) = (view(), Vec::new());
            for &seq in &order {
                if seq % 7 == 3 {
                    view.gap(Seq(seq), 1, GapReason::Gone, &mut events);
                } else {
                    view.entry(Seq(seq), b"x", &mut events);
                }
            }
            let expected: Vec<_> = (0..60).map(|seq| if seq % 7 == 3 { seq + 1000 } else { seq }).collect();
            prop_assert_eq!(shown(&events), expected);
        }
    }
}
