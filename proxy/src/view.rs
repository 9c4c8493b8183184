//! The only bridge between the cluster, which decides, and the data path, which routes.
//!
//! The coordinator calls [`Bridge::publish`] with every decided view. The ring is built there, in the caller's
//! thread, so no request ever waits for it. Each data worker holds a [`Seat`]: one atomic load per request
//! tells it whether there is something newer; only then it takes the lock.
//!
//! - [`Bridge`]: the newest view, and which workers have taken it over;
//! - [`Routing`]: a view made ready for routing: ring and targets;
//! - [`Target`], [`Health`]: a node as requests see it.

mod bridge;
mod health;
mod routing;

pub use bridge::{Bridge, Seat};
pub use health::Health;
pub use routing::{Routing, Target};
