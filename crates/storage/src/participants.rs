//! Participants of meetings.

use domain::{
    Identity, MeetingId, ParticipantId,
    participant::{Participant, ParticipantKind},
};
use sqlx::PgConnection;

use crate::StorageError;

/// Inserts a participant, or updates its display name and kind.
pub async fn save(conn: &mut PgConnection, participant: &Participant) -> Result<(), StorageError> {
    sqlx::query!(
        "INSERT INTO participants (id, meeting_id, identity, display_name, kind)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (id) DO UPDATE SET display_name = EXCLUDED.display_name, kind = EXCLUDED.kind",
        participant.id.0,
        participant.meeting_id.0,
        participant.identity.as_str(),
        participant.display_name,
        participant.kind.map(|kind| kind.as_str()),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Lists the participants of a meeting in the order in which they were first seen.
pub async fn list_for_meeting(conn: &mut PgConnection, meeting: MeetingId) -> Result<Vec<Participant>, StorageError> {
    let rows = sqlx::query_as!(
        ParticipantRow,
        "SELECT id, meeting_id, identity, display_name, kind
         FROM participants
         WHERE meeting_id = $1
         ORDER BY id",
        meeting.0,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Participant::from).collect())
}

/// Lists participants of a meeting in the order in which they were first seen, after `after`.
pub async fn page_for_meeting(
    conn: &mut PgConnection,
    meeting: MeetingId,
    after: Option<ParticipantId>,
    limit: i64,
) -> Result<Vec<Participant>, StorageError> {
    let rows = sqlx::query_as!(
        ParticipantRow,
        "SELECT id, meeting_id, identity, display_name, kind
         FROM participants
         WHERE meeting_id = $1 AND ($2::uuid IS NULL OR id > $2)
         ORDER BY id
         LIMIT $3",
        meeting.0,
        after.map(|id| id.0),
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Participant::from).collect())
}

struct ParticipantRow {
    id: uuid::Uuid,
    meeting_id: uuid::Uuid,
    identity: String,
    display_name: String,
    kind: Option<String>,
}

impl From<ParticipantRow> for Participant {
    fn from(row: ParticipantRow) -> Self {
        Self {
            id: ParticipantId(row.id),
            meeting_id: MeetingId(row.meeting_id),
            identity: Identity(row.identity),
            display_name: row.display_name,
            kind: row.kind.map(|kind| kind.parse().unwrap_or(ParticipantKind::Other)),
        }
    }
}
