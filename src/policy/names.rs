//! Which nicks a member may take, and which nicks look alike (PROTOCOL 2.16).
//!
//! Owns: the rules for new nicks ([`check`]), and the forms in which nicks are compared ([`Skeletons`]).
//! Must not know: who holds which nick.
//! Driven by: `server`, for nicks that members ask for; `cli` and `ui`, for nicks that users enter and nicks that are shown.
//!
//! A nick goes through PRECIS (RFC 8266) and the skeleton of UTS 39, which maps each character to the simplest one that looks
//! like it. Two nicks look alike if they share a skeleton. There are two, because lowercase first misses `JIll` (a capital I
//! for an l), and lowercase last misses `JILL`.

use std::borrow::Cow;
use std::fmt;

use arrayvec::ArrayVec;
use precis_profiles::Nickname;
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use unicode_normalization::char::is_combining_mark;
use unicode_security::{RestrictionLevel, RestrictionLevelDetection, skeleton};

use crate::wire::Nick;
use crate::wire::entry::SKELETON_MAX;

/// The version of the Unicode tables behind the skeletons.
pub const TABLES: u64 = unicode_security::UNICODE_VERSION.0;

/// What no room line may look like it comes from.
const PROGRAM: &str = "udpchat";

/// What no nick begins with, because lines that a program writes itself begin with it: of actions, of unverified members, of
/// commands, of a server's diagnostics.
const BEGINNINGS: [char; 5] = ['*', '-', '(', '/', '['];

/// The forms in which a nick is compared: one, or two that differ.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Skeletons(ArrayVec<Box<str>, 2>);

impl Skeletons {
    /// Returns those of `nick`, which need not be one that [`check`] accepts.
    pub fn of(nick: &str) -> Self {
        // What PRECIS does not know how to compare is compared as it is.
        let enforced = enforce(nick).unwrap_or(Cow::Borrowed(nick));
        let first = look(&enforced.to_lowercase());
        let last = look(&enforced);
        let mut skeletons = ArrayVec::new();
        if last != first {
            skeletons.push(last.into());
        }
        skeletons.insert(0, first.into());
        Self(skeletons)
    }

    /// Returns skeletons that were stored; `None` if there are none, more than two, or one is empty or too long.
    pub fn stored<'a>(stored: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut skeletons = ArrayVec::new();
        for skeleton in stored {
            let is_one = !skeleton.is_empty() && skeleton.len() <= SKELETON_MAX;
            is_one.then_some(())?;
            skeletons.try_push(skeleton.into()).ok()?;
        }
        (!skeletons.is_empty()).then_some(Self(skeletons))
    }

    /// Returns them in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|skeleton| &**skeleton)
    }

    /// Returns whether nicks with these skeletons look alike.
    pub fn look_like(&self, other: &Self) -> bool {
        self.iter().any(|skeleton| other.iter().any(|of_other| of_other == skeleton))
    }
}

/// Returns the nick as PRECIS enforces it; `None` if it does not allow it. Most nicks are plain, and stay as they are.
fn enforce(nick: &str) -> Option<Cow<'_, str>> {
    let is_plain = !nick.is_empty() && nick.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plain { Some(Cow::Borrowed(nick)) } else { Nickname::enforce(nick).ok() }
}

/// Returns the skeleton of a text, in lowercase: some characters, such as 0, look like capitals only. A dot above an i or j adds
/// nothing to it.
fn look(text: &str) -> String {
    let skeleton = skeleton(text).collect::<String>().to_lowercase();
    skeleton.replace("i\u{307}", "i").replace("j\u{307}", "j")
}

/// Why a member may not take a nick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objection {
    /// It begins or ends with a blank, or has a blank that is not U+0020.
    Blank,
    /// It has a character that is invisible, changes the direction, or that PRECIS forbids for another reason, such as being
    /// newer than its tables.
    Character(char),
    /// It has a colon and a blank, or what looks like that.
    Colon,
    /// It begins with this character, or with one that looks like it.
    Beginning(char),
    /// It has a `#`, which is between a nick and a fingerprint.
    Hash,
    /// It mixes scripts, or uses letters of none in common use.
    Scripts,
    /// It looks like the program's own name, or like how the owner or the server is called.
    Reserved,
    /// One of its skeletons is longer than [`SKELETON_MAX`].
    Long,
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blank => f.write_str("a nick must not begin or end with a blank, and only have ordinary ones inside"),
            Self::Character(which) => write!(
                f,
                "a nick must not contain U+{:04X}: it is invisible, or not among the characters for names (RFC 8264)",
                u32::from(*which)
            ),
            Self::Beginning(which) => write!(f, "a nick must not begin with {which}: lines of the program do"),
            Self::Colon => f.write_str("a nick must not contain ': ', or what looks like it: it ends the nick in a line"),
            Self::Hash => f.write_str("a nick must not contain #: it separates a nick from a key's fingerprint"),
            Self::Scripts => f.write_str(
                "the letters of a nick must be of one script in common use (Latin may be mixed with Chinese, Japanese or \
                 Korean)",
            ),
            Self::Reserved => f.write_str("a nick must not look like 'udpchat', the program's own name, nor like 'The owner' or 'The server'"),
            Self::Long => f.write_str("this nick is too long in the form in which nicks are compared"),
        }
    }
}

/// Reads a nick that a user wants.
///
/// # Errors
/// A message for the user: why nobody may have it.
pub fn wanted(nick: &str) -> Result<Nick, String> {
    let nick = nick.parse()?;
    check(&nick).map_err(|why| why.to_string())?;
    Ok(nick)
}

/// Checks whether a member may take `nick`. Nicks that were taken before these rules stay as they are.
///
/// # Errors
/// Why it may not.
pub fn check(nick: &Nick) -> Result<(), Objection> {
    let nick = nick.as_str();
    if nick.starts_with(is_blank) || nick.ends_with(is_blank) || nick.contains(|c: char| is_blank(c) && c != ' ') {
        return Err(Objection::Blank);
    }
    let Some(enforced) = enforce(nick) else {
        let which = nick.chars().find(|&character| character != ' ' && is_forbidden(character));
        return Err(which.map_or(Objection::Scripts, Objection::Character));
    };
    let skeletons = Skeletons::of(nick);
    let has = |begins: &dyn Fn(&str) -> bool| begins(&enforced) || skeletons.iter().any(begins);
    if let Some(which) = BEGINNINGS.into_iter().find(|&which| has(&|form| form.starts_with(which))) {
        return Err(Objection::Beginning(which));
    }
    if has(&|form| form.contains(": ")) {
        return Err(Objection::Colon);
    }
    if has(&|form| form.contains('#')) {
        return Err(Objection::Hash);
    }
    let is_of_a_script = |&character: &char| character.is_alphabetic() || is_combining_mark(character);
    let letters: String = enforced.chars().filter(is_of_a_script).collect();
    if !letters.check_restriction_level(RestrictionLevel::HighlyRestrictive) {
        return Err(Objection::Scripts);
    }
    if skeletons.iter().any(is_program) || is_title(&letters, &skeletons) {
        return Err(Objection::Reserved);
    }
    if skeletons.iter().any(|skeleton| skeleton.len() > SKELETON_MAX) {
        return Err(Objection::Long);
    }
    Ok(())
}

/// Returns whether a nick with these letters looks like how the owner or a server is called, who have no nicks.
fn is_title(letters: &str, skeletons: &Skeletons) -> bool {
    let looks_like = |title: &str| {
        letters.chars().count() + 1 >= title.len()
            && Skeletons::of(title).iter().any(|title| skeletons.iter().any(|skeleton| skeleton == title))
    };
    letters.len() <= 2 * "The server".len() && (looks_like("The owner") || looks_like("The server"))
}

/// Returns whether a skeleton begins with the program's name, whatever is between its letters.
fn is_program(skeleton: &str) -> bool {
    let letters: String = skeleton.chars().filter(|character| character.is_alphanumeric()).collect();
    letters.starts_with(PROGRAM)
}

/// Returns whether the character is a blank: also the one of Braille, which has no dots.
fn is_blank(character: char) -> bool {
    character.is_whitespace() || character == '\u{2800}'
}

/// Returns whether a line of the room, which may be anything, could be taken for one of the program's own: its letters begin
/// like the program's name, or it begins like a diagnostic of a server or the mark of another kind of line.
pub fn could_be_ours(line: &str) -> bool {
    let is_seen =
        |character: &char| character.is_ascii_graphic() || character.is_alphanumeric() || !is_forbidden(*character);
    let mut seen = line.chars().filter(|&character| !is_blank(character)).skip_while(|character| !is_seen(character));
    let Some(first) = seen.next() else { return false };
    let looks = |text: &str, like: &dyn Fn(&str) -> bool| {
        if text.is_ascii() { like(&text.to_ascii_lowercase()) } else { Skeletons::of(text).iter().any(like) }
    };
    if looks(first.encode_utf8(&mut [0; 4]), &|first| first.starts_with(['(', '['])) {
        return true;
    }
    // Twice as many as the name has: a letter may be two that look like it.
    let letters = std::iter::once(first).chain(seen).filter(|&letter| letter.is_alphanumeric() && !is_filler(letter));
    let letters: String = letters.take(2 * PROGRAM.len()).collect();
    looks(&letters, &|letters| letters.starts_with(PROGRAM))
}

/// Returns whether it is a letter that is not seen: a filler of Hangul.
const fn is_filler(letter: char) -> bool {
    matches!(letter, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}')
}

/// Returns whether PRECIS forbids the character wherever it is: it is invisible, or changes the direction.
fn is_forbidden(character: char) -> bool {
    enforce(character.encode_utf8(&mut [0; 4])).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nick(nick: &str) -> Nick {
        nick.parse().unwrap()
    }

    #[test]
    fn ordinary_nicks_of_any_living_script_may_be_taken() {
        for name in [
            "jill",
            "Jill",
            "jack-2",
            "bot.1",
            "o'neil",
            "jill smith",
            "Jürgen",
            "привет",
            "山田太郎",
            "やまだ",
            "한국어",
            "שלום",
            "قلم",
            "ελένη",
            "tim@work",
            "jill!",
            "a*b",
            "😀",
            "jill 😀",
            "x",
            "1",
            "udp",
            "हिन्दी",
            "Nguyễn",
            "นก",
        ] {
            assert_eq!(check(&nick(name)), Ok(()), "{name}");
        }
    }

    #[test]
    fn what_could_be_mistaken_for_something_else_is_refused_with_its_reason() {
        for (name, why) in [
            (" ", Objection::Blank),
            (" jill", Objection::Blank),
            ("jill ", Objection::Blank),
            ("jill\u{a0}x", Objection::Blank),
            ("ji\u{200b}ll", Objection::Character('\u{200b}')),
            ("\u{202e}llij", Objection::Character('\u{202e}')),
            ("a\u{3164}", Objection::Character('\u{3164}')),
            ("a\u{e0041}", Objection::Character('\u{e0041}')),
            ("* jill", Objection::Beginning('*')),
            ("-jill", Objection::Beginning('-')),
            ("\u{2010}jill", Objection::Beginning('-')),
            ("(unverified) jill", Objection::Beginning('(')),
            ("\u{ff08}jill", Objection::Beginning('(')),
            ("/who", Objection::Beginning('/')),
            ("[2026-11-27T06:59:47Z INFO", Objection::Beginning('[')),
            ("jill#1a2b", Objection::Hash),
            ("jill\u{ff03}1a2b", Objection::Hash),
            ("j\u{456}ll", Objection::Scripts),
            ("udpchat", Objection::Reserved),
            ("UdpChat", Objection::Reserved),
            ("udpchat:note", Objection::Reserved),
            ("udpchat bot", Objection::Reserved),
            ("udp chat", Objection::Reserved),
            ("udpchat2", Objection::Reserved),
            ("The owner", Objection::Reserved),
            ("THE SERVER", Objection::Reserved),
            ("jill\u{2800}", Objection::Blank),
            ("\u{2800}udpchat", Objection::Blank),
            ("jill\u{ff1a} I quit", Objection::Colon),
            ("jill\u{2236} I quit", Objection::Colon),
            ("jill\u{17d2}", Objection::Scripts),
            ("jill\u{5af}", Objection::Scripts),
        ] {
            assert_eq!(check(&nick(name)), Err(why), "{name:?}");
        }
    }

    #[test]
    fn nicks_that_look_alike_are_the_same_and_others_are_not() {
        for (one, other) in [
            ("jill", "JILL"),
            ("jill", "jiIl"),
            ("jill", "ji\u{307}ll"),
            ("jill", "j\u{307}ill"),
            ("jill", "j\u{456}ll"),
            ("bob", "b0b"),
            ("modem", "modern"),
            ("HOT", "\u{397}\u{39f}\u{3a4}"),
            ("caf\u{e9}", "cafe\u{301}"),
            ("jill smith", "jill  smith"),
            ("jill", "\u{ff2a}\u{ff29}\u{ff2c}\u{ff2c}"),
        ] {
            assert!(Skeletons::of(one).look_like(&Skeletons::of(other)), "{one} {other}");
        }
        for (one, other) in [("jill", "jack"), ("mail", "mall"), ("jill", "jil"), ("m1", "m2")] {
            assert!(!Skeletons::of(one).look_like(&Skeletons::of(other)), "{one} {other}");
        }
    }

    #[test]
    fn a_line_that_begins_like_one_of_ours_is_found_out_and_others_are_left_alone() {
        for line in [
            "udpchat: the key has changed",
            " udpchat: x",
            "u\u{200b}dpchat: x",
            "UDPCHAT: x",
            "u\u{501}pchat: x",
            "u d p c h a t: x",
            "\u{2060}\u{feff}udpchat x",
            "\u{3164}udp\u{115f}chat x",
            "\u{200b}\u{ff08}unverified) x",
            "(unverified) jill: hi",
            "\u{2800}(unverified) jill: hi",
            "[2026-11-27T06:59:47Z INFO] x",
        ] {
            assert!(could_be_ours(line), "{line:?}");
        }
        for line in ["jack: udpchat is down", "jack joined!", "", " ", "- one", "привет", "😀"] {
            assert!(!could_be_ours(line), "{line:?}");
        }
    }

    #[test]
    fn whatever_the_text_is_skeletons_are_found_without_a_panic() {
        for text in ["", "\u{fdfa}\u{fdfa}", "\u{0}", "\u{10ffff}", "ﷺﷺﷺﷺﷺﷺﷺﷺﷺﷺ", "\u{301}\u{301}"]
        {
            let _ = (Skeletons::of(text), could_be_ours(text));
        }
        assert_eq!(Skeletons::stored(["", "a"]), None);
        assert_eq!(Skeletons::stored(["a", "b", "c"]), None);
        assert_eq!(Skeletons::stored([]), None);
        assert!(Skeletons::stored(["a", "b"]).is_some());
    }
}
