//! The client of the text dialect: signs up, sends lines, and notes which of them come back.
//!
//! Owns: where the conversation with the server stands, the lines that wait (`outbox`).
//! Must not know: other addresses, sockets, clocks, terminals, how a line is shown.
//! Driven by: `client`, the simulator and the tests:
//!
//! 1. `handle_*`, [`Client::say`], [`Client::finish`] as things happen;
//! 2. [`Client::poll_event`] until it has none;
//! 3. [`Client::poll_transmit`] and [`Client::transmitted`] as long as the socket accepts datagrams;
//! 4. [`Client::poll_timeout`] for the next deadline.
//!
//! ```text
//!             any answer                 refused, or a line did not come back
//!   signing up ---------> here ------------------------------------> away
//!    |                     ^                                          | signs up again and again,
//!    |                     +------------------------------------------+ with growing pauses
//!    v                                    any answer
//!   out of time, or refused: over
//! ```

mod outbox;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use super::event::{Away, Dialect, Event, Label, Over, Unknown, Unreachable};
use crate::time::Instant;
use crate::wire::{Nick, text};
use outbox::Outbox;

/// The pause after the first signup; each next pause is twice as long.
/// Chosen: several times the round trip of a usual path, so that the client does not ask again while the answer is in flight.
const SIGNUP_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause between two signups. Chosen: the client soon notices that a server is back, and does not flood one that is
/// away for long (RFC 8085 3.1.1 backs off to at least this order).
const SIGNUP_PAUSE_MAX: Duration = Duration::from_secs(15);

/// The settings a client begins with.
#[derive(Clone, Debug)]
pub struct Config {
    /// The nick that signs up.
    pub nick: Nick,
    /// The address of the server.
    pub server: SocketAddr,
    /// The longest wait for its first answer.
    pub patience: Duration,
    /// The longest wait for a line to come back, and, unless `stays` is set, for a server that went away.
    pub timeout: Duration,
    /// Whether to wait for ever for a server that went away, for there is a user who can leave.
    pub stays: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    SigningUp,
    Here,
    Away,
    Over,
}

/// One client; see the module.
#[derive(Debug)]
pub struct Client {
    config: Config,
    state: State,
    /// When signing up began.
    since: Instant,
    /// When the server was last heard.
    heard: Instant,
    /// Why the server is away, and since when.
    away: Option<(Unreachable, Instant)>,
    signup_due: Option<Instant>,
    pause: Duration,
    signup_waits: bool,
    signup: String,
    outbox: Outbox,
    /// Whether a line of ours has come back: this server returns lines to their sender.
    returns: bool,
    /// Set once no more lines will come: when the lines still out are lost. Each line that comes back postpones it.
    ends: Option<Instant>,
    events: VecDeque<Event>,
}

impl Client {
    /// Creates a client that begins to sign up.
    pub fn new(now: Instant, config: Config) -> Self {
        let mut client = Self {
            state: State::SigningUp,
            since: now,
            heard: now,
            away: None,
            signup_due: None,
            pause: SIGNUP_PAUSE,
            signup_waits: false,
            signup: text::signup(config.nick.as_str()),
            outbox: Outbox::default(),
            returns: false,
            ends: None,
            events: VecDeque::new(),
            config,
        };
        client.sign_up(now);
        client
    }

    /// Creates a client that has signed up already and received these answers.
    pub fn answered(now: Instant, config: Config, answers: Vec<String>) -> Self {
        let mut client = Self::new(now, config);
        client.signup_waits = false;
        client.signup_due = None;
        let server = client.server();
        answers.iter().for_each(|answer| client.handle_datagram(now, server, answer.as_bytes()));
        client
    }

    /// Returns the address that datagrams go to and are accepted from.
    pub const fn server(&self) -> SocketAddr {
        self.config.server
    }

    /// Returns whether the server has answered and is not known to be away.
    pub fn is_here(&self) -> bool {
        self.state == State::Here
    }

    /// Returns whether the server is known to return lines to their sender, so that a missing line is news.
    pub const fn returns_lines(&self) -> bool {
        self.returns
    }

    /// Returns whether nothing is left to do: [`Client::finish`] was called, and every line came back or was given up.
    pub fn is_done(&self) -> bool {
        self.ends.is_some() && matches!(self.state, State::Here | State::Away) && self.outbox.is_empty()
    }

    /// Returns the number of lines that wait or have not come back yet.
    pub fn outstanding(&self) -> usize {
        self.outbox.len()
    }

    /// Returns the number of lines that came back.
    pub const fn confirmed(&self) -> u64 {
        self.outbox.confirmed()
    }

    /// Returns the number of lines that were given up.
    pub const fn lost(&self) -> u64 {
        self.outbox.lost()
    }

    /// Returns whether the client wants more lines; it keeps those given all the same.
    pub fn wants_lines(&self) -> bool {
        self.outbox.has_place()
    }

    /// Sends `text` as soon as the server is there and earlier lines have made room. Returns into how many datagrams it is cut.
    pub fn say(&mut self, text: &str, label: &Label) -> usize {
        let lines = text::lines(&self.config.nick, text);
        let parts = lines.len();
        lines.into_iter().for_each(|line| self.outbox.push(line, label.clone()));
        parts
    }

    /// Sends `* nick text` likewise, which does not begin with a nick that the server could trust. Returns into how many
    /// datagrams it is cut.
    pub fn act(&mut self, text: &str, label: &Label) -> usize {
        let line = format!("* {} {text}", self.config.nick);
        let parts: Vec<_> = text::cut(&line, "").collect();
        parts.iter().for_each(|&part| self.outbox.push(part.to_owned(), label.clone()));
        parts.len()
    }

    /// Signs up once more, under another nick: the dialect has no other way to rename.
    pub fn rename(&mut self, nick: Nick) {
        self.signup = text::signup(nick.as_str());
        self.config.nick = nick;
        self.signup_waits = true;
    }

    /// Signs up once more, without a nick, to draw an answer.
    pub fn ping(&mut self) {
        self.signup = text::signup("");
        self.signup_waits = true;
    }

    /// Declares that no more lines will come. Those that there are have the timeout from now on, or from when the last one came
    /// back.
    pub fn finish(&mut self, now: Instant) {
        self.ends.get_or_insert(now + self.config.timeout);
    }

    /// Handles a datagram. Ignores those from other addresses than the server's, and those that are not text.
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        if from != self.server() || text.is_empty() {
            return;
        }
        match self.state {
            State::SigningUp => self.events.push_back(Event::Joined(Dialect::Text)),
            State::Away => self.events.push_back(Event::Back),
            State::Here => {}
            State::Over => return,
        }
        self.state = State::Here;
        self.signup_due = None;
        self.signup_waits = false;
        self.heard = now;
        self.away = None;
        if let Some(label) = self.outbox.confirm(now, bytes) {
            self.returns = true;
            self.ends = self.ends.map(|_| now + self.config.timeout);
            self.events.push_back(Event::Confirmed { post: None, seq: None, label });
        }
        self.events.push_back(Event::Received(text.to_owned()));
    }

    /// Handles the system's report that nothing gets through to the server.
    pub fn handle_unreachable(&mut self, now: Instant, why: Unreachable) {
        match self.state {
            State::SigningUp => self.give_up(why),
            State::Here => self.go_away(now, why),
            // This signup cannot be sent; a refusal would concern an earlier one.
            State::Away if why == Unreachable::NoRoute => self.signup_waits = false,
            State::Away | State::Over => {}
        }
    }

    /// Handles the deadline that has passed; afterwards [`Client::poll_timeout`] is later than `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.state == State::SigningUp && now >= self.since + self.config.patience {
            self.give_up(Unreachable::NoAnswer);
        }
        let gone = self.away.filter(|&(_, since)| !self.config.stays && since + self.config.timeout <= now);
        let ended = self.ends.is_some_and(|ends| ends <= now) && self.state != State::SigningUp;
        let lost = if ended || gone.is_some() {
            self.outbox.give_up_all()
        } else {
            self.outbox.expire(now, self.config.timeout)
        };
        // The server returned lines before and is silent now: it may have restarted and forgotten us.
        let silent = !lost.is_empty() && self.returns && self.heard + self.config.timeout <= now;
        self.lose(lost);
        if let Some((why, _)) = gone {
            self.give_up(why);
        } else if self.state == State::Here && silent && !ended {
            self.go_away(now, Unreachable::NoAnswer);
        }
        if self.signup_due.is_some_and(|due| due <= now) {
            self.sign_up(now);
        }
    }

    /// Returns the next event for the user; to be called after each `handle_*` until there is none.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Returns the next datagram for [`Client::server`]; it stays until [`Client::transmitted`].
    #[must_use]
    pub fn poll_transmit(&self) -> Option<&[u8]> {
        if self.signup_waits {
            return Some(self.signup.as_bytes());
        }
        if self.state == State::Here { self.outbox.peek().map(str::as_bytes) } else { None }
    }

    /// Records that the socket has accepted the datagram of [`Client::poll_transmit`].
    pub fn transmitted(&mut self, now: Instant) {
        if self.signup_waits {
            self.signup_waits = false;
        } else {
            self.outbox.sent(now);
        }
    }

    /// Returns when [`Client::handle_timeout`] is to be called, if ever.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let answer = (self.state == State::SigningUp).then(|| self.since + self.config.patience);
        let ends = self.ends.filter(|_| self.state != State::SigningUp && !self.outbox.is_empty());
        let gone = self.away.filter(|_| !self.config.stays).map(|(_, since)| since + self.config.timeout);
        [answer, self.signup_due, ends, gone, self.outbox.deadline(self.config.timeout)].into_iter().flatten().min()
    }

    fn sign_up(&mut self, now: Instant) {
        self.signup_waits = true;
        self.signup_due = Some(now + self.pause);
        self.pause = (self.pause * 2).min(SIGNUP_PAUSE_MAX);
    }

    fn lose(&mut self, lines: Vec<(String, Label)>) {
        let lost = |(line, label)| Event::Lost { post: None, line, why: Unknown::NoAnswer, label };
        self.events.extend(lines.into_iter().map(lost));
    }

    fn give_up(&mut self, why: Unreachable) {
        self.state = State::Over;
        self.signup_due = None;
        self.signup_waits = false;
        self.away = None;
        self.events.extend([Event::Failed(self.server(), why), Event::Over(Over::Unreachable)]);
    }

    fn go_away(&mut self, now: Instant, why: Unreachable) {
        self.state = State::Away;
        self.away = Some((why, now));
        self.events.push_back(Event::Away(Away::Unreachable(why)));
        if why != Unreachable::NoAnswer {
            // A line is sent only once, and it is not known whether it arrived before the server went.
            let lost = self.outbox.give_up_sent();
            self.lose(lost);
        }
        self.signup_due = Some(now + SIGNUP_PAUSE);
        self.pause = SIGNUP_PAUSE * 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(5);

    fn server(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn client() -> Client {
        let (nick, server) = ("jill".parse().unwrap(), server(1));
        Client::new(Instant::ZERO, Config { nick, server, patience: TIMEOUT, timeout: TIMEOUT, stays: true })
    }

    fn ms(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn sent(client: &mut Client, now: Instant) -> Vec<String> {
        let mut sent = Vec::new();
        while let Some(bytes) = client.poll_transmit() {
            sent.push(String::from_utf8(bytes.to_vec()).unwrap());
            client.transmitted(now);
        }
        sent
    }

    fn events(client: &mut Client) -> Vec<Event> {
        std::iter::from_fn(|| client.poll_event()).collect()
    }

    fn lost(line: &str) -> Event {
        Event::Lost { post: None, line: line.into(), why: Unknown::NoAnswer, label: None }
    }

    /// Creates a client that the server has answered.
    fn joined() -> Client {
        let mut client = client();
        sent(&mut client, ms(0));
        client.handle_datagram(ms(1), server(1), b"jill joined!");
        events(&mut client);
        client
    }

    #[test]
    fn the_signup_is_repeated_with_growing_pauses_until_the_time_is_up() {
        let mut client = client();
        let mut when = vec![(0, sent(&mut client, ms(0)))];
        while let Some(due) = client.poll_timeout() {
            client.handle_timeout(due);
            assert!(client.poll_timeout().is_none_or(|next| next > due), "the deadline moves on");
            let said = sent(&mut client, due);
            if !said.is_empty() {
                when.push((due.saturating_since(ms(0)).as_millis(), said));
            }
        }
        let signup = vec!["SIGNUP_TAG:jill".to_owned()];
        assert_eq!(when, [(0, signup.clone()), (500, signup.clone()), (1500, signup.clone()), (3500, signup)]);
        assert_eq!(
            events(&mut client),
            [Event::Failed(server(1), Unreachable::NoAnswer), Event::Over(Over::Unreachable)]
        );
    }

    #[test]
    fn lines_wait_for_the_answer_and_are_confirmed_when_they_come_back() {
        let mut client = client();
        assert_eq!(client.say("hey", &None), 1);
        client.finish(ms(0));
        assert_eq!(sent(&mut client, ms(0)), ["SIGNUP_TAG:jill"]);
        client.handle_datagram(ms(1), server(1), b"jill joined!");
        assert_eq!(sent(&mut client, ms(1)), ["jill: hey"]);
        client.handle_datagram(ms(2), server(1), b"jack: hey");
        assert!(!client.is_done());
        client.handle_datagram(ms(3), server(1), b"jill: hey");
        assert!(client.is_done());
        assert_eq!((client.confirmed(), client.lost()), (1, 0));
    }

    #[test]
    fn a_line_is_given_up_after_the_timeout_and_never_sent_twice() {
        let mut client = joined();
        client.say("hey", &None);
        client.finish(ms(9));
        assert_eq!(sent(&mut client, ms(10)), ["jill: hey"]);
        client.handle_timeout(ms(5008));
        assert_eq!(events(&mut client), []);
        client.handle_timeout(ms(5010));
        assert_eq!(events(&mut client), [lost("jill: hey")]);
        assert!(client.is_done() && sent(&mut client, ms(5010)).is_empty());
    }

    #[test]
    fn a_server_that_went_away_is_joined_again_and_held_lines_follow() {
        let mut client = joined();
        client.say("first", &None);
        sent(&mut client, ms(10));
        client.handle_unreachable(ms(11), Unreachable::Refused);
        client.say("second", &None);
        assert_eq!(events(&mut client), [Event::Away(Away::Unreachable(Unreachable::Refused)), lost("jill: first")]);
        assert!(sent(&mut client, ms(12)).is_empty(), "nothing is said to nobody");
        let due = client.poll_timeout().unwrap();
        client.handle_timeout(due);
        assert_eq!(sent(&mut client, due), ["SIGNUP_TAG:jill"]);
        client.handle_unreachable(due, Unreachable::Refused);
        assert!(client.poll_timeout().unwrap() > due);
        client.handle_datagram(due + TIMEOUT, server(1), b"jill joined!");
        assert_eq!(events(&mut client), [Event::Back, Event::Received("jill joined!".into())]);
        assert_eq!(sent(&mut client, due + TIMEOUT), ["jill: second"]);
    }

    #[test]
    fn lines_for_a_server_that_stays_away_are_lost_when_the_time_is_up() {
        let mut client = joined();
        client.handle_unreachable(ms(11), Unreachable::Refused);
        client.say("hey", &None);
        client.finish(ms(12));
        assert!(!client.is_done());
        while let Some(due) = client.poll_timeout().filter(|_| !client.is_done()) {
            client.handle_timeout(due);
            assert!(due <= ms(12) + TIMEOUT);
        }
        assert!(client.is_done());
        assert_eq!(events(&mut client).last(), Some(&lost("jill: hey")));
    }

    #[test]
    fn without_somebody_who_can_leave_a_server_that_stays_away_is_the_end() {
        let mut client = joined();
        client.config.stays = false;
        (0..100).for_each(|_| assert_eq!(client.say("hey", &None), 1));
        client.handle_unreachable(ms(10), Unreachable::Refused);
        while let Some(due) = client.poll_timeout() {
            client.handle_timeout(due);
            assert!(due <= ms(10) + TIMEOUT);
        }
        let events = events(&mut client);
        assert_eq!(
            events[events.len() - 2..],
            [Event::Failed(server(1), Unreachable::Refused), Event::Over(Over::Unreachable)]
        );
        assert_eq!(client.lost(), 100);
    }

    #[test]
    fn one_lost_line_is_no_reason_to_take_the_server_for_gone() {
        let mut client = joined();
        for (at, line) in [(10, "one"), (20, "two")] {
            client.say(line, &None);
            sent(&mut client, ms(at));
        }
        client.handle_datagram(ms(21), server(1), b"jill: two");
        client.handle_datagram(ms(3000), server(1), b"jack: still here");
        client.handle_timeout(ms(5010));
        let events = events(&mut client);
        assert!(events.contains(&lost("jill: one")), "{events:?}");
        assert!(client.is_here() && !events.iter().any(|event| matches!(event, Event::Away(_))), "{events:?}");
    }

    #[test]
    fn bytes_that_are_no_text_are_not_shown_and_are_no_answer() {
        let mut client = client();
        client.handle_datagram(ms(1), server(1), b"");
        client.handle_datagram(ms(1), server(1), b"\xf8\xff");
        client.handle_datagram(ms(1), server(2), b"jack: from elsewhere");
        assert_eq!(events(&mut client), []);
        assert!(!client.is_here());
    }

    #[test]
    fn a_server_that_returned_lines_and_stops_is_signed_up_to_again() {
        let mut client = joined();
        client.say("one", &None);
        sent(&mut client, ms(10));
        client.handle_datagram(ms(11), server(1), b"jill: one");
        client.say("two", &None);
        sent(&mut client, ms(20));
        client.handle_timeout(ms(5020));
        assert!(events(&mut client).contains(&Event::Away(Away::Unreachable(Unreachable::NoAnswer))));
        client.handle_timeout(client.poll_timeout().unwrap());
        assert_eq!(sent(&mut client, ms(6000)), ["SIGNUP_TAG:jill"]);
    }

    #[test]
    fn a_server_that_never_returns_lines_is_not_taken_for_gone() {
        let mut client = joined();
        client.say("one", &None);
        sent(&mut client, ms(10));
        client.handle_timeout(ms(5010));
        assert_eq!(events(&mut client), [lost("jill: one")]);
        assert_eq!(client.poll_timeout(), None);
    }
}
