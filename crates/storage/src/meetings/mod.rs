//! Sessions in rooms: their own row, and with all that belongs to them.
//!
//! A meeting is changed by one transaction at a time: each begins by locking the meeting's *room*, which is there before
//! the meeting is. [`lock`] and [`event_context`] do so, [`save`] writes what the domain made of it.

mod read;
mod row;
mod write;

pub use read::{MeetingView, find, list, list_open, view};
pub use write::{Adopt, event_context, lock, save};

#[cfg(test)]
mod tests;
