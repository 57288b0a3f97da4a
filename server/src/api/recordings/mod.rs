//! Recordings of tracks and their audio.

pub mod audio;
pub mod get;
pub mod list;

mod range;
#[cfg(test)]
mod tests;

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use chrono::{DateTime, Utc};
use domain::{
    EgressId, Identity, MeetingId, ObjectKey, RecordingId, TrackSid,
    recording::{Recording, RecordingState},
};
use serde::Serialize;
use storage::PgConnection;
use utoipa::ToSchema;

use super::error::{ApiError, ApiResult};

/// The recording of one track: one OGG/Opus file of one participant.
#[derive(Serialize, ToSchema)]
#[schema(as = Recording)]
pub struct RecordingBody {
    /// Id of the recording.
    #[schema(value_type = uuid::Uuid)]
    pub id: RecordingId,
    /// Id of the meeting.
    #[schema(value_type = uuid::Uuid)]
    pub meeting_id: MeetingId,
    /// Identity of the participant who is recorded.
    #[schema(value_type = String)]
    pub identity: Identity,
    /// The platform's id of the recorded track.
    #[schema(value_type = String, example = "TR_AMx23cZGKLrKR5")]
    pub track_sid: TrackSid,
    /// The platform's id of the egress that records the track. Null until the platform has started one.
    #[schema(value_type = Option<String>, example = "EG_mdeZn6iC2ZDL")]
    pub egress_id: Option<EgressId>,
    /// Progress of the recording.
    pub state: RecordingStatus,
    /// Stable code: why the recording failed, or `truncated` if a recording limit ended it before the track ended.
    pub reason: Option<&'static str>,
    /// The recorder's error message, for people.
    pub error: Option<String>,
    /// Key of the audio file in the object store. Null until the recording is complete.
    #[schema(value_type = Option<String>)]
    pub object_key: Option<ObjectKey>,
    /// Key of the manifest in the object store: a JSON file with the timing, gaps and digest of the audio. Null until
    /// the recording is complete.
    #[schema(value_type = Option<String>)]
    pub manifest_key: Option<ObjectKey>,
    /// When the first packet arrived, or when the egress started if none has arrived yet.
    pub started_at: Option<DateTime<Utc>>,
    /// When the recording ended. Null until then.
    pub ended_at: Option<DateTime<Utc>>,
    /// Time of the first sample since the meeting's `started_at`, in milliseconds. Null until audio and manifest have
    /// been verified.
    pub offset_ms: Option<i64>,
    /// Length of the audio in milliseconds. Null until audio and manifest have been verified.
    pub duration_ms: Option<i64>,
    /// Size of the audio file. As reported by the egress until the file has been verified.
    pub size_bytes: Option<i64>,
    /// SHA-256 of the audio file in lower-case hex. Null until audio and manifest have been verified.
    pub sha256: Option<String>,
}

/// `requested`: the platform has been or will be asked to record the track. `active`: the track is being recorded.
/// `complete`: the audio is in the object store. `failed`: the recording failed; `reason` and `error` say why.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RecordingState)]
pub enum RecordingStatus {
    Requested,
    Active,
    Complete,
    Failed,
}

impl From<Recording> for RecordingBody {
    fn from(recording: Recording) -> Self {
        let accepted = recording.acceptance;
        let body = Self {
            id: recording.id,
            meeting_id: recording.meeting_id,
            identity: recording.identity,
            track_sid: recording.track_sid,
            egress_id: recording.egress_id,
            state: RecordingStatus::Requested,
            reason: None,
            error: None,
            object_key: None,
            manifest_key: None,
            started_at: None,
            ended_at: None,
            offset_ms: accepted.as_ref().map(|a| a.offset_ms),
            duration_ms: accepted.as_ref().map(|a| a.duration_ms),
            size_bytes: accepted.as_ref().map(|a| a.size_bytes),
            sha256: accepted.map(|a| a.sha256),
        };
        body.with_state(recording.state)
    }
}

impl RecordingBody {
    fn with_state(self, state: RecordingState) -> Self {
        match state {
            RecordingState::Requested => self,
            RecordingState::Active(active) => Self {
                state: RecordingStatus::Active,
                started_at: active.started_at,
                ..self
            },
            RecordingState::Complete(complete) => Self {
                state: RecordingStatus::Complete,
                reason: complete.truncated.then_some("truncated"),
                object_key: Some(complete.object),
                manifest_key: Some(complete.manifest),
                started_at: complete.started_at,
                ended_at: complete.ended_at,
                size_bytes: self.size_bytes.or(complete.size_bytes),
                ..self
            },
            RecordingState::Failed(failed) => Self {
                state: RecordingStatus::Failed,
                reason: Some(failed.reason.as_str()),
                error: failed.error,
                started_at: failed.started_at,
                ended_at: failed.ended_at,
                ..self
            },
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
