//! The consistent-hash ring of Keyway. Pure: no sockets, no files, no clock, no randomness.
//!
//! The proxy, its nodes and clients that want to skip the proxy all link this crate, so that they cannot
//! disagree about who owns a key. A ring is 2^64 positions; each node stands on it at many points; the owner
//! of a key is the node of the first point at or after the key's position, clockwise. Everything follows
//! from the nodes' names and weights alone, so whoever has the same members has the same ring. A client that
//! keeps a ring of its own must expect it to grow old: a node that does not own a key any more answers 421.
//!
//! ```
//! use hashring::{Member, NodeName, Plan, Position, Ring, ring::DEFAULT_POINTS};
//!
//! let member = |name: &str| name.parse().map(|name: NodeName| Member { name, weight: 1 });
//! let three = Ring::try_new(DEFAULT_POINTS, [member("n1")?, member("n2")?, member("n3")?])?;
//!
//! // Which node serves a key, from the query of a request to the owner.
//! let key = hashring::query::key(Some("key=user%3A42"))?;
//! let position = Position::of(&key);
//! let owner = three.owner(position).ok_or("a ring without points")?;
//! println!("{position} belongs to {owner}");
//! assert_eq!(three.replicas(position, 2)[0], owner);
//!
//! // What a fourth node would take: about a quarter of the ring, and only from the others to it.
//! let four = Ring::try_new(DEFAULT_POINTS, three.members().iter().cloned().chain([member("n4")?]))?;
//! let plan = Plan::between(&three, &four);
//! assert!((plan.share() - 0.25).abs() < 0.02);
//! assert!(plan.moves.iter().all(|one| one.to.as_str() == "n4"));
//!
//! // A key changes its owner exactly when its position is in the plan.
//! assert_eq!(four.owner(position) != Some(owner), plan.moved().contains(position));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Read in this order:
//!
//! - [`position`]: where a key falls on the ring, and where the points of a node are;
//! - [`query`]: how the key is read from a request target, the same on the proxy and on a node;
//! - [`range`]: arcs of the ring, and sets of them;
//! - [`ring`]: which node owns a position, and how much each owns (`index`, private: how that is found fast);
//! - [`plan`]: what moves between two rings;
//! - [`view`]: the one record of every decision about the cluster;
//! - [`id`], [`name`]: the identities that the view names.
//!
//! What the ring promises is in `tests/promises`, one promise a test; what another implementation of XXH3
//! says about it is in `tests/vectors`; `cargo bench -p hashring` says what it costs.

pub mod id;
mod index;
pub mod name;
pub mod plan;
pub mod position;
pub mod query;
pub mod range;
pub mod ring;
pub mod view;

pub use id::Id;
pub use name::NodeName;
pub use plan::{Move, Plan};
pub use position::Position;
pub use range::{Range, RangeSet};
pub use ring::{Member, Ring, RingError};
pub use view::View;
