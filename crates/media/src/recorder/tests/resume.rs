//! A recorder dies and another one continues its file.

use domain::SampleTime;
use domain::manifest::GapCause;

use super::life::*;
use super::support::*;
use crate::recorder::{JournalEntry, MuteState};

#[test]
fn a_killed_recorder_is_continued_and_the_hole_is_listed_once() {
    let mut life = Life::new();
    life.speak(500);

    let mut life = life.restart(0, 0, 2000);
    life.scenario.number += 100;
    life.speak(500);
    let recording = life.finish();

    let speech = checked(&recording);
    assert_in_place(&speech, 0);
    let [hole] = recording.summary.gaps[..] else {
        panic!("{:?}", recording.summary.gaps)
    };
    assert_eq!(hole.cause, GapCause::RecorderRestarted);
    assert!((2000..=2500).contains(&(hole.samples.as_millis())), "{hole:?}");
}

#[test]
fn a_suspended_recorder_loses_nothing_that_it_received() {
    let mut life = Life::new();
    life.speak(507);
    life.suspend();

    let mut life = life.restart(0, 0, 1000);
    life.scenario.number += 50;
    life.speak(50);
    let recording = life.finish();

    checked(&recording);
    let start = 507 * 960;
    assert_eq!(
        recording.summary.gaps,
        [gap(start, start + SECOND, GapCause::RecorderRestarted)]
    );
}

#[test]
fn timestamps_that_do_not_continue_are_placed_by_arrival() {
    let mut life = Life::new();
    life.speak(500);

    let mut life = life.restart(0, 0, 2000);
    life.scenario.number += 100;
    life.scenario.timestamp = 77;
    life.speak(50);
    let recording = life.finish();

    assert_in_place(&checked(&recording), 25);
}

#[test]
fn silence_before_and_after_the_restart_is_not_claimed_as_lost() {
    let mut life = Life::new();
    life.speak(500);
    life.step(|scenario| scenario.mute(MuteState::Muted));
    life.silence(60_000);

    let mut life = life.restart(0, 0, 2000);
    life.step(|scenario| scenario.joined());
    life.silence(30_000);
    life.step(|scenario| scenario.mute(MuteState::Unmuted));
    life.speak(50);
    let recording = life.finish();

    checked(&recording);
    let gaps = &recording.summary.gaps;
    let causes: Vec<_> = gaps.iter().map(|gap| gap.cause).collect();
    assert_eq!(
        causes,
        [GapCause::Silence, GapCause::RecorderRestarted, GapCause::Silence]
    );
    assert!((2000..=3000).contains(&gaps[1].samples.as_millis()), "{gaps:?}");
    assert_eq!(recording.summary.mutes.len(), 1);
    assert_eq!(recording.summary.mutes[0].end_sample, Some(SampleTime(102 * SECOND)));
}

#[test]
fn two_restarts_during_one_silence_are_both_listed() {
    let mut life = Life::new();
    life.speak(500);
    life.silence(10_000);

    let mut life = life.restart(0, 0, 2000);
    life.step(|scenario| scenario.joined());
    life.silence(10_000);
    let mut life = life.restart(0, 0, 3000);
    life.step(|scenario| scenario.joined());
    life.silence(10_000);
    life.speak(50);
    let recording = life.finish();

    checked(&recording);
    let restarted = recording
        .summary
        .gaps
        .iter()
        .filter(|gap| gap.cause == GapCause::RecorderRestarted);
    let lengths: Vec<_> = restarted.map(|gap| gap.samples.as_millis() / 1000).collect();
    assert_eq!(lengths, [2, 3]);
}

#[test]
fn a_file_without_audio_is_started_anew() {
    for cut in [0, 30, 100] {
        let mut life = Life::new();
        life.speak(50);
        let (file, _) = life.pages_and_lines();

        let mut life = life.restart(file.len() - cut, 0, 2000);
        life.speak(50);
        let recording = life.finish();

        assert_eq!(checked(&recording).len(), 50);
        assert_eq!(recording.summary.gaps, []);
    }
}

#[test]
fn a_lost_journal_costs_only_what_it_said() {
    let mut life = Life::new();
    life.speak(200);
    life.silence(3000);
    life.speak(200);

    let mut life = life.restart(0, usize::MAX, 2000);
    life.speak(50);
    let recording = life.finish();

    checked(&recording);
    assert_eq!(recording.summary.gaps.len(), 2);
    assert!(recording.summary.clock.is_some());
}

#[test]
fn a_wrong_clock_after_a_reboot_does_not_fill_the_disk() {
    for shift_s in [-40 * 365 * 86_400, -3600, 40 * 365 * 86_400] {
        let mut life = Life::new();
        life.speak(200);
        life.suspend();
        life.scenario.shift_clock(shift_s);

        let mut life = life.restart(0, 0, 2000);
        life.speak(200);
        life.silence(2000);
        life.speak(50);
        let samples = life.scenario.recorder.samples();

        assert!(samples <= SampleTime(86_500 * SECOND), "{shift_s}: {samples}");
        assert_eq!(life.scenario.recorder.counts().written, 450, "{shift_s}");
    }
}

#[test]
fn the_clock_continues() {
    let mut life = Life::new();
    life.speak(4000);

    let mut life = life.restart(0, 0, 2000);
    life.scenario.number += 100;
    life.speak(2000);
    let recording = life.finish();

    let clock = recording.summary.clock.unwrap();
    assert!(clock.fit.a_ns.nanos_since(START).abs() < 25_000_000, "{clock:?}");
    assert!((clock.fit.b_ns - 1e9 / 48_000.0).abs() < 0.01);
    assert_eq!(clock.first_rtp_timestamp, 50_000);
    assert_eq!(clock.first_arrival_ns, START);
}

#[test]
fn an_entry_is_small_and_reads_back() {
    let mut life = Life::new();
    life.speak(500);
    let (_, lines) = life.pages_and_lines();

    let longest = lines.lines().skip(1).map(str::len).max().unwrap();

    assert!(longest <= 420, "{lines}");
    assert_eq!(
        serde_json::from_str::<JournalEntry>("{\"later\":1}").unwrap(),
        JournalEntry::default()
    );
}
