//! What happened in a meeting, for those who are told: logs, metrics, and customers ([`crate::feed`]).

use super::{Meeting, MeetingHead};
use crate::capture::Capture;
use crate::recording::{FailureReason, Recording, RecordingState, Transcription};
use crate::text_enum::text_enum;
use crate::{MeetingId, RecordingId};

text_enum! {
    /// The kinds of facts. The words are stable.
    FactKind {
        /// A meeting has begun.
        MeetingOpened = "meeting_opened",
        /// A meeting is over. It stays so.
        MeetingClosed = "meeting_closed",
        /// A recording of a track was requested.
        RecordingRequested = "recording_requested",
        /// A request was withdrawn before a capture was asked for.
        RecordingWithdrawn = "recording_withdrawn",
        /// A capture is connected to the track.
        RecordingStarted = "recording_started",
        /// The recorder has reported the end of a recording with a file.
        RecordingCompleted = "recording_completed",
        /// Object and manifest of a recording were verified.
        RecordingAccepted = "recording_accepted",
        /// There is no recording, and its state says why.
        RecordingFailed = "recording_failed",
        /// We believe that the recorder is gone. A guess, which later knowledge may overrule.
        RecordingLost = "recording_lost",
        /// The words of a recording are known.
        RecordingTranscribed = "recording_transcribed",
        /// The transcript can be read.
        TranscriptReady = "transcript_ready",
        /// There is no transcript.
        TranscriptFailed = "transcript_failed",
    }
}

/// Something that happened. It is published once, after the transaction that made it true has been committed.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// What happened.
    pub kind: FactKind,
    /// Where it happened, as it is now.
    pub meeting: MeetingHead,
    /// The recording that the fact is about, if it is about one, as it is now; the last known one if it was withdrawn.
    pub recording: Option<Recording>,
}

impl Fact {
    /// Creates a fact about a whole meeting.
    pub fn of_meeting(kind: FactKind, meeting: &MeetingHead) -> Self {
        Self {
            kind,
            meeting: meeting.clone(),
            recording: None,
        }
    }

    fn of_recording(kind: FactKind, meeting: &MeetingHead, recording: &Recording) -> Self {
        Self {
            kind,
            meeting: meeting.clone(),
            recording: Some(recording.clone()),
        }
    }

    /// Returns the id of the meeting.
    pub fn meeting_id(&self) -> MeetingId {
        self.meeting.id
    }

    /// Returns the id of the recording that the fact is about, if it is about one.
    pub fn recording_id(&self) -> Option<RecordingId> {
        self.recording.as_ref().map(|recording| recording.id)
    }
}

/// Returns what happened between `before` and `after`.
pub(super) fn facts(before: Option<&Meeting>, after: &Meeting) -> Vec<Fact> {
    let was_open = before.map(|b| b.head.is_open());
    let mut facts = Vec::new();
    if was_open.is_none() {
        facts.push(Fact::of_meeting(FactKind::MeetingOpened, &after.head));
    }
    for recording in &after.recordings {
        let old = before.and_then(|b| b.recording(recording.id));
        let capture = after.capture(recording.capture_id);
        let kinds = of_recording(old, recording, capture);
        facts.extend(kinds.map(|kind| Fact::of_recording(kind, &after.head, recording)));
    }
    let withdrawn = before.iter().flat_map(|b| &b.recordings);
    let withdrawn = withdrawn.filter(|r| after.recording(r.id).is_none());
    facts.extend(withdrawn.map(|r| Fact::of_recording(FactKind::RecordingWithdrawn, &after.head, r)));
    if !after.head.is_open() && was_open != Some(false) {
        facts.push(Fact::of_meeting(FactKind::MeetingClosed, &after.head));
    }
    facts
}

fn of_recording(
    before: Option<&Recording>,
    after: &Recording,
    capture: Option<&Capture>,
) -> impl Iterator<Item = FactKind> + use<> {
    let state = Some(of_state(&after.state)).filter(|kind| is_news(*kind, before, after, capture));
    let is_new = |holds: fn(&Recording) -> bool| holds(after) && !before.is_some_and(holds);
    let accepted = is_new(|r| r.acceptance.is_some()).then_some(FactKind::RecordingAccepted);
    let transcribed = is_new(|r| r.transcription == Transcription::Done).then_some(FactKind::RecordingTranscribed);
    [state, accepted, transcribed].into_iter().flatten()
}

/// Returns what being in a state tells.
fn of_state(state: &RecordingState) -> FactKind {
    match state {
        RecordingState::Requested => FactKind::RecordingRequested,
        RecordingState::Active(_) => FactKind::RecordingStarted,
        RecordingState::Complete(_) => FactKind::RecordingCompleted,
        RecordingState::Failed(failed) if failed.reason == FailureReason::Lost => FactKind::RecordingLost,
        RecordingState::Failed(_) => FactKind::RecordingFailed,
    }
}

/// Whether what the new state tells was not told before. An attempt that repeats another is not told, nor that it fails for
/// the same reason.
fn is_news(kind: FactKind, before: Option<&Recording>, after: &Recording, capture: Option<&Capture>) -> bool {
    let Some(before) = before else { return true };
    let earlier = capture.and_then(|capture| capture.earlier_failure);
    let repeats = |failure| earlier == Some(failure) && before.state == RecordingState::Requested;
    of_state(&before.state) != kind
        && kind != FactKind::RecordingRequested
        && !after.state.failure().is_some_and(repeats)
}
