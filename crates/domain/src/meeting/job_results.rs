//! What the worker finds out about a meeting's recordings.

use chrono::{DateTime, Utc};

use super::{Change, Meeting, Source};
use crate::RecordingId;
use crate::event::EgressReport;
use crate::manifest::Fit;
use crate::participant::ParticipantSeen;
use crate::recording::{Acceptance, FailureReason, Recording, RecordingState, Transcription};
use crate::room::Room;

/// An object and its manifest, found in the store and in agreement.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// Lower-case hex.
    pub sha256: String,
    pub size_bytes: i64,
    /// Length of the file at 48 kHz.
    pub samples: i64,
    pub duration_ms: i64,
    pub fit: Fit,
}

impl Meeting {
    /// The platform, asked about a participant, has answered. A request for a track that turns out to be unwanted is
    /// withdrawn.
    pub fn seen(&self, participant: &ParticipantSeen, room: &Room, source: Source<'_>) -> Change {
        self.edited(|meeting| {
            meeting.joined(participant, source.now, room, source);
            meeting.bound_times(&[]);
        })
    }

    /// The platform, asked to record a track or what is being recorded, has answered with an egress.
    pub fn report(&self, report: &EgressReport, source: Source<'_>) -> Change {
        self.edited(|meeting| {
            meeting.take_report(report, source);
            meeting.mark_silent_tracks();
        })
    }

    /// No egress will come of an open recording.
    pub fn fail(&self, recording: RecordingId, reason: FailureReason, error: String, now: DateTime<Utc>) -> Change {
        self.edit_recording(recording, |recording| recording.give_up(reason, Some(error), now))
    }

    /// Object and manifest of a complete recording are there and agree.
    pub fn accept(&self, recording: RecordingId, checked: Checked, now: DateTime<Utc>) -> Change {
        let started_at = self.head.started_at;
        self.edit_recording(recording, |recording| {
            let is_complete = matches!(recording.state, RecordingState::Complete(_));
            if is_complete && recording.acceptance.is_none() {
                recording.acceptance = Some(Acceptance::of(checked, started_at, now));
            }
        })
    }

    /// Object and manifest of a complete recording are not what they should be.
    pub fn reject(&self, recording: RecordingId, reason: FailureReason, error: String) -> Change {
        self.edit_recording(recording, |recording| {
            if let Ok(state) = recording.state.clone().reject(reason, error) {
                recording.state = state;
            }
        })
    }

    /// The words of a recording are there, or were given up.
    pub fn transcribed(&self, recording: RecordingId, transcription: Transcription) -> Change {
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

impl Acceptance {
    fn of(checked: Checked, started_at: DateTime<Utc>, accepted_at: DateTime<Utc>) -> Self {
        let Checked {
            sha256,
            size_bytes,
            samples,
            duration_ms,
            fit,
        } = checked;
        let offset_ms = Self::offset_ms(fit, started_at);
        Self {
            accepted_at,
            sha256,
            size_bytes,
            samples,
            duration_ms,
            offset_ms,
            fit,
        }
    }

    /// Wall time of sample 0 minus the meeting's start.
    pub(super) fn offset_ms(fit: Fit, started_at: DateTime<Utc>) -> i64 {
        fit.a_ns.div_euclid(1_000_000) - started_at.timestamp_millis()
    }
}
