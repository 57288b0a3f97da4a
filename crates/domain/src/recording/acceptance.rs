//! What the worker measured in an accepted recording, and where it lies on the meeting's clock.

use chrono::{DateTime, Utc};

use super::Coverage;
use crate::SampleTime;
use crate::manifest::Fit;

/// An object and its manifest that were read from the store and agree.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedRecording {
    /// SHA-256 of the object, lower-case hex.
    pub sha256: String,
    /// Size of the object.
    pub size_bytes: i64,
    /// Length of the audio.
    pub samples: SampleTime,
    /// Length of the audio, rounded down.
    pub duration_ms: i64,
    /// How samples map to wall time.
    pub fit: Fit,
    /// What the recorder heard and what it missed.
    pub coverage: Coverage,
}

/// The result of verifying a recording: a [`VerifiedRecording`] and its place on the meeting's clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Acceptance {
    /// When the worker accepted the recording.
    pub accepted_at: DateTime<Utc>,
    /// SHA-256 of the object, lower-case hex.
    pub sha256: String,
    /// Size of the object.
    pub size_bytes: i64,
    /// Length of the audio.
    pub samples: SampleTime,
    /// Length of the audio, rounded down.
    pub duration_ms: i64,
    /// Wall time of sample 0 minus the meeting's start. Negative if the clocks of two hosts disagree.
    pub offset_ms: i64,
    /// How samples map to wall time.
    pub fit: Fit,
    /// What the recorder heard and what it missed; `None` if the recording was accepted before this was stored.
    pub coverage: Option<Coverage>,
}

impl Acceptance {
    pub(crate) fn new(verified: VerifiedRecording, meeting_start: DateTime<Utc>, accepted_at: DateTime<Utc>) -> Self {
        let VerifiedRecording {
            sha256,
            size_bytes,
            samples,
            duration_ms,
            fit,
            coverage,
        } = verified;
        Self {
            accepted_at,
            sha256,
            size_bytes,
            samples,
            duration_ms,
            offset_ms: offset_ms(fit, meeting_start),
            fit,
            coverage: Some(coverage),
        }
    }

    /// Recomputes the offset after the meeting's start has changed.
    pub(crate) fn realign(&mut self, meeting_start: DateTime<Utc>) {
        self.offset_ms = offset_ms(self.fit, meeting_start);
    }
}

/// Wall time of sample 0 minus the meeting's start.
fn offset_ms(fit: Fit, meeting_start: DateTime<Utc>) -> i64 {
    fit.a_ns.as_millis() - meeting_start.timestamp_millis()
}
