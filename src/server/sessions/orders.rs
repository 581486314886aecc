//! Orders: acts that somebody with a right wants done, before they are in the log and behind it (PROTOCOL 2.18).
//!
//! Owns: whom an order means, what becomes of it; what an act means for the sessions that there are; lists for operators.
//! Must not know: who has which right: that is for the policy to say.
//! Driven by: `intake`, with orders, and `server`, with acts that the log has.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Context, Sessions};
use crate::policy::Policy;
use crate::policy::names::{self, Skeletons};
use crate::server::queue::Deed;
use crate::server::room::Room;
use crate::server::settings::{access_deed, expiry_deed};
use crate::server::text::members::Members;
use crate::session::PublicKey;
use crate::wire::entry::{Act, Entry, Terms};
use crate::wire::frame::{ListState, PEOPLE_MAX};
use crate::wire::order::{Order, Whom, address_key, address_name, may_begin};
use crate::wire::record::{Access, Name, Record, Role, encode_item};
use crate::wire::{CloseReason, Nick, Refusal, Timestamp, Who, cut, is_plain};
use crate::work::{self, Work};

/// How long a kick lasts, in seconds.
const KICK: u64 = crate::policy::rights::KICK.as_secs();

/// Somebody whom an order means.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    /// [`Who::SERVER`] for an address.
    who: Who,
    key: [u8; 32],
    /// The nick, or the address.
    name: String,
}

impl Found {
    fn address(ip: IpAddr, name: &str) -> Self {
        let name = if is_plain(name) { cut(name).to_owned() } else { address_name(ip) };
        Self { who: Who::SERVER, key: address_key(ip), name }
    }
}

/// Returns the text members who signed up with that nick, one for each address.
fn addresses_of(cx: &Context<'_>, nick: &str) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    for (id, called) in cx.texts.after(None).filter(|(_, called)| !nick.is_empty() && *called == nick) {
        let Some(member) = cx.texts.get(id) else { continue };
        let found = Found::address(member.path.peer.ip(), called);
        if all.iter().all(|other| other.key != found.key) {
            all.push(found);
        }
    }
    all
}

/// Keys that an order may mean: those whose fingerprints begin like `print`.
struct Keys<'a> {
    print: &'a [u8],
    found: Vec<Found>,
}

impl Keys<'_> {
    fn add(&mut self, who: Who, key: [u8; 32], name: &str) {
        let is_new = may_begin(who, self.print) && self.found.iter().all(|other| other.who != who);
        if is_new {
            self.found.push(Found { who, key, name: name.to_owned() });
        }
    }

    /// Adds the known keys, and those with a sanction, that had this nick then; all of them if it is empty.
    fn add_known(&mut self, policy: &Policy, nick: &str) {
        let is_meant = |name: &str| nick.is_empty() || name == nick;
        for (name, record) in policy.records() {
            match (name, record) {
                (Name::Known(who), Record::Known(known)) if is_meant(&known.nick) => {
                    self.add(*who, known.key, &known.nick);
                }
                (Name::Key(who), Record::Sanction(sanction)) if is_meant(&sanction.nick) => {
                    self.add(*who, sanction.key, &sanction.nick);
                }
                (Name::Address(address), Record::Sanction(sanction)) if !nick.is_empty() && sanction.nick == nick => {
                    if let Some(Whom::Address(ip)) = Whom::parse(address) {
                        self.found.push(Found::address(ip, nick));
                    }
                }
                _ => {}
            }
        }
    }
}

impl Sessions {
    /// Returns what becomes of an order of `author`, and why it is given.
    ///
    /// # Errors
    /// Nothing, for this reason.
    pub(super) fn order(&self, cx: &Context<'_>, author: (Who, &str), text: &str) -> Result<(Deed, String), Refusal> {
        let order = Order::decode(text).ok_or(Refusal::Malformed)?;
        let (who, nick) = author;
        let at = cx.wall.max(cx.room.policy.at());
        // Whoever has no right does not learn whether there is somebody of that name.
        let is_own = order.act.is_own();
        if !is_own && cx.room.policy.role_at(who, at) < Role::Operator {
            return Err(Refusal::NoRight);
        }
        let deed = if order.act == Act::Unblock { unblock(cx, who, &order.whom)? } else { self.deed(cx, &order, at)? };
        let Deed { act, whom, ref of, until, terms, .. } = deed;
        let mut why = order.why;
        if terms.is_op && why.is_empty() {
            // Everybody is to see that it is no invitation like others.
            why.push_str("for an operator");
        }
        let entry = Entry::Acted { who, nick, act, whom, of, until, why: &why };
        cx.room.policy.judge(&entry, Some(&terms), at)?;
        Ok((deed, why))
    }

    fn deed(&self, cx: &Context<'_>, order: &Order, at: Timestamp) -> Result<Deed, Refusal> {
        let act = order.act;
        let lasts = order.duration().map(|duration| at.after(duration));
        let subject = |until: Option<Timestamp>| {
            let Found { who: whom, key, name: of } = self.find(cx, &order.whom, at)?;
            let terms = Terms { key, ..Terms::default() };
            Ok(Deed { act, whom, of, until: until.unwrap_or_default(), terms, ticket: 0 })
        };
        match act {
            Act::Release => {
                let mut deed = subject(None)?;
                let Ok(nick) = nick_of(&order.whom).parse::<Nick>() else { return Err(Refusal::NoSuch) };
                let held = cx.room.own_nick(deed.whom, nick.as_str(), cx.wall).ok_or(Refusal::NotHeld)?;
                held.clone_into(&mut deed.of);
                Ok(deed)
            }
            Act::Kick => subject(Some(at.after(std::time::Duration::from_secs(KICK)))),
            Act::Mute if lasts.is_none() => Err(Refusal::NoEffect),
            Act::Mute | Act::Ban => subject(lasts),
            Act::Unmute | Act::Unban | Act::Admit | Act::Op | Act::Deop => subject(None),
            Act::Access => Access::of(order.number).map(access_deed).ok_or(Refusal::Malformed),
            Act::Expiry => order.duration().map(expiry_deed).ok_or(Refusal::NoEffect),
            Act::Topic => Ok(Deed { act, ..Deed::default() }),
            Act::Invite => {
                let token = order.token.as_slice().try_into().map_err(|_| Refusal::Malformed)?;
                let is_for = order.whom.as_str();
                if !is_for.is_empty() && names::wanted(is_for).is_err() {
                    return Err(Refusal::BadNick);
                }
                let terms = Terms { token, number: order.number, is_op: order.is_op, ..Terms::default() };
                let until = lasts.unwrap_or_default();
                Ok(Deed { act, whom: Who::SERVER, of: is_for.to_owned(), until, terms, ticket: 0 })
            }
            Act::Revoke => {
                let token = find_invitation(cx.room, &order.token).ok_or(Refusal::NoSuch)?;
                Ok(Deed { act, terms: Terms { token, ..Terms::default() }, ..Deed::default() })
            }
            Act::Block => {
                let Some(Whom::Key { key, nick }) = Whom::parse(&order.whom) else { return Err(Refusal::NoSuch) };
                let (whom, terms) = (PublicKey(key).who(), Terms { key, ..Terms::default() });
                Ok(Deed { act, whom, of: cut(nick).to_owned(), terms, ..Deed::default() })
            }
            Act::Owner | Act::Register | Act::Unblock => Err(Refusal::NoRight),
            Act::Other(_) => Err(Refusal::Unsupported),
        }
    }

    /// Returns the one key or address that is meant.
    fn find(&self, cx: &Context<'_>, whom: &str, at: Timestamp) -> Result<Found, Refusal> {
        let (nick, print) = match Whom::parse(whom).ok_or(Refusal::NoSuch)? {
            Whom::Address(ip) => return Ok(Found::address(ip, &address_name(ip))),
            Whom::Key { key, nick } => {
                let who = PublicKey(key).who();
                let is_free = names::wanted(nick).is_ok_and(|nick| cx.room.holder(who, &nick, at).is_none());
                let name = if is_free { nick.to_owned() } else { self.name_of(cx, who) };
                return Ok(Found { who, key, name });
            }
            Whom::Nick { nick, print } => (nick, print),
        };
        let policy = &cx.room.policy;
        let mut keys = Keys { print: &print, found: Vec::new() };
        if !nick.is_empty() {
            let skeletons = Skeletons::of(nick);
            policy.holders(&skeletons, at).for_each(|held| keys.add(held.who, held.key, &held.nick));
            if let Some((who, held)) = cx.room.presence.other_holder(Who::SERVER, &skeletons) {
                keys.add(who, self.key_of(cx, who), held.as_str());
            }
        }
        if keys.found.is_empty() {
            keys.add_known(policy, nick);
        }
        if keys.found.is_empty() {
            // Who only posts holds nothing: it is found by what it said not long ago, or by its whole short name.
            for (who, nick) in cx.room.spoke_as(nick) {
                keys.add(who, self.key_of(cx, who), nick);
            }
        }
        if keys.found.is_empty() && nick.is_empty() {
            policy.held().for_each(|(_, held)| keys.add(held.who, held.key, &held.nick));
            self.peers.iter().for_each(|(_, peer)| keys.add(peer.who, peer.key.0, peer.nick.as_str()));
        }
        let mut found = keys.found;
        if print.is_empty() {
            // Nobody vouches for text members: one that calls itself like a member makes the nick ambiguous.
            let addresses = addresses_of(cx, nick).into_iter();
            let is_new =
                |address: &Found| found.iter().all(|other| other.who != Who::SERVER || other.key != address.key);
            let addresses: Vec<_> = addresses.filter(is_new).collect();
            found.extend(addresses);
        }
        if let (true, Ok(short)) = (found.is_empty(), <[u8; 8]>::try_from(print.as_slice())) {
            let who = Who(short);
            found.push(Found { who, key: self.key_of(cx, who), name: self.name_of(cx, who) });
        }
        match found.pop() {
            Some(only) if found.is_empty() => Ok(only),
            Some(_) => Err(Refusal::Ambiguous),
            None => Err(Refusal::NoSuch),
        }
    }

    /// Returns the whole key behind a short name; zeros if that is not known.
    pub(super) fn key_of(&self, cx: &Context<'_>, who: Who) -> [u8; 32] {
        let here = || self.of_key(who).find_map(|id| self.peer(id)).map(|peer| peer.key.0);
        cx.room.policy.key_of(who).or_else(here).unwrap_or_default()
    }

    /// Returns a nick of the key, or a name for one that has none.
    pub(super) fn name_of(&self, cx: &Context<'_>, who: Who) -> String {
        let is_free = |nick: &&str| nick.parse().is_ok_and(|nick: Nick| cx.room.holder(who, &nick, cx.wall).is_none());
        if let Some(nick) = cx.room.policy.nick_of(who).filter(is_free) {
            return nick.to_owned();
        }
        let here = self.of_key(who).find_map(|id| self.peer(id));
        here.map_or_else(|| format!("key {who}"), |peer| peer.nick.as_str().to_owned())
    }

    /// Does what an act in the log means for the sessions.
    pub(in crate::server) fn enforce(&mut self, cx: &mut Context<'_>, act: Act, whom: Who) {
        match act {
            Act::Kick => self.close_key(cx, whom, CloseReason::Kicked),
            Act::Ban => self.close_key(cx, whom, CloseReason::Banned),
            // It holds no nick, and may be somebody's until now.
            Act::Owner => self.close_key(cx, whom, CloseReason::ServerEnds),
            Act::Access if cx.room.is_closed() => {
                self.close_all_of(cx, CloseReason::NotInvited, |policy, who| policy.role(who) == Role::Stranger);
            }
            Act::Access
            | Act::Release
            | Act::Mute
            | Act::Unmute
            | Act::Unban
            | Act::Admit
            | Act::Op
            | Act::Deop
            | Act::Expiry
            | Act::Invite
            | Act::Revoke
            | Act::Register
            | Act::Topic
            | Act::Block
            | Act::Unblock
            | Act::Other(_) => {}
        }
    }

    fn close_key(&mut self, cx: &mut Context<'_>, who: Who, why: CloseReason) {
        self.close_all_of(cx, why, |_, other| other == who);
    }

    /// Ends the sessions of the keys that are meant.
    fn close_all_of(&mut self, cx: &mut Context<'_>, why: CloseReason, is_meant: impl Fn(&Policy, Who) -> bool) {
        let meant = self.by_id.values().filter(|&&id| {
            let who = self.peer(id).map(|peer| peer.who);
            who.is_some_and(|who| is_meant(&cx.room.policy, who))
        });
        let meant: Vec<_> = meant.copied().collect();
        for id in meant {
            self.close(cx, id, why);
        }
    }
}

/// Returns what it is to the log that a key takes private messages again: of the one key that it blocks under that name.
fn unblock(cx: &Context<'_>, who: Who, whom: &str) -> Result<Deed, Refusal> {
    let (named, print, key) = match Whom::parse(whom).ok_or(Refusal::NoSuch)? {
        Whom::Address(_) => return Err(Refusal::NoSuch),
        Whom::Key { key, .. } => ("", Vec::new(), Some(PublicKey(key).who())),
        Whom::Nick { nick, print } => (nick, print, None),
    };
    let skeletons = Skeletons::of(named);
    let mut found = None;
    for (name, record) in policy_blocks(&cx.room.policy, who) {
        work::did(Work::Scanned, 1);
        let (Name::Block(_, of), Record::Block(nick)) = (name, record) else { continue };
        let is_nick = named.is_empty() || named == nick || Skeletons::of(nick).look_like(&skeletons);
        if is_nick && may_begin(*of, &print) && key.is_none_or(|key| key == *of) {
            let deed = Deed { act: Act::Unblock, whom: *of, of: nick.clone(), ..Deed::default() };
            if found.replace(deed).is_some() {
                return Err(Refusal::Ambiguous);
            }
        }
    }
    found.ok_or(Refusal::NoSuch)
}

/// Returns the records of those whose private messages the key does not take.
fn policy_blocks(policy: &Policy, who: Who) -> impl Iterator<Item = (&Name, &Record)> {
    let from = Name::Block(who, Who::default());
    let all = policy.records_from(from);
    all.take_while(move |(name, _)| matches!(name, Name::Block(other, _) if *other == who))
}

/// Returns the nick in the name of somebody.
fn nick_of(whom: &str) -> &str {
    whom.split_once('#').map_or(whom, |(nick, _)| nick)
}

/// Returns the hash of the one invitation that begins like this.
fn find_invitation(room: &Room, begins: &[u8]) -> Option<[u8; 16]> {
    let tokens = room.policy.records().filter_map(|(name, _)| match name {
        Name::Token(token) => Some(*token).filter(|token| token.starts_with(begins)),
        Name::Settings | Name::Known(_) | Name::Key(_) | Name::Address(_) | Name::Here(_) | Name::Block(..) => None,
    });
    let mut tokens = tokens.fuse();
    tokens.next().filter(|_| !begins.is_empty() && tokens.next().is_none())
}

/// Returns whose private messages the key does not take, behind `after`, as much as fits one answer.
fn blocks(policy: &Policy, who: Who, after: &Name) -> (ListState, Vec<u8>) {
    let mut encoded = Vec::new();
    let has_all = policy_blocks(policy, who).filter(|(name, _)| *name > after).all(|(name, record)| {
        work::did(Work::Scanned, 1);
        encode_item(&mut encoded, PEOPLE_MAX, name, record)
    });
    work::did(Work::Encoded, encoded.len());
    (if has_all { ListState::End } else { ListState::More }, encoded)
}

/// Returns what the room knows of who may do what, and which text members are there, behind `after`, as much as fits one answer.
pub(super) fn records(
    policy: &Policy,
    texts: &Members,
    who: Who,
    wall: Timestamp,
    after: Option<&Name>,
) -> (ListState, Vec<u8>) {
    let at = wall.max(policy.at());
    let mut encoded = Vec::new();
    if let Some(after @ Name::Block(..)) = after {
        return blocks(policy, who, after);
    }
    if policy.role_at(who, at) < Role::Operator {
        return (ListState::NoRight, encoded);
    }
    let mut take = |name: &Name, record: &Record| {
        work::did(Work::Scanned, 1);
        record.has_ended(at) || encode_item(&mut encoded, PEOPLE_MAX, name, record)
    };
    // What keys have set for themselves is nobody else's business.
    let mut all = policy.records_after(after).take_while(|(name, _)| !matches!(name, Name::Block(..)));
    let has_all = all.all(|(name, record)| take(name, record));
    // The last of the names: one for each address.
    let here = texts.after(None).filter_map(|(id, nick)| Some((texts.get(id)?.path.peer.ip(), nick)));
    let here: BTreeMap<Name, &str> = here.map(|(ip, nick)| (Name::Here(address_name(ip)), nick)).collect();
    let mut rest = here.into_iter().filter(|(name, _)| after.is_none_or(|after| name > after));
    let has_all = has_all && rest.all(|(name, nick)| take(&name, &Record::Here(cut(nick).to_owned())));
    work::did(Work::Encoded, encoded.len());
    (if has_all { ListState::End } else { ListState::More }, encoded)
}
