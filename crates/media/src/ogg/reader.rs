//! Reads the packets of a file and skips anything between the pages.

use std::io::{self, Read};

use bytes::{Bytes, BytesMut};

use super::page::{CAPTURE, HEADER_BYTES, MAX_SEGMENTS, NO_GRANULE, OggPage, Parsed};

/// Longest page.
const MAX_PAGE_BYTES: usize = HEADER_BYTES + MAX_SEGMENTS + MAX_SEGMENTS * 255;

/// Longest packet over several pages that is reassembled: enough for a cover picture in the tags of other writers. Longer
/// packets are dropped.
const MAX_CONTINUED_BYTES: usize = 4 * 1024 * 1024;

/// Reads the first stream of a file, page by page. Damaged content is not an error: it is skipped and counted.
#[derive(Debug)]
pub struct OggReader<R> {
    source: R,
    buffer: BytesMut,
    /// Where the buffer starts in the source.
    offset: u64,
    at_end: bool,
    serial: Option<u32>,
    next_sequence: Option<u32>,
    continued: Continued,
    has_ended: bool,
    damage: Damage,
}

/// The packets that end on one page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketPage {
    /// The packets, in order.
    pub packets: Vec<Bytes>,
    /// Granule position: samples up to the end of the last packet; `None` if no packet ends here.
    pub granule: Option<u64>,
    /// Whether pages before this one are missing.
    pub follows_loss: bool,
    /// Whether the page ends the stream.
    pub is_last: bool,
}

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// The file ends within a page or without a page marked as the last: its writer was stopped.
    pub is_torn: bool,
    /// Bytes that are not part of a valid page.
    pub skipped_bytes: u64,
    /// How often page numbers were not consecutive.
    pub missing_pages: u64,
}

/// The packet that continues on the next page.
#[derive(Debug)]
enum Continued {
    No,
    Begun(BytesMut),
    /// Its start is missing, or it is too long.
    Broken,
}

impl<R: Read> OggReader<R> {
    /// Creates a reader that has read nothing yet.
    pub fn new(source: R) -> Self {
        Self {
            source,
            buffer: BytesMut::new(),
            offset: 0,
            at_end: false,
            serial: None,
            next_sequence: None,
            continued: Continued::No,
            has_ended: false,
            damage: Damage::default(),
        }
    }

    /// Returns the next page of the stream; `None` after its end.
    ///
    /// # Errors
    /// The source fails.
    pub fn next_page(&mut self) -> io::Result<Option<PacketPage>> {
        while !self.has_ended {
            let Some(page) = self.next_raw_page()? else {
                self.has_ended = true;
                self.damage.is_torn = self.serial.is_some();
                return Ok(None);
            };
            if *self.serial.get_or_insert(page.serial) == page.serial {
                return Ok(Some(self.packets_of(page)));
            }
        }
        Ok(None)
    }

    /// Returns the damage found so far.
    pub fn damage(&self) -> Damage {
        self.damage
    }

    /// Returns where the page that was returned last ends in the source.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the next valid page of any stream; `None` at the end of the source.
    pub(super) fn next_raw_page(&mut self) -> io::Result<Option<OggPage>> {
        loop {
            self.skip_to_capture();
            match OggPage::parse(&self.buffer) {
                Parsed::Page(page) => {
                    self.skip(page.len());
                    return Ok(Some(page));
                }
                Parsed::Incomplete if !self.at_end => self.fill_buffer()?,
                Parsed::Incomplete if self.buffer.is_empty() => return Ok(None),
                // a damaged header may announce more bytes than there are and hide whole pages
                Parsed::Incomplete | Parsed::Invalid => self.skip_damaged(1),
            }
        }
    }

    fn packets_of(&mut self, page: OggPage) -> PacketPage {
        let follows_loss = self.next_sequence.is_some_and(|next| next != page.sequence);
        self.next_sequence = Some(page.sequence.wrapping_add(1));
        self.has_ended = page.is_last;
        if follows_loss {
            self.damage.missing_pages += 1;
        }
        self.continue_packet(page.is_continued, follows_loss);
        let packets = self.split(&page);
        let granule = Some(page.granule).filter(|&granule| granule != NO_GRANULE && !packets.is_empty());
        PacketPage {
            packets,
            granule,
            follows_loss,
            is_last: page.is_last,
        }
    }

    /// Keeps, drops or marks as broken the packet that started on the page before.
    fn continue_packet(&mut self, is_continued: bool, follows_loss: bool) {
        let is_whole = matches!(self.continued, Continued::Begun(_)) && !follows_loss;
        match (is_continued, is_whole) {
            (true, true) => {}
            (true, false) => self.continued = Continued::Broken,
            (false, _) => self.continued = Continued::No,
        }
    }

    fn split(&mut self, page: &OggPage) -> Vec<Bytes> {
        let mut packets = Vec::new();
        let (mut start, mut end) = (0, 0);
        for &length in &page.segments {
            end += usize::from(length);
            if length < 255 {
                packets.extend(self.end_packet(page.body.slice(start..end)));
                start = end;
            }
        }
        if page.segments.last() == Some(&255) {
            self.begin_packet(&page.body[start..]);
        }
        packets
    }

    fn end_packet(&mut self, piece: Bytes) -> Option<Bytes> {
        match std::mem::replace(&mut self.continued, Continued::No) {
            Continued::No => Some(piece),
            Continued::Begun(mut bytes) => {
                bytes.extend_from_slice(&piece);
                Some(bytes.freeze())
            }
            Continued::Broken => None,
        }
    }

    fn begin_packet(&mut self, piece: &[u8]) {
        match &mut self.continued {
            Continued::No => self.continued = Continued::Begun(piece.into()),
            Continued::Begun(bytes) if bytes.len() > MAX_CONTINUED_BYTES => self.continued = Continued::Broken,
            Continued::Begun(bytes) => bytes.extend_from_slice(piece),
            Continued::Broken => {}
        }
    }

    /// Skips bytes that cannot start a page.
    fn skip_to_capture(&mut self) {
        let found = self.buffer.windows(CAPTURE.len()).position(|window| window == CAPTURE);
        let keep = if self.at_end { 0 } else { CAPTURE.len() - 1 };
        let garbage = found.unwrap_or_else(|| self.buffer.len().saturating_sub(keep));
        if garbage > 0 {
            self.skip_damaged(garbage);
        }
    }

    fn skip_damaged(&mut self, bytes: usize) {
        self.damage.skipped_bytes += bytes as u64;
        self.skip(bytes);
    }

    fn skip(&mut self, bytes: usize) {
        let _ = self.buffer.split_to(bytes);
        self.offset += bytes as u64;
    }

    /// Reads enough bytes for a whole page.
    fn fill_buffer(&mut self) -> io::Result<()> {
        let missing = MAX_PAGE_BYTES.saturating_sub(self.buffer.len()).max(1) as u64;
        let mut bytes = Vec::new();
        let read = self.source.by_ref().take(missing).read_to_end(&mut bytes)?;
        self.buffer.extend_from_slice(&bytes);
        self.at_end = read == 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ogg::OggWriter;

    /// Returns a stream of a header page and `pages` of two packets each, and where each page ends.
    fn stream(pages: usize) -> (Vec<u8>, Vec<usize>) {
        let mut writer = OggWriter::new(5);
        let mut file = writer.header(b"head").to_vec();
        let mut ends = vec![file.len()];
        for number in 0..pages * 2 {
            let page = writer.push(Bytes::from(vec![number as u8; 40]), 960, 1920);
            if let Some(page) = page {
                file.extend(page);
                ends.push(file.len());
            }
        }
        file.extend(writer.finish().unwrap());
        ends.push(file.len());
        (file, ends)
    }

    fn read(file: &[u8]) -> (Vec<PacketPage>, Damage) {
        let mut reader = OggReader::new(file);
        let pages = std::iter::from_fn(|| reader.next_page().unwrap()).collect();
        (pages, reader.damage())
    }

    #[test]
    fn a_whole_file_has_no_damage() {
        let (file, _) = stream(3);

        let (pages, damage) = read(&file);

        assert_eq!(damage, Damage::default());
        assert_eq!(
            pages.iter().map(|p| p.granule).collect::<Vec<_>>(),
            [0, 1920, 3840, 5760].map(Some)
        );
        assert!(pages[3].is_last);
    }

    #[test]
    fn a_file_cut_anywhere_yields_every_whole_page_before_the_cut() {
        let (file, ends) = stream(3);

        for cut in 1..file.len() {
            let (pages, damage) = read(&file[..cut]);

            assert_eq!(pages.len(), ends.iter().filter(|&&end| end <= cut).count());
            assert_eq!(damage.is_torn, cut >= ends[0]);
        }
    }

    #[test]
    fn a_damaged_page_costs_only_itself() {
        let (mut file, ends) = stream(4);
        file[ends[1] + 60] ^= 1;

        let (pages, damage) = read(&file);

        assert_eq!(pages.len(), 4);
        assert!(pages[2].follows_loss);
        assert_eq!(damage.missing_pages, 1);
        assert_eq!(damage.skipped_bytes as usize, ends[2] - ends[1]);
    }

    #[test]
    fn garbage_around_and_between_pages_is_skipped() {
        let (file, ends) = stream(2);
        let garbage = [b"OggS, not really ".as_slice(), &[0; 70_000]].concat();
        let file = [&garbage, &file[..ends[1]], &garbage, &file[ends[1]..], &garbage].concat();

        let (pages, damage) = read(&file);

        assert_eq!(pages.len(), 3);
        assert_eq!(damage.skipped_bytes as usize, 2 * garbage.len());
        assert!(!damage.is_torn);
    }

    #[test]
    fn a_header_with_an_excessive_length_hides_no_page() {
        let (file, ends) = stream(2);
        let mut liar = [b"OggS".as_slice(), &[0; 22], &[255], &[255; 255]].concat();
        liar.extend(&file[ends[0]..]);
        let file = [&file[..ends[0]], &liar].concat();

        let (pages, _) = read(&file);

        assert_eq!(pages.len(), 3);
    }

    #[test]
    fn a_packet_over_several_pages_is_reassembled() {
        let page = |sequence, is_continued, segments: Vec<u8>| OggPage {
            is_first: sequence == 0,
            is_last: sequence == 2,
            is_continued,
            sequence,
            granule: if sequence == 2 { 960 } else { NO_GRANULE },
            body: vec![sequence as u8; segments.iter().map(|&n| usize::from(n)).sum()].into(),
            segments,
            ..OggPage::default()
        };
        let pages = [
            page(0, false, vec![255]),
            page(1, true, vec![255; 2]),
            page(2, true, vec![4, 1]),
        ];
        let bytes = pages.map(|page| page.to_bytes());

        let (whole, _) = read(&bytes.concat());
        let (without_middle, _) = read(&[&bytes[0][..], &bytes[2]].concat());

        assert_eq!(
            whole[2].packets.iter().map(Bytes::len).collect::<Vec<_>>(),
            [255 * 3 + 4, 1]
        );
        assert_eq!(whole[0].granule, None);
        assert_eq!(
            without_middle[1].packets.iter().map(Bytes::len).collect::<Vec<_>>(),
            [1]
        );
    }

    proptest! {
        #[test]
        fn any_damage_is_tolerated(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20), cut in any::<prop::sample::Index>()) {
            let (mut file, _) = stream(20);
            for (at, byte) in changes {
                let at = at.index(file.len());
                file[at] = byte;
            }
            file.truncate(cut.index(file.len()));

            let (pages, _) = read(&file);

            prop_assert!(pages.len() <= 21);
        }

        #[test]
        fn any_bytes_are_tolerated(bytes in prop::collection::vec(prop_oneof![Just(b'O'), Just(b'g'), Just(b'S'), Just(0), any::<u8>()], 0..400)) {
            read(&bytes);
        }
    }
}
