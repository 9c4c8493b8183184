//! One client: takes an operation, sends it over its connection, counts what came of it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fastrand::Rng;
use http::{Request, StatusCode};
use http_body_util::Full;

use crate::api::{Form, Found};
use crate::check::Begun;
use crate::connection::{Answer, Connection, Trouble};
use crate::mix::Kind;
use crate::plan::{Load, Plan, Until};
use crate::stream::{Operation, Stream, mixed};

use super::pacer::Pacer;
use super::thread::Thread;

/// How long a client waits after a failure before it goes on: a server that is down is not hammered.
const AFTER_FAILURE: Duration = Duration::from_millis(10);

pub(super) struct Client {
    number: u32,
    thread: Rc<Thread>,
    connection: Option<Connection>,
    sent: u64,
}

impl Client {
    pub(super) fn new(number: u32, thread: &Rc<Thread>) -> Self {
        Self { number, thread: Rc::clone(thread), connection: None, sent: 0 }
    }

    /// Operation after operation, each when the one before is answered.
    pub(super) async fn closed_loop(mut self) {
        let plan = Arc::clone(&self.thread.plan);
        let clients = plan.clients;
        let turn = plan.ramp.mul_f64(f64::from(self.number) / f64::from(clients));
        if !turn.is_zero() {
            tokio::time::sleep_until((self.thread.start + turn).into()).await;
        }
        let Load::Closed { think } = plan.load.clone() else { return };
        let mut random = Rng::with_seed(mixed(!plan.seed, u64::from(self.number)));
        self.thread.enter();
        for (done, operation) in (0..).zip(Stream::new(&plan, u64::from(self.number), u64::from(clients))) {
            let now = Instant::now();
            if matches!(plan.until, Until::Requests(most) if done >= most)
                || self.thread.end.is_some_and(|end| now >= end)
            {
                break;
            }
            self.perform(&plan, operation, now).await;
            let pause = *think.start() + (*think.end() - *think.start()).mul_f64(random.f64());
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
        self.thread.leave();
    }

    /// Whatever is due.
    pub(super) async fn open_loop(mut self, pacer: Rc<Pacer>, seat: usize) {
        let plan = Arc::clone(&self.thread.plan);
        self.thread.enter();
        while let Some(due) = pacer.next(seat).await {
            self.perform(&plan, due.operation, due.since).await;
        }
        self.thread.leave();
    }

    async fn perform(&mut self, plan: &Plan, operation: Operation, since: Instant) {
        let sent = Instant::now();
        let key = plan.key(operation.key);
        let outcome = match operation.kind {
            Kind::Read => self.read(plan, operation.key, &key).await,
            Kind::Write | Kind::Insert => self.write(plan, &operation, &key).await,
            Kind::Delete => self.delete(plan, operation.key, &key).await,
            Kind::Modify => match self.read(plan, operation.key, &key).await {
                Ok(()) => self.write(plan, &operation, &key).await,
                Err(trouble) => Err(trouble),
            },
        };
        let now = Instant::now();
        match outcome {
            Ok(()) => self.thread.tally.borrow_mut().done(operation.kind, now - since, now - sent),
            Err(trouble) => {
                self.thread.tally.borrow_mut().failed(operation.kind, trouble);
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }

    async fn read(&mut self, plan: &Plan, key: u64, name: &str) -> Result<(), Trouble> {
        let floor = plan.check.as_ref().map(|check| check.begin_read(key));
        let answer = self.ask(plan, plan.api.read(), name, &Bytes::new()).await?;
        let (Some(check), Some(floor)) = (&plan.check, floor) else { return Ok(()) };
        let found = plan.api.answers.read(answer.status, &answer.body);
        if found == Found::Nothing && answer.status != StatusCode::NOT_FOUND {
            self.thread.tally.borrow_mut().absent += 1;
        }
        if check.read(key, name, floor, &found) { Ok(()) } else { Err(Trouble::WrongValue) }
    }

    async fn write(&mut self, plan: &Plan, operation: &Operation, name: &str) -> Result<(), Trouble> {
        self.sent += 1;
        let begun = plan.check.as_ref().map(|check| check.begin_write(operation.key, false));
        let value = match (&plan.check, begun) {
            (Some(check), Some(begun)) => plan.values.signed(operation.size, &check.signature(name, begun)),
            _ => plan.values.any(operation.size, self.sent),
        };
        let answered = self.ask(plan, plan.api.write(), name, &value).await;
        if answered.is_ok() {
            self.thread.tally.borrow_mut().bytes_out += value.len() as u64;
        }
        settle(plan, begun.flatten(), &answered);
        answered.map(drop)
    }

    async fn delete(&mut self, plan: &Plan, key: u64, name: &str) -> Result<(), Trouble> {
        let begun = plan.check.as_ref().and_then(|check| check.begin_write(key, true));
        let answered = self.ask(plan, plan.api.delete(), name, &Bytes::new()).await;
        settle(plan, begun, &answered);
        answered.map(drop)
    }

    async fn ask(
        &mut self,
        plan: &Plan,
        form: Option<&Form>,
        key: &str,
        value: &Bytes,
    ) -> Result<Answer, Trouble> {
        // The command line has seen to it that there is a form for every kind of the mix, and that it can be sent.
        let request = form.and_then(|form| form.request(key, value).ok()).ok_or(Trouble::NotSent)?;
        let sent = Instant::now();
        let answer = self.exchange(plan, request).await?;
        let mut tally = self.thread.tally.borrow_mut();
        tally.answered(answer.status, sent.elapsed());
        tally.bytes_in += answer.bytes;
        tally.absent += u64::from(answer.status == StatusCode::NOT_FOUND);
        match Trouble::of_status(answer.status, plan.api.absence_is_fine) {
            None => Ok(answer),
            Some(trouble) => Err(trouble),
        }
    }

    async fn exchange(&mut self, plan: &Plan, mut request: Request<Full<Bytes>>) -> Result<Answer, Trouble> {
        loop {
            let kept = self.connection.take().filter(Connection::is_open);
            let fresh = kept.is_none();
            let mut connection = match kept {
                Some(connection) => connection,
                None => {
                    let opened = Connection::open(&plan.target, plan.timeout).await?;
                    self.thread.tally.borrow_mut().connections += 1;
                    opened
                }
            };
            match connection.exchange(request, plan.check.is_some()).await {
                Ok(answer) => {
                    self.connection = Some(connection);
                    return Ok(answer);
                }
                // The server has closed a connection that was idle, and the request never left.
                Err(failure) => match failure.unsent {
                    Some(unsent) if !fresh => request = unsent,
                    _ => return Err(failure.trouble),
                },
            }
        }
    }
}

/// Tells the judge what became of a write.
fn settle(plan: &Plan, begun: Option<Begun>, answered: &Result<Answer, Trouble>) {
    if let (Some(check), Some(begun)) = (&plan.check, begun) {
        match answered {
            Ok(_) => check.acknowledged(begun),
            Err(trouble) if trouble.is_unknown() => {}
            Err(_) => check.refused(begun),
        }
    }
}
