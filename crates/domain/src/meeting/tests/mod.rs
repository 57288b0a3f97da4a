//! A store in memory, and the events of a call, for the tests of this folder.

mod event_order;
mod reconcile;
mod rules;
mod support;

pub use support::{Call, World};
