//! The rooms whose logs are stored on this machine.
//!
//! Owns: the names that rooms may have, the name of a room's file, and the takeover of a file that an older version named after
//! its server's addresses.
//! Must not know: what a log holds.
//! Driven by: `cmd::serve` and `cmd::history`.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use blake2::{Blake2s256, Digest};

use super::state::{State, with_suffix};

/// The room of a server that was not given a room's name.
pub const DEFAULT: &str = "room";

/// Longest name, in bytes.
const NAME_MAX: usize = 64;

/// Ending of the names of logs.
const LOG_END: &str = ".db";

/// Beginning of the names of logs before rooms had names, and the greatest length of these without the ending.
const OLD_LOG: &str = "room-";
const OLD_NAME_MAX: usize = 200;

/// Suffixes of a log's files. The database comes last when they are renamed: its write-ahead log must never be left behind.
const BESIDE: [&str; 4] = ["-wal", "-shm", ".members", ""];
const LOCK: &str = "-lock";

/// The name of a room: 1 to 64 bytes of letters, digits, `.`, `_` and `-`; the first one is a letter or a digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoomName(String);

impl RoomName {
    /// Returns the file that holds the log of this room.
    pub fn log(&self, state: &State) -> PathBuf {
        state.folder().join(format!("{}{LOG_END}", self.0))
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RoomName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        let begins_well = name.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
        if is_plain && begins_well && name.len() <= NAME_MAX {
            Ok(Self(name.into()))
        } else {
            Err(format!(
                "a room's name has 1 to {NAME_MAX} letters, digits, '.', '_' and '-', and begins with a letter or a digit"
            ))
        }
    }
}

/// A log that is stored here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The log of this room.
    Room(RoomName),
    /// A log that an older version named after addresses.
    Old(PathBuf),
}

/// Lists the logs that are stored here, by name.
pub fn list(state: &State) -> Vec<Kept> {
    let entries = fs::read_dir(state.folder()).into_iter().flatten().filter_map(Result::ok);
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    let mut kept = Vec::new();
    for path in paths {
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(LOG_END)) else { continue };
        match name.parse() {
            Ok(room) => kept.push(Kept::Room(room)),
            Err(_) if name.starts_with(OLD_LOG) => kept.push(Kept::Old(path)),
            Err(_) => {}
        }
    }
    kept
}

/// Why a log of an older version cannot be taken over.
#[derive(Debug)]
pub enum TakeOverError {
    /// A server still writes to it.
    InUse(PathBuf),
    /// There are several, and none belongs to just these addresses.
    Several(Vec<PathBuf>),
    /// The system's error.
    Io(PathBuf, io::Error),
}

impl fmt::Display for TakeOverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(path) => write!(f, "an older server still writes to {}: stop it first", path.display()),
            Self::Several(paths) => {
                write!(f, "several rooms of an older version are kept here; choose one:")?;
                paths.iter().try_for_each(|path| write!(f, "\n  --db '{}'", path.display()))
            }
            Self::Io(path, err) => write!(f, "cannot rename {}: {err}", path.display()),
        }
    }
}

/// Gives the log of an older version the name of the default room's, unless that exists: the log of just these addresses, or
/// else the only one that is stored here. Returns the log's former name.
///
/// # Errors
/// See [`TakeOverError`]. Nothing has changed then, or the next call completes the takeover.
pub fn take_over(state: &State, addresses: &[SocketAddr]) -> Result<Option<PathBuf>, TakeOverError> {
    let room = RoomName(DEFAULT.into()).log(state);
    if room.exists() {
        return Ok(None);
    }
    let of_addresses = state.folder().join(old_name(addresses));
    let mut old: Vec<_> = list(state)
        .into_iter()
        .filter_map(|kept| match kept {
            Kept::Old(path) => Some(path),
            Kept::Room(_) => None,
        })
        .collect();
    if of_addresses.exists() {
        old = vec![of_addresses];
    }
    let from = match old.as_slice() {
        [] => return Ok(None),
        [from] => from.clone(),
        _ => return Err(TakeOverError::Several(old)),
    };
    rename(&from, &room)?;
    Ok(Some(from))
}

fn rename(from: &Path, to: &Path) -> Result<(), TakeOverError> {
    let failed = |err| TakeOverError::Io(from.to_owned(), err);
    let lock =
        File::options().create(true).truncate(false).write(true).open(with_suffix(from, LOCK)).map_err(failed)?;
    lock.try_lock().map_err(|_| TakeOverError::InUse(from.to_owned()))?;
    for suffix in BESIDE.into_iter().chain([LOCK]) {
        match fs::rename(with_suffix(from, suffix), with_suffix(to, suffix)) {
            Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(failed(err)),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Returns the former name of the log of a server that is bound to these addresses, in any order.
fn old_name(addresses: &[SocketAddr]) -> String {
    let mut name = String::from(OLD_LOG);
    for (index, address) in addresses.iter().collect::<BTreeSet<_>>().into_iter().enumerate() {
        name.extend([if index == 0 { "" } else { "," }, &address.to_string()]);
    }
    if name.len() > OLD_NAME_MAX {
        let hash = Blake2s256::digest(&name).iter().take(16).fold(0, |hash, &byte| hash << 8 | u128::from(byte));
        let count = addresses.iter().collect::<BTreeSet<_>>().len();
        name = format!("{OLD_LOG}{count}-{hash:032x}");
    }
    name + LOG_END
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> (tempfile::TempDir, State) {
        let folder = tempfile::tempdir().unwrap();
        let state = State::at(folder.path().to_owned());
        (folder, state)
    }

    fn addresses(of: &[&str]) -> Vec<SocketAddr> {
        of.iter().map(|address| address.parse().unwrap()).collect()
    }

    fn write(state: &State, name: &str, text: &str) {
        fs::write(state.folder().join(name), text).unwrap();
    }

    fn read(state: &State, name: &str) -> Option<String> {
        fs::read_to_string(state.folder().join(name)).ok()
    }

    #[test]
    fn a_name_of_a_room_is_a_name_of_a_file_in_every_folder() {
        for name in ["room", "a", "Lab-2_b.c", "0", &"x".repeat(64)] {
            assert_eq!(name.parse::<RoomName>().unwrap().to_string(), name);
        }
        for name in ["", ".", "..", ".x", "-x", "a/b", "a b", "ä", "a\0", "127.0.0.1:9", &"x".repeat(65)] {
            assert!(name.parse::<RoomName>().is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_log_named_after_addresses_becomes_that_of_the_room_with_all_that_stands_beside_it() {
        let (_folder, state) = state();
        let old = "room-0.0.0.0:9,[::]:9.db";
        for (suffix, text) in [("", "log"), ("-wal", "wal"), (".members", "members"), ("-lock", "boot")] {
            write(&state, &format!("{old}{suffix}"), text);
        }
        write(&state, "room-127.0.0.1:9.db", "another");
        let taken = take_over(&state, &addresses(&["[::]:9", "0.0.0.0:9"])).unwrap();
        assert_eq!(taken, Some(state.folder().join(old)));
        let there =
            ["room.db", "room.db-wal", "room.db.members", "room.db-lock"].map(|name| read(&state, name).unwrap());
        assert_eq!(there, ["log", "wal", "members", "boot"]);
        assert_eq!(read(&state, old), None);
        assert_eq!(take_over(&state, &addresses(&["127.0.0.1:9"])).unwrap(), None, "there is a room by now");
        assert_eq!(read(&state, "room-127.0.0.1:9.db").unwrap(), "another");
    }

    #[test]
    fn the_only_old_log_is_taken_over_whatever_it_is_bound_to_and_of_several_none() {
        let (_folder, state) = state();
        assert_eq!(take_over(&state, &addresses(&["127.0.0.1:9"])).unwrap(), None);
        write(&state, "room-127.0.0.1:9.db", "one");
        write(&state, "room-127.0.0.1:8.db", "two");
        let several = take_over(&state, &addresses(&["0.0.0.0:9"])).unwrap_err().to_string();
        assert_eq!(several.matches("--db '").count(), 2, "{several}");
        assert_eq!(read(&state, "room.db"), None);
        fs::remove_file(state.folder().join("room-127.0.0.1:8.db")).unwrap();
        assert!(take_over(&state, &addresses(&["0.0.0.0:9"])).unwrap().is_some());
        assert_eq!(read(&state, "room.db").unwrap(), "one");
    }

    #[test]
    fn a_log_that_an_older_server_still_writes_to_stays_where_it_is() {
        let (_folder, state) = state();
        write(&state, "room-127.0.0.1:9.db", "one");
        let lock = File::create(state.folder().join("room-127.0.0.1:9.db-lock")).unwrap();
        lock.lock().unwrap();
        let err = take_over(&state, &addresses(&["127.0.0.1:9"])).unwrap_err();
        assert!(matches!(err, TakeOverError::InUse(_)), "{err}");
        assert_eq!(read(&state, "room-127.0.0.1:9.db").unwrap(), "one");
        drop(lock);
        assert!(take_over(&state, &addresses(&["127.0.0.1:9"])).unwrap().is_some());
    }

    #[test]
    fn a_takeover_that_was_cut_off_is_completed_and_loses_nothing() {
        let (_folder, state) = state();
        write(&state, "room-127.0.0.1:9.db", "log");
        write(&state, "room.db-wal", "wal");
        assert!(take_over(&state, &addresses(&["127.0.0.1:9"])).unwrap().is_some());
        assert_eq!(
            (read(&state, "room.db").unwrap(), read(&state, "room.db-wal").unwrap()),
            ("log".into(), "wal".into())
        );
    }

    #[test]
    fn rooms_are_listed_by_name_and_nothing_else_is() {
        let (_folder, state) = state();
        for name in ["room.db", "lab.db", "lab.db-wal", "server.key", "room-127.0.0.1:9.db", "x y.db"] {
            write(&state, name, "");
        }
        let room = |name: &str| Kept::Room(name.parse().unwrap());
        let old = Kept::Old(state.folder().join("room-127.0.0.1:9.db"));
        assert_eq!(list(&state), [room("lab"), old, room("room")]);
    }

    #[test]
    fn names_after_many_addresses_were_cut_and_are_found_again() {
        let many: Vec<_> = (1..60).map(|port| format!("[2001:db8:1:2:3:4:5:6]:{port}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert!(old_name(&addresses(&many)).len() <= 255);
        assert_ne!(old_name(&addresses(&many)), old_name(&addresses(&many[1..])));
        assert_eq!(old_name(&addresses(&["[::]:9", "0.0.0.0:9"])), "room-0.0.0.0:9,[::]:9.db");
    }
}
