//! Orders as people write them, and what they are told about them.
//!
//! Owns: the words of the commands that take a right, and their arguments.
//! Must not know: who may do what, how an order reaches the server.
//! Driven by: `ui::command` and `cmd`.

use std::time::Duration;

use super::sanitize;
use crate::policy::names;
use crate::policy::rights::{INVITATION_MAX, OP_INVITATION_MAX, USES_MAX};
use crate::wire::entry::{Act, WHY_MAX};
use crate::wire::is_plain;
use crate::wire::order::{Order, Whom};
use crate::wire::record::{Access, Role};

/// How long an invitation lasts unless somebody says otherwise.
pub const INVITATION: Duration = Duration::from_secs(24 * 3600);

/// How long one for an operator lasts.
pub const OP_INVITATION: Duration = Duration::from_secs(3600);

/// What whoever bans or kicks somebody in an open room is told.
pub const IN_AN_OPEN_ROOM: &str =
    "the room is open: whoever wants can come back with another key (udpchat access known closes it)";

/// Returns an order about somebody.
///
/// # Errors
/// What is wrong with a name or a reason, for the user.
pub fn about(act: Act, whom: &str, lasts: Option<Duration>, why: &str) -> Result<Order, String> {
    let Some(meant) = Whom::parse(whom) else {
        return Err("expected a nick, NICK#FINGERPRINT, a whole key or an address".into());
    };
    if act == Act::Ban && lasts.is_none() && matches!(meant, Whom::Address(_)) {
        return Err("an address may soon be somebody else's: say for how long".into());
    }
    let seconds = lasts.map_or(0, |lasts| lasts.as_secs().max(1));
    Ok(Order { whom: whom.into(), seconds, why: reason(why)?, ..Order::new(act) })
}

/// Returns the order that sets the topic; an empty one removes it.
///
/// # Errors
/// What is wrong with it, for the user.
pub fn topic(topic: &str) -> Result<Order, String> {
    Ok(Order { why: reason(topic)?, ..Order::new(Act::Topic) })
}

/// Returns the order that sets who may come in.
pub fn access(access: Access) -> Order {
    Order { number: u64::from(access == Access::Known), ..Order::new(Act::Access) }
}

/// What an invitation is to be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// For which nick; empty for any.
    pub nick: String,
    /// How often it can be used.
    pub uses: u64,
    /// How long it lasts; `None` for the usual time.
    pub expires: Option<Duration>,
    /// Whether it is for an operator.
    pub is_op: bool,
}

impl Invite {
    /// Checks its limits.
    ///
    /// # Errors
    /// Which of them it exceeds, for the user.
    pub fn check(&self) -> Result<(), String> {
        let (most, longest) = if self.is_op { (1, OP_INVITATION_MAX) } else { (USES_MAX, INVITATION_MAX) };
        let is_too_much = !(1..=most).contains(&self.uses) || self.expires.is_some_and(|expires| expires > longest);
        if !is_too_much {
            return Ok(());
        }
        let days = longest.as_secs() / (24 * 3600);
        Err(if self.is_op {
            "an invitation for an operator is for one use, and an hour at the most".into()
        } else {
            format!("an invitation is for one to {most} uses, and {days} days at the most")
        })
    }

    /// Returns the order to make it, with the hash of its token.
    pub fn order(&self, hash: [u8; 16]) -> Order {
        let usual = if self.is_op { OP_INVITATION } else { INVITATION };
        Order {
            whom: self.nick.clone(),
            seconds: self.expires.unwrap_or(usual).as_secs().max(1),
            number: self.uses,
            token: hash.to_vec(),
            is_op: self.is_op,
            ..Order::new(Act::Invite)
        }
    }
}

/// Checks a reason or a topic.
fn reason(why: &str) -> Result<String, String> {
    if why.len() > WHY_MAX || !is_plain(why) {
        return Err(format!("a reason or a topic has at most {WHY_MAX} bytes, and no control characters"));
    }
    Ok(why.into())
}

/// Reads what stands behind the name of such a command in `join`; `None` if there is no such command.
///
/// # Errors
/// What was expected, for the user.
pub fn parse(word: &str, rest: &str) -> Option<Result<Order, String>> {
    let act = match word {
        "kick" => Act::Kick,
        "mute" => Act::Mute,
        "unmute" => Act::Unmute,
        "ban" => Act::Ban,
        "unban" => Act::Unban,
        "admit" => Act::Admit,
        "op" => Act::Op,
        "deop" => Act::Deop,
        "topic" if rest.is_empty() => return Some(Err("expected /topic TEXT, or /topic - for none".into())),
        "topic" if rest == "-" => return Some(topic("")),
        "topic" => return Some(topic(rest)),
        "access" => return Some(parse_access(rest)),
        "revoke" => return Some(revoke(rest)),
        _ => return None,
    };
    let (whom, rest) = whom_of(rest);
    let (lasts, why) = if matches!(act, Act::Mute | Act::Ban) { lasts_of(rest) } else { (None, rest) };
    // Something like a time that is none would be a ban for ever.
    let is_no_time = lasts.is_none() && act == Act::Ban && why.starts_with(|first: char| first.is_ascii_digit());
    let is_wrong = whom.is_empty() || is_no_time || (act == Act::Mute && lasts.is_none());
    if is_wrong {
        return Some(Err(format!("expected /{word} {}", arguments(act))));
    }
    Some(about(act, whom, lasts, why).map_err(|wrong| format!("{wrong}: expected /{word} {}", arguments(act))))
}

/// Reads what stands behind `/invite`: a nick, how often, how long, `op`.
///
/// # Errors
/// What was expected, for the user.
pub fn parse_invite(rest: &str) -> Result<Invite, String> {
    let mut invite = Invite { nick: String::new(), uses: 1, expires: None, is_op: false };
    for word in rest.split_whitespace() {
        if let Some(uses) = word.strip_prefix('x')
            && let Ok(uses) = uses.parse()
        {
            invite.uses = uses;
        } else if let Ok(expires) = humantime::parse_duration(word) {
            invite.expires = Some(expires);
        } else if word == "--op" {
            invite.is_op = true;
        } else if invite.nick.is_empty()
            && !word.starts_with(|first: char| first.is_ascii_digit())
            && names::wanted(word).is_ok()
        {
            invite.nick = word.into();
        } else {
            return Err("expected /invite [NICK] [xUSES] [DURATION] [--op], as in /invite x5 7d".into());
        }
    }
    invite.check().map(|()| invite)
}

fn parse_access(rest: &str) -> Result<Order, String> {
    match rest {
        "open" => Ok(access(Access::Open)),
        "known" => Ok(access(Access::Known)),
        _ => Err("expected /access open or /access known".into()),
    }
}

/// Returns the order to revoke the invitation with this id.
///
/// # Errors
/// It is no id, for the user.
pub fn revoke(id: &str) -> Result<Order, String> {
    let is_id = id.len() >= 4 && id.len() <= 32 && id.len().is_multiple_of(2);
    let order = Order::decode(&format!("{}\t\t0\t0\t{id}\t0\t", u32::from(Act::Revoke)));
    order.filter(|_| is_id).ok_or_else(|| "expected the id of an invitation (udpchat invite --list shows them)".into())
}

/// Splits off who is meant: a word, or something in quotation marks.
pub(super) fn whom_of(rest: &str) -> (&str, &str) {
    if let Some(quoted) = rest.strip_prefix('"')
        && let Some((whom, rest)) = quoted.split_once('"')
    {
        return (whom, rest.trim_start());
    }
    let (whom, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    (whom, rest.trim_start())
}

/// Splits off how long it lasts, if it begins with that.
fn lasts_of(rest: &str) -> (Option<Duration>, &str) {
    let (mut all, mut rest) = (None::<Duration>, rest);
    // In one word or several: 1h 30m.
    loop {
        let (word, behind) = rest.split_once(' ').unwrap_or((rest, ""));
        match humantime::parse_duration(word) {
            Ok(lasts) if !lasts.is_zero() => all = Some(all.unwrap_or_default().saturating_add(lasts)),
            Ok(_) | Err(_) => return (all, rest),
        }
        rest = behind.trim_start();
    }
}

const fn arguments(act: Act) -> &'static str {
    if matches!(act, Act::Mute) {
        "NICK DURATION [WHY], as in /mute ann 10m"
    } else if matches!(act, Act::Ban) {
        "NICK [DURATION] [WHY], as in /ban ann 1h"
    } else {
        "NICK [WHY]"
    }
}

/// Returns how an order is called that was refused.
pub fn describe(text: &str) -> String {
    let Some(Order { act, whom, .. }) = Order::decode(text) else { return "it was not done".into() };
    // The key was found by the nick.
    let whom = if act == Act::Block { whom.rsplit_once('#').map_or(&*whom, |(nick, _)| nick) } else { &*whom };
    let whom = sanitize::escaped(whom);
    let name = name(act);
    if whom.is_empty() { name.into() } else { format!("{name} {whom}") }
}

/// Returns the name of the command for an act.
pub const fn name(act: Act) -> &'static str {
    match act {
        Act::Release => "release",
        Act::Kick => "kick",
        Act::Mute => "mute",
        Act::Unmute => "unmute",
        Act::Ban => "ban",
        Act::Unban => "unban",
        Act::Admit => "admit",
        Act::Op => "op",
        Act::Deop => "deop",
        Act::Owner => "owner",
        Act::Access => "access",
        Act::Expiry => "expiry",
        Act::Invite => "invite",
        Act::Revoke => "revoke",
        Act::Register => "register",
        Act::Topic => "topic",
        Act::Block => "block",
        Act::Unblock => "unblock",
        Act::Other(_) => "act",
    }
}

/// Returns who acted, as a terminal may show it: the owner's key is the one that acts without a nick.
pub fn by_whom(nick: &str) -> String {
    if nick.is_empty() { a_role(Role::Owner).to_owned() } else { sanitize::escaped(nick) }
}

/// Returns how somebody with this role is called.
pub const fn a_role(role: Role) -> &'static str {
    match role {
        Role::Stranger => "a stranger",
        Role::Member => "a member",
        Role::Operator => "an operator",
        Role::Owner => "the owner",
        Role::Server => "a server",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(word: &str, rest: &str) -> Result<Order, String> {
        parse(word, rest).expect("it is a command")
    }

    #[test]
    fn a_command_names_somebody_says_for_how_long_and_why() {
        let mute = Order { whom: "ann".into(), seconds: 600, why: "too loud".into(), ..Order::new(Act::Mute) };
        assert_eq!(parsed("mute", "ann 10m too loud"), Ok(mute));
        let long = Order { whom: "ann".into(), seconds: 5400, why: "x".into(), ..Order::new(Act::Mute) };
        assert_eq!(parsed("mute", "ann 1h 30m x"), Ok(long));
        let ban = Order { whom: "big ann#01ab".into(), why: "spam".into(), ..Order::new(Act::Ban) };
        assert_eq!(parsed("ban", "\"big ann#01ab\" spam"), Ok(ban));
        let kick = Order { whom: "ann".into(), why: "10m is no time here".into(), ..Order::new(Act::Kick) };
        assert_eq!(parsed("kick", "ann 10m is no time here"), Ok(kick));
        assert_eq!(parsed("topic", "-"), Ok(Order::new(Act::Topic)));
        assert_eq!(parsed("access", "known"), Ok(access(Access::Known)));
        assert_eq!(parse("whois", "ann"), None);
    }

    #[test]
    fn what_is_wrong_is_told_what_was_expected() {
        for (word, rest, told) in [
            ("mute", "ann", "/mute NICK DURATION"),
            ("mute", "ann loud", "/mute NICK DURATION"),
            ("kick", "", "/kick NICK"),
            ("ban", "ann 10", "/ban NICK [DURATION]"),
            ("ban", "ann 1h30 spam", "/ban NICK [DURATION]"),
            ("topic", "", "/topic TEXT"),
            ("kick", "#", "a nick, NICK#FINGERPRINT"),
            ("kick", "ann#", "a nick, NICK#FINGERPRINT"),
            ("ban", "10.0.0.5", "for how long"),
            ("access", "shut", "/access open"),
            ("revoke", "xy", "id of an invitation"),
        ] {
            let wrong = parsed(word, rest).unwrap_err();
            assert!(wrong.contains(told), "{word} {rest}: {wrong}");
        }
        assert!(parsed("topic", &"x".repeat(WHY_MAX + 1)).is_err());
    }

    #[test]
    fn an_invitation_is_for_one_use_and_a_day_unless_its_words_say_otherwise() {
        let invite = parse_invite("").unwrap();
        let order = invite.order([7; 16]);
        assert_eq!((order.number, order.seconds, order.is_op), (1, 24 * 3600, false));
        let invite = parse_invite("jill x5 7d").unwrap();
        let order = invite.order([7; 16]);
        assert_eq!((&*order.whom, order.number, order.seconds), ("jill", 5, 7 * 24 * 3600));
        assert_eq!(parse_invite("--op").unwrap().order([7; 16]).seconds, 3600);
        for wrong in ["jill jane", "7", "x0", "x20000", "367d", "x2 --op", "2h --op"] {
            assert!(parse_invite(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_refused_order_is_called_by_its_name() {
        assert_eq!(describe(&parsed("ban", "ann 1h").unwrap().encode()), "ban ann");
        assert_eq!(describe(&topic("x").unwrap().encode()), "topic");
        assert_eq!(describe("garbage"), "it was not done");
    }
}
