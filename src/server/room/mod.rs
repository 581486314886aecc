//! One room: what the server knows of it by its log, and what may be said in it.
//!
//! Owns: which log it is and what of it is in memory ([`Window`]), who posted what (`posts`), who is present (`presence`) and how
//! that is told (`announcements`), what may be said.
//! Must not know: sessions, paths, sockets.
//! Driven by: the server. It changes only by what is appended, but for what is planned: posts that are drafted, and what is to be
//! told of who comes and goes.

pub(crate) mod announcements;
pub(crate) mod posts;
pub(crate) mod presence;

use crate::log::{Opening, Window};
use crate::server::ids::AuthorId;
use crate::server::queue::ItemKind;
use crate::wire::entry::{ACT_MAX, is_text};
use crate::wire::frame::PostKind;
use crate::wire::{LogId, Nick, Refusal, Who};
use announcements::Announcements;
use posts::Posts;
use presence::Presence;

/// See the module.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) log: LogId,
    pub(crate) window: Window,
    pub(crate) posts: Posts,
    pub(crate) presence: Presence,
    pub(crate) announcements: Announcements,
}

impl Room {
    /// A room whose log stands so, of which some bytes and at least some of the newest entries are kept in memory.
    pub(crate) fn new(opening: &Opening, bytes_max: usize, entries_min: usize) -> Self {
        let window = Window::new(opening.next, opening.oldest, bytes_max, entries_min as u64);
        // Who has posted in a log that goes on is to be looked up.
        let posts = Posts::new(opening.oldest.is_some() && opening.next.0 > 0);
        Self {
            log: opening.id,
            window,
            posts,
            presence: Presence::default(),
            announcements: Announcements::new(opening.next),
        }
    }

    /// What becomes of a post if nothing is in its way.
    ///
    /// # Errors
    /// It will never be an entry, and why.
    pub(crate) fn permits(&self, who: Who, author: AuthorId, kind: PostKind, text: &str) -> Result<ItemKind, Refusal> {
        match kind {
            PostKind::Say if is_text(text) => Ok(ItemKind::Said),
            PostKind::Act if is_text(text) && text.len() <= ACT_MAX => Ok(ItemKind::Did),
            PostKind::Say | PostKind::Act => Err(Refusal::Malformed),
            PostKind::Rename => {
                let Ok(to) = text.parse::<Nick>() else { return Err(Refusal::Malformed) };
                // One after the other: what the second is renamed from would be in the air if the first were refused.
                if self.posts.is_renaming(author) {
                    return Err(Refusal::Busy);
                }
                if self.presence.is_free_for(who, &to) { Ok(ItemKind::Renamed) } else { Err(Refusal::NickTaken) }
            }
            PostKind::Other(_) => Err(Refusal::Unsupported),
        }
    }
}
