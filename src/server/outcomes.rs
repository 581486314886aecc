//! What the server does once the log has decided.
//!
//! Owns: the way of an outcome to whoever waits for it: members, authors, the settings; what an act means for those who are there.
//! Must not know: how an item reached the log.
//! Driven by: `server`.

use super::Server;
use super::counters::DropReason;
use super::ids::Source;
use super::queue::{ItemKind, Slot};
use super::room::Room;
use super::settings::Settings;
use crate::log::{Appended, DraftId, Opening, Rejection, State};
use crate::wire::Who;
use crate::wire::entry::{Act, Entry, Tail, VOID, is_for_all, parties};
use crate::wire::frame::Outcome;
use crate::wire::order::address_in;
use crate::wire::text as dialect;

impl Server {
    /// Handles one more entry of the log.
    pub(super) fn appended(&mut self, appended: &Appended<'_>, mut transcript: impl FnMut(&str, &str)) {
        let Appended { seq, bytes, .. } = *appended;
        assert_eq!(seq, self.room.window.end(), "entries are appended in the order of their numbers");
        self.in_hand = appended.post.map(|(who, _)| who);
        self.unsent += 1;
        let effect = self.room.policy.apply(seq, bytes);
        self.room.policy.settle();
        let shown = if effect.is_ok() { bytes } else { VOID };
        self.room.window.append(shown);
        let parties = parties(shown);
        self.text.append(seq, if parties.is_none() { shown } else { VOID });
        let is_presence = shown.first().is_some_and(|&first| Entry::begins_presence(first).is_some());
        let waits = is_presence && self.sessions.len() > self.config.announce_each;
        let end = self.room.window.end();
        if let Some(parties) = parties {
            self.sessions.log_grew_for(parties, end);
        } else if self.room.announcements.append(self.now, end, waits) {
            self.sessions.log_grew(self.now);
        }
        let Some(slot) = appended.draft.and_then(|draft| self.queue.get_mut(draft)) else {
            if effect.is_ok() {
                self.appended_elsewhere(appended, transcript);
                self.sessions.appended(seq, shown, &self.room);
                self.enforce(shown);
            }
            self.in_hand = None;
            return;
        };
        slot.entries -= 1;
        self.reserved -= 1;
        if slot.first.is_none()
            && let Source::Text(author) = slot.source
        {
            self.text.place(author, seq, self.config.text_history, &self.room.window);
        }
        let first = *slot.first.get_or_insert(seq);
        if appended.is_last
            && let Some(slot) = appended.draft.and_then(|draft| self.queue.take(draft))
        {
            self.reserved -= slot.entries;
            self.settled(&slot, effect.map_or_else(Outcome::Refused, |()| Outcome::Accepted(first)));
            if is_for_all(shown) {
                let (tag, text) = slot.in_transcript(&mut self.rendered);
                transcript(tag, text);
            }
            self.done_with(slot);
        }
        self.sessions.appended(seq, shown, &self.room);
        self.enforce(shown);
        self.in_hand = None;
    }

    /// Tells whoever waits for it what became of an item.
    pub(super) fn settled(&mut self, slot: &Slot, outcome: Outcome) {
        if slot.kind == ItemKind::Acted && slot.who == Who::SERVER {
            // What had no effect need not be written again.
            let is_over = !matches!(outcome, Outcome::Refused(why) if why.is_of_the_log());
            self.settings.told(self.now, slot.deed.act, is_over);
            self.room.closes = self.settings.closes();
            return;
        }
        let (sessions, mut cx) = self.split();
        sessions.settled(&mut cx, slot, outcome);
    }

    /// Does what an act in the log means for the members that there are.
    fn enforce(&mut self, encoded: &[u8]) {
        let Some((Entry::Acted { act, whom, .. }, _, tail)) = Entry::decode_with_tail(encoded) else { return };
        if matches!(act, Act::Kick | Act::Ban) && whom == Who::SERVER {
            let Some(Tail::Terms(terms)) = tail else { return };
            self.text.remove_from(address_in(&terms.key).as_deref(), &self.queue);
        } else if act == Act::Access && self.room.is_closed() {
            self.text.remove_from(None, &self.queue);
        }
        let (sessions, mut cx) = self.split();
        sessions.enforce(&mut cx, act, whom);
    }

    /// Handles an entry that is of none of our drafts: somebody else writes to the same log.
    fn appended_elsewhere(&mut self, appended: &Appended<'_>, mut transcript: impl FnMut(&str, &str)) {
        if let Some((who, post)) = appended.post {
            self.room.posts.append(who, post, appended.seq);
        }
        let Some(entry) = Entry::decode(appended.bytes) else { return };
        if let Some(notice) = self.room.presence.append(&entry) {
            let (sessions, mut cx) = self.split();
            sessions.tell(&mut cx, &notice, None, None);
        }
        if !is_for_all(appended.bytes) {
            return;
        }
        if let Entry::Joined { nick, .. } = entry {
            // As in an original's transcript, whichever dialect the client speaks.
            return transcript(dialect::SIGNUP_TAG, nick);
        }
        entry.render(&mut self.rendered);
        transcript("", &self.rendered);
    }

    /// Handles the log's refusal of a draft: counts it, and tells a session's author; the text dialect has no message for it.
    pub(super) fn rejected(&mut self, draft: DraftId, why: Rejection) {
        let Some(slot) = self.queue.take(draft) else { return };
        self.reserved -= slot.entries;
        self.settled(&slot, Outcome::Refused(why.into()));
        log::debug!("a draft was rejected: {why:?}");
        self.counters.drop_for(self.now, DropReason::Rejected);
        self.done_with(slot);
    }

    /// Begins with another log: sessions end and begin anew in it; drafts submitted to the old log will get no outcome.
    pub(super) fn begin_anew(&mut self, opening: Opening) {
        log::warn!("the log was replaced: all sessions end, and clients reconnect");
        self.log_state = State::Ready;
        self.sessions.close_all(self.now);
        for draft in self.queue.under_way() {
            if let Some(slot) = self.queue.take(draft) {
                self.reserved -= slot.entries;
                self.done_with(slot);
            }
        }
        self.room = Room::new(&opening, self.config.recent_bytes, self.config.text_history);
        self.queue.retain_text();
        self.text.begin_anew(opening.next);
        self.settings = Settings::new(self.now, &self.config, &opening.policy);
        self.recall_present(opening);
        self.write_settings();
    }
}
