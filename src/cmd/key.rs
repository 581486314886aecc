//! `udpchat key`
//!
//! Owns: how keys are shown and forgotten.
//! Must not know: how they are stored.
//! Driven by: `cmd`.

use std::io::{self, Write};
use std::path::Path;

use super::{Exit, Failure};
use crate::cli::{Key, KeyAction};
use crate::net::state::{KeyError, Pin, State, load_key};
use crate::session::PublicKey;
use crate::ui::sanitize;

pub(super) fn run(args: Key) -> Result<(), Failure> {
    let Some(state) = State::find() else {
        let message = "nowhere to keep keys: neither XDG_STATE_HOME nor HOME is set to an absolute path";
        return Err(Failure::new(Exit::Failure, message));
    };
    let failure = |err: KeyError| Failure::new(Exit::Failure, err.to_string());
    match args.action {
        None => Ok(show(&state, &state.pins().map_err(failure)?)?),
        Some(KeyAction::Forget { server }) => {
            if state.forget(&server).map_err(failure)? {
                return Ok(());
            }
            Err(Failure::new(Exit::Failure, format!("no key of {server} is known (udpchat key shows which are)")))
        }
    }
}

fn show(state: &State, pins: &[Pin]) -> io::Result<()> {
    #[allow(clippy::disallowed_methods)] // a result, written once at the end
    let mut out = io::stdout().lock();
    let own = |path: &Path| {
        if path.exists() { fingerprint(&load_key(path).map(|key| key.public())) } else { "not made yet".into() }
    };
    for (whose, path) in [("client", state.client_key()), ("server", state.server_key())] {
        writeln!(out, "{whose}  {}  {}", own(&path), path.display())?;
    }
    for (server, key) in pins {
        writeln!(out, "known   {}  {}", fingerprint(key), sanitize::escaped(server))?;
    }
    Ok(())
}

fn fingerprint(key: &Result<PublicKey, KeyError>) -> String {
    match key {
        Ok(key) => key.fingerprint(),
        Err(err) => err.to_string(),
    }
}
