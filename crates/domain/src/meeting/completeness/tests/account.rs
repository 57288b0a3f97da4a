//! Published minus recorded, and why.

use super::support::{active, complete, failed, meeting};
use crate::manifest::GapCause;
use crate::recording::{FailureReason, RecordingState};
use crate::track::NotRecorded;

#[test]
fn a_recorded_track_misses_nothing_and_short_delays_are_only_in_the_sums() {
    let prompt = meeting().published(10.0, 90.0).recorded(9.0, 91.0);
    let usual = meeting().published(10.0, 90.0).recorded(11.5, 89.5);

    assert_eq!(prompt.outline(), "80 = 80 + 0");
    assert_eq!(usual.outline(), "80 = 78 + 2");
}

#[test]
fn a_track_was_published_when_its_recording_was_requested_if_both_are_in_one_second() {
    let prompt = meeting().published(10.0, 90.0).recorded(11.25, 90.0);
    let shorter_than_a_second = meeting().published(10.0, 10.0).recorded(10.75, 11.0);

    assert_eq!(prompt.outline(), "79.25 = 78.75 + 0.5");
    assert_eq!(shorter_than_a_second.outline(), "0 = 0 + 0");
}

#[test]
fn what_was_published_before_or_after_the_recording_is_late_or_cut() {
    let short = meeting().published(10.0, 90.0).recorded(15.0, 80.0);

    assert_eq!(short.outline(), "80 = 65 + 15, late of 1 10-15, cut of 1 80-90");
}

#[test]
fn holes_have_the_cause_that_the_recorder_noted() {
    let torn = meeting()
        .published(10.0, 90.0)
        .recorded(10.0, 90.0)
        .hole(20.0, 21.0, GapCause::Loss)
        .hole(30.0, 32.0, GapCause::RecorderRestarted)
        .hole(40.0, 43.0, GapCause::ConnectionLost)
        .hole(50.0, 54.0, GapCause::DiskFull)
        .hole(60.0, 60.1, GapCause::Loss);

    assert_eq!(
        torn.outline(),
        "80 = 69.9 + 10.1, lost_packets of 1 20-21, recorder_restarted of 1 30-32, connection_lost of 1 40-43, \
         disk_full of 1 50-54"
    );
}

#[test]
fn an_overlap_of_two_recordings_counts_once_and_one_fills_the_holes_of_the_other() {
    let twice = meeting()
        .published(0.0, 100.0)
        .recorded(0.0, 60.0)
        .hole(20.0, 30.0, GapCause::ConnectionLost)
        .recorded(25.0, 100.0);

    assert_eq!(twice.outline(), "100 = 95 + 5, connection_lost of 1 20-25");
}

#[test]
fn between_two_recordings_the_first_is_cut() {
    let replaced = meeting()
        .published(0.0, 100.0)
        .recorded(0.0, 40.0)
        .recorded(44.0, 100.0);

    assert_eq!(replaced.outline(), "100 = 96 + 4, cut of 1 40-44");
}

#[test]
fn a_track_that_was_never_recorded_has_the_reason_of_its_recording() {
    let failing = |reason| meeting().published(10.0, 90.0).recording(10.0, failed(reason, 20.0));

    assert_eq!(
        failing(FailureReason::StartFailed).outline(),
        "80 = 0 + 80, start_failed? of 1 10-90"
    );
    assert_eq!(
        failing(FailureReason::CaptureFailed).outline(),
        "80 = 0 + 80, capture_failed of 1 10-90"
    );
    assert_eq!(
        meeting().published(10.0, 90.0).outline(),
        "80 = 0 + 80, never_recorded 10-90"
    );
}

#[test]
fn a_failed_recording_explains_what_was_lost_until_the_next_one_began() {
    let lost = meeting()
        .published(0.0, 100.0)
        .recording(0.0, failed(FailureReason::Stuck, 30.0))
        .recorded(36.0, 100.0);
    let cut = meeting()
        .published(0.0, 100.0)
        .recording(0.0, failed(FailureReason::Aborted, 60.0))
        .accepted(5.0, 60.0);

    assert_eq!(lost.outline(), "100 = 64 + 36, stuck? of 1 0-36");
    assert_eq!(cut.outline(), "100 = 55 + 45, late of 1 0-5, aborted of 1 60-100");
}

#[test]
fn a_track_of_which_nothing_was_recorded_is_listed_however_short_it_was() {
    let moment = meeting()
        .published(10.0, 10.0)
        .recording(10.0, failed(FailureReason::CaptureFailed, 10.0));

    assert_eq!(moment.outline(), "0 = 0 + 0, capture_failed of 1 10-10");
}

#[test]
fn a_track_without_audio_misses_nothing_if_the_recorder_listened() {
    let silent = meeting()
        .published(10.0, 90.0)
        .not_recorded(NotRecorded::NoAudio)
        .recording(10.0, failed(FailureReason::NoAudio, 90.0));
    let moment = meeting()
        .published(10.0, 10.0)
        .recording(10.0, failed(FailureReason::NoAudio, 10.0));
    let then_spoke = meeting()
        .published(0.0, 100.0)
        .recording(0.0, failed(FailureReason::NoAudio, 40.0))
        .recorded(40.5, 100.0);
    let stopped = meeting()
        .published(0.0, 100.0)
        .recording(0.0, failed(FailureReason::NoAudio, 40.0));

    assert_eq!(silent.outline(), "80 = 80 + 0, not recorded: TR_1 no_audio");
    assert_eq!(moment.outline(), "0 = 0 + 0");
    assert_eq!(then_spoke.outline(), "100 = 99.5 + 0.5, cut of 1 40-40.5");
    assert_eq!(stopped.outline(), "100 = 40 + 60, cut of 1 40-100");
}

#[test]
fn what_nobody_can_record_is_missing_and_what_nobody_wanted_is_not() {
    let refused = |reason| meeting().published(10.0, 90.0).not_recorded(reason).outline();

    assert_eq!(
        refused(NotRecorded::E2ee),
        "80 = 0 + 80, e2ee 10-90, not recorded: TR_1 e2ee"
    );
    assert_eq!(
        refused(NotRecorded::Codec),
        "80 = 0 + 80, codec 10-90, not recorded: TR_1 codec"
    );
    for reason in [NotRecorded::Policy, NotRecorded::Consent, NotRecorded::ScreenShareAudio] {
        assert_eq!(refused(reason), format!("0 = 0 + 0, not recorded: TR_1 {reason}"));
    }
}

#[test]
fn tracks_are_added_up() {
    let rejoined = meeting()
        .published(0.0, 40.0)
        .recorded(0.0, 30.0)
        .published(50.0, 100.0)
        .recorded(55.0, 100.0);

    assert_eq!(rejoined.outline(), "90 = 75 + 15, cut of 1 30-40, late of 2 50-55");
}

#[test]
fn while_anything_may_change_the_result_is_not_final() {
    let open = || meeting().still_open().published(10.0, 90.0).live();

    assert_eq!(open().recording(10.0, active(30.0)).outline(), "90 = 90 + 0…");
    assert_eq!(
        open().recording(10.0, RecordingState::Requested).outline(),
        "90 = 0 + 90, late of 1 10-100…"
    );
    assert_eq!(open().recorded(10.0, 100.0).outline(), "90 = 90 + 0…");
    let stored = meeting().published(10.0, 90.0).recording(10.0, complete(30.0, 90.0));
    assert_eq!(stored.outline(), "80 = 80 + 0…");
}

#[test]
fn a_recording_accepted_by_an_older_program_counts_from_its_request_to_its_end() {
    let old = meeting()
        .published(10.0, 90.0)
        .recorded(40.0, 80.0)
        .accepted_by_an_older_program();

    assert_eq!(old.outline(), "80 = 40.5 + 39.5, late of 1 10-39.5, cut of 1 80-90");
}

#[test]
fn a_track_published_just_before_the_meeting_starts_with_it() {
    let early = meeting().published(-0.9, 50.0).recorded(4.0, 50.0);

    assert_eq!(early.outline(), "50.9 = 46 + 4.9, late of 1 0-4");
}

#[test]
fn a_persons_recording_of_an_unknown_track_and_a_mixed_one_count_for_every_track_they_hold() {
    let of_ada = meeting().published(10.0, 90.0).recorded_whole(Some("ada"), 5.0, 80.0);
    let of_bob = meeting().published(10.0, 90.0).recorded_whole(Some("bob"), 5.0, 95.0);
    let mixed = meeting()
        .published(10.0, 50.0)
        .published(50.0, 90.0)
        .recorded_whole(None, 5.0, 95.0);

    assert_eq!(of_ada.outline(), "80 = 70 + 10, cut of 1 80-90");
    assert_eq!(of_bob.outline(), "80 = 0 + 80, never_recorded 10-90");
    assert_eq!(mixed.outline(), "80 = 80 + 0");
}

#[test]
fn a_capture_of_the_whole_meeting_does_not_tell_when_a_track_was_published() {
    let requested_within_the_second = meeting().published(10.0, 90.0).recorded_whole(None, 19.5, 90.0);

    assert_eq!(
        requested_within_the_second.outline(),
        "80 = 70.5 + 9.5, late of 1 10-19.5"
    );
}
