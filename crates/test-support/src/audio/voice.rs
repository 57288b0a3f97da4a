//! Sentences spoken by flite, whose voices PocketSphinx understands well.

use std::process::{Command, Stdio};

use super::recorded::decode;

/// Two voices that are recognised alike; nine of ten words and more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    Rms,
    Awb,
}

impl Voice {
    /// # Panics
    /// When flite or ffmpeg is missing.
    pub fn say(self, text: &str) -> Vec<f32> {
        let file = tempfile::NamedTempFile::with_suffix(".wav").expect("a temporary file can be made");
        let name = match self {
            Self::Rms => "rms",
            Self::Awb => "awb",
        };
        let status = Command::new("flite")
            .args(["-voice", name, "-t", text, "-o"])
            .arg(file.path())
            .stdin(Stdio::null())
            .status()
            .unwrap_or_else(|error| panic!("flite cannot be started (scripts/install-deps.sh tests): {error}"));
        assert!(status.success(), "flite failed: {status}");
        decode(file.path())
    }
}
