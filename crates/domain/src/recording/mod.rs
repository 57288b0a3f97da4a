//! A recording: the request for one track, the egress that answers it, and the stored file.

mod acceptance;
pub mod conclusion;
mod coverage;
pub(crate) mod egress_report;
mod lifecycle;
mod state;

#[cfg(test)]
mod tests;

pub use acceptance::{Acceptance, VerifiedRecording};
pub use coverage::{Coverage, Hole};
pub use lifecycle::{Recording, Transcription};
pub use state::{Active, Complete, Failed, FailureReason, ReasonSource, RecordedFile, RecordingState};
