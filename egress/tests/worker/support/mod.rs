//! The servers, workers and clients of the tests.

pub mod bus_client;
mod child;
mod stack;

pub use stack::{EgressStack, ROOM, TIMEOUT};
