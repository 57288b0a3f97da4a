//! Meetings: their own row, and the whole aggregate.
//!
//! One transaction at a time changes the meetings of a room: each begins by locking the *room's* row, which exists before
//! the meeting's. [`lock`] and `event_context` do so, `save` writes what the domain made of it.

mod list;
mod read;
mod row;
mod write;

pub use list::{MeetingFilter, list};
pub use read::{MeetingView, find, find_whole, list_open, view};
pub use write::{Adopt, lock};
pub(crate) use write::{event_context, save};

#[cfg(test)]
mod tests;
