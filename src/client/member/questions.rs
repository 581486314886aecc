//! What a member asks its server: who is here, who may do what, whose a name is, and earlier entries.
//!
//! Owns: the outstanding question of each kind, and when it is sent next; an unanswered one is repeated.
//! Must not know: packets; what the answers mean.
//! Driven by: `member`.

use super::reading::{ASK_AGAIN, Reading};
use crate::time::Instant;
use crate::wire::Seq;
use crate::wire::frame::{Frame, PersonId, Watch, Watched};
use crate::wire::record::Name;

/// An outstanding question.
#[derive(Debug)]
pub(super) struct Asked<T> {
    pub(super) what: T,
    /// When to send it next.
    at: Instant,
}

impl<T> Asked<T> {
    /// Creates a question that is to be asked now.
    pub(super) const fn new(now: Instant, what: T) -> Self {
        Self { what, at: now }
    }

    /// Notes that it was answered, and is to be asked again at `at`.
    pub(super) const fn ask_again(&mut self, at: Instant) {
        self.at = at;
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Questions {
    /// Who is here, behind that person.
    pub(super) people: Option<Asked<Option<PersonId>>>,
    /// What is known of who may do what, behind that record.
    pub(super) records: Option<Asked<Option<Name>>>,
    /// Whose that name is.
    pub(super) name: Option<Asked<Box<str>>>,
    /// Earlier entries.
    pub(super) reading: Option<Reading>,
    /// Who has received that entry.
    pub(super) watch: Option<Asked<Watch>>,
    /// When that was last asked.
    pub(super) watched: Instant,
    /// A gap for everything before that number.
    pub(super) skip: Option<Asked<Seq>>,
}

impl Default for Questions {
    fn default() -> Self {
        let (people, records, name, reading) = (None, None, None, None);
        Self { people, records, name, reading, watch: None, watched: Instant::ZERO, skip: None }
    }
}

impl Questions {
    /// Writes what is to be asked now into a packet. Returns whether there was anything.
    pub(super) fn write(&mut self, now: Instant, mut write: impl FnMut(&Frame<'_>) -> bool) -> bool {
        let people = ask(now, &mut self.people, |&after| write(&Frame::Ask { after }));
        let records = ask(now, &mut self.records, |after| write(&Frame::List { after: after.clone() }));
        let name = ask(now, &mut self.name, |name| write(&Frame::Find { name }));
        let fetch = self.reading.as_mut().is_some_and(|reading| {
            reading.fetch(now).is_some_and(|fetch| {
                let is_sent = write(&Frame::Fetch(fetch));
                if is_sent {
                    reading.asked(now + ASK_AGAIN);
                }
                is_sent
            })
        });
        let watch = ask(now, &mut self.watch, |&watch| write(&Frame::Watch(watch)));
        if watch {
            self.watched = now;
            // Nobody answers that. If it is lost, the server stops by itself.
            self.watch.take_if(|asked| asked.what.what == Watched::Nothing);
        }
        let skip = ask(now, &mut self.skip, |&to| write(&Frame::Skip { to }));
        people | records | name | fetch | watch | skip
    }

    /// Returns when to write the next question, if one is to be repeated.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let people = self.people.as_ref().map(|asked| asked.at);
        let records = self.records.as_ref().map(|asked| asked.at);
        let name = self.name.as_ref().map(|asked| asked.at);
        let reading = self.reading.as_ref().map(Reading::poll_timeout);
        let watch = self.watch.as_ref().map(|asked| asked.at);
        let skip = self.skip.as_ref().map(|asked| asked.at);
        [people, records, name, reading, watch, skip].into_iter().flatten().min()
    }
}

/// Writes an outstanding question if it is due; returns whether it was.
fn ask<T>(now: Instant, asked: &mut Option<Asked<T>>, write: impl FnOnce(&T) -> bool) -> bool {
    let Some(asked) = asked.as_mut().filter(|asked| asked.at <= now) else { return false };
    let is_sent = write(&asked.what);
    if is_sent {
        asked.at = now + ASK_AGAIN;
    }
    is_sent
}
