//! Parts of a request's way, each done again and again.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hashring::ring::DEFAULT_POINTS;
use hashring::{Id, Member, Position, Ring, query};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use kvnode::core::{Command, Core, Identity, Now};
use kvnode::link::frame::{Frame, Header, Kind};
use kvnode::link::head::{Ask, Asked, put_answer, take_answer};
use kvnode::node::{Operation, Route, Write};
use kvnode::store::cache::ReadCache;
use kvnode::store::engine::memory::MemoryEngine;
use kvnode::store::record::{Record, StoreKey};
use kvnode::version::Version;

use crate::counted::{Count, Failure, threads, valgrind};

/// Counts the instructions of one of them.
pub(crate) fn count(name: &'static str) -> Result<Count, Failure> {
    let (few, many) = match name {
        "ring-build-30" => (1, 3),
        _ => (100, 1100),
    };
    Count::between((few, run(name, few)?), (many, run(name, many)?))
}

fn run(name: &str, times: u32) -> Result<u64, Failure> {
    let folder = tempfile::tempdir()?;
    let mut command = valgrind(&std::env::current_exe()?, folder.path());
    command.args(["--work", name, &times.to_string()]);
    let status = command.status().map_err(|error| Failure::start(&error))?;
    if !status.success() {
        return Err(Failure::new(format!("the work ended with {status}")));
    }
    Ok(threads(folder.path())?.iter().sum())
}

/// Does it so often; `None` where there is no such part.
pub(crate) fn work(name: &str, times: u32) -> Option<()> {
    match name {
        "ring-lookup-10" => lookups(&ring(10)?, times),
        "ring-lookup-300" => lookups(&ring(300)?, times),
        "ring-build-30" => (0..times).for_each(|_| drop(black_box(ring(30)))),
        "key-and-position" => (0..times).for_each(|_| key_and_position()),
        "record-encode-decode" => records(times),
        "link-request" => link_requests(times),
        "link-answer" => link_answers(times),
        "commit-64" => commits(times)?,
        _ => return None,
    }
    Some(())
}

fn ring(nodes: u32) -> Option<Ring> {
    let members = (1..=nodes).map(|n| Some(Member { name: format!("n{n}").parse().ok()?, weight: 1 }));
    Ring::try_new(DEFAULT_POINTS, members.collect::<Option<Vec<_>>>()?).ok()
}

fn lookups(ring: &Ring, times: u32) {
    for n in 0..u64::from(times) {
        // Positions all over the ring, the same each time.
        let position = Position(n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        black_box(ring.owner_index(black_box(position)));
    }
}

fn key_and_position() {
    if let Ok(key) = query::key(black_box(Some("key=user:12345&trace=abcdef0123456789"))) {
        black_box(Position::of(&key));
    }
}

fn record() -> (StoreKey, Record) {
    let record = Record {
        version: Version(1 << 40),
        modified_ms: 1_700_000_000_000,
        expiry_ms: 0,
        content_type: None,
        content_encoding: None,
        value: Bytes::from_static(&[b'x'; 100]),
    };
    (StoreKey::of(b"user:12345"), record)
}

fn records(times: u32) {
    let (key, record) = record();
    for _ in 0..times {
        let _ = black_box(Record::decode(&key, black_box(&record).encode(&key)));
    }
}

fn frame(kind: Kind, payload: &BytesMut, buffer: &mut BytesMut) -> Option<Frame> {
    buffer.extend_from_slice(&Header::new(kind, 7).ending(true).encode(payload.len()));
    buffer.extend_from_slice(payload);
    Frame::take(buffer).ok().flatten()
}

fn link_requests(times: u32) {
    let mut fields = HeaderMap::new();
    fields.insert("host", HeaderValue::from_static("127.0.0.1:5000"));
    fields.insert("user-agent", HeaderValue::from_static("a client"));
    fields.insert("if-none-match", HeaderValue::from_static("\"10000000000\""));
    let (mut payload, mut buffer) = (BytesMut::new(), BytesMut::with_capacity(1 << 16));
    for _ in 0..times {
        payload.clear();
        let target = "/kv?key=user:12345";
        let ask = Ask { epoch: 7, length: Some(0), method: &Method::GET, target, fields: &fields };
        let _ = ask.put(&mut payload);
        let taken = frame(Kind::Request, &payload, &mut buffer);
        black_box(taken.map(|frame| Asked::take(frame.payload)));
    }
}

fn link_answers(times: u32) {
    let mut answer = Response::new(());
    *answer.status_mut() = StatusCode::OK;
    for (name, value) in [
        ("etag", "\"10000000000\""),
        ("cache-control", "no-cache"),
        ("content-type", "application/octet-stream"),
        ("last-modified", "Tue, 14 Nov 2023 22:13:20 GMT"),
        ("accept-ranges", "bytes"),
        ("content-length", "100"),
    ] {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    let (mut payload, mut buffer) = (BytesMut::new(), BytesMut::with_capacity(1 << 16));
    for _ in 0..times {
        payload.clear();
        let _ = put_answer(&mut payload, answer.status(), answer.headers());
        payload.extend_from_slice(&[b'x'; 100]);
        let taken = frame(Kind::Answer, &payload, &mut buffer);
        black_box(taken.map(|frame| take_answer(frame.payload)));
    }
}

/// Batches of 64 writes of a node that stands alone, on an engine in memory: what the writer does besides the disk.
fn commits(times: u32) -> Option<()> {
    const KEYS: u32 = 10_000;
    let identity = Identity { name: "n1".parse().ok()?, id: Id(1), boot: Id(2), joins: false };
    let cache = Arc::new(ReadCache::new(64 << 20));
    let mut core = Core::open(Arc::new(MemoryEngine::new()), cache, identity).ok()?;
    let now = Now { steady: Duration::ZERO, wall_ms: 1_700_000_000_000 };
    for number in 0..times * 64 {
        let value = Bytes::from_static(&[b'x'; 100]);
        let operation = Operation::Put { content_type: None, content_encoding: None, value };
        // Far apart, so that no batch has a key twice.
        let key = format!("key{}", number.wrapping_mul(7919) % KEYS).into();
        let write = Write { key, operation, conditions: Default::default() };
        core.handle(Command::Write(write, Route::default(), ()), now).ok()?;
        if number % 64 == 63 {
            black_box(core.commit(now).ok()?);
        }
    }
    Some(())
}
