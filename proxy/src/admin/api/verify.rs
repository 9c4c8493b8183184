//! `POST /admin/verify`: whether every key is on its owner and nowhere else.

use hashring::NodeName;
use http::StatusCode;
use kvnode::protocol::Census;

use crate::admin::answer::{self, Answer, Fault};
use crate::admin::documents::{Counted, Verification};
use crate::admin::fields::Fields;
use crate::admin::query::Query;
use crate::admin::{Call, Parts};
use crate::control::{self, Control};

/// `POST /admin/verify`.
pub(super) async fn run<C: Control>(parts: &Parts<C>, call: &Call) -> Result<Answer, Fault> {
    Query::of(&call.uri, &[])?;
    Fields::of(&call.headers, &call.body)?.finish()?;
    let document = document(parts.control.verify().await?);
    let status = if document.ok { StatusCode::OK } else { StatusCode::CONFLICT };
    answer::json(status, &document)
}

fn document(found: control::Verification) -> Verification {
    let mut problems = found.problems;
    let nodes: Vec<Counted> = found
        .nodes
        .into_iter()
        .map(|(name, census)| {
            problems.extend(wrong_with(&name, &census));
            counted(name, census)
        })
        .collect();
    Verification {
        ok: problems.is_empty(),
        epoch: found.epoch,
        keys: nodes.iter().map(|node| node.owned.records).sum(),
        bytes: nodes.iter().map(|node| node.owned.bytes).sum(),
        problems,
        nodes,
    }
}

fn wrong_with(name: &NodeName, census: &Result<Census, String>) -> Vec<String> {
    let census = match census {
        Ok(census) => census,
        Err(trouble) => return vec![format!("{name} could not be asked: {trouble}")],
    };
    let such_as = match census.examples.as_slice() {
        [] => String::new(),
        examples => format!(", such as {}", examples.join(", ")),
    };
    let mut wrong = Vec::new();
    if census.foreign.records > 0 {
        wrong.push(format!("{name} holds {} records that belong elsewhere{such_as}", census.foreign.records));
    }
    if census.damaged > 0 {
        wrong.push(format!("{name} holds {} damaged records{such_as}", census.damaged));
    }
    wrong
}

fn counted(name: NodeName, census: Result<Census, String>) -> Counted {
    let (census, trouble) = match census {
        Ok(census) => (census, None),
        Err(trouble) => (Census::default(), Some(trouble)),
    };
    Counted {
        name,
        trouble,
        owned: census.owned,
        cleaning: census.cleaning,
        arriving: census.arriving,
        foreign: census.foreign,
        damaged: census.damaged,
        examples: census.examples,
    }
}
