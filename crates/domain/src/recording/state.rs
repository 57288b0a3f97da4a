//! The states of a recording. Transitions consume the state and may be illegal; a repeated report changes nothing.

use chrono::{DateTime, Utc};

use crate::ObjectKey;
use crate::text_enum::text_enum;

text_enum! {
    /// Why there is no usable recording. The words are stable.
    FailureReason {
        /// The track ended before its first packet.
        NoAudio = "no_audio",
        /// The egress was aborted after its first packet.
        Aborted = "aborted",
        /// The recorder failed.
        EgressFailed = "egress_failed",
        /// The egress reported success without a file, or with one that is not a valid object key.
        NoFile = "no_file",
        /// The platform refused to start an egress, or no egress worker accepted it.
        StartFailed = "start_failed",
        /// The track ended before an egress could be requested.
        TrackGone = "track_gone",
        /// The egress was still open long after its meeting had closed.
        Stuck = "stuck",
        /// The object is not in the store.
        ObjectMissing = "object_missing",
        /// The manifest is not in the store or cannot be read.
        ManifestMissing = "manifest_missing",
        /// Object and manifest do not match.
        Mismatch = "mismatch",
    }
}

impl FailureReason {
    /// Whether the reason is our inference. A later report of the recorder overrides it.
    fn is_inferred(self) -> bool {
        matches!(self, Self::Stuck | Self::StartFailed | Self::TrackGone)
    }
}

/// The state of a recording, with the data of that state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordingState {
    /// Requested; an egress may already be running.
    Requested,
    /// An egress is connected to the track.
    Active(Active),
    /// The file is stored.
    Complete(Complete),
    /// There will be no usable file.
    Failed(Failed),
}

/// Data of [`RecordingState::Active`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Active {
    /// Wall time of the first packet or, before that, the start of the egress.
    pub started_at: Option<DateTime<Utc>>,
}

/// Data of [`RecordingState::Complete`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complete {
    /// The audio.
    pub object: ObjectKey,
    /// The manifest.
    pub manifest: ObjectKey,
    /// Wall time of the first packet.
    pub started_at: Option<DateTime<Utc>>,
    /// Wall time of the end.
    pub ended_at: Option<DateTime<Utc>>,
    /// Size of the object as the egress reported it.
    pub size_bytes: Option<i64>,
    /// The recorder reached a limit before the track ended.
    pub truncated: bool,
}

/// Data of [`RecordingState::Failed`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Why it failed.
    pub reason: FailureReason,
    /// The error text of the recorder or the platform.
    pub error: Option<String>,
    /// Wall time of the first packet, if there was one.
    pub started_at: Option<DateTime<Utc>>,
    /// When it failed.
    pub ended_at: Option<DateTime<Utc>>,
}

/// A transition that the state does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a recording that is {from} cannot become {to}")]
pub struct IllegalTransition {
    /// The current state.
    pub from: &'static str,
    /// The state that was asked for.
    pub to: &'static str,
}

impl RecordingState {
    /// Returns the value of the `state` column.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Active(_) => "active",
            Self::Complete(_) => "complete",
            Self::Failed(_) => "failed",
        }
    }

    /// Whether an egress may still be running.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Requested | Self::Active(_))
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

    /// Notes that the egress is running. Reports arrive in any order, so a terminal state stays.
    ///
    /// # Errors
    /// The recording is complete or has failed.
    pub fn activate(self, active: Active) -> Result<Self, IllegalTransition> {
        match self {
            Self::Requested => Ok(Self::Active(active)),
            Self::Active(known) => Ok(Self::Active(Active {
                started_at: active.started_at.or(known.started_at),
            })),
            Self::Complete(_) | Self::Failed(_) => Err(self.cannot("active")),
        }
    }

    /// Notes that the egress has stored its object, even if no earlier report of it arrived. Overrides a failure that was
    /// only inferred: the audio exists.
    ///
    /// # Errors
    /// The recorder or the store reported a failure before.
    pub fn complete(self, complete: Complete) -> Result<Self, IllegalTransition> {
        match self {
            Self::Requested | Self::Active(_) => Ok(Self::Complete(complete)),
            Self::Failed(failed) if failed.reason.is_inferred() => Ok(Self::Complete(complete)),
            Self::Complete(_) => Ok(self),
            Self::Failed(_) => Err(self.cannot("complete")),
        }
    }

    /// Notes that there will be no usable file. A reported failure overrides an inferred one.
    ///
    /// # Errors
    /// The recording is complete.
    pub fn fail(self, failed: Failed) -> Result<Self, IllegalTransition> {
        match self {
            Self::Requested | Self::Active(_) => Ok(Self::Failed(failed)),
            Self::Failed(known) if known.reason.is_inferred() && !failed.reason.is_inferred() => {
                Ok(Self::Failed(failed))
            }
            Self::Failed(_) => Ok(self),
            Self::Complete(_) => Err(self.cannot("failed")),
        }
    }

    /// Notes that object or manifest of a complete recording are missing or wrong.
    ///
    /// # Errors
    /// The recording is still open.
    pub fn reject(self, reason: FailureReason, error: String) -> Result<Self, IllegalTransition> {
        match self {
            Self::Complete(Complete {
                started_at, ended_at, ..
            }) => Ok(Self::Failed(Failed {
                reason,
                error: Some(error),
                started_at,
                ended_at,
            })),
            Self::Failed(_) => Ok(self),
            Self::Requested | Self::Active(_) => Err(self.cannot("rejected")),
        }
    }

    fn cannot(&self, to: &'static str) -> IllegalTransition {
        IllegalTransition {
            from: self.as_str(),
            to,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_transition_reaches_its_state_or_is_refused() {
        let to_active: fn(RecordingState) -> _ = |s| s.activate(Active { started_at: None });
        let to_complete: fn(RecordingState) -> _ = |s| s.complete(done());
        let to_failed: fn(RecordingState) -> _ = |s| s.fail(broken(FailureReason::EgressFailed));
        let table = [
            (RecordingState::Requested, ["active", "complete", "failed"]),
            (
                RecordingState::Active(Active { started_at: None }),
                ["active", "complete", "failed"],
            ),
            (RecordingState::Complete(done()), ["refused", "complete", "refused"]),
            (
                RecordingState::Failed(broken(FailureReason::EgressFailed)),
                ["refused", "refused", "failed"],
            ),
            (
                RecordingState::Failed(broken(FailureReason::Stuck)),
                ["refused", "complete", "failed"],
            ),
        ];

        for (state, expected) in table {
            let got = [to_active, to_complete, to_failed].map(|to| to(state.clone()).map_or("refused", |s| s.as_str()));
            assert_eq!(got, expected, "{state:?}");
        }
    }

    #[test]
    fn a_refusal_names_both_states() {
        let refused = RecordingState::Complete(done())
            .fail(broken(FailureReason::Stuck))
            .unwrap_err();

        assert_eq!(refused.to_string(), "a recording that is complete cannot become failed");
    }

    #[test]
    fn a_reported_failure_overrides_an_inferred_one_and_not_the_other_way_round() {
        let reason = |from, to| match RecordingState::Failed(broken(from)).fail(broken(to)) {
            Ok(RecordingState::Failed(failed)) => failed.reason,
            other => panic!("{other:?}"),
        };

        assert_eq!(
            reason(FailureReason::Stuck, FailureReason::EgressFailed),
            FailureReason::EgressFailed
        );
        assert_eq!(
            reason(FailureReason::EgressFailed, FailureReason::Stuck),
            FailureReason::EgressFailed
        );
    }

    fn done() -> Complete {
        let object = ObjectKey::parse("a.ogg").unwrap();
        Complete {
            manifest: object.manifest(),
            object,
            started_at: None,
            ended_at: None,
            size_bytes: None,
            truncated: false,
        }
    }

    fn broken(reason: FailureReason) -> Failed {
        Failed {
            reason,
            error: None,
            started_at: None,
            ended_at: None,
        }
    }
}
