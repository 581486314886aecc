//! The keys of those whom a user has written to in private.
//!
//! Owns: [`Contacts`]: which key each nick is known by.
//! Must not know: where they are stored.
//! Driven by: `client`.
//!
//! Nicks that look alike are one nick here as in the room (PROTOCOL 2.16): otherwise whoever takes `Jill` would be no stranger to somebody who
//! knows `jill`.

use super::event::Trust;
use crate::policy::names::Skeletons;
use crate::session::PublicKey;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Contacts(Vec<Contact>);

#[derive(Clone, Debug)]
struct Contact {
    nick: Box<str>,
    skeletons: Skeletons,
    key: PublicKey,
}

impl Contacts {
    /// Nobody.
    pub const NONE: Self = Self(Vec::new());

    /// Returns what is known of a key that has that nick.
    pub fn trust(&self, nick: &str, key: PublicKey) -> Trust {
        let skeletons = Skeletons::of(nick);
        let is_it = |contact: &&Contact| *contact.nick == *nick || contact.skeletons.look_like(&skeletons);
        let mut known = self.0.iter().filter(is_it).peekable();
        let Some(first) = known.peek().map(|contact| contact.key) else { return Trust::New };
        if known.any(|contact| contact.key == key) { Trust::Known } else { Trust::Changed(first) }
    }

    /// Knows that nick by that key.
    pub fn insert(&mut self, nick: &str, key: PublicKey) {
        self.0.push(Contact { nick: nick.into(), skeletons: Skeletons::of(nick), key });
    }
}

impl<'a> FromIterator<(&'a str, PublicKey)> for Contacts {
    fn from_iter<I: IntoIterator<Item = (&'a str, PublicKey)>>(all: I) -> Self {
        let mut contacts = Self::NONE;
        all.into_iter().for_each(|(nick, key)| contacts.insert(nick, key));
        contacts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nick_is_known_by_its_key_however_it_is_written() {
        let (jill, other) = (PublicKey([1; 32]), PublicKey([2; 32]));
        let contacts: Contacts = [("jill", jill), ("\u{202e}", other)].into_iter().collect();
        for nick in ["jill", "JILL", "jiIl", "ＪＩＬＬ"] {
            assert_eq!(contacts.trust(nick, jill), Trust::Known, "{nick}");
            assert_eq!(contacts.trust(nick, other), Trust::Changed(jill), "{nick}");
        }
        assert_eq!(contacts.trust("jane", jill), Trust::New);
        assert_eq!(contacts.trust("\u{202e}", other), Trust::Known, "even one that nobody may have");
    }
}
