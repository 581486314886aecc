//! One connection to the gateway.
//!
//! Owns: its stream, how far it is, how long it may take for each step.
//! Must not know: other connections.
//! Driven by: `gateway`, which reports what is ready and gives it turns.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Token};

use super::Shared;
use super::visitor::Visitor;
use crate::time::Instant;
use crate::web::gate::{HEAD_MAX, Response, Step};
use crate::web::socket::{Heard, Socket, Why};
use crate::wire::Instance;

/// How long a request may take to come, and an answer to be taken. Chosen: a browser on this machine takes milliseconds, one behind a
/// proxy a few round trips.
const REQUEST_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// How long a connection is read after its answer: what was not read would reset it, answer included (RFC 9112 9.6).
const LINGER: Duration = Duration::from_secs(1);

/// How long a tab may take to say who it is.
const JOIN_WITHIN: Duration = Duration::from_secs(10);

/// How long a silent tab is waited for before it is asked whether it is there, and how long after that it counts as gone. A tab that sleeps
/// answers all the same: its browser does.
const PING_AFTER: Duration = Duration::from_secs(30);
const GONE_AFTER: Duration = Duration::from_secs(60);

/// How long closing may take.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// Send buffer requested of the system for a tab, in bytes: what a tab does not read waits here, not in memory of ours, and not for long.
const SEND_BUFFER: usize = 32 * 1024;

/// Messages taken from a tab before others have their turn.
const HEAR_BUDGET: usize = 64;

/// The state of a stream.
enum Link {
    /// The head of a request comes in.
    Asking(TcpStream, Vec<u8>),
    /// An answer goes out; so much of it has.
    Answering(TcpStream, Response, usize),
    /// The answer is out.
    Draining(TcpStream),
    /// A WebSocket.
    Tab(Box<Socket<TcpStream>>),
    /// Nothing.
    Gone,
}

/// See the module.
pub(super) struct Connection {
    link: Link,
    readable: bool,
    writable: bool,
    /// When the present step has to be done.
    deadline: Option<Instant>,
    /// When the tab last showed that it is there, and whether it was asked since.
    heard: Instant,
    is_asked: bool,
    /// What has to be said before the socket is closed.
    last_words: Vec<Vec<u8>>,
    /// Whether nothing more is to be read of the socket.
    is_deaf: bool,
    closes: Option<Why>,
    visitor: Option<Box<Visitor>>,
    /// Whether it has something to do although nothing has happened.
    has_more: bool,
    /// The time at which the loop will look at it.
    pub(super) armed: Option<Instant>,
}

impl Connection {
    /// Takes a connection; one for which there is no place gets an answer that says so.
    pub(super) fn accept(mut stream: TcpStream, token: Token, shared: &Shared<'_>, is_full: bool) -> io::Result<Self> {
        let now = shared.clock.now();
        let _ = stream.set_nodelay(true);
        shared.registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        let mut connection = Self {
            link: Link::Gone,
            readable: true,
            writable: true,
            deadline: Some(now + REQUEST_WITHIN),
            heard: now,
            is_asked: false,
            last_words: Vec::new(),
            is_deaf: false,
            closes: None,
            visitor: None,
            has_more: false,
            armed: None,
        };
        connection.link = Link::Asking(stream, Vec::new());
        if is_full {
            connection.answer(now, Response::too_many());
        }
        Ok(connection)
    }

    /// Records what the poll reports about the stream, or about the client's socket.
    pub(super) fn set_ready(&mut self, event: &mio::event::Event, is_stream: bool) {
        if is_stream {
            self.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
            self.writable |= event.is_writable() || event.is_error();
        } else if let Some(visitor) = &mut self.visitor {
            visitor.set_ready(event);
        }
    }

    /// Returns whether nothing is left of it.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.link, Link::Gone) && self.visitor.is_none()
    }

    /// Returns whether it wants another turn at once.
    pub(super) const fn has_more(&self) -> bool {
        self.has_more
    }

    /// Returns when its present step ends, if it is no tab.
    pub(super) fn is_no_tab_until(&self) -> Option<Instant> {
        let is_other = matches!(self.link, Link::Asking(..) | Link::Answering(..) | Link::Draining(_));
        self.deadline.filter(|_| is_other)
    }

    /// Returns which tab it is.
    pub(super) fn instance(&self) -> Option<Instance> {
        self.visitor.as_ref().map(|visitor| visitor.instance)
    }

    /// Returns until when its client stays, if the tab is gone.
    pub(super) fn lingers(&self) -> Option<Instant> {
        self.visitor.as_ref().and_then(|visitor| visitor.lingers())
    }

    /// Returns when it wants a turn.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let alive = matches!(self.link, Link::Tab(_))
            .then(|| self.heard + if self.is_asked { PING_AFTER + GONE_AFTER } else { PING_AFTER });
        let visitor = self.visitor.as_ref().and_then(|visitor| visitor.poll_timeout());
        [self.deadline, alive, visitor].into_iter().flatten().min()
    }

    /// Gives way to another connection of the same tab, whose client is this one's: the server knows that.
    pub(super) fn replace(&mut self, now: Instant) {
        self.visitor = None;
        self.shut(now, Why::Replaced);
    }

    /// Has the socket closed, as soon as everything is said; this may not take long.
    fn shut(&mut self, now: Instant, why: Why) {
        if self.closes.is_none() {
            self.closes = Some(why);
            self.deadline = Some(now + CLOSE_WITHIN);
        }
    }

    /// Ends the connection, and the tab's visit.
    pub(super) fn end(&mut self, now: Instant, why: Why) {
        if let Some(visitor) = &mut self.visitor {
            visitor.part(now);
        }
        match self.link {
            Link::Tab(_) => self.shut(now, why),
            Link::Asking(..) | Link::Answering(..) | Link::Draining(_) | Link::Gone => self.link = Link::Gone,
        }
    }

    /// Does what can be done. `token` is for the client's socket. Returns whether a tab has come in.
    pub(super) fn turn(&mut self, shared: &mut Shared<'_>, token: Token) -> bool {
        self.has_more = false;
        let now = shared.clock.now();
        if self.deadline.is_some_and(|at| at <= now) {
            self.is_late(now);
        }
        match self.link {
            Link::Asking(..) => self.ask(now, shared),
            Link::Answering(..) | Link::Draining(_) | Link::Tab(_) | Link::Gone => {}
        }
        if let Link::Answering(..) = self.link {
            self.write_answer(now);
        }
        if let Link::Draining(stream) = &mut self.link
            && self.readable
        {
            match drain(stream) {
                Drained::All => self.link = Link::Gone,
                Drained::ForNow => self.readable = false,
                Drained::Some => self.has_more = true,
            }
        }
        let mut is_new = false;
        if let Link::Tab(_) = self.link {
            is_new = self.hear(shared, token);
        }
        if let Some(visitor) = &mut self.visitor {
            visitor.turn(shared);
        }
        self.say(shared.clock.now());
        if let Some(visitor) = &mut self.visitor {
            if !matches!(self.link, Link::Tab(_)) {
                visitor.lose_tab(now);
            }
            let hears = self.readable && visitor.takes_input() && matches!(self.link, Link::Tab(_));
            self.has_more |= (hears && !self.is_deaf) || visitor.has_more();
        }
        self.visitor.take_if(|visitor| visitor.is_gone(now));
        is_new
    }

    /// Ends the present step, which takes too long.
    fn is_late(&mut self, now: Instant) {
        self.deadline = None;
        match self.link {
            Link::Asking(..) => self.answer(now, Response::too_slow()),
            Link::Tab(_) if self.closes.is_none() => self.shut(now, Why::Silent),
            Link::Answering(..) | Link::Draining(_) | Link::Tab(_) | Link::Gone => self.link = Link::Gone,
        }
    }

    /// Reads the head of a request.
    fn ask(&mut self, now: Instant, shared: &Shared<'_>) {
        let Link::Asking(stream, head) = &mut self.link else { return };
        let mut has_ended = false;
        while self.readable && !has_ended && head.len() < HEAD_MAX {
            let mut buffer = [0; HEAD_MAX];
            let room = HEAD_MAX - head.len();
            match stream.read(&mut buffer[..room]) {
                Ok(0) => has_ended = true,
                Ok(len) => head.extend_from_slice(&buffer[..len]),
                Err(err) if err.kind() == io::ErrorKind::WouldBlock => self.readable = false,
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.link = Link::Gone;
                    return;
                }
            }
        }
        match shared.gate.take(head) {
            Step::More if has_ended => self.link = Link::Gone,
            Step::More => {}
            Step::Answer(response) => self.answer(now, response),
            Step::Upgrade(response, len) => {
                let rest = head.split_off(len);
                self.upgrade(now, &response, rest);
            }
        }
    }

    fn answer(&mut self, now: Instant, response: Response) {
        if let Link::Asking(stream, _) = std::mem::replace(&mut self.link, Link::Gone) {
            self.link = Link::Answering(stream, response, 0);
            self.deadline = Some(now + ANSWER_WITHIN);
        }
    }

    fn upgrade(&mut self, now: Instant, response: &[u8], rest: Vec<u8>) {
        let Link::Asking(mut stream, _) = std::mem::replace(&mut self.link, Link::Gone) else { return };
        let _ = socket2::SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER);
        // A new connection takes a few hundred bytes.
        if stream.write(response).is_ok_and(|len| len == response.len()) {
            self.link = Link::Tab(Box::new(Socket::new(stream, rest)));
            self.deadline = Some(now + JOIN_WITHIN);
            self.heard = now;
            // Something may have come with the request.
            self.readable = true;
        }
    }

    /// Says nothing more, and waits for the other end to notice.
    fn drain(&mut self, now: Instant) {
        let stream = match std::mem::replace(&mut self.link, Link::Gone) {
            Link::Answering(stream, ..) => stream,
            Link::Tab(socket) => socket.into_stream(),
            Link::Asking(..) | Link::Draining(_) | Link::Gone => return,
        };
        let _ = stream.shutdown(Shutdown::Write);
        self.link = Link::Draining(stream);
        self.deadline = Some(now + LINGER);
        // Not all of what has come was read.
        self.readable = true;
        self.has_more = true;
    }

    fn write_answer(&mut self, now: Instant) {
        let Link::Answering(stream, response, written) = &mut self.link else { return };
        while self.writable {
            let head = response.head.get(*written..).unwrap_or_default();
            let body = response.body.get(written.saturating_sub(response.head.len())..).unwrap_or_default();
            let rest = if head.is_empty() { body } else { head };
            if rest.is_empty() {
                break;
            }
            match stream.write(rest) {
                Ok(len) => *written += len,
                Err(err) if err.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.link = Link::Gone;
                    return;
                }
            }
        }
        if *written < response.head.len() + response.body.len() {
            return;
        }
        self.drain(now);
    }

    /// Takes what the tab says. Returns whether it has come in.
    fn hear(&mut self, shared: &mut Shared<'_>, token: Token) -> bool {
        let Link::Tab(socket) = &mut self.link else { return false };
        let mut is_new = false;
        let mut budget = HEAR_BUDGET;
        while self.readable && !self.is_deaf {
            let is_heard = socket.is_closed() || self.visitor.as_ref().is_none_or(|visitor| visitor.takes_input());
            if !is_heard {
                // What it is told has to go out first.
                break;
            }
            if budget == 0 {
                self.has_more = true;
                break;
            }
            budget -= 1;
            let heard = socket.hear();
            let now = shared.clock.now();
            if matches!(heard, Heard::Text(_) | Heard::Alive) {
                self.heard = now;
                self.is_asked = false;
            }
            match heard {
                Heard::Text(_) if self.closes.is_some() || socket.is_closed() => {}
                Heard::Text(text) => {
                    if let Some(visitor) = &mut self.visitor {
                        visitor.hear(now, &text);
                        continue;
                    }
                    socket.expect_short();
                    self.deadline = None;
                    match shared.host.open(&text) {
                        Ok(opened) => {
                            self.visitor = Some(Box::new(Visitor::new(now, opened, token)));
                            is_new = true;
                        }
                        Err(words) => {
                            self.last_words = words;
                            self.shut(now, Why::Done);
                            return false;
                        }
                    }
                }
                Heard::Alive if socket.is_closed() => {
                    self.shut(now, Why::Malformed);
                    return is_new;
                }
                Heard::Alive => {}
                Heard::Nothing => self.readable = false,
                Heard::Closed => {
                    self.is_deaf = true;
                    if socket.is_closed() && socket.flush() && !socket.is_flushed() {
                        // The reason is still to be written.
                        self.shut(now, Why::Malformed);
                    } else {
                        self.drain(now);
                    }
                    return is_new;
                }
            }
        }
        is_new
    }

    /// Writes what there is to be said.
    fn say(&mut self, now: Instant) {
        let Link::Tab(socket) = &mut self.link else { return };
        let mut is_alive = true;
        loop {
            is_alive &= socket.flush();
            if !is_alive || !socket.has_place() {
                break;
            }
            let words = match &mut self.visitor {
                Some(visitor) => visitor.pop(),
                None if self.last_words.is_empty() => None,
                None => Some(self.last_words.remove(0)),
            };
            let Some(words) = words else { break };
            socket.say(words);
        }
        let has_ended = self.visitor.as_ref().is_some_and(|visitor| visitor.has_ended());
        let why = self.closes.or_else(|| has_ended.then_some(Why::Done));
        if let Some(why) = why.filter(|_| is_alive && socket.is_flushed() && !socket.is_closed()) {
            socket.close(why);
            is_alive &= socket.flush();
        }
        if is_alive && socket.is_closed() && socket.is_flushed() && self.is_deaf {
            return self.drain(now);
        }
        if now >= self.heard + PING_AFTER && !self.is_asked {
            self.is_asked = true;
            socket.ping();
            is_alive &= socket.flush();
        }
        if !is_alive || (self.is_asked && now >= self.heard + PING_AFTER + GONE_AFTER) {
            self.link = Link::Gone;
        } else if let Some(why) = why {
            self.shut(now, why);
        }
    }
}

/// What was read and thrown away.
enum Drained {
    All,
    ForNow,
    Some,
}

/// Reads a little, and throws it away.
fn drain(stream: &mut TcpStream) -> Drained {
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer) {
        Ok(0) => Drained::All,
        Ok(_) => Drained::Some,
        Err(err) if err.kind() == io::ErrorKind::WouldBlock => Drained::ForNow,
        Err(err) if err.kind() == io::ErrorKind::Interrupted => Drained::Some,
        Err(_) => Drained::All,
    }
}
