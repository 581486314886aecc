//! One encrypted, reliable session; the same code at both ends (PROTOCOL 2.3 to 2.12).
//!
//! Owns: keys and packet numbers, what was received and what is in flight, round-trip time, window, the other end's address,
//! when the session is dead. Its parts: `keys`, `token_key`, `handshake`, `cipher`, `received`, `acks`, `sent_packets`, `recovery`,
//! `rtt`, `congestion`, `delays`, `pacer`, `path`.
//! Must not know: rooms, logs, what the cargo of a packet is; it tells the driver when cargo may go, and hands lost cargo back.
//! Driven by: `server` and `client`:
//!
//! 1. [`Session::open`] a packet, look at its frames, then [`Session::accept`] it, or ignore it without any effect;
//! 2. [`Session::handle`] each frame; the driver handles those for which it returns false;
//! 3. [`Session::handle_timeout`] at [`Session::poll_timeout`];
//! 4. [`Session::poll_lost`] until it returns `None`;
//! 5. [`Session::poll_challenge`] and [`Session::poll_packet`] until they return `None`.

mod acks;
mod cipher;
mod congestion;
mod delays;
mod handshake;
mod keys;
pub mod letter;
mod pacer;
mod path;
mod received;
mod recovery;
mod rtt;
mod sent_packets;
mod token_key;

use std::fmt;
use std::time::Duration;

pub use cipher::{Cipher, OFFERS_AES, Transport};
pub use congestion::PACKETS_MAX;
pub use handshake::{FINISH_COST, HELLO_COST, Initiator, REDO_COST, Responder};
pub use keys::{Entropy, KEY_LEN, PublicKey, StaticKey};
pub use received::WINDOW as REPLAY_WINDOW;
pub use sent_packets::Again;
pub use token_key::TokenKey;

use crate::time::Instant;
use crate::wire::frame::{Frame, Writer};
use crate::wire::packet::{self, DATAGRAM_MAX};
use crate::wire::{CloseReason, SessionId};
use acks::Acks;
use congestion::Congestion;
use path::Paths;
use received::Received;
use rtt::Rtt;
use sent_packets::SentPackets;

/// Time without sending anything ack-eliciting after which the client pings (RFC 8085 3.5).
pub const KEEPALIVE: Duration = Duration::from_secs(15);

/// Time without an authentic packet after which a session is dead (PROTOCOL 2.9). Chosen: four keepalives.
pub const DEAD_AFTER: Duration = Duration::from_secs(60);

const _: () = assert!(DEAD_AFTER.as_secs() >= 4 * KEEPALIVE.as_secs());

/// The most packets in one direction of a session (RFC 9001 6.6 and B.1: with packets this short, AES-GCM keeps its promises for 2^28).
/// From half of them on, the client begins a new session.
pub const PACKETS_OF_A_KEY: u64 = 1 << 27;

/// Which end this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Keeps the session alive.
    Client,
    /// Leaves that to the client.
    Server,
}

/// Why a packet is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// It came before, or is too old to tell.
    Replayed,
    /// It is not from the other end.
    Forged,
}

/// The other end violates the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// What may be put into a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Whether the window and the pacer allow cargo.
    pub cargo: bool,
    /// Whether the packet carries an ack, so that the driver can add what belongs to one.
    pub ack: bool,
}

/// A session. `P` is the driver's name for a path, `C` its record of a packet's cargo.
pub struct Session<P, C> {
    role: Role,
    peer: SessionId,
    transport: Transport,
    next_number: u64,
    received: Received,
    acks: Acks,
    sent_packets: SentPackets<C>,
    congestion: Congestion,
    rtt: Rtt,
    /// Consecutive probe timeouts, and how many packets the last one still lets out.
    backoff: u32,
    probes: usize,
    /// When the last probe timeout was.
    probed: Instant,
    lost: Vec<Again<C>>,
    paths: Paths<P>,
    challenge_now: bool,
    ping: Option<u64>,
    pong: Option<u64>,
    response: Option<[u8; 8]>,
    heard: Instant,
    /// When an ack last acknowledged something new.
    progressed: Option<Instant>,
    /// When something ack-eliciting was last sent.
    spoke: Instant,
    /// When the oldest unanswered ack-eliciting packet was sent.
    unanswered: Option<Instant>,
}

impl<P: Copy + PartialEq, C: Copy + Default> Session<P, C> {
    /// Begins a session whose handshake is complete. The other end is at `path` and calls the session `peer`; a message of the
    /// handshake took `round_trip`.
    pub fn new(now: Instant, role: Role, peer: SessionId, transport: Transport, path: P, round_trip: Duration) -> Self {
        Self {
            role,
            peer,
            transport,
            next_number: 0,
            received: Received::default(),
            acks: Acks::new(now),
            sent_packets: SentPackets::default(),
            congestion: Congestion::new(now, round_trip),
            rtt: Rtt::assume(round_trip),
            backoff: 0,
            probes: 0,
            probed: Instant::ZERO,
            lost: Vec::new(),
            paths: Paths::new(path),
            challenge_now: false,
            ping: None,
            pong: None,
            response: None,
            heard: now,
            progressed: None,
            spoke: now,
            unanswered: None,
        }
    }

    /// Returns the other end's id for the session.
    pub const fn peer(&self) -> SessionId {
        self.peer
    }

    /// Returns where the other end is.
    pub const fn path(&self) -> P {
        self.paths.proven()
    }

    /// Returns when an authentic packet last came.
    pub const fn heard(&self) -> Instant {
        self.heard
    }

    /// Returns the smoothed round-trip time.
    pub const fn round_trip(&self) -> Duration {
        self.rtt.smoothed()
    }

    /// Returns the number of the next packet.
    pub const fn next_number(&self) -> u64 {
        self.next_number
    }

    /// Returns whether it is time for a new session: its keys have done half of what they may.
    pub fn is_worn(&self) -> bool {
        self.most_packets() >= PACKETS_OF_A_KEY / 2
    }

    /// Returns whether its keys must not be used any more, except for a last *bye*.
    pub fn is_worn_out(&self) -> bool {
        self.most_packets() >= PACKETS_OF_A_KEY
    }

    fn most_packets(&self) -> u64 {
        self.next_number.max(self.received.highest().map_or(0, |highest| highest + 1))
    }

    /// Lets the session be as old as one that has sent so many packets.
    #[cfg(feature = "adversary")]
    pub const fn age(&mut self, packets: u64) {
        self.next_number = packets;
    }

    /// Returns whether nothing ack-eliciting is in flight.
    pub fn is_quiet(&self) -> bool {
        self.sent_packets.is_empty()
    }

    /// Returns when the oldest unanswered ack-eliciting packet was sent: the first since the other end was last heard.
    pub const fn unanswered(&self) -> Option<Instant> {
        self.unanswered
    }

    /// Returns how many packets are in flight.
    pub fn in_flight(&self) -> usize {
        self.sent_packets.len()
    }

    /// Returns whether cargo may go out now; if only the pacer holds it back, the error is the time until then.
    pub fn may_send(&self, now: Instant) -> Result<(), Option<Instant>> {
        if self.probes > 0 {
            return Ok(());
        }
        if !self.congestion.is_open() || !self.is_within_reach() {
            return Err(None);
        }
        let at = self.congestion.pace(now);
        if at <= now { Ok(()) } else { Err(Some(at)) }
    }

    /// Opens a packet without changing anything; [`Session::accept`] then takes it.
    ///
    /// # Errors
    /// Returns why the packet is to be ignored.
    pub fn open<'a>(&self, number: u64, sealed: &[u8], into: &'a mut [u8; DATAGRAM_MAX]) -> Result<&'a [u8], Ignored> {
        // RFC 6479: check before decrypting, which is expensive; mark afterwards, once the packet is known to be authentic.
        if !self.received.is_new(number) {
            return Err(Ignored::Replayed);
        }
        // No end that keeps to the protocol comes near this, so that keys are never overused whatever the other end does.
        if number > PACKETS_OF_A_KEY {
            return Err(Ignored::Forged);
        }
        self.transport.open(number, sealed, into).ok_or(Ignored::Forged)
    }

    /// Returns this end's keys, with which the laboratory reads packets sent to it.
    pub fn keys(&self) -> Transport {
        self.transport.clone()
    }

    /// Accepts an authentic packet of `bytes` from `from`. If that is a new address, calls `challenges` for two challenges of 8
    /// random bytes.
    pub fn accept(
        &mut self,
        now: Instant,
        from: P,
        number: u64,
        bytes: usize,
        ack_eliciting: bool,
        challenges: impl FnOnce() -> [[u8; 8]; 2],
    ) {
        let is_highest = self.received.highest().is_none_or(|highest| number > highest);
        let in_order = if is_highest || self.received.is_new(number) { self.received.mark(number) } else { false };
        self.heard = now;
        self.unanswered = None;
        if is_highest {
            self.acks.highest_came(now);
        }
        self.paths.received(now, from, number, bytes as u64, challenges);
        if ack_eliciting {
            self.acks.elicited(in_order, now + self.rtt.ack_delay());
        }
    }

    /// Handles a frame of an accepted packet if it concerns the session itself; otherwise returns false.
    ///
    /// # Errors
    /// Fails if the other end acknowledges a packet that was never sent.
    pub fn handle(&mut self, now: Instant, from: P, frame: &Frame<'_>) -> Result<bool, Broken> {
        match *frame {
            Frame::Ack(ref ack) => self.acked(now, ack)?,
            Frame::Ping { stamp } => self.pong = Some(stamp),
            Frame::Pong { .. } => {}
            Frame::Challenge(data) => self.response = Some(data),
            Frame::Response(data) => {
                if self.paths.responded(now, from, data) {
                    // RFC 9000 9.4: another path, another round-trip time and window.
                    self.rtt = Rtt::default();
                    self.congestion = Congestion::new(now, self.rtt.smoothed());
                    self.backoff = 0;
                    self.probes = 0;
                    self.probed = Instant::ZERO;
                    let lost = &mut self.lost;
                    self.sent_packets.abandon(|cargo| lost.push(cargo));
                }
            }
            Frame::Bye(_)
            | Frame::Welcome { .. }
            | Frame::Entries(_)
            | Frame::Gap { .. }
            | Frame::Have(_)
            | Frame::Find { .. }
            | Frame::Found(_)
            | Frame::Fetch(_)
            | Frame::Page(_)
            | Frame::Watch(_)
            | Frame::Read { .. }
            | Frame::End { .. }
            | Frame::Skip { .. }
            | Frame::Received(_)
            | Frame::Post { .. }
            | Frame::Settled { .. }
            | Frame::Ask { .. }
            | Frame::People(_)
            | Frame::Held(_)
            | Frame::Barred(_)
            | Frame::List { .. }
            | Frame::Listed { .. } => return Ok(false),
        }
        Ok(true)
    }

    /// Handles a passed deadline; [`Session::poll_timeout`] is then later than `now`. Returns true if the session is dead.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        if self.heard + DEAD_AFTER <= now {
            return true;
        }
        self.acks.handle_timeout(now);
        self.challenge_now |= self.paths.due().is_some_and(|due| due <= now);
        if self.role == Role::Client && self.spoke + KEEPALIVE <= now {
            self.ping = self.ping.or(Some(0));
            self.spoke = now;
        }
        if self.sent_packets.loss_time(self.rtt.loss_delay()).is_some_and(|at| at <= now) {
            self.detect_lost(now, None);
        }
        if let Some(after) = self.copies_after() {
            let lost = &mut self.lost;
            self.sent_packets.copy(now, after, |again| lost.push(again));
        }
        if self.probe_time().is_some_and(|at| at <= now) {
            self.probe(now);
        }
        false
    }

    /// Returns when to call [`Session::handle_timeout`].
    pub fn poll_timeout(&self) -> Instant {
        let keepalive = (self.role == Role::Client).then(|| self.spoke + KEEPALIVE);
        let ack = self.acks.poll_timeout();
        let challenge = self.paths.due().filter(|_| !self.challenge_now);
        let loss = self.sent_packets.loss_time(self.rtt.loss_delay());
        let copy = self.copies_after().and_then(|after| Some(self.sent_packets.uncopied()? + after));
        let all = [keepalive, ack, challenge, loss, copy, self.probe_time()];
        all.into_iter().flatten().fold(self.heard + DEAD_AFTER, Instant::min)
    }

    /// Returns cargo to send once more, unless the other end is known to have it.
    pub fn poll_lost(&mut self) -> Option<Again<C>> {
        self.lost.pop()
    }

    /// Pings the other end, whose pong returns the stamp.
    pub const fn ping(&mut self, stamp: u64) {
        self.ping = Some(stamp);
    }

    /// Appends a challenge to a new address to `out`, if one is due, and returns where it goes.
    pub fn poll_challenge(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<P> {
        self.challenge_now = false;
        if self.is_worn_out() {
            return None;
        }
        let challenge = self.paths.challenge(now)?;
        let mut writer = Writer::default();
        writer.frame(&Frame::Challenge(challenge.data));
        if challenge.is_full {
            writer.pad();
        }
        self.seal(writer.plain(), out);
        self.paths.challenged(now, challenge.is_full);
        Some(challenge.to)
    }

    /// Appends the next packet to `out`, if there is anything to send, and returns where it goes. `fill` adds the driver's
    /// frames, and returns their cargo if they are ack-eliciting.
    pub fn poll_packet(
        &mut self,
        now: Instant,
        out: &mut Vec<u8>,
        fill: impl FnOnce(&mut Writer, Allowed) -> Option<C>,
    ) -> Option<P> {
        if self.is_worn_out() {
            return None;
        }
        let mut writer = Writer::up_to(self.congestion.packet());
        let allowed = Allowed { cargo: self.may_send(now).is_ok(), ack: self.acks.is_wanted() };
        if allowed.ack
            && let Some(ack) = self.received.ack(self.acks.delay_us(now))
        {
            writer.frame(&Frame::Ack(ack));
        }
        let mut ack_eliciting = false;
        // RFC 9000 8.2.2: a response is as long as the challenge may have been. A server is sent no challenges, so it does not
        // pad: nobody can make it send 1,200 bytes for 40.
        let is_padded = self.response.is_some() && self.role == Role::Client;
        let own = [
            self.response.take().map(Frame::Response),
            self.pong.take().map(|stamp| Frame::Pong { stamp }),
            self.ping.take().map(|stamp| Frame::Ping { stamp }),
        ];
        for frame in own.into_iter().flatten() {
            ack_eliciting |= writer.frame(&frame);
        }
        let cargo = fill(&mut writer, allowed);
        ack_eliciting |= cargo.is_some();
        if self.probes > 0 && !ack_eliciting {
            // RFC 9002 6.2.4: "when there is no data to send, the sender SHOULD send a PING".
            ack_eliciting |= writer.frame(&Frame::Ping { stamp: 0 });
        }
        if !ack_eliciting && !self.acks.is_due() {
            return None;
        }
        if is_padded {
            writer.pad();
        }
        if allowed.ack {
            self.acks.sent();
        }
        let number = self.next_number;
        let bytes = self.seal(writer.plain(), out);
        if ack_eliciting {
            self.probes = self.probes.saturating_sub(1);
            self.spoke = now;
            self.unanswered.get_or_insert(now);
            self.congestion.sent(now, bytes.into());
            let was_full = self.congestion.in_flight() * 2 >= self.congestion.size();
            self.sent_packets.push(number, now, bytes, was_full, cargo.unwrap_or_default());
            if allowed.ack {
                self.acks.carried_by(number);
            }
        }
        Some(self.path())
    }

    /// Appends a *bye* to `out`, and returns where it goes.
    pub fn bye(&mut self, why: CloseReason, out: &mut Vec<u8>) -> P {
        self.bye_behind(None, why, out)
    }

    /// As [`Session::bye`], behind a frame that says more about it.
    pub fn bye_behind(&mut self, first: Option<&Frame<'_>>, why: CloseReason, out: &mut Vec<u8>) -> P {
        let mut writer = Writer::default();
        if let Some(first) = first {
            writer.frame(first);
        }
        writer.frame(&Frame::Bye(why));
        self.seal(writer.plain(), out);
        self.path()
    }

    /// Appends a packet with arbitrary plaintext to `out`.
    #[cfg(feature = "adversary")]
    pub fn seal_raw(&mut self, plain: &[u8], out: &mut Vec<u8>) {
        self.seal(&plain[..plain.len().min(packet::PLAIN_MAX)], out);
    }

    fn seal(&mut self, plain: &[u8], out: &mut Vec<u8>) -> u16 {
        let start = out.len();
        out.extend_from_slice(&packet::packet_head(self.peer, self.next_number));
        self.transport.seal(self.next_number, plain, out);
        self.next_number += 1;
        u16::try_from(out.len() - start).unwrap_or(u16::MAX)
    }
}

impl<P, C> fmt::Debug for Session<P, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("peer", &self.peer)
            .field("next_number", &self.next_number)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frame::Ack;
    use crate::wire::frame::PostKind;

    type End = Session<&'static str, u32>;

    const RTT: Duration = Duration::from_millis(100);

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn ends() -> (End, End) {
        let (client, server) = handshake::pair();
        let client = Session::new(at(0), Role::Client, SessionId(2), client, "server", RTT);
        (client, Session::new(at(0), Role::Server, SessionId(1), server, "client", RTT))
    }

    /// Returns a packet of `from` with the cargo, if there is one to send.
    fn packet(from: &mut End, now: Instant, cargo: Option<u32>) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let fill = |writer: &mut Writer, allowed: Allowed| {
            cargo.filter(|_| {
                allowed.cargo
                    && writer.frame(&Frame::Post { counter: 0, settled_below: 0, kind: PostKind::Say, body: b"x" })
            })
        };
        from.poll_packet(now, &mut out, fill)?;
        Some(out)
    }

    /// Delivers the packet to `to`, as if from `path`; fails if it is ignored.
    fn take(to: &mut End, now: Instant, path: &'static str, bytes: &[u8]) -> Result<(), Ignored> {
        let Some(packet::Datagram::Packet { number, sealed, .. }) = packet::parse(bytes) else { panic!("{bytes:?}") };
        let mut plain = [0; DATAGRAM_MAX];
        let frames: Vec<_> = crate::wire::frame::frames(to.open(number, sealed, &mut plain)?).flatten().collect();
        to.accept(now, path, number, bytes.len(), frames.iter().any(Frame::is_ack_eliciting), || [[9; 8], [8; 8]]);
        for frame in &frames {
            assert!(to.handle(now, path, frame).is_ok());
        }
        Ok(())
    }

    #[test]
    fn a_packet_is_taken_once_and_not_if_it_was_changed() {
        let (mut client, mut server) = ends();
        let first = packet(&mut client, at(0), Some(1)).unwrap();
        let mut forged = first.clone();
        *forged.last_mut().unwrap() ^= 1;
        assert_eq!(take(&mut server, at(50), "client", &forged), Err(Ignored::Forged));
        assert_eq!(take(&mut server, at(50), "client", &first), Ok(()), "a forged one before it changes nothing");
        assert_eq!(take(&mut server, at(50), "client", &first), Err(Ignored::Replayed));
    }

    #[test]
    fn what_is_lost_is_handed_back_once_and_what_arrives_is_not() {
        let (mut client, mut server) = ends();
        let packets: Vec<_> = (0..5).map(|cargo| packet(&mut client, at(0), Some(cargo)).unwrap()).collect();
        for (_, packet) in packets.iter().enumerate().filter(|&(index, _)| index != 1) {
            take(&mut server, at(50), "client", packet).unwrap();
        }
        let ack = packet(&mut server, at(50), None).unwrap();
        take(&mut client, at(100), "server", &ack).unwrap();
        assert_eq!(std::iter::from_fn(|| client.poll_lost()).collect::<Vec<_>>(), [Again::All(1)]);
        assert!(client.is_quiet());
    }

    #[test]
    fn where_more_than_a_fifth_is_lost_everything_is_handed_back_once_more_an_eighth_of_a_round_trip_later() {
        let (mut client, mut server) = ends();
        let mut copies = 0;
        for number in 0..100 {
            let now = at(u64::from(number) * 100);
            client.handle_timeout(now);
            let sent = packet(&mut client, now, Some(number)).unwrap();
            while let Some(again) = client.poll_lost() {
                copies += u32::from(matches!(again, Again::Copy(_)));
            }
            if number % 3 != 0 {
                take(&mut server, now, "client", &sent).unwrap();
                server.handle_timeout(now);
                let ack = packet(&mut server, now, Some(number)).unwrap();
                take(&mut client, now, "server", &ack).unwrap();
            }
            if number == 20 {
                assert_eq!(copies, 0, "that is not known yet");
            }
        }
        assert!(copies >= 15, "{copies}: each third packet is under way for longer");
    }

    #[test]
    fn without_any_ack_the_oldest_is_handed_back_and_probes_go_out_further_and_further_apart() {
        let (mut client, _) = ends();
        packet(&mut client, at(0), Some(7)).unwrap();
        let mut probes = Vec::new();
        while client.poll_timeout() < at(8000) {
            let now = client.poll_timeout();
            client.handle_timeout(now);
            assert!(client.poll_timeout() > now, "the deadline moves on");
            let cargo = client.poll_lost().map(|(Again::Copy(cargo) | Again::All(cargo) | Again::Rest(cargo))| cargo);
            packet(&mut client, now, cargo).unwrap();
            probes.push((now.saturating_since(at(0)).as_millis(), cargo));
        }
        assert_eq!(probes[..3], [(325, Some(7)), (975, Some(7)), (2275, Some(7))]);
        assert!(probes[3..].iter().all(|&(_, cargo)| cargo == Some(7)));
    }

    #[test]
    fn the_window_holds_cargo_back_and_acks_open_it() {
        let (mut client, mut server) = ends();
        let mut out = Vec::new();
        let full = |writer: &mut Writer, allowed: Allowed| {
            writer.frame(&Frame::Ping { stamp: 1 });
            writer.pad();
            allowed.cargo.then_some(1)
        };
        let mut sent = 0;
        for now in 0..100 {
            while client.may_send(at(now)).is_ok() {
                out.clear();
                client.poll_packet(at(now), &mut out, full).unwrap();
                take(&mut server, at(100), "client", &out).unwrap();
                sent += 1;
            }
        }
        assert_eq!((sent, client.may_send(at(99))), (9, Err(None)), "the initial window, paced");
        assert!(client.poll_packet(at(99), &mut out, full).is_none());
        let ack = packet(&mut server, at(100), None).unwrap();
        take(&mut client, at(100), "server", &ack).unwrap();
        assert_eq!(client.may_send(at(100)), Ok(()));
    }

    #[test]
    fn an_ack_alone_waits_a_little_and_is_not_acknowledged_itself() {
        let (mut client, mut server) = ends();
        let first = packet(&mut client, at(0), Some(1)).unwrap();
        take(&mut server, at(50), "client", &first).unwrap();
        assert_eq!(packet(&mut server, at(50), None), None);
        assert_eq!(server.poll_timeout(), at(75), "a quarter of the round trip");
        server.handle_timeout(at(75));
        let ack = packet(&mut server, at(75), None).unwrap();
        take(&mut client, at(125), "server", &ack).unwrap();
        assert!(client.is_quiet());
        assert_eq!(packet(&mut client, at(500), None), None);
        assert_eq!(client.poll_timeout(), at(0) + KEEPALIVE, "then only keepalives");
    }

    #[test]
    fn the_client_pings_when_it_is_quiet_and_who_is_silent_for_long_is_dead() {
        let (mut client, mut server) = ends();
        assert!(!client.handle_timeout(at(15_000)));
        let ping = packet(&mut client, at(15_000), None).unwrap();
        take(&mut server, at(15_050), "client", &ping).unwrap();
        let pong = packet(&mut server, at(15_050), None).unwrap();
        take(&mut client, at(15_100), "server", &pong).unwrap();
        assert!(!server.handle_timeout(at(75_049)));
        assert!(server.handle_timeout(at(75_050)), "60 s after the last packet");
    }

    #[test]
    fn the_address_moves_after_a_challenge_is_answered_from_there() {
        let (mut client, mut server) = ends();
        let first = packet(&mut client, at(0), Some(1)).unwrap();
        take(&mut server, at(50), "elsewhere", &first).unwrap();
        assert_eq!(server.path(), "client");
        let mut challenge = Vec::new();
        assert_eq!(server.poll_challenge(at(50), &mut challenge), Some("elsewhere"));
        assert_eq!(challenge.len() as u64, path::SHORT, "three times what came from there at the most");
        assert_eq!(server.poll_challenge(at(50), &mut Vec::new()), None, "one at a time");
        take(&mut client, at(100), "server", &challenge).unwrap();
        let response = packet(&mut client, at(100), None).unwrap();
        assert_eq!(response.len(), DATAGRAM_MAX);
        take(&mut server, at(150), "elsewhere", &response).unwrap();
        assert_eq!(server.path(), "client", "whether the path takes full packets is not known");
        challenge.clear();
        assert_eq!(server.poll_challenge(at(150), &mut challenge), Some("elsewhere"));
        assert_eq!(challenge.len() as u64, path::FULL);
        take(&mut client, at(200), "server", &challenge).unwrap();
        let response = packet(&mut client, at(200), None).unwrap();
        take(&mut server, at(250), "elsewhere", &response).unwrap();
        assert_eq!(server.path(), "elsewhere");
    }

    #[test]
    fn an_ack_of_what_was_never_sent_breaks_the_session() {
        let (mut client, _) = ends();
        packet(&mut client, at(0), Some(1)).unwrap();
        let ack = |largest| Frame::Ack(Ack { largest, delay_us: 0, run: 0, ranges: [].into_iter().collect() });
        assert_eq!(client.handle(at(1), "server", &ack(0)), Ok(true));
        assert_eq!(client.handle(at(1), "server", &ack(1)), Err(Broken));
    }
}
