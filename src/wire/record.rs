//! What a room knows of who may do what, as records (PROTOCOL 2.18).
//!
//! Owns: [`Record`] and [`Name`], their encodings (postcard, on the wire and in a database) and values.
//! Must not know: which acts change them.
//! Driven by: `policy`, which keeps them, `log`, which stores them, `server` and `client`, which pass them on.

use serde::{Deserialize, Serialize};

use super::{Timestamp, Who};

/// How long a nick of a known key stays its own unless the owner says otherwise, in milliseconds: 90 days.
pub const EXPIRY: u64 = 90 * 24 * 3600 * 1000;

/// Longest encoded item of a list, in bytes: a name and a record. Chosen: a sanction with the longest nicks and reason fits.
pub const ITEM_MAX: usize = 480;

/// Who may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Access {
    /// Everybody.
    #[default]
    Open,
    /// Known keys, and who has an invitation.
    Known,
}

impl Access {
    /// Returns the mode with this number, as acts have it.
    pub const fn of(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::Open),
            1 => Some(Self::Known),
            _ => None,
        }
    }
}

/// What a key may do; each role may do what those before it may, except that the owner says nothing in the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum Role {
    /// A key that nobody invited or admitted.
    #[default]
    Stranger,
    /// A known key.
    Member,
    /// A known key that may act on others.
    Operator,
    /// The key of whoever runs the room.
    Owner,
    /// The room's servers.
    Server,
}

impl Role {
    /// Returns the role with this number; a stranger's if there is none.
    pub const fn of(number: u32) -> Self {
        match number {
            1 => Self::Member,
            2 => Self::Operator,
            3 => Self::Owner,
            _ => Self::Stranger,
        }
    }

    /// Returns how people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stranger => "stranger",
            Self::Member => "member",
            Self::Operator => "operator",
            Self::Owner => "owner",
            Self::Server => "server",
        }
    }
}

/// The settings of the room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The owner's key.
    pub owner: Option<(Who, [u8; 32])>,
    /// Who may come in.
    pub access: Access,
    /// How long nicks of known keys stay theirs, in milliseconds.
    pub expiry: u64,
    /// What the room is about; often empty.
    pub topic: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { owner: None, access: Access::default(), expiry: EXPIRY, topic: String::new() }
    }
}

/// A known key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The key.
    pub key: [u8; 32],
    /// What it may do: [`Role::Member`] or [`Role::Operator`].
    pub role: Role,
    /// The nick under which it became known; may be empty.
    pub nick: String,
    /// Since when it is known.
    pub since: Timestamp,
}

/// What a key or an address may not do.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sanction {
    /// The key; zeros for an address.
    pub key: [u8; 32],
    /// Its nick when it was last acted on.
    pub nick: String,
    /// It may not post before this; 0 if it may.
    pub muted: Timestamp,
    /// It has to stay out until this; 0 if it need not, [`Timestamp::NEVER`] if there is no end.
    pub barred: Timestamp,
    /// Whether that is a ban rather than a kick.
    pub is_ban: bool,
    /// Who said so last, and why.
    pub by: String,
    /// See `by`.
    pub why: String,
}

impl Sanction {
    /// Returns whether it keeps nobody from anything at that time.
    pub fn has_ended(&self, at: Timestamp) -> bool {
        self.muted <= at && self.barred <= at
    }
}

/// An invitation that can still be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// The nick of whoever made it; empty for the owner.
    pub by: String,
    /// That key. If it loses the right, the invitation is one no longer.
    pub by_who: Who,
    /// How often it can still be used.
    pub uses: u64,
    /// Until when.
    pub until: Timestamp,
    /// For which nick; empty for any.
    pub nick: String,
    /// Whether it makes an operator.
    pub is_op: bool,
}

/// What a record is about. Its encoding is the key of the record in a database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Name {
    /// The settings.
    Settings,
    /// A known key.
    Known(Who),
    /// A key with a sanction.
    Key(Who),
    /// An address with a sanction.
    Address(String),
    /// The hash of an invitation's token.
    Token([u8; 16]),
    /// The address of a text member. Such records are not kept: they say who is there at the moment.
    Here(String),
    /// A key that takes no private messages of another one. Nobody else is told.
    Block(Who, Who),
}

/// A piece of the state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// The settings.
    Settings(Settings),
    /// A known key.
    Known(Known),
    /// A sanction.
    Sanction(Sanction),
    /// An invitation.
    Invitation(Invitation),
    /// The nick of a text member, which nobody vouches for.
    Here(String),
    /// The nick of a key whose private messages another key does not take, as that one knows it.
    Block(String),
}

impl Name {
    /// Returns whether a record of that kind belongs under it.
    pub const fn fits(&self, record: &Record) -> bool {
        matches!(
            (self, record),
            (Self::Settings, Record::Settings(_))
                | (Self::Known(_), Record::Known(_))
                | (Self::Key(_) | Self::Address(_), Record::Sanction(_))
                | (Self::Token(_), Record::Invitation(_))
                | (Self::Here(_), Record::Here(_))
                | (Self::Block(..), Record::Block(_))
        )
    }
}

impl Record {
    /// Returns whether it has no meaning any more at that time.
    pub fn has_ended(&self, at: Timestamp) -> bool {
        match self {
            Self::Settings(_) | Self::Known(_) | Self::Here(_) | Self::Block(_) => false,
            Self::Sanction(sanction) => sanction.has_ended(at),
            Self::Invitation(invitation) => invitation.until <= at,
        }
    }
}

/// Adds an item to a list of at most `most` bytes, with its length in front; returns false if it does not fit.
pub fn encode_item(list: &mut Vec<u8>, most: usize, name: &Name, record: &Record) -> bool {
    let mut buffer = [0; ITEM_MAX];
    let Ok(encoded) = postcard::to_slice(&(name, record), &mut buffer) else { return true };
    let mut len = [0; 5];
    let Ok(len) = postcard::to_slice(&encoded.len(), &mut len) else { return true };
    let has_place = list.len() + len.len() + encoded.len() <= most;
    if has_place {
        list.extend_from_slice(len);
        list.extend_from_slice(encoded);
    }
    has_place
}

/// Returns the items of a list, in order, without those that this program does not know; ends at the first malformed one.
pub fn items(mut rest: &[u8]) -> impl Iterator<Item = (Name, Record)> {
    let all = std::iter::from_fn(move || {
        let (item, after) = postcard::take_from_bytes::<&[u8]>(rest).ok()?;
        rest = after;
        Some(postcard::take_from_bytes::<(Name, Record)>(item).ok().map(|(item, _)| item))
    });
    all.flatten().filter(|(name, record)| name.fits(record))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::NICK_MAX;
    use crate::wire::entry::WHY_MAX;

    #[test]
    fn the_longest_record_fits_a_list_and_what_is_not_known_is_left_out() {
        let sanction = Sanction {
            key: [9; 32],
            nick: "n".repeat(NICK_MAX),
            muted: Timestamp::NEVER,
            barred: Timestamp::NEVER,
            is_ban: true,
            by: "b".repeat(NICK_MAX),
            why: "w".repeat(WHY_MAX),
        };
        let item = (Name::Address("a".repeat(NICK_MAX)), Record::Sanction(sanction));
        let mut list = Vec::new();
        assert!(encode_item(&mut list, 2 + ITEM_MAX, &item.0, &item.1));
        assert!(list.len() > 300, "it is not left out: {}", list.len());
        list.extend([1, 77]);
        let settings = (Name::Settings, Record::Settings(Settings::default()));
        assert!(encode_item(&mut list, 2 * ITEM_MAX, &settings.0, &settings.1));
        assert!(!encode_item(&mut list.clone(), list.len() + 3, &settings.0, &settings.1));
        assert!(
            encode_item(&mut list, 2 * ITEM_MAX, &Name::Known(Who([1; 8])), &settings.1),
            "which does not fit its name"
        );
        assert_eq!(items(&list).collect::<Vec<_>>(), [item, settings]);
        assert_eq!(items(&list[..9]).count(), 0);
    }
}
