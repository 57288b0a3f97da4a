//! Requests for recordings, and the egresses that answer them.

use super::{Env, Meeting, Outcome};
use crate::event::EgressReport;
use crate::object_key::is_recording_path;
use crate::recording::{Recording, RecordingState, Transcription};
use crate::{EgressId, RecordingId, TrackSid};

impl Meeting {
    /// Adds a request to record the track at index `track`, and returns its id.
    pub(super) fn request_recording(&mut self, track: usize, env: Env<'_>) -> RecordingId {
        let track = &self.tracks[track];
        let publisher = self
            .publisher(track.participant_id)
            .expect("a track is added after its participant");
        let id = RecordingId((env.ids)());
        self.recordings.push(Recording {
            id,
            meeting_id: self.head.id,
            track_id: track.id,
            identity: publisher.identity.clone(),
            platform_room_sid: self.head.platform_room_sid.clone(),
            track_sid: track.sid.clone(),
            egress_id: None,
            requested_at: env.now,
            reported_at: None,
            state: RecordingState::Requested,
            missing_since: None,
            last_error: None,
            acceptance: None,
            transcription: Transcription::Pending,
        });
        id
    }

    /// Applies an egress's report. A report of a file that we requested for a track that is not known yet is deferred;
    /// an egress of somebody else is ignored.
    pub(super) fn handle_report(&mut self, report: &EgressReport, env: Env<'_>) -> Outcome {
        let is_elsewhere = report
            .room_sid
            .as_ref()
            .is_some_and(|sid| *sid != self.head.platform_room_sid);
        let (Some(egress_id), false) = (&report.egress_id, is_elsewhere) else {
            return Outcome::Ignored;
        };
        let Some(id) = self.find_or_adopt(egress_id, report, env) else {
            return if self.requested(report) {
                Outcome::Deferred
            } else {
                Outcome::Ignored
            };
        };
        if self.recording(id).is_some_and(|r| r.is_reopened_by(report)) && !self.make_way_for(id) {
            return Outcome::Ignored;
        }
        if let Some(recording) = self.recording_mut(id) {
            if recording.egress_id.is_none() {
                recording.egress_id = Some(egress_id.clone());
                recording.last_error = None;
            }
            recording.apply_report(report);
        }
        Outcome::Applied
    }

    /// Whether `report` is of an egress that records to the path that we requested for `recording`, and makes no other
    /// recording. Such an egress answers the request, even if the answer itself was lost.
    pub fn answers(&self, recording: &Recording, report: &EgressReport) -> bool {
        let Some(egress_id) = &report.egress_id else {
            return false;
        };
        report.track_sid.as_ref() == Some(&recording.track_sid)
            && paths(report).any(|path| recording.is_requested_path(path, egress_id))
            && self.recording_of_egress(egress_id).is_none_or(|r| r.id == recording.id)
    }

    /// Withdraws requests for the track of a recording that is about to be open again. Returns `false` if another egress
    /// records that track.
    pub(super) fn make_way_for(&mut self, id: RecordingId) -> bool {
        let Some(track) = self.recording(id).map(|r| r.track_id) else {
            return false;
        };
        let is_unanswered = |r: &Recording| r.state == RecordingState::Requested && r.egress_id.is_none();
        let others = |r: &&Recording| r.track_id == track && r.id != id && r.is_open();
        if !self.recordings.iter().filter(others).all(is_unanswered) {
            return false;
        }
        self.recordings
            .retain(|r| r.track_id != track || r.id == id || !is_unanswered(r));
        true
    }

    /// Returns the recording that an egress makes: the one with its id, else one of its track that has no egress yet, else
    /// one of its track that we gave up before an egress was known, else a new one if the track should be recorded and no
    /// other recording of it is open. Except by its id, an egress is known by the path that it writes to.
    fn find_or_adopt(&mut self, egress_id: &EgressId, report: &EgressReport, env: Env<'_>) -> Option<RecordingId> {
        if let Some(known) = self.recording_of_egress(egress_id) {
            return Some(known.id);
        }
        let sid = report.track_sid.as_ref()?;
        let is_ours = |r: &&Recording| {
            r.egress_id.is_none()
                && r.track_sid == *sid
                && paths(report).any(|path| r.is_requested_path(path, egress_id))
        };
        let mut candidates = self.recordings.iter().filter(is_ours);
        let open = candidates.clone().find(|r| r.is_open());
        match open.or_else(|| candidates.rfind(|r| r.is_guess())) {
            Some(found) => Some(found.id),
            None => self.adopt(sid, egress_id, report, env),
        }
    }

    fn adopt(
        &mut self,
        sid: &TrackSid,
        egress_id: &EgressId,
        report: &EgressReport,
        env: Env<'_>,
    ) -> Option<RecordingId> {
        let track = self
            .tracks
            .iter()
            .position(|t| t.sid == *sid && t.not_recorded.is_none())?;
        let has_open = self.recordings_of(self.tracks[track].id).any(Recording::is_open);
        let is_ours = paths(report).any(|path| self.is_path_of_track(path, track, egress_id));
        (is_ours && !has_open).then(|| self.request_recording(track, env))
    }

    fn is_path_of_track(&self, path: &str, track: usize, egress_id: &EgressId) -> bool {
        let track = &self.tracks[track];
        self.publisher(track.participant_id)
            .is_some_and(|p| is_recording_path(path, self.head.id, &p.identity, &track.sid, egress_id))
    }

    /// Whether a report names a path that we request in this meeting.
    fn requested(&self, report: &EgressReport) -> bool {
        report.track_sid.is_some() && paths(report).any(|path| path.contains(&format!("/{}/", self.head.id)))
    }

    fn recording_mut(&mut self, id: RecordingId) -> Option<&mut Recording> {
        self.recordings.iter_mut().find(|r| r.id == id)
    }
}

/// Returns where an egress writes: the path of its request or, if the platform does not repeat the request, the file that
/// it reports.
fn paths(report: &EgressReport) -> impl Iterator<Item = &str> {
    let reported = report.file.as_ref().and_then(|file| file.key.as_deref());
    report.requested_file.as_deref().or(reported).into_iter()
}
