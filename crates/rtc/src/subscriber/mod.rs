//! Receiving: joins a room, tells what is published, and hands over the packets of the tracks that are asked for.

mod core;
mod handle;
mod tracks;
mod watchdog;

pub use handle::{RoomEvent, Subscriber, TrackEnd, join};
