//! Who may do what in a room, for people, for programs and as a file.
//!
//! Owns: the forms of the list, and the file of known keys.
//! Must not know: how the list comes in.
//! Driven by: `cmd::act` and `cmd::join`.

use std::fmt::Write as _;
use std::io;

use serde::Serialize;

use crate::net::wall;
use crate::session::PublicKey;
use crate::ui::orders::{self, by_whom};
use crate::ui::when::Calendar;
use crate::ui::{json, sanitize, when};
use crate::wire::entry::Act;
use crate::wire::order::{Order, Whom, key_text};
use crate::wire::record::{Access, Invitation, Known, Name, Record, Role, Sanction, Settings};
use crate::wire::{Timestamp, Who, hex};

/// What a room knows of who may do what.
#[derive(Debug, Default)]
pub(super) struct Listed(Vec<(Name, Record)>);

/// A line of the list, for programs.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Line<'a> {
    Settings {
        access: &'static str,
        nick_expiry_seconds: u64,
        topic: &'a str,
        owner: Option<String>,
    },
    Known {
        role: &'static str,
        nick: &'a str,
        key: String,
        since: String,
    },
    Sanction {
        nick: &'a str,
        key: Option<String>,
        who: Option<String>,
        address: Option<&'a str>,
        muted_until: Option<String>,
        barred: bool,
        barred_until: Option<String>,
        by: &'a str,
        why: &'a str,
    },
    Text {
        nick: &'a str,
        address: &'a str,
    },
    Block {
        nick: &'a str,
        who: String,
    },
    Invitation {
        id: String,
        uses: u64,
        until: String,
        nick: Option<&'a str>,
        role: &'static str,
        by: &'a str,
    },
}

/// Returns the id of an invitation: the beginning of its token's hash.
pub(super) fn id_of(hash: &[u8; 16]) -> String {
    hex(&hash[..4])
}

impl Listed {
    /// Returns whether there is nobody and nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds some more.
    pub(super) fn add(&mut self, records: Vec<(Name, Record)>) {
        self.0.extend(records);
    }

    /// Returns the settings, the known keys and the sanctions.
    ///
    /// # Errors
    /// None in practice: those of writing JSON.
    pub(super) fn members(&self, is_json: bool) -> io::Result<Vec<u8>> {
        if is_json {
            return self.json(|name| !matches!(name, Name::Token(_)));
        }
        Ok(self.lines().map(|line| line + "\n").collect::<String>().into_bytes())
    }

    /// Returns the lines that people are shown: settings, known keys, sanctions.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        let calendar = Calendar::local();
        self.0.iter().filter_map(move |(name, record)| match record {
            Record::Settings(settings) => Some(of_settings(settings)),
            Record::Known(known) => Some(of_known(known, &calendar)),
            Record::Sanction(sanction) => Some(of_sanction(name, sanction, &calendar)),
            Record::Here(nick) => Some(of_text_member(name, nick)),
            Record::Block(nick) => Some(of_block(name, nick)),
            Record::Invitation(_) => None,
        })
    }

    /// Returns the invitations.
    ///
    /// # Errors
    /// None in practice: those of writing JSON.
    pub(super) fn invitations(&self, is_json: bool) -> io::Result<Vec<u8>> {
        if is_json {
            return self.json(|name| matches!(name, Name::Token(_)));
        }
        let calendar = Calendar::local();
        let mut text = String::new();
        for (name, record) in &self.0 {
            if let (Name::Token(hash), Record::Invitation(invitation)) = (name, record) {
                text.push_str(&of_invitation(hash, invitation, &calendar));
                text.push('\n');
            }
        }
        Ok(text.into_bytes())
    }

    /// Returns all of it as objects, for a program that asked in the room.
    pub(super) fn objects(&self) -> impl Serialize {
        self.0.iter().map(|(name, record)| line(name, record)).collect::<Vec<_>>()
    }

    fn json(&self, is_wanted: impl Fn(&Name) -> bool) -> io::Result<Vec<u8>> {
        let mut lines = Vec::new();
        for (name, record) in self.0.iter().filter(|(name, _)| is_wanted(name)) {
            lines.extend(json::line(&line(name, record))?);
            lines.push(b'\n');
        }
        Ok(lines)
    }

    /// Returns whether the key in an order is known already, with as much right as the order would give it.
    pub(super) fn has(&self, order: &Order) -> bool {
        let Some(Whom::Key { key: wanted, .. }) = Whom::parse(&order.whom) else { return false };
        let role = if order.act == Act::Op { Role::Operator } else { Role::Member };
        self.0
            .iter()
            .any(|(_, record)| matches!(record, Record::Known(known) if known.key == wanted && known.role >= role))
    }

    /// Returns the file of known keys.
    pub(super) fn as_file(&self) -> String {
        let mut text = String::from("# key role nick\n");
        for (_, record) in &self.0 {
            if let Record::Known(Known { key, role, nick, .. }) = record {
                let _ = writeln!(text, "{} {} {}", key_text(key), role.name(), sanitize::escaped(nick));
            }
        }
        text
    }
}

/// Reads a file of known keys: a key, a role and a nick on each line; `#` begins a comment.
///
/// # Errors
/// Which line is wrong, and what was expected.
pub(super) fn parse_file(text: &str) -> Result<Vec<Order>, String> {
    let lines = text.lines().enumerate().map(|(number, line)| (number + 1, line.trim()));
    let mut orders = Vec::new();
    for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let mut words = line.splitn(3, char::is_whitespace);
        let (key, role, nick) = (words.next().unwrap_or_default(), words.next().unwrap_or("member"), words.next());
        if !matches!(Whom::parse(key), Some(Whom::Key { .. })) {
            return Err(format!(
                "line {number}: the first word is no key (43 characters): expected KEY member|operator NICK"
            ));
        }
        let act = match role {
            "member" => Act::Admit,
            "operator" => Act::Op,
            _ => return Err(format!("line {number}: '{role}' is no role: expected KEY member|operator NICK")),
        };
        let nick = nick.map_or("", str::trim);
        let whom = if nick.is_empty() { key.to_owned() } else { format!("{nick}#{key}") };
        orders.push(orders::about(act, &whom, None, "").map_err(|wrong| format!("line {number}: {wrong}"))?);
    }
    Ok(orders)
}

fn of_settings(settings: &Settings) -> String {
    let access = match settings.access {
        Access::Open => "open: everybody may come in",
        Access::Known => "closed: only known keys may come in",
    };
    let topic = if settings.topic.is_empty() {
        String::new()
    } else {
        format!("; topic: {}", sanitize::escaped(&settings.topic))
    };
    format!("the room is {access}{topic}")
}

fn of_known(known: &Known, calendar: &Calendar) -> String {
    let Known { key, role, nick, since } = known;
    let (role, nick) = (role.name(), named(nick, PublicKey(*key).who()));
    format!("{role:8}  {nick}  {}  since {}", key_text(key), calendar.minute(*since))
}

/// Returns a nick with the beginning of its key's fingerprint, as it can be given back to say which key is meant.
fn named(nick: &str, who: Who) -> String {
    format!("{}#{}", sanitize::escaped(nick), &who.to_string()[..8])
}

fn of_text_member(name: &Name, nick: &str) -> String {
    let address = if let Name::Here(address) = name { address } else { "" };
    let nick = if nick.is_empty() { "(no nick)".to_owned() } else { sanitize::escaped(nick) };
    format!("text      {nick}  {}  (unverified)", sanitize::escaped(address))
}

fn of_sanction(name: &Name, sanction: &Sanction, calendar: &Calendar) -> String {
    let Sanction { key, nick, muted, barred, is_ban, by, why } = sanction;
    let now = wall();
    let until = |at: Timestamp| {
        if at == Timestamp::NEVER { "for ever".to_owned() } else { format!("until {}", calendar.minute(at)) }
    };
    let mut all = Vec::new();
    if *barred > now {
        all.push(format!("{} {}", if *is_ban { "banned" } else { "kicked" }, until(*barred)));
    }
    if *muted > now {
        all.push(format!("muted {}", until(*muted)));
    }
    let whom = match name {
        Name::Key(who) if *key == [0; 32] => named(nick, *who),
        Name::Key(who) => format!("{}  {}", named(nick, *who), key_text(key)),
        Name::Address(address) if address == nick => sanitize::escaped(address),
        Name::Address(address) => format!("{}  {}", sanitize::escaped(nick), sanitize::escaped(address)),
        Name::Settings | Name::Known(_) | Name::Token(_) | Name::Here(_) | Name::Block(..) => String::new(),
    };
    let by = by_whom(by);
    let why = if why.is_empty() { String::new() } else { format!(": {}", sanitize::escaped(why)) };
    format!("{whom}  {} by {by}{why}", all.join(", "))
}

fn of_block(name: &Name, nick: &str) -> String {
    let whom = if let Name::Block(_, of) = name { named(nick, *of) } else { sanitize::escaped(nick) };
    format!("{whom}  cannot write to you in private")
}

fn of_invitation(hash: &[u8; 16], invitation: &Invitation, calendar: &Calendar) -> String {
    let Invitation { by, uses, until, nick, is_op, .. } = invitation;
    let times = if *uses == 1 { "once".to_owned() } else { format!("{uses} times") };
    let nick = if nick.is_empty() { String::new() } else { format!(" for {}", sanitize::escaped(nick)) };
    let role = if *is_op { " as an operator" } else { "" };
    let by = by_whom(by);
    format!("{}  {times}{nick}{role}, until {}, by {by}", id_of(hash), calendar.minute(*until))
}

fn line<'a>(name: &'a Name, record: &'a Record) -> Line<'a> {
    let now = wall();
    let at = |at: Timestamp| (at > now && at != Timestamp::NEVER).then(|| when::in_utc(at));
    match record {
        Record::Settings(Settings { owner, access, expiry, topic }) => Line::Settings {
            access: match access {
                Access::Open => "open",
                Access::Known => "known",
            },
            nick_expiry_seconds: expiry / 1000,
            topic,
            owner: owner.map(|(_, key)| key_text(&key)),
        },
        Record::Known(Known { key, role, nick, since }) => {
            Line::Known { role: role.name(), nick, key: key_text(key), since: when::in_utc(*since) }
        }
        Record::Sanction(Sanction { key, nick, muted, barred, by, why, .. }) => Line::Sanction {
            nick,
            key: (matches!(name, Name::Key(_)) && *key != [0; 32]).then(|| key_text(key)),
            who: if let Name::Key(who) = name { Some(who.to_string()) } else { None },
            address: if let Name::Address(address) = name { Some(address) } else { None },
            muted_until: at(*muted),
            barred: *barred > now,
            barred_until: at(*barred),
            by,
            why,
        },
        Record::Block(nick) => {
            Line::Block { nick, who: if let Name::Block(_, of) = name { of.to_string() } else { String::new() } }
        }
        Record::Here(nick) => Line::Text { nick, address: if let Name::Here(address) = name { address } else { "" } },
        Record::Invitation(Invitation { by, uses, until, nick, is_op, .. }) => Line::Invitation {
            id: if let Name::Token(hash) = name { id_of(hash) } else { String::new() },
            uses: *uses,
            until: when::in_utc(*until),
            nick: (!nick.is_empty()).then_some(nick),
            role: if *is_op { Role::Operator.name() } else { Role::Member.name() },
            by,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::PublicKey;

    fn known(number: u8, role: Role, nick: &str) -> (Name, Record) {
        let key = [number; 32];
        let known = Known { key, role, nick: nick.into(), since: Timestamp(0) };
        (Name::Known(PublicKey(key).who()), Record::Known(known))
    }

    #[test]
    fn a_file_of_known_keys_is_read_back_as_what_makes_them_known() {
        let mut listed = Listed::default();
        listed.add(vec![
            known(1, Role::Operator, "ann"),
            known(2, Role::Member, "big bob"),
            known(3, Role::Member, ""),
        ]);
        let orders = parse_file(&listed.as_file()).unwrap();
        let told: Vec<_> = orders.iter().map(|order| (order.act, order.whom.clone())).collect();
        let (one, two, three) = (key_text(&[1; 32]), key_text(&[2; 32]), key_text(&[3; 32]));
        let expected = [(Act::Op, format!("ann#{one}")), (Act::Admit, format!("big bob#{two}")), (Act::Admit, three)];
        assert_eq!(told, expected);
    }

    #[test]
    fn nothing_that_a_server_says_of_its_members_acts_on_a_terminal() {
        let evil = "\u{1b}[2J\u{202e}evil".to_owned();
        let sanction = Sanction {
            nick: evil.clone(),
            muted: Timestamp::NEVER,
            by: evil.clone(),
            why: evil.clone(),
            ..Sanction::default()
        };
        let settings = Settings { topic: evil.clone(), ..Settings::default() };
        let invitation = Invitation {
            by: evil.clone(),
            by_who: Who::SERVER,
            uses: 1,
            until: Timestamp(0),
            nick: evil.clone(),
            is_op: false,
        };
        let mut listed = Listed::default();
        listed.add(vec![
            known(1, Role::Member, &evil),
            (Name::Settings, Record::Settings(settings)),
            (Name::Key(Who([7; 8])), Record::Sanction(sanction.clone())),
            (Name::Address(evil.clone()), Record::Sanction(sanction.clone())),
            (Name::Address(evil.clone()), Record::Sanction(Sanction { nick: "other".into(), ..sanction })),
            (Name::Token([7; 16]), Record::Invitation(invitation)),
            (Name::Here(evil.clone()), Record::Here(evil)),
        ]);
        let all = [listed.members(false), listed.members(true), listed.invitations(false), listed.invitations(true)];
        for told in all.map(Result::unwrap) {
            let told = String::from_utf8(told).unwrap() + &listed.as_file();
            assert!(!told.contains(['\u{1b}', '\u{202e}']), "{told:?}");
        }
    }

    #[test]
    fn a_wrong_line_is_named_with_its_number() {
        let key = key_text(&[1; 32]);
        for (text, told) in [
            ("# a comment\n\nshort member ann".to_owned(), "line 3: the first word is no key"),
            (format!("{key} boss ann"), "line 1: 'boss' is no role"),
        ] {
            let wrong = parse_file(&text).unwrap_err();
            assert!(wrong.starts_with(told), "{wrong}");
        }
        assert_eq!(parse_file(&key).unwrap()[0].act, Act::Admit, "a key alone is a member's");
    }
}
