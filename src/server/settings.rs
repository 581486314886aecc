//! The settings that the server was started with, on their way into the log (PROTOCOL 2.18).
//!
//! Owns: which of them the log does not have yet, and when to write them.
//! Must not know: sessions, how items reach the log.
//! Driven by: `server`.
//!
//! They are acts of [`Who::SERVER`], and each is written once for each start of the server: what an operator changes later stays
//! changed. A log that cannot be written takes them later.

use std::time::Duration;

use super::config::Config;
use super::queue::Deed;
use crate::policy::Policy;
use crate::time::Instant;
use crate::wire::Who;
use crate::wire::entry::{Act, Terms};
use crate::wire::record::Access;

/// The pause before the next attempt after the log refused.
const AGAIN: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// What the log does not have yet.
    wanted: Vec<Deed>,
    /// When to write what is wanted; `None` while that is under way.
    due: Option<Instant>,
}

impl Settings {
    /// Returns those of the configuration that the log does not have.
    pub(super) fn new(now: Instant, config: &Config, policy: &Policy) -> Self {
        let current = policy.settings();
        let mut wanted = Vec::new();
        if let Some(key) = config.owner.filter(|_| config.is_owner_replaced || current.owner.is_none()) {
            let (whom, terms) = (key.who(), Terms { key: key.0, ..Terms::default() });
            let deed = Deed { act: Act::Owner, whom, terms, ..Deed::default() };
            wanted.extend((current.owner != Some((whom, key.0))).then_some(deed));
        }
        if let Some(access) = config.access {
            wanted.extend((current.access != access).then(|| access_deed(access)));
        }
        if let Some(expiry) = config.expiry {
            let deed = expiry_deed(expiry);
            wanted.extend((current.expiry != deed.terms.number).then_some(deed));
        }
        let due = (!wanted.is_empty()).then_some(now);
        Self { wanted, due }
    }

    /// Returns when to call [`Settings::take_due`].
    pub(super) const fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// Returns what to write now; the outcome of each has to be told.
    pub(super) fn take_due(&mut self, now: Instant) -> &[Deed] {
        if self.due.take_if(|due| *due <= now).is_some() { &self.wanted } else { &[] }
    }

    /// Records the outcome of an act: whether the log has taken it, or need not.
    pub(super) fn told(&mut self, now: Instant, act: Act, is_taken: bool) {
        if is_taken {
            self.wanted.retain(|deed| deed.act != act);
        } else {
            self.due = Some(now + AGAIN);
        }
    }

    /// Returns whether the room is to be closed, and the log does not say so yet: then it is closed already.
    pub(super) fn closes(&self) -> bool {
        self.wanted.iter().any(|deed| deed.act == Act::Access && deed.terms.number == 1)
    }
}

/// Returns the act that sets who may come in.
pub(super) fn access_deed(access: Access) -> Deed {
    let (of, number) = match access {
        Access::Open => ("open", 0),
        Access::Known => ("known", 1),
    };
    let terms = Terms { number, ..Terms::default() };
    Deed { act: Act::Access, whom: Who::SERVER, of: of.into(), terms, ..Deed::default() }
}

/// Returns the act that sets how long nicks of known keys stay theirs.
pub(super) fn expiry_deed(expiry: Duration) -> Deed {
    let number = u64::try_from(expiry.as_millis()).unwrap_or(u64::MAX);
    let terms = Terms { number, ..Terms::default() };
    let of = match expiry.as_secs() {
        seconds if seconds.is_multiple_of(24 * 3600) => format!("{} days", seconds / (24 * 3600)),
        seconds if seconds.is_multiple_of(3600) => format!("{} hours", seconds / 3600),
        seconds => format!("{seconds} seconds"),
    };
    Deed { act: Act::Expiry, whom: Who::SERVER, of, terms, ..Deed::default() }
}
