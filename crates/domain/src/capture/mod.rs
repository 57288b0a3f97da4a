//! A capture: an act of recording, of the platform or of our recorder. It yields one recording (of one track), or one for
//! each file that the platform made of the whole meeting.

mod lifecycle;
pub(crate) mod report;
mod state;

pub use lifecycle::{Capture, CaptureTarget, CapturedTrack};
pub use state::{CaptureEnd, CaptureFailure, CaptureState};
