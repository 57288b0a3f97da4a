//! The state machine of one egress, pure: which states may follow each other, and their LiveKit status.
//!
//! A transition consumes the egress. No transition leaves a terminal state.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

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

#[cfg(test)]
mod tests {
    use livekit_protocol::{self as proto, egress_info};

    use super::*;

    fn starting() -> Egress {
        let request = egress_info::Request::Track(proto::TrackEgressRequest::default());
        let meta = EgressMeta {
            egress_id: "EG_1".into(),
            room_sid: "RM_1".into(),
            room_name: "standup".into(),
            retry_count: 0,
            request,
        };
        Egress::new(meta, UnixNanos(10))
    }

    fn active() -> Egress {
        starting()
            .activate(
                UnixNanos(20),
                OpenFile {
                    filename: "a.ogg".into(),
                    started_at: Some(UnixNanos(20)),
                },
            )
            .unwrap()
    }

    fn muted() -> Egress {
        starting()
            .activate(
                UnixNanos(20),
                OpenFile {
                    filename: "a.ogg".into(),
                    started_at: None,
                },
            )
            .unwrap()
    }

    fn stored() -> StoredFile {
        StoredFile {
            filename: "a.ogg".into(),
            started_at: UnixNanos(20),
            duration_ns: 15,
            size_bytes: 7,
            location: "/o/a.ogg".into(),
            manifest_location: "/o/a.json".into(),
        }
    }

    fn terminal() -> [Egress; 5] {
        let ending = active().end(UnixNanos(30), EndReason::SourceClosed).unwrap();
        [
            ending.clone().complete(UnixNanos(40), stored()).unwrap(),
            active().limit_reached(UnixNanos(40), stored()).unwrap(),
            ending
                .fail(UnixNanos(40), Failure::connection_lost(), Some(stored()))
                .unwrap(),
            starting()
                .fail(UnixNanos(40), Failure::track_not_found("TR_1"), None)
                .unwrap(),
            starting()
                .abort(UnixNanos(40), Failure::not_started(), EndReason::StopApi)
                .unwrap(),
        ]
    }

    #[test]
    #[expect(deprecated, reason = "`result` must mirror `file_results`")]
    fn an_egress_goes_from_starting_through_active_and_ending_to_complete() {
        let complete = active()
            .end(UnixNanos(30), EndReason::StopApi)
            .unwrap()
            .complete(UnixNanos(40), stored())
            .unwrap();

        let info = complete.info();

        assert_eq!(info.status(), EgressStatus::EgressComplete);
        assert_eq!((info.started_at, info.updated_at, info.ended_at), (10, 40, 40));
        assert_eq!(info.details, "End reason: StopEgress API");
        assert_eq!(info.manifest_location, "/o/a.json");
        let file = &info.file_results[0];
        assert_eq!(
            (file.started_at, file.ended_at, file.duration, file.size),
            (20, 35, 15, 7)
        );
        assert_eq!(info.result, Some(egress_info::Result::File(file.clone())));
        assert_eq!((info.error.as_str(), info.error_code), ("", 0));
    }

    #[test]
    fn nothing_follows_a_terminal_state() {
        for egress in terminal() {
            let ended_at = egress.info().ended_at;

            let steps = [
                egress.clone().activate(
                    UnixNanos(50),
                    OpenFile {
                        filename: String::new(),
                        started_at: None,
                    },
                ),
                egress.clone().end(UnixNanos(50), EndReason::StopApi),
                egress.clone().complete(UnixNanos(50), stored()),
                egress.clone().limit_reached(UnixNanos(50), stored()),
                egress.clone().fail(UnixNanos(50), Failure::connection_lost(), None),
                egress
                    .clone()
                    .abort(UnixNanos(50), Failure::no_audio(), EndReason::StopApi),
            ];

            assert!(egress.is_terminal() && ended_at == 40);
            assert!(steps.iter().all(Result::is_err), "{egress:?}");
        }
    }

    #[test]
    fn a_second_stop_keeps_the_first_reason() {
        let ending = active().end(UnixNanos(30), EndReason::SourceClosed).unwrap();

        let again = ending.clone().end(UnixNanos(31), EndReason::StopApi).unwrap();

        assert_eq!(again, ending);
    }

    #[test]
    fn a_muted_track_is_active_without_a_packet_and_may_still_abort() {
        let aborted = muted()
            .abort(UnixNanos(30), Failure::no_audio(), EndReason::SourceClosed)
            .unwrap();
        let unmuted = muted().file_started(UnixNanos(25)).file_started(UnixNanos(26));

        assert_eq!(muted().info().file_results[0].started_at, 0);
        assert_eq!(aborted.info().status(), EgressStatus::EgressAborted);
        assert_eq!(aborted.info().error_code, 412);
        assert_eq!(unmuted.info().file_results[0].started_at, 25);
    }

    #[test]
    fn a_failure_names_its_reason_and_the_file_that_was_stored() {
        let [_, limit, lost, early, aborted] = terminal().map(|egress| egress.info());

        assert_eq!((limit.error.as_str(), limit.error_code), ("Session limit reached", 413));
        assert_eq!(
            (lost.error_code, lost.details.as_str()),
            (503, "End reason: Source closed")
        );
        assert_eq!(lost.file_results[0].location, "/o/a.ogg");
        assert_eq!((early.error.as_str(), early.error_code), ("track TR_1 not found", 404));
        assert_eq!(early.details, "End reason: Failure");
        assert_eq!(
            (aborted.error.as_str(), aborted.error_code),
            ("Start signal not received", 412)
        );
    }

    #[test]
    fn an_active_egress_is_not_completed_without_an_end() {
        let refused = active().complete(UnixNanos(30), stored()).unwrap_err();

        assert_eq!(refused.to_string(), "an egress that is active cannot become complete");
    }
}
