//! Carries drafts, requests and answers between a server and its log.
//!
//! Owns: how much of that is done in a turn.
//! Must not know: where the log is stored, what is in it.
//! Driven by: the loop (`net`), the simulator and the tests, once a turn.

use super::Server;
use crate::log::{Request, Store};
use crate::time::Instant;

/// Pages requested by each call of [`ask`]. Chosen: one takes a fraction of a millisecond, and all members wait for it.
const PAGES: usize = 1;

/// Sessions looked up by each call of [`ask`]. Chosen: they cost less than the handshakes that came before them.
const KNOWN: usize = 16;

/// Carries everything over that is ready: drafts to the log, outcomes to the server, and what was posted to `transcript`, as
/// tag and text.
pub fn exchange(now: Instant, server: &mut Server, log: &mut impl Store, mut transcript: impl FnMut(&str, &str)) {
    store_reads(server, log, false);
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

/// Has stored how far members have read, as far as that is due, or `all` of it, because the server ends.
pub fn store_reads(server: &mut Server, log: &mut impl Store, all: bool) {
    while let reads @ [_, ..] = &server.poll_reads(all)[..] {
        if !log.note_reads(reads) {
            return server.reads_not_stored(reads);
        }
        if !all {
            // The rest in the next turns, so that the room does not wait.
            return;
        }
    }
}

/// Hands some of the server's requests to the log. [`exchange`] brings the answers.
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
