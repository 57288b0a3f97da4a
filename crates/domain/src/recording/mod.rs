//! A recording: the request for one track, the capture that answers it, and the stored file.

mod acceptance;
pub(crate) mod capture_report;
pub mod conclusion;
mod coverage;
mod lifecycle;
mod state;

#[cfg(test)]
mod tests;

pub use acceptance::{Acceptance, VerifiedRecording};
pub use coverage::{Coverage, Hole};
pub use lifecycle::{Recording, Transcription};
pub use state::{Active, Complete, Failed, FailureReason, ReasonSource, RecordedFile, RecordingState};
