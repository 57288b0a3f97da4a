//! What the egresses of tracks left.

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

/// A recording as callers see it.
#[derive(Serialize, ToSchema)]
#[schema(as = Recording)]
pub struct RecordingBody {
    #[schema(value_type = uuid::Uuid)]
    pub id: RecordingId,
    #[schema(value_type = uuid::Uuid)]
    pub meeting_id: MeetingId,
    /// Who is heard.
    #[schema(value_type = String)]
    pub identity: Identity,
    #[schema(value_type = String)]
    pub track_sid: TrackSid,
    /// Null until the platform has made one.
    #[schema(value_type = Option<String>)]
    pub egress_id: Option<EgressId>,
    pub state: RecordingStatus,
    /// Why it failed, or `truncated` where a limit ended it before its track; a stable word.
    pub reason: Option<&'static str>,
    /// What the recorder said of it, for people.
    pub error: Option<String>,
    #[schema(value_type = Option<String>)]
    pub object_key: Option<ObjectKey>,
    #[schema(value_type = Option<String>)]
    pub manifest_key: Option<ObjectKey>,
    /// Wall time of the first packet, or of the egress's start until there is one.
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    /// Where its first sample lies on the meeting's clock. Null until object and manifest have been checked, as are the
    /// digest and the duration.
    pub offset_ms: Option<i64>,
    pub duration_ms: Option<i64>,
    pub size_bytes: Option<i64>,
    /// SHA-256 of the object, lower-case hex.
    pub sha256: Option<String>,
}

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

/// `{id}` of a path. What is no id is simply not found.
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
