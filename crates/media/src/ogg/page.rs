//! One page, as a struct and as bytes (RFC 3533 section 6).

use bytes::{BufMut, Bytes, BytesMut};

use super::crc;

pub(super) const CAPTURE: &[u8; 4] = b"OggS";
pub(super) const HEADER_BYTES: usize = 27;
/// Most segments on a page.
pub(super) const MAX_SEGMENTS: usize = 255;
/// Longest packet that fits on one page.
pub const MAX_PACKET_BYTES: usize = MAX_SEGMENTS * 255 - 1;
/// The granule position of a page on which no packet ends.
pub(super) const NO_GRANULE: u64 = u64::MAX;

const CONTINUED: u8 = 1;
const FIRST: u8 = 2;
const LAST: u8 = 4;

const CRC_AT: usize = 22;

/// A page: its header fields and its body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OggPage {
    /// Whether the first packet continues from the page before.
    pub is_continued: bool,
    /// Whether the page starts the stream.
    pub is_first: bool,
    /// Whether the page ends the stream.
    pub is_last: bool,
    /// Granule position: samples at 48 kHz up to the end of the last packet that ends here (RFC 7845 section 4).
    pub granule: u64,
    /// Identifies the stream within the file.
    pub serial: u32,
    /// Number of the page within the stream.
    pub sequence: u32,
    /// The segment table: lengths of the pieces of `body`. A packet ends with the first piece shorter than 255 bytes.
    pub segments: Vec<u8>,
    /// The packets.
    pub body: Bytes,
}

impl OggPage {
    /// Returns the page as bytes, with its checksum.
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(HEADER_BYTES + self.segments.len() + self.body.len());
        bytes.put_slice(CAPTURE);
        bytes.put_u8(0); // version
        bytes.put_u8(self.flags());
        bytes.put_u64_le(self.granule);
        bytes.put_u32_le(self.serial);
        bytes.put_u32_le(self.sequence);
        bytes.put_u32_le(0); // checksum, below
        bytes.put_u8(u8::try_from(self.segments.len()).expect("the writer closes pages before 256 segments"));
        bytes.put_slice(&self.segments);
        bytes.put_slice(&self.body);
        let checksum = crc::update(0, &bytes);
        bytes[CRC_AT..CRC_AT + 4].copy_from_slice(&checksum.to_le_bytes());
        bytes.freeze()
    }

    /// Parses a page at the start of `bytes`.
    pub(super) fn parse(bytes: &[u8]) -> Parsed {
        let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return Parsed::Incomplete;
        };
        if !header.starts_with(CAPTURE) || header[4] != 0 {
            return Parsed::Invalid;
        }
        let Some((segments, rest)) = rest.split_at_checked(usize::from(header[26])) else {
            return Parsed::Incomplete;
        };
        let body_bytes = segments.iter().map(|&n| usize::from(n)).sum();
        let Some(body) = rest.get(..body_bytes) else {
            return Parsed::Incomplete;
        };
        if checksum(header, segments, body) != u32_at(header, CRC_AT) {
            return Parsed::Invalid;
        }
        Parsed::Page(Self::from_parts(header, segments, body))
    }

    pub(super) fn len(&self) -> usize {
        HEADER_BYTES + self.segments.len() + self.body.len()
    }

    fn from_parts(header: &[u8; HEADER_BYTES], segments: &[u8], body: &[u8]) -> Self {
        Self {
            is_continued: header[5] & CONTINUED != 0,
            is_first: header[5] & FIRST != 0,
            is_last: header[5] & LAST != 0,
            granule: u64::from(u32_at(header, 6)) | u64::from(u32_at(header, 10)) << 32,
            serial: u32_at(header, 14),
            sequence: u32_at(header, 18),
            segments: segments.to_vec(),
            body: Bytes::copy_from_slice(body),
        }
    }

    fn flags(&self) -> u8 {
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        flag(self.is_continued, CONTINUED) | flag(self.is_first, FIRST) | flag(self.is_last, LAST)
    }
}

/// The result of parsing a page.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    Page(OggPage),
    /// More bytes are needed.
    Incomplete,
    Invalid,
}

/// Returns the segment lengths of a packet: 255 for all but the last, which is shorter and may be 0.
pub(super) fn lacing(packet_bytes: usize) -> impl Iterator<Item = u8> {
    std::iter::repeat_n(255, packet_bytes / 255).chain([(packet_bytes % 255) as u8])
}

fn checksum(header: &[u8; HEADER_BYTES], segments: &[u8], body: &[u8]) -> u32 {
    let mut header = *header;
    header[CRC_AT..CRC_AT + 4].fill(0);
    crc::update(crc::update(crc::update(0, &header), segments), body)
}

fn u32_at(header: &[u8; HEADER_BYTES], at: usize) -> u32 {
    u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> OggPage {
        let body = Bytes::from(vec![7; 260]);
        OggPage {
            is_last: true,
            granule: 1 << 40,
            serial: 9,
            sequence: 3,
            segments: lacing(260).collect(),
            body,
            ..OggPage::default()
        }
    }

    #[test]
    fn a_page_reads_back_as_it_was_written() {
        assert_eq!(OggPage::parse(&page().to_bytes()), Parsed::Page(page()));
    }

    #[test]
    fn a_page_cut_anywhere_is_incomplete() {
        let bytes = page().to_bytes();

        for length in 0..bytes.len() {
            assert_eq!(OggPage::parse(&bytes[..length]), Parsed::Incomplete);
        }
    }

    #[test]
    fn every_changed_byte_is_detected() {
        let bytes = page().to_bytes();

        for at in 0..bytes.len() {
            let mut damaged = bytes.to_vec();
            damaged[at] ^= 0x10;
            assert!(!matches!(OggPage::parse(&damaged), Parsed::Page(_)), "byte {at}");
        }
    }

    #[test]
    fn a_packet_of_full_segments_ends_with_an_empty_one() {
        assert_eq!(lacing(0).collect::<Vec<_>>(), [0]);
        assert_eq!(lacing(255).collect::<Vec<_>>(), [255, 0]);
        assert_eq!(lacing(MAX_PACKET_BYTES).count(), MAX_SEGMENTS);
    }
}
