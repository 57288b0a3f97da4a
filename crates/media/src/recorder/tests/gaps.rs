use bytes::Bytes;
use domain::SampleTime;
use domain::manifest::{Gap, GapCause};

use super::support::*;

#[test]
fn packets_are_stored_unchanged_one_after_the_other() {
    let mut scenario = Scenario::new();

    scenario.send_speech(100);
    let recording = scenario.finish();

    let expected: Vec<_> = (0..100).map(|n| (u64::from(n) * 960, speech(n))).collect();
    assert_eq!(recording.packets, expected);
    assert_eq!(recording.summary.counts.written, 100);
    assert_eq!(recording.summary.gaps, []);
}

#[test]
fn packets_out_of_order_are_put_in_order() {
    let mut scenario = Scenario::new();
    scenario.send_speech(10);

    let (seq_no, timestamp) = (scenario.seq_no, scenario.timestamp);
    scenario.receive(seq_no + 1, timestamp + 960, speech(11));
    scenario.pass(30);
    scenario.receive(seq_no, timestamp, speech(10));
    let recording = scenario.finish();

    assert_eq!(
        recording.speech().iter().map(|h| h.0).collect::<Vec<_>>(),
        (0..12).collect::<Vec<_>>()
    );
    assert_eq!(recording.summary.counts.lost, 0);
}

#[test]
fn a_mute_keeps_its_length() {
    let mut scenario = Scenario::new();
    scenario.send_speech(50);
    scenario.inject(50);

    scenario.silence(11_060);
    scenario.send_speech(10);
    let recording = scenario.finish();

    assert_eq!(recording.speech()[50], (50, 13_060));
    assert_eq!(recording.ms(), 13_260);
    let gap = Gap {
        start_sample: SampleTime(96_000),
        samples: SampleTime(11_060 * 48),
        cause: GapCause::Silence,
        lost_packets: 0,
    };
    assert_eq!(recording.summary.gaps, [gap]);
    assert!(
        recording
            .fillers(2000, 13_060)
            .iter()
            .all(|filler| filler[..] == [0xf8, 0xff, 0xfe])
    );
}

#[test]
fn discontinuous_transmission_is_filled_between_its_bursts() {
    let mut scenario = Scenario::new();
    scenario.send_speech(5);

    for _ in 0..3 {
        scenario.silence(380);
        scenario.send(Bytes::from_static(&[0x78, 1, 2]));
        scenario.pass(20);
        scenario.send(Bytes::from_static(&[0x78]));
        scenario.pass(20);
    }
    scenario.send_speech(1);
    let recording = scenario.finish();

    assert_eq!(recording.speech()[5], (5, 100 + 3 * 420));
    assert_eq!(recording.summary.gaps.len(), 3);
}

#[test]
fn a_short_loss_is_left_to_the_decoders_concealment() {
    let mut scenario = Scenario::new();
    scenario.send_speech(50);

    scenario.lose(3);
    scenario.send_speech(50);
    let recording = scenario.finish();

    assert_eq!(recording.fillers(1000, 1060), vec![Bytes::from_static(&[0x78]); 3]);
    assert_eq!(recording.speech()[50], (53, 1060));
    let gap = Gap {
        start_sample: SampleTime(48_000),
        samples: SampleTime(2880),
        cause: GapCause::Loss,
        lost_packets: 3,
    };
    assert_eq!((recording.summary.gaps, recording.summary.counts.lost), (vec![gap], 3));
}

#[test]
fn a_long_loss_becomes_silence() {
    let mut scenario = Scenario::new();
    scenario.send_speech(50);

    scenario.lose(50);
    scenario.send_speech(50);
    let recording = scenario.finish();

    assert_eq!(
        recording.fillers(1000, 2000),
        vec![Bytes::from_static(&[0xf8, 0xff, 0xfe]); 50]
    );
    assert_eq!(recording.summary.gaps[0].cause, GapCause::Loss);
    assert_eq!(recording.summary.counts.lost, 50);
}

#[test]
fn a_packet_that_arrives_after_its_gap_was_filled_is_dropped_and_counted() {
    let mut scenario = Scenario::new();
    scenario.send_speech(10);
    let (seq_no, timestamp) = (scenario.seq_no, scenario.timestamp);

    scenario.lose(1);
    scenario.send_speech(30);
    scenario.receive(seq_no, timestamp, speech(10));
    let recording = scenario.finish();

    assert_eq!(recording.summary.counts.late, 1);
    assert_eq!(recording.speech().len(), 40);
    assert_eq!(recording.ms(), 41 * 20);
}

#[test]
fn a_retransmitted_packet_that_arrives_in_time_fills_its_gap() {
    let mut scenario = Scenario::new();
    scenario.send_speech(10);
    let (seq_no, timestamp) = (scenario.seq_no, scenario.timestamp);

    scenario.lose(1);
    scenario.send_speech(20);
    scenario.receive(seq_no, timestamp, speech(10));
    scenario.receive(seq_no + 5, timestamp + 5 * 960, speech(15));
    let recording = scenario.finish();

    assert_eq!(recording.speech().len(), 31);
    assert_eq!(recording.summary.gaps, []);
    assert_eq!(recording.summary.counts.lost, 0);
}

#[test]
fn gaps_shorter_than_a_frame_are_carried_over_and_do_not_accumulate() {
    let mut scenario = Scenario::new();
    scenario.send_speech(10);

    for _ in 0..100 {
        scenario.timestamp += 100;
        scenario.send_speech(1);
    }
    let recording = scenario.finish();

    // 100 samples are less than the shortest frame; the remainder never grows beyond one frame
    let due_samples = SampleTime(110 * 960 + 100 * 100);
    assert!(due_samples - recording.summary.samples < SampleTime(120));
}

#[test]
fn an_overlap_is_written_and_the_next_silence_is_shortened_by_it() {
    let mut scenario = Scenario::new();
    scenario.send_speech(10);

    scenario.timestamp -= 960;
    scenario.send_speech(10);
    scenario.silence(1000);
    scenario.send_speech(1);
    let recording = scenario.finish();

    assert_eq!(recording.speech()[10], (10, 200));
    assert_eq!(recording.speech()[20], (20, 200 - 20 + 200 + 1000));
    assert_eq!(recording.summary.gaps[0].samples, SampleTime(980 * 48));
}

#[test]
fn packets_far_too_early_are_dropped_for_half_a_second_at_most() {
    let mut scenario = Scenario::new();
    scenario.send_speech(50);

    scenario.timestamp = scenario.timestamp.wrapping_sub(48_000 * 10);
    scenario.send_speech(100);
    let recording = scenario.finish();

    assert_eq!(recording.summary.counts.overlapping, 25);
    assert_eq!(recording.speech().len(), 125);
    assert_eq!(recording.ms(), 2500);
}

#[test]
fn packets_that_are_not_opus_are_counted_and_keep_their_time() {
    let mut scenario = Scenario::new();
    scenario.send_speech(10);

    scenario.send(Bytes::new());
    scenario.pass(20);
    scenario.send(Bytes::from_static(&[0xfb, 63]));
    scenario.pass(20);
    scenario.send_speech(10);
    let recording = scenario.finish();

    assert_eq!(recording.summary.counts.malformed, 2);
    assert_eq!(recording.summary.counts.lost, 0);
    assert_eq!(recording.speech()[10], (10, 240));
}

#[test]
fn packets_of_other_lengths_are_placed_by_their_timestamps() {
    let mut scenario = Scenario::new();
    let sixty_ms = [&[0x7b, 3][..], &[1; 30]].concat();

    for _ in 0..5 {
        scenario.send(sixty_ms.clone().into());
        scenario.pass(60);
    }
    let recording = scenario.finish();

    assert_eq!(
        recording.packets.iter().map(|p| p.0).collect::<Vec<_>>(),
        [0, 2880, 5760, 8640, 11_520]
    );
}

#[test]
fn a_mute_of_hours_takes_little_memory_and_space() {
    let mute_ms = 5 * 3600 * 1000;
    let mut scenario = Scenario::new();
    scenario.send_speech(10);

    scenario.silence(mute_ms);
    scenario.send_speech(10);
    let bytes: usize = scenario.pages.iter().map(|page| page.bytes.len()).sum();
    let largest = scenario.pages.iter().map(|page| page.bytes.len()).max();
    let recording = scenario.finish();

    assert_eq!(recording.ms(), mute_ms + 400);
    assert_eq!(recording.summary.gaps.len(), 1);
    assert!(bytes < 240 * 5 * 3600, "{bytes}");
    assert!(largest < Some(2000));
}
