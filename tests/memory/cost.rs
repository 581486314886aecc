//! The cost of the session protocol, in numbers that change when the protocol does.
//!
//! The tables are in `tests/memory/snapshots/`; `INSTA_UPDATE=always cargo test --test memory cost::` rewrites them.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss)] // tests are allowed to; ratios for people

use std::fmt::Write;
use std::time::Duration;

use udpchat::sim::{self, Dialect, HEADERS, Numbers, Preset, Scenario, Tally, Weather};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn weather(loss: f64, delay: Duration) -> Weather {
    Weather { loss_up: loss, loss_down: loss, delay, ..Weather::default() }
}

/// Runs 1,000 messages of 64 bytes at 50 a second with 10 members; acks and handshakes count. The table has medians of five
/// seeds: at 30 % loss it is chance whether a member that comes back loses ten datagrams in a row.
fn chat(loss: f64, delay: Duration, seed: u64) -> Numbers {
    let scenario = Scenario {
        seed,
        dialect: Dialect::Session,
        clients: 10,
        messages: 1000,
        interval: ms(20),
        size: 64,
        weather: weather(loss, delay),
        converge_within: Duration::from_secs(120),
        ..Scenario::default()
    };
    let report = sim::run(&scenario, false);
    assert_eq!(report.violations, [] as [String; 0], "{scenario:?}");
    report.tally.numbers()
}

#[test]
fn loss_costs_what_is_lost_and_repair_takes_little_more_than_a_round_trip() {
    let mut table = String::from("loss  delay    wire B/B  of lossless   p50 RTT  p99 RTT   converged ms\n");
    for delay in [ms(10), ms(40), ms(150)] {
        let lossless = chat(0.0, delay, 1).wire_bytes as f64;
        for loss in [0.0, 0.01, 0.1, 0.3] {
            let round_trip = 2.0 * delay.as_secs_f64() * 1000.0;
            let runs: Vec<_> = (1..=5).map(|seed| chat(loss, delay, seed)).collect();
            for numbers in &runs {
                let ratio = numbers.wire_bytes as f64 / lossless;
                let p99 = numbers.latency_p99_ms / round_trip;
                assert_eq!((numbers.lost, numbers.duplicated, numbers.out_of_order), (0, 0, 0));
                if loss == 0.1 {
                    assert!(ratio <= 1.3, "at 10 % loss {ratio:.2} times the bytes of the lossless run");
                }
                if loss == 0.01 {
                    assert!(p99 <= 2.5, "at 1 % loss p99 is {p99:.2} round trips");
                }
            }
            let of = |number: fn(&Numbers) -> f64| median(runs.iter().map(number).collect());
            let ratio = of(|numbers| numbers.wire_bytes as f64) / lossless;
            let p50 = of(|numbers| numbers.latency_p50_ms) / round_trip;
            let p99 = of(|numbers| numbers.latency_p99_ms) / round_trip;
            let converged = of(|numbers| numbers.converged_ms.unwrap());
            let (percent, useful) = (loss * 100.0, of(|numbers| numbers.wire_bytes_per_useful_byte));
            writeln!(
                table,
                "{percent:3}%  {:3} ms  {useful:8.2}  {ratio:11.2}  {p50:8.2}  {p99:7.2}  {converged:13.0}",
                delay.as_millis()
            )
            .unwrap();
        }
    }
    insta::assert_snapshot!("chat", table);
}

const ENTRIES: u64 = 10_000;
const RATE: u64 = 10_000_000;
const ROUND_TRIP: Duration = ms(50);

/// Lets `replayers` clients come in at once and replay 10,000 entries of 64 bytes, over one path of 10 Mbit and 50 ms, while
/// two others send `messages` messages over the same path.
fn replay(replayers: usize, loss: f64, messages: u64, seed: u64) -> Tally {
    let weather = Weather { rate: Some(RATE), shared: true, ..weather(loss, ROUND_TRIP / 2) };
    let scenario = Scenario {
        seed,
        clients: replayers + 2,
        messages,
        interval: ms(100),
        replay: ENTRIES,
        replayers,
        weather,
        converge_within: Duration::from_secs(300),
        ..Scenario::default()
    };
    let report = sim::run(&scenario, false);
    assert_eq!(report.violations, [] as [String; 0], "{scenario:?}");
    report.tally
}

/// Returns the minimum number of bytes on the wire for one replay: full packets.
fn replay_bytes(tally: &Tally) -> f64 {
    let entries = tally.replays().next().unwrap().0 as f64;
    // An old entry of 64 bytes: variant, who, nick, text, lengths, time.
    let entry = 1.0 + 1.0 + 8.0 + 8.0 + 1.0 + 64.0 + 6.0;
    let of_a_packet = (1171.0_f64 - 6.0 - 5.0) / entry;
    entries / of_a_packet.floor() * (1200 + HEADERS) as f64
}

fn bits_a_second(tally: &Tally) -> f64 {
    let (_, took) = tally.replays().next().unwrap();
    replay_bytes(tally) * 8.0 / took.as_secs_f64()
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

#[test]
fn a_replay_fills_the_path_and_with_loss_it_is_no_slower_than_newreno() {
    let lossless = median((0..5).map(|seed| bits_a_second(&replay(1, 0.0, 0, seed))).collect());
    let lossy = median((0..9).map(|seed| bits_a_second(&replay(1, 0.01, 0, seed))).collect());
    // Mathis, Semke, Mahdavi, Ott 1997: MSS / RTT * sqrt(3/2) / sqrt(p); lost acks cost next to nothing.
    let mathis = 1200.0 * 8.0 / ROUND_TRIP.as_secs_f64() * (1.5_f64 / 0.01).sqrt();
    let table = format!(
        "a replay of 10,000 entries over 10 Mbit, 50 ms\nwithout loss: {:.2} of the path\nat 1 % loss: {:.2} of what Mathis' formula gives\n",
        lossless / RATE as f64,
        lossy / mathis
    );
    assert!(lossless >= 0.8 * RATE as f64, "{table}");
    assert!(lossy >= mathis, "{table}");
    insta::assert_snapshot!("replay", table);
}

#[test]
fn ten_replays_share_the_path_fairly_and_a_chat_goes_on_beside_them() {
    let tally = replay(10, 0.0, 100, 1);
    let took: Vec<_> = tally.replays().map(|(_, took)| took.as_secs_f64()).collect();
    let mean = took.iter().map(|took| 1.0 / took).sum::<f64>() / took.len() as f64;
    let shares: Vec<_> = took.iter().map(|took| 1.0 / took / mean).collect();
    let (least, most) =
        shares.iter().fold((f64::MAX, 0.0_f64), |(least, most), &share| (least.min(share), most.max(share)));
    let p99 = tally.numbers().latency_p99_ms;
    let table = format!("ten replays: {least:.2} to {most:.2} of the mean\na chat beside them: p99 {p99:.0} ms\n");
    assert!(least >= 0.5 && most <= 2.0, "{table}");
    assert!(p99 < 500.0, "{table}");
    insta::assert_snapshot!("share", table);
}

/// Returns a replay's share of a path of 10 Mbit and 50 ms beside a loss-based transfer.
fn share_beside_a_rival(loss: f64) -> f64 {
    let scenario = Scenario {
        clients: 2,
        messages: 0,
        replay: 4 * ENTRIES,
        replayers: 1,
        rival: true,
        weather: Weather { rate: Some(RATE), shared: true, ..weather(loss, ROUND_TRIP / 2) },
        converge_within: Duration::from_secs(300),
        ..Scenario::default()
    };
    let report = sim::run(&scenario, false);
    assert_eq!(report.violations, [] as [String; 0], "{scenario:?}");
    let ours = replay_bytes(&report.tally);
    ours / (ours + report.tally.rival_bytes() as f64)
}

#[test]
fn neither_a_session_nor_a_loss_based_transfer_starves_when_they_share_a_path() {
    let shares = [0.0, 0.001].map(share_beside_a_rival);
    let table = format!(
        "a replay beside a NewReno transfer, its part of both: {:.2}, at 0.1 % loss {:.2}\n",
        shares[0], shares[1]
    );
    assert!(shares.iter().all(|share| (0.1..=0.9).contains(share)), "{table}");
    insta::assert_snapshot!("rival", table);
}

/// Runs the laboratory's own scenario (`udpchat sim`) in this weather; returns the median of the seeds' median latencies in ms.
fn p50(dialect: Dialect, scenario: &Scenario, seeds: std::ops::RangeInclusive<u64>) -> f64 {
    let run = |seed| {
        let report = sim::run(&Scenario { seed, dialect, clients: 10, messages: 1000, ..scenario.clone() }, false);
        assert_eq!(report.violations, [] as [String; 0], "seed {seed}");
        report.tally.numbers().latency_p50_ms
    };
    median(seeds.map(run).collect())
}

#[test]
fn a_slow_line_has_a_short_queue_and_loss_by_chance_stops_nobody() {
    let slow = Weather { rate: Some(50_000), delay: ms(40), ..Weather::default() };
    let slow = Scenario { weather: slow, interval: ms(25), ..Scenario::default() };
    let storm = Scenario {
        weather: Preset::Storm.weather(),
        partition: Preset::Storm.partition(),
        rebind: true,
        converge_within: Duration::from_secs(300),
        ..Scenario::default()
    };
    let (text, session) = (p50(Dialect::Text, &slow, 1..=1), p50(Dialect::Session, &slow, 1..=1));
    let storm = p50(Dialect::Session, &storm, 1..=7);
    let table = format!(
        "50 kbit, 40 ms, a line each 25 ms: text {text:.0} ms, session {session:.0} ms\nstorm: {storm:.0} ms\n"
    );
    assert!(session <= 2.0 * text, "{table}");
    assert!(storm < 1000.0, "{table}");
    insta::assert_snapshot!("queue", table);
}
