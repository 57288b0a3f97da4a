//! What two roles of Trackscribe must agree on: ids and units, the events and the state of a meeting, recordings and
//! their manifest, object keys, jobs, and the transcript with its formats.
//!
//! The path through the crate: a [`PlatformEvent`](event::PlatformEvent) is judged against an
//! [`EventContext`](meeting::EventContext), which returns a [`Change`](meeting::Change): rows to write and
//! [`Job`](job::Job)s to queue. Storing them is left to `storage`, translating a platform's events to `platform`,
//! audio to `media`, and running jobs to `worker`.
//!
//! No input or output happens here: no socket, file, clock, random source or runtime. Values that come from outside
//! (the time, new ids) are arguments.

#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod audit;
pub mod capture;
pub mod clock;
pub mod controls;
pub mod endpoint;
pub mod event;
pub mod feed;
pub mod ids;
pub mod interval;
pub mod job;
pub mod manifest;
pub mod meeting;
pub mod object_key;
pub mod participant;
pub mod permissions;
pub mod platform_room;
pub mod recording;
pub mod room;
mod text_enum;
mod time;
pub mod track;
pub mod transcript;

pub use ids::*;
pub use object_key::ObjectKey;
pub use text_enum::UnknownWord;
pub use time::{SampleTime, UnixNanos};
