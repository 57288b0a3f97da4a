//! How a track is announced.

use crate::track_info::TrackSource;

/// How a track is announced to the server and the other participants. What is sent is up to the frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioOptions {
    /// The track's name.
    pub name: String,
    /// What the sound is taken from.
    pub source: TrackSource,
    /// Two channels.
    pub stereo: bool,
    /// Silence is not sent (discontinuous transmission).
    pub dtx: bool,
    /// Each packet carries a copy of the previous one (RFC 2198).
    pub red: bool,
    /// Announces end-to-end encryption. Payloads are sent as they are.
    pub encrypted: bool,
    /// The track starts muted.
    pub muted: bool,
}

/// A mono microphone with discontinuous transmission.
impl Default for AudioOptions {
    fn default() -> Self {
        Self {
            name: "microphone".into(),
            source: TrackSource::Microphone,
            stereo: false,
            dtx: true,
            red: false,
            encrypted: false,
            muted: false,
        }
    }
}
