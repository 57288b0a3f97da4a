//! Receiving: joins a room, reports its tracks, and delivers the packets of those that are subscribed to.

mod core;
mod events;
mod handle;
mod tracks;
mod watchdog;

pub use events::{RoomEvent, TrackEndReason};
pub use handle::{Subscriber, join};
