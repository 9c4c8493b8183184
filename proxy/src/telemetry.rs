//! Logs: for people on a terminal, as JSON on request; always on stderr, so that stdout is for answers.

use std::io::{self, IsTerminal};
use std::str::FromStr;

use tracing_subscriber::EnvFilter;

/// In which form logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people; with colours where stderr is a terminal.
    Human,
    /// One JSON object a line.
    Json,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "human" => Ok(Self::Human),
            "json" => Ok(Self::Json),
            other => Err(format!("{other:?} is no form of a log; write \"human\" or \"json\"")),
        }
    }
}

impl Format {
    /// The word for it in configurations and flags.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Json => "json",
        }
    }
}

/// Begins to log from `level` on, which was checked before. A second call has no effect.
pub fn start(format: Format, level: &str) {
    let filter = EnvFilter::try_new(level).unwrap_or_default();
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false);
    let started = match format {
        Format::Json => logs.json().flatten_event(true).try_init(),
        Format::Human => logs.with_ansi(io::stderr().is_terminal()).try_init(),
    };
    if let Err(error) = started {
        tracing::debug!("logs were set up before: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_has_a_word_that_is_read_back() {
        for format in [Format::Human, Format::Json] {
            assert_eq!(format.word().parse(), Ok(format));
        }
        assert!("xml".parse::<Format>().unwrap_err().contains("json"));
    }
}
