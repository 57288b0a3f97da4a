use axum::{Json, extract::State};
use domain::{Identity, participant::Participant};
use serde::Serialize;
use utoipa::ToSchema;

use super::{MeetingBody, MeetingPath};
use crate::{
    api::{
        caller::Reader,
        error::{ApiResult, Problem},
    },
    state::AppState,
};

/// A meeting with its participants.
#[derive(Serialize, ToSchema)]
pub struct MeetingDetail {
    #[serde(flatten)]
    meeting: MeetingBody,
    /// Everyone who took part, in the order of their first appearance.
    participants: Vec<ParticipantSummary>,
}

/// Someone who took part in a meeting.
#[derive(Serialize, ToSchema)]
#[schema(as = ParticipantSummary)]
pub struct ParticipantSummary {
    /// Stable identity, the same across reconnects.
    #[schema(value_type = String)]
    identity: Identity,
    /// Name shown to others. Empty if none was given.
    display_name: String,
}

/// Get a meeting
///
/// Returns the meeting and its participants.
#[utoipa::path(
    get, path = "/v1/meetings/{id}", operation_id = "get_meeting", tag = "meetings",
    security(("key" = ["read"])),
    params(("id" = uuid::Uuid, Path, description = "Meeting id")),
    responses(
        (status = 200, body = MeetingDetail, description = "The meeting"),
        (status = 404, body = Problem, description = "`not-found`: no meeting has this id"),
    ),
)]
pub async fn get(State(app): State<AppState>, _: Reader, path: MeetingPath) -> ApiResult<Json<MeetingDetail>> {
    let mut conn = app.conn().await?;
    let meeting = path.view(&mut conn).await?;
    let participants = storage::participants::list_for_meeting(&mut conn, meeting.id).await?;
    let participants = participants.into_iter().map(ParticipantSummary::from).collect();
    Ok(Json(MeetingDetail {
        meeting: meeting.into(),
        participants,
    }))
}

impl From<Participant> for ParticipantSummary {
    fn from(participant: Participant) -> Self {
        Self {
            identity: participant.identity,
            display_name: participant.display_name,
        }
    }
}
