//! A hostile server, and an honest client that talks to it.
//!
//! Owns: the server's behaviour, and the promises that the client keeps all the same: it reconnects no faster than PROTOCOL 2.4
//! allows, a script ends in time, no datagram causes more work than its limit.
//! Must not know: the source of the choices.
//! Driven by: `fuzzing` and the tests.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use arbitrary::{Result, Unstructured};

use super::grammar::{self, Bases};
use super::letters::{Letters, WRITTEN};
use super::limits::{CLIENT_DATAGRAM, Limits};
use crate::client::{Client, Config, Event, Identity, Private, Said};
use crate::session::{Cipher, Entropy, Responder, Role, Session, StaticKey};
use crate::time::Instant;
use crate::wire::frame::{Ack, FETCH_MAX, Frame, Join, Outcome, RoomInfo, ServerHello, Spot, Welcome, Writer, frames};
use crate::wire::packet::{self, DATAGRAM_MAX, Datagram, TOKEN_LEN, Token};
use crate::wire::{CloseReason, Instance, LogId, Seq, SessionId};

/// Length of a run.
const LASTS: Duration = Duration::from_secs(60);

/// One-way delay.
const DELAY: Duration = Duration::from_millis(1);

/// How long a script waits for an answer, and for the outcome of a line.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Number of lines that a script sends.
const LINES: u32 = 3;

/// Latest end of a script: [`TIMEOUT`] for the answer, for each line (README, exit codes), and once more.
const ENDS_AFTER: Duration = Duration::from_secs(2 * (2 + LINES as u64));

/// Most handshakes that a client finishes within [`WINDOW`]: the first, seven after the pauses of PROTOCOL 2.4 (each a quarter
/// shorter), and one whose pause started over because a session had lasted 10 s.
const FINISHES_MAX: usize = 9;
const WINDOW: Duration = Duration::from_secs(10);

/// Most datagrams that a client sends within a second: a few for each that it receives.
const DATAGRAMS_MAX: usize = 20_000;

/// The behaviour of a hostile server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Answers each handshake with a welcome and this goodbye.
    WelcomeAndBye(CloseReason),
    /// Answers each handshake with this goodbye.
    Bye(CloseReason),
    /// Is honest, but answers each packet with an *unknown* as well, which anybody could forge.
    Unknowns,
    /// Answers each handshake with a welcome and a goodbye, and knocks all the time; anybody could forge the knocks.
    Knocks,
    /// Is honest, but knocks all the time.
    KnocksOnly,
    /// Answers each hello with a fresh token.
    Tokens,
    /// Is silent after the welcome.
    Silence,
    /// Answers a post with this goodbye and never settles it.
    ByeAtPost(CloseReason),
    /// Sends arbitrary frames.
    Anything,
    /// Sends private messages that somebody wrote to the client, and tampers with them.
    Letters,
}

impl Manner {
    fn choose(u: &mut Unstructured<'_>) -> Result<Self> {
        let why = CloseReason::from(u.int_in_range(0..=10)?);
        Ok(match u.int_in_range(0..=13)? {
            0 => Self::WelcomeAndBye(CloseReason::ServerEnds),
            1 => Self::WelcomeAndBye(why),
            2 => Self::Bye(CloseReason::TimedOut),
            3 => Self::Bye(why),
            4 => Self::Unknowns,
            5 => Self::Tokens,
            6 => Self::Silence,
            7 => Self::Knocks,
            8 => Self::KnocksOnly,
            9 | 10 => Self::Letters,
            _ => Self::Anything,
        })
    }
}

/// The client's behaviour in one run.
#[derive(Debug, Default)]
pub struct Report {
    /// The times at which it finished a handshake.
    pub finishes: Vec<Instant>,
    /// When the client ended, if it did before the end of the run.
    pub ended: Option<Instant>,
    /// Number of events that it reported to its user.
    pub told: usize,
    /// The private messages that it showed.
    pub letters: BTreeSet<String>,
    /// Broken promises.
    pub violations: Vec<String>,
}

/// A hostile server and its state towards its only client.
pub struct Hostile<'a, 'b> {
    u: &'a mut Unstructured<'b>,
    manner: Manner,
    key: StaticKey,
    entropy: Entropy,
    tokens: u64,
    handshakes: VecDeque<(SessionId, Responder, SessionId)>,
    session: Option<Session<SocketAddr, ()>>,
    letters: Option<Letters>,
    bases: Bases,
}

/// Runs a client, a script or one that stays, against a server; the bytes choose the server's behaviour and frames.
pub fn run(u: &mut Unstructured<'_>) -> Report {
    let (Ok(manner), Ok(stays)) = (Manner::choose(u), u.arbitrary()) else { return Report::default() };
    run_with(u, manner, stays)
}

/// Like [`run`], with the given behaviour of the server.
pub fn run_with(u: &mut Unstructured<'_>, manner: Manner, stays: bool) -> Report {
    let server = SocketAddr::from(([10, 0, 0, 1], 9999));
    let (mut client, mut hostile) = meet(u, manner, stays, server);
    let mut report = Report::default();
    let (mut now, mut acts_at) = (Instant::ZERO, Instant::ZERO + Duration::from_millis(50));
    let mut under_way: VecDeque<(Instant, Vec<u8>)> = VecDeque::new();
    let mut sent = VecDeque::new();
    loop {
        while let Some(bytes) = client.poll_transmit().map(<[u8]>::to_vec) {
            client.transmitted(now);
            if bytes.first() == Some(&0xfa) {
                report.finished(now);
            }
            sent.push_back(now);
            while sent.front().is_some_and(|&at| at + Duration::from_secs(1) < now) {
                sent.pop_front();
            }
            if sent.len() > DATAGRAMS_MAX {
                report.violations.push(format!("{} datagrams within a second", sent.len()));
                return report;
            }
            let answers = hostile.hear(now, &bytes);
            under_way.extend(answers.into_iter().map(|bytes| (now + DELAY, bytes)));
        }
        report.listen(now, &mut client);
        let is_over = report.ended.is_some() || client.is_done();
        if is_over || now >= Instant::ZERO + LASTS {
            report.ended = if is_over { report.ended.or(Some(now)) } else { None };
            break;
        }
        let arrival = under_way.front().map(|&(at, _)| at);
        let next = [client.poll_timeout(), arrival, Some(acts_at)].into_iter().flatten().min().unwrap_or(acts_at);
        now = now.max(next);
        if acts_at <= now {
            acts_at = now + Duration::from_millis(50);
            if stays {
                // As many as may wait, and no more.
                let _ = client.fetch(now, Spot::Before(Seq(u64::MAX)), FETCH_MAX);
            }
            under_way.extend(hostile.act().into_iter().map(|bytes| (now + DELAY, bytes)));
        }
        while under_way.front().is_some_and(|(at, _)| *at <= now)
            && let Some((_, bytes)) = under_way.pop_front()
        {
            Limits::begin();
            client.handle_datagram(now, server, &bytes);
            report.violations.extend(CLIENT_DATAGRAM.exceeded("a datagram at the client"));
        }
        if client.poll_timeout().is_some_and(|at| at <= now) {
            client.handle_timeout(now);
            if client.poll_timeout().is_some_and(|at| at <= now) {
                report.violations.push(format!("the client's deadline does not move on at {now:?}"));
                break;
            }
        }
    }
    if !stays && report.ended.is_none_or(|at| at > Instant::ZERO + ENDS_AFTER) {
        report.violations.push(format!("a script is at it still after {ENDS_AFTER:?}: {:?}", report.ended));
    }
    report
}

/// Creates a server with this behaviour and a client that starts to look for it; a script has its lines posted already.
fn meet<'a, 'b>(
    u: &'a mut Unstructured<'b>,
    manner: Manner,
    stays: bool,
    server: SocketAddr,
) -> (Client, Hostile<'a, 'b>) {
    let mut entropy = Entropy::new([5; 32]);
    let mut client = Client::new(Instant::ZERO, config(&mut entropy, server, stays));
    if !stays {
        for line in 0..LINES {
            client.say(Instant::ZERO, &format!("line {line}"));
        }
        client.finish(Instant::ZERO);
    }
    (client, Hostile::new(u, manner, entropy))
}

fn config(entropy: &mut Entropy, server: SocketAddr, stays: bool) -> Config {
    let identity = Identity::new(StaticKey::generate(entropy), Instance(entropy.bytes()), entropy.bytes());
    let identity = Identity { present: stays, has_aes: true, ..identity };
    let nick = "jill".parse().expect("a nick");
    Config { nick, servers: vec![server], timeout: TIMEOUT, stays, identity: Some(identity), is_secure: true }
}

impl Report {
    fn finished(&mut self, now: Instant) {
        self.finishes.push(now);
        let recent = self.finishes.iter().filter(|&&at| at + WINDOW > now).count();
        if recent > FINISHES_MAX {
            self.violations.push(format!("{recent} handshakes within {WINDOW:?} at {now:?}"));
        }
    }

    fn listen(&mut self, now: Instant, client: &mut Client) {
        while let Some(event) = client.poll_event() {
            self.told += 1;
            if matches!(event, Event::Over(_)) {
                self.ended.get_or_insert(now);
            }
            if let Event::Page { from, to, entries, .. } = event {
                self.read((from, to), &entries);
            }
        }
        while let Some(entry) = client.poll_entry() {
            if let Event::Private(private) = entry {
                self.shown(&private);
            }
        }
    }
}

impl Report {
    /// Checks earlier entries that the client asked for: each number once and in order, and no more than were asked for.
    fn read(&mut self, (from, to): (Seq, Seq), entries: &[Event]) {
        let mut at = from;
        for event in entries {
            if let Event::Private(private) = event
                && let Said::Text { text, .. } = &private.said
                && !text.starts_with(WRITTEN)
            {
                self.violations.push(format!("nobody wrote this to the client here: {text}"));
            }
            at = event.end().filter(|&end| end > at).unwrap_or(at);
        }
        if at != to || to.since(from) > FETCH_MAX.into() {
            self.violations.push(format!("{from:?} to {to:?} are answered up to {at:?}"));
        }
    }

    /// Checks a private message that the client shows: it was written, and is shown once (PROTOCOL 2.19).
    fn shown(&mut self, private: &Private) {
        let Said::Text { text, missing, .. } = &private.said else { return };
        if !text.starts_with(WRITTEN) {
            self.violations.push(format!("nobody wrote this to the client here: {text}"));
        }
        if private.nick != "jack" || private.of != "jill" {
            self.violations.push(format!("{text} is shown as one of {} to {}", private.nick, private.of));
        }
        if *missing > 0 {
            self.violations.push(format!("{missing} are said to be missing before {text}"));
        }
        if !self.letters.insert(text.clone()) {
            self.violations.push(format!("{text} is shown twice"));
        }
    }
}

impl<'a, 'b> Hostile<'a, 'b> {
    /// Creates a server with this behaviour.
    pub fn new(u: &'a mut Unstructured<'b>, manner: Manner, mut entropy: Entropy) -> Self {
        let key = StaticKey::generate(&mut entropy);
        let (handshakes, bases) = (VecDeque::new(), Bases::default());
        Self { u, manner, key, entropy, tokens: 0, handshakes, session: None, letters: None, bases }
    }

    /// Makes up a token, a different one each time.
    fn token(&mut self) -> Token {
        self.tokens += 1;
        let text = format!("\u{6}{:0>11}", self.tokens % 100_000_000_000);
        let mut token = [0; TOKEN_LEN];
        token.copy_from_slice(&text.as_bytes()[..TOKEN_LEN]);
        token
    }

    /// Handles a datagram from the client; returns the answers.
    pub fn hear(&mut self, now: Instant, bytes: &[u8]) -> Vec<Vec<u8>> {
        if !packet::is_session(bytes) {
            return vec![self.token().to_vec()];
        }
        match packet::parse(bytes) {
            Some(Datagram::Hello { .. }) if self.manner == Manner::Tokens => vec![self.token().to_vec()],
            Some(Datagram::Hello { client, prologue, noise, .. }) => {
                let id = SessionId(self.entropy.next_u32());
                let mut payload = [0; 16];
                let Ok(payload) =
                    postcard::to_slice(&ServerHello { id: id.0, ciphers: self.entropy.next_u32() }, &mut payload)
                else {
                    return vec![];
                };
                let made = Responder::new(&self.key, &mut self.entropy, prologue, noise, payload);
                let Some((responder, answer)) = made else { return vec![] };
                self.handshakes.push_front((id, responder, client));
                self.handshakes.truncate(8);
                vec![packet::answer(client, &answer).into_vec()]
            }
            Some(Datagram::Finish { server, noise }) => self.finish(now, server, noise),
            Some(Datagram::Packet { receiver, number, sealed }) => self.packet(receiver, number, sealed),
            Some(
                Datagram::Answer { .. } | Datagram::Unknown { .. } | Datagram::OtherVersion { .. } | Datagram::Knock,
            )
            | None => vec![],
        }
    }

    fn finish(&mut self, now: Instant, server: SessionId, noise: &[u8]) -> Vec<Vec<u8>> {
        let Some(index) = self.handshakes.iter().position(|(id, ..)| *id == server) else { return vec![] };
        let Some((_, mut responder, client)) = self.handshakes.remove(index) else { return vec![] };
        let Some((payload, client_key)) = responder.read_finish(&self.key, noise) else { return vec![] };
        let cipher = Join::decode(&payload).and_then(|join| Cipher::of(join.cipher)).unwrap_or_default();
        let address = SocketAddr::from(([10, 0, 0, 2], 1));
        let mut session = Session::new(now, Role::Server, client, responder.into_transport(cipher), address, 2 * DELAY);
        let log = LogId([1; 16]);
        if self.letters.is_none() {
            self.letters = Some(Letters::new(self.entropy.child(), client_key, log));
        }
        let welcome = Welcome { log, start: Seq(self.bases.log), end: Seq(self.bases.log), remembers: true };
        let welcome = Frame::Welcome { welcome, nick: "jill", software: "mallory", room: RoomInfo::default() };
        let frames: Vec<Frame<'_>> = match self.manner {
            Manner::WelcomeAndBye(why) => vec![welcome, Frame::Bye(why)],
            Manner::Knocks => vec![welcome, Frame::Bye(CloseReason::ServerEnds)],
            Manner::Bye(why) => vec![Frame::Bye(why)],
            Manner::Unknowns
            | Manner::KnocksOnly
            | Manner::Tokens
            | Manner::Silence
            | Manner::ByeAtPost(_)
            | Manner::Letters
            | Manner::Anything => vec![welcome],
        };
        let mut sent = Vec::new();
        for frame in frames {
            let mut writer = Writer::default();
            writer.frame(&frame);
            let mut out = Vec::new();
            session.seal_raw(writer.plain(), &mut out);
            sent.push(out);
        }
        self.bases.packet = 0;
        self.session = Some(session);
        sent
    }

    fn packet(&mut self, receiver: SessionId, number: u64, sealed: &[u8]) -> Vec<Vec<u8>> {
        let Some(session) = &mut self.session else { return vec![] };
        let mut plain = [0; DATAGRAM_MAX];
        let Ok(plain) = session.open(number, sealed, &mut plain) else { return vec![] };
        self.bases.packet = self.bases.packet.max(number + 1);
        let mut writer = Writer::default();
        writer.frame(&Frame::Ack(Ack { largest: number, delay_us: 0, run: 0, ranges: [].into_iter().collect() }));
        let mut has_post = false;
        for frame in frames(plain).flatten() {
            if let Frame::Post { counter, .. } = frame {
                self.bases.counter = counter;
                has_post = true;
                if matches!(self.manner, Manner::Unknowns | Manner::KnocksOnly | Manner::Letters) {
                    writer.frame(&Frame::Settled { counter, outcome: Outcome::Accepted(Seq(counter)) });
                }
            }
        }
        let mut sent = Vec::new();
        match self.manner {
            Manner::Unknowns | Manner::KnocksOnly | Manner::Letters => {
                if self.manner == Manner::Unknowns {
                    sent.push(packet::unknown(receiver, number).to_vec());
                }
                let mut out = Vec::new();
                session.seal_raw(writer.plain(), &mut out);
                sent.push(out);
            }
            Manner::ByeAtPost(why) if has_post => {
                let mut out = Vec::new();
                session.bye(why, &mut out);
                sent.push(out);
            }
            Manner::Anything => sent.extend(self.anything()),
            Manner::WelcomeAndBye(_)
            | Manner::Bye(_)
            | Manner::Knocks
            | Manner::Tokens
            | Manner::Silence
            | Manner::ByeAtPost(_) => {}
        }
        sent
    }

    /// Returns the datagrams that it sends unprompted.
    fn act(&mut self) -> Vec<Vec<u8>> {
        match self.manner {
            Manner::Knocks | Manner::KnocksOnly => return vec![packet::knock().to_vec()],
            Manner::Anything => {}
            Manner::Letters => return self.letter().into_iter().collect(),
            Manner::WelcomeAndBye(_)
            | Manner::Bye(_)
            | Manner::Unknowns
            | Manner::Tokens
            | Manner::Silence
            | Manner::ByeAtPost(_) => return vec![],
        }
        let mut sent: Vec<_> = self.anything().into_iter().collect();
        if self.u.ratio(1, 4).unwrap_or(false) {
            sent.push(packet::knock().to_vec());
        }
        let noise: std::result::Result<[u8; 40], _> = self.u.arbitrary();
        if let Ok(mut noise) = noise {
            noise[0] |= 0xf8;
            sent.push(noise.to_vec());
        }
        sent
    }

    /// Returns a packet with private messages.
    fn letter(&mut self) -> Option<Vec<u8>> {
        let (session, letters) = (self.session.as_mut()?, self.letters.as_mut()?);
        let mut writer = Writer::default();
        for _ in 0..3 {
            let entry = letters.entry(self.u).ok()?;
            let mut framed = vec![0; entry.len() + 5];
            let len = postcard::to_slice(&entry, &mut framed).ok()?.len();
            self.bases.log += u64::from(writer.entries(Seq(self.bases.log), &framed[..len]));
        }
        let mut out = Vec::new();
        session.seal_raw(writer.plain(), &mut out);
        Some(out)
    }

    fn anything(&mut self) -> Option<Vec<u8>> {
        let session = self.session.as_mut()?;
        let plain = grammar::plaintext(self.u, &self.bases).ok()?;
        self.bases.log = self.bases.log.saturating_add(u64::from(self.u.ratio(1, 2).unwrap_or(false)));
        let mut out = Vec::new();
        session.seal_raw(plain.plain(), &mut out);
        Some(out)
    }
}
