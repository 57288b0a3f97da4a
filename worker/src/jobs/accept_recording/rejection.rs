//! What can be wrong with the objects of a recording.

use domain::{
    ObjectKey, PlatformCaptureId, TrackSid,
    capture::Capture,
    manifest::{Manifest, ManifestError},
    recording::{FailureReason, Recording},
};
use media::opus::StreamError;
use objects::ObjectError;

/// Why a recording is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    #[error("the manifest {0} is missing")]
    ManifestMissing(ObjectKey),
    #[error("cannot read the manifest")]
    ManifestUnreadable(#[source] ManifestError),
    #[error("the manifest is not a manifest")]
    ManifestTooLong(#[source] ObjectError),
    #[error("the manifest describes {egress_id} and {track_sid}")]
    OtherRecording {
        egress_id: PlatformCaptureId,
        track_sid: TrackSid,
    },
    #[error("the recorded file {0} is missing")]
    ObjectMissing(ObjectKey),
    #[error("cannot read the recorded file")]
    ObjectUnreadable(#[source] StreamError),
    #[error("{field} is {in_manifest} in the manifest, {measured} in the recorded file")]
    Mismatch {
        field: &'static str,
        in_manifest: String,
        measured: String,
    },
}

impl Rejection {
    /// The reason as it is stored with the recording.
    pub fn reason(&self) -> FailureReason {
        match self {
            Self::ManifestMissing(_) | Self::ManifestUnreadable(_) | Self::ManifestTooLong(_) => {
                FailureReason::ManifestMissing
            }
            Self::ObjectMissing(_) => FailureReason::ObjectMissing,
            Self::OtherRecording { .. } | Self::ObjectUnreadable(_) | Self::Mismatch { .. } => FailureReason::Mismatch,
        }
    }
}

/// Rejects a manifest of another capture or track.
pub fn check_origin(manifest: &Manifest, capture: &Capture, recording: &Recording) -> Result<(), Rejection> {
    let is_capture = capture.platform_id.as_ref().is_none_or(|id| *id == manifest.egress_id);
    let is_track = recording
        .track
        .as_ref()
        .is_none_or(|track| track.sid == manifest.track_id);
    if is_capture && is_track {
        return Ok(());
    }
    Err(Rejection::OtherRecording {
        egress_id: manifest.egress_id.clone(),
        track_sid: manifest.track_id.clone(),
    })
}

/// Rejects a file of which the manifest says something else than what was `measured`.
pub fn expect_equal<T: PartialEq + ToString>(
    field: &'static str,
    in_manifest: &T,
    measured: &T,
) -> Result<(), Rejection> {
    if in_manifest == measured {
        return Ok(());
    }
    Err(Rejection::Mismatch {
        field,
        in_manifest: in_manifest.to_string(),
        measured: measured.to_string(),
    })
}
