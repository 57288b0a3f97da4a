//! What can be tried again after it was given up.

use super::{Change, Env, Meeting, Outcome};
use crate::capture::Capture;
use crate::job::Job;
use crate::recording::{FailureReason, Recording, Transcription};
use crate::{CaptureId, RecordingId};

/// Why something is not tried again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotReopen {
    /// The recording was withdrawn.
    #[error("the recording no longer exists")]
    Gone,
    /// The request was answered.
    #[error("the capture is {0}; there is nothing to request")]
    Requested(&'static str),
    /// The track is over.
    #[error("the track has ended; it can no longer be recorded")]
    TrackEnded,
    /// The track is recorded.
    #[error("another recording of the track is open")]
    RecordedElsewhere,
    /// There is nothing to verify.
    #[error("the recording has no file: it is {0}")]
    NoFile(String),
    /// There is nothing to transcribe yet.
    #[error("the file has not been verified; retry its acceptance first")]
    NotAccepted,
    /// Nothing is left to do.
    #[error("the recording has already been {0}")]
    Done(&'static str),
    /// The meeting's recordings are not ready.
    #[error("recordings of the meeting are still being processed; the transcript is made when they are done")]
    NotSettled,
    /// The meeting is over.
    #[error("the meeting is closed")]
    MeetingClosed,
}

impl Meeting {
    /// Returns what queues a dead job of this meeting again, and undoes what was concluded from its death.
    ///
    /// # Errors
    /// The job can no longer have an effect.
    pub fn reopen(&self, job: &Job, env: Env<'_>) -> Result<Change, CannotReopen> {
        let change = match *job {
            Job::StartRecording { capture_id: id } => self.reopen_start(id, env)?,
            Job::AcceptRecording { recording_id: id } => self.reopen_acceptance(id)?,
            Job::TranscribeTrack { recording_id: id } => self.reopen_transcription(id)?,
            Job::CheckRoom { .. } | Job::EnforceControls { .. } if !self.head.is_open() => {
                return Err(CannotReopen::MeetingClosed);
            }
            Job::MergeTranscript { .. } if !self.is_settled() => return Err(CannotReopen::NotSettled),
            Job::CheckRoom { .. }
            | Job::EnforceControls { .. }
            | Job::MergeTranscript { .. }
            | Job::ExportTranscript { .. } => Change::new(Outcome::Applied),
        };
        Ok(change.with_job(job.clone()))
    }

    fn reopen_start(&self, id: CaptureId, env: Env<'_>) -> Result<Change, CannotReopen> {
        let capture = self.capture(id).ok_or(CannotReopen::Gone)?;
        let is_unanswered = capture.platform_id.is_none() && (capture.is_guess() || capture.is_open());
        if !is_unanswered {
            return Err(CannotReopen::Requested(capture.state.as_str()));
        }
        let is_live = capture.track().is_none() || self.live_tracks().any(|track| capture.is_of(track));
        if !is_live || !self.head.is_open() {
            return Err(CannotReopen::TrackEnded);
        }
        let is_same = |c: &Capture| c.target == capture.target && c.id != id;
        if self.captures.iter().any(|c| is_same(c) && c.is_open()) {
            return Err(CannotReopen::RecordedElsewhere);
        }
        Ok(self.edited(|meeting| {
            meeting.edit_capture(id, |capture| match capture.is_open() {
                true => capture.requested_at = env.now,
                false => capture.request_again(env.now),
            });
        }))
    }

    fn reopen_acceptance(&self, id: RecordingId) -> Result<Change, CannotReopen> {
        let recording = self.recording(id).ok_or(CannotReopen::Gone)?;
        if recording.acceptance.is_some() {
            return Err(CannotReopen::Done("accepted"));
        }
        if recording.state.file().is_none() {
            return Err(CannotReopen::NoFile(described(recording)));
        }
        Ok(self.edit_recording(id, |_, recording| recording.believe_in_file()))
    }

    fn reopen_transcription(&self, id: RecordingId) -> Result<Change, CannotReopen> {
        let recording = self.recording(id).ok_or(CannotReopen::Gone)?;
        match recording.transcription {
            _ if recording.acceptance.is_none() => Err(CannotReopen::NotAccepted),
            Transcription::Done => Err(CannotReopen::Done("transcribed")),
            Transcription::Pending | Transcription::Dead => {
                Ok(self.edit_recording(id, |_, recording| recording.transcription = Transcription::Pending))
            }
        }
    }
}

fn described(recording: &Recording) -> String {
    let reason = recording.state.failure().map(FailureReason::as_str);
    reason.map_or(recording.state.as_str().to_owned(), |reason| {
        format!("failed ({reason})")
    })
}
