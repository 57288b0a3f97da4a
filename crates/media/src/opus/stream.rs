//! The Opus packets of an Ogg file.

use std::collections::VecDeque;
use std::io::{self, Read};

use bytes::Bytes;
use thiserror::Error;

use super::{HeadError, OpusHead, OpusTags, packet_samples};
use crate::ogg::{Damage, OggReader, PacketPage};

/// Why a file gives no packets.
#[derive(Debug, Error)]
pub enum StreamError {
    #[error("the file is empty, or holds no Ogg page")]
    Empty,
    #[error("the file cannot be played")]
    Head(#[from] HeadError),
    #[error("the file cannot be read")]
    Io(#[from] io::Error),
}

/// One packet to play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamPacket {
    pub data: Bytes,
    /// How long it plays, in samples at 48 kHz.
    pub samples: u32,
}

/// Reads `OpusHead` and `OpusTags`, then gives the packets. Packets that are not Opus are left out and counted.
pub struct PacketStream<R> {
    reader: OggReader<R>,
    head: OpusHead,
    tags: OpusTags,
    waiting: VecDeque<StreamPacket>,
    malformed: u64,
}

/// What [`probe`] finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSummary {
    pub head: OpusHead,
    pub tags: OpusTags,
    pub packets: u64,
    /// Sum of the packets' samples at 48 kHz, the pre-skip included.
    pub samples: u64,
    /// The last granule position.
    pub granule: u64,
    /// Packets that are not Opus.
    pub malformed: u64,
    pub damage: Damage,
}

impl<R: Read> PacketStream<R> {
    /// Reads up to the first packet of sound.
    pub fn open(source: R) -> Result<Self, StreamError> {
        let mut reader = OggReader::new(source);
        let first = reader.next_page()?.ok_or(StreamError::Empty)?;
        let head = OpusHead::parse(first.packets.first().ok_or(HeadError::NotOpus)?)?;
        Ok(Self {
            reader,
            head,
            tags: OpusTags::default(),
            waiting: VecDeque::new(),
            malformed: 0,
        })
    }

    pub fn head(&self) -> OpusHead {
        self.head
    }

    /// Empty until the first packet of sound was read.
    pub fn tags(&self) -> &OpusTags {
        &self.tags
    }

    pub fn damage(&self) -> Damage {
        self.reader.damage()
    }

    /// Packets left out because they are not Opus.
    pub fn malformed(&self) -> u64 {
        self.malformed
    }

    /// The next packet; none at the end.
    pub fn next_packet(&mut self) -> io::Result<Option<StreamPacket>> {
        while self.waiting.is_empty() {
            let Some(page) = self.next_page()? else { return Ok(None) };
            let packets = self.playable(page.packets);
            self.waiting.extend(packets);
        }
        Ok(self.waiting.pop_front())
    }

    /// The next page with sound, its packets unchecked.
    pub(crate) fn next_page(&mut self) -> io::Result<Option<PacketPage>> {
        while let Some(mut page) = self.reader.next_page()? {
            let Some(tags) = page.packets.first().and_then(|packet| OpusTags::parse(packet)) else {
                return Ok(Some(page));
            };
            self.tags = tags;
            page.packets.remove(0);
            if !page.packets.is_empty() {
                return Ok(Some(page));
            }
        }
        Ok(None)
    }

    fn playable(&mut self, packets: Vec<Bytes>) -> Vec<StreamPacket> {
        let count = packets.len();
        let playable: Vec<_> = packets.into_iter().filter_map(StreamPacket::parse).collect();
        self.malformed += (count - playable.len()) as u64;
        playable
    }
}

impl StreamPacket {
    fn parse(data: Bytes) -> Option<Self> {
        let samples = packet_samples(&data).ok()?;
        Some(Self { data, samples })
    }
}

/// Reads a whole file, in little memory, and says what is in it.
pub fn probe(source: impl Read) -> Result<StreamSummary, StreamError> {
    let mut stream = PacketStream::open(source)?;
    let (mut packets, mut samples, mut granule) = (0, 0, 0);
    while let Some(page) = stream.next_page()? {
        granule = page.granule.unwrap_or(granule);
        for packet in stream.playable(page.packets) {
            packets += 1;
            samples += u64::from(packet.samples);
        }
    }
    Ok(StreamSummary {
        head: stream.head,
        packets,
        samples,
        granule,
        malformed: stream.malformed,
        damage: stream.damage(),
        tags: stream.tags,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ogg::OggWriter;

    fn file(packets: &[&'static [u8]]) -> Vec<u8> {
        let tags = OpusTags {
            tags: vec![("TITLE".into(), "test".into())],
        };
        let mut writer = OggWriter::new(1);
        let mut file = [
            writer.header(&OpusHead::for_rtp(2).to_bytes()),
            writer.header(&tags.to_bytes()),
        ]
        .concat();
        for packet in packets {
            file.extend(writer.push(Bytes::from_static(packet), 960, 1920).unwrap_or_default());
        }
        file.extend(writer.finish().unwrap_or_default());
        file
    }

    #[test]
    fn headers_are_skipped_and_every_packet_has_its_length() {
        let file = file(&[&[0xf8, 1], &[0xe0, 2], &[0xfb, 3, 1, 2, 3]]);
        let mut stream = PacketStream::open(&file[..]).unwrap();

        let packets: Vec<_> = std::iter::from_fn(|| stream.next_packet().unwrap()).collect();

        assert_eq!(packets.iter().map(|p| p.samples).collect::<Vec<_>>(), [960, 120, 2880]);
        assert_eq!(stream.tags().tags, [("TITLE".to_owned(), "test".to_owned())]);
    }

    #[test]
    fn packets_that_are_not_opus_are_left_out_and_counted() {
        let file = file(&[&[0xf8, 1], &[], &[0xfb, 63], &[0xf8]]);

        let summary = probe(&file[..]).unwrap();

        assert_eq!((summary.packets, summary.malformed, summary.samples), (2, 2, 1920));
    }

    #[test]
    fn what_is_no_opus_file_is_refused_by_name() {
        let vorbis = OggWriter::new(1).header(b"\x01vorbis");

        assert!(matches!(probe(&b""[..]), Err(StreamError::Empty)));
        assert!(matches!(
            probe(&b"RIFF, not Ogg at all, but long enough"[..]),
            Err(StreamError::Empty)
        ));
        assert!(matches!(probe(&vorbis[..]), Err(StreamError::Head(HeadError::NotOpus))));
    }
}
