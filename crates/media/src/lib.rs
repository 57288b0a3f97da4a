//! From a track's RTP packets to an Ogg/Opus file and its manifest's numbers, and back from the file to sound.
//!
//! - [`rtp`]: packets as they come, put in order
//! - [`opus`]: what a packet says about itself, headers, fillers; decoding and encoding behind the feature `decode`
//! - [`ogg`]: pages, written and read
//! - [`recorder`]: one track's packets in, pages and a summary out
//! - [`timeline`]: which moment a sample of a file belongs to
//! - `chirp` (feature `decode`): sounds that are found again to the sample, for bench and tests
//!
//! No input or output happens here: no socket, file or clock. Sockets are left to `rtc`, files and uploads to
//! `egress`, finding speech in what was decoded to `worker`. The feature `decode` needs libopus; the recorder does
//! without.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

#[cfg(feature = "decode")]
pub mod chirp;
pub mod ogg;
pub mod opus;
pub mod recorder;
pub mod rtp;
pub mod timeline;
pub mod wall_clock;

pub use domain::manifest::SAMPLE_RATE;
pub use recorder::{MuteState, Output, RecorderConfig, Summary, TrackRecorder};
pub use rtp::{RtpPacket, SenderReport};
pub use wall_clock::WallClock;
