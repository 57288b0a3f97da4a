//! The decoder: pages become packets and silence, packets become blocks of samples.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::marker::PhantomData;

use bytes::Bytes;
use domain::SampleTime;
use thiserror::Error;

use super::DecodedTime;
use super::page_clock::PageClock;
use crate::SAMPLE_RATE;
use crate::ogg::{Damage, PacketPage};
use crate::opus::{MAX_PACKET_SAMPLES, PacketStream, StreamError, packet_samples};

/// Inserted silence is split into blocks of this many samples at 48 kHz, 1 s.
const SILENCE_BLOCK: u64 = SAMPLE_RATE as u64;

/// Mono audio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block<T> {
    /// Position of the first sample in the recording.
    pub start: T,
    /// 16-bit PCM: 120 ms at most, or up to 1 s of inserted silence.
    pub samples: Vec<i16>,
}

/// What could not be decoded normally.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecodeReport {
    /// Packets that libopus refused and concealed.
    pub concealed: u64,
    /// Packets that are not valid Opus.
    pub malformed: u64,
    /// Silence inserted for missing pages.
    pub inserted: SampleTime,
    /// What is wrong with the pages.
    pub damage: Damage,
}

/// Why a recording cannot be decoded.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// The file is not an Ogg/Opus file.
    #[error("cannot open the recording")]
    Open(#[from] StreamError),
    /// The source failed.
    #[error("cannot read the recording")]
    Io(#[from] io::Error),
    /// libopus failed.
    #[error("cannot set up libopus")]
    Codec(#[from] ::opus::Error),
}

/// An iterator over the blocks of a recording, at the rate that `T` counts: [`SampleTime16k`](super::SampleTime16k)
/// or [`SampleTime`].
///
/// Stereo is mixed down. Positions are those of the file: the pre-skip is dropped, missing pages become silence, and the
/// end is cut where the last page says (RFC 7845 section 4).
pub struct Decoder<R, T> {
    stream: PacketStream<R>,
    codec: ::opus::Decoder,
    items: VecDeque<Item>,
    clock: PageClock,
    /// Samples still to be dropped from the start, at the output's rate.
    skip: u64,
    /// Position of the next block, at the output's rate.
    position: u64,
    report: DecodeReport,
    rate: PhantomData<T>,
}

enum Item {
    /// Samples at 48 kHz.
    Silence(u64),
    Packet(Bytes, u32),
}

impl<R: Read, T: DecodedTime> Decoder<R, T> {
    /// Opens a recording and reads its headers.
    ///
    /// # Errors
    /// The source fails or does not start with a valid `OpusHead`.
    pub fn open(source: R) -> Result<Self, DecodeError> {
        let stream = PacketStream::open(source)?;
        let mut codec = ::opus::Decoder::new(T::HZ, ::opus::Channels::Mono)?;
        codec.set_gain(i32::from(stream.head().output_gain))?;
        let skip = at_rate::<T>(u64::from(stream.head().pre_skip));
        Ok(Self {
            stream,
            codec,
            items: VecDeque::new(),
            clock: PageClock::default(),
            skip,
            position: 0,
            report: DecodeReport::default(),
            rate: PhantomData,
        })
    }

    /// Returns what was found so far; complete at the end.
    pub fn report(&self) -> DecodeReport {
        DecodeReport {
            damage: self.stream.damage(),
            ..self.report
        }
    }

    /// Returns the next block, never empty; `None` at the end.
    ///
    /// # Errors
    /// The source fails. Damaged content is not an error.
    pub fn next_block(&mut self) -> Result<Option<Block<T>>, DecodeError> {
        loop {
            let Some(item) = self.items.pop_front() else {
                let Some(page) = self.stream.next_page()? else {
                    return Ok(None);
                };
                self.queue_page(page);
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

    fn queue_page(&mut self, page: PacketPage) {
        let packets: Vec<_> = page.packets.iter().filter_map(playable).collect();
        self.report.malformed += (page.packets.len() - packets.len()) as u64;
        let samples = packets.iter().map(|packet| u64::from(packet.1)).sum();
        let missing = self.clock.advance(&page, samples);
        if missing > 0 {
            self.report.inserted += SampleTime::from_samples(missing);
            self.items.push_back(Item::Silence(missing));
        }
        self.items.extend(
            packets
                .into_iter()
                .map(|(packet, samples)| Item::Packet(packet, samples)),
        );
    }

    /// Returns a block of silence and puts the rest back into the queue.
    fn silence(&mut self, samples: u64) -> Vec<i16> {
        let now = samples.min(SILENCE_BLOCK);
        if samples > now {
            self.items.push_front(Item::Silence(samples - now));
        }
        vec![0; at_rate::<T>(now) as usize]
    }

    fn decode(&mut self, packet: &[u8], samples: u32) -> Vec<i16> {
        let mut sound = vec![0; at_rate::<T>(u64::from(MAX_PACKET_SAMPLES)) as usize];
        let wanted = at_rate::<T>(u64::from(samples)) as usize;
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

    /// Fills `sound` with the decoder's concealment, or with silence if that fails.
    fn conceal(&mut self, sound: &mut [i16]) {
        if self.codec.decode(&[], sound, false).is_err() {
            sound.fill(0);
        }
    }

    /// Drops samples before the start and after the end.
    fn trim(&mut self, mut samples: Vec<i16>) -> Block<T> {
        let skipped = self.skip.min(samples.len() as u64);
        self.skip -= skipped;
        samples.drain(..skipped as usize);
        let start = self.position;
        if let Some(end) = self.end() {
            samples.truncate(end.saturating_sub(start) as usize);
        }
        self.position += samples.len() as u64;
        Block {
            start: T::from_samples(start),
            samples,
        }
    }

    fn end(&self) -> Option<u64> {
        let pre_skip = at_rate::<T>(u64::from(self.stream.head().pre_skip));
        self.clock
            .cut_after_origin()
            .map(|samples| at_rate::<T>(samples).saturating_sub(pre_skip))
    }
}

impl<R: Read, T: DecodedTime> Iterator for Decoder<R, T> {
    type Item = Result<Block<T>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_block().transpose()
    }
}

/// Converts samples at 48 kHz to the rate of `T`.
fn at_rate<T: DecodedTime>(samples: u64) -> u64 {
    samples / u64::from(SAMPLE_RATE / T::HZ)
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
    use crate::opus::decode::SampleTime16k;
    use crate::opus::encode::{EncodedChannels, encode, encode_file, tone};
    use crate::opus::{OpusHead, OpusTags};

    const SECOND: usize = 48_000;

    fn decode<T: DecodedTime + PartialEq + std::fmt::Debug>(file: &[u8]) -> (Vec<i16>, DecodeReport) {
        let mut decoder = Decoder::<_, T>::open(file).unwrap();
        let mut sound = Vec::new();
        while let Some(block) = decoder.next_block().unwrap() {
            assert_eq!(block.start, T::from_samples(sound.len() as u64));
            sound.extend(block.samples);
        }
        (sound, decoder.report())
    }

    /// Returns the mean square of the samples.
    fn power(sound: &[i16]) -> f64 {
        sound.iter().map(|&s| f64::from(s) * f64::from(s)).sum::<f64>() / sound.len() as f64
    }

    /// Returns half a second of silence, of a tone and of silence again.
    fn beep() -> Vec<i16> {
        [vec![0; SECOND / 2], tone(440.0, SECOND / 2), vec![0; SECOND / 2]].concat()
    }

    /// Returns the pages of a file with pre-skip 0 and 10 packets per page.
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
    fn sound_keeps_its_position_at_either_rate() {
        let file = encode_file(&beep(), EncodedChannels::Mono).unwrap();

        let decoded = [
            (decode::<SampleTime16k>(&file), 16_000),
            (decode::<SampleTime>(&file), 48_000),
        ];

        for ((sound, report), second) in decoded {
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

        let (sound, _) = decode::<SampleTime16k>(&file);

        assert_eq!(sound.len(), 16_000);
        assert!(power(&sound) > 1e5);
    }

    #[test]
    fn missing_pages_become_silence_of_their_length() {
        let mut pages = pages(&encode(&tone(440.0, 3 * SECOND), EncodedChannels::Mono).unwrap().packets);
        let whole = decode::<SampleTime16k>(&pages.concat()).0;

        pages.drain(5..8);
        let (sound, report) = decode::<SampleTime16k>(&pages.concat());

        assert_eq!(sound.len(), whole.len());
        assert_eq!(report.inserted, SampleTime(3 * 9600));
        assert_eq!(report.damage.missing_pages, 1);
        assert!(sound[3 * 3200..6 * 3200].iter().all(|&s| s == 0));
        assert!(power(&sound[6 * 3200..]) > 1e6);
    }

    #[test]
    fn a_lost_first_page_is_silence_and_a_late_start_is_not() {
        let mut pages = pages(&encode(&tone(440.0, SECOND), EncodedChannels::Mono).unwrap().packets);
        let whole = decode::<SampleTime16k>(&pages.concat()).0;

        pages.remove(2);
        let without_first = decode::<SampleTime16k>(&pages.concat()).0;

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

        assert_eq!(decode::<SampleTime>(&file).0.len(), 480);
    }

    #[test]
    fn a_torn_file_is_decoded_up_to_the_tear() {
        let file = pages(&encode(&tone(440.0, SECOND), EncodedChannels::Mono).unwrap().packets).concat();

        let (sound, report) = decode::<SampleTime16k>(&file[..file.len() - 10]);

        assert!(report.damage.is_torn);
        assert_eq!(sound.len(), 16_000);
    }

    #[test]
    fn an_absurd_granule_position_does_not_insert_days_of_silence() {
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

        assert!(decode::<SampleTime16k>(&file).0.len() <= 3 * 320);
    }

    #[test]
    fn packets_that_are_not_opus_are_counted_and_keep_their_time() {
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

        let (sound, report) = decode::<SampleTime16k>(&file);

        assert_eq!((report.malformed, report.inserted), (1, SampleTime(960)));
        assert_eq!(sound.len(), packets.len() * 320);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn packets_of_any_bytes_are_decoded_to_their_length(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..40)) {
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

            let (sound, _) = decode::<SampleTime16k>(&file);

            prop_assert_eq!(sound.len() as u64, samples / 3);
        }

        #[test]
        fn any_damage_is_tolerated(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..30)) {
            let mut file = encode_file(&beep(), EncodedChannels::Mono).unwrap();
            for (at, byte) in changes {
                let at = at.index(file.len());
                file[at] = byte;
            }

            if let Ok(decoder) = Decoder::<_, SampleTime16k>::open(&file[..]) {
                prop_assert!(decoder.map(|block| block.unwrap().samples.len()).sum::<usize>() <= 16_000 * 2);
            }
        }
    }
}
