//! Meetings: sessions in rooms.

pub mod completeness;
pub mod get;
pub mod list;
pub mod participants;
pub mod people;

#[cfg(test)]
mod tests;

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use chrono::{DateTime, Utc};
use domain::{MeetingId, RoomName, event::PlatformKind, transcript::TranscriptState};
use serde::{Deserialize, Serialize};
use storage::{PgConnection, meetings::MeetingView};
use utoipa::ToSchema;

use super::error::{ApiError, ApiResult};

/// A session in a room.
#[derive(Serialize, ToSchema)]
#[schema(as = Meeting)]
pub struct MeetingBody {
    /// Id of the meeting.
    #[schema(value_type = uuid::Uuid)]
    pub id: MeetingId,
    /// Name of the room, also after the room was deleted.
    #[schema(value_type = String)]
    pub room: RoomName,
    /// The platform that hosts the meeting.
    pub platform: PlatformKind,
    /// `open` while the meeting is in progress, then `closed`.
    pub state: MeetingStatus,
    /// When the platform created its room for this meeting, or the time of the first event if that is unknown. Offsets in
    /// recordings and transcripts count from here.
    pub started_at: DateTime<Utc>,
    /// Null while the meeting is open.
    pub ended_at: Option<DateTime<Utc>>,
    /// Progress of the transcript.
    pub transcript: TranscriptBody,
}

/// Whether the meeting is in progress (`open`) or has ended (`closed`). A closed meeting never reopens.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MeetingState)]
pub enum MeetingStatus {
    Open,
    Closed,
}

/// Progress of a meeting's transcript.
#[derive(Serialize, ToSchema)]
#[schema(as = TranscriptProgress)]
pub struct TranscriptBody {
    /// `pending`: the meeting is open, or recordings are still being transcribed. `running`: being produced. `ready`:
    /// available. `empty`: available, but nobody spoke. `failed`: no recording could be transcribed.
    pub state: TranscriptState,
}

impl From<MeetingView> for MeetingBody {
    fn from(meeting: MeetingView) -> Self {
        Self {
            id: meeting.id,
            room: meeting.room,
            platform: meeting.platform,
            state: if meeting.ended_at.is_some() {
                MeetingStatus::Closed
            } else {
                MeetingStatus::Open
            },
            started_at: meeting.started_at,
            ended_at: meeting.ended_at,
            transcript: TranscriptBody {
                state: meeting.transcript,
            },
        }
    }
}

/// Extractor: `{id}` of the path as a meeting id. Anything but a UUID gives 404.
pub struct MeetingPath(pub MeetingId);

impl<S: Send + Sync> FromRequestParts<S> for MeetingPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let id = Path::<uuid::Uuid>::from_request_parts(parts, state).await;
        id.map(|Path(id)| Self(MeetingId(id)))
            .map_err(|_| ApiError::NotFound("meeting"))
    }
}

impl MeetingPath {
    pub async fn view(&self, conn: &mut PgConnection) -> ApiResult<MeetingView> {
        storage::meetings::view(conn, self.0)
            .await?
            .ok_or(ApiError::NotFound("meeting"))
    }
}
