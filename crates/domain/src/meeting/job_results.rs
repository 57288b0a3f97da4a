//! What jobs find out about a meeting's participants and recordings.

use chrono::{DateTime, Utc};

use super::{Change, Env, Meeting};
use crate::RecordingId;
use crate::event::EgressReport;
use crate::participant::ObservedParticipant;
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

    /// Applies the platform's description of an egress: its answer to a request, or an entry of its list.
    pub fn apply_report(&self, report: &EgressReport, env: Env<'_>) -> Change {
        self.edited(|meeting| {
            meeting.handle_report(report, env);
            meeting.mark_silent_tracks();
        })
    }

    /// Fails an open recording for which no egress will run.
    pub fn fail_recording(
        &self,
        recording: RecordingId,
        reason: FailureReason,
        error: String,
        now: DateTime<Utc>,
    ) -> Change {
        self.edit_recording(recording, |recording| recording.fail(reason, Some(error), now))
    }

    /// Accepts a complete recording whose object and manifest were verified, and places it on the meeting's clock.
    pub fn accept_recording(&self, recording: RecordingId, verified: VerifiedRecording, now: DateTime<Utc>) -> Change {
        let meeting_start = self.head.started_at;
        self.edit_recording(recording, |recording| recording.accept(verified, meeting_start, now))
    }

    /// Fails a complete recording whose object or manifest is missing or wrong.
    pub fn reject_recording(&self, recording: RecordingId, reason: FailureReason, error: String) -> Change {
        self.edit_recording(recording, |recording| recording.reject(reason, error))
    }

    /// Sets the status of a recording's transcription.
    pub fn set_transcription(&self, recording: RecordingId, transcription: Transcription) -> Change {
        self.edit_recording(recording, |recording| recording.transcription = transcription)
    }

    fn edit_recording(&self, id: RecordingId, edit: impl FnOnce(&mut Recording)) -> Change {
        self.edited(|meeting| {
            if let Some(recording) = meeting.recordings.iter_mut().find(|r| r.id == id) {
                edit(recording);
            }
        })
    }
}
