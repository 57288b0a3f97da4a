//! What may be concluded about a capture and its recordings from what was observed, and which later observation overrules
//! it: one table.
//!
//! Only the recorder says that a track had no audio. Only a store that answers says that an object is missing. Only the
//! platform says that a meeting is over. Everything else is a guess, and later knowledge overrules a guess.

use chrono::{DateTime, Utc};

use super::state::{Active, Complete, Failed, FailureReason, ReasonSource, RecordingState};
use super::{Recording, Transcription};
use crate::capture::{Capture, CaptureEnd, CaptureFailure, CaptureState};

/// What was observed about a capture or a recording, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// The recorder reports that it is connected to the track.
    Recording(Active),
    /// The platform lists the recorder in the room.
    Seen,
    /// The recorder reports that the whole file is stored.
    Stored(Complete),
    /// The recorder reports that it failed. It may have stored what it had.
    Ended(Failed),
    /// We infer that the recording failed.
    Inferred(Failed),
    /// The worker has read object and manifest, and they agree.
    Verified,
    /// The store does not have object or manifest, or they do not agree.
    Refused(FailureReason, String),
    /// The file could not be verified before the deadline.
    NotVerified(String),
}

/// The kinds of observations: the rows of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Observed {
    Recording,
    Seen,
    Stored,
    EndedWithFile,
    Ended,
    Inferred,
    Verified,
    Refused,
    NotVerified,
}

/// What is concluded so far: the columns of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// A capture is or will be requested.
    Requested,
    /// The recorder said that it records.
    Active,
    /// A guess that a recorder can disprove by recording: lost, start failed, track gone.
    Guess,
    /// A guess that a recorder can disprove only by its end: it is still open, long after its meeting.
    Stuck,
    /// The recorder said that it has no file.
    NoFile,
    /// The recorder said that it has part of the file.
    Cut,
    /// The recorder said that it has the whole file.
    Whole,
    /// The file was verified.
    Accepted,
    /// The store said that the file is missing or wrong.
    Refused,
    /// A guess about the file: it could not be verified.
    NotVerified,
}

/// Whether `observed` changes what is concluded.
#[rustfmt::skip]
fn decides(observed: Observed, standing: Standing) -> bool {
    const YES: bool = true;
    const NO_: bool = false;
    let row = match observed {
        //                         requested active guess stuck no_file cut  whole accepted refused not_verified
        Observed::Recording     => [YES,     YES,   YES,  NO_,  NO_,    NO_, NO_,  NO_,     NO_,    NO_],
        Observed::Seen          => [NO_,     YES,   YES,  NO_,  NO_,    NO_, NO_,  NO_,     NO_,    NO_],
        Observed::Stored        => [YES,     YES,   YES,  YES,  YES,    YES, NO_,  NO_,     NO_,    NO_],
        Observed::EndedWithFile => [YES,     YES,   YES,  YES,  YES,    NO_, NO_,  NO_,     NO_,    NO_],
        Observed::Ended         => [YES,     YES,   YES,  YES,  NO_,    NO_, NO_,  NO_,     NO_,    NO_],
        Observed::Inferred      => [YES,     YES,   NO_,  NO_,  NO_,    NO_, NO_,  NO_,     NO_,    NO_],
        Observed::Verified      => [NO_,     NO_,   NO_,  NO_,  NO_,    YES, YES,  NO_,     YES,    YES],
        Observed::Refused       => [NO_,     NO_,   NO_,  NO_,  NO_,    YES, YES,  NO_,     NO_,    YES],
        Observed::NotVerified   => [NO_,     NO_,   NO_,  NO_,  NO_,    YES, YES,  NO_,     NO_,    NO_],
    };
    row[standing as usize]
}

/// Whether an observation changes what is concluded about a capture and the recording that it concerns, if there is one.
pub(crate) fn is_decided(capture: &Capture, recording: Option<&Recording>, observation: &Observation) -> bool {
    let standing = recording.map_or_else(|| capture.standing(), |recording| recording.standing(capture));
    decides(observation.kind(), standing)
}

/// Concludes what the table allows from an observation of a capture that makes one recording; nothing if it allows nothing.
pub(crate) fn conclude(capture: &mut Capture, recording: &mut Recording, observation: Observation) {
    if is_decided(capture, Some(recording), &observation) {
        capture.note(&observation);
        recording.note(capture, observation);
    }
}

/// Concludes what the table allows from an observation of a capture that makes a recording of each of its files. What it
/// says about the files is concluded for each of them ([`conclude_file`]).
pub(crate) fn conclude_capture(capture: &mut Capture, observation: &Observation) {
    if is_decided(capture, None, observation) {
        capture.note(observation);
    }
}

/// Concludes what the table allows from an observation of a file.
pub(crate) fn conclude_file(capture: &Capture, recording: &mut Recording, observation: Observation) {
    if is_decided(capture, Some(recording), &observation) {
        recording.note(capture, observation);
    }
}

impl Capture {
    fn note(&mut self, observation: &Observation) {
        let before = self.state.as_str();
        match observation {
            Observation::Recording(active) => self.become_active(active.started_at),
            Observation::Seen => self.become_active(None),
            Observation::Stored(complete) => self.end(None, complete.started_at, complete.ended_at),
            Observation::Ended(failed) => self.end(Some(failed), failed.started_at, failed.ended_at),
            Observation::Inferred(failed) => {
                let started_at = failed.started_at.or(self.state.started_at());
                self.end(Some(failed), started_at, failed.ended_at);
            }
            Observation::Verified | Observation::Refused(..) | Observation::NotVerified(_) => {}
        }
        if self.state.as_str() != before {
            (self.missing_since, self.last_error) = (None, None);
        }
    }

    fn become_active(&mut self, started_at: Option<DateTime<Utc>>) {
        let started_at = started_at.or(self.state.started_at());
        self.state = CaptureState::Active(Active { started_at });
    }

    fn end(&mut self, failed: Option<&Failed>, started_at: Option<DateTime<Utc>>, ended_at: Option<DateTime<Utc>>) {
        let failure = failed.map(|failed| CaptureFailure {
            reason: failed.reason,
            error: failed.error.clone(),
        });
        self.state = CaptureState::Ended(CaptureEnd {
            failure,
            started_at,
            ended_at,
        });
    }

    fn standing(&self) -> Standing {
        match &self.state {
            CaptureState::Requested => Standing::Requested,
            CaptureState::Active(_) => Standing::Active,
            CaptureState::Ended(end) => match end.failure.as_ref().map(|failure| failure.reason) {
                None => Standing::Whole,
                Some(FailureReason::Stuck) => Standing::Stuck,
                Some(reason) if reason.is_guess() => Standing::Guess,
                Some(_) => Standing::NoFile,
            },
        }
    }
}

impl Recording {
    /// Takes over what an observation says. What a recorder reports at its end is yet to be verified, also if an earlier part
    /// of its file was given up.
    pub(crate) fn note(&mut self, capture: &Capture, observation: Observation) {
        let before = self.state.as_str();
        match observation {
            Observation::Stored(complete) => self.end(RecordingState::Complete(complete)),
            Observation::Ended(failed) => self.end(RecordingState::Failed(failed)),
            Observation::Recording(_) | Observation::Seen | Observation::Inferred(_) => self.follow(capture),
            Observation::Verified => self.believe_in_file(),
            Observation::Refused(reason, error) => self.doubt_file(reason, error),
            Observation::NotVerified(error) => self.doubt_file(FailureReason::NotAccepted, error),
        }
        if self.state.as_str() != before {
            (self.missing_since, self.last_error) = (None, None);
        }
    }

    fn end(&mut self, state: RecordingState) {
        self.state = state;
        self.transcription = Transcription::Pending;
    }

    /// A file that was refused or given up is whole after all.
    pub(crate) fn believe_in_file(&mut self) {
        if let RecordingState::Failed(failed) = &self.state
            && failed.reason.source() != ReasonSource::Recorder
            && let Some(file) = failed.file.clone()
        {
            self.state = RecordingState::Complete(Complete {
                file,
                started_at: failed.started_at,
                ended_at: failed.ended_at,
                truncated: false,
            });
        }
        if self.transcription == Transcription::Dead {
            self.transcription = Transcription::Pending;
        }
        (self.missing_since, self.last_error) = (None, None);
    }

    /// A whole file becomes a failure. What a recorder said about a cut one stays; its file is not waited for any longer.
    fn doubt_file(&mut self, reason: FailureReason, error: String) {
        match &mut self.state {
            RecordingState::Complete(complete) => {
                self.state = RecordingState::Failed(Failed {
                    reason,
                    error: Some(error),
                    file: Some(complete.file.clone()),
                    started_at: complete.started_at,
                    ended_at: complete.ended_at,
                });
            }
            RecordingState::Failed(failed) if failed.reason.source() == ReasonSource::Recorder => {
                let said = failed.error.take().unwrap_or_else(|| failed.reason.to_string());
                failed.error = Some(format!("{said}; its file was not accepted ({reason}): {error}"));
                self.transcription = Transcription::Dead;
            }
            RecordingState::Failed(failed) => (failed.reason, failed.error) = (reason, Some(error)),
            RecordingState::Requested | RecordingState::Active(_) => {}
        }
        (self.missing_since, self.last_error) = (None, None);
    }

    fn standing(&self, capture: &Capture) -> Standing {
        if self.acceptance.is_some() {
            return Standing::Accepted;
        }
        if self.state.file().is_none() {
            return capture.standing();
        }
        match self.state.failure().map(FailureReason::source) {
            None => Standing::Whole,
            Some(ReasonSource::Recorder) => Standing::Cut,
            Some(ReasonSource::Store) => Standing::Refused,
            Some(ReasonSource::Guess) => Standing::NotVerified,
        }
    }
}

impl Observation {
    fn kind(&self) -> Observed {
        match self {
            Self::Recording(_) => Observed::Recording,
            Self::Seen => Observed::Seen,
            Self::Stored(_) => Observed::Stored,
            Self::Ended(Failed { file: Some(_), .. }) => Observed::EndedWithFile,
            Self::Ended(_) => Observed::Ended,
            Self::Inferred(_) => Observed::Inferred,
            Self::Verified => Observed::Verified,
            Self::Refused(..) => Observed::Refused,
            Self::NotVerified(_) => Observed::NotVerified,
        }
    }
}
