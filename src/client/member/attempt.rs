//! One attempt at a session: probe, hello, finish (PROTOCOL 2.3, 2.4).
//!
//! Owns: the stage of the attempt, what is retransmitted and when.
//! Must not know: what happens in the session.
//! Driven by: `member`.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Cargo, Ends};
use crate::session::{Cipher, Entropy, Initiator, PublicKey, Role, Session};
use crate::time::Instant;
use crate::wire::frame::{Join, ServerHello};
use crate::wire::packet::{self, Datagram, Token};
use crate::wire::{LogId, Seq, SessionId, text};

/// The pause before a message is first retransmitted; each further pause is twice as long (PROTOCOL 2.4).
const PAUSE: Duration = Duration::from_millis(500);

/// The longest pause (PROTOCOL 2.4).
const PAUSE_MAX: Duration = Duration::from_secs(4);

/// Retransmissions of hello or finish before the attempt returns to the probe (PROTOCOL 2.4).
const REPEATS: u32 = 4;

/// Tokens accepted in one attempt. Chosen: it bounds the hellos that forged tokens can draw, all to the client's own server.
const GREETINGS_MAX: u32 = 8;

/// The longest payload of the finish: instance, nick, presence, place, history.
const JOIN_MAX: usize = 128;

#[derive(Debug)]
enum Stage {
    Seeking {
        probe: String,
    },
    /// `server` is the server's id of the session, from its answer.
    Greeting {
        id: SessionId,
        initiator: Box<Initiator>,
        server: Option<(SessionId, u32)>,
    },
    Finishing {
        id: SessionId,
        session: Box<Session<SocketAddr, Cargo>>,
        finish: Box<[u8]>,
    },
}

/// An attempt; see the module.
#[derive(Debug)]
pub(super) struct Attempt {
    stage: Stage,
    /// Whether the message of the stage is to be sent now.
    waits: bool,
    /// Whether a message of this attempt was sent, or is to be sent now.
    has_begun: bool,
    due: Instant,
    pause: Duration,
    repeats: u32,
    /// The last token accepted, and how many were accepted.
    token: Option<Token>,
    greetings: u32,
    /// When the message of the stage was last sent.
    sent: Instant,
}

/// Outcome of a handshake datagram.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It was ignored.
    Nothing,
    /// The server answered with this key; if it is the right one, the caller continues with [`Attempt::finish`].
    Answered(PublicKey),
    /// The server speaks this version and no other.
    OtherVersion(u8),
}

impl Attempt {
    /// Creates an attempt that begins with the probe at once.
    pub(super) fn new(now: Instant, ends: &Ends) -> Self {
        Self { waits: true, has_begun: true, ..Self::later(now, now, ends) }
    }

    /// Creates an attempt that begins with the probe at `due`.
    pub(super) fn later(now: Instant, due: Instant, ends: &Ends) -> Self {
        let nick = if ends.identity.unnamed { "" } else { ends.nick.as_str() };
        Self {
            stage: Stage::Seeking { probe: text::probe(nick) },
            waits: false,
            has_begun: false,
            due,
            pause: PAUSE,
            repeats: 0,
            token: None,
            greetings: 0,
            sent: now,
        }
    }

    /// Returns whether the next datagram may cost public-key work.
    pub(super) const fn is_shaking(&self) -> bool {
        matches!(self.stage, Stage::Seeking { .. } | Stage::Greeting { .. })
    }

    /// Returns whether no token has come yet.
    pub(super) const fn is_seeking(&self) -> bool {
        matches!(self.stage, Stage::Seeking { .. })
    }

    /// Returns the message to send now.
    pub(super) fn message(&self) -> Option<&[u8]> {
        self.waits.then_some(match &self.stage {
            Stage::Seeking { probe } => probe.as_bytes(),
            Stage::Greeting { initiator, .. } => initiator.hello(),
            Stage::Finishing { finish, .. } => finish,
        })
    }

    /// Records that the message was sent.
    pub(super) fn sent(&mut self, now: Instant, entropy: &mut Entropy) {
        self.waits = false;
        self.sent = now;
        self.due = now + entropy.jittered(self.pause);
        self.pause = (self.pause * 2).min(PAUSE_MAX);
    }

    /// Returns when [`Attempt::handle_timeout`] is to be called.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        (!self.waits).then_some(self.due)
    }

    /// Repeats the message, or returns to the probe.
    pub(super) fn handle_timeout(&mut self, now: Instant, ends: &Ends) {
        if self.waits || self.due > now {
            return;
        }
        self.repeats += u32::from(self.has_begun);
        self.waits = true;
        self.has_begun = true;
        if self.repeats > REPEATS && !self.is_seeking() {
            // The server may have restarted, or the client's address may have changed: then the token is no longer valid.
            let pause = self.pause;
            *self = Self { pause, ..Self::new(now, ends) };
        }
    }

    /// Sends the probe at once if the attempt is still seeking: the server is said to be there.
    pub(super) fn hurry(&mut self, now: Instant) {
        if self.is_seeking() {
            self.due = now;
            self.pause = PAUSE;
        }
    }

    /// Takes a token, and prepares the hello.
    pub(super) fn greet(&mut self, ends: &Ends, entropy: &mut Entropy, token: &Token) {
        self.token = Some(*token);
        self.greetings += 1;
        let id = SessionId(entropy.next_u32());
        let initiator = Initiator::new(&ends.identity.key, entropy, &packet::prologue(id, token));
        self.enter(Stage::Greeting { id, initiator: Box::new(initiator), server: None });
    }

    /// Returns whether to send a hello with this token: it is the first, or differs from that of the last hello, which the
    /// server rejected then.
    pub(super) fn may_greet(&self, token: &Token) -> bool {
        // Before its first message this attempt has asked nothing: the token answers another attempt.
        let is_before_answer = self.has_begun && self.is_shaking();
        is_before_answer && self.token.as_ref() != Some(token) && self.greetings < GREETINGS_MAX
    }

    /// Handles an answer, or another datagram of the handshake.
    pub(super) fn handle(&mut self, datagram: &Datagram<'_>) -> Heard {
        let Stage::Greeting { id, initiator, server } = &mut self.stage else { return Heard::Nothing };
        match *datagram {
            Datagram::Answer { client, noise } if client == *id => {
                let Some((payload, key)) = initiator.read_answer(noise) else { return Heard::Nothing };
                let Some(hello) = ServerHello::decode(&payload) else { return Heard::Nothing };
                *server = Some((SessionId(hello.id), hello.ciphers));
                Heard::Answered(key)
            }
            Datagram::OtherVersion { client, version } if client == *id && version != packet::VERSION => {
                Heard::OtherVersion(version)
            }
            Datagram::Answer { .. }
            | Datagram::OtherVersion { .. }
            | Datagram::Hello { .. }
            | Datagram::Finish { .. }
            | Datagram::Packet { .. }
            | Datagram::Unknown { .. }
            | Datagram::Knock => Heard::Nothing,
        }
    }

    /// Prepares the finish, once the caller has accepted the server's key.
    pub(super) fn finish(&mut self, now: Instant, ends: &Ends, place: Option<(LogId, Seq)>) {
        let seeking = Self::new(now, ends).stage;
        let Stage::Greeting { id, initiator, server: Some((peer, ciphers)) } =
            std::mem::replace(&mut self.stage, seeking)
        else {
            return;
        };
        let cipher = Cipher::best(ends.identity.has_aes, ciphers);
        let join = Join {
            instance: ends.identity.instance,
            nick: ends.nick.as_str(),
            present: ends.identity.present,
            place,
            history: ends.identity.history,
            token: ends.identity.token.map_or([0; 16], |token| token.0),
            uncounted: !ends.identity.receipts,
            cipher: cipher.code(),
        };
        let mut payload = [0; JOIN_MAX];
        let payload = postcard::to_slice(&join, &mut payload).expect("a nick is short");
        let round_trip = now.saturating_since(self.sent);
        let (noise, transport) = initiator.finish(payload, cipher);
        let session = Session::new(now, Role::Client, peer, transport, ends.server, round_trip);
        self.enter(Stage::Finishing { id, session: Box::new(session), finish: packet::finish(peer, &noise) });
    }

    /// Returns the session that is about to stand, if `id` is our id of it.
    pub(super) fn session(&self, id: SessionId) -> Option<&Session<SocketAddr, Cargo>> {
        match &self.stage {
            Stage::Finishing { id: ours, session, .. } if *ours == id => Some(session),
            Stage::Finishing { .. } | Stage::Greeting { .. } | Stage::Seeking { .. } => None,
        }
    }

    /// Returns the session and our id of it, once it stands.
    pub(super) fn into_session(self) -> Option<(SessionId, Session<SocketAddr, Cargo>)> {
        match self.stage {
            Stage::Finishing { id, session, .. } => Some((id, *session)),
            Stage::Greeting { .. } | Stage::Seeking { .. } => None,
        }
    }

    fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.waits = true;
        self.pause = PAUSE;
        self.repeats = 0;
    }
}
