//! Asking every node what it really stores: for a verification, and for the exact numbers of a dry run.

use std::collections::BTreeMap;
use std::time::Duration;

use hashring::{Member, NodeName, View};
use http::StatusCode;
use kvnode::protocol::{CENSUS_PATH, Census, CensusQuestion};
use tokio::task::JoinSet;

use super::beats::Asker;
use crate::control::{PlanReport, Verification};

/// A census reads the whole disk.
const DEADLINE: Duration = Duration::from_secs(600);
/// The view may change while the nodes count: then they are asked again, for this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Every member's census, or why there is none.
pub(super) async fn take(
    asker: &Asker,
    view: &View,
    next: Option<Vec<Member>>,
) -> BTreeMap<NodeName, Result<Census, String>> {
    let mut asked = JoinSet::new();
    let question = CensusQuestion { next };
    for (name, node) in &view.nodes {
        let (asker, name, url, question) = (asker.clone(), name.clone(), node.url.clone(), question.clone());
        asked.spawn(async move { (name, one(&asker, &url, &question).await) });
    }
    let mut nodes = BTreeMap::new();
    while let Some(answer) = asked.join_next().await {
        if let Ok((name, census)) = answer {
            nodes.insert(name, census);
        }
    }
    nodes
}

async fn one(asker: &Asker, url: &str, question: &CensusQuestion) -> Result<Census, String> {
    let body = serde_json::to_vec(question).map_err(|error| error.to_string())?;
    let answer = asker.client.post(url, CENSUS_PATH, asker.headers.clone(), body.into(), DEADLINE).await;
    match answer.map_err(|error| error.to_string())? {
        (StatusCode::OK, body) => serde_json::from_slice(&body).map_err(|error| error.to_string()),
        (status, body) => Err(format!("{status}: {}", String::from_utf8_lossy(&body[..body.len().min(300)]))),
    }
}

/// What all nodes store, judged by one view.
pub(super) async fn verify(asker: &Asker) -> Verification {
    let began = tokio::time::Instant::now();
    loop {
        let view = asker.view();
        let nodes = take(asker, &view, None).await;
        let counted = nodes.values().flatten().map(|census| census.epoch);
        let same_view = counted.clone().all(|epoch| epoch == view.epoch) && asker.view().epoch == view.epoch;
        if same_view || began.elapsed() > PATIENCE {
            let mut problems = Vec::new();
            if !same_view {
                problems.push("the view kept changing while the nodes counted: try again later".to_owned());
            }
            return Verification { epoch: view.epoch, nodes, problems };
        }
        // A node may be a moment behind.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Puts exact numbers into a plan, where every node concerned gave them.
pub(super) async fn count(asker: &Asker, view: &View, next: Vec<Member>, report: &mut PlanReport) {
    let nodes = take(asker, view, Some(next)).await;
    for one in &mut report.moves {
        let Some(Ok(census)) = nodes.get(&one.from) else { continue };
        if let Some(leaving) = census.leaving.iter().find(|leaving| leaving.to == one.to) {
            (one.keys, one.bytes) = (Some(leaving.tally.records), Some(leaving.tally.bytes));
        }
    }
    report.keys = report.moves.iter().map(|one| one.keys).sum();
    report.bytes = report.moves.iter().map(|one| one.bytes).sum();
}
