//! Files that were made to harm.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use super::matroska::{
    CLUSTER, SEGMENT, SIMPLE_BLOCK, TRACK, TRACKS, cluster, ebml, element, element_of_size, info, number, open_element,
    opus_track, webm,
};
use super::support::{fixture, import, opus_packets};
use crate::import::{Damage, ImportError, Importer};

fn packet() -> Vec<u8> {
    opus_packets().swap_remove(0)
}

#[test]
fn elements_that_claim_to_be_huge_are_not_believed() {
    let good = cluster(0, &packet());
    for size in [1 << 20, 1 << 32, (1 << 56) - 2] {
        for id in [SIMPLE_BLOCK, 0x63a2, 0xec, 0xa1] {
            let lying = element(
                CLUSTER,
                &[number(0xe7, 20), element_of_size(id, size, &[0; 40])].concat(),
            );

            let imported = import(&webm(&[good.clone(), lying])).unwrap();

            assert_eq!(imported.summary.counts.written, 1);
        }
        let header = element_of_size(TRACKS, size, &opus_track(1));
        let file = [ebml(), open_element(SEGMENT, &[info(), header].concat())].concat();
        assert!(import(&file).is_err());
    }
}

#[test]
fn times_that_no_recording_has_are_refused() {
    for at_ms in [26 * 3_600_000, u64::MAX / 2, u64::MAX] {
        let late = import(&webm(&[cluster(0, &packet()), cluster(at_ms, &packet())]));
        let first = import(&webm(&[cluster(at_ms, &packet())]));

        for result in [late, first] {
            let is_refused = match result {
                Err(ImportError::TooLong { .. } | ImportError::NoPackets) => true,
                Ok(imported) => imported.summary.samples.samples() < 48_000 && imported.summary.damage.is_some(),
                Err(_) => false,
            };
            assert!(is_refused);
        }
    }
}

#[test]
fn deep_nesting_ends_in_an_error() {
    let mut nested = Vec::new();
    for _ in 0..2_000 {
        nested = element(0x67c8, &nested);
    }
    let tags = element(0x1254_c367, &element(0x7373, &nested));
    let content = [info(), tags, element(TRACKS, &opus_track(1)), cluster(0, &packet())].concat();

    // refused, or read without the tags
    let _ = import(&[ebml(), open_element(SEGMENT, &content)].concat());
}

#[test]
fn more_tracks_than_any_file_has_are_refused() {
    let tracks: Vec<u8> = (1..2_000).flat_map(opus_track).collect();
    let content = [info(), element(TRACKS, &tracks), cluster(0, &packet())].concat();

    let result = import(&[ebml(), open_element(SEGMENT, &content)].concat());

    assert!(matches!(result.map(drop), Err(ImportError::SeveralAudioStreams(_))));
    let bare: Vec<u8> = (0..2_000).flat_map(|_| element(TRACK, &[])).collect();
    let content = [info(), element(TRACKS, &bare), cluster(0, &packet())].concat();
    assert!(import(&[ebml(), open_element(SEGMENT, &content)].concat()).is_err());
}

/// A file that has no end: after its start, one byte again and again.
struct Endless {
    start: Cursor<Vec<u8>>,
    position: u64,
    read: std::sync::Arc<std::sync::atomic::AtomicU64>,
}

const ENDLESS: u64 = 1 << 50;

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.start.set_position(self.position);
        let read = match self.start.read(buffer)? {
            0 => {
                // an element of no content, `Void`, fits everywhere
                for (byte, at) in buffer.iter_mut().zip(self.position..) {
                    *byte = if at % 2 == 0 { 0xec } else { 0x80 };
                }
                buffer.len()
            }
            read => read,
        };
        self.position += read as u64;
        self.read.fetch_add(read as u64, std::sync::atomic::Ordering::Relaxed);
        Ok(read)
    }
}

impl Seek for Endless {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::Current(by) => self.position.saturating_add_signed(by),
            SeekFrom::End(by) => ENDLESS.saturating_add_signed(by),
        };
        Ok(self.position)
    }
}

#[test]
fn a_file_without_end_is_given_up() {
    let content = [info(), element(TRACKS, &opus_track(1))].concat();
    let mut start = [ebml(), open_element(SEGMENT, &content)].concat();
    if start.len() % 2 == 1 {
        start = [ebml(), open_element(SEGMENT, &[content, vec![0xec, 0x81, 0]].concat())].concat();
    }
    let read = std::sync::Arc::default();
    let source = Endless {
        start: Cursor::new(start),
        position: 0,
        read: std::sync::Arc::clone(&read),
    };

    let result = Importer::open(source, 1, Vec::new());

    assert!(matches!(result.map(drop), Err(ImportError::Headers { .. })));
    assert!(read.load(std::sync::atomic::Ordering::Relaxed) < 100 << 20);
}

/// A source that fails after some bytes.
struct Failing(Cursor<Vec<u8>>);

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.position() >= 2_000 {
            return Err(io::Error::other("the disk is broken"));
        }
        let length = buffer.len().min(500);
        self.0.read(&mut buffer[..length])
    }
}

impl Seek for Failing {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn an_error_of_the_source_is_not_the_files_fault() {
    let mut importer = Importer::open(Failing(Cursor::new(fixture!("chirps.aac").to_vec())), 1, Vec::new()).unwrap();

    let error = loop {
        match importer.next_page() {
            Ok(page) => assert!(page.is_some()),
            Err(error) => break error,
        }
    };

    assert!(error.is_transient(), "{error}");
}

#[test]
fn a_block_of_an_unknown_track_is_damage() {
    let mut foreign = cluster(20, &packet());
    let block = foreign.windows(2).rposition(|bytes| bytes == [0x81, 0]).unwrap();
    foreign[block] = 0x85;

    let imported = import(&webm(&[cluster(0, &packet()), foreign])).unwrap();

    assert!(matches!(imported.summary.damage, Some(Damage::Malformed(_))));
}
