//! The command line: what the user typed, and nothing else.
//!
//! Owns: the clap definition, from which the help texts, the man pages and the completions are made, and what the man
//! pages say beyond it ([`manual()`]).
//! Must not know: what the commands do.
//! Driven by: `main` (parse) and `examples/generate.rs` (man pages, completions).

mod manual;
mod values;

use std::net::SocketAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use regex::Regex;

use clap::{ArgAction, Args, Parser, Subcommand};

use crate::bench::Sizes;
use crate::net::HostPort;
use crate::net::rooms::RoomName;
use crate::server::ANNOUNCE_EACH;
use crate::sim::{BitRate, Percent};
use crate::wire::Nick;
use crate::wire::frame::History;
pub use manual::{Manual, manual};
pub use values::{BenchDialect, Db, RateArg, RestartArg, SimDialect, Sync, Text, WeatherArg};
use values::{bind_address, clients, count, duration, history, rate, text_history};

/// A chat room over UDP: server, client and one-shot sender
///
/// Encrypted, every message once and in order, also over networks that lose; and the plain text protocol of the well-known
/// Python tutorial, byte for byte: Python clients on this server, this client on a Python server.
#[derive(Debug, Parser)]
#[command(name = "udpchat", version, arg_required_else_help = true, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Say more on stderr; up to three times (RUST_LOG overrides it)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve a chat room
    ///
    /// Tells everyone who joins and sends every line to all, the sender included. The transcript goes to stdout, one
    /// line a datagram; everything else goes to stderr. SIGINT, SIGTERM and SIGHUP end it, SIGUSR1 logs its counters.
    Serve(Serve),
    /// Join a chat room and talk
    ///
    /// Shows what is said and sends the lines of stdin; '/help' shows the commands. '!q', the end of input and Ctrl-C leave.
    /// If stdin is no terminal, waits at its end until the lines are confirmed.
    Join(Join),
    /// Send a message and wait until the room has it
    ///
    /// For scripts: never prompts, and succeeds only if the server has the message in its log, or, an original, has sent it
    /// back.
    Send(Send),
    /// Ask whether a server is there, and what it is
    ///
    /// Tells which protocol it speaks, its version and key, how long an answer takes and how many are lost. An original
    /// server knows no such question: there each ping is a signup with an empty nick, which everybody in the room sees.
    Ping(Ping),
    /// Look at what was said in a room of this machine
    ///
    /// Reads the log that 'serve' keeps, also while it runs: local times and a line for each day, or JSON.
    History(Recorded),
    /// Show keys, or forget one
    ///
    /// Shows the fingerprints of your own keys, where they are, and which servers are known by which key.
    Key(Key),
    /// Load a server and measure it
    ///
    /// Joins members to any server, lets some of them talk, and reports which copies came and how late. Use it on a server of your own: it says as much as the server takes.
    Bench(Bench),
    /// Try the protocols in a simulated network
    ///
    /// One server and some clients in virtual time, in the weather that is asked for; nothing is sent anywhere. Puts the
    /// text protocol and sessions side by side. The same seed gives the same output to the byte.
    Sim(Sim),
}

/// `udpchat serve`
#[derive(Args, Debug)]
pub struct Serve {
    /// Listen on this address and port; may be given several times
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:9999", value_parser = bind_address)]
    pub bind: Vec<SocketAddr>,

    /// With which addresses to speak plain text, as the original does, beside sessions
    #[arg(long, value_enum, default_value_t = Text::Private)]
    pub text: Text,

    /// The most members at a time
    #[arg(long, value_name = "N", default_value = "10000")]
    pub max_members: NonZeroUsize,

    /// Forget a member that was silent for this long
    #[arg(long, value_name = "DURATION", default_value = "12h", value_parser = duration)]
    pub text_idle: Duration,

    /// Messages per second from each key or address, with bursts of ten seconds' worth
    ///
    /// Excess messages are delayed, then dropped; clients with sessions send them again. New keys from one neighbourhood (IPv4
    /// /24, IPv6 /64) share a budget as well: eight times this rate, or two a second for each session if that is more.
    #[arg(long, value_name = "N/s|off", default_value = "100/s", value_parser = rate)]
    pub rate: RateArg,

    /// How many new members a second may come from a neighbourhood (IPv4 /24, IPv6 /64), after a burst of 64
    #[arg(long, value_name = "N/s|off", default_value = "20/s", value_parser = rate)]
    pub signup_rate: RateArg,

    /// With more members than this joins and leaves are told several at a time, within a second: "37 joined"
    #[arg(long, value_name = "N", default_value_t = ANNOUNCE_EACH)]
    pub announce_each: usize,

    /// The file with the server's key, made if it is not there [default: server.key in $XDG_STATE_HOME/udpchat]
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,

    /// Name of the room: its log is NAME.db in $XDG_STATE_HOME/udpchat
    #[arg(long, value_name = "NAME", default_value = crate::net::rooms::DEFAULT)]
    pub room: RoomName,

    /// Keep the room's log in this file instead; ':memory:' keeps nothing
    #[arg(long, value_name = "FILE", conflicts_with = "room")]
    pub db: Option<Db>,

    /// When what is confirmed survives a loss of power: at once, or but for the last seconds; a crash it survives always
    #[arg(long, value_enum, default_value_t = Sync::Normal)]
    pub sync: Sync,

    /// Forget what is older
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub keep: Option<Duration>,

    /// Forget what is not among so many entries
    #[arg(long, value_name = "N")]
    pub keep_entries: Option<NonZeroU64>,

    /// Send new text members the last lines; at most 1000, and without a promise
    #[arg(long, value_name = "N", default_value = "0", value_parser = text_history)]
    pub text_history: usize,

    /// Write no transcript to stdout
    #[arg(short, long)]
    pub quiet: bool,
}

/// Which server, and how long to wait for it.
#[derive(Args, Debug)]
pub struct Target {
    /// The server; without a port it is 9999
    #[arg(short, long, value_name = "HOST:PORT", env = "UDPCHAT_SERVER", default_value = "127.0.0.1:9999")]
    pub server: HostPort,

    /// Wait this long for the server to answer, and for a line to be confirmed
    #[arg(short, long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    pub timeout: Duration,
}

/// What to speak with the server, if not what it speaks itself.
#[derive(Args, Clone, Copy, Debug)]
pub struct Dialects {
    /// Speak sessions only: never plain text, which anybody can read and forge
    #[arg(long, conflicts_with = "text")]
    pub secure: bool,

    /// Speak plain text only, as the original does
    #[arg(long)]
    pub text: bool,
}

/// `udpchat ping`
#[derive(Args, Debug)]
pub struct Ping {
    /// The server; without a port it is 9999
    #[arg(value_name = "HOST:PORT", env = "UDPCHAT_SERVER", default_value = "127.0.0.1:9999")]
    pub server: HostPort,

    /// How often to ask
    #[arg(short, long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub count: u64,

    /// Between two questions
    #[arg(short, long, value_name = "DURATION", default_value = "1s", value_parser = duration)]
    pub interval: Duration,

    /// Wait this long for the first answer, and for the last
    #[arg(short, long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    pub timeout: Duration,

    /// What to speak.
    #[command(flatten)]
    pub dialects: Dialects,

    /// Report as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `udpchat history`
#[derive(Args, Debug)]
pub struct Recorded {
    /// Room to show [default: the only one on this machine]
    #[arg(long, value_name = "NAME")]
    pub room: Option<RoomName>,

    /// Show the log in this file instead
    #[arg(long, value_name = "FILE", conflicts_with = "room")]
    pub db: Option<PathBuf>,

    /// From then on: so long ago, a day, a local time or RFC 3339, like 1h, today, 14:03, 2026-11-23, '2026-11-23 14:03'
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,

    /// Up to then
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,

    /// What concerns this nick: its messages, and when it came and went
    #[arg(long, value_name = "NICK")]
    pub from: Option<Nick>,

    /// What has a part that this regular expression describes
    #[arg(long, value_name = "REGEX")]
    pub grep: Option<Regex>,

    /// The last N of them
    #[arg(short = 'n', long, value_name = "N")]
    pub lines: Option<NonZeroUsize>,

    /// Go on with what is said from now on, until you stop it
    #[arg(short, long, conflicts_with = "until")]
    pub follow: bool,

    /// One JSON object a line (docs/JSON.md)
    #[arg(long)]
    pub json: bool,

    /// Write them to this file, as with --json, whole or not at all; '-' is stdout
    #[arg(long, value_name = "FILE", conflicts_with = "follow")]
    pub export: Option<PathBuf>,

    /// Overwrite for ever what the key behind NICK posted, under whatever nick, and when it came and went
    ///
    /// The entries become gaps; others keep their numbers. If several keys used the nick, the choices are listed: NICK#KEY, or
    /// NICK#text for the lines of plain-text clients.
    #[arg(long, value_name = "NICK", conflicts_with_all = ["since", "until", "from", "grep", "lines", "follow", "json", "export"])]
    pub forget: Option<String>,

    /// Do not ask before --forget overwrites
    #[arg(long, requires = "forget")]
    pub yes: bool,
}

/// `udpchat key`
#[derive(Args, Debug)]
pub struct Key {
    /// What to do with them; nothing: show them.
    #[command(subcommand)]
    pub action: Option<KeyAction>,
}

/// `udpchat key ...`
#[derive(Debug, Subcommand)]
pub enum KeyAction {
    /// Forget the key of a server: the next one that it has is taken for its own
    Forget {
        /// The server, as it was named when it was met
        #[arg(value_name = "HOST:PORT")]
        server: HostPort,
    },
}

/// `udpchat join`
#[derive(Args, Debug)]
pub struct Join {
    /// What to be called, 1 to 32 bytes; asked for on a terminal if it is not given
    #[arg(short, long, env = "UDPCHAT_NICK")]
    pub nick: Option<Nick>,

    /// The server.
    #[command(flatten)]
    pub target: Target,

    /// What to speak.
    #[command(flatten)]
    pub dialects: Dialects,

    /// Where you were not before: begin with so many of the last messages, with those of so long, or with all
    #[arg(long, value_name = "N|DURATION|all", default_value = "50", value_parser = history)]
    pub history: History,

    /// Tell what happens as JSON, one object a line (docs/JSON.md)
    #[arg(long)]
    pub json: bool,
}

/// `udpchat send`
#[derive(Args, Debug)]
pub struct Send {
    /// What to be called, 1 to 32 bytes
    #[arg(short, long, env = "UDPCHAT_NICK")]
    pub nick: Nick,

    /// The server.
    #[command(flatten)]
    pub target: Target,

    /// What to speak.
    #[command(flatten)]
    pub dialects: Dialects,

    /// Name the message, so that it is in the room once however often it is sent under this name
    #[arg(long, value_name = "KEY")]
    pub id: Option<String>,

    /// The message; '-' sends each line of stdin
    pub message: String,
}

/// `udpchat bench`
#[derive(Args, Debug)]
pub struct Bench {
    /// The server.
    #[command(flatten)]
    pub target: Target,

    /// What to speak
    #[arg(long, value_enum, default_value_t = BenchDialect::Text)]
    pub dialect: BenchDialect,

    /// How many members listen
    #[arg(short, long, value_name = "N", default_value = "100", value_parser = count)]
    pub members: usize,

    /// How many of them talk, in turn
    #[arg(long, value_name = "N", default_value = "10", value_parser = count)]
    pub senders: usize,

    /// End a run after so many messages
    #[arg(long, value_name = "N")]
    pub messages: Option<u32>,

    /// End a run after this long; 10s if there is no other end
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub duration: Option<Duration>,

    /// The length of the lines in bytes, or a range to spread them over
    #[arg(long, value_name = "B|MIN-MAX", default_value = "64")]
    pub size: Sizes,

    /// Closed loop: so many messages under way
    #[arg(long, value_name = "N", default_value = "64", value_parser = count, conflicts_with = "rate")]
    pub window: usize,

    /// Open loop: so many messages a second; latency counts from when they were due
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,

    /// Run so often with the same members, and report the medians
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..))]
    pub repeat: u16,

    /// The server's process: report its time on a processor by delivery, and its memory (Linux)
    #[arg(long)]
    pub pid: Option<u32>,

    /// Let the members in all at once, with sessions, each announced, while two of them talk; measure that alone
    #[arg(long, conflicts_with_all = ["window", "rate", "messages", "duration", "repeat", "size", "senders"])]
    pub present: bool,

    /// When all are in run this with sh, which is to kill the server and start it anew, and measure how they come back
    #[arg(long, value_name = "CMD", requires = "present")]
    pub restart: Option<String>,

    /// Report as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `udpchat sim`
#[derive(Args, Debug)]
pub struct Sim {
    /// How many clients talk
    #[arg(short, long, value_name = "N", default_value = "10", value_parser = clients)]
    pub clients: usize,

    /// How many messages they say in all, in turns
    #[arg(short, long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub messages: u64,

    /// Between two messages
    #[arg(long, value_name = "DURATION", default_value = "20ms", value_parser = duration)]
    pub interval: Duration,

    /// How long each message is, in bytes
    #[arg(long, value_name = "B", default_value = "64")]
    pub size: usize,

    /// A weather with a name; what is given beside it counts more
    #[arg(short, long, value_enum)]
    pub weather: Option<WeatherArg>,

    /// Which part of the datagrams is lost, each way
    #[arg(long, value_name = "PERCENT")]
    pub loss: Option<Percent>,

    /// How long a datagram takes, one way; 1ms if nothing else is said
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub delay: Option<Duration>,

    /// By how much longer it takes at most, by chance
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub jitter: Option<Duration>,

    /// Which part of the datagrams comes twice
    #[arg(long, value_name = "PERCENT")]
    pub duplicate: Option<Percent>,

    /// Which part comes later than those behind it
    #[arg(long, value_name = "PERCENT")]
    pub reorder: Option<Percent>,

    /// How much goes over each client's line, each way, like 1Mbit
    #[arg(long, value_name = "RATE")]
    pub rate_limit: Option<BitRate>,

    /// Cut every other client off for so long
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub partition: Option<Duration>,

    /// Give every other client another address
    #[arg(long)]
    pub rebind: bool,

    /// Kill the server and start it again, with the log that it had or an empty one
    #[arg(long, value_enum, value_name = "LOG", num_args = 0..=1, default_missing_value = "same-log", require_equals = true)]
    pub restart_server: Option<RestartArg>,

    /// Kill every third client and start it again
    #[arg(long)]
    pub restart_clients: bool,

    /// Everything that happens by chance comes from this number
    #[arg(long, value_name = "N", default_value = "1")]
    pub seed: u64,

    /// What is spoken
    #[arg(long, value_enum, default_value_t = SimDialect::Both)]
    pub dialect: SimDialect,

    /// Report as one JSON object, with a key for each dialect
    #[arg(long, conflicts_with = "trace")]
    pub json: bool,

    /// Tell the story too, datagram by datagram
    #[arg(long)]
    pub trace: bool,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::wildcard_enum_match_arm)]
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serve_listens_on_every_address_that_is_given_and_else_on_the_originals() {
        let bound = |args: &[&str]| match Cli::try_parse_from(args).unwrap().command {
            Command::Serve(serve) => serve.bind,
            other => unreachable!("serve was asked for: {other:?}"),
        };
        assert_eq!(bound(&["udpchat", "serve"]), ["127.0.0.1:9999".parse().unwrap()]);
        assert_eq!(bound(&["udpchat", "serve", "--bind", "[::1]:1", "--bind", "127.0.0.1:0"]).len(), 2);
    }

    #[test]
    fn wrong_values_are_told_what_they_should_be() {
        let error = |args: &[&str]| Cli::try_parse_from(args).unwrap_err().to_string();
        assert!(error(&["udpchat", "serve", "--bind", "9999"]).contains("write it as ADDR:PORT"));
        assert!(error(&["udpchat", "serve", "--text-idle", "soon"]).contains("write it like 500ms, 5s or 12h"));
        assert!(error(&["udpchat", "join", "--timeout", "0s"]).contains("longer than nothing"));
        assert!(error(&["udpchat", "join", "--nick", ""]).contains("at least one character"));
        assert!(error(&["udpchat", "serve", "--max-members", "0"]).contains("--max-members"));
        assert!(error(&["udpchat", "send", "--nick", "bot"]).contains("<MESSAGE>"));
        assert!(error(&["udpchat", "sim", "--loss", "120%"]).contains("write it like 10%"));
        assert!(error(&["udpchat", "sim", "--rate-limit", "fast"]).contains("write it like 1Mbit"));
    }
}
