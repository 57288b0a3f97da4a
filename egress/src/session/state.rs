//! The state machine of one egress, pure: which states may follow each other, and their LiveKit status.
//!
//! A transition consumes the egress. No transition leaves a terminal state.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

#[cfg(test)]
mod tests;

use domain::UnixNanos;
use livekit_protocol::EgressStatus;
use serde::{Deserialize, Serialize};

use super::spec::EgressMeta;
use crate::failure::Failure;

/// One egress and its state.
#[derive(Clone, Debug, PartialEq)]
pub struct Egress {
    pub(super) meta: EgressMeta,
    pub(super) started_at: UnixNanos,
    pub(super) updated_at: UnixNanos,
    pub(super) state: State,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Joining the room, or waiting for the track or its first packet.
    Starting,
    Active(OpenFile),
    /// No more packets are recorded; the file is being stored.
    Ending(OpenFile, EndReason),
    Complete(StoredFile, EndReason),
    LimitReached(StoredFile),
    Failed {
        failure: Failure,
        reason: EndReason,
        file: Option<StoredFile>,
    },
    /// Ended with nothing to store.
    Aborted {
        failure: Failure,
        reason: EndReason,
    },
}

/// A file that is being written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenFile {
    pub filename: String,
    /// When the first packet arrived; `None` for a track that has been muted so far.
    pub started_at: Option<UnixNanos>,
}

/// A file that is in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    pub filename: String,
    pub started_at: UnixNanos,
    pub duration_ns: i64,
    pub size_bytes: i64,
    pub location: String,
    /// Empty if no manifest was requested, or if it could not be stored.
    pub manifest_location: String,
}

/// Why an egress ended, as `EgressInfo.details` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    StopApi,
    SourceClosed,
    LimitReached,
    ShuttingDown,
    Failure,
}

/// A transition that the state does not allow. It leaves the state unchanged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an egress that is {from} cannot become {to}")]
pub struct IllegalTransition {
    pub from: &'static str,
    pub to: &'static str,
}

impl Egress {
    pub fn new(meta: EgressMeta, now: UnixNanos) -> Self {
        Self {
            meta,
            started_at: now,
            updated_at: now,
            state: State::Starting,
        }
    }

    /// The first packet arrived, or a muted track was subscribed to.
    pub fn activate(self, now: UnixNanos, file: OpenFile) -> Result<Self, IllegalTransition> {
        match self.state {
            State::Starting => Ok(self.enter(now, State::Active(file))),
            _ => Err(self.refuse("active")),
        }
    }

    /// The first packet of a track arrived that was muted when the egress became active. Changes no state.
    pub fn file_started(mut self, at: UnixNanos) -> Self {
        if let State::Active(file) = &mut self.state {
            file.started_at.get_or_insert(at);
        }
        self
    }

    /// A recorder that was away records again. Changes no state, but is newer than what was reported before.
    pub fn continued(self, now: UnixNanos) -> Self {
        Self {
            updated_at: now.max(self.updated_at.saturating_add(1)),
            ..self
        }
    }

    /// Recording has ended. A repeated end changes nothing and keeps the first reason.
    pub fn end(self, now: UnixNanos, reason: EndReason) -> Result<Self, IllegalTransition> {
        match self.state.clone() {
            State::Active(file) => Ok(self.enter(now, State::Ending(file, reason))),
            State::Ending(..) => Ok(self),
            _ => Err(self.refuse("ending")),
        }
    }

    /// The file was stored.
    pub fn complete(self, now: UnixNanos, file: StoredFile) -> Result<Self, IllegalTransition> {
        match self.state {
            State::Ending(_, reason) => Ok(self.enter(now, State::Complete(file, reason))),
            _ => Err(self.refuse("complete")),
        }
    }

    /// Follows active directly, because LiveKit reports no ENDING before it. `now` is when the limit was reached.
    pub fn limit_reached(self, now: UnixNanos, file: StoredFile) -> Result<Self, IllegalTransition> {
        match self.state {
            State::Active(_) => Ok(self.enter(now, State::LimitReached(file))),
            _ => Err(self.refuse("limit reached")),
        }
    }

    /// Fails from any state that is not terminal. `file` is the part that was stored despite the failure.
    pub fn fail(self, now: UnixNanos, failure: Failure, file: Option<StoredFile>) -> Result<Self, IllegalTransition> {
        let reason = match self.state {
            State::Starting | State::Active(_) => EndReason::Failure,
            State::Ending(_, reason) => reason,
            _ => return Err(self.refuse("failed")),
        };
        Ok(self.enter(now, State::Failed { failure, reason, file }))
    }

    /// Ended with nothing to store.
    pub fn abort(self, now: UnixNanos, failure: Failure, reason: EndReason) -> Result<Self, IllegalTransition> {
        match self.state {
            State::Starting | State::Active(_) | State::Ending(..) => {
                Ok(self.enter(now, State::Aborted { failure, reason }))
            }
            _ => Err(self.refuse("aborted")),
        }
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    pub fn is_terminal(&self) -> bool {
        self.state.is_terminal()
    }

    fn enter(self, now: UnixNanos, state: State) -> Self {
        Self {
            updated_at: now.max(self.updated_at),
            state,
            ..self
        }
    }

    fn refuse(&self, to: &'static str) -> IllegalTransition {
        IllegalTransition {
            from: self.state.name(),
            to,
        }
    }
}

impl State {
    pub fn status(&self) -> EgressStatus {
        match self {
            Self::Starting => EgressStatus::EgressStarting,
            Self::Active(_) => EgressStatus::EgressActive,
            Self::Ending(..) => EgressStatus::EgressEnding,
            Self::Complete(..) => EgressStatus::EgressComplete,
            Self::LimitReached(_) => EgressStatus::EgressLimitReached,
            Self::Failed { .. } => EgressStatus::EgressFailed,
            Self::Aborted { .. } => EgressStatus::EgressAborted,
        }
    }

    pub fn is_terminal(&self) -> bool {
        !matches!(self, Self::Starting | Self::Active(_) | Self::Ending(..))
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Active(_) => "active",
            Self::Ending(..) => "ending",
            Self::Complete(..) => "complete",
            Self::LimitReached(_) => "at its limit",
            Self::Failed { .. } => "failed",
            Self::Aborted { .. } => "aborted",
        }
    }
}

impl EndReason {
    /// The text of `EgressInfo.details`, in the words of LiveKit's own worker.
    pub fn details(self) -> String {
        let reason = match self {
            Self::StopApi => "StopEgress API",
            Self::SourceClosed => "Source closed",
            Self::LimitReached => "Limit reached",
            Self::ShuttingDown => "Worker shutting down",
            Self::Failure => "Failure",
        };
        format!("End reason: {reason}")
    }
}
