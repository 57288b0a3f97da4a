//! The manifest of a recording: what lies beside the audio and says what it is, when it was, and what it lacks.
//!
//! At top level stand the keys of LiveKit's own egress worker, so that tools made for it go on working; ours are under
//! `trackscribe`. Samples are counted at 48 kHz from the start of the file.

use serde::{Deserialize, Serialize};

use crate::{EgressId, Identity, ParticipantSid, PlatformRoomSid, TrackSid};

/// Samples per second of every count in a manifest, whatever the codec works at (RFC 7845 section 4).
pub const SAMPLE_RATE: u32 = 48_000;

/// The version of [`TrackscribeManifest`] that this code writes.
pub const VERSION: u32 = 1;

/// The whole document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub egress_id: EgressId,
    pub room_id: PlatformRoomSid,
    pub room_name: String,
    /// Start of the egress, nanoseconds since 1970.
    pub started_at: i64,
    /// End of the egress, nanoseconds since 1970.
    pub ended_at: i64,
    pub publisher_identity: Identity,
    pub track_id: TrackSid,
    /// `audio`.
    pub track_kind: String,
    /// `microphone`, `screen_share_audio`, `unknown`.
    pub track_source: String,
    pub audio_track_id: TrackSid,
    pub files: Vec<ManifestFile>,
    pub trackscribe: TrackscribeManifest,
}

/// One stored file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// The object's key.
    pub filename: String,
    /// Where the store says that it lies.
    pub location: String,
}

/// What we know beyond the official keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrackscribeManifest {
    pub version: u32,
    pub participant: ManifestParticipant,
    /// SHA-256 of the audio object, lower-case hex.
    pub sha256: String,
    pub size_bytes: u64,
    /// Length of the file, fillers included.
    pub samples: u64,
    pub clock: ManifestClock,
    /// Every stretch of the file that is not what the publisher sent, in order.
    pub gaps: Vec<Gap>,
    /// Muted stretches, as the platform reported them, in order.
    pub mutes: Vec<Mute>,
    pub counts: PacketCounts,
    pub end: End,
}

/// Whose track it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestParticipant {
    pub identity: Identity,
    pub sid: ParticipantSid,
    /// Display name, as shown in the room.
    pub name: String,
}

/// How samples map to time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManifestClock {
    /// RTP timestamp of sample 0, as the publisher counts.
    pub first_rtp_timestamp: u32,
    /// Wall time at which the packet of sample 0 arrived, nanoseconds since 1970.
    pub first_arrival_ns: i64,
    /// The line that `media::timeline` drew through the earliest arrivals.
    pub fit: Fit,
    /// Pairs of the publisher's own clock, from RTCP sender reports, in order.
    pub anchors: Vec<Anchor>,
}

/// Sample `n` lies at `a_ns + b_ns · n`, in nanoseconds since 1970 by the recorder's clock.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    pub a_ns: i64,
    /// Nanoseconds of one sample; 1e9 / 48000 for a publisher whose clock runs true.
    pub b_ns: f64,
}

/// One sender report (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// Sample of the file; may lie beyond its end.
    pub sample: i64,
    /// The publisher's wall clock at that sample, nanoseconds since 1970.
    pub publisher_ns: i64,
    /// When the report arrived, nanoseconds since 1970.
    pub arrival_ns: i64,
}

/// A stretch of the file that we filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    pub start_sample: u64,
    pub samples: u64,
    pub cause: GapCause,
    /// Packets that never arrived; 0 where the publisher sent none.
    pub lost_packets: u64,
}

/// Why nothing was there to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapCause {
    /// The publisher sent nothing: mute, or discontinuous transmission.
    Silence,
    /// Packets were lost and not repaired.
    Loss,
    /// The recorder's own connection was gone.
    ConnectionLost,
    /// The publisher's timestamps jumped; the stretch was placed by arrival.
    TimestampJump,
}

/// A muted stretch; `end_sample` is missing when the recording ended muted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mute {
    pub start_sample: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_sample: Option<u64>,
}

/// What came over the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketCounts {
    /// Written to the file.
    pub written: u64,
    /// Never arrived.
    pub lost: u64,
    /// Arrived after their place had been filled.
    pub late: u64,
    pub duplicate: u64,
    /// Dropped because they lay more than 60 ms before the end of what was written.
    pub overlapping: u64,
    /// Silence that the server sent after the publisher was gone.
    pub injected_dropped: u64,
    /// Not Opus: empty, or longer than the 120 ms that RFC 6716 allows.
    pub malformed: u64,
}

/// How the recording ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// The status that LiveKit was told: `EGRESS_COMPLETE`, `EGRESS_LIMIT_REACHED`, `EGRESS_FAILED`.
    pub status: String,
    /// In words, as in `EgressInfo.details`.
    pub details: String,
}

impl Manifest {
    /// One line of JSON, as it is stored.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }

    /// Reads a stored manifest; refuses versions that it does not know.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ManifestError> {
        let manifest: Self = serde_json::from_slice(bytes)?;
        match manifest.trackscribe.version {
            VERSION => Ok(manifest),
            other => Err(ManifestError::Version(other)),
        }
    }
}

/// Why a manifest cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("the manifest is not the JSON that it should be")]
    Json(#[from] serde_json::Error),
    #[error("the manifest has version {0}, this program reads version {VERSION}")]
    Version(u32),
}
