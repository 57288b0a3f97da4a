use domain::manifest::{Anchor, Mute};

use super::*;
use crate::timeline::offset_ms;

#[test]
fn the_first_packet_tells_where_the_file_begins() {
    let mut studio = Studio::open();
    studio.pass(3000);
    studio.talk(10);

    let summary = studio.finish().summary;

    let first = summary.first_packet.unwrap();
    assert_eq!(
        (first.rtp_timestamp, first.arrival_ns),
        (50_000, START_NS + 3_000_000_000)
    );
    assert_eq!(summary.clock.unwrap().first_rtp_timestamp, 50_000);
}

#[test]
fn a_sample_lies_where_its_packet_could_have_been_sent() {
    let mut studio = Studio::open();
    studio.pass(3000);
    studio.talk(100);

    let clock = studio.finish().summary.clock.unwrap();

    // the packet's last sample was spoken before it was sent
    assert_eq!(offset_ms(&clock.fit, START_NS), 2980);
}

#[test]
fn the_servers_silence_does_not_move_the_line() {
    let mut studio = Studio::open();
    studio.talk(100);
    let undisturbed = 100 * 960;

    // its timestamps run 27 ms ahead
    studio.timestamp += 27 * 48;
    studio.inject(50);
    let summary = studio.finish().summary;

    assert!(summary.samples > undisturbed);
    assert_eq!(offset_ms(&summary.clock.unwrap().fit, START_NS), -20);
}

#[test]
fn sender_reports_become_anchors() {
    let mut studio = Studio::open();
    studio.report(1, 50_000, 1);
    studio.talk(150);

    studio.report(1, 50_000 + 48_000, 777_000_000_000);
    studio.report(9, 50_000, 5);
    let clock = studio.finish().summary.clock.unwrap();

    let anchor = Anchor {
        sample: 48_000,
        publisher_ns: 777_000_000_000,
        arrival_ns: START_NS + 3_000_000_000,
    };
    assert_eq!(clock.anchors, [anchor]);
}

#[test]
fn mutes_are_noted_where_they_were() {
    let mut studio = Studio::open();
    studio.talk(50);

    studio.mute(MuteState::Muted);
    studio.inject(50);
    studio.silence(2000);
    studio.mute(MuteState::Unmuted);
    studio.talk(50);
    studio.mute(MuteState::Muted);
    let summary = studio.finish().summary;

    let ms = |samples: u64| samples / 48;
    let first = summary.mutes[0];
    assert!(ms(first.start_sample).abs_diff(1000) <= 20, "{first:?}");
    assert!(ms(first.end_sample.unwrap()).abs_diff(4000) <= 20, "{first:?}");
    assert_eq!(summary.mutes[1].end_sample, None);
    assert!(summary.mutes[1].start_sample <= summary.samples);
}

#[test]
fn a_track_that_starts_muted_is_muted_from_its_beginning() {
    let mut studio = Studio::open();
    studio.mute(MuteState::Muted);
    studio.inject(50);
    studio.mute(MuteState::Unmuted);

    let summary = studio.finish().summary;

    assert_eq!(summary.mutes.len(), 1);
    assert!(matches!(
        summary.mutes[0],
        Mute {
            start_sample: 0,
            end_sample: Some(_)
        }
    ));
}
