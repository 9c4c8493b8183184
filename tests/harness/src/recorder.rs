//! Clients that may all write the same keys. Each keeps what it was told; a judge looks at it afterwards.

use std::time::Instant;

use bytes::Bytes;
use checkers::entry::{Asked as Verb, Entry, NEVER, digest};
use checkers::{OnlyIf, Told};

use crate::answer::Answer;
use crate::client::{Asked, Client, Lost};

/// One client and what it was told. It does one operation at a time.
#[derive(Debug)]
pub struct Recorder {
    client: Client,
    begun: Instant,
    entries: Vec<Entry>,
}

/// What to ask for.
#[derive(Debug, Clone)]
pub enum Wish {
    /// The value.
    Get,
    /// To store this value, which no other operation stores.
    Put(Bytes, OnlyIf),
    /// To remove the value.
    Delete(OnlyIf),
}

impl Recorder {
    /// Recorders whose entries are to be judged together share `begun`.
    #[must_use]
    pub fn new(client: Client, begun: Instant) -> Self {
        Self { client, begun, entries: Vec::new() }
    }

    /// What it was told so far.
    #[must_use]
    pub fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    /// Does one operation on a key, which has this name and this number, and keeps what came back.
    ///
    /// # Errors
    /// The answer, where it is none that this operation can get, not even from a server in trouble.
    pub async fn ask(&mut self, name: &str, key: u32, wish: &Wish) -> Result<Entry, Box<Answer>> {
        let asked = self.request(name, wish);
        let start = self.now();
        let answer = asked.try_send().await;
        let mut entry = entry(wish, &answer);
        (entry.key, entry.start) = (key, start);
        if entry.told == Told::Nothing {
            if let Ok(answer) = answer
                && !answer.is_trouble()
            {
                return Err(Box::new(answer));
            }
        } else {
            entry.end = self.now();
        }
        self.entries.push(entry);
        Ok(entry)
    }

    fn request(&self, name: &str, wish: &Wish) -> Asked {
        let (asked, only_if) = match wish {
            Wish::Get => (self.client.get(name), OnlyIf::Always),
            Wish::Put(value, only_if) => (self.client.put(name, value.clone()), *only_if),
            Wish::Delete(only_if) => (self.client.delete(name), *only_if),
        };
        match only_if {
            OnlyIf::Always => asked,
            OnlyIf::Absent => asked.header("if-none-match", "*"),
            OnlyIf::Is(version) => asked.header("if-match", &format!("\"{version:016x}\"")),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(NEVER)
    }
}

/// What an answer tells; without times and key.
fn entry(wish: &Wish, answer: &Result<Answer, Lost>) -> Entry {
    let status = answer.as_ref().map_or(0, |answer| answer.status);
    let told = match (wish, status) {
        (Wish::Get, 200) | (Wish::Put(..) | Wish::Delete(_), 204) => Told::WasPresent,
        (Wish::Get | Wish::Delete(_), 404) | (Wish::Put(..), 201) => Told::WasAbsent,
        (Wish::Put(..) | Wish::Delete(_), 412) => Told::Refused,
        _ => Told::Nothing,
    };
    let (asked, only_if, value) = match (wish, answer) {
        (Wish::Get, Ok(answer)) if told == Told::WasPresent => {
            (Verb::Get, OnlyIf::Always, digest(&answer.body))
        }
        (Wish::Get, _) => (Verb::Get, OnlyIf::Always, 0),
        (Wish::Put(value, only_if), _) => (Verb::Put, *only_if, digest(value)),
        (Wish::Delete(only_if), _) => (Verb::Delete, *only_if, 0),
    };
    // The tag of a record comes with a value that is there.
    let tagged = told.happened() && value != 0;
    let version = answer.as_ref().ok().filter(|_| tagged).and_then(Answer::version).unwrap_or(0);
    Entry { start: 0, end: NEVER, value, version, only_if, key: 0, asked, told }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;

    fn told(wish: &Wish, status: u16) -> Entry {
        let mut headers = HeaderMap::new();
        headers.insert("etag", "\"000000000000002a\"".parse().unwrap());
        let status = StatusCode::from_u16(status).unwrap();
        entry(wish, &Ok(Answer::new("test".to_owned(), status, headers, Bytes::from_static(b"v"))))
    }

    #[test]
    fn answers_are_kept_as_what_they_tell() {
        let put = Wish::Put(Bytes::from_static(b"v"), OnlyIf::Absent);
        let delete = Wish::Delete(OnlyIf::Is(7));
        let value = digest(b"v");
        let brief = |entry: Entry| (entry.told, entry.value, entry.version);
        assert_eq!(brief(told(&Wish::Get, 200)), (Told::WasPresent, value, 42));
        assert_eq!(brief(told(&Wish::Get, 404)), (Told::WasAbsent, 0, 0));
        assert_eq!(brief(told(&put, 201)), (Told::WasAbsent, value, 42));
        assert_eq!(brief(told(&put, 204)), (Told::WasPresent, value, 42));
        assert_eq!(brief(told(&put, 412)), (Told::Refused, value, 0));
        assert_eq!(brief(told(&delete, 204)), (Told::WasPresent, 0, 0));
        assert_eq!(brief(told(&delete, 404)), (Told::WasAbsent, 0, 0));
        for wish in [&Wish::Get, &put, &delete] {
            assert_eq!(told(wish, 503).told, Told::Nothing);
            assert!(!told(wish, 200).answered() || matches!(wish, Wish::Get));
        }
        assert_eq!(told(&put, 503).value, value, "it may have been stored");
    }
}
