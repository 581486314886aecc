//! The subcommands that take a right: `kick`, `mute`, `ban`, `invite`, `members` and the like.
//!
//! Owns: with which key they act, what they report.
//! Must not know: who has which right; sockets.
//! Driven by: `cmd`.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::members::{self, Listed};
use super::talk::{Known, Wanted, over, prepare};
use super::{Exit, Failure};
use crate::cli::{AccessArg, Admin, Dialects, Invite, Members, MembersAction, RoleArg};
use crate::client::{Client, Dialect, Event, Over, Room, Unreachable};
use crate::net::client::{ClientLoop, Driver, End, Source};
use crate::net::link::Link;
use crate::net::state::{State, load_key, random};
use crate::net::stdio::plain_stdout;
use crate::net::{HostPort, wall};
use crate::session::{PublicKey, StaticKey};
use crate::time::Instant;
use crate::ui::orders::{self, name};
use crate::ui::{json, notice, sanitize, when};
use crate::wire::entry::Act;
use crate::wire::frame::PostKind;
use crate::wire::order::{InvitationToken, Order, Whom};
use crate::wire::record::{Access, Role};
use crate::wire::{Nick, Refusal, Who, hex};

/// The name of stdin and stdout in place of a file's.
const STDIO: &str = "-";

/// Does one thing, and reports that it is done.
pub(super) fn run(order: Result<Order, String>, admin: &Admin) -> Result<(), Failure> {
    let order = order.map_err(|wrong| Failure::new(Exit::Usage, wrong))?;
    let acted = act(admin, std::slice::from_ref(&order), false)?;
    acted.first_refusal(admin)?;
    let of = if order.act == Act::Topic {
        order.why.clone()
    } else if order.act == Act::Access {
        access_name(order.number).to_owned()
    } else if order.act == Act::Revoke {
        hex(&order.token)
    } else {
        order.whom.clone()
    };
    if admin.json {
        return print(&object(&Done { act: name(order.act), of: &of, entry: acted.entry })?);
    }
    let (what, whom) = (order.act.word(), sanitize::escaped(&of));
    let line = if order.act == Act::Access { format!("access {whom}") } else { format!("{what} {whom}") };
    print(format!("{line}\n").as_bytes())?;
    let is_of_a_key = !matches!(Whom::parse(&order.whom), Some(Whom::Address(_)));
    if order.act == Act::Ban && is_of_a_key && acted.room.as_ref().is_some_and(|room| !room.is_closed) {
        notice(orders::IN_AN_OPEN_ROOM);
    }
    Ok(())
}

/// What was done, for programs.
#[derive(Debug, Serialize)]
struct Done<'a> {
    act: &'a str,
    of: &'a str,
    entry: Option<u64>,
}

/// An invitation, for programs.
#[derive(Debug, Serialize)]
struct Invited {
    link: String,
    id: String,
    uses: u64,
    until: String,
}

pub(super) fn invite(args: &Invite) -> Result<(), Failure> {
    let admin = &args.admin;
    if args.list {
        let listed = list(admin)?;
        return print(&listed.invitations(admin.json)?);
    }
    if let Some(id) = &args.revoke {
        return run(orders::revoke(id), admin);
    }
    let wanted = orders::Invite {
        nick: args.nick.as_ref().map_or_else(String::new, ToString::to_string),
        uses: args.uses,
        expires: args.expires,
        is_op: args.role == RoleArg::Op,
    };
    wanted.check().map_err(|wrong| Failure::new(Exit::Usage, wrong))?;
    let token = InvitationToken(random());
    let order = wanted.order(token.hash());
    let acted = act(admin, std::slice::from_ref(&order), false)?;
    acted.first_refusal(admin)?;
    let (Some(key), Some(room)) = (acted.key, &acted.room) else {
        return Err(Failure::new(Exit::Failure, "the server did not say who it is"));
    };
    let link = link(&admin.target.server, room, key, token);
    if admin.json {
        let until = when::in_utc(wall().after(Duration::from_secs(order.seconds)));
        let id = members::id_of(&token.hash());
        return print(&object(&Invited { link: link.to_string(), id, uses: order.number, until })?);
    }
    print(format!("{link}\n").as_bytes())?;
    if let Some(caution) = caution(&link.server) {
        notice(caution);
    }
    Ok(())
}

/// Returns the link of an invitation: to where the server says that it is, or else to where its user found it.
pub(super) fn link(server: &HostPort, room: &Room, key: PublicKey, token: InvitationToken) -> Link {
    // It comes from the server, and is shown as it is.
    let name = Some(&room.name).filter(|name| name.bytes().all(|byte| byte.is_ascii_graphic()));
    let server = name.and_then(|name| name.parse().ok()).unwrap_or_else(|| server.clone());
    Link { server, key, token }
}

/// Returns what to tell about a link that only this machine can use.
pub(super) fn caution(server: &HostPort) -> Option<&'static str> {
    let is_here = server.resolve().is_ok_and(|addresses| addresses.iter().all(|address| address.ip().is_loopback()));
    is_here.then_some(
        "this invitation is for this machine only: --server HOST:PORT names another address of the server, and serve --name \
         HOST:PORT does so for all invitations",
    )
}

pub(super) fn members(args: Members) -> Result<(), Failure> {
    match args.action {
        None => print(&list(&args.admin)?.members(args.admin.json)?),
        Some(MembersAction::Export { file, admin }) => export(&list(&admin)?, &file),
        Some(MembersAction::Import { file, admin }) => import(&file, &admin),
    }
}

fn export(listed: &Listed, file: &Path) -> Result<(), Failure> {
    let text = listed.as_file();
    if file.as_os_str() == STDIO {
        return print(text.as_bytes());
    }
    let failed = |err: io::Error| Failure::new(Exit::Failure, format!("cannot write {}: {err}", file.display()));
    crate::net::state::write_aside(file, |into| into.write_all(text.as_bytes())).map_err(failed)
}

fn import(file: &Path, admin: &Admin) -> Result<(), Failure> {
    let text =
        read(file).map_err(|err| Failure::new(Exit::Failure, format!("cannot read {}: {err}", file.display())))?;
    let orders = members::parse_file(&text)
        .map_err(|wrong| Failure::new(Exit::Usage, format!("{}: {wrong}; nothing was changed", file.display())))?;
    let known = list(admin)?;
    let all = orders.len();
    // What is so already need not be done, and may take a right that one does not have.
    let orders: Vec<_> = orders.into_iter().filter(|order| !known.has(order)).collect();
    let acted = act(admin, &orders, false)?;
    let done = orders.len() - acted.refused.len();
    if let Some((order, why)) = acted.refused.first() {
        let told = format!("{done} of {} done; {}: {why}", orders.len(), orders::describe(order));
        return Err(Failure::new(Exit::Refused, told));
    }
    notice(format_args!("{done} of {all} are new, {} were known already", all - done));
    Ok(())
}

/// Reads a whole file, or stdin.
#[allow(clippy::disallowed_methods)] // a file that the user names, read once before anything else
fn read(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    if file.as_os_str() == STDIO {
        io::stdin().lock().read_to_string(&mut text)?;
    } else {
        File::open(file)?.read_to_string(&mut text)?;
    }
    Ok(text)
}

fn list(admin: &Admin) -> Result<Listed, Failure> {
    let acted = act(admin, &[], true)?;
    if !acted.may_list {
        return Err(no_right(admin, "this list is for operators"));
    }
    Ok(acted.listed)
}

fn no_right(admin: &Admin, what: &str) -> Failure {
    let which = match &admin.key {
        Some(file) => format!("the key in {}", file.display()),
        None => "your key".into(),
    };
    Failure::new(
        Exit::Refused,
        format!(
            "{what}, and {which} is none there (on the server's machine, the owner's key in its usual place is used by itself; \
             --key FILE names one in another place)"
        ),
    )
}

/// Returns an object as a line.
fn object(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = json::line(value)?;
    line.push(b'\n');
    Ok(line)
}

#[allow(clippy::disallowed_methods)] // a result, written once at the end
fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = plain_stdout();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        // Whoever reads it has enough.
        Err(err) if err.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// Returns the key to act with, if it is not the user's: the one that was named, or the owner's if the server may be that of this
/// machine; then also the key that the server has to have, for the owner's is shown to no other.
fn key(admin: &Admin, state: Option<&State>) -> Result<Option<(StaticKey, Option<PublicKey>)>, Failure> {
    let failed = |err: crate::net::state::KeyError| Failure::new(Exit::Failure, err.to_string());
    if let Some(file) = &admin.key {
        return load_key(file).map(|key| Some((key, None))).map_err(failed);
    }
    let Some(state) = state.filter(|state| state.owner_key().exists()) else { return Ok(None) };
    let server = &admin.target.server;
    let Some(ours) = load_key(&state.server_key()).ok().map(|key| key.public()) else { return Ok(None) };
    let may_be_ours = match state.pin(server) {
        Ok(Some(pinned)) => pinned == ours,
        Ok(None) => server.resolve().is_ok_and(|all| all.iter().all(|address| address.ip().is_loopback())),
        Err(_) => false,
    };
    if !may_be_ours {
        return Ok(None);
    }
    load_key(&state.owner_key()).map(|key| Some((key, Some(ours)))).map_err(failed)
}

/// Has the orders carried out, and asks for the list if it is wanted.
fn act(admin: &Admin, orders: &[Order], lists: bool) -> Result<Acting, Failure> {
    let key = key(admin, State::find().as_ref())?;
    let is_a_guess = key.as_ref().is_some_and(|(_, server)| server.is_some());
    match act_with(admin, key, orders, lists)? {
        (_, End::Over(Over::KeyChanged(_)), _) if is_a_guess => {
            // It is somebody else's server on this machine, and has not seen the owner's key.
            let (acting, end, nick) = act_with(admin, None, orders, lists)?;
            conclude(admin, acting, end, &nick, lists)
        }
        (acting, end, nick) => conclude(admin, acting, end, &nick, lists),
    }
}

/// Does so with that key, at a server that has to have that key, if there is one. Returns what came of it, how it ended, and under
/// which nick.
fn act_with(
    admin: &Admin,
    key: Option<(StaticKey, Option<PublicKey>)>,
    orders: &[Order],
    lists: bool,
) -> Result<(Acting, End, Nick), Failure> {
    let (key, server) = key.map_or((None, None), |(key, server)| (Some(key), server));
    // The server shows the nick that the key has; this one is for a key that has none.
    let nick = format!("key {}", Who(random()));
    let nick: Nick = nick.parse().map_err(|why: String| Failure::new(Exit::Failure, why))?;
    let wanted =
        Wanted { nick: nick.clone(), stays: false, present: false, unnamed: true, instance: None, key, server };
    let dialects = Dialects { secure: true, text: false };
    let (config, known) = prepare(&admin.target, dialects, wanted)?;
    let mut client = ClientLoop::new(config, Source { input: None, leave_at_end: false, signals: &[] })?;
    let now = client.now();
    for order in orders {
        client.port.client.post(now, PostKind::Order, &order.encode(), None);
    }
    if lists {
        client.port.client.list(now);
    }
    client.finish();
    let mut acting = Acting {
        known,
        failed: Vec::new(),
        key: None,
        room: None,
        entry: None,
        refused: Vec::new(),
        listed: Listed::default(),
        may_list: true,
        is_listed: false,
        lost: 0,
    };
    let end = client.run(&mut acting)?;
    acting.lost = client.port.client.lost();
    Ok((acting, end, nick))
}

fn conclude(admin: &Admin, acting: Acting, end: End, nick: &Nick, lists: bool) -> Result<Acting, Failure> {
    let (timeout, server) = (admin.target.timeout, &admin.target.server);
    let within = humantime::format_duration(timeout);
    match end {
        End::Over(why) => Err(over(why, &acting.known, nick, &acting.failed, timeout)),
        End::Interrupted => Err(Failure::new(Exit::Interrupted, "interrupted before it was confirmed")),
        End::Done | End::Quit if acting.lost > 0 => Err(Failure::new(
            Exit::NotConfirmed,
            format!("not confirmed: {server} did not report within {within} what became of it"),
        )),
        End::Done | End::Quit if lists && !acting.is_listed => {
            Err(Failure::new(Exit::NotConfirmed, format!("{server} did not answer within {within}")))
        }
        End::Done | End::Quit => Ok(acting),
    }
}

/// What came of it.
struct Acting {
    known: Known,
    failed: Vec<(SocketAddr, Unreachable)>,
    key: Option<PublicKey>,
    room: Option<Room>,
    /// The number of the last entry.
    entry: Option<u64>,
    refused: Vec<(String, Refusal)>,
    listed: Listed,
    may_list: bool,
    is_listed: bool,
    /// How many orders have no known outcome.
    lost: u64,
}

impl Acting {
    /// Fails with the first refusal, if there is one.
    fn first_refusal(&self, admin: &Admin) -> Result<(), Failure> {
        let Some((order, why)) = self.refused.first() else { return Ok(()) };
        let what = orders::describe(order);
        let role = self.room.as_ref().map_or(Role::Stranger, |room| room.role);
        if *why == Refusal::NoRight && role < Role::Operator {
            return Err(no_right(admin, &format!("{what}: this is for operators")));
        }
        Err(Failure::new(Exit::Refused, format!("{what}: {why}")))
    }
}

impl Driver for Acting {
    fn event(&mut self, _: Instant, client: &Client, event: Event) -> io::Result<()> {
        match event {
            Event::Failed(address, why) => self.failed.push((address, why)),
            Event::Barred { until, by, why } => self.known.barred(until, &by, &why),
            Event::Joined(Dialect::Session { key, .. }) => {
                self.key = Some(key);
                self.known.met(key).iter().for_each(|what| log::info!("{what}"));
            }
            Event::Room(room) => self.room = Some(room),
            Event::Confirmed { seq, .. } => self.entry = seq.map(|seq| seq.0),
            Event::NotTaken { line, why, .. } => self.refused.push((line, why)),
            Event::Records { records, may, more } => {
                self.may_list = may;
                self.is_listed = !more;
                self.listed.add(records);
            }
            Event::TextIgnored => {
                notice(format_args!("{} answers in plain text: ignored, for a session is required", client.server()));
            }
            Event::Joined(Dialect::Text)
            | Event::Held { .. }
            | Event::Received(_)
            | Event::Entry { .. }
            | Event::Private(_)
            | Event::Contact { .. }
            | Event::NotWritten { .. }
            | Event::Found { .. }
            | Event::Page { .. }
            | Event::NoPage { .. }
            | Event::Reached { .. }
            | Event::Read { .. }
            | Event::Behind { .. }
            | Event::Gap { .. }
            | Event::Lost { .. }
            | Event::Renamed(_)
            | Event::Away(_)
            | Event::Back
            | Event::Quiet(_)
            | Event::AnotherLog
            | Event::Begins { .. }
            | Event::Pong { .. }
            | Event::People { .. }
            | Event::NoPeople { .. }
            | Event::Here { .. }
            | Event::Over(_) => {}
        }
        Ok(())
    }
}

const fn access_name(number: u64) -> &'static str {
    if number == 1 { "known" } else { "open" }
}

impl From<AccessArg> for Access {
    fn from(mode: AccessArg) -> Self {
        match mode {
            AccessArg::Open => Self::Open,
            AccessArg::Known => Self::Known,
        }
    }
}
