//! Reads the members of a JSON object one by one and tells all mistakes at once, each with its member.

use std::fmt;
use std::ops::RangeInclusive;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use kvnode::problem::{Kind, Problem};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::{Map, Value, json};

use super::answer::Fault;
use super::body;

/// The members that were not asked for yet, and what was wrong with the others.
#[derive(Debug)]
pub(super) struct Fields {
    left: Map<String, Value>,
    known: Vec<&'static str>,
    mistakes: Vec<(String, String)>,
}

impl Fields {
    /// The members of a body; none where it is empty.
    pub(super) fn of(headers: &HeaderMap, body: &[u8]) -> Result<Self, Fault> {
        let mut left = Map::new();
        if !body.trim_ascii().is_empty() {
            expect_json(headers)?;
            let object: Object = serde_json::from_slice(body).map_err(|error| not_an_object(&error))?;
            left = object.0;
        }
        Ok(Self { left, known: Vec::new(), mistakes: Vec::new() })
    }

    /// Whether there is such a member.
    pub(super) fn has(&self, name: &str) -> bool {
        self.left.contains_key(name)
    }

    /// A string that `parse` understands; its error is told with the member's name.
    pub(super) fn parsed<T, E: fmt::Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.value(name, |value| match value.as_str() {
            Some(text) => parse(text).map_err(|error| error.to_string()),
            None => Err(format!("this must be a string, not {value}")),
        })
    }

    /// A whole number within `range`.
    pub(super) fn integer_in(&mut self, name: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        self.value(name, |value| match value.as_u64() {
            Some(number) if range.contains(&number) => Ok(number),
            _ => Err(format!(
                "this must be a whole number from {} to {}, not {value}",
                range.start(),
                range.end()
            )),
        })
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, name: &'static str) -> Option<bool> {
        self.value(name, |value| {
            value.as_bool().ok_or_else(|| format!("this must be true or false, not {value}"))
        })
    }

    /// Any value that `read` understands; `null` too.
    pub(super) fn value<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        self.known.push(name);
        match read(&self.left.remove(name)?) {
            Ok(value) => Some(value),
            Err(message) => {
                self.wrong(name, message);
                None
            }
        }
    }

    /// Notes a mistake that was found otherwise.
    pub(super) fn wrong(&mut self, name: &str, message: impl Into<String>) {
        self.mistakes.push((name.to_owned(), message.into()));
    }

    /// Refuses members that nobody asked for, and tells every mistake.
    pub(super) fn finish(mut self) -> Result<(), Fault> {
        let known = match self.known.as_slice() {
            [] => "there are none here".to_owned(),
            names => format!("known are {}", names.join(", ")),
        };
        for name in std::mem::take(&mut self.left).into_iter().map(|(name, _)| name) {
            self.wrong(&name, format!("this member is unknown; {known}"));
        }
        if self.mistakes.is_empty() {
            return Ok(());
        }
        let detail: Vec<String> =
            self.mistakes.iter().map(|(name, message)| format!("`{name}`: {message}")).collect();
        let errors: Vec<Value> =
            self.mistakes.iter().map(|(name, message)| json!({"field": name, "message": message})).collect();
        Err(Problem::new(Kind::InvalidFields).detail(detail.join("; ")).member("errors", errors).into())
    }
}

/// What `curl -d` says of any body unless it is told otherwise. Read as JSON, too: a browser's form is refused
/// before (`access`), and whoever is not a browser should not have to type a header.
const CURLS_DEFAULT: &[u8] = b"application/x-www-form-urlencoded";

fn expect_json(headers: &HeaderMap) -> Result<(), Fault> {
    match headers.get(CONTENT_TYPE) {
        Some(kind) if !body::is_json(kind.as_bytes()) && kind != CURLS_DEFAULT => {
            let accepted = HeaderValue::from_static("application/json");
            Err(Problem::new(Kind::NotJson)
                .detail(format!(
                    "The content type is {}; send the header \"Content-Type: application/json\".",
                    String::from_utf8_lossy(kind.as_bytes())
                ))
                .header(http::header::ACCEPT, accepted)
                .into())
        }
        _ => Ok(()),
    }
}

fn not_an_object(error: &serde_json::Error) -> Fault {
    let detail = match error.classify() {
        // It says itself what it expected.
        Category::Data => format!("{error}."),
        _ => format!("This is no JSON ({error}); send an object such as {{\"name\":\"n2\"}}."),
    };
    Problem::new(Kind::BadJson).detail(detail).into()
}

/// A JSON object in which no name stands twice: programs disagree on which one would count.
struct Object(Map<String, Value>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object such as {\"name\":\"n2\"}")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Object, A::Error> {
                let mut object = Map::new();
                while let Some((name, value)) = members.next_entry::<String, Value>()? {
                    if object.contains_key(&name) {
                        return Err(serde::de::Error::custom(format!("`{name}` stands twice")));
                    }
                    object.insert(name, value);
                }
                Ok(Object(object))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = (Option<u64>, Option<bool>, Option<String>);

    fn read(body: &str) -> Result<Read, Fault> {
        let mut fields = Fields::of(&HeaderMap::new(), body.as_bytes())?;
        let read = (
            fields.integer_in("weight", 0..=256),
            fields.boolean("erase"),
            fields.parsed("name", |text| Ok::<_, String>(text.to_owned())),
        );
        fields.finish().map(|()| read)
    }

    #[test]
    fn members_are_read_and_may_be_absent() {
        assert_eq!(read(r#"{"name":"n2","weight":256}"#).unwrap(), (Some(256), None, Some("n2".to_owned())));
        for empty in ["", " \n", "{}"] {
            assert_eq!(read(empty).unwrap(), (None, None, None), "{empty:?}");
        }
    }

    #[test]
    fn every_mistake_is_told_with_its_member() {
        let told = read(r#"{"weight":1.5,"erase":"yes","name":7,"wait":1}"#).unwrap_err().to_json();
        for name in ["weight", "erase", "name", "wait"] {
            assert!(told.contains(&format!("`{name}`")), "{name}: {told}");
        }
        for bad in ["-1", "257", "1.5", "null", "\"1\"", "1e999"] {
            assert!(read(&format!(r#"{{"weight":{bad}}}"#)).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for bad in
            ["{", "[]", "null", "\"n2\"", "{\"name\":\"n2\"} x", "{\"name\":\"n1\",\"name\":\"n2\"}", "\u{1}"]
        {
            let fault = read(bad).unwrap_err();
            assert!(fault.to_json().contains("bad-json"), "{bad}: {}", fault.to_json());
        }
    }

    #[test]
    fn another_content_type_is_refused_unless_there_is_nothing_to_read() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        assert_eq!(Fields::of(&headers, b"{}").unwrap_err().status(), 415);
        Fields::of(&headers, b"").unwrap();
        for fine in ["application/json; charset=utf-8", "application/x-www-form-urlencoded"] {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(fine));
            Fields::of(&headers, b"{}").unwrap();
        }
    }
}
