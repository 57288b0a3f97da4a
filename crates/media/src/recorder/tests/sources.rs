use domain::SampleTime;
use domain::manifest::{Gap, GapCause};

use super::support::*;

#[test]
fn after_a_reconnect_the_gap_is_exact_if_timestamps_agree_with_arrivals() {
    let mut scenario = Scenario::new();
    scenario.send_speech(50);

    scenario.silence(460);
    scenario.pass(70);
    scenario.reconnect(2, 5);
    scenario.send_speech(50);
    let recording = scenario.finish();

    assert_eq!(recording.speech()[50], (50, 1460));
    let gap = Gap {
        start_sample: SampleTime(48_000),
        samples: SampleTime(460 * 48),
        cause: GapCause::ConnectionLost,
        lost_packets: 0,
    };
    assert_eq!(recording.summary.gaps, [gap]);
}

#[test]
fn after_a_reconnect_with_unrelated_timestamps_arrivals_decide() {
    let mut scenario = Scenario::new();
    scenario.send_speech(50);

    scenario.pass(460);
    scenario.timestamp = 4_000_000_000;
    scenario.reconnect(2, 5);
    scenario.send_speech(50);
    let recording = scenario.finish();

    assert_eq!(recording.speech()[50], (50, 1460));
    assert_eq!(recording.summary.gaps[0].cause, GapCause::ConnectionLost);
}

#[test]
fn packets_delivered_by_both_connections_are_written_once() {
    let mut scenario = Scenario::new();
    scenario.send_speech(50);

    scenario.timestamp -= 3 * 960;
    scenario.number -= 3;
    scenario.reconnect(2, 5);
    scenario.send_speech(50);
    let recording = scenario.finish();

    let numbers: Vec<_> = recording.speech().iter().map(|h| h.0).collect();
    assert_eq!(numbers, (0..97).collect::<Vec<_>>());
    assert_eq!(recording.summary.counts.duplicate, 3);
}

#[test]
fn another_ssrc_is_a_new_source_even_without_a_reconnect() {
    let mut scenario = Scenario::new();
    scenario.send_speech(50);

    scenario.ssrc = 99;
    scenario.seq_no = 3;
    scenario.send_speech(50);
    let recording = scenario.finish();

    assert_eq!(recording.speech().len(), 100);
    assert_eq!(recording.ms(), 2000);
}

#[test]
fn packets_waiting_at_a_reconnect_are_not_lost() {
    let mut scenario = Scenario::new();
    scenario.send_speech(10);
    scenario.lose(1);
    scenario.send_speech(2);

    scenario.reconnect(2, 5);
    scenario.send_speech(10);
    let recording = scenario.finish();

    assert_eq!(recording.speech().len(), 22);
    assert_eq!(recording.ms(), 23 * 20);
}

#[test]
fn a_jump_of_sequence_numbers_is_a_new_source() {
    for seq_no in [1_000_000, 70_000, 10] {
        let mut scenario = Scenario::new();
        scenario.seq_no = 50_000;
        scenario.send_speech(50);

        scenario.seq_no = seq_no;
        scenario.send_speech(50);
        scenario.pass(500);
        let recording = scenario.finish();

        assert_eq!(recording.speech().len(), 100, "{seq_no}");
        assert_eq!((recording.ms(), recording.summary.counts.lost), (2000, 0));
    }
}

#[test]
fn what_is_missing_by_sequence_numbers_is_a_loss_however_many_are_missing() {
    for lost in [2999, 3001, 100_000] {
        let mut scenario = Scenario::new();
        scenario.send_speech(50);

        scenario.lose(lost);
        scenario.send_speech(50);
        scenario.pass(500);
        let recording = scenario.finish();

        let gaps: Vec<_> = recording.summary.gaps.iter().map(|gap| gap.cause).collect();
        assert_eq!(gaps, [GapCause::Loss], "{lost} packets");
    }
}

#[test]
fn a_timestamp_jump_that_arrivals_contradict_is_placed_by_arrival() {
    let mut scenario = Scenario::new();
    scenario.send_speech(50);

    scenario.timestamp = scenario.timestamp.wrapping_add(3600 * 48_000);
    scenario.pass(500);
    scenario.send_speech(50);
    let recording = scenario.finish();

    assert_eq!(recording.speech()[50], (50, 1500));
    assert_eq!(recording.summary.gaps[0].cause, GapCause::TimestampJump);
    assert_eq!(recording.ms(), 2500);
}

#[test]
fn packets_delivered_late_by_a_stalled_network_are_not_stretched() {
    let mut scenario = Scenario::new();
    scenario.send_speech(50);

    scenario.pass(40_000);
    for number in 50..2050 {
        scenario.send(speech(number));
    }
    let recording = scenario.finish();

    assert_eq!(recording.ms(), 41_000);
    assert_eq!(recording.summary.gaps, []);
}
