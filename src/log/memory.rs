//! The log in memory only: nothing outlives the server.
//!
//! Owns: the numbers. The entries themselves are in the server's window only.
//! Must not know: what the entries say.
//! Driven by: the server, through [`Store`].

use std::convert::Infallible;

use super::answers::Answers;
use super::draft::Draft;
use super::page::Page;
use super::store::{Known, Opening, Outcome, Request, Store};
use crate::wire::frame::GapReason;
use crate::wire::{LogId, Seq, Timestamp};

/// A backend that appends everything at once.
#[derive(Debug)]
pub struct Memory {
    id: LogId,
    next: Seq,
    newest: Timestamp,
    answers: Answers,
}

impl Memory {
    /// Creates an empty log with that id.
    pub fn new(id: LogId) -> Self {
        Self { id, next: Seq(0), newest: Timestamp::default(), answers: Answers::default() }
    }
}

impl Store for Memory {
    fn open(&mut self) -> Opening {
        Opening { id: self.id, next: self.next, oldest: None, ..Opening::default() }
    }

    fn submit(&mut self, draft: &Draft<'_>) {
        self.newest = self.newest.max(draft.at);
        let Ok(next) = self.answers.write(draft, self.next, self.newest, |_, _, _| Ok::<_, Infallible>(()));
        self.next = next;
    }

    fn flush(&mut self) {
        self.answers.append_turn();
    }

    fn request(&mut self, request: &Request) {
        // Nobody asks a log that cannot read anything back.
        match *request {
            Request::Page { id, from, to } => {
                let mut page = Page::new(from);
                page.skip_to(to, GapReason::Gone);
                self.answers.push_page(id, page);
            }
            Request::Known { id, .. } => self.answers.push_known(id, self.next, Known::default()),
        }
    }

    fn poll(&mut self) -> Option<Outcome<'_>> {
        self.answers.poll()
    }
}
