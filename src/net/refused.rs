//! Keys whose datagram was being handled when a server broke, stored for the next one.
//!
//! Owns: the file, beside the server's key, and its form: a line for each key, with its short name and the end of its refusal.
//! Must not know: what a server does with them.
//! Driven by: `cmd::serve` at the start, `server` when it breaks.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::state::{with_suffix, write_aside};
use crate::server::REFUSED_FOR;
use crate::wire::{Timestamp, Who};

/// Most keys stored. Chosen: a server that breaks more often in ten minutes has other problems than its members.
const KEPT_MAX: usize = 256;

/// The file of refused keys.
#[derive(Clone, Debug)]
pub struct RefusedFile {
    path: PathBuf,
}

impl RefusedFile {
    /// Returns the file that belongs to the server whose key is in `key`.
    pub fn beside(key: &Path) -> Self {
        Self { path: with_suffix(key, ".refused") }
    }

    /// Returns the keys that are still refused, and for how long. A file that is absent or cannot be read refuses no key, nor
    /// does a malformed line.
    pub fn read(&self, now: Timestamp) -> Vec<(Who, Duration)> {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        let lines = text.lines().filter_map(parse);
        let left =
            lines.map(|(who, until)| (who, Duration::from_millis(until.0.saturating_sub(now.0)).min(REFUSED_FOR)));
        left.filter(|(_, left)| !left.is_zero()).take(KEPT_MAX).collect()
    }

    /// Refuses one more key from now on.
    ///
    /// # Errors
    /// Returns the system's error.
    pub fn add(&self, now: Timestamp, who: Who) -> io::Result<()> {
        let mut all = self.read(now);
        all.retain(|&(other, _)| other != who);
        all.insert(0, (who, REFUSED_FOR));
        all.truncate(KEPT_MAX);
        write_aside(&self.path, |out| {
            for (who, left) in &all {
                let until = now.0.saturating_add(u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
                writeln!(out, "{who} {until}")?;
            }
            Ok(())
        })
    }
}

/// `WHO UNTIL`: 16 hexadecimal digits, and milliseconds since 1970.
fn parse(line: &str) -> Option<(Who, Timestamp)> {
    let (who, until) = line.split_once(' ')?;
    let who = u64::from_str_radix(who, 16).ok().filter(|_| who.len() == 16)?;
    Some((Who(who.to_be_bytes()), Timestamp(until.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_refused_for_ten_minutes_also_by_the_server_after_the_next_and_what_is_no_line_refuses_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let file = RefusedFile::beside(&folder.path().join("server.key"));
        let at = |seconds: u64| Timestamp(1_700_000_000_000 + seconds * 1000);
        let (jill, jack) = (Who([0xab; 8]), Who([1; 8]));
        assert_eq!(file.read(at(0)), []);
        file.add(at(0), jill).unwrap();
        file.add(at(60), jack).unwrap();
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        assert_eq!(file.read(at(60)), [(jack, minutes(10)), (jill, minutes(9))]);
        file.add(at(120), jill).unwrap();
        assert_eq!(file.read(at(120)), [(jill, minutes(10)), (jack, minutes(9))]);
        assert_eq!(file.read(at(660)), [(jill, minutes(1))]);
        assert_eq!(file.read(at(720)), []);
        fs::write(folder.path().join("server.key.refused"), "abababababababab 99999999999999999999\nxy 5\n\u{7f}\n")
            .unwrap();
        assert_eq!(file.read(at(0)), [], "a time that is none");
        fs::write(folder.path().join("server.key.refused"), format!("abababababababab {}", u64::MAX)).unwrap();
        assert_eq!(file.read(at(0)), [(jill, REFUSED_FOR)], "no longer than ten minutes, whatever the file says");
    }

    #[test]
    fn as_many_keys_are_kept_as_may_be_the_newest_ones() {
        let folder = tempfile::tempdir().unwrap();
        let file = RefusedFile::beside(&folder.path().join("server.key"));
        for number in 0..=KEPT_MAX as u64 {
            file.add(Timestamp(5), Who(number.to_be_bytes())).unwrap();
        }
        let kept = file.read(Timestamp(5));
        assert_eq!(
            (kept.len(), kept[0].0, kept.last().unwrap().0),
            (KEPT_MAX, Who(256_u64.to_be_bytes()), Who(1_u64.to_be_bytes()))
        );
    }
}
