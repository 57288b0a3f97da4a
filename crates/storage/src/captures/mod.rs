//! Captures, one row each.
//!
//! Callers hold the lock of the room ([`crate::meetings::lock`]) when they change one, so a row is written as a whole.

mod read;
mod row;
mod write;

pub use read::{find, list, list_for_meeting, list_open, list_unconfirmed};
pub use write::{delete, save};

#[cfg(test)]
mod tests;
