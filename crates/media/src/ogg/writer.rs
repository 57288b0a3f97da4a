//! Writes packets into pages.

use bytes::{Bytes, BytesMut};

use super::FileTail;
use super::page::{MAX_PACKET_BYTES, MAX_SEGMENTS, OggPage, lacing};

/// Collects the packets of one stream into pages (RFC 3533).
///
/// A packet never spans two pages. If no packet is open when the stream ends, a page without packets ends it
/// (RFC 3533 section 4).
#[derive(Debug)]
pub struct OggWriter {
    serial: u32,
    sequence: u32,
    /// End of the last closed page, in samples.
    granule: u64,
    /// Packets of the open page and their samples.
    open: Vec<(Bytes, u32)>,
    open_segments: usize,
    open_samples: u64,
}

impl OggWriter {
    /// Creates a writer. `serial` distinguishes the streams of one file; any number will do.
    pub fn new(serial: u32) -> Self {
        Self {
            serial,
            sequence: 0,
            granule: 0,
            open: Vec::new(),
            open_segments: 0,
            open_samples: 0,
        }
    }

    /// Continues a file at its end.
    pub fn resume(tail: &FileTail) -> Self {
        let open_samples = tail.held.iter().map(|(_, samples)| u64::from(*samples)).sum();
        Self {
            serial: tail.serial,
            sequence: tail.next_page,
            granule: tail.samples.saturating_sub(open_samples),
            open_segments: tail.held.iter().map(|(packet, _)| packet.len() / 255 + 1).sum(),
            open: tail.held.clone(),
            open_samples,
        }
    }

    /// Returns a header packet on its own page (RFC 7845 section 3); the first such page starts the stream. A packet longer
    /// than [`MAX_PACKET_BYTES`] is cut.
    pub fn header(&mut self, packet: &[u8]) -> Bytes {
        let body = Bytes::copy_from_slice(&packet[..packet.len().min(MAX_PACKET_BYTES)]);
        let page = OggPage {
            is_first: self.sequence == 0,
            segments: lacing(body.len()).collect(),
            body,
            ..self.next_page()
        };
        page.to_bytes()
    }

    /// Adds a packet of at most [`MAX_PACKET_BYTES`] that plays for `samples` at 48 kHz. Returns the page before it if that
    /// holds `page_samples` or more, or has no room for the packet.
    pub fn push(&mut self, packet: Bytes, samples: u32, page_samples: u64) -> Option<Bytes> {
        debug_assert!(packet.len() <= MAX_PACKET_BYTES);
        let segments = packet.len() / 255 + 1;
        let is_full = self.open_samples >= page_samples || self.open_segments + segments > MAX_SEGMENTS;
        let page = if is_full { self.close_page() } else { None };
        self.open_segments += segments;
        self.open_samples += u64::from(samples);
        self.open.push((packet, samples));
        page
    }

    /// Returns a page with all open packets; `None` if there are none.
    pub fn close_page(&mut self) -> Option<Bytes> {
        self.take_page().map(|page| page.to_bytes())
    }

    /// Returns the last page, marked as the end of the stream; `None` if no packet was added.
    pub fn finish(&mut self) -> Option<Bytes> {
        let page = match self.take_page() {
            Some(page) => page,
            None if self.has_audio_pages() => self.next_page(),
            None => return None,
        };
        Some(OggPage { is_last: true, ..page }.to_bytes())
    }

    /// Returns the number of packets that are not on a page yet.
    pub fn open_packets(&self) -> usize {
        self.open.len()
    }

    /// Whether a page with audio has been returned.
    pub fn has_audio_pages(&self) -> bool {
        self.granule > 0
    }

    /// Returns the samples of all packets so far, 48 kHz.
    pub fn samples(&self) -> u64 {
        self.granule + self.open_samples
    }

    /// Removes the open packets and returns them as a page.
    fn take_page(&mut self) -> Option<OggPage> {
        if self.open.is_empty() {
            return None;
        }
        let mut body = BytesMut::new();
        let mut segments = Vec::new();
        for (packet, samples) in self.open.drain(..) {
            segments.extend(lacing(packet.len()));
            body.extend_from_slice(&packet);
            self.granule += u64::from(samples);
        }
        self.open_samples = 0;
        self.open_segments = 0;
        Some(OggPage {
            segments,
            body: body.freeze(),
            ..self.next_page()
        })
    }

    fn next_page(&mut self) -> OggPage {
        let sequence = self.sequence;
        self.sequence = self.sequence.wrapping_add(1);
        OggPage {
            granule: self.granule,
            serial: self.serial,
            sequence,
            ..OggPage::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::ogg::page::Parsed;

    fn packet(byte: u8, length: usize) -> Bytes {
        Bytes::from(vec![byte; length])
    }

    #[test]
    fn another_reader_finds_the_packets_at_their_positions() {
        let mut writer = OggWriter::new(77);
        let mut file = [writer.header(b"OpusHead"), writer.header(b"OpusTags")].concat();

        for (index, length) in [3, 255, 700, 60_000, 64_000, 0].into_iter().enumerate() {
            file.extend(writer.push(packet(index as u8, length), 960, 1920).unwrap_or_default());
        }
        file.extend(writer.finish().unwrap());

        let mut reader = ogg::PacketReader::new(Cursor::new(file));
        let read: Vec<_> = std::iter::from_fn(|| reader.read_packet().unwrap()).collect();
        let outline: Vec<_> = read
            .iter()
            .map(|p| (p.data.len(), p.absgp_page(), p.last_in_stream()))
            .collect();
        assert!(read[0].first_in_stream());
        assert_eq!(
            outline[2..5],
            [(3, 1920, false), (255, 1920, false), (700, 3840, false)]
        );
        assert_eq!(
            outline[5..],
            [(60_000, 3840, false), (64_000, 5760, false), (0, 5760, true)]
        );
    }

    #[test]
    fn a_page_without_packets_ends_a_stream_whose_packets_are_all_on_pages() {
        let mut writer = OggWriter::new(1);
        writer.push(packet(1, 3), 960, 9600);
        writer.push(packet(2, 3), 960, 9600);

        let early = writer.close_page();
        let nothing = writer.close_page();
        let last = writer.finish().unwrap();

        assert!(early.is_some() && nothing.is_none());
        let Parsed::Page(last) = OggPage::parse(&last) else {
            panic!("not a page")
        };
        assert!(last.is_last && last.segments.is_empty());
        assert_eq!((last.granule, last.sequence), (1920, 1));
    }

    #[test]
    fn a_stream_without_packets_has_no_last_page() {
        assert_eq!(OggWriter::new(1).finish(), None);
    }
}
