//! What an answer to a read says about the key.

use http::StatusCode;
use serde_json::Value;

use super::base64;

/// Where in an answer the value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// The body is the value; 404 says that there is none.
    Plain,
    /// The value is at this place of a JSON document, as text. Absent or null: there is none.
    Json(&'static str),
    /// The same in Base64.
    Json64(&'static str),
}

/// What a read has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// This value.
    Value(Vec<u8>),
    /// That there is none.
    Nothing,
    /// Something that cannot be understood.
    Nonsense,
}

impl Answers {
    /// Reads an answer that is a success or 404.
    #[must_use]
    pub fn read(self, status: StatusCode, body: &[u8]) -> Found {
        if status == StatusCode::NOT_FOUND {
            return Found::Nothing;
        }
        let place = match self {
            Self::Plain => return Found::Value(body.to_vec()),
            Self::Json(place) | Self::Json64(place) => place,
        };
        let Ok(document) = serde_json::from_slice::<Value>(body) else { return Found::Nonsense };
        match (document.pointer(place), self) {
            (None | Some(Value::Null), _) => Found::Nothing,
            (Some(Value::String(text)), Self::Json64(_)) => {
                base64::decode(text).map_or(Found::Nonsense, Found::Value)
            }
            (Some(Value::String(text)), _) => Found::Value(text.clone().into_bytes()),
            (Some(_), _) => Found::Nonsense,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Api;

    #[test]
    fn each_preset_finds_the_value_and_its_absence() {
        let read =
            |name: &str, body: &str| Api::preset(name).unwrap().answers.read(StatusCode::OK, body.as_bytes());
        let hello = Found::Value(b"hello".to_vec());
        assert_eq!(read("kv", "hello"), hello);
        assert_eq!(Answers::Plain.read(StatusCode::NOT_FOUND, b"no"), Found::Nothing);
        assert_eq!(read("json", r#"{"status":"success","value":"hello"}"#), hello);
        assert_eq!(read("webdis", r#"{"GET":"hello"}"#), hello);
        assert_eq!(read("webdis", r#"{"GET":null}"#), Found::Nothing);
        assert_eq!(
            read("etcd", r#"{"header":{},"kvs":[{"key":"a","value":"aGVsbG8="}],"count":"1"}"#),
            hello
        );
        assert_eq!(read("etcd", r#"{"header":{"revision":"3"}}"#), Found::Nothing);
        assert_eq!(read("etcd", "<html>"), Found::Nonsense);
    }
}
