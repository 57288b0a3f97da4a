//! Audio in other codecs, decoded and encoded as Opus.

use bytes::Bytes;
use domain::SampleTime;
use opus::{Application, Bitrate, Channels, Encoder};
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::packet::Packet;
use symphonia::default::codecs::{AacDecoder, PcmDecoder};

use super::output::Output;
use super::resample::Resampler;
use super::{ImportError, SourceCodec};
use crate::SAMPLE_RATE;
use crate::opus::OpusHead;

/// 20 ms.
const PACKET_SAMPLES: usize = 960;

/// Enough for a packet of the highest bit rate.
const MAX_PACKET_BYTES: usize = 1500;

/// Bits per second and channel. Speech and music are transparent.
const BITRATE: i32 = 64_000;

/// Gaps of up to 100 ms are encoded as silence; longer ones are filled with packets of silence.
const MAX_ENCODED_GAP: SampleTime = SampleTime(4800);

/// Sample rates that are converted.
const RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;

/// Decodes the packets of a stream.
pub(super) struct SourceDecoder {
    decoder: Box<dyn AudioDecoder>,
    /// The last packet's samples, interleaved.
    samples: Vec<f32>,
}

/// Audio of one packet.
#[derive(Clone, Copy)]
pub(super) struct Pcm<'a> {
    pub(super) rate: u32,
    pub(super) channels: usize,
    /// Interleaved.
    pub(super) samples: &'a [f32],
}

/// Encodes audio of one sample rate.
pub(super) struct OpusEncoder {
    encoder: Encoder,
    resampler: Option<Resampler>,
    rate: u32,
    channels: usize,
    /// At 48 kHz, interleaved; not encoded yet.
    waiting: Vec<f32>,
    mixed: Vec<f32>,
    delay: usize,
}

impl SourceDecoder {
    pub(super) fn new(params: &AudioCodecParameters) -> Result<Self, ImportError> {
        let options = AudioDecoderOptions::default();
        let decoder: Result<Box<dyn AudioDecoder>, _> = match SourceCodec::of(params.codec) {
            SourceCodec::Aac => AacDecoder::try_new(params, &options).map(|decoder| Box::new(decoder) as _),
            SourceCodec::Opus | SourceCodec::Pcm => {
                PcmDecoder::try_new(params, &options).map(|decoder| Box::new(decoder) as _)
            }
        };
        Ok(Self {
            decoder: decoder.map_err(|error| ImportError::Codec(error.to_string()))?,
            samples: Vec::new(),
        })
    }

    /// Decodes a packet; `None` if it is malformed or empty.
    pub(super) fn decode(&mut self, packet: &Packet) -> Option<Pcm<'_>> {
        let audio = self.decoder.decode(packet).ok()?;
        let (rate, channels) = (audio.spec().rate(), audio.num_planes());
        audio.copy_to_vec_interleaved(&mut self.samples);
        (!self.samples.is_empty() && RATES.contains(&rate)).then_some(Pcm {
            rate,
            channels,
            samples: &self.samples,
        })
    }
}

impl OpusEncoder {
    /// Creates an encoder for audio like `pcm`.
    pub(super) fn new(pcm: Pcm<'_>) -> Result<Self, ImportError> {
        let channels = if pcm.channels == 2 { 2 } else { 1 };
        let (encoder, delay) = libopus(channels).map_err(|error| ImportError::Codec(error.to_string()))?;
        Ok(Self {
            encoder,
            resampler: (pcm.rate != SAMPLE_RATE).then(|| Resampler::new(pcm.rate, channels)),
            rate: pcm.rate,
            channels,
            waiting: Vec::new(),
            mixed: Vec::new(),
            delay,
        })
    }

    pub(super) fn head(&self) -> OpusHead {
        OpusHead {
            input_rate: self.rate,
            ..OpusHead::for_rtp(self.channels as u8)
        }
    }

    /// Returns by how much the encoder delays the audio.
    pub(super) fn delay(&self) -> SampleTime {
        SampleTime(self.delay as i64)
    }

    /// Whether this encoder takes audio like `pcm`.
    pub(super) fn accepts(&self, pcm: Pcm<'_>) -> bool {
        pcm.rate == self.rate
    }

    /// Returns the length of all audio that it was given, if `output` holds what it made of it.
    pub(super) fn taken(&self, output: &Output) -> SampleTime {
        let resampling = self.resampler.as_ref().map_or(0, Resampler::pending);
        let waiting = (self.waiting.len() / self.channels) as u64;
        output.written() + SampleTime::from_samples(resampling + waiting)
    }

    /// Encodes audio.
    pub(super) fn write(&mut self, pcm: Pcm<'_>, output: &mut Output) -> Result<(), ImportError> {
        self.mix(pcm);
        match &mut self.resampler {
            Some(resampler) => resampler.push(&self.mixed, &mut self.waiting),
            None => self.waiting.append(&mut self.mixed),
        }
        self.encode(output)
    }

    /// Fills a gap with silence.
    pub(super) fn skip(&mut self, missing: SampleTime, output: &mut Output) -> Result<(), ImportError> {
        if missing <= MAX_ENCODED_GAP {
            self.flush_resampler();
            self.wait_silence(missing);
            return self.encode(output);
        }
        let before = self.taken(output);
        self.finish(output)?;
        let encoded = self.taken(output) - before;
        let filled = output.push_silence(missing - encoded);
        self.wait_silence(missing - encoded - filled);
        Ok(())
    }

    /// Encodes all that it was given, and silence up to the end of the packet.
    pub(super) fn finish(&mut self, output: &mut Output) -> Result<(), ImportError> {
        self.flush_resampler();
        self.wait_silence(self.delay());
        let packet = PACKET_SAMPLES * self.channels;
        self.waiting.resize(self.waiting.len().next_multiple_of(packet), 0.0);
        self.encode(output)
    }

    fn flush_resampler(&mut self) {
        if let Some(resampler) = &mut self.resampler {
            resampler.flush(&mut self.waiting);
        }
    }

    fn wait_silence(&mut self, length: SampleTime) {
        let samples = length.samples() as usize * self.channels;
        self.waiting.extend(std::iter::repeat_n(0.0, samples));
    }

    fn encode(&mut self, output: &mut Output) -> Result<(), ImportError> {
        let packets = self.waiting.chunks_exact(PACKET_SAMPLES * self.channels);
        let rest = packets.remainder().len();
        for samples in packets {
            let packet = self.encoder.encode_vec_float(samples, MAX_PACKET_BYTES);
            let packet = packet.map_err(|error| ImportError::Codec(error.to_string()))?;
            output.push_packet(Bytes::from(packet), PACKET_SAMPLES as u32);
        }
        self.waiting.drain(..self.waiting.len() - rest);
        Ok(())
    }

    /// Mixes the channels to those of the encoder, within the range that libopus takes.
    fn mix(&mut self, pcm: Pcm<'_>) {
        self.mixed.clear();
        for frame in pcm.samples.chunks_exact(pcm.channels.max(1)) {
            match (frame, self.channels) {
                (&[left, right], 2) => self.mixed.extend([left, right].map(in_range)),
                _ => {
                    let mono = frame.iter().copied().map(in_range).sum::<f32>() / frame.len() as f32;
                    self.mixed.extend(std::iter::repeat_n(mono, self.channels));
                }
            }
        }
    }
}

fn libopus(channels: usize) -> Result<(Encoder, usize), opus::Error> {
    let layout = if channels == 2 {
        Channels::Stereo
    } else {
        Channels::Mono
    };
    let mut encoder = Encoder::new(SAMPLE_RATE, layout, Application::Audio)?;
    encoder.set_bitrate(Bitrate::Bits(BITRATE * channels as i32))?;
    let delay = usize::try_from(encoder.get_lookahead()?).unwrap_or_default();
    Ok((encoder, delay))
}

fn in_range(sample: f32) -> f32 {
    if sample.is_finite() {
        sample.clamp(-1.0, 1.0)
    } else {
        0.0
    }
}
