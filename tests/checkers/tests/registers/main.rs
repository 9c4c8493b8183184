//! Random histories of a register: right ones are accepted, and what a search through all orders of a small one
//! finds wrong is found wrong.

mod large;
mod mutation;
mod oracle;
mod register;
mod small;
