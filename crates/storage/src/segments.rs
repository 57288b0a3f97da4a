//! The segments of transcripts, one row each, for search and for reading.

use domain::{
    Identity, MeetingId,
    transcript::{Segment, Word},
};
use sqlx::{PgConnection, types::Json};

use crate::StorageError;

/// Replaces all segments of a meeting.
pub async fn replace(conn: &mut PgConnection, meeting: MeetingId, segments: &[Segment]) -> Result<(), StorageError> {
    sqlx::query!("DELETE FROM segments WHERE meeting_id = $1", meeting.0)
        .execute(&mut *conn)
        .await?;
    for (position, segment) in (0_i32..).zip(segments) {
        sqlx::query!(
            "INSERT INTO segments (meeting_id, position, speaker, start_ms, end_ms, text, words)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            meeting.0,
            position,
            segment.speaker.as_str(),
            segment.start_ms,
            segment.end_ms,
            segment.text,
            Json(&segment.words) as _,
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// Lists a meeting's segments in order.
pub async fn list(conn: &mut PgConnection, meeting: MeetingId) -> Result<Vec<Segment>, StorageError> {
    let rows = sqlx::query!(
        r#"SELECT speaker, start_ms, end_ms, text, words AS "words: Json<Vec<Word>>"
           FROM segments
           WHERE meeting_id = $1
           ORDER BY position"#,
        meeting.0,
    )
    .fetch_all(conn)
    .await?;
    let segments = rows.into_iter().map(|row| Segment {
        speaker: Identity(row.speaker),
        start_ms: row.start_ms,
        end_ms: row.end_ms,
        text: row.text,
        words: row.words.0,
    });
    Ok(segments.collect())
}
