//! Members that come and go, on the way to the log.
//!
//! Owns: which of these notices become drafts, and when they are due.
//! Must not know: who is present; how a notice is announced.
//! Driven by: `sessions`, when one begins or ends, and `server`, when the log has taken or refused one.

use super::{Context, Sessions};
use crate::server::admission::Prefix;
use crate::server::ids::Source;
use crate::server::queue::{Item, ItemKind};
use crate::server::room::presence::{News, Notice};
use crate::session::PublicKey;
use crate::wire::entry::Entry;

impl Sessions {
    pub(in crate::server) fn tell(
        &mut self,
        cx: &mut Context<'_>,
        notice: &Notice,
        young: Option<Prefix>,
        key: Option<PublicKey>,
    ) {
        if !cx.room.presence.submit(cx.now, notice) {
            return;
        }
        let joined = Entry::Joined { who: notice.who, nick: notice.nick.as_str() };
        if notice.news.is_joined() && cx.room.policy.judge(&joined, None, cx.wall).is_err() {
            // Nobody would be shown it; it may be another matter later.
            return cx.room.presence.told(cx.now, notice.clone(), false);
        }
        let peer = self.by_author.get(&notice.author).and_then(|&id| self.peer(id));
        let young = peer.and_then(|peer| peer.allowed.young()).or(young);
        // With it the key claims the nick.
        let key = peer.map(|peer| peer.key).or(key).filter(|_| notice.news.is_joined()).map(|key| key.0);
        // A key that comes and goes all the time waits its turn, as one that posts too much does, and does not fill the queue.
        let mut is_queued = false;
        if cx.queue.has_place_for_notices() {
            let due = self.allowance.take_notice(cx.now, notice.who, young, cx.rate);
            let (source, kind) = (Source::Session(notice.author), notice.news.kind());
            let item = Item { source, kind, nick: notice.nick.as_str(), who: notice.who, key, due, ..Item::default() };
            is_queued = cx.queue.push(item);
        }
        if !is_queued {
            cx.room.presence.told(cx.now, notice.clone(), false);
        }
    }
}

impl News {
    /// Returns the change of presence that an item of this kind announces.
    pub(super) const fn of(kind: ItemKind) -> Option<Self> {
        match kind {
            ItemKind::Joined => Some(Self::Joined),
            ItemKind::Left(why) => Some(Self::Left(why)),
            ItemKind::Line
            | ItemKind::Signup
            | ItemKind::Said
            | ItemKind::Did
            | ItemKind::Renamed
            | ItemKind::Acted
            | ItemKind::Private => None,
        }
    }

    const fn kind(self) -> ItemKind {
        match self {
            Self::Joined => ItemKind::Joined,
            Self::Left(why) => ItemKind::Left(why),
        }
    }
}
