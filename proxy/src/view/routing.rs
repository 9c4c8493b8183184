//! A view made ready for routing.

use std::sync::Arc;

use hashring::{Id, NodeName, Position, Ring, View};

use super::Health;

/// A view with its ring and targets. Immutable; shared by all workers.
#[derive(Debug)]
pub struct Routing {
    /// The view.
    pub view: Arc<View>,
    /// Its serving ring. The one of the view before, where the weights are the same.
    pub ring: Arc<Ring>,
    /// The nodes, in the order of [`Ring::members`], so that an owner's index finds its target.
    pub targets: Vec<Arc<Target>>,
}

/// One process of a node, as requests see it.
#[derive(Debug)]
pub struct Target {
    /// The node's name.
    pub name: NodeName,
    /// The identity of its data folder; unknown until its first hello.
    pub id: Option<Id>,
    /// The process that may serve; unknown until its first hello.
    pub boot: Option<Id>,
    /// Where it listens, as the view says.
    pub url: String,
    /// Host and port of `url`; `None` where it is no plain HTTP URL.
    pub authority: Option<String>,
    /// What the probes say. Kept across views for as long as it is the same process at the same place: a new
    /// boot is a new process and starts healthy.
    pub health: Arc<Health>,
}

impl Routing {
    /// Makes `view` ready. Ring and targets that did not change since `previous` are taken over from it.
    #[must_use]
    pub fn new(view: View, previous: Option<&Self>) -> Self {
        let members = view.members();
        let ring = previous
            .map(|previous| &previous.ring)
            .filter(|ring| ring.points() == view.points && ring.members() == members)
            .map_or_else(|| Arc::new(view.ring()), Arc::clone);
        // The members of a view and of a ring are both in name order.
        let targets = view
            .nodes
            .iter()
            .map(|(name, node)| {
                let fresh = Target {
                    name: name.clone(),
                    id: node.id,
                    boot: node.boot,
                    url: node.url.clone(),
                    authority: authority(&node.url),
                    health: Arc::default(),
                };
                previous
                    .and_then(|previous| previous.target(name))
                    .filter(|known| known.is_same_process(&fresh))
                    .map_or_else(|| Arc::new(fresh), Arc::clone)
            })
            .collect();
        Self { view: Arc::new(view), ring, targets }
    }

    /// The view's epoch.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.view.epoch
    }

    /// The index in [`Routing::targets`] of the owner of `position`; `None` on a ring without points.
    #[must_use]
    pub fn owner_index(&self, position: Position) -> Option<usize> {
        self.ring.owner_index(position)
    }

    /// The target with this name.
    #[must_use]
    pub fn target(&self, name: &NodeName) -> Option<&Arc<Target>> {
        let at = self.targets.binary_search_by(|target| target.name.cmp(name)).ok()?;
        self.targets.get(at)
    }
}

impl Target {
    /// Whether both are the same process at the same place.
    #[must_use]
    pub fn is_same_process(&self, other: &Self) -> bool {
        self.name == other.name && self.id == other.id && self.boot == other.boot && self.url == other.url
    }
}

/// `host:port` of an `http://` URL.
fn authority(url: &str) -> Option<String> {
    let uri: http::Uri = url.parse().ok()?;
    let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http"))?;
    Some(format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(80)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hashring::view::Node;

    fn view(epoch: u64, nodes: &[(&str, u128, u16)]) -> View {
        let mut view = View { epoch, ..View::first(Id(1), Id(2), 16) };
        for &(name, boot, weight) in nodes {
            let node = Node {
                id: Some(Id(7)),
                boot: Some(Id(boot)),
                grant: 1,
                url: format!("http://127.0.0.1:{boot}"),
                weight,
                own: false,
            };
            view.nodes.insert(name.parse().unwrap(), node);
        }
        view
    }

    #[test]
    fn an_owners_index_finds_its_target() {
        let routing = Routing::new(view(1, &[("n2", 2, 1), ("n10", 10, 1), ("n1", 1, 1)]), None);
        for key in 0..200u32 {
            let position = Position::of(&key.to_le_bytes());
            let target = &routing.targets[routing.owner_index(position).unwrap()];
            assert_eq!(Some(&target.name), routing.ring.owner(position));
        }
    }

    #[test]
    fn health_is_kept_for_the_same_process_and_fresh_for_a_new_boot() {
        let first = Routing::new(view(1, &[("n1", 1, 1), ("n2", 2, 1)]), None);
        first.targets[0].health.set_down(true);
        first.targets[1].health.set_down(true);
        let second = Routing::new(view(2, &[("n1", 1, 1), ("n2", 3, 1)]), Some(&first));
        assert!(second.targets[0].health.is_down());
        assert!(!second.targets[1].health.is_down());
    }

    #[test]
    fn a_ring_with_the_same_weights_is_not_built_again() {
        let first = Routing::new(view(1, &[("n1", 1, 1), ("n2", 2, 1)]), None);
        let same = Routing::new(view(2, &[("n1", 5, 1), ("n2", 2, 1)]), Some(&first));
        let other = Routing::new(view(3, &[("n1", 5, 1), ("n2", 2, 2)]), Some(&same));
        assert!(Arc::ptr_eq(&first.ring, &same.ring));
        assert!(!Arc::ptr_eq(&same.ring, &other.ring));
    }

    #[test]
    fn the_authority_is_taken_only_from_plain_http() {
        assert_eq!(authority("http://127.0.0.1:5001").as_deref(), Some("127.0.0.1:5001"));
        assert_eq!(authority("http://node-1/").as_deref(), Some("node-1:80"));
        assert_eq!(authority("http://[::1]:9").as_deref(), Some("[::1]:9"));
        assert_eq!(authority("https://node-1"), None);
        assert_eq!(authority("nonsense"), None);
    }
}
