//! The laboratory: a server and its clients in a simulated network, in virtual time. One implementation for `udpchat sim`
//! and for the tests.
//!
//! Owns: [`Scenario`] (the plan of a run), the weather (`network`), who is where (`world`), everything that the ends report and
//! whether it is true (`oracle`), a competing transfer (`rival`), the numbers (`tally`) and the story (`trace`).
//! Must not know: real time, real sockets, the terminal.
//! Driven by: `cmd::sim` and `tests/memory/simulation.rs`.
//!
//! The same seed gives the same run to the byte.

mod agenda;
mod cast;
mod encoded;
mod hostile;
mod letters;
mod network;
mod nicks;
mod oracle;
mod reading;
mod receipts;
mod rights;
mod rival;
mod store;
mod tally;
mod told;
mod trace;
mod units;
mod world;

use std::time::Duration;

use crate::server::ANNOUNCE_EACH;

pub use network::{HEADERS, Weather};
pub use tally::{Numbers, Tally};
pub use trace::Trace;
pub use units::{BitRate, Percent, Preset};
pub use world::run;

/// The dialect of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The original's text dialect.
    Text,
    /// The session protocol.
    Session,
    /// Every other client speaks text.
    Mixed,
}

/// What happens to the server in the middle of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// It comes back with the log that it had: committed entries stay.
    SameLog,
    /// It comes back with an empty log.
    NewLog,
}

/// The plan of a run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The source of everything that happens by chance.
    pub seed: u64,
    /// The dialect.
    pub dialect: Dialect,
    /// The number of clients.
    pub clients: usize,
    /// The number of messages that they post in all, in turns.
    pub messages: u64,
    /// The time between two messages.
    pub interval: Duration,
    /// How many private messages follow each of these, from the same client to the next one; none if there is no other.
    pub private: u64,
    /// Whether the server, and every other client, has AES: their sessions use it.
    pub aes: bool,
    /// With each of these, the part of the clients that ask for earlier entries.
    pub reads: f64,
    /// The length of each message, in bytes.
    pub size: usize,
    /// The state of the network.
    pub weather: Weather,
    /// For how long every other client is cut off.
    pub partition: Option<Duration>,
    /// Whether every other client gets another address.
    pub rebind: bool,
    /// Whether the server is killed and restarted, and with which log.
    pub restart_server: Option<Restart>,
    /// Whether every third client is killed and restarted.
    pub restart_clients: bool,
    /// The longest time that the log's backend takes to commit.
    pub commit_late: Duration,
    /// The part of the drafts that it rejects.
    pub commit_reject: f64,
    /// The part of the entries that is preceded by one written another way than through this server.
    pub foreign: f64,
    /// For how long the log accepts nothing.
    pub log_away: Option<Duration>,
    /// Whether the log is suddenly another one, while the server goes on.
    pub new_log: bool,
    /// Whether an attacker replays, forges and floods.
    pub attack: bool,
    /// Whether there is an adversary that speaks the protocol, with many keys and from many places (`adversary`; only in builds
    /// with the feature `adversary`). What datagrams cost the server is metered, and each key and prefix is held to its rate.
    pub adversary: bool,
    /// How many bytes of entries the server keeps for lagging members.
    pub recent_bytes: usize,
    /// With more clients than this, the server reports joins and leaves several at a time.
    pub announce_each: usize,
    /// How many entries the log keeps; `None` for all.
    pub keep_entries: Option<u64>,
    /// The number of entries in the log at the beginning.
    pub replay: u64,
    /// How many of the clients come when the talk begins, want all of these entries, and post nothing.
    pub replayers: usize,
    /// Whether a competing loss-based transfer goes over the line to the first client, from the beginning of the talk on.
    pub rival: bool,
    /// Whether the weather ends with the last message, as a run that must converge needs it.
    pub calms: bool,
    /// The longest time from the last fault until everything must have converged.
    pub converge_within: Duration,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            seed: 1,
            dialect: Dialect::Session,
            clients: 5,
            messages: 100,
            interval: Duration::from_millis(20),
            private: 0,
            aes: false,
            reads: 0.0,
            size: 64,
            weather: Weather::default(),
            partition: None,
            rebind: false,
            restart_server: None,
            restart_clients: false,
            commit_late: Duration::ZERO,
            commit_reject: 0.0,
            foreign: 0.0,
            log_away: None,
            new_log: false,
            attack: false,
            adversary: false,
            recent_bytes: 16 * 1024 * 1024,
            announce_each: ANNOUNCE_EACH,
            keep_entries: None,
            replay: 0,
            replayers: 0,
            rival: false,
            calms: false,
            converge_within: Duration::from_secs(30),
        }
    }
}

/// The result of a run.
#[derive(Debug)]
pub struct Report {
    /// The numbers.
    pub tally: Tally,
    /// The broken promises; the text dialect promises nothing but that it is text.
    pub violations: Vec<String>,
    /// A number that is the same for the same run.
    pub trace_hash: u64,
    /// The story, if the caller asked for it.
    pub trace: Trace,
}
