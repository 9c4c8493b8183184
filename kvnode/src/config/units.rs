//! Sizes and durations as people write them: `8MiB`, `10s`.

use std::time::Duration;

use tracing_subscriber::EnvFilter;

/// The units of a size. Binary and decimal ones are told apart by their names, never guessed.
const UNITS: [(&str, u64); 8] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TiB", 1 << 40),
];

/// Reads a size: a whole number, then `B`, `KiB`, `MiB`, `GiB`, `TiB`, `kB`, `MB` or `GB`; without a unit, bytes.
///
/// # Errors
/// A sentence that says how a size is written.
pub fn size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = (&text[..digits], text[digits..].trim());
    let factor = match unit {
        "" => Some(1),
        unit => UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor),
    };
    let (Ok(number), Some(factor)) = (number.parse::<u64>(), factor) else {
        return Err(format!("`{text}` is not a size; write for example \"8MiB\", \"64KiB\" or \"1GB\""));
    };
    number.checked_mul(factor).ok_or_else(|| format!("`{text}` is more bytes than can be counted"))
}

/// Reads a duration: whole numbers with units, such as `250ms`, `10s` or `1m 30s`.
///
/// # Errors
/// A sentence that says how a duration is written.
pub fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| {
        format!("`{text}` is not a duration; write for example \"250ms\", \"10s\" or \"1m 30s\"")
    })
}

/// Writes a size in the largest binary unit that leaves no rest.
#[must_use]
pub fn show_size(bytes: u64) -> String {
    let (name, factor) = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
        .into_iter()
        .find(|(_, factor)| bytes != 0 && bytes.is_multiple_of(*factor))
        .unwrap_or(("B", 1_u64));
    format!("{}{name}", bytes / factor)
}

/// Writes a duration so that [`duration`] reads it back.
#[must_use]
pub fn show_duration(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

/// A level of the log, or a filter: `info`, `warn,kvnode=debug`.
///
/// # Errors
/// A sentence that says how they are written.
pub fn log_filter(text: &str) -> Result<String, String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    // A mistyped level would be taken for the name of a module, and switch off all others.
    let is_level = |part: &str| part.contains('=') || LEVELS.contains(&part.trim());
    match EnvFilter::try_new(text) {
        Ok(_) if text.split(',').all(is_level) => Ok(text.to_owned()),
        _ => Err(format!(
            "{text:?} is no log level; write error, warn, info or debug, or a filter such as \"info,kvnode=debug\""
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_a_unit() {
        for (text, bytes) in
            [("0", 0), ("512", 512), ("8MiB", 8 << 20), ("64 KiB", 65_536), ("1GB", 1_000_000_000)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn a_size_that_could_mean_two_things_is_refused() {
        for text in ["8M", "8mb", "8MIB", "1.5GiB", "-1", "", "MiB", "99999999999TiB", "8MiB x"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_duration_needs_a_unit() {
        assert_eq!(duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert!(duration("10").is_err());
        assert!(duration("ten").is_err());
    }

    #[test]
    fn what_is_shown_is_read_back() {
        for bytes in [0, 1, 1000, 1024, 65_536, 8 << 20, (8 << 20) + 1, 1 << 40] {
            assert_eq!(size(&show_size(bytes)), Ok(bytes));
        }
        let duration_of = Duration::from_millis(90_250);
        assert_eq!(duration(&show_duration(duration_of)), Ok(duration_of));
    }

    #[test]
    fn a_log_level_is_known_or_refused() {
        for good in ["info", "off", "warn,kvnode=debug", "kvnode=trace"] {
            assert_eq!(log_filter(good).as_deref(), Ok(good));
        }
        for bad in ["loud", "", "info,loud", "kvnode=loud", "INFO "] {
            assert!(log_filter(bad).unwrap_err().contains("no log level"), "{bad}");
        }
    }
}
