//! A small store behind HTTP that can be told to misbehave, and remembers what it was asked.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// What it does with a request of this number (from 0).
#[derive(Debug, Clone, Default)]
pub(crate) enum Mood {
    /// What a store does.
    #[default]
    Good,
    /// Every answer waits until this long after the first request, if it came within that time.
    StallsAtFirst(Duration),
    /// Every n-th request is refused with this status.
    Refuses(u64, u16),
    /// Every n-th answer is the last of its connection.
    Closes(u64),
    /// A connection that is idle so long is closed without a word.
    HangsUp(Duration),
    /// Every n-th request is answered by cutting its connection.
    Cuts(u64),
    /// Every n-th read shows what was there before.
    Forgets(u64),
}

#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) connections: AtomicU64,
    pub(crate) requests: AtomicU64,
    /// Method and target of each, in order.
    pub(crate) log: Mutex<Vec<String>>,
    store: Mutex<HashMap<String, Vec<Bytes>>>,
    first: Mutex<Option<Instant>>,
}

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Seen>,
    _stop: oneshot::Sender<()>,
}

impl Server {
    pub(crate) fn start(mood: Mood) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        let seen = Arc::new(Seen::default());
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                tokio::select! {
                    () = accept(listener, mood, shared) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address: told.recv().unwrap(), seen, _stop: stop }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn requests(&self) -> u64 {
        self.seen.requests.load(Ordering::Relaxed)
    }

    pub(crate) fn connections(&self) -> u64 {
        self.seen.connections.load(Ordering::Relaxed)
    }
}

async fn accept(listener: TcpListener, mood: Mood, seen: Arc<Seen>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        seen.connections.fetch_add(1, Ordering::Relaxed);
        let (mood, seen) = (mood.clone(), Arc::clone(&seen));
        tokio::spawn(async move {
            let mut builder = http1::Builder::new();
            if let Mood::HangsUp(idle) = mood {
                builder.timer(TokioTimer::new()).header_read_timeout(idle);
            }
            let service = service_fn(move |request| answer(request, mood.clone(), Arc::clone(&seen)));
            // Clients may leave as they like.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

#[derive(Debug, thiserror::Error)]
#[error("cut")]
struct Cut;

async fn answer(
    request: Request<Incoming>,
    mood: Mood,
    seen: Arc<Seen>,
) -> Result<Response<Full<Bytes>>, Cut> {
    let number = seen.requests.fetch_add(1, Ordering::Relaxed);
    let nth = |every: u64| number % every == every - 1;
    let first = *seen.first.lock().unwrap().get_or_insert_with(Instant::now);
    match mood {
        Mood::StallsAtFirst(time) if first.elapsed() < time => {
            tokio::time::sleep_until((first + time).into()).await;
        }
        Mood::Refuses(every, status) if nth(every) => {
            return Ok(plain(StatusCode::from_u16(status).unwrap(), "no"));
        }
        Mood::Cuts(every) if nth(every) => return Err(Cut),
        _ => {}
    }
    let forgets = matches!(mood, Mood::Forgets(every) if nth(every));
    let mut response = store(request, forgets, &seen).await.unwrap_or_else(|never| match never {});
    if matches!(mood, Mood::Closes(every) if nth(every)) {
        response.headers_mut().insert("connection", "close".parse().unwrap());
    }
    Ok(response)
}

async fn store(
    request: Request<Incoming>,
    forgets: bool,
    seen: &Seen,
) -> Result<Response<Full<Bytes>>, Infallible> {
    seen.log.lock().unwrap().push(format!("{} {}", request.method(), request.uri()));
    let key = request.uri().to_string();
    let method = request.method().clone();
    let body =
        request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let mut store = seen.store.lock().unwrap();
    Ok(match method {
        Method::PUT | Method::POST => {
            store.entry(key).or_default().push(body);
            plain(StatusCode::NO_CONTENT, "")
        }
        Method::DELETE => {
            let found = store.remove(&key).is_some();
            plain(if found { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }, "")
        }
        _ => match store.get(&key).map(Vec::as_slice) {
            Some([.., before, _]) if forgets => Response::new(Full::new(before.clone())),
            Some([.., last]) => Response::new(Full::new(last.clone())),
            _ => plain(StatusCode::NOT_FOUND, "nothing"),
        },
    })
}

fn plain(status: StatusCode, body: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = status;
    response
}
