//! Requests for recordings, and the egresses that answer them.

use super::{Env, Meeting, Outcome};
use crate::event::EgressReport;
use crate::recording::{Recording, RecordingState, Transcription};
use crate::{EgressId, RecordingId, TrackSid};

impl Meeting {
    /// Adds a request to record the track at index `track`, and returns its index.
    pub(super) fn request_recording(&mut self, track: usize, env: Env<'_>) -> usize {
        let track = &self.tracks[track];
        let publisher = self
            .publisher(track.participant_id)
            .expect("a track is added after its participant");
        self.recordings.push(Recording {
            id: RecordingId((env.ids)()),
            meeting_id: self.head.id,
            track_id: track.id,
            identity: publisher.identity.clone(),
            platform_room_sid: self.head.platform_room_sid.clone(),
            track_sid: track.sid.clone(),
            egress_id: None,
            requested_at: env.now,
            state: RecordingState::Requested,
            acceptance: None,
            transcription: Transcription::Pending,
        });
        self.recordings.len() - 1
    }

    /// Applies an egress's report. A report about an unknown track is deferred.
    pub(super) fn handle_report(&mut self, report: &EgressReport, env: Env<'_>) -> Outcome {
        let is_elsewhere = report
            .room_sid
            .as_ref()
            .is_some_and(|sid| *sid != self.head.platform_room_sid);
        let (Some(egress_id), false) = (&report.egress_id, is_elsewhere) else {
            return Outcome::Ignored;
        };
        let Some(index) = self.find_or_adopt(egress_id, report, env) else {
            return if report.track_sid.is_some() {
                Outcome::Deferred
            } else {
                Outcome::Ignored
            };
        };
        let recording = &mut self.recordings[index];
        recording.egress_id = Some(egress_id.clone());
        recording.apply_report(report);
        Outcome::Applied
    }

    /// Returns the recording that an egress makes: the one with its id, else one of its track that has no egress yet,
    /// else a new one if the track should be recorded and no other recording of it is open.
    fn find_or_adopt(&mut self, egress_id: &EgressId, report: &EgressReport, env: Env<'_>) -> Option<usize> {
        if let Some(index) = self
            .recordings
            .iter()
            .position(|r| r.egress_id.as_ref() == Some(egress_id))
        {
            return Some(index);
        }
        let sid = report.track_sid.as_ref()?;
        self.find_without_egress(sid, Recording::is_open)
            .or_else(|| self.find_without_egress(sid, |r| r.would_complete(report)))
            .or_else(|| self.adopt(sid, env))
    }

    fn find_without_egress(&self, sid: &TrackSid, is_match: impl Fn(&Recording) -> bool) -> Option<usize> {
        self.recordings
            .iter()
            .position(|r| r.egress_id.is_none() && r.track_sid == *sid && is_match(r))
    }

    fn adopt(&mut self, sid: &TrackSid, env: Env<'_>) -> Option<usize> {
        let track = self
            .tracks
            .iter()
            .position(|t| t.sid == *sid && t.not_recorded.is_none())?;
        let has_open = self.recordings_of(self.tracks[track].id).any(Recording::is_open);
        (!has_open).then(|| self.request_recording(track, env))
    }
}
