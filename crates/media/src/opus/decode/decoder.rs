//! The decoder: pages become packets and silence, packets become blocks.

use std::collections::VecDeque;
use std::io::{self, Read};

use bytes::Bytes;
use thiserror::Error;

use crate::SAMPLE_RATE;
use crate::ogg::{Damage, PacketPage};
use crate::opus::{MAX_PACKET_SAMPLES, PacketStream, StreamError, packet_samples};

use super::page_clock::PageClock;

/// Inserted silence comes in blocks of this many samples at 48 kHz, 1 s.
const SILENCE_BLOCK: u64 = SAMPLE_RATE as u64;

/// Samples a second of the output. libopus decodes straight to either; no resampler is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputRate {
    /// What speech recognition wants.
    Hz16000,
    /// What was recorded.
    Hz48000,
}

/// Mono sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Position of the first sample in the recording, at the output's rate.
    pub start: u64,
    /// 120 ms at most, or 1 s of inserted silence.
    pub samples: Vec<i16>,
}

/// What could not be decoded as it was meant to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecodeReport {
    /// Packets that libopus refused and guessed.
    pub concealed: u64,
    /// Packets that are not Opus.
    pub malformed: u64,
    /// Samples at 48 kHz of silence for pages that are missing.
    pub inserted: u64,
    pub damage: Damage,
}

#[derive(Debug, Error)]
pub enum DecodeError {
    #[error("the recording cannot be opened")]
    Open(#[from] StreamError),
    #[error("the recording cannot be read on")]
    Io(#[from] io::Error),
    #[error("libopus cannot be set up")]
    Codec(#[from] ::opus::Error),
}

/// An iterator over the blocks of a recording, stereo mixed down. Positions are the file's: the pre-skip is dropped,
/// missing pages are silence, the end is cut where the last page says.
pub struct Decoder<R> {
    stream: PacketStream<R>,
    codec: ::opus::Decoder,
    rate: OutputRate,
    items: VecDeque<Item>,
    clock: PageClock,
    /// Samples still to be dropped from the start, at the output's rate.
    skip: u64,
    /// Position of the next block, at the output's rate.
    position: u64,
    report: DecodeReport,
}

enum Item {
    Silence(u64),
    Packet(Bytes, u32),
}

impl OutputRate {
    pub fn hz(self) -> u32 {
        match self {
            Self::Hz16000 => 16_000,
            Self::Hz48000 => 48_000,
        }
    }

    /// Samples at this rate of samples at 48 kHz.
    fn of(self, samples: u64) -> u64 {
        samples / u64::from(SAMPLE_RATE / self.hz())
    }
}

impl<R: Read> Decoder<R> {
    pub fn open(source: R, rate: OutputRate) -> Result<Self, DecodeError> {
        let stream = PacketStream::open(source)?;
        let mut codec = ::opus::Decoder::new(rate.hz(), ::opus::Channels::Mono)?;
        codec.set_gain(i32::from(stream.head().output_gain))?;
        let skip = rate.of(u64::from(stream.head().pre_skip));
        Ok(Self {
            stream,
            codec,
            rate,
            items: VecDeque::new(),
            clock: PageClock::default(),
            skip,
            position: 0,
            report: DecodeReport::default(),
        })
    }

    /// What was found so far; complete at the end.
    pub fn report(&self) -> DecodeReport {
        DecodeReport {
            damage: self.stream.damage(),
            ..self.report
        }
    }

    /// The next block, never empty; none at the end.
    pub fn next_block(&mut self) -> Result<Option<Block>, DecodeError> {
        loop {
            let Some(item) = self.items.pop_front() else {
                let Some(page) = self.stream.next_page()? else {
                    return Ok(None);
                };
                self.queue(page);
                continue;
            };
            let samples = match item {
                Item::Silence(samples) => self.silence(samples),
                Item::Packet(packet, samples) => self.decode(&packet, samples),
            };
            let block = self.trim(samples);
            if !block.samples.is_empty() {
                return Ok(Some(block));
            }
        }
    }

    fn queue(&mut self, page: PacketPage) {
        let packets: Vec<_> = page.packets.iter().filter_map(playable).collect();
        self.report.malformed += (page.packets.len() - packets.len()) as u64;
        let samples = packets.iter().map(|packet| u64::from(packet.1)).sum();
        let missing = self.clock.advance(&page, samples);
        if missing > 0 {
            self.report.inserted += missing;
            self.items.push_back(Item::Silence(missing));
        }
        self.items.extend(
            packets
                .into_iter()
                .map(|(packet, samples)| Item::Packet(packet, samples)),
        );
    }

    /// A block of silence; the rest of it is next.
    fn silence(&mut self, samples: u64) -> Vec<i16> {
        let now = samples.min(SILENCE_BLOCK);
        if samples > now {
            self.items.push_front(Item::Silence(samples - now));
        }
        vec![0; self.rate.of(now) as usize]
    }

    fn decode(&mut self, packet: &[u8], samples: u32) -> Vec<i16> {
        let mut sound = vec![0; self.rate.of(u64::from(MAX_PACKET_SAMPLES)) as usize];
        let wanted = self.rate.of(u64::from(samples)) as usize;
        match self.codec.decode(packet, &mut sound, false) {
            Ok(decoded) => sound.truncate(decoded),
            Err(_) => {
                self.report.concealed += 1;
                sound.truncate(wanted);
                self.conceal(&mut sound);
            }
        }
        sound.resize(wanted, 0);
        sound
    }

    /// The decoder's guess; silence if it has none.
    fn conceal(&mut self, sound: &mut [i16]) {
        if self.codec.decode(&[], sound, false).is_err() {
            sound.fill(0);
        }
    }

    /// Without what lies before the start or behind the end.
    fn trim(&mut self, mut samples: Vec<i16>) -> Block {
        let skipped = self.skip.min(samples.len() as u64);
        self.skip -= skipped;
        samples.drain(..skipped as usize);
        let start = self.position;
        if let Some(end) = self.end() {
            samples.truncate(end.saturating_sub(start) as usize);
        }
        self.position += samples.len() as u64;
        Block { start, samples }
    }

    fn end(&self) -> Option<u64> {
        let pre_skip = self.rate.of(u64::from(self.stream.head().pre_skip));
        self.clock
            .cut_after_origin()
            .map(|samples| self.rate.of(samples).saturating_sub(pre_skip))
    }
}

impl<R: Read> Iterator for Decoder<R> {
    type Item = Result<Block, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_block().transpose()
    }
}

fn playable(packet: &Bytes) -> Option<(Bytes, u32)> {
    let samples = packet_samples(packet).ok()?;
    Some((packet.clone(), samples))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ogg::{OggPage, OggWriter};
    use crate::opus::encode::{EncodedChannels, encode, encode_file, tone};
    use crate::opus::{OpusHead, OpusTags};

    const SECOND: usize = 48_000;

    fn decode(file: &[u8], rate: OutputRate) -> (Vec<i16>, DecodeReport) {
        let mut decoder = Decoder::open(file, rate).unwrap();
        let mut sound = Vec::new();
        while let Some(block) = decoder.next_block().unwrap() {
            assert_eq!(block.start, sound.len() as u64);
            sound.extend(block.samples);
        }
        (sound, decoder.report())
    }

    /// Mean square of a part.
    fn power(sound: &[i16]) -> f64 {
        sound.iter().map(|&s| f64::from(s) * f64::from(s)).sum::<f64>() / sound.len() as f64
    }

    /// Half a second of silence, half a second of tone, half a second of silence.
    fn beep() -> Vec<i16> {
        [vec![0; SECOND / 2], tone(440.0, SECOND / 2), vec![0; SECOND / 2]].concat()
    }

    /// The pages of a file with pre-skip 0 and 10 packets a page.
    fn pages(packets: &[Bytes]) -> Vec<Bytes> {
        let mut writer = OggWriter::new(1);
        let head = writer.header(&OpusHead::for_rtp(2).to_bytes());
        let mut pages = vec![head, writer.header(&OpusTags::default().to_bytes())];
        pages.extend(
            packets
                .iter()
                .filter_map(|packet| writer.push(packet.clone(), 960, 9600)),
        );
        pages.extend(writer.finish());
        pages
    }

    #[test]
    fn sound_lies_where_it_was_at_either_rate() {
        let file = encode_file(&beep(), EncodedChannels::Mono).unwrap();

        for (rate, second) in [(OutputRate::Hz16000, 16_000), (OutputRate::Hz48000, 48_000)] {
            let (sound, report) = decode(&file, rate);

            assert_eq!(report, DecodeReport::default());
            assert_eq!(sound.len(), second * 3 / 2);
            let ms = second / 1000;
            assert!(power(&sound[..490 * ms]) < 100.0);
            assert!(power(&sound[510 * ms..990 * ms]) > 1e6);
            assert!(power(&sound[1015 * ms..]) < 100.0);
        }
    }

    #[test]
    fn stereo_is_mixed_down() {
        let left_only: Vec<i16> = tone(440.0, SECOND).into_iter().flat_map(|sample| [sample, 0]).collect();
        let file = encode_file(&left_only, EncodedChannels::Stereo).unwrap();

        let (sound, _) = decode(&file, OutputRate::Hz16000);

        assert_eq!(sound.len(), 16_000);
        assert!(power(&sound) > 1e5);
    }

    #[test]
    fn missing_pages_become_silence_of_their_length() {
        let mut pages = pages(&encode(&tone(440.0, 3 * SECOND), EncodedChannels::Mono).unwrap().packets);
        let whole = decode(&pages.concat(), OutputRate::Hz16000).0;

        pages.drain(5..8);
        let (sound, report) = decode(&pages.concat(), OutputRate::Hz16000);

        assert_eq!(sound.len(), whole.len());
        assert_eq!(report.inserted, 3 * 9600);
        assert_eq!(report.damage.missing_pages, 1);
        assert!(sound[3 * 3200..6 * 3200].iter().all(|&s| s == 0));
        assert!(power(&sound[6 * 3200..]) > 1e6);
    }

    #[test]
    fn a_lost_first_page_is_silence_and_a_late_start_is_not() {
        let mut pages = pages(&encode(&tone(440.0, SECOND), EncodedChannels::Mono).unwrap().packets);
        let whole = decode(&pages.concat(), OutputRate::Hz16000).0;

        pages.remove(2);
        let without_first = decode(&pages.concat(), OutputRate::Hz16000).0;

        assert_eq!(without_first.len(), whole.len());
        assert!(without_first[..3200].iter().all(|&s| s == 0));
    }

    #[test]
    fn the_end_is_cut_where_the_last_page_says() {
        let pages = pages(&[Bytes::from_static(&[0xf8, 0xff, 0xfe])]);
        let last = OggPage {
            is_last: true,
            granule: 480,
            serial: 1,
            sequence: 2,
            segments: vec![3],
            body: Bytes::from_static(&[0xf8, 0xff, 0xfe]),
            ..OggPage::default()
        };

        let file = [&pages[0][..], &pages[1], &last.to_bytes()].concat();

        assert_eq!(decode(&file, OutputRate::Hz48000).0.len(), 480);
    }

    #[test]
    fn a_torn_file_is_decoded_up_to_the_tear() {
        let file = pages(&encode(&tone(440.0, SECOND), EncodedChannels::Mono).unwrap().packets).concat();

        let (sound, report) = decode(&file[..file.len() - 10], OutputRate::Hz16000);

        assert!(report.damage.is_torn);
        assert_eq!(sound.len(), 16_000);
    }

    #[test]
    fn an_absurd_granule_position_makes_no_days_of_silence() {
        let pages = pages(&[Bytes::from_static(&[0xf8]), Bytes::from_static(&[0xf8])]);
        let late = OggPage {
            granule: u64::MAX - 1,
            serial: 1,
            sequence: 3,
            segments: vec![1],
            body: Bytes::from_static(&[0xf8]),
            ..OggPage::default()
        };

        let file = [&pages[0][..], &pages[1], &pages[2], &late.to_bytes()].concat();

        assert!(decode(&file, OutputRate::Hz16000).0.len() <= 3 * 320);
    }

    #[test]
    fn packets_that_are_not_opus_are_counted_and_cost_no_time() {
        let packets: Vec<_> = encode(&tone(440.0, SECOND), EncodedChannels::Mono).unwrap().packets;
        let mut writer = OggWriter::new(1);
        let mut file = [
            writer.header(&OpusHead::for_rtp(1).to_bytes()),
            writer.header(&OpusTags::default().to_bytes()),
        ]
        .concat();
        for (number, packet) in packets.iter().enumerate() {
            let packet = if number == 12 {
                Bytes::from_static(&[0xfb, 0])
            } else {
                packet.clone()
            };
            file.extend(writer.push(packet, 960, 9600).unwrap_or_default());
        }
        file.extend(writer.finish().unwrap());

        let (sound, report) = decode(&file, OutputRate::Hz16000);

        assert_eq!((report.malformed, report.inserted), (1, 960));
        assert_eq!(sound.len(), packets.len() * 320);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn packets_of_any_bytes_are_decoded_for_as_long_as_they_say(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..40)) {
            let packets: Vec<_> = packets.into_iter().map(Bytes::from).collect();
            let mut writer = OggWriter::new(1);
            let mut file = [writer.header(&OpusHead::for_rtp(2).to_bytes()), writer.header(&OpusTags::default().to_bytes())].concat();
            let mut samples = 0;
            for packet in packets {
                let length = packet_samples(&packet).unwrap_or(0);
                samples += u64::from(length);
                file.extend(writer.push(packet, length, 9600).unwrap_or_default());
            }
            file.extend(writer.finish().unwrap());

            let (sound, _) = decode(&file, OutputRate::Hz16000);

            prop_assert_eq!(sound.len() as u64, samples / 3);
        }

        #[test]
        fn any_damage_is_survived(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..30)) {
            let mut file = encode_file(&beep(), EncodedChannels::Mono).unwrap();
            for (at, byte) in changes {
                let at = at.index(file.len());
                file[at] = byte;
            }

            if let Ok(decoder) = Decoder::open(&file[..], OutputRate::Hz16000) {
                prop_assert!(decoder.map(|block| block.unwrap().samples.len()).sum::<usize>() <= 16_000 * 2);
            }
        }
    }
}
