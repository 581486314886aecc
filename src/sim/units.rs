//! Numbers as people write them.
//!
//! Owns: [`Percent`], [`BitRate`], and the presets of weather ([`Preset`]).
//! Must not know: how they are used.
//! Driven by: `cli`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::Weather;

/// A part of a whole: `10%`, `0.5%`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percent(f64);

impl Percent {
    /// Returns the part as a number from 0 to 1.
    pub const fn ratio(self) -> f64 {
        self.0
    }
}

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number: Option<f64> = text.strip_suffix('%').unwrap_or(text).parse().ok();
        let percent = number.filter(|percent| (0.0..=100.0).contains(percent));
        percent
            .map(|percent| Self(percent / 100.0))
            .ok_or_else(|| "expected a share such as 10%, from 0% to 100%".into())
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0 * 100.0)
    }
}

/// A number of bits a second: `1Mbit`, `500kbit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitRate(u64);

impl BitRate {
    /// Returns the bits a second.
    pub const fn bits(self) -> u64 {
        self.0
    }
}

impl FromStr for BitRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let units = [("Gbit", 1_000_000_000), ("Mbit", 1_000_000), ("kbit", 1000), ("bit", 1)];
        let unit = units.into_iter().find_map(|(unit, bits)| Some((text.strip_suffix(unit)?, bits)));
        let rate = unit.and_then(|(number, bits)| number.parse::<u64>().ok()?.checked_mul(bits));
        // A line slower than this takes longer for one packet than a session lives.
        rate.filter(|rate| (1000..=100_000_000_000).contains(rate))
            .map(Self)
            .ok_or_else(|| "expected a rate such as 1Mbit or 500kbit, from 1kbit to 100Gbit a second".into())
    }
}

/// A preset of weather.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// A busy radio network at home.
    Wifi,
    /// A telephone on a train.
    Mobile,
    /// A geostationary satellite.
    Satellite,
    /// Everything at once.
    Storm,
}

impl Preset {
    /// Returns the state of the network in it.
    pub fn weather(self) -> Weather {
        let ms = Duration::from_millis;
        let weather = |loss, delay, jitter, duplicate, reorder, rate| Weather {
            loss_up: loss,
            loss_down: loss,
            delay: ms(delay),
            jitter: ms(jitter),
            duplicate,
            reorder,
            rate,
            shared: false,
        };
        match self {
            Self::Wifi => weather(0.02, 3, 8, 0.005, 0.01, None),
            Self::Mobile => weather(0.05, 45, 30, 0.005, 0.03, Some(5_000_000)),
            Self::Satellite => weather(0.01, 280, 10, 0.0, 0.0, Some(2_000_000)),
            Self::Storm => weather(0.3, 100, 80, 0.05, 0.1, None),
        }
    }

    /// Returns for how long it cuts off every other client.
    pub const fn partition(self) -> Option<Duration> {
        match self {
            Self::Storm => Some(Duration::from_secs(5)),
            Self::Wifi | Self::Mobile | Self::Satellite => None,
        }
    }

    /// Returns whether addresses change in it.
    pub const fn rebinds(self) -> bool {
        matches!(self, Self::Mobile | Self::Storm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_rates_are_read_as_people_write_them() {
        assert_eq!("10%".parse::<Percent>().map(Percent::ratio), Ok(0.1));
        assert_eq!("0".parse::<Percent>().map(Percent::ratio), Ok(0.0));
        assert_eq!("1Mbit".parse::<BitRate>().map(BitRate::bits), Ok(1_000_000));
        assert_eq!("500kbit".parse::<BitRate>().map(BitRate::bits), Ok(500_000));
        for wrong in ["101%", "-1%", "ten", "", "%", "NaN%"] {
            assert!(wrong.parse::<Percent>().is_err(), "{wrong}");
        }
        for wrong in ["1", "0Mbit", "999bit", "-1Mbit", "99999999999Gbit", "fast", "1.5Mbit"] {
            assert!(wrong.parse::<BitRate>().is_err(), "{wrong}");
        }
    }
}
