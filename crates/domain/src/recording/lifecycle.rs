//! The recording itself, and what becomes of its file.

use chrono::{DateTime, TimeDelta, Utc};

use super::conclusion::{Observation, conclude_file, is_decided};
use super::{Acceptance, FailureReason, ReasonSource, RecordingState, VerifiedRecording};
use crate::capture::{Capture, CaptureTarget};
use crate::text_enum::text_enum;
use crate::{CaptureId, Identity, MeetingId, PlatformFileId, RecordingId, TrackId, TrackSid};

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

/// One file: one row.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// Our id.
    pub id: RecordingId,
    /// The capture that makes it.
    pub capture_id: CaptureId,
    /// The meeting.
    pub meeting_id: MeetingId,
    /// Who is heard in it; `None` if that is unknown, or if it is mixed.
    pub identity: Option<Identity>,
    /// The recorded track; `None` if that is unknown, or if it is mixed.
    pub track: Option<RecordedTrack>,
    /// Whether it holds the voices of several people in one.
    pub mixed: bool,
    /// The platform's id of the file; `None` if its capture makes no other.
    pub platform_file_id: Option<PlatformFileId>,
    /// The state of the recording.
    pub state: RecordingState,
    /// Since when the store lacks its object.
    pub missing_since: Option<DateTime<Utc>>,
    /// Why the latest attempt to verify its file failed. `None` once one has succeeded.
    pub last_error: Option<String>,
    /// `None` until the worker has verified object and manifest.
    pub acceptance: Option<Acceptance>,
    /// The status of the transcription.
    pub transcription: Transcription,
}

/// The track that a recording holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedTrack {
    /// Our id.
    pub id: TrackId,
    /// The platform's id.
    pub sid: TrackSid,
}

impl Recording {
    /// Creates a recording without a file, of what `capture` records.
    pub fn new(id: RecordingId, capture: &Capture) -> Self {
        let (identity, track) = match &capture.target {
            CaptureTarget::Track(track) => (Some(track.identity.clone()), Some((track.id, track.sid.clone()))),
            CaptureTarget::Meeting => (None, None),
        };
        Self {
            id,
            capture_id: capture.id,
            meeting_id: capture.meeting_id,
            identity,
            track: track.map(|(id, sid)| RecordedTrack { id, sid }),
            mixed: false,
            platform_file_id: None,
            state: RecordingState::without_file(&capture.state),
            missing_since: None,
            last_error: None,
            acceptance: None,
            transcription: Transcription::Pending,
        }
    }

    /// Whether a recorder may still be running.
    pub fn is_open(&self) -> bool {
        self.state.is_open()
    }

    /// Whether it holds this track and no other.
    pub fn is_of(&self, track: TrackId) -> bool {
        self.track.as_ref().is_some_and(|recorded| recorded.id == track)
    }

    /// Takes over the state of its capture, unless it has a file.
    pub(crate) fn follow(&mut self, capture: &Capture) {
        if self.state.file().is_none() {
            self.state = RecordingState::without_file(&capture.state);
        }
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

    /// Stores what was verified, once.
    pub(crate) fn accept(
        &mut self,
        capture: &Capture,
        verified: VerifiedRecording,
        meeting_start: DateTime<Utc>,
        accepted_at: DateTime<Utc>,
    ) {
        if is_decided(capture, Some(self), &Observation::Verified) {
            conclude_file(capture, self, Observation::Verified);
            self.acceptance = Some(Acceptance::new(verified, meeting_start, accepted_at));
        }
    }

    /// Notes that the store refuses the file: at once if what it holds is wrong, after a second answer if it holds nothing.
    pub(crate) fn refuse(&mut self, capture: &Capture, reason: FailureReason, error: String, now: DateTime<Utc>) {
        let is_absent = matches!(reason, FailureReason::ObjectMissing | FailureReason::ManifestMissing);
        let is_second = self
            .missing_since
            .is_some_and(|since| now - since >= MISSING_TO_CONCLUDE);
        if !is_absent || is_second {
            conclude_file(capture, self, Observation::Refused(reason, error));
        } else if self.awaits_acceptance() {
            self.missing_since = self.missing_since.or(Some(now));
            self.last_error = Some(error);
        }
    }
}
