//! One attempt: a request goes to one node, and either there is an answer, or it is known whether the request can
//! have been applied.

use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HeaderValue};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use kvnode::link::head::Ask;
use kvnode::protocol::EPOCH_HEADER;

use super::answer::Body;
use super::client::Client;
use super::deadline::NEVER;
use super::download::Download;
use super::fault::Fault;
use super::link::{Broken, Call, Link, NotSent};
use super::pump::{Pump, Stop};
use super::replay::Upload;
use super::rest::read_rest;
use super::upstream::{InFlight, Node, Table};
use crate::metrics::NodeMetrics;

/// How long a node may take to refuse a body that its client has not begun to send.
const REFUSAL: Duration = Duration::from_millis(5);

/// What became of an attempt. The fault is the answer for the client if nothing more is tried.
#[derive(Debug)]
pub(super) enum Attempt {
    Answered(Response<Body>),
    /// Nothing else would help.
    Failed(Fault),
    /// The node did not apply it, and never will.
    NotApplied(Fault, Reason),
    /// The node may have applied it, or may still do so.
    Unknown(Fault),
}

impl Attempt {
    /// Counts it for its node. What a client did wrong does not count, nor that a node is not the owner any more.
    pub(super) fn count(&self, node: &NodeMetrics) {
        match self {
            Self::Answered(response) => node.count_answer(response.status()),
            Self::Failed(Fault::BadBody | Fault::SlowBody | Fault::LargeHead)
            | Self::NotApplied(_, Reason::Misdirected(_)) => {}
            Self::Failed(_) | Self::NotApplied(..) | Self::Unknown(_) => node.failures.add(1),
        }
    }
}

/// Why an attempt was surely not applied, as far as it decides what to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// There is no connection to the node, and it cannot be made.
    Unreachable,
    /// The connection was just closing, or the node refused the stream.
    Closing,
    /// The node says that it is not the owner, by its view of this epoch (0: it did not say).
    Misdirected(u64),
}

/// A request, as all its attempts see it.
#[derive(Debug)]
pub(super) struct Job<'a> {
    pub(super) client: &'a Rc<Client>,
    pub(super) head: &'a Parts,
}

/// What a call ended with, before any answer.
enum End {
    Link(Broken),
    BadBody,
    Late,
}

/// The head of an answer with the first piece of its body, and whether that is all of it.
type Head = (Response<Bytes>, bool);

impl Job<'_> {
    /// Whether repeating it cannot do harm, whatever became of it.
    pub(super) fn is_safe(&self) -> bool {
        matches!(self.head.method, Method::GET | Method::HEAD)
    }

    /// Sends the request to `node`.
    pub(super) async fn attempt(&self, table: &Table, node: &Rc<Node>, upload: &mut Upload) -> Attempt {
        let (worker, target) = (&self.client.worker, &node.target);
        if target.health.is_down() {
            return Attempt::Failed(Fault::Down(target.name.clone()));
        }
        if node.identity.is_none() {
            return Attempt::Failed(Fault::NotSeated(target.name.clone()));
        }
        let busy = || {
            worker.metrics.overloads.add(1);
            Attempt::Failed(Fault::Busy(target.name.clone()))
        };
        let Some(in_flight) = node.enter(worker.settings.max_in_flight) else { return busy() };
        let link = match node.linked() {
            Some(link) => link,
            None => match Box::pin(node.link(&worker.dialler)).await {
                Ok(link) => link,
                Err(trouble) => {
                    let fault = Fault::Unreachable(target.name.clone(), trouble);
                    return Attempt::NotApplied(fault, Reason::Unreachable);
                }
            },
        };
        match self.send(&link, table.routing.epoch(), upload) {
            Ok((call, pump)) => self.exchange(node, &link, upload, call, pump, in_flight).await,
            Err(NotSent::TooLarge) => Attempt::Failed(Fault::LargeHead),
            Err(NotSent::Full) => busy(),
            Err(NotSent::Closing) => {
                node.retire(&link);
                Attempt::NotApplied(Fault::NotTaken(target.name.clone()), Reason::Closing)
            }
        }
    }

    /// Queues the request: in one frame, where all of it is here and small.
    fn send(&self, link: &Link, epoch: u64, upload: &mut Upload) -> Result<(Call, Pump), NotSent> {
        let ask = Ask {
            epoch,
            length: upload.length(),
            method: &self.head.method,
            target: self.head.uri.path_and_query().map_or("/", |target| target.as_str()),
            fields: &self.head.headers,
        };
        let whole = upload.whole();
        let is_whole = whole.is_some();
        let call = link.send(&ask, !upload.is_kept(), whole)?;
        if is_whole {
            upload.hand_out();
        }
        Ok((call, Pump::new(is_whole)))
    }

    /// From the sent head to the head of the answer.
    async fn exchange(
        &self,
        node: &Rc<Node>,
        link: &Rc<Link>,
        upload: &mut Upload,
        mut call: Call,
        mut pump: Pump,
        in_flight: InFlight,
    ) -> Attempt {
        let times = self.client.worker.times;
        let begun = Instant::now();
        // A client that expects to be asked for its body holds it back. A node that refuses the body by its head,
        // because it is too large, gets the chance to say so before that.
        let held_back = !upload.is_taken_in() && self.head.headers.contains_key(EXPECT);
        let refused = match held_back {
            true => {
                let answer = std::future::poll_fn(|cx| call.poll_answer(cx));
                Box::pin(tokio::time::timeout(REFUSAL, answer)).await.ok()
            }
            false => None,
        };
        self.client.allow(if pump.is_done() { times.answer } else { times.body });
        let answered = match refused {
            Some(answer) => answer.map_err(End::Link),
            None => std::future::poll_fn(|cx| self.poll(cx, upload, &mut call, &mut pump)).await,
        };
        // From here on, whoever waits has a clock of its own.
        self.client.allow(NEVER);
        match answered {
            Ok((response, _)) if response.status() == StatusCode::MISDIRECTED_REQUEST => {
                let epoch = response.headers().get(EPOCH_HEADER);
                let epoch = epoch.and_then(|epoch| epoch.to_str().ok()?.parse().ok());
                let fault = Fault::Unsettled(node.target.name.clone());
                Attempt::NotApplied(fault, Reason::Misdirected(epoch.unwrap_or(0)))
            }
            Ok(head) => {
                node.metrics.latency.record(begun.elapsed());
                let all_sent = upload.is_taken_in()
                    || Box::pin(read_rest(self.client, &self.head.headers, upload, Some((&mut pump, &call))))
                        .await;
                Attempt::Answered(self.relay(head, call, upload, pump, all_sent, in_flight))
            }
            Err(End::BadBody) => Attempt::Failed(Fault::BadBody),
            Err(End::Late) if !upload.is_taken_in() && pump.waits_for_client() => {
                Attempt::Failed(Fault::SlowBody)
            }
            Err(End::Late) => {
                // If the link is stuck rather than the node slow, the next requests need another one.
                node.retire(link);
                self.client.worker.metrics.unknown_outcomes.add(1);
                Attempt::Failed(Fault::Late { node: node.target.name.clone(), safe: self.is_safe() })
            }
            Err(End::Link(broken)) => {
                tracing::debug!(%broken, node = %node.target.name, "a request got no answer");
                if !link.is_open() {
                    node.retire(link);
                }
                match broken {
                    Broken::NotProcessed => {
                        Attempt::NotApplied(Fault::NotTaken(node.target.name.clone()), Reason::Closing)
                    }
                    Broken::Lost => {
                        let (node, safe) = (node.target.name.clone(), self.is_safe());
                        Attempt::Unknown(Fault::Lost { node, safe })
                    }
                }
            }
        }
    }

    fn poll(
        &self,
        cx: &mut Context<'_>,
        upload: &mut Upload,
        call: &mut Call,
        pump: &mut Pump,
    ) -> Poll<Result<Head, End>> {
        if !pump.is_done() {
            match pump.poll(cx, call, upload, self.client) {
                Poll::Ready(Ok(()) | Err(Stop::Node)) => self.client.allow(self.client.worker.times.answer),
                Poll::Ready(Err(Stop::Client)) => return Poll::Ready(Err(End::BadBody)),
                Poll::Pending => {}
            }
        }
        match call.poll_answer(cx) {
            Poll::Ready(answered) => Poll::Ready(answered.map_err(End::Link)),
            Poll::Pending if self.client.is_late() => Poll::Ready(Err(End::Late)),
            Poll::Pending => Poll::Pending,
        }
    }

    /// The node's answer, for the client.
    fn relay(
        &self,
        (response, whole): Head,
        call: Call,
        upload: &mut Upload,
        pump: Pump,
        all_sent: bool,
        in_flight: InFlight,
    ) -> Response<Body> {
        let (mut head, first) = response.into_parts();
        if !all_sent {
            // Whoever is answered before it has sent everything had better stop.
            self.client.leaves_unread();
            head.headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        self.client.allow(self.client.worker.times.body);
        if whole && pump.is_done() {
            return Response::from_parts(head, Body::own(Full::new(first)));
        }
        let length = head
            .headers
            .get(CONTENT_LENGTH)
            .filter(|_| !(whole && first.is_empty()))
            .and_then(|length| length.to_str().ok()?.parse().ok());
        let rest = (!pump.is_done()).then(|| {
            upload.settle();
            Box::new((pump, std::mem::take(upload)))
        });
        let body = Download::new(call, first, length, rest, Rc::clone(self.client), in_flight);
        Response::from_parts(head, Body::node(body))
    }
}
