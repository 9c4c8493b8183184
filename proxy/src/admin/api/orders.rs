//! Orders for a change: `POST /add-server`, `POST /remove-server`, `PATCH /admin/nodes/NAME`.

use std::collections::BTreeSet;
use std::time::Duration;

use hashring::NodeName;
use hashring::ring::MAX_WEIGHT;
use http::{HeaderName, StatusCode};
use kvnode::config::units;
use kvnode::problem::{Kind, Problem};
use serde_json::Value;

use super::changes;
use crate::admin::answer::{self, Answer, Fault};
use crate::admin::documents::{AlreadySo, ChangeState};
use crate::admin::fields::Fields;
use crate::admin::query::{self, Query};
use crate::admin::{Call, Parts};
use crate::config::address::{node_url, port_of};
use crate::control::{Accepted, AddServer, Adopt, Control, Order, RemoveServer, Reweight, Terms};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Whoever waits longer had better look again.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// How an order is to be treated.
struct Manner {
    wait: Option<Duration>,
    dry_run: bool,
}

/// `POST /add-server`.
pub(super) async fn add_server<C: Control>(parts: &Parts<C>, call: &Call) -> Result<Answer, Fault> {
    let manner = Manner::of(&Query::of(&call.uri, &["wait", "dry_run"])?)?;
    let mut fields = Fields::of(&call.headers, &call.body)?;
    let has_url = fields.has("url");
    for name in ["name", "erase"] {
        if fields.has(name) && !has_url {
            fields.wrong(name, "this needs `url`: a node that is started here gets its name from the proxy");
        }
    }
    let url = fields.parsed("url", node_url);
    let name = fields.parsed("name", str::parse::<NodeName>);
    let erase = fields.boolean("erase").unwrap_or(false);
    let weight = weight(&mut fields).unwrap_or(1);
    let terms = terms(&mut fields, call)?;
    fields.finish()?;
    let adopt = url.map(|url| Adopt { url, name, erase });
    carry_out(parts, Order::AddServer(AddServer { weight, adopt }), terms, &manner).await
}

/// `POST /remove-server`.
pub(super) async fn remove_server<C: Control>(parts: &Parts<C>, call: &Call) -> Result<Answer, Fault> {
    let query = Query::of(&call.uri, &["name", "port", "force", "wait", "dry_run"])?;
    let manner = Manner::of(&query)?;
    let mut fields = Fields::of(&call.headers, &call.body)?;
    let mut names: Vec<NodeName> = fields.parsed("name", str::parse).into_iter().collect();
    let force = fields.boolean("force").unwrap_or(false) || query.switch("force")?;
    let terms = terms(&mut fields, call)?;
    fields.finish()?;
    names.extend(query.parsed("name", str::parse)?);
    if let Some(port) = query.parsed("port", str::parse::<u16>)? {
        names.push(node_at(parts, port)?);
    }
    let [name] = names.as_slice() else {
        return Err(query::bad_query("say once which node: {\"name\":\"n2\"}, ?name=n2 or ?port=5002"));
    };
    let order = Order::RemoveServer(RemoveServer { name: name.clone(), force });
    carry_out(parts, order, terms, &manner).await
}

/// `PATCH /admin/nodes/NAME`.
pub(super) async fn reweight<C: Control>(parts: &Parts<C>, call: &Call, name: &str) -> Result<Answer, Fault> {
    let manner = Manner::of(&Query::of(&call.uri, &["wait", "dry_run"])?)?;
    let name: NodeName = name.parse().map_err(|error| unknown_node(format!("{error}.")))?;
    let mut fields = Fields::of(&call.headers, &call.body)?;
    if !fields.has("weight") {
        fields.wrong("weight", "this is missing; it is all that can be changed");
    }
    let weight = weight(&mut fields).unwrap_or_default();
    let terms = terms(&mut fields, call)?;
    fields.finish()?;
    carry_out(parts, Order::Reweight(Reweight { name, weight }), terms, &manner).await
}

async fn carry_out<C: Control>(
    parts: &Parts<C>,
    order: Order,
    terms: Terms,
    manner: &Manner,
) -> Result<Answer, Fault> {
    if manner.dry_run {
        return answer::json(StatusCode::OK, &parts.control.dry_run(order).await?);
    }
    let id = match parts.control.submit(order, terms).await? {
        Accepted::AlreadySo(detail) => {
            return answer::json(StatusCode::OK, &AlreadySo { changed: false, detail });
        }
        Accepted::Queued(id) | Accepted::Same(id) => id,
    };
    if let Some(limit) = manner.wait {
        parts.control.wait_finished(id, limit).await;
    }
    told(parts, id)
}

/// Where the change stands. One that has ended otherwise than done does not go on by itself, as 202 would say: a
/// repeated order learns that too.
fn told<C: Control>(parts: &Parts<C>, id: u64) -> Result<Answer, Fault> {
    let change = changes::find(parts, id)?;
    let kind = match change.state {
        ChangeState::Done => return answer::json(StatusCode::OK, &change),
        ChangeState::Failed => Kind::ChangeFailed,
        ChangeState::Cancelled => Kind::ChangeCancelled,
        ChangeState::Queued | ChangeState::Running | ChangeState::Paused => {
            return Ok(answer::at_change(answer::json(StatusCode::ACCEPTED, &change)?, id));
        }
    };
    let mut problem = Problem::new(kind).member("change", id);
    if let Some(reason) = change.reason {
        problem = problem.detail(reason);
    }
    Err(problem.into())
}

impl Manner {
    fn of(query: &Query) -> Result<Self, Fault> {
        let wait = query.parsed("wait", |text| {
            let wait = units::duration(text)?;
            let most = units::show_duration(LONGEST_WAIT);
            if wait <= LONGEST_WAIT { Ok(wait) } else { Err(format!("at most {most}, not {text}")) }
        })?;
        Ok(Self { wait, dry_run: query.switch("dry_run")? })
    }
}

fn weight(fields: &mut Fields) -> Option<u16> {
    fields.integer_in("weight", 0..=u64::from(MAX_WEIGHT)).and_then(|weight| u16::try_from(weight).ok())
}

fn terms(fields: &mut Fields, call: &Call) -> Result<Terms, Fault> {
    let paused = fields.boolean("paused").unwrap_or(false);
    let rate = rate(fields).unwrap_or(None);
    Ok(Terms { idempotency: idempotency(call)?, paused, rate })
}

/// A limit in bytes a second; `Some(None)` = `null` = no limit.
pub(super) fn rate(fields: &mut Fields) -> Option<Option<u64>> {
    let wrong =
        || "this must be bytes a second, such as 10000000 or \"10MiB\", or null for no limit".to_owned();
    fields.value("rate", |value| match value {
        Value::Null => Ok(None),
        Value::Number(number) => number.as_u64().filter(|rate| *rate > 0).map(Some).ok_or_else(wrong),
        Value::String(text) => units::size(text).ok().filter(|rate| *rate > 0).map(Some).ok_or_else(wrong),
        _ => Err(wrong()),
    })
}

fn idempotency(call: &Call) -> Result<Option<String>, Fault> {
    let mut keys = call.headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let text = key.to_str().ok().filter(|text| (1..=255).contains(&text.len()) && keys.next().is_none());
    text.map(|text| Some(text.to_owned())).ok_or_else(|| {
        Problem::new(Kind::BadIdempotencyKey)
            .detail("It must stand once and have 1 to 255 visible characters.")
            .into()
    })
}

fn node_at<C: Control>(parts: &Parts<C>, port: u16) -> Result<NodeName, Fault> {
    let view = parts.control.view();
    let arriving =
        view.open.iter().map(|open| &open.change).chain(&view.queue).filter_map(|change| {
            change.newcomer.as_ref().map(|newcomer| (&change.node, newcomer.url.as_str()))
        });
    let members = view.nodes.iter().map(|(name, node)| (name, node.url.as_str()));
    let found: BTreeSet<&NodeName> =
        members.chain(arriving).filter(|(_, url)| port_of(url) == Some(port)).map(|(name, _)| name).collect();
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(name), None) => Ok(name.clone()),
        (None, _) => Err(unknown_node(format!("No node listens on port {port}."))),
        (Some(one), Some(other)) => Err(Problem::new(Kind::AmbiguousPort)
            .detail(format!("{one} and {other} listen on port {port}: say which by its name."))
            .into()),
    }
}

fn unknown_node(detail: String) -> Fault {
    Problem::new(Kind::UnknownNode).detail(detail).into()
}
