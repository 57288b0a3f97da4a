//! Writes recordings.

use domain::recording::Recording;
use sqlx::{PgConnection, types::Json};

use super::row::StateColumns;
use crate::StorageError;

/// Inserts or updates a recording as a whole.
pub async fn save(conn: &mut PgConnection, recording: &Recording) -> Result<(), StorageError> {
    let state = StateColumns::from(&recording.state);
    let (track, accepted) = (recording.track.as_ref(), recording.acceptance.as_ref());
    sqlx::query!(
        "INSERT INTO recordings (id, capture_id, meeting_id, track_id, track_sid, identity, mixed, platform_file_id,
                                 state, reason, error, truncated, object_key, manifest_key, started_at, ended_at,
                                 transcription, size_bytes, accepted_at, sha256, samples, duration_ms, offset_ms,
                                 fit_a_ns, fit_b_ns, missing_since, last_error, coverage)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
                 $23, $24, $25, $26, $27, $28)
         ON CONFLICT (id) DO UPDATE
         SET track_id = EXCLUDED.track_id, track_sid = EXCLUDED.track_sid, identity = EXCLUDED.identity,
             mixed = EXCLUDED.mixed, state = EXCLUDED.state, reason = EXCLUDED.reason,
             error = EXCLUDED.error, truncated = EXCLUDED.truncated,
             object_key = EXCLUDED.object_key,
             manifest_key = EXCLUDED.manifest_key,
             started_at = EXCLUDED.started_at, ended_at = EXCLUDED.ended_at, transcription = EXCLUDED.transcription,
             size_bytes = EXCLUDED.size_bytes, accepted_at = EXCLUDED.accepted_at, sha256 = EXCLUDED.sha256,
             samples = EXCLUDED.samples, duration_ms = EXCLUDED.duration_ms, offset_ms = EXCLUDED.offset_ms,
             fit_a_ns = EXCLUDED.fit_a_ns, fit_b_ns = EXCLUDED.fit_b_ns, missing_since = EXCLUDED.missing_since,
             last_error = EXCLUDED.last_error, coverage = EXCLUDED.coverage",
        recording.id.0,
        recording.capture_id.0,
        recording.meeting_id.0,
        track.map(|track| track.id.0),
        track.map(|track| track.sid.as_str()),
        recording.identity.as_ref().map(|identity| identity.as_str()),
        recording.mixed,
        recording.platform_file_id.as_ref().map(|id| id.as_str()),
        recording.state.as_str(),
        state.reason,
        state.error,
        state.truncated,
        state.object_key,
        state.manifest_key,
        state.started_at,
        state.ended_at,
        recording.transcription.as_str(),
        accepted.map(|a| a.size_bytes).or(state.size_bytes),
        accepted.map(|a| a.accepted_at),
        accepted.map(|a| a.sha256.as_str()),
        accepted.map(|a| a.samples.0),
        accepted.map(|a| a.duration_ms),
        accepted.map(|a| a.offset_ms),
        accepted.map(|a| a.fit.a_ns.0),
        accepted.map(|a| a.fit.b_ns),
        recording.missing_since,
        recording.last_error.as_deref(),
        accepted.and_then(|a| a.coverage.as_ref()).map(Json) as _,
    )
    .execute(conn)
    .await?;
    Ok(())
}
