//! Helpers of these tests.

pub mod bus_client;
mod stack;

pub use stack::{EgressStack, ROOM, TIMEOUT};
