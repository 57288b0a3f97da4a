//! Sending: joins a room and publishes Opus frames, each at its time.
//!
//! Meant for demos, tests and benchmarks: a publisher that loses its media connection ends instead of joining again.

mod command;
mod core;
mod events;
mod handle;
mod negotiator;
mod options;
mod packetizer;
mod red;
mod track;

pub use events::{PublishError, PublisherEvent};
pub use handle::{Publisher, join};
pub use options::AudioOptions;
pub use packetizer::OpusFrame;
pub use track::AudioTrack;
