//! Encodes the voices and tones of demo, bench and tests. Recordings are never encoded.

use bytes::Bytes;
use thiserror::Error;

use super::{OpusHead, OpusTags};
use crate::ogg::OggWriter;

/// 20 ms at 48 kHz, as clients send.
const PACKET_SAMPLES: usize = 960;

/// Enough for a packet of the highest bit rate.
const MAX_PACKET_BYTES: usize = 1500;

const PAGE_SAMPLES: u64 = 48_000;

/// The layout of the input samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodedChannels {
    /// One channel.
    Mono,
    /// Left and right, interleaved.
    Stereo,
}

/// Encoded audio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Opus packets of 20 ms each.
    pub packets: Vec<Bytes>,
    /// Delay added by the encoder, in samples at 48 kHz: the pre-skip of a file.
    pub delay: u16,
}

/// libopus failed to encode.
#[derive(Debug, Error)]
#[error("libopus cannot encode")]
pub struct EncodeError(#[from] ::opus::Error);

/// Encodes 16-bit PCM at 48 kHz with libopus' settings for speech. Silence is appended for the encoder's delay and to
/// fill the last packet.
///
/// # Errors
/// libopus fails.
pub fn encode(sound: &[i16], channels: EncodedChannels) -> Result<Encoded, EncodeError> {
    let mut encoder = ::opus::Encoder::new(48_000, channels.to_libopus(), ::opus::Application::Voip)?;
    let delay = encoder.get_lookahead()?;
    let delay = u16::try_from(delay).expect("libopus looks ahead for a few milliseconds");
    let mut padded = sound.to_vec();
    padded.resize(sound.len() + usize::from(delay) * channels.count(), 0);
    padded.resize(padded.len().next_multiple_of(PACKET_SAMPLES * channels.count()), 0);
    let packets = padded
        .chunks_exact(PACKET_SAMPLES * channels.count())
        .map(|samples| encoder.encode_vec(samples, MAX_PACKET_BYTES).map(Bytes::from))
        .collect::<Result<_, _>>()?;
    Ok(Encoded { packets, delay })
}

/// Encodes 16-bit PCM at 48 kHz to an Ogg/Opus file. Decoding it yields as many samples as `sound` has.
///
/// # Errors
/// libopus fails.
pub fn encode_file(sound: &[i16], channels: EncodedChannels) -> Result<Vec<u8>, EncodeError> {
    let Encoded { packets, delay } = encode(sound, channels)?;
    let head = OpusHead {
        pre_skip: delay,
        ..OpusHead::for_rtp(channels.count() as u8)
    };
    let mut writer = OggWriter::new(1);
    let mut file = [
        writer.header(&head.to_bytes()),
        writer.header(&OpusTags::default().to_bytes()),
    ]
    .concat();
    let mut left = sound.len() / channels.count() + usize::from(delay);
    for packet in packets {
        let samples = left.min(PACKET_SAMPLES);
        left -= samples;
        file.extend(writer.push(packet, samples as u32, PAGE_SAMPLES).unwrap_or_default());
    }
    file.extend(writer.finish().unwrap_or_default());
    Ok(file)
}

/// Returns a sine wave at 48 kHz with a quarter of the full amplitude.
pub fn tone(hz: f64, samples: usize) -> Vec<i16> {
    let step = hz * std::f64::consts::TAU / 48_000.0;
    (0..samples)
        .map(|n| ((n as f64 * step).sin() * 8192.0) as i16)
        .collect()
}

impl EncodedChannels {
    fn count(self) -> usize {
        match self {
            Self::Mono => 1,
            Self::Stereo => 2,
        }
    }

    fn to_libopus(self) -> ::opus::Channels {
        match self {
            Self::Mono => ::opus::Channels::Mono,
            Self::Stereo => ::opus::Channels::Stereo,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opus::packet_samples;

    #[test]
    fn every_packet_is_20_ms_long() {
        let encoded = encode(&tone(440.0, 48_000), EncodedChannels::Mono).unwrap();

        assert_eq!(encoded.packets.len(), 51);
        assert!(encoded.packets.iter().all(|packet| packet_samples(packet) == Ok(960)));
    }

    #[test]
    fn no_samples_become_one_packet_of_silence() {
        let encoded = encode(&[], EncodedChannels::Stereo).unwrap();

        assert_eq!(encoded.packets.len(), 1);
    }
}
