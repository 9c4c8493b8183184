//! The text of a view file: one JSON object whose first members vouch for the rest.
//!
//! `{"format":1,"checksum":"<32 hex>","view":{...}}` and a newline. The checksum is taken over the bytes of
//! the view as they stand in the file, and everything around them is compared byte for byte, so no changed
//! byte goes unnoticed and the file can still be read with any JSON tool.

use hashring::{Id, View};
use xxhash_rust::xxh3::xxh3_128;

/// The format of the file (not of the view inside, which has its own).
const FILE_FORMAT: u32 = 1;

const OPEN: &str = "{\"format\":";
const CHECKSUM: &str = ",\"checksum\":\"";
const VIEW: &str = "\",\"view\":";
const CLOSE: &str = "}\n";

/// Why a text is not a view that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// Cut short, or bytes were changed.
    #[error("it is damaged ({0})")]
    Damaged(String),
    /// Written by another version of the program.
    #[error("its format is {found}, and this program reads only format {known}")]
    Format {
        /// What the file says.
        found: u32,
        /// What this program reads.
        known: u32,
    },
}

/// The text that stands for `view`.
pub(super) fn encode(view: &View) -> Result<String, serde_json::Error> {
    let json = serde_json::to_string(view)?;
    let checksum = Id(xxh3_128(json.as_bytes()));
    Ok(format!("{OPEN}{FILE_FORMAT}{CHECKSUM}{checksum}{VIEW}{json}{CLOSE}"))
}

/// The view that `text` stands for.
pub(super) fn decode(text: &[u8]) -> Result<View, FormatError> {
    let damaged = |what: &str| FormatError::Damaged(what.to_owned());
    let text = std::str::from_utf8(text).map_err(|_| damaged("not UTF-8"))?;
    if text.is_empty() {
        return Err(damaged("empty"));
    }
    let rest = text.strip_prefix(OPEN).ok_or_else(|| damaged("it does not begin like a view file"))?;
    let (format, rest) = rest.split_once(CHECKSUM).ok_or_else(|| damaged("no checksum"))?;
    // Strict digits: `+1` and `01` parse as the same number but are not what was written.
    let format = format
        .parse::<u32>()
        .ok()
        .filter(|number| number.to_string() == format)
        .ok_or_else(|| damaged("no format number"))?;
    if format != FILE_FORMAT {
        return Err(FormatError::Format { found: format, known: FILE_FORMAT });
    }
    let (checksum, rest) = rest.split_once(VIEW).ok_or_else(|| damaged("no view"))?;
    let json = rest.strip_suffix(CLOSE).ok_or_else(|| damaged("cut short"))?;
    if Id(xxh3_128(json.as_bytes())).to_string() != checksum {
        return Err(damaged("the checksum does not fit the contents"));
    }
    let view: View = serde_json::from_str(json).map_err(|error| unreadable(json, &error))?;
    if view.format == hashring::view::FORMAT {
        Ok(view)
    } else {
        Err(FormatError::Format { found: view.format.into(), known: hashring::view::FORMAT.into() })
    }
}

/// A view whose bytes are as they were written but that does not parse is one of another format.
fn unreadable(json: &str, error: &serde_json::Error) -> FormatError {
    #[derive(serde::Deserialize)]
    struct Numbered {
        format: u32,
    }
    match serde_json::from_str::<Numbered>(json) {
        Ok(Numbered { format }) if format != u32::from(hashring::view::FORMAT) => {
            FormatError::Format { found: format, known: hashring::view::FORMAT.into() }
        }
        _ => FormatError::Damaged(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> String {
        encode(&View::first(Id(7), Id(8), 4096)).unwrap()
    }

    #[test]
    fn a_view_survives_being_written_and_read() {
        assert_eq!(decode(small().as_bytes()), Ok(View::first(Id(7), Id(8), 4096)));
    }

    #[test]
    fn the_file_is_ordinary_json() {
        let value: serde_json::Value = serde_json::from_str(&small()).unwrap();
        assert_eq!(value["view"]["epoch"], 1);
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let good = small().into_bytes();
        for at in 0..good.len() {
            for change in 1..=255_u8 {
                let mut bad = good.clone();
                bad[at] ^= change;
                assert!(decode(&bad).is_err(), "byte {at} ^ {change}: {}", String::from_utf8_lossy(&bad));
            }
        }
    }

    #[test]
    fn every_truncation_is_noticed() {
        let good = small().into_bytes();
        for length in 0..good.len() {
            assert!(decode(&good[..length]).is_err(), "cut to {length}");
        }
        assert!(decode(&[good.as_slice(), b"\n"].concat()).is_err(), "something appended");
    }

    #[test]
    fn another_format_is_named() {
        let newer_file = small().replace("{\"format\":1,\"checksum\"", "{\"format\":2,\"checksum\"");
        assert_eq!(decode(newer_file.as_bytes()), Err(FormatError::Format { found: 2, known: 1 }));

        let mut view = serde_json::to_value(View::first(Id(7), Id(8), 4096)).unwrap();
        view["format"] = 9.into();
        view["something-new"] = true.into();
        let json = view.to_string();
        let checksum = Id(xxh3_128(json.as_bytes()));
        let newer_view = format!("{OPEN}1{CHECKSUM}{checksum}{VIEW}{json}{CLOSE}");
        assert_eq!(decode(newer_view.as_bytes()), Err(FormatError::Format { found: 9, known: 1 }));
    }
}
