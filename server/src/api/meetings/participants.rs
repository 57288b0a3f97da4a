use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use domain::{
    Identity, ParticipantId, ParticipantSid,
    participant::{Connection, Participant, ParticipantKind},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::MeetingPath;
use crate::{
    api::{
        caller::Reader,
        error::{ApiResult, Problem},
        list_page::{ListPage, ListQuery, PageRequest},
    },
    state::AppState,
};

/// Someone who took part, and each time that they were connected.
#[derive(Serialize, ToSchema)]
#[schema(as = Participant)]
pub struct ParticipantBody {
    #[schema(value_type = String)]
    identity: Identity,
    /// Empty where nobody gave one.
    display_name: String,
    /// Null until the platform has said it.
    kind: Option<ParticipantKind>,
    connections: Vec<ConnectionBody>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Connection)]
pub struct ConnectionBody {
    #[schema(value_type = String)]
    sid: ParticipantSid,
    joined_at: DateTime<Utc>,
    /// Null while it lasts.
    left_at: Option<DateTime<Utc>>,
}

/// List who took part, in the order in which they were first seen
#[utoipa::path(
    get, path = "/v1/meetings/{id}/participants", operation_id = "list_participants", tag = "meetings",
    params(("id" = uuid::Uuid, Path), ListQuery),
    responses((status = 200, body = ListPage<ParticipantBody>), (status = 404, body = Problem)),
)]
pub async fn list(
    State(app): State<AppState>,
    _: Reader,
    path: MeetingPath,
    page: PageRequest<ParticipantId>,
) -> ApiResult<Json<ListPage<ParticipantBody>>> {
    let mut conn = app.conn().await?;
    let meeting = path.view(&mut conn).await?.id;
    let people = storage::participants::list_for_meeting(&mut conn, meeting).await?;
    let connections = storage::connections::list_for_meeting(&mut conn, meeting).await?;
    let people = people
        .into_iter()
        .skip_while(|p| page.after.is_some_and(|after| p.id <= after))
        .collect();
    Ok(Json(page.page(
        people,
        |p| p.id,
        |p| ParticipantBody::new(p, &connections),
    )))
}

impl ParticipantBody {
    fn new(participant: Participant, connections: &[Connection]) -> Self {
        let own = connections.iter().filter(|c| c.participant_id == participant.id);
        Self {
            connections: own.map(ConnectionBody::from).collect(),
            identity: participant.identity,
            display_name: participant.display_name,
            kind: participant.kind,
        }
    }
}

impl From<&Connection> for ConnectionBody {
    fn from(connection: &Connection) -> Self {
        Self {
            sid: connection.sid.clone(),
            joined_at: connection.joined_at,
            left_at: connection.left_at,
        }
    }
}
