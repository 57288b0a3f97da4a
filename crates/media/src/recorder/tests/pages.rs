use std::time::Duration;

use domain::SampleTime;

use super::support::*;
use crate::ogg::OggReader;
use crate::opus::PacketStream;

#[test]
fn the_first_page_is_returned_once_the_initial_hold_is_over() {
    let mut scenario = Scenario::new();

    scenario.send_speech(20);

    assert_eq!(scenario.pages[0].at_ms, 100);
    assert_eq!(scenario.pages[2].at_ms, 100);
    assert!(scenario.pages[0].bytes.windows(8).any(|bytes| bytes == b"OpusHead"));
    assert!(scenario.pages[1].bytes.windows(8).any(|bytes| bytes == b"OpusTags"));
}

#[test]
fn a_crash_loses_no_more_than_a_page() {
    let mut scenario = Scenario::new();

    for _ in 0..200 {
        scenario.send_speech(1);
        let written = samples_on_pages(&scenario);
        let lost = (scenario.recorder.samples() - written).as_secs_f64();
        assert!(lost <= 0.22 && scenario.recorder.samples() >= written, "{lost}");
    }
}

#[test]
fn speech_before_a_silence_is_returned_before_the_silence_ends() {
    let mut scenario = Scenario::new();
    scenario.send_speech(17);

    scenario.silence(2000);

    assert_eq!(samples_on_pages(&scenario), SampleTime(17 * 960));
    assert_eq!(scenario.drain(), None);
}

#[test]
fn a_torn_file_is_read_up_to_its_last_page() {
    let mut scenario = Scenario::new();
    scenario.send_speech(100);
    let file = scenario.file();

    let mut stream = PacketStream::open(&file[..file.len() - 1]).unwrap();
    let packets: Vec<_> = std::iter::from_fn(|| stream.next_packet().unwrap()).collect();

    assert!(stream.damage().is_torn);
    assert!(packets.len() > 70);
    assert!(
        packets
            .iter()
            .enumerate()
            .all(|(number, packet)| packet.data == speech(number as u32))
    );
}

#[test]
fn tags_and_channels_are_those_of_the_configuration() {
    let mut scenario = Scenario::with_config(|config| config.tags = vec![("TRACK".into(), "TR_1".into())]);
    scenario.send_speech(10);
    let recording = scenario.finish();

    let summary = crate::opus::probe(&recording.file[..]).unwrap();

    assert_eq!((summary.head.channels, summary.head.pre_skip), (2, 0));
    assert_eq!(summary.tags.tags, [("TRACK".to_owned(), "TR_1".to_owned())]);
}

#[test]
fn every_packet_is_on_a_page_within_half_a_second() {
    let mut scenario = Scenario::new();
    let mut sent = Vec::new();
    for burst in [1, 2, 3, 9, 10, 11, 25, 1] {
        for _ in 0..burst {
            sent.push((scenario.number, scenario.now_ms));
            scenario.send_speech(1);
        }
        scenario.silence(1500);
    }

    let at_ms = |number: u32| {
        let content = speech(number);
        let holds = |page: &&Page| page.bytes.windows(content.len()).any(|bytes| *bytes == content);
        scenario.pages.iter().find(holds).map(|page| page.at_ms)
    };

    for (number, sent_ms) in sent {
        let age = Duration::from_millis(at_ms(number).unwrap() - sent_ms);
        assert!(age <= Duration::from_millis(500), "packet {number}: {age:?}");
    }
}

fn samples_on_pages(scenario: &Scenario) -> SampleTime {
    let file = scenario.file();
    let mut reader = OggReader::new(&file[..]);
    let pages = std::iter::from_fn(|| reader.next_page().unwrap());
    SampleTime::from_samples(pages.filter_map(|page| page.granule).last().unwrap_or(0))
}
