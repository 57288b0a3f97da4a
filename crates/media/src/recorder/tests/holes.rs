//! Times in which nothing was heard, apart from the silence around them.

use domain::manifest::GapCause;

use super::support::*;

#[test]
fn packets_kept_from_the_recorder_leave_a_gap_with_that_cause() {
    let mut scenario = Scenario::new();
    scenario.send_speech(100);

    for _ in 0..250 {
        scenario.recorder.note_hole(scenario.now(), GapCause::DiskFull);
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
