//! Bytes on a socket: what no well-behaved client sends, and clients that are slow on purpose.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::answer::Answer;

const PATIENCE: Duration = Duration::from_secs(20);

/// A connection that sends what it is told and reads one answer.
#[derive(Debug)]
pub struct Raw {
    stream: TcpStream,
    asked: String,
    got: Vec<u8>,
}

impl Raw {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap_or_else(|error| panic!("{address}: {error}"));
        Self { stream, asked: String::new(), got: Vec::new() }
    }

    /// Sends these bytes. Whether the server still listens is not of interest: it may have answered already.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        let bytes = bytes.as_ref();
        if self.asked.is_empty() {
            self.asked =
                String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().chars().take(200).collect();
        }
        self.stream.write_all(bytes).await.is_ok()
    }

    /// Whether the server has said anything yet.
    pub async fn answered(&mut self, within: Duration) -> bool {
        tokio::time::timeout(within, self.stream.readable()).await.is_ok()
    }

    /// Reads one answer with a `Content-Length`, without one up to the end of the connection. An interim
    /// answer (1xx) is an answer of its own.
    ///
    /// # Panics
    /// Where what comes is no answer, or nothing comes.
    pub async fn answer(&mut self) -> Answer {
        let head_end = loop {
            if let Some(at) = self.got.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(
                self.more().await,
                "{}: the connection ended without an answer: {:?}",
                self.asked,
                self.shown()
            );
        };
        let (status, headers) =
            parse_head(&self.got[..head_end]).unwrap_or_else(|| panic!("{}", self.shown()));
        let length = match headers.get("content-length").and_then(|value| value.to_str().ok()) {
            _ if self.asked.starts_with("HEAD ") => 0,
            _ if status.is_informational() || status == 204 || status == 304 => 0,
            Some(text) => text.parse().expect("a length"),
            None => {
                while self.more().await {}
                self.got.len() - head_end
            }
        };
        while self.got.len() < head_end + length {
            assert!(self.more().await, "{}: half an answer: {:?}", self.asked, self.shown());
        }
        let rest = self.got.split_off(head_end + length);
        let body = Bytes::from(std::mem::replace(&mut self.got, rest)).slice(head_end..);
        Answer { request: self.asked.clone(), status: status.as_u16(), headers, body }
    }

    /// Whatever else comes until the server ends the connection.
    ///
    /// # Panics
    /// Where it does not end it.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.got)
    }

    async fn more(&mut self) -> bool {
        let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.got)).await;
        let read = read
            .unwrap_or_else(|_| panic!("{}: nothing more within {PATIENCE:?}: {}", self.asked, self.shown()));
        // A reset after an early answer is how TCP tells a sender to stop; what was read before still counts.
        read.unwrap_or(0) > 0
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.got[..self.got.len().min(400)]).into_owned()
    }
}

/// Sends one request in these bytes and reads one answer.
pub async fn raw(address: SocketAddr, request: impl AsRef<[u8]>) -> Answer {
    let mut connection = Raw::connect(address).await;
    connection.send(request).await;
    connection.answer().await
}

fn parse_head(bytes: &[u8]) -> Option<(StatusCode, HeaderMap)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut lines = text.trim_end().split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        headers.append(name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value.trim()).ok()?);
    }
    Some((status, headers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_status_and_fields() {
        let (status, headers) = parse_head(b"HTTP/1.1 404 Not Found\r\nA: b\r\n\r\n").unwrap();
        assert_eq!((status.as_u16(), headers["a"].to_str().unwrap()), (404, "b"));
        assert!(parse_head(b"SSH-2.0\r\n\r\n").is_none());
    }
}
