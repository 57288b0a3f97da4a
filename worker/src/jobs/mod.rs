//! The table of jobs, in the order of a recording's path. One file each.
//!
//! A job is done at least once: each file says why a second run is harmless. What it finds out about a meeting is put
//! before `domain::meeting`, whose answer (rows and further jobs) is written in one transaction that the job's lease
//! fences.

mod accept_recording;
mod error;
mod export_transcript;
mod merge_transcript;
mod start_recording;
mod transcribe_track;

pub use error::JobError;

use domain::{
    MeetingId, RecordingId,
    job::Job,
    meeting::{Change, Meeting},
    recording::{FailureReason, Recording, Transcription},
    room::Room,
};
use storage::{PgConnection, StorageError, meetings, recordings};

use crate::{attempt::Attempt, context::WorkerContext};

/// Does a job.
pub async fn run(job: &Job, attempt: &Attempt<'_>) -> Result<(), JobError> {
    match *job {
        Job::StartRecording { recording_id } => start_recording::run(recording_id, attempt).await,
        Job::AcceptRecording { recording_id } => accept_recording::run(recording_id, attempt).await,
        Job::TranscribeTrack { recording_id } => transcribe_track::run(recording_id, attempt).await,
        Job::MergeTranscript { meeting_id } => merge_transcript::run(meeting_id, attempt).await,
        Job::ExportTranscript { meeting_id } => export_transcript::run(meeting_id, attempt).await,
    }
}

/// What follows from a job's death, so that nobody waits for it: written with it, in the caller's transaction.
pub async fn after_death(
    conn: &mut PgConnection,
    job: &Job,
    error: &str,
    ctx: &WorkerContext,
) -> Result<(), StorageError> {
    let (now, error) = ((ctx.clock)(), error.to_owned());
    match *job {
        Job::StartRecording { recording_id: id } => {
            change_of(conn, id, |m| m.fail(id, FailureReason::StartFailed, error, now)).await
        }
        Job::AcceptRecording { recording_id: id } => {
            change_of(conn, id, |m| m.reject(id, FailureReason::ObjectMissing, error)).await
        }
        Job::TranscribeTrack { recording_id: id } => {
            change_of(conn, id, |m| m.transcribed(id, Transcription::Dead)).await
        }
        Job::MergeTranscript { meeting_id } => merge_transcript::after_death(conn, meeting_id).await,
        // The text stands in the database; only its files are missing, and the dead job says so.
        Job::ExportTranscript { .. } => Ok(()),
    }
}

/// Writes what a recording's meeting makes of `change`. A meeting that was deleted meanwhile makes nothing of it.
async fn change_of(
    conn: &mut PgConnection,
    recording: RecordingId,
    change: impl FnOnce(&Meeting) -> Change,
) -> Result<(), StorageError> {
    match recordings::find(conn, recording).await? {
        Some(recording) => change_meeting(conn, recording.meeting_id, |_, meeting| change(meeting)).await,
        None => Ok(()),
    }
}

async fn change_meeting(
    conn: &mut PgConnection,
    meeting: MeetingId,
    change: impl FnOnce(&Room, &Meeting) -> Change,
) -> Result<(), StorageError> {
    match meetings::lock(conn, meeting).await? {
        Some((room, meeting)) => meetings::save(conn, &change(&room, &meeting)).await,
        None => Ok(()),
    }
}

impl Attempt<'_> {
    /// A recording as it is now; `None` if its meeting was deleted.
    async fn recording(&self, id: RecordingId) -> Result<Option<Recording>, JobError> {
        let mut conn = self.ctx.conn().await?;
        Ok(recordings::find(&mut conn, id).await?)
    }

    /// One fenced transaction: what the domain makes of what this job found out.
    async fn change(&self, meeting: MeetingId, change: impl FnOnce(&Room, &Meeting) -> Change) -> Result<(), JobError> {
        let mut tx = self.begin().await?;
        change_meeting(&mut tx, meeting, change).await?;
        Ok(storage::pool::commit(tx).await?)
    }
}
