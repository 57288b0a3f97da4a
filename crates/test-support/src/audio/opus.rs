//! Sound to Opus packets, as a browser would send them.

use bytes::Bytes;
use opus::{Application, Bitrate, Channels, Encoder};

use super::SAMPLE_RATE;

/// 20 ms, what every WebRTC client sends.
pub const FRAME_SAMPLES: usize = SAMPLE_RATE / 50;

/// Bits per second, as browsers choose for speech.
const BIT_RATE: i32 = 32_000;

/// The largest packet that RFC 6716 allows for one frame.
const MAX_PACKET: usize = 1275;

/// One stream of packets, 20 ms each.
#[derive(Debug)]
pub struct FrameEncoder(Encoder);

impl Default for FrameEncoder {
    /// # Panics
    /// When libopus refuses, which it does only for bad arguments.
    fn default() -> Self {
        let mut encoder = Encoder::new(SAMPLE_RATE as u32, Channels::Mono, Application::Audio)
            .expect("48 kHz mono is a mode of Opus");
        encoder
            .set_bitrate(Bitrate::Bits(BIT_RATE))
            .expect("32 kbit/s is a bit rate of Opus");
        Self(encoder)
    }
}

impl FrameEncoder {
    /// The next packet; a shorter piece of sound is filled up with silence.
    ///
    /// # Panics
    /// When the piece is longer than 20 ms.
    pub fn encode(&mut self, sound: &[f32]) -> Bytes {
        let mut frame = sound.to_vec();
        frame.resize(FRAME_SAMPLES, 0.0);
        self.0
            .encode_vec_float(&frame, MAX_PACKET)
            .expect("20 ms is a frame of Opus")
            .into()
    }
}

/// All packets of a sound.
pub fn encode(sound: &[f32]) -> Vec<Bytes> {
    let mut encoder = FrameEncoder::default();
    sound.chunks(FRAME_SAMPLES).map(|piece| encoder.encode(piece)).collect()
}
