//! From the RTP packets of a track, or another program's file, to an Ogg/Opus file and the figures of its manifest, and from
//! the file back to audio.
//!
//! - [`rtp`]: packets, and the buffer that puts them in order
//! - [`opus`]: packet lengths, headers, fillers; decoding and encoding behind the feature `decode`
//! - [`ogg`]: pages, written and read
//! - [`recorder`]: the packets of one track in, pages and a summary out
//! - `import` (feature `import`): recordings of other programs in, pages and a summary out
//! - [`timeline`]: maps the samples of a file to wall time
//! - `chirp` (feature `decode`): test sounds that are located to the sample, for bench and tests
//!
//! No input or output happens here: no socket, file or clock. Sockets are left to `rtc`, files and uploads to `egress`,
//! finding speech in decoded audio to `worker`. Only the features need libopus; the recorder works without it.

#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

#[cfg(feature = "decode")]
pub mod chirp;
#[cfg(feature = "import")]
pub mod import;
pub mod ogg;
pub mod opus;
pub mod recorder;
pub mod rtp;
pub mod timeline;
pub mod wall_clock;

pub use domain::manifest::SAMPLE_RATE;
pub use recorder::{JournalEntry, MuteState, Output, RecorderConfig, Summary, TrackRecorder};
pub use rtp::{RtpPacket, SenderReport};
pub use wall_clock::{Moment, SavedClock, WallClock};
