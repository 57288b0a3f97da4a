//! The steps from a recording to words, and from the words of all tracks to one transcript. Pure functions.
//!
//! The steps in their order:
//!
//! 1. decode the Ogg file directly to 16 kHz, one packet at a time ([`audio`]);
//! 2. score every frame of 16 ms for speech and loudness ([`vad::FrameScorer`]); only the scores are kept, not the audio;
//! 3. *the place of the cross-track gate*, which does not exist yet: it would compare the [`vad::Frames`] of all tracks
//!    of a meeting, in meeting time, and drop frames in which a microphone picks up another speaker, so that no voice is
//!    transcribed twice;
//! 4. smooth the scores into spans of speech ([`vad::Frames::speech`]);
//! 5. divide them into chunks that suit the engine ([`window`]), and decode only those in a second pass ([`audio`]);
//! 6. let the engine (`crate::engine`) recognize words, in chunk time;
//! 7. drop words that cannot have been said, and count them by reason ([`filter`]);
//! 8. convert the words to meeting time ([`align`]) and merge all tracks ([`merge`]).
//!
//! Positions are samples at [`RATE`] from the start of the recording, unless a name says otherwise.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod align;
pub mod audio;
pub mod filter;
pub mod merge;
pub mod vad;
pub mod window;

/// Samples per second between the decoder and the engine.
pub const RATE: u64 = 16_000;

/// Samples at a recording's own rate (48 kHz, as in its manifest) per sample here.
const RECORDING_SAMPLES: u64 = domain::manifest::SAMPLE_RATE as u64 / RATE;

/// A span of a track, in samples at [`RATE`]: from `start` up to, not including, `end`.
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

    /// Returns start and end in samples at the recording's own rate, 48 kHz.
    pub fn recording_samples(self) -> (u64, u64) {
        (self.start * RECORDING_SAMPLES, self.end * RECORDING_SAMPLES)
    }
}

/// Converts a number of samples to milliseconds, rounded down.
pub fn ms(sample: u64) -> u64 {
    sample * 1000 / RATE
}

/// Converts milliseconds to a number of samples.
pub const fn samples(ms: u64) -> u64 {
    ms * RATE / 1000
}
