//! The recording itself, and what moves it from state to state.

use chrono::{DateTime, Utc};

use super::egress_report::reported_state;
use super::{Acceptance, Failed, FailureReason, RecordingState, VerifiedRecording};
use crate::event::EgressReport;
use crate::text_enum::text_enum;
use crate::{EgressId, Identity, MeetingId, PlatformRoomSid, RecordingId, TrackId, TrackSid};

text_enum! {
    /// The status of a recording's transcription.
    Transcription {
        /// Not done yet.
        Pending = "pending",
        /// The words are stored.
        Done = "done",
        /// Given up.
        Dead = "dead",
    }
}

/// A recording of one track: one row.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// Our id.
    pub id: RecordingId,
    /// The meeting that the track was published in.
    pub meeting_id: MeetingId,
    /// The recorded track.
    pub track_id: TrackId,
    /// Who published the track.
    pub identity: Identity,
    /// The platform room of the track.
    pub platform_room_sid: PlatformRoomSid,
    /// The platform's id of the track.
    pub track_sid: TrackSid,
    /// `None` until the platform has answered the request or reported the egress by an event.
    pub egress_id: Option<EgressId>,
    /// When we decided to record the track.
    pub requested_at: DateTime<Utc>,
    /// The state of the recording.
    pub state: RecordingState,
    /// `None` until the worker has verified object and manifest.
    pub acceptance: Option<Acceptance>,
    /// The status of the transcription.
    pub transcription: Transcription,
}

impl Recording {
    /// Whether an egress may still be running.
    pub fn is_open(&self) -> bool {
        self.state.is_open()
    }

    /// Whether a transcript need not wait for this recording: it failed, or its transcription is done or dead.
    pub fn is_settled(&self) -> bool {
        match self.state {
            RecordingState::Requested | RecordingState::Active(_) => false,
            RecordingState::Failed(_) => true,
            RecordingState::Complete(_) => self.transcription != Transcription::Pending,
        }
    }

    /// Moves to the state that a report describes, unless the current state is a later one.
    pub(crate) fn apply_report(&mut self, report: &EgressReport) {
        if let Some(state) = self.state_after(report) {
            self.state = state;
        }
    }

    /// Whether a report would make this recording complete.
    pub(crate) fn would_complete(&self, report: &EgressReport) -> bool {
        matches!(self.state_after(report), Some(RecordingState::Complete(_)))
    }

    /// Fails the recording, unless its state does not allow it.
    pub(crate) fn fail(&mut self, reason: FailureReason, error: Option<String>, now: DateTime<Utc>) {
        let failed = Failed {
            reason,
            error,
            started_at: self.state.started_at(),
            ended_at: Some(now),
        };
        if let Ok(state) = self.state.clone().fail(failed) {
            self.state = state;
        }
    }

    /// Stores what was verified, once, if the recording is complete.
    pub(crate) fn accept(
        &mut self,
        verified: VerifiedRecording,
        meeting_start: DateTime<Utc>,
        accepted_at: DateTime<Utc>,
    ) {
        let is_complete = matches!(self.state, RecordingState::Complete(_));
        if is_complete && self.acceptance.is_none() {
            self.acceptance = Some(Acceptance::new(verified, meeting_start, accepted_at));
        }
    }

    /// Fails a complete recording whose object or manifest is missing or wrong.
    pub(crate) fn reject(&mut self, reason: FailureReason, error: String) {
        if let Ok(state) = self.state.clone().reject(reason, error) {
            self.state = state;
        }
    }

    fn state_after(&self, report: &EgressReport) -> Option<RecordingState> {
        let state = self.state.clone();
        match reported_state(report)? {
            RecordingState::Requested => None,
            RecordingState::Active(active) => state.activate(active).ok(),
            RecordingState::Complete(complete) => state.complete(complete).ok(),
            RecordingState::Failed(failed) => state.fail(failed).ok(),
        }
    }
}
