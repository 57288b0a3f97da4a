//! Times in which nothing was heard, apart from the silence around them.

use domain::manifest::GapCause;

use super::support::*;

#[test]
fn packets_kept_from_the_recorder_leave_a_gap_with_that_cause() {
    let mut scenario = Scenario::new();
    scenario.send_speech(100);

    for _ in 0..250 {
        let now = scenario.now();
        scenario.recorder.note_hole(now..=now, GapCause::DiskFull);
        scenario.lose(1);
    }
    scenario.silence(5000);
    scenario.send_speech(100);
    let recording = scenario.finish();

    let causes: Vec<_> = recording
        .summary
        .gaps
        .iter()
        .map(|gap| (gap.cause, gap.samples.as_millis()))
        .collect();
    assert_eq!(causes, [(GapCause::DiskFull, 5000), (GapCause::Silence, 5000)]);
    assert_eq!(recording.summary.gaps[0].lost_packets, 250);
}

#[test]
fn packets_that_a_full_queue_dropped_leave_one_gap_with_that_cause() {
    let mut scenario = Scenario::new();
    scenario.send_speech(100);

    let from = scenario.now();
    scenario.lose(250);
    scenario.recorder.note_hole(from..=scenario.now(), GapCause::Overload);
    scenario.send_speech(100);
    let recording = scenario.finish();

    let gaps = &recording.summary.gaps;
    assert_eq!(
        gaps.iter().map(|gap| (gap.cause, gap.lost_packets)).collect::<Vec<_>>(),
        [(GapCause::Overload, 250)]
    );
    assert_eq!(gaps[0].samples.as_millis(), 5000);
}

#[test]
fn silence_before_the_connection_is_lost_is_not_part_of_the_hole() {
    let mut scenario = Scenario::new();
    scenario.send_speech(100);
    scenario.silence(10_000);

    scenario.recorder.handle_lost(scenario.now());
    scenario.silence(4000);
    scenario.reconnect(2, 5);
    scenario.silence(10_000);
    scenario.send_speech(100);
    let recording = scenario.finish();

    let causes: Vec<_> = recording
        .summary
        .gaps
        .iter()
        .map(|gap| (gap.cause, gap.samples.as_millis()))
        .collect();
    assert_eq!(
        causes,
        [
            (GapCause::Silence, 10_000),
            (GapCause::ConnectionLost, 4000),
            (GapCause::Silence, 10_000)
        ]
    );
}

#[test]
fn what_nobody_listened_to_while_the_machine_stood_still_is_no_silence() {
    let mut scenario = Scenario::new();
    scenario.send_speech(100);

    // Packets of the first four seconds wait in the socket; what follows is dropped.
    scenario.now_ms += 25_000;
    for _ in 0..200 {
        scenario.send(speech(0));
    }
    scenario.timestamp += 21_000 * 48;
    scenario.recorder.handle_lost(scenario.now());
    scenario.silence(300);
    scenario.reconnect(2, 5);
    scenario.send_speech(100);
    let recording = scenario.finish();

    let gaps = recording.summary.gaps.iter();
    let gaps: Vec<_> = gaps.map(|gap| (gap.cause, gap.samples.as_millis())).collect();
    assert_eq!(gaps, [(GapCause::ConnectionLost, 21_300)]);
    assert_eq!(recording.ms(), 2000 + 25_000 + 300 + 2000);
}
