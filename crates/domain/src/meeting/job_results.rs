//! What jobs find out about a meeting's participants, captures and recordings.

use chrono::{DateTime, Utc};

use super::{Change, Env, Meeting, Outcome};
use crate::capture::Capture;
use crate::event::CaptureReport;
use crate::participant::ObservedParticipant;
use crate::recording::conclusion::{Observation, conclude_file};
use crate::recording::{Failed, FailureReason, Recording, Transcription, VerifiedRecording};
use crate::room::Room;
use crate::{CaptureId, RecordingId};

impl Meeting {
    /// Applies the platform's description of a participant. Requests for tracks that should not be recorded after all are
    /// withdrawn.
    pub fn observe_participant(&self, participant: &ObservedParticipant, room: &Room, env: Env<'_>) -> Change {
        self.edited(|meeting| {
            meeting.joined(participant, env.now, room, env);
            meeting.end_intervals(&[]);
        })
    }

    /// Applies the platform's description of a capture: its answer to a request, or an entry of its list.
    pub fn apply_report(&self, report: &CaptureReport, env: Env<'_>) -> Change {
        self.edited(|meeting| {
            meeting.handle_report(report, env);
            meeting.mark_unrecorded_tracks();
        })
    }

    /// Applies the platform's answer to the request that `asked` describes. Does nothing if another attempt has begun
    /// meanwhile: what the platform answers to that one counts.
    pub fn apply_answer(&self, asked: &Capture, report: &CaptureReport, env: Env<'_>) -> Change {
        if self.capture(asked.id).is_some_and(|c| c.attempts != asked.attempts) {
            return Change::new(Outcome::Ignored);
        }
        self.edited(|meeting| {
            meeting.assign(asked.id, report);
            meeting.handle_report(report, env);
            meeting.mark_unrecorded_tracks();
        })
    }

    /// Requests a capture of the whole meeting, unless one is open.
    pub fn request_capture(&self, env: Env<'_>) -> Change {
        let is_open = |capture: &Capture| capture.track().is_none() && capture.is_open();
        self.edited(|meeting| {
            if meeting.head.is_open() && !meeting.captures.iter().any(is_open) {
                meeting.request_whole(env);
            }
        })
    }

    /// Infers that an open capture has failed.
    pub fn fail_capture(&self, capture: CaptureId, reason: FailureReason, error: String, now: DateTime<Utc>) -> Change {
        self.edited(|meeting| meeting.infer_failure(capture, reason, Some(error), now))
    }

    pub(super) fn infer_failure(
        &mut self,
        capture: CaptureId,
        reason: FailureReason,
        error: Option<String>,
        now: DateTime<Utc>,
    ) {
        let failed = Failed {
            reason,
            error,
            file: None,
            started_at: None,
            ended_at: Some(now),
        };
        self.conclude(capture, Observation::Inferred(failed));
    }

    /// Notes why the latest attempt to request a capture failed; `None` if it succeeded. It will be repeated.
    pub fn note_request_error(&self, capture: CaptureId, error: Option<String>) -> Change {
        self.edited(|meeting| meeting.edit_capture(capture, |capture| capture.last_error = error))
    }

    /// Notes why the latest attempt to verify the file of a recording failed; `None` if it succeeded. It will be repeated.
    pub fn note_error(&self, recording: RecordingId, error: Option<String>) -> Change {
        self.edit_recording(recording, |_, recording| recording.last_error = error)
    }

    /// Accepts a recording whose object and manifest were verified, and places it on the meeting's clock.
    pub fn accept_recording(&self, recording: RecordingId, verified: VerifiedRecording, now: DateTime<Utc>) -> Change {
        let meeting_start = self.head.started_at;
        self.edit_recording(recording, |capture, recording| {
            recording.accept(capture, verified, meeting_start, now);
        })
    }

    /// Notes that the store refuses a recording's object or manifest. What it holds can be wrong at once
    /// ([`FailureReason::Mismatch`]); that it holds nothing is concluded from a second answer, minutes after the first.
    /// Until then, the recording stays as it is.
    pub fn reject_recording(
        &self,
        recording: RecordingId,
        reason: FailureReason,
        error: String,
        now: DateTime<Utc>,
    ) -> Change {
        self.edit_recording(recording, |capture, recording| {
            recording.refuse(capture, reason, error, now)
        })
    }

    /// Gives up verifying the file of a recording; a guess.
    pub fn give_up_acceptance(&self, recording: RecordingId, error: String) -> Change {
        self.edit_recording(recording, |capture, recording| {
            conclude_file(capture, recording, Observation::NotVerified(error));
        })
    }

    /// Sets the status of a recording's transcription.
    pub fn set_transcription(&self, recording: RecordingId, transcription: Transcription) -> Change {
        self.edit_recording(recording, |_, recording| recording.transcription = transcription)
    }

    pub(super) fn edit_recording(&self, id: RecordingId, edit: impl FnOnce(&Capture, &mut Recording)) -> Change {
        self.edited(|meeting| {
            let Some(recording) = meeting.recordings.iter_mut().find(|r| r.id == id) else {
                return;
            };
            if let Some(capture) = meeting.captures.iter().find(|c| c.id == recording.capture_id) {
                edit(capture, recording);
            }
        })
    }
}
