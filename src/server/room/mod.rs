//! One room: what the server knows from its log, and which posts it permits.
//!
//! Owns: the log's id and the part of it in memory ([`Window`]), what its entries come to ([`Policy`]), who posted what (`posts`), who is present (`presence`), how
//! that is announced (`announcements`), and which posts are permitted.
//! Must not know: sessions, paths, sockets.
//! Driven by: the server. Only appended entries change it, except for what is planned: drafted posts, and joins and leaves that
//! are still to be announced.

pub(crate) mod announcements;
pub(crate) mod posts;
pub(crate) mod presence;

use crate::log::{Opening, Window};
use crate::policy::Policy;
use crate::policy::names::{self, Skeletons};
use crate::server::ids::AuthorId;
use crate::server::queue::ItemKind;
use crate::wire::entry::{ACT_MAX, Entry, is_text};
use crate::wire::frame::{HeldNick, PostKind};
use crate::wire::record::{Access, Name, Sanction};
use crate::wire::{LogId, Nick, Refusal, Seq, Timestamp, Who};
use announcements::Announcements;
use posts::Posts;
use presence::Presence;

/// Among how many entries an author without presence is looked for. Chosen: a millisecond's work.
const SPOKE_AMONG: u64 = 4096;

/// See the module.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) log: LogId,
    pub(crate) window: Window,
    pub(crate) policy: Policy,
    /// Whether the room is to be closed to strangers before the log says so.
    pub(crate) closes: bool,
    pub(crate) posts: Posts,
    pub(crate) presence: Presence,
    pub(crate) announcements: Announcements,
}

impl Room {
    /// Creates a room for an opened log, with `bytes_max` bytes and at least the `entries_min` newest entries in memory.
    pub(crate) fn new(opening: &Opening, bytes_max: usize, entries_min: usize) -> Self {
        let window = Window::new(opening.next, opening.oldest, bytes_max, entries_min as u64);
        // If the log has earlier entries, unknown authors have to be looked up in it.
        let posts = Posts::new(opening.oldest.is_some() && opening.next.0 > 0);
        Self {
            log: opening.id,
            window,
            policy: opening.policy.clone(),
            closes: false,
            posts,
            presence: Presence::default(),
            announcements: Announcements::new(opening.next),
        }
    }

    /// Returns whether strangers have to stay out.
    pub(crate) fn is_closed(&self) -> bool {
        self.closes || self.policy.access() == Access::Known
    }

    /// Returns what keeps the key out of the room, if something does.
    pub(crate) fn barred(&self, who: Who, wall: Timestamp) -> Option<&Sanction> {
        let sanction = self.policy.sanction(&Name::Key(who), wall)?;
        Some(sanction).filter(|sanction| sanction.barred > wall.max(self.policy.at()))
    }

    /// Returns who said something under that nick, of the newest entries that are in memory; nobody if it is empty.
    pub(crate) fn spoke_as<'a>(&'a self, nick: &'a str) -> impl Iterator<Item = (Who, &'a str)> {
        let from = Seq(self.window.end().0.saturating_sub(SPOKE_AMONG));
        let entries = self.window.entries(from).filter_map(|(_, encoded)| Entry::decode(encoded));
        entries.filter_map(move |entry| match entry {
            Entry::Said { who, nick: other, .. } | Entry::Did { who, nick: other, .. } => {
                (!nick.is_empty() && other == nick).then_some((who, other))
            }
            Entry::Line { .. }
            | Entry::Joined { .. }
            | Entry::Left { .. }
            | Entry::Renamed { .. }
            | Entry::Acted { .. }
            | Entry::Private { .. } => None,
        })
    }

    /// Returns the key other than `who` to which a nick belongs, or one that looks like it.
    pub(crate) fn holder(&self, who: Who, nick: &Nick, wall: Timestamp) -> Option<HeldNick<'_>> {
        let skeletons = Skeletons::of(nick.as_str());
        if let Some(held) = self.policy.holders(&skeletons, wall).find(|held| held.who != who) {
            return Some(HeldNick { nick: &held.nick, who: held.who, since: held.since });
        }
        let (who, nick) = self.presence.other_holder(who, &skeletons)?;
        Some(HeldNick { nick: nick.as_str(), who, since: Timestamp::default() })
    }

    /// Returns a nick that belongs to the key as it is written in its claim.
    pub(crate) fn own_nick(&self, who: Who, nick: &str, wall: Timestamp) -> Option<&str> {
        let skeletons = Skeletons::of(nick);
        let own = self.policy.holders(&skeletons, wall).find(|held| held.who == who);
        own.map(|held| &*held.nick)
    }

    /// Returns what a post becomes if nothing prevents it.
    ///
    /// # Errors
    /// The post will never be an entry; the error is the reason.
    pub(crate) fn permits(
        &self,
        (who, author): (Who, AuthorId),
        kind: PostKind,
        text: &str,
        wall: Timestamp,
    ) -> Result<ItemKind, Refusal> {
        if let PostKind::Say | PostKind::Act | PostKind::Rename | PostKind::Private = kind {
            self.policy.may_speak(who, wall)?;
        }
        match kind {
            PostKind::Say if is_text(text) => Ok(ItemKind::Said),
            PostKind::Act if is_text(text) && text.len() <= ACT_MAX => Ok(ItemKind::Did),
            PostKind::Say | PostKind::Act => Err(Refusal::Malformed),
            PostKind::Rename => {
                let Ok(to) = text.parse::<Nick>() else { return Err(Refusal::Malformed) };
                if names::check(&to).is_err() {
                    return Err(Refusal::BadNick);
                }
                // One at a time: if the first were refused, a second rename would start from a nick the client never got.
                if self.posts.is_renaming(author) {
                    return Err(Refusal::Busy);
                }
                if self.holder(who, &to, wall).is_none() { Ok(ItemKind::Renamed) } else { Err(Refusal::NickTaken) }
            }
            // Who may do what, is for the policy to say, and whom it is about, for the sessions.
            PostKind::Release | PostKind::Order => Ok(ItemKind::Acted),
            PostKind::Private => Ok(ItemKind::Private),
            PostKind::Other(_) => Err(Refusal::Unsupported),
        }
    }
}
