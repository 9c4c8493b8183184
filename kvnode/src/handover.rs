//! Handing ranges from one node to another: the parts that decide, without sockets, clocks or threads.
//!
//! - [`message`]: what the old owner sends and the new one answers, with its binary form;
//! - [`source`]: the old owner's side of one move;
//! - [`target`]: the new owner's side of one move.
//!
//! `docs/moving.md` tells the protocol and why each rule is there.

pub mod message;
mod pace;
pub mod source;
pub mod target;
