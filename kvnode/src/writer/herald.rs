//! Tells clients what became of their writes, all of a batch at once.

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::node::{Refused, Written};

/// Who waits, and for what.
type Answer = (oneshot::Sender<Result<Written, Refused>>, Result<Written, Refused>);

/// A task of the runtime that serves the connections. Waking a task of another thread costs a lock and a system call,
/// waking one of the same thread neither: so the writer wakes this one only, once for each batch.
#[derive(Debug)]
pub(crate) struct Herald {
    batches: mpsc::UnboundedSender<Vec<Answer>>,
}

impl Herald {
    pub(crate) fn new(runtime: &Handle) -> Self {
        // Its length is bounded by the number of writes that may wait.
        let (batches, mut arriving) = mpsc::unbounded_channel::<Vec<Answer>>();
        runtime.spawn(async move {
            while let Some(batch) = arriving.recv().await {
                for (client, answer) in batch {
                    // Who has gone does not want to know.
                    let _ = client.send(answer);
                }
            }
        });
        Self { batches }
    }

    pub(crate) fn tell(&self, batch: Vec<Answer>) {
        if !batch.is_empty() {
            // The runtime is gone only when the process ends; whoever waits sees its channel close.
            let _ = self.batches.send(batch);
        }
    }
}
