//! What a child writes: its ready line, and its log.

use std::collections::VecDeque;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use hashring::{Id, NodeName};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// The one line that a kvnode prints on stdout when it can be used.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Ready {
    pub(super) ready: bool,
    pub(super) name: NodeName,
    pub(super) id: Id,
    pub(super) listen: SocketAddr,
}

/// Reads lines until one is a ready line; `None` where the output ends without one.
pub(super) async fn ready(output: &mut (impl AsyncRead + Unpin)) -> Option<Ready> {
    let mut lines = BufReader::new(output);
    let mut line = Vec::new();
    while matches!(lines.read_until(b'\n', &mut line).await, Ok(1..)) {
        match serde_json::from_slice::<Ready>(&line) {
            Ok(ready) if ready.ready => return Some(ready),
            _ => line.clear(),
        }
    }
    None
}

/// The end of a child's log: what it said before it ended is usually why.
#[derive(Debug, Clone, Default)]
pub(super) struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    const LINES: usize = 3;

    fn push(&self, line: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == Self::LINES {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }

    /// The last lines, joined.
    pub(super) fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(String::as_str).collect::<Vec<_>>().join(" / ")
    }
}

/// Copies a child's log to ours, line by line, each with `prefix`. A child whose log nobody reads would block.
pub(super) async fn forward(log: impl AsyncRead + Unpin, prefix: String, tail: Tail) {
    let mut lines = BufReader::new(log);
    let mut line = Vec::new();
    while matches!(lines.read_until(b'\n', &mut line).await, Ok(1..)) {
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        // Where our own log cannot be written, there is nobody to tell.
        let _ = writeln!(std::io::stderr(), "{prefix}{text}");
        tail.push(text);
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_ready_line_is_found_among_others() {
        let mut output: &[u8] = b"hello\n{\"ready\":false}\n{\"ready\":true,\"name\":\"n1\",\"id\":\"000000000000000000000000000000aa\",\"listen\":\"127.0.0.1:5001\",\"data\":\"/x\"}\nmore\n";
        let found = ready(&mut output).await.unwrap();
        assert_eq!((found.name.as_str(), found.id, found.listen.port()), ("n1", Id(0xaa), 5001));
    }

    #[tokio::test]
    async fn output_that_ends_without_it_says_so() {
        assert_eq!(ready(&mut &b"no\nready line"[..]).await, None);
    }

    #[tokio::test]
    async fn only_the_last_lines_are_kept() {
        let tail = Tail::default();
        forward(&b"1\n2\n3\n4\xff\n"[..], "t | ".to_owned(), tail.clone()).await;
        assert_eq!(tail.text(), "2 / 3 / 4\u{fffd}");
    }
}
