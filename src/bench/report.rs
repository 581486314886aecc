//! The result of a run in numbers.
//!
//! Owns: [`Report`], its form for people and for programs, and medians over several ([`Summary`]).
//! Must not know: the measuring.
//! Driven by: `cmd::bench`.

use std::fmt;

use serde::Serialize;

use super::tally::Tally;

/// Latencies over all copies, in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Latency {
    /// The median: half of the copies came within this time.
    pub p50: f64,
    /// Nine of ten.
    pub p90: f64,
    /// 99 of 100.
    pub p99: f64,
    /// 999 of 1,000.
    pub p99_9: f64,
    /// The maximum.
    pub max: f64,
}

/// The numbers of one run.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Report {
    /// Messages sent.
    pub messages: f64,
    /// Copies that should have come.
    pub expected: f64,
    /// Copies that came, each once.
    pub received: f64,
    /// Copies that did not come.
    pub lost: f64,
    /// Copies that came again.
    pub doubled: f64,
    /// Copies that came after a later message of the same sender.
    pub out_of_order: f64,
    /// From when the first message was due until the last copy came.
    pub seconds: f64,
    /// Copies that came, per second.
    pub deliveries_per_second: f64,
    /// From when a message was due until a copy came.
    pub latency_us: Latency,
    /// Share of the time that the generator was idle. Near 0, the generator was the limit, not the server.
    pub generator_idle_share: f64,
    /// The server's CPU time for each copy that came, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_cpu_us_per_delivery: Option<f64>,
    /// The server's largest resident memory so far, in KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_peak_memory_kib: Option<f64>,
}

#[allow(clippy::cast_precision_loss)] // far below 2^52
impl Report {
    /// Computes the numbers of a run from its tally.
    pub fn new(tally: &Tally, idle_share: f64, server_cpu_ns: Option<u64>, server_peak_kib: Option<u64>) -> Self {
        let seconds = tally.took().as_secs_f64();
        let at = |percentile| tally.latencies().value_at_percentile(percentile) as f64 / 1000.0;
        let received = tally.received as f64;
        Self {
            messages: tally.sent().into(),
            expected: tally.expected() as f64,
            received,
            lost: (tally.expected() - tally.received) as f64,
            doubled: tally.doubled as f64,
            out_of_order: tally.out_of_order as f64,
            seconds,
            deliveries_per_second: received / seconds.max(f64::MIN_POSITIVE),
            latency_us: Latency { p50: at(50.0), p90: at(90.0), p99: at(99.0), p99_9: at(99.9), max: at(100.0) },
            generator_idle_share: idle_share,
            server_cpu_us_per_delivery: server_cpu_ns.map(|nanos| nanos as f64 / 1000.0 / received.max(1.0)),
            server_peak_memory_kib: server_peak_kib.map(|kib| kib as f64),
        }
    }

    /// Returns the median of each number by itself.
    ///
    /// # Panics
    /// If there is no run.
    pub fn median(runs: &[Self]) -> Self {
        let median = |number: &dyn Fn(&Self) -> f64| {
            let mut numbers: Vec<f64> = runs.iter().map(number).collect();
            numbers.sort_by(f64::total_cmp);
            numbers[numbers.len() / 2]
        };
        let optional = |number: &dyn Fn(&Self) -> Option<f64>| {
            runs.iter().all(|run| number(run).is_some()).then(|| median(&|run| number(run).unwrap_or_default()))
        };
        Self {
            messages: median(&|run| run.messages),
            expected: median(&|run| run.expected),
            received: median(&|run| run.received),
            lost: median(&|run| run.lost),
            doubled: median(&|run| run.doubled),
            out_of_order: median(&|run| run.out_of_order),
            seconds: median(&|run| run.seconds),
            deliveries_per_second: median(&|run| run.deliveries_per_second),
            latency_us: Latency {
                p50: median(&|run| run.latency_us.p50),
                p90: median(&|run| run.latency_us.p90),
                p99: median(&|run| run.latency_us.p99),
                p99_9: median(&|run| run.latency_us.p99_9),
                max: median(&|run| run.latency_us.max),
            },
            generator_idle_share: median(&|run| run.generator_idle_share),
            server_cpu_us_per_delivery: optional(&|run| run.server_cpu_us_per_delivery),
            server_peak_memory_kib: optional(&|run| run.server_peak_memory_kib),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Latency { p50, p90, p99, p99_9, max } = self.latency_us;
        writeln!(f, "messages       {:.0} in {:.2} s", self.messages, self.seconds)?;
        writeln!(
            f,
            "deliveries     expected {:.0}, received {:.0}, lost {:.0}, doubled {:.0}, out of order {:.0}",
            self.expected, self.received, self.lost, self.doubled, self.out_of_order
        )?;
        writeln!(f, "deliveries/s   {:.0}", self.deliveries_per_second)?;
        writeln!(f, "latency in us  p50 {p50:.0}, p90 {p90:.0}, p99 {p99:.0}, p99.9 {p99_9:.0}, max {max:.0}")?;
        write!(f, "generator      idle {:.0} % of the time", self.generator_idle_share * 100.0)?;
        if let Some(cpu) = self.server_cpu_us_per_delivery {
            write!(f, "\nserver         {cpu:.3} us of CPU time per delivery")?;
        }
        if let Some(kib) = self.server_peak_memory_kib {
            write!(f, ", at most {kib:.0} KiB of memory")?;
        }
        Ok(())
    }
}

/// Several runs and the medians of their numbers.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Members that every message was sent to.
    pub members: usize,
    /// Members that sent.
    pub senders: usize,
    /// The lengths of the lines in bytes.
    pub size: String,
    /// The median of each number by itself.
    pub median: Report,
    /// The runs, in their order.
    pub runs: Vec<Report>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_of_each_number_by_itself() {
        let run = |rate, p50, cpu| Report {
            deliveries_per_second: rate,
            latency_us: Latency { p50, ..Latency::default() },
            server_cpu_us_per_delivery: cpu,
            ..Report::default()
        };
        let median = Report::median(&[run(3.0, 1.0, Some(1.0)), run(1.0, 3.0, None), run(2.0, 2.0, Some(2.0))]);
        assert!((median.deliveries_per_second - 2.0).abs() < f64::EPSILON);
        assert!((median.latency_us.p50 - 2.0).abs() < f64::EPSILON);
        assert_eq!(median.server_cpu_us_per_delivery, None, "unless every run has it");
    }
}
