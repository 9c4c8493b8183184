//! `keyway health`: for what watches a container that has no other program to ask with.

use std::time::Duration;

use clap::Args;
use http::{Method, StatusCode};

use super::client::Client;
use super::{DONE, Failed, Outcome, WRONG};

/// What watches asks again soon; an answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(3);

/// Flags of `keyway health`.
#[derive(Debug, Args)]
pub(super) struct Health {
    /// What to ask for: `/admin/live` of a proxy is whether it works, `/admin/ready` whether all of its ring is
    /// served, and `/` of a node whether that one works
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:5000/admin/live")]
    url: String,
}

/// Well when the answer is; no other exit codes, since to Docker they mean nothing.
pub(super) async fn health(asked: Health) -> Outcome {
    let unwell = |message| Failed { code: WRONG, message };
    let (base, path) = split(&asked.url).ok_or_else(|| {
        unwell(format!("`{}` is no URL to ask; write for example http://127.0.0.1:5001/", asked.url))
    })?;
    let client = Client::new(base).map_err(|failed| unwell(failed.message))?;
    let reply =
        client.send(Method::GET, path, None, PATIENCE).await.map_err(|failed| unwell(failed.message))?;
    if reply.status == StatusCode::OK { Ok(DONE) } else { Err(unwell(reply.text.trim_end().to_owned())) }
}

/// `http://host:port` and the path behind it.
fn split(url: &str) -> Option<(&str, &str)> {
    let host = url.strip_prefix("http://")?;
    let at = url.len() - host.len() + host.find('/').unwrap_or(host.len());
    let (base, path) = url.split_at(at);
    Some((base, if path.is_empty() { "/" } else { path }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_an_address_and_a_path() {
        for (url, base, path) in [
            ("http://127.0.0.1:5000/admin/live", "http://127.0.0.1:5000", "/admin/live"),
            ("http://[::1]:5001/", "http://[::1]:5001", "/"),
            ("http://node", "http://node", "/"),
        ] {
            assert_eq!(split(url), Some((base, path)), "{url}");
        }
        assert_eq!(split("127.0.0.1:5000/admin/live"), None);
    }
}
