//! Reads the Opus packets of an Ogg file (RFC 7845).

use std::collections::VecDeque;
use std::io::{self, Read};

use bytes::Bytes;
use domain::SampleTime;
use thiserror::Error;

use super::{HeadError, OpusHead, OpusTags, packet_samples};
use crate::ogg::{Damage, OggReader, PacketPage};

/// Why a file cannot be read.
#[derive(Debug, Error)]
pub enum StreamError {
    /// There is no Ogg page in the file.
    #[error("the file is empty or contains no Ogg page")]
    Empty,
    /// The first packet is not a valid `OpusHead`.
    #[error("cannot play the file")]
    Head(#[from] HeadError),
    /// The source failed.
    #[error("cannot read the file")]
    Io(#[from] io::Error),
}

/// One Opus packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamPacket {
    /// The packet's bytes (RFC 6716).
    pub data: Bytes,
    /// Its length in samples at 48 kHz.
    pub samples: u32,
}

/// Reads `OpusHead` and `OpusTags`, then the packets one at a time. Packets that are not valid Opus are skipped and
/// counted.
pub struct PacketStream<R> {
    reader: OggReader<R>,
    head: OpusHead,
    tags: OpusTags,
    ready: VecDeque<StreamPacket>,
    malformed: u64,
}

/// The result of [`probe`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSummary {
    /// The identification header.
    pub head: OpusHead,
    /// The comment header.
    pub tags: OpusTags,
    /// Number of valid packets.
    pub packets: u64,
    /// Total length of the packets, pre-skip included.
    pub samples: SampleTime,
    /// The last granule position (RFC 7845 section 4).
    pub granule: u64,
    /// Number of packets that are not valid Opus.
    pub malformed: u64,
    /// What is wrong with the pages.
    pub damage: Damage,
}

impl<R: Read> PacketStream<R> {
    /// Reads the first header.
    ///
    /// # Errors
    /// The source fails, is empty, or does not start with a valid `OpusHead`.
    pub fn open(source: R) -> Result<Self, StreamError> {
        let mut reader = OggReader::new(source);
        let first = reader.next_page()?.ok_or(StreamError::Empty)?;
        let head = OpusHead::parse(first.packets.first().ok_or(HeadError::NotOpus)?)?;
        Ok(Self {
            reader,
            head,
            tags: OpusTags::default(),
            ready: VecDeque::new(),
            malformed: 0,
        })
    }

    /// Returns the identification header.
    pub fn head(&self) -> OpusHead {
        self.head
    }

    /// Returns the comment header; empty until the first audio packet is read.
    pub fn tags(&self) -> &OpusTags {
        &self.tags
    }

    /// Returns what was wrong with the pages so far.
    pub fn damage(&self) -> Damage {
        self.reader.damage()
    }

    /// Returns how many packets were skipped because they are not valid Opus.
    pub fn malformed(&self) -> u64 {
        self.malformed
    }

    /// Returns the next packet; `None` at the end.
    ///
    /// # Errors
    /// The source fails.
    pub fn next_packet(&mut self) -> io::Result<Option<StreamPacket>> {
        while self.ready.is_empty() {
            let Some(page) = self.next_page()? else { return Ok(None) };
            let packets = self.playable(page.packets);
            self.ready.extend(packets);
        }
        Ok(self.ready.pop_front())
    }

    /// Returns the next page with audio. Its packets may be malformed.
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

/// Reads a whole file, in bounded memory, and summarizes it.
///
/// # Errors
/// The source fails, is empty, or does not start with a valid `OpusHead`.
pub fn probe(source: impl Read) -> Result<StreamSummary, StreamError> {
    let mut stream = PacketStream::open(source)?;
    let (mut packets, mut samples, mut granule) = (0, SampleTime::ZERO, 0);
    while let Some(page) = stream.next_page()? {
        granule = page.granule.unwrap_or(granule);
        for packet in stream.playable(page.packets) {
            packets += 1;
            samples += SampleTime(packet.samples.into());
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
    fn headers_are_skipped_and_every_packet_has_a_length() {
        let file = file(&[&[0xf8, 1], &[0xe0, 2], &[0xfb, 3, 1, 2, 3]]);
        let mut stream = PacketStream::open(&file[..]).unwrap();

        let packets: Vec<_> = std::iter::from_fn(|| stream.next_packet().unwrap()).collect();

        assert_eq!(packets.iter().map(|p| p.samples).collect::<Vec<_>>(), [960, 120, 2880]);
        assert_eq!(stream.tags().tags, [("TITLE".to_owned(), "test".to_owned())]);
    }

    #[test]
    fn packets_that_are_not_opus_are_skipped_and_counted() {
        let file = file(&[&[0xf8, 1], &[], &[0xfb, 63], &[0xf8]]);

        let summary = probe(&file[..]).unwrap();

        assert_eq!(
            (summary.packets, summary.malformed, summary.samples),
            (2, 2, SampleTime(1920))
        );
    }

    #[test]
    fn a_file_that_is_not_opus_is_refused_with_a_reason() {
        let vorbis = OggWriter::new(1).header(b"\x01vorbis");

        assert!(matches!(probe(&b""[..]), Err(StreamError::Empty)));
        assert!(matches!(
            probe(&b"RIFF, not Ogg at all, but long enough"[..]),
            Err(StreamError::Empty)
        ));
        assert!(matches!(probe(&vorbis[..]), Err(StreamError::Head(HeadError::NotOpus))));
    }
}
