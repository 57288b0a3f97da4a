//! Rooms that are being recorded: one connection each, shared by all tracks recorded there.
//!
//! A recording asks for its track and gets a [`Feed`]; the connection is made for the first and left after the last,
//! for a recorder that stays keeps the "being recorded" sign lit and the server from stopping.

mod connection;
mod exists;
mod feed;
mod registry;
mod switchboard;

pub use feed::{Feed, FeedEnd, FeedEvent};
pub use registry::{RoomAccess, Rooms};
