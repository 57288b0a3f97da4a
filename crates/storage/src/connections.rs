//! Connections: the times during which participants were connected.

use domain::{ConnectionId, MeetingId, ParticipantId, ParticipantSid, participant::Connection};
use sqlx::PgConnection;

use crate::StorageError;

/// Inserts a connection, or updates its times.
pub async fn save(conn: &mut PgConnection, connection: &Connection) -> Result<(), StorageError> {
    sqlx::query!(
        "INSERT INTO connections (id, participant_id, meeting_id, sid, joined_at, left_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (id) DO UPDATE SET joined_at = EXCLUDED.joined_at, left_at = EXCLUDED.left_at",
        connection.id.0,
        connection.participant_id.0,
        connection.meeting_id.0,
        connection.sid.as_str(),
        connection.joined_at,
        connection.left_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Lists the connections of a meeting in the order in which they were first seen.
pub async fn list_for_meeting(conn: &mut PgConnection, meeting: MeetingId) -> Result<Vec<Connection>, StorageError> {
    let connections = sqlx::query_as!(
        Connection,
        r#"SELECT id AS "id: ConnectionId", meeting_id AS "meeting_id: MeetingId",
                  participant_id AS "participant_id: ParticipantId", sid AS "sid: ParticipantSid", joined_at, left_at
           FROM connections
           WHERE meeting_id = $1
           ORDER BY id"#,
        meeting.0,
    )
    .fetch_all(conn)
    .await?;
    Ok(connections)
}

/// Lists the connections of some participants in the order in which they were first seen.
pub async fn list_for_participants(
    conn: &mut PgConnection,
    participants: &[ParticipantId],
) -> Result<Vec<Connection>, StorageError> {
    let ids: Vec<uuid::Uuid> = participants.iter().map(|id| id.0).collect();
    let connections = sqlx::query_as!(
        Connection,
        r#"SELECT id AS "id: ConnectionId", meeting_id AS "meeting_id: MeetingId",
                  participant_id AS "participant_id: ParticipantId", sid AS "sid: ParticipantSid", joined_at, left_at
           FROM connections
           WHERE participant_id = ANY($1)
           ORDER BY id"#,
        &ids,
    )
    .fetch_all(conn)
    .await?;
    Ok(connections)
}
