//! Which entries have effect (PROTOCOL 2.18).
//!
//! Owns: which right each act and each message takes, and the ranges of what an act says.
//! Must not know: how the state is kept; claims to nicks.
//! Driven by: [`super::Policy`], for entries in a log and for what is about to become one.

use super::rights::{
    EXPIRY_MAX, EXPIRY_MIN, INVITATION_MAX, INVITATIONS_MAX, KICK, KNOWN_MAX, OP_INVITATION_MAX, Rights, Subject,
    USES_MAX, is_invitation, is_sanction, millis,
};
use crate::wire::entry::{Act, Entry, Terms, WHY_MAX};
use crate::wire::record::{Access, Name, Role};
use crate::wire::{Refusal, Timestamp, Who};

impl Rights {
    /// Judges whether an entry has effect at that time.
    ///
    /// # Errors
    /// It has none, for this reason.
    pub(super) fn judge(&self, at: Timestamp, entry: &Entry<'_>, terms: Option<&Terms>) -> Result<(), Refusal> {
        match *entry {
            Entry::Line { .. } if self.access() == Access::Open => Ok(()),
            Entry::Line { .. } => Err(Refusal::NoRight),
            Entry::Private { who, to, .. } => {
                self.may_speak(who, at)?;
                if self.blocks(to, who) { Err(Refusal::Blocked) } else { Ok(()) }
            }
            Entry::Said { who, .. } | Entry::Did { who, .. } | Entry::Renamed { who, .. } => self.may_speak(who, at),
            Entry::Joined { who, .. } if self.may_enter(who, at) && self.role(who) < Role::Owner => Ok(()),
            Entry::Joined { .. } => Err(Refusal::NoRight),
            // Whoever is no longer there has left, whatever its rights are.
            Entry::Left { .. } => Ok(()),
            Entry::Acted { who, act, whom, of, until, why, .. } => {
                let subject = terms.map(|terms| Subject { who: whom, key: terms.key, nick: of });
                self.judge_act(at, (who, act), subject, (until, why), terms)
            }
        }
    }

    pub(super) fn may_speak(&self, who: Who, at: Timestamp) -> Result<(), Refusal> {
        if !self.may_enter(who, at) || self.role(who) >= Role::Owner {
            return Err(Refusal::NoRight);
        }
        if self.is_muted(who, at) { Err(Refusal::Muted) } else { Ok(()) }
    }

    /// Returns what an author may do at that time; nothing while it has to stay out.
    pub(super) fn role_at(&self, who: Who, at: Timestamp) -> Role {
        let role = self.role(who);
        let is_ours = role >= Role::Owner;
        if is_ours || !self.is_barred(who, at) { role } else { Role::Stranger }
    }

    fn judge_act(
        &self,
        at: Timestamp,
        (author, act): (Who, Act),
        subject: Option<Subject<'_>>,
        (until, why): (Timestamp, &str),
        terms: Option<&Terms>,
    ) -> Result<(), Refusal> {
        let role = self.role_at(author, at);
        match act {
            // Whose it is, is for the claims to say; what is unknown has no effect that this program could know.
            Act::Release | Act::Other(_) => return Ok(()),
            Act::Register => return self.judge_registration(at, author, subject, terms),
            Act::Block | Act::Unblock => return self.judge_block(at, author, act, subject),
            Act::Kick
            | Act::Mute
            | Act::Unmute
            | Act::Ban
            | Act::Unban
            | Act::Admit
            | Act::Op
            | Act::Deop
            | Act::Owner
            | Act::Access
            | Act::Expiry
            | Act::Invite
            | Act::Revoke
            | Act::Topic => {}
        }
        if role < Role::Operator {
            return Err(Refusal::NoRight);
        }
        if role == Role::Operator && self.is_muted(author, at) {
            return Err(Refusal::Muted);
        }
        let (Some(subject), Some(terms)) = (subject, terms) else { return Err(Refusal::Malformed) };
        match act {
            Act::Kick | Act::Mute | Act::Unmute | Act::Ban | Act::Unban => {
                self.judge_sanction(at, role, act, subject, until)
            }
            Act::Admit => {
                self.is_whole(subject)?;
                changes(self.role(subject.who) == Role::Stranger)?;
                self.has_place_for_known()
            }
            Act::Op => {
                may(role >= Role::Owner)?;
                self.is_whole(subject)?;
                changes(self.role(subject.who) < Role::Operator)?;
                self.has_place_for_known()
            }
            Act::Deop => {
                may(role >= Role::Owner)?;
                self.is_whole(subject)?;
                changes(self.role(subject.who) == Role::Operator)
            }
            Act::Owner | Act::Access | Act::Expiry | Act::Topic => {
                self.judge_setting(role, act, subject, why, terms.number)
            }
            Act::Invite => self.judge_invitation(at, role, until, terms),
            Act::Revoke => {
                let invitation = self.invitation(&terms.token).ok_or(Refusal::NoSuch)?;
                may(role >= Role::Owner || !invitation.is_op)
            }
            Act::Release | Act::Register | Act::Block | Act::Unblock | Act::Other(_) => Ok(()),
        }
    }

    /// Judges a setting of the author's own, which concerns nobody but the key in question.
    fn judge_block(&self, at: Timestamp, author: Who, act: Act, subject: Option<Subject<'_>>) -> Result<(), Refusal> {
        if !self.may_enter(author, at) {
            return Err(Refusal::NoRight);
        }
        let subject = subject.ok_or(Refusal::Malformed)?;
        // Whoever is blocked is found by its short name.
        let is_known = if act == Act::Block { self.is_whole(subject) } else { self.is_that_key(subject) };
        is_known?;
        let is_blocked = self.blocks(author, subject.who);
        changes(subject.who != author && is_blocked == (act == Act::Unblock))?;
        if act == Act::Block { self.has_place_for_block(author) } else { Ok(()) }
    }

    /// Judges a change of the settings.
    fn judge_setting(&self, role: Role, act: Act, subject: Subject<'_>, why: &str, number: u64) -> Result<(), Refusal> {
        let current = self.settings().cloned().unwrap_or_default();
        if act == Act::Owner {
            may(role == Role::Server)?;
            return changes(subject.who != Who::SERVER && self.role(subject.who) != Role::Owner);
        }
        if act == Act::Access {
            let access = Access::of(number).ok_or(Refusal::Malformed)?;
            // Closing the room shows nobody anything; opening it does.
            may(role >= Role::Owner || access == Access::Known)?;
            return changes(access != current.access);
        }
        if act == Act::Expiry {
            may(role >= Role::Owner)?;
            let is_in_range = (millis(EXPIRY_MIN)..=millis(EXPIRY_MAX)).contains(&number);
            return changes(is_in_range && number != current.expiry);
        }
        changes(why.len() <= WHY_MAX && why != current.topic)
    }

    fn judge_sanction(
        &self,
        at: Timestamp,
        role: Role,
        act: Act,
        subject: Subject<'_>,
        until: Timestamp,
    ) -> Result<(), Refusal> {
        let name = subject.name().ok_or(Refusal::NoSuch)?;
        if let Name::Key(who) = name {
            self.is_that_key(subject)?;
            let rank = self.role(who);
            if rank >= Role::Owner || (rank == Role::Operator && role == Role::Operator) {
                return Err(Refusal::NoRight);
            }
        }
        let sanction = self.sanction(&name);
        let is_address = matches!(name, Name::Address(_));
        let is_sound = if act == Act::Unmute {
            sanction.is_some_and(|sanction| sanction.muted > at)
        } else if act == Act::Unban {
            sanction.is_some_and(|sanction| sanction.barred > at)
        } else if act == Act::Kick {
            until > at && until.0 - at.0 <= millis(KICK)
        } else {
            // Of keys a ban may be for ever; an address may soon be another person's.
            until > at || (act == Act::Ban && until.0 == 0 && !is_address)
        };
        if !is_sound {
            return Err(Refusal::NoEffect);
        }
        let has_place = sanction.is_some() || self.has_place(at, self.sanctions, KNOWN_MAX, is_sanction);
        if has_place { Ok(()) } else { Err(Refusal::Full) }
    }

    fn judge_invitation(&self, at: Timestamp, role: Role, until: Timestamp, terms: &Terms) -> Result<(), Refusal> {
        if terms.is_op && role < Role::Owner {
            return Err(Refusal::NoRight);
        }
        let longest = if terms.is_op { OP_INVITATION_MAX } else { INVITATION_MAX };
        let most = if terms.is_op { 1 } else { USES_MAX };
        let is_in_range = until > at && until.0 - at.0 <= millis(longest) && (1..=most).contains(&terms.number);
        if !is_in_range || self.invitation(&terms.token).is_some() {
            return Err(Refusal::NoEffect);
        }
        let has_place = self.has_place(at, self.invitations, INVITATIONS_MAX, is_invitation);
        if has_place { Ok(()) } else { Err(Refusal::Full) }
    }

    fn judge_registration(
        &self,
        at: Timestamp,
        author: Who,
        subject: Option<Subject<'_>>,
        terms: Option<&Terms>,
    ) -> Result<(), Refusal> {
        let (Some(subject), Some(terms)) = (subject, terms) else { return Err(Refusal::Malformed) };
        if author != subject.who || self.is_barred(author, at) {
            return Err(Refusal::NoRight);
        }
        self.is_whole(subject)?;
        if self.role(author) != Role::Stranger {
            return Err(Refusal::NoEffect);
        }
        let invitation = self.invitation(&terms.token).filter(|invitation| invitation.until > at);
        let invitation = invitation.ok_or(Refusal::NoSuch)?;
        if !invitation.nick.is_empty() && invitation.nick != subject.nick {
            return Err(Refusal::NoSuch);
        }
        self.has_place_for_known()
    }
}

const fn may(is_allowed: bool) -> Result<(), Refusal> {
    if is_allowed { Ok(()) } else { Err(Refusal::NoRight) }
}

const fn changes(is_change: bool) -> Result<(), Refusal> {
    if is_change { Ok(()) } else { Err(Refusal::NoEffect) }
}
