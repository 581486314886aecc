//! The copies of each message that came: how often, in what order and how late.
//!
//! Owns: [`Tally`], the account of one run.
//! Must not know: the source of the copies.
//! Driven by: `net::load`.

use std::collections::VecDeque;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::Line;
use crate::time::Instant;

/// Number of past messages for which a member remembers whether it has them. Chosen: far more than are in flight.
const REMEMBERED: u32 = 1024;

/// How long a message counts as in flight; after that, one of its copies is taken for lost.
/// Chosen: longer than every latency that is worth measuring.
pub const GIVEN_UP: Duration = Duration::from_secs(1);

/// The longest latency that the histogram distinguishes, in nanoseconds, and its number of significant digits.
const LATENCY_MAX: u64 = 60_000_000_000;
const DIGITS: u8 = 3;

struct Message {
    at: Instant,
    missing: u32,
}

struct Member {
    /// For each sender, the next number that is in order.
    next: Vec<u32>,
    /// A ring of bits, one for each of the newest numbers below `top`: set if the member has had the message.
    had: [u64; REMEMBERED as usize / 64],
    top: u32,
}

/// The account of one run; see the module.
pub struct Tally {
    run: u16,
    senders: u32,
    messages: Vec<Message>,
    members: Vec<Member>,
    under_way: VecDeque<u32>,
    latencies: Histogram<u64>,
    /// Copies that came, each once.
    pub received: u64,
    /// Copies that came again.
    pub doubled: u64,
    /// Copies that came after a later message of the same sender.
    pub out_of_order: u64,
    /// When the first message was due and the last copy came.
    first: Option<Instant>,
    last: Instant,
    sent_last: Instant,
}

impl Tally {
    /// Creates the account of run `run`, in which `senders` senders take turns to send messages to `members` members.
    ///
    /// # Panics
    /// If there are no senders.
    pub fn new(run: u16, members: usize, senders: u32) -> Self {
        assert!(senders > 0, "somebody is to send");
        let member = || Member { next: vec![0; senders as usize], had: [0; REMEMBERED as usize / 64], top: 0 };
        let latencies = Histogram::new_with_max(LATENCY_MAX, DIGITS).expect("the bounds are in range");
        Self {
            run,
            senders,
            messages: Vec::new(),
            members: (0..members).map(|_| member()).collect(),
            under_way: VecDeque::new(),
            latencies,
            sent_last: Instant::ZERO,
            received: 0,
            doubled: 0,
            out_of_order: 0,
            first: None,
            last: Instant::ZERO,
        }
    }

    /// Returns how many messages were sent so far.
    pub fn sent(&self) -> u32 {
        u32::try_from(self.messages.len()).unwrap_or(u32::MAX)
    }

    /// Returns the next message and the index of its sender.
    pub fn next(&self) -> (Line, usize) {
        let number = self.sent();
        (Line { run: self.run, number }, (number % self.senders) as usize)
    }

    /// Notes that the next message was sent, which was due at `due`.
    pub fn send(&mut self, due: Instant) {
        self.first.get_or_insert(due);
        self.sent_last = due;
        self.under_way.push_back(self.sent());
        self.messages.push(Message { at: due, missing: u32::try_from(self.members.len()).unwrap_or(u32::MAX) });
    }

    /// Returns how many messages are in flight: some copy has not come yet and is not given up.
    pub fn under_way(&mut self, now: Instant) -> usize {
        while let Some(&oldest) = self.under_way.front() {
            let message = &self.messages[oldest as usize];
            if message.missing > 0 && message.at + GIVEN_UP > now {
                break;
            }
            self.under_way.pop_front();
        }
        self.under_way.iter().filter(|&&number| self.messages[number as usize].missing > 0).count()
    }

    /// Handles a datagram that `member` received.
    pub fn receive(&mut self, now: Instant, member: usize, bytes: &[u8]) {
        let Some(line) = Line::read(bytes).filter(|line| line.run == self.run && line.number < self.sent()) else {
            return;
        };
        let (message, member) = (&mut self.messages[line.number as usize], &mut self.members[member]);
        if !member.take(line.number) {
            self.doubled += 1;
            return;
        }
        self.received += 1;
        message.missing -= 1;
        let next = &mut member.next[(line.number % self.senders) as usize];
        if line.number < *next {
            self.out_of_order += 1;
        } else {
            *next = line.number + 1;
        }
        self.last = now;
        let late = u64::try_from(now.saturating_since(message.at).as_nanos()).unwrap_or(LATENCY_MAX);
        self.latencies.saturating_record(late.max(1));
    }

    /// Returns whether every copy has come.
    pub fn is_complete(&self) -> bool {
        self.received == self.expected()
    }

    /// Returns how many copies should come.
    pub fn expected(&self) -> u64 {
        self.messages.len() as u64 * self.members.len() as u64
    }

    /// Returns when the last message was due or the last copy came, whichever is later.
    pub fn last(&self) -> Instant {
        self.last.max(self.sent_last)
    }

    /// Returns the time from when the first message was due until the last copy came.
    pub fn took(&self) -> Duration {
        self.first.map_or(Duration::ZERO, |first| self.last.saturating_since(first))
    }

    /// Returns the latencies of all copies, in nanoseconds from when the message was due.
    pub const fn latencies(&self) -> &Histogram<u64> {
        &self.latencies
    }
}

impl Member {
    /// Notes that it has the message; returns false if it had it before, or if the message is too old to tell.
    fn take(&mut self, number: u32) -> bool {
        // The ring is cleared 64 bits at a time.
        if number + REMEMBERED - 64 < self.top {
            return false;
        }
        while self.top <= number {
            // The word is used again.
            if self.top.is_multiple_of(64) {
                self.had[(self.top % REMEMBERED) as usize / 64] = 0;
            }
            self.top += 1;
        }
        let (word, bit) = ((number % REMEMBERED) as usize / 64, 1 << (number % 64));
        let before = self.had[word] & bit != 0;
        self.had[word] |= bit;
        !before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(messages: u32) -> Tally {
        let mut tally = Tally::new(7, 2, 2);
        (0..messages).for_each(|number| tally.send(Instant::from_millis(number.into())));
        tally
    }

    fn copy(tally: &mut Tally, now: u64, member: usize, number: u32) {
        let mut bytes = Vec::new();
        Line { run: 7, number }.write("20".parse().unwrap(), &mut bytes);
        tally.receive(Instant::from_millis(now), member, &bytes);
    }

    #[test]
    fn every_copy_once_and_in_order_is_all_there_is_to_say() {
        let mut tally = tally(4);
        for member in 0..2 {
            (0..4).for_each(|number| copy(&mut tally, 10, member, number));
        }
        assert!(tally.is_complete());
        assert_eq!((tally.expected(), tally.received, tally.doubled, tally.out_of_order), (8, 8, 0, 0));
        assert_eq!(tally.took(), Duration::from_millis(10));
        assert_eq!(tally.latencies().max() / 1_000_000, 10);
    }

    #[test]
    fn lost_doubled_and_disordered_copies_are_told_apart() {
        let mut tally = tally(4);
        copy(&mut tally, 10, 0, 2);
        copy(&mut tally, 10, 0, 1); // another sender: no order between the two
        copy(&mut tally, 10, 0, 0);
        copy(&mut tally, 10, 0, 0);
        assert_eq!((tally.received, tally.doubled, tally.out_of_order), (3, 1, 1));
        assert!(!tally.is_complete());
    }

    #[test]
    fn what_is_not_of_this_run_is_not_counted() {
        let mut tally = tally(1);
        copy(&mut tally, 1, 0, 1);
        tally.receive(Instant::ZERO, 0, b"b: 000800000000");
        tally.receive(Instant::ZERO, 0, b"jill joined!");
        assert_eq!(tally.received, 0);
    }

    #[test]
    fn a_message_is_under_way_until_all_have_it_or_it_is_given_up() {
        let mut tally = tally(2);
        assert_eq!(tally.under_way(Instant::from_millis(5)), 2);
        copy(&mut tally, 5, 0, 1);
        copy(&mut tally, 5, 1, 1);
        assert_eq!(tally.under_way(Instant::from_millis(5)), 1);
        assert_eq!(tally.under_way(Instant::from_millis(1000)), 0);
    }

    #[test]
    fn doubles_are_seen_across_the_whole_window_and_beyond_it() {
        let mut tally = tally(5000);
        (0..5000).for_each(|number| copy(&mut tally, 1, 0, number));
        assert_eq!(tally.received, 5000);
        for number in [0, 3000, 3975, 3976, 3980, 4039, 4040, 4500, 4999] {
            copy(&mut tally, 1, 0, number);
        }
        assert_eq!((tally.received, tally.doubled), (5000, 9));
    }
}
