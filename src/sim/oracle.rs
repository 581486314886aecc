//! The judge of whether everything was as promised.
//!
//! Owns: the record of a run, and the promises (PROTOCOL 2.8 to 2.13).
//! Must not know: anything of the core. It sees the bytes on the wire, the entries that the log's backend committed and the
//! ends' reports to their users, and decodes all of them by itself; it uses nothing of `wire`, `session`, `server`, `client`.
//! Driven by: `world`, which shows it everything as it happens.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::time::Duration;

use super::encoded::{letter, string};
use super::nicks::Nicks;
use super::rights::Rights;
use crate::time::Instant;

/// The number of violations that are recorded; one is enough to fail.
const VIOLATIONS_MAX: usize = 20;

/// The most bytes to an unproven address for each byte from it.
const AMPLIFICATION: u64 = 3;

/// The most datagrams in a quiet minute for each client: for each keepalive the ping, its answer and the ack of that.
pub(super) const QUIET_DATAGRAMS: u64 = 4 * 5;

/// The longest of these datagrams.
const QUIET_LEN: usize = 120;

/// A log's identity.
pub(super) type Log = [u8; 16];

/// A running client's identity, and the counter of its post.
pub(super) type Post = ([u8; 8], u64);

/// The outcome of a post, as its client reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It is the entry with this number.
    Accepted(u64),
    /// It is no entry.
    Refused,
    /// Its outcome is unknown.
    Unconfirmed,
}

/// A client's post.
#[derive(Clone, Debug)]
pub(super) struct Posted {
    /// The client, which may be gone by now.
    pub(super) by: usize,
    pub(super) text: String,
    /// Whom it is for, if it is private.
    pub(super) to: Option<usize>,
}

#[derive(Clone, Debug)]
pub(super) struct Committed {
    pub(super) entry: Box<[u8]>,
    post: Option<Post>,
    /// Whether the oracle's own fold lets it have effect.
    pub(super) has_effect: bool,
}

/// A log, and what it comes to.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) entries: Vec<Committed>,
    nicks: Nicks,
    rights: Rights,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Reader {
    pub(super) log: Option<Log>,
    /// The number that must come next; `None` allows any.
    next: Option<u64>,
    /// The number before which its user has read everything, in whatever log.
    pub(super) read: u64,
}

impl Reader {
    /// Returns the number that must come next, if it is known.
    pub(super) const fn next(&self) -> Option<u64> {
        self.next
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Address {
    from: u64,
    to: u64,
    /// When the first of the server's datagrams arrived there.
    reached: Option<Instant>,
    proven: bool,
    /// Whether it spoke the text dialect, which has no anti-amplification limit; and the session protocol.
    text: bool,
    session: bool,
    /// Whether anything arrived from there that had not arrived before, from any address.
    original: bool,
}

/// The oracle; see the module.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    server: Option<SocketAddr>,
    pub(super) logs: BTreeMap<Log, Record>,
    current: Log,
    /// How often the server has begun with a log.
    begins: u32,
    pub(super) readers: BTreeMap<usize, Reader>,
    /// Every post.
    pub(super) posted: BTreeMap<Post, Posted>,
    /// The short names of the clients' keys.
    pub(super) keys: BTreeMap<usize, [u8; 8]>,
    pub(super) told: BTreeMap<Post, Told>,
    /// Posts of clients that are gone: nobody waits for their outcome.
    abandoned: BTreeSet<Post>,
    addresses: BTreeMap<SocketAddr, Address>,
    tokens: BTreeSet<(SocketAddr, Box<[u8]>)>,
    hellos: BTreeSet<SocketAddr>,
    /// The hashes of all datagrams that arrived at the server.
    arrived: BTreeSet<u64>,
    pub(super) gaps_allowed: bool,
    rejects: bool,
    /// Keys that are not the clients': they come, go and rename themselves as they like.
    strangers: BTreeSet<[u8; 8]>,
    violations: Vec<String>,
    quiet: Option<u64>,
    /// The addresses of two clients that write to each other, while nobody else says anything; and the datagrams of the others meanwhile.
    pub(super) whispers: Option<(BTreeSet<SocketAddr>, u64)>,
}

impl Oracle {
    /// Creates an oracle for a server at `server`, whose history may be too short to avoid gaps, and whose log may reject.
    pub(super) fn new(server: SocketAddr, gaps_allowed: bool, rejects: bool) -> Self {
        Self { server: Some(server), gaps_allowed, rejects, ..Self::default() }
    }

    /// Sets the keys that are not the clients'.
    pub(super) fn set_strangers(&mut self, strangers: BTreeSet<[u8; 8]>) {
        self.strangers = strangers;
    }

    /// Returns how many keys there are that are not the clients'.
    pub(super) fn strangers(&self) -> usize {
        self.strangers.len()
    }

    /// Returns whether the key is none of the clients'.
    pub(super) fn is_stranger(&self, who: [u8; 8]) -> bool {
        self.strangers.contains(&who)
    }

    /// Returns the broken promises.
    pub(super) fn violations(&self) -> &[String] {
        &self.violations
    }

    /// Records a broken promise.
    pub(super) fn violation(&mut self, what: String) {
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(what);
        }
    }

    /// Records that the server has begun with this log, of which `len` entries are kept.
    pub(super) fn log_is(&mut self, log: Log, len: usize) {
        self.current = log;
        self.begins += 1;
        let kept = self.logs.entry(log).or_default().entries.len();
        if kept != len {
            self.violation(format!("the log had {kept} entries and came back with {len}"));
        }
    }

    /// Checks an entry that the backend committed, and records it.
    pub(super) fn committed(&mut self, entry: &[u8], post: Option<Post>, has_effect: bool) {
        let log = self.logs.entry(self.current).or_default();
        let (present, nicks) = (log.nicks.present(), &log.nicks);
        let may = log.rights.apply(entry, &present, |who, nick| nicks.holds(who, nick));
        let wrong = if may { log.nicks.apply(entry, &self.strangers) } else { None };
        if may != has_effect {
            let what = if has_effect { "has effect, without a right to it" } else { "has no effect" };
            self.violation(format!("entry {:02x?}... {what}", &entry[..entry.len().min(24)]));
        }
        wrong.into_iter().for_each(|what| self.violation(what));
        self.record(entry, post, may);
    }

    fn record(&mut self, entry: &[u8], post: Option<Post>, has_effect: bool) {
        if let Some(posted) = post.and_then(|post| self.posted.get(&post)).filter(|posted| posted.to.is_some())
            && entry.windows(posted.text.len()).any(|part| part == posted.text.as_bytes())
        {
            self.violation(format!("the log has what is private: {:?}", posted.text));
        }
        if let Some(post) = post {
            if !self.posted.contains_key(&post) {
                self.violation(format!("an entry of a post that nobody made: {post:?}"));
            }
            for (log, entries) in &self.logs {
                if entries.entries.iter().any(|other| other.post == Some(post)) {
                    let which = if *log == self.current { "this log" } else { "an earlier log" };
                    let what = format!("{} of {:02x?} is in {which} already", post.1, post.0);
                    return self.violation(what);
                }
            }
            let before = self.logs[&self.current].entries.iter().rev().filter_map(|entry| entry.post);
            if let Some((_, counter)) = before.into_iter().find(|&(instance, _)| instance == post.0)
                && counter > post.1
            {
                self.violation(format!("post {} of {:02x?} comes after {counter}", post.1, post.0));
            }
        }
        let entry = Committed { entry: entry.into(), post, has_effect };
        self.logs.entry(self.current).or_default().entries.push(entry);
    }

    /// Records a client's key.
    pub(super) fn has_key(&mut self, client: usize, who: [u8; 8]) {
        self.keys.insert(client, who);
    }

    /// Records a client's post, which may be for one other client only.
    pub(super) fn posted(&mut self, client: usize, post: Post, text: &str, to: Option<usize>) {
        self.posted.insert(post, Posted { by: client, text: text.to_owned(), to });
    }

    /// Checks the outcome that a client was told for its post.
    pub(super) fn told(&mut self, client: usize, post: Post, told: Told) {
        let Some(Posted { text, to, .. }) = self.posted.get(&post).cloned() else {
            return self.violation(format!("client {client} is told of a post that it did not make: {post:?}"));
        };
        if let Some(before) = self.told.insert(post, told) {
            return self.violation(format!("client {client} is told twice of {post:?}: {before:?}, {told:?}"));
        }
        if let Told::Accepted(seq) = told {
            let log = self.readers.get(&client).and_then(|reader| reader.log).unwrap_or_default();
            let entry = self.logs.get(&log).and_then(|log| log.entries.get(usize::try_from(seq).ok()?));
            match entry {
                Some(entry) if to.is_some() && letter(&entry.entry).is_some_and(|letter| letter.post == post) => {}
                Some(entry) if said(&entry.entry).is_some_and(|said| said == text) && entry.post == Some(post) => {}
                Some(_) => self.violation(format!("client {client}: entry {seq} is not its post {post:?}")),
                None => {
                    self.violation(format!("client {client}: {post:?} is said to be entry {seq}, which is not there"))
                }
            }
        }
        // A server that has just begun knows nobody whose coming is not in its log.
        let may_be_unknown = to.is_some() && self.begins > 1;
        if told == Told::Refused && !self.rejects && !may_be_unknown {
            self.violation(format!("client {client}: {post:?} was refused"));
        }
    }

    /// Records that a client has a session, and reads this log from here on.
    pub(super) fn reads(&mut self, client: usize, log: Log, from: u64) {
        let reader = self.readers.entry(client).or_default();
        let goes_on = reader.log == Some(log);
        let expected = std::mem::replace(reader, Reader { log: Some(log), next: Some(from), read: reader.read }).next;
        let Some(expected) = expected.filter(|_| goes_on) else { return };
        // Entries that an older session brought while the new one began come again, and are not shown again.
        reader.next = Some(expected);
        if expected < from {
            self.violation(format!("client {client} goes on with {from} where {expected} comes next"));
        }
    }

    /// Records that a client restarted and remembers this place, or none.
    pub(super) fn restarted(&mut self, client: usize, place: Option<(Log, u64)>) {
        let reader = self.readers.entry(client).or_default();
        reader.log = place.map(|(log, _)| log);
        reader.next = place.map(|(_, next)| next);
        let untold = self.posted.iter().filter(|&(post, posted)| posted.by == client && !self.told.contains_key(post));
        self.abandoned.extend(untold.map(|(&post, _)| post));
    }

    /// Checks an entry that a client showed.
    pub(super) fn shown(&mut self, client: usize, seq: u64, encoded: &[u8]) {
        let Some(reader) = self.readers.get_mut(&client) else { return };
        let (log, expected) = (reader.log, reader.next.replace(seq + 1));
        if expected.is_some_and(|expected| expected != seq) {
            self.violation(format!("client {client} shows {seq} where {expected:?} comes next"));
        }
        let entry = log.and_then(|log| self.logs.get(&log)?.entries.get(usize::try_from(seq).ok()?));
        match entry {
            Some(entry) if !entry.has_effect => {
                self.violation(format!("client {client} shows {seq}, which has no effect"))
            }
            Some(entry) if self.is_private_to_others(client, entry) => {
                self.violation(format!("client {client} shows {seq}, which is for others"));
            }
            Some(entry) if *entry.entry == *encoded => {}
            Some(_) => self.violation(format!("client {client} shows something else as {seq}")),
            None => self.violation(format!("client {client} shows {seq}, which is not committed")),
        }
    }

    /// Checks the report to a client that entries will not come.
    pub(super) fn gap(&mut self, client: usize, first: u64, count: u64, why: u32) {
        let Some(reader) = self.readers.get_mut(&client) else { return };
        let (expected, log) = (reader.next.replace(first + count), reader.log);
        if expected.is_some_and(|expected| expected != first) {
            self.violation(format!("client {client} is told of a gap at {first} where {expected:?} comes next"));
        }
        // PROTOCOL 2.7: joined and left are variants 2 and 3; 2.10: as a counted gap they have reason 2, 3 or, mixed, 4.
        if why == 5 {
            return self.silent(client, log, first, count);
        }
        if matches!(why, 2..=4) {
            let entries = log.and_then(|log| self.logs.get(&log)).map(|log| &log.entries);
            let is_true = (first..first + count).all(|seq| {
                let entry = entries.and_then(|entries| entries.get(usize::try_from(seq).ok()?));
                match entry.and_then(|committed| committed.entry.first()) {
                    Some(2) => why != 3,
                    Some(3) => why != 2,
                    Some(_) | None => false,
                }
            });
            if !is_true {
                self.violation(format!(
                    "client {client} is told by gap {why} of {count} from {first} on, which is not so"
                ));
            }
            return;
        }
        if !self.gaps_allowed {
            self.violation(format!("client {client} misses {count} from {first} on"));
        }
    }

    /// Checks the report to a client that there is nothing to be shown: PROTOCOL 2.18.
    pub(super) fn silent(&mut self, client: usize, log: Option<Log>, first: u64, count: u64) {
        let entries = log.and_then(|log| self.logs.get(&log)).map(|log| &log.entries);
        let is_true = (first..first + count).all(|seq| {
            let entry = entries.and_then(|entries| entries.get(usize::try_from(seq).ok()?));
            // Or it is the one that says whose the log is: variant 6 of the server, without a nick, act 9.
            entry.is_some_and(|entry| {
                !entry.has_effect
                    || entry.entry.starts_with(&[6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9])
                    || self.is_private_to_others(client, entry)
            })
        });
        if !is_true {
            self.violation(format!("client {client} is not shown {count} from {first} on, which have effect"));
        }
    }

    /// Checks a datagram that was sent.
    pub(super) fn sent(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let other = if Some(from) == self.server { to } else { from };
        let is_member = self.addresses.get(&other).is_some_and(|address| address.proven);
        if let Some(quiet) = self.quiet.as_mut().filter(|_| is_member) {
            *quiet += 1;
            if bytes.len() > QUIET_LEN {
                self.violation(format!("{} bytes from {from} to {to} in a quiet room", bytes.len()));
            }
        }
        if let Some((parties, others)) = self.whispers.as_mut().filter(|_| is_member) {
            *others += u64::from(!parties.contains(&other));
        }
        if Some(from) != self.server {
            return;
        }
        if bytes.len() == 12 && bytes[0] == 6 {
            self.tokens.insert((to, bytes.into()));
        }
        let address = self.addresses.entry(to).or_default();
        if address.text && !address.session {
            if std::str::from_utf8(bytes).is_err() {
                self.violation(format!("a text peer, {to}, is sent what is not UTF-8"));
            }
            return;
        }
        address.to += bytes.len() as u64;
        let Address { from: received, to: sent, proven, original, .. } = *address;
        if !address.text && !proven && sent > AMPLIFICATION * received {
            self.violation(format!("{sent} bytes to {to}, which is not proven and sent {received}"));
        }
        if bytes[0] == 0xf9 && !self.hellos.contains(&to) {
            self.violation(format!("an answer to {to}, which showed no token"));
        }
        if !original && bytes[0] == 0xfb {
            self.violation(format!("{to} only sent what had arrived before, and draws a packet"));
        }
    }

    /// Records a datagram that arrived at the server.
    pub(super) fn reached_server(&mut self, from: SocketAddr, bytes: &[u8], sent: Instant) {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        // Only packets: datagrams of a handshake may be copied, and are answered to the address that they came from.
        let original = self.arrived.insert(hasher.finish()) || bytes.first() != Some(&0xfb);
        let is_session = bytes.first().is_some_and(|&first| first >= 0xf8);
        let is_probe = bytes.last() == Some(&6);
        if bytes.first() == Some(&0xf8) && bytes.len() >= 18 && self.tokens.contains(&(from, bytes[6..18].into())) {
            self.hellos.insert(from);
        }
        let address = self.addresses.entry(from).or_default();
        address.from += bytes.len() as u64;
        address.original |= original;
        address.text |= !is_session && !is_probe;
        address.session |= is_session;
        address.proven |= address.reached.is_some_and(|reached| reached <= sent);
    }

    /// Records that a datagram of the server's arrived at a client.
    pub(super) fn reached_client(&mut self, at: SocketAddr, now: Instant) {
        self.addresses.entry(at).or_default().reached.get_or_insert(now);
    }

    /// Returns what is missing; `None` if every reader has everything and every post is settled.
    pub(super) fn missing(&self, readers: &[usize]) -> Option<String> {
        let entries = self.logs.get(&self.current).map_or(&[][..], |log| &log.entries);
        let end = entries.len() as u64;
        for client in readers {
            let reader = self.readers.get(client).cloned().unwrap_or_default();
            // Nobody is sent anything for private messages of others at the end of the log.
            let next = reader.next.and_then(|next| usize::try_from(next).ok()).unwrap_or_default();
            let rest = entries.get(next..).unwrap_or_default();
            let is_at_end = reader.next.is_some_and(|next| next <= end)
                && rest.iter().all(|entry| self.is_private_to_others(*client, entry));
            if reader.log != Some(self.current) || !is_at_end {
                let which = if reader.log == Some(self.current) { "this log" } else { "another log, or none" };
                return Some(format!("client {client} is at {:?} of {end} in {which}", reader.next));
            }
        }
        let open = self.posted.keys().find(|post| !self.told.contains_key(post) && !self.abandoned.contains(post));
        open.map(|post| format!("post {post:?} is not settled"))
    }

    /// From now on only keepalives should flow.
    pub(super) fn begin_quiet(&mut self) {
        self.quiet = Some(0);
    }

    /// Ends the quiet, which lasted for `time` with `clients` clients, and makes the last checks.
    pub(super) fn finish(&mut self, time: Duration, clients: usize) {
        let allowed = QUIET_DATAGRAMS * clients as u64 * (time.as_secs() / 60).max(1);
        if let Some(quiet) = self.quiet.take().filter(|&quiet| quiet > allowed) {
            self.violation(format!("{quiet} datagrams in a quiet room, of {allowed} that keepalives need"));
        }
        for (post, told) in self.told.clone() {
            let is_there = self.logs.values().flat_map(|log| &log.entries).any(|entry| entry.post == Some(post));
            if told == Told::Refused && is_there {
                self.violation(format!("{post:?} was refused, and is in the log"));
            }
        }
        self.check_presence();
    }

    /// Checks that `joined` and `left` of each key take turns.
    fn check_presence(&mut self) {
        if self.rejects {
            return;
        }
        let mut violations = Vec::new();
        for log in self.logs.values() {
            let mut present: BTreeSet<&[u8]> = BTreeSet::new();
            for entry in log.entries.iter().filter(|entry| entry.has_effect) {
                if entry.entry.get(1..9).is_some_and(|who| self.strangers.iter().any(|stranger| stranger == who)) {
                    continue;
                }
                match entry.entry.split_at_checked(9) {
                    Some(([2, who @ ..], _)) if !present.insert(who) => {
                        violations.push(format!("{who:02x?} joined twice"))
                    }
                    Some(([3, who @ ..], _)) if !present.remove(who) => {
                        violations.push(format!("{who:02x?} left twice"))
                    }
                    _ => {}
                }
            }
        }
        violations.into_iter().for_each(|what| self.violation(what));
    }
}

/// Returns the text of a *said* entry: variant 1, eight bytes, a nick and a text, each with its length as a varint.
pub(super) fn said(entry: &[u8]) -> Option<&str> {
    let rest = entry.strip_prefix(&[1])?.get(8..)?;
    let (_, rest) = string(rest)?;
    string(rest).map(|(text, _)| text)
}

/// Returns the line of a text peer: variant 0 and a text.
pub(super) fn line(entry: &[u8]) -> Option<&str> {
    string(entry.strip_prefix(&[0])?).map(|(text, _)| text)
}
