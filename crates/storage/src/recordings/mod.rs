//! What the egresses of tracks left: one row a recording.
//!
//! Whoever changes one holds the lock of its room ([`crate::meetings::lock`]), so a row is written whole.

mod read;
mod row;
mod write;

pub use read::{find, find_by_egress, list_for_meeting, list_open, page_for_meeting};
pub use write::{delete, save};

#[cfg(test)]
mod tests;
