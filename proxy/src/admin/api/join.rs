//! `POST /admin/join` and `POST /admin/leave`: a node that was started with `--join` comes, and with `--leave-on-stop`
//! goes. It shows the cluster's secret instead of the admin's token.

use hashring::{Id, NodeName};
use http::{HeaderName, StatusCode};
use kvnode::problem::{Kind, Problem};
use kvnode::protocol::SECRET_HEADER;

use crate::admin::answer::{self, Answer, Fault};
use crate::admin::documents::Joining;
use crate::admin::fields::Fields;
use crate::admin::query::Query;
use crate::admin::{Call, Parts};
use crate::config::address::node_url;
use crate::control::{Control, Hello, Joined, Leaving};

const SECRET: HeaderName = HeaderName::from_static(SECRET_HEADER);

/// `POST /admin/join`.
pub(super) async fn take<C: Control>(parts: &Parts<C>, call: &Call) -> Result<Answer, Fault> {
    let hello = hello(parts, call)?;
    match parts.control.join(hello).await? {
        Joined::Member => answer::json(StatusCode::OK, &Joining { member: true, change: None }),
        Joined::Queued(id) => queued(false, id),
    }
}

/// `POST /admin/leave`.
pub(super) async fn leave<C: Control>(parts: &Parts<C>, call: &Call) -> Result<Answer, Fault> {
    let hello = hello(parts, call)?;
    match parts.control.leave(hello).await? {
        Leaving::Gone => answer::json(StatusCode::OK, &Joining { member: false, change: None }),
        Leaving::Queued(id) => queued(true, id),
    }
}

fn queued(member: bool, change: u64) -> Result<Answer, Fault> {
    let answer = answer::json(StatusCode::ACCEPTED, &Joining { member, change: Some(change) })?;
    Ok(answer::at_change(answer, change))
}

/// Who asks, if it knows the secret.
fn hello<C>(parts: &Parts<C>, call: &Call) -> Result<Hello, Fault> {
    let mut shown = call.headers.get_all(SECRET).iter();
    let known = shown.next().is_some_and(|secret| parts.secret.is(secret.as_bytes()));
    if !known || shown.next().is_some() {
        return Err(stranger());
    }
    Query::of(&call.uri, &[])?;
    let mut fields = Fields::of(&call.headers, &call.body)?;
    for name in ["name", "url", "id"] {
        if !fields.has(name) {
            fields.wrong(name, "this is missing");
        }
    }
    let name = fields.parsed("name", str::parse::<NodeName>);
    let url = fields.parsed("url", node_url);
    let id = fields.parsed("id", str::parse::<Id>);
    fields.finish()?;
    match (name, url, id) {
        (Some(name), Some(url), Some(id)) => Ok(Hello { name, url, id }),
        _ => Err(super::super::broken(&"a field was neither read nor refused")),
    }
}

fn stranger() -> Fault {
    Problem::new(Kind::WrongSecret)
        .detail(
            "A joining node needs the secret of this cluster: start it with KEYWAY_CLUSTER_SECRET (or \
             KEYWAY_CLUSTER_SECRET_FILE) set to what the proxy has, which without such a variable is in the file \
             `secret` of its data folder.",
        )
        .into()
}
