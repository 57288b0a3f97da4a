//! Requests for captures, and the reports that answer them.

use super::{Env, Meeting, Outcome};
use crate::capture::report::brings_file;
use crate::capture::{Capture, CaptureState, CaptureTarget, CapturedTrack};
use crate::event::CaptureReport;
use crate::object_key::is_recording_path;
use crate::recording::Recording;
use crate::recording::conclusion::{Observation, conclude, conclude_capture, is_decided};
use crate::{CaptureId, PlatformCaptureId, RecordingId, TrackSid};

impl Meeting {
    /// Adds a request to capture the whole meeting, and returns its id.
    pub(super) fn request_whole(&mut self, env: Env<'_>) -> CaptureId {
        self.request(CaptureTarget::Meeting, env)
    }

    /// Adds a request to record the track at index `track`, and returns the id of the capture.
    pub(super) fn request_recording(&mut self, track: usize, env: Env<'_>) -> CaptureId {
        let track = &self.tracks[track];
        let publisher = self
            .publisher(track.participant_id)
            .expect("a track is added after its participant");
        let target = CaptureTarget::Track(CapturedTrack {
            id: track.id,
            sid: track.sid.clone(),
            identity: publisher.identity.clone(),
        });
        let id = self.request(target, env);
        let capture = self.capture(id).expect("it was just added");
        let recording = Recording::new(RecordingId((env.ids)()), capture);
        self.recordings.push(recording);
        id
    }

    fn request(&mut self, target: CaptureTarget, env: Env<'_>) -> CaptureId {
        let id = CaptureId((env.ids)());
        self.captures.push(Capture {
            id,
            meeting_id: self.head.id,
            target,
            platform_id: None,
            requested_at: env.now,
            attempts: 1,
            earlier_failure: None,
            reported_at: None,
            state: CaptureState::Requested,
            missing_since: None,
            last_error: None,
        });
        id
    }

    /// Requests a track again: in place of the latest attempt if that recorded nothing, otherwise by a new capture.
    pub(super) fn request_again(&mut self, track: usize, env: Env<'_>) {
        let id = self.tracks[track].id;
        let latest = self.captures.iter().rfind(|capture| capture.is_of(id));
        match latest.filter(|capture| capture.is_fruitless() && !self.has_file(capture.id)) {
            Some(fruitless) => self.edit_capture(fruitless.id, |capture| capture.request_again(env.now)),
            None => drop(self.request_recording(track, env)),
        }
    }

    pub(super) fn has_file(&self, capture: CaptureId) -> bool {
        self.recordings_by(capture).any(|r| r.state.file().is_some())
    }

    /// Edits a capture; its recordings that have no file follow it.
    pub(super) fn edit_capture(&mut self, id: CaptureId, edit: impl FnOnce(&mut Capture)) {
        let Some(capture) = self.captures.iter_mut().find(|capture| capture.id == id) else {
            return;
        };
        edit(capture);
        for recording in self.recordings.iter_mut().filter(|r| r.capture_id == id) {
            recording.follow(capture);
        }
    }

    /// Concludes what an observation of a capture allows, for it and the recording that it makes.
    pub(super) fn conclude(&mut self, id: CaptureId, observation: Observation) {
        let Some(capture) = self.captures.iter_mut().find(|capture| capture.id == id) else {
            return;
        };
        match self.recordings.iter_mut().find(|r| r.capture_id == id) {
            Some(recording) if capture.track().is_some() => conclude(capture, recording, observation),
            _ => conclude_capture(capture, &observation),
        }
    }

    /// Whether an observation of a capture changes what is concluded about it.
    pub(super) fn is_decided_by(&self, capture: &Capture, observation: &Observation) -> bool {
        let recording = capture.track().and_then(|_| self.recordings_by(capture.id).next());
        is_decided(capture, recording, observation)
    }

    /// Notes which of the platform's captures answers a request, whatever its recorder's clock says.
    pub(super) fn assign(&mut self, id: CaptureId, report: &CaptureReport) {
        let Some(platform_id) = &report.platform_id else { return };
        if self.capture_by_platform_id(platform_id).is_some() || self.is_elsewhere(report) {
            return;
        }
        if self.capture(id).is_some_and(Capture::is_unanswered) {
            self.edit_capture(id, |capture| capture.assign(platform_id));
        }
    }

    fn is_elsewhere(&self, report: &CaptureReport) -> bool {
        let sid = report.room_sid.as_ref();
        sid.is_some_and(|sid| *sid != self.head.platform_room.key)
    }

    /// Applies a capture's report. A report of a file that we requested for a track that is not known yet is deferred, and so
    /// is one that may answer a request whose answer is still awaited; a capture of somebody else is ignored.
    pub(super) fn handle_report(&mut self, report: &CaptureReport, env: Env<'_>) -> Outcome {
        let (Some(platform_id), false) = (&report.platform_id, self.is_elsewhere(report)) else {
            return Outcome::Ignored;
        };
        let is_known = self.capture_by_platform_id(platform_id).is_some();
        if !is_known && self.may_be_of_earlier_attempt(report) {
            return Outcome::Ignored;
        }
        let Some(id) = self.find_or_adopt(platform_id, report, env) else {
            return match self.may_be_ours(report) {
                true => Outcome::Deferred,
                false => Outcome::Ignored,
            };
        };
        if self.is_reopened_by(id, report) && !self.make_way_for(id) {
            return Outcome::Ignored;
        }
        self.apply_to_capture(id, platform_id, report, env);
        Outcome::Applied
    }

    fn apply_to_capture(
        &mut self,
        id: CaptureId,
        platform_id: &PlatformCaptureId,
        report: &CaptureReport,
        env: Env<'_>,
    ) {
        self.edit_capture(id, |capture| {
            if capture.platform_id.is_none() {
                capture.assign(platform_id);
            }
        });
        if let Some(observation) = self.capture(id).and_then(|capture| capture.observation(report)) {
            self.conclude(id, observation);
        }
        if self.capture(id).is_some_and(|capture| capture.track().is_none()) {
            self.take_files(id, report, env);
        }
        self.edit_capture(id, |capture| {
            capture.reported_at = capture.reported_at.max(report.updated_at);
        });
    }

    /// Whether a report would open a capture again.
    fn is_reopened_by(&self, id: CaptureId, report: &CaptureReport) -> bool {
        let Some(capture) = self.capture(id).filter(|capture| !capture.is_open()) else {
            return false;
        };
        let said = capture.observation(report);
        said.is_some_and(|o| matches!(o, Observation::Recording(_)) && self.is_decided_by(capture, &o))
    }

    /// Whether `report` is of a capture that records to the path that we requested by `capture`, and is no other of ours.
    /// It answers the request, even if the answer itself was lost.
    pub fn answers(&self, capture: &Capture, report: &CaptureReport) -> bool {
        let (Some(platform_id), Some(track)) = (&report.platform_id, capture.track()) else {
            return false;
        };
        report.track_sid.as_ref() == Some(&track.sid)
            && paths(report).any(|path| capture.is_requested_path(path, platform_id))
            && self
                .capture_by_platform_id(platform_id)
                .is_none_or(|c| c.id == capture.id)
    }

    /// Withdraws requests for what is recorded by a capture that is about to be open again. Returns `false` if another
    /// capture records it.
    pub(super) fn make_way_for(&mut self, id: CaptureId) -> bool {
        let Some(target) = self.capture(id).map(|capture| capture.target.clone()) else {
            return false;
        };
        let is_other = |capture: &Capture| capture.target == target && capture.id != id;
        let mut others = self.captures.iter().filter(|c| is_other(c) && c.is_open());
        if !others.all(Capture::is_unanswered) {
            return false;
        }
        self.withdraw(|capture| is_other(capture) && capture.is_unanswered());
        true
    }

    /// Removes captures and their recordings.
    pub(super) fn withdraw(&mut self, is_unwanted: impl Fn(&Capture) -> bool) {
        self.captures.retain(|capture| !is_unwanted(capture));
        let captures = &self.captures;
        self.recordings
            .retain(|r| captures.iter().any(|capture| capture.id == r.capture_id));
    }

    /// Whether a report may be of an attempt to record its track that has failed, and was repeated.
    fn may_be_of_earlier_attempt(&self, report: &CaptureReport) -> bool {
        let mut attempts = self.captures_of_sid(report.track_sid.as_ref());
        attempts.any(|capture| capture.may_be_of_earlier_attempt(report))
    }

    fn captures_of_sid<'a>(
        &'a self,
        sid: Option<&'a TrackSid>,
    ) -> impl DoubleEndedIterator<Item = &'a Capture> + Clone {
        let of_sid = move |capture: &&Capture| capture.track().is_some_and(|track| Some(&track.sid) == sid);
        self.captures.iter().filter(of_sid)
    }

    /// Returns the capture that a report is of: the one with its id, else one of its track that has no id yet, else one of
    /// its track that we gave up before its id was known, else a new one if the track should be recorded and the report
    /// brings a file, or no other capture of it is open. Except by its id, a capture is known by the path that it writes to.
    fn find_or_adopt(
        &mut self,
        platform_id: &PlatformCaptureId,
        report: &CaptureReport,
        env: Env<'_>,
    ) -> Option<CaptureId> {
        if let Some(known) = self.capture_by_platform_id(platform_id) {
            return Some(known.id);
        }
        let sid = report.track_sid.as_ref()?;
        match self.requested_by_path(sid, platform_id, report) {
            Some(id) => Some(id),
            None => self.adopt(sid, platform_id, report, env),
        }
    }

    fn requested_by_path(
        &self,
        sid: &TrackSid,
        platform_id: &PlatformCaptureId,
        report: &CaptureReport,
    ) -> Option<CaptureId> {
        let is_ours = |capture: &&Capture| {
            capture.platform_id.is_none() && paths(report).any(|path| capture.is_requested_path(path, platform_id))
        };
        let mut candidates = self.captures_of_sid(Some(sid)).filter(is_ours);
        let open = candidates.clone().find(|capture| capture.is_open());
        let found = open.or_else(|| candidates.rfind(|capture| capture.is_guess()));
        found.map(|capture| capture.id)
    }

    fn adopt(
        &mut self,
        sid: &TrackSid,
        platform_id: &PlatformCaptureId,
        report: &CaptureReport,
        env: Env<'_>,
    ) -> Option<CaptureId> {
        let track = self
            .tracks
            .iter()
            .position(|t| t.sid == *sid && t.not_recorded.is_none())?;
        let has_open = self.captures_of(self.tracks[track].id).any(Capture::is_open);
        let is_ours = paths(report).any(|path| self.is_path_of_track(path, track, platform_id));
        (is_ours && (!has_open || brings_file(report))).then(|| self.request_recording(track, env))
    }

    fn is_path_of_track(&self, path: &str, track: usize, platform_id: &PlatformCaptureId) -> bool {
        let track = &self.tracks[track];
        self.publisher(track.participant_id)
            .is_some_and(|p| is_recording_path(path, self.head.id, &p.identity, &track.sid, platform_id))
    }

    /// Whether a report may be of a capture that we requested: it names a path that we request in this meeting, or it is not
    /// of a track while a capture of the whole meeting has not been answered.
    fn may_be_ours(&self, report: &CaptureReport) -> bool {
        match report.track_sid {
            Some(_) => paths(report).any(|path| path.contains(&format!("/{}/", self.head.id))),
            None => self.captures.iter().any(|c| c.track().is_none() && c.is_unanswered()),
        }
    }
}

/// Returns where a capture writes: the path of its request or, if the platform does not repeat the request, the file that
/// it reports.
fn paths(report: &CaptureReport) -> impl Iterator<Item = &str> {
    let reported = report.files.first().and_then(|file| file.key.as_deref());
    report.requested_file.as_deref().or(reported).into_iter()
}
