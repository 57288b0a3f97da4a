//! Encodes sound into Opus packets like those of browsers.

use bytes::Bytes;
use opus::{Application, Bitrate, Channels, Encoder};

use super::SAMPLE_RATE;

/// 20 ms, the packet length of WebRTC clients.
pub const FRAME_SAMPLES: usize = SAMPLE_RATE / 50;

/// Bits per second; browsers choose this for speech.
const BIT_RATE: i32 = 32_000;

/// The largest packet that RFC 6716 allows for one frame.
const MAX_PACKET: usize = 1275;

/// Encodes one stream into packets of 20 ms.
#[derive(Debug)]
pub struct FrameEncoder(Encoder);

impl Default for FrameEncoder {
    /// # Panics
    /// Never: libopus accepts these settings.
    fn default() -> Self {
        let mut encoder =
            Encoder::new(SAMPLE_RATE as u32, Channels::Mono, Application::Audio).expect("Opus supports 48 kHz mono");
        encoder
            .set_bitrate(Bitrate::Bits(BIT_RATE))
            .expect("Opus supports 32 kbit/s");
        Self(encoder)
    }
}

impl FrameEncoder {
    /// Encodes the next packet. A sound shorter than 20 ms is padded with silence.
    ///
    /// # Panics
    /// When the sound is longer than 20 ms.
    pub fn encode(&mut self, sound: &[f32]) -> Bytes {
        let mut frame = sound.to_vec();
        frame.resize(FRAME_SAMPLES, 0.0);
        self.0
            .encode_vec_float(&frame, MAX_PACKET)
            .expect("Opus supports frames of 20 ms")
            .into()
    }
}

/// Encodes a whole sound.
pub fn encode(sound: &[f32]) -> Vec<Bytes> {
    let mut encoder = FrameEncoder::default();
    sound.chunks(FRAME_SAMPLES).map(|piece| encoder.encode(piece)).collect()
}
