//! What a run has shown, in lines for people.

use std::fmt::Write as _;

use crate::engine::{Finished, PERCENTILES};
use crate::mix::Kind;
use crate::plan::{Load, Plan};
use crate::record::{throughput, tool_cpu};
use crate::tally::Latencies;
use crate::units::{count, micros, three_digits};

/// Beyond this part of its threads' time the tool measures itself.
const BUSY: f64 = 0.9;

/// Everything in a table and a few lines. Failures come last, where eyes are.
#[must_use]
pub fn text(plan: &Plan, finished: &Finished) -> String {
    let total = &finished.total;
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{} operations in {} s: {}/s; {}",
        count(total.operations()),
        three_digits(finished.elapsed.as_secs_f64()),
        rounded(throughput(finished)),
        load(plan),
    );
    let _ = write!(text, "\n{:<8} {:>12} {:>10}", "", "count", "mean");
    for (name, _) in PERCENTILES {
        let _ = write!(text, " {:>10}", if name == "p999" { "p99.9" } else { name });
    }
    text.push('\n');
    let kinds: Vec<Kind> =
        Kind::ALL.into_iter().filter(|kind| total.kinds[kind.index()].count() > 0).collect();
    for kind in &kinds {
        line(&mut text, &kind.to_string(), &total.kinds[kind.index()]);
    }
    if kinds.len() != 1 {
        line(&mut text, "all", &total.all());
    }
    if matches!(plan.load, Load::Open { .. }) {
        line(&mut text, "sent*", &total.service);
        let _ = writeln!(text, "* from the moment of sending; those above from the moment it was due");
    }
    let classes: Vec<(u32, &Latencies)> =
        (1..).zip(&total.classes).filter(|(_, these)| these.count() > 0).collect();
    // One class is the same as all.
    if classes.len() > 1 {
        for (class, these) in &classes {
            line(&mut text, &format!("{class}xx"), these);
        }
    }
    let answers: Vec<String> =
        classes.iter().map(|(class, these)| format!("{class}xx {}", count(these.count()))).collect();
    let _ = writeln!(
        text,
        "\nanswers: {}; {} found nothing; {} connections; {} bytes in, {} out",
        if answers.is_empty() { "none".to_owned() } else { answers.join(", ") },
        count(total.absent),
        count(total.connections),
        count(total.bytes_in),
        count(total.bytes_out),
    );
    if let Some(cpu) = tool_cpu(finished) {
        let _ = writeln!(text, "this tool: {} us of processor time an operation", three_digits(cpu));
    }
    let busy = finished.cpu.as_secs_f64() / finished.whole.as_secs_f64().max(1e-9) / f64::from(plan.threads);
    if busy > BUSY {
        let _ = writeln!(
            text,
            "NOTE: the tool was busy for {:.0} % of the time: these figures are its own limits. Give it more --threads.",
            busy * 100.0
        );
    }
    text + &failures(finished)
}

/// What failed; empty where nothing did.
#[must_use]
pub fn failures(finished: &Finished) -> String {
    let total = &finished.total;
    if total.failures() == 0 {
        return String::new();
    }
    let mut text = format!("\nFAILED: {} operations\n", count(total.failures()));
    for (trouble, number) in &total.troubles {
        let _ = writeln!(text, "  {:>12}  {trouble}", count(*number));
    }
    let kinds = Kind::ALL.into_iter().filter(|kind| total.failed[kind.index()] > 0);
    let kinds: Vec<String> =
        kinds.map(|kind| format!("{kind} {}", count(total.failed[kind.index()]))).collect();
    let _ = writeln!(text, "  of these {}; they are not among the latencies above", kinds.join(", "));
    text
}

fn load(plan: &Plan) -> String {
    let keys = format!("{}, {} {} keys", plan.mix, count(plan.keys), plan.distribution);
    match &plan.load {
        Load::Closed { .. } => {
            let clients = if plan.clients == 1 { "client" } else { "clients" };
            format!("closed loop of {} {clients}, {keys}", plan.clients)
        }
        Load::Open { rate, arrivals } => {
            format!("open loop at {}/s ({arrivals}) over {} clients, {keys}", rounded(*rate), plan.clients)
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a rate for people")]
fn rounded(rate: f64) -> String {
    if rate < 100.0 { three_digits(rate) } else { count(rate.round() as u64) }
}

fn line(text: &mut String, name: &str, of: &Latencies) {
    let shown = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), micros);
    let _ = write!(text, "{name:<8} {:>12} {:>10}", count(of.count()), shown(of.mean()));
    for (_, percent) in PERCENTILES {
        let _ = write!(text, " {:>10}", shown(of.percentile(percent)));
    }
    text.push('\n');
}
