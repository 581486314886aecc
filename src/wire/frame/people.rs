//! Lists of the people in a room.
//!
//! Owns: [`People`], its encoding and its longest length.
//! Must not know: who is here.
//! Driven by: `frame`.

use super::PersonId;
use crate::wire::packet::PLAIN_MAX;
use crate::wire::{Fingerprint, NICK_MAX, cut, is_plain};

/// Longest person in a list, in bytes: the nick with its length, the form and its value, the rest of the fingerprint.
const PERSON_MAX: usize = 1 + NICK_MAX + 1 + 8 + 8;

const _: () = assert!(PERSON_MAX < 128);

/// Longest list of people in one frame, in bytes: half a packet, so that it never waits for a packet of its own.
pub const PEOPLE_MAX: usize = PLAIN_MAX / 2;

/// One of the people in the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Person<'a> {
    /// Who it is.
    pub id: PersonId,
    /// The nick.
    pub nick: &'a str,
    /// The fingerprint of the key, if there is one and the server knows it. It begins with [`PersonId::Key`]'s name.
    pub print: Option<Fingerprint>,
}

/// Some of the people in the room, still encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct People<'a> {
    /// The person of the *ask*.
    pub after: Option<PersonId>,
    /// Whether there are more people after the last of these.
    pub more: bool,
    pub(super) rest: &'a [u8],
}

impl<'a> People<'a> {
    /// Creates a list from `encoded`, to which [`encode_person`] has added the people.
    pub const fn new(after: Option<PersonId>, more: bool, encoded: &'a [u8]) -> Self {
        Self { after, more, rest: encoded }
    }

    /// Returns the people, in order, without persons of an unknown form; ends at the first malformed one.
    pub fn iter(&self) -> impl Iterator<Item = Person<'a>> + use<'a> {
        let mut rest = self.rest;
        let all = std::iter::from_fn(move || {
            let (item, after) = postcard::take_from_bytes::<&[u8]>(rest).ok()?;
            let ((nick, id), behind) = postcard::take_from_bytes::<(&str, PersonId)>(item).ok()?;
            rest = after;
            let print = match id {
                PersonId::Key(who) => behind.first_chunk().map(|rest| Fingerprint::of(who, *rest)),
                PersonId::Text(_) | PersonId::Other(_) => None,
            };
            Some(Person { id, nick, print })
        });
        all.filter(|person| !matches!(person.id, PersonId::Other(_)))
    }
}

/// Adds a person to a list of at most [`PEOPLE_MAX`] bytes; returns false if it does not fit. Cuts a nick longer than
/// [`NICK_MAX`], and leaves a nick with control characters empty.
pub fn encode_person(list: &mut Vec<u8>, Person { id, nick, print }: Person<'_>) -> bool {
    let nick = if is_plain(nick) { cut(nick) } else { "" };
    let mut buffer = [0; PERSON_MAX];
    let encoded = match print {
        Some(print) => postcard::to_slice(&(nick, id, print.rest()), &mut buffer),
        None => postcard::to_slice(&(nick, id), &mut buffer),
    };
    let Ok(encoded) = encoded else { return false };
    let Ok(len) = u8::try_from(encoded.len()) else { return false };
    let has_place = list.len() + 1 + encoded.len() <= PEOPLE_MAX;
    if has_place {
        // A length below 128 is one byte of varint.
        list.push(len);
        list.extend_from_slice(encoded);
    }
    has_place
}
