//! The servers, workers and clients of the tests.

pub mod bus_client;
mod child;
mod recorded;
mod stack;

pub use recorded::{Recorded, heard_ms};
pub use stack::{EgressStack, ROOM, TIMEOUT};
