//! The problem types: one line for each. A client need not know which process answered it, so node and proxy take the
//! type, its status and its title from here; `docs/http.md` tells the same list with what to do about each.

use http::StatusCode;

macro_rules! kinds {
    ($($name:ident = $status:ident $slug:literal $title:literal;)+) => {
        /// A problem type (RFC 9457 3.1.1): what programs tell problems apart by.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Kind {
            $(#[doc = concat!("`", $slug, "`: ", $title, ".")] $name,)+
        }

        impl Kind {
            /// All of them, by status.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            const fn facts(self) -> (StatusCode, &'static str, &'static str) {
                match self {
                    $(Self::$name => (StatusCode::$status, $slug, $title),)+
                }
            }
        }
    };
}

impl Kind {
    /// The status of every answer with this problem.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.facts().0
    }

    /// The type's name, without the URN before it: a stable name that programs may rely on.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        self.facts().1
    }

    /// What it is, in words that are the same every time (RFC 9457 3.1.3).
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.facts().2
    }
}

// 503 is for what surely had no effect and may work later: after it clients repeat a request, writes too. What may have
// had an effect is 500 where the node itself does not know, and 502 or 504 where whoever asked it does not.
kinds! {
    BadBody = BAD_REQUEST "bad-body" "The body is cut off or wrongly framed";
    BadCondition = BAD_REQUEST "bad-condition" "A condition cannot be read";
    BadEscape = BAD_REQUEST "bad-escape" "The query has a bad escape";
    BadField = BAD_REQUEST "bad-field" "A field cannot be kept with the value";
    BadHost = BAD_REQUEST "bad-host" "The Host field is missing or wrong";
    BadIdempotencyKey = BAD_REQUEST "bad-idempotency-key" "The Idempotency-Key cannot be used";
    BadJson = BAD_REQUEST "bad-json" "The body is not the JSON that is expected here";
    BadMove = BAD_REQUEST "bad-move" "The message of a move cannot be read";
    BadQuery = BAD_REQUEST "bad-query" "The query cannot be used";
    BadTarget = BAD_REQUEST "bad-target" "The request target makes no sense here";
    InvalidFields = BAD_REQUEST "invalid-fields" "Some of the fields are wrong";
    KeyEmpty = BAD_REQUEST "key-empty" "The key is empty";
    KeyMissing = BAD_REQUEST "key-missing" "The request names no key";
    KeyRepeated = BAD_REQUEST "key-repeated" "The request names more than one key";
    KeyTooLong = BAD_REQUEST "key-too-long" "The key is too long";
    MalformedOrder = BAD_REQUEST "malformed-order" "The order lacks what it needs";
    PartialPut = BAD_REQUEST "partial-put" "A value is only written whole";

    TokenNeeded = UNAUTHORIZED "token-needed" "The admin token is needed";

    AdminRefused = FORBIDDEN "admin-refused" "Only programs on this machine may administer";
    NoSecret = FORBIDDEN "no-secret" "This node has no cluster secret";
    WrongSecret = FORBIDDEN "wrong-secret" "The cluster secret is missing or wrong";

    InnerPath = NOT_FOUND "inner-path" "There is nothing for clients here";
    NoAdminHere = NOT_FOUND "no-admin-here" "The admin plane is not on this port";
    NoSuchKey = NOT_FOUND "no-such-key" "There is no record with this key";
    UnknownChange = NOT_FOUND "unknown-change" "There is no such change";
    UnknownNode = NOT_FOUND "unknown-node" "There is no such node";
    UnknownPath = NOT_FOUND "unknown-path" "There is nothing at this path";

    MethodNotAllowed = METHOD_NOT_ALLOWED "method-not-allowed" "This path does not take this method";
    NoTrace = METHOD_NOT_ALLOWED "no-trace" "TRACE is not answered";

    NotText = NOT_ACCEPTABLE "not-text" "The value is not UTF-8 text";

    SlowBody = REQUEST_TIMEOUT "slow-body" "The body did not come in time";

    AmbiguousPort = CONFLICT "ambiguous-port" "The port fits more than one node";
    ChangeCancelled = CONFLICT "change-cancelled" "The change was cancelled";
    ChangeEnded = CONFLICT "change-ended" "The change has ended";
    ChangeFailed = CONFLICT "change-failed" "The change could not be carried out";
    EmptyRing = CONFLICT "empty-ring" "Nobody owns any key";
    IdempotencyKeyReused = CONFLICT "idempotency-key-reused" "The Idempotency-Key belongs to another order";
    LastNode = CONFLICT "last-node" "Nobody would be left to hold the keys";
    NameDiffers = CONFLICT "name-differs" "The node has another name";
    NameInUse = CONFLICT "name-in-use" "Another node has this name";
    NoAutoJoin = CONFLICT "no-auto-join" "Nodes do not join by themselves here";
    NoKvnode = CONFLICT "no-kvnode" "No node of this cluster's secret answers there";
    NoLocalNodes = CONFLICT "no-local-nodes" "This proxy starts no nodes";
    NoSealAwaited = CONFLICT "no-seal-awaited" "Nobody waits for the seal of this node";
    NotDead = CONFLICT "not-dead" "The node answers, so it is not dead";
    NotEmpty = CONFLICT "not-empty" "The node holds records of its own";
    NotStopped = CONFLICT "not-stopped" "The node answers, so it is not stopped";
    NotSwitched = CONFLICT "not-switched" "The ring has not switched yet";
    OtherCluster = CONFLICT "other-cluster" "The node belongs to another cluster";
    RemovedWithoutForce = CONFLICT "removed-without-force" "The node is being removed without force";
    RingTooLarge = CONFLICT "ring-too-large" "The ring would be too large";
    UrlInUse = CONFLICT "url-in-use" "Another node has this address";
    WasRemoved = CONFLICT "was-removed" "The node was removed from this cluster before";

    PreconditionFailed = PRECONDITION_FAILED "precondition-failed" "A condition does not hold";

    BodyTooLarge = PAYLOAD_TOO_LARGE "body-too-large" "The body is too large";
    ValueTooLarge = PAYLOAD_TOO_LARGE "value-too-large" "The value is too large";

    NotJson = UNSUPPORTED_MEDIA_TYPE "not-json" "The body must be JSON";

    NoSuchRange = RANGE_NOT_SATISFIABLE "no-such-range" "The value has no such range";

    NotOwner = MISDIRECTED_REQUEST "not-owner" "Another node owns this key";

    LargeHead = REQUEST_HEADER_FIELDS_TOO_LARGE "large-head" "The request's fields are too large";

    DamagedRecord = INTERNAL_SERVER_ERROR "damaged-record" "The record is damaged";
    Internal = INTERNAL_SERVER_ERROR "internal" "Keyway made a mistake";
    OutcomeUnknown = INTERNAL_SERVER_ERROR "outcome-unknown" "Whether the write was applied is unknown";
    Stopping = INTERNAL_SERVER_ERROR "stopping" "The proxy is stopping; whether the order was taken is unknown";

    NoTunnels = NOT_IMPLEMENTED "no-tunnels" "This is no tunnel";

    ConnectionLost = BAD_GATEWAY "connection-lost" "The connection to the owner was lost before it answered";

    Halted = SERVICE_UNAVAILABLE "halted" "Nothing is decided here at present";
    Starting = SERVICE_UNAVAILABLE "starting" "The proxy has just started";
    NoFreePort = SERVICE_UNAVAILABLE "no-free-port" "There is no port for another node";
    NoOwner = SERVICE_UNAVAILABLE "no-owner" "No node owns this key";
    NoVersions = SERVICE_UNAVAILABLE "no-versions" "The node has no versions left for writes";
    NotTaken = SERVICE_UNAVAILABLE "not-taken" "The owner of this key did not take the request";
    NotYet = SERVICE_UNAVAILABLE "not-yet" "The key cannot be served yet";
    Overloaded = SERVICE_UNAVAILABLE "overloaded" "Too much is under way";
    OwnerDown = SERVICE_UNAVAILABLE "owner-down" "The owner of this key is down";
    RingChanging = SERVICE_UNAVAILABLE "ring-changing" "The owner of this key is changing";
    Stopped = SERVICE_UNAVAILABLE "stopped" "The node is stopping";
    TooManyConnections = SERVICE_UNAVAILABLE "too-many-connections" "Too many connections are open";
    ViewNotWritten = SERVICE_UNAVAILABLE "view-not-written" "The decision could not be written to the disk";

    NoAnswer = GATEWAY_TIMEOUT "no-answer" "The owner of this key did not answer in time";

    DiskFull = INSUFFICIENT_STORAGE "disk-full" "The disk is full";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// Type and status in the tables of the manual: lines such as "| `a`, `b` | 400 | ...".
    fn documented() -> BTreeMap<String, u16> {
        let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/http.md");
        let manual = std::fs::read_to_string(manual).unwrap();
        let (_, tables) = manual.split_once("\n## Problems\n").unwrap();
        let mut found = BTreeMap::new();
        for line in tables.lines() {
            let mut cells = line.split(" | ").map(str::trim);
            let (Some(types), Some(status)) = (cells.next(), cells.next()) else { continue };
            let Ok(status) = status.parse() else { continue };
            for slug in types.trim_start_matches("| ").split(", ") {
                let before = found.insert(slug.trim_matches('`').to_owned(), status);
                assert!(before.is_none_or(|before| before == status), "{slug} has two statuses");
            }
        }
        found
    }

    #[test]
    fn the_manual_lists_exactly_the_types_that_there_are_with_their_status() {
        let ours = Kind::ALL.iter().map(|kind| (kind.slug().to_owned(), kind.status().as_u16()));
        assert_eq!(documented(), ours.collect());
    }

    #[test]
    fn no_two_types_share_a_name_or_a_title() {
        let names: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.slug()).collect();
        let titles: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.title()).collect();
        assert_eq!((names.len(), titles.len()), (Kind::ALL.len(), Kind::ALL.len()));
    }
}
