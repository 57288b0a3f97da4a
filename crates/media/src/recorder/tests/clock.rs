use domain::manifest::{Anchor, Mute};
use domain::{SampleTime, UnixNanos};

use super::support::*;
use crate::recorder::MuteState;
use crate::timeline::offset_ms;

#[test]
fn the_first_packet_marks_the_start_of_the_file() {
    let mut scenario = Scenario::new();
    scenario.pass(3000);
    scenario.send_speech(10);

    let summary = scenario.finish().summary;

    let first = summary.first_packet.unwrap();
    assert_eq!(
        (first.rtp_timestamp, first.arrived_at),
        (50_000, START.saturating_add(3_000_000_000))
    );
    assert_eq!(summary.clock.unwrap().first_rtp_timestamp, 50_000);
}

#[test]
fn a_packets_last_sample_is_placed_at_its_arrival() {
    let mut scenario = Scenario::new();
    scenario.pass(3000);
    scenario.send_speech(100);

    let clock = scenario.finish().summary.clock.unwrap();

    // the packet's last sample was spoken before it was sent
    assert_eq!(offset_ms(&clock.fit, START), 2980);
}

#[test]
fn injected_silence_does_not_move_the_line() {
    let mut scenario = Scenario::new();
    scenario.send_speech(100);
    let undisturbed = SampleTime(100 * 960);

    // its timestamps run 27 ms ahead
    scenario.timestamp += 27 * 48;
    scenario.inject(50);
    let summary = scenario.finish().summary;

    assert!(summary.samples > undisturbed);
    assert_eq!(offset_ms(&summary.clock.unwrap().fit, START), -20);
}

#[test]
fn sender_reports_become_anchors() {
    let mut scenario = Scenario::new();
    scenario.report(1, 50_000, 1);
    scenario.send_speech(150);

    scenario.report(1, 50_000 + 48_000, 777_000_000_000);
    scenario.report(9, 50_000, 5);
    let clock = scenario.finish().summary.clock.unwrap();

    let anchor = Anchor {
        sample: SampleTime(48_000),
        publisher_ns: UnixNanos(777_000_000_000),
        arrival_ns: START.saturating_add(3_000_000_000),
    };
    assert_eq!(clock.anchors, [anchor]);
}

#[test]
fn mutes_are_listed_at_their_positions() {
    let mut scenario = Scenario::new();
    scenario.send_speech(50);

    scenario.mute(MuteState::Muted);
    scenario.inject(50);
    scenario.silence(2000);
    scenario.mute(MuteState::Unmuted);
    scenario.send_speech(50);
    scenario.mute(MuteState::Muted);
    let summary = scenario.finish().summary;

    let first = summary.mutes[0];
    assert!(first.start_sample.as_millis().abs_diff(1000) <= 20, "{first:?}");
    assert!(first.end_sample.unwrap().as_millis().abs_diff(4000) <= 20, "{first:?}");
    assert_eq!(summary.mutes[1].end_sample, None);
    assert!(summary.mutes[1].start_sample <= summary.samples);
}

#[test]
fn a_track_that_starts_muted_is_muted_from_sample_0() {
    let mut scenario = Scenario::new();
    scenario.mute(MuteState::Muted);
    scenario.inject(50);
    scenario.mute(MuteState::Unmuted);

    let summary = scenario.finish().summary;

    assert_eq!(summary.mutes.len(), 1);
    assert!(matches!(
        summary.mutes[0],
        Mute {
            start_sample: SampleTime::ZERO,
            end_sample: Some(_)
        }
    ));
}
