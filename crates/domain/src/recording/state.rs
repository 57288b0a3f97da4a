//! The states of a recording, and why one can fail. What moves a recording from state to state is in
//! [`conclusion`](super::conclusion).

use chrono::{DateTime, Utc};

use crate::ObjectKey;
use crate::capture::CaptureState;
use crate::text_enum::text_enum;

text_enum! {
    /// Why a recording failed. The words are stable.
    FailureReason {
        /// The recorder saw the whole life of the track, and no packet came.
        NoAudio = "no_audio",
        /// The capture was aborted.
        Aborted = "aborted",
        /// The recorder failed for a reason that has no word of its own.
        CaptureFailed = "capture_failed" | "egress_failed",
        /// The capture reported success without a file, or with one that is not a valid object key.
        NoFile = "no_file",
        /// The recorder did not see the end of the track. Its file ends early.
        Interrupted = "interrupted",
        /// The track is end-to-end encrypted.
        E2ee = "e2ee",
        /// The track carries video.
        Video = "video",
        /// The track is not Opus.
        Codec = "codec",
        /// The recorder's media connection to the platform was never established.
        MediaUnreachable = "media_unreachable",
        /// The track was not muted, and the platform forwarded no packet of it to the recorder.
        NoPackets = "no_packets",
        /// The recorder has left the room while the track was live.
        Lost = "lost",
        /// The platform started no capture.
        StartFailed = "start_failed",
        /// The platform no longer knew the track when a capture was requested.
        TrackGone = "track_gone",
        /// The capture was still open long after its meeting had closed.
        Stuck = "stuck",
        /// The file could not be verified before the deadline.
        NotAccepted = "not_accepted",
        /// The object is not in the store.
        ObjectMissing = "object_missing",
        /// The manifest is not in the store or cannot be read.
        ManifestMissing = "manifest_missing",
        /// Object and manifest do not match.
        Mismatch = "mismatch",
        /// A reason that this version does not know: a newer one wrote it.
        Other = "other",
    }
}

/// Who says why a recording failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasonSource {
    /// The recorder reported it.
    Recorder,
    /// The store answered, or what it holds was read.
    Store,
    /// We inferred it. Later knowledge overrules it.
    Guess,
}

impl FailureReason {
    /// Returns who says so. What a newer version concluded is left as it is, as a recorder's word would be.
    pub fn source(self) -> ReasonSource {
        match self {
            Self::NoAudio
            | Self::Aborted
            | Self::CaptureFailed
            | Self::NoFile
            | Self::Interrupted
            | Self::E2ee
            | Self::Video
            | Self::Codec
            | Self::MediaUnreachable
            | Self::NoPackets
            | Self::Other => ReasonSource::Recorder,
            Self::ObjectMissing | Self::ManifestMissing | Self::Mismatch => ReasonSource::Store,
            Self::Lost | Self::StartFailed | Self::TrackGone | Self::Stuck | Self::NotAccepted => ReasonSource::Guess,
        }
    }

    /// Whether the reason is our inference, which later knowledge overrules.
    pub fn is_guess(self) -> bool {
        self.source() == ReasonSource::Guess
    }
}

/// The state of a recording, with the data of that state. A recording without a file is in the state of its capture
/// ([`Self::without_file`]); one with a file stands for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordingState {
    /// Requested; a capture may already be running.
    Requested,
    /// A capture is connected to the track.
    Active(Active),
    /// The file is stored, and whole.
    Complete(Complete),
    /// There is no file, or not all of it.
    Failed(Failed),
}

/// Data of [`RecordingState::Active`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Active {
    /// Wall time of the first packet or, before that, the start of the capture.
    pub started_at: Option<DateTime<Utc>>,
}

/// Data of [`RecordingState::Complete`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complete {
    /// The recorded audio.
    pub file: RecordedFile,
    /// Wall time of the first packet.
    pub started_at: Option<DateTime<Utc>>,
    /// Wall time of the end.
    pub ended_at: Option<DateTime<Utc>>,
    /// The recorder reached a limit before the track ended.
    pub truncated: bool,
}

/// Data of [`RecordingState::Failed`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Why it failed.
    pub reason: FailureReason,
    /// The error text of the recorder, the platform or the store.
    pub error: Option<String>,
    /// What was recorded before the failure, or the file that was not accepted.
    pub file: Option<RecordedFile>,
    /// Wall time of the first packet, if there was one. If the recorder says that there was no audio, when it started.
    pub started_at: Option<DateTime<Utc>>,
    /// When it failed.
    pub ended_at: Option<DateTime<Utc>>,
}

/// A stored file as the recorder reported it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedFile {
    /// The audio.
    pub object: ObjectKey,
    /// The manifest.
    pub manifest: ObjectKey,
    /// Size of the object.
    pub size_bytes: Option<i64>,
}

impl RecordedFile {
    /// Describes an object and the manifest beside it.
    pub fn new(object: ObjectKey, size_bytes: Option<i64>) -> Self {
        Self {
            manifest: object.manifest(),
            object,
            size_bytes,
        }
    }
}

impl RecordingState {
    /// Returns the state of a recording that has no file.
    pub fn without_file(capture: &CaptureState) -> Self {
        let end = match capture {
            CaptureState::Requested => return Self::Requested,
            CaptureState::Active(active) => return Self::Active(active.clone()),
            CaptureState::Ended(end) => end,
        };
        let failure = end.failure.as_ref();
        Self::Failed(Failed {
            reason: failure.map_or(FailureReason::NoFile, |failure| failure.reason),
            error: failure.and_then(|failure| failure.error.clone()),
            file: None,
            started_at: end.started_at,
            ended_at: end.ended_at,
        })
    }

    /// Returns the value of the `state` column.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Active(_) => "active",
            Self::Complete(_) => "complete",
            Self::Failed(_) => "failed",
        }
    }

    /// Whether a capture may still be running.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Requested | Self::Active(_))
    }

    /// Returns why the recording failed, if it did.
    pub fn failure(&self) -> Option<FailureReason> {
        match self {
            Self::Failed(failed) => Some(failed.reason),
            _ => None,
        }
    }

    /// Returns the recorded file, if the recorder has reported one. A failed recording may have one.
    pub fn file(&self) -> Option<&RecordedFile> {
        match self {
            Self::Requested | Self::Active(_) => None,
            Self::Complete(complete) => Some(&complete.file),
            Self::Failed(failed) => failed.file.as_ref(),
        }
    }

    /// Returns the wall time of the first packet, if it is known.
    pub fn started_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Requested => None,
            Self::Active(Active { started_at })
            | Self::Complete(Complete { started_at, .. })
            | Self::Failed(Failed { started_at, .. }) => *started_at,
        }
    }

    /// Returns when the recording ended, if it has and that is known.
    pub fn ended_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Requested | Self::Active(_) => None,
            Self::Complete(Complete { ended_at, .. }) | Self::Failed(Failed { ended_at, .. }) => *ended_at,
        }
    }
}
