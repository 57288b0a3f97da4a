use super::support::*;
use crate::recorder::{MuteState, Summary};

#[test]
fn a_track_without_packets_leaves_no_file() {
    let mut scenario = Scenario::new();
    scenario.pass(60_000);

    let recording = scenario.finish();

    assert!(recording.file.is_empty());
    assert_eq!(recording.summary, Summary::default());
}

#[test]
fn packets_waiting_behind_a_gap_are_written_at_the_end() {
    let mut scenario = Scenario::new();
    scenario.send_speech(10);
    scenario.lose(2);
    scenario.send_speech(3);

    let recording = scenario.finish();

    assert_eq!(recording.speech().last(), Some(&(14, 280)));
    assert_eq!(recording.summary.counts.lost, 2);
}

#[test]
fn an_end_within_the_initial_hold_loses_nothing() {
    let mut scenario = Scenario::new();
    scenario.send_speech(2);

    let recording = scenario.finish();

    assert_eq!(recording.speech(), [(0, 0), (1, 20)]);
}

#[test]
fn injected_silence_after_a_publishers_crash_does_not_lengthen_the_file() {
    for frames in [1, 10, 11] {
        let mut scenario = Scenario::new();
        scenario.send_speech(50);

        scenario.silence(21_800);
        scenario.inject(frames);
        let recording = scenario.finish();

        assert_eq!(recording.ms(), 1000);
        assert_eq!(recording.summary.counts.injected_dropped, u64::from(frames));
        assert_eq!(recording.summary.gaps, []);
    }
}

#[test]
fn injected_silence_right_after_the_last_word_is_dropped() {
    let mut scenario = Scenario::new();
    scenario.send_speech(50);

    scenario.inject(10);
    let recording = scenario.finish();

    assert_eq!(recording.ms(), 1000);
    assert_eq!(recording.summary.counts.injected_dropped, 10);
}

#[test]
fn the_silence_of_a_mute_is_kept_and_that_of_the_end_dropped() {
    let mut scenario = Scenario::new();
    scenario.send_speech(50);

    scenario.inject(50);
    scenario.silence(5000);
    scenario.inject(10);
    let recording = scenario.finish();

    assert_eq!(recording.ms(), 2000);
    assert_eq!(recording.summary.counts.injected_dropped, 10);
}

#[test]
fn a_longer_run_of_injected_silence_is_a_mute() {
    let mut scenario = Scenario::new();
    scenario.send_speech(50);

    scenario.silence(5000);
    scenario.inject(50);
    let recording = scenario.finish();

    assert_eq!(recording.ms(), 7000);
}

#[test]
fn speech_after_injected_silence_is_recorded_at_the_right_time() {
    let mut scenario = Scenario::new();
    scenario.send_speech(50);

    scenario.silence(5000);
    scenario.inject(5);
    scenario.send_speech(5);
    let recording = scenario.finish();

    assert_eq!(recording.speech()[50], (50, 6100));
    assert_eq!(recording.summary.counts.written, 60);
}

#[test]
fn a_track_of_only_injected_silence_leaves_no_file() {
    let mut scenario = Scenario::new();
    scenario.inject(10);

    let recording = scenario.finish();

    assert!(recording.file.is_empty());
    assert_eq!((recording.ms(), recording.summary.counts.injected_dropped), (0, 10));
}

#[test]
fn input_after_the_end_is_ignored() {
    let mut scenario = Scenario::new();
    scenario.send_speech(10);
    scenario.recorder.finish(scenario.now());
    scenario.drain();

    scenario.send_speech(10);
    scenario.mute(MuteState::Muted);
    scenario.reconnect(2, 0);
    let recording = scenario.finish();

    assert_eq!(recording.speech().len(), 10);
    assert_eq!(recording.summary.mutes, []);
}
