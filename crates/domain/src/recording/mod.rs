//! A recording: the request for one track, the egress that answers it, and the stored file.

mod acceptance;
mod coverage;
mod egress_report;
mod lifecycle;
mod state;

pub use acceptance::{Acceptance, VerifiedRecording};
pub use coverage::{Coverage, Hole};
pub use lifecycle::{Recording, Transcription};
pub use state::{Active, Complete, Failed, FailureReason, IllegalTransition, RecordingState};
