use super::*;

#[test]
fn a_track_without_packets_makes_no_file() {
    let mut studio = Studio::open();
    studio.pass(60_000);

    let recording = studio.finish();

    assert!(recording.file.is_empty());
    assert_eq!(recording.summary, Summary::default());
}

#[test]
fn what_waits_behind_a_hole_is_written_at_the_end() {
    let mut studio = Studio::open();
    studio.talk(10);
    studio.lose(2);
    studio.talk(3);

    let recording = studio.finish();

    assert_eq!(recording.heard().last(), Some(&(14, 280)));
    assert_eq!(recording.summary.counts.lost, 2);
}

#[test]
fn an_end_within_the_first_hold_loses_nothing() {
    let mut studio = Studio::open();
    studio.talk(2);

    let recording = studio.finish();

    assert_eq!(recording.heard(), [(0, 0), (1, 20)]);
}

#[test]
fn the_servers_silence_after_a_publishers_death_does_not_lengthen_the_file() {
    for frames in [1, 10, 11] {
        let mut studio = Studio::open();
        studio.talk(50);

        studio.silence(21_800);
        studio.inject(frames);
        let recording = studio.finish();

        assert_eq!(recording.ms(), 1000);
        assert_eq!(recording.summary.counts.injected_dropped, u64::from(frames));
        assert_eq!(recording.summary.gaps, []);
    }
}

#[test]
fn the_servers_silence_right_behind_the_last_word_is_not_the_publishers() {
    let mut studio = Studio::open();
    studio.talk(50);

    studio.inject(10);
    let recording = studio.finish();

    assert_eq!(recording.ms(), 1000);
    assert_eq!(recording.summary.counts.injected_dropped, 10);
}

#[test]
fn a_mute_keeps_its_silence_and_loses_that_of_the_end() {
    let mut studio = Studio::open();
    studio.talk(50);

    studio.inject(50);
    studio.silence(5000);
    studio.inject(10);
    let recording = studio.finish();

    assert_eq!(recording.ms(), 2000);
    assert_eq!(recording.summary.counts.injected_dropped, 10);
}

#[test]
fn a_longer_run_of_the_servers_silence_was_a_mute() {
    let mut studio = Studio::open();
    studio.talk(50);

    studio.silence(5000);
    studio.inject(50);
    let recording = studio.finish();

    assert_eq!(recording.ms(), 7000);
}

#[test]
fn a_publisher_who_comes_back_after_the_servers_silence_is_heard_at_the_right_time() {
    let mut studio = Studio::open();
    studio.talk(50);

    studio.silence(5000);
    studio.inject(5);
    studio.talk(5);
    let recording = studio.finish();

    assert_eq!(recording.heard()[50], (50, 6100));
    assert_eq!(recording.summary.counts.written, 60);
}

#[test]
fn a_track_of_nothing_but_the_servers_silence_makes_no_file() {
    let mut studio = Studio::open();
    studio.inject(10);

    let recording = studio.finish();

    assert!(recording.file.is_empty());
    assert_eq!((recording.ms(), recording.summary.counts.injected_dropped), (0, 10));
}

#[test]
fn after_the_end_nothing_changes() {
    let mut studio = Studio::open();
    studio.talk(10);
    studio.recorder.finish(studio.now());
    studio.drain();

    studio.talk(10);
    studio.mute(MuteState::Muted);
    studio.reconnect(2, 0);
    let recording = studio.finish();

    assert_eq!(recording.heard().len(), 10);
    assert_eq!(recording.summary.mutes, []);
}
