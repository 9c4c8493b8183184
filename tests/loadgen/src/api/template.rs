//! Text with places for a key and a value.

use std::fmt::Write as _;

use bytes::Bytes;

use super::base64;

/// Text with `{key}`, `{value}`, or their Base64 forms `{key64}`, `{value64}` in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Key,
    Value,
    Key64,
    Value64,
}

const PLACES: [(&str, Part); 4] =
    [("{key}", Part::Key), ("{value}", Part::Value), ("{key64}", Part::Key64), ("{value64}", Part::Value64)];

impl Template {
    /// Braces around anything that looks like a name must be one that is known: a typing mistake would be sent
    /// as it stands, and measured. JSON's braces are followed by a quotation mark.
    pub(super) fn new(mut text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        while let Some(character) = text.chars().next() {
            if let Some((name, part)) = PLACES.iter().find(|(name, _)| text.starts_with(name)) {
                parts.push(Part::Text(std::mem::take(&mut plain)));
                parts.push(part.clone());
                text = &text[name.len()..];
                continue;
            }
            let named = |text: &str| text[1..].starts_with(|c: char| c.is_ascii_alphabetic());
            if character == '{' && named(text) {
                return Err("it knows {key}, {value}, {key64} and {value64}".to_owned());
            }
            plain.push(character);
            text = &text[character.len_utf8()..];
        }
        parts.push(Part::Text(plain));
        parts.retain(|part| *part != Part::Text(String::new()));
        Ok(Self(parts))
    }

    /// The same behind some other text.
    pub(super) fn after(&self, text: &str) -> Self {
        let mut parts = self.0.clone();
        parts.insert(0, Part::Text(text.to_owned()));
        Self(parts)
    }

    /// With its places filled. What is nothing but the value is not copied.
    pub(super) fn text(&self, key: &str, value: &Bytes) -> Bytes {
        match self.0.as_slice() {
            [] => return Bytes::new(),
            [Part::Value] => return value.clone(),
            _ => {}
        }
        let mut text = Vec::with_capacity(64 + key.len() + value.len());
        for part in &self.0 {
            match part {
                Part::Text(plain) => text.extend_from_slice(plain.as_bytes()),
                Part::Key => escape(key, &mut text),
                Part::Value => text.extend_from_slice(value),
                Part::Key64 => text.extend_from_slice(base64::encode(key.as_bytes()).as_bytes()),
                Part::Value64 => text.extend_from_slice(base64::encode(value).as_bytes()),
            }
        }
        text.into()
    }
}

/// Percent-encodes all but RFC 3986's unreserved characters.
fn escape(key: &str, text: &mut Vec<u8>) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if key.bytes().all(plain) {
        return text.extend_from_slice(key.as_bytes());
    }
    let mut escaped = String::new();
    for byte in key.bytes() {
        if plain(byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    text.extend_from_slice(escaped.as_bytes());
}
