//! One attempt: a request goes to one node, and either there is an answer, or it is known whether the request can
//! have been applied.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use h2::client::ResponseFuture;
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::{self, Authority, Scheme};
use http::{Method, Request, Response, StatusCode, Uri, Version};
use kvnode::protocol::{EPOCH_HEADER, REPLAY_HEADER, TO_HEADER};

use super::answer::Body;
use super::client::Client;
use super::deadline::NEVER;
use super::download::Download;
use super::fault::Fault;
use super::headers::{self, Origin};
use super::link::{Link, surely_not_processed};
use super::pump::{Pump, Stop};
use super::replay::Upload;
use super::rest::read_rest;
use super::upstream::{InFlight, Node, Table};

const TO: HeaderName = HeaderName::from_static(TO_HEADER);
const EPOCH: HeaderName = HeaderName::from_static(EPOCH_HEADER);
const REPLAY: HeaderName = HeaderName::from_static(REPLAY_HEADER);

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
    pub(super) origin: Option<&'a Origin>,
}

/// What a stream ended with, before any answer.
enum Broken {
    Stream(h2::Error),
    BadBody,
    Late,
}

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
        let Some(identity) = &node.identity else {
            return Attempt::Failed(Fault::NotSeated(target.name.clone()));
        };
        let Some(in_flight) = node.enter(worker.settings.max_in_flight) else {
            worker.metrics.overloads.add(1);
            return Attempt::Failed(Fault::Busy(target.name.clone()));
        };
        let link = match node.linked() {
            Some(link) => link,
            None => match node.link(&worker.dialler).await {
                Ok(link) => link,
                Err(trouble) => {
                    let fault = Fault::Unreachable(target.name.clone(), trouble);
                    return Attempt::NotApplied(fault, Reason::Unreachable);
                }
            },
        };
        let request = match self.request(table, node, identity, upload.is_kept()) {
            Ok(request) => request,
            Err(fault) => return Attempt::Failed(fault),
        };
        let ends = upload.is_finished();
        match link.send(request, ends) {
            Ok((answer, stream)) => {
                let pump = Pump::new(stream, ends);
                self.exchange(node, &link, upload, answer, pump, in_flight).await
            }
            Err(error) => {
                tracing::debug!(%error, "a link takes no more requests");
                node.retire(&link);
                Attempt::NotApplied(Fault::NotTaken(target.name.clone()), Reason::Closing)
            }
        }
    }

    /// The request's head as the node gets it.
    fn request(
        &self,
        table: &Table,
        node: &Node,
        identity: &HeaderValue,
        kept: bool,
    ) -> Result<Request<()>, Fault> {
        let client = self.client;
        // Authority and target are measured with the fields.
        let target = self.head.uri.path_and_query();
        let room = client.worker.settings.max_head.saturating_sub(target.map_or(0, |at| at.as_str().len()));
        let mut fields = headers::for_node(
            &self.head.headers,
            &client.worker.pseudonym,
            &client.address,
            self.origin,
            room,
        )
        .map_err(Fault::Unfit)?;
        fields.insert(TO, identity.clone());
        fields.insert(EPOCH, table.epoch.clone());
        if !kept {
            fields.insert(REPLAY, HeaderValue::from_static("no"));
        }
        let mut parts = uri::Parts::default();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = match self.origin {
            Some(origin) => Some(origin.authority.clone()),
            None => node.target.authority.as_deref().and_then(|text| Authority::try_from(text).ok()),
        };
        parts.path_and_query = target.cloned();
        let mut request = Request::new(());
        *request.method_mut() = self.head.method.clone();
        *request.uri_mut() = Uri::from_parts(parts).map_err(|_| Fault::Target)?;
        *request.version_mut() = Version::HTTP_2;
        *request.headers_mut() = fields;
        Ok(request)
    }

    /// From the sent head to the head of the answer.
    async fn exchange(
        &self,
        node: &Rc<Node>,
        link: &Rc<Link>,
        upload: &mut Upload,
        mut answer: ResponseFuture,
        mut pump: Pump,
        in_flight: InFlight,
    ) -> Attempt {
        let times = self.client.worker.times;
        // A client that expects to be asked for its body holds it back. A node that refuses the body by its head,
        // because it is too large, gets the chance to say so before that.
        let held_back = !upload.is_taken_in() && self.head.headers.contains_key(EXPECT);
        let refused = match held_back {
            true => tokio::time::timeout(REFUSAL, &mut answer).await.ok(),
            false => None,
        };
        self.client.allow(if pump.is_done() { times.answer } else { times.body });
        let answered = match refused {
            Some(answer) => answer.map_err(Broken::Stream),
            None => std::future::poll_fn(|cx| self.poll(cx, upload, &mut answer, &mut pump)).await,
        };
        // From here on, whoever waits has a clock of its own.
        self.client.allow(NEVER);
        match answered {
            Ok(response) if response.status() == StatusCode::MISDIRECTED_REQUEST => {
                let epoch = response.headers().get(EPOCH).and_then(|epoch| epoch.to_str().ok()?.parse().ok());
                let fault = Fault::Unsettled(node.target.name.clone());
                Attempt::NotApplied(fault, Reason::Misdirected(epoch.unwrap_or(0)))
            }
            Ok(response) => {
                let all_sent = upload.is_taken_in()
                    || read_rest(self.client, &self.head.headers, upload, Some(&mut pump)).await;
                Attempt::Answered(self.relay(response, upload, pump, all_sent, in_flight))
            }
            Err(Broken::BadBody) => Attempt::Failed(Fault::BadBody),
            Err(Broken::Late) if !upload.is_taken_in() && pump.waits_for_client() => {
                Attempt::Failed(Fault::SlowBody)
            }
            Err(Broken::Late) => {
                // If the link is stuck rather than the node slow, the next requests need another one.
                node.retire(link);
                self.client.worker.metrics.unknown_outcomes.add(1);
                Attempt::Failed(Fault::Late { node: node.target.name.clone(), safe: self.is_safe() })
            }
            Err(Broken::Stream(error)) => {
                tracing::debug!(%error, node = %node.target.name, "a request got no answer");
                if !error.is_reset() {
                    node.retire(link);
                }
                if surely_not_processed(&error) {
                    Attempt::NotApplied(Fault::NotTaken(node.target.name.clone()), Reason::Closing)
                } else {
                    let (node, safe) = (node.target.name.clone(), self.is_safe());
                    Attempt::Unknown(Fault::Lost { node, safe })
                }
            }
        }
    }

    fn poll(
        &self,
        cx: &mut Context<'_>,
        upload: &mut Upload,
        answer: &mut ResponseFuture,
        pump: &mut Pump,
    ) -> Poll<Result<Response<h2::RecvStream>, Broken>> {
        if !pump.is_done() {
            match pump.poll(cx, upload, self.client) {
                Poll::Ready(Ok(()) | Err(Stop::Node)) => self.client.allow(self.client.worker.times.answer),
                Poll::Ready(Err(Stop::Client)) => return Poll::Ready(Err(Broken::BadBody)),
                Poll::Pending => {}
            }
        }
        match Pin::new(answer).poll(cx) {
            Poll::Ready(answered) => Poll::Ready(answered.map_err(Broken::Stream)),
            Poll::Pending if self.client.is_late() => Poll::Ready(Err(Broken::Late)),
            Poll::Pending => Poll::Pending,
        }
    }

    /// The node's answer, for the client.
    fn relay(
        &self,
        response: Response<h2::RecvStream>,
        upload: &mut Upload,
        pump: Pump,
        all_sent: bool,
        in_flight: InFlight,
    ) -> Response<Body> {
        let (mut head, stream) = response.into_parts();
        // The client's connection speaks its own version.
        head.version = Version::HTTP_11;
        let ended = stream.is_end_stream();
        let length = head
            .headers
            .get(CONTENT_LENGTH)
            .filter(|_| !ended)
            .and_then(|length| length.to_str().ok()?.parse().ok());
        let rest = (!pump.is_done()).then(|| {
            upload.settle();
            Box::new((pump, std::mem::take(upload)))
        });
        if !all_sent {
            // Whoever is answered before it has sent everything had better stop.
            self.client.leaves_unread();
            head.headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        self.client.allow(self.client.worker.times.body);
        let body = Download::new(stream, length, rest, Rc::clone(self.client), in_flight);
        Response::from_parts(head, Body::node(body))
    }
}
