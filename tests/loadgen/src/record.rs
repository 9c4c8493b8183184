//! A run as columns of a table: all settings, all results, so that a chart or another person needs nothing else.

use std::time::SystemTime;

use crate::engine::{Finished, PERCENTILES, Second};
use crate::keys::Distribution;
use crate::machine;
use crate::mix::Kind;
use crate::plan::{Load, Plan, Until};
use crate::tally::Latencies;

/// Names of columns and what stands in them.
pub type Row = Vec<(String, String)>;

/// What must be the same where two rows are compared: when, where, which build.
#[must_use]
pub fn circumstances() -> Row {
    row([
        ("started", humantime::format_rfc3339_seconds(SystemTime::now()).to_string()),
        ("machine", machine::describe()),
        ("commit", machine::commit()),
        ("build", if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned()),
    ])
}

/// How a run was set up.
#[must_use]
pub fn settings(plan: &Plan) -> Row {
    let (how, rate, arrivals, think) = match &plan.load {
        Load::Closed { think } => {
            let millis = |time: &std::time::Duration| (time.as_secs_f64() * 1e3).to_string();
            let think = format!("{}..{}", millis(think.start()), millis(think.end()));
            ("closed", String::new(), String::new(), think)
        }
        Load::Open { rate, arrivals } => ("open", rate.to_string(), arrivals.to_string(), String::new()),
    };
    let (duration, requests) = match plan.until {
        Until::Elapsed(time) => (time.as_secs_f64().to_string(), String::new()),
        Until::Requests(each) => (String::new(), each.to_string()),
    };
    let theta = plan.distribution.theta().map_or(String::new(), |theta| theta.to_string());
    row([
        ("target", plan.target.url.clone()),
        ("api", plan.api.name.clone()),
        ("mix", plan.mix.to_string()),
        ("keys", plan.keys.to_string()),
        ("distribution", Distribution::to_string(&plan.distribution)),
        ("theta", theta),
        ("value_bytes", format!("{}..{}", plan.sizes.start(), plan.sizes.end())),
        ("loop", how.to_owned()),
        ("rate", rate),
        ("arrivals", arrivals),
        ("think_ms", think),
        ("clients", plan.clients.to_string()),
        ("threads", plan.threads.to_string()),
        ("duration_s", duration),
        ("requests_per_client", requests),
        ("ramp_s", plan.ramp.as_secs_f64().to_string()),
        ("warmup_s", plan.warmup.as_secs_f64().to_string()),
        ("timeout_s", plan.timeout.as_secs_f64().to_string()),
        ("seed", plan.seed.to_string()),
        ("check", plan.check.is_some().to_string()),
    ])
}

/// What came of it.
#[must_use]
pub fn results(finished: &Finished) -> Row {
    let total = &finished.total;
    let all = total.all();
    let mut columns = row([
        ("elapsed_s", format!("{:.6}", finished.elapsed.as_secs_f64())),
        ("operations", all.count().to_string()),
        ("failures", total.failures().to_string()),
        ("throughput", format!("{:.2}", throughput(finished))),
    ]);
    columns.extend(latencies("", &all));
    columns.push(("service_median_us".to_owned(), micros(total.service.percentile(50.0))));
    columns.push(("service_p99_us".to_owned(), micros(total.service.percentile(99.0))));
    for kind in Kind::ALL {
        let these = &total.kinds[kind.index()];
        columns.push((format!("{kind}_operations"), these.count().to_string()));
        columns.push((format!("{kind}_failures"), total.failed[kind.index()].to_string()));
        columns.extend(latencies(&format!("{kind}_"), these));
    }
    for (class, these) in (1..).zip(&total.classes) {
        columns.push((format!("status_{class}xx"), these.count().to_string()));
        columns.extend(latencies(&format!("status_{class}xx_"), these));
    }
    let troubles: Vec<String> =
        total.troubles.iter().map(|(trouble, count)| format!("{trouble}={count}")).collect();
    columns.extend(row([
        ("absent", total.absent.to_string()),
        ("troubles", troubles.join(" ")),
        ("connections", total.connections.to_string()),
        ("bytes_in", total.bytes_in.to_string()),
        ("bytes_out", total.bytes_out.to_string()),
        ("tool_cpu_us", tool_cpu(finished).map_or(String::new(), |us| format!("{us:.3}"))),
    ]));
    columns
}

/// One second of a run.
#[must_use]
pub fn second(second: &Second) -> Row {
    let mut columns = row([
        ("second", second.number.to_string()),
        ("clients", second.clients.to_string()),
        ("throughput", format!("{:.2}", rate(second.kinds.iter().sum(), second.length))),
        ("failures", second.failures.to_string()),
        ("mean_us", micros(second.mean)),
    ]);
    for ((name, _), value) in PERCENTILES.iter().zip(second.percentiles) {
        columns.push((format!("{name}_us"), micros(value)));
    }
    for kind in Kind::ALL {
        columns.push((format!("{kind}_operations"), second.kinds[kind.index()].to_string()));
    }
    columns
}

/// Operations a second that went well.
#[must_use]
pub fn throughput(finished: &Finished) -> f64 {
    rate(finished.total.operations(), finished.elapsed)
}

fn rate(count: u64, time: std::time::Duration) -> f64 {
    if time.is_zero() { 0.0 } else { count as f64 / time.as_secs_f64() }
}

/// What an operation costs this program, in microseconds of its processors.
#[must_use]
pub fn tool_cpu(finished: &Finished) -> Option<f64> {
    (finished.operations > 0).then(|| finished.cpu.as_secs_f64() * 1e6 / finished.operations as f64)
}

/// Columns made of these.
pub fn row<const N: usize>(columns: [(&str, String); N]) -> Row {
    columns.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn latencies(prefix: &str, of: &Latencies) -> Row {
    let mut columns = vec![(format!("{prefix}mean_us"), micros(of.mean()))];
    for (name, percent) in PERCENTILES {
        columns.push((format!("{prefix}{name}_us"), micros(of.percentile(percent))));
    }
    columns
}

/// Empty where nothing was measured: nobody draws a latency of zero then.
fn micros(value: Option<f64>) -> String {
    value.map_or(String::new(), |value| format!("{value:.3}"))
}
