use super::*;
use crate::ogg::OggReader;

#[test]
fn the_first_sound_comes_out_as_soon_as_the_order_is_sure() {
    let mut studio = Studio::open();

    studio.talk(20);

    assert_eq!(studio.pages[0].at_ms, 100);
    assert_eq!(studio.pages[2].at_ms, 100);
    assert!(studio.pages[0].bytes.windows(8).any(|bytes| bytes == b"OpusHead"));
    assert!(studio.pages[1].bytes.windows(8).any(|bytes| bytes == b"OpusTags"));
}

#[test]
fn a_crash_costs_little_more_than_a_page() {
    let mut studio = Studio::open();

    for _ in 0..200 {
        studio.talk(1);
        let written = samples_on_pages(&studio);
        let lost = seconds(studio.recorder.samples() - written);
        assert!(lost <= 0.24 && studio.recorder.samples() >= written, "{lost}");
    }
}

#[test]
fn what_was_said_before_a_silence_does_not_wait_for_its_end() {
    let mut studio = Studio::open();
    studio.talk(17);

    studio.silence(2000);

    assert_eq!(samples_on_pages(&studio), 16 * 960);
    assert_eq!(studio.drain(), None);
}

#[test]
fn a_torn_file_is_read_up_to_its_last_page() {
    let mut studio = Studio::open();
    studio.talk(100);
    let file = studio.file();

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
fn tags_and_channels_are_those_of_the_settings() {
    let mut studio = Studio::open_with(|config| config.tags = vec![("TRACK".into(), "TR_1".into())]);
    studio.talk(10);
    let recording = studio.finish();

    let summary = crate::opus::probe(&recording.file[..]).unwrap();

    assert_eq!((summary.head.channels, summary.head.pre_skip), (2, 0));
    assert_eq!(summary.tags.tags, [("TRACK".to_owned(), "TR_1".to_owned())]);
}

fn samples_on_pages(studio: &Studio) -> u64 {
    let file = studio.file();
    let mut reader = OggReader::new(&file[..]);
    let pages = std::iter::from_fn(|| reader.next_page().unwrap());
    pages.filter_map(|page| page.granule).last().unwrap_or(0)
}
