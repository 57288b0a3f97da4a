//! Requests for recordings, and the egresses that answer them.

use super::{Meeting, Outcome, Source};
use crate::event::EgressReport;
use crate::recording::{Recording, RecordingState, Transcription, outcome_of};
use crate::{EgressId, RecordingId, TrackSid};

impl Meeting {
    /// Adds a request for a track; the place of a track in the list names it.
    pub(super) fn request(&mut self, track: usize, source: Source<'_>) -> usize {
        let track = &self.tracks[track];
        let publisher = self
            .publisher(track.participant_id)
            .expect("a track is made after its participant");
        self.recordings.push(Recording {
            id: RecordingId((source.ids)()),
            meeting_id: self.head.id,
            track_id: track.id,
            identity: publisher.identity.clone(),
            platform_room_sid: self.head.platform_room_sid.clone(),
            track_sid: track.sid.clone(),
            egress_id: None,
            requested_at: source.now,
            state: RecordingState::Requested,
            acceptance: None,
            transcription: Transcription::Pending,
        });
        self.recordings.len() - 1
    }

    /// Takes what an egress says of itself. One of a track that is not known yet has to wait.
    pub(super) fn take_report(&mut self, report: &EgressReport, source: Source<'_>) -> Outcome {
        let is_elsewhere = report
            .room_sid
            .as_ref()
            .is_some_and(|sid| *sid != self.head.platform_room_sid);
        let (Some(egress_id), false) = (&report.egress_id, is_elsewhere) else {
            return Outcome::Ignored;
        };
        let Some(known) = self.find_or_adopt(egress_id, report, source) else {
            return if report.track_sid.is_some() {
                Outcome::Kept
            } else {
                Outcome::Ignored
            };
        };
        let recording = &mut self.recordings[known];
        recording.egress_id = Some(egress_id.clone());
        recording.take(report);
        Outcome::Applied
    }

    /// The recording that an egress makes: the one that bears its id, else one of its track that waits for an egress,
    /// else a new one, if the track is wanted and nothing else records it.
    fn find_or_adopt(&mut self, egress_id: &EgressId, report: &EgressReport, source: Source<'_>) -> Option<usize> {
        if let Some(known) = self
            .recordings
            .iter()
            .position(|r| r.egress_id.as_ref() == Some(egress_id))
        {
            return Some(known);
        }
        let sid = report.track_sid.as_ref()?;
        self.waiting(sid, Recording::is_open)
            .or_else(|| self.waiting(sid, |r| r.would_be_completed_by(report)))
            .or_else(|| self.adopt(sid, source))
    }

    fn waiting(&self, sid: &TrackSid, state: impl Fn(&Recording) -> bool) -> Option<usize> {
        self.recordings
            .iter()
            .position(|r| r.egress_id.is_none() && r.track_sid == *sid && state(r))
    }

    fn adopt(&mut self, sid: &TrackSid, source: Source<'_>) -> Option<usize> {
        let track = self
            .tracks
            .iter()
            .position(|t| t.sid == *sid && t.not_recorded.is_none())?;
        let is_busy = self.recordings_of(self.tracks[track].id).any(Recording::is_open);
        (!is_busy).then(|| self.request(track, source))
    }
}

impl Recording {
    /// Moves to the state that a report describes, unless a later one has come before it.
    pub(super) fn take(&mut self, report: &EgressReport) {
        if let Some(state) = self.state_after(report) {
            self.state = state;
        }
    }

    fn would_be_completed_by(&self, report: &EgressReport) -> bool {
        matches!(self.state_after(report), Some(RecordingState::Complete(_)))
    }

    fn state_after(&self, report: &EgressReport) -> Option<RecordingState> {
        let state = self.state.clone();
        match outcome_of(report)? {
            RecordingState::Requested => None,
            RecordingState::Active(active) => state.activate(active).ok(),
            RecordingState::Complete(complete) => state.complete(complete).ok(),
            RecordingState::Failed(failed) => state.fail(failed).ok(),
        }
    }
}
