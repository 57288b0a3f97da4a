//! Checks that the object and the manifest of an ended capture exist and agree, and queues the transcription.
//!
//! Harmless to repeat: it only reads the store, and an accepted recording is left unchanged.
//!
//! A store that cannot answer says nothing about the recording, which then stays unaccepted until the job's deadline.
//! Only answers decide: that there is no such object, twice and minutes apart; or a content that disagrees, also when it
//! is read again.
//!
//! - `check`: reads manifest and object and compares them
//! - `rejection`: what can be wrong with them

mod check;
mod rejection;
#[cfg(test)]
mod tests;

use std::time::Duration;

use domain::{
    RecordingId,
    capture::Capture,
    recording::{RecordedFile, Recording, VerifiedRecording},
};
use tokio::time::sleep;

use self::{
    check::{CheckError, check},
    rejection::Rejection,
};
use super::JobError;
use crate::{attempt::Attempt, log::chain};

/// Pause after the store has answered that an object is missing.
const ASK_STORE_AGAIN: Duration = Duration::from_secs(60);

/// The pause before contents that disagree are read again: they may be in the middle of being replaced.
const REREAD_PAUSE: Duration = Duration::from_secs(1);

#[tracing::instrument(skip_all, fields(recording.id = %id))]
pub async fn run(id: RecordingId, attempt: &Attempt<'_>) -> Result<(), JobError> {
    let Some(recording) = attempt.recording(id).await? else {
        return Ok(());
    };
    let Some(file) = recording.state.file().filter(|_| recording.awaits_acceptance()) else {
        return Ok(());
    };
    let Some(capture) = attempt.capture(recording.capture_id).await? else {
        return Ok(());
    };
    match check_twice(file, (&capture, &recording), attempt).await {
        Ok(verified) => accept(&recording, verified, attempt).await,
        Err(CheckError::NotThere(rejection) | CheckError::Wrong(rejection)) => {
            reject(&recording, rejection, attempt).await
        }
        Err(CheckError::Failed(error)) => {
            let why = Some(error.to_string());
            attempt
                .change(recording.meeting_id, |_, meeting| meeting.note_error(id, why))
                .await?;
            Err(error)
        }
    }
}

/// Checks again what is wrong.
async fn check_twice(
    file: &RecordedFile,
    origin: (&Capture, &Recording),
    attempt: &Attempt<'_>,
) -> Result<VerifiedRecording, CheckError> {
    match check(file, origin, attempt).await {
        Err(CheckError::Wrong(_)) => {
            sleep(REREAD_PAUSE).await;
            check(file, origin, attempt).await
        }
        outcome => outcome,
    }
}

async fn accept(recording: &Recording, verified: VerifiedRecording, attempt: &Attempt<'_>) -> Result<(), JobError> {
    tracing::info!(
        duration_ms = verified.duration_ms,
        size_bytes = verified.size_bytes,
        "recording accepted"
    );
    let now = (attempt.ctx.clock)();
    attempt
        .change(recording.meeting_id, |_, meeting| {
            meeting.accept_recording(recording.id, verified, now)
        })
        .await
}

/// Rejects a recording. A missing object may still arrive, so the domain wants a second answer, and the job runs again.
async fn reject(recording: &Recording, rejection: Rejection, attempt: &Attempt<'_>) -> Result<(), JobError> {
    let (reason, error) = (rejection.reason(), chain(&rejection));
    let now = (attempt.ctx.clock)();
    let mut is_rejected = false;
    attempt
        .change(recording.meeting_id, |_, meeting| {
            let change = meeting.reject_recording(recording.id, reason, error.clone(), now);
            is_rejected = change.recordings.iter().any(|recording| !recording.awaits_acceptance());
            change
        })
        .await?;
    if !is_rejected {
        return Err(JobError::Outage {
            after: Some(ASK_STORE_AGAIN),
            why: rejection.into(),
        });
    }
    tracing::error!(reason = reason.as_str(), error, "recording rejected");
    Ok(())
}
