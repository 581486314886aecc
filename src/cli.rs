//! The command line: what the user typed, and nothing else.
//!
//! Owns: the clap definition, from which the help texts, the man pages and the completions are made, and what the man
//! pages say beyond it ([`manual()`]).
//! Must not know: what the commands do.
//! Driven by: `main` (parse) and `examples/generate.rs` (man pages, completions).

mod acts;
mod history;
mod keys;
mod manual;
mod screen;
mod serve;
mod values;
#[cfg(feature = "web")]
mod web;

use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand};

use crate::bench::Sizes;
use crate::net::link::ServerName;
use crate::policy::names;
use crate::sim::{BitRate, Percent};
use crate::wire::Nick;
use crate::wire::frame::History;
pub use acts::{AccessArg, ActOn, Admin, Ban, Invite, Members, MembersAction, Mute, RoleArg, SetAccess, Topic};
pub use history::Recorded;
pub use keys::{Key, KeyAction};
pub use manual::{Manual, manual};
pub use screen::Screen;
pub use serve::Serve;
pub use values::{
    BenchDialect, CipherArg, ColorArg, Db, RateArg, ReceivedBy, RestartArg, SimDialect, Sync, Text, WeatherArg,
};
use values::{clients, count, duration, history, receipts, recipient};
#[cfg(feature = "web")]
pub use web::Web;

/// Headings of the options in help texts.
const ROOM: &str = "Room";
#[cfg(feature = "web")]
const PAGE: &str = "Page";
const ACCESS: &str = "Access and limits";
const SERVER: &str = "Server";
const PROTOCOL: &str = "Protocol";
const SELECT: &str = "Select";
const OUTPUT: &str = "Output";
const DELETE: &str = "Delete";
const LOAD: &str = "Load";
const NETWORK: &str = "Network";
const FAULTS: &str = "Faults";
const GENERAL: &str = "General";

/// A chat room over UDP: server, client and one-shot sender
///
/// Sessions are encrypted and deliver every message once and in order over lossy networks. The plain-text protocol of a well-known
/// Python tutorial works too: Python clients on this server, this client on a Python server.
#[derive(Debug, Parser)]
#[command(
    name = "udpchat",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    disable_help_flag = true
)]
pub struct Cli {
    /// The subcommand to run.
    #[command(subcommand)]
    pub command: Command,

    /// Log more on stderr; repeat up to three times (RUST_LOG overrides it)
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = GENERAL, display_order = 900)]
    pub verbose: u8,

    /// Print help
    #[arg(short, long, global = true, action = ArgAction::HelpShort, help_heading = GENERAL, display_order = 901)]
    pub help: Option<bool>,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve a chat room
    ///
    /// Announces new members and sends every message to everybody, its author included. The transcript goes to stdout, everything else
    /// to stderr. SIGINT, SIGTERM and SIGHUP end the server; SIGUSR1 logs its counters.
    Serve(Serve),
    /// Join a chat room and talk
    ///
    /// Shows the messages of the room and sends the lines of stdin; '/help' lists the commands. '!q', the end of input and Ctrl-C leave.
    /// If stdin is not a terminal, waits at its end until every line is confirmed.
    Join(Join),
    /// Show a chat room in the browser
    ///
    /// Serves a page on this machine, for you: each tab is a client with your key. Prints the address to open, whose secret part lets nobody
    /// else in; it stays the same. SIGINT, SIGTERM and SIGHUP end it.
    #[cfg(feature = "web")]
    Web(Web),
    /// Send one message and wait until the room has it
    ///
    /// For scripts: never prompts, and exits 0 only once the server has committed the message to its log or, if it is an original, has
    /// sent it back.
    Send(Send),
    /// Check that a server is up, and what it is
    ///
    /// Reports its protocol, version and key, the round-trip time and the loss. An original server has no such question: each ping is a
    /// signup with an empty nick, which everybody in its room sees.
    Ping(Ping),
    /// Show, search, export or delete what a room has logged
    ///
    /// Reads the log that 'serve' stores on this machine, also while the server runs, or with --server what another server has logged: in
    /// local time with a line for each day, or as JSON.
    History(Recorded),
    /// Show keys, take yours to another device, or forget a server's
    ///
    /// Shows the fingerprints of your own keys, where they are stored, and the key of each server you have met.
    Key(Key),
    /// Invite somebody: prints a link to join with
    ///
    /// Whoever joins with the link is known to the room from then on, also if only known keys may come in.
    Invite(Invite),
    /// Show who is known to a room and who has to stay out
    Members(Members),
    /// Set who may come in: everybody, or only known keys
    ///
    /// 'known' admits those who are there; whoever is not known and has no invitation is told what to ask for.
    Access(SetAccess),
    /// Make a key known without an invitation
    Admit(ActOn),
    /// Send somebody out for a minute
    Kick(ActOn),
    /// Keep somebody from posting for a time
    Mute(Mute),
    /// Let somebody post again
    Unmute(ActOn),
    /// Keep somebody out, for a time or for ever
    ///
    /// Bans are of keys. In an open room, whoever was banned can come back with another key.
    Ban(Ban),
    /// Lift a ban
    Unban(ActOn),
    /// Give a nick back, for others to take
    Release(ActOn),
    /// Set the topic
    Topic(Topic),
    /// Make somebody an operator; only the owner may
    Op(ActOn),
    /// Make an operator a member again; only the owner may
    Deop(ActOn),
    /// Load a server and measure it
    ///
    /// Joins members to any server, lets some of them talk, and reports which copies arrived and how late. Use it on a server of your own:
    /// it sends as fast as the server accepts.
    Bench(Bench),
    /// Run the protocols in a simulated network
    ///
    /// Runs a server and clients in virtual time over a network with the loss, delay and faults you ask for; nothing is sent anywhere.
    /// Compares the text protocol with sessions. The same seed gives the same output to the byte.
    Sim(Sim),
}

/// Which server, and how long to wait for it.
#[derive(Args, Debug)]
#[command(next_help_heading = SERVER)]
pub struct Target {
    /// Server to talk to, or an invitation; the port defaults to 9999
    #[arg(
        short,
        long,
        value_name = "HOST:PORT",
        env = "UDPCHAT_SERVER",
        default_value = "127.0.0.1:9999",
        hide_env_values = true
    )]
    pub server: ServerName,

    /// How long to wait for the server's answer, and for confirmations
    #[arg(short, long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    pub timeout: Duration,
}

/// Which protocol to speak, if not the one that the server speaks.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = PROTOCOL)]
pub struct Dialects {
    /// Speak sessions only, never plain text, which anybody can read and forge
    #[arg(long, conflicts_with = "text")]
    pub secure: bool,

    /// Speak plain text only, as the original does
    #[arg(long)]
    pub text: bool,
}

/// `udpchat ping`
#[derive(Args, Debug)]
pub struct Ping {
    /// Server to ping; the port defaults to 9999
    #[arg(value_name = "HOST:PORT", env = "UDPCHAT_SERVER", default_value = "127.0.0.1:9999", hide_env_values = true)]
    pub server: ServerName,

    /// Number of pings
    #[arg(short, long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u64).range(1..=1_000_000), help_heading = GENERAL)]
    pub count: u64,

    /// Time between two pings
    #[arg(short, long, value_name = "DURATION", default_value = "1s", value_parser = duration, help_heading = GENERAL)]
    pub interval: Duration,

    /// How long to wait for the first answer, and for the last
    #[arg(short, long, value_name = "DURATION", default_value = "5s", value_parser = duration, help_heading = GENERAL)]
    pub timeout: Duration,

    /// Report as one JSON object
    #[arg(long, help_heading = GENERAL)]
    pub json: bool,

    /// Which protocol to speak.
    #[command(flatten)]
    pub dialects: Dialects,
}

/// `udpchat join`
#[derive(Args, Debug)]
pub struct Join {
    /// An invitation, udpchat://...; '-' reads it from the first line of stdin
    #[arg(value_name = "INVITATION", conflicts_with_all = ["server", "text"], help_heading = SERVER)]
    pub invitation: Option<String>,

    /// Your nick, 1 to 32 bytes; asked for on a terminal if missing
    #[arg(short, long, env = "UDPCHAT_NICK", value_parser = names::wanted, help_heading = ROOM)]
    pub nick: Option<Nick>,

    /// On your first visit, show the last N messages, those of the last DURATION, or all
    #[arg(long, value_name = "N|DURATION|all", default_value = "50", value_parser = history, help_heading = ROOM)]
    pub history: History,

    /// Keep from others whether your program has received their messages
    #[arg(long, help_heading = ROOM)]
    pub no_receipts: bool,

    /// The terminal.
    #[command(flatten)]
    pub screen: Screen,

    /// The server.
    #[command(flatten)]
    pub target: Target,

    /// Which protocol to speak.
    #[command(flatten)]
    pub dialects: Dialects,

    /// Write each event as a JSON object, one a line, and take objects as well as lines (docs/JSON.md)
    #[arg(long, help_heading = GENERAL)]
    pub json: bool,
}

/// `udpchat send`
#[derive(Args, Debug)]
pub struct Send {
    /// Message to send; '-' sends each line of stdin
    pub message: String,

    /// Your nick, 1 to 32 bytes
    #[arg(short, long, env = "UDPCHAT_NICK", value_parser = names::wanted, help_heading = ROOM)]
    pub nick: Nick,

    /// Send it in private, to this nick, NICK#FINGERPRINT or whole key alone
    ///
    /// The server can neither read nor store it in a readable form. With --id only the recipient of an earlier message can be compared, not
    /// its text.
    #[arg(long, value_name = "NICK", value_parser = recipient, conflicts_with = "text", help_heading = ROOM)]
    pub to: Option<String>,

    /// Wait until the members who were there have received it, or N of them
    ///
    /// Their programs have it then; nobody knows who has read it. Members in plain text, members that have kept out of this with
    /// --no-receipts, and those who come later do not count. All of nobody is not confirmed.
    #[arg(long, value_name = "received[=all|N]", value_parser = receipts, conflicts_with = "text", help_heading = ROOM)]
    pub wait: Option<ReceivedBy>,

    /// Wait until this member has received it; may be given several times
    #[arg(long, value_name = "NICK", value_parser = recipient, conflicts_with = "text", help_heading = ROOM)]
    pub wait_for: Vec<String>,

    /// Name for this message: sent again under the same KEY, it is in the room once
    #[arg(long, value_name = "KEY", help_heading = ROOM)]
    pub id: Option<String>,

    /// The server.
    #[command(flatten)]
    pub target: Target,

    /// Which protocol to speak.
    #[command(flatten)]
    pub dialects: Dialects,
}

/// `udpchat bench`
#[derive(Args, Debug)]
pub struct Bench {
    /// Number of members that listen
    #[arg(short, long, value_name = "N", default_value = "100", value_parser = count, help_heading = LOAD)]
    pub members: usize,

    /// Number of members that talk, in turn
    #[arg(long, value_name = "N", default_value = "10", value_parser = count, help_heading = LOAD)]
    pub senders: usize,

    /// Stop after this time [default: 10s if --messages is not given]
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = LOAD)]
    pub duration: Option<Duration>,

    /// Stop after N messages
    #[arg(long, value_name = "N", help_heading = LOAD)]
    pub messages: Option<u32>,

    /// Length of the messages in bytes, or a range to spread them over
    #[arg(long, value_name = "B|MIN-MAX", default_value = "64", help_heading = LOAD)]
    pub size: Sizes,

    /// Closed loop: keep N messages in flight
    #[arg(long, value_name = "N", default_value = "64", value_parser = count, conflicts_with = "rate", help_heading = LOAD)]
    pub window: usize,

    /// Open loop: N messages a second; latency counts from when each was due
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = LOAD)]
    pub rate: Option<u32>,

    /// Run N times with the same members, and report medians
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..), help_heading = LOAD)]
    pub repeat: u16,

    /// Measure a crowd instead: all join at once with sessions while two talk
    #[arg(long, conflicts_with_all = ["window", "rate", "messages", "duration", "repeat", "size", "senders"], help_heading = LOAD)]
    pub present: bool,

    /// Once the crowd is in, run CMD to restart the server, and measure the return
    #[arg(long, value_name = "CMD", requires = "present", help_heading = LOAD)]
    pub restart: Option<String>,

    /// The server.
    #[command(flatten)]
    pub target: Target,

    /// Protocol to speak
    #[arg(long, value_enum, default_value_t = BenchDialect::Text, help_heading = PROTOCOL)]
    pub dialect: BenchDialect,

    /// Process of the server: also report its CPU time and memory (Linux)
    #[arg(long, help_heading = OUTPUT)]
    pub pid: Option<u32>,

    /// Report as one JSON object
    #[arg(long, help_heading = OUTPUT)]
    pub json: bool,
}

/// `udpchat sim`
#[derive(Args, Debug)]
pub struct Sim {
    /// A preset; explicit options override it
    #[arg(short, long, value_enum, help_heading = NETWORK)]
    pub weather: Option<WeatherArg>,

    /// Share of the datagrams lost in each direction
    #[arg(long, value_name = "PERCENT", help_heading = NETWORK)]
    pub loss: Option<Percent>,

    /// One-way delay [default: 1ms]
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = NETWORK)]
    pub delay: Option<Duration>,

    /// Most random delay on top
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = NETWORK)]
    pub jitter: Option<Duration>,

    /// Share of the datagrams delivered twice
    #[arg(long, value_name = "PERCENT", help_heading = NETWORK)]
    pub duplicate: Option<Percent>,

    /// Share of the datagrams overtaken by later ones
    #[arg(long, value_name = "PERCENT", help_heading = NETWORK)]
    pub reorder: Option<Percent>,

    /// Rate of each client's line in each direction, like 1Mbit
    #[arg(long, value_name = "RATE", help_heading = NETWORK)]
    pub rate_limit: Option<BitRate>,

    /// Cut every other client off for this long
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = FAULTS)]
    pub partition: Option<Duration>,

    /// Give every other client a new address
    #[arg(long, help_heading = FAULTS)]
    pub rebind: bool,

    /// Kill the server and restart it, with its log or an empty one
    #[arg(long, value_enum, value_name = "LOG", num_args = 0..=1, default_missing_value = "same-log", require_equals = true, help_heading = FAULTS)]
    pub restart_server: Option<RestartArg>,

    /// Kill every third client and restart it
    #[arg(long, help_heading = FAULTS)]
    pub restart_clients: bool,

    /// Number of clients that talk
    #[arg(short, long, value_name = "N", default_value = "10", value_parser = clients, help_heading = LOAD)]
    pub clients: usize,

    /// Messages in all, sent by the clients in turn
    #[arg(short, long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u64).range(1..=100_000), help_heading = LOAD)]
    pub messages: u64,

    /// Time between two messages
    #[arg(long, value_name = "DURATION", default_value = "20ms", value_parser = duration, help_heading = LOAD)]
    pub interval: Duration,

    /// Length of each message in bytes
    #[arg(long, value_name = "B", default_value = "64", help_heading = LOAD)]
    pub size: usize,

    /// Protocol to run
    #[arg(long, value_enum, default_value_t = SimDialect::Both, help_heading = PROTOCOL)]
    pub dialect: SimDialect,

    /// Seed of all randomness
    #[arg(long, value_name = "N", default_value = "1", help_heading = GENERAL)]
    pub seed: u64,

    /// Print the story too, datagram by datagram
    #[arg(long, help_heading = OUTPUT)]
    pub trace: bool,

    /// Report as one JSON object, with a key for each protocol
    #[arg(long, conflicts_with = "trace", help_heading = OUTPUT)]
    pub json: bool,
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

    /// A screen of the size that most terminals have when somebody looks for help.
    const SCREEN: (usize, usize) = (50, 140);

    #[test]
    fn the_help_of_each_subcommand_fits_a_screen_and_stands_under_headings() {
        let mut cli = Cli::command();
        cli.build();
        for subcommand in cli.get_subcommands_mut() {
            let help = subcommand.render_help().to_string();
            let widest = help.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(help.lines().count() <= SCREEN.0 && widest <= SCREEN.1, "{widest} columns:\n{help}");
            assert!(!help.contains("\nOptions:"), "an option without a heading:\n{help}");
        }
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
        assert!(error(&["udpchat", "serve", "--bind", "9999"]).contains("expected ADDR:PORT"));
        assert!(
            error(&["udpchat", "serve", "--text-idle", "soon"])
                .contains("expected a duration such as 500ms, 5s, 12h or 30d")
        );
        assert!(error(&["udpchat", "join", "--timeout", "0s"]).contains("greater than zero"));
        assert!(error(&["udpchat", "join", "--nick", ""]).contains("at least one character"));
        assert!(error(&["udpchat", "serve", "--max-members", "0"]).contains("--max-members"));
        assert!(error(&["udpchat", "send", "--nick", "bot"]).contains("<MESSAGE>"));
        assert!(error(&["udpchat", "sim", "--loss", "120%"]).contains("expected a share such as 10%"));
        assert!(error(&["udpchat", "sim", "--rate-limit", "fast"]).contains("expected a rate such as 1Mbit"));
    }
}
