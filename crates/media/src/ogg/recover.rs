//! Finds where a file that was cut anywhere can be continued.

use std::collections::VecDeque;
use std::io::{self, Read, Seek, SeekFrom};

use bytes::Bytes;
use domain::UnixNanos;
use thiserror::Error;

use super::OggReader;
use super::page::OggPage;
use crate::opus::{looks_like_filler, packet_samples};

/// Packets of the file's end that are remembered, 82 s of 20 ms: a journal is at most seconds older than the pages.
const MAX_RECENT: usize = 4096;

/// How much of the end of a long file is read, about half an hour of speech: a torn page is at most 64 kB, but a disk may
/// lose more.
const END_BYTES: u64 = 4 * 1024 * 1024;

/// A granule position beyond this, 92 years, is damaged.
const MAX_GRANULE: u64 = 1 << 47;

/// The end of a file of one Ogg/Opus stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileTail {
    /// Where the next page goes. 0 if the file has no audio: it is then started again.
    pub valid_bytes: u64,
    /// Where the last whole page ends; whatever follows is torn.
    pub whole_bytes: u64,
    /// Length of the audio, 48 kHz, including [`held`](Self::held).
    pub samples: u64,
    /// Number of the next page.
    pub next_page: u32,
    /// Serial number of the stream.
    pub serial: u32,
    /// Packets of the last page, if that ends the stream: the next page starts with them and replaces it. Each with its
    /// samples.
    pub held: Vec<(Bytes, u32)>,
    /// When the file was last written, if known. It places later packets if there is no journal.
    pub modified: Option<UnixNanos>,
    /// The last packets.
    pub(crate) recent: VecDeque<TailPacket>,
    /// Whether the whole file was read, not only its end.
    pub(crate) is_whole: bool,
    /// Packets that were read, and how many of them look like fillers.
    pub(crate) packets: u64,
    pub(crate) fillers: u64,
}

/// A packet near the end of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TailPacket {
    pub(crate) start: u64,
    pub(crate) samples: u32,
    pub(crate) looks_like_filler: bool,
}

/// Why a file cannot be continued.
#[derive(Debug, Error)]
pub enum RecoverError {
    /// The file contains pages, but does not start with `OpusHead`.
    #[error("the file does not start with a page that contains OpusHead")]
    NotOpus,
    /// The source failed.
    #[error("cannot read the file")]
    Io(#[from] io::Error),
}

/// Finds the last whole page, in bounded memory. Damage before it is left as it is, because readers skip it. Of a long
/// file only the end is read, so that an hour of recording does not delay its continuation.
///
/// # Errors
/// The source fails, or contains pages but does not start with `OpusHead`.
pub fn recover(mut source: impl Read + Seek) -> Result<FileTail, RecoverError> {
    let Some(serial) = serial(&mut source)? else {
        return Ok(FileTail::default());
    };
    let length = source.seek(SeekFrom::End(0))?;
    if length > 2 * END_BYTES {
        let tail = scan(&mut source, serial, length - END_BYTES)?;
        if tail.samples > 0 {
            return Ok(tail);
        }
    }
    Ok(scan(&mut source, serial, 0)?)
}

/// Returns the serial number of the stream; `None` if there is no page at all.
fn serial(source: &mut (impl Read + Seek)) -> Result<Option<u32>, RecoverError> {
    source.seek(SeekFrom::Start(0))?;
    let mut reader = OggReader::new(source);
    let Some(page) = reader.next_raw_page()? else {
        return Ok(None);
    };
    let is_at_start = reader.offset() == page.len() as u64;
    if is_at_start && page.body.starts_with(b"OpusHead") {
        Ok(Some(page.serial))
    } else {
        Err(RecoverError::NotOpus)
    }
}

/// Reads the pages from byte `from` on.
fn scan(source: &mut (impl Read + Seek), serial: u32, from: u64) -> io::Result<FileTail> {
    source.seek(SeekFrom::Start(from))?;
    let mut reader = OggReader::new(source);
    let mut tail = FileTail {
        serial,
        is_whole: from == 0,
        ..FileTail::default()
    };
    while let Some(page) = reader.next_raw_page()? {
        let end = from + reader.offset();
        tail.extend(&page, end - page.len() as u64);
    }
    if tail.samples == 0 {
        return Ok(FileTail {
            serial,
            ..FileTail::default()
        });
    }
    Ok(tail)
}

impl FileTail {
    /// Takes the next page, which starts at byte `start`.
    fn extend(&mut self, page: &OggPage, start: u64) {
        let is_plausible = (self.samples..=MAX_GRANULE).contains(&page.granule);
        if page.serial != self.serial || !is_plausible {
            return;
        }
        let packets = packets(page);
        self.whole_bytes = start + page.len() as u64;
        if page.is_last {
            self.valid_bytes = start;
            self.next_page = page.sequence;
        } else {
            self.valid_bytes = self.whole_bytes;
            self.next_page = page.sequence.wrapping_add(1);
        }
        self.samples = page.granule;
        self.remember(&packets, page.granule);
        self.held = if page.is_last { packets } else { Vec::new() };
    }

    fn remember(&mut self, packets: &[(Bytes, u32)], granule: u64) {
        let samples: u64 = packets.iter().map(|(_, samples)| u64::from(*samples)).sum();
        let mut start = granule.saturating_sub(samples);
        for (packet, samples) in packets.iter().filter(|(_, samples)| *samples > 0) {
            let looks_like_filler = looks_like_filler(packet);
            self.packets += 1;
            self.fillers += u64::from(looks_like_filler);
            self.recent.push_back(TailPacket {
                start,
                samples: *samples,
                looks_like_filler,
            });
            start += u64::from(*samples);
        }
        let excess = self.recent.len().saturating_sub(MAX_RECENT);
        self.recent.drain(..excess);
    }
}

/// Returns the packets of a page with their samples; headers and malformed packets have none.
fn packets(page: &OggPage) -> Vec<(Bytes, u32)> {
    let mut packets = Vec::new();
    let (mut start, mut end) = (0, 0);
    for &length in &page.segments {
        end += usize::from(length);
        if length < 255 {
            let packet = page.body.slice(start..end);
            let is_header = page.granule == 0;
            let samples = if is_header {
                0
            } else {
                packet_samples(&packet).unwrap_or(0)
            };
            packets.push((packet, samples));
            start = end;
        }
    }
    packets
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use std::io::Cursor;

    use super::*;
    use crate::ogg::OggWriter;
    use crate::opus::{OpusHead, OpusTags, probe};

    /// Returns a file of 20 ms packets, two per page, and where each page ends.
    fn file(packets: usize) -> (Vec<u8>, Vec<u64>) {
        let mut writer = OggWriter::new(5);
        let mut pages = vec![
            writer.header(&OpusHead::for_rtp(2).to_bytes()),
            writer.header(&OpusTags::default().to_bytes()),
        ];
        for number in 0..packets {
            pages.extend(writer.push(packet(number), 960, 1920));
        }
        pages.extend(writer.finish());
        let mut file = Vec::new();
        let ends = pages.iter().map(|page| {
            file.extend_from_slice(page);
            file.len() as u64
        });
        let ends = ends.collect();
        (file, ends)
    }

    fn packet(number: usize) -> Bytes {
        [&[0x78, b'#'][..], &number.to_be_bytes()].concat().into()
    }

    /// Writes two more packets to a file that was cut, and ends it.
    fn continued(cut: &[u8]) -> Vec<u8> {
        let tail = recover(Cursor::new(cut)).unwrap();
        let mut file = cut[..tail.valid_bytes as usize].to_vec();
        let mut writer = OggWriter::resume(&tail);
        for number in 100..102 {
            file.extend(writer.push(packet(number), 960, 9600).unwrap_or_default());
        }
        file.extend(writer.finish().unwrap());
        file
    }

    #[test]
    fn a_file_cut_anywhere_continues_after_its_last_whole_page() {
        let (file, ends) = file(7);

        for cut in 0..file.len() {
            let tail = recover(Cursor::new(&file[..cut])).unwrap();

            let whole = ends.iter().filter(|&&end| end <= cut as u64).count();
            let expected = if whole <= 2 { 0 } else { ends[whole - 1] };
            assert_eq!(
                (tail.valid_bytes, tail.whole_bytes),
                (expected, expected),
                "cut at {cut}"
            );
            assert_eq!(tail.samples, (whole as u64).saturating_sub(2) * 1920);
        }
    }

    #[test]
    fn a_continued_file_is_one_whole_stream() {
        let (file, ends) = file(7);

        for cut in ends[2] as usize..=file.len() {
            let continued = continued(&file[..cut]);

            let summary = probe(&continued[..]).unwrap();
            assert_eq!(summary.damage, Default::default(), "cut at {cut}");
            assert_eq!(summary.granule, summary.samples.samples());
        }
    }

    #[test]
    fn the_page_that_ended_a_stream_is_written_again() {
        let (file, ends) = file(7);

        let tail = recover(Cursor::new(&file)).unwrap();
        let last = OggWriter::resume(&tail).finish().unwrap();

        assert_eq!(tail.valid_bytes, ends[ends.len() - 2]);
        assert_eq!(tail.whole_bytes, file.len() as u64);
        assert_eq!(file[tail.valid_bytes as usize..], last[..]);
    }

    #[test]
    fn a_file_that_ended_on_a_page_without_packets_continues_before_it() {
        let mut writer = OggWriter::new(5);
        let mut file = writer.header(&OpusHead::for_rtp(2).to_bytes()).to_vec();
        writer.push(packet(1), 960, 1920);
        file.extend(writer.close_page().unwrap());
        let end = file.len() as u64;
        file.extend(writer.finish().unwrap());

        let tail = recover(Cursor::new(&file)).unwrap();

        assert_eq!((tail.valid_bytes, tail.samples, tail.held.len()), (end, 960, 0));
    }

    #[test]
    fn of_a_long_file_only_the_end_is_read() {
        let mut writer = OggWriter::new(5);
        let mut file = writer.header(&OpusHead::for_rtp(2).to_bytes()).to_vec();
        let mut number = 0;
        while file.len() as u64 <= 2 * END_BYTES {
            let packet = Bytes::from([&[0x78, b'#'][..], &[number as u8; 1000]].concat());
            file.extend(writer.push(packet, 960, 9600).unwrap_or_default());
            number += 1;
        }
        let whole = scan(&mut Cursor::new(&file), 5, 0).unwrap();
        let torn = [&file[..], b"OggS", &[1; 500]].concat();

        let tail = recover(Cursor::new(&torn)).unwrap();
        let hidden = recover(Cursor::new([&file[..], &vec![0; 5 << 20]].concat())).unwrap();

        assert!(!tail.is_whole && whole.is_whole);
        assert!(tail.packets < whole.packets);
        for other in [&tail, &hidden] {
            assert_eq!(
                (other.valid_bytes, other.samples, other.next_page),
                (file.len() as u64, whole.samples, whole.next_page)
            );
        }
    }

    #[test]
    fn damage_in_the_middle_does_not_cost_what_follows() {
        let (mut file, ends) = file(9);
        file[ends[3] as usize + 30] ^= 1;

        let tail = recover(Cursor::new(&file[..file.len() - 1])).unwrap();

        assert_eq!(tail.valid_bytes, ends[ends.len() - 2]);
        assert_eq!(tail.samples, 4 * 1920);
    }

    #[test]
    fn audio_without_its_header_is_refused_and_garbage_alone_is_no_audio() {
        let (file, ends) = file(4);

        assert!(matches!(
            recover(Cursor::new(&file[ends[0] as usize..])),
            Err(RecoverError::NotOpus)
        ));
        assert_eq!(recover(Cursor::new([0u8; 9000])).unwrap(), FileTail::default());
    }

    proptest! {
        #[test]
        fn any_damage_is_tolerated(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20)) {
            let (mut file, _) = file(20);
            for (at, byte) in changes {
                let at = at.index(file.len());
                file[at] = byte;
            }

            if let Ok(tail) = recover(Cursor::new(&file)) {
                prop_assert!(tail.valid_bytes <= tail.whole_bytes && tail.whole_bytes <= file.len() as u64);
            }
        }
    }
}
