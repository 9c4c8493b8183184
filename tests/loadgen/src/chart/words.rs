//! Names of columns, and numbers with their units, for people.

/// What a column holds, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Microseconds.
    Time,
    /// A number of something.
    Count,
}

/// The unit of a column.
pub(super) fn unit(column: &str) -> Unit {
    if column.ends_with("_us") { Unit::Time } else { Unit::Count }
}

/// Whether it is a time that somebody waited for an answer: all others say what they are.
pub(super) fn is_latency(column: &str) -> bool {
    let last = column.strip_suffix("_us").and_then(|rest| rest.rsplit('_').next());
    matches!(last, Some("mean" | "median" | "p90" | "p99" | "p999" | "max"))
}

/// A column for an axis.
pub(super) fn long(column: &str) -> String {
    match column {
        "throughput" => "throughput, operations per second".to_owned(),
        "second" => "time in seconds".to_owned(),
        "clients" => "clients at the same time".to_owned(),
        "requests_per_client" => "requests per client".to_owned(),
        "tool_cpu_us" => "processor time of the tool per operation".to_owned(),
        "cpu_us" => "processor time per request".to_owned(),
        _ if is_latency(column) => format!("latency, {}", short(column)),
        _ => short(column),
    }
}

/// What a picture of these columns is called where nobody says.
pub(super) fn title(ys: &[String], x: &str) -> String {
    let side = match ys {
        many if many.iter().all(|column| is_latency(column)) => "Latency".to_owned(),
        [one] => short(one),
        many => many.iter().map(|column| short(column)).collect::<Vec<_>>().join(", "),
    };
    let mut letters = side.chars();
    let first: String = letters.next().map(|letter| letter.to_uppercase().collect()).unwrap_or_default();
    let along = if x == "throughput" || x == "second" { "against" } else { "by" };
    format!("{first}{} {along} {}", letters.as_str(), short(x).replace("second", "time"))
}

/// A column in a few letters.
pub(super) fn short(column: &str) -> String {
    let plain = column.strip_suffix("_us").unwrap_or(column);
    plain.replace("p999", "p99.9").replace("max", "longest").replace('_', " ")
}

/// A value of a column, so that it is understood alone.
pub(super) fn named(column: &str, value: &str) -> String {
    let plural = |one: &str| format!("{value} {one}{}", if value == "1" { "" } else { "s" });
    match column {
        _ if value.parse::<f64>().is_err() => value.to_owned(),
        "nodes" => plural("node"),
        "clients" => plural("client"),
        "requests_per_client" => format!("{} each", plural("request")),
        _ => format!("{} {value}", column.replace('_', " ")),
    }
}

/// A number on an axis that goes up to `largest`.
pub(super) fn number(value: f64, largest: f64, unit: Unit) -> String {
    let (scaled, unit) = match (unit, value.abs()) {
        (_, 0.0) => (0.0, ""),
        (Unit::Time, us) if us < 1e3 => (value, " µs"),
        (Unit::Time, us) if us < 1e6 => (value / 1e3, " ms"),
        (Unit::Time, _) => (value / 1e6, " s"),
        (Unit::Count, n) if n < 1e3 || largest < 1e4 => (value, ""),
        (Unit::Count, n) if n < 1e6 => (value / 1e3, "k"),
        (Unit::Count, _) => (value / 1e6, "M"),
    };
    // Steps are at most three digits long; more would be rounding errors.
    let text = format!("{scaled:.*}", if scaled.abs() < 1.0 { 4 } else { 2 });
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{unit}")
}

/// A measured value.
pub(super) fn measured(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Time => crate::units::micros(value).replace("us", "µs"),
        Unit::Count if value < 1e4 => crate::units::three_digits(value),
        Unit::Count if value < 1e6 => format!("{}k", crate::units::three_digits(value / 1e3)),
        Unit::Count => format!("{}M", crate::units::three_digits(value / 1e6)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_on_an_axis_are_short_and_have_their_unit() {
        let time = [0.0, 0.5, 20.0, 2500.0, 1e6].map(|value| number(value, 1e6, Unit::Time));
        assert_eq!(time, ["0", "0.5 µs", "20 µs", "2.5 ms", "1 s"]);
        let count = [5.0, 2500.0, 25_000.0, 1.5e6].map(|value| number(value, 2e6, Unit::Count));
        assert_eq!(count, ["5", "2.5k", "25k", "1.5M"]);
        assert_eq!(number(2500.0, 5000.0, Unit::Count), "2500", "thousands are needed where there are many");
    }

    #[test]
    fn only_times_that_somebody_waited_are_called_latencies() {
        assert_eq!(long("read_p999_us"), "latency, read p99.9");
        assert_eq!(long("start_after_kill_us"), "start after kill");
        assert_eq!(long("cpu_us"), "processor time per request");
        assert_eq!(title(&["start_after_kill_us".to_owned()], "keys"), "Start after kill by keys");
    }

    #[test]
    fn a_value_of_a_series_is_understood_alone() {
        assert_eq!(named("nodes", "1"), "1 node");
        assert_eq!(named("nodes", "30"), "30 nodes");
        assert_eq!(named("mix", "ycsb-a"), "ycsb-a");
        assert_eq!(named("rate", "100"), "rate 100");
    }
}
