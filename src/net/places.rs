//! How far a client has read in a room, and which private messages it has seen there.
//!
//! Owns: the files of a client's place, in the folder of [`State`]; they are locked while the client runs.
//! Must not know: what a place is used for.
//! Driven by: `cmd::join`.
//!
//! ```text
//!   places/HOST:PORT/NICK.0        the log, and the next number to be shown
//!   places/HOST:PORT/NICK.0.outbox see `outbox`
//!   places/HOST:PORT/NICK.0.seen   a line for each instance: author, instance, next counter, next number, newest entry
//! ```

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::HostPort;
use super::outbox::OutboxFile;
use super::people::eight;
use super::state::{State, file_name, make_folder, with_suffix};
use crate::client::seen::{SEEN_MAX, Seen, SeenOf};
use crate::wire::{Instance, LogId, Nick, Seq, Who, hex};

/// The suffix of the file beside a place.
const SEEN: &str = ".seen";

/// The suffix of the file with what was said.
const OUTBOX: &str = ".outbox";

/// Most clients of one user in one room under one nick, each with a place of its own.
const PLACES_MAX: u32 = 64;

/// Longest line of a file of seen messages, in bytes.
const SEEN_LINE: usize = 16 + 1 + 16 + 3 * (1 + 20) + 1;

/// The place of one client in one room: the log, and the next number to be shown.
#[derive(Debug)]
pub struct PlaceFile {
    file: File,
    /// The file beside it.
    seen: File,
    path: PathBuf,
    place: Option<(LogId, Seq)>,
}

impl PlaceFile {
    fn take(path: &Path) -> Option<Self> {
        let open =
            |path: &Path| File::options().create(true).truncate(false).read(true).write(true).mode(0o600).open(path);
        let file = open(path).ok()?;
        file.try_lock().ok()?;
        let seen = open(&with_suffix(path, SEEN)).ok()?;
        let mut text = String::new();
        // A file that cannot be read holds no place.
        let _ = (&file).take(PLACE_LEN as u64).read_to_string(&mut text);
        let place = text.trim_end().split_once(' ').and_then(|(log, next)| {
            let log = u128::from_str_radix(log, 16).ok().filter(|_| log.len() == 32)?;
            Some((LogId(log.to_be_bytes()), Seq(next.parse().ok()?)))
        });
        Some(Self { file, seen, path: path.to_owned(), place })
    }

    /// Opens what the client has said and not heard the outcome of, here or in earlier runs.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn outbox(&self) -> io::Result<OutboxFile> {
        OutboxFile::open(&with_suffix(&self.path, OUTBOX))
    }

    /// Returns the place that was there at the beginning, or was stored last.
    pub const fn get(&self) -> Option<(LogId, Seq)> {
        self.place
    }

    /// Stores the place for the client's next run: it survives a kill at once, and a power failure soon.
    ///
    /// # Errors
    /// Returns the system's error.
    pub fn set(&mut self, place: (LogId, Seq)) -> io::Result<()> {
        if self.place == Some(place) {
            return Ok(());
        }
        let (LogId(log), Seq(next)) = place;
        // Always the same length, in one piece.
        let text = format!("{:032x} {next:020}\n", u128::from_be_bytes(log));
        debug_assert_eq!(text.len(), PLACE_LEN);
        self.file.write_all_at(text.as_bytes(), 0)?;
        self.place = Some(place);
        Ok(())
    }

    /// Returns which private messages were seen.
    pub fn seen(&self) -> Seen {
        let mut text = String::new();
        // What cannot be read was not seen.
        let _ = (&self.seen).rewind();
        let _ = (&self.seen).take((SEEN_LINE * SEEN_MAX) as u64).read_to_string(&mut text);
        Seen::load(text.lines().filter_map(seen_of))
    }

    /// Stores them for the client's next run, as [`PlaceFile::set`] does; to be called before that.
    ///
    /// # Errors
    /// Returns the system's error.
    pub fn set_seen(&self, seen: &Seen) -> io::Result<()> {
        let mut text = String::new();
        for SeenOf { who, instance, counter, next, seq } in seen.rows() {
            text.push_str(&format!("{who} {} {counter:020} {next:020} {:020}\n", hex(&instance.0), seq.0));
        }
        self.seen.write_all_at(text.as_bytes(), 0)?;
        self.seen.set_len(text.len() as u64)
    }
}

/// Length of a place, in bytes: the log in hexadecimal, the number.
const PLACE_LEN: usize = 32 + 1 + 20 + 1;

impl State {
    /// Locks a place of a client in that room: the first that no other running client holds. `None` if none can be had.
    pub fn place(&self, server: &HostPort, nick: &Nick) -> Option<PlaceFile> {
        let folder = self.folder().join("places").join(file_name(&server.to_string()));
        make_folder(&folder).ok()?;
        let nick = file_name(nick.as_str());
        (0..PLACES_MAX).find_map(|number| PlaceFile::take(&folder.join(format!("{nick}.{number}"))))
    }
}

fn seen_of(line: &str) -> Option<SeenOf> {
    let mut fields = line.split(' ');
    let mut next = || fields.next();
    let (who, instance) = (Who(eight(next()?)?), Instance(eight(next()?)?));
    let (counter, number, seq) = (next()?.parse().ok()?, next()?.parse().ok()?, Seq(next()?.parse().ok()?));
    Some(SeenOf { who, instance, counter, next: number, seq })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_kept_for_each_who_runs_beside_another_and_what_is_no_place_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::at(folder.path().join("udpchat"));
        let (server, nick) = ("[::1]:9999".parse().unwrap(), "a/../b%".parse().unwrap());
        let mut first = state.place(&server, &nick).unwrap();
        let mut second = state.place(&server, &nick).unwrap();
        assert_eq!((first.get(), second.get()), (None, None));
        let (here, there) = ((LogId([0x0f; 16]), Seq(7)), (LogId([0; 16]), Seq(u64::MAX)));
        first.set((LogId([1; 16]), Seq(u64::MAX))).unwrap();
        first.set(here).unwrap();
        second.set(there).unwrap();
        drop((first, second));
        let (first, second) = (state.place(&server, &nick).unwrap(), state.place(&server, &nick).unwrap());
        assert_eq!((first.get(), second.get()), (Some(here), Some(there)));
        drop(first);
        for damaged in ["", "x", "0f 7\n", "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f x\n"] {
            let path = state.folder().join("places/[::1]:9999/a%2F..%2Fb%25.0");
            assert!(path.exists());
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(state.place(&server, &nick).unwrap().get(), None, "{damaged:?}");
        }
    }

    #[test]
    fn what_was_seen_is_there_again() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::at(folder.path().join("udpchat"));
        let here: HostPort = "here:1".parse().unwrap();
        let place = || state.place(&here, &"jack".parse().unwrap()).unwrap();
        let row = |byte, next| SeenOf {
            who: Who([byte; 8]),
            instance: Instance([7; 8]),
            counter: 7,
            next,
            seq: Seq(u64::MAX),
        };
        let seen = Seen::load([row(1, 5), row(2, u64::MAX)]);
        place().set_seen(&seen).unwrap();
        assert_eq!(place().seen(), seen);
        place().set_seen(&Seen::load([row(1, 6)])).unwrap();
        assert_eq!(place().seen().rows(), [row(1, 6)]);
        let most = (0..SEEN_MAX).map(|number| row((number % 251).to_le_bytes()[0], number as u64));
        place().set_seen(&Seen::load(most)).unwrap();
        assert_eq!(place().seen().rows().len(), SEEN_MAX);
    }
}
