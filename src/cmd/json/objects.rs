//! What a program wants, as a JSON object (docs/JSON.md).
//!
//! Owns: the names of the objects and of their fields.
//! Must not know: how they are carried out.
//! Driven by: `cmd::join::json`.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::client::{LABEL_MAX, Label};
use crate::policy::names;
use crate::ui::command::{Command, Peace};
use crate::ui::orders::{self, Invite};
use crate::wire::entry::{Act, PRIVATE_MAX, texts};
use crate::wire::frame::{FETCH_MAX, Spot, Watched};
use crate::wire::order::Order;
use crate::wire::record::Access;
use crate::wire::{Nick, Seq};

/// How many entries a `fetch` is for if it does not say so.
const FETCH: u32 = 50;

/// The most messages that a text becomes. Chosen: as many posts as may be under way.
const LINES_MAX: usize = 64;

/// What is wanted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wish<'a> {
    /// Carry out these commands, in this order. There is at least one.
    Commands(Vec<Command<'a>>),
    /// Show who is here, and what changes in it from then on.
    Follow,
    /// Show so many earlier entries.
    Fetch(Spot, u32),
    /// The user has read everything before this number.
    Read(Seq),
    /// Report who has received this entry; [`Watched::Nothing`]: no longer.
    Watch(Seq, Watched),
    /// Leave out what has not been shown yet.
    Skip,
    /// Carry out what a person typed.
    Typed(&'a str),
    /// The program has stored the posts below this counter.
    Stored(u64),
    /// It has stored that the post with this counter has an outcome.
    Settled(u64),
}

/// An object as it is written.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
enum Form {
    Say { text: String },
    Act { text: String },
    Msg { to: String, text: String, act: Option<bool> },
    Nick { nick: String },
    Release { nick: Option<String> },
    Who { follow: Option<bool> },
    Fetch { before: Option<u64>, around: Option<u64>, n: Option<u32> },
    Read { before: u64 },
    Watch { seq: u64, names: Option<bool> },
    Unwatch {},
    Skip {},
    Command { text: String },
    Stored { below: u64 },
    Settled { post: u64 },
    Topic { text: String },
    Kick(About),
    Mute(ForATime),
    Unmute(About),
    Ban(ForATime),
    Unban(About),
    Admit(About),
    Op(About),
    Deop(About),
    Access { to: String },
    Invite(Terms),
    Revoke { id: String },
    Members {},
    Block(Name),
    Unblock(Name),
    Ignore(Name),
    Unignore(Name),
    Leave {},
}

/// What is done to somebody.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    whom: String,
    why: Option<String>,
}

/// What is done to somebody for a time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ForATime {
    whom: String,
    r#for: Option<String>,
    why: Option<String>,
}

/// What an invitation is to be like.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Terms {
    nick: Option<String>,
    uses: Option<u64>,
    r#for: Option<String>,
    op: Option<bool>,
}

/// Who is to be kept away or let in again; nobody: list them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Name {
    whom: Option<String>,
}

/// An object, read.
#[derive(Debug)]
pub(crate) struct Object {
    /// What the program calls it.
    pub(crate) label: Label,
    form: Form,
}

/// Why an object has no effect.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotRead {
    /// Whether it is a JSON object at all.
    pub(crate) is_object: bool,
    /// What the program calls it, if that could be read.
    pub(crate) label: Label,
    /// What is wrong, for whoever wrote the program.
    pub(crate) why: String,
}

impl Object {
    /// Reads an object.
    ///
    /// # Errors
    /// It is none, or has fields that are missing, too many, or of another type.
    pub(crate) fn read(line: &str) -> Result<Self, NotRead> {
        let not_read = |label: &Label, why: String| NotRead { is_object: true, label: label.clone(), why };
        let mut fields: Map<String, Value> = serde_json::from_str(line).map_err(|err| NotRead {
            is_object: false,
            label: None,
            why: format!("not a JSON object on one line: {err}"),
        })?;
        let label = match fields.remove("ref") {
            None | Some(Value::Null) => None,
            Some(Value::String(label)) if label.len() <= LABEL_MAX => Some(label.into_boxed_str()),
            Some(_) => return Err(not_read(&None, format!("ref is a string of at most {LABEL_MAX} bytes"))),
        };
        let form = serde_json::from_value(Value::Object(fields));
        form.map(|form| Self { label: label.clone(), form }).map_err(|err| not_read(&label, err.to_string()))
    }

    /// Returns whether it is about what the program stores.
    pub(crate) const fn is_about_storage(&self) -> bool {
        matches!(self.form, Form::Stored { .. } | Form::Settled { .. })
    }

    /// Returns what is wanted.
    ///
    /// # Errors
    /// A value is out of range, for whoever wrote the program.
    pub(crate) fn wish(&self) -> Result<Wish<'_>, String> {
        let command = match &self.form {
            Form::Say { text } => return said(text, Command::Say),
            Form::Act { text } => return said(text, Command::Act),
            Form::Msg { to, text, act } => {
                return said(text, |text| Command::Write { to, is_act: *act == Some(true), text });
            }
            Form::Who { follow: Some(true) } => return Ok(Wish::Follow),
            Form::Fetch { before, around, n } => return fetch(*before, *around, *n),
            Form::Read { before } => return Ok(Wish::Read(Seq(*before))),
            Form::Watch { seq, names } => {
                let what = if *names == Some(true) { Watched::Names } else { Watched::Count };
                return Ok(Wish::Watch(Seq(*seq), what));
            }
            Form::Unwatch {} => return Ok(Wish::Watch(Seq(0), Watched::Nothing)),
            Form::Skip {} => return Ok(Wish::Skip),
            Form::Command { text } if text.contains('\n') => return Err("a command is one line".into()),
            Form::Command { text } => return Ok(Wish::Typed(text)),
            Form::Stored { below } => return Ok(Wish::Stored(*below)),
            Form::Settled { post } => return Ok(Wish::Settled(*post)),
            Form::Who { .. } => Command::Who,
            Form::Nick { nick } => Command::Nick(names::wanted(nick)?),
            Form::Release { nick } => {
                let nick = nick.as_ref().map(|nick| nick.parse::<Nick>());
                Command::Release(nick.transpose()?)
            }
            Form::Topic { text } => Command::Order(orders::topic(text)?),
            Form::Kick(about) => Command::Order(about.order(Act::Kick)?),
            Form::Mute(about) => Command::Order(about.order(Act::Mute)?),
            Form::Unmute(about) => Command::Order(about.order(Act::Unmute)?),
            Form::Ban(about) => Command::Order(about.order(Act::Ban)?),
            Form::Unban(about) => Command::Order(about.order(Act::Unban)?),
            Form::Admit(about) => Command::Order(about.order(Act::Admit)?),
            Form::Op(about) => Command::Order(about.order(Act::Op)?),
            Form::Deop(about) => Command::Order(about.order(Act::Deop)?),
            Form::Access { to } => Command::Order(access(to)?),
            Form::Invite(terms) => Command::Invite(terms.invite()?),
            Form::Revoke { id } => Command::Order(orders::revoke(id)?),
            Form::Members {} => Command::Members,
            Form::Block(Name { whom }) => Command::Peace(Peace::Block, whom.as_deref().unwrap_or_default()),
            Form::Unblock(Name { whom }) => Command::Peace(Peace::Unblock, whom.as_deref().unwrap_or_default()),
            Form::Ignore(Name { whom }) => Command::Peace(Peace::Ignore, whom.as_deref().unwrap_or_default()),
            Form::Unignore(Name { whom }) => Command::Peace(Peace::Unignore, whom.as_deref().unwrap_or_default()),
            Form::Leave {} => Command::Quit,
        };
        Ok(Wish::Commands(vec![command]))
    }
}

impl About {
    fn order(&self, act: Act) -> Result<Order, String> {
        orders::about(act, &self.whom, None, self.why.as_deref().unwrap_or_default())
    }
}

impl ForATime {
    fn order(&self, act: Act) -> Result<Order, String> {
        let lasts = lasts(self.r#for.as_deref())?;
        if lasts.is_none() && act == Act::Mute {
            return Err("expected for how long: \"for\":\"10m\"".into());
        }
        orders::about(act, &self.whom, lasts, self.why.as_deref().unwrap_or_default())
    }
}

impl Terms {
    fn invite(&self) -> Result<Invite, String> {
        let nick = self.nick.clone().unwrap_or_default();
        if !nick.is_empty() {
            names::wanted(&nick)?;
        }
        let expires = lasts(self.r#for.as_deref())?;
        let invite = Invite { nick, uses: self.uses.unwrap_or(1), expires, is_op: self.op == Some(true) };
        invite.check()?;
        Ok(invite)
    }
}

/// Returns the commands for a text: one for each of its lines.
fn said<'a>(text: &'a str, command: impl Fn(&'a str) -> Command<'a>) -> Result<Wish<'a>, String> {
    let lines: Vec<_> = text.lines().filter(|line| !line.is_empty()).map(command).collect();
    // Of the shortest of the forms in which it may be posted.
    let posts: usize = text.lines().map(|line| texts(line, PRIVATE_MAX).len()).sum();
    match lines.len() {
        0 => Err("the text is empty".into()),
        1.. if posts <= LINES_MAX => Ok(Wish::Commands(lines)),
        _ => Err(format!("a text becomes at most {LINES_MAX} messages")),
    }
}

fn fetch(before: Option<u64>, around: Option<u64>, n: Option<u32>) -> Result<Wish<'static>, String> {
    let count = n.unwrap_or(FETCH);
    if !(1..=FETCH_MAX).contains(&count) {
        return Err(format!("n is from 1 to {FETCH_MAX}"));
    }
    match (before, around) {
        (Some(before), None) => Ok(Wish::Fetch(Spot::Before(Seq(before)), count)),
        (None, Some(around)) => Ok(Wish::Fetch(Spot::Around(Seq(around)), count)),
        (None, None) => Ok(Wish::Fetch(Spot::Before(Seq(u64::MAX)), count)),
        (Some(_), Some(_)) => Err("expected before or around, not both".into()),
    }
}

fn access(to: &str) -> Result<Order, String> {
    match to {
        "open" => Ok(orders::access(Access::Open)),
        "known" => Ok(orders::access(Access::Known)),
        _ => Err("to is open or known".into()),
    }
}

fn lasts(text: Option<&str>) -> Result<Option<Duration>, String> {
    let Some(text) = text else { return Ok(None) };
    let lasts = humantime::parse_duration(text).map_err(|err| format!("for: {err}, as in 10m"))?;
    if lasts.is_zero() { Err("for: longer than nothing, as in 10m".into()) } else { Ok(Some(lasts)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(line: &str) -> String {
        match Object::read(line) {
            Ok(object) => match object.wish() {
                Ok(wish) => format!("{wish:?}"),
                Err(why) => format!("wrong: {why}"),
            },
            Err(NotRead { label, why, .. }) => format!("{label:?} {why}"),
        }
    }

    #[test]
    fn a_text_is_said_as_it_is_and_each_of_its_lines_by_itself() {
        let object = Object::read(r#"{"do":"say","text":"/who\n\r\n!q","ref":"7"}"#).unwrap();
        assert_eq!(object.wish(), Ok(Wish::Commands(vec![Command::Say("/who"), Command::Say("!q")])));
        assert_eq!(object.label.as_deref(), Some("7"));
        assert_eq!(wish(r#"{"do":"say","text":"\n"}"#), "wrong: the text is empty");
        let long = format!(r#"{{"do":"say","text":"{}"}}"#, "x\\n".repeat(LINES_MAX + 1));
        assert_eq!(wish(&long), "wrong: a text becomes at most 64 messages");
        let object = Object::read(r#"{"text":"waves","do":"msg","to":"jill","act":true}"#).unwrap();
        let write = Command::Write { to: "jill", is_act: true, text: "waves" };
        assert_eq!(object.wish(), Ok(Wish::Commands(vec![write])));
    }

    #[test]
    fn acts_and_questions_are_what_the_commands_are() {
        for (object, command) in [
            (r#"{"do":"mute","whom":"ann","for":"10m","why":"loud"}"#, "/mute ann 10m loud"),
            (r#"{"do":"ban","whom":"ann"}"#, "/ban ann"),
            (r#"{"do":"kick","whom":"ann b","why":"x"}"#, "/kick \"ann b\" x"),
            (r#"{"do":"topic","text":""}"#, "/topic -"),
            (r#"{"do":"access","to":"known"}"#, "/access known"),
            (r#"{"do":"invite","nick":"jill","uses":5,"for":"7d"}"#, "/invite jill x5 7d"),
            (r#"{"do":"invite"}"#, "/invite"),
            (r#"{"do":"block"}"#, "/block"),
            (r#"{"do":"ignore","whom":"ann"}"#, "/ignore ann"),
            (r#"{"do":"who"}"#, "/who"),
            (r#"{"do":"nick","nick":"jane"}"#, "/nick jane"),
            (r#"{"do":"release","ref":null}"#, "/release"),
            (r#"{"do":"members"}"#, "/members"),
            (r#"{"do":"leave"}"#, "!q"),
        ] {
            let meant = crate::ui::command::parse(command).unwrap();
            assert_eq!(wish(object), format!("{:?}", Wish::Commands(vec![meant])), "{object}");
        }
        assert_eq!(wish(r#"{"do":"who","follow":true}"#), "Follow");
        assert_eq!(wish(r#"{"do":"fetch","before":9,"n":128}"#), "Fetch(Before(Seq(9)), 128)");
        assert_eq!(wish(r#"{"do":"fetch","around":9}"#), "Fetch(Around(Seq(9)), 50)");
        assert_eq!(wish(r#"{"do":"watch","seq":9,"names":true}"#), "Watch(Seq(9), Names)");
        assert_eq!(wish(r#"{"do":"read","before":9}"#), "Read(Seq(9))");
        assert_eq!(wish(r#"{"do":"skip"}"#), "Skip");
    }

    #[test]
    fn what_is_wrong_is_said_and_with_the_ref_if_that_can_be_read() {
        let long = format!(r#"{{"do":"skip","ref":"{}"}}"#, "x".repeat(LABEL_MAX + 1));
        for (object, told) in [
            ("{", "None not a JSON object on one line: EOF"),
            (r#"{"do":"skip"} x"#, "None not a JSON object on one line: trailing"),
            (r#"{"do":"say","ref":"a"}"#, "Some(\"a\") missing field `text`"),
            (r#"{"do":"say","text":"x","txt":"y","ref":"a"}"#, "Some(\"a\") unknown field `txt`"),
            (r#"{"do":"say","text":7}"#, "None invalid type: integer `7`"),
            (r#"{"do":"sing"}"#, "None unknown variant `sing`"),
            (r#"{"text":"x"}"#, "None missing field `do`"),
            (r#"{"do":"skip","all":true}"#, "None unknown field `all`"),
            (r#"{"do":"kick","whom":"ann","text":"x"}"#, "None unknown field `text`"),
            (r#"{"do":"skip","ref":7}"#, "None ref is a string"),
            (&long, "None ref is a string"),
            (r#"{"do":"fetch","n":129}"#, "wrong: n is from 1 to 128"),
            (r#"{"do":"fetch","before":1,"around":2}"#, "wrong: expected before or around"),
            (r#"{"do":"fetch","before":-1}"#, "None invalid value"),
            (r#"{"do":"mute","whom":"ann"}"#, "wrong: expected for how long"),
            (r#"{"do":"mute","whom":"ann","for":"0s"}"#, "wrong: for: longer than nothing"),
            (r#"{"do":"kick","whom":"ann","for":"1h"}"#, "None unknown field `for`"),
            (r##"{"do":"kick","whom":"#"}"##, "wrong: expected a nick, NICK#FINGERPRINT"),
            (r#"{"do":"access","to":"shut"}"#, "wrong: to is open or known"),
            (r#"{"do":"nick","nick":""}"#, "wrong: "),
            (r#"{"do":"invite","uses":0}"#, "wrong: an invitation is for one"),
        ] {
            let wrong = wish(object);
            assert!(wrong.starts_with(told), "{object}: {wrong}");
        }
    }
}
