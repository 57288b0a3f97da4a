//! What jobs find out about a meeting's participants and recordings.

use chrono::{DateTime, Utc};

use super::{Change, Env, Meeting, Outcome};
use crate::RecordingId;
use crate::event::CaptureReport;
use crate::participant::ObservedParticipant;
use crate::recording::conclusion::Observation;
use crate::recording::{FailureReason, Recording, Transcription, VerifiedRecording};
use crate::room::Room;

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
    pub fn apply_answer(&self, asked: &Recording, report: &CaptureReport, env: Env<'_>) -> Change {
        if self.recording(asked.id).is_some_and(|r| r.attempts != asked.attempts) {
            return Change::new(Outcome::Ignored);
        }
        self.edited(|meeting| {
            meeting.assign(asked.id, report);
            meeting.handle_report(report, env);
            meeting.mark_unrecorded_tracks();
        })
    }

    /// Infers that an open recording has failed.
    pub fn fail_recording(
        &self,
        recording: RecordingId,
        reason: FailureReason,
        error: String,
        now: DateTime<Utc>,
    ) -> Change {
        self.edit_recording(recording, |recording| {
            recording.infer_failure(reason, Some(error), now);
        })
    }

    /// Notes why the latest attempt to request a recording, or to verify its file, failed; `None` if it succeeded. It
    /// will be repeated.
    pub fn note_error(&self, recording: RecordingId, error: Option<String>) -> Change {
        self.edit_recording(recording, |recording| recording.last_error = error)
    }

    /// Accepts a recording whose object and manifest were verified, and places it on the meeting's clock.
    pub fn accept_recording(&self, recording: RecordingId, verified: VerifiedRecording, now: DateTime<Utc>) -> Change {
        let meeting_start = self.head.started_at;
        self.edit_recording(recording, |recording| recording.accept(verified, meeting_start, now))
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
        self.edit_recording(recording, |recording| recording.refuse(reason, error, now))
    }

    /// Gives up verifying the file of a recording; a guess.
    pub fn give_up_acceptance(&self, recording: RecordingId, error: String) -> Change {
        self.edit_recording(recording, |recording| {
            recording.conclude(Observation::NotVerified(error));
        })
    }

    /// Sets the status of a recording's transcription.
    pub fn set_transcription(&self, recording: RecordingId, transcription: Transcription) -> Change {
        self.edit_recording(recording, |recording| recording.transcription = transcription)
    }

    pub(super) fn edit_recording(&self, id: RecordingId, edit: impl FnOnce(&mut Recording)) -> Change {
        self.edited(|meeting| {
            if let Some(recording) = meeting.recordings.iter_mut().find(|r| r.id == id) {
                edit(recording);
            }
        })
    }
}
