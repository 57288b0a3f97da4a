//! Builds the manifest that is stored beside the audio, pure.

use domain::{
    Identity, ParticipantSid, TrackSid, UnixNanos,
    manifest::{End, Listened, Manifest, ManifestFile, ManifestParticipant, TrackscribeManifest, VERSION},
};
use serde::{Deserialize, Serialize};

use super::{saved::Recorded, spec::EgressMeta};
use crate::spool::SpooledFile;

/// The participant and source of a recorded track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publisher {
    pub identity: Identity,
    pub sid: ParticipantSid,
    pub display_name: String,
    /// `microphone`, `screen_share_audio`, …, as in LiveKit's path templates.
    pub source: String,
}

/// The contents of a manifest.
pub struct ManifestParts<'a> {
    pub meta: &'a EgressMeta,
    pub track_sid: &'a TrackSid,
    pub publisher: &'a Publisher,
    pub recorded: Recorded,
    pub listened: Vec<Listened>,
    pub file: &'a SpooledFile,
    pub stored: ManifestFile,
    pub started_at: UnixNanos,
    pub ended_at: UnixNanos,
    pub end: End,
}

/// Builds the manifest of one stored recording.
pub fn manifest(parts: ManifestParts<'_>) -> Manifest {
    let ManifestParts { meta, publisher, .. } = parts;
    Manifest {
        egress_id: meta.egress_id.clone(),
        room_id: meta.room_sid.clone(),
        room_name: meta.room_name.clone(),
        started_at: parts.started_at,
        ended_at: parts.ended_at,
        publisher_identity: publisher.identity.clone(),
        track_id: parts.track_sid.clone(),
        track_kind: "audio".to_owned(),
        track_source: publisher.source.clone(),
        audio_track_id: parts.track_sid.clone(),
        files: vec![parts.stored.clone()],
        trackscribe: trackscribe_section(parts),
    }
}

/// Builds the part that LiveKit's manifests do not have.
fn trackscribe_section(parts: ManifestParts<'_>) -> TrackscribeManifest {
    let ManifestParts {
        publisher, recorded, ..
    } = parts;
    TrackscribeManifest {
        version: VERSION,
        participant: ManifestParticipant {
            identity: publisher.identity.clone(),
            sid: publisher.sid.clone(),
            name: publisher.display_name.clone(),
        },
        sha256: parts.file.sha256.clone(),
        size_bytes: parts.file.size_bytes,
        samples: recorded.samples,
        clock: recorded.clock,
        gaps: recorded.gaps,
        mutes: recorded.mutes,
        listened: parts.listened,
        counts: recorded.counts,
        end: parts.end,
    }
}
