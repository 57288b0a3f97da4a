//! The table of jobs, in the order of a recording's path, one file each.
//!
//! A job runs at least once; each file says why a second run is harmless. The jobs of a recording report what they found
//! to `domain::meeting` and save the resulting change (rows and further jobs); merge and export write the transcript's
//! rows themselves. Every writing transaction is fenced by the job's lease.

mod accept_recording;
mod check_room;
mod enforce_controls;
mod error;
mod export_transcript;
mod merge_transcript;
mod start_meeting_capture;
mod start_recording;
mod transcribe_track;

pub use error::JobError;

use domain::{
    job::Job,
    recording::{FailureReason, Transcription},
};
use storage::{ChangeTx, StorageError};

use crate::{attempt::Attempt, context::WorkerContext};

/// Runs a job.
pub async fn run(job: &Job, attempt: &Attempt<'_>) -> Result<(), JobError> {
    match *job {
        Job::StartRecording { capture_id } => start_recording::run(capture_id, attempt).await,
        Job::CheckRoom { meeting_id } => check_room::run(meeting_id, attempt).await,
        Job::EnforceControls { meeting_id } => enforce_controls::run(meeting_id, attempt).await,
        Job::AcceptRecording { recording_id } => accept_recording::run(recording_id, attempt).await,
        Job::TranscribeTrack { recording_id } => transcribe_track::run(recording_id, attempt).await,
        Job::MergeTranscript { meeting_id } => merge_transcript::run(meeting_id, attempt).await,
        Job::ExportTranscript { meeting_id } => export_transcript::run(meeting_id, attempt).await,
    }
}

/// Saves what follows from a dead job, so that nothing waits for its result. Runs in the transaction that marks the job
/// dead.
pub async fn after_death(tx: &mut ChangeTx, job: &Job, error: &str, ctx: &WorkerContext) -> Result<(), StorageError> {
    let (now, error) = ((ctx.clock)(), error.to_owned());
    match *job {
        Job::StartRecording { capture_id: id } => {
            tx.change_meeting_of_capture(id, |_, m| m.fail_capture(id, FailureReason::StartFailed, error, now))
                .await?;
        }
        Job::AcceptRecording { recording_id: id } => {
            tx.change_meeting_of(id, |_, m| m.give_up_acceptance(id, error)).await?;
        }
        Job::TranscribeTrack { recording_id: id } => {
            tx.change_meeting_of(id, |_, m| m.set_transcription(id, Transcription::Dead))
                .await?;
        }
        Job::MergeTranscript { meeting_id } => merge_transcript::after_death(tx, meeting_id).await?,
        // The transcript is in the database; only its files are missing. Rooms and the people in
        // them are checked again by the reconciler.
        Job::ExportTranscript { .. } | Job::CheckRoom { .. } | Job::EnforceControls { .. } => {}
    }
    Ok(())
}
