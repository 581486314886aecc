//! Bugs that are planted in a copy of the program, to show that the tests catch them.
//!
//! Owns: the list of faults, and which one is planted in this thread.
//! Must not know: what the faults do; that is in `faults`, the patches that `plant.py` applies.
//! Driven by: `catch.rs`.
#![allow(missing_docs)] // of the copy only

/// A bug that can be planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The server drafts a repeated post again.
    SkipDedup,
    /// The server reports a post as accepted once it is drafted.
    AcceptBeforeCommit,
    /// The session's address moves without a challenge.
    SkipChallenge,
    /// The server repeats challenges for ever, however few bytes came from the address.
    EndlessChallenge,
    /// The receiver accepts replayed packets.
    AcceptReplay,
    /// Lost entries and frames are never sent again.
    NeverRepair,
    /// The server distinguishes posts by key alone, not by key and instance.
    ConfuseInstances,
    /// The server drafts posts in the order of their arrival.
    PostsAsTheyCome,
    /// A cursor whose entries are deleted continues at the log's first entry, and the client gets no *gap*.
    SilentGap,
    /// The server answers a hello whatever its token.
    SkipToken,
    /// The client delivers entries in the order of their arrival.
    EntriesAsTheyCome,
    /// When the log is another one, the client repeats the posts that it had sent for the previous log.
    RepostInNewLog,
    /// Acks are acknowledged.
    AckAcks,
    /// The server reports a post that the log rejected as accepted.
    AcceptRejected,
    /// The server announces each reconnect.
    NoisyReconnect,
    /// The log loses its last entry at a restart.
    DropTail,
    /// The server believes a client about which of its posts are settled.
    TrustSettledBelow,
    /// The server works on handshakes as they arrive, however many there are.
    PublicKeyAtOnce,
    /// A prefix has a fixed share of half-open handshakes, and refused ones keep their place.
    FixedShare,
    /// A challenge leaves through the socket of the proven path, not the new one's.
    ChallengeThroughProven,
    /// The server answers each *ask* when it arrives.
    AnswerAtOnce,
    /// A client that lost its session begins the next one without a pause.
    ReconnectAtOnce,
    /// The server gives a nick out whose key is away.
    GiveAwayNick,
    /// The server lets anybody give back anybody's nick.
    ReleaseAnybodys,
    /// Anybody has every right.
    ActWithoutRight,
    /// A muted key may post.
    LetMutedSpeak,
    /// A private message wakes everybody.
    WakeEverybody,
    /// A private message is sent to everybody.
    SendPrivateToAll,
    /// The client shows private messages that it has seen as new.
    ShowRepeats,
    /// The nicks are not part of what is sealed.
    SealNoNicks,
    /// Where somebody reads back who came and went, a count of them will do.
    CountPeople,
    /// The server says that everybody has received everything.
    ClaimReceipts,
    /// The server's core panics at a post of [`PANIC`].
    Panic,
}

/// The text of the post that makes a server with [`Fault::Panic`] panic.
pub const PANIC: &str = "planted: panic";

impl Fault {
    /// The faults that harm honest members in bad weather.
    pub const ALL: [Self; 20] = [
        Self::SkipDedup,
        Self::AcceptBeforeCommit,
        Self::SkipChallenge,
        Self::EndlessChallenge,
        Self::AcceptReplay,
        Self::NeverRepair,
        Self::ConfuseInstances,
        Self::PostsAsTheyCome,
        Self::SilentGap,
        Self::SkipToken,
        Self::EntriesAsTheyCome,
        Self::RepostInNewLog,
        Self::AckAcks,
        Self::AcceptRejected,
        Self::NoisyReconnect,
        Self::DropTail,
        Self::WakeEverybody,
        Self::SendPrivateToAll,
        Self::CountPeople,
        Self::ClaimReceipts,
    ];

    /// The faults that harm honest members only when an adversary exploits them.
    pub const HOSTILE: [Self; 12] = [
        Self::TrustSettledBelow,
        Self::PublicKeyAtOnce,
        Self::FixedShare,
        Self::ChallengeThroughProven,
        Self::AnswerAtOnce,
        Self::ReconnectAtOnce,
        Self::GiveAwayNick,
        Self::ReleaseAnybodys,
        Self::ActWithoutRight,
        Self::LetMutedSpeak,
        Self::ShowRepeats,
        Self::SealNoNicks,
    ];
}

std::thread_local! {
    static PLANTED: std::cell::Cell<Option<Fault>> = const { std::cell::Cell::new(None) };
}

/// Plants the fault in this thread; `None` removes it.
pub fn plant(fault: Option<Fault>) {
    PLANTED.set(fault);
}

/// Returns whether the fault is planted in this thread.
pub(crate) fn planted(fault: Fault) -> bool {
    PLANTED.get() == Some(fault)
}
