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

/// Someone who took part in a meeting, with every connection.
#[derive(Serialize, ToSchema)]
#[schema(as = Participant)]
pub struct ParticipantBody {
    /// Stable identity, the same across reconnects.
    #[schema(value_type = String)]
    identity: Identity,
    /// Name shown to others. Empty if none was given.
    display_name: String,
    /// `standard`: a person with an ordinary client. `sip`: a person on the telephone. `ingress`: a stream from outside.
    /// `recorder`: a recorder. `agent`: a program. `other`: anything else. Null until the platform has reported it.
    kind: Option<ParticipantKind>,
    /// Every connection, oldest first.
    connections: Vec<ConnectionBody>,
}

/// One connection of a participant to the platform. A full reconnect starts a new connection.
#[derive(Serialize, ToSchema)]
#[schema(as = Connection)]
pub struct ConnectionBody {
    /// The platform's id of the connection.
    #[schema(value_type = String, example = "PA_fQTFL6szZMNk")]
    sid: ParticipantSid,
    joined_at: DateTime<Utc>,
    /// Null while connected.
    left_at: Option<DateTime<Utc>>,
}

/// List participants
///
/// Returns everyone who took part in the meeting, in the order of their first appearance, with every connection.
/// Recorders and agents are included; `kind` distinguishes them from people.
#[utoipa::path(
    get, path = "/v1/meetings/{id}/participants", operation_id = "list_participants", tag = "meetings",
    security(("key" = ["read"])),
    params(("id" = uuid::Uuid, Path, description = "Meeting id"), ListQuery),
    responses(
        (status = 200, body = ListPage<ParticipantBody>, description = "A page of participants"),
        (status = 404, body = Problem, description = "`not-found`: no meeting has this id"),
    ),
)]
pub async fn list(
    State(app): State<AppState>,
    _: Reader,
    path: MeetingPath,
    page: PageRequest<ParticipantId>,
) -> ApiResult<Json<ListPage<ParticipantBody>>> {
    let mut conn = app.conn().await?;
    let meeting = path.view(&mut conn).await?.id;
    let people = storage::participants::page_for_meeting(&mut conn, meeting, page.after, page.row_limit()).await?;
    let ids: Vec<ParticipantId> = people.iter().map(|p| p.id).collect();
    let connections = storage::connections::list_for_participants(&mut conn, &ids).await?;
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
