//! What the core has done, so that the simulator can hold every datagram to what it may cost.
//!
//! Owns: the kinds of work, and how much of each was done in this thread. Without the feature `adversary`, which only the
//! project's own tests turn on, counting does nothing and nothing of this is in the program.
//! Must not know: who may do how much; that stands in `adversary`.
//! Driven by: whatever works; read by the structured adversary.

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Multiplications on Curve25519: what a handshake costs.
    PublicKey,
    /// Bytes of frames that were encoded, sent or not.
    Encoded,
    /// Entries, posts, people, members and the like that were looked at one by one.
    Scanned,
    /// Deadlines that were set.
    Timers,
}

impl Work {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::PublicKey, Self::Encoded, Self::Scanned, Self::Timers];
}

#[cfg(feature = "adversary")]
std::thread_local! {
    static DONE: std::cell::Cell<[u64; Work::ALL.len()]> = const { std::cell::Cell::new([0; Work::ALL.len()]) };
}

/// So much of that was done.
#[cfg(feature = "adversary")]
pub(crate) fn did(work: Work, much: usize) {
    let mut done = DONE.get();
    done[work as usize] += much as u64;
    DONE.set(done);
}

/// So much of that was done: nobody counts.
#[cfg(not(feature = "adversary"))]
pub(crate) const fn did(_: Work, _: usize) {}

/// What was done in this thread since the last call, by kind.
#[cfg(feature = "adversary")]
pub fn take() -> [u64; Work::ALL.len()] {
    DONE.take()
}
