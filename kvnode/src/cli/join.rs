//! `--join` and `--leave-on-stop`: asks a proxy to take this node into its cluster, or to let it go.

use std::time::Duration;

use bytes::Bytes;
use hashring::{Id, NodeName};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use crate::client::{ClientError, post_once};
use crate::fence::Standing;
use crate::http::secret::Secret;
use crate::node::Node;
use crate::protocol::SECRET_HEADER;

/// Where a proxy listens for nodes.
const JOIN_PATH: &str = "/admin/join";
const LEAVE_PATH: &str = "/admin/leave";
/// How long the proxy may take to answer.
const DEADLINE: Duration = Duration::from_secs(5);
/// Pauses between two attempts: they double from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// While its keys move a node asks this often whether they still do.
const LEAVE_PAUSE: Duration = Duration::from_secs(3);

/// What the node tells the proxy.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Me {
    pub(super) name: NodeName,
    pub(super) url: String,
    pub(super) id: Id,
}

/// What the proxy says where it accepts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Said {
    /// This node is a member now.
    member: bool,
    /// The change that takes it in, or removes it.
    change: Option<u64>,
}

/// How one attempt ended.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Accepted(Said),
    /// The proxy said no, and why.
    Refused(String),
    /// There was no answer.
    NoAnswer(String),
}

/// Asks until the proxy accepts. A refusal is not the end: whoever runs the cluster may change what it is about.
pub(super) async fn ask_until_taken(proxy: String, me: Me, secret: Option<Secret>) {
    let mut pause = FIRST_PAUSE;
    let mut last = None;
    loop {
        let outcome = ask(&proxy, JOIN_PATH, &me, secret.as_ref()).await;
        // The same trouble is told once, not every few seconds.
        match &outcome {
            Outcome::Accepted(_) => return info!(%proxy, "the proxy takes this node in"),
            Outcome::Refused(why) if last.as_ref() != Some(&outcome) => {
                warn!(%proxy, %why, "the proxy does not take this node in; asking again");
            }
            Outcome::NoAnswer(why) if last.as_ref() != Some(&outcome) => {
                warn!(%proxy, %why, "the proxy cannot be asked yet; asking again");
            }
            Outcome::Refused(_) | Outcome::NoAnswer(_) => {}
        }
        last = Some(outcome);
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Asks the proxy to let this node go, again and again until it belongs to the cluster no more: then all its keys are
/// elsewhere. Asked once more while its removal is under way, the proxy names the same change.
///
/// # Errors
/// Why the proxy will not.
pub(super) async fn leave(proxy: &str, me: &Me, secret: Option<&Secret>, node: &Node) -> Result<(), String> {
    let mut removal = None;
    loop {
        match ask(proxy, LEAVE_PATH, me, secret).await {
            Outcome::Accepted(Said { member: false, change: None }) => return Ok(()),
            Outcome::Accepted(said) if removal != said.change => {
                removal = said.change;
                info!(%proxy, change = removal, "the keys of this node move to the others");
            }
            Outcome::Accepted(_) => {}
            Outcome::Refused(why) => return Err(why),
            Outcome::NoAnswer(why) => warn!(%proxy, %why, "the proxy does not answer; asking again"),
        }
        let out = node.until(|standing| matches!(standing, Standing::Outside));
        if timeout(LEAVE_PAUSE, out).await.is_ok() {
            return Ok(());
        }
    }
}

async fn ask(proxy: &str, path: &'static str, me: &Me, secret: Option<&Secret>) -> Outcome {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(secret) = secret.and_then(|secret| HeaderValue::from_bytes(secret.expose()).ok()) {
        headers.insert(HeaderName::from_static(SECRET_HEADER), secret);
    }
    let body = serde_json::to_vec(me).unwrap_or_default();
    match post_once(proxy, path, headers, Bytes::from(body), DEADLINE).await {
        Ok(answer) if answer.status().is_success() => {
            Outcome::Accepted(serde_json::from_slice(answer.body()).unwrap_or_default())
        }
        // It is just starting, or stopping, or somebody between us cannot reach it.
        Ok(answer) if answer.status().is_server_error() => {
            Outcome::NoAnswer(reason(answer.status().as_u16(), answer.body()))
        }
        Ok(answer) => Outcome::Refused(reason(answer.status().as_u16(), answer.body())),
        Err(error @ ClientError::BadUrl(_)) => Outcome::Refused(error.to_string()),
        Err(error) => Outcome::NoAnswer(error.to_string()),
    }
}

/// What a refusal says in words.
fn reason(status: u16, body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Words {
        title: String,
        detail: Option<String>,
    }
    match serde_json::from_slice(body) {
        Ok(Words { title, detail }) => detail.unwrap_or(title),
        Err(_) => format!("status {status}; is this the address of a Keyway proxy?"),
    }
}
