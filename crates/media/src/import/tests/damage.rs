//! Files that are cut off or damaged: what can be read is imported, and no damage makes the importer panic or run for ever.

use proptest::prelude::*;

use super::matroska::webm_of;
use super::support::{fixture, import, ms, opus_packets};
use crate::import::{Damage, ImportError};

const FIXTURES: [&[u8]; 6] = [
    fixture!("chirps.webm"),
    fixture!("hole.webm"),
    fixture!("chirps.mp4"),
    fixture!("opus.mp4"),
    fixture!("chirps.aac"),
    fixture!("video-first.mkv"),
];

fn live_webm() -> Vec<u8> {
    let packets = opus_packets();
    let timed: Vec<_> = packets
        .iter()
        .zip(0..)
        .map(|(packet, n)| (20 * n, packet.as_slice()))
        .collect();
    webm_of(&timed)
}

#[test]
fn the_start_of_a_file_that_is_cut_off_is_imported() {
    let live = live_webm();
    for file in [fixture!("chirps.webm"), &live] {
        let imported = import(&file[..file.len() / 2 + 1]).unwrap();

        assert_eq!(imported.summary.damage, Some(Damage::Truncated));
        assert!(imported.summary.samples > ms(1_000), "{:?}", imported.summary);
        assert!(imported.summary.samples < ms(2_000), "{:?}", imported.summary);
        imported.sound();
    }
}

#[test]
fn what_precedes_damage_is_imported() {
    let mut file = live_webm();
    let middle = file.len() / 2;
    file[middle..middle + 600].fill(0);

    let imported = import(&file).unwrap();

    assert!(matches!(imported.summary.damage, Some(Damage::Malformed(_))));
    assert!(imported.summary.samples > ms(1_000));
}

#[test]
fn packets_that_are_not_opus_are_skipped_and_counted() {
    let packets = opus_packets();
    let bad: &[u8] = &[0xff, 0x3f];
    let timed = [
        (0, &packets[0][..]),
        (20, bad),
        (40, &[]),
        (60, &packets[3]),
        (80, &packets[4]),
    ];

    let imported = import(&webm_of(&timed)).unwrap();

    let counts = imported.summary.counts;
    assert_eq!((counts.written, counts.malformed), (3, 2));
    assert_eq!(imported.gaps(), [(960, 1920)]);
}

#[test]
fn a_file_of_which_no_packet_is_valid_is_refused() {
    let bad: &[u8] = &[0xff, 0x3f];

    assert!(matches!(import(&webm_of(&[(0, bad)])), Err(ImportError::NoPackets)));
    assert!(matches!(
        import(&webm_of(&[])),
        Err(ImportError::NoPackets | ImportError::Headers { .. })
    ));
}

#[test]
fn every_length_of_every_file_ends_in_a_result() {
    for file in FIXTURES {
        for length in (0..400).chain((400..file.len()).step_by(97)) {
            if let Ok(imported) = import(&file[..length]) {
                imported.sound();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn random_damage_ends_in_a_result(
        file in prop::sample::select(FIXTURES.to_vec()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        headers in prop::collection::vec((0_usize..600, any::<u8>()), 0..4),
    ) {
        let mut file = file.to_vec();
        for (index, byte) in changes {
            let at = index.index(file.len());
            file[at] = byte;
        }
        for (at, byte) in headers {
            file[at] = byte;
        }
        if let Ok(imported) = import(&file) {
            imported.sound();
        }
    }
}
