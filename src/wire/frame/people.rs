//! Lists of the people in a room.
//!
//! Owns: [`People`], its encoding and its longest length.
//! Must not know: who is here.
//! Driven by: `frame`.

use super::PersonId;
use crate::wire::packet::PLAIN_MAX;
use crate::wire::{NICK_MAX, cut, is_plain};

/// Longest person in a list, in bytes: the nick with its length, the form and its value.
const PERSON_MAX: usize = 1 + NICK_MAX + 1 + 8;

const _: () = assert!(PERSON_MAX < 128);

/// Longest list of people in one frame, in bytes: half a packet, so that it never waits for a packet of its own.
pub const PEOPLE_MAX: usize = PLAIN_MAX / 2;

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

    /// Returns the people and their nicks, in order, without persons of an unknown form; ends at the first malformed one.
    pub fn iter(&self) -> impl Iterator<Item = (PersonId, &'a str)> + use<'a> {
        let mut rest = self.rest;
        let all = std::iter::from_fn(move || {
            let (item, after) = postcard::take_from_bytes::<&[u8]>(rest).ok()?;
            let ((name, person), _) = postcard::take_from_bytes::<(&str, PersonId)>(item).ok()?;
            rest = after;
            Some((person, name))
        });
        all.filter(|(person, _)| !matches!(person, PersonId::Other(_)))
    }
}

/// Adds a person to a list of at most [`PEOPLE_MAX`] bytes; returns false if it does not fit. Cuts a name longer than
/// [`NICK_MAX`], and leaves a name with control characters empty.
pub fn encode_person(list: &mut Vec<u8>, person: PersonId, name: &str) -> bool {
    let name = if is_plain(name) { cut(name) } else { "" };
    let mut buffer = [0; PERSON_MAX];
    let Ok(encoded) = postcard::to_slice(&(name, person), &mut buffer) else { return false };
    let Ok(len) = u8::try_from(encoded.len()) else { return false };
    let has_place = list.len() + 1 + encoded.len() <= PEOPLE_MAX;
    if has_place {
        // A length below 128 is one byte of varint.
        list.push(len);
        list.extend_from_slice(encoded);
    }
    has_place
}
