//! Calendar times, as people and programs read and write them.
//!
//! Owns: their forms: local days and hours, RFC 3339, the times that `--since` accepts.
//! Must not know: what happened then, what time it is.
//! Driven by: `cmd`.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp as Moment, Zoned};

use super::sanitize;
use crate::wire::Timestamp;

fn moment(at: Timestamp) -> Moment {
    i64::try_from(at.0).ok().and_then(|millis| Moment::from_millisecond(millis).ok()).unwrap_or(Moment::MAX)
}

/// Returns a time in the form of RFC 3339, in UTC, with milliseconds.
pub fn in_utc(at: Timestamp) -> String {
    moment(at).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Times as people in one zone read them.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
}

impl Calendar {
    /// Returns the calendar of this system's zone, or of `$TZ`.
    pub fn local() -> Self {
        Self { zone: TimeZone::system() }
    }

    fn there(&self, at: Timestamp) -> Zoned {
        moment(at).to_zoned(self.zone.clone())
    }

    /// Returns the day, for comparing days.
    pub fn date(&self, at: Timestamp) -> Date {
        self.there(at).date()
    }

    /// Returns the day, for people: `Monday, 23 November 2026`.
    pub fn day(&self, at: Timestamp) -> String {
        self.there(at).strftime("%A, %-d %B %Y").to_string()
    }

    /// Returns the time of day: `14:03`.
    pub fn hour(&self, at: Timestamp) -> String {
        self.there(at).strftime("%H:%M").to_string()
    }

    /// Returns both: `2026-11-23 14:03`.
    pub fn minute(&self, at: Timestamp) -> String {
        self.there(at).strftime("%Y-%m-%d %H:%M").to_string()
    }

    /// Parses `text`, written at `now`: a time ago like `1h`, `today`, `yesterday`, the last time that it was `14:00`, a day, a
    /// local day and time, or RFC 3339.
    ///
    /// # Errors
    /// A message that shows what a time looks like.
    pub fn parse(&self, text: &str, now: Timestamp) -> Result<Timestamp, String> {
        if let Ok(ago) = humantime::parse_duration(text) {
            return Ok(now.before(ago));
        }
        let here = |time: DateTime| time.to_zoned(self.zone.clone()).map(|zoned| zoned.timestamp());
        let day = || text.parse::<Date>().and_then(|day| here(day.into()));
        let time = || text.parse::<DateTime>().and_then(here);
        let found = match text {
            "today" => here(self.date(now).into()),
            "yesterday" => self.date(now).yesterday().and_then(|day| here(day.into())),
            text if text.len() <= 5 => text.parse::<Time>().and_then(|time| self.last(time, now)),
            text => text.parse::<Moment>().or_else(|_| if text.len() > 10 { time() } else { day() }),
        };
        found.ok().and_then(|moment| u64::try_from(moment.as_millisecond()).ok()).map(Timestamp).ok_or_else(|| {
            format!(
                "'{}' is not a time: expected 1h, today, yesterday, 14:03, 2026-11-23, '2026-11-23 14:03', \
                 2026-11-23T14:03:00Z or the like",
                sanitize::escaped(text)
            )
        })
    }
}

impl Calendar {
    /// Returns when it was last that time of day here.
    fn last(&self, time: Time, now: Timestamp) -> Result<Moment, jiff::Error> {
        let here = |day: Date| day.to_datetime(time).to_zoned(self.zone.clone()).map(|zoned| zoned.timestamp());
        let today = here(self.date(now))?;
        if today <= moment(now) { Ok(today) } else { here(self.date(now).yesterday()?) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_442_580_000);

    #[test]
    fn times_are_read_and_written_as_in_the_zone() {
        let there = Calendar { zone: TimeZone::fixed(jiff::tz::offset(2)) };
        assert_eq!(in_utc(NOW), "2026-11-23T14:03:00.000Z");
        assert_eq!(there.day(NOW), "Monday, 23 November 2026");
        assert_eq!((there.hour(NOW), there.minute(NOW)), ("16:03".into(), "2026-11-23 16:03".into()));
        for text in ["2026-11-23 16:03", "2026-11-23T16:03", "2026-11-23T14:03:00Z", "2026-11-23T15:03:00+01:00", "0s"]
        {
            assert_eq!(there.parse(text, NOW), Ok(NOW), "{text}");
        }
        let utc = |text: &str| in_utc(there.parse(text, NOW).unwrap());
        assert_eq!(
            (utc("today"), utc("yesterday")),
            ("2026-11-22T22:00:00.000Z".into(), "2026-11-21T22:00:00.000Z".into())
        );
        assert_eq!((utc("14:00"), utc("16:03")), ("2026-11-23T12:00:00.000Z".into(), in_utc(NOW)));
        assert_eq!(utc("16:04"), "2026-11-22T14:04:00.000Z", "the last time that it was so late");
        assert_eq!(there.parse("1h", NOW), Ok(Timestamp(NOW.0 - 3_600_000)));
        assert_eq!(there.parse("2026-11-23", NOW).map(in_utc), Ok("2026-11-22T22:00:00.000Z".into()));
    }

    #[test]
    fn what_is_no_time_is_told_what_one_looks_like() {
        for text in ["", "tomorrow", "2026-13-01", "25:00", "2026-11-23 25:00"] {
            assert!(Calendar::local().parse(text, NOW).unwrap_err().contains("is not a time: expected 1h"), "{text}");
        }
    }
}
