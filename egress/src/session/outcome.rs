//! What each phase of a session returns to the next.

use std::time::Instant;

use domain::UnixNanos;

use super::{
    manifest::Publisher,
    name::ObjectName,
    state::{EndReason, OpenFile, StoredFile},
    track_writer::TrackWriter,
};
use crate::failure::Failure;

/// A published track that can be recorded, and where its recording goes.
pub(super) struct FoundTrack {
    pub publisher: Publisher,
    pub name: ObjectName,
    pub is_muted: bool,
    /// The first packet must arrive by then, unless the track is muted.
    pub first_packet_deadline: Instant,
}

/// A track whose recording has ended with at least one packet.
pub(super) struct RecordedTrack {
    pub writer: TrackWriter,
    pub end: RecordingEnd,
}

/// A recording that is in the store.
pub(super) struct StoredRecording {
    pub file: StoredFile,
    pub end: RecordingEnd,
    /// The same in the manifest and in the last report.
    pub ended_at: UnixNanos,
}

/// Why no more packets are recorded.
pub(super) enum RecordingEnd {
    Stopped(EndReason),
    /// When the limit was reached.
    LimitReached(UnixNanos),
    ConnectionLost,
    Failed(Failure),
}

/// Why a session stored nothing.
pub(super) enum NotStored {
    /// It ended before the first packet.
    Stopped(EndReason),
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
            Self::LimitReached(_) => EndReason::LimitReached,
            Self::ConnectionLost | Self::Failed(_) => EndReason::Failure,
        }
    }
}

impl From<Failure> for NotStored {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// The end of a track that never sent a packet.
impl From<RecordingEnd> for NotStored {
    fn from(end: RecordingEnd) -> Self {
        match end {
            RecordingEnd::Stopped(reason) => Self::Stopped(reason),
            RecordingEnd::LimitReached(_) => Self::Stopped(EndReason::LimitReached),
            RecordingEnd::ConnectionLost => Self::Failed(Failure::connection_lost()),
            RecordingEnd::Failed(failure) => Self::Failed(failure),
        }
    }
}
