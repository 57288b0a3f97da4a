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
//! 8. convert the words to meeting time ([`align`]), join the recordings of each track ([`overlap`]) and merge all tracks
//!    ([`merge`]).
//!
//! What the recorders missed is known before that: [`coverage`] reads it from the manifest of each recording.
//!
//! Positions are [`SampleTime16k`], counted from the start of the recording.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod align;
pub mod audio;
pub mod coverage;
pub mod filter;
pub mod merge;
pub mod overlap;
pub mod vad;
pub mod voices;
pub mod window;

use domain::SampleTime;
use media::opus::decode::SampleTime16k;

/// A span of a track: from `start` up to, not including, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    pub start: SampleTime16k,
    pub end: SampleTime16k,
}

impl Span {
    pub fn len(self) -> SampleTime16k {
        self.end - self.start
    }

    pub fn is_empty(self) -> bool {
        self.len() == SampleTime16k::ZERO
    }

    /// Returns start and end at the recording's own rate, 48 kHz.
    pub fn to_48k(self) -> (SampleTime, SampleTime) {
        (self.start.to_48k(), self.end.to_48k())
    }

    #[cfg(test)]
    pub fn from_millis(start_ms: u64, end_ms: u64) -> Self {
        Self {
            start: SampleTime16k::from_millis(start_ms),
            end: SampleTime16k::from_millis(end_ms),
        }
    }
}
