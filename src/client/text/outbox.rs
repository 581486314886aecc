//! The lines that the user wants to send.
//!
//! Owns: lines that wait, lines that were sent and have not come back, and how many may be in flight.
//! Must not know: whether the server is there.
//! Driven by: `client`.
//!
//! In the text dialect a line is confirmed when its very bytes come back from the server. A client cannot tell it from the same
//! line sent by somebody else of the same nick; the dialect has no means for that.

use std::collections::VecDeque;
use std::time::Duration;

use crate::client::event::Label;
use crate::time::Instant;

/// The most lines in flight. Chosen: far fewer than the smallest usual socket buffer holds (212,992 bytes hold about 270 short
/// datagrams on Linux), so that none is lost on an idle loopback.
const WINDOW: usize = 16;

/// The number of waiting lines from which on the client wants no more.
const WAITING_MAX: usize = 64;

/// When no line has come back for this long, the lines in flight make room in the window, although the client still waits for
/// them. While some come back, the window holds, so as not to press a server that is slow or limits our rate. Chosen: longer
/// than the round trip of a usual path; short enough that one loss does not hold up the rest.
const WINDOW_TIMEOUT: Duration = Duration::from_millis(250);

#[derive(Debug)]
struct Sent {
    line: String,
    label: Label,
    at: Instant,
    in_window: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<(String, Label)>,
    sent: VecDeque<Sent>,
    in_window: usize,
    /// When a line last came back.
    progress: Instant,
    confirmed: u64,
    lost: u64,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.sent.len()
    }

    pub(super) const fn confirmed(&self) -> u64 {
        self.confirmed
    }

    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }

    pub(super) fn has_place(&self) -> bool {
        self.waiting.len() < WAITING_MAX
    }

    pub(super) fn push(&mut self, line: String, label: Label) {
        self.waiting.push_back((line, label));
    }

    /// Returns the next line to send, if the window has room for it.
    pub(super) fn peek(&self) -> Option<&str> {
        self.waiting.front().filter(|_| self.in_window < WINDOW).map(|(line, _)| line.as_str())
    }

    /// Records that the line of [`Outbox::peek`] was sent.
    pub(super) fn sent(&mut self, now: Instant) {
        if let Some((line, label)) = self.waiting.pop_front() {
            self.sent.push_back(Sent { line, label, at: now, in_window: true });
            self.in_window += 1;
        }
    }

    /// Handles a datagram from the server; if it is a line of ours, returns what the user calls it.
    pub(super) fn confirm(&mut self, now: Instant, bytes: &[u8]) -> Option<Label> {
        let index = self.sent.iter().position(|sent| sent.line.as_bytes() == bytes)?;
        let sent = self.sent.remove(index)?;
        self.in_window -= usize::from(sent.in_window);
        self.confirmed += 1;
        self.progress = now;
        Some(sent.label)
    }

    /// Takes lines that are overdue out of the window, and gives up those sent `timeout` ago, which it returns.
    pub(super) fn expire(&mut self, now: Instant, timeout: Duration) -> Vec<(String, Label)> {
        let progress = self.progress;
        for sent in self.sent.iter_mut().filter(|sent| sent.in_window && sent.at.max(progress) + WINDOW_TIMEOUT <= now)
        {
            sent.in_window = false;
            self.in_window -= 1;
        }
        let mut lost = Vec::new();
        while self.sent.front().is_some_and(|sent| sent.at + timeout <= now) {
            lost.extend(self.take_oldest());
        }
        lost
    }

    /// Gives up all lines that were sent.
    pub(super) fn give_up_sent(&mut self) -> Vec<(String, Label)> {
        std::iter::from_fn(|| self.take_oldest()).collect()
    }

    /// Gives up all lines, sent or not.
    pub(super) fn give_up_all(&mut self) -> Vec<(String, Label)> {
        let mut lost = self.give_up_sent();
        self.lost += self.waiting.len() as u64;
        lost.extend(self.waiting.drain(..));
        lost
    }

    /// Returns when [`Outbox::expire`] has something to do.
    pub(super) fn deadline(&self, timeout: Duration) -> Option<Instant> {
        let oldest = self.sent.front()?.at + timeout;
        // The window's own timeout matters only while a line waits for room in it.
        let blocked = !self.waiting.is_empty() && self.in_window >= WINDOW;
        let window = blocked.then(|| self.sent.iter().find(|sent| sent.in_window)).flatten();
        Some(window.map_or(oldest, |sent| oldest.min(sent.at.max(self.progress) + WINDOW_TIMEOUT)))
    }

    fn take_oldest(&mut self) -> Option<(String, Label)> {
        let sent = self.sent.pop_front()?;
        self.in_window -= usize::from(sent.in_window);
        self.lost += 1;
        Some((sent.line, sent.label))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(5);

    fn fill(outbox: &mut Outbox, lines: usize) {
        (0..lines).for_each(|number| outbox.push(number.to_string(), None));
    }

    fn send_all(outbox: &mut Outbox, now: Instant) -> usize {
        std::iter::from_fn(|| outbox.peek().is_some().then(|| outbox.sent(now))).count()
    }

    #[test]
    fn at_most_a_window_is_out_at_once() {
        let mut outbox = Outbox::default();
        fill(&mut outbox, WINDOW + 1);
        assert_eq!(send_all(&mut outbox, Instant::ZERO), WINDOW);
        assert_eq!(outbox.confirm(Instant::ZERO, b"3"), Some(None));
        assert_eq!(outbox.confirm(Instant::ZERO, b"3"), None, "each line is confirmed once");
        assert_eq!(send_all(&mut outbox, Instant::ZERO), 1);
    }

    #[test]
    fn a_lost_line_holds_the_others_up_for_a_moment_only() {
        let mut outbox = Outbox::default();
        fill(&mut outbox, 2 * WINDOW);
        send_all(&mut outbox, Instant::ZERO);
        let due = outbox.deadline(TIMEOUT).unwrap();
        assert_eq!(due, Instant::ZERO + WINDOW_TIMEOUT);
        assert!(outbox.expire(due, TIMEOUT).is_empty());
        assert_eq!(send_all(&mut outbox, due), WINDOW);
        assert_eq!(outbox.confirm(due, b"0"), Some(None), "a late one still counts");
        assert_eq!(outbox.expire(Instant::ZERO + TIMEOUT, TIMEOUT).len(), WINDOW - 1);
    }

    #[test]
    fn no_more_lines_are_asked_for_than_may_wait() {
        let mut outbox = Outbox::default();
        fill(&mut outbox, WAITING_MAX - 1);
        assert!(outbox.has_place());
        fill(&mut outbox, 1);
        assert!(!outbox.has_place());
    }
}
