//! What the writer must not wait for: sending to new owners, reading pages, counting.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hashring::{NodeName, RangeSet};
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::runtime::Handle;

use crate::background;
use crate::client::Client;
use crate::core::Command;
use crate::handover::message::{Ack, Message};
use crate::protocol::{MOVE_PATH, SECRET_HEADER, Side};
use crate::store::engine::{Engine, Limit};
use crate::store::ranges::{count, page};
use crate::store::record::StoreKey;
use crate::writer::Queue;

/// How long one message may take, its sync at the receiver included.
const MESSAGE_DEADLINE: Duration = Duration::from_secs(2);

/// Rests in the middle of long work, as long as the last part of it took, while clients write.
struct Breath<'a> {
    queue: &'a Queue,
    writes: u64,
    since: Instant,
}

impl<'a> Breath<'a> {
    fn new(queue: &'a Queue) -> Self {
        Self { queue, writes: queue.writes(), since: Instant::now() }
    }

    fn take(&mut self) {
        let writes = self.queue.writes();
        if writes != self.writes {
            std::thread::sleep(self.since.elapsed());
        }
        (self.writes, self.since) = (writes, Instant::now());
    }
}

/// Does the writer's errands on the runtime, and queues what comes of them.
#[derive(Debug, Clone)]
pub(crate) struct Courier {
    pub(crate) runtime: Handle,
    pub(crate) queue: Queue,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) client: Client,
    /// The cluster's secret, as a header value.
    pub(crate) secret: Option<HeaderValue>,
}

impl Courier {
    pub(crate) fn send(&self, to: NodeName, url: String, message: Message) {
        let courier = self.clone();
        self.runtime.spawn(async move {
            let (session, sequence) = (message.session, message.sequence);
            let result = courier.post(&url, message.encode()).await;
            courier.queue.push(Command::Answered { to, session, sequence, result });
        });
    }

    async fn post(&self, url: &str, body: Bytes) -> Result<Ack, String> {
        let mut headers = HeaderMap::new();
        if let Some(secret) = &self.secret {
            headers.insert(SECRET_HEADER, secret.clone());
        }
        let sent = self.client.post(url, MOVE_PATH, headers, body, MESSAGE_DEADLINE).await;
        match sent.map_err(|error| error.to_string())? {
            (StatusCode::OK, body) => Ack::decode(body).map_err(|malformed| malformed.to_string()),
            (status, body) => {
                let said = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
                Err(format!("{url} answered {status}: {said}"))
            }
        }
    }

    pub(crate) fn read(
        &self,
        to: NodeName,
        session: u64,
        ranges: Arc<RangeSet>,
        from: (Option<StoreKey>, Limit),
    ) {
        let (engine, queue) = (Arc::clone(&self.engine), self.queue.clone());
        let told = to.clone();
        let begun = background::run("pages", move || {
            let read = page(&*engine, &ranges, from.0.as_ref(), from.1);
            let read = read.map_err(|error| error.to_string());
            queue.push(Command::Page { to, session, read });
        });
        if let Err(error) = begun {
            self.queue.push(Command::Page { to: told, session, read: Err(error.to_string()) });
        }
    }

    /// Counts from the state at this call.
    pub(crate) fn count(&self, peer: NodeName, side: Side, session: u64, ranges: Arc<RangeSet>) {
        let state = self.engine.snapshot();
        let (queue, told) = (self.queue.clone(), peer.clone());
        let begun = background::run("count", move || {
            let mut breath = Breath::new(&queue);
            let tally = count(&*state, &ranges, || breath.take()).map_err(|error| error.to_string());
            queue.push(Command::Counted { peer, side, session, tally });
        });
        if let Err(error) = begun {
            self.queue.push(Command::Counted { peer: told, side, session, tally: Err(error.to_string()) });
        }
    }
}
