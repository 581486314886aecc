//! Private messages (PROTOCOL 2.19): whose a name is, what becomes of a message, who is sent it.
//!
//! Owns: how often one key writes to another.
//! Must not know: what a message says; who may write to whom: that is for the policy to say.
//! Driven by: `intake`, with posts, `turns`, with questions, and `server`, with private entries that the log has.

use std::time::Duration;

use super::{Context, Sessions};
use crate::policy::names::Skeletons;
use crate::server::ids::PeerId;
use crate::server::queue::Deed;
use crate::session::PublicKey;
use crate::time::Instant;
use crate::wire::entry::{Entry, SEALED_MAX};
use crate::wire::frame::{Found, Letter, Whose};
use crate::wire::order::{Whom, may_begin};
use crate::wire::record::Role;
use crate::wire::{NICK_MAX, PostId, Refusal, Seq, Who, is_plain};
use crate::work::{self, Work};

/// How often a key writes to another one in the long run, and how many messages go at once. Chosen: a conversation, or a file of
/// lines now and then; not what makes somebody turn the program off.
const PAIR_INTERVAL: Duration = Duration::from_millis(250);
const PAIR_BURST: u32 = 64;

/// The answer to a *find*.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    whom: Whose,
    nick: String,
    key: [u8; 32],
}

impl Answer {
    const fn nobody(whom: Whose) -> Self {
        Self { whom, nick: String::new(), key: [0; 32] }
    }

    /// Returns it as it is sent.
    pub(super) fn frame<'a>(&'a self, name: &'a str) -> Found<'a> {
        Found { name, whom: self.whom, nick: &self.nick, key: self.key }
    }
}

impl Sessions {
    /// Returns whose a name is: a nick, with or without the beginning of a fingerprint, a whole key, or a whole short name.
    pub(super) fn found(&self, cx: &Context<'_>, name: &str) -> Answer {
        let (nick, print) = match Whom::parse(name) {
            None | Some(Whom::Address(_)) => return Answer::nobody(Whose::Nobody),
            Some(Whom::Key { key, .. }) => return self.one(cx, PublicKey(key).who(), Some(key), None),
            Some(Whom::Nick { nick, print }) => (nick, print),
        };
        if nick.is_empty() {
            let who = print.first_chunk::<8>().map(|who| Who(*who));
            return who.map_or(Answer::nobody(Whose::Nobody), |who| self.one(cx, who, None, None));
        }
        let skeletons = Skeletons::of(nick);
        let holders = cx.room.policy.holders(&skeletons, cx.wall).map(|held| (held.who, &*held.nick));
        let here = cx.room.presence.other_holder(Who::SERVER, &skeletons);
        let here = here.map(|(who, nick)| (who, nick.as_str()));
        let mut found: Option<(Who, &str)> = None;
        for (who, nick) in holders.chain(here).filter(|(who, _)| may_begin(*who, &print)) {
            match found {
                Some((other, _)) if other != who => return Answer::nobody(Whose::Several),
                Some(_) => {}
                None => found = Some((who, nick)),
            }
        }
        if let Some((who, nick)) = found {
            return self.one(cx, who, None, Some(nick));
        }
        let mut texts = cx.texts.after(None);
        let is_text = print.is_empty()
            && texts.any(|(_, other)| {
                work::did(Work::Scanned, 1);
                other == nick
            });
        Answer::nobody(if is_text { Whose::Text } else { Whose::Nobody })
    }

    /// Returns the key with that short name, if it can be written to.
    fn one(&self, cx: &Context<'_>, who: Who, key: Option<[u8; 32]>, nick: Option<&str>) -> Answer {
        let known = self.key_of(cx, who);
        let is_it = known != [0; 32] && key.is_none_or(|key| key == known) && cx.room.policy.role(who) < Role::Owner;
        if !is_it {
            return Answer::nobody(Whose::Nobody);
        }
        let nick = nick.map_or_else(|| self.name_of(cx, who), str::to_owned);
        Answer { whom: Whose::Key, nick, key: known }
    }

    /// Returns whom a private message of that author is for, and the sealed message.
    ///
    /// # Errors
    /// It becomes no entry, for this reason.
    pub(super) fn letter<'a>(
        &self,
        cx: &Context<'_>,
        (who, nick): (Who, &str),
        post: PostId,
        body: &'a [u8],
    ) -> Result<(Deed, &'a [u8]), Refusal> {
        let letter = Letter::decode(body).ok_or(Refusal::Malformed)?;
        let Letter { to: key, of, sealed, .. } = letter;
        let is_sound = letter.nick == nick
            && !of.is_empty()
            && of.len() <= NICK_MAX
            && is_plain(of)
            && (1..=SEALED_MAX).contains(&sealed.len());
        if !is_sound {
            return Err(Refusal::Malformed);
        }
        let to = PublicKey(key).who();
        if to == who {
            return Err(Refusal::NoEffect);
        }
        if self.one(cx, to, Some(key), Some(of)).whom != Whose::Key {
            return Err(Refusal::NoSuch);
        }
        cx.room.policy.judge(&Entry::Private { who, to, nick, of, post, sealed }, None, cx.wall)?;
        Ok((Deed { whom: to, of: of.to_owned(), ..Deed::default() }, sealed))
    }

    /// Charges a private message to its pair. Returns when it is due.
    pub(super) fn take_of_pair(&mut self, now: Instant, who: Who, to: Who) -> Instant {
        let meter = self.pairs.of(now, (who, to)).unwrap_or(&mut self.other_pairs);
        let due = meter.when(now, PAIR_INTERVAL, PAIR_BURST);
        meter.take(now, PAIR_INTERVAL);
        due
    }

    /// Notes that there is an entry before `end` that only these two are sent.
    pub(in crate::server) fn log_grew_for(&mut self, parties: [Who; 2], end: Seq) {
        let [one, other] = parties;
        self.log_grew_for_one(one, end);
        if other != one {
            self.log_grew_for_one(other, end);
        }
    }

    fn log_grew_for_one(&mut self, who: Who, end: Seq) {
        let all: Vec<_> = self.of_key(who).collect();
        for id in all {
            if let Some(peer) = self.peer_mut(id) {
                peer.own_end = end;
            }
            self.wake(id);
        }
    }

    /// Returns the sessions of a key.
    pub(super) fn of_key(&self, who: Who) -> impl Iterator<Item = PeerId> {
        let from = (who, PeerId::of(0));
        self.by_who.range(from..).take_while(move |&&(other, _)| other == who).map(|&(_, id)| id)
    }
}
