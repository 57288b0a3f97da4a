//! What a recorder must be told.

use std::time::Duration;

use crate::WallClock;

/// How long a hole is waited for. str0m asks for a packet about five times within half a second.
const REORDER_WAIT: Duration = Duration::from_millis(500);

/// The first packet to arrive need not be the first that was sent.
const INITIAL_HOLD: Duration = Duration::from_millis(100);

/// Settings of one recording.
#[derive(Clone, Debug)]
pub struct RecorderConfig {
    /// Number of the stream in its file.
    pub serial: u32,
    /// The process's clock; the same for all tracks that belong together.
    pub wall: WallClock,
    /// Channels that a player should open, 1 or 2.
    ///
    /// 2 unless asked: the RTP format always says `opus/48000/2`, packets may change between mono and stereo at any
    /// time, and a decoder that was opened for stereo plays mono on both sides, while one opened for mono would mix
    /// stereo down.
    pub channels: u8,
    /// For `OpusTags`.
    pub tags: Vec<(String, String)>,
    /// How long the packet behind a hole waits for the missing ones.
    pub reorder_wait: Duration,
    /// How long the very first packet of a source waits for ones that it overtook.
    pub initial_hold: Duration,
}

impl RecorderConfig {
    /// Stereo, no tags, the usual patience. Other settings: `RecorderConfig { tags, ..RecorderConfig::new(…) }`.
    pub fn new(serial: u32, wall: WallClock) -> Self {
        Self {
            serial,
            wall,
            channels: 2,
            tags: Vec::new(),
            reorder_wait: REORDER_WAIT,
            initial_hold: INITIAL_HOLD,
        }
    }
}
