//! A file of what was acknowledged: each line is on the disk before its client counts the answer as received, so
//! that even a client that was killed, or lost its power, has acted on nothing that is not in the file.
//!
//! What the lines say, and what they prove, stands in [`checkers::ledger`].

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, mpsc};

use checkers::entry::digest;
use checkers::ledger::{Broken, Found, Known, Line};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::answer::Answer;
use crate::client::Client;

/// How many keys are read at a time when a cluster is judged.
const READERS: usize = 16;

/// A ledger that is being written. Clients that note something at the same time share one sync.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    queue: Mutex<Queue>,
}

#[derive(Debug)]
struct Queue {
    /// How many lines there are, those included that are not on the disk yet.
    lines: u64,
    writer: mpsc::Sender<(String, oneshot::Sender<()>)>,
}

/// A write that is going to be sent.
#[derive(Debug)]
pub struct Noted<'a> {
    ledger: &'a Ledger,
    key: String,
    write: Write,
}

#[derive(Debug)]
enum Write {
    Put { value: u64, begun: u64 },
    Removal { announced: u64 },
}

impl Ledger {
    /// A new one in this file.
    ///
    /// # Panics
    /// Where there is such a file already, or it cannot be made.
    #[must_use]
    pub fn create(path: &Path) -> Self {
        let file = File::create_new(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        // A file whose name is lost is lost, too.
        let folder = File::open(path.parent().expect("a ledger lies in a folder")).expect("its folder");
        folder.sync_all().expect("its folder can be synced");
        let (writer, lines) = mpsc::channel();
        std::thread::spawn(move || keep(file, &lines));
        Self { path: path.to_owned(), queue: Mutex::new(Queue { lines: 0, writer }) }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A put is going to be sent.
    #[must_use]
    pub fn putting(&self, key: &str, value: &[u8]) -> Noted<'_> {
        let begun = self.queue.lock().unwrap_or_else(PoisonError::into_inner).lines;
        Noted { ledger: self, key: key.to_owned(), write: Write::Put { value: digest(value), begun } }
    }

    /// A removal is going to be sent; that is on the disk now.
    pub async fn removing(&self, key: &str) -> Noted<'_> {
        let announced = self.note(&Line::Removing { key: key.to_owned() }).await;
        Noted { ledger: self, key: key.to_owned(), write: Write::Removal { announced } }
    }

    /// Writes a line, and answers its number when it is on the disk.
    async fn note(&self, line: &Line) -> u64 {
        let (kept, wait) = oneshot::channel();
        let number = {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            let number = queue.lines;
            queue.lines += 1;
            let sent = queue.writer.send((line.encode(number), kept));
            sent.expect("the writer of the ledger has failed");
            number
        };
        wait.await.expect("the writer of the ledger has failed");
        number
    }
}

impl Noted<'_> {
    /// The write was answered. Where that acknowledges it, it is on the disk now, and may count as received.
    pub async fn answered(self, answer: &Answer) {
        let key = self.key;
        let line = match (self.write, answer.status, answer.version()) {
            (Write::Put { value, begun }, 201 | 204, Some(version)) => {
                Line::Put { key, version, value, begun }
            }
            (Write::Removal { announced }, 204 | 404, _) => Line::Removed { key, announced },
            _ => return,
        };
        self.ledger.note(&line).await;
    }
}

/// Writes what comes, with one sync for all that waits.
fn keep(mut file: File, lines: &mpsc::Receiver<(String, oneshot::Sender<()>)>) {
    while let Ok(first) = lines.recv() {
        let waiting: Vec<_> = std::iter::once(first).chain(lines.try_iter()).collect();
        let text: String = waiting.iter().map(|(line, _)| line.as_str()).collect();
        file.write_all(text.as_bytes()).expect("a line in the ledger");
        file.sync_data().expect("the ledger can be synced");
        for (_, kept) in waiting {
            // A client that does not wait any more has not counted the answer either.
            let _ = kept.send(());
        }
    }
}

/// Reads every key of a ledger from the cluster that this client reaches, and answers how many there were.
///
/// # Panics
/// Where an acknowledged write is not there, and no later one either.
pub async fn judge(file: &Path, client: &Client) -> usize {
    let text = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let known = checkers::ledger::read(&text).unwrap_or_else(|damaged| panic!("{damaged}"));
    let keys = known.len();
    let broken = broken(known, client).await;
    assert!(broken.is_empty(), "{} of {keys} keys break {}: {broken:#?}", broken.len(), file.display());
    keys
}

/// The keys for which a cluster answers something else than what was acknowledged, or later.
pub async fn broken(known: BTreeMap<String, Known>, client: &Client) -> BTreeMap<String, Broken> {
    let (mut broken, mut readers) = (BTreeMap::new(), JoinSet::new());
    let mut known = known.into_iter();
    loop {
        if readers.len() < READERS
            && let Some((key, known)) = known.next()
        {
            let client = client.clone();
            readers.spawn(async move {
                let judged = known.judge(found(&client.get(&key).send().await));
                judged.err().map(|broken| (key, broken))
            });
        } else if let Some(read) = readers.join_next().await {
            broken.extend(read.expect("a reader"));
        } else {
            return broken;
        }
    }
}

fn found(answer: &Answer) -> Found {
    match (answer.status, answer.version()) {
        (200, Some(version)) => Found::Present { version, value: digest(&answer.body) },
        (404, _) => Found::Absent,
        _ => panic!("the ledger cannot be judged by {answer:?}"),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};

    use super::*;
    use crate::scratch::Scratch;

    fn answer(status: u16, version: u64, body: &'static str) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert("etag", format!("\"{version:016x}\"").parse().unwrap());
        Answer::new("test".to_owned(), StatusCode::from_u16(status).unwrap(), headers, body.into())
    }

    fn on_disk(ledger: &Ledger) -> BTreeMap<String, Known> {
        checkers::ledger::read(&std::fs::read(ledger.path()).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn what_is_counted_as_received_is_in_the_file_already() {
        let scratch = Scratch::new();
        let ledger = Ledger::create(&scratch.path("ledger"));
        let put = ledger.putting("k", b"v");
        assert!(on_disk(&ledger).is_empty(), "a put that was not acknowledged claims nothing");
        put.answered(&answer(201, 5, "")).await;
        let lost = Err(Broken::Lost { version: 5 });
        assert_eq!(on_disk(&ledger)["k"].judge(found(&answer(404, 0, ""))), lost);
        assert_eq!(on_disk(&ledger)["k"].judge(found(&answer(200, 5, "v"))), Ok(()));
        let other = Err(Broken::OtherValue { version: 5 });
        assert_eq!(on_disk(&ledger)["k"].judge(found(&answer(200, 5, "w"))), other);
        let removal = ledger.removing("k").await;
        assert_eq!(on_disk(&ledger)["k"].judge(Found::Absent), Ok(()), "it may have happened already");
        removal.answered(&answer(204, 0, "")).await;
        let back = Err(Broken::Resurrected { version: 5 });
        assert_eq!(on_disk(&ledger)["k"].judge(found(&answer(200, 5, "v"))), back);
    }

    #[tokio::test]
    async fn an_answer_that_acknowledges_nothing_is_not_noted() {
        let scratch = Scratch::new();
        let ledger = Ledger::create(&scratch.path("ledger"));
        ledger.putting("k", b"v").answered(&answer(503, 5, "")).await;
        ledger.putting("k", b"v").answered(&answer(412, 5, "")).await;
        assert!(on_disk(&ledger).is_empty());
    }

    #[tokio::test]
    async fn many_clients_share_the_file_and_each_has_its_line() {
        let scratch = Scratch::new();
        let ledger = std::sync::Arc::new(Ledger::create(&scratch.path("ledger")));
        let mut clients = JoinSet::new();
        for client in 0..50_u64 {
            let ledger = std::sync::Arc::clone(&ledger);
            clients.spawn(async move {
                let key = format!("k{}", client % 7);
                let value = Bytes::from(client.to_string());
                ledger.putting(&key, &value).answered(&answer(204, 1 + client, "")).await;
            });
        }
        clients.join_all().await;
        assert_eq!(on_disk(&ledger).len(), 7);
        let newest = answer(200, 50, "49");
        assert_eq!(on_disk(&ledger)["k0"].judge(found(&newest)), Ok(()));
    }
}
