//! A meeting of Ada's, in seconds since its start, and its completeness as text.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::capture::{Capture, CaptureEnd, CaptureFailure, CaptureState, CaptureTarget, CapturedTrack};
use crate::event::PlatformKind;
use crate::manifest::{Fit, GapCause, Listened};
use crate::meeting::completeness::MissingInterval;
use crate::meeting::{Meeting, MeetingHead, MeetingState};
use crate::participant::{Participant, ParticipantKind};
use crate::platform_room::PlatformRoomRef;
use crate::recording::{
    Acceptance, Active, Complete, Coverage, Failed, FailureReason, Hole, RecordedFile, Recording, RecordingState,
    Transcription,
};
use crate::track::{NotRecorded, Track, TrackKind, TrackSource};
use crate::transcript::Missing;
use crate::{ObjectKey, SampleTime, UnixNanos};

pub fn at(seconds: f64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::milliseconds((seconds * 1e3) as i64)
}

fn nanos(seconds: f64) -> UnixNanos {
    UnixNanos::from_datetime(at(seconds))
}

fn id<T: From<Uuid>>(number: u64) -> T {
    Uuid::from_u64_pair(0x7000, 0x8000_0000_0000_0000 + number).into()
}

/// A closed meeting of 100 s with Ada, who publishes nothing.
pub fn meeting() -> Case {
    let head = MeetingHead {
        id: id(1),
        room_id: id(2),
        platform_room: PlatformRoomRef {
            platform: PlatformKind::Livekit,
            key: "RM_1".into(),
            session: None,
            url: None,
        },
        started_at: at(0.0),
        state: MeetingState::Closed { ended_at: at(100.0) },
    };
    Case(Meeting {
        participants: vec![Participant {
            id: id(3),
            meeting_id: head.id,
            identity: "ada".into(),
            display_name: "Ada".to_owned(),
            kind: Some(ParticipantKind::Standard),
        }],
        connections: Vec::new(),
        tracks: Vec::new(),
        captures: Vec::new(),
        recordings: Vec::new(),
        head,
    })
}

/// A meeting that a test describes step by step.
pub struct Case(pub Meeting);

impl Case {
    pub fn still_open(mut self) -> Self {
        self.0.head.state = MeetingState::Open { missing_since: None };
        self
    }

    /// Adds a microphone track of Ada's.
    pub fn published(mut self, from: f64, to: f64) -> Self {
        let number = self.0.tracks.len() as u64 + 1;
        self.0.tracks.push(Track {
            id: id(0x10 + number),
            meeting_id: self.0.head.id,
            participant_id: self.0.participants[0].id,
            sid: format!("TR_{number}").as_str().into(),
            kind: TrackKind::Audio,
            source: TrackSource::Microphone,
            mime_type: "audio/opus".to_owned(),
            encrypted: false,
            published_at: at(from),
            unpublished_at: Some(at(to)),
            not_recorded: None,
        });
        self
    }

    pub fn live(mut self) -> Self {
        self.0.tracks.last_mut().unwrap().unpublished_at = None;
        self
    }

    pub fn not_recorded(mut self, reason: NotRecorded) -> Self {
        self.0.tracks.last_mut().unwrap().not_recorded = Some(reason);
        self
    }

    /// Adds a recording of the latest track that was requested at `requested` seconds.
    pub fn recording(self, requested: f64, state: RecordingState) -> Self {
        let track = self.0.tracks.last().unwrap();
        let target = CaptureTarget::Track(CapturedTrack {
            id: track.id,
            sid: track.sid.clone(),
            identity: "ada".into(),
        });
        self.capture(target, requested, state)
    }

    /// Adds a recording of everybody or, if `identity` names one, of a person, by a capture of the whole meeting.
    pub fn recorded_whole(mut self, identity: Option<&str>, from: f64, to: f64) -> Self {
        self = self.capture(CaptureTarget::Meeting, from - 9.0, complete(from, to));
        let recording = self.0.recordings.last_mut().unwrap();
        recording.identity = identity.map(Into::into);
        recording.mixed = identity.is_none();
        self.accepted(from, to)
    }

    fn capture(mut self, target: CaptureTarget, requested: f64, state: RecordingState) -> Self {
        let number = self.0.recordings.len() as u64 + 1;
        let capture = Capture {
            id: id(0x40 + number),
            meeting_id: self.0.head.id,
            target,
            platform_id: None,
            requested_at: at(requested),
            attempts: 1,
            earlier_failure: None,
            reported_at: None,
            state: capture_state(&state),
            missing_since: None,
            last_error: None,
        };
        let recording = Recording::new(id(0x20 + number), &capture);
        self.0.recordings.push(Recording { state, ..recording });
        self.0.captures.push(capture);
        self
    }

    /// Adds an accepted recording of a recorder that was connected from `from` to `to`.
    pub fn recorded(self, from: f64, to: f64) -> Self {
        let complete = complete(from, to);
        self.recording(from - 0.5, complete).accepted(from, to)
    }

    pub fn accepted(mut self, from: f64, to: f64) -> Self {
        let recording = self.0.recordings.last_mut().unwrap();
        recording.transcription = Transcription::Done;
        recording.acceptance = Some(Acceptance {
            accepted_at: at(to),
            sha256: String::new(),
            size_bytes: 1,
            samples: SampleTime(((to - from) * 48e3) as i64),
            duration_ms: ((to - from) * 1e3) as i64,
            offset_ms: (from * 1e3) as i64,
            fit: Fit {
                a_ns: nanos(from),
                b_ns: 1e9 / 48e3,
            },
            coverage: Some(Coverage {
                listened: vec![Listened {
                    from_ns: nanos(from),
                    to_ns: nanos(to),
                }],
                holes: Vec::new(),
            }),
        });
        self
    }

    /// Adds a hole to the latest recording.
    pub fn hole(mut self, from: f64, to: f64, cause: GapCause) -> Self {
        let acceptance = self.0.recordings.last_mut().unwrap().acceptance.as_mut().unwrap();
        acceptance.coverage.as_mut().unwrap().holes.push(Hole {
            from_ns: nanos(from),
            to_ns: nanos(to),
            cause,
        });
        self
    }

    /// Makes the latest recording one whose transcription was given up.
    pub fn not_transcribed(mut self) -> Self {
        self.0.recordings.last_mut().unwrap().transcription = Transcription::Dead;
        self
    }

    /// Makes the latest recording one that was accepted before its coverage was stored.
    pub fn accepted_by_an_older_program(mut self) -> Self {
        let acceptance = self.0.recordings.last_mut().unwrap().acceptance.as_mut().unwrap();
        acceptance.coverage = None;
        self
    }

    /// The sums published, recorded and missing in seconds, then what is missing; `…` if that may still change.
    pub fn outline(&self) -> String {
        let found = self.0.completeness(at(100.0));
        let sums = found.sums();
        let seconds = [sums.published_ms, sums.recorded_ms, sums.missing_ms].map(|ms| ms as f64 / 1e3);
        let mut lines = vec![format!("{} = {} + {}", seconds[0], seconds[1], seconds[2])];
        lines.extend(found.people[0].missing.iter().map(line));
        let apart = found.people[0].not_recorded.iter();
        lines.extend(apart.map(|t| format!("not recorded: {} {}", t.track_sid, t.reason)));
        assert_eq!(found.is_complete(), found.people[0].missing.is_empty());
        let end = if found.is_final { "" } else { "…" };
        lines.join(", ") + end
    }

    pub fn missing_words_outline(&self) -> String {
        let missing = self.0.missing_words(at(100.0));
        missing.iter().map(words_line).collect::<Vec<_>>().join(", ")
    }
}

fn capture_state(state: &RecordingState) -> CaptureState {
    match state {
        RecordingState::Requested => CaptureState::Requested,
        RecordingState::Active(active) => CaptureState::Active(active.clone()),
        RecordingState::Complete(_) | RecordingState::Failed(_) => CaptureState::Ended(CaptureEnd {
            failure: state.failure().map(|reason| CaptureFailure { reason, error: None }),
            started_at: state.started_at(),
            ended_at: state.ended_at(),
        }),
    }
}

/// `1` is the first recording.
fn line(missing: &MissingInterval) -> String {
    let recording = missing
        .recording_id
        .map_or(String::new(), |id| format!(" of {}", id.0.as_u128() & 0xf));
    let guess = if missing.reason.is_guess() { "?" } else { "" };
    let (from, to) = (missing.start_ms as f64 / 1e3, missing.end_ms as f64 / 1e3);
    format!("{}{guess}{recording} {from}-{to}", missing.reason)
}

fn words_line(missing: &Missing) -> String {
    let recording = missing.recording_id.unwrap().0.as_u128() & 0xf;
    let seconds = |ms: Option<i64>| ms.unwrap() as f64 / 1e3;
    let (from, to) = (seconds(missing.start_ms), seconds(missing.end_ms));
    format!("{} of {recording} {from}-{to}", missing.reason)
}

pub fn complete(from: f64, to: f64) -> RecordingState {
    let object = ObjectKey::parse("a.ogg").unwrap();
    RecordingState::Complete(Complete {
        file: RecordedFile::new(object, None),
        started_at: Some(at(from)),
        ended_at: Some(at(to)),
        truncated: false,
    })
}

pub fn active(from: f64) -> RecordingState {
    RecordingState::Active(Active {
        started_at: Some(at(from)),
    })
}

pub fn failed(reason: FailureReason, to: f64) -> RecordingState {
    RecordingState::Failed(Failed {
        reason,
        error: None,
        file: None,
        started_at: None,
        ended_at: Some(at(to)),
    })
}
