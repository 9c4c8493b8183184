//! One HTTP/1.1 connection that is kept: hyper parses and frames, and the client's own task drives it, so that an
//! exchange costs neither a second task nor a wake-up between the two.

mod trouble;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use crate::target::Target;

pub use trouble::Trouble;

type Driver = http1::Connection<TokioIo<TcpStream>, Full<Bytes>>;

/// A connection.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: Option<Driver>,
    limit: Limit,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// Empty where it was not asked for.
    pub(crate) body: Bytes,
    /// Of the body, read or not.
    pub(crate) bytes: u64,
}

/// Why there is no answer, and the request where it is certain that no byte of it was sent.
pub(crate) struct Failure {
    pub(crate) trouble: Trouble,
    pub(crate) unsent: Option<Request<Full<Bytes>>>,
}

impl Connection {
    pub(crate) async fn open(target: &Target, timeout: Duration) -> Result<Self, Trouble> {
        let stream = match tokio::time::timeout(timeout, TcpStream::connect(target.address)).await {
            Ok(connected) => connected.map_err(|error| Trouble::of_connecting(&error))?,
            Err(_) => return Err(Trouble::ConnectTimeout),
        };
        let prepared = stream.set_nodelay(true).and_then(|()| {
            // Closing resets: the port is free again at once, where an orderly end would hold it for a minute, and
            // a row of runs would use up all of them. Nothing is lost, as no request is under way when we close.
            stream.set_zero_linger()
        });
        prepared.map_err(|error| Trouble::of_connecting(&error))?;
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (sender, driver) = handshake.map_err(|error| Trouble::of_exchange(&error))?;
        Ok(Self { sender, driver: Some(driver), limit: Limit::new(timeout) })
    }

    /// Whether another request can be sent. What the server has closed meanwhile shows only when it is used.
    pub(crate) fn is_open(&self) -> bool {
        self.driver.is_some() && !self.sender.is_closed()
    }

    /// Sends a request and takes in the whole answer. After a failure the connection is closed.
    pub(crate) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        keep_body: bool,
    ) -> Result<Answer, Failure> {
        let exchanged = self.try_exchange(request, keep_body).await;
        if exchanged.is_err() {
            self.driver = None;
        }
        exchanged
    }

    async fn try_exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        keep_body: bool,
    ) -> Result<Answer, Failure> {
        self.limit.start();
        self.drive(|driver, sender, cx| {
            driver.turn(cx);
            sender.poll_ready(cx).map(|_| ())
        })
        .await
        .map_err(|trouble| Failure { trouble, unsent: None })?;
        let mut head = pin!(self.sender.try_send_request(request));
        let driver = &mut self.driver;
        let limit = &mut self.limit;
        // Whatever these futures wait for comes out of the driver, which is polled with the task's own waker.
        let quiet = &mut Context::from_waker(Waker::noop());
        let answered = poll_fn(|cx| {
            driver.turn(cx);
            match head.as_mut().poll(quiet) {
                Poll::Ready(answered) => Poll::Ready(Ok(answered)),
                Poll::Pending => limit.poll(cx).map(Err),
            }
        })
        .await;
        let response = match answered {
            Err(trouble) => return Err(Failure { trouble, unsent: None }),
            Ok(Err(mut error)) => {
                let unsent = error.take_message();
                return Err(Failure { trouble: Trouble::of_exchange(error.error()), unsent });
            }
            Ok(Ok(response)) => response,
        };
        self.body(response, keep_body).await.map_err(|trouble| Failure { trouble, unsent: None })
    }

    async fn body(&mut self, response: Response<Incoming>, keep: bool) -> Result<Answer, Trouble> {
        let status = response.status();
        let mut body = response.into_body();
        let mut answer = Answer { status, body: Bytes::new(), bytes: 0 };
        let mut kept = BytesMut::new();
        while !body.is_end_stream() {
            let quiet = &mut Context::from_waker(Waker::noop());
            let (driver, limit) = (&mut self.driver, &mut self.limit);
            let frame = poll_fn(|cx| {
                // The body asks, the driver reads, the body has it: one round where the bytes are there.
                if let Poll::Ready(frame) = Pin::new(&mut body).poll_frame(quiet) {
                    return Poll::Ready(Ok(frame));
                }
                driver.turn(cx);
                match Pin::new(&mut body).poll_frame(quiet) {
                    Poll::Ready(frame) => Poll::Ready(Ok(frame)),
                    Poll::Pending => limit.poll(cx).map(Err),
                }
            });
            match frame.await? {
                None => break,
                Some(Err(error)) => return Err(Trouble::of_exchange(&error)),
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    answer.bytes += data.len() as u64;
                    if keep {
                        kept.extend_from_slice(&data);
                    }
                }
            }
        }
        answer.body = kept.freeze();
        Ok(answer)
    }

    /// Polls until it is done, the driver is gone, or the time is over.
    async fn drive(
        &mut self,
        mut poll: impl FnMut(&mut Option<Driver>, &mut SendRequest<Full<Bytes>>, &mut Context<'_>) -> Poll<()>,
    ) -> Result<(), Trouble> {
        poll_fn(|cx| match poll(&mut self.driver, &mut self.sender, cx) {
            Poll::Ready(()) => Poll::Ready(Ok(())),
            Poll::Pending => self.limit.poll(cx).map(Err),
        })
        .await
    }
}

/// One turn of whatever moves the bytes.
trait Turn {
    fn turn(&mut self, cx: &mut Context<'_>);
}

impl Turn for Option<Driver> {
    /// How it ended is told to whoever waits for the answer.
    fn turn(&mut self, cx: &mut Context<'_>) {
        if let Some(driver) = self
            && Pin::new(driver).poll(cx).is_ready()
        {
            *self = None;
        }
    }
}

/// The time that an exchange may take. One timer for the life of a connection, set again only when it goes off: a
/// timer per request would cost a registration each.
struct Limit {
    timeout: Duration,
    until: Instant,
    alarm: Pin<Box<Sleep>>,
}

impl Limit {
    fn new(timeout: Duration) -> Self {
        let until = Instant::now() + timeout;
        Self { timeout, until, alarm: Box::pin(tokio::time::sleep_until(until)) }
    }

    fn start(&mut self) {
        self.until = Instant::now() + self.timeout;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Trouble> {
        while self.alarm.as_mut().poll(cx).is_ready() {
            if Instant::now() >= self.until {
                return Poll::Ready(Trouble::Timeout);
            }
            self.alarm.as_mut().reset(self.until);
        }
        Poll::Pending
    }
}
