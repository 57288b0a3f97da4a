//! The segments of transcripts, one row each, for search and for reading.

use domain::{
    Identity, MeetingId,
    transcript::{Segment, Word},
};
use serde_json::Value;
use sqlx::{PgConnection, types::Json};

use crate::StorageError;

/// Segments that one statement writes, so that it stays far below the limit of a statement's time.
const BATCH: usize = 500;

/// Replaces all segments of a meeting, in a few statements: the caller holds the lock of the room.
pub async fn replace(conn: &mut PgConnection, meeting: MeetingId, segments: &[Segment]) -> Result<(), StorageError> {
    sqlx::query!("DELETE FROM segments WHERE meeting_id = $1", meeting.0)
        .execute(&mut *conn)
        .await?;
    for (batch, segments) in segments.chunks(BATCH).enumerate() {
        let before = i64::try_from(batch * BATCH).expect("a transcript has fewer than 2^63 segments");
        insert(conn, meeting, segments, before).await?;
    }
    Ok(())
}

/// Inserts segments that follow `before` others.
async fn insert(
    conn: &mut PgConnection,
    meeting: MeetingId,
    segments: &[Segment],
    before: i64,
) -> Result<(), StorageError> {
    let speakers: Vec<String> = segments.iter().map(|s| s.speaker.0.clone()).collect();
    let starts: Vec<i64> = segments.iter().map(|s| s.start_ms).collect();
    let ends: Vec<i64> = segments.iter().map(|s| s.end_ms).collect();
    let texts: Vec<String> = segments.iter().map(|s| s.text.clone()).collect();
    let words = segments.iter().map(|s| serde_json::to_value(&s.words));
    let words: Vec<Value> = words
        .collect::<Result<_, _>>()
        .expect("a word contains texts and numbers, which JSON can represent");
    sqlx::query!(
        "INSERT INTO segments (meeting_id, position, speaker, start_ms, end_ms, text, words)
         SELECT $1, $7::bigint + row.position - 1, row.speaker, row.start_ms, row.end_ms, row.text, row.words
         FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::jsonb[])
              WITH ORDINALITY AS row (speaker, start_ms, end_ms, text, words, position)",
        meeting.0,
        &speakers,
        &starts,
        &ends,
        &texts,
        &words,
        before,
    )
    .execute(conn)
    .await?;
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
