//! The rooms in which tracks are recorded: one connection per room, shared by all of its recordings.
//!
//! A recording attaches to its track and gets a [`TrackFeed`]. The room is joined for the first recording and left
//! after the last: a recorder that stayed would keep the recording indicator on and prevent livekit-server from shutting
//! down.
//!
//! - `registry`: all rooms; attaches a recording to a track
//! - `connection`: the task that owns one connection
//! - `track_router`: which feed gets which event, pure
//! - `presence`: whether the room of a request still exists

mod access;
mod clocks;
mod connection;
mod convert;
mod feed;
mod open_rooms;
mod presence;
mod registry;
mod track_router;

pub use access::RoomAccess;
pub use feed::{AttachRequest, FeedEnd, FeedEvent, TrackFeed};
pub use registry::Rooms;
