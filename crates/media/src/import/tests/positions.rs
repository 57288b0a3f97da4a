//! Every packet is where its timestamp says.

use super::matroska::webm_of;
use super::support::{Imported, assert_near, heard, import, ms, opus_packets};
use crate::import::SourceCodec;

/// Imports the sound of the fixtures with its packet `n` at `at_ms(n)`, without those for which that is `None`.
fn import_at(at_ms: impl Fn(u64) -> Option<u64>) -> Imported {
    let packets = opus_packets();
    let timed: Vec<_> = packets
        .iter()
        .zip(0..)
        .filter_map(|(packet, n)| Some((at_ms(n)?, packet.as_slice())))
        .collect();
    import(&webm_of(&timed)).unwrap()
}

fn heard_at(offset: i64) -> [i64; 3] {
    heard().map(|chirp| chirp + offset)
}

#[test]
fn a_track_that_begins_later_keeps_its_offset_to_the_sample() {
    let imported = import_at(|n| Some(4_321 + 20 * n));

    assert_eq!(imported.summary.start, ms(4_321));
    assert_eq!(imported.chirps(), heard_at(4_321 * 48));
    assert_eq!(imported.gaps(), []);
    assert_eq!(imported.summary.damage, None);
    assert_eq!(imported.summary.codec, SourceCodec::Opus);
    assert_eq!(imported.summary.uncertainty_ns, 11_000_000);
}

#[test]
fn opus_packets_are_copied_byte_for_byte() {
    let imported = import_at(|n| Some(20 * n));

    assert_eq!(imported.packets(), opus_packets());
    assert_eq!(imported.summary.counts.written, 151);
}

#[test]
fn a_hole_is_filled_and_listed_and_what_follows_stays_in_place() {
    // 1 s to 1.3 s are missing, and the rest is 10 s later
    let imported = import_at(|n| match n {
        50..65 => None,
        65.. => Some(10_000 + 20 * n),
        _ => Some(20 * n),
    });

    let [first, second, third] = heard();
    assert_eq!(imported.chirps(), [first, second + 480_000, third + 480_000]);
    assert_eq!(imported.gaps(), [(48_000, 300 * 48 + 480_000)]);
}

#[test]
fn rounded_timestamps_are_no_holes() {
    let imported = import_at(|n| Some(20 * n + [0, 3, 9, 5][n as usize % 4]));

    assert_eq!(imported.gaps(), []);
    assert_eq!(imported.chirps(), heard_at(0));
}

#[test]
fn many_holes_do_not_add_up_to_an_error() {
    // every tenth packet begins 13 ms later than the one before ends
    let imported = import_at(|n| Some(20 * n + n / 10 * 13));

    let expected = heard().map(|chirp| chirp + chirp / 9_600 * 13 * 48);
    assert_near(&imported.chirps(), &expected, 120);
    assert_eq!(imported.gaps().len(), 15);
}

#[test]
fn packets_that_come_twice_are_written_once() {
    let packets = opus_packets();
    let twice: Vec<_> = (0..100).chain(90..151).collect();
    let timed: Vec<_> = twice.iter().map(|&n| (20 * n as u64, packets[n].as_slice())).collect();

    let imported = import(&webm_of(&timed)).unwrap();

    // the last three of the ten are within the tolerance
    let counts = imported.summary.counts;
    assert_eq!((counts.written, counts.overlapping), (154, 7));
    assert!(imported.summary.samples <= ms(151 * 20 + 60));
}
