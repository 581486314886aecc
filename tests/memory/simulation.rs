//! Many seeds in many kinds of weather: the protocol keeps its promises in all of them.
//!
//! `UDPCHAT_SIM_SEEDS=10000 cargo test --release --test memory simulation::` runs more, `UDPCHAT_SIM_SEED=17` only that seed.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)] // tests are allowed to

use std::time::Duration;

use udpchat::sim::{self, Dialect, Restart, Scenario, Weather};

use crate::common::seeds::{failing, holds};

/// Number of seeds, unless the environment asks for more.
const SEEDS: u64 = 2000;

/// The two of 100,000 seeds whose log refused a member's `left` and then accepted its `joined`.
const TOLD_TWICE: [u64; 2] = [36_589, 49_276];

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Returns the scenario of a seed: every combination comes up sooner or later.
fn scenario(seed: u64) -> Scenario {
    let pick = |shift: u32, of: u64| (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> shift) % of;
    let loss = [0.0, 0.01, 0.1, 0.3, 0.5];
    let loss_of = |shift| loss[usize::try_from(pick(shift, 5)).unwrap()];
    Scenario {
        seed,
        dialect: if pick(3, 4) == 0 { Dialect::Mixed } else { Dialect::Session },
        clients: usize::try_from(2 + pick(5, 5)).unwrap(),
        messages: 30 + pick(7, 40),
        interval: ms([2, 20, 100][usize::try_from(pick(11, 3)).unwrap()]),
        private: [0, 0, 1, 3][usize::try_from(pick(2, 4)).unwrap()],
        aes: pick(1, 2) == 0,
        reads: [0.0, 0.1, 0.5][usize::try_from(pick(35, 3)).unwrap()],
        size: [20, 64, 300, 900][usize::try_from(pick(13, 4)).unwrap()],
        weather: Weather {
            loss_up: loss_of(15),
            loss_down: loss_of(18),
            delay: ms([0, 1, 20, 100, 300][usize::try_from(pick(21, 5)).unwrap()]),
            jitter: ms([0, 0, 10, 50][usize::try_from(pick(24, 4)).unwrap()]),
            duplicate: [0.0, 0.0, 0.05, 0.3][usize::try_from(pick(27, 4)).unwrap()],
            reorder: [0.0, 0.0, 0.1, 0.3][usize::try_from(pick(30, 4)).unwrap()],
            rate: [None, None, None, Some(500_000)][usize::try_from(pick(33, 4)).unwrap()],
            shared: false,
        },
        partition: [None, None, Some(ms(3_000)), Some(ms(90_000))][usize::try_from(pick(36, 4)).unwrap()],
        rebind: pick(39, 3) == 0,
        restart_server: [None, None, Some(Restart::SameLog), Some(Restart::NewLog)]
            [usize::try_from(pick(42, 4)).unwrap()],
        restart_clients: pick(45, 4) == 0,
        commit_late: ms([0, 0, 5, 200][usize::try_from(pick(48, 4)).unwrap()]),
        commit_reject: [0.0, 0.0, 0.0, 0.2][usize::try_from(pick(51, 4)).unwrap()],
        // A log that keeps few entries, and a server that reads nearly all of them back from it.
        keep_entries: [None, None, None, Some(20)][usize::try_from(pick(57, 4)).unwrap()],
        recent_bytes: [1, 16 * 1024 * 1024][usize::try_from(pick(59, 2)).unwrap()],
        announce_each: [100, 2][usize::try_from(pick(61, 2)).unwrap()],
        attack: pick(54, 3) == 0,
        calms: true,
        ..Scenario::default()
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is to be a number, not {text:?}")))
}

/// A logger that fails the test on an error: nothing that the network does is an error of the program.
struct NoErrors;

impl log::Log for NoErrors {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() == log::Level::Error
    }

    fn log(&self, record: &log::Record<'_>) {
        assert!(!self.enabled(record.metadata()), "an error in the log: {}", record.args());
    }

    fn flush(&self) {}
}

#[test]
fn the_same_seed_gives_the_same_run_to_the_byte_and_another_one_another() {
    let run = |seed| {
        let report = sim::run(&scenario(seed), true);
        (report.trace_hash, report.trace.text().to_owned(), report.tally.numbers())
    };
    for seed in 0..20 {
        assert_eq!(run(seed), run(seed));
        assert_ne!(run(seed).0, run(seed + 1).0);
    }
}

#[test]
fn without_faults_both_dialects_show_everything_once_and_in_order() {
    for dialect in [Dialect::Text, Dialect::Session, Dialect::Mixed] {
        let report = sim::run(&Scenario { dialect, clients: 6, messages: 60, ..Scenario::default() }, false);
        let numbers = report.tally.numbers();
        assert_eq!((numbers.sent, numbers.expected, numbers.delivered), (60, 360, 360), "{dialect:?}");
        assert_eq!((numbers.lost, numbers.duplicated, numbers.out_of_order), (0, 0, 0), "{dialect:?}");
    }
}

#[test]
fn whatever_the_weather_everything_is_as_promised() {
    let seeds = match number("UDPCHAT_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("UDPCHAT_SIM_SEEDS").unwrap_or(SEEDS),
    };
    let is_one = seeds.end - seeds.start == 1;
    log::set_logger(&NoErrors).map(|()| log::set_max_level(log::LevelFilter::Error)).unwrap();
    let failed = failing(seeds, |seed| holds("UDPCHAT_SIM_SEED", &scenario(seed), is_one));
    assert!(failed.is_empty(), "seeds {failed:?}; one is run again, with its story, by UDPCHAT_SIM_SEED");
}

#[test]
fn a_log_that_others_write_to_that_goes_away_or_becomes_another_one_keeps_every_promise() {
    let one = number("UDPCHAT_SIM_SEED");
    let seeds: Vec<u64> = match one {
        Some(seed) => vec![seed],
        None => (0..number("UDPCHAT_SIM_SEEDS").unwrap_or(SEEDS / 4)).chain(TOLD_TWICE).collect(),
    };
    let is_one = one.is_some();
    let failed = failing(seeds, |seed| {
        let pick = |of: usize| usize::try_from(seed).unwrap() / 7 % of;
        let scenario = Scenario {
            foreign: [0.0, 0.1, 0.5][usize::try_from(seed).unwrap() % 3],
            log_away: [None, Some(ms(200)), Some(ms(2_000)), Some(ms(20_000))][pick(4)],
            new_log: seed % 5 == 0,
            commit_late: ms([0, 5, 50, 500][pick(4)]),
            ..scenario(seed)
        };
        holds("UDPCHAT_SIM_SEED", &scenario, is_one)
    });
    assert!(failed.is_empty(), "seeds {failed:?}");
}

#[test]
fn after_a_restart_those_who_only_listen_are_back_within_two_seconds_for_the_server_knocks() {
    let scenario = Scenario {
        clients: 60,
        messages: 10,
        interval: ms(100),
        restart_server: Some(Restart::SameLog),
        weather: Weather { delay: ms(20), ..Weather::default() },
        ..Scenario::default()
    };
    let report = sim::run(&scenario, false);
    assert_eq!(report.violations, [] as [String; 0]);
    let converged = report.tally.numbers().converged_ms.unwrap();
    assert!(converged < 2000.0, "{converged} ms: a keepalive comes after 15 s");
}
