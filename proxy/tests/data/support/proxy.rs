//! A proxy in front of some nodes.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use hashring::view::Node;
use hashring::{Id, NodeName, Position, View};
use keyway::config::secret::Secret;
use keyway::data::{Admin, DataPath, Settings};
use keyway::metrics::Snapshot;
use keyway::view::Bridge;

use super::Client;

/// A running data path.
pub(crate) struct Proxy {
    pub(crate) path: DataPath,
    pub(crate) bridge: Arc<Bridge>,
}

/// A member of a view: name, URL, boot.
pub(crate) fn member(name: &str, url: impl Into<String>, boot: u128) -> (NodeName, Node) {
    let node = Node {
        id: Some(Id(boot + 1000)),
        boot: Some(Id(boot)),
        grant: 1,
        url: url.into(),
        weight: 1,
        own: false,
    };
    (name.parse().unwrap(), node)
}

pub(crate) fn view(epoch: u64, nodes: impl IntoIterator<Item = (NodeName, Node)>) -> View {
    View { epoch, nodes: nodes.into_iter().collect(), ..View::first(Id(0xc), Id(0xd), 64) }
}

/// What proxies and nodes show each other here.
pub(crate) const SECRET: &str = "the-secret-of-these-tests";

pub(crate) fn secret() -> Secret {
    Secret::new(SECRET).unwrap()
}

/// Settings for tests: one worker, a free port, and times that do not make a test long.
pub(crate) fn quick() -> Settings {
    Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        workers: NonZeroUsize::MIN,
        linger: Duration::from_millis(50),
        ..Settings::default()
    }
}

impl Proxy {
    pub(crate) fn start(view: View) -> Self {
        Self::start_with(quick(), view, None)
    }

    #[expect(clippy::needless_pass_by_value, reason = "tests write the settings in place")]
    pub(crate) fn start_with(settings: Settings, view: View, admin: Option<Admin>) -> Self {
        let bridge = Bridge::new(view);
        Self { path: DataPath::start(&settings, &bridge, &secret(), admin).unwrap(), bridge }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.path.local_addr()
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address()).await
    }

    pub(crate) fn counts(&self) -> Snapshot {
        self.path.metrics().snapshot()
    }

    /// Some key that this node owns.
    pub(crate) fn key_of(&self, name: &str) -> String {
        let routing = self.bridge.current();
        (0..)
            .map(|i| format!("k{i}"))
            .find(|key| routing.ring.owner(Position::of(key.as_bytes())).unwrap().as_str() == name)
            .unwrap()
    }
}
