//! A change to try texts with.

use serde_json::{Value, json};

use crate::admin::documents::Change;

/// A removal of n2 that is done, but for what `members` says.
pub(super) fn change(members: Value) -> Change {
    let mut document = json!({
        "id": 7, "kind": "remove-server", "node": "n2", "weight": 0, "state": "done", "force": false,
        "requested_at": "2026-11-21T16:55:03.250Z", "keys": {"done": 0, "total": 0}, "bytes": {"done": 0, "total": 0},
        "rate": null, "moves": [], "receipt": [],
    });
    if let (Value::Object(document), Value::Object(members)) = (&mut document, members) {
        document.extend(members);
    }
    serde_json::from_value(document).unwrap()
}
