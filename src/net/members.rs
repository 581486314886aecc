//! The members' addresses, stored for the next server, which knocks there.
//!
//! Owns: the file, beside the room's log, and its form: a line for each member, with the socket, the member's address, and our
//! address that it writes to; most recently heard first.
//! Must not know: what a server does with them.
//! Driven by: `cmd::serve` at the start, `server` now and then.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path as FilePath, PathBuf};
use std::time::Duration;

use super::state::with_suffix;
use crate::server::{Path, SocketId};

/// How long an address counts as a member's. Chosen: NATs have forgotten it by then, and a member that is still there looks for
/// the server by itself every four seconds.
const KNOWN_FOR: Duration = Duration::from_secs(600);

/// The file of members' addresses.
#[derive(Clone, Debug)]
pub struct MembersFile {
    path: PathBuf,
}

impl MembersFile {
    /// Returns the file that belongs to this log.
    pub fn beside(log: &FilePath) -> Self {
        Self { path: with_suffix(log, ".members") }
    }

    /// Returns the members' paths, at most `most`. Returns none if the file is absent, cannot be read, or was last written more
    /// than ten minutes ago; skips malformed lines.
    pub fn read(&self, most: usize) -> Vec<Path> {
        let age = fs::metadata(&self.path)
            .and_then(|metadata| metadata.modified())
            .map(|at| at.elapsed().unwrap_or_default());
        if !age.is_ok_and(|age| age <= KNOWN_FOR) {
            return Vec::new();
        }
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        text.lines().filter_map(parse).take(most).collect()
    }

    /// Stores the paths of the members that are here now.
    ///
    /// # Errors
    /// Returns the system's error.
    pub fn write(&self, members: &[Path]) -> io::Result<()> {
        let mut lines = String::new();
        for Path { socket, peer, local } in members {
            let local = local.map_or_else(|| "-".into(), |local| local.to_string());
            let _ = writeln!(lines, "{} {peer} {local}", socket.0);
        }
        // Not synced: addresses that a power failure may lose are not worth waiting for the disk.
        let aside = with_suffix(&self.path, ".new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
        file.write_all(lines.as_bytes())?;
        fs::rename(&aside, &self.path)
    }
}

fn parse(line: &str) -> Option<Path> {
    let mut words = line.split(' ');
    let (socket, peer, local) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?);
    let local = if local == "-" { None } else { Some(local.parse().ok()?) };
    Some(Path { socket: SocketId(socket), peer, local })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_back_in_their_order_and_what_is_no_line_is_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("room.db");
        let file = MembersFile::beside(&log);
        assert!(file.read(10).is_empty());
        let v4 = Path { socket: SocketId(0), peer: ([10, 1, 2, 3], 4567).into(), local: None };
        let v6 = Path { socket: SocketId(1), peer: "[::1]:99".parse().unwrap(), local: "::1".parse().ok() };
        file.write(&[v4, v6]).unwrap();
        assert_eq!((file.read(10), file.read(1)), (vec![v4, v6], vec![v4]));
        let written = OpenOptions::new().write(true).open(folder.path().join("room.db.members")).unwrap();
        let long_ago = std::time::SystemTime::now() - KNOWN_FOR - Duration::from_secs(1);
        written.set_modified(long_ago).unwrap();
        assert!(file.read(10).is_empty(), "too long ago");
        fs::write(
            folder.path().join("room.db.members"),
            "x 10.0.0.1:5 -\n0 10.0.0.1 -\n0 10.0.0.1:5\n0 10.0.0.1:5 y\n",
        )
        .unwrap();
        assert!(file.read(10).is_empty());
    }
}
