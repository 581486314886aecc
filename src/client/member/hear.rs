//! Everything that arrives from the server: tokens, the handshake's answer, packets and their frames.
//!
//! Owns: which state each datagram and each frame changes.
//! Must not know: what is sent, and when.
//! Driven by: `member`.

use std::net::SocketAddr;
use std::time::Duration;

use super::attempt::{self, Attempt};
use super::marks::Marks;
use super::questions::Asked;
use super::{Cargo, Link, Member};
use crate::client::event::{Event, Over, Person, Room};
use crate::client::seen::Seen;
use crate::session::{PACKETS_MAX, PACKETS_OF_A_KEY, PublicKey, Session};
use crate::wire::entry::WHY_MAX;
use crate::wire::frame::{self, Barred, Found, Frame, ListState, Outcome, People, RoomInfo, Welcome, frames};
use crate::wire::packet::{self, DATAGRAM_MAX, Datagram};
use crate::wire::record::{Name, Role, items};
use crate::wire::{CloseReason, LogId, NICK_MAX, Nick, SessionId};

/// A knock within this time after another one is ignored (PROTOCOL 2.11): forged knocks make the client ping its own server.
const KNOCK_PAUSE: Duration = Duration::from_secs(1);

impl Member {
    pub(super) fn handle_text(&mut self, bytes: &[u8]) {
        let Some(attempt) = &mut self.attempt else { return };
        let Some(token) = packet::token(bytes).filter(|token| attempt.may_greet(token)) else { return };
        // The first token answers the probe; a later one shows that a hello arrived and that the server rejected its token.
        self.are_tokens_refused |= !attempt.is_seeking();
        attempt.greet(&self.ends, &mut self.entropy, token);
        self.forget_built();
    }

    pub(super) fn handle_handshake(&mut self, datagram: &Datagram<'_>) {
        let (now, Some(attempt)) = (self.now, &mut self.attempt) else { return };
        match attempt.handle(datagram) {
            attempt::Heard::Nothing => {}
            attempt::Heard::Answered(key) if self.ends.identity.pinned.is_some_and(|pinned| pinned != key) => {
                self.end(Over::KeyChanged(key));
            }
            attempt::Heard::Answered(key) => {
                // Pin the key at least for as long as this client runs.
                self.ends.identity.pinned = Some(key);
                self.server = Some(key);
                attempt.finish(now, &self.ends, self.view.place());
                self.forget_built();
            }
            attempt::Heard::OtherVersion(version) => {
                self.end(Over::OtherVersion(version));
            }
        }
    }

    pub(super) fn handle_unknown(&mut self, id: SessionId, number: u64) {
        let Some(link) = &self.link else { return };
        let next = link.session.next_number();
        // *Unknown* is not authenticated: believe it only of one of the last packets, and keep the session meanwhile.
        if link.session.peer() != id || number >= next || next - number > PACKETS_MAX as u64 {
            return;
        }
        if self.leaving.is_some() {
            self.end(Over::Closed(CloseReason::Left));
        } else {
            self.seek();
        }
    }

    /// Handles a knock (an unproven sign that the server restarted): pings, or hurries the probe that is due, once a second.
    pub(super) fn handle_knock(&mut self) {
        if self.leaving.is_some() || self.knocked.is_some_and(|at| at + KNOCK_PAUSE > self.now) {
            return;
        }
        self.knocked = Some(self.now);
        match (&mut self.attempt, &mut self.link) {
            // A client that backs off from failed sessions keeps its pauses.
            (Some(attempt), _) if self.comebacks <= 1 => attempt.hurry(self.now),
            (Some(_), _) => {}
            (None, Some(link)) => link.session.ping(0),
            (None, None) => {}
        }
    }

    /// Returns the session with this id, whether it stands or is about to.
    pub(super) fn session_named(&self, id: SessionId) -> Option<&Session<SocketAddr, Cargo>> {
        match self.link.as_ref().filter(|link| link.id == id) {
            Some(link) => Some(&link.session),
            None => self.attempt.as_ref()?.session(id),
        }
    }

    pub(super) fn handle_packet(&mut self, receiver: SessionId, number: u64, sealed: &[u8]) {
        let is_new = self.link.as_ref().is_none_or(|link| link.id != receiver);
        let mut plain = [0; DATAGRAM_MAX];
        let Some(session) = self.session_named(receiver) else { return };
        let Ok(plain) = session.open(number, sealed, &mut plain) else { return };
        let Ok(frames) = frames(plain).collect::<Result<Vec<_>, _>>() else {
            return self.end(Over::Closed(CloseReason::Broken));
        };
        if frames.iter().filter(|frame| matches!(frame, Frame::Ack(_))).count() > 1 {
            return self.end(Over::Closed(CloseReason::Broken));
        }
        let is_last_word = |frame: &Frame<'_>| matches!(frame, Frame::Bye(_) | Frame::Held(_) | Frame::Barred(_));
        if number >= PACKETS_OF_A_KEY && !frames.iter().all(is_last_word) {
            return;
        }
        if is_new {
            // A session begins with *welcome* or *bye*; packets that overtook it have to be retransmitted.
            if !frames.iter().any(|frame| matches!(frame, Frame::Welcome { .. } | Frame::Bye(_))) {
                return;
            }
            let Some((id, session)) = self.attempt.take().and_then(Attempt::into_session) else { return };
            let (since, first_post) = (self.now, self.posts.end());
            self.link = Some(Link { id, session, welcomed: false, since, first_post, nick: None, quiet: None });
            self.forget_built();
        }
        let Some(link) = &mut self.link else { return };
        let ack_eliciting = frames.iter().any(Frame::is_ack_eliciting);
        let len = packet::PACKET_HEAD + sealed.len();
        let entropy = &mut self.entropy;
        let challenges = || [entropy.bytes(), entropy.bytes()];
        link.session.accept(self.now, self.ends.server, number, len, ack_eliciting, challenges);
        if link.quiet.take().is_some() {
            self.events.push_back(Event::Back);
        }
        for frame in &frames {
            self.handle_frame(frame);
        }
        self.finish_reading();
        self.finish_skipping();
        self.take_back_lost();
        if self.leaving.is_none() && self.link.as_ref().is_some_and(|link| link.session.is_worn()) {
            // Beside this session, so that nobody notices.
            self.seek();
        }
    }

    fn handle_frame(&mut self, frame: &Frame<'_>) {
        let Some(link) = &mut self.link else { return };
        if let Frame::Pong { stamp: stamp @ 1.. } = *frame {
            self.events.push_back(Event::Pong { stamp });
        }
        match link.session.handle(self.now, self.ends.server, frame) {
            Ok(true) => return,
            Ok(false) => {}
            Err(_) => return self.end(Over::Closed(CloseReason::Broken)),
        }
        match *frame {
            Frame::Welcome { welcome, nick, software, room } => self.handle_welcome(&welcome, nick, software, room),
            Frame::Entries(entries) => {
                for (offset, encoded) in entries.iter().enumerate() {
                    let Ok(encoded) = encoded else { return self.end(Over::Closed(CloseReason::Broken)) };
                    let seq = entries.first + offset as u64;
                    if let Some(reading) = &mut self.questions.reading {
                        reading.entry(self.now, seq, encoded);
                    }
                    self.view.entry(seq, encoded, &mut self.events);
                }
            }
            Frame::Gap { first, count, why } => {
                if let Some(reading) = &mut self.questions.reading {
                    reading.gap(self.now, first, count, why);
                }
                self.view.gap(first, count, why, &mut self.events);
            }
            Frame::Received(receipt) => self.handle_received(&receipt),
            Frame::Read { before } => self.handle_read(before),
            Frame::End { end } => self.handle_end(end),
            Frame::Page(page) => {
                if let Some(reading) = &mut self.questions.reading {
                    reading.page(self.now, page);
                }
            }
            Frame::Settled { counter, outcome } => self.handle_settled(counter, outcome),
            Frame::People(people) => self.handle_people(people),
            Frame::Bye(why) => self.handle_bye(why),
            Frame::Held(held) => {
                if held.nick.len() <= NICK_MAX {
                    self.events.push_back(Event::Held { nick: held.nick.into(), who: held.who, since: held.since });
                }
            }
            Frame::Barred(Barred { until, by, why }) => {
                if by.len() <= NICK_MAX && why.len() <= WHY_MAX {
                    self.events.push_back(Event::Barred { until, by: by.into(), why: why.into() });
                }
            }
            Frame::Listed { ref after, state, items: list } => self.handle_listed(after.as_ref(), state, list),
            Frame::Found(found) => self.handle_found(&found),
            // Only clients may send the first eight; the session has handled the others.
            Frame::Have(_)
            | Frame::Post { .. }
            | Frame::Ask { .. }
            | Frame::List { .. }
            | Frame::Find { .. }
            | Frame::Fetch(_)
            | Frame::Watch(_)
            | Frame::Skip { .. } => self.end(Over::Closed(CloseReason::Broken)),
            Frame::Ack(_) | Frame::Ping { .. } | Frame::Pong { .. } | Frame::Challenge(_) | Frame::Response(_) => {}
        }
    }

    fn handle_found(&mut self, found: &Found<'_>) {
        let Found { name, whom, nick, key } = *found;
        if nick.len() <= NICK_MAX && self.questions.name.take_if(|asked| *asked.what == *name).is_some() {
            self.events.push_back(Event::Found { name: name.into(), whom, nick: nick.into(), key: PublicKey(key) });
        }
    }

    fn handle_settled(&mut self, counter: u64, outcome: Outcome) {
        let recipient = self.posts.recipient(counter);
        let before = self.posts.unsettled();
        let renamed = self.posts.settled(counter, outcome, &mut self.events);
        if let Some(to) = recipient.filter(|_| self.posts.unsettled() < before) {
            match outcome {
                Outcome::Accepted(_) => self.letters.sent(to),
                Outcome::Refused(_) => self.letters.refused(counter),
            }
        }
        let renamed = renamed.and_then(|nick| nick.parse::<Nick>().ok());
        let Some(link) = &mut self.link else { return };
        if let Some(nick) = renamed {
            if counter >= link.first_post {
                link.nick = Some(nick.clone());
            }
            self.ends.nick = nick.clone();
            self.events.push_back(Event::Renamed(nick));
        }
        // A session that began before the client learned of the rename has the new nick already, as its *welcome* stated. If it
        // has not, the server did not know of the rename, and the client needs another session.
        let is_decided = counter < link.first_post && !self.posts.has_renames_below(link.first_post);
        if is_decided && link.nick.as_ref().is_some_and(|nick| *nick != self.ends.nick) {
            self.seek();
        }
    }

    fn handle_people(&mut self, people: People<'_>) {
        let Some(after) = self.questions.people.as_ref().map(|asked| asked.what) else { return };
        if after != people.after {
            return;
        }
        let person =
            |person: frame::Person<'_>| Person { id: person.id, nick: person.nick.into(), print: person.print };
        let list: Vec<_> = people.iter().map(person).collect();
        // Continue behind the last person, but only forwards, so that no answer leads in a circle.
        let last = list.last().map(|person| Some(person.id)).filter(|&last| people.more && last > after);
        self.questions.people = last.map(|last| Asked::new(self.now, last));
        self.events.push_back(Event::People { people: list, more: last.is_some() });
    }

    fn handle_listed(&mut self, after: Option<&Name>, state: ListState, list: &[u8]) {
        if self.questions.records.as_ref().is_none_or(|asked| asked.what.as_ref() != after) {
            return;
        }
        let records: Vec<_> = items(list).collect();
        // As with people: only forwards.
        let last = records.last().map(|(name, _)| name).filter(|&last| state == ListState::More && Some(last) > after);
        self.questions.records = last.map(|last| Asked::new(self.now, Some(last.clone())));
        let may = state != ListState::NoRight;
        self.events.push_back(Event::Records { records, more: self.questions.records.is_some(), may });
    }

    fn handle_welcome(&mut self, welcome: &Welcome, nick: &str, software: &str, room: RoomInfo<'_>) {
        let Some(link) = self.link.as_mut().filter(|link| !link.welcomed) else { return };
        let Ok(nick) = nick.parse() else { return self.end(Over::Closed(CloseReason::Broken)) };
        link.welcomed = true;
        link.nick = Some(nick);
        let before = self.view.place().map(|(log, _)| log);
        let is_another = self.view.welcome(welcome.log, welcome.start);
        if is_another {
            // What was sealed for one log does not open in another.
            self.letters.seen = Seen::EMPTY;
            self.questions.reading = None;
            self.questions.watch = None;
            self.marks = Marks::default();
            self.events.push_back(Event::AnotherLog);
        }
        self.watch_anew();
        self.marks.tell_again();
        // If no log was known, the posts sent so far went nowhere, or into this log.
        let stored = self.ends.identity.outbox.as_mut().and_then(|outbox| outbox.log.replace(welcome.log));
        let is_it = |log: Option<LogId>| log.is_none_or(|log| log == welcome.log);
        let is_safe = welcome.remembers && is_it(before) && is_it(stored);
        if is_safe {
            self.posts.resume();
        } else {
            // They may be in a log, so their numbers are used.
            let given_up: Vec<_> = self.posts.sent_to().collect();
            given_up.into_iter().for_each(|to| self.letters.sent(to));
            self.posts.give_up_sent(&mut self.events);
        }
        if let Some(key) = self.server {
            let Welcome { log, start: from, end: to, .. } = *welcome;
            let RoomInfo { role, access, topic, name } = room;
            let room = Room { role: Role::of(role), is_closed: access != 0, topic: topic.into(), name: name.into() };
            self.events.push_back(Event::Here { key, software: software.into(), log, from, to });
            self.events.push_back(Event::Room(room));
        }
    }

    fn handle_bye(&mut self, why: CloseReason) {
        match why {
            _ if self.leaving.is_some() => self.end(Over::Closed(CloseReason::Left)),
            // Our own new session, which is about to stand, replaced it.
            CloseReason::Replaced if self.attempt.is_some() => self.link = None,
            CloseReason::TimedOut | CloseReason::ServerEnds => self.go_away(Some(why)),
            // Reasons that this program does not know are final too.
            CloseReason::Other(_)
            | CloseReason::Refused
            | CloseReason::Left
            | CloseReason::Replaced
            | CloseReason::NickTaken
            | CloseReason::RoomFull
            | CloseReason::TooManySessions
            | CloseReason::BadNick
            | CloseReason::Collides
            | CloseReason::Kicked
            | CloseReason::Banned
            | CloseReason::NotInvited
            | CloseReason::UsedUp
            | CloseReason::InvitedAs
            | CloseReason::Muted
            | CloseReason::Broken => self.end(Over::Closed(why)),
        }
    }
}
