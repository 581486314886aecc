//! Log entries in their encoded form (PROTOCOL 2.7).
//!
//! Owns: [`Entry`] and its limits.
//! Must not know: numbers, logs.
//! Driven by: `server`, which encodes an entry once for all members, `client` and `log`.

use serde::{Deserialize, Serialize};

use super::frame::GapReason;
use super::{CloseReason, NICK_MAX, PostId, Timestamp, Who, is_plain, text};

/// Longest text of a post, in bytes: with any nick it fits a text peer's line (PROTOCOL 2.7).
pub const TEXT_MAX: usize = 990;

/// Longest text of an action, in bytes: one less, because `* nick text` is one byte longer.
pub const ACT_MAX: usize = TEXT_MAX - 1;

/// Longest reason of an act, in bytes.
pub const WHY_MAX: usize = 256;

/// Longest skeleton of a nick, in bytes. Chosen: a nick of 32 bytes of any living script has a shorter one.
pub const SKELETON_MAX: usize = 128;

/// Longest text of a private message, in bytes (PROTOCOL 2.19).
pub const PRIVATE_MAX: usize = 958;

/// Longest sealed private message, in bytes: the longest text with what tells its number and its end, an ephemeral key, a tag.
pub const SEALED_MAX: usize = 5 + PRIVATE_MAX + 1 + 32 + 16;

/// Longest encoded entry, in bytes. That is a private message: the variant, two short names, two nicks and the sealed message with
/// their lengths, the post, the time and a key.
pub const ENTRY_MAX: usize = 1 + 2 * 8 + 2 * (1 + NICK_MAX) + 8 + 9 + 2 + SEALED_MAX + 10 + 32;

const _: () = assert!(NICK_MAX + 2 + TEXT_MAX <= text::LINE_MAX && 2 + NICK_MAX + 1 + ACT_MAX <= text::LINE_MAX);
const _: () = assert!(1 + 2 + text::LINE_MAX + 10 <= ENTRY_MAX);
const _: () = assert!(1 + 8 + 1 + NICK_MAX + 2 + TEXT_MAX + 10 <= ENTRY_MAX);
const _: () = assert!(1 + 2 * (8 + 1 + NICK_MAX) + 5 + 10 + 2 + WHY_MAX + 10 + 32 + 16 + 10 < ENTRY_MAX);
const _: () = assert!(1 + 8 + 2 * (1 + NICK_MAX) + 10 + 32 + 10 + 2 * (2 + SKELETON_MAX) <= ENTRY_MAX);

/// Something that happened in the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry<'a> {
    /// A line that the server sent to text peers on behalf of a text member. Nothing in it is verified.
    Line {
        /// At most [`text::LINE_MAX`] bytes.
        text: &'a str,
    },
    /// A message.
    Said {
        /// The author's key.
        who: Who,
        /// The author's nick.
        nick: &'a str,
        /// 1 to [`TEXT_MAX`] bytes.
        text: &'a str,
    },
    /// A key is present now.
    Joined {
        /// The member's key.
        who: Who,
        /// The nick under which it is present.
        nick: &'a str,
    },
    /// A key is no longer present.
    Left {
        /// The member's key.
        who: Who,
        /// The nick under which it was present.
        nick: &'a str,
        /// Why it left.
        why: CloseReason,
    },
    /// An action.
    Did {
        /// The author's key.
        who: Who,
        /// The author's nick.
        nick: &'a str,
        /// 1 to [`ACT_MAX`] bytes.
        text: &'a str,
    },
    /// A member has changed its nick.
    Renamed {
        /// The member's key.
        who: Who,
        /// Its nick until now.
        nick: &'a str,
        /// Its nick from now on.
        to: &'a str,
    },
    /// A member has used a right.
    Acted {
        /// The member's key.
        who: Who,
        /// The member's nick.
        nick: &'a str,
        /// What it did.
        act: Act,
        /// The key that it concerns.
        whom: Who,
        /// The nick that it concerns.
        of: &'a str,
        /// When its effect ends; 0 if it has no end.
        until: Timestamp,
        /// Why, in the member's words; at most [`WHY_MAX`] bytes, and often empty.
        why: &'a str,
    },
    /// A private message, which only the two members concerned are sent (PROTOCOL 2.19).
    Private {
        /// The author's key.
        who: Who,
        /// The recipient's key.
        to: Who,
        /// The author's nick.
        nick: &'a str,
        /// The recipient's nick, as the author knows it.
        of: &'a str,
        /// The running client that posted it, and the number of the post there: part of what is sealed.
        post: PostId,
        /// The message, sealed to the recipient's key; at most [`SEALED_MAX`] bytes.
        sealed: &'a [u8],
    },
}

/// What somebody did with a right (PROTOCOL 2.18); a code on the wire, and new codes may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "u32", into = "u32")]
pub enum Act {
    #[default]
    /// A nick was given back, which anybody may take from now on.
    Release,
    /// A key, or an address, has to stay out for a minute.
    Kick,
    /// A key, or an address, may not post.
    Mute,
    /// It may post again.
    Unmute,
    /// A key, or an address, has to stay out.
    Ban,
    /// It may come back.
    Unban,
    /// A key is known from now on.
    Admit,
    /// A key is an operator from now on.
    Op,
    /// An operator is one no longer.
    Deop,
    /// A key is the owner from now on.
    Owner,
    /// Whether strangers may come in.
    Access,
    /// How long nicks of known keys stay theirs.
    Expiry,
    /// An invitation was made.
    Invite,
    /// An invitation was revoked.
    Revoke,
    /// A key used an invitation, and is known from now on.
    Register,
    /// The room has another topic.
    Topic,
    /// The author takes no private messages of a key.
    Block,
    /// It takes them again.
    Unblock,
    /// A code that this program does not know.
    Other(u32),
}

impl Act {
    /// All acts that this program knows, in the order of their codes.
    pub const ALL: [Self; 18] = [
        Self::Release,
        Self::Kick,
        Self::Mute,
        Self::Unmute,
        Self::Ban,
        Self::Unban,
        Self::Admit,
        Self::Op,
        Self::Deop,
        Self::Owner,
        Self::Access,
        Self::Expiry,
        Self::Invite,
        Self::Revoke,
        Self::Register,
        Self::Topic,
        Self::Block,
        Self::Unblock,
    ];
}

impl From<u32> for Act {
    fn from(code: u32) -> Self {
        let known = usize::try_from(code).ok().and_then(|code| Self::ALL.get(code));
        known.copied().unwrap_or(Self::Other(code))
    }
}

impl From<Act> for u32 {
    fn from(act: Act) -> Self {
        match act {
            Act::Release => 0,
            Act::Kick => 1,
            Act::Mute => 2,
            Act::Unmute => 3,
            Act::Ban => 4,
            Act::Unban => 5,
            Act::Admit => 6,
            Act::Op => 7,
            Act::Deop => 8,
            Act::Owner => 9,
            Act::Access => 10,
            Act::Expiry => 11,
            Act::Invite => 12,
            Act::Revoke => 13,
            Act::Register => 14,
            Act::Topic => 15,
            Act::Block => 16,
            Act::Unblock => 17,
            Act::Other(code) => code,
        }
    }
}

/// What an *acted* needs beside its fields, behind its time (PROTOCOL 2.18). What an act has no use for is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Terms {
    /// The whole key that it concerns.
    pub key: [u8; 32],
    /// The hash of an invitation's token.
    pub token: [u8; 16],
    /// How often an invitation may be used; the access mode; the expiry in milliseconds.
    pub number: u64,
    /// Whether an invitation is for an operator.
    pub is_op: bool,
}

/// What may follow the time of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail<'a> {
    /// Behind a *joined* or *renamed*.
    Claim(Claim<'a>),
    /// Behind an *acted*.
    Terms(Terms),
    /// Behind a private message: the author's whole key.
    Author([u8; 32]),
}

/// A claim to the nick of the *joined* or *renamed* that it follows (PROTOCOL 2.17).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim<'a> {
    /// The member's whole key.
    pub key: [u8; 32],
    /// The major version of the Unicode tables behind the skeletons.
    pub tables: u64,
    /// The nick's first skeleton, 1 to [`SKELETON_MAX`] bytes.
    pub first: &'a str,
    /// The second, at most as long; empty if it is the same.
    pub second: &'a str,
}

/// What a log has in place of an entry without effect (PROTOCOL 2.18): no entry begins with it.
pub const VOID: &[u8] = &[0xff];

/// The variants and acts that [`parties`] looks for, as they are encoded.
const ACTED: u8 = 6;
const PRIVATE: u8 = 7;
const BLOCK: u8 = 16;
const UNBLOCK: u8 = 17;

/// How the entry begins with which a server sets the owner: variant, [`Who::SERVER`], no nick, the act.
const OWNER_IS_SET: [u8; 11] = [6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];

/// Returns whether nobody is shown what a log has there: an entry without effect, or the one with which each log begins, which
/// says whose it is.
pub fn is_silent(encoded: &[u8]) -> bool {
    encoded == VOID || encoded.starts_with(&OWNER_IS_SET)
}

/// Returns whether everybody is shown an encoded entry.
pub fn is_for_all(encoded: &[u8]) -> bool {
    !is_silent(encoded) && parties(encoded).is_none()
}

/// Returns the keys of the two members to whom alone an encoded entry is sent, twice the same if it is for one; `None` if it is for
/// everybody.
pub fn parties(encoded: &[u8]) -> Option<[Who; 2]> {
    let (&variant, rest) = encoded.split_first()?;
    let (&who, rest) = rest.split_first_chunk::<8>()?;
    match variant {
        PRIVATE => Some([Who(who), Who(*rest.first_chunk()?)]),
        ACTED => {
            // Nicks are shorter than 128 bytes, and so are lengths of one byte.
            let (&len, rest) = rest.split_first()?;
            let act = *rest.get(usize::from(len))?;
            (act == BLOCK || act == UNBLOCK).then_some([Who(who); 2])
        }
        _ => None,
    }
}

impl<'a> Entry<'a> {
    /// Reads one entry; `None` if the bytes are not an entry.
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }

    /// Reads one entry, and the time of its commit if it has one.
    pub fn decode_with_time(bytes: &'a [u8]) -> Option<(Self, Option<Timestamp>)> {
        let (entry, rest) = postcard::take_from_bytes(bytes).ok()?;
        Some((entry, postcard::from_bytes(rest).ok()))
    }

    /// Reads one entry, the time of its commit, and what follows that if there is something; `None` if there is no time.
    pub fn decode_with_tail(bytes: &'a [u8]) -> Option<(Self, Timestamp, Option<Tail<'a>>)> {
        let ((entry, at), rest) = postcard::take_from_bytes::<(Self, Timestamp)>(bytes).ok()?;
        let tail = match entry {
            Self::Joined { .. } | Self::Renamed { .. } => postcard::from_bytes(rest).ok().map(Tail::Claim),
            Self::Acted { .. } => postcard::from_bytes(rest).ok().map(Tail::Terms),
            Self::Private { .. } => postcard::from_bytes(rest).ok().map(Tail::Author),
            Self::Line { .. } | Self::Said { .. } | Self::Left { .. } | Self::Did { .. } => None,
        };
        Some((entry, at, tail))
    }

    /// Writes the entry, committed at `at`, to `into`, and returns its length in bytes; `None` if it does not fit.
    pub fn encode(&self, at: Timestamp, into: &mut [u8]) -> Option<usize> {
        postcard::to_slice(&(self, at), into).ok().map(|bytes| bytes.len())
    }

    /// As [`Entry::encode`], with what is to follow the time.
    pub fn encode_with_tail(&self, at: Timestamp, tail: &Tail<'_>, into: &mut [u8]) -> Option<usize> {
        let encoded = match tail {
            Tail::Claim(claim) => postcard::to_slice(&(self, at, claim), into),
            Tail::Terms(terms) => postcard::to_slice(&(self, at, terms), into),
            Tail::Author(key) => postcard::to_slice(&(self, at, key), into),
        };
        encoded.ok().map(|bytes| bytes.len())
    }

    /// Returns whether the entry is a message rather than about presence or nicks: a number of messages counts only these.
    pub const fn is_message(&self) -> bool {
        matches!(self, Self::Line { .. } | Self::Said { .. } | Self::Did { .. })
    }

    /// Returns whether an encoded entry that begins with this byte is a message.
    pub(crate) const fn begins_message(first: u8) -> bool {
        matches!(first, 0 | 1 | 4)
    }

    /// Returns whether an encoded entry is a private message.
    pub(crate) fn begins_private(encoded: &[u8]) -> bool {
        encoded.first() == Some(&PRIVATE)
    }

    /// Returns the kind of gap that stands for an encoded entry that begins with this byte, if somebody joined or left in it.
    pub(crate) const fn begins_presence(first: u8) -> Option<GapReason> {
        match first {
            2 => Some(GapReason::Joined),
            3 => Some(GapReason::Left),
            _ => None,
        }
    }

    /// Renders the entry as a text peer is sent it.
    pub fn render(&self, into: &mut String) {
        into.clear();
        match *self {
            Self::Line { text } => into.push_str(text),
            Self::Said { nick, text, .. } => into.extend([nick, ": ", text]),
            Self::Joined { nick, .. } => into.extend([nick, text::JOINED]),
            Self::Left { nick, why, .. } => {
                into.extend([nick, " left"]);
                if why != CloseReason::Left {
                    into.extend([" (", &why.to_string(), ")"]);
                }
            }
            Self::Did { nick, text, .. } => into.extend(["* ", nick, " ", text]),
            Self::Renamed { nick, to, .. } => into.extend([nick, " is now ", to]),
            Self::Acted { who, nick, act, of, why, .. } => {
                into.push_str(actor(who, nick));
                let (did, object, more) = act.phrase(of, why);
                into.extend([" ", did, object, more]);
                if !why.is_empty() && act != Act::Topic {
                    into.extend([" (", why, ")"]);
                }
            }
            // Nobody is sent it as text; this is for those who read the log.
            Self::Private { nick, of, .. } => into.extend([nick, " wrote to ", of, " in private"]),
        }
    }
}

/// Returns how text peers are told who acted: the owner and the server have no nick.
fn actor(who: Who, nick: &str) -> &str {
    match nick {
        "" if who == Who::SERVER => "The server",
        "" => "The owner",
        nick => nick,
    }
}

impl Act {
    /// Returns whether the act is a setting of its author's own, which nobody else is told of.
    pub const fn is_own(self) -> bool {
        matches!(self, Self::Block | Self::Unblock)
    }

    /// Returns one word for what was done.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Release => "released",
            Self::Kick => "kicked",
            Self::Mute => "muted",
            Self::Unmute => "unmuted",
            Self::Ban => "banned",
            Self::Unban => "unbanned",
            Self::Admit => "admitted",
            Self::Op => "opped",
            Self::Deop => "deopped",
            Self::Owner => "owner",
            Self::Access => "access",
            Self::Expiry => "expiry",
            Self::Invite => "invited",
            Self::Revoke => "revoked",
            Self::Register => "registered",
            Self::Topic => "topic",
            Self::Block => "blocked",
            Self::Unblock => "unblocked",
            Self::Other(_) => "other",
        }
    }

    /// Returns what was done, to what or whom, and what follows; together they end a sentence.
    fn phrase<'a>(self, of: &'a str, why: &'a str) -> (&'static str, &'a str, &'static str) {
        match self {
            Self::Release => ("released the nick ", of, ""),
            Self::Kick => ("kicked ", of, ""),
            Self::Mute => ("muted ", of, ""),
            Self::Unmute => ("unmuted ", of, ""),
            Self::Ban => ("banned ", of, ""),
            Self::Unban => ("lifted the ban of ", of, ""),
            Self::Admit => ("admitted ", of, ""),
            Self::Op => ("made ", of, " an operator"),
            Self::Deop => ("made ", of, " a member again"),
            Self::Owner => ("set the owner of this room", "", ""),
            Self::Access if of == "known" => ("closed the room to strangers", "", ""),
            Self::Access => ("opened the room to everybody", "", ""),
            Self::Expiry => ("set how long a nick stays its key's: ", of, ""),
            Self::Invite if of.is_empty() => ("made an invitation", "", ""),
            Self::Invite => ("made an invitation for ", of, ""),
            Self::Revoke => ("revoked an invitation", "", ""),
            Self::Register => ("came in with an invitation", "", ""),
            Self::Topic if why.is_empty() => ("removed the topic", "", ""),
            Self::Topic => ("set the topic: ", why, ""),
            Self::Block => ("takes no private messages of ", of, ""),
            Self::Unblock => ("takes private messages of ", of, " again"),
            Self::Other(_) => ("did what only a newer program can show", "", ""),
        }
    }
}

/// Returns whether `text` may be posted: 1 to [`TEXT_MAX`] bytes, no control characters except for the tab.
pub fn is_text(text: &str) -> bool {
    !text.is_empty() && text.len() <= TEXT_MAX && text.split('\t').all(is_plain)
}

/// Cuts `line` into texts that may be posted, of at most `max` bytes each, between characters. Control characters except for
/// the tab are written out, and an empty line becomes one blank.
pub fn texts(line: &str, max: usize) -> Vec<String> {
    let mut texts = vec![String::new()];
    let mut push = |piece: &str| {
        if texts.last().is_some_and(|text| text.len() + piece.len() > max) {
            texts.push(String::new());
        }
        texts.last_mut().into_iter().for_each(|text| text.push_str(piece));
    };
    for character in line.chars() {
        if character.is_control() && character != '\t' {
            push(&character.escape_default().to_string());
        } else {
            push(character.encode_utf8(&mut [0; 4]));
        }
    }
    if line.is_empty() {
        push(" ");
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acted(who: Who, act: Act, why: &str) -> Entry<'_> {
        let nick = if who == Who::SERVER { "" } else { "jill" };
        Entry::Acted { who, nick, act, whom: who, of: "jane", until: Timestamp(0), why }
    }

    #[test]
    fn a_claim_follows_the_entry_that_it_belongs_to_and_who_does_not_know_it_reads_the_entry_all_the_same() {
        let who = Who([7; 8]);
        let skeleton = "s".repeat(SKELETON_MAX);
        let tail = Tail::Claim(Claim { key: [9; 32], tables: u64::MAX, first: &skeleton, second: &skeleton });
        let nick = "n".repeat(NICK_MAX);
        for entry in [Entry::Joined { who, nick: &nick }, Entry::Renamed { who, nick: &nick, to: &nick }] {
            let mut bytes = [0; ENTRY_MAX];
            let len = entry.encode_with_tail(Timestamp(u64::MAX), &tail, &mut bytes).unwrap();
            assert_eq!(Entry::decode_with_tail(&bytes[..len]), Some((entry, Timestamp(u64::MAX), Some(tail))));
            assert_eq!(Entry::decode_with_time(&bytes[..len]), Some((entry, Some(Timestamp(u64::MAX)))));
            assert_eq!(Entry::decode_with_tail(&bytes[..len - 1]), Some((entry, Timestamp(u64::MAX), None)));
        }
        let mut bytes = [0; ENTRY_MAX];
        let said = Entry::Said { who, nick: "jill", text: "hey" };
        let len = said.encode_with_tail(Timestamp(7), &tail, &mut bytes).unwrap();
        assert_eq!(
            Entry::decode_with_tail(&bytes[..len]),
            Some((said, Timestamp(7), None)),
            "claims belong to presence"
        );
    }

    #[test]
    fn the_terms_of_an_act_follow_it_and_the_longest_act_fits() {
        let (who, nick, why) = (Who([7; 8]), "n".repeat(NICK_MAX), "w".repeat(WHY_MAX));
        let (act, until) = (Act::Other(u32::MAX), Timestamp(u64::MAX));
        let entry = Entry::Acted { who, nick: &nick, act, whom: who, of: &nick, until, why: &why };
        let tail = Tail::Terms(Terms { key: [9; 32], token: [9; 16], number: u64::MAX, is_op: true });
        let mut bytes = [0; ENTRY_MAX];
        let len = entry.encode_with_tail(until, &tail, &mut bytes).unwrap();
        assert_eq!(Entry::decode_with_tail(&bytes[..len]), Some((entry, until, Some(tail))));
        assert_eq!(Entry::decode_with_tail(&bytes[..len - 1]), Some((entry, until, None)));
    }

    #[test]
    fn nobody_is_shown_what_has_no_effect_and_how_a_log_begins() {
        let mut bytes = [0; ENTRY_MAX];
        let owner = |who| Entry::Acted {
            who,
            nick: "",
            act: Act::Owner,
            whom: Who([9; 8]),
            of: "",
            until: Timestamp(0),
            why: "",
        };
        let len = owner(Who::SERVER).encode(Timestamp(7), &mut bytes).unwrap();
        assert!(is_silent(&bytes[..len]) && is_silent(VOID));
        let len = owner(Who([1; 8])).encode(Timestamp(7), &mut bytes).unwrap();
        assert!(!is_silent(&bytes[..len]) && !is_silent(&[6]) && !is_silent(&[]));
    }

    #[test]
    fn private_messages_are_for_two_settings_of_ones_own_for_one_and_everything_else_for_all() {
        let (jack, jill) = (Who([1; 8]), Who([2; 8]));
        let encoded = |entry: &Entry<'_>| {
            let mut bytes = [0; ENTRY_MAX];
            let len = entry.encode(Timestamp(7), &mut bytes).unwrap();
            bytes[..len].to_vec()
        };
        let post = PostId::default();
        let private = Entry::Private { who: jack, to: jill, nick: "jack", of: "jill", post, sealed: b"x" };
        assert_eq!(parties(&encoded(&private)), Some([jack, jill]));
        for nick in ["jack", "", &"n".repeat(NICK_MAX)] {
            for act in Act::ALL.into_iter().chain([Act::Other(300), Act::Other(128 + 16)]) {
                let entry = Entry::Acted { who: jack, nick, act, whom: jill, of: "jill", until: Timestamp(0), why: "" };
                let is_own = matches!(act, Act::Block | Act::Unblock);
                assert_eq!(parties(&encoded(&entry)), is_own.then_some([jack; 2]), "{act:?}");
                assert_eq!(is_for_all(&encoded(&entry)), !is_own);
            }
        }
        let said = encoded(&Entry::Said { who: jack, nick: "jack", text: "hey" });
        assert!(is_for_all(&said) && !is_for_all(VOID));
        for cut in 0..17 {
            assert_eq!(parties(&encoded(&private)[..cut]), None);
        }
        assert_eq!((parties(&[6]), parties(&[6, 1, 2, 3, 4, 5, 6, 7, 8, 200])), (None, None));
    }

    #[test]
    fn every_act_has_its_code() {
        for (code, act) in (0..).zip(Act::ALL) {
            assert_eq!((u32::from(act), Act::from(code)), (code, act));
        }
        assert_eq!(Act::from(18), Act::Other(18));
    }

    #[test]
    fn every_variant_is_read_back_and_shown_to_text_peers_as_the_protocol_says() {
        let who = Who([7; 8]);
        let cases = [
            (Entry::Line { text: "jack: hi" }, "jack: hi"),
            (Entry::Said { who, nick: "jill", text: "hey" }, "jill: hey"),
            (Entry::Joined { who, nick: "jill" }, "jill joined!"),
            (Entry::Left { who, nick: "jill", why: CloseReason::Left }, "jill left"),
            (Entry::Left { who, nick: "jill", why: CloseReason::TimedOut }, "jill left (timed out)"),
            (Entry::Did { who, nick: "jill", text: "waves" }, "* jill waves"),
            (Entry::Renamed { who, nick: "jill", to: "jane" }, "jill is now jane"),
            (acted(who, Act::Release, ""), "jill released the nick jane"),
            (acted(who, Act::Ban, "spam"), "jill banned jane (spam)"),
            (acted(who, Act::Topic, "tea"), "jill set the topic: tea"),
            (acted(Who::SERVER, Act::Owner, ""), "The server set the owner of this room"),
            (
                Entry::Private { who, to: who, nick: "jill", of: "jack", post: PostId::default(), sealed: b"x" },
                "jill wrote to jack in private",
            ),
            (acted(who, Act::Other(300), ""), "jill did what only a newer program can show"),
        ];
        for (variant, (entry, shown)) in [0u8, 1, 2, 3, 3, 4, 5, 6, 6, 6, 6, 7, 6].into_iter().zip(cases) {
            let mut bytes = [0; ENTRY_MAX];
            let len = entry.encode(Timestamp(7), &mut bytes).unwrap();
            assert_eq!(bytes[0], variant);
            assert_eq!(Entry::decode(&bytes[..len]), Some(entry));
            assert_eq!(Entry::decode_with_time(&bytes[..len]), Some((entry, Some(Timestamp(7)))));
            assert_eq!(Entry::begins_message(bytes[0]), entry.is_message());
            let is_presence = matches!(entry, Entry::Joined { .. } | Entry::Left { .. });
            assert_eq!(Entry::begins_presence(bytes[0]).is_some(), is_presence);
            assert_eq!(Entry::decode_with_time(&bytes[..len - 1]), Some((entry, None)));
            let mut line = String::new();
            entry.render(&mut line);
            assert_eq!(line, shown);
        }
    }

    #[test]
    fn a_text_has_1_to_990_bytes_and_no_control_characters_but_the_tab() {
        for text in ["x", "a\tb", &"x".repeat(TEXT_MAX)] {
            assert!(is_text(text));
        }
        for text in ["", "a\nb", "\u{1b}[1m", &"x".repeat(TEXT_MAX + 1)] {
            assert!(!is_text(text));
        }
    }

    #[test]
    fn whatever_a_user_types_becomes_texts_that_may_be_posted() {
        assert_eq!(texts("a\tb", TEXT_MAX), ["a\tb"]);
        assert_eq!(texts("", TEXT_MAX), [" "]);
        assert_eq!(texts("\x1b[1m", TEXT_MAX), ["\\u{1b}[1m"]);
        assert_eq!(texts(&"ж".repeat(6), 5), ["жж", "жж", "жж"]);
        assert_eq!(texts(&"x".repeat(2 * TEXT_MAX + 1), TEXT_MAX).len(), 3);
        assert!(texts(&"ж\n".repeat(2000), TEXT_MAX).iter().all(|text| is_text(text)));
    }

    #[test]
    fn the_longest_entries_fit_and_garbage_is_none() {
        let mut bytes = [0; ENTRY_MAX];
        let (nick, text) = ("n".repeat(NICK_MAX), "t".repeat(TEXT_MAX));
        let said = Entry::Said { who: Who::default(), nick: &nick, text: &text };
        assert!(said.encode(Timestamp(u64::MAX), &mut bytes).is_some());
        let post = PostId { instance: crate::wire::Instance([7; 8]), counter: (1 << 62) - 1 };
        let (who, sealed) = (Who::default(), &[0xff; SEALED_MAX]);
        let private = Entry::Private { who, to: who, nick: &nick, of: &nick, post, sealed };
        let author = Tail::Author([9; 32]);
        let len = private.encode_with_tail(Timestamp(u64::MAX), &author, &mut bytes);
        assert_eq!(len, Some(ENTRY_MAX));
        assert_eq!(Entry::decode_with_tail(&bytes), Some((private, Timestamp(u64::MAX), Some(author))));
        assert_eq!(private.encode_with_tail(Timestamp(u64::MAX), &author, &mut bytes[1..]), None);
        assert!(Entry::Line { text: &"x".repeat(text::LINE_MAX) }.encode(Timestamp(7), &mut bytes).is_some());
        for garbage in [&[][..], &[9], &[7], &[6], &[1, 2, 3], &[0, 5, b'a'], &[0, 1, 0xff]] {
            assert_eq!(Entry::decode(garbage), None, "{garbage:?}");
        }
    }
}
