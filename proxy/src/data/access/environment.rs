//! Whether the environment asks for spans, by the variables that OpenTelemetry specifies.

use std::fmt;

/// Where spans are to go.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wish {
    /// The collector: a URL.
    pub(super) endpoint: String,
    /// The variable that names it.
    variable: &'static str,
}

impl Wish {
    /// The wish of an environment. Spans are sent where one names a collector, and does not forbid it.
    ///
    /// # Errors
    /// In words, where the collector is to be asked in a way that this program does not know.
    pub(super) fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, String> {
        let said = |name: &str| variable(name).filter(|value| !value.is_empty());
        let is = |name: &str, value: &str| said(name).is_some_and(|said| said.eq_ignore_ascii_case(value));
        if is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
            return Ok(None);
        }
        let endpoints = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
        let wish =
            endpoints.into_iter().find_map(|variable| Some(Self { endpoint: said(variable)?, variable }));
        let protocols = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
        let protocol = protocols.into_iter().find_map(said);
        match wish {
            Some(wish) if !wish.endpoint.starts_with("http://") => {
                Err(wish.refused("it has to begin with http://"))
            }
            Some(wish) if protocol.as_deref() == Some("grpc") => {
                Err(wish.refused("the protocol grpc is not known, only http/protobuf and http/json"))
            }
            wish => Ok(wish),
        }
    }

    /// Why this wish cannot be.
    pub(super) fn refused(&self, cause: impl fmt::Display) -> String {
        let Self { endpoint, variable } = self;
        format!(
            "cannot send spans to {variable}={endpoint}: {cause}; name a collector nearby that takes OTLP over plain HTTP, \
             such as http://127.0.0.1:4318, or unset {variable}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(environment: &[(&str, &str)]) -> Result<Option<String>, String> {
        let value = |name: &str| {
            environment.iter().find(|(named, _)| *named == name).map(|(_, value)| (*value).to_owned())
        };
        Ok(Wish::of(value)?.map(|wish| wish.endpoint))
    }

    #[test]
    fn spans_are_sent_only_where_the_environment_names_a_collector_and_does_not_forbid_it() {
        const NAMED: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318");
        let traces = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t:4318/v1/traces");
        assert_eq!(wish(&[]), Ok(None));
        assert_eq!(wish(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]), Ok(None));
        assert_eq!(wish(&[NAMED]), Ok(Some("http://c:4318".into())));
        assert_eq!(wish(&[NAMED, traces]), Ok(Some("http://t:4318/v1/traces".into())));
        assert_eq!(wish(&[NAMED, ("OTEL_SDK_DISABLED", "TRUE")]), Ok(None));
        assert_eq!(wish(&[NAMED, ("OTEL_TRACES_EXPORTER", "none")]), Ok(None));
    }

    #[test]
    fn a_wish_that_cannot_be_says_what_to_write_instead() {
        let endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
        for environment in [
            &[(endpoint, "https://c")][..],
            &[(endpoint, "collector:4318")],
            &[(endpoint, "http://c"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
        ] {
            let refusal = wish(environment).unwrap_err();
            assert!(refusal.contains("http://127.0.0.1:4318") && refusal.contains(endpoint), "{refusal}");
        }
    }
}
