//! Recordings, one row each.
//!
//! Callers hold the lock of the room ([`crate::meetings::lock`]) when they change one, so a row is written as a whole.

mod list;
mod read;
mod row;
mod write;

pub use list::{RecordingFilter, list};
pub use read::{find, list_abandoned, list_for_meeting, page_for_meeting};
pub use write::save;

#[cfg(test)]
mod tests;
