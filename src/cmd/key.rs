//! `udpchat key`
//!
//! Owns: how keys are shown and forgotten, and carried to another device.
//! Must not know: how they are stored.
//! Driven by: `cmd`.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use super::{Exit, Failure};
use crate::cli::{Key, KeyAction};
use crate::net::HostPort;
use crate::net::people::Contact;
use crate::net::state::{
    KeyError, Pin, State, copy_key, copy_key_from_stdin, key_as_text, load_key, load_or_make_key, put_key_aside,
};
use crate::net::stdio::plain_stdout;
use crate::policy::names::Skeletons;
use crate::session::PublicKey;
use crate::ui::{notice, sanitize};

/// The name of stdin and stdout in place of a file's.
const STDIO: &str = "-";

pub(super) fn run(args: Key) -> Result<(), Failure> {
    let Some(state) = State::find() else {
        let message = "nowhere to keep keys: neither XDG_STATE_HOME nor HOME is set to an absolute path";
        return Err(Failure::new(Exit::Failure, message));
    };
    match args.action {
        None => Ok(show(&state, &state.pins().map_err(failed)?, &state.all_contacts().map_err(failed)?)?),
        Some(KeyAction::Forget { server, nick: Some(nick) }) => {
            if forget_person(&state, &server, &nick).map_err(failed)? {
                return Ok(());
            }
            let message =
                format!("no key of {} at {server} is known (udpchat key shows which are)", sanitize::escaped(&nick));
            Err(Failure::new(Exit::Failure, message))
        }
        Some(KeyAction::Forget { server, nick: None }) => {
            if state.forget(&server).map_err(failed)? {
                return Ok(());
            }
            Err(Failure::new(Exit::Failure, format!("no key of {server} is known (udpchat key shows which are)")))
        }
        Some(KeyAction::Export { file }) => export(&state.client_key(), &file),
        Some(KeyAction::Import { file, replace }) => import(&state.client_key(), &file, replace),
    }
}

/// Forgets the keys of a nick, and of those that look like it; returns whether there were any.
fn forget_person(state: &State, server: &HostPort, nick: &str) -> Result<bool, KeyError> {
    let (room, skeletons) = (server.to_string(), Skeletons::of(nick));
    let mut any = false;
    for (other, known, _) in state.all_contacts()? {
        let is_it = known == nick || Skeletons::of(&known).look_like(&skeletons);
        any |= other == room && is_it && state.forget_contact(server, &known)?;
    }
    Ok(any)
}

fn failed(err: KeyError) -> Failure {
    Failure::new(Exit::Failure, err.to_string())
}

/// Writes the user's key to a new file, or to stdout.
fn export(own: &Path, file: &Path) -> Result<(), Failure> {
    let (key, _) = load_or_make_key(own).map_err(failed)?;
    let refused = |what: String| Err(Failure::new(Exit::Failure, what));
    if file.as_os_str() != STDIO {
        if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
            return refused(format!("there is no folder {}: nothing was written", folder.display()));
        }
        if !copy_key(own, file).map_err(failed)? {
            return refused(format!("{} is there already: nothing was written", file.display()));
        }
        notice(format_args!("your key {} is in {}: whoever has it is you", key.public().fingerprint(), file.display()));
        return Ok(());
    }
    let mut out = plain_stdout();
    if out.is_terminal() {
        return refused("a key is not shown on a terminal: name a file, or write to a pipe".into());
    }
    writeln!(out, "{}", key_as_text(own).map_err(failed)?.as_str())?;
    Ok(out.flush()?)
}

/// Takes a key as the user's own.
fn import(own: &Path, file: &Path, replace: bool) -> Result<(), Failure> {
    // Read once, for a pipe has it once: it is copied beside the other one first.
    let fresh = own.with_extension("key.import");
    let _ = std::fs::remove_file(&fresh);
    let copied = if file.as_os_str() == STDIO { copy_key_from_stdin(&fresh) } else { copy_key(file, &fresh) };
    copied.map_err(failed)?;
    let taken = take(own, &fresh, replace);
    let _ = std::fs::remove_file(&fresh);
    taken
}

/// Makes the key in `fresh` the user's own.
fn take(own: &Path, fresh: &Path, replace: bool) -> Result<(), Failure> {
    let key = load_key(fresh).map_err(failed)?.public();
    if !copy_key(fresh, own).map_err(failed)? {
        let has = load_key(own).map(|has| has.public());
        if has.as_ref().is_ok_and(|has| *has == key) {
            notice(format_args!("{} is your key already", key.fingerprint()));
            return Ok(());
        }
        if !replace {
            let has = fingerprint(&has);
            let message = format!(
                "you have a key already, {has}, which holds your nicks (--replace puts the new one in its place)"
            );
            return Err(Failure::new(Exit::Failure, message));
        }
        let aside = put_key_aside(own).map_err(failed)?;
        notice(format_args!("the key that you had is kept in {}", aside.display()));
        if !copy_key(fresh, own).map_err(failed)? {
            return Err(Failure::new(Exit::Failure, "another program has just made you a new key: try again"));
        }
    }
    notice(format_args!("your key is {}", key.fingerprint()));
    Ok(())
}

fn show(state: &State, pins: &[Pin], contacts: &[Contact]) -> io::Result<()> {
    #[allow(clippy::disallowed_methods)] // a result, written once at the end
    let mut out = io::stdout().lock();
    let own = |path: &Path| {
        if path.exists() { fingerprint(&load_key(path).map(|key| key.public())) } else { "not made yet".into() }
    };
    let keys = [("client", state.client_key()), ("server", state.server_key()), ("owner ", state.owner_key())];
    for (whose, path) in keys {
        writeln!(out, "{whose}  {}  {}", own(&path), path.display())?;
    }
    for (server, key) in pins {
        writeln!(out, "known   {}  {}", fingerprint(key), sanitize::escaped(server))?;
    }
    for (server, nick, key) in contacts {
        let (nick, server) = (sanitize::escaped(nick), sanitize::escaped(server));
        writeln!(out, "member  {}  {nick} at {server}", fingerprint(key))?;
    }
    Ok(())
}

fn fingerprint(key: &Result<PublicKey, KeyError>) -> String {
    match key {
        Ok(key) => key.fingerprint(),
        Err(err) => err.to_string(),
    }
}
