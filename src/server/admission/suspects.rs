//! Keys that are refused for a while: a server of this log crashed while it handled a datagram of theirs (PROTOCOL 2.11).
//!
//! Owns: which keys are refused, and until when.
//! Must not know: how the server crashed, where that is recorded.
//! Driven by: `sessions`; the driver names the keys at the start.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::time::Instant;
use crate::wire::Who;

/// How long a key is refused whose datagram crashed the server. Chosen: long enough that a datagram that does so each time
/// leaves the others a usable room, short enough for a key that was not to blame.
pub const REFUSED_FOR: Duration = Duration::from_secs(10 * 60);

/// The refused keys, all that the driver has named.
#[derive(Debug, Default)]
pub(crate) struct Suspects {
    until: BTreeMap<Who, Instant>,
}

impl Suspects {
    /// Refuses the key until then.
    pub(crate) fn refuse(&mut self, who: Who, until: Instant) {
        self.until.insert(who, until);
    }

    /// Whether the key is refused.
    pub(crate) fn refuses(&self, now: Instant, who: Who) -> bool {
        self.until.get(&who).is_some_and(|&until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_refused_for_its_time_and_not_longer_and_no_other_is() {
        let mut suspects = Suspects::default();
        let (who, other) = (Who([1; 8]), Who([2; 8]));
        suspects.refuse(who, Instant::ZERO + REFUSED_FOR);
        assert!(suspects.refuses(Instant::from_millis(599_999), who));
        assert!(!suspects.refuses(Instant::from_millis(600_000), who));
        assert!(!suspects.refuses(Instant::ZERO, other));
    }
}
