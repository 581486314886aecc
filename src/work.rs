//! Counts what the core does, so that the simulator can limit what each datagram may cost.
//!
//! Owns: the kinds of work, and how much of each was done in this thread. Without the feature `adversary`, which only the
//! project's own tests turn on, counting does nothing and nothing of this is in the program.
//! Must not know: the limits; `adversary` has them.
//! Driven by: the code that does the work; read by the structured adversary.

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

/// Counts `much` more work of that kind.
#[cfg(feature = "adversary")]
pub(crate) fn did(work: Work, much: usize) {
    let mut done = DONE.get();
    done[work as usize] += much as u64;
    DONE.set(done);
}

/// Does nothing: nobody counts.
#[cfg(not(feature = "adversary"))]
pub(crate) const fn did(_: Work, _: usize) {}

/// Returns the work done in this thread since the last call, by kind.
#[cfg(feature = "adversary")]
pub fn take() -> [u64; Work::ALL.len()] {
    DONE.take()
}
