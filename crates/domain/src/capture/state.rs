//! The states of a capture. What moves a capture from state to state is in
//! [`conclusion`](crate::recording::conclusion).

use chrono::{DateTime, Utc};

use crate::recording::{Active, FailureReason};

/// The state of a capture, with the data of that state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaptureState {
    /// Requested; the platform may already have started it.
    Requested,
    /// A recorder is connected.
    Active(Active),
    /// It is over.
    Ended(CaptureEnd),
}

/// Data of [`CaptureState::Ended`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureEnd {
    /// Why it failed; `None` if it stored all that it should.
    pub failure: Option<CaptureFailure>,
    /// Wall time of the first packet, if there was one. If the recorder says that there was no audio, when it started.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// Why a capture failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureFailure {
    /// Why it failed: the recorder's word, or our guess.
    pub reason: FailureReason,
    /// The error text of the recorder or the platform.
    pub error: Option<String>,
}

impl CaptureState {
    /// Returns the value of the `state` column.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Active(_) => "active",
            Self::Ended(_) => "ended",
        }
    }

    /// Whether a recorder may still be running.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Requested | Self::Active(_))
    }

    /// Returns why the capture failed, if it did.
    pub fn failure(&self) -> Option<&CaptureFailure> {
        match self {
            Self::Ended(end) => end.failure.as_ref(),
            Self::Requested | Self::Active(_) => None,
        }
    }

    /// Returns the wall time of the first packet, if it is known.
    pub fn started_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Requested => None,
            Self::Active(active) => active.started_at,
            Self::Ended(end) => end.started_at,
        }
    }

    /// Returns when the capture ended, if it has and that is known.
    pub fn ended_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Requested | Self::Active(_) => None,
            Self::Ended(end) => end.ended_at,
        }
    }
}
