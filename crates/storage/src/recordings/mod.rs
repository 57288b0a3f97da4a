//! Recordings, one row each.
//!
//! Callers hold the lock of the room ([`crate::meetings::lock`]) when they change one, so a row is written as a whole.

mod read;
mod row;
mod write;

pub use read::{
    find, find_by_capture, list_abandoned, list_for_meeting, list_open, list_unconfirmed, page_for_meeting,
};
pub use write::{delete, save};

#[cfg(test)]
mod tests;
