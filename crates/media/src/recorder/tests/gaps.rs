use domain::manifest::{Gap, GapCause};

use super::*;

#[test]
fn packets_are_stored_untouched_one_behind_the_other() {
    let mut studio = Studio::open();

    studio.talk(100);
    let recording = studio.finish();

    let expected: Vec<_> = (0..100).map(|n| (u64::from(n) * 960, speech(n))).collect();
    assert_eq!(recording.packets, expected);
    assert_eq!(recording.summary.counts.written, 100);
    assert_eq!(recording.summary.gaps, []);
}

#[test]
fn packets_that_overtook_each_other_are_put_in_order() {
    let mut studio = Studio::open();
    studio.talk(10);

    let (seq_no, timestamp) = (studio.seq_no, studio.timestamp);
    studio.arrive(seq_no + 1, timestamp + 960, speech(11));
    studio.pass(30);
    studio.arrive(seq_no, timestamp, speech(10));
    let recording = studio.finish();

    assert_eq!(
        recording.heard().iter().map(|h| h.0).collect::<Vec<_>>(),
        (0..12).collect::<Vec<_>>()
    );
    assert_eq!(recording.summary.counts.lost, 0);
}

#[test]
fn a_mute_keeps_its_length() {
    let mut studio = Studio::open();
    studio.talk(50);
    studio.inject(50);

    studio.silence(11_060);
    studio.talk(10);
    let recording = studio.finish();

    assert_eq!(recording.heard()[50], (50, 13_060));
    assert_eq!(recording.ms(), 13_260);
    let gap = Gap {
        start_sample: 96_000,
        samples: 11_060 * 48,
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
    let mut studio = Studio::open();
    studio.talk(5);

    for _ in 0..3 {
        studio.silence(380);
        studio.send(Bytes::from_static(&[0x78, 1, 2]));
        studio.pass(20);
        studio.send(Bytes::from_static(&[0x78]));
        studio.pass(20);
    }
    studio.talk(1);
    let recording = studio.finish();

    assert_eq!(recording.heard()[5], (5, 100 + 3 * 420));
    assert_eq!(recording.summary.gaps.len(), 3);
}

#[test]
fn a_short_loss_is_left_to_the_decoder_to_conceal() {
    let mut studio = Studio::open();
    studio.talk(50);

    studio.lose(3);
    studio.talk(50);
    let recording = studio.finish();

    assert_eq!(recording.fillers(1000, 1060), vec![Bytes::from_static(&[0x78]); 3]);
    assert_eq!(recording.heard()[50], (53, 1060));
    let gap = Gap {
        start_sample: 48_000,
        samples: 2880,
        cause: GapCause::Loss,
        lost_packets: 3,
    };
    assert_eq!((recording.summary.gaps, recording.summary.counts.lost), (vec![gap], 3));
}

#[test]
fn a_long_loss_is_silence() {
    let mut studio = Studio::open();
    studio.talk(50);

    studio.lose(50);
    studio.talk(50);
    let recording = studio.finish();

    assert_eq!(
        recording.fillers(1000, 2000),
        vec![Bytes::from_static(&[0xf8, 0xff, 0xfe]); 50]
    );
    assert_eq!(recording.summary.gaps[0].cause, GapCause::Loss);
    assert_eq!(recording.summary.counts.lost, 50);
}

#[test]
fn a_packet_that_comes_after_its_place_was_filled_is_counted_and_left_out() {
    let mut studio = Studio::open();
    studio.talk(10);
    let (seq_no, timestamp) = (studio.seq_no, studio.timestamp);

    studio.lose(1);
    studio.talk(30);
    studio.arrive(seq_no, timestamp, speech(10));
    let recording = studio.finish();

    assert_eq!(recording.summary.counts.late, 1);
    assert_eq!(recording.heard().len(), 40);
    assert_eq!(recording.ms(), 41 * 20);
}

#[test]
fn a_packet_that_comes_again_in_time_fills_its_hole() {
    let mut studio = Studio::open();
    studio.talk(10);
    let (seq_no, timestamp) = (studio.seq_no, studio.timestamp);

    studio.lose(1);
    studio.talk(20);
    studio.arrive(seq_no, timestamp, speech(10));
    studio.arrive(seq_no + 5, timestamp + 5 * 960, speech(15));
    let recording = studio.finish();

    assert_eq!(recording.heard().len(), 31);
    assert_eq!(recording.summary.gaps, []);
    assert_eq!(recording.summary.counts.lost, 0);
}

#[test]
fn a_gap_of_no_whole_frame_is_carried_not_added_up() {
    let mut studio = Studio::open();
    studio.talk(10);

    for _ in 0..100 {
        studio.timestamp += 100;
        studio.talk(1);
    }
    let recording = studio.finish();

    // 100 samples are less than the shortest frame; what is owed is never more than that
    let due_samples = 110 * 960 + 100 * 100;
    assert!(due_samples - recording.summary.samples < 120);
}

#[test]
fn an_overlap_is_written_and_repaid_by_the_next_silence() {
    let mut studio = Studio::open();
    studio.talk(10);

    studio.timestamp -= 960;
    studio.talk(10);
    studio.silence(1000);
    studio.talk(1);
    let recording = studio.finish();

    assert_eq!(recording.heard()[10], (10, 200));
    assert_eq!(recording.heard()[20], (20, 200 - 20 + 200 + 1000));
    assert_eq!(recording.summary.gaps[0].samples, 980 * 48);
}

#[test]
fn packets_far_too_early_are_dropped_but_not_for_ever() {
    let mut studio = Studio::open();
    studio.talk(50);

    studio.timestamp = studio.timestamp.wrapping_sub(48_000 * 10);
    studio.talk(100);
    let recording = studio.finish();

    assert_eq!(recording.summary.counts.overlapping, 25);
    assert_eq!(recording.heard().len(), 125);
    assert_eq!(recording.ms(), 2500);
}

#[test]
fn packets_that_are_not_opus_are_counted_and_keep_their_time() {
    let mut studio = Studio::open();
    studio.talk(10);

    studio.send(Bytes::new());
    studio.pass(20);
    studio.send(Bytes::from_static(&[0xfb, 63]));
    studio.pass(20);
    studio.talk(10);
    let recording = studio.finish();

    assert_eq!(recording.summary.counts.malformed, 2);
    assert_eq!(recording.summary.counts.lost, 0);
    assert_eq!(recording.heard()[10], (10, 240));
}

#[test]
fn packets_of_other_lengths_lie_where_their_timestamps_say() {
    let mut studio = Studio::open();
    let sixty_ms = [&[0x7b, 3][..], &[1; 30]].concat();

    for _ in 0..5 {
        studio.send(sixty_ms.clone().into());
        studio.pass(60);
    }
    let recording = studio.finish();

    assert_eq!(
        recording.packets.iter().map(|p| p.0).collect::<Vec<_>>(),
        [0, 2880, 5760, 8640, 11_520]
    );
}

#[test]
fn a_mute_of_hours_needs_neither_memory_nor_much_space() {
    let mute_ms = 5 * 3600 * 1000;
    let mut studio = Studio::open();
    studio.talk(10);

    studio.silence(mute_ms);
    studio.talk(10);
    let bytes: usize = studio.pages.iter().map(|page| page.bytes.len()).sum();
    let largest = studio.pages.iter().map(|page| page.bytes.len()).max();
    let recording = studio.finish();

    assert_eq!(recording.ms(), mute_ms + 400);
    assert_eq!(recording.summary.gaps.len(), 1);
    assert!(bytes < 240 * 5 * 3600, "{bytes}");
    assert!(largest < Some(2000));
}
