//! The transcribed chunks of recordings. A crash loses the current chunk, not those before it.

use domain::{RecordingId, SampleTime};
use serde_json::Value;
use sqlx::PgConnection;

use crate::StorageError;

/// A transcribed chunk.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    /// The first sample of the chunk.
    pub start: SampleTime,
    /// The sample after the last one.
    pub end: SampleTime,
    /// A list of words in recording time, as the worker writes them.
    pub words: Value,
    /// Why the engine gave it up; `None` if it was transcribed.
    pub error: Option<String>,
}

/// Saves a chunk. `engine` identifies the engine, its options and the audio: with another key, transcription starts over.
pub async fn save(
    conn: &mut PgConnection,
    recording: RecordingId,
    engine: &str,
    chunk: &Chunk,
) -> Result<(), StorageError> {
    sqlx::query!(
        "INSERT INTO chunks (recording_id, engine, start_sample, end_sample, words, error)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (recording_id, engine, start_sample)
         DO UPDATE SET end_sample = EXCLUDED.end_sample, words = EXCLUDED.words, error = EXCLUDED.error",
        recording.0,
        engine,
        chunk.start.0,
        chunk.end.0,
        chunk.words,
        chunk.error,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Lists the chunks that an engine has transcribed so far, in order.
pub async fn list(conn: &mut PgConnection, recording: RecordingId, engine: &str) -> Result<Vec<Chunk>, StorageError> {
    let rows = sqlx::query_as!(
        ChunkRow,
        "SELECT start_sample, end_sample, words, error
         FROM chunks
         WHERE recording_id = $1 AND engine = $2
         ORDER BY start_sample",
        recording.0,
        engine,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Chunk::from).collect())
}

/// Deletes the chunks of other engines: the words of a recording come from one engine.
pub async fn delete_others(conn: &mut PgConnection, recording: RecordingId, engine: &str) -> Result<(), StorageError> {
    sqlx::query!(
        "DELETE FROM chunks WHERE recording_id = $1 AND engine <> $2",
        recording.0,
        engine
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Lists all chunks of a recording in order.
pub async fn list_for_recording(conn: &mut PgConnection, recording: RecordingId) -> Result<Vec<Chunk>, StorageError> {
    let rows = sqlx::query_as!(
        ChunkRow,
        "SELECT start_sample, end_sample, words, error
         FROM chunks
         WHERE recording_id = $1
         ORDER BY start_sample",
        recording.0,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Chunk::from).collect())
}

struct ChunkRow {
    start_sample: i64,
    end_sample: i64,
    words: Value,
    error: Option<String>,
}

impl From<ChunkRow> for Chunk {
    fn from(row: ChunkRow) -> Self {
        Self {
            start: SampleTime(row.start_sample),
            end: SampleTime(row.end_sample),
            words: row.words,
            error: row.error,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sqlx::PgPool;

    use super::*;
    use crate::support;

    #[sqlx::test]
    async fn chunks_are_stored_once_and_those_of_another_engine_are_deleted(pool: PgPool) {
        let mut conn = pool.acquire().await.unwrap();
        let recording = support::meeting_with_track(&mut conn).await.recordings[0].id;
        let chunk = |start, word| Chunk {
            start: SampleTime(start),
            end: SampleTime(start + 10),
            words: json!([word]),
            error: (word == "world").then(|| "crashed".to_owned()),
        };

        save(&mut conn, recording, "old", &chunk(0, "helo")).await.unwrap();
        save(&mut conn, recording, "new", &chunk(20, "world")).await.unwrap();
        save(&mut conn, recording, "new", &chunk(0, "hullo")).await.unwrap();
        save(&mut conn, recording, "new", &chunk(0, "hello")).await.unwrap();
        let so_far = list(&mut conn, recording, "new").await.unwrap();
        delete_others(&mut conn, recording, "new").await.unwrap();

        assert_eq!(so_far, [chunk(0, "hello"), chunk(20, "world")]);
        assert_eq!(list_for_recording(&mut conn, recording).await.unwrap(), so_far);
    }
}
