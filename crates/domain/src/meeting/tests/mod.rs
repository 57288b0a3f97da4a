//! A store in memory, and the events of a call, for the tests of this folder.

mod looks;
mod orders;
mod rules;
mod world;

pub use world::{Call, World};
