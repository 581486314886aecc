//! Runs a test's seeds on all processors.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs each of the seeds, in no particular order, and returns those that do not hold, in theirs. Each seed runs on one thread,
/// so its outcome is the same on any machine.
pub fn failing(seeds: impl IntoIterator<Item = u64>, holds: impl Fn(u64) -> bool + Sync) -> Vec<u64> {
    let seeds: Vec<u64> = seeds.into_iter().collect();
    let next = AtomicUsize::new(0);
    let some = || {
        let mut failed = Vec::new();
        while let Some(&seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
            if !holds(seed) {
                failed.push(seed);
            }
        }
        failed
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut failed = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(some)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    failed.sort_unstable();
    failed
}
