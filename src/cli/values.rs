//! The values of options, and their parsers.
//!
//! Owns: the enums of the command line and their conversions, the error messages about invalid values.
//! Must not know: which option takes which value.
//! Driven by: `cli`.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;

use crate::log::sqlite;
use crate::server::{Rate, TextPolicy};
use crate::sim::Preset;
use crate::wire::frame::History;
use crate::wire::limits::WHOM_MAX;
use crate::wire::order::Whom;

/// The place of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Db {
    /// In memory only.
    Memory,
    /// In this file.
    File(PathBuf),
}

impl FromStr for Db {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "" => Err("the name of a file, or ':memory:'".into()),
            ":memory:" => Ok(Self::Memory),
            name => Ok(Self::File(name.into())),
        }
    }
}

/// The values of `--color`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorArg {
    /// Unless NO_COLOR is set
    Auto,
    /// Even if it is
    Always,
    /// Not at all
    Never,
}

/// The values of `--sync`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sync {
    /// Within seconds: a crash of the server loses nothing, a power failure the last seconds
    Normal,
    /// Before it is confirmed: every message waits for the disk
    Full,
}

impl From<Sync> for sqlite::Sync {
    fn from(sync: Sync) -> Self {
        match sync {
            Sync::Normal => Self::Normal,
            Sync::Full => Self::Full,
        }
    }
}

/// A rate, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateArg(pub Option<Rate>);

/// The values of `--cipher`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CipherArg {
    /// The faster one
    Auto,
    /// ChaCha20-Poly1305
    Chacha20,
}

/// The values of `--text`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Text {
    /// Loopback, private, link-local, shared (100.64/10) and unique-local addresses
    Private,
    /// Every address: a spoofed source address can subscribe a victim to the room
    Any,
    /// Nobody
    Off,
}

impl From<Text> for TextPolicy {
    fn from(text: Text) -> Self {
        match text {
            Text::Private => Self::Private,
            Text::Any => Self::Any,
            Text::Off => Self::Off,
        }
    }
}

/// The values of `bench --dialect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BenchDialect {
    /// The original's protocol
    Text,
    /// Sessions: encrypted and acknowledged
    Session,
}

/// The values of `--dialect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SimDialect {
    /// The original's protocol
    Text,
    /// Sessions
    Session,
    /// Both, one after the other in the same weather
    Both,
}

/// The values of `--restart-server`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RestartArg {
    /// Restart with the log
    SameLog,
    /// Restart with an empty log
    NewLog,
}

/// The values of `--weather`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WeatherArg {
    /// Busy home Wi-Fi: 2 % loss, 3 ms
    Wifi,
    /// Phone on a train: 5 % loss, 45 ms, 5 Mbit, changing addresses
    Mobile,
    /// Geostationary satellite: 1 % loss, 280 ms, 2 Mbit
    Satellite,
    /// Everything at once: 30 % loss, 100 ms, duplicates, reordering, a 5 s cut, changing addresses
    Storm,
}

impl WeatherArg {
    /// Returns the simulator's preset of this name.
    pub const fn preset(self) -> Preset {
        match self {
            Self::Wifi => Preset::Wifi,
            Self::Mobile => Preset::Mobile,
            Self::Satellite => Preset::Satellite,
            Self::Storm => Preset::Storm,
        }
    }
}

pub(super) fn clients(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|count| (1..=100).contains(count)).ok_or_else(|| "a number from 1 to 100".into())
}

pub(super) fn count(text: &str) -> Result<usize, String> {
    at_least_one(text).map(NonZeroUsize::get)
}

/// Reads a count in a type that has no zero.
pub(super) fn at_least_one<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "a number of at least 1".into())
}

pub(super) fn history(text: &str) -> Result<History, String> {
    let wrong = || "expected a number of messages, a duration or all, such as 50, 1h or all".to_owned();
    match text.parse() {
        _ if text == "all" => Ok(History::ALL),
        Ok(messages) => Ok(History::Last(messages)),
        Err(_) => humantime::parse_duration(text).map(|within| History::Within(within.as_secs())).map_err(|_| wrong()),
    }
}

pub(super) fn text_history(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&count| count <= 1000).ok_or_else(|| "a number from 0 to 1000".into())
}

/// How many of the members have to have received a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceivedBy {
    /// All that were there before it and still are.
    All,
    /// So many of these.
    Some(u64),
}

pub(super) fn receipts(text: &str) -> Result<ReceivedBy, String> {
    let wrong = || "expected received, received=all or received=N".to_owned();
    match text.strip_prefix("received").ok_or_else(wrong)? {
        "" | "=all" => Ok(ReceivedBy::All),
        count => {
            let count = count.strip_prefix('=').and_then(|count| count.parse().ok());
            count.filter(|&count| count > 0).map(ReceivedBy::Some).ok_or_else(wrong)
        }
    }
}

/// Returns whom a private message is for.
pub(super) fn recipient(text: &str) -> Result<String, String> {
    let can_be_one = text.len() <= WHOM_MAX && matches!(Whom::parse(text), Some(Whom::Key { .. } | Whom::Nick { .. }));
    if can_be_one { Ok(text.into()) } else { Err("expected a nick, NICK#FINGERPRINT or a whole key".into()) }
}

pub(super) fn bind_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "expected ADDR:PORT with a numeric address, such as 0.0.0.0:9999 or [::1]:9999".into())
}

/// Reads a name under which the page is served, as it stands in `Host`.
#[cfg(feature = "web")]
pub(super) fn web_host(text: &str) -> Result<String, String> {
    let (name, port) = text.rsplit_once(':').unwrap_or((text, "443"));
    let is_name = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_');
    let is_right = !name.is_empty() && name.chars().all(is_name) && port.parse::<u16>().is_ok();
    if is_right { Ok(text.into()) } else { Err("expected a name as browsers show it, such as chat.example".into()) }
}

pub(super) fn rate(text: &str) -> Result<RateArg, String> {
    if text == "off" { Ok(RateArg(None)) } else { text.parse().map(|rate| RateArg(Some(rate))) }
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text)
        .map_err(|err| format!("{err}; expected a duration such as 500ms, 5s, 12h or 30d"))?;
    if duration.is_zero() { Err("it must be greater than zero".into()) } else { Ok(duration) }
}
