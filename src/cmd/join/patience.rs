//! When a user is told that the server has not answered yet.
//!
//! Owns: the time for that, and that it is told once.
//! Must not know: how it is shown.
//! Driven by: the drivers for people, `lines` and `terminal`, once a turn.

use std::time::Duration;

use crate::client::Client;
use crate::time::Instant;

/// How long a server may take to answer before its user is told. Chosen: longer than most paths take.
const PATIENCE: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Patience {
    ends: Option<Instant>,
    is_over: bool,
}

impl Patience {
    /// Returns what the user is to be told now, and until then the time for it.
    pub(super) fn tick(
        &mut self,
        now: Instant,
        client: &Client,
        has_joined: bool,
    ) -> (Option<String>, Option<Instant>) {
        if has_joined || self.is_over {
            return (None, None);
        }
        let ends = *self.ends.get_or_insert(now + PATIENCE);
        if now < ends {
            return (None, Some(ends));
        }
        self.is_over = true;
        (Some(format!("no answer from {} yet", client.server())), None)
    }
}
