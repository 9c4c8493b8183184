//! What a node reads besides: messages of a move, records from its disk, views and beats in JSON, keys from queries.

#![no_main]

use bytes::Bytes;
use hashring::{Position, View, query};
use kvnode::handover::message::{Ack, Message};
use kvnode::protocol::{Beat, Status};
use kvnode::store::record::{Record, StoreKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((kind, rest)) = input.split_first() else { return };
    let bytes = Bytes::copy_from_slice(rest);
    match kind % 5 {
        0 => {
            if let Ok(message) = Message::decode(bytes) {
                assert_eq!(Message::decode(message.encode()).as_ref(), Ok(&message));
            }
        }
        1 => drop(Ack::decode(bytes)),
        2 => {
            let (key, stored) = rest.split_at(rest.len().min(usize::from(rest.first().copied().unwrap_or(0)) % 17));
            let key = StoreKey::of(key);
            if let Ok(record) = Record::decode(&key, Bytes::copy_from_slice(stored)) {
                assert_eq!(Record::decode(&key, record.encode(&key)), Ok(record));
            }
        }
        3 => {
            let _ = serde_json::from_slice::<View>(rest);
            let _ = serde_json::from_slice::<Beat>(rest);
            let _ = serde_json::from_slice::<Status>(rest);
        }
        _ => {
            let Ok(text) = std::str::from_utf8(rest) else { return };
            if let Ok(key) = query::key(Some(text)) {
                assert!(!key.is_empty() && key.len() <= 1024);
                let _ = Position::of(&key);
            }
            query::parameters(Some(text)).for_each(drop);
        }
    }
});
