//! What a server and its log have for each other, carried from one to the other.
//!
//! Owns: how much of it is done in a turn.
//! Must not know: where the log is kept, what is in it.
//! Driven by: the loop (`net`), the simulator and the tests, once a turn.

use super::Server;
use crate::log::{Request, Store};
use crate::time::Instant;

/// Pages asked for by each call of [`ask`]. Chosen: one takes a fraction of a millisecond, and the others wait for it.
const PAGES: usize = 1;

/// Sessions looked up for each call of [`ask`]. Chosen: they cost less than the handshakes that came before them.
const KNOWN: usize = 16;

/// Takes server and log through everything that can be done now: drafts to the log, what it has to tell to the server, what was
/// said to `transcript`, as tag and text.
pub fn exchange(now: Instant, server: &mut Server, log: &mut impl Store, mut transcript: impl FnMut(&str, &str)) {
    loop {
        let mut is_told = false;
        while server.takes_outcomes()
            && let Some(outcome) = log.poll()
        {
            is_told = true;
            server.handle_outcome(now, outcome, &mut transcript);
        }
        let mut is_submitted = false;
        while let Some(draft) = server.poll_draft() {
            log.submit(&draft);
            is_submitted = true;
        }
        if is_submitted {
            log.flush();
        }
        if !is_told && !is_submitted {
            return;
        }
    }
}

/// Hands some of what the server wants to know on to the log. The answers come by [`exchange`].
pub fn ask(server: &mut Server, log: &mut impl Store) {
    let (mut pages, mut known) = (0, 0);
    while pages < PAGES && known < KNOWN {
        let Some(request) = server.poll_request() else { return };
        log.request(&request);
        match request {
            Request::Page { .. } => pages += 1,
            Request::Known { .. } => known += 1,
        }
    }
}
