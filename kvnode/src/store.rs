//! Where records are kept: the engine behind a narrow trait, the one writer, the read cache.

pub mod cache;
pub mod engine;
pub mod folder;
pub mod folders;
pub mod ranges;
pub mod record;
