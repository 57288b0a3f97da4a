//! Recordings of tracks and their audio.

pub mod audio;
pub mod get;
pub mod list;
pub mod list_all;

mod range;
#[cfg(test)]
mod tests;

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use chrono::{DateTime, Utc};
use domain::{
    CaptureId, Identity, MeetingId, ObjectKey, PlatformCaptureId, RecordingId, TrackSid,
    capture::Capture,
    recording::{Recording, RecordingState},
};
use serde::{Deserialize, Serialize};
use storage::PgConnection;
use utoipa::ToSchema;

use super::error::{ApiError, ApiResult};

/// One OGG/Opus file: of one track or participant, or mixed.
#[derive(Serialize, ToSchema)]
#[schema(as = Recording)]
pub struct RecordingBody {
    /// Id of the recording.
    #[schema(value_type = uuid::Uuid)]
    pub id: RecordingId,
    /// Id of the meeting.
    #[schema(value_type = uuid::Uuid)]
    pub meeting_id: MeetingId,
    /// Id of the capture that makes the recording. A capture of a whole meeting makes several.
    #[schema(value_type = uuid::Uuid)]
    pub capture_id: CaptureId,
    /// Identity of the participant who is recorded. Null if the recording is mixed, or the platform does not tell.
    #[schema(value_type = Option<String>)]
    pub identity: Option<Identity>,
    /// The platform's id of the recorded track. Null if the recording is mixed, or the platform does not tell.
    #[schema(value_type = Option<String>, example = "TR_AMx23cZGKLrKR5")]
    pub track_sid: Option<TrackSid>,
    /// Whether the file holds the voices of several participants in one.
    pub mixed: bool,
    /// The platform's id of the capture; on LiveKit, of the egress. Null until the platform has started one.
    #[schema(value_type = Option<String>, example = "EG_mdeZn6iC2ZDL")]
    pub egress_id: Option<PlatformCaptureId>,
    /// Progress of the recording.
    pub state: RecordingStatus,
    /// Stable code: why the recording failed, or `truncated` if a recording limit ended it before the track ended.
    pub reason: Option<&'static str>,
    /// Whether `reason` was inferred: nobody has reported it, and what is learned later overrules it. For example, a
    /// recorder that is `lost` may come back and deliver its file.
    pub guess: bool,
    /// Error message, for people: the recorder's if the recording failed, otherwise why the latest attempt to request it or
    /// to verify its file failed.
    pub error: Option<String>,
    /// How often the platform was asked for the capture. An attempt that ended before anything was recorded is repeated
    /// as the same recording, for as long as the track is published.
    #[schema(minimum = 1)]
    pub attempts: i32,
    /// Key of the audio file in the object store. Null until the recording has ended. A failed recording has a file if
    /// something was recorded before it failed.
    #[schema(value_type = Option<String>)]
    pub object_key: Option<ObjectKey>,
    /// Key of the manifest in the object store: a JSON file with the timing, gaps and digest of the audio. Null without an
    /// audio file.
    #[schema(value_type = Option<String>)]
    pub manifest_key: Option<ObjectKey>,
    /// When the first packet arrived, or when the capture started if none has arrived yet.
    pub started_at: Option<DateTime<Utc>>,
    /// When the recording ended. Null until then.
    pub ended_at: Option<DateTime<Utc>>,
    /// Time of the first sample since the meeting's `started_at`, in milliseconds. Null until audio and manifest have
    /// been verified.
    pub offset_ms: Option<i64>,
    /// Length of the audio in milliseconds. Null until audio and manifest have been verified.
    pub duration_ms: Option<i64>,
    /// Size of the audio file. As reported by the recorder until the file has been verified.
    pub size_bytes: Option<i64>,
    /// SHA-256 of the audio file in lower-case hex. Null until audio and manifest have been verified.
    pub sha256: Option<String>,
}

/// `requested`: the platform has been or will be asked to record the track. `active`: the track is being recorded.
/// `complete`: the audio is in the object store. `failed`: the recording failed; `reason` and `error` say why, and
/// `object_key` names what was recorded, if anything.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RecordingState)]
pub enum RecordingStatus {
    Requested,
    Active,
    Complete,
    Failed,
}

impl RecordingStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Active => "active",
            Self::Complete => "complete",
            Self::Failed => "failed",
        }
    }
}

impl RecordingBody {
    /// Describes a recording that `capture` makes. Here is decided what a client sees of both as one state, reason and error.
    pub fn new(recording: Recording, capture: &Capture) -> Self {
        let (guess, state) = (recording.is_guess(), &recording.state);
        let file = state.file().cloned();
        let (status, reason, error) = status(state);
        let accepted = recording.acceptance;
        Self {
            id: recording.id,
            meeting_id: recording.meeting_id,
            capture_id: recording.capture_id,
            identity: recording.identity,
            track_sid: recording.track.map(|track| track.sid),
            mixed: recording.mixed,
            egress_id: capture.platform_id.clone(),
            state: status,
            reason,
            guess,
            error: error.or(recording.last_error).or(capture.last_error.clone()),
            attempts: capture.attempts,
            started_at: state.started_at(),
            ended_at: state.ended_at(),
            offset_ms: accepted.as_ref().map(|a| a.offset_ms),
            duration_ms: accepted.as_ref().map(|a| a.duration_ms),
            size_bytes: accepted
                .as_ref()
                .map(|a| a.size_bytes)
                .or(file.as_ref().and_then(|file| file.size_bytes)),
            object_key: file.as_ref().map(|file| file.object.clone()),
            manifest_key: file.map(|file| file.manifest),
            sha256: accepted.map(|a| a.sha256),
        }
    }
}

/// Returns status, reason and error of a state.
fn status(state: &RecordingState) -> (RecordingStatus, Option<&'static str>, Option<String>) {
    match state {
        RecordingState::Requested => (RecordingStatus::Requested, None, None),
        RecordingState::Active(_) => (RecordingStatus::Active, None, None),
        RecordingState::Complete(complete) => {
            let reason = complete.truncated.then_some("truncated");
            (RecordingStatus::Complete, reason, None)
        }
        RecordingState::Failed(failed) => {
            let reason = Some(failed.reason.as_str());
            (RecordingStatus::Failed, reason, failed.error.clone())
        }
    }
}

/// Extractor: `{id}` of the path as a recording id. Anything but a UUID gives 404.
pub struct RecordingPath(pub RecordingId);

impl<S: Send + Sync> FromRequestParts<S> for RecordingPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let id = Path::<uuid::Uuid>::from_request_parts(parts, state).await;
        id.map(|Path(id)| Self(RecordingId(id)))
            .map_err(|_| ApiError::NotFound("recording"))
    }
}

impl RecordingPath {
    pub async fn find(&self, conn: &mut PgConnection) -> ApiResult<Recording> {
        storage::recordings::find(conn, self.0)
            .await?
            .ok_or(ApiError::NotFound("recording"))
    }
}

/// Describes recordings, in the same order.
pub async fn describe(conn: &mut PgConnection, recordings: Vec<Recording>) -> ApiResult<Vec<RecordingBody>> {
    let ids: Vec<CaptureId> = recordings.iter().map(|recording| recording.capture_id).collect();
    let captures = storage::captures::list(conn, &ids).await?;
    let body = |recording: Recording| {
        let capture = captures.iter().find(|capture| capture.id == recording.capture_id)?;
        Some(RecordingBody::new(recording, capture))
    };
    Ok(recordings.into_iter().filter_map(body).collect())
}
