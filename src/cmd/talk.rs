//! What `join`, `send` and `ping` have in common: who the client is, the key that the server is known by, and the messages for
//! failures.
//!
//! Owns: the messages about servers and their keys, and their exit codes.
//! Must not know: what each of them does once it is in the room.
//! Driven by: `cmd::join`, `cmd::send`, `cmd::ping`.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::{Exit, Failure, resolve};
use crate::cli::{Dialects, Target};
use crate::client::contacts::Contacts;
use crate::client::{Away, Config, Identity, NotWritten, Over, Unreachable};
use crate::net::link::Link;
use crate::net::people::Ignored;
use crate::net::places::PlaceFile;
use crate::net::state::{State, load_or_make_key, make_key, random};
use crate::net::{HostPort, has_aes, wall};
use crate::policy::names;
use crate::session::{PublicKey, StaticKey};
use crate::ui::orders::by_whom;
use crate::ui::when::Calendar;
use crate::ui::{notice, sanitize};
use crate::wire::order::key_text;
use crate::wire::{CloseReason, Instance, Nick, Timestamp, Who};

/// A server as its user named it, and the key it is known by.
pub(super) struct Known {
    server: HostPort,
    state: Option<State>,
    pinned: Option<PublicKey>,
    /// Who holds the nick that it refused last, for its user.
    held: Option<String>,
    /// By whom, until when and why its user has to stay out.
    barred: Option<String>,
    /// The key in the invitation to it, or the one that it has to have for another reason.
    invited: Option<PublicKey>,
    /// The client's own key.
    own: Option<PublicKey>,
}

impl Known {
    /// Looks up what is known of the server.
    pub(super) fn look_up(server: &HostPort) -> Result<Self, Failure> {
        let state = State::find();
        let pinned = state.as_ref().map_or(Ok(None), |state| state.pin(server));
        let pinned = pinned.map_err(|err| Failure::new(Exit::Failure, format!("{err}; {}", forget(server))))?;
        Ok(Self { server: server.clone(), state, pinned, held: None, barred: None, invited: None, own: None })
    }

    /// Takes the key in an invitation for the server's.
    ///
    /// # Errors
    /// The server is known by another one.
    fn expect(&mut self, link: &Link) -> Result<(), Failure> {
        if let Some(pinned) = self.pinned.filter(|&pinned| pinned != link.key) {
            return Err(Failure::new(
                Exit::Refused,
                format!(
                    "the invitation is to a server with the key {}, but {} is known by its key {}: either the server was reinstalled, \
                     or the invitation is to an impostor. Ask its owner for the fingerprint; {}",
                    link.key.fingerprint(),
                    self.server,
                    pinned.fingerprint(),
                    forget(&self.server)
                ),
            ));
        }
        self.invited = Some(link.key);
        Ok(())
    }

    /// Returns the keys of those whom the user has written to in private.
    ///
    /// # Errors
    /// One of them cannot be read: nobody can be written to then, for any key would do.
    pub(super) fn contacts(&self) -> Result<Contacts, String> {
        let Some(state) = &self.state else { return Ok(Contacts::NONE) };
        let contacts = state.contacts(&self.server).map_err(|err| {
            let server = &self.server;
            format!("not sent: {err}; udpchat key forget {server} NICK forgets the key of that nick")
        })?;
        Ok(contacts.iter().map(|(nick, key)| (&**nick, *key)).collect())
    }

    /// Stores the key of somebody whom the user writes to for the first time. Returns the message for the user.
    pub(super) fn met_person(&self, nick: &str, key: PublicKey) -> String {
        let stored = self.state.as_ref().map(|state| state.set_contact(&self.server, nick, key));
        let (nick, fingerprint) = (sanitize::escaped(nick), key.fingerprint());
        match stored {
            Some(Ok(known)) if known == key => {
                format!("first private message to {nick}: the key is {fingerprint}, and is remembered from now on")
            }
            Some(Ok(_)) => format!(
                "the key of {nick} is {fingerprint}, but another udpchat of yours has stored another one: compare them (udpchat key)"
            ),
            Some(Err(err)) => format!("the key of {nick} is {fingerprint}, and cannot be remembered: {err}"),
            None => format!("first private message to {nick}: the key is {fingerprint}"),
        }
    }

    /// Returns why a private message was not posted, for the user.
    pub(super) fn not_written(&self, to: &str, why: &NotWritten) -> String {
        let to = sanitize::escaped(to);
        match why {
            NotWritten::Nobody => {
                format!("the room knows no key under the name {to} (has somebody joined under that nick?)")
            }
            NotWritten::Several => format!("several keys are known as {to}: {to}#FINGERPRINT says which"),
            NotWritten::TextMember => {
                format!("{to} is here in plain text: without a key, nobody can write to {to} in private")
            }
            NotWritten::Oneself => "you cannot write to yourself in private".into(),
            NotWritten::KeyChanged { nick, known, now } => {
                let (quoted, nick) = (sanitize::quoted(nick), sanitize::escaped(nick));
                format!(
                    "the key of {nick} has changed: it is {}, and was {}. Either {nick} has a new key, or somebody else has the nick. Ask \
                     {nick} for the fingerprint; if it is right: udpchat key forget {} {quoted}",
                    now.fingerprint(),
                    known.fingerprint(),
                    self.server
                )
            }
            NotWritten::InText => "this server speaks plain text only, so everybody would read it".into(),
            NotWritten::NoAnswer => {
                format!("the server did not say in time whose key {to} has (is it an older version?)")
            }
        }
    }

    /// Returns those whom the user does not want to see in that room.
    pub(super) fn ignored(&self) -> Ignored {
        self.state.as_ref().map_or_else(Ignored::new, |state| state.ignored(&self.server))
    }

    /// Returns the lines that the user has entered in that room.
    pub(super) fn past(&self) -> Vec<String> {
        self.state.as_ref().map_or_else(Vec::new, |state| state.past(&self.server))
    }

    /// Adds one.
    pub(super) fn add_past(&self, line: &str) -> io::Result<()> {
        self.state.as_ref().map_or(Ok(()), |state| state.add_past(&self.server, line))
    }

    /// Stores whom the user does not want to see.
    pub(super) fn set_ignored(&self, ignored: &Ignored) -> io::Result<()> {
        self.state.as_ref().map_or(Ok(()), |state| state.set_ignored(&self.server, ignored))
    }

    /// Returns this client's place in the room, if it was here before; no other client uses that file meanwhile.
    pub(super) fn place(&self, nick: &Nick) -> Option<PlaceFile> {
        self.state.as_ref()?.place(&self.server, nick)
    }

    /// Returns the key that the server has to have: the one that it is known by, or the one in the invitation.
    pub(super) fn expected(&self) -> Option<PublicKey> {
        self.pinned.or(self.invited)
    }

    /// Returns the server, as its user named it.
    pub(super) const fn server(&self) -> &HostPort {
        &self.server
    }

    /// Returns the client's own key.
    pub(super) const fn own(&self) -> Option<PublicKey> {
        self.own
    }

    /// Returns the key that the server is known by.
    pub(super) const fn pinned(&self) -> Option<PublicKey> {
        self.pinned
    }

    /// Returns the client's own key, created if necessary; if it cannot be stored, a temporary one, with a notice.
    pub(super) fn own_key(&self) -> Result<StaticKey, Failure> {
        let Some(state) = &self.state else {
            notice("neither XDG_STATE_HOME nor HOME says where to store keys: this run uses a temporary key");
            return Ok(make_key());
        };
        match load_or_make_key(&state.client_key()) {
            Ok((key, made)) => {
                if made {
                    log::info!("created your key: {}", state.client_key().display());
                }
                Ok(key)
            }
            Err(err) if err.is_there() => Err(Failure::new(Exit::Failure, err.to_string())),
            Err(err) => {
                notice(format_args!("{err}: this run uses a temporary key"));
                Ok(make_key())
            }
        }
    }

    /// Notes who holds a nick, for the refusal of it that follows.
    pub(super) fn held(&mut self, nick: &str, who: Who, since: Timestamp) {
        let nick = sanitize::escaped(nick);
        self.held = Some(if since == Timestamp::default() {
            format!("key {who} is here as '{nick}'")
        } else {
            format!("'{nick}' has belonged to key {who} since {}", Calendar::local().minute(since))
        });
    }

    /// Notes why the client has to stay out, for the end that follows.
    pub(super) fn barred(&mut self, until: Timestamp, by: &str, why: &str) {
        let by = by_whom(by);
        let until = if until == Timestamp::NEVER {
            String::new()
        } else {
            format!(" until {}", Calendar::local().minute(until))
        };
        let why = if why.is_empty() { String::new() } else { format!(": {}", sanitize::escaped(why)) };
        self.barred = Some(format!(" by {by}{until}{why}"));
    }

    /// Returns a refusal of a nick together with who holds it, if the server said so.
    pub(super) fn refused(&mut self, why: impl fmt::Display) -> String {
        self.held.take().map_or_else(|| why.to_string(), |held| format!("{why}: {held}"))
    }

    /// Takes the server's key, and stores it if none was known. Returns the message for the user, if there is one.
    pub(super) fn met(&mut self, key: PublicKey) -> Option<String> {
        if self.pinned.replace(key).is_some() {
            return None;
        }
        let state = self.state.as_ref()?;
        let (server, fingerprint) = (&self.server, key.fingerprint());
        Some(match state.set_pin(server, key) {
            Ok(pinned) if pinned == key => {
                format!("first visit to {server}: its key is {fingerprint}, and is remembered from now on")
            }
            Ok(_) => format!("the key of {server} is {fingerprint}, but another key was stored for it in the meantime"),
            Err(err) => format!("the key of {server} is {fingerprint}, and cannot be remembered: {err}"),
        })
    }
}

/// What a subcommand wants its client to be.
pub(super) struct Wanted {
    pub(super) nick: Nick,
    pub(super) stays: bool,
    pub(super) present: bool,
    pub(super) unnamed: bool,
    /// Set in a run that may repeat an earlier one's posts: the same as in that run.
    pub(super) instance: Option<Instance>,
    /// The client's key, if it is not the user's.
    pub(super) key: Option<StaticKey>,
    /// The key that the server has to have, if the client's own key is meant for that server only.
    pub(super) server: Option<PublicKey>,
}

/// Returns the configuration of a client, and what is known of its server.
pub(super) fn prepare(target: &Target, dialects: Dialects, wanted: Wanted) -> Result<(Config, Known), Failure> {
    prepare_at(resolve(target)?, target, dialects, wanted)
}

/// Does the same for a server whose addresses are known.
pub(super) fn prepare_at(
    servers: Vec<SocketAddr>,
    target: &Target,
    dialects: Dialects,
    wanted: Wanted,
) -> Result<(Config, Known), Failure> {
    let mut known = Known::look_up(&target.server)?;
    let link = target.server.link.as_ref();
    if let Some(link) = link {
        if dialects.text {
            return Err(Failure::new(
                Exit::Usage,
                "--text cannot be used with an invitation: plain text knows neither keys nor tokens",
            ));
        }
        known.expect(link)?;
    }
    let Wanted { nick, stays, present, unnamed, instance, key, server } = wanted;
    known.invited = known.invited.or(server);
    let identity = if dialects.text {
        None
    } else {
        let key = key.map_or_else(|| known.own_key(), Ok)?;
        known.own = Some(key.public());
        let repeats = instance.is_some();
        let instance = instance.unwrap_or_else(|| Instance(random()));
        let identity = Identity::new(key, instance, random());
        let (pinned, token) = (known.expected(), link.map(|link| link.token));
        let run = u32::try_from(wall().0 / 1000).unwrap_or(u32::MAX);
        Some(Identity { repeats, present, unnamed, pinned, token, run, has_aes: has_aes(), ..identity })
    };
    let config = Config { nick, servers, timeout: target.timeout, stays, identity, is_secure: dialects.secure };
    Ok((config, known))
}

fn forget(server: &HostPort) -> String {
    format!("if it is right: udpchat key forget {server}")
}

/// Returns the message and the exit code for the end of a client.
pub(super) fn over(
    why: Over,
    known: &Known,
    nick: &Nick,
    failed: &[(SocketAddr, Unreachable)],
    timeout: Duration,
) -> Failure {
    let server = &known.server;
    let refused = |message: String| Failure::new(Exit::Refused, message);
    if let Over::Closed(why) = why
        && let Some(message) = not_let_in(why, known, nick)
    {
        return refused(message);
    }
    match why {
        Over::Unreachable => {
            let addresses = u32::try_from(failed.len()).unwrap_or(u32::MAX).max(1);
            let sentences: Vec<_> =
                failed.iter().map(|&(address, why)| unreachable(address, why, timeout / addresses, known)).collect();
            let only_text = failed.iter().any(|&(_, why)| why == Unreachable::OnlyText);
            Failure::new(if only_text { Exit::Refused } else { Exit::Unreachable }, sentences.join("; "))
        }
        Over::GaveUp => {
            let within = humantime::format_duration(timeout);
            Failure::new(Exit::NotConfirmed, format!("{server} went away and did not come back within {within}"))
        }
        Over::KeyChanged(key) => {
            if let Some(invited) = known.invited {
                return refused(format!(
                    "{server} is not the server of the invitation: its key is {}, and that of the invitation is {}",
                    key.fingerprint(),
                    invited.fingerprint()
                ));
            }
            let was = known.pinned.map_or_else(String::new, |pinned| format!(", and was {}", pinned.fingerprint()));
            refused(format!(
                "the key of {server} has changed: it is {}{was}. Either the server was reinstalled or lost its key, or an attacker \
                 impersonates it. Ask its owner for the fingerprint; {}",
                key.fingerprint(),
                forget(server)
            ))
        }
        Over::OtherVersion(version) => refused(format!(
            "{server} speaks version {version} of the session protocol, this program version {} (is one of them old? \
             --text speaks plain text with it)",
            crate::wire::packet::VERSION
        )),
        Over::Closed(CloseReason::Replaced) => {
            Failure::new(Exit::Failure, format!("{server} has a newer session of this client (is it running twice?)"))
        }
        Over::Closed(why) => {
            Failure::new(Exit::Failure, format!("{server} ended the session: {why} (are both of the same version?)"))
        }
    }
}

/// Returns the message for a client that was not let in, or was sent out; `None` if that is not the reason.
fn not_let_in(why: CloseReason, known: &Known, nick: &Nick) -> Option<String> {
    let server = &known.server;
    Some(match why {
        CloseReason::NickTaken => {
            let held = known.held.as_ref().map_or_else(String::new, |held| format!(": {held}"));
            format!("the nick {nick} is taken at {server}{held} (--nick takes another nick)")
        }
        CloseReason::BadNick => {
            let why = names::check(nick).map_or_else(|why| why.to_string(), |()| "it has newer rules for nicks".into());
            format!("{server} does not accept the nick {nick}: {why} (--nick takes another nick)")
        }
        why @ CloseReason::Collides => {
            format!("{server} does not let you in: {why} (with another key you could come in)")
        }
        why @ (CloseReason::Kicked | CloseReason::Banned) => {
            let by = known.barred.as_deref().unwrap_or_default();
            format!("you are {why} at {server}{by}")
        }
        CloseReason::NotInvited => {
            let key = known
                .own
                .map_or_else(String::new, |key| format!(", or to let your key in: udpchat admit {}", key_text(&key.0)));
            format!("only known keys may come in at {server}: ask its owner for an invitation{key}")
        }
        CloseReason::UsedUp => format!(
            "{server} does not accept the invitation: it is used up, has ended or was revoked (ask for another one)"
        ),
        CloseReason::InvitedAs => {
            format!("{server} does not accept the invitation for the nick {nick}: it is for another one")
        }
        CloseReason::Muted => {
            format!("you are muted at {server}: meanwhile you can come in only under a nick that is yours already")
        }
        why @ (CloseReason::RoomFull | CloseReason::TooManySessions) => {
            format!("{server} does not let you in: {why} (try again later)")
        }
        CloseReason::Refused => format!(
            "{server} refuses your key for some minutes: it crashed while handling a datagram of this key (try again later; the \
             server's stderr says more)"
        ),
        CloseReason::Left
        | CloseReason::TimedOut
        | CloseReason::Replaced
        | CloseReason::ServerEnds
        | CloseReason::Broken
        | CloseReason::Other(_) => return None,
    })
}

/// Returns the message about an address that does not answer.
pub(super) fn unreachable(address: SocketAddr, why: Unreachable, within: Duration, known: &Known) -> String {
    let within = humantime::format_duration(within);
    match why {
        Unreachable::Refused => {
            format!("nothing listens on {address} (is the server running? is that its port?)")
        }
        Unreachable::NoRoute => {
            format!("no route to {address} (is the network up? is the address right?)")
        }
        Unreachable::NoAnswer => {
            format!("no answer from {address} within {within} (is the server running? is UDP {} open?)", address.port())
        }
        Unreachable::NoHandshake => format!(
            "{address} answers, but no session began within {within} (do datagrams of 1200 bytes get through? a session \
             needs a path MTU of {}; --text needs less)",
            mtu_needed(address)
        ),
        Unreachable::Ended(why) => {
            format!("{address} ended each session as it began, for {within}: {why} (is it about to restart?)")
        }
        Unreachable::NewTokens => format!(
            "{address} answers each hello with a new token and accepts none: datagrams of 1200 bytes get through, but no session \
             began within {within} (does a NAT or proxy on the path change your port each time?)"
        ),
        Unreachable::TooLong => format!(
            "the path to {address} does not carry datagrams of 1200 bytes: a session needs an MTU of {} (raise it, or use \
             --text)",
            mtu_needed(address)
        ),
        Unreachable::OnlyText => match known.pinned {
            Some(pinned) => format!(
                "{address} answers in plain text only, but {} is known by its key {} (is it another server now? {}; \
                 --text speaks plain text all the same)",
                known.server,
                pinned.fingerprint(),
                forget(&known.server)
            ),
            None if known.invited.is_some() => {
                format!("{address} answers in plain text only, and is not the server of the invitation")
            }
            None => format!("{address} answers in plain text only, and --secure does not speak that"),
        },
    }
}

/// Returns the message about a server that is away.
pub(super) fn away(address: SocketAddr, why: Away, within: Duration, known: &Known) -> String {
    match why {
        Away::Unreachable(why) => format!("{}; trying to join again", unreachable(address, why, within, known)),
        Away::Closed(CloseReason::ServerEnds) => format!("{address} shut down; retrying"),
        Away::Closed(CloseReason::TimedOut) => {
            format!("{address} ended the session: it had not heard from this client for too long; retrying")
        }
        Away::Closed(why) => format!("{address} ended the session: {why}, retrying"),
        Away::Silent => quiet(address, crate::session::DEAD_AFTER),
    }
}

/// Returns the message about a server that is quiet.
pub(super) fn quiet(address: SocketAddr, since: Duration) -> String {
    format!("no word from {address} for {}s; retrying", since.as_secs())
}

/// Returns the MTU that a session needs: the payload and its headers (RFC 791, RFC 8200, RFC 768).
fn mtu_needed(address: SocketAddr) -> usize {
    crate::wire::packet::DATAGRAM_MAX + if address.is_ipv4() { 28 } else { 48 }
}
