//! What the HTTP side needs of a node; tests put a plain map in its place.

use bytes::Bytes;
use hashring::NodeName;

use crate::handover::message::Malformed;
use crate::node::{Node, Read, Refused, Route, Write, Written};
use crate::protocol::{Beat, Census, CensusQuestion, Status};

/// What the HTTP side needs of a node.
pub trait Service: Clone + Send + Sync + 'static {
    /// The node's name.
    fn name(&self) -> &NodeName;
    /// The epoch of its view; 0 = none.
    fn epoch(&self) -> u64;
    /// Does a write, durably.
    fn write(&self, write: Write, route: &Route) -> impl Future<Output = Result<Written, Refused>> + Send;
    /// Reads a record.
    fn read(&self, key: &[u8], route: &Route) -> impl Future<Output = Result<Read, Refused>> + Send;
    /// Takes the coordinator's news in, and says how far the node is.
    fn beat(&self, beat: Beat) -> impl Future<Output = Result<Status, Refused>> + Send;
    /// Takes a message of an old owner in, and gives the acknowledgement; none where the node is stopping.
    fn take_move(&self, message: Bytes) -> impl Future<Output = Result<Option<Bytes>, Malformed>> + Send;
    /// Counts what is stored.
    fn census(&self, question: CensusQuestion) -> impl Future<Output = Result<Census, Refused>> + Send;
}

impl Service for Node {
    fn name(&self) -> &NodeName {
        self.name()
    }

    fn epoch(&self) -> u64 {
        self.epoch()
    }

    async fn write(&self, write: Write, route: &Route) -> Result<Written, Refused> {
        self.write(write, route).await
    }

    async fn read(&self, key: &[u8], route: &Route) -> Result<Read, Refused> {
        self.read(key, route).await
    }

    async fn beat(&self, beat: Beat) -> Result<Status, Refused> {
        self.beat(beat).await
    }

    async fn take_move(&self, message: Bytes) -> Result<Option<Bytes>, Malformed> {
        self.take_move(message).await
    }

    async fn census(&self, question: CensusQuestion) -> Result<Census, Refused> {
        self.census(question).await
    }
}
