//! Bugs that are planted in a copy of the program, to show that the tests catch them.
//!
//! Owns: the list of faults, and which one is planted in this thread.
//! Must not know: what the faults do; that stands in `faults`, the patches that `plant.py` applies.
//! Driven by: `catch.rs`.
#![allow(missing_docs)] // of the copy only

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A post that comes again is drafted again.
    SkipDedup,
    /// A post is said to be accepted when it is drafted.
    AcceptBeforeCommit,
    /// The session's address moves without a challenge.
    SkipChallenge,
    /// Challenges are sent for ever and whatever came from there.
    EndlessChallenge,
    /// A packet is taken again when it comes again.
    AcceptReplay,
    /// What was lost is never sent again.
    NeverRepair,
    /// Posts are told apart by key alone, not by key and instance.
    ConfuseInstances,
    /// Posts are drafted in the order in which they come.
    PostsAsTheyCome,
    /// A cursor that fell out of the log goes on at its beginning, and nothing is said of it.
    SilentGap,
    /// A hello is answered whatever its token.
    SkipToken,
    /// The client hands entries on as they come.
    EntriesAsTheyCome,
    /// The client posts again in another log what it had sent in the last one.
    RepostInNewLog,
    /// Acks are acknowledged.
    AckAcks,
    /// What the log rejected is told as accepted.
    AcceptRejected,
    /// Each reconnect is announced.
    NoisyReconnect,
    /// The log's last entry is gone after a restart.
    DropTail,
    /// What a client says of posts that are under way is believed.
    TrustSettledBelow,
    /// Handshakes are worked for as they come, however many come.
    PublicKeyAtOnce,
    /// A prefix has a fixed share of half-open handshakes, and those that are refused keep their place.
    FixedShare,
    /// A challenge leaves through the socket of the path that is proven.
    ChallengeThroughProven,
    /// Each question who is here is answered when it comes.
    AnswerAtOnce,
    /// A client that lost its session begins anew without a pause.
    ReconnectAtOnce,
    /// The server's core panics when somebody posts [`PANIC`].
    Panic,
}

/// The post that ends a server with [`Fault::Panic`].
pub const PANIC: &str = "planted: panic";

impl Fault {
    /// Those that harm honest members in bad weather.
    pub const ALL: [Self; 16] = [
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
    ];

    /// Those that harm them only beside somebody hostile.
    pub const HOSTILE: [Self; 6] = [
        Self::TrustSettledBelow,
        Self::PublicKeyAtOnce,
        Self::FixedShare,
        Self::ChallengeThroughProven,
        Self::AnswerAtOnce,
        Self::ReconnectAtOnce,
    ];
}

std::thread_local! {
    static PLANTED: std::cell::Cell<Option<Fault>> = const { std::cell::Cell::new(None) };
}

/// Plants a fault in this thread, or none.
pub fn plant(fault: Option<Fault>) {
    PLANTED.set(fault);
}

/// Whether the fault is planted.
pub(crate) fn planted(fault: Fault) -> bool {
    PLANTED.get() == Some(fault)
}
