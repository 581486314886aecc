//! State that outlives a run: our keys, the keys of known servers, clients' places.
//!
//! Owns: the folder that holds them, the form of their files.
//! Must not know: what keys are used for, what a changed key means.
//! Driven by: `cmd`.
//!
//! ```text
//!   $XDG_STATE_HOME/udpchat/      else ~/.local/state/udpchat/
//!     client.key  server.key      a secret key in base64; 0600
//!     server.key.refused          keys that the server refuses for a while (`refused`)
//!     NAME.db                     the log of the room of that name (`rooms`)
//!     servers/HOST:PORT           the public key of that server in base64
//!     places/HOST:PORT/NICK.0     how far a client has read there; with .1 and so on for others that run beside it
//!     people/  ignored/           see `people`
//! ```
//! Files are written under another name and then renamed, so that each is whole or absent. If two processes create the same one
//! at the same time, the first wins.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::HostPort;
use crate::session::{Entropy, KEY_LEN, PublicKey, StaticKey};

/// Prefix of the names of unfinished files. No host has such a name.
const ASIDE: &str = ".new-";

/// The name of the owner's key, which is kept beside the server's.
pub const OWNER_KEY: &str = "owner.key";

/// The user's folder that holds our state.
#[derive(Clone, Debug)]
pub struct State {
    folder: PathBuf,
}

/// A server's name, and its known key.
pub type Pin = (String, Result<PublicKey, KeyError>);

/// Why a key cannot be used or stored.
#[derive(Debug)]
pub struct KeyError {
    path: PathBuf,
    what: What,
}

#[derive(Debug)]
enum What {
    Write(io::Error),
    Read(io::Error),
    Damaged,
    NoKey,
}

impl KeyError {
    /// Creates the error of a file that cannot be read.
    pub(super) fn reading(path: &Path, err: io::Error) -> Self {
        Self { path: path.to_owned(), what: What::Read(err) }
    }

    /// Creates the error of a file that cannot be written.
    pub(super) fn writing(path: &Path, err: io::Error) -> Self {
        Self { path: path.to_owned(), what: What::Write(err) }
    }

    /// Returns whether there is a key that cannot be read.
    pub const fn is_there(&self) -> bool {
        !matches!(self.what, What::Write(_))
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.what {
            What::Write(err) => write!(f, "cannot write {path}: {err}"),
            What::Read(err) => write!(f, "cannot read {path}: {err}"),
            What::NoKey => write!(f, "{path} has no key: udpchat key export writes one, {KEY_LEN} bytes in base64"),
            What::Damaged => {
                write!(f, "{path} is damaged: not {KEY_LEN} bytes in base64 (restore it, or move it away)")
            }
        }
    }
}

impl State {
    /// Finds the folder by `$XDG_STATE_HOME` or `$HOME` (XDG Base Directory Specification); `None` if neither is absolute.
    pub fn find() -> Option<Self> {
        let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
        Some(Self { folder: base.join("udpchat") })
    }

    /// Returns the path of the client's key.
    pub fn client_key(&self) -> PathBuf {
        self.folder.join("client.key")
    }

    /// Returns the default path of the server's key.
    pub fn server_key(&self) -> PathBuf {
        self.folder.join("server.key")
    }

    /// Returns the default path of the owner's key.
    pub fn owner_key(&self) -> PathBuf {
        self.folder.join(OWNER_KEY)
    }

    /// Returns the folder itself.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns a state with this folder.
    #[cfg(test)]
    pub(super) const fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Returns the known key of a server.
    ///
    /// # Errors
    /// Fails if the key is there but cannot be read: to go on would be to trust any server.
    pub fn pin(&self, server: &HostPort) -> Result<Option<PublicKey>, KeyError> {
        match read_key(&self.pin_path(server)) {
            Ok(key) => Ok(Some(PublicKey(*key))),
            Err(KeyError { what: What::Read(err), .. }) if is_absent(&err) => Ok(None),
            Err(err) => Err(err),
        }
    }

    /// Stores the key of a server that had none. Returns the key that is known now: another process may have stored one first.
    ///
    /// # Errors
    /// Fails if the file cannot be written or read.
    pub fn set_pin(&self, server: &HostPort, key: PublicKey) -> Result<PublicKey, KeyError> {
        pin_key(&self.pin_path(server), key)
    }

    /// Forgets the key of a server. Returns false if none was known.
    ///
    /// # Errors
    /// Fails if the file cannot be removed.
    pub fn forget(&self, server: &HostPort) -> Result<bool, KeyError> {
        remove(&self.pin_path(server))
    }

    /// Returns the known servers, by name, and their keys.
    ///
    /// # Errors
    /// Fails if the folder cannot be read.
    pub fn pins(&self) -> Result<Vec<Pin>, KeyError> {
        let mut pins = Vec::new();
        for (name, path) in list(&self.folder.join("servers"))? {
            if !name.starts_with(ASIDE) {
                pins.push((name, read_key(&path).map(|key| PublicKey(*key))));
            }
        }
        pins.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(pins)
    }

    fn pin_path(&self, server: &HostPort) -> PathBuf {
        self.folder.join("servers").join(file_name(&server.to_string()))
    }
}

/// Loads the key in that file.
///
/// # Errors
/// Fails if the file cannot be read, or is not a key.
pub fn load_key(path: &Path) -> Result<StaticKey, KeyError> {
    let key = read_key(path)?;
    let others = fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0);
    if others {
        log::warn!("{} can be read by others: chmod 600 it", path.display());
    }
    Ok(StaticKey::from_secret(key))
}

/// Copies the key in a file to a new file, which only its owner can read. Returns false if that file is there already.
///
/// # Errors
/// Fails if the one cannot be read, is not a key, or the other cannot be written.
pub fn copy_key(from: &Path, to: &Path) -> Result<bool, KeyError> {
    let key = read_key(from)?;
    write_new(to, &key)
}

/// The most bytes that are read where a key is expected.
const KEY_FILE_MAX: u64 = 4096;

/// Copies a key from stdin to a new file, which only its owner can read. Returns false if that file is there already.
///
/// # Errors
/// Fails if stdin cannot be read, has no key, or the file cannot be written.
pub fn copy_key_from_stdin(to: &Path) -> Result<bool, KeyError> {
    let error = |what| KeyError { path: PathBuf::from("stdin"), what };
    let mut text = Zeroizing::new(Vec::new());
    io::stdin().take(KEY_FILE_MAX).read_to_end(&mut text).map_err(|err| error(What::Read(err)))?;
    let key = decode_key(&text).ok_or_else(|| error(What::NoKey))?;
    write_new(to, &key)
}

/// Returns the key in a file as the text that a file of it consists of.
///
/// # Errors
/// Fails if the file cannot be read, or is not a key.
pub fn key_as_text(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    Ok(Zeroizing::new(STANDARD.encode(*read_key(path)?)))
}

/// Moves the key in a file out of the way, to a file beside it that has its short name, or `.damaged` if it is no key. Returns
/// that file's path.
///
/// # Errors
/// Fails if it cannot be moved.
pub fn put_key_aside(path: &Path) -> Result<PathBuf, KeyError> {
    let suffix = load_key(path).map_or_else(|_| ".damaged".to_owned(), |key| format!(".{}", key.public().who()));
    let aside = with_suffix(path, &suffix);
    fs::rename(path, &aside).map_err(|err| KeyError { path: path.to_owned(), what: What::Write(err) })?;
    Ok(aside)
}

/// Loads the key in that file, or creates it if it is not there; the second value tells whether it was created.
///
/// # Errors
/// Fails if it is there but cannot be read or is not a key, or is absent and cannot be written: see [`KeyError::is_there`].
pub fn load_or_make_key(path: &Path) -> Result<(StaticKey, bool), KeyError> {
    match load_key(path) {
        Err(KeyError { what: What::Read(err), .. }) if is_absent(&err) => {}
        loaded => return loaded.map(|key| (key, false)),
    }
    let secret = Zeroizing::new(random());
    let is_ours = write_new(path, &secret)?;
    if is_ours { Ok((StaticKey::from_secret(secret), true)) } else { Ok((load_key(path)?, false)) }
}

/// Creates a key that is not stored.
pub fn make_key() -> StaticKey {
    StaticKey::generate(&mut Entropy::new(random()))
}

/// Returns bytes that nobody can guess.
///
/// # Panics
/// Panics if the system has no randomness: nothing can be kept secret then.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}

/// Returns the path of a file beside another one: that path with a suffix.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Writes a file whole or not at all, replaces one that may be there, and lets only its owner access it.
///
/// # Errors
/// Returns the system's error, or that of `write`.
pub fn write_aside(path: &Path, write: impl FnOnce(&mut io::BufWriter<&File>) -> io::Result<()>) -> io::Result<()> {
    let file = aside(path)?;
    let mut out = io::BufWriter::new(file.as_file());
    write(&mut out)?;
    out.flush()?;
    drop(out);
    file.as_file().sync_all()?;
    file.persist(path).map_err(|err| err.error)?;
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// Creates a folder if necessary, accessible only to its owner.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Creates a file that can be given the name `path` when it is whole; 0600 from the beginning.
fn aside(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new().prefix(ASIDE).tempfile_in(folder_of(path))
}

/// Returns the name that a file's name encodes.
pub(super) fn name_of_file(name: &str) -> String {
    name.replace("%2F", "/").replace("%25", "%")
}

/// Encodes a name as the name of a file.
pub(super) fn file_name(name: &str) -> String {
    name.replace('%', "%25").replace('/', "%2F")
}

/// Returns whether nothing is there, nor can be.
pub(super) fn is_absent(err: &io::Error) -> bool {
    matches!(err.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Returns the entries of a folder, in no particular order: names as [`file_name`] was given them, and paths. A folder that is absent has none.
pub(super) fn list(folder: &Path) -> Result<Vec<(String, PathBuf)>, KeyError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(err) if is_absent(&err) => return Ok(Vec::new()),
        Err(err) => return Err(KeyError::reading(folder, err)),
    };
    let mut all = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|err| KeyError::reading(folder, err))?;
        all.push((name_of_file(&entry.file_name().to_string_lossy()), entry.path()));
    }
    Ok(all)
}

/// Stores somebody else's key in a new file. Returns the key that is there now: another process may have stored one first.
pub(super) fn pin_key(path: &Path, key: PublicKey) -> Result<PublicKey, KeyError> {
    if write_new(path, &key.0)? { Ok(key) } else { read_key(path).map(|key| PublicKey(*key)) }
}

/// Removes a file. Returns false if it is absent.
pub(super) fn remove(path: &Path) -> Result<bool, KeyError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(err) if is_absent(&err) => Ok(false),
        Err(err) => Err(KeyError::writing(path, err)),
    }
}

pub(super) fn read_key(path: &Path) -> Result<Zeroizing<[u8; KEY_LEN]>, KeyError> {
    let error = |what| KeyError { path: path.to_owned(), what };
    let mut text = Zeroizing::new(Vec::new());
    let read = File::open(path).and_then(|file| file.take(KEY_FILE_MAX).read_to_end(&mut text));
    read.map_err(|err| error(What::Read(err)))?;
    decode_key(&text).ok_or_else(|| error(What::Damaged))
}

fn decode_key(text: &[u8]) -> Option<Zeroizing<[u8; KEY_LEN]>> {
    let bytes = Zeroizing::new(STANDARD.decode(text.trim_ascii()).ok()?);
    bytes.as_slice().try_into().map(Zeroizing::new).ok()
}

/// Writes a new file, accessible only to its owner. Returns false if there is one already.
pub(super) fn write_new(path: &Path, key: &[u8; KEY_LEN]) -> Result<bool, KeyError> {
    let error = |err| KeyError { path: path.to_owned(), what: What::Write(err) };
    make_folder(folder_of(path)).map_err(error)?;
    let mut file = aside(path).map_err(error)?;
    let text = Zeroizing::new(STANDARD.encode(key));
    writeln!(file, "{}", text.as_str()).and_then(|()| file.as_file().sync_all()).map_err(error)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(true),
        Err(err) if err.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(err) => Err(error(err.error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> (tempfile::TempDir, State) {
        let folder = tempfile::tempdir().unwrap();
        let state = State { folder: folder.path().join("udpchat") };
        (folder, state)
    }

    #[test]
    fn a_key_is_made_once_for_its_owner_only_and_is_the_same_afterwards() {
        let (_folder, state) = state();
        let (key, made) = load_or_make_key(&state.client_key()).unwrap();
        let (again, made_again) = load_or_make_key(&state.client_key()).unwrap();
        assert_eq!((key.public(), made, made_again), (again.public(), true, false));
        assert_eq!(fs::metadata(state.client_key()).unwrap().permissions().mode() & 0o777, 0o600);
        assert_ne!(load_or_make_key(&state.server_key()).unwrap().0.public(), key.public());
    }

    #[test]
    fn two_who_make_a_key_at_the_same_time_have_the_same() {
        let (_folder, state) = state();
        let make = || load_or_make_key(&state.client_key()).unwrap().0.public();
        let keys: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
        assert_eq!(fs::read_dir(&state.folder).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_damaged_key_is_left_alone_and_said_to_be() {
        let (_folder, state) = state();
        fs::create_dir_all(&state.folder).unwrap();
        for damaged in ["", "AAAA\n", "not base64", &STANDARD.encode([0; 33])] {
            fs::write(state.client_key(), damaged).unwrap();
            let err = load_or_make_key(&state.client_key()).unwrap_err();
            assert!(err.is_there() && err.to_string().contains("client.key is damaged"), "{err}");
            assert_eq!(fs::read_to_string(state.client_key()).unwrap(), damaged);
        }
    }

    #[test]
    fn where_no_key_can_be_written_it_is_said() {
        let (_folder, state) = state();
        fs::write(&state.folder, "a file, not a folder").unwrap();
        let err = load_or_make_key(&state.client_key()).unwrap_err();
        assert!(err.to_string().contains("client.key"), "{err}");
    }

    #[test]
    fn a_server_is_known_until_it_is_forgotten_whatever_its_name() {
        let (_folder, state) = state();
        let (key, other) = (make_key().public(), make_key().public());
        for name in ["127.0.0.1:9999", "[::1]:9999", "[fe80::1%eth0]:9", "../..:1", "a%2Fb:1"] {
            let server: HostPort = name.parse().unwrap();
            assert_eq!(state.pin(&server).unwrap(), None);
            assert_eq!(state.set_pin(&server, key).unwrap(), key);
            assert_eq!(state.set_pin(&server, other).unwrap(), key, "the first stays");
            let pins: Vec<_> = state.pins().unwrap().into_iter().map(|(name, key)| (name, key.unwrap())).collect();
            assert_eq!(pins, [(name.to_owned(), key)]);
            assert!(state.forget(&server).unwrap());
            assert!(!state.forget(&server).unwrap());
        }
        assert!(state.pins().unwrap().is_empty());
    }
}
