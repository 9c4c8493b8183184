//! The node's half of a link, whole: after an honest hello the other side sends anything. The connection ends, without a
//! panic, and whatever was under way with it.

#![no_main]

use std::cell::RefCell;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use kvnode::link::PREFACE;
use kvnode::link::frame::{Header, Kind};
use kvnode::link::hello::Hello;
use kvnode::link::server::{Answers, Limits, RequestBody, serve};
use kvnode::node::Route;
use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

/// A connection that has not ended by then hangs.
const LONG: Duration = Duration::from_secs(10);
const LIMITS: Limits = Limits { patience: Duration::from_secs(5), exchanges: 8, window: 4096 };

thread_local! {
    static GROUND: RefCell<Option<(Runtime, TcpListener)>> = const { RefCell::new(None) };
}

/// Gives a body back once it has all of it, and a larger answer to whoever asks for that.
#[derive(Clone)]
struct Echo;

impl Answers for Echo {
    type Body = Full<Bytes>;
    const READS_AT_ONCE: bool = true;

    fn admit(&self, _: &[u8]) -> Result<(), String> {
        Ok(())
    }

    async fn answer(&self, request: Request<RequestBody>, _: Route) -> Response<Self::Body> {
        let (head, body) = request.into_parts();
        if head.uri.path() == "/large" {
            return Response::new(Full::from(vec![7; 300_000]));
        }
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        Response::new(Full::from(body))
    }
}

fuzz_target!(|input: &[u8]| {
    GROUND.with_borrow_mut(|ground| {
        let (runtime, listener) = ground.get_or_insert_with(|| {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
            (runtime, listener)
        });
        runtime.block_on(one(listener, input));
    });
});

async fn one(listener: &TcpListener, input: &[u8]) {
    let address = listener.local_addr().expect("an address");
    let mut proxy = TcpStream::connect(address).await.expect("a connection");
    let (node, _) = listener.accept().await.expect("a connection");
    let (_open, closing) = watch::channel(false);
    let serving = tokio::spawn(serve(node, Echo, LIMITS, closing));
    let mut hello = BytesMut::from(&PREFACE[..]);
    let mut payload = BytesMut::new();
    Hello { window: 4096, secret: "secret".into(), to: "c/n/b".to_owned() }.put(&mut payload);
    hello.extend_from_slice(&Header::new(Kind::Hello, 0).encode(payload.len()));
    hello.extend_from_slice(&payload);
    let talk = async {
        // The node may be gone before it has heard all of it.
        let _ = proxy.write_all(&hello).await;
        let _ = proxy.write_all(input).await;
        let _ = proxy.shutdown().await;
        let mut sink = [0; 16 << 10];
        while !matches!(proxy.read(&mut sink).await, Ok(0) | Err(_)) {}
    };
    tokio::time::timeout(LONG, talk).await.expect("the node ends a connection whose other side has ended");
    let ended = tokio::time::timeout(LONG, serving).await.expect("what serves a connection ends with it");
    // An error is a refusal; a panic is a finding.
    let _ = ended.expect("no panic");
}
