//! A recording: one file, of one person or mixed. A [capture](crate::capture) makes it.

mod acceptance;
pub mod conclusion;
mod coverage;
mod lifecycle;
mod state;

#[cfg(test)]
mod tests;

pub use acceptance::{Acceptance, VerifiedRecording};
pub use coverage::{Coverage, Hole};
pub use lifecycle::{RecordedTrack, Recording, Transcription};
pub use state::{Active, Complete, Failed, FailureReason, ReasonSource, RecordedFile, RecordingState};
