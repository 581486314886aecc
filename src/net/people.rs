//! What a user keeps of others, by room: whose key a nick was when it was first written to, whom not to show.
//!
//! Owns: these files, in the folder of [`State`].
//! Must not know: what follows from a changed key, how anything is shown.
//! Driven by: `cmd`.
//!
//! ```text
//!   people/HOST:PORT/NICK.key          the key of somebody whom the user has written to, in base64
//!   ignored/HOST:PORT                  a line for each: the short name of the key, the nick
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use super::HostPort;
use super::state::{KeyError, State, file_name, list, make_folder, pin_key, read_key, remove, write_aside};
use crate::session::PublicKey;
use crate::wire::Who;

/// Ends the names of files with keys of people.
const KEY: &str = ".key";

/// Most bytes of a list of whom not to show that are read.
const IGNORED_BYTES: u64 = 1024 * 1024;

/// Somebody whom the user has written to: the room, the nick, the key.
pub type Contact = (String, String, Result<PublicKey, KeyError>);

/// Those whom the user does not want to see, and the nicks that they had.
pub type Ignored = BTreeMap<Who, String>;

impl State {
    fn people(&self, server: &str) -> PathBuf {
        self.folder().join("people").join(file_name(server))
    }

    fn contact(&self, server: &HostPort, nick: &str) -> PathBuf {
        self.people(&server.to_string()).join(file_name(nick) + KEY)
    }

    /// Returns the keys of those whom the user has written to in that room, by their nicks.
    ///
    /// # Errors
    /// Fails if one of them cannot be read: to go on would be to write to any key.
    pub fn contacts(&self, server: &HostPort) -> Result<BTreeMap<Box<str>, PublicKey>, KeyError> {
        let contacts = self.contacts_of(&server.to_string())?.into_iter();
        contacts.map(|(_, nick, key)| Ok((nick.into(), key?))).collect()
    }

    fn contacts_of(&self, server: &str) -> Result<Vec<Contact>, KeyError> {
        let mut contacts = Vec::new();
        for (name, path) in list(&self.people(server))? {
            if let Some(nick) = name.strip_suffix(KEY) {
                let key = read_key(&path).map(|key| PublicKey(*key));
                contacts.push((server.to_owned(), nick.to_owned(), key));
            }
        }
        contacts.sort_by(|(_, one, _), (_, other, _)| one.cmp(other));
        Ok(contacts)
    }

    /// Returns everybody whom the user has written to, by room and nick.
    ///
    /// # Errors
    /// Fails if a folder cannot be read.
    pub fn all_contacts(&self) -> Result<Vec<Contact>, KeyError> {
        let mut rooms: Vec<_> = list(&self.folder().join("people"))?.into_iter().map(|(room, _)| room).collect();
        rooms.sort();
        let mut all = Vec::new();
        for room in rooms {
            all.extend(self.contacts_of(&room)?);
        }
        Ok(all)
    }

    /// Stores the key of somebody whom the user writes to. Returns the key that is known now: another process may have stored one first.
    ///
    /// # Errors
    /// Fails if the file cannot be written or read.
    pub fn set_contact(&self, server: &HostPort, nick: &str, key: PublicKey) -> Result<PublicKey, KeyError> {
        pin_key(&self.contact(server, nick), key)
    }

    /// Forgets the key of somebody. Returns false if none was known.
    ///
    /// # Errors
    /// Fails if the file cannot be removed.
    pub fn forget_contact(&self, server: &HostPort, nick: &str) -> Result<bool, KeyError> {
        remove(&self.contact(server, nick))
    }

    fn ignored_file(&self, server: &HostPort) -> PathBuf {
        self.folder().join("ignored").join(file_name(&server.to_string()))
    }

    /// Returns those whom the user does not want to see in that room; nobody if that cannot be read.
    pub fn ignored(&self, server: &HostPort) -> Ignored {
        let mut text = String::new();
        let opened = fs::File::open(self.ignored_file(server));
        let _ = opened.and_then(|file| file.take(IGNORED_BYTES).read_to_string(&mut text));
        let people = text.lines().filter_map(|line| {
            let (who, nick) = line.split_once(' ')?;
            Some((Who(eight(who)?), nick.to_owned()))
        });
        people.collect()
    }

    /// Stores them.
    ///
    /// # Errors
    /// Returns the system's error.
    pub fn set_ignored(&self, server: &HostPort, ignored: &Ignored) -> io::Result<()> {
        let path = self.ignored_file(server);
        if let Some(folder) = path.parent() {
            make_folder(folder)?;
        }
        write_aside(&path, |file| ignored.iter().try_for_each(|(who, nick)| writeln!(file, "{who} {nick}")))
    }
}

/// Reads eight bytes in hexadecimal.
pub(super) fn eight(text: &str) -> Option<[u8; 8]> {
    u64::from_str_radix(text, 16).ok().filter(|_| text.len() == 16).map(u64::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> (tempfile::TempDir, State) {
        let folder = tempfile::tempdir().unwrap();
        let state = State::at(folder.path().join("udpchat"));
        (folder, state)
    }

    fn server(name: &str) -> HostPort {
        name.parse().unwrap()
    }

    #[test]
    fn whoever_was_written_to_is_known_by_the_first_key_in_each_room_until_it_is_forgotten() {
        let (_folder, state) = state();
        let (here, there) = (server("here:1"), server("[::1]:1"));
        assert_eq!(state.contacts(&here).unwrap(), BTreeMap::new());
        for nick in ["jill", "..", ".new-x", "a/b%2F", "x.key"] {
            assert_eq!(state.set_contact(&here, nick, PublicKey([1; 32])).unwrap(), PublicKey([1; 32]));
        }
        assert_eq!(state.set_contact(&here, "jill", PublicKey([2; 32])).unwrap(), PublicKey([1; 32]));
        state.set_contact(&there, "jill", PublicKey([3; 32])).unwrap();
        let nicks: Vec<_> = state.contacts(&here).unwrap().into_keys().collect();
        assert_eq!(nicks, ["..", ".new-x", "a/b%2F", "jill", "x.key"].map(Box::from));
        assert_eq!(state.all_contacts().unwrap().len(), 6);
        assert!(state.forget_contact(&here, "jill").unwrap() && !state.forget_contact(&here, "jill").unwrap());
        assert_eq!(state.contacts(&there).unwrap().len(), 1);
        fs::write(state.contact(&there, "jill"), "damaged").unwrap();
        assert!(state.contacts(&there).is_err(), "any key would do");
    }

    #[test]
    fn whom_not_to_show_is_there_again() {
        let (_folder, state) = state();
        let here = server("here:1");
        let ignored = Ignored::from([(Who([1; 8]), "jill smith".to_owned()), (Who([0xff; 8]), "x".to_owned())]);
        state.set_ignored(&here, &ignored).unwrap();
        assert_eq!(state.ignored(&here), ignored);
    }
}
