//! Who has received an entry: what its author asks, and the answers (PROTOCOL 2.21).
//!
//! Owns: [`Watch`], [`Watched`], [`Receipt`], the largest room in which the answer has names.
//! Must not know: who is here.
//! Driven by: `frame`.

use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::values::element;
use crate::wire::{Seq, Who};

/// Most keys in a room in which it is said who has received an entry (PROTOCOL 2.21).
pub const RECEIPT_NAMES_MAX: usize = 64;

/// An author's question about one of its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// The entry.
    pub seq: Seq,
    /// What the author wants to know.
    pub what: Watched,
}

/// What an author wants to know of an entry, or is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// Nothing any more; in an answer: it is none of the author's, or no longer known.
    Nothing,
    /// How many have received it.
    Count,
    /// Also who.
    Names,
    /// Whether this key has.
    Key(Who),
    /// A code that this program does not know: nothing.
    Other(u32),
}

impl Serialize for Watched {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(2)?;
        match self {
            Self::Nothing => tuple.serialize_element(&0_u32)?,
            Self::Count => tuple.serialize_element(&1_u32)?,
            Self::Names => tuple.serialize_element(&2_u32)?,
            Self::Key(who) => {
                tuple.serialize_element(&3_u32)?;
                tuple.serialize_element(who)?;
            }
            Self::Other(code) => tuple.serialize_element(code)?,
        }
        tuple.end()
    }
}

impl<'de> Deserialize<'de> for Watched {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Coded;
        impl<'de> Visitor<'de> for Coded {
            type Value = Watched;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a code and what it stands for")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Watched, A::Error> {
                Ok(match element(&mut seq)? {
                    0 => Watched::Nothing,
                    1 => Watched::Count,
                    2 => Watched::Names,
                    3 => Watched::Key(element(&mut seq)?),
                    code => Watched::Other(code),
                })
            }
        }
        deserializer.deserialize_tuple(2, Coded)
    }
}

/// Who has received an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt<'a> {
    /// The entry.
    pub seq: Seq,
    /// How many of them have received it.
    pub count: u64,
    /// How many were here before it, and still are.
    pub of: u64,
    /// What the answer says: as asked, or nothing.
    pub what: Watched,
    /// The *who* of each that has, 8 bytes each; only if the author asked for names, and the room is not larger than
    /// [`RECEIPT_NAMES_MAX`].
    pub(super) whos: &'a [u8],
}

impl<'a> Receipt<'a> {
    /// Creates an answer; `whos` has the *who* of each that has received it.
    pub const fn new(Watch { seq, what }: Watch, (count, of): (u64, u64), whos: &'a [u8]) -> Self {
        Self { seq, count, of, what, whos }
    }

    /// Returns who has received it.
    pub fn whos(&self) -> impl Iterator<Item = Who> + use<'a> {
        let (whole, _) = self.whos.as_chunks::<8>();
        whole.iter().take(RECEIPT_NAMES_MAX).map(|&who| Who(who))
    }
}
