use domain::manifest::{Gap, GapCause};

use super::*;

#[test]
fn after_a_reconnect_the_gap_is_exact_if_timestamps_agree_with_arrivals() {
    let mut studio = Studio::open();
    studio.talk(50);

    studio.silence(460);
    studio.pass(70);
    studio.reconnect(2, 5);
    studio.talk(50);
    let recording = studio.finish();

    assert_eq!(recording.heard()[50], (50, 1460));
    let gap = Gap {
        start_sample: 48_000,
        samples: 460 * 48,
        cause: GapCause::ConnectionLost,
        lost_packets: 0,
    };
    assert_eq!(recording.summary.gaps, [gap]);
}

#[test]
fn after_a_reconnect_with_other_timestamps_arrivals_decide() {
    let mut studio = Studio::open();
    studio.talk(50);

    studio.pass(460);
    studio.timestamp = 4_000_000_000;
    studio.reconnect(2, 5);
    studio.talk(50);
    let recording = studio.finish();

    assert_eq!(recording.heard()[50], (50, 1460));
    assert_eq!(recording.summary.gaps[0].cause, GapCause::ConnectionLost);
}

#[test]
fn packets_that_the_old_connection_had_delivered_are_written_once() {
    let mut studio = Studio::open();
    studio.talk(50);

    studio.timestamp -= 3 * 960;
    studio.number -= 3;
    studio.reconnect(2, 5);
    studio.talk(50);
    let recording = studio.finish();

    let numbers: Vec<_> = recording.heard().iter().map(|h| h.0).collect();
    assert_eq!(numbers, (0..97).collect::<Vec<_>>());
    assert_eq!(recording.summary.counts.duplicate, 3);
}

#[test]
fn another_ssrc_is_a_new_source_even_unannounced() {
    let mut studio = Studio::open();
    studio.talk(50);

    studio.ssrc = 99;
    studio.seq_no = 3;
    studio.talk(50);
    let recording = studio.finish();

    assert_eq!(recording.heard().len(), 100);
    assert_eq!(recording.ms(), 2000);
}

#[test]
fn what_waited_for_the_old_connection_is_not_lost_with_it() {
    let mut studio = Studio::open();
    studio.talk(10);
    studio.lose(1);
    studio.talk(2);

    studio.reconnect(2, 5);
    studio.talk(10);
    let recording = studio.finish();

    assert_eq!(recording.heard().len(), 22);
    assert_eq!(recording.ms(), 23 * 20);
}

#[test]
fn a_jump_of_sequence_numbers_is_a_new_source() {
    for seq_no in [1_000_000, 70_000, 10] {
        let mut studio = Studio::open();
        studio.seq_no = 50_000;
        studio.talk(50);

        studio.seq_no = seq_no;
        studio.talk(50);
        studio.pass(500);
        let recording = studio.finish();

        assert_eq!(recording.heard().len(), 100, "{seq_no}");
        assert_eq!((recording.ms(), recording.summary.counts.lost), (2000, 0));
    }
}

#[test]
fn a_jump_of_timestamps_that_arrivals_deny_is_placed_by_arrival() {
    let mut studio = Studio::open();
    studio.talk(50);

    studio.timestamp = studio.timestamp.wrapping_add(3600 * 48_000);
    studio.pass(500);
    studio.talk(50);
    let recording = studio.finish();

    assert_eq!(recording.heard()[50], (50, 1500));
    assert_eq!(recording.summary.gaps[0].cause, GapCause::TimestampJump);
    assert_eq!(recording.ms(), 2500);
}

#[test]
fn what_a_stalled_network_delivers_late_is_not_stretched() {
    let mut studio = Studio::open();
    studio.talk(50);

    studio.pass(40_000);
    for number in 50..2050 {
        studio.send(speech(number));
    }
    let recording = studio.finish();

    assert_eq!(recording.ms(), 41_000);
    assert_eq!(recording.summary.gaps, []);
}
