//! Settings of a recorder.

use std::time::Duration;

use crate::WallClock;

/// How long a missing packet is waited for. str0m requests a retransmission about five times within half a second.
const REORDER_WAIT: Duration = Duration::from_millis(500);

/// The first packet to arrive need not be the first that was sent.
const INITIAL_HOLD: Duration = Duration::from_millis(100);

/// Settings of one recording.
#[derive(Clone, Debug)]
pub struct RecorderConfig {
    /// Serial number of the Ogg stream (RFC 3533 section 6); any number, unique within a file.
    pub serial: u32,
    /// The process's clock, the same for all tracks that must be aligned.
    pub wall: WallClock,
    /// Channel count in `OpusHead`, 1 or 2; 2 by default.
    ///
    /// SDP always says `opus/48000/2` (RFC 7587 section 7), and packets may change between mono and stereo at any time.
    /// A decoder opened for stereo plays mono on both sides; one opened for mono would mix stereo down.
    pub channels: u8,
    /// Pairs of name and value for `OpusTags`.
    pub tags: Vec<(String, String)>,
    /// How long the packet behind a gap waits for the missing packets.
    pub reorder_wait: Duration,
    /// How long the first packet of a source waits for packets that it overtook.
    pub initial_hold: Duration,
}

impl RecorderConfig {
    /// Returns the defaults: stereo, no tags, 500 ms of waiting for missing packets. Other settings:
    /// `RecorderConfig { tags, ..RecorderConfig::new(…) }`.
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
