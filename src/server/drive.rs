//! What a server and its log have for each other, carried from one to the other.
//!
//! Owns: how much of it is done in a turn.
//! Must not know: where the log is kept, what is in it.
//! Driven by: the loop (`net`), the simulator and the tests, once a turn.

use crate::log::store::{Outcome, Store};
use crate::log::{Page, Request};
use crate::server::{Event, Room};
use crate::time::Instant;

/// Pages read for each call of [`answer`]. Chosen: one takes a fraction of a millisecond, and the others wait for it.
const PAGES: usize = 1;

/// Sessions looked up for each call of [`answer`]. Chosen: they cost less than the handshakes that came before them.
const BEGINNINGS: usize = 16;

/// Takes the room and its store through everything that can be settled now: drafts to the store, outcomes to the room,
/// accepted datagrams to `transcript`, as tag and text.
pub fn settle(now: Instant, room: &mut Room, store: &mut impl Store, mut transcript: impl FnMut(&str, &str)) {
    loop {
        while let Some(event) = room.poll_event() {
            match event {
                Event::Commit(draft) => store.append(&draft),
                Event::Accepted { tag, text } => transcript(tag, text),
            }
        }
        let mut settled = false;
        while let Some(outcome) = store.poll_outcome() {
            settled = true;
            match outcome {
                Outcome::Committed { draft, first, at } => room.committed(now, draft, first, at),
                Outcome::Rejected { draft, why } => room.rejected(now, draft, why),
            }
        }
        if !settled {
            return;
        }
    }
}

/// Answers some of what the room asks of the store.
pub fn answer(now: Instant, room: &mut Room, store: &mut impl Store) {
    let (mut pages, mut beginnings) = (0, 0);
    while pages < PAGES && beginnings < BEGINNINGS {
        match room.poll_request() {
            Some(Request::Page(from, to)) => {
                let mut page = Page::new(from);
                store.read(&mut page, to);
                room.answer_page(now, page);
                pages += 1;
            }
            Some(Request::Beginning(beginning)) => {
                let known = store.look_up(&beginning);
                room.answer_beginning(now, beginning.session, &known);
                beginnings += 1;
            }
            None => return,
        }
    }
}
