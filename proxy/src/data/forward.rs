//! A request from its whole head to the head of its answer: to a node, to the admin service, or answered here.
//!
//! The rules of sending again (RFC 9110 9.2.2, and stricter): a request that was surely not applied is sent
//! again whatever its method, within bounds; one whose outcome is unknown only if it is a GET or HEAD, and once.

use std::convert::Infallible;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use hashring::Position;
use http::header::{ACCEPT, CONNECTION, EXPECT, HeaderValue};
use http::request::Parts;
use http::{Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::Instant;

use super::access;
use super::answer::{self, Body};
use super::attempt::{Attempt, Job, Reason};
use super::client::{Client, Exchange};
use super::deadline::NEVER;
use super::fault::Fault;
use super::origin::Origin;
use super::replay::{Upload, WHOLE};
use super::rest::read_rest;
use super::route::{self, Route};
use super::settings::Settings;
use super::upstream::Table;
use super::worker::Stage;
use crate::metrics::MethodKind;

/// The wait before a request is sent again for which there is nothing to wait for: doubled each time.
const PAUSE: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(100));

/// Answers one request of a client.
pub(super) async fn answer(
    client: Rc<Client>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let mut exchange = Exchange::begin(&client);
    let (head, body) = request.into_parts();
    let method = MethodKind::of(&head.method);
    let given_id = access::id_of(&head).cloned();
    exchange.is_to_log(&head);
    let mut response = match judge(&client, &head) {
        Ok((Route::Node(position), _)) => {
            exchange.is_for_data(method);
            let response = to_node(&client, &head, body, position).await;
            client.worker.metrics.count_answer(method, response.status());
            response
        }
        Ok((Route::Admin, _)) => Box::pin(to_admin(&client, head, body)).await,
        other => {
            let response = Box::pin(here(&client, other, &head, body)).await;
            client.worker.metrics.count_answer(method, response.status());
            client.worker.metrics.own_answers.add(1);
            response
        }
    };
    if let Some(entry) = exchange.entry() {
        entry.answered(&response);
    }
    access::tell_id(&mut response, given_id, exchange.entry().as_deref());
    if client.worker.stage.get() != Stage::Serving {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.map(|body| body.ending(exchange)))
}

fn judge(client: &Client, head: &Parts) -> Result<(Route, Option<Rc<Origin>>), Fault> {
    Ok((route::route(head)?, client.origin(head)?))
}

/// Answers what needs nobody else.
async fn here(
    client: &Client,
    judged: Result<(Route, Option<Rc<Origin>>), Fault>,
    head: &Parts,
    body: Incoming,
) -> Response<Body> {
    let rest = &mut Upload::unkept(body);
    let mut response = match judged {
        Err(fault) => return refuse(client, &fault, head, rest).await,
        Ok((Route::Page, origin)) => {
            let accept = head.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
            let as_html = accept.is_some_and(|accept| accept.contains("text/html"));
            answer::page(origin.as_deref().map(|origin| &origin.authority), as_html)
        }
        Ok(_) => answer::options(),
    };
    if !read_rest(client, &head.headers, rest, None).await {
        close(client, &mut response);
    }
    response
}

/// Says what is wrong, and keeps the connection where that is safe.
async fn refuse(client: &Client, fault: &Fault, head: &Parts, rest: &mut Upload) -> Response<Body> {
    let mut response = fault.response();
    if fault.ends_connection() || !read_rest(client, &head.headers, rest, None).await {
        close(client, &mut response);
    }
    response
}

async fn to_admin(client: &Client, head: Parts, body: Incoming) -> Response<Body> {
    client.worker.metrics.admin_requests.add(1);
    let answered = match &client.worker.admin {
        Some(admin) => admin.answer(Request::from_parts(head, body), client.peer).await,
        None => Err(Fault::NoAdmin),
    };
    answered.unwrap_or_else(|fault| fault.response())
}

async fn to_node(client: &Rc<Client>, head: &Parts, body: Incoming, position: Position) -> Response<Body> {
    let mut upload = Upload::default();
    let answered = match take_in(client, head, body, &mut upload).await {
        Ok(()) => Job { client, head }.forward(position, &mut upload).await,
        Err(fault) => Err(fault),
    };
    match answered {
        Ok(response) => response,
        Err(fault) => {
            client.worker.metrics.own_answers.add(1);
            Box::pin(refuse(client, &fault, head, &mut upload)).await
        }
    }
}

/// Prepares the body. A small one is taken in, so that it goes to the node with its head. So is one of unknown length
/// until it is known whether it can be kept, because the node is told so in the head.
async fn take_in(client: &Client, head: &Parts, body: Incoming, upload: &mut Upload) -> Result<(), Fault> {
    let worker = &client.worker;
    let limit = worker.settings.replay_buffer;
    let Some(length) = body.size_hint().exact() else {
        *upload = Upload::of_unknown_length(body, &worker.pool);
        return Box::pin(in_time(client, |cx| upload.poll_fill(cx, limit, client))).await;
    };
    *upload = Upload::of_known_length(body, length, limit, &worker.pool);
    // A client that wants to be asked for its body first may be refused by what its head says.
    if upload.is_taken_in() || length > WHOLE as u64 || !upload.is_kept() || head.headers.contains_key(EXPECT)
    {
        return Ok(());
    }
    in_time(client, |cx| upload.poll_all(cx, client)).await
}

/// Waits for a client's body for as long as it comes.
async fn in_time(
    client: &Client,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<Result<(), hyper::Error>>,
) -> Result<(), Fault> {
    client.has_moved();
    poll_fn(|cx| match poll(cx) {
        Poll::Pending if client.is_late() => Poll::Ready(Err(Fault::SlowBody)),
        taken => taken.map_err(|_| Fault::BadBody),
    })
    .await?;
    client.allow(NEVER);
    Ok(())
}

impl Job<'_> {
    /// Tries until there is an answer, or a reason why there is none.
    async fn forward(&self, position: Position, upload: &mut Upload) -> Result<Response<Body>, Fault> {
        let worker = &self.client.worker;
        let mut budget = Budget::new(&worker.settings);
        let mut repeated = false;
        loop {
            let table = worker.table();
            let owner = table.routing.owner_index(position).and_then(|owner| table.nodes.get(owner));
            let owner = owner.ok_or(Fault::NoOwner)?;
            let attempt = self.attempt(&table, owner, upload).await;
            attempt.count(&owner.metrics);
            match attempt {
                Attempt::Answered(response) => return Ok(response),
                Attempt::Failed(fault) => return Err(fault),
                Attempt::Unknown(_) if self.is_safe() && !repeated && upload.rewind() => repeated = true,
                Attempt::Unknown(fault) => {
                    worker.metrics.unknown_outcomes.add(1);
                    return Err(fault);
                }
                Attempt::NotApplied(fault, reason) => {
                    if !upload.rewind() || !Box::pin(self.wait(&table, reason, &mut budget)).await {
                        return Err(fault);
                    }
                }
            }
            worker.metrics.resends.add(1);
        }
    }

    /// Waits until it makes sense to send again; `false` where it does not.
    async fn wait(&self, table: &Table, reason: Reason, budget: &mut Budget) -> bool {
        let worker = &self.client.worker;
        let epoch = table.routing.epoch();
        let Some(until) = budget.take() else { return false };
        if worker.table().routing.epoch() > epoch {
            return true;
        }
        let next = match reason {
            // Failing fast is the point: only a newer view could help, and there is none.
            Reason::Unreachable => return false,
            // The node has seen a newer view, so it is on its way here.
            Reason::Misdirected(theirs) if theirs > epoch => until,
            Reason::Misdirected(_) | Reason::Closing => budget.pause(until),
        };
        let newer = worker.seat.bridge().wait_newer(epoch);
        // Not in time is an answer, too: another attempt, if there is time for one.
        let _ = tokio::time::timeout_at(next, newer).await;
        Instant::now() < until
    }
}

/// How often and for how long one request may be sent again.
#[derive(Debug)]
struct Budget {
    taken: u32,
    limit: u32,
    length: Duration,
    /// Set by the first failure: a request that succeeds at once needs no clock for this.
    until: Option<Instant>,
}

impl Budget {
    fn new(settings: &Settings) -> Self {
        Self { taken: 0, limit: settings.max_resends, length: settings.resend_for, until: None }
    }

    /// Takes one; `None` when all are gone or the time is over, else the end of that time.
    fn take(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let until = *self.until.get_or_insert(now + self.length);
        self.taken += 1;
        (self.taken <= self.limit && now < until).then_some(until)
    }

    /// The end of a pause that grows with each one. Half of it is chance, so that requests which failed together
    /// do not come back together.
    fn pause(&self, until: Instant) -> Instant {
        let longest = (PAUSE.0 * 2u32.pow(self.taken.min(10))).min(PAUSE.1);
        let chance = f64::from(getrandom::u32().unwrap_or(0)) / f64::from(u32::MAX);
        (Instant::now() + longest.mul_f64(0.5 + chance / 2.0)).min(until)
    }
}

/// Nothing more is read from this connection, and its client should know.
fn close(client: &Client, response: &mut Response<Body>) {
    client.leaves_unread();
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
}
