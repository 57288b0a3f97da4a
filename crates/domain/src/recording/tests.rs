//! What is concluded about a capture and its recording, as a table of every state and every observation.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::conclusion::{Observation, conclude};
use super::*;
use crate::ObjectKey;
use crate::capture::{Capture, CaptureState, CaptureTarget, CapturedTrack};
use crate::event::{CaptureReport, CaptureStatus, CapturedFile};
use crate::manifest::Fit;
use crate::{CaptureId, MeetingId, RecordingId, SampleTime, TrackId, UnixNanos};

#[test]
fn every_observation_of_every_state_concludes_what_the_table_says() {
    let states: [(&str, Pair); 11] = [
        ("requested", requested()),
        ("active", concluded(&[recording()])),
        ("lost", concluded(&[recording(), inferred(FailureReason::Lost)])),
        ("start_failed", concluded(&[inferred(FailureReason::StartFailed)])),
        ("stuck", concluded(&[recording(), inferred(FailureReason::Stuck)])),
        ("no_audio", concluded(&[ended(FailureReason::NoAudio, false)])),
        ("interrupted", concluded(&[ended(FailureReason::Interrupted, true)])),
        ("complete", concluded(&[stored()])),
        ("accepted", accepted()),
        ("object_missing", concluded(&[stored(), refused()])),
        ("not_accepted", concluded(&[stored(), not_verified()])),
    ];
    let observations = [
        ("records", recording()),
        ("is seen", Observation::Seen),
        ("has stored it", stored()),
        ("stored a part", ended(FailureReason::Interrupted, true)),
        ("stored nothing", ended(FailureReason::CaptureFailed, false)),
        ("we infer: lost", inferred(FailureReason::Lost)),
        ("we infer: stuck", inferred(FailureReason::Stuck)),
        ("is verified", Observation::Verified),
        ("store refuses", refused()),
        ("no answer", not_verified()),
    ];
    let mut table = String::new();
    for (state, before) in &states {
        for (observed, observation) in &observations {
            let mut after = before.clone();
            after.conclude(observation.clone());
            if after != *before {
                table += &format!("{state:14} {observed:15} → {}\n", outline(&after));
            }
        }
    }

    insta::assert_snapshot!(table, @r"
    requested      records         → active
    requested      has stored it   → complete with file
    requested      stored a part   → failed interrupted with file
    requested      stored nothing  → failed capture_failed
    requested      we infer: lost  → failed lost
    requested      we infer: stuck → failed stuck
    active         has stored it   → complete with file
    active         stored a part   → failed interrupted with file
    active         stored nothing  → failed capture_failed
    active         we infer: lost  → failed lost
    active         we infer: stuck → failed stuck
    lost           records         → active
    lost           is seen         → active
    lost           has stored it   → complete with file
    lost           stored a part   → failed interrupted with file
    lost           stored nothing  → failed capture_failed
    start_failed   records         → active
    start_failed   is seen         → active
    start_failed   has stored it   → complete with file
    start_failed   stored a part   → failed interrupted with file
    start_failed   stored nothing  → failed capture_failed
    stuck          has stored it   → complete with file
    stuck          stored a part   → failed interrupted with file
    stuck          stored nothing  → failed capture_failed
    no_audio       has stored it   → complete with file
    no_audio       stored a part   → failed interrupted with file
    interrupted    has stored it   → complete with file
    interrupted    store refuses   → failed interrupted with file, given up
    interrupted    no answer       → failed interrupted with file, given up
    complete       store refuses   → failed object_missing with file
    complete       no answer       → failed not_accepted with file
    object_missing is verified     → complete with file
    not_accepted   is verified     → complete with file
    not_accepted   store refuses   → failed object_missing with file
    ");
}

#[test]
fn only_what_we_inferred_is_a_guess() {
    let guesses: Vec<&str> = FailureReason::ALL
        .iter()
        .filter(|reason| reason.is_guess())
        .map(|reason| reason.as_str())
        .collect();

    assert_eq!(guesses, ["lost", "start_failed", "track_gone", "stuck", "not_accepted"]);
}

#[test]
fn the_older_word_of_a_reason_is_read_and_no_longer_written() {
    let reason: FailureReason = "egress_failed".parse().unwrap();

    assert_eq!(reason, FailureReason::CaptureFailed);
    assert_eq!(
        serde_json::from_str::<FailureReason>(r#""egress_failed""#).unwrap(),
        reason
    );
    assert_eq!(reason.to_string(), "capture_failed");
}

#[test]
fn the_first_word_of_our_recorders_error_is_the_reason() {
    let reason = |status: CaptureStatus, error: Option<&str>| {
        let mut pair = requested();
        pair.report(&report(status, error, None));
        pair.recording.state.failure().map(FailureReason::as_str)
    };
    let table = [
        (CaptureStatus::Failed, Some("interrupted: it was killed"), "interrupted"),
        (CaptureStatus::Failed, Some("e2ee: track TR_1 is encrypted"), "e2ee"),
        (
            CaptureStatus::Failed,
            Some("media_unreachable: no UDP"),
            "media_unreachable",
        ),
        (CaptureStatus::Failed, Some("no_packets: 30 s"), "no_packets"),
        (CaptureStatus::Aborted, Some("no_audio: it ended"), "no_audio"),
        (
            CaptureStatus::Aborted,
            Some("Stop called before pipeline could start"),
            "aborted",
        ),
        (CaptureStatus::Aborted, None, "aborted"),
        (
            CaptureStatus::Failed,
            Some("lost: not for a recorder to say"),
            "capture_failed",
        ),
        (CaptureStatus::Failed, Some("s3: no_audio: denied"), "capture_failed"),
        (CaptureStatus::Complete, None, "no_file"),
    ];
    for (status, error, expected) in table {
        assert_eq!(reason(status, error), Some(expected), "{status} {error:?}");
    }
}

#[test]
fn a_failed_capture_has_a_file_only_if_it_says_how_large_it_is() {
    let files = [
        (Some("a.ogg"), Some(7), true),
        (Some("a.ogg"), None, false),
        (Some("../a.ogg"), Some(7), false),
        (None, Some(7), false),
    ];
    for (key, size_bytes, has_file) in files {
        let file = CapturedFile {
            key: key.map(str::to_owned),
            size_bytes,
            ..CapturedFile::default()
        };
        let mut pair = requested();

        pair.report(&report(CaptureStatus::Failed, Some("interrupted: x"), Some(file)));

        let recording = pair.recording;
        assert_eq!(recording.state.file().is_some(), has_file, "{key:?} {size_bytes:?}");
        assert_eq!(recording.awaits_acceptance(), has_file);
        assert_eq!(recording.is_settled(), !has_file);
    }
}

#[test]
fn a_store_says_twice_and_minutes_apart_that_an_object_is_missing_but_a_mismatch_once() {
    let refuse = |Pair { capture, recording }: &mut Pair, reason, minute| {
        let at = now() + TimeDelta::minutes(minute);
        recording.refuse(capture, reason, "no such key".to_owned(), at);
        recording.state.failure()
    };
    let mut missing = concluded(&[stored()]);
    let mut wrong = missing.clone();

    let answers = [0, 4, 5].map(|minute| refuse(&mut missing, FailureReason::ObjectMissing, minute));

    assert_eq!(answers, [None, None, Some(FailureReason::ObjectMissing)]);
    assert_eq!(
        refuse(&mut wrong, FailureReason::Mismatch, 0),
        Some(FailureReason::Mismatch)
    );
}

#[test]
fn a_refused_part_of_a_file_keeps_what_the_recorder_said_and_is_no_longer_waited_for() {
    let mut pair = concluded(&[ended(FailureReason::Interrupted, true)]);

    pair.conclude(refused());

    let RecordingState::Failed(failed) = &pair.recording.state else {
        panic!("{pair:?}")
    };
    assert_eq!(failed.reason, FailureReason::Interrupted);
    assert_eq!(
        failed.error.as_deref(),
        Some("interrupted; its file was not accepted (object_missing): gone")
    );
    assert!(pair.recording.is_settled() && !pair.recording.awaits_acceptance());
    pair.conclude(stored());
    assert!(pair.recording.awaits_acceptance(), "the whole file came later");
}

#[test]
fn a_part_of_a_file_is_settled_once_it_is_transcribed() {
    let Pair { capture, mut recording } = concluded(&[ended(FailureReason::Interrupted, true)]);
    let mut steps = vec![recording.is_settled()];

    recording.accept(&capture, verified(), now(), now());
    steps.push(recording.awaits_transcription());
    recording.transcription = Transcription::Done;
    steps.push(recording.is_settled());

    assert_eq!(steps, [false, true, true]);
    assert_eq!(recording.state.failure(), Some(FailureReason::Interrupted));
}

fn outline(Pair { recording, .. }: &Pair) -> String {
    let reason = recording.state.failure().map(|reason| format!(" {reason}"));
    let file = recording.state.file().map(|_| " with file");
    let dead = (recording.transcription == Transcription::Dead).then_some(", given up");
    let state = recording.state.as_str();
    [
        state,
        reason.as_deref().unwrap_or_default(),
        file.unwrap_or_default(),
        dead.unwrap_or_default(),
    ]
    .concat()
}

/// A capture of a track, and its recording.
#[derive(Clone, Debug, PartialEq)]
struct Pair {
    capture: Capture,
    recording: Recording,
}

impl Pair {
    fn conclude(&mut self, observation: Observation) {
        conclude(&mut self.capture, &mut self.recording, observation);
        if self.recording.state.file().is_none() {
            let derived = RecordingState::without_file(&self.capture.state);
            assert_eq!(
                self.recording.state, derived,
                "a recording without a file follows its capture"
            );
        }
    }

    fn report(&mut self, report: &CaptureReport) {
        if let Some(observation) = self.capture.observation(report) {
            self.conclude(observation);
        }
    }
}

fn concluded(observations: &[Observation]) -> Pair {
    let mut pair = requested();
    observations.iter().cloned().for_each(|o| pair.conclude(o));
    pair
}

fn accepted() -> Pair {
    let mut pair = concluded(&[stored()]);
    pair.recording.accept(&pair.capture, verified(), now(), now());
    pair
}

fn recording() -> Observation {
    Observation::Recording(Active {
        started_at: Some(now()),
    })
}

fn stored() -> Observation {
    Observation::Stored(Complete {
        file: file(),
        started_at: None,
        ended_at: None,
        truncated: false,
    })
}

fn ended(reason: FailureReason, has_file: bool) -> Observation {
    Observation::Ended(failed(reason, has_file))
}

fn inferred(reason: FailureReason) -> Observation {
    Observation::Inferred(failed(reason, false))
}

fn refused() -> Observation {
    Observation::Refused(FailureReason::ObjectMissing, "gone".to_owned())
}

fn not_verified() -> Observation {
    Observation::NotVerified("no answer".to_owned())
}

fn failed(reason: FailureReason, has_file: bool) -> Failed {
    Failed {
        reason,
        error: None,
        file: has_file.then(file),
        started_at: None,
        ended_at: None,
    }
}

fn file() -> RecordedFile {
    RecordedFile::new(ObjectKey::parse("a.ogg").unwrap(), Some(7))
}

fn report(status: CaptureStatus, error: Option<&str>, file: Option<CapturedFile>) -> CaptureReport {
    CaptureReport {
        platform_id: Some("EG_1".into()),
        room_sid: None,
        track_sid: None,
        requested_file: None,
        status,
        updated_at: None,
        error: error.map(str::to_owned),
        details: None,
        files: Vec::from_iter(file),
        manifest_location: None,
        started_at: None,
        ended_at: None,
    }
}

fn verified() -> VerifiedRecording {
    VerifiedRecording {
        sha256: "00".repeat(32),
        size_bytes: 7,
        samples: SampleTime(48_000),
        duration_ms: 1_000,
        fit: Fit {
            a_ns: UnixNanos::from_datetime(now()),
            b_ns: 1e9 / 48_000.0,
        },
        coverage: Coverage::default(),
    }
}

fn requested() -> Pair {
    let capture = Capture {
        id: CaptureId(Uuid::nil()),
        meeting_id: MeetingId(Uuid::nil()),
        target: CaptureTarget::Track(CapturedTrack {
            id: TrackId(Uuid::nil()),
            sid: "TR_1".into(),
            identity: "zoe".into(),
        }),
        platform_id: None,
        requested_at: now(),
        attempts: 1,
        earlier_failure: None,
        reported_at: None,
        state: CaptureState::Requested,
        missing_since: None,
        last_error: None,
    };
    let recording = Recording::new(RecordingId(Uuid::nil()), &capture);
    Pair { capture, recording }
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_248_000, 0).unwrap()
}
