//! The manifest of a recording: a JSON document stored beside the audio that says what was recorded, when, and what is
//! missing.
//!
//! The top level has the keys of LiveKit's own egress worker, so that tools made for it keep working; our additions are
//! under `trackscribe`. Samples are at 48 kHz, counted from the start of the file.

use serde::{Deserialize, Serialize};

use crate::{Identity, ParticipantSid, PlatformCaptureId, PlatformRoomKey, SampleTime, TrackSid, UnixNanos};

/// Samples per second of every count in a manifest, whatever rate the codec works at (RFC 7845 section 4).
pub const SAMPLE_RATE: u32 = 48_000;

/// The version of [`TrackscribeManifest`] that this code writes.
pub const VERSION: u32 = 1;

/// The whole document. Field names are the JSON keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The egress that made the recording.
    pub egress_id: PlatformCaptureId,
    /// The platform room of the track.
    pub room_id: PlatformRoomKey,
    /// The room's name.
    pub room_name: String,
    /// Start of the egress.
    pub started_at: UnixNanos,
    /// End of the egress.
    pub ended_at: UnixNanos,
    /// Who published the track.
    pub publisher_identity: Identity,
    /// The recorded track.
    pub track_id: TrackSid,
    /// Always `audio`.
    pub track_kind: String,
    /// `microphone`, `screen_share_audio` or `unknown`.
    pub track_source: String,
    /// The same as `track_id`.
    pub audio_track_id: TrackSid,
    /// The audio object; always one.
    pub files: Vec<ManifestFile>,
    /// Our additions.
    pub trackscribe: TrackscribeManifest,
}

/// One stored file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// The object's key.
    pub filename: String,
    /// The object's location as the store reports it.
    pub location: String,
}

/// Our additions to the keys of LiveKit's egress worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrackscribeManifest {
    /// Version of this part, [`VERSION`].
    pub version: u32,
    /// The publisher.
    pub participant: ManifestParticipant,
    /// SHA-256 of the audio object, lower-case hex.
    pub sha256: String,
    /// Size of the audio object.
    pub size_bytes: u64,
    /// Length of the file, fillers included.
    pub samples: SampleTime,
    /// How samples map to time.
    pub clock: ManifestClock,
    /// Every interval of the file that the publisher did not send, in order.
    pub gaps: Vec<Gap>,
    /// Muted intervals as the platform reported them, in order.
    pub mutes: Vec<Mute>,
    /// When the recorder was connected to the track, in order. Empty in manifests of recorders that do not note it; the
    /// recorder then counts as connected from its start to its end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listened: Vec<Listened>,
    /// What happened to the packets.
    pub counts: PacketCounts,
    /// How the recording ended.
    pub end: End,
}

/// The participant who published the track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestParticipant {
    /// Stable across connections.
    pub identity: Identity,
    /// The publishing connection.
    pub sid: ParticipantSid,
    /// Display name, as shown in the room.
    pub name: String,
}

/// How samples map to time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManifestClock {
    /// RTP timestamp of sample 0 on the publisher's clock (RFC 3550 section 5.1), 48 kHz.
    pub first_rtp_timestamp: u32,
    /// Wall time at which the packet with sample 0 arrived.
    pub first_arrival_ns: UnixNanos,
    /// The line that `media::timeline` fitted to the least delayed arrivals.
    pub fit: Fit,
    /// The publisher's own wall clock, from RTCP sender reports, in order.
    pub anchors: Vec<Anchor>,
}

/// Maps samples to wall time: sample `n` is at `a_ns + b_ns · n` by the recorder's clock.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// Wall time of sample 0.
    pub a_ns: UnixNanos,
    /// Nanoseconds per sample; 1e9 / 48000 for a publisher whose clock is exact.
    pub b_ns: f64,
}

/// One RTCP sender report (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// Position in the file; may be before its start or after its end.
    pub sample: SampleTime,
    /// The publisher's wall clock at that position.
    pub publisher_ns: UnixNanos,
    /// When the report arrived, by the recorder's clock.
    pub arrival_ns: UnixNanos,
}

/// An interval of the file that the recorder filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Where the interval starts.
    pub start_sample: SampleTime,
    /// Its length.
    pub samples: SampleTime,
    /// Why there was nothing to write.
    pub cause: GapCause,
    /// Packets that never arrived; 0 if the publisher sent none.
    pub lost_packets: u64,
}

/// Why there was nothing to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapCause {
    /// The publisher sent nothing: muted, or discontinuous transmission.
    Silence,
    /// Packets were lost and not repaired.
    Loss,
    /// The recorder's own connection was lost.
    ConnectionLost,
    /// The publisher's RTP timestamps jumped; the position was taken from the arrival time.
    TimestampJump,
    /// No recorder was running, or it died before what it heard was in the file. Whether the publisher sent anything is
    /// not known.
    RecorderRestarted,
    /// The recorder's disk was full, and its memory held as much as it may.
    DiskFull,
    /// The recorder's machine was too slow: packets that had arrived were dropped from a full queue.
    Overload,
    /// A cause that a newer program wrote.
    #[serde(other)]
    Other,
}

/// A muted interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mute {
    /// Where the interval starts.
    pub start_sample: SampleTime,
    /// Where it ends; absent if the recording ended muted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_sample: Option<SampleTime>,
}

/// An interval in which the recorder was connected to the track: whatever the publisher sent then was heard, apart from
/// lost packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listened {
    /// Start, by the recorder's clock.
    pub from_ns: UnixNanos,
    /// End, by the recorder's clock.
    pub to_ns: UnixNanos,
}

/// Counts of RTP packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketCounts {
    /// Written to the file.
    pub written: u64,
    /// Never arrived, or dropped by the recorder, whose disk was full or whose machine was too slow.
    pub lost: u64,
    /// Arrived after their position had been filled.
    pub late: u64,
    /// Arrived before.
    pub duplicate: u64,
    /// Dropped because they start more than 60 ms before the end of what was written.
    pub overlapping: u64,
    /// Dropped silence that the server sent after the publisher had left.
    pub injected_dropped: u64,
    /// Not valid Opus: empty, badly framed, or longer than the 120 ms that RFC 6716 section 3.4 allows.
    pub malformed: u64,
}

/// How the recording ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// The status reported to LiveKit: `EGRESS_COMPLETE`, `EGRESS_LIMIT_REACHED` or `EGRESS_FAILED`.
    pub status: String,
    /// The text of `EgressInfo.details`.
    pub details: String,
}

impl Manifest {
    /// Returns the manifest as one line of JSON, as it is stored.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }

    /// Reads a stored manifest.
    ///
    /// # Errors
    /// The bytes are not the JSON of a manifest, or its version is not [`VERSION`].
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
    /// Not JSON, or a key is missing or has another type.
    #[error("the manifest is not valid")]
    Json(#[from] serde_json::Error),
    /// Written by another version.
    #[error("the manifest has version {0}; this program reads version {VERSION}")]
    Version(u32),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A manifest as it is stored, with line breaks added.
    const STORED: &str = include_str!("../fixtures/manifest.json");

    #[test]
    fn a_stored_manifest_reads_and_is_written_unchanged() {
        let stored: String = STORED.lines().map(str::trim_start).collect();

        let manifest = Manifest::from_json(stored.as_bytes()).unwrap();

        assert_eq!(manifest.to_json().unwrap(), stored);
        assert_eq!(manifest.trackscribe.samples, SampleTime(144_000));
        assert_eq!(manifest.trackscribe.clock.anchors[0].sample, SampleTime(-480));
        assert_eq!(
            manifest.trackscribe.listened[0].to_ns,
            UnixNanos(1_800_000_003_500_000_000)
        );
    }

    #[test]
    fn a_manifest_that_does_not_say_when_the_recorder_was_connected_is_read() {
        let listened = STORED.lines().find(|line| line.contains(r#""listened""#)).unwrap();

        let manifest = Manifest::from_json(STORED.replace(listened, "").as_bytes()).unwrap();

        assert_eq!(manifest.trackscribe.listened, []);
    }

    #[test]
    fn another_version_or_no_manifest_at_all_is_refused() {
        let newer = STORED.replace(r#""version":1"#, r#""version":2"#);

        assert!(matches!(
            Manifest::from_json(newer.as_bytes()),
            Err(ManifestError::Version(2))
        ));
        assert!(matches!(Manifest::from_json(b"{}"), Err(ManifestError::Json(_))));
    }
}
