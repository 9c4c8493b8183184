use std::convert::Infallible;
use std::pin::Pin;

use http::{HeaderMap, Method, StatusCode};
use http_body::Frame as Piece;
use http_body_util::{BodyExt, Either, Full};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;
use crate::link::head::{Ask, take_answer};
use crate::link::output::Output;

const WINDOW: usize = 128 << 10;

/// Says what it was asked; `/whole` gives the body back once it has all of it, `/echo` piece by piece, `/never` never
/// answers.
#[derive(Clone)]
struct Parrot;

struct Echo(RequestBody);

impl Body for Echo {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Piece<Bytes>, Infallible>>> {
        Pin::new(&mut self.0).poll_frame(cx).map(|frame| frame.and_then(Result::ok).map(Ok))
    }
}

impl Answers for Parrot {
    type Body = Either<Full<Bytes>, Echo>;
    const READS_AT_ONCE: bool = true;

    fn admit(&self, secret: &[u8]) -> Result<(), String> {
        if secret == b"secret" { Ok(()) } else { Err("not with that secret".to_owned()) }
    }

    async fn answer(&self, request: Request<RequestBody>, route: Route) -> Response<Self::Body> {
        let (head, body) = request.into_parts();
        let whole = |bytes: Bytes| Response::new(Either::Left(Full::new(bytes)));
        match head.uri.path() {
            "/echo" => Response::new(Either::Right(Echo(body))),
            "/whole" => match body.collect().await {
                Ok(body) => whole(body.to_bytes()),
                Err(_) => std::future::pending().await,
            },
            "/never" => std::future::pending().await,
            "/later" => {
                tokio::task::yield_now().await;
                whole(Bytes::from_static(b"later"))
            }
            "/large" => whole(vec![b'x'; 1 << 20].into()),
            "/panic" => panic!("on purpose"),
            _ => whole(format!("{} {} {:?}", head.method, head.uri, route).into()),
        }
    }
}

/// The proxy's end, frame by frame.
struct Proxy {
    stream: TcpStream,
    input: Input,
    output: Output,
    close: watch::Sender<bool>,
    serving: JoinHandle<io::Result<()>>,
}

impl Proxy {
    async fn connect(secret: &'static str, limits: Limits) -> (Self, Frame) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let (close, closing) = watch::channel(false);
        let serving = tokio::spawn(serve(accepted, Parrot, limits, closing));
        let mut output = Output::default();
        output.preface();
        let hello = Hello { window: WINDOW, secret: secret.into(), to: "c/n/b".to_owned() };
        output.frame(Header::new(Kind::Hello, 0), |out| hello.put(out));
        let mut input = Input::default();
        poll_fn(|cx| output.poll_flush(cx, &mut stream)).await.unwrap();
        input.preface(&mut stream).await.unwrap();
        let first = input.frame(&mut stream).await.unwrap();
        (Self { stream, input, output, close, serving }, first)
    }

    async fn new() -> Self {
        let limits = Limits { patience: Duration::from_secs(5), exchanges: 3, window: 1000 };
        let (proxy, first) = Self::connect("secret", limits).await;
        let welcome = Welcome::take(first.payload).unwrap();
        assert_eq!((first.header.kind, welcome.window, welcome.exchanges), (Kind::Welcome, 1000, 3));
        proxy
    }

    /// Queues a request.
    fn ask(&mut self, id: u64, method: &Method, target: &str, body: &[u8], ends: bool) {
        let fields = HeaderMap::new();
        let ask = Ask { epoch: 7, length: None, method, target, fields: &fields };
        self.output.frame(Header::new(Kind::Request, id).ending(ends), |out| {
            ask.put(out).unwrap();
            out.extend_from_slice(body);
        });
    }

    async fn send(&mut self) {
        poll_fn(|cx| self.output.poll_flush(cx, &mut self.stream)).await.unwrap();
    }

    async fn frame(&mut self) -> Frame {
        self.send().await;
        self.input.frame(&mut self.stream).await.unwrap()
    }

    /// The next frame, which must be the whole answer to `id`.
    async fn answer(&mut self, id: u64) -> (StatusCode, String) {
        let frame = self.frame().await;
        assert_eq!((frame.header.kind, frame.header.id, frame.header.ends), (Kind::Answer, id, true));
        let answer = take_answer(frame.payload).unwrap();
        (answer.status(), String::from_utf8(answer.body().to_vec()).unwrap())
    }

    /// How the node's end ended.
    async fn end(self) -> io::Result<()> {
        drop(self.stream);
        self.serving.await.unwrap()
    }
}

#[tokio::test]
async fn requests_are_answered_and_say_whom_they_were_meant_for() {
    let mut proxy = Proxy::new().await;
    proxy.ask(1, &Method::GET, "/kv?key=a", b"", true);
    proxy.ask(2, &Method::DELETE, "/kv?key=b", b"", true);
    let route = r#"Route { epoch: Some(7), to: Some("c/n/b"), unkept: false }"#;
    assert_eq!(proxy.answer(1).await, (StatusCode::OK, format!("GET /kv?key=a {route}")));
    assert_eq!(proxy.answer(2).await, (StatusCode::OK, format!("DELETE /kv?key=b {route}")));
    assert!(proxy.end().await.is_ok());
}

#[tokio::test]
async fn a_wrong_secret_is_told_why_and_asks_nothing() {
    let limits = Limits { patience: Duration::from_secs(5), exchanges: 3, window: 1000 };
    let (mut proxy, first) = Proxy::connect("guess", limits).await;
    assert_eq!((first.header.kind, first.payload), (Kind::Refused, "not with that secret".into()));
    proxy.ask(1, &Method::GET, "/kv?key=a", b"", true);
    let _ = poll_fn(|cx| proxy.output.poll_flush(cx, &mut proxy.stream)).await;
    assert!(proxy.input.frame(&mut proxy.stream).await.is_err());
    assert_eq!(proxy.end().await.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn an_answer_waits_for_nobody_elses() {
    let mut proxy = Proxy::new().await;
    proxy.ask(1, &Method::PUT, "/never", b"", true);
    proxy.ask(2, &Method::GET, "/later", b"", true);
    proxy.ask(3, &Method::GET, "/kv?key=a", b"", true);
    assert!(proxy.answer(3).await.1.starts_with("GET"));
    assert_eq!(proxy.answer(2).await.1, "later");
}

#[tokio::test]
async fn more_requests_than_are_taken_at_once_are_refused_and_not_looked_at() {
    let mut proxy = Proxy::new().await;
    for id in 1..=4 {
        proxy.ask(id, &Method::PUT, "/never", b"", true);
    }
    let refused = proxy.frame().await;
    assert_eq!((refused.header.kind, refused.header.id, refused.is_refusal()), (Kind::Reset, 4, true));
    // Giving one up makes room.
    proxy.output.reset(1, Reset::Cancelled);
    proxy.send().await;
    for id in 5.. {
        proxy.ask(id, &Method::GET, "/later", b"", true);
        let frame = proxy.frame().await;
        assert_eq!(frame.header.id, id);
        if frame.header.kind == Kind::Answer {
            break;
        }
        // The task of the one that was given up has not ended yet.
        assert!(frame.is_refusal());
    }
}

#[tokio::test]
async fn a_body_comes_no_faster_than_it_is_taken() {
    let mut proxy = Proxy::new().await;
    proxy.ask(1, &Method::PUT, "/whole", &[b'a'; 600], false);
    // What was taken is given back as room once it is half of the window.
    let room = proxy.frame().await;
    assert_eq!((room.header.kind, room.header.id, room.window()), (Kind::Window, 1, Ok(600)));
    proxy.output.data(1, false, vec![b'b'; 1000].into());
    assert_eq!(proxy.frame().await.window(), Ok(1000));
    proxy.output.data(1, true, vec![b'c'; 10].into());
    assert_eq!(proxy.answer(1).await.1.len(), 1610);
}

#[tokio::test]
async fn a_sender_that_ignores_the_window_loses_the_link() {
    let mut proxy = Proxy::new().await;
    proxy.ask(1, &Method::PUT, "/never", &[b'a'; 600], false);
    proxy.output.data(1, false, vec![b'b'; 401].into());
    proxy.send().await;
    assert!(proxy.input.frame(&mut proxy.stream).await.is_err());
    assert!(proxy.end().await.unwrap_err().to_string().contains("more of a body than there is room for"));
}

#[tokio::test]
async fn a_large_answer_comes_as_far_as_the_window_goes_and_small_ones_pass_it() {
    let mut proxy = Proxy::new().await;
    proxy.ask(1, &Method::GET, "/large", b"", true);
    let mut got = take_answer(proxy.frame().await.payload).unwrap().into_body().len();
    while got < WINDOW {
        got += proxy.frame().await.payload.len();
    }
    assert_eq!(got, WINDOW);
    proxy.ask(2, &Method::GET, "/kv?key=a", b"", true);
    assert!(proxy.answer(2).await.1.starts_with("GET"));
    while got < 1 << 20 {
        proxy.output.window(1, PIECE);
        let frame = proxy.frame().await;
        got += frame.payload.len();
        assert_eq!((frame.header.kind, frame.header.ends), (Kind::Data, got == 1 << 20));
    }
}

#[tokio::test]
async fn an_answer_may_begin_before_its_request_ends() {
    let mut proxy = Proxy::new().await;
    proxy.ask(1, &Method::POST, "/echo", b"one", false);
    assert_eq!(take_answer(proxy.frame().await.payload).unwrap().body(), "one");
    proxy.output.data(1, true, "two".into());
    let mut rest = Vec::new();
    loop {
        let frame = proxy.frame().await;
        rest.extend_from_slice(&frame.payload);
        if frame.header.ends {
            break;
        }
    }
    assert_eq!(rest, b"two");
}

#[tokio::test]
async fn a_panic_costs_its_own_request_only() {
    let mut proxy = Proxy::new().await;
    proxy.ask(1, &Method::PUT, "/panic", b"", true);
    let reset = proxy.frame().await;
    assert_eq!((reset.header.kind, reset.header.id, reset.is_refusal()), (Kind::Reset, 1, false));
    proxy.ask(2, &Method::GET, "/kv?key=a", b"", true);
    assert!(proxy.answer(2).await.1.starts_with("GET"));
}

#[tokio::test]
async fn a_node_that_leaves_answers_what_it_took_and_says_which_that_is() {
    let mut proxy = Proxy::new().await;
    proxy.ask(1, &Method::PUT, "/whole", b"half", false);
    proxy.ask(2, &Method::GET, "/kv?key=a", b"", true);
    proxy.answer(2).await;
    proxy.close.send(true).unwrap();
    let goodbye = proxy.frame().await;
    assert_eq!((goodbye.header.kind, goodbye.last()), (Kind::GoAway, Ok(2)));
    proxy.ask(3, &Method::GET, "/kv?key=a", b"", true);
    proxy.output.data(1, true, "other".into());
    assert_eq!(proxy.answer(1).await.1, "halfother");
    assert!(proxy.input.frame(&mut proxy.stream).await.is_err(), "the third is never looked at");
    assert!(proxy.end().await.is_ok());
}

#[tokio::test]
async fn frames_out_of_place_end_the_link() {
    for (kind, id) in [(Kind::Answer, 1), (Kind::Welcome, 0), (Kind::Request, 5), (Kind::Window, 5)] {
        let mut proxy = Proxy::new().await;
        proxy.ask(5, &Method::PUT, "/never", b"", true);
        proxy.output.frame(Header::new(kind, id), |_| ());
        proxy.send().await;
        assert!(proxy.input.frame(&mut proxy.stream).await.is_err(), "{kind:?}");
        assert_eq!(proxy.end().await.unwrap_err().kind(), io::ErrorKind::InvalidData, "{kind:?}");
    }
}
