//! `udpchat sim`
//!
//! Owns: how a simulation is configured and shown.
//! Must not know: how it works.
//! Driven by: `cmd`.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::{Exit, Failure};
use crate::cli::{RestartArg, Sim, SimDialect};
use crate::sim::{self, Dialect, Numbers, Report, Restart, Scenario, Weather};
use crate::wire::entry::TEXT_MAX;

/// The shortest message: it has room for its number.
const SIZE_MIN: usize = 12;

pub(super) fn run(args: Sim) -> Result<(), Failure> {
    if !(SIZE_MIN..=TEXT_MAX).contains(&args.size) {
        let message = format!("--size {} is not from {SIZE_MIN} to {TEXT_MAX} bytes", args.size);
        return Err(Failure::new(Exit::Usage, message));
    }
    let dialects: &[(&str, Dialect)] = match args.dialect {
        SimDialect::Text => &[("text", Dialect::Text)],
        SimDialect::Session => &[("session", Dialect::Session)],
        SimDialect::Both => &[("text", Dialect::Text), ("session", Dialect::Session)],
    };
    let mut reports = Vec::new();
    for &(name, dialect) in dialects {
        reports.push((name, sim::run(&scenario(&args, dialect), args.trace)));
    }
    show(&args, &reports)?;
    let violations: Vec<_> = reports.iter().flat_map(|(_, report)| &report.violations).collect();
    match violations.first() {
        None => Ok(()),
        Some(first) => {
            let count = violations.len();
            let message = format!(
                "{count} of the protocol's promises did not hold in this run, first: {first} (is it longer than the run \
                 gave it? else it is a bug: please report it with the command line and --seed {})",
                args.seed
            );
            Err(Failure::new(Exit::Failure, message))
        }
    }
}

/// Returns the scenario: a preset, overridden by explicit options.
fn scenario(args: &Sim, dialect: Dialect) -> Scenario {
    let named = args.weather.map(|weather| weather.preset());
    let weather = named.map_or_else(Weather::default, |preset| preset.weather());
    let loss = args.loss.map(|loss| loss.ratio());
    Scenario {
        seed: args.seed,
        dialect,
        clients: args.clients,
        messages: args.messages,
        interval: args.interval,
        size: args.size,
        weather: Weather {
            loss_up: loss.unwrap_or(weather.loss_up),
            loss_down: loss.unwrap_or(weather.loss_down),
            delay: args.delay.unwrap_or(weather.delay),
            jitter: args.jitter.unwrap_or(weather.jitter),
            duplicate: args.duplicate.map_or(weather.duplicate, |part| part.ratio()),
            reorder: args.reorder.map_or(weather.reorder, |part| part.ratio()),
            rate: args.rate_limit.map(|rate| rate.bits()).or(weather.rate),
            shared: false,
        },
        partition: args.partition.or_else(|| named.and_then(|preset| preset.partition())),
        rebind: args.rebind || named.is_some_and(|preset| preset.rebinds()),
        restart_server: args.restart_server.map(|restart| match restart {
            RestartArg::SameLog => Restart::SameLog,
            RestartArg::NewLog => Restart::NewLog,
        }),
        restart_clients: args.restart_clients,
        // There is no bound in weather that goes on; this is far more than any of the presets needs.
        converge_within: std::time::Duration::from_secs(300),
        ..Scenario::default()
    }
}

fn show(args: &Sim, reports: &[(&str, Report)]) -> io::Result<()> {
    #[allow(clippy::disallowed_methods)] // a result, written once at the end
    let mut out = io::BufWriter::new(io::stdout().lock());
    if args.trace {
        for (name, report) in reports {
            writeln!(out, "== {name}")?;
            out.write_all(report.trace.text().as_bytes())?;
        }
        writeln!(out)?;
    }
    let numbers: Vec<_> = reports.iter().map(|&(name, ref report)| (name, report.tally.numbers())).collect();
    if args.json {
        let by_dialect: BTreeMap<_, _> = numbers.into_iter().collect();
        out.write_all(&crate::ui::json::line(&by_dialect)?)?;
        writeln!(out)?;
    } else {
        table(&mut out, &numbers)?;
    }
    out.flush()
}

fn table(out: &mut impl Write, numbers: &[(&str, Numbers)]) -> io::Result<()> {
    type Row = (&'static str, fn(&Numbers) -> String);
    let rows: [Row; 12] = [
        ("sent", |n| n.sent.to_string()),
        ("copies expected", |n| n.expected.to_string()),
        ("delivered", |n| n.delivered.to_string()),
        ("lost", |n| n.lost.to_string()),
        ("duplicated", |n| n.duplicated.to_string()),
        ("out of order", |n| n.out_of_order.to_string()),
        ("datagrams on the wire", |n| n.datagrams.to_string()),
        ("bytes per useful byte", |n| format!("{:.2}", n.wire_bytes_per_useful_byte)),
        ("latency p50", |n| format!("{:.1} ms", n.latency_p50_ms)),
        ("latency p99", |n| format!("{:.1} ms", n.latency_p99_ms)),
        ("latency max", |n| format!("{:.1} ms", n.latency_max_ms)),
        ("converged after", |n| n.converged_ms.map_or_else(|| "never".into(), |ms| format!("{ms:.1} ms"))),
    ];
    write!(out, "{:24}", "")?;
    for (name, _) in numbers {
        write!(out, "{name:>14}")?;
    }
    writeln!(out)?;
    for (title, value) in rows {
        write!(out, "{title:24}")?;
        for (_, numbers) in numbers {
            write!(out, "{:>14}", value(numbers))?;
        }
        writeln!(out)?;
    }
    Ok(())
}
