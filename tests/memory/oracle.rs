//! The oracle works: bugs that are planted are caught, each by what it breaks.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // tests are allowed to

use std::time::Duration;

use udpchat::sabotage::{self, Fault};
use udpchat::sim::{self, Restart, Scenario, Weather};

/// In how many seeds a bug must show.
const SEEDS: u64 = 40;

/// A weather in which everything goes wrong that can: any bug has its chance.
fn storm(seed: u64) -> Scenario {
    let ms = Duration::from_millis;
    let loss = if seed.is_multiple_of(2) { 0.1 } else { 0.3 };
    Scenario {
        seed,
        clients: 4,
        messages: 60,
        interval: ms(20),
        weather: Weather {
            loss_up: loss,
            loss_down: loss,
            delay: ms(20),
            jitter: ms(10),
            duplicate: 0.05,
            reorder: 0.1,
            ..Weather::default()
        },
        partition: Some(ms(500)),
        rebind: true,
        restart_clients: seed % 3 == 1,
        attack: true,
        calms: true,
        ..Scenario::default()
    }
}

/// The storm, with what the fault needs to do harm.
fn scenario(fault: Option<Fault>, seed: u64) -> Scenario {
    let storm = storm(seed);
    match fault {
        Some(Fault::RepostInNewLog) => Scenario { restart_server: Some(Restart::NewLog), attack: false, ..storm },
        Some(Fault::DropTail | Fault::NoisyReconnect) => Scenario { restart_server: Some(Restart::SameLog), ..storm },
        Some(Fault::AcceptRejected) => Scenario { commit_reject: 0.2, ..storm },
        Some(Fault::AcceptBeforeCommit) => Scenario { commit_late: Duration::from_millis(100), ..storm },
        Some(Fault::ConfuseInstances) => Scenario { restart_clients: true, ..storm },
        Some(Fault::SilentGap) => {
            // So much is said while half are cut off that the log does not keep it.
            Scenario {
                keep_entries: Some(50),
                messages: 400,
                size: 900,
                interval: Duration::from_millis(2),
                rebind: false,
                ..storm
            }
        }
        _ => storm,
    }
}

/// The first violation that the fault makes, and in which seed.
fn caught(fault: Fault) -> Option<(u64, String)> {
    (0..SEEDS).find_map(|seed| {
        let scenario = scenario(Some(fault), seed);
        sabotage::plant(None);
        let sound = sim::run(&scenario, false).violations;
        assert!(sound.is_empty(), "without the fault, seed {seed}: {sound:?}");
        sabotage::plant(Some(fault));
        // A bug may also break an invariant that the core itself holds up.
        let violations = std::panic::catch_unwind(|| sim::run(&scenario, false).violations);
        sabotage::plant(None);
        match violations {
            Ok(violations) => violations.into_iter().next().map(|violation| (seed, violation)),
            Err(_) => None,
        }
    })
}

#[test]
fn every_planted_fault_is_caught() {
    let mut missed = Vec::new();
    for fault in Fault::ALL {
        match caught(fault) {
            Some((seed, violation)) => println!("{fault:?}: seed {seed}: {violation}"),
            None => missed.push(fault),
        }
    }
    assert!(missed.is_empty(), "in {SEEDS} seeds nothing is seen of {missed:?}");
}
