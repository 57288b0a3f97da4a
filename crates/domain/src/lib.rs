//! What two roles of Trackscribe must agree on: ids, times, object keys, the manifest of a recording, the events and
//! the state of a meeting, jobs, and the transcript with the ways it is written out.
//!
//! No input or output happens here: no socket, file, clock, random source or runtime. Values that come from
//! outside (the time, new ids) are arguments.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod clock;
pub mod event;
pub mod ids;
pub mod job;
pub mod manifest;
pub mod meeting;
pub mod object_key;
pub mod participant;
pub mod recording;
pub mod room;
mod text_enum;
pub mod track;
pub mod transcript;

pub use ids::*;
pub use object_key::ObjectKey;
pub use text_enum::UnknownWord;
