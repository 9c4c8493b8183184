//! Reads the parameters of an admin request. One that nobody knows is refused: a misspelt `dry_run` must not
//! do the real thing.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use hashring::query;
use http::Uri;
use kvnode::problem::{Kind, Problem};

use super::answer::Fault;

/// The one parameter that is no text.
const KEY: &str = "key";

/// The parameters of a request, decoded; all but the key.
#[derive(Debug, Default)]
pub(super) struct Query(BTreeMap<&'static str, String>);

impl Query {
    /// The parameters of `uri`, each of which must be among `known` and stand once.
    pub(super) fn of(uri: &Uri, known: &[&'static str]) -> Result<Self, Fault> {
        let mut found = BTreeMap::new();
        for parameter in query::parameters(uri.query()) {
            let (name, value) = parameter.map_err(|error| bad_query(error.to_string()))?;
            let name = String::from_utf8_lossy(&name).into_owned();
            let Some(known) = known.iter().find(|known| **known == name) else {
                return Err(bad_query(match known {
                    [] => format!("`{name}` is unknown; this path has no parameters"),
                    known => format!("`{name}` is unknown; known are {}", known.join(", ")),
                }));
            };
            // A key is any bytes, and read as the data path reads it (`hashring::query::key`).
            let value = if name == KEY { Ok(String::new()) } else { String::from_utf8(value.into_owned()) };
            let value = value.map_err(|_| bad_query(format!("`{name}` is not UTF-8 text")))?;
            if found.insert(*known, value).is_some() {
                return Err(bad_query(format!("`{name}` stands twice")));
            }
        }
        Ok(Self(found))
    }

    /// The text of a parameter.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A parameter that `parse` understands.
    pub(super) fn parsed<T, E: fmt::Display>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Fault> {
        let parsed = self.text(name).map(parse).transpose();
        parsed.map_err(|error| bad_query(format!("`{name}`: {error}")))
    }

    /// A switch: absent = off; `?name`, `?name=true` and `?name=1` = on.
    pub(super) fn switch(&self, name: &str) -> Result<bool, Fault> {
        let parsed = self.parsed(name, |text| match text {
            "" | "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            other => Err(format!("this must be true or false, not {other}")),
        })?;
        Ok(parsed.unwrap_or(false))
    }
}

/// The query cannot be used.
pub(super) fn bad_query(detail: impl Into<Cow<'static, str>>) -> Fault {
    Problem::new(Kind::BadQuery).detail(detail).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Result<Query, Fault> {
        let uri: Uri = format!("/add-server?{text}").parse().unwrap();
        Query::of(&uri, &["wait", "dry_run"])
    }

    #[test]
    fn a_switch_is_on_when_it_is_named() {
        for (text, on) in [("", false), ("dry_run", true), ("dry_run=true", true), ("dry_run=0", false)] {
            assert_eq!(query(text).unwrap().switch("dry_run").unwrap(), on, "{text}");
        }
        assert!(query("dry_run=maybe").unwrap().switch("dry_run").is_err());
    }

    #[test]
    fn a_key_may_be_any_bytes_but_stands_once() {
        let of = |text: &str| Query::of(&format!("/admin/locate?{text}").parse().unwrap(), &["key", "with"]);
        of("key=%ff%00&with=n9").unwrap();
        for bad in ["key=a&key=b", "with=%ff", "key=%f"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_parameter_that_is_unknown_repeated_or_broken_is_refused() {
        for bad in ["dryrun=true", "wait=1s&wait=2s", "wait=%2", "wait=%ff", "x"] {
            assert!(query(bad).is_err(), "{bad}");
        }
        assert_eq!(query("wait=1m+30s").unwrap().text("wait"), Some("1m 30s"));
    }
}
