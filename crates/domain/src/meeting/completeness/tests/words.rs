//! Whose words a transcript lacks.

use super::support::{failed, meeting};
use crate::recording::FailureReason;

#[test]
fn words_are_missing_where_nothing_was_recorded() {
    let short = meeting().published(10.0, 90.0).recorded(15.0, 90.0);

    assert_eq!(short.missing_words_outline(), "late of 1 10-15");
}

#[test]
fn words_are_missing_where_only_a_recording_without_transcription_has_them() {
    let dead = meeting().published(10.0, 90.0).recorded(15.0, 100.0).not_transcribed();
    let replaced = meeting()
        .published(0.0, 100.0)
        .recorded(0.0, 50.0)
        .not_transcribed()
        .recorded(40.0, 100.0);
    let needless = meeting()
        .published(0.0, 100.0)
        .recorded(10.0, 50.0)
        .not_transcribed()
        .recorded(0.0, 100.0);

    assert_eq!(
        dead.missing_words_outline(),
        "late of 1 10-15, transcription_failed of 1 15-90"
    );
    assert_eq!(replaced.missing_words_outline(), "transcription_failed of 1 0-40");
    assert_eq!(needless.missing_words_outline(), "");
}

#[test]
fn a_recording_without_transcription_is_named_however_short_its_track_was() {
    let moment = meeting().published(10.0, 10.0).recorded(10.0, 13.0).not_transcribed();

    assert_eq!(moment.missing_words_outline(), "transcription_failed of 1 10-10");
}

#[test]
fn a_failed_recording_that_another_one_replaces_is_not_named() {
    let replaced = meeting()
        .published(0.0, 100.0)
        .recording(0.0, failed(FailureReason::StartFailed, 0.5))
        .recorded(1.0, 100.0);
    let silent = meeting()
        .published(0.0, 100.0)
        .recording(0.0, failed(FailureReason::NoAudio, 100.0));

    assert_eq!(replaced.missing_words_outline(), "");
    assert_eq!(silent.missing_words_outline(), "");
}
