//! Mending a log that is damaged or has lost its file.
//!
//! Owns: when the log is copied (`rescue`), and the switch to the copy.
//! Must not know: how it is copied.
//! Driven by: `sqlite`, between other work.

use std::time::Duration;

use super::file::{OpenError, Whereabouts};
use super::rescue::Rescue;
use super::{LOOK, Sqlite};
use crate::log::draft::Rejection;
use crate::wire::Seq;

impl Sqlite {
    /// Copies some more of a log that is damaged or has lost its file to a new one, and switches to that when it is complete.
    pub(super) fn mend(&mut self) -> Option<Duration> {
        let why = self.failing.filter(|why| matches!(why, Rejection::Damaged | Rejection::Gone))?;
        if why == Rejection::Gone && self.rescue.is_none() {
            match self.place.whereabouts() {
                // Somebody has put it back.
                Whereabouts::Here => {
                    self.become_well();
                    return None;
                }
                // It is not ours, and somebody may want it there.
                Whereabouts::Replaced => return Some(LOOK),
                Whereabouts::Gone => {}
            }
        }
        match self.mend_some(why) {
            Ok(true) => Some(Duration::ZERO),
            Ok(false) => None,
            Err(err) => {
                log::debug!("mending the log: {err}");
                self.rescue = None;
                Some(LOOK)
            }
        }
    }

    /// Does one step. Returns whether there is more to do.
    pub(super) fn mend_some(&mut self, why: Rejection) -> Result<bool, OpenError> {
        let (oldest, end) = (self.oldest, self.end);
        if let (None, Some(connection)) = (&self.rescue, &self.connection) {
            self.rescue = Some(Box::new(Rescue::begin(&self.place, connection, &self.policy, self.id, oldest)?));
        }
        if let (Some(rescue), Some(connection)) = (&mut self.rescue, &self.connection)
            && rescue.copy_some(connection, end.next).map_err(|err| self.place.error(err))?
        {
            return Ok(true);
        }
        if let Some(rescue) = self.rescue.take() {
            // The old connection's WAL would be in the way of the new file's.
            self.connection = None;
            let keeps_old = why == Rejection::Damaged || self.place.is_there();
            rescue.finish(&self.place, end, keeps_old)?;
        }
        self.place.lock()?;
        let connection = self.place.open(self.id)?;
        self.begin_with(&connection).map_err(|err| self.place.error(err))?;
        self.connection = Some(connection);
        self.answers.push_rewritten(Seq(0), self.end.next);
        self.answers.push_truncated(self.oldest);
        self.become_well();
        Ok(false)
    }
}
