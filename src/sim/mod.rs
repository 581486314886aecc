//! The laboratory: a server and its clients in a simulated network, in virtual time. One implementation for `udpchat sim`
//! and for the tests.
//!
//! Owns: [`Scenario`] (what is to happen), the weather (`network`), who is where (`world`), what everybody is told and
//! whether it is true (`oracle`), who else uses the line (`rival`), the numbers (`tally`) and the story (`trace`).
//! Must not know: real time, real sockets, the terminal.
//! Driven by: `cmd::sim` and `tests/memory/simulation.rs`.
//!
//! The same seed gives the same run to the byte.

mod agenda;
mod cast;
mod hostile;
mod network;
mod oracle;
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

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The original's.
    Text,
    /// Sessions.
    Session,
    /// Every other client speaks text.
    Mixed,
}

/// What happens to the server in the middle of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// It comes back with the log that it had: what was committed stays.
    SameLog,
    /// It comes back with an empty log.
    NewLog,
}

/// What is to happen.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Everything that happens by chance comes from it.
    pub seed: u64,
    /// What is spoken.
    pub dialect: Dialect,
    /// How many clients there are.
    pub clients: usize,
    /// How many messages they say in all, in turns.
    pub messages: u64,
    /// Between two messages.
    pub interval: Duration,
    /// How long each is, in bytes.
    pub size: usize,
    /// How the network is.
    pub weather: Weather,
    /// Every other client is cut off for so long.
    pub partition: Option<Duration>,
    /// Every other client gets another address.
    pub rebind: bool,
    /// The server is killed and started again.
    pub restart_server: Option<Restart>,
    /// Every third client is killed and started again.
    pub restart_clients: bool,
    /// The log's backend takes up to so long to commit.
    pub commit_late: Duration,
    /// Which part of the drafts it rejects.
    pub commit_reject: f64,
    /// Before which part of the entries one comes that was made another way than through this server.
    pub foreign: f64,
    /// The log takes nothing for so long.
    pub log_away: Option<Duration>,
    /// The log is another one all of a sudden, and the server goes on.
    pub new_log: bool,
    /// Somebody replays, forges and floods.
    pub attack: bool,
    /// Somebody hostile is there who speaks the protocol, with many keys and from many places (`adversary`; only in builds with the
    /// feature `adversary`). What datagrams cost the server is metered, and each key and prefix is held to its rate.
    pub adversary: bool,
    /// How many bytes of entries the server keeps for those who are behind.
    pub recent_bytes: usize,
    /// With more clients joins and leaves are told several at a time.
    pub announce_each: usize,
    /// How many entries the log keeps; all without it.
    pub keep_entries: Option<u64>,
    /// How many entries are in the log at the beginning.
    pub replay: u64,
    /// So many of the clients come when the talk begins, want all of these and say nothing.
    pub replayers: usize,
    /// From the beginning of the talk on somebody else's loss-based transfer goes over the line to the first client.
    pub rival: bool,
    /// The weather ends with the last message, as what must converge wants it.
    pub calms: bool,
    /// How long after the last fault everything must have converged.
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

/// How a run ended.
#[derive(Debug)]
pub struct Report {
    /// The numbers.
    pub tally: Tally,
    /// What was not as promised; nothing is promised of the text dialect but that it is text.
    pub violations: Vec<String>,
    /// A number that is the same for the same run.
    pub trace_hash: u64,
    /// The story, if it was asked for.
    pub trace: Trace,
}
