//! Encodes a chunk as a WAV file, which every server can read; not every server reads Opus.

use media::opus::decode::SampleTime16k;

/// Returns a WAV file: mono, 16 kHz, 16 bits.
pub fn encode(audio: &[i16]) -> Vec<u8> {
    let data_bytes = audio.len() as u32 * 2;
    let rate = SampleTime16k::HZ;
    let mut wav = Vec::with_capacity(44 + audio.len() * 2);
    wav.extend(b"RIFF");
    wav.extend((36 + data_bytes).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16_u32.to_le_bytes());
    wav.extend([1, 0, 1, 0]); // PCM, one channel
    wav.extend(rate.to_le_bytes());
    wav.extend((rate * 2).to_le_bytes());
    wav.extend([2, 0, 16, 0]); // bytes per sample, bits per sample
    wav.extend(b"data");
    wav.extend(data_bytes.to_le_bytes());
    wav.extend(audio.iter().flat_map(|s| s.to_le_bytes()));
    wav
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_describes_the_samples() {
        let wav = encode(&[0, 32_767, -32_767, 1]);

        assert_eq!(wav.len(), 44 + 8);
        assert_eq!(&wav[..4], b"RIFF");
        assert_eq!(
            u32::from_le_bytes(wav[4..8].try_into().unwrap()) as usize,
            wav.len() - 8
        );
        assert_eq!(u32::from_le_bytes(wav[24..28].try_into().unwrap()), 16_000);
        assert_eq!(wav[44..], [0, 0, 0xff, 0x7f, 0x01, 0x80, 1, 0]);
    }
}
