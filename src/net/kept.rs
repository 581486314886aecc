//! The form in which is stored what a client has said and not heard the outcome of: JSON, on the disk or in a tab of the page.
//!
//! Owns: the names of the fields, what may be read back.
//! Must not know: where it is stored, when.
//! Driven by: `outbox`; `cmd`, for tabs.

use serde::{Deserialize, Serialize};

use crate::client::outbox::{Outbox, STORED_MAX, Stored, Waiting};
use crate::client::{LABEL_MAX, Label};
use crate::session::PublicKey;
use crate::wire::entry::TEXT_MAX;
use crate::wire::frame::PostKind;
use crate::wire::order::{key_text, parse_key};
use crate::wire::{Instance, LogId, Nick, hex};

/// The largest counter that a tab may have: its numbers are exact up to here (ECMA-262, `Number.MAX_SAFE_INTEGER`).
const NEXT_MAX: u64 = (1 << 53) - 1;

/// The instance, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    instance: String,
    log: Option<String>,
    /// The counter of the next post.
    pub(super) next: u64,
    numbers: Vec<(String, u32)>,
}

impl Head {
    /// Returns the form of these.
    pub fn new(instance: Instance, log: Option<LogId>, next: u64, numbers: &[(PublicKey, u32)]) -> Self {
        Self {
            instance: hex(&instance.0),
            log: log.map(|LogId(log)| hex(&log)),
            next,
            numbers: numbers.iter().map(|(key, number)| (key_text(&key.0), *number)).collect(),
        }
    }

    pub(super) fn instance(&self) -> Option<Instance> {
        let number = u64::from_str_radix(&self.instance, 16).ok().filter(|_| is_hex(&self.instance, 16))?;
        Some(Instance(number.to_be_bytes()))
    }

    pub(super) fn log(&self) -> Option<LogId> {
        log_of(self.log.as_deref()?)
    }

    pub(super) fn numbers(&self) -> Vec<(PublicKey, u32)> {
        let numbers = self.numbers.iter();
        numbers.filter_map(|(key, number)| Some((parse_key(key).map(PublicKey)?, *number))).collect()
    }
}

/// Reads the id of a log.
pub fn log_of(text: &str) -> Option<LogId> {
    let number = u128::from_str_radix(text, 16).ok().filter(|_| is_hex(text, 32))?;
    Some(LogId(number.to_be_bytes()))
}

fn is_hex(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A post.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostLine {
    pub(super) post: u64,
    kind: u32,
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<(String, String, bool)>,
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    label: Label,
}

impl From<&Stored> for PostLine {
    fn from(post: &Stored) -> Self {
        let to = post.to.as_ref().map(|(key, nick, is_act)| (key_text(&key.0), nick.to_string(), *is_act));
        Self { post: post.counter, kind: post.kind.into(), text: post.text.clone(), to, label: post.label.clone() }
    }
}

impl PostLine {
    /// Returns the post; `None` if it cannot be read: a private message without its recipient must not become public.
    pub(super) fn read(self) -> Option<Stored> {
        let Self { post: counter, kind, text, to, label } = self;
        let to = to.and_then(|(key, nick, is_act)| {
            Some((parse_key(&key).map(PublicKey)?, nick.parse::<Nick>().ok()?, is_act))
        });
        let kind = PostKind::from(kind);
        (kind != PostKind::Private || to.is_some()).then_some(Stored { counter, kind, text, to, label })
    }
}

/// A line that waits for a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingLine {
    kind: u32,
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<(String, bool)>,
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    label: Label,
}

impl From<&Waiting> for WaitingLine {
    fn from(waiting: &Waiting) -> Self {
        let Waiting { kind, text, to, label } = waiting.clone();
        Self { kind: kind.into(), text, to, label }
    }
}

impl WaitingLine {
    /// Returns the line; `None` if it is private and nobody is named: it must not become public.
    pub(super) fn read(self) -> Option<Waiting> {
        let Self { kind, text, to, label } = self;
        let kind = PostKind::from(kind);
        (kind != PostKind::Private || to.is_some()).then_some(Waiting { kind, text, to, label })
    }
}

/// Everything, as a tab stores it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    instance: String,
    log: Option<String>,
    next: u64,
    numbers: Vec<(String, u32)>,
    posts: Vec<PostLine>,
    waiting: Vec<WaitingLine>,
}

impl Kept {
    /// Returns the form of these.
    pub fn new(instance: Instance, outbox: &Outbox, waiting: &[Waiting]) -> Self {
        let Head { instance, log, next, numbers } = Head::new(instance, outbox.log, outbox.next, &outbox.numbers);
        let posts = outbox.posts.iter().map(PostLine::from).collect();
        Self { instance, log, next, numbers, posts, waiting: waiting.iter().map(WaitingLine::from).collect() }
    }

    /// Returns what it says: the instance, its posts without an outcome, and the lines that waited.
    ///
    /// # Errors
    /// Something in it cannot be, for whoever wrote the page.
    pub fn read(self) -> Result<(Instance, Outbox, Vec<Waiting>), &'static str> {
        let head = Head { instance: self.instance, log: self.log, next: self.next, numbers: self.numbers };
        let instance = head.instance().ok_or("instance is 16 hex digits")?;
        if head.next > NEXT_MAX {
            return Err("next is too large");
        }
        if self.waiting.len() > STORED_MAX || self.posts.len() > STORED_MAX || head.numbers.len() > STORED_MAX {
            return Err("too many posts");
        }
        let mut posts: Vec<_> = self.posts.into_iter().filter_map(PostLine::read).collect();
        posts.sort_by_key(|post| post.counter);
        posts.dedup_by_key(|post| post.counter);
        let least = head.next.saturating_sub(STORED_MAX as u64);
        if posts.iter().any(|post| post.counter >= head.next || post.counter < least) {
            return Err("a post is not one of the last below next");
        }
        let too_long = |text: &str, label: &Label| {
            text.len() > TEXT_MAX || label.as_ref().is_some_and(|label| label.len() > LABEL_MAX)
        };
        if posts.iter().any(|post| too_long(&post.text, &post.label)) {
            return Err("a post is too long");
        }
        let outbox = Outbox { log: head.log(), next: head.next, posts, numbers: head.numbers() };
        let waiting = self.waiting.into_iter().filter_map(WaitingLine::read).collect();
        Ok((instance, outbox, waiting))
    }
}
