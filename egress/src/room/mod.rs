//! The rooms in which tracks are recorded: one connection per room, shared by all of its recordings.
//!
//! A recording attaches to its track and gets a [`TrackFeed`]. The room is joined for the first recording and left
//! after the last: a recorder that stayed would keep the recording indicator on and prevent livekit-server from shutting
//! down.
//!
//! A connection that is lost is joined again until livekit-server answers that the room is gone: an error is no answer.
//! Each connection has an identity of its own, which no other one ever had.
//!
//! - `registry`: all rooms; attaches a recording to a track
//! - `connection`: the task of one room
//! - `core`: which connection carries which track, and which feed gets which event, pure; `room_track` is one track of it,
//!   `health` whether it sends what it should, `splice` what two connections deliver of it
//! - `links`, `link`, `join`: the connections, one of them, and one attempt to join
//! - `presence`: whether the room of a request still exists
//! - `clocks`: the clock that all tracks of a room share
//! - `feed`, `feed_queue`: what a recording receives, and the bounded queue to it

mod access;
mod clocks;
mod connection;
mod convert;
mod core;
mod feed;
mod feed_queue;
mod health;
mod join;
mod link;
mod links;
mod open_rooms;
mod presence;
mod registry;
mod room_track;
mod silent_tracks;
mod splice;
#[cfg(test)]
mod tests;

pub use access::RoomAccess;
pub use feed::{AttachRequest, FeedEnd, FeedEvent, TrackFeed};
pub use registry::Rooms;
