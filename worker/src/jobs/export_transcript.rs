//! Writes the transcript to the store in every format.
//!
//! Harmless to repeat: the same text is written to the same keys.

use domain::{
    MeetingId, ObjectKey,
    transcript::{Transcript, TranscriptState, render},
};
use objects::Body;
use storage::transcripts;

use super::JobError;
use crate::attempt::Attempt;

#[tracing::instrument(skip_all, fields(meeting.id = %id))]
pub async fn run(id: MeetingId, attempt: &Attempt<'_>) -> Result<(), JobError> {
    let mut conn = attempt.ctx.conn().await?;
    let loaded = transcripts::load(&mut conn, id).await?;
    drop(conn); // no connection is held while the store works
    let Some((TranscriptState::Ready | TranscriptState::Empty, transcript)) = loaded else {
        return Ok(());
    };
    for (extension, content_type, text) in formats(&transcript)? {
        let key = ObjectKey::transcript(id, extension);
        attempt
            .ctx
            .transcripts
            .put(&key, Body::from(text), content_type)
            .await?;
    }
    let mut tx = attempt.begin().await?;
    transcripts::mark_exported(tx.conn(), id, (attempt.ctx.clock)()).await?;
    tx.commit().await?;
    tracing::info!(segments = transcript.segments.len(), "transcript exported");
    Ok(())
}

/// Returns the extension, content type and content of each file.
fn formats(transcript: &Transcript) -> Result<[(&'static str, &'static str, String); 4], JobError> {
    Ok([
        (
            "json",
            "application/json",
            serde_json::to_string(transcript).map_err(JobError::give_up)?,
        ),
        ("txt", "text/plain; charset=utf-8", render::text(transcript)),
        ("srt", "application/x-subrip; charset=utf-8", render::srt(transcript)),
        ("vtt", "text/vtt; charset=utf-8", render::vtt(transcript)),
    ])
}
