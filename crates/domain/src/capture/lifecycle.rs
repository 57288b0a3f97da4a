//! The capture itself, its attempts and its recorder.

use chrono::{DateTime, Utc};

use super::report::{brings_file, observation};
use super::{CaptureFailure, CaptureState};
use crate::event::CaptureReport;
use crate::object_key::is_recording_path;
use crate::recording::conclusion::Observation;
use crate::recording::{FailureReason, ReasonSource};
use crate::{CaptureId, Identity, MeetingId, PlatformCaptureId, TrackId, TrackSid};

/// An act of recording: one row.
#[derive(Clone, Debug, PartialEq)]
pub struct Capture {
    /// Our id.
    pub id: CaptureId,
    /// The meeting that is captured.
    pub meeting_id: MeetingId,
    /// What is captured.
    pub target: CaptureTarget,
    /// The platform's id. `None` until the platform has answered the request or reported the capture by an event.
    pub platform_id: Option<PlatformCaptureId>,
    /// When we decided to record; of several attempts, the latest.
    pub requested_at: DateTime<Utc>,
    /// How often the platform was asked. An attempt that ended before anything was recorded is repeated in place.
    pub attempts: i32,
    /// Why the attempt before this one failed.
    pub earlier_failure: Option<FailureReason>,
    /// When the recorder wrote the newest report that we know, by its clock. An older one tells nothing new.
    pub reported_at: Option<DateTime<Utc>>,
    /// The state of the capture.
    pub state: CaptureState,
    /// While the capture is open: since when the platform's list lacks its recorder.
    pub missing_since: Option<DateTime<Utc>>,
    /// Why the latest attempt to request it failed. `None` once one has succeeded.
    pub last_error: Option<String>,
}

/// What a capture records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaptureTarget {
    /// One track. The capture yields one recording, whose row exists from the request on.
    Track(CapturedTrack),
    /// Everybody in the meeting. The capture yields a recording for each file that the platform reports.
    Meeting,
}

/// The track that a capture records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturedTrack {
    /// Our id.
    pub id: TrackId,
    /// The platform's id.
    pub sid: TrackSid,
    /// Who publishes it.
    pub identity: Identity,
}

impl Capture {
    /// Whether a recorder may still be running.
    pub fn is_open(&self) -> bool {
        self.state.is_open()
    }

    /// Returns the track that is captured; `None` if the whole meeting is.
    pub fn track(&self) -> Option<&CapturedTrack> {
        match &self.target {
            CaptureTarget::Track(track) => Some(track),
            CaptureTarget::Meeting => None,
        }
    }

    /// Whether it records this track and no other.
    pub fn is_of(&self, track: TrackId) -> bool {
        self.track().is_some_and(|captured| captured.id == track)
    }

    /// Whether the platform was or will be asked, and nothing is known that answers.
    pub fn is_unanswered(&self) -> bool {
        self.state == CaptureState::Requested && self.platform_id.is_none()
    }

    /// Whether it counts as failed only because we inferred it.
    pub fn is_guess(&self) -> bool {
        self.failure_reason().is_some_and(FailureReason::is_guess)
    }

    pub(crate) fn failure_reason(&self) -> Option<FailureReason> {
        self.state.failure().map(|failure| failure.reason)
    }

    /// Whether the latest attempt failed before anything was recorded, and nothing can come of it any more, provided that
    /// it left no file. A recorder that says that there was no audio has listened: that is a result.
    pub(crate) fn is_fruitless(&self) -> bool {
        let Some(reason) = self.failure_reason() else {
            return false;
        };
        let is_over = match reason.source() {
            ReasonSource::Recorder => reason != FailureReason::NoAudio,
            ReasonSource::Guess => self.platform_id.is_none(),
            ReasonSource::Store => false,
        };
        is_over && self.state.started_at().is_none()
    }

    /// Begins another attempt. It says why the one before it failed until a recorder answers.
    pub(crate) fn request_again(&mut self, now: DateTime<Utc>) {
        if let Some(CaptureFailure { reason, error }) = self.state.failure().cloned() {
            self.earlier_failure = Some(reason);
            self.last_error = Some(error.unwrap_or_else(|| reason.to_string()));
        }
        self.attempts = self.attempts.saturating_add(1);
        (self.platform_id, self.missing_since) = (None, None);
        (self.state, self.requested_at) = (CaptureState::Requested, now);
    }

    /// Notes the platform's id of the capture that answers the request.
    pub(crate) fn assign(&mut self, id: &PlatformCaptureId) {
        self.platform_id = Some(id.clone());
        if self.attempts == 1 {
            self.last_error = None; // of an attempt that failed: until a recorder records
        }
    }

    /// Whether a report may be of an attempt before the latest one: it is not newer than what that attempt's recorder said
    /// at its end. A file is taken from whichever attempt it is.
    pub(crate) fn may_be_of_earlier_attempt(&self, report: &CaptureReport) -> bool {
        let is_old = |known| report.updated_at.is_none_or(|at| at <= known);
        self.attempts > 1 && self.reported_at.is_some_and(is_old) && !brings_file(report)
    }

    /// Whether `path` names the file that was requested, as requested or as the recorder of the platform's capture `id`
    /// reports it. Another capture of the same track writes elsewhere, and is not ours.
    pub(crate) fn is_requested_path(&self, path: &str, id: &PlatformCaptureId) -> bool {
        self.track()
            .is_some_and(|track| is_recording_path(path, self.meeting_id, &track.identity, &track.sid, id))
    }

    /// Returns what a report says. The platform repeats the latest one for as long as it lists the capture, also when the
    /// recorder is gone, so that an old one does not disprove a guess.
    pub(crate) fn observation(&self, report: &CaptureReport) -> Option<Observation> {
        let is_new = self.reported_at.is_none_or(|known| report.updated_at > Some(known));
        observation(report).filter(|said| is_new || !self.is_guess() || !matches!(said, Observation::Recording(_)))
    }
}
