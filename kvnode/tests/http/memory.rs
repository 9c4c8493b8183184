//! A plain map in the place of a node, which can be told to refuse or to wait.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use hashring::{Id, NodeName};
use kvnode::handover::message::{Malformed, Message};
use kvnode::http::Service;
use kvnode::node::{Operation, Read, Refused, Route, Write, Written};
use kvnode::protocol::{Beat, Census, CensusQuestion, Status};
use kvnode::store::record::Record;
use kvnode::version::Version;
use tokio::sync::{Semaphore, mpsc};

/// Tue, 15 Nov 1994 12:45:26 GMT, and 900 ms: when everything is written.
pub(crate) const WRITTEN_MS: u64 = 784_903_526_900;

#[derive(Clone)]
pub(crate) struct Memory(Arc<Inner>);

struct Inner {
    name: NodeName,
    records: Mutex<BTreeMap<Vec<u8>, Record>>,
    versions: Mutex<u64>,
    refuse: Mutex<Option<Refused>>,
    routes: Mutex<Vec<Route>>,
    /// A write takes one permit and keeps it; normally there are plenty.
    gate: Semaphore,
    arrived: mpsc::UnboundedSender<()>,
}

impl Memory {
    /// A map that is called `name`, and news of each write that reached it.
    pub(crate) fn new(name: &str) -> (Self, mpsc::UnboundedReceiver<()>) {
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let inner = Inner {
            name: name.parse().unwrap(),
            records: Mutex::default(),
            versions: Mutex::new(0),
            refuse: Mutex::default(),
            routes: Mutex::default(),
            gate: Semaphore::new(1_000_000),
            arrived,
        };
        (Self(Arc::new(inner)), arrivals)
    }

    /// From now on everything is refused so.
    pub(crate) fn refuse(&self, refused: Refused) {
        *self.0.refuse.lock().unwrap() = Some(refused);
    }

    /// From now on writes wait for [`let_through`](Self::let_through).
    pub(crate) fn hold_writes(&self) {
        self.0.gate.forget_permits(usize::MAX);
    }

    pub(crate) fn let_through(&self, writes: usize) {
        self.0.gate.add_permits(writes);
    }

    /// The routes of all requests so far.
    pub(crate) fn routes(&self) -> Vec<Route> {
        self.0.routes.lock().unwrap().clone()
    }

    /// What is stored under a key.
    pub(crate) fn record(&self, key: &[u8]) -> Option<Record> {
        self.0.records.lock().unwrap().get(key).cloned()
    }

    pub(crate) fn keys(&self) -> Vec<Vec<u8>> {
        self.0.records.lock().unwrap().keys().cloned().collect()
    }

    fn admit(&self, route: &Route) -> Result<(), Refused> {
        self.0.routes.lock().unwrap().push(route.clone());
        self.0.refuse.lock().unwrap().clone().map_or(Ok(()), Err)
    }

    fn apply(&self, write: Write) -> Written {
        let mut records = self.0.records.lock().unwrap();
        let current = records.get(&write.key[..]).map(|it| (it.version, it.modified_ms));
        if !write.conditions.allow_write(current) {
            return Written::PreconditionFailed;
        }
        let Operation::Put { content_type, content_encoding, value } = write.operation else {
            return if records.remove(&write.key[..]).is_some() { Written::Deleted } else { Written::Absent };
        };
        let mut last = self.0.versions.lock().unwrap();
        *last += 1;
        let version = Version(*last);
        let record =
            Record { version, modified_ms: WRITTEN_MS, expiry_ms: 0, content_type, content_encoding, value };
        match records.insert(write.key.to_vec(), record) {
            None => Written::Created(version),
            Some(_) => Written::Replaced(version),
        }
    }
}

impl Service for Memory {
    fn name(&self) -> &NodeName {
        &self.0.name
    }

    fn epoch(&self) -> u64 {
        7
    }

    async fn write(&self, write: Write, route: &Route) -> Result<Written, Refused> {
        self.admit(route)?;
        let _ = self.0.arrived.send(());
        self.0.gate.acquire().await.unwrap().forget();
        Ok(self.apply(write))
    }

    async fn read(&self, key: &[u8], route: &Route) -> Result<Read, Refused> {
        self.admit(route)?;
        Ok(self.record(key))
    }

    async fn beat(&self, beat: Beat) -> Result<Status, Refused> {
        let status = Status {
            name: self.0.name.clone(),
            id: Id(1),
            boot: Id(2),
            known_boots: vec![Id(2)],
            cluster: Some(beat.cluster),
            history: None,
            decider: None,
            epoch: 7,
            points: None,
            serving: true,
            records: 0,
            bytes: 0,
            refusal: None,
            moves: vec![],
            cleaned: None,
            vitals: None,
        };
        self.0.refuse.lock().unwrap().clone().map_or(Ok(status), Err)
    }

    async fn take_move(&self, message: Bytes) -> Result<Option<Bytes>, Malformed> {
        // Real messages are not needed here; one of one byte is taken for a malformed one.
        if message.len() == 1 {
            return Message::decode(message).map(|_| None);
        }
        Ok((!message.is_empty()).then(|| Bytes::from([b"took ", &message[..]].concat())))
    }

    async fn census(&self, _: CensusQuestion) -> Result<Census, Refused> {
        self.0.refuse.lock().unwrap().clone().map_or_else(|| Ok(Census::default()), Err)
    }
}
