//! Hostile peers that speak the protocol: honest members and clients keep every promise, no datagram exceeds its work limits.
//!
//! `UDPCHAT_ADVERSARY_SEEDS=10000 cargo test --release --test memory adversary::` runs more seeds, `UDPCHAT_ADVERSARY_SEED=17`
//! only that one, with its trace.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)] // tests are allowed to

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arbitrary::Unstructured;
use udpchat::adversary::server::{self, Manner};
use udpchat::session::Entropy;
use udpchat::sim::{Dialect, Restart, Scenario, Weather};
use udpchat::wire::CloseReason;

use crate::common::seeds::{failing, holds};

/// Number of seeds, unless the environment asks for more.
const SEEDS: u64 = 300;

/// Number of seeds of a server that tampers with private messages: a client opens some thousands of them in each.
const LETTER_SEEDS: u64 = 12;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Returns a scenario of honest members in all kinds of weather, beside the adversary.
pub(crate) fn scenario(seed: u64) -> Scenario {
    let pick = |shift: u32, of: u64| (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> shift) % of;
    let index = |shift, of| usize::try_from(pick(shift, of)).unwrap();
    Scenario {
        seed,
        dialect: if pick(3, 4) == 0 { Dialect::Mixed } else { Dialect::Session },
        clients: 2 + index(5, 3),
        messages: 20 + pick(7, 20),
        interval: ms([20, 50, 100][index(11, 3)]),
        size: [20, 64, 300][index(13, 3)],
        weather: Weather {
            loss_up: [0.0, 0.01, 0.1][index(15, 3)],
            loss_down: [0.0, 0.01, 0.1][index(18, 3)],
            delay: ms([0, 1, 20, 100][index(21, 4)]),
            jitter: ms([0, 0, 10][index(24, 3)]),
            duplicate: [0.0, 0.05][index(27, 2)],
            reorder: [0.0, 0.1][index(30, 2)],
            rate: None,
            shared: false,
        },
        partition: [None, None, None, Some(ms(3_000))][index(36, 4)],
        rebind: pick(39, 2) == 0,
        restart_server: [None, None, Some(Restart::SameLog), Some(Restart::NewLog)][index(42, 4)],
        restart_clients: pick(45, 4) == 0,
        commit_late: ms([0, 0, 5, 50][index(48, 4)]),
        keep_entries: [None, None, None, Some(200)][index(57, 4)],
        recent_bytes: [1, 16 * 1024 * 1024][index(59, 2)],
        announce_each: [100, 2][index(61, 2)],
        calms: true,
        private: [0, 1, 3][index(33, 3)],
        aes: pick(1, 2) == 0,
        reads: [0.0, 0.2][index(39, 2)],
        adversary: true,
        ..Scenario::default()
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is to be a number, not {text:?}")))
}

fn seeds(default: u64) -> std::ops::Range<u64> {
    match number("UDPCHAT_ADVERSARY_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("UDPCHAT_ADVERSARY_SEEDS").unwrap_or(default),
    }
}

/// Runs a client against a server whose behaviour and frames come from the seed.
pub(crate) fn hostile_server(seed: u64) -> server::Report {
    let mut bytes = vec![0; 16 * 1024];
    let mut entropy = Entropy::new([u8::try_from(seed % 251).unwrap(); 32]);
    let mut seeded = Entropy::new({
        let mut start: [u8; 32] = entropy.bytes();
        start[..8].copy_from_slice(&seed.to_le_bytes());
        start
    });
    bytes.chunks_mut(32).for_each(|chunk| chunk.copy_from_slice(&seeded.bytes::<32>()));
    server::run(&mut Unstructured::new(&bytes))
}

#[test]
fn beside_a_hostile_member_honest_ones_keep_every_promise_and_nothing_costs_more_than_it_may() {
    let is_one = number("UDPCHAT_ADVERSARY_SEED").is_some();
    let failed = failing(seeds(SEEDS), |seed| holds("UDPCHAT_ADVERSARY_SEED", &scenario(seed), is_one));
    assert!(failed.is_empty(), "seeds {failed:?}; one is run again, with its story, by UDPCHAT_ADVERSARY_SEED");
}

#[test]
fn whatever_a_hostile_server_says_its_client_neither_hurries_nor_hangs() {
    let failed = failing(seeds(SEEDS), |seed| {
        let report = hostile_server(seed);
        if !report.violations.is_empty() {
            println!("UDPCHAT_ADVERSARY_SEED={seed}: {:#?}", report.violations);
        }
        report.violations.is_empty()
    });
    assert!(failed.is_empty(), "seeds {failed:?}");
}

#[test]
fn what_a_server_makes_of_private_messages_is_never_taken_for_one_and_what_was_written_is() {
    let shown = AtomicUsize::new(0);
    let failed = failing(0..LETTER_SEEDS, |seed| {
        let mut bytes = vec![0; 16 * 1024];
        let mut entropy = Entropy::new([u8::try_from(seed).unwrap(); 32]);
        bytes.chunks_mut(32).for_each(|chunk| chunk.copy_from_slice(&entropy.bytes::<32>()));
        let report = server::run_with(&mut Unstructured::new(&bytes), Manner::Letters, true);
        if !report.violations.is_empty() {
            println!("seed {seed}: {:#?}", report.violations);
        }
        shown.fetch_add(report.letters.len(), Ordering::Relaxed);
        report.violations.is_empty()
    });
    assert!(failed.is_empty(), "seeds {failed:?}");
    let shown = shown.into_inner();
    assert!(shown > 5000, "{shown}");
}

#[test]
fn each_way_to_end_sessions_as_soon_as_they_begin_comes_to_little() {
    let manners = [
        Manner::WelcomeAndBye(CloseReason::ServerEnds),
        Manner::WelcomeAndBye(CloseReason::TimedOut),
        Manner::Bye(CloseReason::ServerEnds),
        Manner::Bye(CloseReason::TimedOut),
        Manner::Unknowns,
        Manner::Knocks,
        Manner::KnocksOnly,
        Manner::Tokens,
        Manner::Silence,
    ];
    for manner in manners {
        for stays in [false, true] {
            let report = server::run_with(&mut Unstructured::new(&[]), manner, stays);
            assert!(report.violations.is_empty(), "{manner:?}, stays: {stays}: {:?}", report.violations);
            assert!(report.told < 60, "{manner:?}, stays: {stays}: {} things told in a minute", report.told);
            let tries = report.finishes.len();
            if stays && matches!(manner, Manner::WelcomeAndBye(_) | Manner::Knocks | Manner::Unknowns) {
                assert!((8..=15).contains(&tries), "{manner:?}: it goes on trying, {tries} times in a minute");
            }
            if let Manner::Bye(_) = manner {
                assert!((3..=6).contains(&tries), "{manner:?}: until it is given up, {tries} times in two seconds");
            }
        }
    }
}
