//! From a recording to words, and from the words of all tracks to one transcript. Pure: values in, values out.
//!
//! The order of the steps, and where each is:
//!
//! 1. decode the Ogg file straight to 16 kHz, a packet at a time ([`audio`]);
//! 2. score every frame of 16 ms for speech and loudness ([`vad::FrameScorer`]); only the scores are kept, not the audio;
//! 3. *the cross-track gate stands here*: between the scores of all tracks of a meeting and the smoothing, so that a
//!    voice that leaks into another's microphone is not heard twice. It needs [`vad::Frames`] of every track, on the
//!    meeting's clock, and answers with the frames that are not the track's own;
//! 4. smooth the scores to stretches of speech ([`vad::Frames::speech`]);
//! 5. cut them into the chunks that an engine takes ([`window`]), and decode again, keeping only those ([`audio`]);
//! 6. the engine (`crate::engine`) hears words, in time of its chunk;
//! 7. drop what cannot have been said, and say why ([`filter`]);
//! 8. place the words on the meeting's clock ([`align`]) and put all tracks in one order ([`merge`]).
//!
//! Positions are samples at [`RATE`] from the start of the recording, unless a name says otherwise.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod align;
pub mod audio;
pub mod filter;
pub mod merge;
pub mod vad;
pub mod window;

/// Samples per second of everything between decoder and engine.
pub const RATE: u64 = 16_000;

/// Samples of a recording's own clock (48 kHz, as in its manifest) in one sample here.
const RECORDING_SAMPLES: u64 = domain::manifest::SAMPLE_RATE as u64 / RATE;

/// A stretch of a track: from `start` up to, not including, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    pub start: u64,
    pub end: u64,
}

impl Span {
    pub fn len(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// First and last sample on the recording's own clock, 48 kHz.
    pub fn recording_samples(self) -> (u64, u64) {
        (self.start * RECORDING_SAMPLES, self.end * RECORDING_SAMPLES)
    }
}

/// Milliseconds from the start of the recording.
pub fn ms(sample: u64) -> u64 {
    sample * 1000 / RATE
}

/// The sample at which so many milliseconds have passed.
pub const fn samples(ms: u64) -> u64 {
    ms * RATE / 1000
}
