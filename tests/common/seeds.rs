//! Runs a test's seeds on all processors.
#![allow(clippy::print_stdout)] // the story of a seed

use std::sync::atomic::{AtomicUsize, Ordering};

use udpchat::sim::{self, Scenario};

/// Runs a scenario and returns whether it keeps every promise. Prints its story if it is the only one, and its violations with
/// the environment's `variable` that runs its seed again.
pub fn holds(variable: &str, scenario: &Scenario, is_one: bool) -> bool {
    let report = sim::run(scenario, is_one);
    if is_one {
        println!("{}", report.trace.text());
    }
    if !report.violations.is_empty() {
        println!("{variable}={}: {:#?}\n{scenario:?}", scenario.seed, report.violations);
    }
    report.violations.is_empty()
}

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
