//! The admin API in the words of the tests.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::client::{Asked, Client, escaped};
use crate::wait::eventually;

/// The admin API of one proxy.
#[derive(Debug, Clone)]
pub struct Admin {
    client: Client,
}

impl Admin {
    /// The admin API that this client reaches.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Its client, for requests that have no words here.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// `POST /add-server` with an empty body: the proxy starts a node of its own.
    pub fn add_own(&self) -> Asked {
        self.client.ask("POST", "/add-server")
    }

    /// `POST /add-server` for a node that runs already.
    pub fn add(&self, introduction: &Value) -> Asked {
        self.client.ask("POST", "/add-server").json(introduction)
    }

    /// `POST /remove-server`.
    pub fn remove(&self, node: &str) -> Asked {
        self.client.ask("POST", "/remove-server").json(&json!({"name": node}))
    }

    /// `PATCH /admin/nodes/NAME`.
    pub fn reweight(&self, node: &str, weight: impl Into<Value>) -> Asked {
        self.client.ask("PATCH", format!("/admin/nodes/{node}")).json(&json!({"weight": weight.into()}))
    }

    /// `PATCH /admin/changes/ID`.
    pub fn patch_change(&self, place: &str, body: &Value) -> Asked {
        self.client.ask("PATCH", place).json(body)
    }

    /// `DELETE /admin/changes/ID`.
    pub fn cancel(&self, place: &str) -> Asked {
        self.client.ask("DELETE", place)
    }

    /// `POST /admin/verify`.
    pub async fn verify(&self) -> Answer {
        self.client.ask("POST", "/admin/verify").send().await
    }

    /// Verifies until it passes: right after a change old owners are still cleaning.
    pub async fn verified(&self, limit: Duration) -> Value {
        eventually(limit, "every key on its owner and nowhere else", || async {
            let answer = self.verify().await;
            if answer.status == 200 { Ok(answer.json()) } else { Err(format!("{answer:?}")) }
        })
        .await
    }

    /// `GET /admin/ring`.
    pub async fn ring(&self) -> RingShown {
        let value = self.client.ask("GET", "/admin/ring").send().await.expect(200).json();
        RingShown { value }
    }

    /// `GET /admin/locate`: who owns a key. `with` is empty, or `&with=n9`, `&without=n2`.
    pub async fn locate(&self, key: impl AsRef<[u8]>, with: &str) -> String {
        let target = format!("/admin/locate?key={}{with}", escaped(key));
        let located = self.client.ask("GET", target).send().await.expect(200).json();
        let owner = located["owner"].as_str().or_else(|| located["owner"]["name"].as_str());
        owner.unwrap_or_else(|| panic!("no owner in {located}")).to_owned()
    }

    /// The owners of many keys.
    pub async fn owners(&self, keys: impl IntoIterator<Item = String>) -> BTreeMap<String, String> {
        self.owners_if(keys, "").await
    }

    /// The owners of many keys on another ring: `&with=n9`, `&without=n2`.
    pub async fn owners_if(
        &self,
        keys: impl IntoIterator<Item = String>,
        with: &str,
    ) -> BTreeMap<String, String> {
        let mut owners = BTreeMap::new();
        for key in keys {
            let owner = self.locate(&key, with).await;
            owners.insert(key, owner);
        }
        owners
    }

    /// All changes that the proxy remembers.
    pub async fn changes(&self) -> Vec<Value> {
        let value = self.client.ask("GET", "/admin/changes").send().await.expect(200).json();
        value["changes"].as_array().unwrap_or_else(|| panic!("no list of changes in {value}")).clone()
    }

    /// One change, by its `Location`.
    pub async fn change(&self, place: &str) -> Value {
        self.client.ask("GET", place).send().await.expect(200).json()
    }

    /// Waits until a change has ended, whatever way, and answers it.
    pub async fn ended(&self, place: &str, limit: Duration) -> Value {
        eventually(limit, &format!("the end of {place}"), || async {
            let answer = self.client.ask("GET", place).try_send().await.map_err(|lost| lost.0)?;
            let change = answer.expect(200).json();
            match state(&change) {
                "done" | "cancelled" | "failed" => Ok(change),
                _ => Err(change.to_string()),
            }
        })
        .await
    }

    /// Sends a request that asks for a change, waits until it is done, and answers the change.
    ///
    /// # Panics
    /// Where it is refused, or ends in another way.
    pub async fn carried_out(&self, request: Asked, limit: Duration) -> Value {
        let place = accepted(&request.send().await);
        let change = self.ended(&place, limit).await;
        assert_eq!(state(&change), "done", "{change:#}");
        change
    }

    /// Whether all of the ring can be served, and when not, why.
    pub async fn ready(&self, limit: Duration) {
        eventually(limit, "/admin/ready says 200", || async {
            let answer = self.client.ask("GET", "/admin/ready").try_send().await.map_err(|lost| lost.0)?;
            if answer.status == 200 { Ok(()) } else { Err(format!("{answer:?}")) }
        })
        .await;
    }
}

/// The `Location` of a change that was taken on.
///
/// # Panics
/// Where it was not.
#[track_caller]
#[must_use]
pub fn accepted(answer: &Answer) -> String {
    assert_eq!(answer.status, 202, "{answer:?}");
    let place = answer.header("location");
    let path = place.find("/admin/changes/").map(|at| &place[at..]);
    path.unwrap_or_else(|| panic!("no Location of a change in {answer:?}")).to_owned()
}

/// The state of a change.
#[must_use]
pub fn state(change: &Value) -> &str {
    change["state"].as_str().unwrap_or_else(|| panic!("no state in {change}"))
}

/// What `/admin/ring` shows.
#[derive(Debug, Clone)]
pub struct RingShown {
    /// All of it.
    pub value: Value,
}

impl RingShown {
    /// The epoch.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.value["epoch"].as_u64().unwrap_or_else(|| panic!("no epoch in {}", self.value))
    }

    /// The digest.
    #[must_use]
    pub fn digest(&self) -> &str {
        self.value["digest"].as_str().unwrap_or_else(|| panic!("no digest in {}", self.value))
    }

    /// What was decided: all of it but what is counted and measured.
    #[must_use]
    pub fn decided(&self) -> Value {
        let mut value = self.value.clone();
        for node in value["nodes"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
            node.retain(|field, _| {
                matches!(field.as_str(), "name" | "id" | "url" | "weight" | "share" | "own")
            });
        }
        value
    }

    /// The nodes by name.
    #[must_use]
    pub fn nodes(&self) -> BTreeMap<String, Value> {
        let nodes = self.value["nodes"].as_array().unwrap_or_else(|| panic!("no nodes in {}", self.value));
        let name = |node: &Value| node["name"].as_str().unwrap_or_default().to_owned();
        nodes.iter().map(|node| (name(node), node.clone())).collect()
    }

    /// The nodes' names, in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.nodes().into_keys().collect()
    }

    /// The URL of a node.
    #[must_use]
    pub fn url(&self, node: &str) -> String {
        self.nodes()[node]["url"].as_str().unwrap_or_default().to_owned()
    }

    /// The share of the ring that each node owns.
    #[must_use]
    pub fn shares(&self) -> BTreeMap<String, f64> {
        let share = |node: Value| node["share"].as_f64().unwrap_or_else(|| panic!("no share in {node}"));
        self.nodes().into_iter().map(|(name, node)| (name, share(node))).collect()
    }
}
