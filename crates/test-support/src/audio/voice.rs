//! Sentences spoken by flite, a speech synthesizer.

use std::{
    fs,
    process::{Command, Stdio},
};

use tempfile::NamedTempFile;

use super::recorded::decode;

/// Samples per second of flite's files.
const FLITE_RATE: u32 = 16_000;

/// Two voices of which PocketSphinx recognizes at least nine words in ten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    Rms,
    Awb,
}

impl Voice {
    /// Speaks `text` at 48 kHz.
    ///
    /// # Panics
    /// When flite or ffmpeg is missing.
    pub fn say(self, text: &str) -> Vec<f32> {
        decode(self.wav(text).path())
    }

    /// Speaks `text` at 16 kHz, the rate of speech engines.
    ///
    /// # Panics
    /// When flite is missing.
    pub fn say_16khz(self, text: &str) -> Vec<i16> {
        let wav = fs::read(self.wav(text).path()).expect("flite has written the file");
        let (header, samples) = wav.split_at(44);
        let rate = u32::from_le_bytes([header[24], header[25], header[26], header[27]]);
        assert_eq!(rate, FLITE_RATE, "the voice's sample rate");
        let sample = |pair: &[u8]| i16::from_le_bytes([pair[0], pair[1]]);
        samples.chunks_exact(2).map(sample).collect()
    }

    fn wav(self, text: &str) -> NamedTempFile {
        let file = NamedTempFile::with_suffix(".wav").expect("a temporary file can be created");
        let name = match self {
            Self::Rms => "rms",
            Self::Awb => "awb",
        };
        let status = Command::new("flite")
            .args(["-voice", name, "-t", text, "-o"])
            .arg(file.path())
            .stdin(Stdio::null())
            .status()
            .unwrap_or_else(|error| {
                panic!("cannot start flite; install it with scripts/install-deps.sh tests: {error}")
            });
        assert!(status.success(), "flite failed: {status}");
        file
    }
}
