//! Sending: joins a room and publishes Opus frames at given times. For the demo, tests and benches: a session whose
//! media connection is lost is over instead of being built anew.

mod core;
mod exchange;
mod frames;
mod handle;
mod red;
mod track;

pub use handle::{AudioOptions, PublishError, Publisher, PublisherEvent, join};
pub use track::{AudioTrack, OpusFrame};
