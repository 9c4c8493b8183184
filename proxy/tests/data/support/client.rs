//! A client that sends bytes as they are written in the test, and reads answers strictly.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::soon;

/// One connection to the proxy.
pub(crate) struct Client {
    stream: TcpStream,
    read: Vec<u8>,
}

/// An answer, whole.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = soon(TcpStream::connect(address)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, read: Vec::new() }
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.stream.local_addr().unwrap()
    }

    /// Sends bytes as they are.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        soon(self.stream.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Sends as much as the other side takes; `false` once it is gone.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// Says that nothing follows.
    pub(crate) async fn finish(&mut self) {
        soon(self.stream.shutdown()).await.unwrap();
    }

    /// Sends a request with a `Host` field and reads its answer.
    pub(crate) async fn ask(&mut self, method: &str, target: &str, fields: &str, body: &[u8]) -> Answer {
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        self.send(format!("{method} {target} HTTP/1.1\r\nHost: h\r\n{fields}{length}\r\n")).await;
        self.send(body).await;
        self.answer_to(method).await
    }

    /// The next answer.
    pub(crate) async fn answer(&mut self) -> Answer {
        self.answer_to("GET").await
    }

    pub(crate) async fn answer_to(&mut self, method: &str) -> Answer {
        let (status, fields) = self.head().await;
        let length = fields.get("content-length").map(|length| length.parse::<usize>().unwrap());
        let body = if method == "HEAD" || status < 200 || status == 204 || status == 304 {
            Vec::new()
        } else if fields.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
            self.chunks().await
        } else if let Some(length) = length {
            self.take(length).await
        } else {
            while self.more().await {}
            std::mem::take(&mut self.read)
        };
        Answer { status, fields, body }
    }

    /// The head of the next answer.
    pub(crate) async fn head(&mut self) -> (u16, BTreeMap<String, String>) {
        let head = self.line_block().await;
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap();
        assert!(status.starts_with("HTTP/1."), "{status:?}");
        let fields = lines.map(|line| {
            let (name, value) = line.split_once(": ").expect("a field line");
            (name.to_owned(), value.to_owned())
        });
        (status[9..12].parse().unwrap(), fields.collect())
    }

    /// Exactly so many bytes.
    pub(crate) async fn take(&mut self, length: usize) -> Vec<u8> {
        while self.read.len() < length {
            assert!(self.more().await, "the answer ends too early");
        }
        self.read.drain(..length).collect()
    }

    /// Whether the other side closes properly, without another byte.
    pub(crate) async fn is_closed(&mut self) -> bool {
        self.read.is_empty() && matches!(soon(self.stream.read_buf(&mut self.read)).await, Ok(0))
    }

    /// Whether the other side breaks the connection off, whatever it sends before.
    pub(crate) async fn is_reset(&mut self) -> bool {
        soon(async {
            loop {
                match self.stream.read_buf(&mut self.read).await {
                    Ok(0) => return false,
                    Ok(_) => {}
                    Err(_) => return true,
                }
            }
        })
        .await
    }

    /// Waits until something has come, without reading it.
    pub(crate) async fn has_something(&self) {
        soon(self.stream.readable()).await.unwrap();
    }

    /// Whether nothing has come so far.
    pub(crate) fn is_silent(&mut self) -> bool {
        let mut byte = [0];
        self.read.is_empty() && self.stream.try_read(&mut byte).is_err()
    }

    /// Everything that was read and not looked at yet.
    pub(crate) fn drain(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.read)
    }

    async fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let at = loop {
                match self.read.windows(2).position(|two| two == b"\r\n") {
                    Some(at) => break at,
                    None => assert!(self.more().await, "the answer ends too early"),
                }
            };
            let size = String::from_utf8(self.take(at + 2).await).unwrap();
            let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
            let chunk = self.take(size + 2).await;
            body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                return body;
            }
        }
    }

    async fn line_block(&mut self) -> String {
        loop {
            if let Some(at) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = self.take(at + 4).await;
                return String::from_utf8(head[..at].to_vec()).unwrap();
            }
            assert!(self.more().await, "no answer: {:?}", String::from_utf8_lossy(&self.read));
        }
    }

    async fn more(&mut self) -> bool {
        soon(self.try_more()).await
    }

    /// Reads on; `false` at the end, whatever it looks like.
    pub(crate) async fn try_more(&mut self) -> bool {
        self.stream.read_buf(&mut self.read).await.is_ok_and(|n| n > 0)
    }
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The last part of a problem's type.
    pub(crate) fn slug(&self) -> String {
        assert_eq!(self.fields["content-type"], "application/problem+json", "{self:?}");
        let problem: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem["status"], self.status);
        problem["type"].as_str().unwrap().strip_prefix("urn:keyway:problem:").unwrap().to_owned()
    }
}
