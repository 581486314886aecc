//! Everybody in a run, their addresses, and what may happen to them.
//!
//! Owns: the clients and their addresses, how the server is created, the texts of messages.
//! Must not know: when anything happens.
//! Driven by: `world` and `agenda`.

use std::net::SocketAddr;

use super::store::{Backend, Kept, OWNER};
use super::{Restart, Scenario};
use crate::client::seen::Seen;
use crate::client::{member, text};
use crate::log::Store;
use crate::server::{self, Server, SocketId};
use crate::session::{DEAD_AFTER, Entropy, StaticKey};
use crate::time::Instant;
use crate::wire::entry::{Act, Claim, ENTRY_MAX, Entry, Tail, Terms};
use crate::wire::{CloseReason, Instance, Timestamp, Who};

/// The number of the server's sockets. Clients see all of them at one address: something on the path decides which socket a
/// client's datagrams come to, and lets answers back only from that one.
pub(super) const SOCKETS: usize = 2;

/// The wall-clock time at which a run begins. Chosen: the day on which this was written.
pub(super) const EPOCH: Timestamp = Timestamp(1_795_392_000_000);

/// An action that is planned for some time.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    Start(usize),
    /// The talk begins, once all clients are there.
    Begin,
    Say(u64),
    Cut(bool),
    Rebind,
    RestartServer(Restart),
    RestartClients,
    /// The log accepts nothing, or accepts again.
    LogAway(bool),
    /// The log is suddenly another one, and the server goes on.
    NewLog,
    Attack(u32),
    Hostile,
    /// The adversary leaves.
    Part,
    Calm,
}

pub(super) enum Kind {
    Session(Box<member::Member>),
    Text(Box<text::Client>),
}

pub(super) struct Client {
    pub(super) kind: Kind,
    pub(super) nick: String,
    pub(super) key: StaticKey,
    pub(super) address: SocketAddr,
    pub(super) socket: SocketId,
    pub(super) started: bool,
    /// When it was started, as long as it has not been in the room since.
    pub(super) waits_since: Option<Instant>,
    /// Whether it has been in the room: from then on it has to get everything.
    pub(super) joined: bool,
    pub(super) instance: Instance,
    /// Which private messages its earlier runs have seen.
    pub(super) seen: Seen,
    /// How many times it has changed its address.
    pub(super) moves: u16,
}

pub(super) fn open_server(
    scenario: &Scenario,
    key: &StaticKey,
    backend: &mut Backend,
    entropy: &mut Entropy,
    now: Instant,
) -> Server {
    let mut config = server::Config::new(key.clone(), entropy.bytes());
    config.has_aes = scenario.aes;
    config.recent_bytes = scenario.recent_bytes;
    config.announce_each = scenario.announce_each;
    if !scenario.adversary {
        config.rate = None;
        config.signup_rate = None;
    }
    Server::new(now, config, SOCKETS, backend.open())
}

pub(super) fn server() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 9999))
}

/// Returns the address of a client after `moves` changes.
pub(super) fn address(index: usize, moves: u16) -> SocketAddr {
    let [high, low] = u16::try_from(index).unwrap_or_default().to_be_bytes();
    SocketAddr::from(([10, 1, high, low], 40_000 + moves))
}

pub(super) fn text_config(nick: &str) -> text::Config {
    text::Config {
        nick: nick.parse().expect("our own nicks are nicks"),
        server: server(),
        patience: DEAD_AFTER,
        timeout: DEAD_AFTER,
        stays: true,
    }
}

/// Returns `m17 xxxx`, of `size` bytes.
pub(super) fn message_text(message: u64, size: usize) -> String {
    let mut text = format!("m{message} ");
    text.extend(std::iter::repeat_n('x', size.saturating_sub(text.len())));
    text
}

/// Returns the number of the message in a line, with or without a nick before it.
pub(super) fn message_in(line: &str) -> Option<u64> {
    let text = line.split_once(": ").map_or(line, |(_, text)| text);
    text.strip_prefix('m')?.split(' ').next()?.parse().ok()
}

/// Returns the entries of a room with an owner, and of a member who came, took the nick that the adversary is after, and went
/// before the run.
pub(super) fn absent() -> [Kept; 3] {
    let (owner, key) = OWNER;
    let terms = Tail::Terms(Terms { key, ..Terms::default() });
    let (act, until) = (Act::Owner, Timestamp(0));
    let owned = Entry::Acted { who: Who::SERVER, nick: "", act, whom: owner, of: "", until, why: "" };
    let (who, nick) = (Who([0xab; 8]), "absent");
    let claim = Claim { key: [0xab; 32], tables: 0, first: nick, second: "" };
    let left = Entry::Left { who, nick, why: CloseReason::Left };
    [
        kept(|into| owned.encode_with_tail(EPOCH, &terms, into)),
        kept(|into| Entry::Joined { who, nick }.encode_with_tail(EPOCH, &Tail::Claim(claim), into)),
        kept(|into| left.encode(EPOCH, into)),
    ]
}

/// Returns an entry from before the run; its author is none of the clients.
pub(super) fn old_entry(number: u64, size: usize) -> Kept {
    let text = format!("old {number:0>width$}", width = size.saturating_sub(4));
    let entry = Entry::Said { who: Who([0xdd; 8]), nick: "history", text: &text };
    kept(|into| entry.encode(EPOCH, into))
}

/// Returns an entry that `encode` writes, as the backend stores it.
fn kept(encode: impl FnOnce(&mut [u8]) -> Option<usize>) -> Kept {
    let mut encoded = vec![0; ENTRY_MAX];
    let len = encode(&mut encoded).expect("an old entry is as long as it may be");
    encoded.truncate(len);
    Kept { entry: encoded.into(), post: None, at: EPOCH, has_effect: true }
}
