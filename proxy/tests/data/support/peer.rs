//! The node's end of a link, frame by frame.

use std::future::poll_fn;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use kvnode::link::frame::{Header, Kind, Reset};
use kvnode::link::head::{Asked, put_answer};
use kvnode::link::hello::{Hello, Welcome};
use kvnode::link::input::Input;
use kvnode::link::output::Output;
use tokio::net::TcpStream;

/// A connection whose hello has been heard.
pub(crate) struct Peer {
    stream: TcpStream,
    input: Input,
    output: Output,
}

impl Peer {
    /// Hears the hello, and says welcome.
    pub(crate) async fn greet(stream: TcpStream) -> Self {
        Self::greet_with(stream, 1000).await
    }

    /// The same, with a number of requests that it takes at once.
    pub(crate) async fn greet_with(mut stream: TcpStream, exchanges: usize) -> Self {
        let mut input = Input::default();
        input.preface(&mut stream).await.unwrap();
        Hello::take(input.frame(&mut stream).await.unwrap().payload).unwrap();
        let mut peer = Self { stream, input, output: Output::default() };
        peer.output.preface();
        peer.output
            .frame(Header::new(Kind::Welcome, 0), |out| Welcome { window: 1 << 20, exchanges }.put(out));
        peer.flush().await;
        peer
    }

    /// The next request, and its id; `None` at the end of the connection.
    pub(crate) async fn request(&mut self) -> Option<(u64, Asked)> {
        loop {
            let frame = self.input.frame(&mut self.stream).await.ok()?;
            if frame.header.kind == Kind::Request {
                return Some((frame.header.id, Asked::take(frame.payload).unwrap()));
            }
        }
    }

    /// Answers with 200 and a body.
    pub(crate) async fn answer(&mut self, id: u64, body: impl Into<Bytes>) {
        let (header, fields) = (Header::new(Kind::Answer, id).ending(true), HeaderMap::new());
        self.output.frame_with(header, |out| put_answer(out, StatusCode::OK, &fields).unwrap(), body.into());
        self.flush().await;
    }

    /// Ends an exchange without an answer.
    pub(crate) async fn reset(&mut self, id: u64, why: Reset) {
        self.output.reset(id, why);
        self.flush().await;
    }

    /// Says goodbye to requests after `last`.
    pub(crate) async fn go_away(&mut self, last: u64) {
        self.frame(Header::new(Kind::GoAway, 0), &last.to_le_bytes()).await;
    }

    /// Any frame.
    pub(crate) async fn frame(&mut self, header: Header, payload: &[u8]) {
        self.output.frame(header, |out| out.extend_from_slice(payload));
        self.flush().await;
    }

    /// Waits until the other side closes.
    pub(crate) async fn wait(mut self) {
        let _ = tokio::io::copy(&mut self.stream, &mut tokio::io::sink()).await;
    }

    async fn flush(&mut self) {
        // Where the other side is gone, it does not want it.
        let _ = poll_fn(|cx| self.output.poll_flush(cx, &mut self.stream)).await;
    }
}
