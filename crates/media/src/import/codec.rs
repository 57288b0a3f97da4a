//! Codecs of imported audio.

use symphonia::core::codecs::audio::AudioCodecId;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_OPUS};

/// The codec of the file that was imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceCodec {
    /// Opus: the packets were copied.
    Opus,
    /// AAC: decoded and encoded as Opus.
    Aac,
    /// PCM: encoded as Opus.
    Pcm,
}

impl SourceCodec {
    /// Every codec that is neither Opus nor AAC counts as PCM, whose decoder refuses what it does not know.
    pub(super) fn of(id: AudioCodecId) -> Self {
        match id {
            CODEC_ID_OPUS => Self::Opus,
            CODEC_ID_AAC => Self::Aac,
            _ => Self::Pcm,
        }
    }
}
