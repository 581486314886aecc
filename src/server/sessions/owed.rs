//! What the server owes a session beside the log: answers, and news of its own.
//!
//! Owns: the outstanding question of each kind, of which only the newest is answered; what has changed for the session's user.
//! Must not know: the log's entries, packets; an answer is made when it is sent, and only if it fits.
//! Driven by: `peer`, and `intake` with the questions.

use std::time::Duration;

use super::receipts::Watching;
use crate::time::Instant;
use crate::wire::frame::{Found, Frame, ListState, People, PersonId, Writer};
use crate::wire::record::Name;
use crate::wire::{Seq, Who};

/// From how many numbers on a client counts as far behind. Chosen: two pages; whoever is nearer is there in a moment.
const LAGS: u64 = 256;

/// The time between two words about where the log ends. Chosen: a status line does not need more.
const TELL_END: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Owed {
    /// The newest unanswered *ask*, as the person it begins after; a lost answer is not repeated: the client asks again.
    pub(crate) people: Option<Option<PersonId>>,
    /// The outstanding request for records: behind which it continues.
    pub(crate) records: Option<Option<Name>>,
    /// The newest unanswered *find*: the name in question.
    pub(crate) name: Option<Box<str>>,
    /// Whether it is to be told how far its user has read.
    pub(crate) read: bool,
    /// When it was last told where the log ends, and the number.
    end: Option<(Instant, Seq)>,
    /// The entry of its own of which it wants to know who has received it.
    pub(crate) watching: Option<Box<Watching>>,
}

/// What a packet says of it that has to be said again if the packet is lost.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Said {
    receipt: bool,
    read: bool,
    end: bool,
}

impl Said {
    /// Whether there is any.
    pub(crate) const fn is_any(self) -> bool {
        self.receipt || self.read || self.end
    }
}

impl Owed {
    /// Whether there is something to be said.
    pub(crate) fn is_any(&self) -> bool {
        self.people.is_some()
            || self.records.is_some()
            || self.name.is_some()
            || self.read
            || self.watching.as_ref().is_some_and(|watching| watching.owes())
    }

    /// Writes what fits into a packet for a session of `who`: the answer to its *find*, how far its user has read, and the lists that
    /// are made. Returns whether a question was answered, and what else was said.
    pub(crate) fn say(
        &mut self,
        who: Who,
        (found, read): (Option<&Found<'_>>, Option<Seq>),
        people: impl FnOnce(Option<PersonId>) -> (bool, Vec<u8>),
        records: impl FnOnce(Who, Option<&Name>) -> (ListState, Vec<u8>),
        writer: &mut Writer,
    ) -> (bool, Said) {
        let (mut is_answered, mut said) = (false, Said::default());
        if let Some(after) = self.people.take_if(|_| writer.has_place_for_people()) {
            let (more, encoded) = people(after);
            is_answered = writer.frame(&Frame::People(People::new(after, more, &encoded)));
        }
        if let Some(after) = self.records.take_if(|_| writer.has_place_for_records()) {
            let (state, items) = records(who, after.as_ref());
            is_answered |= writer.frame(&Frame::Listed { after, state, items: &items });
        }
        if let Some(found) = found.filter(|_| self.name.is_some()) {
            let is_told = writer.frame(&Frame::Found(*found));
            is_answered |= is_told;
            self.name.take_if(|_| is_told);
        }
        // It may have been forgotten meanwhile.
        self.read &= read.is_some();
        if let Some(before) = read.filter(|_| self.read) {
            said.read = writer.frame(&Frame::Read { before });
            self.read = !said.read;
        }
        said.receipt = self.watching.as_mut().is_some_and(|watching| watching.tell(writer));
        (is_answered, said)
    }

    /// Notes that its *welcome* says where the log ends.
    pub(crate) const fn knows_end(&mut self, end: Seq) {
        self.end = Some((Instant::ZERO, end));
    }

    /// Tells a client that is far behind where the log ends, if that is due: `lag` is how many numbers it has not received.
    pub(crate) fn say_end(&mut self, now: Instant, (end, lag): (Seq, u64), said: &mut Said, writer: &mut Writer) {
        if self.end_due(end, lag).is_some_and(|due| due <= now) && writer.frame(&Frame::End { end }) {
            self.end = Some((now, end));
            said.end = true;
        }
    }

    /// Returns when to tell it where the log ends; `None` if it knows, or is not far behind.
    pub(crate) fn end_due(&self, end: Seq, lag: u64) -> Option<Instant> {
        if lag < LAGS {
            return None;
        }
        match self.end {
            Some((at, known)) => (known != end).then(|| at + TELL_END),
            None => Some(Instant::ZERO),
        }
    }

    /// Has what was said in a lost packet said again.
    pub(crate) fn say_again(&mut self, said: Said) {
        self.read |= said.read;
        if said.end {
            self.end = self.end.map(|(at, _)| (at, Seq(u64::MAX)));
        }
        if let Some(watching) = self.watching.as_mut().filter(|_| said.receipt) {
            watching.tell_again();
        }
    }
}
