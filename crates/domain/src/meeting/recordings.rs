//! Requests for recordings, and the captures that answer them.

use super::{Env, Meeting, Outcome};
use crate::event::CaptureReport;
use crate::object_key::is_recording_path;
use crate::recording::capture_report::brings_file;
use crate::recording::{Recording, RecordingState, Transcription};
use crate::{PlatformCaptureId, RecordingId, TrackSid};

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
            platform_room_sid: self.head.platform_room.key.clone(),
            track_sid: track.sid.clone(),
            platform_id: None,
            requested_at: env.now,
            attempts: 1,
            earlier_failure: None,
            reported_at: None,
            state: RecordingState::Requested,
            missing_since: None,
            last_error: None,
            acceptance: None,
            transcription: Transcription::Pending,
        });
        id
    }

    /// Requests a track again: in place of the latest attempt if that recorded nothing, otherwise by a new recording.
    pub(super) fn request_again(&mut self, track: usize, env: Env<'_>) {
        let id = self.tracks[track].id;
        let latest = self.recordings.iter_mut().rfind(|r| r.track_id == id);
        match latest.filter(|r| r.is_fruitless()) {
            Some(fruitless) => fruitless.request_again(env.now),
            None => drop(self.request_recording(track, env)),
        }
    }

    /// Notes which capture the platform started for a request, whatever its recorder's clock says.
    pub(super) fn assign(&mut self, id: RecordingId, report: &CaptureReport) {
        let Some(capture) = &report.platform_id else { return };
        if self.recording_of_capture(capture).is_some() || self.is_elsewhere(report) {
            return;
        }
        if let Some(recording) = self.recording_mut(id).filter(|r| r.is_unanswered()) {
            recording.assign(capture);
        }
    }

    fn is_elsewhere(&self, report: &CaptureReport) -> bool {
        let sid = report.room_sid.as_ref();
        sid.is_some_and(|sid| *sid != self.head.platform_room.key)
    }

    /// Applies a capture's report. A report of a file that we requested for a track that is not known yet is deferred;
    /// a capture of somebody else is ignored.
    pub(super) fn handle_report(&mut self, report: &CaptureReport, env: Env<'_>) -> Outcome {
        let (Some(platform_id), false) = (&report.platform_id, self.is_elsewhere(report)) else {
            return Outcome::Ignored;
        };
        let is_known = self.recording_of_capture(platform_id).is_some();
        if !is_known && self.may_be_of_earlier_attempt(report) {
            return Outcome::Ignored;
        }
        let Some(id) = self.find_or_adopt(platform_id, report, env) else {
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
            if recording.platform_id.is_none() {
                recording.assign(platform_id);
            }
            recording.apply_report(report);
        }
        Outcome::Applied
    }

    /// Whether `report` is of a capture that records to the path that we requested for `recording`, and makes no other
    /// recording. Such a capture answers the request, even if the answer itself was lost.
    pub fn answers(&self, recording: &Recording, report: &CaptureReport) -> bool {
        let Some(platform_id) = &report.platform_id else {
            return false;
        };
        report.track_sid.as_ref() == Some(&recording.track_sid)
            && paths(report).any(|path| recording.is_requested_path(path, platform_id))
            && self
                .recording_of_capture(platform_id)
                .is_none_or(|r| r.id == recording.id)
    }

    /// Withdraws requests for the track of a recording that is about to be open again. Returns `false` if another capture
    /// records that track.
    pub(super) fn make_way_for(&mut self, id: RecordingId) -> bool {
        let Some(track) = self.recording(id).map(|r| r.track_id) else {
            return false;
        };
        let others = |r: &&Recording| r.track_id == track && r.id != id && r.is_open();
        if !self.recordings.iter().filter(others).all(Recording::is_unanswered) {
            return false;
        }
        self.recordings
            .retain(|r| r.track_id != track || r.id == id || !r.is_unanswered());
        true
    }

    /// Whether a report may be of an attempt to record its track that has failed, and was repeated.
    fn may_be_of_earlier_attempt(&self, report: &CaptureReport) -> bool {
        let track = report.track_sid.as_ref();
        let mut attempts = self.recordings.iter().filter(|r| Some(&r.track_sid) == track);
        attempts.any(|r| r.may_be_of_earlier_attempt(report))
    }

    /// Returns the recording that a capture makes: the one with its id, else one of its track that has no capture yet, else
    /// one of its track that we gave up before a capture was known, else a new one if the track should be recorded and the
    /// capture has stored a file, or no other recording of it is open. Except by its id, a capture is known by the path that
    /// it writes to.
    fn find_or_adopt(
        &mut self,
        platform_id: &PlatformCaptureId,
        report: &CaptureReport,
        env: Env<'_>,
    ) -> Option<RecordingId> {
        if let Some(known) = self.recording_of_capture(platform_id) {
            return Some(known.id);
        }
        let sid = report.track_sid.as_ref()?;
        let is_ours = |r: &&Recording| {
            r.platform_id.is_none()
                && r.track_sid == *sid
                && paths(report).any(|path| r.is_requested_path(path, platform_id))
        };
        let mut candidates = self.recordings.iter().filter(is_ours);
        let open = candidates.clone().find(|r| r.is_open());
        match open.or_else(|| candidates.rfind(|r| r.is_guess())) {
            Some(found) => Some(found.id),
            None => self.adopt(sid, platform_id, report, env),
        }
    }

    fn adopt(
        &mut self,
        sid: &TrackSid,
        platform_id: &PlatformCaptureId,
        report: &CaptureReport,
        env: Env<'_>,
    ) -> Option<RecordingId> {
        let track = self
            .tracks
            .iter()
            .position(|t| t.sid == *sid && t.not_recorded.is_none())?;
        let has_open = self.recordings_of(self.tracks[track].id).any(Recording::is_open);
        let is_ours = paths(report).any(|path| self.is_path_of_track(path, track, platform_id));
        (is_ours && (!has_open || brings_file(report))).then(|| self.request_recording(track, env))
    }

    fn is_path_of_track(&self, path: &str, track: usize, platform_id: &PlatformCaptureId) -> bool {
        let track = &self.tracks[track];
        self.publisher(track.participant_id)
            .is_some_and(|p| is_recording_path(path, self.head.id, &p.identity, &track.sid, platform_id))
    }

    /// Whether a report names a path that we request in this meeting.
    fn requested(&self, report: &CaptureReport) -> bool {
        report.track_sid.is_some() && paths(report).any(|path| path.contains(&format!("/{}/", self.head.id)))
    }

    fn recording_mut(&mut self, id: RecordingId) -> Option<&mut Recording> {
        self.recordings.iter_mut().find(|r| r.id == id)
    }
}

/// Returns where a capture writes: the path of its request or, if the platform does not repeat the request, the file that
/// it reports.
fn paths(report: &CaptureReport) -> impl Iterator<Item = &str> {
    let reported = report.file.as_ref().and_then(|file| file.key.as_deref());
    report.requested_file.as_deref().or(reported).into_iter()
}
