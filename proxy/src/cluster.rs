//! Everything that decides about the cluster: the record of decisions, and who carries them out.
//!
//! - [`decide`]: the coordinator's decisions, from the view and what was heard; pure;
//! - [`requests`]: what operators ask for, as decisions; pure;
//! - [`sight`]: what was heard from the nodes;
//! - [`progress`]: what is going on, in numbers and words; pure;
//! - [`store`]: the view on disk;
//! - [`coordinator`]: the running whole, behind [`Control`](crate::control::Control);
//! - `decider`: the one thread that changes the view;
//! - `beats`: asks the nodes, and brings them the view;
//! - `survey`: asks the nodes what they really store.

mod beats;
pub mod coordinator;
pub mod decide;
mod decider;
pub mod progress;
pub mod requests;
pub mod sight;
pub mod store;
mod survey;
