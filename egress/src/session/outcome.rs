//! What the phases of a session find out.

use domain::UnixNanos;
use media::SavedClock;
use serde::{Deserialize, Serialize};

use super::{
    manifest::Publisher,
    name::ObjectName,
    state::{EndReason, OpenFile},
};
use crate::failure::Failure;

/// A published track that can be recorded, and where its recording goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoundTrack {
    pub publisher: Publisher,
    pub name: ObjectName,
    /// When it was found. Limits of the duration count from here.
    pub found_at: UnixNanos,
    /// The clock of the recording, which every process that continues it keeps.
    pub clock: SavedClock,
}

/// Why no more packets are recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingEnd {
    Stopped(EndReason),
    LimitReached,
    Failed(Failure),
}

impl FoundTrack {
    /// The file of this track, in which packets are written from `started_at` on.
    pub fn open_file(&self, started_at: Option<UnixNanos>) -> OpenFile {
        OpenFile {
            filename: self.name.filename.clone(),
            started_at,
        }
    }
}

impl RecordingEnd {
    pub fn reason(&self) -> EndReason {
        match self {
            Self::Stopped(reason) => *reason,
            Self::LimitReached => EndReason::LimitReached,
            Self::Failed(_) => EndReason::Failure,
        }
    }
}

impl From<Failure> for RecordingEnd {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}
