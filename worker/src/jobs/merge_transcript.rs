//! Puts the words of all recordings of a closed meeting in one order.
//!
//! Harmless to repeat: the transcript is replaced as a whole. What changes a settled meeting afterwards queues this job
//! again.

use domain::{
    MeetingId, RecordingId,
    job::Job,
    meeting::Meeting,
    recording::{FailureReason, Recording, RecordingState, Transcription},
    room::Room,
    transcript::{Missing, Segment, TranscriptState},
};
use storage::{
    PgConnection, StorageError, chunks, jobs, meetings, segments,
    transcripts::{self, TranscriptHead},
};

use super::JobError;
use crate::{
    attempt::Attempt,
    engine::HeardWord,
    pipeline::{
        align::align,
        merge::{TrackTranscript, merge},
    },
};

/// Why a recording's words are missing although the recording is there.
const NOT_TRANSCRIBED: &str = "transcription_failed";

#[tracing::instrument(skip_all, fields(meeting.id = %id))]
pub async fn run(id: MeetingId, attempt: &Attempt<'_>) -> Result<(), JobError> {
    let mut tx = attempt.begin().await?;
    let Some((room, meeting)) = meetings::lock(&mut tx, id).await? else {
        return Ok(());
    };
    if !meeting.is_settled() {
        return Ok(()); // what settles it queues this job again
    }
    let mut tracks = Vec::new();
    for recording in &meeting.recordings {
        tracks.extend(track(&mut tx, &meeting, recording).await?);
    }
    let turns = merge(&tracks);
    let head = head(&room, &meeting, &turns);
    segments::replace(&mut tx, id, &turns).await?;
    transcripts::save(&mut tx, &head).await?;
    if matches!(head.state, TranscriptState::Ready | TranscriptState::Empty) {
        jobs::add(&mut tx, &[Job::ExportTranscript { meeting_id: id }]).await?;
    }
    tx.commit().await.map_err(StorageError::from)?;
    tracing::info!(state = ?head.state, segments = turns.len(), missing = head.missing.len(), "transcript made");
    Ok(())
}

/// The transcript will not be made; whoever waits for it is told.
pub async fn died(conn: &mut PgConnection, id: MeetingId) -> Result<(), StorageError> {
    let Some((room, meeting)) = meetings::lock(conn, id).await? else {
        return Ok(());
    };
    let head = TranscriptHead {
        state: TranscriptState::Failed,
        ..head(&room, &meeting, &[])
    };
    transcripts::save(conn, &head).await
}

/// The words of one recording on the meeting's clock; `None` if there are none to be had.
async fn track(
    conn: &mut PgConnection,
    meeting: &Meeting,
    recording: &Recording,
) -> Result<Option<TrackTranscript>, JobError> {
    let (Some(acceptance), None) = (&recording.acceptance, missing_reason(recording)) else {
        return Ok(None);
    };
    let mut heard: Vec<HeardWord> = Vec::new();
    for chunk in chunks::list_for_recording(conn, recording.id).await? {
        let words: Vec<HeardWord> =
            serde_json::from_value(chunk.words).map_err(|why| unreadable(recording.id, chunk.start_sample, why))?;
        heard.extend(words);
    }
    let words = align(&heard, &acceptance.fit, meeting.head.started_at);
    Ok(Some(TrackTranscript {
        speaker: recording.identity.clone(),
        words,
    }))
}

fn unreadable(recording: RecordingId, start_sample: i64, why: serde_json::Error) -> JobError {
    let what = format!("chunks.words of {recording} at {start_sample} cannot be read");
    JobError::give_up(anyhow::Error::new(why).context(what))
}

fn head(room: &Room, meeting: &Meeting, turns: &[Segment]) -> TranscriptHead {
    let missing: Vec<Missing> = meeting.recordings.iter().filter_map(missing).collect();
    let ended_at = meeting.head.ended_at().unwrap_or(meeting.head.started_at);
    let state = match turns {
        [_, ..] => TranscriptState::Ready,
        [] if !missing.is_empty() && !meeting.recordings.iter().any(has_words) => TranscriptState::Failed,
        [] => TranscriptState::Empty,
    };
    TranscriptHead {
        meeting_id: meeting.head.id,
        state,
        language: room.language.to_string(),
        duration_ms: (ended_at - meeting.head.started_at).num_milliseconds().max(0),
        missing,
    }
}

fn missing(recording: &Recording) -> Option<Missing> {
    let reason = missing_reason(recording)?;
    Some(Missing {
        recording_id: recording.id,
        identity: recording.identity.clone(),
        reason: reason.to_owned(),
    })
}

fn missing_reason(recording: &Recording) -> Option<&'static str> {
    match &recording.state {
        // A track that never carried a packet lacks nothing.
        RecordingState::Failed(failed) if failed.reason == FailureReason::NoAudio => None,
        RecordingState::Failed(failed) => Some(failed.reason.as_str()),
        _ if recording.transcription == Transcription::Dead => Some(NOT_TRANSCRIBED),
        _ => None,
    }
}

/// Whether it was listened to, whatever was heard.
fn has_words(recording: &Recording) -> bool {
    recording.transcription == Transcription::Done
}
