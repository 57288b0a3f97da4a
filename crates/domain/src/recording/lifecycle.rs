//! The recording itself, and what moves it from state to state.

use chrono::{DateTime, TimeDelta, Utc};

use super::capture_report::{brings_file, observation};
use super::conclusion::Observation;
use super::{Acceptance, Failed, FailureReason, ReasonSource, RecordingState, VerifiedRecording};
use crate::event::CaptureReport;
use crate::object_key::is_recording_path;
use crate::text_enum::text_enum;
use crate::{Identity, MeetingId, PlatformCaptureId, PlatformRoomKey, RecordingId, TrackId, TrackSid};

/// A store has to say twice, at least this far apart, that an object is missing: the first answer may come from a
/// replica that does not have it yet, or from a store that is being restored.
const MISSING_TO_CONCLUDE: TimeDelta = TimeDelta::minutes(5);

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
    pub platform_room_sid: PlatformRoomKey,
    /// The platform's id of the track.
    pub track_sid: TrackSid,
    /// `None` until the platform has answered the request or reported the capture by an event.
    pub platform_id: Option<PlatformCaptureId>,
    /// When we decided to record the track; of several attempts, the latest.
    pub requested_at: DateTime<Utc>,
    /// How often a capture was requested. An attempt that ended before anything was recorded is repeated in place.
    pub attempts: i32,
    /// Why the attempt before this one failed.
    pub earlier_failure: Option<FailureReason>,
    /// When the recorder wrote the newest report that we know, by its clock. An older one tells nothing new.
    pub reported_at: Option<DateTime<Utc>>,
    /// The state of the recording.
    pub state: RecordingState,
    /// While the recording is open: since when the platform's list lacks its recorder. After that: since when the store
    /// lacks its object.
    pub missing_since: Option<DateTime<Utc>>,
    /// Why the latest attempt to request it, or to verify its file, failed. `None` once one has succeeded.
    pub last_error: Option<String>,
    /// `None` until the worker has verified object and manifest.
    pub acceptance: Option<Acceptance>,
    /// The status of the transcription.
    pub transcription: Transcription,
}

impl Recording {
    /// Whether a capture may still be running.
    pub fn is_open(&self) -> bool {
        self.state.is_open()
    }

    /// Whether a capture was or will be requested, and none is known that answers.
    pub(crate) fn is_unanswered(&self) -> bool {
        self.state == RecordingState::Requested && self.platform_id.is_none()
    }

    /// Whether it counts as failed only because we inferred it.
    pub fn is_guess(&self) -> bool {
        self.state.failure().is_some_and(FailureReason::is_guess)
    }

    /// Whether the recorder has reported a file, whole or cut, that the store was not asked for or did not refuse.
    pub fn has_usable_file(&self) -> bool {
        self.state.file().is_some()
            && self
                .state
                .failure()
                .is_none_or(|reason| reason.source() == ReasonSource::Recorder)
    }

    /// Whether object and manifest are still to be verified.
    pub fn awaits_acceptance(&self) -> bool {
        self.has_usable_file() && self.acceptance.is_none() && self.transcription == Transcription::Pending
    }

    /// Whether a verified file is still to be transcribed.
    pub fn awaits_transcription(&self) -> bool {
        self.has_usable_file() && self.acceptance.is_some() && self.transcription == Transcription::Pending
    }

    /// Whether a transcript need not wait for this recording: there is no usable file, or its transcription is done or
    /// dead.
    pub fn is_settled(&self) -> bool {
        !self.is_open() && !self.awaits_acceptance() && !self.awaits_transcription()
    }

    /// Whether the latest attempt failed before anything was recorded, and nothing can come of it any more. The next attempt
    /// then takes its place, so that a track that nobody can record has one recording, however often it is asked for.
    /// A recorder that says that there was no audio has listened: that is a result.
    pub(crate) fn is_fruitless(&self) -> bool {
        let RecordingState::Failed(failed) = &self.state else {
            return false;
        };
        let is_over = match failed.reason.source() {
            ReasonSource::Recorder => failed.reason != FailureReason::NoAudio,
            ReasonSource::Guess => self.platform_id.is_none(),
            ReasonSource::Store => false,
        };
        is_over && failed.file.is_none() && failed.started_at.is_none()
    }

    /// Begins another attempt. It says why the one before it failed until a recorder answers.
    pub(crate) fn request_again(&mut self, now: DateTime<Utc>) {
        if let RecordingState::Failed(failed) = &self.state {
            self.earlier_failure = Some(failed.reason);
            self.last_error = Some(failed.error.clone().unwrap_or_else(|| failed.reason.to_string()));
        }
        self.attempts = self.attempts.saturating_add(1);
        (self.platform_id, self.missing_since) = (None, None);
        (self.state, self.requested_at) = (RecordingState::Requested, now);
    }

    /// Notes which capture answers the request.
    pub(crate) fn assign(&mut self, capture: &PlatformCaptureId) {
        self.platform_id = Some(capture.clone());
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

    /// Whether `path` names the file that was requested for this recording, as requested or as a recorder of `capture`
    /// reports it. Another capture of the same track writes elsewhere, and is not ours.
    pub(crate) fn is_requested_path(&self, path: &str, capture: &PlatformCaptureId) -> bool {
        is_recording_path(path, self.meeting_id, &self.identity, &self.track_sid, capture)
    }

    /// Concludes what a report allows.
    pub(crate) fn apply_report(&mut self, report: &CaptureReport) {
        if let Some(observation) = self.observation(report) {
            self.conclude(observation);
        }
        self.reported_at = self.reported_at.max(report.updated_at);
    }

    /// Whether a report would open this recording again.
    pub(crate) fn is_reopened_by(&self, report: &CaptureReport) -> bool {
        !self.is_open()
            && self
                .observation(report)
                .is_some_and(|o| matches!(o, Observation::Recording(_)) && self.is_decided_by(&o))
    }

    /// Infers that the recording failed.
    pub(crate) fn infer_failure(&mut self, reason: FailureReason, error: Option<String>, now: DateTime<Utc>) {
        self.conclude(Observation::Inferred(Failed {
            reason,
            error,
            file: None,
            started_at: None,
            ended_at: Some(now),
        }));
    }

    /// Stores what was verified, once.
    pub(crate) fn accept(
        &mut self,
        verified: VerifiedRecording,
        meeting_start: DateTime<Utc>,
        accepted_at: DateTime<Utc>,
    ) {
        if self.is_decided_by(&Observation::Verified) {
            self.conclude(Observation::Verified);
            self.acceptance = Some(Acceptance::new(verified, meeting_start, accepted_at));
        }
    }

    /// Notes that the store refuses the file: at once if what it holds is wrong, after a second answer if it holds nothing.
    pub(crate) fn refuse(&mut self, reason: FailureReason, error: String, now: DateTime<Utc>) {
        let is_absent = matches!(reason, FailureReason::ObjectMissing | FailureReason::ManifestMissing);
        let is_second = self
            .missing_since
            .is_some_and(|since| now - since >= MISSING_TO_CONCLUDE);
        if !is_absent || is_second {
            self.conclude(Observation::Refused(reason, error));
        } else if self.awaits_acceptance() {
            self.missing_since = self.missing_since.or(Some(now));
            self.last_error = Some(error);
        }
    }

    /// Returns what a report says. The platform repeats the latest one for as long as it lists the capture, also when the
    /// recorder is gone, so that an old one does not disprove a guess.
    fn observation(&self, report: &CaptureReport) -> Option<Observation> {
        let is_new = self.reported_at.is_none_or(|known| report.updated_at > Some(known));
        observation(report).filter(|said| is_new || !self.is_guess() || !matches!(said, Observation::Recording(_)))
    }
}
